/* cli/run_worker.h -- one worker process: `weft run-worker`, started by `weft run`. */
#ifndef WEFT_CLI_RUN_WORKER_H
#define WEFT_CLI_RUN_WORKER_H

#include <sys/types.h>

#include "cli/run.h"

struct run_worker {
        weft_arena_t *arena;
        weft_array_t *plan_array, *gone;
        weft_future_t *cause;
        const struct run_plan *plan;
        struct run_ledger ledger;
        uint32_t stage, lane;
        uint64_t incarnation;
        pid_t parent;
        weft_queue_t *in;
        weft_queue_t *out[RUN_LANES_MAX]; /* a lane each; "done" behind the last stage */
        uint32_t outs;
};

/* Says what failed and ends the process: the supervisor then ends the run. */
__attribute__((noreturn)) void run_worker_fail(const struct run_worker *w,
                                               const char *what, int rc);

/* Ends the process if the supervisor has died. */
void run_worker_check_parent(const struct run_worker *w);

/* Takes the next chunk under a lease. False at the end of the run. */
bool run_worker_take(struct run_worker *w, struct weft_element *element, uint64_t *chunk);

/* Pushes the chunk on into every lane, then acknowledges. */
void run_worker_pass(struct run_worker *w, uint64_t chunk);
void run_worker_ack(struct run_worker *w, struct weft_element *element);

/* The life of a worker of `count`, and of all others. */
void run_count_work(struct run_worker *w);
void run_worker_work(struct run_worker *w);

#endif
