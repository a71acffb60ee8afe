#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/object.h"
#include "sync/semaphore_shared.h"
#include "tests/child.h"

enum { OWNED = WEFT_SEMAPHORE_OWNED };

static weft_arena_t *arena; /* fresh for every test */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
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

static weft_semaphore_t *make(uint32_t value, uint32_t maximum, uint32_t flags)
{
        struct weft_semaphore_options o = { value, maximum, flags, 0 };
        weft_semaphore_t *s = NULL;
        CHECK(weft_semaphore_create(arena, "s", &o, &s) == 0 && s);
        return s;
}

static void drop(weft_semaphore_t *s)
{
        CHECK(weft_object_remove(arena, "s") == 0);
        weft_semaphore_close(s);
}

static struct weft_semaphore_info info_of(weft_semaphore_t *s)
{
        struct weft_semaphore_info info;
        memset(&info, 0xff, sizeof info);
        CHECK(weft_semaphore_info(s, &info) == 0);
        return info;
}

/* Is it so? */
static void must_be(weft_semaphore_t *s, uint32_t value, uint32_t held, uint32_t holders)
{
        struct weft_semaphore_info info = info_of(s);
        assert_int_equal(weft_semaphore_value(s), value);
        assert_int_equal(info.value, value);
        assert_int_equal(info.held, held);
        assert_int_equal(info.holders, holders);
}

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static void wait_for_sleepers(weft_semaphore_t *s, uint32_t n)
{
        while (info_of(s).waiting != n)
                usleep(100);
}

/* ---- others -------------------------------------------------------------- */

/* Somebody else who takes or gives, and tells what he was told. */
struct other {
        weft_semaphore_t *s;
        uint32_t take, give;
        uint64_t deadline;
        int *rc; /* common memory: of taking, of giving */
};

static void act(void *context)
{
        struct other *o = context;
        if (o->take)
                o->rc[0] = weft_semaphore_wait_n(o->s, o->take, o->deadline);
        if (o->give)
                o->rc[1] = weft_semaphore_post_n(o->s, o->give);
}

static void act_elsewhere(void *context)
{
        struct other *o = context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        CHECK(weft_semaphore_open(there, "s", &o->s) == 0);
        act(o);
        weft_semaphore_close(o->s);
        weft_arena_close(there);
}

static void act_and_die(void *context)
{
        act(context);
        raise(SIGKILL);
}

static void *act_in_thread(void *context)
{
        act(context);
        return NULL;
}

enum who { A_PROCESS, A_CHILD, A_THREAD, ONE_WHO_DIES, WHO };

/* The others' results; at last 1 for what was not asked. */
static void of(enum who who, weft_semaphore_t *s, uint32_t take, uint32_t give,
               int expect_take, int expect_give)
{
        static int *rc;
        if (!rc)
                rc = common_make(2 * sizeof *rc);
        struct other o = { s, take, give, WEFT_NOW, rc };
        pthread_t thread;
        rc[0] = rc[1] = 1;
        switch (who) {
        case A_THREAD:
                CHECK(pthread_create(&thread, NULL, act_in_thread, &o) == 0);
                CHECK(pthread_join(thread, NULL) == 0);
                break;
        case ONE_WHO_DIES:
                CHECK(child_run(act_and_die, &o) == -SIGKILL);
                break;
        default:
                CHECK(child_run(who == A_CHILD ? act : act_elsewhere, &o) == 0);
                break;
        }
        assert_int_equal(rc[0], take ? expect_take : 1);
        assert_int_equal(rc[1], give ? expect_give : 1);
}

static void wait_for_1(void *s)
{
        CHECK(weft_semaphore_wait(s, WEFT_NEVER) == 0);
}

static void wait_for_3(void *s)
{
        CHECK(weft_semaphore_wait_n(s, 3, WEFT_NEVER) == 0);
}

/* ---- making -------------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
        static const struct weft_semaphore_options bad[] = {
                { .value = 2, .maximum = 1 },
                { .value = WEFT_SEMAPHORE_MAX + 1 },
                { .maximum = WEFT_SEMAPHORE_MAX + 1 },
                { .flags = 2 },
                { .reserved = 1 },
        };
        struct weft_semaphore_options o = { .value = 1 };
        struct weft_semaphore_info info;
        weft_semaphore_t *s = (weft_semaphore_t *)(void *)&o;

        (void)state;
        errno = 4711;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                assert_int_equal(weft_semaphore_create(arena, "s", &bad[i], &s), -EINVAL);
                assert_int_equal(weft_semaphore_create_or_open(arena, "s", &bad[i], &s),
                                 -EINVAL);
        }
        assert_int_equal(weft_semaphore_create(arena, "s", NULL, &s), -EINVAL);
        assert_int_equal(weft_semaphore_create(NULL, "s", &o, &s), -EINVAL);
        assert_int_equal(weft_semaphore_create(arena, NULL, &o, &s), -EINVAL);
        assert_int_equal(weft_semaphore_create(arena, "s", &o, NULL), -EINVAL);
        assert_int_equal(weft_semaphore_open(arena, "s", NULL), -EINVAL);
        assert_int_equal(weft_semaphore_open(NULL, "s", &s), -EINVAL);
        assert_int_equal(weft_semaphore_open(arena, "s", &s), -ENOENT);
        assert_null(s);
        assert_int_equal(weft_semaphore_wait(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_semaphore_wait_n(NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_semaphore_try(NULL), -EINVAL);
        assert_int_equal(weft_semaphore_post(NULL), -EINVAL);
        assert_int_equal(weft_semaphore_post_n(NULL, 1), -EINVAL);
        assert_int_equal(weft_semaphore_value(NULL), -EINVAL);
        assert_int_equal(weft_semaphore_info(NULL, &info), -EINVAL);
        weft_semaphore_close(NULL);
        for (uint32_t flags = 0; flags <= OWNED; flags++) {
                s = make(5, 5, flags);
                assert_int_equal(weft_semaphore_info(s, NULL), -EINVAL);
                assert_int_equal(weft_semaphore_wait_n(s, 0, WEFT_NOW), -EINVAL);
                assert_int_equal(weft_semaphore_wait_n(s, 6, WEFT_NEVER), -EINVAL);
                assert_int_equal(weft_semaphore_wait_n(s, UINT32_MAX, WEFT_NOW), -EINVAL);
                assert_int_equal(weft_semaphore_post_n(s, 0), -EINVAL);
                assert_int_equal(weft_semaphore_post_n(s, 6), -EINVAL);
                must_be(s, 5, 0, 0);
                drop(s);
        }
        assert_int_equal(errno, 4711);
        assert_int_equal(object_bytes(), 0);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_semaphore_options o = { .value = 3, .maximum = 7, .flags = OWNED };
        struct weft_array_options array = { .length = 1, .element_bytes = 8 };
        weft_semaphore_t *s = make(5, 7, OWNED), *t, *same;
        weft_array_t *a;

        (void)state;
        assert_int_equal(weft_semaphore_create(arena, "s", &o, &t), -EEXIST);
        assert_int_equal(weft_semaphore_create_or_open(arena, "s", &o, &t), 0);
        assert_int_equal(weft_semaphore_value(t), 5); /* it was there */
        assert_int_equal(weft_semaphore_open(arena, "s", &same), 0);
        assert_int_equal(weft_semaphore_wait_n(same, 2, WEFT_NOW), 0);
        assert_int_equal(weft_semaphore_post(t), 0); /* any handle of its holder's */
        must_be(s, 4, 1, 1);
        weft_semaphore_close(t);
        weft_semaphore_close(same); /* not the last handle here: it is held on */
        must_be(s, 4, 1, 1);
        assert_int_equal(weft_semaphore_post(s), 0);
        o.flags = 0;
        assert_int_equal(weft_semaphore_create_or_open(arena, "s", &o, &t), -EPROTO);
        o = (struct weft_semaphore_options){ .maximum = 8, .flags = OWNED };
        assert_int_equal(weft_semaphore_create_or_open(arena, "s", &o, &t), -EPROTO);
        o.maximum = 0;
        assert_int_equal(weft_semaphore_create_or_open(arena, "s", &o, &t), -EPROTO);
        assert_null(t);
        drop(s);
        assert_int_equal(weft_semaphore_create_or_open(arena, "s", &o, &t), 0);
        assert_int_equal(info_of(t).maximum, WEFT_SEMAPHORE_MAX);
        o.maximum = WEFT_SEMAPHORE_MAX; /* which 0 stands for */
        assert_int_equal(weft_semaphore_create_or_open(arena, "s", &o, &s), 0);
        weft_semaphore_close(s);
        drop(t);
        assert_int_equal(weft_array_create(arena, "s", &array, &a), 0);
        assert_int_equal(weft_semaphore_open(arena, "s", &t), -EPROTO);
        assert_int_equal(weft_object_remove(arena, "s"), 0);
        weft_array_close(a);
        assert_int_equal(object_bytes(), 0);
}

/* ---- taking and giving ---------------------------------------------------- */

static void permits_are_counted(void **state)
{
        (void)state;
        for (uint32_t flags = 0; flags <= OWNED; flags++) {
                weft_semaphore_t *s = make(3, 10, flags);
                uint32_t mine = flags ? 1 : 0; /* counted only then */
                must_be(s, 3, 0, 0);
                assert_int_equal(weft_semaphore_wait(s, WEFT_NEVER), 0);
                must_be(s, 2, 1 * mine, mine);
                assert_int_equal(weft_semaphore_try(s), 0);
                assert_int_equal(weft_semaphore_wait_n(s, 2, WEFT_NOW), -EAGAIN);
                must_be(s, 1, 2 * mine, mine); /* none of them was taken */
                assert_int_equal(weft_semaphore_wait(s, 1), 0); /* late, but there */
                assert_int_equal(weft_semaphore_try(s), -EAGAIN);
                assert_int_equal(weft_semaphore_wait(s, 1), -ETIMEDOUT);
                assert_int_equal(weft_semaphore_wait(s, weft_after(5 * WEFT_MSEC)),
                                 -ETIMEDOUT);
                assert_int_equal(weft_semaphore_wait_n(s, 2, weft_after(5 * WEFT_MSEC)),
                                 -ETIMEDOUT);
                must_be(s, 0, 3 * mine, mine);
                assert_int_equal(info_of(s).waiting, 0);
                assert_int_equal(weft_semaphore_post_n(s, 2), 0);
                must_be(s, 2, 1 * mine, mine);
                assert_int_equal(weft_semaphore_wait_n(s, 2, WEFT_NEVER), 0);
                assert_int_equal(weft_semaphore_post(s), 0);
                assert_int_equal(weft_semaphore_post_n(s, 2), 0);
                must_be(s, 3, 0, 0);
                assert_int_equal(info_of(s).maximum, 10);
                assert_int_equal(info_of(s).flags, flags);
                drop(s);
        }
        assert_int_equal(object_bytes(), 0);
}

static void past_the_maximum_is_nothing_posted(void **state)
{
        weft_semaphore_t *s = make(3, 5, 0);

        (void)state;
        assert_int_equal(weft_semaphore_post_n(s, 3), -EOVERFLOW);
        assert_int_equal(weft_semaphore_value(s), 3);
        assert_int_equal(weft_semaphore_post_n(s, 2), 0);
        assert_int_equal(weft_semaphore_post(s), -EOVERFLOW);
        assert_int_equal(weft_semaphore_value(s), 5);
        drop(s);
        s = make(1, 1, 0); /* binary */
        assert_int_equal(weft_semaphore_post(s), -EOVERFLOW);
        assert_int_equal(weft_semaphore_try(s), 0);
        assert_int_equal(weft_semaphore_try(s), -EAGAIN);
        assert_int_equal(weft_semaphore_post(s), 0);
        assert_int_equal(weft_semaphore_value(s), 1);
        drop(s);
        s = make(WEFT_SEMAPHORE_MAX - 1, 0, 0);
        assert_int_equal(weft_semaphore_post_n(s, WEFT_SEMAPHORE_MAX), -EOVERFLOW);
        assert_int_equal(weft_semaphore_post(s), 0);
        assert_int_equal(weft_semaphore_post(s), -EOVERFLOW);
        assert_int_equal(weft_semaphore_wait_n(s, WEFT_SEMAPHORE_MAX, WEFT_NOW), 0);
        must_be(s, 0, 0, 0);
        drop(s);
}

static void a_plain_one_takes_from_anybody(void **state)
{
        weft_semaphore_t *s = make(0, 10, 0);

        (void)state;
        for (enum who who = A_PROCESS; who < WHO; who++) {
                of(who, s, 1, 2, -EAGAIN, 0);
                assert_int_equal(weft_semaphore_wait_n(s, 2, WEFT_NOW), 0);
                of(who, s, 1, 1, -EAGAIN, 0);
                of(who, s, 1, 0, 0, 0); /* and it is used up, even by the dead */
                (void)recover_count(arena);
                must_be(s, 0, 0, 0);
        }
        drop(s);
}

static void an_owned_one_takes_only_back(void **state)
{
        weft_semaphore_t *s = make(4, 10, OWNED);

        (void)state;
        assert_int_equal(weft_semaphore_post(s), -EPERM);
        assert_int_equal(weft_semaphore_wait_n(s, 3, WEFT_NOW), 0);
        assert_int_equal(weft_semaphore_post_n(s, 4), -EPERM);
        must_be(s, 1, 3, 1);
        for (enum who who = A_PROCESS; who < ONE_WHO_DIES; who++) {
                of(who, s, 0, 1, 0, -EPERM); /* they hold none of ours */
                of(who, s, 1, 1, 0, 0);
                of(who, s, 2, 0, -EAGAIN, 0);
                of(who, s, 1, 2, 0, -EPERM);
                (void)recover_count(arena);
                must_be(s, 1, 3, 1);
        }
        assert_int_equal(weft_semaphore_post_n(s, 3), 0);
        assert_int_equal(weft_semaphore_post(s), -EPERM);
        must_be(s, 4, 0, 0);
        drop(s);
}

/* A wake that is lost costs 50 ms: then this takes longer than a test may. */
enum { HANDINGS = 700 };

struct handing {
        weft_semaphore_t *s;
        struct gate come, gone;
        uint32_t n;
};

static void take_and_tell(void *context)
{
        struct handing *h = context;
        for (int i = 0; i < HANDINGS; i++) {
                gate_pass(&h->come);
                CHECK(weft_semaphore_wait_n(h->s, h->n, WEFT_NEVER) == 0);
                gate_open(&h->gone, 1);
        }
}

/* One waits for three, and one or two for one each. Whatever comes, nobody who could go on
 * sleeps: what the singles leave is exactly what the other wants. */
static void hand_out(uint32_t singles, uint32_t many)
{
        weft_semaphore_t *s = make(0, 10, 0);
        struct handing h = { s, gate_make(), gate_make(), 3 };
        pid_t pid[3];
        uint32_t n = 0, sum = singles + 3 * many;
        if (many)
                pid[n++] = child_start(take_and_tell, &h);
        h.n = 1;
        while (n < singles + many)
                pid[n++] = child_start(take_and_tell, &h);
        for (int i = 0; i < HANDINGS; i++) {
                gate_open(&h.come, (int)n);
                wait_for_sleepers(s, n);
                if (i % 2)
                        assert_int_equal(weft_semaphore_post_n(s, sum), 0);
                for (uint32_t k = 0; k < sum && i % 2 == 0; k++)
                        assert_int_equal(weft_semaphore_post(s), 0);
                for (uint32_t k = 0; k < n; k++)
                        gate_pass(&h.gone);
        }
        for (uint32_t k = 0; k < n; k++)
                assert_int_equal(child_end(pid[k]), 0);
        must_be(s, 0, 0, 0);
        gate_drop(&h.come);
        gate_drop(&h.gone);
        drop(s);
}

static void no_wake_is_lost(void **state)
{
        (void)state;
        hand_out(1, 0);
        hand_out(2, 0);
        hand_out(0, 1);
        hand_out(1, 1);
        hand_out(2, 1);
}

static void a_post_wakes_as_many_as_it_serves(void **state)
{
        (void)state;
        for (int round = 0; round < 20; round++) {
                weft_semaphore_t *s = make(0, 10, 0);
                pid_t pid[5];
                for (int i = 0; i < 5; i++)
                        pid[i] = child_start(wait_for_1, s);
                wait_for_sleepers(s, 5);
                assert_int_equal(weft_semaphore_post_n(s, 5), 0);
                for (int i = 0; i < 5; i++)
                        assert_int_equal(child_end(pid[i]), 0);
                must_be(s, 0, 0, 0);
                drop(s);
        }
}

static void many_are_taken_at_once_or_not(void **state)
{
        (void)state;
        weft_semaphore_t *s = make(0, 10, 0);
        pid_t three = child_start(wait_for_3, s);
        wait_for_sleepers(s, 1);
        assert_int_equal(weft_semaphore_post_n(s, 2), 0);
        usleep(2000);
        must_be(s, 2, 0, 0); /* too few: it takes none */
        of(A_PROCESS, s, 2, 0, 0, 0);
        must_be(s, 0, 0, 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(weft_semaphore_post(s), 0);
        assert_int_equal(child_end(three), 0);
        must_be(s, 0, 0, 0);
        drop(s);
}

/* ---- permits of the dead --------------------------------------------------- */

static void they_come_back_once(void **state)
{
        weft_semaphore_t *s = make(20, 20, OWNED);

        (void)state;
        assert_int_equal(weft_semaphore_wait_n(s, 2, WEFT_NOW), 0);
        for (uint32_t i = 1; i <= 5; i++)
                of(ONE_WHO_DIES, s, i, i / 2, 0, 0);
        /* Each got a seat of its own, or settled who had it. */
        struct weft_semaphore_info info = info_of(s);
        assert_int_equal(info.value + info.held, 20);
        (void)recover_count(arena);
        must_be(s, 18, 2, 1);
        assert_int_equal(recover_count(arena), 0);
        must_be(s, 18, 2, 1);
        assert_int_equal(weft_semaphore_post_n(s, 2), 0);
        must_be(s, 20, 0, 0);
        drop(s);
}

/* A program that never waits hears of deaths, too. */
static void who_only_tries_gets_them(void **state)
{
        weft_semaphore_t *s = make(2, 2, OWNED);
        int rc = -EAGAIN;

        (void)state;
        of(ONE_WHO_DIES, s, 2, 0, 0, 0);
        for (int i = 0; i < 10000 && rc == -EAGAIN; i++) {
                rc = weft_semaphore_try(s);
                usleep(100);
        }
        assert_int_equal(rc, 0);
        assert_int_equal(weft_semaphore_post(s), 0);
        drop(s);
}

static void whoever_ends_gives_back(void **state)
{
        weft_semaphore_t *s = make(5, 5, OWNED), *again;

        (void)state;
        of(A_THREAD, s, 3, 0, 0, 0);
        must_be(s, 5, 0, 0);
        of(A_PROCESS, s, 3, 0, 0, 0); /* closes */
        must_be(s, 5, 0, 0);
        of(A_CHILD, s, 3, 1, 0, 0); /* _exit */
        must_be(s, 3, 2, 1);
        (void)recover_count(arena);
        must_be(s, 5, 0, 0);
        assert_int_equal(weft_semaphore_wait_n(s, 4, WEFT_NOW), 0);
        weft_agent_leave(arena);
        must_be(s, 5, 0, 0);
        assert_int_equal(weft_semaphore_wait_n(s, 4, WEFT_NOW), 0);
        weft_semaphore_close(s);
        assert_int_equal(weft_semaphore_open(arena, "s", &again), 0);
        must_be(again, 5, 0, 0);
        drop(again);
}

static void take_5_and_stay(void *context)
{
        struct handing *h = context;
        CHECK(weft_semaphore_wait_n(h->s, 5, WEFT_NOW) == 0);
        gate_open(&h->gone, 1);
        pause();
}

static void sleepers_get_what_the_dead_held(void **state)
{
        struct handing h = { make(5, 5, OWNED), gate_make(), gate_make(), 5 };
        pid_t holder = child_start(take_5_and_stay, &h), one, three;

        (void)state;
        gate_pass(&h.gone);
        one = child_start(wait_for_1, h.s);
        three = child_start(wait_for_3, h.s);
        wait_for_sleepers(h.s, 2);
        must_be(h.s, 0, 5, 1);
        assert_int_equal(child_kill(holder), -SIGKILL);
        assert_int_equal(child_end(one), 0);
        assert_int_equal(child_end(three), 0);
        (void)recover_count(arena);
        must_be(h.s, 5, 0, 0);
        gate_drop(&h.come);
        gate_drop(&h.gone);
        drop(h.s);
}

/* One who takes is killed wherever he is, over and over: nothing is lost or doubled. */
static void take_and_give_for_ever(void *s)
{
        for (;;) {
                CHECK(weft_semaphore_wait_n(s, 2, WEFT_NEVER) == 0);
                CHECK(weft_semaphore_post(s) == 0);
                CHECK(weft_semaphore_post(s) == 0);
        }
}

static void the_sum_stays(void **state)
{
        weft_semaphore_t *s = make(5, 5, OWNED);
        pid_t pid[3];

        (void)state;
        for (int round = 0; round < 20; round++) {
                for (int i = 0; i < 3; i++)
                        pid[i] = child_start(take_and_give_for_ever, s);
                usleep(2000);
                for (int i = 0; i < 3; i++)
                        assert_int_equal(child_kill(pid[i]), -SIGKILL);
                (void)recover_count(arena);
                must_be(s, 5, 0, 0);
        }
        drop(s);
}

/* ---- looking, removing ----------------------------------------------------- */

static void read_only_looks_alone(void **state)
{
        (void)state;
        for (uint32_t flags = 0; flags <= OWNED; flags++) {
                weft_semaphore_t *s = make(3, 5, flags), *r, *none;
                struct weft_semaphore_options o = { .value = 1 };
                struct weft_object_info about;
                weft_arena_t *ro;
                assert_int_equal(
                        weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
                assert_int_equal(weft_semaphore_open(ro, "s", &r), 0);
                assert_int_equal(weft_semaphore_wait(s, WEFT_NOW), 0);
                must_be(r, 2, flags ? 1 : 0, flags ? 1 : 0);
                assert_int_equal(weft_semaphore_wait(r, WEFT_NEVER), -EROFS);
                assert_int_equal(weft_semaphore_wait_n(r, 5, WEFT_NEVER), -EROFS);
                assert_int_equal(weft_semaphore_try(r), -EROFS);
                assert_int_equal(weft_semaphore_post(r), -EROFS);
                assert_int_equal(weft_semaphore_create(ro, "t", &o, &none), -EROFS);
                assert_int_equal(weft_object_stat(ro, "s", &about), 0);
                assert_non_null(strstr(about.detail, "2 of 5 permits"));
                must_be(r, 2, flags ? 1 : 0, flags ? 1 : 0);
                weft_semaphore_close(r);
                weft_arena_close(ro);
                assert_int_equal(weft_semaphore_post(s), 0);
                drop(s);
        }
}

static void a_busy_one_is_not_removed(void **state)
{
        weft_semaphore_t *s = make(1, 5, OWNED);

        (void)state;
        assert_int_equal(weft_semaphore_try(s), 0);
        assert_int_equal(weft_object_remove(arena, "s"), -EBUSY); /* held */
        assert_int_equal(weft_semaphore_post(s), 0);
        of(ONE_WHO_DIES, s, 1, 0, 0, 0);
        assert_int_equal(weft_object_remove(arena, "s"), 0); /* by the dead alone */
        must_be(s, 1, 0, 0);                                 /* open still */
        weft_semaphore_close(s);
        s = make(0, 5, 0);
        pid_t pid = child_start(wait_for_1, s);
        wait_for_sleepers(s, 1);
        assert_int_equal(weft_object_remove(arena, "s"), -EBUSY); /* waited for */
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(weft_object_remove(arena, "s"), 0);
        weft_semaphore_close(s);
        assert_int_equal(object_bytes(), 0);
}

static const char *detail(void)
{
        static struct weft_object_info about;
        CHECK(weft_object_stat(arena, "s", &about) == 0);
        CHECK(strcmp(about.kind, "semaphore") == 0);
        CHECK(about.version == WEFT_SEMAPHORE_FORMAT);
        return about.detail;
}

static void a_semaphore_says_how_it_is(void **state)
{
        weft_semaphore_t *s = make(3, 5, 0);
        struct weft_object_info about;

        (void)state;
        assert_string_equal(detail(), "3 of 5 permits, 0 waiting");
        assert_int_equal(weft_semaphore_wait_n(s, 3, WEFT_NOW), 0);
        pid_t pid = child_start(wait_for_1, s);
        wait_for_sleepers(s, 1);
        assert_string_equal(detail(), "0 of 5 permits, 1 waiting");
        assert_int_equal(weft_semaphore_post(s), 0);
        assert_int_equal(child_end(pid), 0);
        drop(s);
        s = make(3, 0, OWNED);
        assert_int_equal(weft_semaphore_wait_n(s, 2, WEFT_NOW), 0);
        assert_string_equal(detail(), "1 of 2147483647 permits, 2 held by 1, 0 waiting");
        assert_int_equal(weft_object_stat(arena, "s", &about), 0);
        assert_int_equal(about.holders, 1);
        assert_true(about.bytes >= sizeof(struct weft_semaphore_shared) +
                                           sizeof(struct weft_accounts_shared));
        assert_int_equal(weft_semaphore_post_n(s, 2), 0);
        drop(s);
}

/* ---- hostile bytes ---------------------------------------------------------- */

static struct weft_semaphore_shared *header_of(weft_semaphore_t *s)
{
        return ((struct weft_handle *)s)->sh;
}

static void a_corrupt_header_is_told(void **state)
{
        weft_semaphore_t *s = make(3, 5, OWNED), *t;
        struct weft_semaphore_shared *sh = header_of(s), good = *sh, bad[10];
        struct weft_census census;
        enum { VALUES = 7, ALL = 10 }; /* from there on, what opening does not look at */

        (void)state;
        for (size_t i = 0; i < ALL; i++)
                bad[i] = good;
        bad[0].maximum = 0;
        bad[1].maximum = WEFT_SEMAPHORE_MAX + 1;
        bad[2].flags = 0; /* and accounts all the same */
        bad[3].flags = 3;
        bad[4].accounts = WEFT_REF_NONE;
        bad[5].accounts.v = UINT64_MAX;
        bad[6].accounts.v += UINT64_C(1) << 36; /* another life */
        bad[7].cell.lo.raw = 6;
        bad[8].cell.lo.raw = UINT64_C(1) << 32;
        bad[9].accounts.v ^= 1; /* between blocks */
        for (size_t i = 0; i < ALL; i++) {
                *sh = bad[i];
                if (i < VALUES) {
                        assert_int_equal(weft_semaphore_open(arena, "s", &t), -EUCLEAN);
                        assert_null(t);
                        assert_string_equal(detail(), "corrupt");
                } else if (bad[i].cell.lo.raw > 5) {
                        assert_int_equal(weft_semaphore_value(s), -EUCLEAN);
                        (void)detail();
                }
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
                assert_int_equal(census.corrupt, 1);
        }
        *sh = good;
        assert_int_equal(weft_semaphore_open(arena, "s", &t), 0);
        sh->maximum = 1; /* a handle believes what it read when it was opened */
        assert_int_equal(weft_semaphore_wait_n(t, 3, WEFT_NOW), 0);
        assert_int_equal(weft_semaphore_post_n(t, 3), 0);
        *sh = good;
        weft_semaphore_close(t);
        drop(s);
        assert_int_equal(object_bytes(), 0);
}

/* Numbers that nobody wrote: no crash, no endless loop. */
static void a_corrupt_ledger_does_no_harm(void **state)
{
        weft_semaphore_t *s = make(3, 5, OWNED);
        struct weft_semaphore_shared *sh = header_of(s);
        struct weft_accounts_shared *accounts =
                weft_at(arena, sh->accounts, sizeof *accounts);

        (void)state;
        assert_non_null(accounts);
        for (int round = 0; round < 4; round++) {
                memset(accounts, round % 2 ? 0xff : 0x5a, sizeof *accounts);
                sh->cell.lo.raw = round < 2 ? 3 : UINT64_MAX;
                sh->cell.hi.raw = round % 2 ? UINT64_MAX : 0;
                int rc = weft_semaphore_try(s);
                rc = weft_semaphore_post_n(s, 5);
                CHECK(rc == 0 || rc == -EOVERFLOW || rc == -EPERM);
                (void)info_of(s);
                (void)detail();
                weft_agent_leave(arena); /* recovers */
                struct other o = { s, 1, 0, WEFT_NOW, common_make(2 * sizeof(int)) };
                CHECK(child_run(act_and_die, &o) == -SIGKILL);
                munmap(o.rc, 2 * sizeof(int));
                (void)recover_count(arena);
        }
        memset(accounts, 0, sizeof *accounts);
        sh->cell.lo.raw = 3;
        assert_int_equal(weft_semaphore_wait_n(s, 3, WEFT_NOW), 0);
        assert_int_equal(weft_semaphore_post_n(s, 3), 0);
        drop(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_arguments_are_refused),
                TEST(opening_shares_and_checks),
                TEST(permits_are_counted),
                TEST(past_the_maximum_is_nothing_posted),
                TEST(a_plain_one_takes_from_anybody),
                TEST(an_owned_one_takes_only_back),
                TEST(no_wake_is_lost),
                TEST(a_post_wakes_as_many_as_it_serves),
                TEST(many_are_taken_at_once_or_not),
                TEST(they_come_back_once),
                TEST(who_only_tries_gets_them),
                TEST(whoever_ends_gives_back),
                TEST(sleepers_get_what_the_dead_held),
                TEST(the_sum_stays),
                TEST(read_only_looks_alone),
                TEST(a_busy_one_is_not_removed),
                TEST(a_semaphore_says_how_it_is),
                TEST(a_corrupt_header_is_told),
                TEST(a_corrupt_ledger_does_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
