/* tests/unit/ring_wait_test.c -- the ring: waiting, select, and its end. */
#define _GNU_SOURCE
#include "tests/unit/ring_kit.h"
#include "tests/unit/sleeper.h"

static const struct weft_ring_options shapes[] = {
        { 8, 8, 0 },
        { 2, 64, 0 },
        { 128, 0, WEFT_RING_BYTES },
};

static weft_ring_t *make_shape(int i)
{
        weft_ring_t *r = NULL;
        CHECK(weft_ring_create(arena, "r", &shapes[i], &r) == 0);
        return r;
}

static int put(weft_ring_t *r, uint64_t x, uint64_t deadline)
{
        uint64_t e[8] = { x };
        return info_of(r).flags ? weft_ring_push_record(r, e, 8, deadline)
                                : weft_ring_push(r, e, deadline);
}

static int fetch(weft_ring_t *r, uint64_t *x, uint64_t deadline)
{
        uint64_t e[8] = { 0 };
        int64_t rc = info_of(r).flags ? weft_ring_pop_record(r, e, sizeof e, deadline)
                                      : weft_ring_pop(r, e, deadline);
        *x = e[0];
        return rc > 0 ? 0 : (int)rc;
}

static uint64_t fill(weft_ring_t *r)
{
        uint64_t n = 0;
        while (put(r, n, WEFT_NOW) == 0)
                n++;
        return n;
}

/* ---- waiting ------------------------------------------------------------------ */

static void deadlines_are_kept(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++) {
                weft_ring_t *r = make_shape(i);
                struct weft_ring_item item;
                uint64_t x, until = weft_after(60 * WEFT_MSEC);
                assert_int_equal(fetch(r, &x, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                until = weft_after(20 * WEFT_MSEC);
                assert_int_equal(weft_ring_take(r, &item, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                assert_int_equal(fetch(r, &x, 1), -ETIMEDOUT); /* long past */
                assert_int_equal(put(r, 1, WEFT_NEVER), 0);
                assert_int_equal(put(r, 2, 1), 0); /* need not wait */
                (void)fill(r);
                until = weft_after(20 * WEFT_MSEC);
                assert_int_equal(put(r, 3, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                until = weft_after(20 * WEFT_MSEC);
                assert_int_equal(weft_ring_loan(r, 8, &item, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                assert_null(item.at);
                drop(r, "r");
        }
}

struct waiter {
        weft_ring_t *r;
        int rc;
        uint64_t x;
};

static void *wait_to_pop(void *context)
{
        struct waiter *w = context;
        w->rc = fetch(w->r, &w->x, WEFT_NEVER);
        return NULL;
}

static void *wait_to_push(void *context)
{
        struct waiter *w = context;
        w->rc = put(w->r, w->x, WEFT_NEVER);
        return NULL;
}

static void until_asleep(weft_ring_t *r, uint32_t n)
{
        while (info_of(r).waiting < n)
                usleep(100);
}

/* Who sleeps has drawn a turn, so that who is on the short way hears of it. */
static void a_turn_is_drawn(weft_a64_t *turn, uint64_t was)
{
        for (int i = 0; i < 100000 && weft_load_acq(turn) == was; i++)
                usleep(100);
        assert_true(weft_load_acq(turn) != was);
}

static void sleepers_are_woken(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++) {
                weft_ring_t *r = make_shape(i);
                struct weft_ring_shared *sh = weft_ring_sh(r);
                struct waiter w = { .r = r };
                pthread_t t;
                uint64_t x;
                for (uint64_t k = 0; k < 20; k++) {
                        uint64_t turn = weft_load_acq(&sh->push.turn);
                        CHECK(pthread_create(&t, NULL, wait_to_pop, &w) == 0);
                        until_asleep(r, 1);
                        a_turn_is_drawn(&sh->push.turn, turn);
                        assert_int_equal(put(r, k, WEFT_NOW), 0);
                        CHECK(pthread_join(t, NULL) == 0);
                        assert_int_equal(w.rc, 0);
                        assert_int_equal(w.x, k);
                }
                (void)fill(r);
                assert_int_equal(weft_ring_detach(r, 0), 0);
                w.x = 66;
                uint64_t turn = weft_load_acq(&sh->pop.turn);
                CHECK(pthread_create(&t, NULL, wait_to_push, &w) == 0);
                until_asleep(r, 1);
                a_turn_is_drawn(&sh->pop.turn, turn);
                assert_int_equal(fetch(r, &x, WEFT_NOW), 0);
                CHECK(pthread_join(t, NULL) == 0);
                assert_int_equal(w.rc, 0);
                while (fetch(r, &x, WEFT_NOW) == 0)
                        ;
                drop(r, "r");
        }
}

/* Each kind of change wakes who sleeps and looks at nothing by himself. */
static void every_change_wakes(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++)
                for (int how = 0; how < 5; how++) {
                        weft_ring_t *r = make_shape(i);
                        struct weft_ring_shared *sh = weft_ring_sh(r);
                        struct weft_ring_item item;
                        uint64_t e[16] = { 0 };
                        if (how == 0 || how == 4) /* the short way */
                                CHECK(put(r, 0, WEFT_NOW) == 0 &&
                                      fetch(r, e, WEFT_NOW) == 0);
                        pid_t pid = child_start(sleeper, &sh->not_empty);
                        until_sleeping(&sh->not_empty, 1);
                        (void)weft_ring_draw(&sh->push); /* as who sleeps here does */
                        if (how == 0) {
                                assert_int_equal(put(r, 1, WEFT_NOW), 0);
                        } else if (how == 1) {
                                assert_int_equal(weft_ring_loan(r, 8, &item, WEFT_NOW),
                                                 0);
                                assert_int_equal(weft_ring_commit(r, &item, 8), 0);
                        } else if (how != 3 && !shapes[i].flags) {
                                assert_int_equal(weft_ring_push_n(r, e, 1, WEFT_NOW), 1);
                        } else {
                                assert_int_equal(weft_ring_shutdown(r), 0);
                        }
                        assert_int_equal(child_end(pid), 0);
                        (void)!fill(r);
                        pid = child_start(sleeper, &sh->not_full);
                        until_sleeping(&sh->not_full, 1);
                        (void)weft_ring_draw(&sh->pop);
                        if (how == 0) {
                                assert_int_equal(fetch(r, e, WEFT_NOW), 0);
                        } else if (how == 1) {
                                assert_int_equal(weft_ring_take(r, &item, WEFT_NOW), 0);
                                assert_int_equal(weft_ring_release(r, &item), 0);
                        } else if (how != 3 && !shapes[i].flags) {
                                assert_int_equal(weft_ring_pop_n(r, e, 1, WEFT_NOW), 1);
                        } else {
                                assert_int_equal(weft_ring_shutdown(r), 0);
                        }
                        assert_int_equal(child_end(pid), 0);
                        drop(r, "r");
                }
        weft_ring_t *r = make_shape(0);
        struct weft_ring_shared *sh = weft_ring_sh(r);
        assert_int_equal(weft_ring_attach(r, 0, WEFT_NOW), 0);
        pid_t pid = child_start(sleeper, &sh->seats);
        until_sleeping(&sh->seats, 1);
        assert_int_equal(weft_ring_detach(r, 0), 0);
        assert_int_equal(child_end(pid), 0);
        drop(r, "r");
}

/* Two who sleep, of whom one only looks: both are told. */
static void who_only_looks_takes_no_wake_away(void **state)
{
        (void)state;
        weft_ring_t *r = make_shape(0);
        struct weft_ring_shared *sh = weft_ring_sh(r);
        pid_t a = child_start(sleeper, &sh->not_empty);
        pid_t b = child_start(sleeper, &sh->not_empty);
        until_sleeping(&sh->not_empty, 2);
        assert_int_equal(put(r, 1, WEFT_NOW), 0);
        assert_int_equal(child_end(a), 0);
        assert_int_equal(child_end(b), 0);
        drop(r, "r");
}

/* ---- select ---------------------------------------------------------------------- */

static void *put_later(void *context)
{
        struct waiter *w = context;
        until_asleep(w->r, 1);
        w->rc = put(w->r, w->x, WEFT_NOW);
        CHECK(weft_ring_detach(w->r, 0) == 0);
        return NULL;
}

static void select_pushes_and_pops(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++) {
                weft_ring_t *r = make_shape(i);
                uint64_t e[8] = { 7 }, got[8] = { 0 };
                struct weft_ring_item item;
                pthread_t t;
                struct weft_case push = {
                        .object = r, .op = WEFT_OP_PUSH, .from = e, .n = 8
                };
                struct weft_case pop = {
                        .object = r, .op = WEFT_OP_POP, .to = got, .n = 64
                };
                struct weft_case take = { .object = r, .op = WEFT_OP_TAKE, .to = &item };
                struct weft_case wrong = { .object = r, .op = WEFT_OP_LOCK };
                assert_int_equal(weft_select(&wrong, 1, 0, WEFT_NOW), -EPROTO);
                assert_int_equal(weft_select(&pop, 1, 0, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_select(&take, 1, 0, weft_after(WEFT_MSEC)),
                                 -ETIMEDOUT);
                assert_int_equal(weft_select(&push, 1, 0, WEFT_NOW), 0);
                assert_int_equal(push.result, 0);
                assert_int_equal(weft_select(&take, 1, 0, WEFT_NOW), 0);
                assert_int_equal(*(uint64_t *)item.at, 7);
                assert_int_equal(weft_select(&pop, 1, 0, WEFT_NOW), 0);
                assert_int_equal(pop.result, 0);
                assert_int_equal(got[0], 7);
                assert_int_equal(pop.n, shapes[i].flags ? 8 : 64);

                struct weft_case look = { .object = r,
                                          .op = WEFT_OP_POP,
                                          .flags = WEFT_CASE_LOOK };
                struct weft_case room = {
                        .object = r, .op = WEFT_OP_PUSH, .n = 8, .flags = WEFT_CASE_LOOK
                };
                assert_int_equal(weft_ring_detach(r, 0), 0);
                assert_int_equal(weft_ring_detach(r, 1), 0);
                assert_int_equal(weft_select(&look, 1, 0, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_select(&room, 1, 0, WEFT_NOW), 0);
                assert_int_equal(info_of(r).holder[0],
                                 WEFT_RING_FREE); /* it looks only */
                struct waiter w = { .r = r, .x = 9 };
                CHECK(pthread_create(&t, NULL, put_later, &w) == 0);
                assert_int_equal(weft_select(&look, 1, 0, WEFT_NEVER), 0);
                assert_int_equal(look.result, 0);
                CHECK(pthread_join(t, NULL) == 0);
                assert_int_equal(weft_select(&look, 1, 0, WEFT_NOW), 0);
                pop.n = 64;
                assert_int_equal(weft_select(&pop, 1, 0, WEFT_NOW), 0);
                assert_int_equal(got[0], 9);
                CHECK(pthread_create(&t, NULL, put_later, &w) == 0);
                pop.n = 64;
                assert_int_equal(weft_select(&pop, 1, 0, WEFT_NEVER), 0);
                assert_int_equal(got[0], 9);
                CHECK(pthread_join(t, NULL) == 0);
                (void)fill(r);
                assert_int_equal(weft_select(&room, 1, 0, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_select(&push, 1, 0, weft_after(WEFT_MSEC)),
                                 -ETIMEDOUT);
                assert_int_equal(weft_ring_shutdown(r), 0);
                assert_int_equal(weft_select(&push, 1, 0, WEFT_NEVER), 0);
                assert_int_equal(push.result, -EPIPE);
                drop(r, "r");
        }
}

/* Each time that somebody is counted in, to sleep, the others are ordered: also if the word
 * that he sleeps on is what it was the last time. Who does not sleep orders nobody. */
static void each_sleep_is_ordered(void **state)
{
        (void)state;
        weft_ring_t *r = make_shape(0);
        uint64_t x, done[3] = { 0 }, turn[3];
        struct weft_case pop = { .object = r, .op = WEFT_OP_POP, .to = &x, .n = 8 };
        weft_a64_t *ordered = &r->ordered[WEFT_RING_CONSUMER];
        if (!weft_fence_everybody())
                skip(); /* nobody can */
        for (int i = 0; i < 3; i++) {
                int rc = weft_select(&pop, 1, 0, weft_after(WEFT_MSEC));
                assert_int_equal(rc, -ETIMEDOUT);
                done[i] = weft_load_acq(ordered);
                turn[i] = weft_load_acq(&weft_ring_sh(r)->push.turn);
                assert_int_equal(weft_select(&pop, 1, 0, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_load_acq(ordered), done[i]);
                assert_int_equal(weft_load_acq(&weft_ring_sh(r)->push.turn), turn[i]);
        }
        assert_true(done[0] && done[0] < done[1] && done[1] < done[2]);
        assert_true(turn[0] < turn[1] && turn[1] < turn[2]);
        drop(r, "r");
}

/* ---- shutdown ----------------------------------------------------------------- */

static void shutdown_drains(int i, uint64_t held)
{
        weft_ring_t *r = make_shape(i);
        struct weft_ring_item item;
        uint64_t x, many[8 * 8];

        for (uint64_t k = 0; k < held; k++)
                CHECK(put(r, k, WEFT_NOW) == 0);
        bool loaned = weft_ring_loan(r, 8, &item, WEFT_NOW) == 0;
        uint64_t length = info_of(r).length;
        CHECK(weft_ring_shutdown(r) == 0);
        CHECK(weft_ring_shutdown(r) == 0);
        CHECK(info_of(r).shut == 1 && info_of(r).length == length);
        CHECK(put(r, 1, WEFT_NEVER) == -EPIPE);
        if (!shapes[i].flags)
                CHECK(weft_ring_push_n(r, many, 1, WEFT_NEVER) == -EPIPE);
        if (loaned)
                CHECK(weft_ring_commit(r, &item, 8) == -EPIPE);
        CHECK(weft_ring_loan(r, 8, &item, WEFT_NEVER) == -EPIPE);
        for (uint64_t k = 0; k < held; k++) {
                CHECK(fetch(r, &x, WEFT_NEVER) == 0 && x == k);
                CHECK(put(r, 1, WEFT_NOW) == -EPIPE);
        }
        for (int lap = 0; lap < 2; lap++) {
                CHECK(fetch(r, &x, lap ? WEFT_NOW : WEFT_NEVER) == -EPIPE);
                CHECK(weft_ring_take(r, &item, WEFT_NEVER) == -EPIPE);
                CHECK(weft_ring_peek(r, &x, 8) == -EPIPE);
                if (!shapes[i].flags)
                        CHECK(weft_ring_pop_n(r, many, 4, WEFT_NEVER) == -EPIPE);
                CHECK(weft_ring_detach(r, 1) == 0); /* and for who comes next */
        }
        CHECK(weft_ring_shutdown(r) == 0);
        CHECK(info_of(r).length == 0);
        drop(r, "r");
}

static void shutdown_lets_the_rest_out(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++)
                for (uint64_t held = 0; held <= (i ? 1 : 8); held++)
                        shutdown_drains(i, held);
}

static void shutdown_wakes_all(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++)
                for (int full = 0; full < 2; full++) {
                        weft_ring_t *r = make_shape(i);
                        struct waiter w = { .r = r };
                        pthread_t t;
                        if (full) {
                                (void)fill(r);
                                CHECK(weft_ring_detach(r, 0) == 0);
                        }
                        CHECK(pthread_create(&t, NULL, full ? wait_to_push : wait_to_pop,
                                             &w) == 0);
                        until_asleep(r, 1);
                        CHECK(weft_ring_shutdown(r) == 0);
                        CHECK(pthread_join(t, NULL) == 0);
                        assert_int_equal(w.rc, -EPIPE);
                        drop(r, "r");
                }
}

/* A push that was under way: its stamp lands after the shutdown. It counts if it says so,
 * and never is delivered if it does not. */
static void what_lands_late_counts_once_or_never(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++)
                for (int sealed = 0; sealed < 3; sealed++) {
                        weft_ring_t *r = make_shape(i);
                        struct weft_ring_shared *sh = weft_ring_sh(r);
                        struct weft_ring_item item;
                        uint64_t x, t;
                        CHECK(put(r, 1, WEFT_NOW) == 0 && fetch(r, &x, WEFT_NOW) == 0);
                        CHECK(weft_ring_loan(r, 8, &item, WEFT_NOW) == 0);
                        t = weft_load_rlx(&sh->push.pos);
                        CHECK(weft_ring_shutdown(r) == 0);
                        if (sealed) {
                                CHECK(fetch(r, &x, WEFT_NOW) == -EPIPE);
                                CHECK(weft_ring_detach(r, 1) == 0);
                        }
                        if (sealed == 2) /* killed before it marked its position */
                                weft_store_rlx(&sh->pop.pos, t);
                        /* The rest of the push. */
                        memset(item.at, 0, 8);
                        uint64_t end;
                        if (shapes[i].flags) {
                                end = weft_record_stamp(r, t, 8);
                        } else {
                                weft_store_rel(weft_unit_stamp(&r->units, r->base, t),
                                               t + 1);
                                end = weft_pos_normal(&r->units, t + 1);
                        }
                        uint64_t counts = weft_ring_pushed(r, sh, t, end);
                        CHECK(counts == (sealed ? t : end));
                        CHECK(info_of(r).length == 0 || !sealed);
                        CHECK(fetch(r, &x, WEFT_NOW) == (sealed ? -EPIPE : 0));
                        CHECK(fetch(r, &x, WEFT_NEVER) == -EPIPE);
                        drop(r, "r");
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(deadlines_are_kept),
                TEST(sleepers_are_woken),
                TEST(every_change_wakes),
                TEST(who_only_looks_takes_no_wake_away),
                TEST(select_pushes_and_pops),
                TEST(each_sleep_is_ordered),
                TEST(shutdown_lets_the_rest_out),
                TEST(shutdown_wakes_all),
                TEST(what_lands_late_counts_once_or_never),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
