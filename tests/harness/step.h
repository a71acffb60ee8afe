/* tests/harness/step.h -- a process that is stepped one instruction at a time. */
#ifndef WEFT_TESTS_HARNESS_STEP_H
#define WEFT_TESTS_HARNESS_STEP_H

#include "tests/harness/crash.h"
#include "tests/harness/decode.h"
#include "tests/harness/fly.h"

enum { TRACEE_SHARED = 32 };

struct tracee {
        pid_t pid; /* 0: none */
        unsigned shared_n;
        struct {
                uint64_t from, to;
        } shared[TRACEE_SHARED]; /* its mappings of shared memory */
        uint64_t steps;      /* a repeated string instruction on private memory is one */
        uint64_t rip;        /* the instruction to come */
        uint64_t last;       /* the one just done */
        struct decode wrote; /* what that one may have written */
        struct user_regs_struct regs; /* as they are now */
        struct flights
                *flights; /* loops that store nothing are a step; NULL: they are not */
};

enum tracee_state {
        TRACEE_GOES, /* the operation has not ended */
        TRACEE_ENDED,
        TRACEE_DIED, /* by itself */
};

/*
 * Starts a process that calls `before`, then `op`, and stops it right before `op`. The
 * child gets `c` as its own. Dies with its tracer.
 */
enum tracee_state tracee_start(struct tracee *t, struct crash *c,
                               void (*before)(struct crash *),
                               void (*op)(struct crash *));
enum tracee_state tracee_step(struct tracee *t);

/* From now on a loop that stores nothing is one step, but for its first rounds. */
void tracee_flies(struct tracee *t);
enum tracee_state tracee_step_to(struct tracee *t, uint64_t steps);
enum tracee_state tracee_finish(struct tracee *t); /* lets it run to the end of `op` */

/* The same in two parts, for several who need each other: all go, then each is waited for,
 * so many seconds at most; who has not ended by then is killed. */
void tracee_go(struct tracee *t);
enum tracee_state tracee_ended(struct tracee *t, unsigned seconds);
void tracee_kill(struct tracee *t);

/* False where ptrace() is forbidden. */
bool tracee_possible(void);

/* A symbol and a line for an address of this program, in a static buffer. */
const char *tracee_where(uint64_t address);

/* Keeps this process on one cpu; lets a child go anywhere. */
void cpu_stay(void);
void cpu_roam(void);

/* In all children: a process that hangs in a system call is killed by then. */
enum { TRACEE_SYSTEM_CALL_SECONDS = 20 };

#endif
