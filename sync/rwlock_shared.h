/* sync/rwlock_shared.h -- the reader-writer lock as it lies in shared memory.
 *
 * word = whose it is (32 bits: a writer's signature, or 0) | flags
 *
 *   0                 readers may come       INCONSISTENT   a writer died that had it (also
 *   sig | CLAIMED     `sig` waits for the                   while the next one has it)
 *                     readers to end         LOST           not recoverable: nobody gets it
 *   sig | HELD        `sig` has it to write
 *
 * Each reader stands in its own slot (slots_shared.h), with how often it has locked; 0: it
 * does not read. So a reader writes no word that other readers write.
 *
 *   read    slot: 0 -> 1, then look at the word: 0: it has the lock. Else slot: -> 0, and
 *           wait for the word to be 0.
 *   write   word: 0 -> sig | CLAIMED, then look at the slots until all have been seen to be
 *           0; then word: -> sig | HELD. Gives up by word: -> 0.
 *
 * Both write first and look then, with a locked operation in between, so at least one of
 * the two sees the other. A reader that stands in its slot and sees the word not 0 has
 * nothing and goes back; a writer that sees it there only waits in vain until then.
 * A slot of the dead is nothing: a later holder of that seat comes after the claim, and
 * sees it. For the same reason seats that are taken after the claim need no look.
 *
 * A reader looks before it steps into its slot, so a writer that waits is not held up by
 * those who come; a reader that is in its slot already goes deeper without a look. To become
 * a reader the writer steps into its slot first and frees the word then: at the second step
 * it ends to write. If it dies before that, it died as the writer.
 *
 * Who tries, or selects, looks at the slots before it claims, so as not to send readers
 * back for nothing.
 *
 * One wait object for all; bit TURN of who waits for the word, bit EMPTY of the writer that
 * waits for readers. A reader that leaves wakes the latter and those who select.
 *
 * Edges (release -> acquire)
 *   [X] write's end -> read, write   what the writer wrote; and the claim, see above
 *   [R] read's end -> write          what was read is overwritten after that
 */
#ifndef WEFT_SYNC_RWLOCK_SHARED_H
#define WEFT_SYNC_RWLOCK_SHARED_H

#include "runtime/wait_shared.h"
#include "sync/slots_shared.h"

#define WEFT_RWLOCK_KIND_ID 0x72776c6bu /* "rwlk" */
#define WEFT_RWLOCK_FORMAT 1

#define WEFT_RWLOCK_CLAIMED (UINT64_C(1) << 32)
#define WEFT_RWLOCK_HELD (UINT64_C(1) << 33)
#define WEFT_RWLOCK_INCONSISTENT (UINT64_C(1) << 34)
#define WEFT_RWLOCK_LOST (UINT64_C(1) << 35)

#define WEFT_RWLOCK_TURN UINT32_C(1)
#define WEFT_RWLOCK_EMPTY UINT32_C(2)

struct weft_rwlock_shared {
        weft_a64_t word;
        struct weft_wait_shared wait;
        uint64_t spare[5];
        struct weft_slots_shared slots;
};
WEFT_PIN(struct weft_rwlock_shared, 8256);
WEFT_PIN_AT(struct weft_rwlock_shared, wait, 8);
WEFT_PIN_AT(struct weft_rwlock_shared, slots, 64);

#endif
