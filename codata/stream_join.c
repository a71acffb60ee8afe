/* codata/stream_join.c -- several to one: concat; several items to one: chunk. */
#include <stdlib.h>

#include "codata/stream_internal.h"

/* ---- concat --------------------------------------------------------------------- */

struct concat {
        size_t at;
};

static int64_t concat_pull(weft_stream_t *s, void *state, void *items, size_t n,
                           uint64_t deadline)
{
        struct concat *c = state;
        for (; c->at < s->ups; c->at++) {
                int64_t got = weft_stream_get(s->up[c->at], items, n, deadline);
                if (got)
                        return got;
        }
        return 0;
}

static int concat_rewind(weft_stream_t *s, void *state)
{
        struct concat *c = state;
        (void)s;
        c->at = 0;
        return 0;
}

static const struct weft_stream_class concat_class = { .name = "concat",
                                                       .pull = concat_pull,
                                                       .rewind = concat_rewind };

weft_stream_t *weft_stream_concat(weft_stream_t *const *streams, size_t n)
{
        struct concat *c = NULL;
        if (!streams || !n)
                return weft_stream_spoil(NULL, -EINVAL, "concat: no stream");
        uint32_t bytes = weft_stream_item_bytes(streams[0]);
        weft_stream_t *s =
                weft_stream_make(&concat_class, sizeof *c, streams, n, bytes, &c);
        for (size_t i = 1; c && i < n; i++)
                if (s->up[i]->item_bytes != bytes)
                        return weft_stream_spoil(s, -EPROTO,
                                                 "concat: items of %u bytes, and of %u",
                                                 bytes, s->up[i]->item_bytes);
        return s;
}

/* ---- chunk ---------------------------------------------------------------------- */

struct chunk {
        uint64_t *part; /* how many, and they: the chunk that is being filled */
        uint32_t n, bytes;
};

static int64_t chunk_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct chunk *c = state;
        char *to = items;
        size_t done = 0;
        while (done < n) {
                char *at = (char *)(c->part + 1) + c->part[0] * c->bytes;
                int64_t got = weft_stream_get(s->up[0], at, c->n - c->part[0],
                                              done ? WEFT_NOW : deadline);
                if (weft_stream_later(got))
                        return done ? (int64_t)done : got;
                if (got > 0) {
                        c->part[0] += (uint64_t)got;
                        if (c->part[0] < c->n)
                                continue;
                }
                if (c->part[0]) {
                        if (got <= 0) /* the last one: what is left of it is empty */
                                memset(at, 0, (c->n - c->part[0]) * c->bytes);
                        memcpy(to, c->part, s->item_bytes);
                        c->part[0] = 0;
                        to += s->item_bytes;
                        done++;
                }
                if (got <= 0)
                        return weft_stream_over(s, done, (int)got);
        }
        return (int64_t)done;
}

static int chunk_holds(weft_stream_t *s, void *state)
{
        const struct chunk *c = state;
        (void)s;
        return c->part[0] != 0;
}

static int chunk_rewind(weft_stream_t *s, void *state)
{
        struct chunk *c = state;
        (void)s;
        c->part[0] = 0;
        return 0;
}

static void chunk_free(weft_stream_t *s, void *state)
{
        struct chunk *c = state;
        (void)s;
        free(c->part);
}

static const struct weft_stream_class chunk_class = { .name = "chunk",
                                                      .pull = chunk_pull,
                                                      .rewind = chunk_rewind,
                                                      .free = chunk_free,
                                                      .holds = chunk_holds };

weft_stream_t *weft_stream_chunk(weft_stream_t *up, uint32_t n)
{
        struct chunk *c = NULL;
        uint32_t bytes = weft_stream_item_bytes(up);
        if (bytes && !n)
                return weft_stream_spoil(up, -EINVAL, "chunk: of no items");
        weft_stream_t *s = weft_stream_make(&chunk_class, sizeof *c, &up, 1,
                                            sizeof(uint64_t) + (uint64_t)bytes * n, &c);
        if (!c)
                return s;
        c->n = n;
        c->bytes = bytes;
        s->tag = 0;
        c->part = weft_stream_buffer(1, s->item_bytes);
        if (!c->part)
                return weft_stream_spoil(s, -ENOMEM, "chunk: no memory");
        c->part[0] = 0;
        return s;
}
