/* bench/hot_bench.c -- hot streams beside the ring they are made of, and beside cold ones. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/arena.h>
#include <weft/hot.h>

#include "bench/flow.h"

enum { WORDS = 8, BATCH = 32 };

/* One producer, subscribers, all wait for the slowest. */
struct cast_shape {
        bool hot; /* else the ring itself */
        uint32_t bytes, flags, subscribers, batch;
};

struct cast {
        const struct cast_shape *shape;
        weft_arena_t *arena;
        weft_hot_t *hot;
        weft_broadcast_t *ring;
};

static int cast_open(struct cast *cast, const struct cast_shape *shape)
{
        struct weft_broadcast_options ring = { .capacity = FLOW_CAPACITY,
                                               .element_bytes = shape->bytes,
                                               .flags = shape->flags };
        struct weft_hot_options hot = { .capacity = FLOW_CAPACITY,
                                        .element_bytes = shape->bytes,
                                        .flags = shape->flags };
        *cast = (struct cast){ .shape = shape };
        int rc = bench_weft(weft_arena_create(NULL, NULL, &cast->arena),
                            "weft_arena_create");
        if (rc)
                return rc;
        if (shape->hot)
                rc = bench_weft(weft_hot_create(cast->arena, "bench", &hot, &cast->hot),
                                "weft_hot_create");
        else
                rc = bench_weft(
                        weft_broadcast_create(cast->arena, "bench", &ring, &cast->ring),
                        "weft_broadcast_create");
        if (rc)
                weft_arena_close(cast->arena);
        return rc;
}

static void cast_close(struct cast *cast)
{
        weft_hot_close(cast->hot);
        weft_broadcast_close(cast->ring);
        weft_arena_close(cast->arena);
}

/* ---- emit, next ------------------------------------------------------------------------- */

BENCH_INLINE int64_t put(const struct cast *cast, bool hot, const uint64_t *items,
                         uint32_t batch)
{
        if (batch)
                return hot ? weft_hot_emit_n(cast->hot, items, batch, WEFT_NEVER)
                           : weft_broadcast_publish_n(cast->ring, items, batch,
                                                      WEFT_NEVER);
        int rc = hot ? weft_hot_emit(cast->hot, items, WEFT_NEVER)
                     : weft_broadcast_publish(cast->ring, items, WEFT_NEVER);
        return rc ? rc : 1;
}

BENCH_INLINE void produce(struct bench_worker *w, const struct cast *cast, bool hot,
                          uint32_t words, uint32_t batch)
{
        uint64_t items[BATCH * WORDS] = { 0 }, seq = 0;
        while (!bench_stopping(w)) {
                for (uint64_t i = 0; i < (batch ? batch : 1); i++)
                        items[i * words] = items[(i + 1) * words - 1] = seq + i;
                int64_t n = put(cast, hot, items, batch);
                BENCH_CHECK(n > 0);
                bench_ops(w, seq += (uint64_t)n);
        }
        w->slot->count_in = seq;
        int rc =
                hot ? weft_hot_finish(cast->hot, 0) : weft_broadcast_shutdown(cast->ring);
        BENCH_CHECK(rc == 0);
}

/* As many as there are; 0 at the end. */
BENCH_INLINE int64_t get(weft_hot_subscriber_t *h, weft_subscriber_t *s, bool hot,
                         uint64_t *items, uint32_t batch, uint64_t *sequence,
                         uint64_t *lost)
{
        for (;;) {
                int64_t n;
                if (batch)
                        n = hot ? weft_hot_next_n(h, items, batch, sequence, lost,
                                                  WEFT_NOW)
                                : weft_broadcast_next_n(s, items, batch, sequence, lost,
                                                        WEFT_NOW);
                else if (hot)
                        n = weft_hot_next(h, items, sequence, lost, WEFT_NOW);
                else
                        n = weft_broadcast_next(s, items, sequence, lost, WEFT_NOW);
                if (n != -EAGAIN)
                        return n == -EPIPE ? 0 : hot || batch || n ? n : 1;
                bench_pause();
        }
}

BENCH_INLINE void consume(struct bench_worker *w, const struct cast *cast, bool hot,
                          uint32_t words, uint32_t batch)
{
        uint64_t items[BATCH * WORDS], sequence, lost, seq = 0;
        weft_hot_subscriber_t *h = NULL;
        weft_subscriber_t *s = NULL;
        int rc = hot ? weft_hot_subscribe(cast->hot, WEFT_HOT_OLDEST, 0, &h)
                     : weft_broadcast_subscribe(cast->ring, WEFT_BROADCAST_OLDEST, 0, &s);
        BENCH_CHECK(rc == 0);
        bench_ready(w);
        for (;;) {
                int64_t n = get(h, s, hot, items, batch, &sequence, &lost);
                if (n == 0)
                        break;
                BENCH_CHECK(n > 0 && sequence == seq && !lost);
                for (int64_t i = 0; i < n; i++, seq++)
                        BENCH_CHECK(items[i * words] == seq &&
                                    items[(i + 1) * words - 1] == seq);
                bench_ops(w, seq);
        }
        w->slot->count = seq;
}

/* One loop for each shape: what is known is compiled in. */
BENCH_INLINE void work_as(struct bench_worker *w, const struct cast *cast, bool hot,
                          uint32_t words, uint32_t batch)
{
        if (w->index) {
                consume(w, cast, hot, words, batch);
        } else {
                bench_ready(w);
                produce(w, cast, hot, words, batch);
        }
}

static void cast_work(struct bench_worker *w, void *context)
{
        const struct cast *cast = context;
        const struct cast_shape *shape = cast->shape;
        BENCH_CHECK(bench_pin((int)w->index) == 0);
        if (shape->hot && shape->batch)
                work_as(w, cast, true, 1, BATCH);
        else if (shape->batch)
                work_as(w, cast, false, 1, BATCH);
        else if (shape->hot && shape->bytes == 8)
                work_as(w, cast, true, 1, 0);
        else if (shape->bytes == 8)
                work_as(w, cast, false, 1, 0);
        else
                work_as(w, cast, shape->hot, WORDS, 0);
}

static int verify(const struct bench_crew *crew)
{
        if (crew->cut)
                return bench_wrong("somebody did not come to the end");
        for (unsigned i = 1; i < crew->count; i++)
                if (crew->slot[i].count != crew->slot[0].count_in)
                        return bench_wrong("%llu items in, %llu out",
                                           (unsigned long long)crew->slot[0].count_in,
                                           (unsigned long long)crew->slot[i].count);
        return 0;
}

static int run(struct cast *cast, unsigned workers,
               void (*body)(struct bench_worker *, void *), double *value)
{
        struct bench_crew crew = {
                .count = workers,
                .ms = (int)workers > bench_cpus() ? 3 * bench.ms : bench.ms,
                .body = body,
                .context = cast,
        };
        int rc = bench_crew_run(&crew);
        if (!rc)
                rc = verify(&crew);
        uint64_t out = 0;
        for (unsigned i = 1; i < workers; i++)
                out += crew.slot[i].ops_at_stop;
        *value = (double)out * 1e3 / (double)crew.elapsed / (workers - 1);
        return rc;
}

/* Millions a second: what each subscriber has got. */
static int sample_cast(const struct bench_side *side, double *value)
{
        const struct cast_shape *shape = side->shape;
        struct cast cast;
        int rc = bench_two_cpus();
        if (!rc)
                rc = cast_open(&cast, shape);
        if (rc)
                return rc;
        rc = run(&cast, 1 + shape->subscribers, cast_work, value);
        cast_close(&cast);
        return rc;
}

/* ---- asleep ------------------------------------------------------------------------------- */

/* A stream there, a stream back. */
struct trip {
        struct cast cast;
        weft_hot_subscriber_t *h; /* this process's */
        weft_subscriber_t *s;
};

static int trip_make(void **queue, bool hot)
{
        static const struct cast_shape shapes[] = {
                { false, 8, WEFT_HOT_ONE, 1, 0 },
                { true, 8, WEFT_HOT_ONE, 1, 0 },
        };
        struct trip *t = calloc(1, sizeof *t);
        if (!t)
                return bench_cannot("no memory");
        int rc = cast_open(&t->cast, &shapes[hot]);
        if (rc)
                free(t);
        else
                *queue = t;
        return rc;
}

static int hot_trip_make(void **queue)
{
        return trip_make(queue, true);
}

static int ring_trip_make(void **queue)
{
        return trip_make(queue, false);
}

static void trip_drop(void *queue)
{
        struct trip *t = queue;
        cast_close(&t->cast);
        free(t);
}

BENCH_INLINE void hot_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct trip *t = queue;
        (void)wait;
        BENCH_CHECK(weft_hot_emit(t->cast.hot, &x, WEFT_NEVER) == 0);
}

BENCH_INLINE uint64_t hot_pop(void *queue, enum flow_wait wait)
{
        struct trip *t = queue;
        uint64_t x;
        if (__builtin_expect(!t->h, 0))
                BENCH_CHECK(weft_hot_subscribe(t->cast.hot, WEFT_HOT_OLDEST, 0, &t->h) ==
                            0);
        if (wait == FLOW_BLOCK) {
                BENCH_CHECK(weft_hot_next(t->h, &x, NULL, NULL, WEFT_NEVER) == 1);
                return x;
        }
        while (weft_hot_next(t->h, &x, NULL, NULL, WEFT_NOW) != 1)
                flow_idle(wait);
        return x;
}

BENCH_INLINE void ring_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct trip *t = queue;
        (void)wait;
        BENCH_CHECK(weft_broadcast_publish(t->cast.ring, &x, WEFT_NEVER) == 0);
}

BENCH_INLINE uint64_t ring_pop(void *queue, enum flow_wait wait)
{
        struct trip *t = queue;
        uint64_t x;
        if (__builtin_expect(!t->s, 0))
                BENCH_CHECK(weft_broadcast_subscribe(t->cast.ring, WEFT_BROADCAST_OLDEST,
                                                     0, &t->s) == 0);
        if (wait == FLOW_BLOCK) {
                BENCH_CHECK(weft_broadcast_next(t->s, &x, NULL, NULL, WEFT_NEVER) == 0);
                return x;
        }
        while (weft_broadcast_next(t->s, &x, NULL, NULL, WEFT_NOW))
                flow_idle(wait);
        return x;
}

FLOW_QUEUE(hot_trips, hot_trip_make, trip_drop, hot_push, hot_pop);
FLOW_QUEUE(ring_trips, ring_trip_make, trip_drop, ring_push, ring_pop);

/* ---- cold and hot ---------------------------------------------------------------------------- */

struct source {
        struct bench_worker *w;
        uint64_t next;
};

static int64_t pull(void *context, void *items, size_t n, uint64_t deadline)
{
        struct source *source = context;
        uint64_t *to = items;
        (void)deadline;
        if (bench_stopping(source->w))
                return 0;
        for (size_t i = 0; i < n; i++)
                to[i] = source->next++;
        return (int64_t)n;
}

static int64_t look(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        const uint64_t *items = in;
        uint64_t *next = out;
        struct bench_worker *const *w = argument;
        uint64_t wrong = 0;
        (void)room;
        for (size_t i = 0; i < n; i++)
                wrong |= items[i] ^ (*next + i);
        BENCH_CHECK(!wrong);
        bench_ops(*w, *next += n);
        return 1;
}

static uint64_t fold(struct bench_worker *w, weft_stream_t *stream)
{
        uint64_t next = 0;
        BENCH_CHECK(weft_stream_fold(stream, weft_call_chunk(look, 8, 8, &w), &next,
                                     WEFT_NEVER) == 0);
        return next;
}

static void share_work(struct bench_worker *w, void *context)
{
        const struct cast *cast = context;
        struct source source = { .w = w };
        weft_hot_subscriber_t *s = NULL;
        BENCH_CHECK(bench_pin((int)w->index) == 0);
        if (w->index)
                BENCH_CHECK(weft_hot_subscribe(cast->hot, WEFT_HOT_OLDEST, 0, &s) == 0);
        bench_ready(w);
        if (w->index)
                w->slot->count = fold(w, weft_stream_of_hot(s, WEFT_HOT_LOSS_FAILS));
        else
                BENCH_CHECK(weft_hot_drive(cast->hot,
                                           weft_stream_function(pull, &source, 8),
                                           &w->slot->count_in, 0, WEFT_NEVER) == 0);
}

/* Millions a second, from one process to another. */
static int sample_share(const struct bench_side *side, double *value)
{
        struct cast cast;
        int rc = bench_two_cpus();
        if (!rc)
                rc = cast_open(&cast, side->shape);
        if (rc)
                return rc;
        rc = run(&cast, 2, share_work, value);
        cast_close(&cast);
        return rc;
}

static void cold_work(struct bench_worker *w, void *context)
{
        struct source source = { .w = w };
        (void)context;
        BENCH_CHECK(bench_pin(0) == 0);
        bench_ready(w);
        w->slot->count = fold(w, weft_stream_function(pull, &source, 8));
}

/* The same chain in one process. */
static int sample_cold(const struct bench_side *side, double *value)
{
        struct bench_crew crew = { .count = 1, .ms = bench.ms, .body = cold_work };
        (void)side;
        int rc = bench_crew_run(&crew);
        *value = (double)crew.slot[0].ops_at_stop * 1e3 / (double)crew.elapsed;
        return rc;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

#define PAIR(variable, ...) \
        static const struct cast_shape variable##_hot_shape = { true, __VA_ARGS__ }, \
                                       variable##_ring_shape = { false, __VA_ARGS__ }; \
        static const struct bench_side variable##_hot = { "weft", sample_cast, NULL, \
                                                          &variable##_hot_shape }, \
                                       variable##_ring = { "the ring", sample_cast, \
                                                           NULL, \
                                                           &variable##_ring_shape }

PAIR(one_1, 8, WEFT_HOT_ONE, 1, 0);
PAIR(one_2, 8, WEFT_HOT_ONE, 2, 0);
PAIR(batch, 8, WEFT_HOT_ONE, 1, BATCH);
PAIR(many, 8, 0, 1, 0);
PAIR(large, 8 * WORDS, WEFT_HOT_ONE, 1, 0);

static const struct bench_side hot_trip = { "weft", flow_sample_trip, &hot_trips,
                                            &flow_eager };
static const struct bench_side ring_trip = { "the ring", flow_sample_trip, &ring_trips,
                                             &flow_eager };
static const struct bench_side hot_nap = { "weft", flow_sample_nap, &hot_trips,
                                           &flow_block };
static const struct bench_side ring_nap = { "the ring", flow_sample_nap, &ring_trips,
                                            &flow_block };
static const struct bench_side shared = { "weft", sample_share, NULL, &one_1_hot_shape };
static const struct bench_side cold = { "cold, in one process", sample_cold, NULL, NULL };

static const struct bench_row rows[] = {
        { "hot.1p1s", "8 B: emit -> next, 2 processes, a cpu each", "M/s", &one_1_hot,
          &one_1_ring, 0.8, BENCH_HIGHER, 0 },
        { "hot.1p2s", "8 B: the same with 2 subscribers; each of them", "M/s", &one_2_hot,
          &one_2_ring, 0.8, BENCH_HIGHER, 0 },
        { "hot.1p1s.batch32", "8 B: emit_n -> next_n by 32", "M/s", &batch_hot,
          &batch_ring, 0.8, BENCH_HIGHER, 0 },
        { "hot.1p1s.many", "8 B: made for many producers", "M/s", &many_hot, &many_ring,
          0.8, BENCH_HIGHER, 0 },
        { "hot.1p1s.64", "64 B: emit -> next", "M/s", &large_hot, &large_ring, 0.8,
          BENCH_HIGHER, 0 },
        { "hot.trip.spin", "8 B there and back by two streams, polling", "ns", &hot_trip,
          &ring_trip, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "hot.trip.asleep", "the same; who is to answer has fallen asleep", "ns",
          &hot_nap, &ring_nap, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "hot.share", "u64: a cold stream shared, folded in another process", "M/s",
          &shared, &cold, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
};

BENCH_MODULE(hot, rows);
