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

typedef long long quarter __attribute__((vector_size(16), aligned(1), may_alias));

/* What is a line, or a line's elements, is copied in place; so are a few words. */
static inline void copy(void *to, const void *from, size_t bytes)
{
        if (WEFT_LIKELY(bytes == WEFT_LINE - WEFT_STAMP_BYTES))
                memcpy(to, from, WEFT_LINE - WEFT_STAMP_BYTES);
        else if (bytes == WEFT_LINE) { /* of all of it gcc makes a slow rep movs */
                const quarter *f = from;
                quarter *t = to, a = f[0], b = f[1], c = f[2], d = f[3];
                t[0] = a, t[1] = b, t[2] = c, t[3] = d;
        } else if (bytes < WEFT_LINE && bytes % sizeof(uint64_t) == 0)
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

/* ---- words: a whole line's are what they are ---------------------------------------- */

/* As weft_pos_count(). */
static inline uint64_t words_in(uint64_t from, uint64_t to)
{
        uint64_t stamps = to / (WEFT_RING_WORDS_ + 1) - from / (WEFT_RING_WORDS_ + 1);
        return to - from - stamps;
}

static inline weft_a64_t *stamp_of(uint64_t *line)
{
        return (weft_a64_t *)(void *)(line + WEFT_RING_WORDS_);
}

static inline uint64_t *line_of(uint64_t *at, uint64_t mask, uint64_t pos)
{
        return at + (pos & mask & ~(uint64_t)WEFT_RING_WORDS_);
}

/* Of a line, less than all 7; or they have just come. */
static inline void copy_few(void *to, const void *from, uint64_t k)
{
        uint8_t *t = to;
        const uint8_t *f = from;
        if (k & 4) {
                memcpy(t, f, 32);
                t += 32, f += 32;
        }
        if (k & 2) {
                memcpy(t, f, 16);
                t += 16, f += 16;
        }
        if (k & 1)
                memcpy(t, f, 8);
}

/* n words from `t` on, which are free; what is not a whole line only at the ends. Where it
 * goes on. */
static inline uint64_t push_lines(const struct weft_ring *ring, uint64_t t,
                                  const uint8_t *from, uint64_t n, uint64_t limit)
{
        uint64_t *at = (uint64_t *)(void *)ring->base, mask = ring->mask;
        uint64_t ahead = ring->ahead, i = t & WEFT_RING_WORDS_,
                 *line = line_of(at, mask, t);
        if (i) {
                uint64_t k = least(WEFT_RING_WORDS_ - i, n);
                copy_few(line + i, from, k);
                weft_store_rel(stamp_of(line), t + k); /* [P] LP of push */
                t += k, from += k * sizeof *line, n -= k;
                if (i + k < WEFT_RING_WORDS_)
                        return t;
                line = line_of(at, mask, ++t);
                if (t + ahead < limit)
                        __builtin_prefetch(line_of(at, mask, t + ahead), 1);
        }
        for (; n >= WEFT_RING_WORDS_; n -= WEFT_RING_WORDS_) {
                memcpy(line, from, WEFT_RING_WORDS_ * sizeof *line);
                weft_store_rel(stamp_of(line), t + WEFT_RING_WORDS_); /* [P] LP of push */
                t += WEFT_RING_WORDS_ + 1, from += WEFT_RING_WORDS_ * sizeof *line;
                line = line_of(at, mask, t);
                if (t + ahead < limit)
                        __builtin_prefetch(line_of(at, mask, t + ahead), 1);
        }
        if (n) {
                copy_few(line, from, n);
                weft_store_rel(stamp_of(line), t + n); /* [P] LP of push */
        }
        return t + n;
}

static uint64_t push_words(struct weft_ring *ring, uint64_t t, const uint8_t *from,
                           size_t *left, int *rc)
{
        uint64_t limit = weft_load_rlx(&weft_ring_sh(ring)->push.limit), k;
        for (size_t n = *left; (*left = n); n -= k) {
                if (WEFT_UNLIKELY(t >= limit)) {
                        *rc = weft_ring_room(ring, t, &limit);
                        if (*rc)
                                return t;
                }
                k = least(n, words_in(t, limit));
                t = push_lines(ring, t, from, k, limit);
                from += k * sizeof(uint64_t);
        }
        return t;
}

static inline uint64_t pop_lines(const struct weft_ring *ring, uint64_t h, uint8_t *to,
                                 size_t *left, uint64_t filled)
{
        uint64_t *at = (uint64_t *)(void *)ring->base, mask = ring->mask;
        uint64_t ahead = ring->ahead, i = h & WEFT_RING_WORDS_,
                 *line = line_of(at, mask, h);
        uint64_t there, k;
        size_t n = *left;
        if (i) {
                there = weft_load_acq(stamp_of(line)) - h; /* [P] */
                if (there - 1 >= WEFT_RING_WORDS_ - i)
                        return h;
                k = least(there, n);
                copy_few(to, line + i, k);
                h += k, to += k * sizeof *line, *left = n -= k;
                if (i + k < WEFT_RING_WORDS_)
                        return h;
                line = line_of(at, mask, ++h);
                if (h + ahead < filled)
                        __builtin_prefetch(line_of(at, mask, h + ahead), 0);
        }
        for (; n >= WEFT_RING_WORDS_; n -= WEFT_RING_WORDS_) {
                if (weft_load_acq(stamp_of(line)) != h + WEFT_RING_WORDS_) /* [P] */
                        break;
                memcpy(to, line, WEFT_RING_WORDS_ * sizeof *line);
                h += WEFT_RING_WORDS_ + 1, to += WEFT_RING_WORDS_ * sizeof *line;
                line = line_of(at, mask, h);
                if (h + ahead < filled)
                        __builtin_prefetch(line_of(at, mask, h + ahead), 0);
        }
        if (n) {
                there = weft_load_acq(stamp_of(line)) - h; /* [P] */
                if (there - 1 < WEFT_RING_WORDS_) {
                        k = least(there, n);
                        copy_few(to, line, k);
                        h += k + (k == WEFT_RING_WORDS_), n -= k;
                }
        }
        *left = n;
        return h;
}

static uint64_t pop_words(struct weft_ring *ring, uint64_t h, uint8_t *to, size_t *left)
{
        return pop_lines(ring, h, to, left, weft_load_rlx(&weft_ring_sh(ring)->filled));
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

/* ---- one, of any other size: the short way, as far as it is not compiled in ---------- */

/* Is it open, and this thread's? As weft_ring_near_side_(): all that it knows is shared. */
static inline bool is_near(const struct weft_ring *ring, enum weft_ring_side which,
                           const struct weft_ring_side_shared *side, uint64_t *turn)
{
        const struct weft_ring_near *near = &ring->near[which];
        *turn = weft_ring_near_get(&near->turn);
        return WEFT_LIKELY(weft_ring_near_get(&near->wide) == weft_thread_number_) &&
               WEFT_LIKELY(weft_load_acq(&side->turn) == *turn); /* [T] */
}

/* As push_elements; what is not as usual is left to that. Crash in push: as there. */
static inline int push_now(struct weft_ring *ring, const void *element)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        const struct weft_units *u = &ring->units;
        uint64_t turn;
        if (!is_near(ring, WEFT_RING_PRODUCER, &sh->push, &turn))
                return WEFT_RING_FAR_;
        uint64_t was = weft_load_rlx(&sh->push.pos);
        uint64_t limit = weft_load_rlx(&sh->push.limit);
        if (WEFT_UNLIKELY(was >= limit || !weft_pos_is_sane(u, was)))
                return WEFT_RING_FAR_;
        copy(weft_element_at(ring, was), element, u->bytes);
        weft_store_rel(weft_unit_stamp(u, ring->base, was), was + 1); /* [P] LP of push */
        uint64_t t = weft_pos_normal(u, was + 1);
        weft_store_rlx(&sh->push.pos, t);
        if (!(t & u->low))
                ask_to_write(ring, t, limit);
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        if (WEFT_LIKELY(weft_load_acq(&sh->push.turn) == turn)) /* [T] */
                return 0;
        return weft_ring_pushed(ring, sh, was, t) == t ? 0 : -EPIPE;
}

/* As pop_elements. Crash in pop: as there. */
static inline int pop_now(struct weft_ring *ring, void *element, uint64_t deadline)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        const struct weft_units *u = &ring->units;
        uint64_t turn, stamp;
        if (!is_near(ring, WEFT_RING_CONSUMER, &sh->pop, &turn))
                return WEFT_RING_FAR_;
        uint64_t was = weft_load_rlx(&sh->pop.pos);
        if (WEFT_UNLIKELY(!weft_pos_is_sane(u, was)))
                return WEFT_RING_FAR_;
        const weft_a64_t *at = weft_unit_stamp(u, ring->base, was);
        for (int looks = 0;; looks++) {
                stamp = weft_load_acq(at); /* [P] LP of empty */
                if (weft_stamp_ahead(u, stamp, was))
                        break;
                if (looks < LOOKS)
                        continue;
                if (deadline == WEFT_NOW && !weft_load_acq(&sh->closing) && /* [C] */
                    weft_stamp_is_before(u, stamp, was))
                        return -EAGAIN;
                return WEFT_RING_FAR_;
        }
        copy(element, weft_element_at(ring, was), u->bytes);
        uint64_t h = weft_pos_normal(u, was + 1);
        weft_store_rel(&sh->pop.pos, h); /* [O] LP of pop */
        if ((was ^ h) >= ring->step)
                weft_store_rel(&sh->head, h); /* [O] */
        if (!(h & u->low))
                ask_to_read(ring, h, weft_load_rlx(&sh->filled));
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        if (WEFT_UNLIKELY(weft_load_acq(&sh->pop.turn) != turn) && /* [T] */
            weft_wait_waiters(&sh->not_full))
                weft_ring_wake(&sh->not_full);
        return 0;
}

static __attribute__((noinline)) int push_one(struct weft_ring *ring, const void *element,
                                              uint64_t deadline)
{
        int64_t n = push_some(ring, element, 1, deadline);
        if (n >= 0)
                weft_ring_open_near(ring, WEFT_RING_PRODUCER);
        return n < 0 ? (int)n : 0;
}

static __attribute__((noinline)) int pop_one(struct weft_ring *ring, void *element,
                                             uint64_t deadline)
{
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
        uint64_t now = ring->words ? near->pos : weft_pos_normal(&ring->units, was + 1);
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
        if (!ring || !element)
                return -EINVAL;
        int rc = push_now(ring, element);
        return rc == WEFT_RING_FAR_ ? push_one(ring, element, deadline) : rc;
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
        if (!ring->words) {
                int rc = pop_now(ring, element, deadline);
                return rc == WEFT_RING_FAR_ ? pop_one(ring, element, deadline) : rc;
        }
        if (!weft_ring_near_side_(&ring->near[WEFT_RING_CONSUMER], &turn))
                return pop_one(ring, element, deadline);
        if (deadline == WEFT_NOW) {
                if (is_empty(ring))
                        return -EAGAIN;
                int rc = weft_ring_pop_near_(ring, element); /* by now */
                if (rc != WEFT_RING_FAR_)
                        return rc;
        }
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

/* The next word is at `t`: where that one begins who pushes one by the short way, which is
 * open only if all of its line is free. */
static inline void go_on_at(const struct weft_ring *ring, struct weft_ring_near *near,
                            uint64_t t, uint64_t limit)
{
        near->pos = t;
        near->at = (uintptr_t)ring->base - (t & ~near->mask) * sizeof(uint64_t);
        if (WEFT_UNLIKELY((t & ~(uint64_t)WEFT_RING_WORDS_) + WEFT_RING_WORDS_ > limit))
                weft_ring_near_set(&near->thread, 0);
}

/* Words, by the short way: how many. None: the long one has to. Crash in push: as
 * push_elements. */
static int64_t push_near_n(struct weft_ring *ring, const uint8_t *from, size_t n)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        struct weft_ring_near *near = &ring->near[WEFT_RING_PRODUCER];
        uint64_t turn, *side = weft_ring_near_side_(near, &turn);
        if (!side) /* [T] */
                return 0;
        uint64_t was = near->pos, t, limit = weft_load_rlx(&sh->push.limit);
        if (WEFT_LIKELY(n <= words_in(was, limit))) {
                t = push_lines(ring, was, from, n, limit);
        } else {
                size_t left = n;
                int rc = 0;
                t = push_words(ring, was, from, &left, &rc);
                n -= left;
                limit = weft_load_rlx(&sh->push.limit);
        }
        weft_store_rlx(&sh->push.pos, t);
        go_on_at(ring, near, t, limit);
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        if (WEFT_LIKELY(weft_load_acq(&sh->push.turn) == turn)) /* [T] */
                return (int64_t)n;
        weft_ring_near_set(&near->thread, 0);
        uint64_t end = weft_ring_pushed(ring, sh, was, t);
        if (end == t)
                return (int64_t)n;
        n = weft_pos_count(&ring->units, was, end);
        return n ? (int64_t)n : -EPIPE;
}

static int64_t pop_near_n(struct weft_ring *ring, uint8_t *to, size_t n)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        struct weft_ring_near *near = &ring->near[WEFT_RING_CONSUMER];
        uint64_t turn, *side = weft_ring_near_side_(near, &turn);
        size_t left = n;
        if (!side) /* [T] */
                return 0;
        uint64_t was = weft_load_rlx(&sh->pop.pos), h;
        h = pop_lines(ring, was, to, &left, weft_load_rlx(&sh->filled));
        if (h == was)
                return 0;
        weft_store_rel(&sh->pop.pos, h); /* [O] LP of pop */
        if ((was ^ h) >= ring->step)
                weft_store_rel(&sh->head, h);    /* [O] */
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        if (WEFT_UNLIKELY(weft_load_acq(&sh->pop.turn) != turn)) /* [T] */
                weft_ring_popped_2(ring);
        return (int64_t)(n - left);
}

int64_t weft_ring_push_n(weft_ring_t *ring, const void *elements, size_t n,
                         uint64_t deadline)
{
        if (!ring || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        if (WEFT_UNLIKELY(!n))
                return 0;
        int64_t done = push_near_n(ring, elements, n);
        if (WEFT_LIKELY(done))
                return done;
        done = push_some(ring, elements, n, deadline);
        if (ring->words && done > 0)
                weft_ring_open_near(ring, WEFT_RING_PRODUCER);
        return done;
}

int64_t weft_ring_pop_n(weft_ring_t *ring, void *elements, size_t n, uint64_t deadline)
{
        if (!ring || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        if (WEFT_UNLIKELY(!n))
                return 0;
        int64_t done = pop_near_n(ring, elements, n);
        if (WEFT_LIKELY(done))
                return done;
        done = pop_some(ring, elements, n, deadline);
        if (ring->words && done > 0)
                weft_ring_open_near(ring, WEFT_RING_CONSUMER);
        return done;
}
