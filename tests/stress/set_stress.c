/* tests/stress/set_stress.c -- a crew inserts and removes, killed and stopped at random: a
 * member is inserted by exactly one, removed by exactly one, and none is lost. */
#define _GNU_SOURCE
#include <string.h>

#include <weft/weft.h>

#include <weft/set.h>

#include "tests/soak.h"

enum { MEMBERS = 200, STAY = 50, LAPS = 20000, CREW = 3 };

static weft_arena_t *arena;
static weft_set_t *set;
static uint32_t bytes; /* of a member: 8, or any */

static uint32_t member(uint64_t i, char at[40])
{
        memset(at, 'm', 40);
        memcpy(at, &i, 8);
        return bytes ? bytes : 9 + (uint32_t)i % 30;
}

static int see(const void *at, uint32_t n, void *context)
{
        uint8_t *seen = context;
        uint64_t i;
        CHECK(n >= 8);
        memcpy(&i, at, 8);
        CHECK(i < MEMBERS && n == member(i, (char[40]){ 0 }));
        seen[i]++;
        return 0;
}

static void walk(void)
{
        uint8_t seen[MEMBERS] = { 0 };
        struct weft_map_cursor cursor = { 0, 0 };
        CHECK(weft_set_each(set, &cursor, 0, see, seen) == 0);
        for (int i = 0; i < STAY; i++)
                CHECK(seen[i] == 1);
}

static void work(void *unused)
{
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        char at[40];
        (void)unused;
        for (uint64_t lap = 1;; lap++) {
                uint64_t i = soak_random(&random) % MEMBERS;
                uint32_t n = member(i, at);
                if (i < STAY) {
                        CHECK(weft_set_contains(set, at, n) == 1);
                        CHECK(weft_set_insert(set, at, n) == -EEXIST);
                        continue;
                }
                int rc = soak_random(&random) % 2 ? weft_set_insert(set, at, n)
                                                  : weft_set_remove(set, at, n);
                CHECK(rc == 0 || rc == -EEXIST || rc == -ENOENT);
                if (lap % 300 == 0)
                        walk();
        }
}

/* Insertions less removals of each member, by all. */
static void *balance;

static void count(void *unused)
{
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        weft_a64_t *of = balance;
        char at[40];
        (void)unused;
        for (int lap = 0; lap < LAPS; lap++) {
                uint64_t i = soak_random(&random) % MEMBERS;
                uint32_t n = member(i, at);
                if (soak_random(&random) % 2) {
                        if (weft_set_insert(set, at, n) == 0)
                                (void)weft_add_acq_rel(&of[i], 1); /* [test] */
                } else if (weft_set_remove(set, at, n) == 0) {
                        (void)weft_add_acq_rel(&of[i], UINT64_MAX); /* [test] */
                }
        }
}

static void exactly_one(void)
{
        weft_a64_t *of = balance;
        pid_t pids[CREW];
        char at[40];
        CHECK(weft_set_clear(set) >= 0);
        memset(balance, 0, MEMBERS * sizeof *of);
        for (int i = 0; i < CREW; i++)
                pids[i] = child_start(count, NULL);
        for (int i = 0; i < CREW; i++)
                CHECK(child_end(pids[i]) == 0);
        for (uint64_t i = 0; i < MEMBERS; i++)
                CHECK(weft_load_rlx(&of[i]) ==
                      (uint64_t)weft_set_contains(set, at, member(i, at)));
}

static void play(uint32_t member_bytes)
{
        struct weft_arena_options ao = { .max_bytes = 64 << 20 };
        struct weft_set_options o = { .member_bytes = member_bytes };
        struct soak soak = { .work = work, .crew = CREW };
        struct weft_census census;
        uint64_t until = soak_until(1);
        char at[40];

        bytes = member_bytes;
        CHECK(weft_arena_create(NULL, &ao, &arena) == 0);
        CHECK(weft_set_create(arena, "s", &o, &set) == 0);
        for (uint64_t i = 0; i < STAY; i++)
                CHECK(weft_set_insert(set, at, member(i, at)) == 0);
        soak_begin(&soak);
        while (weft_now() < until) {
                soak_step(&soak);
                walk();
        }
        soak_end(&soak);
        (void)recover_count(arena);
        check_whole(arena);
        walk();
        exactly_one();
        (void)recover_count(arena);
        CHECK(weft_object_remove(arena, "s") == 0);
        weft_set_close(set);
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.object_bytes == 0);
        weft_arena_close(arena);
}

int main(void)
{
        balance = common_make(MEMBERS * sizeof(weft_a64_t));
        play(8);
        play(0);
        return 0;
}
