/* weft/once.h -- done once for all processes, whoever dies while doing it.
 *
 * The first caller runs its function, the others wait. If it dies (or ends, or closes its
 * handle) in it, one of those who wait runs its own function in its place: what the
 * function builds must be able to begin anew. An error that the function returns is
 * everybody's result until weft_once_reset().
 *
 * Progress  blocking while somebody runs it; afterwards one load.
 * Order     what the function did is seen by everybody whose call returned.
 * Crash     killed in it: as above. A result is there for all or not at all.
 * Threads   any.
 * Errors    -EAGAIN it runs, and the deadline is WEFT_NOW; -ETIMEDOUT
 *           -EDEADLK the function calls its own once
 *           -EPERM   the function made this agent another one: it left the arena, or this
 *           is the child of a fork in it. What it returned counts for nothing
 *           -EBUSY   reset while it runs; -EINVAL the function returned a positive number
 *           or one below -4095; -EROFS; those of <weft/object.h>; what the function says
 */
#ifndef WEFT_ONCE_H
#define WEFT_ONCE_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_once weft_once_t; /* process-local handle */

/* Makes one under `name`; opens one; does either. */
WEFT_API WEFT_CHECK int weft_once_create(weft_arena_t *arena, const char *name,
                                         weft_once_t **once);
WEFT_API WEFT_CHECK int weft_once_open(weft_arena_t *arena, const char *name,
                                       weft_once_t **once);
WEFT_API WEFT_CHECK int weft_once_create_or_open(weft_arena_t *arena, const char *name,
                                                 weft_once_t **once);
WEFT_API void weft_once_close(weft_once_t *once);

/* Sees to it that it has been done. `function` returns 0 or a negated errno. The deadline
 * is for waiting for others; a function that runs is not cut short. */
WEFT_API WEFT_CHECK int weft_once_call(weft_once_t *once, int (*function)(void *argument),
                                       void *argument, uint64_t deadline);

/* 1: done, and well; 0: not yet; or the error it ended with. Works read-only. */
WEFT_API WEFT_CHECK int weft_once_done(weft_once_t *once);

/* Done, or failed: as new. 0 if it is new. */
WEFT_API WEFT_CHECK int weft_once_reset(weft_once_t *once);

struct weft_once_info {
        uint32_t done;       /* 1: it has ended, well or not */
        uint32_t running;    /* 1: somebody runs it */
        int32_t result;      /* once done */
        uint32_t runner_pid; /* for people */
        uint32_t waiting;    /* who sleep; the dead count until they are settled */
        uint32_t reserved;
};

/* A snapshot; exact when nobody changes it. Works read-only. */
WEFT_API WEFT_CHECK int weft_once_info(weft_once_t *once, struct weft_once_info *info);

#ifdef __cplusplus
}
#endif
#endif
