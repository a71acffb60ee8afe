/* runtime/block_settle.c -- what the dead and the leaving had, and the removed objects. */
#include "runtime/block_internal.h"

/* ---- slabs ------------------------------------------------------------------- */

/* A slab that is the agent's: what he owned in it becomes FREED, which his own slab may
 * hold without announcement. Then it is let go. */
static void settle_own_slab(struct weft_agent *agent, uint64_t page, uint64_t state)
{
        weft_arena_t *arena = agent->arena;
        uint32_t class_ = weft_state_class(state);
        weft_a64_t *words = weft_page_words(arena, page, class_);
        uint64_t me = weft_owner_make(WEFT_OWNER_AGENT, agent->sig).v;

        for (uint32_t i = 0; i < weft_classes[class_].n; i++) {
                uint64_t w = weft_word_peek(&words[i]);
                if (weft_word_owner(w).v == me)
                        weft_store_rel(
                                &words[i], /* [B] LP */
                                weft_word_make(
                                        weft_generation_next(weft_word_generation(w)),
                                        weft_owner_make(WEFT_OWNER_FREED, 0)));
        }
        if (weft_slab_let_go(agent, page, state))
                weft_page_free(arena, page);
}

/* A slab of somebody else who lives: what the agent owned in it is freed, and what he
 * freed without announcing it is announced. */
static void settle_other_slab(struct weft_agent *agent, uint64_t page, uint64_t state)
{
        weft_arena_t *arena = agent->arena;
        struct weft_page_shared *p = weft_page(arena, page);
        uint32_t class_ = weft_state_class(state);
        const struct weft_class *c = &weft_classes[class_];
        weft_a64_t *words = weft_page_words(arena, page, class_);
        uint64_t me = weft_owner_make(WEFT_OWNER_AGENT, agent->sig).v;
        bool empty = false;

        weft_read_begin(agent);
        if (!weft_state_same_blocks(weft_load_acq(&p->state), state)) { /* [P] */
                weft_read_end(agent);
                return; /* reformatted: the agent had nothing in it */
        }
        for (uint32_t i = 0; i < c->n; i++) {
                uint64_t w = weft_word_peek(&words[i]);
                bool freed = weft_word_kind(w) == WEFT_OWNER_FREED;
                uint64_t freed_word =
                        weft_word_make(weft_generation_next(weft_word_generation(w)),
                                       weft_owner_make(WEFT_OWNER_FREED, 0));
                if (!freed && weft_word_owner(w).v == me)
                        freed = weft_cas_acq_rel(&words[i], &w, freed_word); /* [B] LP */
                else if (freed && weft_load_rlx(&p->remote) >> (i >> c->shift) & 1)
                        freed = false; /* announced */
                if (freed)
                        empty |= weft_slab_announce(arena, page, state, i);
        }
        weft_read_end(agent);
        if (empty)
                weft_slab_try_empty(agent, page);
}

static void settle_slab(struct weft_agent *agent, uint64_t page, uint64_t state)
{
        if (!weft_state_good_slab(state))
                return;
        if (weft_state_kind(state) == WEFT_PAGE_OWNED &&
            weft_state_whom(state) == agent->sig)
                settle_own_slab(agent, page, state);
        else if (weft_slab_adopt(agent, page, &state))
                settle_own_slab(agent, page, state);
        else
                settle_other_slab(agent, page, state);
}

/* ---- spans and claims --------------------------------------------------------- */

static void settle_span(struct weft_agent *agent, uint64_t head, uint64_t state)
{
        weft_a64_t *word = &weft_page(agent->arena, head)->words[0];
        uint64_t w = weft_load_acq(word); /* [B] */
        uint64_t me = weft_owner_make(WEFT_OWNER_AGENT, agent->sig).v;
        uint64_t freeing = weft_owner_make(WEFT_OWNER_FREEING, agent->sig).v;

        if (weft_word_owner(w).v == me) {
                uint64_t next = weft_generation_next(weft_word_generation(w));
                w = next << 36 | freeing;
                weft_store_rel(word, w); /* [B] LP */
        }
        if (weft_word_owner(w).v == freeing)
                weft_span_free(agent, head, state);
}

static void settle_claim(struct weft_agent *agent, uint64_t page, uint64_t state)
{
        if (weft_state_whom(state) != agent->sig)
                return;
        weft_span_undo(agent, page);
        if (weft_state_kind(state) == WEFT_PAGE_DRY)
                weft_page_dry_out(agent->arena, page, 1);
        else
                weft_page_free(agent->arena, page);
}

/* ---- settle -------------------------------------------------------------------- */

static void settle_page(struct weft_agent *agent, uint64_t page)
{
        weft_arena_t *arena = agent->arena;
        uint64_t state = weft_load_acq(&weft_page(arena, page)->state); /* [P] */
        switch (weft_state_kind(state)) {
        case WEFT_PAGE_BARE:
                weft_hint_set(arena, WEFT_HINT_BARE, page);
                break;
        case WEFT_PAGE_FREE:
                weft_hint_set(arena, WEFT_HINT_FREE, page);
                break;
        case WEFT_PAGE_CLAIMED:
        case WEFT_PAGE_DRY:
                settle_claim(agent, page, state);
                break;
        case WEFT_PAGE_OWNED:
        case WEFT_PAGE_SHARED:
                settle_slab(agent, page, state);
                break;
        case WEFT_PAGE_SPAN:
                settle_span(agent, page, state);
                break;
        case WEFT_PAGE_BODY:
                break; /* its head knows */
        }
}

/*
 * Crash in settle: whatever is left still names the dead: the next recoverer begins anew,
 * and finds done what was done.
 */
void weft_block_settle(struct weft_agent *agent)
{
        weft_arena_t *arena = agent->arena;
        uint64_t pages = weft_pages_ready(arena), idle = 0;

        weft_block_cache_drop(agent); /* the pages say it all */
        weft_store_rlx(&agent->seat->reading, 0);
        for (uint64_t page = 0; page < pages; page++) {
                settle_page(agent, page);
                const weft_a64_t *at = &weft_page(arena, page)->state;
                idle += weft_state_kind(weft_load_acq(at)) == WEFT_PAGE_FREE; /* [P] */
        }
        if (!pages)
                return;
        weft_store_rlx(&arena->sh->idle_pages, idle);
        weft_pages_give_back(agent);
        weft_block_cache_drop(agent);
}

/* ---- what an object had ---------------------------------------------------------- */

enum { AT_ONCE = 64 };

/* Collects refs to the owner's blocks in this page from block `*from` on. */
static uint32_t blocks_of(struct weft_agent *agent, uint64_t page, weft_owner_t owner,
                          uint32_t *from, weft_ref_t refs[AT_ONCE])
{
        weft_arena_t *arena = agent->arena;
        uint32_t found = 0;
        weft_read_begin(agent);
        uint64_t state = weft_load_acq(&weft_page(arena, page)->state); /* [P] */
        if (weft_state_good_slab(state)) {
                uint32_t class_ = weft_state_class(state);
                const struct weft_class *c = &weft_classes[class_];
                const weft_a64_t *words = weft_page_words(arena, page, class_);
                for (; *from < c->n && found < AT_ONCE; ++*from) {
                        uint64_t w = weft_word_peek(&words[*from]);
                        if (weft_word_owner(w).v != owner.v)
                                continue;
                        uint64_t at = c->first + (uint64_t)*from * c->bytes;
                        refs[found++] = weft_ref_make(page * WEFT_PAGE_BYTES + at,
                                                      weft_word_generation(w));
                }
        } else if (weft_state_kind(state) == WEFT_PAGE_SPAN && !*from) {
                uint64_t w = weft_load_acq(&weft_page(arena, page)->words[0]); /* [B] */
                *from = 1;
                if (weft_word_owner(w).v == owner.v)
                        refs[found++] = weft_ref_make(page * WEFT_PAGE_BYTES,
                                                      weft_word_generation(w));
        }
        weft_read_end(agent);
        return found;
}

/* Crash in free_all: what is left is still the owner's; call it again. */
void weft_block_free_all(struct weft_agent *agent, weft_owner_t owner)
{
        uint64_t pages = weft_pages_ready(agent->arena);
        weft_ref_t refs[AT_ONCE];
        for (uint64_t page = 0; page < pages && owner.v; page++) {
                uint32_t from = 0, n;
                while ((n = blocks_of(agent, page, owner, &from, refs)) > 0)
                        for (uint32_t i = 0; i < n; i++)
                                (void)weft_block_free_from(agent, refs[i], owner);
        }
}
