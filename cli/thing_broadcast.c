/* Broadcasts, for weft cat, push and tap: cat shows what is retained, and takes nothing. */
#define _GNU_SOURCE
#include <stdlib.h>

#include <weft/broadcast.h>

#include "cli/stat.h"
#include "cli/tap.h"
#include "cli/thing.h"

static int open_broadcast(weft_arena_t *arena, const char *name, void **handle)
{
        weft_broadcast_t *broadcast = NULL;
        int rc = weft_broadcast_open(arena, name, &broadcast);
        *handle = broadcast;
        return rc;
}

static void close_broadcast(void *handle)
{
        weft_broadcast_close(handle);
}

/* Nobody need be there to read: it drops what is old. */
static int create(struct thing_call *c, void **handle)
{
        const struct weft_broadcast_options options = {
                .capacity = c->make.capacity ? c->make.capacity : 1024,
                .element_bytes =
                        (uint32_t)(c->make.element_bytes ? c->make.element_bytes : 256),
                .policy = WEFT_BROADCAST_DROP,
        };
        weft_broadcast_t *broadcast = NULL;
        if (c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_broadcast_create_or_open(c->arena, c->name, &options, &broadcast);
        *handle = broadcast;
        return rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_broadcast_t *broadcast;
        struct weft_broadcast_info info;
        int rc = weft_broadcast_open(arena, name, &broadcast);
        if (rc)
                return rc;
        rc = weft_broadcast_info(broadcast, &info);
        weft_broadcast_close(broadcast);
        if (rc)
                return rc;
        stat_number(into, "element_bytes", info.element_bytes, false);
        stat_number(into, "capacity", info.capacity, false);
        stat_number(into, "published", info.published, false);
        stat_number(into, "retained", info.retained, false);
        stat_number(into, "lag", info.lag, false);
        stat_number(into, "lost", info.lost, false);
        stat_number(into, "subscribers", info.subscribers, false);
        stat_number(into, "subscribers_max", info.subscribers_max, false);
        stat_number(into, "producer", info.producer, false);
        stat_number(into, "waiting", info.waiting, false);
        stat_number(into, "shut", info.shut, false);
        stat_words(into, "policy", info.policy == WEFT_BROADCAST_DROP ? "drop" : "block");
        stat_words(into, "flags", info.flags & WEFT_BROADCAST_ONE ? "one" : "");
        return 0;
}

/* The arena is open read-only: so nobody waits for this subscription. */
static int cat(struct thing_call *c)
{
        struct weft_broadcast_info info;
        weft_subscriber_t *subscriber = NULL;
        uint64_t sequence = 0;
        int rc = weft_broadcast_info(c->handle, &info);
        if (!rc)
                rc = weft_broadcast_subscribe(c->handle,
                                              c->options & THING_FROM
                                                      ? WEFT_BROADCAST_SEQUENCE
                                                      : WEFT_BROADCAST_OLDEST,
                                              c->from, &subscriber);
        void *element = rc ? NULL : malloc(info.element_bytes);
        if (!rc && !element)
                rc = -ENOMEM;
        while (!rc && sequence + 1 < info.published) { /* and no more, however fast */
                rc = weft_broadcast_next(subscriber, element, &sequence, NULL, WEFT_NOW);
                if (!rc && thing_row_at(c, sequence, element, info.element_bytes,
                                        info.element_bytes))
                        break;
        }
        free(element);
        weft_broadcast_unsubscribe(subscriber);
        if (rc && rc != -EAGAIN && rc != -EPIPE)
                return thing_result(c, rc, NULL);
        return thing_listed(c, "elements");
}

static int publish(struct thing_call *c, const void *element, size_t bytes,
                   uint64_t deadline)
{
        (void)bytes; /* as many as an element has */
        return weft_broadcast_publish(c->handle, element, deadline);
}

static int push(struct thing_call *c)
{
        struct weft_broadcast_info info;
        int rc = weft_broadcast_info(c->handle, &info);
        return rc ? thing_result(c, rc, NULL)
                  : thing_push_all(c, info.element_bytes, publish);
}

/* ---- tap ------------------------------------------------------------------------------- */

static int next(void *subscriber, void *item, uint64_t *sequence, uint64_t *lost,
                uint64_t deadline)
{
        int rc = weft_broadcast_next(subscriber, item, sequence, lost, deadline);
        return rc == -EPIPE ? 0 : rc ? rc : 1;
}

static int count(struct thing_call *c, struct tap_count *counts)
{
        struct weft_broadcast_info info;
        int rc = weft_broadcast_info(c->handle, &info);
        counts[0] = (struct tap_count){ "published", info.published, true };
        counts[1] = (struct tap_count){ "lost", info.lost, false };
        counts[2] = (struct tap_count){ "lag", info.lag, false };
        return rc ? rc : 3;
}

static int tap(struct thing_call *c)
{
        struct weft_broadcast_info info;
        weft_subscriber_t *subscriber = NULL;
        if (c->options & THING_RATE)
                return tap_rates(c, count);
        int rc = weft_broadcast_info(c->handle, &info);
        if (!rc)
                rc = weft_broadcast_subscribe(
                        c->handle,
                        c->place == THING_NUMBER   ? WEFT_BROADCAST_SEQUENCE
                        : c->place == THING_OLDEST ? WEFT_BROADCAST_OLDEST
                                                   : WEFT_BROADCAST_NEWEST,
                        c->from, &subscriber);
        int code = rc ? thing_result(c, rc, NULL)
                      : tap_items(c, subscriber, info.element_bytes, next);
        weft_broadcast_unsubscribe(subscriber);
        return code;
}

const struct thing_kind thing_broadcast = {
        .name = "broadcast",
        .open = open_broadcast,
        .close = close_broadcast,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = cat,
        .push = push,
        .tap = tap,
};
