/* tests/unit/ring_test.c -- the ring: order, copies, in place, handles, processes. */
#define _GNU_SOURCE
#include "tests/unit/ring_kit.h"

/* ---- elements --------------------------------------------------------------- */

/* Laps around the ring, filled to the brim each time, with every element checked. */
static void laps(uint32_t bytes, uint64_t capacity)
{
        static uint8_t e[WEFT_RING_ELEMENT_MAX];
        weft_ring_t *r = make("r", capacity, bytes, 0);
        uint64_t in = 0, out = 0, n = info_of(r).capacity;

        CHECK(n >= capacity);
        CHECK(weft_ring_pop(r, e, WEFT_NOW) == -EAGAIN);
        for (int lap = 0; lap < 5; lap++) {
                while (in - out < n) {
                        paint(e, bytes, in++);
                        CHECK(weft_ring_push(r, e, WEFT_NOW) == 0);
                }
                CHECK(weft_ring_push(r, e, WEFT_NOW) == -EAGAIN);
                CHECK(info_of(r).length == n);
                for (uint64_t leave = (uint64_t)lap % 3; in - out > leave;) {
                        CHECK(weft_ring_pop(r, e, WEFT_NOW) == 0);
                        CHECK(is_painted(e, bytes, out++));
                        if (lap == 3) { /* full to the very last one */
                                paint(e, bytes, in++);
                                CHECK(weft_ring_push(r, e, WEFT_NOW) == 0);
                                CHECK(weft_ring_push(r, e, WEFT_NOW) == -EAGAIN);
                                if (out % (3 * n) == 0)
                                        break;
                        }
                }
        }
        struct weft_ring_info info = info_of(r);
        CHECK(info.pushed == in && info.popped == out && info.length == in - out);
        CHECK(info.element_bytes == bytes && !info.flags && !info.shut);
        drop(r, "r");
}

static void elements_of_every_size_come_out_as_they_went_in(void **state)
{
        static const uint32_t sizes[] = { 1,  2,  3,  4,   5,   7,   8,    9,
                                          12, 16, 18, 19,  27,  28,  29,   55,
                                          56, 57, 64, 100, 255, 999, 4096, 65537 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                laps(sizes[i], 1);
                laps(sizes[i], sizes[i] < 5000 ? 100 : 3);
        }
        laps(WEFT_RING_ELEMENT_MAX, 2);
}

/* The same where the compiler sees how long an element is, and may copy it in place. */
#define KNOWN(bytes_) \
        do { \
                uint8_t e[bytes_]; \
                weft_ring_t *r = make("r", 5, bytes_, 0); \
                uint64_t in = 0, out = 0, n = info_of(r).capacity; \
                for (uint64_t round = 0; round < 100; round++) { \
                        while (in - out < round % n + 1) { \
                                paint(e, bytes_, in++); \
                                CHECK(weft_ring_push(r, e, WEFT_NOW) == 0); \
                        } \
                        if (in - out == n) \
                                CHECK(weft_ring_push(r, e, WEFT_NOW) == -EAGAIN); \
                        CHECK(info_of(r).length == in - out); \
                        while (in - out > round % 3) { \
                                CHECK(weft_ring_pop(r, e, WEFT_NOW) == 0); \
                                CHECK(is_painted(e, bytes_, out++)); \
                        } \
                        if (in == out) \
                                CHECK(weft_ring_pop(r, e, WEFT_NOW) == -EAGAIN); \
                } \
                CHECK(info_of(r).pushed == in && info_of(r).popped == out); \
                CHECK(weft_ring_push_n(r, e, 1, WEFT_NOW) == 1); \
                drop(r, "r"); \
        } while (0)

static void elements_of_known_length_come_out_as_they_went_in(void **state)
{
        (void)state;
        KNOWN(7);
        KNOWN(8);
        KNOWN(56);
        KNOWN(57);
        KNOWN(64);
        KNOWN(101);
        KNOWN(120);
        KNOWN(121);
        KNOWN(200);

        /* what the compiler sees is more than an element */
        uint8_t more[96];
        weft_ring_t *r = make("r", 5, 64, 0);
        for (uint64_t i = 0; i < 10; i++) {
                for (uint64_t k = i; k < i + 2; k++) {
                        paint(more, sizeof more, k);
                        CHECK(weft_ring_push(r, more, WEFT_NOW) == 0);
                }
                memset(more, 0, sizeof more);
                for (uint64_t k = i; k < i + 2; k++) {
                        CHECK(weft_ring_pop(r, more, WEFT_NOW) == 0);
                        CHECK(is_painted(more, 64, k) && !more[64] && !more[95]);
                }
        }
        drop(r, "r");

        uint64_t e[8] = { 5 };
        r = make("r", 20, 8, 0);
        for (int i = 0; i < 30; i++) {
                CHECK(weft_ring_push(r, e, WEFT_NOW) == 0);
                e[0] = 0, e[1] = 77;
                CHECK(weft_ring_pop(r, e, WEFT_NOW) == 0);
                CHECK(e[0] == 5 && e[1] == 77);
        }
        drop(r, "r");
}

static void capacities_are_rounded_up(void **state)
{
        static const uint64_t asked[] = { 1, 8, 9, 22, 23, 1000, 1786, 65535 };
        static const uint64_t given[] = { 8, 8, 22, 22, 50, 1786, 1786, 114682 };
        (void)state;
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
                weft_ring_t *r = make("r", asked[i], 8, 0);
                assert_int_equal(info_of(r).capacity, given[i]);
                drop(r, "r");
        }
        weft_ring_t *r = make("r", 5, 100, 0);
        assert_int_equal(info_of(r).capacity, 8);
        drop(r, "r");
        r = make("r", 1000, 0, WEFT_RING_BYTES);
        assert_int_equal(info_of(r).capacity, 1024 - 16);
        assert_int_equal(info_of(r).element_bytes, 512);
        drop(r, "r");
}

static void many_at_once(uint32_t bytes)
{
        static uint8_t e[64 * 64];
        weft_ring_t *r = make("r", 20, bytes, 0);
        uint64_t in = 0, out = 0, room = info_of(r).capacity;

        CHECK(weft_ring_push_n(r, e, 0, WEFT_NEVER) == 0);
        CHECK(weft_ring_pop_n(r, e, 0, WEFT_NEVER) == 0);
        CHECK(weft_ring_pop_n(r, e, 5, WEFT_NOW) == -EAGAIN);
        CHECK(weft_ring_pop_n(r, e, 5, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
        for (uint64_t round = 0; round < 300; round++) {
                uint64_t n = round * 7 % 41 + 1;
                for (uint64_t i = 0; i < n; i++)
                        paint(e + i * bytes, bytes, in + i);
                int64_t went = weft_ring_push_n(r, e, n, WEFT_NOW);
                uint64_t free = room - (in - out);
                CHECK(went == (free ? (int64_t)(n < free ? n : free) : -EAGAIN));
                in += went > 0 ? (uint64_t)went : 0;
                n = round * 5 % 23 + 1;
                went = weft_ring_pop_n(r, e, n, WEFT_NOW);
                CHECK(went == (int64_t)(n < in - out ? n : in - out));
                for (int64_t i = 0; i < went; i++)
                        CHECK(is_painted(e + (uint64_t)i * bytes, bytes, out++));
                CHECK(info_of(r).length == in - out);
                if (round % 3) /* and where one is pushed and popped alone */
                        continue;
                paint(e, bytes, in);
                in += weft_ring_push(r, e, WEFT_NOW) == 0;
                if (weft_ring_pop(r, e, WEFT_NOW) == 0)
                        CHECK(is_painted(e, bytes, out++));
        }
        drop(r, "r");
}

static void batches_go_as_far_as_they_can(void **state)
{
        (void)state;
        many_at_once(8);
        many_at_once(3);
        many_at_once(24);
        many_at_once(64);
}

static void elements_in_place(void **state)
{
        static const uint32_t sizes[] = { 8, 5, 40, 300 };
        (void)state;
        for (size_t i = 0; i < 4; i++) {
                uint32_t bytes = sizes[i];
                weft_ring_t *r = make("r", 3, bytes, 0);
                struct weft_ring_item in, again, out, gone;
                uint8_t e[300];
                uint64_t n = info_of(r).capacity;
                for (uint64_t k = 0; k < 3 * n; k++) {
                        CHECK(weft_ring_take(r, &out, WEFT_NOW) == -EAGAIN && !out.at);
                        CHECK(weft_ring_peek(r, e, sizeof e) == -EAGAIN);
                        CHECK(weft_ring_loan(r, 7, &in, WEFT_NOW) == 0);
                        CHECK(in.bytes == bytes);
                        CHECK(weft_ring_loan(r, 0, &again, WEFT_NOW) == 0);
                        CHECK(in.at == again.at);
                        paint(in.at, bytes, k);
                        CHECK(info_of(r).length == 0);
                        CHECK(weft_ring_commit(r, &in, 0) == 0);
                        CHECK(weft_ring_commit(r, &in, 0) == -EINVAL);
                        CHECK(weft_ring_commit(r, &again, 0) == -EINVAL);
                        CHECK(weft_ring_peek(r, e, 3) == bytes);
                        CHECK(weft_ring_peek(r, e, sizeof e) == bytes);
                        CHECK(is_painted(e, bytes, k));
                        CHECK(weft_ring_take(r, &gone, WEFT_NOW) == 0);
                        CHECK(weft_ring_take(r, &out, WEFT_NOW) == 0);
                        CHECK(out.bytes == bytes && is_painted(out.at, bytes, k));
                        CHECK(out.at == gone.at && info_of(r).length == 1);
                        CHECK(weft_ring_release(r, &out) == 0);
                        CHECK(weft_ring_release(r, &out) == -EINVAL);
                        CHECK(weft_ring_release(r, &gone) == -EINVAL);
                }
                for (uint64_t k = 0; k < n; k++) {
                        CHECK(weft_ring_loan(r, 0, &in, WEFT_NOW) == 0);
                        CHECK(weft_ring_commit(r, &in, 0) == 0);
                }
                CHECK(weft_ring_loan(r, 0, &in, WEFT_NOW) == -EAGAIN);
                drop(r, "r");
        }
}

/* ---- records ------------------------------------------------------------------ */

static uint64_t length_of(uint64_t i, uint64_t most)
{
        return i * i * 37 % (most + 1);
}

/* Records of all lengths, pushed while they fit, through a ring of few. */
static void records(uint64_t capacity, uint32_t most, bool in_place)
{
        static uint8_t e[4096], got[4096];
        weft_ring_t *r = make("r", capacity, most, WEFT_RING_BYTES);
        uint64_t in = 0, out = 0;
        struct weft_ring_item item;

        most = info_of(r).element_bytes;
        CHECK(most && most <= sizeof e);
        for (int round = 0; round < 500; round++) {
                for (int rc = 0; !rc;) {
                        uint64_t n = length_of(in, most);
                        paint(e, n, in);
                        rc = in_place ? weft_ring_loan(r, most, &item, WEFT_NOW)
                                      : weft_ring_push_record(r, e, n, WEFT_NOW);
                        if (!rc && in_place) {
                                CHECK((uintptr_t)item.at % 16 == 0);
                                memset(item.at, 0x55, most);
                                memcpy(item.at, e, n);
                                rc = weft_ring_commit(r, &item, n);
                        }
                        CHECK(rc == 0 || rc == -EAGAIN);
                        in += !rc;
                }
                CHECK(in > out);
                for (int k = round % 3; k >= 0 && out < in; k--, out++) {
                        uint64_t n = length_of(out, most);
                        CHECK(weft_ring_peek(r, got, 1) == (int64_t)n);
                        if (in_place) {
                                CHECK(weft_ring_take(r, &item, WEFT_NOW) == 0);
                                CHECK(item.bytes == n && is_painted(item.at, n, out));
                                CHECK(weft_ring_release(r, &item) == 0);
                                continue;
                        }
                        if (n)
                                CHECK(weft_ring_pop_record(r, got, n - 1, WEFT_NEVER) ==
                                      -EOVERFLOW);
                        CHECK(weft_ring_pop_record(r, got, sizeof got, WEFT_NOW) ==
                              (int64_t)n);
                        CHECK(is_painted(got, n, out));
                }
        }
        while (out < in)
                CHECK(weft_ring_pop_record(r, got, sizeof got, WEFT_NOW) ==
                      (int64_t)length_of(out++, most));
        CHECK(weft_ring_pop_record(r, got, sizeof got, WEFT_NOW) == -EAGAIN);
        CHECK(info_of(r).length == 0);
        drop(r, "r");
}

static void records_of_every_length_come_out_as_they_went_in(void **state)
{
        (void)state;
        for (int in_place = 0; in_place < 2; in_place++) {
                records(64, 0, in_place);
                records(64, 1, in_place);
                records(1000, 0, in_place);
                records(1000, 100, in_place);
                records(8192, 0, in_place);
        }
}

/* What a record holds may look like the stamps to come. */
static void records_of_stamps_are_no_records(void **state)
{
        uint64_t e[30];
        (void)state;
        weft_ring_t *r = make("r", 1024, 0, WEFT_RING_BYTES);
        for (uint64_t at = 1024, round = 0; round < 2000; round++) {
                uint64_t n = 1 + round * 7 % 30;
                for (uint64_t i = 0; i < n; i++) /* as if a record began at each place */
                        e[i] = at + 16 + i / 2 * 16 + 1024;
                CHECK(weft_ring_push_record(r, e, n * 8, WEFT_NOW) == 0);
                CHECK(weft_ring_pop_record(r, e, sizeof e, WEFT_NOW) == (int64_t)n * 8);
                CHECK(weft_ring_pop_record(r, e, sizeof e, WEFT_NOW) == -EAGAIN);
                CHECK(info_of(r).length == 0);
                at = info_of(r).popped + 1024;
        }
        drop(r, "r");
}

static void the_longest_fits_wherever_it_begins(void **state)
{
        static uint8_t e[512];
        (void)state;
        weft_ring_t *r = make("r", 1024, 512, WEFT_RING_BYTES);
        for (uint64_t i = 0; i < 200; i++) {
                paint(e, 512, i);
                CHECK(weft_ring_push_record(r, e, 512, WEFT_NOW) == 0);
                CHECK(weft_ring_pop_record(r, e, 512, WEFT_NOW) == 512);
                CHECK(is_painted(e, 512, i));
                CHECK(weft_ring_push_record(r, e, i % 20, WEFT_NOW) == 0);
                CHECK(weft_ring_pop_record(r, e, 512, WEFT_NOW) == (int64_t)i % 20);
        }
        CHECK(weft_ring_push_record(r, e, 513, WEFT_NOW) == -EOVERFLOW);
        drop(r, "r");
}

/* ---- making and opening ------------------------------------------------------ */

static void bad_arguments_are_refused(void **state)
{
        struct weft_ring_options o = { 4, 8, 0 };
        weft_ring_t *r = NULL;
        struct weft_ring_item item = { 0 };
        struct weft_ring_info info;
        uint64_t x = 0;

        (void)state;
        assert_int_equal(weft_ring_create(NULL, "r", &o, &r), -EINVAL);
        assert_int_equal(weft_ring_create(arena, NULL, &o, &r), -EINVAL);
        assert_int_equal(weft_ring_create(arena, "r", NULL, &r), -EINVAL);
        assert_int_equal(weft_ring_create(arena, "r", &o, NULL), -EINVAL);
        assert_int_equal(weft_ring_open(arena, "r", NULL), -EINVAL);
        static const struct weft_ring_options bad[] = {
                { 0, 8, 0 },
                { WEFT_RING_CAPACITY_MAX + 1, 8, 0 },
                { 4, 0, 0 },
                { 4, WEFT_RING_ELEMENT_MAX + 1, 0 },
                { 4, 8, 2 },
                { 64, 33, WEFT_RING_BYTES },
                { 0, 8, WEFT_RING_BYTES },
                { WEFT_RING_CAPACITY_MAX, WEFT_RING_RECORD_MAX + 1, WEFT_RING_BYTES },
        };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(weft_ring_create(arena, "r", &bad[i], &r), -EINVAL);
        assert_int_equal(weft_ring_open(arena, "r", &r), -ENOENT);
        assert_null(r);

        weft_ring_close(NULL);
        assert_true(weft_ring_owner(NULL).v == 0);
        assert_int_equal(weft_ring_attach(NULL, 0, 0), -EINVAL);
        assert_int_equal(weft_ring_detach(NULL, 0), -EINVAL);
        assert_int_equal(weft_ring_push(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_ring_pop(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_ring_push_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_ring_pop_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_ring_push_record(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_ring_pop_record(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_ring_loan(NULL, 1, &item, 0), -EINVAL);
        assert_int_equal(weft_ring_commit(NULL, &item, 0), -EINVAL);
        assert_int_equal(weft_ring_take(NULL, &item, 0), -EINVAL);
        assert_int_equal(weft_ring_release(NULL, &item), -EINVAL);
        assert_int_equal(weft_ring_peek(NULL, &x, 8), -EINVAL);
        assert_int_equal(weft_ring_shutdown(NULL), -EINVAL);
        assert_int_equal(weft_ring_info(NULL, &info), -EINVAL);

        for (uint32_t flags = 0; flags < 2; flags++) {
                r = make("r", 64, 8, flags);
                assert_int_equal(weft_ring_attach(r, 2, 0), -EINVAL);
                assert_int_equal(weft_ring_detach(r, 2), -EINVAL);
                assert_int_equal(weft_ring_push(r, NULL, 0), -EINVAL);
                assert_int_equal(weft_ring_pop(r, NULL, 0), -EINVAL);
                assert_int_equal(weft_ring_push_n(r, NULL, 1, 0), -EINVAL);
                assert_int_equal(weft_ring_pop_n(r, NULL, 1, 0), -EINVAL);
                assert_int_equal(weft_ring_pop_n(r, &x, SIZE_MAX, 0), -EINVAL);
                assert_int_equal(weft_ring_push_record(r, NULL, 1, 0), -EINVAL);
                assert_int_equal(weft_ring_pop_record(r, NULL, 1, 0), -EINVAL);
                assert_int_equal(weft_ring_loan(r, 0, NULL, 0), -EINVAL);
                assert_int_equal(weft_ring_commit(r, &item, 0), -EINVAL);
                assert_int_equal(weft_ring_take(r, NULL, 0), -EINVAL);
                assert_int_equal(weft_ring_release(r, &item), -EINVAL);
                assert_int_equal(weft_ring_peek(r, NULL, 8), -EINVAL);
                assert_int_equal(weft_ring_info(r, NULL), -EINVAL);
                assert_int_equal(weft_ring_push_record(r, &x, 8, 0),
                                 flags ? 0 : -ENOTSUP);
                assert_int_equal(weft_ring_pop_record(r, &x, 8, 0), flags ? 8 : -ENOTSUP);
                assert_int_equal(weft_ring_push(r, &x, 0), flags ? -ENOTSUP : 0);
                assert_int_equal(weft_ring_pop(r, &x, 0), flags ? -ENOTSUP : 0);
                if (flags) {
                        assert_int_equal(weft_ring_loan(r, 9, &item, 0), -EOVERFLOW);
                        assert_int_equal(weft_ring_loan(r, 7, &item, 0), 0);
                        assert_int_equal(weft_ring_commit(r, &item, 8), -EOVERFLOW);
                        item.bytes = 1 << 20; /* not what was loaned */
                        assert_int_equal(weft_ring_commit(r, &item, 64), -EOVERFLOW);
                }
                drop(r, "r");
        }
}

static void too_large_is_no_space_and_leaves_nothing(void **state)
{
        struct weft_ring_options o = { WEFT_RING_CAPACITY_MAX, 8, 0 };
        weft_ring_t *r = NULL;

        (void)state;
        assert_int_equal(weft_ring_create(arena, "r", &o, &r), -ENOSPC);
        o.element_bytes = WEFT_RING_ELEMENT_MAX;
        assert_int_equal(weft_ring_create(arena, "r", &o, &r), -ENOSPC);
        o = (struct weft_ring_options){ WEFT_RING_CAPACITY_MAX, 0, WEFT_RING_BYTES };
        assert_int_equal(weft_ring_create(arena, "r", &o, &r), -ENOSPC);
        assert_null(r);
        o.capacity = 1 << 20;
        assert_int_equal(weft_ring_create(arena, "r", &o, &r), 0);
        drop(r, "r");
        struct weft_census census;
        assert_int_equal(weft_arena_check(arena, &census), 0);
        assert_int_equal(census.object_bytes, 0);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_ring_options o = { 8, 8, 0 };
        weft_ring_t *a, *b, *c = NULL;
        uint64_t x = 7;

        (void)state;
        assert_int_equal(weft_ring_create_or_open(arena, "r", &o, &a), 0);
        o.capacity = 1024; /* may differ */
        assert_int_equal(weft_ring_create_or_open(arena, "r", &o, &b), 0);
        assert_int_equal(info_of(b).capacity, 8);
        assert_int_equal(weft_ring_create(arena, "r", &o, &c), -EEXIST);
        o.element_bytes = 4;
        assert_int_equal(weft_ring_create_or_open(arena, "r", &o, &c), -EPROTO);
        o = (struct weft_ring_options){ 8, 8, WEFT_RING_BYTES };
        assert_int_equal(weft_ring_create_or_open(arena, "r", &o, &c), -EPROTO);
        assert_null(c);
        for (uint64_t i = 0; i < 50;
             i++) { /* one side, now by this handle, now by that */
                assert_int_equal(weft_ring_push(i % 3 ? a : b, &i, WEFT_NOW), 0);
                assert_int_equal(weft_ring_pop(i % 2 ? a : b, &x, WEFT_NOW), 0);
                assert_int_equal(x, i);
        }
        assert_true(weft_ring_owner(a).v == weft_ring_owner(b).v);
        weft_ring_close(a);
        assert_int_equal(info_of(b).holder[0], WEFT_RING_ALIVE);
        assert_int_equal(weft_ring_push(b, &x, WEFT_NOW), 0);
        weft_ring_close(b);
        o = (struct weft_ring_options){ 1 << 12, 0, WEFT_RING_BYTES };
        assert_int_equal(weft_ring_create_or_open(arena, "s", &o, &a), 0);
        assert_int_equal(weft_ring_create_or_open(arena, "s", &o, &b), 0);
        o.element_bytes = 7;
        assert_int_equal(weft_ring_create_or_open(arena, "s", &o, &c), -EPROTO);
        weft_ring_close(a);
        weft_ring_close(b);
}

static void what_is_given_goes_with_the_ring(void **state)
{
        weft_ring_t *r = make("r", 8, 8, 0);
        struct weft_census census;
        weft_ref_t ref;

        (void)state;
        assert_int_equal(weft_block_alloc(arena, 5000, &ref, NULL), 0);
        assert_int_equal(weft_block_give(arena, ref, weft_ring_owner(r)), 0);
        assert_int_equal(weft_object_remove(arena, "r"), 0);
        weft_ring_close(r);
        assert_int_equal(weft_arena_check(arena, &census), 0);
        assert_int_equal(census.object_bytes, 0);
}

static void a_ring_says_what_it_is(void **state)
{
        weft_ring_t *r = make("r", 64, 16, 0), *b = make("b", 64, 0, WEFT_RING_BYTES);
        struct weft_object_info info;
        uint64_t x[2] = { 0 };
        char want[100];

        (void)state;
        for (int i = 0; i < 4; i++)
                assert_int_equal(weft_ring_push(r, x, WEFT_NOW), 0);
        assert_int_equal(weft_object_stat(arena, "r", &info), 0);
        assert_string_equal(info.kind, "ring");
        (void)snprintf(want, sizeof want, "4 of 94 elements of 16 B, from %d to nobody",
                       (int)getpid());
        assert_string_equal(info.detail, want);
        assert_true(info.bytes > 64 * 16);
        assert_int_equal(weft_ring_push_record(b, x, 10, WEFT_NOW), 0);
        assert_int_equal(weft_ring_detach(b, WEFT_RING_PRODUCER), 0);
        assert_int_equal(weft_ring_shutdown(b), 0);
        assert_int_equal(weft_object_stat(arena, "b", &info), 0);
        assert_string_equal(info.detail,
                            "32 of 48 B in records, from nobody to nobody, shut");
        weft_ring_close(r);
        weft_ring_close(b);
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
        weft_ring_t *r = open_in(a, "r");
        uint8_t e[300];
        for (uint64_t i = 0; i < job->n; i++) {
                paint(e, job->bytes, i);
                if (job->flags)
                        CHECK(weft_ring_push_record(r, e, i % job->bytes, WEFT_NEVER) ==
                              0);
                else
                        CHECK(weft_ring_push(r, e, WEFT_NEVER) == 0);
        }
        CHECK(weft_ring_shutdown(r) == 0);
        weft_ring_close(r);
        weft_arena_close(a);
}

static void two_processes_at_two_addresses(void **state)
{
        static const uint32_t sizes[] = { 8, 5, 24, 300, 300 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct errand job = { sizes[i], i == 4 ? WEFT_RING_BYTES : 0, 20000 };
                weft_ring_t *r = make("r", i == 4 ? 2048 : 16, job.bytes, job.flags);
                uint8_t e[300];
                uint64_t n = 0;
                pid_t pid = child_start(push_from_elsewhere, &job);
                if (!job.flags)
                        while (weft_ring_pop(r, e, WEFT_NEVER) == 0)
                                CHECK(is_painted(e, job.bytes, n++));
                int64_t got;
                if (job.flags)
                        while ((got = weft_ring_pop_record(r, e, 300, WEFT_NEVER)) >= 0) {
                                CHECK(got == (int64_t)(n % 300));
                                CHECK(is_painted(e, n % 300, n));
                                n++;
                        }
                assert_int_equal(n, job.n);
                assert_int_equal(child_end(pid), 0);
                drop(r, "r");
        }
}

static void look_only(void *context)
{
        struct weft_ring_options o = { 4, 8, 0 };
        struct weft_ring_item item;
        uint64_t x = 0;
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDONLY);
        for (int i = 0; i < 2; i++) {
                weft_ring_t *r = open_in(a, i ? "records" : "words");
                CHECK(info_of(r).length == (i ? 64 : 2));
                CHECK(info_of(r).holder[WEFT_RING_PRODUCER] == WEFT_RING_ALIVE);
                CHECK(info_of(r).holder[WEFT_RING_CONSUMER] == WEFT_RING_FREE);
                CHECK(give(r, 1, WEFT_NOW) == -EROFS);
                CHECK(get(r, &x, WEFT_NEVER) == -EROFS);
                CHECK(weft_ring_loan(r, 8, &item, WEFT_NOW) == -EROFS);
                CHECK(weft_ring_take(r, &item, WEFT_NOW) == -EROFS);
                CHECK(weft_ring_peek(r, &x, 8) == -EROFS);
                CHECK(weft_ring_attach(r, 0, WEFT_NOW) == -EROFS);
                CHECK(weft_ring_detach(r, 0) == -EROFS);
                CHECK(weft_ring_shutdown(r) == -EROFS);
                weft_ring_close(r);
        }
        weft_ring_t *r = NULL;
        CHECK(weft_ring_create(a, "new", &o, &r) == -EROFS && !r);
        weft_arena_close(a);
}

static void read_only_looks_and_changes_nothing(void **state)
{
        weft_ring_t *words = make("words", 4, 8, 0);
        weft_ring_t *records = make("records", 256, 0, WEFT_RING_BYTES);
        (void)state;
        for (uint64_t i = 0; i < 2; i++) {
                must_give(words, i);
                must_give(records, i);
        }
        assert_int_equal(child_run(look_only, NULL), 0);
        weft_ring_close(words);
        weft_ring_close(records);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(elements_of_every_size_come_out_as_they_went_in),
                TEST(elements_of_known_length_come_out_as_they_went_in),
                TEST(capacities_are_rounded_up),
                TEST(batches_go_as_far_as_they_can),
                TEST(elements_in_place),
                TEST(records_of_every_length_come_out_as_they_went_in),
                TEST(records_of_stamps_are_no_records),
                TEST(the_longest_fits_wherever_it_begins),
                TEST(bad_arguments_are_refused),
                TEST(too_large_is_no_space_and_leaves_nothing),
                TEST(opening_shares_and_checks),
                TEST(what_is_given_goes_with_the_ring),
                TEST(a_ring_says_what_it_is),
                TEST(two_processes_at_two_addresses),
                TEST(read_only_looks_and_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
