/* bench/peer_map.h -- Boost.Interprocess' unordered_map, for C. */
#ifndef WEFT_BENCH_PEER_MAP_H
#define WEFT_BENCH_PEER_MAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NULL, or a reason why not. The others: 1, or 0 if it is not there or does not fit. */
const char *peer_boost_map_make(size_t bytes);
int peer_boost_map_get(uint64_t key, uint64_t *value);
int peer_boost_map_put(uint64_t key, uint64_t value);

#ifdef __cplusplus
}
#endif
#endif
