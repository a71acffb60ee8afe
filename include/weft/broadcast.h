/* weft/broadcast.h -- a ring that everybody reads: each subscriber sees every element.
 *
 * One or many producers, up to 256 subscribers, each with a cursor of its own. Elements of
 * 1 B to 1 MiB. The last `capacity` elements are retained, subscribers or not, and can be
 * read again by who comes later. An element's number is its sequence: 0, 1, 2, ...
 *
 * When the ring is full, its policy says what happens to who is behind:
 *   BLOCK  a publisher waits for the slowest subscriber. Nobody loses anything. A stopped
 *          subscriber (SIGSTOP) is not dead: the publishers wait for it, too. A dead one
 *          is found dead by who waits, within tens of milliseconds, and waited for no more.
 *   DROP   the oldest element is replaced; a publisher never waits. A subscriber who is
 *          overtaken goes on at the oldest that is left, and learns how many it lost.
 *
 * Progress  publish: lock-free (many producers), wait-free (one); it waits only in a BLOCK
 *           ring that is full. A producer killed or stopped anywhere holds up nobody.
 *           next: lock-free; in a BLOCK ring wait-free.
 * Order     all subscribers see the same elements in the same order, which is that of the
 *           publications; linearizable.
 * Crash     an element is published whole or not at all. What a subscriber has got is not
 *           given back when it dies: its place goes with it.
 * Threads   a handle may be used by all threads of a process. A subscription belongs to
 *           the thread that made it and ends with it; another thread's call is -EPERM. So
 *           does a loan.
 * Errors    -EAGAIN, -ETIMEDOUT nothing new, or (BLOCK) full; -EPIPE shut down, and for
 *           next: and all read; -EBUSY another one is the ONE producer, or a loan or a
 *           view is out; -ENOSPC no memory for this producer's first element; -EROFS;
 *           -EMFILE no seat; -EPERM; -EUCLEAN; -EINVAL; -ENOTSUP see subscribe
 * Source    one producer: stamped slots, a seqlock each (Lameter, "Effective synchroniza-
 *           tion on Linux/NUMA systems", 2005; the ring of Thompson et al., "Disruptor",
 *           2011, without its claim counter); many: the cells of <weft/queue.h>.
 */
#ifndef WEFT_BROADCAST_H
#define WEFT_BROADCAST_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_broadcast weft_broadcast_t;   /* process-local handle */
typedef struct weft_subscriber weft_subscriber_t; /* a thread's subscription */

#define WEFT_BROADCAST_CAPACITY_MAX (UINT64_C(1) << 31)
#define WEFT_BROADCAST_ELEMENT_MAX (UINT32_C(1) << 20)
#define WEFT_BROADCAST_SUBSCRIBERS_MAX 256

enum weft_broadcast_policy {
        WEFT_BROADCAST_BLOCK = 0,
        WEFT_BROADCAST_DROP = 1,
};

enum {
        /* One producer at a time, and the fastest way. Who publishes first has the seat,
         * until its thread ends, it dies, or resigns; others get -EBUSY meanwhile. */
        WEFT_BROADCAST_ONE = 1,
};

struct weft_broadcast_options {
        uint64_t capacity; /* elements retained; rounded up to a power of two, >= 2 */
        uint32_t element_bytes; /* 1 to WEFT_BROADCAST_ELEMENT_MAX */
        uint32_t policy;        /* enum weft_broadcast_policy */
        uint32_t flags;         /* WEFT_BROADCAST_ONE, or 0 for many producers */
        uint32_t subscribers; /* at most so many at a time; 0: as many as there can be */
};

/* Makes one under `name` and opens it; all memory for `capacity` elements is committed now
 * (with many producers each of them takes one element's more). -EEXIST, -ENOSPC, names as
 * in <weft/object.h>. create_or_open opens what is there if element size, policy and flags
 * are the same, else -EPROTO. */
WEFT_API WEFT_CHECK int
weft_broadcast_create(weft_arena_t *arena, const char *name,
                      const struct weft_broadcast_options *options,
                      weft_broadcast_t **broadcast);
WEFT_API WEFT_CHECK int weft_broadcast_open(weft_arena_t *arena, const char *name,
                                            weft_broadcast_t **broadcast);
WEFT_API WEFT_CHECK int
weft_broadcast_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_broadcast_options *options,
                              weft_broadcast_t **broadcast);

/* Ends this handle; end its subscriptions first. NULL is allowed. When it was the last one
 * of this process, what its threads hold (seats, loans) is given back. */
WEFT_API void weft_broadcast_close(weft_broadcast_t *broadcast);

/* The owner to weft_block_give() a block to that should go when the ring goes. */
WEFT_API weft_owner_t weft_broadcast_owner(const weft_broadcast_t *broadcast);

/* ---- publishing ---------------------------------------------------------------- */

/* Publishes a copy of one element. BLOCK: waits until `deadline` while it is full. */
WEFT_API WEFT_CHECK int weft_broadcast_publish(weft_broadcast_t *broadcast,
                                               const void *element, uint64_t deadline);

/* Up to `n`, each one a publication of its own: waits for the first as above, then
 * publishes what goes without waiting. How many, >= 1, or an error; 0 if n is 0. */
WEFT_API WEFT_CHECK int64_t weft_broadcast_publish_n(weft_broadcast_t *broadcast,
                                                     const void *elements, size_t n,
                                                     uint64_t deadline);

/* An element to be filled in place at `*at` (element_bytes, aligned to 16 from 9 bytes on),
 * then published by commit, or given up by cancel. One at a time for each thread; while it
 * is out that thread's publish is -EBUSY. ONE: loan waits for room and takes the place of
 * the oldest element; commit does not wait, and is possible after a shutdown too. Many:
 * loan does not wait, commit does, and leaves the loan out when it fails. */
WEFT_API WEFT_CHECK int weft_broadcast_loan(weft_broadcast_t *broadcast, void **at,
                                            uint64_t deadline);
WEFT_API WEFT_CHECK int weft_broadcast_commit(weft_broadcast_t *broadcast,
                                              uint64_t deadline);
WEFT_API WEFT_CHECK int weft_broadcast_cancel(weft_broadcast_t *broadcast);

/* Gives the seat of the ONE producer up, if it is this thread's (else -EPERM). */
WEFT_API WEFT_CHECK int weft_broadcast_resign(weft_broadcast_t *broadcast);

/* No more publications: they get -EPIPE. Subscribers read what is left, then get -EPIPE.
 * For ever, for everyone; idempotent. Wakes all who wait. */
WEFT_API WEFT_CHECK int weft_broadcast_shutdown(weft_broadcast_t *broadcast);

/* ---- subscribing ----------------------------------------------------------------- */

enum weft_broadcast_from {
        WEFT_BROADCAST_OLDEST = 0,   /* all that is retained, then what comes */
        WEFT_BROADCAST_NEWEST = 1,   /* only what comes */
        WEFT_BROADCAST_SEQUENCE = 2, /* from that number on; what of it is gone is told as
                                        lost, what is to come is waited for */
};

/*
 * A subscription of this thread. -EMFILE when there are as many as there can be. `sequence`
 * is for WEFT_BROADCAST_SEQUENCE, and less than 2^59, else -EINVAL. -ENOTSUP: BLOCK with ONE
 * producer, where the kernel does not let this process use membarrier(2).
 *
 * Read-only: the subscription is this process's alone, writes nothing and belongs to no
 * thread. Nobody waits for it: also in a BLOCK ring it may lose elements, and is told. While
 * it waits it looks every millisecond; it cannot be in a select.
 */
WEFT_API WEFT_CHECK int weft_broadcast_subscribe(weft_broadcast_t *broadcast,
                                                 enum weft_broadcast_from from,
                                                 uint64_t sequence,
                                                 weft_subscriber_t **subscriber);

/* Ends it; NULL is allowed. By any thread that knows its thread does not use it. */
WEFT_API void weft_broadcast_unsubscribe(weft_subscriber_t *subscriber);

/* Copies the next element out; waits until `deadline` for it. `*sequence`: which it is;
 * `*lost`: how many before it are gone that this subscription has not seen (also with
 * -EPIPE; 0 with other errors, after which they are told later). Both may be NULL. */
WEFT_API WEFT_CHECK int weft_broadcast_next(weft_subscriber_t *subscriber, void *element,
                                            uint64_t *sequence, uint64_t *lost,
                                            uint64_t deadline);

/* Up to `n` that follow each other without a gap: waits for the first, which `*sequence`
 * and `*lost` are about. How many, >= 1, or an error; 0 if n is 0. */
WEFT_API WEFT_CHECK int64_t weft_broadcast_next_n(weft_subscriber_t *subscriber,
                                                  void *elements, size_t n,
                                                  uint64_t *sequence, uint64_t *lost,
                                                  uint64_t deadline);

/*
 * The next element in place, to be read at `*at` until release; one at a time (-EBUSY).
 * BLOCK: it stays as it is until then. DROP, or read-only: a publisher may write into it
 * meanwhile; then release is -ENOENT: what was read is not to be used, and the element
 * counts as lost.
 */
WEFT_API WEFT_CHECK int weft_broadcast_take(weft_subscriber_t *subscriber,
                                            const void **at, uint64_t *sequence,
                                            uint64_t *lost, uint64_t deadline);
WEFT_API WEFT_CHECK int weft_broadcast_release(weft_subscriber_t *subscriber);

/* Goes on elsewhere, as a new subscription would. */
WEFT_API WEFT_CHECK int weft_broadcast_seek(weft_subscriber_t *subscriber,
                                            enum weft_broadcast_from from,
                                            uint64_t sequence);

/* How many elements it is behind: published, and not read by it. 0 while the number that it
 * waits for is yet to come. */
WEFT_API WEFT_CHECK int64_t weft_broadcast_lag(weft_subscriber_t *subscriber);

/* How many it has lost in all; for who gets elements by select, which tells the sequence in
 * the case's `n`, but has no place for this. */
WEFT_API uint64_t weft_broadcast_lost(const weft_subscriber_t *subscriber);

/* ---- looking --------------------------------------------------------------------- */

struct weft_broadcast_info {
        uint64_t capacity;
        uint64_t published; /* ever: the next one's sequence */
        uint64_t retained;  /* of these can still be read, unless one is being replaced */
        uint64_t lag;       /* of the subscriber that is farthest behind */
        uint64_t lost;      /* by all who subscribe now */
        uint32_t element_bytes;
        uint32_t policy;
        uint32_t flags;
        uint32_t subscribers;     /* now; the dead count until they are settled */
        uint32_t subscribers_max; /* as created */
        uint32_t producer;        /* process of the ONE producer; 0: nobody */
        uint32_t shut;            /* 1 after weft_broadcast_shutdown() */
        uint32_t waiting;         /* agents asleep here */
};

/* A snapshot; exact while nobody does anything. Works read-only. */
WEFT_API WEFT_CHECK int weft_broadcast_info(weft_broadcast_t *broadcast,
                                            struct weft_broadcast_info *info);

struct weft_subscriber_info {
        uint32_t seat; /* of the ring's */
        uint32_t pid;
        uint64_t sequence; /* the element that it wants next */
        uint64_t lag;
        uint64_t lost;
};

/* Calls `each` for every subscriber until it returns non-zero, and returns that. Works
 * read-only. */
WEFT_API WEFT_CHECK int weft_broadcast_list(
        weft_broadcast_t *broadcast,
        int (*each)(const struct weft_subscriber_info *subscriber, void *context),
        void *context);

#ifdef __cplusplus
}
#endif

#include <weft/broadcast_inline.h>
#endif
