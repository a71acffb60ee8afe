/* bench/ring_flow.h -- weft rings in arenas without a name. */
#ifndef WEFT_BENCH_RING_FLOW_H
#define WEFT_BENCH_RING_FLOW_H

#include <weft/ring.h>

#include "bench/flow.h"

/* The queue is the ring itself, as it is a peer's: no step in between. */
int ring_flow_make(void **queue, const struct weft_ring_options *options);
void ring_flow_drop(void *queue);

static inline void ring_flow_must(int64_t rc, const char *call)
{
        if (__builtin_expect(rc < 0, 0))
                bench_give_up("%s: %d", call, (int)rc);
}

#endif
