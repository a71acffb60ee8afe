#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/event.h>
#include <weft/object.h>

#include "runtime/waitable.h"
#include "sync/event_shared.h"
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

static weft_event_t *make(const char *name, uint32_t flags)
{
        struct weft_event_options o = { .flags = flags };
        weft_event_t *e = NULL;
        CHECK(weft_event_create(arena, name, &o, &e) == 0 && e);
        return e;
}

static void drop(weft_event_t *e, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_event_close(e);
}

static uint64_t soon(void)
{
        return weft_after(20 * WEFT_MSEC);
}

static uint32_t waiting(weft_event_t *e)
{
        struct weft_event_info info;
        CHECK(weft_event_info(e, &info) == 0);
        return info.waiting;
}

static void until_waiting(weft_event_t *e, uint32_t n)
{
        while (waiting(e) != n)
                usleep(200);
}

static void wait_for_it(void *e)
{
        CHECK(weft_event_wait(e, weft_after(60 * WEFT_SEC)) == 0);
}

/* Has the child ended, well, by now or in a while? */
static bool ended_one_of(pid_t *pid, int n)
{
        for (;;)
                for (int i = 0; i < n; i++) {
                        int status;
                        if (pid[i] && waitpid(pid[i], &status, WNOHANG) == pid[i]) {
                                CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                                pid[i] = 0;
                                return true;
                        }
                        usleep(100);
                }
}

static int still_there(const pid_t *pid, int n)
{
        int there = 0;
        usleep(60000); /* longer than a sleeper goes without looking */
        for (int i = 0; i < n; i++)
                there += pid[i] && waitpid(pid[i], NULL, WNOHANG) == 0;
        return there;
}

/* ---- making --------------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
        struct weft_event_options o = { .flags = 4 };
        weft_event_t *e = (weft_event_t *)&o, *f;
        struct weft_event_info info;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_event_create(arena, "e", &o, &e), -EINVAL);
        o = (struct weft_event_options){ .reserved = 1 };
        assert_int_equal(weft_event_create(arena, "e", &o, &e), -EINVAL);
        assert_int_equal(weft_event_create(arena, "e", NULL, NULL), -EINVAL);
        assert_int_equal(weft_event_create(NULL, "e", NULL, &e), -EINVAL);
        assert_int_equal(weft_event_open(arena, "e", NULL), -EINVAL);
        assert_int_equal(weft_event_open(arena, "e", &e), -ENOENT);
        assert_null(e);
        assert_int_equal(weft_event_set(NULL), -EINVAL);
        assert_int_equal(weft_event_clear(NULL), -EINVAL);
        assert_int_equal(weft_event_pulse(NULL), -EINVAL);
        assert_int_equal(weft_event_wait(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_event_is_set(NULL), -EINVAL);
        assert_int_equal(weft_event_info(NULL, &info), -EINVAL);
        weft_event_close(NULL);
        e = make("e", 0);
        assert_int_equal(weft_event_info(e, NULL), -EINVAL);
        assert_int_equal(weft_event_create(arena, "e", NULL, &f), -EEXIST);
        assert_int_equal(weft_event_wait(e, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_event_wait(e, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_event_wait(e, 1), -ETIMEDOUT);
        assert_int_equal(errno, 4711);
        drop(e, "e");
}

static void opening_fits_or_not(void **state)
{
        struct weft_event_options manual = { .flags = WEFT_EVENT_SET };
        struct weft_event_options automatic = { .flags = WEFT_EVENT_AUTO };
        weft_event_t *e = make("e", 0), *f;

        (void)state;
        assert_int_equal(weft_event_create_or_open(arena, "e", &automatic, &f), -EPROTO);
        assert_null(f);
        assert_int_equal(weft_event_create_or_open(arena, "e", &manual, &f), 0);
        assert_int_equal(weft_event_is_set(f), 0); /* as it was */
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(weft_event_is_set(f), 1);
        weft_event_close(f);
        assert_int_equal(weft_event_open(arena, "e", &f), 0);
        assert_int_equal(weft_event_wait(f, WEFT_NOW), 0);
        weft_event_close(f);
        drop(e, "e");
        e = make("e", WEFT_EVENT_AUTO | WEFT_EVENT_SET);
        assert_int_equal(weft_event_wait(e, WEFT_NOW), 0);
        assert_int_equal(weft_event_wait(e, WEFT_NOW), -EAGAIN);
        drop(e, "e");
}

static void it_tells_of_itself(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO | WEFT_EVENT_SET);
        struct weft_event_info info;
        struct weft_object_info object;

        (void)state;
        assert_int_equal(weft_event_info(e, &info), 0);
        assert_int_equal(info.flags, WEFT_EVENT_AUTO);
        assert_int_equal(info.set, 1);
        assert_int_equal(info.waiting, 0);
        assert_int_equal(weft_object_stat(arena, "e", &object), 0);
        assert_string_equal(object.detail, "set, auto, 0 waiting");
        assert_int_equal(weft_event_clear(e), 0);
        assert_int_equal(weft_object_stat(arena, "e", &object), 0);
        assert_string_equal(object.detail, "not set, auto, 0 waiting");
        drop(e, "e");
}

/* ---- set, clear ------------------------------------------------------------ */

static void manual_lets_all_through_until_cleared(void **state)
{
        weft_event_t *e = make("e", 0);
        pid_t pid[3];

        (void)state;
        for (int i = 0; i < 3; i++)
                pid[i] = child_start(wait_for_it, e);
        until_waiting(e, 3);
        assert_int_equal(still_there(pid, 3), 3);
        assert_int_equal(weft_event_set(e), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_end(pid[i]), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(weft_event_wait(e, WEFT_NOW), 0);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(weft_event_wait(e, WEFT_NEVER), 0);
        assert_int_equal(weft_event_clear(e), 0);
        assert_int_equal(weft_event_clear(e), 0);
        assert_int_equal(weft_event_wait(e, WEFT_NOW), -EAGAIN);
        drop(e, "e");
}

static void manual_set_and_cleared_at_once_is_not_missed(void **state)
{
        weft_event_t *e = make("e", 0);
        pid_t pid[3];

        (void)state;
        for (int i = 0; i < 3; i++)
                pid[i] = child_start(wait_for_it, e);
        until_waiting(e, 3);
        for (int i = 0; i < 3; i++)
                assert_int_equal(kill(pid[i], SIGSTOP), 0);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(weft_event_clear(e), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(kill(pid[i], SIGCONT), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_end(pid[i]), 0);
        assert_int_equal(weft_event_wait(e, soon()), -ETIMEDOUT);
        drop(e, "e");
}

static void auto_lets_one_through(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);
        pid_t pid[3];

        (void)state;
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(weft_event_set(e), 0); /* once is once */
        assert_int_equal(weft_event_is_set(e), 1);
        assert_int_equal(weft_event_wait(e, WEFT_NOW), 0);
        assert_int_equal(weft_event_is_set(e), 0);
        assert_int_equal(weft_event_wait(e, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(weft_event_clear(e), 0);
        assert_int_equal(weft_event_wait(e, WEFT_NOW), -EAGAIN);
        for (int i = 0; i < 3; i++)
                pid[i] = child_start(wait_for_it, e);
        until_waiting(e, 3);
        for (int left = 2; left >= 0; left--) {
                assert_int_equal(weft_event_set(e), 0);
                assert_true(ended_one_of(pid, 3));
                assert_int_equal(still_there(pid, 3), left);
                assert_int_equal(weft_event_is_set(e), 0);
        }
        drop(e, "e");
}

/* ---- pulse ------------------------------------------------------------------ */

static void manual_pulse_lets_those_through_who_wait(void **state)
{
        weft_event_t *e = make("e", 0);
        pid_t pid[3];

        (void)state;
        assert_int_equal(weft_event_pulse(e), 0);
        assert_int_equal(weft_event_wait(e, soon()), -ETIMEDOUT); /* too late */
        for (int i = 0; i < 3; i++)
                pid[i] = child_start(wait_for_it, e);
        until_waiting(e, 3);
        assert_int_equal(weft_event_pulse(e), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_end(pid[i]), 0);
        assert_int_equal(weft_event_is_set(e), 0);
        assert_int_equal(weft_event_wait(e, soon()), -ETIMEDOUT);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(weft_event_pulse(e), 0);
        assert_int_equal(weft_event_is_set(e), 1); /* left as it was */
        drop(e, "e");
}

static void auto_pulse_lets_one_of_them_through(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);
        pid_t pid[3];

        (void)state;
        for (int i = 0; i < 3; i++)
                pid[i] = child_start(wait_for_it, e);
        until_waiting(e, 3);
        assert_int_equal(weft_event_pulse(e), 0);
        assert_true(ended_one_of(pid, 3));
        assert_int_equal(still_there(pid, 3), 2);
        assert_int_equal(weft_event_is_set(e), 0);
        assert_int_equal(weft_event_pulse(e), 0); /* twice in a row: two of them */
        assert_int_equal(weft_event_pulse(e), 0);
        assert_true(ended_one_of(pid, 3));
        assert_true(ended_one_of(pid, 3));
        assert_int_equal(weft_event_wait(e, soon()), -ETIMEDOUT);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(weft_event_pulse(e), 0);
        assert_int_equal(weft_event_is_set(e), 1);
        drop(e, "e");
}

static void auto_pulses_without_waiters_are_gone(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);

        (void)state;
        for (int i = 0; i < 200; i++) {
                assert_int_equal(weft_event_pulse(e), 0);
                assert_int_equal(weft_event_wait(e, WEFT_NOW), -EAGAIN);
        }
        assert_int_equal(weft_event_wait(e, soon()), -ETIMEDOUT);
        pid_t pid[2];
        for (int i = 0; i < 2; i++)
                pid[i] = child_start(wait_for_it, e);
        until_waiting(e, 2);
        assert_int_equal(still_there(pid, 2), 2);
        for (int left = 1; left >= 0; left--) { /* one for one, and none of the old */
                assert_int_equal(weft_event_pulse(e), 0);
                assert_true(ended_one_of(pid, 2));
                assert_int_equal(still_there(pid, 2), left);
        }
        drop(e, "e");
}

/* The first waiter stands still over both pulses; the second one came in between. */
static void auto_pulses_go_to_those_who_were_there(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);

        (void)state;
        pid_t first = child_start(wait_for_it, e);
        until_waiting(e, 1);
        assert_int_equal(kill(first, SIGSTOP), 0);
        assert_int_equal(weft_event_pulse(e), 0);
        pid_t second = child_start(wait_for_it, e);
        until_waiting(e, 2);
        assert_int_equal(still_there(&second, 1), 1); /* that was not for him */
        assert_int_equal(weft_event_pulse(e), 0);
        assert_int_equal(child_end(second), 0);
        assert_int_equal(kill(first, SIGCONT), 0);
        assert_int_equal(child_end(first), 0);
        drop(e, "e");
}

/* He takes the older one of two, which nobody else may have. */
static void the_oldest_pulse_is_taken_first(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);

        (void)state;
        pid_t first = child_start(wait_for_it, e);
        until_waiting(e, 1);
        assert_int_equal(kill(first, SIGSTOP), 0);
        assert_int_equal(weft_event_pulse(e), 0);
        pid_t second = child_start(wait_for_it, e);
        until_waiting(e, 2);
        assert_int_equal(kill(second, SIGSTOP), 0);
        assert_int_equal(weft_event_pulse(e), 0);
        assert_int_equal(kill(first, SIGCONT), 0);
        assert_int_equal(child_end(first), 0);
        assert_int_equal(kill(second, SIGCONT), 0);
        assert_int_equal(child_end(second), 0);
        drop(e, "e");
}

/* Pulsed and set while he stood still: the pulse is for him, SET stays for the next. */
static void a_pulse_is_taken_before_the_event(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);

        (void)state;
        pid_t pid = child_start(wait_for_it, e);
        until_waiting(e, 1);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(weft_event_pulse(e), 0);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(kill(pid, SIGCONT), 0);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_event_is_set(e), 1);
        drop(e, "e");
}

/* ---- the dead ------------------------------------------------------------------ */

static void who_is_woken_and_dies_leaves_it_set(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);

        (void)state;
        pid_t pid = child_start(wait_for_it, e);
        until_waiting(e, 1);
        assert_int_equal(weft_object_remove(arena, "e"), -EBUSY);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(weft_event_is_set(e), 1);
        assert_int_equal(weft_event_wait(e, WEFT_NOW), 0);
        assert_int_equal(waiting(e), 1); /* until it is settled */
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(waiting(e), 0);
        drop(e, "e");
}

static void another_sleeper_gets_what_the_dead_was_woken_for(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);
        pid_t pid[4];

        (void)state;
        for (int i = 0; i < 4; i++)
                pid[i] = child_start(wait_for_it, e);
        until_waiting(e, 4);
        for (int i = 0; i < 3; i++)
                assert_int_equal(kill(pid[i], SIGSTOP), 0);
        assert_int_equal(weft_event_set(e), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_kill(pid[i]), -SIGKILL);
        assert_int_equal(child_end(pid[3]), 0);
        assert_int_equal(weft_event_is_set(e), 0);
        (void)recover_count(arena);
        drop(e, "e");
}

/* ---- other processes -------------------------------------------------------------- */

static void elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_event_t *ping, *pong;

        (void)unused;
        CHECK(weft_event_open(there, "ping", &ping) == 0);
        CHECK(weft_event_open(there, "pong", &pong) == 0);
        for (int i = 0; i < 100; i++) {
                CHECK(weft_event_wait(ping, weft_after(60 * WEFT_SEC)) == 0);
                CHECK(weft_event_set(pong) == 0);
        }
        weft_event_close(ping);
        weft_event_close(pong);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        weft_event_t *ping = make("ping", WEFT_EVENT_AUTO),
                     *pong = make("pong", WEFT_EVENT_AUTO);

        (void)state;
        pid_t pid = child_start(elsewhere, NULL);
        for (int i = 0; i < 100; i++) {
                assert_int_equal(weft_event_set(ping), 0);
                assert_int_equal(weft_event_wait(pong, weft_after(60 * WEFT_SEC)), 0);
        }
        assert_int_equal(child_end(pid), 0);
        drop(ping, "ping");
        drop(pong, "pong");
}

static void read_only_looks(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_SET), *r;
        struct weft_event_info info;
        weft_arena_t *ro;

        (void)state;
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_event_create(ro, "f", NULL, &r), -EROFS);
        assert_int_equal(weft_event_open(ro, "e", &r), 0);
        assert_int_equal(weft_event_is_set(r), 1);
        assert_int_equal(weft_event_info(r, &info), 0);
        assert_int_equal(info.set, 1);
        assert_int_equal(weft_event_wait(r, WEFT_NOW), -EROFS);
        assert_int_equal(weft_event_set(r), -EROFS);
        assert_int_equal(weft_event_clear(r), -EROFS);
        assert_int_equal(weft_event_pulse(r), -EROFS);
        weft_event_close(r);
        weft_arena_close(ro);
        drop(e, "e");
}

/* ---- select --------------------------------------------------------------------------- */

static void select_sees_what_is_set(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO);
        struct weft_handle *h = (struct weft_handle *)e;
        const struct weft_waitable *w = h->kind->waitable;
        struct weft_case c = { .object = e, .op = WEFT_OP_WAIT };
        struct weft_agent *agent;

        (void)state;
        assert_int_equal(weft_handle_enter(h, &agent), 0);
        assert_non_null(w->wait(h, &c));
        c.op = WEFT_OP_LOCK;
        assert_null(w->wait(h, &c));
        c.op = WEFT_OP_WAIT;
        assert_int_equal(weft_event_pulse(e), 0);
        assert_int_equal(w->look(h, agent, &c), -EAGAIN);
        assert_int_equal(w->attempt(h, agent, &c), -EAGAIN);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(w->look(h, agent, &c), 0);
        assert_int_equal(w->look(h, agent, &c), 0); /* takes nothing */
        assert_int_equal(w->attempt(h, agent, &c), 0);
        assert_int_equal(w->attempt(h, agent, &c), -EAGAIN);
        drop(e, "e");
}

/* ---- hostile bytes --------------------------------------------------------------------- */

static void corrupt_bytes_are_told(void **state)
{
        weft_event_t *e = make("e", WEFT_EVENT_AUTO), *f;
        struct weft_event_shared *sh = ((struct weft_handle *)e)->sh, good = *sh;
        struct weft_census census;

        (void)state;
        sh->flags = 6;
        assert_int_equal(weft_event_open(arena, "e", &f), -EUCLEAN);
        assert_null(f);
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        *sh = good;
        sh->word.raw = 3;
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        memset(sh, 0xff, sizeof *sh);
        assert_int_equal(weft_event_wait(e, weft_after(WEFT_MSEC)), 0);
        assert_int_equal(weft_event_wait(e, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_event_pulse(e), 0);
        assert_int_equal(weft_event_set(e), 0);
        assert_int_equal(weft_event_clear(e), 0);
        assert_int_equal(weft_event_is_set(e), 0);
        *sh = good;
        sh->flags = 0;
        sh->pulses.raw[0] = 5;
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        *sh = good;
        assert_int_equal(weft_arena_check(arena, &census), 0);
        drop(e, "e");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_arguments_are_refused),
                TEST(opening_fits_or_not),
                TEST(it_tells_of_itself),
                TEST(manual_lets_all_through_until_cleared),
                TEST(manual_set_and_cleared_at_once_is_not_missed),
                TEST(auto_lets_one_through),
                TEST(manual_pulse_lets_those_through_who_wait),
                TEST(auto_pulse_lets_one_of_them_through),
                TEST(auto_pulses_without_waiters_are_gone),
                TEST(auto_pulses_go_to_those_who_were_there),
                TEST(the_oldest_pulse_is_taken_first),
                TEST(a_pulse_is_taken_before_the_event),
                TEST(who_is_woken_and_dies_leaves_it_set),
                TEST(another_sleeper_gets_what_the_dead_was_woken_for),
                TEST(two_processes_at_two_addresses),
                TEST(read_only_looks),
                TEST(select_sees_what_is_set),
                TEST(corrupt_bytes_are_told),
        };
        return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
