/* codata/lazy.c -- computed when it is first asked for, once for all processes. */
#include <errno.h>
#include <string.h>

#include "codata/lazy_internal.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- asking for it ----------------------------------------------------------------- */

/* It may be reset between the waiting and the look: then it is computed anew. */
int64_t weft_lazy_force(weft_lazy_t *lazy, void *value, uint64_t room, uint64_t deadline)
{
        struct weft_agent *agent;
        if (UNLIKELY(!lazy || (!value && room)))
                return -EINVAL;
        int rc = weft_handle_enter(&lazy->handle, &agent);
        if (UNLIKELY(rc))
                return rc;
        for (;;) {
                int64_t n = weft_cell_get(&lazy->cell, agent, value, room, NULL); /* LP */
                if (LIKELY(n != -EAGAIN))
                        return n;
                rc = weft_lazy_await(lazy, agent, deadline);
                if (rc)
                        return rc;
        }
}

int64_t weft_lazy_peek(weft_lazy_t *lazy, void *value, uint64_t room)
{
        struct weft_agent *agent = NULL;
        if (!lazy || (!value && room))
                return -EINVAL;
        int rc = lazy->handle.arena->readonly ? 0
                                              : weft_handle_enter(&lazy->handle, &agent);
        return rc ? rc : weft_cell_get(&lazy->cell, agent, value, room, NULL);
}

/* What is read in between is under a reading: its pages stay, whatever becomes of it. */
int weft_lazy_view(weft_lazy_t *lazy, struct weft_lazy_view *view, uint64_t deadline)
{
        struct weft_agent *agent;
        if (!lazy || !view)
                return -EINVAL;
        *view = (struct weft_lazy_view){ 0 };
        int rc = weft_handle_enter(&lazy->handle, &agent);
        while (!rc) {
                struct weft_cell_seen seen;
                const void *at;
                weft_read_begin(agent);
                int64_t n = weft_cell_view(&lazy->cell, &seen, &at);
                if (n >= 0) {
                        *view = (struct weft_lazy_view){ .at = at,
                                                         .bytes = (uint64_t)n,
                                                         .own = { seen.head,
                                                                  seen.value } };
                        if (at == &seen.value)
                                view->at = &view->own[1];
                        return 0;
                }
                weft_read_end(agent);
                rc = n == -EAGAIN ? weft_lazy_await(lazy, agent, deadline) : (int)n;
        }
        return rc;
}

int weft_lazy_view_end(weft_lazy_t *lazy, struct weft_lazy_view *view)
{
        struct weft_agent *agent;
        if (!lazy || !view || !view->at)
                return -EINVAL;
        struct weft_cell_seen seen = { view->own[0], view->own[1] };
        bool is = weft_cell_is(lazy->cell.sh, seen);
        *view = (struct weft_lazy_view){ 0 };
        int rc = weft_handle_enter(&lazy->handle, &agent);
        if (rc)
                return rc;
        weft_read_end(agent);
        return is ? 0 : -ESTALE;
}

int weft_lazy_reset(weft_lazy_t *lazy)
{
        struct weft_agent *agent;
        int rc = lazy ? weft_handle_enter(&lazy->handle, &agent) : -EINVAL;
        return rc ? rc : weft_cell_reset(&lazy->cell, agent);
}

/* ---- looking ------------------------------------------------------------------------- */

int weft_lazy_info(weft_lazy_t *lazy, struct weft_lazy_info *info)
{
        if (!lazy || !info)
                return -EINVAL;
        const struct weft_cell_shared *sh = lazy->cell.sh;
        struct weft_cell_seen seen = weft_cell_look(sh);
        int result = weft_cell_result(seen);
        bool running = weft_cell_state(seen) == WEFT_CELL_CLAIMED;
        bool ended = weft_cell_has_ended(seen);
        *info = (struct weft_lazy_info){
                .state = running  ? WEFT_LAZY_RUNNING
                         : !ended ? WEFT_LAZY_NEW
                         : result ? WEFT_LAZY_FAILED
                                  : WEFT_LAZY_DONE,
                .result = ended ? result : 0,
                .bytes = result ? 0 : weft_cell_what(seen),
                .resets = (uint32_t)(seen.head >> 40),
                .computer_pid =
                        running ? weft_agent_pid(lazy->handle.arena, weft_cell_what(seen))
                                : 0,
                .waiting = weft_wait_waiters(&sh->wait),
        };
        memcpy(info->function, lazy->recipe.name, strlen(lazy->recipe.name) + 1);
        return 0;
}

/* ---- create, open, close ------------------------------------------------------------- */

static int make(weft_arena_t *arena, const char *name, const struct weft_lazy_wish *wish,
                uint32_t flags, weft_lazy_t **lazy)
{
        if (!lazy)
                return -EINVAL;
        *lazy = NULL;
        int rc = weft_recipe_check(wish->function, wish->argument, wish->bytes);
        return rc ? rc : weft_lazy_make(arena, name, wish, flags, lazy);
}

int weft_lazy_create(weft_arena_t *arena, const char *name, const char *function,
                     const void *argument, uint32_t bytes, weft_lazy_t **lazy)
{
        struct weft_lazy_wish wish = { function, argument, NULL, bytes, 0 };
        return make(arena, name, &wish, 0, lazy);
}

int weft_lazy_create_or_open(weft_arena_t *arena, const char *name, const char *function,
                             const void *argument, uint32_t bytes, weft_lazy_t **lazy)
{
        struct weft_lazy_wish wish = { function, argument, NULL, bytes, 0 };
        return make(arena, name, &wish, WEFT_OBJECT_OR_OPEN, lazy);
}

int weft_lazy_map(weft_lazy_t *lazy, const char *name, const char *function,
                  const void *argument, uint32_t bytes, weft_lazy_t **mapped)
{
        char its_name[WEFT_OBJECT_NAME_MAX + 1];
        struct weft_lazy_wish wish = { function, argument, its_name, bytes, 0 };
        if (!lazy || !mapped)
                return -EINVAL;
        *mapped = NULL;
        int rc = weft_handle_name(&lazy->handle, its_name);
        return rc ? rc
                  : make(lazy->handle.arena, name, &wish, WEFT_OBJECT_OR_OPEN, mapped);
}

int weft_lazy_open(weft_arena_t *arena, const char *name, weft_lazy_t **lazy)
{
        return lazy ? weft_handle_open(arena, name, &weft_lazy_kind, lazy) : -EINVAL;
}

void weft_lazy_close(weft_lazy_t *lazy)
{
        weft_handle_close(lazy);
}
