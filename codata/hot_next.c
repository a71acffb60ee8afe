/* codata/hot_next.c -- subscriptions: the ring's, with an end and a driver. */
#include <stdlib.h>

#include "codata/hot_internal.h"

/* ---- the end, and the driver's death -------------------------------------------------- */

/* Asked when nothing is there to read. */
static int driver_is_lost(const void *hot)
{
        const struct weft_hot *h = hot;
        return weft_mutex_is_orphaned(h->driver) ? -EOWNERDEAD : -EAGAIN;
}

/* What the ring's -EPIPE means; without an end somebody else has shut it. */
int weft_hot_told(const struct weft_hot_subscriber *s, int rc)
{
        int error;
        if (rc != -EPIPE)
                return rc;
        return weft_hot_end(weft_hot_sh(s->hot), &error) ? error : -EUCLEAN;
}

/* ---- next ------------------------------------------------------------------------------- */

/* Crash in next: what was read counts for nobody: its subscription goes, too. */
int weft_hot_next_far_1(weft_hot_subscriber_t *subscriber, void *item, uint64_t *sequence,
                        uint64_t *lost, uint64_t deadline)
{
        if (WEFT_UNLIKELY(!subscriber || !item))
                return -EINVAL;
        int rc = weft_broadcast_next_far_1(subscriber->ring, item, sequence, lost,
                                           deadline);
        return WEFT_LIKELY(!rc) ? 1 : weft_hot_told(subscriber, rc);
}

int weft_hot_next(weft_hot_subscriber_t *subscriber, void *item, uint64_t *sequence,
                  uint64_t *lost, uint64_t deadline)
{
        if (WEFT_LIKELY(subscriber && item) &&
            WEFT_LIKELY(weft_broadcast_get_short(subscriber->ring, item, sequence, lost)))
                return 1;
        return weft_hot_next_far_1(subscriber, item, sequence, lost, deadline);
}

int64_t weft_hot_next_n(weft_hot_subscriber_t *subscriber, void *items, size_t n,
                        uint64_t *sequence, uint64_t *lost, uint64_t deadline)
{
        if (!subscriber)
                return -EINVAL;
        int64_t rc = weft_broadcast_next_n(subscriber->ring, items, n, sequence, lost,
                                           deadline);
        return WEFT_LIKELY(rc > 0) ? rc : weft_hot_told(subscriber, (int)rc);
}

int weft_hot_take(weft_hot_subscriber_t *subscriber, const void **at, uint64_t *sequence,
                  uint64_t *lost, uint64_t deadline)
{
        if (!subscriber)
                return -EINVAL;
        int rc = weft_broadcast_take(subscriber->ring, at, sequence, lost, deadline);
        return rc ? weft_hot_told(subscriber, rc) : 1;
}

int weft_hot_release(weft_hot_subscriber_t *subscriber)
{
        return subscriber ? weft_broadcast_release(subscriber->ring) : -EINVAL;
}

int weft_hot_seek(weft_hot_subscriber_t *subscriber, enum weft_hot_from from,
                  uint64_t sequence)
{
        return subscriber ? weft_broadcast_seek(subscriber->ring,
                                                (enum weft_broadcast_from)from, sequence)
                          : -EINVAL;
}

int64_t weft_hot_lag(weft_hot_subscriber_t *subscriber)
{
        return subscriber ? weft_broadcast_lag(subscriber->ring) : -EINVAL;
}

uint64_t weft_hot_lost(const weft_hot_subscriber_t *subscriber)
{
        return subscriber ? weft_broadcast_lost(subscriber->ring) : 0;
}

/* ---- select -------------------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_handle *ring = &((struct weft_hot_subscriber *)handle)->ring->handle;
        return ring->kind->waitable->wait(ring, c);
}

/* A select is not to be told to go on waiting by an end. */
static int do_next(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_hot_subscriber *s = (struct weft_hot_subscriber *)handle;
        struct weft_handle *ring = &s->ring->handle;
        int rc = ring->kind->waitable->attempt(ring, agent, c);
        int end = weft_hot_told(s, rc);
        return rc == -EPIPE && !end ? -EPIPE : end;
}

static int look_for_next(struct weft_handle *handle, struct weft_agent *agent,
                         const struct weft_case *c)
{
        struct weft_handle *ring = &((struct weft_hot_subscriber *)handle)->ring->handle;
        return ring->kind->waitable->look(ring, agent, c);
}

static const struct weft_waitable waitable = { wait_of, do_next, look_for_next };

/* Not registered: there is no such object. */
struct weft_kind weft_hot_subscriber_kind = {
        .name = "hot subscriber",
        .waitable = &waitable,
};

/* ---- coming and going ------------------------------------------------------------------------ */

int weft_hot_patient(weft_hot_subscriber_t *subscriber, int patient)
{
        if (!subscriber)
                return -EINVAL;
        subscriber->ring->guarded = subscriber->hot;
        subscriber->ring->guard = patient ? NULL : driver_is_lost;
        return 0;
}

/* Crash in subscribe: as in the ring's. */
int weft_hot_subscribe(weft_hot_t *hot, enum weft_hot_from from, uint64_t sequence,
                       weft_hot_subscriber_t **subscriber)
{
        if (!hot || !subscriber)
                return -EINVAL;
        *subscriber = NULL;
        int saved = errno;
        struct weft_hot_subscriber *s = calloc(1, sizeof *s);
        errno = saved;
        if (!s)
                return -ENOMEM;
        s->handle = hot->handle;
        s->handle.kind = &weft_hot_subscriber_kind;
        s->handle.next = NULL;
        s->hot = hot;
        int rc = weft_broadcast_subscribe(hot->ring, (enum weft_broadcast_from)from,
                                          sequence, &s->ring);
        if (rc) {
                free(s);
                return rc;
        }
        *subscriber = s;
        return weft_hot_patient(s, 0);
}

/* Crash in unsubscribe: as in the ring's. */
void weft_hot_unsubscribe(weft_hot_subscriber_t *subscriber)
{
        if (!subscriber)
                return;
        weft_broadcast_unsubscribe(subscriber->ring);
        free(subscriber);
}
