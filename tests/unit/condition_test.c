#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/condition.h>
#include <weft/object.h>
#include <weft/select.h>

#include "runtime/object.h"
#include "runtime/waitable.h"
#include "sync/condition_shared.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test, like these: */
static weft_condition_t *cond;
static weft_mutex_t *mutex;

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        (void)state;
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_condition_create(arena, "c", &cond) == 0);
        return weft_mutex_create(arena, "m", NULL, &mutex);
}

static int whole_arena(void **state)
{
        struct weft_census census;
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "c") == 0);
        CHECK(weft_object_remove(arena, "m") == 0);
        weft_condition_close(cond);
        weft_mutex_close(mutex);
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.object_bytes == 0);
        weft_arena_close(arena);
        return 0;
}

static void lock(void)
{
        CHECK(weft_mutex_lock(mutex, WEFT_NEVER) == 0);
}

static void unlock(void)
{
        CHECK(weft_mutex_unlock(mutex) == 0);
}

static struct weft_condition_info info_of(weft_condition_t *c)
{
        struct weft_condition_info info;
        CHECK(weft_condition_info(c, &info) == 0);
        return info;
}

static void until_waiting(uint32_t n)
{
        while (info_of(cond).waiting != n)
                usleep(100);
}

/* ---- alone ----------------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
        weft_condition_t *c = (weft_condition_t *)&state;
        weft_mutex_t *recursive;
        struct weft_mutex_options o = { .flags = WEFT_MUTEX_RECURSIVE };

        (void)state;
        errno = 4711;
        assert_int_equal(weft_condition_create(NULL, "d", &c), -EINVAL);
        assert_int_equal(weft_condition_create(arena, NULL, &c), -EINVAL);
        assert_int_equal(weft_condition_create(arena, "d", NULL), -EINVAL);
        assert_int_equal(weft_condition_create_or_open(arena, "d", NULL), -EINVAL);
        assert_int_equal(weft_condition_open(arena, "d", NULL), -EINVAL);
        assert_int_equal(weft_condition_open(arena, "d", &c), -ENOENT);
        assert_null(c);
        assert_int_equal(weft_condition_open(arena, "m", &c), -EPROTO);
        assert_int_equal(weft_condition_create(arena, "c", &c), -EEXIST);
        assert_int_equal(weft_condition_create_or_open(arena, "c", &c), 0);
        weft_condition_close(c);
        weft_condition_close(NULL);
        assert_int_equal(weft_condition_wait(NULL, mutex, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_condition_wait(cond, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_condition_wait(cond, mutex, WEFT_NOW), -EPERM);
        assert_int_equal(weft_condition_notify_one(NULL), -EINVAL);
        assert_int_equal(weft_condition_notify_all(NULL), -EINVAL);
        assert_int_equal(weft_condition_enroll(NULL), -EINVAL);
        assert_int_equal(weft_condition_cancel(NULL), -EINVAL);
        assert_int_equal(weft_condition_info(cond, NULL), -EINVAL);
        assert_int_equal(weft_condition_info(NULL, NULL), -EINVAL);

        assert_int_equal(weft_mutex_create(arena, "r", &o, &recursive), 0);
        assert_int_equal(weft_mutex_lock(recursive, WEFT_NEVER), 0);
        assert_int_equal(weft_mutex_lock(recursive, WEFT_NEVER), 0);
        assert_int_equal(weft_condition_wait(cond, recursive, WEFT_NOW), -EPERM);
        assert_int_equal(weft_mutex_unlock(recursive), 0);
        assert_int_equal(weft_condition_wait(cond, recursive, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_mutex_unlock(recursive), 0);
        assert_int_equal(weft_object_remove(arena, "r"), 0);
        weft_mutex_close(recursive);
        assert_int_equal(errno, 4711);
        assert_int_equal(info_of(cond).waiting, 0);
}

static void another_arena_s_mutex_is_refused(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        weft_arena_t *other;
        weft_mutex_t *theirs;

        (void)state;
        assert_int_equal(weft_arena_create(NULL, &o, &other), 0);
        assert_int_equal(weft_mutex_create(other, "m", NULL, &theirs), 0);
        assert_int_equal(weft_mutex_lock(theirs, WEFT_NEVER), 0);
        assert_int_equal(weft_condition_wait(cond, theirs, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_mutex_unlock(theirs), 0);
        weft_mutex_close(theirs);
        weft_arena_close(other);
}

static void waiting_that_ends_by_time_holds_the_mutex_again(void **state)
{
        struct weft_mutex_info m;

        (void)state;
        lock();
        assert_int_equal(weft_condition_wait(cond, mutex, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_condition_wait(cond, mutex, weft_after(WEFT_MSEC)),
                         -ETIMEDOUT);
        assert_int_equal(weft_condition_wait(cond, mutex, 1), -ETIMEDOUT);
        assert_int_equal(weft_condition_wait(cond, mutex, weft_after(50 * WEFT_MSEC)),
                         -ETIMEDOUT);
        assert_int_equal(weft_mutex_info(mutex, &m), 0);
        assert_int_equal(m.held, 1);
        unlock();
        assert_int_equal(info_of(cond).waiting, 0);
        assert_int_equal(weft_condition_notify_one(cond), 0);
        assert_int_equal(weft_condition_notify_all(cond), 0);
}

static void the_halves_of_a_wait(void **state)
{
        (void)state;
        assert_int_equal(weft_condition_cancel(cond), 0);
        lock();
        assert_int_equal(weft_condition_enroll(cond), 0);
        assert_int_equal(weft_condition_enroll(cond), -EBUSY);
        assert_int_equal(weft_condition_wait(cond, mutex, WEFT_NOW), -EBUSY);
        unlock();
        assert_int_equal(info_of(cond).waiting, 1);
        assert_int_equal(weft_object_remove(arena, "c"), -EBUSY);
        assert_int_equal(weft_condition_cancel(cond), 0);
        assert_int_equal(info_of(cond).waiting, 0);
        assert_int_equal(weft_condition_enroll(cond), 0);
        assert_int_equal(weft_condition_notify_one(cond), 1);
        assert_int_equal(weft_condition_notify_one(cond), 0);
        assert_int_equal(weft_condition_notify_all(cond), 0);
        assert_int_equal(info_of(cond).waiting, 0);
        assert_int_equal(info_of(cond).notified, 1);
        assert_int_equal(weft_condition_enroll(cond), -EBUSY);
        assert_int_equal(weft_condition_cancel(cond), 1);
        assert_int_equal(weft_condition_cancel(cond), 0);
        assert_int_equal(info_of(cond).notified, 0);
}

static void select_ends_the_enrolment(void **state)
{
        struct weft_handle *h = (struct weft_handle *)cond;
        const struct weft_waitable *w = h->kind->waitable;
        struct weft_case c = { .object = cond, .op = WEFT_OP_NOTIFIED };
        struct weft_agent *agent;

        (void)state;
        assert_int_equal(weft_handle_enter(h, &agent), 0);
        assert_non_null(w->wait(h, &c));
        assert_int_equal(w->attempt(h, agent, &c), -EINVAL); /* not enrolled */
        assert_int_equal(w->look(h, agent, &c), 0);
        assert_int_equal(weft_condition_enroll(cond), 0);
        assert_int_equal(w->attempt(h, agent, &c), -EAGAIN);
        assert_int_equal(w->look(h, agent, &c), -EAGAIN);
        assert_int_equal(weft_condition_notify_all(cond), 1);
        assert_int_equal(w->look(h, agent, &c), 0);
        assert_int_equal(w->attempt(h, agent, &c), 0);
        assert_int_equal(weft_condition_cancel(cond), 0);
        assert_int_equal(info_of(cond).notified, 0);
        c.op = WEFT_OP_LOCK;
        assert_null(w->wait(h, &c));
}

/* ---- together ---------------------------------------------------------------- */

struct waiter {
        pthread_t thread;
        int place; /* in the order of coming back */
        int rc;
};

static int back; /* protected by the mutex */

static void *wait_once(void *context)
{
        struct waiter *w = context;
        lock();
        w->rc = weft_condition_wait(cond, mutex, WEFT_NEVER);
        w->place = back++;
        unlock();
        return NULL;
}

static void start(struct waiter *w, int n)
{
        back = 0;
        for (int i = 0; i < n; i++) {
                CHECK(pthread_create(&w[i].thread, NULL, wait_once, &w[i]) == 0);
                until_waiting((uint32_t)i + 1);
        }
}

static void end(struct waiter *w, int n)
{
        for (int i = 0; i < n; i++) {
                CHECK(pthread_join(w[i].thread, NULL) == 0);
                CHECK(w[i].rc == 0);
        }
}

static int all_back(void)
{
        lock();
        int n = back;
        unlock();
        return n;
}

static void they_are_notified_in_the_order_of_coming(void **state)
{
        struct waiter w[4];

        (void)state;
        start(w, 4);
        for (int i = 0; i < 4; i++) {
                assert_int_equal(weft_condition_notify_one(cond), 1);
                while (all_back() != i + 1)
                        usleep(100);
                assert_int_equal(info_of(cond).waiting, (uint32_t)(3 - i));
        }
        end(w, 4);
        for (int i = 0; i < 4; i++)
                assert_int_equal(w[i].place, i);
}

static void all_can_be_notified(void **state)
{
        struct waiter w[4];

        (void)state;
        start(w, 4);
        lock();
        assert_int_equal(weft_condition_notify_all(cond), 4);
        assert_int_equal(info_of(cond).notified, 4); /* they need the mutex */
        assert_int_equal(back, 0);
        unlock();
        end(w, 4);
        assert_int_equal(info_of(cond).notified, 0);
}

static int turn; /* protected by the mutex */

static void *play(void *context)
{
        int me = *(int *)context;
        lock();
        while (turn < 2000) {
                if (turn % 2 == me) {
                        turn++;
                        CHECK(weft_condition_notify_one(cond) >= 0);
                } else {
                        CHECK(weft_condition_wait(cond, mutex, WEFT_NEVER) == 0);
                }
        }
        CHECK(weft_condition_notify_one(cond) >= 0);
        unlock();
        return NULL;
}

static void to_and_fro(void **state)
{
        pthread_t thread[2];
        int who[2] = { 0, 1 };

        (void)state;
        turn = 0;
        for (int i = 0; i < 2; i++)
                CHECK(pthread_create(&thread[i], NULL, play, &who[i]) == 0);
        for (int i = 0; i < 2; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
        assert_int_equal(turn, 2000);
}

static void *wait_a_moment(void *context)
{
        weft_a32_t *rc = context;
        lock();
        int is = weft_condition_wait(cond, mutex, weft_after(10 * WEFT_MSEC));
        weft_store_rel(rc, (uint32_t)is);
        unlock();
        return NULL;
}

/* Its time is over, but it cannot tell before it has the mutex. */
static void notified_while_it_comes_back_is_notified(void **state)
{
        pthread_t thread;
        weft_a32_t rc = { 4711 };

        (void)state;
        CHECK(pthread_create(&thread, NULL, wait_a_moment, &rc) == 0);
        while (info_of(cond).waiting == 0 && weft_load_acq(&rc) == 4711)
                usleep(100);
        lock();
        usleep(30000);
        if (info_of(cond).waiting) { /* not so if lock() came too late */
                assert_int_equal(weft_condition_notify_one(cond), 1);
                unlock();
                CHECK(pthread_join(thread, NULL) == 0);
                assert_int_equal(weft_load_acq(&rc), 0);
        } else {
                unlock();
                CHECK(pthread_join(thread, NULL) == 0);
        }
}

/* ---- other processes ------------------------------------------------------------- */

static void wait_elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_condition_t *c;
        weft_mutex_t *m;

        (void)unused;
        CHECK(weft_condition_open(there, "c", &c) == 0);
        CHECK(weft_mutex_open(there, "m", &m) == 0);
        CHECK(weft_mutex_lock(m, WEFT_NEVER) == 0);
        CHECK(weft_condition_wait(c, m, WEFT_NEVER) == 0);
        CHECK(weft_mutex_unlock(m) == 0);
        weft_mutex_close(m);
        weft_condition_close(c);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        (void)state;
        pid_t pid = child_start(wait_elsewhere, NULL);
        until_waiting(1);
        assert_int_equal(weft_condition_notify_one(cond), 1);
        assert_int_equal(child_end(pid), 0);
}

static void read_only(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        weft_condition_t *c;

        (void)unused;
        CHECK(weft_condition_open(there, "c", &c) == 0);
        CHECK(info_of(c).waiting == 1);
        CHECK(weft_condition_notify_one(c) == -EROFS);
        CHECK(weft_condition_notify_all(c) == -EROFS);
        CHECK(weft_condition_enroll(c) == -EROFS);
        CHECK(weft_condition_cancel(c) == -EROFS);
        weft_condition_close(c);
        weft_arena_close(there);
}

static void looking_works_read_only(void **state)
{
        (void)state;
        assert_int_equal(weft_condition_enroll(cond), 0);
        assert_int_equal(child_run(read_only, NULL), 0);
        assert_int_equal(weft_condition_cancel(cond), 0);
}

/* ---- the dead -------------------------------------------------------------------- */

static void enroll_and_stay(void *unused)
{
        (void)unused;
        CHECK(weft_condition_enroll(cond) == 0);
        for (;;)
                pause();
}

/* Nobody but the other waiter is there to find out. */
static void a_dead_waiter_s_notification_goes_to_the_next(void **state)
{
        struct waiter w;

        (void)state;
        for (int notified_first = 0; notified_first < 2; notified_first++) {
                pid_t pid = child_start(enroll_and_stay, NULL);
                until_waiting(1);
                CHECK(pthread_create(&w.thread, NULL, wait_once, &w) == 0);
                until_waiting(2);
                if (!notified_first)
                        assert_int_equal(child_kill(pid), -SIGKILL);
                assert_int_equal(weft_condition_notify_one(cond), 1);
                if (notified_first)
                        assert_int_equal(child_kill(pid), -SIGKILL);
                end(&w, 1);
                (void)recover_count(arena);
                assert_int_equal(info_of(cond).waiting, 0);
                assert_int_equal(info_of(cond).notified, 0);
        }
}

static void one_enrolled_that_leaves_passes_it_on(void **state)
{
        struct waiter w;

        (void)state;
        assert_int_equal(weft_condition_enroll(cond), 0);
        CHECK(pthread_create(&w.thread, NULL, wait_once, &w) == 0);
        until_waiting(2);
        assert_int_equal(weft_condition_notify_one(cond), 1);
        assert_int_equal(info_of(cond).waiting, 1); /* the thread */
        weft_agent_leave(arena);
        end(&w, 1);
        assert_int_equal(info_of(cond).waiting, 0);
        assert_int_equal(info_of(cond).notified, 0);
}

static void lock_and_die(void *unused)
{
        (void)unused;
        lock();
        raise(SIGKILL);
}

/* All others wait: so nobody would lock the mutex, and be told. */
static void waiters_find_out_that_the_mutex_s_holder_died(void **state)
{
        (void)state;
        lock();
        pid_t pid = child_start(lock_and_die, NULL);
        assert_int_equal(weft_condition_wait(cond, mutex, weft_after(30 * WEFT_SEC)),
                         -EOWNERDEAD);
        assert_int_equal(child_end(pid), -SIGKILL);
        assert_int_equal(weft_mutex_consistent(mutex), 0);
        unlock();
        assert_int_equal(info_of(cond).waiting, 0);
}

static void an_unrecoverable_mutex_ends_the_wait(void **state)
{
        struct weft_mutex_info m;

        (void)state;
        assert_int_equal(child_run(lock_and_die, NULL), -SIGKILL);
        assert_int_equal(weft_mutex_lock(mutex, WEFT_NEVER), -EOWNERDEAD);
        /* Unlocked without being repaired. */
        assert_int_equal(weft_condition_wait(cond, mutex, weft_after(30 * WEFT_SEC)),
                         -ENOTRECOVERABLE);
        assert_int_equal(weft_mutex_info(mutex, &m), 0);
        assert_int_equal(m.held, 0);
        assert_int_equal(info_of(cond).waiting, 0);
        assert_int_equal(weft_mutex_reset(mutex), 0);
        lock();
        unlock();
}

/* ---- hostile bytes ----------------------------------------------------------------- */

static void any_bytes_are_survived(void **state)
{
        struct weft_condition_shared *sh = ((struct weft_handle *)cond)->sh;
        struct weft_line_shared good = sh->line;
        uint64_t random = 4711;

        (void)state;
        for (int round = 0; round < 50; round++) {
                for (uint32_t i = 0; i < WEFT_AGENTS_MAX; i++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        weft_store_rlx(&sh->line.slots.word[i],
                                       round ? random : UINT64_MAX);
                }
                weft_store_rlx(&sh->line.ticket, random);
                (void)info_of(cond);
                assert_true(weft_condition_notify_one(cond) >= 0);
                assert_true(weft_condition_notify_all(cond) >= 0);
                assert_int_not_equal(weft_condition_cancel(cond), 4711);
                lock();
                int rc = weft_condition_wait(cond, mutex, WEFT_NOW);
                assert_true(rc == -EAGAIN || rc == 0 || rc == -EBUSY);
                unlock();
                weft_agent_leave(arena);
                lock();
                unlock();
        }
        sh->line = good;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_arguments_are_refused),
                TEST(another_arena_s_mutex_is_refused),
                TEST(waiting_that_ends_by_time_holds_the_mutex_again),
                TEST(the_halves_of_a_wait),
                TEST(select_ends_the_enrolment),
                TEST(they_are_notified_in_the_order_of_coming),
                TEST(all_can_be_notified),
                TEST(to_and_fro),
                TEST(notified_while_it_comes_back_is_notified),
                TEST(two_processes_at_two_addresses),
                TEST(looking_works_read_only),
                TEST(a_dead_waiter_s_notification_goes_to_the_next),
                TEST(one_enrolled_that_leaves_passes_it_on),
                TEST(waiters_find_out_that_the_mutex_s_holder_died),
                TEST(an_unrecoverable_mutex_ends_the_wait),
                TEST(any_bytes_are_survived),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
