/* The arena of a run, and what is in it. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/run_count.h"
#include "cli/run_supervise.h"

enum {
        QUEUE_ROOM = 2 * RUN_IN_FLIGHT_MAX, /* chunks; half of it for duplicates */
};
#define MEMORY_USUAL (UINT64_C(256) << 20)
#define KEEP_BYTES (UINT64_C(32) << 20) /* freed blocks are soon taken again */
#define ARENA_BYTES (UINT64_C(64) << 30)
#define CHUNK_LEAST (UINT64_C(64) << 10)
#define CHUNK_MOST (UINT64_C(4) << 20)
#define CHUNK_STDIN (UINT64_C(1) << 20)

/* ---- sizes ---------------------------------------------------------------------- */

static uint32_t cpus(void)
{
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set) != 0)
                return 1;
        return (uint32_t)CPU_COUNT(&set);
}

/* As many of each stage as there are cpus; counting is several times cheaper. */
static int set_workers(struct run_pipeline *p)
{
        uint32_t all = 0, n = cpus();
        if (n > RUN_LANES_MAX)
                n = RUN_LANES_MAX;
        for (uint32_t s = 0; s < p->stages; s++) {
                if (!p->stage[s].workers)
                        p->stage[s].workers =
                                p->stage[s].op == RUN_COUNT ? (n + 3) / 4 : n;
                all += p->stage[s].workers;
        }
        return all > RUN_WORKERS_MAX ? cli_usage("%u workers are too many: at most %d",
                                                 all, RUN_WORKERS_MAX)
                                     : CLI_OK;
}

/* Small enough that everybody has several, large enough that little is said about much. */
static uint64_t fit_chunk(const struct run *run)
{
        uint64_t bytes = run->options.chunk_bytes;
        if (bytes)
                return bytes;
        bytes = CHUNK_STDIN;
        if (!run->pipeline.standard_input) {
                bytes = run->files.bytes / (UINT64_C(8) * run->pipeline.stage[0].workers);
                bytes = bytes < CHUNK_LEAST ? CHUNK_LEAST : bytes;
                bytes = bytes > CHUNK_MOST ? CHUNK_MOST : bytes;
                while (run->files.bytes / bytes >= RUN_CHUNKS_MAX)
                        bytes *= 2;
        }
        uint64_t bound = run->options.memory_bytes / 16; /* several in flight */
        return bytes > bound && bound ? bound : bytes;
}

/* No larger than this process may map or write. */
static uint64_t arena_bytes(void)
{
        struct rlimit limit;
        uint64_t bytes = ARENA_BYTES;
        if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur / 2 < bytes)
                bytes = limit.rlim_cur / 2;
        if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur / 2 < bytes)
                bytes = limit.rlim_cur / 2;
        return bytes < WEFT_ARENA_MIN ? WEFT_ARENA_MIN : bytes;
}

/* ---- the arena --------------------------------------------------------------------- */

/* Unless told otherwise, keeps below half of what is free there. */
static void fit_memory(struct run *run)
{
        struct statfs fs;
        if (run->options.memory_bytes)
                return;
        run->options.memory_bytes = MEMORY_USUAL;
        if (fstatfs(weft_arena_fd(run->arena), &fs) != 0 || !fs.f_blocks)
                return; /* without a limit */
        uint64_t half = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize / 2;
        if (half < MEMORY_USUAL)
                run->options.memory_bytes =
                        half < RUN_MEMORY_LEAST ? RUN_MEMORY_LEAST : half;
}

static int make_arena(struct run *run)
{
        struct weft_arena_options options = { .max_bytes = arena_bytes(),
                                              .keep_bytes = KEEP_BYTES,
                                              .flags = WEFT_ARENA_EPHEMERAL };
        unsigned random = 0;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
                random = (unsigned)weft_now();
        if (run->options.name)
                snprintf(run->name, sizeof run->name, "%s", run->options.name);
        else
                snprintf(run->name, sizeof run->name, "run-%ld-%08x", (long)getpid(),
                         random);
        int rc = weft_arena_create(run->name, &options, &run->arena);
        if (rc == -EEXIST && run->options.name) {
                cli_sweep_soon(run->name);
                rc = weft_arena_create(run->name, &options, &run->arena);
        }
        if (rc == -EINVAL || rc == -ENAMETOOLONG)
                return cli_usage(
                        "--name %s: no name for an arena (no '/', no '.' in front, at "
                        "most %d bytes)",
                        run->name, WEFT_ARENA_NAME_MAX);
        if (rc == -ENOENT)
                return cli_fail_rc(rc, cli_directory());
        if (!rc)
                rc = weft_agent_join(run->arena);
        if (!rc)
                fit_memory(run);
        return rc ? cli_fail_rc(rc, run->name) : CLI_OK;
}

static int make_plan(struct run *run)
{
        struct run_plan head = { .chunk_bytes = fit_chunk(run),
                                 .input_bytes = run->files.bytes,
                                 .incarnations =
                                         run->options.restarts + RUN_WORKERS_MAX + 1,
                                 .stages = run->pipeline.stages,
                                 .standard_input = run->pipeline.standard_input };
        if (getrandom(&head.seed, sizeof head.seed, GRND_NONBLOCK) < 0)
                head.seed = weft_now();
        if (head.input_bytes / head.chunk_bytes >= RUN_CHUNKS_MAX)
                return cli_usage("--chunk %llu: that would be more than %llu chunks",
                                 (unsigned long long)head.chunk_bytes,
                                 (unsigned long long)RUN_CHUNKS_MAX);
        for (uint32_t s = 0; s < head.stages; s++) {
                const struct run_stage *stage = &run->pipeline.stage[s];
                bool counts = stage->op == RUN_COUNT;
                head.stage[s] =
                        (struct run_plan_stage){ .op = stage->op,
                                                 .lower = stage->lower,
                                                 .workers = stage->workers,
                                                 .lanes = counts ? stage->workers : 1 };
        }
        int rc = run_plan_create(run->arena, &head, &run->pipeline, &run->files,
                                 &run->plan_array);
        if (!rc) {
                weft_array_close(run->plan_array);
                run->plan_array = NULL;
                rc = run_plan_open(run->arena, &run->plan_array, &run->plan);
        }
        return rc ? cli_fail_rc(rc, "the plan") : CLI_OK;
}

static int make_queue(struct run *run, const char *name, uint32_t flags,
                      weft_queue_t **queue)
{
        struct weft_queue_options options = { .capacity = QUEUE_ROOM,
                                              .element_bytes = 8,
                                              .flags = flags };
        int rc = weft_queue_create(run->arena, name, &options, queue);
        return rc ? cli_fail_rc(rc, name) : CLI_OK;
}

static int make_objects(struct run *run)
{
        struct weft_array_options gone = { .length = run->plan->incarnations,
                                           .element_bytes = 8 };
        int rc = weft_mutex_create(run->arena, CLI_RUN_LEADER, NULL, &run->leader);
        if (!rc)
                rc = weft_mutex_lock(run->leader, WEFT_NEVER);
        if (!rc)
                rc = weft_array_create(run->arena, "gone", &gone, &run->gone);
        if (!rc)
                rc = weft_future_create(run->arena, "cause", NULL, &run->cause);
        for (uint32_t lane = 0; run->pipeline.counts && !rc &&
                                lane < run->plan->stage[run->plan->stages - 1].lanes;
             lane++)
                rc = run_count_create(run->arena, lane);
        if (rc)
                return cli_fail_rc(rc, run->name);
        for (uint32_t s = 0; s < run->plan->stages && !rc; s++)
                for (uint32_t lane = 0; lane < run->plan->stage[s].lanes && !rc; lane++)
                        rc = make_queue(run, run_queue_name(run->plan, s, lane),
                                        WEFT_QUEUE_LEASE, &run->queue[s][lane]);
        if (!rc)
                rc = make_queue(run, "done", 0, &run->done);
        run_ledger_init(&run->ledger, run->arena, run->plan);
        return rc;
}

int run_setup(struct run *run)
{
        int rc = set_workers(&run->pipeline);
        if (!rc)
                rc = make_arena(run);
        if (!rc)
                rc = make_plan(run);
        return rc ? rc : make_objects(run);
}

void run_teardown(struct run *run)
{
        run_children_end(run, run->code != CLI_OK || run->enough);
        if (!run->arena)
                return;
        run_ledger_close(&run->ledger);
        weft_queue_close(run->done);
        for (uint32_t s = 0; s < RUN_STAGES_MAX; s++)
                for (uint32_t lane = 0; lane < RUN_LANES_MAX; lane++)
                        weft_queue_close(run->queue[s][lane]);
        weft_mutex_close(run->leader);
        weft_future_close(run->cause);
        weft_array_close(run->gone);
        weft_array_close(run->plan_array);
        int rc = cli_remove_this(
                run->arena, run->name); /* -ENOENT: somebody else did, by 'weft rm' */
        if (rc && rc != -ENOENT)
                cli_warn("%s stays: %s", run->name, weft_strerror(rc));
        weft_arena_close(run->arena);
        free(run->segment_complete);
}
