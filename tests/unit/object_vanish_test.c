/* A thread that vanishes without a word, and whose seat is somebody else's when its process
 * closes what it had open. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include <weft/semaphore.h>
#include <weft/weft.h>

#include "tests/child.h"

static weft_arena_t *arena;
static weft_semaphore_t *semaphore;
static struct gate ready, go;

static void *vanish(void *unused)
{
        (void)unused;
        CHECK(weft_semaphore_wait_n(semaphore, 2, WEFT_NOW) == 0);
        syscall(SYS_exit, 0);
        return NULL;
}

static void hold_one(void *inherited)
{
        weft_semaphore_t *s;
        weft_arena_t *there = child_reopen(inherited, WEFT_RDWR);
        CHECK(weft_semaphore_open(there, "permits", &s) == 0);
        CHECK(weft_semaphore_wait(s, WEFT_NOW) == 0);
        gate_open(&ready, 1);
        gate_pass(&go);
        CHECK(weft_semaphore_value(s) == 2); /* it has one of three still */
        CHECK(weft_semaphore_post(s) == 0);
        CHECK(weft_semaphore_value(s) == 3);
        weft_semaphore_close(s);
        weft_arena_close(there);
}

static void its_successor_is_not_taken_for_it(void **state)
{
        struct weft_arena_options options = { .max_bytes = 8 << 20 };
        struct weft_semaphore_options three = { .value = 3,
                                                .maximum = 3,
                                                .flags = WEFT_SEMAPHORE_OWNED };
        pthread_t thread;

        (void)state;
        ready = gate_make();
        go = gate_make();
        assert_int_equal(weft_arena_create(NULL, &options, &arena), 0);
        assert_int_equal(weft_semaphore_create(arena, "permits", &three, &semaphore), 0);
        assert_int_equal(pthread_create(&thread, NULL, vanish, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(recover_count(arena), 1);
        pid_t pid = child_start(hold_one, arena);
        gate_pass(&ready);
        assert_int_equal(weft_semaphore_value(semaphore), 2);
        weft_semaphore_close(semaphore);
        gate_open(&go, 1);
        assert_int_equal(child_end(pid), 0);
        check_whole(arena);
        weft_arena_close(arena);
        gate_drop(&ready);
        gate_drop(&go);
}

static void take_and_die(void *unused)
{
        (void)unused;
        CHECK(weft_semaphore_wait_n(semaphore, 2, WEFT_NOW) == 0);
        raise(SIGKILL);
}

/* The child of a fork() without handlers is nobody yet, and settles the dead as anybody does; one
 * that libc does not know leaves them alone. */
static void who_is_nobody_yet_settles_the_dead(void **state)
{
        struct weft_arena_options options = { .max_bytes = 8 << 20 };
        struct weft_semaphore_options three = { .value = 3,
                                                .maximum = 3,
                                                .flags = WEFT_SEMAPHORE_OWNED };
        (void)state;
        assert_int_equal(weft_arena_create(NULL, &options, &arena), 0);
        assert_int_equal(weft_semaphore_create(arena, "permits", &three, &semaphore), 0);
        for (int known = 0; known < 2; known++) {
                assert_int_equal(weft_semaphore_wait(semaphore, WEFT_NOW), 0);
                assert_int_equal(child_run(take_and_die, NULL), -SIGKILL);
                pid_t pid = known ? _Fork()
                                  : (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL,
                                                   NULL);
                CHECK(pid >= 0);
                if (!pid)
                        _exit(known ? recover_count(arena) == 1
                                    : weft_arena_recover(arena, NULL) == -ENOTSUP);
                assert_int_equal(child_end(pid), 1);
                assert_int_equal(recover_count(arena), !known);
                assert_int_equal(weft_semaphore_value(semaphore), 2);
                assert_int_equal(weft_semaphore_post(semaphore), 0);
                assert_int_equal(weft_semaphore_value(semaphore), 3);
        }
        weft_semaphore_close(semaphore);
        check_whole(arena);
        weft_arena_close(arena);
}

static weft_queue_t *left_open;

static void *open_and_vanish(void *unused)
{
        const struct weft_queue_options options = { .capacity = 8, .element_bytes = 8 };
        (void)unused;
        CHECK(weft_queue_create(arena, "first", &options, &left_open) == 0);
        syscall(SYS_exit, 0);
        return NULL;
}

static void make_the_second(void *inherited)
{
        const struct weft_queue_options options = { .capacity = 8, .element_bytes = 8 };
        weft_queue_t *second;
        weft_arena_t *there = child_reopen(inherited, WEFT_RDWR);
        CHECK(weft_arena_recover(there, NULL) == 0);
        CHECK(weft_object_remove(there, "first") == 0);
        CHECK(weft_queue_create(there, "second", &options, &second) == 0);
        weft_queue_close(second);
        weft_arena_close(there);
}

/* There is room for one object: the second is where the first was. */
static void what_it_had_open_is_not_taken_for_its_successor(void **state)
{
        struct weft_arena_options options = { .max_bytes = 8 << 20, .max_objects = 1 };
        weft_queue_t *second;
        pthread_t thread;
        uint64_t x = 1;

        (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(WEFT_TSAN)
        skip(); /* they keep what they know of a thread until libc has ended it */
#endif
        assert_int_equal(weft_arena_create(NULL, &options, &arena), 0);
        assert_int_equal(weft_agent_join(arena), 0);
        assert_int_equal(pthread_create(&thread, NULL, open_and_vanish, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(child_end(child_start(make_the_second, arena)), 0);
        assert_int_equal(weft_queue_open(arena, "second", &second), 0);
        assert_int_equal(weft_queue_push(left_open, &x, WEFT_NOW), -ENOENT);
        assert_int_equal(weft_queue_pop(second, &x, WEFT_NOW), -EAGAIN);
        weft_queue_close(left_open);
        assert_int_equal(weft_queue_push(second, &x, WEFT_NOW), 0);
        weft_queue_close(second);
        check_whole(arena);
        weft_arena_close(arena);
}

static void remove_the_first(void *inherited)
{
        weft_arena_t *there = child_reopen(inherited, WEFT_RDWR);
        CHECK(weft_arena_recover(there, NULL) == 0);
        CHECK(weft_object_remove(there, "first") == 0);
        weft_arena_close(there);
}

/* The next thread of its process takes over what is open, as if there had been nobody before. */
static void what_it_had_open_stays_for_the_next_thread(void **state)
{
        struct weft_arena_options options = { .max_bytes = 8 << 20 };
        pthread_t thread;
        uint64_t x = 1;

        (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(WEFT_TSAN)
        skip();
#endif
        assert_int_equal(weft_arena_create(NULL, &options, &arena), 0);
        weft_agent_leave(arena);
        assert_int_equal(pthread_create(&thread, NULL, open_and_vanish, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(weft_agent_join(arena), 0);
        assert_int_equal(child_end(child_start(remove_the_first, arena)), 0);
        assert_int_equal(weft_queue_push(left_open, &x, WEFT_NOW), 0);
        weft_queue_close(left_open);
        check_whole(arena);
        weft_arena_close(arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(its_successor_is_not_taken_for_it),
                cmocka_unit_test(who_is_nobody_yet_settles_the_dead),
                cmocka_unit_test(what_it_had_open_stays_for_the_next_thread),
                cmocka_unit_test(what_it_had_open_is_not_taken_for_its_successor),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
