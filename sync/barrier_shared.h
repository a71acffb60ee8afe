/* sync/barrier_shared.h -- the barrier as it lies in shared memory.
 *
 *   lo of the cell   phase (20 low bits of it) | fates (10) | parties (11) | taken (11) |
 *                    arrived (11) | broken (1)
 *   account          member (1) | arrived (1) | owed (1) | phase (61)
 *
 * A ledger (ledger_shared.h): one change arrives, takes a place if there is none yet and,
 * if it was the last, turns the phase. Nobody resets the accounts then: each says of which
 * phase it speaks. ANONYMOUS: one of an earlier phase is no membership.
 *   fates    how the last phases ended, the latest lowest: 1 by a reset, 0 well. Who slept
 *            through a break and the reset after it sees what became of his phase.
 *   owed     it has arrived, and gone on before the phase ended: its next wait is for that
 *            phase, not for the one after. Its agent alone changes this bit, in no change
 *            of the ledger.
 *   recent   a phase in full: one that has begun, and not 2^17 ago. Before a change may
 *            turn the phase that is under way, `recent` is at most 2^16 behind that; so it
 *            tells all the bits of any phase, if it was the same before and after the cell
 *            was read. It is moved on every 2^16 phases, by all who come.
 *
 * Edges (release -> acquire)
 *   [B] arrive, leave, settle -> wait   what was done before the arrivals. other end:
 *                                       the change of the ledger, [V]
 *   [N] move on -> extend               the phase in full, before and after the cell
 *   [V] in ledger_shared.h
 */
#ifndef WEFT_SYNC_BARRIER_SHARED_H
#define WEFT_SYNC_BARRIER_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"
#include "sync/ledger_shared.h"

#define WEFT_BARRIER_KIND_ID 0x62617272u /* "barr" */
#define WEFT_BARRIER_FORMAT 1

/* On one line: what arrives changes, and who waits looks at. */
struct weft_barrier_shared {
        weft_a128_t cell;
        weft_a64_t recent;
        uint32_t flags; /* constant after create, like these: */
        uint32_t reserved;
        weft_ref_t accounts; /* struct weft_accounts_shared */
        struct weft_wait_shared wait;
        uint64_t spare;
};
WEFT_PIN(struct weft_barrier_shared, 64);
WEFT_PIN_AT(struct weft_barrier_shared, wait, 40);

#endif
