/* weft latch -- a count that goes down to zero once, for shell scripts. */
#define _GNU_SOURCE
#include "cli/sync.h"

static int open_latch(weft_arena_t *arena, const char *name, void **handle)
{
        weft_latch_t *latch;
        int rc = weft_latch_open(arena, name, &latch);
        *handle = latch;
        return rc;
}

static void close_latch(void *handle)
{
        weft_latch_close(handle);
}

static int make(struct sync_call *c, const void *options, bool or_open)
{
        weft_latch_t *latch;
        int rc = (or_open ? weft_latch_create_or_open
                          : weft_latch_create)(c->arena, c->name, options, &latch);
        c->handle = latch;
        return rc;
}

static int parse_create(struct sync_call *c)
{
        return sync_argument(c, 0, WEFT_LATCH_MAX);
}

static int parse_down(struct sync_call *c)
{
        return sync_argument(c, 1, WEFT_LATCH_MAX);
}

static int create(struct sync_call *c)
{
        struct weft_latch_options options = { .count = (uint32_t)c->number };
        return sync_create(c, &options, make);
}

static int result(struct sync_call *c, int rc)
{
        if (rc == -EOVERFLOW)
                return cli_fail(CLI_FAILED, "%s: not so much is left to count down",
                                c->operand);
        if (rc == -EPERM)
                return cli_fail(CLI_FAILED,
                                "%s: registered: only who took a share counts it down",
                                c->operand);
        return sync_result(c, rc);
}

static int down(struct sync_call *c)
{
        return result(c, weft_latch_count_down(c->handle, (uint32_t)c->number));
}

static int wait_for(struct sync_call *c)
{
        int rc = weft_latch_wait(c->handle, c->deadline);
        sync_waited();
        return result(c, rc);
}

static int arrive(struct sync_call *c)
{
        int rc = weft_latch_arrive_and_wait(c->handle, (uint32_t)c->number, c->deadline);
        sync_waited();
        return result(c, rc);
}

static int count_of(struct sync_call *c)
{
        int64_t count = weft_latch_count(c->handle);
        return count < 0 ? sync_result(c, (int)count)
                         : sync_number(c, "count", (uint64_t)count);
}

static const struct sync_verb verbs[] = {
        { "create", create, parse_create, SYNC_MAKE, SYNC_EXIST_OK, 1, 1, "the count" },
        { "down", down, parse_down, SYNC_USE, 0, 0, 1, "at most one number" },
        { "wait", wait_for, NULL, SYNC_USE, SYNC_TIMEOUT, 0, 0, "" },
        { "arrive", arrive, parse_down, SYNC_USE, SYNC_TIMEOUT, 0, 1,
          "at most one number" },
        { "count", count_of, NULL, SYNC_LOOK, 0, 0, 0, "" },
        { "info", sync_info, NULL, SYNC_LOOK, 0, 0, 0, "" },
        { NULL, NULL, NULL, SYNC_USE, 0, 0, 0, NULL },
};

int cmd_latch(int argc, char **argv)
{
        static const struct sync_kind kind = {
                "latch", "open, but some of it was not done: who had taken it died",
                open_latch, close_latch, verbs
        };
        return sync_main(&kind, argc, argv);
}
