/* codata/stream_take.c -- parts of a stream: take, skip, take_while, drop_while. */
#include <stdlib.h>

#include "codata/stream_internal.h"

/* ---- take, skip: so many ------------------------------------------------------- */

struct part {
        uint64_t n, left;
};

static int part_rewind(weft_stream_t *s, void *state)
{
        struct part *p = state;
        (void)s;
        p->left = p->n;
        return 0;
}

/* The end is told with the pull that comes after the last item, and not before: he who
 * comes for it has done with that item. */
static int64_t take_pull(weft_stream_t *s, void *state, void *items, size_t n,
                         uint64_t deadline)
{
        struct part *p = state;
        if (n > p->left)
                n = (size_t)p->left;
        if (!n)
                return 0;
        int64_t got = weft_stream_get(s->up[0], items, n, deadline);
        if (got > 0)
                p->left -= (uint64_t)got;
        return got;
}

static int64_t skip_pull(weft_stream_t *s, void *state, void *items, size_t n,
                         uint64_t deadline)
{
        struct part *p = state;
        while (p->left) {
                size_t now = n < p->left ? n : (size_t)p->left;
                int64_t got = weft_stream_get(s->up[0], items, now, deadline);
                if (got <= 0)
                        return got;
                p->left -= (uint64_t)got;
                int rc = p->left ? weft_stream_due(deadline) : 0;
                if (rc)
                        return rc;
        }
        return weft_stream_get(s->up[0], items, n, deadline);
}

static const struct weft_stream_class take_class = { .name = "take",
                                                     .pull = take_pull,
                                                     .rewind = part_rewind };
static const struct weft_stream_class skip_class = { .name = "skip",
                                                     .pull = skip_pull,
                                                     .rewind = part_rewind };

static weft_stream_t *part(const struct weft_stream_class *class_of, weft_stream_t *up,
                           uint64_t n)
{
        struct part *p = NULL;
        weft_stream_t *s = weft_stream_make(class_of, sizeof *p, &up, 1,
                                            weft_stream_item_bytes(up), &p);
        if (p)
                *p = (struct part){ n, n };
        return s;
}

weft_stream_t *weft_stream_take(weft_stream_t *up, uint64_t n)
{
        return part(&take_class, up, n);
}

weft_stream_t *weft_stream_skip(weft_stream_t *up, uint64_t n)
{
        return part(&skip_class, up, n);
}

/* ---- take_while, drop_while -------------------------------------------------------- */

struct until {
        struct weft_call f;
        char *scratch;
        bool begun;   /* drop_while: it gives all from here on */
        bool stopped; /* take_while: the item that was false is nobody's, and comes back */
};

/* The first `n` items for which f is true: how many; or -errno of the n-th, in *rc. */
static size_t true_for(const struct until *u, const char *items, size_t n, int *rc)
{
        *rc = 0;
        for (size_t i = 0; i < n; i++, items += u->f.in_bytes) {
                *rc = weft_stream_call_one(&u->f, items, u->scratch);
                if (*rc)
                        return i;
        }
        return n;
}

/* Of what others have an interest in, one at a time, so that only the item that was false
 * is gone. */
static int64_t take_while_pull(weft_stream_t *s, void *state, void *items, size_t n,
                               uint64_t deadline)
{
        struct until *u = state;
        int rc = 0;
        int64_t got = weft_stream_get(s->up[0], items, s->leases ? 1 : n, deadline);
        if (got <= 0)
                return got;
        size_t good = true_for(u, items, (size_t)got, &rc);
        u->stopped = rc == 1;
        return rc ? weft_stream_over_by(s, good, rc) : got;
}

static int64_t drop_while_pull(weft_stream_t *s, void *state, void *items, size_t n,
                               uint64_t deadline)
{
        struct until *u = state;
        while (!u->begun) {
                int rc = 0;
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (got <= 0)
                        return got;
                size_t bad = true_for(u, items, (size_t)got, &rc);
                if (rc && rc != 1)
                        return weft_stream_blame(rc);
                u->begun = rc != 0;
                if (u->begun) {
                        size_t left = (size_t)got - bad;
                        memmove(items, (char *)items + bad * s->item_bytes,
                                left * s->item_bytes);
                        return (int64_t)left;
                }
                rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
        return weft_stream_get(s->up[0], items, n, deadline);
}

static int until_rewind(weft_stream_t *s, void *state)
{
        struct until *u = state;
        (void)s;
        u->begun = u->stopped = false;
        return 0;
}

static int until_holds(weft_stream_t *s, void *state)
{
        const struct until *u = state;
        (void)s;
        return u->stopped;
}

static void until_free(weft_stream_t *s, void *state)
{
        struct until *u = state;
        (void)s;
        free(u->scratch);
}

static int until_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        (void)state;
        return weft_stream_waits(s->up[0], wait);
}

static const struct weft_stream_class take_while_class = { .name = "take_while",
                                                           .holds = until_holds,
                                                           .wait = until_wait,
                                                           .pull = take_while_pull,
                                                           .rewind = until_rewind,
                                                           .free = until_free };
static const struct weft_stream_class drop_while_class = { .name = "drop_while",
                                                           .pull = drop_while_pull,
                                                           .rewind = until_rewind,
                                                           .free = until_free };

static weft_stream_t *until(const struct weft_stream_class *class_of, weft_stream_t *up,
                            struct weft_call f)
{
        struct until *u = NULL;
        uint64_t tag = 0;
        weft_stream_t *broken = weft_stream_check(up, class_of->name, &f, &tag);
        if (broken)
                return broken;
        weft_stream_t *s = weft_stream_make(class_of, sizeof *u, &up, 1, f.in_bytes, &u);
        if (!u)
                return s;
        u->f = f;
        u->scratch = weft_stream_buffer(1, weft_stream_scratch(&f));
        return u->scratch
                       ? s
                       : weft_stream_spoil(s, -ENOMEM, "%s: no memory", class_of->name);
}

weft_stream_t *weft_stream_take_while(weft_stream_t *up, struct weft_call f)
{
        return until(&take_while_class, up, f);
}

weft_stream_t *weft_stream_drop_while(weft_stream_t *up, struct weft_call f)
{
        return until(&drop_while_class, up, f);
}
