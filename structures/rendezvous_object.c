/* structures/rendezvous_object.c -- the rendezvous as an object: create, open, info, check,
 * settle. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "structures/rendezvous_internal.h"

/* ---- a view ---------------------------------------------------------------------- */

static int view(struct weft_handle *handle)
{
        struct weft_rendezvous *r = (void *)handle;
        struct weft_rendezvous_shared *sh = handle->sh;
        r->key = (uint64_t)((uint8_t *)sh - handle->arena->base) & ~UINT64_C(63);
        weft_desks_view(&r->desks, handle->arena, &sh->desks, weft_handle_owner(handle),
                        sizeof(struct weft_rendezvous_desk_shared));
        return weft_rendezvous_shape(r);
}

static int view_of(const struct weft_object *o, struct weft_rendezvous *r)
{
        *r = (struct weft_rendezvous){
                .handle = { .arena = o->arena, .sh = o->sh, .id = o->id },
        };
        return view(&r->handle);
}

/* ---- settling the dead --------------------------------------------------------------- */

/* What it had offered is forgotten before, with its seat. Crash in recover: what is done is
 * found done. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_rendezvous_shared *sh = o->sh;
        struct weft_rendezvous r;
        uint32_t seat = weft_sig_seat(sig);
        uint64_t its = UINT64_C(1) << seat % 64;
        int rc = view_of(o, &r);
        if (!rc)
                rc = weft_desks_recover(&r.desks, sig);
        struct weft_rendezvous_desk_shared *desk = weft_desk_at(&r.desks, seat);
        if (!rc && desk)
                rc = weft_rendezvous_pass_chunks(&r, desk, sig);
        for (int side = 0; side < WEFT_SIDES; side++) {
                weft_a64_t *bits = &sh->bits[side][seat / 64];
                if (weft_load_rlx(bits) & its)
                        (void)weft_and_acq_rel(bits, ~its); /* [F] */
                weft_wait_reset(&sh->looking[side]);
        }
        return rc;
}

/* For a whole that it is part of. */
static int shut(struct weft_object *o)
{
        weft_rendezvous_shut(o->arena, o->sh);
        return 0;
}

/* Crash in destroy: a block is freed only once; the desks, where chunks are found, last. */
static void destroy(struct weft_object *o)
{
        struct weft_rendezvous r;
        (void)view_of(o, &r); /* corrupt or not, these can be found: */
        weft_rendezvous_chunks_free(&r, o->agent);
        weft_desks_free(&r.desks, o->agent);
}

/* ---- looking ----------------------------------------------------------------------------- */

/* Does it wait here, and live? */
static bool waits(struct weft_rendezvous *r, enum weft_rendezvous_side side,
                  uint32_t seat)
{
        const struct weft_seat_shared *s = &r->handle.arena->seats[seat];
        struct weft_pair seen;
        if (!weft_meet_see(&s->meet, &seen) || !weft_seat_alive(s))
                return false;
        if (seen.hi == (r->key | 2 | side))
                return true;
        const struct weft_rendezvous_desk_shared *desk =
                seen.hi == WEFT_MEET_LISTED ? weft_desk_at(&r->desks, seat) : NULL;
        return desk && weft_load_rlx(&desk->offer[side]) >> WEFT_RENDEZVOUS_CASE_BITS ==
                               weft_meet_version(seen.lo);
}

static uint32_t count(struct weft_rendezvous *r, enum weft_rendezvous_side side)
{
        uint32_t seats = weft_seats_used(r->handle.arena), n = 0;
        const weft_a64_t *bits = weft_rendezvous_sh(r)->bits[side];
        for (uint32_t i = 0; i < seats; i++)
                if (weft_load_acq(&bits[i / 64]) >> i % 64 & 1) /* [F] */
                        n += waits(r, side, i);
        return n;
}

static void fill_info(struct weft_rendezvous *r, struct weft_rendezvous_info *info)
{
        uint64_t met = 0;
        uint32_t seats = weft_seats_used(r->handle.arena);
        for (uint32_t i = 0; i < seats; i++) {
                const struct weft_rendezvous_desk_shared *desk =
                        weft_desk_at(&r->desks, i);
                met += desk ? weft_load_rlx(&desk->met) : 0;
        }
        *info = (struct weft_rendezvous_info){
                .met = met,
                .element_bytes = r->element_bytes,
                .pushing = count(r, WEFT_GIVES),
                .popping = count(r, WEFT_TAKES),
                .shut = weft_rendezvous_is_shut(r),
        };
}

int weft_rendezvous_info(weft_rendezvous_t *rendezvous, struct weft_rendezvous_info *info)
{
        struct weft_agent *agent;
        if (!rendezvous || !info)
                return -EINVAL;
        int rc = rendezvous->handle.arena->readonly
                         ? 0
                         : weft_handle_enter(&rendezvous->handle, &agent);
        if (!rc)
                fill_info(rendezvous, info);
        return rc;
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_rendezvous r;
        int rc = view_of(o, &r);
        int64_t desks = weft_desks_bytes(&r.desks);
        int64_t chunks = rc || desks < 0 ? 0 : weft_rendezvous_chunks_bytes(&r);
        if (bytes)
                *bytes = sizeof(struct weft_rendezvous_shared) +
                         (uint64_t)(desks < 0 ? 0 : desks) +
                         (uint64_t)(chunks < 0 ? 0 : chunks);
        return rc || desks < 0 || chunks < 0 ? -EUCLEAN : 0;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_rendezvous r;
        struct weft_rendezvous_info i;
        if (view_of(o, &r) || check(o, &info->bytes)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        fill_info(&r, &i);
        (void)snprintf(info->detail, sizeof info->detail,
                       "%" PRIu32 " B, %" PRIu32 " pushing, %" PRIu32 " popping, %" PRIu64
                       " met%s",
                       i.element_bytes, i.pushing, i.popping, i.met,
                       i.shut ? ", shut" : "");
}

static bool busy(struct weft_object *o)
{
        struct weft_rendezvous_shared *sh = o->sh;
        struct weft_rendezvous r;
        return view_of(o, &r) == 0 && (count(&r, WEFT_GIVES) || count(&r, WEFT_TAKES) ||
                                       weft_wait_waiters(&sh->looking[WEFT_GIVES]) ||
                                       weft_wait_waiters(&sh->looking[WEFT_TAKES]));
}

/* ---- the kind ---------------------------------------------------------------------------- */

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_rendezvous *r = (const void *)handle;
        const struct weft_rendezvous_options *o = options;
        return r->element_bytes == o->element_bytes;
}

/* With the desks of the first seats, so that these never lack one. Crash in create: it was
 * never there. */
int weft_rendezvous_init(struct weft_draft *draft)
{
        const struct weft_rendezvous_options *o = draft->options;
        struct weft_rendezvous_shared *sh = draft->sh;
        const uint64_t bytes =
                WEFT_DESK_SEATS * sizeof(struct weft_rendezvous_desk_shared);
        weft_ref_t ref;
        void *at;
        sh->element_bytes = o->element_bytes;
        int rc = weft_draft_alloc(draft, bytes, &ref, &at);
        if (rc)
                return rc;
        memset(at, 0, bytes);
        weft_store_rlx(&sh->desks.segments[0], ref.v);
        return 0;
}

struct weft_kind weft_rendezvous_kind = {
        .name = "rendezvous",
        .id = WEFT_RENDEZVOUS_KIND_ID,
        .version = WEFT_RENDEZVOUS_FORMAT,
        .header_bytes = sizeof(struct weft_rendezvous_shared),
        .recover = recover,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_rendezvous),
        .view = view,
        .init = weft_rendezvous_init,
        .shut = shut,
        .fits = fits,
        .busy = busy,
        .waitable = &weft_rendezvous_waitable,
        .meeting = weft_rendezvous_meeting,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&weft_rendezvous_kind);
}

/* ---- create, open, close --------------------------------------------------------------------- */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_rendezvous_options *options, bool or_open,
                weft_rendezvous_t **rendezvous)
{
        if (!name || !rendezvous || !options || !options->element_bytes ||
            options->flags || options->element_bytes > WEFT_RENDEZVOUS_ELEMENT_MAX)
                return -EINVAL;
        return weft_handle_create(arena, name, &weft_rendezvous_kind, options,
                                  weft_rendezvous_init, or_open, rendezvous);
}

int weft_rendezvous_create(weft_arena_t *arena, const char *name,
                           const struct weft_rendezvous_options *options,
                           weft_rendezvous_t **rendezvous)
{
        return make(arena, name, options, false, rendezvous);
}

int weft_rendezvous_create_or_open(weft_arena_t *arena, const char *name,
                                   const struct weft_rendezvous_options *options,
                                   weft_rendezvous_t **rendezvous)
{
        return make(arena, name, options, true, rendezvous);
}

int weft_rendezvous_open(weft_arena_t *arena, const char *name,
                         weft_rendezvous_t **rendezvous)
{
        return name && rendezvous
                       ? weft_handle_open(arena, name, &weft_rendezvous_kind, rendezvous)
                       : -EINVAL;
}

void weft_rendezvous_close(weft_rendezvous_t *rendezvous)
{
        weft_handle_close(rendezvous);
}

weft_owner_t weft_rendezvous_owner(const weft_rendezvous_t *rendezvous)
{
        return rendezvous ? weft_handle_owner(&rendezvous->handle) : (weft_owner_t){ 0 };
}
