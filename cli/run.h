/* cli/run.h -- how `weft run` works, and the types that its parts share.
 *
 * The command is the supervisor. It makes an arena, starts N worker processes for
 * each stage, feeds numbers of chunks into the first stage's queue, and takes them
 * from the queue "done" behind the last. A queue carries nothing but the numbers;
 * everything else about a chunk stands in the *ledger*, a table of 8-byte words
 * (weft_array, so every change is atomic):
 *
 *      bytes      of input in the chunk: what back-pressure counts
 *      complete   1: the supervisor has counted it as complete
 *      out[0]     ref of the source's block (standard input; 0 for files)
 *      for each stage s, for each lane into it:   claim[s]
 *      for each stage s, for each lane out of it: out[s + 1], a ref, 0 if empty
 *
 * A lane is one way into a stage. Stages have one, whatever their number of workers;
 * `count` has one for each worker, which owns the items whose hash says so.
 *
 * Exactness. A chunk's number may be in a queue more than once: its taker may die
 * after the push downstream and before the ack, so that the lease comes back. Its
 * *effect* happens once:
 *
 * 1. To work on chunk c in stage s, a worker first writes its incarnation (a number
 *    that the supervisor never gives twice) into claim[s] by CAS from 0. Whoever finds
 *    another's incarnation there waits until the claim is DONE, or takes it over by
 *    CAS once `gone[incarnation]` is set. That is set by the supervisor alone, after
 *    waitpid() has returned the process: who is gone can never write again. So at most
 *    one process that can still run works on (c, s), and what it writes about (c, s)
 *    besides the claim needs no order against anybody.
 * 2. Its output goes into a block that it owns (killed now: the block is freed with
 *    it); the ref goes into out[s + 1] (killed now: the ref is stale, and the next
 *    claimer overwrites it); the block is given to the ledger (killed now: the next
 *    claimer finds the ref, frees the block and starts again: nothing leaks); claim[s]
 *    becomes DONE. That store is the one instant at which the chunk has passed s.
 * 3. After DONE the worker frees the input block, pushes c on, acknowledges. Killed
 *    between any two of these, the lease brings c back; who takes a chunk that is DONE
 *    does these three again and nothing else. Freeing twice is -ENOENT, pushing twice
 *    is what 1 is for, and the supervisor counts a chunk as complete once.
 * 4. An input block is freed after DONE of its reader's stage only, and its one reader
 *    is the claimer: nobody ever reads a block that may be freed under him.
 * 5. The ledger is made of segments. One is removed when all of its chunks are complete.
 *    Who takes a number whose segment is gone drops it: that is a late duplicate.
 *
 * `count` keeps its state in the arena and changes it in place; how that is exact is
 * said in run_count.c. The end: the source knows how many chunks it made; when that
 * many are complete, and not when some queue happens to be empty, the queues are shut.
 *
 * Back-pressure is kept by the supervisor alone: bytes of chunks that were fed and are
 * not complete stay below a bound, so a death in between cannot unbalance it.
 */
#ifndef WEFT_CLI_RUN_H
#define WEFT_CLI_RUN_H

#include "cli/cli.h"

enum {
        RUN_STAGES_MAX = 16,
        RUN_WORKERS_MAX = 512,
        RUN_LANES_MAX = 64,       /* workers of count */
        RUN_SEGMENT = 1024,       /* chunks in a segment of the ledger */
        RUN_IN_FLIGHT_MAX = 2048, /* chunks */
        RUN_CHUNK_BITS = 24,
};
#define RUN_CHUNKS_MAX ((UINT64_C(1) << RUN_CHUNK_BITS) - 2)
#define RUN_DONE UINT64_MAX

enum run_op { RUN_LINES, RUN_WORDS, RUN_GREP, RUN_COUNT, RUN_FUNCTION };
enum run_end { RUN_PRINT, RUN_TOP };

/* ---- the pipeline as it was written: run_parse.c -------------------------- */

struct run_stage {
        enum run_op op;
        bool lower;
        uint32_t workers; /* 0: not said */
        char *pattern;    /* grep: the expression; function: see run_function.h */
};

struct run_pipeline {
        bool standard_input;
        char **globs;
        size_t globs_n;
        struct run_stage stage[RUN_STAGES_MAX];
        uint32_t stages;
        bool counts; /* the last stage is count */
        enum run_end end;
        uint64_t top; /* RUN_TOP */
};

/* 0, or CLI_USAGE after a message. */
int run_parse(const char *text, struct run_pipeline *p);
void run_pipeline_free(struct run_pipeline *p);
const char *run_op_name(enum run_op op);

/* ---- the plan that the workers read: run_plan.c --------------------------- */

/* The array "plan": this header, then files, then strings. */
struct run_plan_stage {
        uint32_t op, lower, workers, lanes; /* lanes into it */
        uint64_t pattern_at;                /* string; 0 for none */
};

struct run_plan {
        uint64_t magic;
        uint64_t bytes; /* of the whole plan */
        uint64_t seed;  /* of the hash */
        uint64_t chunk_bytes;
        uint64_t input_bytes; /* of all files */
        uint64_t files;       /* 0 for the standard input */
        uint64_t files_at;
        uint64_t incarnations;
        uint32_t stages, standard_input;
        struct run_plan_stage stage[RUN_STAGES_MAX];
};
#define RUN_PLAN_MAGIC UINT64_C(0x6e616c7074666577)

/* Files lie one behind the other in an imagined long one, which chunk i is the bytes
 * [i * chunk_bytes, (i + 1) * chunk_bytes) of. */
struct run_file {
        uint64_t start, bytes;
        uint64_t device, inode;
        uint64_t path_at; /* string in the plan */
};

struct run_files {
        struct run_file *file;
        char **path;
        size_t n, room;
        uint64_t bytes;
};

/* Expands the globs and looks at every file. 0 or an exit code after a message. */
int run_files_find(const struct run_pipeline *p, struct run_files *files);
void run_files_free(struct run_files *files);

int run_plan_create(weft_arena_t *arena, const struct run_plan *head,
                    const struct run_pipeline *p, const struct run_files *files,
                    weft_array_t **array);
int run_plan_open(weft_arena_t *arena, weft_array_t **array,
                  const struct run_plan **plan);
const struct run_file *run_plan_files(const struct run_plan *plan);
const char *run_plan_string(const struct run_plan *plan, uint64_t at);

/* ---- ledger: run_ledger.c -------------------------------------------------- */

enum { RUN_LEDGER_OPEN = 8 };

struct run_ledger {
        weft_arena_t *arena;
        uint32_t words;                   /* for each chunk */
        uint32_t claim[RUN_STAGES_MAX];   /* word index of stage s's first claim */
        uint32_t out[RUN_STAGES_MAX + 1]; /* of the first ref into stage s */
        uint32_t
                lanes[RUN_STAGES_MAX + 1]; /* into stage s; [stages]: to the supervisor */
        struct {
                weft_array_t *array;
                uint64_t segment, used;
        } open[RUN_LEDGER_OPEN];
        uint64_t clock;
};
enum { RUN_LEDGER_BYTES = 0, RUN_LEDGER_COMPLETE = 1 };

/* One chunk's words. Valid until some more segments were opened: look it up anew for
 * each chunk. */
struct run_entry {
        weft_array_t *array;
        uint64_t base;
};

void run_ledger_init(struct run_ledger *l, weft_arena_t *arena,
                     const struct run_plan *plan);
int run_ledger_make(struct run_ledger *l, uint64_t segment);
int run_ledger_drop(struct run_ledger *l, uint64_t segment);
int run_ledger_at(struct run_ledger *l, uint64_t chunk, struct run_entry *entry);
void run_ledger_close(struct run_ledger *l);
uint64_t run_entry_load(struct run_entry e, uint32_t word);
void run_entry_store(struct run_entry e, uint32_t word, uint64_t value);
bool run_entry_cas(struct run_entry e, uint32_t word, uint64_t *expected,
                   uint64_t desired);

/* ---- blocks that travel: run_block.c ---------------------------------------- */

enum run_form { RUN_BYTES, RUN_ITEMS, RUN_PAIRS };

/* Before the data of every travelling block. RUN_BYTES: text as read. RUN_ITEMS: items, a
 * newline behind each. RUN_PAIRS: `items` pairs, then the text of the long ones. */
struct run_block {
        uint32_t form, reserved;
        uint64_t items;
        uint64_t bytes; /* of data */
        uint64_t pairs_bytes;
};

/* An item and how often it was seen. `key` is the item itself, padded with zeroes, up to
 * 8 bytes; the offset of a longer one in the text behind the pairs. */
struct run_pair {
        uint64_t key;
        uint32_t hash, bytes, count, reserved;
};

/* Makes a block of head->bytes bytes of data, to be filled at `*data`, and registers
 * its ref in `word`; give hands the filled block over to the ledger. In this order, so
 * that who takes over finds the block or its grave. 0 or a weft error. */
int run_block_begin(struct run_ledger *l, struct run_entry e, uint32_t word,
                    const struct run_block *head, weft_ref_t *ref, char **data);
int run_block_give(struct run_ledger *l, struct run_entry e, weft_ref_t ref);

/* The block behind `ref`, checked: NULL if it is not there. */
const struct run_block *run_block_at(weft_arena_t *arena, uint64_t ref,
                                     enum run_form form);
const char *run_block_data(const struct run_block *block);
void run_block_free(weft_arena_t *arena, uint64_t ref);

/* ---- names ------------------------------------------------------------------- */

/* "1.words", "2.count/0": the queue into stage `s`, lane `lane`. */
const char *run_queue_name(const struct run_plan *plan, uint32_t s, uint32_t lane);

#endif
