/* Channels, for weft send and recv; cat says what weft stat does, for nothing can be looked
 * at without receiving it. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/channel.h>

#include "cli/stat.h"
#include "cli/tap.h"
#include "cli/thing.h"

/* By enum weft_channel_policy. */
static const char *const policies[] = { "block", "fail", "drop-newest", "drop-oldest",
                                        "latest" };
enum { POLICIES = sizeof policies / sizeof *policies };

int thing_policy(const char *name)
{
        for (int i = 0; i < POLICIES; i++)
                if (!strcmp(policies[i], name))
                        return i;
        return -1;
}

static int open_channel(weft_arena_t *arena, const char *name, void **handle)
{
        weft_channel_t *channel = NULL;
        int rc = weft_channel_open(arena, name, 0, 0, &channel);
        *handle = channel;
        return rc;
}

static void close_channel(void *handle)
{
        weft_channel_close(handle);
}

static int create(struct thing_call *c, void **handle)
{
        const struct weft_channel_options options = {
                .capacity = c->make.meets      ? 0
                            : c->make.capacity ? c->make.capacity
                                               : 1024,
                .element_bytes =
                        (uint32_t)(c->make.element_bytes ? c->make.element_bytes : 256),
                .policy = c->make.policy,
                .flags = c->make.lease ? WEFT_CHANNEL_LEASE : 0,
        };
        weft_channel_t *channel = NULL;
        if (c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_channel_create_or_open(c->arena, c->name, &options, &channel);
        *handle = channel;
        return rc;
}

static void stat_end(const struct weft_channel_info *info, json_t *into)
{
        stat_words(into, "ended",
                   info->cancelled ? "cancelled"
                   : info->shut    ? "shut"
                                   : "");
        if (info->shut)
                stat_number(into, "reason", info->reason, false);
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_channel_t *channel;
        struct weft_channel_info info;
        int rc = weft_channel_open(arena, name, 0, 0, &channel);
        if (rc)
                return rc;
        rc = weft_channel_info(channel, &info);
        weft_channel_close(channel);
        if (rc)
                return rc;
        stat_number(into, "element_bytes", info.element_bytes, false);
        stat_number(into, "tag", info.tag, false);
        stat_number(into, "capacity", info.capacity, false);
        stat_number(into, "length", info.length, false);
        stat_number(into, "leased", info.leased, false);
        stat_number(into, "sent", info.sent, false);
        stat_number(into, "received", info.received, false);
        stat_number(into, "dropped", info.dropped, false);
        stat_number(into, "refused", info.refused, false);
        stat_number(into, "waiting", info.waiting, false);
        stat_words(into, "policy", info.policy < POLICIES ? policies[info.policy] : "");
        stat_words(into, "flags", info.flags & WEFT_CHANNEL_LEASE ? "lease" : "");
        stat_end(&info, into);
        return 0;
}

static int cat(struct thing_call *c)
{
        return cli_stat_object(c->arena, c->operand, c->name);
}

/* Of a channel that has ended it is said why. */
static int result(struct thing_call *c, int rc)
{
        uint32_t reason;
        if ((rc == -EPIPE || rc == -ECANCELED) &&
            !weft_channel_reason(c->handle, &reason))
                return cli_fail(CLI_FAILED, "%s: %s, for reason %u", c->operand,
                                rc == -EPIPE ? "it has ended" : "it was cancelled",
                                (unsigned)reason);
        return thing_result(c, rc, NULL);
}

static int element_bytes(struct thing_call *c, size_t *bytes)
{
        struct weft_channel_info info;
        int rc = weft_channel_info(c->handle, &info);
        *bytes = rc ? 0 : info.element_bytes;
        c->make.lease = !rc && info.flags & WEFT_CHANNEL_LEASE;
        return rc;
}

/* ---- sending --------------------------------------------------------------------- */

static int send_element(struct thing_call *c, const void *element, size_t bytes,
                        uint64_t deadline)
{
        (void)bytes; /* as many as an element has */
        return weft_channel_send(c->handle, element, deadline);
}

/* Values, or lines if there are none; and then its end, or that alone. */
static int send(struct thing_call *c)
{
        static char dash[] = "-", *lines[] = { dash };
        size_t bytes;
        int rc = element_bytes(c, &bytes), code = CLI_OK;
        if (rc)
                return thing_result(c, rc, NULL);
        bool alone = c->closes && !c->argc;
        if (!c->argc) {
                c->argv = lines;
                c->argc = 1;
        }
        c->result = result;
        if (!alone)
                code = thing_push_all(c, bytes, send_element);
        if (code || !c->closes)
                return code;
        rc = weft_channel_shutdown(c->handle, c->reason);
        return rc || alone ? thing_result(c, rc, NULL) : CLI_OK;
}

/* ---- receiving --------------------------------------------------------------------- */

static int take(void *handle, struct weft_element *element, uint64_t deadline)
{
        return weft_channel_take(handle, element, deadline);
}

static int ack(void *handle, struct weft_element *element)
{
        return weft_channel_ack(handle, element);
}

static int64_t recv_element(struct thing_call *c, void *element, size_t room,
                            uint64_t deadline)
{
        int rc = weft_channel_recv(c->handle, element, deadline);
        return rc ? rc : (int64_t)room;
}

static int recv(struct thing_call *c)
{
        size_t bytes;
        int rc = element_bytes(c, &bytes);
        if (rc)
                return thing_result(c, rc, NULL);
        c->result = result;
        return c->make.lease ? thing_pop_leased(c, bytes, take, ack)
                             : thing_pop_all(c, bytes, bytes, recv_element, NULL);
}

static int count(struct thing_call *c, struct tap_count *counts)
{
        struct weft_channel_info info;
        int rc = weft_channel_info(c->handle, &info);
        counts[0] = (struct tap_count){ "sent", info.sent, true };
        counts[1] = (struct tap_count){ "received", info.received, true };
        counts[2] = (struct tap_count){ "dropped", info.dropped, true };
        counts[3] = (struct tap_count){ "length", info.length, false };
        return rc ? rc : 4;
}

static int tap(struct thing_call *c)
{
        return tap_rates(c, count);
}

const struct thing_kind thing_channel = {
        .name = "channel",
        .open = open_channel,
        .close = close_channel,
        .create = create,
        .makes = MAKE_CAPACITY | MAKE_ELEMENT_BYTES | MAKE_LEASE | MAKE_RENDEZVOUS |
                 MAKE_POLICY,
        .stat = stat,
        .cat = cat,
        .send = send,
        .recv = recv,
        .tap = tap,
};
