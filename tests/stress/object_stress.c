/* tests/stress/object_stress.c -- few names, many creators, openers and removers, killed
 * at random. A name is there once or not at all, whole; at the end nothing is left. */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/array.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { CREW = 5, NAMES = 3, THREADS = 4, ROUNDS = 3000 };

static weft_arena_t *arena;

/* Whoever opens an array finds it whole: zeroes, or the marks of those who had it. */
static void use(weft_array_t *array)
{
        uint64_t v, old;
        CHECK(weft_array_length(array) == 16);
        CHECK(weft_array_load64(array, 15, &v) == 0 && v == 0);
        CHECK(weft_array_add64(array, 0, 1, &old) == 0);
        weft_array_close(array);
}

static void step(uint64_t *random)
{
        struct weft_array_options o = { .length = 16, .element_bytes = 8 };
        struct weft_object_info info;
        weft_array_t *array;
        char name[16];
        int rc;

        snprintf(name, sizeof name, "n%u", (unsigned)(soak_random(random) % NAMES));
        switch (soak_random(random) % 5) {
        case 0:
                rc = weft_array_create(arena, name, &o, &array);
                CHECK(rc == 0 || rc == -EEXIST);
                break;
        case 1:
                rc = weft_array_open(arena, name, &array);
                CHECK(rc == 0 || rc == -ENOENT);
                break;
        case 2:
                rc = weft_array_create_or_open(arena, name, &o, &array);
                CHECK(rc == 0);
                break;
        case 3:
                rc = weft_object_remove(arena, name);
                CHECK(rc == 0 || rc == -ENOENT);
                return;
        default:
                rc = weft_object_stat(arena, name, &info);
                CHECK(rc == -ENOENT || (rc == 0 && strcmp(info.name, name) == 0));
                return;
        }
        if (rc == 0)
                use(array);
}

static void work(void *context)
{
        uint64_t random = (uint64_t)getpid() * 40503 | 1;
        (void)context;
        for (;;)
                step(&random);
}

static int once(const struct weft_object_info *object, void *context)
{
        int *seen = context;
        CHECK(object->name[0] == 'n');
        CHECK(++seen[object->name[1] - '0'] == 1);
        return 0;
}

/* No name twice; and when all names are gone so is everything else. */
static void settle(void)
{
        int seen[NAMES] = { 0 };
        struct weft_census census;
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(weft_object_list(arena, once, seen) == 0);
        for (int i = 0; i < NAMES; i++) {
                char name[16];
                snprintf(name, sizeof name, "n%d", i);
                int rc = weft_object_remove(arena, name);
                CHECK(rc == (seen[i] ? 0 : -ENOENT));
        }
        CHECK(weft_arena_check(arena, &census) == 0);
        CHECK(census.object_bytes == 0 && census.agent_bytes == 0);
}

static void processes(void)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(5);
        do {
                soak_begin(&s);
                for (int i = 0; i < 20; i++)
                        soak_step(&s);
                soak_end(&s);
                settle();
        } while (weft_now() < until);
        printf("objects: %u kills, %u stops\n", s.kills, s.stops);
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
        CHECK(weft_arena_create(NULL, NULL, &arena) == 0);
        processes();
        threads();
        weft_arena_close(arena);
        return 0;
}
