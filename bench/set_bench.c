/* bench/set_bench.c -- sets beside maps: what members cost without values. For information. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/map.h>
#include <weft/set.h>
#include <weft/weft.h>

#include "bench/bench.h"

enum { MEMBERS = 1 << 16, ROUND = 64 };

struct both {
        weft_arena_t *arena;
        weft_set_t *set;
        weft_map_t *map; /* one of the two */
};

struct kind {
        bool set, inserts;
        uint32_t bytes;
};

struct trial {
        struct both both;
        const struct kind *kind;
};

static void must(bool claim)
{
        if (__builtin_expect(!claim, 0))
                bench_give_up("a set gave a wrong answer");
}

static uint32_t member(uint32_t bytes, uint64_t i, uint64_t at[4])
{
        for (uint64_t k = 0; k < 4; k++)
                at[k] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) + k;
        return bytes ? bytes : 16 + (uint32_t)i % 17;
}

static int add(struct both *b, const uint64_t *at, uint32_t n)
{
        return b->set ? weft_set_insert(b->set, at, n)
                      : weft_map_insert(b->map, at, n, at, 8);
}

static int drop(struct both *b, const uint64_t *at, uint32_t n)
{
        return b->set ? weft_set_remove(b->set, at, n) : weft_map_remove(b->map, at, n);
}

static int has(struct both *b, const uint64_t *at, uint32_t n)
{
        uint64_t value, bytes = 8;
        if (b->set)
                return weft_set_contains(b->set, at, n);
        return weft_map_get(b->map, at, n, &value, &bytes, NULL) == 0;
}

static void body(struct bench_worker *w, void *context)
{
        struct trial *t = context;
        uint64_t at[4], n = 0, x = 1;
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (int k = 0; k < ROUND; k++, n++) {
                        x = x * UINT64_C(6364136223846793005) +
                            UINT64_C(1442695040888963407);
                        uint64_t i = x >> 48;
                        uint32_t bytes = member(t->kind->bytes, i, at);
                        if (!t->kind->inserts) {
                                must(has(&t->both, at, bytes) == 1);
                        } else {
                                must(drop(&t->both, at, bytes) == 0);
                                must(add(&t->both, at, bytes) == 0);
                        }
                }
                bench_ops(w, n);
        }
}

static int make(struct both *b, const struct kind *kind)
{
        struct weft_set_options so = { .entries = MEMBERS, .member_bytes = kind->bytes };
        struct weft_map_options mo = { .entries = MEMBERS,
                                       .key_bytes = kind->bytes,
                                       .value_bytes = 8 };
        uint64_t at[4];
        int rc =
                bench_weft(weft_arena_create(NULL, NULL, &b->arena), "weft_arena_create");
        if (rc)
                return rc;
        rc = kind->set ? weft_set_create(b->arena, "bench", &so, &b->set)
                       : weft_map_create(b->arena, "bench", &mo, &b->map);
        for (uint64_t i = 0; i < MEMBERS && !rc; i++) {
                uint32_t n = member(kind->bytes, i, at);
                rc = add(b, at, n);
        }
        return bench_weft(rc, "filling it");
}

static int sample(const struct bench_side *side, double *value)
{
        struct trial trial = { .kind = side->subject };
        int rc = make(&trial.both, trial.kind);
        if (!rc) {
                struct bench_crew crew = {
                        .count = 1, .ms = bench.ms, .body = body, .context = &trial
                };
                rc = bench_crew_run(&crew);
                *value = (double)crew.elapsed / (double)(crew.slot[0].ops_at_stop + 1);
        }
        weft_set_close(trial.both.set);
        weft_map_close(trial.both.map);
        if (trial.both.arena)
                weft_arena_close(trial.both.arena);
        return rc;
}

#define SIDE(name, label, ...) \
        static const struct kind name##_kind = { __VA_ARGS__ }; \
        static const struct bench_side name = { label, sample, &name##_kind, NULL }

SIDE(has8_set, "weft set", true, false, 8);
SIDE(has8_map, "weft map", false, false, 8);
SIDE(add8_set, "weft set", true, true, 8);
SIDE(add8_map, "weft map", false, true, 8);
SIDE(has_set, "weft set", true, false, 0);
SIDE(has_map, "weft map", false, false, 0);
SIDE(add_set, "weft set", true, true, 0);
SIDE(add_map, "weft map", false, true, 0);

static const struct bench_row rows[] = {
        { "set.8.contains", "8 B, 65,536 members: contains", "ns", &has8_set, &has8_map,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "set.8.turn", "8 B, 65,536 members: remove and insert", "ns", &add8_set,
          &add8_map, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "set.32.contains", "16..32 B, 65,536 members: contains", "ns", &has_set,
          &has_map, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "set.32.turn", "16..32 B, 65,536 members: remove and insert", "ns", &add_set,
          &add_map, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(set, rows);
