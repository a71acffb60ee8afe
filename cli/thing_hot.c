/* Hot streams, for weft cat, push and tap. */
#define _GNU_SOURCE
#include <weft/error.h>
#include <weft/hot.h>

#include "cli/numbered.h"
#include "cli/stat.h"

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

/* ---- cat, push and tap ------------------------------------------------------------------ */

static int state(void *handle, struct numbered_state *state)
{
        struct weft_hot_info info;
        int rc = weft_hot_info(handle, &info);
        if (!rc)
                *state = (struct numbered_state){ .sent = info.emitted,
                                                  .lost = info.lost,
                                                  .lag = info.lag,
                                                  .bytes = info.element_bytes,
                                                  .error = info.error };
        return rc;
}

static int send(void *handle, const void *item, uint64_t deadline)
{
        return weft_hot_emit(handle, item, deadline);
}

static int subscribe(void *handle, enum thing_place place, uint64_t from,
                     void **subscriber)
{
        static const enum weft_hot_from froms[] = {
                [THING_NEW] = WEFT_HOT_NEW,
                [THING_OLDEST] = WEFT_HOT_OLDEST,
                [THING_NUMBER] = WEFT_HOT_SEQUENCE,
        };
        weft_hot_subscriber_t *s = NULL;
        int rc = weft_hot_subscribe(handle, froms[place], from, &s);
        *subscriber = s;
        return rc;
}

static void unsubscribe(void *subscriber)
{
        weft_hot_unsubscribe(subscriber);
}

static int next(void *subscriber, void *item, uint64_t *sequence, uint64_t *lost,
                uint64_t deadline)
{
        return weft_hot_next(subscriber, item, sequence, lost, deadline);
}

static const struct numbered numbered = {
        .sent = "emitted",
        .state = state,
        .send = send,
        .subscribe = subscribe,
        .unsubscribe = unsubscribe,
        .next = next,
};

const struct thing_kind thing_hot = {
        .name = "hot",
        .open = open_hot,
        .close = close_hot,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = numbered_cat,
        .push = numbered_push,
        .tap = numbered_tap,
        .numbered = &numbered,
};
