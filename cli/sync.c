/* What sem, event, latch and barrier share. */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stat.h"
#include "cli/sync.h"

/* An arena that `create` makes: memory is taken as it is used, so this costs nothing. */
#define ARENA_BYTES (UINT64_C(64) << 20)

/* ---- the command line ---------------------------------------------------------- */

static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { "timeout", required_argument, NULL, 't' },
        { "permits", required_argument, NULL, 'n' },
        { "max", required_argument, NULL, 'm' },
        { "exist-ok", no_argument, NULL, 'e' },
        { "owned", no_argument, NULL, 'o' },
        { "auto", no_argument, NULL, 'a' },
        { "set", no_argument, NULL, 's' },
        { "shrink", no_argument, NULL, 'k' },
        { "members", no_argument, NULL, 'M' },
        { NULL, 0, NULL, 0 },
};

static const struct {
        int letter;
        unsigned bit;
        const char *name;
} bits[] = {
        { 'j', SYNC_JSON, "--json" },         { 't', SYNC_TIMEOUT, "--timeout" },
        { 'n', SYNC_PERMITS, "-n" },          { 'm', SYNC_MAX, "--max" },
        { 'e', SYNC_EXIST_OK, "--exist-ok" }, { 'o', SYNC_OWNED, "--owned" },
        { 'a', SYNC_AUTO, "--auto" },         { 's', SYNC_SET, "--set" },
        { 'k', SYNC_SHRINK, "--shrink" },     { 'M', SYNC_MEMBERS, "--members" },
};
enum { BITS = sizeof bits / sizeof *bits };

int sync_parse_time(const char *text, uint64_t *ns)
{
        static const struct {
                const char *unit;
                double ns;
        } units[] = { { "", 1e9 }, { "s", 1e9 },  { "ms", 1e6 },   { "us", 1e3 },
                      { "ns", 1 }, { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 } };
        char *end;
        size_t digits = strspn(text, "0123456789.");
        if (!digits || text[digits] == 'e' || text[digits] == 'x')
                return -EINVAL;
        double value = strtod(text, &end);
        if (end != text + digits)
                return -EINVAL;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
                if (!strcmp(end, units[i].unit)) {
                        value *= units[i].ns;
                        if (!(value < 9e18))
                                return -EINVAL;
                        *ns = (uint64_t)value;
                        return 0;
                }
        return -EINVAL;
}

static int take_option(struct sync_call *c, int letter)
{
        uint64_t ns;
        for (int i = 0; i < BITS; i++)
                if (bits[i].letter == letter)
                        c->options |= bits[i].bit;
        switch (letter) {
        case 'j':
                cli.json = true;
                return CLI_OK;
        case 't':
                if (sync_parse_time(optarg, &ns))
                        return cli_usage("--timeout '%s' is no time, such as 1.5, 500ms "
                                         "or 2m",
                                         optarg);
                c->deadline = weft_after(ns);
                return CLI_OK;
        case 'n':
                if (cli_parse_number(optarg, 1, WEFT_SEMAPHORE_MAX, &c->n))
                        return cli_usage("-n '%s' is no number of permits", optarg);
                return CLI_OK;
        case 'm':
                if (cli_parse_number(optarg, 1, WEFT_SEMAPHORE_MAX, &c->max))
                        return cli_usage("--max '%s' is no number of permits", optarg);
                return CLI_OK;
        case ':':
                return cli_usage("%s wants an argument", c->argv[optind - 1]);
        case '?':
                return cli_usage("there is no option %s", c->argv[optind - 1]);
        default:
                return CLI_OK;
        }
}

static const struct sync_verb *find_verb(const struct sync_kind *kind, const char *name)
{
        for (const struct sync_verb *v = kind->verbs; v->name; v++)
                if (!strcmp(v->name, name))
                        return v;
        return NULL;
}

/* The second operand is the verb; what follows one that takes a COMMAND is not ours. */
static bool is_command(const struct sync_call *c, char *const *operands, int n)
{
        if (n != 2)
                return false;
        const struct sync_verb *v = find_verb(c->kind, operands[1]);
        return v && v->most < 0;
}

/* Options and operands in any order. Fills `operands` (argc of them fit) and `*n`. */
static int read_line(struct sync_call *c, int argc, char **argv, char **operands, int *n)
{
        c->argv = argv;
        opterr = 0;
        *n = 0;
        for (;;) {
                int letter = getopt_long(argc, argv, "+:jhn:", options, NULL);
                if (letter == 'h') {
                        int code = cli_help();
                        return code ? code : -1;
                }
                if (letter != -1) {
                        int code = take_option(c, letter);
                        if (code)
                                return code;
                        continue;
                }
                bool rest = optind > 1 && !strcmp(argv[optind - 1], "--");
                do {
                        if (optind == argc)
                                return CLI_OK;
                        rest = rest || is_command(c, operands, *n);
                        operands[(*n)++] = argv[optind++];
                } while (rest);
        }
}

static int list_verbs(const struct sync_kind *kind, const char *wrong)
{
        char text[256];
        int at = 0;
        for (const struct sync_verb *v = kind->verbs; v->name; v++)
                at += snprintf(text + at, sizeof text - (size_t)at, "%s%s",
                               v == kind->verbs ? "" : ", ", v->name);
        return wrong ? cli_usage("there is no verb '%s': %s", wrong, text)
                     : cli_usage("which verb? %s", text);
}

int sync_argument(struct sync_call *c, uint64_t least, uint64_t most)
{
        if (!c->argc || !cli_parse_number(c->argv[0], least, most, &c->number))
                return CLI_OK;
        return cli_usage("'%s' is not a number from %llu to %llu", c->argv[0],
                         (unsigned long long)least, (unsigned long long)most);
}

static int check_object(struct sync_call *c, const char *operand)
{
        if (!operand)
                return cli_usage("which %s? ARENA/NAME", c->kind->name);
        c->operand = operand;
        int code = cli_split(operand, c->arena_name, &c->name);
        if (!code && !c->name)
                return cli_usage("'%s' is an arena; %s/NAME is something in it", operand,
                                 operand);
        return code;
}

static int check_verb(const struct sync_call *c, const struct sync_verb *verb)
{
        for (int i = 0; i < BITS; i++)
                if (c->options & bits[i].bit & ~(verb->options | SYNC_JSON))
                        return cli_usage("%s does not take %s", verb->name, bits[i].name);
        if (c->argc < verb->least || (verb->most >= 0 && c->argc > verb->most))
                return cli_usage(*verb->arguments ? "%s takes %s"
                                                  : "%s takes no argument%s",
                                 verb->name, verb->arguments);
        if (verb->most < 0 && c->options & SYNC_JSON)
                return cli_usage(
                        "%s leaves the standard output to its command: no --json",
                        verb->name);
        return CLI_OK;
}

/* `operands` end with NULL. */
static int check_line(struct sync_call *c, char **operands, int n)
{
        int code = check_object(c, operands[0]);
        if (code)
                return code;
        c->verb = n > 1 ? find_verb(c->kind, operands[1]) : NULL;
        if (!c->verb)
                return list_verbs(c->kind, operands[1]);
        c->argc = n - 2;
        c->argv = operands + 2;
        code = check_verb(c, c->verb);
        return !code && c->verb->parse ? c->verb->parse(c) : code;
}

/* ---- opening ------------------------------------------------------------------- */

static int open_arena_to_make(struct sync_call *c)
{
        const struct weft_arena_options small = { .max_bytes = ARENA_BYTES };
        int rc;
        do { /* somebody else may make it, or remove it, meanwhile */
                rc = weft_arena_open(c->arena_name, WEFT_RDWR, &c->arena);
                if (rc == -ENOENT) {
                        rc = weft_arena_create(c->arena_name, &small, &c->arena);
                        c->made = rc == 0;
                }
                if (rc == -ENOENT || rc == -ENOTSUP)
                        cli_warn("%s: no arena can be made there", cli_directory());
        } while (rc == -EEXIST);
        return rc;
}

/* Opening it to write settles the dead: before anything is looked at or done, the permits
 * of who was killed are back, its barrier is broken, and nobody counts it as waiting. */
static int open_object(struct sync_call *c, int flags)
{
        int rc = weft_arena_open(c->arena_name, flags, &c->arena);
        if (rc)
                return rc;
        rc = c->kind->open(c->arena, c->name, &c->handle);
        if (rc == -EPROTO || !rc)
                return rc; /* the arena stays open: to say what is there instead */
        weft_arena_close(c->arena);
        c->arena = NULL;
        return rc;
}

static int open_all(struct sync_call *c)
{
        if (c->verb->how == SYNC_MAKE)
                return open_arena_to_make(c);
        int rc = open_object(c, WEFT_RDWR);
        if (c->verb->how == SYNC_LOOK && rc && rc != -ENOENT && rc != -EPROTO)
                rc = open_object(c, WEFT_RDONLY); /* we may not write, or have no seat */
        return rc;
}

static void close_all(struct sync_call *c)
{
        if (c->handle)
                c->kind->close(c->handle);
        weft_arena_close(c->arena);
}

/* ---- signals ------------------------------------------------------------------- */

static sigset_t signals_before;

static void ending_signals(sigset_t *set)
{
        sigemptyset(set);
        sigaddset(set, SIGINT);
        sigaddset(set, SIGTERM);
        sigaddset(set, SIGHUP);
        sigaddset(set, SIGQUIT);
}

void sync_waited(void)
{
        sigset_t set;
        ending_signals(&set);
        sigprocmask(SIG_BLOCK, &set, NULL);
}

void sync_signals_restore(void)
{
        sigprocmask(SIG_SETMASK, &signals_before, NULL);
}

/* ---- results ------------------------------------------------------------------- */

static int tell(struct sync_call *c, const char *key, json_t *value, json_t *fields)
{
        if (!cli.json) {
                json_decref(value);
                json_decref(fields);
                return cli_flush();
        }
        json_t *object = json_object();
        json_object_set_new(object, "name",
                            cli_json_text(c->operand, strlen(c->operand)));
        json_object_set_new(object, key, value);
        if (fields)
                json_object_update(object, fields);
        json_decref(fields);
        return cli_json(object);
}

int sync_done(struct sync_call *c, json_t *fields)
{
        return tell(c, "done", json_true(), fields);
}

int sync_no(struct sync_call *c)
{
        int code = tell(c, "done", json_false(), NULL);
        return code ? code : SYNC_NO;
}

int sync_number(struct sync_call *c, const char *key, uint64_t value)
{
        if (!cli.json)
                printf("%llu\n", (unsigned long long)value);
        return tell(c, key, json_integer((json_int_t)value), NULL);
}

/* It is there, but it is something else. */
static int fail_other(struct sync_call *c)
{
        struct weft_object_info info;
        if (!c->arena)
                return cli_fail_arena(-EPROTO, c->arena_name);
        if (weft_object_stat(c->arena, c->name, &info))
                return cli_fail_rc(-EPROTO, c->operand);
        if (!strcmp(info.kind, c->kind->name))
                return cli_fail(CLI_FAILED, "%s: already there, made with other options",
                                c->operand);
        return cli_fail(CLI_FAILED, "%s: of kind %s, not %s", c->operand, info.kind,
                        c->kind->name);
}

int sync_result(struct sync_call *c, int rc)
{
        switch (rc) {
        case 0:
                return sync_done(c, NULL);
        case -EAGAIN:
        case -ETIMEDOUT:
                return cli_fail(SYNC_TIMED_OUT, "%s: timed out", c->operand);
        case -EOWNERDEAD:
                return cli_fail(SYNC_DIED, "%s: %s", c->operand, c->kind->died);
        case -EEXIST:
                return cli_fail(CLI_FAILED,
                                "%s: already there (--exist-ok takes what is there)",
                                c->operand);
        case -EPROTO:
                return fail_other(c);
        default:
                return cli_fail_rc(rc, c->operand);
        }
}

/* ---- verbs that are the same for all ---------------------------------------------- */

int sync_create(struct sync_call *c, const void *options_of_kind,
                int (*make)(struct sync_call *c, const void *options, bool or_open))
{
        int rc = make(c, options_of_kind, false);
        bool created = rc == 0;
        if (rc == -EEXIST && c->options & SYNC_EXIST_OK)
                rc = make(c, options_of_kind, true);
        if (rc)
                return sync_result(c, rc);
        return sync_done(
                c, json_pack("{s:s, s:b}", "kind", c->kind->name, "created", created));
}

int sync_info(struct sync_call *c)
{
        return cli_stat_object(c->arena, c->operand, c->name);
}

int sync_main(const struct sync_kind *kind, int argc, char **argv)
{
        struct sync_call c = {
                .kind = kind, .n = 1, .number = 1, .deadline = WEFT_NEVER
        };
        int n;
        char **operands = calloc((size_t)argc + 1, sizeof *operands); /* ends with NULL */
        if (!operands)
                return cli_fail_rc(-ENOMEM, NULL);
        sigprocmask(SIG_SETMASK, NULL, &signals_before);
        int code = read_line(&c, argc, argv, operands, &n);
        if (!code)
                code = check_line(&c, operands, n);
        if (!code && c.verb) {
                int rc = open_all(&c);
                code = rc ? sync_result(&c, rc) : c.verb->run(&c);
                if (code && c.made)
                        cli_unmake_arena(c.arena, c.arena_name);
                close_all(&c);
        }
        free(operands);
        if (c.die_by) {
                sync_signals_restore();
                signal(c.die_by, SIG_DFL);
                raise(c.die_by);
        }
        return code < 0 ? CLI_OK : code;
}
