/* Broadcasts, for weft cat, push and tap. */
#define _GNU_SOURCE
#include <weft/broadcast.h>

#include "cli/numbered.h"
#include "cli/stat.h"

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

/* ---- cat, push and tap ------------------------------------------------------------------ */

static int state(void *handle, struct numbered_state *state)
{
        struct weft_broadcast_info info;
        int rc = weft_broadcast_info(handle, &info);
        if (!rc)
                *state = (struct numbered_state){ .sent = info.published,
                                                  .lost = info.lost,
                                                  .lag = info.lag,
                                                  .bytes = info.element_bytes };
        return rc;
}

static int send(void *handle, const void *element, uint64_t deadline)
{
        return weft_broadcast_publish(handle, element, deadline);
}

static int subscribe(void *handle, enum thing_place place, uint64_t from,
                     void **subscriber)
{
        static const enum weft_broadcast_from froms[] = {
                [THING_NEW] = WEFT_BROADCAST_NEWEST,
                [THING_OLDEST] = WEFT_BROADCAST_OLDEST,
                [THING_NUMBER] = WEFT_BROADCAST_SEQUENCE,
        };
        weft_subscriber_t *s = NULL;
        int rc = weft_broadcast_subscribe(handle, froms[place], from, &s);
        *subscriber = s;
        return rc;
}

static void unsubscribe(void *subscriber)
{
        weft_broadcast_unsubscribe(subscriber);
}

static int next(void *subscriber, void *element, uint64_t *sequence, uint64_t *lost,
                uint64_t deadline)
{
        int rc = weft_broadcast_next(subscriber, element, sequence, lost, deadline);
        return rc == -EPIPE ? 0 : rc ? rc : 1;
}

static const struct numbered numbered = {
        .sent = "published",
        .state = state,
        .send = send,
        .subscribe = subscribe,
        .unsubscribe = unsubscribe,
        .next = next,
};

const struct thing_kind thing_broadcast = {
        .name = "broadcast",
        .open = open_broadcast,
        .close = close_broadcast,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = numbered_cat,
        .push = numbered_push,
        .tap = numbered_tap,
        .numbered = &numbered,
};
