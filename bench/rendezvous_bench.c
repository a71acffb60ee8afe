/* bench/rendezvous_bench.c -- there and back, where each push waits for its pop. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include <weft/rendezvous.h>

#include "bench/flow.h"
#include "bench/sync_peers.h"

enum { OBJECTS = 3, MOST = 1024 }; /* there, back, and one where nobody comes */

static int make(struct sync_set *set)
{
        struct weft_rendezvous_options o = { .element_bytes = set->kind->n };
        int rc = 0;
        for (int i = 0; i < OBJECTS && !rc; i++) {
                char name[16];
                weft_rendezvous_t *r = NULL;
                (void)snprintf(name, sizeof name, "%d", i);
                rc = weft_rendezvous_create(set->arena, name, &o, &r);
                set->object[i] = r;
        }
        return bench_weft(rc, "weft_rendezvous_create");
}

static void drop(struct sync_set *set)
{
        for (int i = 0; i < OBJECTS; i++)
                weft_rendezvous_close(set->object[i]);
}

/* What goes there comes back, and counts up. */
static uint64_t counted;

static void fill(uint8_t *element, unsigned bytes)
{
        element[bytes - 1] = (uint8_t)counted;
        memcpy(element, &counted, sizeof counted);
}

static void count(const uint8_t *element, unsigned bytes, unsigned i)
{
        uint64_t x;
        memcpy(&x, element, sizeof x);
        BENCH_CHECK(bytes == 8 || element[bytes - 1] == (uint8_t)x);
        BENCH_CHECK(x == counted || i == 0);
        counted = i == 0 ? x : x + 1;
}

BENCH_INLINE void give(const struct sync_set *set, unsigned i)
{
        uint8_t element[MOST];
        fill(element, set->kind->n);
        SYNC_MUST(weft_rendezvous_push(set->object[i], element, WEFT_NEVER));
}

BENCH_INLINE void take(const struct sync_set *set, unsigned i)
{
        uint8_t element[MOST];
        SYNC_MUST(weft_rendezvous_pop(set->object[i], element, WEFT_NEVER));
        count(element, set->kind->n, i);
}

SYNC_TRIP(trip, give, take)

/* The same in selects that would take another case as well. */
BENCH_INLINE void select_give(const struct sync_set *set, unsigned i)
{
        uint8_t element[MOST], other[MOST];
        fill(element, set->kind->n);
        struct weft_case c[2] = {
                { .object = set->object[i], .op = WEFT_OP_PUSH, .from = element },
                { .object = set->object[2], .op = WEFT_OP_POP, .to = other },
        };
        int rc = weft_select(c, 2, 0, WEFT_NEVER);
        SYNC_MUST(rc);
        BENCH_CHECK(rc == 0 && c[0].result == 0);
}

BENCH_INLINE void select_take(const struct sync_set *set, unsigned i)
{
        uint8_t element[MOST], other[MOST];
        struct weft_case c[2] = {
                { .object = set->object[2], .op = WEFT_OP_POP, .to = other },
                { .object = set->object[i], .op = WEFT_OP_POP, .to = element },
        };
        int rc = weft_select(c, 2, 0, WEFT_NEVER);
        SYNC_MUST(rc);
        BENCH_CHECK(rc == 1 && c[1].result == 0);
        count(element, set->kind->n, i);
}

SYNC_TRIP(select_trip, select_give, select_take)

#define SIDE(variable, body, figure, bytes) \
        static const struct sync_kind variable##_kind = { \
                make, drop, body, sync_verify_trips, figure, 2, false, bytes \
        }; \
        static const struct bench_side variable = { "weft", sync_sample, \
                                                    &variable##_kind, NULL }

SIDE(trip_8, trip, SYNC_NS, 8);
SIDE(trip_32, trip, SYNC_NS, 32);
SIDE(trip_1k, trip, SYNC_NS, 1024);
SIDE(trip_select, select_trip, SYNC_NS, 8);
SIDE(asleep, trip_nap, SYNC_VALUE, 8);

static const struct bench_side line = { "cache line", flow_sample_trip, &flow_line,
                                        &flow_eager };
static const struct bench_side pipes = { "pipe", flow_sample_trip, &flow_pipe,
                                         &flow_block };
static const struct bench_side futex_asleep = { "futex", flow_sample_nap, &flow_futex,
                                                &flow_block };

#define TRIP " round trip through two rendezvous, blocking calls"

static const struct bench_row rows[] = {
        { "rendezvous.trip", "8 B" TRIP, "ns", &trip_8, &line, 3.0, BENCH_LOWER, 0 },
        { "rendezvous.trip.pipe", "8 B" TRIP, "ns", &trip_8, &pipes, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "rendezvous.trip.32", "32 B" TRIP, "ns", &trip_32, &line, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "rendezvous.trip.1k", "1 KiB" TRIP, "ns", &trip_1k, &line, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "rendezvous.trip.select", "the same, each in a select of two cases", "ns",
          &trip_select, &trip_8, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "rendezvous.trip.asleep", "8 B" TRIP ", the other asleep by then", "ns",
          &asleep, &futex_asleep, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(rendezvous, rows);
