/* structures/broadcast_internal.h -- a broadcast ring in this process, and its steps. */
#ifndef WEFT_STRUCTURES_BROADCAST_INTERNAL_H
#define WEFT_STRUCTURES_BROADCAST_INTERNAL_H

#include <errno.h>
#include <string.h>

#define WEFT_BROADCAST_NO_INLINE /* here they are made */
#include <weft/broadcast.h>

#include "runtime/block.h"
#include "runtime/desk.h"
#include "runtime/object.h"
#include "runtime/wait.h"
#include "runtime/waitable.h"
#include "structures/broadcast_shared.h"
#include "structures/stamp.h"

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
        WEFT_BROADCAST_INTERVAL =
                64, /* positions between two updates of the shared hint */
        WEFT_BROADCAST_STEPS = 4096,   /* of a walk after others who run */
        WEFT_BROADCAST_STRIDES = 256,  /* of one who has been overtaken, and hurries */
        WEFT_BROADCAST_LINE_CELLS = 4, /* of up to 8 bytes, in a line */
        WEFT_BROADCAST_TELLS = 8,      /* `told` is written so often in a round */
        WEFT_BROADCAST_CALM = 64,      /* pauses of who waits for a slow one to move on */
};

extern const struct weft_waitable weft_broadcast_waitable; /* broadcast_select.c */
extern struct weft_kind weft_subscriber_kind;

/* What a process knows of a ring: checked copies. Trust these, not sh. */
struct weft_broadcast_view {
        weft_arena_t *arena;
        struct weft_broadcast_shared *sh;
        uint8_t *cells; /* or lines */
        struct weft_units units;
        uint64_t capacity; /* elements */
        uint64_t span;     /* `capacity` as a distance of positions */
        uint64_t first;    /* position */
        uint32_t stamp_at; /* where in a unit its stamp is, */
        uint32_t lead;     /* and what it holds */
        uint32_t element_bytes;
        uint8_t *boxes; /* NULL: the cells hold the elements */
        uint64_t box_stride;
        uint32_t box_lead;
        uint32_t subscribers; /* seats */
        struct weft_broadcast_seat_shared *seats;
        weft_owner_t owner;
        bool one;    /* producer */
        bool blocks; /* the policy */
        bool lines;  /* units are */
        bool fences; /* this process must fence for itself */
        struct weft_desks desks;
};

#define WEFT_BROADCAST_PAGE 4096 /* of memory: what a fork wipes */

struct weft_broadcast {
        struct weft_handle handle; /* first */
        uint64_t serial;           /* of the arena */
        struct weft_broadcast_view v;
        struct weft_spin spin;
        bool wiped; /* `near` is, by a fork: only then is it used */
        _Alignas(WEFT_BROADCAST_PAGE) struct weft_broadcast_near near;
};

struct weft_subscriber {
        union {
                struct {
                        struct weft_handle handle; /* first: the ring's, but of another
                                                      kind, for select */
                        uint64_t serial;           /* of the arena */
                        uint32_t sig;     /* whose it is; 0: read-only, everybody's */
                        uint32_t taken;   /* 1: a view is out */
                        uint64_t process; /* whose: a child of it has no part in this */
                        uint64_t kept;    /* positions from here on stay until passed */
                        uint64_t step;    /* positions from one telling to the next */
                        uint64_t unseen;  /* lost, and not told yet */
                        uint64_t spared;  /* positions below do not count as lost */
                        weft_a64_t lost;
                        uint64_t word;                           /* what its seat has */
                        struct weft_broadcast_seat_shared *seat; /* NULL: read-only */
                        struct weft_broadcast_view v;
                        struct weft_spin spin;
                        /* For the rooms above: asked when nothing is there, by any thread.
                         * -EAGAIN, or why there is no use in waiting; changes nothing. NULL:
                         * nobody is asked. */
                        int (*guard)(const void *guarded);
                        const void *guarded;
                        bool wiped; /* `thread` is, by a fork */
                };
                uint64_t room[448];
        };
        struct weft_subscriber_near near;
        _Alignas(WEFT_BROADCAST_PAGE) weft_a64_t thread;
};

/* What is compiled into others: new numbers there when this no longer holds. */
#define WEFT_CAST_FROM(from, member) \
        (((int)offsetof(struct weft_broadcast_shared, member) - \
          (int)offsetof(struct weft_broadcast_shared, from)) / \
         (int)sizeof(uint64_t))
#define WEFT_CAST_SEAT(member) \
        (offsetof(struct weft_broadcast_seat_shared, member) / sizeof(uint64_t))
_Static_assert(offsetof(struct weft_broadcast, near) ==
                               offsetof(struct weft_broadcast_view_, near) &&
                       offsetof(struct weft_subscriber, near) ==
                               offsetof(struct weft_subscriber_view_, near) &&
                       offsetof(struct weft_subscriber, thread) ==
                               offsetof(struct weft_subscriber_view_, thread) &&
                       sizeof(struct weft_broadcast_near) == 128 &&
                       sizeof(struct weft_subscriber_near) == 128 &&
                       WEFT_CAST_FROM(limit.hi, limit.lo) == WEFT_CAST_LO_ &&
                       WEFT_CAST_FROM(limit.hi, not_empty) == WEFT_CAST_NOT_EMPTY_ &&
                       WEFT_CAST_FROM(limit.hi, not_full) == WEFT_CAST_NOT_FULL_ &&
                       WEFT_CAST_FROM(limit.hi, tail) == WEFT_CAST_TAIL_ &&
                       WEFT_CAST_SEAT(word) == 0 &&
                       WEFT_CAST_SEAT(told) == WEFT_CAST_TOLD_ &&
                       WEFT_CAST_SEAT(cursor) == WEFT_CAST_CURSOR_,
               "weft/broadcast_inline.h");

/* A word of the short ways: others of this process read it. */
static inline void weft_broadcast_near_set(uint64_t *word, uint64_t value)
{
        weft_store_rel((weft_a64_t *)(void *)word, value); /* [O] */
}

/* What a subscriber wants next. */
static inline uint64_t weft_broadcast_pos(const struct weft_subscriber *s)
{
        return weft_load_rlx((const weft_a64_t *)(const void *)&s->near.pos);
}

static inline void weft_broadcast_set_pos(struct weft_subscriber *s, uint64_t pos)
{
        weft_store_rlx((weft_a64_t *)(void *)&s->near.pos, pos);
}

/* ---- positions and units ------------------------------------------------------------- */

static inline uint8_t *weft_broadcast_unit(const struct weft_broadcast_view *v,
                                           uint64_t p)
{
        return weft_unit_at(&v->units, v->cells, p);
}

static inline weft_a64_t *weft_broadcast_stamp(const struct weft_broadcast_view *v,
                                               uint64_t p)
{
        return (weft_a64_t *)(void *)(weft_broadcast_unit(v, p) + v->stamp_at);
}

/* Where position p's element is, or its box's number. */
static inline void *weft_broadcast_place(const struct weft_broadcast_view *v, uint64_t p)
{
        return weft_broadcast_unit(v, p) + v->lead +
               (p & v->units.low) * sizeof(uint64_t);
}

/* If that is one word. */
static inline weft_a64_t *weft_broadcast_what(const struct weft_broadcast_view *v,
                                              uint64_t p)
{
        return (weft_a64_t *)weft_broadcast_place(v, p);
}

static inline uint64_t weft_broadcast_after(const struct weft_broadcast_view *v,
                                            uint64_t p)
{
        return weft_pos_normal(&v->units, p + 1);
}

/* `capacity` elements on, and back. */
static inline uint64_t weft_broadcast_lap(const struct weft_broadcast_view *v, uint64_t p)
{
        const struct weft_units *u = &v->units;
        bool carry = (p & u->low) + (v->span & u->low) >= u->per;
        return p + v->span + (carry ? u->low + 1 - u->per : 0);
}

static inline uint64_t weft_broadcast_lap_ago(const struct weft_broadcast_view *v,
                                              uint64_t p)
{
        const struct weft_units *u = &v->units;
        bool borrow = (p & u->low) < (v->span & u->low);
        return p - v->span - (borrow ? u->low + 1 - u->per : 0);
}

/* What users see; a position that makes no sense is no element's. */
static inline uint64_t weft_broadcast_sequence(const struct weft_broadcast_view *v,
                                               uint64_t p)
{
        return p >= v->first ? weft_pos_count(&v->units, v->first, p) : 0;
}

static inline uint64_t weft_broadcast_position(const struct weft_broadcast_view *v,
                                               uint64_t sequence)
{
        const struct weft_units *u = &v->units;
        return v->first + (sequence / u->per << u->shift) + sequence % u->per;
}

/* What a stamp says to who wants p: it is here; it is gone. Else it is not yet here. */
static inline bool weft_broadcast_is_here(const struct weft_broadcast_view *v,
                                          uint64_t stamp, uint64_t p)
{
        uint32_t shift = v->units.shift;
        return stamp > 2 * p && stamp >> shift >> 1 == p >> shift;
}

static inline bool weft_broadcast_is_gone(const struct weft_broadcast_view *v,
                                          uint64_t stamp, uint64_t p)
{
        uint32_t shift = v->units.shift;
        return stamp >> shift >> 1 > p >> shift;
}

/* The first position that is not there, as far as this stamp goes. */
static inline uint64_t weft_broadcast_beyond(const struct weft_broadcast_view *v,
                                             uint64_t stamp)
{
        return weft_pos_normal(&v->units, (stamp + 1) / 2);
}

/* What takes the stamp 2p back. */
static inline uint64_t weft_broadcast_back(const struct weft_broadcast_view *v,
                                           uint64_t p)
{
        return p & v->units.low ? 2 * p - 1 : 2 * p - 2;
}

static inline bool weft_broadcast_is_small(const struct weft_broadcast_view *v)
{
        return v->element_bytes <= sizeof(uint64_t);
}

/* A copy that may be torn, and is thrown away then. ThreadSanitizer must not see it: who
 * fills a loan meanwhile writes plainly. */
#ifdef WEFT_TSAN
__attribute__((no_sanitize("thread"), noinline, unused)) static void
weft_broadcast_copy_torn(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
        const volatile uint8_t *f = from;
        for (volatile uint8_t *t = to; bytes--;)
                *t++ = *f++;
}
#else
static inline void weft_broadcast_copy_torn(uint8_t *to, const uint8_t *from,
                                            uint32_t bytes)
{
        weft_copy_out(to, from, bytes);
}
#endif

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

/* The shape of boxes. */
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
        return weft_pos_count(&v->units, v->first, t) <= v->capacity
                       ? v->first
                       : weft_broadcast_lap_ago(v, t);
}

/* ---- the limit ---------------------------------------------------------------------- */

/* The caller has seen all below t published, and would publish t. 0: he may, -EAGAIN: a
 * subscriber is too far behind, -EPIPE, -EUCLEAN. */
WEFT_CHECK int weft_broadcast_room(const struct weft_broadcast_view *v, uint64_t t);

/* Makes every publisher look anew: subscribers have changed; or (shut) it is over. The new
 * version. */
uint64_t weft_broadcast_unsettle(const struct weft_broadcast_view *v, bool shut);

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

/* ---- one producer: broadcast_one.c -------------------------------------------------------- */

/* As the many's. */
WEFT_CHECK int weft_broadcast_put_one(struct weft_broadcast_op *op);
WEFT_CHECK int weft_broadcast_loan_one(struct weft_broadcast_op *op, void **at);
WEFT_CHECK int weft_broadcast_commit_one(struct weft_broadcast_op *op);
WEFT_CHECK int weft_broadcast_cancel_one(struct weft_broadcast_op *op);

/* Gives the seat up, of the one who had `sig`. Repeatable. */
WEFT_CHECK int weft_broadcast_leave_one(const struct weft_broadcast_view *v,
                                        uint32_t sig);

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

/* Cells that come next have been read by others: gets their lines for writing while there is
 * other work to do. Nearly twice as fast. Where it is not known it does nothing. */
static inline void weft_broadcast_own_soon(const struct weft_broadcast_view *v,
                                           uint64_t p)
{
        if (p % WEFT_BROADCAST_LINE_CELLS == 0)
                __asm__ volatile("prefetchw %0" ::"m"(
                        *weft_broadcast_stamp(v, p + 4 * WEFT_BROADCAST_LINE_CELLS)));
}

/* Is all of the unit at `p` below the limit? */
static inline bool weft_broadcast_unit_is_free(const struct weft_broadcast_view *v,
                                               uint64_t p)
{
        return (p & ~v->units.low) + v->units.per <=
               weft_load_acq(&v->sh->limit.lo); /* [L] */
}

/* One producer, cells: as the short way in <weft/broadcast_inline.h>. */
static inline bool weft_broadcast_put_cell(struct weft_broadcast *b, const void *element)
{
        const struct weft_broadcast_view *v = &b->v;
        struct weft_broadcast_near *near = &b->near;
        const weft_a64_t *version = &v->sh->limit.hi;
        uint64_t turn = weft_load_acq((weft_a64_t *)(void *)&near->turn); /* [O] */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_UNLIKELY(weft_load_acq((weft_a64_t *)(void *)&near->cells) != /* [O] */
                          weft_thread_number_) ||
            WEFT_UNLIKELY(weft_load_acq(version) != turn)) /* [L] */
                return false;
        uint64_t p = near->pos;
        uint8_t *cell = v->cells + (p & v->units.mask) * v->units.stride;
        weft_a64_t *stamp = (weft_a64_t *)(void *)cell;
        weft_store_rlx(stamp, 2 * p);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_UNLIKELY(weft_load_acq(version) != turn)) { /* [L] */
                weft_broadcast_retracted_1(b);
                return false;
        }
        if (weft_broadcast_is_small(v)) {
                weft_broadcast_own_soon(v, p);
                weft_store_rlx(stamp + 1, weft_broadcast_load(v, element));
        } else {
                weft_copy_in(cell + v->lead, element, v->element_bytes);
        }
        weft_store_rel(stamp, 2 * p + 1); /* [P] LP of publish */
        near->pos = p + 1;
        weft_store_rel(&v->sh->tail, p + 1); /* [H] */
        if (WEFT_UNLIKELY(!weft_broadcast_unit_is_free(v, p + 1)))
                weft_broadcast_near_set(&near->cells, 0);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_UNLIKELY(weft_wait_waiters(&v->sh->not_empty)))
                weft_broadcast_published_1(b);
        return true;
}

/* One producer, an element of 8 bytes, nothing unusual: published; else false. */
static inline bool weft_broadcast_put_short(struct weft_broadcast *b, const void *element)
{
        return b->v.lines ? !weft_broadcast_publish_near_(b, element)
                          : weft_broadcast_put_cell(b, element);
}

/* Goes on from `p` to `next`. Crash in next: what was read counts for nobody: its
 * subscription goes, too. */
static inline void weft_broadcast_advance(struct weft_subscriber *s, uint64_t p,
                                          uint64_t next)
{
        weft_broadcast_set_pos(s, next);
        if (WEFT_UNLIKELY(!s->seat))
                return;
        weft_store_rel(&s->seat->cursor, next); /* [N] LP of making room */
        if (!s->v.blocks)
                return;
        if (WEFT_UNLIKELY((p ^ next) >= s->step))
                weft_store_rel(&s->seat->told, next); /* [N] */
        if (WEFT_UNLIKELY(s->v.fences))
                weft_fence_seq(); /* [N] */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_UNLIKELY(weft_wait_waiters(&s->v.sh->not_full)))
                weft_broadcast_passed_1(s);
}

/* What is in a cell that is there: got; else false. */
static inline bool weft_broadcast_get_cell(struct weft_subscriber *s, void *element,
                                           uint64_t *sequence, uint64_t *lost)
{
        const struct weft_broadcast_view *v = &s->v;
        if (WEFT_UNLIKELY(v->boxes != NULL) ||
            WEFT_UNLIKELY(!weft_broadcast_is_me(s->serial, s->sig)))
                return false;
        uint64_t p = weft_broadcast_pos(s);
        const uint8_t *cell = v->cells + (p & v->units.mask) * v->units.stride;
        const weft_a64_t *stamp = (const weft_a64_t *)(const void *)cell;
        if (WEFT_UNLIKELY(weft_load_acq(stamp) != 2 * p + 1) || /* [P] */
            WEFT_UNLIKELY(s->taken || s->unseen))
                return false;
        if (weft_broadcast_is_small(v))
                weft_broadcast_store(v, element, weft_load_acq(stamp + 1)); /* [P] */
        else
                weft_broadcast_copy_torn(element, cell + v->lead, v->element_bytes);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_UNLIKELY(weft_load_acq(stamp) != 2 * p + 1)) /* [P] LP of next */
                return false;
        if (sequence)
                *sequence = p - v->first;
        if (lost)
                *lost = 0;
        weft_broadcast_advance(s, p, p + 1);
        return true;
}

/* An element of 8 bytes that is there: got; else false. */
static inline bool weft_broadcast_get_short(struct weft_subscriber *s, void *element,
                                            uint64_t *sequence, uint64_t *lost)
{
        return s->v.lines ? !weft_broadcast_next_near_(s, element, sequence, lost)
                          : weft_broadcast_get_cell(s, element, sequence, lost);
}

#endif
