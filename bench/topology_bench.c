/* bench/topology_bench.c -- what it costs to look at the machine, and to pin. */
#define _GNU_SOURCE
#include <weft/weft.h>

#include "bench/bench.h"

enum { TIMES = 1000 };

static void must(int rc)
{
        if (rc < 0)
                bench_give_up("weft_topology: %s", weft_strerror(rc));
}

static void load_body(struct bench_worker *w, void *context)
{
        weft_topology_t *topo;
        (void)context;
        bench_ready(w);
        uint64_t begin = bench_now();
        must(weft_topology_load(&topo, NULL));
        w->slot->value = (double)(bench_now() - begin) / 1e3;
        weft_topology_free(topo);
}

static void here_body(struct bench_worker *w, void *context)
{
        weft_topology_t *topo;
        (void)context;
        must(weft_topology_load(&topo, NULL));
        bench_ready(w);
        uint64_t begin = bench_now();
        for (int i = 0; i < TIMES; i++)
                must(weft_topology_here(topo));
        w->slot->value = (double)(bench_now() - begin) / 1e3 / TIMES;
        weft_topology_free(topo);
}

static void pin_body(struct bench_worker *w, void *context)
{
        (void)context;
        bench_ready(w);
        uint64_t begin = bench_now();
        for (int i = 0; i < TIMES; i++)
                must(bench_pin(0));
        w->slot->value = (double)(bench_now() - begin) / 1e3 / TIMES;
}

struct body {
        void (*run)(struct bench_worker *w, void *context);
};

static int sample(const struct bench_side *side, double *value)
{
        struct bench_crew crew = { .count = 1,
                                   .body = ((const struct body *)side->subject)->run };
        int rc = bench_crew_run(&crew);
        *value = crew.slot[0].value;
        return rc;
}

static const struct body load = { load_body }, here = { here_body }, pin = { pin_body };
static const struct bench_side side_load = { "weft", sample, &load, NULL };
static const struct bench_side side_here = { "weft", sample, &here, NULL };
static const struct bench_side side_pin = { "weft", sample, &pin, NULL };

static const struct bench_row rows[] = {
        { "topology.load", "looks at the machine", "us", &side_load, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "topology.here", "asks on which cpu it is", "us", &side_here, NULL,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "topology.pin", "pins this thread", "us", &side_pin, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
};

BENCH_MODULE(topology, rows);
