/* weft/stream_window.h -- cold streams: many items looked at together.
 *
 * A window is a run of items. A chunk function is called with all the items of one, once for
 * each window: f(items, n, out, room, argument). What it gives are the items of the new
 * stream: one (a sum), some, all of them, or none. If it says -EOVERFLOW it is called again
 * with more room. `f` must be a chunk function, by address or by name; else -EINVAL.
 *
 * As all operators of <weft/stream.h>: they take the stream that they are given, and what
 * goes wrong comes out at the end. At the end of the stream, or at its error, what is in an
 * unfinished window is a window too; then comes the end, or the error. A pull that times out
 * leaves the window as it is.
 *
 * Memory    one buffer for a window and a chunk; and one for what did not fit into a pull,
 *           which grows when a function asks for that.
 * Time      that of the pull which finds an item: who does not pull sees no time pass.
 * Source    windows: Li, Maier, Tufte, Papadimos, Tucker (SIGMOD 2005). Groups that are
 *           given before the end: partial aggregation, Larson (ICDE 2002).
 */
#ifndef WEFT_STREAM_WINDOW_H
#define WEFT_STREAM_WINDOW_H

#include <weft/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* f over items 0 to size - 1, step to step + size - 1, and so on: tumbling if step == size,
 * sliding if it is less; if it is more, items between windows are dropped. The last window
 * may be shorter, and there is none without an item that no window before it had. */
WEFT_API weft_stream_t *weft_stream_window(weft_stream_t *stream, size_t size,
                                           size_t step, struct weft_call f);

/* f over what came in each stretch of `ns` nanoseconds, counted from the first pull (after a
 * restart: from the first one then); at most `most` items at a time, so a stretch that has
 * more is several windows. Nothing is given for a stretch without items. */
WEFT_API weft_stream_t *weft_stream_window_time(weft_stream_t *stream, uint64_t ns,
                                                size_t most, struct weft_call f);

/* f over `most` items, or over those that came within `ns` nanoseconds from the first of
 * them on: a buffer that is emptied when it is full, or too old. */
WEFT_API weft_stream_t *weft_stream_batch(weft_stream_t *stream, size_t most, uint64_t ns,
                                          struct weft_call f);

/* How to group. */
struct weft_stream_groups {
        struct weft_call key; /* item -> key; none of its functions: the item's first
                                  out_bytes bytes. One that gives none drops the item */
        struct weft_call
                fold;        /* (item, state), as in weft_stream_fold(); that it has seen
                                  enough means nothing here */
        const void *initial; /* state of a new group; NULL: zeros. Copied */
        uint32_t state_bytes;
        uint32_t state_offset; /* of the state in what is given; the key lies at 0, zeros
                                  between and behind. 0: behind the key, aligned by its
                                  size (the largest power of two in it, 16 at most) */
        uint32_t item_bytes; /* of what is given; 0: as many as are needed, aligned so */
        uint32_t flags;      /* WEFT_STREAM_GROUPS_... */
        uint64_t most;       /* groups at a time, 1 to 2^31 */
        uint64_t every; /* give and forget all after that many items; 0: at the end */
};

enum {
        WEFT_STREAM_GROUPS_SPILL =
                1, /* one too many: give and forget all, and go on. Else
                                         the groups are given, and then comes -ENOSPC */
};

/* One item (key, state) for each key, in the order in which keys were first seen. Keys are
 * equal if their bytes are. A fold that fails is the stream's error, after all groups. */
WEFT_API weft_stream_t *weft_stream_group_by(weft_stream_t *stream,
                                             const struct weft_stream_groups *groups);

#ifdef __cplusplus
}
#endif
#endif
