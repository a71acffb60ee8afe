/* codata/lazy_compute.c -- who computes a lazy, who waits for him, and who would wait for
 * himself. */
#include <errno.h>
#include <stdlib.h>

#include "codata/function.h"
#include "codata/lazy_internal.h"

enum { CHAIN_MAX = 1024 }; /* steps that are followed */

/* What this thread computes: innermost first. */
struct frame {
        weft_lazy_t *lazy;
        struct frame *outer;
};
static _Thread_local struct frame *frames;

/* The innermost one in the arena of this lazy. */
static struct weft_cell_shared *computing(const weft_lazy_t *lazy)
{
        for (struct frame *f = frames; f; f = f->outer)
                if (f->lazy->handle.arena == lazy->handle.arena)
                        return f->lazy->cell.sh;
        return NULL;
}

/* ---- circles: lazy_shared.h ------------------------------------------------------------ */

/* The lazy that `token` names: what its cell is, what it needs; false if it has gone. The
 * handle is in the heap, as all are: a child of a fork in another thread walks their list. */
static bool look_by_token(struct weft_agent *agent, uint64_t token,
                          struct weft_cell_seen *seen, uint64_t *needs)
{
        struct weft_handle *handle = weft_handle_alloc(&weft_lazy_kind);
        bool found = handle && !weft_object_open_token(agent->arena, token,
                                                       &weft_lazy_kind, handle);
        if (found) {
                const struct weft_lazy_shared *sh = handle->sh;
                *seen = weft_cell_look(&sh->cell);
                *needs = weft_cell_needs(&sh->cell);
                found = weft_cell_is(&sh->cell, *seen);
                weft_object_close(handle);
        }
        free(handle);
        return found;
}

/* Follows the needs from `token` on: the number of claims met on the way to one of the
 * agent's own, 0 if there is none. `sum` is of what was met. */
static uint32_t follow(struct weft_agent *agent, uint64_t token, uint64_t *sum)
{
        *sum = 0;
        for (uint32_t n = 1; token && n <= CHAIN_MAX; n++) {
                struct weft_cell_seen seen;
                uint64_t needs;
                if (!look_by_token(agent, token, &seen, &needs) ||
                    weft_cell_state(seen) != WEFT_CELL_CLAIMED)
                        return 0;
                *sum = (*sum ^ token ^ seen.head) * UINT64_C(0x100000001b3);
                if (weft_cell_what(seen) == agent->sig)
                        return n;
                token = needs;
        }
        return 0;
}

static bool is_circle(struct weft_agent *agent, uint64_t token)
{
        uint64_t first, second;
        uint32_t n = follow(agent, token, &first);
        return n && follow(agent, token, &second) == n && second == first;
}

/* ---- computing ---------------------------------------------------------------------------- */

/* The value of the lazy that this one is mapped from, in memory of this process. Its failure
 * is this one's: the cell fails, and *in stays NULL. */
static int fetch(weft_lazy_t *lazy, struct weft_agent *agent, uint64_t deadline,
                 void **in, uint64_t *bytes)
{
        weft_lazy_t *source;
        int rc = weft_lazy_open(lazy->handle.arena, lazy->source.name, &source);
        if (rc == -ENOENT)
                return weft_function_wrong(rc, "no lazy '%.255s' to map from",
                                           lazy->source.name);
        if (rc)
                return rc;
        int64_t n = -EAGAIN;
        for (uint64_t room = 64; !rc && (n == -EAGAIN || n == -EOVERFLOW);) {
                free(*in);
                int saved = errno;
                *in = malloc(room);
                errno = saved;
                rc = *in ? weft_lazy_await(source, agent, deadline) : -ENOMEM;
                if (!rc)
                        n = weft_cell_get(&source->cell, agent, *in, room, bytes);
                if (n == -EOVERFLOW && *bytes <= room)
                        break; /* that is what it failed with */
                if (n == -EOVERFLOW)
                        room = *bytes;
        }
        weft_lazy_close(source);
        if (!rc && n < 0) {
                free(*in);
                *in = NULL;
                rc = weft_cell_fail(&lazy->cell, agent, (int)-n);
        }
        return rc;
}

static int compute_with(weft_lazy_t *lazy, struct weft_agent *agent,
                        const struct weft_function *f, uint64_t deadline)
{
        const struct weft_recipe *r = &lazy->recipe;
        void *in = NULL;
        uint64_t bytes = 0;
        if (!lazy->source.name)
                return f->in.bytes ? weft_compute(&lazy->cell, agent, f, r->argument,
                                                  r->argument_bytes, NULL)
                                   : weft_compute(&lazy->cell, agent, f, NULL, 0,
                                                  r->argument);
        int rc = fetch(lazy, agent, deadline, &in, &bytes);
        if (!rc && in)
                rc = weft_compute(&lazy->cell, agent, f, in, bytes, r->argument);
        free(in);
        return rc;
}

/* The agent has claimed it. Whoever knows the function may do it: so not to know it, and
 * whatever else is not the function's answer, is no end.
 * Crash in compute: the claim goes with the dead, and the next one computes. */
static int compute(weft_lazy_t *lazy, struct weft_agent *agent, uint64_t deadline)
{
        const struct weft_function *f;
        struct frame frame = { lazy, frames };
        int rc = weft_function_find_known(lazy->recipe.name, &f);
        frames = &frame;
        if (!rc)
                rc = compute_with(lazy, agent, f, deadline);
        frames = frame.outer;
        if (rc && rc != -EPERM)
                (void)!weft_cell_unclaim(&lazy->cell, agent);
        return rc;
}

/* ---- waiting ------------------------------------------------------------------------------- */

struct waiting {
        weft_lazy_t *lazy;
        struct weft_agent *agent;
};
enum { MINE = 1 };

static int attempt(void *context)
{
        struct waiting *w = context;
        struct weft_cell *cell = &w->lazy->cell;
        if (weft_cell_has_ended(weft_cell_look(cell->sh)))
                return 0;
        int rc = weft_cell_claim(cell, w->agent);
        return rc == 0 ? MINE : rc == -EALREADY ? 0 : rc == -EBUSY ? -EAGAIN : rc;
}

/* In slices, if this thread computes another one: between them the circle is looked for. */
static int sleep_on(struct waiting *w, bool inner, uint64_t deadline)
{
        weft_lazy_t *lazy = w->lazy;
        struct weft_wait_shared *wait = &lazy->cell.sh->wait;
        for (;;) {
                uint64_t slice = inner ? weft_after(WEFT_WAIT_RECHECK_NS) : deadline;
                if (slice > deadline)
                        slice = deadline;
                if (inner && is_circle(w->agent, weft_object_token(&lazy->handle)))
                        return -EDEADLK;
                int rc = weft_wait_for(w->agent, wait, &lazy->spin, attempt, w, slice);
                if (rc != -ETIMEDOUT || slice == deadline)
                        return rc;
        }
}

int weft_lazy_await(weft_lazy_t *lazy, struct weft_agent *agent, uint64_t deadline)
{
        struct waiting w = { lazy, agent };
        struct weft_cell_shared *outer;
        if (weft_cell_has_ended(weft_cell_look(lazy->cell.sh)))
                return 0;
        outer = computing(lazy);
        if (outer)
                weft_cell_need(outer, weft_object_token(&lazy->handle));
        int rc = attempt(&w);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = sleep_on(&w, outer != NULL, deadline);
        else if (rc == -EAGAIN)
                weft_agent_polled(agent);
        if (rc == MINE)
                rc = compute(lazy, agent, deadline);
        if (outer)
                weft_cell_need(outer, 0);
        return rc;
}
