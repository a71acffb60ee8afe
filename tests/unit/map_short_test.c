/* tests/unit/map_short_test.c -- the short ways: for whom, and to what. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/map.h>

#include "structures/map_block.h"
#include "structures/map_key.h"
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
        pid_t pid = _Fork();
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

/* The same of a map of blocks, whose idle block is the parent's, too: two children, two seats. */
static void with_blocks_it_is(void **state)
{
        static const uint64_t key[3] = { 1, 2, 3 };
        uint64_t value[8] = { 0 }, bytes = sizeof value;
        weft_map_t *m = NULL;
        (void)state;
        CHECK(weft_map_create(arena, "m", &(struct weft_map_options){ 0 }, &m) == 0);
        for (value[0] = 1; value[0] < 5; value[0]++)
                assert_int_equal(weft_map_put(m, key, 24, value, sizeof value), 0);
        for (int change = 0; change < 2; change++) {
                pid_t pid = _Fork();
                CHECK(pid >= 0);
                if (!pid) {
                        value[0] = 100;
                        int rc = change ? weft_map_put(m, key, 24, value, sizeof value)
                                        : weft_map_get(m, key, 24, value, &bytes, NULL);
                        _exit(rc || value[0] != (change ? 100 : 4) ||
                              agents() != 2 + change);
                }
                assert_int_equal(child_end(pid), 0);
        }
        for (int i = 0; i < 3; i++) {
                assert_int_equal(weft_map_get(m, key, 24, value, &bytes, NULL), 0);
                assert_int_equal(value[0], 100 + i);
                value[0]++;
                assert_int_equal(weft_map_put(m, key, 24, value, sizeof value), 0);
        }
        drop(m, "m");
}

/* What is refused is refused on the short way, too. */
static void what_is_no_value(void **state)
{
        static const uint64_t key[3] = { 1, 2, 3 };
        const struct weft_map_options of_8 = { .key_bytes = 24, .value_bytes = 8 };
        uint64_t value[2] = { 7, 8 }, bytes;
        weft_map_t *m[2] = { NULL, NULL };
        (void)state;
        CHECK(weft_map_create(arena, "a", &(struct weft_map_options){ 0 }, &m[0]) == 0);
        CHECK(weft_map_create(arena, "b", &of_8, &m[1]) == 0);
        for (int which = 0; which < 2; which++) {
                for (int i = 0; i < 4; i++)
                        assert_int_equal(weft_map_put(m[which], key, 24, value, 8), 0);
                assert_int_equal(weft_map_put(m[which], key, 24, NULL, 8), -EINVAL);
                assert_int_equal(weft_map_put(m[which], NULL, 24, value, 8), -EINVAL);
                assert_int_equal(weft_map_put(m[which], key, 0, value, 8), -EINVAL);
                assert_int_equal(weft_map_put(m[which], key, 24, value, 4),
                                 which ? -EINVAL : 0); /* in a block as large */
                bytes = 16;
                assert_int_equal(weft_map_get(m[which], NULL, 24, value, &bytes, NULL),
                                 -EINVAL);
                assert_int_equal(weft_map_get(m[which], key, 24, NULL, &bytes, NULL),
                                 -EINVAL);
                bytes = 0;
                assert_int_equal(weft_map_get(m[which], key, 24, NULL, &bytes, NULL),
                                 -EOVERFLOW);
                assert_int_equal(bytes, which ? 8 : 4);
                assert_int_equal(weft_map_get(m[which], key, 24, value, NULL, NULL),
                                 which ? 0 : -EINVAL);
        }
        drop(m[0], "a");
        drop(m[1], "b");
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

/* Keys of 16 to 32 bytes are read by words. */
static void the_words_are_the_key(void **state)
{
        _Alignas(8) uint8_t text[64], other[64];
        (void)state;
        for (uint32_t n = 16; n <= 32; n++)
                for (uint32_t skip = 0; skip < 9; skip++) {
                        for (uint32_t i = 0; i < sizeof text; i++)
                                text[i] = (uint8_t)(i * 29 + n + skip);
                        struct weft_map_words w = weft_map_key_words(text + skip, n);
                        assert_memory_equal(w.first, text + skip, 16);
                        assert_memory_equal(w.last, text + skip + n - 16, 16);
                        memcpy(other, text + skip, n);
                        assert_true(weft_map_is_words(other, &w, n));
                        for (uint32_t i = 0; i < n; i++) {
                                other[i] ^= 4;
                                assert_false(weft_map_is_words(other, &w, n));
                                other[i] ^= 4;
                        }
                }
        for (uint64_t seed = 1, i = 0; i < 1000;
             i++, seed = seed * 6364136223846793005 + 9)
                assert_true(weft_map_words_are_right(seed));
}

static uint32_t long_key(uint64_t i, uint8_t at[48], uint32_t *skip)
{
        *skip = i % 3 ? 0 : (uint32_t)i % 9;
        memset(at, 'k', 48);
        memcpy(at + *skip, &i, sizeof i);
        return 14 + (uint32_t)(i % 21);
}

static uint64_t used(void)
{
        struct weft_arena_info info = { 0 };
        CHECK(weft_arena_info(arena, &info) == 0);
        return info.used_bytes;
}

enum { ENTRIES = 300, LONGEST_VALUE = 3000 };

static uint64_t value_bytes(uint64_t i, uint64_t round)
{
        static const uint16_t of[] = {
                0,  1,   31,  32,  33,   63,   64,   65,
                96, 128, 500, 980, 1024, 1088, 1089, LONGEST_VALUE
        };
        return of[(i * 5 + round * 7) % 16];
}

static void must_get(weft_map_t *m, uint64_t i, uint64_t round, uint64_t room)
{
        _Alignas(8) uint8_t key[48], value[LONGEST_VALUE + 64], right[LONGEST_VALUE + 64];
        uint32_t skip, n = long_key(i, key, &skip);
        uint64_t bytes = room, is = value_bytes(i, round), version = 0;
        memset(value, 1, sizeof value);
        memset(right, 1, sizeof right);
        int rc = weft_map_get(m, key + skip, n, value, &bytes, &version);
        assert_int_equal(rc, is > room ? -EOVERFLOW : 0);
        assert_int_equal(bytes, is);
        assert_true(version > round);
        if (!rc)
                memset(right, (int)(i + round), is);
        assert_memory_equal(value, right, sizeof value);
}

/* Two maps in turn, for what is remembered of one is nothing to the other; values of all
 * lengths, which are replaced by others of other lengths; rooms too small and too large. */
static void all_rooms(void **state)
{
        static uint8_t value[LONGEST_VALUE];
        weft_map_t *m[2] = { NULL, NULL };
        uint8_t key[48];
        uint32_t skip;
        uint64_t full = 0;
        (void)state;
        for (int which = 0; which < 2; which++)
                CHECK(weft_map_create(arena, which ? "b" : "a",
                                      &(struct weft_map_options){ 0 }, &m[which]) == 0);
        for (uint64_t round = 0; round < 20; round++) {
                for (uint64_t i = 0; i < ENTRIES; i++) {
                        uint32_t n = long_key(i, key, &skip);
                        memset(value, (int)(i + round), sizeof value);
                        assert_int_equal(weft_map_put(m[i / 7 % 2], key + skip, n, value,
                                                      value_bytes(i, round)),
                                         0);
                }
                for (uint64_t i = 0; i < ENTRIES; i++) {
                        uint64_t is = value_bytes(i, round);
                        for (int again = 0; again < 2; again++) {
                                must_get(m[i / 7 % 2], i, round, is);
                                must_get(m[i / 7 % 2], i, round, is + 1 + i % 60);
                                if (is)
                                        must_get(m[i / 7 % 2], i, round, is - 1);
                        }
                }
                if (round == 3)
                        full = used();
        }
        assert_in_range(used(), full / 2, full + full / 4);
        assert_int_equal(
                weft_load_rlx(&weft_me.agent->seat->reading) & WEFT_READING_DEPTH, 0);
        assert_int_equal(weft_map_count(m[0]) + weft_map_count(m[1]), ENTRIES);
        drop(m[0], "a");
        drop(m[1], "b");
}

/* What lies in a slot, in an entry or on the desk is no ref to what it should be. */
static void bytes_that_lie(void **state)
{
        static const uint64_t refs[] = {
                1,    UINT64_MAX, UINT64_C(1) << 36, (UINT64_C(1) << 36) - 1, 4096, 4097,
                8191, 12287
        };
        static const uint8_t key[24] = "a key of some more bytes";
        weft_map_t *m = NULL;
        struct weft_map_op op;
        struct weft_map_seen seen;
        uint8_t value[64] = { 0 };
        uint64_t bytes;
        (void)state;
        CHECK(weft_map_create(arena, "m", &(struct weft_map_options){ 0 }, &m) == 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(weft_map_put(m, key, 24, value, 64), 0);
        assert_int_equal(weft_map_begin(&op, m, true), 0);
        assert_int_equal(weft_map_hash(&op, key, 24), 0);
        assert_int_equal(weft_map_find(&op, &seen), 0);
        weft_map_end(&op);
        weft_a128_t *cell = weft_slot_cell(seen.bucket, seen.slot);
        for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
                cell->raw[0] = refs[i];
                bytes = sizeof value;
                assert_true(weft_map_get(m, key, 24, value, &bytes, NULL) < 0);
                cell->raw[0] = seen.value;
                uint64_t idle = weft_load_rlx(&op.desk->idle);
                weft_store_rlx(&op.desk->idle, refs[i]);
                assert_int_equal(weft_map_put(m, key, 24, value, 64), 0);
                assert_int_equal(weft_map_find(&op, &seen), 0);
                (void)weft_block_free_from(
                        op.agent, (weft_ref_t){ idle },
                        weft_owner_make(WEFT_OWNER_AGENT, op.agent->sig));
        }
        struct weft_map_look look;
        assert_true(weft_map_look(&op, seen.value, &look));
        struct weft_map_entry_shared *e =
                (struct weft_map_entry_shared *)(uintptr_t)(look.key - sizeof *e);
        static const uint32_t lies[] = { UINT32_MAX, 70000, 65535 };
        for (size_t i = 0; i < 3; i++) {
                e->value_bytes = lies[i];
                bytes = sizeof value;
                assert_true(weft_map_get(m, key, 24, value, &bytes, NULL) < 0);
        }
        static uint8_t large[70000]; /* room enough for the lie, and just that */
        for (size_t i = 1; i < 3; i++)
                for (uint64_t more = 0; more < 2; more++) {
                        e->value_bytes = lies[i];
                        bytes = lies[i] + more;
                        if (bytes > sizeof large)
                                continue;
                        assert_true(weft_map_get(m, key, 24, large, &bytes, NULL) < 0);
                }
        e->value_bytes = 64;
        bytes = sizeof value;
        assert_int_equal(weft_map_get(m, key, 24, value, &bytes, NULL), 0);
        drop(m, "m");
}

/* Two keys of one hash, as far as the slot tells. */
static void the_bytes_decide(void **state)
{
        uint64_t key[3] = { 1, 2, 3 }, other[3] = { 0, 2, 3 }, value = 7, bytes;
        weft_map_t *m = NULL;
        struct weft_map_op op;
        struct weft_map_seen seen;
        (void)state;
        CHECK(weft_map_create(arena, "m", &(struct weft_map_options){ 0 }, &m) == 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(weft_map_put(m, key, 24, &value, 8), 0);
        uint64_t hash = weft_map_hash_bytes(key, 24, m->seed), others;
        do {
                other[0]++;
                others = weft_map_hash_bytes(other, 24, m->seed);
        } while (other[0] == 1 || others >> 61 != hash >> 61);
        assert_int_equal(weft_map_begin(&op, m, false), 0);
        assert_int_equal(weft_map_hash(&op, key, 24), 0);
        assert_int_equal(weft_map_find(&op, &seen), 0);
        weft_map_end(&op);
        weft_slot_key(seen.bucket, seen.slot)->raw = others;
        bytes = 8;
        assert_int_equal(weft_map_get(m, other, 24, &value, &bytes, NULL), -ENOENT);
        assert_int_equal(weft_map_put(m, other, 24, &value, 8), 0);
        assert_int_equal(weft_map_count(m), 2);
        weft_slot_key(seen.bucket, seen.slot)->raw = hash;
        assert_int_equal(weft_map_get(m, key, 24, &value, &bytes, NULL), 0);
        drop(m, "m");
}

static void a_view_stays(void **state)
{
        static const uint64_t key[3] = { 1, 2, 3 };
        uint8_t value[100], right[100];
        struct weft_map_view view;
        weft_map_t *m = NULL;
        (void)state;
        CHECK(weft_map_create(arena, "m", &(struct weft_map_options){ 0 }, &m) == 0);
        for (int round = 0; round < 3; round++) {
                memset(right, round, sizeof right);
                for (int i = 0; i < 4; i++)
                        assert_int_equal(weft_map_put(m, key, 24, right, sizeof right),
                                         0);
                assert_int_equal(weft_map_view(m, key, 24, &view), 0);
                for (int i = 0; i < 6; i++) {
                        memset(value, 100 + i, sizeof value);
                        assert_int_equal(weft_map_put(m, key, 24, value, sizeof value),
                                         0);
                        assert_memory_equal(view.value, right, sizeof right);
                }
                weft_map_view_end(m, &view);
        }
        drop(m, "m");
}

/* One key, whose block is another one each time, and soon the one before. */
static void no_value_is_torn_of(int words)
{
        static const uint64_t key[3] = { 1, 2, 3 };
        const size_t bytes_of = (size_t)words * 8;
        uint64_t value[125], last = 0, first_version = 0;
        int *stop = mmap(NULL, sizeof *stop, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        weft_map_t *m = NULL;
        CHECK(stop != MAP_FAILED);
        CHECK(weft_map_create(arena, "m", &(struct weft_map_options){ 0 }, &m) == 0);
        memset(value, 0, sizeof value);
        assert_int_equal(weft_map_put(m, key, 24, value, bytes_of), 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (!pid) {
                alarm(20); /* whatever becomes of the other */
                for (uint64_t i = 1; !__atomic_load_n(stop, __ATOMIC_RELAXED); i++) {
                        for (int k = 0; k < words; k++)
                                value[k] = i;
                        if (weft_map_put(m, key, 24, value, bytes_of))
                                _exit(1);
                }
                _exit(0);
        }
        for (int i = 0; i < 200000; i++) {
                uint64_t bytes = bytes_of, version = 0;
                CHECK(weft_map_get(m, key, 24, value, &bytes, &version) == 0);
                for (int k = 1; k < words; k++)
                        CHECK(value[k] == value[0]);
                first_version = i ? first_version : version - value[0];
                CHECK(value[0] >= last && version == first_version + value[0]);
                last = value[0];
        }
        __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
        assert_int_equal(child_end(pid), 0);
        munmap(stop, sizeof *stop);
        drop(m, "m");
}

static void no_value_is_torn(void **state)
{
        (void)state;
        no_value_is_torn_of(8);
        no_value_is_torn_of(125);
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

/* ---- lengths that are none ----------------------------------------------------------- */

/* Where no key goes the short way none does, and where one length does no other. */
static void no_length_is_taken_for_another(void **state)
{
        static const uint32_t fixed[] = { 4, 16, 24, 32, 40 };
        static const uint32_t wrong[] = { 0,         15,         33,
                                          INT32_MAX, UINT32_MAX, UINT32_MAX - 15 };
        uint8_t key[64] = { 1 }, value[100] = { 2 }, got[100];
        (void)state;
        for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
                struct weft_map_options o = { .key_bytes = fixed[i], .value_bytes = 100 };
                weft_map_t *m = NULL;
                uint64_t room = sizeof got;
                CHECK(weft_map_create(arena, "fixed", &o, &m) == 0 && m);
                CHECK(weft_map_put(m, key, fixed[i], value, sizeof value) == 0);
                CHECK(weft_map_get(m, key, fixed[i], got, &room, NULL) == 0);
                for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
                        room = sizeof got;
                        assert_int_equal(weft_map_get(m, key, wrong[w], got, &room, NULL),
                                         -EINVAL);
                        assert_int_equal(
                                weft_map_put(m, key, wrong[w], value, sizeof value),
                                -EINVAL);
                }
                drop(m, "fixed");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_hash_is_the_hash),
                TEST(maps_are_told_apart),
                TEST(who_leaves_is_forgotten),
                TEST(a_bare_fork_is_somebody_else),
                TEST(with_blocks_it_is),
                TEST(what_is_no_value),
                TEST(others_change_the_table),
                TEST(blocks_are_no_words),
                TEST(many_at_a_time),
                TEST(many_as_far_as_there_is_room),
                TEST(the_words_are_the_key),
                TEST(all_rooms),
                TEST(bytes_that_lie),
                TEST(the_bytes_decide),
                TEST(a_view_stays),
                TEST(no_value_is_torn),
                TEST(no_length_is_taken_for_another),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
