/* cli/tap.h -- weft tap: what flows through something, seen without taking any of it. */
#ifndef WEFT_CLI_TAP_H
#define WEFT_CLI_TAP_H

#include "cli/thing.h"

enum { TAP_COUNTS = 4 };

struct tap_count {
        const char *name;
        uint64_t n;
        bool flows; /* it only grows: its rate is told, too */
};

/* Prints each item as it comes, until the end, -n or --timeout. `next`: 1, 0 at the end, or an
 * error code. An exit code. */
int tap_items(struct thing_call *c, void *from, size_t bytes,
              int (*next)(void *from, void *item, uint64_t *sequence, uint64_t *lost,
                          uint64_t deadline));

/* Prints a line a second, until -n or --timeout. `count` fills in up to TAP_COUNTS of them:
 * how many, or an error code. An exit code. */
int tap_rates(struct thing_call *c,
              int (*count)(struct thing_call *c, struct tap_count *counts));

#endif
