/* tests/stress/latch_stress.c -- shares counted down by processes that are killed at
 * random: every share is counted once, well or as failed; and threads. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/latch.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { CREW = 4, SHARE = 400, THREADS = 4, ROUNDS = 300 };

struct common { /* beside the arena */
        volatile uint64_t counted[CREW];
};

static weft_arena_t *arena;
static weft_latch_t *latch;
static struct common *common;

static uint64_t soon(void)
{
        return weft_after(30 * WEFT_SEC);
}

static void make(uint32_t count, uint32_t flags)
{
        struct weft_latch_options o = { .count = count, .flags = flags };
        CHECK(weft_latch_create(arena, "l", &o, &latch) == 0);
}

static void drop(void)
{
        CHECK(weft_object_remove(arena, "l") == 0);
        weft_latch_close(latch);
}

static struct weft_latch_info info_of(void)
{
        struct weft_latch_info i;
        CHECK(weft_latch_info(latch, &i) == 0);
        return i;
}

/* ---- processes ------------------------------------------------------------------------ */

static void count_share(void *index)
{
        volatile uint64_t *counted = &common->counted[(uintptr_t)index];
        CHECK(weft_latch_register(latch, SHARE) == 0);
        for (int i = 0; i < SHARE; i++) {
                CHECK(weft_latch_count_down(latch, 1) == 0);
                ++*counted;
        }
        int rc = weft_latch_wait(latch, soon());
        CHECK(rc == 0 || rc == -EOWNERDEAD);
        for (;;)
                pause();
}

/* Nobody but the parent registers any more: it counts what nobody else has taken. */
static uint32_t count_the_rest(void)
{
        struct weft_latch_info i = info_of();
        uint32_t rest = i.count - i.registered;
        if (rest) {
                CHECK(weft_latch_register(latch, rest) == 0);
                CHECK(weft_latch_count_down(latch, rest) == 0);
        }
        return rest;
}

static uint32_t killed_in_round(uint64_t *random)
{
        pid_t pid[CREW];
        uint32_t kills = 0;
        make(CREW * SHARE, WEFT_LATCH_REGISTERED);
        *common = (struct common){ 0 };
        for (uintptr_t i = 0; i < CREW; i++)
                pid[i] = child_start(count_share, (void *)i);
        for (int i = 0; i < CREW - 1; i++) {
                struct timespec nap = { 0, (long)(soak_random(random) % 400000) };
                nanosleep(&nap, NULL);
                if (soak_random(random) % 3) {
                        CHECK(child_kill(pid[i]) == -SIGKILL);
                        pid[i] = 0;
                        kills++;
                }
        }
        uint64_t latest = soon(), sum = 0;
        for (int i = 0; i < CREW; i++)
                while (pid[i] && common->counted[i] < SHARE)
                        CHECK(weft_now() < latest && sched_yield() == 0);
        (void)recover_count(arena);
        uint32_t rest = count_the_rest();
        int rc = weft_latch_wait(latch, soon());
        struct weft_latch_info info = info_of();
        for (int i = 0; i < CREW; i++)
                sum += common->counted[i];
        CHECK(rc == (info.failed ? -EOWNERDEAD : 0));
        CHECK(info.count == 0 && info.registered == 0);
        /* The killed may have counted one that they did not note. */
        uint64_t known = sum + info.failed + rest;
        CHECK(known <= CREW * SHARE && known + kills >= CREW * SHARE);
        for (int i = 0; i < CREW; i++)
                if (pid[i])
                        CHECK(child_kill(pid[i]) == -SIGKILL);
        (void)recover_count(arena);
        CHECK(info_of().waiting == 0 && info_of().failed == info.failed);
        drop();
        return kills;
}

static void processes(void)
{
        uint64_t until = soak_until(3), random = (uint64_t)getpid() * 2654435761u | 1;
        uint32_t rounds = 0, kills = 0;
        do {
                kills += killed_in_round(&random);
                rounds++;
        } while (weft_now() < until);
        printf("latch: %u rounds, %u kills\n", rounds, kills);
        check_whole(arena);
}

/* ---- threads on one mapping, for ThreadSanitizer ------------------------------------------ */

static uint64_t plain[THREADS]; /* [C]: written before it is counted, read after */
static bool registers;

static void *write_and_count(void *mine)
{
        if (registers)
                CHECK(weft_latch_register(latch, 2) == 0);
        ++*(uint64_t *)mine;
        CHECK(weft_latch_count_down(latch, 1) == 0);
        CHECK(weft_latch_arrive_and_wait(latch, 1, soon()) == 0);
        for (int i = 1; i < THREADS; i++)
                CHECK(plain[i] == plain[0]);
        return NULL;
}

static void threads(bool shares)
{
        registers = shares;
        for (int n = 0; n < ROUNDS; n++) {
                pthread_t t[THREADS];
                make(2 * THREADS, shares ? WEFT_LATCH_REGISTERED : 0);
                for (int i = 0; i < THREADS; i++)
                        CHECK(pthread_create(&t[i], NULL, write_and_count, &plain[i]) ==
                              0);
                CHECK(weft_latch_wait(latch, soon()) == 0);
                for (int i = 1; i < THREADS; i++)
                        CHECK(plain[i] == plain[0]);
                for (int i = 0; i < THREADS; i++)
                        CHECK(pthread_join(t[i], NULL) == 0);
                drop();
        }
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        common = common_make(sizeof *common);
        processes();
        threads(false);
        threads(true);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}
