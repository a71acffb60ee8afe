/* structures/broadcast_kind.c -- the broadcast ring as an object: create, open, info. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <weft/arena.h>

#include "structures/broadcast_internal.h"

/* ---- its shape --------------------------------------------------------------------------- */

/* What a cell holds is aligned for anything, and to lines where it is large. */
static uint32_t lead_of(uint32_t element_bytes)
{
        return element_bytes < 1024 ? 16 : WEFT_LINE;
}

static uint64_t with_lead(uint32_t element_bytes, uint32_t lead)
{
        return lead + ((uint64_t)element_bytes + lead - 1) / lead * lead;
}

uint64_t weft_broadcast_box_stride(uint32_t element_bytes, uint32_t *lead)
{
        *lead = lead_of(element_bytes);
        return with_lead(element_bytes, *lead);
}

static bool has_boxes(uint32_t element_bytes, uint32_t flags)
{
        return !(flags & WEFT_BROADCAST_ONE) && element_bytes > sizeof(uint64_t);
}

static bool is_sane(uint64_t capacity, uint32_t element_bytes, uint32_t policy,
                    uint32_t flags, uint32_t subscribers)
{
        return capacity >= 2 && capacity <= WEFT_BROADCAST_CAPACITY_MAX &&
               !(capacity & (capacity - 1)) && element_bytes &&
               element_bytes <= WEFT_BROADCAST_ELEMENT_MAX &&
               policy <= WEFT_BROADCAST_DROP &&
               !(flags & ~(uint32_t)WEFT_BROADCAST_ONE) && subscribers &&
               subscribers <= WEFT_BROADCAST_SUBSCRIBERS_MAX;
}

/* Units for elements of that size, and what is where in them. */
static void take_shape(struct weft_broadcast_view *v)
{
        struct weft_units *u = &v->units;
        uint64_t n = v->capacity;
        v->lines = v->one && v->blocks && v->element_bytes <= sizeof(uint64_t);
        if (v->lines) {
                *u = weft_units_of(sizeof(uint64_t));
                v->stamp_at = WEFT_LINE - WEFT_STAMP_BYTES;
                v->lead = 0;
                for (u->mask = 1; u->mask * u->per < n;)
                        u->mask = u->mask * 2 + 1;
        } else {
                *u = (struct weft_units){ .mask = n - 1, .per = 1 };
                v->stamp_at = 0;
                v->lead = sizeof(uint64_t);
                u->stride = 2 * sizeof(uint64_t);
                if (v->one && v->element_bytes > sizeof(uint64_t)) {
                        v->lead = lead_of(v->element_bytes);
                        u->stride = with_lead(v->element_bytes, v->lead);
                }
        }
        v->first = weft_units_first(u);
        v->span = (n / u->per << u->shift) + n % u->per;
}

static uint64_t cells_bytes(const struct weft_broadcast_view *v)
{
        return (v->units.mask + 1) * v->units.stride;
}

static uint64_t seats_bytes(uint32_t subscribers)
{
        return subscribers * sizeof(struct weft_broadcast_seat_shared);
}

int weft_broadcast_view(struct weft_broadcast_view *v, weft_arena_t *arena,
                        struct weft_broadcast_shared *sh, weft_owner_t owner)
{
        struct {
                weft_ref_t cells, boxes, seats;
                uint64_t capacity;
                uint32_t element_bytes, policy, flags, subscribers;
        } copy;
        _Static_assert(sizeof copy == 48, "the constant part of the header");
        weft_copy_out(&copy, sh, sizeof copy);
        if (!is_sane(copy.capacity, copy.element_bytes, copy.policy, copy.flags,
                     copy.subscribers))
                return -EUCLEAN;
        *v = (struct weft_broadcast_view){
                .arena = arena,
                .sh = sh,
                .capacity = copy.capacity,
                .element_bytes = copy.element_bytes,
                .subscribers = copy.subscribers,
                .owner = owner,
                .one = copy.flags & WEFT_BROADCAST_ONE,
                .blocks = copy.policy == WEFT_BROADCAST_BLOCK,
                .fences = !arena->registered,
        };
        take_shape(v);
        v->cells = weft_at(arena, copy.cells, cells_bytes(v));
        v->seats = weft_at(arena, copy.seats, seats_bytes(v->subscribers));
        weft_desks_view(&v->desks, arena, &sh->desks, owner,
                        sizeof(struct weft_broadcast_desk_shared));
        if (!v->cells || !v->seats || (v->lines && (uintptr_t)v->cells % WEFT_LINE))
                return -EUCLEAN;
        if (!has_boxes(copy.element_bytes, copy.flags))
                return 0;
        v->box_stride = weft_broadcast_box_stride(v->element_bytes, &v->box_lead);
        v->boxes = weft_at(arena, copy.boxes, copy.capacity * v->box_stride);
        return v->boxes ? 0 : -EUCLEAN;
}

static int view_of(struct weft_object *o, struct weft_broadcast_view *v)
{
        return weft_broadcast_view(v, o->arena, o->sh,
                                   weft_owner_make(WEFT_OWNER_OBJECT, o->id));
}

/* ---- the dead ------------------------------------------------------------------------------ */

/* Crash in recover: each step is the dead's own word until it is done. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_broadcast_view v;
        struct weft_broadcast_shared *sh = o->sh;
        int rc = view_of(o, &v);
        if (rc)
                return rc;
        rc = weft_broadcast_settle(&v, sig);
        uint32_t n = weft_broadcast_seats(&v);
        for (uint32_t i = 0; i < n; i++) {
                uint64_t word = weft_load_acq(&v.seats[i].word); /* [J] */
                if ((uint32_t)word == sig)
                        (void)weft_broadcast_leave(&v.seats[i], word);
        }
        (void)!weft_broadcast_leave_one(&v, sig); /* who is next begins anew */
        weft_wait_reset(&sh->not_full);
        weft_wait_reset(&sh->not_empty);
        return rc;
}

/* ---- looking ----------------------------------------------------------------------------------- */

/* What seat i's subscriber is doing; false if there is none. */
static bool see_seat(const struct weft_broadcast_view *v, uint32_t i, uint64_t t,
                     struct weft_subscriber_info *info)
{
        uint64_t word = weft_load_acq(&v->seats[i].word); /* [J] */
        if (weft_broadcast_state(word) != WEFT_BROADCAST_HERE)
                return false;
        uint64_t cursor = weft_load_acq(&v->seats[i].cursor); /* [N] */
        *info = (struct weft_subscriber_info){
                .seat = i,
                .pid = weft_agent_pid(v->arena, (uint32_t)word),
                .sequence = weft_broadcast_sequence(v, cursor),
                .lag = t > cursor ? weft_pos_count(&v->units, cursor, t) : 0,
                .lost = weft_load_rlx(&v->seats[i].lost),
        };
        return true;
}

static int fill_info(const struct weft_broadcast_view *v,
                     struct weft_broadcast_info *info)
{
        struct weft_broadcast_shared *sh = v->sh;
        struct weft_subscriber_info one;
        uint64_t t = weft_broadcast_hint(v);
        uint32_t n = weft_broadcast_seats(v);
        int rc = weft_broadcast_tail(v, &t);
        if (rc)
                return rc;
        *info = (struct weft_broadcast_info){
                .capacity = v->capacity,
                .published = weft_broadcast_sequence(v, t),
                .retained = weft_pos_count(&v->units, weft_broadcast_oldest(v, t), t),
                .element_bytes = v->element_bytes,
                .policy = v->blocks ? WEFT_BROADCAST_BLOCK : WEFT_BROADCAST_DROP,
                .flags = v->one ? WEFT_BROADCAST_ONE : 0,
                .subscribers_max = v->subscribers,
                .shut = weft_broadcast_is_shut(v),
                .waiting = weft_wait_waiters(&sh->not_empty) +
                           weft_wait_waiters(&sh->not_full),
        };
        uint32_t producer = weft_load_acq(&sh->producer); /* [S] */
        if (producer)
                info->producer = weft_agent_pid(v->arena, producer);
        for (uint32_t i = 0; i < n; i++)
                if (see_seat(v, i, t, &one)) {
                        info->subscribers++;
                        info->lost += one.lost;
                        if (one.lag > info->lag)
                                info->lag = one.lag;
                }
        return 0;
}

int weft_broadcast_info(weft_broadcast_t *broadcast, struct weft_broadcast_info *info)
{
        return broadcast && info ? fill_info(&broadcast->v, info) : -EINVAL;
}

int weft_broadcast_list(weft_broadcast_t *broadcast,
                        int (*each)(const struct weft_subscriber_info *subscriber,
                                    void *context),
                        void *context)
{
        if (!broadcast || !each)
                return -EINVAL;
        const struct weft_broadcast_view *v = &broadcast->v;
        uint64_t t = weft_broadcast_hint(v);
        int rc = weft_broadcast_tail(v, &t);
        uint32_t n = weft_broadcast_seats(v);
        for (uint32_t i = 0; i < n && !rc; i++) {
                struct weft_subscriber_info info;
                if (see_seat(v, i, t, &info))
                        rc = each(&info, context);
        }
        return rc;
}

static bool busy(struct weft_object *o)
{
        struct weft_broadcast_view v;
        struct weft_broadcast_info info;
        return !view_of(o, &v) && !fill_info(&v, &info) &&
               (info.subscribers || info.waiting);
}

/* ---- checking ------------------------------------------------------------------------------------- */

static bool is_ours(const struct weft_broadcast_view *v, weft_ref_t ref, uint64_t *bytes)
{
        *bytes += weft_block_bytes(v->arena, ref);
        return weft_block_owner(v->arena, ref).v == v->owner.v;
}

static bool blocks_are_ours(struct weft_broadcast_view *v, uint64_t *bytes)
{
        const struct weft_broadcast_shared *sh = v->sh;
        int64_t desks = weft_desks_bytes(&v->desks);
        uint32_t n = weft_seats_used(v->arena);
        bool ours = is_ours(v, sh->cells, bytes) && is_ours(v, sh->seats, bytes) &&
                    (!v->boxes || is_ours(v, sh->boxes, bytes)) && desks >= 0;
        if (desks > 0)
                *bytes += (uint64_t)desks;
        for (uint32_t i = 0; i < n && ours; i++) {
                struct weft_broadcast_desk_shared *d = weft_desk_at(&v->desks, i);
                weft_ref_t ref = { d ? weft_load_acq(&d->ref) : 0 }; /* [B] */
                if (!ref.v)
                        continue;
                weft_owner_t owner = weft_block_owner(v->arena, ref);
                ours = is_ours(v, ref, bytes) || /* or being handed over */
                       weft_owner_kind_of(owner) == WEFT_OWNER_AGENT;
        }
        return ours;
}

/* What changes with every publication in boxes; equal when nothing has. */
struct print {
        uint64_t tail, sum;
        bool open; /* some intent is */
};

static int take_print(struct weft_broadcast_view *v, struct print *print)
{
        uint32_t n = weft_seats_used(v->arena);
        *print = (struct print){ .tail = weft_broadcast_hint(v) };
        for (uint32_t i = 0; i < n; i++) {
                struct weft_broadcast_desk_shared *d = weft_desk_at(&v->desks, i);
                uint64_t made = d ? weft_load_acq(&d->made) : 0; /* [I] */
                print->open |= made != 0;
                print->sum = print->sum * 31 + made;
                print->sum = print->sum * 31 + (d ? weft_load_rlx(&d->box) : 0);
        }
        return weft_broadcast_tail(v, &print->tail);
}

static bool mark(uint8_t *map, uint64_t most, uint64_t box)
{
        if (box >= most || map[box / 8] >> box % 8 & 1)
                return false;
        map[box / 8] |= (uint8_t)(1 << box % 8);
        return true;
}

enum { CHECK_BOXES_MAX = 1 << 24 };

/* Is each box in one place? */
static bool boxes_are_whole(struct weft_broadcast_view *v)
{
        uint64_t n = v->capacity, most = n + WEFT_AGENTS_MAX;
        uint8_t *map = most <= CHECK_BOXES_MAX ? calloc(most / 8 + 1, 1) : NULL;
        bool whole = true;
        if (!map)
                return true;
        for (uint64_t i = 0; i < n; i++)
                whole &= mark(map, most, weft_load_rlx(weft_broadcast_what(v, i)));
        for (uint32_t i = 0; i < WEFT_AGENTS_MAX; i++) {
                struct weft_broadcast_desk_shared *d = weft_desk_at(&v->desks, i);
                uint64_t box = d ? weft_load_rlx(&d->box) : 0;
                if (d)
                        whole &= mark(map, most, box ? box - 1 : n + i);
        }
        free(map);
        return whole;
}

/* The tail is at t: units before its own are full, that one as far as it is. One producer may
 * be writing there, or have died so: if that opens the unit, what was in it is gone. */
static bool cells_are_whole(const struct weft_broadcast_view *v, uint64_t t)
{
        const struct weft_units *u = &v->units;
        uint64_t at = t & ~u->low; /* its unit had `at - first` before */
        uint64_t stamp = weft_load_rlx(weft_broadcast_stamp(v, at));
        uint64_t before = 2 * (at - v->first + u->per - 1) + 1;
        bool open = v->one && (stamp == 2 * t || stamp == weft_broadcast_back(v, t));
        if (!open && (t != at || (stamp & ~WEFT_BROADCAST_SEALED) != before))
                return false;
        for (uint64_t p = at - v->first + u->low + 1; p < at; p += u->low + 1)
                if (weft_load_rlx(weft_broadcast_stamp(v, p)) != 2 * (p + u->per - 1) + 1)
                        return false;
        return true;
}

/* Exact while nobody publishes; a change in between is no fault. */
static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_broadcast_view v;
        struct print before, after;
        int rc = view_of(o, &v);
        uint64_t owned = sizeof *v.sh;
        if (!rc && !blocks_are_ours(&v, &owned))
                rc = -EUCLEAN;
        if (bytes)
                *bytes = owned;
        for (int i = 0; i < 3 && !rc; i++) {
                rc = take_print(&v, &before);
                if (rc)
                        break;
                bool whole = cells_are_whole(&v, before.tail);
                if (v.boxes && !before.open)
                        whole &= boxes_are_whole(&v);
                if (whole)
                        return 0;
                rc = take_print(&v, &after);
                if (!rc && before.tail == after.tail && before.sum == after.sum)
                        rc = -EUCLEAN;
        }
        return rc;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_broadcast_view v;
        struct weft_broadcast_info i;
        uint64_t owned = sizeof *v.sh;
        if (view_of(o, &v) || fill_info(&v, &i)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        (void)blocks_are_ours(&v, &owned);
        info->bytes = owned;
        (void)snprintf(info->detail, sizeof info->detail,
                       "%" PRIu64 " of %" PRIu64 " retained, %" PRIu32
                       " B each, %s, %u subscribed%s",
                       i.retained, i.capacity, i.element_bytes,
                       v.blocks ? "block" : "drop", i.subscribers,
                       i.shut ? ", shut" : "");
}

/* ---- the kind ----------------------------------------------------------------------------------------- */

/* True: a fork wipes the handle's part that must not be copied, or not again. */
static bool advise_near(struct weft_broadcast *b, int advice)
{
        int saved = errno;
        bool done = madvise(&b->near, WEFT_BROADCAST_PAGE, advice) == 0;
        errno = saved;
        return done;
}

static int view(struct weft_handle *handle)
{
        struct weft_broadcast *b = (void *)handle;
        b->serial = handle->arena->serial;
        b->spin.calm = WEFT_BROADCAST_CALM;
        int rc = weft_broadcast_view(&b->v, handle->arena, handle->sh,
                                     weft_handle_owner(handle));
        if (!rc && b->v.one && !b->v.fences)
                b->wiped = advise_near(b, MADV_WIPEONFORK);
        return rc;
}

/* Memory goes back to where it was had as it came. */
static void leave(struct weft_handle *handle)
{
        struct weft_broadcast *b = (void *)handle;
        if (b->wiped)
                (void)advise_near(b, MADV_KEEPONFORK);
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_broadcast_view *v =
                &((const struct weft_broadcast *)(const void *)handle)->v;
        const struct weft_broadcast_options *o = options;
        return v->element_bytes == o->element_bytes &&
               v->blocks == (o->policy == WEFT_BROADCAST_BLOCK) &&
               v->one == ((o->flags & WEFT_BROADCAST_ONE) != 0);
}

static int init_boxes(struct weft_draft *draft, struct weft_broadcast_shared *sh)
{
        uint32_t lead;
        uint64_t stride = weft_broadcast_box_stride(sh->element_bytes, &lead);
        void *at;
        int rc = weft_draft_alloc(draft, sh->capacity * stride, &sh->boxes, &at);
        for (uint64_t i = 0; !rc && i < sh->capacity; i++)
                memset((uint8_t *)at + i * stride, 0, lead);
        return rc;
}

/* Crash in create: it was never there. */
static int init(struct weft_draft *draft)
{
        const struct weft_broadcast_options *o = draft->options;
        struct weft_broadcast_shared *sh = draft->sh;
        bool boxes = has_boxes(o->element_bytes, o->flags);
        uint64_t n = 2;
        void *cells, *seats;

        while (n < o->capacity)
                n *= 2;
        sh->capacity = n;
        sh->element_bytes = o->element_bytes;
        sh->policy = o->policy;
        sh->flags = o->flags;
        sh->subscribers =
                o->subscribers ? o->subscribers : WEFT_BROADCAST_SUBSCRIBERS_MAX;
        struct weft_broadcast_view v = {
                .capacity = n,
                .element_bytes = o->element_bytes,
                .one = o->flags & WEFT_BROADCAST_ONE,
                .blocks = o->policy == WEFT_BROADCAST_BLOCK,
        };
        take_shape(&v);
        int rc = weft_draft_alloc(draft, cells_bytes(&v), &sh->cells, &cells);
        if (!rc)
                rc = weft_draft_alloc(draft, seats_bytes(sh->subscribers), &sh->seats,
                                      &seats);
        if (!rc && boxes)
                rc = init_boxes(draft, sh);
        if (rc)
                return rc;
        memset(seats, 0, seats_bytes(sh->subscribers));
        v.cells = cells;
        for (uint64_t i = 0; i < n && !v.lines; i++)
                weft_store_rlx(weft_broadcast_what(&v, i), boxes ? i : 0);
        for (uint64_t p = 0; p < v.first; p += v.units.low + 1)
                weft_store_rlx(weft_broadcast_stamp(&v, p),
                               2 * (p + v.units.per - 1) + 1);
        weft_store_rlx(&sh->tail, v.first);
        weft_store_rlx(&sh->limit.lo, WEFT_BROADCAST_POSITION_MAX);
        /* No two rings that lie here one after the other have a version in common: a handle
         * that was left open without its agent may still know one of the last. */
        weft_store_rlx(&sh->limit.hi, 2 * weft_now());
        weft_store_rlx(&sh->not_empty.plain, v.one);
        weft_store_rlx(&sh->not_full.plain, 1); /* cursors are */
        return 0;
}

static void free_home(struct weft_object *o, struct weft_broadcast_view *v, uint32_t seat)
{
        struct weft_broadcast_desk_shared *d = weft_desk_at(&v->desks, seat);
        weft_ref_t ref = { d ? weft_load_acq(&d->ref) : 0 }; /* [B] */
        if (ref.v)
                (void)weft_block_free_from(o->agent, ref, v->owner);
}

static void destroy(struct weft_object *o)
{
        const struct weft_broadcast_shared *sh = o->sh;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        struct weft_broadcast_view v = { .arena = o->arena, .owner = owner };
        weft_desks_view(&v.desks, o->arena,
                        &((struct weft_broadcast_shared *)o->sh)->desks, owner,
                        sizeof(struct weft_broadcast_desk_shared));
        for (uint32_t i = 0; i < WEFT_AGENTS_MAX; i++)
                free_home(o, &v, i);
        weft_desks_free(&v.desks, o->agent);
        (void)weft_block_free_from(o->agent, sh->cells, owner);
        (void)weft_block_free_from(o->agent, sh->seats, owner);
        (void)weft_block_free_from(o->agent, sh->boxes, owner);
}

static struct weft_kind kind = {
        .name = "broadcast",
        .id = WEFT_BROADCAST_KIND_ID,
        .version = WEFT_BROADCAST_FORMAT,
        .header_bytes = sizeof(struct weft_broadcast_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_broadcast),
        .handle_align = WEFT_BROADCAST_PAGE,
        .view = view,
        .drop = leave,
        .fits = fits,
        .busy = busy,
        .waitable = &weft_broadcast_waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_broadcast_options *o, bool or_open,
                weft_broadcast_t **broadcast)
{
        if (!broadcast || !o || !o->capacity ||
            o->capacity > WEFT_BROADCAST_CAPACITY_MAX ||
            !is_sane(2, o->element_bytes, o->policy, o->flags,
                     o->subscribers ? o->subscribers : 1))
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, o, init, or_open, broadcast);
}

int weft_broadcast_create(weft_arena_t *arena, const char *name,
                          const struct weft_broadcast_options *options,
                          weft_broadcast_t **broadcast)
{
        return make(arena, name, options, false, broadcast);
}

int weft_broadcast_create_or_open(weft_arena_t *arena, const char *name,
                                  const struct weft_broadcast_options *options,
                                  weft_broadcast_t **broadcast)
{
        return make(arena, name, options, true, broadcast);
}

int weft_broadcast_open(weft_arena_t *arena, const char *name,
                        weft_broadcast_t **broadcast)
{
        return broadcast ? weft_handle_open(arena, name, &kind, broadcast) : -EINVAL;
}

void weft_broadcast_close(weft_broadcast_t *broadcast)
{
        weft_handle_close(broadcast);
}

weft_owner_t weft_broadcast_owner(const weft_broadcast_t *broadcast)
{
        return broadcast ? weft_handle_owner(&broadcast->handle) : (weft_owner_t){ 0 };
}
