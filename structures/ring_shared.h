/* structures/ring_shared.h -- the ring as it lies in shared memory.
 *
 * One producer, one consumer; no operation of theirs has a locked instruction.
 *
 * SEATS. A side is held by the agent whose signature is in its `seat`: only he writes the
 * side's line (`turn` apart), what lies at its position, and (the consumer) `head`. The seat is taken by
 * a CAS from 0, and made 0 again by its holder or by who recovers him; of a signature that
 * is nobody's any more the next one takes it over. Who is stopped holds it on.
 *
 * ELEMENTS lie in stamped units: stamp.h. The producer writes an element, then the stamp
 * of its unit: LP of push. The consumer looks at that stamp alone, and never writes to a
 * unit. He copies the element out and stores his position on his own line: LP of pop.
 *
 *   there      push.pos <= tail, where the stamps end; [pop.pos, tail) is in the ring
 *   full       tail is `capacity` elements behind pop.pos; capacity is such that then the
 *              next unit to be written may still hold what has not been popped
 *   limit      up to where a side may go without a look: the producer's is where it was
 *              full when he looked last, the consumer's the stamp that he saw last
 *   head       pop.pos as it was told last: every eighth of the ring. The producer looks
 *              there when he comes to his limit, and at pop.pos itself only if he finds it
 *              full even so, some times: that line is written by each pop
 *   filled     a tail, told by a producer who comes to his limit and finds more than half of
 *              the ring filled: that far the consumer may ask for lines before he needs
 *              them. Further on he would take from the producer what that one is filling
 *
 * BYTES. Positions are bytes, in steps of 16. A record is 16 bytes (stamp, length) and
 * what it holds; it begins at `pos & mask` and lies in one piece, for behind the ring there
 * is room for one more of the longest. Its stamp is its position. What was there before is
 * anything, also this number: so the place where the next one will begin is set to 0 before
 * a record's stamp is written, and 16 bytes are kept free for that.
 *
 * THE TAIL is where the stamps end. push.pos lags behind it, of words by less than two
 * lines, of a batch to where it looked for room last, else from an LP to the next store: never
 * by as much as the ring. Who takes the producer's seat walks on from there. pop.pos is exact. So nothing that was acknowledged is lost, and nothing comes
 * twice: what was written but not stamped never was; what was copied out but not passed is
 * still there.
 *
 * THE SHORT WAY, of words: <weft/ring_inline.h>. The producer keeps the tail in his handle,
 * and what else a push has to know is made sure beforehand, line by line: one who stands in
 * a line that is not free all of it goes the long way, as in all that is not usual. Two
 * things are looked at: whose the way is, in the handle, and whether it is still open: if
 * `turn` is what it was when it was opened. That word is counted up ("a turn is drawn") by
 *   - who takes a side, gives it up, or recovers it: before the seat is free
 *   - the holder, if he goes on by another handle than the last time. So one handle knows
 *     the tail; who draws looks for it where the stamps end
 *   - who counts himself in to sleep, after that; and shutdown, after it has set `closing`
 * So one load after the LP, where there was one for each, tells the holder that somebody is
 * to be heard. Then, and until nobody sleeps any more, he goes the long way. A way is opened
 * by its turn being drawn, or being the last one still, and then a look at who sleeps and at
 * `closing`: who comes later draws the next. It is never open in the child of a fork: there
 * the handle's page is 0. A batch of words goes the same way; where it ends is where the next
 * one begins, and if that line is not free all of it the way is closed.
 *
 * THE SHORT WAY, of other elements, is open by the same turn. All that changes is in shared
 * memory: a handle need not know what another one has done, so the long way leaves it open.
 *
 * IN PLACE. A loan is the place at the tail, a take the one at the head: no state at all,
 * until the commit or the release does what push and pop do. Who dies with a loan has
 * pushed nothing; what he took and did not release is the next consumer's.
 *
 * WAITING. After its store each side looks whether somebody sleeps: a store, then a
 * load, with no fence in between, may pass each other. So who is going to sleep counts
 * himself in, orders all others (membarrier) and looks again: the other side has either
 * seen him, or its store is seen. Before that he sleeps for a moment, and most need not
 * go on. Who finds that somebody sleeps makes a fence and looks once more before he
 * trusts the count or wakes. In a process where membarrier is forbidden each store is
 * followed by a fence; and where it fails, who sleeps looks by himself.
 *
 * SHUTDOWN sets `closing`: pushes that begin later fail. One that was under way may have
 * found it 0 and be stopped before its LP: so after the LP it looks again, the same way,
 * and if it is set makes sure that it counts: it sets `seal`, once for ever, to the tail. A
 * consumer who finds nothing orders all others, looks again, and then sets `seal` to where
 * he stands. Positions below the seal are in the ring; those from it on never were, and who
 * pushed them is told so. At the seal the consumer marks his position CLOSED: that is no
 * stamp's position, so nothing that lands later is taken for an element.
 *
 * Edges (release -> acquire)
 *   [P] push -> pop      the element is written before its stamp
 *   [O] pop -> push      it is read before its place is filled anew
 *   [E] give up -> take  all that the last holder of a seat did
 *   [C] shutdown -> push, pop
 *   [L] seal -> seal     the tail, before it was sealed
 *   [W] store -> sleep   a fence, and the count: see WAITING
 *   [M] order -> look    who was counted in when this process ordered the others
 *   [T] draw -> look     that somebody counted himself in, or shut it down; what the last
 *                        one did on this side
 *   [N] open -> near     the turn and the thread whose it is, in this process;
 *                        other end: <weft/ring_inline.h>, where also [P] [O] [T] are
 */
#ifndef WEFT_STRUCTURES_RING_SHARED_H
#define WEFT_STRUCTURES_RING_SHARED_H

#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_RING_KIND_ID 0x676e6972u /* "ring" */
#define WEFT_RING_FORMAT 2
#define WEFT_RING_CLOSED (UINT64_C(1) << 63)
#define WEFT_RING_STEP 16 /* of positions in a ring of bytes */

struct weft_ring_record_shared { /* what it holds follows */
        weft_a64_t stamp;
        weft_a32_t bytes;
        uint32_t spare;
};
WEFT_PIN(struct weft_ring_record_shared, WEFT_RING_STEP);

struct weft_ring_side_shared { /* two lines: the prefetcher fetches pairs */
        weft_a64_t seat;       /* signature of its holder, or 0 */
        weft_a64_t pos;
        weft_a64_t limit;
        weft_a64_t turn;
        uint64_t spare[12];
};
WEFT_PIN(struct weft_ring_side_shared, 128);

struct weft_ring_shared {
        _Alignas(WEFT_LINE) weft_ref_t area; /* constant after create, like these */
        uint64_t room;                       /* units, or bytes: a power of two */
        uint32_t element_bytes;              /* BYTES: of the longest record */
        uint32_t flags;
        uint64_t spare[5];
        weft_a32_t closing; /* from here on rarely written */
        uint32_t spare2;
        weft_a64_t seal; /* 0: not yet */
        struct weft_wait_shared not_empty;
        struct weft_wait_shared not_full;
        struct weft_wait_shared seats; /* one has become free */
        struct weft_ring_side_shared push;
        struct weft_ring_side_shared pop;
        weft_a64_t head; /* the consumer's, for the producer */
        uint64_t spare3[7];
        weft_a64_t filled; /* the producer's, for the consumer */
        uint64_t spare4[7];
};
WEFT_PIN(struct weft_ring_shared, 512);
WEFT_PIN_AT(struct weft_ring_shared, closing, 64);
WEFT_PIN_AT(struct weft_ring_shared, push, 128);
WEFT_PIN_AT(struct weft_ring_shared, pop, 256);
WEFT_PIN_AT(struct weft_ring_shared, head, 384);
WEFT_PIN_AT(struct weft_ring_shared, filled, 448);

#endif
