/* structures/queue_box.c -- elements in boxes: the swap; push, pop; leases. */
#include <string.h>

#include "structures/queue_internal.h"

/* ---- the swap ------------------------------------------------------------- */

/* What a CAS16 would change: cell, what is seen there, and the box's stamp. */
struct spot {
        weft_a128_t *cell;
        struct weft_pair seen;
        weft_a64_t *stamp;
};

/*
 * Gives the box in `grip` for the one in the cell. With `leased`, the hand's new word.
 * The grip was had before the cell was looked at: queue_shared.h counts on it.
 *
 * Crash in swap: before the CAS16 nothing has happened, after it all has: recovery
 * finds out which, and finishes what is below it.
 */
static inline bool swap(struct spot *spot, uint64_t made, struct weft_queue_grip *grip,
                        uint64_t leased)
{
        struct weft_queue_hand_shared *hand = grip->hand;
        uint64_t phase = spot->seen.lo, takes = spot->seen.hi;
        struct weft_pair give = { made, grip->box };

        weft_store_rlx(&hand->swap, (uint64_t)grip->box << 32 | takes);
        weft_store_rel(&hand->phase, phase);  /* [I] */
        if (WEFT_UNLIKELY(!weft_cas16_acq_rel(/* [P] [O] LP of push, take, large pop */
                                              spot->cell, &spot->seen, give))) {
                weft_store_rel(&hand->phase, 0); /* [I] */
                return false;
        }
        weft_store_rlx(spot->stamp, phase);
        weft_store_rlx(&hand->box, takes);
        if (leased)
                weft_store_rel(&hand->word, leased); /* [E] */
        weft_store_rel(&hand->phase, 0);             /* [I] */
        grip->box = (uint32_t)takes;
        return true;
}

/* Where position `*pos` or a later one is pushed. */
static inline int find_room(struct weft_queue_view *v, uint64_t *pos, struct spot *spot)
{
        int rc = weft_queue_find_tail(v, pos, &spot->seen);
        if (WEFT_UNLIKELY(rc))
                return rc;
        spot->cell = &v->cells[*pos & v->mask];
        spot->stamp = weft_box_stamp(v, spot->seen.hi);
        return WEFT_LIKELY(spot->stamp != NULL) ? 0 : -EUCLEAN;
}

static inline int find_element(struct weft_queue_view *v, uint64_t *pos,
                               struct spot *spot)
{
        int rc = weft_queue_find_head(v, pos, &spot->seen);
        if (WEFT_UNLIKELY(rc))
                return rc;
        spot->cell = &v->cells[*pos & v->mask];
        spot->stamp = weft_box_stamp(v, spot->seen.hi);
        return WEFT_LIKELY(spot->stamp != NULL) ? 0 : -EUCLEAN;
}

/* The phase that a pop at `pos` makes. */
static inline uint64_t emptied(const struct weft_queue_view *v, uint64_t pos)
{
        return 2 * (pos + v->mask + 1);
}

/* ---- push ------------------------------------------------------------------ */

/* Pushes what is in the grip. Crash in push: see swap. */
int weft_queue_push_grip(struct weft_queue_view *v, struct weft_queue_grip *grip,
                         uint64_t *pos)
{
        struct spot spot = { 0 };
        int rc;
        do {
                rc = find_room(v, pos, &spot);
                if (WEFT_UNLIKELY(rc))
                        return rc;
        } while (WEFT_UNLIKELY(!swap(&spot, 2 * *pos + 1, grip, 0)));
        ++*pos;
        return 0;
}

void weft_queue_pushed(struct weft_queue_op *op, uint64_t was, size_t n)
{
        struct weft_queue_shared *sh = op->q->v.sh;
        weft_queue_hint(&sh->tail, was, op->mine->tail);
        weft_wait_signal(&sh->not_empty, (uint32_t)n);
}

void weft_queue_popped(struct weft_queue_op *op, uint64_t was, size_t n)
{
        struct weft_queue_shared *sh = op->q->v.sh;
        weft_queue_hint(&sh->head, was, op->mine->head);
        weft_wait_signal(&sh->not_full, (uint32_t)n);
}

int weft_queue_push_boxes(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t *tail = &op->mine->tail, was = *tail;
        struct weft_pair seen = { 0 };
        size_t done = 0;
        int rc = 0;

        if (WEFT_UNLIKELY(weft_load_acq(&v->sh->closing))) /* [C] */
                return -EPIPE;
        rc = weft_queue_grip(op);
        if (WEFT_UNLIKELY(rc))
                return rc;
        struct weft_queue_grip *grip = &op->mine->grips[op->mine->idle - 1];
        while (done < op->n) {
                void *at = weft_box_at(v, grip->box);
                rc = at ? weft_queue_find_tail(v, tail, &seen) : -EUCLEAN;
                if (rc)
                        break; /* full: not worth a copy */
                weft_copy_in(at, op->from + done * v->element_bytes, v->element_bytes);
                rc = weft_queue_push_grip(v, grip, tail);
                if (rc)
                        break;
                done++;
        }
        if (!done)
                return rc;
        op->done = done;
        weft_queue_pushed(op, was, done);
        return 0;
}

/* ---- pop ------------------------------------------------------------------- */

/* A copy that may be torn, and is thrown away then. ThreadSanitizer must not see it: who
 * fills a loan meanwhile writes plainly. */
#ifdef WEFT_TSAN
__attribute__((no_sanitize("thread"), noinline)) void
weft_queue_copy_torn(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
        const volatile uint8_t *f = from;
        for (volatile uint8_t *t = to; bytes--;)
                *t++ = *f++;
}
#else
void weft_queue_copy_torn(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
        weft_copy_out(to, from, bytes);
}
#endif

/* Copies the element of a box out that others may take and refill meanwhile. */
static bool copy_unowned(struct weft_queue_op *op, uint64_t box, uint8_t *to)
{
        struct weft_queue_view *v = &op->q->v;
        if (WEFT_LIKELY(box <= v->mask)) {
                weft_queue_copy_torn(to, weft_box_at(v, box), v->element_bytes);
                return true;
        }
        weft_read_begin(op->agent);
        const void *at = weft_box_at(v, box);
        if (at)
                weft_queue_copy_torn(to, at, v->element_bytes);
        weft_read_end(op->agent);
        return at != NULL;
}

/* Copies first: the box stays in its cell, so that a pop leaves nothing to settle.
 * Crash in peek: before the CAS nothing has happened, after it all has. */
static int pop_peek(struct weft_queue_op *op, uint8_t *to)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t *head = &op->mine->head;
        struct spot spot = { 0 };

        for (;;) {
                int rc = find_element(v, head, &spot);
                if (WEFT_UNLIKELY(rc))
                        return rc;
                bool there = copy_unowned(op, spot.seen.hi, to);
                if (WEFT_LIKELY(weft_cas_acq_rel(/* [P] [O] LP of small pop */
                                                 &spot.cell->lo, &spot.seen.lo,
                                                 emptied(v, *head)))) {
                        ++*head;
                        return there ? 0 : -EUCLEAN;
                }
        }
}

/* Takes the next element into the top grip. */
int weft_queue_take_next(struct weft_queue_op *op, uint64_t leased)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t *head = &op->mine->head;
        struct spot spot = { 0 };
        int rc = weft_queue_grip(op);

        if (WEFT_UNLIKELY(rc)) { /* no memory: but if it is empty, say that */
                int end = rc == -ENOSPC ? find_element(v, head, &spot) : 0;
                return end ? end : rc;
        }
        struct weft_queue_grip *grip = &op->mine->grips[op->mine->idle - 1];
        do {
                rc = find_element(v, head, &spot);
                if (WEFT_UNLIKELY(rc))
                        return rc;
        } while (WEFT_UNLIKELY(!swap(&spot, emptied(v, *head), grip, leased)));
        ++*head;
        return 0;
}

static int pop_swap(struct weft_queue_op *op, uint8_t *to)
{
        struct weft_queue_view *v = &op->q->v;
        int rc = weft_queue_take_next(op, 0);
        if (WEFT_UNLIKELY(rc))
                return rc;
        const void *at = weft_box_at(v, op->mine->grips[op->mine->idle - 1].box);
        if (WEFT_UNLIKELY(!at))
                return -EUCLEAN;
        weft_copy_out(to, at, v->element_bytes);
        return 0;
}

/* Starts a lease: what was returned first. */
int weft_queue_take_lease(struct weft_queue_op *op, struct weft_queue_grip *grip,
                          uint64_t *word)
{
        int rc = weft_queue_take_returned(op, grip, word);
        if (rc != -EAGAIN)
                return rc;
        *word = weft_hand_word(op->agent->sig, WEFT_HAND_LEASED, 0);
        rc = weft_queue_take_next(op, *word);
        if (!rc)
                *grip = op->mine->grips[--op->mine->idle];
        return rc;
}

/* Ends a lease. Crash in ack: before the LP it is redelivered, after it never. */
int weft_queue_end_lease(struct weft_queue_op *op, struct weft_queue_grip grip,
                         uint64_t word)
{
        struct weft_queue_shared *sh = op->q->v.sh;
        uint64_t held = weft_hand_word(op->agent->sig, WEFT_HAND_HELD, 0);
        if (!weft_cas_acq_rel(&grip.hand->word, &word, held)) /* [E] LP of ack */
                return -EINVAL;
        if (WEFT_UNLIKELY(weft_load_acq(&sh->closing))) /* [C] it may be the last one */
                weft_wait_signal(&sh->not_empty, INT32_MAX);
        weft_queue_ungrip(op, grip);
        return 0;
}

/* Crash in pop of a leasing queue: until it is acknowledged here, it is redelivered. */
static int pop_lease(struct weft_queue_op *op, uint8_t *to)
{
        struct weft_queue_view *v = &op->q->v;
        struct weft_queue_grip grip = { 0 };
        uint64_t word;
        int rc = weft_queue_take_lease(op, &grip, &word);
        if (rc)
                return rc;
        const void *at = weft_box_at(v, grip.box);
        if (at)
                weft_copy_out(to, at, v->element_bytes);
        rc = weft_queue_end_lease(op, grip, word);
        return at ? rc : -EUCLEAN;
}

int weft_queue_pop_boxes(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t was = op->mine->head;
        size_t done = 0;
        int rc = 0;

        while (done < op->n) {
                uint8_t *to = op->to + done * v->element_bytes;
                if (v->flags & WEFT_QUEUE_LEASE)
                        rc = pop_lease(op, to);
                else if (v->element_bytes <= WEFT_QUEUE_PEEK_MAX)
                        rc = pop_peek(op, to);
                else
                        rc = pop_swap(op, to);
                if (rc)
                        break;
                done++;
        }
        if (!done)
                return rc;
        op->done = done;
        weft_queue_popped(op, was, done);
        return 0;
}
