/* weft/stream_inline.h -- streams that the compiler fuses: a chain as one loop.
 *
 * A source is a loop over typed items. Operators are lines of its body, in the order in
 * which an item meets them, and a sink is the last line:
 *
 *         uint64_t sum = 0, left = 100;
 *         WEFT_FROM_RANGE (uint64_t, x, 0, n) {
 *                 WEFT_MAP(uint64_t, y, x * x + 1);
 *                 WEFT_FILTER(y % 3 != 0);
 *                 WEFT_TAKE(x, left);
 *                 WEFT_FOLD(sum, sum + y);
 *         }
 *
 * There is no call and no buffer between them: it is the loop that one would write by
 * hand. What an operator remembers from item to item (a sum, how many are left) is a
 * variable that stands before the loop, so it can be seen, and started anew or not.
 *
 * A source in the body of another one is flat_map. `break`, `return` and `goto` do what
 * they do in any loop.
 *
 * Types     T is any type that can be assigned; in C++ it can be made without arguments.
 * Names     a source called x declares x, x_weft_at and x_weft_end; a maker of state
 *           called p declares p and p_weft_...; nothing else.
 * Evaluated each argument once an item at most, those of sources once, unless it says
 *           otherwise.
 * Operators belong directly in the body, or in that of an `if`: in a loop of your own
 *           they would drop out of that one.
 * Blocking  only WEFT_FROM_STREAM, until the deadline of its puller.
 * Threads   a loop is its thread's own.
 * Errors    none but those of the stream that a puller pulls.
 * Source    stream fusion: Coutts, Leshchinskiy, Stewart (ICFP 2007); here the compiler
 *           has nothing left to fuse.
 */
#ifndef WEFT_STREAM_INLINE_H
#define WEFT_STREAM_INLINE_H

#include <errno.h>

#include <weft/base.h>
#include <weft/stream.h>

/* ---- sources ------------------------------------------------------------- */

/* x = from, from + 1, ... below `to`. T: an integer. */
#define WEFT_FROM_RANGE(T, x, from, to) \
        for (T x, x##_weft_at = (from), x##_weft_end = (to); \
             x##_weft_at < x##_weft_end && (x = x##_weft_at++, (void)x, 1);)

/* x = the `n` items of `array`, a T *, const T * or const void *. Another type is a warning,
 * in C++ an error. */
#define WEFT_FROM_ARRAY(T, x, array, n) \
        for (T x, *x##_weft_at = (T *)(uintptr_t)(1 ? (array) : (const T *)0), \
                  *x##_weft_end = x##_weft_at + (n); \
             x##_weft_at < x##_weft_end && (x = *x##_weft_at++, (void)x, 1);)

/* x = first, and then `next`, an expression of x, for ever: end it by an operator. `next`
 * is evaluated once more than there are items when WEFT_TAKE ends it. */
#define WEFT_FROM_ITERATE(T, x, first, next) \
        for (T x = (first), *x##_weft_at = &x, *x##_weft_end = 0; \
             x##_weft_at != x##_weft_end; x = (next))

/*
 * x = what is pulled from a stream, by chunks, through puller `p`. The loop ends with the
 * stream, by an error, or when the puller's deadline passes. What was pulled and not yet
 * seen when a loop ended early stays in the puller: the next loop begins with it.
 *
 *         WEFT_PULLER(uint64_t, p, 256, stream, WEFT_NEVER);
 *         WEFT_FROM_STREAM (uint64_t, x, p)
 *                 WEFT_FOLD(sum, sum + x);
 *         int rc = WEFT_PULLER_END(p);
 */
#define WEFT_FROM_STREAM(T, x, p) \
        for (T x, *x##_weft_at = p.items, *x##_weft_end = 0; \
             x##_weft_at != x##_weft_end && WEFT_PULLER_MORE_(p) && \
             (x = *p.at++, (void)x, 1);)

/* Declares puller `p` of a stream of T, with a chunk of `n` items, and takes the stream:
 * it ends with WEFT_PULLER_END(p), or is yours again by p.stream. A stream whose items are
 * not of T's size gives -EPROTO. p.deadline may be changed between two loops. */
#define WEFT_PULLER(T, p, n, stream_, deadline_) \
        T p##_weft_items[n]; \
        struct { \
                weft_stream_t *stream; \
                T *items, *at, *end; \
                uint64_t deadline; \
                int64_t got; /* what the last pull returned */ \
        } p = { \
                (stream_), p##_weft_items, p##_weft_items, p##_weft_items, (deadline_), 1 \
        }

#define WEFT_PULLER_ROOM_(p) (sizeof p##_weft_items / sizeof *p##_weft_items)
#define WEFT_PULLER_MORE_(p) \
        (p.at != p.end || (p.got = weft_inline_pull_(p.stream, p.items, sizeof *p.items, \
                                                     WEFT_PULLER_ROOM_(p), p.deadline), \
                           p.at = p.end = p.items, p.got > 0 ? (p.end += p.got, 1) : 0))

/* Why the last loop over `p` ended: 0 the stream's end, or the loop's own; -EAGAIN,
 * -ETIMEDOUT the deadline, and a new loop goes on; else the stream's error. */
#define WEFT_PULLER_ERROR(p) (p.got < 0 ? (int)p.got : 0)

/* Frees the stream: what it would still have given is cancelled. As WEFT_PULLER_ERROR. */
#define WEFT_PULLER_END(p) \
        (weft_stream_free(p.stream), p.stream = 0, p.at = p.end, WEFT_PULLER_ERROR(p))

static inline int64_t weft_inline_pull_(weft_stream_t *stream, void *items,
                                        size_t item_bytes, size_t room, uint64_t deadline)
{
        if (weft_stream_item_bytes(stream) != item_bytes)
                return -EPROTO;
        return weft_stream_pull(stream, items, room, deadline);
}

/* ---- operators ----------------------------------------------------------- */

/* A new item y of type T. The one before may be used further on, too. */
#define WEFT_MAP(T, y, expression) T y = (expression)

/* Only what is so goes on. */
#define WEFT_FILTER(condition) \
        if (!(condition)) \
                continue; \
        else \
                (void)0

/* `state` becomes the expression of it and the item, and goes on as the item. */
#define WEFT_SCAN(state, expression) ((state) = (expression))

/* The first `left` items go on, an integer that counts down to 0; then source x ends,
 * without looking for one more item. In nested loops name the outermost: the inner one
 * then looks for one more. */
#define WEFT_TAKE(x, left) \
        if (__builtin_expect((left) == 0, 0)) { \
                WEFT_STOP(x); \
                break; \
        } else if (__builtin_expect(--(left) == 0, 0)) \
                WEFT_STOP(x); \
        else \
                (void)0

/* The first `left` items do not go on; it counts down to 0. */
#define WEFT_SKIP(left) \
        if ((left) != 0) { \
                --(left); \
                continue; \
        } else \
                (void)0

/* Items go on until the first for which it is not so; this ends source x. */
#define WEFT_TAKE_WHILE(x, condition) \
        if (!(condition)) { \
                WEFT_STOP(x); \
                break; \
        } else \
                (void)0

/* Nothing goes on until the first for which it is not so. `dropping`: an integer or bool
 * that is 1 before, and 0 from then on. */
#define WEFT_DROP_WHILE(dropping, condition) \
        if ((dropping) && (condition)) \
                continue; \
        else \
                (dropping) = 0

/* Goes on if `value` is not the one before. `any`: 0 before, and 1 once there was one;
 * `last`: a variable for it. */
#define WEFT_DISTINCT(any, last, value) \
        if ((any) && (last) == (value)) \
                continue; \
        else \
                ((any) = 1, (last) = (value))

/* Every n-th goes on; `count` is 0 before, and runs from 0 to n - 1. */
#define WEFT_EVERY(count, n) \
        if (++(count) < (n)) \
                continue; \
        else \
                (count) = 0

/* Source x, in whose body it stands, ends when this item is through. */
#define WEFT_STOP(x) \
        do { \
                __asm__ volatile( \
                        ""); /* a jump, which is never taken but once: else it \
                                         becomes two conditional moves for each item */ \
                x##_weft_at = x##_weft_end = 0; \
        } while (0)

/* ---- sinks --------------------------------------------------------------- */

/* `state` becomes the expression of it and the item. */
#define WEFT_FOLD(state, expression) ((void)((state) = (expression)))

/* Counts. */
#define WEFT_COUNT(count) ((void)++(count))

/*
 * Items into an array of `room` items of T, and how many those were: the body of a
 * weft_chunk_fn, or a sink:
 *
 *         WEFT_OUT(uint64_t, o, out, room);
 *         WEFT_FROM_ARRAY (uint64_t, x, in, n) {
 *                 WEFT_FILTER(x & 1);
 *                 WEFT_EMIT(o, x * x);
 *         }
 *         return WEFT_OUT_COUNT(o);
 *
 * WEFT_EMIT drops out of its loop when there is no room; the count is then -EOVERFLOW, as
 * a chunk function says that, and WEFT_OUT_LENGTH what is there.
 */
#define WEFT_OUT(T, o, array, room) \
        T *const o##_weft_begin = (T *)(array); \
        T *o##_weft_at = o##_weft_begin, *const o##_weft_room = o##_weft_at + (room); \
        int o##_weft_full = 0
#define WEFT_EMIT(o, item) \
        if (o##_weft_at == o##_weft_room) { \
                o##_weft_full = 1; \
                break; \
        } else \
                (void)(*o##_weft_at++ = (item))
#define WEFT_OUT_LENGTH(o) ((int64_t)(o##_weft_at - o##_weft_begin))
#define WEFT_OUT_COUNT(o) (o##_weft_full ? (int64_t)-EOVERFLOW : WEFT_OUT_LENGTH(o))

#endif
