/* structures/ring.c -- elements: push, pop. */
#include <string.h>

#include "structures/ring_internal.h"

enum {
        LOOKS = 8
}; /* before it is said to be empty, or full: so the other side is seen as soon as it moves */

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
        /* [edge] Of a batch that goes round the ring: who takes the seat walks on from push.pos,
         * and what stood there must not have been written anew. */
        weft_store_rlx(&weft_ring_sh(ring)->push.pos, t);
        weft_store_rlx(&weft_ring_sh(ring)->push.limit, *limit);
        if (t - head > *limit - t) /* more than half */
                weft_store_rlx(&weft_ring_sh(ring)->filled, t);
        return 0;
}

int weft_ring_room(const struct weft_ring *ring, uint64_t t, uint64_t *limit)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        for (int looks = 0; looks < LOOKS; looks++) {
                if (try_head(ring, weft_load_acq(&sh->head), t, limit) == 0) /* [O] */
                        return 0;
                __builtin_ia32_pause();
        }
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

/* What is a line, or a line's elements, is copied in place; so are a few words. */
static inline void copy(void *to, const void *from, size_t bytes)
{
        if (WEFT_LIKELY(bytes == WEFT_LINE - WEFT_STAMP_BYTES))
                memcpy(to, from, WEFT_LINE - WEFT_STAMP_BYTES);
        else if (bytes == WEFT_LINE) /* of all of it gcc makes a slow rep movs */
                for (size_t i = 0; i < WEFT_LINE; i += 16)
                        memcpy((uint8_t *)to + i, (const uint8_t *)from + i, 16);
        else if (bytes < WEFT_LINE && bytes % sizeof(uint64_t) == 0)
                for (size_t i = 0; i < bytes; i += sizeof(uint64_t))
                        memcpy((uint8_t *)to + i, (const uint8_t *)from + i,
                               sizeof(uint64_t));
        else
                memcpy(to, from, bytes);
}

/* Asks for the unit that is `ahead` of the one at `pos`, of one line or two, if it is before
 * `end`: to write it, once it has been read, or to read it, once it has been filled. */
static inline void ask_to_write(const struct weft_ring *ring, uint64_t pos, uint64_t end)
{
        pos += ring->ahead;
        if (pos >= end || ring->units.stride > 2 * WEFT_LINE)
                return;
        uint8_t *unit = weft_unit_at(&ring->units, ring->base, pos);
        __builtin_prefetch(unit, 1);
        __builtin_prefetch(unit + ring->units.stride - WEFT_LINE, 1);
}

static inline void ask_to_read(const struct weft_ring *ring, uint64_t pos, uint64_t end)
{
        pos += ring->ahead;
        if (pos >= end || ring->units.stride > 2 * WEFT_LINE)
                return;
        uint8_t *unit = weft_unit_at(&ring->units, ring->base, pos);
        __builtin_prefetch(unit, 0);
        __builtin_prefetch(unit + ring->units.stride - WEFT_LINE, 0);
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* The same for words. A whole line's are what they are: where the next one is does not wait
 * for what this one's stamp says. */
struct words {
        uint64_t *at, mask, ahead;
};

static inline struct words words_of(const struct weft_ring *ring)
{
        return (struct words){ (uint64_t *)(void *)ring->base,
                               weft_units_first(&ring->units) - 1, ring->ahead };
}

static inline weft_a64_t *stamp_of(uint64_t *word)
{
        return (weft_a64_t *)(void *)weft_ring_stamp_(word);
}

/* Up to k of a line's words from `t` on, which are free. Where it goes on. */
static inline uint64_t push_line(struct words w, uint64_t t, const uint8_t *from,
                                 uint64_t k, uint64_t limit)
{
        uint64_t *word = w.at + (t & w.mask);
        copy(word, from, k * sizeof *word);
        weft_store_rel(stamp_of(word), t + k); /* [P] LP of push */
        t += k;
        if ((t & WEFT_RING_WORDS_) != WEFT_RING_WORDS_)
                return t;
        if (++t + w.ahead < limit)
                __builtin_prefetch(w.at + ((t + w.ahead) & w.mask), 1);
        return t;
}

static uint64_t push_words(struct weft_ring *ring, uint64_t t, const uint8_t *from,
                           size_t *left, int *rc)
{
        struct words w = words_of(ring);
        uint64_t limit = weft_load_rlx(&weft_ring_sh(ring)->push.limit), k;
        for (size_t n = *left; (*left = n); n -= k) {
                if (WEFT_UNLIKELY(t >= limit)) {
                        *rc = weft_ring_room(ring, t, &limit);
                        if (*rc)
                                return t;
                }
                k = WEFT_RING_WORDS_;
                if (t & WEFT_RING_WORDS_ || n < k || limit - t < k)
                        k = least(least(k - (t & WEFT_RING_WORDS_), n), limit - t);
                t = push_line(w, t, from, k, limit);
                from += k * sizeof(uint64_t);
        }
        return t;
}

static uint64_t pop_words(struct weft_ring *ring, uint64_t h, uint8_t *to, size_t *left)
{
        struct words w = words_of(ring);
        uint64_t filled = weft_load_rlx(&weft_ring_sh(ring)->filled), k;
        for (size_t n = *left; (*left = n); n -= k) {
                uint64_t *word = w.at + (h & w.mask);
                uint64_t there = weft_load_acq(stamp_of(word)) - h; /* [P] */
                k = WEFT_RING_WORDS_;
                if (h & WEFT_RING_WORDS_ || n < k || there != k) {
                        uint64_t most = k - (h & WEFT_RING_WORDS_);
                        if (there - 1 >= most)
                                break;
                        k = least(there, n);
                }
                copy(to, word, k * sizeof *word);
                to += k * sizeof *word;
                h += k;
                if ((h & WEFT_RING_WORDS_) == WEFT_RING_WORDS_ && ++h + w.ahead < filled)
                        __builtin_prefetch(w.at + ((h + w.ahead) & w.mask), 0);
        }
        return h;
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
        if (ring->words && left > 1)
                t = push_words(ring, t, from, &left, &rc);
        while (left && !rc) {
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
                if (!(t & u->low))
                        ask_to_write(ring, t, limit);
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
        uint64_t filled = weft_load_rlx(&op->sh->filled);
        uint8_t *to = op->to;
        size_t left = op->n;

        if (WEFT_UNLIKELY(!weft_pos_is_sane(u, h)))
                return why_not_sane(ring, h);
        if (ring->words && left > 1)
                h = pop_words(ring, h, to, &left);
        while (left && (h == was || !ring->words)) {
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
                if (!(h & u->low))
                        ask_to_read(ring, h, filled);
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

/* ---- one, of any other size, by who holds the side ----------------------------------- */

static inline bool holds(const struct weft_ring *ring,
                         const struct weft_ring_side_shared *side)
{
        return WEFT_LIKELY(weft_me.serial == ring->serial && weft_alive->raw) &&
               WEFT_LIKELY(weft_load_rlx(&side->seat) == weft_me.agent->sig);
}

/* As push_elements; what is not as usual is left to that. Crash in push: as there. */
static int push_now(struct weft_ring *ring, const void *element)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        const struct weft_units *u = &ring->units;
        if (!holds(ring, &sh->push) ||
            WEFT_UNLIKELY(weft_load_acq(&sh->closing))) /* [C] */
                return WEFT_RING_FAR_;
        uint64_t was = weft_load_rlx(&sh->push.pos);
        uint64_t limit = weft_load_rlx(&sh->push.limit);
        if (WEFT_UNLIKELY(was >= limit || !weft_pos_is_sane(u, was)))
                return WEFT_RING_FAR_;
        copy(weft_element_at(ring, was), element, u->bytes);
        weft_store_rel(weft_unit_stamp(u, ring->base, was), was + 1); /* [P] LP of push */
        uint64_t t = weft_pos_normal(u, was + 1);
        if (!(t & u->low))
                ask_to_write(ring, t, limit);
        return WEFT_LIKELY(weft_ring_pushed(ring, sh, was, t) == t) ? 0 : -EPIPE;
}

/* As pop_elements. One look: who looks more often takes the line from who is to write it.
 * Crash in pop: as there. */
static int pop_now(struct weft_ring *ring, void *element)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        const struct weft_units *u = &ring->units;
        if (!holds(ring, &sh->pop))
                return WEFT_RING_FAR_;
        uint64_t was = weft_load_rlx(&sh->pop.pos);
        if (WEFT_UNLIKELY(!weft_pos_is_sane(u, was)))
                return WEFT_RING_FAR_;
        uint64_t stamp = weft_load_acq(weft_unit_stamp(u, ring->base, was)); /* [P] */
        if (!weft_stamp_ahead(u, stamp, was))
                return WEFT_RING_FAR_;
        copy(element, weft_element_at(ring, was), u->bytes);
        uint64_t h = weft_pos_normal(u, was + 1);
        if (!(h & u->low))
                ask_to_read(ring, h, weft_load_rlx(&sh->filled));
        weft_ring_popped(ring, sh, was, h);
        return 0;
}

static __attribute__((noinline)) int push_one(struct weft_ring *ring, const void *element,
                                              uint64_t deadline)
{
        if (!ring->words && !weft_ring_has_records(ring)) {
                int rc = push_now(ring, element);
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        int64_t n = push_some(ring, element, 1, deadline);
        if (n >= 0)
                weft_ring_open_near(ring, WEFT_RING_PRODUCER);
        return n < 0 ? (int)n : 0;
}

static __attribute__((noinline)) int pop_one(struct weft_ring *ring, void *element,
                                             uint64_t deadline)
{
        if (!ring->words && !weft_ring_has_records(ring)) {
                int rc = pop_now(ring, element);
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
        int64_t n = pop_some(ring, element, 1, deadline);
        if (n >= 0)
                weft_ring_open_near(ring, WEFT_RING_CONSUMER);
        return n < 0 ? (int)n : 0;
}

/* ---- one word: the shortest way, which is in <weft/ring_inline.h> ---------------- */

/* The turn was over when this had been pushed at `was`: somebody sleeps, or it is closing. */
int weft_ring_pushed_2(weft_ring_t *ring, uint64_t was)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        struct weft_ring_near *near = &ring->near[WEFT_RING_PRODUCER];
        weft_ring_near_set(&near->thread, 0);
        uint64_t now = near->pos;
        return weft_ring_pushed(ring, sh, was, now) == now ? 0 : -EPIPE;
}

void weft_ring_popped_2(weft_ring_t *ring)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        weft_ring_near_set(&ring->near[WEFT_RING_CONSUMER].thread, 0);
        if (weft_wait_waiters(&sh->not_full))
                weft_ring_wake(&sh->not_full);
}

int weft_ring_push_far_2(weft_ring_t *ring, const void *element, uint64_t deadline)
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

int weft_ring_pop_far_2(weft_ring_t *ring, void *element, uint64_t deadline)
{
        uint64_t turn;
        if (!ring || !element)
                return -EINVAL;
        if (!weft_ring_near_side_(&ring->near[WEFT_RING_CONSUMER], &turn))
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
        return rc == WEFT_RING_FAR_ ? weft_ring_push_far_2(ring, element, deadline) : rc;
}

int weft_ring_pop(weft_ring_t *ring, void *element, uint64_t deadline)
{
        int rc = ring && element ? weft_ring_pop_near_(ring, element) : WEFT_RING_FAR_;
        return rc == WEFT_RING_FAR_ ? weft_ring_pop_far_2(ring, element, deadline) : rc;
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
