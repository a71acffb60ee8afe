/* runtime/object_shared.h -- the directory as it lies in the arena.
 *
 *   buckets   WEFT_BUCKETS words, each the link to the first entry of a chain
 *   entries   type-stable records: an entry is reused, but is always an entry
 *
 * state     incarnation (24) | signature (32) | what (8)
 *           FREE -> CLAIMED by -> LIVE -> REMOVED <-> DOOMED by -> RECLAIMED by -> FREE
 *           and of a transient one LIVE <-> FADING by -> RECLAIMED by
 * link      incarnation (24) | tag (22) | index + 1 (17) | mark (1); index + 1 = 0 ends the
 *           chain. The tag is the incarnation of the entry whose link word it is.
 *
 * The CAS that puts an entry into its chain makes the object: LP of create. From then on
 * anyone who meets it there in state CLAIMED makes it LIVE. Entries are inserted at the
 * head only, after the whole chain was searched from that head: so a name is never there
 * twice. REMOVED is the LP of remove; whoever meets such an entry unlinks it: it marks
 * the entry's own link, so that it is changed no more, then swings the one before.
 *
 * An entry is pinned by a bit for each agent that has it open. Who pins sets the bit, then
 * looks whether the object is still there; who wants to free it makes it DOOMED, then
 * looks whether there are bits. Both are locked operations: one of them sees the other.
 * Only a CAS from the same DOOMED makes it RECLAIMED, which is for ever. A sibling of a
 * holder who pins a removed object and finds it DOOMED makes it REMOVED again: so the
 * doomer's CAS fails, and nobody who had the object open loses it.
 *
 * A transient object goes with its last pin though nobody removed it. It is made FADING
 * first, and keeps its name: whoever opens it now (by name or by token) pins it, finds it
 * FADING and makes it LIVE again; as above he is seen, or the CAS from the same FADING
 * fails. So an object that was opened keeps its name, and one whose name is gone has no
 * users: RECLAIMED is the LP of both. Who creates under the name of one that nobody has
 * pinned helps it go, whatever became of its fader.
 *
 * An anonymous object is transient and in no chain: its creator's CAS from CLAIMED to LIVE
 * is the LP of create, and a CLAIMED one of the dead is a draft. It is found by its token:
 * incarnation (24) | index (16).
 *
 * Edges (release -> acquire)
 *   [N] insert -> find       an entry is written before it is linked
 *   [S] change of state -> look at state
 *   [P] pin, unpin -> free   the last user's work before the memory goes
 *   [F] in arena_shared.h
 */
#ifndef WEFT_RUNTIME_OBJECT_SHARED_H
#define WEFT_RUNTIME_OBJECT_SHARED_H

#include "runtime/shared.h"

#define WEFT_BUCKETS 512
#define WEFT_PIN_WORDS 16 /* 1024 agents */

enum weft_entry_what {
        WEFT_ENTRY_FREE = 0,
        WEFT_ENTRY_CLAIMED = 1,
        WEFT_ENTRY_LIVE = 2,
        WEFT_ENTRY_REMOVED = 3,
        WEFT_ENTRY_RECLAIMED = 4,
        WEFT_ENTRY_DOOMED = 5,
        WEFT_ENTRY_FADING = 6,
};

/* Constant from CLAIMED to FREE. */
enum {
        WEFT_ENTRY_TRANSIENT = 1, /* goes with its last pin */
        WEFT_ENTRY_ANONYMOUS = 2, /* in no chain */
};

struct weft_entry_shared {
        weft_a64_t state;
        weft_a64_t next;
        weft_a64_t header; /* ref of the object's header block */
        uint64_t hash;     /* of the name */
        uint32_t kind;
        uint32_t version;
        uint32_t name_bytes;
        weft_a32_t given; /* 1: blocks were given to it that its kind does not know */
        weft_a32_t flags;
        uint32_t unused;
        uint64_t spare;
        weft_a64_t pins[WEFT_PIN_WORDS];
        uint8_t name[256];
};
WEFT_PIN(struct weft_entry_shared, 448);
WEFT_PIN_AT(struct weft_entry_shared, pins, 64);
WEFT_PIN_AT(struct weft_entry_shared, name, 192);

#endif
