/* bench/bench.h -- what the benchmarks share: rows, contestants, pinned processes.
 *
 * A row compares two sides. Rows that follow each other and share a side are measured
 * together: ours, peer, ours, peer, ... in one run, so that what the machine does
 * meanwhile meets both. A figure is the median of the repetitions, a ratio is one of
 * medians. Every sample checks what it moved: sequence, count and sum.
 *
 * To add rows: a file bench/X_bench.c that ends in `const struct bench_module bench_X`,
 * and its line in bench/modules.def.
 */
#ifndef WEFT_BENCH_BENCH_H
#define WEFT_BENCH_BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weft/base.h>

#define BENCH_LINE 128 /* two cache lines: the prefetcher fetches pairs */
#define BENCH_INLINE static inline __attribute__((always_inline))
#define BENCH_PRINTF(at) __attribute__((format(printf, at, at + 1)))

/* ---- rows ---------------------------------------------------------------- */

enum bench_better { BENCH_LOWER, BENCH_HIGHER };

/* Measures itself once. `subject` and `shape` are the side's own. */
struct bench_side {
        const char *name;
        /* 0, or what bench_cannot() or bench_wrong() returned. */
        int (*sample)(const struct bench_side *side, double *value);
        const void *subject, *shape;
};

struct bench_row {
        const char *id, *what, *unit;
        const struct bench_side *ours; /* NULL: a limit of the machine */
        const struct bench_side *peer; /* NULL: the goal is for `ours` itself */
        double goal;                   /* ours / peer; BENCH_NO_GOAL: for information */
        enum bench_better better;
        unsigned repeat; /* samples a side, a third if quick; 0: as many as usual */
};

#define BENCH_NO_GOAL (-1.0)

struct bench_module {
        const char *name;
        const struct bench_row *rows;
        size_t count;
};

#define BENCH_MODULE(module, table) \
        const struct bench_module bench_##module = { #module, table, \
                                                     sizeof(table) / sizeof *(table) }

struct bench_settings {
        bool quick;
        unsigned ms;     /* how long a sample runs */
        unsigned repeat; /* samples a side */
};
extern struct bench_settings bench;

/* Why a side has no figure. Both return a value to be returned by sample(). */
int bench_cannot(const char *why, ...) BENCH_PRINTF(1); /* it cannot run here */
int bench_wrong(const char *why, ...) BENCH_PRINTF(1);  /* it ran, and lied */

/* bench_cannot() with the name of a weft error; 0 stays 0. */
int bench_weft(int rc, const char *call);

/* Adds to the remark of the side that is being measured (a limit that was hit). */
void bench_remark(const char *remark, ...) BENCH_PRINTF(1);

/* ---- time ---------------------------------------------------------------- */

uint64_t bench_now(void); /* CLOCK_MONOTONIC, ns */
void bench_sleep_ms(unsigned ms);
uint64_t bench_waited_for_cpu(void); /* ns that this thread could run but had no cpu */

BENCH_INLINE void bench_pause(void)
{
        __builtin_ia32_pause();
}

BENCH_INLINE uint64_t bench_ticks(void)
{
        return __builtin_ia32_rdtsc();
}
double bench_ns_per_tick(void); /* measured once */

/* The element at `percent` of `n` values, which are sorted in place. */
double bench_percentile(double *values, size_t n, double percent);

/* ---- processes ----------------------------------------------------------- */

int bench_cpus(void);     /* how many this process may use */
int bench_pin(int which); /* to the which-th cpu, spread, modulo their number; or < 0 */
int bench_cpu(int which); /* that cpu's number */
int bench_two_cpus(void); /* 0, or bench_cannot() */

/* Zeroed memory that children of this process share with it; NULL if there is none. */
void *bench_shared(size_t bytes);
void bench_unshare(void *at, size_t bytes);

enum { BENCH_WORKERS = 8 };

struct bench_slot {
        _Alignas(BENCH_LINE) _Atomic(uint64_t) ops; /* done so far */
        uint64_t begin, end;                        /* ns */
        uint64_t count, sum, count_in, sum_in;      /* verification: out of, and into */
        double value;                               /* the body's own figure */
        uint64_t ops_at_stop;                       /* `ops` when the stop was called */
        char wrong[160];
};

struct bench_worker {
        unsigned index;
        struct bench_slot *slot;
        struct bench_control *control;
};

struct bench_control {
        _Alignas(BENCH_LINE) _Atomic(uint32_t) ready;
        _Alignas(BENCH_LINE) _Atomic(uint32_t) go;
        _Alignas(BENCH_LINE) _Atomic(uint32_t) stop;
        struct bench_slot slot[BENCH_WORKERS];
};

struct bench_crew {
        unsigned count;
        bool one_cpu;      /* all on the first cpu; else the first, the second, ... */
        unsigned ms;       /* the stop is called this long after the start; 0: never */
        unsigned grace_ms; /* after which workers that did not end are killed */
        void (*body)(struct bench_worker *worker, void *context);
        void *context;
        /* what came of it */
        struct bench_slot slot[BENCH_WORKERS];
        uint64_t elapsed; /* ns from start to stop, or to the last worker's end */
        bool cut;         /* somebody had to be killed: not all was verified */
};

/* Forks the workers, pins worker i to cpu i modulo two, starts them together, waits. */
int bench_crew_run(struct bench_crew *crew);

/* In a worker's body: wait for the others (and start the clock); shall I end; give up. */
void bench_ready(struct bench_worker *worker);
_Noreturn void bench_give_up(const char *why, ...) BENCH_PRINTF(1);

BENCH_INLINE bool bench_stopping(const struct bench_worker *worker)
{
        return atomic_load_explicit(&worker->control->stop, memory_order_relaxed) != 0;
}

/* Only the worker itself writes it. */
BENCH_INLINE void bench_ops(struct bench_worker *worker, uint64_t ops)
{
        atomic_store_explicit(&worker->slot->ops, ops, memory_order_relaxed);
}

#define BENCH_CHECK(claim) \
        do { \
                if (__builtin_expect(!(claim), 0)) \
                        bench_give_up("%s:%d: not true: %s", __FILE__, __LINE__, \
                                      #claim); \
        } while (0)

/* ---- report.c ------------------------------------------------------------ */

struct bench_figure {
        bool there;
        bool wrong; /* verification failed */
        double median, least, most;
        char reason[200], remark[200];
};

struct bench_result {
        const struct bench_row *row;
        struct bench_figure ours, peer;
};

void bench_report_head(void);
void bench_report_row(const struct bench_result *result);
int bench_report_json(const char *path, const struct bench_result *results, size_t count);
/* 1 met, 0 missed, -1 neither. */
int bench_report_met(const struct bench_result *result);

#endif
