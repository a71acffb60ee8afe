/* bench/flow.c -- samples of flows, and our own queue. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include <weft/weft.h>

#include "bench/flow.h"

int flow_rate(struct bench_crew *crew, unsigned from, double *value)
{
        uint64_t out = 0, count = 0, sum = 0, count_in = 0, sum_in = 0;
        int rc = bench_crew_run(crew);
        if (rc)
                return rc;
        for (unsigned i = 0; i < crew->count; i++) {
                const struct bench_slot *slot = &crew->slot[i];
                if (i >= from)
                        out += slot->ops_at_stop;
                count += slot->count;
                sum += slot->sum;
                count_in += slot->count_in;
                sum_in += slot->sum_in;
        }
        *value = (double)out * 1e3 / (double)crew->elapsed;
        if (crew->cut)
                bench_remark(
                        "did not end in %u ms after the stop and was killed; order was "
                        "verified, the sum was not",
                        crew->grace_ms);
        else if (count != count_in || sum != sum_in)
                return bench_wrong("%llu elements in, %llu out",
                                   (unsigned long long)count_in,
                                   (unsigned long long)count);
        return 0;
}

int flow_sample_stream(const struct bench_side *side, double *value)
{
        const struct flow_queue *q = side->subject;
        struct flow f = { .shape = side->shape };
        int rc = bench_two_cpus();
        if (!rc)
                rc = q->make(&f.queue);
        if (rc)
                return rc;
        f.end = bench_shared(sizeof *f.end);
        atomic_store(&f.end->producing, f.shape->producers);
        unsigned workers = f.shape->producers + f.shape->consumers;
        /* More workers than cpus: over many time slices of the scheduler. */
        struct bench_crew crew = { .count = workers,
                                   .ms = workers > 2 ? 3 * bench.ms : bench.ms,
                                   .grace_ms = bench.quick ? 400 : 2000,
                                   .body = q->stream,
                                   .context = &f };
        rc = flow_rate(&crew, f.shape->producers, value);
        bench_unshare(f.end, sizeof *f.end);
        q->drop(f.queue);
        return rc;
}

static double ns_per_op(const struct bench_slot *slot)
{
        return (double)(slot->end - slot->begin) / (double)(slot->ops ? slot->ops : 1);
}

int flow_sample_pair(const struct bench_side *side, double *value)
{
        const struct flow_queue *q = side->subject;
        struct flow f = { .shape = side->shape };
        int rc = q->make(&f.queue);
        if (rc)
                return rc;
        struct bench_crew crew = {
                .count = 1, .ms = bench.ms, .body = q->pair, .context = &f
        };
        rc = bench_crew_run(&crew);
        *value = ns_per_op(&crew.slot[0]);
        q->drop(f.queue);
        return rc;
}

const struct flow_shape flow_eager = { 1, 1, FLOW_EAGER };
const struct flow_shape flow_block = { 1, 1, FLOW_BLOCK };

enum trip { TRIP, TRIP_ONE_CPU, TRIP_NAP };

static int sample_trip(const struct bench_side *side, enum trip kind, double *value)
{
        const struct flow_queue *q = side->subject;
        void *queue[2] = { NULL, NULL };
        struct flow f = { .queue = queue, .shape = side->shape };
        int rc = kind == TRIP_ONE_CPU ? 0 : bench_two_cpus();
        if (!rc)
                rc = q->make(&queue[0]);
        if (!rc)
                rc = q->make(&queue[1]);
        if (!rc) {
                struct bench_crew crew = { .count = 2,
                                           .one_cpu = kind == TRIP_ONE_CPU,
                                           .ms = bench.ms,
                                           .body = kind == TRIP_NAP ? q->nap : q->trip,
                                           .context = &f };
                rc = bench_crew_run(&crew);
                if (!rc && crew.cut)
                        rc = bench_wrong("a wake-up was lost");
                *value = kind == TRIP_NAP ? crew.slot[0].value : ns_per_op(&crew.slot[0]);
        }
        for (int i = 0; i < 2; i++)
                if (queue[i])
                        q->drop(queue[i]);
        return rc;
}

int flow_sample_trip(const struct bench_side *side, double *value)
{
        return sample_trip(side, TRIP, value);
}

int flow_sample_trip_one_cpu(const struct bench_side *side, double *value)
{
        return sample_trip(side, TRIP_ONE_CPU, value);
}

int flow_sample_nap(const struct bench_side *side, double *value)
{
        return sample_trip(side, TRIP_NAP, value);
}

/* ---- ours ---------------------------------------------------------------- */

int flow_weft_open(struct flow_weft *at, const struct weft_queue_options *options)
{
        at->queue = NULL;
        int rc = bench_weft(weft_arena_create(NULL, NULL, &at->arena),
                            "weft_arena_create");
        if (rc)
                return rc;
        rc = bench_weft(weft_queue_create(at->arena, "bench", options, &at->queue),
                        "weft_queue_create");
        if (rc)
                weft_arena_close(at->arena);
        return rc;
}

void flow_weft_close(struct flow_weft *at)
{
        weft_queue_close(at->queue);
        weft_arena_close(at->arena);
}

static int weft_make_as(void **queue, uint64_t capacity, uint32_t flags)
{
        struct weft_queue_options options = { .capacity = capacity,
                                              .element_bytes = 8,
                                              .flags = flags };
        struct flow_weft *at = malloc(sizeof *at);
        if (!at)
                return bench_cannot("no memory");
        int rc = flow_weft_open(at, &options);
        if (rc)
                free(at);
        else
                *queue = at;
        return rc;
}

static int weft_make(void **queue)
{
        return weft_make_as(queue, FLOW_CAPACITY, 0);
}

/* As many elements as the others hold when all batches are full ones. */
static int weft_make_batch(void **queue)
{
        return weft_make_as(queue, FLOW_CAPACITY / WEFT_QUEUE_BATCH_ELEMENTS,
                            WEFT_QUEUE_BATCH);
}

static void weft_drop(void *queue)
{
        flow_weft_close(queue);
        free(queue);
}

BENCH_INLINE void weft_push(void *queue, uint64_t x, enum flow_wait wait)
{
        weft_queue_t *q = ((struct flow_weft *)queue)->queue;
        int rc;
        while ((rc = weft_queue_push(
                        q, &x, wait == FLOW_BLOCK ? WEFT_NEVER : WEFT_NOW)) == -EAGAIN)
                flow_idle(wait);
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("weft_queue_push: %s", weft_strerror(rc));
}

BENCH_INLINE uint64_t weft_pop(void *queue, enum flow_wait wait)
{
        weft_queue_t *q = ((struct flow_weft *)queue)->queue;
        uint64_t x = 0;
        int rc;
        while ((rc = weft_queue_pop(q, &x, wait == FLOW_BLOCK ? WEFT_NEVER : WEFT_NOW)) ==
               -EAGAIN)
                flow_idle(wait);
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("weft_queue_pop: %s", weft_strerror(rc));
        return x;
}

FLOW_QUEUE(flow_weft, weft_make, weft_drop, weft_push, weft_pop);
FLOW_QUEUE(flow_weft_batch, weft_make_batch, weft_drop, weft_push, weft_pop);
