/* tests/unit/stream_parallel_test.c -- map by a group: order, errors, workers who die. */
#define _GNU_SOURCE
#include "tests/unit/queue_kit.h"
#include "tests/unit/stream_ops.h"

#include <weft/future.h>
#include <weft/group.h>

#define N 2000

static uint64_t numbers[N], out[2 * N];
static struct {
        volatile uint64_t kills, runs;
} * page; /* shared */

static int times3(const void *in, void *to, const void *argument)
{
        uint64_t add = 0;
        if (argument)
                memcpy(&add, argument, sizeof add);
        *(uint64_t *)to = NUMBER(in) * 3 + add;
        return 0;
}

static int dies_at_100(const void *in, void *to, const void *argument)
{
        (void)argument;
        if (NUMBER(in) == 100 && page->kills) {
                page->kills--;
                raise(SIGKILL);
        }
        *(uint64_t *)to = NUMBER(in) * 3;
        return 0;
}

static int fails_at_100(const void *in, void *to, const void *argument)
{
        (void)argument;
        *(uint64_t *)to = NUMBER(in) * 3;
        return NUMBER(in) == 100 ? -EDOM : NUMBER(in) % 2 ? 1 : 0;
}

#define U64 WEFT_TYPE(uint64_t, NULL)
WEFT_FUNCTION_ITEM("parallel.times3", times3, U64, U64)
WEFT_FUNCTION_ITEM("parallel.dies", dies_at_100, U64, U64)
WEFT_FUNCTION_ITEM("parallel.fails", fails_at_100, U64, U64)

static weft_group_t *group;

static void begin(uint32_t workers, uint32_t flags, uint32_t retries)
{
        struct weft_group_options o = { .capacity = 8,
                                        .input_max = 1024,
                                        .retries = retries };
        struct weft_group_workers w = { .n = workers, .flags = flags, .restarts = 100 };
        for (size_t i = 0; i < N; i++)
                numbers[i] = i;
        CHECK(weft_group_create(arena, "g", &o, &group) == 0);
        if (workers)
                CHECK(weft_group_spawn(group, &w) == 0);
}

static void end(void)
{
        weft_group_close(group);
        CHECK(weft_object_remove(arena, "g") == 0);
}

static struct weft_stream_parallel by(const char *function)
{
        return (struct weft_stream_parallel){ .function = function,
                                              .items = 1 + (uint32_t)rnd(60),
                                              .window = 1 + (uint32_t)rnd(12),
                                              .flags = (uint32_t)rnd(2) };
}

static int by_value(const void *x, const void *y)
{
        uint64_t l = NUMBER(x), r = NUMBER(y);
        return (l > r) - (l < r);
}

/* ---- what comes of it ---------------------------------------------------------------- */

static void it_is_map(void **state)
{
        uint64_t seven = 7;
        (void)state;
        begin(2, WEFT_GROUP_THREADS, 0);
        for (int round = 0; round < 20; round++) {
                struct weft_stream_parallel o = by("parallel.times3");
                uint64_t n = rnd(2) ? N : rnd(50);
                if (round % 3) {
                        o.argument = &seven;
                        o.argument_bytes = 8;
                }
                weft_stream_t *s = weft_stream_map_parallel(
                        pieces(numbers, n, 1 + rnd(200)), group, &o);
                for (int run = 0; run < 2; run++) {
                        uint64_t many = 0;
                        int rc = -ETIMEDOUT;
                        while (rc == -ETIMEDOUT) {
                                int64_t got = weft_stream_pull(s, out + many, 1 + rnd(99),
                                                               WEFT_NEVER);
                                many += got > 0 ? (uint64_t)got : 0;
                                rc = got > 0 ? -ETIMEDOUT : (int)got;
                                CHECK(many <= N);
                        }
                        CHECK(rc == 0 && many == n);
                        if (o.flags)
                                qsort(out, n, 8, by_value);
                        for (uint64_t i = 0; i < n; i++)
                                CHECK(out[i] == 3 * i + (round % 3 ? 7 : 0));
                        CHECK(weft_stream_restart(s) == 0);
                        if (rnd(2)) /* in the midst */
                                CHECK(weft_stream_pull(s, out, 1, WEFT_NEVER) <= 1);
                        CHECK(weft_stream_restart(s) == 0);
                }
                weft_stream_free(s);
        }
        end();
}

static void an_error_comes_in_its_place(void **state)
{
        (void)state;
        begin(2, WEFT_GROUP_THREADS, 0);
        for (uint32_t items = 1; items < 200; items = items * 3 + 1) {
                struct weft_stream_parallel o = { .function = "parallel.fails",
                                                  .items = items };
                struct piecewise p = { .at = numbers, .n = N, .most = N };
                uint64_t n = 0;
                CHECK(weft_stream_collect(
                              weft_stream_map_parallel(piecewise(&p), group, &o), out, N,
                              &n, WEFT_NEVER) == -EDOM);
                uint64_t whole = items > 128 ? 0 : 100 / items * items;
                CHECK(n == (whole + 1) / 2 && p.cancels == 1 && p.frees == 1);
                for (uint64_t i = 0; i < n; i++)
                        CHECK(out[i] == 6 * i);
        }
        end();
}

static void with_no_worker_it_waits(void **state)
{
        (void)state;
        begin(0, 0, 0);
        for (uint32_t flags = 0; flags < 2; flags++) {
                struct weft_stream_parallel o = { .function = "parallel.times3",
                                                  .items = 10,
                                                  .flags = flags };
                uint64_t n = 0;
                weft_stream_t *s = weft_stream_map_parallel(
                        weft_stream_array(numbers, N, 8), group, &o);
                CHECK(weft_stream_pull(s, out, 1, WEFT_NOW) == -EAGAIN);
                CHECK(weft_stream_pull(s, out, 1, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                int rc = -EAGAIN;
                while (rc == -EAGAIN) { /* we are the worker */
                        CHECK(weft_group_work(group, WEFT_NOW) == -EAGAIN);
                        rc = weft_stream_collect(s, out, N, &n, WEFT_NOW);
                }
                CHECK(rc == 0 && n == N && out[N - 1] == 3 * (N - 1));
                s = weft_stream_map_parallel(weft_stream_array(numbers, N, 8), group, &o);
                CHECK(weft_stream_pull(s, out, 1, WEFT_NOW) == -EAGAIN);
                weft_stream_cancel(s);
                CHECK(weft_stream_pull(s, out, 1, WEFT_NOW) == -ECANCELED);
                weft_stream_free(s);
                CHECK(weft_group_work(group, WEFT_NOW) == -EAGAIN);
        }
        end();
}

/* Each result once, though workers die and tasks are run again. */
static void workers_may_die(void **state)
{
        (void)state;
        page = common_make(4096);
        for (uint32_t flags = 0; flags < 2; flags++) {
                struct weft_stream_parallel o = { .function = "parallel.dies",
                                                  .items = 20,
                                                  .flags = flags };
                uint64_t n = 0;
                begin(2, 0, 5);
                page->kills = 3;
                CHECK(weft_stream_collect(
                              weft_stream_map_parallel(weft_stream_array(numbers, N, 8),
                                                       group, &o),
                              out, 2 * N, &n, WEFT_NEVER) == 0);
                CHECK(n == N && page->kills == 0);
                if (flags)
                        qsort(out, n, 8, by_value);
                for (uint64_t i = 0; i < n; i++)
                        CHECK(out[i] == 3 * i);
                page->kills = 1000; /* until it is given up */
                n = 0;
                CHECK(weft_stream_count(
                              weft_stream_map_parallel(weft_stream_array(numbers, N, 8),
                                                       group, &o),
                              &n, WEFT_NEVER) == -EOWNERDEAD);
                CHECK(flags || n == 100);
                page->kills = 0;
                end();
        }
        munmap(page, 4096);
}

/* What is on its way is not acknowledged: it comes back when the puller gives up. */
static void leases_last_until_the_result_is_through(void **state)
{
        struct weft_stream_parallel o = { .function = "parallel.times3", .items = 10 };
        uint64_t n = 0;
        (void)state;
        begin(0, 0, 0);
        weft_queue_t *q = make("q", 256, 8, WEFT_QUEUE_LEASE);
        for (uint64_t i = 0; i < 100; i++)
                CHECK(weft_queue_push(q, &i, WEFT_NOW) == 0);
        weft_stream_t *s = weft_stream_map_parallel(weft_stream_queue(q), group, &o);
        CHECK(weft_stream_next(s, out, WEFT_NOW) == -EAGAIN);
        CHECK(info_of(q).leased > 0 && weft_stream_ack(s) == 0 && info_of(q).leased > 0);
        weft_stream_free(s);
        CHECK(info_of(q).leased == 0 && info_of(q).length == 100);
        CHECK(weft_queue_shutdown(q) == 0);
        s = weft_stream_map_parallel(weft_stream_queue(q), group, &o);
        int rc = -EAGAIN;
        while (rc == -EAGAIN) {
                CHECK(weft_group_work(group, WEFT_NOW) == -EAGAIN);
                rc = weft_stream_count(s, &n, WEFT_NOW);
        }
        CHECK(rc == 0 && n == 100 && info_of(q).leased == 0 && info_of(q).length == 0);
        drop(q, "q");
        end();
}

static void wrong_options(void **state)
{
        struct weft_stream_parallel o = { .function = "parallel.times3" };
        (void)state;
        begin(0, 0, 0);
        weft_stream_t *s[] = {
                weft_stream_map_parallel(NULL, group, &o),
                weft_stream_map_parallel(weft_stream_range(0, 1, 1), NULL, &o),
                weft_stream_map_parallel(weft_stream_range(0, 1, 1), group, NULL),
                weft_stream_map_parallel(weft_stream_array("abcd", 1, 4), group, &o),
                weft_stream_map_parallel(
                        weft_stream_range(0, 1, 1), group,
                        &(struct weft_stream_parallel){ .function = "x" }),
        };
        static const int want[] = { -EINVAL, -EINVAL, -EINVAL, -EPROTO, -ENOENT };
        for (int i = 0; i < 5; i++) {
                CHECK(weft_stream_error(s[i]) == want[i]);
                weft_stream_free(s[i]);
        }
        end();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(it_is_map),
                TEST(an_error_comes_in_its_place),
                TEST(with_no_worker_it_waits),
                TEST(workers_may_die),
                TEST(leases_last_until_the_result_is_through),
                TEST(wrong_options),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
