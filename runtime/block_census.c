/* runtime/block_census.c -- counting who owns what. Reads only.
 *
 * Each byte of each page that has memory is counted once: a block for its owner; what is
 * left of a slab (free blocks, words, the rest at the end) as free; a CLAIMED or DRY page
 * for the agent who claimed it; a span for its owner, bodies included.
 */
#include "runtime/block_internal.h"

struct count {
        weft_arena_t *arena;
        bool (*there)(weft_arena_t *, weft_owner_t);
        struct weft_census *census;
        struct weft_agent *agent; /* who reads; NULL on a read-only handle */
        weft_owner_t asked;       /* last, */
        bool answer;              /* and what the answer was */
};

static bool is_there(struct count *count, weft_owner_t owner)
{
        if (!count->there)
                return true;
        if (weft_owner_kind_of(owner) == WEFT_OWNER_FREEING)
                owner = weft_owner_make(WEFT_OWNER_AGENT, weft_owner_whom(owner));
        if (owner.v != count->asked.v) {
                count->asked = owner;
                count->answer = count->there(count->arena, owner);
        }
        return count->answer;
}

static void orphan(struct count *count, uint64_t bytes)
{
        count->census->orphans++;
        count->census->orphan_bytes += bytes;
}

/* Adds a block, or nothing if nobody owns it; returns the bytes added. */
static uint64_t add(struct count *count, weft_owner_t owner, uint64_t bytes)
{
        switch (weft_owner_kind_of(owner)) {
        case WEFT_OWNER_AGENT:
        case WEFT_OWNER_FREEING:
                count->census->agent_bytes += bytes;
                break;
        case WEFT_OWNER_OBJECT:
                count->census->object_bytes += bytes;
                break;
        case WEFT_OWNER_ARENA:
                count->census->arena_bytes += bytes;
                break;
        default:
                return 0;
        }
        if (!is_there(count, owner))
                orphan(count, bytes);
        return bytes;
}

static void add_free(struct count *count, uint64_t bytes)
{
        count->census->free_bytes += bytes;
}

static void count_slab(struct count *count, uint64_t page, uint64_t state)
{
        uint32_t class_ = weft_state_class(state);
        const struct weft_class *c = &weft_classes[class_];
        uint64_t used = 0;

        if (count->agent)
                weft_read_begin(count->agent);
        uint64_t now = weft_load_acq(&weft_page(count->arena, page)->state); /* [P] */
        if (weft_state_same_blocks(now, state)) {
                const weft_a64_t *words = weft_page_words(count->arena, page, class_);
                for (uint32_t i = 0; i < c->n; i++) {
                        uint64_t w = weft_word_peek(&words[i]);
                        used += add(count, weft_word_owner(w), c->bytes);
                }
        }
        if (count->agent)
                weft_read_end(count->agent);
        add_free(count, WEFT_PAGE_BYTES - used);
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_AGENT, weft_state_whom(state));
        if (weft_state_kind(state) == WEFT_PAGE_OWNED && !is_there(count, owner))
                orphan(count, WEFT_PAGE_BYTES - used);
}

/* Returns how many pages it was. */
static uint64_t count_span(struct count *count, uint64_t head, uint64_t state)
{
        weft_arena_t *arena = count->arena;
        uint64_t n = weft_span_pages(arena, head, state), bodies = 0;
        uint64_t w = weft_load_acq(&weft_page(arena, head)->words[0]); /* [B] */

        for (uint64_t i = 1; i < n; i++) {
                uint64_t st = weft_load_acq(&weft_page(arena, head + i)->state); /* [P] */
                if (weft_state_kind(st) != WEFT_PAGE_BODY || weft_state_whom(st) != head)
                        break;
                bodies++;
        }
        /* Taken down from behind by who is freeing it; else all must be there. */
        bool freeing = weft_word_kind(w) == WEFT_OWNER_FREEING;
        if (!n || (bodies + 1 < n && !freeing) ||
            !add(count, weft_word_owner(w), (bodies + 1) * WEFT_PAGE_BYTES)) {
                count->census->lost_pages++;
                return 1;
        }
        return bodies + 1;
}

/* Bodies behind a claim are of a span that is being made. */
static uint64_t count_claim(struct count *count, uint64_t page, uint64_t state)
{
        uint64_t pages = weft_pages_ready(count->arena), n = 1;
        for (; page + n < pages; n++) {
                const weft_a64_t *at = &weft_page(count->arena, page + n)->state;
                uint64_t st = weft_load_acq(at); /* [P] */
                if (weft_state_kind(st) != WEFT_PAGE_BODY || weft_state_whom(st) != page)
                        break;
        }
        weft_owner_t owner = weft_owner_make(WEFT_OWNER_AGENT, weft_state_whom(state));
        (void)add(count, owner, n * WEFT_PAGE_BYTES);
        return n;
}

static uint64_t count_page(struct count *count, uint64_t page)
{
        uint64_t state = weft_load_acq(&weft_page(count->arena, page)->state); /* [P] */
        switch (weft_state_kind(state)) {
        case WEFT_PAGE_BARE:
                return 1;
        case WEFT_PAGE_FREE:
                add_free(count, WEFT_PAGE_BYTES);
                return 1;
        case WEFT_PAGE_CLAIMED:
        case WEFT_PAGE_DRY:
                return count_claim(count, page, state);
        case WEFT_PAGE_OWNED:
        case WEFT_PAGE_SHARED:
                if (weft_state_good_slab(state)) {
                        count_slab(count, page, state);
                        return 1;
                }
                break;
        case WEFT_PAGE_SPAN:
                return count_span(count, page, state);
        case WEFT_PAGE_BODY: /* of no span: those are passed with their heads */
                break;
        }
        count->census->lost_pages++;
        return 1;
}

void weft_block_census(weft_arena_t *arena, bool (*there)(weft_arena_t *, weft_owner_t),
                       struct weft_census *census)
{
        struct count count = { .arena = arena, .there = there, .census = census };
        uint64_t pages = weft_pages_ready(arena);

        if (!arena->readonly && weft_agent_self(arena, &count.agent)) {
                census->lost_pages += pages; /* no seat, no look */
                return;
        }
        for (uint64_t page = 0; page < pages;)
                page += count_page(&count, page);
        census->data_bytes = census->free_bytes + census->agent_bytes +
                             census->object_bytes + census->arena_bytes +
                             census->lost_pages * WEFT_PAGE_BYTES;
}

void weft_block_usage(weft_arena_t *arena, uint64_t *committed, uint64_t *used,
                      uint64_t *table)
{
        struct weft_census census = { 0 };
        weft_block_census(arena, NULL, &census);
        *committed = census.data_bytes;
        *used = census.agent_bytes + census.object_bytes + census.arena_bytes;
        *table = weft_block_summary_bytes(arena->geo.regions) +
                 weft_regions_ready(arena) * weft_block_region_bytes();
}
