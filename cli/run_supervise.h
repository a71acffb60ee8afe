/* cli/run_supervise.h -- the run as the supervisor sees it. */
#ifndef WEFT_CLI_RUN_SUPERVISE_H
#define WEFT_CLI_RUN_SUPERVISE_H

#include <sys/types.h>

#include "cli/run_feed.h"

#define RUN_MEMORY_LEAST (UINT64_C(64) << 10)

struct run_options {
        const char *pipeline;
        const char *pin;       /* NULL: nowhere */
        const char *name;      /* of the arena; NULL: run-PID-RANDOM */
        uint64_t chunk_bytes;  /* 0: as it fits */
        uint64_t memory_bytes; /* 0: as it fits */
        uint64_t restarts;
        bool verbose;
};

struct run_child {
        pid_t pid; /* 0: none */
        uint32_t stage, number;
        uint64_t incarnation;
        int cpu; /* -1: any */
};

/* The result on its way to stdout. */
struct run_result {
        bool json;
        bool broken; /* nobody reads it any more, or it cannot be written */
        bool pipe_closed;
        uint64_t items;   /* that went into the result */
        uint64_t counted; /* with count: items that were counted */
        size_t bytes;
        char buffer[1 << 16];
};

struct run {
        struct run_options options;
        struct run_pipeline pipeline;
        struct run_files files;
        char name[WEFT_ARENA_NAME_MAX + 1];
        weft_arena_t *arena;
        weft_array_t *plan_array, *gone;
        weft_mutex_t *leader; /* held as long as we live: cli_sweep_soon() */
        weft_future_t *cause; /* why a worker gave up: what the first of them said */
        const struct run_plan *plan;
        weft_queue_t *queue[RUN_STAGES_MAX][RUN_LANES_MAX], *done;
        struct run_ledger ledger;
        struct run_feed feed;
        struct run_result result;

        weft_topology_t *topology; /* NULL: nobody is pinned */
        struct run_child child[RUN_WORKERS_MAX];
        uint32_t children;
        uint64_t next_incarnation, restarts;

        uint64_t complete, complete_bytes; /* chunks */
        uint64_t next;                     /* chunk to be printed */
        uint16_t *segment_complete;        /* of each segment: chunks */
        uint64_t segments;
        uint64_t started; /* weft_now() */
        bool enough;      /* top=K has its K items */
        bool interrupted;
        int code; /* of the first failure */
};

/* Makes the arena and everything in it. 0 or an exit code after a message. */
int run_setup(struct run *run);

/* Starts the workers and the source, goes on until every chunk is complete. */
int run_supervise(struct run *run);

/* Lets the workers go, or kills them; takes the arena away. */
void run_teardown(struct run *run);

/* What goes to stdout: run_result.c. 0 or an exit code after a message. With --json,
 * begin opens the object that end closes, whatever happened in between. */
int run_result_begin(struct run *run);
int run_result_items(struct run *run, const struct run_block *block);
int run_result_flush(struct run *run);
int run_result_end(struct run *run);
__attribute__((nonnull)) int run_result_text(struct run *run, const char *text,
                                             size_t bytes);
int run_result_json_text(struct run *run, const char *text, size_t bytes);

/* All counts, or the top K of them: run_result_counts.c. */
int run_result_counts(struct run *run);

/* On stderr: run_progress.c. */
void run_progress_show(struct run *run);
void run_progress_clear(void);
void run_progress_summary(const struct run *run);

/* Signals: run_signal.c. Flags that handlers raise. */
void run_signals_catch(void);
unsigned run_signals_interrupts(void);
bool run_signals_terminated(void);
bool run_signals_child(void); /* since the last call */

/* Worker processes: run_child.c. 0 or an exit code after a message. */
int run_children_start(struct run *run);
int run_children_reap(struct run *run);
void run_children_end(struct run *run, bool kill_them);

#endif
