#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/run_input.h"
#include "cli/run_worker.h"

void run_worker_fail(const struct run_worker *w, const char *what, int rc)
{
        cli_warn("a worker of %s: %s: %s",
                 run_op_name((enum run_op)w->plan->stage[w->stage].op), what,
                 rc == -E2BIG ? "longer than can be handled" : weft_strerror(rc));
        exit(CLI_FAILED);
}

void run_worker_check_parent(const struct run_worker *w)
{
        if (getppid() != w->parent)
                _exit(CLI_FAILED);
}

/* ---- queues ------------------------------------------------------------------ */

static uint64_t a_while(void)
{
        return weft_after(100 * WEFT_MSEC);
}

bool run_worker_take(struct run_worker *w, struct weft_element *element, uint64_t *chunk)
{
        for (;;) {
                int rc = weft_queue_take(w->in, element, a_while());
                if (rc == -EPIPE)
                        return false;
                if (rc && rc != -ETIMEDOUT)
                        run_worker_fail(w, "the queue in front of it", rc);
                run_worker_check_parent(w);
                if (!rc) {
                        memcpy(chunk, element->at, sizeof *chunk);
                        return true;
                }
        }
}

void run_worker_pass(struct run_worker *w, uint64_t chunk)
{
        for (uint32_t i = 0; i < w->outs; i++) {
                int rc;
                while ((rc = weft_queue_push(w->out[i], &chunk, a_while())) == -ETIMEDOUT)
                        run_worker_check_parent(w);
                if (rc &&
                    rc != -EPIPE) /* shut: everything is complete, this is a late copy */
                        run_worker_fail(w, "the queue behind it", rc);
        }
}

void run_worker_ack(struct run_worker *w, struct weft_element *element)
{
        int rc = weft_queue_ack(w->in, element);
        if (rc)
                run_worker_fail(w, "the queue in front of it", rc);
}

/* ---- one chunk ------------------------------------------------------------------ */

/* See run.h, 1. True: the chunk is this process's to work on. False: it is done. */
static bool claim(struct run_worker *w, struct run_entry e)
{
        uint32_t word = w->ledger.claim[w->stage];
        for (;;) {
                uint64_t holder = 0, gone = 0;
                if (run_entry_cas(e, word, &holder, w->incarnation))
                        return true;
                if (holder == RUN_DONE)
                        return false;
                int rc = weft_array_load64(w->gone, holder, &gone);
                if (rc)
                        run_worker_fail(w, "the ledger", rc);
                if (gone && run_entry_cas(e, word, &holder, w->incarnation))
                        return true;
                if (!gone)
                        usleep(1000); /* a duplicate: rare, and soon settled */
                run_worker_check_parent(w);
        }
}

/* What a dead claimer had registered is not wanted any more. See run.h, 2. */
static void clear_output(struct run_worker *w, struct run_entry e)
{
        for (uint32_t i = 0; i < w->ledger.lanes[w->stage + 1]; i++) {
                uint64_t ref = run_entry_load(e, w->ledger.out[w->stage + 1] + i);
                if (!ref)
                        continue;
                run_block_free(w->arena, ref);
                run_entry_store(e, w->ledger.out[w->stage + 1] + i, 0);
        }
}

static void scan_chunk(struct run_worker *w, struct run_entry e, uint64_t chunk,
                       struct run_scan *scan)
{
        if (w->stage == 0 && w->plan->files) {
                run_input_scan(w->plan, chunk, scan);
                return;
        }
        uint64_t ref = run_entry_load(e, w->ledger.out[w->stage]);
        if (!ref)
                return; /* empty */
        const struct run_block *block =
                run_block_at(w->arena, ref, w->stage ? RUN_ITEMS : RUN_BYTES);
        if (!block)
                run_worker_fail(w, "a block in front of it", -EUCLEAN);
        const char *text = run_block_data(block);
        run_scan_text(scan, text, block->bytes, text + block->bytes);
}

static void work_on(struct run_worker *w, struct run_entry e, uint64_t chunk,
                    struct run_scan *scan)
{
        uint32_t out = w->stage + 1;
        clear_output(w, e);
        scan_chunk(w, e, chunk, scan);
        int rc = scan->rc;
        if (!rc)
                rc = run_scan_publish(scan, &w->ledger, e, w->ledger.out[out],
                                      w->ledger.lanes[out]);
        if (rc)
                run_worker_fail(w, "its output", rc);
        run_entry_store(e, w->ledger.claim[w->stage], RUN_DONE);
}

void run_worker_work(struct run_worker *w)
{
        struct run_scan scan;
        struct weft_element element;
        uint64_t chunk;
        int rc = run_scan_init(&scan, w->plan, w->stage);
        if (rc)
                run_worker_fail(w, "start", rc);
        while (run_worker_take(w, &element, &chunk)) {
                struct run_entry e;
                rc = run_ledger_at(&w->ledger, chunk, &e);
                if (rc && rc != -ENOENT) /* -ENOENT: complete, see run.h, 5 */
                        run_worker_fail(w, "the ledger", rc);
                if (!rc) {
                        if (claim(w, e))
                                work_on(w, e, chunk, &scan);
                        run_block_free(w->arena,
                                       run_entry_load(e, w->ledger.out[w->stage]));
                        run_worker_pass(w, chunk);
                }
                run_worker_ack(w, &element);
        }
        run_scan_free(&scan);
}

/* ---- start and end ---------------------------------------------------------------- */

static int open_queues(struct run_worker *w)
{
        const struct run_plan *plan = w->plan;
        int rc = weft_queue_open(w->arena, run_queue_name(plan, w->stage, w->lane),
                                 &w->in);
        if (rc)
                return rc;
        if (w->stage + 1 == plan->stages) {
                w->outs = 1;
                return weft_queue_open(w->arena, "done", &w->out[0]);
        }
        for (uint32_t i = 0; i < w->ledger.lanes[w->stage + 1] && !rc; i++) {
                rc = weft_queue_open(w->arena, run_queue_name(plan, w->stage + 1, i),
                                     &w->out[i]);
                w->outs = i + !rc;
        }
        return rc;
}

static int attach(struct run_worker *w, const char *name)
{
        int rc = weft_arena_open(name, WEFT_RDWR, &w->arena);
        if (rc)
                return rc;
        rc = run_plan_open(w->arena, &w->plan_array, &w->plan);
        if (rc)
                return rc;
        if (w->stage >= w->plan->stages)
                return -EINVAL;
        w->lane = w->plan->stage[w->stage].op == RUN_COUNT ? w->lane : 0;
        run_ledger_init(&w->ledger, w->arena, w->plan);
        rc = weft_array_open(w->arena, "gone", &w->gone);
        if (!rc)
                rc = weft_future_open(w->arena, "cause", &w->cause);
        return rc ? rc : open_queues(w);
}

/* For who gives up, by exit() wherever it is: what it said first is the reason. */
static weft_future_t *cause;

static void tell_cause(void)
{
        const char *why = *cli.warned ? cli.warned : cli.error;
        if (!cause || !*why)
                return;
        int rc = weft_future_set(cause, why, strlen(why)); /* or another one was faster */
        (void)rc;
}

static void detach(struct run_worker *w)
{
        for (uint32_t i = 0; i < w->outs; i++)
                weft_queue_close(w->out[i]);
        weft_queue_close(w->in);
        run_ledger_close(&w->ledger);
        cause = NULL;
        weft_future_close(w->cause);
        weft_array_close(w->gone);
        weft_array_close(w->plan_array);
        weft_arena_close(w->arena);
}

/* weft run-worker ARENA STAGE NUMBER INCARNATION PARENT */
int cmd_run_worker(int argc, char **argv)
{
        uint64_t stage, number, incarnation, parent;
        if (argc != 6 || cli_parse_number(argv[2], 0, RUN_STAGES_MAX - 1, &stage) ||
            cli_parse_number(argv[3], 0, RUN_WORKERS_MAX, &number) ||
            cli_parse_number(argv[4], 1, UINT32_MAX, &incarnation) ||
            cli_parse_number(argv[5], 1, INT32_MAX, &parent)) {
                fputs("weft: run-worker is what 'weft run' starts; it is no command\n",
                      stderr);
                return CLI_USAGE;
        }
        cli.command = "run";
        struct run_worker w = { .stage = (uint32_t)stage,
                                .lane = (uint32_t)number,
                                .incarnation = incarnation,
                                .parent = (pid_t)parent };
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_worker_check_parent(&w); /* it may have died before that */
        int rc = attach(&w, argv[1]);
        if (rc)
                return cli_fail_rc(rc, argv[1]);
        cause = w.cause;
        atexit(tell_cause);
        char name[32];
        const char *op = run_op_name((enum run_op)w.plan->stage[w.stage].op);
        snprintf(name, sizeof name, "weft %s/%u", op, (unsigned)number);
        prctl(PR_SET_NAME, name);
        if (w.plan->stage[w.stage].op == RUN_COUNT)
                run_count_work(&w);
        else
                run_worker_work(&w);
        detach(&w);
        return CLI_OK;
}
