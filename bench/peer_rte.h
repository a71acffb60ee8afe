/* bench/peer_rte.h -- what of rte_ring is measured beside single elements. */
#ifndef WEFT_BENCH_PEER_RTE_H
#define WEFT_BENCH_PEER_RTE_H

#include <stdint.h>

int peer_rte_make(void **queue);
void peer_rte_drop(void *queue);

/* All `n` or none: what went. */
unsigned peer_rte_push_bulk(void *queue, const uint64_t *x, unsigned n);
unsigned peer_rte_pop_bulk(void *queue, uint64_t *x, unsigned n);

/* The same, for one producer and one consumer; and as a flow: flow.h. */
struct flow_queue;
extern const struct flow_queue flow_rte_single;
int peer_rte_make_single(void **queue);
unsigned peer_rte_push_single(void *queue, const uint64_t *x, unsigned n);
unsigned peer_rte_pop_single(void *queue, uint64_t *x, unsigned n);

#endif
