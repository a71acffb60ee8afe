/* codata/future_internal.h -- a future in this process. */
#ifndef WEFT_CODATA_FUTURE_INTERNAL_H
#define WEFT_CODATA_FUTURE_INTERNAL_H

#include <weft/future.h>

#include "codata/future_shared.h"
#include "codata/recipe.h"
#include "runtime/waitable.h"
#include "sync/cell.h"

struct weft_future {
        struct weft_handle handle; /* first */
        struct weft_cell cell;
        struct weft_spin spin;
        struct weft_type type;
        struct weft_future
                *source;          /* what it is computed from, as long as that matters */
        struct weft_future *root; /* the end of the chain: all who wait sleep there */
        struct weft_recipe recipe;
        uint32_t depth; /* 0: it is set, not computed */
        uint32_t unused;
};

extern struct weft_kind weft_future_kind;
extern const struct weft_waitable weft_future_waitable;

/* What a future is made with. */
struct weft_future_wish {
        struct weft_type type;
        uint64_t source; /* token */
        uint32_t depth;
        uint32_t bytes;
        const char *function;
        const void *argument;
};
WEFT_CHECK int weft_future_make(weft_arena_t *arena, const char *name,
                                const struct weft_future_wish *wish, uint32_t flags,
                                weft_future_t **future);

/* Waits until it has ended: 0, or an error that is not the future's. */
WEFT_CHECK int weft_future_await(weft_future_t *future, struct weft_agent *agent,
                                 uint64_t deadline);

#endif
