/* bench/raw.h -- the limits of the machine, measured in the same run. */
#ifndef WEFT_BENCH_RAW_H
#define WEFT_BENCH_RAW_H

#include "bench/bench.h"

enum { RAW_BYTES = 65536, RAW_LINES = RAW_BYTES / 64, RAW_BUFFERS = 16 };
#define RAW_LAST (UINT64_C(1) << 63)

void raw_fill(void *at, uint64_t value); /* writes all of RAW_BYTES */
uint64_t raw_touch(const void *at);      /* reads a word of each line: their sum */

int raw_sample_touch(const struct bench_side *side, double *value);   /* GB/s */
int raw_sample_syscall(const struct bench_side *side, double *value); /* ns */

#endif
