/* tests/unit/queue_wait_test.c -- the queue: waiting, and its end. */
#define _GNU_SOURCE
#include "tests/unit/queue_kit.h"

static weft_queue_t *queue; /* inherited by children */

/* ---- waiting ------------------------------------------------------------------ */

static void deadlines_are_kept(void **state)
{
        (void)state;
        for (uint32_t bytes = 8; bytes <= 64; bytes += 56) {
                weft_queue_t *q = make("q", 2, bytes, 0);
                struct weft_element el;
                uint8_t e[64] = { 0 };

                uint64_t until = weft_after(60 * WEFT_MSEC);
                assert_int_equal(weft_queue_pop(q, e, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                until = weft_after(20 * WEFT_MSEC);
                assert_int_equal(weft_queue_take(q, &el, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                assert_int_equal(weft_queue_pop(q, e, 1), -ETIMEDOUT); /* long past */
                assert_int_equal(weft_queue_push(q, e, WEFT_NEVER), 0);
                assert_int_equal(weft_queue_push(q, e, 1), 0); /* need not wait */
                until = weft_after(20 * WEFT_MSEC);
                assert_int_equal(weft_queue_push(q, e, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                assert_int_equal(weft_queue_loan(q, &el), 0);
                until = weft_after(20 * WEFT_MSEC);
                assert_int_equal(weft_queue_commit(q, &el, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                assert_int_equal(weft_queue_release(q, &el), 0);
                CHECK(weft_object_remove(arena, "q") == 0);
                weft_queue_close(q);
        }
}

struct waiter {
        weft_queue_t *q;
        int rc;
        uint64_t x;
};

static void *wait_to_pop(void *context)
{
        struct waiter *w = context;
        w->rc = weft_queue_pop(w->q, &w->x, WEFT_NEVER);
        return NULL;
}

static void *wait_to_push(void *context)
{
        struct waiter *w = context;
        w->rc = weft_queue_push(w->q, &w->x, WEFT_NEVER);
        return NULL;
}

static void until_asleep(weft_queue_t *q, uint32_t n)
{
        while (info_of(q).waiting < n)
                usleep(1000);
}

static void sleepers_are_woken(void **state)
{
        weft_queue_t *q = make("q", 2, 8, 0);
        struct waiter w = { .q = q };
        pthread_t t;
        uint64_t x = 5;

        (void)state;
        for (int i = 0; i < 20; i++) {
                CHECK(pthread_create(&t, NULL, wait_to_pop, &w) == 0);
                until_asleep(q, 1);
                assert_int_equal(weft_queue_push(q, &x, WEFT_NOW), 0);
                CHECK(pthread_join(t, NULL) == 0);
                assert_int_equal(w.rc, 0);
                assert_int_equal(w.x, 5);
        }
        assert_int_equal(weft_queue_push(q, &x, WEFT_NOW), 0);
        assert_int_equal(weft_queue_push(q, &x, WEFT_NOW), 0);
        w.x = 6;
        CHECK(pthread_create(&t, NULL, wait_to_push, &w) == 0);
        until_asleep(q, 1);
        assert_int_equal(weft_queue_pop(q, &x, WEFT_NOW), 0);
        CHECK(pthread_join(t, NULL) == 0);
        assert_int_equal(w.rc, 0);
        weft_queue_close(q);
}

/* ---- shutdown ----------------------------------------------------------------- */

static void shutdown_drains(uint32_t bytes, uint32_t flags, uint64_t held)
{
        weft_queue_t *q = make("q", 4, bytes, flags);
        struct weft_element el;
        uint8_t e[64], many[4 * 64];

        for (uint64_t i = 0; i < held; i++) {
                paint(e, bytes, i);
                CHECK(weft_queue_push(q, e, WEFT_NOW) == 0);
        }
        CHECK(weft_queue_loan(q, &el) == 0);
        CHECK(weft_queue_shutdown(q) == 0);
        CHECK(weft_queue_shutdown(q) == 0);
        CHECK(info_of(q).shut == 1 && info_of(q).length == held);
        CHECK(weft_queue_push(q, e, WEFT_NEVER) == -EPIPE);
        CHECK(weft_queue_push_n(q, e, 1, WEFT_NEVER) == -EPIPE);
        CHECK(weft_queue_commit(q, &el, WEFT_NEVER) == -EPIPE);
        CHECK(weft_queue_release(q, &el) == 0);
        for (uint64_t i = 0; i < held; i++) {
                CHECK(weft_queue_pop(q, e, WEFT_NEVER) == 0);
                CHECK(is_painted(e, bytes, i));
                CHECK(weft_queue_push(q, e, WEFT_NOW) == -EPIPE);
        }
        CHECK(weft_queue_pop(q, e, WEFT_NOW) == -EPIPE);
        CHECK(weft_queue_pop(q, e, WEFT_NEVER) == -EPIPE);
        CHECK(weft_queue_pop_n(q, many, 4, WEFT_NEVER) == -EPIPE);
        CHECK(weft_queue_take(q, &el, WEFT_NEVER) == -EPIPE);
        CHECK(weft_queue_shutdown(q) == 0);
        CHECK(info_of(q).length == 0 && info_of(q).pushed == held);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "q") == 0);
        weft_queue_close(q);
}

static void shutdown_lets_the_rest_out(void **state)
{
        (void)state;
        for (uint64_t held = 0; held <= 4; held++) {
                shutdown_drains(8, 0, held);
                shutdown_drains(48, 0, held);
                shutdown_drains(8, WEFT_QUEUE_LEASE, held);
        }
}

static void shutdown_wakes_all(void **state)
{
        weft_queue_t *empty = make("empty", 2, 8, 0), *full = make("full", 2, 8, 0);
        struct waiter w[6];
        pthread_t t[6];
        uint64_t x = 1;

        (void)state;
        CHECK(weft_queue_push(full, &x, WEFT_NOW) == 0);
        CHECK(weft_queue_push(full, &x, WEFT_NOW) == 0);
        for (int i = 0; i < 6; i++) {
                w[i] = (struct waiter){ .q = i < 3 ? empty : full };
                CHECK(pthread_create(&t[i], NULL, i < 3 ? wait_to_pop : wait_to_push,
                                     &w[i]) == 0);
        }
        until_asleep(empty, 3);
        until_asleep(full, 3);
        assert_int_equal(weft_queue_shutdown(empty), 0);
        assert_int_equal(weft_queue_shutdown(full), 0);
        for (int i = 0; i < 6; i++) {
                CHECK(pthread_join(t[i], NULL) == 0);
                assert_int_equal(w[i].rc, -EPIPE);
        }
        weft_queue_close(empty);
        weft_queue_close(full);
}

/* ---- shutdown with leases ----------------------------------------------------------- */

static void *pop_to_the_end(void *context)
{
        uint64_t *n = context, x;
        while (weft_queue_pop(queue, &x, WEFT_NEVER) == 0)
                ++*n;
        return NULL;
}

static void the_end_waits_for_leases(void **state)
{
        (void)state;
        for (int nack = 0; nack < 2; nack++) {
                struct weft_element el;
                pthread_t t[2];
                uint64_t x, n[2] = { 0 };
                queue = make("q", 4, 8, WEFT_QUEUE_LEASE);
                push(queue, 1);
                assert_int_equal(weft_queue_take(queue, &el, WEFT_NOW), 0);
                assert_int_equal(weft_queue_shutdown(queue), 0);
                assert_int_equal(weft_queue_pop(queue, &x, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_queue_pop(queue, &x, weft_after(WEFT_MSEC)),
                                 -ETIMEDOUT);
                for (int i = 0; i < 2; i++)
                        CHECK(pthread_create(&t[i], NULL, pop_to_the_end, &n[i]) == 0);
                while (info_of(queue).waiting < 2)
                        usleep(1000);
                assert_int_equal(nack ? weft_queue_nack(queue, &el)
                                      : weft_queue_ack(queue, &el),
                                 0);
                for (int i = 0; i < 2; i++)
                        CHECK(pthread_join(t[i], NULL) == 0);
                assert_int_equal(n[0] + n[1], nack);
                assert_int_equal(weft_queue_pop(queue, &x, WEFT_NOW), -EPIPE);
                drop(queue, "q");
        }
}

static void take_one_and_wait(void *context)
{
        const struct gate *gate = context;
        struct weft_element el;
        CHECK(weft_queue_take(queue, &el, WEFT_NOW) == 0);
        gate_open(gate, 1);
        pause();
}

static void the_end_waits_for_the_dead(void **state)
{
        struct gate gate = gate_make();
        uint64_t x;
        (void)state;
        queue = make("q", 4, 8, WEFT_QUEUE_LEASE);
        push(queue, 8);
        pid_t pid = child_start(take_one_and_wait, &gate);
        gate_pass(&gate);
        assert_int_equal(weft_queue_shutdown(queue), 0);
        assert_int_equal(child_kill(pid), -SIGKILL);
        assert_int_equal(weft_queue_pop(queue, &x, weft_after(WEFT_SEC)), 0);
        assert_int_equal(x, 8);
        assert_int_equal(weft_queue_pop(queue, &x, WEFT_NEVER), -EPIPE);
        gate_drop(&gate);
        drop(queue, "q");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(deadlines_are_kept),         TEST(sleepers_are_woken),
                TEST(shutdown_lets_the_rest_out), TEST(shutdown_wakes_all),
                TEST(the_end_waits_for_leases),   TEST(the_end_waits_for_the_dead),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
