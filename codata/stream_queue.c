/* codata/stream_queue.c -- queues and channels as sources and as sinks.
 *
 * One that leases: what was pulled is in hand as struct weft_element, which may not move, in
 * blocks of them, until the items are acknowledged. So a killed puller's items come back: the
 * queue sees to it. One who lives gives them back himself (cancel, free, restart).
 *
 * Crash in pull: the items in hand are redelivered. Crash in ack: those that were acknowledged
 * are gone, the others are redelivered, though they have been through the sink: at least once.
 */
#include <stdlib.h>

#include <weft/error.h>
#include <weft/select.h>

#include "codata/stream_internal.h"

#define ELEMENTS 64
#define LOOK (50 * WEFT_MSEC)

struct hand {
        struct hand *next;
        struct weft_element element[ELEMENTS];
};

/* What a queue and a channel have in common. */
struct door {
        int (*take)(void *of, struct weft_element *element, uint64_t deadline);
        int (*ack)(void *of, struct weft_element *element);
        int (*nack)(void *of, struct weft_element *element);
        int64_t (*pop_n)(void *of, void *items, size_t n, uint64_t deadline);
        int64_t (*push_n)(void *of, const void *items, size_t n, uint64_t deadline);
        bool (*dry)(
                void *of); /* nothing is in it, and nothing can come but from leases */
};

struct source {
        const struct door *door;
        void *of;
        struct hand *first, *last; /* `last` is being filled */
        size_t filled;             /* in `last`; all before it are full */
        bool leases;
};

/* ---- leases ---------------------------------------------------------------------- */

/* Where the next element goes; NULL: no memory. */
static struct weft_element *next_element(struct source *q)
{
        if (!q->last || q->filled == ELEMENTS) {
                struct hand *h = q->last ? q->last->next : q->first;
                if (!h) {
                        h = weft_stream_buffer(1, sizeof *h);
                        if (!h)
                                return NULL;
                        h->next = NULL;
                        if (q->last)
                                q->last->next = h;
                        else
                                q->first = h;
                }
                q->last = h;
                q->filled = 0;
        }
        return &q->last->element[q->filled];
}

/* All that is in hand goes: done with, or back. */
static int settle(struct source *q, bool done)
{
        int first = 0;
        for (struct hand *h = q->first; h && q->last; h = h->next) {
                size_t n = h == q->last ? q->filled : ELEMENTS;
                for (size_t i = 0; i < n; i++) {
                        int rc = done ? q->door->ack(q->of, &h->element[i])
                                      : q->door->nack(q->of, &h->element[i]);
                        first = first ? first : rc;
                }
                if (h == q->last)
                        break;
        }
        q->last = NULL;
        q->filled = 0;
        return first;
}

/* With leases of our own in hand (operators that hold items back) a queue that is shut down
 * and empty would wait for them, and so we for ourselves: then that is the end. Nobody
 * wakes us for it, so we look now and then. */
static int first_take(struct source *q, struct weft_element *e, uint64_t deadline)
{
        if (!q->last || (q->last == q->first && !q->filled))
                return q->door->take(q->of, e, deadline);
        for (;;) {
                uint64_t soon = weft_after(LOOK);
                bool last = deadline <= soon;
                int rc = q->door->take(q->of, e, last ? deadline : soon);
                if (!weft_stream_later(rc))
                        return rc;
                if (q->door->dry(q->of))
                        return -EPIPE;
                if (last)
                        return rc;
        }
}

static int64_t lease(const weft_stream_t *s, struct source *q, char *items, size_t n,
                     uint64_t deadline)
{
        for (size_t i = 0; i < n; i++, items += s->item_bytes) {
                struct weft_element *e = next_element(q);
                int rc = !e  ? -ENOMEM
                         : i ? q->door->take(q->of, e, WEFT_NOW)
                             : first_take(q, e, deadline);
                if (rc)
                        return i ? (int64_t)i : rc;
                q->filled++;
                memcpy(items, e->at, s->item_bytes);
        }
        return (int64_t)n;
}

/* ---- the source ---------------------------------------------------------------------- */

static int64_t queue_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct source *q = state;
        int64_t got = q->leases ? lease(s, q, items, n, deadline)
                                : q->door->pop_n(q->of, items, n, deadline);
        return got == -EPIPE ? 0 : got;
}

static int queue_ack(weft_stream_t *s, void *state)
{
        (void)s;
        return settle(state, true);
}

static void queue_cancel(weft_stream_t *s, void *state)
{
        (void)s;
        (void)settle(state, false);
}

static int queue_rewind(weft_stream_t *s, void *state)
{
        (void)s;
        (void)settle(state, false);
        return 0;
}

static int queue_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct source *q = state;
        (void)s;
        if (wait->n == wait->room)
                return -ENOTSUP;
        wait->cases[wait->n++] = (struct weft_case){ .object = q->of,
                                                     .op = WEFT_OP_POP,
                                                     .flags = WEFT_CASE_LOOK };
        return 0;
}

static void queue_free(weft_stream_t *s, void *state)
{
        struct source *q = state;
        (void)s;
        (void)settle(q, false);
        for (struct hand *h = q->first, *next = NULL; h; h = next) {
                next = h->next;
                free(h);
        }
}

static const struct weft_stream_class plain_class = { .name = "queue",
                                                      .pull = queue_pull,
                                                      .cancel = queue_cancel,
                                                      .free = queue_free,
                                                      .ack = queue_ack,
                                                      .wait = queue_wait };
static const struct weft_stream_class lease_class = { .name = "queue",
                                                      .pull = queue_pull,
                                                      .rewind = queue_rewind,
                                                      .cancel = queue_cancel,
                                                      .free = queue_free,
                                                      .ack = queue_ack,
                                                      .wait = queue_wait };

static weft_stream_t *source(const struct door *door, void *of, uint32_t item_bytes,
                             bool leases)
{
        struct source *q = NULL;
        weft_stream_t *s = weft_stream_make(leases ? &lease_class : &plain_class,
                                            sizeof *q, NULL, 0, item_bytes, &q);
        if (q) {
                q->door = door;
                q->of = of;
                q->leases = leases;
        }
        return s;
}

/* ---- the sink -------------------------------------------------------------------------- */

/* Crash in push: what was pushed is there; the rest of the chunk is where it was. */
static int push_some(weft_stream_t *s, const struct door *door, void *of,
                     const char *items, size_t n, uint64_t *count, uint64_t deadline)
{
        for (size_t done = 0; done < n;) {
                int64_t now = door->push_n(of, items + done * s->item_bytes, n - done,
                                           deadline);
                if (now < 0) {
                        if (weft_stream_later(now))
                                weft_stream_put_back(s, done, n - done);
                        return (int)now;
                }
                done += (size_t)now;
                *count += (uint64_t)now;
        }
        return 0;
}

/* `element_bytes`: of what it goes to; or why that could not be said. */
static int sink(weft_stream_t *s, const struct door *door, void *of,
                int64_t element_bytes, uint64_t *n, uint64_t deadline)
{
        uint64_t unasked = 0;
        int64_t rc = !s                      ? -EINVAL
                     : weft_stream_broken(s) ? s->over
                     : element_bytes < 0     ? element_bytes
                                             : 0;
        if (!rc && element_bytes != s->item_bytes) {
                weft_stream_say("sink: elements of %u bytes, items of %u",
                                (unsigned)element_bytes, s->item_bytes);
                rc = -EPROTO;
        }
        while (!rc) {
                void *items = NULL;
                int64_t got = weft_stream_sip(s, &items, deadline);
                if (got <= 0) {
                        rc = got;
                        break;
                }
                rc = push_some(s, door, of, items, (size_t)got, n ? n : &unasked,
                               deadline);
        }
        return (int)weft_stream_sunk(s, rc);
}

/* ---- queues ------------------------------------------------------------------------------ */

static int queue_take(void *of, struct weft_element *element, uint64_t deadline)
{
        return weft_queue_take(of, element, deadline);
}

static int queue_acked(void *of, struct weft_element *element)
{
        return weft_queue_ack(of, element);
}

static int queue_nacked(void *of, struct weft_element *element)
{
        return weft_queue_nack(of, element);
}

static int64_t queue_pop(void *of, void *items, size_t n, uint64_t deadline)
{
        return weft_queue_pop_n(of, items, n, deadline);
}

static int64_t queue_push(void *of, const void *items, size_t n, uint64_t deadline)
{
        return weft_queue_push_n(of, items, n, deadline);
}

static bool queue_dry(void *of)
{
        struct weft_queue_info info;
        return !weft_queue_info(of, &info) && info.shut && !info.length;
}

static const struct door queue_door = { queue_take, queue_acked, queue_nacked,
                                        queue_pop,  queue_push,  queue_dry };

weft_stream_t *weft_stream_queue(weft_queue_t *queue)
{
        struct weft_queue_info info;
        int rc = queue ? weft_queue_info(queue, &info) : -EINVAL;
        if (rc)
                return weft_stream_spoil(NULL, rc, "queue: %s", weft_strerror(rc));
        return source(&queue_door, queue, info.element_bytes,
                      info.flags & WEFT_QUEUE_LEASE);
}

int weft_stream_to_queue(weft_stream_t *s, weft_queue_t *queue, uint64_t *n,
                         uint64_t deadline)
{
        struct weft_queue_info info;
        int64_t rc = queue ? weft_queue_info(queue, &info) : -EINVAL;
        return sink(s, &queue_door, queue, rc ? rc : info.element_bytes, n, deadline);
}

/* ---- channels ------------------------------------------------------------------------------ */

static int channel_take(void *of, struct weft_element *element, uint64_t deadline)
{
        return weft_channel_take(of, element, deadline);
}

static int channel_acked(void *of, struct weft_element *element)
{
        return weft_channel_ack(of, element);
}

static int channel_nacked(void *of, struct weft_element *element)
{
        return weft_channel_nack(of, element);
}

static int64_t channel_recv(void *of, void *items, size_t n, uint64_t deadline)
{
        return weft_channel_recv_n(of, items, n, deadline);
}

static int64_t channel_send(void *of, const void *items, size_t n, uint64_t deadline)
{
        return weft_channel_send_n(of, items, n, deadline);
}

static bool channel_dry(void *of)
{
        struct weft_channel_info info;
        return !weft_channel_info(of, &info) && info.shut && !info.length;
}

static const struct door channel_door = { channel_take, channel_acked, channel_nacked,
                                          channel_recv, channel_send,  channel_dry };

weft_stream_t *weft_stream_channel(weft_channel_t *channel)
{
        struct weft_channel_info info;
        int rc = channel ? weft_channel_info(channel, &info) : -EINVAL;
        if (rc)
                return weft_stream_spoil(NULL, rc, "channel: %s", weft_strerror(rc));
        weft_stream_t *s = source(&channel_door, channel, info.element_bytes,
                                  info.flags & WEFT_CHANNEL_LEASE);
        if (!weft_stream_broken(s))
                s->tag = info.tag;
        return s;
}

int weft_stream_to_channel(weft_stream_t *s, weft_channel_t *channel, uint64_t *n,
                           uint64_t deadline)
{
        struct weft_channel_info info;
        int64_t rc = channel ? weft_channel_info(channel, &info) : -EINVAL;
        if (!rc && s && s->tag && info.tag && s->tag != info.tag) {
                weft_stream_say("to_channel: elements of type %llx, items of %llx",
                                (unsigned long long)info.tag, (unsigned long long)s->tag);
                rc = -EPROTO;
        }
        return sink(s, &channel_door, channel, rc ? rc : info.element_bytes, n, deadline);
}
