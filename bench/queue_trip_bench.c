/* bench/queue_trip_bench.c -- round trips of 8 bytes: spinning, and blocked. */
#include "bench/flow.h"

#define SIDE(variable, label, sample, queue, shape) \
        static const struct bench_side variable = { label, sample, &(queue), &(shape) }

SIDE(spin_weft, "weft", flow_sample_trip, flow_weft, flow_eager);
SIDE(spin_line, "cache line", flow_sample_trip, flow_line, flow_eager);
SIDE(spin_vyukov, "plain Vyukov", flow_sample_trip, flow_vyukov, flow_eager);
SIDE(spin_turn, "rigtorp-style", flow_sample_trip, flow_turn, flow_eager);

SIDE(block_weft, "weft", flow_sample_trip, flow_weft, flow_block);
SIDE(block_futex, "futex", flow_sample_trip, flow_futex, flow_block);
SIDE(block_pipe, "pipe", flow_sample_trip, flow_pipe, flow_block);

SIDE(one_weft, "weft", flow_sample_trip_one_cpu, flow_weft, flow_block);
SIDE(one_futex, "futex", flow_sample_trip_one_cpu, flow_futex, flow_block);
SIDE(one_pipe, "pipe", flow_sample_trip_one_cpu, flow_pipe, flow_block);

SIDE(nap_weft, "weft", flow_sample_nap, flow_weft, flow_block);
SIDE(nap_futex, "futex", flow_sample_nap, flow_futex, flow_block);

#define SPIN "8 B round trip through two queues, both sides polling"
#define BLOCK "8 B round trip, blocking calls, two cpus, answered at once"
#define ONE "8 B round trip, blocking calls, both on one cpu"
#define NAP "8 B round trip, blocking calls, two cpus, the other asleep by then"

static const struct bench_row rows[] = {
        { "queue.trip.spin", SPIN, "ns", &spin_weft, &spin_line, 1.8, BENCH_LOWER, 0 },
        { "queue.trip.spin.vyukov", SPIN, "ns", &spin_weft, &spin_vyukov, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "queue.trip.spin.rigtorp", SPIN, "ns", &spin_weft, &spin_turn, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "queue.trip.block", BLOCK, "ns", &block_weft, &block_futex, 1.15, BENCH_LOWER,
          0 },
        { "queue.trip.block.pipe", BLOCK, "ns", &block_weft, &block_pipe, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "queue.trip.one-cpu", ONE, "ns", &one_weft, &one_futex, 1.15, BENCH_LOWER, 0 },
        { "queue.trip.one-cpu.pipe", ONE, "ns", &one_weft, &one_pipe, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "queue.trip.asleep", NAP, "ns", &nap_weft, &nap_futex, 1.15, BENCH_LOWER, 0 },
};

BENCH_MODULE(queue_trip, rows);
