/* codata/stream_clock.c -- waiting: for a time, for any of several streams. */
#define _GNU_SOURCE
#include <time.h>

#include <weft/select.h>

#include "codata/stream_clock.h"
#include "codata/stream_internal.h"

const struct weft_stream_clock *weft_stream_clock;

/* ---- for a time ------------------------------------------------------------------ */

static void sleep_until(uint64_t until)
{
        struct timespec at = { .tv_sec = (time_t)(until / WEFT_SEC),
                               .tv_nsec = (long)(until % WEFT_SEC) };
        int saved = errno;
        if (weft_stream_clock)
                weft_stream_clock->sleep(until);
        else
                (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        errno = saved;
}

int weft_stream_sleep(uint64_t until, uint64_t deadline)
{
        for (;;) {
                uint64_t now = weft_stream_now();
                if (now >= until)
                        return 0;
                if (deadline == WEFT_NOW)
                        return -EAGAIN;
                if (now >= deadline)
                        return -ETIMEDOUT;
                sleep_until(weft_stream_sooner(until, deadline));
        }
}

/* ---- for streams ------------------------------------------------------------------ */

enum { NET = 40 }; /* ms: a stage that knows too little costs a moment, never a hang */

/* What `s` waits for: a stage that holds nothing back waits for what is upstream of it. */
static int ask(weft_stream_t *s, struct weft_stream_wait *wait)
{
        while (s->over == WEFT_STREAM_RUNS) {
                if (s->class_of->wait)
                        return s->class_of->wait(s, s->state, wait);
                if (s->ups != 1 || s->class_of->holds)
                        return -ENOTSUP;
                s = s->up[0];
        }
        return -ENOTSUP; /* it is there already */
}

int weft_stream_waits(weft_stream_t *s, struct weft_stream_wait *wait)
{
        return s ? ask(s, wait) : -EINVAL;
}

int weft_stream_await(weft_stream_t *const *streams, size_t n, uint64_t deadline)
{
        struct weft_case cases[WEFT_SELECT_MAX];
        struct weft_stream_wait wait = { cases, 0, WEFT_SELECT_MAX, WEFT_NEVER };
        for (size_t i = 0; i < n; i++) {
                int rc = streams[i]->over <= 0 ? 0 : ask(streams[i], &wait);
                if (rc || wait.n > wait.room)
                        return -ENOTSUP;
        }
        uint64_t until = weft_stream_sooner(deadline, wait.until);
        if (!wait.n && wait.until == WEFT_NEVER)
                return -ENOTSUP;
        if (wait.until <= weft_stream_now())
                return 1;
        if (!wait.n) {
                (void)weft_stream_sleep(until, WEFT_NEVER);
                return 0;
        }
        until = weft_stream_sooner(until, weft_after(NET * WEFT_MSEC));
        int rc = weft_select(cases, wait.n, 0, until);
        return rc >= 0 ? 1 : weft_stream_later(rc) ? 0 : -ENOTSUP;
}
