/* structures/broadcast.c -- walking, the limit, publishing, shutdown. */
#include "structures/broadcast_internal.h"

/* Before it is said to be full: so the slow one is seen as soon as it moves, and its cursor
 * is not taken from it while it does. */
enum { LOOKS = 8 };

/* ---- walking ------------------------------------------------------------------------ */

uint64_t weft_broadcast_hint(const struct weft_broadcast_view *v)
{
        uint64_t tail = weft_load_acq(&v->sh->tail); /* [H] */
        return tail >= v->first && weft_pos_is_sane(&v->units, tail) ? tail : v->first;
}

int weft_broadcast_walk(const struct weft_broadcast_view *v, uint64_t *pos, uint64_t most)
{
        uint64_t t = *pos;
        for (uint64_t steps = 1;; steps++) {
                uint64_t stamp = weft_load_acq(weft_broadcast_stamp(v, t)); /* [P] */
                stamp &= ~WEFT_BROADCAST_SEALED;
                if (stamp <= 2 * t) {
                        *pos = t;
                        return 0;
                }
                if (stamp >= 2 * WEFT_BROADCAST_POSITION_MAX)
                        return -EUCLEAN;
                t = weft_broadcast_beyond(v, stamp);
                if (WEFT_UNLIKELY(steps >= most)) {
                        *pos = t; /* they run ahead of us: it was there a moment ago */
                        return 0;
                }
                if (steps % 16 == 0) {
                        uint64_t shared = weft_broadcast_hint(v);
                        t = shared > t ? shared : t;
                }
        }
}

void weft_broadcast_tell(const struct weft_broadcast_view *v, uint64_t was, uint64_t now)
{
        if (WEFT_LIKELY((was ^ now) < WEFT_BROADCAST_INTERVAL))
                return;
        uint64_t old = weft_load_rlx(&v->sh->tail);
        while (old < now)
                if (weft_cas_acq_rel(&v->sh->tail, &old, now)) /* [H] */
                        return;
}

/* ---- the limit ------------------------------------------------------------------------ */

/* The least cursor of who must not be overtaken; or the least that they told. */
static uint64_t least_cursor(const struct weft_broadcast_view *v, bool told)
{
        uint64_t least = WEFT_BROADCAST_POSITION_MAX;
        uint32_t n = weft_broadcast_seats(v);
        for (uint32_t i = 0; i < n; i++) {
                const struct weft_broadcast_seat_shared *seat = &v->seats[i];
                uint64_t word = weft_load_acq(&seat->word); /* [J] */
                if (weft_broadcast_state(word) != WEFT_BROADCAST_HERE)
                        continue;
                uint64_t cursor =
                        weft_load_acq(told ? &seat->told : &seat->cursor); /* [N] */
                if (cursor < least)
                        least = cursor;
        }
        return least;
}

int weft_broadcast_room(const struct weft_broadcast_view *v, uint64_t t)
{
        weft_a128_t *limit = &v->sh->limit;
        for (int looks = 0;; looks++) {
                struct weft_pair seen = { 0, weft_load_acq(&limit->hi) }; /* [L] */
                seen.lo = weft_load_acq(&limit->lo);                      /* [L] */
                if (seen.hi & 1)
                        return -EPIPE;
                if (t >= WEFT_BROADCAST_POSITION_MAX)
                        return -EUCLEAN;
                if (t < seen.lo)
                        return 0;
                if (!v->blocks) { /* another version */
                        struct weft_pair now = { WEFT_BROADCAST_POSITION_MAX, seen.hi };
                        if (weft_cas16_acq_rel(limit, &seen, now)) /* [L] */
                                return 0;
                        continue;
                }
                bool told = looks < LOOKS;
                uint64_t least = least_cursor(v, told);
                struct weft_pair now = { weft_broadcast_lap(v, least), seen.hi };
                if (t >= now.lo) {
                        if (!told)
                                return -EAGAIN;
                        weft_pause();
                        continue;
                }
                if (weft_cas16_acq_rel(limit, &seen, now)) /* [L] */
                        return 0;
        }
}

uint64_t weft_broadcast_unsettle(const struct weft_broadcast_view *v, bool shut)
{
        weft_a128_t *limit = &v->sh->limit;
        struct weft_pair seen = { 0, weft_load_acq(&limit->hi) }; /* [L] */
        struct weft_pair now;
        seen.lo = weft_load_acq(&limit->lo); /* [L] */
        do {
                if (shut && seen.hi & 1)
                        return seen.hi;
                now = (struct weft_pair){ 0, (seen.hi + 2) | shut };
        } while (!weft_cas16_acq_rel(limit, &seen, now)); /* [L] LP of shutdown */
        return now.hi;
}

/* ---- publishing ---------------------------------------------------------------------------- */

static void tell_subscribers(const struct weft_broadcast_view *v)
{
        if (v->one && WEFT_UNLIKELY(v->fences))
                weft_fence_seq(); /* [P]: who cannot be fenced by others */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        weft_wait_signal(&v->sh->not_empty, INT32_MAX);
}

static int attempt_put(void *context)
{
        struct weft_broadcast_op *op = context;
        int rc = op->b->v.one ? weft_broadcast_put_one(op) : weft_broadcast_put_many(op);
        /* [edge] What was taken back may have been waited for: then it is the end. */
        if (op->done || rc == -EPIPE)
                tell_subscribers(&op->b->v);
        return rc;
}

static int wait_for_room(struct weft_broadcast_op *op, int (*attempt)(void *),
                         uint64_t deadline)
{
        struct weft_broadcast *b = op->b;
        if (deadline != WEFT_NOW)
                return weft_wait_for(op->agent, &b->v.sh->not_full, &b->spin, attempt, op,
                                     deadline);
        weft_agent_polled(op->agent); /* the slow one may be dead */
        return -EAGAIN;
}

static int put(struct weft_broadcast_op *op, uint64_t deadline)
{
        int rc = weft_handle_enter(&op->b->handle, &op->agent);
        if (WEFT_LIKELY(!rc))
                rc = attempt_put(op);
        return rc == -EAGAIN ? wait_for_room(op, attempt_put, deadline) : rc;
}

static __attribute__((noinline)) int publish_any(struct weft_broadcast *b,
                                                 const void *element, uint64_t deadline)
{
        struct weft_broadcast_op op = { .b = b, .from = element, .n = 1 };
        return b && element ? put(&op, deadline) : -EINVAL;
}

int weft_broadcast_publish(weft_broadcast_t *broadcast, const void *element,
                           uint64_t deadline)
{
        if (WEFT_LIKELY(broadcast && element) &&
            weft_broadcast_put_short(broadcast, element))
                return 0;
        return publish_any(broadcast, element, deadline);
}

int weft_broadcast_publish_far_1(weft_broadcast_t *broadcast, const void *element,
                                 uint64_t deadline)
{
        if (broadcast && element && !broadcast->v.lines &&
            weft_broadcast_put_cell(broadcast, element))
                return 0;
        return publish_any(broadcast, element, deadline);
}

int64_t weft_broadcast_publish_n(weft_broadcast_t *broadcast, const void *elements,
                                 size_t n, uint64_t deadline)
{
        struct weft_broadcast_op op = { .b = broadcast, .from = elements, .n = n };
        if (!broadcast || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        int rc = n ? put(&op, deadline) : 0;
        return rc ? rc : (int64_t)op.done;
}

int weft_broadcast_try_publish(struct weft_broadcast *b, struct weft_agent *agent,
                               const void *element)
{
        struct weft_broadcast_op op = { .b = b, .agent = agent, .from = element, .n = 1 };
        return attempt_put(&op);
}

int weft_broadcast_look_for_room(struct weft_broadcast *b, struct weft_agent *agent)
{
        struct weft_broadcast_view *v = &b->v;
        uint64_t t = weft_broadcast_hint(v);
        (void)agent;
        int rc = weft_broadcast_tail(v, &t);
        return rc ? rc : weft_broadcast_room(v, t);
}

/* ---- in place ------------------------------------------------------------------------------ */

struct loan {
        struct weft_broadcast_op op; /* first */
        void **at;
};

static int attempt_loan(void *context)
{
        struct loan *loan = context;
        int rc = loan->op.b->v.one ? weft_broadcast_loan_one(&loan->op, loan->at)
                                   : weft_broadcast_loan_many(&loan->op, loan->at);
        if (rc == -EPIPE) /* as in attempt_put() */
                tell_subscribers(&loan->op.b->v);
        return rc;
}

int weft_broadcast_loan(weft_broadcast_t *broadcast, void **at, uint64_t deadline)
{
        struct loan loan = { { .b = broadcast }, at };
        if (!broadcast || !at)
                return -EINVAL;
        int rc = weft_handle_enter(&broadcast->handle, &loan.op.agent);
        if (!rc)
                rc = attempt_loan(&loan);
        return rc == -EAGAIN ? wait_for_room(&loan.op, attempt_loan, deadline) : rc;
}

int weft_broadcast_commit(weft_broadcast_t *broadcast, uint64_t deadline)
{
        struct weft_broadcast_op op = { .b = broadcast, .n = 1 };
        if (!broadcast)
                return -EINVAL;
        int rc = weft_handle_enter(&broadcast->handle, &op.agent);
        if (rc)
                return rc;
        if (!broadcast->v.one) {
                rc = attempt_put(&op);
                return rc == -EAGAIN ? wait_for_room(&op, attempt_put, deadline) : rc;
        }
        rc = weft_broadcast_commit_one(&op);
        if (!rc)
                tell_subscribers(&broadcast->v);
        return rc;
}

int weft_broadcast_cancel(weft_broadcast_t *broadcast)
{
        struct weft_broadcast_op op = { .b = broadcast };
        if (!broadcast)
                return -EINVAL;
        int rc = weft_handle_enter(&broadcast->handle, &op.agent);
        if (rc)
                return rc;
        if (!broadcast->v.one)
                return weft_broadcast_cancel_many(&op);
        rc = weft_broadcast_cancel_one(&op);
        if (!rc) /* it may be the end */
                weft_wait_signal(&broadcast->v.sh->not_empty, INT32_MAX);
        return rc;
}

int weft_broadcast_resign(weft_broadcast_t *broadcast)
{
        struct weft_agent *agent;
        if (!broadcast)
                return -EINVAL;
        struct weft_broadcast_view *v = &broadcast->v;
        int rc = weft_handle_enter(&broadcast->handle, &agent);
        if (rc)
                return rc;
        if (weft_load_acq(&v->sh->producer) != agent->sig) /* [S] */
                return -EPERM;
        if (weft_load_rlx(&v->sh->loan))
                return -EBUSY;
        return weft_broadcast_leave_one(v, agent->sig);
}

/* ---- shutdown ------------------------------------------------------------------------------ */

/* MANY. Crash in seal: it is sealed, or who comes to the end does it. */
int weft_broadcast_seal(const struct weft_broadcast_view *v)
{
        uint64_t t = weft_broadcast_hint(v);
        for (;;) {
                int rc = weft_broadcast_tail(v, &t);
                if (rc)
                        return rc;
                weft_a128_t *cell = (weft_a128_t *)(void *)weft_broadcast_unit(v, t);
                struct weft_pair seen = { weft_load_acq(&cell->lo), 0 }; /* [P] */
                seen.hi = weft_load_rlx(&cell->hi);
                if (seen.lo & WEFT_BROADCAST_SEALED)
                        return 0;
                if (seen.lo > 2 * t)
                        continue; /* published meanwhile */
                struct weft_pair sealed = { seen.lo | WEFT_BROADCAST_SEALED, seen.hi };
                if (weft_cas16_acq_rel(cell, &seen, sealed)) /* [P] */
                        return 0;
        }
}

/* Crash in shutdown: after the LP it has happened; the end is found by who comes to it. */
int weft_broadcast_end(const struct weft_broadcast_view *v)
{
        weft_broadcast_unsettle(v, true);
        int rc = v->one ? 0 : weft_broadcast_seal(v);
        weft_wait_signal(&v->sh->not_empty, INT32_MAX);
        weft_wait_signal(&v->sh->not_full, INT32_MAX);
        return rc;
}

int weft_broadcast_shutdown(weft_broadcast_t *broadcast)
{
        struct weft_agent *agent;
        if (!broadcast)
                return -EINVAL;
        int rc = weft_handle_enter(&broadcast->handle, &agent);
        return rc ? rc : weft_broadcast_end(&broadcast->v);
}
