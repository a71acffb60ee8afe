/* cli/run_table.h -- the distinct items of one chunk, and how often each was seen. */
#ifndef WEFT_CLI_RUN_TABLE_H
#define WEFT_CLI_RUN_TABLE_H

#include <string.h>

#include "cli/run.h"

/* Open addressing on the high bits of the hash: the slots from first to last are in
 * about the order of the hashes, so that who adds them to a larger table sweeps over
 * it from front to back. A slot with count 0 is free. */
struct run_table {
        struct run_pair *slot;
        char *text; /* of items longer than 8 bytes */
        size_t text_bytes, text_room;
        size_t used;
        unsigned bits;
        uint64_t seed;
};

int run_table_init(struct run_table *t, uint64_t seed);
void run_table_free(struct run_table *t);

/* Puts an item into the free slot `i`, growing what has to grow. 0 or -ENOMEM. */
int run_table_insert(struct run_table *t, size_t i, uint64_t key, uint32_t hash,
                     const char *item, size_t bytes);

/* Makes a block of pairs for each lane and empties the table. `words` is the first of the
 * ledger's words for their refs; refs[] get them. 0 or a weft error. */
int run_table_publish(struct run_table *t, struct run_ledger *l, struct run_entry e,
                      uint32_t word, uint32_t lanes);

static inline uint32_t run_lane(uint32_t hash, uint32_t lanes)
{
        return lanes == 1 ? 0 : (hash & 0xffff) % lanes;
}

static inline uint64_t run_load8(const char *p)
{
        uint64_t v;
        memcpy(&v, p, sizeof v);
        return v;
}

/* The first bytes of a short item as a number. Reads 8 bytes where `limit` allows it. */
static inline uint64_t run_short_key(const char *item, size_t bytes, const char *limit)
{
        uint64_t key = 0;
        if (__builtin_expect(limit - item >= 8 && bytes, 1))
                return run_load8(item) & (UINT64_MAX >> (64 - 8 * bytes));
        memcpy(&key, item, bytes);
        return key;
}

#define RUN_HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline uint32_t run_hash_short(uint64_t seed, uint64_t key)
{
        return (uint32_t)((key ^ seed) * RUN_HASH_FACTOR >> 32);
}

static inline uint32_t run_hash_long(uint64_t seed, const char *item, size_t bytes)
{
        uint64_t h = seed ^ bytes;
        const char *last = item + bytes - 8;
        for (; item < last; item += 8) {
                h = (h ^ run_load8(item)) * RUN_HASH_FACTOR;
                h ^= h >> 32;
        }
        return (uint32_t)((h ^ run_load8(last)) * RUN_HASH_FACTOR >> 32);
}

/* Items of 9 up: the same bytes? */
static inline bool run_same_long(const char *a, const char *b, size_t bytes)
{
        if (bytes <= 16)
                return run_load8(a) == run_load8(b) &&
                       run_load8(a + bytes - 8) == run_load8(b + bytes - 8);
        return memcmp(a, b, bytes) == 0;
}

/* Counts one item. `limit`: how far may be read. 0 or -ENOMEM. */
static inline int run_table_add(struct run_table *t, const char *item, size_t bytes,
                                const char *limit)
{
        size_t mask = ((size_t)1 << t->bits) - 1;
        bool is_short = bytes <= 8;
        uint64_t key = is_short ? run_short_key(item, bytes, limit) : 0;
        uint32_t hash = is_short ? run_hash_short(t->seed, key)
                                 : run_hash_long(t->seed, item, bytes);
        size_t i = hash >> (32 - t->bits);
        for (;; i = (i + 1) & mask) {
                struct run_pair *pair = &t->slot[i];
                if (!pair->count)
                        return run_table_insert(t, i, key, hash, item, bytes);
                if (pair->hash != hash || pair->bytes != bytes)
                        continue;
                if (is_short ? pair->key == key
                             : run_same_long(t->text + pair->key, item, bytes)) {
                        pair->count++;
                        return 0;
                }
        }
}

#endif
