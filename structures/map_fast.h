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

/* Which slots have this word as key: without a branch for each, for that is guessed wrong
 * most times, and the guess costs the whole wait for memory. */
static inline __attribute__((always_inline)) uint32_t
weft_map_key_mask(const struct weft_bucket_shared *b, uint64_t word)
{
        return (uint32_t)(weft_load_acq(&b->key0) == word) |      /* [M] */
               (uint32_t)(weft_load_acq(&b->key1) == word) << 1 | /* [M] */
               (uint32_t)(weft_load_acq(&b->key2) == word) << 2 | /* [M] */
               (uint32_t)(weft_load_acq(&b->key3) == word) << 3 | /* [M] */
               (uint32_t)(weft_load_acq(&b->key4) == word) << 4;  /* [M] */
}

/* Is a key of an inlined map at home, as an entry? False: look closely. */
static inline __attribute__((always_inline)) bool
weft_map_glance(struct weft_bucket_shared *b, uint64_t key, struct weft_map_seen *seen)
{
        uint32_t hit = weft_map_key_mask(b, key);
        if (__builtin_expect(!hit, 0))
                return false;
        uint32_t slot = (uint32_t)__builtin_ctz(hit);
        const weft_a128_t *cell = weft_slot_cell(b, slot);
        seen->bucket = b;
        seen->slot = slot;
        seen->meta = weft_load_acq(&cell->hi);                    /* [M] */
        seen->value = weft_load_acq(&cell->lo);                   /* [M] */
        bool same = weft_load_acq(weft_slot_key(b, slot)) == key; /* [M] */
        same &= weft_load_acq(&cell->hi) == seen->meta;           /* [M] */
        return __builtin_expect(same & (weft_meta_state(seen->meta) == WEFT_SLOT_MEMBER),
                                1);
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
