/* Lazies, for weft cat. Whoever knows the function computes: the command does not. */
#define _GNU_SOURCE
#include <stdlib.h>

#include <weft/error.h>
#include <weft/lazy.h>

#include "cli/stat.h"
#include "cli/thing.h"

static int open_lazy(weft_arena_t *arena, const char *name, void **handle)
{
        weft_lazy_t *lazy = NULL;
        int rc = weft_lazy_open(arena, name, &lazy);
        *handle = lazy;
        return rc;
}

static void close_lazy(void *handle)
{
        weft_lazy_close(handle);
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        static const char *const states[] = { "new", "running", "done", "failed" };
        weft_lazy_t *lazy;
        struct weft_lazy_info info;
        int rc = weft_lazy_open(arena, name, &lazy);
        if (rc)
                return rc;
        rc = weft_lazy_info(lazy, &info);
        weft_lazy_close(lazy);
        if (rc)
                return rc;
        stat_words(into, "function", info.function);
        stat_words(into, "state", states[info.state]);
        if (info.result)
                stat_words(into, "result", weft_strerror(info.result));
        stat_number(into, "value_bytes", info.bytes, true);
        stat_number(into, "resets", info.resets, false);
        if (info.computer_pid)
                stat_number(into, "computer", info.computer_pid, false);
        stat_number(into, "waiting", info.waiting, false);
        return 0;
}

static int cat(struct thing_call *c)
{
        struct weft_lazy_info info;
        int64_t n = weft_lazy_info(c->handle, &info);
        void *value = NULL;
        for (uint64_t room = 0; !n || n == -EOVERFLOW;) {
                room = n ? room * 2 : info.bytes ? info.bytes : 1;
                free(value);
                value = malloc(room);
                n = value ? weft_lazy_peek(c->handle, value, room) : -ENOMEM;
                if (n >= 0)
                        break;
        }
        if (n >= 0)
                (void)thing_row_of(c, NULL, 0, 0, value, (size_t)n, n == 8 ? 8 : 0);
        free(value);
        if (n < 0 && n != -EAGAIN) /* not computed */
                return thing_result(c, (int)n, NULL);
        return thing_listed(c, "value");
}

const struct thing_kind thing_lazy = {
        .name = "lazy",
        .open = open_lazy,
        .close = close_lazy,
        .stat = stat,
        .cat = cat,
};
