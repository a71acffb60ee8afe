/* tests/unit/broadcast_test.c -- the broadcast ring: order, policies, places, loans. */
#define _GNU_SOURCE
#include "tests/unit/broadcast_kit.h"

/* ---- order and size ------------------------------------------------------------ */

static void laps(uint32_t bytes, uint32_t policy, uint32_t flags, uint64_t capacity)
{
        static uint8_t e[WEFT_BROADCAST_ELEMENT_MAX];
        weft_broadcast_t *b = make("b", capacity, bytes, policy, flags);
        weft_subscriber_t *s[2] = { join(b, OLDEST, 0), join(b, NEWEST, 0) };
        uint64_t n = info_of(b).capacity, in = 0, out = 0;

        CHECK(none(s[0]) == -EAGAIN);
        for (int lap = 0; lap < 3; lap++) {
                for (uint64_t i = 0; i < n; i++) {
                        paint(e, bytes, in++);
                        CHECK(weft_broadcast_publish(b, e, WEFT_NOW) == 0);
                }
                CHECK(weft_broadcast_lag(s[1]) == (int64_t)n);
                if (policy == BLOCK)
                        CHECK(weft_broadcast_publish(b, e, WEFT_NOW) == -EAGAIN);
                for (uint64_t i = 0; i < n; i++, out++)
                        for (int k = 0; k < 2; k++) {
                                uint64_t sequence, lost;
                                CHECK(weft_broadcast_next(s[k], e, &sequence, &lost,
                                                          WEFT_NOW) == 0);
                                CHECK(is_painted(e, bytes, out) && sequence == out &&
                                      !lost);
                        }
                CHECK(none(s[1]) == -EAGAIN);
        }
        struct weft_broadcast_info info = info_of(b);
        CHECK(info.published == in && info.retained == n && info.subscribers == 2);
        CHECK(info.lag == 0 && info.lost == 0 && info.element_bytes == bytes);
        CHECK(info.policy == policy && info.flags == flags && !info.shut);
        weft_broadcast_unsubscribe(s[0]);
        weft_broadcast_unsubscribe(s[1]);
        drop(b, "b");
}

static void elements_of_every_size_come_out_as_they_went_in(void **state)
{
        static const uint32_t sizes[] = { 1,    2,    3,    5,    7,     8,    9,
                                          16,   31,   64,   100,  255,   256,  1023,
                                          1024, 1025, 4096, 5000, 65536, 65537 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                EACH_MODE(m)
        laps(sizes[i], m->policy, m->flags, 4);
        laps(WEFT_BROADCAST_ELEMENT_MAX, BLOCK, ONE, 2);
        laps(WEFT_BROADCAST_ELEMENT_MAX, DROP, MANY, 2);
        laps(8, BLOCK, ONE, 1000);
        laps(8, DROP, MANY, 1000);
}

static void batches_go_as_far_as_they_can(void **state)
{
        uint8_t flat[64 * 40];
        (void)state;
        EACH_MODE(m)
        {
                weft_broadcast_t *b = make("b", 16, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                uint64_t sequence, lost, in = 0, out = 0;
                CHECK(weft_broadcast_publish_n(b, flat, 0, WEFT_NEVER) == 0);
                CHECK(weft_broadcast_next_n(s, flat, 0, NULL, NULL, WEFT_NEVER) == 0);
                CHECK(weft_broadcast_next_n(s, flat, 3, NULL, NULL, WEFT_NOW) == -EAGAIN);
                CHECK(weft_broadcast_next_n(s, flat, 3, NULL, NULL,
                                            weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                for (int round = 1; round < 40; round++) {
                        size_t want = (size_t)round % 9 + 1;
                        for (uint64_t i = 0; i < want; i++)
                                paint(flat + i * m->bytes, m->bytes, in + i);
                        int64_t n = weft_broadcast_publish_n(b, flat, want, WEFT_NOW);
                        CHECK(n == (int64_t)want);
                        in += want;
                        n = weft_broadcast_next_n(s, flat, 64, &sequence, &lost,
                                                  WEFT_NOW);
                        CHECK(n == (int64_t)want && sequence == out && !lost);
                        for (int64_t i = 0; i < n; i++)
                                CHECK(is_painted(flat + (uint64_t)i * m->bytes, m->bytes,
                                                 out++));
                }
                int64_t n = weft_broadcast_publish_n(b, flat, 20, WEFT_NOW);
                CHECK(n == (m->policy == BLOCK ? 16 : 20));
                n = weft_broadcast_next_n(s, flat, 64, &sequence, &lost, WEFT_NOW);
                CHECK(n == 16);
                CHECK(lost == (m->policy == BLOCK ? 0 : 4) && sequence == in + lost);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
}

/* ---- policies ---------------------------------------------------------------------- */

static void block_waits_for_the_slowest_and_drop_tells_what_is_lost(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_broadcast_t *b = make("b", 8, m->bytes, m->policy, m->flags);
                weft_subscriber_t *quick = join(b, NEWEST, 0), *slow = join(b, NEWEST, 0);
                put_all(b, 0, 8);
                get_all(quick, 0, 8);
                get_all(slow, 0, 2);
                if (m->policy == BLOCK) {
                        put_all(b, 8, 10);
                        CHECK(try_put(b, 99) == -EAGAIN);
                        get_all(slow, 2, 3);
                        put(b, 10);
                        CHECK(try_put(b, 99) == -EAGAIN);
                        weft_broadcast_unsubscribe(slow);
                        put_all(b, 11, 16);
                        get_all(quick, 8, 16);
                        CHECK(info_of(b).lost == 0);
                } else {
                        put_all(b, 8, 20);
                        get(quick, 12, 12, 4);
                        get(slow, 12, 12, 10);
                        get_all(slow, 13, 20);
                        CHECK(weft_broadcast_lost(slow) == 10);
                        CHECK(info_of(b).lost == 14 && info_of(b).lag == 7);
                        weft_broadcast_unsubscribe(slow);
                        get_all(quick, 13, 20);
                }
                weft_broadcast_unsubscribe(quick);
                drop(b, "b");
        }
}

static void what_is_retained_is_read_by_who_comes_later(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_broadcast_t *b = make("b", 8, m->bytes, m->policy, m->flags);
                put_all(b, 0, 5);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                CHECK(weft_broadcast_lag(s) == 5);
                get_all(s, 0, 5);
                weft_broadcast_unsubscribe(s);
                put_all(b, 5, 29); /* nobody is there */
                CHECK(info_of(b).retained == 8 && info_of(b).published == 29);
                s = join(b, OLDEST, 0);
                get_all(s, 21, 29);
                CHECK(none(s) == -EAGAIN);
                CHECK(weft_broadcast_seek(s, SEQUENCE, 25) == 0);
                get_all(s, 25, 29);
                CHECK(weft_broadcast_seek(s, SEQUENCE, 3) == 0);
                get(s, 21, 21, 18);
                CHECK(weft_broadcast_seek(s, NEWEST, 0) == 0);
                CHECK(none(s) == -EAGAIN);
                CHECK(weft_broadcast_seek(s, OLDEST, 0) == 0);
                if (m->policy == BLOCK) {
                        CHECK(try_put(b, 99) == -EAGAIN);
                        get_all(s, 21, 23);
                        put_all(b, 29, 31);
                        CHECK(try_put(b, 99) == -EAGAIN);
                }
                CHECK(weft_broadcast_seek(s, SEQUENCE, 33) == 0); /* to come */
                CHECK(weft_broadcast_lag(s) == 0);
                put_all(b, info_of(b).published, 33);
                CHECK(none(s) == -EAGAIN);
                put_all(b, 33, 35);
                get_all(s, 33, 35);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
}

/* ---- in place ------------------------------------------------------------------------- */

static void loans_and_views(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_broadcast_t *b = make("b", 4, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                uint64_t sequence, lost, x;
                const void *at;
                void *to;

                CHECK(weft_broadcast_commit(b, WEFT_NOW) == -EINVAL);
                CHECK(weft_broadcast_cancel(b) == -EINVAL);
                CHECK(weft_broadcast_release(s) == -EINVAL);
                for (uint64_t i = 0; i < 9; i++) {
                        CHECK(weft_broadcast_loan(b, &to, WEFT_NOW) == 0);
                        CHECK(m->bytes == 8 || (uintptr_t)to % 16 == 0);
                        paint(to, m->bytes, i);
                        CHECK(try_put(b, 7) == -EBUSY);
                        CHECK(weft_broadcast_loan(b, &to, WEFT_NOW) == -EBUSY);
                        CHECK(none(s) == -EAGAIN);
                        if (i % 3 == 1) { /* given up, and another one */
                                CHECK(weft_broadcast_cancel(b) == 0);
                                CHECK(weft_broadcast_loan(b, &to, WEFT_NOW) == 0);
                                paint(to, m->bytes, i);
                        }
                        CHECK(weft_broadcast_commit(b, WEFT_NOW) == 0);
                        CHECK(weft_broadcast_take(s, &at, &sequence, &lost, WEFT_NOW) ==
                              0);
                        CHECK(sequence == i && lost == 0);
                        CHECK(is_painted(at, m->bytes, i));
                        CHECK(weft_broadcast_take(s, &at, NULL, NULL, WEFT_NOW) ==
                              -EBUSY);
                        CHECK(none(s) == -EBUSY);
                        CHECK(weft_broadcast_seek(s, NEWEST, 0) == -EBUSY);
                        CHECK(weft_broadcast_release(s) == 0);
                }
                put_all(b, 9, 13);
                CHECK(weft_broadcast_take(s, &at, &sequence, &lost, WEFT_NOW) == 0);
                if (m->policy == BLOCK) { /* it stays */
                        CHECK(try_put(b, 13) == -EAGAIN);
                        memcpy(&x, at, sizeof x);
                        CHECK(x == 9 && weft_broadcast_release(s) == 0);
                        put(b, 13);
                        get_all(s, 10, 14);
                } else { /* it goes, and that is told */
                        put(b, 13);
                        CHECK(weft_broadcast_release(s) == -ENOENT);
                        get(s, 10, 10, 1);
                        get_all(s, 11, 14);
                }
                CHECK(weft_broadcast_cancel(b) == -EINVAL);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
}

/* ---- shutdown --------------------------------------------------------------------------- */

static void shut_it_is_read_to_its_end(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                weft_broadcast_t *b = make("b", 8, m->bytes, m->policy, m->flags);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                void *to;
                put_all(b, 0, 8);
                CHECK(weft_broadcast_shutdown(b) == 0);
                CHECK(weft_broadcast_shutdown(b) == 0);
                CHECK(try_put(b, 9) == -EPIPE);
                CHECK(weft_broadcast_publish_n(b, &(char[80]){ 0 }, 2, WEFT_NEVER) ==
                      -EPIPE);
                CHECK(weft_broadcast_loan(b, &to, WEFT_NEVER) == -EPIPE);
                get_all(s, 0, 8);
                for (int i = 0; i < 3; i++)
                        CHECK(none(s) == -EPIPE);
                CHECK(weft_broadcast_seek(s, SEQUENCE, 6) == 0);
                get_all(s, 6, 8);
                CHECK(none(s) == -EPIPE);
                weft_subscriber_t *late = join(b, OLDEST, 0);
                get_all(late, 0, 8);
                CHECK(none(late) == -EPIPE);
                CHECK(info_of(b).shut == 1 && info_of(b).published == 8);
                weft_broadcast_unsubscribe(late);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
}

/* What was loaned before may still be published; the end comes after it. */
static void a_loan_may_outlast_the_shutdown(void **state)
{
        weft_broadcast_t *b = make("b", 4, 40, DROP, ONE);
        weft_subscriber_t *s = join(b, OLDEST, 0);
        void *to;
        uint64_t x = 0;
        (void)state;
        CHECK(weft_broadcast_loan(b, &to, WEFT_NOW) == 0);
        memcpy(to, &x, sizeof x);
        CHECK(weft_broadcast_shutdown(b) == 0);
        CHECK(none(s) == -EAGAIN);
        CHECK(weft_broadcast_commit(b, WEFT_NOW) == 0);
        get_all(s, 0, 1);
        CHECK(none(s) == -EPIPE);
        weft_broadcast_unsubscribe(s);
        drop(b, "b");

        b = make("b", 4, 40, DROP, ONE);
        s = join(b, OLDEST, 0);
        CHECK(weft_broadcast_loan(b, &to, WEFT_NOW) == 0);
        CHECK(weft_broadcast_shutdown(b) == 0);
        CHECK(none(s) == -EAGAIN);
        CHECK(weft_broadcast_cancel(b) == 0);
        CHECK(none(s) == -EPIPE);
        weft_broadcast_unsubscribe(s);
        drop(b, "b");
}

/* ---- making and opening --------------------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
        struct weft_broadcast_options o = { 4, 8, DROP, 0, 0 };
        struct weft_broadcast_info info;
        weft_broadcast_t *b = NULL;
        weft_subscriber_t *s = NULL;
        const void *at;
        void *to;
        uint64_t x = 0;

        (void)state;
        assert_int_equal(weft_broadcast_create(NULL, "b", &o, &b), -EINVAL);
        assert_int_equal(weft_broadcast_create(arena, NULL, &o, &b), -EINVAL);
        assert_int_equal(weft_broadcast_create(arena, "b", NULL, &b), -EINVAL);
        assert_int_equal(weft_broadcast_create(arena, "b", &o, NULL), -EINVAL);
        o.capacity = 0;
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -EINVAL);
        o.capacity = WEFT_BROADCAST_CAPACITY_MAX + 1;
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -EINVAL);
        o = (struct weft_broadcast_options){ 4, 0, DROP, 0, 0 };
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -EINVAL);
        o.element_bytes = WEFT_BROADCAST_ELEMENT_MAX + 1;
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -EINVAL);
        o = (struct weft_broadcast_options){ 4, 8, 2, 0, 0 };
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -EINVAL);
        o = (struct weft_broadcast_options){ 4, 8, DROP, 2, 0 };
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -EINVAL);
        o = (struct weft_broadcast_options){ 4, 8, DROP, 0, 257 };
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -EINVAL);
        assert_int_equal(weft_broadcast_open(arena, "b", &b), -ENOENT);
        assert_int_equal(weft_broadcast_open(arena, "b", NULL), -EINVAL);

        weft_broadcast_close(NULL);
        weft_broadcast_unsubscribe(NULL);
        assert_true(weft_broadcast_owner(NULL).v == 0);
        assert_true(weft_broadcast_lost(NULL) == 0);
        assert_int_equal(weft_broadcast_publish(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_broadcast_publish_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_broadcast_loan(NULL, &to, 0), -EINVAL);
        assert_int_equal(weft_broadcast_commit(NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_cancel(NULL), -EINVAL);
        assert_int_equal(weft_broadcast_resign(NULL), -EINVAL);
        assert_int_equal(weft_broadcast_shutdown(NULL), -EINVAL);
        assert_int_equal(weft_broadcast_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_broadcast_subscribe(NULL, OLDEST, 0, &s), -EINVAL);
        assert_int_equal(weft_broadcast_next(NULL, &x, NULL, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_next_n(NULL, &x, 1, NULL, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_take(NULL, &at, NULL, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_release(NULL), -EINVAL);
        assert_int_equal(weft_broadcast_seek(NULL, OLDEST, 0), -EINVAL);
        assert_int_equal(weft_broadcast_lag(NULL), -EINVAL);

        b = make("b", 4, 8, DROP, ONE);
        assert_int_equal(weft_broadcast_publish(b, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_publish_n(b, NULL, 1, 0), -EINVAL);
        assert_int_equal(weft_broadcast_publish_n(b, &x, SIZE_MAX, 0), -EINVAL);
        assert_int_equal(weft_broadcast_loan(b, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_resign(b), -EPERM);
        assert_int_equal(weft_broadcast_info(b, NULL), -EINVAL);
        assert_int_equal(weft_broadcast_list(b, NULL, NULL), -EINVAL);
        assert_int_equal(weft_broadcast_subscribe(b, OLDEST, 0, NULL), -EINVAL);
        assert_int_equal(weft_broadcast_subscribe(b, 3, 0, &s), -EINVAL);
        assert_int_equal(weft_broadcast_subscribe(b, SEQUENCE, UINT64_MAX, &s), -EINVAL);
        s = join(b, OLDEST, 0);
        assert_int_equal(weft_broadcast_next(s, NULL, NULL, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_next_n(s, NULL, 1, NULL, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_next_n(s, &x, SIZE_MAX, NULL, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_take(s, NULL, NULL, NULL, 0), -EINVAL);
        assert_int_equal(weft_broadcast_seek(s, 7, 0), -EINVAL);
        assert_int_equal(weft_broadcast_seek(s, SEQUENCE, UINT64_C(1) << 59), -EINVAL);
        assert_int_equal(weft_broadcast_seek(s, SEQUENCE, (UINT64_C(1) << 59) - 1), 0);
        assert_int_equal(weft_broadcast_lag(s), 0);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(b);
}

static void too_large_is_no_space_and_leaves_nothing(void **state)
{
        struct weft_broadcast_options o = { WEFT_BROADCAST_CAPACITY_MAX, 8, DROP, 0, 0 };
        weft_broadcast_t *b = NULL;
        struct weft_census census;

        (void)state;
        for (uint32_t flags = 0; flags <= ONE; flags++) {
                o.flags = flags;
                o.element_bytes = 8;
                assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -ENOSPC);
                o.element_bytes = WEFT_BROADCAST_ELEMENT_MAX;
                assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), -ENOSPC);
        }
        assert_null(b);
        assert_int_equal(weft_arena_check(arena, &census), 0);
        assert_int_equal(census.object_bytes, 0);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_broadcast_options o = { 8, 8, DROP, ONE, 5 };
        weft_broadcast_t *a, *b, *c = NULL;
        uint64_t x = 0;

        (void)state;
        assert_int_equal(weft_broadcast_create_or_open(arena, "b", &o, &a), 0);
        o.capacity = 1024; /* may differ */
        o.subscribers = 0;
        assert_int_equal(weft_broadcast_create_or_open(arena, "b", &o, &b), 0);
        assert_int_equal(info_of(b).capacity, 8);
        assert_int_equal(info_of(b).subscribers_max, 5);
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &c), -EEXIST);
        o.element_bytes = 4;
        assert_int_equal(weft_broadcast_create_or_open(arena, "b", &o, &c), -EPROTO);
        o.element_bytes = 8;
        o.policy = BLOCK;
        assert_int_equal(weft_broadcast_create_or_open(arena, "b", &o, &c), -EPROTO);
        o.policy = DROP;
        o.flags = 0;
        assert_int_equal(weft_broadcast_create_or_open(arena, "b", &o, &c), -EPROTO);
        assert_null(c);
        weft_subscriber_t *s = join(b, OLDEST, 0);
        put(a, 0);
        put(b, 1); /* one thread, two handles: one producer */
        put(a, 2);
        get_all(s, 0, 3);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(a);
        assert_int_equal(weft_broadcast_publish(b, &x, WEFT_NOW), 0);
        weft_broadcast_close(b);
}

static void a_ring_says_what_it_is(void **state)
{
        weft_broadcast_t *b = make("b", 64, 16, DROP, MANY);
        weft_subscriber_t *s = join(b, OLDEST, 0);
        struct weft_object_info info;
        struct weft_census census;
        (void)state;
        put_all(b, 0, 5);
        assert_int_equal(weft_object_stat(arena, "b", &info), 0);
        assert_string_equal(info.kind, "broadcast");
        assert_string_equal(info.detail,
                            "5 of 64 retained, 16 B each, drop, 1 subscribed");
        assert_int_equal(weft_arena_check(arena, &census), 0);
        assert_true(info.bytes > 64 * 32 && info.bytes <= census.object_bytes);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(b);
}

static void there_is_room_for_so_many(void **state)
{
        static weft_subscriber_t *all[WEFT_BROADCAST_SUBSCRIBERS_MAX], *more;
        struct weft_broadcast_options o = { 4, 8, BLOCK, MANY, 3 };
        weft_broadcast_t *b, *big = make("big", 4, 8, BLOCK, ONE);
        (void)state;
        assert_int_equal(weft_broadcast_create(arena, "b", &o, &b), 0);
        for (int i = 0; i < 3; i++)
                all[i] = join(b, OLDEST, 0);
        assert_int_equal(weft_broadcast_subscribe(b, OLDEST, 0, &more), -EMFILE);
        assert_null(more);
        weft_broadcast_unsubscribe(all[1]);
        all[1] = join(b, OLDEST, 0);
        for (int i = 0; i < 3; i++)
                weft_broadcast_unsubscribe(all[i]);
        for (int i = 0; i < WEFT_BROADCAST_SUBSCRIBERS_MAX; i++)
                all[i] = join(big, OLDEST, 0);
        assert_int_equal(weft_broadcast_subscribe(big, OLDEST, 0, &more), -EMFILE);
        put_all(big, 0, 4);
        for (int i = 0; i < WEFT_BROADCAST_SUBSCRIBERS_MAX; i++) {
                assert_int_equal(try_put(big, 9), -EAGAIN);
                get_all(all[i], 0, 1);
        }
        put(big, 4);
        for (int i = 0; i < WEFT_BROADCAST_SUBSCRIBERS_MAX; i++)
                weft_broadcast_unsubscribe(all[i]);
        assert_int_equal(info_of(big).subscribers, 0);
        weft_broadcast_close(b);
        weft_broadcast_close(big);
}

/* The first element of a producer in boxes takes memory. */
static void no_memory_for_a_box_changes_nothing(void **state)
{
        weft_broadcast_t *b = make("b", 2, 5 << 10, DROP, MANY);
        weft_subscriber_t *s = join(b, OLDEST, 0);
        static uint8_t e[5 << 10];
        static weft_ref_t held[1 << 16];
        size_t n = 0;
        (void)state;
        for (uint64_t bytes = 1 << 20; bytes >= 16; bytes /= 2)
                while (n < 1 << 16 && weft_block_alloc(arena, bytes, &held[n], NULL) == 0)
                        n++;
        assert_int_equal(weft_broadcast_publish(b, e, WEFT_NOW), -ENOSPC);
        assert_int_equal(none(s), -EAGAIN);
        while (n)
                assert_int_equal(weft_block_free(arena, held[--n]), 0);
        assert_int_equal(weft_broadcast_publish(b, e, WEFT_NOW), 0);
        assert_int_equal(weft_broadcast_next(s, e, NULL, NULL, WEFT_NOW), 0);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(elements_of_every_size_come_out_as_they_went_in),
                TEST(batches_go_as_far_as_they_can),
                TEST(block_waits_for_the_slowest_and_drop_tells_what_is_lost),
                TEST(what_is_retained_is_read_by_who_comes_later),
                TEST(loans_and_views),
                TEST(shut_it_is_read_to_its_end),
                TEST(a_loan_may_outlast_the_shutdown),
                TEST(bad_arguments_are_refused),
                TEST(too_large_is_no_space_and_leaves_nothing),
                TEST(opening_shares_and_checks),
                TEST(a_ring_says_what_it_is),
                TEST(there_is_room_for_so_many),
                TEST(no_memory_for_a_box_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
