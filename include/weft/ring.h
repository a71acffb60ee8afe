/* weft/ring.h -- from one producer to one consumer, in two processes, as fast as it goes.
 *
 * Elements of 1 B to 1 MiB, or (WEFT_RING_BYTES) records of any length up to half the ring.
 * Nothing is allocated or handed over: what is pushed lies in the ring until it is popped,
 * and can be written and read there.
 *
 * A ring has two sides. An agent (thread) takes a side by its first operation there, or
 * with weft_ring_attach(), and holds it until it detaches, ends or dies: only then can
 * another one take it. A holder who is stopped is not dead, and is never replaced.
 *
 * Progress  wait-free: no loops, no locked instructions; waiting happens only where a
 *           deadline says so. Of a side that is stopped the other one finds the ring full,
 *           or empty.
 * Order     FIFO. A push is seen by the pop that gets it, with all that was done before.
 * Crash     a push has happened or it has not; so has a pop, whose element dies with its
 *           popper. What was taken in place and not released comes again, to the next
 *           consumer; what was loaned and not committed is gone. Who takes a side over goes
 *           on exactly where the dead one stopped.
 * Threads   any may try; one at a time holds a side. A loan or a take belongs to the thread
 *           that made it.
 * Errors    -EAGAIN, -ETIMEDOUT full or empty; -EPIPE shut down (and drained)
 *           -EBUSY   another agent, who lives, holds this side
 *           -EOVERFLOW a record is longer than may be, or than the place for it
 *           -ENOTSUP a call for elements on a ring of records, or the other way round
 *           -ENOSPC, -EROFS, -EUCLEAN, -EMFILE, -EINVAL
 * Source    Lamport's ring (TOPLAS 1983); that each side polls only what the other one
 *           writes anyway: Giacomoni et al., FastForward (PPoPP 2008); told in batches:
 *           Lee et al., MCRingBuffer (IPDPS 2010); asymmetric fences: Dice et al. (2001).
 */
#ifndef WEFT_RING_H
#define WEFT_RING_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_ring weft_ring_t; /* process-local handle */

#define WEFT_RING_CAPACITY_MAX (UINT64_C(1) << 31)
#define WEFT_RING_ELEMENT_MAX (UINT32_C(1) << 20)
#define WEFT_RING_RECORD_MAX (UINT32_C(1) << 30)

enum {
        WEFT_RING_BYTES = 1, /* records of variable length */
};

enum weft_ring_side {
        WEFT_RING_PRODUCER = 0,
        WEFT_RING_CONSUMER = 1,
};

struct weft_ring_options {
        uint64_t capacity; /* elements; rounded up, so that the memory is a power of two
                                   of lines. BYTES: bytes, up to a power of two, of which
                                   16 are never used; each record takes 16 and is rounded
                                   up to 16 */
        uint32_t element_bytes; /* 1 to WEFT_RING_ELEMENT_MAX. BYTES: the longest record,
                                   at most half of `capacity` as rounded up; 0: that */
        uint32_t flags;         /* WEFT_RING_... */
};

/* Makes a ring under `name` and opens it; opens one; does either (an existing one must have
 * the same flags and element size, else -EPROTO; its capacity may differ). All memory is
 * committed at creation. A ring of records takes as much more as the longest record. */
WEFT_API WEFT_CHECK int weft_ring_create(weft_arena_t *arena, const char *name,
                                         const struct weft_ring_options *options,
                                         weft_ring_t **ring);
WEFT_API WEFT_CHECK int weft_ring_open(weft_arena_t *arena, const char *name,
                                       weft_ring_t **ring);
WEFT_API WEFT_CHECK int weft_ring_create_or_open(weft_arena_t *arena, const char *name,
                                                 const struct weft_ring_options *options,
                                                 weft_ring_t **ring);

/* The last handle of a process gives up the sides that its threads hold. NULL is allowed. */
WEFT_API void weft_ring_close(weft_ring_t *ring);

/* The owner to weft_block_give() a block to that should go when the ring goes. */
WEFT_API weft_owner_t weft_ring_owner(const weft_ring_t *ring);

/* ---- sides --------------------------------------------------------------- */

/* Takes a side; 0 if this thread has it already. Waits until `deadline` for its holder to
 * give it up or die: a stand-by. -EBUSY with WEFT_NOW, else -ETIMEDOUT. */
WEFT_API WEFT_CHECK int weft_ring_attach(weft_ring_t *ring, enum weft_ring_side side,
                                         uint64_t deadline);

/* Gives it up. What was loaned is dropped; what was taken and not released comes again, to
 * the next consumer. -EPERM if this thread does not hold it. */
WEFT_API WEFT_CHECK int weft_ring_detach(weft_ring_t *ring, enum weft_ring_side side);

/* ---- elements ------------------------------------------------------------ */

/* Copies one element in, or out. Waits until `deadline` while full, or empty. */
WEFT_API WEFT_CHECK int weft_ring_push(weft_ring_t *ring, const void *element,
                                       uint64_t deadline);
WEFT_API WEFT_CHECK int weft_ring_pop(weft_ring_t *ring, void *element,
                                      uint64_t deadline);

/* Up to `n` elements: waits for the first as above, then takes what goes without waiting.
 * Returns how many went, >= 1, or an error; n == 0 returns 0. A pop_n is one step: killed
 * in it, none has been popped. */
WEFT_API WEFT_CHECK int64_t weft_ring_push_n(weft_ring_t *ring, const void *elements,
                                             size_t n, uint64_t deadline);
WEFT_API WEFT_CHECK int64_t weft_ring_pop_n(weft_ring_t *ring, void *elements, size_t n,
                                            uint64_t deadline);

/* ---- records (WEFT_RING_BYTES) ------------------------------------------- */

/* Copies one record of `bytes` (0 up) in. */
WEFT_API WEFT_CHECK int weft_ring_push_record(weft_ring_t *ring, const void *record,
                                              size_t bytes, uint64_t deadline);

/* Copies the next record out and returns its length. One longer than `room` stays where it
 * is, and it is -EOVERFLOW: weft_ring_peek() tells how long it is. */
WEFT_API WEFT_CHECK int64_t weft_ring_pop_record(weft_ring_t *ring, void *record,
                                                 size_t room, uint64_t deadline);

/* ---- in place, both kinds ------------------------------------------------ */

/* A place in the ring. */
struct weft_ring_item {
        void *at; /* records are aligned to 16; elements of up to 56 bytes as their size
                           is, larger ones to 64 */
        uint64_t bytes; /* how long it is */
        uint64_t state; /* private */
};

/* The place where the next element or record will lie, to be filled: of element_bytes, or
 * of `bytes` (for elements ignored). It is not pushed before the commit; a second loan, or
 * a push, has the same place. Waits for room until `deadline`. */
WEFT_API WEFT_CHECK int weft_ring_loan(weft_ring_t *ring, size_t bytes,
                                       struct weft_ring_item *item, uint64_t deadline);

/* Pushes what was filled: of a record the first `bytes` of it (at most as many as were
 * loaned). -EINVAL if something else has been pushed since the loan. */
WEFT_API WEFT_CHECK int weft_ring_commit(weft_ring_t *ring,
                                         const struct weft_ring_item *item, size_t bytes);

/* The next element or record, where it lies. It is popped by the release; until then it
 * stays, and a second take gets it again. -EINVAL if it has been popped since. */
WEFT_API WEFT_CHECK int weft_ring_take(weft_ring_t *ring, struct weft_ring_item *item,
                                       uint64_t deadline);
WEFT_API WEFT_CHECK int weft_ring_release(weft_ring_t *ring,
                                          const struct weft_ring_item *item);

/* Copies up to `room` bytes of the next element or record and leaves it there. Returns how
 * long it is (so more than `room` perhaps), or -EAGAIN, -EPIPE. For the consumer. */
WEFT_API WEFT_CHECK int64_t weft_ring_peek(weft_ring_t *ring, void *to, size_t room);

/* ---- the whole ----------------------------------------------------------- */

/* No more pushes: they get -EPIPE. The consumer drains what is left, then gets -EPIPE. By
 * anybody, for ever, for everyone; idempotent. Wakes all who wait. */
WEFT_API WEFT_CHECK int weft_ring_shutdown(weft_ring_t *ring);

enum weft_ring_holder {
        WEFT_RING_FREE = 0,
        WEFT_RING_ALIVE = 1,
        WEFT_RING_DEAD = 2, /* the next one who tries gets the side */
};

struct weft_ring_info {
        uint64_t capacity; /* elements; BYTES: bytes for records, each of which takes 16
                             and is rounded up to 16 */
        uint64_t length;   /* of them in the ring */
        uint64_t pushed;   /* ever */
        uint64_t popped;
        uint32_t element_bytes; /* BYTES: the longest record */
        uint32_t flags;
        uint32_t shut;       /* 1 after weft_ring_shutdown() */
        uint32_t waiting;    /* agents asleep here */
        uint32_t holder[2];  /* of each side: enum weft_ring_holder */
        uint32_t process[2]; /* its process, as it saw itself; 0: none */
};

/* A snapshot; exact while nobody changes the ring. Works read-only. */
WEFT_API WEFT_CHECK int weft_ring_info(weft_ring_t *ring, struct weft_ring_info *info);

#ifdef __cplusplus
}
#endif

#include <weft/ring_inline.h>
#endif
