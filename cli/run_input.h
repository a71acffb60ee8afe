/* cli/run_input.h -- a chunk's bytes in the files that it lies in. */
#ifndef WEFT_CLI_RUN_INPUT_H
#define WEFT_CLI_RUN_INPUT_H

#include "cli/run_scan.h"

/* Feeds the items that begin in `chunk` to the scan. An error is fatal: it is said, and
 * the process ends with CLI_FAILED. */
void run_input_scan(const struct run_plan *plan, uint64_t chunk, struct run_scan *scan);

#endif
