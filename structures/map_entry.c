/* structures/map_entry.c -- entries in blocks: made, looked at, linked?, disposed of. */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>

#include "structures/map_block.h"

/* ---- looking ---------------------------------------------------------------- */

uint64_t weft_map_now(void)
{
        struct timespec t;
        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t padded(uint64_t key_bytes)
{
        return (key_bytes + 7) / 8 * 8;
}

static inline void fetch(struct weft_map_entry_shared *to,
                         const struct weft_map_entry_shared *from)
{
        weft_map_copy_torn(to, from, sizeof *to);
}

static inline bool look_at(const uint8_t *at, uint64_t room, struct weft_map_look *look)
{
        struct weft_map_entry_shared e;
        if (__builtin_expect(!at || room < sizeof e, 0))
                return false;
        fetch(&e, (const void *)at);
        if (e.key_bytes > room || e.value_bytes > room ||
            sizeof e + padded(e.key_bytes) + e.value_bytes > room)
                return false;
        look->key = at + sizeof e;
        look->value = at + sizeof e + padded(e.key_bytes);
        look->expires_ms = e.expires_ms;
        look->key_bytes = e.key_bytes;
        look->value_bytes = e.value_bytes;
        return true;
}

bool weft_map_look(struct weft_map_op *op, uint64_t value, struct weft_map_look *look)
{
        uint64_t room = 0;
        const uint8_t *at =
                weft_block_peek(op->map->handle.arena, (weft_ref_t){ value }, &room);
        return look_at(at, room, look);
}

/* Both may be read while somebody else makes other entries of them, which is a race that
 * is meant: ThreadSanitizer must not see it. */
#ifdef WEFT_TSAN
__attribute__((no_sanitize("thread"), noinline)) void
weft_map_copy_torn(void *to, const void *from, size_t n)
{
        const volatile uint8_t *f = from;
        for (volatile uint8_t *t = to; n--;)
                *t++ = *f++;
}

static __attribute__((no_sanitize("thread"), noinline)) bool
is_equal(const uint8_t *shared, const uint8_t *key, size_t n)
{
        const volatile uint8_t *s = shared, *k = key;
        bool equal = true;
        while (n--)
                equal &= *s++ == *k++;
        return equal;
}
#else
void weft_map_copy_torn(void *to, const void *from, size_t n)
{
        weft_copy_out(to, from, n);
}

static inline uint64_t word_at(const uint8_t *at)
{
        uint64_t w;
        memcpy(&w, at, sizeof w);
        return w;
}

/* Most keys are a few words long. */
static inline bool is_equal(const uint8_t *shared, const uint8_t *key, size_t n)
{
        if (n < 8 || n > 64)
                return memcmp(shared, key, n) == 0;
        uint64_t differ = word_at(shared + n - 8) ^ word_at(key + n - 8);
        for (size_t i = 0; i + 8 < n; i += 8)
                differ |= word_at(shared + i) ^ word_at(key + i);
        return differ == 0;
}
#endif

/* The lines of a small entry are fetched all at once, wherever the ref leads. Who changes
 * the map will most likely take it out. */
bool weft_map_same(struct weft_map_op *op, uint64_t value)
{
        weft_arena_t *arena = op->map->handle.arena;
        weft_ref_t ref = { value };
        uint64_t room = 0;
        const uint8_t *at = arena->base + arena->geo.data_at + weft_ref_offset(ref);
        __builtin_prefetch(at);
        if (!op->desk)
                __builtin_prefetch(at + 64);
        at = op->desk ? weft_block_peek_to_free(arena, ref, &room)
                      : weft_block_peek(arena, ref, &room);
        if (!op->desk) /* the longest that is worth it; more the processor does by itself */
                for (uint64_t line = 128; line < room && line <= 1024; line += 64)
                        __builtin_prefetch(at + line);
        op->looked = 0;
        if (!look_at(at, room, &op->look) || op->look.key_bytes != op->key.n ||
            !is_equal(op->look.key, op->key.bytes, op->look.key_bytes))
                return false;
        op->looked = value;
        return true;
}

/* ---- made ------------------------------------------------------------------- */

static weft_owner_t mine(const struct weft_agent *agent)
{
        return weft_owner_make(WEFT_OWNER_AGENT, agent->sig);
}

/* The block that the last replacement left to this agent, if it is as large as a new one
 * would be. Whatever it is, it is idle no more. */
static bool take_idle(struct weft_map_op *op, uint64_t bytes, weft_ref_t *ref,
                      uint8_t **at)
{
        weft_arena_t *arena = op->map->handle.arena;
        ref->v = weft_load_rlx(&op->desk->idle);
        if (!ref->v)
                return false;
        uint64_t room = 0, wanted = weft_block_room(bytes);
        bool fits = weft_load_rlx(&op->desk->idle_room) == wanted;
        weft_store_rlx(&op->desk->idle, 0);
        *at = NULL;
        if (WEFT_LIKELY_MAP(fits)) {
                uintptr_t there = (uintptr_t)weft_block_peek(arena, *ref, &room);
                *at = room == wanted ? (uint8_t *)there : NULL;
        }
        if (!*at)
                (void)weft_block_free_from(op->agent, *ref, mine(op->agent));
        return *at != NULL;
}

/* Crash in make: until it is given the block is the agent's and goes with it; after that
 * the desk names it. A death with a block idle: that is the agent's, too. */
int weft_map_entry_make(struct weft_map_op *op, uint64_t bytes, uint64_t expires_ms,
                        uint64_t *made, void **value)
{
        weft_arena_t *arena = op->map->handle.arena;
        struct weft_map_entry_shared head = {
                .expires_ms = expires_ms,
                .key_bytes = op->key.n,
                .value_bytes = (uint32_t)bytes,
        };
        uint64_t all = sizeof head + padded(op->key.n) + bytes;
        weft_ref_t ref;
        uint8_t *at;

        if (!take_idle(op, all, &ref, &at)) {
                void *fresh;
                int rc = weft_block_alloc(arena, all, &ref, &fresh);
                if (rc)
                        return rc;
                at = fresh;
        }
        weft_copy_in(at, &head, sizeof head);
        weft_copy_in(at + sizeof head, op->key.bytes, op->key.n);
        *value = at + sizeof head + padded(op->key.n);
        *made = ref.v;
        weft_store_rel(&op->desk->fresh, ref.v); /* [D] */
        return weft_block_pass(arena, ref, mine(op->agent),
                               weft_handle_owner(&op->map->handle));
}

void weft_map_entry_set(void *value, uint32_t key_bytes, uint64_t to, uint64_t expires_ms)
{
        struct weft_map_entry_shared head = {
                .expires_ms = expires_ms,
                .key_bytes = key_bytes,
                .value_bytes = sizeof to,
        };
        weft_copy_in(value, &to, sizeof to);
        weft_copy_in((uint8_t *)value - padded(key_bytes) - sizeof head, &head,
                     sizeof head);
}

/* ---- linked?, disposed of ----------------------------------------------------- */

/* That it is not linked any more is for ever, and a freed block has another generation: so
 * whatever is read here of a block that is going away does no harm. */
bool weft_map_linked(struct weft_map_op *op, uint64_t ref)
{
        struct weft_map_op of = { .map = op->map, .agent = op->agent };
        struct weft_map_look look;
        struct weft_map_seen seen;
        if (!weft_map_look(op, ref, &look) ||
            weft_map_hash(&of, look.key, look.key_bytes))
                return false;
        int rc = weft_map_find(&of, &seen);
        return rc == -ENOENT ? false : rc || seen.value == ref;
}

void weft_map_dispose(struct weft_map *map, struct weft_agent *agent, uint64_t ref)
{
        if (!weft_map_viewed(map, ref))
                (void)weft_block_free_from(agent, (weft_ref_t){ ref },
                                           weft_handle_owner(&map->handle));
}

/* Takes a block of the map, of one that nobody will look at again, for the next entry of
 * this agent, if he has none and it is not a large one. */
static bool keep_idle(struct weft_map_op *op, uint64_t ref)
{
        weft_ref_t renewed = { ref };
        uint64_t room;
        if (weft_load_rlx(&op->desk->idle) ||
            weft_block_renew(op->agent, &renewed, weft_handle_owner(&op->map->handle),
                             &room))
                return false;
        weft_store_rlx(&op->desk->idle_room, room);
        weft_store_rlx(&op->desk->idle, renewed.v);
        return true;
}

static void put_away(struct weft_map_op *op, uint64_t ref, bool keep)
{
        if (!weft_map_viewed(op->map, ref) && !(keep && keep_idle(op, ref)))
                (void)weft_block_free_from(op->agent, (weft_ref_t){ ref },
                                           weft_handle_owner(&op->map->handle));
}

/* Crash in done: what is still on the desk is not linked: recovery disposes of it. */
void weft_map_entry_done(struct weft_map_op *op, uint64_t was, uint64_t unused, bool keep)
{
        if (was)
                put_away(op, was, keep);
        if (unused)
                put_away(op, unused, keep);
        weft_store_rel(&op->desk->old, 0);   /* [D] */
        weft_store_rel(&op->desk->fresh, 0); /* [D] */
}

/* ---- recovery ------------------------------------------------------------------ */

static void settle(struct weft_map_op *op, weft_a64_t *word)
{
        uint64_t ref = weft_load_acq(word); /* [D] */
        if (ref && !weft_map_linked(op, ref))
                weft_map_dispose(op->map, op->agent, ref);
        weft_store_rel(word, 0); /* [D] */
}

/* Crash in recover: each of these may be done again. */
void weft_map_entries_recover(struct weft_map *map, struct weft_agent *agent,
                              struct weft_map_desk_shared *desk, uint32_t sig)
{
        struct weft_map_op op = { .map = map, .agent = agent, .desk = desk };
        weft_ref_t idle = { weft_load_rlx(&desk->idle) };

        weft_read_begin(agent);
        settle(&op, &desk->old);
        settle(&op, &desk->fresh);
        weft_map_views_recover(&op);
        weft_read_end(agent);
        if (idle.v)
                (void)weft_block_free_from(agent, idle,
                                           weft_owner_make(WEFT_OWNER_AGENT, sig));
        weft_store_rlx(&desk->idle, 0);
}
