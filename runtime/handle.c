/* runtime/handle.c -- process-local handles: made, opened, closed alike for all kinds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/object.h"

void *weft_handle_alloc(const struct weft_kind *kind)
{
        /* Whole lines, for kinds that keep what threads write apart. */
        size_t align = kind->handle_align ? kind->handle_align : WEFT_LINE;
        size_t bytes = (kind->handle_bytes + align - 1) / align * align;
        int saved = errno;
        void *handle = aligned_alloc(align, bytes);
        errno = saved;
        return handle ? memset(handle, 0, bytes) : NULL;
}

uint64_t weft_handle_number(void)
{
        static weft_a64_t handles;
        return weft_add_rlx(&handles, 1) + 1;
}

/* The handle has been filled, or `rc` is an error. */
static int finish(struct weft_handle *handle, int rc, void *out)
{
        if (rc >= 0) {
                handle->number = weft_handle_number();
                int seen = handle->kind->view ? handle->kind->view(handle) : 0;
                if (seen && !weft_object_there(handle->arena, weft_handle_owner(handle)))
                        seen = -ENOENT; /* read-only handles hold nothing: freed meanwhile */
                if (seen) {
                        weft_object_close(handle);
                        rc = seen;
                }
        }
        if (rc < 0)
                free(handle);
        else
                memcpy(out, &handle, sizeof handle);
        return rc;
}

int weft_handle_create(weft_arena_t *arena, const char *name, struct weft_kind *kind,
                       const void *options, int (*init)(struct weft_draft *draft),
                       uint32_t flags, void *out)
{
        struct weft_handle *handle;

        memset(out, 0, sizeof handle);
        if (!arena)
                return -EINVAL;
        handle = weft_handle_alloc(kind);
        if (!handle)
                return -ENOMEM;
        int rc = weft_object_create(arena, name, kind, options, init, flags, handle);
        rc = finish(handle, rc, out);
        if (rc <= 0 || !kind->fits || kind->fits(handle, options))
                return rc < 0 ? rc : 0;
        weft_handle_close(handle);
        memset(out, 0, sizeof handle);
        return -EPROTO;
}

int weft_handle_open(weft_arena_t *arena, const char *name, struct weft_kind *kind,
                     void *out)
{
        struct weft_handle *handle;

        memset(out, 0, sizeof handle);
        if (!arena)
                return -EINVAL;
        handle = weft_handle_alloc(kind);
        if (!handle)
                return -ENOMEM;
        return finish(handle, weft_object_open(arena, name, kind, handle), out);
}

int weft_handle_open_token(weft_arena_t *arena, uint64_t token, struct weft_kind *kind,
                           void *out)
{
        struct weft_handle *handle;

        memset(out, 0, sizeof handle);
        if (!arena)
                return -EINVAL;
        handle = weft_handle_alloc(kind);
        if (!handle)
                return -ENOMEM;
        return finish(handle, weft_object_open_token(arena, token, kind, handle), out);
}

void weft_handle_close(void *handle)
{
        struct weft_handle *h = handle;
        if (!h)
                return;
        if (h->kind->drop)
                h->kind->drop(h);
        weft_object_close(h);
        free(h);
}
