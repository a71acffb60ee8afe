/* Sets, for weft cat, get, put and del: a member is a key. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/set.h>

#include "cli/stat.h"
#include "cli/thing.h"

static int open_set(weft_arena_t *arena, const char *name, void **handle)
{
        weft_set_t *set = NULL;
        int rc = weft_set_open(arena, name, &set);
        *handle = set;
        return rc;
}

static void close_set(void *handle)
{
        weft_set_close(handle);
}

static int create(struct thing_call *c, void **handle)
{
        const struct weft_set_options options = {
                .entries = c->make.capacity,
                .member_bytes = (uint32_t)c->make.key_bytes,
        };
        weft_set_t *set = NULL;
        if (c->make.key_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_set_create_or_open(c->arena, c->name, &options, &set);
        *handle = set;
        return rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_set_t *set;
        struct weft_map_info info;
        int rc = weft_set_open(arena, name, &set);
        if (rc)
                return rc;
        rc = weft_set_info(set, &info);
        weft_set_close(set);
        if (rc)
                return rc;
        stat_number(into, "members", info.entries, false);
        stat_number(into, "member_bytes", info.key_bytes, false);
        stat_number(into, "slots", info.slots, false);
        stat_number(into, "moving", info.moving, false);
        stat_number(into, "tables", info.tables, false);
        return 0;
}

struct listing {
        struct thing_call *c;
        size_t fixed;
        uint64_t skip;
};

static int each(const void *member, uint32_t bytes, void *context)
{
        struct listing *list = context;
        if (list->skip) {
                list->skip--;
                return 0;
        }
        return thing_row_of(list->c, NULL, 0, 0, member, bytes, list->fixed);
}

/* Members are what is listed: --key-format is theirs, and --format will do. */
static int cat(struct thing_call *c)
{
        struct listing list = { .c = c, .skip = c->from };
        struct weft_map_cursor cursor = { 0 };
        struct weft_map_info info;
        int rc = weft_set_info(c->handle, &info);
        if (c->options & THING_KEY_FORMAT)
                c->format = c->key_format;
        list.fixed = info.key_bytes;
        if (!rc)
                rc = weft_set_each(c->handle, &cursor, 0, each, &list);
        return rc < 0 ? thing_result(c, rc, NULL) : thing_listed(c, "members");
}

/* What is to be done to the member that the line names. */
static int with_member(struct thing_call *c,
                       int (*todo)(weft_set_t *set, const void *member, uint32_t bytes))
{
        struct weft_map_info info;
        struct value member;
        int rc = weft_set_info(c->handle, &info);
        if (rc)
                return thing_result(c, rc, NULL);
        if (c->argc != 1)
                return cli_usage("which member?");
        struct value_format format =
                c->options & THING_KEY_FORMAT ? c->key_format : c->format;
        int code = thing_key(c, format, info.key_bytes, &member);
        if (code)
                return code;
        rc = todo(c->handle, member.bytes, (uint32_t)member.n);
        free(member.bytes);
        return thing_result(c, rc, c->argv[0]);
}

static int contains(weft_set_t *set, const void *member, uint32_t bytes)
{
        int rc = weft_set_contains(set, member, bytes);
        return rc < 0 ? rc : rc ? 0 : -ENOENT;
}

static int insert(weft_set_t *set, const void *member, uint32_t bytes)
{
        int rc = weft_set_insert(set, member, bytes);
        return rc == -EEXIST ? 0 : rc; /* as put does: it is there then */
}

static int get(struct thing_call *c)
{
        return with_member(c, contains);
}

static int put(struct thing_call *c)
{
        return with_member(c, insert);
}

static int del(struct thing_call *c)
{
        return with_member(c, weft_set_remove);
}

const struct thing_kind thing_set = {
        .name = "set",
        .open = open_set,
        .close = close_set,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_KEY_BYTES,
        .stat = stat,
        .cat = cat,
        .get = get,
        .put = put,
        .del = del,
};
