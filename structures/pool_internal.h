/* structures/pool_internal.h -- a pool in this process, and its steps. */
#ifndef WEFT_STRUCTURES_POOL_INTERNAL_H
#define WEFT_STRUCTURES_POOL_INTERNAL_H

#include <errno.h>

#include <weft/pool.h>

#include "runtime/block.h"
#include "runtime/desk.h"
#include "runtime/object.h"
#include "runtime/wait.h"
#include "runtime/waitable.h"
#include "structures/pool_shared.h"

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

extern const struct weft_waitable weft_pool_waitable; /* pool_select.c */

/* A segment in this process. */
struct weft_pool_part {
        weft_a64_t *words, *groups, *summary;
        uint8_t *objects;
        uint32_t first; /* number of its first object */
        uint32_t count;
};

/* What a process knows of a pool: checked copies. Trust these, not sh. */
struct weft_pool_view {
        weft_arena_t *arena;
        struct weft_pool_shared *sh;
        struct weft_pool_part part; /* the first segment */
        uint64_t object_bytes, stride;
        uint32_t word_shift; /* words are 1 << word_shift apart */
        uint32_t max_count;
        uint32_t flags;
        uint32_t unit_shift; /* segments after the first: 1 << unit_shift objects */
        uint32_t segments;   /* that there can be */
        weft_owner_t owner;
        weft_a64_t known[WEFT_POOL_SEGMENTS][2]; /* offsets of their blocks, + 1 */
};

struct weft_pool {
        struct weft_handle handle; /* first */
        struct weft_pool_view v;
        struct weft_desks desks;
        struct weft_spin spin_free, spin_move;
        weft_a64_t seen; /* of `quarantined`, when it was last inspected by this handle */
        weft_a64_t grow_at; /* there was no memory: when those who wait try again */
        int (*on_death)(const struct weft_pool_object *object, void *context);
        void *context;
};

/* One call under way. */
struct weft_pool_op {
        struct weft_pool *p;
        struct weft_agent *agent;
        struct weft_pool_desk_shared *desk; /* NULL: no memory for one */
        struct weft_pool_object *to;
        uint64_t token; /* claim */
        bool waits;     /* it will look again: without memory it does not grow at once */
};

/* ---- words and tokens ------------------------------------------------------- */

#define WEFT_POOL_LIFE (~((UINT64_C(1) << WEFT_POOL_INDEX_BITS) - 1))
#define WEFT_POOL_ONE_LIFE (UINT64_C(1) << WEFT_POOL_INDEX_BITS)
#define WEFT_POOL_STATE_SHIFT WEFT_SEAT_BITS

static inline uint64_t weft_pool_word(uint64_t life, enum weft_pool_word_state state,
                                      uint32_t seat)
{
        return (life & WEFT_POOL_LIFE) | (uint64_t)state << WEFT_POOL_STATE_SHIFT | seat;
}

/* Of garbage, too: what is no state is returned as one that is none. */
static inline uint32_t weft_pool_state_of(uint64_t word)
{
        return (uint32_t)(word & ~WEFT_POOL_LIFE) >> WEFT_POOL_STATE_SHIFT;
}

static inline uint32_t weft_pool_seat_of(uint64_t word)
{
        return (uint32_t)word & ((1u << WEFT_SEAT_BITS) - 1);
}

static inline bool weft_pool_is_free(uint64_t word)
{
        return !(word & ~WEFT_POOL_LIFE);
}

/* Is it HELD, or what else, by this seat? */
static inline bool weft_pool_is(uint64_t word, enum weft_pool_word_state state,
                                uint32_t seat)
{
        return (word & ~WEFT_POOL_LIFE) == weft_pool_word(0, state, seat);
}

/* FREE, in the next life: never 0, so that no token is. */
static inline uint64_t weft_pool_freed(uint64_t word)
{
        uint64_t next = (word & WEFT_POOL_LIFE) + WEFT_POOL_ONE_LIFE;
        return WEFT_LIKELY(next) ? next : WEFT_POOL_ONE_LIFE;
}

static inline uint64_t weft_pool_token(uint64_t word, uint32_t index)
{
        return (word & WEFT_POOL_LIFE) | index;
}

static inline uint32_t weft_pool_index(uint64_t token)
{
        return (uint32_t)(token & ~WEFT_POOL_LIFE);
}

/* ---- segments ----------------------------------------------------------------- */

/* Reads the header; finds the first segment. -EUCLEAN. */
WEFT_CHECK int weft_pool_view(struct weft_pool_view *v, weft_arena_t *arena,
                              struct weft_pool_shared *sh, weft_owner_t owner);

/* Fills in what follows from these; false if no pool is like that. */
WEFT_CHECK bool weft_pool_shape(struct weft_pool_view *v, uint64_t object_bytes,
                                uint32_t count, uint32_t max_count, uint32_t flags);

/* Segment k, or false while it is not there. */
WEFT_CHECK bool weft_pool_part(struct weft_pool_view *v, uint32_t k,
                               struct weft_pool_part *part);

/* The segment of an object and its place there; false: no such object. */
WEFT_CHECK bool weft_pool_far(struct weft_pool_view *v, uint32_t index,
                              struct weft_pool_part *part, uint32_t *i);

static inline bool weft_pool_find(struct weft_pool_view *v, uint32_t index,
                                  struct weft_pool_part *part, uint32_t *i)
{
        if (WEFT_UNLIKELY(index >= v->part.count))
                return weft_pool_far(v, index, part, i);
        *part = v->part;
        *i = index;
        return true;
}

static inline weft_a64_t *weft_pool_word_at(const struct weft_pool_view *v,
                                            const struct weft_pool_part *part, uint32_t i)
{
        return part->words + ((size_t)i << v->word_shift);
}

static inline void weft_pool_fill(const struct weft_pool_view *v,
                                  const struct weft_pool_part *part, uint32_t i,
                                  uint64_t word, struct weft_pool_object *to)
{
        to->at = part->objects + i * v->stride;
        to->token = weft_pool_token(word, part->first + i);
        to->index = part->first + i;
        to->reserved = 0;
}

static inline uint32_t weft_pool_groups(uint32_t count)
{
        return (count + WEFT_POOL_GROUP - 1) / WEFT_POOL_GROUP;
}

/* Both blocks of segment k: taken by `alloc`, filled, all FREE. -ENOSPC. */
WEFT_CHECK int weft_pool_segment_make(struct weft_pool_view *v, uint32_t k,
                                      int (*alloc)(void *context, uint64_t bytes,
                                                   weft_ref_t *ref, void **at),
                                      void *context, weft_ref_t refs[2]);

/* Adds a segment. 0, also if somebody else did; -EAGAIN: it has all; -ENOSPC. */
WEFT_CHECK int weft_pool_grow(struct weft_pool_view *v, struct weft_agent *agent);

/* Hands over what `sig` had added but not handed over. Idempotent. */
void weft_pool_grow_recover(struct weft_pool_view *v, uint32_t sig);

/* ---- hints --------------------------------------------------------------------- */

/* The object's word is FREE since: sets its bit. */
void weft_pool_hint_far(struct weft_pool_view *v, const struct weft_pool_part *part,
                        uint32_t i);

static inline void weft_pool_hint(struct weft_pool_view *v,
                                  const struct weft_pool_part *part, uint32_t i)
{
        uint64_t group = weft_load_acq(&part->groups[i / WEFT_POOL_GROUP]); /* [H] */
        if (WEFT_UNLIKELY(!(group >> i % WEFT_POOL_GROUP & 1)))
                weft_pool_hint_far(v, part, i);
}

/* Recovery: sets the bits of all objects of a group that are FREE. */
void weft_pool_hint_group(struct weft_pool_view *v, const struct weft_pool_part *part,
                          uint32_t group);

/* Takes object `i` if it is FREE. */
bool weft_pool_take(struct weft_pool_op *op, const struct weft_pool_part *part,
                    uint32_t i);

/* Takes an object that the hints know of. -EAGAIN. */
WEFT_CHECK int weft_pool_search(struct weft_pool_op *op);

/* The same; -EAGAIN: none was free, at one moment. */
WEFT_CHECK int weft_pool_search_all(struct weft_pool_op *op);

/* Is any FREE? */
bool weft_pool_any_free(struct weft_pool_view *v);

/* ---- calls ------------------------------------------------------------------------ */

/* Enters; finds the desk. */
WEFT_CHECK int weft_pool_begin(struct weft_pool *p, struct weft_pool_op *op);

/* Nothing was found. Is there something to do but wait: to inspect, or to grow? */
bool weft_pool_is_due(const struct weft_pool_op *op);

/* Gets one by all means. -EAGAIN, -ENOSPC. */
WEFT_CHECK int weft_pool_try(struct weft_pool_op *op);

/* An object has become FREE, by a locked operation. */
static inline void weft_pool_freed_one(struct weft_pool_view *v,
                                       const struct weft_pool_part *part, uint32_t i)
{
        weft_pool_hint(v, part, i);
        weft_wait_signal(&v->sh->free, 1);
        weft_wait_signal(&v->sh->move, INT32_MAX);
}

/* Objects that were HELD are QUARANTINED now: says so. */
void weft_pool_quarantined(struct weft_pool_shared *sh);

/* weft_pool_inspect() for the agent that `op` has. */
WEFT_CHECK int64_t weft_pool_inspect_all(struct weft_pool_op *op,
                                         int (*look)(const struct weft_pool_object *,
                                                     void *),
                                         void *context);

/* How many objects are in each state; the seats' in `held`, if not NULL. */
struct weft_pool_count {
        uint32_t total, free, held, transit, quarantined, inspected, bad;
};
void weft_pool_count(struct weft_pool_view *v, struct weft_pool_count *n,
                     uint32_t (*seats)[2]);

#endif
