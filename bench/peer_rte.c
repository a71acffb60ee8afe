/* bench/peer_rte.c -- DPDK's rte_ring, with many producers and consumers (its default)
 * and with one of each, in memory of ours: no EAL is started. Built with DPDK's own flags. */
#include "bench/peer_rte.h"
#include "bench/flow.h"

#ifdef BENCH_HAVE_DPDK
#include <rte_ring.h>

enum { RTE_BYTES = 1 << 16 }; /* more than rte_ring_get_memsize(2 * FLOW_CAPACITY) */

static int make(void **queue, unsigned flags)
{
        struct rte_ring *q = bench_shared(RTE_BYTES);
        if (!q)
                return bench_cannot("no shared memory");
        /* It holds one less than its size, unless asked. */
        if (rte_ring_get_memsize(2 * FLOW_CAPACITY) > RTE_BYTES ||
            rte_ring_init(q, "bench", FLOW_CAPACITY, flags | RING_F_EXACT_SZ))
                return bench_cannot("rte_ring_init");
        *queue = q;
        return 0;
}

int peer_rte_make(void **queue)
{
        return make(queue, 0);
}

int peer_rte_make_single(void **queue)
{
        return make(queue, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

void peer_rte_drop(void *queue)
{
        bench_unshare(queue, RTE_BYTES);
}

BENCH_INLINE void rte_push(void *queue, uint64_t x, enum flow_wait wait)
{
        while (rte_ring_enqueue(queue, (void *)(uintptr_t)x))
                flow_idle(wait);
}

BENCH_INLINE uint64_t rte_pop(void *queue, enum flow_wait wait)
{
        void *x = NULL;
        while (rte_ring_dequeue(queue, &x))
                flow_idle(wait);
        return (uintptr_t)x;
}

unsigned peer_rte_push_bulk(void *queue, const uint64_t *x, unsigned n)
{
        return rte_ring_enqueue_bulk(queue, (void *const *)(uintptr_t)x, n, NULL);
}

unsigned peer_rte_pop_bulk(void *queue, uint64_t *x, unsigned n)
{
        return rte_ring_dequeue_bulk(queue, (void **)(uintptr_t)x, n, NULL);
}

unsigned peer_rte_push_single(void *queue, const uint64_t *x, unsigned n)
{
        return rte_ring_sp_enqueue_bulk(queue, (void *const *)(uintptr_t)x, n, NULL);
}

unsigned peer_rte_pop_single(void *queue, uint64_t *x, unsigned n)
{
        return rte_ring_sc_dequeue_bulk(queue, (void **)(uintptr_t)x, n, NULL);
}

BENCH_INLINE void single_push(void *queue, uint64_t x, enum flow_wait wait)
{
        while (rte_ring_sp_enqueue(queue, (void *)(uintptr_t)x))
                flow_idle(wait);
}

BENCH_INLINE uint64_t single_pop(void *queue, enum flow_wait wait)
{
        void *x = NULL;
        while (rte_ring_sc_dequeue(queue, &x))
                flow_idle(wait);
        return (uintptr_t)x;
}
#else
int peer_rte_make(void **queue)
{
        *queue = NULL;
        return bench_cannot("built without DPDK (libdpdk-dev)");
}

int peer_rte_make_single(void **queue)
{
        return peer_rte_make(queue);
}

void peer_rte_drop(void *queue)
{
        (void)queue;
}

BENCH_INLINE void rte_push(void *queue, uint64_t x, enum flow_wait wait)
{
        (void)queue, (void)x, (void)wait;
}

BENCH_INLINE uint64_t rte_pop(void *queue, enum flow_wait wait)
{
        (void)queue, (void)wait;
        return 0;
}

unsigned peer_rte_push_bulk(void *queue, const uint64_t *x, unsigned n)
{
        (void)queue, (void)x;
        return n;
}

unsigned peer_rte_pop_bulk(void *queue, uint64_t *x, unsigned n)
{
        (void)queue, (void)x;
        return n;
}

unsigned peer_rte_push_single(void *queue, const uint64_t *x, unsigned n)
{
        return peer_rte_push_bulk(queue, x, n);
}

unsigned peer_rte_pop_single(void *queue, uint64_t *x, unsigned n)
{
        return peer_rte_pop_bulk(queue, x, n);
}
#define single_push rte_push
#define single_pop rte_pop
#endif

FLOW_QUEUE(flow_rte, peer_rte_make, peer_rte_drop, rte_push, rte_pop);
FLOW_QUEUE(flow_rte_single, peer_rte_make_single, peer_rte_drop, single_push, single_pop);
