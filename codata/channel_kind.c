/* codata/channel_kind.c -- the channel as an object: create, open, info, settle. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codata/channel_internal.h"
#include "runtime/part.h"

/* ---- its shape ---------------------------------------------------------------- */

static const struct weft_part queue_part = {
        WEFT_QUEUE_KIND_ID,
        offsetof(struct weft_channel_shared, queue),
};

static const struct weft_part rendezvous_part = {
        WEFT_RENDEZVOUS_KIND_ID,
        offsetof(struct weft_channel_shared, rendezvous),
};

static struct weft_part part_of(const struct weft_channel_shared *sh)
{
        return sh->meets ? rendezvous_part : queue_part;
}

static bool is_sane(bool meets, uint32_t element_bytes, uint32_t policy, uint32_t flags)
{
        bool leases = flags & WEFT_CHANNEL_LEASE;
        if (!element_bytes || element_bytes > WEFT_QUEUE_ELEMENT_MAX ||
            policy > WEFT_CHANNEL_LATEST || flags & ~(uint32_t)WEFT_CHANNEL_LEASE)
                return false;
        if (meets)
                return !leases && policy <= WEFT_CHANNEL_DROP_NEWEST;
        return !leases || policy != WEFT_CHANNEL_LATEST;
}

/* Crash in create: it was never there. */
static int init(struct weft_draft *draft)
{
        const struct weft_channel_options *options = draft->options;
        struct weft_channel_shared *sh = draft->sh;
        const struct weft_queue_options of_queue = {
                .capacity = options->capacity,
                .element_bytes = options->element_bytes,
                .flags = options->flags & WEFT_CHANNEL_LEASE ? WEFT_QUEUE_LEASE : 0,
        };
        const struct weft_rendezvous_options of_rendezvous = {
                .element_bytes = options->element_bytes,
        };
        sh->tag = options->tag;
        sh->element_bytes = options->element_bytes;
        sh->policy = options->policy;
        sh->flags = options->flags;
        sh->meets = !options->capacity;
        return sh->meets ? weft_part_init(draft, rendezvous_part, &of_rendezvous)
                         : weft_part_init(draft, queue_part, &of_queue);
}

/* ---- handles -------------------------------------------------------------------- */

/* The part has been checked, but may be of elements of another size, and so no part of
 * this. */
static int open_queue(weft_channel_t *ch)
{
        struct weft_queue_info info;
        int rc = weft_part_open(&ch->handle, queue_part, &ch->queue);
        ch->part = (void *)ch->queue;
        if (!rc)
                rc = weft_queue_info(ch->queue, &info);
        bool leases = ch->flags & WEFT_CHANNEL_LEASE;
        if (!rc && (info.element_bytes != ch->element_bytes ||
                    info.flags != (leases ? WEFT_QUEUE_LEASE : 0)))
                rc = -EUCLEAN;
        if (ch->policy == WEFT_CHANNEL_BLOCK)
                ch->straight_in = ch->queue;
        if (ch->policy != WEFT_CHANNEL_LATEST && !leases)
                ch->straight_out = ch->queue;
        return rc;
}

static int open_rendezvous(weft_channel_t *ch)
{
        struct weft_rendezvous_info info;
        int rc = weft_part_open(&ch->handle, rendezvous_part, &ch->rendezvous);
        ch->part = (void *)ch->rendezvous;
        if (!rc)
                rc = weft_rendezvous_info(ch->rendezvous, &info);
        return rc || info.element_bytes == ch->element_bytes ? rc : -EUCLEAN;
}

static struct weft_wait_shared *wait_of(const weft_channel_t *ch, uint32_t op)
{
        const struct weft_case c = { .op = op };
        return ch->part->kind->waitable->wait(ch->part, &c);
}

static int see(struct weft_handle *handle)
{
        const struct weft_channel_shared *sh = handle->sh;
        weft_channel_t *ch = (void *)handle;
        uint32_t meets = sh->meets;
        ch->tag = sh->tag;
        ch->element_bytes = sh->element_bytes;
        ch->policy = sh->policy;
        ch->flags = sh->flags;
        if (meets > 1 || !is_sane(meets, ch->element_bytes, ch->policy, ch->flags))
                return -EUCLEAN;
        int rc = meets ? open_rendezvous(ch) : open_queue(ch);
        if (rc) {
                weft_part_close(ch->part);
                return rc;
        }
        ch->wait_send = wait_of(ch, WEFT_OP_SEND);
        ch->wait_recv = wait_of(ch, WEFT_OP_RECV);
        return 0;
}

static void drop(struct weft_handle *handle)
{
        weft_channel_t *ch = (void *)handle;
        weft_part_close(ch->part);
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const weft_channel_t *ch = (const void *)handle;
        const struct weft_channel_options *o = options;
        return ch->element_bytes == o->element_bytes && ch->tag == o->tag &&
               ch->policy == o->policy && ch->flags == o->flags &&
               !o->capacity == !ch->queue;
}

static int make(weft_arena_t *arena, const char *name,
                const struct weft_channel_options *options, bool or_open,
                weft_channel_t **channel)
{
        if (!arena || !name || !options || !channel ||
            options->capacity > WEFT_QUEUE_CAPACITY_MAX || options->reserved ||
            !is_sane(!options->capacity, options->element_bytes, options->policy,
                     options->flags))
                return -EINVAL;
        return weft_handle_create(arena, name, &weft_channel_kind, options, init, or_open,
                                  channel);
}

int weft_channel_create(weft_arena_t *arena, const char *name,
                        const struct weft_channel_options *options,
                        weft_channel_t **channel)
{
        return make(arena, name, options, false, channel);
}

int weft_channel_create_or_open(weft_arena_t *arena, const char *name,
                                const struct weft_channel_options *options,
                                weft_channel_t **channel)
{
        return make(arena, name, options, true, channel);
}

int weft_channel_open(weft_arena_t *arena, const char *name, uint32_t element_bytes,
                      uint64_t tag, weft_channel_t **channel)
{
        if (!arena || !name || !channel)
                return -EINVAL;
        int rc = weft_handle_open(arena, name, &weft_channel_kind, channel);
        if (rc)
                return rc;
        weft_channel_t *ch = *channel;
        bool other = tag && ch->tag && tag != ch->tag;
        if (!other && (!element_bytes || element_bytes == ch->element_bytes))
                return 0;
        weft_handle_close(ch);
        *channel = NULL;
        return -EPROTO;
}

void weft_channel_close(weft_channel_t *channel)
{
        weft_handle_close(channel);
}

weft_owner_t weft_channel_owner(const weft_channel_t *channel)
{
        return channel ? weft_handle_owner(&channel->handle) : (weft_owner_t){ 0 };
}

/* ---- looking ---------------------------------------------------------------------- */

static uint64_t less(uint64_t n, uint64_t by)
{
        return n > by ? n - by : 0;
}

/* Before the part is looked at: what is dropped then was there. */
static void fill_counts(const struct weft_channel_shared *sh,
                        struct weft_channel_info *info)
{
        uint64_t newest = weft_tally_get(&sh->lost_newest);
        uint64_t buffered = weft_tally_get(&sh->lost_buffered);
        info->sent = newest;
        info->dropped = newest + buffered;
        info->received = buffered; /* to be subtracted */
        info->refused = weft_tally_get(&sh->refused);
}

static void fill_queue(const struct weft_queue_info *part, struct weft_channel_info *info)
{
        info->capacity = part->capacity;
        info->length = part->length;
        info->leased = part->leased;
        info->sent += part->pushed;
        info->received = less(part->popped, info->received);
        info->shut = part->shut;
        info->waiting = part->waiting;
}

static void fill_rendezvous(const struct weft_rendezvous_info *part,
                            struct weft_channel_info *info)
{
        info->sent += part->met;
        info->received = part->met;
        info->shut = part->shut;
        info->waiting = part->pushing + part->popping;
}

int weft_channel_info(weft_channel_t *channel, struct weft_channel_info *info)
{
        struct weft_queue_info queue;
        struct weft_rendezvous_info rendezvous;
        if (!channel || !info)
                return -EINVAL;
        const struct weft_channel_shared *sh = weft_channel_shared(channel);
        *info = (struct weft_channel_info){
                .tag = channel->tag,
                .element_bytes = channel->element_bytes,
                .policy = channel->policy,
                .flags = channel->flags,
        };
        fill_counts(sh, info);
        int rc = channel->queue ? weft_queue_info(channel->queue, &queue)
                                : weft_rendezvous_info(channel->rendezvous, &rendezvous);
        if (rc)
                return rc;
        if (channel->queue)
                fill_queue(&queue, info);
        else
                fill_rendezvous(&rendezvous, info);
        info->cancelled = info->shut && weft_tally_get(&sh->cancelled);
        info->reason = info->shut ? (uint32_t)weft_tally_get(&sh->end) : 0;
        return 0;
}

static const char *policy_name(uint32_t policy)
{
        static const char *const names[] = { "block", "fail", "drop newest",
                                             "drop oldest", "latest" };
        return policy < sizeof names / sizeof *names ? names[policy] : "corrupt";
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        const struct weft_channel_shared *sh = o->sh;
        uint64_t end = weft_tally_get(&sh->end);
        uint64_t dropped =
                weft_tally_get(&sh->lost_newest) + weft_tally_get(&sh->lost_buffered);
        char part[sizeof info->detail], lost[48] = "", why[48] = "";
        weft_part_describe(o, part_of(sh), part, sizeof part);
        if (dropped)
                (void)snprintf(lost, sizeof lost, ", %" PRIu64 " dropped", dropped);
        if (end & WEFT_CHANNEL_ENDED)
                (void)snprintf(why, sizeof why, ", %s: reason %" PRIu32,
                               weft_tally_get(&sh->cancelled) ? "cancelled" : "ended",
                               (uint32_t)end);
        (void)snprintf(info->detail, sizeof info->detail, "%.120s, %s%s%s", part,
                       policy_name(sh->policy), lost, why);
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        const struct weft_channel_shared *sh = o->sh;
        uint64_t end = weft_tally_get(&sh->end),
                 cancelled = weft_tally_get(&sh->cancelled);
        uint64_t its = sizeof *sh;
        int rc = weft_part_check(o, part_of(sh), &its);
        if (bytes)
                *bytes = its;
        if (rc)
                return rc;
        if (sh->meets > 1 ||
            !is_sane(sh->meets, sh->element_bytes, sh->policy, sh->flags))
                return -EUCLEAN;
        bool is_end = !end || end >> 32 == 1;
        return is_end && cancelled <= 1 && (!cancelled || end) ? 0 : -EUCLEAN;
}

/* ---- the dead ------------------------------------------------------------------------ */

/* Crash in recover: what is done is found done by the next one. */
static int recover(struct weft_object *o, uint32_t sig)
{
        const struct weft_channel_shared *sh = o->sh;
        struct weft_part part = part_of(sh);
        int rc = weft_part_recover(o, part, sig);
        if (!rc && weft_tally_get(&sh->end)) /* he may have died before that */
                rc = weft_part_shut(o, part);
        return rc;
}

/* Crash in destroy: as in the part's. */
static void destroy(struct weft_object *o)
{
        weft_part_destroy(o, part_of(o->sh));
}

static bool busy(struct weft_object *o)
{
        return weft_part_busy(o, part_of(o->sh));
}

struct weft_kind weft_channel_kind = {
        .name = "channel",
        .id = WEFT_CHANNEL_KIND_ID,
        .version = WEFT_CHANNEL_FORMAT,
        .header_bytes = sizeof(struct weft_channel_shared),
        .recover = recover,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_channel),
        .view = see,
        .drop = drop,
        .fits = fits,
        .init = init,
        .busy = busy,
        .waitable = &weft_channel_waitable,
        .meeting = weft_channel_meeting,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&weft_channel_kind);
}
