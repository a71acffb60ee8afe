/* tests/unit/map_again_test.c -- 8-byte maps, by the short way and without it: both do the same,
 * with keys that come and go, in any place of their chain, and with those that are special. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "structures/map_hash.h"
#include "structures/map_internal.h"

#include "tests/unit/map_kit.h"

enum { LAST_HOME = 7, BITS = 3 }; /* of the smallest table */

static weft_map_t *make(bool shorter)
{
        weft_map_t *m = make_map("m", 8, 8, 0);
        m->shorter = shorter;
        return m;
}

static uint64_t home_of(const weft_map_t *m, uint64_t key)
{
        return weft_map_hash_word(key, m->seed) >> (64 - BITS);
}

/* The n-th key, from 1000 on, of a home. */
static uint64_t key_in(const weft_map_t *m, uint64_t home, int n)
{
        for (uint64_t key = 1000;; key++)
                if (home_of(m, key) == home && n-- == 0)
                        return key;
}

static uint64_t version_of(weft_map_t *m, uint64_t key, uint64_t value)
{
        uint64_t version = 0, found = 0, room = 8;
        assert_int_equal(weft_map_get(m, &key, 8, &found, &room, &version), 0);
        assert_int_equal(found, value);
        assert_true(version != 0);
        return version;
}

/* ---- the same key, again and again ------------------------------------------------- */

static void come_and_go(weft_map_t *m, uint64_t key, uint64_t value, uint64_t *last)
{
        uint64_t found;
        assert_int_equal(weft_map_get64(m, key, &found), -ENOENT);
        assert_int_equal(weft_map_remove64(m, key), -ENOENT);
        assert_int_equal(weft_map_insert64(m, key, value), 0);
        assert_int_equal(weft_map_insert64(m, key, value + 1), -EEXIST);
        assert_int_equal(weft_map_get64(m, key, &found), 0);
        assert_int_equal(found, value);
        uint64_t version = version_of(m, key, value);
        assert_true(version > *last);
        assert_int_equal(weft_map_put64(m, key, value + 2), 0);
        *last = version_of(m, key, value + 2);
        assert_true(*last > version);
        assert_int_equal(weft_map_remove64(m, key), 0);
        assert_int_equal(weft_map_remove64(m, key), -ENOENT);
        assert_int_equal(weft_map_get64(m, key, &found), -ENOENT);
        assert_int_equal(weft_map_get(m, &key, 8, NULL, NULL, NULL), -ENOENT);
}

/* So many others have the key's home: it comes to lie there, in the next bucket, further down.
 * They move about, so that it leaves its traces everywhere. */
static void among(bool shorter, uint64_t home, uint64_t key, int others)
{
        weft_map_t *m = make(shorter);
        uint64_t last = 0, x = 88172645463325252u + (uint64_t)others;
        if (!key) {
                home = home_of(m, key);
        } else if (key == 1) {
                key = key_in(m, home, 20);
        } else {
                home = home_of(m, key);
        }
        for (int i = 0; i < others; i++)
                assert_int_equal(weft_map_put64(m, key_in(m, home, i), (uint64_t)i), 0);
        for (uint64_t round = 0; round < 40; round++) {
                come_and_go(m, key, round % 3 ? round * 3 : key, &last);
                if (others) {
                        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                        uint64_t other = key_in(m, home, (int)(x % (unsigned)others));
                        assert_int_equal(weft_map_remove64(m, other), 0);
                        come_and_go(m, key, round, &last);
                        assert_int_equal(weft_map_insert64(m, key, 7), 0);
                        assert_int_equal(weft_map_put64(m, other, x), 0);
                        uint64_t version = version_of(m, key, 7);
                        assert_true(version > last);
                        last = version;
                        assert_int_equal(weft_map_remove64(m, key), 0);
                }
        }
        assert_int_equal(weft_map_count(m), others);
        drop_map(m, "m");
}

static void it_comes_and_goes(void **state)
{
        (void)state;
        for (int shorter = 0; shorter < 2; shorter++)
                for (int others = 0; others < 14; others++) {
                        among(shorter, 2, 1, others);
                        among(shorter, LAST_HOME, 1, others);
                        among(shorter, 0, 0, others); /* as EMPTY slots have it, */
                        among(shorter, 0, UINT64_MAX, others); /* and nobody */
                }
}

/* Its word stays in the slots that it has left; the slots become another's. */
static void others_take_its_place(void **state)
{
        (void)state;
        for (int shorter = 0; shorter < 2; shorter++) {
                weft_map_t *m = make(shorter);
                uint64_t found;
                for (int i = 0; i < 300; i++) {
                        uint64_t home = (uint64_t)i % 8, a = key_in(m, home, i % 7);
                        uint64_t b = key_in(m, home, 7 + i % 5);
                        assert_int_equal(weft_map_insert64(m, a, b), 0); /* its value */
                        assert_int_equal(weft_map_remove64(m, a), 0);
                        assert_int_equal(weft_map_insert64(m, b, a), 0);
                        assert_int_equal(weft_map_get64(m, a, &found), -ENOENT);
                        assert_int_equal(weft_map_get64(m, b, &found), 0);
                        assert_int_equal(found, a);
                        assert_int_equal(weft_map_insert64(m, a, b), 0);
                        assert_int_equal(weft_map_remove64(m, b), 0);
                        assert_int_equal(weft_map_get64(m, b, &found), -ENOENT);
                        assert_int_equal(weft_map_get64(m, a, &found), 0);
                        assert_int_equal(found, b);
                        assert_int_equal(weft_map_remove64(m, a), 0);
                }
                assert_int_equal(weft_map_count(m), 0);
                drop_map(m, "m");
        }
}

/* Keys are each other's values: who wants a key sees it in every slot, and it is nobody's. */
static void values_are_keys(void **state)
{
        (void)state;
        for (int shorter = 0; shorter < 2; shorter++) {
                weft_map_t *m = make(shorter);
                uint64_t found, wanted = key_in(m, 5, 20);
                for (int i = 0; i < 12; i++)
                        assert_int_equal(weft_map_put64(m, key_in(m, 5, i), wanted), 0);
                for (int i = 0; i < 12; i++) {
                        assert_int_equal(weft_map_get64(m, wanted, &found), -ENOENT);
                        assert_int_equal(weft_map_insert64(m, wanted, wanted), 0);
                        assert_int_equal(weft_map_get64(m, wanted, &found), 0);
                        assert_int_equal(found, wanted);
                        assert_int_equal(weft_map_remove64(m, wanted), 0);
                }
                for (int i = 0; i < 12; i++)
                        assert_int_equal(weft_map_get64(m, key_in(m, 5, i), &found), 0);
                drop_map(m, "m");
        }
}

/* ---- every call, against a model ---------------------------------------------------- */

enum { KEYS = 24, CALLS = 12000 };

struct model {
        weft_map_t *map;
        uint64_t key[KEYS], value[KEYS], version[KEYS]; /* the last one it had */
        bool there[KEYS];
        int64_t entries;
};

/* A table that grows may have raised it. */
static uint64_t newer(struct model *m, int k, uint64_t version)
{
        assert_true(version >= m->version[k]);
        return m->version[k] = version;
}

/* `rc` of a call that stores: it is as it should be, and so is what is there now. */
static void has_stored(struct model *m, int k, int rc, int want, uint64_t value)
{
        assert_int_equal(rc, want);
        if (rc < 0)
                return;
        m->entries += !m->there[k];
        m->there[k] = true;
        m->value[k] = value;
        uint64_t version = version_of(m->map, m->key[k], value);
        assert_true(version > m->version[k]);
        m->version[k] = version;
}

static void has_removed(struct model *m, int k, int rc)
{
        uint64_t found;
        assert_int_equal(rc, m->there[k] ? 0 : -ENOENT);
        m->entries -= m->there[k];
        m->there[k] = false;
        assert_int_equal(weft_map_get64(m->map, m->key[k], &found), -ENOENT);
}

static void call(struct model *m, unsigned what, int k, uint64_t v)
{
        bool there = m->there[k];
        uint64_t key = m->key[k], was = there ? m->value[k] : 0, found = ~was, room = 8;
        uint64_t version = 0, wrong = UINT64_MAX >> 20;
        weft_map_t *map = m->map;
        int rc;
        switch (what) {
        case 0:
                has_stored(m, k, weft_map_put64(map, key, v), 0, v);
                break;
        case 1:
                rc = weft_map_insert64(map, key, v);
                has_stored(m, k, rc, there ? -EEXIST : 0, v);
                break;
        case 2:
                rc = weft_map_add64(map, key, v, &found);
                assert_int_equal(found, was + v);
                has_stored(m, k, rc, 0, was + v);
                break;
        case 3:
                has_removed(m, k, weft_map_remove64(map, key));
                break;
        case 4:
                has_stored(m, k, weft_map_put(map, &key, 8, &v, 8), 0, v);
                break;
        case 5:
                rc = weft_map_insert(map, &key, 8, &v, 8);
                has_stored(m, k, rc, there ? -EEXIST : 0, v);
                break;
        case 6:
                rc = weft_map_replace(map, &key, 8, &v, 8);
                has_stored(m, k, rc, there ? 0 : -ENOENT, v);
                break;
        case 7:
                rc = weft_map_cas(map, &key, 8, &v, 8, &wrong);
                has_stored(m, k, rc, -EAGAIN, v);
                version = there ? newer(m, k, wrong) : 0;
                assert_int_equal(wrong, version); /* what had to be moved has been */
                rc = weft_map_cas(map, &key, 8, &v, 8, &version);
                has_stored(m, k, rc, 0, v);
                assert_int_equal(version, m->version[k]);
                break;
        case 8:
                assert_int_equal(weft_map_remove_if(map, &key, 8, &wrong), -EAGAIN);
                version = there ? newer(m, k, wrong) : 0;
                assert_int_equal(wrong, version);
                has_removed(m, k, weft_map_remove_if(map, &key, 8, &version));
                break;
        case 9:
                has_removed(m, k, weft_map_remove(map, &key, 8));
                break;
        case 10:
                rc = weft_map_add(map, &key, 8, v, &found);
                assert_int_equal(found, was + v);
                has_stored(m, k, rc, 0, was + v);
                break;
        default:
                rc = weft_map_get_or_insert(map, &key, 8, &v, 8, &found, &room);
                assert_int_equal(rc, !there);
                if (there)
                        assert_int_equal(found, was);
                else
                        has_stored(m, k, rc, 1, v);
        }
}

static void look(struct model *m, int k)
{
        uint64_t value = 0;
        int rc = weft_map_get64(m->map, m->key[k], &value);
        assert_int_equal(rc, m->there[k] ? 0 : -ENOENT);
        if (!rc)
                assert_int_equal(value, m->value[k]);
        if (!rc)
                (void)newer(m, k, version_of(m->map, m->key[k], value));
}

/* Six of the last home, twelve of one, and what is special. Others come and go between, so that
 * the table does, too. */
static void every_call_does_the_same(void **state)
{
        (void)state;
        for (int shorter = 0; shorter < 2; shorter++) {
                struct model m = { .map = make(shorter) };
                struct weft_map_info info;
                uint64_t x = 0x2545f4914f6cdd1d;
                for (int k = 0; k < KEYS; k++)
                        m.key[k] = k < 6    ? key_in(m.map, LAST_HOME, k)
                                   : k < 18 ? key_in(m.map, 3, k)
                                            : (uint64_t)k - 18;
                m.key[KEYS - 1] = UINT64_MAX;
                for (int i = 0; i < CALLS; i++) {
                        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                        int k = (int)(x >> 8) % KEYS, by = (int)(x >> 16 & 0xff) % KEYS;
                        k = k < 0 ? -k : k;
                        call(&m, (unsigned)(x >> 40) % 12, k,
                             x >> 30 & 1 ? m.key[by] : x >> 50);
                        look(&m, by);
                        if (i % 4000 == 2000) /* other tables; versions may be raised */
                                for (uint64_t n = 0; n < 300; n++)
                                        assert_int_equal(
                                                weft_map_put64(m.map, 500000 + n, n), 0);
                        if (i % 4000 == 3000)
                                for (uint64_t n = 0; n < 300; n++)
                                        assert_int_equal(
                                                weft_map_remove64(m.map, 500000 + n), 0);
                }
                assert_int_equal(weft_map_count(m.map), m.entries);
                assert_int_equal(weft_map_info(m.map, &info), 0);
                assert_int_equal(info.entries, m.entries);
                drop_map(m.map, "m");
        }
}

/* ---- absent ------------------------------------------------------------------------------- */

/* Of a large table as of a small one, while it fills and empties. */
static void what_is_absent_is_absent(void **state)
{
        (void)state;
        for (int shorter = 0; shorter < 2; shorter++) {
                weft_map_t *m = make(shorter);
                uint64_t found;
                for (uint64_t i = 0; i < 3000; i++) {
                        assert_int_equal(weft_map_get64(m, i * 2 + 1, &found), -ENOENT);
                        assert_int_equal(weft_map_insert64(m, i * 2, i), 0);
                        assert_int_equal(weft_map_get64(m, i * 2 + 1, &found), -ENOENT);
                        assert_int_equal(weft_map_remove64(m, i * 2 + 1), -ENOENT);
                        assert_int_equal(weft_map_get64(m, i / 2 * 2, &found), 0);
                        assert_int_equal(found, i / 2);
                }
                for (uint64_t i = 0; i < 3000; i++) {
                        assert_int_equal(weft_map_get64(m, i * 2, &found), 0);
                        assert_int_equal(found, i);
                        assert_int_equal(weft_map_remove64(m, i * 2), 0);
                        assert_int_equal(weft_map_get64(m, i * 2, &found), -ENOENT);
                }
                assert_int_equal(weft_map_count(m), 0);
                drop_map(m, "m");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(it_comes_and_goes),        TEST(others_take_its_place),
                TEST(values_are_keys),          TEST(every_call_does_the_same),
                TEST(what_is_absent_is_absent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
