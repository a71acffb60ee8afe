/* sync/ledger_shared.h -- one value and an account for each seat, which change together.
 *
 * What a permit, a place or a share is worth is in the value; who has it is in an account.
 * Two words cannot change at once; so a change is made by one CAS16 that is signed, and
 * the rest follows from it, done by its maker or, if he died, by whoever settles him.
 *
 *   cell     lo: the value     hi: number of the last change << 10 | the seat that made it
 *   account  now: what the agent in the seat has        tried: the change it is making; 0
 *            next: what `now` becomes by it             filed: the last one known to be made
 *
 * CHANGE by X:
 *   1  read the cell: {v, n|Z}
 *   2  file: if Z.tried == n, Z.filed = max(Z.filed, n)
 *   3  X.next = what X.now becomes; X.tried = n + 1          open
 *   4  CAS16 {v, n|Z} -> {v', (n+1)|X}                       LP
 *   5  X.now = X.next
 *   6  X.tried = 0                                           settled
 * If 4 fails: from 1 again, or 6.
 *
 * X dead with X.tried = t: it was made if the cell says t|X, else if X.filed >= t, looked
 * at in this order; else it was not. Why: when it was made the cell said t|X. Whoever put
 * something else there had read t|X, so he looked at X.tried after 3, saw t, for X never
 * came to 6, and filed t before his own CAS16. So who sees the cell without t|X sees it
 * filed. And nobody files what was not made: n|Z stood in the cell. A late filer files
 * what is true for ever; numbers only grow, whoever sits in the seat.
 * "Made" does 5 and 6, "not made" 6; who dies in that leaves it to be begun again.
 *
 * Edges (release -> acquire)
 *   [V] change -> change    the value, and what was done before it
 *   [T] open -> file, settle   `next` is whole before `tried`; settled before 0
 *   [D] file -> settle      filed before the cell was overwritten
 */
#ifndef WEFT_SYNC_LEDGER_SHARED_H
#define WEFT_SYNC_LEDGER_SHARED_H

#include <weft/agent.h>

#include "runtime/shared.h"

struct weft_account_shared {
        weft_a64_t now;
        weft_a64_t next;
        weft_a64_t tried;
        weft_a64_t filed;
};
WEFT_PIN(struct weft_account_shared, 32);

struct weft_accounts_shared {
        struct weft_account_shared of[WEFT_AGENTS_MAX];
};
WEFT_PIN(struct weft_accounts_shared, 32768);

/* Neighbouring seats, which are taken first, lie on lines of their own. */
static inline struct weft_account_shared *
weft_account_of_seat(struct weft_accounts_shared *accounts, uint32_t seat)
{
        const uint32_t half = WEFT_AGENTS_MAX / 2;
        return &accounts->of[seat % half * 2 + seat / half % 2];
}

#endif
