/* bench/pool_bench.c -- objects lent: beside a free list, blocks, an allocator. */
#include <stdlib.h>
#include <string.h>

#include <ck_stack.h>

#include <weft/pool.h>
#include <weft/weft.h>

#include "bench/bench.h"
#include "bench/peer_alloc.h"

enum { BYTES = 64, COUNT = 1024, CHUNK = 256, HAND = 16, LANE = 512 };

/* ---- who lends --------------------------------------------------------------- */

struct held {
        void *at;
        uint64_t token;
};

struct lender {
        int (*make)(void);
        int (*drop)(void);
        struct held (*get)(void);
        void (*put)(struct held held);
        struct held (*claim)(struct held held); /* by another than who gave it */
        void (*give)(struct held held);
};

static weft_arena_t *arena;
static weft_pool_t *pool;
static struct peer_mimalloc mi;

static void must(int rc, const char *call)
{
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("%s: %s", call, weft_strerror(rc));
}

static int arena_make(void)
{
        return bench_weft(weft_arena_create(NULL, NULL, &arena), "weft_arena_create");
}

static int arena_drop(void)
{
        weft_arena_close(arena);
        return 0;
}

static int pool_make(void)
{
        struct weft_pool_options o = { .object_bytes = BYTES, .count = COUNT };
        int rc = arena_make();
        return rc ? rc
                  : bench_weft(weft_pool_create(arena, "p", &o, &pool),
                               "weft_pool_create");
}

/* All came back. */
static int pool_drop(void)
{
        struct weft_pool_census n;
        int rc = weft_arena_recover(arena, NULL);
        if (!rc)
                rc = weft_pool_census(pool, &n, NULL, NULL);
        if (!rc && n.free != COUNT)
                rc = bench_wrong("%u of %d objects are free", n.free, COUNT);
        weft_pool_close(pool);
        (void)arena_drop();
        return rc;
}

BENCH_INLINE struct held pool_get(void)
{
        struct weft_pool_object o;
        must(weft_pool_get(pool, &o, WEFT_NEVER), "weft_pool_get");
        return (struct held){ o.at, o.token };
}

BENCH_INLINE void pool_put(struct held held)
{
        must(weft_pool_put(pool, held.token), "weft_pool_put");
}

BENCH_INLINE void pool_give(struct held held)
{
        must(weft_pool_give(pool, held.token), "weft_pool_give");
}

BENCH_INLINE struct held pool_claim(struct held held)
{
        struct weft_pool_object o;
        must(weft_pool_claim(pool, held.token, &o, WEFT_NEVER), "weft_pool_claim");
        return (struct held){ o.at, o.token };
}

/* A free list as it is mostly written: a tagged stack of entries, in shared memory that all
 * have at one address. Who dies with an entry in hand takes it along. */
struct entry {
        _Alignas(BENCH_LINE) ck_stack_entry_t link;
        _Alignas(64) unsigned char object[BYTES];
};

static struct list {
        _Alignas(BENCH_LINE) ck_stack_t stack;
        struct entry entries[COUNT];
} * list;

static int ck_make(void)
{
        list = bench_shared(sizeof *list);
        if (!list)
                return bench_cannot("no shared memory");
        ck_stack_init(&list->stack);
        for (int i = 0; i < COUNT; i++)
                ck_stack_push_spnc(&list->stack, &list->entries[i].link);
        return 0;
}

static int ck_drop(void)
{
        int n = 0;
        while (ck_stack_pop_npsc(&list->stack))
                n++;
        bench_unshare(list, sizeof *list);
        return n == COUNT ? 0 : bench_wrong("%d of %d entries are free", n, COUNT);
}

BENCH_INLINE struct held ck_get(void)
{
        ck_stack_entry_t *link = ck_stack_pop_mpmc(&list->stack);
        BENCH_CHECK(link);
        struct entry *e = (struct entry *)(void *)link;
        return (struct held){ .at = e->object, .token = (uint64_t)(e - list->entries) };
}

BENCH_INLINE void ck_put(struct held held)
{
        ck_stack_push_mpmc(&list->stack, &list->entries[held.token].link);
}

BENCH_INLINE struct held block_get(void)
{
        struct held held;
        weft_ref_t ref;
        must(weft_block_alloc(arena, BYTES, &ref, &held.at), "weft_block_alloc");
        held.token = ref.v;
        return held;
}

BENCH_INLINE void block_put(struct held held)
{
        must(weft_block_free(arena, (weft_ref_t){ held.token }), "weft_block_free");
}

BENCH_INLINE void block_give(struct held held)
{
        must(weft_block_share(arena, (weft_ref_t){ held.token }), "weft_block_share");
}

static int mi_make(void)
{
        const char *why = peer_mimalloc_load(&mi);
        return why ? bench_cannot("%s", why) : 0;
}

static int mi_drop(void)
{
        return 0;
}

BENCH_INLINE struct held mi_get(void)
{
        return (struct held){ .at = mi.alloc(BYTES) };
}

BENCH_INLINE void mi_put(struct held held)
{
        mi.free(held.at);
}

BENCH_INLINE struct held as_it_is(struct held held)
{
        return held;
}

BENCH_INLINE void nothing(struct held held)
{
        (void)held;
}

static const struct lender ours = { pool_make, pool_drop,  pool_get,
                                    pool_put,  pool_claim, pool_give };
static const struct lender ck = { ck_make, ck_drop, ck_get, ck_put, as_it_is, nothing };
static const struct lender blocks = { arena_make, arena_drop, block_get,
                                      block_put,  as_it_is,   block_give };
static const struct lender mimalloc = { mi_make, mi_drop,  mi_get,
                                        mi_put,  as_it_is, nothing };

/* Each use of a lender below is compiled for it alone. */
#define ONE(function, name, lender) \
        static void function##_##name(struct bench_worker *w, void *context) \
        { \
                function(w, context, &(lender)); \
        }

/* ---- an object comes and goes -------------------------------------------------- */

BENCH_INLINE void mark(const struct bench_worker *w, struct held held, uint64_t n)
{
        BENCH_CHECK(held.at);
        *(volatile uint64_t *)held.at = n << 8 | w->index;
}

BENCH_INLINE void marked(const struct bench_worker *w, struct held held, uint64_t n)
{
        BENCH_CHECK(*(volatile uint64_t *)held.at == (n << 8 | w->index));
}

BENCH_INLINE void pair(struct bench_worker *w, void *context, const struct lender *l)
{
        uint64_t n = 0;
        (void)context;
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (int i = 0; i < CHUNK; i++, n++) {
                        struct held held = l->get();
                        mark(w, held, n);
                        marked(w, held, n);
                        l->put(held);
                }
                bench_ops(w, n);
        }
}
ONE(pair, ours, ours)
ONE(pair, ck, ck)
ONE(pair, block, blocks)
ONE(pair, mi, mimalloc)

/* So many in hand at once. */
BENCH_INLINE void hand(struct bench_worker *w, void *context, const struct lender *l)
{
        struct held held[HAND];
        uint64_t n = 0;
        (void)context;
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (int i = 0; i < CHUNK; i += HAND, n += HAND) {
                        for (int k = 0; k < HAND; k++) {
                                held[k] = l->get();
                                mark(w, held[k], n + (uint64_t)k);
                        }
                        for (int k = 0; k < HAND; k++) {
                                marked(w, held[k], n + (uint64_t)k);
                                l->put(held[k]);
                        }
                }
                bench_ops(w, n);
        }
}
ONE(hand, ours, ours)
ONE(hand, ck, ck)
ONE(hand, block, blocks)

/* ---- one gets and fills, another reads and puts ---------------------------------- */

struct lane {
        _Alignas(BENCH_LINE) _Atomic(uint64_t) sent;
        _Alignas(BENCH_LINE) _Atomic(uint64_t) done;
        _Alignas(BENCH_LINE) struct held held[LANE];
};

BENCH_INLINE void await(_Atomic(uint64_t) *word, uint64_t at_least)
{
        while (atomic_load_explicit(word, memory_order_acquire) < at_least)
                bench_pause();
}

BENCH_INLINE void giver(struct bench_worker *w, struct lane *lane, const struct lender *l)
{
        uint64_t n = 0;
        for (; !bench_stopping(w); bench_ops(w, n)) {
                if (n + HAND > LANE)
                        await(&lane->done, n + HAND - LANE);
                for (int i = 0; i < HAND; i++, n++) {
                        struct held held = l->get();
                        BENCH_CHECK(held.at);
                        memcpy(held.at, &n, sizeof n);
                        l->give(held);
                        lane->held[n % LANE] = held;
                }
                atomic_store_explicit(&lane->sent, n, memory_order_release);
        }
        await(&lane->done, n);
        atomic_store_explicit(&lane->sent, UINT64_MAX, memory_order_release);
}

BENCH_INLINE void taker(struct lane *lane, const struct lender *l)
{
        for (uint64_t n = 0;; n += HAND) {
                await(&lane->sent, n + HAND);
                if (atomic_load(&lane->sent) == UINT64_MAX)
                        break;
                for (uint64_t i = n; i < n + HAND; i++) {
                        struct held held = l->claim(lane->held[i % LANE]);
                        BENCH_CHECK(memcmp(held.at, &i, sizeof i) == 0);
                        l->put(held);
                }
                atomic_store_explicit(&lane->done, n + HAND, memory_order_release);
        }
}

BENCH_INLINE void pass_on(struct bench_worker *w, void *lane, const struct lender *l)
{
        bench_ready(w);
        if (w->index == 0)
                giver(w, lane, l);
        else
                taker(lane, l);
}
ONE(pass_on, ours, ours)
ONE(pass_on, ck, ck)
ONE(pass_on, block, blocks)

struct loop {
        const struct lender *lender;
        void (*body)(struct bench_worker *w, void *context);
        unsigned workers;
        bool lane;
};

/* ns an operation: of the slowest worker, or of the giver. */
static int sample_loop(const struct bench_side *side, double *value)
{
        const struct loop *loop = side->subject;
        struct lane *lane = NULL;
        int rc = loop->workers > 1 ? bench_two_cpus() : 0;
        if (!rc && loop->lane && !(lane = bench_shared(sizeof *lane)))
                rc = bench_cannot("no shared memory");
        if (!rc)
                rc = loop->lender->make();
        if (rc)
                return rc;
        struct bench_crew crew = { .count = loop->workers,
                                   .ms = bench.ms,
                                   .body = loop->body,
                                   .context = lane };
        rc = bench_crew_run(&crew);
        if (!rc && crew.cut)
                rc = bench_wrong("an object was lost");
        *value = 0;
        for (unsigned i = 0; i < (lane ? 1 : crew.count); i++) {
                const struct bench_slot *slot = &crew.slot[i];
                double ns = (double)(slot->end - slot->begin) / (double)(slot->ops + 1);
                *value = ns > *value ? ns : *value;
        }
        int dropped = loop->lender->drop();
        if (lane)
                bench_unshare(lane, sizeof *lane);
        return rc ? rc : dropped;
}

/* ---- rows --------------------------------------------------------------------- */

#define LOOP(name, label, lender, body, workers, lane) \
        static const struct loop name##_loop = { &(lender), body, workers, lane }; \
        static const struct bench_side name = { label, sample_loop, &name##_loop, NULL }

LOOP(pair_weft, "weft", ours, pair_ours, 1, false);
LOOP(pair_blocks, "weft_block", blocks, pair_block, 1, false);
LOOP(pair_stack, "ck_stack", ck, pair_ck, 1, false);
LOOP(pair_mimalloc, "mimalloc", mimalloc, pair_mi, 1, false);
LOOP(two_weft, "weft", ours, pair_ours, 2, false);
LOOP(two_stack, "ck_stack", ck, pair_ck, 2, false);
LOOP(two_alone, "weft, one process", ours, pair_ours, 1, false);
LOOP(hand_weft, "weft", ours, hand_ours, 1, false);
LOOP(hand_blocks, "weft_block", blocks, hand_block, 1, false);
LOOP(hand_two, "weft", ours, hand_ours, 2, false);
LOOP(hand_stack, "ck_stack", ck, hand_ck, 2, false);
LOOP(pass_weft, "weft", ours, pass_on_ours, 2, true);
LOOP(pass_blocks, "weft_block", blocks, pass_on_block, 2, true);
LOOP(pass_stack, "ck_stack", ck, pass_on_ck, 2, true);

#define PAIR "64 B: get, write, put"
#define SIXTEEN "16 objects of 64 B: got, then put; one of them"
#define PASS "64 B: got, filled, given; claimed, read, put by another"

static const struct bench_row rows[] = {
        { "pool.pair.block", PAIR, "ns", &pair_weft, &pair_blocks, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "pool.pair.ck", PAIR, "ns", &pair_weft, &pair_stack, 1.1, BENCH_LOWER, 0 },
        { "pool.pair.mimalloc", PAIR, "ns", &pair_weft, &pair_mimalloc, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "pool.two.ck", PAIR ", by two processes at once", "ns", &two_weft, &two_stack,
          1.0, BENCH_LOWER, 0 },
        { "pool.two.alone", PAIR ", by two processes at once", "ns", &two_weft,
          &two_alone, 1.3, BENCH_LOWER, 0 },
        { "pool.hand16.block", SIXTEEN, "ns", &hand_weft, &hand_blocks, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "pool.hand16.two.ck", SIXTEEN ", by two processes at once", "ns", &hand_two,
          &hand_stack, 1.0, BENCH_LOWER, 0 },
        { "pool.pass-on.block", PASS, "ns", &pass_weft, &pass_blocks, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "pool.pass-on.ck", PASS, "ns", &pass_weft, &pass_stack, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
};

BENCH_MODULE(pool, rows);
