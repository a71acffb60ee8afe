/* sync/once_shared.h -- the once as it lies in shared memory.
 *
 * word = state (32 bits) | whose, or what (32 low bits)
 *
 *   0                  new
 *   RUNNING | sig      `sig` runs its function; if that agent is dead: as new
 *   DONE               its function returned 0
 *   FAILED | errno     it returned -errno, until a reset
 *
 * RUNNING ends by a CAS that expects the signature of the agent that began: who has left
 * the arena in its function, or was forked in it, is not that agent any more, and his
 * result counts for nothing.
 *
 * Edges (release -> acquire)
 *   [O] end, reset -> call    what the function did, or was done before the reset
 */
#ifndef WEFT_SYNC_ONCE_SHARED_H
#define WEFT_SYNC_ONCE_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_ONCE_KIND_ID 0x6f6e6365u /* "once" */
#define WEFT_ONCE_FORMAT 1

#define WEFT_ONCE_RUNNING (UINT64_C(1) << 32)
#define WEFT_ONCE_DONE (UINT64_C(2) << 32)
#define WEFT_ONCE_FAILED (UINT64_C(3) << 32)
#define WEFT_ONCE_STATE (~UINT64_C(0) << 32)

struct weft_once_shared {
        weft_a64_t word;
        struct weft_wait_shared wait;
        uint64_t spare[5];
};
WEFT_PIN(struct weft_once_shared, 64);
WEFT_PIN_AT(struct weft_once_shared, wait, 8);

#endif
