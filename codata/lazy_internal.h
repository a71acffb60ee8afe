/* codata/lazy_internal.h -- a lazy in this process. */
#ifndef WEFT_CODATA_LAZY_INTERNAL_H
#define WEFT_CODATA_LAZY_INTERNAL_H

#include <weft/lazy.h>

#include "codata/lazy_shared.h"
#include "codata/recipe.h"
#include "runtime/waitable.h"
#include "sync/cell.h"

struct weft_lazy {
        struct weft_handle handle; /* first */
        struct weft_cell cell;
        struct weft_spin spin;
        struct weft_recipe recipe;
        struct weft_recipe
                source; /* name: of the lazy that this is mapped from; or NULL */
};

extern struct weft_kind weft_lazy_kind;

/* What a lazy is made with. */
struct weft_lazy_wish {
        const char *function;
        const void *argument;
        const char *source; /* or NULL */
        uint32_t bytes;
        uint32_t spare;
};
WEFT_CHECK int weft_lazy_make(weft_arena_t *arena, const char *name,
                              const struct weft_lazy_wish *wish, uint32_t flags,
                              weft_lazy_t **lazy);

/* Sees to it that it has ended: 0, or an error that is not the lazy's. */
WEFT_CHECK int weft_lazy_await(weft_lazy_t *lazy, struct weft_agent *agent,
                               uint64_t deadline);

#endif
