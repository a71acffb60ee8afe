#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/atomic.h"
#include "tests/child.h"

enum { RACERS = 4, ROUNDS = 300 };

static const struct weft_array_options one = { .length = 1, .element_bytes = 8 };
static weft_arena_t *arena; /* fresh for every test */

/* What the racers of a test share, beside the arena. */
struct common {
        weft_a32_t at; /* racers that reached the line, ever */
        weft_a32_t won[ROUNDS];
        weft_a32_t stop;
        weft_a64_t made, removed;
};
static struct common *common;

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20, .max_objects = 64 };
        (void)state;
        common = common_make(sizeof *common);
        return weft_arena_create(NULL, &o, &arena);
}

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

/* Nothing of any object may be left but of those that still have a name. */
static int whole_arena(void **state)
{
        struct weft_arena_info info;
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(weft_arena_info(arena, &info) == 0);
        if (info.objects == 0)
                CHECK(object_bytes() == 0);
        weft_arena_close(arena);
        munmap(common, sizeof *common);
        return 0;
}

/* All racers leave together. */
static void line_up(uint32_t round)
{
        (void)weft_add_acq_rel(&common->at, 1);
        while (weft_load_acq(&common->at) < (round + 1) * RACERS)
                sched_yield();
}

static void run_racers(void (*body)(void *))
{
        pid_t pid[RACERS];
        for (uintptr_t i = 0; i < RACERS; i++)
                pid[i] = child_start(body, (void *)i);
        for (int i = 0; i < RACERS; i++)
                assert_int_equal(child_end(pid[i]), 0);
}

/* ---- one name, several creators ------------------------------------------ */

static void create_one(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_array_t *a;
        char name[32];
        (void)unused;
        for (uint32_t i = 0; i < ROUNDS; i++) {
                snprintf(name, sizeof name, "round %u", i % 16);
                line_up(3 * i);
                int rc = weft_array_create(there, name, &one, &a);
                CHECK(rc == 0 || rc == -EEXIST);
                if (rc == 0)
                        (void)weft_add_acq_rel(&common->won[i], 1);
                else
                        CHECK(weft_array_open(there, name, &a) == 0);
                CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
                line_up(3 * i + 1);
                uint64_t v; /* all have the same one */
                CHECK(weft_array_load64(a, 0, &v) == 0 && v == RACERS);
                rc = weft_object_remove(there, name);
                CHECK(rc == 0 || rc == -ENOENT);
                weft_array_close(a);
                line_up(3 * i + 2);
        }
        weft_arena_close(there);
}

static void one_creator_of_a_name_wins(void **state)
{
        (void)state;
        run_racers(create_one);
        for (int i = 0; i < ROUNDS; i++)
                assert_int_equal(weft_load_acq(&common->won[i]), 1);
        assert_int_equal(object_bytes(), 0);
}

static void create_or_open_one(void *unused)
{
        weft_array_t *a;
        (void)unused;
        for (uint32_t i = 0; i < ROUNDS; i++) {
                line_up(3 * i);
                CHECK(weft_array_create_or_open(arena, "x", &one, &a) == 0);
                CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
                line_up(3 * i + 1);
                uint64_t v;
                CHECK(weft_array_load64(a, 0, &v) == 0 && v == RACERS);
                int rc = weft_object_remove(arena, "x");
                CHECK(rc == 0 || rc == -ENOENT);
                if (rc == 0)
                        (void)weft_add_acq_rel(&common->won[i], 1);
                weft_array_close(a);
                line_up(3 * i + 2);
        }
        weft_arena_close(arena);
}

static void all_get_the_same_and_one_removes_it(void **state)
{
        (void)state;
        run_racers(create_or_open_one);
        for (int i = 0; i < ROUNDS; i++)
                assert_int_equal(weft_load_acq(&common->won[i]), 1);
        assert_int_equal(object_bytes(), 0);
}

/* ---- create_or_open against remove --------------------------------------- */

static void make_and_remove(void *who)
{
        uintptr_t me = (uintptr_t)who;
        weft_array_t *a;
        for (int i = 0; i < 3000; i++) {
                if (me % 2) {
                        int rc = weft_object_remove(arena, "x");
                        CHECK(rc == 0 || rc == -ENOENT);
                } else {
                        CHECK(weft_array_create_or_open(arena, "x", &one, &a) == 0);
                        uint64_t v = 0;
                        CHECK(weft_array_store64(a, 0, 4711) == 0);
                        CHECK(weft_array_load64(a, 0, &v) == 0 && v == 4711);
                        weft_array_close(a);
                }
        }
        weft_arena_close(arena);
}

static void create_or_open_against_remove(void **state)
{
        (void)state;
        run_racers(make_and_remove);
        int rc = weft_object_remove(arena, "x");
        assert_true(rc == 0 || rc == -ENOENT);
        assert_int_equal(object_bytes(), 0);
}

static void *make_and_remove_here(void *who)
{
        uintptr_t me = (uintptr_t)who;
        char name[16];
        weft_array_t *a;
        for (uint32_t i = 0; i < 2000; i++) {
                snprintf(name, sizeof name, "%u", (unsigned)(i + me) % 3);
                if (weft_array_create_or_open(arena, name, &one, &a) == 0) {
                        CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
                        if (i % 2)
                                (void)!weft_object_remove(arena, name);
                        weft_array_close(a);
                }
        }
        return NULL;
}

static void threads_of_one_process(void **state)
{
        pthread_t thread[RACERS];
        char name[16];

        (void)state;
        for (uintptr_t i = 0; i < RACERS; i++)
                assert_int_equal(
                        pthread_create(&thread[i], NULL, make_and_remove_here, (void *)i),
                        0);
        for (int i = 0; i < RACERS; i++)
                assert_int_equal(pthread_join(thread[i], NULL), 0);
        for (int i = 0; i < 3; i++) {
                snprintf(name, sizeof name, "%d", i);
                (void)!weft_object_remove(arena, name);
        }
        assert_int_equal(object_bytes(), 0);
}

/* ---- one list, changing -------------------------------------------------- */

static void churn(void *who)
{
        uintptr_t me = (uintptr_t)who;
        weft_array_t *a;
        char name[64];
        for (unsigned i = 0; !weft_load_acq(&common->stop); i++) {
                /* The name says who made it, the second half repeats the first. */
                snprintf(name, sizeof name, "%u.%u/%u.%u", (unsigned)me, i % 50,
                         (unsigned)me, i % 50);
                int rc = weft_array_create(arena, name, &one, &a);
                if (rc == -EMFILE)
                        continue;
                CHECK(rc == 0);
                CHECK(weft_object_remove(arena, name) == 0);
                weft_array_close(a);
        }
        weft_arena_close(arena);
}

static int whole_name(const struct weft_object_info *object, void *context)
{
        unsigned w1, i1, w2, i2;
        CHECK(sscanf(object->name, "%u.%u/%u.%u", &w1, &i1, &w2, &i2) == 4);
        CHECK(w1 == w2 && i1 == i2 && w1 < RACERS);
        ++*(uint64_t *)context;
        return 0;
}

static void a_list_shows_only_what_is_whole(void **state)
{
        pid_t pid[RACERS];
        uint64_t seen = 0;
        weft_arena_t *ro;

        (void)state;
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        for (uintptr_t i = 0; i < RACERS; i++)
                pid[i] = child_start(churn, (void *)i);
        for (int i = 0; i < 3000 || (seen == 0 && i < 1000000); i++)
                assert_int_equal(weft_object_list(i % 2 ? ro : arena, whole_name, &seen),
                                 0);
        weft_store_rel(&common->stop, 1);
        for (int i = 0; i < RACERS; i++)
                assert_int_equal(child_end(pid[i]), 0);
        weft_arena_close(ro);
        assert_int_equal(object_bytes(), 0);
}

/* ---- killed in the middle ------------------------------------------------ */

static void for_ever(void *who)
{
        uintptr_t me = (uintptr_t)who;
        char name[16];
        weft_array_t *a;
        for (uint32_t i = 0;; i++) {
                snprintf(name, sizeof name, "%u", (unsigned)(i + me) % 5);
                int rc = weft_array_create_or_open(arena, name, &one, &a);
                CHECK(rc == 0 || rc == -EMFILE || rc == -ENOSPC);
                if (rc)
                        continue;
                CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
                if (i % 3)
                        (void)!weft_object_remove(arena, name);
                weft_array_close(a);
        }
}

static void the_killed_leave_nothing(void **state)
{
        pid_t pid[RACERS];
        char name[16];

        (void)state;
        for (uintptr_t i = 0; i < RACERS; i++)
                pid[i] = child_start(for_ever, (void *)i);
        for (uintptr_t n = 0; n < 150; n++) {
                usleep((useconds_t)(n * 37 % 3000));
                assert_int_equal(child_kill(pid[n % RACERS]), -SIGKILL);
                pid[n % RACERS] = child_start(for_ever, (void *)(n % RACERS));
        }
        for (int i = 0; i < RACERS; i++)
                assert_int_equal(child_kill(pid[i]), -SIGKILL);
        assert_true(recover_count(arena) > 0);
        check_whole(arena);
        for (int i = 0; i < 5; i++) {
                snprintf(name, sizeof name, "%d", i);
                (void)!weft_object_remove(arena, name);
        }
        struct weft_arena_info info;
        assert_int_equal(weft_arena_info(arena, &info), 0);
        assert_int_equal(info.objects, 0);
        assert_int_equal(object_bytes(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(one_creator_of_a_name_wins),
                TEST(all_get_the_same_and_one_removes_it),
                TEST(create_or_open_against_remove),
                TEST(threads_of_one_process),
                TEST(a_list_shows_only_what_is_whole),
                TEST(the_killed_leave_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
