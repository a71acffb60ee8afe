/* weft/stream_time.h -- cold streams and the clock: sources that tick, operators that wait.
 *
 * As all operators of <weft/stream.h>: they take the stream that they are given, and what
 * goes wrong comes out at the end. Times are nanoseconds, as in <weft/wait.h>.
 *
 * Time      that of the pull which finds an item: a stream does nothing while nobody pulls
 *           it. Items that came with one pull came at one time.
 * Blocking  they sleep, until their time or the pull's deadline, and never spin. A pull that
 *           times out changes nothing.
 * Source    the operators and their names: Meijer, Your Mouse is a Database (CACM 2012).
 */
#ifndef WEFT_STREAM_TIME_H
#define WEFT_STREAM_TIME_H

#include <weft/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sources ------------------------------------------------------------------ */

struct weft_tick {
        uint64_t at;     /* when it was due, absolute */
        uint64_t number; /* 0 is the first */
        uint64_t
                missed; /* ticks between the one before and this one, which nobody pulled */
};

/* A struct weft_tick at `first`, first + period, ... for ever, without drift. `first`
 * 0: one period after the first pull. What is due and was not pulled before the next one was
 * due too is missed, and counted. */
WEFT_API weft_stream_t *weft_stream_ticker(uint64_t first, uint64_t period);

/* The numbers 0, 1, 2, ... (uint64_t), one each `period`, the first a period after the first
 * pull. None is left out: who comes late gets all that are due. */
WEFT_API weft_stream_t *weft_stream_interval(uint64_t period);

/* ---- fewer items ---------------------------------------------------------------- */

/* The last item of each stretch of `ns`, counted from the first pull, when the stretch is
 * over. At the end, or before the error, the last item of all. */
WEFT_API weft_stream_t *weft_stream_sample(weft_stream_t *stream, uint64_t ns);

/* Items n, 2 n, 3 n, ..., the first being 1. */
WEFT_API weft_stream_t *weft_stream_every(weft_stream_t *stream, uint64_t n);

/* An item, and then none of those that come within `ns` after it. */
WEFT_API weft_stream_t *weft_stream_throttle(weft_stream_t *stream, uint64_t ns);

/* An item when none has come for `ns` after it. At the end, or before the error, the last
 * one. */
WEFT_API weft_stream_t *weft_stream_debounce(weft_stream_t *stream, uint64_t ns);

/* ---- later, and too late ---------------------------------------------------------- */

/* Each item `ns` after it came. `most` are held at a time, 0 is a chunk; while so many are
 * held, nothing is pulled. The end comes after the last one, and so does an error. */
WEFT_API weft_stream_t *weft_stream_delay(weft_stream_t *stream, uint64_t ns,
                                          size_t most);

/* If for `ns` there is nothing for who waits, counted from the first pull that waits for the
 * next item: the stream is cancelled, and `fallback` follows in its place; without one (NULL)
 * the error is -ETIME. (-ETIMEDOUT is the pull's deadline, and no error of the stream.) */
WEFT_API weft_stream_t *weft_stream_timeout(weft_stream_t *stream, uint64_t ns,
                                            weft_stream_t *fallback);

#ifdef __cplusplus
}
#endif
#endif
