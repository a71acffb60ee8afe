/* bench/condition_bench.c -- notify there, notify back. */
#define _GNU_SOURCE
#include "bench/sync_peers.h"

enum { MUTEX = 2 }; /* object[0] and [1] are conditions */

static void drop(struct sync_set *set)
{
        weft_condition_close(set->object[0]);
        weft_condition_close(set->object[1]);
        weft_mutex_close(set->object[MUTEX]);
}

static int make(struct sync_set *set)
{
        static const char *const name[2] = { "there", "back" };
        weft_mutex_t *mutex = NULL;
        int rc = weft_mutex_create(set->arena, "mutex", NULL, &mutex);
        set->object[MUTEX] = mutex;
        for (int i = 0; i < 2 && !rc; i++) {
                weft_condition_t *condition = NULL;
                rc = weft_condition_create(set->arena, name[i], &condition);
                set->object[i] = condition;
        }
        return bench_weft(rc, "weft_condition_create");
}

/* ---- both sides: word[i] says that it is i's turn --------------------------------- */

BENCH_INLINE void weft_give(const struct sync_set *set, unsigned i)
{
        SYNC_MUST(weft_mutex_lock(set->object[MUTEX], WEFT_NEVER));
        BENCH_CHECK(set->sh->word[i] == 0);
        set->sh->word[i] = 1;
        int64_t woken = weft_condition_notify_one(set->object[i]);
        BENCH_CHECK(woken == 0 || woken == 1);
        SYNC_MUST(weft_mutex_unlock(set->object[MUTEX]));
}

BENCH_INLINE void weft_take(const struct sync_set *set, unsigned i)
{
        SYNC_MUST(weft_mutex_lock(set->object[MUTEX], WEFT_NEVER));
        while (!set->sh->word[i])
                SYNC_MUST(weft_condition_wait(set->object[i], set->object[MUTEX],
                                              WEFT_NEVER));
        set->sh->word[i] = 0;
        SYNC_MUST(weft_mutex_unlock(set->object[MUTEX]));
}

BENCH_INLINE void peer_give(const struct sync_set *set, unsigned i)
{
        union sync_peer *peer = set->sh->peer;
        SYNC_PEER_MUST(pthread_mutex_lock(&peer[MUTEX].mutex));
        BENCH_CHECK(set->sh->word[i] == 0);
        set->sh->word[i] = 1;
        SYNC_PEER_MUST(pthread_cond_signal(&peer[i].cond));
        SYNC_PEER_MUST(pthread_mutex_unlock(&peer[MUTEX].mutex));
}

BENCH_INLINE void peer_take(const struct sync_set *set, unsigned i)
{
        union sync_peer *peer = set->sh->peer;
        SYNC_PEER_MUST(pthread_mutex_lock(&peer[MUTEX].mutex));
        while (!set->sh->word[i])
                SYNC_PEER_MUST(pthread_cond_wait(&peer[i].cond, &peer[MUTEX].mutex));
        set->sh->word[i] = 0;
        SYNC_PEER_MUST(pthread_mutex_unlock(&peer[MUTEX].mutex));
}

SYNC_TRIP(weft_trip, weft_give, weft_take)
SYNC_TRIP(peer_trip, peer_give, peer_take)

/* Nobody waits. */
static void weft_notify(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 64; i++, n++)
                        BENCH_CHECK(weft_condition_notify_one(set->object[0]) == 0);
}

static void peer_notify(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 64; i++, n++)
                        SYNC_PEER_MUST(pthread_cond_signal(&set->sh->peer[0].cond));
}

#define SIDE(variable, label, make, drop, body, verify, figure, workers, one_cpu) \
        static const struct sync_kind variable##_kind = { make,    drop,   body, \
                                                          verify,  figure, workers, \
                                                          one_cpu, 0 }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }
#define OURS(variable, ...) SIDE(variable, "weft", make, drop, __VA_ARGS__)
#define PEER(variable, ...) \
        SIDE(variable, "pthread_cond", sync_make_conds, sync_drop_nothing, __VA_ARGS__)

OURS(block_weft, weft_trip, sync_verify_trips, SYNC_NS, 2, false);
PEER(block_peer, peer_trip, sync_verify_trips, SYNC_NS, 2, false);
OURS(one_weft, weft_trip, sync_verify_trips, SYNC_NS, 2, true);
PEER(one_peer, peer_trip, sync_verify_trips, SYNC_NS, 2, true);
OURS(nap_weft, weft_trip_nap, sync_verify_trips, SYNC_VALUE, 2, false);
PEER(nap_peer, peer_trip_nap, sync_verify_trips, SYNC_VALUE, 2, false);
OURS(notify_weft, weft_notify, NULL, SYNC_NS, 1, false);
PEER(notify_peer, peer_notify, NULL, SYNC_NS, 1, false);

#define TRIP "there and back by two conditions and a mutex, "

static const struct bench_row rows[] = {
        { "condition.trip.block", TRIP "two cpus", "ns", &block_weft, &block_peer,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "condition.trip.one-cpu", TRIP "both on one cpu", "ns", &one_weft, &one_peer,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "condition.trip.asleep", TRIP "the other asleep by then", "ns", &nap_weft,
          &nap_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "condition.notify.idle", "notify one, and nobody waits", "ns", &notify_weft,
          &notify_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(condition, rows);
