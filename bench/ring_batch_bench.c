/* bench/ring_batch_bench.c -- one producer, one consumer: many at a time, and large ones in
 * place. */
#define _GNU_SOURCE
#include <weft/weft.h>

#include "bench/peer_rte.h"
#include "bench/raw.h"
#include "bench/ring_flow.h"

enum { BATCH = 32 };

/* ---- batches: all that it takes or has, up to 32 ------------------------------ */

typedef unsigned push_fn(void *queue, const uint64_t *x, unsigned n);
typedef unsigned pop_fn(void *queue, uint64_t *x, unsigned n);

BENCH_INLINE unsigned ring_push(void *queue, const uint64_t *x, unsigned n)
{
        int64_t rc = weft_ring_push_n(queue, x, n, WEFT_NOW);
        if (rc != -EAGAIN)
                ring_flow_must(rc, "weft_ring_push_n");
        return rc < 0 ? 0 : (unsigned)rc;
}

BENCH_INLINE unsigned ring_pop(void *queue, uint64_t *x, unsigned n)
{
        int64_t rc = weft_ring_pop_n(queue, x, n, WEFT_NOW);
        if (rc != -EAGAIN)
                ring_flow_must(rc, "weft_ring_pop_n");
        return rc < 0 ? 0 : (unsigned)rc;
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

static void ring_stream(struct bench_worker *w, void *queue)
{
        stream(w, queue, ring_push, ring_pop);
}

static void rte_stream(struct bench_worker *w, void *queue)
{
        stream(w, queue, peer_rte_push_single, peer_rte_pop_single);
}

static int ring_make(void **queue)
{
        return ring_flow_make(queue,
                              &(struct weft_ring_options){ .capacity = FLOW_CAPACITY,
                                                           .element_bytes = 8 });
}

struct batch {
        int (*make)(void **queue);
        void (*drop)(void *queue);
        void (*body)(struct bench_worker *w, void *queue);
};

static int sample_batch(const struct bench_side *side, double *value)
{
        const struct batch *b = side->subject;
        void *queue = NULL;
        int rc = bench_two_cpus();
        if (!rc)
                rc = b->make(&queue);
        if (rc)
                return rc;
        struct bench_crew crew = {
                .count = 2, .ms = bench.ms, .body = b->body, .context = queue
        };
        rc = flow_rate(&crew, 1, value);
        b->drop(queue);
        return rc;
}

/* ---- 1 MiB, filled and read in place ------------------------------------------- */

enum { LARGE = 1 << 20, PARTS = LARGE / RAW_BYTES, BUFFERS = 7 };

static void fill(char *at, uint64_t value)
{
        for (int i = 0; i < PARTS; i++)
                raw_fill(at + i * RAW_BYTES, value);
}

static uint64_t touch(const char *at)
{
        uint64_t sum = 0;
        for (int i = 0; i < PARTS; i++)
                sum += raw_touch(at + i * RAW_BYTES);
        return sum;
}

static void take(weft_ring_t *r, struct weft_ring_item *item)
{
        int rc;
        while ((rc = weft_ring_take(r, item, WEFT_NOW)) == -EAGAIN)
                bench_pause();
        ring_flow_must(rc, "weft_ring_take");
}

static void loan(weft_ring_t *r, struct weft_ring_item *item)
{
        int rc;
        while ((rc = weft_ring_loan(r, LARGE, item, WEFT_NOW)) == -EAGAIN)
                bench_pause();
        ring_flow_must(rc, "weft_ring_loan");
}

static void large_body(struct bench_worker *w, void *context)
{
        weft_ring_t *r = context;
        struct weft_ring_item item;
        uint64_t seq = 0;
        bench_ready(w);
        if (w->index == 0) {
                for (bool last = false; !last; bench_ops(w, ++seq)) {
                        last = bench_stopping(w);
                        loan(r, &item);
                        fill(item.at, last ? RAW_LAST : seq);
                        ring_flow_must(weft_ring_commit(r, &item, LARGE),
                                       "weft_ring_commit");
                }
                w->slot->count_in = seq - 1;
                return;
        }
        for (;; bench_ops(w, ++seq)) {
                take(r, &item);
                if (*(const uint64_t *)item.at == RAW_LAST)
                        break;
                BENCH_CHECK(touch(item.at) == seq * (LARGE / 64));
                ring_flow_must(weft_ring_release(r, &item), "weft_ring_release");
        }
        w->slot->count = seq;
}

/* As many at a time as the ring holds, and no more to do than to count them. */
struct buffers {
        struct {
                _Alignas(BENCH_LINE) _Atomic(uint64_t) full; /* ever filled */
                _Alignas(BENCH_LINE) _Atomic(uint64_t) read; /* and ever read */
        } at;
        _Alignas(4096) char buffer[BUFFERS][LARGE];
};

static void touch_body(struct bench_worker *w, void *context)
{
        struct buffers *b = context;
        uint64_t seq = 0, full;
        bench_ready(w);
        if (w->index == 0) {
                for (; !bench_stopping(w); bench_ops(w, ++seq)) {
                        while (seq - atomic_load_explicit(&b->at.read,
                                                          memory_order_acquire) ==
                               BUFFERS)
                                bench_pause();
                        fill(b->buffer[seq % BUFFERS], seq);
                        atomic_store_explicit(&b->at.full, seq + 1, memory_order_release);
                }
                w->slot->count_in = seq;
                atomic_store_explicit(&b->at.full, seq | RAW_LAST, memory_order_release);
                return;
        }
        for (;; bench_ops(w, ++seq)) {
                while ((full = atomic_load_explicit(&b->at.full, memory_order_acquire)) ==
                       seq)
                        bench_pause();
                if (full == (seq | RAW_LAST))
                        break;
                BENCH_CHECK(touch(b->buffer[seq % BUFFERS]) == seq * (LARGE / 64));
                atomic_store_explicit(&b->at.read, seq + 1, memory_order_release);
        }
        w->slot->count = seq;
}

static int records_make(void **queue)
{
        return ring_flow_make(queue,
                              &(struct weft_ring_options){ .capacity = 8 << 20,
                                                           .element_bytes = LARGE,
                                                           .flags = WEFT_RING_BYTES });
}

static int elements_make(void **queue)
{
        return ring_flow_make(queue, &(struct weft_ring_options){
                                             .capacity = 8, .element_bytes = LARGE });
}

static int buffers_make(void **queue)
{
        *queue = bench_shared(sizeof(struct buffers));
        return *queue ? 0 : bench_cannot("no shared memory");
}

static void buffers_drop(void *queue)
{
        bench_unshare(queue, sizeof(struct buffers));
}

static int sample_large(const struct bench_side *side, double *value)
{
        int rc = sample_batch(side, value);
        *value *= LARGE * 1e-3; /* M/s to GB/s */
        return rc;
}

/* ---- rows ------------------------------------------------------------------- */

static const struct batch batch_ring = { ring_make, ring_flow_drop, ring_stream };
static const struct batch batch_rte = { peer_rte_make_single, peer_rte_drop, rte_stream };
static const struct batch large_records = { records_make, ring_flow_drop, large_body };
static const struct batch large_elements = { elements_make, ring_flow_drop, large_body };
static const struct batch large_touch = { buffers_make, buffers_drop, touch_body };

static const struct bench_side side_ring = { "weft", sample_batch, &batch_ring, NULL };
static const struct bench_side side_rte = { "rte_ring bulk", sample_batch, &batch_rte,
                                            NULL };
static const struct bench_side side_records = { "weft", sample_large, &large_records,
                                                NULL };
static const struct bench_side side_elements = { "weft", sample_large, &large_elements,
                                                 NULL };
static const struct bench_side side_touch = { "read-touch", sample_large, &large_touch,
                                              NULL };

#define LOAN "in place: loan, fill, commit; take, read, release"

static const struct bench_row rows[] = {
        { "ring.batch32", "8 B in batches of 32, 1 producer, 1 consumer, two cpus", "M/s",
          &side_ring, &side_rte, 1.5, BENCH_HIGHER, 0 },
        { "ring.record1m", "1 MiB records " LOAN, "GB/s", &side_records, &side_touch, 0.9,
          BENCH_HIGHER, 0 },
        { "ring.loan1m", "1 MiB elements " LOAN, "GB/s", &side_elements, &side_touch, 0.9,
          BENCH_HIGHER, 0 },
};

BENCH_MODULE(ring_batch, rows);
