/* structures/queue_element.c -- elements in place: loan, commit, take, ack, nack. */
#include "structures/queue_internal.h"

enum { LOANED = 1, TAKEN = 2 };

/* state: the hand's word (or, without boxes, the element itself), unused, which handle's
 * and what. Of the first two words one is aligned to 16. */
static void fill(struct weft_queue_op *op, struct weft_element *element, unsigned what)
{
        *element = (struct weft_element){ 0 };
        element->at = &element->state[(uintptr_t)element->state % 16 != 0];
        element->state[2] = op->q->serial << 8 | what;
}

static bool is_ours(const struct weft_queue *q, const struct weft_element *element,
                    unsigned what)
{
        return element->state[2] == (q->serial << 8 | what);
}

static int fill_box(struct weft_queue_op *op, struct weft_element *element, unsigned what,
                    struct weft_queue_grip grip, uint64_t word)
{
        fill(op, element, what);
        element->at = weft_box_at(&op->q->v, grip.box);
        element->slot = grip.index;
        element->deliveries = weft_hand_deliveries(word);
        element->state[0] = word;
        return element->at ? 0 : -EUCLEAN;
}

/* The hand of an element in a box; -EINVAL if it is not, or no more, this thread's. */
static int grip_of(struct weft_queue_op *op, const struct weft_element *element,
                   struct weft_queue_grip *grip)
{
        struct weft_queue_view *v = &op->q->v;
        struct weft_queue_hand_shared *hand = weft_queue_hand(v, element->slot);
        uint64_t word = element->state[0];
        if (!hand || weft_hand_sig(word) != op->agent->sig ||
            weft_load_rlx(&hand->word) != word)
                return -EINVAL;
        uint64_t box = weft_load_rlx(&hand->box);
        *grip = (struct weft_queue_grip){ hand, element->slot, (uint32_t)box };
        return weft_box_stamp(v, box) ? 0 : -EUCLEAN;
}

static void put_down(struct weft_queue_op *op, struct weft_queue_grip grip)
{
        weft_store_rel(&grip.hand->word, /* [E] */
                       weft_hand_word(op->agent->sig, WEFT_HAND_HELD, 0));
        weft_queue_ungrip(op, grip);
}

/* Crash in loan: a LOAN is made FREE. */
int weft_queue_loan(weft_queue_t *queue, struct weft_element *element)
{
        struct weft_queue_op op = { 0 };
        if (!queue || !element)
                return -EINVAL;
        if (queue->v.flags & WEFT_QUEUE_BATCH)
                return -ENOTSUP;
        int rc = weft_queue_begin(queue, &op);
        if (rc)
                return rc;
        if (!queue->v.boxes) {
                fill(&op, element, LOANED);
                return 0;
        }
        rc = weft_queue_grip(&op);
        if (rc)
                return rc;
        struct weft_queue_grip grip = op.mine->grips[--op.mine->idle];
        uint64_t word = weft_hand_word(op.agent->sig, WEFT_HAND_LOAN, 0);
        weft_store_rel(&grip.hand->word, word); /* [E] */
        return fill_box(&op, element, LOANED, grip, word);
}

static int attempt_commit(void *context)
{
        struct weft_queue_op *op = context;
        struct weft_queue_view *v = &op->q->v;
        struct weft_queue_grip grip = { 0 };
        uint64_t was = op->mine->tail;

        if (WEFT_UNLIKELY(weft_load_acq(&v->sh->closing))) /* [C] */
                return -EPIPE;
        int rc = grip_of(op, op->element, &grip);
        if (!rc)
                rc = weft_queue_push_grip(v, &grip, &op->mine->tail);
        if (rc)
                return rc;
        put_down(op, grip);
        *op->element = (struct weft_element){ 0 };
        weft_queue_pushed(op, was, 1);
        return 0;
}

int weft_queue_commit(weft_queue_t *queue, struct weft_element *element,
                      uint64_t deadline)
{
        struct weft_queue_op op = { .element = element };
        if (!queue || !element || !is_ours(queue, element, LOANED))
                return -EINVAL;
        if (!queue->v.boxes) {
                int rc = weft_queue_push(queue, element->at, deadline);
                if (!rc)
                        *element = (struct weft_element){ 0 };
                return rc;
        }
        int rc = weft_queue_begin(queue, &op);
        if (!rc)
                rc = attempt_commit(&op);
        if (rc != -EAGAIN || deadline == WEFT_NOW)
                return rc;
        return weft_queue_wait_push(&op, attempt_commit, deadline);
}

static int take_box(struct weft_queue_op *op)
{
        uint64_t was = op->mine->head, word;
        struct weft_queue_grip grip = { 0 };
        int rc;

        if (op->q->v.flags & WEFT_QUEUE_LEASE) {
                rc = weft_queue_take_lease(op, &grip, &word);
        } else {
                word = weft_hand_word(op->agent->sig, WEFT_HAND_LOAN, 0);
                rc = weft_queue_take_next(op, 0);
                if (!rc) {
                        grip = op->mine->grips[--op->mine->idle];
                        weft_store_rel(&grip.hand->word, word); /* [E] */
                }
        }
        if (rc)
                return rc;
        rc = fill_box(op, op->element, TAKEN, grip, word);
        weft_queue_popped(op, was, 1);
        return rc;
}

static int attempt_take(void *context)
{
        struct weft_queue_op *op = context;
        int rc;
        do {
                rc = take_box(op);
                if (WEFT_LIKELY(!rc))
                        return 0;
                rc = weft_queue_at_end(op, rc);
        } while (!rc);
        return rc;
}

int weft_queue_take(weft_queue_t *queue, struct weft_element *element, uint64_t deadline)
{
        struct weft_queue_op op = { .element = element };
        if (!queue || !element)
                return -EINVAL;
        if (queue->v.flags & WEFT_QUEUE_BATCH)
                return -ENOTSUP;
        int rc = weft_queue_begin(queue, &op);
        if (rc)
                return rc;
        if (!queue->v.boxes) {
                fill(&op, element, TAKEN);
                rc = weft_queue_pop(queue, element->at, deadline);
                if (rc)
                        *element = (struct weft_element){ 0 };
                return rc;
        }
        rc = attempt_take(&op);
        if (rc == -EAGAIN && deadline == WEFT_NOW)
                weft_agent_polled(op.agent);
        if (rc != -EAGAIN || deadline == WEFT_NOW)
                return rc;
        return weft_queue_wait_pop(&op, attempt_take, deadline);
}

/* What release, ack and nack begin with. */
static int begin_end(struct weft_queue *q, struct weft_element *element, bool loans,
                     struct weft_queue_op *op, struct weft_queue_grip *grip)
{
        if (!q || !element)
                return -EINVAL;
        if (!is_ours(q, element, TAKEN) && !(loans && is_ours(q, element, LOANED)))
                return -EINVAL;
        int rc = weft_queue_begin(q, op);
        if (!rc && q->v.boxes)
                rc = grip_of(op, element, grip);
        return rc;
}

static int end(struct weft_queue *q, struct weft_element *element, bool loans)
{
        struct weft_queue_op op = { 0 };
        struct weft_queue_grip grip = { 0 };
        int rc = begin_end(q, element, loans, &op, &grip);
        if (rc)
                return rc;
        if (q->v.boxes) {
                uint64_t word = element->state[0];
                if (weft_hand_state(word) == WEFT_HAND_LEASED)
                        rc = weft_queue_end_lease(&op, grip, word);
                else
                        put_down(&op, grip);
        }
        if (!rc)
                *element = (struct weft_element){ 0 };
        return rc;
}

int weft_queue_release(weft_queue_t *queue, struct weft_element *element)
{
        return end(queue, element, true);
}

int weft_queue_ack(weft_queue_t *queue, struct weft_element *element)
{
        return end(queue, element, false);
}

/* Crash in nack: once the hand is RETURNED, recovery raises the flag. */
int weft_queue_nack(weft_queue_t *queue, struct weft_element *element)
{
        struct weft_queue_op op = { 0 };
        struct weft_queue_grip grip = { 0 };
        if (!queue || !(queue->v.flags & WEFT_QUEUE_LEASE))
                return -EINVAL;
        int rc = begin_end(queue, element, false, &op, &grip);
        if (rc)
                return rc;
        uint64_t word = element->state[0];
        if (!grip.hand || weft_hand_state(word) != WEFT_HAND_LEASED)
                return -EINVAL;
        weft_store_rlx(&grip.hand->handle, 0);
        if (!weft_cas_acq_rel(&grip.hand->word, &word, /* [E] */
                              weft_hand_returned(word)))
                return -EINVAL;
        weft_queue_flag_returned(queue->v.sh);
        weft_wait_signal(&queue->v.sh->not_empty, 1);
        *element = (struct weft_element){ 0 };
        return 0;
}
