/* structures/stack_shared.h -- the stack as it lies in shared memory.
 *
 * NODES hold an element each. They lie in segments, blocks of the stack's own, eight to each
 * doubling: a node's number is segment << 24 | its place there. They are never freed before
 * the stack is, only used again. A node is, at every instant, in exactly one of these places:
 *   the stack     linked from tops[MAIN]
 *   the spare     a stack of bundles: chains of nodes, linked from tops[SPARE]; or of a
 *                 number that was never used: from `fresh`, the high half of that word, on
 *   a desk        an agent's: in nodes[0 .. count) of it, or in its chain: what it drained
 *
 * A TOP is 16 bytes, changed only by one CAS of both words, which is the operation:
 *   lo  MAIN: CLOSED | elements in it (31 bits) | top node + 1 (32 bits)
 *       SPARE:                    fresh (32 bits) | first bundle + 1 (32 bits)
 *   hi  tag (54 bits) | seat of who made this change (10 bits)
 * The tag grows by one with each change, so no `hi` ever comes twice: who reads it, then the
 * links of the nodes below, however stale, and then makes his CAS on that `hi` has seen them
 * as they are.
 *
 *   push    {l, n, a | t, x} -> {l + k, n', | t + 1, me}   k nodes of nodes[], linked before
 *   pop     {l, n, a | t, x} -> {l - k, n', | t + 1, me}   k nodes into nodes[]
 *   drain   {l, n, a | t, x} -> {0, 0       | t + 1, me}   all of them into the chain
 *   close   {l, n, a | t, x} -> {CLOSED, .. | t + 1, me}
 *   give    a bundle of nodes[] onto the spare             fetch   one, or fresh ones, from it
 *
 * INTENT. What such a change does to a desk is one word: `hold` = chain << 32 | count. Agent
 * X at seat x:
 *   1  nodes[count ..], or `taking`, get the numbers of what is about to be taken
 *   2  intent = tag t + 1 | what | count after it        open
 *   3  files the evidence on the word that is about to be overwritten: see below
 *   4  CAS on the top                                     LP
 *   5  hold = as the intent says                          settled
 * The intent stays: it goes with the next one, and settling it twice is settling it once.
 * Whatever changes `hold` in another way (what was drained goes from the chain into nodes[],
 * one by one, each by one store of `hold`) sets the intent to 0 first.
 *   (a) X dead before 2: the intent is an old one, settled or failed; nodes[] above the
 *       count and the links of nodes in a desk mean nothing
 *   (b) X dead between 2 and 4, or after a CAS that failed: nobody has made t + 1 as seat x,
 *       and nobody will. The nodes to be pushed are X's still, those to be popped never were
 *   (c) X dead between 4 and 5: t + 1 is signed by x: 5 is done for him
 *   (d) X dead after 5: likewise, once more
 * EVIDENCE. The top says who made its last change. Before Z overwrites the sign of another
 * seat, he files it: into one of six words on the top's own line, which he is about to take
 * anyway. If that word is in use for a third seat Y, the evidence on Y goes to Y's desk
 * first. So the last change that x made, at any time after its LP, is in one of these places,
 * and goes from one to the next only after it is there: who looks in this order cannot miss
 * it:
 *       the top, the word for x on its line, x's desk
 * All of it is the truth, whoever writes it and however late: X made that tag. What was filed
 * for x only grows in the desk; a stopped Z may put an older truth back on the line, but then
 * the newer one is in the desk. And x's open intent has a tag above all that x made before,
 * so that only the truth about this one says yes. Own signs are overwritten without filing:
 * whoever changes a top has settled his last intent. Whoever has the seat next does so after
 * his predecessor was settled. So alone, or several in a row, one files nothing at all.
 *
 * RECOVERY settles X's intent, and then gives all that is in X's desk to the spare, by the
 * same steps, as X: who recovers X may die anywhere, and the next one begins anew.
 *
 * GROW. desk.adds = k + 1; a block is allocated, the agent's; segments[k] = it (LP); it is
 * passed to the stack; adds = 0. Recovery passes what `adds` names, if it is still X's.
 *
 * Edges (release -> acquire)
 *   [P] push -> pop       element and links are written before the top says so; and read
 *                         before the top that gives the node away says so
 *   [I] change -> settle  an intent is whole before the CAS; settled before the next
 *   [F] file -> settle    evidence is filed before its original goes
 *   [S] grow -> node      a segment is whole before its ref
 *   [L] look up -> look up   where segments are: a cache of this process's threads
 */
#ifndef WEFT_STRUCTURES_STACK_SHARED_H
#define WEFT_STRUCTURES_STACK_SHARED_H

#include "runtime/desk_shared.h"
#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_STACK_KIND_ID 0x73746163u /* "stac" */
#define WEFT_STACK_FORMAT 1
#define WEFT_STACK_SEGMENTS 256
#define WEFT_STACK_PLACE_BITS 24 /* of a node's number; a segment has no more nodes */
#define WEFT_STACK_FILED 6       /* words of evidence on a top's line */
#define WEFT_STACK_CACHE 64      /* nodes in a desk, at most */
#define WEFT_STACK_CLOSED (UINT64_C(1) << 63)

enum weft_stack_which { WEFT_STACK_MAIN, WEFT_STACK_SPARE, WEFT_STACK_TOPS };

/* What an intent does, beyond the count: DRAIN on MAIN also sets the chain. */
enum weft_stack_what {
        WEFT_STACK_CHANGE_MAIN = WEFT_STACK_MAIN,
        WEFT_STACK_CHANGE_SPARE = WEFT_STACK_SPARE,
        WEFT_STACK_DRAIN = 2,
};

struct weft_stack_top_shared {
        weft_a128_t word;
        weft_a64_t filed[WEFT_STACK_FILED]; /* a `hi` for each seat mod 6; 0: none */
};
WEFT_PIN(struct weft_stack_top_shared, 64);

struct weft_stack_desk_shared {
        weft_a64_t intent; /* tag (54) | what (3) | count after it (7) */
        weft_a64_t hold;   /* the chain's first node + 1 (32) | count */
        weft_a32_t taking; /* a drain's chain to be, node + 1 */
        weft_a32_t adds;   /* the segment that it is adding, + 1 */
        uint64_t spare[5];
        weft_a64_t filed[WEFT_STACK_TOPS]; /* by others: the newest `hi` filed here */
        uint64_t spare2[6];
        weft_a32_t nodes[WEFT_STACK_CACHE];
};
WEFT_PIN(struct weft_stack_desk_shared, 384);
WEFT_PIN_AT(struct weft_stack_desk_shared, filed, 64);
WEFT_PIN_AT(struct weft_stack_desk_shared, nodes, 128);

/* A node: its link, and then, aligned, its element. */
struct weft_stack_node_shared {
        weft_a64_t
                link; /* a bundle's first node: next bundle + 1 << 32; | next node + 1 */
};
WEFT_PIN(struct weft_stack_node_shared, 8);

struct weft_stack_shared {                     /* each part on lines of its own */
        _Alignas(WEFT_LINE) uint64_t capacity; /* constant after create, like these */
        uint32_t element_bytes;
        uint32_t flags;
        uint64_t spare[14];
        struct weft_stack_top_shared top; /* MAIN */
        uint64_t spare2[8];
        struct weft_stack_top_shared rest; /* SPARE */
        uint64_t spare3[8];
        struct weft_wait_shared not_empty;
        uint64_t spare4[6];
        struct weft_wait_shared not_full;
        uint64_t spare5[6];
        struct weft_desks_shared desks;
        weft_a64_t segments[WEFT_STACK_SEGMENTS]; /* refs */
};
WEFT_PIN(struct weft_stack_shared, 2816);
WEFT_PIN_AT(struct weft_stack_shared, top, 128);
WEFT_PIN_AT(struct weft_stack_shared, rest, 256);
WEFT_PIN_AT(struct weft_stack_shared, not_empty, 384);
WEFT_PIN_AT(struct weft_stack_shared, desks, 512);
WEFT_PIN_AT(struct weft_stack_shared, segments, 768);

#endif
