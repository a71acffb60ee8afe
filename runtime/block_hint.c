/* runtime/block_hint.c -- bits that say where it may be worth looking.
 *
 * Three levels for each hint: a bit a page in the region, a bit a region, a bit a word of
 * those. All searches go forward only, so that no lie makes one endless.
 *
 * Crash in set: the truth has a bit too few, or a bit without its summary. Nothing is
 * lost: settle sets the bits of all it passes, and who would say -ENOSPC looks himself.
 * Crash in clear: a true bit may be gone; the same.
 */
#include "runtime/block_internal.h"

struct levels {
        weft_a64_t *low, *high; /* a bit a region, a bit a word of `low` */
        uint64_t words;         /* of low */
};

static uint64_t words_for(uint64_t bits)
{
        return (bits + 63) / 64;
}

uint64_t weft_block_summary_bytes(uint64_t regions)
{
        uint64_t low = words_for(regions);
        return WEFT_BLOCK_HINTS * 8 * (low + words_for(low));
}

static struct levels levels_of(const weft_arena_t *arena, uint32_t hint)
{
        uint64_t words = words_for(arena->geo.regions);
        uint64_t at = arena->geo.summaries_at + hint * 8 * (words + words_for(words));
        weft_a64_t *low = (weft_a64_t *)(void *)(arena->base + at);
        return (struct levels){ low, low + words, words };
}

static weft_a64_t *page_word(const weft_arena_t *arena, uint32_t hint, uint64_t page)
{
        return &weft_region(arena, page / WEFT_REGION_PAGES)
                        ->hints[hint][page % WEFT_REGION_PAGES / 64];
}

static void set_bit(weft_a64_t *word, uint64_t bit)
{
        uint64_t mask = UINT64_C(1) << bit % 64;
        if (!(weft_load_rlx(word) & mask))
                (void)weft_or_acq_rel(word, mask); /* [H] */
}

static void clear_bit(weft_a64_t *word, uint64_t bit)
{
        (void)weft_and_acq_rel(word, ~(UINT64_C(1) << bit % 64)); /* [H] */
}

/* ---- setting and clearing ------------------------------------------------- */

static void set_summaries(const weft_arena_t *arena, uint32_t hint, uint64_t region)
{
        struct levels l = levels_of(arena, hint);
        set_bit(&l.low[region / 64], region);
        set_bit(&l.high[region / 4096], region / 64);
}

void weft_hint_set(const weft_arena_t *arena, uint32_t hint, uint64_t page)
{
        set_bit(page_word(arena, hint, page), page);
        set_summaries(arena, hint, page / WEFT_REGION_PAGES);
}

void weft_hint_set_region(const weft_arena_t *arena, uint32_t hint, uint64_t region)
{
        uint64_t page = region * WEFT_REGION_PAGES;
        for (int i = 0; i < WEFT_REGION_PAGES / 64; i++, page += 64) {
                uint64_t left = arena->geo.pages > page ? arena->geo.pages - page : 0;
                uint64_t bits = left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
                if (bits)
                        (void)weft_or_acq_rel(page_word(arena, hint, page),
                                              bits); /* [H] */
        }
        set_summaries(arena, hint, region);
}

static bool is_true(const weft_arena_t *arena, uint32_t hint, uint64_t page)
{
        struct weft_page_shared *p = weft_page(arena, page);
        uint64_t state = weft_load_acq(&p->state); /* [P] */
        switch (hint) {
        case WEFT_HINT_FREE:
                return weft_state_kind(state) == WEFT_PAGE_FREE;
        case WEFT_HINT_BARE:
                return weft_state_kind(state) == WEFT_PAGE_BARE;
        default:
                return weft_state_kind(state) == WEFT_PAGE_SHARED &&
                       weft_state_class(state) == hint - WEFT_HINT_SLAB &&
                       weft_load_rlx(&p->remote) & WEFT_REMOTE_GROUPS;
        }
}

static bool region_has(const weft_arena_t *arena, uint32_t hint, uint64_t region)
{
        const weft_a64_t *words = weft_region(arena, region)->hints[hint];
        for (int i = 0; i < WEFT_REGION_PAGES / 64; i++)
                if (weft_load_rlx(&words[i]))
                        return true;
        return false;
}

/* The upper bits go when nothing is below them, and come back when something is. */
static void clear_high(const weft_arena_t *arena, uint32_t hint, uint64_t word)
{
        struct levels l = levels_of(arena, hint);
        clear_bit(&l.high[word / 64], word);
        if (weft_load_rlx(&l.low[word]))
                set_bit(&l.high[word / 64], word);
}

static void clear_low(const weft_arena_t *arena, uint32_t hint, uint64_t region)
{
        struct levels l = levels_of(arena, hint);
        if (!(weft_load_rlx(&l.low[region / 64]) >> region % 64 & 1))
                return;
        clear_bit(&l.low[region / 64], region);
        if (region_has(arena, hint, region))
                set_summaries(arena, hint, region);
        else if (!weft_load_rlx(&l.low[region / 64]))
                clear_high(arena, hint, region / 64);
}

void weft_hint_clear(const weft_arena_t *arena, uint32_t hint, uint64_t page)
{
        weft_a64_t *word = page_word(arena, hint, page);
        if (!(weft_load_rlx(word) >> page % 64 & 1))
                return;
        clear_bit(word, page);
        if (is_true(arena, hint, page))
                weft_hint_set(arena, hint, page);
        else if (!region_has(arena, hint, page / WEFT_REGION_PAGES))
                clear_low(arena, hint, page / WEFT_REGION_PAGES);
}

/* ---- searching ------------------------------------------------------------ */

/* The first region from `region` on whose summary bit is set. */
static uint64_t next_region(const weft_arena_t *arena, uint32_t hint, uint64_t region)
{
        struct levels l = levels_of(arena, hint);
        uint64_t word = region / 64;
        if (word >= l.words)
                return UINT64_MAX;
        uint64_t bits = weft_load_rlx(&l.low[word]) >> region % 64 << region % 64;
        if (bits)
                return word * 64 + (uint64_t)__builtin_ctzll(bits);
        for (word++; word < l.words; word = (word | 63) + 1) {
                bits = weft_load_rlx(&l.high[word / 64]) >> word % 64 << word % 64;
                for (; bits; bits &= bits - 1) {
                        uint64_t w = word / 64 * 64 + (uint64_t)__builtin_ctzll(bits);
                        if (w >= l.words)
                                break;
                        uint64_t low = weft_load_rlx(&l.low[w]);
                        if (low)
                                return w * 64 + (uint64_t)__builtin_ctzll(low);
                        clear_high(arena, hint, w);
                }
        }
        return UINT64_MAX;
}

static uint64_t next_in_region(const weft_arena_t *arena, uint32_t hint, uint64_t page)
{
        uint64_t region = page / WEFT_REGION_PAGES;
        for (; page / WEFT_REGION_PAGES == region; page = (page | 63) + 1) {
                uint64_t bits = weft_load_rlx(page_word(arena, hint, page));
                bits = bits >> page % 64 << page % 64;
                if (bits)
                        return page / 64 * 64 + (uint64_t)__builtin_ctzll(bits);
        }
        return WEFT_NO_PAGE;
}

uint64_t weft_hint_next(const weft_arena_t *arena, uint32_t hint, uint64_t page)
{
        uint64_t pages = weft_pages_ready(arena);
        while (page < pages) {
                uint64_t found = next_in_region(arena, hint, page);
                if (found != WEFT_NO_PAGE)
                        return found < pages ? found : WEFT_NO_PAGE;
                uint64_t region = page / WEFT_REGION_PAGES;
                if (page % WEFT_REGION_PAGES == 0)
                        clear_low(arena, hint, region);
                region = next_region(arena, hint, region + 1);
                if (region >= arena->geo.regions)
                        break;
                page = region * WEFT_REGION_PAGES;
        }
        return WEFT_NO_PAGE;
}

uint64_t weft_hint_run_bits(const weft_arena_t *arena, uint64_t page)
{
        return weft_load_rlx(page_word(arena, WEFT_HINT_FREE, page)) |
               weft_load_rlx(page_word(arena, WEFT_HINT_BARE, page));
}
