/* tests/unit/queue_test.c -- the queue: order, copies, handles, processes. */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

#include "runtime/object.h"
#include "tests/unit/queue_kit.h"

/* ---- order and size --------------------------------------------------------- */

/* Laps around the ring, filled to the brim each time, with every element checked. */
static void laps(uint32_t bytes, uint32_t flags, uint64_t capacity)
{
        static uint8_t e[WEFT_QUEUE_ELEMENT_MAX];
        weft_queue_t *q = make("q", capacity, bytes, flags);
        uint64_t in = 0, out = 0, n = info_of(q).capacity;

        CHECK(weft_queue_pop(q, e, WEFT_NOW) == -EAGAIN);
        for (int lap = 0; lap < 4; lap++) {
                while (in - out < n) {
                        paint(e, bytes, in++);
                        CHECK(weft_queue_push(q, e, WEFT_NOW) == 0);
                }
                CHECK(weft_queue_push(q, e, WEFT_NOW) == -EAGAIN);
                CHECK(info_of(q).length == n);
                for (uint64_t leave = (uint64_t)lap % 2; in - out > leave;) {
                        CHECK(weft_queue_pop(q, e, WEFT_NOW) == 0);
                        CHECK(is_painted(e, bytes, out++));
                }
        }
        struct weft_queue_info info = info_of(q);
        CHECK(info.pushed == in && info.popped == out && info.length == in - out);
        CHECK(info.element_bytes == bytes && info.flags == flags && !info.shut);
        CHECK(weft_object_remove(arena, "q") == 0);
        weft_queue_close(q);
}

static void elements_of_every_size_come_out_as_they_went_in(void **state)
{
        static const uint32_t sizes[] = {
                1,   2,   3,   4,   5,   7,   8,    9,    12,   16,   31,    64,
                100, 255, 256, 257, 511, 999, 1023, 1024, 4096, 5000, 65536, 65537
        };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                for (uint32_t flags = 0; flags <= WEFT_QUEUE_LEASE; flags++)
                        laps(sizes[i], flags, 4);
        laps(WEFT_QUEUE_ELEMENT_MAX, 0, 2);
        laps(WEFT_QUEUE_ELEMENT_MAX, WEFT_QUEUE_LEASE, 2);
}

static void capacities_are_rounded_up(void **state)
{
        static const uint64_t asked[] = { 1, 2, 3, 5, 64, 100, 1000, 65535 };
        static const uint64_t given[] = { 2, 2, 4, 8, 64, 128, 1024, 65536 };
        (void)state;
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
                weft_queue_t *q = make("q", asked[i], 8, 0);
                assert_int_equal(info_of(q).capacity, given[i]);
                CHECK(weft_object_remove(arena, "q") == 0);
                weft_queue_close(q);
                laps(8, 0, asked[i]);
        }
}

static void batches_go_as_far_as_they_can(uint32_t bytes, uint32_t flags)
{
        static uint8_t e[64][64];
        weft_queue_t *q = make("q", 16, bytes, flags);
        uint8_t *flat = &e[0][0];
        uint64_t in = 0, out = 0;

        CHECK(weft_queue_push_n(q, flat, 0, WEFT_NEVER) == 0);
        CHECK(weft_queue_pop_n(q, flat, 0, WEFT_NEVER) == 0);
        CHECK(weft_queue_pop_n(q, flat, 5, WEFT_NOW) == -EAGAIN);
        CHECK(weft_queue_pop_n(q, flat, 5, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
        for (int round = 0; round < 50; round++) {
                for (uint64_t i = 0; i < 20; i++)
                        paint(flat + i * bytes, bytes, in + i);
                int64_t n =
                        weft_queue_push_n(q, flat, (size_t)(round % 20 + 1), WEFT_NOW);
                CHECK(n == -EAGAIN ? in - out == 16 : n >= 1 && n <= round % 20 + 1);
                in += n > 0 ? (uint64_t)n : 0;
                CHECK(in - out <= 16);
                n = weft_queue_pop_n(q, flat, (size_t)(round % 7 + 1), WEFT_NOW);
                CHECK(n >= 1 && n <= round % 7 + 1);
                for (int64_t i = 0; i < n; i++)
                        CHECK(is_painted(flat + (uint64_t)i * bytes, bytes, out++));
        }
        CHECK(info_of(q).length == in - out);
        CHECK(weft_object_remove(arena, "q") == 0);
        weft_queue_close(q);
}

static void batches(void **state)
{
        (void)state;
        for (uint32_t flags = 0; flags <= WEFT_QUEUE_LEASE; flags++) {
                batches_go_as_far_as_they_can(8, flags);
                batches_go_as_far_as_they_can(3, flags);
                batches_go_as_far_as_they_can(40, flags);
        }
}

/* ---- making and opening ------------------------------------------------------ */

static void bad_arguments_are_refused(void **state)
{
        struct weft_queue_options o = { 4, 8, 0 };
        weft_queue_t *q = NULL;
        struct weft_element el;
        struct weft_queue_info info;
        uint64_t x = 0;

        (void)state;
        assert_int_equal(weft_queue_create(NULL, "q", &o, &q), -EINVAL);
        assert_int_equal(weft_queue_create(arena, NULL, &o, &q), -EINVAL);
        assert_int_equal(weft_queue_create(arena, "q", NULL, &q), -EINVAL);
        assert_int_equal(weft_queue_create(arena, "q", &o, NULL), -EINVAL);
        assert_int_equal(weft_queue_create(arena, "", &o, &q), -EINVAL);
        o.capacity = 0;
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -EINVAL);
        o.capacity = WEFT_QUEUE_CAPACITY_MAX + 1;
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -EINVAL);
        o = (struct weft_queue_options){ 4, 0, 0 };
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -EINVAL);
        o.element_bytes = WEFT_QUEUE_ELEMENT_MAX + 1;
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -EINVAL);
        o = (struct weft_queue_options){ 4, 8, 4 };
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -EINVAL);
        assert_int_equal(weft_queue_open(arena, "q", &q), -ENOENT);
        assert_null(q);

        weft_queue_close(NULL);
        assert_true(weft_queue_owner(NULL).v == 0);
        assert_int_equal(weft_queue_push(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_queue_pop(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_queue_push_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_queue_pop_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_queue_shutdown(NULL), -EINVAL);
        assert_int_equal(weft_queue_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_queue_loan(NULL, &el), -EINVAL);
        assert_int_equal(weft_queue_take(NULL, &el, 0), -EINVAL);

        q = make("q", 4, 8, 0);
        assert_int_equal(weft_queue_push(q, NULL, 0), -EINVAL);
        assert_int_equal(weft_queue_pop(q, NULL, 0), -EINVAL);
        assert_int_equal(weft_queue_push_n(q, NULL, 1, 0), -EINVAL);
        assert_int_equal(weft_queue_pop_n(q, NULL, 1, 0), -EINVAL);
        assert_int_equal(weft_queue_pop_n(q, &x, SIZE_MAX, 0), -EINVAL);
        assert_int_equal(weft_queue_info(q, NULL), -EINVAL);
        assert_int_equal(weft_queue_loan(q, NULL), -EINVAL);
        assert_int_equal(weft_queue_take(q, NULL, 0), -EINVAL);
        weft_queue_close(q);
}

static void too_large_is_no_space_and_leaves_nothing(void **state)
{
        struct weft_queue_options o = { WEFT_QUEUE_CAPACITY_MAX, 8, 0 };
        weft_queue_t *q = NULL;

        (void)state;
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -ENOSPC);
        o.element_bytes = WEFT_QUEUE_ELEMENT_MAX;
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -ENOSPC);
        o.capacity = 64;
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), -ENOSPC);
        assert_null(q);
        o.capacity = 16;
        assert_int_equal(weft_queue_create(arena, "q", &o, &q), 0);
        assert_int_equal(weft_object_remove(arena, "q"), 0);
        weft_queue_close(q);
        struct weft_census census;
        assert_int_equal(weft_arena_check(arena, &census), 0);
        assert_int_equal(census.object_bytes, 0);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_queue_options o = { 8, 8, 0 };
        weft_queue_t *a, *b, *c = NULL;
        uint64_t x = 7;

        (void)state;
        assert_int_equal(weft_queue_create_or_open(arena, "q", &o, &a), 0);
        o.capacity = 1024; /* may differ */
        assert_int_equal(weft_queue_create_or_open(arena, "q", &o, &b), 0);
        assert_int_equal(info_of(b).capacity, 8);
        assert_int_equal(weft_queue_create(arena, "q", &o, &c), -EEXIST);
        o.element_bytes = 4;
        assert_int_equal(weft_queue_create_or_open(arena, "q", &o, &c), -EPROTO);
        o.element_bytes = 8;
        o.flags = WEFT_QUEUE_LEASE;
        assert_int_equal(weft_queue_create_or_open(arena, "q", &o, &c), -EPROTO);
        assert_null(c);
        assert_int_equal(weft_queue_push(a, &x, WEFT_NOW), 0);
        x = 0;
        assert_int_equal(weft_queue_pop(b, &x, WEFT_NOW), 0);
        assert_int_equal(x, 7);
        assert_true(weft_queue_owner(a).v == weft_queue_owner(b).v);
        weft_queue_close(a);
        assert_int_equal(weft_queue_push(b, &x, WEFT_NOW), 0);
        weft_queue_close(b);
}

static void what_is_given_goes_with_the_queue(void **state)
{
        weft_queue_t *q = make("q", 8, 8, 0);
        struct weft_census census;
        weft_ref_t ref;

        (void)state;
        assert_int_equal(weft_block_alloc(arena, 5000, &ref, NULL), 0);
        assert_int_equal(weft_block_give(arena, ref, weft_queue_owner(q)), 0);
        assert_int_equal(weft_object_remove(arena, "q"), 0);
        weft_queue_close(q);
        assert_int_equal(weft_arena_check(arena, &census), 0);
        assert_int_equal(census.object_bytes, 0);
}

static void a_queue_says_what_it_is(void **state)
{
        weft_queue_t *q = make("q", 64, 16, WEFT_QUEUE_LEASE);
        struct weft_object_info info;
        struct weft_element el;
        uint64_t x[2] = { 0 };

        (void)state;
        for (int i = 0; i < 4; i++)
                assert_int_equal(weft_queue_push(q, x, WEFT_NOW), 0);
        assert_int_equal(weft_queue_take(q, &el, WEFT_NOW), 0);
        assert_int_equal(weft_object_stat(arena, "q", &info), 0);
        assert_string_equal(info.kind, "queue");
        assert_string_equal(info.detail, "3 of 64 elements of 16 B, 1 leased");
        assert_true(info.bytes > 64 * 16);
        weft_queue_close(q);
}

static weft_queue_t *open_in(weft_arena_t *a, const char *name)
{
        weft_queue_t *q = NULL;
        CHECK(weft_queue_open(a, name, &q) == 0 && q);
        return q;
}

/* ---- processes ------------------------------------------------------------------ */

struct errand {
        uint32_t bytes, flags;
        uint64_t n;
};

static void push_from_elsewhere(void *context)
{
        const struct errand *job = context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_queue_t *q = open_in(a, "q");
        uint8_t e[300];
        for (uint64_t i = 0; i < job->n; i++) {
                paint(e, job->bytes, i);
                CHECK(weft_queue_push(q, e, WEFT_NEVER) == 0);
        }
        CHECK(weft_queue_shutdown(q) == 0);
        weft_queue_close(q);
        weft_arena_close(a);
}

/* Not under ThreadSanitizer, whose 16-byte CAS is atomic only within one process. */
static void two_processes_at_two_addresses(void **state)
{
        static const uint32_t sizes[] = { 8, 5, 24, 300 };
        (void)state;
#ifdef WEFT_TSAN
        skip();
#endif
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct errand job = { sizes[i], i % 2 ? WEFT_QUEUE_LEASE : 0, 20000 };
                weft_queue_t *q = make("q", 16, job.bytes, job.flags);
                uint8_t e[300];
                uint64_t n = 0;
                pid_t pid = child_start(push_from_elsewhere, &job);
                while (weft_queue_pop(q, e, WEFT_NEVER) == 0)
                        CHECK(is_painted(e, job.bytes, n++));
                assert_int_equal(n, job.n);
                assert_int_equal(child_end(pid), 0);
                CHECK(weft_object_remove(arena, "q") == 0);
                weft_queue_close(q);
        }
}

static weft_queue_t *inherited;

static void use_inherited(void *context)
{
        struct weft_element el;
        uint64_t x = 0;
        (void)context;
        CHECK(weft_queue_pop(inherited, &x, WEFT_NOW) == 0 && x == 1);
        x = 9;
        CHECK(weft_queue_push(inherited, &x, WEFT_NOW) == 0);
        CHECK(weft_queue_loan(inherited, &el) == 0);
        weft_queue_close(inherited); /* the child's, not what the parent has in hand */
}

static void a_handle_goes_on_in_a_forked_child(void **state)
{
        struct weft_element el;
        uint64_t x = 1;
        (void)state;
        for (uint32_t flags = 0; flags <= WEFT_QUEUE_LEASE; flags++) {
                inherited = make("q", 4, 8, flags);
                for (x = 0; x < 3; x++)
                        CHECK(weft_queue_push(inherited, &x, WEFT_NOW) == 0);
                CHECK(weft_queue_take(inherited, &el, WEFT_NOW) == 0);
                assert_int_equal(child_run(use_inherited, NULL), 0);
                assert_int_equal(info_of(inherited).leased, flags);
                assert_int_equal(weft_queue_ack(inherited, &el), 0);
                assert_int_equal(weft_queue_pop(inherited, &x, WEFT_NOW), 0);
                assert_int_equal(x, 2);
                assert_int_equal(weft_queue_pop(inherited, &x, WEFT_NOW), 0);
                assert_int_equal(x, 9);
                CHECK(weft_object_remove(arena, "q") == 0);
                weft_queue_close(inherited);
        }
}

static int list_me(const struct weft_agent_info *agent, void *context)
{
        *(bool *)context |= agent->pid == (uint32_t)getpid();
        return 0;
}

static void *push_as_a_sibling(void *queue)
{
        uint64_t x = 2;
        CHECK(weft_agent_join(arena) == 0);
        CHECK(!weft_handle_me(queue));
        CHECK(weft_queue_push(queue, &x, WEFT_NOW) == 0);
        CHECK(weft_handle_me(queue) != NULL);
        CHECK(weft_queue_push(queue, &x, WEFT_NOW) == 0);
        return NULL;
}

/* On the shortest way too: he has a seat, and entered, so that his death will be heard of. That
 * child comes without fork()'s handlers, which would tell. */
static void who_uses_it_is_known_there(void **state)
{
        pthread_t thread;
        uint64_t x = 1;
        (void)state;
        weft_queue_t *q = make("q", 8, 8, 0);
        for (int i = 0; i < 2; i++)
                CHECK(weft_queue_push(q, &x, WEFT_NOW) == 0);
        CHECK(pthread_create(&thread, NULL, push_as_a_sibling, q) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        pid_t pid = _Fork();
        CHECK(pid >= 0);
        if (!pid) {
                bool listed = false;
                bool pushed = !weft_queue_push(q, &x, WEFT_NOW) &&
                              !weft_agent_list(arena, list_me, &listed);
                _exit(pushed && listed ? 0 : 1);
        }
        assert_int_equal(child_end(pid), 0);
        weft_agent_leave(arena);
        CHECK(weft_queue_push(q, &x, WEFT_NOW) == 0);
        CHECK(weft_handle_me((void *)q) != NULL);
        assert_int_equal(info_of(q).length, 6);
        drop(q, "q");
}

static void look_only(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDONLY);
        struct weft_queue_options o = { 4, 8, 0 };
        struct weft_element el;
        uint64_t x = 0;
        for (int i = 0; i < 2; i++) {
                weft_queue_t *q = open_in(a, i ? "boxes" : "cells");
                CHECK(info_of(q).length == 2 && info_of(q).leased == (uint64_t)i);
                CHECK(weft_queue_push(q, &x, WEFT_NOW) == -EROFS);
                CHECK(weft_queue_pop(q, &x, WEFT_NEVER) == -EROFS);
                CHECK(weft_queue_push_n(q, &x, 1, WEFT_NOW) == -EROFS);
                CHECK(weft_queue_pop_n(q, &x, 1, WEFT_NOW) == -EROFS);
                CHECK(weft_queue_loan(q, &el) == -EROFS);
                CHECK(weft_queue_take(q, &el, WEFT_NOW) == -EROFS);
                CHECK(weft_queue_shutdown(q) == -EROFS);
                weft_queue_close(q);
        }
        weft_queue_t *q = NULL;
        CHECK(weft_queue_create(a, "new", &o, &q) == -EROFS && !q);
        weft_arena_close(a);
}

static void read_only_looks_and_changes_nothing(void **state)
{
        weft_queue_t *cells = make("cells", 4, 8, 0);
        weft_queue_t *boxes = make("boxes", 4, 8, WEFT_QUEUE_LEASE);
        struct weft_element el;
        uint64_t x = 1;
        (void)state;
        for (int i = 0; i < 3; i++)
                CHECK(weft_queue_push(boxes, &x, WEFT_NOW) == 0 &&
                      (i == 2 || weft_queue_push(cells, &x, WEFT_NOW) == 0));
        CHECK(weft_queue_take(boxes, &el, WEFT_NOW) == 0);
        assert_int_equal(child_run(look_only, NULL), 0);
        weft_queue_close(cells);
        weft_queue_close(boxes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(elements_of_every_size_come_out_as_they_went_in),
                TEST(capacities_are_rounded_up),
                TEST(batches),
                TEST(bad_arguments_are_refused),
                TEST(too_large_is_no_space_and_leaves_nothing),
                TEST(opening_shares_and_checks),
                TEST(what_is_given_goes_with_the_queue),
                TEST(a_queue_says_what_it_is),
                TEST(two_processes_at_two_addresses),
                TEST(a_handle_goes_on_in_a_forked_child),
                TEST(who_uses_it_is_known_there),
                TEST(read_only_looks_and_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
