#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/wait.h"
#include "tests/child.h"

/* Tokens in shared memory: to take one, or to wait for one. */
struct tokens {
        struct weft_wait_shared wait;
        weft_a64_t n;
        weft_a64_t taken;
        weft_a64_t looked; /* calls of take_one() */
};

static weft_arena_t *arena;
static weft_array_t *holder;
static struct tokens *tokens; /* in the arena, fresh for every test */

static int fresh_tokens(void **state)
{
        struct weft_array_options o = { .length = 1, .element_bytes = sizeof *tokens };
        struct weft_arena_options options = { .max_bytes = 8 << 20 };
        (void)state;
        int rc = weft_arena_create(NULL, &options, &arena);
        if (!rc)
                rc = weft_array_create(arena, "tokens", &o, &holder);
        tokens = rc ? NULL : weft_array_span(holder, 0, 1);
        return tokens ? 0 : -1;
}

static int whole_arena(void **state)
{
        (void)state;
        weft_array_close(holder);
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static int take_one(void *context)
{
        struct tokens *t = context;
        uint64_t n = weft_load_acq(&t->n);
        (void)weft_add_rlx(&t->looked, 1);
        while (n)
                if (weft_cas_acq_rel(&t->n, &n, n - 1)) {
                        (void)weft_add_acq_rel(&t->taken, 1);
                        return 0;
                }
        return -EAGAIN;
}

static void put(struct tokens *t, uint64_t n)
{
        (void)weft_add_acq_rel(&t->n, n);
        weft_wait_signal(&t->wait, (uint32_t)n);
}

/* Until as many are counted as sleeping: they are asleep, or about to be. */
static void until_waiting(uint32_t n)
{
        int i = 0;
        for (; i < 10000 && weft_wait_waiters(&tokens->wait) != n; i++)
                usleep(500);
        CHECK(i < 10000);
}

static int wait_until(uint64_t deadline)
{
        struct weft_spin spin = { 0 };
        struct weft_agent *agent;
        CHECK(weft_agent_self(arena, &agent) == 0);
        return weft_wait_for(agent, &tokens->wait, &spin, take_one, tokens, deadline);
}

/* ---- spinning ------------------------------------------------------------- */

/* How often it looks in a wait that is in vain. */
static uint64_t looks(void)
{
        uint64_t before = weft_load_rlx(&tokens->looked);
        CHECK(wait_until(weft_after(WEFT_MSEC)) == -ETIMEDOUT);
        return weft_load_rlx(&tokens->looked) - before;
}

static void *take_there(void *unused)
{
        CHECK(wait_until(weft_after(20 * WEFT_SEC)) == 0);
        return unused;
}

/* Who wakes others where he waits himself: that is no reason not to spin. */
static void one_own_wakes_do_not_stop_the_spinning(void **state)
{
        cpu_set_t here, was;
        pthread_t t;

        (void)state;
        if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
                skip();
        CPU_ZERO(&here);
        CPU_SET((size_t)sched_getcpu(), &here);
        assert_int_equal(pthread_create(&t, NULL, take_there, NULL), 0);
        until_waiting(1);
        assert_int_equal(sched_getaffinity(0, sizeof was, &was), 0);
        assert_int_equal(sched_setaffinity(0, sizeof here, &here), 0);
        put(tokens, 1);
        assert_int_equal(pthread_join(t, NULL), 0);
        uint32_t mark = weft_load_rlx(&tokens->wait.cpu);
        assert_int_not_equal(mark, 0);
        assert_true(looks() >= 32);
        assert_int_equal(weft_load_rlx(&tokens->wait.cpu), mark);
        weft_store_rlx(&tokens->wait.cpu, mark + (7u << 20)); /* another's, from here */
        assert_true(looks() < 16);
        assert_int_equal(sched_setaffinity(0, sizeof was, &was), 0);
}

/* ---- time ---------------------------------------------------------------- */

static void time_is_monotonic_nanoseconds(void **state)
{
        struct timespec t;

        (void)state;
        errno = 4711;
        for (int i = 0; i < 1000; i++) {
                uint64_t a = weft_now();
                clock_gettime(CLOCK_MONOTONIC, &t);
                uint64_t b = (uint64_t)t.tv_sec * WEFT_SEC + (uint64_t)t.tv_nsec;
                assert_true(a <= b && b <= weft_now());
        }
        assert_int_equal(errno, 4711);
}

static void after_saturates(void **state)
{
        (void)state;
        uint64_t before = weft_now(), in_a_second = weft_after(WEFT_SEC);
        assert_true(in_a_second >= before + WEFT_SEC);
        assert_true(in_a_second <= weft_now() + WEFT_SEC);
        assert_true(weft_after(WEFT_NEVER) == WEFT_NEVER);
        assert_true(weft_after(WEFT_NEVER - 1) == WEFT_NEVER);
        assert_true(weft_after(WEFT_NEVER - WEFT_SEC) == WEFT_NEVER);
        assert_true(weft_after(WEFT_NEVER / 2) < WEFT_NEVER);
        assert_true(weft_after(0) != WEFT_NOW); /* a deadline just passed, not a try */
}

/* ---- deadlines ----------------------------------------------------------- */

static void trying_does_not_wait(void **state)
{
        (void)state;
        assert_int_equal(wait_until(WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_load_acq(&tokens->looked), 1);
        put(tokens, 1);
        assert_int_equal(wait_until(WEFT_NOW), 0);
}

static void a_passed_deadline_ends_at_once_but_looks(void **state)
{
        (void)state;
        uint64_t t = weft_now();
        assert_int_equal(wait_until(1), -ETIMEDOUT);
        assert_int_equal(wait_until(weft_now()), -ETIMEDOUT);
        assert_true(weft_now() - t < 5 * WEFT_SEC);
        put(tokens, 1);
        assert_int_equal(wait_until(1), 0); /* it is there: no matter when */
}

static void a_deadline_is_kept(void **state)
{
        static const uint64_t waits[] = { WEFT_MSEC / 10, WEFT_MSEC, 30 * WEFT_MSEC,
                                          100 * WEFT_MSEC };
        (void)state;
        errno = 4711;
        for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
                uint64_t t = weft_now();
                assert_int_equal(wait_until(weft_after(waits[i])), -ETIMEDOUT);
                t = weft_now() - t;
                assert_true(t >= waits[i]);                /* never before */
                assert_true(t < waits[i] + WEFT_SEC * 10); /* and not for ever */
        }
        assert_int_equal(weft_wait_waiters(&tokens->wait), 0);
        assert_int_equal(errno, 4711);
}

static int refuse(void *code)
{
        return *(int *)code;
}

static void what_the_attempt_says_is_returned(void **state)
{
        static const int codes[] = { 0, 7, -EPIPE, -EUCLEAN, -ETIMEDOUT };
        struct weft_spin spin = { 0 };
        struct weft_agent *agent;

        (void)state;
        assert_int_equal(weft_agent_self(arena, &agent), 0);
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
                int code = codes[i];
                assert_int_equal(weft_wait_for(agent, &tokens->wait, &spin, refuse, &code,
                                               WEFT_NEVER),
                                 code);
        }
}

/* ---- waking -------------------------------------------------------------- */

static void wait_elsewhere(void *seconds)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        arena = there;
        CHECK(weft_array_open(there, "tokens", &holder) == 0);
        tokens = weft_array_span(holder, 0, 1);
        CHECK(tokens);
        CHECK(wait_until(weft_after((uintptr_t)seconds * WEFT_SEC)) == 0);
        weft_array_close(holder);
        weft_arena_close(there);
}

static void a_wake_arrives_in_another_process(void **state)
{
        (void)state;
        for (int i = 0; i < 5; i++) {
                pid_t pid = child_start(wait_elsewhere, (void *)60);
                until_waiting(1);
                uint64_t t = weft_now();
                put(tokens, 1);
                assert_int_equal(child_end(pid), 0);
                print_message("woken and gone in %llu us\n",
                              (unsigned long long)(weft_now() - t) / 1000);
        }
        assert_int_equal(weft_load_acq(&tokens->taken), 5);
        assert_int_equal(weft_wait_waiters(&tokens->wait), 0);
}

static void all_are_woken(void **state)
{
        enum { WAITERS = 8 };
        pid_t pid[WAITERS];

        (void)state;
        for (int i = 0; i < WAITERS; i++)
                pid[i] = child_start(wait_elsewhere, (void *)60);
        until_waiting(WAITERS);
        put(tokens, WAITERS);
        for (int i = 0; i < WAITERS; i++)
                assert_int_equal(child_end(pid[i]), 0);
        assert_int_equal(weft_load_acq(&tokens->taken), WAITERS);
}

/* The waker dies between its change and its wake: the sleeper looks by itself. */
static void a_lost_wake_costs_a_moment(void **state)
{
        (void)state;
        pid_t pid = child_start(wait_elsewhere, (void *)60);
        until_waiting(1);
        uint64_t t = weft_now();
        (void)weft_add_acq_rel(&tokens->n, 1); /* and no signal */
        assert_int_equal(child_end(pid), 0);
        print_message("without a wake: %llu ms\n",
                      (unsigned long long)(weft_now() - t) / WEFT_MSEC);
}

static void killed_waiters_do_not_stop_others(void **state)
{
        enum { DEAD = 4 };
        pid_t dead[DEAD];

        (void)state;
        for (int i = 0; i < DEAD; i++)
                dead[i] = child_start(wait_elsewhere, (void *)600);
        until_waiting(DEAD);
        pid_t pid = child_start(wait_elsewhere, (void *)60);
        until_waiting(DEAD + 1);
        for (int i = 0; i < DEAD; i++)
                assert_int_equal(child_kill(dead[i]), -SIGKILL);
        until_waiting(DEAD + 1); /* still counted; the living one looks now and then */
        put(tokens, 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_load_acq(&tokens->taken), 1);
        weft_wait_reset(&tokens->wait); /* as the recovery of an object does */
        assert_int_equal(weft_wait_waiters(&tokens->wait), 0);
        assert_int_equal(wait_until(weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_wait_waiters(&tokens->wait), 0);
}

static void a_reset_wakes_and_is_not_counted_twice(void **state)
{
        pid_t pid[3];

        (void)state;
        for (int i = 0; i < 3; i++)
                pid[i] = child_start(wait_elsewhere, (void *)60);
        until_waiting(3);
        for (int i = 0; i < 10; i++) {
                weft_wait_reset(&tokens->wait);
                until_waiting(3); /* all look, and go to sleep again */
        }
        put(tokens, 3);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_end(pid[i]), 0);
        assert_int_equal(weft_wait_waiters(&tokens->wait), 0);
}

static void die_with_a_seat(void *gate)
{
        CHECK(weft_agent_join(arena) == 0);
        gate_open(gate, 1);
        for (;;)
                pause();
}

/* Who waits looks for the dead, so that what they held comes back. */
static void a_waiter_settles_the_dead(void **state)
{
        struct gate gate = gate_make();
        struct weft_arena_info info;

        (void)state;
        pid_t pid = child_start(die_with_a_seat, &gate);
        gate_pass(&gate);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(weft_arena_info(arena, &info), 0);
        assert_int_equal(info.dead, 1);
        assert_int_equal(wait_until(weft_after(200 * WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_arena_info(arena, &info), 0);
        assert_int_equal(info.dead, 0);
        gate_drop(&gate);
}

/* Who always gives up soon never gets to look for the dead while he sleeps. */
static void short_waits_settle_the_dead_too(void **state)
{
        struct gate gate = gate_make();
        struct weft_arena_info info;

        (void)state;
        assert_int_equal(wait_until(weft_after(WEFT_MSEC)), -ETIMEDOUT);
        pid_t pid = child_start(die_with_a_seat, &gate);
        gate_pass(&gate);
        assert_int_equal(child_kill(pid), -SIGKILL);
        int waits = 0;
        do {
                assert_int_equal(wait_until(weft_after(WEFT_MSEC)), -ETIMEDOUT);
                assert_int_equal(weft_arena_info(arena, &info), 0);
        } while (info.dead && ++waits < 5000);
        assert_int_equal(info.dead, 0);
        gate_drop(&gate);
}

static void nobody_is_woken_for_nothing(void **state)
{
        (void)state;
        uint64_t word = weft_load_acq(&tokens->wait.word);
        put(tokens, 3);
        assert_true(weft_load_acq(&tokens->wait.word) ==
                    word); /* nobody: not even that */
}

/* ---- exactly as many as there were --------------------------------------- */

enum { ROUNDS = 20000 };

static void *take_all(void *unused)
{
        (void)unused;
        for (int i = 0; i < ROUNDS; i++)
                CHECK(wait_until(weft_after(60 * WEFT_SEC)) == 0);
        return NULL;
}

static void *put_all(void *unused)
{
        (void)unused;
        for (int i = 0; i < ROUNDS; i++)
                put(tokens, 1);
        return NULL;
}

/* A lock's unlock calls one, and nobody more until one who was counted is out again. */
static void one_who_is_called_is_enough(void **state)
{
        struct weft_wait_shared *wait = &tokens->wait;
        (void)state;
        weft_wait_pass(wait);
        uint32_t none = (uint32_t)weft_load_rlx(&wait->word);
        uint64_t a = weft_wait_count_in(wait), b = weft_wait_count_in(wait);
        assert_int_equal((uint32_t)b, none); /* nobody was there to be called */
        weft_wait_pass(wait);
        weft_wait_pass(wait);
        assert_int_equal((uint32_t)weft_load_rlx(&wait->word), none + 1);
        assert_int_equal(weft_wait_waiters(wait), 2);
        weft_wait_count_out(wait, a);
        weft_wait_pass(wait);
        assert_int_equal((uint32_t)weft_load_rlx(&wait->word), none + 2);
        weft_wait_signal(wait, 1); /* who brings more for others calls all the same */
        assert_int_equal((uint32_t)weft_load_rlx(&wait->word), none + 3);
        weft_wait_count_out(wait, b);
        assert_int_equal(weft_wait_waiters(wait), 0);
        weft_wait_pass(wait);
        assert_int_equal((uint32_t)weft_load_rlx(&wait->word), none + 3);
        a = weft_wait_count_in(wait);
        weft_wait_pass(wait);
        weft_wait_reset(wait); /* nobody is called in a new epoch */
        b = weft_wait_count_in(wait);
        uint32_t fresh = (uint32_t)b;
        weft_wait_pass(wait);
        assert_int_equal((uint32_t)weft_load_rlx(&wait->word), fresh + 1);
        weft_wait_count_out(wait, a); /* of the old one: means nothing now */
        assert_int_equal(weft_wait_waiters(wait), 1);
        weft_wait_count_out(wait, b);
}

static void no_wake_is_lost(void **state)
{
        pthread_t thread[4];

        (void)state;
        uint64_t t = weft_now();
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&thread[i], NULL,
                                                i % 2 ? put_all : take_all, NULL),
                                 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(weft_load_acq(&tokens->n), 0);
        assert_int_equal(weft_load_acq(&tokens->taken), 2 * ROUNDS);
        assert_int_equal(weft_wait_waiters(&tokens->wait), 0);
        print_message("%d takes in %llu ms\n", 2 * ROUNDS,
                      (unsigned long long)(weft_now() - t) / WEFT_MSEC);
}

/* ---- what waiting costs -------------------------------------------------- */

/* Printed, not asserted: the machine is not ours alone. */
static void waiting_is_sleeping(void **state)
{
        struct rusage usage;
        int status;

        (void)state;
        pid_t pid = child_start(wait_elsewhere, (void *)60);
        until_waiting(1);
        uint64_t t = weft_now();
        usleep(1000000);
        put(tokens, 1);
        assert_int_equal(wait4(pid, &status, 0, &usage), pid);
        t = weft_now() - t;
        uint64_t us = (uint64_t)usage.ru_utime.tv_sec * 1000000 +
                      (uint64_t)usage.ru_utime.tv_usec +
                      (uint64_t)usage.ru_stime.tv_sec * 1000000 +
                      (uint64_t)usage.ru_stime.tv_usec;
        print_message("a process that slept %llu ms used %llu us, its start included\n",
                      (unsigned long long)t / WEFT_MSEC, (unsigned long long)us);
        assert_int_equal(status, 0);
        assert_true(weft_load_acq(&tokens->looked) < 100000); /* it did not spin on */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_tokens, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(time_is_monotonic_nanoseconds),
                cmocka_unit_test(after_saturates),
                TEST(one_own_wakes_do_not_stop_the_spinning),
                TEST(trying_does_not_wait),
                TEST(a_passed_deadline_ends_at_once_but_looks),
                TEST(a_deadline_is_kept),
                TEST(what_the_attempt_says_is_returned),
                TEST(a_wake_arrives_in_another_process),
                TEST(all_are_woken),
                TEST(a_lost_wake_costs_a_moment),
                TEST(killed_waiters_do_not_stop_others),
                TEST(a_reset_wakes_and_is_not_counted_twice),
                TEST(a_waiter_settles_the_dead),
                TEST(short_waits_settle_the_dead_too),
                TEST(nobody_is_woken_for_nothing),
                TEST(one_who_is_called_is_enough),
                TEST(no_wake_is_lost),
                TEST(waiting_is_sleeping),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
