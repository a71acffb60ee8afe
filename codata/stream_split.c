/* codata/stream_split.c -- one stream to two: tee, partition.
 *
 * What both parts share is counted: it goes with the second one. What a part has not had yet
 * lies in its ring. tee and partition differ only in whose ring an item goes to: a pull takes
 * no more from upstream than fits into the ring of the other part, whatever becomes of it.
 */
#include <stdlib.h>

#include "codata/stream_internal.h"

struct ring {
        char *at;
        size_t first, n; /* the items that wait: n from `first` on, around the end */
};

struct split {
        weft_stream_t *up;
        struct weft_call f; /* partition; a tee has none */
        char *scratch;
        char *in; /* partition: `chunk` items */
        size_t room, chunk;
        struct ring ring[2];
        bool open[2], owes[2]; /* owes: has items that it has not acknowledged */
        int refs, over;        /* over: what the function said, 1 while nothing */
        bool tee;
};

struct half {
        struct split *of;
        int which;
};

/* ---- rings ------------------------------------------------------------------------ */

static void put(const struct split *sp, struct ring *r, const char *item)
{
        size_t bytes = sp->up->item_bytes;
        size_t at = r->first + r->n++;
        memcpy(r->at + (at >= sp->room ? at - sp->room : at) * bytes, item, bytes);
}

static size_t get(const struct split *sp, struct ring *r, char *to, size_t n)
{
        size_t bytes = sp->up->item_bytes, run = sp->room - r->first;
        if (n > r->n)
                n = r->n;
        if (n > run)
                n = run;
        memcpy(to, r->at + r->first * bytes, n * bytes);
        r->first = r->first + n == sp->room ? 0 : r->first + n;
        r->n -= n;
        return n;
}

/* ---- pulling ------------------------------------------------------------------------ */

/* What upstream says; of its items `*given` are mine, and at `items`. */
static int64_t tee_more(struct split *sp, int mine, char *items, size_t n,
                        uint64_t deadline, size_t *given)
{
        int64_t got = weft_stream_get(sp->up, items, n, deadline);
        *given = got > 0 ? (size_t)got : 0;
        if (sp->open[!mine])
                for (size_t i = 0; i < *given; i++)
                        put(sp, &sp->ring[!mine], items + i * sp->up->item_bytes);
        return got;
}

static int64_t partition_more(struct split *sp, int mine, char *items, size_t n,
                              uint64_t deadline, size_t *given)
{
        size_t bytes = sp->up->item_bytes;
        int64_t got =
                weft_stream_get(sp->up, sp->in, n < sp->chunk ? n : sp->chunk, deadline);
        for (size_t i = 0; got > 0 && i < (size_t)got; i++) {
                const char *item = sp->in + i * bytes;
                int no = weft_stream_call_one(&sp->f, item, sp->scratch);
                if (no < 0 || no > 1) { /* what came before it is still given */
                        sp->over = weft_stream_blame(no);
                        break;
                }
                if (no == mine)
                        memcpy(items + (*given)++ * bytes, item, bytes);
                else if (sp->open[!mine])
                        put(sp, &sp->ring[!mine], item);
        }
        return got;
}

static int64_t half_pull(weft_stream_t *s, void *state, void *items, size_t n,
                         uint64_t deadline)
{
        const struct half *h = state;
        struct split *sp = h->of;
        (void)s;
        for (;;) {
                size_t given = get(sp, &sp->ring[h->which], items, n);
                int64_t got = 1;
                if (!given) {
                        size_t room = sp->room - sp->ring[!h->which].n;
                        if (sp->over != 1)
                                return sp->over;
                        if (sp->open[!h->which]) {
                                if (!room)
                                        return -EAGAIN; /* the other's turn */
                                n = n < room ? n : room;
                        }
                        got = (sp->tee ? tee_more : partition_more)(sp, h->which, items,
                                                                    n, deadline, &given);
                }
                if (given) {
                        sp->owes[h->which] = true;
                        return (int64_t)given;
                }
                if (got <= 0)
                        return got;
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

/* ---- ends ------------------------------------------------------------------------------ */

static int half_holds(weft_stream_t *s, void *state)
{
        const struct half *h = state;
        (void)s;
        return h->of->ring[h->which].n != 0;
}

/* Upstream's items are done with when both parts say so of theirs. */
static int half_ack(weft_stream_t *s, void *state)
{
        const struct half *h = state;
        struct split *sp = h->of;
        int other = !h->which;
        (void)s;
        sp->owes[h->which] = false;
        if (sp->over != 1) /* items behind the one that failed have been nowhere */
                return 0;
        if (sp->open[other] && (sp->owes[other] || sp->ring[other].n))
                return 0;
        return weft_stream_ack(sp->up);
}

static void half_cancel(weft_stream_t *s, void *state)
{
        const struct half *h = state;
        struct split *sp = h->of;
        (void)s;
        sp->open[h->which] = false;
        sp->ring[h->which].n = 0;
        if (!sp->open[!h->which])
                weft_stream_cancel(sp->up);
}

static void split_free(struct split *sp)
{
        weft_stream_free(sp->up);
        free(sp->ring[0].at);
        free(sp->ring[1].at);
        free(sp->in);
        free(sp->scratch);
        free(sp);
}

static void half_free(weft_stream_t *s, void *state)
{
        const struct half *h = state;
        struct split *sp = h->of;
        if (!sp)
                return;
        half_cancel(s, state); /* it may have ended without one */
        if (--sp->refs == 0)
                split_free(sp);
}

static const struct weft_stream_class tee_class = { .name = "tee",
                                                    .pull = half_pull,
                                                    .cancel = half_cancel,
                                                    .free = half_free,
                                                    .holds = half_holds,
                                                    .ack = half_ack };
static const struct weft_stream_class partition_class = { .name = "partition",
                                                          .pull = half_pull,
                                                          .cancel = half_cancel,
                                                          .free = half_free,
                                                          .holds = half_holds,
                                                          .ack = half_ack };

/* ---- making ------------------------------------------------------------------------------ */

/* Both fail as `broken` has, which is one of them. */
static void fail_both(weft_stream_t *broken, weft_stream_t **a, weft_stream_t **b)
{
        *a = broken;
        *b = weft_stream_failed(weft_stream_error(broken));
}

bool weft_stream_two(weft_stream_t *up, const char *who, weft_stream_t **a,
                     weft_stream_t **b)
{
        if (a && b)
                return true;
        weft_stream_t *broken =
                weft_stream_spoil(up, -EINVAL, "%s: no place for a stream (NULL)", who);
        if (a || b)
                *(a ? a : b) = broken;
        else
                weft_stream_free(broken);
        return false;
}

static struct split *split_make(weft_stream_t *up, size_t room, const struct weft_call *f)
{
        int saved = errno;
        struct split *sp = calloc(1, sizeof *sp);
        errno = saved;
        if (!sp)
                return NULL;
        bool whole = true;
        for (int i = 0; i < 2; i++) {
                sp->ring[i].at = weft_stream_buffer(room, up->item_bytes);
                sp->open[i] = true;
                whole = whole && sp->ring[i].at;
        }
        if (f) {
                sp->f = *f;
                sp->in = weft_stream_buffer(up->chunk, up->item_bytes);
                sp->scratch = weft_stream_buffer(1, weft_stream_scratch(f));
                whole = whole && sp->in && sp->scratch;
        }
        sp->tee = !f;
        sp->room = room;
        sp->chunk = up->chunk;
        sp->over = 1;
        if (whole) {
                sp->up = up;
                return sp;
        }
        split_free(sp);
        return NULL;
}

static void split(const struct weft_stream_class *class_of, weft_stream_t *up,
                  const struct weft_call *f, size_t room, weft_stream_t **out[2])
{
        struct split *sp = split_make(up, room, f);
        struct half *half[2] = { NULL, NULL };
        weft_stream_t *made[2];
        if (!sp) {
                fail_both(weft_stream_spoil(up, -ENOMEM, "%s: no memory", class_of->name),
                          out[0], out[1]);
                return;
        }
        for (int i = 0; i < 2; i++) {
                made[i] = weft_stream_make(class_of, sizeof **half, NULL, 0,
                                           up->item_bytes, &half[i]);
                if (half[i]) {
                        *half[i] = (struct half){ sp, i };
                        made[i]->leases = up->leases;
                        made[i]->tag = up->tag;
                        made[i]->of = up;
                        sp->refs++;
                }
        }
        if (!sp->refs)
                split_free(sp);
        for (int i = 0; i < 2; i++) /* one alone would be wrong without a word */
                if (!half[!i] && half[i])
                        made[i] = weft_stream_spoil(made[i], -ENOMEM, "%s: no memory",
                                                    class_of->name);
        *out[0] = made[0];
        *out[1] = made[1];
}

void weft_stream_tee(weft_stream_t *up, size_t room, weft_stream_t **a, weft_stream_t **b)
{
        weft_stream_t **out[2] = { a, b };
        weft_stream_t *broken = up;
        if (!weft_stream_two(up, "tee", a, b))
                return;
        if (!up)
                broken = weft_stream_spoil(NULL, -EINVAL, "tee: no stream (NULL)");
        else if (!weft_stream_broken(up) && !room)
                broken = weft_stream_spoil(up, -EINVAL, "tee: no room");
        if (weft_stream_broken(broken))
                fail_both(broken, a, b);
        else
                split(&tee_class, up, NULL, room, out);
}

void weft_stream_partition(weft_stream_t *up, struct weft_call f, size_t room,
                           weft_stream_t **yes, weft_stream_t **no)
{
        weft_stream_t **out[2] = { yes, no };
        uint64_t tag = 0;
        if (!weft_stream_two(up, "partition", yes, no))
                return;
        weft_stream_t *broken = weft_stream_check(up, "partition", &f, &tag);
        if (!broken && !room)
                broken = weft_stream_spoil(up, -EINVAL, "partition: no room");
        if (broken)
                fail_both(broken, yes, no);
        else
                split(&partition_class, up, &f, room, out);
}
