/* tests/unit/group_result_test.c -- what tasks give: futures, and what depends on them. */
#define _GNU_SOURCE
#include <weft/future.h>

#include "tests/unit/group_kit.h"

static weft_group_t *group; /* inherited by children */

static int square(const void *in, void *out, const void *argument)
{
        uint32_t i;
        (void)argument;
        memcpy(&i, in, sizeof i);
        count(&page->runs[i % TASKS_MOST]);
        i *= i;
        memcpy(out, &i, sizeof i);
        return 0;
}
WEFT_FUNCTION_ITEM("square", square, NUMBER, NUMBER)

static int64_t add(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        uint32_t sum = 0, more = 0;
        if (!room)
                return -EOVERFLOW;
        if (argument)
                memcpy(&more, argument, sizeof more);
        for (size_t i = 0; i < n; i++)
                sum += ((const uint32_t *)in)[i];
        sum += more;
        memcpy(out, &sum, sizeof sum);
        return 1;
}
WEFT_FUNCTION_CHUNK("add", add, NUMBER, NUMBER)

static int64_t much(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        (void)in, (void)n, (void)argument;
        memset(out, 0x5a, room);
        return (int64_t)room;
}
WEFT_FUNCTION_CHUNK("much", much, WEFT_TYPE_NONE, WEFT_TYPE_BYTES)

static int64_t not_yet(const void *in, size_t n, void *out, size_t room,
                       const void *argument)
{
        (void)in, (void)n, (void)out, (void)room;
        return argument ? *(const int32_t *)argument : -EAGAIN;
}
WEFT_FUNCTION_CHUNK("not yet", not_yet, WEFT_TYPE_NONE, WEFT_TYPE_BYTES)

static weft_future_t *ask(const char *function, const void *input, size_t bytes)
{
        weft_future_t *f = NULL;
        CHECK(weft_submit(group, function, input, bytes, &f, WEFT_NOW) == 0 && f);
        return f;
}

static weft_future_t *ask_after(weft_future_t *first, const char *function, uint32_t more)
{
        weft_future_t *f = NULL;
        CHECK(weft_submit_after(group, first, function, &more, sizeof more, &f,
                                WEFT_NOW) == 0 &&
              f);
        return f;
}

static int64_t answer(weft_future_t *f)
{
        uint32_t i = 0;
        int64_t n = weft_future_get(f, &i, sizeof i, weft_after(10 * WEFT_SEC));
        CHECK(n < 0 || n == sizeof i);
        weft_future_close(f);
        return n < 0 ? n : i;
}

static void work(void)
{
        CHECK(weft_group_work(group, WEFT_NOW) == -EAGAIN);
}

/* ---- results ---------------------------------------------------------------------- */

static void results_are_futures(void **state)
{
        uint32_t in[] = { 2, 3, 4 }, out[3];
        weft_future_t *f[4];
        (void)state;
        group = make();
        f[0] = ask("square", in, sizeof in);
        f[1] = ask("add", in, sizeof in);
        f[2] = ask("fail", in, sizeof in[0]);
        f[3] = ask("add", in, 0);
        assert_int_equal(weft_future_try(f[0], out, sizeof out), -EAGAIN);
        work();
        assert_int_equal(weft_future_try(f[0], out, sizeof out), sizeof out);
        assert_true(out[0] == 4 && out[1] == 9 && out[2] == 16);
        weft_future_close(f[0]);
        assert_int_equal(answer(f[1]), 9);
        assert_int_equal(answer(f[2]), -ERANGE);
        assert_int_equal(answer(f[3]), 0);
        drop(group);
}

static void errors_travel(void **state)
{
        struct weft_group_options o = { .output_max = 8 };
        struct weft_function f = { "strange",   WEFT_FUNCTION_ITEM,
                                   { 4, 4, 0 }, { 4, 4, 0 },
                                   mark,        NULL };
        uint32_t in[3] = { 1, 2, 3 };
        (void)state;
        group = make_with(o);
        weft_future_t *many = ask("square", in, sizeof in);
        weft_future_t *not = ask("not yet", NULL, 0);
        assert_int_equal(weft_function_register(&f), 0);
        weft_future_t *unknown = ask("strange", in, 4), *other = ask("strange", in, 4);
        assert_int_equal(weft_function_unregister(&f), 0);
        CHECK(weft_group_stop(group) == 0); /* nothing goes on meanwhile */
        assert_int_equal(weft_group_work(group, WEFT_NOW), 0);
        CHECK(weft_group_resume(group) == 0);
        work();
        assert_int_equal(answer(many), -EOVERFLOW);
        assert_int_equal(answer(not ), -ECANCELED);
        assert_int_equal(answer(unknown), -ENOENT);
        assert_int_equal(answer(other), -ENOENT);
        f.in.bytes = f.in.align = 4;
        f.in.tag = 5;
        assert_int_equal(weft_function_register(&f), 0);
        other = ask("strange", in, 4);
        assert_int_equal(weft_function_unregister(&f), 0);
        f.in.tag = 6;
        assert_int_equal(weft_function_register(&f), 0);
        work();
        assert_int_equal(weft_function_unregister(&f), 0);
        assert_int_equal(answer(other), -EPROTO);
        int32_t odd = -5000;
        struct weft_task task = { .function = "not yet",
                                  .argument = &odd,
                                  .argument_bytes = sizeof odd };
        assert_int_equal(weft_submit_task(group, &task, &other, WEFT_NOW), 0);
        work();
        assert_int_equal(answer(other), -EINVAL);
        assert_int_equal(info_of(group).failed, 6);
        drop(group);
}

static void nobody_need_listen(void **state)
{
        uint32_t in[] = { 5, 6 };
        (void)state;
        group = make();
        weft_future_close(ask("square", &in[0], 4));
        weft_future_t *f = ask("square", &in[1], 4);
        assert_int_equal(weft_future_cancel(f), 0);
        work();
        assert_int_equal(page->runs[5], 1); /* done, though nobody asks */
        assert_int_equal(page->runs[6], 0); /* canceled before it began */
        assert_int_equal(answer(f), -ECANCELED);
        assert_int_equal(info_of(group).finished, 2);
        assert_int_equal(info_of(group).failed, 1);
        drop(group);
}

static void results_may_be_large(void **state)
{
        struct weft_group_options o = { .output_max = 3 << 20 };
        const void *at;
        (void)state;
        group = make_with(o);
        weft_future_t *f = ask("much", NULL, 0), *all[40];
        work();
        assert_int_equal(weft_future_view(f, &at, WEFT_NOW), o.output_max);
        assert_int_equal(((const uint8_t *)at)[o.output_max - 1], 0x5a);
        weft_future_close(f);
        int full = 0; /* until the arena is */
        for (int i = 0; i < 40; i++)
                all[i] = ask("much", NULL, 0);
        work();
        for (int i = 0; i < 40; i++) {
                int64_t n = weft_future_view(all[i], &at, WEFT_NOW);
                CHECK(n == o.output_max || n == -ENOSPC);
                full += n == -ENOSPC;
                weft_future_close(all[i]);
        }
        assert_true(full > 10 && full < 40);
        assert_int_equal(info_of(group).failed, full);
        drop(group);
}

static void refused_tasks_leave_no_future(void **state)
{
        struct weft_group_options o = { .capacity = 2 };
        weft_future_t *f[2], *none = (void *)&o;
        uint32_t i = 1;
        (void)state;
        group = make_with(o);
        f[0] = ask("square", &i, 4);
        f[1] = ask("square", &i, 4);
        assert_int_equal(weft_submit(group, "square", &i, 4, &none, WEFT_NOW), -EAGAIN);
        assert_null(none);
        none = (void *)&o;
        assert_int_equal(weft_submit(group, "nobody", &i, 4, &none, WEFT_NOW), -ENOENT);
        assert_null(none);
        none = (void *)&o;
        assert_int_equal(
                weft_submit_after(group, NULL, "square", NULL, 0, &none, WEFT_NOW),
                -EINVAL);
        assert_null(none);
        work();
        assert_int_equal(answer(f[0]), 1);
        assert_int_equal(answer(f[1]), 1);
        drop(group);
}

/* ---- across processes ---------------------------------------------------------------- */

static void ask_elsewhere(void *unused)
{
        (void)unused;
        arena = child_reopen(arena, WEFT_RDWR);
        CHECK(weft_group_open(arena, "g", &group) == 0);
        for (uint32_t i = 0; i < 100; i++)
                CHECK(answer(ask("square", &i, 4)) == i * i);
        uint32_t i = 200;
        CHECK(answer(ask("die", &i, 4)) == -EOWNERDEAD);
        i++;
        CHECK(answer(ask("die once", &i, 4)) == 201);
        weft_group_close(group);
}

static void results_come_from_other_processes(void **state)
{
        struct weft_group_options o = { .retries = 2 };
        (void)state;
        group = make_with(o);
        assert_int_equal(spawn(group, 2, 0, 100), 0);
        assert_int_equal(child_run(ask_elsewhere, NULL), 0);
        assert_true(page->runs[200] == 3 && page->runs[201] == 2);
        drop(group);
}

/* ---- what depends ---------------------------------------------------------------------- */

static weft_future_t *promise(void)
{
        weft_future_t *f = NULL;
        struct weft_future_options o = { .type = NUMBER };
        CHECK(weft_future_create(arena, NULL, &o, &f) == 0);
        return f;
}

static void keep(weft_future_t *f, uint32_t value)
{
        CHECK(weft_future_set(f, &value, sizeof value) == 0);
}

static void tasks_wait_for_others(void **state)
{
        uint32_t i = 3;
        (void)state;
        group = make();
        weft_future_t *first = ask("square", &i, 4);
        weft_future_t *second = ask_after(first, "add", 10);
        weft_future_t *third = ask_after(second, "square", 0);
        work();
        assert_int_equal(answer(third), 19 * 19);
        assert_int_equal(answer(second), 19);
        assert_int_equal(answer(first), 9);
        drop(group);
}

/* What waits is waited for by nobody: others go by. */
static void waiting_tasks_block_nobody(void **state)
{
        uint32_t i = 5;
        (void)state;
        group = make();
        weft_future_t *f = promise(), *next = ask_after(f, "add", 1);
        weft_future_t *other = ask("square", &i, 4);
        assert_int_equal(spawn(group, 1, WEFT_GROUP_THREADS, 0), 0);
        assert_int_equal(answer(other), 25);
        for (int n = 0; info_of(group).in_hand != 1; n++) { /* told, then acknowledged */
                CHECK(n < 50000);
                usleep(200);
        }
        other = ask("square", &i, 4); /* while it sleeps on both */
        assert_int_equal(answer(other), 25);
        assert_int_equal(weft_group_drain(group, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_group_drain(group, weft_after(20 * WEFT_MSEC)), -ETIMEDOUT);
        keep(f, 41);
        assert_int_equal(drain(group), 0);
        assert_int_equal(answer(next), 42);
        weft_future_close(f);
        drop(group);
}

enum { MANY = 300 }; /* more than go into a select */

static void many_may_wait(void **state)
{
        struct weft_group_options o = { .capacity = 512,
                                        .input_max = 64,
                                        .output_max = 64 };
        static weft_future_t *f[MANY], *next[MANY];
        (void)state;
        group = make_with(o);
        for (uint32_t i = 0; i < MANY; i++) {
                f[i] = promise();
                next[i] = ask_after(f[i], "add", i);
        }
        assert_int_equal(spawn(group, 1, WEFT_GROUP_THREADS, 0), 0);
        for (int i = 0; info_of(group).in_hand < MANY; i++) {
                CHECK(i < 50000);
                usleep(200);
        }
        for (uint32_t i = MANY; i-- > MANY / 2;)
                keep(f[i], 1000);
        for (uint32_t i = MANY; i-- > MANY / 2;) {
                assert_int_equal(answer(next[i]), 1000 + i);
                weft_future_close(f[i]); /* the last in hand might not be opened yet */
        }
        for (uint32_t i = 0; i < MANY / 2; i++)
                keep(f[i], 2000);
        assert_int_equal(drain(group), 0);
        for (uint32_t i = 0; i < MANY / 2; i++) {
                assert_int_equal(answer(next[i]), 2000 + i);
                weft_future_close(f[i]);
        }
        drop(group);
}

static void what_waits_comes_back(void **state)
{
        struct weft_group_options o = { .flags = WEFT_GROUP_ONCE };
        (void)state;
        group = make_with(o);
        weft_future_t *f = promise(), *next = ask_after(f, "add", 1);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(weft_group_work(group, weft_after(WEFT_MSEC)),
                                 -ETIMEDOUT);
                assert_int_equal(info_of(group).queued, 1);
        }
        keep(f, 1);
        work();
        assert_int_equal(answer(next), 2); /* it was never begun before */
        assert_int_equal(info_of(group).retried, 0);
        weft_future_close(f);
        drop(group);
}

static void failures_are_passed_on(void **state)
{
        uint32_t i = 1;
        (void)state;
        group = make();
        weft_future_t *first = ask("fail", &i, 4);
        weft_future_t *second = ask_after(first, "square", 0);
        weft_future_t *gone = promise();
        weft_future_t *third = ask_after(gone, "square", 0);
        weft_future_close(gone);
        weft_future_t *canceled = promise(), *fourth = ask_after(canceled, "square", 0);
        assert_int_equal(weft_future_cancel(canceled), 0);
        struct weft_future_options o = { .type = WEFT_TYPE(double, "double") };
        weft_future_t *strange, *none;
        assert_int_equal(weft_future_create(arena, NULL, &o, &strange), 0);
        assert_int_equal(
                weft_submit_after(group, strange, "square", NULL, 0, &none, WEFT_NOW),
                -EPROTO);
        assert_non_null(strstr(weft_function_detail(), "double"));
        weft_future_t *bytes;
        assert_int_equal(weft_future_create(arena, NULL, NULL, &bytes), 0);
        weft_future_t *fifth = ask_after(bytes, "square", 0);
        assert_int_equal(weft_future_set(bytes, "12345", 5), 0);
        work();
        assert_int_equal(answer(second), -ERANGE);
        assert_int_equal(answer(first), -ERANGE);
        assert_int_equal(answer(third), -ENOENT);
        assert_int_equal(answer(fourth), -ECANCELED);
        assert_int_equal(answer(fifth), -EPROTO); /* no whole number of items */
        assert_int_equal(page->runs[1], 1);
        weft_future_close(canceled);
        weft_future_close(strange);
        weft_future_close(bytes);
        drop(group);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(results_are_futures),
                TEST(errors_travel),
                TEST(nobody_need_listen),
                TEST(results_may_be_large),
                TEST(refused_tasks_leave_no_future),
                TEST(results_come_from_other_processes),
                TEST(tasks_wait_for_others),
                TEST(waiting_tasks_block_nobody),
                TEST(many_may_wait),
                TEST(what_waits_comes_back),
                TEST(failures_are_passed_on),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
