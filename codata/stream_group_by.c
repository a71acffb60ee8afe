/* codata/stream_group_by.c -- a state for each key.
 *
 * Groups lie one behind the other in the order in which they came, as they will be given; a
 * table of their numbers is probed from the key's hash on. Both grow by doubling.
 */
#include <stdlib.h>

#include <weft/stream_window.h>

#include "codata/stream_clock.h"
#include "codata/stream_internal.h"
#include "structures/map_hash.h"

enum { GROUPS_FIRST = 16 };
#define GROUPS_MOST (UINT64_C(1) << 31)

struct groups {
        struct weft_call key, fold;
        bool by_bytes; /* the key is the item's first bytes */
        bool spill;
        uint32_t key_bytes, state_bytes, state_offset;
        uint64_t most, every, seed;
        void *initial;

        char *in; /* a chunk: `in_n` are left from `in_at` on */
        size_t in_at, in_n;
        uint64_t folded; /* since groups were given */

        char *group; /* `count` of them, of item_bytes */
        uint32_t *table;
        uint64_t count, room; /* the table has twice as many places, a power of two */
        char *key_at;         /* room for the key of an item */

        uint64_t given; /* of `count`, while giving */
        bool gives;
        bool over; /* after they are given, with `end` */
        int64_t end;
};

/* ---- the table ------------------------------------------------------------------------ */

static char *group_at(const weft_stream_t *s, const struct groups *g, uint64_t i)
{
        return g->group + i * s->item_bytes;
}

/* The place of that key, or the free one where it goes. A place holds a number plus 1. */
static uint32_t *place_of(const weft_stream_t *s, const struct groups *g, const char *key)
{
        uint64_t mask = g->room * 2 - 1;
        uint64_t at = weft_map_hash_bytes(key, g->key_bytes, g->seed) & mask;
        while (g->table[at] &&
               memcmp(group_at(s, g, g->table[at] - 1), key, g->key_bytes) != 0)
                at = (at + 1) & mask;
        return &g->table[at];
}

static int grow(const weft_stream_t *s, struct groups *g)
{
        uint64_t room = g->room ? g->room * 2 : GROUPS_FIRST;
        char *group = weft_stream_buffer(room, s->item_bytes);
        uint32_t *table = calloc(room * 2, sizeof *table);
        if (!group || !table) {
                free(group);
                free(table);
                return -ENOMEM;
        }
        if (g->count)
                memcpy(group, g->group, g->count * s->item_bytes);
        free(g->group);
        free(g->table);
        g->group = group;
        g->table = table;
        g->room = room;
        for (uint64_t i = 0; i < g->count; i++)
                *place_of(s, g, group_at(s, g, i)) = (uint32_t)i + 1;
        return 0;
}

static void forget(struct groups *g)
{
        if (g->count)
                memset(g->table, 0, g->room * 2 * sizeof *g->table);
        g->count = g->folded = 0;
        g->gives = false;
}

/* The group of that key: made if it is not there. 1: it would be one too many. */
static int find(const weft_stream_t *s, struct groups *g, const char *key, char **group)
{
        uint32_t *place = place_of(s, g, key);
        if (!*place) {
                if (g->count == g->most)
                        return 1;
                if (g->count == g->room) {
                        int rc = grow(s, g);
                        if (rc)
                                return rc;
                        place = place_of(s, g, key);
                }
                *group = group_at(s, g, g->count);
                memset(*group, 0, s->item_bytes);
                memcpy(*group, key, g->key_bytes);
                if (g->initial)
                        memcpy(*group + g->state_offset, g->initial, g->state_bytes);
                *place = (uint32_t)++g->count;
        }
        *group = group_at(s, g, *place - 1);
        return 0;
}

/* ---- folding --------------------------------------------------------------------------- */

/* 0: it is in its group, or in none; 1: there is no room for its group; or an error. */
static int fold_one(const weft_stream_t *s, struct groups *g, const char *item)
{
        const char *key = item;
        char *group = NULL;
        int rc = 0;
        if (!g->by_bytes) {
                rc = weft_stream_call_one(&g->key, item, g->key_at);
                if (rc)
                        return rc == 1 ? 0 : weft_stream_blame(rc);
                key = g->key_at;
        }
        rc = find(s, g, key, &group);
        if (rc)
                return rc;
        rc = weft_stream_call_one(&g->fold, item, group + g->state_offset);
        return rc == 0 || rc == 1 ? 0 : weft_stream_blame(rc);
}

/* What is in hand, as far as that goes before groups are given. */
static void fold_some(const weft_stream_t *s, struct groups *g)
{
        while (g->in_n && !g->gives) {
                int rc = fold_one(s, g, g->in + g->in_at * s->up[0]->item_bytes);
                if (rc) {
                        g->gives = true; /* and then this item, or the error */
                        g->over = rc < 0 || !g->spill;
                        g->end = rc < 0 ? rc : -ENOSPC;
                        return;
                }
                g->in_at++;
                g->in_n--;
                g->gives = g->every && ++g->folded == g->every;
        }
}

static int64_t groups_pull(weft_stream_t *s, void *state, void *items, size_t n,
                           uint64_t deadline)
{
        struct groups *g = state;
        for (;;) {
                if (g->gives && g->given < g->count) {
                        if (n > g->count - g->given)
                                n = (size_t)(g->count - g->given);
                        memcpy(items, group_at(s, g, g->given), n * s->item_bytes);
                        g->given += n;
                        return (int64_t)n;
                }
                if (g->gives) {
                        forget(g);
                        g->given = 0;
                }
                if (g->over)
                        return g->end;
                if (g->in_n) {
                        fold_some(s, g);
                        int rc = g->gives ? 0 : weft_stream_due(deadline);
                        if (rc)
                                return rc;
                        continue;
                }
                size_t want = s->up[0]->chunk;
                if (s->leases && g->every && g->every - g->folded < want)
                        want = (size_t)(g->every - g->folded);
                int64_t got = weft_stream_get(s->up[0], g->in, want, deadline);
                if (weft_stream_later(got))
                        return got;
                g->in_at = 0;
                g->in_n = got > 0 ? (size_t)got : 0;
                g->gives = g->over = got <= 0;
                g->end = got;
        }
}

static int groups_rewind(weft_stream_t *s, void *state)
{
        struct groups *g = state;
        (void)s;
        forget(g);
        g->in_n = 0;
        g->given = 0;
        g->over = false;
        return 0;
}

static int groups_holds(weft_stream_t *s, void *state)
{
        struct groups *g = state;
        (void)s;
        return g->in_n || g->given < g->count;
}

static void groups_free(weft_stream_t *s, void *state)
{
        struct groups *g = state;
        (void)s;
        free(g->initial);
        free(g->in);
        free(g->group);
        free(g->table);
        free(g->key_at);
}

static int groups_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct groups *g = state;
        if (g->in_n || g->gives || g->over)
                return -ENOTSUP;
        return weft_stream_waits(s->up[0], wait);
}

static const struct weft_stream_class groups_class = { .name = "group_by",
                                                       .pull = groups_pull,
                                                       .rewind = groups_rewind,
                                                       .free = groups_free,
                                                       .holds = groups_holds,
                                                       .wait = groups_wait };

/* ---- building ---------------------------------------------------------------------------- */

static uint64_t align_up(uint64_t at, uint32_t align)
{
        return align ? (at + align - 1) & ~(uint64_t)(align - 1) : at;
}

/* The functions, and how large what comes out is; 0 or an error. */
static int plan(const weft_stream_t *up, const struct weft_stream_groups *o,
                struct groups *g, uint64_t *item_bytes)
{
        uint64_t tag = 0;
        g->key = o->key;
        g->fold = o->fold;
        g->by_bytes = !o->key.item && !o->key.chunk && !o->key.name;
        int rc = g->by_bytes ? 0 : weft_stream_resolve(up, "group_by", &g->key, &tag);
        if (!rc)
                rc = weft_stream_resolve(up, "group_by", &g->fold, &tag);
        if (rc)
                return rc;
        g->key_bytes = g->key.out_bytes;
        g->state_bytes = o->state_bytes;
        uint32_t align = g->state_bytes & (~g->state_bytes + 1); /* as far as we know */
        align = align > 16 ? 16 : align;
        uint64_t at = o->state_offset ? o->state_offset : align_up(g->key_bytes, align);
        uint64_t end = at + g->state_bytes;
        *item_bytes = o->item_bytes ? o->item_bytes : align_up(end, align);
        g->state_offset = (uint32_t)at;
        g->most = o->most;
        g->every = o->every;
        g->spill = (o->flags & WEFT_STREAM_GROUPS_SPILL) != 0;
        if (!g->key_bytes || !g->state_bytes || at < g->key_bytes || at > UINT32_MAX ||
            end > *item_bytes || (g->by_bytes && g->key_bytes > up->item_bytes) ||
            !o->most || o->most > GROUPS_MOST || (o->flags & ~1u)) {
                weft_stream_say("group_by: key of %u bytes, state of %u at %u in %llu",
                                g->key_bytes, g->state_bytes, g->state_offset,
                                (unsigned long long)*item_bytes);
                return -EINVAL;
        }
        return 0;
}

weft_stream_t *weft_stream_group_by(weft_stream_t *up, const struct weft_stream_groups *o)
{
        struct groups plans = { 0 }, *g = NULL;
        uint64_t bytes = 1;
        if (weft_stream_broken(up))
                return weft_stream_make(&groups_class, 0, &up, 1, 1, &g);
        if (!o)
                return weft_stream_spoil(up, -EINVAL, "group_by: no options (NULL)");
        int rc = plan(up, o, &plans, &bytes);
        if (rc)
                return weft_stream_spoil(up, rc, NULL);
        weft_stream_t *s = weft_stream_make(&groups_class, sizeof *g, &up, 1, bytes, &g);
        if (!g)
                return s;
        *g = plans;
        s->tag = 0;
        g->seed = weft_now() ^ (uintptr_t)g;
        g->in = weft_stream_buffer(up->chunk, up->item_bytes);
        g->key_at = weft_stream_buffer(1, g->key_bytes);
        g->initial = o->initial ? weft_stream_buffer(1, g->state_bytes) : NULL;
        if (!g->in || !g->key_at || (o->initial && !g->initial) || grow(s, g))
                return weft_stream_spoil(s, -ENOMEM, "group_by: no memory");
        if (o->initial)
                memcpy(g->initial, o->initial, g->state_bytes);
        return s;
}
