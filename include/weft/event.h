/* weft/event.h -- something has happened: set, clear, pulse, wait.
 *
 * Manual reset: a set event lets everybody through until it is cleared, and those who wait
 * when it is set, however soon that is. AUTO reset: a set event lets one waiter through, who
 * clears it. A pulse lets through those who wait at that moment (auto: one of them, if any)
 * and leaves the event as it was. Where an auto event is pulsed faster than its waiters
 * wake, the last 64 pulses are kept for them.
 *
 * Progress  set, clear, pulse are lock-free (P2); waiting sleeps.
 * Order     what was done before the set (or pulse) is seen by who was let through.
 * Crash     a set has happened or it has not, and no set is lost: a waiter that is woken
 *           and dies before it has taken an auto event leaves it set for the next.
 * Threads   any. Setting what is set changes nothing.
 * Errors    -EAGAIN not set, and the deadline is WEFT_NOW; -ETIMEDOUT; -EROFS; and those
 *           of <weft/object.h>
 */
#ifndef WEFT_EVENT_H
#define WEFT_EVENT_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_event weft_event_t; /* process-local handle */

enum {
        WEFT_EVENT_AUTO = 1, /* one waiter goes through, and clears it */
        WEFT_EVENT_SET = 2,  /* set from the start */
};

struct weft_event_options {
        uint32_t flags;
        uint32_t reserved; /* 0 */
};

/* Makes one under `name`; opens one; does either (-EPROTO if one is AUTO and the other is
 * not). `options` may be NULL: manual reset, not set. */
WEFT_API WEFT_CHECK int weft_event_create(weft_arena_t *arena, const char *name,
                                          const struct weft_event_options *options,
                                          weft_event_t **event);
WEFT_API WEFT_CHECK int weft_event_open(weft_arena_t *arena, const char *name,
                                        weft_event_t **event);
WEFT_API WEFT_CHECK int
weft_event_create_or_open(weft_arena_t *arena, const char *name,
                          const struct weft_event_options *options, weft_event_t **event);
WEFT_API void weft_event_close(weft_event_t *event);

WEFT_API WEFT_CHECK int weft_event_set(weft_event_t *event);
WEFT_API WEFT_CHECK int weft_event_clear(weft_event_t *event);
WEFT_API WEFT_CHECK int weft_event_pulse(weft_event_t *event);

/* Waits until it is set, or pulsed meanwhile. */
WEFT_API WEFT_CHECK int weft_event_wait(weft_event_t *event, uint64_t deadline);

/* 1 set, 0 not. Takes nothing. Works read-only. */
WEFT_API WEFT_CHECK int weft_event_is_set(weft_event_t *event);

struct weft_event_info {
        uint32_t flags; /* WEFT_EVENT_AUTO */
        uint32_t set;
        uint32_t waiting; /* who sleep; the dead count until they are settled */
        uint32_t reserved;
};

/* A snapshot; exact when nobody changes it. Works read-only. */
WEFT_API WEFT_CHECK int weft_event_info(weft_event_t *event,
                                        struct weft_event_info *info);

#ifdef __cplusplus
}
#endif
#endif
