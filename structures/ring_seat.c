/* structures/ring_seat.c -- the two sides: taken, given up, taken over. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

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
        if (!rc)
                weft_ring_note(ring, side != &weft_ring_sh(ring)->push, (*agent)->sig);
        return rc;
}

/* ---- keys ------------------------------------------------------------------- */

static struct weft_ring_key_local no_keys[2]; /* nobody's */

static size_t page_bytes(void)
{
        return (size_t)sysconf(_SC_PAGESIZE);
}

static void make_near(struct weft_ring *ring, int which)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        ring->near[which] = (struct weft_ring_near){
                .key = (void *)&ring->keys[which],
                .side = which == WEFT_RING_PRODUCER ? &sh->push.seat.raw
                                                    : &sh->pop.seat.raw,
                .words = (void *)ring->base,
                .mask = (ring->units.mask + 1) * (WEFT_LINE / sizeof(uint64_t)) - 1,
                .tell = ring->step - 1,
        };
}

/* Without memory for them everybody goes the long way. */
void weft_ring_keys_make(struct weft_ring *ring)
{
        int saved = errno;
        void *page = !ring->words ? MAP_FAILED
                                  : mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ring->keys = no_keys;
        if (page != MAP_FAILED && madvise(page, page_bytes(), MADV_WIPEONFORK) == 0)
                ring->keys = page;
        else if (page != MAP_FAILED)
                munmap(page, page_bytes());
        errno = saved;
        make_near(ring, WEFT_RING_PRODUCER);
        make_near(ring, WEFT_RING_CONSUMER);
}

bool weft_ring_has_keys(const struct weft_ring *ring)
{
        return ring->keys != no_keys;
}

void weft_ring_keys_drop(struct weft_ring *ring)
{
        if (weft_ring_has_keys(ring))
                munmap(ring->keys, page_bytes());
        ring->keys = no_keys;
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
        if (!weft_cas_acq_rel(&side_of(ring, side)->seat, &seat, 0)) /* [E] LP */
                return -EPERM;
        weft_wait_signal(&weft_ring_sh(ring)->seats, INT32_MAX);
        return 0;
}
