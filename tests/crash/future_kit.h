/* tests/crash/future_kit.h -- a future for the sweeps and the grids. */
#ifndef WEFT_TESTS_CRASH_FUTURE_KIT_H
#define WEFT_TESTS_CRASH_FUTURE_KIT_H

#include <errno.h>
#include <string.h>

#include <weft/block.h>
#include <weft/future.h>
#include <weft/object.h>

#include "tests/harness/weft_kit.h"

enum { SMALL = 8, BIG = 200 }; /* bytes of a value */

static inline weft_future_t *future_of(const struct crash *c)
{
        return c->handle;
}

/* A value of one letter, again and again. */
static inline int future_fill(weft_future_t *f, char letter, uint64_t bytes)
{
        char value[BIG];
        memset(value, letter, bytes);
        return weft_future_set(f, value, bytes);
}

/* Whose is the value? Its letter, or the error. */
static inline int future_whose(struct crash *c, weft_future_t *f, uint64_t deadline)
{
        char value[BIG];
        int64_t n = weft_future_get(f, value, sizeof value, deadline);
        if (n < 0)
                return (int)n;
        CRASH_MUST(c, CRASH_BROKEN, n == SMALL || n == BIG);
        for (int64_t i = 1; i < n; i++)
                CRASH_MUST(c, CRASH_BROKEN, value[i] == value[0]);
        return value[0];
}

/* One that stays whoever dies; and anonymous ones stand beside it. */
static inline void future_setup(struct crash *c)
{
        struct weft_future_options options = { .flags = WEFT_FUTURE_KEEP };
        weft_future_t *f;
        weft_kit_create(c);
        WEFT_MUST(c, weft_future_create(arena_of(c), "f", &options, &f));
        c->handle = f;
}

static inline void future_open_it(struct crash *c)
{
        weft_future_t *f;
        weft_kit_open(c);
        WEFT_MUST(c, weft_future_open(arena_of(c), "f", &f));
        c->handle = f;
}

static inline void future_end_all(struct crash *c)
{
        struct weft_future_info info;
        WEFT_MUST(c, weft_future_info(future_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0);
        CRASH_MUST(c, CRASH_LEAKED, info.state != WEFT_FUTURE_PROMISED);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "f"));
        weft_future_close(future_of(c));
        weft_kit_nothing_left(c, 0);
}

#endif
