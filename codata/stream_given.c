/* codata/stream_given.c -- what a function gave that its puller has no room for. */
#include <stdlib.h>

#include "codata/stream_given.h"

enum { ROOM_MIN = 64 };
#define BYTES_MAX (UINT64_C(1) << 30)

int weft_stream_resolve_chunk(const weft_stream_t *s, const char *who,
                              struct weft_call *call, uint64_t *tag)
{
        int rc = weft_stream_resolve(s, who, call, tag);
        if (rc || call->chunk)
                return rc;
        weft_stream_say("%s: a function of one item, where one of many is wanted", who);
        return -EINVAL;
}

int64_t weft_stream_give_rest(struct weft_stream_given *g, void *items, size_t want)
{
        size_t n = want < g->n ? want : g->n;
        memcpy(items, g->items + g->at * g->bytes, n * g->bytes);
        g->at += n;
        g->n -= n;
        return (int64_t)n;
}

/* Room for twice as many as before. What lay there has been given. */
static int grow(struct weft_stream_given *g, size_t least)
{
        size_t room = g->room * 2 > least ? g->room * 2 : least;
        if (room > BYTES_MAX / g->bytes)
                return -EOVERFLOW;
        void *items = weft_stream_buffer(room, g->bytes);
        if (!items)
                return -ENOMEM;
        free(g->items);
        g->items = items;
        g->room = room;
        return 0;
}

static int64_t checked(int64_t rc, size_t room)
{
        if (rc < 0)
                return weft_stream_blame(rc);
        return (uint64_t)rc <= room ? rc : -EINVAL;
}

int64_t weft_stream_give_call(struct weft_stream_given *g, const struct weft_call *f,
                              const void *in, size_t n, void *items, size_t want)
{
        int64_t rc = f->chunk(in, n, items, want, f->argument);
        if (__builtin_expect(rc != -EOVERFLOW, 1))
                return checked(rc, want);
        g->at = g->n = 0;
        size_t least = want < ROOM_MIN / 2 ? ROOM_MIN : want * 2;
        while (rc == -EOVERFLOW) {
                if (g->room < least || g->at) {
                        int bad = grow(g, least);
                        if (bad)
                                return bad;
                }
                rc = f->chunk(in, n, g->items, g->room, f->argument);
                g->at = 1; /* this room was too small */
        }
        g->at = 0;
        rc = checked(rc, g->room);
        if (rc <= 0)
                return rc;
        g->n = (size_t)rc;
        return weft_stream_give_rest(g, items, want);
}
