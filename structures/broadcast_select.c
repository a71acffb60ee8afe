/* structures/broadcast_select.c -- what select asks of a ring, and of a subscription. */
#include "structures/broadcast_internal.h"

/* ---- the ring: push ------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_broadcast_shared *sh = handle->sh;
        return c->op == WEFT_OP_PUSH ? &sh->not_full : NULL;
}

/* The calls themselves. Crash in them: as there. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        return weft_broadcast_try_publish((void *)handle, agent, c->from);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        (void)c;
        return weft_broadcast_look_for_room((void *)handle, agent) == -EAGAIN ? -EAGAIN
                                                                              : 0;
}

const struct weft_waitable weft_broadcast_waitable = { wait_of, do_case, look };

/* ---- a subscription: pop ---------------------------------------------------------------- */

/* Its handle is a copy, which nobody told if the ring has gone meanwhile. */
static struct weft_wait_shared *next_wait_of(struct weft_handle *handle,
                                             const struct weft_case *c)
{
        struct weft_broadcast_shared *sh = handle->sh;
        bool there = weft_object_there(handle->arena, weft_handle_owner(handle));
        return there && c->op == WEFT_OP_POP ? &sh->not_empty : NULL;
}

static int do_next(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        (void)agent;
        return weft_broadcast_try_next((void *)handle, c->to, &c->n);
}

static int look_for_next(struct weft_handle *handle, struct weft_agent *agent,
                         const struct weft_case *c)
{
        (void)agent, (void)c;
        return weft_broadcast_look_for_next((void *)handle);
}

static const struct weft_waitable next_waitable = { next_wait_of, do_next,
                                                    look_for_next };

/* Not registered: there is no such object. */
struct weft_kind weft_subscriber_kind = {
        .name = "subscriber",
        .waitable = &next_waitable,
};
