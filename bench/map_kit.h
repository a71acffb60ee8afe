/* bench/map_kit.h -- keys, values and mixes for maps, and what each map has to offer.
 *
 * Entry i has a key that is made of i, and a value made of i and a stamp: whoever reads
 * checks that the one belongs to the other. Each map is filled once and then serves all
 * samples; workers are forked from the process that filled it.
 */
#ifndef WEFT_BENCH_MAP_KIT_H
#define WEFT_BENCH_MAP_KIT_H

#include <string.h>

#include "bench/bench.h"

enum map_kind { MAP_8, MAP_64, MAP_1K, MAP_KINDS }; /* by value; keys: 8 B, or 16..32 B */

enum {
        MAP_KEY_MOST = 32,
        MAP_VALUE_MOST = 1024,
        MAP_STREAM = 1 << 20, /* indices drawn beforehand */
};

/* How many entries a map of this kind has, and their keys and values in all. */
uint64_t map_entries(enum map_kind kind);
double map_payload(enum map_kind kind);

struct map_mix {
        enum map_kind kind;
        unsigned writes; /* of 4096 operations */
        unsigned workers;
        const uint32_t *(*stream)(void); /* NULL: uniform, drawn on the way */
};

/* One that is filled on first use. */
struct map_store {
        const char *name;
        int (*fill)(enum map_kind kind); /* 0, or what bench_cannot() returned */
        void (*body[MAP_KINDS])(struct bench_worker *worker, void *mix);
};

extern const struct map_store map_weft, map_ck, map_lmdb, map_boost, map_redis;

/* A body that inserts entries 0 .. *(uint64_t *)context into an empty table of its own. */
void map_ck_load(struct bench_worker *worker, void *context);

const uint32_t *map_stream_uniform(void);
const uint32_t *map_stream_zipf(void); /* exponent 0.99, over the entries of MAP_8 */

struct map_trial {
        const struct map_store *store;
        struct map_mix mix;
};
/* A side's sample: subject is a map_trial. Millions of operations a second, by all. */
int map_sample(const struct bench_side *side, double *value);

/* ---- keys and values ------------------------------------------------------ */

BENCH_INLINE uint64_t map_key(uint64_t i)
{
        i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        i = (i ^ (i >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        i = (i ^ (i >> 27)) * UINT64_C(0x94d049bb133111eb);
        return i ^ (i >> 31);
}

BENCH_INLINE uint64_t map_value(uint64_t key, uint64_t stamp)
{
        return (key * UINT64_C(0xd6e8feb86659fd93) & ~UINT64_C(0xfffff)) |
               (stamp & 0xfffff);
}

BENCH_INLINE bool map_fits(uint64_t key, uint64_t value)
{
        return ((value ^ key * UINT64_C(0xd6e8feb86659fd93)) >> 20) == 0;
}

/* 16 to 32 bytes; returns how many. */
BENCH_INLINE uint32_t map_long_key(uint64_t i, uint64_t key[MAP_KEY_MOST / 8])
{
        uint64_t h = map_key(i);
        key[0] = h;
        key[1] = h * UINT64_C(0xff51afd7ed558ccd);
        key[2] = h * UINT64_C(0xc4ceb9fe1a85ec53);
        key[3] = h * UINT64_C(0x2545f4914f6cdd1d);
        return 16 + (uint32_t)(h % 17);
}

BENCH_INLINE void map_long_value(uint64_t key, uint64_t stamp, uint64_t *value,
                                 size_t bytes)
{
        uint64_t word = map_value(key, stamp);
        for (size_t j = 0; j < bytes / 8; j++)
                value[j] = word + j * key;
}

/* All words of short values, every eighth (one a line) and the last of long ones. */
BENCH_INLINE bool map_long_fits(uint64_t key, const uint64_t *value, size_t bytes)
{
        size_t words = bytes / 8, step = words > 64 ? 8 : 1;
        bool fits = map_fits(key, value[0]) &&
                    value[words - 1] == value[0] + (words - 1) * key;
        for (size_t j = 0; j < words; j += step)
                fits &= value[j] == value[0] + j * key;
        return fits;
}

/* ---- a worker ------------------------------------------------------------- */

BENCH_INLINE uint64_t map_random(uint64_t *x)
{
        return *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

BENCH_INLINE uint64_t map_below(uint64_t random, uint64_t n)
{
        return (random >> 32) * n >> 32;
}

/* Inlined into each store's own body, with its own get and put. */
BENCH_INLINE void map_work(struct bench_worker *w, const struct map_mix *mix,
                           void (*enter)(unsigned index), void (*get)(uint64_t i),
                           void (*put)(uint64_t i, uint64_t stamp))
{
        enum { ROUND = 64 };
        uint64_t entries = map_entries(mix->kind), n = 0, at = 0;
        uint64_t x = map_key(w->index + 77 + bench_now() % 1000), stamp = x;
        const uint32_t *stream = mix->stream ? mix->stream() : NULL;
        enter(w->index);
        for (uint64_t i = w->index; i < entries; i += 16)
                get(i); /* the pages are there, and the first steps are done */
        bench_ready(w);
        at = x % MAP_STREAM / ROUND * ROUND;
        while (!bench_stopping(w)) {
                for (unsigned k = 0; k < ROUND; k++) {
                        uint64_t r = map_random(&x);
                        uint64_t i = stream ? stream[at + k] : map_below(r, entries);
                        if ((r >> 20 & 4095) < mix->writes)
                                put(i, stamp++);
                        else
                                get(i);
                }
                at = (at + ROUND) % MAP_STREAM;
                bench_ops(w, n += ROUND);
        }
}

#define MAP_BODY(name) \
        static void name##_body(struct bench_worker *w, void *mix) \
        { \
                map_work(w, mix, name##_enter, name##_get, name##_put); \
        }

#endif
