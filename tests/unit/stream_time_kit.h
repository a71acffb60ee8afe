/* tests/unit/stream_time_kit.h -- what the tests of stream operators share: a clock that moves
 * when somebody waits, a source that gives items at times, and a check of what all
 * operators have in common. */
#ifndef WEFT_TESTS_STREAM_TIME_KIT_H
#define WEFT_TESTS_STREAM_TIME_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/stream.h>
#include <weft/stream_join.h>
#include <weft/stream_time.h>
#include <weft/stream_window.h>

#include "codata/stream_clock.h"
#include "tests/check.h"

/* ---- a random number ------------------------------------------------------------ */

static uint64_t kit_seed = 1;

static inline uint64_t kit_random(uint64_t below)
{
        kit_seed =
                kit_seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (kit_seed >> 33) % below;
}

/* ---- a clock that nobody has to wait for ----------------------------------------- */

#define KIT_BEGIN UINT64_C(1000000)

static uint64_t kit_now = KIT_BEGIN, kit_sleeps;

static inline uint64_t kit_clock_now(void)
{
        return kit_now;
}

static inline void kit_clock_sleep(uint64_t until)
{
        CHECK(until != WEFT_NEVER); /* nobody would wake him */
        kit_sleeps++;
        if (until > kit_now)
                kit_now = until;
}

static const struct weft_stream_clock kit_clock = { kit_clock_now, kit_clock_sleep };

/* ---- a source that gives numbers at times ------------------------------------------ */

enum { KIT_STEPS = 600 };

struct kit_script {
        struct {
                uint64_t at, value;
        } step[KIT_STEPS];
        size_t n;
        uint64_t end_at;
        int end;            /* 0 or an error, then */
        size_t at_once;     /* items in one pull; 0: random */
        size_t next;        /* what comes next */
        unsigned cancelled; /* how often */
        unsigned freed, begun;
        bool over; /* it has said so, or was cancelled: nobody may pull any more */
        bool no_restart;
        bool tells;     /* what it waits for */
        uint64_t begin; /* its times count from then */
};

static inline int64_t kit_pull(weft_stream_t *self, void *state, void *items, size_t n,
                               uint64_t deadline)
{
        struct kit_script *k = state;
        uint64_t *to = items;
        (void)self;
        CHECK(n > 0 && !k->over && !k->freed);
        size_t most = k->at_once ? k->at_once : 1 + kit_random(7);
        for (;;) {
                uint64_t next =
                        k->begin + (k->next < k->n ? k->step[k->next].at : k->end_at);
                size_t came = 0;
                while (came < n && came < most && k->next < k->n &&
                       k->begin + k->step[k->next].at <= kit_now)
                        to[came++] = k->step[k->next++].value;
                if (came)
                        return (int64_t)came;
                if (k->next == k->n && next <= kit_now) {
                        k->over = true;
                        return k->end;
                }
                if (deadline == WEFT_NOW)
                        return -EAGAIN;
                if (deadline < next) {
                        kit_now = deadline > kit_now ? deadline : kit_now;
                        return -ETIMEDOUT;
                }
                kit_now = next;
        }
}

static inline int kit_rewind(weft_stream_t *self, void *state)
{
        struct kit_script *k = state;
        (void)self;
        if (k->no_restart)
                return -ENOSPC;
        k->next = 0;
        k->over = false;
        k->begun++;
        k->begin = kit_now;
        return 0;
}

static inline void kit_cancel(weft_stream_t *self, void *state)
{
        struct kit_script *k = state;
        (void)self;
        k->cancelled++;
        k->over = true;
}

static inline void kit_free(weft_stream_t *self, void *state)
{
        struct kit_script *k = state;
        (void)self;
        k->freed++;
}

static inline int kit_wait(weft_stream_t *self, void *state,
                           struct weft_stream_wait *wait)
{
        struct kit_script *k = state;
        uint64_t at = k->begin + (k->next < k->n ? k->step[k->next].at : k->end_at);
        (void)self;
        if (k->tells)
                wait->until = weft_stream_sooner(wait->until, at);
        return k->tells ? 0 : -ENOTSUP;
}

static const struct weft_stream_class kit_class = { .name = "script",
                                                    .pull = kit_pull,
                                                    .rewind = kit_rewind,
                                                    .cancel = kit_cancel,
                                                    .free = kit_free,
                                                    .wait = kit_wait };

/* A stream of that script, from now on. */
static inline weft_stream_t *kit_stream(struct kit_script *k)
{
        k->next = 0;
        k->cancelled = k->freed = k->begun = 0;
        k->over = false;
        k->begin = kit_now;
        return weft_stream_new(&kit_class, k, NULL, 0, sizeof(uint64_t));
}

/* `n` numbers below `values`, each up to `apart` ns after the one before. */
static inline void kit_write(struct kit_script *k, size_t n, uint64_t values,
                             uint64_t apart)
{
        uint64_t at = 0;
        memset(k, 0, sizeof *k);
        CHECK(n <= KIT_STEPS);
        for (size_t i = 0; i < n; i++) {
                at += apart ? kit_random(apart + 1) : 0;
                k->step[i].at = at;
                k->step[i].value = values ? kit_random(values) : i;
        }
        k->n = n;
        k->tells = kit_random(2);
        k->end_at = at + (apart ? kit_random(apart + 1) : 0);
}

/* ---- running a stream ----------------------------------------------------------------- */

enum { KIT_BYTES = 1 << 16 };

struct kit_run {
        char out[KIT_BYTES];
        size_t n; /* items */
        int64_t end;
        unsigned late; /* pulls that timed out */
};

/* All that it gives. `chunk`: at most so many in a pull, 0: random. `patience`: ns of the
 * deadlines, up to so many; 0: WEFT_NEVER. */
static inline void kit_drain(weft_stream_t *s, struct kit_run *run, size_t chunk,
                             uint64_t patience)
{
        uint32_t bytes = weft_stream_item_bytes(s);
        run->n = run->late = 0;
        for (;;) {
                size_t n = chunk ? chunk : 1 + kit_random(40);
                uint64_t deadline =
                        patience ? kit_now + 1 + kit_random(patience) : WEFT_NEVER;
                if (n > KIT_BYTES / bytes - run->n)
                        n = KIT_BYTES / bytes - run->n;
                CHECK(n > 0);
                int64_t got = weft_stream_pull(s, run->out + run->n * bytes, n, deadline);
                if (got == -EAGAIN || got == -ETIMEDOUT) {
                        CHECK(patience && kit_now >= deadline);
                        run->late++;
                } else if (got <= 0) {
                        run->end = got;
                        break;
                } else {
                        CHECK((uint64_t)got <= n);
                        run->n += (size_t)got;
                }
        }
        CHECK(weft_stream_pull(s, run->out, 1, WEFT_NEVER) == run->end);
        CHECK(weft_stream_error(s) == run->end);
        weft_stream_cancel(s);
        CHECK(weft_stream_pull(s, run->out + run->n * bytes, 1, WEFT_NOW) == run->end);
}

static inline void kit_same(const struct kit_run *a, const struct kit_run *b,
                            size_t bytes)
{
        CHECK(a->n == b->n);
        CHECK(memcmp(a->out, b->out, a->n * bytes) == 0);
}

/*
 * What holds for each operator `of`, whatever the chunks and deadlines: it gives the same,
 * as `first` is told; an error comes after the same items, and so does what comes before a
 * cancel; it can begin again; and its source is freed once and never pulled too late.
 */
static inline void kit_laws(weft_stream_t *(*of)(weft_stream_t *), struct kit_script *k,
                            struct kit_run *first, uint64_t patience)
{
        static struct kit_run run;
        weft_stream_t *s = of(kit_stream(k));
        size_t bytes = weft_stream_item_bytes(s);
        CHECK(bytes > 0);
        kit_drain(s, first, 0, 0);
        CHECK(first->end == k->end && first->late == 0);
        CHECK(weft_stream_restart(s) == 0 && k->begun == 1);
        kit_drain(s, &run, 0, 0);
        kit_same(first, &run, bytes);
        weft_stream_free(s);
        CHECK(k->freed == 1 && k->over);
        for (size_t chunk = 0; chunk < 4; chunk++) {
                s = of(kit_stream(k));
                kit_drain(s, &run, chunk, chunk ? patience : 0);
                kit_same(first, &run, bytes);
                CHECK(run.end == k->end);
                weft_stream_free(s);
                CHECK(k->freed == 1);
        }
        int end = k->end;
        k->end = -EIO; /* an error after all of it */
        s = of(kit_stream(k));
        kit_drain(s, &run, 0, patience);
        kit_same(first, &run, bytes);
        CHECK(run.end == -EIO);
        weft_stream_free(s);
        k->end = end;
        s = of(kit_stream(k)); /* cancelled after some of it */
        for (size_t i = kit_random(first->n + 1); i;) {
                int64_t got = weft_stream_pull(s, run.out, 1 + kit_random(i), WEFT_NEVER);
                CHECK(got > 0 && (uint64_t)got <= i);
                i -= (size_t)got;
        }
        bool over = k->over;
        weft_stream_cancel(s);
        weft_stream_cancel(s);
        CHECK(weft_stream_pull(s, run.out, 1, WEFT_NEVER) == -ECANCELED);
        CHECK(weft_stream_error(s) == -ECANCELED);
        CHECK(k->cancelled == !over);
        CHECK(weft_stream_restart(s) == 0);
        kit_drain(s, &run, 0, 0);
        kit_same(first, &run, bytes);
        weft_stream_free(s);
        CHECK(k->freed == 1);
}

/* ---- functions -------------------------------------------------------------------------- */

static inline int64_t kit_copy(const void *in, size_t n, void *out, size_t room,
                               const void *argument)
{
        (void)argument;
        if (room < n)
                return -EOVERFLOW;
        memcpy(out, in, n * sizeof(uint64_t));
        return (int64_t)n;
}

/* How many, first, last, sum: a window as one item. */
struct kit_window {
        uint64_t n, first, last, sum;
};

static inline int64_t kit_sum_up(const void *in, size_t n, void *out, size_t room,
                                 const void *argument)
{
        const uint64_t *from = in;
        struct kit_window w = { n, from[0], from[n - 1], 0 };
        (void)argument;
        CHECK(n > 0 && room > 0);
        for (size_t i = 0; i < n; i++)
                w.sum += from[i];
        memcpy(out, &w, sizeof w);
        return 1;
}

static inline int kit_setup(void **state)
{
        (void)state;
        weft_stream_clock = &kit_clock;
        kit_now = KIT_BEGIN;
        return 0;
}

#endif
