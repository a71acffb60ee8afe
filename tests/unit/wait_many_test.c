#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "tests/unit/sleeper.h"

/* A box of tokens for each thing that is waited for, beside the arena. */
struct box {
        struct weft_wait_shared wait;
        weft_a64_t n;
};

static struct common {
        struct box box[WEFT_WAIT_MANY + 1];
        weft_a64_t looked; /* calls of take_first() */
        uint32_t many;     /* boxes that are waited for */
        int64_t result;    /* of the waiter */
        int fails;         /* futex_waitv() in him, with this */
} * common;
static weft_arena_t *arena;

static int fresh(void **state)
{
        struct weft_arena_options options = { .max_bytes = 8 << 20 };
        (void)state;
        common = common_make(sizeof *common);
        common->many = 3;
        return weft_arena_create(NULL, &options, &arena);
}

static int whole(void **state)
{
        (void)state;
        for (uint32_t i = 0; i <= WEFT_WAIT_MANY; i++)
                CHECK(weft_wait_waiters(&common->box[i].wait) == 0);
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return munmap(common, sizeof *common);
}

static int take_first(void *context)
{
        (void)context;
        (void)weft_add_rlx(&common->looked, 1);
        for (uint32_t i = 0; i < common->many; i++) {
                uint64_t n = weft_load_acq(&common->box[i].n);
                while (n)
                        if (weft_cas_acq_rel(&common->box[i].n, &n, n - 1))
                                return (int)i;
        }
        return -EAGAIN;
}

static int take_no_one(void *context)
{
        int i = take_first(context);
        return i < 0 ? i : INT32_MAX; /* done with none of them */
}

static int refuse(void *context)
{
        int i = take_first(context);
        return i < 0 ? i : -EPIPE;
}

static void put_silently(uint32_t i)
{
        (void)weft_add_acq_rel(&common->box[i].n, 1);
}

static void put(uint32_t i)
{
        put_silently(i);
        weft_wait_signal(&common->box[i].wait, 1);
}

static int wait_with(int (*attempt)(void *), uint64_t deadline)
{
        struct weft_wait_one ones[WEFT_WAIT_MANY + 1];
        struct weft_spin spin = { .budget = { 32 } }; /* soon asleep */
        struct weft_agent *agent;
        CHECK(weft_agent_self(arena, &agent) == 0);
        for (uint32_t i = 0; i < common->many; i++)
                ones[i] = (struct weft_wait_one){ &common->box[i].wait, agent, 0 };
        return weft_wait_for_any(ones, common->many, &spin, attempt, NULL, deadline);
}

static void waiter(void *attempt)
{
        int (*what)(void *);
        memcpy(&what, attempt, sizeof what);
        if (common->fails && !without_waitv(common->fails))
                _exit(77);
        common->result = wait_with(what, weft_after(60 * WEFT_SEC));
}

static int (*const takes)(void *) = take_first;
static int (*const takes_none)(void *) = take_no_one;
static int (*const refuses)(void *) = refuse;

static pid_t start(int (*const *attempt)(void *), uint32_t many)
{
        common->many = many;
        pid_t pid = child_start(waiter, (void *)(uintptr_t)attempt);
        until_sleeping(&common->box[many - 1].wait, 1);
        return pid;
}

/* ---- alone --------------------------------------------------------------------------- */

static void trying_does_not_wait(void **state)
{
        (void)state;
        assert_int_equal(wait_with(take_first, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_load_acq(&common->looked), 1);
        put(2);
        assert_int_equal(wait_with(take_first, WEFT_NOW), 2);
        put(1);
        assert_int_equal(wait_with(take_first, WEFT_NEVER), 1);
}

static void a_deadline_is_kept(void **state)
{
        static const uint64_t waits[] = { 0, WEFT_MSEC / 10, WEFT_MSEC, 100 * WEFT_MSEC };
        static const uint32_t many[] = { 0, 1, 3, WEFT_WAIT_MANY };
        (void)state;
        errno = 4711;
        for (size_t k = 0; k < sizeof many / sizeof *many; k++)
                for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
                        common->many = many[k];
                        uint64_t until = weft_after(waits[i]);
                        assert_int_equal(wait_with(take_first, until), -ETIMEDOUT);
                        assert_true(weft_now() >= until);
                }
        assert_int_equal(errno, 4711);
        assert_true(weft_load_acq(&common->looked) < 100000); /* it did not spin on */
}

static void too_many_are_refused(void **state)
{
        (void)state;
        common->many = WEFT_WAIT_MANY + 1;
        assert_int_equal(wait_with(take_first, weft_after(WEFT_MSEC)), -EINVAL);
}

/* ---- others ---------------------------------------------------------------------------- */

static void any_of_them_wakes(void **state)
{
        static const uint32_t many[] = { 1, 2, 64, WEFT_WAIT_MANY };
        (void)state;
        for (size_t k = 0; k < sizeof many / sizeof *many; k++)
                for (uint32_t i = 0; i<many[k]; i += many[k]> 3 ? many[k] / 3 : 1) {
                        pid_t pid = start(&takes, many[k]);
                        put(i);
                        assert_int_equal(child_end(pid), 0);
                        assert_int_equal(common->result, i);
                }
}

static void a_lost_wake_costs_a_moment(void **state)
{
        (void)state;
        pid_t pid = start(&takes, 3);
        put_silently(1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(common->result, 1);
}

static void without_waitv_it_wakes_too(void **state)
{
        static const int errors[] = { ENOSYS, EPERM, EINVAL };
        (void)state;
        for (size_t k = 0; k < sizeof errors / sizeof *errors; k++)
                for (uint32_t i = 0; i < 3; i++) {
                        common->fails = errors[k];
                        weft_store_rlx(&common->looked, 0);
                        pid_t pid = start(&takes, 3);
                        usleep(20000);
                        put(i);
                        int rc = child_end(pid);
                        if (rc == 77)
                                skip();
                        assert_int_equal(rc, 0);
                        assert_int_equal(common->result, i);
                        /* asleep in between: a look in 4 ms, not one after the other */
                        assert_true(weft_load_acq(&common->looked) < 20000);
                }
}

static void die_with_a_seat(void *gate)
{
        CHECK(weft_agent_join(arena) == 0);
        gate_open(gate, 1);
        for (;;)
                pause();
}

static void a_waiter_settles_the_dead(void **state)
{
        struct gate gate = gate_make();
        struct weft_arena_info info;
        (void)state;
        pid_t pid = child_start(die_with_a_seat, &gate);
        gate_pass(&gate);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(wait_with(take_first, weft_after(200 * WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_arena_info(arena, &info), 0);
        assert_int_equal(info.dead, 0);
        gate_drop(&gate);
}

/* ---- whose wake it was --------------------------------------------------------------------- */

/* `first` gets the only wake of box 1, and is done with box 0. */
static void swallow(int (*const *first)(void *), uint32_t of, uint32_t silent)
{
        for (int i = 0; i < 5; i++) {
                pid_t pid = start(first, 2);
                pid_t next = child_start(sleeper, &common->box[of].wait);
                until_sleeping(&common->box[of].wait, 2);
                put_silently(silent);
                if (silent != of)
                        put_silently(of);
                weft_wait_signal(&common->box[of].wait, 1);
                assert_int_equal(child_end(pid), 0);
                assert_int_equal(child_end(next), 0);
                weft_store_rlx(&common->box[0].n, 0);
                weft_store_rlx(&common->box[1].n, 0);
        }
}

static void a_wake_for_another_is_passed_on(void **state)
{
        (void)state;
        swallow(&takes, 1, 0);
        assert_int_equal(common->result, 0);
}

static void who_takes_nothing_passes_it_on(void **state)
{
        (void)state;
        swallow(&takes_none, 0, 0);
        assert_int_equal(common->result, INT32_MAX);
        swallow(&refuses, 1, 1);
        assert_int_equal(common->result, -EPIPE);
}

/* A wake that was used is not. */
static void who_takes_it_keeps_it(void **state)
{
        (void)state;
        for (int i = 0; i < 3; i++) {
                pid_t pid = start(&takes, 2);
                pid_t next = child_start(sleeper, &common->box[0].wait);
                until_sleeping(&common->box[0].wait, 2);
                uint64_t word = weft_load_rlx(&common->box[0].wait.word);
                put(1);
                assert_int_equal(child_end(pid), 0);
                assert_int_equal(common->result, 1);
                assert_int_equal((uint32_t)weft_load_rlx(&common->box[0].wait.word),
                                 (uint32_t)word);
                usleep(2000);
                assert_int_equal(waitpid(next, NULL, WNOHANG), 0); /* sleeps on */
                assert_int_equal(child_kill(next), -SIGKILL);
                weft_wait_reset(&common->box[0].wait);
        }
}

/* Nobody is woken, and nothing moves, where only awake ones are. */
static void passing_on_moves_nothing(void **state)
{
        struct weft_wait_shared *wait = &common->box[0].wait;
        (void)state;
        uint64_t counted = weft_wait_count_in(wait);
        for (int i = 0; i < 10; i++)
                weft_wait_pass_on(wait);
        assert_true(weft_load_rlx(&wait->word) == counted);
        weft_wait_count_out(wait, counted);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, whole)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(trying_does_not_wait),
                TEST(a_deadline_is_kept),
                TEST(too_many_are_refused),
                TEST(any_of_them_wakes),
                TEST(a_lost_wake_costs_a_moment),
                TEST(without_waitv_it_wakes_too),
                TEST(a_waiter_settles_the_dead),
                TEST(a_wake_for_another_is_passed_on),
                TEST(who_takes_nothing_passes_it_on),
                TEST(who_takes_it_keeps_it),
                TEST(passing_on_moves_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
