/* runtime/block_slab.c -- slabs: pages cut into blocks of one class. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "runtime/block_internal.h"

/* ---- this agent's records ------------------------------------------------- */

struct weft_block_cache weft_block_no_cache = {
        /* never written */
        .last = &weft_block_no_cache.none,
};
_Thread_local struct weft_block_cache *weft_block_here = &weft_block_no_cache;

/* The kernel wipes a cache in children: what is in it is the parent's. */
static struct weft_block_cache *map_cache(void)
{
        int saved = errno;
        struct weft_block_cache *cache = mmap(NULL, sizeof *cache, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (cache != MAP_FAILED && madvise(cache, sizeof *cache, MADV_WIPEONFORK)) {
                munmap(cache, sizeof *cache);
                cache = MAP_FAILED;
        }
        errno = saved;
        return cache != MAP_FAILED ? cache : NULL;
}

static void fill(struct weft_block_cache *cache, struct weft_agent *agent)
{
        for (uint32_t i = 0; i < 64; i++)
                cache->low[i] = &cache->none;
        for (uint32_t i = 0; i < WEFT_BLOCK_CLASSES; i++)
                cache->current[i] = &cache->none;
        for (uint32_t i = 0; i < WEFT_NEAR; i++)
                cache->near[i] = &cache->none;
        cache->last = &cache->none;
        cache->data = weft_page_base(agent->arena, 0);
        cache->me = weft_owner_make(WEFT_OWNER_AGENT, agent->sig).v;
        cache->agent = agent;
        cache->key = weft_block_key(agent->arena);
}

int weft_block_cache_make(struct weft_agent *agent)
{
        struct weft_block_cache *cache = agent->blocks;
        if (!cache || cache == &weft_block_no_cache) {
                cache = map_cache();
                if (!cache)
                        return -ENOMEM;
                fill(cache, agent);
                agent->blocks = cache;
        }
        return 0;
}

void weft_block_cache_drop(struct weft_agent *agent)
{
        struct weft_block_cache *cache = agent->blocks;
        agent->blocks = NULL;
        if (!cache || cache == &weft_block_no_cache)
                return;
        if (weft_block_here == cache)
                weft_block_here = &weft_block_no_cache;
        munmap(cache, sizeof *cache);
}

static uint32_t slots(uint32_t class_)
{
        return weft_classes[class_].first ? WEFT_SLABS : WEFT_SLABS_FEW;
}

static struct weft_slab *slot(struct weft_block_cache *cache, uint32_t class_, uint32_t i)
{
        return &cache->slabs[class_ * WEFT_SLABS + i];
}

struct weft_slab *weft_slab_find(struct weft_agent *agent, uint64_t page, uint32_t class_)
{
        struct weft_block_cache *cache = agent->blocks;
        if (!cache || cache == &weft_block_no_cache)
                return NULL;
        for (uint32_t i = 0; i < slots(class_); i++) {
                struct weft_slab *s = slot(cache, class_, i);
                if (s->n && weft_slab_page(s) == page) {
                        cache->near[page % WEFT_NEAR] = s;
                        return s;
                }
        }
        return NULL;
}

static void set_name(struct weft_block_cache *cache, uint32_t class_, struct weft_slab *s)
{
        cache->current[class_] = s;
        for (uint32_t i = 0; i < 64; i++)
                if (weft_classes_low[i] == class_)
                        cache->low[i] = s;
}

static bool is_current(struct weft_block_cache *cache, const struct weft_slab *s)
{
        return cache->current[s->class_] == s;
}

/* All blocks of the one before are taken: it would be the current one else. */
static void set_current(struct weft_block_cache *cache, uint32_t class_,
                        struct weft_slab *s)
{
        struct weft_slab *old = cache->current[class_];
        old->left = old->n;
        s->left = UINT32_MAX;
        set_name(cache, class_, s);
}

/* Pointers to it may stay: it has no blocks any more. */
static void forget(struct weft_block_cache *cache, struct weft_slab *s)
{
        if (is_current(cache, s))
                set_name(cache, s->class_, &cache->none);
        *s = (struct weft_slab){ 0 };
}

static void record(const weft_arena_t *arena, struct weft_block_cache *cache,
                   struct weft_slab *s, uint64_t page, uint32_t class_)
{
        const struct weft_class *c = &weft_classes[class_];
        *s = (struct weft_slab){
                .words = weft_page_words(arena, page, class_),
                .where = (page * WEFT_PAGE_BYTES + c->first) / 16,
                .inverse = c->inverse,
                .extent = (uint64_t)c->n * (c->bytes / 16),
                .left = c->n,
                .list = c->n,
                .units = (uint16_t)(c->bytes / 16),
                .n = (uint16_t)c->n,
                .class_ = class_,
        };
        cache->near[page % WEFT_NEAR] = s;
}

/* ---- free words ----------------------------------------------------------- */

static uint64_t group_mask(const struct weft_class *c, uint64_t remote)
{
        return remote & ((UINT64_C(1) << (((c->n - 1) >> c->shift) + 1)) - 1);
}

/* Puts the FREED words (with `adopted`: the FREE ones too, which are in no list) of these
 * groups into the list. From the end, so that the first block is the first to be had. */
static void link_groups(struct weft_slab *s, uint64_t groups, bool adopted)
{
        uint32_t shift = weft_classes[s->class_].shift;
        while (groups) {
                uint32_t g = 63 - (uint32_t)__builtin_clzll(groups);
                groups &= ~(UINT64_C(1) << g);
                uint32_t i = (g + 1) << shift;
                for (i = i < s->n ? i : s->n; i-- > g << shift;) {
                        uint64_t w = weft_load_acq(&s->words[i]); /* [B] */
                        if (weft_word_kind(w) != WEFT_OWNER_FREED &&
                            !(adopted && weft_word_is_free(w)))
                                continue;
                        w = weft_word_make(weft_word_generation(w),
                                           weft_owner_make(WEFT_OWNER_FREE, s->list));
                        weft_store_rlx(&s->words[i], w);
                        s->list = i;
                        s->left--;
                }
        }
}

/* Crash in collect: FREE and FREED are the same to who comes next; the groups that were
 * taken out of `remote` do not matter, for settle counts every word of the dead's slabs. */
static void collect(const weft_arena_t *arena, struct weft_slab *s)
{
        struct weft_page_shared *p = weft_page(arena, weft_slab_page(s));
        if (!(weft_load_rlx(&p->remote) & WEFT_REMOTE_GROUPS))
                return;
        uint64_t remote = weft_swap_acq_rel(&p->remote, 0); /* [N] */
        link_groups(s, group_mask(&weft_classes[s->class_], remote), false);
}

struct census {
        uint32_t free;
        uint64_t life; /* the latest generation */
};

/* Looks at the words of these groups. The caller owns the slab, or is reading. */
static struct census count_free(const weft_arena_t *arena, uint64_t page, uint32_t class_,
                                uint64_t groups)
{
        const struct weft_class *c = &weft_classes[class_];
        const weft_a64_t *words = weft_page_words(arena, page, class_);
        struct census all = { 0, 0 };
        for (uint32_t i = 0; i < c->n; i++) {
                if (!(groups >> (i >> c->shift) & 1))
                        continue;
                uint64_t w = weft_load_acq(&words[i]); /* [B] */
                all.free += weft_word_is_free(w);
                all.life = i ? weft_generation_later(weft_word_generation(w), all.life)
                             : weft_word_generation(w);
        }
        return all;
}

/* ---- disowning and adopting ------------------------------------------------ */

/*
 * OWNED by this agent -> SHARED. `some`: there may be FREE blocks in it. Who frees a
 * block meanwhile either finds it SHARED, and counts; or has announced before, and is
 * counted here.
 *
 * Crash in share: after LP the count is too low and the hint missing, until settle, which
 * counts all SHARED slabs anew.
 */
static bool share(struct weft_agent *agent, uint64_t page, uint64_t state, bool some)
{
        weft_arena_t *arena = agent->arena;
        struct weft_page_shared *p = weft_page(arena, page);
        uint32_t class_ = weft_state_class(state);
        const struct weft_class *c = &weft_classes[class_];
        uint64_t shared = weft_state_make(WEFT_PAGE_SHARED, class_, state >> 32, 0);

        if (some)
                (void)weft_or_acq_rel(&p->remote, group_mask(c, ~UINT64_C(0))); /* [N] */
        (void)weft_swap_acq_rel(&p->state, shared);  /* [S] [P] LP */
        uint64_t remote = weft_load_acq(&p->remote); /* [N] */
        if (!(remote & WEFT_REMOTE_GROUPS))
                return false;
        uint64_t n = 0;
        weft_read_begin(agent);
        if (weft_state_same_blocks(weft_load_acq(&p->state), shared)) /* [P] */
                n = count_free(arena, page, class_, group_mask(c, remote)).free;
        weft_read_end(agent);
        remote = weft_add_acq_rel(&p->remote, n * WEFT_REMOTE_ONE); /* [N] */
        weft_hint_set(arena, WEFT_HINT_SLAB + class_, page);
        return (remote >> 48) + n >= c->n;
}

/* Crash after LP: a slab that names the dead; settle lets go of it. */
bool weft_slab_adopt(struct weft_agent *agent, uint64_t page, uint64_t *state)
{
        weft_a64_t *at = &weft_page(agent->arena, page)->state;
        uint64_t st = weft_load_acq(at); /* [P] */
        uint32_t class_ = weft_state_class(st);

        if (weft_state_kind(st) != WEFT_PAGE_SHARED || class_ >= WEFT_BLOCK_CLASSES)
                return false;
        weft_block_sign(agent);
        *state = weft_state_make(WEFT_PAGE_OWNED, class_, st >> 32, agent->sig);
        if (!weft_cas_acq_rel(at, &st, *state)) /* [S] LP */
                return false;
        weft_hint_clear(agent->arena, WEFT_HINT_SLAB + class_, page);
        return true;
}

/* The page's slab is empty, and this agent's: no ref into it can match any more.
 * Crash in it: settle counts anew, and comes to the same `life`. */
static void unmake(struct weft_agent *agent, uint64_t page, uint64_t life)
{
        struct weft_page_shared *p = weft_page(agent->arena, page);
        weft_store_rlx(&p->life, life);
        weft_store_rel(&p->state, /* [P] LP */
                       weft_state_make(WEFT_PAGE_CLAIMED, 0, 0, agent->sig));
}

bool weft_slab_let_go(struct weft_agent *agent, uint64_t page, uint64_t state)
{
        struct weft_page_shared *p = weft_page(agent->arena, page);
        uint32_t class_ = weft_state_class(state);

        (void)weft_swap_acq_rel(&p->remote, 0); /* [N] */
        struct census all = count_free(agent->arena, page, class_, ~UINT64_C(0));
        if (all.free == weft_classes[class_].n) {
                unmake(agent, page, all.life);
                return true;
        }
        (void)share(agent, page, state, all.free > 0);
        return false;
}

void weft_slab_try_empty(struct weft_agent *agent, uint64_t page)
{
        struct weft_page_shared *p = weft_page(agent->arena, page);
        uint64_t state = weft_load_acq(&p->state); /* [P] */

        if (weft_state_kind(state) == WEFT_PAGE_SHARED && weft_state_good_slab(state) &&
            weft_load_rlx(&p->remote) >> 48 >= weft_classes[weft_state_class(state)].n &&
            weft_slab_adopt(agent, page, &state) && weft_slab_let_go(agent, page, state))
                weft_pages_put(agent, page, 1);
}

/*
 * Announces FREED block `i`. To the slab's owner a bit suffices, and if it is set already
 * nothing need be done: he clears it before he looks. In a SHARED slab frees are counted.
 *
 * Crash before it: a FREED block that nobody knows of; settle announces it.
 */
bool weft_slab_announce(weft_arena_t *arena, uint64_t page, uint64_t state, uint32_t i)
{
        struct weft_page_shared *p = weft_page(arena, page);
        uint32_t class_ = weft_state_class(state);
        const struct weft_class *c = &weft_classes[class_];
        uint64_t bit = UINT64_C(1) << (i >> c->shift), was;

        do {
                was = weft_load_acq(&p->state); /* [S] [P] */
                if (!weft_state_same_blocks(was, state))
                        return false; /* found empty meanwhile */
                if (weft_state_kind(was) == WEFT_PAGE_SHARED) {
                        uint64_t remote = weft_load_rlx(&p->remote);
                        while (!weft_cas_acq_rel(&p->remote, &remote, /* [N] */
                                                 (remote | bit) + WEFT_REMOTE_ONE))
                                ;
                        weft_hint_set(arena, WEFT_HINT_SLAB + class_, page);
                        return (remote >> 48) + 1 >= c->n;
                }
                if (!(weft_load_acq(&p->remote) & bit))         /* [N] */
                        (void)weft_or_acq_rel(&p->remote, bit); /* [N] */
                was = weft_load_acq(&p->state);                 /* [S] */
        } while (weft_state_kind(was) == WEFT_PAGE_SHARED);
        return false;
}

/* ---- this agent's slabs ----------------------------------------------------- */

/* Crash before LP: a CLAIMED page. */
static void make_slab(struct weft_agent *agent, struct weft_block_cache *cache,
                      struct weft_slab *s, uint64_t page, uint32_t class_)
{
        struct weft_page_shared *p = weft_page(agent->arena, page);
        uint64_t life = weft_load_rlx(&p->life) & WEFT_GENERATION_MASK;

        life = life ? life : 1;
        record(agent->arena, cache, s, page, class_);
        weft_store_rlx(&p->remote, 0);
        for (uint32_t i = 0; i < s->n; i++)
                weft_store_rlx(
                        &s->words[i],
                        weft_word_make(life, weft_owner_make(WEFT_OWNER_FREE, i + 1)));
        s->list = 0;
        weft_store_rel(&p->state, /* [P] LP */
                       weft_state_make(WEFT_PAGE_OWNED, class_, life, agent->sig));
}

static uint64_t owned_state(const struct weft_agent *agent, const struct weft_slab *s)
{
        uint64_t st = weft_load_acq(
                &weft_page(agent->arena, weft_slab_page(s))->state); /* [P] */
        return weft_state_make(WEFT_PAGE_OWNED, s->class_, st >> 32, agent->sig);
}

static void disown(struct weft_agent *agent, struct weft_slab *s)
{
        uint64_t page = weft_slab_page(s), state = owned_state(agent, s);
        bool some = weft_slab_has(s);
        forget(agent->blocks, s);
        if (share(agent, page, state, some))
                weft_slab_try_empty(agent, page);
}

/* True if it was empty indeed: the page is CLAIMED then. */
static bool retire(struct weft_agent *agent, struct weft_slab *s)
{
        uint64_t page = weft_slab_page(s);
        struct census all = count_free(agent->arena, page, s->class_, ~UINT64_C(0));
        if (all.free < s->n)
                return false;
        forget(agent->blocks, s);
        unmake(agent, page, all.life);
        return true;
}

void weft_slab_emptied(struct weft_agent *agent, struct weft_slab *slab)
{
        struct weft_block_cache *cache = agent->blocks;
        uint64_t page = weft_slab_page(slab);
        if (is_current(cache, slab)) { /* not counted: it has wrapped */
                slab->left = UINT32_MAX;
                return;
        }
        for (uint32_t i = 0; i < slots(slab->class_); i++) {
                struct weft_slab *s = slot(cache, slab->class_, i);
                if (s != slab && s->n && s->left == 0) {
                        if (retire(agent, slab))
                                weft_pages_put(agent, page, 1);
                        return;
                }
        }
}

void weft_slabs_flush(struct weft_agent *agent)
{
        struct weft_block_cache *cache = agent->blocks;
        if (!cache || cache == &weft_block_no_cache)
                return;
        for (uint32_t i = 0; i < WEFT_BLOCK_CLASSES * WEFT_SLABS; i++) {
                struct weft_slab *s = &cache->slabs[i];
                if (!s->n)
                        continue;
                uint64_t page = weft_slab_page(s);
                collect(agent->arena, s);
                if ((s->left == 0 || is_current(cache, s)) && retire(agent, s))
                        weft_page_free(agent->arena, page);
        }
}

void weft_slabs_shared_flush(struct weft_agent *agent)
{
        uint64_t pages = weft_pages_ready(agent->arena), state;
        for (uint64_t page = 0; page < pages; page++)
                if (weft_slab_adopt(agent, page, &state) &&
                    weft_slab_let_go(agent, page, state))
                        weft_page_free(agent->arena, page);
}

/* A slot for one more slab: a full slab makes room if there is none. */
static struct weft_slab *make_room(struct weft_agent *agent, uint32_t class_)
{
        struct weft_block_cache *cache = agent->blocks;
        for (uint32_t i = 0; i < slots(class_); i++)
                if (!slot(cache, class_, i)->n)
                        return slot(cache, class_, i);
        uint32_t victim = cache->victim[class_]++ % slots(class_);
        disown(agent, slot(cache, class_, victim));
        return slot(cache, class_, victim);
}

static bool use_own(struct weft_agent *agent, uint32_t class_)
{
        struct weft_block_cache *cache = agent->blocks;
        for (uint32_t i = 0; i < slots(class_); i++) {
                struct weft_slab *s = slot(cache, class_, i);
                if (!s->n)
                        continue;
                if (!weft_slab_has(s))
                        collect(agent->arena, s);
                if (weft_slab_has(s)) {
                        set_current(cache, class_, s);
                        return true;
                }
        }
        return false;
}

static bool use_shared(struct weft_agent *agent, uint32_t class_)
{
        weft_arena_t *arena = agent->arena;
        uint32_t hint = WEFT_HINT_SLAB + class_;
        uint64_t state;
        for (uint64_t p = weft_hint_next(arena, hint, 0); p != WEFT_NO_PAGE;
             p = weft_hint_next(arena, hint, p + 1)) {
                struct weft_page_shared *shared = weft_page(arena, p);
                uint64_t st = weft_load_acq(&shared->state); /* [P] */
                if (weft_state_class(st) != class_ ||
                    !(weft_load_rlx(&shared->remote) & WEFT_REMOTE_GROUPS) ||
                    !weft_slab_adopt(agent, p, &state)) {
                        weft_hint_clear(arena, hint, p);
                        continue;
                }
                struct weft_slab *s = make_room(agent, class_);
                record(arena, agent->blocks, s, p, class_);
                uint64_t remote = weft_swap_acq_rel(&shared->remote, 0); /* [N] */
                link_groups(s, group_mask(&weft_classes[class_], remote), true);
                if (weft_slab_has(s)) {
                        set_current(agent->blocks, class_, s);
                        return true;
                }
                disown(agent, s);
        }
        return false;
}

/* Crash in refill: a page or slab that names the dead. */
int weft_slab_refill(struct weft_agent *agent, uint32_t class_)
{
        uint64_t page;
        int rc = weft_block_cache_make(agent);
        if (rc)
                return rc;
        if (use_own(agent, class_) || use_shared(agent, class_))
                return 0;
        rc = weft_page_take(agent, &page);
        if (rc)
                return use_shared(agent, class_) ? 0 : rc;
        struct weft_slab *s = make_room(agent, class_);
        make_slab(agent, agent->blocks, s, page, class_);
        set_current(agent->blocks, class_, s);
        return 0;
}
