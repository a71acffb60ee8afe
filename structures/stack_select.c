/* structures/stack_select.c -- what select asks of a stack. */
#include "structures/stack_internal.h"

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_stack_shared *sh = handle->sh;
        switch (c->op) {
        case WEFT_OP_PUSH:
                return &sh->not_full;
        case WEFT_OP_POP:
                return &sh->not_empty;
        default:
                return NULL;
        }
}

/* The calls themselves. Crash in them: as there. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_stack *s = (void *)handle;
        (void)agent;
        if (c->op == WEFT_OP_PUSH)
                return weft_stack_push(s, c->from, WEFT_NOW);
        return weft_stack_pop(s, c->to, WEFT_NOW);
}

/* One that is shut is ready. */
static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        const struct weft_stack *s = (void *)handle;
        const struct weft_stack_view *v = &s->v;
        uint64_t lo = weft_load_acq(&v->sh->top.word.lo); /* [P] */
        (void)agent;
        if (lo & WEFT_STACK_CLOSED)
                return 0;
        if (c->op == WEFT_OP_PUSH)
                return lo >> 32 < v->limit ? 0 : -EAGAIN;
        return (uint32_t)lo ? 0 : -EAGAIN;
}

const struct weft_waitable weft_stack_waitable = { wait_of, do_case, look };
