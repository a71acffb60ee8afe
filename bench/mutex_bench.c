/* bench/mutex_bench.c -- lock and unlock, alone and against each other. */
#define _GNU_SOURCE
#include "bench/sync_peers.h"

enum { THINK = 8 }; /* pauses between two sections, where there are any */

static int make(struct sync_set *set, uint32_t flags)
{
        struct weft_mutex_options options = { .flags = flags };
        weft_mutex_t *mutex = NULL;
        int rc = weft_mutex_create(set->arena, "bench", &options, &mutex);
        set->object[0] = mutex;
        return bench_weft(rc, "weft_mutex_create");
}

static int make_plain(struct sync_set *set)
{
        return make(set, 0);
}

static int make_fair(struct sync_set *set)
{
        return make(set, WEFT_MUTEX_FAIR);
}

static int make_recursive(struct sync_set *set)
{
        return make(set, WEFT_MUTEX_RECURSIVE);
}

static void drop(struct sync_set *set)
{
        weft_mutex_close(set->object[0]);
}

/* ---- both sides ----------------------------------------------------------------- */

BENCH_INLINE void weft_lock(const struct sync_set *set)
{
        SYNC_MUST(weft_mutex_lock(set->object[0], WEFT_NEVER));
}

BENCH_INLINE void weft_unlock(const struct sync_set *set)
{
        SYNC_MUST(weft_mutex_unlock(set->object[0]));
}

BENCH_INLINE void peer_lock(const struct sync_set *set)
{
        SYNC_PEER_MUST(pthread_mutex_lock(&set->sh->peer[0].mutex));
}

BENCH_INLINE void peer_unlock(const struct sync_set *set)
{
        SYNC_PEER_MUST(pthread_mutex_unlock(&set->sh->peer[0].mutex));
}

SYNC_PAIR(weft_pair, weft_lock, weft_unlock)
SYNC_PAIR(peer_pair, peer_lock, peer_unlock)
SYNC_SECTION(weft_section, weft_lock, weft_unlock)
SYNC_SECTION(peer_section, peer_lock, peer_unlock)

static void weft_relock(struct bench_worker *w, void *set)
{
        weft_lock(set);
        weft_pair(w, set);
        weft_unlock(set);
}

static void peer_relock(struct bench_worker *w, void *set)
{
        peer_lock(set);
        peer_pair(w, set);
        peer_unlock(set);
}

#define SIDE(variable, label, make, drop, body, figure, workers, think) \
        static const struct sync_kind variable##_kind = { \
                make, drop, body, sync_verify_words, figure, workers, false, think \
        }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }
#define OURS(variable, make, body, figure, workers, think) \
        SIDE(variable, "weft", make, drop, body, figure, workers, think)
#define PEER(variable, body, figure, workers, think) \
        SIDE(variable, "robust mutex", sync_make_mutex, sync_drop_nothing, body, figure, \
             workers, think)

OURS(pair_weft, make_plain, weft_pair, SYNC_NS, 1, 0);
OURS(pair_fair, make_fair, weft_pair, SYNC_NS, 1, 0);
PEER(pair_peer, peer_pair, SYNC_NS, 1, 0);
OURS(again_weft, make_recursive, weft_relock, SYNC_NS, 1, 0);
SIDE(again_peer, "robust, recursive", sync_make_mutex_recursive, sync_drop_nothing,
     peer_relock, SYNC_NS, 1, 0);
OURS(two_weft, make_plain, weft_section, SYNC_RATE, 2, 0);
OURS(two_fair, make_fair, weft_section, SYNC_RATE, 2, 0);
PEER(two_peer, peer_section, SYNC_RATE, 2, 0);
OURS(think_weft, make_plain, weft_section, SYNC_RATE, 2, THINK);
PEER(think_peer, peer_section, SYNC_RATE, 2, THINK);
OURS(four_weft, make_plain, weft_section, SYNC_RATE, 4, 0);
PEER(four_peer, peer_section, SYNC_RATE, 4, 0);

#define PAIR "lock and unlock, nobody else there"
#define TWO "two processes change four words of a line under it"

static const struct bench_row rows[] = {
        { "mutex.pair", PAIR, "ns", &pair_weft, &pair_peer, 1.2, BENCH_LOWER, 0 },
        { "mutex.pair.fair", PAIR, "ns", &pair_fair, &pair_peer, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "mutex.relock", "its holder locks and unlocks it once more", "ns", &again_weft,
          &again_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "mutex.two", TWO, "M/s", &two_weft, &two_peer, 1.0, BENCH_HIGHER, 0 },
        { "mutex.two.fair", TWO ", in the order of coming", "M/s", &two_fair, &two_peer,
          BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "mutex.two.think", TWO " and pause in between", "M/s", &think_weft, &think_peer,
          BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "mutex.four", "four processes on two cpus change four words under it", "M/s",
          &four_weft, &four_peer, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
};

BENCH_MODULE(mutex, rows);
