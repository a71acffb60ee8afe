/* structures/broadcast_one.c -- the one producer: his seat, and what he publishes. */
#include "structures/broadcast_internal.h"

/* A line is asked for so long before it is filled, in positions. Who reads behind us fetches
 * ahead, too, by his processor: much earlier it would be taken from us again. */
enum { AHEAD = 3 * (WEFT_CAST_WORDS_ + 1) };

/* ---- the seat ------------------------------------------------------------------------ */

/* Crash in leave: it is left by recovery; a version more does no harm. */
int weft_broadcast_leave_one(const struct weft_broadcast_view *v, uint32_t sig)
{
        weft_a32_t *producer = &v->sh->producer;
        if (weft_load_acq(producer) != sig) /* [S] */
                return -EPERM;
        (void)weft_broadcast_unsettle(v, false);
        return weft_cas_acq_rel(producer, &sig, 0) ? 0 : -EPERM; /* [S] */
}

/* Closes the short way, and finds where the tail is: in this handle, if it was the last one
 * that was used, else where the stamps end. */
static int settle(struct weft_broadcast *b)
{
        const struct weft_broadcast_view *v = &b->v;
        struct weft_broadcast_near *near = &b->near;
        weft_broadcast_near_set(&near->thread, 0);
        weft_broadcast_near_set(&near->cells, 0);
        if (WEFT_LIKELY(near->pos &&
                        weft_load_acq(&v->sh->limit.hi) == near->turn)) /* [L] */
                return 0;
        near->pos = 0;
        weft_broadcast_near_set(&near->turn, weft_broadcast_unsettle(v, false));
        uint64_t t = weft_broadcast_hint(v);
        int rc = weft_broadcast_tail(v, &t);
        if (!rc)
                near->pos = t;
        return rc;
}

/* The seat is ours. What the last one left half done is taken back. */
static int begin(struct weft_broadcast *b)
{
        const struct weft_broadcast_view *v = &b->v;
        b->near.pos = 0;
        int rc = settle(b);
        if (rc)
                return rc;
        uint64_t t = b->near.pos;
        weft_a64_t *stamp = weft_broadcast_stamp(v, t);
        if (weft_load_rlx(stamp) == 2 * t)
                weft_store_rlx(stamp, weft_broadcast_back(v, t));
        weft_store_rlx(&v->sh->loan, 0);
        weft_store_rel(&v->sh->tail, t); /* [H] */
        return 0;
}

/* Crash in sit: the seat is a dead one's, and who comes next begins as this one would. */
static int sit(struct weft_broadcast *b, uint32_t sig)
{
        const struct weft_broadcast_view *v = &b->v;
        weft_a32_t *producer = &v->sh->producer;
        for (;;) {
                uint32_t who = weft_load_acq(producer); /* [S] */
                if (WEFT_LIKELY(who == sig))
                        return settle(b);
                if (weft_broadcast_is_shut(v))
                        return -EPIPE;
                if (who) {
                        if (weft_agent_life(v->arena, who) != WEFT_GONE)
                                return -EBUSY;
                        /* his recovery has cleared it; if not, it was nobody's */
                        weft_cas_acq_rel(producer, &who, 0); /* [S] */
                        continue;
                }
                if (!weft_cas_acq_rel(producer, &who, sig)) /* [S] LP of sit */
                        continue;
                int rc = begin(b);
                if (rc)
                        (void)!weft_broadcast_leave_one(v, sig);
                return rc;
        }
}

/* The seat, and no loan is out. */
static int sit_to_put(const struct weft_broadcast_op *op)
{
        int rc = sit(op->b, op->agent->sig);
        return !rc && weft_load_rlx(&op->b->v.sh->loan) ? -EBUSY : rc;
}

/* ---- units ------------------------------------------------------------------------------ */

/* Says that what is at p, up to `end`, is being written; who looks for the end, or for what
 * is retained, sees that after a fence. -EAGAIN: the limit has moved, and it is taken back. */
static inline int open_unit(const struct weft_broadcast_view *v, uint64_t p, uint64_t end)
{
        weft_a64_t *stamp = weft_broadcast_stamp(v, p);
        weft_store_rlx(stamp, 2 * p);
        if (WEFT_UNLIKELY(v->fences))
                weft_fence_seq(); /* [P]: who cannot be fenced by others */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (WEFT_LIKELY(end <= weft_load_acq(&v->sh->limit.lo))) /* [L] */
                return 0;
        weft_store_rlx(stamp, weft_broadcast_back(v, p));
        return -EAGAIN;
}

/* Opens for up to `most` elements what comes next, in one unit. Up to where. */
static int open_next(const struct weft_broadcast_view *v, uint64_t p, uint64_t most,
                     uint64_t *end)
{
        const struct weft_units *u = &v->units;
        uint64_t left = u->per - (p & u->low), full = p + (most < left ? most : left);
        for (;;) {
                uint64_t lo = weft_load_acq(&v->sh->limit.lo); /* [L] */
                if (WEFT_UNLIKELY(p >= lo || p >= WEFT_BROADCAST_POSITION_MAX)) {
                        int rc = weft_broadcast_room(v, p);
                        if (rc)
                                return rc;
                        continue;
                }
                *end = full < lo ? full : lo;
                if (WEFT_LIKELY(!open_unit(v, p, *end)))
                        return 0;
        }
}

/* What is in the unit up to `end` is there. */
static inline void close_unit(struct weft_broadcast *b, uint64_t end)
{
        const struct weft_broadcast_view *v = &b->v;
        weft_store_rel(weft_broadcast_stamp(v, end - 1),
                       2 * end - 1); /* [P] LP of publish */
        b->near.pos = weft_pos_normal(&v->units, end);
        weft_store_rel(&v->sh->tail, b->near.pos); /* [H] */
}

/* ---- publishing --------------------------------------------------------------------------- */

static inline uint64_t word_at(const uint8_t *from, uint64_t i)
{
        uint64_t word;
        memcpy(&word, from + i * sizeof word, sizeof word);
        return word;
}

/* Elements from p to `end`, of one unit. */
static void fill(const struct weft_broadcast_view *v, uint64_t p, uint64_t end,
                 const uint8_t *from)
{
        if (!weft_broadcast_is_small(v)) {
                weft_copy_in(weft_broadcast_place(v, p), from, v->element_bytes);
                return;
        }
        weft_a64_t *word = weft_broadcast_what(v, p);
        for (uint64_t n = end - p; n--; from += v->element_bytes)
                weft_store_rlx(word++, weft_broadcast_load(v, from));
        if (!v->lines)
                weft_broadcast_own_soon(v, p);
        else if (!(p & v->units.low) &&
                 p + AHEAD < weft_load_acq(&v->sh->limit.lo)) /* [L] */
                __asm__ volatile(
                        "prefetchw %0" ::"m"(*weft_broadcast_stamp(v, p + AHEAD)));
}

/* The same for words of 8 bytes, line by line, as far as there is known to be room: how
 * many. The limit is looked at for each line, after the last one's stamp: by an old one no
 * more than one line may be opened, for what was in it goes. */
static size_t put_words(struct weft_broadcast *b, const uint8_t *from, size_t n)
{
        const struct weft_broadcast_view *v = &b->v;
        uint64_t lo, p = b->near.pos, k;
        size_t left = n;
        for (; left && p < (lo = weft_load_acq(&v->sh->limit.lo)); left -= k) { /* [L] */
                weft_a64_t *word = weft_broadcast_what(v, p);
                k = WEFT_CAST_WORDS_;
                if (p & v->units.low || left < k || lo - p < k) {
                        k -= p & v->units.low;
                        k = k < left ? k : left;
                        k = k < lo - p ? k : lo - p;
                }
                if (WEFT_UNLIKELY(open_unit(v, p, p + k)))
                        break;
                if (k == WEFT_CAST_WORDS_)
                        weft_copy_in(word, from, WEFT_CAST_WORDS_ * sizeof(uint64_t));
                else
                        for (uint64_t i = 0; i < k; i++)
                                weft_store_rlx(word + i, word_at(from, i));
                weft_store_rel(weft_broadcast_stamp(v, p),
                               2 * (p + k) - 1); /* [P] LP of publish */
                from += k * sizeof(uint64_t);
                p = weft_pos_normal(&v->units, p + k);
                if (!(p & v->units.low) && p + AHEAD < lo)
                        __asm__ volatile("prefetchw %0" ::"m"(
                                *weft_broadcast_stamp(v, p + AHEAD)));
        }
        b->near.pos = p;
        weft_store_rel(&v->sh->tail, p); /* [H] */
        return n - left;
}

/* The next ones may go the short way, if all is as usual. */
static void open_near(struct weft_broadcast *b)
{
        const struct weft_broadcast_view *v = &b->v;
        struct weft_broadcast_near *near = &b->near;
        if (!b->wiped || (v->lines && v->element_bytes != sizeof(uint64_t)) ||
            !weft_broadcast_unit_is_free(v, near->pos))
                return;
        near->version = &v->sh->limit.hi.raw;
        near->words = (void *)v->cells;
        near->mask = v->first - 1;
        near->at = (uintptr_t)v->cells - (near->pos & ~near->mask) * sizeof(uint64_t);
        near->ahead = AHEAD;
        weft_broadcast_near_set(v->lines ? &near->thread : &near->cells,
                                weft_thread_number_);
}

/* ---- the shortest way, which is in <weft/broadcast_inline.h> -------------------------- */

/* The version is another one: what was opened last is taken back. */
void weft_broadcast_retracted_1(weft_broadcast_t *broadcast)
{
        const struct weft_broadcast_view *v = &broadcast->v;
        uint64_t p = broadcast->near.pos;
        weft_store_rlx(weft_broadcast_stamp(v, p), weft_broadcast_back(v, p));
}

/* Somebody sleeps. */
void weft_broadcast_published_1(weft_broadcast_t *broadcast)
{
        weft_wait_signal(&broadcast->v.sh->not_empty, INT32_MAX);
}

/* Crash in publish: before the LP who sits down next takes it back, after it, it is there.
 * What was in the unit goes as soon as that is opened. */
int weft_broadcast_put_one(struct weft_broadcast_op *op)
{
        struct weft_broadcast *b = op->b;
        const struct weft_broadcast_view *v = &b->v;
        uint64_t end;
        int rc = sit_to_put(op);
        op->done = 0;
        while (!rc && op->done < op->n) {
                uint64_t p = b->near.pos;
                if (v->lines && v->element_bytes == sizeof(uint64_t)) {
                        op->done += put_words(b, op->from + op->done * sizeof(uint64_t),
                                              op->n - op->done);
                        p = b->near.pos;
                        if (op->done == op->n)
                                break;
                }
                rc = open_next(v, p, op->n - op->done, &end);
                if (rc)
                        break;
                fill(v, p, end, op->from + op->done * v->element_bytes);
                close_unit(b, end);
                op->done += end - p;
        }
        if (!op->done)
                return rc;
        open_near(b);
        return 0;
}

/* ---- in place ------------------------------------------------------------------------------- */

int weft_broadcast_loan_one(struct weft_broadcast_op *op, void **at)
{
        struct weft_broadcast *b = op->b;
        uint64_t end;
        int rc = sit_to_put(op);
        if (!rc)
                rc = open_next(&b->v, b->near.pos, 1, &end);
        if (rc)
                return rc;
        weft_store_rlx(&b->v.sh->loan, 1);
        *at = weft_broadcast_place(&b->v, b->near.pos);
        return 0;
}

/* Is the loan this thread's? Then where. */
static int find_loan(const struct weft_broadcast_op *op, uint64_t *p)
{
        const struct weft_broadcast_shared *sh = op->b->v.sh;
        if (weft_load_acq(&sh->producer) != op->agent->sig || /* [S] */
            !weft_load_rlx(&sh->loan))
                return -EINVAL;
        int rc = settle(op->b);
        *p = op->b->near.pos;
        return rc;
}

int weft_broadcast_commit_one(struct weft_broadcast_op *op)
{
        uint64_t p;
        int rc = find_loan(op, &p);
        if (rc)
                return rc;
        close_unit(op->b, p + 1);
        weft_store_rlx(&op->b->v.sh->loan, 0);
        return 0;
}

int weft_broadcast_cancel_one(struct weft_broadcast_op *op)
{
        const struct weft_broadcast_view *v = &op->b->v;
        uint64_t p;
        int rc = find_loan(op, &p);
        if (rc)
                return rc;
        weft_store_rlx(weft_broadcast_stamp(v, p), weft_broadcast_back(v, p));
        weft_store_rlx(&v->sh->loan, 0);
        return 0;
}
