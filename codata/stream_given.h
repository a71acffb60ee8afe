/* codata/stream_given.h -- what a function gave that its puller has no room for. */
#ifndef WEFT_CODATA_STREAM_GIVEN_H
#define WEFT_CODATA_STREAM_GIVEN_H

#include "codata/stream_internal.h"

struct weft_stream_given {
        char *items; /* `n` are left, from `at` on */
        size_t at, n, room;
        size_t bytes; /* of an item */
};

/* Calls f over `n` items: how many it put at `items`, up to `want`. If it needs more room
 * it gets that, in `given`. Or -errno, as it is to be said of the stream. */
int64_t weft_stream_give_call(struct weft_stream_given *given, const struct weft_call *f,
                              const void *in, size_t n, void *items, size_t want);

/* Up to `want` of those that are left. */
int64_t weft_stream_give_rest(struct weft_stream_given *given, void *items, size_t want);

/* weft_stream_resolve() of one that takes many items at a time: a chunk function. */
int weft_stream_resolve_chunk(const weft_stream_t *s, const char *who,
                              struct weft_call *call, uint64_t *tag);

#endif
