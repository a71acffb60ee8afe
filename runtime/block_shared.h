/* runtime/block_shared.h -- pages, slabs and block words as they lie in the arena.
 *
 * Data pages of 64 KiB; 256 of them are a region, with a page table in the tables area.
 * A page's `state` is the one truth about the page, and changes by one CAS or, by whom
 * it names, by one store:
 *
 *   state = kind (4 bits) | class (6) | incarnation (22) | whom (32)
 *
 *        .--- claim ----> DRY ----- commit ----> CLAIMED ---> OWNED <---> SHARED  slabs
 *      BARE <-- punch ----'  <-- no readers ---- | ^    `--> SPAN, BODY           spans
 *                                                v |
 *                                               FREE <--- all their blocks free
 *
 * CLAIMED, DRY and OWNED name the agent whose the page is: a claim signs itself.
 *
 * A slab is a page of blocks of one class. Each block has a word
 *
 *   word = generation (28 bits) | owner (36)           see shared.h
 *
 * in front of the blocks or, where those are fewer than 15, in the page's record. FREE
 * and FREED words carry the generation that the block will have next, all others the one
 * it has; so a ref to an earlier life matches none. `life` says with which generation
 * the page's next slab or span begins: beyond all that were ever used in it. Only the
 * owner of the slab takes blocks. Its free list runs through the FREE words; where it
 * begins the owner alone knows. A block that somebody else frees becomes FREED, and is
 * announced:
 *
 *   remote = count (16 bits) | groups (48)
 *
 * Bit g: FREED blocks, or in a SHARED slab FREE ones, are in the g-th group of the
 * slab's words. The count says, in a SHARED slab only and only as a guess that is never
 * too low while nobody dies, how many blocks are free: if all, the page is given back.
 *
 * A span is a SPAN page, with the block's word in its record and the number of its pages
 * as `whom`, and BODY pages behind it. Bodies are made upwards, before the head, and
 * taken down downwards, before the head: so what is half made or half gone is always the
 * head and an unbroken run behind it.
 *
 * Hints are bits a page, in the region, and above them bits a region (`summaries`) and
 * bits a word of those. Each says "maybe". Who sets one makes it true first; who clears
 * one looks at the truth again afterwards.
 *
 * Invariants
 *   A word that names an agent as owner is changed by that agent alone, or by its
 *   recoverer. A FREE or FREED word is changed by the owner of the slab alone.
 *   Behind OWNED, SHARED, SPAN, BODY, CLAIMED and FREE pages there is memory. Nobody
 *   reads a DRY or BARE page.
 *
 * Edges (release -> acquire)
 *   [F] open a region -> use it   its table is committed before it is counted
 *   [P] release a page -> claim it, make a slab or span -> look it up   all that was
 *       done with it before; also the Dekker pair: hide a page, then look for readers
 *   [S] disown -> adopt   the words of the slab; and the Dekker pair: announce, then
 *       look whether it is SHARED | share, then look what has been announced
 *   [B] give, pass, free -> claim, at, reuse   what was written to, or read from, the block
 *   [N] announce -> collect   the block is FREED before it is announced
 *   [H] set a hint -> find, clear it   the Dekker pair of truth and bit, bit and summary
 */
#ifndef WEFT_RUNTIME_BLOCK_SHARED_H
#define WEFT_RUNTIME_BLOCK_SHARED_H

#include "runtime/shared.h"

#define WEFT_REGION_PAGES 256
#define WEFT_PAGE_WORDS 12 /* block words in a page's record */
#define WEFT_BLOCK_HINTS 64

enum weft_page_kind {
        WEFT_PAGE_BARE = 0,    /* nobody's, no memory */
        WEFT_PAGE_FREE = 1,    /* nobody's */
        WEFT_PAGE_CLAIMED = 2, /* whom's */
        WEFT_PAGE_DRY = 3,     /* whom's; whether there is memory nobody knows */
        WEFT_PAGE_OWNED = 4,   /* slab, whom's */
        WEFT_PAGE_SHARED = 5,  /* slab, nobody's: who needs one takes it */
        WEFT_PAGE_SPAN = 6,    /* first of whom pages */
        WEFT_PAGE_BODY = 7,    /* belongs to the span that begins at page whom */
};

enum weft_hint { /* what a hint bit says of a page */
                 WEFT_HINT_FREE = 0,
                 WEFT_HINT_BARE = 1,
                 WEFT_HINT_SLAB = 2, /* + class: SHARED slab with free blocks */
};

struct weft_page_shared {
        weft_a64_t state;
        weft_a64_t remote;
        weft_a64_t life; /* generation to begin with */
        uint64_t reserved;
        weft_a64_t words[WEFT_PAGE_WORDS];
};
WEFT_PIN(struct weft_page_shared, 128);
WEFT_PIN_AT(struct weft_page_shared, words, 32);

struct weft_region_shared {
        struct weft_page_shared pages[WEFT_REGION_PAGES];
        weft_a64_t hints[WEFT_BLOCK_HINTS][WEFT_REGION_PAGES / 64];
        uint64_t reserved[256];
};
WEFT_PIN(struct weft_region_shared, 36864);
WEFT_PIN_AT(struct weft_region_shared, hints, 32768);

/* ---- the page's state ----------------------------------------------------- */

#define WEFT_INCARNATION_MASK ((UINT64_C(1) << 22) - 1)

static inline uint64_t weft_state_make(enum weft_page_kind kind, uint32_t class_,
                                       uint64_t incarnation, uint32_t whom)
{
        return (uint64_t)kind << 60 | (uint64_t)class_ << 54 |
               (incarnation & WEFT_INCARNATION_MASK) << 32 | whom;
}

static inline enum weft_page_kind weft_state_kind(uint64_t state)
{
        return (enum weft_page_kind)(state >> 60);
}

static inline uint32_t weft_state_class(uint64_t state)
{
        return (uint32_t)(state >> 54) & 63;
}

static inline uint32_t weft_state_whom(uint64_t state)
{
        return (uint32_t)state;
}

static inline bool weft_state_is_slab(uint64_t state)
{
        return state >> 61 == WEFT_PAGE_OWNED >> 1; /* OWNED or SHARED */
}

/* True if the page is cut into the same blocks now as when its state was `a`. */
static inline bool weft_state_same_blocks(uint64_t a, uint64_t b)
{
        if (weft_state_is_slab(a) && weft_state_is_slab(b))
                return (a ^ b) << 4 >> 36 == 0; /* class and incarnation */
        return a == b;
}

/* ---- remote --------------------------------------------------------------- */

#define WEFT_REMOTE_GROUPS ((UINT64_C(1) << 48) - 1)
#define WEFT_REMOTE_ONE (UINT64_C(1) << 48)

/* ---- block words ---------------------------------------------------------- */

static inline uint64_t weft_word_make(uint64_t generation, weft_owner_t owner)
{
        return generation << 36 | owner.v;
}

static inline uint64_t weft_word_generation(uint64_t word)
{
        return word >> 36;
}

static inline weft_owner_t weft_word_owner(uint64_t word)
{
        return (weft_owner_t){ word & ((UINT64_C(1) << 36) - 1) };
}

static inline enum weft_owner_kind weft_word_kind(uint64_t word)
{
        return (enum weft_owner_kind)(word >> 32 & 15);
}

static inline bool weft_word_is_free(uint64_t word)
{
        return (word >> 32 & 15) <= WEFT_OWNER_FREED;
}

/* True if an agent, an object or the arena has the block. */
static inline bool weft_word_is_owned(uint64_t word)
{
        return (word >> 32 & 15) - WEFT_OWNER_AGENT <=
               WEFT_OWNER_ARENA - WEFT_OWNER_AGENT;
}

/* Never 0, so that no ref is 0. */
static inline uint64_t weft_generation_next(uint64_t generation)
{
        uint64_t next = (generation + 1) & WEFT_GENERATION_MASK;
        return next ? next : 1;
}

/* The later of two, as the counter goes round. */
static inline uint64_t weft_generation_later(uint64_t a, uint64_t b)
{
        return (int32_t)((uint32_t)(a - b) << 4) > 0 ? a : b;
}

#endif
