/* codata/future_kind.c -- a future in the directory. */
#include <errno.h>
#include <stdio.h>

#include <weft/error.h>

#include "codata/future_internal.h"
#include "runtime/block.h"

/* ---- making ------------------------------------------------------------------------- */

/* Crash in create: the draft owns header and recipe; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_future_wish *wish = draft->options;
        struct weft_future_shared *sh = draft->sh;
        sh->type_tag = wish->type.tag;
        sh->type_bytes = wish->type.bytes;
        sh->type_align = wish->type.align;
        sh->source = wish->source;
        sh->depth = wish->depth;
        if (!wish->function)
                return 0;
        return weft_recipe_make(draft, wish->function, wish->argument, wish->bytes,
                                &sh->recipe);
}

int weft_future_make(weft_arena_t *arena, const char *name,
                     const struct weft_future_wish *wish, uint32_t flags,
                     weft_future_t **future)
{
        return weft_handle_create(arena, name, &weft_future_kind, wish, init, flags,
                                  future);
}

static struct weft_cell cell_in(weft_arena_t *arena, weft_owner_t owner,
                                struct weft_future_shared *sh)
{
        uint32_t depth;
        weft_copy_out(&depth, &sh->depth, sizeof depth);
        return (struct weft_cell){ arena, &sh->cell, owner, depth != 0 };
}

static struct weft_cell cell_of(struct weft_object *o)
{
        return cell_in(o->arena, weft_owner_make(WEFT_OWNER_OBJECT, o->id), o->sh);
}

/* What it is computed from, while that matters. It is there, for somebody has both open:
 * unless this one has ended meanwhile, or the last of those has gone since this one was
 * pinned: then nobody will ever compute it, and who asks is told -EOWNERDEAD. */
static int open_source(struct weft_future *future, uint64_t token)
{
        if (weft_cell_has_ended(weft_cell_look(future->cell.sh)))
                return 0;
        int rc = weft_handle_open_token(future->handle.arena, token, &weft_future_kind,
                                        &future->source);
        if (rc)
                return rc == -ENOENT ? 0 : rc;
        if (future->source->depth >= future->depth) /* so no chain is without end */
                return -EUCLEAN;
        future->root = future->source->root;
        return 0;
}

static void drop(struct weft_handle *handle)
{
        struct weft_future *future = (struct weft_future *)handle;
        weft_future_close(future->source);
        weft_recipe_drop(&future->recipe);
}

static int view(struct weft_handle *handle)
{
        struct weft_future *future = (struct weft_future *)handle;
        struct weft_future_shared sh;
        weft_copy_out(&sh, handle->sh, sizeof sh);
        if (sh.depth > WEFT_FUTURE_CHAIN_MAX || (sh.depth != 0) != (sh.source != 0) ||
            (sh.depth != 0) != (sh.recipe.v != 0) ||
            (sh.type_align & (sh.type_align - 1)))
                return -EUCLEAN;
        future->cell = cell_in(handle->arena, weft_handle_owner(handle), handle->sh);
        future->cell.renew = sh.depth != 0;
        future->depth = sh.depth;
        future->root = future;
        future->type = (struct weft_type){ sh.type_bytes, sh.type_align, sh.type_tag };
        if (!sh.depth)
                return 0;
        int rc = weft_recipe_read(handle->arena, sh.recipe, &future->recipe);
        if (!rc)
                rc = open_source(future, sh.source);
        if (rc)
                drop(handle);
        return rc;
}

/* ---- for the directory ----------------------------------------------------------------- */

static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_cell cell = cell_of(o);
        weft_cell_recover(&cell, o->agent, sig);
        return 0;
}

static void destroy(struct weft_object *o)
{
        struct weft_cell cell = cell_of(o);
        struct weft_future_shared *sh = o->sh;
        weft_ref_t recipe;
        weft_copy_out(&recipe, &sh->recipe, sizeof recipe);
        weft_cell_destroy(&cell, o->agent);
        if (recipe.v)
                (void)weft_block_free_from(o->agent, recipe, cell.owner);
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_cell cell = cell_of(o);
        struct weft_future_shared *sh = o->sh;
        weft_ref_t recipe;
        weft_copy_out(&recipe, &sh->recipe, sizeof recipe);
        *bytes = sizeof *sh;
        if (recipe.v) {
                uint64_t its = weft_block_bytes(o->arena, recipe);
                if (!its)
                        return -EUCLEAN;
                *bytes += its;
        }
        return weft_cell_check(&cell, bytes);
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_future_shared *sh = o->sh;
        struct weft_cell_seen seen = weft_cell_look(&sh->cell);
        size_t room = sizeof info->detail;
        int result = weft_cell_result(seen), n;
        if (weft_cell_state(seen) == WEFT_CELL_CLAIMED)
                n = snprintf(info->detail, room, "promised by %u",
                             weft_agent_pid(o->arena, weft_cell_what(seen)));
        else if (result == -EAGAIN)
                n = snprintf(info->detail, room, "open");
        else if (result)
                n = snprintf(info->detail, room, "failed: %s", weft_strerror(result));
        else
                n = snprintf(info->detail, room, "set: %u bytes", weft_cell_what(seen));
        if (n >= 0 && (size_t)n < room)
                (void)snprintf(info->detail + n, room - (size_t)n, ", %u waiting",
                               weft_wait_waiters(&sh->cell.wait));
}

/* Does anybody produce it, or wait for it? */
static bool busy(struct weft_object *o)
{
        struct weft_future_shared *sh = o->sh;
        return weft_cell_state(weft_cell_look(&sh->cell)) == WEFT_CELL_CLAIMED ||
               weft_wait_waiters(&sh->cell.wait);
}

struct weft_kind weft_future_kind = {
        .name = "future",
        .id = WEFT_FUTURE_KIND_ID,
        .version = WEFT_FUTURE_FORMAT,
        .header_bytes = sizeof(struct weft_future_shared),
        .recover = recover,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_future),
        .view = view,
        .drop = drop,
        .busy = busy,
        .waitable = &weft_future_waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&weft_future_kind);
}
