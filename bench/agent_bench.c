/* bench/agent_bench.c -- seats, deaths, and what the survivors notice of a death. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#include "bench/flow.h"

enum { TIMES = 500, HELD = 100, LONG_NS = 10000, VICTIM = 2 };

static void must(int rc, const char *call)
{
        if (rc < 0)
                bench_give_up("%s: %s", call, weft_strerror(rc));
}

/* ---- a seat: taken and given back; settled after a death ---------------------- */

static void join_body(struct bench_worker *w, void *context)
{
        struct flow_weft *at = context;
        bench_ready(w);
        uint64_t begin = bench_now();
        for (int i = 0; i < TIMES; i++) {
                must(weft_agent_join(at->arena), "weft_agent_join");
                weft_agent_leave(at->arena);
        }
        w->slot->value = (double)(bench_now() - begin) / 1e3 / TIMES;
}

static void recover_body(struct bench_worker *w, void *context)
{
        struct flow_weft *at = context;
        struct weft_recovery report;
        must(weft_agent_join(at->arena), "weft_agent_join");
        bench_ready(w);
        pid_t pid = fork();
        if (pid == 0) {
                weft_ref_t ref;
                for (int i = 0; i < HELD; i++)
                        must(weft_block_alloc(at->arena, 64, &ref, NULL),
                             "weft_block_alloc");
                raise(SIGKILL);
        }
        waitpid(pid, NULL, 0);
        uint64_t begin = bench_now();
        must(weft_arena_recover(at->arena, &report), "weft_arena_recover");
        w->slot->value = (double)(bench_now() - begin) / 1e3;
        BENCH_CHECK(report.settled == 1);
}

/* ---- two survivors, and others who come and go -------------------------------- */

struct kind {
        void (*body)(struct bench_worker *w, void *at);
        unsigned workers;
};

static void push_one(struct flow_weft *at, uint64_t x)
{
        int rc;
        while ((rc = weft_queue_push(at->queue, &x, WEFT_NOW)) == -EAGAIN)
                ;
        must(rc, "weft_queue_push");
}

static void pop_one(struct flow_weft *at, uint64_t *next)
{
        uint64_t x = 0;
        int rc;
        while ((rc = weft_queue_pop(at->queue, &x, WEFT_NOW)) == -EAGAIN)
                ;
        must(rc, "weft_queue_pop");
        uint64_t from = x >> FLOW_PRODUCER_SHIFT;
        BENCH_CHECK(from <= VICTIM && FLOW_SEQ(x) >= next[from]);
        next[from] = FLOW_SEQ(x) + 1;
}

/* Pushes and pops; its longest operation, less the time in which it had no cpu. */
static void survive(struct bench_worker *w, struct flow_weft *at)
{
        uint64_t next[VICTIM + 1] = { 0 }, seq = 0,
                               tag = (uint64_t)w->index << FLOW_PRODUCER_SHIFT;
        uint64_t waited = bench_waited_for_cpu(), worst = 0;
        uint64_t limit = (uint64_t)(LONG_NS / bench_ns_per_tick());
        bench_ready(w);
        for (uint64_t begin = bench_ticks(), end; !bench_stopping(w); begin = end) {
                if (seq++ % 2)
                        pop_one(at, next);
                else
                        push_one(at, tag | seq);
                end = bench_ticks();
                if (__builtin_expect(end - begin < limit, 1))
                        continue;
                uint64_t ns = (uint64_t)((double)(end - begin) * bench_ns_per_tick());
                uint64_t now = bench_waited_for_cpu(), without = now - waited;
                waited = now;
                if (ns > without && ns - without > worst)
                        worst = ns - without;
                end = bench_ticks();
        }
        bench_ops(w, seq);
        w->slot->value = (double)worst / 1e3;
}

static _Noreturn void victim(struct flow_weft *at, uint64_t life, _Atomic(uint32_t) *end)
{
        uint64_t next[VICTIM + 1] = { 0 },
                               seq = (uint64_t)VICTIM << FLOW_PRODUCER_SHIFT | life << 32;
        while (!atomic_load_explicit(end, memory_order_relaxed)) {
                push_one(at, ++seq);
                pop_one(at, next);
        }
        weft_agent_leave(at->arena);
        _exit(0);
}

static void come_and_go(struct bench_worker *w, struct flow_weft *at, bool killed)
{
        _Atomic(uint32_t) *end = bench_shared(sizeof *end);
        uint64_t lives = 0;
        unsigned seed = 1;
        BENCH_CHECK(end);
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, ++lives)) {
                atomic_store(end, 0);
                pid_t pid = fork();
                if (pid == 0)
                        victim(at, lives, end);
                usleep(1000 + (unsigned)rand_r(&seed) % 3000);
                if (killed)
                        kill(pid, SIGKILL);
                else
                        atomic_store(end, 1);
                waitpid(pid, NULL, 0);
        }
}

static void killed_body(struct bench_worker *w, void *at)
{
        if (w->index < VICTIM)
                survive(w, at);
        else
                come_and_go(w, at, true);
}

static void left_body(struct bench_worker *w, void *at)
{
        if (w->index < VICTIM)
                survive(w, at);
        else
                come_and_go(w, at, false);
}

/* ---- rows ---------------------------------------------------------------------- */

static int sample(const struct bench_side *side, double *value)
{
        const struct kind *kind = side->subject;
        struct weft_queue_options options = { .capacity = FLOW_CAPACITY,
                                              .element_bytes = 8 };
        struct flow_weft at;
        int rc = kind->workers > 1 ? bench_two_cpus() : 0;
        if (!rc)
                rc = flow_weft_open(&at, &options);
        if (rc)
                return rc;
        struct bench_crew crew = { .count = kind->workers,
                                   .ms = kind->workers > 1 ? 2 * bench.ms : 0,
                                   .body = kind->body,
                                   .context = &at };
        rc = bench_crew_run(&crew);
        *value = crew.slot[0].value > crew.slot[1].value ? crew.slot[0].value
                                                         : crew.slot[1].value;
        if (!rc && crew.cut)
                rc = bench_wrong("a survivor hangs");
        flow_weft_close(&at);
        return rc;
}

#define SIDE(name, label, body, workers) \
        static const struct kind name##_kind = { body, workers }; \
        static const struct bench_side name = { label, sample, &name##_kind, NULL }

SIDE(side_join, "weft", join_body, 1);
SIDE(side_recover, "weft", recover_body, 1);
SIDE(side_killed, "weft, others killed", killed_body, 3);
SIDE(side_left, "weft, others leave", left_body, 3);

/* "No added wait", on a machine where the longest of a million operations varies. */
#define NO_WORSE 1.5

static const struct bench_row rows[] = {
        { "agent.join", "takes a seat and gives it back", "us", &side_join, NULL,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "agent.recover", "settles a dead agent that owned 100 blocks", "us",
          &side_recover, NULL, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "agent.death", "two survivors' longest push or pop while others are killed",
          "us", &side_killed, &side_left, NO_WORSE, BENCH_LOWER, 0 },
};

BENCH_MODULE(agent, rows);
