/* structures/queue_select.c -- what select asks of a queue. */
#include "runtime/waitable.h"
#include "structures/queue_internal.h"

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_queue_shared *sh = handle->sh;
        switch (c->op) {
        case WEFT_OP_PUSH:
                return &sh->not_full;
        case WEFT_OP_POP:
        case WEFT_OP_TAKE:
                return &sh->not_empty;
        default:
                return NULL;
        }
}

/* The calls themselves. Crash in them: as there. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_queue *q = (void *)handle;
        (void)agent;
        switch (c->op) {
        case WEFT_OP_PUSH:
                return weft_queue_push(q, c->from, WEFT_NOW);
        case WEFT_OP_POP:
                return weft_queue_pop(q, c->to, WEFT_NOW);
        default:
                return weft_queue_take(q, c->to, WEFT_NOW);
        }
}

/* ---- looking -------------------------------------------------------------------- */

static int look_for_room(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        struct weft_pair seen = { 0 };
        if (weft_load_acq(&v->sh->closing)) /* [C] */
                return -EPIPE;
        return weft_queue_find_tail(v, &op->mine->tail, &seen);
}

/* The flag may be up for nothing: only a taker takes it down. */
static bool is_returned(struct weft_queue_view *v)
{
        if (!(weft_load_acq(&v->sh->returned) & 1)) /* [R] */
                return false;
        struct weft_queue_hand_shared *h = weft_queue_hand(v, 0);
        for (uint64_t i = 0; h; h = weft_queue_hand(v, ++i)) {
                uint64_t word = weft_load_acq(&h->word); /* [E] */
                if (weft_hand_state(word) == WEFT_HAND_RETURNED)
                        return true;
        }
        return false;
}

/* While it shuts down, who pops would seal it and look on: there is an element, or the
 * end, unless something is leased. */
static int look_for_element(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        struct weft_pair seen = { 0 };
        bool leases = v->flags & WEFT_QUEUE_LEASE;
        if (leases && is_returned(v))
                return 0;
        int rc = weft_queue_find_head(v, &op->mine->head, &seen);
        if (rc == -EAGAIN && weft_load_acq(&v->sh->closing)) /* [C] */
                rc = -EPIPE;
        return rc == -EPIPE && leases ? weft_queue_drained(v) : rc;
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct weft_queue_op op = { 0 };
        (void)agent;
        int rc = weft_queue_begin((void *)handle, &op);
        if (!rc)
                rc = c->op == WEFT_OP_PUSH ? look_for_room(&op) : look_for_element(&op);
        return rc == -EAGAIN ? rc : 0;
}

const struct weft_waitable weft_queue_waitable = { wait_of, do_case, look };
