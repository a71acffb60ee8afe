/* sync/line_shared.h -- a line of waiters, first come first served; the dead fall out.
 *
 * Each waiter stands in its own slot: ticket (40 bits) | called | in. Tickets only grow;
 * one whose taker died before he stood in the line is missed by nobody.
 *
 *   enter   slot: 0 -> {ticket, in}         by the waiter
 *   call    slot: {ticket, in} -> called    by anyone, for the oldest that is not called
 *   leave   slot: -> 0                      by the waiter, who learns whether he was called
 * Who recovers from a dead waiter leaves for him, and passes his call on.
 *
 * Edges (release -> acquire)
 *   [Q] enter -> call   and call -> leave: what was done before is seen
 */
#ifndef WEFT_SYNC_LINE_SHARED_H
#define WEFT_SYNC_LINE_SHARED_H

#include "sync/slots_shared.h"

#define WEFT_LINE_IN UINT64_C(1)
#define WEFT_LINE_CALLED UINT64_C(2)
#define WEFT_LINE_TICKET_SHIFT 2

struct weft_line_shared {
        weft_a64_t ticket; /* the next one */
        uint64_t spare[7];
        struct weft_slots_shared slots;
};
WEFT_PIN(struct weft_line_shared, 8256);
WEFT_PIN_AT(struct weft_line_shared, slots, 64);

#endif
