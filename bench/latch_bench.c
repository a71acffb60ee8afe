/* bench/latch_bench.c -- counting down. */
#define _GNU_SOURCE
#include "bench/sync_peers.h"

static int make(struct sync_set *set, uint32_t flags)
{
        struct weft_latch_options options = { .count = WEFT_LATCH_MAX, .flags = flags };
        weft_latch_t *latch = NULL;
        int rc = weft_latch_create(set->arena, "bench", &options, &latch);
        set->object[0] = latch;
        return bench_weft(rc, "weft_latch_create");
}

static int make_plain(struct sync_set *set)
{
        return make(set, 0);
}

static int make_registered(struct sync_set *set)
{
        return make(set, WEFT_LATCH_REGISTERED);
}

static int make_open(struct sync_set *set)
{
        struct weft_latch_options options = { .count = 0 };
        weft_latch_t *latch = NULL;
        int rc = weft_latch_create(set->arena, "bench", &options, &latch);
        set->object[0] = latch;
        return bench_weft(rc, "weft_latch_create");
}

static void drop(struct sync_set *set)
{
        weft_latch_close(set->object[0]);
}

static int make_atomic(struct sync_set *set)
{
        atomic_store(&set->sh->done[0], WEFT_LATCH_MAX);
        return 0;
}

static int counted(const struct bench_crew *crew, uint64_t left)
{
        uint64_t count = 0;
        for (unsigned i = 0; i < crew->count; i++)
                count += crew->slot[i].count;
        return count + left == WEFT_LATCH_MAX
                       ? 0
                       : bench_wrong("counted down by %llu, and %llu are left",
                                     (unsigned long long)count, (unsigned long long)left);
}

static int weft_counted(struct sync_set *set, const struct bench_crew *crew)
{
        return counted(crew, (uint64_t)weft_latch_count(set->object[0]));
}

static int peer_counted(struct sync_set *set, const struct bench_crew *crew)
{
        return counted(crew, atomic_load(&set->sh->done[0]));
}

/* ---- both sides ----------------------------------------------------------------- */

#define LOOP(name, before, operation) \
        static void name(struct bench_worker *w, void *context) \
        { \
                struct sync_set *set = context; \
                uint64_t n = 0; \
                before; \
                bench_ready(w); \
                while (!bench_stopping(w)) { \
                        for (unsigned i = 0; i < 64; i++, n++) { \
                                operation; \
                        } \
                        bench_ops(w, n); \
                } \
                w->slot->count = n; \
        }

LOOP(weft_count, (void)0, SYNC_MUST(weft_latch_count_down(set->object[0], 1)))
LOOP(weft_count_registered,
     SYNC_MUST(weft_latch_register(set->object[0], WEFT_LATCH_MAX)),
     SYNC_MUST(weft_latch_count_down(set->object[0], 1)))
LOOP(peer_count, (void)0, BENCH_CHECK(atomic_fetch_sub(&set->sh->done[0], 1) > 0))
LOOP(weft_wait, (void)0, SYNC_MUST(weft_latch_wait(set->object[0], WEFT_NEVER)))

#define SIDE(variable, label, make, drop, body, verify) \
        static const struct sync_kind variable##_kind = { make,    drop, body,  verify, \
                                                          SYNC_NS, 1,    false, 0 }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }

SIDE(count_weft, "weft", make_plain, drop, weft_count, weft_counted);
SIDE(count_registered, "weft", make_registered, drop, weft_count_registered,
     weft_counted);
SIDE(count_peer, "C11 atomic", make_atomic, sync_drop_nothing, peer_count, peer_counted);
SIDE(open_weft, "weft", make_open, drop, weft_wait, NULL);

static const struct bench_row rows[] = {
        { "latch.count-down", "count down by one", "ns", &count_weft, &count_peer,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "latch.count-down.registered", "count down by one of what one registered", "ns",
          &count_registered, &count_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "latch.wait.open", "wait for one that is open", "ns", &open_weft, NULL,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(latch, rows);
