/* structures/ring_wait.c -- who sleeps and who wakes him; the end. */
#define _GNU_SOURCE

#include "structures/ring_internal.h"

/* ---- waking ---------------------------------------------------------------- */

/* The holder of a side sleeps, or who only looks (select, an fd's helper), or both. If it is
 * one who has been woken and is not up yet, it is not done again: he will look. */
void weft_ring_wake(struct weft_wait_shared *wait)
{
        weft_fence_seq(); /* [W] the store that he waits for, then the count */
        if (weft_wait_waiters(wait) == 1)
                weft_wait_call(wait);
        else
                weft_wait_wake(wait, INT32_MAX);
}

/* ---- sleeping --------------------------------------------------------------- */

bool weft_ring_order(struct weft_ring_side_shared *side, weft_a64_t *ordered)
{
        uint64_t mine = weft_wait_any_counted();
        if (!mine)
                return false;
        if (weft_load_acq(ordered) >= mine) /* [M] since he, or another after him, was */
                return true;
        (void)weft_ring_draw(side);
        if (weft_fence_everybody())
                weft_store_rel(ordered, mine); /* [M] */
        return true;
}

static int try_push(void *context)
{
        struct weft_ring_op *op = context;
        return op->go(op);
}

/* Membarrier interrupts all others, and would come just when they are busy with what is
 * waited for. So who sleeps for the first time sleeps a moment without it: if he has been
 * missed, in the nanoseconds between a store and its being seen, that is all that it costs.
 * A shorter moment would have the clock set anew for each sleep. */
#define SOON_NS (4 * WEFT_MSEC)

#define LOOK_NS SOON_NS /* without membarrier, this often */

static uint64_t within(uint64_t ns, uint64_t deadline)
{
        uint64_t soon = weft_after(ns);
        return soon < deadline ? soon : deadline;
}

/* Counted in: until there is something, or a wake, or the deadline has passed. */
static int sleep_counted(struct weft_ring_op *op, struct weft_wait_one *one,
                         int (*try)(void *), uint64_t deadline)
{
        int rc = try(op);
        if (rc != -EAGAIN)
                return rc;
        weft_wait_any_sleep(one, 1, within(SOON_NS, deadline));
        if (weft_wait_any_moved(one) || weft_now() >= deadline)
                return -EAGAIN;
        if (!weft_fence_everybody()) /* he looks by himself */
                deadline = within(LOOK_NS, deadline);
        while ((rc = try(op)) == -EAGAIN) {
                uint64_t now = weft_now();
                if (weft_wait_any_moved(one) || now >= deadline)
                        break;
                weft_wait_any_sleep(one, 1, deadline);
                weft_wait_any_settle(one, 1, now);
        }
        return rc;
}

/* As weft_wait_for(), but for what is stored without a locked operation. */
static int wait_for(struct weft_ring_op *op, struct weft_wait_shared *wait,
                    struct weft_spin *spin, int (*try)(void *), uint64_t deadline)
{
        struct weft_wait_one one = { .wait = wait, .agent = op->agent };
        int rc = weft_wait_spin(&one, 1, spin, try, op);
        while (rc == -EAGAIN) {
                weft_wait_any_in(&one, 1);
                (void)weft_ring_draw(wait == &op->sh->not_empty ? &op->sh->push
                                                                : &op->sh->pop);
                rc = sleep_counted(op, &one, try, deadline);
                weft_wait_any_out(&one, 1);
                if (rc == -EAGAIN)
                        rc = try(op);
                if (rc != -EAGAIN)
                        break;
                uint64_t now = weft_now();
                weft_wait_any_settle(&one, 1, now);
                if (now >= deadline)
                        return -ETIMEDOUT;
        }
        return rc;
}

int weft_ring_push_until(struct weft_ring_op *op, uint64_t deadline)
{
        if (deadline == WEFT_NOW)
                return -EAGAIN;
        return wait_for(op, &op->sh->not_full, &op->ring->spin[WEFT_RING_PRODUCER],
                        try_push, deadline);
}

/* ---- the end ------------------------------------------------------------------ */

/* Crash in seal: it is set, or the next one does it. */
uint64_t weft_ring_seal(struct weft_ring_shared *sh, uint64_t was, uint64_t now)
{
        uint64_t seal = 0;
        if (weft_cas_acq_rel(&sh->seal, &seal, now) || seal >= now) /* [L] LP of seal */
                return now;
        return seal > was ? seal : was;
}

/* Nothing is there, and it is closing. */
static int end(struct weft_ring_op *op)
{
        struct weft_ring_shared *sh = op->sh;
        uint64_t seal = 0;
        (void)weft_ring_draw(&sh->push); /* if who shut it down came no further */
        weft_fence_for_sure();
        int rc = op->go(op);
        if (rc != -EAGAIN)
                return rc;
        uint64_t h = weft_load_rlx(&sh->pop.pos);
        if (!weft_cas_acq_rel(&sh->seal, &seal, h) && seal > h) { /* [L] LP of seal */
                rc = op->go(op);
                return rc == -EAGAIN ? -EUCLEAN : rc;
        }
        weft_store_rlx(&sh->pop.pos, h | WEFT_RING_CLOSED);
        return -EPIPE;
}

static int try_pop(void *context)
{
        struct weft_ring_op *op = context;
        int rc = op->go(op);
        if (rc != -EAGAIN || WEFT_LIKELY(!weft_load_acq(&op->sh->closing))) /* [C] */
                return rc;
        return end(op);
}

int weft_ring_pop_until(struct weft_ring_op *op, uint64_t deadline)
{
        int rc = weft_load_acq(&op->sh->closing) ? end(op) : -EAGAIN; /* [C] */
        if (rc != -EAGAIN || deadline == WEFT_NOW)
                return rc;
        return wait_for(op, &op->sh->not_empty, &op->ring->spin[WEFT_RING_CONSUMER],
                        try_pop, deadline);
}

/* Crash in shutdown: after the LP it has happened, and who waits looks by himself. Before the
 * turn is drawn a producer may push on by the short way, until he, or the consumer who
 * comes to the end, goes the long one. */
int weft_ring_shutdown(weft_ring_t *ring)
{
        struct weft_agent *agent;
        if (!ring)
                return -EINVAL;
        int rc = weft_handle_enter(&ring->handle, &agent);
        if (rc)
                return rc;
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        (void)weft_swap_acq_rel(&sh->closing, 1); /* [C] LP of shutdown */
        (void)weft_ring_draw(&sh->push);
        weft_wait_signal(&sh->not_empty, INT32_MAX);
        weft_wait_signal(&sh->not_full, INT32_MAX);
        return 0;
}
