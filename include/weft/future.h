/* weft/future.h -- a value that is not there yet, for all processes: set once, read by many.
 *
 * A future is set, fails or is canceled, once and for ever; whoever waits for it then knows.
 * It has a name or is anonymous, and then others open it by its token, a number that they
 * are sent. It goes, with its value, when its last handle is closed or the last process
 * dies that has it open; one with a name may be kept until it is removed.
 *
 * Who calls weft_future_produce() has promised a value: if that thread ends, or its process
 * dies, or closes its last handle on the future before it has set it, the future
 * fails with EOWNERDEAD, and all who wait are told at once (of a death within 50 ms).
 *
 * A future made by weft_future_then() is computed by the first who gets it, waits for it or
 * selects it once its source has ended; others wait for that one, and take over if he
 * dies. What its source failed with it fails with, too. It keeps its source open. Who opens
 * it just as the last who had both goes may find the source gone; asking for it is then
 * -EOWNERDEAD, for nobody will ever compute it.
 *
 * Values    any bytes, up to 1 GiB. Up to 8 lie in the future itself, more in a block.
 * Progress  set, try and cancel are lock-free; getting what is there is wait-free. Waiting
 *           sleeps.
 * Order     what was done before the set is seen by everybody who got it.
 * Crash     it is set whole or not at all. A value that was set stays, whoever dies; a
 *           half-made one goes with its maker.
 * Threads   any; the handle belongs to the process.
 * Errors    -EAGAIN not ended, and the deadline is WEFT_NOW; -ETIMEDOUT
 *           -EALREADY it has ended; -ECANCELED; -EOWNERDEAD
 *           -EPERM another one has promised to set it (weft_future_produce())
 *           -EBUSY another one produces it; -EOVERFLOW the value has more bytes than
 *           there is room, or than a value may have
 *           -EDEADLK the function gets the future that it computes
 *           -ENOENT the function that computes it is not known in this process; -EPROTO types
 *           that do not fit: weft_function_detail() names them
 *           -EROFS, -ENOSPC, -EINVAL; those of <weft/object.h>; what a function said, or
 *           was given to weft_future_set_error()
 * Source    Baker and Hewitt, The incremental garbage collection of processes (1977);
 *           I-structures: Arvind, Nikhil, Pingali (ACM TOPLAS 1989).
 */
#ifndef WEFT_FUTURE_H
#define WEFT_FUTURE_H

#include <weft/base.h>
#include <weft/function.h>
#include <weft/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_future weft_future_t; /* process-local handle */
typedef struct weft_group weft_group_t;   /* <weft/group.h> */

enum {
        WEFT_FUTURE_KEEP = 1, /* stays until weft_object_remove(); needs a name */
};

struct weft_future_options {
        struct weft_type type; /* of the value, or of its items; all 0: any bytes */
        uint32_t flags;        /* WEFT_FUTURE_KEEP */
        uint32_t reserved;     /* 0 */
};

#define WEFT_FUTURE_BYTES_MAX (UINT64_C(1) << 30)
#define WEFT_FUTURE_ARGUMENT_MAX 65536
#define WEFT_FUTURE_CHAIN_MAX 255 /* weft_future_then() of weft_future_then() of ... */

/* Makes one, anonymous if `name` is NULL. `options` may be NULL. -EEXIST. */
WEFT_API WEFT_CHECK int weft_future_create(weft_arena_t *arena, const char *name,
                                           const struct weft_future_options *options,
                                           weft_future_t **future);
WEFT_API WEFT_CHECK int weft_future_open(weft_arena_t *arena, const char *name,
                                         weft_future_t **future);

/* Which one it is, for others to open: never 0, and never another future's. -ENOENT: it has
 * gone. While it travels somebody must have it open. */
WEFT_API uint64_t weft_future_token(weft_future_t *future);
WEFT_API WEFT_CHECK int weft_future_open_token(weft_arena_t *arena, uint64_t token,
                                               weft_future_t **future);
WEFT_API void weft_future_close(weft_future_t *future);

/* ---- setting ------------------------------------------------------------------ */

/* This thread promises to set it; again: 0. And takes the promise back: -EPERM if it has
 * given none. */
WEFT_API WEFT_CHECK int weft_future_produce(weft_future_t *future);
WEFT_API WEFT_CHECK int weft_future_abandon(weft_future_t *future);

/* Sets it to a copy of `bytes` bytes, a multiple of its type's. */
WEFT_API WEFT_CHECK int weft_future_set(weft_future_t *future, const void *value,
                                        uint64_t bytes);

/* Sets it to the first `bytes` bytes of a block of this agent's, without copying; the block
 * is the future's then. On errors it stays the caller's. */
WEFT_API WEFT_CHECK int weft_future_set_block(weft_future_t *future, weft_ref_t block,
                                              uint64_t bytes);

/* It fails with `error`, a negated errno but -EAGAIN. */
WEFT_API WEFT_CHECK int weft_future_set_error(weft_future_t *future, int error);

/* Nobody shall wait for it any more, or set it, whoever has promised to. 0 if it has been
 * canceled already. What is computed from it is canceled with it; its source is not. */
WEFT_API WEFT_CHECK int weft_future_cancel(weft_future_t *future);

/* ---- getting ------------------------------------------------------------------ */

/* Waits until it has ended and copies the value out: its bytes, or what it failed with.
 * -EOVERFLOW: it has more than `room`; weft_future_info() tells how many. Works read-only,
 * with WEFT_NOW. */
WEFT_API WEFT_CHECK int64_t weft_future_get(weft_future_t *future, void *value,
                                            uint64_t room, uint64_t deadline);

/* The same with WEFT_NOW. */
WEFT_API WEFT_CHECK int64_t weft_future_try(weft_future_t *future, void *value,
                                            uint64_t room);

/* The same, in place: `*at` is good as long as this handle is open. */
WEFT_API WEFT_CHECK int64_t weft_future_view(weft_future_t *future, const void **at,
                                             uint64_t deadline);

/* Waits until all are set: 0; or one has failed: what with, told as soon as it is seen. */
WEFT_API WEFT_CHECK int weft_future_all(weft_future_t *const *futures, size_t n,
                                        uint64_t deadline);

/* Waits until one is set: its index, of several set ones any. If all have failed: what the
 * last of them did with. At most WEFT_SELECT_MAX. */
WEFT_API WEFT_CHECK int weft_future_any(weft_future_t *const *futures, size_t n,
                                        uint64_t deadline);

/* ---- what comes next ------------------------------------------------------------ */

/*
 * Makes an anonymous future for what `function` makes of the value, with a copy of `bytes`
 * bytes (up to WEFT_FUTURE_ARGUMENT_MAX) as its argument, or NULL for none. It is computed
 * by whoever asks for it first (`group` NULL), or by a worker of `group`, where the caller has
 * to keep this one open until the next has ended, and -EAGAIN is no room. A function that
 * is not known in this process is looked for by whoever computes. -EPROTO: it is known and
 * does not take such a value. -ELOOP: a chain of more than WEFT_FUTURE_CHAIN_MAX.
 */
WEFT_API WEFT_CHECK int weft_future_then(weft_future_t *future, const char *function,
                                         const void *argument, uint32_t bytes,
                                         weft_group_t *group, weft_future_t **next);

/* The same with a function that is known here, whose types must fit. */
WEFT_API WEFT_CHECK int weft_future_map(weft_future_t *future,
                                        const struct weft_function *function,
                                        const void *argument, uint32_t bytes,
                                        weft_group_t *group, weft_future_t **next);

/* ---- looking -------------------------------------------------------------------- */

enum weft_future_state {
        WEFT_FUTURE_OPEN,     /* nobody has promised it */
        WEFT_FUTURE_PROMISED, /* somebody produces or computes it */
        WEFT_FUTURE_SET,
        WEFT_FUTURE_FAILED,
        WEFT_FUTURE_CANCELED,
};

struct weft_future_info {
        uint32_t state;        /* enum weft_future_state */
        int32_t result;        /* once it has ended: 0, or what it failed with */
        uint64_t bytes;        /* of the value */
        struct weft_type type; /* as created */
        uint32_t producer_pid; /* for people */
        uint32_t waiting;      /* who sleep; the dead count until they are settled */
        uint32_t chain;        /* how many it is computed from, one from the other */
        uint32_t reserved;
};

/* A snapshot. Works read-only. */
WEFT_API WEFT_CHECK int weft_future_info(weft_future_t *future,
                                         struct weft_future_info *info);

/* In a select (WEFT_OP_WAIT) and for weft_fd() it is ready when it has ended; the case's
 * result is 0 or what it failed with. */

#ifdef __cplusplus
}
#endif
#endif
