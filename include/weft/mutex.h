/* weft/mutex.h -- mutual exclusion between processes, which survives its holder.
 *
 * A mutex is held by an agent: one thread. When its holder dies (or ends, or closes its
 * handle, without unlocking) the next locker is told: it gets -EOWNERDEAD and holds the
 * mutex. It repairs what the mutex protects and says weft_mutex_consistent(); or it
 * unlocks without that, and the mutex is -ENOTRECOVERABLE until weft_mutex_reset(). A
 * recovery function given to the handle does this in place of the caller.
 *
 * Progress  blocking: a holder that stands still holds everybody up; FAIR: so does the one
 *           whose turn it is. Who tries, or selects, stands in no line.
 * Order     lock acquires what the unlocks before it released. Who comes first is luck,
 *           and the one who unlocks may well be the next; FAIR hands over in the order
 *           of coming.
 * Crash     killed in lock: it has it (then as above) or not. Killed in unlock: likewise.
 *           A dead waiter holds nobody up.
 * Threads   any; a fork's child holds nothing.
 * Errors    -EAGAIN held, and the deadline is WEFT_NOW; -ETIMEDOUT
 *           -EDEADLK this agent holds it already (not RECURSIVE)
 *           -EPERM   unlock, consistent: this agent does not hold it
 *           -EOWNERDEAD, -ENOTRECOVERABLE as above; -EROFS
 *           -EOVERFLOW locked too often; and those of <weft/object.h>
 * Source    recovery: POSIX robust mutexes, here for any number of handles.
 */
#ifndef WEFT_MUTEX_H
#define WEFT_MUTEX_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_mutex weft_mutex_t; /* process-local handle */

enum {
        WEFT_MUTEX_RECURSIVE = 1, /* its holder may lock it again */
        WEFT_MUTEX_FAIR = 2,      /* first come, first served; slower when contended */
};

struct weft_mutex_options {
        uint32_t flags;
        uint32_t reserved; /* 0 */
};

/* Makes one under `name`; opens one; does either (-EPROTO if the flags differ). `options`
 * may be NULL: no flags. */
WEFT_API WEFT_CHECK int weft_mutex_create(weft_arena_t *arena, const char *name,
                                          const struct weft_mutex_options *options,
                                          weft_mutex_t **mutex);
WEFT_API WEFT_CHECK int weft_mutex_open(weft_arena_t *arena, const char *name,
                                        weft_mutex_t **mutex);
WEFT_API WEFT_CHECK int
weft_mutex_create_or_open(weft_arena_t *arena, const char *name,
                          const struct weft_mutex_options *options, weft_mutex_t **mutex);

/* What this process's agents hold through it is lost as if they had died. */
WEFT_API void weft_mutex_close(weft_mutex_t *mutex);

/* From now on, who locks through this handle after a holder's death calls `recover`,
 * holding the mutex, instead of being told. 0 from it: repaired, and lock returns 0. Else
 * the mutex is given up, and -ENOTRECOVERABLE for all; -EPERM if it has let the mutex go
 * itself. NULL: be told. Call it before the handle is used. */
WEFT_API void weft_mutex_on_death(weft_mutex_t *mutex, int (*recover)(void *context),
                                  void *context);

/* Locks it. 0 or -EOWNERDEAD: held. */
WEFT_API WEFT_CHECK int weft_mutex_lock(weft_mutex_t *mutex, uint64_t deadline);

/* The same with WEFT_NOW. */
WEFT_API WEFT_CHECK int weft_mutex_trylock(weft_mutex_t *mutex);

WEFT_API WEFT_CHECK int weft_mutex_unlock(weft_mutex_t *mutex);

/* The holder after -EOWNERDEAD has repaired what it protects. -EINVAL: nothing to say. */
WEFT_API WEFT_CHECK int weft_mutex_consistent(weft_mutex_t *mutex);

/* A mutex that is not recoverable becomes a free one. -EBUSY: it is not in that state. */
WEFT_API WEFT_CHECK int weft_mutex_reset(weft_mutex_t *mutex);

struct weft_mutex_info {
        uint32_t flags;
        uint32_t held;         /* 1: by somebody */
        uint32_t holder_pid;   /* for people; 0 when unknown */
        uint32_t depth;        /* of recursion; 1 up when held */
        uint32_t inconsistent; /* 1: a holder died, and nobody repaired */
        uint32_t lost;         /* 1: not recoverable */
        uint32_t waiting;      /* who sleep; the dead count until they are settled */
        uint32_t reserved;
};

/* A snapshot; exact when nobody changes it. Works read-only. */
WEFT_API WEFT_CHECK int weft_mutex_info(weft_mutex_t *mutex,
                                        struct weft_mutex_info *info);

#ifdef __cplusplus
}
#endif
#endif
