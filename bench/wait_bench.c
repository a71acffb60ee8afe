/* bench/wait_bench.c -- what waiting costs, and what it survives. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>

#include "bench/flow.h"

enum { IDLE_MS = 2100, TRIPS = 100000, DEATHS = 4, KILLS = 100 };

/* What the processes of one sample share, beside two queues. */
struct room {
        struct flow_weft in, out;
        struct shared {
                _Atomic(uint64_t) returned; /* when the waiter went on */
                _Atomic(uint64_t) worst;    /* ns */
                _Atomic(uint32_t) wrong;
        } * sh;
};

static int room_open(struct room *room)
{
        struct weft_queue_options options = { .capacity = FLOW_CAPACITY,
                                              .element_bytes = 8 };
        int rc = flow_weft_open(&room->in, &options);
        if (rc)
                return rc;
        rc = flow_weft_open(&room->out, &options);
        if (rc) {
                flow_weft_close(&room->in);
                return rc;
        }
        room->sh = bench_shared(sizeof *room->sh);
        return 0;
}

static void room_close(struct room *room)
{
        bench_unshare(room->sh, sizeof *room->sh);
        flow_weft_close(&room->out);
        flow_weft_close(&room->in);
}

/* A child on the which-th cpu that runs `body` and ends. */
static pid_t child(int which, void (*body)(struct room *room), struct room *room)
{
        bench_cpus();
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (bench_pin(which))
                        _exit(1);
                body(room);
        }
        return pid;
}

static void end(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static _Noreturn void wrong(struct room *room)
{
        atomic_store(&room->sh->wrong, 1);
        _exit(1);
}

/* ---- a blocked waiter's use of the cpu ------------------------------------------ */

static _Noreturn void block_for_ever(struct room *room)
{
        uint64_t x;
        if (weft_queue_pop(room->in.queue, &x, WEFT_NEVER))
                wrong(room);
        _exit(0);
}

static uint64_t cpu_ns(pid_t pid)
{
        clockid_t clock;
        struct timespec t = { 0, 0 };
        if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
                return 0;
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int sample_idle(const struct bench_side *side, double *value)
{
        struct room room;
        (void)side;
        int rc = room_open(&room);
        if (rc)
                return rc;
        pid_t pid = child(1, block_for_ever, &room);
        bench_sleep_ms(100); /* until it has fallen asleep */
        uint64_t cpu = cpu_ns(pid), wall = bench_now();
        bench_sleep_ms(IDLE_MS);
        *value = 100.0 * (double)(cpu_ns(pid) - cpu) / (double)(bench_now() - wall);
        if (!cpu || waitpid(pid, NULL, WNOHANG))
                rc = bench_wrong("the waiter did not wait");
        end(pid);
        room_close(&room);
        return rc;
}

/* ---- system calls while the other side is awake ----------------------------------- */

/* Continues a traced process to its next system call; false when it has ended. */
static bool next_call(pid_t pid, struct __ptrace_syscall_info *info)
{
        for (int status, signal = 0;;) {
                if (ptrace(PTRACE_SYSCALL, pid, 0, signal) ||
                    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
                        return false;
                signal = WSTOPSIG(status);
                if (signal != (SIGTRAP | 0x80))
                        continue;
                signal = 0;
                ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof *info, info);
                if (info->op == PTRACE_SYSCALL_INFO_ENTRY)
                        return true;
        }
}

/* Continues it to a call of `getppid`, by which the children here mark a place. */
static bool next_mark(pid_t pid, uint64_t *calls)
{
        struct __ptrace_syscall_info info;
        for (*calls = 0; next_call(pid, &info); ++*calls)
                if (info.entry.nr == SYS_getppid)
                        return true;
        return false;
}

static void let_trace(void)
{
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
}

static bool trace(pid_t pid)
{
        int status;
        return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
               !ptrace(PTRACE_SETOPTIONS, pid, 0,
                       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
}

/* Blocking calls; the other side answers at once. */
static _Noreturn void ask(struct room *room)
{
        uint64_t x;
        let_trace();
        for (uint64_t i = 0; i < TRIPS; i++) {
                if (i == TRIPS / 100)
                        syscall(SYS_getppid); /* seats are taken, pages are there */
                if (weft_queue_push(room->in.queue, &i, WEFT_NEVER) ||
                    weft_queue_pop(room->out.queue, &x, WEFT_NEVER) || x != i)
                        wrong(room);
        }
        syscall(SYS_getppid);
        _exit(0);
}

static _Noreturn void answer(struct room *room)
{
        uint64_t x;
        for (;;) {
                while (weft_queue_pop(room->in.queue, &x, WEFT_NOW))
                        ;
                while (weft_queue_push(room->out.queue, &x, WEFT_NOW))
                        ;
        }
}

static int sample_calls(const struct bench_side *side, double *value)
{
        struct room room;
        uint64_t calls;
        (void)side;
        int rc = bench_two_cpus();
        if (!rc)
                rc = room_open(&room);
        if (rc)
                return rc;
        pid_t other = child(1, answer, &room), pid = child(0, ask, &room);
        if (!trace(pid))
                rc = bench_cannot("ptrace is not allowed");
        else if (!next_mark(pid, &calls) || !next_mark(pid, &calls))
                rc = bench_wrong("the round trips broke off");
        else
                *value = (double)calls;
        end(pid);
        end(other);
        room_close(&room);
        return rc;
}

/* ---- the waker dies between its change and its wake -------------------------------- */

static _Noreturn void wait_once(struct room *room)
{
        uint64_t x = 0;
        int rc = weft_queue_pop(room->in.queue, &x, WEFT_NEVER);
        atomic_store(&room->sh->returned, bench_now());
        if (rc || x != 4711)
                wrong(room);
        _exit(0);
}

static _Noreturn void push_once(struct room *room)
{
        uint64_t x = 4711;
        if (weft_agent_join(room->in.arena))
                wrong(room);
        let_trace();
        syscall(SYS_getppid);
        if (weft_queue_push(room->in.queue, &x, WEFT_NEVER))
                wrong(room);
        _exit(0);
}

/* Stops the pusher at the entry of its FUTEX_WAKE: the element is in the queue, nobody
 * has been told. False if it made no such call. */
static bool stop_before_wake(pid_t pid)
{
        struct __ptrace_syscall_info info;
        uint64_t calls;
        if (!trace(pid) || !next_mark(pid, &calls))
                return false;
        while (next_call(pid, &info)) {
                uint64_t op = info.entry.args[1] & (uint64_t)FUTEX_CMD_MASK;
                if (info.entry.nr == SYS_futex &&
                    (op == FUTEX_WAKE || op == FUTEX_WAKE_BITSET))
                        return true;
                if (info.entry.nr == 454) /* futex_wake(2) */
                        return true;
        }
        return false;
}

static int lose_a_wake(struct room *room, double *worst)
{
        atomic_store(&room->sh->returned, 0);
        pid_t waiter = child(1, wait_once, room);
        bench_sleep_ms(30); /* it is asleep by now */
        pid_t waker = child(0, push_once, room);
        bool stopped = stop_before_wake(waker);
        uint64_t killed = bench_now();
        end(waker);
        for (int ms = 0; !atomic_load(&room->sh->returned) && ms < 2000; ms++)
                bench_sleep_ms(1);
        uint64_t returned = atomic_load(&room->sh->returned);
        end(waiter);
        if (!stopped)
                return bench_cannot(
                        "the push made no FUTEX_WAKE, or ptrace is not allowed");
        if (!returned)
                return bench_wrong("the waiter still sleeps after 2 s");
        double ms = returned > killed ? (double)(returned - killed) / 1e6 : 0;
        *worst = ms > *worst ? ms : *worst;
        return 0;
}

static int sample_lost_wake(const struct bench_side *side, double *value)
{
        struct room room;
        (void)side;
        int rc = room_open(&room);
        if (rc)
                return rc;
        for (int i = 0; i < DEATHS && !rc; i++)
                rc = lose_a_wake(&room, value);
        if (!rc && atomic_load(&room.sh->wrong))
                rc = bench_wrong("the waiter got something else");
        room_close(&room);
        return rc;
}

/* ---- wakers die at random ------------------------------------------------ */

/* An element is the time at which it was pushed: how long has it lain there, less the
 * time for which the waiter was awake and had no cpu? */
static _Noreturn void wait_for_times(struct room *room)
{
        uint64_t x, last = 0, waited = bench_waited_for_cpu();
        for (;;) {
                if (weft_queue_pop(room->in.queue, &x, WEFT_NEVER))
                        wrong(room);
                uint64_t age = bench_now() - x, worst = atomic_load(&room->sh->worst);
                if (x < last)
                        wrong(room);
                last = x;
                if (age <= worst)
                        continue;
                uint64_t total = bench_waited_for_cpu(), without = total - waited;
                waited = total;
                if (age > worst + without)
                        atomic_store(&room->sh->worst, age - without);
        }
}

static _Noreturn void push_times(struct room *room)
{
        for (;;) {
                uint64_t until = bench_now() + 30000, now;
                while ((now = bench_now()) < until)
                        bench_pause();
                if (weft_queue_push(room->in.queue, &now, WEFT_NEVER))
                        wrong(room);
        }
}

static int sample_random(const struct bench_side *side, double *value)
{
        struct room room;
        unsigned seed = (unsigned)bench_now();
        (void)side;
        int rc = room_open(&room);
        if (rc)
                return rc;
        pid_t waiter = child(1, wait_for_times, &room);
        for (int i = 0; i < KILLS && !atomic_load(&room.sh->wrong); i++) {
                pid_t waker = child(0, push_times, &room);
                usleep(500 + (unsigned)rand_r(&seed) % 1500);
                end(waker);
        }
        bench_sleep_ms(100);
        *value = (double)atomic_load(&room.sh->worst) / 1e6;
        if (atomic_load(&room.sh->wrong))
                rc = bench_wrong("a pop failed, or elements came out of order");
        end(waiter);
        room_close(&room);
        return rc;
}

/* ---- rows --------------------------------------------------------------- */

static const struct bench_side side_idle = { "weft", sample_idle, NULL, NULL };
static const struct bench_side side_calls = { "weft", sample_calls, NULL, NULL };
static const struct bench_side side_lost = { "weft", sample_lost_wake, NULL, NULL };
static const struct bench_side side_random = { "weft", sample_random, NULL, NULL };

static const struct bench_row rows[] = {
        { "wait.cpu", "a blocked pop's share of a core over 2 s", "%", &side_idle, NULL,
          0.1, BENCH_LOWER, 3 },
        { "wait.calls", "system calls in 100,000 blocking round trips, the other awake",
          "calls", &side_calls, NULL, 0, BENCH_LOWER, 5 },
        { "wait.waker-died", "a pop sleeps on after its waker is killed before the wake",
          "ms", &side_lost, NULL, 60, BENCH_LOWER, 6 },
        { "wait.kill-random", "longest that an element lay there, 100 pushers killed",
          "ms", &side_random, NULL, 60, BENCH_LOWER, 6 },
};

BENCH_MODULE(wait, rows);
