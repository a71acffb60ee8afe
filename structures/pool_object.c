/* structures/pool_object.c -- the pool as an object: create, open, settle, check. */
#include <stdio.h>
#include <string.h>

#include "structures/pool_internal.h"

static weft_owner_t owner_of(const struct weft_object *o)
{
        return weft_owner_make(WEFT_OWNER_OBJECT, o->id);
}

static int view_of(const struct weft_object *o, struct weft_pool_view *v)
{
        return weft_pool_view(v, o->arena, o->sh, owner_of(o));
}

static void desks_of(struct weft_desks *desks, weft_arena_t *arena,
                     struct weft_pool_shared *sh, weft_owner_t owner)
{
        weft_desks_view(desks, arena, &sh->desks, owner,
                        sizeof(struct weft_pool_desk_shared));
}

/* ---- the dead ------------------------------------------------------------------- */

/* What `seat`, who does nothing here any more, has of a segment; and the bits of all that
 * is FREE, for he may have died before he set one. True if anything is in quarantine. */
static bool settle_part(struct weft_pool_view *v, const struct weft_pool_part *part,
                        uint32_t seat)
{
        bool keep = v->flags & WEFT_POOL_QUARANTINE, kept = false;
        for (uint32_t i = 0; i < part->count; i++) {
                weft_a64_t *at = weft_pool_word_at(v, part, i);
                uint64_t word = weft_load_rlx(at);
                uint64_t aside = weft_pool_word(word, WEFT_POOL_WORD_QUARANTINED, 0);
                bool held = weft_pool_is(word, WEFT_POOL_WORD_HELD, seat);
                if (held || weft_pool_is(word, WEFT_POOL_WORD_INSPECTED, seat)) {
                        uint64_t next = keep || !held ? aside : weft_pool_freed(word);
                        if (weft_cas_acq_rel(at, &word,
                                             next)) /* [F] [Q] none but we do */
                                word = next;
                }
                kept |= word == aside;
                if (i % WEFT_POOL_GROUP == WEFT_POOL_GROUP - 1 || i + 1 == part->count)
                        weft_pool_hint_group(v, part, i / WEFT_POOL_GROUP);
        }
        return kept;
}

/* Crash in recover: words that are done are found done, and all bits are looked at again;
 * that something is in quarantine is said anew if anything is: who put it there may not have
 * come to that. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_pool_shared *sh = o->sh;
        struct weft_pool_view v;
        struct weft_pool_part part;
        struct weft_desks desks;
        bool kept = false;
        int rc = view_of(o, &v);

        desks_of(&desks, o->arena, sh, owner_of(o));
        int told = weft_desks_recover(&desks, sig);
        if (rc)
                return rc;
        weft_pool_grow_recover(&v, sig);
        for (uint32_t k = 0; weft_pool_part(&v, k, &part); k++)
                kept |= settle_part(&v, &part, weft_sig_seat(sig));
        if (kept)
                weft_pool_quarantined(sh);
        weft_wait_reset(&sh->free);
        weft_wait_reset(&sh->move);
        return told;
}

/* ---- check, describe --------------------------------------------------------------- */

static bool owns(const struct weft_pool_view *v, uint64_t ref, uint64_t *bytes)
{
        weft_ref_t r = { ref };
        *bytes += weft_block_bytes(v->arena, r);
        return weft_block_owner(v->arena, r).v == v->owner.v;
}

/* Who is said to hold it, is he there? He may have been settled since the word was read. */
static bool is_held_by_one(const weft_arena_t *arena, const weft_a64_t *at)
{
        uint64_t word = weft_load_acq(at); /* [F] */
        uint32_t state = weft_pool_state_of(word), seat = weft_pool_seat_of(word);
        struct weft_agent_info info;
        if (state != WEFT_POOL_WORD_HELD && state != WEFT_POOL_WORD_INSPECTED)
                return true;
        if (seat < weft_seats_used(arena) && weft_seat_peek(&arena->seats[seat], &info))
                return true;
        return weft_load_acq(at) != word; /* [F] */
}

static bool is_part_sane(struct weft_pool_view *v, uint32_t k, uint64_t *bytes)
{
        struct weft_pool_part part;
        uint64_t ref = weft_load_acq(&v->sh->segments[k]); /* [G] */
        if (!weft_pool_part(v, k, &part))
                return !ref;
        const struct weft_pool_segment_shared *head =
                (void *)((uint8_t *)part.summary - WEFT_LINE);
        for (uint32_t i = 0; i < part.count; i++)
                if (!is_held_by_one(v->arena, weft_pool_word_at(v, &part, i)))
                        return false;
        return owns(v, ref, bytes) && owns(v, weft_load_rlx(&head->objects), bytes);
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_pool_shared *sh = o->sh;
        struct weft_pool_view v;
        struct weft_pool_count n;
        struct weft_desks desks;
        *bytes = sizeof *sh;
        if (view_of(o, &v))
                return -EUCLEAN;
        for (uint32_t k = 0; k < WEFT_POOL_SEGMENTS; k++)
                if (k < v.segments ? !is_part_sane(&v, k, bytes)
                                   : weft_load_acq(&sh->segments[k]) != 0) /* [G] */
                        return -EUCLEAN;
        weft_pool_count(&v, &n, NULL);
        desks_of(&desks, o->arena, sh, v.owner);
        int64_t more = weft_desks_bytes(&desks);
        if (n.bad || more < 0)
                return -EUCLEAN;
        *bytes += (uint64_t)more;
        return 0;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_pool_view v;
        struct weft_pool_count n;
        char aside[64] = "", most[32] = "";
        if (view_of(o, &v)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        weft_pool_count(&v, &n, NULL);
        if (n.transit)
                (void)snprintf(aside, sizeof aside, ", %u in transit", n.transit);
        if (v.flags & WEFT_POOL_QUARANTINE)
                (void)snprintf(aside + strlen(aside), sizeof aside - strlen(aside),
                               ", %u in quarantine", n.quarantined + n.inspected);
        if (v.max_count > n.total)
                (void)snprintf(most, sizeof most, " (up to %u)", v.max_count);
        (void)snprintf(info->detail, sizeof info->detail,
                       "%u of %u objects of %llu B free%s%s, %u waiting", n.free, n.total,
                       (unsigned long long)v.object_bytes, most, aside,
                       weft_wait_waiters(&v.sh->free) + weft_wait_waiters(&v.sh->move));
}

/* ---- the kind -------------------------------------------------------------------------- */

/* Crash in destroy: the refs of what is left are there yet. */
static void destroy(struct weft_object *o)
{
        struct weft_pool_shared *sh = o->sh;
        struct weft_desks desks;
        for (uint32_t k = WEFT_POOL_SEGMENTS; k--;) {
                weft_ref_t ref = { weft_load_acq(&sh->segments[k]) }; /* [G] */
                const struct weft_pool_segment_shared *head =
                        ref.v ? weft_at(o->arena, ref, sizeof *head) : NULL;
                if (!head)
                        continue;
                weft_ref_t objects = { weft_load_rlx(&head->objects) };
                (void)weft_block_free_from(o->agent, objects, owner_of(o));
                (void)weft_block_free_from(o->agent, ref, owner_of(o));
        }
        desks_of(&desks, o->arena, sh, owner_of(o));
        weft_desks_free(&desks, o->agent);
}

static int alloc_draft(void *context, uint64_t bytes, weft_ref_t *ref, void **at)
{
        return weft_draft_alloc(context, bytes, ref, at);
}

static uint32_t max_of(const struct weft_pool_options *o)
{
        return o->max_count ? o->max_count : o->count;
}

/* Crash in create: the draft owns the blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_pool_options *o = draft->options;
        struct weft_pool_shared *sh = draft->sh;
        struct weft_pool_view v = { .arena = draft->arena, .sh = sh };
        weft_ref_t refs[2];

        if (!weft_pool_shape(&v, o->object_bytes, o->count, max_of(o), o->flags))
                return -EINVAL;
        sh->object_bytes = o->object_bytes;
        sh->count = o->count;
        sh->max_count = max_of(o);
        sh->flags = o->flags;
        int rc = weft_pool_segment_make(&v, 0, alloc_draft, draft, refs);
        if (!rc)
                weft_store_rlx(&sh->segments[0], refs[0].v);
        return rc;
}

static int view(struct weft_handle *handle)
{
        struct weft_pool *p = (struct weft_pool *)handle;
        weft_owner_t owner = weft_handle_owner(handle);
        desks_of(&p->desks, handle->arena, handle->sh, owner);
        return weft_pool_view(&p->v, handle->arena, handle->sh, owner);
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_pool *p = (const struct weft_pool *)handle;
        const struct weft_pool_options *o = options;
        return p->v.object_bytes == o->object_bytes && p->v.flags == o->flags;
}

static struct weft_kind kind = {
        .name = "pool",
        .id = WEFT_POOL_KIND_ID,
        .version = WEFT_POOL_FORMAT,
        .header_bytes = sizeof(struct weft_pool_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_pool),
        .view = view,
        .fits = fits,
        .waitable = &weft_pool_waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_pool_options *options, bool or_open, weft_pool_t **pool)
{
        struct weft_pool_view v;
        if (!pool || !options || options->reserved ||
            !weft_pool_shape(&v, options->object_bytes, options->count, max_of(options),
                             options->flags))
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, options, init, or_open, pool);
}

int weft_pool_create(weft_arena_t *arena, const char *name,
                     const struct weft_pool_options *options, weft_pool_t **pool)
{
        return make(arena, name, options, false, pool);
}

int weft_pool_create_or_open(weft_arena_t *arena, const char *name,
                             const struct weft_pool_options *options, weft_pool_t **pool)
{
        return make(arena, name, options, true, pool);
}

int weft_pool_open(weft_arena_t *arena, const char *name, weft_pool_t **pool)
{
        return pool ? weft_handle_open(arena, name, &kind, pool) : -EINVAL;
}

void weft_pool_close(weft_pool_t *pool)
{
        weft_handle_close(pool);
}
