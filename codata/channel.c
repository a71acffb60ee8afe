/* codata/channel.c -- send and receive, by policy; the end. */
#include <string.h>

#include "codata/channel_internal.h"
#include "structures/queue_word.h"

enum { MISSES_MAX = 4096, PEEK_MAX = 256 };

/* ---- dropping ---------------------------------------------------------------- */

/*
 * Takes the next element out and lets it go, counted. -EAGAIN, -EPIPE there is none.
 *
 * Crash in drop: see channel_shared.h.
 */
static int drop_one(weft_channel_t *ch)
{
        struct weft_element element;
        int rc = weft_queue_take(ch->queue, &element, WEFT_NOW);
        if (rc)
                return rc;
        rc = weft_queue_release(ch->queue, &element);
        if (!rc)
                weft_tally_add(&weft_channel_shared(ch)->lost_buffered, 1);
        return rc;
}

/* There is no room: makes some. Full and empty in turn is what others make it, who come on;
 * or bytes that are corrupt, and would be so for ever. */
int weft_channel_make_room(weft_channel_t *ch, unsigned *misses)
{
        int rc = drop_one(ch);
        if (rc != -EAGAIN)
                return rc;
        return ++*misses < MISSES_MAX ? 0 : -EUCLEAN;
}

/* ---- sending --------------------------------------------------------------------- */

static int put(weft_channel_t *ch, const void *element, uint64_t deadline)
{
        return ch->queue ? weft_queue_push(ch->queue, element, deadline)
                         : weft_rendezvous_push(ch->rendezvous, element, deadline);
}

/* Crash in send: it has happened when the part's push has; or the element is gone, and was
 * counted or not. */
static __attribute__((noinline)) int send_one(void *channel, const void *element,
                                              uint64_t deadline)
{
        weft_channel_t *ch = channel;
        unsigned misses = 0;
        int rc;
        if (!ch || !element)
                return -EINVAL;
        struct weft_channel_shared *sh = weft_channel_shared(ch);
        if (ch->policy == WEFT_CHANNEL_BLOCK)
                return weft_channel_says(ch, put(ch, element, deadline));
        while ((rc = put(ch, element, WEFT_NOW)) == -EAGAIN) {
                if (ch->policy == WEFT_CHANNEL_FAIL) {
                        weft_tally_add(&sh->refused, 1);
                        return rc;
                }
                if (ch->policy == WEFT_CHANNEL_DROP_NEWEST) {
                        weft_tally_add(&sh->lost_newest, 1);
                        return 0;
                }
                rc = weft_channel_make_room(ch, &misses);
                if (rc)
                        break;
        }
        return weft_channel_says(ch, rc);
}

int weft_channel_send(weft_channel_t *channel, const void *element, uint64_t deadline)
{
        return weft_queue_push_word(channel ? channel->straight_in : NULL, element,
                                    deadline, send_one, channel);
}

static int64_t put_n(weft_channel_t *ch, const void *elements, size_t n,
                     uint64_t deadline)
{
        return ch->queue ? weft_queue_push_n(ch->queue, elements, n, deadline)
                         : weft_rendezvous_push_n(ch->rendezvous, elements, n, deadline);
}

/* All of them, whatever must go for it. */
static int64_t send_all(weft_channel_t *ch, const uint8_t *from, size_t n)
{
        unsigned misses = 0;
        size_t done = 0;
        int64_t rc = 0;
        while (done < n) {
                rc = put_n(ch, from + done * ch->element_bytes, n - done, WEFT_NOW);
                if (rc > 0) {
                        done += (size_t)rc;
                        misses = 0;
                        continue;
                }
                if (rc == -EAGAIN)
                        rc = weft_channel_make_room(ch, &misses);
                if (rc)
                        break;
        }
        return done ? (int64_t)done : rc;
}

int64_t weft_channel_send_n(weft_channel_t *channel, const void *elements, size_t n,
                            uint64_t deadline)
{
        weft_channel_t *ch = channel;
        if (!ch || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        if (!n)
                return 0;
        struct weft_channel_shared *sh = weft_channel_shared(ch);
        int64_t rc;
        if (weft_channel_drops_oldest(ch))
                rc = send_all(ch, elements, n);
        else
                rc = put_n(ch, elements, n,
                           ch->policy == WEFT_CHANNEL_BLOCK ? deadline : WEFT_NOW);
        if (ch->policy == WEFT_CHANNEL_FAIL && rc == -EAGAIN)
                weft_tally_add(&sh->refused, 1);
        if (ch->policy == WEFT_CHANNEL_DROP_NEWEST && (rc > 0 || rc == -EAGAIN)) {
                uint64_t went = rc > 0 ? (uint64_t)rc : 0;
                if (went < n)
                        weft_tally_add(&sh->lost_newest, n - went);
                rc = (int64_t)n;
        }
        return rc < 0 ? weft_channel_says(ch, (int)rc) : rc;
}

/* ---- receiving --------------------------------------------------------------------- */

/* One receive under way. */
struct receiving {
        weft_channel_t *ch;
        void *to;
        size_t n;
        int64_t done;
};

/* `to` has an element: of what came after it, the last, and the others are dropped. A pop that
 * fails may have copied out what another one got, if that is small. */
static int skip_to_last(weft_channel_t *ch, void *to)
{
        struct weft_channel_shared *sh = weft_channel_shared(ch);
        uint8_t small[PEEK_MAX];
        bool is_small = ch->element_bytes <= sizeof small;
        int rc;
        while ((rc = weft_queue_pop(ch->queue, is_small ? small : to, WEFT_NOW)) == 0) {
                weft_tally_add(&sh->lost_buffered, 1);
                if (is_small)
                        memcpy(to, small, ch->element_bytes);
        }
        return rc == -EAGAIN || rc == -EPIPE ? 0 : rc;
}

static int attempt_recv(void *context)
{
        struct receiving *r = context;
        if (weft_channel_is_cancelled(r->ch))
                return weft_channel_sweep(r->ch);
        r->done = weft_queue_pop_n(r->ch->queue, r->to, r->n, WEFT_NOW);
        return r->done < 0 ? (int)r->done : 0;
}

/* Who waits in the queue would not see a cancel while something is leased: so he waits
 * here. */
int weft_channel_wait_recv(weft_channel_t *ch, int (*attempt)(void *context),
                           void *context, uint64_t deadline)
{
        struct weft_agent *agent;
        int rc = attempt(context);
        if (rc != -EAGAIN || deadline == WEFT_NOW)
                return rc;
        rc = weft_handle_enter(&ch->handle, &agent);
        if (rc)
                return rc;
        return weft_wait_for(agent, ch->wait_recv, &ch->spin, attempt, context, deadline);
}

/* Crash in recv: before the part's pop nothing has happened; then the element is gone. */
static int64_t recv_some(weft_channel_t *ch, void *to, size_t n, uint64_t deadline)
{
        struct receiving r = { .ch = ch, .to = to, .n = n };
        int64_t rc;
        if (weft_channel_is_cancelled(ch))
                return weft_channel_sweep(ch);
        if (ch->flags & WEFT_CHANNEL_LEASE) {
                rc = weft_channel_wait_recv(ch, attempt_recv, &r, deadline);
                return rc ? weft_channel_says(ch, (int)rc) : r.done;
        }
        if (ch->policy == WEFT_CHANNEL_LATEST) {
                rc = weft_queue_pop(ch->queue, to, deadline);
                if (!rc)
                        rc = skip_to_last(ch, to);
                return rc ? weft_channel_says(ch, (int)rc) : 1;
        }
        rc = ch->queue ? weft_queue_pop_n(ch->queue, to, n, deadline)
                       : weft_rendezvous_pop_n(ch->rendezvous, to, n, deadline);
        return rc < 0 ? weft_channel_says(ch, (int)rc) : rc;
}

static __attribute__((noinline)) int recv_one(void *channel, void *element,
                                              uint64_t deadline)
{
        weft_channel_t *ch = channel;
        if (!ch || !element)
                return -EINVAL;
        int64_t n = recv_some(ch, element, 1, deadline);
        return n < 0 ? (int)n : 0;
}

int weft_channel_recv(weft_channel_t *channel, void *element, uint64_t deadline)
{
        if (WEFT_UNLIKELY(!channel) || weft_channel_is_cancelled(channel))
                return recv_one(channel, element, deadline);
        return weft_queue_pop_word(channel->straight_out, element, deadline, recv_one,
                                   channel);
}

int64_t weft_channel_recv_n(weft_channel_t *channel, void *elements, size_t n,
                            uint64_t deadline)
{
        if (!channel || (!elements && n) || n > INT32_MAX)
                return -EINVAL;
        return n ? recv_some(channel, elements, n, deadline) : 0;
}

/* ---- the end ------------------------------------------------------------------------- */

static int shut(weft_channel_t *ch)
{
        return ch->queue ? weft_queue_shutdown(ch->queue)
                         : weft_rendezvous_shutdown(ch->rendezvous);
}

/* Who has no memory to take elements into leaves them to others: nobody gets them. Crash in
 * sweep: who comes next does the rest. */
int weft_channel_sweep(weft_channel_t *ch)
{
        int rc = shut(ch);
        while (!rc)
                rc = ch->queue ? drop_one(ch) : -EPIPE;
        /* -EAGAIN: some is leased */
        return rc == -EAGAIN || rc == -EPIPE || rc == -ENOSPC ? -ECANCELED : rc;
}

/* True if it was not ended before. A read-only handle is not let in. */
static int set_end(weft_channel_t *ch, uint32_t reason)
{
        struct weft_agent *agent;
        if (!ch)
                return -EINVAL;
        int rc = weft_handle_enter(&ch->handle, &agent);
        if (!rc)
                (void)weft_tally_set_once(&weft_channel_shared(ch)->end,
                                          WEFT_CHANNEL_ENDED | reason);
        return rc;
}

/* Crash in shutdown: before the part is shut recovery does that, if the reason is there;
 * the shut part is the end. */
int weft_channel_shutdown(weft_channel_t *channel, uint32_t reason)
{
        int rc = set_end(channel, reason);
        return rc ? rc : shut(channel);
}

/* Crash in cancel: likewise; what is buffered goes when somebody comes. */
int weft_channel_cancel(weft_channel_t *channel, uint32_t reason)
{
        int rc = set_end(channel, reason);
        if (rc)
                return rc;
        (void)weft_tally_set_once(&weft_channel_shared(channel)->cancelled, 1);
        rc = weft_channel_sweep(channel);
        return rc == -ECANCELED ? 0 : rc;
}

/* Who has set it may not have shut it yet. A read-only handle cannot do it for him. */
int weft_channel_reason(weft_channel_t *channel, uint32_t *reason)
{
        if (!channel)
                return -EINVAL;
        uint64_t end = weft_tally_get(&weft_channel_shared(channel)->end);
        int rc = 0;
        if (!(end & WEFT_CHANNEL_ENDED))
                return -EAGAIN;
        if (channel->handle.arena->readonly) {
                struct weft_channel_info info;
                rc = weft_channel_info(channel, &info);
                if (!rc && !info.shut)
                        rc = -EAGAIN;
        } else {
                rc = shut(channel);
        }
        if (!rc && reason)
                *reason = (uint32_t)end;
        return rc;
}
