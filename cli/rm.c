/* weft rm -- takes a name away; the memory goes with the last who has it open. */
#define _GNU_SOURCE
#include "cli/cli.h"

static int remove_object(const char *arena_name, const char *object)
{
        weft_arena_t *arena;
        int rc = weft_arena_open(arena_name, WEFT_RDWR, &arena);
        if (rc)
                return rc;
        rc = weft_object_remove(arena, object);
        weft_arena_close(arena);
        return rc;
}

int cmd_rm(int argc, char **argv)
{
        int first = cli_options(argc, argv);
        if (first < 0)
                return -1 - first;
        if (first == argc)
                return cli_usage("which arena or object?");
        json_t *removed = json_array();
        int code = CLI_OK;
        for (int i = first; i < argc && !code; i++) {
                char name[WEFT_ARENA_NAME_MAX + 1];
                const char *object;
                code = cli_split(argv[i], name, &object);
                if (code)
                        break;
                int rc = object ? remove_object(name, object) : weft_arena_remove(name);
                if (rc)
                        code = cli_fail_rc(rc, argv[i]);
                else
                        json_array_append_new(removed, json_string(argv[i]));
        }
        if (!code && cli.json)
                return cli_json(json_pack("{s:o}", "removed", removed));
        json_decref(removed);
        return code;
}
