/* sync/ledger.c -- accounts; settling a change whose maker died; reading an account. */
#include <string.h>

#include "runtime/block.h"
#include "sync/ledger.h"

int weft_accounts_init(struct weft_draft *draft, weft_ref_t *accounts)
{
        void *at;
        int rc = weft_draft_alloc(draft, sizeof(struct weft_accounts_shared), accounts,
                                  &at);
        if (!rc)
                memset(at, 0, sizeof(struct weft_accounts_shared));
        return rc;
}

struct weft_accounts_shared *weft_accounts_at(weft_arena_t *arena,
                                              const weft_ref_t *accounts, weft_ref_t *ref)
{
        weft_copy_out(ref, accounts, sizeof *ref);
        return ref->v ? weft_at(arena, *ref, sizeof(struct weft_accounts_shared)) : NULL;
}

void weft_accounts_free(struct weft_object *o, const weft_ref_t *accounts)
{
        weft_ref_t ref;
        weft_copy_out(&ref, accounts, sizeof ref);
        if (ref.v)
                (void)weft_block_free_from(o->agent, ref,
                                           weft_owner_make(WEFT_OWNER_OBJECT, o->id));
}

static bool was_made(const struct weft_ledger *l, uint32_t seat, uint64_t n)
{
        const struct weft_account_shared *its = weft_account_of_seat(l->accounts, seat);
        if (weft_load_acq(&l->cell->hi) == (n << WEFT_SEAT_BITS | seat)) /* [V] */
                return true;
        return weft_load_acq(&its->filed) >= n; /* [D] */
}

/* Crash in settle: the next one finds the same answer until `tried` is 0. */
void weft_ledger_settle(const struct weft_ledger *l, uint32_t seat)
{
        struct weft_account_shared *its = weft_account_of_seat(l->accounts, seat);
        uint64_t n = weft_load_acq(&its->tried); /* [T] */
        if (!n)
                return;
        if (was_made(l, seat, n))
                weft_store_rlx(&its->now, weft_load_rlx(&its->next));
        weft_store_rel(&its->tried, 0); /* [T] */
}

/* Whoever was still to settle a change that was made may do so between two looks: then
 * `next` may be that of another one already, and the second look finds it settled. */
uint64_t weft_ledger_account(const struct weft_ledger *l, uint32_t seat)
{
        const struct weft_account_shared *its = weft_account_of_seat(l->accounts, seat);
        for (int look = 0; look < 2; look++) {
                uint64_t n = weft_load_acq(&its->tried); /* [T] */
                if (!n || !was_made(l, seat, n))
                        break;
                uint64_t next = weft_load_acq(&its->next); /* [T] before it looks again */
                if (weft_load_rlx(&its->tried) == n)
                        return next;
        }
        return weft_load_rlx(&its->now);
}
