/* bench/barrier_bench.c -- two parties cross it together. */
#define _GNU_SOURCE
#include "bench/flow.h"
#include "bench/sync_peers.h"

static int make(struct sync_set *set)
{
        struct weft_barrier_options options = { .parties = 2 };
        weft_barrier_t *barrier = NULL;
        int rc = weft_barrier_create(set->arena, "bench", &options, &barrier);
        set->object[0] = barrier;
        return bench_weft(rc, "weft_barrier_create");
}

static void drop(struct sync_set *set)
{
        weft_barrier_close(set->object[0]);
}

/* ---- both sides ----------------------------------------------------------------- */

BENCH_INLINE bool weft_cross(const struct sync_set *set)
{
        int rc = weft_barrier_wait(set->object[0], WEFT_NEVER);
        SYNC_MUST(rc);
        return rc == 1;
}

BENCH_INLINE bool weft_poll(const struct sync_set *set)
{
        uint64_t phase;
        int rc = weft_barrier_arrive(set->object[0], &phase);
        SYNC_MUST(rc);
        if (rc == 1)
                return true;
        while ((rc = weft_barrier_wait_phase(set->object[0], phase, WEFT_NOW)) == -EAGAIN)
                ;
        SYNC_MUST(rc);
        return false;
}

BENCH_INLINE bool peer_cross(const struct sync_set *set)
{
        int rc = pthread_barrier_wait(&set->sh->peer[0].barrier);
        if (rc == PTHREAD_BARRIER_SERIAL_THREAD)
                return true;
        SYNC_PEER_MUST(rc);
        return false;
}

SYNC_CROSS(weft_block, weft_cross)
SYNC_CROSS(weft_spin, weft_poll)
SYNC_CROSS(peer_block, peer_cross)

#define SIDE(variable, label, make, drop, body, one_cpu) \
        static const struct sync_kind variable##_kind = { \
                make, drop, body, sync_verify_cross, SYNC_NS, 2, one_cpu, 0 \
        }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }
#define OURS(variable, body, one_cpu) SIDE(variable, "weft", make, drop, body, one_cpu)
#define PEER(variable, one_cpu) \
        SIDE(variable, "pthread_barrier", sync_make_barrier, sync_drop_nothing, \
             peer_block, one_cpu)

OURS(spin_weft, weft_spin, false);
static const struct bench_side spin_line = { "cache line", flow_sample_trip, &flow_line,
                                             &flow_eager };
OURS(block_weft, weft_block, false);
PEER(block_peer, false);
OURS(one_weft, weft_block, true);
PEER(one_peer, true);

static const struct bench_row rows[] = {
        { "barrier.spin", "two processes cross a barrier, both polling", "ns", &spin_weft,
          &spin_line, 2.0, BENCH_LOWER, 0 },
        { "barrier.block", "two processes cross a barrier, blocking, two cpus", "ns",
          &block_weft, &block_peer, 1.2, BENCH_LOWER, 0 },
        { "barrier.one-cpu", "two processes cross a barrier, blocking, on one cpu", "ns",
          &one_weft, &one_peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(barrier, rows);
