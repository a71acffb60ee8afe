/* Hot streams, for weft cat, push and tap: cat shows what is retained, and takes nothing. */
#define _GNU_SOURCE
#include <stdlib.h>

#include <weft/error.h>
#include <weft/hot.h>

#include "cli/stat.h"
#include "cli/tap.h"

static int open_hot(weft_arena_t *arena, const char *name, void **handle)
{
        weft_hot_t *hot = NULL;
        int rc = weft_hot_open(arena, name, 0, 0, &hot);
        *handle = hot;
        return rc;
}

static void close_hot(void *handle)
{
        weft_hot_close(handle);
}

/* Nobody need be there to listen: it drops what is old. */
static int create(struct thing_call *c, void **handle)
{
        const struct weft_hot_options options = {
                .capacity = c->make.capacity ? c->make.capacity : 1024,
                .element_bytes =
                        (uint32_t)(c->make.element_bytes ? c->make.element_bytes : 256),
                .policy = WEFT_HOT_DROP,
        };
        weft_hot_t *hot = NULL;
        if (c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_hot_create_or_open(c->arena, c->name, &options, &hot);
        *handle = hot;
        return rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_hot_t *hot;
        struct weft_hot_info info;
        int rc = weft_hot_open(arena, name, 0, 0, &hot);
        if (rc)
                return rc;
        rc = weft_hot_info(hot, &info);
        weft_hot_close(hot);
        if (rc)
                return rc;
        stat_number(into, "element_bytes", info.element_bytes, false);
        stat_number(into, "capacity", info.capacity, false);
        stat_number(into, "emitted", info.emitted, false);
        stat_number(into, "retained", info.retained, false);
        stat_number(into, "lag", info.lag, false);
        stat_number(into, "lost", info.lost, false);
        stat_number(into, "subscribers", info.subscribers, false);
        stat_number(into, "subscribers_max", info.subscribers_max, false);
        stat_number(into, "producer", info.producer, false);
        stat_number(into, "driver", info.driver, false);
        stat_number(into, "driver_died", info.driver_died, false);
        stat_number(into, "standing_by", info.standing_by, false);
        stat_number(into, "taken_over", info.taken_over, false);
        stat_number(into, "waiting", info.waiting, false);
        stat_number(into, "ended", info.ended, false);
        stat_words(into, "error", info.error ? weft_strerror(info.error) : "");
        stat_words(into, "policy", info.policy == WEFT_HOT_DROP ? "drop" : "block");
        stat_words(into, "flags", info.flags & WEFT_HOT_ONE ? "one" : "");
        return 0;
}

static int subscribe(struct thing_call *c, enum weft_hot_from from,
                     struct weft_hot_info *info, weft_hot_subscriber_t **subscriber)
{
        int rc = weft_hot_info(c->handle, info);
        *subscriber = NULL;
        return rc ? rc : weft_hot_subscribe(c->handle, from, c->from, subscriber);
}

/* The arena is open read-only: so nobody waits for this subscription. */
static int cat(struct thing_call *c)
{
        struct weft_hot_info info;
        weft_hot_subscriber_t *subscriber;
        uint64_t sequence = 0;
        int rc = subscribe(c,
                           c->options & THING_FROM ? WEFT_HOT_SEQUENCE : WEFT_HOT_OLDEST,
                           &info, &subscriber);
        void *item = rc ? NULL : malloc(info.element_bytes);
        if (!rc && !item)
                rc = -ENOMEM;
        int more = rc ? 0 : 1;
        while (more == 1 && sequence + 1 < info.emitted) { /* and no more, however fast */
                more = weft_hot_next(subscriber, item, &sequence, NULL, WEFT_NOW);
                if (more == 1 && thing_row_at(c, sequence, item, info.element_bytes,
                                              info.element_bytes))
                        break;
        }
        free(item);
        weft_hot_unsubscribe(subscriber);
        return rc ? thing_result(c, rc, NULL) : thing_listed(c, "elements");
}

static int emit(struct thing_call *c, const void *item, size_t bytes, uint64_t deadline)
{
        (void)bytes; /* as many as an item has */
        return weft_hot_emit(c->handle, item, deadline);
}

static int push(struct thing_call *c)
{
        struct weft_hot_info info;
        int rc = weft_hot_info(c->handle, &info);
        return rc ? thing_result(c, rc, NULL)
                  : thing_push_all(c, info.element_bytes, emit);
}

/* ---- tap ------------------------------------------------------------------------------- */

static int next(void *subscriber, void *item, uint64_t *sequence, uint64_t *lost,
                uint64_t deadline)
{
        return weft_hot_next(subscriber, item, sequence, lost, deadline);
}

static int count(struct thing_call *c, struct tap_count *counts)
{
        struct weft_hot_info info;
        int rc = weft_hot_info(c->handle, &info);
        counts[0] = (struct tap_count){ "emitted", info.emitted, true };
        counts[1] = (struct tap_count){ "lost", info.lost, false };
        counts[2] = (struct tap_count){ "lag", info.lag, false };
        return rc ? rc : 3;
}

static int tap(struct thing_call *c)
{
        static const enum weft_hot_from from[] = {
                [THING_NEW] = WEFT_HOT_NEW,
                [THING_OLDEST] = WEFT_HOT_OLDEST,
                [THING_NUMBER] = WEFT_HOT_SEQUENCE,
        };
        struct weft_hot_info info;
        weft_hot_subscriber_t *subscriber;
        if (c->options & THING_RATE)
                return tap_rates(c, count);
        int rc = subscribe(c, from[c->place], &info, &subscriber);
        int code = rc ? thing_result(c, rc, NULL)
                      : tap_items(c, subscriber, info.element_bytes, next);
        weft_hot_unsubscribe(subscriber);
        return code;
}

const struct thing_kind thing_hot = {
        .name = "hot",
        .open = open_hot,
        .close = close_hot,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = cat,
        .push = push,
        .tap = tap,
};
