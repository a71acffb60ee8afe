/* tests/unit/broadcast_process_test.c -- the broadcast ring: processes, threads, sleep,
 * death, select, read-only clients, hostile bytes. */
#define _GNU_SOURCE
#include "tests/unit/broadcast_kit.h"
#include "tests/unit/sleeper.h"

enum { FLOW = 20000 };

/* ---- processes at two addresses -------------------------------------------------- */

static struct gate ready, finish;

static void publish_from_elsewhere(void *context)
{
        const struct mode *m = context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_broadcast_t *b = open_in(a, "b");
        uint8_t e[LARGE];
        for (uint64_t i = 0; i < FLOW; i++) {
                paint(e, m->bytes, i);
                CHECK(weft_broadcast_publish(b, e, WEFT_NEVER) == 0);
        }
        CHECK(weft_broadcast_shutdown(b) == 0);
        weft_broadcast_close(b);
        weft_arena_close(a);
}

/* To the end; how many there were. */
static uint64_t read_all(weft_subscriber_t *s, const struct mode *m)
{
        uint8_t e[LARGE];
        uint64_t sequence, lost, n = 0, expected = 0;
        int rc;
        while ((rc = weft_broadcast_next(s, e, &sequence, &lost, WEFT_NEVER)) == 0) {
                CHECK(sequence == expected + lost);
                CHECK(is_painted(e, m->bytes, sequence));
                expected = sequence + 1;
                n++;
        }
        CHECK(rc == -EPIPE);
        CHECK(n + weft_broadcast_lost(s) == FLOW);
        CHECK(m->policy == DROP || n == FLOW);
        return n;
}

static void read_from_elsewhere(void *context)
{
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_broadcast_t *b = open_in(a, "b");
        weft_subscriber_t *s = join(b, OLDEST, 0);
        gate_open(&ready, 1);
        CHECK(read_all(s, context) > 0);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(b);
        weft_arena_close(a);
}

/* Not under ThreadSanitizer, whose 16-byte CAS is atomic only within one process. */
static void processes_at_other_addresses(void **state)
{
        (void)state;
#ifdef WEFT_TSAN
        skip();
#endif
        ready = gate_make();
        EACH_MODE(m)
        {
                struct mode mode = *m;
                weft_broadcast_t *b = make("b", 16, m->bytes, m->policy, m->flags);
                pid_t reader = child_start(read_from_elsewhere, &mode);
                gate_pass(&ready);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                pid_t writer = child_start(publish_from_elsewhere, &mode);
                CHECK(read_all(s, &mode) > 0);
                assert_int_equal(child_end(writer), 0);
                assert_int_equal(child_end(reader), 0);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
        gate_drop(&ready);
}

/* ---- a forked child ----------------------------------------------------------------- */

static weft_broadcast_t *inherited;
static weft_subscriber_t *inherited_s;

static void use_inherited(void *context)
{
        const struct mode *m = context;
        uint64_t x = 0;
        uint8_t e[LARGE];
        (void)x;
        CHECK(weft_broadcast_next(inherited_s, e, NULL, NULL, WEFT_NOW) == -EPERM);
        CHECK(weft_broadcast_release(inherited_s) == -EPERM);
        weft_broadcast_unsubscribe(inherited_s); /* the child's memory, not the seat */
        weft_subscriber_t *s = join(inherited, OLDEST, 0);
        get_all(s, 0, 2);
        CHECK(try_put(inherited, 9) == (m->flags == ONE ? -EBUSY : 0));
        CHECK(weft_broadcast_resign(inherited) == -EPERM);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(inherited);
}

static void a_child_has_no_part_in_a_subscription(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                struct mode mode = *m;
                inherited = make("b", 4, m->bytes, m->policy, m->flags);
                inherited_s = join(inherited, OLDEST, 0);
                put_all(inherited, 0, 2);
                assert_int_equal(child_run(use_inherited, &mode), 0);
                get_all(inherited_s, 0, 2);
                if (m->flags == MANY)
                        get(inherited_s, 9, 2, 0);
                CHECK(info_of(inherited).subscribers == 1);
                weft_broadcast_unsubscribe(inherited_s);
                drop(inherited, "b");
        }
}

/* ---- threads -------------------------------------------------------------------------- */

static void *other_thread(void *context)
{
        weft_subscriber_t *s = context;
        uint64_t sequence;
        uint8_t e[LARGE];
        CHECK(weft_broadcast_next(s, e, &sequence, NULL, WEFT_NOW) == -EPERM);
        CHECK(weft_broadcast_next_n(s, e, 1, NULL, NULL, WEFT_NEVER) == -EPERM);
        CHECK(weft_broadcast_seek(s, OLDEST, 0) == -EPERM);
        CHECK(try_put(inherited, 3) == -EBUSY);
        inherited_s = join(inherited, OLDEST, 0); /* and ends without unsubscribing */
        return NULL;
}

static void a_subscription_ends_with_its_thread(void **state)
{
        pthread_t thread;
        (void)state;
        inherited = make("b", 4, 8, BLOCK, ONE);
        weft_subscriber_t *s = join(inherited, OLDEST, 0);
        put_all(inherited, 0, 2);
        CHECK(pthread_create(&thread, NULL, other_thread, s) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(info_of(inherited).subscribers == 1);
        get_all(s, 0, 2);
        put_all(inherited, 2, 6); /* nobody else holds it up */
        CHECK(none(inherited_s) == -EPERM);
        weft_broadcast_unsubscribe(inherited_s);
        CHECK(weft_broadcast_resign(inherited) == 0);
        weft_broadcast_unsubscribe(s);
        drop(inherited, "b");
}

/* ---- sleep and wake ---------------------------------------------------------------------- */

static void sleep_for_one(void *context)
{
        const struct mode *m = context;
        weft_subscriber_t *s = join(inherited, OLDEST, 0);
        uint8_t e[LARGE];
        gate_open(&ready, 1);
        for (uint64_t i = 0; i < 3; i++) {
                CHECK(weft_broadcast_next(s, e, NULL, NULL, weft_after(20 * WEFT_SEC)) ==
                      0);
                CHECK(memcmp(e, &i, sizeof i) == 0);
                gate_open(&finish, 1);
        }
        CHECK(weft_broadcast_next(s, e, NULL, NULL, weft_after(20 * WEFT_SEC)) == -EPIPE);
        (void)m;
        weft_broadcast_unsubscribe(s);
}

static void until_somebody_sleeps(weft_broadcast_t *b)
{
        while (!info_of(b).waiting)
                usleep(100);
        usleep(500);
}

static void a_sleeping_subscriber_is_woken(void **state)
{
        (void)state;
        ready = gate_make();
        finish = gate_make();
        EACH_MODE(m)
        {
                struct mode mode = *m;
                inherited = make("b", 4, m->bytes, m->policy, m->flags);
                pid_t pid = child_start(sleep_for_one, &mode);
                gate_pass(&ready);
                for (uint64_t i = 0; i < 3; i++) {
                        until_somebody_sleeps(inherited);
                        put(inherited, i);
                        gate_pass(&finish);
                }
                until_somebody_sleeps(inherited);
                CHECK(weft_broadcast_shutdown(inherited) == 0);
                assert_int_equal(child_end(pid), 0);
                drop(inherited, "b");
        }
        gate_drop(&ready);
        gate_drop(&finish);
}

static void publish_when_there_is_room(void *context)
{
        const struct mode *m = context;
        uint8_t e[LARGE] = { 42 };
        void *to;
        if (m->flags == ONE && m->bytes > 8) {
                CHECK(weft_broadcast_loan(inherited, &to, weft_after(20 * WEFT_SEC)) ==
                      0);
                memset(to, 42, m->bytes);
                CHECK(weft_broadcast_commit(inherited, WEFT_NOW) == 0);
                return;
        }
        CHECK(weft_broadcast_publish(inherited, e, weft_after(20 * WEFT_SEC)) == 0);
}

static void a_sleeping_publisher_is_woken(void **state)
{
        uint8_t e[LARGE];
        (void)state;
        EACH_MODE(m)
        {
                struct mode mode = *m;
                if (m->policy == DROP)
                        continue;
                for (int how = 0; how < 2; how++) {
                        inherited = make("b", 4, m->bytes, m->policy, m->flags);
                        weft_subscriber_t *s = join(inherited, OLDEST, 0);
                        put_all(inherited, 0, 4);
                        CHECK(weft_broadcast_publish(
                                      inherited, e, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                        if (m->flags == ONE)
                                CHECK(weft_broadcast_resign(inherited) == 0);
                        pid_t pid = child_start(publish_when_there_is_room, &mode);
                        until_somebody_sleeps(inherited);
                        if (how == 0)
                                get_all(s, 0, 1);
                        else
                                weft_broadcast_unsubscribe(s);
                        assert_int_equal(child_end(pid), 0);
                        CHECK(info_of(inherited).published == 5);
                        if (how == 0)
                                weft_broadcast_unsubscribe(s);
                        drop(inherited, "b");
                }
        }
}

static void must_wake(struct weft_wait_shared *wait, void (*what)(weft_subscriber_t *),
                      weft_subscriber_t *s)
{
        pid_t pid = child_start(sleeper, wait);
        until_sleeping(wait, 1);
        what(s);
        assert_int_equal(child_end(pid), 0);
}

static void wake_by_publish(weft_subscriber_t *s)
{
        (void)s;
        put(inherited, 0);
}

static void wake_by_commit(weft_subscriber_t *s)
{
        void *to;
        (void)s;
        CHECK(weft_broadcast_loan(inherited, &to, WEFT_NOW) == 0);
        CHECK(weft_broadcast_commit(inherited, WEFT_NOW) == 0);
}

static void wake_by_batch(weft_subscriber_t *s)
{
        uint8_t e[2 * LARGE] = { 0 };
        (void)s;
        CHECK(weft_broadcast_publish_n(inherited, e, 2, WEFT_NOW) == 2);
}

static void wake_by_next(weft_subscriber_t *s)
{
        uint8_t e[LARGE];
        CHECK(weft_broadcast_next(s, e, NULL, NULL, WEFT_NOW) == 0);
}

static void wake_by_release(weft_subscriber_t *s)
{
        const void *at;
        CHECK(weft_broadcast_take(s, &at, NULL, NULL, WEFT_NOW) == 0);
        CHECK(weft_broadcast_release(s) == 0);
}

static void wake_by_seek(weft_subscriber_t *s)
{
        CHECK(weft_broadcast_seek(s, NEWEST, 0) == 0);
}

static void wake_by_shutdown(weft_subscriber_t *s)
{
        (void)s;
        CHECK(weft_broadcast_shutdown(inherited) == 0);
}

static void wake_by_leaving(weft_subscriber_t *s)
{
        weft_broadcast_unsubscribe(s);
}

/* Sleepers who look at nothing by themselves. */
static void whoever_makes_a_change_wakes_who_waits_for_it(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                inherited = make("b", 8, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s = join(inherited, OLDEST, 0);
                struct weft_broadcast_shared *sh = inherited->v.sh;
                put_all(inherited, 0, 2); /* from now on by the short ways */
                get_all(s, 0, 2);
                must_wake(&sh->not_empty, wake_by_publish, s);
                must_wake(&sh->not_empty, wake_by_commit, s);
                must_wake(&sh->not_empty, wake_by_batch, s);
                if (m->policy == BLOCK) {
                        must_wake(&sh->not_full, wake_by_next, s);
                        must_wake(&sh->not_full, wake_by_release, s);
                        must_wake(&sh->not_full, wake_by_seek, s);
                }
                must_wake(&sh->not_empty, wake_by_shutdown, s);
                if (m->policy == BLOCK)
                        must_wake(&sh->not_full, wake_by_leaving, s);
                else
                        weft_broadcast_unsubscribe(s);
                drop(inherited, "b");
        }
}

/* ---- death ---------------------------------------------------------------------------------- */

static void subscribe_and_stay(void *context)
{
        (void)context;
        (void)join(inherited, OLDEST, 0);
        gate_open(&ready, 1);
        pause();
}

static void a_dead_subscriber_holds_nobody_up(void **state)
{
        uint8_t e[LARGE] = { 0 };
        (void)state;
        ready = gate_make();
        EACH_MODE(m)
        {
                inherited = make("b", 4, m->bytes, m->policy, m->flags);
                pid_t pid = child_start(subscribe_and_stay, NULL);
                gate_pass(&ready);
                put_all(inherited, 0, 4);
                if (m->policy == BLOCK) {
                        CHECK(try_put(inherited, 4) == -EAGAIN);
                        CHECK(kill(pid, SIGSTOP) == 0); /* is not dead */
                        CHECK(weft_broadcast_publish(inherited, e,
                                                     weft_after(100 * WEFT_MSEC)) ==
                              -ETIMEDOUT);
                        CHECK(kill(pid, SIGCONT) == 0);
                }
                CHECK(info_of(inherited).subscribers == 1);
                CHECK(child_kill(pid) == -SIGKILL);
                CHECK(weft_broadcast_publish(inherited, e, weft_after(20 * WEFT_SEC)) ==
                      0);
                (void)recover_count(arena);
                CHECK(info_of(inherited).subscribers == 0);
                drop(inherited, "b");
        }
        gate_drop(&ready);
}

/* Also for who only polls. */
static void who_polls_hears_of_a_death(void **state)
{
        int rc;
        (void)state;
        ready = gate_make();
        inherited = make("b", 4, 8, BLOCK, ONE);
        pid_t pid = child_start(subscribe_and_stay, NULL);
        gate_pass(&ready);
        put_all(inherited, 0, 4);
        CHECK(child_kill(pid) == -SIGKILL);
        uint64_t latest = weft_after(20 * WEFT_SEC);
        while ((rc = try_put(inherited, 4)) == -EAGAIN && weft_now() < latest)
                ;
        assert_int_equal(rc, 0);
        drop(inherited, "b");
        gate_drop(&ready);
}

static void publish_and_stay(void *context)
{
        void *to;
        put_all(inherited, 0, 6);
        CHECK(weft_broadcast_loan(inherited, &to, WEFT_NOW) == 0);
        memset(to, 0xee, 8);
        gate_open(&ready, 1);
        (void)context;
        pause();
}

static void a_dead_producer_has_a_successor(void **state)
{
        (void)state;
        ready = gate_make();
        EACH_MODE(m)
        {
                inherited = make("b", 8, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s = join(inherited, OLDEST, 0);
                pid_t pid = child_start(publish_and_stay, NULL);
                gate_pass(&ready);
                if (m->flags == ONE) {
                        CHECK(info_of(inherited).producer == (uint32_t)pid);
                        CHECK(try_put(inherited, 6) == -EBUSY);
                        CHECK(kill(pid, SIGSTOP) == 0);
                        CHECK(try_put(inherited, 6) == -EBUSY); /* it lives */
                }
                CHECK(child_kill(pid) == -SIGKILL);
                put_all(inherited, 6, 8); /* settled on the way */
                get_all(s, 0, 8);
                put_all(inherited, 8, 12);
                get_all(s, 8, 12);
                weft_broadcast_unsubscribe(s);
                drop(inherited, "b");
        }
        gate_drop(&ready);
}

/* The end comes, though he who was about to publish never will. */
static void a_dead_producers_loan_does_not_hold_up_the_end(void **state)
{
        uint8_t e[LARGE];
        (void)state;
        ready = gate_make();
        EACH_MODE(m)
        {
                inherited = make("b", 8, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s = join(inherited, OLDEST, 0);
                pid_t pid = child_start(publish_and_stay, NULL);
                gate_pass(&ready);
                CHECK(weft_broadcast_shutdown(inherited) == 0);
                get_all(s, 0, 6);
                CHECK(none(s) == (m->flags == ONE ? -EAGAIN : -EPIPE));
                CHECK(child_kill(pid) == -SIGKILL);
                CHECK(weft_broadcast_next(s, e, NULL, NULL, weft_after(20 * WEFT_SEC)) ==
                      -EPIPE);
                weft_broadcast_unsubscribe(s);
                drop(inherited, "b");
        }
        gate_drop(&ready);
}

/* ---- select ------------------------------------------------------------------------------------ */

static void select_takes_from_two_and_publishes(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_broadcast_t *a = make("a", 4, m->bytes, m->policy, m->flags);
                weft_broadcast_t *b = make("b", 4, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s[2] = { join(a, OLDEST, 0), join(b, OLDEST, 0) };
                uint8_t e[LARGE] = { 0 };
                struct weft_case c[3] = {
                        { .object = s[0], .op = WEFT_OP_POP, .to = e },
                        { .object = s[1], .op = WEFT_OP_POP, .to = e },
                        { .object = a, .op = WEFT_OP_PUSH, .from = e },
                };
                CHECK(weft_select(c, 2, 0, WEFT_NOW) == -EAGAIN);
                CHECK(weft_select(c, 2, 0, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                put_all(b, 0, 2);
                CHECK(weft_select(c, 2, 0, WEFT_NEVER) == 1 && c[1].n == 0);
                CHECK(weft_select(c, 2, 0, WEFT_NEVER) == 1 && c[1].n == 1);
                CHECK(weft_select(c, 2, 0, WEFT_NOW) == -EAGAIN);
                for (int i = 0; i < 4; i++)
                        CHECK(weft_select(&c[2], 1, 0, WEFT_NOW) == 0 && !c[2].result);
                CHECK(weft_select(&c[2], 1, 0, WEFT_NOW) ==
                      (m->policy == BLOCK ? -EAGAIN : 0));
                c[0].flags = WEFT_CASE_LOOK;
                CHECK(weft_select(c, 1, 0, WEFT_NEVER) == 0 && !c[0].result);
                c[0].flags = 0;
                CHECK(weft_select(c, 1, 0, WEFT_NEVER) == 0 && !c[0].result);
                CHECK(c[0].n == (m->policy == BLOCK ? 0 : 1));
                CHECK(weft_broadcast_shutdown(b) == 0);
                CHECK(weft_select(&c[1], 1, 0, WEFT_NEVER) == 0 && c[1].result == -EPIPE);
                c[0].op = WEFT_OP_PUSH;
                c[0].from = e;
                CHECK(weft_select(c, 1, 0, WEFT_NOW) == -EPROTO);
                c[2].op = WEFT_OP_POP;
                c[2].to = e;
                CHECK(weft_select(&c[2], 1, 0, WEFT_NOW) == -EPROTO);
                weft_broadcast_unsubscribe(s[0]);
                weft_broadcast_unsubscribe(s[1]);
                drop(a, "a");
                drop(b, "b");
        }
}

static void select_one(void *context)
{
        weft_subscriber_t *s = join(inherited, OLDEST, 0);
        uint8_t e[LARGE];
        struct weft_case c = { .object = s, .op = WEFT_OP_POP, .to = e };
        gate_open(&ready, 1);
        CHECK(weft_select(&c, 1, 0, weft_after(20 * WEFT_SEC)) == 0 && c.n == 0);
        weft_broadcast_unsubscribe(s);
        (void)context;
}

static void who_sleeps_in_select_is_woken(void **state)
{
        (void)state;
        ready = gate_make();
        EACH_MODE(m)
        {
                inherited = make("b", 4, m->bytes, m->policy, m->flags);
                pid_t pid = child_start(select_one, NULL);
                gate_pass(&ready);
                until_somebody_sleeps(inherited);
                put(inherited, 5);
                assert_int_equal(child_end(pid), 0);
                drop(inherited, "b");
        }
        gate_drop(&ready);
}

/* ---- read-only ------------------------------------------------------------------------------------ */

static int note_one(const struct weft_subscriber_info *info, void *context)
{
        *(struct weft_subscriber_info *)context = *info;
        return 7;
}

static void look_only(void *context)
{
        weft_arena_t *a = child_reopen(arena, WEFT_RDONLY);
        weft_broadcast_t *b = open_in(a, "b"), *none_new = NULL;
        struct weft_broadcast_options o = { 4, 8, DROP, 0, 0 };
        struct weft_subscriber_info one;
        const void *at;
        void *to;
        uint64_t x = 0, sequence;
        uint8_t e[LARGE];
        weft_subscriber_t *s = join(b, OLDEST, 0);
        CHECK(info_of(b).subscribers == 1 && info_of(b).published == 10);
        CHECK(weft_broadcast_list(b, note_one, &one) == 7);
        CHECK(one.sequence == 6 && one.lag == 4 && one.pid == (uint32_t)getppid());
        get_all(s, 2, 5);
        CHECK(weft_broadcast_take(s, &at, &sequence, NULL, WEFT_NOW) == 0);
        memcpy(&x, at, sizeof x);
        CHECK(x == 5 && sequence == 5 && weft_broadcast_release(s) == 0);
        get_all(s, 6, 10);
        CHECK(none(s) == -EAGAIN);
        CHECK(weft_broadcast_next(s, e, NULL, NULL, weft_after(5 * WEFT_MSEC)) ==
              -ETIMEDOUT);
        CHECK(weft_broadcast_seek(s, SEQUENCE, 8) == 0);
        CHECK(weft_broadcast_lag(s) == 2);
        get_all(s, 8, 10);
        CHECK(try_put(b, 1) == -EROFS);
        CHECK(weft_broadcast_publish_n(b, e, 1, WEFT_NOW) == -EROFS);
        CHECK(weft_broadcast_loan(b, &to, WEFT_NOW) == -EROFS);
        CHECK(weft_broadcast_resign(b) == -EROFS);
        CHECK(weft_broadcast_shutdown(b) == -EROFS);
        CHECK(weft_broadcast_create(a, "new", &o, &none_new) == -EROFS && !none_new);
        struct weft_case c = { .object = s, .op = WEFT_OP_POP, .to = e };
        CHECK(weft_select(&c, 1, 0, WEFT_NOW) == -EROFS);
        gate_open(&ready, 1);
        while (weft_broadcast_next(s, e, &sequence, NULL, WEFT_NEVER) == 0)
                CHECK(memcmp(e, &sequence, sizeof sequence) == 0);
        CHECK(none(s) == -EPIPE);
        CHECK(weft_broadcast_lag(s) == 0);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(b);
        weft_arena_close(a);
        (void)context;
}

static void read_only_clients_read_all_and_change_nothing(void **state)
{
        (void)state;
        ready = gate_make();
        EACH_MODE(m)
        {
                weft_broadcast_t *b = make("b", 8, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                put_all(b, 0, 6);
                get_all(s, 0, 6);
                put_all(b, 6, 10);
                pid_t pid = child_start(look_only, NULL);
                gate_pass(&ready);
                get_all(s, 6, 10);
                for (uint64_t i = 10; i < 200; i++) {
                        put(b, i);
                        get_all(s, i, i + 1);
                }
                CHECK(weft_broadcast_shutdown(b) == 0);
                assert_int_equal(child_end(pid), 0);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
        gate_drop(&ready);
}

/* ---- hostile bytes ------------------------------------------------------------------------------------ */

static uint64_t seed;

static uint64_t anything(void)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed;
}

/* Numbers that may do harm, and any. */
static uint64_t nasty(void)
{
        static const uint64_t some[] = { 0,
                                         1,
                                         7,
                                         8,
                                         9,
                                         15,
                                         16,
                                         17,
                                         UINT64_MAX,
                                         UINT64_MAX / 2,
                                         1u << 31,
                                         INT64_MAX,
                                         UINT64_C(1) << 60,
                                         UINT64_C(1) << 61,
                                         0xffffffff };
        uint64_t x = anything();
        return x % 3 ? some[x / 3 % (sizeof some / sizeof *some)] : x % 2 ? x : x % 64;
}

static void spoil(uint8_t *at, size_t bytes)
{
        for (int n = (int)(anything() % 4); n >= 0; n--) {
                uint64_t x = nasty();
                memcpy(at + anything() % (bytes / 8) * 8, &x, sizeof x);
        }
}

/* Whatever lies there: an error, or a wrong answer, soon. */
static void try_everything(weft_broadcast_t *b, weft_subscriber_t *s)
{
        uint8_t e[LARGE * 4];
        struct weft_broadcast_info info;
        struct weft_object_info object;
        struct weft_subscriber_info one;
        uint64_t sequence, lost;
        const void *at;
        void *to;
        int rc = weft_broadcast_info(b, &info);
        rc |= weft_broadcast_list(b, note_one, &one);
        rc |= weft_object_stat(arena, "b", &object);
        for (int i = 0; i < 3; i++) {
                rc |= weft_broadcast_publish(b, e, WEFT_NOW);
                rc |= weft_broadcast_next(s, e, &sequence, &lost, WEFT_NOW);
        }
        rc |= weft_broadcast_publish_n(b, e, 4, WEFT_NOW) < 0;
        rc |= weft_broadcast_next_n(s, e, 4, &sequence, &lost, WEFT_NOW) < 0;
        if (weft_broadcast_take(s, &at, &sequence, &lost, WEFT_NOW) == 0)
                rc |= *(const volatile uint8_t *)at + weft_broadcast_release(s);
        if (weft_broadcast_loan(b, &to, WEFT_NOW) == 0) {
                memset(to, 1, 8);
                rc |= anything() % 2 ? weft_broadcast_commit(b, WEFT_NOW)
                                     : weft_broadcast_cancel(b);
        }
        rc |= weft_broadcast_seek(s, anything() % 3, anything() % 40);
        rc |= (int)weft_broadcast_lag(s);
        weft_subscriber_t *late = NULL;
        if (weft_broadcast_subscribe(b, OLDEST, 0, &late) == 0)
                rc |= weft_broadcast_next(late, e, NULL, NULL, WEFT_NOW);
        weft_broadcast_unsubscribe(late);
        if (anything() % 4 == 0)
                rc |= weft_broadcast_shutdown(b);
        rc |= weft_broadcast_next(s, e, &sequence, &lost, WEFT_NOW);
        (void)rc;
}

static void hostile(void *context)
{
        const struct mode *m = context;
        weft_arena_t *own;
        struct weft_arena_options o = { .max_bytes = 8 << 20 };
        alarm(60);
        for (int round = 0; round < 60; round++) {
                CHECK(weft_arena_create(NULL, &o, &own) == 0);
                arena = own;
                weft_broadcast_t *b = make("b", 8, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                put_all(b, 0, 5);
                const struct weft_broadcast_view *v = &b->v;
                for (int i = 0; i < 12; i++) {
                        switch (anything() % 4) {
                        case 0:
                                spoil((uint8_t *)v->sh, sizeof *v->sh);
                                break;
                        case 1:
                                spoil((uint8_t *)v->seats, 256);
                                break;
                        default:
                                spoil(v->cells, 8 * v->units.stride);
                        }
                        try_everything(b, s);
                }
                weft_broadcast_t *again = NULL;
                if (weft_broadcast_open(own, "b", &again) == 0)
                        try_everything(again, s);
                weft_broadcast_close(again);
                weft_broadcast_unsubscribe(s);
                weft_broadcast_close(b);
                weft_arena_close(own);
        }
}

static void hostile_bytes_do_no_harm(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                struct mode mode = *m;
                seed = 88172645463325252u + m->bytes * 7 + m->policy * 3 + m->flags;
                assert_int_equal(child_run(hostile, &mode), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(processes_at_other_addresses),
                TEST(a_child_has_no_part_in_a_subscription),
                TEST(a_subscription_ends_with_its_thread),
                TEST(a_sleeping_subscriber_is_woken),
                TEST(a_sleeping_publisher_is_woken),
                TEST(whoever_makes_a_change_wakes_who_waits_for_it),
                TEST(a_dead_subscriber_holds_nobody_up),
                TEST(who_polls_hears_of_a_death),
                TEST(a_dead_producer_has_a_successor),
                TEST(a_dead_producers_loan_does_not_hold_up_the_end),
                TEST(select_takes_from_two_and_publishes),
                TEST(who_sleeps_in_select_is_woken),
                TEST(read_only_clients_read_all_and_change_nothing),
                TEST(hostile_bytes_do_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
