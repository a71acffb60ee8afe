/* sync/semaphore_shared.h -- the semaphore as it lies in shared memory.
 *
 * The cell's `lo` is the number of permits that can be taken. A plain semaphore uses that
 * word alone. An owned one is a ledger (ledger_shared.h): an account says how many permits
 * its agent holds, and value + accounts is constant but for permits under way.
 *
 * Edges (release -> acquire)
 *   [P] post -> wait    what was done before the permit was given
 */
#ifndef WEFT_SYNC_SEMAPHORE_SHARED_H
#define WEFT_SYNC_SEMAPHORE_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"
#include "sync/ledger_shared.h"

#define WEFT_SEMAPHORE_KIND_ID 0x73656d61u /* "sema" */
#define WEFT_SEMAPHORE_FORMAT 1

struct weft_semaphore_shared {
        weft_a128_t cell;
        weft_a32_t many;  /* 1: somebody has waited for several: posts wake all */
        uint32_t maximum; /* constant after create, like these: */
        uint32_t flags;
        uint32_t reserved;
        weft_ref_t accounts; /* struct weft_accounts_shared; none unless OWNED */
        struct weft_wait_shared wait;
        uint64_t spare;
};
WEFT_PIN(struct weft_semaphore_shared, 64);
WEFT_PIN_AT(struct weft_semaphore_shared, wait, 40);

#endif
