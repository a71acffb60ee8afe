/* sync/signal_shared.h -- the signal as it lies in shared memory.
 *
 * A ledger (ledger_shared.h) whose value is the block with the present value, and whose
 * accounts name the spare blocks, one for each seat that has ever set it. SET fills the
 * spare of its own seat, and the change then swaps the two: what was the value is the
 * seat's spare. Its version is the number of the change + 1.
 *
 * Each block is in exactly one place: the cell, or one account (as it is once its open
 * change is settled). A change that is made takes `next` for its account from the cell,
 * and puts what was in the account into the cell, at one instant; one that is not made
 * changes neither. An open change of the dead leaves the account as it was before, which
 * may be what is in the cell by now: so recovery settles it, and only then looks. The seat
 * keeps its spare, for the next who sits there.
 *
 * The blocks are the object's. The first set of a seat takes one: it is the agent's until
 * it is in the account, then it is passed to the object; if the agent dies in between,
 * recovery passes it in his place.
 *
 * GET reads the number, copies out what the cell names, and reads the number again: if it
 * is the same the copy is whole. For a block is written only while it is a spare; it is
 * one only after a change, which was made before the first byte was written; so who reads
 * such a byte reads another number afterwards. Numbers never come again. On x86 that order
 * is: the CAS16 is a full fence, loads stay in order.
 *
 * Edges (release -> acquire)
 *   [V] in ledger_shared.h: here also the bytes before the change that shows them, and
 *       that change before the bytes of the next set
 */
#ifndef WEFT_SYNC_SIGNAL_SHARED_H
#define WEFT_SYNC_SIGNAL_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"
#include "sync/ledger_shared.h"

#define WEFT_SIGNAL_KIND_ID 0x7369676eu /* "sign" */
#define WEFT_SIGNAL_FORMAT 1

struct weft_signal_shared {
        weft_a128_t cell;
        uint32_t bytes; /* constant after create, like this: */
        uint32_t reserved;
        weft_ref_t accounts; /* struct weft_accounts_shared */
        struct weft_wait_shared wait;
        uint64_t spare[2];
};
WEFT_PIN(struct weft_signal_shared, 64);
WEFT_PIN_AT(struct weft_signal_shared, wait, 32);

#endif
