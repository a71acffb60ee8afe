/* The supervisor's loop: takes numbers of chunks that came through, keeps the source
 * going, puts new workers in the place of killed ones, watches for signals. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/run_supervise.h"

enum { BATCH = 64 };

/* ---- chunks that came through ------------------------------------------------ */

static bool counted(struct run *run, struct run_entry e)
{
        uint32_t last = run->plan->stages - 1;
        for (uint32_t lane = 0; lane < run->ledger.lanes[last]; lane++)
                if (run_entry_load(e, run->ledger.claim[last] + lane) != RUN_DONE)
                        return false;
        return true;
}

/* A segment whose chunks are all complete is of no more use. See run.h, 5. */
static int retire(struct run *run, uint64_t chunk)
{
        uint64_t segment = chunk / RUN_SEGMENT;
        if (segment >= run->segments) {
                uint64_t n = 2 * segment + 16;
                uint16_t *more = realloc(run->segment_complete, n * sizeof *more);
                if (!more)
                        return cli_fail(CLI_FAILED, "out of memory");
                memset(more + run->segments, 0, (n - run->segments) * sizeof *more);
                run->segment_complete = more;
                run->segments = n;
        }
        if (++run->segment_complete[segment] < RUN_SEGMENT)
                return CLI_OK;
        int rc = run_ledger_drop(&run->ledger, segment);
        return rc ? cli_fail_rc(rc, "the ledger") : CLI_OK;
}

static int finish_chunk(struct run *run, struct run_entry e, uint64_t chunk)
{
        uint64_t bytes = run_entry_load(e, RUN_LEDGER_BYTES);
        run->complete++;
        run->complete_bytes += bytes;
        run_feed_complete(&run->feed, bytes);
        return retire(run, chunk);
}

/* Prints what is next in order, as far as it is there. */
static int print_ready(struct run *run)
{
        uint32_t out = run->ledger.out[run->plan->stages];
        struct run_entry e;
        int rc = CLI_OK;
        while (!rc && !run->enough && run_ledger_at(&run->ledger, run->next, &e) == 0 &&
               run_entry_load(e, RUN_LEDGER_COMPLETE)) {
                uint64_t ref = run_entry_load(e, out);
                if (ref) {
                        const struct run_block *block =
                                run_block_at(run->arena, ref, RUN_ITEMS);
                        rc = block ? run_result_items(run, block)
                                   : cli_fail_rc(-EUCLEAN, "a block of items");
                        run_block_free(run->arena, ref);
                }
                if (!rc)
                        rc = finish_chunk(run, e, run->next++);
        }
        return rc ? rc : run_result_flush(run);
}

static int note(struct run *run, uint64_t chunk)
{
        struct run_entry e;
        if (chunk == RUN_DONE) /* from the source: a nudge */
                return CLI_OK;
        int rc = run_ledger_at(&run->ledger, chunk, &e);
        if (rc == -ENOENT)
                return CLI_OK; /* a late duplicate */
        if (rc)
                return cli_fail_rc(rc, "the ledger");
        if (run_entry_load(e, RUN_LEDGER_COMPLETE))
                return CLI_OK;
        if (!run->pipeline.counts) {
                run_entry_store(e, RUN_LEDGER_COMPLETE, 1);
                return chunk == run->next ? print_ready(run) : CLI_OK;
        }
        if (!counted(run, e))
                return CLI_OK; /* another lane will bring it */
        run_entry_store(e, RUN_LEDGER_COMPLETE, 1);
        return finish_chunk(run, e, chunk);
}

/* ---- the loop ----------------------------------------------------------------- */

static int look_for_signals(struct run *run)
{
        unsigned interrupts = run_signals_interrupts();
        if (run_signals_terminated())
                return cli_fail(CLI_TERMINATED, "terminated");
        if (interrupts > 1)
                return cli_fail(CLI_INTERRUPTED, "cancelled");
        if (interrupts && !run->interrupted) {
                run->interrupted = true;
                run_progress_clear();
                cli_warn("interrupted: finishing what was read (again to cancel)");
                run_feed_stop(&run->feed);
        }
        return CLI_OK;
}

static int step(struct run *run, bool *finished)
{
        uint64_t chunk[BATCH];
        int64_t n = weft_queue_pop_n(run->done, chunk, BATCH, weft_after(20 * WEFT_MSEC));
        if (n < 0 && n != -ETIMEDOUT && n != -EAGAIN)
                return cli_fail_rc((int)n, "the queue of complete chunks");
        int rc = CLI_OK;
        for (int64_t i = 0; i < n && !rc; i++)
                rc = note(run, chunk[i]);
        if (!rc && run_signals_child())
                rc = run_children_reap(run);
        if (!rc)
                rc = look_for_signals(run);
        if (rc)
                return rc;
        struct run_feed_state feed = run_feed_look(&run->feed);
        if (feed.error)
                return cli_fail(CLI_FAILED, "%s", feed.error);
        *finished = run->enough || (feed.ended && run->complete == feed.fed);
        run_progress_show(run);
        return CLI_OK;
}

int run_supervise(struct run *run)
{
        bool finished = false;
        int rc = run_children_start(run);
        if (rc)
                return rc;
        rc = run_feed_start(&run->feed, run->arena, run->plan, run->queue[0][0],
                            run->done, run->options.memory_bytes / 4);
        if (rc)
                return cli_fail_rc(rc, "the source");
        while (!rc && !finished)
                rc = step(run, &finished);
        run_progress_clear();
        for (uint32_t s = 0; s < run->plan->stages; s++)
                for (uint32_t lane = 0; lane < run->plan->stage[s].lanes; lane++)
                        if (weft_queue_shutdown(run->queue[s][lane]) != 0)
                                cli_warn("cannot shut %s",
                                         run_queue_name(run->plan, s, lane));
        run_feed_end(&run->feed);
        return rc;
}
