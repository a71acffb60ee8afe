/* bench/peer_rte.c -- DPDK's rte_ring, many producers and consumers (its default), in
 * memory of ours: no EAL is started. Built with DPDK's own flags. */
#include "bench/peer_rte.h"
#include "bench/flow.h"

#ifdef BENCH_HAVE_DPDK
#include <rte_ring.h>

enum { RTE_BYTES = 1 << 16 }; /* more than rte_ring_get_memsize(2 * FLOW_CAPACITY) */

int peer_rte_make(void **queue)
{
        struct rte_ring *q = bench_shared(RTE_BYTES);
        if (!q)
                return bench_cannot("no shared memory");
        /* It holds one less than its size, unless asked. */
        if (rte_ring_get_memsize(2 * FLOW_CAPACITY) > RTE_BYTES ||
            rte_ring_init(q, "bench", FLOW_CAPACITY, RING_F_EXACT_SZ))
                return bench_cannot("rte_ring_init");
        *queue = q;
        return 0;
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
#else
int peer_rte_make(void **queue)
{
        *queue = NULL;
        return bench_cannot("built without DPDK (libdpdk-dev)");
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
#endif

FLOW_QUEUE(flow_rte, peer_rte_make, peer_rte_drop, rte_push, rte_pop);
