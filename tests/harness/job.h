/* tests/harness/job.h -- the processes around a victim: hosts and survivors. */
#ifndef WEFT_TESTS_HARNESS_JOB_H
#define WEFT_TESTS_HARNESS_JOB_H

#include "tests/harness/world.h"

/* What a child tells its parent, in a page shared by both. */
struct crash_told {
        volatile uint32_t phase;
        volatile uint32_t verdict;
        char text[400];
        struct crash_note note, other; /* copies of the victims', for a survivor */
};

enum job_phase { JOB_OPENS, JOB_SURVIVES, JOB_RECOVERS, JOB_VERIFIES, JOB_DONE };

/* ---- hosts --------------------------------------------------------------- */

/* Shared memory in the state that a case begins with. */
struct scene {
        const struct crash_case *self;
        struct world world;
        pid_t host; /* alive; 0: it has ended */
        struct crash_note *note;
};

/* Runs the case's setup in a process of its own. False: it failed, and said so. */
bool scene_set(struct scene *s, const struct crash_case *self);
/* The same without a process: from what an earlier setup has left, `note` included. */
void scene_again(struct scene *s, const struct crash_case *self,
                 const struct image *image, const struct crash_note *note);
void scene_drop(struct scene *s);
struct crash scene_view(const struct scene *s); /* what a process of it begins with */

/* ---- survivors ----------------------------------------------------------- */

struct job;

/* What came of it. `phase`: how far it got. `text` is "" or says what is wrong. */
typedef void job_done(void *context, enum crash_verdict verdict, enum job_phase phase,
                      const char *text);

enum job_kind {
        JOB_EARLY, /* on a copy: opens it, and then the victim dies */
        JOB_LATE,  /* on a copy: opens it when the victim has died */
        JOB_REAL,  /* halts when it has opened; the victim is killed, it goes on */
        JOB_STOP, /* halts between survive() and recovery; the victim ends its operation */
        JOB_GRID, /* halts at both places, and after `ended` */
};

struct job_order {
        const struct crash_case *self;
        enum job_kind kind;
        struct world world;             /* a copy is the job's, which drops it */
        struct crash_note *note;        /* of the victim; a job on a copy copies it */
        struct crash_note *other;       /* of party B; NULL: none. The same */
        pid_t victim, second;           /* in a copy: who dies there; `second` may be 0 */
        uint8_t fate[2];                /* of a grid's parties */
        unsigned dead;                  /* how many others may be found dead */
        void (*ended)(struct crash *c); /* may be NULL: see grid.h */
        pid_t host;                     /* alive (in a copy: as if); 0: none */
        job_done *done;
        void *context;
};

/* Starts a survivor on a copy; waits first if as many are running as there shall be.
 * `done` is called from here or from jobs_wait(). */
void job_start(const struct job_order *order);
void jobs_wait(void); /* until all have ended */

/* The same for those that halt. */
struct job *job_start_halting(const struct job_order *order);
bool job_halted(struct job *job); /* waits for that; false: it has failed */
void job_go_on(struct job *job);  /* it has halted, and will again */
void job_finish(struct job *job); /* lets it go on; calls `done` */

#endif
