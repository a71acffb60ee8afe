/* codata/stream_zip.c -- two streams side by side. */
#include <stdlib.h>

#include <weft/stream_join.h>

#include "codata/stream_clock.h"
#include "codata/stream_internal.h"

/* What was pulled of one of the two and has not been given. */
struct side {
        char *items;
        size_t bytes; /* of an item */
        size_t at, n;
};

struct zip {
        struct side side[2];
        size_t offset;
};

/* Up to `n` of that side are there. The second is asked for no more than the first has, so
 * it never has more, and both are empty again whenever that is possible: then they can be
 * acknowledged. */
static int64_t fill(weft_stream_t *s, struct zip *z, size_t i, size_t n,
                    uint64_t deadline)
{
        struct side *side = &z->side[i];
        if (side->n)
                return 1;
        size_t most = s->up[i]->chunk;
        int64_t got =
                weft_stream_get(s->up[i], side->items, n < most ? n : most, deadline);
        if (got > 0) {
                side->at = 0;
                side->n = (size_t)got;
        }
        return got;
}

static void give(weft_stream_t *s, struct zip *z, size_t n, char *to)
{
        const size_t bytes = s->item_bytes, b0 = z->side[0].bytes, b1 = z->side[1].bytes;
        const char *first = z->side[0].items + z->side[0].at * b0;
        const char *second = z->side[1].items + z->side[1].at * b1;
        if (b0 + b1 < bytes)
                memset(to, 0, n * bytes);
        for (size_t i = 0; i < n; i++, to += bytes, first += b0, second += b1) {
                memcpy(to, first, b0);
                memcpy(to + z->offset, second, b1);
        }
        for (int i = 0; i < 2; i++) {
                z->side[i].at += n;
                z->side[i].n -= n;
        }
}

static int64_t zip_pull(weft_stream_t *s, void *state, void *items, size_t n,
                        uint64_t deadline)
{
        struct zip *z = state;
        if (s->leases)
                n = 1; /* so that what has no partner is one item at most */
        int64_t got = fill(s, z, 0, n, deadline);
        if (got > 0)
                got = fill(s, z, 1, z->side[0].n, deadline);
        if (got <= 0)
                return got;
        n = n < z->side[0].n ? n : z->side[0].n;
        n = n < z->side[1].n ? n : z->side[1].n;
        give(s, z, n, items);
        return (int64_t)n;
}

static int zip_rewind(weft_stream_t *s, void *state)
{
        struct zip *z = state;
        (void)s;
        z->side[0].n = z->side[1].n = 0;
        return 0;
}

static int zip_holds(weft_stream_t *s, void *state)
{
        struct zip *z = state;
        (void)s;
        return z->side[0].n != 0;
}

static void zip_free(weft_stream_t *s, void *state)
{
        struct zip *z = state;
        (void)s;
        free(z->side[0].items);
        free(z->side[1].items);
}

/* What it needs first. */
static int zip_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct zip *z = state;
        return weft_stream_waits(s->up[z->side[0].n ? 1 : 0], wait);
}

static const struct weft_stream_class zip_class = { .name = "zip",
                                                    .pull = zip_pull,
                                                    .rewind = zip_rewind,
                                                    .free = zip_free,
                                                    .holds = zip_holds,
                                                    .wait = zip_wait };

weft_stream_t *weft_stream_zip(weft_stream_t *first, weft_stream_t *second, size_t offset,
                               size_t item_bytes)
{
        weft_stream_t *const ups[2] = { first, second };
        struct zip *z = NULL;
        size_t b0 = first ? first->item_bytes : 0, b1 = second ? second->item_bytes : 0;
        if (!offset)
                offset = b0;
        if (!item_bytes)
                item_bytes = offset + b1;
        weft_stream_t *s =
                weft_stream_make(&zip_class, sizeof *z, ups, 2, item_bytes, &z);
        if (!z)
                return s;
        if (offset < b0 || offset > item_bytes || item_bytes - offset < b1)
                return weft_stream_spoil(
                        s, -EPROTO, "zip: no room for %zu bytes, and %zu at %zu, in %zu",
                        b0, b1, offset, item_bytes);
        z->offset = offset;
        for (int i = 0; i < 2; i++) {
                z->side[i].bytes = ups[i]->item_bytes;
                z->side[i].items = weft_stream_buffer(ups[i]->chunk, ups[i]->item_bytes);
                if (!z->side[i].items)
                        return weft_stream_spoil(s, -ENOMEM, "zip: no memory");
        }
        return s;
}

weft_stream_t *weft_stream_zip_with(weft_stream_t *first, weft_stream_t *second,
                                    size_t offset, size_t item_bytes, struct weft_call f)
{
        return weft_stream_map(weft_stream_zip(first, second, offset, item_bytes), f);
}

/* ---- apart again ------------------------------------------------------------------- */

struct slice {
        size_t at;
        char *in; /* whole items */
};

static int64_t slice_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct slice *c = state;
        const size_t whole = s->up[0]->item_bytes, bytes = s->item_bytes;
        if (n > s->up[0]->chunk)
                n = s->up[0]->chunk;
        int64_t got = weft_stream_get(s->up[0], c->in, n, deadline);
        const char *from = c->in + c->at;
        char *to = items;
        for (int64_t i = 0; i < got; i++, from += whole, to += bytes)
                memcpy(to, from, bytes);
        return got;
}

static void slice_free(weft_stream_t *s, void *state)
{
        struct slice *c = state;
        (void)s;
        free(c->in);
}

static const struct weft_stream_class slice_class = { .name = "unzip",
                                                      .pull = slice_pull,
                                                      .rewind =
                                                              weft_stream_rewind_nothing,
                                                      .free = slice_free };

static weft_stream_t *slice(weft_stream_t *up, size_t at, size_t bytes)
{
        struct slice *c = NULL;
        size_t whole = up->item_bytes;
        weft_stream_t *s = weft_stream_make(&slice_class, sizeof *c, &up, 1, bytes, &c);
        if (!c)
                return s;
        if (at > whole || whole - at < bytes)
                return weft_stream_spoil(s, -EPROTO, "unzip: %zu bytes at %zu, of %zu",
                                         bytes, at, whole);
        c->at = at;
        c->in = weft_stream_buffer(up->chunk, whole);
        return c->in ? s : weft_stream_spoil(s, -ENOMEM, "unzip: no memory");
}

void weft_stream_unzip(weft_stream_t *up, size_t room, size_t first_bytes, size_t offset,
                       size_t second_bytes, weft_stream_t **first, weft_stream_t **second)
{
        if (!weft_stream_two(up, "unzip", first, second))
                return;
        weft_stream_tee(up, room, first, second);
        *first = slice(*first, 0, first_bytes);
        *second = slice(*second, offset, second_bytes);
        /* One alone would be wrong without a word. */
        if (weft_stream_broken(*first))
                *second = weft_stream_spoil(*second, (*first)->over, NULL);
        else if (weft_stream_broken(*second))
                *first = weft_stream_spoil(*first, (*second)->over, NULL);
}
