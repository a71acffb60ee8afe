/* bench/peer_alloc.h -- other allocators, behind one face. */
#ifndef WEFT_BENCH_PEER_ALLOC_H
#define WEFT_BENCH_PEER_ALLOC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mimalloc, from the system's shared library: 0, or a reason why not. */
struct peer_mimalloc {
        void *(*alloc)(size_t bytes);
        void (*free)(void *at);
};
const char *peer_mimalloc_load(struct peer_mimalloc *mi);

/* Boost's managed_shared_memory: makes the segment and forgets its name. NULL, or a
 * reason why not. */
const char *peer_boost_make(size_t bytes);
void peer_boost_drop(void);
void *peer_boost_alloc(size_t bytes); /* NULL when it is full */
void peer_boost_free(void *at);

#ifdef __cplusplus
}
#endif
#endif
