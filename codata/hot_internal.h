/* codata/hot_internal.h -- a hot stream in this process. */
#ifndef WEFT_CODATA_HOT_INTERNAL_H
#define WEFT_CODATA_HOT_INTERNAL_H

#include <errno.h>

#define WEFT_HOT_NO_INLINE /* here they are made */
#include <weft/hot.h>

#include "codata/hot_shared.h"
#include "runtime/part.h"
#include "structures/broadcast_internal.h"
#include "sync/mutex_internal.h"

struct weft_hot {
        struct weft_handle handle; /* first */
        weft_broadcast_t *ring;
        uint64_t tag; /* a copy */
        weft_mutex_t *driver;
        struct weft_hot_share *share; /* NULL: none; hot_drive.c */
};

struct weft_hot_subscriber {
        struct weft_handle
                handle; /* first: the stream's, but of another kind, for select */
        weft_subscriber_t *ring;
        weft_hot_t *hot;
};

/* What is compiled into others: new numbers there when this no longer holds. */
_Static_assert(offsetof(struct weft_hot, ring) == offsetof(struct weft_hot_view_, ring) &&
                       offsetof(struct weft_hot_subscriber, ring) ==
                               offsetof(struct weft_hot_view_, ring),
               "weft/hot_inline.h");

extern struct weft_kind weft_hot_subscriber_kind; /* hot_next.c */

static inline struct weft_hot_shared *weft_hot_sh(const struct weft_hot *hot)
{
        return hot->handle.sh;
}

/* What the ring's answer means, with the end. */
int weft_hot_told(const struct weft_hot_subscriber *s, int rc);

/* As weft_hot_claim(), until `over` says so (-ECANCELED); NULL: never. */
WEFT_CHECK int weft_hot_claim_unless(weft_hot_t *hot, uint64_t *emitted,
                                     bool (*over)(const void *context),
                                     const void *context, uint64_t deadline);

/* Is an item of `bytes` and `tag` (0: any) one of the stream's? */
static inline bool weft_hot_takes(const weft_hot_t *hot, uint32_t bytes, uint64_t tag)
{
        return hot->ring->v.element_bytes == bytes &&
               (!tag || !hot->tag || tag == hot->tag);
}

/* For sinks: why `hot` cannot have what comes of `s`, or 0. */
WEFT_CHECK int weft_hot_refuses(const char *who, weft_hot_t *hot, const weft_stream_t *s);

/* Emits `n` items of the sink's buffer, and counts them. When it is too late for all, the
 * rest comes first with the next pull. */
WEFT_CHECK int weft_hot_emit_chunk(weft_hot_t *hot, weft_stream_t *s, const char *items,
                                   size_t n, uint64_t *count, uint64_t deadline);

/* What the number in `end` says: true, and 0 or a negative error code (-EUCLEAN: nonsense). */
bool weft_hot_end(const struct weft_hot_shared *sh, int *error);

/* Is what says how it ends anything that weft_hot_finish() writes? */
bool weft_hot_end_is_sound(const struct weft_hot_shared *sh);

#endif
