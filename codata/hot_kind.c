/* codata/hot_kind.c -- the hot stream as an object: create, open, info, the dead. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <weft/error.h>

#include "codata/hot_internal.h"

_Static_assert((int)WEFT_HOT_DROP == (int)WEFT_BROADCAST_DROP, "the ring's policies");
_Static_assert((int)WEFT_HOT_SEQUENCE == (int)WEFT_BROADCAST_SEQUENCE, "and places");

static const struct weft_part ring_part = { WEFT_BROADCAST_KIND_ID,
                                            offsetof(struct weft_hot_shared, ring) };
static const struct weft_part driver_part = { WEFT_MUTEX_KIND_ID,
                                              offsetof(struct weft_hot_shared, driver) };

/* ---- the dead ---------------------------------------------------------------------- */

static weft_owner_t owner_of(const struct weft_object *o)
{
        return weft_owner_make(WEFT_OWNER_OBJECT, o->id);
}

/* Whoever was about to end it may be this one. */
static int finish_the_end(const struct weft_object *o)
{
        struct weft_hot_shared *sh = o->sh;
        struct weft_broadcast_view v;
        int error;
        if (!weft_hot_end(sh, &error))
                return 0;
        int rc = weft_broadcast_view(&v, o->arena, &sh->ring, owner_of(o));
        return rc || weft_broadcast_is_shut(&v) ? rc : weft_broadcast_end(&v);
}

/* In this order: see hot_shared.h. Crash in recover: each step is repeatable. Who subscribes
 * looks at the seat, too, but sleeps where the ring's do. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_hot_shared *sh = o->sh;
        int ring = weft_part_recover(o, ring_part, sig);
        int end = finish_the_end(o);
        int seat = weft_part_recover(o, driver_part, sig);
        weft_wait_reset(&sh->ring.not_empty);
        return ring ? ring : end ? end : seat;
}

/* ---- looking ------------------------------------------------------------------------ */

int weft_hot_info(weft_hot_t *hot, struct weft_hot_info *info)
{
        struct weft_broadcast_info ring;
        struct weft_mutex_info seat;
        int error;
        if (!hot || !info)
                return -EINVAL;
        int rc = weft_broadcast_info(hot->ring, &ring);
        if (!rc)
                rc = weft_mutex_info(hot->driver, &seat);
        if (rc)
                return rc;
        (void)weft_hot_end(weft_hot_sh(hot), &error);
        *info = (struct weft_hot_info){
                .capacity = ring.capacity,
                .tag = hot->tag,
                .emitted = ring.published,
                .retained = ring.retained,
                .lag = ring.lag,
                .lost = ring.lost,
                .taken_over = weft_tally_get(&weft_hot_sh(hot)->taken_over),
                .element_bytes = ring.element_bytes,
                .policy = ring.policy,
                .flags = ring.flags,
                .subscribers = ring.subscribers,
                .subscribers_max = ring.subscribers_max,
                .producer = ring.producer,
                .driver = seat.holder_pid,
                .driver_died = weft_mutex_is_orphaned(hot->driver),
                .standing_by = seat.waiting,
                .waiting = ring.waiting,
                .ended = ring.shut,
                .error = ring.shut ? error : 0,
        };
        return 0;
}

int weft_hot_list(weft_hot_t *hot,
                  int (*each)(const struct weft_subscriber_info *subscriber,
                              void *context),
                  void *context)
{
        return hot ? weft_broadcast_list(hot->ring, each, context) : -EINVAL;
}

static bool busy(struct weft_object *o)
{
        return weft_part_busy(o, ring_part) || weft_part_busy(o, driver_part);
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        const struct weft_hot_shared *sh = o->sh;
        *bytes = sizeof *sh;
        int rc = weft_part_check(o, ring_part, bytes);
        if (!rc)
                rc = weft_part_check(o, driver_part, bytes);
        return rc ? rc : weft_hot_end_is_sound(sh) ? 0 : -EUCLEAN;
}

/* The ring's words, and what there is to say of the end or the driver. */
static void describe(struct weft_object *o, struct weft_object_info *info)
{
        const struct weft_hot_shared *sh = o->sh;
        char ring[128], seat[64];
        int error;
        weft_part_describe(o, ring_part, ring, sizeof ring);
        weft_part_describe(o, driver_part, seat, sizeof seat);
        seat[strcspn(seat, ",")] = '\0'; /* "held by 77", "free" */
        if (weft_hot_end(sh, &error))
                (void)snprintf(info->detail, sizeof info->detail, "%s%s%s", ring,
                               error ? ": " : "", error ? weft_strerror(error) : "");
        else
                (void)snprintf(info->detail, sizeof info->detail, "%s; driver's seat %s",
                               ring, seat);
        uint64_t bytes = sizeof *sh;
        if (!weft_part_check(o, ring_part, &bytes) &&
            !weft_part_check(o, driver_part, &bytes))
                info->bytes = bytes;
}

/* ---- the kind -------------------------------------------------------------------------- */

/* Crash in create: it was never there. */
static int init(struct weft_draft *draft)
{
        static const struct weft_mutex_options fair = { .flags = WEFT_MUTEX_FAIR };
        const struct weft_hot_options *o = draft->options;
        const struct weft_broadcast_options ring = {
                .capacity = o->capacity,
                .element_bytes = o->element_bytes,
                .policy = o->policy,
                .flags = o->flags,
                .subscribers = o->subscribers,
        };
        struct weft_hot_shared *sh = draft->sh;
        sh->tag = o->tag;
        int rc = weft_part_init(draft, ring_part, &ring);
        return rc ? rc : weft_part_init(draft, driver_part, &fair);
}

static void destroy(struct weft_object *o)
{
        weft_part_destroy(o, ring_part);
        weft_part_destroy(o, driver_part);
}

static void drop(struct weft_handle *handle)
{
        struct weft_hot *hot = (struct weft_hot *)handle;
        if (hot->share)
                (void)!weft_hot_unshare(hot);
        weft_part_close(hot->ring);
        weft_part_close(hot->driver);
}

/* A seat without a line would tell of deaths that a stand-by makes good: that is no hot
 * stream. */
static int view(struct weft_handle *handle)
{
        struct weft_hot *hot = (struct weft_hot *)handle;
        weft_copy_out(&hot->tag, &weft_hot_sh(hot)->tag, sizeof hot->tag);
        int rc = weft_part_open(handle, ring_part, &hot->ring);
        if (!rc)
                rc = weft_part_open(handle, driver_part, &hot->driver);
        if (!rc && hot->driver->flags != WEFT_MUTEX_FAIR)
                rc = -EUCLEAN;
        if (rc)
                drop(handle);
        return rc;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_hot *hot = (const struct weft_hot *)handle;
        const struct weft_broadcast_view *v = &hot->ring->v;
        const struct weft_hot_options *o = options;
        return v->element_bytes == o->element_bytes && hot->tag == o->tag &&
               v->blocks == (o->policy == WEFT_HOT_BLOCK) &&
               v->one == ((o->flags & WEFT_HOT_ONE) != 0);
}

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_handle *ring = &((struct weft_hot *)handle)->ring->handle;
        return ring->kind->waitable->wait(ring, c);
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_handle *ring = &((struct weft_hot *)handle)->ring->handle;
        return ring->kind->waitable->attempt(ring, agent, c);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct weft_handle *ring = &((struct weft_hot *)handle)->ring->handle;
        return ring->kind->waitable->look(ring, agent, c);
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

static struct weft_kind kind = {
        .name = "hot",
        .id = WEFT_HOT_KIND_ID,
        .version = WEFT_HOT_FORMAT,
        .header_bytes = sizeof(struct weft_hot_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_hot),
        .view = view,
        .drop = drop,
        .fits = fits,
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ----------------------------------------------------------------- */

static int make(weft_arena_t *arena, const char *name, const struct weft_hot_options *o,
                bool or_open, weft_hot_t **hot)
{
        if (!hot || !o || !o->capacity || o->capacity > WEFT_BROADCAST_CAPACITY_MAX ||
            !o->element_bytes || o->element_bytes > WEFT_BROADCAST_ELEMENT_MAX ||
            o->policy > WEFT_HOT_DROP || o->flags & ~(uint32_t)WEFT_HOT_ONE ||
            o->subscribers > WEFT_BROADCAST_SUBSCRIBERS_MAX)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, o, init, or_open, hot);
}

int weft_hot_create(weft_arena_t *arena, const char *name,
                    const struct weft_hot_options *options, weft_hot_t **hot)
{
        return make(arena, name, options, false, hot);
}

int weft_hot_create_or_open(weft_arena_t *arena, const char *name,
                            const struct weft_hot_options *options, weft_hot_t **hot)
{
        return make(arena, name, options, true, hot);
}

int weft_hot_open(weft_arena_t *arena, const char *name, uint32_t element_bytes,
                  uint64_t tag, weft_hot_t **hot)
{
        if (!hot)
                return -EINVAL;
        int rc = weft_handle_open(arena, name, &kind, hot);
        if (rc)
                return rc;
        const struct weft_hot *h = *hot;
        if (weft_hot_takes(h, element_bytes ? element_bytes : h->ring->v.element_bytes,
                           tag))
                return 0;
        weft_handle_close(*hot);
        *hot = NULL;
        return -EPROTO;
}

void weft_hot_close(weft_hot_t *hot)
{
        weft_handle_close(hot);
}

weft_owner_t weft_hot_owner(const weft_hot_t *hot)
{
        return hot ? weft_handle_owner(&hot->handle) : (weft_owner_t){ 0 };
}
