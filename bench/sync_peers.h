/* bench/sync_peers.h -- what the benchmarks of sync/ share: a set of objects, the peers of
 * glibc in shared memory, and loops that check what they do.
 *
 * A side's `subject` is a struct sync_kind. Loops take the operations as functions that
 * are inlined into them, so that each side is called as its users call it.
 */
#ifndef WEFT_BENCH_SYNC_PEERS_H
#define WEFT_BENCH_SYNC_PEERS_H

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include <weft/weft.h>

#include "bench/bench.h"

enum { SYNC_OBJECTS = 64, SYNC_PEERS = 3, SYNC_WORDS = 4, SYNC_NAPS = 2048 };
#define SYNC_NAP_NS 150000 /* how long a process thinks while the other falls asleep */

/* Of glibc, process-shared, each on lines of its own. */
union sync_peer {
        _Alignas(BENCH_LINE) pthread_mutex_t mutex;
        pthread_rwlock_t rwlock;
        pthread_barrier_t barrier;
        pthread_cond_t cond;
        sem_t sem;
};

struct sync_shared {
        union sync_peer peer[SYNC_PEERS];
        _Alignas(BENCH_LINE) uint64_t word[SYNC_WORDS]; /* what a lock protects */
        _Alignas(BENCH_LINE) _Atomic(uint32_t) ended;   /* no further round */
        _Alignas(BENCH_LINE) _Atomic(uint64_t) done[2]; /* for what the rows like */
        _Alignas(BENCH_LINE) _Atomic(uint64_t) stamp;
        _Alignas(BENCH_LINE) unsigned char value[4096];
};

struct sync_set {
        weft_arena_t *arena;
        void *object[SYNC_OBJECTS]; /* handles: what make() filled in */
        struct sync_shared *sh;
        const struct sync_kind *kind;
};

enum sync_figure {
        SYNC_NS,    /* ns for each operation of worker 0 */
        SYNC_RATE,  /* M/s of all workers together */
        SYNC_VALUE, /* what worker `figure - SYNC_VALUE` left in its slot's `value` */
        SYNC_VALUE_1,
};

struct sync_kind {
        int (*make)(struct sync_set *set);
        void (*drop)(struct sync_set *set);
        void (*body)(struct bench_worker *worker, void *set);
        /* 0, or what bench_wrong() returned. */
        int (*verify)(struct sync_set *set, const struct bench_crew *crew);
        enum sync_figure figure;
        unsigned workers;
        bool one_cpu;
        unsigned n; /* as the row likes */
};

int sync_sample(const struct bench_side *side, double *value);

/* The counts of all slots are in word[0], and nothing else. */
int sync_verify_words(struct sync_set *set, const struct bench_crew *crew);

/* Peers: fill peer[0] and, where it says so, more. */
int sync_make_mutex(struct sync_set *set); /* robust */
int sync_make_mutex_recursive(struct sync_set *set);
int sync_make_rwlock(struct sync_set *set);
int sync_make_sems(struct sync_set *set); /* two of value 0 */
int sync_make_barrier(struct sync_set *set);
int sync_make_conds(struct sync_set *set); /* two, and peer[2]: their mutex, robust */
int sync_make_nothing(struct sync_set *set);
void sync_drop_nothing(struct sync_set *set);

BENCH_INLINE void sync_must(int rc, const char *call)
{
        if (__builtin_expect(rc < 0, 0))
                bench_give_up("%s: %s", call, weft_strerror(rc));
}
#define SYNC_MUST(call) sync_must((call), #call)

BENCH_INLINE void sync_peer_must(int error, const char *call)
{
        if (__builtin_expect(error != 0, 0))
                bench_give_up("%s: error %d", call, error);
}
#define SYNC_PEER_MUST(call) sync_peer_must((call), #call)

typedef void sync_do(const struct sync_set *set);
typedef void sync_do_one(const struct sync_set *set, unsigned which);

/* ---- one process: an operation and its opposite ----------------------------- */

BENCH_INLINE void sync_pair(struct bench_worker *w, const struct sync_set *set,
                            sync_do *first, sync_do *second)
{
        uint64_t n = 0, *word = set->sh->word;
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (unsigned i = 0; i < 256; i++, n++) {
                        first(set);
                        word[0]++;
                        second(set);
                }
                bench_ops(w, n);
        }
        w->slot->count = n;
}

#define SYNC_PAIR(name, first, second) \
        static void name(struct bench_worker *worker, void *set) \
        { \
                sync_pair(worker, set, first, second); \
        }

/* ---- several: a section in which four words are changed ---------------------- */

BENCH_INLINE void sync_section(struct bench_worker *w, const struct sync_set *set,
                               sync_do *lock, sync_do *unlock, unsigned think)
{
        uint64_t n = 0;
        volatile uint64_t *word = set->sh->word;
        bench_ready(w);
        while (!bench_stopping(w)) {
                lock(set);
                BENCH_CHECK(word[0] == word[SYNC_WORDS - 1]);
                for (unsigned i = 0; i < SYNC_WORDS; i++)
                        word[i] = word[i] + 1;
                unlock(set);
                for (unsigned i = 0; i < think; i++)
                        bench_pause();
                bench_ops(w, ++n);
        }
        w->slot->count = n;
}

#define SYNC_SECTION(name, lock, unlock) \
        static void name(struct bench_worker *worker, void *set) \
        { \
                const struct sync_set *s = set; \
                sync_section(worker, s, lock, unlock, s->kind->n); \
        }

/* ---- two: there and back ------------------------------------------------------ */

/* give(0) by worker 0, take(0) and give(1) by worker 1, take(1). A take without its give
 * would leave something behind, or the counts apart: sync_verify_trips(). */
BENCH_INLINE void sync_trip(struct bench_worker *w, const struct sync_set *set,
                            sync_do_one *give, sync_do_one *take)
{
        struct sync_shared *sh = set->sh;
        uint64_t n = 0;
        bench_ready(w);
        if (w->index == 0) {
                while (!bench_stopping(w)) {
                        give(set, 0);
                        take(set, 1);
                        bench_ops(w, ++n);
                }
                w->slot->count_in = n;
                atomic_store(&sh->ended, 1);
                give(set, 0);
        } else {
                for (;; n++) {
                        take(set, 0);
                        if (atomic_load_explicit(&sh->ended, memory_order_relaxed))
                                break;
                        give(set, 1);
                }
                w->slot->count = n;
        }
}

static inline void sync_think(void)
{
        uint64_t until = bench_now() + SYNC_NAP_NS;
        while (bench_now() < until)
                bench_pause();
}

/* The same, but who is called thinks first, and the other sleeps by then. The median of
 * the trips, without the thinking, is the figure. */
BENCH_INLINE void sync_nap(struct bench_worker *w, const struct sync_set *set,
                           sync_do_one *give, sync_do_one *take)
{
        static double ns[SYNC_NAPS];
        struct sync_shared *sh = set->sh;
        uint64_t n = 0;
        bench_ready(w);
        if (w->index == 0) {
                while (n < SYNC_NAPS && !bench_stopping(w)) {
                        sync_think();
                        uint64_t begin = bench_now();
                        give(set, 0);
                        take(set, 1);
                        ns[n++] = (double)(bench_now() - begin) - SYNC_NAP_NS;
                }
                w->slot->count_in = n;
                atomic_store(&sh->ended, 1);
                give(set, 0);
                w->slot->value = bench_percentile(ns, n, 50);
        } else {
                for (;; n++) {
                        take(set, 0);
                        if (atomic_load_explicit(&sh->ended, memory_order_relaxed))
                                break;
                        sync_think();
                        give(set, 1);
                }
                w->slot->count = n;
        }
}

#define SYNC_TRIP(name, give, take) \
        static void name(struct bench_worker *worker, void *set) \
        { \
                sync_trip(worker, set, give, take); \
        } \
        static __attribute__((unused)) void name##_nap(struct bench_worker *worker, \
                                                       void *set) \
        { \
                sync_nap(worker, set, give, take); \
        }

int sync_verify_trips(struct sync_set *set, const struct bench_crew *crew);

/* ---- two: all arrive, all go on ------------------------------------------------- */

/* cross() returns true to one of the two. Worker 0 says, before it arrives, which crossing
 * is the last one. */
BENCH_INLINE void sync_cross(struct bench_worker *w, const struct sync_set *set,
                             bool (*cross)(const struct sync_set *set))
{
        struct sync_shared *sh = set->sh;
        uint64_t n = 0, serial = 0, last = 0;
        bench_ready(w);
        while (n != last || !n) {
                bench_ops(w, ++n);
                if (w->index == 0 && bench_stopping(w))
                        atomic_store_explicit(&sh->done[0], n, memory_order_relaxed);
                serial += cross(set);
                last = atomic_load_explicit(&sh->done[0], memory_order_relaxed);
                if (n % 64 == 0) { /* the other has come, and is at most one further */
                        uint64_t its = atomic_load(&w->control->slot[!w->index].ops);
                        BENCH_CHECK(its == n || its == n + 1);
                }
        }
        w->slot->count = n;
        w->slot->sum = serial;
}

#define SYNC_CROSS(name, cross) \
        static void name(struct bench_worker *worker, void *set) \
        { \
                sync_cross(worker, set, cross); \
        }

int sync_verify_cross(struct sync_set *set, const struct bench_crew *crew);

/* ---- two: one calls now and then, the other sleeps until it is called ------------ */

/* call(i) by worker 0; answer() by worker 1 returns the time at which it was called. The
 * figure is the median of what passed since then: SYNC_VALUE_1. */
BENCH_INLINE void sync_calls(struct bench_worker *w, const struct sync_set *set,
                             void (*call)(const struct sync_set *set, uint64_t i,
                                          uint64_t now),
                             uint64_t (*answer)(const struct sync_set *set))
{
        static double ns[SYNC_NAPS];
        struct sync_shared *sh = set->sh;
        uint64_t n = 0, last = 0;
        bench_ready(w);
        if (w->index == 0) {
                for (; n < SYNC_NAPS && !bench_stopping(w); n++) {
                        sync_think();
                        call(set, n, bench_now());
                        while (atomic_load(&sh->done[0]) == n)
                                bench_pause();
                }
                w->slot->count_in = n;
                atomic_store(&sh->ended, 1);
                call(set, n, bench_now());
        } else {
                for (; n < SYNC_NAPS + 1; n++) {
                        uint64_t called = answer(set), now = bench_now();
                        BENCH_CHECK(called > last && called <= now);
                        last = called;
                        if (atomic_load(&sh->ended))
                                break;
                        ns[n] = (double)(now - called);
                        atomic_store(&sh->done[0], n + 1);
                }
                w->slot->count = n;
                w->slot->value = bench_percentile(ns, n, 50);
        }
}

#define SYNC_CALLS(name, call, answer) \
        static void name(struct bench_worker *worker, void *set) \
        { \
                sync_calls(worker, set, call, answer); \
        }

#endif
