/* bench/sync_idle_bench.c -- what it costs to sleep on each kind of thing. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/sync_peers.h"

enum { IDLE_MS = 2100, QUEUES = 8 };

/* One of each kind. Nobody but the parent, who does nothing, could let them go on. */
struct room {
        weft_mutex_t *mutex;   /* held by the parent */
        weft_mutex_t *monitor; /* of the condition */
        weft_semaphore_t *semaphore;
        weft_rwlock_t *reading; /* the parent reads */
        weft_rwlock_t *writing; /* the parent writes */
        weft_barrier_t *barrier;
        weft_latch_t *latch;
        weft_event_t *event;
        weft_once_t *once;
        weft_condition_t *condition;
        weft_signal_t *signal;
        weft_queue_t *queue[QUEUES];
};

static int wait_mutex(const struct room *r)
{
        return weft_mutex_lock(r->mutex, WEFT_NEVER);
}

static int wait_semaphore(const struct room *r)
{
        return weft_semaphore_wait(r->semaphore, WEFT_NEVER);
}

static int wait_writer(const struct room *r)
{
        return weft_rwlock_write(r->reading, WEFT_NEVER);
}

static int wait_reader(const struct room *r)
{
        return weft_rwlock_read(r->writing, WEFT_NEVER);
}

static int wait_barrier(const struct room *r)
{
        return weft_barrier_wait(r->barrier, WEFT_NEVER);
}

static int wait_latch(const struct room *r)
{
        return weft_latch_wait(r->latch, WEFT_NEVER);
}

static int wait_event(const struct room *r)
{
        return weft_event_wait(r->event, WEFT_NEVER);
}

static int for_ever(void *unused)
{
        (void)unused;
        return pause(); /* whoever wakes it kills it */
}

/* There are two of them: one that does it and never ends, and one that waits for it. */
static int wait_once(const struct room *r)
{
        return weft_once_call(r->once, for_ever, NULL, WEFT_NEVER);
}

static int wait_condition(const struct room *r)
{
        int rc = weft_mutex_lock(r->monitor, WEFT_NEVER);
        return rc ? rc : weft_condition_wait(r->condition, r->monitor, WEFT_NEVER);
}

static int wait_signal(const struct room *r)
{
        uint64_t version = 1;
        return weft_signal_wait_change(r->signal, NULL, &version, WEFT_NEVER);
}

static int wait_select(const struct room *r)
{
        uint64_t x;
        struct weft_case cases[QUEUES];
        for (unsigned i = 0; i < QUEUES; i++)
                cases[i] = (struct weft_case){ .object = r->queue[i],
                                               .op = WEFT_OP_POP,
                                               .to = &x };
        return weft_select(cases, QUEUES, 0, WEFT_NEVER);
}

static int wait_fd(const struct room *r)
{
        struct pollfd p = { .fd = weft_fd(r->queue[0], WEFT_OP_POP, 0),
                            .events = POLLIN };
        return p.fd < 0 ? p.fd : poll(&p, 1, -1);
}

static const struct waiter {
        const char *name;
        int (*wait)(const struct room *r);
} waiters[] = {
        { "mutex", wait_mutex },
        { "semaphore", wait_semaphore },
        { "writer", wait_writer },
        { "reader", wait_reader },
        { "barrier", wait_barrier },
        { "latch", wait_latch },
        { "event", wait_event },
        { "once, doing it", wait_once },
        { "once, waiting", wait_once },
        { "condition", wait_condition },
        { "signal", wait_signal },
        { "select", wait_select },
        { "weft_fd and its helper", wait_fd },
};
enum { WAITERS = sizeof waiters / sizeof *waiters };

static int make_locks(weft_arena_t *arena, struct room *r)
{
        int rc = weft_mutex_create(arena, "mutex", NULL, &r->mutex);
        if (!rc)
                rc = weft_mutex_create(arena, "monitor", NULL, &r->monitor);
        if (!rc)
                rc = weft_rwlock_create(arena, "reading", &r->reading);
        if (!rc)
                rc = weft_rwlock_create(arena, "writing", &r->writing);
        if (!rc)
                rc = weft_mutex_lock(r->mutex, WEFT_NOW);
        if (!rc)
                rc = weft_rwlock_read(r->reading, WEFT_NOW);
        return rc ? rc : weft_rwlock_write(r->writing, WEFT_NOW);
}

static int make_rest(weft_arena_t *arena, struct room *r)
{
        struct weft_semaphore_options semaphore = { .value = 0 };
        struct weft_barrier_options barrier = { .parties = 2 };
        struct weft_latch_options latch = { .count = 1 };
        struct weft_event_options event = { .flags = 0 };
        struct weft_signal_options signal = { .bytes = 8 };
        struct weft_queue_options queue = { .capacity = 16, .element_bytes = 8 };
        int rc = weft_semaphore_create(arena, "semaphore", &semaphore, &r->semaphore);
        if (!rc)
                rc = weft_barrier_create(arena, "barrier", &barrier, &r->barrier);
        if (!rc)
                rc = weft_latch_create(arena, "latch", &latch, &r->latch);
        if (!rc)
                rc = weft_event_create(arena, "event", &event, &r->event);
        if (!rc)
                rc = weft_once_create(arena, "once", &r->once);
        if (!rc)
                rc = weft_condition_create(arena, "condition", &r->condition);
        if (!rc)
                rc = weft_signal_create(arena, "signal", &signal, &r->signal);
        for (unsigned i = 0; i < QUEUES && !rc; i++) {
                char name[16];
                snprintf(name, sizeof name, "queue %u", i);
                rc = weft_queue_create(arena, name, &queue, &r->queue[i]);
        }
        return rc;
}

static void drop(struct room *r)
{
        weft_mutex_close(r->mutex);
        weft_mutex_close(r->monitor);
        weft_rwlock_close(r->reading);
        weft_rwlock_close(r->writing);
        weft_semaphore_close(r->semaphore);
        weft_barrier_close(r->barrier);
        weft_latch_close(r->latch);
        weft_event_close(r->event);
        weft_once_close(r->once);
        weft_condition_close(r->condition);
        weft_signal_close(r->signal);
        for (unsigned i = 0; i < QUEUES; i++)
                weft_queue_close(r->queue[i]);
}

/* ---- the least that looking every 50 ms costs ---------------------------------------- */

static int wait_bare(const struct room *r)
{
        static volatile uint32_t word;
        struct timespec t = { 0, 50 * 1000000 };
        (void)r;
        while (!word)
                syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0);
        return 0;
}

/* ---- samples -------------------------------------------------------------------------- */

static uint64_t cpu_ns(pid_t pid)
{
        clockid_t clock;
        struct timespec t = { 0, 0 };
        if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
                return 0;
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static pid_t begin(int (*wait)(const struct room *r), const struct room *r)
{
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)!wait(r);
                _exit(1); /* it has not waited */
        }
        return pid;
}

static int look(const struct room *r, bool bare, double used[WAITERS])
{
        pid_t pid[WAITERS];
        uint64_t before[WAITERS], wall;
        int rc = 0;
        for (unsigned i = 0; i < WAITERS; i++) {
                pid[i] = begin(bare ? wait_bare : waiters[i].wait, r);
                bench_sleep_ms(3); /* they do not all wake together */
        }
        bench_sleep_ms(200); /* until they have fallen asleep */
        wall = bench_now();
        for (unsigned i = 0; i < WAITERS; i++)
                before[i] = cpu_ns(pid[i]);
        bench_sleep_ms(IDLE_MS);
        wall = bench_now() - wall;
        for (unsigned i = 0; i < WAITERS; i++) {
                used[i] = 100.0 * (double)(cpu_ns(pid[i]) - before[i]) / (double)wall;
                if (!before[i] || waitpid(pid[i], NULL, WNOHANG))
                        rc = bench_wrong("the waiter did not wait: %s", waiters[i].name);
        }
        for (unsigned i = 0; i < WAITERS; i++) {
                kill(pid[i], SIGKILL);
                waitpid(pid[i], NULL, 0);
        }
        return rc;
}

static int sample(bool bare, double used[WAITERS])
{
        struct room room = { 0 };
        weft_arena_t *arena;
        int rc = bench_weft(weft_arena_create(NULL, NULL, &arena), "weft_arena_create");
        if (rc)
                return rc;
        rc = make_locks(arena, &room);
        if (!rc)
                rc = make_rest(arena, &room);
        rc = bench_weft(rc, "create");
        if (!rc)
                rc = look(&room, bare, used);
        drop(&room);
        weft_arena_close(arena);
        return rc;
}

static int sample_mean(const struct bench_side *side, double *value)
{
        double used[WAITERS];
        int rc = sample(side->subject != NULL, used);
        for (unsigned i = 0; i < WAITERS && !rc; i++)
                *value += used[i] / WAITERS;
        return rc;
}

static int sample_most(const struct bench_side *side, double *value)
{
        double used[WAITERS];
        unsigned worst = 0;
        int rc = sample(side->subject != NULL, used);
        for (unsigned i = 0; i < WAITERS && !rc; i++)
                if (used[i] > used[worst])
                        worst = i;
        if (!rc)
                *value = used[worst];
        if (!rc && !side->subject)
                bench_remark("the most: %s", waiters[worst].name);
        return rc;
}

static const struct bench_side mean = { "weft", sample_mean, NULL, NULL };
static const struct bench_side most = { "weft", sample_most, NULL, NULL };
static const struct bench_side bare_mean = { "bare futex", sample_mean, "bare", NULL };
static const struct bench_side bare_most = { "bare futex", sample_most, "bare", NULL };

#define IDLE "a blocked process on each kind, over 2 s: "

static const struct bench_row rows[] = {
        { "sync.idle", IDLE "a process's share of a core", "%", &mean, NULL, 0.1,
          BENCH_LOWER, 3 },
        { "sync.idle.bare", IDLE "beside who looks every 50 ms", "%", &mean, &bare_mean,
          BENCH_NO_GOAL, BENCH_LOWER, 3 },
        { "sync.idle.most", IDLE "the one that used most", "%", &most, &bare_most,
          BENCH_NO_GOAL, BENCH_LOWER, 3 },
};

BENCH_MODULE(sync_idle, rows);
