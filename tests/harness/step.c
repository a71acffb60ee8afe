/* tests/harness/step.c -- ptrace(), and names for addresses. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/harness/step.h"

/* ---- where to run -------------------------------------------------------- */

static cpu_set_t all_cpus;

void cpu_stay(void)
{
        cpu_set_t one;
        int cpu = sched_getcpu();
        CHECK(sched_getaffinity(0, sizeof all_cpus, &all_cpus) == 0);
        CPU_ZERO(&one);
        CPU_SET((size_t)(cpu < 0 ? 0 : cpu), &one);
        (void)sched_setaffinity(0, sizeof one, &one);
}

void cpu_roam(void)
{
        if (CPU_COUNT(&all_cpus))
                (void)sched_setaffinity(0, sizeof all_cpus, &all_cpus);
}

/* ---- stepping ------------------------------------------------------------ */

__attribute__((noinline)) static void mark_begin(void)
{
        __asm__ volatile("nop" ::: "memory");
}

__attribute__((noinline)) static void mark_end(void)
{
        __asm__ volatile("nop; nop" ::: "memory");
}

static uint64_t address_of(void (*function)(void))
{
        uint64_t a;
        memcpy(&a, &function, sizeof a);
        return a;
}

static volatile pid_t stepping; /* whom the alarm kills */

static void hung(int signal)
{
        (void)signal;
        if (stepping)
                kill(stepping, SIGKILL);
}

static void watch_for(pid_t pid, unsigned seconds)
{
        struct sigaction action = { .sa_handler = hung, .sa_flags = SA_RESTART };
        stepping = pid;
        if (pid)
                sigaction(SIGALRM, &action, NULL);
        alarm(pid ? seconds : 0);
}

static void watch(pid_t pid)
{
        watch_for(pid, TRACEE_SYSTEM_CALL_SECONDS);
}

/* Waits for the next stop. */
static enum tracee_state stopped(struct tracee *t, int *signal)
{
        int status;
        pid_t pid;
        do
                pid = waitpid(t->pid, &status, __WALL);
        while (pid < 0 && errno == EINTR);
        if (pid != t->pid || !WIFSTOPPED(status)) {
                t->pid = 0;
                return TRACEE_DIED;
        }
        *signal = WSTOPSIG(status);
        return TRACEE_GOES;
}

/* One instruction further. Signals other than the step itself are passed on. */
static enum tracee_state step_once(struct tracee *t)
{
        int signal = 0;
        do {
                if (ptrace(PTRACE_SINGLESTEP, t->pid, NULL, (void *)(intptr_t)signal) ||
                    stopped(t, &signal) != TRACEE_GOES)
                        return TRACEE_DIED;
        } while (signal != SIGTRAP);
        return ptrace(PTRACE_GETREGS, t->pid, NULL, &t->regs) ? TRACEE_DIED : TRACEE_GOES;
}

/* ---- many instructions at once ------------------------------------------- */

static void find_shared(struct tracee *t)
{
        char path[64], line[512], access[8];
        unsigned long long from, to;
        snprintf(path, sizeof path, "/proc/%d/maps", (int)t->pid);
        FILE *f = fopen(path, "r");
        t->shared_n = 0;
        while (f && fgets(line, sizeof line, f))
                if (sscanf(line, "%llx-%llx %7s", &from, &to, access) == 3 &&
                    access[3] == 's') {
                        CHECK(t->shared_n < TRACEE_SHARED);
                        t->shared[t->shared_n].from = from;
                        t->shared[t->shared_n++].to = to;
                }
        if (f)
                fclose(f);
}

static bool in_shared(const struct tracee *t, uint64_t from, uint64_t bytes)
{
        for (unsigned i = 0; i < t->shared_n; i++)
                if (from < t->shared[i].to && from + bytes > t->shared[i].from)
                        return true;
        return false;
}

/* Runs to one of a few places, by hardware breakpoints. False: there are none here. */
static bool run_to(struct tracee *t, const uint64_t *rip, unsigned n,
                   enum tracee_state *state)
{
        uintptr_t on = 0;
        int signal = 0;
        for (unsigned i = 0; i < n; i++) {
                size_t dr = offsetof(struct user, u_debugreg) + i * sizeof(uint64_t);
                if (ptrace(PTRACE_POKEUSER, t->pid, (void *)dr, (void *)rip[i]))
                        return false;
                on |= (uintptr_t)1 << 2 * i;
        }
        const size_t dr7 = offsetof(struct user, u_debugreg[7]);
        if (ptrace(PTRACE_POKEUSER, t->pid, (void *)dr7, (void *)on))
                return false;
        watch(t->pid);
        do
                *state = ptrace(PTRACE_CONT, t->pid, NULL, (void *)(intptr_t)signal)
                                 ? TRACEE_DIED
                                 : stopped(t, &signal);
        while (*state == TRACEE_GOES && signal != SIGTRAP);
        watch(0);
        if (*state == TRACEE_GOES &&
            (ptrace(PTRACE_POKEUSER, t->pid, (void *)dr7, NULL) ||
             ptrace(PTRACE_GETREGS, t->pid, NULL, &t->regs)))
                *state = TRACEE_DIED;
        return true;
}

/* Each round of a repeated string instruction is a step, of which a memset() of private
 * memory takes 100,000: those are passed at once. */
static bool pass_string(struct tracee *t, enum tracee_state *state)
{
        enum { FEW = 16 };
        uint64_t bytes;
        unsigned length = decode_repeated_store(&t->regs, &bytes);
        if (!length || t->regs.rcx < FEW || in_shared(t, t->regs.rdi, bytes))
                return false;
        uint64_t behind = t->regs.rip + length;
        return run_to(t, &behind, 1, state);
}

/* So is the rest of a loop that stores nothing. */
static bool pass_loop(struct tracee *t, enum tracee_state *state)
{
        uint64_t exits[FLY_EXITS];
        unsigned n;
        if (!t->flights)
                return false;
        n = flights_ways_out(t->flights, t->last, t->wrote.what == WRITES_NOTHING, exits);
        return n && run_to(t, exits, n, state);
}

void tracee_flies(struct tracee *t)
{
        if (!t->flights)
                t->flights = flights_make();
}

enum tracee_state tracee_step(struct tracee *t)
{
        enum tracee_state state = TRACEE_GOES;
        t->last = t->rip;
        t->wrote = decode_next(&t->regs);
        if (t->wrote.what == SYSTEM_CALL) {
                watch(t->pid);
                state = step_once(t);
                watch(0);
                find_shared(t);
        } else if (!pass_loop(t, &state) && !pass_string(t, &state)) {
                state = step_once(t);
                if (t->flights)
                        flights_stepped(t->flights, t->last, t->regs.rip);
        }
        t->steps++;
        t->rip = t->regs.rip;
        return state == TRACEE_GOES && t->rip == address_of(mark_end) ? TRACEE_ENDED
                                                                      : state;
}

enum tracee_state tracee_step_to(struct tracee *t, uint64_t steps)
{
        enum tracee_state state = TRACEE_GOES;
        while (state == TRACEE_GOES && t->steps < steps)
                state = tracee_step(t);
        return state;
}

static void child(struct crash *c, void (*before)(struct crash *),
                  void (*op)(struct crash *))
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(0);
        if (before)
                before(c);
        CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
        raise(SIGSTOP);
        mark_begin();
        op(c);
        c->note->done = 1;
        mark_end();
        raise(SIGSTOP);
        _exit(0);
}

enum tracee_state tracee_start(struct tracee *t, struct crash *c,
                               void (*before)(struct crash *), void (*op)(struct crash *))
{
        int signal;
        *t = (struct tracee){ .pid = fork() };
        CHECK(t->pid >= 0);
        if (t->pid == 0)
                child(c, before, op);
        watch(t->pid);
        enum tracee_state state = stopped(t, &signal);
        watch(0);
        while (state == TRACEE_GOES) {
                state = step_once(t);
                if (state == TRACEE_GOES && t->regs.rip == address_of(mark_begin))
                        break;
        }
        for (int i = 0; i < 2 && state == TRACEE_GOES; i++) /* nop, ret */
                state = step_once(t);
        t->rip = t->last = state == TRACEE_GOES ? t->regs.rip : 0;
        if (state == TRACEE_GOES)
                find_shared(t);
        return state;
}

/* Lets it run; gone if it cannot. */
static void go(struct tracee *t, int signal)
{
        if (t->pid && ptrace(PTRACE_CONT, t->pid, NULL, (void *)(intptr_t)signal))
                tracee_kill(t);
}

void tracee_go(struct tracee *t)
{
        go(t, 0);
}

enum tracee_state tracee_ended(struct tracee *t, unsigned seconds)
{
        int signal = 0;
        enum tracee_state state = TRACEE_DIED;
        if (t->pid) {
                watch_for(t->pid, seconds);
                state = stopped(t, &signal);
                while (state == TRACEE_GOES && signal != SIGSTOP) {
                        go(t, signal);
                        state = t->pid ? stopped(t, &signal) : TRACEE_DIED;
                }
                watch(0);
        }
        return state == TRACEE_GOES ? TRACEE_ENDED : state;
}

enum tracee_state tracee_finish(struct tracee *t)
{
        tracee_go(t);
        return tracee_ended(t, TRACEE_SYSTEM_CALL_SECONDS);
}

void tracee_kill(struct tracee *t)
{
        flights_free(t->flights);
        t->flights = NULL;
        if (!t->pid)
                return;
        kill(t->pid, SIGKILL);
        while (waitpid(t->pid, NULL, __WALL) < 0 && errno == EINTR)
                ;
        t->pid = 0;
}

static void nothing(struct crash *c)
{
        (void)c;
}

bool tracee_possible(void)
{
        struct crash_note note = { 0 };
        struct crash c = { .note = &note };
        struct tracee t;
        pid_t pid = fork(); /* the CHECK in child() must not be seen */
        if (pid == 0)
                _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? 1 : 0);
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
                return false;
        bool possible = tracee_start(&t, &c, NULL, nothing) == TRACEE_GOES &&
                        tracee_step_to(&t, 1000) == TRACEE_ENDED;
        tracee_kill(&t);
        return possible;
}

/* ---- names --------------------------------------------------------------- */

struct module {
        uint64_t address, base;
        const char *path;
};

static int module_of(struct dl_phdr_info *info, size_t size, void *context)
{
        struct module *m = context;
        (void)size;
        for (int i = 0; i < info->dlpi_phnum; i++) {
                uint64_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
                if (info->dlpi_phdr[i].p_type == PT_LOAD && m->address >= from &&
                    m->address - from < info->dlpi_phdr[i].p_memsz) {
                        m->base = info->dlpi_addr;
                        m->path = *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
                        return 1;
                }
        }
        return 0;
}

const char *tracee_where(uint64_t address)
{
        static char where[256];
        char command[512], function[128] = "?", line[256] = "?";
        char exe[256] = "";
        struct module m = { .address = address };
        if (!address || !dl_iterate_phdr(module_of, &m)) {
                snprintf(where, sizeof where, "0x%llx", (unsigned long long)address);
                return where;
        }
        if (strcmp(m.path, "/proc/self/exe") == 0 &&
            readlink(m.path, exe, sizeof exe - 1) > 0)
                m.path = exe;
        snprintf(command, sizeof command, "addr2line -f -s -e '%s' 0x%llx 2>/dev/null",
                 m.path, (unsigned long long)(address - m.base));
        FILE *f = popen(command, "r");
        if (f) {
                if (fscanf(f, "%127s %255s", function, line) != 2)
                        snprintf(line, sizeof line, "+0x%llx",
                                 (unsigned long long)(address - m.base));
                pclose(f);
        }
        snprintf(where, sizeof where, "%.100s (%.100s)", function, line);
        return where;
}
