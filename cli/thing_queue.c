/* Queues, for weft push, pop and tap. They cannot be looked into without taking: cat says what
 * weft stat does, and tap how fast it goes. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/stat.h"
#include "cli/tap.h"
#include "cli/thing.h"

static int open_queue(weft_arena_t *arena, const char *name, void **handle)
{
        weft_queue_t *queue = NULL;
        int rc = weft_queue_open(arena, name, &queue);
        *handle = queue;
        return rc;
}

static void close_queue(void *handle)
{
        weft_queue_close(handle);
}

static int create(struct thing_call *c, void **handle)
{
        const struct weft_queue_options options = {
                .capacity = c->make.capacity ? c->make.capacity : 1024,
                .element_bytes =
                        (uint32_t)(c->make.element_bytes ? c->make.element_bytes : 256),
                .flags = c->make.lease ? WEFT_QUEUE_LEASE : 0,
        };
        weft_queue_t *queue = NULL;
        if (c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_queue_create_or_open(c->arena, c->name, &options, &queue);
        *handle = queue;
        return rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_queue_t *queue;
        struct weft_queue_info info;
        int rc = weft_queue_open(arena, name, &queue);
        if (rc)
                return rc;
        rc = weft_queue_info(queue, &info);
        weft_queue_close(queue);
        if (rc)
                return rc;
        stat_number(into, "element_bytes", info.element_bytes, false);
        stat_number(into, "capacity", info.capacity, false);
        stat_number(into, "length", info.length, false);
        stat_number(into, "leased", info.leased, false);
        stat_number(into, "pushed", info.pushed, false);
        stat_number(into, "popped", info.popped, false);
        stat_number(into, "waiting", info.waiting, false);
        stat_number(into, "shut", info.shut, false);
        stat_words(into, "flags",
                   info.flags & WEFT_QUEUE_LEASE   ? "lease"
                   : info.flags & WEFT_QUEUE_BATCH ? "batch"
                                                   : "");
        return 0;
}

static int cat(struct thing_call *c)
{
        return cli_stat_object(c->arena, c->operand, c->name);
}

static int push_element(struct thing_call *c, const void *element, size_t bytes,
                        uint64_t deadline)
{
        (void)bytes; /* as many as an element has */
        return weft_queue_push(c->handle, element, deadline);
}

static int push(struct thing_call *c)
{
        struct weft_queue_info info;
        int rc = weft_queue_info(c->handle, &info);
        return rc ? thing_result(c, rc, NULL)
                  : thing_push_all(c, info.element_bytes, push_element);
}

static int take(void *handle, struct weft_element *element, uint64_t deadline)
{
        return weft_queue_take(handle, element, deadline);
}

static int ack(void *handle, struct weft_element *element)
{
        return weft_queue_ack(handle, element);
}

static int64_t pop_element(struct thing_call *c, void *element, size_t room,
                           uint64_t deadline)
{
        int rc = weft_queue_pop(c->handle, element, deadline);
        return rc ? rc : (int64_t)room;
}

static int pop(struct thing_call *c)
{
        struct weft_queue_info info;
        int rc = weft_queue_info(c->handle, &info);
        if (rc)
                return thing_result(c, rc, NULL);
        size_t bytes = info.element_bytes;
        return info.flags & WEFT_QUEUE_LEASE
                       ? thing_pop_leased(c, bytes, take, ack)
                       : thing_pop_all(c, bytes, bytes, pop_element, NULL);
}

static int count(struct thing_call *c, struct tap_count *counts)
{
        struct weft_queue_info info;
        int rc = weft_queue_info(c->handle, &info);
        counts[0] = (struct tap_count){ "pushed", info.pushed, true };
        counts[1] = (struct tap_count){ "popped", info.popped, true };
        counts[2] = (struct tap_count){ "length", info.length, false };
        return rc ? rc : 3;
}

static int tap(struct thing_call *c)
{
        return tap_rates(c, count);
}

const struct thing_kind thing_queue = {
        .name = "queue",
        .open = open_queue,
        .close = close_queue,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_ELEMENT_BYTES | MAKE_LEASE,
        .stat = stat,
        .cat = cat,
        .push = push,
        .pop = pop,
        .tap = tap,
};
