/* bench/lazy_bench.c -- forcing what has been computed, and computing it. */
#define _GNU_SOURCE
#include <weft/lazy.h>

#include "bench/sync_peers.h"

static int answer(const void *in, void *out, const void *argument)
{
        (void)in, (void)argument;
        *(uint64_t *)out = 42;
        return 0;
}

WEFT_FUNCTION_ITEM("bench answer", answer, WEFT_TYPE_NONE, WEFT_TYPE(uint64_t, NULL))

static int make(struct sync_set *set)
{
        weft_lazy_t *lazy = NULL;
        int rc = weft_lazy_create(set->arena, "bench", "bench answer", NULL, 0, &lazy);
        set->object[0] = lazy;
        return bench_weft(rc, "weft_lazy_create");
}

static void drop(struct sync_set *set)
{
        weft_lazy_close(set->object[0]);
}

static void force(const struct sync_set *set)
{
        uint64_t got = 0;
        int64_t n = weft_lazy_force(set->object[0], &got, sizeof got, WEFT_NEVER);
        BENCH_CHECK(n == 8 && got == 42);
}

static void force_done(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 256; i++, n++)
                        force(set);
        w->slot->count = n;
}

static void force_new(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 256; i++, n++) {
                        SYNC_MUST(weft_lazy_reset(set->object[0]));
                        force(set);
                }
        w->slot->count = n;
}

static int make_once(struct sync_set *set)
{
        weft_once_t *once = NULL;
        int rc = weft_once_create(set->arena, "bench", &once);
        set->object[0] = once;
        return bench_weft(rc, "weft_once_create");
}

static void drop_once(struct sync_set *set)
{
        weft_once_close(set->object[0]);
}

static int nothing(void *unused)
{
        (void)unused;
        return 0;
}

static void once_done(struct bench_worker *w, void *context)
{
        const struct sync_set *set = context;
        uint64_t n = 0;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < 256; i++, n++)
                        SYNC_MUST(weft_once_call(set->object[0], nothing, NULL,
                                                 WEFT_NEVER));
        w->slot->count = n;
}

static int is_fine(struct sync_set *set, const struct bench_crew *crew)
{
        (void)set;
        return crew->slot[0].count ? 0 : bench_wrong("nothing was done");
}

#define SIDE(variable, label, ...) \
        static const struct sync_kind variable##_kind = { __VA_ARGS__, SYNC_NS, 1, \
                                                          false, 0 }; \
        static const struct bench_side variable = { label, sync_sample, \
                                                    &variable##_kind, NULL }

SIDE(done_lazy, "weft", make, drop, force_done, is_fine);
SIDE(done_once, "weft once", make_once, drop_once, once_done, is_fine);
SIDE(new_lazy, "weft", make, drop, force_new, is_fine);

static const struct bench_row rows[] = {
        { "lazy.done", "force what has been computed; the peer gives no value", "ns",
          &done_lazy, &done_once, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "lazy.new", "reset, and force: find the function, claim, compute, set", "ns",
          &new_lazy, NULL, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(lazy, rows);
