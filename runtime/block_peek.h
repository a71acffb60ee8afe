/* runtime/block_peek.h -- weft_block_peek(), _pass() and _renew() for who is in a hurry: with
 * nothing called, and what has been found out once not found out again.
 */
#ifndef WEFT_RUNTIME_BLOCK_PEEK_H
#define WEFT_RUNTIME_BLOCK_PEEK_H

#include "runtime/block_internal.h"

/* Where to look: process-local. */
struct weft_peeker {
        uint8_t *data, *pages; /* block 0, and the record of page 0 */
        weft_a64_t end;        /* no page from here on has a record yet: offset / 16 */
};

/* Pages get records and never lose them: so `end` may be late. */
static inline void weft_peeker_set(struct weft_peeker *p, const weft_arena_t *arena)
{
        uint64_t end = weft_pages_ready(arena) * (WEFT_PAGE_BYTES / 16);
        p->data = arena->base + arena->geo.data_at;
        p->pages = arena->base + arena->geo.regions_at;
        weft_store_rlx(&p->end, end);
}

static inline void weft_peeker_renew(struct weft_peeker *p, const weft_arena_t *arena)
{
        uint64_t end = weft_pages_ready(arena) * (WEFT_PAGE_BYTES / 16);
        if (WEFT_UNLIKELY(weft_load_rlx(&p->end) != end))
                weft_store_rlx(&p->end, end);
}

/* What a ref leads to, if that lies in a slab: whether a block begins there it does not say. */
struct weft_glimpse {
        const uint8_t *at;
        struct weft_page_shared *page;
        uint64_t state;
        uint64_t where; /* offset / 16 */
};

/* False: not in a slab, for all that is known here. Good until the end of the reading: until
 * then all bytes of that page may be read. */
static inline __attribute__((always_inline)) bool
weft_peek(const struct weft_peeker *p, uint64_t ref, struct weft_glimpse *g)
{
        uint64_t where = ref & WEFT_WHERE_MASK, page = where / (WEFT_PAGE_BYTES / 16);
        if (WEFT_UNLIKELY(where >= weft_load_rlx(&p->end)))
                return false;
        _Static_assert(sizeof(struct weft_region_shared) ==
                               WEFT_REGION_PAGES * sizeof(struct weft_page_shared) + 4096,
                       "what lies between the records of two regions");
        uint8_t *record = p->pages + page * sizeof(struct weft_page_shared) +
                          page / WEFT_REGION_PAGES * 4096;
        g->where = where;
        g->at = p->data + where * 16;
        g->page = (struct weft_page_shared *)(void *)record;
        g->state = weft_load_acq(&g->page->state); /* [P] */
        return WEFT_LIKELY(weft_state_is_slab(g->state));
}

/* How much of the page lies from there on. */
static inline uint64_t weft_peek_behind(const struct weft_glimpse *g)
{
        return WEFT_PAGE_BYTES - g->where * 16 % WEFT_PAGE_BYTES;
}

/* The word of the block that begins there, and its class; NULL if none does. */
static inline __attribute__((always_inline)) weft_a64_t *
weft_peek_word(const struct weft_peeker *p, const struct weft_glimpse *g,
               const struct weft_class **class_of)
{
        uint32_t class_ = weft_state_class(g->state);
        if (WEFT_UNLIKELY(class_ >= WEFT_BLOCK_CLASSES))
                return NULL;
        const struct weft_class *c = &weft_classes[class_];
        uint64_t in_page = g->where % (WEFT_PAGE_BYTES / 16), first = c->first / 16;
        if (WEFT_UNLIKELY(in_page < first))
                return NULL;
        uint32_t i = weft_class_index(in_page - first, c->inverse);
        if (WEFT_UNLIKELY(i >= c->n))
                return NULL;
        *class_of = c;
        return first ? (weft_a64_t *)(void *)(p->data + (g->where - in_page) * 16) + i
                     : &g->page->words[i];
}

/* Is it the agent's own, and not another one in the same place? */
static inline bool weft_peek_is_mine(const struct weft_agent *agent, weft_a64_t *word,
                                     uint64_t ref)
{
        uint64_t me = weft_owner_make(WEFT_OWNER_AGENT, agent->sig).v;
        return WEFT_LIKELY(weft_load_rlx(word) == (ref & ~WEFT_WHERE_MASK) + me);
}

/* Then it becomes `to`'s. */
static inline void weft_peek_pass(weft_a64_t *word, uint64_t ref, weft_owner_t to)
{
        weft_store_rel(word, (ref & ~WEFT_WHERE_MASK) + to.v); /* [B] LP */
}

/* weft_block_renew() of a block of `from`'s, found out beforehand: its word as it is and as it
 * will be, and the ref then. The agent has signed. */
struct weft_renewal {
        uint64_t was, is, ref;
};

static inline __attribute__((always_inline)) struct weft_renewal
weft_peek_renewal(const struct weft_agent *agent, const struct weft_glimpse *g,
                  uint64_t ref, weft_owner_t from)
{
        uint64_t generation = weft_ref_generation((weft_ref_t){ ref });
        uint64_t next = weft_generation_next(generation);
        weft_owner_t me = weft_owner_make(WEFT_OWNER_AGENT, agent->sig);
        return (struct weft_renewal){ weft_word_make(generation, from),
                                      weft_word_make(next, me),
                                      next << WEFT_REF_WHERE_BITS | g->where };
}

/* It was `from`'s all the time since its page was looked at in this reading, until a moment
 * ago. False: it is not any more. */
static inline bool weft_peek_renew(weft_a64_t *word, const struct weft_renewal *r)
{
        uint64_t was = r->was;
        return weft_cas_acq_rel(word, &was, r->is); /* [B] LP */
}

/* To be written soon. Which every processor of 64 bits takes, some of them as nothing; a
 * compiler that is told of none of them in particular leaves the writing out. */
static inline void weft_fetch_to_write(const void *at)
{
        const uint8_t *line = at;
        __asm__("prefetchw %0" : : "m"(*line));
}

#endif
