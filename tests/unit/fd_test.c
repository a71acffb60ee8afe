#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <cmocka.h>

#include <weft/agent.h>
#include <weft/array.h>
#include <weft/fd.h>
#include <weft/mutex.h>
#include <weft/object.h>
#include <weft/queue.h>
#include <weft/semaphore.h>

#include "runtime/waitable.h"
#include "tests/unit/sleeper.h"

#ifdef WEFT_TSAN /* it knows no threads in the child of a process with threads */
#define SKIP_UNDER_TSAN() skip()
#else
#define SKIP_UNDER_TSAN() ((void)0)
#endif

/* AddressSanitizer's allocator is not at rest over a fork, as glibc's is: a child that
 * allocates finds a lock held by a thread that it does not have. */
#if defined(__SANITIZE_ADDRESS__) || defined(WEFT_TSAN)
#define SKIP_UNDER_SANITIZERS() skip()
#else
#define SKIP_UNDER_SANITIZERS() ((void)0)
#endif

enum { PATIENCE_MS = 20000, MANY = 100 };

static weft_arena_t *arena;
static weft_queue_t *queue;
static weft_semaphore_t *semaphore;
static weft_mutex_t *mutex;

static int alone; /* threads at the start: a sanitizer may have some of its own */

/* Threads of this process. */
static int threads(void)
{
        char line[128];
        int n = 0;
        FILE *f = fopen("/proc/self/status", "r");
        CHECK(f);
        while (fgets(line, sizeof line, f))
                (void)sscanf(line, "Threads: %d", &n);
        fclose(f);
        return n;
}

static void open_all(void)
{
        const struct weft_queue_options words = { .capacity = 4, .element_bytes = 8 };
        const struct weft_semaphore_options permits = { .maximum = 10 };
        CHECK(weft_queue_create_or_open(arena, "q", &words, &queue) == 0);
        CHECK(weft_semaphore_create_or_open(arena, "s", &permits, &semaphore) == 0);
        CHECK(weft_mutex_create_or_open(arena, "m", NULL, &mutex) == 0);
}

static void close_all(void)
{
        weft_queue_close(queue);
        weft_semaphore_close(semaphore);
        weft_mutex_close(mutex);
}

static int fresh(void **state)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        (void)state;
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        open_all();
        alone = threads();
        return 0;
}

static int agents(void)
{
        struct weft_arena_info info;
        CHECK(weft_arena_info(arena, &info) == 0);
        return (int)info.agents;
}

/* So many more. Those that ended may be on their way out still. */
static bool threads_more(int n)
{
        for (int i = 0; i < 20000 && threads() != alone + n; i++)
                usleep(1000);
        return threads() == alone + n;
}

static int whole(void **state)
{
        (void)state;
        (void)recover_count(arena);
        CHECK(agents() <= 1); /* the helper has gone, and its seat */
        close_all();
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static void put(uint64_t v)
{
        CHECK(weft_queue_push(queue, &v, WEFT_NOW) == 0);
}

static struct weft_wait_shared *not_empty(void)
{
        struct weft_handle *h = (void *)queue;
        const struct weft_case c = { .object = queue, .op = WEFT_OP_POP };
        return h->kind->waitable->wait(h, &c);
}

static bool readable_in(int fd, int ms)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, ms) == 1;
}

static bool becomes_readable(int fd)
{
        return readable_in(fd, PATIENCE_MS);
}

static void drain(int fd)
{
        uint64_t n;
        CHECK(read(fd, &n, sizeof n) == sizeof n);
}

static int fd_of(void *object, enum weft_op op)
{
        int fd = weft_fd(object, op, 0);
        CHECK(fd >= 0);
        return fd;
}

/* ---- refused --------------------------------------------------------------------- */

static void read_only(void *unused)
{
        (void)unused;
        alone = threads();
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        weft_queue_t *q;
        CHECK(weft_queue_open(there, "q", &q) == 0);
        CHECK(weft_fd(q, WEFT_OP_POP, 0) == -EROFS);
        CHECK(threads_more(0));
}

static void bad_calls_are_refused(void **state)
{
        const struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        weft_array_t *array;
        (void)state;
        errno = 4711;
        assert_int_equal(weft_fd(NULL, WEFT_OP_POP, 0), -EINVAL);
        assert_int_equal(weft_fd(queue, WEFT_OP_NONE, 0), -EPROTO);
        assert_int_equal(weft_fd(queue, WEFT_OP_LOCK, 0), -EPROTO);
        assert_int_equal(weft_fd(mutex, WEFT_OP_POP, 0), -EPROTO);
        assert_int_equal(weft_fd(mutex, WEFT_OP_NOTIFIED, 0), -EPROTO);
        assert_int_equal(weft_array_create(arena, "a", &o, &array), 0);
        assert_int_equal(weft_fd(array, WEFT_OP_POP, 0), -EPROTO);
        weft_array_close(array);
        assert_int_equal(weft_fd_close(-1), -EINVAL);
        assert_int_equal(weft_fd_close(0), -EINVAL);
        assert_int_equal(errno, 4711);
        assert_int_equal(child_run(read_only, NULL), 0);
}

static void no_descriptor_is_left(void **state)
{
        struct rlimit was, none;
        (void)state;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
        none = was;
        none.rlim_cur = 3;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(weft_fd(queue, WEFT_OP_POP, 0), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

static void *sit(void *gates)
{
        struct gate *gate = gates;
        CHECK(weft_agent_join(arena) == 0);
        gate_open(&gate[0], 1);
        gate_pass(&gate[1]);
        return NULL;
}

/* The helper finds no seat: the caller is told. */
static void take_all_seats(void *unused)
{
        struct gate gate[2] = { gate_make(), gate_make() };
        pthread_attr_t small;
        (void)unused;
        alone = threads();
        CHECK(weft_agent_join(arena) == 0);
        int n = WEFT_AGENTS_MAX - agents();
        CHECK(pthread_attr_init(&small) == 0);
        CHECK(pthread_attr_setstacksize(&small, 256 << 10) == 0);
        for (int i = 0; i < n; i++) {
                pthread_t t;
                if (pthread_create(&t, &small, sit, gate))
                        _exit(77);
                gate_pass(&gate[0]);
        }
        CHECK(weft_fd(queue, WEFT_OP_POP, 0) == -EMFILE);
        CHECK(threads_more(n));
        _exit(0);
}

static void no_seat_is_left(void **state)
{
        (void)state;
        int rc = child_run(take_all_seats, NULL);
        if (rc == 77)
                skip();
        assert_int_equal(rc, 0);
}

/* ---- edges ------------------------------------------------------------------------- */

static void it_tells_when_it_can_be_done(void **state)
{
        uint64_t v;
        (void)state;
        int fd = fd_of(queue, WEFT_OP_POP);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        assert_false(readable_in(fd, 100));
        for (uint64_t i = 0; i < 10; i++) {
                put(i);
                assert_true(becomes_readable(fd));
                drain(fd);
                assert_int_equal(weft_queue_pop(queue, &v, WEFT_NOW), 0);
                assert_true(v == i);
                assert_int_equal(weft_queue_pop(queue, &v, WEFT_NOW), -EAGAIN);
        }
        assert_int_equal(weft_fd_close(fd), 0);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(weft_fd_close(fd), -EINVAL);
        assert_true(threads_more(0));
}

static void what_is_ready_already_is_told(void **state)
{
        (void)state;
        put(1);
        int fd = fd_of(queue, WEFT_OP_POP);
        assert_true(becomes_readable(fd));
        assert_int_equal(weft_fd_close(fd), 0);
}

/* One reading is enough, however much came before it. */
static void an_edge_is_one_reading(void **state)
{
        uint64_t v;
        (void)state;
        int fd = fd_of(queue, WEFT_OP_POP);
        for (uint64_t i = 0; i < 3; i++) {
                put(i);
                assert_true(becomes_readable(fd));
        }
        usleep(120000); /* two re-checks */
        assert_int_equal(read(fd, &v, sizeof v), sizeof v);
        assert_true(v == 1);
        for (uint64_t i = 0; i < 3; i++)
                assert_int_equal(weft_queue_pop(queue, &v, WEFT_NOW), 0);
        usleep(120000);
        while (read(fd, &v, sizeof v) > 0)
                ; /* the helper may have looked before the pops */
        usleep(120000);
        assert_int_equal(read(fd, &v, sizeof v), -1);
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(weft_fd_close(fd), 0);
}

/* Whoever does not take all is told again. */
static void what_stays_ready_is_told_again(void **state)
{
        (void)state;
        put(1);
        int fd = fd_of(queue, WEFT_OP_POP);
        for (int i = 0; i < 3; i++) {
                assert_true(becomes_readable(fd));
                drain(fd);
        }
        assert_int_equal(weft_fd_close(fd), 0);
}

static void a_shut_queue_is_told(void **state)
{
        uint64_t v;
        (void)state;
        int fd = fd_of(queue, WEFT_OP_POP);
        assert_int_equal(weft_queue_shutdown(queue), 0);
        assert_true(becomes_readable(fd));
        assert_int_equal(weft_queue_pop(queue, &v, WEFT_NOW), -EPIPE);
        assert_int_equal(weft_fd_close(fd), 0);
}

/* ---- others ---------------------------------------------------------------------------- */

static void work_elsewhere(void *unused)
{
        (void)unused;
        arena = child_reopen(arena, WEFT_RDWR);
        open_all();
        put(1);
        CHECK(weft_semaphore_post(semaphore) == 0);
        CHECK(weft_mutex_lock(mutex, weft_after(60 * WEFT_SEC)) == 0);
        CHECK(weft_mutex_unlock(mutex) == 0);
        close_all();
        weft_arena_close(arena);
}

static void epoll_sees_other_processes(void **state)
{
        struct epoll_event event, events[4];
        int fds[3], told = 0, e = epoll_create1(EPOLL_CLOEXEC);
        (void)state;
        assert_true(e >= 0);
        assert_int_equal(weft_mutex_lock(mutex, WEFT_NOW), 0);
        fds[0] = fd_of(queue, WEFT_OP_POP);
        fds[1] = fd_of(semaphore, WEFT_OP_ACQUIRE);
        fds[2] = fd_of(mutex, WEFT_OP_LOCK);
        for (uint32_t i = 0; i < 3; i++) {
                event = (struct epoll_event){ .events = EPOLLIN | EPOLLET,
                                              .data.u32 = i };
                assert_int_equal(epoll_ctl(e, EPOLL_CTL_ADD, fds[i], &event), 0);
        }
        assert_int_equal(epoll_wait(e, events, 4, 50), 0);
        assert_int_equal(weft_mutex_unlock(mutex), 0);
        pid_t pid = child_start(work_elsewhere, NULL);
        while (told != 7) {
                int n = epoll_wait(e, events, 4, PATIENCE_MS);
                assert_true(n > 0);
                while (n--)
                        told |= 1 << events[n].data.u32;
        }
        assert_int_equal(child_end(pid), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(weft_fd_close(fds[i]), 0);
        close(e);
}

/* As if the pusher had died before its wake: nobody is counted when it looks. */
static void a_lost_wake_costs_a_moment(void **state)
{
        struct weft_wait_shared *wait = not_empty();
        (void)state;
        int fd = fd_of(queue, WEFT_OP_POP);
        until_sleeping(wait, 1);
        (void)weft_and_acq_rel(&wait->word, ~(UINT64_C(0xfffff) << 32));
        put(1);
        assert_true(becomes_readable(fd));
        assert_int_equal(weft_fd_close(fd), 0);
        weft_wait_reset(wait);
}

static void die_with_it(void *unused)
{
        (void)unused;
        CHECK(weft_mutex_lock(mutex, WEFT_NOW) == 0);
        raise(SIGKILL);
}

static void a_death_is_told(void **state)
{
        (void)state;
        int fd = fd_of(mutex, WEFT_OP_LOCK);
        assert_true(becomes_readable(fd));
        drain(fd);
        assert_int_equal(child_run(die_with_it, NULL), -SIGKILL);
        assert_true(becomes_readable(fd));
        assert_int_equal(weft_mutex_lock(mutex, WEFT_NOW), -EOWNERDEAD);
        assert_int_equal(weft_mutex_consistent(mutex), 0);
        assert_int_equal(weft_mutex_unlock(mutex), 0);
        assert_int_equal(weft_fd_close(fd), 0);
}

/* The helper takes nothing: it does not keep the wake from who would. */
static void a_wake_is_passed_on(void **state)
{
        uint64_t v;
        (void)state;
        int fd = fd_of(queue, WEFT_OP_POP), again = fd_of(queue, WEFT_OP_POP);
        for (int i = 0; i < 5; i++) {
                until_sleeping(not_empty(), 2);
                pid_t next = child_start(sleeper, not_empty());
                until_sleeping(not_empty(), 3);
                put(1);
                assert_int_equal(child_end(next), 0);
                assert_int_equal(weft_queue_pop(queue, &v, WEFT_NOW), 0);
        }
        assert_int_equal(weft_fd_close(fd), 0);
        assert_int_equal(weft_fd_close(again), 0);
}

/* ---- many, and in a hurry ----------------------------------------------------------------- */

static void many_share_a_helper(void **state)
{
        int fd[2 * MANY];
        (void)state;
        for (int i = 0; i < 2 * MANY; i++)
                fd[i] = fd_of(i % 2 ? (void *)queue : (void *)semaphore,
                              i % 2 ? WEFT_OP_POP : WEFT_OP_ACQUIRE);
        assert_true(threads_more(2)); /* 126 each */
        assert_int_equal(agents(), 3);
        put(1);
        for (int i = 0; i < 2 * MANY; i++)
                assert_true(i % 2 ? becomes_readable(fd[i]) : !readable_in(fd[i], 0));
        for (int i = 0; i < 2 * MANY; i++)
                assert_int_equal(weft_fd_close(fd[(i * 7) % (2 * MANY)]), 0);
        assert_true(threads_more(0));
}

static void seats_go_with_the_last_of_an_arena(void **state)
{
        const struct weft_queue_options o = { .capacity = 4, .element_bytes = 8 };
        weft_arena_t *other;
        weft_queue_t *there;
        uint64_t v = 1;
        (void)state;
        assert_int_equal(weft_arena_create(NULL, NULL, &other), 0);
        assert_int_equal(weft_queue_create(other, "q", &o, &there), 0);
        int a = fd_of(queue, WEFT_OP_POP), b = fd_of(there, WEFT_OP_POP);
        assert_int_equal(agents(), 2);
        assert_int_equal(weft_queue_push(there, &v, WEFT_NOW), 0);
        assert_true(becomes_readable(b));
        assert_int_equal(weft_fd_close(b), 0);
        weft_queue_close(there);
        weft_arena_close(other); /* the helper lives on, and has left it */
        put(1);
        assert_true(becomes_readable(a));
        assert_int_equal(weft_fd_close(a), 0);
        assert_int_equal(agents(), 1);
}

static void post_for_ever(void *unused)
{
        uint64_t v = 0;
        (void)unused;
        arena = child_reopen(arena, WEFT_RDWR);
        open_all();
        for (;;) {
                (void)!weft_queue_push(queue, &v, WEFT_NOW);
                (void)!weft_queue_pop(queue, &v, WEFT_NOW);
        }
}

static void closing_meets_posting(void **state)
{
        (void)state;
        pid_t pid = child_start(post_for_ever, NULL);
        int keep = fd_of(semaphore, WEFT_OP_ACQUIRE);
        for (int i = 0; i < 300; i++) {
                weft_queue_t *mine;
                assert_int_equal(weft_queue_open(arena, "q", &mine), 0);
                int fd = fd_of(mine, i % 2 ? WEFT_OP_POP : WEFT_OP_PUSH);
                if (i % 8 == 0)
                        (void)readable_in(fd, 1);
                assert_int_equal(weft_fd_close(fd), 0);
                weft_queue_close(mine); /* its memory is gone */
        }
        assert_int_equal(weft_fd_close(keep), 0);
        assert_int_equal(child_kill(pid), -SIGKILL);
}

struct race {
        pthread_barrier_t both;
        int fd;
        int closed[4];
};

static void *close_it(void *context)
{
        struct race *r = context;
        for (int i = 0; i < 200; i++) {
                int own = fd_of(queue, WEFT_OP_POP);
                (void)pthread_barrier_wait(&r->both);
                int rc = weft_fd_close(r->fd);
                CHECK(rc == 0 || rc == -EINVAL);
                (void)__atomic_fetch_add(&r->closed[i % 4], rc == 0, __ATOMIC_SEQ_CST);
                if (pthread_barrier_wait(&r->both) == PTHREAD_BARRIER_SERIAL_THREAD) {
                        CHECK(__atomic_exchange_n(&r->closed[i % 4], 0,
                                                  __ATOMIC_SEQ_CST) == 1);
                        r->fd = fd_of(queue, WEFT_OP_PUSH);
                }
                CHECK(weft_fd_close(own) == 0);
                (void)pthread_barrier_wait(&r->both);
        }
        return NULL;
}

static void one_of_several_closes_it(void **state)
{
        struct race r = { .fd = fd_of(queue, WEFT_OP_PUSH) };
        pthread_t t[3];
        (void)state;
        assert_int_equal(pthread_barrier_init(&r.both, NULL, 3), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(pthread_create(&t[i], NULL, close_it, &r), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(weft_fd_close(r.fd), 0);
        pthread_barrier_destroy(&r.both);
}

/* ---- fork, exit, cost ------------------------------------------------------------------------ */

static void child_of_fork(void *context)
{
        int fd = *(int *)context;
        alone = threads();
        CHECK(fcntl(fd, F_GETFD) >= 0); /* shared with the parent */
        int own = fd_of(semaphore, WEFT_OP_ACQUIRE);
        CHECK(weft_semaphore_post(semaphore) == 0);
        CHECK(becomes_readable(own));
        CHECK(weft_fd_close(fd) == 0);
        CHECK(weft_fd_close(fd) == -EINVAL);
        CHECK(fcntl(fd, F_GETFD) < 0);
        int more = fd_of(queue, WEFT_OP_POP);
        put(1);
        CHECK(becomes_readable(more));
        CHECK(weft_fd_close(own) == 0);
        CHECK(weft_fd_close(more) == 0);
        CHECK(threads_more(0));
}

static void a_forked_child_asks_anew(void **state)
{
        uint64_t v;
        (void)state;
        SKIP_UNDER_TSAN();
        int fd = fd_of(queue, WEFT_OP_POP);
        assert_int_equal(child_run(child_of_fork, &fd), 0);
        assert_true(becomes_readable(fd)); /* ours is served still */
        drain(fd);
        assert_int_equal(weft_queue_pop(queue, &v, WEFT_NOW), 0);
        put(2);
        assert_true(becomes_readable(fd));
        assert_int_equal(weft_fd_close(fd), 0);
}

static void *open_and_close(void *stop)
{
        while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED))
                CHECK(weft_fd_close(fd_of(queue, WEFT_OP_POP)) == 0);
        return NULL;
}

static void child_in_a_hurry(void *unused)
{
        (void)unused;
        int fd = fd_of(semaphore, WEFT_OP_ACQUIRE);
        CHECK(weft_fd_close(fd) == 0);
}

static void forks_meet_opening_and_closing(void **state)
{
        pthread_t t;
        int stop = 0;
        (void)state;
        SKIP_UNDER_SANITIZERS();
        assert_int_equal(pthread_create(&t, NULL, open_and_close, &stop), 0);
        for (int i = 0; i < 40; i++)
                assert_int_equal(child_run(child_in_a_hurry, NULL), 0);
        __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
        assert_int_equal(pthread_join(t, NULL), 0);
}

static void exit_with_open_ones(void *unused)
{
        (void)unused;
        (void)fd_of(semaphore, WEFT_OP_ACQUIRE);
        (void)fd_of(queue, WEFT_OP_POP);
        put(1);
        exit(0);
}

static void exit_does_not_hang(void **state)
{
        uint64_t v;
        (void)state;
        for (int i = 0; i < 10; i++) {
                assert_int_equal(child_run(exit_with_open_ones, NULL), 0);
                assert_int_equal(weft_queue_pop(queue, &v, WEFT_NOW), 0);
        }
        assert_true(recover_count(arena) >= 1);
}

/* Signals go to the program's own threads. */
static void the_helper_takes_no_signals(void **state)
{
        sigset_t was, now, pending;
        (void)state;
        sigemptyset(&now);
        sigaddset(&now, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &now, &was);
        int fd = fd_of(queue, WEFT_OP_POP);
        assert_int_equal(kill(getpid(), SIGUSR1),
                         0); /* its default action would end us */
        usleep(10000);
        sigpending(&pending);
        assert_int_equal(sigismember(&pending, SIGUSR1), 1);
        int sig;
        assert_int_equal(sigwait(&now, &sig), 0);
        pthread_sigmask(SIG_SETMASK, &was, NULL);
        assert_int_equal(weft_fd_close(fd), 0);
}

static uint64_t cpu_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (uint64_t)t.tv_sec * WEFT_SEC + (uint64_t)t.tv_nsec;
}

/* Printed; asserted only to be far from spinning. */
static void waiting_is_sleeping(void **state)
{
        int fd[MANY];
        (void)state;
        put(1); /* half of them ready all the time, and told */
        for (int i = 0; i < MANY; i++)
                fd[i] = fd_of(i % 2 ? (void *)queue : (void *)semaphore,
                              i % 2 ? WEFT_OP_POP : WEFT_OP_ACQUIRE);
        uint64_t cpu = cpu_ns(), t = weft_now();
        usleep(400000);
        cpu = cpu_ns() - cpu;
        t = weft_now() - t;
        print_message("%d descriptors took %llu us of %llu ms\n", MANY,
                      (unsigned long long)cpu / 1000,
                      (unsigned long long)(t / WEFT_MSEC));
        assert_true(cpu < t / 4);
        for (int i = 0; i < MANY; i++)
                assert_int_equal(weft_fd_close(fd[i]), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, whole)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_calls_are_refused),
                TEST(no_descriptor_is_left),
                TEST(no_seat_is_left),
                TEST(it_tells_when_it_can_be_done),
                TEST(what_is_ready_already_is_told),
                TEST(an_edge_is_one_reading),
                TEST(what_stays_ready_is_told_again),
                TEST(a_shut_queue_is_told),
                TEST(epoll_sees_other_processes),
                TEST(a_lost_wake_costs_a_moment),
                TEST(a_death_is_told),
                TEST(a_wake_is_passed_on),
                TEST(many_share_a_helper),
                TEST(seats_go_with_the_last_of_an_arena),
                TEST(closing_meets_posting),
                TEST(one_of_several_closes_it),
                TEST(a_forked_child_asks_anew),
                TEST(forks_meet_opening_and_closing),
                TEST(exit_does_not_hang),
                TEST(the_helper_takes_no_signals),
                TEST(waiting_is_sleeping),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
