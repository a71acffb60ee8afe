/* codata/stream_ticker.c -- sources that tick. */
#include <weft/stream_time.h>

#include "codata/stream_clock.h"
#include "codata/stream_internal.h"

struct ticker {
        uint64_t from; /* as it was asked for; 0: a period after the first pull */
        uint64_t period;
        uint64_t first; /* when number 0 is due; 0: nobody has pulled */
        uint64_t next;  /* number */
};

static uint64_t due(const struct ticker *t)
{
        uint64_t after = 0;
        if (__builtin_mul_overflow(t->next, t->period, &after))
                return WEFT_NEVER;
        return weft_stream_later_by(t->first, after);
}

/* Sleeps until the next one is due: 0, and `now` is what time it is. */
static int sleep_until_due(struct ticker *t, uint64_t deadline, uint64_t *now)
{
        if (!t->first)
                t->first = t->from ? t->from
                                   : weft_stream_later_by(weft_stream_now(), t->period);
        int rc = weft_stream_sleep(due(t), deadline);
        *now = weft_stream_now();
        return rc;
}

static int64_t ticker_pull(weft_stream_t *s, void *state, void *items, size_t n,
                           uint64_t deadline)
{
        struct ticker *t = state;
        struct weft_tick *tick = items;
        uint64_t now = 0;
        (void)s, (void)n;
        int rc = sleep_until_due(t, deadline, &now);
        if (rc)
                return rc;
        tick->number = (now - t->first) / t->period;
        tick->missed = tick->number - t->next;
        tick->at = t->first + tick->number * t->period;
        t->next = tick->number + 1;
        return 1;
}

static int64_t interval_pull(weft_stream_t *s, void *state, void *items, size_t n,
                             uint64_t deadline)
{
        struct ticker *t = state;
        uint64_t *to = items, now = 0;
        (void)s;
        int rc = sleep_until_due(t, deadline, &now);
        if (rc)
                return rc;
        uint64_t there = (now - t->first) / t->period + 1 - t->next;
        if (n > there)
                n = (size_t)there;
        for (size_t i = 0; i < n; i++)
                to[i] = t->next + i;
        t->next += n;
        return (int64_t)n;
}

static int ticker_rewind(weft_stream_t *s, void *state)
{
        struct ticker *t = state;
        (void)s;
        t->first = t->next = 0;
        return 0;
}

static int ticker_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct ticker *t = state;
        (void)s;
        if (!t->first)
                return -ENOTSUP; /* its clock begins with a pull */
        wait->until = weft_stream_sooner(wait->until, due(t));
        return 0;
}

#define CLASS(variable, called, how) \
        static const struct weft_stream_class variable = { .name = called, \
                                                           .pull = how, \
                                                           .rewind = ticker_rewind, \
                                                           .wait = ticker_wait }
CLASS(ticker_class, "ticker", ticker_pull);
CLASS(interval_class, "interval", interval_pull);

static weft_stream_t *make(const struct weft_stream_class *class_of, uint64_t first,
                           uint64_t period, uint64_t bytes)
{
        struct ticker *t = NULL;
        if (!period)
                return weft_stream_spoil(NULL, -EINVAL, "%s: a period of 0",
                                         class_of->name);
        weft_stream_t *s = weft_stream_make(class_of, sizeof *t, NULL, 0, bytes, &t);
        if (t) {
                t->from = first;
                t->period = period;
        }
        return s;
}

weft_stream_t *weft_stream_ticker(uint64_t first, uint64_t period)
{
        return make(&ticker_class, first, period, sizeof(struct weft_tick));
}

weft_stream_t *weft_stream_interval(uint64_t period)
{
        return make(&interval_class, 0, period, sizeof(uint64_t));
}
