/* runtime/agent_shared.h -- a seat as it lies in the seat table.
 *
 * `life` is a robust, process-shared mutex that the holder's thread keeps locked as
 * long as it lives. Whoever gets it with EOWNERDEAD is the one recoverer, and acts as
 * the dead until the seat is settled; if he dies, the next one gets it the same way.
 * libc keeps list pointers in it: the seat table is trusted (docs/design.md, "One file,
 * two mappings").
 *
 * Invariant: state is HELD only between a join and the end of the settling of that
 * holder; a seat is handed out anew, under the next generation, only when it is FREE.
 * So no signature of an earlier generation is anywhere in the arena.
 *
 * Edges (release -> acquire)
 *   [L] leave, settle -> join   all that a holder left is settled before the next one
 *   [R] read end -> punch, grace   who is seen to have ended a reading has read all that he
 *                        was to read in it
 *   [F] in arena_shared.h
 *
 * Read begin and punch are a Dekker pair too, ordered by membarrier: weft_no_readers().
 */
#ifndef WEFT_RUNTIME_AGENT_SHARED_H
#define WEFT_RUNTIME_AGENT_SHARED_H

#include "runtime/meet_shared.h"

enum { WEFT_SEAT_FREE = 0, WEFT_SEAT_HELD = 1 };

struct weft_seat_shared {
        uint64_t life[6];   /* pthread_mutex_t */
        weft_a64_t state;   /* generation << 8 | WEFT_SEAT_... */
        weft_a64_t reading; /* of pages that its holder does not own: see below */
        weft_a32_t pid;     /* for people */
        weft_a32_t tid;
        uint64_t spare;
        struct weft_meet_shared meet; /* what its holder offers to partners */
};
/* In `reading`: how many readings, one in the other, its holder is in now; and above that
 * how many he has ended. */
#define WEFT_READING_DEPTH UINT64_C(0xffff)

WEFT_PIN(struct weft_seat_shared, 128);
WEFT_PIN_AT(struct weft_seat_shared, state, 48);
WEFT_PIN_AT(struct weft_seat_shared, meet, 80);

#endif
