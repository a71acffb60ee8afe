/* tests/unit/queue_batch_test.c -- queues made for batches: WEFT_QUEUE_BATCH. */
#define _GNU_SOURCE
#include "runtime/object.h"
#include "tests/unit/queue_kit.h"

enum { MOST = 100 };
static uint8_t buffer[MOST * WEFT_QUEUE_BATCH_BYTES_MAX];

/* Batches of changing sizes in, others out, and every element checked. */
static void sizes_mix(uint32_t bytes, uint64_t capacity)
{
        weft_queue_t *q = make("q", capacity, bytes, WEFT_QUEUE_BATCH);
        uint64_t in = 0, out = 0, random = bytes * 2 + 1;

        for (int round = 0; round < 600; round++) {
                random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
                size_t want = 1 + (random >> 33) % MOST;
                for (size_t i = 0; i < want; i++)
                        paint(buffer + i * bytes, bytes, in + i);
                int64_t n = weft_queue_push_n(q, buffer, want, WEFT_NOW);
                CHECK(n == -EAGAIN || (n >= 1 && n <= (int64_t)want));
                in += n > 0 ? (uint64_t)n : 0;
                CHECK(n == (int64_t)want || in - out >= capacity); /* it is full */
                CHECK(info_of(q).length == in - out);
                want = 1 + (random >> 50) % MOST;
                n = weft_queue_pop_n(q, buffer, want, WEFT_NOW);
                uint64_t there = in - out;
                CHECK(n == (there ? (int64_t)(want < there ? want : there) : -EAGAIN));
                for (int64_t i = 0; i < n; i++)
                        CHECK(is_painted(buffer + (uint64_t)i * bytes, bytes, out++));
        }
        CHECK(info_of(q).length == in - out);
        check_whole(arena);
        drop(q, "q");
}

static void batches_of_any_size_come_out_in_order(void **state)
{
        (void)state;
        for (uint64_t capacity = 2; capacity <= 64; capacity *= 4) {
                sizes_mix(8, capacity);
                sizes_mix(3, capacity);
                sizes_mix(40, capacity);
                sizes_mix(WEFT_QUEUE_BATCH_BYTES_MAX, capacity);
        }
}

static void capacity_counts_batches(void **state)
{
        (void)state;
        weft_queue_t *q = make("q", 4, 8, WEFT_QUEUE_BATCH);
        const size_t full = 4 * WEFT_QUEUE_BATCH_ELEMENTS;
        uint64_t x[4 * WEFT_QUEUE_BATCH_ELEMENTS + 1] = { 0 };

        assert_int_equal(weft_queue_push_n(q, x, full + 1, WEFT_NOW), full);
        assert_int_equal(info_of(q).length, full);
        assert_int_equal(weft_queue_push(q, x, WEFT_NOW), -EAGAIN);
        /* A part of a batch makes no room, its last element does. */
        assert_int_equal(weft_queue_pop_n(q, x, WEFT_QUEUE_BATCH_ELEMENTS - 1, WEFT_NOW),
                         WEFT_QUEUE_BATCH_ELEMENTS - 1);
        assert_int_equal(weft_queue_push(q, x, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_queue_pop(q, x, WEFT_NOW), 0);
        assert_int_equal(weft_queue_push(q, x, WEFT_NOW), 0);
        assert_int_equal(weft_queue_pop_n(q, x, full, WEFT_NOW),
                         full - WEFT_QUEUE_BATCH_ELEMENTS + 1);
        for (uint64_t i = 0; i < 4; i++) /* and one by one it holds `capacity` */
                push(q, i);
        assert_int_equal(weft_queue_push(q, x, WEFT_NOW), -EAGAIN);
        for (uint64_t i = 0; i < 4; i++)
                assert_int_equal(pop(q), i);
        drop(q, "q");
}

static void what_it_cannot_do_is_said(void **state)
{
        struct weft_queue_options o = { 4, 8, WEFT_QUEUE_BATCH | WEFT_QUEUE_LEASE };
        struct weft_element e = { 0 };
        weft_queue_t *q = NULL;

        (void)state;
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -EINVAL);
        o = (struct weft_queue_options){ 4, WEFT_QUEUE_BATCH_BYTES_MAX + 1,
                                         WEFT_QUEUE_BATCH };
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -EINVAL);
        q = make("q", 4, 8, WEFT_QUEUE_BATCH);
        assert_int_equal(weft_queue_loan(q, &e), -ENOTSUP);
        assert_int_equal(weft_queue_take(q, &e, WEFT_NOW), -ENOTSUP);
        o = (struct weft_queue_options){ 4, 8, 0 };
        weft_queue_t *other = NULL;
        assert_int_equal(weft_queue_create_or_open(arena, "q", &o, &other), -EPROTO);
        drop(q, "q");
}

static void a_shut_queue_gives_out_the_rest_of_a_batch(void **state)
{
        (void)state;
        weft_queue_t *q = make("q", 4, 8, WEFT_QUEUE_BATCH);
        uint64_t x[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

        assert_int_equal(weft_queue_push_n(q, x, 8, WEFT_NOW), 8);
        assert_int_equal(pop(q), 0);
        assert_int_equal(weft_queue_shutdown(q), 0);
        assert_int_equal(weft_queue_push_n(q, x, 8, WEFT_NOW), -EPIPE);
        for (uint64_t i = 1; i < 8; i++)
                assert_int_equal(pop(q), i);
        assert_int_equal(weft_queue_pop(q, x, WEFT_NEVER), -EPIPE);
        drop(q, "q");
}

/* ---- processes ---------------------------------------------------------------- */

enum { COUNT = 20000 };

static void feed(void *context)
{
        weft_queue_t *q;
        uint64_t x[MOST];
        (void)context;
        weft_arena_t *mine = child_reopen(arena, WEFT_RDWR);
        CHECK(weft_queue_open(mine, "q", &q) == 0);
        for (uint64_t i = 0, n; i < COUNT; i += n) {
                n = 1 + i % 50;
                n = n < COUNT - i ? n : COUNT - i;
                for (uint64_t k = 0; k < n; k++)
                        x[k] = i + k;
                for (uint64_t k = 0; k < n;) {
                        int64_t some = weft_queue_push_n(q, x + k, n - k, WEFT_NEVER);
                        CHECK(some > 0);
                        k += (uint64_t)some;
                }
        }
        CHECK(weft_queue_shutdown(q) == 0);
}

static void another_process_feeds_it(void **state)
{
        uint64_t x[MOST], next = 0;
        int64_t n;

        (void)state;
        weft_queue_close(make("q", 8, 8, WEFT_QUEUE_BATCH));
        pid_t pid = child_start(feed, NULL);
        weft_queue_t *q;
        CHECK(weft_queue_open(arena, "q", &q) == 0);
        while ((n = weft_queue_pop_n(q, x, 1 + next % MOST, WEFT_NEVER)) > 0)
                for (int64_t i = 0; i < n; i++)
                        CHECK(x[i] == next++);
        assert_int_equal(n, -EPIPE);
        assert_int_equal(next, COUNT);
        assert_int_equal(child_end(pid), 0);
        drop(q, "q");
}

static void only_pop(void *context)
{
        uint64_t x[3];
        (void)context;
        weft_queue_t *q;
        CHECK(weft_queue_open(arena, "q", &q) == 0);
        CHECK(weft_queue_pop_n(q, x, 3, WEFT_NOW) == 3 && x[0] == 0 && x[2] == 2);
        raise(SIGKILL);
}

static void a_killed_popper_takes_only_its_part(void **state)
{
        (void)state;
        weft_queue_t *q = make("q", 4, 8, WEFT_QUEUE_BATCH);
        uint64_t x[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

        assert_int_equal(weft_queue_push_n(q, x, 8, WEFT_NOW), 8);
        assert_int_equal(child_run(only_pop, NULL), -SIGKILL);
        assert_int_equal(weft_queue_pop_n(q, x, 8, WEFT_NOW), 5);
        assert_int_equal(x[0], 3);
        assert_int_equal(x[4], 7);
        drop(q, "q");
}

/* ---- hostile bytes --------------------------------------------------------------- */

static void a_batch_that_cannot_be_is_passed(void **state)
{
        (void)state;
        weft_queue_t *q = make("q", 4, 8, WEFT_QUEUE_BATCH);
        uint64_t x[64] = { 1, 2, 3 };
        struct weft_queue_shared *sh =
                *(struct weft_queue_shared **)(void *)((uint8_t *)q +
                                                       offsetof(struct weft_handle, sh));
        weft_a128_t *cells = weft_at(arena, sh->cells, 4 * sizeof *cells);

        assert_int_equal(weft_queue_push_n(q, x, 3, WEFT_NOW), 3);
        cells[0].raw[0] |= UINT64_C(60) << WEFT_QUEUE_OFFSET_SHIFT;
        push(q, 7);
        assert_int_equal(weft_queue_pop_n(q, x, 64, WEFT_NOW), -EUCLEAN);
        assert_int_equal(pop(q), 7);
        cells[1].raw[1] = 0x7fffffff; /* a box that is nowhere */
        assert_int_equal(weft_queue_push(q, x, WEFT_NOW), 0);
        drop(q, "q");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(batches_of_any_size_come_out_in_order),
                TEST(capacity_counts_batches),
                TEST(what_it_cannot_do_is_said),
                TEST(a_shut_queue_gives_out_the_rest_of_a_batch),
                TEST(another_process_feeds_it),
                TEST(a_killed_popper_takes_only_its_part),
                TEST(a_batch_that_cannot_be_is_passed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
