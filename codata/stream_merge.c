/* codata/stream_merge.c -- several streams as one: merge, take_until. */
#include <stdlib.h>

#include <weft/stream_join.h>

#include "codata/stream_clock.h"
#include "codata/stream_internal.h"

/* ---- merge ------------------------------------------------------------------------- */

struct merge {
        size_t next; /* who is looked at first */
        size_t live;
        bool misled; /* one should have had something, and had not: do not ask again */
};

static size_t turn(weft_stream_t *s, struct merge *m)
{
        size_t at = m->next;
        m->next = at + 1 < s->ups ? at + 1 : 0;
        return at;
}

/* One look at each, in turn: items, 0 nothing there, or an error. Who has ended says so
 * again; that costs nothing. */
static int64_t look_at_all(weft_stream_t *s, struct merge *m, void *items, size_t n)
{
        m->live = 0;
        for (size_t i = 0; i < s->ups; i++) {
                int64_t got = weft_stream_get(s->up[turn(s, m)], items, n, WEFT_NOW);
                if (weft_stream_later(got))
                        m->live++;
                else if (got)
                        return got;
        }
        return 0;
}

/* Blocks on one of those that live, the next one in turn. */
static int64_t wait_for_one(weft_stream_t *s, struct merge *m, void *items, size_t n,
                            uint64_t deadline)
{
        size_t at = turn(s, m);
        while (s->up[at]->over <= 0)
                at = turn(s, m);
        if (m->live > 1) {
                uint64_t now = weft_stream_now();
                deadline = weft_stream_sooner(
                        deadline, weft_stream_later_by(now, WEFT_STREAM_SLICE));
        }
        return weft_stream_get(s->up[at], items, n, deadline);
}

static int64_t merge_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct merge *m = state;
        size_t stuck =
                0; /* who do not wait: it is another's turn, a tee's other half's */
        for (;;) {
                int64_t got = look_at_all(s, m, items, n);
                if (!got && m->live) {
                        int rc = weft_stream_due(deadline);
                        if (rc)
                                return rc;
                        if (m->live > 1 && !m->misled) {
                                rc = weft_stream_await(s->up, s->ups, deadline);
                                m->misled = rc > 0;
                                if (rc >= 0)
                                        continue;
                        }
                        got = wait_for_one(s, m, items, n, deadline);
                        stuck = got == -EAGAIN ? stuck + 1 : 0;
                        if (stuck == m->live)
                                return got;
                        if (weft_stream_later(got) || got == 0) {
                                m->misled = false;
                                continue;
                        }
                }
                m->misled = false;
                return got;
        }
}

static int merge_rewind(weft_stream_t *s, void *state)
{
        (void)s;
        memset(state, 0, sizeof(struct merge));
        return 0;
}

static int merge_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        int rc = 0;
        (void)state;
        for (size_t i = 0; i < s->ups && !rc; i++)
                if (s->up[i]->over > 0)
                        rc = weft_stream_waits(s->up[i], wait);
        return rc;
}

static const struct weft_stream_class merge_class = {
        .name = "merge", .pull = merge_pull, .rewind = merge_rewind, .wait = merge_wait
};

/* Are these streams of one kind? 0, or the error, and the detail says why. */
static int alike(const char *who, weft_stream_t *const *ups, size_t n)
{
        for (size_t i = 1; i < n; i++)
                if (ups[i]->item_bytes != ups[0]->item_bytes) {
                        weft_stream_say("%s: items of %u bytes, and of %u", who,
                                        ups[0]->item_bytes, ups[i]->item_bytes);
                        return -EPROTO;
                }
        return 0;
}

weft_stream_t *weft_stream_merge(weft_stream_t *const *ups, size_t n)
{
        struct merge *m = NULL;
        if (!ups || !n)
                return weft_stream_spoil(NULL, -EINVAL, "merge: no streams");
        uint32_t bytes = ups[0] ? ups[0]->item_bytes : 0;
        weft_stream_t *s = weft_stream_make(&merge_class, sizeof *m, ups, n, bytes, &m);
        int rc = m ? alike("merge", ups, n) : 0;
        return rc ? weft_stream_spoil(s, rc, NULL) : s;
}

/* ---- take_until ---------------------------------------------------------------------- */

struct until {
        bool alone;  /* the other one has ended without an item: it never ends this */
        bool misled; /* as above */
        void *other; /* room for one of its items */
};

static int64_t until_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct until *u = state;
        for (;;) {
                if (u->alone)
                        return weft_stream_get(s->up[0], items, n, deadline);
                int64_t sign = weft_stream_get(s->up[1], u->other, 1, WEFT_NOW);
                if (sign > 0)
                        return 0;
                if (sign < 0 && !weft_stream_later(sign))
                        return sign;
                u->alone = sign == 0;
                int64_t got = weft_stream_get(s->up[0], items, n, WEFT_NOW);
                if (!weft_stream_later(got)) {
                        u->misled = false;
                        return got;
                }
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
                if (u->alone)
                        continue;
                if (!u->misled) {
                        rc = weft_stream_await(s->up, s->ups, deadline);
                        u->misled = rc > 0;
                        if (rc >= 0)
                                continue;
                }
                u->misled = false;
                uint64_t slice =
                        weft_stream_later_by(weft_stream_now(), WEFT_STREAM_SLICE);
                got = weft_stream_get(s->up[0], items, n,
                                      weft_stream_sooner(slice, deadline));
                if (got != -ETIMEDOUT)
                        return got; /* -EAGAIN: it does not wait, see above */
        }
}

static int until_rewind(weft_stream_t *s, void *state)
{
        struct until *u = state;
        (void)s;
        u->alone = u->misled = false;
        return 0;
}

static void until_free(weft_stream_t *s, void *state)
{
        struct until *u = state;
        (void)s;
        free(u->other);
}

static const struct weft_stream_class until_class = { .name = "take_until",
                                                      .pull = until_pull,
                                                      .rewind = until_rewind,
                                                      .free = until_free,
                                                      .wait = merge_wait };

weft_stream_t *weft_stream_take_until(weft_stream_t *up, weft_stream_t *other)
{
        weft_stream_t *const ups[2] = { up, other };
        struct until *u = NULL;
        weft_stream_t *s = weft_stream_make(&until_class, sizeof *u, ups, 2,
                                            up ? up->item_bytes : 0, &u);
        if (!u)
                return s;
        u->other = weft_stream_buffer(1, other->item_bytes);
        return u->other ? s : weft_stream_spoil(s, -ENOMEM, "take_until: no memory");
}
