/* sync/slots_shared.h -- a word for each seat of the arena, signed by who sits there.
 *
 * word = generation (22 high bits) | what the module makes of the rest; 0: nothing.
 * Only the agent in the seat writes anything but 0 there, or who recovers from it, or who
 * is allowed to by the module (a notifier). A word of an earlier generation is nothing.
 * Neighbouring seats, which are taken first, lie on lines of their own.
 */
#ifndef WEFT_SYNC_SLOTS_SHARED_H
#define WEFT_SYNC_SLOTS_SHARED_H

#include <weft/agent.h>

#include "runtime/shared.h"

#define WEFT_SLOT_BITS 42 /* for the module */
#define WEFT_SLOT_MASK ((UINT64_C(1) << WEFT_SLOT_BITS) - 1)

struct weft_slots_shared {
        weft_a64_t word[WEFT_AGENTS_MAX];
};
WEFT_PIN(struct weft_slots_shared, 8192);

static inline weft_a64_t *weft_slot_of_seat(struct weft_slots_shared *slots,
                                            uint32_t seat)
{
        const uint32_t a_line = WEFT_LINE / sizeof(weft_a64_t);
        const uint32_t lines = WEFT_AGENTS_MAX / a_line;
        return &slots->word[seat % lines * a_line + seat / lines % a_line];
}

static inline weft_a64_t *weft_slot_of(struct weft_slots_shared *slots, uint32_t sig)
{
        return weft_slot_of_seat(slots, weft_sig_seat(sig));
}

static inline uint64_t weft_slot_word(uint32_t sig, uint64_t what)
{
        return (uint64_t)(sig >> WEFT_SEAT_BITS) << WEFT_SLOT_BITS | what;
}

/* Who signed a word that is in the slot of `seat`. */
static inline uint32_t weft_slot_sig(uint32_t seat, uint64_t word)
{
        return weft_sig_make(seat, (uint32_t)(word >> WEFT_SLOT_BITS));
}

static inline bool weft_slot_is_of(uint64_t word, uint32_t sig)
{
        return word && (uint32_t)(word >> WEFT_SLOT_BITS) == sig >> WEFT_SEAT_BITS;
}

#endif
