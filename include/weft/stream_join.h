/* weft/stream_join.h -- cold streams: several into one, and one into two.
 *
 * As all operators of <weft/stream.h>: they take the streams that they are given, and what
 * goes wrong comes out at the end. No stream may be given twice.
 *
 * Blocking  a pull waits until its deadline for what it needs, and no longer. Several
 *           streams at once are waited for by weft_select() if all of them can be (queues,
 *           channels, tickers, and operators upon one of these that hold nothing back),
 *           else by turns of one millisecond each. If they can only say that it is
 *           somebody else's turn (a tee's other half), -EAGAIN.
 * Source    guarded commands: Dijkstra (CACM 1975).
 */
#ifndef WEFT_STREAM_JOIN_H
#define WEFT_STREAM_JOIN_H

#include <weft/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The items of `n` streams of one item size, as they come; each stream's own order stays.
 * Fair: a look at each in turn, and from each at most a chunk. Ends when all have ended;
 * the error of one is the error of all, and what others still had is not given. */
WEFT_API weft_stream_t *weft_stream_merge(weft_stream_t *const *streams, size_t n);

/* The items of `stream` until `other` gives one, which is taken and dropped. If `other` ends
 * without one, that changes nothing; its error is one of the whole. */
WEFT_API weft_stream_t *weft_stream_take_until(weft_stream_t *stream,
                                               weft_stream_t *other);

/*
 * An item of `first` and one of `second` together: items of `item_bytes`, with the first at 0
 * and the second at `offset`; what lies between and behind is 0. WEFT_ZIP_IN(struct pair,
 * second) names offset and size of a struct; 0, 0: one straight behind the other.
 * Ends with the first one that ends: the first of the two may then have lost up to as many
 * items as were asked for, unless it leases: what was not acknowledged comes back. An error
 * comes after the pairs before it.
 */
WEFT_API weft_stream_t *weft_stream_zip(weft_stream_t *first, weft_stream_t *second,
                                        size_t offset, size_t item_bytes);
#define WEFT_ZIP_IN(type, second) offsetof(type, second), sizeof(type)

/* f(pair) for each pair, as weft_stream_map(weft_stream_zip()). */
WEFT_API weft_stream_t *weft_stream_zip_with(weft_stream_t *first, weft_stream_t *second,
                                             size_t offset, size_t item_bytes,
                                             struct weft_call f);

/*
 * The items of zip() apart again: *first gets the first_bytes of each that lie at 0, *second
 * the second_bytes at `offset`. As weft_stream_tee() of both: up to `room` items wait for the
 * one who is behind. Both are streams whatever happens.
 */
WEFT_API void weft_stream_unzip(weft_stream_t *stream, size_t room, size_t first_bytes,
                                size_t offset, size_t second_bytes, weft_stream_t **first,
                                weft_stream_t **second);

#ifdef __cplusplus
}
#endif
#endif
