/* structures/pool_shared.h -- a pool of objects as it lies in shared memory.
 *
 * OBJECTS come in segments: the first with `count` of them, then, as the pool grows, up to
 * 63 more of equal size (but the last). A segment is two blocks: what is said of its objects
 * (struct weft_pool_segment_shared) and the objects themselves, which nobody but their
 * holders writes to. Segments never go before the pool does.
 *
 * WORDS. Each object has one word, changed only by one CAS, that says all:
 *   lives (36 bits) | spare (14) | state (4) | seat (10)
 *   FREE         nobody's                     HELD      by the agent of that seat
 *   TRANSIT      given, and not claimed yet   QUARANTINED  its holder died
 *   INSPECTED    by the agent of that seat, who was QUARANTINED
 *
 *   get      {g, FREE}     -> {g, HELD, me}     put      {g, HELD, me} -> {g+1, FREE}
 *   give     {g, HELD, me} -> {g, TRANSIT}      claim    {g, TRANSIT}  -> {g, HELD, me}
 *   reclaim  {g, TRANSIT}  -> {g+1, FREE}
 *   inspect  {g, QUARANTINED} -> {g, INSPECTED, me} -> {g+1, FREE}, or back, or {g, HELD, me}
 *   death    {g, HELD or INSPECTED, dead} -> {g+1, FREE}, or {g, QUARANTINED}
 *
 * A token is the life and the number of an object: who comes with one of an earlier life is
 * told. A bare seat will do for a signature: it is given out again only when nothing of its
 * last holder is left in any word. So an object has one owner at every instant, the word
 * says who, and whoever settles the dead need only read the words.
 *
 * HINTS say where FREE objects are; they claim nothing. For 32 objects there is a group:
 *   version (31) | doubt (1) | a bit an object (32)
 * A bit that is set means: maybe FREE. It stays set while its object is got and put again,
 * so that those who keep to the same objects write nothing but their words. Who puts sets
 * it after the word, if it is not set, and the version goes up with every bit that is set.
 * Who looks for an object and finds bits wrong clears them together. The holder may have put
 * it, and found the bit still set, just before that; therefore the clearer raises `doubt` in
 * the same CAS, and doubt is resolved by whoever meets it: he reads the words of all that
 * have no bit, and by one CAS sets the bits of those that are FREE and takes doubt away; if
 * the group has changed meanwhile he begins anew. A clearer who is stopped or dies in
 * between has left doubt, and nothing is hidden. Above that, a bit a group in the summary
 * (64 groups a word), as a hint for the search alone: it may be wrong either way for a
 * moment, and who finds it missing sets it.
 *
 * THAT NONE IS FREE must be true when get says so. A put takes effect when it has seen the
 * bit set, or set it, after the word was FREE; or when somebody gets the object before
 * that. Claim: while a group has no bit and no doubt, none of its objects is free. For who
 * put it last saw or set the bit after that; it was cleared later, with doubt; and doubt
 * went by a CAS that would have set the bit, for the word is FREE since before the doubt.
 * Now who looks passes over all groups twice, finds no bit and no doubt, and the same sum
 * of versions: then no bit was set in between, and at the moment between the two passes
 * nothing was free: LP. If the sum differs, somebody has put something: he looks again.
 * Versions only grow (they wrap after 2^31 in one group, in the time of two passes).
 * A put that was cut off by death before its bit is made whole when the dead is settled:
 * that sets the bits of all FREE words.
 *
 * DESKS (desk_shared.h) remember which objects an agent put last, and where it was in its
 * search: hints, too, of any content; without memory for one, get does without.
 *
 * QUARANTINE. `quarantined` = version << 1 | 1 while there may be QUARANTINED objects: set
 * anew after each, cleared by an inspector who found none left since he read it.
 *
 * GROWING. Who found none free takes both blocks, fills them, and puts the ref of the first
 * into `segments`: LP; then he hands over both. If he dies before that, whoever settles him
 * does; if the ref is not there, the blocks are his, and go with him.
 *
 * Edges (release -> acquire)
 *   [F] put -> get        all that was done with an object while it was held
 *   [T] give -> claim     the same
 *   [Q] death -> inspect  objects are QUARANTINED before `quarantined` says so
 *   [H] put -> search     the word is FREE before the bit is set; doubt before it is looked
 *                         into
 *   [G] grow -> look up   a segment is whole before its ref
 *   [L] look up -> look up   where segments are: a cache of this process's threads
 */
#ifndef WEFT_STRUCTURES_POOL_SHARED_H
#define WEFT_STRUCTURES_POOL_SHARED_H

#include "runtime/desk_shared.h"
#include "runtime/shared.h"
#include "runtime/wait_shared.h"

#define WEFT_POOL_KIND_ID 0x6c6f6f70u /* "pool" */
#define WEFT_POOL_FORMAT 1
#define WEFT_POOL_SEGMENTS 64
#define WEFT_POOL_GROUP 32 /* objects in a group */
#define WEFT_POOL_CACHE 30 /* objects that a desk remembers */

enum weft_pool_word_state {
        WEFT_POOL_WORD_FREE = 0, /* a FREE word has nothing but its life */
        WEFT_POOL_WORD_HELD = 1,
        WEFT_POOL_WORD_TRANSIT = 2,
        WEFT_POOL_WORD_QUARANTINED = 3,
        WEFT_POOL_WORD_INSPECTED = 4,
};

#define WEFT_POOL_INDEX_BITS 28 /* of a token; the life above */
#define WEFT_POOL_DOUBT (UINT64_C(1) << 32)
#define WEFT_POOL_VERSION (UINT64_C(1) << 33)

/* Followed, each from a line of its own on, by the summary, the groups, and the words: one
 * on each line in a small pool, else 8. */
struct weft_pool_segment_shared {
        weft_a64_t objects; /* the other block; constant once `segments` has this one */
        uint64_t spare[7];
};
WEFT_PIN(struct weft_pool_segment_shared, 64);

struct weft_pool_desk_shared {
        weft_a32_t cached; /* how many of: */
        weft_a32_t from;   /* where to search on, + 1 */
        weft_a32_t cache[WEFT_POOL_CACHE];
};
WEFT_PIN(struct weft_pool_desk_shared, 128);

struct weft_pool_shared { /* each part on lines of its own */
        _Alignas(WEFT_LINE) uint64_t
                object_bytes; /* constant after create, like these: */
        uint32_t count;       /* objects to begin with, */
        uint32_t max_count;   /* and at most */
        uint32_t flags;
        uint32_t reserved;
        uint64_t spare[5];
        struct weft_wait_shared free; /* who waits for an object, */
        struct weft_wait_shared move; /* and who for one in particular */
        uint64_t spare2[4];
        weft_a64_t quarantined; /* rarely written */
        uint64_t spare3[7];
        weft_a64_t segments[WEFT_POOL_SEGMENTS]; /* refs; 0 while not there */
        struct weft_desks_shared desks;
};
WEFT_PIN(struct weft_pool_shared, 960);
WEFT_PIN_AT(struct weft_pool_shared, free, 64);
WEFT_PIN_AT(struct weft_pool_shared, quarantined, 128);
WEFT_PIN_AT(struct weft_pool_shared, segments, 192);
WEFT_PIN_AT(struct weft_pool_shared, desks, 704);

#endif
