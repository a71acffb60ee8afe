/* tests/harness/sweep.h -- what the three sweeps of a case share. */
#ifndef WEFT_TESTS_HARNESS_SWEEP_H
#define WEFT_TESTS_HARNESS_SWEEP_H

#include "tests/harness/job.h"
#include "tests/harness/step.h"

/* A distinct state in which a survivor may find shared memory. */
struct point {
        struct sweep *sweep;
        struct crash_count *count; /* which of the result's */
        uint64_t k;                /* first met after so many instructions, */
        uint64_t at;               /* of which this was the last, */
        uint64_t next;             /* and this is the one to come */
        uint64_t hash;
        struct image *image; /* NULL: there were too many */
        struct crash_note note;
        bool bad;
        const struct point *origin; /* of a recoverer: whom it settles */
};

struct points {
        struct point **at;
        size_t n, room;
        uint64_t *hashes; /* open addressing; 0 is none */
        size_t slots;
};

/* From instruction `k` on, the state is `point`, until the next span. */
struct span {
        uint64_t k;
        struct point *point;
};

struct sweep {
        const struct crash_case *self;
        const struct crash_options *options;
        struct crash_result *result;
        struct points points;
        struct span *spans;
        size_t span_count;
        struct image *start; /* what setup leaves; NULL where the host lives on */
        struct crash_note start_note;
        pid_t victim, host; /* of the traced run */
        double give_up;     /* a trace ends then, unfinished; 0: never */
        uint64_t idle;      /* or after so many steps without a new state; 0: never */
        unsigned told;
};

double sweep_now(void); /* seconds */

/* Visits 0 .. n-1, each once, spread evenly from the beginning. */
size_t sweep_spread(size_t i, size_t n);

/* Counts a run, and tells of it if it is bad. */
void sweep_record(struct sweep *s, struct crash_count *count, const char *what,
                  uint64_t k, uint64_t at, enum crash_verdict verdict, const char *text);

/* Steps `t`, which has just been started in `world`, to the end of its operation, and calls
 * `met` whenever shared memory or the note has changed, with true for a state not in
 * `points` before. False if it died, or time was over. */
bool sweep_trace(struct sweep *s, struct tracee *t, const struct world *world,
                 const struct crash_note *note, struct points *points,
                 void (*met)(struct sweep *s, struct point *p, uint64_t k, bool is_new));
void points_free(struct points *points);

/* Loops that store nothing are passed at once, but where each instruction is asked for. */
bool sweep_flies(const struct sweep *s);

/* Steps to instruction `k`, before which `next` should come (0: unknown). */
void sweep_step_to(struct sweep *s, struct tracee *t, uint64_t k, uint64_t next);

/* Starts the victim of a fresh scene. False: it failed, and that is recorded. */
bool sweep_victim(struct sweep *s, struct scene *scene, struct tracee *t,
                  struct crash_told **told);
void sweep_victim_end(struct scene *scene, struct tracee *t, struct crash_told *told);

void sweep_kill(struct sweep *s, double until); /* all states, by copies: the first */
void sweep_real(struct sweep *s, double until); /* then real kills */
void sweep_stop(struct sweep *s, double until);
void sweep_recover(struct sweep *s, double until);

#endif
