/* bench/select_bench.c -- waiting for many, beside waiting for one. */
#define _GNU_SOURCE
#include <stdio.h>

#include "bench/sync_peers.h"

static void drop(struct sync_set *set)
{
        for (unsigned i = 0; i < set->kind->n; i++)
                weft_queue_close(set->object[i]);
}

static int make(struct sync_set *set)
{
        struct weft_queue_options options = { .capacity = 1024, .element_bytes = 8 };
        int rc = 0;
        for (unsigned i = 0; i < set->kind->n && !rc; i++) {
                char name[16];
                weft_queue_t *queue = NULL;
                snprintf(name, sizeof name, "%u", i);
                rc = weft_queue_create(set->arena, name, &options, &queue);
                set->object[i] = queue;
        }
        return bench_weft(rc, "weft_queue_create");
}

/* ---- one sleeps until there is an element in one of n queues ------------------------ */

static void push(const struct sync_set *set, uint64_t i, uint64_t now)
{
        SYNC_MUST(weft_queue_push(set->object[i % set->kind->n], &now, WEFT_NEVER));
}

static uint64_t select_one(const struct sync_set *set)
{
        struct weft_case cases[SYNC_OBJECTS] = { 0 };
        uint64_t x = 0;
        for (unsigned i = 0; i < set->kind->n; i++)
                cases[i] = (struct weft_case){ .object = set->object[i],
                                               .op = WEFT_OP_POP,
                                               .to = &x };
        int rc = weft_select(cases, set->kind->n, 0, WEFT_NEVER);
        SYNC_MUST(rc);
        SYNC_MUST(cases[rc].result);
        return x;
}

static uint64_t pop(const struct sync_set *set)
{
        uint64_t x = 0;
        SYNC_MUST(weft_queue_pop(set->object[0], &x, WEFT_NEVER));
        return x;
}

SYNC_CALLS(wake_select, push, select_one)
SYNC_CALLS(wake_pop, push, pop)

/* ---- there are elements in both of two queues ---------------------------------------- */

enum { FILL = 512 };

static void fill(const struct sync_set *set)
{
        for (uint64_t i = 0; i < set->kind->n * FILL; i++)
                push(set, i, i);
}

static void ready_select(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0, next[2] = { 0, 1 }, x = 0;
        struct weft_case cases[2];
        for (unsigned i = 0; i < 2; i++)
                cases[i] = (struct weft_case){ .object = set->object[i],
                                               .op = WEFT_OP_POP,
                                               .to = &x };
        fill(set);
        bench_ready(w);
        while (!bench_stopping(w)) {
                int rc = weft_select(cases, 2, 0, WEFT_NEVER);
                SYNC_MUST(rc);
                BENCH_CHECK(cases[rc].result == 0 && x == next[rc]);
                next[rc] += 2;
                x += 2 * (uint64_t)FILL;
                SYNC_MUST(weft_queue_push(set->object[rc], &x, WEFT_NEVER));
                bench_ops(w, ++n);
        }
}

static void ready_pop(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0, next = 0, x = 0;
        fill(set);
        bench_ready(w);
        while (!bench_stopping(w)) {
                SYNC_MUST(weft_queue_pop(set->object[0], &x, WEFT_NEVER));
                BENCH_CHECK(x == next++);
                x += FILL;
                SYNC_MUST(weft_queue_push(set->object[0], &x, WEFT_NEVER));
                bench_ops(w, ++n);
        }
}

#define SIDE(variable, label, body, verify, figure, workers, queues) \
        static const struct sync_kind variable##_kind = { \
                make, drop, body, verify, figure, workers, false, queues \
        }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }

SIDE(wake_many, "weft", wake_select, sync_verify_trips, SYNC_VALUE_1, 2, 64);
SIDE(wake_two, "weft", wake_select, sync_verify_trips, SYNC_VALUE_1, 2, 2);
SIDE(wake_one, "one queue", wake_pop, sync_verify_trips, SYNC_VALUE_1, 2, 1);
SIDE(ready_two, "weft", ready_select, NULL, SYNC_NS, 1, 2);
SIDE(ready_one, "one queue", ready_pop, NULL, SYNC_NS, 1, 1);

#define WAKE "a push wakes who waits for "

static const struct bench_row rows[] = {
        { "select.wake.64", WAKE "any of 64 queues", "ns", &wake_many, &wake_one, 1.5,
          BENCH_LOWER, 0 },
        { "select.wake.2", WAKE "any of two queues", "ns", &wake_two, &wake_one,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "select.ready.2", "pop from any of two queues with elements; and push", "ns",
          &ready_two, &ready_one, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(select, rows);
