/* The stage './FILE.so:FUNCTION': a function of bytes, called for each item. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/function.h>

#include "cli/run_function.h"

enum { ROOM_FIRST = 4096, ROOM_MAX = 64 << 20 };

static int find(const char *name, const struct weft_function **function)
{
        struct weft_type bytes = WEFT_TYPE_BYTES;
        int rc = weft_function_find(name, function);
        return rc ? rc : weft_function_check(*function, &bytes, &bytes);
}

/* The plan says "NAME\nARGUMENT", or "NAME" if there is none. */
int run_function_read(const char *file, const char *behind, char **stage)
{
        const struct weft_function *function;
        char *name;

        if (!behind || !*behind || *behind == '=')
                return cli_usage("%s: which function of it? %s:FUNCTION", file, file);
        const char *argument = strchr(behind, '=');
        int n = (int)(argument ? argument - behind : (long)strlen(behind));
        if (asprintf(&name, "%s:%.*s", file, n, behind) < 0)
                return cli_fail_rc(-ENOMEM, file);
        int rc = find(name, &function);
        if (rc) {
                rc = rc == -ENOENT ? CLI_NOT_THERE : CLI_FAILED;
                rc = cli_fail(rc, "%s", weft_function_detail());
        } else if (function->kind != WEFT_FUNCTION_CHUNK) {
                rc = cli_fail(CLI_FAILED,
                              "function '%s' takes one byte at a time, not an item",
                              function->name);
        } else if (strchr(function->name, '\n')) {
                rc = cli_fail(CLI_FAILED, "%s: a newline in a name", name);
        } else if (asprintf(stage, "%s%s%s", function->name, argument ? "\n" : "",
                            argument ? argument + 1 : "") < 0) {
                *stage = NULL;
                rc = cli_fail_rc(-ENOMEM, file);
        }
        free(name);
        return rc;
}

int run_function_open(struct run_function *f, const char *stage)
{
        const char *end = strchrnul(stage, '\n');
        char *name = strndup(stage, (size_t)(end - stage));
        int rc = name ? find(name, &f->function) : -ENOMEM;
        if (rc && rc != -ENOMEM)
                cli_warn("%s", weft_function_detail());
        free(name);
        f->argument = *end ? end + 1 : NULL;
        f->out = NULL;
        f->room = 0;
        return rc;
}

void run_function_close(struct run_function *f)
{
        free(f->out);
}

static int more_room(struct run_function *f)
{
        size_t room = f->room ? 2 * f->room : ROOM_FIRST;
        char *larger = room <= ROOM_MAX ? realloc(f->out, room + 8) : NULL;
        if (!larger)
                return room <= ROOM_MAX ? -ENOMEM : -E2BIG;
        f->out = larger;
        f->room = room;
        return 0;
}

int64_t run_function_call(struct run_function *f, const char *item, size_t bytes)
{
        int64_t n = -EOVERFLOW;
        int rc = 0;
        while (n == -EOVERFLOW && !rc) {
                if (f->room >= bytes && f->room)
                        n = weft_function_call(f->function, item, bytes, f->out, f->room,
                                               f->argument);
                if (n == -EOVERFLOW)
                        rc = more_room(f);
        }
        if (rc)
                return rc;
        if (n == -EPROTO)
                cli_warn("%s", weft_function_detail());
        else if (n < 0)
                cli_warn("function '%s': %s", f->function->name, weft_strerror((int)n));
        return n;
}
