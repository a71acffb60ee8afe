/* sync/latch_shared.h -- the latch as it lies in shared memory.
 *
 *   lo of the cell   count (30 low bits) | registered (30) | none (3) | failed (1)
 *   account          share, what is left of it (32 low bits) | failed (32)
 *
 * A plain latch is the count alone. A REGISTERED one is a ledger (ledger_shared.h):
 * `registered` is the sum of all shares, and no more than the count. What the dead had
 * left is counted down, and stands as failed in their account, whoever sits there next;
 * the bit in the cell says that there is any such, and is what waiters look at.
 *
 * Edges (release -> acquire)
 *   [C] count_down -> wait   what was done before it was counted down
 */
#ifndef WEFT_SYNC_LATCH_SHARED_H
#define WEFT_SYNC_LATCH_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"
#include "sync/ledger_shared.h"

#define WEFT_LATCH_KIND_ID 0x6c617463u /* "latc" */
#define WEFT_LATCH_FORMAT 1

struct weft_latch_shared {
        weft_a128_t cell;
        uint32_t total; /* the count at the start; constant after create, like these: */
        uint32_t flags;
        weft_ref_t accounts; /* struct weft_accounts_shared; none unless REGISTERED */
        struct weft_wait_shared wait;
        uint64_t spare[2];
};
WEFT_PIN(struct weft_latch_shared, 64);
WEFT_PIN_AT(struct weft_latch_shared, wait, 32);

#endif
