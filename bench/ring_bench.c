/* bench/ring_bench.c -- one producer, one consumer: 8 bytes at a time, and 64. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <ck_ring.h>

#include <weft/weft.h>

#include "bench/peer_rte.h"
#include "bench/ring_flow.h"

enum { MASK = FLOW_CAPACITY - 1, WIDE = 64 };

/* ---- ours ---------------------------------------------------------------- */

/* Which arena a ring is in. */
static struct {
        weft_ring_t *ring;
        weft_arena_t *arena;
} made[2];

int ring_flow_make(void **queue, const struct weft_ring_options *options)
{
        int i = made[0].ring ? 1 : 0;
        int rc = bench_weft(weft_arena_create(NULL, NULL, &made[i].arena),
                            "weft_arena_create");
        if (rc)
                return rc;
        rc = bench_weft(weft_ring_create(made[i].arena, "bench", options, &made[i].ring),
                        "weft_ring_create");
        if (rc)
                weft_arena_close(made[i].arena);
        else
                *queue = made[i].ring;
        return rc;
}

void ring_flow_drop(void *queue)
{
        int i = made[0].ring == queue ? 0 : 1;
        weft_ring_close(queue);
        weft_arena_close(made[i].arena);
        made[i].ring = NULL;
}

static int ring_make(void **queue)
{
        return ring_flow_make(queue,
                              &(struct weft_ring_options){ .capacity = FLOW_CAPACITY,
                                                           .element_bytes = 8 });
}

static int wide_make(void **queue)
{
        return ring_flow_make(queue,
                              &(struct weft_ring_options){ .capacity = FLOW_CAPACITY,
                                                           .element_bytes = WIDE });
}

BENCH_INLINE void push(void *queue, const void *x, enum flow_wait wait)
{
        weft_ring_t *r = queue;
        int rc;
        while ((rc = weft_ring_push(r, x, wait == FLOW_BLOCK ? WEFT_NEVER : WEFT_NOW)) ==
               -EAGAIN)
                flow_idle(wait);
        ring_flow_must(rc, "weft_ring_push");
}

BENCH_INLINE void pop(void *queue, void *x, enum flow_wait wait)
{
        weft_ring_t *r = queue;
        int rc;
        while ((rc = weft_ring_pop(r, x, wait == FLOW_BLOCK ? WEFT_NEVER : WEFT_NOW)) ==
               -EAGAIN)
                flow_idle(wait);
        ring_flow_must(rc, "weft_ring_pop");
}

BENCH_INLINE void ring_push(void *queue, uint64_t x, enum flow_wait wait)
{
        push(queue, &x, wait);
}

BENCH_INLINE uint64_t ring_pop(void *queue, enum flow_wait wait)
{
        uint64_t x;
        pop(queue, &x, wait);
        return x;
}

FLOW_QUEUE(flow_ring, ring_make, ring_flow_drop, ring_push, ring_pop);

/* 64 bytes, all of them checked. */
struct wide {
        uint64_t x[WIDE / 8];
};

BENCH_INLINE struct wide spread(uint64_t x)
{
        struct wide w;
        for (unsigned i = 0; i < WIDE / 8; i++)
                w.x[i] = x;
        return w;
}

BENCH_INLINE uint64_t gather(const struct wide *w)
{
        uint64_t wrong = 0;
        for (unsigned i = 1; i < WIDE / 8; i++)
                wrong |= w->x[i] ^ w->x[0];
        BENCH_CHECK(!wrong);
        return w->x[0];
}

BENCH_INLINE void wide_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct wide w = spread(x);
        push(queue, &w, wait);
}

BENCH_INLINE uint64_t wide_pop(void *queue, enum flow_wait wait)
{
        struct wide w;
        pop(queue, &w, wait);
        return gather(&w);
}

FLOW_QUEUE(flow_wide, wide_make, ring_flow_drop, wide_push, wide_pop);

/* ---- the least for 64 bytes: they, and a word that says that they are there ---- */

struct box {
        _Alignas(BENCH_LINE) struct wide data;
        _Atomic(uint64_t) word; /* on the line behind it */
        _Alignas(BENCH_LINE) uint64_t seen;
};

static int box_make(void **queue)
{
        *queue = bench_shared(sizeof(struct box));
        return *queue ? 0 : bench_cannot("no shared memory");
}

static void box_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct box));
}

BENCH_INLINE void box_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct box *b = queue;
        (void)wait;
        b->data = spread(x);
        atomic_store_explicit(&b->word, x + 2, memory_order_release);
}

BENCH_INLINE uint64_t box_pop(void *queue, enum flow_wait wait)
{
        struct box *b = queue;
        uint64_t seen = b->seen, word;
        while ((word = atomic_load_explicit(&b->word, memory_order_acquire)) == seen)
                flow_idle(wait);
        b->seen = word;
        struct wide w = b->data;
        return gather(&w);
}

FLOW_QUEUE(flow_box, box_make, box_drop, box_push, box_pop);

/* ---- and the least for a stream of them: two lines for each, told by a word in the second
 * one; where the reader has got to is told eight times a round, and nothing is checked ---- */

struct units {
        struct {
                _Alignas(BENCH_LINE) uint64_t tail, free;
        } in;
        struct {
                _Alignas(BENCH_LINE) uint64_t head;
        } out;
        _Alignas(BENCH_LINE) _Atomic(uint64_t) told;
        struct {
                _Alignas(2 * BENCH_LINE) struct wide data;
                _Alignas(BENCH_LINE) _Atomic(uint64_t) stamp;
        } unit[FLOW_CAPACITY];
};

static int units_make(void **queue)
{
        struct units *q = bench_shared(sizeof *q);
        if (!q)
                return bench_cannot("no shared memory");
        q->in.free = FLOW_CAPACITY;
        *queue = q;
        return 0;
}

static void units_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct units));
}

BENCH_INLINE void units_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct units *q = queue;
        uint64_t t = q->in.tail;
        while (t == q->in.free) {
                q->in.free = atomic_load_explicit(&q->told, memory_order_acquire) +
                             FLOW_CAPACITY;
                if (t == q->in.free)
                        flow_idle(wait);
        }
        q->unit[t & MASK].data = spread(x);
        atomic_store_explicit(&q->unit[t & MASK].stamp, t + 1, memory_order_release);
        q->in.tail = t + 1;
}

BENCH_INLINE uint64_t units_pop(void *queue, enum flow_wait wait)
{
        struct units *q = queue;
        uint64_t h = q->out.head;
        while (atomic_load_explicit(&q->unit[h & MASK].stamp, memory_order_acquire) !=
               h + 1)
                flow_idle(wait);
        struct wide w = q->unit[h & MASK].data;
        q->out.head = h + 1;
        if (!((h + 1) % (FLOW_CAPACITY / 8)))
                atomic_store_explicit(&q->told, h + 1, memory_order_release);
        return gather(&w);
}

FLOW_QUEUE(flow_units, units_make, units_drop, units_push, units_pop);

/* ---- ck_ring, one and one --------------------------------------------------- */

struct ck {
        ck_ring_t ring;
        ck_ring_buffer_t buffer[FLOW_CAPACITY];
};

static int ck_make(void **queue)
{
        struct ck *q = bench_shared(sizeof *q);
        if (!q)
                return bench_cannot("no shared memory");
        ck_ring_init(&q->ring, FLOW_CAPACITY);
        *queue = q;
        return 0;
}

static void ck_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct ck));
}

BENCH_INLINE void ck_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct ck *q = queue;
        while (!ck_ring_enqueue_spsc(&q->ring, q->buffer, (void *)(uintptr_t)x))
                flow_idle(wait);
}

BENCH_INLINE uint64_t ck_pop(void *queue, enum flow_wait wait)
{
        struct ck *q = queue;
        void *x = NULL;
        while (!ck_ring_dequeue_spsc(&q->ring, q->buffer, &x))
                flow_idle(wait);
        return (uintptr_t)x;
}

FLOW_QUEUE(flow_ck_spsc, ck_make, ck_drop, ck_push, ck_pop);

/* ---- head and tail, and what was last seen of the other's (rigtorp's SPSCQueue) ---- */

struct cached {
        struct {
                _Alignas(BENCH_LINE) _Atomic(uint64_t) tail;
                uint64_t head_seen;
        } in;
        struct {
                _Alignas(BENCH_LINE) _Atomic(uint64_t) head;
                uint64_t tail_seen;
        } out;
        _Alignas(BENCH_LINE) uint64_t slot[FLOW_CAPACITY];
};

static int cached_make(void **queue)
{
        *queue = bench_shared(sizeof(struct cached));
        return *queue ? 0 : bench_cannot("no shared memory");
}

static void cached_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct cached));
}

BENCH_INLINE void cached_push(void *queue, uint64_t x, enum flow_wait wait)
{
        struct cached *q = queue;
        uint64_t t = atomic_load_explicit(&q->in.tail, memory_order_relaxed);
        while (t - q->in.head_seen == FLOW_CAPACITY) {
                q->in.head_seen =
                        atomic_load_explicit(&q->out.head, memory_order_acquire);
                if (t - q->in.head_seen == FLOW_CAPACITY)
                        flow_idle(wait);
        }
        q->slot[t & MASK] = x;
        atomic_store_explicit(&q->in.tail, t + 1, memory_order_release);
}

BENCH_INLINE uint64_t cached_pop(void *queue, enum flow_wait wait)
{
        struct cached *q = queue;
        uint64_t h = atomic_load_explicit(&q->out.head, memory_order_relaxed);
        while (h == q->out.tail_seen) {
                q->out.tail_seen =
                        atomic_load_explicit(&q->in.tail, memory_order_acquire);
                if (h == q->out.tail_seen)
                        flow_idle(wait);
        }
        uint64_t x = q->slot[h & MASK];
        atomic_store_explicit(&q->out.head, h + 1, memory_order_release);
        return x;
}

FLOW_QUEUE(flow_cached, cached_make, cached_drop, cached_push, cached_pop);

/* ---- rows ------------------------------------------------------------------- */

static const struct flow_shape one_spin = { 1, 1, FLOW_SPIN };

#define SIDE(variable, label, sample, queue, shape) \
        static const struct bench_side variable = { label, sample, &(queue), &(shape) }

SIDE(pair_ring, "weft", flow_sample_pair, flow_ring, one_spin);
SIDE(pair_ck, "ck_ring SPSC", flow_sample_pair, flow_ck_spsc, one_spin);
SIDE(pair_cached, "rigtorp SPSC", flow_sample_pair, flow_cached, one_spin);

SIDE(one_ring, "weft", flow_sample_stream, flow_ring, one_spin);
SIDE(one_ck, "ck_ring SPSC", flow_sample_stream, flow_ck_spsc, one_spin);
SIDE(one_cached, "rigtorp SPSC", flow_sample_stream, flow_cached, one_spin);
SIDE(one_rte, "rte_ring SP/SC", flow_sample_stream, flow_rte_single, one_spin);
SIDE(wide_ring, "weft", flow_sample_stream, flow_wide, one_spin);
SIDE(wide_units, "64 B and a word", flow_sample_stream, flow_units, one_spin);
SIDE(sleepy_ring, "weft", flow_sample_stream, flow_ring, flow_block);
SIDE(sleepy_pipe, "pipe", flow_sample_stream, flow_pipe, flow_block);

SIDE(trip_ring, "weft", flow_sample_trip, flow_ring, flow_eager);
SIDE(trip_line, "cache line", flow_sample_trip, flow_line, flow_eager);
SIDE(trip_wide, "weft", flow_sample_trip, flow_wide, flow_eager);
SIDE(trip_box, "64 B and a word", flow_sample_trip, flow_box, flow_eager);
SIDE(trip_ck, "ck_ring SPSC", flow_sample_trip, flow_ck_spsc, flow_eager);
SIDE(trip_cached, "rigtorp SPSC", flow_sample_trip, flow_cached, flow_eager);
SIDE(block_ring, "weft", flow_sample_trip, flow_ring, flow_block);
SIDE(block_futex, "futex", flow_sample_trip, flow_futex, flow_block);
SIDE(nap_ring, "weft", flow_sample_nap, flow_ring, flow_block);
SIDE(nap_futex, "futex", flow_sample_nap, flow_futex, flow_block);
SIDE(cpu_ring, "weft", flow_sample_trip_one_cpu, flow_ring, flow_block);
SIDE(cpu_futex, "futex", flow_sample_trip_one_cpu, flow_futex, flow_block);

#define PAIR "8 B: push and pop by one process, nobody else there"
#define ONE "8 B: 1 producer, 1 consumer, each spinning on a cpu of its own"
#define TRIP "8 B round trip through two rings, both sides polling"
#define BLOCK "8 B round trip, blocking calls, "

static const struct bench_row rows[] = {
        { "ring.pair.ck", PAIR, "ns", &pair_ring, &pair_ck, BENCH_NO_GOAL, BENCH_LOWER,
          0 },
        { "ring.pair.rigtorp", PAIR, "ns", &pair_ring, &pair_cached, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "ring.1p1c.ck", ONE, "M/s", &one_ring, &one_ck, 4, BENCH_HIGHER, 0 },
        { "ring.1p1c.rigtorp", ONE, "M/s", &one_ring, &one_cached, 3, BENCH_HIGHER, 0 },
        { "ring.1p1c.rte", ONE, "M/s", &one_ring, &one_rte, BENCH_NO_GOAL, BENCH_HIGHER,
          0 },
        { "ring.1p1c.64", "the same with elements of 64 B", "M/s", &wide_ring,
          &wide_units, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "ring.1p1c.block", "the same with blocking calls", "M/s", &sleepy_ring,
          &sleepy_pipe, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "ring.trip.spin", TRIP, "ns", &trip_ring, &trip_line, 1.1, BENCH_LOWER, 0 },
        { "ring.trip.spin.ck", TRIP, "ns", &trip_ring, &trip_ck, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "ring.trip.spin.rigtorp", TRIP, "ns", &trip_ring, &trip_cached, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "ring.trip.spin.64", "the same with 64 B", "ns", &trip_wide, &trip_box, 1.1,
          BENCH_LOWER, 0 },
        { "ring.trip.block", BLOCK "two cpus, answered at once", "ns", &block_ring,
          &block_futex, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "ring.trip.one-cpu", BLOCK "both on one cpu", "ns", &cpu_ring, &cpu_futex,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "ring.trip.asleep", BLOCK "two cpus, the other asleep by then", "ns", &nap_ring,
          &nap_futex, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(ring, rows);
