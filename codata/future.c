/* codata/future.c -- set once, read by many. */
#include <errno.h>
#include <string.h>

#include "codata/function.h"
#include "codata/future_internal.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static struct weft_cell_shared *cell_of(const weft_future_t *future)
{
        return future->cell.sh;
}

/* Some who wait sleep where the chain ends. The cell has waked its own. */
static void announce(weft_future_t *future)
{
        if (UNLIKELY(future->root != future))
                weft_wait_signal(&cell_of(future->root)->wait, INT32_MAX);
}

/* ---- setting ----------------------------------------------------------------------- */

static int enter(weft_future_t *future, struct weft_agent **agent)
{
        return future ? weft_handle_enter(&future->handle, agent) : -EINVAL;
}

int weft_future_produce(weft_future_t *future)
{
        struct weft_agent *agent;
        int rc = enter(future, &agent);
        if (rc)
                return rc;
        if (future->depth)
                return -EPERM;
        rc = weft_cell_claim(&future->cell, agent);
        return rc == -EDEADLK ? 0 : rc;
}

int weft_future_abandon(weft_future_t *future)
{
        struct weft_agent *agent;
        int rc = enter(future, &agent);
        return rc ? rc : weft_cell_unclaim(&future->cell, agent);
}

static int fits(const weft_future_t *future, uint64_t bytes)
{
        uint32_t item = future->type.bytes;
        if (bytes > WEFT_FUTURE_BYTES_MAX)
                return -EOVERFLOW;
        if (LIKELY(item <= 1 || bytes % item == 0))
                return 0;
        return weft_function_wrong(-EPROTO,
                                   "a future of items of %u bytes, not %llu bytes", item,
                                   (unsigned long long)bytes);
}

int weft_future_set(weft_future_t *future, const void *value, uint64_t bytes)
{
        struct weft_agent *agent;
        int rc = enter(future, &agent);
        if (UNLIKELY(rc || (!value && bytes)))
                return rc ? rc : -EINVAL;
        rc = fits(future, bytes);
        if (!rc)
                rc = weft_cell_set(&future->cell, agent, value, bytes); /* LP: its */
        if (!rc)
                announce(future);
        return rc;
}

int weft_future_set_block(weft_future_t *future, weft_ref_t block, uint64_t bytes)
{
        struct weft_agent *agent;
        int rc = enter(future, &agent);
        if (!rc)
                rc = fits(future, bytes);
        if (!rc)
                rc = weft_cell_set_block(&future->cell, agent, block, bytes);
        if (!rc)
                announce(future);
        return rc;
}

int weft_future_set_error(weft_future_t *future, int error)
{
        struct weft_agent *agent;
        int rc = enter(future, &agent);
        if (rc)
                return rc;
        if (error >= 0 || error < -WEFT_CELL_ERRNO_MAX || error == -EAGAIN)
                return -EINVAL;
        rc = weft_cell_fail(&future->cell, agent, -error);
        if (!rc)
                announce(future);
        return rc;
}

int weft_future_cancel(weft_future_t *future)
{
        struct weft_agent *agent;
        int rc = enter(future, &agent);
        if (!rc)
                rc = weft_cell_cancel(&future->cell, agent);
        if (!rc)
                announce(future);
        return rc;
}

/* ---- getting ----------------------------------------------------------------------- */

/* Read-only: nobody to act as, and nothing to wait with. */
static int look_only(const weft_future_t *future, uint64_t deadline)
{
        if (weft_cell_has_ended(weft_cell_look(cell_of(future))))
                return 0;
        return deadline == WEFT_NOW ? -EAGAIN : -EROFS;
}

/* Enters, and waits until it has ended. `*agent` is NULL if the handle is read-only. */
static int until_ended(weft_future_t *future, struct weft_agent **agent,
                       uint64_t deadline)
{
        *agent = NULL;
        if (!future)
                return -EINVAL;
        if (future->handle.arena->readonly)
                return look_only(future, deadline);
        int rc = weft_handle_enter(&future->handle, agent);
        return rc ? rc : weft_future_await(future, *agent, deadline);
}

int64_t weft_future_get(weft_future_t *future, void *value, uint64_t room,
                        uint64_t deadline)
{
        struct weft_agent *agent;
        if (UNLIKELY(!future || (!value && room)))
                return -EINVAL;
        int rc = until_ended(future, &agent, deadline);
        return rc ? rc : weft_cell_get(&future->cell, agent, value, room, NULL);
}

int64_t weft_future_try(weft_future_t *future, void *value, uint64_t room)
{
        return weft_future_get(future, value, room, WEFT_NOW);
}

int64_t weft_future_view(weft_future_t *future, const void **at, uint64_t deadline)
{
        struct weft_cell_seen seen;
        struct weft_agent *agent;
        if (!at)
                return -EINVAL;
        *at = NULL;
        int rc = until_ended(future, &agent, deadline);
        int64_t n = rc ? rc : weft_cell_view(&future->cell, &seen, at);
        if (n >= 0 && *at == &seen.value)
                *at = weft_cell_place(cell_of(future)); /* it is not changed any more */
        return n;
}

/* ---- looking ------------------------------------------------------------------------- */

uint64_t weft_future_token(weft_future_t *future)
{
        return future ? weft_object_token(&future->handle) : 0;
}

int weft_future_info(weft_future_t *future, struct weft_future_info *info)
{
        if (!future || !info)
                return -EINVAL;
        struct weft_cell_seen seen = weft_cell_look(cell_of(future));
        enum weft_cell_state state = weft_cell_state(seen);
        int result = weft_cell_result(seen);
        *info = (struct weft_future_info){
                .state = state == WEFT_CELL_CLAIMED    ? WEFT_FUTURE_PROMISED
                         : state == WEFT_CELL_FAILED   ? WEFT_FUTURE_FAILED
                         : state == WEFT_CELL_CANCELED ? WEFT_FUTURE_CANCELED
                         : weft_cell_has_ended(seen)   ? WEFT_FUTURE_SET
                                                       : WEFT_FUTURE_OPEN,
                .result = weft_cell_has_ended(seen) ? result : 0,
                .bytes = result ? 0 : weft_cell_what(seen),
                .type = future->type,
                .waiting = weft_wait_waiters(&cell_of(future)->wait),
                .chain = future->depth,
        };
        if (state == WEFT_CELL_CLAIMED)
                info->producer_pid =
                        weft_agent_pid(future->handle.arena, weft_cell_what(seen));
        return 0;
}

/* ---- create, open, close ------------------------------------------------------------- */

int weft_future_create(weft_arena_t *arena, const char *name,
                       const struct weft_future_options *options, weft_future_t **future)
{
        struct weft_future_wish wish = { 0 };
        uint32_t flags = name ? WEFT_OBJECT_TRANSIENT : WEFT_OBJECT_ANONYMOUS;
        if (!future)
                return -EINVAL;
        *future = NULL;
        if (options) {
                uint32_t align = options->type.align;
                if (options->flags & ~(uint32_t)WEFT_FUTURE_KEEP || options->reserved ||
                    (align & (align - 1)))
                        return -EINVAL;
                if (options->flags & WEFT_FUTURE_KEEP) {
                        if (!name)
                                return -EINVAL;
                        flags = 0;
                }
                wish.type = options->type;
        }
        return weft_future_make(arena, name, &wish, flags, future);
}

int weft_future_open(weft_arena_t *arena, const char *name, weft_future_t **future)
{
        return future ? weft_handle_open(arena, name, &weft_future_kind, future)
                      : -EINVAL;
}

int weft_future_open_token(weft_arena_t *arena, uint64_t token, weft_future_t **future)
{
        return future ? weft_handle_open_token(arena, token, &weft_future_kind, future)
                      : -EINVAL;
}

void weft_future_close(weft_future_t *future)
{
        weft_handle_close(future);
}
