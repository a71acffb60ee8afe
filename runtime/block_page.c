/* runtime/block_page.c -- pages: opening regions, claiming, committing, giving back. */
#include <errno.h>

#include "runtime/block_internal.h"

enum {
        BATCH_MAX = 16, /* pages committed at once */
        GIVE_MAX = 64,  /* pages given back at once */
        PATIENCE = 64,  /* give-backs to skip after one that was not possible */
        SMALL = 256,    /* pages of an arena that gets no large pages: a region */
        HUGE_PAGES = WEFT_HUGE_BYTES / WEFT_PAGE_BYTES,
};

uint64_t weft_block_region_bytes(void)
{
        return sizeof(struct weft_region_shared);
}

uint64_t weft_block_region_pages(void)
{
        return WEFT_REGION_PAGES;
}

/*
 * Crash in region_open: the table may be committed and not counted, or its bits set
 * already: the next one does both again.
 */
int weft_region_open(weft_arena_t *arena)
{
        uint32_t r = weft_regions_ready(arena);
        if (r >= arena->geo.regions)
                return -ENOSPC;
        int rc = weft_arena_commit(
                arena, arena->geo.regions_at + r * sizeof(struct weft_region_shared),
                sizeof(struct weft_region_shared));
        if (rc)
                return rc;
        weft_hint_set_region(arena, WEFT_HINT_BARE, r);
        uint32_t expect = r;
        (void)weft_cas_acq_rel(&arena->sh->regions_ready, &expect, r + 1); /* [F] LP */
        return 0;
}

/* ---- claiming and releasing one ------------------------------------------- */

static uint64_t signed_state(const struct weft_agent *agent, enum weft_page_kind kind)
{
        return weft_state_make(kind, 0, 0, agent->sig);
}

/* Crash after LP: the page names the dead, and settle releases it. */
bool weft_page_claim(struct weft_agent *agent, uint64_t page, enum weft_page_kind *was)
{
        weft_arena_t *arena = agent->arena;
        weft_a64_t *state = &weft_page(arena, page)->state;
        uint64_t st = weft_load_acq(state); /* [P] */
        *was = weft_state_kind(st);
        bool is_free = *was == WEFT_PAGE_FREE;

        weft_block_sign(agent);
        if ((!is_free && *was != WEFT_PAGE_BARE) ||
            !weft_cas_acq_rel(
                    state, &st, /* [P] LP */
                    signed_state(agent, is_free ? WEFT_PAGE_CLAIMED : WEFT_PAGE_DRY)))
                return false;
        if (is_free)
                (void)weft_add_rlx(&arena->sh->idle_pages, UINT64_MAX);
        weft_hint_clear(arena, is_free ? WEFT_HINT_FREE : WEFT_HINT_BARE, page);
        return true;
}

void weft_page_free(weft_arena_t *arena, uint64_t page)
{
        (void)weft_add_rlx(&arena->sh->idle_pages, 1);
        (void)weft_swap_acq_rel(&weft_page(arena, page)->state, /* [P] LP */
                                weft_state_make(WEFT_PAGE_FREE, 0, 0, 0));
        weft_hint_set(arena, WEFT_HINT_FREE, page);
}

static void make_bare(weft_arena_t *arena, uint64_t page)
{
        (void)weft_swap_acq_rel(&weft_page(arena, page)->state, 0); /* [P] LP */
        weft_hint_set(arena, WEFT_HINT_BARE, page);
}

/* DRY pages become BARE; whatever memory they had is given back. Should the kernel
 * refuse to punch, they are committed once more, and FREE. */
void weft_page_dry_out(weft_arena_t *arena, uint64_t page, uint64_t n)
{
        uint64_t at = arena->geo.data_at + page * WEFT_PAGE_BYTES;
        uint64_t bytes = n * WEFT_PAGE_BYTES;
        bool all = arena->sh->flags & WEFT_ARENA_COMMIT_ALL;
        bool kept = (all || weft_arena_punch(arena, at, bytes) != 0) &&
                    weft_arena_commit(arena, at, bytes) == 0;
        for (uint64_t i = n; i-- > 0;)
                if (kept)
                        weft_page_free(arena, page + i);
                else
                        make_bare(arena, page + i);
}

/* ---- taking one ------------------------------------------------------------ */

static bool take_free(struct weft_agent *agent, uint64_t *page)
{
        weft_arena_t *arena = agent->arena;
        enum weft_page_kind was;
        for (uint64_t p = weft_hint_next(arena, WEFT_HINT_FREE, 0); p != WEFT_NO_PAGE;
             p = weft_hint_next(arena, WEFT_HINT_FREE, p + 1)) {
                if (!weft_page_claim(agent, p, &was)) {
                        weft_hint_clear(arena, WEFT_HINT_FREE, p);
                        continue;
                }
                *page = p;
                if (was == WEFT_PAGE_FREE)
                        return true;
                weft_page_dry_out(arena, p, 1); /* the bit lied; next time by its own */
        }
        return false;
}

/* How many to take at once from `page` on. A large arena grows by whole large pages. */
static uint64_t batch_pages(struct weft_agent *agent, uint64_t page)
{
        struct weft_block_cache *cache = agent->blocks;
        if (!cache || cache == &weft_block_no_cache)
                return 1;
        if (page >= SMALL && agent->arena->keep_pages >= HUGE_PAGES)
                return HUGE_PAGES - page % HUGE_PAGES;
        uint32_t n = cache->batch ? cache->batch : 1;
        cache->batch = n < BATCH_MAX ? 2 * n : BATCH_MAX;
        return n <= agent->arena->keep_pages ? n : 1;
}

/* Claims up to `most` BARE pages in a row from `page` on; returns how many. */
static uint64_t claim_bare(struct weft_agent *agent, uint64_t page, uint64_t most)
{
        weft_arena_t *arena = agent->arena;
        uint64_t pages = weft_pages_ready(arena), n = 0;
        enum weft_page_kind was;
        for (; n < most && page + n < pages; n++) {
                uint64_t st = weft_load_acq(&weft_page(arena, page + n)->state); /* [P] */
                if (weft_state_kind(st) != WEFT_PAGE_BARE ||
                    !weft_page_claim(agent, page + n, &was))
                        break;
                if (was != WEFT_PAGE_BARE) {
                        weft_page_free(arena, page + n);
                        break;
                }
        }
        if (!n)
                weft_hint_clear(arena, WEFT_HINT_BARE, page);
        return n;
}

/* The first of `n` DRY pages is kept, the others become FREE. If memory does not suffice
 * for all, then for the first alone. */
static int commit_claimed(struct weft_agent *agent, uint64_t page, uint64_t n)
{
        weft_arena_t *arena = agent->arena;
        uint64_t at = arena->geo.data_at + page * WEFT_PAGE_BYTES;
        int rc = weft_arena_commit_huge(arena, at, n * WEFT_PAGE_BYTES);
        if (rc && n > 1) {
                weft_page_dry_out(arena, page + 1, n - 1);
                n = 1;
                rc = weft_arena_commit(arena, at, WEFT_PAGE_BYTES);
        }
        if (rc) {
                weft_page_dry_out(arena, page, 1);
                return rc;
        }
        for (uint64_t i = n; i-- > 1;)
                weft_page_free(arena, page + i);
        weft_store_rel(&weft_page(arena, page)->state, /* [P] */
                       signed_state(agent, WEFT_PAGE_CLAIMED));
        return 0;
}

static int take_bare(struct weft_agent *agent, uint64_t *page)
{
        weft_arena_t *arena = agent->arena;
        uint64_t from = 0;
        for (;;) {
                uint64_t p = weft_hint_next(arena, WEFT_HINT_BARE, from);
                if (p == WEFT_NO_PAGE) {
                        from = (uint64_t)weft_regions_ready(arena) * WEFT_REGION_PAGES;
                        int rc = weft_region_open(arena);
                        if (rc)
                                return rc;
                        continue;
                }
                uint64_t n = claim_bare(agent, p, batch_pages(agent, p));
                if (n) {
                        *page = p;
                        return commit_claimed(agent, p, n);
                }
                from = p + 1;
        }
}

static int take_quickly(struct weft_agent *agent, uint64_t *page)
{
        return take_free(agent, page) ? 0 : take_bare(agent, page);
}

/* Crash in take: pages that name the dead; settle releases them. */
int weft_page_take(struct weft_agent *agent, uint64_t *page)
{
        int rc = take_quickly(agent, page);
        if (WEFT_LIKELY(!rc))
                return 0;
        weft_pages_rescue(agent);
        rc = take_quickly(agent, page);
        if (rc && weft_agents_settle(agent->arena, NULL))
                rc = take_quickly(agent, page);
        return rc;
}

void weft_pages_rescue(struct weft_agent *agent)
{
        weft_arena_t *arena = agent->arena;
        weft_slabs_flush(agent);
        uint64_t pages = weft_pages_ready(arena);
        for (uint64_t p = 0; p < pages; p++) {
                uint64_t st = weft_load_acq(&weft_page(arena, p)->state); /* [P] */
                if (weft_state_kind(st) == WEFT_PAGE_FREE)
                        weft_hint_set(arena, WEFT_HINT_FREE, p);
                else if (weft_state_kind(st) == WEFT_PAGE_BARE)
                        weft_hint_set(arena, WEFT_HINT_BARE, p);
                else if (weft_state_kind(st) == WEFT_PAGE_SHARED)
                        weft_slab_try_empty(agent, p);
        }
}

/* ---- giving back ------------------------------------------------------------ */

/* True if the pages that this agent has just CLAIMED are read by nobody, and will not be.
 * Its own reading counts: a caller above us may be at it. */
static bool unseen(struct weft_agent *agent)
{
        weft_arena_t *arena = agent->arena;
        struct weft_block_cache *cache =
                agent->blocks == &weft_block_no_cache ? NULL : agent->blocks;
        if (arena->sh->flags & WEFT_ARENA_COMMIT_ALL ||
            weft_load_rlx(&agent->seat->reading) & WEFT_READING_DEPTH)
                return false;
        if (cache && cache->patience) {
                cache->patience--;
                return false;
        }
        if (weft_arena_no_strangers(arena) && weft_no_readers(arena, agent))
                return true;
        if (cache)
                cache->patience = PATIENCE;
        return false;
}

/*
 * Crash in punch: CLAIMED pages have memory; DRY ones may have lost it, and settle makes
 * them BARE. So DRY is written first.
 */
static void punch(struct weft_agent *agent, uint64_t page, uint64_t n)
{
        for (uint64_t i = 0; i < n; i++)
                weft_store_rel(&weft_page(agent->arena, page + i)->state, /* [P] */
                               signed_state(agent, WEFT_PAGE_DRY));
        weft_page_dry_out(agent->arena, page, n);
}

static uint64_t slack(const weft_arena_t *arena)
{
        return arena->keep_pages / 4 < 32 ? arena->keep_pages / 4 : 32;
}

static uint64_t idle_beyond(const weft_arena_t *arena, uint64_t limit)
{
        uint64_t idle = weft_load_rlx(&arena->sh->idle_pages);
        return (int64_t)idle > 0 && idle > limit ? idle - limit : 0;
}

/* Punches FREE pages, `most` at most, found from `*from` on; returns how many. */
static uint64_t give_some(struct weft_agent *agent, uint64_t most, uint64_t *from)
{
        weft_arena_t *arena = agent->arena;
        uint64_t got[GIVE_MAX], n = 0, given = 0;
        enum weft_page_kind was;

        while (n < most && n < GIVE_MAX) {
                *from = weft_hint_next(arena, WEFT_HINT_FREE, *from);
                if (*from == WEFT_NO_PAGE)
                        break;
                uint64_t p = (*from)++;
                if (!weft_page_claim(agent, p, &was))
                        weft_hint_clear(arena, WEFT_HINT_FREE, p);
                else if (was != WEFT_PAGE_FREE)
                        weft_page_dry_out(arena, p, 1);
                else
                        got[n++] = p;
        }
        bool may = n && unseen(agent);
        for (uint64_t i = 0, run; i < n; i += run) {
                for (run = 1; i + run < n && got[i + run] == got[i] + run;)
                        run++;
                if (may) {
                        punch(agent, got[i], run);
                        given += run;
                        continue;
                }
                for (uint64_t j = 0; j < run; j++)
                        weft_page_free(arena, got[i] + j);
        }
        return given;
}

void weft_pages_put(struct weft_agent *agent, uint64_t page, uint64_t n)
{
        weft_arena_t *arena = agent->arena;
        uint64_t keep = arena->keep_pages, from = 0;

        if (n > 1 && n + idle_beyond(arena, 0) > keep + slack(arena) && unseen(agent)) {
                uint64_t idle = idle_beyond(arena, 0);
                uint64_t room = keep > idle ? keep - idle : 0;
                if (room < n) {
                        punch(agent, page + room, n - room);
                        n = room;
                }
        }
        for (uint64_t i = n; i-- > 0;)
                weft_page_free(arena, page + i);
        if (idle_beyond(arena, keep) > slack(arena))
                (void)give_some(agent, idle_beyond(arena, keep), &from);
}

void weft_pages_give_back(struct weft_agent *agent)
{
        weft_arena_t *arena = agent->arena;
        uint64_t from = 0, n = idle_beyond(arena, arena->keep_pages);
        while (n > slack(arena) && give_some(agent, n, &from))
                n = idle_beyond(arena, arena->keep_pages);
}

/* Crash in trim: as in take and punch. */
int64_t weft_block_trim(struct weft_agent *agent)
{
        uint64_t from = 0, n, given = 0;

        weft_block_sign(agent);
        weft_slabs_flush(agent);
        weft_slabs_shared_flush(agent);
        if (agent->blocks != &weft_block_no_cache)
                agent->blocks->patience = 0;
        do {
                n = give_some(agent, GIVE_MAX, &from);
                given += n;
        } while (n);
        return (int64_t)(given * WEFT_PAGE_BYTES);
}
