/* tests/unit/sync_kinds_test.c -- what is the same for all kinds of sync/: no memory, no
 * right to write, another kind under the name. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "tests/child.h"

static weft_arena_t *arena;

static const struct weft_mutex_options fair = { .flags = WEFT_MUTEX_FAIR };
static const struct weft_semaphore_options plain = { .value = 1 },
                                           owned = { .value = 1,
                                                     .flags = WEFT_SEMAPHORE_OWNED };
static const struct weft_barrier_options two = { .parties = 2 };
static const struct weft_latch_options latch = { .count = 1 },
                                       shares = { .count = 1,
                                                  .flags = WEFT_LATCH_REGISTERED };
static const struct weft_signal_options value = { .bytes = WEFT_SIGNAL_BYTES_MAX };

/* Makes or opens one of a kind in `a`, and closes it again. */
#define KIND(kind, way, ...) \
        static int way(weft_arena_t *a, const char *name, bool open) \
        { \
                weft_##kind##_t *x; \
                int rc = open ? weft_##kind##_open(a, name, &x) \
                              : weft_##kind##_create(a, name, __VA_ARGS__); \
                if (rc == 0) \
                        weft_##kind##_close(x); \
                else \
                        CHECK(!x); \
                return rc; \
        }
KIND(mutex, a_mutex, NULL, &x)
KIND(mutex, a_fair_mutex, &fair, &x)
KIND(semaphore, a_semaphore, &plain, &x)
KIND(semaphore, an_owned_semaphore, &owned, &x)
KIND(rwlock, a_rwlock, &x)
KIND(barrier, a_barrier, &two, &x)
KIND(latch, a_latch, &latch, &x)
KIND(latch, a_registered_latch, &shares, &x)
KIND(event, an_event, NULL, &x)
KIND(once, a_once, &x)
KIND(condition, a_condition, &x)
KIND(signal, a_signal, &value, &x)

static const struct {
        int (*way)(weft_arena_t *a, const char *name, bool open);
        int kind; /* equal numbers: the same kind */
} ways[] = {
        { a_mutex, 0 },  { a_fair_mutex, 0 },       { a_semaphore, 1 },
        { a_rwlock, 2 }, { an_owned_semaphore, 1 }, { a_barrier, 3 },
        { a_latch, 4 },  { a_registered_latch, 4 }, { an_event, 5 },
        { a_once, 6 },   { a_condition, 7 },        { a_signal, 8 },
};
enum { WAYS = sizeof ways / sizeof *ways };

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 4 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static int whole_arena(void **state)
{
        (void)state;
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

/* Takes every block of every size that there is; how many. */
static uint32_t fill(weft_ref_t *ref, uint32_t most)
{
        uint32_t n = 0;
        for (uint64_t bytes = UINT64_C(1) << 20; bytes >= 16; bytes /= 2)
                while (n < most && weft_block_alloc(arena, bytes, &ref[n], NULL) == 0)
                        n++;
        CHECK(n < most);
        return n;
}

static void a_full_arena_is_told_and_nothing_is_left(void **state)
{
        enum { MOST = 300000 };
        static weft_ref_t ref[MOST];
        struct weft_object_info info;

        (void)state;
        uint32_t n = fill(ref, MOST);
        for (int i = 0; i < WAYS; i++) {
                assert_int_equal(ways[i].way(arena, "x", false), -ENOSPC);
                assert_int_equal(weft_object_stat(arena, "x", &info), -ENOENT);
        }
        check_whole(arena);
        while (n--)
                CHECK(weft_block_free(arena, ref[n]) == 0);
        for (int i = 0; i < WAYS; i++) { /* and the same calls succeed */
                assert_int_equal(ways[i].way(arena, "x", false), 0);
                assert_int_equal(weft_object_remove(arena, "x"), 0);
        }
}

static void another_kind_is_refused(void **state)
{
        (void)state;
        for (int i = 0; i < WAYS; i++) {
                assert_int_equal(ways[i].way(arena, "x", true), -ENOENT);
                assert_int_equal(ways[i].way(arena, "x", false), 0);
                assert_int_equal(ways[i].way(arena, "x", false), -EEXIST);
                for (int k = 0; k < WAYS; k++)
                        assert_int_equal(ways[k].way(arena, "x", true),
                                         ways[k].kind == ways[i].kind ? 0 : -EPROTO);
                assert_int_equal(weft_object_remove(arena, "x"), 0);
        }
}

static void read_only_opens_and_makes_none(void **state)
{
        weft_arena_t *reader;

        (void)state;
        for (int i = 0; i < WAYS; i++) {
                assert_int_equal(ways[i].way(arena, "x", false), 0);
                assert_int_equal(
                        weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &reader),
                        0);
                assert_int_equal(ways[i].way(reader, "x", true), 0);
                assert_int_equal(ways[i].way(reader, "y", false), -EROFS);
                weft_arena_close(reader);
                assert_int_equal(weft_object_remove(arena, "x"), 0);
        }
}

static void make_by_name(void *way)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        int i = (int)(intptr_t)way;
        CHECK(ways[i].way(there, "x", false) == 0);
        weft_arena_close(there);
}

static void another_process_finds_it_by_name(void **state)
{
        (void)state;
        for (int i = 0; i < WAYS; i++) {
                assert_int_equal(child_run(make_by_name, (void *)(intptr_t)i), 0);
                assert_int_equal(ways[i].way(arena, "x", true), 0);
                assert_int_equal(weft_object_remove(arena, "x"), 0);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_full_arena_is_told_and_nothing_is_left),
                TEST(another_kind_is_refused),
                TEST(read_only_opens_and_makes_none),
                TEST(another_process_finds_it_by_name),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
