/* bench/queue_bench.c -- 8-byte elements, one by one: alone, and streams of them. */
#include "bench/flow.h"

#define SIDE(variable, label, sample, queue, shape) \
        static const struct bench_side variable = { label, sample, &(queue), shape }

/* ---- uncontended: one process pushes and pops ----------------------------- */

SIDE(pair_weft, "weft", flow_sample_pair, flow_weft, NULL);
SIDE(pair_vyukov, "plain Vyukov", flow_sample_pair, flow_vyukov, NULL);
SIDE(pair_ck, "ck_ring MPMC", flow_sample_pair, flow_ck, NULL);
SIDE(pair_rte, "rte_ring", flow_sample_pair, flow_rte, NULL);
SIDE(pair_turn, "rigtorp-style", flow_sample_pair, flow_turn, NULL);

/* ---- one producer, one consumer ------------------------------------------- */

static const struct flow_shape one_spin = { 1, 1, FLOW_SPIN };
static const struct flow_shape one_block = { 1, 1, FLOW_BLOCK };

SIDE(one_weft, "weft", flow_sample_stream, flow_weft, &one_spin);
SIDE(one_turn, "rigtorp-style", flow_sample_stream, flow_turn, &one_spin);
SIDE(one_ck, "ck_ring MPMC", flow_sample_stream, flow_ck, &one_spin);
SIDE(one_vyukov, "plain Vyukov", flow_sample_stream, flow_vyukov, &one_spin);
SIDE(one_rte, "rte_ring", flow_sample_stream, flow_rte, &one_spin);
SIDE(one_sleepy, "weft", flow_sample_stream, flow_weft, &one_block);
SIDE(one_pipe, "pipe", flow_sample_stream, flow_pipe, &one_block);

/* ---- two producers and two consumers on two cpus --------------------------- */

static const struct flow_shape two_yield = { 2, 2, FLOW_YIELD };
static const struct flow_shape two_spin = { 2, 2, FLOW_SPIN };
static const struct flow_shape two_block = { 2, 2, FLOW_BLOCK };

SIDE(two_weft, "weft", flow_sample_stream, flow_weft, &two_yield);
SIDE(two_ck, "ck_ring MPMC", flow_sample_stream, flow_ck, &two_yield);
SIDE(two_rte, "rte_ring", flow_sample_stream, flow_rte, &two_yield);
SIDE(two_turn, "rigtorp-style", flow_sample_stream, flow_turn, &two_yield);
SIDE(two_vyukov, "plain Vyukov", flow_sample_stream, flow_vyukov, &two_yield);
SIDE(two_sleepy, "weft", flow_sample_stream, flow_weft, &two_block);
SIDE(two_pipe, "pipe", flow_sample_stream, flow_pipe, &two_block);

SIDE(hard_weft, "weft", flow_sample_stream, flow_weft, &two_spin);
SIDE(hard_ck, "ck_ring MPMC", flow_sample_stream, flow_ck, &two_spin);
SIDE(hard_rte, "rte_ring", flow_sample_stream, flow_rte, &two_spin);
SIDE(hard_turn, "rigtorp-style", flow_sample_stream, flow_turn, &two_spin);
SIDE(hard_vyukov, "plain Vyukov", flow_sample_stream, flow_vyukov, &two_spin);

#define PAIR "8 B: push and pop by one process, nobody else there"
#define ONE "8 B: 1 producer, 1 consumer, each spinning on a cpu of its own"
#define ONE_WAIT "8 B: 1 producer, 1 consumer, each waiting as the queue itself waits"
#define TWO "8 B: 2 producers, 2 consumers on 2 cpus; who must wait yields"
#define TWO_WAIT \
        "8 B: 2 producers, 2 consumers on 2 cpus; waiting as the queue itself waits"
#define HARD "8 B: 2 producers, 2 consumers on 2 cpus; all spin and never yield"

static const struct bench_row rows[] = {
        { "queue.pair.vyukov", PAIR, "ns", &pair_weft, &pair_vyukov, 1.4, BENCH_LOWER,
          0 },
        { "queue.pair.ck", PAIR, "ns", &pair_weft, &pair_ck, 1.15, BENCH_LOWER, 0 },
        { "queue.pair.rte", PAIR, "ns", &pair_weft, &pair_rte, BENCH_NO_GOAL, BENCH_LOWER,
          0 },
        { "queue.pair.rigtorp", PAIR, "ns", &pair_weft, &pair_turn, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "queue.1p1c.rigtorp", ONE, "M/s", &one_weft, &one_turn, 1.0, BENCH_HIGHER, 0 },
        { "queue.1p1c.ck", ONE, "M/s", &one_weft, &one_ck, 3.5, BENCH_HIGHER, 0 },
        { "queue.1p1c.rte", ONE, "M/s", &one_weft, &one_rte, BENCH_NO_GOAL, BENCH_HIGHER,
          0 },
        { "queue.1p1c.vyukov", ONE, "M/s", &one_weft, &one_vyukov, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "queue.1p1c.block", ONE_WAIT, "M/s", &one_sleepy, &one_pipe, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "queue.2p2c.ck", TWO, "M/s", &two_weft, &two_ck, 2, BENCH_HIGHER, 0 },
        { "queue.2p2c.rte", TWO, "M/s", &two_weft, &two_rte, 2, BENCH_HIGHER, 0 },
        { "queue.2p2c.rigtorp", TWO, "M/s", &two_weft, &two_turn, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "queue.2p2c.vyukov", TWO, "M/s", &two_weft, &two_vyukov, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "queue.2p2c.block", TWO_WAIT, "M/s", &two_sleepy, &two_pipe, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "queue.2p2c-spin.ck", HARD, "M/s", &hard_weft, &hard_ck, 5, BENCH_HIGHER, 0 },
        { "queue.2p2c-spin.rte", HARD, "M/s", &hard_weft, &hard_rte, 5, BENCH_HIGHER, 0 },
        { "queue.2p2c-spin.rigtorp", HARD, "M/s", &hard_weft, &hard_turn, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "queue.2p2c-spin.vyukov", HARD, "M/s", &hard_weft, &hard_vyukov, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
};

BENCH_MODULE(queue, rows);
