/* weft sem -- permits, for shell scripts. */
#define _GNU_SOURCE
#include "cli/sync.h"

static int open_semaphore(weft_arena_t *arena, const char *name, void **handle)
{
        weft_semaphore_t *semaphore;
        int rc = weft_semaphore_open(arena, name, &semaphore);
        *handle = semaphore;
        return rc;
}

static void close_semaphore(void *handle)
{
        weft_semaphore_close(handle);
}

static int make(struct sync_call *c, const void *options, bool or_open)
{
        weft_semaphore_t *semaphore;
        int rc = (or_open ? weft_semaphore_create_or_open : weft_semaphore_create)(
                c->arena, c->name, options, &semaphore);
        c->handle = semaphore;
        return rc;
}

static int parse_create(struct sync_call *c)
{
        return sync_argument(c, 0, c->max ? c->max : WEFT_SEMAPHORE_MAX);
}

static int create(struct sync_call *c)
{
        struct weft_semaphore_options options = {
                .value = (uint32_t)c->number,
                .maximum = (uint32_t)c->max,
                .flags = c->options & SYNC_OWNED ? WEFT_SEMAPHORE_OWNED : 0,
        };
        return sync_create(c, &options, make);
}

static int result(struct sync_call *c, int rc)
{
        if (rc == -EINVAL)
                return cli_fail(CLI_FAILED, "%s: more permits than its maximum",
                                c->operand);
        if (rc == -EOVERFLOW)
                return cli_fail(CLI_FAILED, "%s: it would have more than its maximum",
                                c->operand);
        if (rc == -EPERM)
                return cli_fail(CLI_FAILED,
                                "%s: owned: only who holds its permits gives them back",
                                c->operand);
        return sync_result(c, rc);
}

/* Permits that come back when this command ends are of no use to the next one. */
static int refuse_owned(struct sync_call *c)
{
        struct weft_semaphore_info info;
        int rc = weft_semaphore_info(c->handle, &info);
        if (rc)
                return sync_result(c, rc);
        if (!(info.flags & WEFT_SEMAPHORE_OWNED))
                return CLI_OK;
        return cli_fail(CLI_FAILED,
                        "%s: owned: what %s takes would come back as it ends; use run",
                        c->operand, c->verb->name);
}

static int taken(struct sync_call *c)
{
        return sync_done(c, json_pack("{s:I}", "taken", (json_int_t)c->n));
}

static int wait_for(struct sync_call *c)
{
        int code = refuse_owned(c);
        if (code)
                return code;
        int rc = weft_semaphore_wait_n(c->handle, (uint32_t)c->n, c->deadline);
        sync_waited();
        return rc ? result(c, rc) : taken(c);
}

static int try(struct sync_call *c)
{
        int code = refuse_owned(c);
        if (code)
                return code;
        int rc = weft_semaphore_wait_n(c->handle, (uint32_t)c->n, WEFT_NOW);
        return rc == -EAGAIN ? sync_no(c) : rc ? result(c, rc) : taken(c);
}

static int post(struct sync_call *c)
{
        return result(c, weft_semaphore_post_n(c->handle, (uint32_t)c->n));
}

static int value_of(struct sync_call *c)
{
        int64_t value = weft_semaphore_value(c->handle);
        return value < 0 ? sync_result(c, (int)value)
                         : sync_number(c, "value", (uint64_t)value);
}

static int run(struct sync_call *c)
{
        int rc = weft_semaphore_wait_n(c->handle, (uint32_t)c->n, c->deadline);
        sync_waited();
        if (rc)
                return result(c, rc);
        int code = sync_run_command(c);
        rc = weft_semaphore_post_n(c->handle, (uint32_t)c->n);
        return rc ? result(c, rc) : code;
}

static const struct sync_verb verbs[] = {
        { "create", create, parse_create, SYNC_MAKE,
          SYNC_EXIST_OK | SYNC_OWNED | SYNC_MAX, 1, 1,
          "the number of permits at the start" },
        { "wait", wait_for, NULL, SYNC_USE, SYNC_PERMITS | SYNC_TIMEOUT, 0, 0, "" },
        { "try", try, NULL, SYNC_USE, SYNC_PERMITS, 0, 0, "" },
        { "post", post, NULL, SYNC_USE, SYNC_PERMITS, 0, 0, "" },
        { "value", value_of, NULL, SYNC_LOOK, 0, 0, 0, "" },
        { "info", sync_info, NULL, SYNC_LOOK, 0, 0, 0, "" },
        { "run", run, NULL, SYNC_USE, SYNC_PERMITS | SYNC_TIMEOUT, 1, -1, "a command" },
        { NULL, NULL, NULL, SYNC_USE, 0, 0, 0, NULL },
};

int cmd_sem(int argc, char **argv)
{
        static const struct sync_kind kind = { "semaphore", "its holder died",
                                               open_semaphore, close_semaphore, verbs };
        return sync_main(&kind, argc, argv);
}
