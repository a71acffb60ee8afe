/* tests/unit/pool_test.c -- pools: lent, put, given, claimed, counted. */
#define _GNU_SOURCE
#include <pthread.h>

#include "tests/unit/pool_kit.h"

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static const char *detail(void)
{
        static struct weft_object_info info;
        CHECK(weft_object_stat(arena, "p", &info) == 0);
        return info.detail;
}

/* ---- making -------------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
        static const struct weft_pool_options bad[] = {
                { .object_bytes = 0, .count = 1 },
                { .object_bytes = WEFT_POOL_OBJECT_MAX + 1, .count = 1 },
                { .object_bytes = UINT64_MAX, .count = 1 },
                { .object_bytes = 8, .count = 0 },
                { .object_bytes = 8, .count = 0, .max_count = 1 },
                { .object_bytes = 8, .count = 2, .max_count = 1 },
                { .object_bytes = 8, .count = WEFT_POOL_COUNT_MAX + 1 },
                { .object_bytes = 8, .count = 1, .max_count = WEFT_POOL_COUNT_MAX + 1 },
                { .object_bytes = 8, .count = 1, .flags = 2 },
                { .object_bytes = 8, .count = 1, .reserved = 1 },
        };
        struct weft_pool_options o = { .object_bytes = 8, .count = 4 };
        struct weft_pool_object object;
        struct weft_pool_census census;
        weft_pool_t *p = (weft_pool_t *)(void *)&o;

        (void)state;
        errno = 4711;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                assert_int_equal(weft_pool_create(arena, "p", &bad[i], &p), -EINVAL);
                assert_int_equal(weft_pool_create_or_open(arena, "p", &bad[i], &p),
                                 -EINVAL);
        }
        assert_int_equal(weft_pool_create(arena, "p", NULL, &p), -EINVAL);
        assert_int_equal(weft_pool_create(NULL, "p", &o, &p), -EINVAL);
        assert_int_equal(weft_pool_create(arena, NULL, &o, &p), -EINVAL);
        assert_int_equal(weft_pool_create(arena, "p", &o, NULL), -EINVAL);
        assert_int_equal(weft_pool_open(arena, "p", NULL), -EINVAL);
        assert_int_equal(weft_pool_open(NULL, "p", &p), -EINVAL);
        assert_int_equal(weft_pool_open(arena, "p", &p), -ENOENT);
        assert_null(p);
        assert_int_equal(weft_pool_get(NULL, &object, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_pool_get_n(NULL, &object, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_pool_put(NULL, 1), -EINVAL);
        assert_int_equal(weft_pool_put_n(NULL, &object, 1), -EINVAL);
        assert_int_equal(weft_pool_give(NULL, 1), -EINVAL);
        assert_int_equal(weft_pool_claim(NULL, 1, &object, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_pool_reclaim(NULL, 1), -EINVAL);
        assert_int_equal(weft_pool_reclaim_all(NULL), -EINVAL);
        assert_int_equal(weft_pool_inspect(NULL, NULL, NULL), -EINVAL);
        assert_int_equal(weft_pool_each(NULL, 31, NULL, NULL), -EINVAL);
        assert_int_equal(weft_pool_census(NULL, &census, NULL, NULL), -EINVAL);
        assert_int_equal(weft_pool_info(NULL, NULL), -EINVAL);
        assert_null(weft_pool_at(NULL, 1));
        weft_pool_on_death(NULL, NULL, NULL);
        weft_pool_close(NULL);
        p = make(8, 4, 0, 0);
        assert_int_equal(weft_pool_get(p, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_pool_get_n(p, NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_pool_get_n(p, NULL, 0, WEFT_NOW), 0);
        assert_int_equal(weft_pool_get_n(p, &object, SIZE_MAX, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_pool_put_n(p, NULL, 1), -EINVAL);
        assert_int_equal(weft_pool_put_n(p, NULL, 0), 0);
        assert_int_equal(weft_pool_claim(p, 1, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_pool_inspect(p, NULL, NULL), -EINVAL);
        assert_int_equal(weft_pool_each(p, 31, NULL, NULL), -EINVAL);
        assert_int_equal(weft_pool_census(p, NULL, NULL, NULL), -EINVAL);
        assert_int_equal(weft_pool_info(p, NULL), -EINVAL);
        must_be(p, 4, 0, 0, 0);
        drop(p);
        assert_int_equal(errno, 4711);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_pool_options o = { .object_bytes = 100, .count = 7 };
        struct weft_array_options array = { .length = 1, .element_bytes = 8 };
        weft_pool_t *p = make(100, 5, 0, 0), *t, *same;
        weft_array_t *a;

        (void)state;
        assert_int_equal(weft_pool_create(arena, "p", &o, &t), -EEXIST);
        assert_int_equal(weft_pool_create_or_open(arena, "p", &o, &t), 0);
        assert_int_equal(weft_pool_open(arena, "p", &same), 0);
        struct weft_pool_object x = get(same);
        assert_int_equal(weft_pool_put(t, x.token), 0); /* any handle of its holder's */
        x = get(t);
        weft_pool_close(t);
        weft_pool_close(same); /* not the last handle here: it is held on */
        must_be(p, 4, 1, 0, 0);
        assert_int_equal(weft_pool_put(p, x.token), 0);
        o.object_bytes = 101;
        assert_int_equal(weft_pool_create_or_open(arena, "p", &o, &t), -EPROTO);
        o.object_bytes = 100;
        o.flags = WEFT_POOL_QUARANTINE;
        assert_int_equal(weft_pool_create_or_open(arena, "p", &o, &t), -EPROTO);
        assert_null(t);
        assert_string_equal(detail(), "5 of 5 objects of 100 B free, 0 waiting");
        assert_true(weft_pool_owner(p).v != 0);
        assert_true(weft_pool_owner(NULL).v == 0);
        drop(p);
        assert_int_equal(weft_array_create(arena, "p", &array, &a), 0);
        assert_int_equal(weft_pool_open(arena, "p", &t), -EPROTO);
        assert_int_equal(weft_object_remove(arena, "p"), 0);
        weft_array_close(a);
        assert_int_equal(object_bytes(), 0);
}

/* Where objects lie: apart, aligned, in the pool's memory, whatever their size. */
static void objects_do_not_overlap(void **state)
{
        static const uint64_t sizes[] = { 1,  3,   8,   9,    16,   17,   63,    64,
                                          65, 100, 128, 1000, 4096, 5000, 65536, 300000 };
        enum { N = 37 };
        struct weft_pool_object o[N];

        (void)state;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                uint64_t bytes = sizes[s], align = bytes >= 64 ? 64 : bytes > 8 ? 16 : 8;
                weft_pool_t *p = make(bytes, 20, N, 0);
                for (int i = 0; i < N; i++) {
                        o[i] = get(p);
                        assert_int_equal((uintptr_t)o[i].at % align, 0);
                        for (uint64_t b = 0; b < bytes; b++)
                                CHECK(((unsigned char *)o[i].at)[b] == 0);
                        memset(o[i].at, i + 1, bytes);
                }
                for (int i = 0; i < N; i++) {
                        for (uint64_t b = 0; b < bytes; b++)
                                CHECK(((unsigned char *)o[i].at)[b] == i + 1);
                        for (int k = 0; k < i; k++)
                                CHECK(o[k].index != o[i].index);
                        assert_true(o[i].index < N);
                }
                assert_int_equal(weft_pool_get(p, &o[0], WEFT_NOW), -EAGAIN);
                drop(p);
        }
}

/* ---- lending ------------------------------------------------------------- */

static void all_are_lent_once(void **state)
{
        static const uint32_t counts[] = { 1, 2, 31, 32, 33, 64, 65, 511, 513, 5000 };
        (void)state;
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                uint32_t n = counts[c];
                weft_pool_t *p = make(16, n, 0, 0);
                struct weft_pool_object *o = calloc(n + 1, sizeof *o);
                char *seen = calloc(n, 1);
                for (int round = 0; round < 3; round++) {
                        memset(seen, 0, n);
                        for (uint32_t i = 0; i < n; i++) {
                                o[i] = get(p);
                                CHECK(o[i].index < n && !seen[o[i].index]++);
                        }
                        must_be(p, 0, n, 0, 0);
                        assert_int_equal(weft_pool_get(p, &o[n], WEFT_NOW), -EAGAIN);
                        assert_int_equal(weft_pool_get(p, &o[n], 1), -ETIMEDOUT);
                        if (round == 1) /* the other way round */
                                for (uint32_t i = n; i--;)
                                        assert_int_equal(weft_pool_put(p, o[i].token), 0);
                        else
                                assert_int_equal(weft_pool_put_n(p, o, n), n);
                        must_be(p, n, 0, 0, 0);
                }
                check_findable(p);
                free(seen);
                free(o);
                drop(p);
        }
}

static void a_token_is_good_once(void **state)
{
        weft_pool_t *p = make(64, 3, 0, 0);
        struct weft_pool_object x = get(p), y, z;

        (void)state;
        *(uint64_t *)x.at = 42;
        assert_int_equal(weft_pool_put(p, x.token), 0);
        assert_int_equal(weft_pool_put(p, x.token), -ENOENT); /* twice */
        assert_int_equal(weft_pool_give(p, x.token), -ENOENT);
        assert_int_equal(weft_pool_reclaim(p, x.token), -ENOENT);
        assert_int_equal(weft_pool_claim(p, x.token, &y, WEFT_NOW), -ENOENT);
        assert_null(weft_pool_at(p, x.token));
        y = get(p); /* what was put last */
        assert_int_equal(y.index, x.index);
        assert_int_not_equal(y.token, x.token);
        assert_int_equal(*(uint64_t *)y.at, 42);
        assert_int_equal(weft_pool_put(p, x.token), -ENOENT); /* stale */
        assert_null(weft_pool_at(p, x.token));
        assert_ptr_equal(weft_pool_at(p, y.token), y.at);
        assert_int_equal(weft_pool_reclaim(p, y.token), -EPERM);
        assert_int_equal(weft_pool_claim(p, y.token, &z, WEFT_NOW), -EDEADLK);
        assert_int_equal(weft_pool_put(p, 0), -ENOENT);
        assert_int_equal(weft_pool_put(p, UINT64_MAX), -ENOENT);
        assert_int_equal(weft_pool_put(p, (y.token & WEFT_POOL_LIFE) | 3), -ENOENT);
        assert_int_equal(weft_pool_give(p, UINT64_MAX), -ENOENT);
        assert_int_equal(weft_pool_claim(p, UINT64_MAX, &z, WEFT_NEVER), -ENOENT);
        assert_int_equal(weft_pool_reclaim(p, UINT64_MAX), -ENOENT);
        assert_null(weft_pool_at(p, UINT64_MAX));
        must_be(p, 2, 1, 0, 0);
        drop(p);
}

static void lives_never_reach_zero(void **state)
{
        weft_pool_t *p = make(64, 1, 0, 0);
        (void)state;
        weft_store_rlx(p->v.part.words, WEFT_POOL_LIFE); /* the last one */
        struct weft_pool_object x = get(p);
        assert_true(x.token == WEFT_POOL_LIFE);
        assert_int_equal(weft_pool_put(p, x.token), 0);
        x = get(p);
        assert_true(x.token == WEFT_POOL_ONE_LIFE);
        drop(p);
}

static void many_at_once(void **state)
{
        struct weft_pool_object o[50], stale;
        weft_pool_t *p = make(8, 40, 0, 0);

        (void)state;
        assert_int_equal(weft_pool_get_n(p, o, 30, WEFT_NEVER), 30);
        assert_int_equal(weft_pool_get_n(p, o + 30, 20, WEFT_NEVER), 10);
        assert_int_equal(weft_pool_get_n(p, o + 40, 5, WEFT_NOW), -EAGAIN);
        for (int i = 0; i < 40; i++)
                for (int k = 0; k < i; k++)
                        assert_int_not_equal(o[i].index, o[k].index);
        stale = o[10];
        assert_int_equal(weft_pool_put(p, stale.token), 0);
        assert_int_equal(weft_pool_put_n(p, o, 40), 10); /* up to the stale one */
        assert_int_equal(weft_pool_put_n(p, o + 10, 30), -ENOENT);
        assert_int_equal(weft_pool_put_n(p, o + 11, 29), 29);
        must_be(p, 40, 0, 0, 0);
        drop(p);
}

/* ---- growing ------------------------------------------------------------- */

static void a_pool_grows(void **state)
{
        static const uint32_t shapes[][2] = { { 1, 2 },    { 1, 100 }, { 3, 4 },
                                              { 7, 5000 }, { 64, 65 }, { 600, 20000 } };
        (void)state;
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
                uint32_t n = shapes[s][1];
                weft_pool_t *p = make(40, shapes[s][0], n, 0), *other;
                assert_int_equal(weft_pool_open(arena, "p", &other), 0);
                struct weft_pool_object *o = calloc(n + 1, sizeof *o);
                char *seen = calloc(n, 1);
                assert_int_equal(census_of(p).total, shapes[s][0]);
                for (uint32_t i = 0; i < n; i++) {
                        o[i] = get(i % 2 ? p : other);
                        CHECK(o[i].index < n && !seen[o[i].index]++);
                        *(uint32_t *)o[i].at = i;
                }
                assert_int_equal(weft_pool_get(p, &o[n], WEFT_NOW), -EAGAIN);
                must_be(p, 0, n, 0, 0);
                for (uint32_t i = 0; i < n; i++) {
                        CHECK(*(uint32_t *)weft_pool_at(other, o[i].token) == i);
                        CHECK(weft_pool_put(i % 3 ? p : other, o[i].token) == 0);
                }
                must_be(other, n, 0, 0, 0);
                check_findable(p);
                check_whole(arena);
                free(seen);
                free(o);
                weft_pool_close(other);
                drop(p);
        }
}

/* Takes all memory; gives it back. */
static void fill_up(weft_ref_t *refs, int *n)
{
        for (uint64_t bytes = 4 << 20; bytes >= 16; bytes /= 2)
                while (*n < 60000 && weft_block_alloc(arena, bytes, &refs[*n], NULL) == 0)
                        ++*n;
}

static void a_full_arena_is_told(void **state)
{
        static weft_ref_t refs[60000];
        struct weft_pool_options o = { .object_bytes = 100, .count = 10 };
        struct weft_pool_object x[11];
        weft_pool_t *p = make(100000, 3, 60, 0), *q;
        int n = 0;

        (void)state;
        assert_int_equal(weft_agent_join(arena), 0);
        fill_up(refs, &n);
        uint64_t before = object_bytes();
        assert_int_equal(weft_pool_create(arena, "q", &o, &q), -ENOSPC);
        for (int i = 0; i < 3; i++) /* what is there is lent, without a desk */
                x[i] = get(p);
        assert_int_equal(weft_pool_get(p, &x[3], WEFT_NOW), -ENOSPC);
        assert_int_equal(weft_pool_get(p, &x[3], 1), -ETIMEDOUT);
        assert_int_equal(weft_pool_get(p, &x[3], weft_after(5 * WEFT_MSEC)), -ETIMEDOUT);
        must_be(p, 0, 3, 0, 0);
        assert_int_equal(object_bytes(), before);
        assert_int_equal(weft_pool_put(p, x[1].token), 0);
        x[1] = get(p);
        while (n--)
                CHECK(weft_block_free(arena, refs[n]) == 0);
        x[3] = get(p); /* now it grows */
        x[4] = get(p);
        assert_true(census_of(p).total > 3);
        assert_int_equal(weft_pool_put_n(p, x, 5), 5);
        check_findable(p);
        drop(p);
}

/* ---- from one to another ------------------------------------------------- */

struct other {
        weft_pool_t *p;
        struct weft_pool_object o;
        uint64_t deadline;
        int *rc;
        uint64_t *token; /* common */
};

static void claim_it(void *context)
{
        struct other *o = context;
        struct weft_pool_object x;
        *o->rc = weft_pool_claim(o->p, o->o.token, &x, o->deadline);
        if (*o->rc == 0) {
                CHECK(x.token == o->o.token && x.index == o->o.index);
                CHECK(*(uint64_t *)x.at == 4711);
                *(uint64_t *)x.at = 4712;
                *o->rc = weft_pool_put(o->p, x.token);
        }
}

static void claim_elsewhere(void *context)
{
        struct other *o = context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        CHECK(weft_pool_open(there, "p", &o->p) == 0);
        claim_it(o);
        weft_pool_close(o->p);
        weft_arena_close(there);
}

static void put_it(void *context)
{
        struct other *o = context;
        CHECK(weft_pool_put(o->p, o->o.token) == -EPERM);
        CHECK(weft_pool_give(o->p, o->o.token) == -EPERM);
        CHECK(weft_pool_reclaim(o->p, o->o.token) == -EPERM);
        CHECK(weft_pool_at(o->p, o->o.token) == o->o.at);
}

static void what_is_given_can_be_claimed(void **state)
{
        struct other o = { make(64, 4, 0, 0), .rc = common_make(sizeof(int)) };
        struct weft_pool_object x;

        (void)state;
        o.o = get(o.p);
        *(uint64_t *)o.o.at = 4711;
        assert_int_equal(child_run(put_it, &o), 0); /* another's */
        assert_int_equal(child_run(claim_it, &o), 0);
        assert_int_equal(*o.rc, -EAGAIN); /* not given yet */
        o.deadline = 1;
        assert_int_equal(child_run(claim_it, &o), 0);
        assert_int_equal(*o.rc, -ETIMEDOUT);
        assert_int_equal(weft_pool_give(o.p, o.o.token), 0);
        assert_int_equal(weft_pool_give(o.p, o.o.token), -EPERM);
        assert_int_equal(weft_pool_put(o.p, o.o.token), -EPERM);
        must_be(o.p, 3, 0, 1, 0);
        assert_string_equal(detail(),
                            "3 of 4 objects of 64 B free, 1 in transit, 0 waiting");
        assert_int_equal(child_run(claim_elsewhere, &o), 0);
        assert_int_equal(*o.rc, 0);
        assert_int_equal(*(uint64_t *)o.o.at, 4712);
        assert_int_equal(weft_pool_claim(o.p, o.o.token, &x, WEFT_NEVER), -ENOENT);
        must_be(o.p, 4, 0, 0, 0);
        x = get(o.p); /* to oneself */
        assert_int_equal(weft_pool_give(o.p, x.token), 0);
        assert_int_equal(weft_pool_claim(o.p, x.token, &x, WEFT_NEVER), 0);
        assert_int_equal(weft_pool_put(o.p, x.token), 0);
        munmap(o.rc, sizeof(int));
        drop(o.p);
}

static void a_claim_waits(void **state)
{
        struct other o = { make(64, 4, 0, 0), .deadline = WEFT_NEVER,
                           .rc = common_make(sizeof(int)) };
        struct weft_pool_info info;

        (void)state;
        for (int give = 0; give < 2; give++) {
                o.o = get(o.p);
                *(uint64_t *)o.o.at = 4711;
                *o.rc = 1;
                pid_t pid = child_start(claim_it, &o);
                do
                        CHECK(weft_pool_info(o.p, &info) == 0);
                while (!info.waiting);
                assert_int_equal((give ? weft_pool_give : weft_pool_put)(o.p, o.o.token),
                                 0);
                assert_int_equal(child_end(pid), 0);
                assert_int_equal(*o.rc, give ? 0 : -ENOENT);
        }
        munmap(o.rc, sizeof(int));
        drop(o.p);
}

static int take_note(const struct weft_pool_entry *entry, void *context)
{
        struct weft_pool_entry *to = context;
        *to = *entry;
        return 1;
}

static int count_entries(const struct weft_pool_entry *entry, void *context)
{
        (void)entry;
        ++*(int *)context;
        return 0;
}

static void what_is_in_transit_can_be_reclaimed(void **state)
{
        weft_pool_t *p = make(64, 40, 0, 0);
        struct weft_pool_object o[40];
        struct weft_pool_entry e;
        int n = 0;

        (void)state;
        assert_int_equal(weft_pool_get_n(p, o, 40, WEFT_NOW), 40);
        for (int i = 0; i < 10; i++)
                assert_int_equal(weft_pool_give(p, o[i].token), 0);
        assert_int_equal(weft_pool_each(p, WEFT_POOL_IS_TRANSIT, count_entries, &n), 0);
        assert_int_equal(n, 10);
        assert_int_equal(weft_pool_each(p, WEFT_POOL_IS_TRANSIT, take_note, &e), 1);
        assert_int_equal(weft_pool_reclaim(p, e.token), 0);
        assert_int_equal(weft_pool_reclaim(p, e.token), -ENOENT);
        must_be(p, 1, 30, 9, 0);
        assert_int_equal(weft_pool_reclaim_all(p), 9);
        assert_int_equal(weft_pool_reclaim_all(p), 0);
        must_be(p, 10, 30, 0, 0);
        n = 0;
        assert_int_equal(weft_pool_each(p, 31, count_entries, &n), 0);
        assert_int_equal(n, 40);
        assert_int_equal(weft_pool_each(p, WEFT_POOL_IS_HELD, take_note, &e), 1);
        assert_int_equal(e.state, WEFT_POOL_IS_HELD);
        assert_int_equal(e.pid, getpid());
        assert_int_equal(e.dead, 0);
        assert_int_equal(weft_pool_put_n(p, o + 10, 30), 30);
        check_findable(p);
        drop(p);
}

/* ---- waiting ------------------------------------------------------------- */

static void *get_in_thread(void *context)
{
        struct other *o = context;
        *o->rc = weft_pool_get(o->p, &o->o, o->deadline);
        if (*o->rc == 0)
                *o->rc = weft_pool_put(o->p, o->o.token);
        return NULL;
}

static void get_waiting(void *context)
{
        (void)get_in_thread(context);
        CHECK(*((struct other *)context)->rc == 0);
}

static void no_wake_is_lost(void **state)
{
        struct other o = { make(64, 2, 0, 0), .deadline = WEFT_NEVER,
                           .rc = common_make(sizeof(int)) };
        struct weft_pool_info info;
        pid_t pids[4];

        (void)state;
        for (int round = 0; round < 20; round++) {
                struct weft_pool_object x = get(o.p), y = get(o.p);
                for (int i = 0; i < 4; i++)
                        pids[i] = child_start(get_waiting, &o);
                do
                        CHECK(weft_pool_info(o.p, &info) == 0);
                while (info.waiting != 4);
                assert_int_equal(weft_pool_put(o.p, x.token), 0);
                if (round % 2)
                        assert_int_equal(weft_pool_put(o.p, y.token), 0);
                for (int i = 0; i < 4; i++)
                        assert_int_equal(child_end(pids[i]), 0);
                if (round % 2 == 0)
                        assert_int_equal(weft_pool_put(o.p, y.token), 0);
                must_be(o.p, 2, 0, 0, 0);
        }
        munmap(o.rc, sizeof(int));
        drop(o.p);
}

static void select_gets_one(void **state)
{
        weft_pool_t *p = make(64, 1, 2, 0);
        struct weft_pool_object x, y, z = { 0 };
        struct weft_case c = { .object = p, .op = WEFT_OP_TAKE, .to = &x };

        (void)state;
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), 0);
        assert_int_equal(c.result, 0);
        assert_ptr_equal(weft_pool_at(p, x.token), x.at);
        c.flags = WEFT_CASE_LOOK; /* it would grow */
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), 0);
        must_be(p, 0, 1, 0, 0);
        c.flags = 0;
        c.to = &y;
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), 0);
        c.to = &z;
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_select(&c, 1, 0, 1), -ETIMEDOUT);
        c.flags = WEFT_CASE_LOOK;
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_pool_put(p, x.token), 0);
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), 0);
        must_be(p, 1, 1, 0, 0);
        c.flags = 0;
        c.to = NULL;
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), -EINVAL);
        c.to = &z;
        c.op = WEFT_OP_POP;
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), -EPROTO);
        drop(p);
}

/* ---- read-only ------------------------------------------------------------ */

static void look_alone(void *context)
{
        struct other *o = context;
        struct weft_pool_object x;
        struct weft_pool_census n;
        struct weft_pool_info info;
        int seen = 0;
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        weft_pool_t *p;
        CHECK(weft_pool_open(there, "p", &p) == 0);
        CHECK(weft_pool_get(p, &x, WEFT_NOW) == -EROFS);
        CHECK(weft_pool_get_n(p, &x, 1, WEFT_NEVER) == -EROFS);
        CHECK(weft_pool_put(p, o->o.token) == -EROFS);
        CHECK(weft_pool_give(p, o->o.token) == -EROFS);
        CHECK(weft_pool_claim(p, o->o.token, &x, WEFT_NEVER) == -EROFS);
        CHECK(weft_pool_reclaim(p, o->o.token) == -EROFS);
        CHECK(weft_pool_reclaim_all(p) == -EROFS);
        CHECK(weft_pool_census(p, &n, NULL, NULL) == 0);
        CHECK(n.held == 1 && n.free == 3 && n.agents == 1 && !n.dead);
        CHECK(weft_pool_info(p, &info) == 0 && info.free == 3 && info.total == 4);
        CHECK(weft_pool_each(p, 31, count_entries, &seen) == 0 && seen == 4);
        CHECK(*(uint64_t *)weft_pool_at(p, o->o.token) == 4711);
        weft_pool_close(p);
        weft_arena_close(there);
}

static void read_only_looks_alone(void **state)
{
        struct other o = { .p = make(64, 4, 0, 0) };
        (void)state;
        o.o = get(o.p);
        *(uint64_t *)o.o.at = 4711;
        assert_int_equal(child_run(look_alone, &o), 0);
        drop(o.p);
}

/* ---- hostile bytes --------------------------------------------------------- */

static void a_corrupt_header_is_told(void **state)
{
        struct weft_pool_shared bad[16], good;
        struct weft_census census;
        weft_pool_t *p = make(64, 5, 70, 0), *t;
        struct weft_pool_shared *sh = p->handle.sh;
        size_t n = 0;

        (void)state;
        good = *sh;
        for (size_t i = 0; i < 16; i++)
                bad[i] = good;
        bad[n++].object_bytes = 0;
        bad[n++].object_bytes = UINT64_MAX;
        bad[n++].object_bytes = 1 << 28; /* longer than its blocks */
        bad[n++].count = 0;
        bad[n++].count = 100000;
        bad[n++].count = UINT32_MAX;
        bad[n++].max_count = 4;
        bad[n++].max_count = UINT32_MAX;
        bad[n++].flags = 2;
        bad[n++].segments[0].raw = 0;
        bad[n++].segments[0].raw = UINT64_MAX;
        bad[n++].segments[0].raw ^= UINT64_C(1) << 50;
        for (size_t i = 0; i < n; i++) {
                *sh = bad[i];
                assert_int_equal(weft_pool_open(arena, "p", &t), -EUCLEAN);
                assert_null(t);
                assert_string_equal(detail(), "corrupt");
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
                assert_int_equal(census.corrupt, 1);
        }
        *sh = good;
        sh->segments[1].raw = 4711; /* grown, and not there */
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        *sh = good;
        assert_int_equal(weft_pool_open(arena, "p", &t), 0);
        sh->count = 1; /* a handle believes what it read when it was opened */
        check_findable(t);
        sh->count = 5;
        weft_pool_close(t);
        drop(p);
}

/* Words, bits and desks that nobody wrote: no crash, no endless loop, errors or wrong
 * answers; and what is put right works. */
static void corrupt_words_do_no_harm(void **state)
{
        weft_pool_t *p = make(64, 70, 100, 0);
        struct weft_pool_part *part = &p->v.part;
        struct weft_pool_object x = get(p), y;
        struct weft_pool_census n;
        struct weft_census census;
        int seen = 0;
        uint64_t seed = 88172645463325252u;

        (void)state;
        assert_int_equal(weft_pool_put(p, x.token), 0);
        struct weft_pool_desk_shared *desk =
                weft_desk_at(&p->desks, weft_me.agent->index);
        assert_non_null(desk);
        for (int round = 0; round < 200; round++) {
                uint64_t fill = round % 5 == 0 ? 0 : round % 5 == 1 ? UINT64_MAX : 1;
                for (uint32_t i = 0; i < 70; i++) {
                        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                        part->words[(size_t)i << p->v.word_shift].raw =
                                fill == 1 ? seed : fill;
                        part->groups[i / 32].raw = fill == 1 ? seed * 3 : fill;
                        part->summary[0].raw = fill == 1 ? seed * 7 : fill;
                }
                memset(desk, fill == 1 ? (int)seed : (int)fill, sizeof *desk);
                ((struct weft_pool_shared *)p->handle.sh)->quarantined.raw = seed;
                for (int i = 0; i < 50; i++)
                        if (weft_pool_get(p, &y, WEFT_NOW) == 0)
                                (void)!weft_pool_put(p, y.token);
                (void)!weft_pool_put(p, seed);
                (void)!weft_pool_give(p, seed);
                (void)!weft_pool_claim(p, seed, &y, WEFT_NOW);
                (void)!weft_pool_reclaim_all(p);
                (void)!weft_pool_census(p, &n, NULL, NULL);
                (void)!weft_pool_each(p, 31, count_entries, &seen);
                (void)weft_pool_at(p, seed);
                (void)detail();
                (void)!weft_arena_check(arena, &census);
                if (round % 10 == 0)
                        weft_agent_leave(arena); /* recovers */
        }
        for (uint32_t i = 0; i < 70; i++)
                part->words[(size_t)i << p->v.word_shift].raw = WEFT_POOL_ONE_LIFE;
        weft_agent_leave(arena);
        assert_int_equal(weft_agent_join(arena), 0);
        weft_agent_leave(arena); /* sets all bits */
        assert_true(census_of(p).free >= 70);
        check_findable(p);
        drop(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_arguments_are_refused),
                TEST(opening_shares_and_checks),
                TEST(objects_do_not_overlap),
                TEST(all_are_lent_once),
                TEST(a_token_is_good_once),
                TEST(lives_never_reach_zero),
                TEST(many_at_once),
                TEST(a_pool_grows),
                TEST(a_full_arena_is_told),
                TEST(what_is_given_can_be_claimed),
                TEST(a_claim_waits),
                TEST(what_is_in_transit_can_be_reclaimed),
                TEST(no_wake_is_lost),
                TEST(select_gets_one),
                TEST(read_only_looks_alone),
                TEST(a_corrupt_header_is_told),
                TEST(corrupt_words_do_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
