/* weft check -- is everything in an arena owned by somebody who is there? */
#define _GNU_SOURCE
#include <getopt.h>
#include <string.h>

#include "cli/cli.h"

struct checking {
        bool repair;
        json_t *rows;
        int code;
};

static void show_json(struct checking *c, const char *name,
                      const struct weft_census *census,
                      const struct weft_recovery *recovery, bool whole)
{
        json_t *row = json_pack(
                "{s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:i}", "name",
                cli_json_text(name, strlen(name)), "whole", whole, "data_bytes",
                (json_int_t)census->data_bytes, "free_bytes",
                (json_int_t)census->free_bytes, "agent_bytes",
                (json_int_t)census->agent_bytes, "object_bytes",
                (json_int_t)census->object_bytes, "arena_bytes",
                (json_int_t)census->arena_bytes, "orphans", (int)census->orphans,
                "orphan_bytes", (json_int_t)census->orphan_bytes, "lost_pages",
                (json_int_t)census->lost_pages, "corrupt", (int)census->corrupt);
        if (c->repair)
                json_object_set_new(row, "recovery",
                                    json_pack("{s:i, s:i, s:i}", "settled",
                                              (int)recovery->settled, "alive",
                                              (int)recovery->alive, "failed",
                                              (int)recovery->failed));
        json_array_append_new(c->rows, row);
}

static void show(struct checking *c, const char *name, const struct weft_census *census,
                 const struct weft_recovery *recovery, bool whole)
{
        printf("%s: %s\n", cli_shown(name), whole ? "whole" : "NOT WHOLE");
        if (c->repair)
                printf("  %-10s %u settled, %u alive, %u could not be settled\n",
                       "agents", recovery->settled, recovery->alive, recovery->failed);
        printf("  %-10s %s free + %s agents' + %s objects' + %s the arena's = %s\n",
               "bytes", cli_bytes(census->free_bytes), cli_bytes(census->agent_bytes),
               cli_bytes(census->object_bytes), cli_bytes(census->arena_bytes),
               cli_bytes(census->data_bytes));
        if (census->orphans)
                printf("  %-10s %u blocks, %s, owned by nobody who is there\n", "orphans",
                       census->orphans, cli_bytes(census->orphan_bytes));
        if (census->lost_pages)
                printf("  %-10s %llu pages in no known state\n", "lost",
                       (unsigned long long)census->lost_pages);
        if (census->corrupt)
                printf("  %-10s %u objects\n", "corrupt", census->corrupt);
}

static int check_arena(const char *name, struct checking *c)
{
        weft_arena_t *arena;
        int rc = weft_arena_open(name, c->repair ? WEFT_RDWR : WEFT_RDONLY, &arena);
        if (rc)
                return rc;
        struct weft_recovery recovery = { 0 };
        struct weft_census census = { 0 };
        if (c->repair)
                rc = weft_arena_recover(arena, &recovery);
        if (!rc)
                rc = weft_arena_check(arena, &census);
        weft_arena_close(arena);
        if (rc && rc != -EUCLEAN)
                return rc;
        bool whole = rc == 0 && !recovery.failed;
        (cli.json ? show_json : show)(c, name, &census, &recovery, whole);
        if (!whole)
                c->code = CLI_FAILED;
        return 0;
}

static int check_each(const char *name, void *context)
{
        struct checking *c = context;
        int rc = check_arena(name, c);
        if (rc && rc != -ENOENT) { /* -ENOENT: gone since it was listed */
                cli_warn("%s: %s", cli_shown(name), cli_arena_error(rc));
                c->code = CLI_FAILED;
        }
        return 0;
}

static int parse(int argc, char **argv, struct checking *c, bool *all)
{
        static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                                 { "help", no_argument, NULL, 'h' },
                                                 { "repair", no_argument, NULL, 'r' },
                                                 { "all", no_argument, NULL, 'a' },
                                                 { NULL, 0, NULL, 0 } };
        int o;
        opterr = 0;
        while ((o = getopt_long(argc, argv, "jhra", options, NULL)) != -1) {
                if (o == 'j') {
                        cli.json = true;
                } else if (o == 'r') {
                        c->repair = true;
                } else if (o == 'a') {
                        *all = true;
                } else if (o == 'h') {
                        return -1 - cli_help();
                } else {
                        return -1 - cli_usage("there is no option %s", argv[optind - 1]);
                }
        }
        if (*all == (optind < argc))
                return -1 - cli_usage(*all ? "either --all or names of arenas"
                                           : "which arena? (--all for all)");
        return optind;
}

int cmd_check(int argc, char **argv)
{
        struct checking c = { .code = CLI_OK };
        bool all = false;
        int first = parse(argc, argv, &c, &all);
        if (first < 0)
                return -1 - first;
        int code = CLI_OK;
        c.rows = json_array();
        if (all) {
                int rc = weft_arena_list(check_each, &c);
                if (rc)
                        code = cli_fail_rc(rc, cli_directory());
        }
        for (int i = first; i < argc && !code; i++) {
                char name[WEFT_ARENA_NAME_MAX + 1];
                const char *object;
                code = cli_split(argv[i], name, &object);
                if (!code && object)
                        code = cli_usage("'%s': check takes whole arenas", argv[i]);
                int rc = code ? 0 : check_arena(name, &c);
                if (rc)
                        code = cli_fail_arena(rc, name);
        }
        if (code || !cli.json)
                json_decref(c.rows);
        else
                code = cli_json(c.rows);
        if (!code)
                code = cli_flush();
        return code ? code : c.code;
}
