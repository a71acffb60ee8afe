/* structures/rendezvous_shared.h -- the rendezvous as it lies in shared memory.
 *
 * It stores nothing. Who finds no partner opens an offer in its seat, under a version
 * (runtime/meet_shared.h); whoever comes and finds it takes it up, by one CAS on that word,
 * which is the operation of both. Here lies where to look, and what does not fit into the
 * word:
 *
 * BITS say, for each side, in which seats somebody has ever waited here: where to look. Set
 * before the offer is open, and left there: the next wait is soon. Recovery takes them away.
 *
 * WHERE an offer is. In the seat itself, where the thread offers one thing: `hi` of its word
 * is the place of this header | 2 + side, and the element, if it gives one of up to 16 bytes,
 * is the seat's `gift`. Else `hi` is LISTED: offer[side] of its desk here is the version
 * and the case; what it gives lies in box `box` of this desk.
 *
 * BOXES are the desk's: number 0 lies in the desk, for up to 32 bytes; the others, 2^i of
 * them in chunk i, in blocks of the object's, made when all others are in use.
 *
 * A takes up the offer of B:
 *   B gives    A copies the element out, then makes the CAS: nothing was left if it succeeds,
 *              nothing was read if it does not
 *   B takes    up to 8 bytes are what A leaves in the word by its CAS. More A puts into a box
 *              of its own first, notes there for whom (`given`: B's seat and version), and
 *              leaves the box's number and its own seat. B copies it and ends.
 * A box is in use as long as B's word says that this was left for it under this version: if
 * the CAS failed, or B has fetched it, or has died and been settled, the word says something
 * else, and will never say that again. So a box needs no release. Whoever sits in A's seat
 * next inherits its desk, and what `given` says there. Who is stopped before it has fetched
 * what it got keeps one box.
 *
 * CRASH of A before the CAS: nothing has happened; after it, all has. Of B before the CAS:
 * whoever comes sees that it is dead, and passes; after it: it has taken the element with it,
 * or had handed its own over.
 *
 * GROW of a desk's boxes: a block is allocated, the agent's; chunks[i] = it (LP); it is passed
 * to the object. Recovery passes what is still the agent's.
 *
 * Edges (release -> acquire)
 *   [F] list -> find       who has set its bit, and then opened its offer, is found; the
 *                          Dekker pair of meet_shared.h
 *   [S] shut -> look       who comes after a shutdown is told
 *   [C] grow -> box        a chunk is whole before its ref
 */
#ifndef WEFT_STRUCTURES_RENDEZVOUS_SHARED_H
#define WEFT_STRUCTURES_RENDEZVOUS_SHARED_H

#include "runtime/desk_shared.h"
#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_RENDEZVOUS_KIND_ID 0x72647676u /* "rdvv" */
#define WEFT_RENDEZVOUS_FORMAT 1

/* Which side waits: for somebody to pop, or for somebody to push. */
enum weft_rendezvous_side { WEFT_GIVES = 0, WEFT_TAKES = 1, WEFT_SIDES };

#define WEFT_RENDEZVOUS_WORDS 16       /* of bits: a bit a seat */
#define WEFT_RENDEZVOUS_CHUNKS 10      /* 2^10 - 1 boxes: one for each other seat */
#define WEFT_RENDEZVOUS_FIRST_BYTES 32 /* fit into a desk */
#define WEFT_RENDEZVOUS_CASE_BITS 8    /* of offer[] */

struct weft_rendezvous_desk_shared {
        weft_a64_t offer[WEFT_SIDES]; /* version << 8 | case */
        weft_a32_t box;               /* of offer[GIVES]: its number */
        uint32_t spare;
        weft_a64_t given;                           /* box 0: version << 10 | seat */
        uint8_t first[WEFT_RENDEZVOUS_FIRST_BYTES]; /* box 0: the element */
        /* its own: */
        weft_a64_t met;  /* offers that it took up */
        weft_a64_t turn; /* the seat to begin the next look at */
        uint64_t spare2[4];
        weft_a64_t chunks[WEFT_RENDEZVOUS_CHUNKS]; /* refs */
};
WEFT_PIN(struct weft_rendezvous_desk_shared, 192);
WEFT_PIN_AT(struct weft_rendezvous_desk_shared, met, 64);
WEFT_PIN_AT(struct weft_rendezvous_desk_shared, chunks, 112);

/* A box in a chunk: this, and then, aligned, its element. */
struct weft_rendezvous_box_shared {
        weft_a64_t given; /* version << 10 | seat */
};
WEFT_PIN(struct weft_rendezvous_box_shared, 8);

struct weft_rendezvous_shared {                     /* each part on lines of its own */
        _Alignas(WEFT_LINE) uint32_t element_bytes; /* constant after create */
        uint32_t flags;
        weft_a32_t shut;
        uint32_t spare[13];
        struct weft_wait_shared looking[WEFT_SIDES]; /* who only looks for that side */
        uint64_t spare2[4];
        weft_a64_t bits[WEFT_SIDES][WEFT_RENDEZVOUS_WORDS];
        struct weft_desks_shared desks;
};
WEFT_PIN(struct weft_rendezvous_shared, 640);
WEFT_PIN_AT(struct weft_rendezvous_shared, looking, 64);
WEFT_PIN_AT(struct weft_rendezvous_shared, bits, 128);
WEFT_PIN_AT(struct weft_rendezvous_shared, desks, 384);

#endif
