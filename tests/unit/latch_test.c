#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/latch.h>
#include <weft/select.h>

#include "runtime/waitable.h"
#include "sync/latch_shared.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static weft_latch_t *make(uint32_t count, uint32_t flags)
{
        struct weft_latch_options o = { .count = count, .flags = flags };
        weft_latch_t *l = NULL;
        CHECK(weft_latch_create(arena, "l", &o, &l) == 0 && l);
        return l;
}

static void drop(weft_latch_t *l)
{
        CHECK(weft_object_remove(arena, "l") == 0);
        weft_latch_close(l);
}

static struct weft_latch_info info_of(weft_latch_t *l)
{
        struct weft_latch_info i;
        CHECK(weft_latch_info(l, &i) == 0);
        return i;
}

static void until_waiting(weft_latch_t *l, uint32_t n)
{
        for (int i = 0; i < 10000 && info_of(l).waiting != n; i++)
                usleep(500);
        CHECK(info_of(l).waiting == n);
}

/* ---- one process --------------------------------------------------------- */

static void it_opens_at_zero_and_stays_open(void **state)
{
        weft_latch_t *l = make(3, 0);

        (void)state;
        assert_int_equal(weft_latch_count(l), 3);
        assert_int_equal(weft_latch_wait(l, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_latch_wait(l, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_latch_count_down(l, 2), 0);
        assert_int_equal(weft_latch_count(l), 1);
        assert_int_equal(weft_latch_wait(l, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_latch_count_down(l, 2), -EOVERFLOW);
        assert_int_equal(weft_latch_count(l), 1);
        assert_int_equal(weft_latch_arrive_and_wait(l, 1, WEFT_NOW), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(weft_latch_wait(l, WEFT_NEVER), 0);
        assert_int_equal(weft_latch_count_down(l, 1), -EOVERFLOW);
        assert_int_equal(weft_latch_count(l), 0);
        drop(l);
}

static void zero_is_open_from_the_start(void **state)
{
        weft_latch_t *l = make(0, WEFT_LATCH_REGISTERED);
        (void)state;
        assert_int_equal(weft_latch_wait(l, WEFT_NOW), 0);
        assert_int_equal(weft_latch_register(l, 1), -EOVERFLOW);
        drop(l);
}

static void arguments_are_checked(void **state)
{
        struct weft_latch_options o = { .count = 1 };
        weft_latch_t *l = (weft_latch_t *)&o;
        struct weft_latch_info i;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_latch_create(NULL, "l", &o, &l), -EINVAL);
        assert_null(l);
        assert_int_equal(weft_latch_create(arena, NULL, &o, &l), -EINVAL);
        assert_int_equal(weft_latch_create(arena, "l", NULL, &l), -EINVAL);
        assert_int_equal(weft_latch_create(arena, "l", &o, NULL), -EINVAL);
        assert_int_equal(weft_latch_open(arena, "l", NULL), -EINVAL);
        assert_int_equal(weft_latch_open(arena, "l", &l), -ENOENT);
        o.flags = 2;
        assert_int_equal(weft_latch_create(arena, "l", &o, &l), -EINVAL);
        o = (struct weft_latch_options){ .count = WEFT_LATCH_MAX + 1 };
        assert_int_equal(weft_latch_create(arena, "l", &o, &l), -EINVAL);
        assert_int_equal(weft_latch_count_down(NULL, 1), -EINVAL);
        assert_int_equal(weft_latch_register(NULL, 1), -EINVAL);
        assert_int_equal(weft_latch_wait(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_latch_arrive_and_wait(NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_latch_count(NULL), -EINVAL);
        assert_int_equal(weft_latch_info(NULL, &i), -EINVAL);
        weft_latch_close(NULL);
        l = make(WEFT_LATCH_MAX, 0);
        assert_int_equal(weft_latch_info(l, NULL), -EINVAL);
        assert_int_equal(weft_latch_count_down(l, 0), -EINVAL);
        assert_int_equal(weft_latch_arrive_and_wait(l, 0, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_latch_register(l, 1), -EINVAL); /* plain */
        assert_int_equal(weft_latch_count_down(l, WEFT_LATCH_MAX), 0);
        assert_int_equal(weft_latch_wait(l, WEFT_NOW), 0);
        assert_int_equal(errno, 4711);
        drop(l);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_latch_options o = { .count = 7, .flags = WEFT_LATCH_REGISTERED };
        weft_latch_t *l = make(2, WEFT_LATCH_REGISTERED), *m;

        (void)state;
        assert_int_equal(weft_latch_create(arena, "l", &o, &m), -EEXIST);
        assert_int_equal(weft_latch_create_or_open(arena, "l", &o, &m), 0);
        assert_int_equal(weft_latch_count(m), 2);
        assert_int_equal(weft_latch_register(l, 2), 0);
        assert_int_equal(weft_latch_count_down(m, 2), 0); /* the same agent */
        assert_int_equal(weft_latch_wait(l, WEFT_NOW), 0);
        weft_latch_close(m);
        o.flags = 0;
        assert_int_equal(weft_latch_create_or_open(arena, "l", &o, &m), -EPROTO);
        assert_null(m);
        drop(l);
}

/* ---- shares --------------------------------------------------------------- */

static void shares_are_of_the_agent_and_of_the_count(void **state)
{
        weft_latch_t *l = make(5, WEFT_LATCH_REGISTERED);

        (void)state;
        assert_int_equal(weft_latch_register(l, 0), -EINVAL);
        assert_int_equal(weft_latch_count_down(l, 1), -EPERM);
        assert_int_equal(weft_latch_register(l, 6), -EOVERFLOW);
        assert_int_equal(weft_latch_register(l, 3), 0);
        assert_int_equal(weft_latch_register(l, 3), -EOVERFLOW);
        assert_int_equal(info_of(l).registered, 3);
        assert_int_equal(weft_object_remove(arena, "l"), -EBUSY);
        assert_int_equal(weft_latch_count_down(l, 4), -EPERM);
        assert_int_equal(weft_latch_count_down(l, 2), 0);
        assert_int_equal(weft_latch_register(l, 2), 0);
        assert_int_equal(info_of(l).registered, 3);
        assert_int_equal(info_of(l).count, 3);
        assert_int_equal(weft_latch_arrive_and_wait(l, 3, WEFT_NOW), 0);
        assert_int_equal(info_of(l).registered, 0);
        assert_int_equal(info_of(l).failed, 0);
        drop(l);
}

static void count_one_of_three_and_die(void *context)
{
        CHECK(weft_latch_register(context, 3) == 0);
        CHECK(weft_latch_count_down(context, 1) == 0);
        raise(SIGKILL);
}

static void what_the_dead_had_left_has_failed(void **state)
{
        weft_latch_t *l = make(8, WEFT_LATCH_REGISTERED);

        (void)state;
        for (uint32_t i = 1; i <= 2; i++) {
                assert_int_equal(child_run(count_one_of_three_and_die, l), -SIGKILL);
                assert_int_equal(info_of(l).registered, 2);
                assert_int_equal(recover_count(arena), 1);
                assert_int_equal(info_of(l).registered, 0);
                assert_int_equal(info_of(l).failed, 2 * i);
                assert_int_equal(info_of(l).count, 8 - 3 * i);
        }
        assert_int_equal(weft_latch_register(l, 3), -EOVERFLOW);
        assert_int_equal(weft_latch_register(l, 2), 0);
        assert_int_equal(weft_latch_wait(l, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_latch_count_down(l, 2), 0);
        assert_int_equal(weft_latch_wait(l, WEFT_NOW), -EOWNERDEAD);
        assert_int_equal(weft_latch_wait(l, WEFT_NEVER), -EOWNERDEAD);
        assert_int_equal(info_of(l).failed, 4);
        drop(l);
}

static void close_with_a_share(void *context)
{
        weft_latch_t *l = context;
        CHECK(weft_latch_register(l, 1) == 0);
        weft_latch_close(l);
        weft_arena_close(arena);
}

static void *end_with_a_share(void *context)
{
        CHECK(weft_latch_register(context, 1) == 0);
        return NULL;
}

static void who_closes_or_ends_has_failed_too(void **state)
{
        weft_latch_t *l = make(2, WEFT_LATCH_REGISTERED);
        pthread_t t;

        (void)state;
        assert_int_equal(child_run(close_with_a_share, l), 0);
        assert_int_equal(info_of(l).failed, 1);
        assert_int_equal(pthread_create(&t, NULL, end_with_a_share, l), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(info_of(l).failed, 2);
        assert_int_equal(weft_latch_wait(l, WEFT_NOW), -EOWNERDEAD);
        drop(l);
}

/* ---- others that wait -------------------------------------------------------- */

struct waiter {
        weft_latch_t *l;
        int rc;
};

static void *wait_there(void *context)
{
        struct waiter *w = context;
        w->rc = weft_latch_wait(w->l, weft_after(20 * WEFT_SEC));
        return NULL;
}

static void wait_elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_latch_t *l;
        (void)unused;
        CHECK(weft_latch_open(there, "l", &l) == 0);
        CHECK(weft_latch_wait(l, weft_after(20 * WEFT_SEC)) == 0);
        weft_latch_close(l);
        weft_arena_close(there);
}

static void all_who_sleep_are_woken(void **state)
{
        weft_latch_t *l = make(2, 0);
        struct waiter w[3];
        pthread_t t[3];

        (void)state;
        pid_t pid = child_start(wait_elsewhere, NULL);
        for (int i = 0; i < 3; i++) {
                w[i] = (struct waiter){ l, 1 };
                assert_int_equal(pthread_create(&t[i], NULL, wait_there, &w[i]), 0);
        }
        until_waiting(l, 4);
        assert_int_equal(weft_latch_count_down(l, 1), 0);
        usleep(2000);
        until_waiting(l, 4);
        assert_int_equal(weft_latch_count_down(l, 1), 0);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(pthread_join(t[i], NULL), 0);
                assert_int_equal(w[i].rc, 0);
        }
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(info_of(l).waiting, 0);
        drop(l);
}

static void register_and_pause(void *context)
{
        CHECK(weft_latch_register(context, 1) == 0);
        for (;;)
                pause();
}

static void a_sleeper_hears_of_a_death(void **state)
{
        weft_latch_t *l = make(1, WEFT_LATCH_REGISTERED);
        struct waiter w = { l, 1 };
        pthread_t t;

        (void)state;
        pid_t pid = child_start(register_and_pause, l);
        while (!info_of(l).registered)
                usleep(200);
        assert_int_equal(pthread_create(&t, NULL, wait_there, &w), 0);
        until_waiting(l, 1);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(pthread_join(t, NULL), 0); /* nobody else recovers */
        assert_int_equal(w.rc, -EOWNERDEAD);
        drop(l);
}

/* ---- select, read-only, bytes ---------------------------------------------------- */

static void a_case_is_ready_when_it_is_open(void **state)
{
        weft_latch_t *l = make(1, 0);
        struct weft_handle *handle = (struct weft_handle *)l;
        const struct weft_waitable *w = handle->kind->waitable;
        struct weft_case c = { .object = l, .op = WEFT_OP_LOCK };
        struct weft_agent *agent;

        (void)state;
        assert_int_equal(weft_handle_enter(handle, &agent), 0);
        assert_null(w->wait(handle, &c));
        c.op = WEFT_OP_WAIT;
        assert_non_null(w->wait(handle, &c));
        assert_int_equal(w->look(handle, agent, &c), -EAGAIN);
        assert_int_equal(w->attempt(handle, agent, &c), -EAGAIN);
        assert_int_equal(weft_latch_count_down(l, 1), 0);
        assert_int_equal(w->look(handle, agent, &c), 0);
        assert_int_equal(w->attempt(handle, agent, &c), 0);
        drop(l);

        l = make(1, WEFT_LATCH_REGISTERED);
        handle = (struct weft_handle *)l;
        assert_int_equal(child_run(close_with_a_share, l), 0);
        assert_int_equal(weft_handle_enter(handle, &agent), 0);
        assert_int_equal(w->look(handle, agent, &c), 0);
        assert_int_equal(w->attempt(handle, agent, &c), -EOWNERDEAD);
        drop(l);
}

static void read_only_looks(void **state)
{
        weft_latch_t *l = make(4, WEFT_LATCH_REGISTERED), *r;
        struct weft_latch_info i;
        struct weft_object_info told;
        weft_arena_t *ro;

        (void)state;
        assert_int_equal(child_run(count_one_of_three_and_die, l), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(weft_latch_register(l, 1), 0);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_latch_open(ro, "l", &r), 0);
        assert_int_equal(weft_latch_count(r), 1);
        assert_int_equal(weft_latch_info(r, &i), 0);
        assert_true(i.count == 1 && i.registered == 1 && i.failed == 2);
        assert_int_equal(weft_latch_register(r, 1), -EROFS);
        assert_int_equal(weft_latch_count_down(r, 1), -EROFS);
        assert_int_equal(weft_latch_wait(r, WEFT_NOW), -EROFS);
        assert_int_equal(weft_object_stat(ro, "l", &told), 0);
        assert_string_equal(told.kind, "latch");
        assert_string_equal(told.detail,
                            "1 of 4 to count, 1 registered, 2 failed, 0 waiting");
        weft_latch_close(r);
        weft_arena_close(ro);
        assert_int_equal(weft_latch_count_down(l, 1), 0);
        drop(l);
}

/* Any bytes: an error or a wrong answer. */
static void hostile_bytes_are_survived(void **state)
{
        static const uint64_t bad[] = { UINT64_MAX, UINT64_C(1) << 60, UINT64_C(5) << 30,
                                        UINT64_C(1) << 62 | 3 };
        weft_latch_t *l = make(4, WEFT_LATCH_REGISTERED), *m;
        struct weft_latch_shared *sh = ((struct weft_handle *)l)->sh;
        struct weft_census census;
        int rc;

        (void)state;
        assert_int_equal(weft_latch_register(l, 2), 0);
        uint64_t good = weft_load_rlx(&sh->cell.lo);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                weft_store_rlx(&sh->cell.lo, bad[i]);
                assert_int_equal(weft_latch_count(l), -EUCLEAN);
                assert_int_equal(weft_latch_register(l, 1), -EUCLEAN);
                assert_int_equal(weft_latch_count_down(l, 1), -EUCLEAN);
                rc = weft_latch_wait(l, WEFT_NOW); /* by the count alone */
                assert_true(rc == -EAGAIN || rc == 0);
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        }
        weft_store_rlx(&sh->cell.lo, good);
        sh->flags = 0;
        assert_int_equal(weft_latch_open(arena, "l", &m), -EUCLEAN);
        sh->flags = 7;
        assert_int_equal(weft_latch_open(arena, "l", &m), -EUCLEAN);
        sh->flags = WEFT_LATCH_REGISTERED;
        weft_store_rlx(&sh->cell.hi, UINT64_MAX);
        assert_int_equal(weft_latch_count_down(l, 2), 0);
        drop(l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)
                T(it_opens_at_zero_and_stays_open),
                T(zero_is_open_from_the_start),
                T(arguments_are_checked),
                T(opening_shares_and_checks),
                T(shares_are_of_the_agent_and_of_the_count),
                T(what_the_dead_had_left_has_failed),
                T(who_closes_or_ends_has_failed_too),
                T(all_who_sleep_are_woken),
                T(a_sleeper_hears_of_a_death),
                T(a_case_is_ready_when_it_is_open),
                T(read_only_looks),
                T(hostile_bytes_are_survived),
#undef T
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
