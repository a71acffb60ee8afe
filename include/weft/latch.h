/* weft/latch.h -- a count that goes down to zero once, and who waits for that.
 *
 * Plain: anybody counts down. REGISTERED: agents take shares of the count upon themselves
 * with weft_latch_register(); the share of one that dies (or ends, or closes its handle)
 * before it has counted it down is counted as failed: the latch still opens, and waiters
 * get -EOWNERDEAD.
 *
 * Progress  counting down is lock-free (P2); waiting sleeps.
 * Order     what was done before the count-downs is seen by who waited.
 * Crash     a count-down has happened or it has not; a share counts once.
 * Threads   any; a share belongs to the agent (thread) that registered it.
 * Errors    -EAGAIN, -ETIMEDOUT; -EOWNERDEAD open, but some of it has failed
 *           -EOVERFLOW more than is left to count, or to register
 *           -EPERM   registered: more than this agent's share
 *           -EINVAL, -EROFS; and those of <weft/object.h>
 * Source    java.util.concurrent.CountDownLatch, C++20 std::latch.
 */
#ifndef WEFT_LATCH_H
#define WEFT_LATCH_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_latch weft_latch_t; /* process-local handle */

#define WEFT_LATCH_MAX 0x3fffffffu

enum {
        WEFT_LATCH_REGISTERED = 1, /* shares, and the dead's are counted as failed */
};

struct weft_latch_options {
        uint32_t count; /* 0: open from the start */
        uint32_t flags;
};

/* Makes one under `name`; opens one; does either (-EPROTO if the flags differ). */
WEFT_API WEFT_CHECK int weft_latch_create(weft_arena_t *arena, const char *name,
                                          const struct weft_latch_options *options,
                                          weft_latch_t **latch);
WEFT_API WEFT_CHECK int weft_latch_open(weft_arena_t *arena, const char *name,
                                        weft_latch_t **latch);
WEFT_API WEFT_CHECK int
weft_latch_create_or_open(weft_arena_t *arena, const char *name,
                          const struct weft_latch_options *options, weft_latch_t **latch);
WEFT_API void weft_latch_close(weft_latch_t *latch);

/* Takes `n` of the count upon this agent. -EOVERFLOW: not so many are left free;
 * -EINVAL: the latch is plain, or n is 0. */
WEFT_API WEFT_CHECK int weft_latch_register(weft_latch_t *latch, uint32_t n);

/* Counts down by `n`. */
WEFT_API WEFT_CHECK int weft_latch_count_down(weft_latch_t *latch, uint32_t n);

/* Waits until the count is 0. */
WEFT_API WEFT_CHECK int weft_latch_wait(weft_latch_t *latch, uint64_t deadline);

/* Counts down by `n`, then waits. If that times out, it has counted down all the same. */
WEFT_API WEFT_CHECK int weft_latch_arrive_and_wait(weft_latch_t *latch, uint32_t n,
                                                   uint64_t deadline);

/* What is left to count; >= 0, or -EUCLEAN. Works read-only. */
WEFT_API WEFT_CHECK int64_t weft_latch_count(weft_latch_t *latch);

struct weft_latch_info {
        uint32_t count, flags;
        uint32_t registered; /* of the count: upon agents, not yet counted down */
        uint32_t failed;     /* counted down by deaths */
        uint32_t waiting;    /* who sleep; the dead count until they are settled */
        uint32_t reserved;
};

/* A snapshot; exact when nobody changes it. Works read-only. */
WEFT_API WEFT_CHECK int weft_latch_info(weft_latch_t *latch,
                                        struct weft_latch_info *info);

#ifdef __cplusplus
}
#endif
#endif
