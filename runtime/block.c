/* runtime/block.c -- taking blocks, and giving them back. */
#include <errno.h>

#include "runtime/block_internal.h"

/* ---- alloc ------------------------------------------------------------------ */

/* The first block of the slab's list is taken out; false if there is none, or if its word
 * is not of a list: that is the end of a corrupt one. */
static inline bool unlist(struct weft_slab *s, uint64_t *ref, uint32_t *index)
{
        uint32_t i = s->list, n = s->n;
        if (WEFT_UNLIKELY(i >= n))
                return false;
        uint64_t w = weft_load_rlx(&s->words[i]);
        uint64_t next = w & WEFT_WHERE_MASK; /* FREE is 0, so this is an index, or more */
        s->list = (uint32_t)next;
        if (WEFT_UNLIKELY(next > n)) {
                s->list = n;
                return false;
        }
        *ref = w - next + s->where + (uint64_t)i * s->units;
        *index = i;
        return true;
}

/* Block `i` of ours is taken: what it is known by, `v`, is told. */
static inline void hand_out(const struct weft_block_cache *cache, weft_a64_t *word,
                            uint64_t v, weft_ref_t *ref, void **at)
{
        uint64_t where = v & WEFT_WHERE_MASK;
        weft_store_rel(word, v - where + cache->me); /* [B] LP */
        ref->v = v;
        if (at)
                *at = cache->data + (where << 4);
}

/* Takes a free block of this slab, by preference the one freed last. */
static inline bool alloc_from(struct weft_block_cache *cache, struct weft_slab *s,
                              weft_ref_t *ref, void **at)
{
        uint64_t v = s->hot;
        uint32_t i = 0;
        if (v)
                s->hot = 0;
        else if (!unlist(s, &v, &i))
                return false;
        else
                s->hot_word = &s->words[i];
        hand_out(cache, s->hot_word, v, ref, at);
        return true;
}

static __attribute__((noinline)) int alloc_slowly(weft_arena_t *arena, uint64_t bytes,
                                                  weft_ref_t *ref, void **at)
{
        struct weft_agent *agent;
        if (!arena || !ref || !bytes)
                return -EINVAL;
        int rc = weft_agent_self(arena, &agent);
        if (rc)
                return rc;
        if (bytes > WEFT_BLOCK_CLASS_MAX)
                return weft_span_alloc(agent, bytes, ref, at);
        uint32_t class_ = weft_class_of(bytes);
        for (int i = 0; i < 8; i++) { /* more than twice only where words are corrupt */
                struct weft_block_cache *cache = agent->blocks;
                if (cache && cache != &weft_block_no_cache &&
                    alloc_from(cache, cache->current[class_], ref, at)) {
                        weft_block_here = cache;
                        return 0;
                }
                rc = weft_slab_refill(agent, class_);
                if (rc)
                        return rc;
        }
        return -EUCLEAN;
}

/* As below, when no block is hot. */
static __attribute__((noinline)) int alloc_listed(struct weft_block_cache *cache,
                                                  struct weft_slab *s, uint64_t bytes,
                                                  weft_ref_t *ref, void **at)
{
        uint64_t v;
        uint32_t i;
        if (WEFT_UNLIKELY(!unlist(s, &v, &i)))
                return alloc_slowly(cache->agent->arena, bytes, ref, at);
        hand_out(cache, &s->words[i], v, ref, at);
        return 0;
}

/*
 * Crash in alloc: before LP the block is FREE in a slab that the dead owns; after it, the
 * dead's. Settle frees both.
 */
int weft_block_alloc(weft_arena_t *arena, uint64_t bytes, weft_ref_t *ref, void **at)
{
        struct weft_block_cache *cache = weft_block_here;
        if (WEFT_UNLIKELY(!weft_block_is_here(cache, arena) || bytes - 1 >= 1024 || !ref))
                return alloc_slowly(arena, bytes, ref, at);
        struct weft_slab *s = cache->low[(bytes - 1) / 16];
        uint64_t v = s->hot;
        if (!v)
                return alloc_listed(cache, s, bytes, ref, at);
        s->hot = 0;
        hand_out(cache, s->hot_word, v, ref, at);
        return 0;
}

/* ---- free ------------------------------------------------------------------- */

/* May this agent free a block with this word? With `only`: does he own it? */
static int may_free(const struct weft_agent *agent, uint64_t word, weft_owner_t only)
{
        uint64_t owner = weft_word_owner(word).v;
        if (!word)
                return -ENOENT;
        if (only.v)
                return owner == only.v ? 0 : -ENOENT;
        return weft_word_kind(word) != WEFT_OWNER_AGENT ||
                               owner == weft_owner_make(WEFT_OWNER_AGENT, agent->sig).v
                       ? 0
                       : -EPERM;
}

struct after { /* what is left to do when reading is over */
        struct weft_slab *mine;
        bool empty;
};

/* LP of free: the CAS. The block is nobody's then, or (a span) being freed by us. */
static bool free_spot(struct weft_agent *agent, const struct weft_spot *spot, uint64_t w,
                      struct after *after)
{
        bool span = weft_state_kind(spot->state) == WEFT_PAGE_SPAN;
        weft_owner_t to = weft_owner_make(WEFT_OWNER_FREED, 0);
        struct weft_slab *s = NULL;

        if (span)
                to = weft_owner_make(WEFT_OWNER_FREEING, agent->sig);
        else if (weft_state_kind(spot->state) == WEFT_PAGE_OWNED &&
                 weft_state_whom(spot->state) == agent->sig)
                s = weft_slab_find(agent, spot->page, weft_state_class(spot->state));
        if (s)
                to = weft_owner_make(WEFT_OWNER_FREE, s->list);
        uint64_t generation = weft_generation_next(weft_word_generation(w));
        if (!weft_cas_acq_rel(spot->word, &w,
                              weft_word_make(generation, to))) /* [B] LP */
                return false;
        if (s) {
                s->list = spot->index;
                if (--s->left == 0)
                        after->mine = s;
        } else if (!span) {
                after->empty = weft_slab_announce(agent->arena, spot->page, spot->state,
                                                  spot->index);
        }
        return true;
}

/*
 * Crash in free: before LP nothing has happened. After it: a FREED block that is not
 * announced, which settle does; or a FREEING span, which settle takes down.
 */
static __attribute__((noinline)) int free_elsewhere(struct weft_agent *agent,
                                                    weft_ref_t ref, weft_owner_t only)
{
        weft_arena_t *arena = agent->arena;
        struct after after = { NULL, false };
        struct weft_spot spot;
        int rc = -ENOENT;

        weft_block_sign(agent);
        weft_read_begin(agent);
        while (weft_spot_find(arena, ref, &spot)) {
                uint64_t w = weft_spot_word(arena, ref, &spot);
                rc = may_free(agent, w, only);
                if (rc || free_spot(agent, &spot, w, &after))
                        break;
                rc = -ENOENT;
        }
        weft_read_end(agent);
        if (rc)
                return rc;
        if (weft_state_kind(spot.state) == WEFT_PAGE_SPAN)
                weft_span_free(agent, spot.page, spot.state);
        else if (after.mine)
                weft_slab_emptied(agent, after.mine);
        else if (after.empty)
                weft_slab_try_empty(agent, spot.page);
        return 0;
}

static __attribute__((noinline)) int free_slowly(weft_arena_t *arena, weft_ref_t ref)
{
        struct weft_agent *agent;
        int rc = arena ? weft_agent_self(arena, &agent) : -EINVAL;
        if (rc)
                return rc;
        if (weft_block_cache_make(agent) == 0) /* else it goes without */
                weft_block_here = agent->blocks;
        return free_elsewhere(agent, ref, (weft_owner_t){ 0 });
}

/* A block that this agent owns, in a slab of its own: only we change such a word, so a
 * store does. False if it is none. */
static inline bool free_into(const struct weft_block_cache *cache, struct weft_slab *s,
                             weft_ref_t ref, uint64_t where)
{
        uint64_t product = (where - s->where) * s->inverse; /* see weft_class_index() */
        uint64_t generation = ref.v - where, i = product >> 32;
        if (WEFT_UNLIKELY((uint32_t)product >= s->inverse))
                return false;
        weft_a64_t *word = &s->words[i];
        if (WEFT_UNLIKELY(weft_load_rlx(word) != generation + cache->me))
                return false;
        uint64_t now;
        if (WEFT_UNLIKELY(__builtin_add_overflow(generation, WEFT_GENERATION_ONE, &now)))
                now += WEFT_GENERATION_ONE; /* never 0 */
        uint64_t v = now + where;
        if (WEFT_LIKELY(!s->hot)) {
                s->hot = v;
                s->hot_word = word;
        } else {
                now += s->list; /* FREE is 0 */
                s->list = (uint32_t)i;
        }
        weft_store_rel(word, now); /* [B] LP */
        return true;
}

/* The owner bits of a word say that this agent may free the block. */
static inline bool is_free_to(const struct weft_block_cache *cache, uint64_t owner)
{
        return owner == cache->me ||
               (owner >> 32) - WEFT_OWNER_OBJECT <= 1; /* or ARENA */
}

/* Remembers how the page is cut, if it is a slab of small blocks that another owns: so
 * that the next free there need not wait for its state to find the word. */
static __attribute__((noinline)) bool look_at_foreign(struct weft_block_cache *cache,
                                                      uint64_t page)
{
        weft_arena_t *arena = cache->agent->arena;
        cache->foreign.extent = 0;
        if (page >= weft_pages_ready(arena))
                return false;
        uint64_t st = weft_load_acq(&weft_page(arena, page)->state); /* [P] */
        if (weft_state_kind(st) != WEFT_PAGE_OWNED || !weft_state_good_slab(st) ||
            weft_state_whom(st) == cache->agent->sig)
                return false;
        const struct weft_class *c = &weft_classes[weft_state_class(st)];
        cache->foreign_state = st;
        cache->foreign = (struct weft_slab){
                .words = weft_page_words(arena, page, weft_state_class(st)),
                .where = (page * WEFT_PAGE_BYTES + c->first) / 16,
                .inverse = c->inverse,
                .extent = (uint64_t)c->n * (c->bytes / 16),
                .left = c->shift,
        };
        return true;
}

/*
 * A block in a slab of somebody else who lives: the common case of free_elsewhere(), at a
 * third of the cost. The group's bit was set when we looked, after the block was FREED,
 * and the slab OWNED after that: so its owner has yet to clear the bit, and will look, or
 * has yet to share the slab, and will count.
 */
static inline int free_foreign(weft_arena_t *arena, struct weft_block_cache *cache,
                               weft_ref_t ref)
{
        uint64_t where = ref.v & WEFT_WHERE_MASK, generation = ref.v - where;
        struct weft_agent *agent = cache->agent;
        const struct weft_slab *f = &cache->foreign;
        if (where - f->where >= f->extent &&
            (!look_at_foreign(cache, where >> 12) || where - f->where >= f->extent))
                return free_slowly(arena, ref);
        uint32_t i = weft_class_index(where - f->where, f->inverse);
        if (i == UINT32_MAX)
                return free_slowly(arena, ref);
        struct weft_page_shared *p = weft_page(arena, where >> 12);
        weft_read_begin(agent);
        uint64_t st = weft_load_acq(&p->state); /* [P] */
        if (weft_state_kind(st) != WEFT_PAGE_OWNED || weft_state_whom(st) == agent->sig ||
            !weft_state_same_blocks(st, cache->foreign_state))
                goto otherwise;
        uint64_t w = weft_load_acq(&f->words[i]); /* [B] */
        if (!is_free_to(cache, w - generation) ||
            !weft_state_same_blocks(weft_load_acq(&p->state), st)) /* [P] */
                goto otherwise;
        uint64_t freed = weft_word_make(weft_generation_next(generation >> 36),
                                        weft_owner_make(WEFT_OWNER_FREED, 0));
        if (!weft_cas_acq_rel(&f->words[i], &w, freed)) /* [B] LP */
                goto otherwise;
        bool empty = false;
        if (!(weft_load_acq(&p->remote) >> (i >> f->left) & 1) ||         /* [N] */
            weft_state_kind(weft_load_acq(&p->state)) != WEFT_PAGE_OWNED) /* [S] */
                empty = weft_slab_announce(arena, where >> 12, st, i);
        weft_read_end(agent);
        if (empty)
                weft_slab_try_empty(agent, where >> 12);
        return 0;
otherwise:
        weft_read_end(agent);
        cache->foreign.extent = 0;
        return free_slowly(arena, ref);
}

static __attribute__((noinline)) int emptied(struct weft_block_cache *cache,
                                             struct weft_slab *s)
{
        weft_slab_emptied(cache->agent, s);
        return 0;
}

static __attribute__((noinline)) int free_near(weft_arena_t *arena, weft_ref_t ref)
{
        struct weft_block_cache *cache = weft_block_here;
        uint64_t where = ref.v & WEFT_WHERE_MASK;
        struct weft_slab *s = weft_slab_near(cache, where >> 12);
        if (where - s->where >= s->extent)
                return free_foreign(arena, cache, ref);
        if (!free_into(cache, s, ref, where))
                return free_slowly(arena, ref);
        cache->last = s;
        return WEFT_UNLIKELY(--s->left == 0) ? emptied(cache, s) : 0;
}

/* Where the last one was freed, this one often is. Not having to look that up first is
 * what counts when blocks are taken and freed in turn. */
int weft_block_free(weft_arena_t *arena, weft_ref_t ref)
{
        struct weft_block_cache *cache = weft_block_here;
        if (WEFT_UNLIKELY(!weft_block_is_here(cache, arena)))
                return free_slowly(arena, ref);
        struct weft_slab *s = cache->last;
        uint64_t where = ref.v & WEFT_WHERE_MASK;
        if (where - s->where >= s->extent)
                return free_near(arena, ref);
        if (WEFT_UNLIKELY(!free_into(cache, s, ref, where)))
                return free_slowly(arena, ref);
        return WEFT_UNLIKELY(--s->left == 0) ? emptied(cache, s) : 0;
}

int weft_block_free_from(struct weft_agent *agent, weft_ref_t ref, weft_owner_t owner)
{
        return owner.v ? free_elsewhere(agent, ref, owner) : -EINVAL;
}
