/* structures/broadcast_many.c -- many producers: the one CAS, boxes, desks, the dead. */
#include "structures/broadcast_internal.h"

/* ---- boxes ---------------------------------------------------------------------------- */

static struct weft_broadcast_desk_shared *desk_of_box(struct weft_broadcast_view *v,
                                                      uint64_t n)
{
        n -= v->capacity;
        return n < WEFT_AGENTS_MAX ? weft_desk_at(&v->desks, (uint32_t)n) : NULL;
}

void *weft_broadcast_box(struct weft_broadcast_view *v, uint64_t n)
{
        if (WEFT_LIKELY(n < v->capacity))
                return v->boxes + n * v->box_stride + v->box_lead;
        struct weft_broadcast_desk_shared *home = desk_of_box(v, n);
        weft_ref_t ref = { home ? weft_load_acq(&home->ref) : 0 }; /* [B] */
        return ref.v ? weft_at(v->arena, ref, v->element_bytes) : NULL;
}

weft_a64_t *weft_broadcast_box_stamp(struct weft_broadcast_view *v, uint64_t n)
{
        if (WEFT_LIKELY(n < v->capacity))
                return (weft_a64_t *)(void *)(v->boxes + n * v->box_stride);
        struct weft_broadcast_desk_shared *home = desk_of_box(v, n);
        return home ? &home->stamp : NULL;
}

static uint64_t box_on(const struct weft_broadcast_view *v,
                       const struct weft_broadcast_desk_shared *desk, uint32_t seat)
{
        uint64_t box = weft_load_rlx(&desk->box);
        return box ? box - 1 : v->capacity + seat;
}

/* Gives the box that comes with our desk its memory. Crash in furnish: until the ref is
 * there the block is the dead's and goes with him; after it, recovery hands it over. */
static int furnish(struct weft_broadcast_view *v, struct weft_agent *agent,
                   struct weft_broadcast_desk_shared *desk)
{
        weft_ref_t ref;
        if (WEFT_LIKELY(!v->boxes || weft_load_rlx(&desk->ref)))
                return 0;
        int rc = weft_block_alloc(v->arena, v->element_bytes, &ref, NULL);
        if (rc)
                return rc;
        weft_store_rel(&desk->ref, ref.v); /* [B] */
        return weft_block_pass(v->arena, ref,
                               weft_owner_make(WEFT_OWNER_AGENT, agent->sig), v->owner);
}

static int desk_of(struct weft_broadcast_op *op, struct weft_broadcast_desk_shared **desk)
{
        struct weft_broadcast_view *v = &op->b->v;
        void *at = weft_desk_at(&v->desks, op->agent->index);
        int rc = WEFT_LIKELY(at != NULL) ? 0 : weft_desk_get(&v->desks, op->agent, &at);
        *desk = at;
        return rc ? rc : furnish(v, op->agent, at);
}

/* ---- the swap ----------------------------------------------------------------------------- */

/* Finds where to publish: `*t` and what is in its cell. -EAGAIN full, -EPIPE, -EUCLEAN. */
static int find_place(const struct weft_broadcast_view *v, uint64_t *t,
                      struct weft_pair *seen)
{
        for (;;) {
                weft_a128_t *cell = (weft_a128_t *)(void *)weft_broadcast_unit(v, *t);
                seen->lo = weft_load_acq(&cell->lo); /* [P] */
                seen->hi = weft_load_rlx(&cell->hi);
                if (WEFT_LIKELY(seen->lo == 2 * (*t - v->capacity) + 1)) {
                        if (WEFT_LIKELY(*t < weft_load_acq(&v->sh->limit.lo))) /* [L] */
                                return 0;
                        return weft_broadcast_room(v, *t);
                }
                if (seen->lo & WEFT_BROADCAST_SEALED &&
                    (seen->lo & ~WEFT_BROADCAST_SEALED) <= 2 * *t)
                        return -EPIPE;
                if (seen->lo <= 2 * *t)
                        return -EUCLEAN; /* all before were passed: it cannot lag */
                int rc = weft_broadcast_tail(v, t);
                if (rc)
                        return rc;
        }
}

/*
 * Gives the box y on our desk for the one in the cell.
 *
 * Crash in swap: before the CAS16 nothing has happened, after it all has: recovery finds
 * out which, and finishes what is below it.
 */
static bool swap(struct weft_broadcast_view *v, struct weft_broadcast_desk_shared *desk,
                 uint64_t t, uint64_t y, struct weft_pair *seen)
{
        weft_a128_t *cell = (weft_a128_t *)(void *)weft_broadcast_unit(v, t);
        uint64_t made = 2 * t + 1, x = seen->hi, was = seen->lo;
        weft_a64_t *stamp = weft_broadcast_box_stamp(v, x);
        struct weft_pair give = { made, y };

        if (WEFT_UNLIKELY(!stamp))
                return false;
        weft_store_rlx(&desk->swap, y << 32 | x);
        weft_store_rel(&desk->made, made); /* [I] */
        if (WEFT_UNLIKELY(
                    !weft_cas16_acq_rel(cell, seen, give))) { /* [P] LP of publish */
                weft_store_rel(&desk->made, 0);               /* [I] */
                return false;
        }
        weft_store_rlx(stamp, was);
        weft_store_rlx(&desk->box, x + 1);
        weft_store_rel(&desk->made, 0); /* [I] */
        return true;
}

/* ---- settling: the protocol is in broadcast_shared.h ------------------------------------------ */

static bool somebody_takes(struct weft_broadcast_view *v, uint64_t box, uint64_t after)
{
        uint32_t n = weft_seats_used(v->arena);
        for (uint32_t i = 0; i < n; i++) {
                struct weft_broadcast_desk_shared *d = weft_desk_at(&v->desks, i);
                uint64_t made = d ? weft_load_acq(&d->made) : 0; /* [I] */
                if (made <= after)
                        continue;
                uint64_t swap = weft_load_acq(&d->swap); /* [I] */
                if ((uint32_t)swap == box && weft_load_rlx(&d->made) == made)
                        return true;
        }
        return false;
}

/* Did the CAS of an open intent happen? Its owner does nothing any more. */
static bool has_happened(struct weft_broadcast_view *v, uint64_t made, uint64_t gives)
{
        const weft_a128_t *cell =
                (const weft_a128_t *)(void *)weft_broadcast_unit(v, made / 2);
        uint64_t lo = weft_load_acq(&cell->lo) & ~WEFT_BROADCAST_SEALED; /* [P] */
        if (lo < made)
                return false;
        if (weft_load_acq(&cell->hi) == gives) /* [P] */
                return true;
        if (somebody_takes(v, gives, made))
                return true;
        const weft_a64_t *stamp = weft_broadcast_box_stamp(v, gives);
        return stamp && weft_load_acq(stamp) >= made; /* [I] */
}

/* Crash in settle: the intent is still open, and the answer the same. */
static void settle_intent(struct weft_broadcast_view *v,
                          struct weft_broadcast_desk_shared *desk)
{
        uint64_t made = weft_load_acq(&desk->made); /* [I] */
        if (!made)
                return;
        uint64_t swap = weft_load_rlx(&desk->swap), takes = (uint32_t)swap;
        if (has_happened(v, made, swap >> 32)) {
                weft_a64_t *stamp = weft_broadcast_box_stamp(v, takes);
                if (stamp)
                        weft_store_rlx(stamp, made - 2 * (v->capacity));
                weft_store_rlx(&desk->box, takes + 1);
        }
        weft_store_rel(&desk->made, 0); /* [I] */
}

int weft_broadcast_settle(struct weft_broadcast_view *v, uint32_t sig)
{
        int rc = weft_desks_recover(&v->desks, sig);
        if (rc)
                return rc;
        struct weft_broadcast_desk_shared *desk =
                weft_desk_at(&v->desks, weft_sig_seat(sig));
        if (!desk)
                return 0;
        weft_ref_t ref = { weft_load_acq(&desk->ref) }; /* [B] */
        if (ref.v) /* -ENOENT: it was the ring's already */
                rc = weft_block_pass(v->arena, ref,
                                     weft_owner_make(WEFT_OWNER_AGENT, sig), v->owner);
        if (v->boxes)
                settle_intent(v, desk);
        weft_store_rlx(&desk->loan, 0);
        return rc == -ENOENT ? 0 : rc;
}

/* ---- publishing ------------------------------------------------------------------------------- */

/* Crash in publish: before the CAS16 nothing has happened, after it all has. */
static int put_value(struct weft_broadcast_view *v, uint64_t *t, uint64_t value)
{
        struct weft_pair seen = { 0 };
        for (;;) {
                int rc = find_place(v, t, &seen);
                if (WEFT_UNLIKELY(rc))
                        return rc;
                struct weft_pair now = { 2 * *t + 1, value };
                weft_a128_t *cell = (weft_a128_t *)(void *)weft_broadcast_unit(v, *t);
                if (WEFT_LIKELY(
                            weft_cas16_acq_rel(cell, &seen, now))) /* [P] LP of publish */
                        return 0;
        }
}

/* With `from` NULL the box is full already. */
static int put_box(struct weft_broadcast_view *v, struct weft_broadcast_desk_shared *desk,
                   uint32_t seat, uint64_t *t, const uint8_t *from)
{
        struct weft_pair seen = { 0 };
        uint64_t y = box_on(v, desk, seat);
        for (;;) {
                int rc = find_place(v, t, &seen);
                if (WEFT_UNLIKELY(rc))
                        return rc;
                void *at = weft_broadcast_box(v, y);
                if (WEFT_UNLIKELY(!at || !weft_broadcast_box_stamp(v, seen.hi)))
                        return -EUCLEAN;
                if (from) /* not before there was room: else not worth it */
                        weft_copy_in(at, from, v->element_bytes);
                from = NULL;
                if (WEFT_LIKELY(swap(v, desk, *t, y, &seen)))
                        return 0;
        }
}

static int put_next(struct weft_broadcast_op *op, struct weft_broadcast_desk_shared *desk,
                    uint64_t *t)
{
        struct weft_broadcast_view *v = &op->b->v;
        const uint8_t *from = op->from ? op->from + op->done * v->element_bytes : NULL;
        if (v->boxes)
                return put_box(v, desk, op->agent->index, t, from);
        return put_value(
                v, t,
                weft_broadcast_load(v, from ? (const void *)from : desk->value.raw));
}

int weft_broadcast_put_many(struct weft_broadcast_op *op)
{
        struct weft_broadcast_view *v = &op->b->v;
        struct weft_broadcast_desk_shared *desk;
        bool loaned = !op->from;
        op->done = 0;
        int rc = desk_of(op, &desk);
        if (WEFT_UNLIKELY(rc))
                return rc;
        if (WEFT_UNLIKELY(!weft_load_rlx(&desk->loan) == loaned))
                return loaned ? -EINVAL : -EBUSY;
        uint64_t t = weft_load_rlx(&desk->tail);
        if (WEFT_UNLIKELY(t < v->first || t >= WEFT_BROADCAST_POSITION_MAX))
                t = weft_broadcast_hint(v);
        while (op->done < op->n) {
                rc = put_next(op, desk, &t);
                if (rc)
                        break;
                weft_broadcast_tell(v, t, t + 1);
                t++;
                op->done++;
        }
        weft_store_rlx(&desk->tail, t);
        if (!op->done)
                return rc;
        if (loaned)
                weft_store_rlx(&desk->loan, 0);
        return 0;
}

/* ---- in place ---------------------------------------------------------------------------------- */

int weft_broadcast_loan_many(struct weft_broadcast_op *op, void **at)
{
        struct weft_broadcast_view *v = &op->b->v;
        struct weft_broadcast_desk_shared *desk;
        if (weft_broadcast_is_shut(v))
                return -EPIPE;
        int rc = desk_of(op, &desk);
        if (rc)
                return rc;
        if (weft_load_rlx(&desk->loan))
                return -EBUSY;
        void *to = v->boxes ? weft_broadcast_box(v, box_on(v, desk, op->agent->index))
                            : desk->value.raw;
        if (!to)
                return -EUCLEAN;
        weft_store_rlx(&desk->loan, 1);
        *at = to;
        return 0;
}

int weft_broadcast_cancel_many(struct weft_broadcast_op *op)
{
        struct weft_broadcast_desk_shared *desk =
                weft_desk_at(&op->b->v.desks, op->agent->index);
        if (!desk || !weft_load_rlx(&desk->loan))
                return -EINVAL;
        weft_store_rlx(&desk->loan, 0);
        return 0;
}
