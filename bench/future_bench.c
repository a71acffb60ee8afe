/* bench/future_bench.c -- a future's life, and how fast who waits for one is told. */
#define _GNU_SOURCE
#include <weft/future.h>

#include "bench/sync_peers.h"

enum { FUTURES = SYNC_NAPS + 2 }; /* one for each call */

static weft_future_t *futures[FUTURES]; /* made before the workers are forked */

/* ---- told that it is set ----------------------------------------------------------- */

static int make_many(struct sync_set *set)
{
        int rc = 0;
        for (unsigned i = 0; i < FUTURES && !rc; i++)
                rc = weft_future_create(set->arena, NULL, NULL, &futures[i]);
        return bench_weft(rc, "weft_future_create");
}

static void drop_many(struct sync_set *set)
{
        (void)set;
        for (unsigned i = 0; i < FUTURES; i++) {
                weft_future_close(futures[i]);
                futures[i] = NULL;
        }
}

static void future_call(const struct sync_set *set, uint64_t i, uint64_t now)
{
        (void)set;
        SYNC_MUST(weft_future_set(futures[i], &now, sizeof now));
}

static uint64_t future_answer(const struct sync_set *set)
{
        static unsigned next;
        uint64_t called = 0;
        (void)set;
        int64_t n = weft_future_get(futures[next++], &called, sizeof called, WEFT_NEVER);
        BENCH_CHECK(n == sizeof called);
        return called;
}

static int make_semaphore(struct sync_set *set)
{
        struct weft_semaphore_options options = { 0 };
        weft_semaphore_t *s = NULL;
        int rc = weft_semaphore_create(set->arena, "bench", &options, &s);
        set->object[0] = s;
        return bench_weft(rc, "weft_semaphore_create");
}

static void drop_semaphore(struct sync_set *set)
{
        weft_semaphore_close(set->object[0]);
}

static void semaphore_call(const struct sync_set *set, uint64_t i, uint64_t now)
{
        (void)i;
        atomic_store(&set->sh->stamp, now);
        SYNC_MUST(weft_semaphore_post(set->object[0]));
}

static uint64_t semaphore_answer(const struct sync_set *set)
{
        SYNC_MUST(weft_semaphore_wait(set->object[0], WEFT_NEVER));
        return atomic_load(&set->sh->stamp);
}

SYNC_CALLS(future_wake, future_call, future_answer)
SYNC_CALLS(semaphore_wake, semaphore_call, semaphore_answer)

/* ---- alone --------------------------------------------------------------------------- */

static int make_none(struct sync_set *set)
{
        (void)set;
        return 0;
}

static void drop_none(struct sync_set *set)
{
        (void)set;
}

static void life(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 64; i++, n++) {
                        weft_future_t *f;
                        uint64_t got = 0;
                        SYNC_MUST(weft_future_create(set->arena, NULL, NULL, &f));
                        SYNC_MUST(weft_future_set(f, &n, sizeof n));
                        BENCH_CHECK(weft_future_get(f, &got, sizeof got, WEFT_NOW) == 8);
                        BENCH_CHECK(got == n);
                        weft_future_close(f);
                }
        w->slot->count = n;
}

static int make_set_one(struct sync_set *set)
{
        uint64_t value = 42;
        int rc = weft_future_create(set->arena, NULL, NULL, &futures[0]);
        if (!rc)
                rc = weft_future_set(futures[0], &value, sizeof value);
        return bench_weft(rc, "weft_future_set");
}

static void drop_one(struct sync_set *set)
{
        (void)set;
        weft_future_close(futures[0]);
}

static void get(struct bench_worker *w, void *context)
{
        uint64_t n = 0;
        (void)context;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 256; i++, n++) {
                        uint64_t got = 0;
                        int64_t rc =
                                weft_future_get(futures[0], &got, sizeof got, WEFT_NOW);
                        BENCH_CHECK(rc == 8 && got == 42);
                }
        w->slot->count = n;
}

static int is_fine(struct sync_set *set, const struct bench_crew *crew)
{
        (void)set;
        return crew->slot[0].count ? 0 : bench_wrong("nothing was done");
}

#define SIDE(variable, label, ...) \
        static const struct sync_kind variable##_kind = { __VA_ARGS__, false, 0 }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }

SIDE(wake_future, "weft", make_many, drop_many, future_wake, sync_verify_trips,
     SYNC_VALUE_1, 2);
SIDE(wake_semaphore, "weft semaphore", make_semaphore, drop_semaphore, semaphore_wake,
     sync_verify_trips, SYNC_VALUE_1, 2);
SIDE(life_future, "weft", make_none, drop_none, life, is_fine, SYNC_NS, 1);
SIDE(get_future, "weft", make_set_one, drop_one, get, is_fine, SYNC_NS, 1);

static const struct bench_row rows[] = {
        { "future.wake", "from the set to the get of one who sleeps", "ns", &wake_future,
          &wake_semaphore, 1.2, BENCH_LOWER, 0 },
        { "future.get", "get what has been set", "ns", &get_future, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "future.life", "an anonymous one: create, set, get, close", "ns", &life_future,
          NULL, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(future, rows);
