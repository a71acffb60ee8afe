/* structures/stack_internal.h -- what the files of the stack share. */
#ifndef WEFT_STRUCTURES_STACK_INTERNAL_H
#define WEFT_STRUCTURES_STACK_INTERNAL_H

#include <errno.h>

#include <weft/stack.h>

#include "runtime/block.h"
#include "runtime/desk.h"
#include "runtime/waitable.h"
#include "structures/stack_shared.h"

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
        WEFT_STACK_SEAT_BITS = 10,  /* of a top's `hi` */
        WEFT_STACK_AFTER_BITS = 7,  /* of an intent: the count after it, */
        WEFT_STACK_WHAT_BITS = 3,   /* and what it does */
        WEFT_STACK_FIRST_MOST = 256 /* nodes in the first segments */
};
#define WEFT_STACK_SEATS ((UINT64_C(1) << WEFT_STACK_SEAT_BITS) - 1)
#define WEFT_STACK_TAG (UINT64_C(1) << WEFT_STACK_SEAT_BITS) /* the next one */
#define WEFT_STACK_WORD_STRIDE 16u      /* of the nodes of a stack of words */
#define WEFT_STACK_COUNT UINT64_C(0xff) /* of `hold` */
#define WEFT_STACK_ONE (UINT64_C(1) << 32)
#define WEFT_STACK_LENGTH UINT64_C(0x7fffffff) /* of MAIN's lo >> 32 */

/* A segment as this process has met it: none while `nodes` is 0. */
struct weft_stack_segment {
        weft_a64_t at; /* its address */
        weft_a64_t nodes;
};

/* What a process knows of a stack: checked copies. Trust these, not sh. */
struct weft_stack_view {
        weft_arena_t *arena;
        struct weft_stack_shared *sh;
        weft_owner_t owner;
        uint64_t limit; /* elements; at most WEFT_STACK_CAPACITY_MAX */
        uint32_t element_bytes;
        uint32_t capped;      /* there is a capacity: poppers make room */
        uint32_t lead;        /* bytes of a node before its element */
        uint32_t first_shift; /* log2 of the nodes in the first segments */
        uint64_t stride;      /* bytes of a node */
        uint32_t cache;       /* nodes that a desk keeps, at most; even */
        uint32_t bundle;      /* half of them: what moves between desk and spare */
        struct weft_desks desks;
        struct weft_stack_segment segments[WEFT_STACK_SEGMENTS];
};

/* A thread of this process that has come by: written by itself alone. */
struct weft_stack_mine {
        _Alignas(WEFT_LINE) weft_a64_t who; /* pid << 32 | sig; 0: nobody */
        struct weft_stack_desk_shared *desk;
        struct weft_stack_node_shared *node; /* the one of its last call, */
        uint64_t number;                     /* and its number; UINT64_MAX: none */
};

enum { WEFT_STACK_MINE = 8 };

struct weft_stack {
        struct weft_handle handle; /* first */
        uint64_t arena_serial;
        struct weft_spin spin_push;
        struct weft_spin spin_pop;
        struct weft_stack_mine mine[WEFT_STACK_MINE]; /* [0]: whoever was first */
        struct weft_stack_view v;
};

extern const struct weft_waitable weft_stack_waitable; /* stack_select.c */

/* ---- nodes: stack_node.c ---------------------------------------------------- */

/* Checks the header and fills the view. -EUCLEAN. */
WEFT_CHECK int weft_stack_view(struct weft_stack_view *v, weft_arena_t *arena,
                               struct weft_stack_shared *sh, weft_owner_t owner);

static inline uint64_t weft_stack_segment_nodes(const struct weft_stack_view *v,
                                                uint32_t k)
{
        uint32_t shift = k / 8 + v->first_shift;
        return UINT64_C(1) << (shift < WEFT_STACK_PLACE_BITS ? shift
                                                             : WEFT_STACK_PLACE_BITS);
}

static inline uint64_t weft_stack_segment_bytes(const struct weft_stack_view *v,
                                                uint32_t k)
{
        return v->stride * weft_stack_segment_nodes(v, k);
}

/* Finds segment k for the first time: its nodes, or 0 while it is not there. */
uint64_t weft_stack_segment_find(struct weft_stack_view *v, uint32_t k);

/* Nodes in all the segments that are there. */
uint64_t weft_stack_room(struct weft_stack_view *v);

static inline uint32_t weft_stack_segment_of(uint32_t i)
{
        return i >> WEFT_STACK_PLACE_BITS;
}

static inline uint64_t weft_stack_place(uint32_t i)
{
        return i & ((UINT32_C(1) << WEFT_STACK_PLACE_BITS) - 1);
}

/* In a segment that was met before. */
static inline void *weft_stack_at(const struct weft_stack_segment *segment,
                                  uint64_t offset)
{
        uint64_t at = weft_load_rlx(&segment->at) + offset;
        void *address;
        memcpy(&address, &at, sizeof address);
        return address;
}

/* Node i, or NULL if there is none. */
static inline struct weft_stack_node_shared *weft_stack_node(struct weft_stack_view *v,
                                                             uint32_t i)
{
        struct weft_stack_segment *segment = &v->segments[weft_stack_segment_of(i)];
        uint64_t place = weft_stack_place(i);
        if (WEFT_UNLIKELY(place >= weft_load_acq(&segment->nodes)) && /* [L] */
            place >= weft_stack_segment_find(v, weft_stack_segment_of(i)))
                return NULL;
        return weft_stack_at(segment, place * v->stride);
}

static inline uint8_t *weft_stack_element(const struct weft_stack_view *v,
                                          struct weft_stack_node_shared *node)
{
        return (uint8_t *)node + v->lead;
}

/* ---- who acts ------------------------------------------------------------------ */

/* An agent at its desk; or who recovers a dead one's, as that one. */
struct weft_stack_hand {
        struct weft_stack_view *v;
        struct weft_stack_desk_shared *desk;
        uint32_t seat;
};

static inline uint32_t weft_stack_count(const struct weft_stack_hand *h)
{
        return (uint32_t)(weft_load_rlx(&h->desk->hold) & WEFT_STACK_COUNT);
}

/* `hold` with another count, its chain as it is. */
static inline void weft_stack_set_count(const struct weft_stack_hand *h, uint64_t count)
{
        uint64_t chain = weft_load_rlx(&h->desk->hold) & ~WEFT_STACK_COUNT;
        weft_store_rel(&h->desk->hold, chain | count); /* [I] */
}

/* Makes sure that nodes[] has `n` nodes, at most a bundle: takes some from the spare, or
 * fresh ones. -ENOSPC if it has none, -EUCLEAN. */
WEFT_CHECK int weft_stack_fetch(const struct weft_stack_hand *h, struct weft_agent *agent,
                                uint32_t n);

/* Gives the upper `n` of nodes[], at most a bundle, to the spare. -EUCLEAN: they were no
 * nodes, and are forgotten. */
WEFT_CHECK int weft_stack_give(const struct weft_stack_hand *h, uint32_t n);

/* Gives the chain away, a node at a time; `each` (may be NULL) sees the elements first,
 * until it does not return 0. At most `most`, or as many as there are, in case it goes in
 * circles: how many were seen, or -EUCLEAN. */
WEFT_CHECK int64_t weft_stack_hand_out(const struct weft_stack_hand *h, uint64_t most,
                                       int (*each)(void *, void *), void *context);

/* ---- changing a top: the protocol is in stack_shared.h -------------------------- */

static inline struct weft_stack_top_shared *
weft_stack_top(const struct weft_stack_view *v, enum weft_stack_which which)
{
        return which == WEFT_STACK_MAIN ? &v->sh->top : &v->sh->rest;
}

/* hi first: what is below it is not older. */
static inline struct weft_pair weft_stack_see(const struct weft_stack_top_shared *top)
{
        struct weft_pair seen;
        seen.hi = weft_load_acq(&top->word.hi); /* [P] */
        seen.lo = weft_load_acq(&top->word.lo); /* [P] LP of empty, full, shut */
        return seen;
}

static inline uint64_t weft_stack_seat(uint64_t hi)
{
        return hi & WEFT_STACK_SEATS;
}

/* Files that somebody has made the change `hi`. */
void weft_stack_file(struct weft_stack_view *v, enum weft_stack_which which, uint64_t hi);

/* What a change of `seen` will be known by, to its agent and on the top. */
static inline uint64_t weft_stack_intent(struct weft_pair seen, uint64_t what_and_count)
{
        return ((seen.hi | WEFT_STACK_SEATS) + 1) | what_and_count;
}

static inline struct weft_pair weft_stack_made(struct weft_pair seen, uint64_t lo,
                                               uint32_t seat)
{
        return (struct weft_pair){ lo, ((seen.hi | WEFT_STACK_SEATS) + 1) | seat };
}

/* Steps 2 to 4: tries to change `seen` to `lo`; afterwards `count` nodes are at hand. */
static inline bool weft_stack_change(const struct weft_stack_hand *h,
                                     enum weft_stack_what what, struct weft_pair seen,
                                     uint64_t lo, uint32_t count)
{
        enum weft_stack_which which =
                what == WEFT_STACK_CHANGE_SPARE ? WEFT_STACK_SPARE : WEFT_STACK_MAIN;
        weft_store_rel(
                &h->desk->intent, /* [I] */
                weft_stack_intent(seen, (uint64_t)what << WEFT_STACK_AFTER_BITS | count));
        if (weft_stack_seat(seen.hi) != h->seat)
                weft_stack_file(h->v, which, seen.hi);
        return weft_cas16_acq_rel(/* [P] [F] LP of push, pop, drain, give, fetch */
                                  &weft_stack_top(h->v, which)->word, &seen,
                                  weft_stack_made(seen, lo, h->seat));
}

/* The hold that the agent of a seat has, or should have had; he does nothing meanwhile. */
uint64_t weft_stack_hold(struct weft_stack_view *v, uint32_t seat,
                         struct weft_stack_desk_shared *desk);

/* After a CAS that failed: somebody else is at it. Twice as long each time. */
struct weft_stack_pace {
        uint32_t pauses;
};
void weft_stack_back_off(struct weft_stack_pace *pace);

#endif
