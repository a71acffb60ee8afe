/* bench/block_bench.c -- memory: pairs, a mixed working set, freeing elsewhere. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "bench/bench.h"
#include "bench/peer_alloc.h"

enum {
        BYTES = 64,
        CHUNK = 256,
        SET = 1000,
        LEAST = 16,
        MOST = 4096,
        ROUND = 4096,
        LANE = 256
};

/* ---- three allocators ------------------------------------------------------- */

struct held {
        void *at;
        weft_ref_t ref;
};

struct allocator {
        int (*make)(void);
        void (*drop)(void);
        struct held (*alloc)(size_t bytes);
        void (*free)(struct held block);
        void (*share)(struct held block); /* lets somebody else free it */
};

static weft_arena_t *arena;
static struct peer_mimalloc mi;

static void must(int rc, const char *call)
{
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("%s: %s", call, weft_strerror(rc));
}

static int ours_make(void)
{
        return bench_weft(weft_arena_create(NULL, NULL, &arena), "weft_arena_create");
}

static void ours_drop(void)
{
        weft_arena_close(arena);
}

BENCH_INLINE struct held ours_alloc(size_t bytes)
{
        struct held block;
        must(weft_block_alloc(arena, bytes, &block.ref, &block.at), "weft_block_alloc");
        return block;
}

BENCH_INLINE void ours_free(struct held block)
{
        must(weft_block_free(arena, block.ref), "weft_block_free");
}

BENCH_INLINE void ours_share(struct held block)
{
        must(weft_block_share(arena, block.ref), "weft_block_share");
}

static int mi_make(void)
{
        const char *why = peer_mimalloc_load(&mi);
        return why ? bench_cannot("%s", why) : 0;
}

static void mi_drop(void)
{
}

BENCH_INLINE struct held mi_alloc(size_t bytes)
{
        return (struct held){ .at = mi.alloc(bytes) };
}

BENCH_INLINE void mi_free_block(struct held block)
{
        mi.free(block.at);
}

BENCH_INLINE void no_share(struct held block)
{
        (void)block;
}

static int boost_make(void)
{
        const char *why = peer_boost_make(64 << 20);
        return why ? bench_cannot("%s", why) : 0;
}

BENCH_INLINE struct held boost_alloc(size_t bytes)
{
        return (struct held){ .at = peer_boost_alloc(bytes) };
}

BENCH_INLINE void boost_free(struct held block)
{
        peer_boost_free(block.at);
}

static const struct allocator ours = { ours_make, ours_drop, ours_alloc, ours_free,
                                       ours_share };
static const struct allocator mimalloc = { mi_make, mi_drop, mi_alloc, mi_free_block,
                                           no_share };
static const struct allocator boost = { boost_make, peer_boost_drop, boost_alloc,
                                        boost_free, no_share };

/* Each use of an allocator below is compiled for it alone. */
#define EACH_ALLOCATOR(function) \
        static void function##_ours(struct bench_worker *w, void *context) \
        { \
                function(w, context, &ours); \
        } \
        static void function##_mi(struct bench_worker *w, void *context) \
        { \
                function(w, context, &mimalloc); \
        } \
        static void function##_boost(struct bench_worker *w, void *context) \
        { \
                function(w, context, &boost); \
        }

/* ---- pairs: a block comes and goes, again and again -------------------------- */

BENCH_INLINE void pair(struct bench_worker *w, void *context, const struct allocator *a)
{
        uint64_t n = 0;
        (void)context;
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (int i = 0; i < CHUNK; i++, n++) {
                        struct held block = a->alloc(BYTES);
                        BENCH_CHECK(block.at);
                        *(volatile uint64_t *)block.at = n;
                        BENCH_CHECK(*(volatile uint64_t *)block.at == n);
                        a->free(block);
                }
                bench_ops(w, n);
        }
}
EACH_ALLOCATOR(pair)

/* ---- a working set of 1,000 blocks of 16 to 4,096 bytes ---------------------- */

BENCH_INLINE uint64_t xorshift(uint64_t *seed)
{
        uint64_t x = *seed;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        return *seed = x;
}

/* The first and the last word carry a stamp. */
BENCH_INLINE void stamp(void *at, size_t bytes, uint64_t value)
{
        memcpy(at, &value, sizeof value);
        memcpy((char *)at + bytes - sizeof value, &value, sizeof value);
}

BENCH_INLINE bool stamped(const void *at, size_t bytes, uint64_t value)
{
        uint64_t first, last;
        memcpy(&first, at, sizeof first);
        memcpy(&last, (const char *)at + bytes - sizeof last, sizeof last);
        return first == value && last == value;
}

BENCH_INLINE void mixed(struct bench_worker *w, void *context, const struct allocator *a)
{
        static struct held block[SET];
        static size_t bytes[SET];
        uint64_t seed = 88172645463325252U, n = 0;
        (void)context;
        for (int i = 0; i < SET; i++) {
                bytes[i] = LEAST + xorshift(&seed) % (MOST - LEAST + 1);
                block[i] = a->alloc(bytes[i]);
                BENCH_CHECK(block[i].at);
                stamp(block[i].at, bytes[i], (uint64_t)i);
        }
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (int k = 0; k < CHUNK; k++, n++) {
                        uint64_t random = xorshift(&seed), i = (random >> 32) % SET;
                        BENCH_CHECK(stamped(block[i].at, bytes[i], i));
                        a->free(block[i]);
                        bytes[i] = LEAST + (uint32_t)random % (MOST - LEAST + 1);
                        block[i] = a->alloc(bytes[i]);
                        BENCH_CHECK(block[i].at);
                        stamp(block[i].at, bytes[i], i);
                }
                bench_ops(w, n);
        }
}
EACH_ALLOCATOR(mixed)

struct loop {
        const struct allocator *allocator;
        void (*body)(struct bench_worker *w, void *context);
        unsigned workers;
};

/* ns an operation, of the slowest worker. */
static int sample_loop(const struct bench_side *side, double *value)
{
        const struct loop *loop = side->subject;
        int rc = loop->workers > 1 ? bench_two_cpus() : 0;
        if (!rc)
                rc = loop->allocator->make();
        if (rc)
                return rc;
        struct bench_crew crew = { .count = loop->workers,
                                   .ms = bench.ms,
                                   .body = loop->body };
        rc = bench_crew_run(&crew);
        *value = 0;
        for (unsigned i = 0; i < crew.count; i++) {
                const struct bench_slot *slot = &crew.slot[i];
                double ns = (double)(slot->end - slot->begin) / (double)(slot->ops + 1);
                *value = ns > *value ? ns : *value;
        }
        loop->allocator->drop();
        return rc;
}

/* ---- freed by another process (mimalloc: by another thread) ------------------ */

struct away {
        _Alignas(BENCH_LINE) _Atomic(uint64_t) sent; /* the lane: blocks ever passed on */
        _Alignas(BENCH_LINE) _Atomic(uint64_t) done; /* and ever freed */
        _Alignas(BENCH_LINE) double free_ns;
        struct held lane[ROUND];
};

struct away_side {
        const struct allocator *allocator;
        void (*body)(struct bench_worker *w, void *away);
        bool threads;
        bool whole; /* all of it is timed, not just the freeing */
};

BENCH_INLINE void await(_Atomic(uint64_t) *word, uint64_t at_least)
{
        while (atomic_load_explicit(word, memory_order_acquire) < at_least)
                bench_pause();
}

/* Makes rounds of blocks; passes on a round when the last one has been freed. */
BENCH_INLINE void maker(struct bench_worker *w, struct away *away, uint64_t at_once,
                        const struct allocator *a)
{
        uint64_t seq = 0;
        for (; !bench_stopping(w); bench_ops(w, seq)) {
                if (seq + at_once > ROUND)
                        await(&away->done, seq + at_once - ROUND);
                for (uint64_t i = 0; i < at_once; i++, seq++) {
                        struct held block = a->alloc(BYTES);
                        BENCH_CHECK(block.at);
                        stamp(block.at, BYTES, seq);
                        a->share(block);
                        away->lane[seq % ROUND] = block;
                }
                atomic_store_explicit(&away->sent, seq, memory_order_release);
        }
        await(&away->done, seq);
        atomic_store_explicit(&away->sent, UINT64_MAX, memory_order_release);
}

/* Reads a round, then frees it: only the latter is timed. */
BENCH_INLINE void freer(struct away *away, uint64_t at_once, const struct allocator *a)
{
        static double ns[1 << 16];
        size_t n = 0;
        for (uint64_t seq = 0;; seq += at_once) {
                await(&away->sent, seq + at_once);
                if (atomic_load(&away->sent) == UINT64_MAX)
                        break;
                for (uint64_t i = seq; i < seq + at_once; i++)
                        BENCH_CHECK(stamped(away->lane[i % ROUND].at, BYTES, i));
                uint64_t begin = bench_ticks();
                for (uint64_t i = seq; i < seq + at_once; i++)
                        a->free(away->lane[i % ROUND]);
                double took = (double)(bench_ticks() - begin) * bench_ns_per_tick();
                ns[n++ % (sizeof ns / sizeof *ns)] = took / (double)at_once;
                atomic_store_explicit(&away->done, seq + at_once, memory_order_release);
        }
        if (n > sizeof ns / sizeof *ns)
                n = sizeof ns / sizeof *ns;
        away->free_ns = bench_percentile(ns, n, 50);
}

BENCH_INLINE void away_part(struct bench_worker *w, struct away *away, unsigned part,
                            const struct allocator *a)
{
        if (part == 0)
                maker(w, away, LANE, a);
        else
                freer(away, LANE, a);
}

static void away_ours(struct bench_worker *w, void *away)
{
        bench_ready(w);
        away_part(w, away, w->index, &ours);
}

static void *away_thread(void *away)
{
        if (bench_pin(1))
                bench_give_up("cannot pin a thread");
        away_part(NULL, away, 1, &mimalloc);
        return NULL;
}

static void away_mi(struct bench_worker *w, void *away)
{
        pthread_t thread;
        BENCH_CHECK(pthread_create(&thread, NULL, away_thread, away) == 0);
        bench_ready(w);
        away_part(w, away, 0, &mimalloc);
        pthread_join(thread, NULL);
}

static int sample_away(const struct bench_side *side, double *value)
{
        const struct away_side *s = side->subject;
        int rc = bench_two_cpus();
        if (!rc)
                rc = s->allocator->make();
        if (rc)
                return rc;
        struct away *away = bench_shared(sizeof *away);
        if (!away)
                rc = bench_cannot("no shared memory");
        struct bench_crew crew = { .count = s->threads ? 1 : 2,
                                   .ms = bench.ms,
                                   .body = s->body,
                                   .context = away };
        if (!rc)
                rc = bench_crew_run(&crew);
        if (!rc && crew.cut)
                rc = bench_wrong("a block was lost");
        const struct bench_slot *slot = &crew.slot[0];
        if (!rc && s->whole)
                *value = (double)(slot->end - slot->begin) / (double)(slot->ops + 1);
        else if (!rc && away)
                *value = away->free_ns;
        bench_unshare(away, sizeof *away);
        s->allocator->drop();
        return rc;
}

/* ---- rows --------------------------------------------------------------------- */

#define LOOP(name, label, allocator, body, workers) \
        static const struct loop name##_loop = { &(allocator), body, workers }; \
        static const struct bench_side name = { label, sample_loop, &name##_loop, NULL }
#define AWAY(name, label, allocator, body, threads, whole) \
        static const struct away_side name##_away = { &(allocator), body, threads, \
                                                      whole }; \
        static const struct bench_side name = { label, sample_away, &name##_away, NULL }

LOOP(pair64_ours, "weft", ours, pair_ours, 1);
LOOP(pair64_mi, "mimalloc", mimalloc, pair_mi, 1);
LOOP(pair64_boost, "Boost managed shm", boost, pair_boost, 1);
LOOP(both_ours, "weft", ours, pair_ours, 2);
LOOP(alone_ours, "weft, one process", ours, pair_ours, 1);
LOOP(mixed_weft, "weft", ours, mixed_ours, 1);
LOOP(mixed_mimalloc, "mimalloc", mimalloc, mixed_mi, 1);
LOOP(mixed_bi, "Boost managed shm", boost, mixed_boost, 1);
LOOP(mixed_two, "weft", ours, mixed_ours, 2);
AWAY(free_ours, "weft", ours, away_ours, false, false);
AWAY(free_mi, "mimalloc, 2 threads", mimalloc, away_mi, true, false);
AWAY(whole_ours, "weft", ours, away_ours, false, true);
AWAY(whole_mi, "mimalloc, 2 threads", mimalloc, away_mi, true, true);

#define PAIR "64 B: allocate, write, free"
#define MIXED "a block of 16..4096 B out of 1,000 is freed, another allocated"

static const struct bench_row rows[] = {
        { "block.pair.mimalloc", PAIR, "ns", &pair64_ours, &pair64_mi, 1.0, BENCH_LOWER,
          0 },
        { "block.pair.boost", PAIR, "ns", &pair64_ours, &pair64_boost, 0.1, BENCH_LOWER,
          0 },
        { "block.pair.two", PAIR " by two processes at once", "ns", &both_ours,
          &alone_ours, 1.3, BENCH_LOWER, 0 },
        { "block.free-away", "64 B, freed by another process: the freeing", "ns",
          &free_ours, &free_mi, 1.2, BENCH_LOWER, 0 },
        { "block.pass-on", "64 B: allocate, pass on, free there: all of it", "ns",
          &whole_ours, &whole_mi, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "block.mixed.mimalloc", MIXED, "ns", &mixed_weft, &mixed_mimalloc,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "block.mixed.boost", MIXED, "ns", &mixed_weft, &mixed_bi, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "block.mixed.two", MIXED " by two processes at once", "ns", &mixed_two,
          &mixed_weft, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(block, rows);
