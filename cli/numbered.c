/* cli/numbered.c -- see numbered.h. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "cli/numbered.h"
#include "cli/tap.h"

static const struct numbered *calls(const struct thing_call *c)
{
        return c->kind->numbered;
}

static int subscribe(struct thing_call *c, enum thing_place place,
                     struct numbered_state *state, void **subscriber)
{
        int rc = calls(c)->state(c->handle, state);
        *subscriber = NULL;
        return rc ? rc : calls(c)->subscribe(c->handle, place, c->from, subscriber);
}

/* The arena is open read-only: so nobody waits for this subscription. */
int numbered_cat(struct thing_call *c)
{
        struct numbered_state state;
        void *subscriber;
        uint64_t sequence, next = 0;
        int rc = subscribe(c, c->options & THING_FROM ? THING_NUMBER : THING_OLDEST,
                           &state, &subscriber);
        void *item = rc ? NULL : malloc(state.bytes);
        if (!rc && !item)
                rc = -ENOMEM;
        int more = rc ? rc : 1;
        while (more == 1 && next < state.sent) { /* and no more, however fast */
                more = calls(c)->next(subscriber, item, &sequence, NULL, WEFT_NOW);
                if (more != 1)
                        break;
                next = sequence + 1;
                if (thing_row_at(c, sequence, item, state.bytes, state.bytes))
                        break;
        }
        free(item);
        calls(c)->unsubscribe(subscriber);
        if (!rc && (more == -EAGAIN || more == state.error))
                more = 0;
        return more < 0 ? thing_result(c, more, NULL) : thing_listed(c, "elements");
}

static int send(struct thing_call *c, const void *item, size_t bytes, uint64_t deadline)
{
        (void)bytes; /* as many as an item has */
        return calls(c)->send(c->handle, item, deadline);
}

int numbered_push(struct thing_call *c)
{
        struct numbered_state state;
        int rc = calls(c)->state(c->handle, &state);
        return rc ? thing_result(c, rc, NULL) : thing_push_all(c, state.bytes, send);
}

static int count(struct thing_call *c, struct tap_count *counts)
{
        struct numbered_state state;
        int rc = calls(c)->state(c->handle, &state);
        if (rc)
                return rc;
        counts[0] = (struct tap_count){ calls(c)->sent, state.sent, true };
        counts[1] = (struct tap_count){ "lost", state.lost, false };
        counts[2] = (struct tap_count){ "lag", state.lag, false };
        return 3;
}

int numbered_tap(struct thing_call *c)
{
        struct numbered_state state;
        void *subscriber;
        if (c->options & THING_RATE)
                return tap_rates(c, count);
        int rc = subscribe(c, c->place, &state, &subscriber);
        int code = rc ? thing_result(c, rc, NULL)
                      : tap_items(c, subscriber, state.bytes, calls(c)->next);
        calls(c)->unsubscribe(subscriber);
        return code;
}
