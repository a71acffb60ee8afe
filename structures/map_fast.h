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

static inline __attribute__((always_inline)) void
weft_map_fetch_home(const struct weft_bucket_shared *home)
{
        __builtin_prefetch(home);
        __builtin_prefetch(&home->key3);
        weft_map_fetch_next(home);
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

/* Which may have it as key, or be a CLAIM for it, which has it where others have the value.
 * [edge] The values first: a CLAIM that becomes an entry has had its key written before. */
static inline __attribute__((always_inline)) uint32_t
weft_map_bid_mask(const struct weft_bucket_shared *b, uint64_t word)
{
        uint32_t mask = (uint32_t)(weft_load_acq(&b->cell0.lo) == word) |      /* [M] */
                        (uint32_t)(weft_load_acq(&b->cell1.lo) == word) << 1 | /* [M] */
                        (uint32_t)(weft_load_acq(&b->cell2.lo) == word) << 2 | /* [M] */
                        (uint32_t)(weft_load_acq(&b->cell3.lo) == word) << 3 | /* [M] */
                        (uint32_t)(weft_load_acq(&b->cell4.lo) == word) << 4;  /* [M] */
        __asm__("" : "+r"(mask));
        return mask | weft_map_key_mask(b, word);
}

/* Where a slot's key and cell are in its bucket, in bytes: key | cell << 32. */
#define WEFT_MAP_SPOT(key, cell) ((key) | (uint64_t)(cell) << 32)
#define WEFT_MAP_NO_SPOT UINT64_MAX
static const uint64_t weft_map_spots[WEFT_MAP_SLOTS] = {
        WEFT_MAP_SPOT(8, 16), WEFT_MAP_SPOT(48, 32), WEFT_MAP_SPOT(56, 80),
        WEFT_MAP_SPOT(64, 96), WEFT_MAP_SPOT(72, 112)
};

/* The spot of a key in this bucket; 0: nowhere. What waits here for memory keeps what comes
 * after it from beginning to wait: so it is to be few instructions, like all that follows. */
static inline __attribute__((always_inline)) uint64_t
weft_map_spot(const struct weft_bucket_shared *b, uint64_t word)
{
        static const uint64_t spots[5] = { WEFT_MAP_SPOT(8, 16), WEFT_MAP_SPOT(48, 32),
                                           WEFT_MAP_SPOT(56, 80), WEFT_MAP_SPOT(64, 96),
                                           WEFT_MAP_SPOT(72, 112) };
        uint64_t at = 0;
        at = weft_choose_acq(&b->key0, word, &spots[0], at);   /* [M] */
        at = weft_choose_acq(&b->key1, word, &spots[1], at);   /* [M] */
        at = weft_choose_acq(&b->key2, word, &spots[2], at);   /* [M] */
        at = weft_choose_acq(&b->key3, word, &spots[3], at);   /* [M] */
        return weft_choose_acq(&b->key4, word, &spots[4], at); /* [M] */
}

/* Its cell, and the pair in it; false if that is no entry, or not this key's any more. */
static inline __attribute__((always_inline)) bool
weft_map_read(struct weft_bucket_shared *b, uint64_t spot, uint64_t word,
              weft_a128_t **cell, struct weft_pair *pair)
{
        const weft_a64_t *key = (const void *)((const uint8_t *)b + (uint32_t)spot);
        *cell = (weft_a128_t *)(void *)((uint8_t *)b + (spot >> 32));
        pair->hi = weft_load_acq(&(*cell)->hi);                        /* [M] */
        pair->lo = weft_load_acq(&(*cell)->lo);                        /* [M] */
        return WEFT_LIKELY_MAP(weft_is_acq(key, word)) &&              /* [M] */
               WEFT_LIKELY_MAP(weft_is_acq(&(*cell)->hi, pair->hi)) && /* [M] */
               WEFT_LIKELY_MAP((pair->hi & 15) == WEFT_SLOT_MEMBER);
}

/* What the short way needs of weft_me.last: the current table, by its ref, and where that is;
 * as it was when this thread came the long way last; and its desk, or 0. A ref that was a
 * table is one as long as somebody who looks for it in root, reading, finds it there. */
enum { WEFT_MAP_REF, WEFT_MAP_BUCKETS, WEFT_MAP_SHIFT, WEFT_MAP_DESK };

void weft_map_note(struct weft_map *map); /* map_word.c: on the long way */

/* Most are in their home, in the table that is current: the short way.
 * Nothing is called, what it needs to end the reading is known from its beginning, and
 * whoever does not get to its end begins anew on the long way. */
struct weft_map_glanced {
        weft_a64_t *reading;
        uint64_t was; /* what stood there */
        struct weft_bucket_shared *home;
        uint64_t control;      /* of home, if ABSENT, */
        bool before;           /* and whether it has been in home some time */
        weft_a128_t *cell;     /* if THERE, */
        struct weft_pair pair; /* and what it was */
};

enum weft_map_sight {
        WEFT_MAP_UNSURE, /* look closely */
        WEFT_MAP_THERE,
        WEFT_MAP_ABSENT, /* only if asked to look further than home */
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

/* Is it the last bucket of the table, to which none is next? */
static inline bool weft_map_is_last(const struct weft_bucket_shared *b)
{
        const struct weft_last *last = &weft_me.last;
        const struct weft_bucket_shared *buckets = (void *)last->of[WEFT_MAP_BUCKETS];
        return b + 1 == buckets + (UINT64_C(1) << (-last->of[WEFT_MAP_SHIFT] & 63));
}

/* The slots of a bucket that have the word as key, one by one: one that is EMPTY has had it. The
 * spot of what is there, 0 if nothing is, and NO_SPOT if that cannot be told. */
static __attribute__((noinline)) uint64_t weft_map_sift(struct weft_bucket_shared *b,
                                                        uint64_t word)
{
        for (uint32_t m = weft_map_key_mask(b, word); m; m &= m - 1) {
                uint32_t slot = (uint32_t)__builtin_ctz(m);
                const weft_a64_t *meta = &weft_slot_cell(b, slot)->hi;
                uint64_t is = weft_load_acq(meta);                   /* [M] */
                if (weft_load_acq(weft_slot_key(b, slot)) != word || /* [M] */
                    weft_load_acq(meta) != is)                       /* [M] */
                        return WEFT_MAP_NO_SPOT;
                if (weft_meta_state(is) == WEFT_SLOT_MEMBER)
                        return weft_map_spots[slot];
                if (weft_meta_state(is) != WEFT_SLOT_EMPTY)
                        return WEFT_MAP_NO_SPOT;
        }
        return 0;
}

static inline __attribute__((always_inline)) enum weft_map_sight
weft_map_look_in(struct weft_bucket_shared *b, uint64_t word, bool further,
                 struct weft_map_glanced *g)
{
        uint64_t spot = weft_map_spot(b, word);
        g->before = spot != 0;
        if (!spot)
                return WEFT_MAP_ABSENT;
        if (WEFT_LIKELY_MAP(weft_map_read(b, spot, word, &g->cell, &g->pair)))
                return WEFT_MAP_THERE;
        if (!further || (spot = weft_map_sift(b, word)) == WEFT_MAP_NO_SPOT)
                return WEFT_MAP_UNSURE;
        if (!spot)
                return WEFT_MAP_ABSENT;
        return weft_map_read(b, spot, word, &g->cell, &g->pair) ? WEFT_MAP_THERE
                                                                : WEFT_MAP_UNSURE;
}

/* Looks for a key in a reading that begins here. Not `further`: at home only, and never ABSENT. */
static inline __attribute__((always_inline)) enum weft_map_sight
weft_map_look_home(struct weft_map *map, uint64_t word, uint64_t hash, bool change,
                   bool further, struct weft_map_glanced *g)
{
        const struct weft_last *last = &weft_me.last;
        weft_a128_t *root = &map->sh->root;
        struct weft_bucket_shared *buckets = (void *)last->of[WEFT_MAP_BUCKETS];
        struct weft_bucket_shared *home =
                &buckets[hash >> (last->of[WEFT_MAP_SHIFT] & 63)];
        weft_map_fetch_next(home);
        g->home = home;
        g->reading = &weft_me.agent->seat->reading;
        g->was = weft_read_open(g->reading);
        if (WEFT_UNLIKELY_MAP(
                    !weft_is_acq(&root->lo, last->of[WEFT_MAP_REF])) || /* [R] */
            WEFT_UNLIKELY_MAP(change && weft_load_acq(&root->hi)))      /* [R] */
                return WEFT_MAP_UNSURE;
        enum weft_map_sight sight = weft_map_look_in(home, word, further, g);
        if (WEFT_LIKELY_MAP(sight == WEFT_MAP_THERE))
                return sight;
        if (!further || sight == WEFT_MAP_UNSURE)
                return WEFT_MAP_UNSURE;
        bool before = g->before;
        g->pair = (struct weft_pair){ 0, 0 };
        g->control = weft_load_acq(&home->control); /* [C] */
        uint64_t most = (UINT64_C(1) << (-last->of[WEFT_MAP_SHIFT] & 63)) - 1;
        uint32_t reach = (uint32_t)(g->control >> 8) & 63;
        for (uint32_t d = 1; d <= reach && d <= most; d++) {
                uint64_t i = (uint64_t)(home - buckets) + d * (d + 1) / 2;
                sight = weft_map_look_in(&buckets[i & most], word, true, g);
                if (sight != WEFT_MAP_ABSENT)
                        return sight;
        }
        g->before = before;
        return g->control & WEFT_BUCKET_SEALED ? WEFT_MAP_UNSURE : WEFT_MAP_ABSENT;
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
