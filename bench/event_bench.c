/* bench/event_bench.c -- set and wait, alone, and there and back. */
#define _GNU_SOURCE
#include "bench/sync_peers.h"

static int make(struct sync_set *set, uint32_t flags)
{
        static const char *const name[2] = { "there", "back" };
        struct weft_event_options options = { .flags = flags };
        int rc = 0;
        for (int i = 0; i < 2 && !rc; i++) {
                weft_event_t *event = NULL;
                rc = weft_event_create(set->arena, name[i], &options, &event);
                set->object[i] = event;
        }
        return bench_weft(rc, "weft_event_create");
}

static int make_auto(struct sync_set *set)
{
        return make(set, WEFT_EVENT_AUTO);
}

static int make_set(struct sync_set *set)
{
        return make(set, WEFT_EVENT_SET);
}

static void drop(struct sync_set *set)
{
        weft_event_close(set->object[0]);
        weft_event_close(set->object[1]);
}

static int weft_left(struct sync_set *set, const struct bench_crew *crew)
{
        int rc = sync_verify_trips(set, crew);
        if (!rc && (weft_event_is_set(set->object[0]) != 0 ||
                    weft_event_is_set(set->object[1]) != 0))
                rc = bench_wrong("an event is set that nobody waited for");
        return rc;
}

/* ---- both sides ----------------------------------------------------------------- */

BENCH_INLINE void weft_give(const struct sync_set *set, unsigned i)
{
        SYNC_MUST(weft_event_set(set->object[i]));
}

BENCH_INLINE void weft_take(const struct sync_set *set, unsigned i)
{
        SYNC_MUST(weft_event_wait(set->object[i], WEFT_NEVER));
}

BENCH_INLINE void weft_set_first(const struct sync_set *set)
{
        weft_give(set, 0);
}

BENCH_INLINE void weft_wait_first(const struct sync_set *set)
{
        weft_take(set, 0);
}

BENCH_INLINE void nothing(const struct sync_set *set)
{
        (void)set;
}

BENCH_INLINE void peer_give(const struct sync_set *set, unsigned i)
{
        SYNC_PEER_MUST(sem_post(&set->sh->peer[i].sem));
}

BENCH_INLINE void peer_take(const struct sync_set *set, unsigned i)
{
        SYNC_PEER_MUST(sem_wait(&set->sh->peer[i].sem));
}

BENCH_INLINE void peer_give_first(const struct sync_set *set)
{
        peer_give(set, 0);
}

BENCH_INLINE void peer_take_first(const struct sync_set *set)
{
        peer_take(set, 0);
}

SYNC_PAIR(weft_pair, weft_set_first, weft_wait_first)
SYNC_PAIR(weft_open, weft_wait_first, nothing)
SYNC_PAIR(peer_pair, peer_give_first, peer_take_first)
SYNC_TRIP(weft_trip, weft_give, weft_take)
SYNC_TRIP(peer_trip, peer_give, peer_take)

#define SIDE(variable, label, make, drop, body, verify, figure, workers) \
        static const struct sync_kind variable##_kind = { \
                make, drop, body, verify, figure, workers, false, 0 \
        }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }
#define OURS(variable, make, ...) SIDE(variable, "weft", make, drop, __VA_ARGS__)
#define PEER(variable, ...) \
        SIDE(variable, "sem_t", sync_make_sems, sync_drop_nothing, __VA_ARGS__)

OURS(pair_weft, make_auto, weft_pair, sync_verify_words, SYNC_NS, 1);
PEER(pair_peer, peer_pair, sync_verify_words, SYNC_NS, 1);
OURS(open_weft, make_set, weft_open, sync_verify_words, SYNC_NS, 1);
OURS(trip_weft, make_auto, weft_trip, weft_left, SYNC_NS, 2);
PEER(trip_peer, peer_trip, sync_verify_trips, SYNC_NS, 2);
OURS(nap_weft, make_auto, weft_trip_nap, weft_left, SYNC_VALUE, 2);
PEER(nap_peer, peer_trip_nap, sync_verify_trips, SYNC_VALUE, 2);

static const struct bench_row rows[] = {
        { "event.pair", "set and wait (AUTO), nobody else there", "ns", &pair_weft,
          &pair_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "event.wait.set", "wait for one that is set", "ns", &open_weft, NULL,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "event.trip.block", "there and back by two events, blocking, two cpus", "ns",
          &trip_weft, &trip_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "event.trip.asleep", "there and back by two events, the other asleep by then",
          "ns", &nap_weft, &nap_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(event, rows);
