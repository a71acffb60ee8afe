/* codata/future_wait.c -- waiting for futures, and computing those that come next. */
#include <errno.h>

#include <weft/group.h>
#include <weft/select.h>

#include "codata/function.h"
#include "codata/future_internal.h"

/* ---- computing ------------------------------------------------------------------------ */

/* Its source has ended, and does not change any more. */
static int compute_from(weft_future_t *future, struct weft_agent *agent,
                        const struct weft_function *function)
{
        struct weft_cell_seen seen;
        const void *in;
        int64_t n = weft_cell_view(&future->source->cell, &seen, &in);
        if (n < 0)
                return weft_cell_state(seen) == WEFT_CELL_CANCELED
                               ? weft_cell_cancel(&future->cell, agent)
                               : weft_cell_fail(&future->cell, agent, (int)-n);
        return weft_compute(&future->cell, agent, function, in, (uint64_t)n,
                            future->recipe.argument);
}

/* Whoever knows the function may do it: so not to know it is no end. */
static int find(weft_future_t *future, const struct weft_function **function)
{
        const struct weft_type *in = &future->source->type, *out = &future->type;
        int rc = weft_function_find_known(future->recipe.name, function);
        if (rc)
                return rc;
        return weft_function_check(*function, in->bytes ? in : NULL,
                                   out->bytes ? out : NULL);
}

/* Computes what the agent has claimed: 0, or an error that is not the future's.
 *
 * Crash in compute: the claim goes with the dead, and the next one computes. */
static int compute(weft_future_t *future, struct weft_agent *agent)
{
        const struct weft_function *function = NULL;
        struct weft_cell_seen from = weft_cell_look(future->source->cell.sh);
        int rc = weft_cell_result(from) ? 0 : find(future, &function);
        if (rc)
                (void)!weft_cell_unclaim(&future->cell, agent);
        else
                rc = compute_from(future, agent, function);
        weft_wait_signal(&future->root->cell.sh->wait, INT32_MAX);
        /* [edge] Canceled while the function ran: that is its end, and no fault of ours. */
        if (rc == -EPERM && weft_cell_has_ended(weft_cell_look(future->cell.sh)))
                rc = 0;
        return rc == -EALREADY || rc == -ECANCELED ? 0 : rc; /* by somebody else */
}

enum { MINE = 1 };

/* Has it ended? 0; -EAGAIN; -ENOENT what it is computed from has gone. MINE: `*ready` is the
 * agent's to compute, and this is to be asked again then. Looks for dead claimers. */
static int has_ended(weft_future_t *future, struct weft_agent *agent,
                     weft_future_t **ready);

/* One step: 1 to be asked again. */
static int look_at(weft_future_t *future, struct weft_agent *agent, weft_future_t **ready)
{
        struct weft_cell_seen seen = weft_cell_look(future->cell.sh);
        int rc;
        switch (weft_cell_state(seen)) {
        case WEFT_CELL_EMPTY:
                if (!future->depth)
                        return -EAGAIN;
                break;
        case WEFT_CELL_CLAIMED:
                if (future->depth && weft_cell_what(seen) == agent->sig)
                        return -EDEADLK; /* its function asks for it */
                if (weft_cell_what(seen) == agent->sig ||
                    weft_agent_life(future->handle.arena, weft_cell_what(seen)) !=
                            WEFT_GONE)
                        return -EAGAIN;
                weft_cell_recover(&future->cell, agent, weft_cell_what(seen));
                return 1;
        default:
                return weft_cell_has_ended(seen) ? 0 : -EUCLEAN;
        }
        if (!future->source) /* gone with the last who had both: see open_source() */
                return -EOWNERDEAD;
        rc = has_ended(future->source, agent, ready);
        if (rc)
                return rc;
        rc = weft_cell_claim(&future->cell, agent);
        if (rc)
                return rc == -EALREADY ? 1 : rc == -EBUSY ? -EAGAIN : rc;
        *ready = future;
        return MINE;
}

static int has_ended(weft_future_t *future, struct weft_agent *agent,
                     weft_future_t **ready)
{
        struct weft_agent *same;
        *ready = NULL;
        for (;;) {
                /* Whoever computes has all of the chain open, to be recovered there. */
                int rc = future->depth ? weft_handle_enter(&future->handle, &same) : 0;
                if (!rc)
                        rc = look_at(future, agent, ready);
                if (rc != 1 || *ready)
                        return rc;
        }
}

struct waiting {
        weft_future_t *future, *ready;
        struct weft_agent *agent;
};

static int attempt(void *context)
{
        struct waiting *w = context;
        return has_ended(w->future, w->agent, &w->ready);
}

int weft_future_await(weft_future_t *future, struct weft_agent *agent, uint64_t deadline)
{
        struct waiting w = { future, NULL, agent };
        if (weft_cell_has_ended(weft_cell_look(future->cell.sh)))
                return 0;
        for (;;) {
                struct weft_cell_shared *sleep_at = future->root->cell.sh;
                int rc = attempt(&w);
                if (rc == -EAGAIN && deadline != WEFT_NOW)
                        rc = weft_wait_for(agent, &sleep_at->wait, &future->spin, attempt,
                                           &w, deadline);
                else if (rc == -EAGAIN)
                        weft_agent_polled(agent);
                if (rc != MINE)
                        return rc;
                rc = compute(w.ready, agent);
                if (rc)
                        return rc;
        }
}

/* ---- select ------------------------------------------------------------------------------ */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        const struct weft_future *future = (struct weft_future *)handle;
        return c->op == WEFT_OP_WAIT ? &future->root->cell.sh->wait : NULL;
}

/* What is to be computed is computed here: others who select it do not wait for long. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct weft_future *future = (struct weft_future *)handle, *ready;
        int rc;
        (void)c;
        while ((rc = has_ended(future, agent, &ready)) == MINE) {
                rc = compute(ready, agent);
                if (rc)
                        return rc;
        }
        return rc ? rc : weft_cell_result(weft_cell_look(future->cell.sh));
}

/* Could it be done now? Or is it to be computed, which is as good. */
static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct weft_future *future = (struct weft_future *)handle;
        struct weft_cell_seen seen = weft_cell_look(future->cell.sh);
        if (weft_cell_state(seen) == WEFT_CELL_EMPTY && future->source)
                return look(&future->source->handle, agent, c);
        return weft_cell_has_ended(seen) ? 0 : -EAGAIN;
}

const struct weft_waitable weft_future_waitable = { wait_of, do_case, look };

/* ---- several ----------------------------------------------------------------------------- */

/* Selects among those that are left: the index of one that has ended, its result in
 * `*result`; it is left out from then on. */
static int next_of(struct weft_case *cases, size_t n, uint64_t deadline, int *result)
{
        int i = weft_select(cases, n, 0, deadline);
        if (i < 0)
                return i;
        *result = cases[i].result;
        cases[i].op = WEFT_OP_NONE;
        return i;
}

static int make_cases(struct weft_case *cases, weft_future_t *const *futures, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (!futures[i])
                        return -EINVAL;
                cases[i] = (struct weft_case){ .object = futures[i], .op = WEFT_OP_WAIT };
        }
        return 0;
}

/* As many at a time as can be selected: one that fails further on is told of later. */
int weft_future_all(weft_future_t *const *futures, size_t n, uint64_t deadline)
{
        struct weft_case cases[WEFT_SELECT_MAX];
        if (!futures && n)
                return -EINVAL;
        for (size_t at = 0; at < n; at += WEFT_SELECT_MAX) {
                size_t some = n - at < WEFT_SELECT_MAX ? n - at : WEFT_SELECT_MAX;
                int rc = make_cases(cases, futures + at, some), result = 0;
                for (size_t left = some; left && !rc && !result; left--) {
                        int i = next_of(cases, some, deadline, &result);
                        rc = i < 0 ? i : 0;
                }
                if (rc || result)
                        return rc ? rc : result;
        }
        return 0;
}

int weft_future_any(weft_future_t *const *futures, size_t n, uint64_t deadline)
{
        struct weft_case cases[WEFT_SELECT_MAX];
        int result = 0;
        if (!futures || !n || n > WEFT_SELECT_MAX)
                return -EINVAL;
        int rc = make_cases(cases, futures, n);
        for (size_t left = n; left && !rc; left--) {
                int i = next_of(cases, n, deadline, &result);
                if (i < 0 || !result)
                        return i;
        }
        return rc ? rc : result;
}

/* ---- what comes next ----------------------------------------------------------------------- */

static int then(weft_future_t *future, const char *name, const struct weft_type *out,
                const void *argument, uint32_t bytes, weft_group_t *group,
                weft_future_t **next)
{
        struct weft_future_wish wish = {
                .source = weft_future_token(future),
                .depth = future->depth + 1,
                .function = name,
                .argument = argument,
                .bytes = bytes,
        };
        if (future->depth >= WEFT_FUTURE_CHAIN_MAX)
                return -ELOOP;
        if (group)
                return weft_submit_after(group, future, name, argument, bytes, next,
                                         WEFT_NOW);
        if (out)
                wish.type = *out;
        return weft_future_make(future->handle.arena, NULL, &wish, WEFT_OBJECT_ANONYMOUS,
                                next);
}

int weft_future_then(weft_future_t *future, const char *function, const void *argument,
                     uint32_t bytes, weft_group_t *group, weft_future_t **next)
{
        const struct weft_function *f = NULL;
        struct weft_agent *agent;
        if (!future || !next)
                return -EINVAL;
        *next = NULL;
        int rc = weft_recipe_check(function, argument, bytes);
        if (!rc)
                rc = weft_handle_enter(&future->handle, &agent);
        if (!rc && weft_function_find(function, &f) == 0)
                rc = weft_function_check(f, future->type.bytes ? &future->type : NULL,
                                         NULL);
        if (rc)
                return rc;
        return then(future, f ? f->name : function, f ? &f->out : NULL, argument, bytes,
                    group, next);
}

int weft_future_map(weft_future_t *future, const struct weft_function *function,
                    const void *argument, uint32_t bytes, weft_group_t *group,
                    weft_future_t **next)
{
        const struct weft_function *known;
        if (!function || !next)
                return -EINVAL;
        *next = NULL;
        int rc = weft_function_find(function->name, &known);
        if (rc)
                return rc;
        return weft_future_then(future, function->name, argument, bytes, group, next);
}
