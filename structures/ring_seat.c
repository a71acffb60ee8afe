/* structures/ring_seat.c -- the two sides: taken, given up, taken over. */
#include "structures/ring_internal.h"

static struct weft_ring_side_shared *side_of(struct weft_ring *ring, uint32_t side)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        return side == WEFT_RING_PRODUCER ? &sh->push : &sh->pop;
}

/* Goes on where the last holder stopped. Crash in attach: the next one does it again. */
static void take_over(struct weft_ring *ring, struct weft_ring_side_shared *side)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        uint64_t pos = weft_load_rlx(&side->pos);
        (void)weft_ring_draw(side);
        if (side == &sh->push) {
                pos = weft_ring_has_records(ring) ? weft_record_tail(ring, pos)
                                                  : weft_ring_tail(ring, pos);
                weft_store_rlx(&side->pos, pos);
                weft_store_rlx(&side->limit, 0); /* he looks himself */
                return;
        }
        uint64_t seal = weft_load_acq(&sh->seal); /* [L] */
        weft_store_rlx(&side->limit, 0);          /* he looks himself */
        if (seal && pos >= seal)
                weft_store_rlx(&side->pos, pos | WEFT_RING_CLOSED);
        else
                weft_store_rel(&sh->head, pos); /* [O] */
}

/* Who is proved dead is settled by that, which frees his seats; a signature that is
 * nobody's may be replaced. */
static int take(struct weft_ring *ring, struct weft_ring_side_shared *side,
                const struct weft_agent *agent)
{
        uint64_t seat = weft_load_acq(&side->seat); /* [E] */
        do {
                if (seat == agent->sig)
                        return 0;
                if (seat &&
                    weft_agent_life(ring->handle.arena, (uint32_t)seat) == WEFT_ALIVE)
                        return -EBUSY;
        } while (
                !weft_cas_acq_rel(&side->seat, &seat, agent->sig)); /* [E] LP of attach */
        take_over(ring, side);
        return 0;
}

int weft_ring_sit(struct weft_ring *ring, struct weft_ring_side_shared *side,
                  struct weft_agent **agent)
{
        int rc = weft_handle_enter(&ring->handle, agent);
        if (!rc)
                rc = take(ring, side, *agent);
        return rc;
}

/* ---- the short way ------------------------------------------------------------ */

/* Turns are drawn by the holder of the side, so that one handle of his at a time is where
 * the tail is known. Who draws does not know it, but where the stamps end. */
void weft_ring_settle_far(struct weft_ring *ring)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        struct weft_ring_near *near = &ring->near[WEFT_RING_PRODUCER];
        weft_ring_near_set(&near->turn, weft_ring_draw(&sh->push));
        near->pos = weft_ring_tail(ring, weft_load_rlx(&sh->push.pos));
        weft_store_rlx(&sh->push.pos, near->pos);
}

/* Who waits counts himself in, then draws a turn: he is seen here, or this turn is over. */
static bool is_heard(struct weft_ring_shared *sh, enum weft_ring_side which)
{
        if (which == WEFT_RING_CONSUMER)
                return !weft_wait_waiters(&sh->not_full);
        return !weft_wait_waiters(&sh->not_empty) &&
               !weft_load_acq(&sh->closing); /* [C] */
}

void weft_ring_open_near(struct weft_ring *ring, enum weft_ring_side which)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        struct weft_ring_near *near = &ring->near[which];
        struct weft_ring_side_shared *side = side_of(ring, which);
        uint64_t round = (ring->units.mask + 1) * (WEFT_LINE / sizeof(uint64_t));

        if (!ring->wiped)
                return;
        if (weft_load_rlx(&side->turn) != near->turn) {
                weft_ring_near_set(&near->thread, 0);
                weft_ring_near_set(&near->wide, 0);
                weft_ring_near_set(&near->turn, weft_ring_draw(side));
        }
        if (!is_heard(sh, which))
                return;
        if (!ring->words) {
                near->side = &side->seat.raw;
                near->words = (void *)ring->base;
                near->mask = weft_units_first(&ring->units) - 2;
                near->tell = ring->step - 1;
                near->ahead = ring->ahead;
                near->bytes = ring->units.per == 1 ? ring->units.bytes : 0;
                near->half = ring->units.stride / 2;
                weft_ring_near_set(&near->wide, weft_thread_number_);
                return;
        }
        near->side = &side->seat.raw;
        near->words = (void *)ring->base;
        near->mask = round - 1;
        near->tell = ring->step - 1;
        near->ahead = ring->ahead;
        if (which == WEFT_RING_PRODUCER) {
                uint64_t line = near->pos & ~(uint64_t)WEFT_RING_WORDS_;
                if (line + WEFT_RING_WORDS_ > weft_load_rlx(&side->limit))
                        return;
                near->at = (uintptr_t)ring->base -
                           (near->pos & ~near->mask) * sizeof(uint64_t);
        }
        weft_ring_near_set(&near->thread, weft_thread_number_);
}

/* ---- attach, detach ------------------------------------------------------------ */

static int attempt_attach(void *context)
{
        struct weft_ring_op *op = context;
        int rc = take(op->ring, side_of(op->ring, op->side), op->agent);
        return rc == -EBUSY ? -EAGAIN : rc;
}

int weft_ring_attach(weft_ring_t *ring, enum weft_ring_side side, uint64_t deadline)
{
        struct weft_ring_op op = { .ring = ring, .side = side };
        if (!ring || (side != WEFT_RING_PRODUCER && side != WEFT_RING_CONSUMER))
                return -EINVAL;
        int rc = weft_ring_sit(ring, side_of(ring, side), &op.agent);
        if (rc != -EBUSY || deadline == WEFT_NOW)
                return rc;
        return weft_wait_for(op.agent, &weft_ring_sh(ring)->seats, &ring->spin[2],
                             attempt_attach, &op, deadline);
}

/* Crash in detach: it is still held, by the dead; or free, and who waits for it looks by
 * himself. */
int weft_ring_detach(weft_ring_t *ring, enum weft_ring_side side)
{
        struct weft_agent *agent;
        if (!ring || (side != WEFT_RING_PRODUCER && side != WEFT_RING_CONSUMER))
                return -EINVAL;
        int rc = weft_handle_enter(&ring->handle, &agent);
        if (rc)
                return rc;
        uint64_t seat = agent->sig;
        struct weft_ring_side_shared *at = side_of(ring, side);
        if (weft_load_rlx(&at->seat) != seat)
                return -EPERM;
        (void)weft_ring_draw(at);
        if (!weft_cas_acq_rel(&at->seat, &seat, 0)) /* [E] LP */
                return -EPERM;
        weft_wait_signal(&weft_ring_sh(ring)->seats, INT32_MAX);
        return 0;
}
