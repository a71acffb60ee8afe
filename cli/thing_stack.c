/* Stacks, for weft cat, push and pop. Of a stack only the top can be looked at. */
#define _GNU_SOURCE
#include <stdlib.h>

#include <weft/stack.h>

#include "cli/stat.h"
#include "cli/thing.h"

static int open_stack(weft_arena_t *arena, const char *name, void **handle)
{
        weft_stack_t *stack = NULL;
        int rc = weft_stack_open(arena, name, &stack);
        *handle = stack;
        return rc;
}

static void close_stack(void *handle)
{
        weft_stack_close(handle);
}

static int create(struct thing_call *c, void **handle)
{
        const struct weft_stack_options options = {
                .capacity = c->make.capacity,
                .element_bytes =
                        (uint32_t)(c->make.element_bytes ? c->make.element_bytes : 256),
        };
        weft_stack_t *stack = NULL;
        if (c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_stack_create_or_open(c->arena, c->name, &options, &stack);
        *handle = stack;
        return rc;
}

static int element_bytes(struct thing_call *c, uint32_t *bytes)
{
        struct weft_stack_info info;
        int rc = weft_stack_info(c->handle, &info);
        *bytes = info.element_bytes;
        return rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_stack_t *stack;
        struct weft_stack_info info;
        int rc = weft_stack_open(arena, name, &stack);
        if (rc)
                return rc;
        rc = weft_stack_info(stack, &info);
        weft_stack_close(stack);
        if (rc)
                return rc;
        stat_number(into, "element_bytes", info.element_bytes, false);
        stat_number(into, "capacity", info.capacity, false);
        stat_number(into, "length", info.length, false);
        stat_number(into, "nodes", info.nodes, false);
        stat_number(into, "held", info.held, false);
        stat_number(into, "idle", info.idle, false);
        stat_number(into, "waiting", info.waiting, false);
        stat_number(into, "shut", info.shut, false);
        return 0;
}

static int cat(struct thing_call *c)
{
        uint32_t bytes;
        int rc = element_bytes(c, &bytes);
        void *element = rc ? NULL : malloc(bytes);
        if (!rc)
                rc = element ? weft_stack_peek(c->handle, element) : -ENOMEM;
        if (!rc && !c->from)
                (void)thing_row_of(c, NULL, 0, 0, element, bytes, bytes);
        free(element);
        if (rc && rc != -EAGAIN && rc != -EPIPE) /* empty */
                return thing_result(c, rc, NULL);
        return thing_listed(c, "top");
}

static int push_element(struct thing_call *c, const void *element, size_t bytes,
                        uint64_t deadline)
{
        (void)bytes; /* as many as an element has */
        return weft_stack_push(c->handle, element, deadline);
}

static int push(struct thing_call *c)
{
        uint32_t bytes;
        int rc = element_bytes(c, &bytes);
        return rc ? thing_result(c, rc, NULL) : thing_push_all(c, bytes, push_element);
}

static int64_t pop_element(struct thing_call *c, void *element, size_t room,
                           uint64_t deadline)
{
        int rc = weft_stack_pop(c->handle, element, deadline);
        return rc ? rc : (int64_t)room;
}

static int pop(struct thing_call *c)
{
        uint32_t bytes;
        int rc = element_bytes(c, &bytes);
        return rc ? thing_result(c, rc, NULL)
                  : thing_pop_all(c, bytes, bytes, pop_element, NULL);
}

const struct thing_kind thing_stack = {
        .name = "stack",
        .open = open_stack,
        .close = close_stack,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = cat,
        .push = push,
        .pop = pop,
};
