/* codata/stream_sink.c -- where streams end: in this process's memory. */
#include <stdlib.h>

#include <weft/error.h>

#include "codata/stream_internal.h"

/* ---- what sinks share ------------------------------------------------------------- */

static void *sink_buffer(weft_stream_t *s)
{
        if (!s->back)
                s->back = weft_stream_buffer(s->chunk, s->item_bytes);
        return s->back;
}

void weft_stream_put_back(weft_stream_t *s, size_t at, size_t n)
{
        if (!n || s->over <= 0)
                return;
        s->back_at = at;
        s->back_n = n;
        s->over = WEFT_STREAM_OWES;
}

int64_t weft_stream_sunk(weft_stream_t *s, int64_t rc)
{
        if (weft_stream_later(rc))
                s->hurried = false;
        else
                weft_stream_free(s);
        return rc;
}

/* What was pulled before has been through: 0, or an error of the stream. */
static int done_with(weft_stream_t *s)
{
        int rc = s->leases ? weft_stream_ack(s) : 0;
        return weft_stream_later(rc) ? -ECANCELED : rc;
}

static int64_t pull_chunk(weft_stream_t *s, void *items, size_t n, uint64_t deadline)
{
        if (n > s->chunk)
                n = s->chunk;
        if (s->leases && n > WEFT_STREAM_LEASED) /* others want some, too */
                n = WEFT_STREAM_LEASED;
        if (deadline == WEFT_NEVER || deadline == WEFT_NOW || weft_now() < deadline)
                return weft_stream_get(s, items, n, deadline);
        /* Too late; but each call of a sink gets one chunk if it is there, so that calls
         * that are all too late come to an end. */
        int64_t got = -EAGAIN;
        s->hurried = !s->hurried;
        if (s->hurried)
                got = weft_stream_get(s, items, n, WEFT_NOW);
        if (got != -EAGAIN)
                return got;
        return -ETIMEDOUT;
}

/* At most `n`. */
static int64_t sip_some(weft_stream_t *s, void **items, size_t n, uint64_t deadline)
{
        if (s->over <= 0)
                return s->over;
        *items = sink_buffer(s);
        if (!*items)
                return -ENOMEM;
        int rc = done_with(s);
        if (rc)
                return rc;
        int64_t got = pull_chunk(s, *items, n, deadline);
        /* Before the end there may have been items that nothing came of: done with, too. */
        return got ? got : done_with(s);
}

int64_t weft_stream_sip(weft_stream_t *s, void **items, uint64_t deadline)
{
        return sip_some(s, items, SIZE_MAX, deadline);
}

/* 0, or why a sink cannot begin. */
static int sink_check(weft_stream_t *s, const char *who, struct weft_call *f, bool others)
{
        uint64_t tag = 0;
        if (!s || !others) {
                weft_stream_say("%s: an argument is NULL", who);
                return -EINVAL;
        }
        if (weft_stream_broken(s))
                return s->over;
        return f ? weft_stream_resolve(s, who, f, &tag) : 0;
}

int weft_stream_next(weft_stream_t *s, void *item, uint64_t deadline)
{
        if (!s || !item)
                return -EINVAL;
        if (s->over == WEFT_STREAM_OWES && s->back_n)
                return (int)weft_stream_slow_pull(s, item, 1, deadline);
        if (s->over <= 0)
                return s->over;
        int rc = weft_stream_ack(s);
        if (rc)
                return rc;
        if (s->leases) /* what we do not give is not ours to pull */
                return (int)weft_stream_get(s, item, 1, deadline);
        void *items = sink_buffer(s);
        if (!items)
                return -ENOMEM;
        int64_t got = weft_stream_get(s, items, s->chunk, deadline);
        if (got <= 0)
                return (int)got;
        memcpy(item, items, s->item_bytes);
        weft_stream_put_back(s, 1, (size_t)got - 1);
        return 1;
}

/* ---- fold, for_each ------------------------------------------------------------------ */

/* 0: go on; 1: enough; or an error. `*n` counts those that were called for. */
static inline __attribute__((always_inline)) int each_sized(const struct weft_call *f,
                                                            const char *in, size_t n,
                                                            void *to, size_t bytes,
                                                            uint64_t *done)
{
        weft_item_fn *item = f->item;
        const void *argument = f->argument;
#pragma GCC unroll 4
        for (size_t i = 0; i < n; i++, in += bytes) {
                int rc = item(in, to, argument);
                if (__builtin_expect(rc, 0)) {
                        *done += i + (rc == 1);
                        return rc == 1 ? 1 : weft_stream_blame(rc);
                }
        }
        *done += n;
        return 0;
}

static int each(const struct weft_call *f, const char *in, size_t n, void *to,
                uint64_t *done)
{
        if (!f->chunk)
                return f->in_bytes == 8 ? each_sized(f, in, n, to, 8, done)
                                        : each_sized(f, in, n, to, f->in_bytes, done);
        int64_t rc = f->chunk(in, n, to, to ? 1 : 0, f->argument);
        if (rc < 0 || (to && rc > 1))
                return weft_stream_blame(rc);
        *done += n;
        return to && !rc;
}

static int run(weft_stream_t *s, const struct weft_call *f, void *to, uint64_t *n,
               uint64_t deadline)
{
        void *items = NULL;
        int64_t rc = 0, got = 0;
        uint64_t before = 0;
        /* Who may have seen enough after any item has not seen those behind it. */
        size_t some = s->leases && f->item ? 1 : SIZE_MAX;
        while (!rc) {
                before = *n;
                got = sip_some(s, &items, some, deadline);
                if (got <= 0) {
                        rc = got;
                        break;
                }
                rc = each(f, items, (size_t)got, to, n);
                if (rc < 0)
                        weft_stream_say("%s: %s", to ? "fold" : "for_each",
                                        weft_strerror((int)rc));
        }
        if (rc == 1) /* seen enough; if not all of this chunk, it comes back as a whole */
                rc = *n - before == (uint64_t)got ? weft_stream_ack(s) : 0;
        return (int)weft_stream_sunk(s, rc);
}

int weft_stream_fold(weft_stream_t *s, struct weft_call f, void *accumulator,
                     uint64_t deadline)
{
        uint64_t n = 0;
        int rc = sink_check(s, "fold", &f, accumulator != NULL);
        return rc ? (int)weft_stream_sunk(s, rc) : run(s, &f, accumulator, &n, deadline);
}

int weft_stream_for_each(weft_stream_t *s, struct weft_call f, uint64_t *n,
                         uint64_t deadline)
{
        uint64_t unasked = 0;
        int rc = sink_check(s, "for_each", &f, true);
        return rc ? (int)weft_stream_sunk(s, rc)
                  : run(s, &f, NULL, n ? n : &unasked, deadline);
}

static int64_t nothing(const void *in, size_t n, void *out, size_t room,
                       const void *argument)
{
        (void)in, (void)n, (void)out, (void)room, (void)argument;
        return 0;
}

int weft_stream_count(weft_stream_t *s, uint64_t *n, uint64_t deadline)
{
        return weft_stream_for_each(s, weft_call_chunk(nothing, 0, 0, NULL), n, deadline);
}

/* ---- collect --------------------------------------------------------------------------- */

int weft_stream_collect(weft_stream_t *s, void *items, size_t room, uint64_t *n,
                        uint64_t deadline)
{
        uint64_t unasked = 0;
        int64_t rc = sink_check(s, "collect", NULL, items || !room);
        n = n ? n : &unasked;
        while (!rc) {
                void *more = NULL;
                char *to = (char *)items + *n * (s ? s->item_bytes : 0);
                size_t some =
                        s->leases ? room - *n + 1 : SIZE_MAX; /* is there one more? */
                int64_t got = sip_some(s, &more, some, deadline);
                if (got <= 0) {
                        rc = got;
                        break;
                }
                size_t fits = room - *n < (uint64_t)got ? room - *n : (size_t)got;
                if (fits)
                        memcpy(to, more, fits * s->item_bytes);
                *n += fits;
                if (fits < (uint64_t)got)
                        rc = -EOVERFLOW;
        }
        return (int)weft_stream_sunk(s, rc);
}

/* The memory of `n` items is that of the next power of two: no size need be remembered. */
static int more_room(void **items, uint64_t n, uint64_t more, uint32_t bytes)
{
        uint64_t had = 64, need = 64;
        while (had < n)
                had *= 2;
        while (need < n + more)
                need *= 2;
        if (*items && need == had)
                return 0;
        if (need > PTRDIFF_MAX / bytes)
                return -ENOMEM;
        int saved = errno;
        void *now = realloc(*items, need * bytes);
        errno = saved;
        if (!now)
                return -ENOMEM;
        *items = now;
        return 0;
}

int weft_stream_collect_new(weft_stream_t *s, void **items, uint64_t *n,
                            uint64_t deadline)
{
        int64_t rc = sink_check(s, "collect", NULL, items && n);
        while (!rc) {
                void *more = NULL;
                int64_t got = weft_stream_sip(s, &more, deadline);
                if (got <= 0) {
                        rc = got;
                        break;
                }
                rc = more_room(items, *n, (uint64_t)got, s->item_bytes);
                if (!rc) {
                        memcpy((char *)*items + *n * s->item_bytes, more,
                               (size_t)got * s->item_bytes);
                        *n += (uint64_t)got;
                }
        }
        return (int)weft_stream_sunk(s, rc);
}

/* ---- first, last ------------------------------------------------------------------------ */

int weft_stream_first(weft_stream_t *s, void *item, uint64_t deadline)
{
        int64_t rc = sink_check(s, "first", NULL, item != NULL);
        if (!rc)
                rc = weft_stream_get(s, item, 1, deadline);
        if (rc == 1) {
                int acked = weft_stream_ack(s);
                rc = acked ? acked : 1;
        }
        return (int)weft_stream_sunk(s, rc);
}

int weft_stream_last(weft_stream_t *s, void *item, uint64_t *n, uint64_t deadline)
{
        int64_t rc = sink_check(s, "last", NULL, item && n);
        while (!rc) {
                void *items = NULL;
                int64_t got = weft_stream_sip(s, &items, deadline);
                if (got <= 0) {
                        rc = got ? got : *n ? 1 : 0;
                        break;
                }
                memcpy(item, (char *)items + ((size_t)got - 1) * s->item_bytes,
                       s->item_bytes);
                *n += (uint64_t)got;
        }
        return (int)weft_stream_sunk(s, rc);
}
