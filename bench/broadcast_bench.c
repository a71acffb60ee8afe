/* bench/broadcast_bench.c -- one stream read by several, each on a cpu of its own where there
 * are so many. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ck_ring.h>

#include <weft/arena.h>
#include <weft/broadcast.h>

#include "bench/ring_flow.h"

enum { MOST = 4096, BATCH = 32 };

/* How a stream is made and read. */
struct cast_shape {
        uint32_t bytes, policy, flags, producers, subscribers, batch;
        uint64_t capacity;
};

struct cast {
        const struct cast_shape *shape;
        weft_arena_t *arena;
        weft_broadcast_t *ring;
        struct flow_end *end;
};

/* ---- ours ------------------------------------------------------------------------- */

static int cast_open(struct cast *cast, const struct cast_shape *shape)
{
        struct weft_broadcast_options o = { .capacity = shape->capacity,
                                            .element_bytes = shape->bytes,
                                            .policy = shape->policy,
                                            .flags = shape->flags };
        *cast = (struct cast){ .shape = shape };
        int rc = bench_weft(weft_arena_create(NULL, NULL, &cast->arena),
                            "weft_arena_create");
        if (rc)
                return rc;
        rc = bench_weft(weft_broadcast_create(cast->arena, "bench", &o, &cast->ring),
                        "weft_broadcast_create");
        if (rc)
                weft_arena_close(cast->arena);
        return rc;
}

static void cast_close(struct cast *cast)
{
        weft_broadcast_close(cast->ring);
        weft_arena_close(cast->arena);
}

/* A producer waits as the ring itself waits; a subscriber looks again after a pause. */
BENCH_INLINE void produce(struct bench_worker *w, const struct cast *cast, uint32_t bytes)
{
        uint64_t element[MOST / 8] = { 0 }, seq = 0, sum = 0;
        uint64_t tag = (uint64_t)w->index << FLOW_PRODUCER_SHIFT;
        while (!bench_stopping(w)) {
                element[0] = element[bytes / 8 - 1] = tag | seq;
                BENCH_CHECK(weft_broadcast_publish(cast->ring, element, WEFT_NEVER) == 0);
                sum += tag | seq;
                bench_ops(w, ++seq);
        }
        w->slot->count_in = seq;
        w->slot->sum_in = sum;
}

/* From the one producer: as flow_produce() and flow_consume_one() do for rings. */
static void produce_words(struct bench_worker *w, const struct cast *cast)
{
        const _Atomic(uint32_t) *stop = &w->control->stop;
        _Atomic(uint64_t) *ops = &w->slot->ops;
        weft_broadcast_t *ring = cast->ring;
        uint64_t seq = 0, sum = 0;
        while (!atomic_load_explicit(stop, memory_order_relaxed)) {
                uint64_t x = seq;
                BENCH_CHECK(weft_broadcast_publish(ring, &x, WEFT_NEVER) == 0);
                sum += x;
                atomic_store_explicit(ops, ++seq, memory_order_relaxed);
        }
        w->slot->count_in = seq;
        w->slot->sum_in = sum;
}

static void consume_words(struct bench_worker *w, weft_subscriber_t *s)
{
        _Atomic(uint64_t) *ops = &w->slot->ops;
        uint64_t seq = 0, sum = 0, x;
        int rc;
        for (;;) {
                while ((rc = weft_broadcast_next(s, &x, NULL, NULL, WEFT_NOW)) == -EAGAIN)
                        bench_pause();
                if (rc)
                        break;
                BENCH_CHECK(x == seq);
                sum += x;
                atomic_store_explicit(ops, ++seq, memory_order_relaxed);
        }
        BENCH_CHECK(rc == -EPIPE && !weft_broadcast_lost(s));
        w->slot->count = seq;
        w->slot->sum = sum;
}

static void produce_batches(struct bench_worker *w, const struct cast *cast)
{
        uint64_t elements[BATCH], seq = 0, sum = 0;
        while (!bench_stopping(w)) {
                for (unsigned i = 0; i < BATCH; i++)
                        elements[i] = seq + i;
                int64_t n =
                        weft_broadcast_publish_n(cast->ring, elements, BATCH, WEFT_NEVER);
                BENCH_CHECK(n > 0);
                for (int64_t i = 0; i < n; i++)
                        sum += elements[i];
                bench_ops(w, seq += (uint64_t)n);
        }
        w->slot->count_in = seq;
        w->slot->sum_in = sum;
}

/* Each producer's elements in its order; what is lost is told. */
BENCH_INLINE void consume(struct bench_worker *w, weft_subscriber_t *s,
                          const struct cast *cast, uint32_t bytes)
{
        uint64_t element[MOST / 8], next[FLOW_PRODUCERS] = { 0 };
        uint64_t count = 0, gone = 0, sum = 0, sequence, lost;
        bool all = cast->shape->policy == WEFT_BROADCAST_BLOCK;
        int rc;
        for (;;) {
                rc = weft_broadcast_next(s, element, &sequence, &lost, WEFT_NOW);
                if (rc == -EAGAIN) {
                        bench_pause();
                        continue;
                }
                if (rc)
                        break;
                uint64_t x = element[0], from = x >> FLOW_PRODUCER_SHIFT;
                BENCH_CHECK(x == element[bytes / 8 - 1] && from < cast->shape->producers);
                gone += lost;
                BENCH_CHECK(sequence == count + gone);
                BENCH_CHECK(all ? FLOW_SEQ(x) == next[from] : FLOW_SEQ(x) >= next[from]);
                next[from] = FLOW_SEQ(x) + 1;
                sum += x;
                bench_ops(w, ++count);
        }
        BENCH_CHECK(rc == -EPIPE);
        w->slot->count = count + gone;
        w->slot->sum = sum;
        w->slot->value = (double)gone;
}

static void consume_batches(struct bench_worker *w, weft_subscriber_t *s)
{
        uint64_t elements[BATCH], sequence, lost, seq = 0, sum = 0;
        for (;;) {
                int64_t n = weft_broadcast_next_n(s, elements, BATCH, &sequence, &lost,
                                                  WEFT_NOW);
                if (n == -EAGAIN) {
                        bench_pause();
                        continue;
                }
                if (n < 0)
                        break;
                BENCH_CHECK(sequence == seq && !lost);
                for (int64_t i = 0; i < n; i++) {
                        BENCH_CHECK(elements[i] == seq + (uint64_t)i);
                        sum += elements[i];
                }
                bench_ops(w, seq += (uint64_t)n);
        }
        w->slot->count = seq;
        w->slot->sum = sum;
}

static void cast_work(struct bench_worker *w, void *context)
{
        const struct cast *cast = context;
        const struct cast_shape *shape = cast->shape;
        weft_subscriber_t *s = NULL;
        BENCH_CHECK(bench_pin((int)w->index) == 0);
        bool reads = w->index >= shape->producers;
        bool words = shape->bytes == 8 && shape->producers == 1 &&
                     shape->flags & WEFT_BROADCAST_ONE &&
                     shape->policy == WEFT_BROADCAST_BLOCK;
        if (reads)
                BENCH_CHECK(weft_broadcast_subscribe(cast->ring, WEFT_BROADCAST_OLDEST, 0,
                                                     &s) == 0);
        bench_ready(w);
        if (reads && shape->batch)
                consume_batches(w, s);
        else if (reads && words)
                consume_words(w, s);
        else if (reads && shape->bytes == 8)
                consume(w, s, cast, 8);
        else if (reads)
                consume(w, s, cast, shape->bytes);
        else if (shape->batch)
                produce_batches(w, cast);
        else if (words)
                produce_words(w, cast);
        else if (shape->bytes == 8)
                produce(w, cast, 8);
        else
                produce(w, cast, shape->bytes);
        if (!reads && atomic_fetch_sub(&cast->end->producing, 1) == 1)
                BENCH_CHECK(weft_broadcast_shutdown(cast->ring) == 0);
}

/* Every subscriber must have got all, or been told what it lost. */
static int verify(const struct bench_crew *crew, const struct cast_shape *shape)
{
        uint64_t in = 0, sum = 0;
        double lost = 0;
        for (unsigned i = 0; i < shape->producers; i++) {
                in += crew->slot[i].count_in;
                sum += crew->slot[i].sum_in;
        }
        if (crew->cut)
                return bench_wrong("somebody did not come to the end");
        for (unsigned i = shape->producers; i < crew->count; i++) {
                const struct bench_slot *slot = &crew->slot[i];
                lost += slot->value;
                if (slot->count != in || (!(slot->value > 0) && slot->sum != sum))
                        return bench_wrong("%llu elements in, %llu out",
                                           (unsigned long long)in,
                                           (unsigned long long)slot->count);
        }
        if (lost > 0)
                bench_remark("%.0f %% lost, and told so",
                             100 * lost / (double)in / shape->subscribers);
        return 0;
}

/* Millions a second: what each subscriber has got, or has been told of. */
static int sample_cast(const struct bench_side *side, double *value)
{
        struct cast cast;
        const struct cast_shape *shape = side->shape;
        int rc = bench_two_cpus();
        if (!rc)
                rc = cast_open(&cast, shape);
        if (rc)
                return rc;
        cast.end = bench_shared(sizeof *cast.end);
        atomic_store(&cast.end->producing, shape->producers);
        unsigned workers = shape->producers + shape->subscribers;
        struct bench_crew crew = {
                .count = workers,
                .ms = (int)workers > bench_cpus() ? 3 * bench.ms : bench.ms,
                .body = cast_work,
                .context = &cast,
        };
        rc = bench_crew_run(&crew);
        if (!rc)
                rc = verify(&crew, shape);
        uint64_t out = 0;
        bool drops = shape->policy == WEFT_BROADCAST_DROP;
        for (unsigned i = 0; i < workers; i++)
                if (drops ? i < shape->producers : i >= shape->producers)
                        out += crew.slot[i].ops_at_stop;
        *value = (double)out * 1e3 / (double)crew.elapsed /
                 (drops ? 1 : shape->subscribers);
        bench_unshare(cast.end, sizeof *cast.end);
        cast_close(&cast);
        return rc;
}

/* ---- trips: a ring there, a ring back ------------------------------------------------- */

struct trip_ring {
        struct cast cast;
        weft_subscriber_t *mine; /* this process's */
};

static int trip_make(void **queue)
{
        static const struct cast_shape shape = {
                8, WEFT_BROADCAST_BLOCK, WEFT_BROADCAST_ONE, 1, 1, 0, FLOW_CAPACITY
        };
        struct trip_ring *t = calloc(1, sizeof *t);
        if (!t)
                return bench_cannot("no memory");
        int rc = cast_open(&t->cast, &shape);
        if (rc)
                free(t);
        else
                *queue = t;
        return rc;
}

static void trip_drop(void *queue)
{
        struct trip_ring *t = queue;
        cast_close(&t->cast);
        free(t);
}

BENCH_INLINE void trip_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct trip_ring *t = queue;
        (void)wait;
        BENCH_CHECK(weft_broadcast_publish(t->cast.ring, &x, WEFT_NEVER) == 0);
}

BENCH_INLINE uint64_t trip_pop(void *queue, enum flow_wait wait)
{
        struct trip_ring *t = queue;
        uint64_t x;
        if (__builtin_expect(!t->mine, 0))
                BENCH_CHECK(weft_broadcast_subscribe(t->cast.ring, WEFT_BROADCAST_OLDEST,
                                                     0, &t->mine) == 0);
        if (wait == FLOW_BLOCK) {
                BENCH_CHECK(weft_broadcast_next(t->mine, &x, NULL, NULL, WEFT_NEVER) ==
                            0);
                return x;
        }
        while (weft_broadcast_next(t->mine, &x, NULL, NULL, WEFT_NOW))
                flow_idle(wait);
        return x;
}

FLOW_QUEUE(cast_trips, trip_make, trip_drop, trip_push, trip_pop);

/* ---- one reader: slots with stamps, and nothing else -------------------------------------- */

struct stamped {
        _Alignas(BENCH_LINE) _Atomic(uint64_t) head; /* told every now and then */
        _Alignas(BENCH_LINE) uint64_t tail, known;   /* the producer's */
        _Alignas(BENCH_LINE) uint64_t next;          /* the consumer's */
        _Alignas(BENCH_LINE) struct {
                _Atomic(uint64_t) stamp;
                uint64_t value;
        } slot[FLOW_CAPACITY];
};

static int stamped_make(void **queue)
{
        *queue = bench_shared(sizeof(struct stamped));
        return *queue ? 0 : bench_cannot("no shared memory");
}

static void stamped_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct stamped));
}

BENCH_INLINE void stamped_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct stamped *q = queue;
        uint64_t t = q->tail;
        while (t - q->known >= FLOW_CAPACITY) {
                q->known = atomic_load_explicit(&q->head, memory_order_acquire);
                if (t - q->known >= FLOW_CAPACITY)
                        flow_idle(wait);
        }
        q->slot[t % FLOW_CAPACITY].value = x;
        atomic_store_explicit(&q->slot[t % FLOW_CAPACITY].stamp, t + 1,
                              memory_order_release);
        q->tail = t + 1;
}

BENCH_INLINE uint64_t stamped_pop(void *queue, enum flow_wait wait)
{
        struct stamped *q = queue;
        uint64_t h = q->next;
        while (atomic_load_explicit(&q->slot[h % FLOW_CAPACITY].stamp,
                                    memory_order_acquire) != h + 1)
                flow_idle(wait);
        uint64_t x = q->slot[h % FLOW_CAPACITY].value;
        q->next = ++h;
        if (h % (FLOW_CAPACITY / 8) == 0)
                atomic_store_explicit(&q->head, h, memory_order_release);
        return x;
}

FLOW_QUEUE(stamped_flow, stamped_make, stamped_drop, stamped_push, stamped_pop);

/* ---- our ring, one producer, one consumer --------------------------------------------------- */

static int ring_make(void **queue)
{
        return ring_flow_make(queue,
                              &(struct weft_ring_options){ .capacity = FLOW_CAPACITY,
                                                           .element_bytes = 8 });
}

BENCH_INLINE void ring_push(void *queue, uint64_t x, enum flow_wait wait)
{
        weft_ring_t *r = queue;
        int rc;
        while ((rc = weft_ring_push(r, &x, WEFT_NOW)) == -EAGAIN)
                flow_idle(wait);
        ring_flow_must(rc, "weft_ring_push");
}

BENCH_INLINE uint64_t ring_pop(void *queue, enum flow_wait wait)
{
        weft_ring_t *r = queue;
        uint64_t x;
        int rc;
        while ((rc = weft_ring_pop(r, &x, WEFT_NOW)) == -EAGAIN)
                flow_idle(wait);
        ring_flow_must(rc, "weft_ring_pop");
        return x;
}

FLOW_QUEUE(ring_flow, ring_make, ring_flow_drop, ring_push, ring_pop);

/* ---- ck_ring, one producer, one consumer ------------------------------------------------------ */

struct spsc {
        ck_ring_t ring;
        _Alignas(BENCH_LINE) ck_ring_buffer_t buffer[FLOW_CAPACITY];
};

static int spsc_make(void **queue)
{
        struct spsc *q = bench_shared(sizeof *q);
        if (!q)
                return bench_cannot("no shared memory");
        ck_ring_init(&q->ring, FLOW_CAPACITY);
        *queue = q;
        return 0;
}

static void spsc_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct spsc));
}

BENCH_INLINE void spsc_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct spsc *q = queue;
        while (!ck_ring_enqueue_spsc(&q->ring, q->buffer, (void *)(uintptr_t)x))
                flow_idle(wait);
}

BENCH_INLINE uint64_t spsc_pop(void *queue, enum flow_wait wait)
{
        struct spsc *q = queue;
        void *x;
        while (!ck_ring_dequeue_spsc(&q->ring, q->buffer, &x))
                flow_idle(wait);
        return (uint64_t)(uintptr_t)x;
}

FLOW_QUEUE(spsc_flow, spsc_make, spsc_drop, spsc_push, spsc_pop);

/* ---- rows ---------------------------------------------------------------------------------------- */

enum {
        BLOCK = WEFT_BROADCAST_BLOCK,
        DROP = WEFT_BROADCAST_DROP,
        ONE = WEFT_BROADCAST_ONE
};

static const struct flow_shape spin = { 1, 1, FLOW_SPIN };

#define CAST(variable, ...) \
        static const struct cast_shape variable##_shape = { __VA_ARGS__ }; \
        static const struct bench_side variable = { "weft", sample_cast, NULL, \
                                                    &variable##_shape }

CAST(one_1, 8, BLOCK, ONE, 1, 1, 0, FLOW_CAPACITY);
CAST(one_2, 8, BLOCK, ONE, 1, 2, 0, FLOW_CAPACITY);
CAST(one_3, 8, BLOCK, ONE, 1, 3, 0, FLOW_CAPACITY);
CAST(one_2n, 8, BLOCK, ONE, 1, 2, BATCH, FLOW_CAPACITY);
CAST(drop_2, 8, DROP, ONE, 1, 2, 0, FLOW_CAPACITY);
CAST(many_2, 8, BLOCK, 0, 1, 2, 0, FLOW_CAPACITY);
CAST(many_drop, 8, DROP, 0, 2, 1, 0, FLOW_CAPACITY);
CAST(one_64, 64, BLOCK, ONE, 1, 2, 0, FLOW_CAPACITY);
CAST(one_4k, 4096, BLOCK, ONE, 1, 2, 0, 64);
CAST(many_64, 64, DROP, 0, 2, 1, 0, FLOW_CAPACITY);
CAST(many_4k, 4096, DROP, 0, 2, 1, 0, 64);

static const struct bench_side stamped = { "stamped slots, 1 reader", flow_sample_stream,
                                           &stamped_flow, &spin };
static const struct bench_side spsc = { "ck_ring SPSC, 1 reader", flow_sample_stream,
                                        &spsc_flow, &spin };
static const struct bench_side ring = { "weft ring, 1 consumer", flow_sample_stream,
                                        &ring_flow, &spin };
static const struct bench_side trip = { "weft", flow_sample_trip, &cast_trips,
                                        &flow_eager };
static const struct bench_side line_trip = { "cache line", flow_sample_trip, &flow_line,
                                             &flow_eager };
static const struct bench_side nap = { "weft", flow_sample_nap, &cast_trips,
                                       &flow_block };
static const struct bench_side futex_nap = { "futex", flow_sample_nap, &flow_futex,
                                             &flow_block };

#define INFO NULL, BENCH_NO_GOAL, BENCH_HIGHER, 0
#define TO_2 "8 B: 1 producer, 2 subscribers, a cpu each; what each of them gets"

static const struct bench_row rows[] = {
        { "broadcast.1p2s.ring", TO_2, "M/s", &one_2, &ring, 0.6, BENCH_HIGHER, 0 },
        { "broadcast.1p2s.stamped", TO_2, "M/s", &one_2, &stamped, 0.6, BENCH_HIGHER, 0 },
        { "broadcast.1p2s.ck", TO_2, "M/s", &one_2, &spsc, BENCH_NO_GOAL, BENCH_HIGHER,
          0 },
        { "broadcast.1p1s.stamped", "8 B: the same with 1 subscriber", "M/s", &one_1,
          &stamped, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "broadcast.1p3s", "8 B: the same with 3 subscribers", "M/s", &one_3, INFO },
        { "broadcast.1p2s.batch32", "8 B: the same with 2, by 32", "M/s", &one_2n, INFO },
        { "broadcast.1p2s.many", "8 B: the same with 2, made for many producers", "M/s",
          &many_2, INFO },
        { "broadcast.1p2s.drop", "8 B: 1 producer that never waits, 2 subscribers", "M/s",
          &drop_2, INFO },
        { "broadcast.2p1s.drop", "8 B: 2 producers that never wait, 1 subscriber", "M/s",
          &many_drop, INFO },
        { "broadcast.1p2s.64", "64 B: 1 producer, 2 subscribers; each of them", "M/s",
          &one_64, INFO },
        { "broadcast.1p2s.4k", "4 KiB: 1 producer, 2 subscribers; each of them", "M/s",
          &one_4k, INFO },
        { "broadcast.2p1s.64.drop", "64 B: 2 producers that never wait", "M/s", &many_64,
          INFO },
        { "broadcast.2p1s.4k.drop", "4 KiB: 2 producers that never wait", "M/s", &many_4k,
          INFO },
        { "broadcast.trip.spin", "8 B there and back by two rings, polling", "ns", &trip,
          &line_trip, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "broadcast.trip.asleep", "the same; who is to answer has fallen asleep", "ns",
          &nap, &futex_nap, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(broadcast, rows);
