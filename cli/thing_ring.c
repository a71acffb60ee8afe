/* Rings, for weft push and pop: a command holds its side of the ring while it runs. Only the
 * consumer can see what is in one: cat says what weft stat does. */
#define _GNU_SOURCE
#include <weft/ring.h>

#include "cli/stat.h"
#include "cli/thing.h"

static int open_ring(weft_arena_t *arena, const char *name, void **handle)
{
        weft_ring_t *ring = NULL;
        int rc = weft_ring_open(arena, name, &ring);
        *handle = ring;
        return rc;
}

static void close_ring(void *handle)
{
        weft_ring_close(handle);
}

/* Elements, if it is said how long they are; else records. */
static int create(struct thing_call *c, void **handle)
{
        bool records = !c->make.element_bytes;
        const struct weft_ring_options options = {
                .capacity = c->make.capacity ? c->make.capacity
                            : records        ? 1 << 16
                                             : 1024,
                .element_bytes = (uint32_t)c->make.element_bytes,
                .flags = records ? WEFT_RING_BYTES : 0,
        };
        weft_ring_t *ring = NULL;
        if (c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_ring_create_or_open(c->arena, c->name, &options, &ring);
        *handle = ring;
        return rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_ring_t *ring;
        struct weft_ring_info info;
        int rc = weft_ring_open(arena, name, &ring);
        if (rc)
                return rc;
        rc = weft_ring_info(ring, &info);
        weft_ring_close(ring);
        if (rc)
                return rc;
        stat_number(into, "element_bytes", info.element_bytes, false);
        stat_number(into, "capacity", info.capacity, false);
        stat_number(into, "length", info.length, false);
        stat_number(into, "pushed", info.pushed, false);
        stat_number(into, "popped", info.popped, false);
        stat_number(into, "waiting", info.waiting, false);
        stat_number(into, "shut", info.shut, false);
        stat_words(into, "flags", info.flags & WEFT_RING_BYTES ? "bytes" : "");
        stat_number(into, "producer", info.process[WEFT_RING_PRODUCER], false);
        stat_number(into, "consumer", info.process[WEFT_RING_CONSUMER], false);
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
        return weft_ring_push(c->handle, element, deadline);
}

static int push_record(struct thing_call *c, const void *record, size_t bytes,
                       uint64_t deadline)
{
        return weft_ring_push_record(c->handle, record, bytes, deadline);
}

static int64_t pop_element(struct thing_call *c, void *element, size_t room,
                           uint64_t deadline)
{
        int rc = weft_ring_pop(c->handle, element, deadline);
        return rc ? rc : (int64_t)room;
}

static int64_t pop_record(struct thing_call *c, void *record, size_t room,
                          uint64_t deadline)
{
        return weft_ring_pop_record(c->handle, record, room, deadline);
}

/* Waits for who has the side: he may be a command like this one, and done in a moment. */
static int attach(struct thing_call *c, enum weft_ring_side side,
                  struct weft_ring_info *info)
{
        int rc = weft_ring_info(c->handle, info);
        return rc ? rc : weft_ring_attach(c->handle, side, c->deadline);
}

static int push(struct thing_call *c)
{
        struct weft_ring_info info;
        int rc = attach(c, WEFT_RING_PRODUCER, &info);
        if (rc)
                return thing_result(c, rc, NULL);
        return info.flags & WEFT_RING_BYTES
                       ? thing_push_all(c, 0, push_record)
                       : thing_push_all(c, info.element_bytes, push_element);
}

static int pop(struct thing_call *c)
{
        struct weft_ring_info info;
        int rc = attach(c, WEFT_RING_CONSUMER, &info);
        if (rc)
                return thing_result(c, rc, NULL);
        size_t bytes = info.element_bytes;
        return info.flags & WEFT_RING_BYTES
                       ? thing_pop_all(c, 0, bytes, pop_record, NULL)
                       : thing_pop_all(c, bytes, bytes, pop_element, NULL);
}

const struct thing_kind thing_ring = {
        .name = "ring",
        .open = open_ring,
        .close = close_ring,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = cat,
        .push = push,
        .pop = pop,
};
