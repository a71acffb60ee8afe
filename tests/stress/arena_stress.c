/* tests/stress/arena_stress.c -- one name; creators, openers and removers of the arena
 * are killed at random. It is there whole or not at all, and goes when told. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/stat.h>

#include <weft/block.h>

#include "runtime/atomic.h"
#include "tests/names.h"
#include "tests/soak.h"

enum { CREW = 4, THREADS = 4, ROUNDS = 300 };

static const char *name;

static void use(weft_arena_t *arena)
{
        weft_ref_t ref;
        void *at;
        CHECK(weft_block_alloc(arena, 100, &ref, &at) == 0);
        weft_store_rlx((weft_a64_t *)at, UINT64_C(7)); /* settling may look: an atomic */
        CHECK(weft_block_free(arena, ref) == 0);
}

static void step(uint64_t *random)
{
        struct weft_arena_options o = { .max_bytes = WEFT_ARENA_MIN, .max_objects = 16 };
        weft_arena_t *arena;
        int rc;

        switch (soak_random(random) % 4) {
        case 0:
                rc = weft_arena_create(name, &o, &arena);
                CHECK(rc == 0 || rc == -EEXIST);
                break;
        case 1:
                rc = weft_arena_remove(name);
                CHECK(rc == 0 || rc == -ENOENT);
                return;
        case 2:
                rc = weft_arena_open(name, WEFT_RDONLY, &arena);
                CHECK(rc == 0 || rc == -ENOENT);
                if (rc == 0)
                        weft_arena_close(arena);
                return;
        default:
                rc = weft_arena_open(name, WEFT_RDWR, &arena);
                CHECK(rc == 0 || rc == -ENOENT);
                break;
        }
        if (rc == 0) {
                use(arena);
                weft_arena_close(arena);
        }
}

static void work(void *context)
{
        uint64_t random = (uint64_t)getpid() * 40503 | 1;
        (void)context;
        for (;;)
                step(&random);
}

/* What is there after the deaths is whole, once it is settled. */
static void settle(void)
{
        weft_arena_t *arena;
        int rc = weft_arena_open(name, WEFT_RDWR, &arena);
        CHECK(rc == 0 || rc == -ENOENT);
        if (rc == 0) {
                struct weft_arena_info info;
                (void)recover_count(arena);
                check_whole(arena);
                CHECK(weft_arena_info(arena, &info) == 0 && info.dead == 0);
                weft_arena_close(arena);
                CHECK(weft_arena_remove(name) == 0);
        }
        CHECK(access(path_of_name(name), F_OK) != 0);
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
                settle();
        } while (weft_now() < until);
        printf("arena: %u kills, %u stops\n", s.kills, s.stops);
}

static void *thread(void *context)
{
        uint64_t random = (uint64_t)(uintptr_t)context * 40503 | 1;
        for (int i = 0; i < ROUNDS; i++)
                step(&random);
        return NULL;
}

static void threads(void)
{
        pthread_t t[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++)
                CHECK(pthread_create(&t[i], NULL, thread, (void *)(i + 1)) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(t[i], NULL) == 0);
        settle();
}

int main(void)
{
        names_begin();
        name = name_of("stress");
        processes();
        threads();
        return 0;
}
