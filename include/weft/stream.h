/* weft/stream.h -- cold streams: source -> operators -> sink, pulled chunk by chunk.
 *
 * A stream is a description of work that runs in whoever pulls it: nothing happens before
 * the first pull, and each run starts afresh where its source can. Items have one size.
 * They flow in chunks of some KiB that stay in the first cache; a stage costs one call a
 * chunk. A map or filter by a chunk function works in place, on the buffer of its puller.
 *
 *      weft_stream_t *s = weft_stream_range(0, 1000, 1);
 *      s = weft_stream_map(s, weft_call_item(square, 8, 8, NULL));
 *      s = weft_stream_take(s, 10);
 *      rc = weft_stream_fold(s, weft_call_chunk(add, 8, 8, NULL), &sum, WEFT_NEVER);
 *
 * Ownership every operator takes the streams that it is given, whatever comes of it, and
 *           returns a new one; so does a sink, which frees it (but see "Time"). What goes
 *           wrong while a chain is built comes out at its end: no call here returns NULL.
 * Signals   a stream ends once, in one of three ways: end (0), an error, or cancelled
 *           (-ECANCELED); it says the same again to each further pull. An error comes
 *           after the items before it; only a chunk function that fails takes the items of
 *           that call with it. Who ends or fails cancels what is upstream of him.
 * Time      every pull has a deadline. -EAGAIN and -ETIMEDOUT are no end: no item is lost,
 *           and the next pull goes on. A sink that says so leaves the stream to its caller,
 *           who calls it again (nothing is lost or done twice) or frees it.
 * Memory    nothing is allocated for an item; buffers are made when a stream is built or
 *           first pulled. Exceptions say so (distinct, collect into new memory).
 * Crash     a stream lies in process memory and dies with its process. What it had taken
 *           from a queue that leases comes back: see weft_stream_ack().
 * Threads   one at a time for all the streams of a chain; two parts of a tee or partition
 *           belong to one chain.
 * Errors    of the source and of the functions, as they are; -ENOMEM; -EINVAL (NULL, or a
 *           function that returned nonsense); -EPROTO item sizes or types that do not fit
 *           (weft_stream_detail() names both); -ECANCELED cancelled, or a function that
 *           returned -EAGAIN or -ETIMEDOUT, which would mean something else; -ENOTSUP.
 * Source    pull streams of chunks: Kiselyov et al., Stream Fusion, to Completeness (POPL
 *           2017); vectors of a cache's size: Boncz, Zukowski, Nes, MonetDB/X100 (2005).
 */
#ifndef WEFT_STREAM_H
#define WEFT_STREAM_H

#include <weft/base.h>
#include <weft/channel.h>
#include <weft/function.h>
#include <weft/group.h>
#include <weft/map.h>
#include <weft/queue.h>
#include <weft/set.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_stream weft_stream_t; /* process-local */

#define WEFT_STREAM_ITEM_MAX (UINT32_C(1) << 28) /* bytes of an item */

/* ---- functions ------------------------------------------------------------ */

/* weft_chunk_fn and weft_item_fn are of <weft/function.h>. A chunk function that is given by
 * address may find `out` == `in` where both have one size: an item must have been read
 * before something is written to its place. Item functions, and those that are given by
 * name, never do. */

/* A function for an operator, with the sizes of what it takes and gives. */
struct weft_call {
        weft_item_fn *item; /* one of these three */
        weft_chunk_fn *chunk;
        const char *name; /* as weft_function_find() takes it; the sizes are its own */
        const void *argument;
        uint32_t in_bytes;  /* 0: any */
        uint32_t out_bytes; /* 0: as in */
};

static inline struct weft_call weft_call_item(weft_item_fn *item, size_t in_bytes,
                                              size_t out_bytes, const void *argument)
{
        struct weft_call call = {
                item, NULL, NULL, argument, (uint32_t)in_bytes, (uint32_t)out_bytes
        };
        return call;
}

static inline struct weft_call weft_call_chunk(weft_chunk_fn *chunk, size_t in_bytes,
                                               size_t out_bytes, const void *argument)
{
        struct weft_call call = {
                NULL, chunk, NULL, argument, (uint32_t)in_bytes, (uint32_t)out_bytes
        };
        return call;
}

static inline struct weft_call weft_call_name(const char *name, const void *argument)
{
        struct weft_call call = { NULL, NULL, name, argument, 0, 0 };
        return call;
}

/* ---- the stream itself ----------------------------------------------------- */

/* Up to `n` items (>= 1): waits for the first until `deadline`, then takes what is there.
 * 0 at the end, or an error. `n` == 0 returns 0 and means nothing. */
WEFT_API WEFT_CHECK int64_t weft_stream_pull(weft_stream_t *stream, void *items, size_t n,
                                             uint64_t deadline);

/* One item: 1, 0 at the end, or an error. Acknowledges the items before it. */
WEFT_API WEFT_CHECK int weft_stream_next(weft_stream_t *stream, void *item,
                                         uint64_t deadline);

/* What was pulled so far is done with. Only sources that lease care: until then the items
 * come back if this process dies, cancels or frees the stream. Sinks call it after each
 * chunk. It goes upstream as far as nobody holds items back (chunk, tee, ...); those are
 * acknowledged with a later call. Call it before you pull again: with the end may come a
 * cancel of what is upstream. */
WEFT_API WEFT_CHECK int weft_stream_ack(weft_stream_t *stream);

/* Ends it, and all that is upstream. Idempotent; nothing happens to one that has ended. */
WEFT_API void weft_stream_cancel(weft_stream_t *stream);

/* From the beginning again, also after its end, an error or a cancel. -ENOTSUP, and
 * nothing has changed, if some source or operator in it cannot. A queue that leases
 * "begins again" with what was not acknowledged. */
WEFT_API WEFT_CHECK int weft_stream_restart(weft_stream_t *stream);

/* Cancels it, and frees it with all that is upstream. NULL is allowed. */
WEFT_API void weft_stream_free(weft_stream_t *stream);

/* 0, or the error with which it ended, or that it was built with. */
WEFT_API WEFT_CHECK int weft_stream_error(const weft_stream_t *stream);

/* The last error of a stream in this thread in words, with the stage in which it arose
 * ("map: takes items of 4 bytes, gets 8"); "" if there was none. Valid until the next. */
WEFT_API const char *weft_stream_detail(void);

/* The size of its items; 0 if it failed while it was built. */
WEFT_API uint32_t weft_stream_item_bytes(const weft_stream_t *stream);

/* How many items a buffer for this stream should hold: some KiB, 1 to 1024 items. */
WEFT_API size_t weft_stream_chunk_items(const weft_stream_t *stream);

/* ---- sources and operators of your own -------------------------------------- */

struct weft_case; /* <weft/select.h> */

/* There may be an item as soon as one of the cases fires, or it is `until`. */
struct weft_stream_wait {
        struct weft_case *cases; /* to be added at [n], with WEFT_CASE_LOOK */
        size_t n, room;          /* no room left: -ENOTSUP */
        uint64_t until;          /* to be lowered; WEFT_NEVER so far */
};

struct weft_stream_class {
        const char *name; /* for weft_stream_detail() */
        /* As weft_stream_pull(); n >= 1. It is not called again after an end or error,
         * but for a restart. */
        int64_t (*pull)(weft_stream_t *self, void *state, void *items, size_t n,
                        uint64_t deadline);
        /* May be NULL, all of them: */
        int (*rewind)(weft_stream_t *self, void *state); /* NULL: -ENOTSUP. Upstreams come
                                                            before it. */
        void (*cancel)(weft_stream_t *self, void *state); /* upstreams come after it */
        void (*free)(weft_stream_t *self, void *state);   /* likewise */
        /* 1: it holds items back that it has pulled and not yet given. NULL: never. */
        int (*holds)(weft_stream_t *self, void *state);
        int (*ack)(weft_stream_t *self, void *state); /* a source that leases */
        /* Adds what it waits for, so that who merges streams can sleep on all at once. 0; or
         * -ENOTSUP: that cannot be told. NULL: a source cannot tell; an operator on one
         * stream that never holds items waits for that one. */
        int (*wait)(weft_stream_t *self, void *state, struct weft_stream_wait *wait);
};

/* A stream of that class on `n` streams upstream (a source: none). `class` must outlive it.
 * If it cannot be made, `state` is freed by class->free (whose `self` is NULL then). */
WEFT_API weft_stream_t *weft_stream_new(const struct weft_stream_class *class_of,
                                        void *state, weft_stream_t *const *upstreams,
                                        size_t n, uint32_t item_bytes);

/* The i-th upstream; NULL if there is none. */
WEFT_API weft_stream_t *weft_stream_upstream(weft_stream_t *stream, size_t i);

/* A stream that has failed: -errno. */
WEFT_API weft_stream_t *weft_stream_failed(int error);

/* ---- sources ---------------------------------------------------------------- */

/* `n` items that lie at `items` until the stream is freed: functions may read them there. */
WEFT_API weft_stream_t *weft_stream_array(const void *items, size_t n,
                                          uint32_t item_bytes);

/* `n` numbers (uint64_t): first, first + step, ... modulo 2^64. */
WEFT_API weft_stream_t *weft_stream_range(uint64_t first, uint64_t n, uint64_t step);

/* seed, f(seed), f(f(seed)), ... until f gives none. The seed is copied. */
WEFT_API weft_stream_t *weft_stream_iterate(const void *seed, uint32_t item_bytes,
                                            struct weft_call f);

/* What `next` makes of a state, of which the stream has a copy: 0, it put an item there; 1,
 * the end; or -errno. */
typedef int weft_unfold_fn(void *state, void *item);

WEFT_API weft_stream_t *weft_stream_unfold(weft_unfold_fn *next, const void *state,
                                           uint32_t state_bytes, uint32_t item_bytes);

/* What a function gives: as weft_stream_pull(), n >= 1. It cannot be restarted. */
typedef int64_t weft_stream_pull_fn(void *context, void *items, size_t n,
                                    uint64_t deadline);

WEFT_API weft_stream_t *weft_stream_function(weft_stream_pull_fn *pull, void *context,
                                             uint32_t item_bytes);

/* The lines of a file. Items are struct weft_line: where the text lies, not 0-terminated and
 * without its newline (nor a '\r' before it, with CRLF). What follows the last newline is a
 * line if it is not empty. Lines are as long as they are: the buffer grows, -ENOMEM. The text
 * stays until the next pull of this source; with KEEP until the stream is freed or begins
 * again, for chains that hold items back (chunk, tee, collect, ...).
 * A pipe is waited for until the deadline; -errno of open() and read(). `fd` stays the
 * caller's; it begins again where it can seek, where it stood when the stream was made. */
struct weft_line {
        const char *at;
        uint64_t bytes;
};

enum {
        WEFT_LINES_CRLF = 1,
        WEFT_LINES_KEEP = 2,
};

WEFT_API weft_stream_t *weft_stream_lines(const char *path, uint32_t flags);
WEFT_API weft_stream_t *weft_stream_lines_fd(int fd, uint32_t flags);

/* What is popped from a queue, until it is shut down and drained (then its end). If the queue
 * leases, items are leased until they are acknowledged: see weft_stream_ack(). They come back
 * when this process dies; when the stream is cancelled, freed or restarted; or when the
 * thread that pulled them ends. Else what was pulled is gone from the queue, used or not:
 * operators that may stop in the midst pull no more than they use. Sinks take up to 32 items
 * at a time: others who pop want some, too. */
WEFT_API weft_stream_t *weft_stream_queue(weft_queue_t *queue);

/* What is received from a channel, likewise; a cancelled one is the error -ECANCELED. */
WEFT_API weft_stream_t *weft_stream_channel(weft_channel_t *channel);

/* ---- operators ---------------------------------------------------------------- */

/* f(item) for each. A function may give none for some: filter_map. */
WEFT_API weft_stream_t *weft_stream_map(weft_stream_t *stream, struct weft_call f);
WEFT_API weft_stream_t *weft_stream_filter_map(weft_stream_t *stream, struct weft_call f);

/* The items for which f is true: it "gives one", returns 0. An item function need not write
 * to `out`, which is room that nobody reads. A chunk function writes those that stay. */
WEFT_API weft_stream_t *weft_stream_filter(weft_stream_t *stream, struct weft_call f);

/* Each item becomes up to `most` items (1 to 2^20); f is a chunk function, which is called
 * with room for `most` times what it gets. -EOVERFLOW if it says so. */
WEFT_API weft_stream_t *weft_stream_flat_map(weft_stream_t *stream, struct weft_call f,
                                             uint32_t most);

/* The accumulator after each item; f as in weft_stream_fold(). `initial` is copied. */
WEFT_API weft_stream_t *weft_stream_scan(weft_stream_t *stream, struct weft_call f,
                                         const void *initial);

WEFT_API weft_stream_t *weft_stream_take(weft_stream_t *stream, uint64_t n);
WEFT_API weft_stream_t *weft_stream_skip(weft_stream_t *stream, uint64_t n);

/* Up to the first item for which f is false, or from it on. f as in filter, but one item at
 * a time, in both kinds. */
WEFT_API weft_stream_t *weft_stream_take_while(weft_stream_t *stream, struct weft_call f);
WEFT_API weft_stream_t *weft_stream_drop_while(weft_stream_t *stream, struct weft_call f);

/* One after the other. All must have items of one size. */
WEFT_API weft_stream_t *weft_stream_concat(weft_stream_t *const *streams, size_t n);

/* `n` items become one: a uint64_t, how many there are, and they (room for n). Only the last
 * one has fewer. The sum of their sizes is at most WEFT_STREAM_ITEM_MAX. */
WEFT_API weft_stream_t *weft_stream_chunk(weft_stream_t *stream, uint32_t n);

static inline uint64_t weft_chunk_count(const void *chunk)
{
        return *(const uint64_t *)chunk;
}

static inline const void *weft_chunk_items(const void *chunk)
{
        return (const uint64_t *)chunk + 1;
}

/* Consecutive equals (all bytes) become one. */
WEFT_API weft_stream_t *weft_stream_distinct_until_changed(weft_stream_t *stream);

/* Each item (all its bytes) once, when it comes first. Remembers up to `most` items, more are
 * -EOVERFLOW, and has the memory for it when it is made; 0: as many as memory takes, got in
 * doubling steps, else -ENOMEM. */
WEFT_API weft_stream_t *weft_stream_distinct(weft_stream_t *stream, uint64_t most);

/*
 * Both get everything; or *yes gets what f is true for, and *no the rest. Both belong to one
 * chain and thread. Up to `room` items wait for the one who is behind (partition: for each of
 * them); then the other one gets -EAGAIN, whatever its deadline: the one behind must be pulled
 * first, or cancelled: then the other goes on alone. What is upstream is cancelled when
 * both are. They cannot be restarted. Both are streams whatever happens; where there is no
 * place for one (NULL) the other one has failed.
 */
WEFT_API void weft_stream_tee(weft_stream_t *stream, size_t room, weft_stream_t **a,
                              weft_stream_t **b);
WEFT_API void weft_stream_partition(weft_stream_t *stream, struct weft_call f,
                                    size_t room, weft_stream_t **yes, weft_stream_t **no);

/* After an error, from the beginning again, up to `times` times; then, or if it cannot be
 * restarted, the error travels. What was given comes again. Not after a cancel. */
WEFT_API weft_stream_t *weft_stream_retry(weft_stream_t *stream, uint64_t times);

/* `times` runs in all (0: for ever, until one is empty). -ENOTSUP if it cannot be
 * restarted. */
WEFT_API weft_stream_t *weft_stream_repeat(weft_stream_t *stream, uint64_t times);

/* After an error goes on with `other`, or with one item, a copy of `*item`, and the end. A
 * stream that failed while it was built counts: then the size of its items is that of the
 * other. Not after a cancel. */
WEFT_API weft_stream_t *weft_stream_on_error(weft_stream_t *stream, weft_stream_t *other);
WEFT_API weft_stream_t *weft_stream_on_error_value(weft_stream_t *stream,
                                                   const void *item, uint32_t item_bytes);

/* Map by the workers of a group (<weft/group.h>): tasks of some items each, up to `window` of
 * them on their way. The results come in the order of the items, or as they are done. What a
 * function makes of the items of a task it makes of all of them or none; it may be run twice,
 * when a worker dies, but what it gave is given once. An error of the function or of its
 * workers (-EOWNERDEAD) comes after what was before it, if in order. `group` stays the caller's,
 * open as long as the stream. With no worker it waits, until the deadline. */
enum {
        WEFT_STREAM_ANY_ORDER = 1,
};

struct weft_stream_parallel {
        const char *function; /* registered, here and by the workers */
        const void *argument; /* copied */
        size_t argument_bytes;
        uint32_t items;  /* of a task; 0: some KiB. Never more than the group takes */
        uint32_t window; /* 1 to 64 tasks; 0: 16 */
        uint32_t flags;  /* WEFT_STREAM_ANY_ORDER */
        uint32_t reserved;
};

WEFT_API weft_stream_t *
weft_stream_map_parallel(weft_stream_t *stream, weft_group_t *group,
                         const struct weft_stream_parallel *options);

/* ---- sinks -------------------------------------------------------------------- */

/*
 * A sink runs the stream to its end and frees it: 0 (or as said), or the error. After -EAGAIN
 * or -ETIMEDOUT the stream is still there: call again with the same arguments. `*n` counts up:
 * set it to 0 before the first call. It may be NULL.
 */

/* For each item f(item, accumulator): the accumulator is `out` of the function (its room
 * is 1), who reads and changes it. An item function that returns 1, or a chunk function
 * that returns 0, has seen enough: the rest is cancelled. Of a source that leases, then all
 * that was pulled with that item comes back, unless it was the last of them. */
WEFT_API WEFT_CHECK int weft_stream_fold(weft_stream_t *stream, struct weft_call f,
                                         void *accumulator, uint64_t deadline);

/* f(item), with `out` NULL and no room: 0 goes on (a chunk function: anything from 0 on); 1 of
 * an item function has seen enough. */
WEFT_API WEFT_CHECK int weft_stream_for_each(weft_stream_t *stream, struct weft_call f,
                                             uint64_t *n, uint64_t deadline);

WEFT_API WEFT_CHECK int weft_stream_count(weft_stream_t *stream, uint64_t *n,
                                          uint64_t deadline);

/* Into an array of `room` items. -EOVERFLOW if there are more; `room` are there then. */
WEFT_API WEFT_CHECK int weft_stream_collect(weft_stream_t *stream, void *items,
                                            size_t room, uint64_t *n, uint64_t deadline);

/* Into new memory, *items, which the caller gives to free(): set it to NULL before the first
 * call. It is there after an error, too. */
WEFT_API WEFT_CHECK int weft_stream_collect_new(weft_stream_t *stream, void **items,
                                                uint64_t *n, uint64_t deadline);

/* 1 and the first, or the last, item; 0 if there is none. last: `*n` is wanted. */
WEFT_API WEFT_CHECK int weft_stream_first(weft_stream_t *stream, void *item,
                                          uint64_t deadline);
WEFT_API WEFT_CHECK int weft_stream_last(weft_stream_t *stream, void *item, uint64_t *n,
                                         uint64_t deadline);

/* Pushes all. Sizes that differ are -EPROTO. The queue is not shut down. */
WEFT_API WEFT_CHECK int weft_stream_to_queue(weft_stream_t *stream, weft_queue_t *queue,
                                             uint64_t *n, uint64_t deadline);

/* Sends all, as the channel's policy is; types that differ are -EPROTO, too. */
WEFT_API WEFT_CHECK int weft_stream_to_channel(weft_stream_t *stream,
                                               weft_channel_t *channel, uint64_t *n,
                                               uint64_t deadline);

/* Which bytes of an item are its key. 0, or -errno. */
typedef int weft_key_fn(const void *item, const void **key, uint32_t *key_bytes,
                        const void *argument);

/* The key is the text of a struct weft_line. */
WEFT_API int weft_key_line(const void *item, const void **key, uint32_t *key_bytes,
                           const void *argument);

/* Counts by key: weft_map_add(map, key, 1), of values of 8 bytes. `key` NULL: all bytes of the
 * item. With a source that leases, what was counted and not acknowledged when the process
 * died is counted again. */
WEFT_API WEFT_CHECK int weft_stream_to_map(weft_stream_t *stream, weft_map_t *map,
                                           weft_key_fn *key, const void *argument,
                                           uint64_t *n, uint64_t deadline);

/* Inserts the keys; `*n` counts those that were not there. */
WEFT_API WEFT_CHECK int weft_stream_to_set(weft_stream_t *stream, weft_set_t *set,
                                           weft_key_fn *key, const void *argument,
                                           uint64_t *n, uint64_t deadline);

#ifdef __cplusplus
}
#endif
#endif
