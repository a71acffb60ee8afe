/* sync/mutex_internal.h -- a mutex in this process; and for the condition: let go, and
 * back again. */
#ifndef WEFT_SYNC_MUTEX_INTERNAL_H
#define WEFT_SYNC_MUTEX_INTERNAL_H

#include <weft/mutex.h>

#include "runtime/object.h"
#include "runtime/wait.h"
#include "sync/line.h"
#include "sync/mutex_shared.h"

struct weft_mutex {
        struct weft_handle handle; /* first */
        uint32_t flags;            /* checked at open, like this: */
        struct weft_line_shared *line;
        int (*on_death)(void *context);
        void *context;
        struct weft_spin spin;
};

extern struct weft_kind weft_mutex_kind;

static inline uint32_t weft_mutex_sig(uint64_t word)
{
        return (uint32_t)word;
}

/* 0 if `agent` holds the mutex, and once only; else -EPERM. */
WEFT_CHECK int weft_mutex_held_once(const struct weft_mutex *m,
                                    const struct weft_agent *agent);

/* As weft_mutex_lock(), until `over` says so: -ECANCELED. It is asked each time that the
 * waiter looks, within tens of milliseconds. */
WEFT_CHECK int weft_mutex_lock_unless(weft_mutex_t *m, bool (*over)(const void *context),
                                      const void *context, uint64_t deadline);

/* Nobody has it, it is offered to nobody, and the last holder died with it: true. Reads
 * only; any thread. */
bool weft_mutex_is_orphaned(const struct weft_mutex *m);

#endif
