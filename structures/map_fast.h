/* structures/map_fast.h -- the short way to an entry: tables met before, the home bucket. */
#ifndef WEFT_STRUCTURES_MAP_FAST_H
#define WEFT_STRUCTURES_MAP_FAST_H

#include "structures/map_internal.h"

/* map_move.c: checks a table and remembers it. */
WEFT_CHECK int weft_map_meet(struct weft_map *map, uint64_t ref,
                             struct weft_map_table *table);

/* A ref that was a table is one as long as somebody who looks for it in root, reading, can
 * find it there; so its bits are kept. Two words: `lo` twice the same, and `hi` is its. */
static inline __attribute__((always_inline)) int
weft_map_table_at(struct weft_map *map, uint64_t ref, struct weft_map_table *t)
{
        const weft_arena_t *arena = map->handle.arena;
        const weft_a128_t *known = &map->known[0];
        if (__builtin_expect(weft_load_acq(&known->lo) != ref, 0)) /* [K] */
                known = &map->known[1];
        bool met = weft_load_acq(&known->lo) == ref;        /* [K] */
        t->bits = (uint32_t)weft_load_acq(&known->hi);      /* [K] */
        met &= weft_load_rlx(&known->lo) == ref && t->bits; /* bits 0: nothing yet */
        t->ref = ref;
        if (__builtin_expect(!met, 0)) {
                int rc = weft_map_meet(map, ref, t);
                if (rc)
                        return rc;
        }
        t->sh = (void *)(arena->base + arena->geo.data_at +
                         weft_ref_offset((weft_ref_t){ ref }));
        t->buckets = (struct weft_bucket_shared *)(void *)(t->sh + 1);
        return 0;
}

/* What is not in its home is mostly in the bucket next to it, which is fetched together with the
 * home: who finds only then that he needs it has guessed wrong, and waits for memory twice.
 * Next to the last one is nothing; that does no harm. */
static inline __attribute__((always_inline)) void
weft_map_fetch_next(const struct weft_bucket_shared *home)
{
        __builtin_prefetch(&home[1]);
        __builtin_prefetch(&home[1].key3);
}

/* Which slots have this word as key: without a branch for each, for that is guessed wrong
 * most times, and the guess costs the whole wait for memory. */
static inline __attribute__((always_inline)) uint32_t
weft_map_key_mask(const struct weft_bucket_shared *b, uint64_t word)
{
        uint32_t mask = (uint32_t)(weft_load_acq(&b->key0) == word) |      /* [M] */
                        (uint32_t)(weft_load_acq(&b->key1) == word) << 1 | /* [M] */
                        (uint32_t)(weft_load_acq(&b->key2) == word) << 2 | /* [M] */
                        (uint32_t)(weft_load_acq(&b->key3) == word) << 3 | /* [M] */
                        (uint32_t)(weft_load_acq(&b->key4) == word) << 4;  /* [M] */
        __asm__("" : "+r"(mask)); /* nor shall the compiler make one */
        return mask;
}

/* `at` if the two are equal, else what was so far: never by a branch. */
static inline __attribute__((always_inline)) uint64_t
weft_map_pick(uint64_t so_far, uint64_t at, uint64_t key, uint64_t word)
{
        __asm__("cmpq %2, %3\n\tcmoveq %1, %0"
                : "+r"(so_far)
                : "r"(at), "r"(key), "r"(word)
                : "cc");
        return so_far;
}

/* The cell of a key of an inlined map, if it is at home and an entry; its pair in `pair`.
 * False: look closely. What waits here for memory keeps what comes after it from beginning to
 * wait: so it is to be few instructions. */
static inline __attribute__((always_inline)) bool
weft_map_glance(struct weft_bucket_shared *b, uint64_t word, weft_a128_t **cell,
                struct weft_pair *pair)
{
        static const uint8_t cell_of[10] = {
                [1] = 16, [6] = 32, [7] = 80, [8] = 96, [9] = 112
        }; /* by word */
        uint64_t at = 0;
        at = weft_map_pick(at, 1, weft_load_acq(&b->key0), word); /* [M] */
        at = weft_map_pick(at, 6, weft_load_acq(&b->key1), word); /* [M] */
        at = weft_map_pick(at, 7, weft_load_acq(&b->key2), word); /* [M] */
        at = weft_map_pick(at, 8, weft_load_acq(&b->key3), word); /* [M] */
        at = weft_map_pick(at, 9, weft_load_acq(&b->key4), word); /* [M] */
        if (__builtin_expect(!at, 0))
                return false;
        *cell = (weft_a128_t *)(void *)((uint8_t *)b + cell_of[at]);
        pair->hi = weft_load_acq(&(*cell)->hi);                       /* [M] */
        pair->lo = weft_load_acq(&(*cell)->lo);                       /* [M] */
        uint64_t differs = (weft_load_acq(&b->control + at) ^ word) | /* [M] */
                           (weft_load_acq(&(*cell)->hi) ^ pair->hi) | /* [M] */
                           ((pair->hi & 15) ^ WEFT_SLOT_MEMBER);
        return __builtin_expect(!differs, 1);
}

/* What the short way needs of weft_me.last: the current table, by its ref, and where that is;
 * as it was when this thread came the long way last. A ref that was a table is one as long as
 * somebody who looks for it in root, reading, finds it there. */
enum { WEFT_MAP_REF, WEFT_MAP_BUCKETS, WEFT_MAP_SHIFT };

void weft_map_note(struct weft_map *map); /* map.c: on the long way */

/* Most are in their home or the bucket next to it, in the table that is current: the short way.
 * Nothing is called, what it needs to end the reading is known from its beginning, and
 * whoever does not get to its end begins anew on the long way. */
struct weft_map_glanced {
        weft_a64_t *reading;
        uint64_t was; /* what stood there */
        weft_a128_t *cell;
        struct weft_pair pair; /* what it was */
};

/* By which this thread remembers a handle: maps of words and of blocks are told apart. */
static inline uint64_t weft_map_number(const struct weft_map *map, bool words)
{
        return words ? map->handle.number : ~map->handle.number;
}

/* This thread came with this handle last, and is who it was then. */
static inline __attribute__((always_inline)) bool weft_map_may(const struct weft_map *map,
                                                               bool words)
{
        return WEFT_LIKELY_MAP(map != NULL) &&
               WEFT_LIKELY_MAP(weft_me.last.handle == weft_map_number(map, words)) &&
               WEFT_LIKELY_MAP(weft_alive->raw);
}

/* An entry, in a reading that begins here. */
static inline __attribute__((always_inline)) bool
weft_map_at_home(struct weft_map *map, uint64_t word, uint64_t hash, bool change,
                 struct weft_map_glanced *g)
{
        const struct weft_last *last = &weft_me.last;
        weft_a128_t *root = &map->sh->root;
        struct weft_bucket_shared *buckets = (void *)last->of[WEFT_MAP_BUCKETS];
        struct weft_bucket_shared *home =
                &buckets[hash >> (last->of[WEFT_MAP_SHIFT] & 63)];
        weft_map_fetch_next(home);
        g->reading = &weft_me.agent->seat->reading;
        g->was = weft_read_open(g->reading);
        if (WEFT_UNLIKELY_MAP(weft_load_acq(&root->lo) !=
                              last->of[WEFT_MAP_REF]) ||           /* [R] */
            WEFT_UNLIKELY_MAP(change && weft_load_acq(&root->hi))) /* [R] */
                return false;
        if (WEFT_LIKELY_MAP(weft_map_glance(home, word, &g->cell, &g->pair)))
                return true;
        return home + 1 != buckets + (UINT64_C(1) << (-last->of[WEFT_MAP_SHIFT] & 63)) &&
               weft_map_glance(home + 1, word, &g->cell, &g->pair);
}

/* What is in this slot of op->key: EMPTY is nothing. A key is written in CLAIM, so who
 * does not see it here finds that it was not an entry, proposal or moved one of this slot at
 * that time; who does looks again at key and meta after all else, so that they belong
 * together, and what was compared was alive. */
static inline __attribute__((always_inline)) enum weft_map_state
weft_map_match(struct weft_map_op *op, struct weft_bucket_shared *b, uint32_t slot,
               bool inlined, struct weft_map_seen *seen)
{
        weft_a64_t *key = weft_slot_key(b, slot);
        weft_a128_t *cell = weft_slot_cell(b, slot);

        while (__builtin_expect(weft_load_acq(key) == op->key.word, 0)) { /* [M] */
                uint64_t meta = weft_load_acq(&cell->hi);                 /* [M] */
                enum weft_map_state state = weft_meta_state(meta);
                if (state < WEFT_SLOT_TENT || state == WEFT_SLOT_LOST)
                        return WEFT_SLOT_EMPTY;
                uint64_t value = weft_load_acq(&cell->lo); /* [M] */
                bool same =
                        inlined || state >= WEFT_SLOT_MOVED || weft_map_same(op, value);
                if (__builtin_expect(weft_load_acq(key) != op->key.word ||     /* [M] */
                                             weft_load_acq(&cell->hi) != meta, /* [M] */
                                     0))
                        continue;
                if (__builtin_expect(!same, 0))
                        return WEFT_SLOT_EMPTY;
                seen->bucket = b;
                seen->slot = slot;
                seen->value = value;
                seen->meta = meta;
                return state;
        }
        return WEFT_SLOT_EMPTY;
}

/* Looks through a bucket. MEMBER or FROZEN: found; MOVED: something of it was; EMPTY:
 * nothing. */
static inline __attribute__((always_inline)) enum weft_map_state
weft_map_search(struct weft_map_op *op, struct weft_bucket_shared *b, bool inlined,
                struct weft_map_seen *seen)
{
        enum weft_map_state found = WEFT_SLOT_EMPTY;
        uint32_t mask = weft_map_key_mask(b, op->key.word);
        for (; mask; mask &= mask - 1) {
                enum weft_map_state s = weft_map_match(
                        op, b, (uint32_t)__builtin_ctz(mask), inlined, seen);
                if (s == WEFT_SLOT_MEMBER || s == WEFT_SLOT_FROZEN)
                        return s;
                if (s >= WEFT_SLOT_MOVED)
                        found = WEFT_SLOT_MOVED;
        }
        return found;
}

/* Which slots nobody has. */
static inline uint32_t weft_map_empty_mask(const struct weft_bucket_shared *b)
{
        uint32_t used =
                (uint32_t)((weft_load_acq(&b->cell0.hi) & 15) != 0) |      /* [M] */
                (uint32_t)((weft_load_acq(&b->cell1.hi) & 15) != 0) << 1 | /* [M] */
                (uint32_t)((weft_load_acq(&b->cell2.hi) & 15) != 0) << 2 | /* [M] */
                (uint32_t)((weft_load_acq(&b->cell3.hi) & 15) != 0) << 3 | /* [M] */
                (uint32_t)((weft_load_acq(&b->cell4.hi) & 15) != 0) << 4;  /* [M] */
        return ~used & 31;
}

#endif
