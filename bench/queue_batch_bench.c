/* bench/queue_batch_bench.c -- many at a time, and large ones in place. */
#define _GNU_SOURCE
#include <weft/weft.h>

#include "bench/flow.h"
#include "bench/peer_rte.h"
#include "bench/raw.h"

enum { BATCH = 32 };

/* ---- batches: all that the queue takes or has, up to 32 -------------------- */

typedef unsigned push_fn(void *queue, const uint64_t *x, unsigned n);
typedef unsigned pop_fn(void *queue, uint64_t *x, unsigned n);

static unsigned went(int64_t rc, const char *call)
{
        if (rc < 0 && rc != -EAGAIN)
                bench_give_up("%s: %s", call, weft_strerror((int)rc));
        return rc < 0 ? 0 : (unsigned)rc;
}

static unsigned weft_push(void *queue, const uint64_t *x, unsigned n)
{
        struct flow_weft *at = queue;
        return went(weft_queue_push_n(at->queue, x, n, WEFT_NOW), "weft_queue_push_n");
}

static unsigned weft_pop(void *queue, uint64_t *x, unsigned n)
{
        struct flow_weft *at = queue;
        return went(weft_queue_pop_n(at->queue, x, n, WEFT_NOW), "weft_queue_pop_n");
}

BENCH_INLINE void put(void *queue, const uint64_t *x, push_fn *push)
{
        for (unsigned done = 0, n; done < BATCH; done += n)
                if (!(n = push(queue, x + done, BATCH - done)))
                        bench_pause();
}

BENCH_INLINE void get(void *queue, uint64_t *x, pop_fn *pop)
{
        for (unsigned done = 0, n; done < BATCH; done += n)
                if (!(n = pop(queue, x + done, BATCH - done)))
                        bench_pause();
}

BENCH_INLINE uint64_t number(uint64_t *x, uint64_t seq)
{
        uint64_t sum = 0;
        for (unsigned i = 0; i < BATCH; i++)
                sum += x[i] = seq + i;
        return sum;
}

BENCH_INLINE uint64_t verify(const uint64_t *x, uint64_t seq)
{
        uint64_t sum = 0, wrong = 0;
        for (unsigned i = 0; i < BATCH; i++) {
                sum += x[i];
                wrong |= x[i] ^ (seq + i);
        }
        BENCH_CHECK(!wrong);
        return sum;
}

BENCH_INLINE void stream(struct bench_worker *w, void *queue, push_fn *push, pop_fn *pop)
{
        uint64_t x[BATCH], seq = 0, sum = 0;
        bench_ready(w);
        if (w->index == 0) {
                for (; !bench_stopping(w); bench_ops(w, seq += BATCH)) {
                        sum += number(x, seq);
                        put(queue, x, push);
                }
                w->slot->count_in = seq;
                w->slot->sum_in = sum;
                x[0] = FLOW_END;
                put(queue, x, push);
                return;
        }
        for (;; bench_ops(w, seq += BATCH)) {
                get(queue, x, pop);
                if (x[0] == FLOW_END)
                        break;
                sum += verify(x, seq);
        }
        w->slot->count = seq;
        w->slot->sum = sum;
}

BENCH_INLINE void alone(struct bench_worker *w, void *queue, push_fn *push, pop_fn *pop)
{
        uint64_t x[BATCH], y[BATCH], seq = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, seq += BATCH)) {
                number(x, seq);
                put(queue, x, push);
                get(queue, y, pop);
                verify(y, seq);
        }
}

static void weft_stream(struct bench_worker *w, void *queue)
{
        stream(w, queue, weft_push, weft_pop);
}

static void rte_stream(struct bench_worker *w, void *queue)
{
        stream(w, queue, peer_rte_push_bulk, peer_rte_pop_bulk);
}

static void weft_alone(struct bench_worker *w, void *queue)
{
        alone(w, queue, weft_push, weft_pop);
}

static void rte_alone(struct bench_worker *w, void *queue)
{
        alone(w, queue, peer_rte_push_bulk, peer_rte_pop_bulk);
}

struct batch {
        const struct flow_queue *queue;
        void (*body)(struct bench_worker *w, void *queue);
        unsigned workers;
};

static int sample_batch(const struct bench_side *side, double *value)
{
        const struct batch *b = side->subject;
        void *queue = NULL;
        int rc = b->workers > 1 ? bench_two_cpus() : 0;
        if (!rc)
                rc = b->queue->make(&queue);
        if (rc)
                return rc;
        struct bench_crew crew = {
                .count = b->workers, .ms = bench.ms, .body = b->body, .context = queue
        };
        rc = flow_rate(&crew, b->workers - 1, value);
        b->queue->drop(queue);
        return rc;
}

/* ---- 64 KiB elements, filled and read in place ------------------------------ */

static void element(int rc, const char *call)
{
        if (rc)
                bench_give_up("%s: %s", call, weft_strerror(rc));
}

static void take(weft_queue_t *q, struct weft_element *e)
{
        int rc;
        while ((rc = weft_queue_take(q, e, WEFT_NOW)) == -EAGAIN)
                bench_pause();
        element(rc, "weft_queue_take");
}

static void commit(weft_queue_t *q, struct weft_element *e)
{
        int rc;
        while ((rc = weft_queue_commit(q, e, WEFT_NOW)) == -EAGAIN)
                bench_pause();
        element(rc, "weft_queue_commit");
}

static void large_body(struct bench_worker *w, void *context)
{
        weft_queue_t *q = ((struct flow_weft *)context)->queue;
        struct weft_element e;
        uint64_t seq = 0;
        bench_ready(w);
        if (w->index == 0) {
                for (bool last = false; !last; bench_ops(w, ++seq)) {
                        last = bench_stopping(w);
                        element(weft_queue_loan(q, &e), "weft_queue_loan");
                        raw_fill(e.at, last ? RAW_LAST : seq);
                        commit(q, &e);
                }
                w->slot->count_in = seq - 1;
                return;
        }
        for (;; bench_ops(w, ++seq)) {
                take(q, &e);
                if (*(const uint64_t *)e.at == RAW_LAST)
                        break;
                BENCH_CHECK(raw_touch(e.at) == seq * RAW_LINES);
                element(weft_queue_release(q, &e), "weft_queue_release");
        }
        element(weft_queue_release(q, &e), "weft_queue_release");
        w->slot->count = seq;
}

static int sample_large(const struct bench_side *side, double *value)
{
        struct weft_queue_options options = { .capacity = RAW_BUFFERS,
                                              .element_bytes = RAW_BYTES };
        struct flow_weft at;
        (void)side;
        int rc = bench_two_cpus();
        if (!rc)
                rc = flow_weft_open(&at, &options);
        if (rc)
                return rc;
        struct bench_crew crew = {
                .count = 2, .ms = bench.ms, .body = large_body, .context = &at
        };
        rc = flow_rate(&crew, 1, value);
        *value *= RAW_BYTES * 1e-3; /* M/s to GB/s */
        flow_weft_close(&at);
        return rc;
}

/* ---- rows ------------------------------------------------------------------- */

static const struct batch batch_weft = { &flow_weft_batch, weft_stream, 2 };
static const struct batch batch_plain = { &flow_weft, weft_stream, 2 };
static const struct batch batch_rte = { &flow_rte, rte_stream, 2 };
static const struct batch alone_weft = { &flow_weft_batch, weft_alone, 1 };
static const struct batch alone_plain = { &flow_weft, weft_alone, 1 };
static const struct batch alone_rte = { &flow_rte, rte_alone, 1 };

static const struct bench_side side_weft = { "weft BATCH", sample_batch, &batch_weft,
                                             NULL };
static const struct bench_side side_plain = { "weft", sample_batch, &batch_plain, NULL };
static const struct bench_side side_plain_alone = { "weft", sample_batch, &alone_plain,
                                                    NULL };
static const struct bench_side side_rte = { "rte_ring bulk", sample_batch, &batch_rte,
                                            NULL };
static const struct bench_side side_weft_alone = { "weft BATCH", sample_batch,
                                                   &alone_weft, NULL };
static const struct bench_side side_rte_alone = { "rte_ring bulk", sample_batch,
                                                  &alone_rte, NULL };
static const struct bench_side side_large = { "weft", sample_large, NULL, NULL };
static const struct bench_side side_touch = { "read-touch", raw_sample_touch, NULL,
                                              NULL };

static const struct bench_row rows[] = {
        { "queue.batch32", "8 B in batches of 32, 1 producer, 1 consumer, two cpus",
          "M/s", &side_weft, &side_rte, 0.9, BENCH_HIGHER, 0 },
        { "queue.batch32.alone", "8 B in batches of 32, pushed and popped by one process",
          "M/s", &side_weft_alone, &side_rte_alone, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "queue.batch32.plain", "the same in a queue without WEFT_QUEUE_BATCH", "M/s",
          &side_plain, &side_rte, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "queue.batch32.plain.alone", "the same, by one process", "M/s",
          &side_plain_alone, &side_rte_alone, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "queue.loan64k", "64 KiB elements: loan, fill, commit; take, read, release",
          "GB/s", &side_large, &side_touch, 0.9, BENCH_HIGHER, 0 },
};

BENCH_MODULE(queue_batch, rows);
