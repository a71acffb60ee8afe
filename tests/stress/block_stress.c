/* tests/stress/block_stress.c -- blocks that change hands while their owners are killed.
 *
 * A table of slots beside the arena holds refs. A worker takes a block, stamps it with
 * its ref, enters it in an empty slot and shares it; or it claims the block of a slot,
 * checks the stamp, empties the slot and frees the block. Whenever it is killed, each
 * block that the arena owns is in exactly one slot, and all others are nobody's after
 * recovery: so the census can be told exactly.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include <weft/agent.h>
#include <weft/arena.h>
#include <weft/block.h>

#include "runtime/atomic.h"
#include "tests/child.h"

enum { SLOTS = 512, WORKERS = 4 };

struct common {
        weft_a64_t slot[SLOTS];
        weft_a64_t stop;
        weft_a64_t steps;
};

static struct common *common;
static weft_arena_t *arena;

static uint64_t random_next(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        return *state ^= *state << 17;
}

static uint64_t random_size(uint64_t r)
{
        switch (r % 16) {
        case 0:
                return 65537 + (r >> 8) % 400000;
        case 1:
        case 2:
                return 1 + (r >> 8) % 65536;
        default:
                return 1 + (r >> 8) % 1024;
        }
}

/* ---- the two things that a worker does -------------------------------------- */

/* The stamp lies where both words fit whatever the size; a block has 16 bytes at least. */
static void stamp(void *at, uint64_t bytes, weft_ref_t ref)
{
        weft_store_rlx((weft_a64_t *)at, ref.v);
        weft_store_rlx((weft_a64_t *)(void *)((char *)at + (bytes - 1) / 8 * 8), ref.v);
}

static void put(weft_a64_t *slot, uint64_t r)
{
        uint64_t bytes = random_size(r), empty = 0;
        weft_ref_t ref;
        void *at;
        int rc = weft_block_alloc(arena, bytes, &ref, &at);
        if (rc == -ENOSPC)
                return; /* others hold it all just now */
        CHECK(rc == 0);
        stamp(at, bytes, ref);
        if (weft_cas_acq_rel(slot, &empty, ref.v))
                CHECK(weft_block_share(arena, ref) == 0);
        else
                CHECK(weft_block_free(arena, ref) == 0);
}

static void get(weft_a64_t *slot, uint64_t v)
{
        weft_ref_t ref = { v };
        int rc = weft_block_claim(arena, ref);
        if (rc == -EPERM)
                return; /* claimed by another, or not shared yet */
        if (rc == 0) {
                const weft_a64_t *at = weft_at(arena, ref, 8);
                CHECK(at && weft_load_rlx(at) == v);
                CHECK(weft_block_bytes(arena, ref) >= 16);
        } else {
                CHECK(rc == -ENOENT); /* its owner died, or it was claimed and freed */
        }
        uint64_t expect = v;
        weft_cas_acq_rel(slot, &expect, 0);
        if (rc == 0)
                CHECK(weft_block_free(arena, ref) == 0);
}

static void work(uint64_t seed, uint64_t steps)
{
        uint64_t r = seed * 0x9e3779b97f4a7c15u | 1;
        for (uint64_t i = 0; i < steps && !weft_load_rlx(&common->stop); i++) {
                weft_a64_t *slot = &common->slot[random_next(&r) % SLOTS];
                uint64_t v = weft_load_acq(slot);
                if (v)
                        get(slot, v);
                else
                        put(slot, random_next(&r));
                if (i % 4096 == 4095)
                        CHECK(weft_arena_trim(arena) >= 0);
                if (i % 64 == 0)
                        weft_add_rlx(&common->steps, 64);
        }
}

/* ---- the count at the end ---------------------------------------------------- */

static void count(void)
{
        struct weft_census census;
        uint64_t bytes = 0;
        for (int i = 0; i < SLOTS; i++) {
                weft_ref_t ref = { weft_load_rlx(&common->slot[i]) };
                if (ref.v)
                        bytes += weft_block_bytes(arena, ref);
        }
        check_whole(arena);
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.agent_bytes == 0);
        CHECK(census.arena_bytes == bytes);
}

static void empty_all(void)
{
        for (int i = 0; i < SLOTS; i++) {
                weft_ref_t ref = { weft_load_rlx(&common->slot[i]) };
                if (ref.v)
                        (void)!weft_block_free(arena, ref);
                weft_store_rlx(&common->slot[i], 0);
        }
        CHECK(weft_arena_trim(arena) >= 0);
        struct weft_arena_info info;
        CHECK(weft_arena_info(arena, &info) == 0);
        CHECK(info.used_bytes == 0 && info.free_bytes == 0);
}

/* ---- processes that are killed ------------------------------------------------ */

static void worker(void *seed)
{
        arena = child_reopen(arena, WEFT_RDWR);
        work(*(uint64_t *)seed, UINT64_MAX);
        weft_arena_close(arena);
}

static void killed_processes(uint64_t kills)
{
        uint64_t seed = 1, r = 0x2545f4914f6cdd1d;
        pid_t pid[WORKERS];
        weft_store_rlx(&common->stop, 0);
        for (int i = 0; i < WORKERS; i++, seed++)
                pid[i] = child_start(worker, &seed);
        for (uint64_t k = 0; k < kills; k++) {
                struct timespec pause = { 0, (long)(random_next(&r) % 12000000) };
                nanosleep(&pause, NULL);
                int i = (int)(random_next(&r) % WORKERS);
                CHECK(child_kill(pid[i]) == -SIGKILL);
                if (k % 3 == 0)
                        (void)recover_count(arena);
                seed++;
                pid[i] = child_start(worker, &seed);
        }
        weft_store_rlx(&common->stop, 1);
        for (int i = 0; i < WORKERS; i++)
                CHECK(child_end(pid[i]) == 0);
        (void)recover_count(arena);
        count();
        printf("%llu kills, %llu steps\n", (unsigned long long)kills,
               (unsigned long long)weft_load_rlx(&common->steps));
        empty_all();
}

/* ---- threads on one mapping: what ThreadSanitizer can see ---------------------- */

static void *thread(void *seed)
{
        work(*(uint64_t *)seed, 100000);
        weft_agent_leave(arena);
        return NULL;
}

static void threads(void)
{
        pthread_t t[WORKERS];
        uint64_t seed[WORKERS];
        weft_store_rlx(&common->stop, 0);
        for (int i = 0; i < WORKERS; i++) {
                seed[i] = 1000 + (uint64_t)i;
                CHECK(pthread_create(&t[i], NULL, thread, &seed[i]) == 0);
        }
        for (int i = 0; i < WORKERS; i++)
                CHECK(pthread_join(t[i], NULL) == 0);
        count();
        empty_all();
}

int main(int argc, char **argv)
{
        uint64_t kills = argc > 1 ? strtoull(argv[1], NULL, 10) : 300;
        struct weft_arena_options o = { .max_bytes = UINT64_C(48) << 20,
                                        .keep_bytes = UINT64_C(2) << 20 };
        common = common_make(sizeof *common);
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        threads();
        killed_processes(kills);
        weft_arena_close(arena);
        return 0;
}
