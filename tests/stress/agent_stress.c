/* tests/stress/agent_stress.c -- agents that join, leave, own blocks and die at random.
 *
 * After every few deaths the census must be exact: what the dead owned is free, seats
 * come back under new generations, and nobody alive was ever settled.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/agent.h>
#include <weft/block.h>

#include "runtime/atomic.h"
#include "tests/soak.h"

enum { CREW = 5, THREADS = 4, ROUNDS = 200 };

static weft_arena_t *arena;

/* Holds some blocks of its own; leaves now and then, or ends by thread. */
static void live_once(uint64_t *random)
{
        weft_ref_t refs[8];
        void *at;
        int n = (int)(soak_random(random) % 8);

        CHECK(weft_agent_join(arena) == 0);
        for (int i = 0; i < n; i++) {
                CHECK(weft_block_alloc(arena, 1 + soak_random(random) % 3000, &refs[i],
                                       &at) == 0);
                /* As an atomic: who settles may look at the page as what it was before. */
                weft_store_rlx((weft_a64_t *)at, (uint64_t)i);
        }
        for (int i = 0; i < n; i++) /* they are still ours: we were not taken for dead */
                CHECK(weft_at(arena, refs[i], 1) != NULL);
        for (int i = 0; i < n / 2; i++)
                CHECK(weft_block_free(arena, refs[i]) == 0);
        if (soak_random(random) % 3 == 0)
                weft_agent_leave(arena);
}

static void *thread(void *context)
{
        uint64_t random = (uint64_t)(uintptr_t)context * 40503 + (uint64_t)getpid();
        for (int i = 0; i < ROUNDS; i++)
                live_once(&random);
        return NULL;
}

static void work(void *context)
{
        uint64_t random = (uint64_t)getpid() * 40503 | 1;
        for (uint64_t i = 0;; i++) {
                live_once(&random);
                weft_agent_leave(arena);
                if (i % 64 == 0) {
                        pthread_t t;
                        CHECK(pthread_create(&t, NULL, thread, context) == 0);
                        CHECK(pthread_join(t, NULL) == 0);
                }
        }
}

static void all_is_free(void)
{
        struct weft_census census;
        struct weft_arena_info info;
        (void)recover_count(arena);
        weft_agent_leave(arena);
        check_whole(arena);
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.agent_bytes == 0 && census.object_bytes == 0);
        CHECK(weft_arena_info(arena, &info) == 0);
        CHECK(info.agents <= 1 && info.dead == 0);
}

static void processes(void)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(4);
        do {
                soak_begin(&s);
                for (int i = 0; i < 20; i++)
                        soak_step(&s);
                soak_end(&s);
                all_is_free();
        } while (weft_now() < until);
        printf("agents: %u kills, %u stops\n", s.kills, s.stops);
}

/* For ThreadSanitizer: threads on one mapping. */
static void threads(void)
{
        pthread_t t[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++)
                CHECK(pthread_create(&t[i], NULL, thread, (void *)(i + 1)) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(t[i], NULL) == 0);
        all_is_free();
}

int main(void)
{
        CHECK(weft_arena_create(NULL, NULL, &arena) == 0);
        processes();
        threads();
        weft_arena_close(arena);
        return 0;
}
