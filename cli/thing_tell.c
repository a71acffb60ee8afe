/* What cat, get, put, del, push and pop have to say, and how elements go in and out. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/sync.h"
#include "cli/thing.h"

/* ---- results -------------------------------------------------------------------------- */

static json_t *object_of(const struct thing_call *c)
{
        json_t *object = json_object();
        json_object_set_new(object, "name",
                            cli_json_text(c->operand, strlen(c->operand)));
        return object;
}

int thing_result(struct thing_call *c, int rc, const char *which)
{
        char what[512];
        snprintf(what, sizeof what, which ? "%s: %.200s" : "%s", c->operand, which);
        switch (rc) {
        case 0:
                return thing_done(c);
        case -EAGAIN:
        case -ETIMEDOUT:
                return cli_fail(SYNC_TIMED_OUT, "%s: timed out", what);
        case -EPROTO:
                return cli_fail(CLI_FAILED, "%s: of another kind, or of other sizes",
                                what);
        default:
                return cli_fail_rc(rc, what);
        }
}

int thing_key(struct thing_call *c, struct value_format format, size_t fixed,
              struct value *key)
{
        int code = value_parse(format, fixed, c->argv[0], strlen(c->argv[0]), key);
        if (code || (key->n && key->n <= WEFT_MAP_KEY_MAX))
                return code;
        code = cli_usage("%s: a key has 1 to %u bytes, not %zu", c->operand,
                         WEFT_MAP_KEY_MAX, key->n);
        free(key->bytes);
        return code;
}

int thing_done(struct thing_call *c)
{
        if (!cli.json)
                return CLI_OK;
        json_t *object = object_of(c);
        json_object_set_new(object, "done", json_true());
        return cli_json(object);
}

int thing_value(struct thing_call *c, const void *value, size_t bytes, size_t fixed)
{
        if (cli.json) {
                json_t *object = object_of(c);
                json_object_set_new(object, "value",
                                    value_json(c->format, fixed, value, bytes));
                return cli_json(object);
        }
        value_print(c->format, fixed, value, bytes);
        if (c->format.form != VALUE_RAW)
                putchar('\n');
        return cli_flush();
}

/* ---- lists ---------------------------------------------------------------------------- */

static int end_row(struct thing_call *c, json_t *row)
{
        if (cli.json) {
                if (!c->rows)
                        c->rows = json_array();
                json_array_append_new(c->rows, row);
        } else if (c->format.form != VALUE_RAW) {
                putchar('\n');
        }
        c->listed++;
        return c->options & THING_N && c->listed >= c->n;
}

int thing_row_of(struct thing_call *c, const void *key, size_t key_bytes,
                 size_t key_fixed, const void *value, size_t bytes, size_t fixed)
{
        json_t *row = NULL;
        if (cli.json && !key) {
                row = value_json(c->format, fixed, value, bytes);
        } else if (cli.json) {
                row = json_object();
                json_object_set_new(row, "key",
                                    value_json(c->key_format, key_fixed, key, key_bytes));
                if (value)
                        json_object_set_new(row, "value",
                                            value_json(c->format, fixed, value, bytes));
        } else {
                if (key)
                        value_print(c->key_format, key_fixed, key, key_bytes);
                if (key && value)
                        putchar('\t');
                if (value)
                        value_print(c->format, fixed, value, bytes);
        }
        return end_row(c, row);
}

int thing_row_at(struct thing_call *c, uint64_t index, const void *value, size_t bytes,
                 size_t fixed)
{
        if (cli.json || c->format.form == VALUE_RAW)
                return thing_row_of(c, NULL, 0, 0, value, bytes, fixed);
        printf("%llu\t", (unsigned long long)index);
        return thing_row_of(c, NULL, 0, 0, value, bytes, fixed);
}

int thing_listed(struct thing_call *c, const char *what)
{
        if (!cli.json)
                return cli_flush();
        json_t *object = object_of(c);
        json_object_set_new(object, "kind", json_string(c->kind->name));
        json_object_set_new(object, what, c->rows ? c->rows : json_array());
        c->rows = NULL;
        return cli_json(object);
}

/* ---- elements in and out ---------------------------------------------------------------- */

static int told(struct thing_call *c, int rc)
{
        return c->result ? c->result(c, rc) : thing_result(c, rc, NULL);
}

struct pushing {
        struct thing_call *c;
        int (*push)(struct thing_call *c, const void *element, size_t bytes,
                    uint64_t deadline);
        uint64_t pushed;
};

static int push_one(const struct value *value, void *context)
{
        struct pushing *p = context;
        int rc = p->push(p->c, value->bytes, value->n, p->c->deadline);
        p->pushed += !rc;
        return rc ? told(p->c, rc) : CLI_OK;
}

int thing_push_all(struct thing_call *c, size_t fixed,
                   int (*push)(struct thing_call *c, const void *element, size_t bytes,
                               uint64_t deadline))
{
        struct pushing p = { .c = c, .push = push };
        int code = CLI_OK;
        bool input = c->argc == 1 && !strcmp(c->argv[0], "-");
        if (input)
                code = value_each_line(c->format, fixed, push_one, &p);
        for (int i = 0; i < c->argc && !code && !input; i++) {
                struct value value;
                code = value_parse(c->format, fixed, c->argv[i], strlen(c->argv[i]),
                                   &value);
                if (!code)
                        code = push_one(&value, &p);
                free(value.bytes);
        }
        if (code && p.pushed)
                cli_warn("%s: %llu were %s before that", c->operand,
                         (unsigned long long)p.pushed, c->kind->push ? "pushed" : "sent");
        return code ? code : thing_done(c);
}

/* Waits for the first alone. A signal between getting an element and writing it out would
 * lose it: there is none. */
int thing_pop_all(struct thing_call *c, size_t fixed, size_t room,
                  int64_t (*pop)(struct thing_call *c, void *element, size_t room,
                                 uint64_t deadline),
                  int (*done)(struct thing_call *c))
{
        void *element = malloc(room ? room : 1);
        bool many = c->options & THING_N, at_end = many && cli.json;
        int code = element ? CLI_OK : cli_fail_rc(-ENOMEM, NULL);
        for (uint64_t i = 0; i < c->n && !code; i++) {
                int64_t n = pop(c, element, room, i ? WEFT_NOW : c->deadline);
                sync_waited();
                if (n < 0 && i)
                        break;
                if (n < 0)
                        code = told(c, (int)n);
                else if (!many)
                        code = thing_value(c, element, (size_t)n, fixed);
                else
                        (void)thing_row_of(c, NULL, 0, 0, element, (size_t)n, fixed);
                if (!code && !at_end)
                        code = cli_flush();
                if (!code && !at_end && done)
                        code = done(c);
        }
        free(element);
        if (!code && many)
                code = thing_listed(c, "elements");
        return !code && at_end && done ? done(c) : code;
}
