/* sync/barrier_internal.h -- what barrier.c does and barrier_kind.c makes. */
#ifndef WEFT_SYNC_BARRIER_INTERNAL_H
#define WEFT_SYNC_BARRIER_INTERNAL_H

#include <weft/barrier.h>

#include "runtime/waitable.h"
#include "sync/barrier_shared.h"
#include "sync/ledger.h"

struct weft_barrier {
        struct weft_handle handle; /* first */
        uint32_t flags;            /* checked at open */
        struct weft_ledger ledger;
        struct weft_spin spin;
};

/* lo of the cell, taken apart. */
struct weft_barrier_state {
        uint64_t phase; /* in full */
        uint32_t fates, parties, taken, arrived;
        uint32_t broken;
};

static inline struct weft_barrier_shared *
weft_barrier_shared_of(const struct weft_barrier *b)
{
        return b->handle.sh;
}

/* What it is now. */
void weft_barrier_look(struct weft_barrier_shared *sh, struct weft_barrier_state *s);

/* Is that possible? */
bool weft_barrier_whole(const struct weft_barrier_state *s);

/* lo of the cell. */
uint64_t weft_barrier_pack(const struct weft_barrier_state *s);

/* What the dead in `seat` leaves: kind->recover. */
WEFT_CHECK int weft_barrier_bury(struct weft_barrier_shared *sh,
                                 const struct weft_ledger *l, uint32_t flags,
                                 uint32_t seat);

extern const struct weft_waitable weft_barrier_waitable;

#endif
