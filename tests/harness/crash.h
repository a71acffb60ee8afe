/* tests/harness/crash.h -- kill, stop and recovery sweeps over named operations.
 *
 * A test names its operations as a table of cases and calls crash_main(). The harness
 * then kills, stops and resumes a victim at every instruction of each operation, and
 * kills whoever recovers from that at every instruction too. docs/testing.md tells how.
 *
 * A case runs in processes of their own, each with its own `struct crash`:
 *
 *   host      setup       brings shared memory to the state to be tested, then ends
 *   victim    open, prepare, victim     `victim` alone is stepped: one operation
 *   survivor  open, survive, recover, verify
 *
 * `open` maps the shared memory and opens handles. `survive` is what others do while the
 * victim is dead but not yet found dead, or stopped: it must succeed at once.
 */
#ifndef WEFT_TESTS_HARNESS_CRASH_H
#define WEFT_TESTS_HARNESS_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum crash_verdict {
        CRASH_FINE,
        CRASH_WEDGED,     /* a survivor could not go on, or did not come back in time */
        CRASH_LEAKED,     /* memory that nobody owns, or that nobody can reach */
        CRASH_LOST,       /* something acknowledged is gone */
        CRASH_DUPLICATED, /* something is there twice */
        CRASH_BROKEN,     /* anything else: a survivor aborted, an invariant failed */
        CRASH_VERDICTS
};

/* Written by the victim for the verifier: a private page, not part of the arena. */
struct crash_note {
        volatile uint64_t done; /* 1: `victim` has returned */
        volatile int64_t rc;    /* free for the case, like these */
        volatile uint64_t value[14];
};

enum crash_how {
        CRASH_KILLED,
        CRASH_STOPPED, /* survive() ran in the middle of the operation, which then ended */
};

struct crash {
        const struct crash_case *self;
        int fd;          /* the shared memory; -1 in a case that uses `dir` */
        const char *dir; /* private directory; also in the environment's WEFT_DIR */
        struct crash_note *note;  /* of the victim; a survivor reads what it wrote */
        struct crash_note *other; /* in a grid: of the other party; a survivor's is B's */
        enum crash_how how;
        uint8_t fate[2]; /* in a grid: of A and of B, for a survivor: enum grid_fate */
        void *arena;     /* for the kit and the case, from here on */
        void *handle;
        uint64_t word[16];
        struct crash_told *told; /* private to the harness */
};

/* What is the same for all structures of one library. */
struct crash_kit {
        /* Settles the dead; returns how many it settled. */
        uint32_t (*recover)(struct crash *c);
        /* Does to the bytes of the shared memory what the kernel does when thread `tid`
         * is killed. NULL: nothing. */
        void (*bury)(void *bytes, size_t n, uint32_t tid);
};

enum {
        CRASH_DIR = 1,        /* shared memory is named files in `dir` */
        CRASH_KEEP_HOST = 2,  /* the host lives on, and is killed before `recover` */
        CRASH_NO_STOP = 4,    /* not lock-free by its nature: no stop sweep */
        CRASH_NO_RECOVER = 8, /* no recovery sweep */
        CRASH_REAL = 16,      /* others sleep on the shared memory: copies will not do */
};

struct crash_case {
        const char *name; /* module/operation/state */
        const struct crash_kit *kit;
        void (*setup)(struct crash *c); /* sets c->fd, unless CRASH_DIR */
        void (*open)(struct crash *c);
        void (*prepare)(struct crash *c); /* in the victim, before it; may be NULL */
        void (*victim)(struct crash *c);
        void (*survive)(struct crash *c); /* may be NULL */
        void (*verify)(struct crash *c);
        unsigned flags;
        unsigned bound_ms; /* for a survivor's whole work; 0 is 5000 */
        uint64_t arg[4];   /* for the functions */
        const void *more;
};

/* Says what is wrong, and ends this process. */
_Noreturn void crash_fail(struct crash *c, enum crash_verdict verdict, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));

#define CRASH_MUST(c, verdict, claim) \
        do { \
                if (!(claim)) \
                        crash_fail((c), (verdict), "%s:%d: not true: %s", __FILE__, \
                                   __LINE__, #claim); \
        } while (0)

/* ---- running them -------------------------------------------------------- */

struct crash_count {
        uint64_t runs;
        uint64_t bad[CRASH_VERDICTS];
};

struct crash_result {
        uint64_t steps;  /* instructions of the operation */
        uint64_t states; /* distinct states of shared memory that a survivor can meet */
        uint64_t drift;  /* real runs that took another path than the first */
        struct crash_count kill;    /* the kill at each state, by copy */
        struct crash_count real;    /* real kills */
        struct crash_count stop;    /* stops */
        struct crash_count recover; /* kills of a recoverer */
        struct crash_count deeper;  /* kills of the recoverer of that */
        uint64_t kill_points_bad; /* of `steps`: instructions after which a kill is bad */
        double seconds;
};

struct crash_options {
        const char *filter;    /* of names; NULL is all */
        double seconds;        /* for the case */
        uint64_t from, to;     /* only these instructions */
        uint64_t from_b, to_b; /* and in a grid, of party B, these */
        bool full;             /* every instruction for real */
        bool hurried; /* time is over: the least of everything, no recovery sweep */
        bool verbose;
        bool quiet; /* failures are not printed: they are expected */
};

/* 77, said loudly, if this process may not trace its children; else 0. Re-executes the
 * program without address randomisation: to be called first in main(). */
int crash_begin(char **argv);

void crash_options_read(struct crash_options *options, int argc, char **argv);

/* For a program of so many operations: as WEFT_SWEEP_SECONDS says, or, for each of them,
 * WEFT_SWEEP_EACH. */
double crash_seconds(size_t operations);

/* One case, within options->seconds. */
void crash_sweep(const struct crash_case *the_case, const struct crash_options *options,
                 struct crash_result *result);

uint64_t crash_bad(const struct crash_result *result); /* of any kind */
void crash_print(const struct crash_case *the_case, const struct crash_result *result);

/* main() of a crash test: all cases; 0 when none failed, 1, or 77. */
int crash_main(int argc, char **argv, const struct crash_case *cases, size_t n);

#endif
