/* weft rm -- takes a name away; the memory goes with the last who has it open. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/cli.h"

/* Somebody alive holds it or waits: who, as far as it can be told. */
static int fail_busy(const char *operand)
{
        char name[WEFT_ARENA_NAME_MAX + 1];
        const char *object;
        weft_arena_t *arena;
        struct weft_object_info info;
        if (cli_split(operand, name, &object) || !object ||
            weft_arena_open(name, WEFT_RDONLY, &arena))
                return cli_fail_rc(-EBUSY, operand);
        int rc = weft_object_stat(arena, object, &info);
        weft_arena_close(arena);
        if (rc)
                return cli_fail_rc(-EBUSY, operand);
        return cli_fail(CLI_FAILED,
                        "%s: in use by somebody alive: %s: %s (weft stat %s lists who is "
                        "in the arena)",
                        operand, info.kind, info.detail, name);
}

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

static int remove_operand(const char *operand)
{
        char name[WEFT_ARENA_NAME_MAX + 1];
        const char *object;
        int code = cli_split(operand, name, &object);
        if (code)
                return code;
        int rc = object ? remove_object(name, object) : weft_arena_remove(name);
        if (rc == -EBUSY)
                return fail_busy(operand);
        return !rc      ? CLI_OK
               : object ? cli_fail_rc(rc, operand)
                        : cli_fail_arena(rc, operand);
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
                code = remove_operand(argv[i]);
                if (!code)
                        json_array_append_new(removed,
                                              cli_json_text(argv[i], strlen(argv[i])));
        }
        if (!code && cli.json)
                return cli_json(json_pack("{s:o}", "removed", removed));
        json_decref(removed);
        return code;
}
