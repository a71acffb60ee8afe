/* tests/unit/map_block_test.c -- maps with keys and values of any length. */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>

#include "structures/map_block.h"
#include "tests/unit/map_kit.h"

static void what_is_put_is_there(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        uint64_t bytes, version = 0, first;
        char at[16];

        (void)state;
        assert_int_equal(put(map, "a", "one"), 0);
        assert_int_equal(put(map, "another key, longer than most", ""), 0);
        assert_true(has(map, "a", "one"));
        assert_true(has(map, "another key, longer than most", ""));
        assert_true(has(map, "b", NULL));
        assert_int_equal(put(map, "a", "two and more"), 0);
        assert_true(has(map, "a", "two and more"));
        assert_int_equal(weft_map_count(map), 2);

        bytes = 4;
        assert_int_equal(weft_map_get(map, "a", 1, at, &bytes, &first), -EOVERFLOW);
        assert_int_equal(bytes, 12);
        bytes = 0;
        assert_int_equal(weft_map_get(map, "a", 1, NULL, &bytes, &version), -EOVERFLOW);
        assert_int_equal(bytes, 12);
        assert_int_equal(version, first);
        assert_int_not_equal(version, 0);
        assert_int_equal(weft_map_get(map, "a", 1, at, NULL, NULL), -EINVAL);

        assert_int_equal(weft_map_insert(map, "a", 1, "x", 1), -EEXIST);
        assert_int_equal(weft_map_insert(map, "b", 1, "x", 1), 0);
        assert_int_equal(weft_map_replace(map, "c", 1, "y", 1), -ENOENT);
        assert_int_equal(weft_map_replace(map, "b", 1, "y", 1), 0);
        assert_true(has(map, "b", "y"));
        assert_int_equal(weft_map_remove(map, "b", 1), 0);
        assert_int_equal(weft_map_remove(map, "b", 1), -ENOENT);
        assert_true(has(map, "b", NULL));
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void versions_only_grow(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        uint64_t v = 0, w, bytes = 0;

        (void)state;
        assert_int_equal(weft_map_cas(map, "k", 1, "a", 1, &v), 0); /* not there: 0 */
        assert_int_not_equal(v, 0);
        w = v;
        assert_int_equal(weft_map_cas(map, "k", 1, "b", 1, &w), 0);
        assert_true(w > v);
        assert_int_equal(weft_map_cas(map, "k", 1, "c", 1, &v), -EAGAIN);
        assert_int_equal(v, w);
        assert_true(has(map, "k", "b"));
        v = 0;
        assert_int_equal(weft_map_cas(map, "k", 1, "c", 1, &v), -EAGAIN);
        assert_int_equal(v, w);
        v = w + 1;
        assert_int_equal(weft_map_remove_if(map, "k", 1, &v), -EAGAIN);
        assert_int_equal(v, w);
        assert_int_equal(weft_map_remove_if(map, "k", 1, &v), 0);
        assert_int_equal(v, 0);
        assert_int_equal(weft_map_remove_if(map, "k", 1, &v), -ENOENT);
        v = w;
        assert_int_equal(weft_map_remove_if(map, "k", 1, &v), -EAGAIN);
        assert_int_equal(v, 0);
        assert_int_equal(put(map, "k", "d"), 0);
        assert_int_equal(weft_map_get(map, "k", 1, NULL, &bytes, &v), -EOVERFLOW);
        assert_true(v > w);
        drop_map(map, "m");
}

static void adding(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0), *fixed = make_map("f", 0, 8, 0),
                   *other = make_map("o", 0, 4, 0);
        uint64_t now, v;

        (void)state;
        assert_int_equal(weft_map_add(map, "n", 1, 5, &now), 0);
        assert_int_equal(now, 5);
        assert_int_equal(weft_map_add(map, "n", 1, UINT64_MAX, &now), 0);
        assert_int_equal(now, 4);
        assert_int_equal(put(map, "s", "seven b"), 0);
        assert_int_equal(weft_map_add(map, "s", 1, 1, &now), -EPROTO);
        assert_true(has(map, "s", "seven b"));
        for (uint64_t i = 1; i <= 100; i++)
                assert_int_equal(weft_map_add(fixed, "n", 1, i, &now), 0);
        assert_int_equal(now, 5050);
        assert_int_equal(weft_map_get(fixed, "n", 1, &v, NULL, NULL), 0);
        assert_int_equal(v, 5050);
        assert_int_equal(weft_map_add(other, "n", 1, 1, NULL), -EPROTO);
        drop_map(map, "m");
        drop_map(fixed, "f");
        drop_map(other, "o");
}

static void get_or_insert(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        char at[8];
        uint64_t bytes = sizeof at;

        (void)state;
        assert_int_equal(weft_map_get_or_insert(map, "k", 1, "first", 5, at, &bytes), 1);
        assert_int_equal(weft_map_get_or_insert(map, "k", 1, "second", 6, at, &bytes), 0);
        assert_int_equal(bytes, 5);
        assert_memory_equal(at, "first", 5);
        bytes = 2;
        assert_int_equal(weft_map_get_or_insert(map, "k", 1, "third", 5, at, &bytes),
                         -EOVERFLOW);
        assert_int_equal(bytes, 5);
        drop_map(map, "m");
}

static void garbage_arguments(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0), *fixed = make_map("f", 16, 32, 0);
        char key[64] = { 0 };
        uint64_t bytes = 64, v;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_map_put(NULL, "k", 1, "v", 1), -EINVAL);
        assert_int_equal(weft_map_put(map, NULL, 1, "v", 1), -EINVAL);
        assert_int_equal(weft_map_put(map, "k", 0, "v", 1), -EINVAL);
        assert_int_equal(weft_map_put(map, "k", WEFT_MAP_KEY_MAX + 1, "v", 1), -EINVAL);
        assert_int_equal(weft_map_put(map, "k", 1, NULL, 1), -EINVAL);
        assert_int_equal(weft_map_put(map, "k", 1, "v", WEFT_MAP_VALUE_MAX + 1), -EINVAL);
        assert_int_equal(weft_map_put(map, "k", 1, "v", UINT64_MAX), -EINVAL);
        assert_int_equal(weft_map_put(fixed, key, 15, key, 32), -EINVAL);
        assert_int_equal(weft_map_put(fixed, key, 16, key, 31), -EINVAL);
        assert_int_equal(weft_map_get(fixed, key, 17, key, &bytes, NULL), -EINVAL);
        assert_int_equal(weft_map_cas(map, "k", 1, "v", 1, NULL), -EINVAL);
        assert_int_equal(weft_map_remove_if(map, "k", 1, NULL), -EINVAL);
        assert_int_equal(weft_map_remove(map, "k", 0), -EINVAL);
        assert_int_equal(weft_map_get64(map, 1, &v), -EPROTO);
        assert_int_equal(weft_map_put64(map, 1, 1), -EPROTO);
        assert_int_equal(weft_map_insert64(map, 1, 1), -EPROTO);
        assert_int_equal(weft_map_add64(map, 1, 1, NULL), -EPROTO);
        assert_int_equal(weft_map_remove64(map, 1), -EPROTO);
        assert_int_equal(weft_map_count(map), 0);
        assert_int_equal(weft_map_put(fixed, key, 16, key, 32), 0);
        assert_int_equal(weft_map_get(fixed, key, 16, key, NULL, NULL), 0);
        assert_int_equal(errno, 4711);
        drop_map(map, "m");
        drop_map(fixed, "f");
}

/* Lengths around everything: words, classes of blocks, spans. */
static void all_lengths(void **state)
{
        static const uint32_t keys[] = { 1, 7, 8, 9, 63, 64, 65, 1000, 65535, 65536 };
        static const uint64_t values[] = { 0, 1, 8, 1000, 1024, 65520, 200000, 3 << 20 };
        weft_map_t *map = make_map("m", 0, 0, 0);
        static uint8_t key[65536], value[3 << 20], got[3 << 20];

        (void)state;
        for (int round = 0; round < 2; round++)
                for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
                        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                                uint64_t bytes = sizeof got;
                                memset(key, (int)k + 1, keys[k]);
                                memset(value, (int)(k + v) + round, values[v]);
                                assert_int_equal(
                                        weft_map_put(map, key, keys[k], value, values[v]),
                                        0);
                                assert_int_equal(weft_map_get(map, key, keys[k], got,
                                                              &bytes, NULL),
                                                 0);
                                assert_int_equal(bytes, values[v]);
                                assert_memory_equal(got, value, bytes);
                        }
        assert_int_equal(weft_map_count(map), sizeof keys / sizeof *keys);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void it_grows_and_shrinks(void **state)
{
        enum { N = 20000 };
        weft_map_t *map = make_map("m", 0, 0, 0);
        char key[32], value[32];

        (void)state;
        for (uint64_t i = 0; i < N; i++) {
                name_of(key, i);
                name_of(value, 2 * i);
                assert_int_equal(put(map, key, value), 0);
        }
        assert_int_equal(weft_map_count(map), N);
        for (uint64_t i = 0; i < N; i++) {
                name_of(key, i);
                name_of(value, 2 * i);
                assert_true(has(map, key, value));
                if (i % 64)
                        assert_int_equal(weft_map_remove(map, key, length(key)), 0);
        }
        assert_int_equal(weft_map_count(map), (N + 63) / 64);
        for (uint64_t i = 0; i < N; i++) {
                name_of(key, i);
                name_of(value, 2 * i);
                assert_true(has(map, key, i % 64 ? NULL : value));
        }
        assert_int_equal(weft_map_clear(map), (N + 63) / 64);
        assert_int_equal(weft_map_count(map), 0);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

/* Two keys of one hash, and one hash of all: what a hash function does not do. */
static int put_as(weft_map_t *map, const char *key, uint64_t hash, uint64_t *was);

static enum weft_map_act always(struct weft_map_op *op, struct weft_map_change *change,
                                const struct weft_map_seen *there)
{
        (void)change;
        if (there)
                weft_store_rel(&op->desk->old, there->value);
        return WEFT_MAP_STORE;
}

static int put_as(weft_map_t *map, const char *key, uint64_t hash, uint64_t *was)
{
        struct weft_map_change change = { .step = always };
        struct weft_map_op op;
        void *value;
        CHECK(weft_map_begin(&op, map, true) == 0);
        op.key = (struct weft_map_key){ key, length(key), hash, hash };
        CHECK(weft_map_entry_make(&op, 0, 0, &change.value, &value) == 0);
        int rc = weft_map_write(&op, &change);
        weft_map_entry_done(&op, rc ? 0 : change.was, rc ? change.value : 0, false);
        weft_map_end(&op);
        *was = change.was;
        return rc;
}

static int see_name(const struct weft_map_entry *entry, void *context)
{
        uint64_t *seen = context, i;
        char key[33] = { 0 };
        memcpy(key, entry->key, entry->key_bytes);
        CHECK(sscanf(key, "key %llu", (unsigned long long *)&i) == 1 && i < 64);
        CHECK(!(*seen >> i & 1)); /* once */
        *seen |= UINT64_C(1) << i;
        return 0;
}

static void keys_of_one_hash(void **state)
{
        static const uint64_t hashes[] = { 0, UINT64_C(0x123456789abcdef0), UINT64_MAX };
        (void)state;
        for (size_t h = 0; h < 3; h++) {
                weft_map_t *map = make_map("m", 0, 0, 0);
                char key[32];
                uint64_t was, seen = 0;
                for (uint64_t i = 0; i < 64; i++) {
                        name_of(key, i);
                        assert_int_equal(put_as(map, key, hashes[h], &was), 0);
                        assert_int_equal(was, 0);
                        assert_int_equal(put_as(map, key, hashes[h], &was), 0);
                        assert_int_not_equal(was, 0);
                }
                assert_int_equal(weft_map_count(map), 64);
                for (uint64_t max = 0; max < 4; max++) {
                        struct weft_map_cursor cursor = { 0, 0 };
                        seen = 0;
                        while (!(cursor.state & WEFT_MAP_END))
                                assert_int_equal(
                                        weft_map_each(map, &cursor, max, see_name, &seen),
                                        0);
                        assert_int_equal(seen, UINT64_MAX);
                }
                assert_int_equal(weft_map_clear(map), 64);
                drop_map(map, "m");
                assert_int_equal(object_bytes(), 0);
        }
}

/* ---- room -------------------------------------------------------------------- */

static void full_is_clean(void **state)
{
        enum { BYTES = 10000 };
        weft_map_t *map = make_map("m", 0, 0, 0);
        static char value[BYTES];
        char key[32];
        uint64_t n = 0, bytes;
        int rc;

        (void)state;
        for (;; n++) {
                name_of(key, n);
                memset(value, (int)n, BYTES);
                rc = weft_map_put(map, key, length(key), value, BYTES);
                if (rc)
                        break;
        }
        assert_int_equal(rc, -ENOSPC);
        assert_true(n > 1000);
        struct weft_census before = census_of(arena);
        for (int i = 0; i < 10; i++) {
                assert_int_equal(weft_map_put(map, key, length(key), value, BYTES),
                                 -ENOSPC);
                assert_int_equal(weft_map_insert(map, key, length(key), value, BYTES),
                                 -ENOSPC);
                assert_int_equal(weft_map_put(map, "key 0", 5, value, 10 << 20), -ENOSPC);
        }
        struct weft_census after = census_of(arena);
        assert_int_equal(after.object_bytes, before.object_bytes);
        assert_int_equal(after.agent_bytes, before.agent_bytes);
        assert_int_equal(weft_map_count(map), (int64_t)n);
        for (uint64_t i = 0; i < n; i++) {
                char got[BYTES];
                bytes = BYTES;
                name_of(key, i);
                memset(value, (int)i, BYTES);
                assert_int_equal(weft_map_get(map, key, length(key), got, &bytes, NULL),
                                 0);
                assert_memory_equal(got, value, BYTES);
        }
        assert_int_equal(weft_map_remove(map, "key 3", 5), 0);
        assert_int_equal(weft_map_put(map, "new", 3, value, BYTES), 0);
        assert_int_equal(weft_map_clear(map), (int64_t)n);
        assert_int_equal(weft_map_count(map), 0);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

/* An agent keeps a block for its next entry: no other block in between is taken. */
static void replacing_takes_no_more(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        char value[100] = "";

        (void)state;
        assert_int_equal(weft_map_put(map, "k", 1, value, 100), 0);
        assert_int_equal(weft_map_put(map, "k", 1, value, 100), 0);
        struct weft_census before = census_of(arena);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(weft_map_put(map, "k", 1, value, 100), 0);
        struct weft_census after = census_of(arena);
        assert_int_equal(after.object_bytes, before.object_bytes);
        assert_int_equal(after.agent_bytes, before.agent_bytes);
        assert_int_equal(weft_map_put(map, "k", 1, value, 10), 0); /* of another size */
        assert_int_equal(weft_map_remove(map, "k", 1), 0);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
        weft_agent_leave(arena);
        assert_int_equal(census_of(arena).agent_bytes, 0);
}

/* ---- others ------------------------------------------------------------------ */

static void elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_map_t *map;
        char key[32], value[32];

        (void)unused;
        CHECK(weft_map_open(there, "m", &map) == 0);
        for (uint64_t i = 0; i < 100; i++) {
                name_of(key, i);
                name_of(value, i * i);
                CHECK(has(map, key, value));
                CHECK(put(map, key, "new") == 0);
        }
        CHECK(put(map, "from there", "value") == 0);
        weft_map_close(map);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);
        char key[32], value[32];

        (void)state;
        for (uint64_t i = 0; i < 100; i++) {
                name_of(key, i);
                name_of(value, i * i);
                assert_int_equal(put(map, key, value), 0);
        }
        assert_int_equal(child_run(elsewhere, NULL), 0);
        assert_true(has(map, "key 7", "new"));
        assert_true(has(map, "from there", "value"));
        assert_int_equal(weft_map_count(map), 101);
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void writes_until_killed(void *context)
{
        char key[32], value[600];
        for (uint64_t i = 0;; i++) {
                name_of(key, i % 40);
                memset(value, (int)i, sizeof value);
                CHECK(weft_map_put(context, key, length(key), value, 100 + i % 5 * 100) ==
                      0);
                if (i % 3 == 0)
                        CHECK(weft_map_remove(context, key, length(key)) == 0);
        }
}

static void the_killed_leave_nothing(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0);

        (void)state;
        uint64_t before = object_bytes();
        for (int i = 0; i < 20; i++) {
                pid_t pid = child_start(writes_until_killed, map);
                usleep(2000);
                assert_int_equal(child_kill(pid), -SIGKILL);
                (void)recover_count(arena);
        }
        assert_true(weft_map_count(map) <= 40);
        assert_true(weft_map_clear(map) >= 0);
        assert_true(object_bytes() <= before + 65536); /* a desk, another table */
        drop_map(map, "m");
        assert_int_equal(object_bytes(), 0);
}

static void read_only_reads(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, 0), *ro_map;
        weft_arena_t *ro;
        struct weft_map_view view;
        struct weft_map_cursor cursor = { 0, 0 };
        uint64_t seen = 0, version = 0;
        char key[32];

        (void)state;
        for (uint64_t i = 0; i < 64; i++) {
                name_of(key, i);
                assert_int_equal(put(map, key, "x"), 0);
        }
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_map_open(ro, "m", &ro_map), 0);
        assert_true(has(ro_map, "key 5", "x"));
        assert_true(has(ro_map, "key 64", NULL));
        assert_int_equal(weft_map_count(ro_map), 64);
        assert_int_equal(weft_map_each(ro_map, &cursor, 0, see_name, &seen), 0);
        assert_int_equal(seen, UINT64_MAX);
        assert_int_equal(put(ro_map, "k", "v"), -EROFS);
        assert_int_equal(weft_map_insert(ro_map, "k", 1, "v", 1), -EROFS);
        assert_int_equal(weft_map_remove(ro_map, "k", 1), -EROFS);
        assert_int_equal(weft_map_cas(ro_map, "k", 1, "v", 1, &version), -EROFS);
        assert_int_equal(weft_map_add(ro_map, "k", 1, 1, NULL), -EROFS);
        assert_int_equal(weft_map_view(ro_map, "key 5", 5, &view), -EROFS);
        assert_int_equal(weft_map_clear(ro_map), -EROFS);
        weft_map_close(ro_map);
        weft_arena_close(ro);
        drop_map(map, "m");
}

/* ---- hostile bytes -------------------------------------------------------------- */

static void entries_that_lie(void **state)
{
        weft_map_t *map = make_map("m", 0, 0, WEFT_MAP_EXPIRY);
        struct weft_map_op op;
        struct weft_map_seen seen;
        struct weft_map_look look;
        struct weft_map_cursor cursor;
        struct weft_map_view view;
        char at[64];
        uint64_t bytes;

        (void)state;
        assert_int_equal(put(map, "key 1", "value"), 0);
        assert_int_equal(weft_map_begin(&op, map, false), 0);
        assert_int_equal(weft_map_hash(&op, "key 1", 5), 0);
        assert_int_equal(weft_map_find(&op, &seen), 0);
        assert_true(weft_map_look(&op, seen.value, &look));
        weft_map_end(&op);
        struct weft_map_entry_shared *e =
                (struct weft_map_entry_shared *)(uintptr_t)(look.key - sizeof *e);
        struct weft_map_entry_shared good = *e;
        for (int i = 0; i < 5; i++) {
                static const uint32_t lies[5][2] = { { 5, UINT32_MAX },
                                                     { UINT32_MAX, 5 },
                                                     { UINT32_MAX, UINT32_MAX },
                                                     { 5, 4000 },
                                                     { 70000, 0 } };
                e->key_bytes = lies[i][0];
                e->value_bytes = lies[i][1];
                bytes = sizeof at;
                int rc = weft_map_get(map, "key 1", 5, at, &bytes, NULL);
                assert_true(rc == -ENOENT || rc == -EUCLEAN);
                cursor = (struct weft_map_cursor){ 0, 0 };
                uint64_t names = 0;
                assert_int_equal(weft_map_each(map, &cursor, 0, see_name, &names),
                                 -EUCLEAN);
                assert_true(weft_map_sweep(map, 0) <= 0);
                assert_true(weft_map_view(map, "key 1", 5, &view) < 0);
                *e = good;
        }
        /* A ref to nowhere, in the slot. */
        weft_a128_t *cell = weft_slot_cell(seen.bucket, seen.slot);
        static const uint64_t refs[] = { 1, UINT64_MAX, UINT64_C(1) << 36, 0 };
        for (size_t i = 0; i < 4; i++) {
                cell->raw[0] = refs[i];
                bytes = sizeof at;
                int rc = weft_map_get(map, "key 1", 5, at, &bytes, NULL);
                assert_true(rc == -ENOENT || rc == -EUCLEAN);
                cursor = (struct weft_map_cursor){ 0, 0 };
                uint64_t names = 0;
                assert_int_equal(weft_map_each(map, &cursor, 0, see_name, &names),
                                 -EUCLEAN);
                cell->raw[0] = seen.value;
        }
        assert_true(has(map, "key 1", "value"));
        drop_map(map, "m");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_is_put_is_there),
                TEST(versions_only_grow),
                TEST(adding),
                TEST(get_or_insert),
                TEST(garbage_arguments),
                TEST(all_lengths),
                TEST(it_grows_and_shrinks),
                TEST(keys_of_one_hash),
                TEST(full_is_clean),
                TEST(replacing_takes_no_more),
                TEST(two_processes_at_two_addresses),
                TEST(the_killed_leave_nothing),
                TEST(read_only_reads),
                TEST(entries_that_lie),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
