/* sync/cell.h -- a cell that is written once: what futures and lazies stand on.
 *
 * Somebody may claim it first, and is the only one then to set it. A small value lies in
 * the cell, a larger one in a block that the object owns. A part of a kind's shared header,
 * zeroed; the kind calls weft_cell_recover() in `recover`, weft_cell_destroy() in `destroy`,
 * weft_cell_check() in `check`. Whoever ends it wakes those who wait on sh->wait.
 *
 * Progress  lock-free; looking is wait-free.
 * Source    I-structures: Arvind, Nikhil, Pingali (ACM TOPLAS 1989); recovery is ours.
 */
#ifndef WEFT_SYNC_CELL_H
#define WEFT_SYNC_CELL_H

#include "runtime/object.h"
#include "runtime/wait.h"
#include "sync/cell_shared.h"

#define WEFT_CELL_INLINE 8                      /* bytes that need no block */
#define WEFT_CELL_BYTES_MAX (UINT64_C(1) << 30) /* of a value */
#define WEFT_CELL_ERRNO_MAX 4095

struct weft_cell {
        weft_arena_t *arena;
        struct weft_cell_shared *sh;
        weft_owner_t owner; /* the object */
        bool renew;         /* a dead claimer leaves it EMPTY, not FAILED */
};

/* One look at it. */
struct weft_cell_seen {
        uint64_t head, value; /* the two words */
};

static inline enum weft_cell_state weft_cell_state(struct weft_cell_seen seen)
{
        return (enum weft_cell_state)(seen.head >> 32 & 0xff);
}

static inline uint32_t weft_cell_what(struct weft_cell_seen seen)
{
        return (uint32_t)seen.head;
}

static inline bool weft_cell_has_ended(struct weft_cell_seen seen)
{
        return weft_cell_state(seen) - WEFT_CELL_SET <=
               WEFT_CELL_CANCELED - (unsigned)WEFT_CELL_SET;
}

/* Both words, of one instant. Reads only. */
static inline struct weft_cell_seen weft_cell_look(const struct weft_cell_shared *sh)
{
        struct weft_cell_seen seen;
        uint64_t again = weft_load_acq(&sh->word.lo); /* [V] */
        do {
                seen.head = again;
                seen.value = weft_load_acq(&sh->word.hi); /* [V] */
                again = weft_load_acq(&sh->word.lo);      /* [V] */
        } while (__builtin_expect(again != seen.head, 0));
        return seen;
}

/* Claims it for the agent: 0. -EBUSY another one has; -EDEADLK this one has; -EALREADY it
 * has ended. Claims of the dead are settled first. Crash: dead claims, see cell_shared.h. */
WEFT_CHECK int weft_cell_claim(struct weft_cell *cell, struct weft_agent *agent);

/* Gives the agent's claim up; -EPERM if it has none. */
WEFT_CHECK int weft_cell_unclaim(struct weft_cell *cell, struct weft_agent *agent);

/* Ends it: if it is claimed, then by the agent. `claim` is the version and claim that it
 * must have still, or 0. -EPERM another one has claimed it; -EALREADY it has ended;
 * -ECANCELED; -ENOSPC. A block must be the agent's (-EPERM), and is the object's then. */
WEFT_CHECK int weft_cell_set(struct weft_cell *cell, struct weft_agent *agent,
                             const void *value, uint64_t bytes);
WEFT_CHECK int weft_cell_set_block(struct weft_cell *cell, struct weft_agent *agent,
                                   weft_ref_t ref, uint64_t bytes);
WEFT_CHECK int weft_cell_fail(struct weft_cell *cell, struct weft_agent *agent,
                              int error);

/* Ends it, whoever has claimed it. -EALREADY; 0 if it was canceled before. */
WEFT_CHECK int weft_cell_cancel(struct weft_cell *cell, struct weft_agent *agent);

/* Makes it EMPTY; 0 if it is. -EBUSY: claimed, or its setter is at it still. */
WEFT_CHECK int weft_cell_reset(struct weft_cell *cell, struct weft_agent *agent);

/* Copies the value out: its bytes; what it ended with; -EAGAIN not ended; -EOVERFLOW more
 * than `room`: `bytes` (may be NULL) tells. `agent` is NULL on read-only handles. */
WEFT_CHECK int64_t weft_cell_get(const struct weft_cell *cell, struct weft_agent *agent,
                                 void *value, uint64_t room, uint64_t *bytes);

/* The value in place: its bytes, or as above. `seen` is for weft_cell_is(); a value in the
 * cell itself is put into seen->value. */
WEFT_CHECK int64_t weft_cell_view(const struct weft_cell *cell,
                                  struct weft_cell_seen *seen, const void **at);

/* Is it as it was seen? What was read of it in between was that, then. */
static inline bool weft_cell_is(const struct weft_cell_shared *sh,
                                struct weft_cell_seen seen)
{
        return weft_load_acq(&sh->word.lo) == seen.head; /* [V] */
}

/* Where a value in the cell itself lies, which stays as long as the cell is not reset. */
static inline const void *weft_cell_place(const struct weft_cell_shared *sh)
{
        return &sh->word.raw[1];
}

/* What the claimer waits for from now on: a token, or 0. */
void weft_cell_need(struct weft_cell_shared *sh, uint64_t token);
uint64_t weft_cell_needs(const struct weft_cell_shared *sh);

/* What agent `sig`, who does nothing any more, had here. Idempotent. */
void weft_cell_recover(struct weft_cell *cell, struct weft_agent *agent, uint32_t sig);
void weft_cell_destroy(struct weft_cell *cell, struct weft_agent *agent);
WEFT_CHECK int weft_cell_check(const struct weft_cell *cell, uint64_t *bytes);

/* What it ended with: 0 or a negated errno. */
int weft_cell_result(struct weft_cell_seen seen);

#endif
