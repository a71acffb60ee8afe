/* sync/barrier_kind.c -- making, opening, looking. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/block.h"
#include "sync/barrier_internal.h"

#define FLAGS ((uint32_t)(WEFT_BARRIER_SHRINK | WEFT_BARRIER_ANONYMOUS))

static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_barrier_shared *sh = o->sh;
        weft_ref_t ref;
        uint32_t flags;
        struct weft_ledger l = { &sh->cell,
                                 weft_accounts_at(o->arena, &sh->accounts, &ref) };
        weft_copy_out(&flags, &sh->flags, sizeof flags);
        if (!l.accounts)
                return -EUCLEAN;
        return weft_barrier_bury(sh, &l, flags, weft_sig_seat(sig));
}

/* ---- looking ------------------------------------------------------------------------ */

static int fill_info(struct weft_barrier_shared *sh, struct weft_barrier_info *info)
{
        struct weft_barrier_state s;
        weft_barrier_look(sh, &s);
        *info = (struct weft_barrier_info){
                .phase = s.phase,
                .parties = s.parties,
                .taken = s.taken,
                .arrived = s.arrived,
                .broken = s.broken,
                .waiting = weft_wait_waiters(&sh->wait),
        };
        weft_copy_out(&info->flags, &sh->flags, sizeof info->flags);
        return weft_barrier_whole(&s) ? 0 : -EUCLEAN;
}

int weft_barrier_info(weft_barrier_t *barrier, struct weft_barrier_info *info)
{
        if (!barrier || !info)
                return -EINVAL;
        return fill_info(weft_barrier_shared_of(barrier), info);
}

static bool busy(struct weft_object *o)
{
        struct weft_barrier_info info;
        return fill_info(o->sh, &info) == 0 && (info.taken || info.waiting);
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_barrier_shared *sh = o->sh;
        struct weft_barrier_info info;
        weft_ref_t ref;
        bool there = weft_accounts_at(o->arena, &sh->accounts, &ref) != NULL;
        *bytes = sizeof *sh + (there ? weft_block_bytes(o->arena, ref) : 0);
        return there ? fill_info(sh, &info) : -EUCLEAN;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_barrier_info i;
        (void)fill_info(o->sh, &i);
        (void)snprintf(info->detail, sizeof info->detail,
                       "phase %llu%s: %u of %u arrived, %u places taken, %u waiting",
                       (unsigned long long)i.phase, i.broken ? " (broken)" : "",
                       i.arrived, i.parties, i.taken, i.waiting);
}

/* ---- the kind --------------------------------------------------------------------------- */

static int view(struct weft_handle *handle)
{
        struct weft_barrier *b = (struct weft_barrier *)handle;
        struct weft_barrier_shared *sh = handle->sh;
        weft_ref_t ref;
        weft_copy_out(&b->flags, &sh->flags, sizeof b->flags);
        b->ledger =
                (struct weft_ledger){ &sh->cell, weft_accounts_at(handle->arena,
                                                                  &sh->accounts, &ref) };
        return b->flags & ~FLAGS || !b->ledger.accounts ? -EUCLEAN : 0;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_barrier *b = (const struct weft_barrier *)handle;
        const struct weft_barrier_options *o = options;
        return b->flags == o->flags;
}

/* Crash in create: the draft owns the blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_barrier_options *o = draft->options;
        struct weft_barrier_shared *sh = draft->sh;
        struct weft_barrier_state s = { .parties = o->parties };
        weft_store_rlx(&sh->cell.lo, weft_barrier_pack(&s));
        sh->flags = o->flags;
        return weft_accounts_init(draft, &sh->accounts);
}

static void destroy(struct weft_object *o)
{
        const struct weft_barrier_shared *sh = o->sh;
        weft_accounts_free(o, &sh->accounts);
}

static struct weft_kind kind = {
        .name = "barrier",
        .id = WEFT_BARRIER_KIND_ID,
        .version = WEFT_BARRIER_FORMAT,
        .header_bytes = sizeof(struct weft_barrier_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_barrier),
        .view = view,
        .fits = fits,
        .busy = busy,
        .waitable = &weft_barrier_waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_barrier_options *options, bool or_open,
                weft_barrier_t **barrier)
{
        if (!barrier || !options || options->flags & ~FLAGS ||
            options->parties > WEFT_BARRIER_PARTIES_MAX)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, options, init, or_open, barrier);
}

int weft_barrier_create(weft_arena_t *arena, const char *name,
                        const struct weft_barrier_options *options,
                        weft_barrier_t **barrier)
{
        return make(arena, name, options, false, barrier);
}

int weft_barrier_create_or_open(weft_arena_t *arena, const char *name,
                                const struct weft_barrier_options *options,
                                weft_barrier_t **barrier)
{
        return make(arena, name, options, true, barrier);
}

int weft_barrier_open(weft_arena_t *arena, const char *name, weft_barrier_t **barrier)
{
        return barrier ? weft_handle_open(arena, name, &kind, barrier) : -EINVAL;
}

void weft_barrier_close(weft_barrier_t *barrier)
{
        weft_handle_close(barrier);
}
