/* bench/signal_bench.c -- a value read and written, beside one under a lock. */
#define _GNU_SOURCE
#include <string.h>

#include "bench/sync_peers.h"

enum { SMALL = 8, LARGE = 4096 };

static int make(struct sync_set *set)
{
        struct weft_signal_options options = { .bytes = set->kind->n };
        weft_signal_t *signal = NULL;
        int rc = weft_signal_create(set->arena, "bench", &options, &signal);
        set->object[0] = signal;
        return bench_weft(rc, "weft_signal_create");
}

static void drop(struct sync_set *set)
{
        weft_signal_close(set->object[0]);
}

/* ---- both sides ----------------------------------------------------------------- */

BENCH_INLINE void weft_get(const struct sync_set *set, void *value, size_t bytes)
{
        (void)bytes;
        SYNC_MUST(weft_signal_get(set->object[0], value, NULL));
}

BENCH_INLINE void weft_set(const struct sync_set *set, const void *value, size_t bytes)
{
        (void)bytes;
        SYNC_MUST(weft_signal_set(set->object[0], value, NULL));
}

BENCH_INLINE void peer_get(const struct sync_set *set, void *value, size_t bytes)
{
        struct sync_shared *sh = set->sh;
        SYNC_PEER_MUST(pthread_rwlock_rdlock(&sh->peer[0].rwlock));
        memcpy(value, sh->value, bytes);
        SYNC_PEER_MUST(pthread_rwlock_unlock(&sh->peer[0].rwlock));
}

BENCH_INLINE void peer_set(const struct sync_set *set, const void *value, size_t bytes)
{
        struct sync_shared *sh = set->sh;
        SYNC_PEER_MUST(pthread_rwlock_wrlock(&sh->peer[0].rwlock));
        memcpy(sh->value, value, bytes);
        SYNC_PEER_MUST(pthread_rwlock_unlock(&sh->peer[0].rwlock));
}

typedef void get_fn(const struct sync_set *set, void *value, size_t bytes);
typedef void set_fn(const struct sync_set *set, const void *value, size_t bytes);

/* The value is the number of the set, in its first and in its last word. */
BENCH_INLINE void put(const struct sync_set *set, uint64_t *value, size_t bytes,
                      uint64_t n, set_fn *store)
{
        value[0] = value[bytes / 8 - 1] = n;
        store(set, value, bytes);
}

BENCH_INLINE uint64_t look(const struct sync_set *set, uint64_t *value, size_t bytes,
                           get_fn *load)
{
        load(set, value, bytes);
        BENCH_CHECK(value[0] == value[bytes / 8 - 1]);
        return value[0];
}

BENCH_INLINE void gets(struct bench_worker *w, const struct sync_set *set, size_t bytes,
                       get_fn *load, set_fn *store)
{
        uint64_t value[LARGE / 8] = { 0 }, n = 0;
        put(set, value, bytes, 4711, store);
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 64; i++, n++)
                        BENCH_CHECK(look(set, value, bytes, load) == 4711);
}

BENCH_INLINE void sets(struct bench_worker *w, const struct sync_set *set, size_t bytes,
                       get_fn *load, set_fn *store)
{
        uint64_t value[LARGE / 8] = { 0 }, n = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n)) {
                for (unsigned i = 0; i < 64; i++)
                        put(set, value, bytes, ++n, store);
                BENCH_CHECK(look(set, value, bytes, load) == n);
        }
}

/* Worker 0 gets, worker 1 sets and then pauses; values come in order, and whole. */
BENCH_INLINE void both(struct bench_worker *w, const struct sync_set *set, size_t bytes,
                       get_fn *load, set_fn *store)
{
        uint64_t value[LARGE / 8] = { 0 }, n = 0, last = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, ++n)) {
                if (w->index) {
                        put(set, value, bytes, n + 1, store);
                        for (unsigned i = 0; i < 64; i++)
                                bench_pause();
                } else {
                        uint64_t now = look(set, value, bytes, load);
                        BENCH_CHECK(now >= last);
                        last = now;
                }
        }
}

#define BODIES(loop) \
        static void weft_##loop(struct bench_worker *w, void *context) \
        { \
                const struct sync_set *set = context; \
                loop(w, set, set->kind->n, weft_get, weft_set); \
        } \
        static void peer_##loop(struct bench_worker *w, void *context) \
        { \
                const struct sync_set *set = context; \
                if (set->kind->n == SMALL) \
                        loop(w, set, SMALL, peer_get, peer_set); \
                else \
                        loop(w, set, LARGE, peer_get, peer_set); \
        }
BODIES(gets)
BODIES(sets)
BODIES(both)

#define SIDES(variable, loop, workers, bytes) \
        static const struct sync_kind variable##_weft_kind = { \
                make, drop, weft_##loop, NULL, SYNC_NS, workers, false, bytes \
        }; \
        static const struct sync_kind variable##_peer_kind = { \
                sync_make_rwlock, sync_drop_nothing, peer_##loop, NULL, \
                SYNC_NS,          workers,           false,       bytes \
        }; \
        static const struct bench_side variable##_weft = { "weft", sync_sample, \
                                                           &variable##_weft_kind, \
                                                           NULL }; \
        static const struct bench_side variable##_peer = { "rwlock and memcpy", \
                                                           sync_sample, \
                                                           &variable##_peer_kind, NULL }

SIDES(get_small, gets, 1, SMALL);
SIDES(get_large, gets, 1, LARGE);
SIDES(set_small, sets, 1, SMALL);
SIDES(set_large, sets, 1, LARGE);
SIDES(both_small, both, 2, SMALL);
SIDES(both_large, both, 2, LARGE);

#define ROW(id, what, variable) \
        { \
                "signal." id, what, "ns", &variable##_weft, &variable##_peer, \
                        BENCH_NO_GOAL, BENCH_LOWER, 0 \
        }

static const struct bench_row rows[] = {
        ROW("get.8", "get 8 B, nobody else there", get_small),
        ROW("get.4k", "get 4 KiB, nobody else there", get_large),
        ROW("set.8", "set 8 B, nobody else there", set_small),
        ROW("set.4k", "set 4 KiB, nobody else there", set_large),
        ROW("get.8.busy", "get 8 B while another process sets", both_small),
        ROW("get.4k.busy", "get 4 KiB while another process sets", both_large),
};

BENCH_MODULE(signal, rows);
