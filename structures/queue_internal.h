/* structures/queue_internal.h -- a queue in this process, and its steps. */
#ifndef WEFT_STRUCTURES_QUEUE_INTERNAL_H
#define WEFT_STRUCTURES_QUEUE_INTERNAL_H

#include <errno.h>

#include <weft/queue.h>

#include "runtime/block.h"
#include "runtime/object.h"
#include "runtime/wait.h"
#include "structures/queue_shared.h"

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
        WEFT_QUEUE_INTERVAL = 64,  /* positions between two updates of a shared hint */
        WEFT_QUEUE_PEEK_MAX = 256, /* elements to here are copied out before the CAS */
        WEFT_QUEUE_GRIPS = 3,      /* idle hands that an agent keeps */
};

extern struct weft_kind weft_queue_kind;
extern const struct weft_waitable weft_queue_waitable; /* queue_select.c */

/* What a process knows of a queue: checked copies. Trust these, not sh. */
struct weft_queue_view {
        weft_arena_t *arena;
        struct weft_queue_shared *sh;
        weft_a128_t *cells;
        uint64_t mask;
        uint8_t *boxes;  /* NULL: the cells hold the elements */
        uint64_t stride; /* of boxes */
        uint32_t lead;   /* bytes of a box before its element */
        uint32_t element_bytes;
        uint32_t box_bytes; /* what a box holds: an element, or a batch of them */
        uint32_t flags;
        weft_owner_t owner;
        weft_a64_t segments[WEFT_QUEUE_SEGMENTS]; /* offsets; 0: not looked up yet */
};

/* A hand of this agent's, at hand. */
struct weft_queue_grip {
        struct weft_queue_hand_shared *hand;
        uint32_t index;
        uint32_t box;
};

/* When somebody else was quicker, the last time. */
struct weft_queue_lost {
        uint64_t at;     /* the position */
        uint32_t pauses; /* that he was given then */
};

/* How many in a row went, until it was full or empty. */
struct weft_queue_stream {
        uint64_t from; /* where it was that the last time */
        uint32_t many; /* so many in a row are a stream */
};

/* What a handle remembers for one agent of this process. Only that agent's thread uses
 * it, `who` and `word_sig` apart; and who closes the handle. */
struct weft_queue_mine {
        _Alignas(WEFT_LINE) weft_a64_t who; /* pid << 32 | sig; 0: nobody yet */
        weft_a32_t word_sig;                /* its sig in a queue of words, else 0 */
        uint64_t tail, head;                /* where it was last */
        struct weft_queue_lost push_lost, pop_lost;
        struct weft_queue_stream pushes, pops;
        uint32_t idle; /* grips of HELD hands */
        struct weft_queue_grip grips[WEFT_QUEUE_GRIPS];
};

struct weft_queue {
        struct weft_handle handle; /* first */
        uint64_t arena_serial;
        struct weft_queue_view v;
        weft_a64_t
                first_mark; /* whose `first` is, in a queue of words; else WEFT_NOBODY */
        struct weft_queue_mine first; /* whoever came first: found without a detour */
        struct weft_queue_mine *mine; /* the others', by seat */
        uint64_t serial;              /* of this handle in this process and its forks */
        weft_a32_t look;              /* where RETURNED hands may be */
        struct weft_spin spin_push;
        struct weft_spin spin_pop;
};

/* One call under way. */
struct weft_queue_op {
        struct weft_queue *q;
        struct weft_agent *agent;
        struct weft_queue_mine *mine;
        const uint8_t *from; /* push: elements */
        uint8_t *to;         /* pop: where they go */
        size_t n, done;
        struct weft_element *element; /* commit, take */
};

/* What the directory asks for: queue_object.c. */
int weft_queue_init(struct weft_draft *draft);
int weft_queue_see(struct weft_handle *handle);
void weft_queue_drop(struct weft_handle *handle);
bool weft_queue_fits(const struct weft_handle *handle, const void *options);

/* ---- hands and boxes ------------------------------------------------------ */

static inline uint64_t weft_hand_word(uint32_t sig, enum weft_queue_state state,
                                      uint32_t deliveries)
{
        return (uint64_t)deliveries << 40 | (uint64_t)state << 32 | sig;
}

static inline uint32_t weft_hand_sig(uint64_t word)
{
        return (uint32_t)word;
}

static inline enum weft_queue_state weft_hand_state(uint64_t word)
{
        return (enum weft_queue_state)(word >> 32 & 255);
}

static inline uint32_t weft_hand_deliveries(uint64_t word)
{
        return (uint32_t)(word >> 40);
}

/* The word of a lease that ended without an acknowledgement. */
static inline uint64_t weft_hand_returned(uint64_t word)
{
        uint32_t n = weft_hand_deliveries(word);
        return weft_hand_word(0, WEFT_HAND_RETURNED, n < 0xffffff ? n + 1 : n);
}

static inline uint32_t weft_segment_of(uint64_t index)
{
        uint64_t n = index / WEFT_QUEUE_HANDS;
        return n ? 64 - (uint32_t)__builtin_clzll(n) : 0;
}

static inline uint64_t weft_segment_first(uint32_t k)
{
        return k ? (uint64_t)WEFT_QUEUE_HANDS << (k - 1) : 0;
}

static inline uint64_t weft_segment_hands(uint32_t k)
{
        return k ? weft_segment_first(k) : WEFT_QUEUE_HANDS;
}

/* The hands of segment k, or NULL when it is not there. */
struct weft_queue_hand_shared *weft_queue_segment(struct weft_queue_view *v, uint32_t k);

/* Hand `index`, or NULL. */
static inline struct weft_queue_hand_shared *weft_queue_hand(struct weft_queue_view *v,
                                                             uint64_t index)
{
        uint32_t k = weft_segment_of(index);
        if (WEFT_UNLIKELY(k >= WEFT_QUEUE_SEGMENTS))
                return NULL;
        struct weft_queue_hand_shared *hands = weft_queue_segment(v, k);
        return hands ? hands + (index - weft_segment_first(k)) : NULL;
}

/* The stamp of a box, or NULL when there is no such box. */
static inline weft_a64_t *weft_box_stamp(struct weft_queue_view *v, uint64_t box)
{
        if (WEFT_LIKELY(box <= v->mask))
                return (weft_a64_t *)(void *)(v->boxes + box * v->stride);
        struct weft_queue_hand_shared *h = weft_queue_hand(v, box - v->mask - 1);
        return h ? &h->stamp : NULL;
}

/* The element in a box, or NULL. Boxes from N on: only who holds it, or within
 * weft_read_begin(). */
void *weft_box_far(struct weft_queue_view *v, uint64_t box);

static inline void *weft_box_at(struct weft_queue_view *v, uint64_t box)
{
        if (WEFT_LIKELY(box <= v->mask))
                return v->boxes + box * v->stride + v->lead;
        return weft_box_far(v, box);
}

/* Makes sure that the agent has an idle hand: grips[idle - 1]. */
WEFT_CHECK int weft_queue_grip_more(struct weft_queue_op *op);

static inline int weft_queue_grip(struct weft_queue_op *op)
{
        return WEFT_LIKELY(op->mine->idle != 0) ? 0 : weft_queue_grip_more(op);
}

/* A HELD hand that is done with: keeps it, or makes it FREE. */
void weft_queue_ungrip(struct weft_queue_op *op, struct weft_queue_grip grip);

/* Gives up a hand, if it is `sig`'s, who left it, or whose handle does; it does nothing
 * any more. True: it is redelivered, and the takers are told. */
bool weft_hand_give_up(struct weft_queue_view *v, struct weft_agent *agent,
                       struct weft_queue_hand_shared *hand, uint32_t sig);

/* Tells takers that there are RETURNED hands. */
void weft_queue_flag_returned(struct weft_queue_shared *sh);

/* Takes over a RETURNED hand: `grip` has it, `*word` is its word now. 0, or -EAGAIN. */
WEFT_CHECK int weft_queue_take_returned(struct weft_queue_op *op,
                                        struct weft_queue_grip *grip, uint64_t *word);

/* A leasing queue is sealed and its cells are empty: -EPIPE if nothing is leased,
 * -EAGAIN if something may come back, 0 if something has. */
WEFT_CHECK int weft_queue_drained(struct weft_queue_view *v);

/* Checks the header and fills the view. -EUCLEAN. */
WEFT_CHECK int weft_queue_view(struct weft_queue_view *v, weft_arena_t *arena,
                               struct weft_queue_shared *sh, weft_owner_t owner);

/* The phase of a cell, without the marks. */
static inline uint64_t weft_queue_phase(uint64_t lo)
{
        return lo & ~(WEFT_QUEUE_CLOSED | WEFT_QUEUE_OFFSET);
}

/* Fills segment k: each hand FREE, with the box that comes with it. */
void weft_queue_hands_init(struct weft_queue_view *v, uint32_t k,
                           struct weft_queue_hand_shared *hands);

/* ---- walking ------------------------------------------------------------- */

/* Where a walker goes on, or why not. */
struct weft_queue_step {
        uint64_t pos;
        int64_t rc; /* 0: look there; -EAGAIN full, or empty; -EPIPE sealed; -EUCLEAN */
};

/* Cell `t` does not await the push of `t`, cell `h` does not hold `h`: `lo` is its phase. */
WEFT_CHECK struct weft_queue_step weft_queue_pass_tail(const struct weft_queue_view *v,
                                                       uint64_t lo, uint64_t t);
WEFT_CHECK struct weft_queue_step weft_queue_pass_head(const struct weft_queue_view *v,
                                                       uint64_t lo, uint64_t h);

/* Finds the first position from `*pos` on that awaits its push, and what is in its
 * cell. Ends: every step goes forward, and a cell that nobody changes is passed at most
 * twice, whatever it holds. */
static inline __attribute__((always_inline)) int
weft_queue_find_tail(const struct weft_queue_view *v, uint64_t *pos,
                     struct weft_pair *seen)
{
        for (;;) {
                const weft_a128_t *cell = &v->cells[*pos & v->mask];
                seen->lo = weft_load_acq(&cell->lo); /* [O] LP of full, sealed */
                if (WEFT_LIKELY(seen->lo == 2 * *pos)) {
                        seen->hi = weft_load_rlx(&cell->hi);
                        return 0;
                }
                struct weft_queue_step step = weft_queue_pass_tail(v, seen->lo, *pos);
                *pos = step.pos;
                if (step.rc)
                        return (int)step.rc;
        }
}

/* The same for the first position that is to be popped. */
static inline __attribute__((always_inline)) int
weft_queue_find_head(const struct weft_queue_view *v, uint64_t *pos,
                     struct weft_pair *seen)
{
        for (;;) {
                const weft_a128_t *cell = &v->cells[*pos & v->mask];
                seen->lo = weft_load_acq(&cell->lo); /* [P] LP of empty, drained */
                if (WEFT_LIKELY((seen->lo & ~WEFT_QUEUE_OFFSET) == 2 * *pos + 1)) {
                        seen->hi = weft_load_rlx(&cell->hi);
                        return 0;
                }
                struct weft_queue_step step = weft_queue_pass_head(v, seen->lo, *pos);
                *pos = step.pos;
                if (step.rc)
                        return (int)step.rc;
        }
}

/* All positions below `now` have been passed; `was` is where the caller began. */
void weft_queue_publish(weft_a64_t *hint, uint64_t now);

static inline void weft_queue_hint(weft_a64_t *hint, uint64_t was, uint64_t now)
{
        if (WEFT_UNLIKELY((was ^ now) >= WEFT_QUEUE_INTERVAL))
                weft_queue_publish(hint, now);
}

/* What shutdown does; `pos` is where to look for the tail. Wakes all. 0 or -EUCLEAN. */
WEFT_CHECK int weft_queue_shut(const struct weft_queue_view *v, uint64_t pos);

/* ---- calls --------------------------------------------------------------- */

/* Makes a newcomer's record: its hints, and no hands. */
void weft_queue_meet(struct weft_queue_op *op);

static inline struct weft_queue_mine *weft_queue_mine_of(struct weft_queue *q,
                                                         struct weft_agent **agent)
{
        if (WEFT_UNLIKELY(weft_agent_self(q->handle.arena, agent) != 0))
                return NULL;
        struct weft_queue_mine *mine = &q->first;
        if (WEFT_LIKELY((uint32_t)weft_load_rlx(&mine->who) == (*agent)->sig))
                return mine;
        mine = &q->mine[(*agent)->index];
        return (uint32_t)weft_load_rlx(&mine->who) == (*agent)->sig ? mine : NULL;
}

/* An agent whose record is here has entered the handle, and stays so until it closes. */
static inline int weft_queue_begin(struct weft_queue *q, struct weft_queue_op *op)
{
        op->q = q;
        op->mine = weft_queue_mine_of(q, &op->agent);
        if (WEFT_LIKELY(op->mine != NULL))
                return 0;
        int rc = weft_handle_enter(&q->handle, &op->agent);
        if (!rc)
                weft_queue_meet(op);
        return rc;
}

/* A popper found the queue empty (-EAGAIN) or sealed (-EPIPE): what this means while it
 * shuts down. 0: look again. */
WEFT_CHECK int weft_queue_at_end(struct weft_queue_op *op, int rc);

/* Up to op->n elements in boxes; op->done of them went. 0 if any did. */
WEFT_CHECK int weft_queue_push_boxes(struct weft_queue_op *op);
WEFT_CHECK int weft_queue_pop_boxes(struct weft_queue_op *op);

/* The same in batches: queue_batch.c. */
WEFT_CHECK int weft_queue_push_batch(struct weft_queue_op *op);
WEFT_CHECK int weft_queue_pop_batch(struct weft_queue_op *op);

/* The elements in cells [head, tail) of a BATCH queue; exact when nothing moves. */
uint64_t weft_queue_batch_length(struct weft_queue_view *v, uint64_t head, uint64_t tail);

/* Copies what a box holds, which others may take and refill meanwhile. */
void weft_queue_copy_torn(uint8_t *to, const uint8_t *from, uint32_t bytes);

/* Pushes the box in the grip at `*pos` or later. -EAGAIN full, -EPIPE, -EUCLEAN. */
WEFT_CHECK int weft_queue_push_grip(struct weft_queue_view *v,
                                    struct weft_queue_grip *grip, uint64_t *pos);

/* Pops the next element into the top grip; `leased`: its hand's word from then on, or 0. */
WEFT_CHECK int weft_queue_take_next(struct weft_queue_op *op, uint64_t leased);

/* Starts a lease, of what was returned first; ends one with an acknowledgement. */
WEFT_CHECK int weft_queue_take_lease(struct weft_queue_op *op,
                                     struct weft_queue_grip *grip, uint64_t *word);
WEFT_CHECK int weft_queue_end_lease(struct weft_queue_op *op, struct weft_queue_grip grip,
                                    uint64_t word);

/* After `n` pushes from position `was`, or pops: hints, and who waits for them. */
void weft_queue_pushed(struct weft_queue_op *op, uint64_t was, size_t n);
void weft_queue_popped(struct weft_queue_op *op, uint64_t was, size_t n);

/* It is full: waits a moment for room for more than one. */
bool weft_queue_let_pop(const struct weft_queue_op *op);

/* Waits for room, or for an element, with `attempt`. */
static inline int weft_queue_wait_push(struct weft_queue_op *op, int (*attempt)(void *),
                                       uint64_t deadline)
{
        struct weft_queue_shared *sh = op->q->v.sh;
        weft_queue_let_pop(op);
        return weft_wait_for(op->agent, &sh->not_full, &op->q->spin_push, attempt, op,
                             deadline);
}

static inline int weft_queue_wait_pop(struct weft_queue_op *op, int (*attempt)(void *),
                                      uint64_t deadline)
{
        struct weft_queue_shared *sh = op->q->v.sh;
        return weft_wait_for(op->agent, &sh->not_empty, &op->q->spin_pop, attempt, op,
                             deadline);
}

#endif
