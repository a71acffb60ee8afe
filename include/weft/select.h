/* weft/select.h -- wait for any of many things, and do exactly one of them.
 *
 * A case names a handle (of any kind below, in any arena) and what to do with it. The
 * first that can be done is done, and only that one. What would fail at once is ready too:
 * a shut queue fires with -EPIPE, a broken barrier with -EOWNERDEAD, a mutex that the caller
 * holds already with -EDEADLK, in the case's `result`.
 *
 * Progress  looking is as the operations themselves; waiting sleeps, on all at once by
 *           futex_waitv() (Linux 5.16), without it by looking every few milliseconds.
 * Order     fair by rotation: each call of a thread with the same array begins its look
 *           one case further. PRIORITY: the first ready one in the order given.
 * Crash     as the one operation that is done. Nothing is left of the others.
 * Partners  cases that need one, as of a rendezvous, are offered to all who may come, all at
 *           once, while this waits: two selects meet, in exactly one case of each.
 * Threads   any.
 * Errors    -EAGAIN, -ETIMEDOUT none was ready; -EINVAL no case, too many, a case's
 *           argument, or cases that need a partner in two arenas; -EPROTO the kind of a
 *           case does not know its operation; -ENOSPC no memory to offer an element in;
 *           -EROFS; and those of <weft/object.h>. The bad case's `result` says it too;
 *           nothing was done
 * Source    guarded commands: Dijkstra (CACM 1975); CSP: Hoare (CACM 1978).
 */
#ifndef WEFT_SELECT_H
#define WEFT_SELECT_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_SELECT_MAX 127 /* cases in one call */

enum weft_op {
        WEFT_OP_NONE = 0, /* never ready: a place kept free */
        /* queue, ring, broadcast, stack, channel, rendezvous: the element at `from`; of a
         * ring of records `n` bytes */
        WEFT_OP_PUSH,
        /* queue, ring, stack, channel, rendezvous: into `to`; of records up to `n` bytes, then
         * as many as it was; subscription (broadcast, hot): its sequence into `n` */
        WEFT_OP_POP,
        /* in place: queue, channel: `to` is a struct weft_element; ring: a struct
         * weft_ring_item; pool: get, a struct weft_pool_object */
        WEFT_OP_TAKE,
        WEFT_OP_ACQUIRE,    /* semaphore: `n` permits (0 is 1) */
        WEFT_OP_LOCK,       /* mutex */
        WEFT_OP_READ_LOCK,  /* rwlock */
        WEFT_OP_WRITE_LOCK, /* rwlock */
        WEFT_OP_WAIT,       /* event, latch; once, future, lazy, group: it is done */
        WEFT_OP_PHASE,      /* barrier: phase `n` has ended */
        WEFT_OP_NOTIFIED,   /* condition: this agent has enrolled */
        WEFT_OP_CHANGE,     /* signal: its version is not `n`; the value goes into `to`
                               (or nowhere if NULL), the version into `n` */

        /* The same by other names. */
        WEFT_OP_SEND = WEFT_OP_PUSH,
        WEFT_OP_RECV = WEFT_OP_POP,
};

enum {
        WEFT_CASE_LOOK = 1, /* fires when it could be done; does nothing */
};

struct weft_case {
        void *object;   /* weft_queue_t *, weft_semaphore_t *, ... */
        uint32_t op;    /* enum weft_op */
        uint32_t flags; /* WEFT_CASE_LOOK */
        const void *from;
        void *to;
        uint64_t n;
        int32_t result; /* of the case that fired: 0 or as the operation returns it;
                           of all others 0 */
        uint32_t reserved;
};

enum {
        WEFT_SELECT_PRIORITY = 1, /* in the order given */
};

/* Waits until one of `n` cases can be done, and does it: its index. */
WEFT_API WEFT_CHECK int weft_select(struct weft_case *cases, size_t n, uint32_t flags,
                                    uint64_t deadline);

#ifdef __cplusplus
}
#endif
#endif
