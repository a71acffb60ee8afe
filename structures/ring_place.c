/* structures/ring_place.c -- elements and records where they lie: loan, take, peek. */
#include <string.h>

#include "structures/ring_internal.h"

/* ---- pushing ----------------------------------------------------------------- */

static int loan(struct weft_ring_op *op)
{
        struct weft_ring *ring = op->ring;
        struct weft_ring_shared *sh = op->sh;
        uint64_t t = weft_load_rlx(&sh->push.pos), limit;
        int rc;

        if (WEFT_UNLIKELY(weft_load_acq(&sh->closing))) /* [C] */
                return -EPIPE;
        if (weft_ring_has_records(ring)) {
                rc = weft_record_room(ring, t, op->n);
                op->item->at = weft_record_at(ring, t) + 1;
        } else {
                rc = -EUCLEAN;
                if (weft_pos_is_sane(&ring->units, t))
                        rc = WEFT_LIKELY(t < weft_load_rlx(&sh->push.limit))
                                     ? 0
                                     : weft_ring_room(ring, t, &limit);
                op->item->at = weft_element_at(ring, t);
        }
        op->item->bytes = op->n;
        op->item->state = t;
        return rc;
}

/* Crash in loan: it was a place, and nobody's. */
int weft_ring_loan(weft_ring_t *ring, size_t bytes, struct weft_ring_item *item,
                   uint64_t deadline)
{
        struct weft_ring_op op = { .ring = ring, .go = loan, .item = item, .n = bytes };
        if (!ring || !item)
                return -EINVAL;
        if (!weft_ring_has_records(ring))
                op.n = ring->element_bytes;
        else if (bytes > ring->element_bytes)
                return -EOVERFLOW;
        int rc = weft_ring_begin_push(&op);
        if (WEFT_LIKELY(!rc))
                rc = loan(&op);
        if (WEFT_UNLIKELY(rc == -EAGAIN))
                rc = weft_ring_push_until(&op, deadline);
        if (WEFT_UNLIKELY(rc))
                *item = (struct weft_ring_item){ 0 };
        return rc;
}

/* Crash in commit: as in push. */
int weft_ring_commit(weft_ring_t *ring, const struct weft_ring_item *item, size_t bytes)
{
        struct weft_ring_op op = { .ring = ring };
        if (!ring || !item || !item->at)
                return -EINVAL;
        int rc = weft_ring_begin_push(&op);
        if (WEFT_UNLIKELY(rc))
                return rc;
        uint64_t t = weft_load_rlx(&op.sh->push.pos), end;
        uint64_t limit = weft_load_rlx(&op.sh->push.limit);
        if (WEFT_UNLIKELY(item->state != t || t >= limit))
                return -EINVAL;
        if (WEFT_UNLIKELY(weft_load_acq(&op.sh->closing))) /* [C] */
                return -EPIPE;
        if (weft_ring_has_records(ring)) {
                if (bytes > item->bytes || bytes > ring->element_bytes)
                        return -EOVERFLOW;
                if (WEFT_UNLIKELY(weft_record_bytes(bytes) > limit - t))
                        return -EINVAL;
                end = weft_record_stamp(ring, t, (uint32_t)bytes);
        } else {
                weft_store_rel(weft_unit_stamp(&ring->units, ring->base, t), /* [P] LP */
                               t + 1);
                end = weft_pos_normal(&ring->units, t + 1);
        }
        return WEFT_LIKELY(weft_ring_pushed(ring, op.sh, t, end) == end) ? 0 : -EPIPE;
}

/* ---- popping ----------------------------------------------------------------- */

static int take(struct weft_ring_op *op)
{
        struct weft_ring *ring = op->ring;
        uint64_t h = weft_load_rlx(&op->sh->pop.pos);
        uint32_t bytes = ring->element_bytes;
        int rc;

        if (weft_ring_has_records(ring)) {
                rc = weft_record_there(ring, h, &bytes);
                op->item->at = weft_record_at(ring, h) + 1;
        } else {
                rc = weft_ring_there(ring, h);
                op->item->at = weft_element_at(ring, h & (WEFT_STAMP_MAX - 1));
        }
        op->item->bytes = bytes;
        op->item->state = h;
        return rc;
}

/* Crash in take: it is still in the ring. */
int weft_ring_take(weft_ring_t *ring, struct weft_ring_item *item, uint64_t deadline)
{
        struct weft_ring_op op = { .ring = ring, .go = take, .item = item };
        if (!ring || !item)
                return -EINVAL;
        int rc = weft_ring_begin_pop(&op);
        if (WEFT_LIKELY(!rc))
                rc = take(&op);
        if (WEFT_UNLIKELY(rc == -EAGAIN))
                rc = weft_ring_pop_until(&op, deadline);
        if (WEFT_UNLIKELY(rc))
                *item = (struct weft_ring_item){ 0 };
        return rc;
}

/* Crash in release: until the position is stored it is still in the ring. */
int weft_ring_release(weft_ring_t *ring, const struct weft_ring_item *item)
{
        struct weft_ring_op op = { .ring = ring };
        if (!ring || !item || !item->at)
                return -EINVAL;
        int rc = weft_ring_begin_pop(&op);
        if (WEFT_UNLIKELY(rc))
                return rc;
        uint64_t h = weft_load_rlx(&op.sh->pop.pos);
        if (item->state != h || h & WEFT_RING_CLOSED || item->bytes > ring->element_bytes)
                return -EINVAL;
        uint64_t next = weft_ring_has_records(ring)
                                ? h + weft_record_bytes(item->bytes)
                                : weft_pos_normal(&ring->units, h + 1);
        weft_ring_popped(ring, op.sh, h, next);
        return 0;
}

int64_t weft_ring_peek(weft_ring_t *ring, void *to, size_t room)
{
        struct weft_ring_item item;
        if (!ring || (!to && room))
                return -EINVAL;
        int rc = weft_ring_take(ring, &item, WEFT_NOW);
        if (rc)
                return rc;
        if (room)
                memcpy(to, item.at, item.bytes < room ? item.bytes : room);
        return (int64_t)item.bytes;
}
