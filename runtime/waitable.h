/* runtime/waitable.h -- what select asks of a kind of object, whatever its room. */
#ifndef WEFT_RUNTIME_WAITABLE_H
#define WEFT_RUNTIME_WAITABLE_H

#include <weft/select.h>

#include "runtime/object.h"
#include "runtime/wait.h"

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
