/* sync/event.c -- set, clear, pulse, wait. */
#include <errno.h>
#include <stdio.h>

#include <weft/event.h>

#include "runtime/waitable.h"
#include "sync/event_shared.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

struct weft_event {
        struct weft_handle handle; /* first */
        uint32_t flags;            /* checked at open */
        struct weft_spin spin;
};

struct op {
        struct weft_event *e;
        uint64_t begun; /* how many pulses there had been */
};

static struct weft_event_shared *shared(const struct weft_event *e)
{
        return e->handle.sh;
}

static bool is_auto(const struct weft_event *e)
{
        return e->flags & WEFT_EVENT_AUTO;
}

/* ---- waiting ------------------------------------------------------------------- */

static bool take_set(struct weft_event_shared *sh)
{
        uint64_t word = weft_load_acq(&sh->word); /* [E] LP of what is refused */
        while (word & WEFT_EVENT_IS_SET)
                if (weft_cas_acq_rel(&sh->word, &word, /* [E] LP of wait */
                                     word & ~WEFT_EVENT_IS_SET))
                        return true;
        return false;
}

/* The oldest token that is younger than the beginning. Two loads are not one: the CAS
 * says whether they fit; and who pulses in between looks for sleepers after that. */
static bool take_pulse(struct weft_event_shared *sh, uint64_t begun)
{
        struct weft_pair seen = { 0 };
        seen.lo = weft_load_acq(&sh->pulses.lo); /* [E] */
        seen.hi = weft_load_acq(&sh->pulses.hi); /* [E] */
        while (seen.lo != begun) {
                uint64_t since = seen.lo - begun, mine = seen.hi;
                if (since < WEFT_EVENT_TOKENS)
                        mine &= (UINT64_C(1) << since) - 1;
                if (!mine)
                        return false;
                uint64_t oldest = UINT64_C(1) << (63 - __builtin_clzll(mine));
                struct weft_pair left = { seen.lo, seen.hi & ~oldest };
                if (weft_cas16_acq_rel(&sh->pulses, &seen, left)) /* [E] LP of wait */
                        return true;
        }
        return false;
}

static uint64_t begin(const struct weft_event *e)
{
        struct weft_event_shared *sh = shared(e);
        return is_auto(e) ? weft_load_rlx(&sh->pulses.lo)
                          : weft_load_rlx(&sh->word) / WEFT_EVENT_ONE_MORE;
}

/* Crash in wait: before the LP nothing has happened, and the event is set for the next;
 * after it the dead had gone through. */
static int attempt(void *context)
{
        const struct op *op = context;
        struct weft_event_shared *sh = shared(op->e);
        if (is_auto(op->e))
                return take_pulse(sh, op->begun) || take_set(sh) ? 0 : -EAGAIN;
        uint64_t word = weft_load_acq(&sh->word); /* [E] LP of wait */
        return word & WEFT_EVENT_IS_SET || word / WEFT_EVENT_ONE_MORE != op->begun
                       ? 0
                       : -EAGAIN;
}

int weft_event_wait(weft_event_t *event, uint64_t deadline)
{
        struct op op = { .e = event };
        struct weft_agent *agent;
        if (!event)
                return -EINVAL;
        int rc = weft_handle_enter(&event->handle, &agent);
        if (UNLIKELY(rc))
                return rc;
        op.begun = begin(event);
        rc = attempt(&op);
        if (LIKELY(rc != -EAGAIN) || deadline == WEFT_NOW)
                return rc;
        return weft_wait_for(agent, &shared(event)->wait, &event->spin, attempt, &op,
                             deadline);
}

/* ---- setting --------------------------------------------------------------------- */

/* Crash in set: before the LP it is not set; after it, it is, and who sleeps looks by
 * himself. What is set already is written again, for what was done before is to be seen. */
int weft_event_set(weft_event_t *event)
{
        struct weft_agent *agent;
        if (!event)
                return -EINVAL;
        int rc = weft_handle_enter(&event->handle, &agent);
        if (UNLIKELY(rc))
                return rc;
        struct weft_event_shared *sh = shared(event);
        if (is_auto(event)) {
                (void)weft_swap_acq_rel(&sh->word, WEFT_EVENT_IS_SET); /* [E] LP of set */
                weft_wait_signal(&sh->wait, 1);
                return 0;
        }
        uint64_t word = weft_load_rlx(&sh->word), next;
        do {
                next = word;
                if (!(word & WEFT_EVENT_IS_SET))
                        next += WEFT_EVENT_ONE_MORE | WEFT_EVENT_IS_SET;
        } while (!weft_cas_acq_rel(&sh->word, &word, next)); /* [E] LP of set */
        weft_wait_signal(&sh->wait, INT32_MAX);
        return 0;
}

int weft_event_clear(weft_event_t *event)
{
        struct weft_agent *agent;
        if (!event)
                return -EINVAL;
        int rc = weft_handle_enter(&event->handle, &agent);
        if (UNLIKELY(rc))
                return rc;
        (void)weft_and_acq_rel(&shared(event)->word, /* [E] LP of clear */
                               ~WEFT_EVENT_IS_SET);
        return 0;
}

/* Crash in pulse: before the LP nobody was let through, after it those who waited are, or
 * one of them. All are woken, for who is woken first may have come too late. */
int weft_event_pulse(weft_event_t *event)
{
        struct weft_agent *agent;
        if (!event)
                return -EINVAL;
        int rc = weft_handle_enter(&event->handle, &agent);
        if (UNLIKELY(rc))
                return rc;
        struct weft_event_shared *sh = shared(event);
        if (is_auto(event)) {
                struct weft_pair seen = { 0 }, next;
                seen.lo = weft_load_rlx(&sh->pulses.lo);
                seen.hi = weft_load_rlx(&sh->pulses.hi);
                do {
                        next = (struct weft_pair){ seen.lo + 1, seen.hi << 1 | 1 };
                } while (!weft_cas16_acq_rel(&sh->pulses, &seen, next)); /* [E] LP */
        } else {
                (void)weft_add_acq_rel(&sh->word, WEFT_EVENT_ONE_MORE); /* [E] LP */
        }
        weft_wait_signal(&sh->wait, INT32_MAX);
        return 0;
}

/* ---- the dead --------------------------------------------------------------------- */

static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_event_shared *sh = o->sh;
        (void)sig; /* signs nothing here */
        weft_wait_reset(&sh->wait);
        return 0;
}

/* ---- looking ------------------------------------------------------------------------ */

static void fill_info(const struct weft_event_shared *sh, struct weft_event_info *info)
{
        *info = (struct weft_event_info){
                .set = weft_load_acq(&sh->word) & WEFT_EVENT_IS_SET, /* [E] */
                .waiting = weft_wait_waiters(&sh->wait),
        };
        weft_copy_out(&info->flags, &sh->flags, sizeof info->flags);
}

int weft_event_info(weft_event_t *event, struct weft_event_info *info)
{
        if (!event || !info)
                return -EINVAL;
        fill_info(shared(event), info);
        return 0;
}

int weft_event_is_set(weft_event_t *event)
{
        if (!event)
                return -EINVAL;
        return weft_load_acq(&shared(event)->word) & WEFT_EVENT_IS_SET ? 1 : 0; /* [E] */
}

static bool busy(struct weft_object *o)
{
        struct weft_event_info info;
        fill_info(o->sh, &info);
        return info.waiting;
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        const struct weft_event_shared *sh = o->sh;
        struct weft_event_info i;
        fill_info(sh, &i);
        *bytes = sizeof *sh;
        if (i.flags & ~(uint32_t)WEFT_EVENT_AUTO)
                return -EUCLEAN;
        if (i.flags)
                return weft_load_rlx(&sh->word) > WEFT_EVENT_IS_SET ? -EUCLEAN : 0;
        return weft_load_rlx(&sh->pulses.lo) ? -EUCLEAN : 0;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_event_info i;
        fill_info(o->sh, &i);
        (void)snprintf(info->detail, sizeof info->detail, "%s, %s, %u waiting",
                       i.set ? "set" : "not set",
                       i.flags & WEFT_EVENT_AUTO ? "auto" : "manual", i.waiting);
}

/* ---- select --------------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_event_shared *sh = handle->sh;
        return c->op == WEFT_OP_WAIT ? &sh->wait : NULL;
}

/* A case does not remember when it began to wait: it begins now, and pulses pass it by. */
static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct op op = { .e = (struct weft_event *)handle };
        (void)agent;
        (void)c;
        op.begun = begin(op.e);
        return attempt(&op);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        const struct weft_event_shared *sh = handle->sh;
        (void)agent;
        (void)c;
        return weft_load_acq(&sh->word) & WEFT_EVENT_IS_SET ? 0 : -EAGAIN; /* [E] */
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

/* ---- the kind --------------------------------------------------------------------------- */

static int view(struct weft_handle *handle)
{
        struct weft_event *e = (struct weft_event *)handle;
        weft_copy_out(&e->flags, &shared(e)->flags, sizeof e->flags);
        return e->flags & ~(uint32_t)WEFT_EVENT_AUTO ? -EUCLEAN : 0;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_event_options *o = options;
        return ((const struct weft_event *)handle)->flags == (o->flags & WEFT_EVENT_AUTO);
}

/* Crash in create: the draft owns the block; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_event_options *o = draft->options;
        struct weft_event_shared *sh = draft->sh;
        sh->flags = o->flags & WEFT_EVENT_AUTO;
        weft_store_rlx(&sh->word, o->flags & WEFT_EVENT_SET ? WEFT_EVENT_IS_SET : 0);
        return 0;
}

/* It owns nothing but its header. */
static void destroy(struct weft_object *o)
{
        (void)o;
}

static struct weft_kind kind = {
        .name = "event",
        .id = WEFT_EVENT_KIND_ID,
        .version = WEFT_EVENT_FORMAT,
        .header_bytes = sizeof(struct weft_event_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_event),
        .view = view,
        .fits = fits,
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_event_options *options, bool or_open,
                weft_event_t **event)
{
        static const struct weft_event_options none;
        const uint32_t known = WEFT_EVENT_AUTO | WEFT_EVENT_SET;
        if (!options)
                options = &none;
        if (!event || options->flags & ~known || options->reserved)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, options, init, or_open, event);
}

int weft_event_create(weft_arena_t *arena, const char *name,
                      const struct weft_event_options *options, weft_event_t **event)
{
        return make(arena, name, options, false, event);
}

int weft_event_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_event_options *options,
                              weft_event_t **event)
{
        return make(arena, name, options, true, event);
}

int weft_event_open(weft_arena_t *arena, const char *name, weft_event_t **event)
{
        return event ? weft_handle_open(arena, name, &kind, event) : -EINVAL;
}

void weft_event_close(weft_event_t *event)
{
        weft_handle_close(event);
}
