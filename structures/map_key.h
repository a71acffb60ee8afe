/* structures/map_key.h -- keys of a few words, read without a branch that depends on memory.
 *
 * Whoever asks has often just written the key, word by word, and what was written a moment
 * ago can be read early only from within one such store: a load across two waits until
 * both have gone to the cache, and so until all is done that came before them in the
 * program: then no two operations wait for memory at the same time. So a key of 17 to 32
 * bytes at a multiple of 8 is read in whole words, the last one as far as it goes and
 * beyond (it is in the same page), and the rest is made of those by shifts.
 */
#ifndef WEFT_STRUCTURES_MAP_KEY_H
#define WEFT_STRUCTURES_MAP_KEY_H

#include <stdbool.h>
#include <string.h>

#include "structures/map_hash.h"

/* The first two words of a key of 16 to 32 bytes, and the last two: they overlap. */
struct weft_map_words {
        uint64_t first[2], last[2];
};

typedef uint64_t weft_map_any_t __attribute__((may_alias, aligned(1)));

/* A word of which neither the compiler nor a sanitizer asks whose it is. */
static inline uint64_t weft_map_word_at(const uint8_t *at)
{
        const weft_map_any_t *from = (const void *)at;
        uint64_t word;
        __asm__("movq %1, %0" : "=r"(word) : "m"(*from));
        return word;
}

/* Of a key of 16 to 32 bytes. */
static inline struct weft_map_words weft_map_key_words(const void *key, uint32_t n)
{
        const uint8_t *at = key;
        struct weft_map_words w;
        w.first[0] = weft_map_word_at(at);
        w.first[1] = weft_map_word_at(at + 8);
        w.last[0] = w.first[0];
        w.last[1] = w.first[1];
        if (__builtin_expect(n > 16 && (uintptr_t)at % 8 == 0, 1)) {
                /* Three words, of whose bytes the last 16 are from `skip` (1 to 8) on. All
                 * shifts of one kind together: there is one register that says how far. */
                unsigned beyond = n - 17, skip = 8 * beyond;
                const uint8_t *from = at + (beyond & 8);
                uint64_t a = weft_map_word_at(from), b = weft_map_word_at(from + 8);
                uint64_t c = weft_map_word_at(from + 16);
                uint64_t low = a >> (skip & 63), high = b >> (skip & 63);
                __asm__("" : "+r"(low), "+r"(high));
                skip = 56 - skip;
                w.last[0] = low >> 8 | b << (skip & 63);
                w.last[1] = high >> 8 | c << (skip & 63);
        } else if (n > 16) {
                w.last[0] = weft_map_word_at(at + n - 16);
                w.last[1] = weft_map_word_at(at + n - 8);
        }
        /* Nor shall the compiler make pairs of them, in memory. */
        __asm__(""
                : "+r"(w.first[0]), "+r"(w.first[1]), "+r"(w.last[0]), "+r"(w.last[1]));
        return w;
}

static inline uint64_t weft_map_fold(uint64_t a, uint64_t b)
{
        __extension__ unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* What depends on the seed alone, once. */
static inline void weft_map_secret(uint64_t seed, uint64_t secret[4])
{
        secret[0] = UINT64_C(0xbe4ba423396cfeb8) + seed;
        secret[1] = UINT64_C(0x1cad21f72c81017c) - seed;
        secret[2] = UINT64_C(0xdb979083e96dd4de) + seed;
        secret[3] = UINT64_C(0x1f67b3b7a4a44072) - seed;
}

/* weft_map_hash_bytes() of a key of 17 to 32 bytes: xxh3, as it has been since it has been
 * called stable; weft_map_words_are_right() says whether this one is that. */
static inline uint64_t weft_map_hash_words(const struct weft_map_words *w, uint32_t n,
                                           const uint64_t secret[4])
{
        uint64_t h = n * UINT64_C(0x9e3779b185ebca87);
        h += weft_map_fold(w->first[0] ^ secret[0], w->first[1] ^ secret[1]);
        h += weft_map_fold(w->last[0] ^ secret[2], w->last[1] ^ secret[3]);
        h = (h ^ h >> 37) * UINT64_C(0x165667919e3779f9);
        return h ^ h >> 32;
}

static inline int weft_map_words_are_right(uint64_t seed)
{
        _Alignas(8) uint8_t key[32];
        uint64_t secret[4];
        weft_map_secret(seed, secret);
        for (uint32_t i = 0; i < sizeof key; i++)
                key[i] = (uint8_t)(i * 37 + seed);
        for (uint32_t n = 17; n <= sizeof key; n++) {
                struct weft_map_words w = weft_map_key_words(key, n);
                if (weft_map_hash_words(&w, n, secret) !=
                    weft_map_hash_bytes(key, n, seed))
                        return 0;
        }
        return 1;
}

/* In which bits a word in shared memory differs. Of these the compiler cannot know that it could
 * keep all of them for later. */
static inline uint64_t weft_map_differs(const uint8_t *at, uint64_t word)
{
        const weft_map_any_t *from = (const void *)at;
        uint64_t bits;
        __asm__("movq %1, %0\n\txorq %2, %0"
                : "=&r"(bits)
                : "m"(*from), "rm"(word)
                : "cc");
        return bits;
}

/* Is a key in shared memory these bytes? */
static inline bool weft_map_is_words(const uint8_t *at, const struct weft_map_words *w,
                                     uint32_t n)
{
        const uint8_t *end = at + n;
        return (weft_map_differs(at, w->first[0]) |
                weft_map_differs(at + 8, w->first[1]) |
                weft_map_differs(end - 16, w->last[0]) |
                weft_map_differs(end - 8, w->last[1])) == 0;
}

#endif
