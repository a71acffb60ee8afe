/* tests/unit/future_group_test.c -- what comes next is computed by a worker group. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <weft/future.h>
#include <weft/group.h>
#include <weft/weft.h>

#include "tests/child.h"

static weft_arena_t *arena;
static int runs; /* of this process */

static int add(const void *in, void *out, const void *argument)
{
        int64_t n, more;
        memcpy(&n, in, sizeof n);
        memcpy(&more, argument, sizeof more);
        n += more;
        runs++;
        memcpy(out, &n, sizeof n);
        return 0;
}

#define NUMBER WEFT_TYPE(int64_t, "test number")
WEFT_FUNCTION_ITEM("group add", add, NUMBER, NUMBER)

static void work(void *unused)
{
        weft_group_t *group;
        (void)unused;
        arena = child_reopen(arena, WEFT_RDWR);
        CHECK(weft_group_open(arena, "g", &group) == 0);
        CHECK(weft_group_work(group, WEFT_NEVER) == 0);
        weft_group_close(group);
}

static void a_worker_computes_it(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        weft_group_t *group;
        weft_future_t *f, *next, *after;
        int64_t n = 0;

        (void)state;
        assert_int_equal(weft_arena_create(NULL, &o, &arena), 0);
        assert_int_equal(weft_group_create(arena, "g", NULL, &group), 0);
        assert_int_equal(weft_future_create(arena, NULL, NULL, &f), 0);
        assert_int_equal(
                weft_future_then(f, "group add", &(int64_t){ 5 }, 8, group, &next), 0);
        assert_int_equal(
                weft_future_then(next, "group add", &(int64_t){ 1 }, 8, group, &after),
                0);
        pid_t pid = child_start(work, NULL);
        assert_int_equal(weft_future_try(after, &n, 8), -EAGAIN);
        assert_int_equal(weft_future_set(f, &(int64_t){ 10 }, 8), 0);
        assert_int_equal(weft_future_get(after, &n, 8, weft_after(30 * WEFT_SEC)), 8);
        assert_int_equal(n, 16);
        assert_int_equal(runs, 0);
        assert_int_equal(weft_group_drain(group, weft_after(30 * WEFT_SEC)), 0);
        assert_int_equal(child_end(pid), 0);
        weft_future_close(f);
        weft_future_close(next);
        weft_future_close(after);
        weft_group_close(group);
        weft_arena_close(arena);
}

int main(void)
{
        static const struct CMUnitTest tests[] = { cmocka_unit_test(
                a_worker_computes_it) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
