/* structures/tally_shared.h -- a number that many add to, or that one sets, in an object of parts.
 *
 * For the rooms above, which have no atomics of their own: zero in a new object. A tally is
 * changed in one instant, and whoever dies has changed it or not.
 *
 * Edges (release -> acquire)
 *   [W] set -> get   what was done before the tally got its value
 */
#ifndef WEFT_STRUCTURES_TALLY_SHARED_H
#define WEFT_STRUCTURES_TALLY_SHARED_H

#include "runtime/shared.h"

struct weft_tally_shared {
        weft_a64_t n;
};
WEFT_PIN(struct weft_tally_shared, 8);

static inline void weft_tally_add(struct weft_tally_shared *tally, uint64_t n)
{
        (void)weft_add_rlx(&tally->n, n);
}

static inline uint64_t weft_tally_get(const struct weft_tally_shared *tally)
{
        return weft_load_acq(&tally->n); /* [W] */
}

/* Makes it `n` if it is 0 still: true. Else it is what somebody else made it. */
static inline bool weft_tally_set_once(struct weft_tally_shared *tally, uint64_t n)
{
        uint64_t none = 0;
        return weft_cas_acq_rel(&tally->n, &none, n); /* [W] LP of set */
}

#endif
