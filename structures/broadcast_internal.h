/* structures/broadcast_internal.h -- a broadcast ring in this process, and its steps. */
#ifndef WEFT_STRUCTURES_BROADCAST_INTERNAL_H
#define WEFT_STRUCTURES_BROADCAST_INTERNAL_H

#include <errno.h>
#include <string.h>

#include <weft/broadcast.h>

#include "runtime/block.h"
#include "runtime/desk.h"
#include "runtime/object.h"
#include "runtime/wait.h"
#include "runtime/waitable.h"
#include "structures/broadcast_shared.h"

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
        WEFT_BROADCAST_INTERVAL =
                64, /* positions between two updates of the shared hint */
        WEFT_BROADCAST_STEPS = 4096,   /* of a walk after others who run */
        WEFT_BROADCAST_STRIDES = 256,  /* of one who has been overtaken, and hurries */
        WEFT_BROADCAST_LINE_CELLS = 4, /* of up to 8 bytes, in a line */
        WEFT_BROADCAST_CALM = 64,      /* pauses of who waits for a slow one to move on */
};

extern const struct weft_waitable weft_broadcast_waitable; /* broadcast_select.c */
extern struct weft_kind weft_subscriber_kind;

/* What a process knows of a ring: checked copies. Trust these, not sh. */
struct weft_broadcast_view {
        weft_arena_t *arena;
        struct weft_broadcast_shared *sh;
        uint8_t *cells;
        uint64_t mask;
        uint64_t stride; /* of cells */
        uint32_t lead;   /* bytes of a cell before what it holds */
        uint32_t element_bytes;
        uint8_t *boxes; /* NULL: the cells hold the elements */
        uint64_t box_stride;
        uint32_t box_lead;
        uint32_t subscribers; /* seats */
        struct weft_broadcast_seat_shared *seats;
        weft_owner_t owner;
        bool one;    /* producer */
        bool blocks; /* the policy */
        bool fences; /* this process must fence for itself */
        struct weft_desks desks;
};

struct weft_broadcast {
        struct weft_handle handle; /* first */
        uint64_t serial;           /* of the arena */
        struct weft_broadcast_view v;
        struct weft_spin spin;
};

struct weft_subscriber {
        struct weft_handle
                handle;  /* first: the ring's, but of another kind, for select */
        uint64_t serial; /* of the arena */
        uint32_t sig;    /* whose it is; 0: read-only, everybody's */
        uint32_t taken;  /* 1: a view is out */
        uint64_t pid;    /* of whom it is: a child of his has no part in it */
        weft_a64_t pos;  /* wanted next */
        uint64_t unseen; /* lost, and not told yet */
        uint64_t spared; /* positions below do not count as lost */
        weft_a64_t lost;
        uint64_t word;                           /* what its seat has */
        struct weft_broadcast_seat_shared *seat; /* NULL: read-only */
        struct weft_broadcast_view v;
        struct weft_spin spin;
        /* For the rooms above: asked when nothing is there, by any thread. -EAGAIN, or why
         * there is no use in waiting; changes nothing. NULL: nobody is asked. */
        int (*guard)(const void *guarded);
        const void *guarded;
};

/* ---- cells ------------------------------------------------------------------------- */

static inline uint8_t *weft_broadcast_cell(const struct weft_broadcast_view *v,
                                           uint64_t p)
{
        return v->cells + (p & v->mask) * v->stride;
}

/* The first word of position p's cell. */
static inline weft_a64_t *weft_broadcast_stamp(const struct weft_broadcast_view *v,
                                               uint64_t p)
{
        return (weft_a64_t *)(void *)weft_broadcast_cell(v, p);
}

/* The second one: an element of up to 8 bytes, or a box. */
static inline weft_a64_t *weft_broadcast_what(const struct weft_broadcast_view *v,
                                              uint64_t p)
{
        return (weft_a64_t *)(void *)(weft_broadcast_cell(v, p) + sizeof(uint64_t));
}

static inline bool weft_broadcast_is_small(const struct weft_broadcast_view *v)
{
        return v->element_bytes <= sizeof(uint64_t);
}

/* What is published, as a number; and back. */
static inline uint64_t weft_broadcast_load(const struct weft_broadcast_view *v,
                                           const void *from)
{
        uint64_t value = 0;
        if (WEFT_LIKELY(v->element_bytes == sizeof value))
                memcpy(&value, from, sizeof value);
        else
                memcpy(&value, from, v->element_bytes);
        return value;
}

static inline void weft_broadcast_store(const struct weft_broadcast_view *v, void *to,
                                        uint64_t value)
{
        if (WEFT_LIKELY(v->element_bytes == sizeof value))
                memcpy(to, &value, sizeof value);
        else
                memcpy(to, &value, v->element_bytes);
}

/* The shapes. */
uint64_t weft_broadcast_stride(uint32_t element_bytes, bool one, uint32_t *lead);
uint64_t weft_broadcast_box_stride(uint32_t element_bytes, uint32_t *lead);

/* Checks the header and fills the view. -EUCLEAN. */
WEFT_CHECK int weft_broadcast_view(struct weft_broadcast_view *v, weft_arena_t *arena,
                                   struct weft_broadcast_shared *sh, weft_owner_t owner);

/* Where box `n` holds its element, or NULL; and its stamp. */
void *weft_broadcast_box(struct weft_broadcast_view *v, uint64_t n);
weft_a64_t *weft_broadcast_box_stamp(struct weft_broadcast_view *v, uint64_t n);

/* Walks from `*pos` to the first position that is not there, or for `most` steps: others may
 * run ahead of us. -EUCLEAN. Ends: each step goes forward, and a cell that nobody changes
 * is passed at most twice. */
WEFT_CHECK int weft_broadcast_walk(const struct weft_broadcast_view *v, uint64_t *pos,
                                   uint64_t most);

/* The same to the end; but not in a DROP ring, where nobody need ever hold them up. */
static inline int weft_broadcast_tail(const struct weft_broadcast_view *v, uint64_t *pos)
{
        return weft_broadcast_walk(v, pos, v->blocks ? UINT64_MAX : WEFT_BROADCAST_STEPS);
}

/* Where such a walk may begin: the hint, if it makes sense. */
uint64_t weft_broadcast_hint(const struct weft_broadcast_view *v);
/* All positions below `now` are there; `was` is where the caller began. */
void weft_broadcast_tell(const struct weft_broadcast_view *v, uint64_t was, uint64_t now);

/* The oldest position that is retained when the tail is at t. */
static inline uint64_t weft_broadcast_oldest(const struct weft_broadcast_view *v,
                                             uint64_t t)
{
        uint64_t n = v->mask + 1;
        return t < 2 * n ? n : t - n;
}

/* ---- the limit ---------------------------------------------------------------------- */

/* The caller has seen all below t published, and would publish t. 0: he may, -EAGAIN: a
 * subscriber is too far behind, -EPIPE, -EUCLEAN. */
WEFT_CHECK int weft_broadcast_room(const struct weft_broadcast_view *v, uint64_t t);

/* Makes every publisher look anew: subscribers have changed; or (shut) it is over. */
void weft_broadcast_unsettle(const struct weft_broadcast_view *v, bool shut);

static inline bool weft_broadcast_is_shut(const struct weft_broadcast_view *v)
{
        return weft_load_acq(&v->sh->limit.hi) & 1; /* [L] */
}

/* As weft_broadcast_shutdown(), by anybody. Repeatable. */
WEFT_CHECK int weft_broadcast_end(const struct weft_broadcast_view *v);

/* MANY: seals the tail, so that nothing more comes. */
WEFT_CHECK int weft_broadcast_seal(const struct weft_broadcast_view *v);

/* ---- many producers: broadcast_many.c -------------------------------------------------- */

/* One call under way. */
struct weft_broadcast_op {
        struct weft_broadcast *b;
        struct weft_agent *agent;
        const uint8_t *from;
        size_t n, done;
};

/* Publishes from op->from up to op->n elements, or (from NULL) what was loaned: op->done of
 * them went. 0 if any did. */
WEFT_CHECK int weft_broadcast_put_many(struct weft_broadcast_op *op);
WEFT_CHECK int weft_broadcast_loan_many(struct weft_broadcast_op *op, void **at);

/* Is a loan of this agent's out? Ends it. */
WEFT_CHECK int weft_broadcast_cancel_many(struct weft_broadcast_op *op);

/* What the agent `sig` left on its desk. Repeatable. -EUCLEAN. */
WEFT_CHECK int weft_broadcast_settle(struct weft_broadcast_view *v, uint32_t sig);

/* ---- publishing: broadcast.c ------------------------------------------------------------ */

/* As the call with WEFT_NOW; and is there room? `agent` has entered the handle. */
WEFT_CHECK int weft_broadcast_try_publish(struct weft_broadcast *b,
                                          struct weft_agent *agent, const void *element);
WEFT_CHECK int weft_broadcast_look_for_room(struct weft_broadcast *b,
                                            struct weft_agent *agent);

/* ---- subscribing: broadcast_next.c ------------------------------------------------------- */

WEFT_CHECK int weft_broadcast_try_next(struct weft_subscriber *s, void *element,
                                       uint64_t *sequence);
/* -EAGAIN: nothing is there. Changes nothing: any thread of this process may call it. */
WEFT_CHECK int weft_broadcast_look_for_next(struct weft_subscriber *s);

/* ---- seats ------------------------------------------------------------------------------- */

static inline uint64_t weft_broadcast_word(uint64_t generation,
                                           enum weft_broadcast_seat_state state,
                                           uint32_t sig)
{
        return generation << 34 | (uint64_t)state << 32 | sig;
}

static inline enum weft_broadcast_seat_state weft_broadcast_state(uint64_t word)
{
        return (enum weft_broadcast_seat_state)(word >> 32 & 3);
}

static inline uint64_t weft_broadcast_generation(uint64_t word)
{
        return word >> 34;
}

/* How many seats there is any point in looking at. */
static inline uint32_t weft_broadcast_seats(const struct weft_broadcast_view *v)
{
        uint32_t n = weft_load_acq(&v->sh->seats_used); /* [J] */
        return n < v->subscribers ? n : v->subscribers;
}

/* Is this thread the agent that signed `sig` in the arena of that serial? */
static inline bool weft_broadcast_is_me(uint64_t serial, uint32_t sig)
{
        return weft_me.serial == serial && weft_alive->raw && weft_me.agent->sig == sig;
}

/* Frees a seat that has `word`. */
static inline bool weft_broadcast_leave(struct weft_broadcast_seat_shared *seat,
                                        uint64_t word)
{
        uint64_t gone = weft_broadcast_word(weft_broadcast_generation(word),
                                            WEFT_BROADCAST_FREE, 0);
        return weft_cas_acq_rel(&seat->word, &word, gone); /* [J] LP of unsubscribe */
}

/* ---- the short ways: inline, also for who has a ring as a part ----------------------------- */

/* All else, and waiting: as the calls. */
WEFT_CHECK int weft_broadcast_publish_long(weft_broadcast_t *broadcast,
                                           const void *element, uint64_t deadline);
WEFT_CHECK int weft_broadcast_next_long(struct weft_subscriber *s, void *element,
                                        uint64_t *sequence, uint64_t *lost,
                                        uint64_t deadline);
void weft_broadcast_wake_subscribers(struct weft_broadcast_shared *sh);
void weft_broadcast_wake_publishers(struct weft_broadcast_shared *sh);

/* The cells that come next have been read by others: gets their lines for writing while
 * there is other work to do. Nearly twice as fast. Where it is not known it does nothing. */
static inline void weft_broadcast_own_soon(const struct weft_broadcast_view *v,
                                           uint64_t p)
{
        if (p % WEFT_BROADCAST_LINE_CELLS == 0)
                __asm__ volatile("prefetchw %0" ::"m"(
                        *weft_broadcast_stamp(v, p + 4 * WEFT_BROADCAST_LINE_CELLS)));
}

/* One producer, an element of 8 bytes, nothing unusual: published; else false. */
static inline bool weft_broadcast_put_short(struct weft_broadcast *b, const void *element)
{
        const struct weft_broadcast_view *v = &b->v;
        struct weft_broadcast_shared *sh = v->sh;
        uint64_t value, p = weft_load_rlx(&sh->tail);
        if (WEFT_UNLIKELY(
                    !v->one || v->element_bytes != sizeof value || v->fences ||
                    !weft_broadcast_is_me(b->serial, weft_load_rlx(&sh->producer)) ||
                    weft_load_rlx(&sh->loan) ||
                    p >= weft_load_acq(&sh->limit.lo))) /* [L] */
                return false;
        weft_a64_t *stamp = (weft_a64_t *)(void *)(v->cells + (p & v->mask) * 16);
        weft_store_rlx(stamp, 2 * p);
        weft_broadcast_own_soon(v, p);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_UNLIKELY(p >= weft_load_acq(&sh->limit.lo))) { /* [L] */
                weft_store_rlx(stamp, 2 * p - 2);
                return false;
        }
        memcpy(&value, element, sizeof value);
        weft_store_rlx(stamp + 1, value);
        weft_store_rel(stamp, 2 * p + 1); /* [P] LP of publish */
        weft_store_rel(&sh->tail, p + 1); /* [H] */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_UNLIKELY(weft_wait_waiters(&sh->not_empty)))
                weft_broadcast_wake_subscribers(sh);
        return true;
}

/* Crash in next: what was read counts for nobody: its subscription goes, too. */
static inline void weft_broadcast_advance(struct weft_subscriber *s, uint64_t p)
{
        weft_store_rlx(&s->pos, p + 1);
        if (WEFT_UNLIKELY(!s->seat))
                return;
        weft_store_rel(&s->seat->cursor, p + 1); /* [N] LP of making room */
        if (!s->v.blocks)
                return;
        if (WEFT_UNLIKELY(s->v.fences))
                weft_fence_seq(); /* [N] */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_UNLIKELY(weft_wait_waiters(&s->v.sh->not_full)))
                weft_broadcast_wake_publishers(s->v.sh);
}

/* An element of 8 bytes that is there: got; else false. */
static inline bool weft_broadcast_get_short(struct weft_subscriber *s, void *element,
                                            uint64_t *sequence, uint64_t *lost)
{
        if (WEFT_UNLIKELY(s->v.element_bytes != 8) ||
            WEFT_UNLIKELY(!weft_broadcast_is_me(s->serial, s->sig)))
                return false;
        uint64_t p = weft_load_rlx(&s->pos);
        const weft_a64_t *cell =
                (const weft_a64_t *)(const void *)(s->v.cells + (p & s->v.mask) * 16);
        if (WEFT_UNLIKELY(weft_load_acq(cell) != 2 * p + 1) || /* [P] */
            WEFT_UNLIKELY(s->taken || s->unseen))
                return false;
        uint64_t value = weft_load_acq(cell + 1);            /* [P] before the stamp */
        if (WEFT_UNLIKELY(weft_load_acq(cell) != 2 * p + 1)) /* [P] LP of next */
                return false;
        memcpy(element, &value, sizeof value);
        if (sequence)
                *sequence = p - (s->v.mask + 1);
        if (lost)
                *lost = 0;
        weft_broadcast_advance(s, p);
        return true;
}

#endif
