/* sync/latch.c -- a count that goes down to zero once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/latch.h>

#include "runtime/block.h"
#include "runtime/waitable.h"
#include "sync/latch_shared.h"
#include "sync/ledger.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define COUNT_BITS 30
#define COUNT_MASK UINT64_C(0x3fffffff)
#define FAILED (UINT64_C(1) << 63)
#define FAILED_SHIFT 32 /* in an account */

struct weft_latch {
        struct weft_handle handle; /* first */
        uint32_t flags;            /* checked at open */
        struct weft_ledger ledger; /* accounts: NULL if plain */
        struct weft_spin spin;
};

struct op {
        struct weft_latch *l;
        struct weft_agent *agent;
        uint32_t n;
        uint32_t left; /* of the count, when it is done */
};

static struct weft_latch_shared *shared(const struct weft_latch *l)
{
        return l->handle.sh;
}

static uint32_t count_of(uint64_t value)
{
        return (uint32_t)(value & COUNT_MASK);
}

static uint32_t registered_of(uint64_t value)
{
        return (uint32_t)(value >> COUNT_BITS & COUNT_MASK);
}

static uint64_t value_make(uint32_t count, uint32_t registered, uint64_t failed)
{
        return failed | (uint64_t)registered << COUNT_BITS | count;
}

static bool is_whole(uint64_t value)
{
        return registered_of(value) <= count_of(value) &&
               value == value_make(count_of(value), registered_of(value), value & FAILED);
}

/* ---- shares ---------------------------------------------------------------------- */

static int take_share(uint64_t *value, uint64_t *now, void *context)
{
        const struct op *op = context;
        uint32_t count = count_of(*value), registered = registered_of(*value);
        if (!is_whole(*value))
                return -EUCLEAN;
        if (op->n > count - registered)
                return -EOVERFLOW;
        *value = value_make(count, registered + op->n, *value & FAILED);
        *now += op->n;
        return 0;
}

/* Crash in register: before the LP nothing has happened; after it the share is the dead's,
 * and fails. */
int weft_latch_register(weft_latch_t *latch, uint32_t n)
{
        struct op op = { .l = latch, .n = n };
        if (!latch || !n)
                return -EINVAL;
        int rc = weft_handle_enter(&latch->handle, &op.agent);
        if (rc)
                return rc;
        if (!latch->ledger.accounts)
                return -EINVAL;
        return weft_ledger_change(&latch->ledger, op.agent->index, take_share, &op);
}

/* ---- counting down ----------------------------------------------------------------- */

static int count_share(uint64_t *value, uint64_t *now, void *context)
{
        struct op *op = context;
        uint32_t count = count_of(*value), registered = registered_of(*value);
        if (op->n > (uint32_t)*now)
                return -EPERM;
        if (!is_whole(*value) || op->n > registered)
                return -EUCLEAN;
        op->left = count - op->n;
        *value = value_make(op->left, registered - op->n, *value & FAILED);
        *now -= op->n;
        return 0;
}

static int count_plain(struct op *op)
{
        weft_a64_t *word = &op->l->ledger.cell->lo;
        uint64_t value = weft_load_rlx(word);
        do {
                if (UNLIKELY(!is_whole(value)))
                        return -EUCLEAN;
                if (UNLIKELY(op->n > count_of(value)))
                        return -EOVERFLOW;
                op->left = count_of(value) - op->n;
        } while (UNLIKELY(!weft_cas_acq_rel(word, &value,
                                            value - op->n))); /* [C] LP of count_down */
        return 0;
}

/* Crash in count_down: before the LP nothing has happened (and recovery fails the share);
 * after it, it has been counted, and who sleeps looks by himself. */
static int count_down(struct op *op)
{
        struct weft_latch *l = op->l;
        int rc = weft_handle_enter(&l->handle, &op->agent);
        if (UNLIKELY(rc))
                return rc;
        if (l->ledger.accounts)
                rc = weft_ledger_change(&l->ledger, op->agent->index, count_share, op);
        else
                rc = count_plain(op);
        if (!rc && !op->left)
                weft_wait_signal(&shared(l)->wait, INT32_MAX);
        return rc;
}

int weft_latch_count_down(weft_latch_t *latch, uint32_t n)
{
        struct op op = { .l = latch, .n = n };
        return latch && n ? count_down(&op) : -EINVAL;
}

/* ---- waiting ------------------------------------------------------------------------- */

static int attempt(void *context)
{
        const struct op *op = context;
        uint64_t value = weft_load_acq(&op->l->ledger.cell->lo); /* [C] LP of wait */
        if (count_of(value))
                return -EAGAIN;
        return UNLIKELY(value & FAILED) ? -EOWNERDEAD : 0;
}

/* Crash in wait: it changes nothing but the number of sleepers, which recovery forgets. */
static int wait_open(struct op *op, uint64_t deadline)
{
        return weft_wait_for(op->agent, &shared(op->l)->wait, &op->l->spin, attempt, op,
                             deadline);
}

int weft_latch_wait(weft_latch_t *latch, uint64_t deadline)
{
        struct op op = { .l = latch };
        if (!latch)
                return -EINVAL;
        int rc = weft_handle_enter(&latch->handle, &op.agent);
        return rc ? rc : wait_open(&op, deadline);
}

int weft_latch_arrive_and_wait(weft_latch_t *latch, uint32_t n, uint64_t deadline)
{
        struct op op = { .l = latch, .n = n };
        if (!latch || !n)
                return -EINVAL;
        int rc = count_down(&op);
        return rc ? rc : wait_open(&op, deadline);
}

/* ---- the dead --------------------------------------------------------------------------- */

/* The share is counted down, and stands as failed in the account from now on. */
static int fail_share(uint64_t *value, uint64_t *now, void *context)
{
        uint32_t count = count_of(*value), registered = registered_of(*value);
        uint32_t share = (uint32_t)*now;
        (void)context;
        if (!is_whole(*value) || share > registered)
                return -EUCLEAN;
        *value = value_make(count - share, registered - share, FAILED);
        *now = ((*now >> FAILED_SHIFT) + share) << FAILED_SHIFT;
        return 0;
}

/* Crash in recover: the share fails in one change, made as the dead. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_latch_shared *sh = o->sh;
        weft_ref_t ref;
        struct weft_ledger l = { &sh->cell,
                                 weft_accounts_at(o->arena, &sh->accounts, &ref) };
        uint32_t seat = weft_sig_seat(sig);
        int rc = 0;
        if (l.accounts) {
                weft_ledger_settle(&l, seat);
                if ((uint32_t)weft_ledger_now(&l, seat))
                        rc = weft_ledger_change(&l, seat, fail_share, NULL);
        }
        weft_wait_reset(&sh->wait);
        return rc;
}

/* ---- looking ------------------------------------------------------------------------------ */

static uint32_t count_failed(weft_arena_t *arena, struct weft_accounts_shared *accounts)
{
        struct weft_ledger l = { NULL, accounts };
        uint32_t n = accounts ? weft_seats_used(arena) : 0, failed = 0;
        for (uint32_t i = 0; i < n; i++)
                failed += (uint32_t)(weft_ledger_now(&l, i) >> FAILED_SHIFT);
        return failed;
}

static void fill_info(weft_arena_t *arena, struct weft_latch_shared *sh,
                      struct weft_latch_info *info)
{
        weft_ref_t ref;
        uint64_t value = weft_load_acq(&sh->cell.lo); /* [C] */
        *info = (struct weft_latch_info){
                .count = count_of(value),
                .registered = registered_of(value),
                .waiting = weft_wait_waiters(&sh->wait),
        };
        weft_copy_out(&info->flags, &sh->flags, sizeof info->flags);
        if (value & FAILED)
                info->failed =
                        count_failed(arena, weft_accounts_at(arena, &sh->accounts, &ref));
}

int weft_latch_info(weft_latch_t *latch, struct weft_latch_info *info)
{
        if (!latch || !info)
                return -EINVAL;
        fill_info(latch->handle.arena, shared(latch), info);
        return 0;
}

int64_t weft_latch_count(weft_latch_t *latch)
{
        if (!latch)
                return -EINVAL;
        uint64_t value = weft_load_acq(&shared(latch)->cell.lo); /* [C] */
        return is_whole(value) ? (int64_t)count_of(value) : -EUCLEAN;
}

static bool busy(struct weft_object *o)
{
        struct weft_latch_info info;
        fill_info(o->arena, o->sh, &info);
        return info.registered || info.waiting;
}

static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_latch_shared *sh = o->sh;
        uint32_t flags;
        weft_ref_t ref;
        bool there = weft_accounts_at(o->arena, &sh->accounts, &ref) != NULL;
        weft_copy_out(&flags, &sh->flags, sizeof flags);
        *bytes = sizeof *sh + (there ? weft_block_bytes(o->arena, ref) : 0);
        bool shares = flags & WEFT_LATCH_REGISTERED;
        uint64_t value = weft_load_acq(&sh->cell.lo); /* [C] */
        if (there != shares || !is_whole(value))
                return -EUCLEAN;
        return shares || value == count_of(value) ? 0 : -EUCLEAN;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        const struct weft_latch_shared *sh = o->sh;
        struct weft_latch_info i;
        uint32_t total;
        char shares[64] = "";
        fill_info(o->arena, o->sh, &i);
        weft_copy_out(&total, &sh->total, sizeof total);
        if (i.flags & WEFT_LATCH_REGISTERED)
                (void)snprintf(shares, sizeof shares, ", %u registered, %u failed",
                               i.registered, i.failed);
        (void)snprintf(info->detail, sizeof info->detail,
                       "%u of %u to count%s, %u waiting", i.count, total, shares,
                       i.waiting);
}

/* ---- select ---------------------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        struct weft_latch_shared *sh = handle->sh;
        return c->op == WEFT_OP_WAIT ? &sh->wait : NULL;
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct op op = { .l = (struct weft_latch *)handle, .agent = agent };
        (void)c;
        return attempt(&op);
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        struct op op = { .l = (struct weft_latch *)handle, .agent = agent };
        (void)c;
        return attempt(&op) == -EAGAIN ? -EAGAIN : 0;
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

/* ---- the kind ---------------------------------------------------------------------------------- */

static int view(struct weft_handle *handle)
{
        struct weft_latch *l = (struct weft_latch *)handle;
        struct weft_latch_shared *sh = handle->sh;
        weft_ref_t ref;
        weft_copy_out(&l->flags, &sh->flags, sizeof l->flags);
        l->ledger =
                (struct weft_ledger){ &sh->cell, weft_accounts_at(handle->arena,
                                                                  &sh->accounts, &ref) };
        if (l->flags & ~(uint32_t)WEFT_LATCH_REGISTERED ||
            (l->flags & WEFT_LATCH_REGISTERED) != (l->ledger.accounts != NULL))
                return -EUCLEAN;
        return 0;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_latch *l = (const struct weft_latch *)handle;
        const struct weft_latch_options *o = options;
        return l->flags == o->flags;
}

/* Crash in create: the draft owns the blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_latch_options *o = draft->options;
        struct weft_latch_shared *sh = draft->sh;
        weft_store_rlx(&sh->cell.lo, o->count);
        sh->total = o->count;
        sh->flags = o->flags;
        if (!(o->flags & WEFT_LATCH_REGISTERED))
                return 0;
        return weft_accounts_init(draft, &sh->accounts);
}

static void destroy(struct weft_object *o)
{
        const struct weft_latch_shared *sh = o->sh;
        weft_accounts_free(o, &sh->accounts);
}

static struct weft_kind kind = {
        .name = "latch",
        .id = WEFT_LATCH_KIND_ID,
        .version = WEFT_LATCH_FORMAT,
        .header_bytes = sizeof(struct weft_latch_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_latch),
        .view = view,
        .fits = fits,
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close ------------------------------------------------------------------------ */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_latch_options *options, bool or_open,
                weft_latch_t **latch)
{
        if (!latch || !options || options->flags & ~(uint32_t)WEFT_LATCH_REGISTERED ||
            options->count > WEFT_LATCH_MAX)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, options, init, or_open, latch);
}

int weft_latch_create(weft_arena_t *arena, const char *name,
                      const struct weft_latch_options *options, weft_latch_t **latch)
{
        return make(arena, name, options, false, latch);
}

int weft_latch_create_or_open(weft_arena_t *arena, const char *name,
                              const struct weft_latch_options *options,
                              weft_latch_t **latch)
{
        return make(arena, name, options, true, latch);
}

int weft_latch_open(weft_arena_t *arena, const char *name, weft_latch_t **latch)
{
        return latch ? weft_handle_open(arena, name, &kind, latch) : -EINVAL;
}

void weft_latch_close(weft_latch_t *latch)
{
        weft_handle_close(latch);
}
