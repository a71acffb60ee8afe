/* tests/crash/map_kit.h -- what the sweeps and grids of maps share: maps of 8-byte keys and
 * values in states made by hand, and what must be true of them in the end. */
#ifndef WEFT_TESTS_CRASH_MAP_KIT_H
#define WEFT_TESTS_CRASH_MAP_KIT_H

#include <errno.h>

#include <weft/map.h>
#include <weft/object.h>

#include "structures/map_hash.h"
#include "structures/map_internal.h"
#include "tests/harness/weft_kit.h"

enum {
        KEYS = 64,  /* keys are below; their value is key * 100 */
        FRESH = 60, /* the key that operations insert: never there before */
        NEVER = 99, /* and one that nobody inserts */
};

static inline weft_map_t *map_of(const struct crash *c)
{
        return c->handle;
}

static inline void make_map(struct crash *c)
{
        struct weft_map_options options = { .key_bytes = 8, .value_bytes = 8 };
        weft_map_t *map;
        weft_kit_create(c);
        WEFT_MUST(c, weft_map_create(arena_of(c), "m", &options, &map));
        map->seed = 7; /* every run the same */
        map->flip = weft_map_flip(map->seed);
        map->sh->seed = 7;
        c->handle = map;
}

static inline void open_map(struct crash *c)
{
        weft_map_t *map;
        weft_kit_open(c);
        WEFT_MUST(c, weft_map_open(arena_of(c), "m", &map));
        c->handle = map;
}

static inline void fill(struct crash *c, uint64_t from, uint64_t to)
{
        for (uint64_t k = from; k < to; k++)
                WEFT_MUST(c, weft_map_put64(map_of(c), k, k * 100));
}

/* So many that the home of FRESH is full: what is inserted there comes into the next bucket, and
 * the reach is to be raised. */
enum { FULL_HOME = 20 };

static inline void fill_home(struct crash *c)
{
        struct weft_map_table t, next;
        uint32_t used = 0;
        make_map(c);
        fill(c, 0, FULL_HOME);
        WEFT_MUST(c, weft_map_tables(map_of(c), &t, &next));
        uint64_t home = weft_map_home(&t, weft_map_hash_word(FRESH, 7));
        for (uint32_t s = 0; s < WEFT_MAP_SLOTS; s++)
                used += weft_load_acq(&weft_slot_cell(&t.buckets[home], s)->hi) != 0;
        CRASH_MUST(c, CRASH_BROKEN, used == WEFT_MAP_SLOTS);
        CRASH_MUST(c, CRASH_BROKEN, !weft_load_acq(&t.buckets[home].control));
}

/* A `prepare`: it has been here before, so its next operation goes the short way. */
static inline void warm(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, weft_map_remove64(map_of(c), NEVER) == -ENOENT);
        CRASH_MUST(c, CRASH_BROKEN, weft_map_remove64(map_of(c), NEVER) == -ENOENT);
}

/* Gives the map a next table, whatever is in it. */
static inline void begin_move(struct crash *c, uint32_t bits)
{
        struct weft_map_op op;
        struct weft_map_table current, next;
        WEFT_MUST(c, weft_map_begin(&op, map_of(c), true));
        WEFT_MUST(c, weft_map_tables(map_of(c), &current, &next));
        op.table = current;
        op.before.sh = NULL;
        CRASH_MUST(c, CRASH_BROKEN, current.bits != bits || !next.sh);
        while (current.bits < bits) {
                WEFT_MUST(c, weft_map_grow(&op));
                WEFT_MUST(c, weft_map_tables(map_of(c), &current, &next));
                if (next.sh && next.bits == bits)
                        break;
        }
        weft_map_end(&op);
}

/* How often key k is an entry, in both tables: FROZEN and its copy are one. */
static inline uint32_t count_key(struct crash *c, uint64_t k, bool *open)
{
        struct weft_map_table t[2];
        uint32_t n[2] = { 0 }, frozen = 0;
        WEFT_MUST(c, weft_map_tables(map_of(c), &t[0], &t[1]));
        for (int i = 0; i < 2 && t[i].sh; i++)
                for (uint64_t b = 0; b < weft_map_buckets(&t[i]); b++)
                        for (uint32_t s = 0; s < WEFT_MAP_SLOTS; s++) {
                                struct weft_bucket_shared *at = &t[i].buckets[b];
                                uint64_t meta = weft_load_acq(&weft_slot_cell(at, s)->hi);
                                enum weft_map_state state = weft_meta_state(meta);
                                *open |= state >= WEFT_SLOT_CLAIM &&
                                         state <= WEFT_SLOT_LOST;
                                if (weft_load_acq(weft_slot_key(at, s)) != k)
                                        continue;
                                frozen += state == WEFT_SLOT_FROZEN;
                                n[i] += state == WEFT_SLOT_MEMBER ||
                                        state == WEFT_SLOT_FROZEN;
                        }
        if (n[0] > 1 || n[1] > 1 || (n[0] && n[1] && !frozen))
                return 2;
        return n[0] || n[1];
}

/* Every key at most once, found by get, with its value; nothing half done anywhere, if the
 * dead are settled and nobody is at it. How many entries there are. */
static inline uint64_t check_keys(struct crash *c, bool settled)
{
        uint64_t entries = 0;
        for (uint64_t k = 0; k < KEYS; k++) {
                uint64_t value = 0;
                bool open = false;
                uint32_t n = count_key(c, k, &open);
                CRASH_MUST(c, CRASH_DUPLICATED, n <= 1);
                CRASH_MUST(c, CRASH_LEAKED, !settled || !open);
                int rc = weft_map_get64(map_of(c), k, &value);
                CRASH_MUST(c, CRASH_BROKEN, rc == (n ? 0 : -ENOENT));
                CRASH_MUST(c, CRASH_BROKEN, !n || value / 100 == k);
                entries += n;
        }
        return entries;
}

/* The end of every case. */
static inline void verify_rest(struct crash *c, int64_t slack)
{
        struct weft_map_info info;
        uint64_t entries = check_keys(c, true);
        WEFT_MUST(c, weft_map_info(map_of(c), &info));
        int64_t off = (int64_t)(info.entries - entries);
        CRASH_MUST(c, CRASH_BROKEN, off <= slack && off >= -slack);
        weft_kit_whole(c);
        for (uint64_t k = 0; k < KEYS; k++) { /* all is as good as new */
                WEFT_MUST(c, weft_map_put64(map_of(c), k, k * 100 + 7));
                check_keys(c, true);
        }
        for (uint64_t k = 0; k < KEYS; k++)
                WEFT_MUST(c, weft_map_remove64(map_of(c), k));
        CRASH_MUST(c, CRASH_DUPLICATED, check_keys(c, true) == 0);
        weft_map_close(map_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "m"));
        weft_kit_nothing_left(c, 0);
}

#endif
