/* 'files:GLOB... | words x2 | count | top=20', read. */
#define _GNU_SOURCE
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_function.h"

const char *run_op_name(enum run_op op)
{
        static const char *const names[] = { "lines", "words", "grep", "count",
                                             "function" };
        return names[op];
}

/* A piece of text between two '|', cut into words. Quotes hold a word together. */
struct text {
        char *name;     /* up to the first '=', ':' or blank */
        char *argument; /* behind it, blanks around it trimmed; NULL if there is none */
        char **list;    /* the argument, cut at blanks */
        size_t list_n;
        uint32_t workers;
        bool quoted; /* the argument had quotes: "" is an argument, too */
};

static void text_free(struct text *t)
{
        free(t->name);
        free(t->argument);
        for (size_t i = 0; i < t->list_n; i++)
                free(t->list[i]);
        free(t->list);
}

static void *must(void *memory)
{
        if (!memory) {
                fputs("weft run: out of memory\n", stderr);
                exit(CLI_FAILED);
        }
        return memory;
}

/* What a quote makes of the state: it closes the one that is open, or opens one. */
static char turn(char open, char quote)
{
        if (open)
                return 0;
        return quote;
}

/* The end of what begins at `s`: the next '|' outside quotes and not behind a '\'. NULL
 * if a quote is not closed. */
static const char *stage_end(const char *s)
{
        char quote = 0;
        for (; *s && (quote || *s != '|'); s++) {
                if (!quote && *s == '\\' && s[1])
                        s++;
                else if (quote ? *s == quote : *s == '\'' || *s == '"')
                        quote = turn(quote, *s);
        }
        return quote ? NULL : s;
}

/* Copies [s, end) without its quotes; stops at a blank outside quotes if `word`.
 * Returns where it stopped. A '\' stays: it belongs to the regular expression. */
static const char *unquote(const char *s, const char *end, bool word, char **out,
                           bool *quoted)
{
        char *to = must(malloc((size_t)(end - s) + 1)), quote = 0;
        *out = to;
        for (; s < end && (quote || !word || !isspace((unsigned char)*s)); s++) {
                if (!quote && *s == '\\' && s + 1 < end) {
                        *to++ = *s++;
                        *to++ = *s;
                } else if (quote ? *s == quote : *s == '\'' || *s == '"') {
                        quote = turn(quote, *s);
                        *quoted = true;
                } else {
                        *to++ = *s;
                }
        }
        *to = 0;
        return s;
}

static const char *skip_blanks(const char *s, const char *end)
{
        while (s < end && isspace((unsigned char)*s))
                s++;
        return s;
}

static const char *trim_end(const char *s, const char *end)
{
        while (end > s && isspace((unsigned char)end[-1]))
                end--;
        return end;
}

/* Cuts a final " xN" off [s, *end). 0, or -EINVAL when N is out of range. */
static int take_workers(const char *s, const char **end, uint32_t *workers)
{
        const char *x = *end;
        while (x > s && isdigit((unsigned char)x[-1]))
                x--;
        if (x == *end || x == s || x[-1] != 'x' || x - 1 == s ||
            !isspace((unsigned char)x[-2]))
                return 0;
        char digits[16];
        uint64_t n;
        size_t bytes = (size_t)(*end - x);
        if (bytes >= sizeof digits)
                return -EINVAL;
        memcpy(digits, x, bytes);
        digits[bytes] = 0;
        if (cli_parse_number(digits, 1, RUN_WORKERS_MAX, &n))
                return -EINVAL;
        *workers = (uint32_t)n;
        *end = trim_end(s, x - 1);
        return 0;
}

static int text_read(const char *s, const char *end, bool source, struct text *t)
{
        memset(t, 0, sizeof *t);
        s = skip_blanks(s, end);
        end = trim_end(s, end);
        if (!source && take_workers(s, &end, &t->workers))
                return cli_usage("'%.*s': xN takes 1 to %d processes", (int)(end - s), s,
                                 RUN_WORKERS_MAX);
        const char *p = s;
        while (p < end && *p != '=' && *p != ':' && !isspace((unsigned char)*p))
                p++;
        t->name = must(strndup(s, (size_t)(p - s)));
        const char *rest = skip_blanks(p, end);
        if (rest < end && p == rest)
                rest = skip_blanks(p + 1, end); /* the '=' or ':' */
        else if (rest == end)
                return CLI_OK;
        unquote(rest, end, false, &t->argument, &t->quoted);
        while (rest < end) {
                t->list = must(realloc(t->list, (t->list_n + 1) * sizeof *t->list));
                rest = unquote(rest, end, true, &t->list[t->list_n++], &t->quoted);
                rest = skip_blanks(rest, end);
        }
        return CLI_OK;
}

/* ---- what the words mean --------------------------------------------------- */

static int source_read(struct run_pipeline *p, struct text *t)
{
        if (!strcmp(t->name, "stdin")) {
                if (t->argument)
                        return cli_usage("stdin takes no argument, not '%s'",
                                         t->argument);
                p->standard_input = true;
                return CLI_OK;
        }
        if (strcmp(t->name, "files") != 0)
                return cli_usage(
                        "'%s' is no source: a pipeline begins with files:GLOB... or "
                        "stdin",
                        t->name);
        if (!t->list_n)
                return cli_usage("files: needs at least one file or pattern");
        p->globs = t->list;
        p->globs_n = t->list_n;
        t->list = NULL;
        t->list_n = 0;
        return CLI_OK;
}

static int check_pattern(const char *pattern)
{
        regex_t regex;
        char why[128];
        int rc = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
        if (!rc) {
                regfree(&regex);
                return CLI_OK;
        }
        regerror(rc, &regex, why, sizeof why);
        return cli_usage("grep=%s: %s", pattern, why);
}

static int end_read(struct run_pipeline *p, const struct text *t, bool *ended)
{
        bool top = !strcmp(t->name, "top");
        p->end = top ? RUN_TOP : RUN_PRINT;
        *ended = true;
        if (t->workers > 1)
                return cli_usage("%s runs in the command itself: it takes no xN",
                                 t->name);
        if (!top)
                return t->argument ? cli_usage("print takes no argument, not '%s'",
                                               t->argument)
                                   : CLI_OK;
        if (!t->argument)
                return cli_usage("top needs a number: top=20");
        if (cli_parse_number(t->argument, 1, UINT64_MAX, &p->top))
                return cli_usage("top=%s: not a number from 1 up", t->argument);
        return CLI_OK;
}

static int add_stage(struct run_pipeline *p, enum run_op op, uint32_t workers)
{
        if (p->stages == RUN_STAGES_MAX)
                return cli_usage("more than %d stages", RUN_STAGES_MAX);
        struct run_stage *stage = &p->stage[p->stages++];
        memset(stage, 0, sizeof *stage);
        stage->op = op;
        stage->workers = workers;
        return CLI_OK;
}

static int op_of(const char *name)
{
        if (*name == '/' || !strncmp(name, "./", 2) || !strncmp(name, "../", 3))
                return RUN_FUNCTION;
        for (int op = RUN_LINES; op <= RUN_COUNT; op++)
                if (!strcmp(name, run_op_name((enum run_op)op)))
                        return op;
        return -1;
}

static int stage_argument(struct run_stage *stage, struct text *t)
{
        const char *name = run_op_name(stage->op);
        if (stage->op == RUN_GREP) {
                if (!t->argument || (!*t->argument && !t->quoted))
                        return cli_usage("grep needs a regular expression: grep=REGEX");
                stage->pattern = t->argument;
                t->argument = NULL;
                return check_pattern(stage->pattern);
        }
        if (stage->op == RUN_FUNCTION)
                return run_function_read(t->name, t->argument, &stage->pattern);
        if (!t->argument)
                return CLI_OK;
        if (stage->op != RUN_WORDS)
                return cli_usage("%s takes no argument, not '%s'", name, t->argument);
        if (strcmp(t->argument, "lower") != 0)
                return cli_usage("words=%s: only words=lower is known", t->argument);
        stage->lower = true;
        return CLI_OK;
}

static int stage_read(struct run_pipeline *p, struct text *t, bool *ended)
{
        if (!*t->name)
                return cli_usage("nothing stands between two '|', or after the last");
        if (*ended)
                return cli_usage("%s ends a pipeline: '%s' cannot follow it",
                                 p->end == RUN_TOP ? "top" : "print", t->name);
        if (!strcmp(t->name, "print") || !strcmp(t->name, "top"))
                return end_read(p, t, ended);
        int op = op_of(t->name);
        if (op < 0)
                return cli_usage("no stage is called '%s'; there are lines, words, "
                                 "grep=REGEX, ./FILE.so:FUNCTION, count, top=K and "
                                 "print",
                                 t->name);
        if (p->counts)
                return cli_usage("only top=K or print can follow count, not '%s'",
                                 t->name);
        p->counts = op == RUN_COUNT;
        if (p->counts && t->workers > RUN_LANES_MAX)
                return cli_usage("count takes at most x%d", RUN_LANES_MAX);
        /* Bytes are cut into items by the first stage; grep does it by lines itself. */
        int rc = CLI_OK;
        if (!p->stages && p->counts)
                rc = add_stage(p, RUN_LINES, 0);
        if (!rc)
                rc = add_stage(p, (enum run_op)op, t->workers);
        return rc ? rc : stage_argument(&p->stage[p->stages - 1], t);
}

int run_parse(const char *text, struct run_pipeline *p)
{
        memset(p, 0, sizeof *p);
        bool ended = false;
        const char *s = text;
        for (bool source = true;; source = false) {
                const char *end = stage_end(s);
                if (!end)
                        return cli_usage("a quote is not closed in '%s'", s);
                struct text t;
                int rc = text_read(s, end, source, &t);
                if (!rc)
                        rc = source ? source_read(p, &t) : stage_read(p, &t, &ended);
                text_free(&t);
                if (rc)
                        return rc;
                if (!*end)
                        break;
                s = end + 1;
        }
        if (!ended)
                return cli_usage("a pipeline ends with print or top=K");
        return p->stages ? CLI_OK : add_stage(p, RUN_LINES, 0);
}

void run_pipeline_free(struct run_pipeline *p)
{
        for (size_t i = 0; i < p->globs_n; i++)
                free(p->globs[i]);
        free(p->globs);
        for (uint32_t i = 0; i < p->stages; i++)
                free(p->stage[i].pattern);
}
