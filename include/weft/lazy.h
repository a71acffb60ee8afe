/* weft/lazy.h -- a value that is computed when it is first asked for, once for all processes.
 *
 * A lazy is a function's name and some bytes, under a name of its own. Whoever forces it
 * first computes it, with the function that his process knows by that name
 * (<weft/function.h>); others who force it meanwhile sleep. If the one who computes dies, or
 * ends, one of those who wait computes in his place; one who is stopped is waited for. A value or
 * an error stays until weft_lazy_reset(). A lazy stays until it is removed.
 *
 * The function gets the bytes as its input; one without input type as its argument. It may
 * force other lazies. Who would wait for himself that way, through other threads and
 * processes too, is told so (-EDEADLK): at least one of those in the circle, at once or
 * within 50 ms. That is for lazies of one arena that have not been removed.
 *
 * Values    any bytes, up to 1 GiB. Up to 8 lie in the lazy itself, more in a block.
 * Progress  blocking while somebody computes; afterwards wait-free.
 * Order     what the function did is seen by everybody who got the value.
 * Crash     killed while computing: as above. A value is there whole or not at all.
 * Threads   any.
 * Errors    -EAGAIN not computed, or somebody is at it, and the deadline is WEFT_NOW; -ETIMEDOUT
 *           -EDEADLK, see above; -EOVERFLOW the value has more bytes than there is room, or
 *           than a value may have
 *           -ENOENT the function is not known in this process, or what it is mapped from is
 *           not there; -EPROTO types that do not fit, or what was created before is
 *           another one: weft_function_detail() names them. These are not kept
 *           -EPERM the function made this agent another one: it left the arena, or this is
 *           the child of a fork in it. What it returned counts for nothing
 *           -EBUSY reset while it is computed; -ESTALE it was reset while viewed
 *           -EROFS, -ENOSPC, -EINVAL; those of <weft/object.h>; what the function says, where
 *           -EAGAIN is kept as -ECANCELED
 * Source    Friedman and Wise, CONS should not evaluate its arguments (1976); Henderson and
 *           Morris (POPL 1976).
 */
#ifndef WEFT_LAZY_H
#define WEFT_LAZY_H

#include <weft/base.h>
#include <weft/function.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_lazy weft_lazy_t; /* process-local handle */

#define WEFT_LAZY_BYTES_MAX (UINT64_C(1) << 30)
#define WEFT_LAZY_ARGUMENT_MAX 65536

/* Makes one, or opens the one that is there if it has the same function and bytes: else
 * -EPROTO. The function need not be known in this process. */
WEFT_API WEFT_CHECK int weft_lazy_create_or_open(weft_arena_t *arena, const char *name,
                                                 const char *function,
                                                 const void *argument, uint32_t bytes,
                                                 weft_lazy_t **lazy);
WEFT_API WEFT_CHECK int weft_lazy_create(weft_arena_t *arena, const char *name,
                                         const char *function, const void *argument,
                                         uint32_t bytes, weft_lazy_t **lazy);
WEFT_API WEFT_CHECK int weft_lazy_open(weft_arena_t *arena, const char *name,
                                       weft_lazy_t **lazy);
WEFT_API void weft_lazy_close(weft_lazy_t *lazy);

/* Sees to it that it is computed, and copies the value out: its bytes, or what it failed
 * with. The deadline is for waiting for others; a function that runs is not cut short. */
WEFT_API WEFT_CHECK int64_t weft_lazy_force(weft_lazy_t *lazy, void *value, uint64_t room,
                                            uint64_t deadline);

/* The value if it is there; computes nothing: -EAGAIN. Works read-only. */
WEFT_API WEFT_CHECK int64_t weft_lazy_peek(weft_lazy_t *lazy, void *value, uint64_t room);

struct weft_lazy_view {
        const void *at;
        uint64_t bytes;
        uint64_t own[2]; /* private */
};

/* Forces it and shows the value in place until weft_lazy_view_end(), by the same thread, which
 * says whether it was there all the while: 0, or -ESTALE: it was reset, and what was read may
 * be anything. In between `view` must stay where it is; do not wait for others meanwhile. */
WEFT_API WEFT_CHECK int weft_lazy_view(weft_lazy_t *lazy, struct weft_lazy_view *view,
                                       uint64_t deadline);
WEFT_API WEFT_CHECK int weft_lazy_view_end(weft_lazy_t *lazy,
                                           struct weft_lazy_view *view);

/* Makes or opens the lazy `name`: what `function`, with a copy of `bytes` bytes as its
 * argument, makes of this one's value. Forcing it forces this one, which it finds by name. */
WEFT_API WEFT_CHECK int weft_lazy_map(weft_lazy_t *lazy, const char *name,
                                      const char *function, const void *argument,
                                      uint32_t bytes, weft_lazy_t **mapped);

/* As if it had never been computed; 0 if it has not. What was mapped from it is not
 * reset with it. */
WEFT_API WEFT_CHECK int weft_lazy_reset(weft_lazy_t *lazy);

enum weft_lazy_state {
        WEFT_LAZY_NEW,
        WEFT_LAZY_RUNNING,
        WEFT_LAZY_DONE,
        WEFT_LAZY_FAILED,
};

struct weft_lazy_info {
        uint32_t state;        /* enum weft_lazy_state */
        int32_t result;        /* once computed: 0, or what it failed with */
        uint64_t bytes;        /* of the value */
        uint32_t resets;       /* how often, modulo 2^24 */
        uint32_t computer_pid; /* for people */
        uint32_t waiting;      /* who sleep; the dead count until they are settled */
        uint32_t reserved;
        char function[WEFT_FUNCTION_NAME_MAX + 1];
};

/* A snapshot. Works read-only. */
WEFT_API WEFT_CHECK int weft_lazy_info(weft_lazy_t *lazy, struct weft_lazy_info *info);

/* In a select (WEFT_OP_WAIT) and for weft_fd() it is ready when it has been computed, by
 * whomever: nothing is computed there. The case's result is 0 or what it failed with. */

#ifdef __cplusplus
}
#endif
#endif
