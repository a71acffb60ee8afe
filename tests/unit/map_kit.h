/* tests/unit/map_kit.h -- what the tests of maps share: a fresh arena each, small helpers. */
#ifndef WEFT_TESTS_UNIT_MAP_KIT_H
#define WEFT_TESTS_UNIT_MAP_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/map.h>

#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */

static inline int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static inline int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static inline struct weft_census census_of(weft_arena_t *a)
{
        struct weft_census census;
        CHECK(weft_arena_check(a, &census) == 0);
        return census;
}

static inline uint64_t object_bytes(void)
{
        return census_of(arena).object_bytes;
}

static inline weft_map_t *make_map(const char *name, uint32_t key_bytes,
                                   uint32_t value_bytes, uint32_t flags)
{
        struct weft_map_options o = {
                .entries = 16,
                .key_bytes = key_bytes,
                .value_bytes = value_bytes,
                .flags = flags,
        };
        weft_map_t *map = NULL;
        CHECK(weft_map_create(arena, name, &o, &map) == 0 && map);
        return map;
}

static inline void drop_map(weft_map_t *map, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_map_close(map);
}

/* Keys and values as strings. */
static inline uint32_t length(const char *s)
{
        return (uint32_t)strlen(s);
}

static inline int put(weft_map_t *map, const char *key, const char *value)
{
        return weft_map_put(map, key, length(key), value, strlen(value));
}

/* Is it what the key has? NULL: it has none. */
static inline int has(weft_map_t *map, const char *key, const char *value)
{
        char at[256];
        uint64_t bytes = sizeof at;
        int rc = weft_map_get(map, key, length(key), at, &bytes, NULL);
        if (!value)
                return rc == -ENOENT;
        return rc == 0 && bytes == strlen(value) && memcmp(at, value, bytes) == 0;
}

static inline void name_of(char *to, uint64_t i)
{
        CHECK(snprintf(to, 32, "key %llu", (unsigned long long)i) > 0);
}

static inline uint64_t now_ms(void)
{
        struct timespec t;
        CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

#endif
