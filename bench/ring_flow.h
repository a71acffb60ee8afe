/* bench/ring_flow.h -- a weft ring without a name. */
#ifndef WEFT_BENCH_RING_FLOW_H
#define WEFT_BENCH_RING_FLOW_H

#include <weft/ring.h>

#include "bench/flow.h"

struct ring_flow {
        struct weft_arena *arena;
        weft_ring_t *ring;
};

int ring_flow_make(void **queue, const struct weft_ring_options *options);
void ring_flow_drop(void *queue);

static inline void ring_flow_must(int64_t rc, const char *call)
{
        if (__builtin_expect(rc < 0, 0))
                bench_give_up("%s: %d", call, (int)rc);
}

#endif
