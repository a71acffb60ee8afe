/* sync/mutex_shared.h -- the mutex as it lies in shared memory.
 *
 * word = whose it is (32 bits: a signature, or 0) | flags
 *
 *   0                 free             INCONSISTENT   its last holder died (also while the
 *   sig               held                            next one holds it)
 *   sig | OFFERED     fair: free for   LOST           not recoverable: nobody gets it
 *                     `sig` alone
 *
 * `depth` is its holder's: how often it was locked beyond the first time.
 *
 * FAIR. Who finds it held enters the line. Who unlocks offers it to the first in line, who
 * takes it up, and leaves the line after that. An offer to one who is not in line (any
 * more) is void, and taken by whoever comes: he gave up waiting, or died and was settled.
 * Who stops waiting leaves first and looks at the word then; who offered looks at the line
 * again after it: so one of the two sees the other. If the one who offered dies in between,
 * the waiters find the void offer by themselves. Who recovers from one to whom it was
 * offered, or who held it, offers it to the next and wakes all.
 *
 * Edges (release -> acquire)
 *   [M] unlock, offer -> lock    what the mutex protects
 */
#ifndef WEFT_SYNC_MUTEX_SHARED_H
#define WEFT_SYNC_MUTEX_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_MUTEX_KIND_ID 0x6d757478u /* "mutx" */
#define WEFT_MUTEX_FORMAT 1

#define WEFT_MUTEX_OFFERED (UINT64_C(1) << 32)
#define WEFT_MUTEX_INCONSISTENT (UINT64_C(1) << 33)
#define WEFT_MUTEX_LOST (UINT64_C(1) << 34)

struct weft_mutex_shared {
        weft_a64_t word;
        weft_a32_t depth;
        uint32_t flags;  /* constant after create, like this: */
        weft_ref_t line; /* struct weft_line_shared; none unless FAIR */
        struct weft_wait_shared wait;
        uint64_t spare[3];
};
WEFT_PIN(struct weft_mutex_shared, 64);
WEFT_PIN_AT(struct weft_mutex_shared, wait, 24);

#endif
