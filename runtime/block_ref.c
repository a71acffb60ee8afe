/* runtime/block_ref.c -- what a ref leads to: looking, and handing over. */
#include <errno.h>

#include "runtime/block_internal.h"
#include "runtime/object.h"

/* ---- where a ref leads ------------------------------------------------------ */

bool weft_spot_find(weft_arena_t *arena, weft_ref_t ref, struct weft_spot *spot)
{
        uint64_t offset = weft_ref_offset(ref), page = offset / WEFT_PAGE_BYTES;
        if (page >= weft_pages_ready(arena))
                return false;
        struct weft_page_shared *p = weft_page(arena, page);
        uint64_t st = weft_load_acq(&p->state); /* [P] */
        *spot = (struct weft_spot){ .page = page, .state = st };
        if (weft_state_good_slab(st)) {
                const struct weft_class *c = &weft_classes[weft_state_class(st)];
                uint64_t x = (offset % WEFT_PAGE_BYTES - c->first) / 16; /* below: huge */
                if (x >= c->n * (c->bytes / 16))
                        return false;
                spot->index = weft_class_index(x, c->inverse);
                if (spot->index >= c->n)
                        return false;
                spot->word =
                        &weft_page_words(arena, page, weft_state_class(st))[spot->index];
                spot->bytes = c->bytes;
                return true;
        }
        if (weft_state_kind(st) != WEFT_PAGE_SPAN || offset % WEFT_PAGE_BYTES)
                return false;
        spot->word = &p->words[0];
        spot->bytes = weft_span_pages(arena, page, st) * WEFT_PAGE_BYTES;
        return spot->bytes != 0;
}

uint64_t weft_spot_word(weft_arena_t *arena, weft_ref_t ref, const struct weft_spot *spot)
{
        uint64_t w = weft_load_acq(spot->word); /* [B] */
        if (weft_word_generation(w) != weft_ref_generation(ref) || !weft_word_is_owned(w))
                return 0;
        /* Was it a word of that slab at all, or has the page become another since? */
        uint64_t st = weft_load_acq(&weft_page(arena, spot->page)->state); /* [P] */
        return weft_state_same_blocks(st, spot->state) ? w : 0;
}

/* Looks the ref up as a reader: its word, or 0; fills `spot`. On a read-only handle
 * nobody punches while we have it. */
static uint64_t look_up(weft_arena_t *arena, weft_ref_t ref, struct weft_spot *spot)
{
        struct weft_agent *agent = NULL;
        uint64_t w = 0;
        if (!arena || (!arena->readonly && weft_agent_self(arena, &agent)))
                return 0;
        if (agent)
                weft_read_begin(agent);
        if (weft_spot_find(arena, ref, spot))
                w = weft_spot_word(arena, ref, spot);
        if (agent)
                weft_read_end(agent);
        return w;
}

/* ---- looking ---------------------------------------------------------------- */

static __attribute__((noinline)) void *at_elsewhere(weft_arena_t *arena, weft_ref_t ref,
                                                    uint64_t bytes)
{
        struct weft_spot spot;
        if (!look_up(arena, ref, &spot) || bytes > spot.bytes)
                return NULL;
        return arena->base + arena->geo.data_at + weft_ref_offset(ref);
}

void *weft_at(weft_arena_t *arena, weft_ref_t ref, uint64_t bytes)
{
        struct weft_block_cache *cache = weft_block_here;
        if (WEFT_UNLIKELY(!weft_block_is_here(cache, arena)))
                return at_elsewhere(arena, ref, bytes);
        uint64_t where = ref.v & WEFT_WHERE_MASK;
        const struct weft_slab *s = weft_slab_near(cache, where >> 12);
        if (where - s->where >= s->extent)
                return at_elsewhere(arena, ref, bytes);
        uint32_t i = weft_class_index(where - s->where, s->inverse);
        if (WEFT_UNLIKELY(i >= s->n || bytes > (uint64_t)s->units * 16))
                return NULL;
        uint64_t w = weft_load_acq(&s->words[i]); /* [B] */
        if (WEFT_UNLIKELY((w ^ ref.v) > WEFT_WHERE_MASK || !weft_word_is_owned(w)))
                return NULL;
        return cache->data + (where << 4);
}

uint64_t weft_block_bytes(weft_arena_t *arena, weft_ref_t ref)
{
        struct weft_spot spot;
        return look_up(arena, ref, &spot) ? spot.bytes : 0;
}

const void *weft_block_peek(weft_arena_t *arena, weft_ref_t ref, uint64_t *room)
{
        struct weft_spot spot;
        if (WEFT_UNLIKELY(!weft_spot_find(arena, ref, &spot)))
                return NULL;
        *room = spot.bytes;
        return arena->base + arena->geo.data_at + weft_ref_offset(ref);
}

const void *weft_block_peek_to_free(weft_arena_t *arena, weft_ref_t ref, uint64_t *room)
{
        struct weft_spot spot;
        if (WEFT_UNLIKELY(!weft_spot_find(arena, ref, &spot)))
                return NULL;
        __builtin_prefetch(spot.word, 1);
        *room = spot.bytes;
        return arena->base + arena->geo.data_at + weft_ref_offset(ref);
}

uint64_t weft_block_room(uint64_t bytes)
{
        if (bytes - 1 < WEFT_BLOCK_CLASS_MAX)
                return weft_classes[weft_class_of(bytes)].bytes;
        return (bytes + WEFT_PAGE_BYTES - 1) / WEFT_PAGE_BYTES * WEFT_PAGE_BYTES;
}

weft_owner_t weft_block_owner(weft_arena_t *arena, weft_ref_t ref)
{
        struct weft_spot spot;
        return weft_word_owner(look_up(arena, ref, &spot));
}

/* ---- handing over ----------------------------------------------------------- */

/* Why `word` is not owned by whom it should be. */
static int not_owned(uint64_t word)
{
        return word && weft_word_kind(word) == WEFT_OWNER_AGENT ? -EPERM : -ENOENT;
}

/*
 * Changes the owner from `from` to `to`; with `from` {0}, from any object or the arena.
 * Crash in pass: before LP it is the old owner's, after it the new one's.
 */
static int pass(struct weft_agent *agent, weft_ref_t ref, weft_owner_t from,
                weft_owner_t to)
{
        weft_arena_t *arena = agent->arena;
        struct weft_spot spot;
        int rc = -ENOENT;

        weft_block_sign(agent);
        weft_read_begin(agent);
        while (weft_spot_find(arena, ref, &spot)) {
                uint64_t w = weft_spot_word(arena, ref, &spot);
                rc = not_owned(w);
                if (!w || (from.v ? weft_word_owner(w).v != from.v : rc == -EPERM))
                        break;
                rc = 0;
                if (weft_cas_acq_rel(spot.word, &w, /* [B] LP */
                                     weft_word_make(weft_word_generation(w), to)))
                        break;
                rc = -ENOENT;
        }
        weft_read_end(agent);
        return rc;
}

/* The word of a block that this agent owns, in a slab of its own; NULL if it is none. */
static inline weft_a64_t *own_word(struct weft_block_cache *cache, weft_ref_t ref)
{
        uint64_t where = ref.v & WEFT_WHERE_MASK;
        const struct weft_slab *s = weft_slab_near(cache, where >> 12);
        if (where - s->where >= s->extent)
                return NULL;
        uint32_t i = weft_class_index(where - s->where, s->inverse);
        if (i >= s->n || weft_load_rlx(&s->words[i]) != ref.v - where + cache->me)
                return NULL;
        return &s->words[i];
}

static bool is_object_or_arena(weft_owner_t owner)
{
        return owner.v >> 36 == 0 && (weft_owner_kind_of(owner) == WEFT_OWNER_OBJECT ||
                                      weft_owner_kind_of(owner) == WEFT_OWNER_ARENA);
}

int weft_block_give(weft_arena_t *arena, weft_ref_t ref, weft_owner_t owner)
{
        struct weft_agent *agent;
        if (!arena || !is_object_or_arena(owner))
                return -EINVAL;
        int rc = weft_agent_self(arena, &agent);
        if (rc)
                return rc;
        if (weft_owner_kind_of(owner) == WEFT_OWNER_OBJECT) {
                if (!weft_object_there(arena, owner))
                        return -ENOENT;
                weft_object_given(arena, owner);
        }
        struct weft_block_cache *cache = agent->blocks;
        weft_a64_t *word =
                cache && weft_block_is_here(cache, arena) ? own_word(cache, ref) : NULL;
        if (WEFT_LIKELY(word)) {
                weft_store_rel(word, (ref.v & ~WEFT_WHERE_MASK) | owner.v); /* [B] LP */
                return 0;
        }
        rc = pass(agent, ref, weft_owner_make(WEFT_OWNER_AGENT, agent->sig), owner);
        if (rc == -ENOENT && weft_block_owner(arena, ref).v)
                rc = -EPERM; /* there, but an object's or the arena's already */
        return rc;
}

int weft_block_share(weft_arena_t *arena, weft_ref_t ref)
{
        return weft_block_give(arena, ref, weft_owner_make(WEFT_OWNER_ARENA, 0));
}

int weft_block_claim(weft_arena_t *arena, weft_ref_t ref)
{
        struct weft_agent *agent;
        int rc = arena ? weft_agent_self(arena, &agent) : -EINVAL;
        if (rc)
                return rc;
        return pass(agent, ref, (weft_owner_t){ 0 },
                    weft_owner_make(WEFT_OWNER_AGENT, agent->sig));
}

/* Who owns a block may change its word by a store, wherever it lies, and its page stays
 * as it is meanwhile. False if it is not his. */
static inline bool pass_own(struct weft_block_cache *cache, weft_arena_t *arena,
                            weft_ref_t ref, weft_owner_t to)
{
        struct weft_spot spot;
        uint64_t generation = ref.v & ~WEFT_WHERE_MASK;
        weft_read_begin(cache->agent);
        bool ours = weft_spot_find(arena, ref, &spot) &&
                    weft_spot_word(arena, ref, &spot) == generation + cache->me;
        if (WEFT_LIKELY(ours))
                weft_store_rel(spot.word, generation + to.v); /* [B] LP */
        weft_read_end(cache->agent);
        return ours;
}

int weft_block_renew(struct weft_agent *agent, weft_ref_t *ref, weft_owner_t from,
                     uint64_t *room)
{
        weft_arena_t *arena = agent->arena;
        struct weft_spot spot;
        int rc = -ENOENT;

        weft_block_sign(agent);
        weft_read_begin(agent);
        if (weft_spot_find(arena, *ref, &spot) && weft_state_is_slab(spot.state)) {
                uint64_t w = weft_spot_word(arena, *ref, &spot);
                uint64_t next = weft_generation_next(weft_word_generation(w));
                weft_owner_t me = weft_owner_make(WEFT_OWNER_AGENT, agent->sig);
                if (w && weft_word_owner(w).v == from.v &&
                    weft_cas_acq_rel(spot.word, &w, weft_word_make(next, me))) { /* [B] */
                        *ref = weft_ref_make(weft_ref_offset(*ref), next);
                        *room = spot.bytes;
                        rc = 0;
                }
        }
        weft_read_end(agent);
        return rc;
}

int weft_block_pass(weft_arena_t *arena, weft_ref_t ref, weft_owner_t from,
                    weft_owner_t to)
{
        struct weft_agent *agent;
        struct weft_block_cache *cache = weft_block_here;
        if (WEFT_LIKELY(weft_block_is_here(cache, arena) && from.v == cache->me &&
                        pass_own(cache, arena, ref, to)))
                return 0;
        int rc = arena && from.v ? weft_agent_self(arena, &agent) : -EINVAL;
        if (rc)
                return rc;
        rc = pass(agent, ref, from, to);
        return rc == -EPERM ? -ENOENT : rc;
}
