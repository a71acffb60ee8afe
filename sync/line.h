/* sync/line.h -- standing in a line, in the order of coming. */
#ifndef WEFT_SYNC_LINE_H
#define WEFT_SYNC_LINE_H

#include "runtime/arena.h"
#include "sync/line_shared.h"

/* Enters at the end; the agent must not be in. LP of enter. */
void weft_line_enter(struct weft_line_shared *line, uint32_t sig);

/* Leaves; true if it had been called. Also for the dead. Idempotent. */
bool weft_line_leave(struct weft_line_shared *line, uint32_t sig);

/* Is it in, and was it called? */
bool weft_line_is_in(struct weft_line_shared *line, uint32_t sig);
bool weft_line_is_called(struct weft_line_shared *line, uint32_t sig);

/* The signature of the first who is in and not called; 0: nobody. */
uint32_t weft_line_first(const weft_arena_t *arena, struct weft_line_shared *line);

/* Calls the first; its signature, or 0: nobody was there to call. */
uint32_t weft_line_call(const weft_arena_t *arena, struct weft_line_shared *line);

/* Calls all who are in when it begins, and not again who comes back meanwhile; how many. */
uint32_t weft_line_call_all(const weft_arena_t *arena, struct weft_line_shared *line);

/* Leaves for `sig`, who does nothing any more; if it was called, another one is first. */
void weft_line_settle(const weft_arena_t *arena, struct weft_line_shared *line,
                      uint32_t sig);

/* How many are in and not called, and called. */
void weft_line_count(const weft_arena_t *arena, struct weft_line_shared *line,
                     uint32_t *in, uint32_t *called);

/* Whom weft_wait_wake_bits() is to wake for it. */
static inline uint32_t weft_line_bit(uint32_t sig)
{
        return UINT32_C(1) << weft_sig_seat(sig) % 32;
}

#endif
