/* weft clean -- removes the arenas of which nobody is alive. */
#define _GNU_SOURCE
#include <getopt.h>
#include <string.h>

#include "cli/cli.h"

struct cleaning {
        bool dry;
        json_t *removed, *kept;
        int code;
};

static void keep(struct cleaning *c, const char *name, const char *why)
{
        if (cli.json)
                json_array_append_new(c->kept,
                                      json_pack("{s:o, s:s}", "name",
                                                cli_json_text(name, strlen(name)), "why",
                                                why));
        else
                printf("kept     %s: %s\n", cli_shown(name), why);
}

static int clean_each(const char *name, void *context)
{
        struct cleaning *c = context;
        weft_arena_t *arena;
        int rc = weft_arena_open(name, WEFT_RDWR, &arena);
        if (!rc) {
                rc = cli_deserted(arena);
                bool used = rc == 0;
                if (rc == 1)
                        rc = c->dry ? 0 : cli_remove_this(arena, name);
                weft_arena_close(arena);
                if (used) {
                        keep(c, name, "in use");
                        return 0;
                }
        }
        if (rc == -ENOENT)
                return 0; /* somebody else removed it */
        if (rc) {
                keep(c, name, cli_arena_error(rc));
                if (rc == -EPERM || rc == -EACCES)
                        return 0; /* another user's: for him to clean */
                cli_warn("%s: %s", cli_shown(name), cli_arena_error(rc));
                c->code = CLI_FAILED;
        } else if (cli.json) {
                json_array_append_new(c->removed, cli_json_text(name, strlen(name)));
        } else {
                printf("%s %s\n", c->dry ? "would remove" : "removed ", cli_shown(name));
        }
        return 0;
}

int cmd_clean(int argc, char **argv)
{
        static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                                 { "help", no_argument, NULL, 'h' },
                                                 { "dry-run", no_argument, NULL, 'n' },
                                                 { NULL, 0, NULL, 0 } };
        struct cleaning c = { .code = CLI_OK };
        int o;
        opterr = 0;
        while ((o = getopt_long(argc, argv, "jhn", options, NULL)) != -1) {
                if (o == 'j') {
                        cli.json = true;
                } else if (o == 'n') {
                        c.dry = true;
                } else if (o == 'h') {
                        return cli_help();
                } else {
                        return cli_usage("there is no option %s", argv[optind - 1]);
                }
        }
        if (optind < argc)
                return cli_usage("clean takes no names; 'weft rm %s' removes one arena",
                                 argv[optind]);
        c.removed = json_array();
        c.kept = json_array();
        int rc = weft_arena_list(clean_each, &c);
        json_t *all = json_pack("{s:o, s:o, s:b}", "removed", c.removed, "kept", c.kept,
                                "dry_run", c.dry);
        if (rc)
                c.code = cli_fail_rc(rc, cli_directory());
        if (cli.json && !rc) {
                rc = cli_json(all);
                return c.code ? c.code : rc;
        }
        json_decref(all);
        rc = cli_flush();
        return c.code ? c.code : rc;
}
