/* structures/broadcast_shared.h -- the broadcast ring as it lies in shared memory.
 *
 * UNITS. A unit is a few elements and one stamp. Small elements (up to 8 bytes) of ONE
 * producer in a BLOCK ring are words, 7 in a line of 64 bytes with its stamp at the end, so
 * that one transfer of a line brings 7 of them. All else is alone in its unit, a cell: the
 * stamp, then what it holds. A POSITION is the number of a unit, counted for ever from the
 * number of units on, and below it (in lines) 3 bits of an index: stamp.h. Users see how many
 * positions come before, the sequence. A ring retains N elements, a power of two.
 *
 * For position p, in unit u, a unit's STAMP says
 *
 *   2p+1  p is here, and those before it in u
 *   2p    p is being written (ONE producer); those before it in u are here
 *   2p-1  inside a line, and 2p-2 in front of a unit: p was to be written, and it was taken
 *         back. (The first is what the stamp was before. By the second, u-1 beyond its end,
 *         what was in the unit is gone.)
 *
 * Bit 63: sealed, nothing is published any more (many producers). A unit at rest before it is
 * filled has what it had a round before. Stamps of a unit never go back below an odd one, so
 * for who wants p: it is here if the stamp is above 2p and its unit is p's; the stamp's unit
 * is a later one: it is gone; else it is not yet here. Readers copy the element and look at
 * the stamp again; they never write into a unit.
 *
 * To open a unit is the end of all that was in it. A cell for position t replaces t-N. There
 * are so many lines that all but one hold N elements: so while one is filled the last N are
 * in the others, and t-N stays.
 *
 * ONE PRODUCER. The seat `producer` is signed by its holder, who alone stores into units:
 *   stamp = 2p; look at the limit again; element; stamp = 2p+1 (LP)
 * for several of a line at once likewise: the last stamp is the LP of all of them. A dead
 * one's seat is cleared by recovery. Who sits down walks on from `tail`, which lags, to the
 * first position that is not there, and begins with that: one half written is taken back, and
 * written anew. Nothing is locked in this: who needs the order of it (who joins, who goes to
 * sleep, who wants to know that nothing more comes) fences everybody:
 * weft_fence_everybody().
 *
 * THE SHORT WAY of the one producer, of words of 8 bytes and of cells. He keeps the tail in
 * his handle, with the version of the limit (see there) by which it was opened, and the thread whose it
 * is. While that version stands, the unit at the tail, all of it, is below the limit: made
 * sure unit by unit. So the version is looked at in place of the limit, before the stamp 2p
 * and after it, and of what others want him to hear only who sleeps is left. The version is
 * counted up ("drawn") by
 *   - who joins or seeks in a BLOCK ring, and shutdown: as they always did
 *   - who sits down, before he publishes; who resigns, or recovers him, before the seat is
 *     free
 *   - the holder, if he goes on by another handle than the last time: one handle knows the
 *     tail; who draws finds it by walking
 * What the handle keeps is 0 in the child of a fork: so it is closed there. That of words is
 * compiled into the caller: <weft/broadcast_inline.h>.
 *
 * MANY PRODUCERS. A cell is 16 bytes {stamp, what}, changed by one CAS16, which is the
 * whole publication: {2(p-N)+1, x} -> {2p+1, y}. Who publishes goes from p to p+1 only
 * after he saw p there or later, so positions are filled in order, and nobody has a
 * ticket that others must wait for. `what` is the element (up to 8 bytes) or the number
 * of a box.
 *
 * BOXES. Number n < N lies in one big block; number N+i came with the desk of seat i, in a
 * block of its own from the first use on. At rest each cell and each desk holds exactly one
 * box, and publishing swaps: it fills the desk's box y, puts it into the cell, and has x,
 * the oldest, on the desk. So nobody writes into a box that is not his, and a subscriber who
 * copied x out sees by the stamp whether x was still in its cell.
 *
 * INTENT (on the desk of agent X, while he publishes in boxes, giving y for x at p):
 *   1  swap = {y, x}; made = 2p+1        open
 *   2  CAS16 on the cell                 LP
 *   3  stamp(x) = 2(p-N)+1; box = x
 *   4  made = 0                          settled
 * After a failed CAS: 4. X dead between 1 and 4: did his CAS happen? In this order:
 *   (a) the cell's stamp is below 2p+1: no, and X is dead, so never
 *   (b) the cell holds y: yes
 *   (c) any desk's intent with made > 2p+1 takes y: yes
 *   (d) stamp(y) >= 2p+1: yes
 *   (e) else no
 * stamp(y) is the stamp of the position from which y was last taken. The argument is the
 * queue's (queue_shared.h), with one step a position instead of two: what X took before had
 * a stamp below 2p+1, as had every swap that took y before X had it. If the CAS did not
 * happen y is X's alone, and who reads y in a cell after X got it read what X put there:
 * (b), (c), (d) cannot be wrong. If it did, y is there still (b), or a Z took it before (b)
 * looked: his intent was open before that and is closed only after y is stamped: so it is
 * open when (c) looks, or (d) sees the stamp: (e) cannot be wrong. Boxes, desks and stamps
 * stay until the ring goes, so the answer stays the same until 4.
 *
 * SUBSCRIBERS sit in seats of their own, each a word {generation, state, sig} and the
 * cursor: the position that is wanted next. FREE -> JOINING -> HERE -> FREE, each by CAS;
 * only HERE counts. What a dead one held is freed by recovery. The cursor is written by each
 * next, and its line is nobody else's in the usual case: `told` is a cursor of a while ago,
 * told every eighth of the ring. A subscriber's short way, of words, is open from where on
 * nothing is replaced that he has not passed, so he looks at a line's stamp once for all that
 * is there by then; as long as his thread is the one that it was opened for, and the seat's
 * word is still his.
 *
 * LIMIT {lo, hi = version << 1 | shut}. Positions below lo may be published, whatever they
 * replace. DROP: lo is endless. BLOCK: the least cursor of all HERE, + N; found by who
 * comes to the limit, and set by CAS16 only if the version is what it was before he looked.
 * He looks at what they told, some times, and at the cursors themselves if it is full even
 * so; the limit that comes of what is told is no higher.
 * Who joins, or seeks, first shows his seat and cursor, then makes lo 0 in a new version,
 * then (ONE) fences everybody, then finds the tail t. Whoever publishes a position above t
 * looks at the limit after that, and so at the cursor. Position t itself may be under way,
 * allowed by the old limit: a cell replaces t-N. So all from t-N+1 on stays until the cursor
 * has passed it; t-N may or may not, and is not counted as lost. (In lines it does.)
 *
 * SHUTDOWN sets `shut` and lo 0: LP. MANY: then the cell at the tail is sealed, by him or by
 * whoever comes to the end: CAS16, so nothing comes after it. ONE: the producer looks at
 * the limit after he has stamped 2p, and takes that back if it is below: so after a
 * fence for everybody, the stamp at the tail is 2p if and only if something is still under
 * way, which the end waits for, unless the producer is dead (his seat is clear).
 *
 * Edges (release -> acquire)
 *   [P] publish -> next    the element is written before its stamp; and next -> publish:
 *                          the box has been read before it is filled anew
 *   [N] next -> publish    the element is read before the cursor passes it
 *   [L] join, shutdown, room -> publish, next
 *   [J] subscribe -> room  a seat's cursor is there before it is HERE
 *   [S] leave -> sit       all that the last producer published
 *   [I] swap -> settle     an intent is whole before `made`, and settled before 0
 *   [B] furnish -> next    a desk's box is there before its ref
 *   [H] hint -> walk       all positions below a hint are there
 *   [O] open -> near       the version and the thread of the short way, in this process;
 *                          other end: <weft/broadcast_inline.h>, where also [P] [L] [N] [H] [J]
 *                          are
 */
#ifndef WEFT_STRUCTURES_BROADCAST_SHARED_H
#define WEFT_STRUCTURES_BROADCAST_SHARED_H

#include "runtime/desk_shared.h"
#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_BROADCAST_KIND_ID 0x62636173u /* "bcas" */
#define WEFT_BROADCAST_FORMAT 2
#define WEFT_BROADCAST_SEALED (UINT64_C(1) << 63)
#define WEFT_BROADCAST_POSITION_MAX (UINT64_C(1) << 60)

enum weft_broadcast_seat_state {
        WEFT_BROADCAST_FREE = 0,
        WEFT_BROADCAST_JOINING = 1,
        WEFT_BROADCAST_HERE = 2,
};

struct weft_broadcast_seat_shared { /* written by its subscriber alone */
        weft_a64_t word;            /* generation << 34 | state << 32 | sig */
        weft_a64_t told;            /* a cursor; it may be behind */
        uint64_t spare[6];
        weft_a64_t cursor; /* positions below are done with */
        weft_a64_t lost;   /* elements; for people */
        uint64_t spare2[6];
};
WEFT_PIN(struct weft_broadcast_seat_shared, 128);
WEFT_PIN_AT(struct weft_broadcast_seat_shared, cursor, 64);

struct weft_broadcast_desk_shared {
        weft_a64_t made; /* intent: the stamp that is tried; 0 is none */
        weft_a64_t swap; /* intent: gives << 32 | takes */
        weft_a64_t box;  /* the box on it, + 1; 0: the one that came with it */
        weft_a64_t tail; /* hint: where its agent was last */
        weft_a64_t loan; /* 1: its agent fills the box, or `value` */
        weft_a64_t spare;
        weft_a128_t value; /* a loan of up to 8 bytes */
        weft_a64_t stamp;  /* of the box that came with it */
        weft_a64_t ref;    /* that box's memory, weft_ref_t; 0 while it has none */
        uint64_t spare2[6];
};
WEFT_PIN(struct weft_broadcast_desk_shared, 128);
WEFT_PIN_AT(struct weft_broadcast_desk_shared, stamp, 64);

struct weft_broadcast_shared {
        _Alignas(WEFT_LINE) weft_ref_t cells; /* constant after create, like these */
        weft_ref_t boxes; /* many producers, over 8 bytes; else none */
        weft_ref_t seats;
        uint64_t capacity; /* elements; how many units there are follows from it */
        uint32_t element_bytes;
        uint32_t policy;
        uint32_t flags;
        uint32_t subscribers; /* seats */
        uint64_t spare[2];
        weft_a128_t limit; /* rarely written; read by every publisher */
        struct weft_wait_shared not_empty;
        struct weft_wait_shared not_full;
        weft_a32_t seats_used; /* seats from here on were never taken */
        uint32_t spare2;
        uint64_t spare3[9];
        weft_a64_t tail; /* a hint; ONE: told by the producer, line by line or oftener */
        weft_a32_t producer; /* ONE: whose seat it is, a sig, or 0 */
        weft_a32_t loan;     /* ONE: 1 while he fills the next position */
        uint64_t spare4[14];
        struct weft_desks_shared desks; /* many producers */
};
WEFT_PIN(struct weft_broadcast_shared, 576);
WEFT_PIN_AT(struct weft_broadcast_shared, limit, 64);
WEFT_PIN_AT(struct weft_broadcast_shared, tail, 192);
WEFT_PIN_AT(struct weft_broadcast_shared, desks, 320);

#endif
