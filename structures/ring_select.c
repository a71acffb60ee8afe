/* structures/ring_select.c -- what select asks of a ring. */
#include "structures/ring_internal.h"

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_ring_shared *sh = handle->sh;
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
static int do_once(struct weft_ring *ring, struct weft_case *c)
{
        bool records = weft_ring_has_records(ring);
        if (c->op == WEFT_OP_PUSH)
                return records ? weft_ring_push_record(ring, c->from, c->n, WEFT_NOW)
                               : weft_ring_push(ring, c->from, WEFT_NOW);
        if (c->op == WEFT_OP_TAKE)
                return weft_ring_take(ring, c->to, WEFT_NOW);
        if (!records)
                return weft_ring_pop(ring, c->to, WEFT_NOW);
        int64_t n = weft_ring_pop_record(ring, c->to, c->n, WEFT_NOW);
        if (n < 0)
                return (int)n;
        c->n = (uint64_t)n;
        return 0;
}

/* Who is counted in looks again after the others have been ordered. */
static bool is_to_look_again(struct weft_ring *ring, const struct weft_case *c)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        return c->op == WEFT_OP_PUSH
                       ? weft_ring_order(&sh->pop, &ring->ordered[WEFT_RING_PRODUCER])
                       : weft_ring_order(&sh->push, &ring->ordered[WEFT_RING_CONSUMER]);
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_ring *ring = (struct weft_ring *)(void *)handle;
        (void)agent;
        int rc = do_once(ring, c);
        return rc == -EAGAIN && is_to_look_again(ring, c) ? do_once(ring, c) : rc;
}

/* ---- looking: anybody may ----------------------------------------------------------- */

/* By the positions, as their holders left them: the producer's may lag by what is being
 * pushed right now, so its tail is looked for. */
static int look_for_room(struct weft_ring *ring, uint64_t bytes)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        uint64_t head = weft_ring_open_pos(weft_load_acq(&sh->pop.pos)); /* [O] */
        uint64_t t = weft_load_rlx(&sh->push.pos);
        if (weft_ring_has_records(ring)) {
                t = weft_record_tail(ring, t);
                uint64_t room = ring->mask + 1 - WEFT_RING_STEP;
                return t + weft_record_bytes(bytes) > head + room ? -EAGAIN : 0;
        }
        return weft_ring_tail(ring, t) >= weft_pos_limit(&ring->units, head) ? -EAGAIN
                                                                             : 0;
}

static int look_once(struct weft_ring *ring, const struct weft_case *c)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        uint32_t bytes;
        if (weft_load_acq(&sh->closing)) /* [C] what is left, or the end */
                return 0;
        if (c->op == WEFT_OP_PUSH)
                return look_for_room(ring, c->n);
        uint64_t h = weft_load_acq(&sh->pop.pos); /* [O] */
        int rc = weft_ring_has_records(ring) ? weft_record_there(ring, h, &bytes)
                                             : weft_ring_there(ring, h);
        return rc == -EAGAIN ? rc : 0;
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct weft_ring *ring = (struct weft_ring *)(void *)handle;
        (void)agent;
        int rc = look_once(ring, c);
        bool again = is_to_look_again(ring,
                                      c); /* who finds it ready may sleep, too: weft_fd */
        return rc == -EAGAIN && again ? look_once(ring, c) : rc;
}

const struct weft_waitable weft_ring_waitable = { wait_of, do_case, look };
