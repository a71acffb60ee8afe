/* sync/signal.c -- a versioned value: read it, set it, wait for it to change. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/signal.h>

#include "runtime/block.h"
#include "runtime/waitable.h"
#include "sync/ledger.h"
#include "sync/signal_shared.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

struct weft_signal {
        struct weft_handle handle; /* first */
        uint32_t bytes;            /* checked at open, like this: */
        struct weft_ledger ledger;
        struct weft_spin spin;
};

static struct weft_signal_shared *shared(const struct weft_signal *s)
{
        return s->handle.sh;
}

static uint64_t version_of(uint64_t hi)
{
        return weft_ledger_number(hi) + 1;
}

/* ---- reading ---------------------------------------------------------------- */

/* As for arrays: a read-only handle cannot pin, and looks afterwards whether what it read
 * was still the signal's. Anybody else needs the pin, though reading changes nothing. */
static int begin_read(struct weft_signal *s)
{
        struct weft_agent *agent;
        return s->handle.arena->readonly ? 0 : weft_handle_enter(&s->handle, &agent);
}

static bool still_there(const struct weft_signal *s, weft_ref_t ref)
{
        weft_arena_t *arena = s->handle.arena;
        return LIKELY(!arena->readonly) ||
               weft_block_owner(arena, ref).v == weft_handle_owner(&s->handle).v;
}

/* Copies the value (unless `to` is NULL) and its version out. */
static int read_out(struct weft_signal *s, void *to, uint64_t *version)
{
        const weft_a128_t *cell = s->ledger.cell;
        uint64_t before, after = weft_load_acq(&cell->hi); /* [V] */
        weft_ref_t ref;
        const void *at;
        do {
                before = after;
                ref.v = weft_load_acq(&cell->lo); /* [V] */
                at = weft_at(s->handle.arena, ref, s->bytes);
                if (at && to)
                        weft_copy_out(to, at, s->bytes);
                after = weft_load_acq(&cell->hi); /* [V] LP of get */
        } while (UNLIKELY(before != after));
        if (UNLIKELY(!at))
                return s->handle.arena->readonly ? -ENOENT : -EUCLEAN;
        *version = version_of(after);
        return still_there(s, ref) ? 0 : -ENOENT;
}

int weft_signal_get(weft_signal_t *signal, void *value, uint64_t *version)
{
        uint64_t seen;
        int rc = signal && value ? begin_read(signal) : -EINVAL;
        if (!rc)
                rc = read_out(signal, value, &seen);
        if (!rc && version)
                *version = seen;
        return rc;
}

uint32_t weft_signal_bytes(const weft_signal_t *signal)
{
        return signal ? signal->bytes : 0;
}

/* ---- setting ---------------------------------------------------------------- */

/* Where this seat's next value goes. Crash in spare: until it is in the account the block
 * is the agent's, and goes with it; then recovery passes it to the signal. */
static int spare(struct weft_signal *s, struct weft_agent *agent, void **at)
{
        weft_arena_t *arena = s->handle.arena;
        weft_a64_t *mine = &weft_account_of_seat(s->ledger.accounts, agent->index)->now;
        weft_ref_t ref = { weft_load_rlx(mine) };
        if (LIKELY(ref.v)) {
                *at = weft_at(arena, ref, s->bytes);
                return LIKELY(*at != NULL) ? 0 : -EUCLEAN;
        }
        int rc = weft_block_alloc(arena, s->bytes, &ref, at);
        if (rc)
                return rc;
        weft_store_rlx(mine, ref.v);
        return weft_block_pass(arena, ref, weft_owner_make(WEFT_OWNER_AGENT, agent->sig),
                               weft_handle_owner(&s->handle));
}

static int swap(uint64_t *value, uint64_t *now, void *context)
{
        uint64_t old = *value;
        (void)context;
        *value = *now;
        *now = old;
        return 0;
}

/* Sets the value if the number of the last change is `*number`, or that is ANY. Crash in
 * set: before the LP the spare holds rubbish, which nobody reads; after it, who sleeps
 * looks by himself. */
static int put(struct weft_signal *s, struct weft_agent *agent, const void *value,
               uint64_t *number)
{
        void *at;
        int rc = spare(s, agent, &at);
        if (UNLIKELY(rc))
                return rc;
        weft_copy_in(at, value, s->bytes);
        rc = weft_ledger_change_at(&s->ledger, agent->index, number, swap, NULL);
        if (!rc)
                weft_wait_signal(&shared(s)->wait, INT32_MAX);
        return rc;
}

int weft_signal_set(weft_signal_t *signal, const void *value, uint64_t *version)
{
        uint64_t number = WEFT_LEDGER_ANY;
        struct weft_agent *agent;
        int rc = signal && value ? weft_handle_enter(&signal->handle, &agent) : -EINVAL;
        if (!rc)
                rc = put(signal, agent, value, &number);
        if (!rc && version)
                *version = number + 1;
        return rc;
}

int weft_signal_compare_and_set(weft_signal_t *signal, const void *value,
                                uint64_t *version)
{
        struct weft_agent *agent;
        if (!signal || !value || !version)
                return -EINVAL;
        int rc = weft_handle_enter(&signal->handle, &agent);
        if (rc)
                return rc;
        uint64_t hi = weft_load_acq(&signal->ledger.cell->hi); /* [V] LP of -EAGAIN */
        uint64_t number = weft_ledger_number(hi);
        rc = -EAGAIN;
        if (number == *version - 1)
                rc = put(signal, agent, value, &number);
        if (!rc || rc == -EAGAIN)
                *version = number + 1;
        return rc;
}

int weft_signal_update(weft_signal_t *signal, int (*function)(void *value, void *context),
                       void *context, uint64_t *version)
{
        _Alignas(64) unsigned char value[WEFT_SIGNAL_BYTES_MAX];
        struct weft_agent *agent;
        uint64_t seen;
        if (!signal || !function)
                return -EINVAL;
        int rc = weft_handle_enter(&signal->handle, &agent);
        if (rc)
                return rc;
        do {
                rc = read_out(signal, value, &seen);
                if (rc)
                        return rc;
                if (function(value, context))
                        return -ECANCELED;
                seen--;
                rc = put(signal, agent, value, &seen);
        } while (rc == -EAGAIN);
        if (!rc && version)
                *version = seen + 1;
        return rc;
}

/* ---- waiting ------------------------------------------------------------------ */

struct op {
        struct weft_signal *s;
        void *to;
        uint64_t seen;
        uint64_t version;
};

static bool has_changed(const struct weft_signal *s, uint64_t seen)
{
        return version_of(weft_load_acq(&s->ledger.cell->hi)) != seen; /* [V] */
}

static int attempt(void *context)
{
        struct op *op = context;
        if (!has_changed(op->s, op->seen))
                return -EAGAIN;
        int rc = read_out(op->s, op->to, &op->version);
        return rc ? rc : op->version == op->seen ? -EAGAIN : 0;
}

/* Looks before it waits: that, a read-only handle can do too. */
int weft_signal_wait_change(weft_signal_t *signal, void *value, uint64_t *version,
                            uint64_t deadline)
{
        struct weft_agent *agent;
        if (!signal || !version)
                return -EINVAL;
        struct op op = { .s = signal, .to = value, .seen = *version };
        int rc = begin_read(signal);
        if (!rc)
                rc = attempt(&op);
        if (rc == -EAGAIN && deadline != WEFT_NOW) {
                rc = weft_handle_enter(&signal->handle, &agent);
                if (!rc)
                        rc = weft_wait_for(agent, &shared(signal)->wait, &signal->spin,
                                           attempt, &op, deadline);
        }
        if (!rc)
                *version = op.version;
        return rc;
}

/* ---- the dead ------------------------------------------------------------------- */

/* Crash in recover: settled is settled, and what was passed is not the dead's any more. */
static int recover(struct weft_object *o, uint32_t sig)
{
        struct weft_signal_shared *sh = o->sh;
        weft_ref_t ref;
        struct weft_ledger l = { &sh->cell,
                                 weft_accounts_at(o->arena, &sh->accounts, &ref) };
        uint32_t seat = weft_sig_seat(sig);
        int rc = l.accounts ? 0 : -EUCLEAN;
        if (!rc) {
                weft_ledger_settle(&l, seat);
                ref.v = weft_ledger_now(&l, seat);
                if (ref.v)
                        rc = weft_block_pass(o->arena, ref,
                                             weft_owner_make(WEFT_OWNER_AGENT, sig),
                                             weft_owner_make(WEFT_OWNER_OBJECT, o->id));
        }
        weft_wait_reset(&sh->wait);
        return rc == -ENOENT ? 0 : rc; /* it was the signal's already */
}

/* ---- looking -------------------------------------------------------------------- */

static void fill_info(const struct weft_signal_shared *sh, struct weft_signal_info *info)
{
        *info = (struct weft_signal_info){
                .version = version_of(weft_load_acq(&sh->cell.hi)), /* [V] */
                .waiting = weft_wait_waiters(&sh->wait),
        };
        weft_copy_out(&info->bytes, &sh->bytes, sizeof info->bytes);
}

int weft_signal_info(weft_signal_t *signal, struct weft_signal_info *info)
{
        if (!signal || !info)
                return -EINVAL;
        fill_info(shared(signal), info);
        return 0;
}

static bool busy(struct weft_object *o)
{
        struct weft_signal_info info;
        fill_info(o->sh, &info);
        return info.waiting;
}

static int by_value(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
        return (x > y) - (x < y);
}

/* All blocks there are, the value's first; how many. */
static uint32_t all_blocks(const weft_arena_t *arena, const struct weft_ledger *l,
                           uint64_t blocks[WEFT_AGENTS_MAX + 1])
{
        uint32_t seats = weft_seats_used(arena), n = 0;
        blocks[n++] = weft_ledger_value(l);
        for (uint32_t seat = 0; seat < seats; seat++) {
                uint64_t its = weft_ledger_account(l, seat);
                if (its)
                        blocks[n++] = its;
        }
        return n;
}

/* Is each block there, and once? While somebody sets it that cannot be told. */
static int check(struct weft_object *o, uint64_t *bytes)
{
        struct weft_signal_shared *sh = o->sh;
        uint64_t blocks[WEFT_AGENTS_MAX + 1];
        struct weft_signal_info info;
        weft_ref_t ref;
        struct weft_ledger l = { &sh->cell,
                                 weft_accounts_at(o->arena, &sh->accounts, &ref) };

        *bytes = sizeof *sh;
        fill_info(sh, &info);
        if (!l.accounts || !info.bytes || info.bytes > WEFT_SIGNAL_BYTES_MAX)
                return -EUCLEAN;
        *bytes += weft_block_bytes(o->arena, ref);
        uint32_t n = all_blocks(o->arena, &l, blocks);
        bool whole = true;
        ref.v = blocks[0];
        whole &= weft_block_owner(o->arena, ref).v ==
                 weft_owner_make(WEFT_OWNER_OBJECT, o->id).v;
        qsort(blocks, n, sizeof *blocks, by_value);
        for (uint32_t i = 0; i < n; i++) {
                ref.v = blocks[i];
                whole &= weft_at(o->arena, ref, info.bytes) != NULL;
                whole &= !i || blocks[i] != blocks[i - 1];
                *bytes += weft_block_bytes(o->arena, ref);
        }
        uint64_t now = version_of(weft_load_acq(&sh->cell.hi)); /* [V] */
        return whole || now != info.version ? 0 : -EUCLEAN;
}

static void describe(struct weft_object *o, struct weft_object_info *info)
{
        struct weft_signal_info i;
        fill_info(o->sh, &i);
        (void)snprintf(info->detail, sizeof info->detail,
                       "version %" PRIu64 " of %u B, %u waiting", i.version, i.bytes,
                       i.waiting);
}

/* ---- select ----------------------------------------------------------------------- */

static struct weft_wait_shared *wait_of(struct weft_handle *handle,
                                        const struct weft_case *c)
{
        return c->op == WEFT_OP_CHANGE ? &shared((struct weft_signal *)handle)->wait
                                       : NULL;
}

static int do_case(struct weft_handle *handle, struct weft_agent *agent,
                   struct weft_case *c)
{
        struct op op = { .s = (struct weft_signal *)handle, .to = c->to, .seen = c->n };
        (void)agent;
        int rc = attempt(&op);
        if (!rc)
                c->n = op.version;
        return rc;
}

static int look(struct weft_handle *handle, struct weft_agent *agent,
                const struct weft_case *c)
{
        (void)agent;
        return has_changed((struct weft_signal *)handle, c->n) ? 0 : -EAGAIN;
}

static const struct weft_waitable waitable = { wait_of, do_case, look };

/* ---- the kind ----------------------------------------------------------------------- */

static int view(struct weft_handle *handle)
{
        struct weft_signal *s = (struct weft_signal *)handle;
        struct weft_signal_shared *sh = handle->sh;
        weft_ref_t ref;
        weft_copy_out(&s->bytes, &sh->bytes, sizeof s->bytes);
        s->ledger =
                (struct weft_ledger){ &sh->cell, weft_accounts_at(handle->arena,
                                                                  &sh->accounts, &ref) };
        bool good = s->ledger.accounts && s->bytes && s->bytes <= WEFT_SIGNAL_BYTES_MAX;
        return good ? 0 : -EUCLEAN;
}

static bool fits(const struct weft_handle *handle, const void *options)
{
        const struct weft_signal_options *o = options;
        return ((const struct weft_signal *)handle)->bytes == o->bytes;
}

/* Crash in create: the draft owns the blocks; the directory undoes it. */
static int init(struct weft_draft *draft)
{
        const struct weft_signal_options *o = draft->options;
        struct weft_signal_shared *sh = draft->sh;
        weft_ref_t first;
        void *value;
        sh->bytes = o->bytes;
        int rc = weft_accounts_init(draft, &sh->accounts);
        if (!rc)
                rc = weft_draft_alloc(draft, o->bytes, &first, &value);
        if (rc)
                return rc;
        if (o->value)
                weft_copy_in(value, o->value, o->bytes);
        else
                memset(value, 0, o->bytes);
        weft_store_rlx(&sh->cell.lo, first.v);
        return 0;
}

/* Crash in destroy: the accounts, which tell of the others, go last. */
static void destroy(struct weft_object *o)
{
        struct weft_signal_shared *sh = o->sh;
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_OBJECT, o->id);
        uint64_t blocks[WEFT_AGENTS_MAX + 1];
        weft_ref_t ref;
        struct weft_ledger l = { &sh->cell,
                                 weft_accounts_at(o->arena, &sh->accounts, &ref) };
        uint32_t n = 1;
        blocks[0] = weft_ledger_value(&l);
        if (l.accounts)
                n = all_blocks(o->arena, &l, blocks);
        for (uint32_t i = 0; i < n; i++) {
                ref.v = blocks[i];
                if (ref.v)
                        (void)weft_block_free_from(o->agent, ref, owner);
        }
        weft_accounts_free(o, &sh->accounts);
}

static struct weft_kind kind = {
        .name = "signal",
        .id = WEFT_SIGNAL_KIND_ID,
        .version = WEFT_SIGNAL_FORMAT,
        .header_bytes = sizeof(struct weft_signal_shared),
        .recover = recover,
        .init = init,
        .destroy = destroy,
        .check = check,
        .describe = describe,
        .handle_bytes = sizeof(struct weft_signal),
        .view = view,
        .fits = fits,
        .busy = busy,
        .waitable = &waitable,
};

__attribute__((constructor)) static void register_kind(void)
{
        weft_kind_register(&kind);
}

/* ---- create, open, close -------------------------------------------------------------- */

static int make(weft_arena_t *arena, const char *name,
                const struct weft_signal_options *options, bool or_open,
                weft_signal_t **signal)
{
        if (!signal || !options || options->flags || !options->bytes ||
            options->bytes > WEFT_SIGNAL_BYTES_MAX)
                return -EINVAL;
        return weft_handle_create(arena, name, &kind, options, init, or_open, signal);
}

int weft_signal_create(weft_arena_t *arena, const char *name,
                       const struct weft_signal_options *options, weft_signal_t **signal)
{
        return make(arena, name, options, false, signal);
}

int weft_signal_create_or_open(weft_arena_t *arena, const char *name,
                               const struct weft_signal_options *options,
                               weft_signal_t **signal)
{
        return make(arena, name, options, true, signal);
}

int weft_signal_open(weft_arena_t *arena, const char *name, weft_signal_t **signal)
{
        return signal ? weft_handle_open(arena, name, &kind, signal) : -EINVAL;
}

void weft_signal_close(weft_signal_t *signal)
{
        weft_handle_close(signal);
}
