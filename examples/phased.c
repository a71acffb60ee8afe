/* examples/phased.c -- heat in a ring of cells, computed by several processes in step, one
 * of which is killed in the middle: the others take its share over.
 *
 *   phased [--kill]
 *
 * The ring is cut into strips. A step has three phases: compute the new cells, exchange
 * them for the old ones, reduce each strip to its sum and its peak. A barrier ends each
 * phase; it shrinks when a party dies. Then some strips are not done: all who are left
 * see that, and the heirs of the dead do them, from what is still there. Heat is whole
 * numbers, so the result is the same to the last digit, whoever did what. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/arena.h>
#include <weft/array.h>
#include <weft/barrier.h>
#include <weft/error.h>
#include <weft/latch.h>
#include <weft/signal.h>

enum { WORKERS = 4, PARENT = WORKERS, STEPS = 200 };
enum { STRIPS = 24, STRIP = 256, CELLS = STRIPS * STRIP };
enum phase { COMPUTE, EXCHANGE, REDUCE, PHASES };

struct order { /* what the parent publishes: do step `step` */
        uint64_t step, stop;
        int64_t total, peak; /* after the one before */
};

struct grid {
        int64_t *now, *next;   /* of the cells */
        int64_t *total, *peak; /* of the strips */
};

static weft_arena_t *arena;
static weft_barrier_t *barrier; /* all workers and the parent */
static weft_latch_t *ready;     /* counts workers that are set up */
static weft_signal_t *orders;
static weft_array_t *done; /* for each strip: the last phase, counted from 1, done */

static bool alive[WORKERS]; /* as all have seen it at the end of a phase */

static int must(int rc, const char *call)
{
        if (rc >= 0)
                return rc;
        fprintf(stderr, "phased: %s: %s\n", call, weft_strerror(rc));
        exit(1);
}
#define MUST(call) must((call), #call)

/* ---- one strip ------------------------------------------------------------------- */

/* What flows from a cell to the next: what leaves one arrives in the other. */
static int64_t flow(const int64_t *cell, int i)
{
        return (cell[i] - cell[(i + 1) % CELLS]) / 3;
}

/* Each of these may be begun again after a death in it: it changes nothing that it reads. */
static void work(const struct grid *g, enum phase phase, int strip)
{
        int from = strip * STRIP, to = from + STRIP;
        if (phase == COMPUTE)
                for (int i = from; i < to; i++)
                        g->next[i] = g->now[i] - flow(g->now, i) +
                                     flow(g->now, (i + CELLS - 1) % CELLS);
        if (phase == EXCHANGE)
                memcpy(g->now + from, g->next + from, STRIP * sizeof *g->now);
        if (phase == REDUCE) {
                g->total[strip] = g->peak[strip] = 0;
                for (int i = from; i < to; i++) {
                        g->total[strip] += g->now[i];
                        if (g->now[i] > g->peak[strip])
                                g->peak[strip] = g->now[i];
                }
        }
}

static void reduce(const struct grid *g, struct order *order)
{
        order->total = order->peak = 0;
        for (int s = 0; s < STRIPS; s++) {
                order->total += g->total[s];
                if (g->peak[s] > order->peak)
                        order->peak = g->peak[s];
        }
}

/* ---- together ---------------------------------------------------------------------- */

/* Whose strip is it? The next one's, if he is dead. */
static int heir(int strip)
{
        for (int i = 0; i < WORKERS; i++)
                if (alive[(strip + i) % WORKERS])
                        return (strip + i) % WORKERS;
        return must(-EOWNERDEAD, "no worker is left");
}

static bool is_done(int strip, uint64_t phase)
{
        uint64_t last;
        MUST(weft_array_load64(done, (uint64_t)strip, &last));
        return last >= phase;
}

/* Who has left strips undone at the end of a phase is dead; true if anybody is. All see
 * the same, for nobody works while they look. */
static bool some_died(uint64_t phase)
{
        bool died[WORKERS] = { false }, any = false;
        for (int s = 0; s < STRIPS; s++)
                if (!is_done(s, phase))
                        died[heir(s)] = any = true;
        for (int w = 0; w < WORKERS; w++)
                alive[w] &= !died[w];
        return any;
}

static void do_step(const struct grid *g, int me, uint64_t step)
{
        for (int p = 0; p < PHASES; p++) {
                uint64_t phase = step * PHASES + (uint64_t)p + 1;
                bool again;
                do {
                        for (int s = 0; s < STRIPS; s++) {
                                if (heir(s) != me || is_done(s, phase))
                                        continue;
                                work(g, (enum phase)p, s);
                                MUST(weft_array_store64(done, (uint64_t)s, phase));
                        }
                        MUST(weft_barrier_wait(barrier, WEFT_NEVER)); /* worked */
                        again = some_died(phase);
                        MUST(weft_barrier_wait(barrier, WEFT_NEVER)); /* looked */
                } while (again);
        }
}

static void be_worker(const struct grid *g, int me)
{
        struct order order;
        uint64_t version = 1; /* what the parent began with */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        MUST(weft_latch_register(ready, 1));
        MUST(weft_barrier_join(barrier));
        MUST(weft_latch_arrive_and_wait(ready, 1, WEFT_NEVER));
        for (;;) {
                MUST(weft_signal_wait_change(orders, &order, &version, WEFT_NEVER));
                if (order.stop)
                        break;
                do_step(g, me, order.step);
        }
        MUST(weft_barrier_leave(barrier));
        exit(0);
}

/* ---- the parent ----------------------------------------------------------------------- */

static weft_array_t *numbers(const char *name, uint64_t n)
{
        struct weft_array_options o = { .length = n, .element_bytes = sizeof(int64_t) };
        weft_array_t *array;
        MUST(weft_array_create(arena, name, &o, &array));
        return array;
}

static void make(struct grid *g)
{
        struct weft_barrier_options all = { .flags = WEFT_BARRIER_SHRINK };
        struct weft_latch_options count = { WORKERS, WEFT_LATCH_REGISTERED };
        struct weft_signal_options order = { .bytes = sizeof(struct order) };
        MUST(weft_arena_create(NULL, NULL,
                               &arena)); /* no name: gone with its processes */
        MUST(weft_barrier_create(arena, "all", &all, &barrier));
        MUST(weft_latch_create(arena, "ready", &count, &ready));
        MUST(weft_signal_create(arena, "orders", &order, &orders));
        done = numbers("done", STRIPS);
        weft_array_t *heat = numbers("heat", 2 * CELLS + 2 * STRIPS);
        g->now = weft_array_span(heat, 0, CELLS);
        g->next = weft_array_span(heat, CELLS, CELLS);
        g->total = weft_array_span(heat, 2 * CELLS, STRIPS);
        g->peak = weft_array_span(heat, 2 * CELLS + STRIPS, STRIPS);
}

/* One hot spot, and some warmth all over. */
static void heat(int64_t *cell)
{
        for (int i = 0; i < CELLS; i++)
                cell[i] = i % 100;
        cell[CELLS / 3] = 100000000;
}

static struct order run(const struct grid *g, bool kills)
{
        pid_t pid[WORKERS];
        struct order order = { 0 };
        fflush(NULL);
        for (int w = 0; w < WORKERS; w++)
                if ((pid[w] = fork()) == 0)
                        be_worker(g, w);
        MUST(weft_barrier_join(barrier));
        MUST(weft_latch_wait(ready, WEFT_NEVER));
        for (; order.step < STEPS; order.step++) {
                MUST(weft_signal_set(orders, &order, NULL));
                if (kills && order.step == STEPS / 2)
                        kill(pid[WORKERS / 2], SIGKILL);
                do_step(g, PARENT, order.step);
                reduce(g, &order);
        }
        order.stop = 1;
        MUST(weft_signal_set(orders, &order, NULL));
        MUST(weft_barrier_leave(barrier));
        for (int w = 0; w < WORKERS; w++)
                (void)waitpid(pid[w], NULL, 0);
        return order;
}

/* The same, by one process. */
static struct order run_alone(void)
{
        static int64_t now[CELLS], next[CELLS], total[STRIPS], peak[STRIPS];
        struct grid g = { now, next, total, peak };
        struct order order = { 0 };
        heat(now);
        for (; order.step < STEPS; order.step++)
                for (int p = 0; p < PHASES; p++)
                        for (int s = 0; s < STRIPS; s++)
                                work(&g, (enum phase)p, s);
        reduce(&g, &order);
        return order;
}

int main(int argc, char **argv)
{
        bool kills = argc == 2 && strcmp(argv[1], "--kill") == 0;
        struct grid g;
        if (argc != 1 + kills) {
                fprintf(stderr, "usage: phased [--kill]\n");
                return 2;
        }
        memset(alive, true, sizeof alive);
        make(&g);
        heat(g.now);
        struct order together = run(&g, kills), alone = run_alone();
        int left = 0;
        for (int w = 0; w < WORKERS; w++)
                left += alive[w];
        bool same = together.total == alone.total && together.peak == alone.peak;
        printf("%d of %d workers left; after %d steps heat %lld, peak %lld: %s alone\n",
               left, WORKERS, STEPS, (long long)together.total, (long long)together.peak,
               same ? "as" : "not as");
        return !same;
}
