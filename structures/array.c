/* structures/array.c -- a fixed number of elements, shared by all. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/arena.h>
#include <weft/array.h>

#include "runtime/block.h"
#include "runtime/object.h"
#include "structures/array.h"
#include "structures/array_shared.h"

/* ---- the header ---------------------------------------------------------- */

struct weft_pair weft_array_now(struct weft_array_shared *sh)
{
        struct weft_pair now = { .lo = weft_load_acq(&sh->now.lo) }; /* [N] */
        for (int i = 0; i < 1000; i++) {                     /* else it is hostile */
                now.hi = weft_load_acq(&sh->now.hi);         /* [N] */
                uint64_t again = weft_load_acq(&sh->now.lo); /* [N] */
                if (again == now.lo)
                        break;
                now.lo = again;
        }
        return now;
}

/* Copies out what the block says of itself, and believes it where the block bears it out. */
static bool look_at(weft_arena_t *arena, weft_ref_t ref, uint32_t element_bytes,
                    struct weft_array_view *view)
{
        struct weft_array_block_shared copy;
        uint8_t *at = weft_at(arena, ref, sizeof copy);
        if (!at)
                return false;
        weft_copy_out(&copy, at, sizeof copy);
        uint64_t bytes = weft_array_bytes(copy.length, element_bytes);
        view->ref = ref;
        view->length = copy.length;
        view->generation = copy.generation;
        view->data = at + sizeof copy;
        return bytes && copy.generation - 1 < UINT32_MAX &&
               weft_at(arena, ref, sizeof copy + bytes) == at; /* it still is that */
}

int weft_array_look(weft_arena_t *arena, struct weft_agent *agent,
                    struct weft_array_shared *sh, struct weft_array_view *view)
{
        uint32_t element_bytes;
        bool good = false;

        weft_copy_out(&element_bytes, &sh->element_bytes, sizeof element_bytes);
        if (agent)
                weft_read_begin(agent);
        for (int i = 0; i < 1000 && !good; i++) { /* else it is hostile */
                struct weft_pair now = weft_array_now(sh);
                good = now.lo &&
                       look_at(arena, (weft_ref_t){ now.hi }, element_bytes, view);
                if (!good && weft_load_acq(&sh->now.hi) == now.hi) /* [N] */
                        break;
        }
        if (agent)
                weft_read_end(agent);
        return good ? 0 : -EUCLEAN;
}

static uint32_t element_bytes_of(const struct weft_array_shared *sh)
{
        uint32_t bytes;
        weft_copy_out(&bytes, &sh->element_bytes, sizeof bytes);
        return bytes;
}

/* ---- the kind ------------------------------------------------------------ */

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_array_shared *sh = o->sh;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        struct weft_array_view view;
        struct weft_desks desks;

        *bytes = 0;
        if (weft_array_look(o->arena, o->agent, sh, &view))
                return -EUCLEAN;
        if (weft_block_owner(o->arena, view.ref).v != owner.v &&
            weft_array_now(sh).hi == view.ref.v)
                return -EUCLEAN;
        weft_desks_view(&desks, o->arena, &sh->desks, owner,
                        sizeof(struct weft_array_desk_shared));
        int64_t more = weft_desks_bytes(&desks);
        if (more < 0)
                return -EUCLEAN;
        *bytes = sizeof *sh + weft_block_bytes(o->arena, view.ref) + (uint64_t)more +
                 weft_array_others(o, NULL);
        return 0;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_array_view view;
        if (weft_array_look(o->arena, o->agent, o->sh, &view)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        int n = snprintf(info->detail, sizeof info->detail, "%llu element%s of %lu B",
                         (unsigned long long)view.length, view.length == 1 ? "" : "s",
                         (unsigned long)element_bytes_of(o->sh));
        if (view.generation > 1)
                (void)snprintf(info->detail + n, sizeof info->detail - (size_t)n,
                               ", generation %llu", (unsigned long long)view.generation);
}

static void destroy(struct weft_object *o)
{
        struct weft_array_shared *sh = o->sh;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        struct weft_desks desks;

        (void)weft_array_others(o, o->agent);
        (void)weft_block_free_from(o->agent, (weft_ref_t){ weft_array_now(sh).hi },
                                   owner);
        weft_desks_view(&desks, o->arena, &sh->desks, owner,
                        sizeof(struct weft_array_desk_shared));
        weft_desks_free(&desks, o->agent);
}

/* ---- create, open, close ------------------------------------------------- */

/* Memory for the desks of the first seats is taken here, so that an array goes on working
 * in an arena that is full. */
static int make_desks(struct weft_draft *draft, struct weft_array_shared *sh)
{
        uint64_t bytes = WEFT_DESK_SEATS * sizeof(struct weft_array_desk_shared);
        weft_ref_t ref;
        void *at;
        int rc = weft_draft_alloc(draft, bytes, &ref, &at);
        if (rc)
                return rc;
        memset(at, 0, bytes);
        weft_store_rlx(&sh->desks.segments[0], ref.v);
        return 0;
}

/* Crash in create: the draft owns all blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_array_options *o = draft->options;
        struct weft_array_shared *sh = draft->sh;
        uint64_t bytes = weft_array_bytes(o->length, o->element_bytes);
        struct weft_array_block_shared *block;
        weft_ref_t ref;
        void *at;

        if (!bytes)
                return -ENOSPC; /* more than any arena holds */
        int rc = weft_draft_alloc(draft, sizeof *block + bytes, &ref, &at);
        if (!rc)
                rc = make_desks(draft, sh);
        if (rc)
                return rc;
        memset(at, 0, sizeof *block + bytes);
        block = at;
        block->length = o->length;
        block->generation = 1;
        sh->element_bytes = o->element_bytes;
        weft_store_rlx(&sh->now.hi, ref.v);
        weft_store_rlx(&sh->now.lo, WEFT_ARRAY_NEXT);
        return 0;
}

/* 0 is none. */
static weft_a64_t last_key;

static int view(struct weft_handle *handle)
{
        struct weft_array *a = (struct weft_array *)handle;
        struct weft_agent *agent = NULL;
        struct weft_array_view seen;
        int rc = handle->arena->readonly ? 0 : weft_agent_self(handle->arena, &agent);

        if (!rc)
                rc = weft_array_look(handle->arena, agent, handle->sh, &seen);
        if (rc)
                return rc;
        a->element_bytes = element_bytes_of(handle->sh);
        if (weft_array_bytes(1, a->element_bytes) == 0)
                return -EUCLEAN;
        weft_desks_view(&a->desks, handle->arena,
                        &((struct weft_array_shared *)handle->sh)->desks,
                        weft_handle_owner(handle), sizeof(struct weft_array_desk_shared));
        a->key = weft_add_rlx(&last_key, 1) + 1;
        weft_registry_lock(); /* it is among the handles already */
        weft_array_show(a, &seen);
        weft_registry_unlock();
        return 0;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_array_options *o = options;
        return ((const struct weft_array *)handle)->element_bytes == o->element_bytes;
}

static struct weft_kind kind = {
        .name = "array",
        .id = WEFT_ARRAY_KIND,
        .version = WEFT_ARRAY_VERSION,
        .header_bytes = sizeof(struct weft_array_shared),
        .recover = weft_array_recover,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_array),
        .view = view,
        .fits = fits,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

static int make(weft_arena_t *arena, const char *name,
                const struct weft_array_options *options, bool or_open,
                weft_array_t **out)
{
        if (!out || !options || !options->length || !options->element_bytes ||
            options->element_bytes > WEFT_ARRAY_ELEMENT_MAX || options->flags)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, options, init, or_open, out);
}

int weft_array_create(weft_arena_t *arena, const char *name,
                      const struct weft_array_options *options, weft_array_t **array)
{
        return make(arena, name, options, false, array);
}

int weft_array_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_array_options *options,
                              weft_array_t **array)
{
        return make(arena, name, options, true, array);
}

int weft_array_open(weft_arena_t *arena, const char *name, weft_array_t **array)
{
        return array ? weft_handle_open(arena, name, &kind, array) : -EINVAL;
}

void weft_array_close(weft_array_t *array)
{
        if (!array)
                return;
        weft_registry_lock(); /* what only this handle has in use is no longer pinned */
        weft_array_pins(array, 0);
        weft_registry_unlock();
        weft_handle_close(array);
}

weft_owner_t weft_array_owner(const weft_array_t *array)
{
        return array ? weft_handle_owner(&array->handle) : (weft_owner_t){ 0 };
}

uint64_t weft_array_length(const weft_array_t *array)
{
        return array ? weft_load_rlx(&array->length) : 0;
}

uint32_t weft_array_element_bytes(const weft_array_t *array)
{
        return array ? array->element_bytes : 0;
}

uint64_t weft_array_generation(const weft_array_t *array)
{
        struct weft_array_view view = { 0 };
        if (array)
                weft_array_view(array, &view);
        return view.generation;
}
