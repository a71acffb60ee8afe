/* codata/lazy_kind.c -- a lazy in the directory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/error.h>

#include "codata/function.h"
#include "codata/lazy_internal.h"
#include "runtime/block.h"

/* ---- making ------------------------------------------------------------------------- */

/* Crash in create: the draft owns header and recipes; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_lazy_wish *wish = draft->options;
        struct weft_lazy_shared *sh = draft->sh;
        int rc = weft_recipe_make(draft, wish->function, wish->argument, wish->bytes,
                                  &sh->recipe);
        if (!rc && wish->source)
                rc = weft_recipe_make(draft, wish->source, NULL, 0, &sh->source);
        return rc;
}

int weft_lazy_make(weft_arena_t *arena, const char *name,
                   const struct weft_lazy_wish *wish, uint32_t flags, weft_lazy_t **lazy)
{
        return weft_handle_create(arena, name, &weft_lazy_kind, wish, init, flags, lazy);
}

static bool same(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_lazy *lazy = (const struct weft_lazy *)handle;
        const struct weft_lazy_wish *wish = options;
        const struct weft_recipe *r = &lazy->recipe;
        if (same(r->name, wish->function) && same(lazy->source.name, wish->source) &&
            r->argument_bytes == wish->bytes &&
            (!wish->bytes || memcmp(r->argument, wish->argument, wish->bytes) == 0))
                return true;
        (void)weft_function_wrong(
                0, "the lazy is of '%.200s' with %u bytes, not of '%.200s' with %u",
                r->name, r->argument_bytes, wish->function, wish->bytes);
        return false;
}

static void drop(struct weft_handle *handle)
{
        struct weft_lazy *lazy = (struct weft_lazy *)handle;
        weft_recipe_drop(&lazy->recipe);
        weft_recipe_drop(&lazy->source);
}

static int view(struct weft_handle *handle)
{
        struct weft_lazy *lazy = (struct weft_lazy *)handle;
        struct weft_lazy_shared *its = handle->sh;
        weft_ref_t recipe, source;
        weft_copy_out(&recipe, &its->recipe, sizeof recipe);
        weft_copy_out(&source, &its->source, sizeof source);
        lazy->cell = (struct weft_cell){ handle->arena, &its->cell,
                                         weft_handle_owner(handle), true };
        int rc = weft_recipe_read(handle->arena, recipe, &lazy->recipe);
        if (!rc && source.v)
                rc = weft_recipe_read(handle->arena, source, &lazy->source);
        if (rc)
                drop(handle);
        return rc;
}

/* ---- for the directory ----------------------------------------------------------------- */

static struct weft_cell cell_of(struct weft_object *o)
{
        struct weft_lazy_shared *sh = o->sh;
        return (struct weft_cell){ o->arena, &sh->cell,
                                   weft_owner_make(WEFT_OWNER_OBJECT, o->id), true };
}

static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_cell cell = cell_of(o);
        weft_cell_recover(&cell, o->agent, sig);
        return 0;
}

static void refs_of(struct weft_object *o, weft_ref_t refs[2])
{
        struct weft_lazy_shared *sh = o->sh;
        weft_copy_out(&refs[0], &sh->recipe, sizeof refs[0]);
        weft_copy_out(&refs[1], &sh->source, sizeof refs[1]);
}

static void destroy(struct weft_object *o)
{
        struct weft_cell cell = cell_of(o);
        weft_ref_t refs[2];
        refs_of(o, refs);
        weft_cell_destroy(&cell, o->agent);
        for (int i = 0; i < 2; i++)
                if (refs[i].v)
                        (void)weft_block_free_from(o->agent, refs[i], cell.owner);
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_cell cell = cell_of(o);
        weft_ref_t refs[2];
        refs_of(o, refs);
        *bytes = sizeof(struct weft_lazy_shared);
        for (int i = 0; i < 2; i++) {
                uint64_t its = refs[i].v ? weft_block_bytes(o->arena, refs[i]) : 0;
                if (!its && (refs[i].v || !i))
                        return -EUCLEAN;
                *bytes += its;
        }
        return weft_cell_check(&cell, bytes);
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_lazy_shared *sh = o->sh;
        struct weft_cell_seen seen = weft_cell_look(&sh->cell);
        struct weft_recipe recipe;
        weft_ref_t refs[2];
        size_t room = sizeof info->detail;
        int result = weft_cell_result(seen), n;
        refs_of(o, refs);
        const char *name =
                weft_recipe_read(o->arena, refs[0], &recipe) ? "?" : recipe.name;
        if (weft_cell_state(seen) == WEFT_CELL_CLAIMED)
                n = snprintf(info->detail, room, "%.100s: %u computes it", name,
                             weft_agent_pid(o->arena, weft_cell_what(seen)));
        else if (result == -EAGAIN)
                n = snprintf(info->detail, room, "%.100s: new", name);
        else if (result)
                n = snprintf(info->detail, room, "%.100s: failed: %s", name,
                             weft_strerror(result));
        else
                n = snprintf(info->detail, room, "%.100s: %u bytes", name,
                             weft_cell_what(seen));
        if (n >= 0 && (size_t)n < room)
                (void)snprintf(info->detail + n, room - (size_t)n, ", %u waiting",
                               weft_wait_waiters(&sh->cell.wait));
        weft_recipe_drop(&recipe);
}

static bool busy(struct weft_object *o)
{
        struct weft_lazy_shared *sh = o->sh;
        return weft_cell_state(weft_cell_look(&sh->cell)) == WEFT_CELL_CLAIMED ||
               weft_wait_waiters(&sh->cell.wait);
}

/* ---- select ------------------------------------------------------------------------------ */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        const struct weft_lazy *lazy = (struct weft_lazy *)handle;
        return c->op == WEFT_OP_WAIT ? &lazy->cell.sh->wait : NULL;
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        const struct weft_lazy *lazy = (struct weft_lazy *)handle;
        (void)agent;
        (void)c;
        return weft_cell_result(weft_cell_look(lazy->cell.sh));
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        const struct weft_lazy *lazy = (struct weft_lazy *)handle;
        (void)agent;
        (void)c;
        return weft_cell_has_ended(weft_cell_look(lazy->cell.sh)) ? 0 : -EAGAIN;
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

struct weft_kind weft_lazy_kind = {
        .name = "lazy",
        .id = WEFT_LAZY_KIND_ID,
        .version = WEFT_LAZY_FORMAT,
        .header_bytes = sizeof(struct weft_lazy_shared),
        .recover = recover,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_lazy),
        .view = view,
        .drop = drop,
        .fits = fits,
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&weft_lazy_kind);
}
