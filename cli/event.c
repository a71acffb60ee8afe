/* weft event -- something has happened, for shell scripts. */
#define _GNU_SOURCE
#include "cli/sync.h"

static int open_event(weft_arena_t *arena, const char *name, void **handle)
{
        weft_event_t *event;
        int rc = weft_event_open(arena, name, &event);
        *handle = event;
        return rc;
}

static void close_event(void *handle)
{
        weft_event_close(handle);
}

static int make(struct sync_call *c, const void *options, bool or_open)
{
        weft_event_t *event;
        int rc = (or_open ? weft_event_create_or_open
                          : weft_event_create)(c->arena, c->name, options, &event);
        c->handle = event;
        return rc;
}

static int create(struct sync_call *c)
{
        struct weft_event_options options = {
                .flags = (c->options & SYNC_AUTO ? (uint32_t)WEFT_EVENT_AUTO : 0) |
                         (c->options & SYNC_SET ? (uint32_t)WEFT_EVENT_SET : 0),
        };
        return sync_create(c, &options, make);
}

static int set(struct sync_call *c)
{
        return sync_result(c, weft_event_set(c->handle));
}

static int clear(struct sync_call *c)
{
        return sync_result(c, weft_event_clear(c->handle));
}

static int pulse(struct sync_call *c)
{
        return sync_result(c, weft_event_pulse(c->handle));
}

static int wait_for(struct sync_call *c)
{
        int rc = weft_event_wait(c->handle, c->deadline);
        sync_waited();
        return sync_result(c, rc);
}

static int test(struct sync_call *c)
{
        int rc = weft_event_is_set(c->handle);
        return rc < 0 ? sync_result(c, rc) : rc ? sync_done(c, NULL) : sync_no(c);
}

static const struct sync_verb verbs[] = {
        { "create", create, NULL, SYNC_MAKE, SYNC_EXIST_OK | SYNC_AUTO | SYNC_SET, 0, 0,
          "" },
        { "set", set, NULL, SYNC_USE, 0, 0, 0, "" },
        { "clear", clear, NULL, SYNC_USE, 0, 0, 0, "" },
        { "pulse", pulse, NULL, SYNC_USE, 0, 0, 0, "" },
        { "wait", wait_for, NULL, SYNC_USE, SYNC_TIMEOUT, 0, 0, "" },
        { "test", test, NULL, SYNC_LOOK, 0, 0, 0, "" },
        { "info", sync_info, NULL, SYNC_LOOK, 0, 0, 0, "" },
        { NULL, NULL, NULL, SYNC_USE, 0, 0, 0, NULL },
};

int cmd_event(int argc, char **argv)
{
        static const struct sync_kind kind = { "event", "its owner died", open_event,
                                               close_event, verbs };
        return sync_main(&kind, argc, argv);
}
