/* structures/ring_record.c -- records: push, pop. */
#include <string.h>

#include "structures/ring_internal.h"

static bool is_sane(uint64_t pos)
{
        return pos < WEFT_STAMP_MAX && pos % WEFT_RING_STEP == 0;
}

/* ---- looking --------------------------------------------------------------- */

static int try_head(const struct weft_ring *ring, uint64_t head, uint64_t t,
                    uint64_t need)
{
        uint64_t room = ring->mask + 1 - WEFT_RING_STEP;
        if (!is_sane(head) || head > t || t - head > room)
                return -EUCLEAN;
        if (need > room - (t - head))
                return -EAGAIN;
        weft_store_rlx(&weft_ring_sh(ring)->push.limit, head + room);
        return 0;
}

int weft_record_room(const struct weft_ring *ring, uint64_t t, uint64_t bytes)
{
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        uint64_t need = weft_record_bytes(bytes);
        uint64_t limit = weft_load_rlx(&sh->push.limit);
        if (WEFT_UNLIKELY(!is_sane(t)))
                return -EUCLEAN;
        if (WEFT_LIKELY(t + need <= limit))
                return 0;
        if (try_head(ring, weft_load_acq(&sh->head), t, need) == 0) /* [O] */
                return 0;
        uint64_t head = weft_load_acq(&sh->pop.pos); /* [O] LP of full */
        return try_head(ring, weft_ring_open_pos(head), t, need);
}

int weft_record_there(const struct weft_ring *ring, uint64_t h, uint32_t *bytes)
{
        struct weft_ring_record_shared *record = weft_record_at(ring, h);
        uint64_t stamp = weft_load_acq(&record->stamp); /* [P] LP of empty */
        if (WEFT_UNLIKELY(!is_sane(h))) {
                bool closed = h & WEFT_RING_CLOSED &&
                              weft_load_acq(&weft_ring_sh(ring)->seal); /* [L] */
                return closed ? -EPIPE : -EUCLEAN;
        }
        if (WEFT_UNLIKELY(stamp != h))
                return stamp ? -EUCLEAN : -EAGAIN;
        *bytes = weft_load_rlx(&record->bytes);
        return WEFT_LIKELY(*bytes <= ring->element_bytes) ? 0 : -EUCLEAN;
}

uint64_t weft_record_tail(const struct weft_ring *ring, uint64_t pos)
{
        uint32_t bytes;
        for (uint64_t i = 0; i <= ring->mask / WEFT_RING_STEP && is_sane(pos); i++) {
                if (weft_record_there(ring, pos, &bytes))
                        break;
                pos += weft_record_bytes(bytes);
        }
        return pos;
}

/* ---- copying ----------------------------------------------------------------- */

/* Crash in push_record: until the stamp nothing has happened, after it all has. */
static int push_record(struct weft_ring_op *op)
{
        struct weft_ring *ring = op->ring;
        struct weft_ring_shared *sh = op->sh;
        uint64_t t = weft_load_rlx(&sh->push.pos);

        if (WEFT_UNLIKELY(weft_load_acq(&sh->closing))) /* [C] */
                return -EPIPE;
        int rc = weft_record_room(ring, t, op->n);
        if (WEFT_UNLIKELY(rc))
                return rc;
        if (WEFT_LIKELY(op->n))
                memcpy(weft_record_at(ring, t) + 1, op->from, op->n);
        uint64_t end = weft_record_stamp(ring, t, (uint32_t)op->n);
        return WEFT_LIKELY(weft_ring_pushed(ring, sh, t, end) == end) ? 0 : -EPIPE;
}

/* Crash in pop_record: until the position is stored nothing has happened. */
static int pop_record(struct weft_ring_op *op)
{
        uint64_t h = weft_load_rlx(&op->sh->pop.pos);
        uint32_t bytes;
        int rc = weft_record_there(op->ring, h, &bytes);
        if (WEFT_UNLIKELY(rc))
                return rc;
        if (WEFT_UNLIKELY(bytes > op->n))
                return -EOVERFLOW;
        if (WEFT_LIKELY(bytes))
                memcpy(op->to, weft_record_at(op->ring, h) + 1, bytes);
        op->done = bytes;
        weft_ring_popped(op->ring, op->sh, h, h + weft_record_bytes(bytes));
        return 0;
}

int weft_ring_push_record(weft_ring_t *ring, const void *record, size_t bytes,
                          uint64_t deadline)
{
        struct weft_ring_op op = {
                .ring = ring, .go = push_record, .from = record, .n = bytes
        };
        if (!ring || (!record && bytes))
                return -EINVAL;
        if (!weft_ring_has_records(ring))
                return -ENOTSUP;
        if (bytes > ring->element_bytes)
                return -EOVERFLOW;
        int rc = weft_ring_begin_push(&op);
        if (WEFT_LIKELY(!rc))
                rc = push_record(&op);
        return WEFT_UNLIKELY(rc == -EAGAIN) ? weft_ring_push_until(&op, deadline) : rc;
}

int64_t weft_ring_pop_record(weft_ring_t *ring, void *record, size_t room,
                             uint64_t deadline)
{
        struct weft_ring_op op = {
                .ring = ring, .go = pop_record, .to = record, .n = room
        };
        if (!ring || (!record && room))
                return -EINVAL;
        if (!weft_ring_has_records(ring))
                return -ENOTSUP;
        int rc = weft_ring_begin_pop(&op);
        if (WEFT_LIKELY(!rc))
                rc = pop_record(&op);
        if (WEFT_UNLIKELY(rc == -EAGAIN))
                rc = weft_ring_pop_until(&op, deadline);
        return WEFT_LIKELY(!rc) ? (int64_t)op.done : rc;
}
