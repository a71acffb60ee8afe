/* sync/event_shared.h -- the event as it lies in shared memory.
 *
 * word = SET (the lowest bit) | manual: how often it was set or pulsed
 *
 * MANUAL. Who waits goes through when it is SET, or when the count is not what it was when
 * he began. To set a clear event counts too: those who waited then go through, however soon
 * it is cleared again.
 *
 * AUTO. Who waits takes SET away by one CAS. A pulse leaves a token, which only those may
 * take who began to wait before it; so one that nobody waited for is nobody's for ever, and
 * need not be taken back.
 *
 *   pulses   lo: how many there were     hi: bit i: nobody has taken the one i before the last
 *
 * Who waits notes lo when he begins, and takes the oldest token that is younger than that:
 * the younger ones are open to more waiters. He looks for a token before he looks at SET:
 * a pulse is for those who wait, SET keeps. Tokens more than 63 pulses old are forgotten.
 *
 * Nothing here says who waits, so the dead leave nothing behind but a wrong count of
 * sleepers; a set or a pulse is one CAS, a wait ends by one.
 *
 * Edges (release -> acquire)
 *   [E] set, pulse -> wait    what was done before it
 */
#ifndef WEFT_SYNC_EVENT_SHARED_H
#define WEFT_SYNC_EVENT_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_EVENT_KIND_ID 0x65766e74u /* "evnt" */
#define WEFT_EVENT_FORMAT 1

#define WEFT_EVENT_IS_SET UINT64_C(1)
#define WEFT_EVENT_ONE_MORE UINT64_C(2)
#define WEFT_EVENT_TOKENS 64

struct weft_event_shared {
        weft_a128_t pulses; /* auto */
        weft_a64_t word;
        uint32_t flags; /* WEFT_EVENT_AUTO; constant after create */
        uint32_t reserved;
        struct weft_wait_shared wait;
        uint64_t spare[2];
};
WEFT_PIN(struct weft_event_shared, 64);
WEFT_PIN_AT(struct weft_event_shared, word, 16);
WEFT_PIN_AT(struct weft_event_shared, wait, 32);

#endif
