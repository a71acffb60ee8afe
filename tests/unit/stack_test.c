/* tests/unit/stack_test.c -- the stack: order, copies, handles, processes. */
#define _GNU_SOURCE
#include "tests/unit/stack_kit.h"

/* ---- order and size --------------------------------------------------------- */

/* Up and down, to other depths each time, with every element checked. */
static void laps(uint32_t bytes, uint64_t capacity, uint64_t most)
{
        static uint8_t e[WEFT_STACK_ELEMENT_MAX];
        weft_stack_t *s = make("s", capacity, bytes);
        uint64_t depth = 0;

        CHECK(weft_stack_pop(s, e, WEFT_NOW) == -EAGAIN);
        CHECK(weft_stack_peek(s, e) == -EAGAIN);
        for (uint64_t lap = 0; lap < 4; lap++) {
                while (depth < most - lap % 2) {
                        paint(e, bytes, depth++);
                        CHECK(weft_stack_push(s, e, WEFT_NOW) == 0);
                }
                if (capacity && lap % 2 == 0)
                        CHECK(weft_stack_push(s, e, WEFT_NOW) == -EAGAIN);
                CHECK(whole(s).length == depth);
                memset(e, 0, bytes);
                CHECK(weft_stack_peek(s, e) == (depth ? 0 : -EAGAIN));
                CHECK(!depth || is_painted(e, bytes, depth - 1));
                for (uint64_t leave = lap; depth > leave;) {
                        memset(e, 0, bytes);
                        CHECK(weft_stack_pop(s, e, WEFT_NOW) == 0);
                        CHECK(is_painted(e, bytes, --depth));
                }
        }
        struct weft_stack_info info = whole(s);
        CHECK(info.element_bytes == bytes && info.capacity == capacity && !info.shut);
        drop(s, "s");
}

static void elements_of_every_size_come_out_as_they_went_in(void **state)
{
        static const uint32_t sizes[] = { 1,   2,   3,    4,    5,    7,    8,    9,
                                          12,  16,  31,   64,   100,  255,  256,  257,
                                          511, 999, 1023, 1024, 2048, 5000, 65536 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                laps(sizes[i], i % 2 ? 100 : 0, 100);
        laps(WEFT_STACK_ELEMENT_MAX, 0, 5);
        laps(WEFT_STACK_ELEMENT_MAX, 5, 5);
        laps(8, 0, 40000);
        laps(8, 1, 1);
}

static void several_go_in_one_step(void **state)
{
        static const uint32_t sizes[] = { 8, 3, 40 };
        static uint8_t e[200 * 40];
        (void)state;
        for (size_t k = 0; k < 3; k++) {
                uint32_t bytes = sizes[k];
                weft_stack_t *s = make("s", 200, bytes);
                uint64_t depth = 0;
                CHECK(weft_stack_push_n(s, e, 0, WEFT_NEVER) == 0);
                CHECK(weft_stack_pop_n(s, e, 0, WEFT_NEVER) == 0);
                CHECK(weft_stack_pop_n(s, e, 5, WEFT_NOW) == -EAGAIN);
                CHECK(weft_stack_pop_n(s, e, 5, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                for (uint64_t round = 1; round < 120; round++) {
                        uint64_t n = round * 7 % 150 + 1, room = 200 - depth;
                        for (uint64_t i = 0; i < n; i++)
                                paint(e + i * bytes, bytes, depth + i);
                        int64_t did = weft_stack_push_n(s, e, n, WEFT_NOW);
                        CHECK(room ? did == (int64_t)(n < room ? n : room)
                                   : did == -EAGAIN);
                        depth += did > 0 ? (uint64_t)did : 0;
                        n = round * 5 % 90 + 1;
                        did = weft_stack_pop_n(s, e, n, WEFT_NOW);
                        CHECK(did == (int64_t)(n < depth ? n : depth));
                        for (int64_t i = 0; i < did; i++)
                                CHECK(is_painted(e + (uint64_t)i * bytes, bytes,
                                                 --depth));
                        CHECK(whole(s).length == depth);
                }
                drop(s, "s");
        }
}

/* ---- drain -------------------------------------------------------------------- */

struct drained {
        weft_stack_t *s;
        uint64_t next, stop_at;
        uint64_t inside; /* what the callback does: pushes so many */
};

static int see(void *element, void *context)
{
        struct drained *d = context;
        uint64_t x;
        memcpy(&x, element, sizeof x);
        CHECK(x == d->next && (uintptr_t)element % 8 == 0);
        d->next--;
        CHECK(weft_stack_drain(d->s, NULL, NULL) == -EBUSY);
        for (uint64_t i = 0; i < d->inside; i++)
                CHECK(push(d->s, 7000 + i) == 0);
        if (d->inside)
                CHECK(pop(d->s) == 7000 + d->inside - 1);
        return x == d->stop_at;
}

static void drain_takes_all_in_order(void **state)
{
        (void)state;
        for (uint64_t n = 0; n < 400; n = n * 2 + 1) {
                weft_stack_t *s = make("s", n % 2 ? 0 : 1000, 8);
                struct drained d = { .s = s, .next = n };
                for (uint64_t i = 1; i <= n; i++)
                        CHECK(push(s, i) == 0);
                assert_int_equal(weft_stack_drain(s, see, &d), n);
                assert_int_equal(d.next, 0);
                assert_int_equal(whole(s).length, 0);
                assert_int_equal(weft_stack_drain(s, see, &d), 0);
                for (uint64_t i = 1; i <= n; i++)
                        CHECK(push(s, i) == 0);
                d = (struct drained){ .s = s, .next = n, .stop_at = n - n / 2 };
                assert_int_equal(weft_stack_drain(s, see, &d), n ? n / 2 + 1 : 0);
                assert_int_equal(whole(s).length, 0); /* the rest was dropped */
                uint64_t nodes = info_of(s).nodes;
                for (uint64_t i = 0; i < n; i++)
                        CHECK(push(s, i) == 0);
                assert_int_equal(weft_stack_drain(s, NULL, NULL), n);
                assert_int_equal(info_of(s).nodes, nodes); /* and none is lost */
                drop(s, "s");
        }
}

static void a_callback_may_use_the_stack(void **state)
{
        weft_stack_t *s = make("s", 0, 8);
        struct drained d = { .s = s, .next = 100, .inside = 3 };
        (void)state;
        for (uint64_t i = 1; i <= 100; i++)
                CHECK(push(s, i) == 0);
        assert_int_equal(weft_stack_drain(s, see, &d), 100);
        assert_int_equal(whole(s).length, 200);
        drop(s, "s");
}

/* ---- making and opening ------------------------------------------------------ */

static void bad_arguments_are_refused(void **state)
{
        struct weft_stack_options o = { 4, 8, 0 };
        struct weft_stack_info info;
        weft_stack_t *s = NULL;
        uint64_t x = 0;

        (void)state;
        assert_int_equal(weft_stack_create(NULL, "s", &o, &s), -EINVAL);
        assert_int_equal(weft_stack_create(arena, NULL, &o, &s), -EINVAL);
        assert_int_equal(weft_stack_create(arena, "s", NULL, &s), -EINVAL);
        assert_int_equal(weft_stack_create(arena, "s", &o, NULL), -EINVAL);
        assert_int_equal(weft_stack_create(arena, "", &o, &s), -EINVAL);
        o.capacity = WEFT_STACK_CAPACITY_MAX + 1;
        assert_int_equal(weft_stack_create(arena, "s", &o, &s), -EINVAL);
        o = (struct weft_stack_options){ 4, 0, 0 };
        assert_int_equal(weft_stack_create(arena, "s", &o, &s), -EINVAL);
        o.element_bytes = WEFT_STACK_ELEMENT_MAX + 1;
        assert_int_equal(weft_stack_create(arena, "s", &o, &s), -EINVAL);
        o = (struct weft_stack_options){ 4, 8, 1 };
        assert_int_equal(weft_stack_create_or_open(arena, "s", &o, &s), -EINVAL);
        assert_int_equal(weft_stack_open(arena, "s", &s), -ENOENT);
        assert_null(s);
        assert_int_equal(weft_stack_open(arena, NULL, &s), -EINVAL);
        assert_int_equal(weft_stack_open(NULL, "s", &s), -EINVAL);

        weft_stack_close(NULL);
        assert_true(weft_stack_owner(NULL).v == 0);
        assert_int_equal(weft_stack_push(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_stack_pop(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_stack_push_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_stack_pop_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_stack_peek(NULL, &x), -EINVAL);
        assert_int_equal(weft_stack_drain(NULL, NULL, NULL), -EINVAL);
        assert_int_equal(weft_stack_length(NULL), -EINVAL);
        assert_int_equal(weft_stack_shutdown(NULL), -EINVAL);
        assert_int_equal(weft_stack_info(NULL, &info), -EINVAL);

        s = make("s", 4, 8);
        for (int lap = 0; lap < 2; lap++) { /* before, and on the short way */
                assert_int_equal(weft_stack_push(s, NULL, 0), -EINVAL);
                assert_int_equal(weft_stack_pop(s, NULL, 0), -EINVAL);
                assert_int_equal(weft_stack_push_n(s, NULL, 1, 0), -EINVAL);
                assert_int_equal(weft_stack_pop_n(s, NULL, 1, 0), -EINVAL);
                assert_int_equal(weft_stack_pop_n(s, &x, SIZE_MAX, 0), -EINVAL);
                assert_int_equal(weft_stack_peek(s, NULL), -EINVAL);
                assert_int_equal(weft_stack_info(s, NULL), -EINVAL);
                assert_int_equal(push(s, 1), 0);
        }
        weft_stack_close(s);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_stack_options o = { 8, 8, 0 };
        weft_stack_t *a, *b, *c = NULL;
        weft_queue_t *q = NULL;

        (void)state;
        assert_int_equal(weft_stack_create_or_open(arena, "s", &o, &a), 0);
        o.capacity = 1024; /* may differ */
        assert_int_equal(weft_stack_create_or_open(arena, "s", &o, &b), 0);
        assert_int_equal(info_of(b).capacity, 8);
        assert_int_equal(weft_stack_create(arena, "s", &o, &c), -EEXIST);
        o.element_bytes = 4;
        assert_int_equal(weft_stack_create_or_open(arena, "s", &o, &c), -EPROTO);
        assert_null(c);
        assert_int_equal(weft_queue_open(arena, "s", &q), -EPROTO);
        assert_int_equal(push(a, 7), 0);
        assert_int_equal(pop(b), 7);
        assert_true(weft_stack_owner(a).v == weft_stack_owner(b).v);
        weft_stack_close(a);
        assert_int_equal(push(b, 8), 0);
        assert_int_equal(pop(b), 8);
        assert_int_equal(whole(b).length, 0);
        weft_stack_close(b);
        c = open_in(arena, "s");
        assert_int_equal(whole(c).held, 0); /* the last close gave them back */
        weft_stack_close(c);
}

static void a_stack_says_what_it_is(void **state)
{
        weft_stack_t *s = make("s", 64, 16);
        struct weft_object_info info;
        uint64_t x[2] = { 0 };

        (void)state;
        for (int i = 0; i < 4; i++)
                assert_int_equal(weft_stack_push(s, x, WEFT_NOW), 0);
        assert_int_equal(weft_object_stat(arena, "s", &info), 0);
        assert_string_equal(info.kind, "stack");
        assert_string_equal(info.detail, "4 of 64 elements of 16 B");
        assert_true(info.bytes > 64 * 16);
        assert_int_equal(weft_stack_shutdown(s), 0);
        assert_int_equal(weft_object_stat(arena, "s", &info), 0);
        assert_string_equal(info.detail, "4 of 64 elements of 16 B, shut");
        weft_stack_close(s);
        s = make("free", 0, 1);
        assert_int_equal(weft_object_stat(arena, "free", &info), 0);
        assert_string_equal(info.detail, "0 elements of 1 B");
        weft_stack_close(s);
}

static void what_is_given_goes_with_the_stack(void **state)
{
        weft_stack_t *s = make("s", 8, 8);
        struct weft_census census;
        weft_ref_t ref;

        (void)state;
        for (uint64_t i = 0; i < 8; i++)
                CHECK(push(s, i) == 0);
        assert_int_equal(weft_block_alloc(arena, 5000, &ref, NULL), 0);
        assert_int_equal(weft_block_give(arena, ref, weft_stack_owner(s)), 0);
        drop(s, "s");
        assert_int_equal(weft_arena_check(arena, &census), 0);
        assert_int_equal(census.object_bytes, 0);
}

/* ---- memory --------------------------------------------------------------------- */

static void a_full_arena_is_told_and_changes_nothing(void **state)
{
        static const uint32_t sizes[] = { 8, 1000, 100000, WEFT_STACK_ELEMENT_MAX };
        static uint8_t e[WEFT_STACK_ELEMENT_MAX];
        struct weft_arena_info room;
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                uint32_t bytes = sizes[i];
                weft_stack_t *s = make("s", 0, bytes);
                uint64_t n = 0;
                int rc;
                for (; paint(e, bytes < 64 ? bytes : 64, n),
                       !(rc = weft_stack_push(s, e, WEFT_NEVER));
                     n++)
                        ;
                assert_int_equal(rc, -ENOSPC);
                assert_int_equal(whole(s).length, n);
                CHECK(weft_arena_info(arena, &room) == 0);
                CHECK(n * bytes >
                      room.max_bytes / 3); /* of what small ones need in all */
                for (int lap = 0; lap < 2; lap++) {
                        uint64_t k = n / 2;
                        for (uint64_t j = n; j > k; j--) {
                                CHECK(weft_stack_pop(s, e, WEFT_NOW) == 0);
                                CHECK(is_painted(e, bytes < 64 ? bytes : 64, j - 1));
                        }
                        for (uint64_t j = k; j < n; j++) {
                                paint(e, bytes < 64 ? bytes : 64, j);
                                CHECK(weft_stack_push(s, e, WEFT_NOW) == 0);
                        }
                        CHECK(weft_stack_push(s, e, WEFT_NOW) == -ENOSPC);
                }
                assert_int_equal(whole(s).length, n);
                drop(s, "s");
        }
}

static void churn_takes_no_memory(void **state)
{
        weft_stack_t *s = make("s", 0, 24);
        uint64_t x[3 * 50];
        (void)state;
        memset(x, 0, sizeof x);
        for (int i = 0; i < 1000; i++)
                CHECK(weft_stack_push(s, x, WEFT_NOW) == 0);
        uint64_t nodes = info_of(s).nodes;
        for (int i = 0; i < 20000; i++) {
                CHECK(weft_stack_pop_n(s, x, 50, WEFT_NOW) == 50);
                CHECK(weft_stack_push_n(s, x, 50, WEFT_NOW) == 50);
        }
        assert_true(whole(s).nodes <= nodes + 64);
        assert_int_equal(info_of(s).length, 1000);
        drop(s, "s");
}

/* ---- processes ------------------------------------------------------------------ */

struct errand {
        uint32_t bytes;
        uint64_t n;
};

/* A number, and then what follows from it. */
static void paint_numbered(uint8_t *e, uint32_t bytes, uint32_t i)
{
        memcpy(e, &i, sizeof i);
        paint(e + sizeof i, bytes - (uint32_t)sizeof i, i);
}

static void push_from_elsewhere(void *context)
{
        const struct errand *job = context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_stack_t *s = open_in(a, "s");
        uint8_t e[300];
        for (uint32_t i = 0; i < job->n; i++) {
                paint_numbered(e, job->bytes, i);
                CHECK(weft_stack_push(s, e, WEFT_NEVER) == 0);
        }
        CHECK(weft_stack_shutdown(s) == 0);
        weft_stack_close(s);
        weft_arena_close(a);
}

static void two_processes_at_two_addresses(void **state)
{
        static const uint32_t sizes[] = { 8, 5, 24, 300 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct errand job = { sizes[i], 20000 };
                weft_stack_t *s = make("s", i % 2 ? 16 : 0, job.bytes);
                uint8_t *seen = calloc(job.n, 1);
                uint8_t e[300];
                uint32_t x;
                uint64_t n = 0;
                pid_t pid = child_start(push_from_elsewhere, &job);
                for (; weft_stack_pop(s, e, WEFT_NEVER) == 0; n++) {
                        memcpy(&x, e, sizeof x);
                        CHECK(x < job.n && !seen[x]++);
                        CHECK(is_painted(e + 4, job.bytes - 4, x));
                }
                assert_int_equal(n, job.n);
                assert_int_equal(child_end(pid), 0);
                free(seen);
                (void)recover_count(arena);
                assert_int_equal(whole(s).length, 0);
                drop(s, "s");
        }
}

static weft_stack_t *inherited;

static void use_inherited(void *context)
{
        (void)context;
        CHECK(pop(inherited) == 2);
        CHECK(push(inherited, 9) == 0 && push(inherited, 10) == 0);
        weft_stack_close(inherited);
}

static void a_handle_goes_on_in_a_forked_child(void **state)
{
        (void)state;
        inherited = make("s", 4, 8);
        for (uint64_t x = 0; x < 3; x++)
                CHECK(push(inherited, x) == 0);
        assert_int_equal(child_run(use_inherited, NULL), 0);
        assert_int_equal(push(inherited, 11), -EAGAIN);
        assert_int_equal(pop(inherited), 10);
        assert_int_equal(pop(inherited), 9);
        assert_int_equal(pop(inherited), 1);
        assert_int_equal(pop(inherited), 0);
        drop(inherited, "s");
}

static void look_only(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDONLY);
        struct weft_stack_options o = { 4, 8, 0 };
        weft_stack_t *s = open_in(a, "s"), *none = open_in(a, "none");
        uint64_t x = 0;
        CHECK(info_of(s).length == 2 && weft_stack_length(s) == 2);
        CHECK(info_of(s).nodes == info_of(s).held + info_of(s).idle + 2);
        CHECK(weft_stack_peek(s, &x) == 0 && x == 5);
        CHECK(weft_stack_peek(none, &x) == -EAGAIN);
        CHECK(weft_stack_push(s, &x, WEFT_NOW) == -EROFS);
        CHECK(weft_stack_pop(s, &x, WEFT_NEVER) == -EROFS);
        CHECK(weft_stack_push_n(s, &x, 1, WEFT_NOW) == -EROFS);
        CHECK(weft_stack_pop_n(s, &x, 1, WEFT_NOW) == -EROFS);
        CHECK(weft_stack_drain(s, NULL, NULL) == -EROFS);
        CHECK(weft_stack_shutdown(s) == -EROFS);
        weft_stack_close(s);
        weft_stack_close(none);
        s = NULL;
        CHECK(weft_stack_create(a, "new", &o, &s) == -EROFS && !s);
        weft_arena_close(a);
}

static void read_only_looks_and_changes_nothing(void **state)
{
        weft_stack_t *s = make("s", 4, 8), *none = make("none", 0, 8);
        (void)state;
        CHECK(push(s, 4) == 0 && push(s, 5) == 0);
        assert_int_equal(child_run(look_only, NULL), 0);
        weft_stack_close(s);
        weft_stack_close(none);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(elements_of_every_size_come_out_as_they_went_in),
                TEST(several_go_in_one_step),
                TEST(drain_takes_all_in_order),
                TEST(a_callback_may_use_the_stack),
                TEST(bad_arguments_are_refused),
                TEST(opening_shares_and_checks),
                TEST(a_stack_says_what_it_is),
                TEST(what_is_given_goes_with_the_stack),
                TEST(a_full_arena_is_told_and_changes_nothing),
                TEST(churn_takes_no_memory),
                TEST(two_processes_at_two_addresses),
                TEST(a_handle_goes_on_in_a_forked_child),
                TEST(read_only_looks_and_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
