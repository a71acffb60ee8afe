/* tests/unit/queue_lease_test.c -- the queue: elements in place, leases, redelivery. */
#define _GNU_SOURCE
#include "tests/unit/queue_kit.h"

static weft_queue_t *queue; /* inherited by children */

/* ---- loans and takes ----------------------------------------------------------- */

static void loans_and_takes(uint32_t bytes, uint32_t flags)
{
        weft_queue_t *q = make("q", 4, bytes, flags);
        struct weft_element a, b, c, t[8];

        CHECK(weft_queue_loan(q, &a) == 0 && weft_queue_loan(q, &b) == 0);
        CHECK(a.at != b.at && (uintptr_t)a.at % 16 == 0 && (uintptr_t)b.at % 16 == 0);
        CHECK(a.deliveries == 0);
        memset(a.at, 1, bytes);
        memset(b.at, 2, bytes);
        CHECK(weft_queue_commit(q, &b, WEFT_NOW) == 0);
        CHECK(weft_queue_commit(q, &b, WEFT_NOW) == -EINVAL); /* no more */
        CHECK(weft_queue_commit(q, &a, WEFT_NOW) == 0);
        CHECK(weft_queue_take(q, &t[0], WEFT_NOW) == 0);
        CHECK(*(uint8_t *)t[0].at == 2 && ((uint8_t *)t[0].at)[bytes - 1] == 2);
        CHECK(weft_queue_commit(q, &t[0], WEFT_NOW) == -EINVAL); /* not a loan */
        CHECK(weft_queue_take(q, &t[1], WEFT_NOW) == 0);
        CHECK(*(uint8_t *)t[1].at == 1);
        CHECK(weft_queue_take(q, &t[2], WEFT_NOW) == -EAGAIN);
        CHECK(weft_queue_release(q, &t[0]) == 0);
        CHECK(weft_queue_release(q, &t[0]) == -EINVAL);
        CHECK(weft_queue_ack(q, &t[1]) == 0);
        CHECK(weft_queue_nack(q, &t[1]) == -EINVAL);

        /* A loan stays in hand while it cannot go, and may be dropped. */
        for (uint64_t i = 0; i < 4; i++) {
                CHECK(weft_queue_loan(q, &t[i]) == 0);
                memset(t[i].at, (int)i, bytes);
                CHECK(weft_queue_commit(q, &t[i], WEFT_NOW) == 0);
        }
        CHECK(weft_queue_loan(q, &c) == 0);
        memset(c.at, 77, bytes);
        CHECK(weft_queue_commit(q, &c, WEFT_NOW) == -EAGAIN);
        CHECK(*(uint8_t *)c.at == 77);
        CHECK(weft_queue_take(q, &t[0], WEFT_NOW) == 0);
        CHECK(weft_queue_commit(q, &c, WEFT_NOW) == 0);
        CHECK(weft_queue_loan(q, &c) == 0);
        CHECK(weft_queue_ack(q, &c) == -EINVAL);
        CHECK(weft_queue_release(q, &c) == 0);
        CHECK(weft_queue_release(q, &t[0]) == 0);
        for (int i = 1; i <= 4; i++) {
                CHECK(weft_queue_take(q, &t[i], WEFT_NOW) == 0);
                CHECK(*(uint8_t *)t[i].at == (i == 4 ? 77 : i));
        }
        for (int i = 4; i; i--)
                CHECK(weft_queue_release(q, &t[i]) == 0);
        CHECK(info_of(q).leased == 0 && info_of(q).length == 0);
        check_whole(arena);
        drop(q, "q");
}

static void elements_are_filled_and_read_in_place(void **state)
{
        static const uint32_t sizes[] = { 1, 8, 9, 64, 300, 4096, 70000 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                for (uint32_t flags = 0; flags <= WEFT_QUEUE_LEASE; flags++)
                        loans_and_takes(sizes[i], flags);
}

static void strange_elements_are_refused(void **state)
{
        weft_queue_t *q = make("q", 4, 64, WEFT_QUEUE_LEASE), *p = make("p", 4, 64, 0);
        struct weft_element el, garbage;

        (void)state;
        memset(&garbage, 0, sizeof garbage);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(weft_queue_commit(q, &garbage, WEFT_NOW), -EINVAL);
                assert_int_equal(weft_queue_release(q, &garbage), -EINVAL);
                assert_int_equal(weft_queue_ack(q, &garbage), -EINVAL);
                assert_int_equal(weft_queue_nack(q, &garbage), -EINVAL);
                memset(&garbage, 0xa5, sizeof garbage);
        }
        assert_int_equal(weft_queue_commit(q, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_queue_release(q, NULL), -EINVAL);
        assert_int_equal(weft_queue_ack(q, NULL), -EINVAL);
        assert_int_equal(weft_queue_nack(q, NULL), -EINVAL);
        push(q, 1);
        assert_int_equal(weft_queue_take(q, &el, WEFT_NOW), 0);
        assert_int_equal(weft_queue_ack(p, &el), -EINVAL); /* another queue's */
        assert_int_equal(weft_queue_nack(p, &el), -EINVAL);
        garbage = el;
        garbage.slot = UINT32_MAX;
        assert_int_equal(weft_queue_ack(q, &garbage), -EINVAL);
        garbage = el;
        assert_int_equal(weft_queue_ack(q, &el), 0);
        assert_int_equal(weft_queue_ack(q, &garbage), -EINVAL); /* a copy, too late */
        drop(q, "q");
        drop(p, "p");
}

static void *end_it_elsewhere(void *context)
{
        struct weft_element *el = context;
        CHECK(weft_queue_ack(queue, el) == -EINVAL);
        CHECK(weft_queue_nack(queue, el) == -EINVAL);
        return NULL;
}

static void an_element_is_its_threads(void **state)
{
        struct weft_element el;
        pthread_t t;
        (void)state;
        queue = make("q", 4, 64, WEFT_QUEUE_LEASE);
        push(queue, 1);
        assert_int_equal(weft_queue_take(queue, &el, WEFT_NOW), 0);
        CHECK(pthread_create(&t, NULL, end_it_elsewhere, &el) == 0);
        CHECK(pthread_join(t, NULL) == 0);
        assert_int_equal(weft_queue_ack(queue, &el), 0);
        drop(queue, "q");
}

/* Far more in hand than one segment of hands, and than the queue has cells. */
static void as_much_in_hand_as_there_is_memory(void **state)
{
        enum { MANY = 200 };
        static struct weft_element el[MANY];
        (void)state;
        for (uint32_t flags = 0; flags <= WEFT_QUEUE_LEASE; flags++) {
                weft_queue_t *q = make("q", 4, LARGE, flags);
                for (uint64_t i = 0; i < MANY; i++) {
                        push(q, i);
                        CHECK(weft_queue_take(q, &el[i], WEFT_NOW) == 0);
                }
                check_whole(arena);
                assert_int_equal(info_of(q).leased, flags ? MANY : 0);
                for (uint64_t i = 0; i < MANY; i++) {
                        assert_int_equal(in_hand(&el[i]), i);
                        CHECK(weft_queue_ack(q, &el[i]) == 0);
                }
                for (uint64_t i = 0; i < MANY; i++) {
                        CHECK(weft_queue_loan(q, &el[i]) == 0);
                        memcpy(el[i].at, &i, sizeof i);
                }
                for (uint64_t i = 0; i < MANY; i++) {
                        CHECK(weft_queue_commit(q, &el[i], WEFT_NOW) == 0);
                        assert_int_equal(pop(q), i);
                }
                drop(q, "q");
        }
}

static void no_memory_for_one_more_in_hand(void **state)
{
        static struct weft_element el[256];
        weft_queue_t *q = make("q", 2, 1 << 20, 0);
        int n = 0, rc;
        (void)state;
        while ((rc = weft_queue_loan(q, &el[n])) == 0)
                n++;
        assert_int_equal(rc, -ENOSPC);
        assert_true(n > 20);
        check_whole(arena);
        assert_int_equal(weft_queue_commit(q, &el[--n], WEFT_NOW), 0);
        assert_int_equal(weft_queue_take(q, &el[n], WEFT_NOW), 0);
        assert_int_equal(weft_queue_release(q, &el[n]), 0);
        assert_int_equal(weft_queue_loan(q, &el[n]), 0); /* possible again */
        for (int i = 0; i <= n; i++)
                assert_int_equal(weft_queue_release(q, &el[i]), 0);
        struct weft_arena_info info;
        assert_int_equal(weft_arena_info(arena, &info), 0);
        assert_true(info.used_bytes < 12 << 20); /* most of it went back */
        drop(q, "q");
}

/* ---- leases ---------------------------------------------------------------------- */

static void what_is_given_back_comes_first(void **state)
{
        weft_queue_t *q = make("q", 8, 8, WEFT_QUEUE_LEASE);
        struct weft_element el;
        uint64_t many[8];

        (void)state;
        for (uint64_t i = 1; i <= 5; i++)
                push(q, i);
        for (uint32_t i = 0; i < 4; i++) {
                assert_int_equal(weft_queue_take(q, &el, WEFT_NOW), 0);
                assert_int_equal(in_hand(&el), 1);
                assert_int_equal(el.deliveries, i);
                assert_int_equal(info_of(q).leased, 1);
                assert_int_equal(info_of(q).length, 4);
                assert_int_equal(weft_queue_nack(q, &el), 0);
                assert_int_equal(info_of(q).leased, 0);
                assert_int_equal(info_of(q).length, 5);
        }
        assert_int_equal(weft_queue_pop_n(q, many, 8, WEFT_NOW), 5);
        for (uint64_t i = 0; i < 5; i++)
                assert_int_equal(many[i], i + 1);
        assert_int_equal(info_of(q).pushed, 5);
        assert_int_equal(info_of(q).popped, 5);
        drop(q, "q");
}

static void take_and_wait(void *context)
{
        const struct gate *gate = context;
        struct weft_element el[3];
        for (int i = 0; i < 3; i++)
                CHECK(weft_queue_take(queue, &el[i], WEFT_NOW) == 0);
        CHECK(weft_queue_ack(queue, &el[1]) == 0);
        CHECK(weft_queue_loan(queue, &el[1]) == 0);
        gate_open(gate, 1);
        pause();
}

static void what_the_killed_leased_comes_back(void **state)
{
        (void)state;
        for (uint32_t bytes = 8; bytes <= LARGE; bytes += LARGE - 8) {
                struct gate gate = gate_make();
                struct weft_element el;
                uint64_t seen = 0;

                queue = make("q", 8, bytes, WEFT_QUEUE_LEASE);
                for (uint64_t i = 0; i < 4; i++)
                        push(queue, i);
                pid_t pid = child_start(take_and_wait, &gate);
                gate_pass(&gate);
                assert_int_equal(info_of(queue).leased, 2);
                assert_int_equal(pop(queue), 3);
                uint8_t e[LARGE];
                assert_int_equal(weft_queue_pop(queue, e, weft_after(50 * WEFT_MSEC)),
                                 -ETIMEDOUT); /* its taker lives */
                assert_int_equal(child_kill(pid), -SIGKILL);
                for (int i = 0; i < 2; i++) { /* nobody settles but this very wait */
                        CHECK(weft_queue_take(queue, &el, weft_after(WEFT_SEC)) == 0);
                        assert_int_equal(el.deliveries, 1);
                        seen |= UINT64_C(1) << in_hand(&el);
                        CHECK(weft_queue_ack(queue, &el) == 0);
                }
                assert_int_equal(seen, 5);
                CHECK(weft_queue_take(queue, &el, WEFT_NOW) == -EAGAIN);
                gate_drop(&gate);
                drop(queue, "q");
        }
}

static void *take_and_end(void *context)
{
        static struct weft_element el[2];
        (void)context;
        CHECK(weft_queue_take(queue, &el[0], WEFT_NOW) == 0);
        CHECK(weft_queue_loan(queue, &el[1]) == 0);
        return NULL;
}

static void what_an_ended_thread_leased_comes_back(void **state)
{
        struct weft_element el;
        pthread_t t;
        (void)state;
        queue = make("q", 4, 64, WEFT_QUEUE_LEASE);
        push(queue, 6);
        for (uint32_t i = 0; i < 50; i++) {
                CHECK(pthread_create(&t, NULL, take_and_end, NULL) == 0);
                CHECK(pthread_join(t, NULL) == 0);
                assert_int_equal(info_of(queue).length, 1);
                check_whole(arena);
        }
        assert_int_equal(weft_queue_take(queue, &el, WEFT_NOW), 0);
        assert_int_equal(el.deliveries, 50);
        assert_int_equal(in_hand(&el), 6);
        weft_agent_leave(arena); /* the same without ending */
        assert_int_equal(weft_queue_ack(queue, &el), -EINVAL);
        assert_int_equal(pop(queue), 6);
        drop(queue, "q");
}

static void closing_gives_back_what_went_through_the_handle(void **state)
{
        weft_queue_t *a = make("q", 4, 64, WEFT_QUEUE_LEASE), *b;
        struct weft_element by_a, by_b, loan;
        (void)state;
        assert_int_equal(weft_queue_open(arena, "q", &b), 0);
        push(a, 1);
        push(a, 2);
        assert_int_equal(weft_queue_take(a, &by_a, WEFT_NOW), 0);
        assert_int_equal(weft_queue_take(b, &by_b, WEFT_NOW), 0);
        assert_int_equal(weft_queue_loan(b, &loan), 0);
        assert_int_equal(weft_queue_ack(a, &by_b), -EINVAL); /* b's */
        weft_queue_close(b);
        assert_int_equal(info_of(a).leased, 1);
        assert_int_equal(pop(a), 2);
        assert_int_equal(weft_queue_ack(a, &by_a), 0);
        drop(a, "q");
}

/* ---- deaths ------------------------------------------------------------------------ */

static void use_until_killed(void *context)
{
        uint32_t bytes = *(const uint32_t *)context;
        struct weft_element el;
        uint8_t *e = calloc(1, bytes);
        CHECK(e);
        for (;;) {
                int rc = weft_queue_push(queue, e, WEFT_NOW);
                CHECK(rc == 0 || rc == -EAGAIN);
                if (weft_queue_loan(queue, &el) == 0 &&
                    weft_queue_commit(queue, &el, WEFT_NOW))
                        CHECK(weft_queue_release(queue, &el) == 0);
                if (weft_queue_take(queue, &el, WEFT_NOW) == 0)
                        CHECK(weft_queue_release(queue, &el) == 0);
                rc = weft_queue_pop(queue, e, WEFT_NOW);
                CHECK(rc == 0 || rc == -EAGAIN);
        }
}

/* Whoever dies wherever: every box is somewhere once, and memory does not grow. Not under
 * ThreadSanitizer, whose 16-byte CAS is atomic only within one process. */
static void deaths_cost_no_memory(void **state)
{
        static uint32_t sizes[] = { 8, 64, 2000 };
        (void)state;
#ifdef WEFT_TSAN
        skip();
#endif
        for (int i = 0; i < 6; i++) {
                uint32_t bytes = sizes[i / 2];
                struct weft_census census;
                uint64_t most = 0;
                queue = make("q", 4, bytes, i % 2 ? WEFT_QUEUE_LEASE : 0);
                for (int round = 0; round < 40; round++) {
                        pid_t pid[2];
                        for (int k = 0; k < 2; k++)
                                pid[k] = child_start(use_until_killed, &bytes);
                        usleep(1000 + (useconds_t)(rand() % 3000));
                        for (int k = 0; k < 2; k++)
                                assert_int_equal(child_kill(pid[k]), -SIGKILL);
                        (void)recover_count(arena);
                        assert_int_equal(weft_arena_check(arena, &census), 0);
                        if (round == 8)
                                most = census.object_bytes;
                        if (round > 8)
                                assert_true(census.object_bytes <= most + 16 * bytes);
                }
                assert_int_equal(info_of(queue).leased, 0);
                drop(queue, "q");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(elements_are_filled_and_read_in_place),
                TEST(strange_elements_are_refused),
                TEST(an_element_is_its_threads),
                TEST(as_much_in_hand_as_there_is_memory),
                TEST(no_memory_for_one_more_in_hand),
                TEST(what_is_given_back_comes_first),
                TEST(what_the_killed_leased_comes_back),
                TEST(what_an_ended_thread_leased_comes_back),
                TEST(closing_gives_back_what_went_through_the_handle),
                TEST(deaths_cost_no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
