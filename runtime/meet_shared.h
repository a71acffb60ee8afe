/* runtime/meet_shared.h -- what a thread offers while it waits for a partner, in its seat.
 *
 * Some operations need two at the same time: one who gives and one who takes. Who finds no
 * partner offers what he would do, in one object or, in a select, in several; and all that
 * he offers hangs on one word, so that it is taken up once:
 *
 *   lo  version (48 bits) | case (8) | state (8)
 *       IDLE   he offers nothing
 *       OPEN   he does, under this version: where and what, `hi` says
 *       MET    somebody has taken his case `case` up: what he left for him, `hi` says
 *   hi  OPEN   what is offered, as the kinds understand it: a key that is the offer itself,
 *              or LISTED: it is written down in each of the objects, with the version
 *       MET    what the partner left
 *
 *   IDLE v -> OPEN v + 1     its thread: offers, and then looks at the offers of others
 *   OPEN v -> IDLE v         its thread, by a CAS: takes its offers back. Only then does it
 *                            take up another's, or do anything else: never two things
 *   OPEN v -> MET v          a partner, by a CAS of both words: LP of the meeting
 *   MET v -> IDLE v          its thread, when it has got what was left for it
 *   IDLE v -> IDLE v + 1     its thread, if it has written offers down and opens none
 *   any v -> IDLE v + 1      whoever settles its death, in whatever it was
 *
 * A version is never used twice, by no holder of the seat, nor for what another offer wrote
 * down and did not come to open: so a CAS that expects OPEN v has
 * seen, and copied, what was offered under v and nothing else. Who takes up an offer is done
 * with that one CAS; nobody waits for him, nor he for anybody. Who is stopped or dies with
 * his word IDLE is not there; with OPEN he can be met; with MET he has been.
 *
 * Two who offer at the same time: each has published before he looks, so that one of them
 * at least sees the other. Of two who both take their offers back neither finds the other;
 * then they offer again. So that this ends, the one in the higher seat waits a moment first.
 *
 * The word lies in the seat, where bytes are trusted: what hangs on it ends. Where an
 * element fits into `gift`, it is there before the offer is OPEN, until that ends.
 *
 * Edges (release -> acquire)
 *   [O] open -> see       what is offered is written before; and the Dekker pair above
 *   [M] claim -> met      what is left was written before
 *   [E] end -> left       what was left has been read before its place is used again
 *   [B] take back -> see  the end of an offer that nobody took up
 */
#ifndef WEFT_RUNTIME_MEET_SHARED_H
#define WEFT_RUNTIME_MEET_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"

enum weft_meet_state { WEFT_MEET_IDLE = 0, WEFT_MEET_OPEN = 1, WEFT_MEET_MET = 2 };

#define WEFT_MEET_STATE UINT64_C(0xff)
#define WEFT_MEET_CASE_SHIFT 8
#define WEFT_MEET_VERSION_SHIFT 16

#define WEFT_MEET_LISTED UINT64_C(1) /* in `hi`; a key is a multiple of 64, | 2 or 3 */
#define WEFT_MEET_GIFT_BYTES 16

struct weft_meet_shared {
        weft_a128_t word;
        struct weft_wait_shared wait; /* its thread sleeps here */
        weft_a64_t gift[WEFT_MEET_GIFT_BYTES / 8];
};
WEFT_PIN(struct weft_meet_shared, 48);
WEFT_PIN_AT(struct weft_meet_shared, wait, 16);
WEFT_PIN_AT(struct weft_meet_shared, gift, 32);

#endif
