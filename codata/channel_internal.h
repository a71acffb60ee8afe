/* codata/channel_internal.h -- a channel in this process. */
#ifndef WEFT_CODATA_CHANNEL_INTERNAL_H
#define WEFT_CODATA_CHANNEL_INTERNAL_H

#include <errno.h>

#include <weft/channel.h>
#include <weft/rendezvous.h>

#include "codata/channel_shared.h"
#include "runtime/waitable.h"
#include "structures/queue_internal.h"

struct weft_channel {
        struct weft_handle handle;  /* first */
        weft_queue_t *straight_in;  /* what a send comes to, if it is one call; or NULL */
        weft_queue_t *straight_out; /* a receive */
        weft_queue_t *queue;        /* the part; or NULL: */
        weft_rendezvous_t *rendezvous;
        struct weft_handle *part; /* either of them, and where it has its users sleep */
        struct weft_wait_shared *wait_send, *wait_recv;
        uint64_t tag; /* checked copies */
        uint32_t element_bytes;
        uint32_t policy;
        uint32_t flags;
        struct weft_spin spin; /* of receivers */
};

extern struct weft_kind weft_channel_kind;
extern const struct weft_waitable weft_channel_waitable; /* channel_select.c */
const struct weft_meeting *weft_channel_meeting(struct weft_handle *handle);

static inline struct weft_channel_shared *weft_channel_shared(const weft_channel_t *ch)
{
        return ch->handle.sh;
}

static inline bool weft_channel_is_cancelled(const weft_channel_t *ch)
{
        return WEFT_UNLIKELY(weft_tally_get(&weft_channel_shared(ch)->cancelled) != 0);
}

/* What the part said, as the channel says it. */
static inline int weft_channel_says(const weft_channel_t *ch, int rc)
{
        return rc == -EPIPE && weft_channel_is_cancelled(ch) ? -ECANCELED : rc;
}

/* Does the policy drop what is buffered? */
static inline bool weft_channel_drops_oldest(const weft_channel_t *ch)
{
        return ch->policy == WEFT_CHANNEL_DROP_OLDEST ||
               ch->policy == WEFT_CHANNEL_LATEST;
}

/* Drops the next element, for who found it full, and looks again: 0, also when others had
 * made room. */
WEFT_CHECK int weft_channel_make_room(weft_channel_t *ch, unsigned *misses);

/* It is cancelled: makes it so that nothing goes in, and nothing is there. -ECANCELED, or
 * why that could not be done. */
WEFT_CHECK int weft_channel_sweep(weft_channel_t *ch);

/* Waits for an element with `attempt`, which looks whether it was cancelled. */
WEFT_CHECK int weft_channel_wait_recv(weft_channel_t *ch, int (*attempt)(void *context),
                                      void *context, uint64_t deadline);

#endif
