/* tests/harness/weft_kit.h -- what the crash cases of all modules of weft share. */
#ifndef WEFT_TESTS_HARNESS_WEFT_KIT_H
#define WEFT_TESTS_HARNESS_WEFT_KIT_H

#include <weft/agent.h>
#include <weft/arena.h>

#include "tests/harness/crash.h"

extern const struct crash_kit weft_kit;

static inline weft_arena_t *arena_of(const struct crash *c)
{
        return c->arena;
}

/* A small memfd arena; sets c->arena and c->fd. With CRASH_DIR it is named "a". */
void weft_kit_create(struct crash *c);
void weft_kit_open(struct crash *c);
void weft_kit_join(struct crash *c); /* a `prepare`: the victim has its seat already */

/* A process joins, does `work` and is killed: its agent is dead, and not settled. */
void weft_kit_corpse(struct crash *c, void (*work)(struct crash *c));

/* The arena is whole: an exact census, nothing orphaned, nobody dead left unsettled. */
void weft_kit_whole(struct crash *c);

/* The caller leaves; then nothing may belong to anybody, but `object_bytes` to objects. */
void weft_kit_nothing_left(struct crash *c, uint64_t object_bytes);

/* Bytes that belong to objects now. */
uint64_t weft_kit_object_bytes(struct crash *c);

#define WEFT_MUST(c, call) weft_kit_must((c), (call), #call, __FILE__, __LINE__)
void weft_kit_must(struct crash *c, int rc, const char *call, const char *file, int line);

#endif
