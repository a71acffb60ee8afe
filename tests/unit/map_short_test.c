/* tests/unit/map_short_test.c -- the short way of 8-byte maps: for whom, and to what. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/map.h>

#include "structures/map_hash.h"
#include "structures/map_internal.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static const struct weft_map_options of_64 = { .key_bytes = 8, .value_bytes = 8 };

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static weft_map_t *make(const char *name)
{
        weft_map_t *m = NULL;
        CHECK(weft_map_create(arena, name, &of_64, &m) == 0 && m);
        return m;
}

static void drop(weft_map_t *m, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_map_close(m);
}

static uint64_t get(weft_map_t *m, uint64_t key)
{
        uint64_t value = 0;
        CHECK(weft_map_get64(m, key, &value) == 0);
        return value;
}

static void the_hash_is_the_hash(void **state)
{
        (void)state;
        for (uint64_t seed = 1, i = 0; i < 1000;
             i++, seed = seed * 6364136223846793005 + 9) {
                assert_true(weft_map_flip_is_right(seed));
                assert_int_equal(weft_map_hash_flip(~seed, weft_map_flip(seed)),
                                 weft_map_hash_bytes(&(uint64_t){ ~seed }, 8, seed));
        }
}

/* Also one that lies where another one was. */
static void maps_are_told_apart(void **state)
{
        weft_map_t *a = make("a"), *b = make("b");
        (void)state;
        for (uint64_t i = 0; i < 100; i++) {
                assert_int_equal(weft_map_put64(a, i, i), 0);
                assert_int_equal(weft_map_put64(b, i, i + 1000), 0);
                assert_int_equal(get(a, i), i);
                assert_int_equal(get(b, i), i + 1000);
        }
        for (int round = 0; round < 20; round++) {
                uint64_t value;
                drop(b, "b");
                b = make("b");
                assert_int_equal(weft_map_get64(b, 7, &value), -ENOENT);
                assert_int_equal(weft_map_put64(b, 7, 7), 0);
                assert_int_equal(get(b, 7), 7);
                assert_int_equal(get(a, 8), 8);
        }
        drop(a, "a");
        drop(b, "b");
}

static int count_one(const struct weft_agent_info *agent, void *n)
{
        (void)agent;
        ++*(int *)n;
        return 0;
}

static int agents(void)
{
        int n = 0;
        CHECK(weft_agent_list(arena, count_one, &n) == 0);
        return n;
}

/* Who has left comes back as somebody else, and has touched the map anew. */
static void who_leaves_is_forgotten(void **state)
{
        weft_map_t *m = make("m");
        (void)state;
        assert_int_equal(weft_map_put64(m, 1, 1), 0);
        assert_int_equal(get(m, 1), 1);
        for (int i = 0; i < 3; i++) {
                weft_agent_leave(arena);
                assert_int_equal(agents(), 0);
                assert_int_equal(get(m, 1), 1);
                assert_int_equal(agents(), 1);
                assert_int_equal(get(m, 1), 1);
        }
        drop(m, "m");
}

/* A fork that libc knows nothing of: the child takes a seat of its own. */
static void a_bare_fork_is_somebody_else(void **state)
{
        weft_map_t *m = make("m");
        (void)state;
        assert_int_equal(weft_map_put64(m, 1, 1), 0);
        assert_int_equal(get(m, 1), 1);
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        CHECK(pid >= 0);
        if (!pid) {
                uint64_t value = 0;
                int rc = weft_map_get64(m, 1, &value);
                _exit(rc || value != 1 || agents() != 2);
        }
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(get(m, 1), 1);
        drop(m, "m");
}

/* The table has become another one since this thread came last, by another process. */
static void fill(void *context)
{
        for (uint64_t i = 0; i < 20000; i++)
                CHECK(weft_map_put64(context, i, i + 1) == 0);
}

static void empty(void *context)
{
        for (uint64_t i = 10; i < 20000; i++)
                CHECK(weft_map_remove64(context, i) == 0);
}

static void others_change_the_table(void **state)
{
        weft_map_t *m = make("m");
        uint64_t value;
        (void)state;
        assert_int_equal(weft_map_put64(m, 5, 6), 0);
        assert_int_equal(get(m, 5), 6);
        for (int round = 0; round < 3; round++) {
                assert_int_equal(child_run(fill, m), 0);
                for (uint64_t i = 0; i < 20000; i++)
                        assert_int_equal(get(m, i), i + 1);
                assert_int_equal(child_run(empty, m), 0);
                for (uint64_t i = 0; i < 20000; i++)
                        assert_int_equal(weft_map_get64(m, i, &value),
                                         i < 10 ? 0 : -ENOENT);
        }
        drop(m, "m");
}

/* Maps of blocks have such a way, too: get; and are not taken for maps of words. */
static void blocks_are_no_words(void **state)
{
        weft_map_t *m = NULL;
        uint64_t value = 0, was = 0, bytes;
        char text[32];
        (void)state;
        CHECK(weft_map_create(arena, "t", &(struct weft_map_options){ 0 }, &m) == 0);
        for (uint64_t i = 0; i < 500; i++) {
                snprintf(text, sizeof text, "the key %u", (unsigned)i);
                uint32_t n = (uint32_t)strlen(text);
                assert_int_equal(weft_map_put(m, text, n, &i, sizeof i), 0);
                for (int again = 0; again < 3; again++) {
                        bytes = sizeof value;
                        assert_int_equal(weft_map_get(m, text, n, &value, &bytes, &was),
                                         0);
                        assert_int_equal(value, i);
                        assert_int_equal(bytes, 8);
                        assert_true(was != 0);
                }
                bytes = 4;
                assert_int_equal(weft_map_get(m, text, n, &value, &bytes, NULL),
                                 -EOVERFLOW);
                assert_int_equal(bytes, 8);
                uint64_t word = weft_map_hash_bytes(text, n, m->seed); /* in its slot */
                assert_int_equal(weft_map_get64(m, word, &value), -EPROTO);
                assert_int_equal(weft_map_put64(m, word, 5), -EPROTO);
        }
        drop(m, "t");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

/* ---- many at a time ---------------------------------------------------------- */

static void many_at_a_time(void **state)
{
        enum { N = 1000 };
        static uint64_t key[N], value[N], got[N];
        static uint8_t found[N];
        weft_map_t *m = make("many");
        (void)state;
        for (uint64_t i = 0; i < N; i++) {
                key[i] = i * 7;
                value[i] = i + 1;
        }
        assert_int_equal(weft_map_get64_n(m, key, N, got, found), 0);
        assert_int_equal(weft_map_put64_n(m, key, value, N / 2), N / 2);
        memset(got, 0xee, sizeof got);
        memset(found, 0xee, sizeof found);
        assert_int_equal(weft_map_get64_n(m, key, N, got, found), N / 2);
        for (uint64_t i = 0; i < N; i++) {
                assert_int_equal(found[i], i < N / 2);
                assert_int_equal(got[i], i < N / 2 ? value[i] : 0);
        }
        assert_int_equal(weft_map_count(m), N / 2);
        assert_int_equal(weft_map_get64_n(m, key, 3, got, NULL), 3);
        assert_int_equal(weft_map_get64_n(m, NULL, 0, NULL, NULL), 0);
        assert_int_equal(weft_map_put64_n(m, NULL, NULL, 0), 0);
        assert_int_equal(weft_map_get64_n(m, NULL, 1, got, NULL), -EINVAL);
        assert_int_equal(weft_map_get64_n(m, key, 1, NULL, NULL), -EINVAL);
        assert_int_equal(weft_map_put64_n(m, key, NULL, 1), -EINVAL);
        assert_int_equal(weft_map_put64_n(NULL, key, value, 1), -EINVAL);
        assert_int_equal(weft_map_get64_n(NULL, key, 1, got, NULL), -EINVAL);
        drop(m, "many");

        struct weft_map_options other = { .key_bytes = 8, .value_bytes = 16 };
        assert_int_equal(weft_map_create(arena, "many", &other, &m), 0);
        assert_int_equal(weft_map_get64_n(m, key, 1, got, NULL), -EPROTO);
        assert_int_equal(weft_map_put64_n(m, key, value, 1), -EPROTO);
        drop(m, "many");
}

/* As far as there is memory; what was put is there, and what was not is not. */
static void many_as_far_as_there_is_room(void **state)
{
        enum { N = 1 << 20 };
        struct weft_arena_options o = { .max_bytes = 8 << 20 };
        uint64_t *key = malloc(N * sizeof *key), *got = malloc(N * sizeof *got);
        weft_arena_t *small;
        weft_map_t *m;
        (void)state;
        CHECK(key && got && weft_arena_create(NULL, &o, &small) == 0 &&
              weft_map_create(small, "many", &of_64, &m) == 0);
        for (uint64_t i = 0; i < N; i++)
                key[i] = i;
        int64_t n = weft_map_put64_n(m, key, key, N);
        assert_true(n > 1000 && n < N);
        assert_int_equal(weft_map_put64_n(m, key + n, key, 1), -ENOSPC);
        assert_int_equal(weft_map_get64_n(m, key, N, got, NULL), n);
        for (int64_t i = 0; i < n; i++)
                assert_int_equal(got[i], key[i]);
        weft_map_close(m);
        weft_arena_close(small);
        free(key);
        free(got);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_hash_is_the_hash),    TEST(maps_are_told_apart),
                TEST(who_leaves_is_forgotten), TEST(a_bare_fork_is_somebody_else),
                TEST(others_change_the_table), TEST(blocks_are_no_words),
                TEST(many_at_a_time),          TEST(many_as_far_as_there_is_room),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
