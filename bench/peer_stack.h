/* bench/peer_stack.h -- boost::lockfree::stack, in memory that is given to it. */
#ifndef WEFT_BENCH_PEER_STACK_H
#define WEFT_BENCH_PEER_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_STACK_CAPACITY 1024

#ifdef __cplusplus
extern "C" {
#endif

size_t peer_boost_stack_bytes(void); /* 0: built without Boost */
void peer_boost_stack_make(void *at);
bool peer_boost_stack_push(void *at, uint64_t x);
bool peer_boost_stack_pop(void *at, uint64_t *x);

#ifdef __cplusplus
}
#endif
#endif
