/* bench/rwlock_bench.c -- the reader's side, and the writer's. */
#define _GNU_SOURCE
#include "bench/sync_peers.h"

static int make(struct sync_set *set)
{
        weft_rwlock_t *rwlock = NULL;
        int rc = weft_rwlock_create(set->arena, "bench", &rwlock);
        set->object[0] = rwlock;
        return bench_weft(rc, "weft_rwlock_create");
}

static void drop(struct sync_set *set)
{
        weft_rwlock_close(set->object[0]);
}

/* ---- both sides ----------------------------------------------------------------- */

BENCH_INLINE void weft_read(const struct sync_set *set)
{
        SYNC_MUST(weft_rwlock_read(set->object[0], WEFT_NEVER));
}

BENCH_INLINE void weft_write(const struct sync_set *set)
{
        SYNC_MUST(weft_rwlock_write(set->object[0], WEFT_NEVER));
}

BENCH_INLINE void weft_unlock(const struct sync_set *set)
{
        SYNC_MUST(weft_rwlock_unlock(set->object[0]));
}

BENCH_INLINE void peer_read(const struct sync_set *set)
{
        SYNC_PEER_MUST(pthread_rwlock_rdlock(&set->sh->peer[0].rwlock));
}

BENCH_INLINE void peer_write(const struct sync_set *set)
{
        SYNC_PEER_MUST(pthread_rwlock_wrlock(&set->sh->peer[0].rwlock));
}

BENCH_INLINE void peer_unlock(const struct sync_set *set)
{
        SYNC_PEER_MUST(pthread_rwlock_unlock(&set->sh->peer[0].rwlock));
}

SYNC_PAIR(weft_reads, weft_read, weft_unlock)
SYNC_PAIR(weft_writes, weft_write, weft_unlock)
SYNC_PAIR(peer_reads, peer_read, peer_unlock)
SYNC_PAIR(peer_writes, peer_write, peer_unlock)

/* All read; every 256th section is one to write, and the readers see all of it or none. */
BENCH_INLINE void mixed(struct bench_worker *w, const struct sync_set *set, sync_do *read,
                        sync_do *write, sync_do *unlock)
{
        uint64_t n = 0, written = 0;
        volatile uint64_t *word = set->sh->word;
        const unsigned every = set->kind->n;
        bench_ready(w);
        while (!bench_stopping(w)) {
                if (every && n % every == 0) {
                        write(set);
                        for (unsigned i = 0; i < SYNC_WORDS; i++)
                                word[i] = word[i] + 1;
                        written++;
                } else {
                        read(set);
                        uint64_t first = word[0];
                        for (unsigned i = 1; i < SYNC_WORDS; i++)
                                BENCH_CHECK(word[i] == first);
                }
                unlock(set);
                bench_ops(w, ++n);
        }
        w->slot->count = written;
}

static void weft_mixed(struct bench_worker *w, void *set)
{
        mixed(w, set, weft_read, weft_write, weft_unlock);
}

static void peer_mixed(struct bench_worker *w, void *set)
{
        mixed(w, set, peer_read, peer_write, peer_unlock);
}

#define SIDE(variable, label, make, drop, body, figure, workers, every) \
        static const struct sync_kind variable##_kind = { \
                make, drop, body, sync_verify_words, figure, workers, false, every \
        }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }
#define OURS(variable, ...) SIDE(variable, "weft", make, drop, __VA_ARGS__)
#define PEER(variable, ...) \
        SIDE(variable, "pthread_rwlock", sync_make_rwlock, sync_drop_nothing, __VA_ARGS__)

OURS(read_weft, weft_reads, SYNC_NS, 1, 0);
PEER(read_peer, peer_reads, SYNC_NS, 1, 0);
OURS(write_weft, weft_writes, SYNC_NS, 1, 0);
PEER(write_peer, peer_writes, SYNC_NS, 1, 0);
OURS(two_weft, weft_mixed, SYNC_RATE, 2, 0);
PEER(two_peer, peer_mixed, SYNC_RATE, 2, 0);
OURS(mixed_weft, weft_mixed, SYNC_RATE, 2, 256);
PEER(mixed_peer, peer_mixed, SYNC_RATE, 2, 256);

static const struct bench_row rows[] = {
        { "rwlock.read", "lock to read and unlock, nobody else there", "ns", &read_weft,
          &read_peer, 1.3, BENCH_LOWER, 0 },
        { "rwlock.write", "lock to write and unlock, nobody else there", "ns",
          &write_weft, &write_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "rwlock.read.two", "two processes read the same line under it", "M/s",
          &two_weft, &two_peer, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "rwlock.mixed.two", "the same, but every 256th section writes", "M/s",
          &mixed_weft, &mixed_peer, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
};

BENCH_MODULE(rwlock, rows);
