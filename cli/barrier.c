/* weft barrier -- jobs that go on together, for shell scripts. */
#define _GNU_SOURCE
#include "cli/sync.h"

static int open_barrier(weft_arena_t *arena, const char *name, void **handle)
{
        weft_barrier_t *barrier;
        int rc = weft_barrier_open(arena, name, &barrier);
        *handle = barrier;
        return rc;
}

static void close_barrier(void *handle)
{
        weft_barrier_close(handle);
}

static int make(struct sync_call *c, const void *options, bool or_open)
{
        weft_barrier_t *barrier;
        int rc = (or_open ? weft_barrier_create_or_open
                          : weft_barrier_create)(c->arena, c->name, options, &barrier);
        c->handle = barrier;
        return rc;
}

static int parse_create(struct sync_call *c)
{
        bool may_join = c->options & SYNC_MEMBERS;
        return sync_argument(c, !may_join, WEFT_BARRIER_PARTIES_MAX);
}

static int create(struct sync_call *c)
{
        bool members = c->options & SYNC_MEMBERS;
        struct weft_barrier_options options = {
                .parties = (uint32_t)c->number,
                .flags = (c->options & SYNC_SHRINK ? (uint32_t)WEFT_BARRIER_SHRINK : 0) |
                         (members ? 0 : (uint32_t)WEFT_BARRIER_ANONYMOUS),
        };
        return sync_create(c, &options, make);
}

/* Each command is a process of its own, and a place that is kept dies with it. */
static int refuse_members(struct sync_call *c, struct weft_barrier_info *info)
{
        int rc = weft_barrier_info(c->handle, info);
        if (rc)
                return sync_result(c, rc);
        if (info->flags & WEFT_BARRIER_ANONYMOUS)
                return CLI_OK;
        return cli_fail(
                CLI_FAILED,
                "%s: its parties are members, which a command that ends cannot be",
                c->operand);
}

static int wait_for(struct sync_call *c)
{
        struct weft_barrier_info info;
        int code = refuse_members(c, &info);
        if (code)
                return code;
        int rc = weft_barrier_wait(c->handle, c->deadline);
        sync_waited();
        if (rc == -EPERM)
                return cli_fail(CLI_FAILED, "%s: all places are taken", c->operand);
        if (rc == -ETIMEDOUT && !(info.flags & WEFT_BARRIER_SHRINK))
                return cli_fail(SYNC_TIMED_OUT,
                                "%s: timed out, which breaks it for the others",
                                c->operand);
        if (rc < 0)
                return sync_result(c, rc);
        if (rc && !cli.json)
                puts("last");
        return sync_done(c, json_pack("{s:b}", "last", rc));
}

static int reset(struct sync_call *c)
{
        int rc = weft_barrier_reset(c->handle);
        if (rc == -EBUSY)
                return cli_fail(CLI_FAILED, "%s: not broken, and somebody waits",
                                c->operand);
        return sync_result(c, rc);
}

static const struct sync_verb verbs[] = {
        { "create", create, parse_create, SYNC_MAKE,
          SYNC_EXIST_OK | SYNC_SHRINK | SYNC_MEMBERS, 1, 1, "the number of parties" },
        { "wait", wait_for, NULL, SYNC_USE, SYNC_TIMEOUT, 0, 0, "" },
        { "reset", reset, NULL, SYNC_USE, 0, 0, 0, "" },
        { "info", sync_info, NULL, SYNC_LOOK, 0, 0, 0, "" },
        { NULL, NULL, NULL, SYNC_USE, 0, 0, 0, NULL },
};

int cmd_barrier(int argc, char **argv)
{
        static const struct sync_kind kind = {
                "barrier", "broken: a party died or gave up waiting (reset mends it)",
                open_barrier, close_barrier, verbs
        };
        return sync_main(&kind, argc, argv);
}
