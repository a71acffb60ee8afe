/* codata/hot_shared.h -- a hot stream as it lies in shared memory: a ring, the driver's seat,
 * and how it ends.
 *
 * end: 0, or 1 - error, set once. THE END is the ring's shutdown; `end` says which one it is
 * to be, and is there before it. Who dies in between has it done by his recovery, who
 * stands in between has it done by who wants to finish it next.
 *
 * driver: a fair mutex. Its holder is the driver, who stands in its line is a stand-by. When a
 * holder's death is settled, one CAS offers the mutex to the first in line, or, when there is
 * none, leaves it free and INCONSISTENT: that is what subscribers are told of. See FAIR in
 * mutex_shared.h: an offer goes on to the next in line when its taker dies.
 *
 * Recovery goes by the ring, the end, the seat: whoever sees that a dead driver's seat is
 * empty sees all that he emitted, and the end if he had set it.
 */
#ifndef WEFT_CODATA_HOT_SHARED_H
#define WEFT_CODATA_HOT_SHARED_H

#include "runtime/shared.h"
#include "structures/broadcast_shared.h"
#include "structures/tally_shared.h"
#include "sync/mutex_shared.h"

#define WEFT_HOT_KIND_ID 0x686f7473u /* "hots" */
#define WEFT_HOT_FORMAT 2 /* of its parts, too: who changes those changes this */
_Static_assert(WEFT_BROADCAST_FORMAT == 2 && WEFT_MUTEX_FORMAT == 1,
               "a part's new format is the whole's");

struct weft_hot_shared {
        _Alignas(WEFT_LINE) uint64_t tag; /* constant after create */
        struct weft_tally_shared end;
        struct weft_tally_shared taken_over; /* for people */
        uint64_t spare[5];
        struct weft_mutex_shared driver;
        struct weft_broadcast_shared ring;
};
WEFT_PIN(struct weft_hot_shared, 704);
WEFT_PIN_AT(struct weft_hot_shared, driver, 64);
WEFT_PIN_AT(struct weft_hot_shared, ring, 128);

#endif
