/* Pools, for weft cat: which objects are out, and who has them. */
#define _GNU_SOURCE
#include <string.h>

#include <weft/pool.h>

#include "cli/stat.h"
#include "cli/thing.h"

static int open_pool(weft_arena_t *arena, const char *name, void **handle)
{
        weft_pool_t *pool = NULL;
        int rc = weft_pool_open(arena, name, &pool);
        *handle = pool;
        return rc;
}

static void close_pool(void *handle)
{
        weft_pool_close(handle);
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_pool_t *pool;
        struct weft_pool_info info;
        int rc = weft_pool_open(arena, name, &pool);
        if (rc)
                return rc;
        rc = weft_pool_info(pool, &info);
        weft_pool_close(pool);
        if (rc)
                return rc;
        stat_number(into, "object_bytes", info.object_bytes, false);
        stat_number(into, "count", info.count, false);
        stat_number(into, "max_count", info.max_count, false);
        stat_number(into, "total", info.total, false);
        stat_number(into, "free", info.free, false);
        stat_number(into, "waiting", info.waiting, false);
        stat_words(into, "flags", info.flags & WEFT_POOL_QUARANTINE ? "quarantine" : "");
        return 0;
}

static const char *state_of(const struct weft_pool_entry *entry)
{
        switch (entry->state) {
        case WEFT_POOL_IS_FREE:
                return "free";
        case WEFT_POOL_IS_HELD:
                return "held";
        case WEFT_POOL_IS_TRANSIT:
                return "in transit";
        case WEFT_POOL_IS_QUARANTINED:
                return "in quarantine";
        default:
                return "inspected";
        }
}

static int each(const struct weft_pool_entry *entry, void *context)
{
        struct thing_call *c = context;
        char text[80];
        int n = snprintf(text, sizeof text, "%s", state_of(entry));
        if (entry->index < c->from)
                return 0;
        if (entry->pid)
                n += snprintf(text + n, sizeof text - (size_t)n, " by process %u%s",
                              (unsigned)entry->pid, entry->dead ? ", dead" : "");
        return thing_row_at(c, entry->index, text, (size_t)n, 0);
}

static int cat(struct thing_call *c)
{
        c->format = (struct value_format){ VALUE_TEXT, 0 };
        int rc = weft_pool_each(c->handle, UINT32_MAX, each, c);
        return rc < 0 ? thing_result(c, rc, NULL) : thing_listed(c, "objects");
}

const struct thing_kind thing_pool = {
        .name = "pool",
        .open = open_pool,
        .close = close_pool,
        .stat = stat,
        .cat = cat,
};
