/* weft cat, get, put, del, push, pop, send, recv, tap -- what lies in an object, whatever its
 * kind. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stat.h"
#include "cli/sync.h"
#include "cli/thing.h"

/* An arena that --create makes: memory is taken as it is used. */
#define ARENA_BYTES (UINT64_C(1) << 30)

static const struct thing_kind *const kinds[] = {
        &thing_array,   &thing_queue,  &thing_stack,     &thing_ring,
        &thing_map,     &thing_set,    &thing_broadcast, &thing_pool,
        &thing_channel, &thing_future, &thing_lazy,      &thing_hot,
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- verbs ------------------------------------------------------------------------ */

static int run_cat(struct thing_call *c)
{
        return c->kind->cat(c);
}

static int run_get(struct thing_call *c)
{
        return c->kind->get(c);
}

static int run_put(struct thing_call *c)
{
        return c->kind->put(c);
}

static int run_del(struct thing_call *c)
{
        return c->kind->del(c);
}

static int run_push(struct thing_call *c)
{
        return c->kind->push(c);
}

static int run_pop(struct thing_call *c)
{
        return c->kind->pop(c);
}

static int run_tap(struct thing_call *c)
{
        return c->kind->tap(c);
}

static int run_send(struct thing_call *c)
{
        return c->kind->send(c);
}

static int run_recv(struct thing_call *c)
{
        return c->kind->recv(c);
}

static bool can(const struct thing_kind *kind, int (*run)(struct thing_call *))
{
        return run == run_cat    ? kind->cat != NULL
               : run == run_get  ? kind->get != NULL
               : run == run_put  ? kind->put != NULL
               : run == run_del  ? kind->del != NULL
               : run == run_pop  ? kind->pop != NULL
               : run == run_send ? kind->send != NULL
               : run == run_recv ? kind->recv != NULL
               : run == run_tap  ? kind->tap != NULL
                                 : kind->push != NULL;
}

struct thing_verb {
        const char *name;
        int (*run)(struct thing_call *c);
        unsigned options;
        bool looks; /* changes nothing: the arena is opened read-only */
        int least, most;
        const char *arguments; /* for messages */
};

static const struct thing_verb verbs[] = {
        { "cat", run_cat, THING_FORMAT | THING_KEY_FORMAT | THING_N | THING_FROM, true, 0,
          0, "nothing but ARENA/NAME" },
        { "get", run_get, THING_FORMAT | THING_KEY_FORMAT, true, 0, 1, "KEY or INDEX" },
        { "put", run_put, THING_FORMAT | THING_KEY_FORMAT | THING_CREATE, false, 1, 2,
          "KEY or INDEX, and VALUE" },
        { "del", run_del, THING_KEY_FORMAT, false, 1, 1, "KEY" },
        { "push", run_push, THING_FORMAT | THING_TIMEOUT | THING_CREATE, false, 1,
          INT32_MAX, "VALUE..." },
        { "pop", run_pop, THING_FORMAT | THING_TIMEOUT | THING_N, false, 0, 0,
          "nothing but ARENA/NAME" },
        { "tap", run_tap,
          THING_FORMAT | THING_TIMEOUT | THING_N | THING_FROM | THING_RATE, true, 0, 0,
          "nothing but ARENA/NAME" },
        { "send", run_send, THING_FORMAT | THING_TIMEOUT | THING_CREATE | THING_CLOSE,
          false, 0, INT32_MAX, "VALUE..." },
        { "recv", run_recv, THING_FORMAT | THING_TIMEOUT | THING_N | THING_CREATE, false,
          0, 0, "nothing but ARENA/NAME" },
};

/* ---- the command line --------------------------------------------------------------- */

enum {
        CAPACITY = 256,
        LENGTH,
        ELEMENT_BYTES,
        KEY_BYTES,
        LEASE,
        FROM,
        RENDEZVOUS,
        POLICY,
        CLOSE,
        RATE,
};

static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { "format", required_argument, NULL, 'f' },
        { "key-format", required_argument, NULL, 'k' },
        { "timeout", required_argument, NULL, 't' },
        { "from", required_argument, NULL, FROM },
        { "create", required_argument, NULL, 'c' },
        { "capacity", required_argument, NULL, CAPACITY },
        { "length", required_argument, NULL, LENGTH },
        { "element-bytes", required_argument, NULL, ELEMENT_BYTES },
        { "key-bytes", required_argument, NULL, KEY_BYTES },
        { "lease", no_argument, NULL, LEASE },
        { "rate", no_argument, NULL, RATE },
        { "rendezvous", no_argument, NULL, RENDEZVOUS },
        { "policy", required_argument, NULL, POLICY },
        { "close", optional_argument, NULL, CLOSE },
        { NULL, 0, NULL, 0 },
};

static const struct {
        unsigned bit;
        const char *name;
} bits[] = {
        { THING_FORMAT, "--format" },
        { THING_KEY_FORMAT, "--key-format" },
        { THING_N, "-n" },
        { THING_FROM, "--from" },
        { THING_TIMEOUT, "--timeout" },
        { THING_CREATE, "--create" },
        { THING_RATE, "--rate" },
        { THING_CLOSE, "--close" },
}, made[] = {
        { MAKE_CAPACITY, "--capacity" },
        { MAKE_LENGTH, "--length" },
        { MAKE_ELEMENT_BYTES, "--element-bytes" },
        { MAKE_KEY_BYTES, "--key-bytes" },
        { MAKE_LEASE, "--lease" },
        { MAKE_RENDEZVOUS, "--rendezvous" },
        { MAKE_POLICY, "--policy" },
};

static int take_number(const char *option, uint64_t least, uint64_t *value)
{
        if (!cli_parse_bytes(optarg, value) && *value >= least)
                return CLI_OK;
        return cli_usage("%s '%s' is no number from %llu up", option, optarg,
                         (unsigned long long)least);
}

static int take_format(const char *option, struct value_format *format)
{
        if (!value_format_parse(optarg, format))
                return CLI_OK;
        return cli_usage("%s '%s' is none of " VALUE_FORMATS, option, optarg);
}

static int take_policy(struct thing_call *c)
{
        int policy = thing_policy(optarg);
        if (policy < 0)
                return cli_usage("--policy '%s' is none of block, fail, drop-newest, "
                                 "drop-oldest, latest",
                                 optarg);
        c->make.policy = (uint32_t)policy;
        return CLI_OK;
}

static int take_close(struct thing_call *c)
{
        uint64_t reason = 0;
        c->options |= THING_CLOSE;
        c->closes = true;
        if (optarg && cli_parse_number(optarg, 0, UINT32_MAX, &reason))
                return cli_usage("--close '%s' is no number from 0 to 4294967295",
                                 optarg);
        c->reason = (uint32_t)reason;
        return CLI_OK;
}

static int take_make(struct thing_call *c, int letter)
{
        switch (letter) {
        case 'c':
                c->make.kind = optarg;
                return CLI_OK;
        case CAPACITY:
                c->make.said |= MAKE_CAPACITY;
                return take_number("--capacity", 1, &c->make.capacity);
        case LENGTH:
                c->make.said |= MAKE_LENGTH;
                return take_number("--length", 1, &c->make.length);
        case ELEMENT_BYTES:
                c->make.said |= MAKE_ELEMENT_BYTES;
                return take_number("--element-bytes", 1, &c->make.element_bytes);
        case KEY_BYTES:
                c->make.said |= MAKE_KEY_BYTES;
                return take_number("--key-bytes", 1, &c->make.key_bytes);
        case POLICY:
                c->make.said |= MAKE_POLICY;
                return take_policy(c);
        case RENDEZVOUS:
                c->make.said |= MAKE_RENDEZVOUS;
                c->make.meets = true;
                return CLI_OK;
        default:
                c->make.said |= MAKE_LEASE;
                c->make.lease = true;
                return CLI_OK;
        }
}

/* Words are a tap's alone. */
static int take_from(struct thing_call *c)
{
        bool tap = c->verb->run == run_tap;
        bool oldest = tap && !strcmp(optarg, "oldest");
        c->options |= THING_FROM;
        c->place = oldest ? THING_OLDEST : THING_NUMBER;
        if (oldest)
                return CLI_OK;
        if (tap && !strcmp(optarg, "new")) {
                c->place = THING_NEW;
                return CLI_OK;
        }
        return take_number("--from", 0, &c->from);
}

static int take_option(struct thing_call *c, int letter, char **argv)
{
        uint64_t ns;
        switch (letter) {
        case 'j':
                cli.json = true;
                return CLI_OK;
        case 'f':
                c->options |= THING_FORMAT;
                return take_format("--format", &c->format);
        case 'k':
                c->options |= THING_KEY_FORMAT;
                return take_format("--key-format", &c->key_format);
        case 'n':
                c->options |= THING_N;
                return take_number("-n", 1, &c->n);
        case FROM:
                return take_from(c);
        case RATE:
                c->options |= THING_RATE;
                return CLI_OK;
        case 't':
                c->options |= THING_TIMEOUT;
                if (sync_parse_time(optarg, &ns))
                        return cli_usage("--timeout '%s' is no time, such as 1.5, 500ms "
                                         "or 2m",
                                         optarg);
                c->deadline = ns ? weft_after(ns) : WEFT_NOW;
                return CLI_OK;
        case CLOSE:
                return take_close(c);
        case ':':
                return cli_usage("%s wants an argument", argv[optind - 1]);
        case '?':
                return cli_usage("there is no option %s", argv[optind - 1]);
        default:
                c->options |= THING_CREATE;
                return take_make(c, letter);
        }
}

/* A value may be a negative number, which is no option. */
static bool is_number(const char *text)
{
        return text && text[0] == '-' && text[1] && strchr("0123456789.", text[1]);
}

/* Options before, between and after the operands, which are left in `operands`; what
 * follows "--" is none. -1: help was asked for. */
static int read_options(struct thing_call *c, int argc, char **argv, char **operands,
                        int *n)
{
        opterr = 0;
        for (bool rest = false; optind < argc;) {
                int letter = -1;
                if (!rest && !is_number(argv[optind]))
                        letter = getopt_long(argc, argv, "+:jhf:k:n:t:c:", options, NULL);
                if (letter == 'h') {
                        int code = cli_help();
                        return code ? code : -1;
                }
                if (letter != -1) {
                        int code = take_option(c, letter, argv);
                        if (code)
                                return code;
                        continue;
                }
                rest = rest || !strcmp(argv[optind - 1], "--");
                if (optind < argc)
                        operands[(*n)++] = argv[optind++];
        }
        return CLI_OK;
}

static int check_make(struct thing_call *c)
{
        c->kind = thing_find(c->make.kind);
        if (!c->kind || !c->kind->create)
                return cli_usage("--create '%s': it cannot make one", c->make.kind);
        if (!can(c->kind, c->verb->run))
                return cli_usage("--create '%s': %s does nothing with one", c->make.kind,
                                 c->verb->name);
        for (size_t i = 0; i < sizeof made / sizeof *made; i++)
                if (c->make.said & made[i].bit & ~c->kind->makes)
                        return cli_usage("--create '%s' does not take %s", c->make.kind,
                                         made[i].name);
        if (c->make.meets && c->make.said & MAKE_CAPACITY)
                return cli_usage("--rendezvous is without --capacity");
        return CLI_OK;
}

static int check_options(struct thing_call *c)
{
        for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
                if (c->options & bits[i].bit & ~c->verb->options)
                        return cli_usage("%s does not take %s", c->verb->name,
                                         bits[i].name);
        if (c->options & THING_CREATE && !c->make.kind)
                return cli_usage("this goes with --create KIND alone");
        return c->options & THING_CREATE ? check_make(c) : CLI_OK;
}

static int check_operands(struct thing_call *c, int argc, char **argv)
{
        if (!argc)
                return cli_usage("of what? ARENA/NAME");
        c->operand = argv[0];
        c->argc = argc - 1;
        c->argv = argv + 1;
        int code = cli_split(c->operand, c->arena_name, &c->name);
        if (!code && !c->name)
                return cli_usage("'%s' is an arena; %s/NAME is something in it",
                                 c->operand, c->operand);
        if (!code && (c->argc < c->verb->least || c->argc > c->verb->most))
                return cli_usage("%s takes %s", c->verb->name, c->verb->arguments);
        return code;
}

/* ---- opening -------------------------------------------------------------------------- */

const struct thing_kind *thing_find(const char *name)
{
        for (int i = 0; i < KINDS; i++)
                if (!strcmp(kinds[i]->name, name))
                        return kinds[i];
        return NULL;
}

static int cannot(const struct thing_call *c, const char *kind)
{
        return cli_fail(CLI_FAILED, "%s: %s does nothing with a thing of kind %s",
                        c->operand, c->verb->name, kind);
}

static const struct weft_arena_options arena_options = { .max_bytes = ARENA_BYTES };

/* An arena is not made for the sake of something that cannot be made in it: that is tried
 * in one without a name before. */
static int try_create(struct thing_call *c)
{
        int rc = weft_arena_create(NULL, &arena_options, &c->arena);
        if (rc)
                return rc;
        rc = c->kind->create(c, &c->handle);
        if (!rc)
                c->kind->close(c->handle);
        c->handle = NULL;
        weft_arena_close(c->arena);
        c->arena = NULL;
        return rc;
}

static int cannot_make(struct thing_call *c, int rc)
{
        if (rc == -EINVAL && c->make.said)
                return cli_fail(CLI_USAGE, "%s: no %s can be made with these options",
                                c->operand, c->make.kind);
        return thing_result(c, rc, NULL);
}

static int open_arena(struct thing_call *c)
{
        int rc;
        do { /* somebody else may make it, or remove it, meanwhile */
                rc = weft_arena_open(c->arena_name,
                                     c->verb->looks ? WEFT_RDONLY : WEFT_RDWR, &c->arena);
                if (rc == -ENOENT && c->options & THING_CREATE) {
                        int tried = try_create(c);
                        if (tried)
                                return cannot_make(c, tried);
                        rc = weft_arena_create(c->arena_name, &arena_options, &c->arena);
                        c->made = rc == 0;
                        if (rc == -ENOENT || rc == -ENOTSUP)
                                return cli_fail_rc(rc, cli_directory());
                }
        } while (rc == -EEXIST);
        return rc ? cli_fail_arena(rc, c->arena_name) : CLI_OK;
}

static int create(struct thing_call *c)
{
        int rc = c->kind->create(c, &c->handle);
        return rc ? cannot_make(c, rc) : CLI_OK;
}

static int open_thing(struct thing_call *c)
{
        struct weft_object_info info;
        if (c->options & THING_CREATE)
                return create(c);
        int rc = weft_object_stat(c->arena, c->name, &info);
        if (rc)
                return cli_fail_rc(rc, c->operand);
        c->kind = thing_find(info.kind);
        if (!c->kind || !can(c->kind, c->verb->run))
                return cannot(c, info.kind);
        rc = c->kind->open(c->arena, c->name, &c->handle);
        return rc ? cli_fail_rc(rc, c->operand) : CLI_OK;
}

static int run(const char *name, int argc, char **argv)
{
        struct thing_call c = { .n = 1, .deadline = WEFT_NEVER };
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
                if (!strcmp(verbs[i].name, name))
                        c.verb = &verbs[i];
        char **operands = calloc((size_t)argc + 1, sizeof *operands);
        int n = 0, code = CLI_OK;
        if (!operands)
                return cli_fail_rc(-ENOMEM, NULL);
        code = read_options(&c, argc, argv, operands, &n);
        if (!code)
                code = check_options(&c);
        if (!code)
                code = check_operands(&c, n, operands);
        if (!code)
                code = open_arena(&c);
        if (!code)
                code = open_thing(&c);
        if (!code)
                code = c.verb->run(&c);
        if (c.handle)
                c.kind->close(c.handle);
        if (c.made && !c.handle)
                cli_unmake_arena(c.arena, c.arena_name);
        if (c.arena)
                weft_arena_close(c.arena);
        json_decref(c.rows);
        free(operands);
        return code < 0 ? CLI_OK : code;
}

int cmd_cat(int argc, char **argv)
{
        return run("cat", argc, argv);
}

int cmd_get(int argc, char **argv)
{
        return run("get", argc, argv);
}

int cmd_put(int argc, char **argv)
{
        return run("put", argc, argv);
}

int cmd_del(int argc, char **argv)
{
        return run("del", argc, argv);
}

int cmd_push(int argc, char **argv)
{
        return run("push", argc, argv);
}

int cmd_pop(int argc, char **argv)
{
        return run("pop", argc, argv);
}

int cmd_tap(int argc, char **argv)
{
        return run("tap", argc, argv);
}

int cmd_send(int argc, char **argv)
{
        return run("send", argc, argv);
}

int cmd_recv(int argc, char **argv)
{
        return run("recv", argc, argv);
}
