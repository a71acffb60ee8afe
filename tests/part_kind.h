/* tests/part_kind.h -- a kind of object that is made of others, and of nothing else. */
#ifndef WEFT_TESTS_PART_KIND_H
#define WEFT_TESTS_PART_KIND_H

#include <stddef.h>

#include <weft/broadcast.h>
#include <weft/event.h>
#include <weft/queue.h>

#include "runtime/part.h"
#include "structures/broadcast_shared.h"
#include "structures/queue_shared.h"
#include "sync/event_shared.h"

enum { WHOLE_ID = 0x7f7f7f02, PARTS = 3, WHOLE_BYTES = 40 };

struct whole_shared {
        struct weft_queue_shared queue;
        struct weft_broadcast_shared broadcast;
        struct weft_event_shared event;
};

struct whole {
        struct weft_handle handle; /* first */
        weft_queue_t *queue;
        weft_broadcast_t *broadcast;
        weft_event_t *event;
};

static const struct weft_part whole_parts[PARTS] = {
        { WEFT_QUEUE_KIND_ID, offsetof(struct whole_shared, queue) },
        { WEFT_BROADCAST_KIND_ID, offsetof(struct whole_shared, broadcast) },
        { WEFT_EVENT_KIND_ID, offsetof(struct whole_shared, event) },
};

static int whole_recover(struct weft_object *o, uint32_t sig)
{
        int rc = 0;
        for (int i = 0; i < PARTS; i++) {
                int one = weft_part_recover(o, whole_parts[i], sig);
                rc = rc ? rc : one;
        }
        return rc;
}

static void whole_destroy(struct weft_object *o)
{
        for (int i = 0; i < PARTS; i++)
                weft_part_destroy(o, whole_parts[i]);
}

static int whole_check(struct weft_object *o, uint64_t *bytes)
{
        uint64_t its = sizeof(struct whole_shared);
        int rc = 0;
        for (int i = 0; i < PARTS && !rc; i++)
                rc = weft_part_check(o, whole_parts[i], &its);
        *bytes = its;
        return rc;
}

static bool whole_busy(struct weft_object *o)
{
        bool busy = false;
        for (int i = 0; i < PARTS; i++)
                busy |= weft_part_busy(o, whole_parts[i]);
        return busy;
}

static void whole_describe(struct weft_object *o, struct weft_object_info *info)
{
        weft_part_describe(o, whole_parts[0], info->detail, sizeof info->detail);
}

static void whole_drop(struct weft_handle *handle)
{
        struct whole *w = (struct whole *)handle;
        weft_part_close(w->event);
        weft_part_close(w->broadcast);
        weft_part_close(w->queue);
}

static int whole_view(struct weft_handle *handle)
{
        struct whole *w = (struct whole *)handle;
        int rc = weft_part_open(handle, whole_parts[0], &w->queue);
        if (!rc)
                rc = weft_part_open(handle, whole_parts[1], &w->broadcast);
        if (!rc)
                rc = weft_part_open(handle, whole_parts[2], &w->event);
        if (rc)
                whole_drop(handle);
        return rc;
}

static int whole_init(struct weft_draft *draft)
{
        const struct weft_queue_options *queue = draft->options;
        const struct weft_broadcast_options broadcast = { .capacity = 4,
                                                          .element_bytes = WHOLE_BYTES,
                                                          .subscribers = 4 };
        const struct weft_event_options event = { 0 };
        int rc = weft_part_init(draft, whole_parts[0], queue);
        if (!rc)
                rc = weft_part_init(draft, whole_parts[1], &broadcast);
        return rc ? rc : weft_part_init(draft, whole_parts[2], &event);
}

static struct weft_kind whole_kind = {
        .name = "whole",
        .id = WHOLE_ID,
        .version = 1,
        .header_bytes = sizeof(struct whole_shared),
        .recover = whole_recover,
        .destroy = whole_destroy,
        .check = whole_check,
        .describe = whole_describe,
        .handle_bytes = sizeof(struct whole),
        .view = whole_view,
        .drop = whole_drop,
        .busy = whole_busy,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&whole_kind);
}

#endif
