/* bench/array_bench.c -- what a checked access costs beside a plain one. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "bench/bench.h"

enum { LENGTH = 4096, SPAN_BYTES = LENGTH * 8 };

struct set {
        weft_arena_t *arena;
        weft_array_t *array;
        _Atomic(uint64_t) *plain;
};

struct kind {
        void (*body)(struct bench_worker *w, void *set);
        unsigned workers;
};

static void must(int rc)
{
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("weft_array: %s", weft_strerror(rc));
}

#define LOOP(name, operation) \
        static void name(struct bench_worker *w, void *context) \
        { \
                struct set *set = context; \
                uint64_t n = 0, sum = 0, v = 0; \
                bench_ready(w); \
                while (!bench_stopping(w)) { \
                        for (uint64_t i = 0; i < LENGTH; i++, n++) { \
                                operation; \
                                sum += v; \
                        } \
                        bench_ops(w, n); \
                } \
                w->slot->sum = sum; \
        }

LOOP(load_ours, must(weft_array_load64(set->array, i, &v)))
LOOP(load_plain, v = atomic_load_explicit(&set->plain[i], memory_order_acquire))
LOOP(store_ours, must(weft_array_store64(set->array, i, n)))
LOOP(store_plain, atomic_store_explicit(&set->plain[i], n, memory_order_release))
LOOP(add_ours, must(weft_array_add64(set->array, i, 1, &v)))
LOOP(add_plain, v = atomic_fetch_add(&set->plain[i], 1))
LOOP(one_ours, must(weft_array_add64(set->array, 0, 1, &v)))
LOOP(one_plain, v = atomic_fetch_add(&set->plain[0], 1))

static int sample(const struct bench_side *side, double *value)
{
        const struct kind *kind = side->subject;
        struct weft_array_options options = { .length = LENGTH, .element_bytes = 8 };
        struct set set = { .plain = bench_shared(SPAN_BYTES) };
        int rc = bench_weft(weft_arena_create(NULL, NULL, &set.arena),
                            "weft_arena_create");
        if (rc)
                return rc;
        rc = bench_weft(weft_array_create(set.arena, "bench", &options, &set.array),
                        "weft_array_create");
        if (!rc) {
                struct bench_crew crew = { .count = kind->workers,
                                           .ms = bench.ms,
                                           .body = kind->body,
                                           .context = &set };
                rc = bench_crew_run(&crew);
                uint64_t ops = 0;
                for (unsigned i = 0; i < crew.count; i++)
                        ops += crew.slot[i].ops_at_stop;
                *value = (double)crew.elapsed / (double)(ops + 1);
                weft_array_close(set.array);
        }
        bench_unshare(set.plain, SPAN_BYTES);
        weft_arena_close(set.arena);
        return rc;
}

#define SIDE(name, label, body, workers) \
        static const struct kind name##_kind = { body, workers }; \
        static const struct bench_side name = { label, sample, &name##_kind, NULL }

SIDE(load_weft, "weft", load_ours, 1);
SIDE(load_c, "C11 atomic", load_plain, 1);
SIDE(store_weft, "weft", store_ours, 1);
SIDE(store_c, "C11 atomic", store_plain, 1);
SIDE(add_weft, "weft", add_ours, 1);
SIDE(add_c, "C11 atomic", add_plain, 1);
SIDE(one_weft, "weft", one_ours, 2);
SIDE(one_c, "C11 atomic", one_plain, 2);

static const struct bench_row rows[] = {
        { "array.load64", "8 B: load with acquire, one after the other", "ns", &load_weft,
          &load_c, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "array.store64", "8 B: store with release, one after the other", "ns",
          &store_weft, &store_c, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "array.add64", "8 B: atomic add, one after the other", "ns", &add_weft, &add_c,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "array.add64.two", "8 B: two processes add to one element", "ns", &one_weft,
          &one_c, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(array, rows);
