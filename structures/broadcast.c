/* structures/broadcast.c -- walking, the limit, the one producer, publishing, shutdown. */
#include "structures/broadcast_internal.h"

/* ---- walking ------------------------------------------------------------------------ */

uint64_t weft_broadcast_hint(const struct weft_broadcast_view *v)
{
        uint64_t tail = weft_load_acq(&v->sh->tail); /* [H] */
        return tail > v->mask && tail < WEFT_BROADCAST_POSITION_MAX ? tail : v->mask + 1;
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
                t = (stamp + 1) / 2; /* odd: that is there; even: those before it are */
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

/* The least cursor of who must not be overtaken. */
static uint64_t least_cursor(const struct weft_broadcast_view *v)
{
        uint64_t least = WEFT_BROADCAST_POSITION_MAX;
        uint32_t n = weft_broadcast_seats(v);
        for (uint32_t i = 0; i < n; i++) {
                uint64_t word = weft_load_acq(&v->seats[i].word); /* [J] */
                if (weft_broadcast_state(word) != WEFT_BROADCAST_HERE)
                        continue;
                uint64_t cursor = weft_load_acq(&v->seats[i].cursor); /* [N] */
                if (cursor < least)
                        least = cursor;
        }
        return least;
}

int weft_broadcast_room(const struct weft_broadcast_view *v, uint64_t t)
{
        weft_a128_t *limit = &v->sh->limit;
        for (;;) {
                struct weft_pair seen = { 0, weft_load_acq(&limit->hi) }; /* [L] */
                seen.lo = weft_load_acq(&limit->lo);                      /* [L] */
                if (seen.hi & 1)
                        return -EPIPE;
                if (t >= WEFT_BROADCAST_POSITION_MAX)
                        return -EUCLEAN;
                if (t < seen.lo)
                        return 0;
                if (!v->blocks)
                        return -EUCLEAN;
                uint64_t least = least_cursor(v);
                struct weft_pair now = { least + v->mask + 1, seen.hi };
                if (t >= now.lo)
                        return -EAGAIN;
                if (weft_cas16_acq_rel(limit, &seen, now)) /* [L] */
                        return 0;
        }
}

void weft_broadcast_unsettle(const struct weft_broadcast_view *v, bool shut)
{
        weft_a128_t *limit = &v->sh->limit;
        struct weft_pair seen = { 0, weft_load_acq(&limit->hi) }; /* [L] */
        struct weft_pair now;
        seen.lo = weft_load_acq(&limit->lo); /* [L] */
        do {
                if (shut && seen.hi & 1)
                        return;
                now = (struct weft_pair){ 0, (seen.hi + 2) | shut };
        } while (!weft_cas16_acq_rel(limit, &seen, now)); /* [L] LP of shutdown */
}

/* ---- the one producer ------------------------------------------------------------------- */

/* The seat is ours. What the last one left half done is done anew. */
static int begin(const struct weft_broadcast_view *v)
{
        struct weft_broadcast_shared *sh = v->sh;
        uint64_t t = weft_broadcast_hint(v);
        int rc = weft_broadcast_tail(v, &t);
        if (rc)
                return rc;
        weft_a64_t *stamp = weft_broadcast_stamp(v, t);
        if (weft_load_rlx(stamp) == 2 * t)
                weft_store_rlx(stamp, 2 * t - 2);
        weft_store_rlx(&sh->loan, 0);
        weft_store_rel(&sh->tail, t); /* [H] */
        return 0;
}

static int resign(const struct weft_broadcast_view *v, uint32_t sig)
{
        return weft_cas_acq_rel(&v->sh->producer, &sig, 0) ? 0 : -EPERM; /* [S] */
}

/* Crash in sit: the seat is a dead one's, and who comes next begins as this one would. */
static int sit(const struct weft_broadcast_view *v, uint32_t sig)
{
        weft_a32_t *producer = &v->sh->producer;
        for (;;) {
                uint32_t who = weft_load_acq(producer); /* [S] */
                if (WEFT_LIKELY(who == sig))
                        return 0;
                if (weft_broadcast_is_shut(v))
                        return -EPIPE;
                if (who) {
                        if (weft_agent_life(v->arena, who) != WEFT_GONE)
                                return -EBUSY;
                        /* his recovery has cleared it; if not, it was nobody's */
                        weft_cas_acq_rel(producer, &who, 0); /* [S] */
                        continue;
                }
                if (!weft_cas_acq_rel(producer, &who, sig)) /* [S] LP of sit */
                        continue;
                int rc = begin(v);
                if (rc)
                        (void)resign(v, sig);
                return rc;
        }
}

static inline void fence_for_others(const struct weft_broadcast_view *v)
{
        if (WEFT_UNLIKELY(v->fences))
                weft_fence_seq(); /* [P]: who cannot be fenced by others */
        else
                __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Says that position p is being written; who looks for the end, or for what is retained,
 * sees that after a fence. -EAGAIN: the limit has moved, and it is taken back. */
static inline int open_cell(const struct weft_broadcast_view *v, uint64_t p)
{
        weft_a64_t *stamp = weft_broadcast_stamp(v, p);
        weft_store_rlx(stamp, 2 * p);
        fence_for_others(v);
        if (WEFT_LIKELY(p < weft_load_acq(&v->sh->limit.lo))) /* [L] */
                return 0;
        weft_store_rlx(stamp, 2 * p - 2);
        return -EAGAIN;
}

/* Has the next position's cell opened, for us to write into it. */
static int open_next(const struct weft_broadcast_view *v, uint64_t *p)
{
        *p = weft_load_rlx(&v->sh->tail);
        int rc = 0;
        do
                if (WEFT_UNLIKELY(*p >= weft_load_acq(&v->sh->limit.lo) || /* [L] */
                                  *p >= WEFT_BROADCAST_POSITION_MAX))
                        rc = weft_broadcast_room(v, *p);
        while (!rc && WEFT_UNLIKELY(open_cell(v, *p)));
        return rc;
}

static inline void close_cell(const struct weft_broadcast_view *v, uint64_t p)
{
        weft_store_rel(weft_broadcast_stamp(v, p), 2 * p + 1); /* [P] LP of publish */
        weft_store_rel(&v->sh->tail, p + 1);                   /* [H] */
}

static void tell_subscribers(const struct weft_broadcast_view *v)
{
        if (v->one)
                fence_for_others(v);
        weft_wait_signal(&v->sh->not_empty, INT32_MAX);
}

/* Crash in publish: before the LP the position is written anew by who sits down next, after
 * it, it is there. The element that was in the cell goes as soon as it is opened. */
static int put_one(struct weft_broadcast_op *op)
{
        struct weft_broadcast_view *v = &op->b->v;
        const uint8_t *from = op->from;
        uint64_t p;
        size_t done = 0;
        int rc = sit(v, op->agent->sig);
        if (!rc && weft_load_rlx(&v->sh->loan))
                rc = -EBUSY;
        while (!rc && done < op->n) {
                rc = open_next(v, &p);
                if (rc)
                        break;
                if (weft_broadcast_is_small(v)) {
                        weft_broadcast_own_soon(v, p);
                        weft_store_rlx(weft_broadcast_what(v, p),
                                       weft_broadcast_load(v, from));
                } else {
                        weft_copy_in(weft_broadcast_cell(v, p) + v->lead, from,
                                     v->element_bytes);
                }
                close_cell(v, p);
                from += v->element_bytes;
                done++;
        }
        op->done = done;
        if (done)
                tell_subscribers(v);
        return done ? 0 : rc;
}

/* ---- publishing ---------------------------------------------------------------------------- */

static int attempt_put(void *context)
{
        struct weft_broadcast_op *op = context;
        if (op->b->v.one)
                return put_one(op);
        int rc = weft_broadcast_put_many(op);
        if (op->done)
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

void weft_broadcast_wake_subscribers(struct weft_broadcast_shared *sh)
{
        weft_wait_signal(&sh->not_empty, INT32_MAX);
}

int weft_broadcast_publish(weft_broadcast_t *broadcast, const void *element,
                           uint64_t deadline)
{
        if (WEFT_LIKELY(broadcast && element) &&
            weft_broadcast_put_short(broadcast, element))
                return 0;
        return publish_any(broadcast, element, deadline);
}

int weft_broadcast_publish_long(weft_broadcast_t *broadcast, const void *element,
                                uint64_t deadline)
{
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

static int attempt_loan(void *context)
{
        struct weft_broadcast_op *op = context;
        struct weft_broadcast_view *v = &op->b->v;
        uint64_t p;
        int rc = sit(v, op->agent->sig);
        if (!rc && weft_load_rlx(&v->sh->loan))
                rc = -EBUSY;
        if (!rc)
                rc = open_next(v, &p);
        if (!rc)
                weft_store_rlx(&v->sh->loan, 1);
        return rc;
}

int weft_broadcast_loan(weft_broadcast_t *broadcast, void **at, uint64_t deadline)
{
        struct weft_broadcast_op op = { .b = broadcast };
        if (!broadcast || !at)
                return -EINVAL;
        struct weft_broadcast_view *v = &broadcast->v;
        int rc = weft_handle_enter(&broadcast->handle, &op.agent);
        if (rc)
                return rc;
        if (!v->one)
                return weft_broadcast_loan_many(&op, at);
        rc = attempt_loan(&op);
        if (rc == -EAGAIN)
                rc = wait_for_room(&op, attempt_loan, deadline);
        if (!rc)
                *at = weft_broadcast_cell(v, weft_load_rlx(&v->sh->tail)) + v->lead;
        return rc;
}

/* Is the one producer's loan this thread's? */
static bool is_loaned(const struct weft_broadcast_op *op)
{
        struct weft_broadcast_shared *sh = op->b->v.sh;
        return weft_load_acq(&sh->producer) == op->agent->sig && /* [S] */
               weft_load_rlx(&sh->loan);
}

int weft_broadcast_commit(weft_broadcast_t *broadcast, uint64_t deadline)
{
        struct weft_broadcast_op op = { .b = broadcast, .n = 1 };
        if (!broadcast)
                return -EINVAL;
        struct weft_broadcast_view *v = &broadcast->v;
        int rc = weft_handle_enter(&broadcast->handle, &op.agent);
        if (rc)
                return rc;
        if (!v->one) {
                rc = attempt_put(&op);
                return rc == -EAGAIN ? wait_for_room(&op, attempt_put, deadline) : rc;
        }
        if (!is_loaned(&op))
                return -EINVAL;
        close_cell(v, weft_load_rlx(&v->sh->tail));
        weft_store_rlx(&v->sh->loan, 0);
        tell_subscribers(v);
        return 0;
}

int weft_broadcast_cancel(weft_broadcast_t *broadcast)
{
        struct weft_broadcast_op op = { .b = broadcast };
        if (!broadcast)
                return -EINVAL;
        struct weft_broadcast_view *v = &broadcast->v;
        int rc = weft_handle_enter(&broadcast->handle, &op.agent);
        if (rc)
                return rc;
        if (!v->one)
                return weft_broadcast_cancel_many(&op);
        if (!is_loaned(&op))
                return -EINVAL;
        uint64_t p = weft_load_rlx(&v->sh->tail);
        weft_store_rlx(weft_broadcast_stamp(v, p), 2 * p - 2);
        weft_store_rlx(&v->sh->loan, 0);
        weft_wait_signal(&v->sh->not_empty, INT32_MAX); /* it may be the end */
        return 0;
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
        return resign(v, agent->sig);
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
                weft_a128_t *cell = (weft_a128_t *)(void *)weft_broadcast_cell(v, t);
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
