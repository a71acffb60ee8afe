/* Maps, for weft cat, get, put and del. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/map.h>

#include "cli/stat.h"
#include "cli/thing.h"

static int open_map(weft_arena_t *arena, const char *name, void **handle)
{
        weft_map_t *map = NULL;
        int rc = weft_map_open(arena, name, &map);
        *handle = map;
        return rc;
}

static void close_map(void *handle)
{
        weft_map_close(handle);
}

/* 0 bytes, as --create has them if nothing is said: each has its own length. */
static int create(struct thing_call *c, void **handle)
{
        const struct weft_map_options options = {
                .entries = c->make.capacity,
                .key_bytes = (uint32_t)c->make.key_bytes,
                .value_bytes = (uint32_t)c->make.element_bytes,
        };
        weft_map_t *map = NULL;
        if (c->make.key_bytes > UINT32_MAX || c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_map_create_or_open(c->arena, c->name, &options, &map);
        *handle = map;
        return rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_map_t *map;
        struct weft_map_info info;
        int rc = weft_map_open(arena, name, &map);
        if (rc)
                return rc;
        rc = weft_map_info(map, &info);
        weft_map_close(map);
        if (rc)
                return rc;
        stat_number(into, "entries", info.entries, false);
        stat_number(into, "slots", info.slots, false);
        stat_number(into, "moving", info.moving, false);
        stat_number(into, "tables", info.tables, false);
        stat_number(into, "key_bytes", info.key_bytes, false);
        stat_number(into, "value_bytes", info.value_bytes, false);
        stat_words(into, "flags", info.flags & WEFT_MAP_EXPIRY ? "expiry" : "");
        return 0;
}

struct listing {
        struct thing_call *c;
        struct weft_map_info info;
        uint64_t skip;
};

static int each(const struct weft_map_entry *entry, void *context)
{
        struct listing *list = context;
        if (list->skip) {
                list->skip--;
                return 0;
        }
        return thing_row_of(list->c, entry->key, entry->key_bytes, list->info.key_bytes,
                            entry->value, entry->value_bytes, list->info.value_bytes);
}

static int cat(struct thing_call *c)
{
        struct listing list = { .c = c, .skip = c->from };
        struct weft_map_cursor cursor = { 0 };
        int rc = weft_map_info(c->handle, &list.info);
        if (!rc)
                rc = weft_map_each(c->handle, &cursor, 0, each, &list);
        return rc < 0 ? thing_result(c, rc, NULL) : thing_listed(c, "entries");
}

static int read_key(struct thing_call *c, struct weft_map_info *info, struct value *key)
{
        int rc = weft_map_info(c->handle, info);
        if (rc)
                return thing_result(c, rc, NULL);
        if (!c->argc)
                return cli_usage("which key?");
        return thing_key(c, c->key_format, info->key_bytes, key);
}

/* It may become longer while it is read. */
static int get_value(weft_map_t *map, const struct value *key, void **value, uint64_t *n)
{
        uint64_t room = 256;
        int rc;
        *value = NULL;
        do {
                void *more = realloc(*value, room);
                if (!more)
                        return -ENOMEM;
                *value = more;
                *n = room;
                rc = weft_map_get(map, key->bytes, (uint32_t)key->n, *value, n, NULL);
                room = *n > room ? *n : 2 * room;
        } while (rc == -EOVERFLOW);
        return rc;
}

static int get(struct thing_call *c)
{
        struct weft_map_info info;
        struct value key;
        void *value = NULL;
        uint64_t n;
        int code = read_key(c, &info, &key);
        if (code)
                return code;
        int rc = get_value(c->handle, &key, &value, &n);
        code = rc ? thing_result(c, rc, c->argv[0])
                  : thing_value(c, value, n, info.value_bytes);
        free(value);
        free(key.bytes);
        return code;
}

static int put(struct thing_call *c)
{
        struct weft_map_info info;
        struct value key, value;
        int code = read_key(c, &info, &key);
        if (code)
                return code;
        code = c->argc == 2 ? value_read(c->format, info.value_bytes, c->argv[1], &value)
                            : cli_usage("which value?");
        if (!code) {
                int rc = weft_map_put(c->handle, key.bytes, (uint32_t)key.n, value.bytes,
                                      value.n);
                free(value.bytes);
                code = thing_result(c, rc, c->argv[0]);
        }
        free(key.bytes);
        return code;
}

static int del(struct thing_call *c)
{
        struct weft_map_info info;
        struct value key;
        int code = read_key(c, &info, &key);
        if (code)
                return code;
        int rc = weft_map_remove(c->handle, key.bytes, (uint32_t)key.n);
        free(key.bytes);
        return thing_result(c, rc, c->argv[0]);
}

const struct thing_kind thing_map = {
        .name = "map",
        .open = open_map,
        .close = close_map,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_KEY_BYTES | MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = cat,
        .get = get,
        .put = put,
        .del = del,
};
