/* codata/stream_distinct.c -- each item once: distinct, distinct_until_changed.
 *
 * What distinct remembers are copies of the items, in the order in which they came, and a
 * table of their numbers: open addressing, linear, at most half full. Equality is that of all
 * bytes; the hash is seeded by where the table lies, which is not for others to know.
 */
#include <stdlib.h>

#include "codata/stream_internal.h"
#include "structures/map_hash.h"

/* ---- distinct ------------------------------------------------------------------------ */

#define FIRST 256 /* how many, where nothing was said */

struct distinct {
        char *seen;     /* `room` items */
        uint64_t *slot; /* 0: free; else the number of the item + 1; a power of two */
        uint64_t n, room, mask, most;
};

static bool make_room(weft_stream_t *s, struct distinct *d, uint64_t room)
{
        uint64_t slots = 4;
        while (slots < 2 * room)
                slots *= 2;
        char *seen = weft_stream_buffer(room, s->item_bytes);
        uint64_t *slot = calloc(slots, sizeof *slot); /* of a large one, what is used */
        if (!seen || !slot) {
                free(seen);
                free(slot);
                return false;
        }
        if (d->n)
                memcpy(seen, d->seen, d->n * s->item_bytes);
        free(d->seen);
        free(d->slot);
        d->seen = seen;
        d->slot = slot;
        d->room = room;
        d->mask = slots - 1;
        for (uint64_t i = 0; i < d->n; i++) {
                uint64_t at = weft_map_hash_bytes(seen + i * s->item_bytes, s->item_bytes,
                                                  (uintptr_t)d);
                while (slot[at & d->mask])
                        at++;
                slot[at & d->mask] = i + 1;
        }
        return true;
}

/* 1: it is new, and now remembered; 0: it was there; or -errno. */
static int remember(weft_stream_t *s, struct distinct *d, const char *item)
{
        size_t bytes = s->item_bytes;
        uint64_t at = weft_map_hash_bytes(item, bytes, (uintptr_t)d);
        for (; d->slot[at & d->mask]; at++) {
                uint64_t number = d->slot[at & d->mask] - 1;
                if (memcmp(d->seen + number * bytes, item, bytes) == 0)
                        return 0;
        }
        if (d->n == d->room) {
                if (d->most)
                        return -EOVERFLOW;
                if (!make_room(s, d, 2 * d->room))
                        return -ENOMEM;
                return remember(s, d, item); /* now there is room */
        }
        memcpy(d->seen + d->n * bytes, item, bytes);
        d->slot[at & d->mask] = ++d->n;
        return 1;
}

static int64_t distinct_pull(weft_stream_t *s, void *state, void *items, size_t n,
                             uint64_t deadline)
{
        struct distinct *d = state;
        for (;;) {
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (got <= 0)
                        return got;
                size_t kept = 0;
                char *in = items, *to = items;
                for (int64_t i = 0; i < got; i++, in += s->item_bytes) {
                        int rc = remember(s, d, in);
                        if (rc < 0)
                                return weft_stream_over(s, kept, rc);
                        if (rc) {
                                memmove(to, in, s->item_bytes);
                                to += s->item_bytes;
                                kept++;
                        }
                }
                if (kept)
                        return (int64_t)kept;
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static int distinct_rewind(weft_stream_t *s, void *state)
{
        struct distinct *d = state;
        (void)s;
        d->n = 0;
        memset(d->slot, 0, (d->mask + 1) * sizeof *d->slot);
        return 0;
}

static void distinct_free(weft_stream_t *s, void *state)
{
        struct distinct *d = state;
        (void)s;
        free(d->seen);
        free(d->slot);
}

static const struct weft_stream_class distinct_class = { .name = "distinct",
                                                         .pull = distinct_pull,
                                                         .rewind = distinct_rewind,
                                                         .free = distinct_free };

weft_stream_t *weft_stream_distinct(weft_stream_t *up, uint64_t most)
{
        struct distinct *d = NULL;
        uint32_t bytes = weft_stream_item_bytes(up);
        weft_stream_t *s =
                weft_stream_make(&distinct_class, sizeof *d, &up, 1, bytes, &d);
        if (!d)
                return s;
        d->most = most;
        if (most > PTRDIFF_MAX / 32 / bytes || !make_room(s, d, most ? most : FIRST))
                return weft_stream_spoil(s, -ENOMEM, "distinct: no memory");
        return s;
}

/* ---- distinct_until_changed ------------------------------------------------------------ */

struct changed {
        char *last;
        bool begun;
};

static int64_t changed_pull(weft_stream_t *s, void *state, void *items, size_t n,
                            uint64_t deadline)
{
        struct changed *c = state;
        size_t bytes = s->item_bytes;
        for (;;) {
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (got <= 0)
                        return got;
                char *in = items, *to = items;
                const char *last = c->last;
                bool begun = c->begun;
                for (int64_t i = 0; i < got; i++, in += bytes) {
                        if (begun && memcmp(in, last, bytes) == 0)
                                continue;
                        memmove(to, in, bytes);
                        last = to;
                        to += bytes;
                        begun = true;
                }
                if (to != items) {
                        memcpy(c->last, last, bytes);
                        c->begun = true;
                        return (int64_t)((size_t)(to - (char *)items) / bytes);
                }
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static int changed_rewind(weft_stream_t *s, void *state)
{
        struct changed *c = state;
        (void)s;
        c->begun = false;
        return 0;
}

static void changed_free(weft_stream_t *s, void *state)
{
        struct changed *c = state;
        (void)s;
        free(c->last);
}

static const struct weft_stream_class changed_class = { .name = "distinct_until_changed",
                                                        .pull = changed_pull,
                                                        .rewind = changed_rewind,
                                                        .free = changed_free };

weft_stream_t *weft_stream_distinct_until_changed(weft_stream_t *up)
{
        struct changed *c = NULL;
        uint32_t bytes = weft_stream_item_bytes(up);
        weft_stream_t *s = weft_stream_make(&changed_class, sizeof *c, &up, 1, bytes, &c);
        if (!c)
                return s;
        c->last = weft_stream_buffer(1, bytes);
        return c->last ? s
                       : weft_stream_spoil(s, -ENOMEM,
                                           "distinct_until_changed: no memory");
}
