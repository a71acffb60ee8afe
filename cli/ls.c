/* weft ls -- arenas, or the objects of one. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

struct listing {
        json_t *rows;
        int failed;
        int n;
};

/* ---- arenas -------------------------------------------------------------- */

static const char *age(uint64_t created_ns)
{
        static char text[24];
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        uint64_t now = (uint64_t)t.tv_sec, then = created_ns / WEFT_SEC;
        uint64_t s = now > then ? now - then : 0;
        if (s < 120)
                snprintf(text, sizeof text, "%us", (unsigned)s);
        else if (s < UINT64_C(7200))
                snprintf(text, sizeof text, "%um", (unsigned)(s / 60));
        else if (s < UINT64_C(172800))
                snprintf(text, sizeof text, "%uh", (unsigned)(s / 3600));
        else
                snprintf(text, sizeof text, "%ud", (unsigned)(s / 86400));
        return text;
}

static int look(const char *name, struct weft_arena_info *info)
{
        weft_arena_t *arena;
        int rc = weft_arena_open(name, WEFT_RDONLY, &arena);
        if (rc)
                return rc;
        rc = weft_arena_info(arena, info);
        weft_arena_close(arena);
        return rc;
}

static void arena_row(const char *name, const struct weft_arena_info *info,
                      struct listing *list)
{
        if (cli.json) {
                json_t *row =
                        json_pack("{s:o, s:I, s:I, s:I, s:i, s:i, s:b, s:I}", "name",
                                  cli_json_text(name, strlen(name)), "used_bytes",
                                  (json_int_t)info->used_bytes, "committed_bytes",
                                  (json_int_t)info->committed_bytes, "max_bytes",
                                  (json_int_t)info->max_bytes, "agents",
                                  (int)info->agents, "objects", (int)info->objects,
                                  "ephemeral", (info->flags & WEFT_ARENA_EPHEMERAL) != 0,
                                  "created_ns", (json_int_t)info->created_ns);
                json_array_append_new(list->rows, row);
                return;
        }
        if (!list->n++)
                printf("%-28s %10s %10s %10s %7s %8s %5s\n", "ARENA", "USED", "COMMITTED",
                       "MAX", "AGENTS", "OBJECTS", "AGE");
        printf("%-28s %10s %10s %10s %7u %8u %5s\n", cli_shown(name),
               cli_bytes(info->used_bytes), cli_bytes(info->committed_bytes),
               cli_bytes(info->max_bytes), info->agents, info->objects,
               age(info->created_ns));
}

static int arena_each(const char *name, void *context)
{
        struct listing *list = context;
        struct weft_arena_info info;
        int rc = look(name, &info);
        if (rc == -ENOENT)
                return 0; /* gone since it was listed */
        if (rc) {
                cli_warn("%s: %s", cli_shown(name), cli_arena_error(rc));
                list->failed = CLI_FAILED;
        } else {
                arena_row(name, &info, list);
        }
        return 0;
}

/* ---- objects ------------------------------------------------------------- */

static int object_row(const struct weft_object_info *object, void *context)
{
        struct listing *list = context;
        if (cli.json) {
                json_t *row =
                        json_pack("{s:s, s:i, s:i, s:I}", "kind", object->kind, "version",
                                  (int)object->version, "holders", (int)object->holders,
                                  "bytes", (json_int_t)object->bytes);
                json_object_set_new(row, "name",
                                    cli_json_text(object->name, strlen(object->name)));
                json_object_set_new(
                        row, "detail",
                        cli_json_text(object->detail, strlen(object->detail)));
                json_array_append_new(list->rows, row);
                return 0;
        }
        if (!list->n++)
                printf("%-28s %-10s %7s %10s  %s\n", "OBJECT", "KIND", "HOLDERS", "BYTES",
                       "DETAIL");
        printf("%-28s %-10s %7u %10s  %s\n", cli_shown(object->name), object->kind,
               object->holders, cli_bytes(object->bytes), object->detail);
        return 0;
}

static int list_operand(const char *operand, struct listing *list)
{
        char name[WEFT_ARENA_NAME_MAX + 1];
        const char *object;
        weft_arena_t *arena;
        int rc = cli_split(operand, name, &object);
        if (rc)
                return rc;
        rc = weft_arena_open(name, WEFT_RDONLY, &arena);
        if (rc)
                return cli_fail_arena(rc, name);
        if (object) {
                struct weft_object_info info;
                rc = weft_object_stat(arena, object, &info);
                if (!rc)
                        rc = object_row(&info, list);
        } else {
                rc = weft_object_list(arena, object_row, list);
        }
        weft_arena_close(arena);
        return rc ? cli_fail_rc(rc, operand) : CLI_OK;
}

int cmd_ls(int argc, char **argv)
{
        int first = cli_options(argc, argv);
        if (first < 0)
                return -1 - first;
        struct listing list = { .rows = json_array() };
        int code = CLI_OK;
        if (first == argc) {
                int rc = weft_arena_list(arena_each, &list);
                if (rc)
                        code = cli_fail_rc(rc, cli_directory());
        }
        for (int i = first; i < argc && !code; i++)
                code = list_operand(argv[i], &list);
        if (code || !cli.json)
                json_decref(list.rows);
        else
                code = cli_json(list.rows);
        if (!code)
                code = cli_flush();
        return code ? code : list.failed;
}
