/* structures/array_shared.h -- the array as it lies in shared memory.
 *
 * The header, and one data block: its length and generation, then the elements, element i
 * at i * element_bytes. Elements of 4 and 8 bytes are atomic words, aligned because blocks
 * are; all others are plain bytes, ordered by whatever their users bring.
 *
 * RESIZE makes another block, and `now` changes from the one to the other:
 *
 *   now   lo: version << 1 | frozen     hi: ref of the data block
 *
 *   freeze   {v, r}        -> {v|frozen, r}     the elements stand still
 *   thaw     {v|frozen, r} -> {v+1, r}          by whoever does not wait any longer
 *   publish  {v|frozen, r} -> {v+1, r'}         LP of resize
 *
 * No version and no ref comes twice. A block's length and generation are constant from
 * before it is published; each process checks and copies them.
 *
 * Why nothing acknowledged is lost. Who changes an element says so at his desk (`busy`),
 * then looks whether `now` is as his handle has it, then changes the element, then is not
 * busy any more. Who resizes freezes, then has every cpu pass a barrier (membarrier), then
 * looks at all desks. Whoever was not busy there has done what he was about, and it is
 * seen; or will see the freeze, and do nothing. Then the old block changes no more; it is
 * copied; the publishing CAS fails if anybody has thawed since. So the copy is exact, or
 * it is thrown away. Who reads looks at `now` afterwards: the block still was the array's.
 *
 * Nobody is stopped. Who finds the array frozen waits while the copying gets on
 * (`progress`), and thaws when it does not: a stopped or dead resizer costs that moment.
 * Thawing is always right: the old block is the array until the CAS. Only a resizer waits
 * for another: for who is busy. If that one stands there, stopped, he thaws, and tries
 * again until his deadline.
 *
 * OLD BLOCKS. `pin` at a desk says which generations that agent's process may use: from,
 * to. `retired` has the refs of the blocks that were the array once, or still are: a block
 * is put there before another one is published over it. What is there, is not the array
 * now and is pinned at no desk is freed by whoever looks: who refreshes, resizes, closes,
 * recovers. Who pins looks again, after a fence, whether the block still is the array's:
 * then nobody can have looked at his desk in vain.
 *
 * Crash in resize: at the dead's desk, `frozen` is what he froze: thawed if it still is;
 * `draft` is his new block, the object's already: freed unless it is the array's now, or
 * in `retired`, where it was put before it ceased to be.
 *
 * Edges (release -> acquire)
 *   [E] store, add, cas -> load, add, cas   what was written before an element changed is
 *                        seen by whoever sees the change
 *   [N] freeze, thaw, publish -> look at now   the new block is whole
 *   [B] begin, end a change -> look at the desks   and, by membarrier, the Dekker pair:
 *                        busy, then look at now | freeze, then look at the desks
 *   [D] make a draft -> recover   a block's ref is at the desk before it is the object's
 *   [G] pin -> free      what was read of the old block; and the Dekker pair: pin, then
 *                        look at now | publish, then look at the pins
 *   [R] retire -> free   a block is retired before it is replaced
 *   [V] refresh -> use   of a handle, by the threads of one process
 */
#ifndef WEFT_STRUCTURES_ARRAY_SHARED_H
#define WEFT_STRUCTURES_ARRAY_SHARED_H

#include "runtime/desk_shared.h"
#include "runtime/shared.h"

#define WEFT_ARRAY_KIND UINT32_C(0x79617261) /* "aray" */
#define WEFT_ARRAY_VERSION 2
#define WEFT_ARRAY_ELEMENT_MAX (UINT32_C(1) << 20)
#define WEFT_ARRAY_FROZEN UINT64_C(1) /* in now.lo */
#define WEFT_ARRAY_NEXT UINT64_C(2)
#define WEFT_ARRAY_RETIRED 15

struct weft_array_shared {
        weft_a128_t now;
        uint32_t element_bytes; /* constant */
        uint32_t reserved;
        uint64_t spare[5];
        weft_a64_t progress; /* of copying; grows */
        weft_a64_t retired[WEFT_ARRAY_RETIRED];
        struct weft_desks_shared desks;
};
WEFT_PIN(struct weft_array_shared, 448);
WEFT_PIN_AT(struct weft_array_shared, element_bytes, 16);
WEFT_PIN_AT(struct weft_array_shared, progress, 64);

struct weft_array_block_shared { /* how a data block begins */
        uint64_t length;
        uint64_t generation;
        uint64_t spare[6];
};
WEFT_PIN(struct weft_array_block_shared, 64);

struct weft_array_desk_shared {
        weft_a64_t busy;   /* its holder's signature while he changes an element */
        weft_a64_t pin;    /* generations: from << 32 | to; 0 is none */
        weft_a64_t frozen; /* now.lo as it was frozen here; 0 */
        weft_a64_t draft;  /* ref of a block to be the array's; 0 */
        uint64_t spare[4];
};
WEFT_PIN(struct weft_array_desk_shared, 64);

#endif
