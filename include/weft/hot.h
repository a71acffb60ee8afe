/* weft/hot.h -- a hot stream: items that flow under a name, whoever listens.
 *
 * Somebody emits, each subscriber sees every item from where it began, and at last there is
 * one end: a clean one, or an error. A hot stream is a broadcast ring (<weft/broadcast.h>)
 * with an end, a type, and a driver.
 *
 * THE END is one signal for all: weft_hot_finish(). Who subscribes reads what was emitted
 * before it, and then is told, for ever: 0 for a clean end, else the error.
 *
 * THE DRIVER is who feeds the stream alone, and whose death matters: he who has the driver's
 * seat (weft_hot_claim(); weft_hot_drive() does that, too). A stand-by is who waits for the
 * seat. When the driver dies (or its thread ends, or it closes its handle, without
 * weft_hot_yield()), then at the instant that its death is settled:
 *   - if a stand-by waits, the seat is his: he goes on, and nobody is told anything. That he
 *     stands still (SIGSTOP) changes nothing; if he dies, or gives up waiting, the seat goes
 *     to the next one, until nobody is left who waits;
 *   - if nobody waits, a subscriber who has read all that was emitted gets -EOWNERDEAD, and
 *     again with each call, until somebody takes the seat. Then it goes on where it was.
 * The death is settled by who waits, within tens of milliseconds. A driver that is stopped
 * is not dead: everybody waits for it. A driver who yields is not dead either: the seat is
 * empty, and nobody is told. Who takes the seat of a dead one learns how many items
 * have been emitted, each once: a driver that can begin anew skips so many of its own.
 * Where nobody ever has the seat, the deaths of those who emit are told to nobody.
 *
 * Progress  emit, next: as publish and next of the ring. claim waits for the driver.
 * Order     all subscribers see the same items in the same order, and the end after them.
 * Crash     an item is emitted whole or not at all; killed in finish: the stream has ended,
 *           for all, or goes on. What a subscriber has got goes with it.
 * Threads   a handle may be used by all threads of a process. A subscription, a loan, and
 *           the driver's seat belong to a thread, and end with it: else -EPERM.
 * Errors    -EAGAIN, -ETIMEDOUT nothing new, or (BLOCK) full; emit: -EPIPE it has ended;
 *           -EOWNERDEAD as above; -EBUSY another one is the ONE producer, or a loan or a
 *           view is out; -EPROTO another type; -ENOSPC, -EROFS, -EMFILE, -EPERM, -EUCLEAN,
 *           -EINVAL, -ENOTSUP as in <weft/broadcast.h>; and those of <weft/object.h>
 * Source    hot and cold: Meijer, "Your mouse is a database" (CACM 2012); one terminal
 *           signal: the Reactive Streams rules (2015).
 */
#ifndef WEFT_HOT_H
#define WEFT_HOT_H

#include <weft/base.h>
#include <weft/broadcast.h>
#include <weft/stream.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_hot weft_hot_t;                       /* process-local handle */
typedef struct weft_hot_subscriber weft_hot_subscriber_t; /* a thread's subscription */

enum weft_hot_policy {
        WEFT_HOT_BLOCK = WEFT_BROADCAST_BLOCK, /* who emits waits for the slowest */
        WEFT_HOT_DROP = WEFT_BROADCAST_DROP,   /* who is slow loses the oldest */
};

enum {
        WEFT_HOT_ONE = WEFT_BROADCAST_ONE, /* one producer at a time: the fastest way */
};

struct weft_hot_options {
        uint64_t capacity;      /* items retained; rounded up to a power of two, >= 2 */
        uint64_t tag;           /* of their type; 0: any */
        uint32_t element_bytes; /* of an item: 1 to WEFT_BROADCAST_ELEMENT_MAX */
        uint32_t policy;        /* enum weft_hot_policy */
        uint32_t flags;         /* WEFT_HOT_ONE, or 0 for many producers */
        uint32_t subscribers; /* at most so many at a time; 0: as many as there can be */
};

/* Makes one under `name` and opens it; all memory is committed now. -EEXIST, -ENOSPC, names
 * as in <weft/object.h>. create_or_open opens what is there if element size, tag, policy and
 * flags are the same, else -EPROTO. */
WEFT_API WEFT_CHECK int weft_hot_create(weft_arena_t *arena, const char *name,
                                        const struct weft_hot_options *options,
                                        weft_hot_t **hot);
WEFT_API WEFT_CHECK int weft_hot_create_or_open(weft_arena_t *arena, const char *name,
                                                const struct weft_hot_options *options,
                                                weft_hot_t **hot);

/* -EPROTO if its items are not of `element_bytes` (0: any) or have another tag (0 on either
 * side: any). */
WEFT_API WEFT_CHECK int weft_hot_open(weft_arena_t *arena, const char *name,
                                      uint32_t element_bytes, uint64_t tag,
                                      weft_hot_t **hot);

/* Ends this handle; end its subscriptions first. NULL is allowed. When it was the last one
 * of this process, its threads' loans are given up, and if one of them drives, that is as
 * if it had died: yield first. */
WEFT_API void weft_hot_close(weft_hot_t *hot);

/* The owner to weft_block_give() a block to that should go when the stream goes. */
WEFT_API weft_owner_t weft_hot_owner(const weft_hot_t *hot);

/* ---- emitting ---------------------------------------------------------------------- */

/* Emits a copy of one item. BLOCK: waits until `deadline` while it is full. */
WEFT_API WEFT_CHECK int weft_hot_emit(weft_hot_t *hot, const void *item,
                                      uint64_t deadline);

/* Up to `n`: waits for room for the first, then emits what goes without waiting. How many,
 * >= 1, or an error; 0 if n is 0. */
WEFT_API WEFT_CHECK int64_t weft_hot_emit_n(weft_hot_t *hot, const void *items, size_t n,
                                            uint64_t deadline);

/* An item to be filled in place at `*at`, then emitted by commit, or given up by cancel: as
 * weft_broadcast_loan(). */
WEFT_API WEFT_CHECK int weft_hot_loan(weft_hot_t *hot, void **at, uint64_t deadline);
WEFT_API WEFT_CHECK int weft_hot_commit(weft_hot_t *hot, uint64_t deadline);
WEFT_API WEFT_CHECK int weft_hot_cancel(weft_hot_t *hot);

/* Gives the place of the ONE producer up, if it is this thread's (else -EPERM). */
WEFT_API WEFT_CHECK int weft_hot_resign(weft_hot_t *hot);

/* The end: `error` is 0, or a negative error code that everybody is told (not -EAGAIN;
 * of -ETIMEDOUT who reads with a deadline learns from weft_hot_info() alone that it is the end).
 * What is emitted after it is -EPIPE. The first one decides: -EALREADY, another one has
 * ended it, or is about to and does not come to it: then it has ended now. Wakes all who
 * wait. Waits for nobody. ONE: if another thread is in the midst of an emit, or has a loan out,
 * those who read wait for that before they are told the end; if it dies, no more. */
WEFT_API WEFT_CHECK int weft_hot_finish(weft_hot_t *hot, int error);

/* ---- the driver's seat ---------------------------------------------------------------- */

/*
 * Takes the driver's seat for this thread; waits until `deadline` as a stand-by while another
 * one has it, in the order of coming. With WEFT_NOW it stands by for nobody. `*emitted` (may
 * be NULL): the number of items emitted, and so the sequence of the next one. -EPIPE: the
 * stream has ended; -EDEADLK: this thread has the seat. Killed in claim: the seat was
 * taken, and is a dead one's; or not.
 */
WEFT_API WEFT_CHECK int weft_hot_claim(weft_hot_t *hot, uint64_t *emitted,
                                       uint64_t deadline);

/* Gives it up, and the place of the ONE producer with it; a stand-by has it next. -EPERM:
 * this thread does not have it; -EBUSY: its loan is out. */
WEFT_API WEFT_CHECK int weft_hot_yield(weft_hot_t *hot);

/* ---- subscribing ------------------------------------------------------------------------ */

enum weft_hot_from {
        WEFT_HOT_OLDEST =
                WEFT_BROADCAST_OLDEST,        /* all that is retained, then what comes */
        WEFT_HOT_NEW = WEFT_BROADCAST_NEWEST, /* only what comes */
        WEFT_HOT_SEQUENCE =
                WEFT_BROADCAST_SEQUENCE, /* from that number on; what is gone of
                                        it is told as lost, what is to come is waited for */
};

/*
 * A subscription of this thread; -EMFILE when there are as many as there can be. `sequence`
 * is for WEFT_HOT_SEQUENCE, and less than 2^59, else -EINVAL. In a weft_select() or weft_fd()
 * it is an object: WEFT_OP_POP, as weft_hot_next() with the item into `to` and its sequence
 * into `n`; its result is 0 with an item, -EPIPE at a clean end, else the error.
 *
 * Read-only: writes nothing and belongs to no thread. Nobody waits for it: also where the
 * policy is BLOCK it may lose items, and is told. It settles no dead: a driver's death is
 * told when somebody else has settled it. It looks every millisecond; it cannot be in a select.
 */
WEFT_API WEFT_CHECK int weft_hot_subscribe(weft_hot_t *hot, enum weft_hot_from from,
                                           uint64_t sequence,
                                           weft_hot_subscriber_t **subscriber);
WEFT_API void weft_hot_unsubscribe(weft_hot_subscriber_t *subscriber);

/* Copies the next item out: 1; 0: the end; or an error, which is the end's if it has ended so
 * (see weft_hot_info). Waits until `deadline`. `*sequence`: which it is; `*lost`: how many
 * before it this subscription has not seen (also at the end; 0 with other errors). Both may
 * be NULL. */
WEFT_API WEFT_CHECK int weft_hot_next(weft_hot_subscriber_t *subscriber, void *item,
                                      uint64_t *sequence, uint64_t *lost,
                                      uint64_t deadline);

/* Up to `n` that follow each other without a gap: waits for the first, which `*sequence` and
 * `*lost` are about. How many, >= 1; 0: the end (or n is 0); or an error. */
WEFT_API WEFT_CHECK int64_t weft_hot_next_n(weft_hot_subscriber_t *subscriber,
                                            void *items, size_t n, uint64_t *sequence,
                                            uint64_t *lost, uint64_t deadline);

/* The next item in place, until release: as weft_broadcast_take(); returns as next does.
 * release: 0, or -ENOENT: it was replaced meanwhile, and counts as lost. */
WEFT_API WEFT_CHECK int weft_hot_take(weft_hot_subscriber_t *subscriber, const void **at,
                                      uint64_t *sequence, uint64_t *lost,
                                      uint64_t deadline);
WEFT_API WEFT_CHECK int weft_hot_release(weft_hot_subscriber_t *subscriber);

/* Goes on elsewhere, as a new subscription would. */
WEFT_API WEFT_CHECK int weft_hot_seek(weft_hot_subscriber_t *subscriber,
                                      enum weft_hot_from from, uint64_t sequence);

/* `patient` not 0: it is not told -EOWNERDEAD, and waits for the next driver instead. */
WEFT_API WEFT_CHECK int weft_hot_patient(weft_hot_subscriber_t *subscriber, int patient);

/* How many items it is behind, 0 while the number that it waits for is yet to come; how many
 * it has lost in all. */
WEFT_API WEFT_CHECK int64_t weft_hot_lag(weft_hot_subscriber_t *subscriber);
WEFT_API uint64_t weft_hot_lost(const weft_hot_subscriber_t *subscriber);

/* ---- cold streams (<weft/stream.h>) ------------------------------------------------------ */

enum {
        WEFT_HOT_LOSS_FAILS =
                1,         /* weft_stream_of_hot: items lost are the error -EOVERFLOW */
        WEFT_HOT_SKIP = 2, /* drive, share: what was emitted is skipped */
};

/* A source: what the subscription gets, from where it is. The subscription stays the caller's,
 * must outlive the stream, and is used by the thread that pulls. Items that it lost are
 * passed over (weft_hot_lost() counts them), or end the stream. The hot one's end is its
 * end; so is -EOWNERDEAD, unless the subscription is patient; -ETIMEDOUT as an end becomes
 * -ECANCELED. It cannot be restarted. */
WEFT_API weft_stream_t *weft_stream_of_hot(weft_hot_subscriber_t *subscriber,
                                           uint32_t flags);

/* A sink: emits all. The hot stream does not end with it. -EPROTO: another type. */
WEFT_API WEFT_CHECK int weft_stream_to_hot(weft_stream_t *stream, weft_hot_t *hot,
                                           uint64_t *n, uint64_t deadline);

/*
 * A sink: takes the driver's seat (waits for it as a stand-by), emits all of `cold`, ends the hot
 * stream as `cold` has ended, and gives the seat up. Returns how it ended, whoever ended it.
 * `*n` counts the items of `cold` that are behind it, set to 0 before the first call; may be
 * NULL.
 *
 * SKIP: items of `cold` are passed over until as many are behind it as have been emitted by all
 * drivers. So if each of them has the same cold stream from its beginning, and nobody else
 * emits, each item of it is emitted once, whoever of them dies where.
 *
 * After -EAGAIN and -ETIMEDOUT the seat is given up, and `cold` is still there. A thread that
 * has the seat when it calls keeps it in any case. -EBUSY: another one is the ONE producer;
 * the hot stream does not end with that.
 */
WEFT_API WEFT_CHECK int weft_hot_drive(weft_hot_t *hot, weft_stream_t *cold, uint64_t *n,
                                       uint32_t flags, uint64_t deadline);

/* Makes a hot stream of a cold one: creates it under `name`, or opens it, and has a thread of
 * this process drive it, or stand by if somebody does that already. `options->element_bytes`
 * may be 0: those of `cold`. On errors `cold` is freed. */
WEFT_API WEFT_CHECK int weft_stream_share(weft_stream_t *cold, weft_arena_t *arena,
                                          const char *name,
                                          const struct weft_hot_options *options,
                                          uint32_t flags, weft_hot_t **hot);

/* Ends the driving: the thread ends within tens of milliseconds if its source heeds its
 * deadline, and yields. How the stream ended, or -ECANCELED: it did not. -EINVAL: not shared by
 * this handle. weft_hot_close() does that, too. A fork's child shares nothing. */
WEFT_API WEFT_CHECK int weft_hot_unshare(weft_hot_t *hot);

/* ---- looking ---------------------------------------------------------------------------- */

struct weft_hot_info {
        uint64_t capacity;
        uint64_t tag;
        uint64_t emitted;    /* ever: the next one's sequence */
        uint64_t retained;   /* of these can still be read */
        uint64_t lag;        /* of the subscriber that is farthest behind */
        uint64_t lost;       /* by all who subscribe now */
        uint64_t taken_over; /* so many drivers took the seat of a dead one */
        uint32_t element_bytes;
        uint32_t policy;
        uint32_t flags;
        uint32_t subscribers;     /* now; the dead count until they are settled */
        uint32_t subscribers_max; /* as created */
        uint32_t producer;        /* process of the ONE producer; 0: nobody */
        uint32_t driver;          /* process of the driver; 0: nobody */
        uint32_t driver_died;     /* 1: the last one died, and nobody has the seat */
        uint32_t standing_by;     /* asleep until they get the seat */
        uint32_t waiting;         /* to emit, or for items: asleep */
        uint32_t ended;           /* 1: it has ended, */
        int32_t error;            /* with this: 0 or negative */
};

/* A snapshot; exact while nobody does anything. Works read-only. */
WEFT_API WEFT_CHECK int weft_hot_info(weft_hot_t *hot, struct weft_hot_info *info);

/* Calls `each` for every subscriber until it returns non-zero, and returns that. Works
 * read-only. */
WEFT_API WEFT_CHECK int
weft_hot_list(weft_hot_t *hot,
              int (*each)(const struct weft_subscriber_info *subscriber, void *context),
              void *context);

#ifdef __cplusplus
}
#endif

#include <weft/hot_inline.h>
#endif
