#define _GNU_SOURCE
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

struct cli cli = { .command = "" };

/* ---- errors -------------------------------------------------------------- */

/* Names that were given may hold anything, and a message is one line. */
static void say(const char *text)
{
        char line[4 * 1024 + 1];
        size_t at = 0;
        for (; *text && at + 4 < sizeof line; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        at += (size_t)snprintf(line + at, 5, "\\x%02x", *text);
                else
                        line[at++] = *text;
        fflush(stdout);
        fprintf(stderr, "weft%s%s: %.*s\n", *cli.command ? " " : "", cli.command, (int)at,
                line);
}

void cli_warn(const char *format, ...)
{
        char text[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        if (!*cli.warned)
                snprintf(cli.warned, sizeof cli.warned, "%s", text);
        say(text);
}

static int fail(int code, const char *text)
{
        say(text);
        snprintf(cli.error, sizeof cli.error, "%s", text);
        if (cli.json) {
                json_t *value = json_object();
                json_object_set_new(value, "error", cli_json_text(text, strlen(text)));
                json_object_set_new(value, "exit", json_integer(code));
                cli_json(value);
        }
        return code;
}

int cli_fail(int code, const char *format, ...)
{
        char text[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        return fail(code, text);
}

int cli_fail_rc(int rc, const char *what)
{
        char text[512];
        weft_strerror_of(rc, what, text, sizeof text);
        return fail(rc == -ENOENT ? CLI_NOT_THERE : CLI_FAILED, text);
}

const char *cli_arena_error(int rc)
{
        return rc == -EPROTO ? "no arena, or one of another format" : weft_strerror(rc);
}

int cli_fail_arena(int rc, const char *name)
{
        if (rc != -EPROTO)
                return cli_fail_rc(rc, name);
        return cli_fail(CLI_FAILED, "%s: %s", name, cli_arena_error(rc));
}

/* The name is looked at and then removed: who is stopped between the two for so long that
 * another has removed it and a third made it anew removes that one's name. */
int cli_remove_this(weft_arena_t *arena, const char *name)
{
        weft_arena_t *again; /* one handle for one arena */
        int rc = weft_arena_open(name, WEFT_RDWR, &again);
        if (rc)
                return rc;
        bool same = again == arena;
        weft_arena_close(again);
        return same ? weft_arena_remove(name) : -ENOENT;
}

void cli_unmake_arena(weft_arena_t *arena, const char *name)
{
        struct weft_arena_info info;
        int rc = weft_arena_info(arena, &info);
        if (!rc && !info.objects && info.agents <= 1)
                rc = cli_remove_this(arena, name); /* or somebody was faster: as good */
        (void)rc;
}

int cli_usage(const char *format, ...)
{
        char text[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        fail(CLI_USAGE, text);
        const char *synopsis = cli_synopsis(cli.command);
        if (synopsis)
                fprintf(stderr, "usage: weft %s\n", synopsis);
        else
                fprintf(stderr, "'weft help' lists what there is\n");
        return CLI_USAGE;
}

int cli_help(void)
{
        printf("usage: weft %s\n", cli_synopsis(cli.command));
        return cli_flush();
}

int cli_options(int argc, char **argv)
{
        static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                                 { "help", no_argument, NULL, 'h' },
                                                 { NULL, 0, NULL, 0 } };
        int c;
        opterr = 0;
        while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
                if (c == 'j') {
                        cli.json = true;
                } else if (c == 'h') {
                        return -1 - cli_help();
                } else {
                        return -1 - cli_usage("there is no option %s", argv[optind - 1]);
                }
        }
        return optind;
}

/* ---- output -------------------------------------------------------------- */

int cli_flush(void)
{
        if (fflush(stdout) == 0 && !ferror(stdout))
                return CLI_OK;
        if (errno != EPIPE)
                say("cannot write to the standard output");
        return CLI_FAILED;
}

int cli_json(json_t *value)
{
        int rc = json_dumpf(value, stdout, JSON_INDENT(2));
        json_decref(value);
        putchar('\n');
        int flushed = cli_flush();
        return rc ? CLI_FAILED : flushed;
}

json_t *cli_json_text(const char *text, size_t bytes)
{
        json_t *string = json_stringn(text, bytes); /* NULL if it is not UTF-8 */
        if (string)
                return string;
        static const char digits[] = "0123456789abcdef";
        char *hex = malloc(2 * bytes + 1);
        if (!hex)
                return NULL;
        for (size_t i = 0; i < bytes; i++) {
                hex[2 * i] = digits[(unsigned char)text[i] >> 4];
                hex[2 * i + 1] = digits[(unsigned char)text[i] & 15];
        }
        json_t *object = json_object();
        json_object_set_new(object, "hex", json_stringn(hex, 2 * bytes));
        free(hex);
        return object;
}

const char *cli_shown(const char *name)
{
        static char buffers[4][4 * WEFT_ARENA_NAME_MAX + 1];
        static unsigned next;
        char *text = buffers[next++ % 4];
        size_t n = strlen(name), at = 0;
        for (size_t i = 0, k; i < n && at + 4 < sizeof buffers[0]; i += k ? k : 1) {
                k = value_character((const unsigned char *)name + i, n - i);
                if (k)
                        memcpy(text + at, name + i, k);
                else
                        snprintf(text + at, 5, "\\x%02x", (unsigned char)name[i]);
                at += k ? k : 4;
        }
        text[at] = 0;
        return text;
}

const char *cli_bytes(uint64_t bytes)
{
        static const char unit[][4] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        static char buffers[8][24];
        static unsigned next;
        char *text = buffers[next++ % 8];
        double value = (double)bytes;
        unsigned u = 0;
        for (; value >= 1024 && u < 6; u++)
                value /= 1024;
        snprintf(text, sizeof buffers[0], u && value < 100 ? "%.1f %s" : "%.0f %s", value,
                 unit[u]);
        return text;
}

/* ---- arguments ----------------------------------------------------------- */

int cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
        char *end;
        if (*text < '0' || *text > '9')
                return -EINVAL;
        errno = 0;
        unsigned long long n = strtoull(text, &end, 10);
        if (errno || *end || n < least || n > most)
                return -EINVAL;
        *value = n;
        return 0;
}

int cli_parse_bytes(const char *text, uint64_t *bytes)
{
        static const char letters[] = "KMGT";
        char *end;
        if (*text < '0' || *text > '9')
                return -EINVAL;
        errno = 0;
        unsigned long long n = strtoull(text, &end, 10);
        if (errno)
                return -EINVAL;
        unsigned shift = 0;
        const char *letter = *end ? strchr(letters, *end & ~0x20) : NULL;
        if (letter) {
                shift = 10 * ((unsigned)(letter - letters) + 1);
                end++;
                if (!strcmp(end, "iB"))
                        end += 2;
        }
        if (*end || n > UINT64_MAX >> shift)
                return -EINVAL;
        *bytes = n << shift;
        return 0;
}

const char *cli_directory(void)
{
        static char text[512];
        const char *dir = getenv("WEFT_DIR");
        snprintf(text, sizeof text, "directory of arenas %s",
                 dir && *dir ? dir : "/dev/shm");
        return text;
}

int cli_split(const char *operand, char arena[WEFT_ARENA_NAME_MAX + 1],
              const char **object)
{
        const char *slash = strchr(operand, '/');
        size_t bytes = slash ? (size_t)(slash - operand) : strlen(operand);
        if (!bytes)
                return cli_usage("'%s' names no arena", operand);
        if (bytes > WEFT_ARENA_NAME_MAX)
                return cli_usage("the arena's name is longer than %d bytes",
                                 WEFT_ARENA_NAME_MAX);
        if (*operand == '.')
                return cli_usage("'%s': no arena's name begins with '.'", operand);
        memcpy(arena, operand, bytes);
        arena[bytes] = 0;
        *object = slash ? slash + 1 : NULL;
        if (slash && !slash[1])
                return cli_usage("'%s' names no object after the '/'", operand);
        return CLI_OK;
}
