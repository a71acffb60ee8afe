/* runtime/wait_shared.h -- an event count on a shared futex.
 *
 * word = seq (32 low bits: the futex) | waiters (20 bits) | epoch (12 bits)
 *
 * The state that is waited for lives elsewhere; a wake is only a hint to look again.
 * A waiter counts itself in, looks once more, and sleeps while seq is what it was.
 * Whoever changed the state then looks at the word: only if somebody is counted does it
 * advance seq and make the system call. A dead waiter stays counted, which costs
 * useless wakes until recovery starts a new epoch with a count of 0: the living, all
 * woken, see the epoch and do not uncount themselves twice.
 *
 * Edges (release -> acquire)
 *   [W] signal -> wait   the changed state is seen by whoever sees the new seq; and the
 *                        Dekker pair: count in, then look | change, then look at count.
 *                        Both sides have a locked operation in between.
 */
#ifndef WEFT_RUNTIME_WAIT_SHARED_H
#define WEFT_RUNTIME_WAIT_SHARED_H

#include "runtime/shared.h"

struct weft_wait_shared {
        weft_a64_t word;
        weft_a32_t cpu; /* from where somebody was last woken here, + 1; for spinning */
        weft_a32_t reserved;
};
WEFT_PIN(struct weft_wait_shared, 16);

#endif
