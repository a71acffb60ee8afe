#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/agent.h"
#include "tests/child.h"

static weft_arena_t *arena;  /* fresh for every test, */
static weft_arena_t *looker; /* and read-only: to look without taking a seat */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        (void)state;
        int rc = weft_arena_create(NULL, &o, &arena);
        return rc ? rc : weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &looker);
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(looker);
        weft_arena_close(arena);
        return 0;
}

static uint32_t seats_taken(void)
{
        struct weft_arena_info info;
        CHECK(weft_arena_info(looker, &info) == 0);
        return info.agents;
}

static uint64_t agents_bytes(void)
{
        struct weft_census census;
        (void)!weft_arena_check(looker, &census);
        return census.agent_bytes;
}

struct found {
        struct weft_agent_info agent[WEFT_AGENTS_MAX];
        uint32_t n, dead;
        int stop_with;
};

static int note_agent(const struct weft_agent_info *agent, void *context)
{
        struct found *f = context;
        CHECK(f->n < WEFT_AGENTS_MAX);
        f->agent[f->n++] = *agent;
        f->dead += agent->dead;
        return f->stop_with;
}

/* Who sits in the arena, other than by this thread. */
static struct weft_agent_info only_other(void)
{
        static struct found f;
        f = (struct found){ 0 };
        CHECK(weft_agent_list(arena, note_agent, &f) == 0);
        uint32_t other = 0, n = 0;
        for (uint32_t i = 0; i < f.n; i++)
                if (f.agent[i].tid != (uint32_t)gettid()) {
                        other = i;
                        n++;
                }
        CHECK(n == 1);
        return f.agent[other];
}

/* ---- coming and going ---------------------------------------------------- */

static void a_thread_joins_and_leaves(void **state)
{
        struct found f = { 0 };
        weft_ref_t ref;

        (void)state;
        errno = 4711;
        assert_int_equal(seats_taken(), 0);
        weft_agent_leave(arena); /* has none: nothing happens */
        weft_agent_leave(NULL);
        assert_int_equal(weft_agent_join(NULL), -EINVAL);
        assert_int_equal(weft_agent_join(arena), 0);
        assert_int_equal(weft_agent_join(arena), 0);
        assert_int_equal(seats_taken(), 1);
        assert_int_equal(weft_agent_list(arena, note_agent, &f), 0);
        assert_int_equal(f.n, 1);
        assert_int_equal(f.agent[0].pid, getpid());
        assert_int_equal(f.agent[0].tid, gettid());
        assert_int_equal(f.agent[0].dead, 0);
        assert_true(f.agent[0].generation > 0);
        assert_int_equal(weft_block_alloc(arena, 1000, &ref, NULL), 0);
        assert_true(agents_bytes() >= 1000);
        weft_agent_leave(arena);
        assert_int_equal(seats_taken(), 0);
        assert_int_equal(agents_bytes(), 0); /* what it owned is freed */
        assert_null(weft_at(looker, ref, 1));
        assert_int_equal(weft_block_alloc(arena, 1000, &ref, NULL), 0); /* by itself */
        assert_int_equal(seats_taken(), 1);
        assert_int_equal(errno, 4711);
}

static void *join_and_end(void *unused)
{
        weft_ref_t ref;
        CHECK(weft_block_alloc(arena, 1000, &ref, NULL) == 0);
        CHECK(seats_taken() == 1);
        return unused;
}

static void a_thread_that_ends_gives_its_seat_back(void **state)
{
        pthread_t thread;

        (void)state;
        for (int i = 0; i < 10; i++) {
                assert_int_equal(pthread_create(&thread, NULL, join_and_end, NULL), 0);
                assert_int_equal(pthread_join(thread, NULL), 0);
                assert_int_equal(seats_taken(), 0);
                assert_int_equal(agents_bytes(), 0);
        }
        assert_int_equal(recover_count(arena), 0);
}

static void *in_two_arenas(void *other)
{
        weft_ref_t ref;
        for (int i = 0; i < 3; i++) {
                CHECK(weft_block_alloc(arena, 64, &ref, NULL) == 0);
                CHECK(weft_block_alloc(other, 64, &ref, NULL) == 0);
        }
        return NULL;
}

static void a_thread_may_sit_in_several_arenas(void **state)
{
        struct weft_arena_info info;
        weft_arena_t *other, *look;
        pthread_t thread;

        (void)state;
        assert_int_equal(weft_arena_create(NULL, NULL, &other), 0);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(other), WEFT_RDONLY, &look), 0);
        assert_int_equal(pthread_create(&thread, NULL, in_two_arenas, other), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(seats_taken(), 0);
        assert_int_equal(weft_arena_info(look, &info), 0);
        assert_int_equal(info.agents, 0);
        weft_arena_close(look);
        weft_arena_close(other);
}

struct sitter {
        struct gate sits, may_go;
};

static void *sit(void *context)
{
        struct sitter *s = context;
        CHECK(weft_agent_join(arena) == 0);
        gate_open(&s->sits, 1);
        gate_pass(&s->may_go);
        return NULL;
}

/* Its mutex is in libc's list until then, so the seat table must stay mapped. */
static void closing_waits_for_other_threads_to_end(void **state)
{
        struct sitter s = { gate_make(), gate_make() };
        weft_arena_t *other, *look, *ours = arena;
        pthread_t thread;

        (void)state;
        assert_int_equal(weft_arena_create(NULL, NULL, &other), 0);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(other), WEFT_RDONLY, &look), 0);
        arena = other;
        assert_int_equal(pthread_create(&thread, NULL, sit, &s), 0);
        gate_pass(&s.sits);
        arena = ours;
        weft_arena_close(other);
        gate_open(&s.may_go, 1);
        assert_int_equal(pthread_join(thread, NULL), 0);
        struct weft_arena_info info;
        assert_int_equal(weft_arena_info(look, &info), 0);
        assert_int_equal(info.agents, 0);
        weft_arena_close(look);
        gate_drop(&s.sits);
        gate_drop(&s.may_go);
}

static void exit_instead_of_end(void *unused)
{
        weft_ref_t ref;
        (void)unused;
        CHECK(weft_block_alloc(arena, 64, &ref, NULL) == 0);
        exit(0);
}

static void exit_leaves(void **state)
{
        (void)state;
        assert_int_equal(child_run(exit_instead_of_end, NULL), 0);
        assert_int_equal(seats_taken(), 0);
        assert_int_equal(recover_count(arena), 0);
}

static void the_list_stops_when_told(void **state)
{
        struct found f = { .stop_with = 77 };

        (void)state;
        assert_int_equal(weft_agent_join(arena), 0);
        assert_int_equal(weft_agent_list(arena, note_agent, &f), 77);
        assert_int_equal(f.n, 1);
        f = (struct found){ 0 };
        assert_int_equal(weft_agent_list(looker, note_agent, &f), 0);
        assert_int_equal(f.n, 1);
        assert_int_equal(f.dead, 0);
        assert_int_equal(weft_agent_list(NULL, note_agent, &f), -EINVAL);
        assert_int_equal(weft_agent_list(arena, NULL, &f), -EINVAL);
        assert_int_equal(weft_agent_join(looker), -EROFS);
        weft_agent_leave(looker);
}

/* ---- death --------------------------------------------------------------- */

static void own_and_pause(void *gate)
{
        weft_ref_t ref;
        CHECK(weft_block_alloc(arena, 1000, &ref, NULL) == 0);
        CHECK(weft_block_alloc(arena, 1000000, &ref, NULL) == 0);
        gate_open(gate, 1);
        for (;;)
                pause();
}

static void the_dead_are_found_and_settled(void **state)
{
        struct gate gate = gate_make();
        struct weft_recovery report;
        struct weft_arena_info info;
        pid_t pid[3];

        (void)state;
        for (int i = 0; i < 3; i++)
                pid[i] = child_start(own_and_pause, &gate);
        for (int i = 0; i < 3; i++)
                gate_pass(&gate);
        assert_int_equal(weft_arena_recover(arena, &report), 0);
        assert_int_equal(report.alive, 3);
        assert_int_equal(report.settled, 0);
        uint64_t each = agents_bytes() / 3;
        assert_int_equal(child_kill(pid[1]), -SIGKILL);
        assert_int_equal(seats_taken(), 3);
        assert_int_equal(weft_arena_info(arena, &info), 0); /* we take a seat by asking */
        assert_true(info.dead <= 1);
        assert_int_equal(weft_arena_recover(arena, &report), 0);
        assert_true(report.alive == 3 || report.alive == 2);
        assert_int_equal(report.failed, 0);
        assert_int_equal(seats_taken(), 3);
        assert_int_equal(agents_bytes(), each * 2);
        assert_int_equal(child_kill(pid[0]), -SIGKILL);
        assert_int_equal(child_kill(pid[2]), -SIGKILL);
        assert_int_equal(recover_count(arena), 2);
        assert_int_equal(recover_count(arena), 0);
        assert_int_equal(agents_bytes(), 0);
        gate_drop(&gate);
}

static void the_dead_are_listed_as_dead(void **state)
{
        struct gate gate = gate_make();
        struct weft_recovery report;
        struct weft_arena_info info;

        (void)state;
        assert_int_equal(weft_agent_join(arena), 0);
        pid_t pid = child_start(own_and_pause, &gate);
        gate_pass(&gate);
        struct weft_agent_info agent = only_other();
        assert_int_equal(agent.pid, pid);
        assert_int_equal(agent.tid, pid);
        assert_int_equal(agent.dead, 0);
        assert_int_equal(child_kill(pid), -SIGKILL);
        agent = only_other();
        assert_int_equal(agent.dead, 1);
        assert_int_equal(weft_arena_info(arena, &info), 0);
        assert_int_equal(info.agents, 2);
        assert_int_equal(info.dead, 1);
        struct weft_census census;
        assert_int_equal(weft_arena_check(arena, &census), 0); /* its blocks are its */
        assert_true(census.agent_bytes >= 1001000);
        assert_int_equal(weft_arena_recover(arena, &report), 0);
        assert_int_equal(report.settled, 1);
        assert_int_equal(report.alive, 1);
        assert_int_equal(report.failed, 0);
        gate_drop(&gate);
}

static void recovering_takes_no_seat(void **state)
{
        struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        struct gate gate = gate_make();
        weft_array_t *a;

        (void)state;
        assert_int_equal(weft_array_create(arena, "a", &o, &a), 0);
        weft_array_close(a);
        pid_t pid = child_start(own_and_pause, &gate);
        gate_pass(&gate);
        assert_int_equal(child_kill(pid), -SIGKILL);
        weft_agent_leave(arena);
        assert_int_equal(seats_taken(), 1);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(seats_taken(), 0);
        gate_drop(&gate);
}

static void open_and_pause(void *gate)
{
        weft_array_t *a;
        CHECK(weft_array_open(arena, "a", &a) == 0);
        gate_open(gate, 1);
        for (;;)
                pause();
}

/* Settling looks into objects: that must not make the settler join. */
static void settling_what_the_dead_had_open_takes_no_seat(void **state)
{
        enum { DEAD = 5 };
        struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        struct gate gate = gate_make();
        weft_array_t *a;
        pid_t pid[DEAD];

        (void)state;
        assert_int_equal(weft_array_create(arena, "a", &o, &a), 0);
        weft_array_close(a);
        for (int i = 0; i < DEAD; i++)
                pid[i] = child_start(open_and_pause, &gate);
        for (int i = 0; i < DEAD; i++)
                gate_pass(&gate);
        assert_int_equal(seats_taken(), 1 + DEAD);
        for (int i = 0; i < DEAD; i++)
                assert_int_equal(child_kill(pid[i]), -SIGKILL);
        weft_agent_leave(arena);
        assert_int_equal(recover_count(arena), DEAD);
        assert_int_equal(seats_taken(), 0);
        gate_drop(&gate);
}

static void alloc_and_tell(void *gate)
{
        weft_ref_t ref;
        struct gate *g = gate;
        CHECK(weft_block_alloc(arena, 1000, &ref, NULL) == 0);
        gate_open(&g[0], 1);
        gate_pass(&g[1]);
        CHECK(weft_block_free(arena, ref) == 0); /* still its own */
}

static void a_stopped_process_is_not_dead(void **state)
{
        struct gate gates[2] = { gate_make(), gate_make() };
        struct weft_recovery report;
        int status;

        (void)state;
        pid_t pid = child_start(alloc_and_tell, gates);
        gate_pass(&gates[0]);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
        assert_true(WIFSTOPPED(status));
        for (int i = 0; i < 5; i++) {
                assert_int_equal(weft_arena_recover(arena, &report), 0);
                assert_int_equal(report.settled, 0);
                assert_int_equal(report.alive, 1);
                usleep(30000); /* no matter how long it takes */
        }
        assert_int_equal(seats_taken(), 1);
        assert_true(agents_bytes() >= 1000);
        assert_int_equal(kill(pid, SIGCONT), 0);
        gate_open(&gates[1], 1);
        assert_int_equal(child_end(pid), 0);
        gate_drop(&gates[0]);
        gate_drop(&gates[1]);
}

static void become_another_program(void *unused)
{
        weft_ref_t ref;
        (void)unused;
        CHECK(weft_block_alloc(arena, 1000, &ref, NULL) == 0);
        execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(1);
}

static void exec_is_a_death(void **state)
{
        uint32_t settled = 0;

        (void)state;
        pid_t pid = child_start(become_another_program, NULL);
        for (int i = 0; i < 5000 && !settled; i++) {
                usleep(1000);
                settled = recover_count(arena);
        }
        assert_int_equal(settled, 1);
        assert_int_equal(agents_bytes(), 0);
        assert_int_equal(kill(pid, 0), 0); /* the process is there all the same */
        assert_int_equal(child_kill(pid), -SIGKILL);
}

static void *sit_for_ever(void *sits)
{
        weft_ref_t ref;
        CHECK(weft_block_alloc(arena, 100, &ref, NULL) == 0);
        gate_open(sits, 1);
        for (;;)
                pause();
        return NULL;
}

static void sit_with_threads(void *sits)
{
        pthread_t thread;
        for (int i = 0; i < 4; i++)
                CHECK(pthread_create(&thread, NULL, sit_for_ever, sits) == 0);
        (void)sit_for_ever(sits);
}

static void all_threads_of_a_killed_process_are_settled(void **state)
{
        struct gate sits = gate_make();

        (void)state;
        pid_t pid = child_start(sit_with_threads, &sits);
        for (int i = 0; i < 5; i++)
                gate_pass(&sits);
        assert_int_equal(seats_taken(), 5);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(recover_count(arena), 5);
        assert_int_equal(seats_taken(), 0);
        gate_drop(&sits);
}

static void a_seat_is_used_again_under_a_new_generation(void **state)
{
        struct gate gate = gate_make();
        struct weft_agent_info first, next;

        (void)state;
        assert_int_equal(weft_agent_join(arena), 0);
        pid_t pid = child_start(own_and_pause, &gate);
        gate_pass(&gate);
        first = only_other();
        for (int i = 0; i < 5; i++) {
                assert_int_equal(child_kill(pid), -SIGKILL);
                if (i % 2)
                        assert_int_equal(recover_count(arena), 1);
                pid = child_start(own_and_pause, &gate);
                gate_pass(&gate);
                if (!(i % 2))
                        (void)recover_count(arena);
                next = only_other();
                assert_true(next.seat != first.seat ||
                            next.generation > first.generation);
                first = next;
        }
        assert_int_equal(child_kill(pid), -SIGKILL);
        gate_drop(&gate);
}

/* ---- all seats ----------------------------------------------------------- */

static void join_refused(void *unused)
{
        weft_ref_t ref;
        (void)unused;
        CHECK(weft_agent_join(arena) == -EMFILE);
        CHECK(weft_block_alloc(arena, 1, &ref, NULL) == -EMFILE);
}

static void join_granted(void *unused)
{
        (void)unused;
        CHECK(weft_agent_join(arena) == 0);
        CHECK(seats_taken() == WEFT_AGENTS_MAX);
}

static void there_are_1024_seats(void **state)
{
        enum { THREADS = WEFT_AGENTS_MAX - 1 };
        static pthread_t thread[THREADS];
        struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        weft_array_t *a;
        struct sitter s = { gate_make(), gate_make() };
        struct gate gate = gate_make();
        pthread_attr_t attr;

        (void)state;
        assert_int_equal(pthread_attr_init(&attr), 0);
        assert_int_equal(pthread_attr_setstacksize(&attr, 256 << 10), 0);
        assert_int_equal(weft_array_create(arena, "a", &o, &a), 0);
        weft_array_close(a);
        weft_agent_leave(arena);
        pid_t pid = child_start(open_and_pause, &gate);
        gate_pass(&gate);
        for (int i = 0; i < THREADS; i++)
                if (pthread_create(&thread[i], &attr, sit, &s))
                        fail_msg("no thread %d", i);
        for (int i = 0; i < THREADS; i++)
                gate_pass(&s.sits);
        assert_int_equal(seats_taken(), WEFT_AGENTS_MAX);
        assert_int_equal(weft_agent_join(arena), -EMFILE);
        assert_int_equal(child_run(join_refused, NULL), 0);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(child_run(join_granted, NULL), 0); /* finds the dead by itself */
        assert_int_equal(weft_agent_join(arena), 0);
        assert_int_equal(child_run(join_refused, NULL), 0);
        gate_open(&s.may_go, 1);
        for (int i = 0; i < 5000 && seats_taken() == WEFT_AGENTS_MAX; i++)
                usleep(1000);
        assert_int_equal(child_run(join_granted, NULL), 0);
        gate_open(&s.may_go, THREADS - 1);
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_join(thread[i], NULL), 0);
        (void)recover_count(arena);
        assert_int_equal(seats_taken(), 1);
        pthread_attr_destroy(&attr);
        gate_drop(&s.sits);
        gate_drop(&s.may_go);
        gate_drop(&gate);
}

/* ---- fork ---------------------------------------------------------------- */

static weft_a32_t stop;

static void *use_blocks(void *opened)
{
        weft_ref_t ref;
        while (!weft_load_acq(&stop)) {
                weft_arena_t *a;
                CHECK(weft_block_alloc(arena, 64, &ref, NULL) == 0);
                CHECK(weft_block_free(arena, ref) == 0);
                CHECK(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDWR, &a) == 0);
                weft_arena_close(a); /* takes the process's own lock */
        }
        return opened;
}

static void use_blocks_once(void *unused)
{
        weft_ref_t ref;
        weft_arena_t *a;
        alarm(20); /* a lock held over fork would hang us */
        CHECK(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDWR, &a) == 0);
        weft_arena_close(a);
        CHECK(weft_block_alloc(arena, 64, &ref, NULL) == 0);
        CHECK(weft_block_free(arena, ref) == 0);
        weft_agent_leave(arena);
        (void)unused;
}

static void fork_among_threads(void **state)
{
        pthread_t thread[3];

        (void)state;
        weft_store_rel(&stop, 0);
        assert_int_equal(weft_agent_join(arena), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(pthread_create(&thread[i], NULL, use_blocks, NULL), 0);
        for (int i = 0; i < 50; i++)
                assert_int_equal(child_run(use_blocks_once, NULL), 0);
        weft_store_rel(&stop, 1);
        for (int i = 0; i < 3; i++)
                assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(seats_taken(), 1);
        assert_int_equal(recover_count(arena), 0);
}

static uint64_t of_the_parent; /* its number; a pid may be the child's, too */

static void grandchild(void *depth)
{
        uintptr_t n = (uintptr_t)depth;
        weft_ref_t ref;
        CHECK(weft_process() > of_the_parent && weft_process() == weft_process());
        of_the_parent = weft_process();
        if (n % 2)
                CHECK(weft_block_alloc(arena, 64, &ref, NULL) == 0);
        if (n < 6)
                CHECK(child_run(grandchild, (void *)(n + 1)) == 0);
        CHECK(weft_block_alloc(arena, 64, &ref, NULL) == 0);
        exit(0);
}

static void children_of_children(void **state)
{
        (void)state;
        assert_int_equal(weft_agent_join(arena), 0);
        of_the_parent = weft_process();
        assert_int_equal(child_run(grandchild, NULL), 0);
        assert_true(weft_process() == of_the_parent);
        assert_int_equal(seats_taken(), 1);
        assert_int_equal(recover_count(arena), 0);
}

/* Of such a child's death nobody would hear. */
static void a_child_that_libc_does_not_know_takes_no_seat(void **state)
{
        (void)state;
        assert_int_equal(weft_agent_join(arena), 0);
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        CHECK(pid >= 0);
        if (!pid)
                _exit(weft_agent_join(arena) == -ENOTSUP ? 0 : 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(seats_taken(), 1);
        weft_agent_leave(arena);
        assert_int_equal(seats_taken(), 0);
        pid = _Fork();
        if (!pid) {
                CHECK(weft_agent_join(arena) == 0 && seats_taken() == 1);
                raise(SIGKILL);
        }
        assert_int_equal(child_end(pid), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
}

/* ---- process numbers mean nothing ---------------------------------------- */

static void be_first_in_a_namespace(void *gate)
{
        if (unshare(CLONE_NEWPID))
                _exit(77);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                CHECK(getpid() == 1);
                own_and_pause(gate);
        }
        (void)child_end(pid);
}

static void the_same_pid_twice_is_two_agents(void **state)
{
        struct gate gate = gate_make();
        struct weft_recovery report;
        int status;

        (void)state;
        pid_t one = child_start(be_first_in_a_namespace, &gate);
        usleep(50000);
        if (waitpid(one, &status, WNOHANG) == one) {
                assert_int_equal(WEXITSTATUS(status), 77);
                gate_drop(&gate);
                skip(); /* not permitted */
        }
        pid_t two = child_start(be_first_in_a_namespace, &gate);
        gate_pass(&gate);
        gate_pass(&gate);
        assert_int_equal(weft_arena_recover(arena, &report), 0);
        assert_int_equal(report.alive, 2);
        assert_int_equal(report.settled, 0);
        assert_int_equal(child_kill(one), -SIGKILL); /* takes its child with it */
        uint32_t settled = 0;
        for (int i = 0; i < 5000 && !settled; i++) {
                usleep(1000);
                settled = recover_count(arena);
        }
        assert_int_equal(settled, 1);
        assert_int_equal(seats_taken(), 1);
        assert_int_equal(child_kill(two), -SIGKILL);
        for (int i = 0; i < 5000 && seats_taken(); i++) {
                usleep(1000);
                (void)recover_count(arena);
        }
        assert_int_equal(seats_taken(), 0);
        gate_drop(&gate);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_thread_joins_and_leaves),
                TEST(a_thread_that_ends_gives_its_seat_back),
                TEST(a_thread_may_sit_in_several_arenas),
                TEST(closing_waits_for_other_threads_to_end),
                TEST(exit_leaves),
                TEST(the_list_stops_when_told),
                TEST(the_dead_are_found_and_settled),
                TEST(the_dead_are_listed_as_dead),
                TEST(recovering_takes_no_seat),
                TEST(settling_what_the_dead_had_open_takes_no_seat),
                TEST(a_stopped_process_is_not_dead),
                TEST(exec_is_a_death),
                TEST(all_threads_of_a_killed_process_are_settled),
                TEST(a_seat_is_used_again_under_a_new_generation),
                TEST(there_are_1024_seats),
                TEST(fork_among_threads),
                TEST(children_of_children),
                TEST(a_child_that_libc_does_not_know_takes_no_seat),
                TEST(the_same_pid_twice_is_two_agents),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
