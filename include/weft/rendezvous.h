/* weft/rendezvous.h -- hand-over without a store: a push and a pop meet, many of each, in
 * many processes.
 *
 * Nothing is ever kept: a push ends when a pop has its element, and not before. A channel
 * of capacity 0, as in CSP.
 *
 * Progress  lock-free meeting: whoever is stopped or killed at any instruction, the others
 *           meet each other. To wait for a partner is the operation's own nature, up to
 *           its deadline.
 * Order     linearizable: a push and its pop are one instant, in which both are under way.
 *           Among those who wait none is first; whoever comes serves them in rotation, so
 *           that nobody is passed by for ever.
 * Crash     an element has been handed over, to exactly one, or it has not: a push that
 *           returns 0 has been received, one that returns an error has not, and nobody
 *           will receive it later. Who dies before he is met has never been there; who
 *           dies afterwards takes what he got with him. No third party is held up, or
 *           loses anything. Memory in the hands of the dead comes back.
 * Threads   a handle may be used by all threads of a process. A thread does not meet
 *           itself.
 * Errors    -EAGAIN, -ETIMEDOUT nobody was there; -EPIPE shut down; -ENOSPC no memory to
 *           put the element in (nothing has happened); -EROFS; -EUCLEAN; -EMFILE no seat
 *           left; -ENOENT the object was removed while this process had no living agent;
 *           -EINVAL
 * Source    Hoare, Communicating Sequential Processes (CACM 1978); Scherer, Lea, Scott,
 *           Scalable Synchronous Queues (PPoPP 2006); for select Reppy, Concurrent ML
 *           (1999): one word for all the offers of a thread, which a partner claims, signed,
 *           by one CAS.
 */
#ifndef WEFT_RENDEZVOUS_H
#define WEFT_RENDEZVOUS_H

#include <weft/base.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_rendezvous weft_rendezvous_t; /* process-local handle */

#define WEFT_RENDEZVOUS_ELEMENT_MAX (UINT32_C(1) << 20)

struct weft_rendezvous_options {
        uint32_t element_bytes; /* 1 to WEFT_RENDEZVOUS_ELEMENT_MAX */
        uint32_t flags;         /* 0 */
};

/* Makes a rendezvous under `name` and opens it. -EEXIST, -EINVAL, -ENOSPC, -EMFILE, names
 * as in <weft/object.h>. */
WEFT_API WEFT_CHECK int
weft_rendezvous_create(weft_arena_t *arena, const char *name,
                       const struct weft_rendezvous_options *options,
                       weft_rendezvous_t **rendezvous);

/* Opens one. -ENOENT; -EPROTO if the name is of another kind or format. */
WEFT_API WEFT_CHECK int weft_rendezvous_open(weft_arena_t *arena, const char *name,
                                             weft_rendezvous_t **rendezvous);

/* Opens it, or makes it if it is not there. An existing one must have the same element
 * size, else -EPROTO. */
WEFT_API WEFT_CHECK int
weft_rendezvous_create_or_open(weft_arena_t *arena, const char *name,
                               const struct weft_rendezvous_options *options,
                               weft_rendezvous_t **rendezvous);

/* Ends this handle; nobody may wait through it. NULL is allowed. Close it before its
 * arena. */
WEFT_API void weft_rendezvous_close(weft_rendezvous_t *rendezvous);

/* The owner to weft_block_give() a block to that should go when the rendezvous goes. */
WEFT_API weft_owner_t weft_rendezvous_owner(const weft_rendezvous_t *rendezvous);

/*
 * Hands one element over, or gets one: `element_bytes` from `element`, or to it. Waits for
 * a partner until `deadline`. With WEFT_NOW it succeeds only if one is waiting there now,
 * asleep or about to be, or in a weft_select(): two who only try never meet.
 *
 * A pop that fails may have written to `element` nevertheless.
 */
WEFT_API WEFT_CHECK int weft_rendezvous_push(weft_rendezvous_t *rendezvous,
                                             const void *element, uint64_t deadline);
WEFT_API WEFT_CHECK int weft_rendezvous_pop(weft_rendezvous_t *rendezvous, void *element,
                                            uint64_t deadline);

/* Up to `n` elements in one call: waits for the first as above, then goes on while partners
 * are waiting. Returns how many went, >= 1, or an error; n == 0 returns 0. Each element is
 * an operation of its own, with whoever was there. */
WEFT_API WEFT_CHECK int64_t weft_rendezvous_push_n(weft_rendezvous_t *rendezvous,
                                                   const void *elements, size_t n,
                                                   uint64_t deadline);
WEFT_API WEFT_CHECK int64_t weft_rendezvous_pop_n(weft_rendezvous_t *rendezvous,
                                                  void *elements, size_t n,
                                                  uint64_t deadline);

/*
 * weft_select() knows it as WEFT_OP_PUSH, the element at `from`, and WEFT_OP_POP, into `to`.
 * While it waits, all such cases are offered at once, on both sides, so that a select meets a
 * push, a pop or another select; exactly one case fires on each side. The `to` of a
 * case that did not fire may have been written to. The rendezvous of one select must be
 * in one arena, else -EINVAL; other cases may be in any. With WEFT_CASE_LOOK, and in weft_fd(),
 * it fires when the call with WEFT_NOW would succeed or fail with -EPIPE; who looks offers
 * nothing.
 */

/* Nobody meets here any more: those who wait and all who come get -EPIPE, on both sides. For
 * ever, for everyone; idempotent. Wakes all who wait. No element is lost: whoever pushed it
 * is told. */
WEFT_API WEFT_CHECK int weft_rendezvous_shutdown(weft_rendezvous_t *rendezvous);

struct weft_rendezvous_info {
        uint64_t met; /* elements handed over, ever; some less if agents died just then */
        uint32_t element_bytes;
        uint32_t flags;
        uint32_t pushing; /* agents that wait for somebody to pop, and are alive, */
        uint32_t popping; /* and for somebody to push; one select may count as both */
        uint32_t shut;    /* 1 after weft_rendezvous_shutdown() */
        uint32_t reserved;
};

/* A snapshot; exact while nobody comes or goes. Works read-only. */
WEFT_API WEFT_CHECK int weft_rendezvous_info(weft_rendezvous_t *rendezvous,
                                             struct weft_rendezvous_info *info);

#ifdef __cplusplus
}
#endif
#endif
