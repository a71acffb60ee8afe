/* bench/machine_bench.c -- what this machine can do at all: the limits beside which the
 * other rows are to be read. */
#include "bench/flow.h"
#include "bench/raw.h"

static const struct bench_side line = { "cache line", flow_sample_trip, &flow_line,
                                        &flow_eager };
static const struct bench_side futex_two = { "futex", flow_sample_trip, &flow_futex,
                                             &flow_block };
static const struct bench_side futex_one = { "futex", flow_sample_trip_one_cpu,
                                             &flow_futex, &flow_block };
static const struct bench_side futex_nap = { "futex", flow_sample_nap, &flow_futex,
                                             &flow_block };
static const struct bench_side touch = { "read-touch", raw_sample_touch, NULL, NULL };
static const struct bench_side call = { "system call", raw_sample_syscall, NULL, NULL };

#define LIMIT(id, what, unit, side, better) \
        { \
                "limit." id, what, unit, NULL, &(side), BENCH_NO_GOAL, better, 0 \
        }

static const struct bench_row rows[] = {
        LIMIT("cacheline", "a cache line there and back between two cpus", "ns", line,
              BENCH_LOWER),
        LIMIT("futex", "FUTEX_WAKE there and back between two cpus", "ns", futex_two,
              BENCH_LOWER),
        LIMIT("futex.one-cpu", "the same between two processes on one cpu", "ns",
              futex_one, BENCH_LOWER),
        LIMIT("futex.asleep", "the same between two cpus, one idle, one thinking 0.15 ms",
              "ns", futex_nap, BENCH_LOWER),
        LIMIT("syscall", "getppid", "ns", call, BENCH_LOWER),
        LIMIT("read-touch", "reading 64 KiB buffers that another process writes", "GB/s",
              touch, BENCH_HIGHER),
};

BENCH_MODULE(machine, rows);
