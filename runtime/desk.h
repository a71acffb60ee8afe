/* runtime/desk.h -- what each agent writes down in an object: desk_shared.h.
 *
 * A kind puts a struct weft_desks_shared into its header, zeroed, a struct weft_desks into
 * its handle, and calls weft_desks_recover() first in `recover`, weft_desks_free() in
 * `destroy`, weft_desks_bytes() in `check`.
 */
#ifndef WEFT_RUNTIME_DESK_H
#define WEFT_RUNTIME_DESK_H

#include "runtime/desk_shared.h"
#include "runtime/object.h"

struct weft_desks {
        weft_arena_t *arena;
        struct weft_desks_shared *sh;
        weft_owner_t owner;  /* the object */
        uint32_t desk_bytes; /* a multiple of WEFT_LINE */
        uint32_t spare;
        weft_a64_t at[WEFT_DESK_SEGMENTS]; /* offsets of those met, + 1: only a cache */
};

void weft_desks_view(struct weft_desks *desks, weft_arena_t *arena,
                     struct weft_desks_shared *sh, weft_owner_t owner,
                     uint32_t desk_bytes);

/* For weft_desk_at(): finds the segment for the first time. */
void *weft_desk_find(struct weft_desks *desks, uint32_t seat);

/* The desk of a seat, or NULL while it has none. Reads only. */
static inline void *weft_desk_at(struct weft_desks *desks, uint32_t seat)
{
        uint64_t offset =
                weft_load_acq(/* [L] */
                              &desks->at[seat / WEFT_DESK_SEATS % WEFT_DESK_SEGMENTS]);
        if (__builtin_expect(!offset, 0))
                return weft_desk_find(desks, seat);
        return desks->arena->base + (offset - 1) +
               (uint64_t)(seat % WEFT_DESK_SEATS) * desks->desk_bytes;
}

/* The same, made if it is not there. -ENOSPC, -EUCLEAN. Crash in grow: until the LP the
 * block is the agent's and goes with it; after it, recovery hands it over. */
WEFT_CHECK int weft_desk_get(struct weft_desks *desks, struct weft_agent *agent,
                             void **desk);

/* Hands over what the agent `sig` had added but not handed over. Idempotent. -EUCLEAN. */
WEFT_CHECK int weft_desks_recover(struct weft_desks *desks, uint32_t sig);

void weft_desks_free(struct weft_desks *desks, struct weft_agent *agent);

/* The bytes that they take; -EUCLEAN if a ref leads nowhere. */
int64_t weft_desks_bytes(struct weft_desks *desks);

#endif
