/* runtime/part.c -- an object that is made of others. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/part.h"

static void *at(void *header, struct weft_part part)
{
        return (uint8_t *)header + part.offset;
}

static struct weft_object as_object(const struct weft_object *whole,
                                    struct weft_part part)
{
        struct weft_object o = *whole;
        o.sh = at(whole->sh, part);
        return o;
}

int weft_part_init(const struct weft_draft *whole, struct weft_part part,
                   const void *options)
{
        const struct weft_kind *kind = weft_kind_of(part.kind);
        struct weft_draft d = *whole;
        if (!kind || !kind->init)
                return -ENOTSUP;
        d.sh = at(whole->sh, part);
        d.options = options;
        return kind->init(&d);
}

/* Who finds that the whole has gone tells its parts' handles, too: pin_open_handles(). */
static void link_part(struct weft_handle *whole, struct weft_handle *part)
{
        weft_registry_lock();
        part->index = whole->index;
        part->next = whole->parts;
        part->from = &whole->parts;
        if (part->next)
                part->next->from = &part->next;
        whole->parts = part;
        weft_registry_unlock();
}

static void unlink_part(struct weft_handle *part)
{
        weft_registry_lock();
        *part->from = part->next;
        if (part->next)
                part->next->from = part->from;
        weft_registry_unlock();
}

int weft_part_open(struct weft_handle *whole, struct weft_part part, void *out)
{
        struct weft_kind *kind = weft_kind_of(part.kind);
        struct weft_handle *handle = kind ? weft_handle_alloc(kind) : NULL;

        memset(out, 0, sizeof handle);
        if (!handle)
                return kind ? -ENOMEM : -ENOTSUP;
        *handle = *whole;
        handle->kind = kind;
        handle->sh = at(whole->sh, part);
        handle->next = handle->parts = NULL;
        handle->from = NULL;
        handle->number = weft_handle_number();
        int rc = kind->view ? kind->view(handle) : 0;
        if (rc) {
                free(handle);
                return rc;
        }
        link_part(whole, handle);
        memcpy(out, &handle, sizeof handle);
        return 0;
}

void weft_part_close(void *handle)
{
        struct weft_handle *part = handle;
        if (!part)
                return;
        if (part->kind->drop)
                part->kind->drop(part);
        unlink_part(part);
        free(part);
}

int weft_part_recover(const struct weft_object *whole, struct weft_part part,
                      uint32_t sig)
{
        struct weft_object o = as_object(whole, part);
        const struct weft_kind *kind = weft_kind_of(part.kind);
        return kind ? kind->recover(&o, sig) : -EUCLEAN;
}

int weft_part_shut(const struct weft_object *whole, struct weft_part part)
{
        struct weft_object o = as_object(whole, part);
        const struct weft_kind *kind = weft_kind_of(part.kind);
        return kind && kind->shut ? kind->shut(&o) : -EUCLEAN;
}

void weft_part_destroy(const struct weft_object *whole, struct weft_part part)
{
        struct weft_object o = as_object(whole, part);
        const struct weft_kind *kind = weft_kind_of(part.kind);
        if (kind)
                kind->destroy(&o);
}

int weft_part_check(const struct weft_object *whole, struct weft_part part,
                    uint64_t *bytes)
{
        struct weft_object o = as_object(whole, part);
        const struct weft_kind *kind = weft_kind_of(part.kind);
        uint64_t its = 0;
        int rc = kind ? kind->check(&o, &its) : -EUCLEAN;
        if (!rc && its > kind->header_bytes)
                *bytes += its - kind->header_bytes;
        return rc;
}

bool weft_part_busy(const struct weft_object *whole, struct weft_part part)
{
        struct weft_object o = as_object(whole, part);
        const struct weft_kind *kind = weft_kind_of(part.kind);
        return kind && kind->busy && kind->busy(&o);
}

void weft_part_describe(const struct weft_object *whole, struct weft_part part,
                        char *detail, size_t room)
{
        struct weft_object o = as_object(whole, part);
        const struct weft_kind *kind = weft_kind_of(part.kind);
        struct weft_object_info info = { 0 };
        if (kind && kind->describe)
                kind->describe(&o, &info);
        (void)snprintf(detail, room, "%s", info.detail);
}
