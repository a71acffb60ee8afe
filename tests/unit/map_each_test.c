/* tests/unit/map_each_test.c -- iteration: every key that stays, once. */
#define _GNU_SOURCE
#include <time.h>

#include "structures/map_block.h"
#include "tests/unit/map_kit.h"

/* Keys are numbers, said in words: `seen` counts each. */
struct tally {
        weft_map_t *map;
        uint64_t n, stop_at, all;
        uint8_t *seen;
        int (*also)(struct tally *t, uint64_t i);
};

static int see(const struct weft_map_entry *entry, void *context)
{
        struct tally *t = context;
        char text[33] = { 0 };
        unsigned long long i;
        if (t->map->inlined) {
                uint64_t v;
                memcpy(&v, entry->key, 8);
                i = v;
                CHECK(entry->value_bytes == 8 && !memcmp(entry->value, &v, 8));
        } else {
                CHECK(entry->key_bytes <= 32);
                memcpy(text, entry->key, entry->key_bytes);
                CHECK(sscanf(text, "key %llu", &i) == 1);
        }
        CHECK((uintptr_t)entry->key % 8 == 0 && (uintptr_t)entry->value % 8 == 0);
        CHECK(entry->version != 0);
        t->all++;
        if (i < t->n)
                t->seen[i]++;
        if (t->also && t->also(t, i))
                return 0;
        return t->stop_at && t->all == t->stop_at ? 4711 : 0;
}

static void check_all_once(struct tally *t)
{
        for (uint64_t i = 0; i < t->n; i++)
                if (t->seen[i] != 1)
                        fail_msg("key %llu came %u times", (unsigned long long)i,
                                 t->seen[i]);
}

static struct tally tally_of(weft_map_t *map, uint64_t n)
{
        struct tally t = { .map = map, .n = n, .seen = calloc(n, 1) };
        CHECK(t.seen);
        return t;
}

static void fill(weft_map_t *map, uint64_t from, uint64_t to)
{
        char key[32];
        for (uint64_t i = from; i < to; i++) {
                if (map->inlined) {
                        CHECK(weft_map_put64(map, i, i) == 0);
                        continue;
                }
                name_of(key, i);
                CHECK(put(map, key, key) == 0);
        }
}

static void empty_one(weft_map_t *map, uint64_t i)
{
        char key[32];
        name_of(key, i);
        CHECK((map->inlined ? weft_map_remove64(map, i)
                            : weft_map_remove(map, key, length(key))) == 0);
}

static void every_key_once(void **state)
{
        (void)state;
        for (uint32_t bytes = 0; bytes <= 8; bytes += 8) {
                weft_map_t *map = make_map("m", bytes, bytes, 0);
                for (uint64_t n = 0; n < 3000; n = 3 * n + 1) {
                        struct tally t = tally_of(map, n);
                        struct weft_map_cursor cursor = { 0, 0 };
                        fill(map, 0, n);
                        assert_int_equal(weft_map_each(map, &cursor, 0, see, &t), 0);
                        assert_int_equal(cursor.state, WEFT_MAP_END);
                        assert_int_equal(t.all, n);
                        check_all_once(&t);
                        assert_int_equal(weft_map_each(map, &cursor, 0, see, &t), 0);
                        assert_int_equal(t.all, n);
                        free(t.seen);
                }
                drop_map(map, "m");
        }
}

/* Some at a time, from where the last call stopped; and where `each` said stop. */
static void it_goes_on_from_a_cursor(void **state)
{
        enum { N = 1000 };
        weft_map_t *map = make_map("m", 0, 0, 0);

        (void)state;
        fill(map, 0, N);
        for (uint64_t max = 1; max < 200; max = 2 * max + 1) {
                struct tally t = tally_of(map, N);
                struct weft_map_cursor cursor = { 0, 0 };
                while (!(cursor.state & WEFT_MAP_END)) {
                        uint64_t before = t.all;
                        assert_int_equal(weft_map_each(map, &cursor, max, see, &t), 0);
                        assert_true(t.all - before <= max);
                }
                check_all_once(&t);
                free(t.seen);
        }
        struct tally t = tally_of(map, N);
        struct weft_map_cursor cursor = { 0, 0 };
        while (!(cursor.state & WEFT_MAP_END)) {
                t.stop_at = t.all + 7;
                int rc = weft_map_each(map, &cursor, 0, see, &t);
                assert_true(rc == 4711 || (rc == 0 && t.all == N));
        }
        check_all_once(&t);
        free(t.seen);
        drop_map(map, "m");
}

struct elsewhere {
        struct weft_map_cursor *cursor;
        struct tally *t;
};

static void go_on_elsewhere(void *context)
{
        struct elsewhere *e = context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        weft_map_t *map;
        CHECK(weft_map_open(there, "m", &map) == 0);
        CHECK(weft_map_each(map, e->cursor, 300, see, e->t) == 0);
        weft_map_close(map);
        weft_arena_close(there);
}

/* The cursor means the same in other processes and after the table has become another. */
static void a_cursor_travels(void **state)
{
        enum { N = 1500, MORE = 20000 };
        (void)state;
        for (uint32_t bytes = 0; bytes <= 8; bytes += 8) {
                weft_map_t *map = make_map("m", bytes, bytes, 0);
                struct weft_map_cursor *cursor = common_make(4096);
                struct tally *t = common_make(4096);
                *t = (struct tally){ .map = map, .n = N, .seen = common_make(N) };
                struct elsewhere e = { cursor, t };
                fill(map, 0, N);
                for (int lap = 0; !(cursor->state & WEFT_MAP_END); lap++) {
                        if (lap % 3 == 1)
                                fill(map, N, MORE); /* it grows */
                        if (lap % 3 == 2)
                                for (uint64_t i = N; i < MORE; i++)
                                        empty_one(map, i); /* and shrinks */
                        if (lap % 2)
                                assert_int_equal(child_run(go_on_elsewhere, &e), 0);
                        else
                                assert_int_equal(weft_map_each(map, cursor, 300, see, t),
                                                 0);
                }
                check_all_once(t);
                munmap(t->seen, N);
                munmap(t, 4096);
                munmap(cursor, 4096);
                drop_map(map, "m");
        }
}

static int change_it(struct tally *t, uint64_t i)
{
        char key[32];
        name_of(key, i);
        if (t->map->inlined)
                CHECK(weft_map_put64(t->map, i, i) == 0);
        else
                CHECK(put(t->map, key, "new") == 0);
        if (i % 3 == 0)
                fill(t->map, 1000 + 10 * t->all, 1000 + 10 * t->all + 10);
        return 1;
}

static void each_may_use_the_map(void **state)
{
        enum { N = 600 };
        (void)state;
        for (uint32_t bytes = 0; bytes <= 8; bytes += 8) {
                weft_map_t *map = make_map("m", bytes, bytes, 0);
                struct tally t = tally_of(map, N);
                struct weft_map_cursor cursor = { 0, 0 };
                fill(map, 0, N);
                t.also = change_it;
                assert_int_equal(weft_map_each(map, &cursor, 0, see, &t), 0);
                check_all_once(&t);
                free(t.seen);
                drop_map(map, "m");
        }
}

static int clear_it(struct tally *t, uint64_t i)
{
        empty_one(t->map, i);
        return 1;
}

static void each_may_remove(void **state)
{
        enum { N = 2000 };
        (void)state;
        for (uint32_t bytes = 0; bytes <= 8; bytes += 8) {
                weft_map_t *map = make_map("m", bytes, bytes, 0);
                struct tally t = tally_of(map, N);
                struct weft_map_cursor cursor = { 0, 0 };
                fill(map, 0, N);
                t.also = clear_it;
                assert_int_equal(weft_map_each(map, &cursor, 0, see, &t), 0);
                check_all_once(&t);
                assert_int_equal(weft_map_count(map), 0);
                free(t.seen);
                drop_map(map, "m");
        }
}

static void churn(void *context)
{
        weft_map_t *map = context;
        char key[32];
        for (uint64_t lap = 0;; lap++) {
                uint64_t most = lap % 2 ? 6000 : 300;
                for (uint64_t i = 0; i < most; i++) {
                        name_of(key, i % 500); /* replaced */
                        if (map->inlined)
                                CHECK(weft_map_put64(map, i % 500, i % 500) == 0);
                        else
                                CHECK(put(map, key, key) == 0);
                        fill(map, 10000 + i, 10001 + i);
                }
                for (uint64_t i = 0; i < most; i++)
                        empty_one(map, 10000 + i);
        }
}

/* Keys that stay come once in each of many walks, while another process replaces their
 * values, and has the table grow and shrink. So says count, too. */
static void walks_beside_a_writer(void **state)
{
        enum { N = 500 };
        (void)state;
        for (uint32_t bytes = 0; bytes <= 8; bytes += 8) {
                weft_map_t *map = make_map("m", bytes, bytes, 0);
                fill(map, 0, N);
                pid_t pid = child_start(churn, map);
                for (int lap = 0; lap < 60; lap++) {
                        struct tally t = tally_of(map, N);
                        struct weft_map_cursor cursor = { 0, 0 };
                        uint64_t max = lap % 3 ? 0 : 17;
                        while (!(cursor.state & WEFT_MAP_END))
                                assert_int_equal(
                                        weft_map_each(map, &cursor, max, see, &t), 0);
                        check_all_once(&t);
                        free(t.seen);
                        assert_true(weft_map_count(map) >= N);
                }
                assert_int_equal(child_kill(pid), -SIGKILL);
                (void)recover_count(arena);
                assert_true(weft_map_clear(map) >= N);
                drop_map(map, "m");
                assert_int_equal(object_bytes(), 0);
        }
}

static int see_large(const struct weft_map_entry *entry, void *context)
{
        const uint8_t *value = entry->value;
        for (uint64_t i = 0; i < entry->value_bytes; i++)
                CHECK(value[i] == (uint8_t)(entry->key_bytes));
        ++*(int *)context;
        return 0;
}

static void large_values_too(void **state)
{
        static const uint64_t sizes[] = { 0, 100, 16000, 17000, 1 << 20, 5 << 20, 3 };
        static uint8_t value[5 << 20];
        weft_map_t *map = make_map("m", 0, 0, 0);
        struct weft_map_cursor cursor = { 0, 0 };
        int n = 0;

        (void)state;
        for (uint32_t i = 0; i < 7; i++) {
                memset(value, (int)i + 1, sizes[i]);
                assert_int_equal(weft_map_put(map, "1234567", i + 1, value, sizes[i]), 0);
        }
        assert_int_equal(weft_map_each(map, &cursor, 0, see_large, &n), 0);
        assert_int_equal(n, 7);
        drop_map(map, "m");
}

static void garbage(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        struct tally t = { .map = map };
        struct weft_map_cursor cursor = { 0, 0 };

        (void)state;
        assert_int_equal(weft_map_each(NULL, &cursor, 0, see, &t), -EINVAL);
        assert_int_equal(weft_map_each(map, NULL, 0, see, &t), -EINVAL);
        assert_int_equal(weft_map_each(map, &cursor, 0, NULL, &t), -EINVAL);
        assert_int_equal(weft_map_count(NULL), -EINVAL);
        assert_int_equal(weft_map_clear(NULL), -EINVAL);
        fill(map, 0, 100);
        for (uint64_t at = 1; at; at <<= 3) /* whatever a cursor says */
                for (uint64_t s = 0; s < 64; s += 9) {
                        cursor = (struct weft_map_cursor){ at, UINT64_MAX >> s };
                        assert_int_equal(weft_map_each(map, &cursor, 0, see, &t), 0);
                }
        drop_map(map, "m");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(every_key_once),   TEST(it_goes_on_from_a_cursor),
                TEST(a_cursor_travels), TEST(each_may_use_the_map),
                TEST(each_may_remove),  TEST(walks_beside_a_writer),
                TEST(large_values_too), TEST(garbage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
