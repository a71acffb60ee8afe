/* bench/semaphore_bench.c -- post and wait, alone, and there and back. */
#define _GNU_SOURCE
#include "bench/flow.h"
#include "bench/sync_peers.h"

static int make(struct sync_set *set, uint32_t value, uint32_t flags)
{
        static const char *const name[2] = { "there", "back" };
        struct weft_semaphore_options options = { .value = value, .flags = flags };
        int rc = 0;
        for (int i = 0; i < 2 && !rc; i++) {
                weft_semaphore_t *s = NULL;
                rc = weft_semaphore_create(set->arena, name[i], &options, &s);
                set->object[i] = s;
        }
        return bench_weft(rc, "weft_semaphore_create");
}

static int make_plain(struct sync_set *set)
{
        return make(set, 0, 0);
}

static int make_owned(struct sync_set *set)
{
        return make(set, 1, WEFT_SEMAPHORE_OWNED);
}

static void drop(struct sync_set *set)
{
        weft_semaphore_close(set->object[0]);
        weft_semaphore_close(set->object[1]);
}

/* Nothing is left that nobody took, and nothing was taken that nobody gave. */
static int left(uint64_t a, uint64_t b)
{
        return a || b ? bench_wrong("permits are left: %llu, %llu", (unsigned long long)a,
                                    (unsigned long long)b)
                      : 0;
}

static int weft_left(struct sync_set *set, const struct bench_crew *crew)
{
        int rc = sync_verify_trips(set, crew);
        return rc ? rc
                  : left((uint64_t)weft_semaphore_value(set->object[0]),
                         (uint64_t)weft_semaphore_value(set->object[1]));
}

static int peer_left(struct sync_set *set, const struct bench_crew *crew)
{
        int value[2] = { -1, -1 }, rc = sync_verify_trips(set, crew);
        for (int i = 0; i < 2; i++)
                sem_getvalue(&set->sh->peer[i].sem, &value[i]);
        return rc ? rc : left((uint64_t)value[0], (uint64_t)value[1]);
}

/* ---- both sides ----------------------------------------------------------------- */

BENCH_INLINE void weft_give(const struct sync_set *set, unsigned i)
{
        SYNC_MUST(weft_semaphore_post(set->object[i]));
}

BENCH_INLINE void weft_take(const struct sync_set *set, unsigned i)
{
        SYNC_MUST(weft_semaphore_wait(set->object[i], WEFT_NEVER));
}

BENCH_INLINE void weft_poll(const struct sync_set *set, unsigned i)
{
        int rc;
        while ((rc = weft_semaphore_try(set->object[i])) == -EAGAIN)
                ;
        SYNC_MUST(rc);
}

BENCH_INLINE void peer_give(const struct sync_set *set, unsigned i)
{
        SYNC_PEER_MUST(sem_post(&set->sh->peer[i].sem));
}

BENCH_INLINE void peer_take(const struct sync_set *set, unsigned i)
{
        SYNC_PEER_MUST(sem_wait(&set->sh->peer[i].sem));
}

#define FIRST(name, call) \
        BENCH_INLINE void name(const struct sync_set *set) \
        { \
                call(set, 0); \
        }
FIRST(weft_give_first, weft_give)
FIRST(weft_take_first, weft_take)
FIRST(peer_give_first, peer_give)
FIRST(peer_take_first, peer_take)

SYNC_PAIR(weft_pair, weft_give_first, weft_take_first)
SYNC_PAIR(owned_pair, weft_take_first, weft_give_first)
SYNC_PAIR(peer_pair, peer_give_first, peer_take_first)
SYNC_TRIP(weft_trip, weft_give, weft_take)
SYNC_TRIP(peer_trip, peer_give, peer_take)
SYNC_TRIP(spin_trip, weft_give, weft_poll)

#define SIDE(variable, label, make, drop, ...) \
        static const struct sync_kind variable##_kind = { make, drop, __VA_ARGS__, 0 }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }
#define OURS(variable, make, ...) SIDE(variable, "weft", make, drop, __VA_ARGS__)
#define PEER(variable, ...) \
        SIDE(variable, "sem_t", sync_make_sems, sync_drop_nothing, __VA_ARGS__)

OURS(pair_weft, make_plain, weft_pair, sync_verify_words, SYNC_NS, 1, false);
OURS(pair_owned, make_owned, owned_pair, sync_verify_words, SYNC_NS, 1, false);
PEER(pair_peer, peer_pair, sync_verify_words, SYNC_NS, 1, false);
OURS(block_weft, make_plain, weft_trip, weft_left, SYNC_NS, 2, false);
PEER(block_peer, peer_trip, peer_left, SYNC_NS, 2, false);
OURS(one_weft, make_plain, weft_trip, weft_left, SYNC_NS, 2, true);
PEER(one_peer, peer_trip, peer_left, SYNC_NS, 2, true);
OURS(nap_weft, make_plain, weft_trip_nap, weft_left, SYNC_VALUE, 2, false);
PEER(nap_peer, peer_trip_nap, peer_left, SYNC_VALUE, 2, false);
OURS(spin_weft, make_plain, spin_trip, weft_left, SYNC_NS, 2, false);
static const struct bench_side spin_line = { "cache line", flow_sample_trip, &flow_line,
                                             &flow_eager };

#define PAIR "post and wait, nobody else there"
#define TRIP "there and back by two semaphores, "

static const struct bench_row rows[] = {
        { "semaphore.pair", PAIR, "ns", &pair_weft, &pair_peer, 1.2, BENCH_LOWER, 0 },
        { "semaphore.pair.owned", PAIR, "ns", &pair_owned, &pair_peer, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "semaphore.trip.spin", TRIP "both sides polling", "ns", &spin_weft, &spin_line,
          2.0, BENCH_LOWER, 0 },
        { "semaphore.trip.block", TRIP "blocking, two cpus", "ns", &block_weft,
          &block_peer, 1.1, BENCH_LOWER, 0 },
        { "semaphore.trip.one-cpu", TRIP "blocking, both on one cpu", "ns", &one_weft,
          &one_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "semaphore.trip.asleep", TRIP "the other asleep by then", "ns", &nap_weft,
          &nap_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(semaphore, rows);
