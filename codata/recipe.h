/* codata/recipe.h -- what is to be computed: a function by name, and its argument. */
#ifndef WEFT_CODATA_RECIPE_H
#define WEFT_CODATA_RECIPE_H

#include <weft/function.h>

#include "codata/future_shared.h"
#include "sync/cell.h"

#define WEFT_RECIPE_ARGUMENT_MAX 65536

/* This process's copy of one: checked, and aligned to 16. */
struct weft_recipe {
        char *name; /* freed by weft_recipe_drop() */
        void *argument;
        uint32_t argument_bytes;
        uint32_t spare;
};

/* Is it one that can be written down? -EINVAL, -ENAMETOOLONG, -EOVERFLOW. */
WEFT_CHECK int weft_recipe_check(const char *name, const void *argument, uint64_t bytes);

/* In init: into a block that the object to be owns. */
WEFT_CHECK int weft_recipe_make(struct weft_draft *draft, const char *name,
                                const void *argument, uint32_t bytes, weft_ref_t *ref);

/* In view: -EUCLEAN, -ENOMEM. */
WEFT_CHECK int weft_recipe_read(weft_arena_t *arena, weft_ref_t ref,
                                struct weft_recipe *recipe);
void weft_recipe_drop(struct weft_recipe *recipe);

/*
 * The agent has claimed the cell: runs the function over `bytes` bytes at `in`, and ends the
 * cell with what it makes of them or fails with. 0, whatever the cell has ended as; or it
 * is claimed no more, and has not ended by us: -ENOSPC, -EPROTO (the bytes are not items of
 * its type), -EPERM (the function made this agent another one, or the cell was ended
 * by somebody else).
 */
WEFT_CHECK int weft_compute(struct weft_cell *cell, struct weft_agent *agent,
                            const struct weft_function *function, const void *in,
                            uint64_t bytes, const void *argument);

#endif
