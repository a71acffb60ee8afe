/* structures/queue_shared.h -- the queue as it lies in shared memory.
 *
 * CELLS. Positions count pushes: 1st, 2nd, ...; position p lies in cell p & mask, and
 * N is the number of cells. A cell is 16 bytes, changed only by one CAS: of both words,
 * or, where `hi` stays as it was read, of `lo` alone, for no phase ever comes twice:
 *   lo  phase: 2p    it awaits the push of position p          (bit 63: sealed for ever)
 *              2p+1  it holds the element of position p
 *   hi  what: the element itself (up to 8 bytes), or the number of a box
 *
 *   push   {2p, x}   -> {2p+1, y}          pop    {2p+1, x} -> {2(p+N), y or x}
 *   seal   {2p, x}   -> {CLOSED|2p, x}
 *   part   {2p+1|o, x} -> {2p+1|o+m, x}    batches: see below
 *
 * Who pushes goes from p to p+1 only after he saw cell p at phase >= 2p+1, so positions
 * are filled in order, and emptied in order: FIFO. Cell p at 2(p-N)+1 means full, cell p
 * at 2p means empty: the load that saw it is the LP. Head and tail are hints, never
 * claims; positions begin at N, so that no phase is 0.
 *
 * BOXES (elements over 8 bytes, and all leases). A box holds one element: number n < N
 * lies in one big block; number N+i came with hand i, in a block of its own, allocated
 * while it is in use. HANDS are where agents keep boxes. There are N cells, H hands and
 * N+H boxes, and at rest each cell and each hand holds exactly one box: operations only
 * swap. So nobody writes into a box that is another's, and nothing can be lost.
 *
 *   push  fills the box y in his hand; {2p, x} -> {2p+1, y}; x is in the hand now
 *   pop   {2p+1, x} -> {2(p+N), y}; x is in the hand now   (take, and large elements)
 *   peek  copies box x out first; {2p+1, x} -> {2(p+N), x}  (pop of small elements)
 *
 * A HAND is one word that says whose it is: {sig, state, deliveries}.
 *
 *   FREE      nobody's; -> HELD by CAS                    HELD    idle, or in a copying call
 *   LOAN      in a weft_element, not leased               LEASED  until acknowledged
 *   RETURNED  leased, and nobody's: the next taker's CAS RETURNED -> LEASED takes over the
 *             hand with its box, so an element never has two places
 *
 * BATCHES. A box holds a count and up to 32 elements; a push fills one. The cell's offset
 * bits say how many of them have been popped: who pops some but not all only moves the
 * offset, by the same CAS16; the last one empties the cell. All pops peek.
 *
 * INTENT. A swap changes a cell and a hand. Agent X, hand a, at phase f, giving box y for x:
 *   1  a.swap = {y, x}; a.phase = f      open
 *   2  CAS16 on the cell                 LP
 *   3  stamp(x) = f; a.box = x; on a leasing pop a.word = LEASED
 *   4  a.phase = 0                       settled
 * After a failed CAS: 4. X dead between 1 and 4: did his CAS happen? Then f+ is the phase
 * that it made, and the answer is found so, in this order:
 *   (a) cell at f (sealed or not), or below: no, and X is dead, so never
 *   (b) the cell holds y: yes
 *   (c) any hand's intent with phase >= f+ takes y: yes
 *   (d) stamp(y) >= f+: yes
 *   (e) else no
 * Why. stamp(y) is the phase at which y was last taken out of a cell. Positions only grow:
 * what X took before has a phase < f+, and so had every swap that took y before X had it.
 * If the CAS did not happen, y is X's alone: it is in no cell; whoever reads y in a cell
 * after X got it read what X put there. So (b), (c) and (d) cannot be wrong. If it did
 * happen, y was in the cell at f+. Either it is there now: (b). Or a Z took it by a CAS
 * before (b) looked; Z's intent was open before that CAS and is closed only after Z, or who
 * settles Z, stamped y: so Z's intent is open when (c) looks there: yes; or it was closed
 * before, and then (d) sees a stamp >= f+, for stamps only grow. (e) cannot be wrong.
 * Nothing here depends on whether Z lives, or on who is settled first. No box, hand or
 * stamp goes away before the queue does (only the memory of boxes >= N in FREE hands).
 * "Yes" makes steps 3 and 4 happen as X would have; "no" is 4. The answer stays the same
 * until 4, so who settles X may die anywhere and the next one begins anew. Then X's hands
 * that are LEASED become RETURNED with one delivery more, the others FREE.
 *
 * REDELIVERY. `returned` = version << 1 | 1 while there may be RETURNED hands: set after
 * each return, cleared by a taker who found none since he read it.
 *
 * SHUTDOWN. `closing` is set: LP, pushes fail from then on; one that was under way may
 * still land until the seal, and counts as before. The one who set it, or a popper who
 * finds the queue empty, seals the cell at the tail. A popper is at the end when he stands
 * at a seal and no hand is LEASED, RETURNED, or has the intent of a pop open that has
 * happened (all cells have moved on, so the others never will): elements never move from
 * hand to hand, so one pass over the hands sees them all.
 *
 * Edges (release -> acquire)
 *   [P] push -> pop       the element is written before its phase says so
 *   [O] pop -> push       the box is read before it is filled anew
 *   [H] hint -> walk      all positions below a hint have been passed
 *   [I] swap -> settle    an intent is whole before its phase, and settled before 0
 *   [E] give up a hand -> get it   all that its last owner did with it and its box
 *   [R] return -> take    a RETURNED hand is there before the flag
 *   [C] shutdown -> push, pop
 *   [S] grow -> hand      a segment of hands is whole before its ref
 *   [L] look up -> look up   where segments are: a cache of this process's threads
 */
#ifndef WEFT_STRUCTURES_QUEUE_SHARED_H
#define WEFT_STRUCTURES_QUEUE_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_QUEUE_KIND_ID 0x71756575u /* "queu" */
#define WEFT_QUEUE_FORMAT 1
#define WEFT_QUEUE_CLOSED (UINT64_C(1) << 63)
#define WEFT_QUEUE_OFFSET_SHIFT 57 /* six bits below CLOSED */
#define WEFT_QUEUE_OFFSET (UINT64_C(63) << WEFT_QUEUE_OFFSET_SHIFT)
#define WEFT_QUEUE_POSITION_MAX (UINT64_C(1) << 55)
#define WEFT_QUEUE_SEGMENTS 24 /* the k-th doubles the number of hands; the first has */
#define WEFT_QUEUE_HANDS 32    /* so many */

enum weft_queue_state {
        WEFT_HAND_FREE = 0,
        WEFT_HAND_HELD = 1,
        WEFT_HAND_LOAN = 2,
        WEFT_HAND_LEASED = 3,
        WEFT_HAND_RETURNED = 4,
};

struct weft_queue_batch_shared { /* how a box of a BATCH queue begins */
        weft_a64_t count;
        uint64_t spare;
};
WEFT_PIN(struct weft_queue_batch_shared, 16);

struct weft_queue_hand_shared {
        weft_a64_t word;   /* deliveries << 40 | state << 32 | sig */
        weft_a64_t box;    /* the box in it */
        weft_a64_t phase;  /* intent: the swap that is tried; 0 is none */
        weft_a64_t swap;   /* intent: gives << 32 | takes */
        weft_a64_t handle; /* which of its owner's handles uses it */
        uint64_t spare[3];
        weft_a64_t stamp; /* of the box that came with it */
        weft_a64_t ref;   /* that box's memory, weft_ref_t; 0 while it has none */
        uint64_t spare2[6];
};
WEFT_PIN(struct weft_queue_hand_shared, 128);
WEFT_PIN_AT(struct weft_queue_hand_shared, stamp, 64);

struct weft_queue_shared {                    /* each part on lines of its own */
        _Alignas(WEFT_LINE) weft_ref_t cells; /* constant after create, */
        weft_ref_t boxes; /* like these: none if the cells hold the elements */
        uint64_t capacity;
        uint32_t element_bytes;
        uint32_t flags;
        uint64_t spare[4];
        weft_a32_t closing; /* rarely written */
        uint32_t spare2;
        weft_a64_t returned;
        uint64_t spare3[6];
        weft_a64_t tail; /* hint: positions below are pushed */
        uint64_t spare4[7];
        weft_a64_t head; /* hint: positions below are popped */
        uint64_t spare5[7];
        struct weft_wait_shared not_empty;
        uint64_t spare6[6];
        struct weft_wait_shared not_full;
        uint64_t spare7[6];
        weft_a64_t segments[WEFT_QUEUE_SEGMENTS]; /* of hands: refs */
};
WEFT_PIN(struct weft_queue_shared, 576);
WEFT_PIN_AT(struct weft_queue_shared, closing, 64);
WEFT_PIN_AT(struct weft_queue_shared, tail, 128);
WEFT_PIN_AT(struct weft_queue_shared, head, 192);
WEFT_PIN_AT(struct weft_queue_shared, not_empty, 256);
WEFT_PIN_AT(struct weft_queue_shared, not_full, 320);
WEFT_PIN_AT(struct weft_queue_shared, segments, 384);

#endif
