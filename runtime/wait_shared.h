/* runtime/wait_shared.h -- an event count on a shared futex.
 *
 * word = seq (32 low bits: the futex) | waiters (19 bits) | called | epoch (12 bits)
 *
 * The state that is waited for lives elsewhere; a wake is only a hint to look again.
 * A waiter counts itself in, looks once more, and sleeps while seq is what it was.
 * Whoever changed the state then looks at the word: only if somebody is counted does it
 * advance seq and make the system call. A dead waiter stays counted, which costs
 * useless wakes until recovery starts a new epoch with a count of 0: the living, all
 * woken, see the epoch and do not uncount themselves twice.
 *
 * `called` is for what only one can have, as a lock: one of those counted has been woken
 * and has not uncounted himself since, which he does before he looks. Nobody else need be
 * woken meanwhile: else each unlock would call, until the first one called is awake. If he
 * dies or is stopped, the others look by themselves.
 *
 * Edges (release -> acquire)
 *   [W] signal -> wait   the changed state is seen by whoever sees the new seq; and the
 *                        Dekker pair: count in, then look | change, then look at count.
 *                        Both sides have a locked operation in between. Where `plain`
 *                        says that states change by plain stores, the signalling side
 *                        has none: who counts himself in fences them all (membarrier)
 */
#ifndef WEFT_RUNTIME_WAIT_SHARED_H
#define WEFT_RUNTIME_WAIT_SHARED_H

#include "runtime/shared.h"

struct weft_wait_shared {
        weft_a64_t word;
        weft_a32_t cpu;   /* of who woke somebody here last, and his seat; for spinning */
        weft_a32_t plain; /* constant: 1 if states change by plain stores */
};
WEFT_PIN(struct weft_wait_shared, 16);

#endif
