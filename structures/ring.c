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
                weft_ring_note(ring, WEFT_RING_PRODUCER, weft_me.agent->sig);
        return n < 0 ? (int)n : 0;
}

static __attribute__((noinline)) int pop_one(struct weft_ring *ring, void *element,
                                             uint64_t deadline)
{
        int64_t n = pop_some(ring, element, 1, deadline);
        if (n >= 0)
                weft_ring_note(ring, WEFT_RING_CONSUMER, weft_me.agent->sig);
        return n < 0 ? (int)n : 0;
}

/* ---- one word: the shortest way, which is in <weft/ring_inline.h> ---------------- */

enum {
        LOOKS = 8
}; /* before it is said to be empty: so it is seen as soon as it is there */

/* Of what was pushed at `was`: somebody sleeps, or it is closing. */
int weft_ring_pushed_1(weft_ring_t *ring, uint64_t was)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        uint64_t now = weft_load_rlx(&sh->push.pos);
        if (weft_wait_waiters(&sh->not_empty))
                weft_ring_wake(&sh->not_empty);
        if (!weft_load_acq(&sh->closing)) /* [C] */
                return 0;
        return weft_ring_seal(sh, was, now) == now ? 0 : -EPIPE;
}

int weft_ring_popped_1(weft_ring_t *ring)
{
        weft_ring_wake(&weft_ring_sh(ring)->not_full);
        return 0;
}

int weft_ring_push_far_1(weft_ring_t *ring, const void *element, uint64_t deadline)
{
        return ring && element ? push_one(ring, element, deadline) : -EINVAL;
}

/* By one who may take the short way. */
static bool is_empty(const struct weft_ring *ring)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        const struct weft_units *u = &ring->units;
        uint64_t h = weft_load_rlx(&sh->pop.pos);
        if (weft_load_acq(&sh->closing)) /* [C] */
                return false;
        return weft_stamp_is_before(u, weft_load_acq(weft_unit_stamp(u, ring->base, h)),
                                    h); /* [P] */
}

int weft_ring_pop_far_1(weft_ring_t *ring, void *element, uint64_t deadline)
{
        if (!ring || !element)
                return -EINVAL;
        if (!weft_ring_is_near_(&ring->near[WEFT_RING_CONSUMER]))
                return pop_one(ring, element, deadline);
        for (int looks = 0; looks < LOOKS; looks++) {
                int rc = weft_ring_pop_near_(ring, element);
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        if (deadline == WEFT_NOW && is_empty(ring))
                return -EAGAIN;
        return pop_one(ring, element, deadline);
}

int weft_ring_push(weft_ring_t *ring, const void *element, uint64_t deadline)
{
        int rc = ring && element ? weft_ring_push_near_(ring, element) : WEFT_RING_FAR_;
        return rc == WEFT_RING_FAR_ ? weft_ring_push_far_1(ring, element, deadline) : rc;
}

int weft_ring_pop(weft_ring_t *ring, void *element, uint64_t deadline)
{
        int rc = ring && element ? weft_ring_pop_near_(ring, element) : WEFT_RING_FAR_;
        return rc == WEFT_RING_FAR_ ? weft_ring_pop_far_1(ring, element, deadline) : rc;
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
