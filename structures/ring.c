/* structures/ring.c -- elements: push, pop. */
#include <string.h>

#include "structures/ring_internal.h"

/* ---- looking --------------------------------------------------------------- */

/* Is there room behind this head for the tail `t`? */
static int try_head(const struct weft_ring *ring, uint64_t head, uint64_t t,
                    uint64_t *limit)
{
        const struct weft_units *u = &ring->units;
        if (!weft_pos_is_sane(u, head) || head > t)
                return -EUCLEAN;
        *limit = weft_pos_limit(u, head);
        if (t >= *limit)
                return t > *limit ? -EUCLEAN : -EAGAIN;
        weft_store_rlx(&weft_ring_sh(ring)->push.limit, *limit);
        return 0;
}

int weft_ring_room(const struct weft_ring *ring, uint64_t t, uint64_t *limit)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        if (try_head(ring, weft_load_acq(&sh->head), t, limit) == 0) /* [O] */
                return 0;
        uint64_t head = weft_load_acq(&sh->pop.pos); /* [O] LP of full */
        return try_head(ring, weft_ring_open_pos(head), t, limit);
}

static int why_not_there(const struct weft_ring *ring, uint64_t h, uint64_t stamp)
{
        if (weft_stamp_is_before(&ring->units, stamp, h))
                return -EAGAIN;
        return -EUCLEAN;
}

/* No sane position: is it the end? */
static int why_not_sane(const struct weft_ring *ring, uint64_t h)
{
        bool closed = h & WEFT_RING_CLOSED &&
                      weft_load_acq(&weft_ring_sh(ring)->seal); /* [L] */
        return closed ? -EPIPE : -EUCLEAN;
}

int weft_ring_there(const struct weft_ring *ring, uint64_t h)
{
        const struct weft_units *u = &ring->units;
        if (WEFT_UNLIKELY(!weft_pos_is_sane(u, h)))
                return why_not_sane(ring, h);
        uint64_t stamp = weft_load_acq(weft_unit_stamp(u, ring->base, h)); /* [P] LP of
                                                                              empty */
        return WEFT_LIKELY(weft_stamp_ahead(u, stamp, h)) ? 0
                                                          : why_not_there(ring, h, stamp);
}

uint64_t weft_ring_tail(const struct weft_ring *ring, uint64_t pos)
{
        const struct weft_units *u = &ring->units;
        for (uint64_t i = 0; i <= u->mask + 1 && weft_pos_is_sane(u, pos); i++) {
                uint64_t stamp =
                        weft_load_acq(weft_unit_stamp(u, ring->base, pos)); /* [P] */
                uint64_t n = weft_stamp_ahead(u, stamp, pos);
                if (!n)
                        break;
                pos = weft_pos_normal(u, pos + n);
        }
        return pos;
}

/* ---- copying ----------------------------------------------------------------- */

static inline void copy(void *to, const void *from, size_t bytes)
{
        if (WEFT_LIKELY(bytes == WEFT_LINE - WEFT_STAMP_BYTES))
                memcpy(to, from, WEFT_LINE - WEFT_STAMP_BYTES);
        else
                memcpy(to, from, bytes);
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* Crash in push: until the stamp nothing has happened, after it all has. Of push_n, unit
 * by unit. */
static int push_elements(struct weft_ring_op *op)
{
        struct weft_ring *ring = op->ring;
        struct weft_ring_shared *sh = op->sh;
        const struct weft_units *u = &ring->units;
        uint64_t was = weft_load_rlx(&sh->push.pos), t = was;
        uint64_t limit = weft_load_rlx(&sh->push.limit);
        const uint8_t *from = op->from;
        size_t left = op->n;
        int rc = 0;

        if (WEFT_UNLIKELY(weft_load_acq(&sh->closing))) /* [C] */
                return -EPIPE;
        if (WEFT_UNLIKELY(!weft_pos_is_sane(u, t)))
                return -EUCLEAN;
        while (left) {
                if (WEFT_UNLIKELY(t >= limit)) {
                        rc = weft_ring_room(ring, t, &limit);
                        if (rc)
                                break;
                }
                uint64_t k = least(least(u->per - (t & u->low), left), limit - t);
                copy(weft_element_at(ring, t), from, k * u->bytes);
                weft_store_rel(weft_unit_stamp(u, ring->base, t),
                               t + k); /* [P] LP of push */
                t = weft_pos_normal(u, t + k);
                from += k * u->bytes;
                left -= k;
        }
        if (WEFT_UNLIKELY(t == was))
                return rc;
        uint64_t end = weft_ring_pushed(ring, sh, was, t);
        op->done = end == t ? op->n - left : weft_pos_count(u, was, end);
        return op->done ? 0 : -EPIPE;
}

/* Crash in pop: until the position is stored nothing has happened; after it the elements
 * are the popper's, and die with it. */
static int pop_elements(struct weft_ring_op *op)
{
        struct weft_ring *ring = op->ring;
        const struct weft_units *u = &ring->units;
        uint64_t was = weft_load_rlx(&op->sh->pop.pos), h = was;
        uint8_t *to = op->to;
        size_t left = op->n;

        if (WEFT_UNLIKELY(!weft_pos_is_sane(u, h)))
                return why_not_sane(ring, h);
        while (left) {
                uint64_t stamp =
                        weft_load_acq(weft_unit_stamp(u, ring->base, h)); /* [P] */
                uint64_t k = least(weft_stamp_ahead(u, stamp, h), left);
                if (!k) {
                        if (h == was)
                                return why_not_there(ring, h, stamp);
                        break;
                }
                copy(to, weft_element_at(ring, h), k * u->bytes);
                h = weft_pos_normal(u, h + k);
                to += k * u->bytes;
                left -= k;
        }
        op->done = op->n - left;
        weft_ring_popped(ring, op->sh, was, h);
        return 0;
}

static int64_t push_some(struct weft_ring *ring, const void *from, size_t n,
                         uint64_t deadline)
{
        struct weft_ring_op op = {
                .ring = ring, .go = push_elements, .from = from, .n = n
        };
        if (weft_ring_has_records(ring))
                return -ENOTSUP;
        int rc = weft_ring_begin_push(&op);
        if (WEFT_LIKELY(!rc))
                rc = push_elements(&op);
        if (WEFT_UNLIKELY(rc == -EAGAIN && deadline != WEFT_NOW))
                rc = weft_ring_push_until(&op, deadline);
        return WEFT_LIKELY(!rc) ? (int64_t)op.done : rc;
}

static int64_t pop_some(struct weft_ring *ring, void *to, size_t n, uint64_t deadline)
{
        struct weft_ring_op op = { .ring = ring, .go = pop_elements, .to = to, .n = n };
        if (weft_ring_has_records(ring))
                return -ENOTSUP;
        int rc = weft_ring_begin_pop(&op);
        if (WEFT_LIKELY(!rc))
                rc = pop_elements(&op);
        if (WEFT_UNLIKELY(rc == -EAGAIN))
                rc = weft_ring_pop_until(&op, deadline);
        return WEFT_LIKELY(!rc) ? (int64_t)op.done : rc;
}

static __attribute__((noinline)) int push_one(struct weft_ring *ring, const void *element,
                                              uint64_t deadline)
{
        int64_t n = push_some(ring, element, 1, deadline);
        if (n >= 0)
                weft_ring_note(ring, WEFT_RING_PRODUCER, weft_me.agent);
        return n < 0 ? (int)n : 0;
}

static __attribute__((noinline)) int pop_one(struct weft_ring *ring, void *element,
                                             uint64_t deadline)
{
        int64_t n = pop_some(ring, element, 1, deadline);
        if (n >= 0)
                weft_ring_note(ring, WEFT_RING_CONSUMER, weft_me.agent);
        return n < 0 ? (int)n : 0;
}

/* ---- one word: the shortest way ------------------------------------------------ */

/* Of words, 7 and their stamp are the 8 of a line: a position is the number of a word, and
 * the stamp is the last one of its line. */
#define WORDS 7

enum {
        LOOKS = 8
}; /* before it is said to be empty: so it is seen as soon as it is there */

static inline weft_a64_t *word_at(const struct weft_ring *ring, uint64_t pos)
{
        return (weft_a64_t *)(void *)ring->base + (pos & ring->word_mask);
}

static inline weft_a64_t *stamp_of(weft_a64_t *word)
{
        return (weft_a64_t *)((uintptr_t)word | (WEFT_LINE - WEFT_STAMP_BYTES));
}

/* Not 0: this thread may not hold the side of a ring of words, and has to go the long way. */
static inline uint64_t not_mine(const struct weft_ring *ring,
                                const struct weft_ring_side_shared *side, int which)
{
        return weft_ring_key(weft_me.agent, weft_load_rlx(&side->seat)) ^
               weft_load_rlx(&ring->keys[which]);
}

static __attribute__((noinline)) int pushed_late(struct weft_ring_shared *sh,
                                                 uint64_t was)
{
        uint64_t now = weft_load_rlx(&sh->push.pos);
        if (weft_wait_waiters(&sh->not_empty))
                weft_ring_wake(&sh->not_empty);
        if (!weft_load_acq(&sh->closing)) /* [C] */
                return 0;
        return weft_ring_seal(sh, was, now) == now ? 0 : -EPIPE;
}

/* What is needed is loaded before the stores, which might have changed anything; and the end
 * of a line is a branch, for each call waits for the position that the last one stored. */
int weft_ring_push(weft_ring_t *ring, const void *element, uint64_t deadline)
{
        if (WEFT_UNLIKELY(!ring || !element))
                return -EINVAL;
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        uint64_t t = weft_load_rlx(&sh->push.pos), next = t + 1, value;
        if (WEFT_UNLIKELY(not_mine(ring, &sh->push, WEFT_RING_PRODUCER) |
                          weft_load_acq(&sh->closing)) || /* [C] */
            WEFT_UNLIKELY(t >= weft_load_rlx(&sh->push.limit)))
                return push_one(ring, element, deadline);
        weft_a64_t *word = word_at(ring, t);
        memcpy(&value, element, sizeof value);
        weft_store_rlx(word, value);
        weft_store_rel(stamp_of(word), next); /* [P] LP of push */
        if (WEFT_UNLIKELY((next & WORDS) == WORDS))
                weft_store_rlx(&sh->push.pos, next + 1);
        else
                weft_store_rlx(&sh->push.pos, next);
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        if (WEFT_UNLIKELY(weft_wait_waiters(&sh->not_empty) |
                          weft_load_acq(&sh->closing))) /* [C] */
                return pushed_late(sh, t);
        return 0;
}

/* By the stamp, which is a position in the line of `word`, or of an earlier round. */
static inline bool is_there(weft_a64_t *word, uint64_t h)
{
        return weft_load_acq(stamp_of(word)) - h - 1 < WORDS; /* [P] LP of empty */
}

/* The last word of a line, and all of it, has been read. */
static inline void next_line(const struct weft_ring *ring, struct weft_ring_shared *sh,
                             uint64_t next)
{
        weft_store_rel(&sh->pop.pos, next); /* [O] LP of pop */
        if (!(next & (ring->step - 1)))
                weft_store_rel(&sh->head, next); /* [O] */
}

static __attribute__((noinline)) int popped_late(struct weft_ring_shared *sh)
{
        weft_ring_wake(&sh->not_full);
        return 0;
}

static __attribute__((noinline)) int pop_none(struct weft_ring *ring, void *element,
                                              uint64_t deadline)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        uint64_t h = weft_load_rlx(&sh->pop.pos);
        if (deadline == WEFT_NOW && !weft_load_acq(&sh->closing)) {         /* [C] */
                uint64_t stamp = weft_load_acq(stamp_of(word_at(ring, h))); /* [P] */
                if (weft_stamp_is_before(&ring->units, stamp, h))
                        return -EAGAIN;
        }
        return pop_one(ring, element, deadline);
}

int weft_ring_pop(weft_ring_t *ring, void *element, uint64_t deadline)
{
        if (WEFT_UNLIKELY(!ring || !element))
                return -EINVAL;
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        uint64_t h = weft_load_rlx(&sh->pop.pos), next = h + 1;
        if (WEFT_UNLIKELY(not_mine(ring, &sh->pop, WEFT_RING_CONSUMER)))
                return pop_one(ring, element, deadline);
        weft_a64_t *word = word_at(ring, h);
        for (int looks = 0; WEFT_UNLIKELY(!is_there(word, h)); looks++)
                if (looks == LOOKS)
                        return pop_none(ring, element, deadline);
        uint64_t value = weft_load_rlx(word);
        memcpy(element, &value, sizeof value);
        if (WEFT_UNLIKELY((next & WORDS) == WORDS))
                next_line(ring, sh, next + 1);
        else
                weft_store_rel(&sh->pop.pos, next); /* [O] LP of pop */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);    /* the other half is membarrier */
        return WEFT_LIKELY(!weft_wait_waiters(&sh->not_full)) ? 0 : popped_late(sh);
}

/* ---- many ------------------------------------------------------------------------ */

int64_t weft_ring_push_n(weft_ring_t *ring, const void *elements, size_t n,
                         uint64_t deadline)
{
        if (!ring || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        return n ? push_some(ring, elements, n, deadline) : 0;
}

int64_t weft_ring_pop_n(weft_ring_t *ring, void *elements, size_t n, uint64_t deadline)
{
        if (!ring || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        return n ? pop_some(ring, elements, n, deadline) : 0;
}
