/* sync/condition.c -- waiting for what a mutex protects; notifying. */
#include <errno.h>
#include <stdio.h>

#include <weft/condition.h>

#include "runtime/waitable.h"
#include "sync/condition_shared.h"
#include "sync/mutex_internal.h"

struct weft_condition {
        struct weft_handle handle; /* first */
        struct weft_spin spin;
};

struct op {
        struct weft_condition *c;
        struct weft_agent *agent;
};

static struct weft_condition_shared *shared(const struct weft_condition *c)
{
        return c->handle.sh;
}

/* ---- waiting ---------------------------------------------------------------- */

static int attempt(void *context)
{
        const struct op *op = context;
        return weft_line_is_called(&shared(op->c)->line, op->agent->sig) ? 0 : -EAGAIN;
}

/* Has its holder died, and nobody taken it since, or is it given up? One to whom it is only
 * offered may have gone. */
static bool is_bereft(const struct weft_mutex *m)
{
        const struct weft_mutex_shared *sh = m->handle.sh;
        uint64_t word = weft_load_rlx(&sh->word);
        return word & WEFT_MUTEX_LOST ||
               (word & WEFT_MUTEX_INCONSISTENT &&
                (!weft_mutex_sig(word) || word & WEFT_MUTEX_OFFERED));
}

/* Until it is called, or the mutex has lost its holder, which no change of the line would
 * tell: hence a look at it as often as at the dead. */
static int wait_in_line(struct op *op, const struct weft_mutex *m, uint64_t deadline)
{
        struct weft_wait_shared *wait = &shared(op->c)->wait;
        uint32_t bit = weft_line_bit(op->agent->sig);
        int rc = attempt(op);
        while (rc == -EAGAIN && deadline != WEFT_NOW) {
                uint64_t look = weft_after(WEFT_WAIT_RECHECK_NS);
                bool last = deadline <= look;
                rc = weft_wait_for_bits(op->agent, wait, bit, &op->c->spin, attempt, op,
                                        last ? deadline : look);
                if (rc != -ETIMEDOUT || last)
                        break;
                weft_agents_settle_sometimes(op->agent, weft_now());
                rc = is_bereft(m) ? 0 : -EAGAIN;
        }
        return rc;
}

/* Crash in wait: until it has left the line, which is the last, a notification that it has
 * is passed on by recovery; and the mutex, if it is held, is INCONSISTENT. */
int weft_condition_wait(weft_condition_t *condition, weft_mutex_t *mutex,
                        uint64_t deadline)
{
        struct op op = { .c = condition };
        if (!condition || !mutex || condition->handle.arena != mutex->handle.arena)
                return -EINVAL;
        int rc = weft_handle_enter(&condition->handle, &op.agent);
        if (!rc)
                rc = weft_mutex_held_once(mutex, op.agent);
        if (rc)
                return rc;
        struct weft_line_shared *line = &shared(condition)->line;
        uint32_t sig = op.agent->sig;
        if (weft_line_is_in(line, sig))
                return -EBUSY;
        weft_line_enter(line, sig); /* LP of wait */
        rc = weft_mutex_unlock(mutex);
        if (rc) {
                (void)weft_line_leave(line, sig);
                return rc;
        }
        rc = wait_in_line(&op, mutex, deadline);
        int locked = weft_mutex_lock(mutex, WEFT_NEVER);
        if (weft_line_leave(line, sig))
                rc = 0;
        return locked ? locked : rc;
}

/* ---- its two halves ----------------------------------------------------------- */

/* Crash in enroll: as in wait. */
int weft_condition_enroll(weft_condition_t *condition)
{
        struct weft_agent *agent;
        int rc = condition ? weft_handle_enter(&condition->handle, &agent) : -EINVAL;
        if (rc)
                return rc;
        struct weft_line_shared *line = &shared(condition)->line;
        if (weft_line_is_in(line, agent->sig))
                return -EBUSY;
        weft_line_enter(line, agent->sig); /* LP of enroll */
        return 0;
}

int weft_condition_cancel(weft_condition_t *condition)
{
        struct weft_agent *agent;
        int rc = condition ? weft_handle_enter(&condition->handle, &agent) : -EINVAL;
        return rc ? rc : weft_line_leave(&shared(condition)->line, agent->sig);
}

/* ---- notifying ----------------------------------------------------------------- */

/* Crash in notify: before the LP nothing has happened; after it the waiter is called, and
 * looks by himself if he sleeps. */
int64_t weft_condition_notify_one(weft_condition_t *condition)
{
        struct weft_agent *agent;
        int rc = condition ? weft_handle_enter(&condition->handle, &agent) : -EINVAL;
        if (rc)
                return rc;
        struct weft_condition_shared *sh = shared(condition);
        uint32_t first = weft_line_call(agent->arena, &sh->line); /* LP of notify_one */
        if (first)
                weft_wait_wake_bits(&sh->wait, weft_line_bit(first));
        return first != 0;
}

int64_t weft_condition_notify_all(weft_condition_t *condition)
{
        struct weft_agent *agent;
        int rc = condition ? weft_handle_enter(&condition->handle, &agent) : -EINVAL;
        if (rc)
                return rc;
        struct weft_condition_shared *sh = shared(condition);
        uint32_t n = weft_line_call_all(agent->arena, &sh->line); /* LP: each call */
        if (n)
                weft_wait_signal(&sh->wait, INT32_MAX);
        return n;
}

/* ---- the dead -------------------------------------------------------------------- */

/* Crash in recover: its place in line tells, up to the end, that it is to be settled. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_condition_shared *sh = o->sh;
        weft_line_settle(o->arena, &sh->line, sig);
        weft_wait_reset(&sh->wait);
        return 0;
}

/* ---- looking ---------------------------------------------------------------------- */

static void fill_info(weft_arena_t *arena, struct weft_condition_shared *sh,
                      struct weft_condition_info *info)
{
        weft_line_count(arena, &sh->line, &info->waiting, &info->notified);
}

int weft_condition_info(weft_condition_t *condition, struct weft_condition_info *info)
{
        if (!condition || !info)
                return -EINVAL;
        fill_info(condition->handle.arena, shared(condition), info);
        return 0;
}

static bool busy(struct weft_object *o)
{
        struct weft_condition_info info;
        fill_info(o->arena, o->sh, &info);
        return info.waiting || info.notified;
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        (void)o;
        *bytes = sizeof(struct weft_condition_shared);
        return 0;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_condition_info i;
        fill_info(o->arena, o->sh, &i);
        (void)snprintf(info->detail, sizeof info->detail, "%u waiting, %u notified",
                       i.waiting, i.notified);
}

/* ---- select ------------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_condition *condition = (struct weft_condition *)handle;
        return c->op == WEFT_OP_NOTIFIED ? &shared(condition)->wait : NULL;
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct op op = { (struct weft_condition *)handle, agent };
        (void)c;
        if (!weft_line_is_in(&shared(op.c)->line, agent->sig))
                return 0;
        return attempt(&op);
}

/* Who has not enrolled would wait for ever. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct op op = { (struct weft_condition *)handle, agent };
        struct weft_line_shared *line = &shared(op.c)->line;
        (void)c;
        if (!weft_line_is_in(line, agent->sig))
                return -EINVAL;
        int rc = attempt(&op);
        if (!rc)
                (void)weft_line_leave(line, agent->sig);
        return rc;
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

/* ---- the kind -------------------------------------------------------------------------- */

/* Its header is all there is, and begins as zeroes. */
static int init(struct weft_draft *draft)
{
        (void)draft;
        return 0;
}

static void destroy(struct weft_object *o)
{
        (void)o;
}

static struct weft_kind kind = {
        .name = "condition",
        .id = WEFT_CONDITION_KIND_ID,
        .version = WEFT_CONDITION_FORMAT,
        .header_bytes = sizeof(struct weft_condition_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_condition),
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------------ */

int weft_condition_create(weft_arena_t *arena, const char *name,
                          weft_condition_t **condition)
{
        return condition ? weft_handle_create(arena, name, &kind, NULL, init, false,
                                              condition)
                         : -EINVAL;
}

int weft_condition_create_or_open(weft_arena_t *arena, const char *name,
                                  weft_condition_t **condition)
{
        return condition ? weft_handle_create(arena, name, &kind, NULL, init, true,
                                              condition)
                         : -EINVAL;
}

int weft_condition_open(weft_arena_t *arena, const char *name,
                        weft_condition_t **condition)
{
        return condition ? weft_handle_open(arena, name, &kind, condition) : -EINVAL;
}

void weft_condition_close(weft_condition_t *condition)
{
        weft_handle_close(condition);
}
