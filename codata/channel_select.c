/* codata/channel_select.c -- what select and fd ask of a channel. */
#include "codata/channel_internal.h"

/* Does a send always end at once? */
static bool drops(const weft_channel_t *ch)
{
        return ch->policy >= WEFT_CHANNEL_DROP_NEWEST;
}

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        weft_channel_t *ch = (void *)handle;
        switch (c->op) {
        case WEFT_OP_SEND:
                return ch->wait_send;
        case WEFT_OP_RECV:
                return ch->wait_recv;
        case WEFT_OP_TAKE:
                return ch->queue && ch->policy != WEFT_CHANNEL_LATEST ? ch->wait_recv
                                                                      : NULL;
        default:
                return NULL;
        }
}

/* The calls themselves. Crash in them: as there. FAIL waits here for room, as BLOCK does. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        weft_channel_t *ch = (void *)handle;
        if (c->op == WEFT_OP_SEND && drops(ch))
                return weft_channel_send(ch, c->from, WEFT_NOW);
        if (c->op == WEFT_OP_SEND)
                return weft_channel_says(
                        ch, ch->part->kind->waitable->attempt(ch->part, agent, c));
        return c->op == WEFT_OP_RECV ? weft_channel_recv(ch, c->to, WEFT_NOW)
                                     : weft_channel_take(ch, c->to, WEFT_NOW);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        weft_channel_t *ch = (void *)handle;
        if ((c->op == WEFT_OP_SEND && drops(ch)) || weft_channel_is_cancelled(ch))
                return 0;
        return ch->part->kind->waitable->look(ch->part, agent, c);
}

/* ---- partners -------------------------------------------------------------------- */

/* A rendezvous' cases meet as those of its part: see runtime/waitable.h. */
static struct weft_handle *part_of(struct weft_handle *handle)
{
        return ((weft_channel_t *)handle)->part;
}

static const struct weft_meeting *its(struct weft_handle *handle)
{
        struct weft_handle *part = part_of(handle);
        return part->kind->meeting ? part->kind->meeting(part) : NULL;
}

static int offer(struct weft_handle *handle, struct weft_agent *agent,
                 const struct weft_case *c, uint32_t index)
{
        return its(handle)->offer(part_of(handle), agent, c, index);
}

static void opened(struct weft_handle *handle, const struct weft_case *c)
{
        its(handle)->opened(part_of(handle), c);
}

static int partner(struct weft_handle *handle, struct weft_agent *agent,
                   const struct weft_case *c)
{
        return its(handle)->partner(part_of(handle), agent, c);
}

static bool over(struct weft_handle *handle, const struct weft_case *c)
{
        return its(handle)->over(part_of(handle), c);
}

static int met(struct weft_handle *handle, struct weft_agent *agent, struct weft_case *c,
               uint64_t left)
{
        return its(handle)->met(part_of(handle), agent, c, left);
}

static const struct weft_meeting meeting = { offer, opened, partner, over, met };

const struct weft_meeting *weft_channel_meeting(struct weft_handle *handle)
{
        return its(handle) ? &meeting : NULL;
}

const struct weft_waitable weft_channel_waitable = { wait_of, do_case, look };
