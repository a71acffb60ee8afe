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

/* The same in two steps: what depends on the seed alone, once; and the rest. Of xxh3 for 8
 * bytes, as it has been since it has been called stable; weft_map_flip_is_right() says whether
 * this one is that. */
static inline uint64_t weft_map_flip(uint64_t seed)
{
        return UINT64_C(0xc73ab174c5ecd5a2) -
               (seed ^ (uint64_t)__builtin_bswap32((uint32_t)seed) << 32);
}

static inline uint64_t weft_map_hash_flip(uint64_t word, uint64_t flip)
{
        uint64_t h = (word << 32 | word >> 32) ^ flip;
        h ^= (h << 49 | h >> 15) ^ (h << 24 | h >> 40);
        h *= UINT64_C(0x9fb21c651e98df25);
        h ^= (h >> 35) + 8;
        h *= UINT64_C(0x9fb21c651e98df25);
        return h ^ h >> 28;
}

static inline int weft_map_flip_is_right(uint64_t seed)
{
        uint64_t flip = weft_map_flip(seed), word = seed;
        for (int i = 0; i < 4; i++, word = word * 5 + 1)
                if (weft_map_hash_flip(word, flip) != weft_map_hash_word(word, seed))
                        return 0;
        return 1;
}

#endif
