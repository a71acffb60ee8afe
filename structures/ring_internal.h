/* structures/ring_internal.h -- a ring in this process, and its steps. */
#ifndef WEFT_STRUCTURES_RING_INTERNAL_H
#define WEFT_STRUCTURES_RING_INTERNAL_H

#include <errno.h>

#define WEFT_RING_NO_INLINE /* here they are made */
#include <weft/ring.h>

#include "runtime/waitable.h"
#include "structures/ring_shared.h"
#include "structures/stamp.h"

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
        WEFT_RING_TELLS = 8,  /* `head` is told so often in one round of the ring */
        WEFT_RING_AHEAD = 16, /* units are asked for so long before, or a quarter of it */
};

#define WEFT_RING_PAGE 4096 /* of memory: what a fork wipes */

struct weft_ring {
        struct weft_handle handle; /* first */
        uint8_t *base;  /* of the units, or of the bytes; checked, as what follows */
        uint64_t step;  /* positions from one telling of `head` to the next */
        uint64_t ahead; /* positions: WEFT_RING_AHEAD */
        uint64_t mask;  /* of positions, in a round of the ring */
        uint64_t area_bytes;
        struct weft_units units; /* elements */
        uint32_t element_bytes;
        uint32_t flags;
        bool words; /* elements are: a side may be gone on with by the short way */
        bool wiped; /* `near` is, by a fork; and others can order this process's threads */
        bool fenced; /* nobody can order this process's threads: they do it themselves */
        weft_a64_t ordered[2]; /* by side that waits: the count for which it was done */
        struct weft_spin spin[3]; /* by side; for a seat */
        _Alignas(WEFT_RING_PAGE) struct weft_ring_near
                near[2]; /* by side: the short way; <weft/ring_inline.h> */
};

/* What is compiled into others: new numbers there when this no longer holds. */
#define WEFT_RING_FROM(side, member) \
        (((int)offsetof(struct weft_ring_shared, member) - \
          (int)offsetof(struct weft_ring_shared, side)) / \
         (int)sizeof(uint64_t))
_Static_assert(offsetof(struct weft_ring, near) ==
                               offsetof(struct weft_ring_view, near) &&
                       sizeof(struct weft_ring_near) == 128 &&
                       WEFT_RING_FROM(push, push.pos) == WEFT_RING_POS_ &&
                       WEFT_RING_FROM(push, push.limit) == WEFT_RING_LIMIT_ &&
                       WEFT_RING_FROM(push, push.turn) == WEFT_RING_TURN_ &&
                       WEFT_RING_FROM(pop, head) == WEFT_RING_HEAD_ &&
                       WEFT_RING_FROM(pop, filled) == WEFT_RING_FILLED_,
               "weft/ring_inline.h");

/* One call under way. */
struct weft_ring_op {
        struct weft_ring *ring;
        struct weft_ring_shared *sh;
        struct weft_agent *agent;
        int (*go)(struct weft_ring_op *op); /* tries once */
        const uint8_t *from;
        uint8_t *to;
        size_t n, done; /* elements; or n bytes */
        struct weft_ring_item *item;
        uint32_t side; /* ring_seat.c */
};

static inline struct weft_ring_shared *weft_ring_sh(const struct weft_ring *ring)
{
        return ring->handle.sh;
}

static inline bool weft_ring_has_records(const struct weft_ring *ring)
{
        return ring->flags & WEFT_RING_BYTES;
}

/* ---- sides: ring_seat.c -------------------------------------------------- */

/* Enters, and takes the side if it is free. -EBUSY. */
WEFT_CHECK int weft_ring_sit(struct weft_ring *ring, struct weft_ring_side_shared *side,
                             struct weft_agent **agent);

/* A word of the short way: others of this process read it. */
static inline void weft_ring_near_set(uint64_t *word, uint64_t value)
{
        weft_store_rel((weft_a64_t *)(void *)word, value); /* [N] */
}

static inline uint64_t weft_ring_near_get(const uint64_t *word)
{
        return weft_load_acq((const weft_a64_t *)(const void *)word); /* [N] */
}

/* Opens the short way on a side that this thread holds, if nobody waits to be heard. */
void weft_ring_open_near(struct weft_ring *ring, enum weft_ring_side which);

/* Draws a turn: every short way that is open on this side is no longer. */
static inline uint64_t weft_ring_draw(struct weft_ring_side_shared *side)
{
        return weft_add_acq_rel(&side->turn, 1) + 1; /* [T] */
}

/* The producer begins the long way, of words: push.pos was left behind by the short one. */
void weft_ring_settle_far(struct weft_ring *ring);

static inline void weft_ring_settle(struct weft_ring *ring)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        struct weft_ring_near *near = &ring->near[WEFT_RING_PRODUCER];
        weft_ring_near_set(&near->thread, 0);
        if (WEFT_LIKELY(weft_load_rlx(&sh->push.turn) == near->turn))
                weft_store_rlx(&sh->push.pos, near->pos);
        else
                weft_ring_settle_far(ring);
}

/* Every operation on a side begins with this. Who holds it has entered. */
static inline int weft_ring_begin(struct weft_ring_op *op,
                                  struct weft_ring_side_shared *side)
{
        const struct weft_agent *me = weft_handle_me(&op->ring->handle);
        op->sh = weft_ring_sh(op->ring);
        if (WEFT_LIKELY(me != NULL) &&
            WEFT_LIKELY(weft_load_rlx(&side->seat) == me->sig)) {
                op->agent = weft_me.agent;
                return 0;
        }
        return weft_ring_sit(op->ring, side, &op->agent);
}

static inline int weft_ring_begin_push(struct weft_ring_op *op)
{
        int rc = weft_ring_begin(op, &weft_ring_sh(op->ring)->push);
        if (op->ring->words && WEFT_LIKELY(!rc))
                weft_ring_settle(op->ring);
        return rc;
}

static inline int weft_ring_begin_pop(struct weft_ring_op *op)
{
        return weft_ring_begin(op, &weft_ring_sh(op->ring)->pop);
}

/* ---- after the LP, waiting, the end: ring_wait.c --------------------------- */

/* Somebody sleeps there, for what has just been stored. */
void weft_ring_wake(struct weft_wait_shared *wait);

/* What was pushed from `was` to the tail `now` comes after a shutdown, or beside it: how
 * far it counts. */
uint64_t weft_ring_seal(struct weft_ring_shared *sh, uint64_t was, uint64_t now);

/* After the stamps up to `now` are written: the position up to which they count. */
static inline uint64_t weft_ring_pushed(struct weft_ring *ring,
                                        struct weft_ring_shared *sh, uint64_t was,
                                        uint64_t now)
{
        weft_store_rlx(&sh->push.pos, now);
        ring->near[WEFT_RING_PRODUCER].pos = now;
        if (WEFT_UNLIKELY(ring->fenced))
                weft_fence_seq();                /* [W] */
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        if (WEFT_UNLIKELY(weft_wait_waiters(&sh->not_empty)))
                weft_ring_wake(&sh->not_empty);
        if (WEFT_LIKELY(!weft_load_acq(&sh->closing))) /* [C] */
                return now;
        return weft_ring_seal(sh, was, now);
}

/* LP of pop: passes what lies from `was` to `now`, which has been read. */
static inline void weft_ring_popped(struct weft_ring *ring, struct weft_ring_shared *sh,
                                    uint64_t was, uint64_t now)
{
        weft_store_rel(&sh->pop.pos, now); /* [O] LP of pop */
        if ((was ^ now) >= ring->step)
                weft_store_rel(&sh->head, now); /* [O] */
        if (WEFT_UNLIKELY(ring->fenced))
                weft_fence_seq();                /* [W] */
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        if (WEFT_UNLIKELY(weft_wait_waiters(&sh->not_full)))
                weft_ring_wake(&sh->not_full);
}

/* op->go has said -EAGAIN: tries it again until the deadline. */
WEFT_CHECK int weft_ring_push_until(struct weft_ring_op *op, uint64_t deadline);
WEFT_CHECK int weft_ring_pop_until(struct weft_ring_op *op, uint64_t deadline);

/* One who has been counted in, and may sleep next: has the holder of `side` hear of it, and
 * orders the others, once for this count. False: he is not counted in, so nothing needs be
 * looked at again. For select. */
WEFT_CHECK bool weft_ring_order(struct weft_ring_side_shared *side, weft_a64_t *ordered);

/* ---- elements: ring.c; records: ring_record.c -------------------------------- */

/* Is there room at the tail `t`? Tells the limit, and keeps it. -EAGAIN, -EUCLEAN. */
WEFT_CHECK int weft_ring_room(const struct weft_ring *ring, uint64_t t, uint64_t *limit);

/* The same for a record of `bytes`. */
WEFT_CHECK int weft_record_room(const struct weft_ring *ring, uint64_t t, uint64_t bytes);

/* Is there an element at `h`? -EAGAIN, -EUCLEAN; -EPIPE: it is the end. */
WEFT_CHECK int weft_ring_there(const struct weft_ring *ring, uint64_t h);

/* The same for a record; how long it is. */
WEFT_CHECK int weft_record_there(const struct weft_ring *ring, uint64_t h,
                                 uint32_t *bytes);

/* Where the stamps end, from `pos` on; anything if that is not sane. */
uint64_t weft_ring_tail(const struct weft_ring *ring, uint64_t pos);
uint64_t weft_record_tail(const struct weft_ring *ring, uint64_t pos);

/* Closed at a seal: where that was. */
static inline uint64_t weft_ring_open_pos(uint64_t pos)
{
        return pos & ~WEFT_RING_CLOSED;
}

static inline uint8_t *weft_element_at(const struct weft_ring *ring, uint64_t pos)
{
        const struct weft_units *u = &ring->units;
        return weft_unit_at(u, ring->base, pos) + (pos & u->low) * u->bytes;
}

static inline struct weft_ring_record_shared *weft_record_at(const struct weft_ring *ring,
                                                             uint64_t pos)
{
        return (void *)(ring->base +
                        (pos & ring->mask & ~(uint64_t)(WEFT_RING_STEP - 1)));
}

/* How far a record of `bytes` goes. */
static inline uint64_t weft_record_bytes(uint64_t bytes)
{
        return WEFT_RING_STEP +
               (bytes + WEFT_RING_STEP - 1) / WEFT_RING_STEP * WEFT_RING_STEP;
}

/* The record in the place at the tail `t` is filled: its stamp. Where it ends. */
static inline uint64_t weft_record_stamp(const struct weft_ring *ring, uint64_t t,
                                         uint32_t bytes)
{
        struct weft_ring_record_shared *record = weft_record_at(ring, t);
        uint64_t end = t + weft_record_bytes(bytes);
        weft_store_rlx(&record->bytes, bytes);
        weft_store_rlx(&weft_record_at(ring, end)->stamp, 0);
        weft_store_rel(&record->stamp, t); /* [P] LP of push */
        return end;
}

extern const struct weft_waitable weft_ring_waitable; /* ring_select.c */

#endif
