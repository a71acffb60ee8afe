/* sync/cell_shared.h -- a cell that is written once, as it lies in shared memory.
 *
 * word      version (24) | state (8) | what (32)   and   the value, or the ref of its block
 *
 *   EMPTY               nobody has claimed it
 *   CLAIMED   sig       `sig` will set it; dead: FAILED EOWNERDEAD, or (RENEW) EMPTY again
 *   SET       bytes     the value itself, up to 8 bytes
 *   BLOCK     bytes     the ref of a block that has it
 *   FAILED    errno
 *   CANCELED
 *   CLEARING  bytes     a BLOCK that is reset: whoever meets it frees the block, if it is
 *                       there still, and makes the cell EMPTY
 *
 * Both words change together, by one CAS of 16 bytes; a reset makes a new version, and
 * nothing else does. In one version a cell ends once: what is seen as ended, and is of that
 * version still when the second word has been read, is one value.
 *
 * The block is filled before the CAS that makes it the value (LP of set), and is the
 * setter's until he has passed it on to the object. If he dies between the two, recovery
 * passes it on; if he is stopped there, his readers read it, and a reset says that he is at
 * it still: who owns a block may change its word by a store, so nobody else frees it. A
 * block of the object's is freed by any of those who clear, once: refs tell.
 *
 * needs     what its claimer waits for, while he does: the token of another object. Not 0
 *           only while CLAIMED: cleared before the cell ends, and by recovery before
 *           the claim goes.
 *
 * Edges (release -> acquire)
 *   [V] set, fail, cancel, reset -> look   the value is written; what was done before
 *   [N] need -> whoever follows the needs  a claim is seen by who sees its need
 */
#ifndef WEFT_SYNC_CELL_SHARED_H
#define WEFT_SYNC_CELL_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"

enum weft_cell_state {
        WEFT_CELL_EMPTY = 0,
        WEFT_CELL_CLAIMED = 1,
        WEFT_CELL_SET = 2,
        WEFT_CELL_BLOCK = 3,
        WEFT_CELL_FAILED = 4,
        WEFT_CELL_CANCELED = 5,
        WEFT_CELL_CLEARING = 6,
};

struct weft_cell_shared {
        weft_a128_t word;
        struct weft_wait_shared wait;
        weft_a64_t needs;
        uint64_t spare[3];
};
WEFT_PIN(struct weft_cell_shared, 64);
WEFT_PIN_AT(struct weft_cell_shared, wait, 16);
WEFT_PIN_AT(struct weft_cell_shared, needs, 32);

#endif
