/* tests/stress/map_block_stress.c -- maps with entries in blocks, under a crew that is killed
 * and stopped at random: every value is one that somebody put, keys that stay are always
 * there, nothing leaks. Then churn: at a constant population memory does not grow. */
#define _GNU_SOURCE
#include <string.h>

#include <weft/weft.h>

#include <weft/map.h>

#include "tests/soak.h"

enum {
        KEYS = 300,
        STAY = 100,     /* the first of them are never removed */
        LONGEST = 2000, /* bytes of a value */
        POPULATION = 20000,
};

static weft_arena_t *arena;
static weft_map_t *map;

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

/* ---- values ---------------------------------------------------------------------- */

static uint32_t key_of(uint64_t i, char at[64])
{
        memset(at, 'k', 64);
        memcpy(at, &i, sizeof i);
        return 8 + (uint32_t)(i % 40);
}

/* A value tells its key and its length, and is of one byte else. */
static uint64_t fill(uint8_t *at, uint64_t i, uint64_t random)
{
        uint64_t bytes = 24 + random % (LONGEST - 24);
        memset(at, (int)(i + bytes), bytes);
        memcpy(at, &i, 8);
        memcpy(at + 8, &bytes, 8);
        return bytes;
}

static void check_value(const uint8_t *at, uint64_t n, uint64_t i)
{
        uint64_t key, bytes;
        CHECK(n >= 24 && n <= LONGEST);
        memcpy(&key, at, 8);
        memcpy(&bytes, at + 8, 8);
        CHECK(key == i && bytes == n);
        for (uint64_t k = 16; k < n; k++)
                CHECK(at[k] == (uint8_t)(i + n));
}

/* ---- the crew ---------------------------------------------------------------------- */

static void write_one(uint64_t i, uint64_t *random)
{
        uint8_t value[LONGEST];
        char key[64];
        uint32_t n = key_of(i, key);
        uint64_t bytes = fill(value, i, soak_random(random)), version = 0, none = 0;
        int rc = 0;
        switch (soak_random(random) % 8) {
        case 0:
                if (i >= STAY)
                        rc = weft_map_remove(map, key, n);
                break;
        case 1:
                rc = weft_map_insert(map, key, n, value, bytes);
                break;
        case 2:
                rc = weft_map_replace(map, key, n, value, bytes);
                break;
        case 3:
                (void)!weft_map_get(map, key, n, NULL, &none, &version);
                rc = weft_map_cas(map, key, n, value, bytes, &version);
                break;
        case 4:
                rc = weft_map_expire(map, key, n, i >= STAY ? 1 : UINT64_MAX);
                break;
        case 5:
                rc = weft_map_put_until(map, key, n, value, bytes,
                                        i >= STAY ? 1 : UINT64_MAX);
                break;
        default:
                rc = weft_map_put(map, key, n, value, bytes);
        }
        CHECK(rc == 0 || rc == -ENOENT || rc == -EEXIST || rc == -EAGAIN);
}

static void read_one(uint64_t i, uint64_t *random)
{
        uint8_t value[LONGEST];
        char key[64];
        uint32_t n = key_of(i, key);
        uint64_t bytes = sizeof value;
        if (soak_random(random) % 2) {
                int rc = weft_map_get(map, key, n, value, &bytes, NULL);
                CHECK(rc == 0 || (rc == -ENOENT && i >= STAY));
                if (!rc)
                        check_value(value, bytes, i);
                return;
        }
        struct weft_map_view views[3];
        for (uint64_t k = 0; k < 3; k++) {
                n = key_of((i + k) % KEYS, key);
                int rc = weft_map_view(map, key, n, &views[k]);
                CHECK(rc == 0 || (rc == -ENOENT && (i + k) % KEYS >= STAY));
        }
        write_one(i, random);
        for (uint64_t k = 0; k < 3; k++)
                if (views[k].value) {
                        check_value(views[k].value, views[k].bytes, (i + k) % KEYS);
                        weft_map_view_end(map, &views[k]);
                }
}

static int see(const struct weft_map_entry *entry, void *context)
{
        uint8_t *seen = context;
        uint64_t i;
        memcpy(&i, entry->key, 8);
        CHECK(i < KEYS);
        check_value(entry->value, entry->value_bytes, i);
        seen[i]++;
        return 0;
}

static void walk(void)
{
        uint8_t seen[KEYS] = { 0 };
        struct weft_map_cursor cursor = { 0, 0 };
        CHECK(weft_map_each(map, &cursor, 0, see, seen) == 0);
        for (int i = 0; i < STAY; i++)
                CHECK(seen[i] == 1);
}

static void work(void *unused)
{
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        (void)unused;
        for (uint64_t lap = 1;; lap++) {
                uint64_t i = soak_random(&random) % KEYS;
                if (soak_random(&random) % 2)
                        write_one(i, &random);
                else
                        read_one(i, &random);
                if (lap % 500 == 0)
                        walk();
                if (lap % 700 == 0)
                        CHECK(weft_map_sweep(map, 0) >= 0);
        }
}

static void crew_at_work(void)
{
        struct weft_arena_options ao = { .max_bytes = 64 << 20 };
        struct weft_map_options o = { .flags = WEFT_MAP_EXPIRY };
        struct soak soak = { .work = work, .crew = 4 };
        uint64_t random = 1, until = soak_until(3);
        uint8_t value[LONGEST];
        char key[64];

        CHECK(weft_arena_create(NULL, &ao, &arena) == 0);
        CHECK(weft_map_create(arena, "m", &o, &map) == 0);
        for (uint64_t i = 0; i < STAY; i++) {
                uint64_t bytes = fill(value, i, soak_random(&random));
                CHECK(weft_map_put(map, key, key_of(i, key), value, bytes) == 0);
        }
        soak_begin(&soak);
        while (weft_now() < until) {
                soak_step(&soak);
                walk();
        }
        soak_end(&soak);
        (void)recover_count(arena);
        check_whole(arena);
        walk();
        for (uint64_t i = 0; i < KEYS; i++)
                CHECK(weft_map_put(map, key, key_of(i, key), value, 24) == 0);
        CHECK(weft_map_count(map) == KEYS);
        CHECK(weft_map_clear(map) == KEYS);
        CHECK(weft_object_remove(arena, "m") == 0);
        weft_map_close(map);
        check_whole(arena);
        CHECK(object_bytes() == 0);
        weft_arena_close(arena);
        fprintf(stderr, "%u kills, %u stops\n", soak.kills, soak.stops);
}

/* ---- churn --------------------------------------------------------------------------- */

static uint64_t turns(void)
{
        const char *asked = getenv("WEFT_CHURN");
        return asked ? strtoull(asked, NULL, 10) : 100000;
}

struct half {
        uint64_t first; /* its keys: every second from here */
};

/* Removes the oldest, inserts a new one. */
static void turn_over(void *context)
{
        const struct half *half = context;
        uint8_t value[LONGEST];
        char key[64];
        for (uint64_t i = half->first; i < turns(); i += 2) {
                uint64_t bytes = fill(value, POPULATION + i, i * 7919 % 200);
                CHECK(weft_map_remove(map, key, key_of(i, key)) == 0);
                uint32_t n = key_of(POPULATION + i, key);
                CHECK(weft_map_insert(map, key, n, value, bytes) == 0);
        }
}

static void churn(void)
{
        struct weft_arena_options ao = { .max_bytes = UINT64_C(256) << 20 };
        struct weft_map_options o = { .entries = POPULATION };
        struct weft_arena_info before, after;
        struct half halves[2] = { { 0 }, { 1 } };
        uint8_t value[LONGEST];
        char key[64];

        CHECK(weft_arena_create(NULL, &ao, &arena) == 0);
        CHECK(weft_map_create(arena, "m", &o, &map) == 0);
        for (uint64_t i = 0; i < POPULATION; i++) {
                uint64_t bytes = fill(value, i, i * 7919 % 200);
                CHECK(weft_map_put(map, key, key_of(i, key), value, bytes) == 0);
        }
        CHECK(weft_arena_info(arena, &before) == 0);
        pid_t other = child_start(turn_over, &halves[1]);
        turn_over(&halves[0]);
        CHECK(child_end(other) == 0);
        (void)recover_count(arena);
        CHECK(weft_map_count(map) == POPULATION);
        CHECK(weft_arena_info(arena, &after) == 0);
        fprintf(stderr, "churn: used %llu -> %llu, committed %llu -> %llu\n",
                (unsigned long long)before.used_bytes,
                (unsigned long long)after.used_bytes,
                (unsigned long long)before.committed_bytes,
                (unsigned long long)after.committed_bytes);
        CHECK(after.used_bytes <= before.used_bytes + before.used_bytes / 5);
        CHECK(after.committed_bytes <=
              before.committed_bytes + before.committed_bytes / 5 + (4 << 20));
        CHECK(weft_object_remove(arena, "m") == 0);
        weft_map_close(map);
        check_whole(arena);
        CHECK(object_bytes() == 0);
        weft_arena_close(arena);
}

int main(void)
{
        crew_at_work();
        churn();
        return 0;
}
