/* bench/flow.h -- 8-byte elements through any queue, verified as they go.
 *
 * A queue is a struct flow_queue; FLOW_QUEUE() makes one of its push and pop, which are
 * inlined into every loop here, so that a peer in a header runs as fast as it goes.
 */
#ifndef WEFT_BENCH_FLOW_H
#define WEFT_BENCH_FLOW_H

#include <sched.h>

#include "bench/bench.h"

/* What to do while it is full, or empty. */
enum flow_wait {
        FLOW_EAGER, /* look again at once */
        FLOW_SPIN,  /* pause, never give up the cpu */
        FLOW_YIELD, /* sched_yield() */
        FLOW_BLOCK, /* the queue's own way to wait */
};

struct flow_shape {
        unsigned producers, consumers;
        enum flow_wait wait;
};

struct flow {
        void *queue;
        const struct flow_shape *shape;
        struct flow_end *end;
};

struct flow_end {
        _Alignas(BENCH_LINE) _Atomic(uint32_t) producing;
};

struct flow_queue {
        /* Makes an empty queue of FLOW_CAPACITY that forked children share. 0, or what
         * bench_cannot() returned. */
        int (*make)(void **queue);
        void (*drop)(void *queue);
        void (*stream)(struct bench_worker *worker,
                       void *flow);                            /* producer or consumer */
        void (*pair)(struct bench_worker *worker, void *flow); /* push and pop, alone */
        void (*trip)(struct bench_worker *worker, void *flow); /* there and back */
        void (*nap)(struct bench_worker *worker, void *flow);  /* and both fall asleep */
};

enum {
        FLOW_CAPACITY = 1024,
        FLOW_NAPS = 2048,
        FLOW_PRODUCER_SHIFT = 56,
        FLOW_PRODUCERS = 4
};
#define FLOW_NAP_NS 150000  /* how long a process thinks while the other falls asleep */
#define FLOW_END UINT64_MAX /* the last element that a consumer gets */
#define FLOW_SEQ(x) ((x) & ((UINT64_C(1) << FLOW_PRODUCER_SHIFT) - 1))

BENCH_INLINE void flow_idle(enum flow_wait wait)
{
        if (wait == FLOW_YIELD)
                sched_yield();
        else if (wait == FLOW_SPIN)
                bench_pause();
}

typedef void flow_push_fn(void *queue, uint64_t x, enum flow_wait wait);
typedef uint64_t flow_pop_fn(void *queue, enum flow_wait wait);

/* What a loop looks at again and again is kept in locals: it should measure the queue. */

/* Every producer's elements carry its number and count up from 0. */
BENCH_INLINE void flow_produce(struct bench_worker *w, const struct flow *f,
                               enum flow_wait wait, flow_push_fn *push)
{
        const _Atomic(uint32_t) *stop = &w->control->stop;
        _Atomic(uint64_t) *ops = &w->slot->ops;
        void *queue = f->queue;
        uint64_t tag = (uint64_t)w->index << FLOW_PRODUCER_SHIFT, seq = 0, sum = 0;
        while (!atomic_load_explicit(stop, memory_order_relaxed)) {
                push(queue, tag | seq, wait);
                sum += tag | seq;
                atomic_store_explicit(ops, ++seq, memory_order_relaxed);
        }
        w->slot->count_in = seq;
        w->slot->sum_in = sum;
        if (atomic_fetch_sub(&f->end->producing, 1) == 1)
                for (unsigned i = 0; i < f->shape->consumers; i++)
                        push(queue, FLOW_END, wait);
}

/* One producer's elements arrive in its order; at a lone consumer, all of them. */
BENCH_INLINE void flow_consume(struct bench_worker *w, const struct flow *f,
                               enum flow_wait wait, flow_pop_fn *pop)
{
        uint64_t next[FLOW_PRODUCERS] = { 0 }, seq = 0, sum = 0, x;
        bool lone = f->shape->consumers == 1;
        while ((x = pop(f->queue, wait)) != FLOW_END) {
                uint64_t from = x >> FLOW_PRODUCER_SHIFT;
                BENCH_CHECK(from < f->shape->producers);
                BENCH_CHECK(lone ? FLOW_SEQ(x) == next[from] : FLOW_SEQ(x) >= next[from]);
                next[from] = FLOW_SEQ(x) + 1;
                sum += x;
                bench_ops(w, ++seq);
        }
        w->slot->count = seq;
        w->slot->sum = sum;
}

/* From the one producer to the one consumer: then each element is the next number. */
BENCH_INLINE void flow_consume_one(struct bench_worker *w, const struct flow *f,
                                   enum flow_wait wait, flow_pop_fn *pop)
{
        _Atomic(uint64_t) *ops = &w->slot->ops;
        void *queue = f->queue;
        uint64_t seq = 0, sum = 0, x;
        while ((x = pop(queue, wait)) != FLOW_END) {
                BENCH_CHECK(x == seq);
                sum += x;
                atomic_store_explicit(ops, ++seq, memory_order_relaxed);
        }
        w->slot->count = seq;
        w->slot->sum = sum;
}

BENCH_INLINE void flow_stream(struct bench_worker *w, const struct flow *f,
                              enum flow_wait wait, flow_push_fn *push, flow_pop_fn *pop)
{
        bench_ready(w);
        if (w->index < f->shape->producers)
                flow_produce(w, f, wait, push);
        else if (f->shape->producers == 1 && f->shape->consumers == 1)
                flow_consume_one(w, f, wait, pop);
        else
                flow_consume(w, f, wait, pop);
}

BENCH_INLINE void flow_pair(struct bench_worker *w, const struct flow *f,
                            flow_push_fn *push, flow_pop_fn *pop)
{
        uint64_t seq = 0;
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (unsigned i = 0; i < 256; i++, seq++) {
                        push(f->queue, seq, FLOW_SPIN);
                        BENCH_CHECK(pop(f->queue, FLOW_SPIN) == seq);
                }
                bench_ops(w, seq);
        }
}

/* f->queue is two of them: there, and back. */
BENCH_INLINE void flow_trip(struct bench_worker *w, const struct flow *f,
                            enum flow_wait wait, flow_push_fn *push, flow_pop_fn *pop)
{
        void *const *queue = f->queue;
        uint64_t seq = 0, x;
        bench_ready(w);
        if (w->index == 0) {
                while (!bench_stopping(w)) {
                        push(queue[0], seq, wait);
                        BENCH_CHECK(pop(queue[1], wait) == seq);
                        bench_ops(w, ++seq);
                }
                push(queue[0], FLOW_END, wait);
        } else {
                for (; (x = pop(queue[0], wait)) != FLOW_END; seq++) {
                        BENCH_CHECK(x == seq);
                        push(queue[1], x, wait);
                }
        }
}

static inline void flow_think(void)
{
        uint64_t until = bench_now() + FLOW_NAP_NS;
        while (bench_now() < until)
                bench_pause();
}

/* As flow_trip, but whoever gets an element thinks first, and the other has gone to
 * sleep by then. The median of the trips, without the thinking, is the figure. */
BENCH_INLINE void flow_nap(struct bench_worker *w, const struct flow *f,
                           flow_push_fn *push, flow_pop_fn *pop)
{
        static double ns[FLOW_NAPS];
        void *const *queue = f->queue;
        uint64_t seq = 0, x;
        bench_ready(w);
        if (w->index == 0) {
                for (; seq < FLOW_NAPS && !bench_stopping(w); seq++) {
                        flow_think();
                        uint64_t begin = bench_now();
                        push(queue[0], seq, FLOW_BLOCK);
                        BENCH_CHECK(pop(queue[1], FLOW_BLOCK) == seq);
                        ns[seq] = (double)(bench_now() - begin) - FLOW_NAP_NS;
                }
                push(queue[0], FLOW_END, FLOW_BLOCK);
                w->slot->value = bench_percentile(ns, seq, 50);
        } else {
                for (; (x = pop(queue[0], FLOW_BLOCK)) != FLOW_END; seq++) {
                        BENCH_CHECK(x == seq);
                        flow_think();
                        push(queue[1], x, FLOW_BLOCK);
                }
        }
}

/* One loop for each way to wait, so that the choice is made outside of it. */
#define FLOW_EACH_WAIT(call, push, pop) \
        do { \
                const struct flow *f = flow; \
                if (f->shape->wait == FLOW_EAGER) \
                        call(worker, f, FLOW_EAGER, push, pop); \
                else if (f->shape->wait == FLOW_SPIN) \
                        call(worker, f, FLOW_SPIN, push, pop); \
                else if (f->shape->wait == FLOW_YIELD) \
                        call(worker, f, FLOW_YIELD, push, pop); \
                else \
                        call(worker, f, FLOW_BLOCK, push, pop); \
        } while (0)

#define FLOW_QUEUE(name, make, drop, push, pop) \
        static void name##_stream(struct bench_worker *worker, void *flow) \
        { \
                FLOW_EACH_WAIT(flow_stream, push, pop); \
        } \
        static void name##_pair(struct bench_worker *worker, void *flow) \
        { \
                flow_pair(worker, flow, push, pop); \
        } \
        static void name##_trip(struct bench_worker *worker, void *flow) \
        { \
                FLOW_EACH_WAIT(flow_trip, push, pop); \
        } \
        static void name##_nap(struct bench_worker *worker, void *flow) \
        { \
                flow_nap(worker, flow, push, pop); \
        } \
        const struct flow_queue name = { make,        drop,        name##_stream, \
                                         name##_pair, name##_trip, name##_nap }

/* Samples for struct bench_side: `subject` is a flow_queue, `shape` a flow_shape. */
int flow_sample_stream(const struct bench_side *side, double *value); /* M/s */
int flow_sample_pair(const struct bench_side *side, double *value);   /* ns a pair */
int flow_sample_trip(const struct bench_side *side,
                     double *value); /* ns there and back */
int flow_sample_trip_one_cpu(const struct bench_side *side, double *value);
int flow_sample_nap(const struct bench_side *side, double *value);

/* Millions of operations a second of workers [from, count) while the clock ran; checks
 * that as much came out as went in. */
int flow_rate(struct bench_crew *crew, unsigned from, double *value);

/* ours, the peers, and the least that a machine can do */
extern const struct flow_queue flow_weft, flow_weft_batch, flow_vyukov, flow_turn,
        flow_ck, flow_rte, flow_pipe, flow_line, flow_futex;
extern const struct flow_shape flow_eager, flow_block; /* one and one */

/* A weft arena and queue without a name; NULL in *queue after an error. */
struct flow_weft {
        struct weft_arena *arena;
        struct weft_queue *queue;
};
struct weft_queue_options;
int flow_weft_open(struct flow_weft *at, const struct weft_queue_options *options);
void flow_weft_close(struct flow_weft *at);

#endif
