/* structures/map_hash.h -- the one door to xxh3, which is inlined from its header. */
#ifndef WEFT_STRUCTURES_MAP_HASH_H
#define WEFT_STRUCTURES_MAP_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t weft_map_hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
        return XXH3_64bits_withSeed(bytes, n, seed);
}

static inline uint64_t weft_map_hash_word(uint64_t word, uint64_t seed)
{
        return XXH3_64bits_withSeed(&word, sizeof word, seed);
}

#endif
