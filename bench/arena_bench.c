/* bench/arena_bench.c -- making and opening arenas. */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include <weft/weft.h>

#include "bench/bench.h"

enum { TIMES = 200 };

static void must(int rc, const char *call)
{
        if (rc)
                bench_give_up("%s: %s", call, weft_strerror(rc));
}

static double us_since(uint64_t begin)
{
        return (double)(bench_now() - begin) / 1e3;
}

/* Every sample is a process that has opened no arena before; `context` is the name of
 * one that is there. */
static void create_body(struct bench_worker *w, void *context)
{
        char name[64];
        weft_arena_t *arena;
        (void)context;
        snprintf(name, sizeof name, "bench.create.%d", (int)getpid());
        bench_ready(w);
        uint64_t begin = bench_now();
        must(weft_arena_create(name, NULL, &arena), "weft_arena_create");
        w->slot->value = us_since(begin);
        must(weft_arena_remove(name), "weft_arena_remove");
        weft_arena_close(arena);
}

static void cold_body(struct bench_worker *w, void *context)
{
        weft_arena_t *arena;
        bench_ready(w);
        uint64_t begin = bench_now();
        must(weft_arena_open(context, WEFT_RDWR, &arena), "weft_arena_open");
        w->slot->value = us_since(begin);
        weft_arena_close(arena);
}

static void join_body(struct bench_worker *w, void *context)
{
        weft_arena_t *arena;
        bench_ready(w);
        uint64_t begin = bench_now();
        must(weft_arena_open(context, WEFT_RDWR, &arena), "weft_arena_open");
        must(weft_agent_join(arena), "weft_agent_join");
        w->slot->value = us_since(begin);
        weft_arena_close(arena);
}

static void again_body(struct bench_worker *w, void *context)
{
        double us[TIMES];
        weft_arena_t *arena, *same;
        bench_ready(w);
        must(weft_arena_open(context, WEFT_RDWR, &arena), "weft_arena_open");
        for (int i = 0; i < TIMES; i++) {
                uint64_t begin = bench_now();
                must(weft_arena_open(context, WEFT_RDWR, &same), "weft_arena_open");
                us[i] = us_since(begin);
                weft_arena_close(same);
        }
        w->slot->value = bench_percentile(us, TIMES, 50);
        weft_arena_close(arena);
}

/* The library is as fresh in the process that opens as it is here: the arena is made,
 * and kept, by a process of its own. */
static void keep_body(struct bench_worker *w, void *context)
{
        weft_arena_t *arena;
        must(weft_arena_create(context, NULL, &arena), "weft_arena_create");
        bench_ready(w);
        while (!bench_stopping(w))
                usleep(1000);
        must(weft_arena_remove(context), "weft_arena_remove");
        weft_arena_close(arena);
}

struct opening {
        char name[64];
        void (*body)(struct bench_worker *w, void *context);
};

static void pair_body(struct bench_worker *w, void *context)
{
        struct opening *o = context;
        if (w->index == 0) {
                keep_body(w, o->name);
                return;
        }
        /* The start comes after the keeper has made it: bench_ready() waits for both. */
        o->body(w, o->name);
}

static int sample(const struct bench_side *side, double *value)
{
        struct bench_crew crew = { .count = 1, .body = create_body };
        if (side->subject) {
                static struct opening o;
                snprintf(o.name, sizeof o.name, "bench.open.%d", (int)getpid());
                o.body = *(void (*const *)(struct bench_worker *, void *))side->subject;
                crew.count = 2;
                crew.ms = 20;
                crew.body = pair_body;
                crew.context = &o;
        }
        int rc = bench_crew_run(&crew);
        *value = crew.slot[crew.count - 1].value;
        return rc;
}

static void (*const cold)(struct bench_worker *, void *) = cold_body;
static void (*const join)(struct bench_worker *, void *) = join_body;
static void (*const again)(struct bench_worker *, void *) = again_body;

static const struct bench_side side_create = { "weft", sample, NULL, NULL };
static const struct bench_side side_cold = { "weft", sample, &cold, NULL };
static const struct bench_side side_join = { "weft", sample, &join, NULL };
static const struct bench_side side_again = { "weft", sample, &again, NULL };

static const struct bench_row rows[] = {
        { "arena.create", "makes a named arena", "us", &side_create, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 15 },
        { "arena.open", "opens one for the first time in this process", "us", &side_cold,
          NULL, 1000, BENCH_LOWER, 15 },
        { "arena.open.join", "the same and takes a seat in it", "us", &side_join, NULL,
          BENCH_NO_GOAL, BENCH_LOWER, 15 },
        { "arena.open.again", "opens one that this process has open", "us", &side_again,
          NULL, 100, BENCH_LOWER, 15 },
};

BENCH_MODULE(arena, rows);
