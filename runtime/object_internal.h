/* runtime/object_internal.h -- what object.c and object_look.c share. */
#ifndef WEFT_RUNTIME_OBJECT_INTERNAL_H
#define WEFT_RUNTIME_OBJECT_INTERNAL_H

#include "runtime/object_table.h"

/* The kind of an entry, or NULL; its header, or NULL. */
struct weft_kind *weft_entry_kind(const struct weft_entry_shared *e);
void *weft_entry_header(weft_arena_t *arena, const struct weft_entry_shared *e,
                        const struct weft_kind *kind);

/* Has this agent it open? */
bool weft_entry_touched(const struct weft_agent *agent, uint32_t index);

/* For who may have been the last to know it. */
void weft_entry_free_if_unused(struct weft_agent *agent, uint32_t index);

/* To look at it, as it is; `ours` is what hold returned. */
bool weft_entry_hold(struct weft_agent *agent, uint32_t index);
void weft_entry_let_go(struct weft_agent *agent, uint32_t index, bool ours);
bool weft_entry_is_there(const struct weft_entry_shared *e, uint64_t state);

#endif
