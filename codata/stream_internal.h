/* codata/stream_internal.h -- what the sources, operators and sinks share.
 *
 * A stage is one allocation: the stream, its upstreams, its state. A pull goes from the
 * sink to the source, one call a stage, and each stage works on the buffer of its puller
 * where the sizes allow it; where they differ, it has one of its own, made when it is
 * built.
 *
 * Invariants
 *   over == RUNS: nothing has been decided. Anything else is looked at in the slow path:
 *   OWES: items that were pulled and put back, or an error that comes next; <= 0: the one
 *   terminal signal, which never changes but by a restart.
 *   Whoever reaches a terminal signal has cancelled all that is upstream of him.
 *   An item is in exactly one place: with its source, in the buffer of a stage that
 *   `holds`, put back, or with the sink. So after -EAGAIN none is missing.
 */
#ifndef WEFT_CODATA_STREAM_INTERNAL_H
#define WEFT_CODATA_STREAM_INTERNAL_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "codata/stream_clock.h"

#define WEFT_STREAM_CHUNK_BYTES 8192 /* a quarter of the first cache, or less */
#define WEFT_STREAM_CHUNK_ITEMS 1024
#define WEFT_STREAM_LEASED \
        32 /* that a sink takes from others at once, and may do twice */
#define WEFT_STREAM_ALIGN 64

enum { WEFT_STREAM_RUNS = 1, WEFT_STREAM_OWES = 2 };

struct weft_stream {
        const struct weft_stream_class *class_of;
        void *state;
        /* A source whose items lie still, aligned: as `pull`, but tells where. Or NULL. */
        int64_t (*lend)(weft_stream_t *self, const void **items, size_t n);
        int over; /* RUNS, OWES, 0 (end) or -errno */
        int late; /* what comes after what was given: 1 the end, -errno; 0: not known */
        uint32_t item_bytes;
        uint32_t chunk; /* items in a buffer for it */
        uint64_t tag;   /* of the item's type; 0: not known */
        bool leases;    /* some source of it wants acks */
        bool hurried;   /* its sink has had a chunk after its deadline */
        /* Put back by a sink: these come first. */
        void *back;
        size_t back_at, back_n;
        const struct weft_stream *of; /* the whole of which it is a part; not its own */
        size_t ups;
        struct weft_stream *up[];
};

/* ---- pulling ---------------------------------------------------------------- */

/* What came out is not a number of items: decide. `n`: what was asked for. */
int64_t weft_stream_stopped(weft_stream_t *s, int64_t got, size_t n);
int64_t weft_stream_slow_pull(weft_stream_t *s, void *items, size_t n, uint64_t deadline);

static inline int64_t weft_stream_get(weft_stream_t *s, void *items, size_t n,
                                      uint64_t deadline)
{
        if (__builtin_expect(s->over != WEFT_STREAM_RUNS, 0))
                return weft_stream_slow_pull(s, items, n, deadline);
        int64_t got = s->class_of->pull(s, s->state, items, n, deadline);
        if (__builtin_expect(got <= 0 || (uint64_t)got > n, 0))
                return weft_stream_stopped(s, got, n);
        return got;
}

/* The same for who only reads them: `*at` is where they are, `items` or elsewhere. */
static inline int64_t weft_stream_look(weft_stream_t *s, const void **at, void *items,
                                       size_t n, uint64_t deadline)
{
        if (!s->lend || s->over != WEFT_STREAM_RUNS) {
                *at = items;
                return weft_stream_get(s, items, n, deadline);
        }
        int64_t got = s->lend(s, at, n);
        return __builtin_expect(got > 0, 1) ? got : weft_stream_stopped(s, got, n);
}

/* Not an end: the next pull goes on. */
static inline bool weft_stream_later(int64_t rc)
{
        return rc == -EAGAIN || rc == -ETIMEDOUT;
}

/* For who has worked and has nothing to give: 0, go on; or it is time to say so. */
static inline int weft_stream_due(uint64_t deadline)
{
        if (__builtin_expect(deadline == WEFT_NEVER, 1))
                return 0;
        if (deadline == WEFT_NOW)
                return -EAGAIN;
        return weft_stream_now() < deadline ? 0 : -ETIMEDOUT;
}

/* What a function of the user's returned, as an error of the stream. */
static inline int weft_stream_blame(int64_t rc)
{
        if (weft_stream_later(rc))
                return -ECANCELED;
        return rc < 0 && rc >= -4095 ? (int)rc : -EINVAL;
}

/*
 * The stage has come to its end (0) or an error, and has `n` items to give before: returns
 * what its pull must.
 */
static inline int64_t weft_stream_over(weft_stream_t *s, size_t n, int rc)
{
        if (!n)
                return rc;
        s->late = rc ? rc : 1;
        s->over = WEFT_STREAM_OWES;
        return (int64_t)n;
}

/* The same for what a function of the user's said: 1, no more; or -errno. */
static inline int64_t weft_stream_over_by(weft_stream_t *s, size_t n, int64_t said)
{
        return weft_stream_over(s, n, said == 1 ? 0 : weft_stream_blame(said));
}

/* ---- building ---------------------------------------------------------------- */

/*
 * A stage with `state_bytes` of zeroed state in its own allocation, aligned to 64. It takes
 * the upstreams. If one of them has failed, or is NULL, or there is no memory, a failed
 * stream comes back, and *made is NULL: the caller gives back what he holds for it and
 * returns that stream. Else *made is its state.
 */
weft_stream_t *weft_stream_make(const struct weft_stream_class *class_of,
                                size_t state_bytes, weft_stream_t *const *ups, size_t n,
                                uint64_t item_bytes, void *made);

/* The same, of something that is there: frees it, and returns a stream failed with `error`.
 * The detail becomes "NAME: " and the words, if there are any. */
__attribute__((format(printf, 3, 4))) weft_stream_t *
weft_stream_spoil(weft_stream_t *s, int error, const char *words, ...);

/* What makes two streams of `up` needs a place for both. If one is NULL, the other one gets a
 * failed stream, and `up` is gone: false. */
bool weft_stream_two(weft_stream_t *up, const char *who, weft_stream_t **a,
                     weft_stream_t **b);

/* A buffer of `items` items, aligned; NULL: none. For free(). */
void *weft_stream_buffer(size_t items, uint64_t item_bytes);

/* How many items of that size go into one chunk. */
static inline uint32_t weft_stream_chunk_of(uint64_t item_bytes)
{
        uint64_t n = WEFT_STREAM_CHUNK_BYTES / (item_bytes ? item_bytes : 1);
        return n > WEFT_STREAM_CHUNK_ITEMS ? WEFT_STREAM_CHUNK_ITEMS
               : n                         ? (uint32_t)n
                                           : 1;
}

/* Items lie one after the other in buffers that begin on a cache line: this is what a
 * function may count on. */
static inline uint32_t weft_stream_align(uint32_t item_bytes)
{
        uint32_t align = item_bytes & (~item_bytes + 1);
        return align > WEFT_STREAM_ALIGN ? WEFT_STREAM_ALIGN : align;
}

/* Is it one that failed while it was built, so that an operator passes it on? */
static inline bool weft_stream_broken(const weft_stream_t *s)
{
        return !s || s->item_bytes == 0;
}

/* rewind for a stage without a state. */
int weft_stream_rewind_nothing(weft_stream_t *self, void *state);

__attribute__((format(printf, 1, 2))) void weft_stream_say(const char *words, ...);

/* ---- functions ---------------------------------------------------------------- */

/* Looks up a name, fills in the sizes, checks what it takes against the stream's items.
 * 0; or -ENOENT, -EPROTO, -EINVAL with the detail set. `who`: the operator. `tag` becomes
 * the tag of what it gives. */
int weft_stream_resolve(const weft_stream_t *s, const char *who, struct weft_call *call,
                        uint64_t *tag);

/* The same for an operator on one stream, which it takes: NULL, or the stream to return. */
weft_stream_t *weft_stream_check(weft_stream_t *up, const char *who,
                                 struct weft_call *call, uint64_t *tag);

/* Bytes that a predicate may write to, for nobody. */
static inline uint32_t weft_stream_scratch(const struct weft_call *call)
{
        return call->in_bytes > call->out_bytes ? call->in_bytes : call->out_bytes;
}

/* One item by either kind of function: 0 one item at `out`, 1 none, or -errno. */
static inline int weft_stream_call_one(const struct weft_call *call, const void *in,
                                       void *out)
{
        if (call->item)
                return call->item(in, out, call->argument);
        int64_t rc = call->chunk(in, 1, out, 1, call->argument);
        return rc == 1 ? 0 : rc == 0 ? 1 : rc < 0 ? (int)rc : -EINVAL;
}

/* ---- sinks ---------------------------------------------------------------------- */

/* The last `n` of what the sink has pulled into its buffer, at index `at`, were not used:
 * they come first with the next pull. */
void weft_stream_put_back(weft_stream_t *s, size_t at, size_t n);

/* The end of a sink: frees the stream unless `rc` says that there is more. Returns rc. */
int64_t weft_stream_sunk(weft_stream_t *s, int64_t rc);

/* A chunk for a sink: items >= 1 at *items; or 0 and so on. Acknowledges what was pulled
 * before. Time is looked at, too. */
int64_t weft_stream_sip(weft_stream_t *s, void **items, uint64_t deadline);

#endif
