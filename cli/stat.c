/* weft stat -- all there is to know about an arena or an object. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/stat.h"
#include "cli/thing.h"

/* One fact after the other: a line for people, a member for programs. */
void stat_number(json_t *into, const char *key, uint64_t value, bool bytes)
{
        if (cli.json)
                json_object_set_new(into, key, json_integer((json_int_t)value));
        else
                printf("  %-18s %" JSON_INTEGER_FORMAT "%s%s%s\n", key, (json_int_t)value,
                       bytes ? "  (" : "", bytes ? cli_bytes(value) : "",
                       bytes ? ")" : "");
}

void stat_words(json_t *into, const char *key, const char *value)
{
        if (cli.json)
                json_object_set_new(into, key, cli_json_text(value, strlen(value)));
        else
                printf("  %-18s %s\n", key, value);
}

static int agent_row(const struct weft_agent_info *agent, void *context)
{
        if (cli.json)
                json_array_append_new(context,
                                      json_pack("{s:i, s:i, s:i, s:i, s:b}", "seat",
                                                (int)agent->seat, "generation",
                                                (int)agent->generation, "pid",
                                                (int)agent->pid, "tid", (int)agent->tid,
                                                "dead", (int)agent->dead));
        else
                printf("  seat %-4u generation %-6u pid %-8u tid %-8u%s\n", agent->seat,
                       agent->generation, agent->pid, agent->tid,
                       agent->dead ? " dead" : "");
        return 0;
}

static int stat_arena(weft_arena_t *arena, const char *name, json_t *into)
{
        struct weft_arena_info info;
        int rc = weft_arena_info(arena, &info);
        if (rc)
                return rc;
        if (!cli.json)
                printf("arena %s\n", cli_shown(name));
        else
                stat_words(into, "name", name);
        stat_number(into, "used_bytes", info.used_bytes, true);
        stat_number(into, "free_bytes", info.free_bytes, true);
        stat_number(into, "table_bytes", info.table_bytes, true);
        stat_number(into, "committed_bytes", info.committed_bytes, true);
        stat_number(into, "max_bytes", info.max_bytes, true);
        stat_number(into, "objects", info.objects, false);
        stat_number(into, "max_objects", info.max_objects, false);
        stat_number(into, "format", info.format, false);
        stat_number(into, "uid", info.uid, false);

        char text[64];
        snprintf(text, sizeof text, "%04o", info.mode & 07777);
        stat_words(into, "mode", text);
        bool ephemeral = info.flags & WEFT_ARENA_EPHEMERAL;
        bool large = info.flags & WEFT_ARENA_LARGE_PAGES;
        stat_words(into, "flags",
                   ephemeral && large ? "ephemeral, large pages"
                   : ephemeral        ? "ephemeral"
                   : large            ? "large pages"
                                      : "");
        time_t created = (time_t)(info.created_ns / WEFT_SEC);
        struct tm tm;
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&created, &tm));
        stat_words(into, "created", text);

        stat_number(into, "agents", info.agents, false);
        json_t *rows = json_array();
        rc = weft_agent_list(arena, agent_row, rows);
        if (cli.json)
                json_object_set_new(into, "seats", rows);
        else
                json_decref(rows);
        return rc;
}

static int stat_object(weft_arena_t *arena, const char *operand, const char *name,
                       json_t *into)
{
        struct weft_object_info info;
        int rc = weft_object_stat(arena, name, &info);
        if (rc)
                return rc;
        if (!cli.json)
                printf("%s %s\n", info.kind, cli_shown(operand));
        else
                stat_words(into, "name", info.name);
        stat_words(into, "kind", info.kind);
        stat_number(into, "version", info.version, false);
        stat_number(into, "holders", info.holders, false);
        stat_number(into, "bytes", info.bytes, true);
        stat_words(into, "detail", info.detail);
        const struct thing_kind *kind = thing_find(info.kind);
        if (kind && kind->stat)
                return kind->stat(arena, name, into);
        return stat_sync(arena, info.kind, name, into);
}

int cli_stat_object(weft_arena_t *arena, const char *operand, const char *name)
{
        json_t *into = json_object();
        int rc = stat_object(arena, operand, name, into);
        if (!rc && cli.json)
                return cli_json(into);
        json_decref(into);
        return rc ? cli_fail_rc(rc, operand) : cli_flush();
}

static int stat_operand(const char *operand, json_t *rows)
{
        char name[WEFT_ARENA_NAME_MAX + 1];
        const char *object;
        weft_arena_t *arena;
        int code = cli_split(operand, name, &object);
        if (code)
                return code;
        int rc = weft_arena_open(name, WEFT_RDONLY, &arena);
        if (rc)
                return cli_fail_arena(rc, name);
        json_t *into = json_object();
        rc = object ? stat_object(arena, operand, object, into)
                    : stat_arena(arena, name, into);
        weft_arena_close(arena);
        json_array_append_new(rows, into);
        return rc ? cli_fail_rc(rc, operand) : CLI_OK;
}

int cmd_stat(int argc, char **argv)
{
        int first = cli_options(argc, argv);
        if (first < 0)
                return -1 - first;
        if (first == argc)
                return cli_usage("which arena or object?");
        json_t *rows = json_array();
        int code = CLI_OK;
        for (int i = first; i < argc && !code; i++)
                code = stat_operand(argv[i], rows);
        if (code || !cli.json) {
                json_decref(rows);
                return code ? code : cli_flush();
        }
        if (json_array_size(rows) != 1)
                return cli_json(rows);
        code = cli_json(
                json_incref(json_array_get(rows, 0))); /* one: no array around it */
        json_decref(rows);
        return code;
}
