/* tests/stress/once_stress.c -- called and reset by many, killed and stopped at random. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/object.h>
#include <weft/once.h>

#include "tests/soak.h"

enum { CREW = 6, THREADS = 4, ROUNDS = 3000 };

static weft_arena_t *arena;

/* A runner that dies leaves its mark; it does not come back to find another one's. */
struct common {
        uint64_t runner, runs, results, resets;
};
static struct common *common;

static weft_once_t *open_once(void)
{
        weft_once_t *once;
        CHECK(weft_once_open(arena, "o", &once) == 0);
        return once;
}

/* ---- processes ------------------------------------------------------------- */

static int run(void *random)
{
        uint64_t mine = __atomic_add_fetch(&common->runs, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&common->runner, mine, __ATOMIC_SEQ_CST);
        for (uint64_t i = soak_random(random) % 50; i; i--) {
                sched_yield();
                CHECK(__atomic_load_n(&common->runner, __ATOMIC_SEQ_CST) == mine);
        }
        __atomic_store_n(&common->results, mine, __ATOMIC_SEQ_CST);
        return soak_random(random) % 2 ? 0 : -ENOSPC;
}

static void step(weft_once_t *once, uint64_t *random)
{
        uint64_t until = soak_random(random) % 4 ? weft_after(60 * WEFT_SEC) : WEFT_NOW;
        int rc = weft_once_call(once, run, random, until);
        CHECK(rc == 0 || rc == -ENOSPC || (rc == -EAGAIN && until == WEFT_NOW));
        if (rc != -EAGAIN)
                CHECK(__atomic_load_n(&common->results, __ATOMIC_SEQ_CST));
        int done = weft_once_done(once);
        CHECK(done == 0 || done == 1 || done == -ENOSPC);
        if (rc != -EAGAIN && done != (rc ? rc : 1)) /* who resets says so first */
                CHECK(__atomic_load_n(&common->resets, __ATOMIC_SEQ_CST));
        if (soak_random(random) % 4 == 0) {
                __atomic_add_fetch(&common->resets, 1, __ATOMIC_SEQ_CST);
                rc = weft_once_reset(once);
                CHECK(rc == 0 || rc == -EBUSY);
        }
}

static void work(void *unused)
{
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        weft_once_t *once = open_once();
        (void)unused;
        for (;;)
                step(once, &random);
}

static void settle(weft_once_t *once, uint64_t *random)
{
        struct weft_once_info info;
        int rc = weft_once_call(once, run, random, weft_after(60 * WEFT_SEC));
        CHECK(rc == 0 || rc == -ENOSPC);
        CHECK(weft_once_done(once) == (rc ? rc : 1));
        (void)recover_count(arena);
        CHECK(weft_once_info(once, &info) == 0);
        CHECK(info.done && !info.running && !info.waiting);
        CHECK(weft_once_reset(once) == 0);
        check_whole(arena);
}

static void processes(weft_once_t *once)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(2), random = (uint64_t)getpid() | 1;
        do {
                uint64_t before = common->runs;
                soak_begin(&s);
                for (int i = 0; i < 40; i++) {
                        soak_step(&s);
                        step(once, &random);
                }
                soak_end(&s);
                settle(once, &random);
                CHECK(common->runs > before);
        } while (weft_now() < until);
        printf("once: %u kills, %u stops, %llu runs, %llu resets\n", s.kills, s.stops,
               (unsigned long long)common->runs, (unsigned long long)common->resets);
}

/* ---- threads on one mapping: each round one runs, all see what he did ----------- */

static pthread_barrier_t all;
static uint64_t made, made_by; /* plain: ThreadSanitizer watches */

static int make(void *context)
{
        made++;
        made_by = (uint64_t)(uintptr_t)context;
        return 0;
}

static void *thread(void *context)
{
        weft_once_t *once = open_once();
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                CHECK(weft_once_call(once, make, context, WEFT_NEVER) == 0);
                CHECK(made == i && made_by);
                int rc = pthread_barrier_wait(&all);
                if (rc == PTHREAD_BARRIER_SERIAL_THREAD)
                        CHECK(weft_once_reset(once) == 0);
                (void)pthread_barrier_wait(&all);
        }
        weft_once_close(once);
        return NULL;
}

static void threads(void)
{
        pthread_t id[THREADS];
        CHECK(pthread_barrier_init(&all, NULL, THREADS) == 0);
        for (uintptr_t i = 0; i < THREADS; i++)
                CHECK(pthread_create(&id[i], NULL, thread, (void *)(i + 1)) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(id[i], NULL) == 0);
        CHECK(made == ROUNDS);
        pthread_barrier_destroy(&all);
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        weft_once_t *once;

        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        CHECK(weft_once_create(arena, "o", &once) == 0);
        common = common_make(4096);
        processes(once);
        threads();
        CHECK(weft_object_remove(arena, "o") == 0);
        weft_once_close(once);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}
