/* sync/condition_shared.h -- the condition as it lies in shared memory.
 *
 * A line (line_shared.h): who waits is in it, and a notification is the call of one.
 *
 * WAIT enters while it holds the mutex, so whoever changes something under the mutex
 * afterwards finds it there; unlocks; sleeps until it is called; locks; and leaves only
 * then. As long as the call is in the slot, recovery passes it on when the agent dies: so
 * one is used up by those alone who come back holding the mutex. (If one of them dies
 * then, the mutex tells the next.) Who gives up waiting stays in line until it has the
 * mutex too, and if it has been called by then it has been notified.
 *
 * Recovery calls another one before it empties the slot of the dead: a death in between
 * makes one notification too many, which the waiters' own test finds out.
 *
 * A waiter who sleeps also looks, now and then, whether the mutex's holder has died: the
 * one who was to notify may be just that one, and all others may be waiters. Then it goes
 * back to the mutex, which tells it.
 *
 * Edges (release -> acquire)
 *   [Q] in line_shared.h
 */
#ifndef WEFT_SYNC_CONDITION_SHARED_H
#define WEFT_SYNC_CONDITION_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"
#include "sync/line_shared.h"

#define WEFT_CONDITION_KIND_ID 0x636f6e64u /* "cond" */
#define WEFT_CONDITION_FORMAT 1

struct weft_condition_shared {
        struct weft_wait_shared wait;
        uint64_t spare[6];
        struct weft_line_shared line;
};
WEFT_PIN(struct weft_condition_shared, 8320);
WEFT_PIN_AT(struct weft_condition_shared, line, 64);

#endif
