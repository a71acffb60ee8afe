/* structures/queue_batch.c -- many elements in a box: queues made for push_n and pop_n. */
#include "structures/queue_internal.h"

static struct weft_queue_batch_shared *batch_at(struct weft_queue_view *v, uint64_t box)
{
        return weft_box_at(v, box);
}

/* While others may refill its box: so it is bounded. */
static uint32_t count_of(const struct weft_queue_batch_shared *b)
{
        uint64_t count = weft_load_rlx(&b->count);
        return count < WEFT_QUEUE_BATCH_ELEMENTS ? (uint32_t)count
                                                 : WEFT_QUEUE_BATCH_ELEMENTS;
}

/* ---- push ------------------------------------------------------------------ */

/* Crash in push_n: each batch of up to 32 is there whole or not at all; see swap. */
int weft_queue_push_batch(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t *tail = &op->mine->tail, was = *tail;
        struct weft_pair seen = { 0 };
        size_t done = 0;

        if (WEFT_UNLIKELY(weft_load_acq(&v->sh->closing))) /* [C] */
                return -EPIPE;
        int rc = weft_queue_grip(op);
        if (WEFT_UNLIKELY(rc))
                return rc;
        struct weft_queue_grip *grip = &op->mine->grips[op->mine->idle - 1];
        while (done < op->n) {
                struct weft_queue_batch_shared *b = batch_at(v, grip->box);
                rc = b ? weft_queue_find_tail(v, tail, &seen) : -EUCLEAN;
                if (rc)
                        break; /* full: not worth a copy */
                size_t n = op->n - done;
                if (n > WEFT_QUEUE_BATCH_ELEMENTS)
                        n = WEFT_QUEUE_BATCH_ELEMENTS;
                weft_store_rlx(&b->count, n);
                weft_copy_in(b + 1, op->from + done * v->element_bytes,
                             n * v->element_bytes);
                rc = weft_queue_push_grip(v, grip, tail);
                if (rc)
                        break;
                done += n;
        }
        if (!done)
                return rc;
        op->done = done;
        weft_queue_pushed(op, was, done);
        return 0;
}

/* ---- pop ------------------------------------------------------------------- */

/* Copies up to `n` elements out of a batch from `offset` on; how many there were to copy
 * is in `*left`. 0: the box is nowhere, or holds no more than `offset`. */
static uint32_t copy_some(struct weft_queue_op *op, uint64_t box, uint32_t offset,
                          size_t n, uint8_t *to, uint32_t *left)
{
        struct weft_queue_view *v = &op->q->v;
        bool near = WEFT_LIKELY(box <= v->mask);
        if (!near)
                weft_read_begin(op->agent);
        const struct weft_queue_batch_shared *b = batch_at(v, box);
        uint32_t count = b ? count_of(b) : 0, some = 0;
        *left = count > offset ? count - offset : 0;
        if (*left) {
                some = n < *left ? (uint32_t)n : *left;
                weft_queue_copy_torn(
                        to, (const uint8_t *)(b + 1) + (size_t)offset * v->element_bytes,
                        some * v->element_bytes);
        }
        if (!near)
                weft_read_end(op->agent);
        return some;
}

/* One step: some elements of the batch at the head. Crash in pop_n: what a step took is the
 * popper's, and dies with it. */
static int pop_some(struct weft_queue_op *op, size_t n, uint8_t *to, size_t *popped)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t *head = &op->mine->head;
        struct weft_pair seen = { 0 };

        for (;;) {
                uint32_t left;
                int rc = weft_queue_find_head(v, head, &seen);
                if (WEFT_UNLIKELY(rc))
                        return rc;
                uint32_t offset = (uint32_t)((seen.lo & WEFT_QUEUE_OFFSET) >>
                                             WEFT_QUEUE_OFFSET_SHIFT);
                uint32_t some = copy_some(op, seen.hi, offset, n, to, &left);
                bool all = some == left;
                uint64_t now =
                        all ? 2 * (*head + v->mask + 1)
                            : seen.lo + ((uint64_t)some << WEFT_QUEUE_OFFSET_SHIFT);
                if (WEFT_LIKELY(weft_cas_acq_rel(/* [P] [O] LP of pop_n */
                                                 &v->cells[*head & v->mask].lo, &seen.lo,
                                                 now))) {
                        *head += all;
                        *popped = some;
                        return some ? 0 : -EUCLEAN; /* hostile: passed, not met again */
                }
        }
}

int weft_queue_pop_batch(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        uint64_t was = op->mine->head;
        size_t done = 0, popped = 0;
        int rc = 0;

        while (done < op->n) {
                rc = pop_some(op, op->n - done, op->to + done * v->element_bytes,
                              &popped);
                if (rc)
                        break;
                done += popped;
        }
        if (op->mine->head != was)
                weft_queue_popped(op, was, (size_t)(op->mine->head - was));
        if (!done)
                return rc;
        op->done = done;
        return 0;
}

/* ---- length ------------------------------------------------------------------ */

uint64_t weft_queue_batch_length(struct weft_queue_view *v, uint64_t head, uint64_t tail)
{
        uint64_t length = 0;
        if (tail - head > v->mask + 1)
                tail = head + v->mask + 1;
        for (uint64_t p = head; p < tail; p++) {
                const weft_a128_t *cell = &v->cells[p & v->mask];
                uint64_t lo = weft_load_acq(&cell->lo); /* [P] */
                if (weft_queue_phase(lo) != 2 * p + 1)
                        continue; /* popped since */
                const struct weft_queue_batch_shared *b =
                        batch_at(v, weft_load_rlx(&cell->hi));
                uint32_t count = b ? count_of(b) : 0;
                uint32_t offset =
                        (uint32_t)((lo & WEFT_QUEUE_OFFSET) >> WEFT_QUEUE_OFFSET_SHIFT);
                length += count > offset ? count - offset : 0;
        }
        return length;
}
