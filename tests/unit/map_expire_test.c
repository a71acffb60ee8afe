/* tests/unit/map_expire_test.c -- entries that are over at a time. No test waits for one:
 * a time that has come is as good. */
#define _GNU_SOURCE
#include <time.h>

#include "structures/map_block.h"
#include "tests/unit/map_kit.h"

enum { LONG = 3600 * 1000 };

static int put_until(weft_map_t *map, const char *key, const char *value, uint64_t when)
{
        return weft_map_put_until(map, key, length(key), value, strlen(value), when);
}

static int is_all(const struct weft_map_entry *entry, void *context)
{
        (void)entry;
        ++*(uint64_t *)context;
        return 0;
}

static uint64_t walked(weft_map_t *map)
{
        struct weft_map_cursor cursor = { 0, 0 };
        uint64_t n = 0;
        CHECK(weft_map_each(map, &cursor, 0, is_all, &n) == 0);
        return n;
}

static void what_is_over_is_not_there(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, WEFT_MAP_EXPIRY);
        uint64_t past = now_ms() - 1, future = now_ms() + LONG, bytes = 8, version = 0;
        struct weft_map_view view;
        char at[8];

        (void)state;
        assert_int_equal(put_until(map, "past", "v", past), 0);
        assert_int_equal(put_until(map, "future", "v", future), 0);
        assert_int_equal(put_until(map, "never", "v", 0), 0);
        assert_true(has(map, "past", NULL));
        assert_true(has(map, "future", "v"));
        assert_true(has(map, "never", "v"));
        assert_int_equal(weft_map_count(map), 2);
        assert_int_equal(walked(map), 2);

        assert_int_equal(put_until(map, "k", "v", past), 0);
        assert_int_equal(weft_map_replace(map, "k", 1, "w", 1), -ENOENT);
        assert_int_equal(put_until(map, "k", "v", past), 0);
        assert_int_equal(weft_map_remove(map, "k", 1), -ENOENT);
        assert_int_equal(put_until(map, "k", "v", past), 0);
        version = 0;
        assert_int_equal(weft_map_remove_if(map, "k", 1, &version), -ENOENT);
        assert_int_equal(put_until(map, "k", "v", past), 0);
        assert_int_equal(weft_map_view(map, "k", 1, &view), -ENOENT);
        assert_int_equal(weft_map_expire(map, "k", 1, future), -ENOENT);
        assert_int_equal(put_until(map, "k", "v", past), 0);
        assert_int_equal(weft_map_insert(map, "k", 1, "inserted", 8), 0);
        assert_true(has(map, "k", "inserted")); /* its time went with the old one */
        assert_int_equal(put_until(map, "k", "v", past), 0);
        assert_int_equal(weft_map_get_or_insert(map, "k", 1, "fresh", 5, at, &bytes), 1);
        assert_true(has(map, "k", "fresh"));
        assert_int_equal(put_until(map, "k", "12345678", past), 0);
        assert_int_equal(weft_map_add(map, "k", 1, 3, &bytes), 0);
        assert_int_equal(bytes, 3);
        assert_int_equal(put_until(map, "k", "v", past), 0);
        assert_int_equal(weft_map_cas(map, "k", 1, "cas", 3, &version), 0);
        assert_int_not_equal(version, 0);
        assert_true(has(map, "k", "cas"));
        assert_int_equal(put_until(map, "k", "v", past), 0);
        assert_int_equal(weft_map_cas(map, "k", 1, "cas", 3, &version), -EAGAIN);
        assert_int_equal(version, 0);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void times_are_told_and_taken_away(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, WEFT_MAP_EXPIRY);
        uint64_t past = now_ms() - 1, future = now_ms() + LONG, v0 = 0, v1 = 0, bytes = 0;

        (void)state;
        assert_int_equal(put(map, "k", "value"), 0);
        assert_int_equal(weft_map_expire(map, "k", 1, future), 0);
        assert_true(has(map, "k", "value"));
        assert_int_equal(weft_map_expire(map, "k", 1, past), 0);
        assert_true(has(map, "k", NULL));
        assert_int_equal(weft_map_expire(map, "k", 1, future), -ENOENT);
        assert_int_equal(weft_map_expire(map, "none", 4, future), -ENOENT);

        assert_int_equal(put_until(map, "k", "value", future), 0);
        assert_int_equal(weft_map_expire(map, "k", 1, 0), 0);
        assert_int_equal(put_until(map, "a", "12345678", future), 0);
        assert_int_equal(weft_map_get(map, "a", 1, NULL, &bytes, &v0), -EOVERFLOW);
        assert_int_equal(weft_map_add(map, "a", 1, 1, NULL), 0); /* keeps its time */
        bytes = 0;
        assert_int_equal(weft_map_get(map, "a", 1, NULL, &bytes, &v1), -EOVERFLOW);
        assert_true(v1 > v0);

        struct weft_map_cursor cursor = { 0, 0 };
        uint64_t n = 0;
        assert_int_equal(weft_map_each(map, &cursor, 0, is_all, &n), 0);
        assert_int_equal(n, 2);
        drop_map(map, "m");
}

static int see_time(const struct weft_map_entry *entry, void *context)
{
        *(uint64_t *)context = entry->expires_ms;
        return 0;
}

static uint64_t time_of(weft_map_t *map)
{
        struct weft_map_cursor cursor = { 0, 0 };
        uint64_t when = 4711;
        CHECK(weft_map_each(map, &cursor, 0, see_time, &when) == 0);
        return when;
}

static void what_keeps_and_what_clears_a_time(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, WEFT_MAP_EXPIRY);
        uint64_t future = now_ms() + LONG, version = 0;

        (void)state;
        assert_int_equal(put_until(map, "k", "12345678", future), 0);
        assert_int_equal(time_of(map), future);
        assert_int_equal(weft_map_add(map, "k", 1, 1, NULL), 0);
        assert_int_equal(time_of(map), future);
        assert_int_equal(weft_map_expire(map, "k", 1, future + 1), 0);
        assert_int_equal(time_of(map), future + 1);
        assert_int_equal(put(map, "k", "v"), 0);
        assert_int_equal(time_of(map), 0);
        assert_int_equal(put_until(map, "k", "v", future), 0);
        assert_int_equal(weft_map_replace(map, "k", 1, "w", 1), 0);
        assert_int_equal(time_of(map), 0);
        assert_int_equal(put_until(map, "k", "v", future), 0);
        assert_int_equal(weft_map_cas(map, "k", 1, "w", 1, &version), -EAGAIN);
        assert_int_equal(weft_map_cas(map, "k", 1, "w", 1, &version), 0);
        assert_int_equal(time_of(map), 0);
        drop_map(map, "m");
}

static void a_sweep_clears_away(void **state)
{
        enum { N = 5000 };
        weft_map_t *map = make_map("m", 0, 0, WEFT_MAP_EXPIRY);
        uint64_t soon = now_ms() + LONG, past = now_ms() - 1;
        char key[32];

        (void)state;
        for (uint64_t i = 0; i < N; i++) {
                name_of(key, i);
                assert_int_equal(put_until(map, key, "value", soon), 0);
        }
        assert_int_equal(weft_map_sweep(map, 0), 0);
        for (uint64_t i = 0; i < N; i += 2) {
                name_of(key, i);
                assert_int_equal(weft_map_expire(map, key, length(key), past), 0);
        }
        assert_int_equal(weft_map_count(map), N / 2);
        assert_true(weft_map_sweep(map, 0) >= 0);
        assert_int_equal(weft_map_sweep(map, 0), 0);
        assert_int_equal(weft_map_count(map), N / 2);
        for (uint64_t i = 0; i < N; i++) {
                name_of(key, i);
                assert_true(has(map, key, i % 2 ? "value" : NULL));
        }
        assert_int_equal(weft_map_clear(map), N / 2);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

/* What is over goes by itself as long as anybody changes anything. */
static void changes_help_to_sweep(void **state)
{
        enum { N = 2000 };
        weft_map_t *map = make_map("m", 0, 0, WEFT_MAP_EXPIRY);
        struct weft_map_info info;
        uint64_t past = now_ms() - 1;
        char key[32];

        (void)state;
        for (uint64_t i = 0; i < N; i++) {
                name_of(key, i);
                assert_int_equal(put_until(map, key, "value", past), 0);
        }
        assert_int_equal(weft_map_count(map), 0);
        for (int i = 0; i < 20 * N; i++)
                assert_int_equal(put(map, "k", "v"), 0);
        assert_int_equal(weft_map_info(map, &info), 0);
        assert_int_equal(info.entries, 1);
        assert_int_equal(weft_map_sweep(map, 0), 0);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void a_sweep_by_and_by(void **state)
{
        enum { N = 1000 };
        weft_map_t *map = make_map("m", 0, 0, WEFT_MAP_EXPIRY);
        uint64_t past = now_ms() - 1;
        int64_t removed = 0, before;
        char key[32];

        (void)state;
        for (uint64_t i = 0; i < N; i++) {
                name_of(key, i);
                assert_int_equal(put_until(map, key, "value", past), 0);
        }
        before = weft_map_sweep(map, 1);
        assert_true(before >= 0 && before < 64);
        for (int i = 0; i < 10000 && removed >= 0; i++)
                removed = weft_map_sweep(map, 10);
        assert_int_equal(removed, 0);
        assert_int_equal(weft_map_sweep(map, 0), 0);
        drop_map(map, "m");
}

static void only_in_maps_made_so(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0), *fast = make_map("f", 8, 8, 0),
                   *word = make_map("w", 8, 8, WEFT_MAP_EXPIRY), *other;
        struct weft_map_options o = { .flags = WEFT_MAP_EXPIRY };
        uint64_t k = 1, v = 2, past = now_ms() - 1;

        (void)state;
        assert_int_equal(weft_map_put_until(map, "k", 1, "v", 1, 1), -EPROTO);
        assert_int_equal(weft_map_expire(map, "k", 1, 1), -EPROTO);
        assert_int_equal(weft_map_sweep(map, 0), -EPROTO);
        assert_int_equal(weft_map_put_until(fast, &k, 8, &v, 8, 1), -EPROTO);
        assert_int_equal(weft_map_expire(fast, &k, 8, 1), -EPROTO);
        assert_int_equal(weft_map_create_or_open(arena, "m", &o, &other), -EPROTO);
        assert_int_equal(weft_map_put_until(word, &k, 8, &v, 8, past), 0);
        assert_int_equal(weft_map_get(word, &k, 8, &v, NULL, NULL), -ENOENT);
        assert_int_equal(weft_map_put(word, &k, 8, &v, 8), 0);
        assert_int_equal(weft_map_get(word, &k, 8, &v, NULL, NULL), 0);
        assert_int_equal(v, 2);
        assert_int_equal(weft_map_put_until(NULL, "k", 1, "v", 1, 1), -EINVAL);
        assert_int_equal(weft_map_expire(NULL, "k", 1, 1), -EINVAL);
        assert_int_equal(weft_map_sweep(NULL, 0), -EINVAL);
        drop_map(map, "m");
        drop_map(fast, "f");
        drop_map(word, "w");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_is_over_is_not_there),
                TEST(times_are_told_and_taken_away),
                TEST(what_keeps_and_what_clears_a_time),
                TEST(a_sweep_clears_away),
                TEST(changes_help_to_sweep),
                TEST(a_sweep_by_and_by),
                TEST(only_in_maps_made_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
