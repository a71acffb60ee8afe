/* bench/crew.c -- time, pinning, and processes that start together. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/topology.h>

#include "bench/bench.h"

/* ---- time ---------------------------------------------------------------- */

uint64_t bench_now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void bench_sleep_ms(unsigned ms)
{
        struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
        while (nanosleep(&t, &t) && errno == EINTR)
                ;
}

uint64_t bench_waited_for_cpu(void)
{
        char text[96] = "", *end;
        int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
                close(fd);
        if (n <= 0)
                return 0; /* a kernel that does not count it */
        (void)strtoull(text, &end, 10);
        return strtoull(end, NULL, 10);
}

double bench_ns_per_tick(void)
{
        static double known;
        if (known == 0) {
                uint64_t ns = bench_now(), ticks = bench_ticks();
                bench_sleep_ms(20);
                known = (double)(bench_now() - ns) / (double)(bench_ticks() - ticks);
        }
        return known;
}

/* ---- cpus ---------------------------------------------------------------- */

enum { CPUS = 64 };
static weft_topology_t *machine;
static int cpu_count, cpu_number[CPUS];

static void look(void)
{
        weft_topology_why_t why;
        weft_topology_info_t info;
        if (machine)
                return;
        int rc = weft_topology_load(&machine, &why);
        if (!rc) {
                weft_topology_info(machine, &info);
                cpu_count = info.cpus < CPUS ? info.cpus : CPUS;
                rc = weft_topology_place(machine, "spread", cpu_count, cpu_number, &why);
        }
        if (rc) {
                fprintf(stderr, "weft-bench: no topology: %s\n", why.text);
                exit(2);
        }
}

int bench_cpus(void)
{
        look();
        return cpu_count;
}

int bench_cpu(int which)
{
        look();
        return cpu_number[which % cpu_count];
}

int bench_pin(int which)
{
        return weft_topology_pin(machine, bench_cpu(which));
}

int bench_two_cpus(void)
{
        return bench_cpus() >= 2 ? 0 : bench_cannot("needs two cpus");
}

/* ---- shared memory ------------------------------------------------------- */

void *bench_shared(size_t bytes)
{
        void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        return at == MAP_FAILED ? NULL : at;
}

void bench_unshare(void *at, size_t bytes)
{
        if (at)
                munmap(at, bytes);
}

/* ---- the worker's side --------------------------------------------------- */

static struct bench_worker *self;

void bench_give_up(const char *why, ...)
{
        va_list args;
        va_start(args, why);
        if (self)
                vsnprintf(self->slot->wrong, sizeof self->slot->wrong, why, args);
        else
                vfprintf(stderr, why, args);
        va_end(args);
        _exit(1);
}

void bench_ready(struct bench_worker *worker)
{
        struct bench_control *control = worker->control;
        atomic_fetch_add(&control->ready, 1);
        while (!atomic_load(&control->go))
                sched_yield();
        worker->slot->begin = bench_now();
}

static _Noreturn void work(struct bench_crew *crew, struct bench_control *control,
                           unsigned index, pid_t parent)
{
        struct bench_worker worker = { index, &control->slot[index], control };
        self = &worker;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        int rc = bench_pin(crew->one_cpu ? 0 : (int)(index % 2));
        if (rc)
                bench_give_up("cannot pin: %s", weft_strerror(rc));
        crew->body(&worker, crew->context);
        worker.slot->end = bench_now();
        _exit(0);
}

/* ---- the parent's side --------------------------------------------------- */

/* Waits until `left` children have ended or `until` has passed; the rest is killed. */
static unsigned reap(pid_t *pid, unsigned n, uint64_t until, bool *failed)
{
        unsigned left = 0;
        for (unsigned i = 0; i < n; i++)
                left += pid[i] > 0;
        for (;;) {
                for (unsigned i = 0; i < n; i++) {
                        int status;
                        if (pid[i] <= 0 || waitpid(pid[i], &status, WNOHANG) != pid[i])
                                continue;
                        pid[i] = 0;
                        left--;
                        *failed |= status != 0;
                }
                if (!left || *failed || bench_now() >= until)
                        break;
                usleep(500);
        }
        for (unsigned i = 0; i < n; i++)
                if (pid[i] > 0) {
                        kill(pid[i], SIGKILL);
                        waitpid(pid[i], NULL, 0);
                }
        return left;
}

/* All workers stand at the start, or one has died before it got there. */
static bool assemble(struct bench_control *control, unsigned count)
{
        uint64_t until = bench_now() + UINT64_C(10000000000);
        siginfo_t dead = { 0 };
        while (atomic_load(&control->ready) < count) {
                if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                    dead.si_pid)
                        return false;
                if (bench_now() > until)
                        return false;
                usleep(200);
        }
        return true;
}

static void direct(struct bench_crew *crew, struct bench_control *control, pid_t *pid,
                   bool *failed)
{
        unsigned grace = crew->grace_ms ? crew->grace_ms : 5000;
        bool all = assemble(control, crew->count);
        uint64_t begin = bench_now();
        if (!all)
                *failed = true;
        atomic_store(&control->go, 1);
        if (all && crew->ms) {
                bench_sleep_ms(crew->ms);
                for (unsigned i = 0; i < crew->count; i++)
                        control->slot[i].ops_at_stop = atomic_load(&control->slot[i].ops);
                crew->elapsed = bench_now() - begin;
                atomic_store(&control->stop, 1);
        }
        if (!all)
                grace = 100; /* let the others say why */
        bool bad = false;
        crew->cut =
                reap(pid, crew->count, bench_now() + grace * UINT64_C(1000000), &bad) > 0;
        *failed |= bad;
        for (unsigned i = 0; i < crew->count; i++) {
                const struct bench_slot *slot = &control->slot[i];
                if (!crew->ms && slot->end > begin && slot->end - begin > crew->elapsed)
                        crew->elapsed = slot->end - begin;
        }
}

int bench_crew_run(struct bench_crew *crew)
{
        struct bench_control *control = bench_shared(sizeof *control);
        pid_t pid[BENCH_WORKERS] = { 0 }, parent = getpid();
        bool failed = false;
        if (!control)
                return bench_cannot("no shared memory");
        bench_cpus(); /* before the fork */
        bench_ns_per_tick();
        fflush(stdout);
        crew->elapsed = 0;
        for (unsigned i = 0; i < crew->count; i++) {
                pid[i] = fork();
                if (pid[i] == 0)
                        work(crew, control, i, parent);
                failed |= pid[i] < 0;
        }
        direct(crew, control, pid, &failed);
        memcpy(crew->slot, control->slot, sizeof crew->slot);
        bench_unshare(control, sizeof *control);
        for (unsigned i = 0; i < crew->count; i++)
                if (crew->slot[i].wrong[0])
                        return bench_wrong("%s", crew->slot[i].wrong);
        return failed ? bench_wrong("a worker died") : 0;
}
