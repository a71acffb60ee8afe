/* sync/line.c -- standing in a line, in the order of coming. */
#include "sync/line.h"
#include "runtime/agent.h"

/* Crash in enter: a ticket that nobody has. */
void weft_line_enter(struct weft_line_shared *line, uint32_t sig)
{
        uint64_t ticket = weft_add_rlx(&line->ticket, 1) << WEFT_LINE_TICKET_SHIFT;
        uint64_t in = weft_slot_word(sig, (ticket & WEFT_SLOT_MASK) | WEFT_LINE_IN);
        (void)weft_swap_acq_rel(weft_slot_of(&line->slots, sig),
                                in); /* [Q] LP of enter */
}

bool weft_line_leave(struct weft_line_shared *line, uint32_t sig)
{
        weft_a64_t *slot = weft_slot_of(&line->slots, sig);
        uint64_t was = weft_load_acq(slot); /* [Q] */
        if (!weft_slot_is_of(was, sig))
                return false;
        was = weft_swap_acq_rel(slot, 0); /* [Q] LP of leave */
        return was & WEFT_LINE_CALLED;
}

static uint64_t state_of(struct weft_line_shared *line, uint32_t sig)
{
        uint64_t word = weft_load_acq(weft_slot_of(&line->slots, sig)); /* [Q] */
        return weft_slot_is_of(word, sig) ? word : 0;
}

bool weft_line_is_in(struct weft_line_shared *line, uint32_t sig)
{
        return state_of(line, sig) & WEFT_LINE_IN;
}

bool weft_line_is_called(struct weft_line_shared *line, uint32_t sig)
{
        return state_of(line, sig) & WEFT_LINE_CALLED;
}

/* Tickets are 40 bits: half of them is further than anybody waits. */
static bool is_before(uint64_t a, uint64_t b)
{
        return ((a - b) & WEFT_SLOT_MASK) >> (WEFT_SLOT_BITS - 1);
}

/* The first who is in and not called: his seat, and his slot's word (0: nobody). */
static uint64_t find_first(const weft_arena_t *arena, struct weft_line_shared *line,
                           uint32_t *seat)
{
        uint32_t n = weft_seats_used(arena);
        uint64_t first = 0;
        for (uint32_t i = 0; i < n; i++) {
                uint64_t word =
                        weft_load_acq(weft_slot_of_seat(&line->slots, i)); /* [Q] */
                if (!(word & WEFT_LINE_IN) || word & WEFT_LINE_CALLED)
                        continue;
                if (first && !is_before(word & WEFT_SLOT_MASK, first & WEFT_SLOT_MASK))
                        continue;
                first = word;
                *seat = i;
        }
        return first;
}

uint32_t weft_line_first(const weft_arena_t *arena, struct weft_line_shared *line)
{
        uint32_t seat = 0;
        uint64_t word = find_first(arena, line, &seat);
        return word ? weft_slot_sig(seat, word) : 0;
}

/* Crash in call: it is called or not; whom the dead one was to wake looks by himself. */
uint32_t weft_line_call(const weft_arena_t *arena, struct weft_line_shared *line)
{
        uint32_t seat = 0;
        for (;;) {
                uint64_t word = find_first(arena, line, &seat);
                if (!word)
                        return 0;
                if (weft_cas_acq_rel(weft_slot_of_seat(&line->slots, seat), /* [Q] LP */
                                     &word, word | WEFT_LINE_CALLED))
                        return weft_slot_sig(seat, word);
        }
}

/* Each agent has one slot, which is passed once: so this ends. */
uint32_t weft_line_call_all(const weft_arena_t *arena, struct weft_line_shared *line)
{
        uint64_t next = weft_load_acq(&line->ticket) << WEFT_LINE_TICKET_SHIFT; /* [Q] */
        uint32_t n = weft_seats_used(arena), called = 0;
        for (uint32_t i = 0; i < n; i++) {
                weft_a64_t *slot = weft_slot_of_seat(&line->slots, i);
                uint64_t word = weft_load_acq(slot); /* [Q] */
                while (word & WEFT_LINE_IN && !(word & WEFT_LINE_CALLED) &&
                       is_before(word & WEFT_SLOT_MASK, next & WEFT_SLOT_MASK))
                        if (weft_cas_acq_rel(slot, &word, /* [Q] LP */
                                             word | WEFT_LINE_CALLED)) {
                                called++;
                                break;
                        }
        }
        return called;
}

/* Crash in settle: the call has been passed on before the slot, which tells of it, is
 * emptied: so the next one passes it on again, which is one call too many, never one too
 * few. Who calls it between the look and the CAS makes that fail: seen at the second. */
void weft_line_settle(const weft_arena_t *arena, struct weft_line_shared *line,
                      uint32_t sig)
{
        weft_a64_t *slot = weft_slot_of(&line->slots, sig);
        uint64_t word = weft_load_acq(slot); /* [Q] */
        for (bool passed = false; weft_slot_is_of(word, sig);) {
                if (word & WEFT_LINE_CALLED && !passed) {
                        (void)weft_line_call(arena, line);
                        passed = true;
                }
                if (weft_cas_acq_rel(slot, &word, 0)) /* [Q] LP of leave */
                        return;
        }
}

void weft_line_count(const weft_arena_t *arena, struct weft_line_shared *line,
                     uint32_t *in, uint32_t *called)
{
        uint32_t n = weft_seats_used(arena);
        *in = *called = 0;
        for (uint32_t i = 0; i < n; i++) {
                uint64_t word = weft_load_rlx(weft_slot_of_seat(&line->slots, i));
                *called += (word & WEFT_LINE_CALLED) != 0;
                *in += (word & WEFT_LINE_IN) && !(word & WEFT_LINE_CALLED);
        }
}
