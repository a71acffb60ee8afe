/* cli/run_count.h -- the counters of one lane, in the arena. */
#ifndef WEFT_CLI_RUN_COUNT_H
#define WEFT_CLI_RUN_COUNT_H

#include "cli/run_worker.h"

/* One item: count << RUN_CHUNK_BITS | tag, tag being 1 + the number of the chunk that was
 * added last. 0: a free slot. `key` as in struct run_pair, but for a long item the number
 * of a text block << 32 | offset. */
struct run_counter {
        uint64_t word;
        uint32_t hash, bytes;
        uint64_t key;
};

struct run_count {
        weft_arena_t *arena;
        weft_array_t *state, *texts;
        char **text; /* addresses of text blocks, as far as looked up */
        struct run_counter *slot;
        unsigned bits;
        uint64_t used;
};

enum { RUN_TEXTS_MAX = 16384 };

/* Makes the shared state of a lane: the supervisor does, before any worker starts. */
int run_count_create(weft_arena_t *arena, uint32_t lane);
int run_count_open(struct run_count *c, weft_arena_t *arena, uint32_t lane);
void run_count_close(struct run_count *c);

/* For the final result: all counters, and the bytes of an item. */
static inline uint64_t run_counter_count(const struct run_counter *counter)
{
        return counter->word >> RUN_CHUNK_BITS;
}
const char *run_counter_item(struct run_count *c, const struct run_counter *counter);

#endif
