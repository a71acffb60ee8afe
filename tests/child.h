/* tests/child.h -- other processes, for tests that need some.
 *
 * In a child a claim that fails ends the child: never use cmocka's asserts there.
 */
#ifndef WEFT_TESTS_CHILD_H
#define WEFT_TESTS_CHILD_H

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/arena.h>

#include "runtime/arena.h"
#include "tests/check.h"

/* ---- one child ----------------------------------------------------------- */

static inline pid_t child_start(void (*body)(void *), void *context)
{
        static const int caught[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT };
        pid_t parent = getpid();

        fflush(NULL);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
                signal(caught[i], SIG_DFL); /* cmocka's are the parent's */
        body(context);
        _exit(0);
}

/* What it exited with, or minus the signal that ended it. */
static inline int child_end(pid_t pid)
{
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int child_kill(pid_t pid)
{
        CHECK(kill(pid, SIGKILL) == 0);
        return child_end(pid);
}

static inline int child_run(void (*body)(void *), void *context)
{
        return child_end(child_start(body, context));
}

/* ---- meeting ------------------------------------------------------------- */

/* A gate that one process opens and others pass, one for each opening. */
struct gate {
        int in, out;
};

static inline struct gate gate_make(void)
{
        int ends[2];
        CHECK(pipe(ends) == 0);
        return (struct gate){ ends[0], ends[1] };
}

static inline void gate_open(const struct gate *gate, int n)
{
        while (n--)
                CHECK(write(gate->out, "", 1) == 1);
}

static inline void gate_pass(const struct gate *gate)
{
        char byte;
        CHECK(read(gate->in, &byte, 1) == 1);
}

static inline void gate_drop(struct gate *gate)
{
        close(gate->in);
        close(gate->out);
}

/* Zeroed memory that children share with us, beside any arena. */
static inline void *common_make(size_t bytes)
{
        void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0);
        CHECK(at != MAP_FAILED);
        return at;
}

/* ---- another address ----------------------------------------------------- */

/* For a child: closes the arena that it inherited, and opens it again somewhere else. */
static inline weft_arena_t *child_reopen(weft_arena_t *inherited, int flags)
{
        weft_arena_t *arena;
        void *was = inherited->base;
        int fd = dup(weft_arena_fd(inherited));
        CHECK(fd >= 0);
        CHECK(inherited->opens == 1); /* or it would stay where it is */
        weft_arena_close(inherited);
        void *block = mmap(was, 4096, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        CHECK(block == was);
        CHECK(weft_arena_open_fd(fd, flags, &arena) == 0);
        CHECK(arena->base != was);
        close(fd);
        return arena;
}

/* ---- what every test asks ------------------------------------------------ */

/* Nothing lost, orphaned or corrupt. */
static inline void check_whole(weft_arena_t *arena)
{
        struct weft_census census;
        int rc = weft_arena_check(arena, &census);
        if (rc)
                fprintf(stderr,
                        "census: free %llu agents %llu objects %llu arena %llu data %llu "
                        "orphans %u (%llu B) lost pages %llu corrupt %u\n",
                        (unsigned long long)census.free_bytes,
                        (unsigned long long)census.agent_bytes,
                        (unsigned long long)census.object_bytes,
                        (unsigned long long)census.arena_bytes,
                        (unsigned long long)census.data_bytes, census.orphans,
                        (unsigned long long)census.orphan_bytes,
                        (unsigned long long)census.lost_pages, census.corrupt);
        CHECK(rc == 0);
}

static inline uint32_t recover_count(weft_arena_t *arena)
{
        struct weft_recovery report;
        CHECK(weft_arena_recover(arena, &report) == 0);
        CHECK(report.failed == 0);
        return report.settled;
}

#endif
