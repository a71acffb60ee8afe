/* bench/once_bench.c -- asking whether it has been done, once it has. */
#define _GNU_SOURCE
#include "bench/sync_peers.h"

static int make(struct sync_set *set)
{
        weft_once_t *once = NULL;
        int rc = weft_once_create(set->arena, "bench", &once);
        set->object[0] = once;
        return bench_weft(rc, "weft_once_create");
}

static void drop(struct sync_set *set)
{
        weft_once_close(set->object[0]);
}

static int do_it(void *argument)
{
        struct sync_shared *sh = argument;
        atomic_fetch_add(&sh->done[0], 1);
        return 0;
}

static struct sync_shared *for_peer; /* pthread_once() passes nothing on */
static void do_it_for_peer(void)
{
        (void)do_it(for_peer);
}

static int done_once(struct sync_set *set, const struct bench_crew *crew)
{
        uint64_t done = atomic_load(&set->sh->done[0]);
        (void)crew;
        return done == 1 ? 0 : bench_wrong("done %llu times", (unsigned long long)done);
}

static void weft_body(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 256; i++, n++)
                        SYNC_MUST(weft_once_call(set->object[0], do_it, set->sh,
                                                 WEFT_NEVER));
}

static void peer_body(struct bench_worker *w, void *context)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        const struct sync_set *set = context;
        uint64_t n = 0;
        for_peer = set->sh;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 256; i++, n++)
                        SYNC_PEER_MUST(pthread_once(&once, do_it_for_peer));
}

static const struct sync_kind weft_kind = { make,    drop, weft_body, done_once,
                                            SYNC_NS, 1,    false,     0 };
static const struct sync_kind peer_kind = {
        sync_make_nothing, sync_drop_nothing, peer_body, done_once, SYNC_NS, 1, false, 0
};
static const struct bench_side weft = { "weft", sync_sample, &weft_kind, NULL };
static const struct bench_side peer = { "pthread_once", sync_sample, &peer_kind, NULL };

static const struct bench_row rows[] = {
        { "once.done", "call what has been done; the peer knows one process only", "ns",
          &weft, &peer, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(once, rows);
