/* codata/stream_delay.c -- later, and too late: delay, timeout. */
#include <stdlib.h>

#include <weft/stream_time.h>

#include "codata/stream_clock.h"
#include "codata/stream_internal.h"

/* ---- delay -------------------------------------------------------------------------- */

struct delay {
        uint64_t ns;
        size_t room, at, n; /* a ring: `n` items from `at` on */
        char *in;
        uint64_t *due;
        bool over; /* upstream, with `end` */
        int64_t end;
};

/* As many as are due, lie together, and are wanted. */
static int64_t give_due(weft_stream_t *s, struct delay *d, void *items, size_t n)
{
        uint64_t now = d->n ? weft_stream_now() : 0;
        size_t most = d->room - d->at < d->n ? d->room - d->at : d->n, k = 0;
        most = n < most ? n : most;
        while (k < most && d->due[d->at + k] <= now)
                k++;
        memcpy(items, d->in + d->at * s->item_bytes, k * s->item_bytes);
        d->n -= k;
        d->at = d->n ? (d->at + k) % d->room : 0;
        return (int64_t)k;
}

static int64_t take_some(weft_stream_t *s, struct delay *d, uint64_t deadline)
{
        size_t tail = d->at + d->n;
        size_t most = tail < d->room ? d->room - tail : d->room - d->n;
        if (tail >= d->room)
                tail -= d->room;
        int64_t got =
                weft_stream_get(s->up[0], d->in + tail * s->item_bytes, most, deadline);
        uint64_t due = got > 0 ? weft_stream_later_by(weft_stream_now(), d->ns) : 0;
        for (int64_t i = 0; i < got; i++)
                d->due[tail + (size_t)i] = due;
        d->n += got > 0 ? (size_t)got : 0;
        return got;
}

static int64_t delay_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct delay *d = state;
        for (;;) {
                int64_t got = give_due(s, d, items, n);
                if (got)
                        return got;
                if (d->over && !d->n)
                        return d->end;
                uint64_t until = d->n ? d->due[d->at] : WEFT_NEVER;
                if (d->over || d->n == d->room) {
                        int rc = weft_stream_sleep(until, deadline);
                        if (rc)
                                return rc;
                        continue;
                }
                got = take_some(s, d, weft_stream_sooner(until, deadline));
                if (got <= 0 && !weft_stream_later(got)) {
                        d->over = true;
                        d->end = got;
                        continue;
                }
                if (d->n && weft_stream_now() >= d->due[d->at])
                        continue;
                int64_t rc = got < 0 ? got : weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static int delay_rewind(weft_stream_t *s, void *state)
{
        struct delay *d = state;
        (void)s;
        d->at = d->n = 0;
        d->over = false;
        return 0;
}

static int delay_holds(weft_stream_t *s, void *state)
{
        struct delay *d = state;
        (void)s;
        return d->n != 0;
}

static void delay_free(weft_stream_t *s, void *state)
{
        struct delay *d = state;
        (void)s;
        free(d->in);
        free(d->due);
}

static int delay_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct delay *d = state;
        if (d->n)
                wait->until = weft_stream_sooner(wait->until, d->due[d->at]);
        if (d->over || d->n == d->room)
                return d->n ? 0 : -ENOTSUP;
        return weft_stream_waits(s->up[0], wait);
}

static const struct weft_stream_class delay_class = { .name = "delay",
                                                      .pull = delay_pull,
                                                      .rewind = delay_rewind,
                                                      .free = delay_free,
                                                      .holds = delay_holds,
                                                      .wait = delay_wait };

weft_stream_t *weft_stream_delay(weft_stream_t *up, uint64_t ns, size_t most)
{
        struct delay *d = NULL;
        weft_stream_t *s = weft_stream_make(&delay_class, sizeof *d, &up, 1,
                                            up ? up->item_bytes : 0, &d);
        if (!d)
                return s;
        d->ns = ns;
        d->room = most ? most : s->chunk;
        d->in = weft_stream_buffer(d->room, s->item_bytes);
        d->due = weft_stream_buffer(d->room, sizeof *d->due);
        return d->in && d->due ? s : weft_stream_spoil(s, -ENOMEM, "delay: no memory");
}

/* ---- timeout ------------------------------------------------------------------------ */

struct timeout {
        uint64_t ns, until;
        bool waits; /* for the next item, until then */
        bool fell_back;
};

static int64_t timeout_pull(weft_stream_t *s, void *state, void *items, size_t n,
                            uint64_t deadline)
{
        struct timeout *t = state;
        if (t->fell_back)
                return weft_stream_get(s->up[1], items, n, deadline);
        if (!t->waits) {
                t->until = weft_stream_later_by(weft_stream_now(), t->ns);
                t->waits = true;
        }
        int64_t got = weft_stream_get(s->up[0], items, n,
                                      weft_stream_sooner(t->until, deadline));
        if (!weft_stream_later(got)) {
                t->waits = false;
                return got;
        }
        if (weft_stream_now() < t->until)
                return got;
        if (s->ups == 1)
                return -ETIME;
        weft_stream_cancel(s->up[0]);
        t->fell_back = true;
        return weft_stream_get(s->up[1], items, n, deadline);
}

static int timeout_rewind(weft_stream_t *s, void *state)
{
        struct timeout *t = state;
        (void)s;
        t->waits = t->fell_back = false;
        return 0;
}

static int timeout_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct timeout *t = state;
        if (t->fell_back)
                return weft_stream_waits(s->up[1], wait);
        if (!t->waits)
                return -ENOTSUP; /* its time begins with a pull */
        wait->until = weft_stream_sooner(wait->until, t->until);
        return weft_stream_waits(s->up[0], wait);
}

static const struct weft_stream_class timeout_class = { .name = "timeout",
                                                        .pull = timeout_pull,
                                                        .rewind = timeout_rewind,
                                                        .wait = timeout_wait };

weft_stream_t *weft_stream_timeout(weft_stream_t *up, uint64_t ns,
                                   weft_stream_t *fallback)
{
        weft_stream_t *const ups[2] = { up, fallback };
        struct timeout *t = NULL;
        weft_stream_t *s =
                weft_stream_make(&timeout_class, sizeof *t, ups, fallback ? 2 : 1,
                                 up ? up->item_bytes : 0, &t);
        if (!t)
                return s;
        if (fallback && fallback->item_bytes != up->item_bytes)
                return weft_stream_spoil(s, -EPROTO,
                                         "timeout: items of %u bytes, of the fallback %u",
                                         up->item_bytes, fallback->item_bytes);
        t->ns = ns;
        return s;
}
