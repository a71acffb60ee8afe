/* weft/condition.h -- wait for what a mutex protects to change.
 *
 * As a monitor's condition variable: test under the mutex, wait while it does not hold,
 * test again. A notification that was meant for a waiter that dies before it has returned
 * goes to another one.
 *
 * Progress  notify is lock-free (P2); waiting sleeps, and then locks the mutex.
 * Order     waiters are notified in the order in which they began to wait.
 * Crash     a waiter that dies gives its place and its notification up. Spurious returns
 *           are possible after a death, and only then.
 * Threads   any. An agent (thread) waits at one place at a time.
 * Errors    -ETIMEDOUT, -EAGAIN (deadline WEFT_NOW): not notified; the mutex is held
 *           again, as always except for the next two:
 *           -ENOTRECOVERABLE the mutex is; not held; -EPERM wait: the mutex is not held by
 *           the caller, or more than once (RECURSIVE)
 *           -EOWNERDEAD notified or not, the mutex's holder has died: held, see
 *           <weft/mutex.h>; whoever repairs what it protects notifies all, for the dead
 *           may have been about to; -EBUSY enroll, wait: it is enrolled already
 *           -EINVAL another arena's mutex; -EROFS; and those of <weft/object.h>
 * Source    Hoare (CACM 1974), with Mesa's semantics (Lampson, Redell, CACM 1980).
 */
#ifndef WEFT_CONDITION_H
#define WEFT_CONDITION_H

#include <weft/mutex.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_condition weft_condition_t; /* process-local handle */

/* Makes one under `name`; opens one; does either. 8 KiB each. */
WEFT_API WEFT_CHECK int weft_condition_create(weft_arena_t *arena, const char *name,
                                              weft_condition_t **condition);
WEFT_API WEFT_CHECK int weft_condition_open(weft_arena_t *arena, const char *name,
                                            weft_condition_t **condition);
WEFT_API WEFT_CHECK int weft_condition_create_or_open(weft_arena_t *arena,
                                                      const char *name,
                                                      weft_condition_t **condition);
WEFT_API void weft_condition_close(weft_condition_t *condition);

/* Unlocks the mutex, waits to be notified, locks the mutex again. */
WEFT_API WEFT_CHECK int weft_condition_wait(weft_condition_t *condition,
                                            weft_mutex_t *mutex, uint64_t deadline);

/* Lets the waiter that has waited longest go on, or all of them. How many it notified.
 * With or without the mutex; a change made under it before is never missed. */
WEFT_API WEFT_CHECK int64_t weft_condition_notify_one(weft_condition_t *condition);
WEFT_API WEFT_CHECK int64_t weft_condition_notify_all(weft_condition_t *condition);

/* The two halves of a wait, to wait for other things too: enroll while holding the mutex,
 * unlock it, then WEFT_OP_NOTIFIED in weft_select(), which ends the enrolment when it
 * fires. Otherwise cancel: 0, or 1 when a notification was there already and is used up. */
WEFT_API WEFT_CHECK int weft_condition_enroll(weft_condition_t *condition);
WEFT_API WEFT_CHECK int weft_condition_cancel(weft_condition_t *condition);

struct weft_condition_info {
        uint32_t waiting;  /* enrolled, not yet notified; the dead until settled */
        uint32_t notified; /* notified, not yet returned */
};

/* A snapshot; exact when nobody changes it. Works read-only. */
WEFT_API WEFT_CHECK int weft_condition_info(weft_condition_t *condition,
                                            struct weft_condition_info *info);

#ifdef __cplusplus
}
#endif
#endif
