/* runtime/block_internal.h -- what the files of the block module share. */
#ifndef WEFT_RUNTIME_BLOCK_INTERNAL_H
#define WEFT_RUNTIME_BLOCK_INTERNAL_H

#include "runtime/block.h"
#include "runtime/block_shared.h"

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- block_class.c: sizes ------------------------------------------------- */

#define WEFT_BLOCK_CLASSES 34
#define WEFT_BLOCK_CLASS_MAX 65536 /* bytes; more is a span */

struct weft_class {
        uint32_t bytes;   /* of a block */
        uint32_t n;       /* blocks in a slab */
        uint32_t first;   /* where block 0 begins; before it the words, or nothing */
        uint32_t shift;   /* index >> shift is the group */
        uint64_t inverse; /* x * inverse >> 32 == x / (bytes / 16), for x < 4096 */
};
extern const struct weft_class weft_classes[WEFT_BLOCK_CLASSES];
extern const uint8_t weft_classes_low[64]; /* for each 16 bytes up to 1024 */

/* The class for `bytes`, 1 to WEFT_BLOCK_CLASS_MAX: 64, 128, ... 512, then four for each
 * power of two, then whole fractions of a page. And 1088, for 1 KiB and a little: that is
 * what people make their records. */
static inline uint32_t weft_class_of(uint64_t bytes)
{
        uint32_t b = (uint32_t)bytes - 1;
        if (b < 1024)
                return weft_classes_low[b >> 4];
        if (b < 1088)
                return 15;
        if (b < 4096) {
                uint32_t log = 31 - (uint32_t)__builtin_clz(b);
                return 12 + 4 * (log - 9) + ((b >> (log - 2)) & 3);
        }
        uint32_t c = 23;
        while (weft_classes[c].bytes <= b)
                c++;
        return c;
}

/* The block that begins `x` times 16 bytes behind block 0 (x < 4096); UINT32_MAX if none
 * does. The quotient is in the high half of the product, and the remainder is 0 if and
 * only if the low half is less than `inverse`: Lemire, Kaser, Kurz, "Faster Remainder by
 * Direct Computation" (2019). */
static inline uint32_t weft_class_index(uint64_t x, uint64_t inverse)
{
        uint64_t product = x * inverse;
        return WEFT_LIKELY((uint32_t)product < inverse) ? (uint32_t)(product >> 32)
                                                        : UINT32_MAX;
}

/* ---- this agent's slabs: process-local ------------------------------------ */

#define WEFT_SLABS 32    /* that an agent keeps of a class of small blocks, */
#define WEFT_SLABS_FEW 8 /* and of large ones */
#define WEFT_NEAR 512

struct weft_slab {
        uint64_t hot; /* what a block that is free and in no list will be known by */
        weft_a64_t *hot_word; /* and its word; hot 0: there is none */
        weft_a64_t *words;
        uint64_t where; /* of block 0: offset / 16 */
        uint64_t inverse;
        uint64_t extent; /* of all blocks: bytes / 16 */
        uint32_t left;   /* if it is not the current one: frees until it is empty */
        uint32_t list;   /* the first free block (n: none); the others by their words */
        uint16_t n;      /* blocks; 0: not in use */
        uint16_t units;  /* of a block: bytes / 16 */
        uint32_t class_;
};
_Static_assert(sizeof(struct weft_slab) == 64, "one cache line");

/* An agent that has signed anything has one, be it the common empty one. Pointers in it
 * lead to its slabs, or to `none`, which has no blocks. */
struct weft_block_cache {
        _Alignas(64) struct weft_slab none;
        uint64_t key;           /* weft_block_key(); 0 in children of who made it */
        uint64_t me;            /* owner bits of this agent */
        uint8_t *data;          /* page 0 */
        struct weft_slab *last; /* where it freed last */
        struct weft_agent *agent;
        uint32_t batch;         /* pages to commit at once */
        uint32_t patience;      /* give-backs to skip, after one that was not possible */
        uint64_t foreign_state; /* and the slab of another where it freed last */
        struct weft_slab foreign;
        struct weft_slab *low[64]; /* where to take from, by (bytes - 1) / 16, */
        struct weft_slab *current[WEFT_BLOCK_CLASSES]; /* and by class */
        uint32_t victim[WEFT_BLOCK_CLASSES];
        struct weft_slab *near[WEFT_NEAR]; /* which of my slabs a page may be */
        struct weft_slab slabs[WEFT_BLOCK_CLASSES * WEFT_SLABS];
};
extern struct weft_block_cache weft_block_no_cache;

/* The cache that this thread used last; never NULL. */
extern _Thread_local struct weft_block_cache *weft_block_here
        __attribute__((tls_model("initial-exec")));

/* Says that this agent may leave signatures. */
static inline void weft_block_sign(struct weft_agent *agent)
{
        if (!agent->blocks)
                agent->blocks = &weft_block_no_cache;
}

/* Arenas do not go while they have agents, and agents take their caches with them: so an
 * address tells them apart. Never 0, not for NULL either. */
static inline uint64_t weft_block_key(const weft_arena_t *arena)
{
        return (uint64_t)(uintptr_t)arena + 1;
}

/* The slab of this agent that the page may be: look at `where` and `extent`. */
static inline struct weft_slab *weft_slab_near(struct weft_block_cache *cache,
                                               uint64_t page)
{
        return cache->near[page % WEFT_NEAR];
}

#define WEFT_GENERATION_ONE (UINT64_C(1) << WEFT_REF_WHERE_BITS)
#define WEFT_WHERE_MASK (WEFT_GENERATION_ONE - 1)

static inline uint64_t weft_slab_page(const struct weft_slab *s)
{
        return s->where >> 12;
}

/* A word of a page that may be another's by now, whose bytes mean nothing then: the
 * page's state, looked at before and afterwards, or a CAS on what was seen, decides. Its
 * new owner writes plainly there, which is a race that is meant: ThreadSanitizer must not
 * see it. */
#ifdef WEFT_TSAN
static __attribute__((no_sanitize("thread"), noinline, unused)) uint64_t
weft_word_peek(const weft_a64_t *word)
{
        return *(const volatile uint64_t *)&word->raw;
}
#else
static inline uint64_t weft_word_peek(const weft_a64_t *word)
{
        return weft_load_acq(word); /* [B] */
}
#endif

static inline bool weft_slab_has(const struct weft_slab *s)
{
        return s->hot || s->list < s->n;
}

#define WEFT_NO_PAGE UINT64_MAX

/* True if this thread's cache is in this arena, and this process's. */
static inline bool weft_block_is_here(const struct weft_block_cache *cache,
                                      const weft_arena_t *arena)
{
        return WEFT_LIKELY(cache->key == weft_block_key(arena));
}

/* ---- block_page.c: the page table ----------------------------------------- */

static inline uint32_t weft_regions_ready(const weft_arena_t *arena)
{
        uint32_t n = weft_load_acq(&arena->sh->regions_ready); /* [F] */
        return WEFT_LIKELY(n <= arena->geo.regions) ? n : arena->geo.regions;
}

static inline struct weft_region_shared *weft_region(const weft_arena_t *arena,
                                                     uint64_t region)
{
        return (struct weft_region_shared
                        *)(void *)(arena->base + arena->geo.regions_at +
                                   region * sizeof(struct weft_region_shared));
}

/* The record of a page below the frontier, which the caller has checked. */
static inline struct weft_page_shared *weft_page(const weft_arena_t *arena, uint64_t page)
{
        return &weft_region(arena, page / WEFT_REGION_PAGES)
                        ->pages[page % WEFT_REGION_PAGES];
}

static inline uint8_t *weft_page_base(const weft_arena_t *arena, uint64_t page)
{
        return arena->base + arena->geo.data_at + page * WEFT_PAGE_BYTES;
}

/* How many pages have records. */
static inline uint64_t weft_pages_ready(const weft_arena_t *arena)
{
        uint64_t n = (uint64_t)weft_regions_ready(arena) * WEFT_REGION_PAGES;
        return n < arena->geo.pages ? n : arena->geo.pages;
}

/* The words of a slab page of this class (below WEFT_BLOCK_CLASSES). */
static inline weft_a64_t *weft_page_words(const weft_arena_t *arena, uint64_t page,
                                          uint32_t class_)
{
        if (weft_classes[class_].first)
                return (weft_a64_t *)(void *)weft_page_base(arena, page);
        return weft_page(arena, page)->words;
}

/* A slab state, with a class that there is. */
static inline bool weft_state_good_slab(uint64_t state)
{
        return weft_state_is_slab(state) && weft_state_class(state) < WEFT_BLOCK_CLASSES;
}

/* Opens the next region. -ENOSPC. */
WEFT_CHECK int weft_region_open(weft_arena_t *arena);

/* Claims a FREE or BARE page; tells in `*was` what it was. */
bool weft_page_claim(struct weft_agent *agent, uint64_t page, enum weft_page_kind *was);

/* Takes a page: CLAIMED by the agent, backed by memory. -ENOSPC, or what commit says. */
WEFT_CHECK int weft_page_take(struct weft_agent *agent, uint64_t *page);

/* Releases pages that the agent has CLAIMED: they become FREE, or BARE when enough lie
 * idle already. */
void weft_pages_put(struct weft_agent *agent, uint64_t page, uint64_t n);

/* Releases a CLAIMED page, which becomes FREE whatever lies idle. */
void weft_page_free(weft_arena_t *arena, uint64_t page);

/* Releases DRY pages, which become BARE. */
void weft_page_dry_out(weft_arena_t *arena, uint64_t page, uint64_t n);

/* Gives back what lies idle beyond the arena's limit. */
void weft_pages_give_back(struct weft_agent *agent);

/* For those who are about to say -ENOSPC: gives up what is kept in reserve, and finds
 * what hints have missed. */
void weft_pages_rescue(struct weft_agent *agent);

/* ---- block_hint.c ---------------------------------------------------------- */

void weft_hint_set(const weft_arena_t *arena, uint32_t hint, uint64_t page);
/* Clears the bit, unless it is true. */
void weft_hint_clear(const weft_arena_t *arena, uint32_t hint, uint64_t page);
/* The first page from `page` on with this hint, or WEFT_NO_PAGE. */
uint64_t weft_hint_next(const weft_arena_t *arena, uint32_t hint, uint64_t page);
/* Sets all bits of a region, of those pages that there are. */
void weft_hint_set_region(const weft_arena_t *arena, uint32_t hint, uint64_t region);
/* 64 bits: which pages from `page` (a multiple of 64) on may be had for a run. */
uint64_t weft_hint_run_bits(const weft_arena_t *arena, uint64_t page);

/* ---- block_ref.c ------------------------------------------------------------ */

struct weft_spot {
        weft_a64_t *word;
        uint64_t page, state;
        uint32_t index;
        uint64_t bytes;
};

/* The block at this offset, as the page is cut now. Its word may be looked at while the
 * caller is reading, or owns the block. */
WEFT_CHECK bool weft_spot_find(weft_arena_t *arena, weft_ref_t ref,
                               struct weft_spot *spot);

/* The block's word, if the ref is not stale and somebody owns it; 0 otherwise. */
uint64_t weft_spot_word(weft_arena_t *arena, weft_ref_t ref,
                        const struct weft_spot *spot);

/* ---- block_slab.c ---------------------------------------------------------- */

/* Makes sure that the agent, who lives, has a cache of his own. -ENOMEM. */
WEFT_CHECK int weft_block_cache_make(struct weft_agent *agent);

/* Makes sure that the agent's current slab of this class has a free block. */
WEFT_CHECK int weft_slab_refill(struct weft_agent *agent, uint32_t class_);

/* A slab other than the current one has become empty: gives the page back, or not. */
void weft_slab_emptied(struct weft_agent *agent, struct weft_slab *slab);

/* The agent's record of the slab that it owns; NULL if it has none. */
struct weft_slab *weft_slab_find(struct weft_agent *agent, uint64_t page,
                                 uint32_t class_);

/* Block `i`, which has just become FREED, is announced. True if the slab may be empty
 * now: then weft_slab_try_empty(), outside of weft_read_begin(). */
WEFT_CHECK bool weft_slab_announce(weft_arena_t *arena, uint64_t page, uint64_t state,
                                   uint32_t i);
void weft_slab_try_empty(struct weft_agent *agent, uint64_t page);

/* Makes a SHARED slab the agent's: tells its state then. */
WEFT_CHECK bool weft_slab_adopt(struct weft_agent *agent, uint64_t page, uint64_t *state);

/* A slab page that is OWNED by the agent and in no cache: its blocks are counted anew,
 * and it becomes SHARED; or, if it is empty, CLAIMED by the agent, and true is returned. */
WEFT_CHECK bool weft_slab_let_go(struct weft_agent *agent, uint64_t page, uint64_t state);

/* Frees the pages of all empty slabs: of the agent; of nobody. */
void weft_slabs_flush(struct weft_agent *agent);
void weft_slabs_shared_flush(struct weft_agent *agent);

/* ---- block_span.c ---------------------------------------------------------- */

WEFT_CHECK int weft_span_alloc(struct weft_agent *agent, uint64_t bytes, weft_ref_t *ref,
                               void **at);
/* Its word is FREEING by the agent: takes it down. Repeatable. */
void weft_span_free(struct weft_agent *agent, uint64_t head, uint64_t state);
/* The page is CLAIMED or DRY by the agent, who died: takes down the bodies behind it. */
void weft_span_undo(struct weft_agent *agent, uint64_t head);

/* The pages of a span as its head's state tells, bounded by the arena. */
static inline uint64_t weft_span_pages(const weft_arena_t *arena, uint64_t head,
                                       uint64_t state)
{
        uint64_t n = weft_state_whom(state), most = weft_pages_ready(arena);
        return head < most && n <= most - head ? n : 0;
}

#endif
