/* tests/unit/group_crew_test.c -- workers that are spawned: run, die, are replaced, end. */
#define _GNU_SOURCE
#include <sched.h>

#include "tests/unit/group_kit.h"

static weft_group_t *group; /* inherited by children */

static void must_all_be_done(uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                CHECK(seen(&page->done[i]) == 1);
}

/* Orphans become ours: see main(). */
static void until_gone(pid_t pid)
{
        CHECK(waitpid(pid, NULL, 0) == pid);
}

/* ---- processes and threads ------------------------------------------------------------ */

static void they_run(uint32_t flags)
{
        group = make();
        assert_int_equal(spawn(group, 3, flags, 0), 0);
        for (uint32_t i = 0; i < 500; i++)
                assert_int_equal(submit(group, "mark", i), 0);
        assert_int_equal(drain(group), 0);
        must_all_be_done(500);
        assert_true((page->pid == getpid()) == (flags == WEFT_GROUP_THREADS));
        weft_group_t *g = group;
        struct weft_group_info info = info_of(g);
        assert_true(info.finished == 500 && !info.failed && !info.restarted);
        drop(g);
}

static void processes_run_tasks(void **state)
{
        (void)state;
        they_run(0);
}

static void threads_run_tasks(void **state)
{
        (void)state;
        they_run(WEFT_GROUP_THREADS);
}

/* Closing ends them after their tasks; what waits stays. */
static void they_end_with_their_handle(uint32_t flags)
{
        weft_group_t *other;
        group = make();
        CHECK(weft_group_open(arena, "g", &other) == 0);
        set(&page->wait, 1);
        assert_int_equal(spawn(group, 2, flags, 0), 0);
        for (uint32_t i = 0; i < 4; i++)
                assert_int_equal(submit(group, "wait", i), 0);
        for (int i = 0; info_of(group).in_hand < 2; i++) {
                CHECK(i < 50000);
                usleep(200);
        }
        assert_int_equal(info_of(group).workers, 2);
        struct weft_object_info about;
        assert_int_equal(weft_object_stat(arena, "g", &about), 0);
        assert_non_null(strstr(about.detail, "2 workers; tasks: 2 of 256 elements"));
        CHECK(weft_group_stop(other) == 0); /* before they look for the next one */
        set(&page->wait, 0);
        weft_group_close(group);
        struct weft_group_info info = info_of(other);
        assert_true(info.finished == 2 && info.queued == 2 && info.workers == 0);
        drop(other);
}

static void closing_ends_processes(void **state)
{
        (void)state;
        they_end_with_their_handle(0);
}

static void closing_ends_threads(void **state)
{
        (void)state;
        they_end_with_their_handle(WEFT_GROUP_THREADS);
}

static void closing_ends_who_is_idle(void **state)
{
        (void)state;
        for (uint32_t flags = 0; flags <= WEFT_GROUP_THREADS; flags++) {
                group = make();
                assert_int_equal(spawn(group, 2, flags, 3), 0);
                assert_int_equal(spawn(group, 1, flags, 3), 0);
                drop(group);
        }
}

static void spawning_may_be_refused(void **state)
{
        struct weft_group_workers w = { .n = 0 };
        (void)state;
        group = make();
        assert_int_equal(weft_group_spawn(group, NULL), -EINVAL);
        assert_int_equal(weft_group_spawn(group, &w), -EINVAL);
        w.n = WEFT_GROUP_WORKERS_MAX + 1;
        assert_int_equal(weft_group_spawn(group, &w), -EINVAL);
        w = (struct weft_group_workers){ .n = 1, .flags = 64 };
        assert_int_equal(weft_group_spawn(group, &w), -EINVAL);
        w = (struct weft_group_workers){ .n = 1, .reserved = 1 };
        assert_int_equal(weft_group_spawn(group, &w), -EINVAL);
        w = (struct weft_group_workers){ .n = 1, .pin = "nowhere" };
        assert_int_equal(weft_group_spawn(group, &w), -EINVAL);
        w.pin = "999999";
        assert_int_equal(weft_group_spawn(group, &w), -ENOENT);
        drop(group);
}

/* ---- deaths ------------------------------------------------------------------------------ */

static void who_dies_is_replaced(void **state)
{
        (void)state;
        group = make();
        assert_int_equal(spawn(group, 2, 0, 100), 0);
        for (uint32_t i = 0; i < 20; i++)
                assert_int_equal(submit(group, i % 4 ? "mark" : "die once", i), 0);
        assert_int_equal(drain(group), 0);
        must_all_be_done(20);
        struct weft_group_info info = info_of(group);
        assert_true(info.finished == 20 && info.failed == 0 && info.retried == 5);
        assert_true(info.restarted >= 3 && info.restarted <= 5 && !info.given_up);
        drop(group);
}

static void who_kills_all_is_given_up(void **state)
{
        (void)state;
        for (uint32_t retries = 0; retries < 3; retries++) {
                struct weft_group_options o = { .retries = retries };
                memset(page, 0, sizeof *page);
                if (!retries)
                        o.flags = WEFT_GROUP_ONCE;
                group = make_with(o);
                assert_int_equal(spawn(group, 1, 0, 100), 0);
                assert_int_equal(submit(group, "die", 7), 0);
                assert_int_equal(submit(group, "mark", 8), 0);
                assert_int_equal(drain(group), 0);
                assert_int_equal(page->runs[7], retries + 1);
                assert_int_equal(page->done[8], 1);
                struct weft_group_info info = info_of(group);
                assert_true(info.finished == 2 && info.failed == 1);
                assert_int_equal(info.retried, retries);
                drop(group);
        }
}

static void restarts_have_a_limit(void **state)
{
        struct weft_group_options o = { .retries = 1000 };
        (void)state;
        group = make_with(o);
        assert_int_equal(spawn(group, 2, 0, 3), 0);
        assert_int_equal(submit(group, "die", 7), 0);
        for (int i = 0; !info_of(group).given_up; i++) {
                CHECK(i < 50000);
                usleep(200);
        }
        until(&page->runs[7], 5); /* two, and three more */
        CHECK(info_of(group).restarted == 3);
        for (int i = 0; info_of(group).workers; i++) {
                CHECK(i < 50000);
                (void)recover_count(arena);
                usleep(200);
        }
        usleep(2000);
        assert_int_equal(page->runs[7], 5);
        assert_int_equal(info_of(group).queued, 1); /* for others, who come later */
        assert_int_equal(info_of(group).given_up, 1);
        drop(group);
}

static void without_restarts_none_is_replaced(void **state)
{
        (void)state;
        group = make();
        assert_int_equal(spawn(group, 1, 0, 0), 0);
        assert_int_equal(submit(group, "die once", 7), 0);
        until(&page->runs[7], 1);
        assert_int_equal(weft_group_drain(group, weft_after(100 * WEFT_MSEC)),
                         -ETIMEDOUT);
        assert_int_equal(info_of(group).restarted, 0);
        assert_int_equal(weft_group_work(group, WEFT_NEVER), 0); /* we do it */
        must_all_be_done(0);
        assert_int_equal(page->done[7], 1);
        drop(group);
}

/* Somebody else in the process waits for all children, or wants to hear of none. */
static void spawn_and_ignore(void *unused)
{
        (void)unused;
        signal(SIGCHLD, SIG_IGN);
        CHECK(spawn(group, 1, 0, 5) == 0);
        CHECK(submit(group, "die once", 7) == 0);
        CHECK(drain(group) == 0);
        CHECK(seen(&page->done[7]) == 1);
        weft_group_close(group);
}

static void children_may_be_waited_for_by_others(void **state)
{
        (void)state;
        group = make();
        assert_int_equal(child_run(spawn_and_ignore, NULL), 0);
        drop(group);
}

/* ---- the spawner's death --------------------------------------------------------------- */

static void spawn_and_wait(void *context)
{
        const uint32_t *flags = context;
        CHECK(spawn(group, 1, *flags, 0) == 0);
        CHECK(submit(group, "wait", 1) == 0);
        for (;;)
                pause();
}

static void workers_die_with_their_spawner(void **state)
{
        uint32_t flags = 0;
        (void)state;
        group = make();
        set(&page->wait, 1);
        pid_t pid = child_start(spawn_and_wait, &flags);
        until(&page->runs[1], 1);
        pid_t worker = __atomic_load_n(&page->pid, __ATOMIC_SEQ_CST);
        assert_true(worker != pid && kill(worker, 0) == 0);
        assert_int_equal(child_kill(pid), -SIGKILL);
        until_gone(worker);
        set(&page->wait, 0);
        assert_int_equal(weft_group_drain(group, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_group_work(group, WEFT_NEVER), 0);
        assert_true(page->runs[1] == 2 && page->done[1] == 1);
        drop(group);
}

static void workers_may_outlive_their_spawner(void **state)
{
        uint32_t flags = WEFT_GROUP_OUTLIVE;
        (void)state;
        group = make();
        set(&page->wait, 1);
        pid_t pid = child_start(spawn_and_wait, &flags);
        until(&page->runs[1], 1);
        pid_t worker = __atomic_load_n(&page->pid, __ATOMIC_SEQ_CST);
        assert_int_equal(child_kill(pid), -SIGKILL);
        usleep(2000);
        assert_true(kill(worker, 0) == 0);
        set(&page->wait, 0);
        assert_int_equal(submit(group, "mark", 2), 0);
        assert_int_equal(drain(group), 0);
        assert_true(page->runs[1] == 1 && page->done[1] == 1 && page->done[2] == 1);
        until_gone(worker);
        drop(group);
}

/* ---- what a worker has of its spawner ------------------------------------------------------ */

static void note_exit(void)
{
        count(&page->atexit_ran);
}

static void spawn_and_exit(void *unused)
{
        (void)unused;
        CHECK(atexit(note_exit) == 0);
        CHECK(spawn(group, 2, 0, 0) == 0);
        CHECK(submit(group, "mark", 1) == 0);
        CHECK(drain(group) == 0);
        weft_group_close(group);
        exit(0);
}

static void nobody_runs_anothers_exit_handlers(void **state)
{
        (void)state;
        group = make();
        assert_int_equal(child_run(spawn_and_exit, NULL), 0);
        assert_int_equal(page->atexit_ran, 1);
        drop(group);
}

#ifndef WEFT_TSAN
/* Its functions go as it exits, one by one, while its threads run on: no task fails for that. */
static void exit_in_the_middle(void *unused)
{
        (void)unused;
        CHECK(spawn(group, 2, WEFT_GROUP_THREADS, 0) == 0);
        until(&page->total, 20);
        exit(0);
}

static void processes_may_exit_in_the_middle(void **state)
{
        struct weft_group_options o = { .capacity = 4096, .input_max = 16 };
        (void)state;
        for (int i = 0; i < 10; i++) {
                memset(page, 0, sizeof *page);
                group = make_with(o);
                for (uint32_t k = 0; k < 2000; k++)
                        CHECK(submit(group, "mark", k) == 0);
                assert_int_equal(child_run(exit_in_the_middle, NULL), 0);
                (void)recover_count(arena);
                assert_int_equal(weft_group_work(group, WEFT_NOW), -EAGAIN);
                assert_int_equal(info_of(group).finished, 2000);
                assert_int_equal(info_of(group).failed, 0);
                for (uint32_t k = 0; k < 2000; k++)
                        CHECK(page->done[k] >= 1);
                drop(group);
        }
}

#endif

static int look_around(const void *in, void *out, const void *argument)
{
        sigset_t mask;
        cpu_set_t cpus;
        uint32_t i = begun(in);
        (void)out, (void)argument;
        CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
        CHECK(sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGUSR2) == 0);
        CHECK(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
        CHECK(CPU_COUNT(&cpus) == 1);
        ended(i);
        return 0;
}
WEFT_FUNCTION_ITEM("look around", look_around, NUMBER, WEFT_TYPE_NONE)

static void they_are_pinned_and_have_our_mask(void **state)
{
        sigset_t mask, before, after;
        cpu_set_t ours, now;
        (void)state;
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR1);
        CHECK(pthread_sigmask(SIG_BLOCK, &mask, &before) == 0);
        CHECK(sched_getaffinity(0, sizeof ours, &ours) == 0);
        struct weft_group_workers w = { .n = 2, .pin = "spread" };
        group = make();
        assert_int_equal(weft_group_spawn(group, &w), 0);
        for (uint32_t i = 0; i < 10; i++)
                assert_int_equal(submit(group, "look around", i), 0);
        assert_int_equal(drain(group), 0);
        must_all_be_done(10);
        CHECK(sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&ours, &now));
        CHECK(pthread_sigmask(SIG_BLOCK, NULL, &after) == 0);
        CHECK(sigismember(&after, SIGUSR1) == 1 && sigismember(&after, SIGTERM) == 0);
        CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
        drop(group);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(processes_run_tasks),
                TEST(threads_run_tasks),
                TEST(closing_ends_processes),
                TEST(closing_ends_threads),
                TEST(closing_ends_who_is_idle),
                TEST(spawning_may_be_refused),
                TEST(who_dies_is_replaced),
                TEST(who_kills_all_is_given_up),
                TEST(restarts_have_a_limit),
                TEST(without_restarts_none_is_replaced),
                TEST(children_may_be_waited_for_by_others),
                TEST(workers_die_with_their_spawner),
                TEST(workers_may_outlive_their_spawner),
                TEST(nobody_runs_anothers_exit_handlers),
#ifndef WEFT_TSAN /* it tells of threads that nobody joined: this is about them */
                TEST(processes_may_exit_in_the_middle),
#endif
                TEST(they_are_pinned_and_have_our_mask),
        };
        CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
