/* bench/group_bench.c -- tasks to a worker process and, where wanted, back: beside a bare
 * queue, a pool on two pipes, and a process for each task. The worker adds up what it was
 * sent; the submitter knows what that must be. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#include <weft/function.h>
#include <weft/future.h>
#include <weft/group.h>

#include "bench/bench.h"

enum { CAPACITY = 1024, ROUND = 64 };

static struct counts {
        _Alignas(BENCH_LINE) _Atomic(uint64_t) done;
        _Alignas(BENCH_LINE) _Atomic(uint64_t) sum;
} * counts; /* shared with the workers */

static void must(int64_t rc, const char *call)
{
        if (rc < 0)
                bench_give_up("%s: %s", call, weft_strerror((int)rc));
}
#define MUST(call) must((call), #call)

/* ---- the task -------------------------------------------------------------------- */

static void do_it(uint64_t x)
{
        atomic_store_explicit(&counts->sum, counts->sum + x, memory_order_relaxed);
        atomic_store_explicit(&counts->done, counts->done + 1, memory_order_relaxed);
}

static int task(const void *in, void *out, const void *argument)
{
        uint64_t x;
        (void)argument;
        memcpy(&x, in, sizeof x);
        do_it(x);
        memcpy(out, &x, sizeof x);
        return 0;
}
#define NUMBER WEFT_TYPE(uint64_t, "number")
WEFT_FUNCTION_ITEM("bench task", task, NUMBER, NUMBER)

/* ---- contestants ------------------------------------------------------------------- */

struct trial;
struct contestant {
        int (*make)(struct trial *t);
        void (*submit)(struct trial *t, uint64_t x);  /* and forget */
        uint64_t (*ask)(struct trial *t, uint64_t x); /* and wait for the answer */
        void (*end)(struct trial *t);                 /* all done, by the submitter */
        void (*serve)(struct trial *t); /* the worker's whole life; NULL: it has none */
        bool asks;
};

struct trial {
        const struct contestant *kind;
        weft_arena_t *arena;
        weft_group_t *group;
        weft_queue_t *queue;
        int in[2], out[2]; /* pipes */
};

static int make_group(struct trial *t)
{
        struct weft_group_options o = { .capacity = CAPACITY,
                                        .input_max = 64,
                                        .output_max = 64 };
        return bench_weft(weft_group_create(t->arena, "bench", &o, &t->group),
                          "weft_group_create");
}

static void submit_task(struct trial *t, uint64_t x)
{
        MUST(weft_submit(t->group, "bench task", &x, sizeof x, NULL, WEFT_NEVER));
}

static uint64_t ask_task(struct trial *t, uint64_t x)
{
        weft_future_t *f;
        MUST(weft_submit(t->group, "bench task", &x, sizeof x, &f, WEFT_NEVER));
        MUST(weft_future_get(f, &x, sizeof x, WEFT_NEVER));
        weft_future_close(f);
        return x;
}

static void drain(struct trial *t)
{
        MUST(weft_group_drain(t->group, WEFT_NEVER));
}

static void serve_group(struct trial *t)
{
        MUST(weft_group_work(t->group, WEFT_NEVER));
}

/* A queue that leases, as the group's: what the rest of a task costs. */
static int make_queue(struct trial *t)
{
        struct weft_queue_options o = { .capacity = CAPACITY,
                                        .element_bytes = 64,
                                        .flags = WEFT_QUEUE_LEASE };
        return bench_weft(weft_queue_create(t->arena, "bench", &o, &t->queue),
                          "weft_queue_create");
}

static void push(struct trial *t, uint64_t x)
{
        uint64_t element[8] = { x };
        MUST(weft_queue_push(t->queue, element, WEFT_NEVER));
}

static void until_done(uint64_t x)
{
        while (atomic_load_explicit(&counts->done, memory_order_acquire) < x)
                bench_pause();
}

static void end_queue(struct trial *t)
{
        MUST(weft_queue_shutdown(t->queue));
}

static void serve_queue(struct trial *t)
{
        struct weft_element e;
        int rc;
        while ((rc = weft_queue_take(t->queue, &e, WEFT_NEVER)) == 0) {
                uint64_t x;
                memcpy(&x, e.at, sizeof x);
                do_it(x);
                MUST(weft_queue_ack(t->queue, &e));
        }
        BENCH_CHECK(rc == -EPIPE);
}

static int make_pipes(struct trial *t)
{
        return pipe(t->in) || pipe(t->out) ? bench_cannot("no pipe") : 0;
}

static void send(struct trial *t, uint64_t x)
{
        BENCH_CHECK(write(t->in[1], &x, sizeof x) == sizeof x);
}

static uint64_t send_and_read(struct trial *t, uint64_t x)
{
        send(t, x);
        BENCH_CHECK(read(t->out[0], &x, sizeof x) == sizeof x);
        return x;
}

static void end_pipes(struct trial *t)
{
        send(t, UINT64_MAX);
}

static void serve_pipes(struct trial *t)
{
        uint64_t x;
        for (;;) {
                BENCH_CHECK(read(t->in[0], &x, sizeof x) == sizeof x);
                if (x == UINT64_MAX)
                        return;
                do_it(x);
                if (t->kind->asks)
                        BENCH_CHECK(write(t->out[1], &x, sizeof x) == sizeof x);
        }
}

static int make_nothing(struct trial *t)
{
        (void)t;
        return 0;
}

static void fork_one(struct trial *t, uint64_t x)
{
        (void)t;
        pid_t pid = fork();
        BENCH_CHECK(pid >= 0);
        if (!pid) {
                do_it(x);
                _exit(0);
        }
        BENCH_CHECK(waitpid(pid, NULL, 0) == pid);
}

static void end_nothing(struct trial *t)
{
        (void)t;
}

/* ---- a run --------------------------------------------------------------------------- */

static void submit_all(struct bench_worker *w, struct trial *t)
{
        uint64_t n = 0, sum = 0;
        uint64_t begin = bench_now();
        while (!bench_stopping(w))
                for (unsigned i = 0; i < ROUND && (i == 0 || t->kind->serve); i++) {
                        uint64_t x = n++ * 3;
                        sum += x;
                        if (t->kind->asks)
                                BENCH_CHECK(t->kind->ask(t, x) == x);
                        else
                                t->kind->submit(t, x);
                }
        t->kind->end(t);
        until_done(n);
        double ns = (double)(bench_now() - begin);
        w->slot->value = t->kind->asks ? ns / 1e3 / (double)n : (double)n / ns * 1e9;
        BENCH_CHECK(counts->sum == sum && counts->done == n);
}

static void body(struct bench_worker *w, void *context)
{
        struct trial *t = context;
        bench_ready(w);
        if (w->index)
                t->kind->serve(t);
        else
                submit_all(w, t);
}

static void drop(struct trial *t)
{
        weft_group_close(t->group);
        weft_queue_close(t->queue);
        if (t->arena)
                weft_arena_close(t->arena);
        for (int i = 0; i < 2; i++) {
                if (t->in[i])
                        close(t->in[i]);
                if (t->out[i])
                        close(t->out[i]);
        }
}

static int sample(const struct bench_side *side, double *value)
{
        struct trial t = { .kind = side->subject };
        int rc = bench_two_cpus();
        if (!counts)
                counts = bench_shared(sizeof *counts);
        if (rc || !counts)
                return rc ? rc : bench_cannot("no shared memory");
        counts->done = counts->sum = 0;
        rc = bench_weft(weft_arena_create(NULL, NULL, &t.arena), "weft_arena_create");
        if (!rc)
                rc = t.kind->make(&t);
        if (!rc) {
                struct bench_crew crew = { .count = t.kind->serve ? 2 : 1,
                                           .ms = bench.ms,
                                           .body = body,
                                           .context = &t };
                rc = bench_crew_run(&crew);
                *value = crew.slot[0].value;
        }
        drop(&t);
        return rc;
}

#define SIDE(name, label, ...) \
        static const struct contestant name##_kind = { __VA_ARGS__ }; \
        static const struct bench_side name = { label, sample, &name##_kind, NULL }

SIDE(group, "weft group", make_group, submit_task, NULL, drain, serve_group, false);
SIDE(queue, "weft queue, leased", make_queue, push, NULL, end_queue, serve_queue, false);
SIDE(pipes, "pipe", make_pipes, send, NULL, end_pipes, serve_pipes, false);
SIDE(forks, "fork each", make_nothing, fork_one, NULL, end_nothing, NULL, false);
SIDE(group_ask, "weft group", make_group, NULL, ask_task, drain, serve_group, true);
SIDE(pipes_ask, "two pipes", make_pipes, NULL, send_and_read, end_pipes, serve_pipes,
     true);

static const struct bench_row rows[] = {
        { "group.tasks", "8 B tasks to one worker process, done", "/s", &group, &queue,
          BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "group.tasks.pipe", "the same", "/s", &group, &pipes, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "group.tasks.fork", "the same; the peer forks for each", "/s", &group, &forks,
          BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "group.result", "submit, and get the result from a worker process", "us",
          &group_ask, &pipes_ask, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(group, rows);
