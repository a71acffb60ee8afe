#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/object.h>
#include <weft/once.h>

#include "runtime/waitable.h"
#include "sync/once_shared.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */
static weft_once_t *once;   /* in it */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        (void)state;
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        return weft_once_create(arena, "o", &once);
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "o") == 0);
        weft_once_close(once);
        weft_arena_close(arena);
        return 0;
}

static struct weft_once_info info_now(void)
{
        struct weft_once_info info;
        CHECK(weft_once_info(once, &info) == 0);
        return info;
}

static uint64_t patience(void)
{
        return weft_after(60 * WEFT_SEC);
}

static void until_waiting(uint32_t n)
{
        while (info_now().waiting != n)
                usleep(200);
}

static void until_running(void)
{
        while (!info_now().running)
                usleep(200);
}

/* What functions do: they count themselves, and return what they are told to. */
struct job {
        volatile int runs;
        volatile int result;
        volatile int go; /* 0: it may not end yet */
};

static struct job *job_make(int result, int go)
{
        struct job *job = common_make(4096);
        job->result = result;
        job->go = go;
        return job;
}

static int do_job(void *context)
{
        struct job *job = context;
        __atomic_add_fetch(&job->runs, 1, __ATOMIC_RELAXED);
        while (!job->go)
                usleep(200);
        return job->result;
}

static int call(struct job *job)
{
        return weft_once_call(once, do_job, job, patience());
}

static void call_well(void *job)
{
        CHECK(call(job) == 0);
}

/* ---- making --------------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
        struct job *job = job_make(0, 1);
        struct weft_once_info info;
        weft_once_t *o = once;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_once_create(arena, "p", NULL), -EINVAL);
        assert_int_equal(weft_once_create(NULL, "p", &o), -EINVAL);
        assert_null(o);
        assert_int_equal(weft_once_create(arena, "o", &o), -EEXIST);
        assert_int_equal(weft_once_open(arena, "p", &o), -ENOENT);
        assert_int_equal(weft_once_open(arena, "p", NULL), -EINVAL);
        assert_int_equal(weft_once_create_or_open(arena, "o", &o), 0);
        weft_once_close(o);
        assert_int_equal(weft_once_call(NULL, do_job, job, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_once_call(once, NULL, job, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_once_done(NULL), -EINVAL);
        assert_int_equal(weft_once_reset(NULL), -EINVAL);
        assert_int_equal(weft_once_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_once_info(once, NULL), -EINVAL);
        weft_once_close(NULL);
        assert_int_equal(job->runs, 0);
        assert_int_equal(errno, 4711);
        munmap(job, 4096);
}

/* ---- calling ----------------------------------------------------------------- */

static void the_first_runs_it_the_others_do_not(void **state)
{
        struct job *job = job_make(0, 1);

        (void)state;
        assert_int_equal(weft_once_done(once), 0);
        assert_int_equal(weft_once_call(once, do_job, job, WEFT_NOW), 0);
        assert_int_equal(weft_once_done(once), 1);
        for (int i = 0; i < 3; i++)
                assert_int_equal(call(job), 0);
        assert_int_equal(child_run(call_well, job), 0);
        assert_int_equal(job->runs, 1);
        assert_int_equal(info_now().done, 1);
        assert_int_equal(info_now().running, 0);
        assert_int_equal(info_now().result, 0);
        munmap(job, 4096);
}

static void others_wait_until_it_has_ended(void **state)
{
        struct job *job = job_make(0, 0);
        struct weft_object_info object;
        char detail[64];
        pid_t pid[4];

        (void)state;
        for (int i = 0; i < 4; i++)
                pid[i] = child_start(call_well, job);
        until_running();
        until_waiting(3);
        assert_int_equal(job->runs, 1);
        assert_int_equal(weft_once_call(once, do_job, job, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_once_call(once, do_job, job, weft_after(WEFT_MSEC)),
                         -ETIMEDOUT);
        assert_int_equal(weft_once_done(once), 0);
        assert_int_equal(weft_once_reset(once), -EBUSY);
        assert_int_equal(weft_object_remove(arena, "o"), -EBUSY);
        assert_int_equal(weft_object_stat(arena, "o", &object), 0);
        snprintf(detail, sizeof detail, "%u runs it, 3 waiting", info_now().runner_pid);
        assert_string_equal(object.detail, detail);
        job->go = 1;
        for (int i = 0; i < 4; i++)
                assert_int_equal(child_end(pid[i]), 0);
        assert_int_equal(job->runs, 1);
        assert_int_equal(weft_object_stat(arena, "o", &object), 0);
        assert_string_equal(object.detail, "done, 0 waiting");
        munmap(job, 4096);
}

static void an_error_is_everybodys_until_reset(void **state)
{
        static const int errors[] = { -ENOSPC,  -EAGAIN, -ETIMEDOUT, -EOWNERDEAD,
                                      -EDEADLK, -EROFS,  -EUCLEAN,   -1,
                                      -EPERM,   -4095 };
        struct job *job = job_make(0, 1);

        (void)state;
        for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
                job->runs = 0;
                job->result = errors[i];
                assert_int_equal(weft_once_call(once, do_job, job, WEFT_NOW), errors[i]);
                assert_int_equal(call(job), errors[i]);
                assert_int_equal(weft_once_done(once), errors[i]);
                assert_int_equal(info_now().done, 1);
                assert_int_equal(info_now().result, errors[i]);
                check_whole(arena);
                assert_int_equal(job->runs, 1);
                assert_int_equal(weft_once_reset(once), 0);
                assert_int_equal(weft_once_reset(once), 0);
                assert_int_equal(weft_once_done(once), 0);
        }
        job->result = 0;
        assert_int_equal(call(job), 0);
        assert_int_equal(job->runs, 2);
        assert_int_equal(weft_once_reset(once), 0); /* also when it went well */
        assert_int_equal(call(job), 0);
        assert_int_equal(job->runs, 3);
        munmap(job, 4096);
}

static void no_errno_is_an_invalid_one(void **state)
{
        static const int results[] = { 1, 4711, -4096, INT32_MIN, INT32_MAX };
        struct job *job = job_make(0, 1);

        (void)state;
        for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
                job->result = results[i];
                assert_int_equal(call(job), -EINVAL);
                assert_int_equal(weft_once_done(once), -EINVAL);
                assert_int_equal(weft_once_reset(once), 0);
        }
        munmap(job, 4096);
}

static void call_and_be_told_so(void *job)
{
        CHECK(call(job) == -EAGAIN);
}

static void the_functions_again_is_a_result(void **state)
{
        struct job *job = job_make(-EAGAIN, 0);

        (void)state;
        pid_t pid = child_start(call_and_be_told_so, job);
        until_running();
        pid_t other = child_start(call_and_be_told_so, job);
        until_waiting(1);
        job->go = 1;
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(child_end(other), 0);
        assert_int_equal(job->runs, 1);
        assert_int_equal(weft_once_done(once), -EAGAIN);
        munmap(job, 4096);
}

static int call_itself(void *job)
{
        CHECK(weft_once_call(once, do_job, job, patience()) == -EDEADLK);
        CHECK(weft_once_reset(once) == -EBUSY);
        CHECK(weft_once_done(once) == 0);
        return 0;
}

static void its_own_once_is_a_deadlock(void **state)
{
        struct job *job = job_make(0, 1);

        (void)state;
        assert_int_equal(weft_once_call(once, call_itself, job, WEFT_NOW), 0);
        assert_int_equal(job->runs, 0);
        munmap(job, 4096);
}

/* ---- who is not the runner any more --------------------------------------------- */

static int fork_in_it(void *out)
{
        fflush(NULL);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                return -ENOTSUP; /* the child goes on, out of the call */
        *(int *)out = child_end(pid);
        return 0;
}

static void fork_and_call(void *unused)
{
        int child = -1;
        (void)unused;
        int rc = weft_once_call(once, fork_in_it, &child, WEFT_NOW);
        if (child < 0) /* the grandchild */
                _exit(rc == -EPERM && weft_once_done(once) == 0 &&
                                      weft_once_call(once, fork_in_it, &child,
                                                     WEFT_NOW) == -EAGAIN
                              ? 7
                              : 8);
        CHECK(rc == 0 && child == 7);
}

static void a_child_forked_in_it_is_not_the_runner(void **state)
{
        (void)state;
        assert_int_equal(child_run(fork_and_call, NULL), 0);
        assert_int_equal(weft_once_done(once), 1);
}

static int leave_in_it(void *unused)
{
        (void)unused;
        weft_agent_leave(arena);
        return 0;
}

static void who_leaves_in_it_has_not_done_it(void **state)
{
        struct job *job = job_make(0, 1);

        (void)state;
        assert_int_equal(weft_once_call(once, leave_in_it, NULL, WEFT_NOW), -EPERM);
        assert_int_equal(weft_once_done(once), 0);
        assert_int_equal(call(job), 0);
        assert_int_equal(job->runs, 1);
        munmap(job, 4096);
}

static int end_thread(void *unused)
{
        (void)unused;
        pthread_exit(NULL);
}

static void *call_and_end(void *unused)
{
        (void)unused;
        CHECK(weft_once_call(once, end_thread, NULL, WEFT_NEVER) == 4711); /* never */
        return NULL;
}

static void a_thread_that_ends_in_it_has_not_done_it(void **state)
{
        struct job *job = job_make(0, 1);
        pthread_t thread;

        (void)state;
        assert_int_equal(pthread_create(&thread, NULL, call_and_end, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(weft_once_call(once, do_job, job, WEFT_NOW), 0);
        assert_int_equal(job->runs, 1);
        munmap(job, 4096);
}

/* ---- the dead ------------------------------------------------------------------------ */

static void the_dead_are_replaced(void **state)
{
        struct job *stuck = job_make(0, 0), *job = job_make(0, 1);

        (void)state;
        pid_t pid = child_start(call_well, stuck);
        until_running();
        pid_t waiter = child_start(call_well, job);
        until_waiting(1);
        assert_int_equal(job->runs, 0);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(child_end(waiter), 0);
        assert_int_equal(job->runs, 1);
        assert_int_equal(weft_once_done(once), 1);
        munmap(stuck, 4096);
        munmap(job, 4096);
}

static void the_dead_are_found_without_waiting(void **state)
{
        struct job *stuck = job_make(0, 0), *job = job_make(0, 1);

        (void)state;
        pid_t pid = child_start(call_well, stuck);
        until_running();
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(weft_once_call(once, do_job, job, WEFT_NOW), 0);
        assert_int_equal(job->runs, 1);
        assert_int_equal(weft_once_reset(once), 0);
        pid = child_start(call_well, stuck);
        until_running();
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(weft_once_reset(once), 0);
        assert_int_equal(info_now().running, 0);
        munmap(stuck, 4096);
        munmap(job, 4096);
}

/* ---- other processes -------------------------------------------------------------------- */

static void elsewhere(void *context)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_once_t *o;

        CHECK(weft_once_open(there, "o", &o) == 0);
        CHECK(weft_once_call(o, do_job, context, patience()) == 0);
        CHECK(weft_once_done(o) == 1);
        weft_once_close(o);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        struct job *job = job_make(0, 0);

        (void)state;
        pid_t pid = child_start(elsewhere, job);
        until_running();
        job->go = 1;
        assert_int_equal(call(job), 0);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(child_run(elsewhere, job), 0);
        assert_int_equal(job->runs, 1);
        munmap(job, 4096);
}

static void read_only_looks(void **state)
{
        struct job *job = job_make(-ENOSPC, 1);
        struct weft_once_info info;
        weft_arena_t *ro;
        weft_once_t *r;

        (void)state;
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_once_create(ro, "p", &r), -EROFS);
        assert_int_equal(weft_once_open(ro, "o", &r), 0);
        assert_int_equal(weft_once_done(r), 0);
        assert_int_equal(call(job), -ENOSPC);
        assert_int_equal(weft_once_done(r), -ENOSPC);
        assert_int_equal(weft_once_info(r, &info), 0);
        assert_int_equal(info.result, -ENOSPC);
        assert_int_equal(weft_once_call(r, do_job, job, WEFT_NOW), -EROFS);
        assert_int_equal(weft_once_reset(r), -EROFS);
        weft_once_close(r);
        weft_arena_close(ro);
        munmap(job, 4096);
}

/* ---- select ----------------------------------------------------------------------------- */

static void select_waits_for_the_end(void **state)
{
        struct weft_handle *h = (struct weft_handle *)once;
        const struct weft_waitable *w = h->kind->waitable;
        struct weft_case c = { .object = once, .op = WEFT_OP_WAIT };
        static const int results[] = { 0, -ENOSPC, -EAGAIN };
        static const int told[] = { 0, -ENOSPC, -ECANCELED };
        struct job *job = job_make(0, 1);
        struct weft_agent *agent;

        (void)state;
        assert_int_equal(weft_handle_enter(h, &agent), 0);
        assert_non_null(w->wait(h, &c));
        assert_int_equal(w->attempt(h, agent, &c), -EAGAIN);
        assert_int_equal(w->look(h, agent, &c), -EAGAIN);
        for (int i = 0; i < 3; i++) {
                job->result = results[i];
                assert_int_equal(call(job), results[i]);
                assert_int_equal(w->look(h, agent, &c), 0);
                assert_int_equal(w->attempt(h, agent, &c), told[i]);
                assert_int_equal(weft_once_reset(once), 0);
        }
        c.op = WEFT_OP_LOCK;
        assert_null(w->wait(h, &c));
        munmap(job, 4096);
}

/* ---- hostile bytes ------------------------------------------------------------------------ */

static void corrupt_bytes_are_told(void **state)
{
        struct weft_once_shared *sh = ((struct weft_handle *)once)->sh;
        static const uint64_t bad[] = { 1,
                                        UINT64_MAX,
                                        UINT64_C(2) << 32 | 1,
                                        UINT64_C(3) << 32,
                                        UINT64_C(3) << 32 | 4096,
                                        UINT64_C(4) << 32 };
        struct job *job = job_make(0, 1);
        struct weft_census census;

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                sh->word.raw = bad[i];
                assert_int_equal(call(job), -EUCLEAN);
                assert_true(weft_once_done(once) <= 0);
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        }
        sh->word.raw = WEFT_ONCE_RUNNING | 4711 << 10 | 5; /* who never was */
        assert_int_equal(call(job), 0);
        assert_int_equal(job->runs, 1);
        munmap(job, 4096);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_arguments_are_refused),
                TEST(the_first_runs_it_the_others_do_not),
                TEST(others_wait_until_it_has_ended),
                TEST(an_error_is_everybodys_until_reset),
                TEST(no_errno_is_an_invalid_one),
                TEST(the_functions_again_is_a_result),
                TEST(its_own_once_is_a_deadlock),
                TEST(a_child_forked_in_it_is_not_the_runner),
                TEST(who_leaves_in_it_has_not_done_it),
                TEST(a_thread_that_ends_in_it_has_not_done_it),
                TEST(the_dead_are_replaced),
                TEST(the_dead_are_found_without_waiting),
                TEST(two_processes_at_two_addresses),
                TEST(read_only_looks),
                TEST(select_waits_for_the_end),
                TEST(corrupt_bytes_are_told),
        };
        return cmocka_run_group_tests_name("once", tests, NULL, NULL);
}
