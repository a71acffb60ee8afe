/* sync/semaphore.c -- permits, plain and owned. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/semaphore.h>

#include "runtime/block.h"
#include "runtime/waitable.h"
#include "sync/ledger.h"
#include "sync/semaphore_shared.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

struct weft_semaphore {
        struct weft_handle handle; /* first */
        uint32_t maximum;          /* checked at open, like these: */
        uint32_t flags;
        struct weft_ledger ledger; /* accounts: NULL if plain */
        struct weft_spin spin;
};

struct op {
        struct weft_semaphore *s;
        struct weft_agent *agent;
        uint32_t n;
        uint32_t maximum;
};

static struct weft_semaphore_shared *shared(const struct weft_semaphore *s)
{
        return s->handle.sh;
}

/* ---- taking -------------------------------------------------------------------- */

static int take_owned(uint64_t *value, uint64_t *now, void *context)
{
        const struct op *op = context;
        if (*value < op->n)
                return -EAGAIN;
        *value -= op->n;
        *now += op->n;
        return 0;
}

static inline int take_plain(weft_a64_t *word, uint32_t n)
{
        uint64_t value = weft_load_rlx(word);
        do {
                if (value < n)
                        return -EAGAIN;
        } while (UNLIKELY(!weft_cas_acq_rel(word, &value, value - n))); /* [P] LP */
        return 0;
}

/* Crash in wait: before the LP nothing has happened; after it the permits are the dead's:
 * used up, or, if owned, given back by recovery. */
static int attempt(void *context)
{
        struct op *op = context;
        const struct weft_ledger *l = &op->s->ledger;
        if (l->accounts)
                return weft_ledger_change(l, op->agent->index, take_owned, op);
        return take_plain(&l->cell->lo, op->n);
}

int weft_semaphore_wait_n(weft_semaphore_t *semaphore, uint32_t n, uint64_t deadline)
{
        struct op op = { .s = semaphore, .n = n };
        if (!semaphore || !n || n > semaphore->maximum)
                return -EINVAL;
        int rc = weft_handle_enter(&semaphore->handle, &op.agent);
        if (!rc)
                rc = attempt(&op);
        if (LIKELY(rc != -EAGAIN))
                return rc;
        if (deadline == WEFT_NOW) {
                weft_agent_polled(op.agent);
                return rc;
        }
        struct weft_semaphore_shared *sh = shared(semaphore);
        if (n > 1 && !weft_load_rlx(&sh->many))
                (void)weft_swap_acq_rel(&sh->many, 1); /* [P] before it looks again */
        return weft_wait_for(op.agent, &sh->wait, &semaphore->spin, attempt, &op,
                             deadline);
}

/* Can a plain one's short way be taken? */
static inline bool is_short(const weft_semaphore_t *semaphore)
{
        return LIKELY(semaphore && !semaphore->ledger.accounts &&
                      weft_handle_me(&semaphore->handle));
}

int weft_semaphore_wait(weft_semaphore_t *semaphore, uint64_t deadline)
{
        if (is_short(semaphore) && LIKELY(!take_plain(&semaphore->ledger.cell->lo, 1)))
                return 0;
        return weft_semaphore_wait_n(semaphore, 1, deadline);
}

int weft_semaphore_try(weft_semaphore_t *semaphore)
{
        return weft_semaphore_wait_n(semaphore, 1, WEFT_NOW);
}

/* ---- giving --------------------------------------------------------------------- */

static int give_owned(uint64_t *value, uint64_t *now, void *context)
{
        const struct op *op = context;
        if (*now < op->n)
                return -EPERM;
        if (*value > op->maximum || op->n > op->maximum - *value)
                return -EOVERFLOW;
        *value += op->n;
        *now -= op->n;
        return 0;
}

/* Whoever waits for many would sleep on if only one were woken, and not he. */
static void tell(struct weft_semaphore_shared *sh, uint32_t n)
{
        if (UNLIKELY(weft_wait_waiters(&sh->wait)))
                weft_wait_wake(&sh->wait, weft_load_rlx(&sh->many) ? INT32_MAX : n);
}

static inline int give_plain(weft_semaphore_t *s, uint32_t n)
{
        const uint64_t maximum = s->maximum;
        weft_a64_t *word = &s->ledger.cell->lo;
        uint64_t value = weft_load_rlx(word);
        do {
                if (UNLIKELY(value > maximum || n > maximum - value))
                        return -EOVERFLOW;
        } while (UNLIKELY(!weft_cas_acq_rel(word, &value, value + n))); /* [P] LP */
        tell(shared(s), n);
        return 0;
}

/* Crash in post: before the LP nothing has happened; after it the permits are there, and
 * who sleeps looks by himself. */
int weft_semaphore_post_n(weft_semaphore_t *semaphore, uint32_t n)
{
        struct op op = { .s = semaphore, .n = n };
        if (!semaphore || !n || n > semaphore->maximum)
                return -EINVAL;
        int rc = weft_handle_enter(&semaphore->handle, &op.agent);
        if (UNLIKELY(rc))
                return rc;
        if (!semaphore->ledger.accounts)
                return give_plain(semaphore, n);
        op.maximum = semaphore->maximum;
        rc = weft_ledger_change(&semaphore->ledger, op.agent->index, give_owned, &op);
        if (LIKELY(!rc))
                tell(shared(semaphore), n);
        return rc;
}

int weft_semaphore_post(weft_semaphore_t *semaphore)
{
        return is_short(semaphore) ? give_plain(semaphore, 1)
                                   : weft_semaphore_post_n(semaphore, 1);
}

/* ---- the dead --------------------------------------------------------------------- */

static int give_all(uint64_t *value, uint64_t *now, void *context)
{
        (void)context;
        *value += *now;
        *now = 0;
        return 0;
}

/* Crash in recover: what the dead holds comes back in one change, made as the dead. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_semaphore_shared *sh = o->sh;
        weft_ref_t ref;
        struct weft_ledger l = { &sh->cell,
                                 weft_accounts_at(o->arena, &sh->accounts, &ref) };
        uint32_t seat = weft_sig_seat(sig);
        if (l.accounts) {
                weft_ledger_settle(&l, seat);
                if (weft_ledger_now(&l, seat))
                        (void)weft_ledger_change(&l, seat, give_all, NULL);
        }
        weft_wait_reset(&sh->wait);
        return 0;
}

/* ---- looking ------------------------------------------------------------------------ */

/* As it will be when the dead are settled. */
static void count_held(weft_arena_t *arena, const struct weft_ledger *l,
                       struct weft_semaphore_info *info)
{
        uint32_t n = l->accounts ? weft_seats_used(arena) : 0;
        for (uint32_t i = 0; i < n; i++) {
                uint32_t now = (uint32_t)weft_ledger_account(l, i);
                info->held += now;
                info->holders += now != 0;
        }
}

static void fill_info(weft_arena_t *arena, struct weft_semaphore_shared *sh,
                      struct weft_semaphore_info *info)
{
        weft_ref_t ref;
        struct weft_ledger l = { &sh->cell,
                                 weft_accounts_at(arena, &sh->accounts, &ref) };
        *info = (struct weft_semaphore_info){
                .value = (uint32_t)weft_load_acq(&sh->cell.lo), /* [P] */
                .waiting = weft_wait_waiters(&sh->wait),
        };
        weft_copy_out(&info->maximum, &sh->maximum, sizeof info->maximum);
        weft_copy_out(&info->flags, &sh->flags, sizeof info->flags);
        count_held(arena, &l, info);
}

int weft_semaphore_info(weft_semaphore_t *semaphore, struct weft_semaphore_info *info)
{
        if (!semaphore || !info)
                return -EINVAL;
        fill_info(semaphore->handle.arena, shared(semaphore), info);
        return 0;
}

int64_t weft_semaphore_value(weft_semaphore_t *semaphore)
{
        if (!semaphore)
                return -EINVAL;
        uint64_t value = weft_load_acq(&shared(semaphore)->cell.lo); /* [P] */
        return value <= semaphore->maximum ? (int64_t)value : -EUCLEAN;
}

/* Does the header make sense? */
static int read_header(weft_arena_t *arena, struct weft_semaphore_shared *sh,
                       uint32_t *maximum, uint32_t *flags, struct weft_ledger *ledger)
{
        weft_ref_t ref;
        weft_copy_out(maximum, &sh->maximum, sizeof *maximum);
        weft_copy_out(flags, &sh->flags, sizeof *flags);
        *ledger = (struct weft_ledger){ &sh->cell,
                                        weft_accounts_at(arena, &sh->accounts, &ref) };
        bool owned = *flags & WEFT_SEMAPHORE_OWNED;
        if (!*maximum || *maximum > WEFT_SEMAPHORE_MAX ||
            *flags & ~(uint32_t)WEFT_SEMAPHORE_OWNED ||
            owned != (ledger->accounts != NULL))
                return -EUCLEAN;
        return 0;
}

static bool busy(struct weft_object *o)
{
        struct weft_semaphore_info info;
        fill_info(o->arena, o->sh, &info);
        return info.held || info.waiting;
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_semaphore_shared *sh = o->sh;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        uint32_t maximum, flags;
        struct weft_ledger l;
        weft_ref_t ref;
        int rc = read_header(o->arena, sh, &maximum, &flags, &l);
        *bytes = sizeof *sh;
        if (!rc && weft_load_acq(&sh->cell.lo) > maximum) /* [P] */
                rc = -EUCLEAN;
        if (rc || !weft_accounts_at(o->arena, &sh->accounts, &ref))
                return rc;
        *bytes += weft_block_bytes(o->arena, ref);
        return weft_block_owner(o->arena, ref).v == owner.v ? 0 : -EUCLEAN;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_semaphore_info i;
        struct weft_ledger l;
        char held[64] = "";
        if (read_header(o->arena, o->sh, &i.maximum, &i.flags, &l)) {
                (void)snprintf(info->detail, sizeof info->detail, "corrupt");
                return;
        }
        fill_info(o->arena, o->sh, &i);
        if (i.flags & WEFT_SEMAPHORE_OWNED)
                (void)snprintf(held, sizeof held, ", %u held by %u", i.held, i.holders);
        (void)snprintf(info->detail, sizeof info->detail,
                       "%u of %u permits%s, %u waiting", i.value, i.maximum, held,
                       i.waiting);
}

/* ---- select --------------------------------------------------------------------------- */

static uint32_t permits(const struct weft_case *c)
{
        return !c->n ? 1 : c->n > UINT32_MAX ? UINT32_MAX : (uint32_t)c->n;
}

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_semaphore_shared *sh = handle->sh;
        if (c->op != WEFT_OP_ACQUIRE)
                return NULL;
        if (permits(c) > 1 && !handle->arena->readonly && !weft_load_rlx(&sh->many))
                (void)weft_swap_acq_rel(&sh->many, 1); /* [P] */
        return &sh->wait;
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct op op = { (struct weft_semaphore *)handle, agent, permits(c), 0 };
        return op.n > op.s->maximum ? -EINVAL : attempt(&op);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct weft_semaphore *s = (struct weft_semaphore *)handle;
        (void)agent;
        return weft_load_acq(&s->ledger.cell->lo) >= permits(c) ? 0 : -EAGAIN; /* [P] */
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

/* ---- the kind --------------------------------------------------------------------------- */

static int view(struct weft_handle *handle)
{
        struct weft_semaphore *s = (struct weft_semaphore *)handle;
        return read_header(handle->arena, handle->sh, &s->maximum, &s->flags, &s->ledger);
}

static uint32_t maximum_of(const struct weft_semaphore_options *o)
{
        return o->maximum ? o->maximum : WEFT_SEMAPHORE_MAX;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_semaphore *s = (const struct weft_semaphore *)handle;
        const struct weft_semaphore_options *o = options;
        return s->flags == o->flags && s->maximum == maximum_of(o);
}

/* Crash in create: the draft owns the blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_semaphore_options *o = draft->options;
        struct weft_semaphore_shared *sh = draft->sh;
        weft_store_rlx(&sh->cell.lo, o->value);
        sh->maximum = maximum_of(o);
        sh->flags = o->flags;
        if (!(o->flags & WEFT_SEMAPHORE_OWNED))
                return 0;
        return weft_accounts_init(draft, &sh->accounts);
}

static void destroy(struct weft_object *o)
{
        const struct weft_semaphore_shared *sh = o->sh;
        weft_accounts_free(o, &sh->accounts);
}

static struct weft_kind kind = {
        .name = "semaphore",
        .id = WEFT_SEMAPHORE_KIND_ID,
        .version = WEFT_SEMAPHORE_FORMAT,
        .header_bytes = sizeof(struct weft_semaphore_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_semaphore),
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
                const struct weft_semaphore_options *options, bool or_open,
                weft_semaphore_t **semaphore)
{
        if (!semaphore || !options || options->flags & ~(uint32_t)WEFT_SEMAPHORE_OWNED ||
            options->reserved || options->maximum > WEFT_SEMAPHORE_MAX ||
            options->value > maximum_of(options))
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, options, init, or_open, semaphore);
}

int weft_semaphore_create(weft_arena_t *arena, const char *name,
                          const struct weft_semaphore_options *options,
                          weft_semaphore_t **semaphore)
{
        return make(arena, name, options, false, semaphore);
}

int weft_semaphore_create_or_open(weft_arena_t *arena, const char *name,
                                  const struct weft_semaphore_options *options,
                                  weft_semaphore_t **semaphore)
{
        return make(arena, name, options, true, semaphore);
}

int weft_semaphore_open(weft_arena_t *arena, const char *name,
                        weft_semaphore_t **semaphore)
{
        return semaphore ? weft_handle_open(arena, name, &kind, semaphore) : -EINVAL;
}

void weft_semaphore_close(weft_semaphore_t *semaphore)
{
        weft_handle_close(semaphore);
}
