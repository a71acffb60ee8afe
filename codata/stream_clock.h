/* codata/stream_clock.h -- the time of streams, and how to wait for several of them.
 *
 * Operators on time take it from here, so that a test may bring a clock of its own: then
 * its sources move that clock on to the deadlines that they are pulled with, and nothing
 * sleeps. A deadline that goes to a queue or so is CLOCK_MONOTONIC all the same.
 */
#ifndef WEFT_CODATA_STREAM_CLOCK_H
#define WEFT_CODATA_STREAM_CLOCK_H

#include <weft/stream.h>

struct weft_stream_clock {
        uint64_t (*now)(void);
        void (*sleep)(uint64_t until); /* may return early */
};

/* NULL: the machine's. Set it before streams run, and while none does. */
extern const struct weft_stream_clock *weft_stream_clock;

static inline uint64_t weft_stream_now(void)
{
        return __builtin_expect(weft_stream_clock != NULL, 0) ? weft_stream_clock->now()
                                                              : weft_now();
}

/* `ns` after `at`; WEFT_NEVER if that does not fit. */
static inline uint64_t weft_stream_later_by(uint64_t at, uint64_t ns)
{
        return ns < WEFT_NEVER - at ? at + ns : WEFT_NEVER;
}

static inline uint64_t weft_stream_sooner(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* 0: it is `until`, or later; -EAGAIN, -ETIMEDOUT: `deadline` has come first. */
int weft_stream_sleep(uint64_t until, uint64_t deadline);

/*
 * Sleeps until one of `n` streams may have something, for a moment at most, or until
 * `deadline`: 1, one should have something; 0, some time has passed. -ENOTSUP: it cannot
 * be told when they have something. Those that have ended do not count.
 */
int weft_stream_await(weft_stream_t *const *streams, size_t n, uint64_t deadline);

/* Adds what `stream` waits for. 0, or -ENOTSUP. */
int weft_stream_waits(weft_stream_t *stream, struct weft_stream_wait *wait);

/* For how long one stream is waited for when it cannot be waited for several. */
#define WEFT_STREAM_SLICE WEFT_MSEC

#endif
