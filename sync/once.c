/* sync/once.c -- run by the first, awaited by the others. */
#include <errno.h>
#include <stdio.h>

#include <weft/error.h>
#include <weft/once.h>

#include "runtime/waitable.h"
#include "sync/once_shared.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { ERRNO_MAX = 4095 };
enum { MINE = 1, ENDED }; /* what an attempt comes to; no errors: those may be results */

struct weft_once {
        struct weft_handle handle; /* first */
        struct weft_spin spin;
};

struct op {
        struct weft_once *once;
        struct weft_agent *agent;
        int result; /* when it has ended */
};

static struct weft_once_shared *shared(const struct weft_once *once)
{
        return once->handle.sh;
}

/* Has it ended? Then `result` is what with. */
static bool has_ended(uint64_t word, int *result)
{
        uint32_t what = (uint32_t)word;
        if (word == WEFT_ONCE_DONE)
                *result = 0;
        else if ((word & WEFT_ONCE_STATE) == WEFT_ONCE_FAILED)
                *result = what && what <= ERRNO_MAX ? -(int)what : -EUCLEAN;
        else
                return false;
        return true;
}

static uint64_t ended(int result)
{
        return result ? WEFT_ONCE_FAILED | (uint32_t)-result : WEFT_ONCE_DONE;
}

/* What agent `sig`, who does nothing any more, was running. Crash in recover: the next one
 * finds the word as it was, or new. */
static void settle(struct weft_once_shared *sh, uint32_t sig)
{
        uint64_t running = WEFT_ONCE_RUNNING | sig;
        (void)weft_cas_acq_rel(&sh->word, &running, 0); /* [O] */
}

/* ---- calling ------------------------------------------------------------------- */

/* Crash in call: before the first LP nothing has happened; between the two it is new again
 * once the death is found, which whoever waits does; after the second it has ended. */
static int attempt(void *context)
{
        struct op *op = context;
        struct weft_once_shared *sh = shared(op->once);
        for (;;) {
                uint64_t word = weft_load_acq(&sh->word); /* [O] LP of call, if ended */
                uint32_t whose = (uint32_t)word;
                if (has_ended(word, &op->result))
                        return ENDED;
                if (!word) {
                        uint64_t mine = WEFT_ONCE_RUNNING | op->agent->sig;
                        if (weft_cas_acq_rel(&sh->word, &word, mine)) /* [O] LP: begun */
                                return MINE;
                } else if ((word & WEFT_ONCE_STATE) != WEFT_ONCE_RUNNING) {
                        return -EUCLEAN;
                } else if (whose == op->agent->sig) {
                        return -EDEADLK;
                } else if (weft_agent_life(op->once->handle.arena, whose) == WEFT_GONE) {
                        settle(sh, whose); /* if bytes are hostile: nobody ever ran it */
                } else {
                        return -EAGAIN;
                }
        }
}

/* Runs it for the agent that signed, and says so if that is still who we are then: the
 * function may have forked, or left the arena. */
static int run(struct op *op, int (*function)(void *argument), void *argument)
{
        weft_arena_t *arena = op->once->handle.arena;
        struct weft_once_shared *sh = shared(op->once);
        uint32_t sig = op->agent->sig;
        uint64_t running = WEFT_ONCE_RUNNING | sig;

        int result = function(argument);
        if (result > 0 || result < -ERRNO_MAX)
                result = -EINVAL;
        if (weft_agent_self(arena, &op->agent) || op->agent->sig != sig ||
            !weft_cas_acq_rel(&sh->word, &running, ended(result))) /* [O] LP: ended */
                return -EPERM;
        weft_wait_signal(&sh->wait, INT32_MAX);
        return result;
}

int weft_once_call(weft_once_t *once, int (*function)(void *argument), void *argument,
                   uint64_t deadline)
{
        struct op op = { .once = once };
        if (!once || !function)
                return -EINVAL;
        int rc = weft_handle_enter(&once->handle, &op.agent);
        if (UNLIKELY(rc))
                return rc;
        if (LIKELY(weft_load_acq(&shared(once)->word) == WEFT_ONCE_DONE)) /* [O] LP */
                return 0;
        rc = attempt(&op);
        if (rc == -EAGAIN && deadline != WEFT_NOW)
                rc = weft_wait_for(op.agent, &shared(once)->wait, &once->spin, attempt,
                                   &op, deadline);
        if (rc == ENDED)
                return op.result;
        return rc == MINE ? run(&op, function, argument) : rc;
}

/* Crash in reset: it is as it was, or new. */
int weft_once_reset(weft_once_t *once)
{
        struct weft_agent *agent;
        int result;
        if (!once)
                return -EINVAL;
        int rc = weft_handle_enter(&once->handle, &agent);
        if (rc)
                return rc;
        struct weft_once_shared *sh = shared(once);
        for (;;) {
                uint64_t word =
                        weft_load_acq(&sh->word); /* [O] LP if it is new, or runs */
                uint32_t whose = (uint32_t)word;
                if (!word)
                        return 0;
                if (has_ended(word, &result)) {
                        if (weft_cas_acq_rel(&sh->word, &word, 0)) /* [O] LP of reset */
                                return 0;
                } else if ((word & WEFT_ONCE_STATE) != WEFT_ONCE_RUNNING) {
                        return -EUCLEAN;
                } else if (weft_agent_life(once->handle.arena, whose) == WEFT_GONE) {
                        settle(sh, whose);
                } else {
                        return -EBUSY;
                }
        }
}

/* ---- the dead --------------------------------------------------------------------- */

static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_once_shared *sh = o->sh;
        settle(sh, sig);
        weft_wait_reset(&sh->wait);
        return 0;
}

/* ---- looking ------------------------------------------------------------------------ */

int weft_once_done(weft_once_t *once)
{
        int result;
        if (!once)
                return -EINVAL;
        if (!has_ended(weft_load_acq(&shared(once)->word), &result)) /* [O] */
                return 0;
        return result ? result : 1;
}

static void fill_info(weft_arena_t *arena, const struct weft_once_shared *sh,
                      struct weft_once_info *info)
{
        uint64_t word = weft_load_acq(&sh->word); /* [O] */
        int result = 0;
        bool done = has_ended(word, &result);
        bool running = (word & WEFT_ONCE_STATE) == WEFT_ONCE_RUNNING;
        *info = (struct weft_once_info){
                .done = done,
                .running = running,
                .result = result,
                .runner_pid = running ? weft_agent_pid(arena, (uint32_t)word) : 0,
                .waiting = weft_wait_waiters(&sh->wait),
        };
}

int weft_once_info(weft_once_t *once, struct weft_once_info *info)
{
        if (!once || !info)
                return -EINVAL;
        fill_info(once->handle.arena, shared(once), info);
        return 0;
}

static bool busy(struct weft_object *o)
{
        struct weft_once_info info;
        fill_info(o->arena, o->sh, &info);
        return info.running || info.waiting;
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        const struct weft_once_shared *sh = o->sh;
        uint64_t word = weft_load_acq(&sh->word); /* [O] */
        int result = 0;
        *bytes = sizeof *sh;
        if (!word || (word & WEFT_ONCE_STATE) == WEFT_ONCE_RUNNING)
                return 0;
        return has_ended(word, &result) && ended(result) == word ? 0 : -EUCLEAN;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_once_info i;
        size_t room = sizeof info->detail;
        fill_info(o->arena, o->sh, &i);
        int n = i.running  ? snprintf(info->detail, room, "%u runs it", i.runner_pid)
                : !i.done  ? snprintf(info->detail, room, "new")
                : i.result ? snprintf(info->detail, room, "failed: %s",
                                      weft_strerror(i.result))
                           : snprintf(info->detail, room, "done");
        if (n >= 0 && (size_t)n < room)
                (void)snprintf(info->detail + n, room - (size_t)n, ", %u waiting",
                               i.waiting);
}

/* ---- select --------------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_once_shared *sh = handle->sh;
        return c->op == WEFT_OP_WAIT ? &sh->wait : NULL;
}

/* Waits for those who run it, and never runs it. A result that says "go on waiting" to
 * select is told as what it was: the function's no. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        const struct weft_once_shared *sh = handle->sh;
        int result;
        (void)agent;
        (void)c;
        if (!has_ended(weft_load_acq(&sh->word), &result)) /* [O] */
                return -EAGAIN;
        return result == -EAGAIN ? -ECANCELED : result;
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        const struct weft_once_shared *sh = handle->sh;
        int result;
        (void)agent;
        (void)c;
        return has_ended(weft_load_acq(&sh->word), &result) ? 0 : -EAGAIN; /* [O] */
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

/* ---- the kind --------------------------------------------------------------------------- */

/* Crash in create: the draft owns the block; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        (void)draft; /* zeroes are a new one */
        return 0;
}

/* It owns nothing but its header. */
static void destroy(struct weft_object *o)
{
        (void)o;
}

static struct weft_kind kind = {
        .name = "once",
        .id = WEFT_ONCE_KIND_ID,
        .version = WEFT_ONCE_FORMAT,
        .header_bytes = sizeof(struct weft_once_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_once),
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name, bool or_open, weft_once_t **once)
{
        if (!once)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, NULL, init, or_open, once);
}

int weft_once_create(weft_arena_t *arena, const char *name, weft_once_t **once)
{
        return make(arena, name, false, once);
}

int weft_once_create_or_open(weft_arena_t *arena, const char *name, weft_once_t **once)
{
        return make(arena, name, true, once);
}

int weft_once_open(weft_arena_t *arena, const char *name, weft_once_t **once)
{
        return once ? weft_handle_open(arena, name, &kind, once) : -EINVAL;
}

void weft_once_close(weft_once_t *once)
{
        weft_handle_close(once);
}
