/* weft/queue.h -- bounded FIFO queue, many producers, many consumers, many processes.
 *
 * Elements of 1 B to 1 MiB, capacity up to 2^31. Elements of up to 8 bytes lie in the
 * ring itself (unless the queue leases); larger ones lie in blocks that change hands,
 * so that they can be filled and read in place.
 *
 * Progress  lock-free: whoever is stopped or killed at any instruction, the others go
 *           on. Waiting happens only where a deadline says so; a push or pop that finds
 *           no room or nothing after several that did may look on for some microseconds.
 * Order     linearizable FIFO. What is redelivered comes before what was never
 *           delivered, in no order of its own.
 * Crash     a push has happened or it has not. A popped element belongs to its popper:
 *           if that dies, it is gone. In a queue that leases, it comes back until it is
 *           acknowledged. Memory in the hands of the dead comes back.
 * Threads   a handle may be used by all threads of a process. A loan or a take
 *           belongs to the thread that made it.
 * Errors    -EAGAIN, -ETIMEDOUT full or empty; -EPIPE shut down (and drained);
 *           -ENOSPC no memory for one more block in hand; -EROFS; -EUCLEAN;
 *           -EMFILE no seat left; -ENOENT the object was removed while this process
 *           had no living agent; -ENOTSUP in place, in a BATCH queue; -EINVAL
 * Source    a cell whose one CAS is the whole operation: in the spirit of Morrison and
 *           Afek, LCRQ (PPoPP 2013) and Nikolaev, SCQ (DISC 2019); see docs/design.md.
 */
#ifndef WEFT_QUEUE_H
#define WEFT_QUEUE_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_queue weft_queue_t; /* process-local handle */

#define WEFT_QUEUE_CAPACITY_MAX (UINT64_C(1) << 31)
#define WEFT_QUEUE_ELEMENT_MAX (UINT32_C(1) << 20)

enum {
        WEFT_QUEUE_LEASE =
                1, /* a taken element is redelivered until it is acknowledged */
        WEFT_QUEUE_BATCH = 2, /* made for push_n and pop_n: see below */
};

/* BATCH: what one push_n gives goes together, up to so many elements in one step, and a
 * pop_n takes as many in one step. Several times as fast as one by one, which in turn is a
 * little slower than without. Each batch counts as one of `capacity`, however small, so
 * that the queue holds from `capacity` to 32 times as many elements, and takes the memory
 * for that. Elements of up to 256 bytes; no lease; in place is -ENOTSUP. */
#define WEFT_QUEUE_BATCH_ELEMENTS 32
#define WEFT_QUEUE_BATCH_BYTES_MAX 256

struct weft_queue_options {
        uint64_t capacity;      /* elements; rounded up to a power of two, at least 2 */
        uint32_t element_bytes; /* 1 to WEFT_QUEUE_ELEMENT_MAX */
        uint32_t flags;         /* WEFT_QUEUE_... */
};

/* Makes a queue under `name` and opens it. All memory that `capacity` needs is
 * committed now. -EEXIST, -EINVAL, -ENOSPC, -EMFILE, names as in <weft/object.h>. */
WEFT_API WEFT_CHECK int weft_queue_create(weft_arena_t *arena, const char *name,
                                          const struct weft_queue_options *options,
                                          weft_queue_t **queue);

/* Opens one. -ENOENT; -EPROTO if the name is of another kind or format. */
WEFT_API WEFT_CHECK int weft_queue_open(weft_arena_t *arena, const char *name,
                                        weft_queue_t **queue);

/* Opens it, or makes it if it is not there. An existing one must have the same element
 * size and flags, else -EPROTO; its capacity may differ. */
WEFT_API WEFT_CHECK int
weft_queue_create_or_open(weft_arena_t *arena, const char *name,
                          const struct weft_queue_options *options, weft_queue_t **queue);

/* Ends this handle. Elements that this process's threads still lease through it are
 * redelivered; loans are dropped. NULL is allowed. Close it before its arena. */
WEFT_API void weft_queue_close(weft_queue_t *queue);

/* The owner to weft_block_give() a block to that should go when the queue goes. */
WEFT_API weft_owner_t weft_queue_owner(const weft_queue_t *queue);

/* ---- copying elements ---------------------------------------------------- */

/* Copies one element in, or out. Waits until `deadline` while full, or empty. */
WEFT_API WEFT_CHECK int weft_queue_push(weft_queue_t *queue, const void *element,
                                        uint64_t deadline);
WEFT_API WEFT_CHECK int weft_queue_pop(weft_queue_t *queue, void *element,
                                       uint64_t deadline);

/* Up to `n` elements in one call: waits for the first as above, then takes what goes
 * without waiting. Returns how many went, >= 1, or an error; n == 0 returns 0.
 * Each element is one operation of its own: others' may come between. */
WEFT_API WEFT_CHECK int64_t weft_queue_push_n(weft_queue_t *queue, const void *elements,
                                              size_t n, uint64_t deadline);
WEFT_API WEFT_CHECK int64_t weft_queue_pop_n(weft_queue_t *queue, void *elements,
                                             size_t n, uint64_t deadline);

/* ---- in place ------------------------------------------------------------ */

/* An element in hand, to be filled or read at `at`. Owned by the calling thread; the
 * struct lives where the caller puts it and must not be copied or moved. */
struct weft_element {
        void *at;            /* element_bytes bytes, aligned to 16 */
        uint32_t deliveries; /* take: how often it was handed out before; 0 is never */
        uint32_t slot;       /* private */
        uint64_t state[3];   /* private */
};

/* An empty element to fill. Never waits. -ENOSPC when memory is short. */
WEFT_API WEFT_CHECK int weft_queue_loan(weft_queue_t *queue,
                                        struct weft_element *element);

/* Pushes a filled loan without copying. On error the loan stays in hand. */
WEFT_API WEFT_CHECK int
weft_queue_commit(weft_queue_t *queue, struct weft_element *element, uint64_t deadline);

/* Pops the next element without copying. In a queue that leases this starts the
 * lease: it ends with ack or nack, or with the death or end of this thread, which
 * redelivers the element to somebody else with `deliveries` one higher. */
WEFT_API WEFT_CHECK int weft_queue_take(weft_queue_t *queue, struct weft_element *element,
                                        uint64_t deadline);

/* Done with a taken element (acknowledges a lease), or drops a loan unused. */
WEFT_API WEFT_CHECK int weft_queue_release(weft_queue_t *queue,
                                           struct weft_element *element);
WEFT_API WEFT_CHECK int weft_queue_ack(weft_queue_t *queue, struct weft_element *element);

/* Gives a leased element back for redelivery. -EINVAL if the queue does not lease. */
WEFT_API WEFT_CHECK int weft_queue_nack(weft_queue_t *queue,
                                        struct weft_element *element);

/* ---- the whole ----------------------------------------------------------- */

/* No more pushes: they get -EPIPE. Pops drain what is left, redeliveries included, then
 * get -EPIPE. While elements are leased an empty pop still waits: they may come back.
 * For ever, for everyone; idempotent. Wakes all who wait. */
WEFT_API WEFT_CHECK int weft_queue_shutdown(weft_queue_t *queue);

struct weft_queue_info {
        uint64_t capacity;
        uint64_t length; /* elements to be popped, redeliveries included */
        uint64_t leased; /* elements taken and not acknowledged */
        uint64_t pushed; /* ever; BATCH: batches */
        uint64_t popped; /* ever, redeliveries not counted; BATCH: batches, to the end */
        uint32_t element_bytes;
        uint32_t flags;
        uint32_t shut;    /* 1 after weft_queue_shutdown() */
        uint32_t waiting; /* agents asleep here */
};

/* A snapshot; exact while nobody changes the queue. Works read-only. */
WEFT_API WEFT_CHECK int weft_queue_info(weft_queue_t *queue,
                                        struct weft_queue_info *info);

#ifdef __cplusplus
}
#endif
#endif
