/* structures/rendezvous_select.c -- what select asks of a rendezvous. */
#include "structures/rendezvous_internal.h"

static enum weft_rendezvous_side side_of(const struct weft_case *c)
{
        return c->op == WEFT_OP_PUSH ? WEFT_GIVES : WEFT_TAKES;
}

/* Who looks whether he could push is woken by those who wait for that. */
static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_rendezvous_shared *sh = handle->sh;
        return c->op == WEFT_OP_PUSH || c->op == WEFT_OP_POP
                       ? &sh->looking[weft_rendezvous_other(side_of(c))]
                       : NULL;
}

/* The calls themselves. Crash in them: as there. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_rendezvous *r = (void *)handle;
        (void)agent;
        return c->op == WEFT_OP_PUSH ? weft_rendezvous_push(r, c->from, WEFT_NOW)
                                     : weft_rendezvous_pop(r, c->to, WEFT_NOW);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct weft_rendezvous *r = (void *)handle;
        return weft_rendezvous_is_shut(r) ||
                               weft_rendezvous_partner(r, agent->index, side_of(c)) >= 0
                       ? 0
                       : -EAGAIN;
}

/* ---- offers ----------------------------------------------------------------------- */

static int begin(struct weft_handle *handle, const struct weft_case *c,
                 struct weft_rendezvous_op *op)
{
        *op = (struct weft_rendezvous_op){ .side = side_of(c),
                                           .from = c->from,
                                           .to = c->to };
        return weft_rendezvous_begin((void *)handle, op);
}

/* Crash in offer: what was written is for no version. */
static int offer(struct weft_handle *handle, struct weft_agent *agent,
                 const struct weft_case *c, uint32_t index)
{
        struct weft_rendezvous_op op;
        int rc = begin(handle, c, &op);
        (void)agent;
        if (!rc)
                rc = weft_rendezvous_write(&op, index);
        if (!rc)
                weft_rendezvous_list(&op);
        return rc;
}

static void opened(struct weft_handle *handle, const struct weft_case *c)
{
        weft_rendezvous_tell((void *)handle, side_of(c));
}

static int partner(struct weft_handle *handle, struct weft_agent *agent,
                   const struct weft_case *c)
{
        return weft_rendezvous_partner((void *)handle, agent->index, side_of(c));
}

static bool over(struct weft_handle *handle, const struct weft_case *c)
{
        (void)c;
        return weft_rendezvous_is_shut((void *)handle);
}

static int met(struct weft_handle *handle, struct weft_agent *agent, struct weft_case *c,
               uint64_t left)
{
        struct weft_rendezvous_op op;
        int rc = begin(handle, c, &op);
        if (!rc)
                return weft_rendezvous_fetch(&op, left);
        weft_meet_end(agent);
        return rc;
}

static const struct weft_meeting meeting = { offer, opened, partner, over, met };

const struct weft_meeting *weft_rendezvous_meeting(struct weft_handle *handle)
{
        (void)handle;
        return &meeting;
}

const struct weft_waitable weft_rendezvous_waitable = { wait_of, do_case, look };
