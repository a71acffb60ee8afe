/* runtime/block_span.c -- blocks of many pages. */
#include <errno.h>

#include "runtime/block_internal.h"

/* ---- where a run may be ---------------------------------------------------- */

/* 64 pages from `page` (a multiple of 64) on: which are not in use. Behind the frontier
 * all are; the hints may miss some, which looking `closely` finds. */
static uint64_t free_bits(const weft_arena_t *arena, uint64_t page, bool closely)
{
        uint64_t pages = arena->geo.pages, ready = weft_pages_ready(arena), bits = 0;
        if (page >= ready)
                bits = ~UINT64_C(0);
        else if (!closely)
                bits = weft_hint_run_bits(arena, page);
        else
                for (uint64_t i = 0; i < 64 && page + i < ready; i++) {
                        const weft_a64_t *at = &weft_page(arena, page + i)->state;
                        uint64_t st = weft_load_acq(at); /* [P] */
                        bits |= (uint64_t)(weft_state_kind(st) <= WEFT_PAGE_FREE) << i;
                }
        if (pages - page < 64)
                bits &= (UINT64_C(1) << (pages - page)) - 1;
        return bits;
}

/* The first page in [page, end) that is free, or (with `used`) that is not; or end. */
static uint64_t next_page(const weft_arena_t *arena, uint64_t page, uint64_t end,
                          bool used, bool closely)
{
        for (; page < end; page = (page | 63) + 1) {
                uint64_t bits = free_bits(arena, page / 64 * 64, closely);
                bits = (used ? ~bits : bits) >> page % 64 << page % 64;
                if (!bits)
                        continue;
                page = page / 64 * 64 + (uint64_t)__builtin_ctzll(bits);
                return page < end ? page : end;
        }
        return end;
}

/* ---- claiming one ----------------------------------------------------------- */

/* Undoes claims on [page, page + n): those that had memory are FREE again. */
static void unclaim(struct weft_agent *agent, uint64_t page, uint64_t n)
{
        weft_arena_t *arena = agent->arena;
        for (uint64_t i = 0, run; i < n; i += run) {
                const weft_a64_t *at = &weft_page(arena, page + i)->state;
                run = 1;
                if (weft_state_kind(weft_load_acq(at)) != WEFT_PAGE_DRY) { /* [P] */
                        weft_page_free(arena, page + i);
                        continue;
                }
                for (; i + run < n; run++) {
                        at = &weft_page(arena, page + i + run)->state;
                        if (weft_state_kind(weft_load_acq(at)) != WEFT_PAGE_DRY) /* [P] */
                                break;
                }
                weft_page_dry_out(arena, page + i, run);
        }
}

/* Claims all of [page, page + n), with memory. 0; an error; or, as a positive number,
 * how many pages on there is one in the way. */
static int64_t claim_run(struct weft_agent *agent, uint64_t page, uint64_t n)
{
        weft_arena_t *arena = agent->arena;
        bool dry = false;
        enum weft_page_kind was;

        while (weft_pages_ready(arena) < page + n) {
                int rc = weft_region_open(arena);
                if (rc)
                        return rc;
        }
        for (uint64_t i = 0; i < n; i++) {
                if (!weft_page_claim(agent, page + i, &was)) {
                        weft_hint_clear(arena, WEFT_HINT_FREE, page + i);
                        weft_hint_clear(arena, WEFT_HINT_BARE, page + i);
                        unclaim(agent, page, i);
                        return (int64_t)i + 1;
                }
                dry |= was == WEFT_PAGE_BARE;
        }
        int rc = 0;
        if (dry)
                rc = weft_arena_commit_huge(arena,
                                            arena->geo.data_at + page * WEFT_PAGE_BYTES,
                                            n * WEFT_PAGE_BYTES);
        if (rc)
                unclaim(agent, page, n);
        return rc;
}

/* A run of n pages somewhere in [from, to + n). 1 if there is none. */
static int search(struct weft_agent *agent, uint64_t n, uint64_t from, uint64_t to,
                  bool closely, uint64_t *page)
{
        weft_arena_t *arena = agent->arena;
        uint64_t pages = arena->geo.pages;
        while (from < to && from + n <= pages) {
                from = next_page(arena, from, pages, false, closely);
                if (from >= to || from + n > pages)
                        break;
                uint64_t end = next_page(arena, from, from + n, true, closely);
                if (end < from + n) {
                        from = end + 1;
                        continue;
                }
                int64_t rc = claim_run(agent, from, n);
                *page = from;
                if (rc <= 0)
                        return (int)rc;
                from += (uint64_t)rc;
        }
        return 1;
}

/* 1 if there is no run; an error if there was no memory for one. */
static int take_run(struct weft_agent *agent, uint64_t n, bool closely, uint64_t *page)
{
        weft_arena_t *arena = agent->arena;
        uint64_t pages = arena->geo.pages;
        uint64_t hint = closely ? 0 : weft_load_rlx(&arena->sh->run_hint);
        int rc = search(agent, n, hint < pages ? hint : 0, pages, closely, page);
        if (rc == 1 && hint && hint < pages)
                rc = search(agent, n, 0, hint, closely, page);
        if (!rc)
                weft_store_rlx(&arena->sh->run_hint, *page + n);
        return rc;
}

/* ---- alloc ------------------------------------------------------------------ */

/* Crash in it: a head that is CLAIMED or DRY, with bodies behind it, or without; or,
 * after LP, a span that the dead owned. */
static uint64_t make_span(struct weft_agent *agent, uint64_t head, uint64_t n)
{
        weft_arena_t *arena = agent->arena;
        struct weft_page_shared *p = weft_page(arena, head);
        uint64_t life = weft_load_rlx(&p->life) & WEFT_GENERATION_MASK;

        life = life ? life : 1;
        for (uint64_t i = 1; i < n; i++)
                weft_store_rel(&weft_page(arena, head + i)->state, /* [P] */
                               weft_state_make(WEFT_PAGE_BODY, 0, 0, (uint32_t)head));
        weft_store_rlx(
                &p->words[0],
                weft_word_make(life, weft_owner_make(WEFT_OWNER_AGENT, agent->sig)));
        weft_store_rel(&p->state, /* [P] LP */
                       weft_state_make(WEFT_PAGE_SPAN, 0, life, (uint32_t)n));
        return life;
}

int weft_span_alloc(struct weft_agent *agent, uint64_t bytes, weft_ref_t *ref, void **at)
{
        weft_arena_t *arena = agent->arena;
        uint64_t n = bytes / WEFT_PAGE_BYTES + (bytes % WEFT_PAGE_BYTES != 0), head;

        if (n > arena->geo.pages)
                return -ENOSPC;
        int rc = take_run(agent, n, false, &head);
        if (rc < 0 && weft_block_trim(agent) > 0) /* what lies idle may be needed here */
                rc = take_run(agent, n, false, &head);
        if (rc) {
                weft_pages_rescue(agent);
                rc = take_run(agent, n, true, &head);
        }
        if (rc && weft_agents_settle(arena, NULL))
                rc = take_run(agent, n, true, &head);
        if (rc)
                return rc == 1 ? -ENOSPC : rc;
        uint64_t life = make_span(agent, head, n);
        *ref = weft_ref_make(head * WEFT_PAGE_BYTES, life);
        if (at)
                *at = weft_page_base(arena, head);
        return 0;
}

/* ---- free ------------------------------------------------------------------- */

static bool is_body(const weft_arena_t *arena, uint64_t page, uint64_t head)
{
        uint64_t st = weft_load_acq(&weft_page(arena, page)->state); /* [P] */
        return weft_state_kind(st) == WEFT_PAGE_BODY && weft_state_whom(st) == head;
}

static void claim_body(struct weft_agent *agent, uint64_t page)
{
        weft_store_rel(&weft_page(agent->arena, page)->state, /* [P] */
                       weft_state_make(WEFT_PAGE_CLAIMED, 0, 0, agent->sig));
}

/*
 * Bodies from behind, then the head; each is CLAIMED, then released with the others.
 *
 * Crash in free: a head whose word is FREEING by the dead, with what bodies are left; and
 * pages CLAIMED by the dead. Settle calls this again.
 */
void weft_span_free(struct weft_agent *agent, uint64_t head, uint64_t state)
{
        weft_arena_t *arena = agent->arena;
        struct weft_page_shared *p = weft_page(arena, head);
        uint64_t n = weft_span_pages(arena, head, state), left = n;

        if (!n)
                return;
        for (uint64_t i = n; i-- > 1;)
                if (is_body(arena, head + i, head))
                        claim_body(agent, head + i);
                else
                        left = i; /* taken down already, by who died in it */
        weft_store_rlx(&p->life, weft_word_generation(weft_load_rlx(&p->words[0])));
        weft_store_rel(&p->state, /* [P] LP: the head is no span any more */
                       weft_state_make(WEFT_PAGE_CLAIMED, 0, 0, agent->sig));
        if (head < weft_load_rlx(&arena->sh->run_hint))
                weft_store_rlx(&arena->sh->run_hint, head);
        weft_pages_put(agent, head, left);
}

/* Bodies of a span that was never finished. They are released from behind, so that those
 * left are always next to the head. */
void weft_span_undo(struct weft_agent *agent, uint64_t head)
{
        weft_arena_t *arena = agent->arena;
        uint64_t pages = weft_pages_ready(arena), end = head + 1;
        while (end < pages && is_body(arena, end, head))
                end++;
        while (--end > head)
                weft_page_free(arena, end);
}
