/* tests/unit/set_test.c */
#define _GNU_SOURCE
#include <time.h>

#include <weft/set.h>

#include "structures/map_block.h"
#include "tests/unit/map_kit.h"

static weft_set_t *make_set(const char *name, uint32_t bytes)
{
        struct weft_set_options o = { .entries = 8, .member_bytes = bytes };
        weft_set_t *set = NULL;
        CHECK(weft_set_create(arena, name, &o, &set) == 0 && set);
        return set;
}

static void drop_set(weft_set_t *set, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_set_close(set);
}

/* Member i, of 8 bytes or as a word. */
static uint32_t member(char *at, uint32_t bytes, uint64_t i)
{
        if (bytes == 8) {
                memcpy(at, &i, 8);
                return 8;
        }
        name_of(at, i);
        return length(at);
}

static uint64_t number(const void *at, uint32_t bytes)
{
        char text[33] = { 0 };
        unsigned long long i;
        uint64_t v;
        if (bytes == 8 && memcmp(at, "key ", 4)) {
                memcpy(&v, at, 8);
                return v;
        }
        CHECK(bytes < sizeof text);
        memcpy(text, at, bytes);
        CHECK(sscanf(text, "key %llu", &i) == 1);
        return i;
}

static void fill_set(weft_set_t *set, uint32_t bytes, uint64_t from, uint64_t to,
                     uint64_t step)
{
        char at[32];
        for (uint64_t i = from; i < to; i += step)
                CHECK(weft_set_insert(set, at, member(at, bytes, i)) == 0);
}

static void members_are_in_it(void **state)
{
        (void)state;
        for (uint32_t bytes = 0; bytes <= 8; bytes += 8) {
                weft_set_t *set = make_set("s", bytes), *other;
                struct weft_map_info info;
                char at[32];
                for (uint64_t i = 0; i < 3000; i++) {
                        uint32_t n = member(at, bytes, i);
                        assert_int_equal(weft_set_contains(set, at, n), 0);
                        assert_int_equal(weft_set_insert(set, at, n), 0);
                        assert_int_equal(weft_set_contains(set, at, n), 1);
                        assert_int_equal(weft_set_insert(set, at, n), -EEXIST);
                }
                assert_int_equal(weft_set_count(set), 3000);
                assert_int_equal(weft_set_info(set, &info), 0);
                assert_int_equal(info.entries, 3000);
                assert_int_equal(info.flags, 0);
                assert_int_equal(weft_set_open(arena, "s", &other), 0);
                for (uint64_t i = 0; i < 3000; i += 2) {
                        uint32_t n = member(at, bytes, i);
                        assert_int_equal(weft_set_remove(other, at, n), 0);
                        assert_int_equal(weft_set_remove(set, at, n), -ENOENT);
                }
                for (uint64_t i = 0; i < 3000; i++)
                        assert_int_equal(weft_set_contains(set, at, member(at, bytes, i)),
                                         (int)(i % 2));
                assert_int_equal(weft_set_clear(other), 1500);
                assert_int_equal(weft_set_count(set), 0);
                weft_set_close(other);
                drop_set(set, "s");
                assert_int_equal(object_bytes(), 0);
        }
}

struct tally {
        uint8_t seen[400];
        int n, stop_at;
};

static int see(const void *at, uint32_t bytes, void *context)
{
        struct tally *t = context;
        uint64_t i = number(at, bytes);
        CHECK(i < sizeof t->seen);
        t->seen[i]++;
        return ++t->n == t->stop_at ? 4711 : 0;
}

static void two_sets(void **state)
{
        (void)state;
        for (uint32_t bytes = 0; bytes <= 8; bytes += 8) {
                weft_set_t *a = make_set("a", bytes), *b = make_set("b", bytes);
                struct tally t = { .n = 0 };
                fill_set(a, bytes, 0, 300, 2);
                fill_set(b, bytes, 0, 300, 3);
                assert_int_equal(weft_set_intersect(a, b, see, &t), 50);
                for (uint64_t i = 0; i < 300; i++)
                        assert_int_equal(t.seen[i], i % 6 == 0);
                t = (struct tally){ .n = 0 };
                assert_int_equal(weft_set_union(a, b, see, &t), 200);
                for (uint64_t i = 0; i < 300; i++)
                        assert_int_equal(t.seen[i], i % 2 == 0 || i % 3 == 0);
                t = (struct tally){ .n = 0 };
                assert_int_equal(weft_set_difference(a, b, see, &t), 100);
                for (uint64_t i = 0; i < 300; i++)
                        assert_int_equal(t.seen[i], i % 2 == 0 && i % 3 != 0);
                assert_int_equal(weft_set_difference(b, a, NULL, NULL), 50);
                assert_int_equal(weft_set_union(a, a, NULL, NULL), 150);
                assert_int_equal(weft_set_intersect(a, a, NULL, NULL), 150);
                assert_int_equal(weft_set_difference(a, a, NULL, NULL), 0);
                t = (struct tally){ .stop_at = 10 };
                assert_int_equal(weft_set_union(a, b, see, &t), 4711);
                assert_int_equal(t.n, 10);
                drop_set(a, "a");
                drop_set(b, "b");
        }
}

/* Members of which the other set can have none. */
static void sets_of_two_kinds_in_two_arenas(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        struct weft_set_options so = { .member_bytes = 8 };
        weft_arena_t *second;
        weft_set_t *a = make_set("a", 0), *b;
        uint64_t v = UINT64_C(0x3031323320796578); /* no "key " */

        (void)state;
        assert_int_equal(weft_arena_create(NULL, &o, &second), 0);
        assert_int_equal(weft_set_create(second, "b", &so, &b), 0);
        fill_set(a, 0, 0, 100, 1);
        assert_int_equal(weft_set_insert(a, &v, 8), 0);
        assert_int_equal(weft_set_insert(b, &v, 8), 0);
        v++;
        assert_int_equal(weft_set_insert(b, &v, 8), 0);
        assert_int_equal(weft_set_intersect(a, b, NULL, NULL), 1);
        assert_int_equal(weft_set_intersect(b, a, NULL, NULL), 1);
        assert_int_equal(weft_set_difference(a, b, NULL, NULL), 100);
        assert_int_equal(weft_set_union(b, a, NULL, NULL), 102);
        weft_set_close(b);
        weft_arena_close(second);
        drop_set(a, "a");
}

static void walking(void **state)
{
        weft_set_t *set = make_set("s", 0);
        struct weft_map_cursor cursor = { 0, 0 };
        struct tally t = { .n = 0 };

        (void)state;
        fill_set(set, 0, 0, 400, 1);
        for (int i = 0; !(cursor.state & WEFT_MAP_END); i++)
                assert_int_equal(weft_set_each(set, &cursor, 7, see, &t), 0);
        for (uint64_t i = 0; i < 400; i++)
                assert_int_equal(t.seen[i], 1);
        drop_set(set, "s");
}

static void garbage(void **state)
{
        struct weft_set_options o = { .flags = 1 };
        weft_set_t *set = make_set("s", 0), *other;
        weft_map_t *map;
        struct weft_map_cursor cursor = { 0, 0 };

        (void)state;
        errno = 4711;
        assert_int_equal(weft_set_create(arena, "x", &o, &other), -EINVAL);
        o = (struct weft_set_options){ .member_bytes = 70000 };
        assert_int_equal(weft_set_create(arena, "x", &o, &other), -EINVAL);
        o = (struct weft_set_options){ .member_bytes = 9 };
        assert_int_equal(weft_set_create(arena, "x", NULL, &other), -EINVAL);
        assert_int_equal(weft_set_create(arena, "s", &o, &other), -EEXIST);
        assert_int_equal(weft_set_create_or_open(arena, "s", &o, &other), -EPROTO);
        assert_int_equal(weft_map_open(arena, "s", &map), -EPROTO);
        map = make_map("m", 0, 0, 0);
        assert_int_equal(weft_set_open(arena, "m", &other), -EPROTO);
        assert_int_equal(weft_set_insert(set, "", 0), -EINVAL);
        assert_int_equal(weft_set_insert(set, NULL, 1), -EINVAL);
        assert_int_equal(weft_set_insert(NULL, "a", 1), -EINVAL);
        assert_int_equal(weft_set_contains(set, "a", 70000), -EINVAL);
        assert_int_equal(weft_set_contains(NULL, "a", 1), -EINVAL);
        assert_int_equal(weft_set_remove(NULL, "a", 1), -EINVAL);
        assert_int_equal(weft_set_each(set, &cursor, 0, NULL, NULL), -EINVAL);
        assert_int_equal(weft_set_union(set, NULL, NULL, NULL), -EINVAL);
        assert_int_equal(weft_set_count(NULL), -EINVAL);
        assert_int_equal(weft_set_clear(NULL), -EINVAL);
        assert_int_equal(weft_set_owner(NULL).v, 0);
        assert_int_not_equal(weft_set_owner(set).v, 0);
        weft_set_close(NULL);
        assert_int_equal(errno, 4711);
        drop_map(map, "m");
        drop_set(set, "s");
}

static void elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        weft_set_t *set;
        (void)unused;
        CHECK(weft_set_open(there, "s", &set) == 0);
        CHECK(weft_set_contains(set, "key 7", 5) == 1);
        CHECK(weft_set_contains(set, "key 700", 7) == 0);
        CHECK(weft_set_count(set) == 100);
        CHECK(weft_set_insert(set, "x", 1) == -EROFS);
        CHECK(weft_set_remove(set, "key 7", 5) == -EROFS);
        CHECK(weft_set_clear(set) == -EROFS);
        weft_set_close(set);
        weft_arena_close(there);
}

static void others_read_it(void **state)
{
        weft_set_t *set = make_set("s", 0);
        (void)state;
        fill_set(set, 0, 0, 100, 1);
        assert_int_equal(child_run(elsewhere, NULL), 0);
        drop_set(set, "s");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(members_are_in_it),
                TEST(two_sets),
                TEST(sets_of_two_kinds_in_two_arenas),
                TEST(walking),
                TEST(garbage),
                TEST(others_read_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
