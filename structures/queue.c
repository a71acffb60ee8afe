/* structures/queue.c -- elements in cells: push, pop; waiting; shutdown. */
#include <string.h>

#include "structures/queue_internal.h"
#include "structures/queue_word.h"

enum {
        ROOM_MOST = 64,
        ROOM_PAUSES = 128,
        STREAM_LEAST = 2, /* elements in a row */
        STREAM_MOST = 65536,
        LOST_LEAST = 8, /* pauses */
        LOST_MOST = 128,
        LOST_NEAR = 1024, /* positions */
};

/* ---- walking ------------------------------------------------------------- */

/* Now and then a walker looks at the shared hint: others may be far ahead. */
static struct weft_queue_step step_to(const weft_a64_t *hint, uint64_t next)
{
        if (next % 16 == 0) {
                uint64_t shared = weft_load_acq(hint); /* [H] */
                if (shared > next && shared < WEFT_QUEUE_POSITION_MAX)
                        next = shared;
        }
        return (struct weft_queue_step){ next, 0 };
}

static struct weft_queue_step stop_at(uint64_t pos, int rc)
{
        return (struct weft_queue_step){ pos, rc };
}

struct weft_queue_step weft_queue_pass_tail(const struct weft_queue_view *v, uint64_t lo,
                                            uint64_t t)
{
        uint64_t phase = weft_queue_phase(lo), p = phase / 2, n = v->mask + 1;

        if (phase == 2 * (t - n) + 1)
                return stop_at(t, -EAGAIN);
        if (((p ^ t) & v->mask) || p < t || p >= WEFT_QUEUE_POSITION_MAX)
                return stop_at(t, -EUCLEAN); /* all before t were passed: it cannot lag */
        if (lo & WEFT_QUEUE_OFFSET && !(phase & 1))
                return stop_at(t, -EUCLEAN); /* nothing there to have popped a part of */
        if (lo & WEFT_QUEUE_CLOSED)
                return stop_at(p, phase & 1 ? -EUCLEAN : -EPIPE);
        /* Position p was pushed; or it is awaited, and p - n was pushed and popped. */
        return step_to(&v->sh->tail, phase & 1 ? p + 1 : p - n + 1);
}

struct weft_queue_step weft_queue_pass_head(const struct weft_queue_view *v, uint64_t lo,
                                            uint64_t h)
{
        uint64_t phase = weft_queue_phase(lo), p = phase / 2, n = v->mask + 1;

        if (phase == 2 * h)
                return stop_at(h, lo & WEFT_QUEUE_CLOSED ? -EPIPE : -EAGAIN);
        if (((p ^ h) & v->mask) || p <= h || p >= WEFT_QUEUE_POSITION_MAX)
                return stop_at(h, -EUCLEAN);
        return step_to(&v->sh->head, p - n + 1); /* p - n was popped */
}

void weft_queue_publish(weft_a64_t *hint, uint64_t now)
{
        uint64_t old = weft_load_rlx(hint);
        while (old < now)
                if (weft_cas_acq_rel(hint, &old, now)) /* [H] */
                        return;
}

/*
 * Seals the tail, if it is not full. 0, -EAGAIN full, -EPIPE it is sealed, -EUCLEAN.
 *
 * Crash in seal: it is sealed, or the next popper who finds the queue empty does it.
 */
static int seal(const struct weft_queue_view *v, uint64_t *pos)
{
        struct weft_pair seen = { 0 };
        for (;;) {
                int rc = weft_queue_find_tail(v, pos, &seen);
                if (rc)
                        return rc;
                struct weft_pair sealed = { seen.lo | WEFT_QUEUE_CLOSED, seen.hi };
                if (weft_cas16_acq_rel(&v->cells[*pos & v->mask], &seen, /* [P] [O] */
                                       sealed))
                        return 0;
        }
}

/* ---- elements in cells ---------------------------------------------------- */

static inline uint64_t load_value(const struct weft_queue_view *v, const uint8_t *from)
{
        uint64_t value = 0;
        if (WEFT_LIKELY(v->element_bytes == sizeof value))
                memcpy(&value, from, sizeof value);
        else
                memcpy(&value, from, v->element_bytes);
        return value;
}

static inline void store_value(const struct weft_queue_view *v, uint8_t *to,
                               uint64_t value)
{
        if (WEFT_LIKELY(v->element_bytes == sizeof value))
                memcpy(to, &value, sizeof value);
        else
                memcpy(to, &value, v->element_bytes);
}

/* Somebody else was quicker at `pos`. Two who push at once take the line from each other at each
 * element; while one of them waits, the other has it to himself: so he waits the longer, the
 * more often it happens. */
static void lose(struct weft_queue_lost *lost, uint64_t pos)
{
        uint32_t pauses = pos - lost->at < LOST_NEAR ? 2 * lost->pauses : 0;
        if (pauses < LOST_LEAST)
                pauses = LOST_LEAST;
        if (pauses > LOST_MOST)
                pauses = LOST_MOST;
        *lost = (struct weft_queue_lost){ pos, pauses };
        while (pauses--)
                weft_pause();
}

/* Crash in push: before the CAS16 nothing has happened, after it all has. */
static int push_values(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        struct weft_queue_shared *sh = v->sh;
        uint64_t was = op->mine->tail, t = was;
        const uint8_t *from = op->from;
        size_t done = 0;
        int rc = 0;

        if (WEFT_UNLIKELY(weft_load_acq(&sh->closing))) /* [C] */
                return -EPIPE;
        while (done < op->n) {
                struct weft_pair seen = { 0 };
                rc = weft_queue_find_tail(v, &t, &seen);
                if (WEFT_UNLIKELY(rc))
                        break;
                struct weft_pair full = { 2 * t + 1, load_value(v, from) };
                if (WEFT_LIKELY(
                            weft_cas16_acq_rel(/* [P] [O] LP of push */
                                               &v->cells[t & v->mask], &seen, full))) {
                        done++;
                        t++;
                        from += v->element_bytes;
                } else {
                        lose(&op->mine->push_lost, t);
                }
        }
        op->mine->tail = t;
        if (WEFT_UNLIKELY(!done))
                return rc;
        op->done = done;
        weft_queue_hint(&sh->tail, was, t);
        weft_wait_signal(&sh->not_empty, (uint32_t)done);
        return 0;
}

/* Crash in pop: likewise. After the CAS the element is the popper's, and dies with it. */
static int pop_values(struct weft_queue_op *op)
{
        struct weft_queue_view *v = &op->q->v;
        struct weft_queue_shared *sh = v->sh;
        uint64_t was = op->mine->head, h = was;
        uint8_t *to = op->to;
        size_t done = 0;
        int rc = 0;

        while (done < op->n) {
                struct weft_pair seen = { 0 };
                rc = weft_queue_find_head(v, &h, &seen);
                if (WEFT_UNLIKELY(rc))
                        break;
                uint64_t empty = 2 * (h + v->mask + 1);
                if (WEFT_LIKELY(weft_cas_acq_rel(/* [P] [O] LP of pop */
                                                 &v->cells[h & v->mask].lo, &seen.lo,
                                                 empty))) {
                        store_value(v, to, seen.hi);
                        done++;
                        h++;
                        to += v->element_bytes;
                } else {
                        lose(&op->mine->pop_lost, h);
                }
        }
        op->mine->head = h;
        if (WEFT_UNLIKELY(!done))
                return rc;
        op->done = done;
        weft_queue_hint(&sh->head, was, h);
        weft_wait_signal(&sh->not_full, (uint32_t)done);
        return 0;
}

int weft_queue_at_end(struct weft_queue_op *op, int rc)
{
        struct weft_queue_view *v = &op->q->v;
        if (rc == -EPIPE)
                return v->flags & WEFT_QUEUE_LEASE ? weft_queue_drained(v) : rc;
        if (rc != -EAGAIN || WEFT_LIKELY(!weft_load_acq(&v->sh->closing))) /* [C] */
                return rc;
        uint64_t pos = op->mine->head; /* empty: the tail is here, or was */
        rc = seal(v, &pos);
        return rc == -EPIPE || rc == -EAGAIN ? 0 : rc;
}

/* While `cell` is at `phase`; but not for long. True: it is no more. */
static bool let_pass(const weft_a128_t *cell, uint64_t phase)
{
        for (int i = 0; i < ROOM_PAUSES; i++) {
                if (weft_load_rlx(&cell->lo) != phase)
                        return true;
                weft_pause();
        }
        return false;
}

/* So many cells ahead does he look who leaves the other side alone. */
static uint64_t room_of(const struct weft_queue_view *v)
{
        uint64_t n = v->mask + 1;
        return n / 8 < ROOM_MOST ? n / 8 : ROOM_MOST;
}

/* Who waits at a full queue and pushes into each cell as it is popped takes the line away
 * from the popper, whose next element is in it too; and so each waits for that line at each
 * element. So he looks at a cell that comes later, until that is free as well; but not for
 * long, for others may not pop so many. */
bool weft_queue_let_pop(const struct weft_queue_op *op)
{
        const struct weft_queue_view *v = &op->q->v;
        uint64_t room = room_of(v), p = op->mine->tail + room;
        return !room || let_pass(&v->cells[p & v->mask], 2 * (p - v->mask - 1) + 1);
}

/* Who finds it empty looks at each cell as it is pushed, likewise. */
static bool let_push(const struct weft_queue_op *op)
{
        const struct weft_queue_view *v = &op->q->v;
        uint64_t p = op->mine->head + room_of(v);
        return let_pass(&v->cells[p & v->mask], 2 * p);
}

/* It is full, or empty, at `pos`: shall the other side be left alone for a moment, by who does
 * not want to wait? After a stream; and if that was in vain, after a longer one: perhaps it
 * comes in bursts. True: look again. */
static bool leave_alone(struct weft_queue_op *op, struct weft_queue_stream *s,
                        uint64_t pos, bool (*let)(const struct weft_queue_op *op))
{
        uint64_t row = pos - s->from;
        s->from = pos;
        if (row < STREAM_LEAST || row < s->many || room_of(&op->q->v) < STREAM_LEAST)
                return false;
        if (let(op))
                s->many = 0;
        else
                s->many = row < STREAM_MOST / 2 ? 2 * (uint32_t)row : STREAM_MOST;
        return true;
}

/* ---- copying calls --------------------------------------------------------- */

static int attempt_push(void *context)
{
        struct weft_queue_op *op = context;
        if (!op->q->v.boxes)
                return push_values(op);
        return op->q->v.flags & WEFT_QUEUE_BATCH ? weft_queue_push_batch(op)
                                                 : weft_queue_push_boxes(op);
}

static int pop_any(struct weft_queue_op *op)
{
        if (!op->q->v.boxes)
                return pop_values(op);
        return op->q->v.flags & WEFT_QUEUE_BATCH ? weft_queue_pop_batch(op)
                                                 : weft_queue_pop_boxes(op);
}

static int attempt_pop(void *context)
{
        struct weft_queue_op *op = context;
        int rc;
        do {
                rc = pop_any(op);
                if (WEFT_UNLIKELY(rc))
                        rc = weft_queue_at_end(op, rc);
                else
                        return 0;
        } while (!rc);
        return rc;
}

static int64_t push_some(struct weft_queue *q, const void *from, size_t n,
                         uint64_t deadline)
{
        struct weft_queue_op op = { .from = from, .n = n };
        int rc = weft_queue_begin(q, &op);
        if (WEFT_LIKELY(!rc))
                rc = attempt_push(&op);
        if (rc == -EAGAIN && deadline == WEFT_NOW &&
            leave_alone(&op, &op.mine->pushes, op.mine->tail, weft_queue_let_pop))
                rc = attempt_push(&op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_queue_wait_push(&op, attempt_push, deadline);
        return rc ? rc : (int64_t)op.done;
}

static int64_t pop_some(struct weft_queue *q, void *to, size_t n, uint64_t deadline)
{
        struct weft_queue_op op = { .to = to, .n = n };
        int rc = weft_queue_begin(q, &op);
        if (WEFT_LIKELY(!rc))
                rc = attempt_pop(&op);
        if (rc == -EAGAIN && leave_alone(&op, &op.mine->pops, op.mine->head, let_push))
                rc = attempt_pop(&op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_queue_wait_pop(&op, attempt_pop, deadline);
        else if (rc == -EAGAIN && q->v.flags & WEFT_QUEUE_LEASE)
                weft_agent_polled(op.agent);
        return rc ? rc : (int64_t)op.done;
}

/* ---- one word: the rest ------------------------------------------------------- */

static __attribute__((noinline)) int push_one(void *queue, const void *element,
                                              uint64_t deadline)
{
        if (!queue || !element)
                return -EINVAL;
        int64_t n = push_some(queue, element, 1, deadline);
        return n < 0 ? (int)n : 0;
}

static __attribute__((noinline)) int pop_one(void *queue, void *element,
                                             uint64_t deadline)
{
        if (!queue || !element)
                return -EINVAL;
        int64_t n = pop_some(queue, element, 1, deadline);
        return n < 0 ? (int)n : 0;
}

__attribute__((noinline)) int weft_queue_push_told(struct weft_queue_shared *sh,
                                                   uint64_t t)
{
        weft_queue_hint(&sh->tail, t - 1, t);
        weft_wait_signal(&sh->not_empty, 1);
        return 0;
}

__attribute__((noinline)) int weft_queue_pop_told(struct weft_queue_shared *sh,
                                                  uint64_t h)
{
        weft_queue_hint(&sh->head, h - 1, h);
        weft_wait_signal(&sh->not_full, 1);
        return 0;
}

int weft_queue_push(weft_queue_t *queue, const void *element, uint64_t deadline)
{
        return weft_queue_push_word(queue, element, deadline, push_one, queue);
}

int weft_queue_pop(weft_queue_t *queue, void *element, uint64_t deadline)
{
        return weft_queue_pop_word(queue, element, deadline, pop_one, queue);
}

/* ---- batches ------------------------------------------------------------------- */

int64_t weft_queue_push_n(weft_queue_t *queue, const void *elements, size_t n,
                          uint64_t deadline)
{
        if (!queue || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        return n ? push_some(queue, elements, n, deadline) : 0;
}

int64_t weft_queue_pop_n(weft_queue_t *queue, void *elements, size_t n, uint64_t deadline)
{
        if (!queue || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        return n ? pop_some(queue, elements, n, deadline) : 0;
}

/* ---- shutdown -------------------------------------------------------------- */

/* Crash in shutdown: after `closing` is set it has happened; poppers seal, and who
 * waits looks again by himself. */
int weft_queue_shut(const struct weft_queue_view *v, uint64_t pos)
{
        struct weft_queue_shared *sh = v->sh;
        (void)weft_swap_acq_rel(&sh->closing, 1); /* [C] LP of shutdown */
        int rc = seal(v, &pos);
        weft_wait_signal(&sh->not_empty, INT32_MAX);
        weft_wait_signal(&sh->not_full, INT32_MAX);
        return rc == -EPIPE || rc == -EAGAIN ? 0 : rc;
}

int weft_queue_shutdown(weft_queue_t *queue)
{
        struct weft_queue_op op = { 0 };
        if (!queue)
                return -EINVAL;
        int rc = weft_queue_begin(queue, &op);
        return rc ? rc : weft_queue_shut(&queue->v, op.mine->tail);
}
