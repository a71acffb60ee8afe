/* tests/unit/hot_stream_test.c -- hot streams and cold ones: source, sink, drivers, share. */
#define _GNU_SOURCE
#include <weft/function.h>

#include "tests/unit/hot_kit.h"

enum { ALL = 5000 };

/* ---- the source -------------------------------------------------------------------- */

static void a_hot_stream_is_a_source(void **state)
{
        static const int ends[] = { 0, -EIO, -ETIMEDOUT };
        uint64_t items[8], n;
        (void)state;
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
                weft_hot_t *hot = make(8, 8, BLOCK, ONE);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                put_all(hot, 0, 5);
                weft_stream_t *cold = weft_stream_of_hot(s, 0);
                CHECK(weft_stream_item_bytes(cold) == 8);
                CHECK(weft_stream_pull(cold, items, 3, WEFT_NOW) == 3 && items[2] == 2);
                CHECK(weft_stream_pull(cold, items, 8, WEFT_NEVER) == 2 && items[1] == 4);
                CHECK(weft_stream_pull(cold, items, 8, WEFT_NOW) == -EAGAIN);
                CHECK(weft_stream_pull(cold, items, 8, weft_after(WEFT_MSEC)) ==
                      -ETIMEDOUT);
                CHECK(weft_stream_restart(cold) == -ENOTSUP);
                put_all(hot, 5, 7);
                CHECK(weft_hot_finish(hot, ends[i]) == 0);
                n = 0;
                int rc = weft_stream_collect(cold, items, 8, &n, WEFT_NEVER);
                CHECK(rc == (ends[i] == -ETIMEDOUT ? -ECANCELED : ends[i]) && n == 2);
                CHECK(items[0] == 5 && items[1] == 6);
                CHECK(none(s, WEFT_NOW) == ends[i]); /* it is the caller's still */
                weft_hot_unsubscribe(s);
                drop(hot);
        }
        weft_stream_t *none_of = weft_stream_of_hot(NULL, 0);
        CHECK(weft_stream_error(none_of) == -EINVAL);
        weft_stream_free(none_of);
}

static void what_is_lost_is_passed_over_or_the_end(void **state)
{
        uint64_t items[8], n = 0;
        (void)state;
        for (int strict = 0; strict < 2; strict++) {
                weft_hot_t *hot = make(4, 8, DROP, MANY);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                put_all(hot, 0, 10);
                CHECK(weft_hot_finish(hot, 0) == 0);
                weft_stream_t *cold =
                        weft_stream_of_hot(s, strict ? WEFT_HOT_LOSS_FAILS : 0);
                n = 0;
                int rc = weft_stream_collect(cold, items, 8, &n, WEFT_NEVER);
                CHECK(rc == (strict ? -EOVERFLOW : 0) && n == (strict ? 0 : 4));
                CHECK(strict || items[0] == 6);
                CHECK(weft_hot_lost(s) == 6);
                weft_hot_unsubscribe(s);
                drop(hot);
        }
}

static void *drive_and_die(void *hot)
{
        CHECK(weft_hot_claim(hot, NULL, WEFT_NOW) == 0);
        put_all(hot, 0, 2);
        return NULL;
}

static void a_drivers_death_ends_the_source(void **state)
{
        uint64_t items[8], n = 0;
        pthread_t thread;
        (void)state;
        weft_hot_t *hot = make(8, 8, BLOCK, ONE);
        weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
        weft_hot_subscriber_t *patient = join(hot, OLDEST, 0);
        CHECK(weft_hot_patient(patient, 1) == 0);
        CHECK(pthread_create(&thread, NULL, drive_and_die, hot) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(weft_stream_collect(weft_stream_of_hot(s, 0), items, 8, &n, WEFT_NEVER) ==
              -EOWNERDEAD);
        CHECK(n == 2);
        weft_stream_t *cold = weft_stream_of_hot(patient, 0);
        n = 0;
        CHECK(weft_stream_collect(cold, items, 8, &n, weft_after(WEFT_MSEC)) ==
              -ETIMEDOUT);
        put_all(hot, 2, 3);
        CHECK(weft_hot_finish(hot, 0) == 0);
        CHECK(weft_stream_collect(cold, items, 8, &n, WEFT_NEVER) == 0 && n == 3);
        weft_hot_unsubscribe(s);
        weft_hot_unsubscribe(patient);
        drop(hot);
}

/* ---- the sink -------------------------------------------------------------------------- */

static void a_hot_stream_is_a_sink(void **state)
{
        uint64_t n = 0;
        (void)state;
        weft_hot_t *hot = make(8, 8, BLOCK, MANY);
        weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
        weft_stream_t *cold = weft_stream_range(0, 20, 1);
        CHECK(weft_stream_to_hot(cold, hot, &n, WEFT_NOW) == -EAGAIN && n == 8);
        get_all(s, 0, 3);
        CHECK(weft_stream_to_hot(cold, hot, &n, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
        CHECK(n == 11);
        get_all(s, 3, 11);
        CHECK(weft_stream_to_hot(cold, hot, &n, WEFT_NOW) == -EAGAIN && n == 19);
        get_all(s, 11, 19);
        CHECK(weft_stream_to_hot(cold, hot, &n, WEFT_NOW) == 0 && n == 20);
        get_all(s, 19, 20);
        CHECK(none(s, WEFT_NOW) == -EAGAIN); /* it has not ended */
        CHECK(weft_stream_to_hot(weft_stream_failed(-EIO), hot, NULL, WEFT_NOW) == -EIO);
        CHECK(weft_stream_to_hot(NULL, hot, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_to_hot(weft_stream_range(0, 1, 1), NULL, NULL, WEFT_NOW) ==
              -EINVAL);
        CHECK(weft_stream_to_hot(weft_stream_array("abcd", 1, 4), hot, NULL, WEFT_NOW) ==
              -EPROTO);
        CHECK(strstr(weft_stream_detail(), "8 bytes") &&
              strstr(weft_stream_detail(), "of 4"));
        CHECK(weft_hot_finish(hot, 0) == 0);
        CHECK(weft_stream_to_hot(weft_stream_range(0, 1, 1), hot, NULL, WEFT_NOW) ==
              -EPIPE);
        weft_hot_unsubscribe(s);
        drop(hot);
}

/* ---- drive ------------------------------------------------------------------------------- */

static void a_cold_stream_drives_a_hot_one_to_its_end(void **state)
{
        uint64_t n = 0;
        (void)state;
        EACH_MODE(m)
        {
                if (m->bytes != 8 || m->policy != BLOCK)
                        continue;
                weft_hot_t *hot = make(8, 8, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                weft_stream_t *cold = weft_stream_range(0, 10, 1);
                n = 0;
                CHECK(weft_hot_drive(hot, cold, &n, 0, WEFT_NOW) == -EAGAIN && n == 8);
                CHECK(!info_of(hot).driver && !info_of(hot).driver_died);
                CHECK(!info_of(hot).producer);
                get_all(s, 0, 8);
                CHECK(weft_hot_claim(hot, NULL, WEFT_NOW) == 0); /* and it is kept */
                CHECK(weft_hot_drive(hot, cold, &n, WEFT_HOT_SKIP, WEFT_NOW) == 0);
                CHECK(n == 10 && info_of(hot).driver == (uint32_t)getpid());
                CHECK(weft_hot_yield(hot) == 0);
                get_all(s, 8, 10);
                CHECK(none(s, WEFT_NOW) == 0);
                CHECK(weft_hot_drive(hot, weft_stream_range(0, 3, 1), NULL, 0,
                                     WEFT_NOW) == 0); /* as it has ended */
                weft_hot_unsubscribe(s);
                drop(hot);
        }
        weft_hot_t *hot = make(8, 8, DROP, ONE);
        CHECK(weft_hot_drive(hot, weft_stream_failed(-EIO), NULL, 0, WEFT_NOW) == -EIO);
        CHECK(!info_of(hot).ended); /* it has not begun */
        CHECK(weft_hot_drive(hot, weft_stream_range(0, 1, 1), NULL, 8, WEFT_NOW) ==
              -EINVAL);
        CHECK(weft_hot_drive(hot, weft_stream_array("abcd", 1, 4), NULL, 0, WEFT_NOW) ==
              -EPROTO);
        CHECK(weft_hot_drive(NULL, weft_stream_range(0, 1, 1), NULL, 0, WEFT_NOW) ==
              -EINVAL);
        CHECK(weft_hot_drive(hot, NULL, NULL, 0, WEFT_NOW) == -EINVAL);
        drop(hot);
}

static int no_more(const void *in, void *out, const void *argument)
{
        uint64_t x;
        (void)argument;
        memcpy(&x, in, sizeof x);
        memcpy(out, in, sizeof x);
        return x < 3 ? 0 : -ERANGE;
}

static void errors_travel(void **state)
{
        (void)state;
        weft_hot_t *hot = make(8, 8, DROP, ONE);
        weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
        weft_stream_t *cold = weft_stream_range(0, 10, 1);
        cold = weft_stream_map(cold, weft_call_item(no_more, 8, 8, NULL));
        CHECK(weft_hot_drive(hot, cold, NULL, 0, WEFT_NEVER) == -ERANGE);
        get_all(s, 0, 3);
        CHECK(none(s, WEFT_NOW) == -ERANGE);
        CHECK(weft_hot_drive(hot, weft_stream_range(0, 3, 1), NULL, 0, WEFT_NOW) ==
              -ERANGE);
        weft_hot_unsubscribe(s);
        drop(hot);
}

/* Somebody emits already, who does not drive. */
static void *emit_too(void *hot)
{
        CHECK(weft_hot_drive(hot, weft_stream_range(0, 3, 1), NULL, 0, WEFT_NOW) ==
              -EBUSY);
        return NULL;
}

static void a_foreign_producer_is_told_of(void **state)
{
        pthread_t thread;
        (void)state;
        weft_hot_t *hot = make(8, 8, DROP, ONE);
        put_all(hot, 0, 1);
        CHECK(pthread_create(&thread, NULL, emit_too, hot) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        put_all(hot, 1, 2);
        CHECK(!info_of(hot).ended && !info_of(hot).driver && !info_of(hot).driver_died);
        drop(hot);
}

static void drive_elsewhere(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_hot_t *hot = open_in(a);
        int rc = weft_hot_drive(hot, weft_stream_range(0, ALL, 1), NULL, WEFT_HOT_SKIP,
                                WEFT_NEVER);
        CHECK(rc == 0);
        weft_hot_close(hot);
        weft_arena_close(a);
}

/* Each of them is killed somewhere; somebody always stands by. */
static void drivers_die_and_nobody_sees_it(void **state)
{
        enum { DRIVERS = 4 };
        pid_t pid[DRIVERS];
        uint64_t x, sequence, lost, at = 0;
        int rc, next = 0;
        (void)state;
        weft_hot_t *hot = make(16, 8, BLOCK, ONE);
        weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
        for (int i = 0; i < DRIVERS; i++) {
                pid[i] = child_start(drive_elsewhere, NULL);
                while (info_of(hot).standing_by < (uint32_t)i)
                        usleep(100);
                while (!info_of(hot).driver)
                        usleep(100);
        }
        usleep(2000);
        while ((rc = weft_hot_next(s, &x, &sequence, &lost, soon())) == 1) {
                CHECK(x == at && sequence == at && !lost);
                at++;
                if (next + 1 < DRIVERS && at == (uint64_t)(next + 1) * 1000) {
                        uint32_t driver = info_of(hot).driver;
                        for (int i = 0; i < DRIVERS; i++)
                                if ((uint32_t)pid[i] == driver) {
                                        CHECK(child_kill(pid[i]) == -SIGKILL);
                                        pid[i] = 0;
                                }
                        next++;
                }
        }
        CHECK(rc == 0 && at == ALL);
        CHECK(info_of(hot).taken_over == DRIVERS - 1);
        for (int i = 0; i < DRIVERS; i++)
                assert_int_equal(pid[i] ? child_end(pid[i]) : 0, 0);
        weft_hot_unsubscribe(s);
        drop(hot);
}

/* ---- share ---------------------------------------------------------------------------------- */

static const struct weft_hot_options as_it_is = { .capacity = 16, .flags = ONE };

static weft_hot_t *share(weft_arena_t *a, weft_stream_t *cold)
{
        weft_hot_t *hot = NULL;
        CHECK(weft_stream_share(cold, a, "h", &as_it_is, WEFT_HOT_SKIP, &hot) == 0);
        return hot;
}

static void shared_it_is_driven_by_a_thread(void **state)
{
        uint64_t x;
        (void)state;
        weft_hot_t *hot = share(arena, weft_stream_range(0, 12, 1));
        while (!info_of(hot).ended)
                usleep(100);
        CHECK(weft_hot_unshare(hot) == 0);
        CHECK(weft_hot_unshare(hot) == -EINVAL);
        CHECK(weft_hot_unshare(NULL) == -EINVAL);
        weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
        get_all(s, 0, 12);
        CHECK(weft_hot_next(s, &x, NULL, NULL, WEFT_NOW) == 0);
        weft_hot_unsubscribe(s);
        drop(hot);
        hot = (void *)&x;
        CHECK(weft_stream_share(NULL, arena, "h", &as_it_is, 0, &hot) == -EINVAL && !hot);
        CHECK(weft_stream_share(weft_stream_range(0, 1, 1), arena, "h", NULL, 0, &hot) ==
              -EINVAL);
        CHECK(weft_stream_share(weft_stream_range(0, 1, 1), arena, "h", &as_it_is, 0,
                                NULL) == -EINVAL);
        CHECK(weft_stream_share(weft_stream_range(0, 1, 1), arena, "h", &as_it_is, 9,
                                &hot) == -EINVAL);
        CHECK(weft_stream_share(weft_stream_failed(-EIO), arena, "h", &as_it_is, 0,
                                &hot) == -EIO);
}

static void a_share_is_ended_while_it_drives_or_stands_by(void **state)
{
        (void)state;
        for (int first = 0; first < 2; first++) {
                uint64_t x, at = 0;
                weft_hot_t *a = share(arena, weft_stream_range(0, UINT64_MAX, 1));
                while (!info_of(a).driver)
                        usleep(100);
                weft_hot_t *b = share(arena, weft_stream_range(0, UINT64_MAX, 1));
                weft_hot_subscriber_t *s = join(b, NEW, 0);
                while (!info_of(a).standing_by)
                        usleep(100);
                if (first) {
                        CHECK(weft_hot_unshare(a) == -ECANCELED); /* the other goes on */
                        CHECK(weft_hot_next(s, &x, &at, NULL, soon()) == 1 && x == at);
                        for (int i = 0; i < 100; i++)
                                CHECK(weft_hot_next(s, &x, NULL, NULL, soon()) == 1 &&
                                      x == ++at);
                        CHECK(weft_hot_unshare(b) == -ECANCELED);
                } else {
                        CHECK(weft_hot_unshare(b) == -ECANCELED);
                        CHECK(info_of(a).standing_by == 0 && info_of(a).driver);
                        weft_hot_close(a); /* yields */
                        a = NULL;
                }
                CHECK(!info_of(b).driver && !info_of(b).driver_died && !info_of(b).ended);
                weft_hot_unsubscribe(s);
                weft_hot_close(a);
                drop(b);
        }
}

static void forget_the_share(void *hot)
{
        CHECK(weft_hot_unshare(hot) == -EINVAL);
        weft_hot_close(hot);
}

static void a_child_shares_nothing(void **state)
{
        (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(WEFT_TSAN)
        skip(); /* of a process with threads */
#endif
        weft_hot_t *hot = share(arena, weft_stream_range(0, UINT64_MAX, 1));
        while (!info_of(hot).driver)
                usleep(100);
        assert_int_equal(child_run(forget_the_share, hot), 0);
        CHECK(info_of(hot).driver == (uint32_t)getpid());
        CHECK(weft_hot_unshare(hot) == -ECANCELED);
        drop(hot);
}

/* ---- the same, cold and hot ---------------------------------------------------------------- */

enum { LAW_ITEMS = 700 };
static uint64_t law[LAW_ITEMS];

static int odd(const void *in, void *out, const void *argument)
{
        (void)out, (void)argument;
        return *(const uint64_t *)in % 2 ? 0 : 1;
}

static int times3(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(uint64_t *)out = *(const uint64_t *)in * 3;
        return 0;
}

static int add(const void *in, void *sum, const void *argument)
{
        (void)argument;
        *(uint64_t *)sum += *(const uint64_t *)in;
        return 0;
}

/* Sums of three times the odd ones, without the first two. */
static uint64_t run_law(weft_stream_t *s, uint64_t *out)
{
        uint64_t n = 0, zero = 0;
        s = weft_stream_filter(s, weft_call_item(odd, 8, 8, NULL));
        s = weft_stream_map(s, weft_call_item(times3, 8, 8, NULL));
        s = weft_stream_scan(s, weft_call_item(add, 8, 8, NULL), &zero);
        s = weft_stream_skip(s, 2);
        CHECK(weft_stream_collect(s, out, LAW_ITEMS, &n, WEFT_NEVER) == 0);
        return n;
}

static uint64_t run_loop(uint64_t n, uint64_t *out)
{
        uint64_t sum = 0, seen = 0, given = 0;
        for (uint64_t i = 0; i < n; i++)
                if (law[i] % 2) {
                        sum += law[i] * 3;
                        if (++seen > 2)
                                out[given++] = sum;
                }
        return given;
}

struct law_feed {
        weft_hot_t *hot;
        uint64_t n;
};

static void feed(void *context)
{
        const struct law_feed *f = context;
        CHECK(weft_stream_to_hot(weft_stream_array(law, f->n, 8), f->hot, NULL,
                                 WEFT_NEVER) == 0);
        CHECK(weft_hot_finish(f->hot, 0) == 0);
}

static void cold_is_hot_is_a_loop(void **state)
{
        static uint64_t cold[LAW_ITEMS], hot[LAW_ITEMS], loop[LAW_ITEMS];
        uint64_t x = (uint64_t)getpid() * 2654435761u | 1;
        (void)state;
        for (int round = 0; round < 8; round++) {
                struct law_feed f = { .hot = make(16, 8, BLOCK, ONE) };
                weft_hot_subscriber_t *s = join(f.hot, OLDEST, 0);
                f.n = (x >> 20) % (LAW_ITEMS + 1);
                for (uint64_t i = 0; i < f.n; i++)
                        law[i] = x = x * 6364136223846793005u + 1442695040888963407u;
                pid_t child = child_start(feed, &f);
                uint64_t n = run_loop(f.n, loop);
                CHECK(run_law(weft_stream_of_hot(s, 0), hot) == n);
                CHECK(run_law(weft_stream_array(law, f.n, 8), cold) == n);
                CHECK(memcmp(hot, loop, n * 8) == 0 && memcmp(cold, loop, n * 8) == 0);
                CHECK(child_end(child) == 0);
                weft_hot_unsubscribe(s);
                drop(f.hot);
                x ^= x >> 12 | 1;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_hot_stream_is_a_source),
                TEST(what_is_lost_is_passed_over_or_the_end),
                TEST(a_drivers_death_ends_the_source),
                TEST(a_hot_stream_is_a_sink),
                TEST(a_cold_stream_drives_a_hot_one_to_its_end),
                TEST(errors_travel),
                TEST(a_foreign_producer_is_told_of),
                TEST(drivers_die_and_nobody_sees_it),
                TEST(shared_it_is_driven_by_a_thread),
                TEST(a_share_is_ended_while_it_drives_or_stands_by),
                TEST(a_child_shares_nothing),
                TEST(cold_is_hot_is_a_loop),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
