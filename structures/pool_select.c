/* structures/pool_select.c -- what select asks of a pool: TAKE gets an object. */
#include "structures/pool_internal.h"

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_pool_shared *sh = handle->sh;
        return c->op == WEFT_OP_TAKE ? &sh->free : NULL;
}

/* Crash in it: as in get. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_pool_op op = { .to = c->to, .waits = true };
        (void)agent;
        if (!c->to)
                return -EINVAL;
        int rc = weft_pool_begin((struct weft_pool *)handle, &op);
        if (!rc)
                rc = weft_pool_try(&op);
        return rc == -ENOSPC ? -EAGAIN : rc;
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct weft_pool *p = (struct weft_pool *)handle;
        struct weft_pool_op op = { .p = p, .agent = agent, .waits = true };
        (void)c;
        return weft_pool_any_free(&p->v) || weft_pool_is_due(&op) ? 0 : -EAGAIN;
}

const struct weft_waitable weft_pool_waitable = { wait_of, do_case, look };
