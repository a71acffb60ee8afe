/* structures/map_shared.h -- the map's table, and what an agent has open in it.
 *
 * TABLE. 2^bits buckets of 128 bytes, each with a control word and 5 slots. Bits of the
 * key's hash from the top say which bucket is its home b; an entry lies in bucket b + i * (i +
 * 1) / 2 (round the end) for some i from 0 to d, where d, the reach, is in the home's control
 * word and never goes down. Those buckets are the key's chain.
 *
 *   slot     key, 8 bytes; cell, 16 bytes, changed by CAS16 only: {value, meta}
 *   meta     version (50 bits) | seat (10) | state (4)
 *   control  floor (50 bits) | reach (6) | flags (8)
 *
 * In a map of 8-byte keys and values the key is the key and the value the value. In others
 * the key is the hash, and the value the ref of a block with the entry: two keys are the
 * same if hash and bytes are.
 *
 *   EMPTY     nobody's                        -> CLAIM, MOVED
 *   CLAIM     seat's, who wants key; value is the key -> MEMBER, COPY, TENT, LOST, EMPTY, DEAD
 *   TENT      proposed by seat: key -> value  -> MEMBER, LOST, EMPTY, DEAD
 *   COPY      the same, of an entry FROZEN in the table before this
 *   LOST      seat's; it was refused          -> EMPTY, DEAD
 *   MEMBER    an entry of the map             -> MEMBER, EMPTY, FROZEN
 *   FROZEN    an entry that is being moved    -> MOVED
 *   MOVED     never used again in this table: look in the next one
 *   DEAD      the same; what was seat's here was refused
 *
 * Every CAS16 makes the version of the slot larger by at least 1, but for those that end in
 * FROZEN, LOST, MOVED, DEAD, TENT and COPY, which no slot reaches twice with one version. So
 * a pair {value, meta} never comes twice in one slot, and a CAS16 that was held up for
 * long fails. A key is written only in CLAIM, by the one whose it is. FROZEN becomes MOVED
 * by a plain store, for it becomes nothing else.
 *
 * Replace, add: {v, MEMBER|n} -> {w, MEMBER|n+1}, LP. Remove: floor(home) is made >= n,
 * then -> {0, EMPTY|n+1}, LP. Get: meta, key, value, meta; LP is the first meta if the
 * second is equal. Not there: LP is the look at the slot (or control word) where the key
 * would have had to be as it was not; there always is one moment, for whoever comes to a
 * slot behind the reader's back was not in an earlier one at that time, or left it before.
 *
 * CLAIMS. Two who insert the same key must not both become members. Who wants to insert k
 * makes sure that his slot is within the reach (raises it first), and then claims it: from
 * that one CAS16 on all can see that it is k that he wants, for a CLAIM has the key where others
 * have the value. He writes the key, and then looks: at the control word, and at all slots of
 * the chain, their values before their keys, for in that order a CLAIM becomes an entry.
 *
 *   CLAIM of k: refuse it, -> LOST. TENT or COPY of k, or a k that is MEMBER, FROZEN, MOVED
 *   or DEAD, or the home is SEALED: give up. If it is to be a copy and k is not FROZEN in the
 *   table before this any more: give up. Else {k, CLAIM} -> {value, MEMBER} with a version of 1 +
 *   the largest of floor (read after the look), the slot's and, a copy, the entry's: LP.
 *
 * PROPOSALS. Two who claim may refuse each other, for ever if they did nothing else. So who
 * has been refused once, whether by himself or by another, makes a TENT (or COPY) of his next
 * claim, which others can decide for him; and only then he decides. DECIDE(k, L), L a proposal
 * of k, his own or another's: refuse each CLAIM of k; else
 *
 *   look at all slots of the chain that have k as key; at each proposal of k but L: if it
 *   lies before L, decide that one first and begin anew; else refuse it: -> LOST. If there
 *   is a k that is MEMBER, FROZEN, MOVED or DEAD, or the home is SEALED: refuse L. If L is a
 *   COPY and k is not FROZEN in the table before this any more: refuse L. Else L -> MEMBER
 *   with a version of 1 + the largest of floor (read after the look), its slot's and, a
 *   COPY, the entry's.
 *
 * At most one k is a member at a time: say A is made one after a look that began when
 * A was there, as a claim or a proposal. Another X that was made one and was not seen must have
 * come to its slot after the look passed there, so its own look began later still and saw A: it
 * refused A (then A's CAS16 failed), or gave up for it; or A was a proposal before it, and it
 * decided A first and then saw a member. Who was refused, by whom, or was made a member by a
 * helper, sees it in his own slot: LOST or DEAD with his seat and the version of his claim means
 * refused; anything else but TENT or COPY, made. An agent has one slot at a time in hand, and has
 * made it EMPTY before he claims another. Nobody waits: a proposal of one who is stopped is
 * decided by whoever needs to know, a claim refused.
 *
 * MOVING. `root` is {current, next}. Who finds the table too full (or too empty) makes
 * another one and CAS16s {T, 0} -> {T, T2}: LP of resize. From then on whoever changes key k
 * first moves k's chain: seals the home, so that its reach stays; then, in all its buckets:
 *   EMPTY -> MOVED; CLAIM, TENT, COPY, LOST -> DEAD; MEMBER -> FROZEN; and each FROZEN
 *   entry is claimed in T2, or proposed as a COPY and decided there, and its slot -> MOVED
 * then makes the floors in T2 of the homes that k can have there as high as the floor here,
 * so that no version comes again, marks the home DONE and goes on in T2. In addition he moves a few chains of those that
 * come next (`moving`); who finds none left marks what was forgotten, and when all homes
 * are DONE, {T, T2} -> {T2, 0}: LP of retire. T3 comes after that.
 * A copy that comes late, of one who was held up, is never made: after its look the slot
 * in T is looked at. If another copy of k was made and k has been removed since, then that
 * slot was MOVED before the removal; and if that copy was made after the look passed its
 * slot, its maker saw this one first and refused it, or decided it. A proposal in T of one
 * who does not know of T2: he sees MOVED or DEAD or SEALED in the chain, for what had k in
 * it is within the chain; and if there never was a k, T2 has it only after DONE, after
 * which no slot of the chain is EMPTY or can become a member's.
 * SMALLER. Who wants a smaller table and is stopped just before he puts it into root must not
 * put it there when T has filled up: so he first puts a mark there, {T, odd number} that
 * never comes twice, then counts T's slots, and only then {T, mark} -> {T, T2}. Who inserts
 * and sees a mark takes it away: always in a small T, else sometimes. T2 has room for twice
 * what was counted, for what may have come since, and for a slot that each seat has claimed.
 * Of T2's chains the last buckets are for COPY alone. A mark is as no next table.
 * Who reads looks in T and, if anything there is MOVED or DEAD or SEALED, in T2 after that;
 * if that is so in T2 too, anew.
 *
 * ENTRIES (other than 8/8). A block {expires, lengths, key, value} that does not change. It
 * is handed over to the map before it is in any slot; while it is only on its way in or out
 * the agent's desk names it: `fresh` before it is handed over, until it is known whether it
 * got in; `old` before the CAS16 that takes it out, until it is disposed of.
 *   LINKED(e): e's key is in hash and block; e is linked if a slot of that key, FROZEN or
 *   MEMBER, in T or then in T2, has it.
 *   DISPOSE(e), not linked: if a view has it, leave it to the viewer; else free it. It may be
 *   done by several: a freed block has another generation.
 * An entry that was linked and is not will never be again; one that was never linked can be
 * only by the agent on whose desk it is. So recovery does, for fresh and for old:
 * if not linked, dispose. Whoever reads copies first, then looks whether the slot is as it was.
 *
 * VIEWS. A viewer writes the ref to a place of his desk, fences, and looks again whether
 * it is linked; if so, whoever takes it out looks at the places after his CAS16, and leaves it.
 * Who ends a view clears the place, fences, and if the entry is not linked any more
 * disposes of it. `viewers` tells which seats have ever viewed.
 *
 * Crash in claim, in propose: the desk says which slot; if it is CLAIM, TENT, COPY or LOST with the
 *   dead's seat, it becomes EMPTY. (A seat is handed out anew only after that.)
 * Crash in move: what is FROZEN is moved by the next one who comes by.
 * Crash in resize: T2 is on the desk (`made`) before it is handed over to the map, and in
 *   root after that. Recovery frees it if it is not in root and then not in `retired`.
 * Crash in retire: T is in `retired` before it leaves `root`, and freed from there by
 *   whoever comes by, after a grace period that began when root did not have it. It may be
 *   noted twice, or by one who is late: its ref is stale then.
 *
 * Edges (release -> acquire)
 *   [M] change, propose, decide, freeze -> read, decide, change   the meta: key, value and
 *       entry are written before
 *   [C] seal, raise, done -> look   the control word
 *   [R] resize, retire -> enter     a table is whole before it is in root
 *   [D] desk -> recover             what is open is on the desk before it is in the table
 *   [V] view -> dispose             the Dekker pair of place and link
 *   [K] meet -> known               in a process: a table was checked before it is known
 *   [G] free, begin -> lock         in a process: the grace period that one thread keeps
 */
#ifndef WEFT_STRUCTURES_MAP_SHARED_H
#define WEFT_STRUCTURES_MAP_SHARED_H

#include "runtime/desk_shared.h"
#include "runtime/shared.h"

#define WEFT_MAP_KIND_ID UINT32_C(0x0070616d) /* "map" */
#define WEFT_SET_KIND_ID UINT32_C(0x00746573) /* "set" */
#define WEFT_MAP_FORMAT 1
#define WEFT_MAP_SLOTS 5    /* in a bucket */
#define WEFT_MAP_BITS_MIN 3 /* of buckets in a table */
#define WEFT_MAP_BITS_MAX 36
#define WEFT_MAP_REACH_MAX 63
#define WEFT_MAP_RETIRED 40 /* tables not yet freed */

enum weft_map_state {
        WEFT_SLOT_EMPTY = 0,
        WEFT_SLOT_CLAIM = 1,
        WEFT_SLOT_TENT = 2,
        WEFT_SLOT_COPY = 3,
        WEFT_SLOT_LOST = 4,
        WEFT_SLOT_MEMBER = 5,
        WEFT_SLOT_FROZEN = 6,
        WEFT_SLOT_MOVED = 7,
        WEFT_SLOT_DEAD = 8,
};

enum { /* flags of a control word */
       WEFT_BUCKET_SEALED = 1,
       WEFT_BUCKET_DONE = 2,
};

/* Slots 0 and 1 lie in the first line, 3 and 4 in the second. */
struct weft_bucket_shared {
        weft_a64_t control;
        weft_a64_t key0;
        weft_a128_t cell0;
        weft_a128_t cell1;
        weft_a64_t key1;
        weft_a64_t key2;
        weft_a64_t key3;
        weft_a64_t key4;
        weft_a128_t cell2;
        weft_a128_t cell3;
        weft_a128_t cell4;
};
WEFT_PIN(struct weft_bucket_shared, 128);
WEFT_PIN_AT(struct weft_bucket_shared, key3, 64);
WEFT_PIN_AT(struct weft_bucket_shared, cell2, 80);

struct weft_table_shared { /* buckets follow */
        uint64_t bits;     /* constant */
        uint64_t spare[7];
        weft_a64_t
                moving; /* while it is current and there is a next: buckets given out */
        weft_a64_t finished; /* and all before are DONE: a hint */
        uint64_t spare2[6];
};
WEFT_PIN(struct weft_table_shared, 128);

struct weft_map_desk_shared {
        weft_a64_t table; /* the slot that it proposes in: ref; 0: none */
        weft_a64_t slot;  /* bucket * 8 + which */
        weft_a64_t fresh; /* entries on their way in and out: refs */
        weft_a64_t old;
        weft_a64_t entries; /* inserted less removed, by this seat, signed */
        weft_a64_t made;    /* the table that it puts into root: ref */
        weft_a64_t idle;    /* a block for its next entry: its own; 0: none */
        weft_a64_t idle_room;
        weft_a64_t views[16]; /* refs */
        weft_a64_t
                marks; /* how often it has marked root to shrink: so that none is twice */
        weft_a64_t
                viewed_by[4]; /* which handle of its process has the view: 16 bits each */
        uint64_t spare[3];
};
WEFT_PIN(struct weft_map_desk_shared, 256);
WEFT_PIN_AT(struct weft_map_desk_shared, views, 64);

struct weft_map_entry_shared { /* key and, at the next multiple of 8, value follow */
        uint64_t expires_ms;
        uint32_t key_bytes;
        uint32_t value_bytes;
};
WEFT_PIN(struct weft_map_entry_shared, 16);

struct weft_map_shared {
        uint32_t key_bytes; /* constant, like these */
        uint32_t value_bytes;
        uint32_t flags;
        uint32_t spare;
        uint64_t seed;
        uint64_t bits_min; /* it does not shrink below that */
        uint64_t spare2[4];
        weft_a128_t root;    /* refs: current, next */
        weft_a64_t viewed;   /* not 0 once anybody has had a view */
        weft_a64_t swept;    /* bucket where the sweep for the expired goes on */
        weft_a32_t building; /* who makes the next table: a hint, so that not all do */
        uint32_t spare3;
        uint64_t spare4[3];
        weft_a64_t retired[WEFT_MAP_RETIRED]; /* refs */
        weft_a64_t viewers[16];               /* bit i: seat i */
        struct weft_desks_shared desks;
};
WEFT_PIN(struct weft_map_shared, 832);
WEFT_PIN_AT(struct weft_map_shared, root, 64);
WEFT_PIN_AT(struct weft_map_shared, retired, 128);
WEFT_PIN_AT(struct weft_map_shared, desks, 576);

#endif
