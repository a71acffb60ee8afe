/* codata/stream_map.c -- operators that call a function and hold nothing back: map,
 * filter_map, filter. */
#include <stdlib.h>

#include "codata/stream_internal.h"

struct map {
        struct weft_call f;
        void *in; /* of `room` items: what the function takes, unless it works in place;
                     in a filter one item that nobody reads */
        size_t room;
};

/* ---- map: chunks, in place or from a buffer to the puller's ----------------------- */

static int64_t map_chunk_pull(weft_stream_t *s, void *state, void *items, size_t n,
                              uint64_t deadline)
{
        struct map *m = state;
        void *room = items;
        if (m->in) {
                room = m->in;
                n = n < m->room ? n : m->room;
        }
        for (;;) {
                const void *in = NULL;
                int64_t got = weft_stream_look(s->up[0], &in, room, n, deadline);
                if (__builtin_expect(got <= 0, 0))
                        return got;
                int64_t out = m->f.chunk(in, (size_t)got, items, n, m->f.argument);
                if (__builtin_expect(out > 0, 1))
                        return out;
                if (out < 0)
                        return weft_stream_blame(out);
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

/* ---- map: item by item ------------------------------------------------------------- */

/* `in_bytes` and `out_bytes` are constants where this is inlined for common sizes. */
static inline __attribute__((always_inline)) int64_t
map_sized(weft_stream_t *s, const struct map *m, const char *in, size_t n, void *items,
          size_t in_bytes, size_t out_bytes)
{
        weft_item_fn *f = m->f.item;
        const void *argument = m->f.argument;
        char *out = items;
#pragma GCC unroll 4
        for (size_t i = 0; i < n; i++, in += in_bytes) {
                int rc = f(in, out, argument);
                if (__builtin_expect(!rc, 1))
                        out += out_bytes;
                else if (rc != 1)
                        return weft_stream_over_by(
                                s, (size_t)(out - (char *)items) / out_bytes, rc);
        }
        return (int64_t)((size_t)(out - (char *)items) / out_bytes);
}

static int64_t map_items(weft_stream_t *s, const struct map *m, const void *in, size_t n,
                         void *items)
{
        if (m->f.in_bytes == 8 && m->f.out_bytes == 8)
                return map_sized(s, m, in, n, items, 8, 8);
        return map_sized(s, m, in, n, items, m->f.in_bytes, m->f.out_bytes);
}

static int64_t map_item_pull(weft_stream_t *s, void *state, void *items, size_t n,
                             uint64_t deadline)
{
        struct map *m = state;
        if (n > m->room)
                n = m->room;
        for (;;) {
                const void *in = NULL;
                int64_t got = weft_stream_look(s->up[0], &in, m->in, n, deadline);
                if (__builtin_expect(got <= 0, 0))
                        return got;
                int64_t out = map_items(s, m, in, (size_t)got, items);
                if (__builtin_expect(out != 0, 1))
                        return out;
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static void map_free(weft_stream_t *s, void *state)
{
        struct map *m = state;
        (void)s;
        free(m->in);
}

static const struct weft_stream_class map_chunk_class = {
        .name = "map",
        .pull = map_chunk_pull,
        .rewind = weft_stream_rewind_nothing,
        .free = map_free
};
static const struct weft_stream_class map_item_class = {
        .name = "map",
        .pull = map_item_pull,
        .rewind = weft_stream_rewind_nothing,
        .free = map_free
};

weft_stream_t *weft_stream_map(weft_stream_t *up, struct weft_call f)
{
        struct map *m = NULL;
        uint64_t tag = 0;
        weft_stream_t *broken = weft_stream_check(up, "map", &f, &tag);
        if (broken)
                return broken;
        uint32_t room = up->chunk;
        bool in_place = f.chunk && !f.name && f.in_bytes == f.out_bytes;
        weft_stream_t *s = weft_stream_make(f.chunk ? &map_chunk_class : &map_item_class,
                                            sizeof *m, &up, 1, f.out_bytes, &m);
        if (!m)
                return s;
        s->tag = tag;
        m->f = f;
        m->room = room;
        m->in = in_place ? NULL : weft_stream_buffer(room, f.in_bytes);
        return in_place || m->in ? s : weft_stream_spoil(s, -ENOMEM, "map: no memory");
}

weft_stream_t *weft_stream_filter_map(weft_stream_t *up, struct weft_call f)
{
        return weft_stream_map(up, f);
}

/* ---- filter -------------------------------------------------------------------------- */

/* Every item is moved, and the next one goes over it if it was not wanted: no jump that the
 * processor would have to guess. */
static inline __attribute__((always_inline)) int64_t
filter_sized(weft_stream_t *s, const struct map *m, char *items, size_t n, size_t bytes)
{
        weft_item_fn *f = m->f.item;
        const void *argument = m->f.argument;
        const char *in = items;
        char *to = items;
#pragma GCC unroll 4
        for (size_t i = 0; i < n; i++, in += bytes) {
                int rc = f(in, m->in, argument);
                if (__builtin_expect((unsigned)rc > 1, 0))
                        return weft_stream_over_by(s, (size_t)(to - items) / bytes, rc);
                memmove(to, in, bytes);
                to += rc ? 0 : bytes;
        }
        return (int64_t)((size_t)(to - items) / bytes);
}

static int64_t filter_pull(weft_stream_t *s, void *state, void *items, size_t n,
                           uint64_t deadline)
{
        struct map *m = state;
        for (;;) {
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (__builtin_expect(got <= 0, 0))
                        return got;
                int64_t out = 0;
                if (s->item_bytes == 8)
                        out = filter_sized(s, m, items, (size_t)got, 8);
                else
                        out = filter_sized(s, m, items, (size_t)got, s->item_bytes);
                if (__builtin_expect(out != 0, 1))
                        return out;
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static const struct weft_stream_class filter_chunk_class = {
        .name = "filter",
        .pull = map_chunk_pull,
        .rewind = weft_stream_rewind_nothing,
        .free = map_free
};
static const struct weft_stream_class filter_item_class = {
        .name = "filter",
        .pull = filter_pull,
        .rewind = weft_stream_rewind_nothing,
        .free = map_free
};

weft_stream_t *weft_stream_filter(weft_stream_t *up, struct weft_call f)
{
        struct map *m = NULL;
        uint64_t tag = 0;
        weft_stream_t *broken = weft_stream_check(up, "filter", &f, &tag);
        if (broken)
                return broken;
        if (f.chunk && f.out_bytes != f.in_bytes)
                return weft_stream_spoil(up, -EPROTO,
                                         "filter: gives items of %u bytes, takes %u",
                                         f.out_bytes, f.in_bytes);
        uint32_t room = up->chunk;
        weft_stream_t *s =
                weft_stream_make(f.chunk ? &filter_chunk_class : &filter_item_class,
                                 sizeof *m, &up, 1, f.in_bytes, &m);
        if (!m)
                return s;
        bool in_place = f.chunk && !f.name;
        m->f = f;
        m->room = room;
        if (f.item) /* room for what it may write, as it may for a filter_map */
                m->in = weft_stream_buffer(1, weft_stream_scratch(&f));
        else if (!in_place)
                m->in = weft_stream_buffer(room, f.in_bytes);
        return in_place || m->in ? s : weft_stream_spoil(s, -ENOMEM, "filter: no memory");
}
