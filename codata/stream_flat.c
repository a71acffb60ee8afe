/* codata/stream_flat.c -- operators that call a function and remember: flat_map, scan. */
#include <stdlib.h>

#include "codata/stream_internal.h"

/* ---- flat_map ------------------------------------------------------------------ */

#define MOST_MAX (UINT32_C(1) << 20)

struct flat {
        struct weft_call f;
        char *in, *out; /* `room` items in; what one makes, for who asks for less */
        size_t room, most;
        size_t at, left; /* in `out`, not given yet */
};

static int64_t flat_pull(weft_stream_t *s, void *state, void *items, size_t n,
                         uint64_t deadline)
{
        struct flat *m = state;
        while (!m->left) {
                bool direct = n >= m->most;
                size_t want = direct ? n / m->most : 1;
                if (want > m->room)
                        want = m->room;
                int64_t got = weft_stream_get(s->up[0], m->in, want, deadline);
                if (got <= 0)
                        return got;
                size_t room = direct ? n : m->most;
                int64_t out = m->f.chunk(m->in, (size_t)got, direct ? items : m->out,
                                         room, m->f.argument);
                if (out < 0 || (size_t)out > room)
                        return weft_stream_blame(out);
                if (out && direct)
                        return out;
                m->at = 0;
                m->left = (size_t)out;
                int rc = out ? 0 : weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
        if (n > m->left)
                n = m->left;
        memcpy(items, m->out + m->at * s->item_bytes, n * s->item_bytes);
        m->at += n;
        m->left -= n;
        return (int64_t)n;
}

static int flat_holds(weft_stream_t *s, void *state)
{
        const struct flat *m = state;
        (void)s;
        return m->left != 0;
}

static int flat_rewind(weft_stream_t *s, void *state)
{
        struct flat *m = state;
        (void)s;
        m->left = 0;
        return 0;
}

static void flat_free(weft_stream_t *s, void *state)
{
        struct flat *m = state;
        (void)s;
        free(m->in);
        free(m->out);
}

static const struct weft_stream_class flat_class = { .name = "flat_map",
                                                     .pull = flat_pull,
                                                     .rewind = flat_rewind,
                                                     .free = flat_free,
                                                     .holds = flat_holds };

weft_stream_t *weft_stream_flat_map(weft_stream_t *up, struct weft_call f, uint32_t most)
{
        struct flat *m = NULL;
        uint64_t tag = 0;
        weft_stream_t *broken = weft_stream_check(up, "flat_map", &f, &tag);
        if (broken)
                return broken;
        if (!f.chunk || !most || most > MOST_MAX)
                return weft_stream_spoil(up, -EINVAL,
                                         "flat_map: a chunk function is wanted, and 1 to "
                                         "%u items",
                                         MOST_MAX);
        uint32_t room = up->chunk;
        weft_stream_t *s =
                weft_stream_make(&flat_class, sizeof *m, &up, 1, f.out_bytes, &m);
        if (!m)
                return s;
        s->tag = tag;
        m->f = f;
        m->room = room;
        m->most = most;
        m->in = weft_stream_buffer(room, f.in_bytes);
        m->out = weft_stream_buffer(most, f.out_bytes);
        return m->in && m->out ? s : weft_stream_spoil(s, -ENOMEM, "flat_map: no memory");
}

/* ---- scan ------------------------------------------------------------------------ */

struct scan {
        struct weft_call f;
        char *in;          /* `room` items */
        char *first, *now; /* the accumulator, as it was and as it is */
        size_t room;
};

static int64_t scan_pull(weft_stream_t *s, void *state, void *items, size_t n,
                         uint64_t deadline)
{
        struct scan *m = state;
        char *to = items;
        if (n > m->room)
                n = m->room;
        if (s->leases) /* it may end with any item, and the next ones are not its own */
                n = 1;
        int64_t got = weft_stream_get(s->up[0], m->in, n, deadline);
        if (got <= 0)
                return got;
        const char *in = m->in;
        for (size_t i = 0; i < (size_t)got; i++, in += m->f.in_bytes) {
                int rc = weft_stream_call_one(&m->f, in, m->now);
                if (rc < 0 || rc > 1)
                        return weft_stream_over_by(s, i, rc);
                memcpy(to, m->now, s->item_bytes);
                to += s->item_bytes;
                if (rc)
                        return weft_stream_over(s, i + 1, 0); /* it has seen enough */
        }
        return got;
}

static int scan_rewind(weft_stream_t *s, void *state)
{
        struct scan *m = state;
        memcpy(m->now, m->first, s->item_bytes);
        return 0;
}

static void scan_free(weft_stream_t *s, void *state)
{
        struct scan *m = state;
        (void)s;
        free(m->in);
        free(m->first);
        free(m->now);
}

static const struct weft_stream_class scan_class = {
        .name = "scan", .pull = scan_pull, .rewind = scan_rewind, .free = scan_free
};

weft_stream_t *weft_stream_scan(weft_stream_t *up, struct weft_call f,
                                const void *initial)
{
        struct scan *m = NULL;
        uint64_t tag = 0;
        weft_stream_t *broken = weft_stream_check(up, "scan", &f, &tag);
        if (broken)
                return broken;
        if (!initial)
                return weft_stream_spoil(up, -EINVAL, "scan: no initial value (NULL)");
        uint32_t room = up->chunk;
        weft_stream_t *s =
                weft_stream_make(&scan_class, sizeof *m, &up, 1, f.out_bytes, &m);
        if (!m)
                return s;
        s->tag = tag;
        m->f = f;
        m->room = room;
        m->in = weft_stream_buffer(room, f.in_bytes);
        m->first = weft_stream_buffer(1, f.out_bytes);
        m->now = weft_stream_buffer(1, f.out_bytes);
        if (!m->in || !m->first || !m->now)
                return weft_stream_spoil(s, -ENOMEM, "scan: no memory");
        memcpy(m->first, initial, f.out_bytes);
        memcpy(m->now, initial, f.out_bytes);
        return s;
}
