/* sync/ledger.h -- changing a value and one's account together: ledger_shared.h. */
#ifndef WEFT_SYNC_LEDGER_H
#define WEFT_SYNC_LEDGER_H

#include <errno.h>

#include "runtime/object.h"
#include "sync/ledger_shared.h"

struct weft_ledger {
        weft_a128_t *cell;
        struct weft_accounts_shared *accounts;
};

/* The accounts of an object: made with it, all 0; found, or NULL (`*ref` is theirs); and
 * freed with it. Crash in create: the draft owns the block. */
WEFT_CHECK int weft_accounts_init(struct weft_draft *draft, weft_ref_t *accounts);
struct weft_accounts_shared *
weft_accounts_at(weft_arena_t *arena, const weft_ref_t *accounts, weft_ref_t *ref);
void weft_accounts_free(struct weft_object *o, const weft_ref_t *accounts);

/* What a change makes of the value and of the agent's account. Returns 0, or an error,
 * upon which nothing changes. May be called several times. */
typedef int weft_ledger_step(uint64_t *value, uint64_t *now, void *context);

static inline uint64_t weft_ledger_number(uint64_t hi)
{
        return hi >> WEFT_SEAT_BITS;
}

/* What overwrites a signature files it first. */
static inline void weft_ledger_file(const struct weft_ledger *l, uint64_t hi)
{
        struct weft_account_shared *its =
                weft_account_of_seat(l->accounts, weft_sig_seat((uint32_t)hi));
        uint64_t n = weft_ledger_number(hi);
        if (weft_load_acq(&its->tried) != n) /* [T] */
                return;
        uint64_t filed = weft_load_rlx(&its->filed);
        while (filed < n)
                if (weft_cas_acq_rel(&its->filed, &filed, n)) /* [D] */
                        return;
}

#define WEFT_LEDGER_ANY UINT64_MAX

/* Makes one change for the agent in `seat`: the caller, or the dead whom he settles and
 * whose open change has been settled. If `*number` is not ANY it must be the number of the
 * last change, or -EAGAIN; it becomes the number of the one made, or of the one that was
 * there instead. Crash in change: ledger_shared.h. */
static inline __attribute__((always_inline)) int
weft_ledger_change_at(const struct weft_ledger *l, uint32_t seat, uint64_t *number,
                      weft_ledger_step *step, void *context)
{
        struct weft_account_shared *mine = weft_account_of_seat(l->accounts, seat);
        int rc;
        for (;;) {
                struct weft_pair seen = { 0 };
                seen.lo = weft_load_acq(&l->cell->lo); /* [V] LP of what is refused */
                seen.hi = weft_load_acq(&l->cell->hi); /* [V] */
                uint64_t value = seen.lo, now = weft_load_rlx(&mine->now);
                uint64_t n = weft_ledger_number(seen.hi);
                if (*number != WEFT_LEDGER_ANY && *number != n) {
                        *number = n;
                        rc = -EAGAIN;
                        break;
                }
                rc = step(&value, &now, context);
                if (rc)
                        break;
                weft_ledger_file(l, seen.hi);
                struct weft_pair made = { value, (n + 1) << WEFT_SEAT_BITS | seat };
                weft_store_rlx(&mine->next, now);
                weft_store_rel(&mine->tried, n + 1);            /* [T] */
                if (weft_cas16_acq_rel(l->cell, &seen, made)) { /* [V] LP of change */
                        weft_store_rlx(&mine->now, now);
                        *number = n + 1;
                        break;
                }
        }
        weft_store_rel(&mine->tried, 0); /* [T] */
        return rc;
}

static inline __attribute__((always_inline)) int
weft_ledger_change(const struct weft_ledger *l, uint32_t seat, weft_ledger_step *step,
                   void *context)
{
        uint64_t any = WEFT_LEDGER_ANY;
        return weft_ledger_change_at(l, seat, &any, step, context);
}

/* Settles the open change of the agent in `seat`, which does nothing any more. */
void weft_ledger_settle(const struct weft_ledger *l, uint32_t seat);

/* The value now. */
static inline uint64_t weft_ledger_value(const struct weft_ledger *l)
{
        return weft_load_acq(&l->cell->lo); /* [V] */
}

/* What the agent in `seat` has; while its change is open, what is right only once that is
 * settled. */
static inline uint64_t weft_ledger_now(const struct weft_ledger *l, uint32_t seat)
{
        return weft_load_rlx(&weft_account_of_seat(l->accounts, seat)->now);
}

/* Makes a note in the account that no value goes with: for the agent in `seat` alone, who
 * has no change open. */
static inline void weft_ledger_note(const struct weft_ledger *l, uint32_t seat,
                                    uint64_t now)
{
        weft_store_rlx(&weft_account_of_seat(l->accounts, seat)->now, now);
}

/* The same as it will be when the open change, if there is one, is settled. Reads only;
 * right if no change is made meanwhile. */
uint64_t weft_ledger_account(const struct weft_ledger *l, uint32_t seat);

#endif
