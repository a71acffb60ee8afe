/* tests/desk_kind.h -- a kind of object that has desks, and nothing else. */
#ifndef WEFT_TESTS_DESK_KIND_H
#define WEFT_TESTS_DESK_KIND_H

#include "runtime/desk.h"

enum { DESK = 192, BARE_ID = 0x7f7f7f01 };

struct bare_shared {
        struct weft_desks_shared desks;
        uint64_t spare[8];
};

struct bare {
        struct weft_handle handle; /* first */
        struct weft_desks desks;
};

static void view_desks(struct weft_desks *desks, weft_arena_t *arena, void *sh,
                       uint32_t id)
{
        struct bare_shared *bare = sh;
        weft_desks_view(desks, arena, &bare->desks,
                        weft_owner_make(WEFT_OWNER_OBJECT, id), DESK);
}

static int bare_recover(struct weft_object *o, uint32_t sig)
{
        struct weft_desks desks;
        view_desks(&desks, o->arena, o->sh, o->id);
        return weft_desks_recover(&desks, sig);
}

static void bare_destroy(struct weft_object *o)
{
        struct weft_desks desks;
        view_desks(&desks, o->arena, o->sh, o->id);
        weft_desks_free(&desks, o->agent);
}

static int bare_check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_desks desks;
        view_desks(&desks, o->arena, o->sh, o->id);
        int64_t n = weft_desks_bytes(&desks);
        *bytes = sizeof(struct bare_shared) + (n < 0 ? 0 : (uint64_t)n);
        return n < 0 ? (int)n : 0;
}

static int bare_view(struct weft_handle *handle)
{
        struct bare *b = (struct bare *)handle;
        view_desks(&b->desks, handle->arena, handle->sh, handle->id);
        return 0;
}

static int bare_init(struct weft_draft *draft)
{
        (void)draft;
        return 0;
}

static struct weft_kind bare_kind = {
        .name = "bare",
        .id = BARE_ID,
        .version = 1,
        .header_bytes = sizeof(struct bare_shared),
        .recover = bare_recover,
        .destroy = bare_destroy,
        .check = bare_check,
        .handle_bytes = sizeof(struct bare),
        .view = bare_view,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&bare_kind);
}

#endif
