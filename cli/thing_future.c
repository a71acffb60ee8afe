/* Futures, for weft cat, push (which sets one) and pop (which waits for it). */
#define _GNU_SOURCE
#include <stdlib.h>

#include <weft/error.h>
#include <weft/future.h>

#include "cli/stat.h"
#include "cli/thing.h"

static int open_future(weft_arena_t *arena, const char *name, void **handle)
{
        weft_future_t *future = NULL;
        int rc = weft_future_open(arena, name, &future);
        *handle = future;
        return rc;
}

static void close_future(void *handle)
{
        weft_future_close(handle);
}

/* One that outlives the command. */
static int create(struct thing_call *c, void **handle)
{
        const struct weft_future_options options = {
                .type = { .bytes = (uint32_t)c->make.element_bytes },
                .flags = WEFT_FUTURE_KEEP,
        };
        weft_future_t *future = NULL;
        if (c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_future_create(c->arena, c->name, &options, &future);
        if (rc == -EEXIST)
                rc = weft_future_open(c->arena, c->name, &future);
        *handle = future;
        return rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        static const char *const states[] = { "open", "promised", "set", "failed",
                                              "canceled" };
        weft_future_t *future;
        struct weft_future_info info;
        int rc = weft_future_open(arena, name, &future);
        if (rc)
                return rc;
        rc = weft_future_info(future, &info);
        weft_future_close(future);
        if (rc)
                return rc;
        stat_words(into, "state", states[info.state]);
        if (info.result)
                stat_words(into, "result", weft_strerror(info.result));
        stat_number(into, "value_bytes", info.bytes, true);
        stat_number(into, "item_bytes", info.type.bytes, false);
        if (info.producer_pid)
                stat_number(into, "producer", info.producer_pid, false);
        stat_number(into, "waiting", info.waiting, false);
        return 0;
}

/* How long its value is, and of what. 0, or what it failed with; -EAGAIN: none yet. */
static int size_of(struct thing_call *c, uint64_t *bytes, size_t *fixed)
{
        struct weft_future_info info;
        int rc = weft_future_info(c->handle, &info);
        if (rc)
                return rc;
        *bytes = info.bytes;
        *fixed = info.type.bytes > 1 && info.type.bytes == info.bytes ? info.bytes : 0;
        if (!*fixed && info.bytes == 8 && !info.type.bytes)
                *fixed = 8;
        return info.state < WEFT_FUTURE_SET ? -EAGAIN : info.result;
}

static int cat(struct thing_call *c)
{
        uint64_t bytes;
        size_t fixed;
        const void *at;
        int rc = size_of(c, &bytes, &fixed);
        if (rc == -EAGAIN)
                return thing_listed(c, "value"); /* none yet */
        if (rc)
                return thing_result(c, rc, NULL);
        int64_t n = weft_future_view(c->handle, &at, WEFT_NOW);
        if (n < 0)
                return thing_result(c, (int)n, NULL);
        (void)thing_row_of(c, NULL, 0, 0, at, (size_t)n, fixed);
        return thing_listed(c, "value");
}

static int set(struct thing_call *c, const void *value, size_t bytes, uint64_t deadline)
{
        (void)deadline;
        return weft_future_set(c->handle, value, bytes);
}

static int push(struct thing_call *c)
{
        struct weft_future_info info;
        int rc = weft_future_info(c->handle, &info);
        size_t fixed = info.type.bytes > 1 ? info.type.bytes : 0;
        return rc ? thing_result(c, rc, NULL) : thing_push_all(c, fixed, set);
}

/* It stays there: others may wait for it, too. */
static int pop(struct thing_call *c)
{
        uint64_t bytes;
        size_t fixed = 0;
        const void *at;
        int64_t n = weft_future_view(c->handle, &at, c->deadline);
        if (n < 0)
                return thing_result(c, (int)n, NULL);
        (void)size_of(c, &bytes, &fixed);
        return thing_value(c, at, (size_t)n, fixed);
}

const struct thing_kind thing_future = {
        .name = "future",
        .open = open_future,
        .close = close_future,
        .create = create,
        .makes = MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = cat,
        .push = push,
        .pop = pop,
};
