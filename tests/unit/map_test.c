#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/map.h>

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

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static void drop(weft_map_t *m, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_map_close(m);
        CHECK(object_bytes() == 0);
}

static uint64_t entries_of(weft_map_t *m)
{
        struct weft_map_info info;
        CHECK(weft_map_info(m, &info) == 0);
        return info.entries;
}

static uint64_t slots_of(weft_map_t *m)
{
        struct weft_map_info info;
        CHECK(weft_map_info(m, &info) == 0);
        return info.slots;
}

/* ---- one entry ----------------------------------------------------------------- */

static void entries_come_and_go(void **state)
{
        weft_map_t *m = make("m");
        uint64_t v = 1;

        (void)state;
        assert_int_equal(weft_map_get64(m, 5, &v), -ENOENT);
        assert_int_equal(v, 1);
        assert_int_equal(weft_map_remove64(m, 5), -ENOENT);
        assert_int_equal(weft_map_insert64(m, 5, 50), 0);
        assert_int_equal(weft_map_insert64(m, 5, 51), -EEXIST);
        assert_int_equal(weft_map_get64(m, 5, &v), 0);
        assert_int_equal(v, 50);
        assert_int_equal(weft_map_put64(m, 5, 52), 0);
        assert_int_equal(weft_map_put64(m, 0, 0), 0); /* no key or value is special */
        assert_int_equal(weft_map_put64(m, UINT64_MAX, UINT64_MAX), 0);
        assert_int_equal(weft_map_get64(m, 5, &v), 0);
        assert_int_equal(v, 52);
        assert_int_equal(weft_map_get64(m, 0, &v), 0);
        assert_int_equal(v, 0);
        assert_int_equal(weft_map_get64(m, UINT64_MAX, &v), 0);
        assert_true(v == UINT64_MAX);
        assert_int_equal(entries_of(m), 3);
        assert_int_equal(weft_map_add64(m, 5, 8, &v), 0);
        assert_int_equal(v, 60);
        assert_int_equal(weft_map_add64(m, 6, 8, &v), 0);
        assert_int_equal(v, 8);
        assert_int_equal(weft_map_add64(m, 6, UINT64_MAX, NULL), 0);
        assert_int_equal(weft_map_get64(m, 6, &v), 0);
        assert_int_equal(v, 7);
        assert_int_equal(weft_map_remove64(m, 5), 0);
        assert_int_equal(weft_map_get64(m, 5, &v), -ENOENT);
        assert_int_equal(weft_map_remove64(m, 5), -ENOENT);
        assert_int_equal(weft_map_insert64(m, 5, 70), 0);
        assert_int_equal(entries_of(m), 4);
        drop(m, "m");
}

static void any_size_calls_do_the_same(void **state)
{
        weft_map_t *m = make("m");
        uint64_t k = 9, v = 90, got = 0, room = 8, version = 1;

        (void)state;
        assert_int_equal(weft_map_replace(m, &k, 8, &v, 8), -ENOENT);
        assert_int_equal(weft_map_insert(m, &k, 8, &v, 8), 0);
        assert_int_equal(weft_map_insert(m, &k, 8, &v, 8), -EEXIST);
        v = 91;
        assert_int_equal(weft_map_replace(m, &k, 8, &v, 8), 0);
        assert_int_equal(weft_map_get(m, &k, 8, &got, &room, &version), 0);
        assert_int_equal(got, 91);
        assert_int_equal(room, 8);
        assert_true(version > 1);
        assert_int_equal(weft_map_get(m, &k, 8, &got, NULL, NULL), 0);
        room = 7;
        got = 0;
        assert_int_equal(weft_map_get(m, &k, 8, &got, &room, NULL), -EOVERFLOW);
        assert_int_equal(room, 8);
        assert_int_equal(got, 0);
        room = 0;
        assert_int_equal(weft_map_get(m, &k, 8, NULL, &room, NULL), -EOVERFLOW);
        assert_int_equal(room, 8);
        assert_int_equal(weft_map_put(m, &k, 8, &v, 8), 0);
        assert_int_equal(weft_map_add(m, &k, 8, 9, &got), 0);
        assert_int_equal(got, 100);
        room = 8;
        v = 5;
        assert_int_equal(weft_map_get_or_insert(m, &k, 8, &v, 8, &got, &room), 0);
        assert_int_equal(got, 100);
        k = 10;
        assert_int_equal(weft_map_get_or_insert(m, &k, 8, &v, 8, &got, &room), 1);
        assert_int_equal(weft_map_remove(m, &k, 8), 0);
        assert_int_equal(weft_map_remove(m, &k, 8), -ENOENT);
        drop(m, "m");
}

static void versions_grow(void **state)
{
        weft_map_t *m = make("m");
        uint64_t k = 1, v = 1, version = 0, last = 0, other;

        (void)state;
        for (int round = 0; round < 300; round++) {
                version = 0;
                assert_int_equal(weft_map_cas(m, &k, 8, &v, 8, &version), 0);
                assert_true(version > last); /* also over a removal */
                last = version;
                other = 0;
                assert_int_equal(weft_map_cas(m, &k, 8, &v, 8, &other), -EAGAIN);
                assert_int_equal(other, version);
                assert_int_equal(weft_map_cas(m, &k, 8, &v, 8, &version), 0);
                assert_true(version > last);
                assert_int_equal(weft_map_remove_if(m, &k, 8, &last), -EAGAIN);
                assert_int_equal(last, version);
                if (round % 2) {
                        assert_int_equal(weft_map_remove_if(m, &k, 8, &version), 0);
                        assert_int_equal(version, 0);
                } else {
                        assert_int_equal(weft_map_remove64(m, k), 0);
                }
                /* Others come, and the table grows and shrinks. */
                for (uint64_t i = 0; i < 100 && round % 10 == 0; i++)
                        assert_int_equal(weft_map_insert64(m, 100 + i, i), 0);
                for (uint64_t i = 0; i < 100 && round % 10 == 5; i++)
                        assert_int_equal(weft_map_remove64(m, 100 + i), 0);
        }
        version = 1;
        assert_int_equal(weft_map_cas(m, &k, 8, &v, 8, &version), -EAGAIN);
        assert_int_equal(version, 0);
        assert_int_equal(weft_map_remove_if(m, &k, 8, &version), -ENOENT);
        drop(m, "m");
}

static void bad_arguments_are_refused(void **state)
{
        weft_map_t *m = make("m"), *none = NULL;
        struct weft_map_options o = of_64;
        struct weft_map_info info;
        uint64_t k = 1, v = 1;

        (void)state;
        assert_int_equal(weft_map_create(arena, "m", &of_64, &none), -EEXIST);
        assert_int_equal(weft_map_create(arena, "n", NULL, &none), -EINVAL);
        assert_int_equal(weft_map_create(arena, "n", &of_64, NULL), -EINVAL);
        assert_int_equal(weft_map_create(NULL, "n", &of_64, &none), -EINVAL);
        assert_int_equal(weft_map_open(arena, "n", &none), -ENOENT);
        assert_int_equal(weft_map_open(arena, "m", NULL), -EINVAL);
        o.flags = 2;
        assert_int_equal(weft_map_create(arena, "n", &o, &none), -EINVAL);
        o = of_64;
        o.reserved = 1;
        assert_int_equal(weft_map_create(arena, "n", &o, &none), -EINVAL);
        o = of_64;
        o.key_bytes = WEFT_MAP_KEY_MAX + 1;
        assert_int_equal(weft_map_create(arena, "n", &o, &none), -EINVAL);
        o = of_64;
        o.value_bytes = 16;
        assert_int_equal(weft_map_create_or_open(arena, "m", &o, &none), -EPROTO);
        o = of_64;
        o.entries = UINT64_C(1) << 60;
        assert_int_equal(weft_map_create(arena, "n", &o, &none), -ENOSPC);
        assert_null(none);
        assert_int_equal(weft_map_get64(NULL, 1, &v), -EINVAL);
        assert_int_equal(weft_map_get64(m, 1, NULL), -EINVAL);
        assert_int_equal(weft_map_put64(NULL, 1, 1), -EINVAL);
        assert_int_equal(weft_map_remove64(NULL, 1), -EINVAL);
        assert_int_equal(weft_map_put(m, &k, 7, &v, 8), -EINVAL);
        assert_int_equal(weft_map_put(m, &k, 8, &v, 7), -EINVAL);
        assert_int_equal(weft_map_put(m, NULL, 8, &v, 8), -EINVAL);
        assert_int_equal(weft_map_put(m, &k, 8, NULL, 8), -EINVAL);
        assert_int_equal(weft_map_cas(m, &k, 8, &v, 8, NULL), -EINVAL);
        assert_int_equal(weft_map_info(m, NULL), -EINVAL);
        assert_int_equal(weft_map_info(m, &info), 0);
        assert_int_equal(info.entries, 0);
        assert_int_equal(info.key_bytes, 8);
        assert_int_equal(info.value_bytes, 8);
        weft_map_close(NULL);
        drop(m, "m");
}

/* ---- growing, shrinking ------------------------------------------------------------ */

static uint64_t key_of(uint64_t i)
{
        return i * UINT64_C(0x9e3779b97f4a7c15);
}

static void it_grows_and_shrinks(void **state)
{
        weft_map_t *m = make("m");
        uint64_t slots = slots_of(m), v;
        enum { MANY = 30000 };

        (void)state;
        for (uint64_t i = 0; i < MANY; i++) {
                assert_int_equal(weft_map_insert64(m, key_of(i), i), 0);
                if (i % 97 == 0)
                        for (uint64_t k = 0; k <= i; k += 1 + i / 50)
                                assert_int_equal(weft_map_get64(m, key_of(k), &v), 0);
        }
        assert_true(slots_of(m) >= MANY && slots_of(m) <= 4 * MANY);
        assert_int_equal(entries_of(m), MANY);
        check_whole(arena);
        for (uint64_t i = 0; i < MANY; i++) {
                assert_int_equal(weft_map_get64(m, key_of(i), &v), 0);
                assert_int_equal(v, i);
        }
        for (uint64_t i = 0; i < MANY; i++)
                assert_int_equal(weft_map_remove64(m, key_of(i)), 0);
        assert_int_equal(entries_of(m), 0);
        assert_int_equal(slots_of(m), slots);
        check_whole(arena);
        drop(m, "m");
}

static void it_begins_with_room(void **state)
{
        struct weft_map_options o = of_64;
        weft_map_t *m;
        (void)state;
        o.entries = 10000;
        assert_int_equal(weft_map_create(arena, "m", &o, &m), 0);
        uint64_t slots = slots_of(m);
        assert_true(slots >= 12500);
        for (uint64_t i = 0; i < 10000; i++)
                assert_int_equal(weft_map_insert64(m, key_of(i), i), 0);
        assert_int_equal(slots_of(m), slots);
        for (uint64_t i = 0; i < 10000; i++)
                assert_int_equal(weft_map_remove64(m, key_of(i)), 0);
        assert_int_equal(slots_of(m), slots); /* and keeps it */
        drop(m, "m");
}

/* The population changes again and again; memory does not. */
static void churn_costs_no_memory(void **state)
{
        weft_map_t *m = make("m");
        enum { POPULATION = 3000 };
        (void)state;
        for (uint64_t i = 0; i < POPULATION; i++)
                assert_int_equal(weft_map_insert64(m, key_of(i), i), 0);
        uint64_t bytes = object_bytes();
        for (uint64_t i = 0; i < 30 * POPULATION; i++) {
                assert_int_equal(weft_map_remove64(m, key_of(i)), 0);
                assert_int_equal(weft_map_insert64(m, key_of(i + POPULATION), i), 0);
        }
        for (int i = 0; i < 5000; i++) /* what was outgrown is freed by who comes by */
                assert_int_equal(weft_map_put64(m, key_of(30 * POPULATION), 1), 0);
        assert_int_equal(object_bytes(), bytes);
        drop(m, "m");
}

/* He who was held up in copying an entry comes back when it was moved by another, and has
 * been removed since: his copy must not become an entry. */
static void a_late_copy_is_not_made(void **state)
{
        weft_map_t *m = make("m");
        struct weft_map_op late, other;
        struct weft_map_table next;
        struct weft_map_seen seen = { 0 };
        uint64_t v;
        (void)state;
        assert_int_equal(weft_map_put64(m, 3, 30), 0);
        assert_int_equal(weft_map_begin(&late, m, true),
                         0); /* T is not freed under him */
        late.key = (struct weft_map_key){ .n = 8, .word = 3 };
        assert_int_equal(weft_map_tables(m, &late.before, &next), 0);
        for (uint32_t at = 0; at < 40; at++) {
                struct weft_bucket_shared *b = weft_map_bucket(&late.before, at / 5);
                const weft_a128_t *cell = weft_slot_cell(b, at % 5);
                if (weft_meta_state(weft_load_acq(&cell->hi)) == WEFT_SLOT_MEMBER) {
                        seen = (struct weft_map_seen){ b, at % 5, 30,
                                                       weft_load_acq(&cell->hi) + 1 };
                        late.key.hash = (uint64_t)(at / 5)
                                        << 61; /* of that home, if not more */
                }
        }
        assert_int_equal(weft_meta_state(seen.meta), WEFT_SLOT_FROZEN);
        assert_int_equal(weft_map_begin(&other, m, true), 0);
        other.table = late.before;
        assert_int_equal(weft_map_grow(&other), 0);
        weft_map_end(&other);
        assert_int_equal(weft_map_tables(m, &next, &late.table), 0);
        assert_int_equal(weft_map_remove64(m, 3), 0);
        assert_int_equal(weft_map_copy(&late, &seen), 0);
        weft_map_end(&late);
        assert_int_equal(weft_map_get64(m, 3, &v), -ENOENT);
        assert_int_equal(entries_of(m), 0);
        for (uint32_t at = 0; at < 80; at++) {
                struct weft_bucket_shared *b = weft_map_bucket(&late.table, at / 5);
                const weft_a128_t *cell = weft_slot_cell(b, at % 5);
                assert_int_equal(weft_meta_state(weft_load_acq(&cell->hi)),
                                 WEFT_SLOT_EMPTY);
        }
        drop(m, "m");
}

/* ---- processes ------------------------------------------------------------------------ */

static void work_elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_map_t *m;
        uint64_t v;
        (void)unused;
        CHECK(weft_map_open(there, "m", &m) == 0);
        for (uint64_t i = 0; i < 3000; i++) {
                CHECK(weft_map_get64(m, key_of(i), &v) == 0 && v == i);
                CHECK(weft_map_add64(m, 7, 1, NULL) == 0);
                CHECK(weft_map_insert64(m, key_of(i + 100000), i) == 0);
        }
        weft_map_close(m);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        weft_map_t *m = make("m");
        uint64_t v;
        (void)state;
        for (uint64_t i = 0; i < 3000; i++)
                assert_int_equal(weft_map_put64(m, key_of(i), i), 0);
        pid_t pid = child_start(work_elsewhere, NULL);
        for (uint64_t i = 0; i < 3000; i++) {
                CHECK(weft_map_add64(m, 7, 1, NULL) == 0);
                CHECK(weft_map_insert64(m, key_of(i + 200000), i) == 0);
        }
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(weft_map_get64(m, 7, &v), 0);
        assert_int_equal(v, 6000);
        assert_int_equal(entries_of(m), 9001);
        for (uint64_t i = 0; i < 3000; i++) {
                assert_int_equal(weft_map_get64(m, key_of(i + 100000), &v), 0);
                assert_int_equal(weft_map_remove64(m, key_of(i + 200000)), 0);
        }
        drop(m, "m");
}

static void insert_the_same(void *at)
{
        weft_map_t *m = at;
        uint64_t *won = NULL, n = 0;
        (void)won;
        for (uint64_t i = 0; i < 20000; i++) {
                int rc = weft_map_insert64(m, key_of(i), (uint64_t)getpid());
                CHECK(rc == 0 || rc == -EEXIST);
                n += rc == 0;
        }
        CHECK(weft_map_add64(m, 1, n, NULL) == 0);
        weft_arena_close(arena);
}

/* Forked handles, one table that grows under all of them, one winner for each key. */
static void each_key_is_inserted_once(void **state)
{
        weft_map_t *m = make("m");
        pid_t pids[3];
        uint64_t v;
        (void)state;
        assert_int_equal(weft_map_insert64(m, 1, 0), 0);
        for (int i = 0; i < 3; i++)
                pids[i] = child_start(insert_the_same, m);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_end(pids[i]), 0);
        assert_int_equal(weft_map_get64(m, 1, &v), 0);
        assert_int_equal(v, 20000);
        assert_int_equal(entries_of(m), 20001);
        check_whole(arena);
        drop(m, "m");
}

static void insert_until_killed(void *at)
{
        weft_map_t *m = at;
        for (uint64_t i = 0;; i++) {
                CHECK(weft_map_put64(m, key_of(i % 5000), i) == 0);
                if (i % 5000 > 2500)
                        CHECK(weft_map_remove64(m, key_of(i % 5000 - 2500)) == 0);
                if (i % 5000 == 4999)
                        for (uint64_t k = 2500; k < 5000; k++)
                                CHECK(weft_map_remove64(m, key_of(k)) == 0 || k == 2500);
        }
}

static void the_killed_leave_a_whole_map(void **state)
{
        weft_map_t *m = make("m");
        uint64_t v;
        (void)state;
        for (int round = 0; round < 20; round++) {
                weft_map_close(m);
                assert_int_equal(weft_map_open(arena, "m", &m), 0);
                pid_t pid = child_start(insert_until_killed, m);
                usleep(2000 + 1000 * (unsigned)round);
                assert_int_equal(child_kill(pid), -SIGKILL);
                (void)recover_count(arena);
                check_whole(arena);
                for (uint64_t k = 0; k < 5000; k++) {
                        int there = weft_map_get64(m, key_of(k), &v);
                        CHECK(weft_map_remove64(m, key_of(k)) == there);
                        CHECK(there == 0 || there == -ENOENT);
                }
        }
        drop(m, "m");
}

/* ---- read-only ------------------------------------------------------------------------- */

static void read_only_reads_and_changes_nothing(void **state)
{
        weft_map_t *m = make("m"), *r = NULL;
        struct weft_map_info info;
        weft_arena_t *ro;
        uint64_t v, k = 3;
        (void)state;
        for (uint64_t i = 0; i < 1000; i++)
                assert_int_equal(weft_map_put64(m, i, i * 2), 0);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_map_create(ro, "n", &of_64, &r), -EROFS);
        assert_int_equal(weft_map_open(ro, "m", &r), 0);
        for (uint64_t i = 0; i < 1000; i++) {
                assert_int_equal(weft_map_get64(r, i, &v), 0);
                assert_int_equal(v, i * 2);
        }
        assert_int_equal(weft_map_get64(r, 1000, &v), -ENOENT);
        assert_int_equal(weft_map_put64(r, 1, 1), -EROFS);
        assert_int_equal(weft_map_insert64(r, 1, 1), -EROFS);
        assert_int_equal(weft_map_add64(r, 1, 1, NULL), -EROFS);
        assert_int_equal(weft_map_remove64(r, 1), -EROFS);
        assert_int_equal(weft_map_remove(r, &k, 8), -EROFS);
        assert_int_equal(weft_map_info(r, &info), 0);
        assert_int_equal(info.entries, 1000);
        for (uint64_t i = 1000; i < 20000; i++) /* the table goes away under it */
                assert_int_equal(weft_map_put64(m, i, i * 2), 0);
        for (uint64_t i = 0; i < 20000; i++) {
                assert_int_equal(weft_map_get64(r, i, &v), 0);
                assert_int_equal(v, i * 2);
        }
        weft_map_close(r);
        weft_arena_close(ro);
        drop(m, "m");
}

/* ---- exhaustion -------------------------------------------------------------------------- */

static void full_is_no_space_and_changes_nothing(void **state)
{
        struct weft_arena_options o = { .max_bytes = 1 << 20 };
        weft_map_t *m;
        uint64_t n = 0, v;
        int rc;
        (void)state;
        weft_arena_close(arena);
        assert_int_equal(weft_arena_create(NULL, &o, &arena), 0);
        m = make("m");
        while ((rc = weft_map_insert64(m, key_of(n), n)) == 0)
                n++;
        assert_int_equal(rc, -ENOSPC);
        assert_true(n > 1000);
        assert_int_equal(weft_map_get64(m, key_of(n), &v), -ENOENT);
        assert_int_equal(entries_of(m), n);
        for (uint64_t i = 0; i < n; i++) {
                assert_int_equal(weft_map_get64(m, key_of(i), &v), 0);
                assert_int_equal(v, i);
                assert_int_equal(weft_map_put64(m, key_of(i), i), 0);
        }
        for (uint64_t i = 0; i < n; i += 2)
                assert_int_equal(weft_map_remove64(m, key_of(i)), 0);
        assert_int_equal(weft_map_insert64(m, key_of(n), n), 0);
        check_whole(arena);
        drop(m, "m");
}

/* ---- hostile bytes ------------------------------------------------------------------------- */

/* Whatever lies there: an error or a wrong answer, and an end. */
static void hostile_bytes_do_no_harm(void **state)
{
        weft_map_t *m = make("m");
        struct weft_map_table t, next;
        uint64_t v, x = 1;
        (void)state;
        for (uint64_t i = 0; i < 500; i++)
                assert_int_equal(weft_map_put64(m, i, i), 0);
        assert_int_equal(weft_map_tables(m, &t, &next), 0);
        uint64_t bytes = weft_map_table_bytes(t.bits);
        uint8_t *good = malloc(bytes);
        struct weft_map_shared *sh = m->sh, sane = *sh;
        CHECK(good);
        memcpy(good, t.sh, bytes);
        for (int round = 0; round < 300; round++) {
                for (int i = 0; i < 200; i++) {
                        x = x * 6364136223846793005 + 1442695040888963407;
                        uint64_t at = x >> 33;
                        if (round % 3 == 0)
                                ((uint8_t *)t.sh)[at % bytes] = (uint8_t)(x >> 20);
                        else
                                memcpy((uint8_t *)t.buckets +
                                               at % (bytes / 128 - 1) * 128 +
                                               (x >> 8) % 16 * 8,
                                       &x, 8);
                        if (round % 7 == 0 && i % 50 == 0)
                                ((uint8_t *)sh)[at % 560] = (uint8_t)(x >> 20);
                }
                for (uint64_t i = 0; i < 600; i += 7) {
                        int rc = weft_map_get64(m, i, &v);
                        rc |= weft_map_put64(m, i, i);
                        rc |= weft_map_remove64(m, i + 1);
                        rc |= weft_map_insert64(m, i + 2, 1);
                        (void)rc;
                }
                weft_map_t *again;
                if (weft_map_open(arena, "m", &again) == 0)
                        weft_map_close(again);
                *sh = sane;
                m->graced_n = 0;
                memcpy(t.sh, good, bytes);
        }
        free(good);
        weft_map_close(m);
        weft_arena_close(arena); /* what it has lost is lost */
        (void)fresh_arena(NULL);
}

static void a_corrupt_header_is_told(void **state)
{
        weft_map_t *m = make("m"), *n;
        struct weft_map_shared *sh = m->sh, good = *sh, bad[6];
        struct weft_object_info info;
        struct weft_census census;
        (void)state;
        for (size_t i = 0; i < 6; i++)
                bad[i] = good;
        bad[0].key_bytes = WEFT_MAP_KEY_MAX + 1;
        bad[1].value_bytes = UINT32_MAX;
        bad[2].flags = 8;
        bad[3].bits_min = 60;
        bad[4].root.raw[0] = 0;
        bad[5].root.raw[0] += UINT64_C(1) << 36;
        for (size_t i = 0; i < 6; i++) {
                *sh = bad[i];
                assert_int_equal(weft_map_open(arena, "m", &n), -EUCLEAN);
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
                assert_int_equal(census.corrupt, 1);
                assert_int_equal(weft_object_stat(arena, "m", &info), 0);
                assert_string_equal(info.detail, "corrupt");
        }
        *sh = good;
        drop(m, "m");
}

static void it_says_what_it_is(void **state)
{
        weft_map_t *m = make("m");
        struct weft_object_info info;
        (void)state;
        assert_int_equal(weft_map_put64(m, 1, 1), 0);
        assert_int_equal(weft_object_stat(arena, "m", &info), 0);
        assert_string_equal(info.kind, "map");
        assert_string_equal(info.detail,
                            "1 entries, keys of 8 B, values of 8 B, 40 slots");
        assert_true(info.bytes >= 1024);
        drop(m, "m");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(entries_come_and_go),
                TEST(any_size_calls_do_the_same),
                TEST(versions_grow),
                TEST(bad_arguments_are_refused),
                TEST(it_grows_and_shrinks),
                TEST(it_begins_with_room),
                TEST(churn_costs_no_memory),
                TEST(a_late_copy_is_not_made),
                TEST(two_processes_at_two_addresses),
                TEST(each_key_is_inserted_once),
                TEST(the_killed_leave_a_whole_map),
                TEST(read_only_reads_and_changes_nothing),
                TEST(full_is_no_space_and_changes_nothing),
                TEST(hostile_bytes_do_no_harm),
                TEST(a_corrupt_header_is_told),
                TEST(it_says_what_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
