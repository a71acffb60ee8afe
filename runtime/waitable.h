/* runtime/waitable.h -- what select asks of a kind of object, whatever its room. */
#ifndef WEFT_RUNTIME_WAITABLE_H
#define WEFT_RUNTIME_WAITABLE_H

#include <weft/select.h>

#include "runtime/object.h"
#include "runtime/wait.h"

/*
 * What a case needs that does nothing alone, but with a partner who waits for it: see
 * runtime/meet_shared.h. Its thread offers all such cases at once, LISTED, each as its
 * index, under weft_meet_next(). While the offer is open no case is attempted.
 */
struct weft_meeting {
        /* Writes it down, to be opened. An offer of the same side in the same object under
         * the same version may be overwritten. 0, -ENOSPC, ... */
        int (*offer)(struct weft_handle *handle, struct weft_agent *agent,
                     const struct weft_case *the_case, uint32_t index);

        /* It is open now: tells who looks for such. */
        void (*opened)(struct weft_handle *handle, const struct weft_case *the_case);

        /* The seat of somebody else who offers what it needs; or -EAGAIN. */
        int (*partner)(struct weft_handle *handle, struct weft_agent *agent,
                       const struct weft_case *the_case);

        /* Will nobody ever come, so that `attempt` would fail? Cheap: asked again and again. */
        bool (*over)(struct weft_handle *handle, const struct weft_case *the_case);

        /* A partner has met it, and left this: fetches it, and ends the offer. The result
         * of the operation. */
        int (*met)(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *the_case, uint64_t left);
};

struct weft_waitable {
        /* Where to sleep for the case's operation; NULL: this kind does not know it. */
        struct weft_wait_shared *(*wait)(struct weft_handle *handle,
                                         const struct weft_case *the_case);

        /* Does it, as the call with WEFT_NOW: -EAGAIN when it would wait. `agent` has
         * entered the handle. */
        int (*attempt)(struct weft_handle *handle, struct weft_agent *agent,
                       struct weft_case *the_case);

        /* Does nothing: 0 if `attempt` would not say -EAGAIN now. */
        int (*look)(struct weft_handle *handle, struct weft_agent *agent,
                    const struct weft_case *the_case);
};

#endif
