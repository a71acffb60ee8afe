/* weft/rwlock.h -- many readers or one writer, across processes; dead readers vanish.
 *
 * A writer that dies leaves the lock inconsistent, as with <weft/mutex.h>: the next writer
 * gets -EOWNERDEAD and holds it; readers get -EOWNERDEAD and hold nothing until a writer
 * has said weft_rwlock_consistent(). With a recovery function in its handle the next
 * locker of either sort repairs first, as the writer, and then has what it asked for.
 *
 * Progress  blocking. A writer that waits keeps new readers out, so that it is not
 *           starved; a reader that reads already may go deeper.
 * Order     as a mutex; readers see what the writers before them wrote.
 * Crash     a dead reader holds nothing up. A writer that died before it had the lock
 *           leaves no trace; one that had it, as above.
 * Threads   any; a lock belongs to the agent (thread) that took it.
 * Errors    -EAGAIN, -ETIMEDOUT; -EDEADLK it has the lock already, and would wait for
 *           itself; -EPERM unlock, downgrade, consistent: it has not; -EOVERFLOW;
 *           -EOWNERDEAD, -ENOTRECOVERABLE; -EROFS; and those of <weft/object.h>
 * Source    one flag a reader, looked at by writers: Brandenburg and Anderson
 *           (ECRTS 2009), Calciu et al. (PPoPP 2013).
 */
#ifndef WEFT_RWLOCK_H
#define WEFT_RWLOCK_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_rwlock weft_rwlock_t; /* process-local handle */

/* Makes one under `name`; opens one; does either. 8 KiB each. */
WEFT_API WEFT_CHECK int weft_rwlock_create(weft_arena_t *arena, const char *name,
                                           weft_rwlock_t **rwlock);
WEFT_API WEFT_CHECK int weft_rwlock_open(weft_arena_t *arena, const char *name,
                                         weft_rwlock_t **rwlock);
WEFT_API WEFT_CHECK int weft_rwlock_create_or_open(weft_arena_t *arena, const char *name,
                                                   weft_rwlock_t **rwlock);

/* What this process's agents hold through it is lost as if they had died. */
WEFT_API void weft_rwlock_close(weft_rwlock_t *rwlock);

/* As weft_mutex_on_death(). */
WEFT_API void weft_rwlock_on_death(weft_rwlock_t *rwlock, int (*recover)(void *context),
                                   void *context);

/* Locks it to read; may be nested. */
WEFT_API WEFT_CHECK int weft_rwlock_read(weft_rwlock_t *rwlock, uint64_t deadline);

/* Locks it to write. 0 or -EOWNERDEAD: held. */
WEFT_API WEFT_CHECK int weft_rwlock_write(weft_rwlock_t *rwlock, uint64_t deadline);

/* The same with WEFT_NOW. */
WEFT_API WEFT_CHECK int weft_rwlock_tryread(weft_rwlock_t *rwlock);
WEFT_API WEFT_CHECK int weft_rwlock_trywrite(weft_rwlock_t *rwlock);

/* Ends what this agent took last. -EPERM: nothing. */
WEFT_API WEFT_CHECK int weft_rwlock_unlock(weft_rwlock_t *rwlock);

/* The writer becomes a reader, and no other writer came in between. An inconsistent lock
 * must be made consistent first: -EINVAL. */
WEFT_API WEFT_CHECK int weft_rwlock_downgrade(weft_rwlock_t *rwlock);

WEFT_API WEFT_CHECK int weft_rwlock_consistent(weft_rwlock_t *rwlock);
WEFT_API WEFT_CHECK int weft_rwlock_reset(weft_rwlock_t *rwlock);

struct weft_rwlock_info {
        uint32_t readers;      /* agents that read */
        uint32_t writing;      /* 1: somebody has it to write */
        uint32_t claimed;      /* 1: somebody waits for the readers to end */
        uint32_t writer_pid;   /* for people */
        uint32_t inconsistent; /* 1: a writer died, and nobody repaired */
        uint32_t lost;         /* 1: not recoverable */
        uint32_t waiting;      /* who sleep; the dead count until they are settled */
        uint32_t reserved;
};

/* A snapshot; exact when nobody changes it. Works read-only. */
WEFT_API WEFT_CHECK int weft_rwlock_info(weft_rwlock_t *rwlock,
                                         struct weft_rwlock_info *info);

#ifdef __cplusplus
}
#endif
#endif
