/* codata/channel_element.c -- elements in place: loan, commit, take, ack, nack. */
#include "codata/channel_internal.h"

int weft_channel_loan(weft_channel_t *channel, struct weft_element *element)
{
        if (!channel || !element)
                return -EINVAL;
        return channel->queue ? weft_queue_loan(channel->queue, element) : -ENOTSUP;
}

/* Crash in commit: as in send. */
int weft_channel_commit(weft_channel_t *channel, struct weft_element *element,
                        uint64_t deadline)
{
        weft_channel_t *ch = channel;
        if (!ch || !element)
                return -EINVAL;
        if (!ch->queue)
                return -ENOTSUP;
        struct weft_channel_shared *sh = weft_channel_shared(ch);
        bool waits = ch->policy == WEFT_CHANNEL_BLOCK;
        int rc = weft_queue_commit(ch->queue, element, waits ? deadline : WEFT_NOW);
        if (rc == -EAGAIN && ch->policy == WEFT_CHANNEL_FAIL) {
                weft_tally_add(&sh->refused, 1);
        } else if (rc == -EAGAIN && ch->policy == WEFT_CHANNEL_DROP_NEWEST) {
                rc = weft_queue_release(ch->queue, element);
                if (!rc)
                        weft_tally_add(&sh->lost_newest, 1);
        } else if (weft_channel_drops_oldest(ch)) {
                unsigned misses = 0;
                while (rc == -EAGAIN) {
                        rc = weft_channel_make_room(ch, &misses);
                        if (!rc)
                                rc = weft_queue_commit(ch->queue, element, WEFT_NOW);
                }
        }
        return weft_channel_says(ch, rc);
}

/* ---- taking ------------------------------------------------------------------ */

struct taking {
        weft_channel_t *ch;
        struct weft_element *element;
};

static int attempt_take(void *context)
{
        struct taking *t = context;
        if (weft_channel_is_cancelled(t->ch))
                return weft_channel_sweep(t->ch);
        return weft_queue_take(t->ch->queue, t->element, WEFT_NOW);
}

/* Crash in take: as in the queue's. */
int weft_channel_take(weft_channel_t *channel, struct weft_element *element,
                      uint64_t deadline)
{
        struct taking t = { channel, element };
        if (!channel || !element)
                return -EINVAL;
        if (!channel->queue || channel->policy == WEFT_CHANNEL_LATEST)
                return -ENOTSUP;
        int rc = weft_channel_wait_recv(channel, attempt_take, &t, deadline);
        return weft_channel_says(channel, rc);
}

int weft_channel_release(weft_channel_t *channel, struct weft_element *element)
{
        if (!channel || !element)
                return -EINVAL;
        return channel->queue ? weft_queue_release(channel->queue, element) : -ENOTSUP;
}

int weft_channel_ack(weft_channel_t *channel, struct weft_element *element)
{
        if (!channel || !element)
                return -EINVAL;
        return channel->queue ? weft_queue_ack(channel->queue, element) : -ENOTSUP;
}

/* Crash in nack: as in the queue's. What comes back to a cancelled channel goes with who
 * comes next, who may be this one. */
int weft_channel_nack(weft_channel_t *channel, struct weft_element *element)
{
        if (!channel || !element)
                return -EINVAL;
        int rc = channel->queue ? weft_queue_nack(channel->queue, element) : -ENOTSUP;
        if (rc || !weft_channel_is_cancelled(channel))
                return rc;
        rc = weft_channel_sweep(channel);
        return rc == -ECANCELED ? 0 : rc;
}
