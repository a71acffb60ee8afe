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

/* The bytes of all elements; 0 if no array can have so many. */
static uint64_t bytes_of(uint64_t length, uint64_t element_bytes)
{
        if (!element_bytes || element_bytes > WEFT_ARRAY_ELEMENT_MAX ||
            length > WEFT_ARENA_MAX / element_bytes)
                return 0;
        return length * element_bytes;
}

/* Copies the header out once, and believes it where the data block bears it out. */
static int read_header(weft_arena_t *arena, const struct weft_array_shared *sh,
                       struct weft_array *a)
{
        struct weft_array_shared copy;
        weft_copy_out(&copy, sh, sizeof copy);
        a->ref = copy.data;
        a->length = copy.length;
        a->element_bytes = copy.element_bytes;
        a->bytes = bytes_of(copy.length, copy.element_bytes);
        a->data = a->bytes ? weft_at(arena, copy.data, a->bytes) : NULL;
        return a->data ? 0 : -EUCLEAN;
}

/* ---- the kind ------------------------------------------------------------ */

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_array a;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        int rc = read_header(o->arena, o->sh, &a);

        *bytes = 0;
        if (rc)
                return rc;
        if (weft_block_owner(o->arena, a.ref).v != owner.v)
                return -EUCLEAN;
        *bytes = sizeof(struct weft_array_shared) + weft_block_bytes(o->arena, a.ref);
        return 0;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_array a;
        if (read_header(o->arena, o->sh, &a))
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
        else
                (void)snprintf(info->detail, sizeof info->detail,
                               "%llu element%s of %lu B", (unsigned long long)a.length,
                               a.length == 1 ? "" : "s", (unsigned long)a.element_bytes);
}

static void destroy(struct weft_object *o)
{
        const struct weft_array_shared *sh = o->sh;
        (void)weft_block_free_from(o->agent, sh->data,
                                   weft_owner_make(WEFT_OWNER_OBJECT, o->id));
}

/* Crash in any operation: an element's one store, add or cas has happened or not, and
 * nobody waits here: nothing is ever left to be returned. */
static int recover(struct weft_object *o, uint32_t sig)
{
        (void)o, (void)sig;
        return 0;
}

/* ---- create, open, close ------------------------------------------------- */

/* Crash in create: the draft owns both blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_array_options *o = draft->options;
        struct weft_array_shared *sh = draft->sh;
        uint64_t bytes = bytes_of(o->length, o->element_bytes);
        void *data;

        if (!bytes)
                return -ENOSPC; /* more than any arena holds */
        int rc = weft_draft_alloc(draft, bytes, &sh->data, &data);
        if (rc)
                return rc;
        memset(data, 0, bytes);
        sh->length = o->length;
        sh->element_bytes = o->element_bytes;
        return 0;
}

static int view(struct weft_handle *handle)
{
        return read_header(handle->arena, handle->sh, (struct weft_array *)handle);
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
        .recover = recover,
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
        weft_handle_close(array);
}

weft_owner_t weft_array_owner(const weft_array_t *array)
{
        return array ? weft_handle_owner(&array->handle) : (weft_owner_t){ 0 };
}

uint64_t weft_array_length(const weft_array_t *array)
{
        return array ? array->length : 0;
}

uint32_t weft_array_element_bytes(const weft_array_t *array)
{
        return array ? array->element_bytes : 0;
}
