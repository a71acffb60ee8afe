/* weft/semaphore.h -- a number of permits, taken and given across processes.
 *
 * Plain: a counter. Who dies with permits has used them up. OWNED: it remembers who holds
 * how many, and the permits of the dead come back, each exactly once.
 *
 * Progress  lock-free (P2); waiting sleeps.
 * Order     what was done before a post is seen after the wait that took its permit. Who
 *           is served first is luck; a wait for many may starve beside waits for one.
 * Crash     killed in post or wait: it has happened or it has not. Owned: what the dead
 *           held comes back when it is found dead (a waiter looks every 50 ms).
 * Threads   any. Owned permits belong to the agent (thread) that took them.
 * Errors    -EAGAIN too few, and the deadline is WEFT_NOW; -ETIMEDOUT
 *           -EOVERFLOW post past the maximum: nothing is posted
 *           -EPERM   owned: it gives back more than it holds
 *           -EINVAL  0 permits, or more than the maximum; -EROFS; and those of
 *                    <weft/object.h>
 * Source    Dijkstra (EWD 35); owned permits by a signed compare-and-swap whose
 *           outcome recovery can tell: sync/ledger_shared.h.
 */
#ifndef WEFT_SEMAPHORE_H
#define WEFT_SEMAPHORE_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_semaphore weft_semaphore_t; /* process-local handle */

#define WEFT_SEMAPHORE_MAX 0x7fffffffu

enum {
        WEFT_SEMAPHORE_OWNED = 1, /* the permits of the dead come back */
};

struct weft_semaphore_options {
        uint32_t value;   /* permits at the start */
        uint32_t maximum; /* 0 is WEFT_SEMAPHORE_MAX; 1 makes it binary */
        uint32_t flags;
        uint32_t reserved; /* 0 */
};

/* Makes one under `name`; opens one; does either (-EPROTO if maximum or flags differ). */
WEFT_API WEFT_CHECK int
weft_semaphore_create(weft_arena_t *arena, const char *name,
                      const struct weft_semaphore_options *options,
                      weft_semaphore_t **semaphore);
WEFT_API WEFT_CHECK int weft_semaphore_open(weft_arena_t *arena, const char *name,
                                            weft_semaphore_t **semaphore);
WEFT_API WEFT_CHECK int
weft_semaphore_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_semaphore_options *options,
                              weft_semaphore_t **semaphore);

/* Owned permits that this process's agents hold come back. */
WEFT_API void weft_semaphore_close(weft_semaphore_t *semaphore);

/* Takes one permit, or `n` at once: all or none. */
WEFT_API WEFT_CHECK int weft_semaphore_wait(weft_semaphore_t *semaphore,
                                            uint64_t deadline);
WEFT_API WEFT_CHECK int weft_semaphore_wait_n(weft_semaphore_t *semaphore, uint32_t n,
                                              uint64_t deadline);

/* The same with WEFT_NOW. */
WEFT_API WEFT_CHECK int weft_semaphore_try(weft_semaphore_t *semaphore);

/* Gives one, or `n`. A plain semaphore takes permits from anybody; an owned one only
 * back. */
WEFT_API WEFT_CHECK int weft_semaphore_post(weft_semaphore_t *semaphore);
WEFT_API WEFT_CHECK int weft_semaphore_post_n(weft_semaphore_t *semaphore, uint32_t n);

/* The permits that can be taken now; >= 0, or -EUCLEAN. Works read-only. */
WEFT_API WEFT_CHECK int64_t weft_semaphore_value(weft_semaphore_t *semaphore);

struct weft_semaphore_info {
        uint32_t value, maximum, flags;
        uint32_t held;    /* owned: by the living and the unsettled dead together */
        uint32_t holders; /* owned: how many hold any */
        uint32_t waiting; /* who sleep; the dead count until they are settled */
};

/* A snapshot; exact when nobody changes it. Works read-only. */
WEFT_API WEFT_CHECK int weft_semaphore_info(weft_semaphore_t *semaphore,
                                            struct weft_semaphore_info *info);

#ifdef __cplusplus
}
#endif
#endif
