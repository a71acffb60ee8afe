/* weft/channel.h -- typed messages between many senders and many receivers, in many processes.
 *
 * Elements of one size and, if wished, of one type, told by a tag. A channel of capacity n
 * buffers up to n elements; one of capacity 0 buffers none: a send ends when a receiver
 * has the element (rendezvous). It is a queue, or a rendezvous, with an end that has a reason
 * and a policy for when it is full.
 *
 * Progress  lock-free, as the queue: whoever is stopped or killed at any instruction, the
 *           others go on. Waiting happens only where a deadline says so; in a rendezvous,
 *           and with BLOCK, that is what a send may do.
 * Order     linearizable FIFO. What is redelivered comes before what was never delivered.
 *           A drop is an operation of its own, between others.
 * Crash     a send has happened or it has not. A received element belongs to its
 *           receiver: if that dies, it is gone. In a channel that leases it comes back until
 *           it is acknowledged. A drop whose dropper is killed in its midst may be missing
 *           in the count: one at most for each such death. A shutdown or cancel that was
 *           cut off has happened, or not; its reason comes with it.
 * Threads   a handle may be used by all threads of a process. A loan or a take
 *           belongs to the thread that made it.
 * Errors    -EAGAIN, -ETIMEDOUT full, empty, nobody to meet; -EPIPE ended (and drained);
 *           -ECANCELED cancelled; -EPROTO another element size or tag; -ENOTSUP in place, in
 *           a rendezvous; -ENOSPC; -EROFS; -EUCLEAN; -EMFILE; -ENOENT; -EINVAL: as for the
 *           queue
 * Source    Hoare, Communicating Sequential Processes (CACM 1978); the full policies are
 *           those of Reactive Streams libraries (buffer, error, drop, latest).
 */
#ifndef WEFT_CHANNEL_H
#define WEFT_CHANNEL_H

#include <weft/base.h>
#include <weft/queue.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_channel weft_channel_t; /* process-local handle */

/* What a send does that finds the channel full; in a rendezvous, nobody there. */
enum weft_channel_policy {
        WEFT_CHANNEL_BLOCK = 0,   /* waits until its deadline */
        WEFT_CHANNEL_FAIL,        /* -EAGAIN at once, whatever the deadline; counted */
        WEFT_CHANNEL_DROP_NEWEST, /* drops its own element, and returns 0 */
        WEFT_CHANNEL_DROP_OLDEST, /* drops what was to be received next, until it fits */
        WEFT_CHANNEL_LATEST, /* the same; and a receiver gets the newest there is, and
                                     drops what was before it */
};

enum {
        WEFT_CHANNEL_LEASE = 1, /* a taken element is redelivered until acknowledged */
};

/* LEASE goes with neither LATEST nor a rendezvous; nor does that with DROP_OLDEST or
 * LATEST. */
struct weft_channel_options {
        uint64_t capacity;      /* elements, as a queue's; 0: rendezvous */
        uint64_t tag;           /* of the elements' type; 0: any */
        uint32_t element_bytes; /* 1 to WEFT_QUEUE_ELEMENT_MAX */
        uint32_t policy;        /* enum weft_channel_policy */
        uint32_t flags;         /* WEFT_CHANNEL_LEASE */
        uint32_t reserved;      /* 0 */
};

/* Makes a channel under `name` and opens it. All memory that `capacity` needs is
 * committed now. -EEXIST, -EINVAL, -ENOSPC, -EMFILE, names as in <weft/object.h>. */
WEFT_API WEFT_CHECK int weft_channel_create(weft_arena_t *arena, const char *name,
                                            const struct weft_channel_options *options,
                                            weft_channel_t **channel);

/* Opens one of elements of this size and tag; 0 is any. -ENOENT; -EPROTO if it is
 * another, or the name is of another kind or format. */
WEFT_API WEFT_CHECK int weft_channel_open(weft_arena_t *arena, const char *name,
                                          uint32_t element_bytes, uint64_t tag,
                                          weft_channel_t **channel);

/* Opens it, or makes it if it is not there. An existing one must be the same in all but
 * its capacity, and a rendezvous or not, else -EPROTO. */
WEFT_API WEFT_CHECK int
weft_channel_create_or_open(weft_arena_t *arena, const char *name,
                            const struct weft_channel_options *options,
                            weft_channel_t **channel);

/* Ends this handle, not the channel. Elements that this process's threads still lease
 * through it are redelivered; loans are dropped. NULL is allowed. Close it before its
 * arena. */
WEFT_API void weft_channel_close(weft_channel_t *channel);

/* The owner to weft_block_give() a block to that should go when the channel goes. */
WEFT_API weft_owner_t weft_channel_owner(const weft_channel_t *channel);

/* ---- copying elements ---------------------------------------------------- */

/* Copies one element in, or out. A send waits as its policy says, a receive until
 * `deadline` while it is empty. */
WEFT_API WEFT_CHECK int weft_channel_send(weft_channel_t *channel, const void *element,
                                          uint64_t deadline);
WEFT_API WEFT_CHECK int weft_channel_recv(weft_channel_t *channel, void *element,
                                          uint64_t deadline);

/* Up to `n` elements in one call: waits for the first as above, then takes what goes
 * without waiting. Returns how many went, >= 1, or an error; n == 0 returns 0. With a
 * policy that drops, all go. With LATEST a receive gets one. Each element is one
 * operation of its own: others' may come between. */
WEFT_API WEFT_CHECK int64_t weft_channel_send_n(weft_channel_t *channel,
                                                const void *elements, size_t n,
                                                uint64_t deadline);
WEFT_API WEFT_CHECK int64_t weft_channel_recv_n(weft_channel_t *channel, void *elements,
                                                size_t n, uint64_t deadline);

/* ---- in place: not in a rendezvous ------------------------------------------ */

/* An empty element to fill, owned by the calling thread; <weft/queue.h> tells of struct
 * weft_element. Never waits. -ENOSPC when memory is short. */
WEFT_API WEFT_CHECK int weft_channel_loan(weft_channel_t *channel,
                                          struct weft_element *element);

/* Sends a filled loan without copying. On error the loan stays in hand; an element that
 * DROP_NEWEST drops does not. */
WEFT_API WEFT_CHECK int weft_channel_commit(weft_channel_t *channel,
                                            struct weft_element *element,
                                            uint64_t deadline);

/* Receives the next element without copying. In a channel that leases this starts the
 * lease: it ends with ack or nack, or with the death or end of this thread, which
 * redelivers the element to somebody else with `deliveries` one higher. -ENOTSUP:
 * LATEST. */
WEFT_API WEFT_CHECK int weft_channel_take(weft_channel_t *channel,
                                          struct weft_element *element,
                                          uint64_t deadline);

/* Done with a taken element (acknowledges a lease), or drops a loan unused. */
WEFT_API WEFT_CHECK int weft_channel_release(weft_channel_t *channel,
                                             struct weft_element *element);
WEFT_API WEFT_CHECK int weft_channel_ack(weft_channel_t *channel,
                                         struct weft_element *element);

/* Gives a leased element back for redelivery; once cancelled, drops it. -EINVAL if the
 * channel does not lease. */
WEFT_API WEFT_CHECK int weft_channel_nack(weft_channel_t *channel,
                                          struct weft_element *element);

/* ---- its end --------------------------------------------------------------- */

/* No more sends: they get -EPIPE. Receives drain what is left, redeliveries included,
 * then get -EPIPE. For ever, for everyone; the first reason is the one that stays, and
 * further calls change nothing. What `reason` means is the callers' own. Wakes all who
 * wait. */
WEFT_API WEFT_CHECK int weft_channel_shutdown(weft_channel_t *channel, uint32_t reason);

/* The same at once: what is buffered is dropped, and counted; sends and receives get
 * -ECANCELED. What was received or leased before is not touched. It may come after a
 * shutdown. If who called it is killed, it has not happened, or whoever comes finishes
 * it. */
WEFT_API WEFT_CHECK int weft_channel_cancel(weft_channel_t *channel, uint32_t reason);

/* Why it was ended: 0, and the reason in `*reason` (may be NULL). -EAGAIN: it was not.
 * Works read-only. */
WEFT_API WEFT_CHECK int weft_channel_reason(weft_channel_t *channel, uint32_t *reason);

/* ---- the whole ----------------------------------------------------------- */

/*
 * weft_select() knows WEFT_OP_SEND, the element at `from`, WEFT_OP_RECV, into `to`, and
 * WEFT_OP_TAKE, as weft_channel_take(). A send whose policy drops is always ready; with
 * FAIL it waits there, as with BLOCK. WEFT_NOW: is any ready now? A channel that is
 * ended, and drained, is ready, with -EPIPE or -ECANCELED. Rendezvous: as in
 * <weft/rendezvous.h>.
 */

struct weft_channel_info {
        uint64_t capacity; /* 0: rendezvous */
        uint64_t length;   /* elements to be received, redeliveries included */
        uint64_t leased;   /* elements taken and not acknowledged */
        uint64_t sent;     /* ever, those of DROP_NEWEST's that were dropped included */
        uint64_t received; /* ever: handed out, redeliveries not counted */
        uint64_t dropped;  /* ever, by policy or by cancel */
        uint64_t refused;  /* sends that FAIL failed */
        uint64_t tag;
        uint32_t element_bytes;
        uint32_t policy;
        uint32_t flags;
        uint32_t shut;      /* 1 once ended: sends fail */
        uint32_t cancelled; /* 1 if by cancel */
        uint32_t reason;    /* while it is not ended, 0 */
        uint32_t waiting;   /* agents asleep here */
        uint32_t reserved;
};

/* A snapshot; exact while nobody changes the channel: then sent is received + dropped +
 * those in `length` that were never handed out. Works read-only. */
WEFT_API WEFT_CHECK int weft_channel_info(weft_channel_t *channel,
                                          struct weft_channel_info *info);

#ifdef __cplusplus
}
#endif
#endif
