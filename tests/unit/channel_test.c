/* tests/unit/channel_test.c -- the channel: types, order, policies, in place. */
#define _GNU_SOURCE
#include "tests/unit/channel_kit.h"

static const uint32_t sizes[] = { 8, 24, LARGE };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* ---- types ------------------------------------------------------------------- */

static int try_to_make(uint64_t capacity, uint32_t bytes, uint32_t policy, uint32_t flags)
{
        struct weft_channel_options o = { .capacity = capacity,
                                          .element_bytes = bytes,
                                          .policy = policy,
                                          .flags = flags };
        weft_channel_t *ch = NULL;
        int rc = weft_channel_create(arena, "bad", &o, &ch);
        CHECK((rc == 0) == (ch != NULL));
        if (!rc) {
                CHECK(weft_object_remove(arena, "bad") == 0);
                weft_channel_close(ch);
        }
        return rc;
}

static void what_cannot_be_is_refused(void **state)
{
        struct weft_channel_options o = { .capacity = 4, .element_bytes = 8 };
        weft_channel_t *ch = NULL;
        (void)state;
        assert_int_equal(try_to_make(4, 0, 0, 0), -EINVAL);
        assert_int_equal(try_to_make(4, WEFT_QUEUE_ELEMENT_MAX + 1, 0, 0), -EINVAL);
        assert_int_equal(try_to_make(WEFT_QUEUE_CAPACITY_MAX + 1, 8, 0, 0), -EINVAL);
        assert_int_equal(try_to_make(4, 8, WEFT_CHANNEL_LATEST + 1, 0), -EINVAL);
        assert_int_equal(try_to_make(4, 8, 0, 2), -EINVAL);
        assert_int_equal(try_to_make(4, 8, WEFT_CHANNEL_LATEST, WEFT_CHANNEL_LEASE),
                         -EINVAL);
        assert_int_equal(try_to_make(0, 8, 0, WEFT_CHANNEL_LEASE), -EINVAL);
        assert_int_equal(try_to_make(0, 8, WEFT_CHANNEL_DROP_OLDEST, 0), -EINVAL);
        assert_int_equal(try_to_make(0, 8, WEFT_CHANNEL_LATEST, 0), -EINVAL);
        assert_int_equal(try_to_make(WEFT_QUEUE_CAPACITY_MAX, 8, 0, 0), -ENOSPC);
        o.reserved = 1;
        assert_int_equal(weft_channel_create(arena, "c", &o, &ch), -EINVAL);
        o.reserved = 0;
        assert_int_equal(weft_channel_create(NULL, "c", &o, &ch), -EINVAL);
        assert_int_equal(weft_channel_create(arena, NULL, &o, &ch), -EINVAL);
        assert_int_equal(weft_channel_create(arena, "c", NULL, &ch), -EINVAL);
        assert_int_equal(weft_channel_create(arena, "c", &o, NULL), -EINVAL);
        assert_int_equal(weft_channel_open(arena, "c", 8, 0, &ch), -ENOENT);
        assert_null(ch);
}

static void nothing_is_done_with_nothing(void **state)
{
        weft_channel_t *ch = make(4, 8, 0, 0);
        struct weft_channel_info info;
        struct weft_element el = { 0 };
        uint64_t x = 0;
        (void)state;
        weft_channel_close(NULL);
        assert_true(weft_channel_owner(NULL).v == 0);
        assert_int_equal(weft_channel_send(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_channel_send(ch, NULL, 0), -EINVAL);
        assert_int_equal(weft_channel_recv(NULL, &x, 0), -EINVAL);
        assert_int_equal(weft_channel_recv(ch, NULL, 0), -EINVAL);
        assert_int_equal(weft_channel_send_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_channel_send_n(ch, NULL, 1, 0), -EINVAL);
        assert_int_equal(weft_channel_send_n(ch, NULL, 0, 0), 0);
        assert_int_equal(weft_channel_recv_n(NULL, &x, 1, 0), -EINVAL);
        assert_int_equal(weft_channel_recv_n(ch, NULL, 1, 0), -EINVAL);
        assert_int_equal(weft_channel_recv_n(ch, &x, SIZE_MAX, 0), -EINVAL);
        assert_int_equal(weft_channel_recv_n(ch, NULL, 0, WEFT_NEVER), 0);
        assert_int_equal(weft_channel_loan(NULL, &el), -EINVAL);
        assert_int_equal(weft_channel_loan(ch, NULL), -EINVAL);
        assert_int_equal(weft_channel_commit(NULL, &el, 0), -EINVAL);
        assert_int_equal(weft_channel_commit(ch, NULL, 0), -EINVAL);
        assert_int_equal(weft_channel_commit(ch, &el, 0), -EINVAL);
        assert_int_equal(weft_channel_take(NULL, &el, 0), -EINVAL);
        assert_int_equal(weft_channel_take(ch, NULL, 0), -EINVAL);
        assert_int_equal(weft_channel_release(ch, &el), -EINVAL);
        assert_int_equal(weft_channel_ack(ch, &el), -EINVAL);
        assert_int_equal(weft_channel_nack(ch, &el), -EINVAL);
        assert_int_equal(weft_channel_ack(NULL, &el), -EINVAL);
        assert_int_equal(weft_channel_nack(NULL, &el), -EINVAL);
        assert_int_equal(weft_channel_shutdown(NULL, 0), -EINVAL);
        assert_int_equal(weft_channel_cancel(NULL, 0), -EINVAL);
        assert_int_equal(weft_channel_reason(NULL, NULL), -EINVAL);
        assert_int_equal(weft_channel_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_channel_info(ch, NULL), -EINVAL);
        assert_true(weft_channel_owner(ch).v != 0);
        drop(ch);
}

static int open_as(uint32_t bytes, uint64_t tag)
{
        weft_channel_t *ch = NULL;
        int rc = weft_channel_open(arena, "c", bytes, tag, &ch);
        CHECK((rc == 0) == (ch != NULL));
        weft_channel_close(ch);
        return rc;
}

static void another_type_is_refused(void **state)
{
        struct weft_channel_options o = { .capacity = 4, .tag = TAG, .element_bytes = 8 };
        weft_channel_t *ch = make(4, 8, 0, 0), *other = NULL;
        weft_queue_t *q = NULL;
        (void)state;
        assert_int_equal(open_as(8, TAG), 0);
        assert_int_equal(open_as(0, 0), 0);
        assert_int_equal(open_as(8, 0), 0);
        assert_int_equal(open_as(0, TAG), 0);
        assert_int_equal(open_as(4, TAG), -EPROTO);
        assert_int_equal(open_as(8, TAG + 1), -EPROTO);
        assert_int_equal(weft_queue_open(arena, "c", &q), -EPROTO);
        o.capacity = 1024; /* may differ */
        assert_int_equal(weft_channel_create_or_open(arena, "c", &o, &other), 0);
        weft_channel_close(other);
        assert_int_equal(weft_channel_create(arena, "c", &o, &other), -EEXIST);
        o.tag++;
        assert_int_equal(weft_channel_create_or_open(arena, "c", &o, &other), -EPROTO);
        o.tag--, o.element_bytes = 4;
        assert_int_equal(weft_channel_create_or_open(arena, "c", &o, &other), -EPROTO);
        o.element_bytes = 8, o.policy = WEFT_CHANNEL_FAIL;
        assert_int_equal(weft_channel_create_or_open(arena, "c", &o, &other), -EPROTO);
        o.policy = 0, o.flags = WEFT_CHANNEL_LEASE;
        assert_int_equal(weft_channel_create_or_open(arena, "c", &o, &other), -EPROTO);
        o.flags = 0, o.capacity = 0;
        assert_int_equal(weft_channel_create_or_open(arena, "c", &o, &other), -EPROTO);
        assert_null(other);
        drop(ch);
        o = (struct weft_channel_options){ .capacity = 4, .element_bytes = 8 };
        assert_int_equal(weft_channel_create(arena, "c", &o, &ch), 0);
        assert_int_equal(open_as(8, TAG), 0); /* of any type */
        drop(ch);
        CHECK(weft_queue_create(arena, "c", &(struct weft_queue_options){ 4, 8, 0 },
                                &q) == 0);
        assert_int_equal(open_as(8, 0), -EPROTO);
        weft_queue_close(q);
}

/* ---- order --------------------------------------------------------------------- */

static void in_order_until_full(uint32_t bytes, uint32_t flags)
{
        weft_channel_t *ch = make(4, bytes, 0, flags);
        uint64_t in = 0, out = 0;
        assert_int_equal(recv_rc(ch), -EAGAIN);
        for (int lap = 0; lap < 5; lap++) {
                while (in - out < 4)
                        send(ch, in++);
                assert_int_equal(send_by(ch, 9, WEFT_NOW), -EAGAIN);
                assert_int_equal(send_by(ch, 9, weft_after(WEFT_MSEC)), -ETIMEDOUT);
                while (in - out > (uint64_t)lap % 3)
                        assert_int_equal(recv(ch), out++);
        }
        struct weft_channel_info i = info_of(ch);
        assert_int_equal(i.sent, in);
        assert_int_equal(i.received, out);
        assert_int_equal(i.length, in - out);
        assert_int_equal(i.capacity, 4);
        assert_int_equal(i.dropped + i.refused + i.shut + i.cancelled + i.reason, 0);
        assert_int_equal(i.tag, TAG);
        assert_int_equal(i.element_bytes, bytes);
        assert_int_equal(i.flags, flags);
        while (out < in)
                assert_int_equal(recv(ch), out++);
        uint64_t x;
        assert_int_equal(recv_by(ch, &x, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        drop(ch);
}

static void elements_come_in_order(void **state)
{
        (void)state;
        for (int i = 0; i < SIZES; i++)
                for (uint32_t flags = 0; flags <= WEFT_CHANNEL_LEASE; flags++)
                        in_order_until_full(sizes[i], flags);
}

static void many_at_once(void **state)
{
        (void)state;
        for (uint32_t flags = 0; flags <= WEFT_CHANNEL_LEASE; flags++) {
                weft_channel_t *ch = make(8, 8, 0, flags);
                uint64_t e[12] = { 0 };
                for (uint64_t i = 0; i < 12; i++)
                        e[i] = i;
                assert_int_equal(weft_channel_recv_n(ch, e, 3, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_channel_send_n(ch, e, 12, WEFT_NOW), 8);
                assert_int_equal(weft_channel_send_n(ch, e, 1, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_channel_send_n(ch, e, 1, weft_after(WEFT_MSEC)),
                                 -ETIMEDOUT);
                memset(e, 0, sizeof e);
                assert_int_equal(weft_channel_recv_n(ch, e, 5, WEFT_NEVER), 5);
                assert_int_equal(weft_channel_recv_n(ch, e + 5, 5, WEFT_NEVER), 3);
                for (uint64_t i = 0; i < 8; i++)
                        assert_int_equal(e[i], i);
                assert_int_equal(weft_channel_recv_n(ch, e, 5, weft_after(WEFT_MSEC)),
                                 -ETIMEDOUT);
                drop(ch);
        }
}

/* ---- policies ---------------------------------------------------------------------- */

static void fail_does_not_wait(void **state)
{
        weft_channel_t *ch = make(2, 24, WEFT_CHANNEL_FAIL, 0);
        uint8_t e[3 * 24] = { 0 };
        (void)state;
        send(ch, 1);
        send(ch, 2);
        assert_int_equal(send_by(ch, 3, WEFT_NEVER), -EAGAIN);
        assert_int_equal(weft_channel_send_n(ch, e, 3, WEFT_NEVER), -EAGAIN);
        struct weft_element el;
        assert_int_equal(weft_channel_loan(ch, &el), 0);
        assert_int_equal(weft_channel_commit(ch, &el, WEFT_NEVER), -EAGAIN);
        assert_int_equal(info_of(ch).refused, 3);
        assert_int_equal(recv(ch), 1);
        assert_int_equal(weft_channel_commit(ch, &el, WEFT_NEVER), 0); /* still in hand */
        assert_int_equal(recv(ch), 2);
        assert_int_equal(weft_channel_send_n(ch, e, 3, WEFT_NEVER), 1); /* what goes */
        assert_int_equal(info_of(ch).refused, 3);
        assert_int_equal(info_of(ch).dropped, 0);
        must_add_up(ch);
        drop(ch);
}

static void newest_are_dropped(uint32_t bytes, uint32_t flags)
{
        weft_channel_t *ch = make(2, bytes, WEFT_CHANNEL_DROP_NEWEST, flags);
        uint8_t e[5 * LARGE] = { 0 };
        struct weft_element el;
        send(ch, 1);
        send(ch, 2);
        assert_int_equal(send_by(ch, 3, WEFT_NEVER), 0);
        assert_int_equal(weft_channel_loan(ch, &el), 0);
        assert_int_equal(weft_channel_commit(ch, &el, WEFT_NEVER), 0);
        assert_int_equal(weft_channel_release(ch, &el), -EINVAL); /* it has gone */
        assert_int_equal(info_of(ch).dropped, 2);
        assert_int_equal(recv(ch), 1);
        assert_int_equal(weft_channel_send_n(ch, e, 5, WEFT_NEVER), 5);
        assert_int_equal(info_of(ch).dropped, 6);
        assert_int_equal(info_of(ch).sent, 9);
        assert_int_equal(recv(ch), 2);
        must_add_up(ch);
        drop(ch);
}

static void oldest_are_dropped(uint32_t bytes, uint32_t flags)
{
        weft_channel_t *ch = make(2, bytes, WEFT_CHANNEL_DROP_OLDEST, flags);
        uint8_t e[5 * LARGE] = { 0 };
        struct weft_element el;
        for (uint64_t i = 1; i <= 5; i++)
                assert_int_equal(send_by(ch, i, WEFT_NEVER), 0);
        assert_int_equal(info_of(ch).dropped, 3);
        assert_int_equal(recv(ch), 4);
        send(ch, 6);
        assert_int_equal(weft_channel_loan(ch, &el), 0);
        memcpy(el.at, &(uint64_t){ 7 }, 8);
        assert_int_equal(weft_channel_commit(ch, &el, WEFT_NEVER), 0);
        assert_int_equal(info_of(ch).dropped, 4);
        assert_int_equal(recv(ch), 6);
        assert_int_equal(recv(ch), 7);
        for (uint64_t i = 0; i < 5; i++)
                memcpy(e + i * bytes, &i, sizeof i);
        assert_int_equal(weft_channel_send_n(ch, e, 5, WEFT_NEVER), 5);
        assert_int_equal(recv(ch), 3);
        assert_int_equal(recv(ch), 4);
        assert_int_equal(recv_rc(ch), -EAGAIN);
        must_add_up(ch);
        assert_int_equal(info_of(ch).received, 5);
        drop(ch);
}

static void dropping(void **state)
{
        (void)state;
        for (int i = 0; i < SIZES; i++)
                for (uint32_t flags = 0; flags <= WEFT_CHANNEL_LEASE; flags++) {
                        newest_are_dropped(sizes[i], flags);
                        oldest_are_dropped(sizes[i], flags);
                }
}

static void only_the_latest_comes(void **state)
{
        (void)state;
        for (int i = 0; i < SIZES; i++) {
                weft_channel_t *ch = make(4, sizes[i], WEFT_CHANNEL_LATEST, 0);
                uint8_t e[4 * LARGE];
                uint64_t x;
                for (x = 1; x <= 3; x++)
                        send(ch, x);
                assert_int_equal(recv(ch), 3);
                assert_int_equal(recv_rc(ch), -EAGAIN);
                for (x = 1; x <= 9; x++)
                        assert_int_equal(send_by(ch, x, WEFT_NEVER), 0);
                assert_int_equal(weft_channel_recv_n(ch, e, 4, WEFT_NEVER), 1);
                memcpy(&x, e, sizeof x);
                assert_int_equal(x, 9);
                assert_int_equal(info_of(ch).dropped, 10);
                assert_int_equal(info_of(ch).received, 2);
                struct weft_element el;
                assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), -ENOTSUP);
                must_add_up(ch);
                drop(ch);
        }
}

/* ---- in place ----------------------------------------------------------------------- */

static void what_is_leased_comes_again(void **state)
{
        (void)state;
        for (int i = 0; i < SIZES; i++) {
                weft_channel_t *ch = make(4, sizes[i], 0, WEFT_CHANNEL_LEASE);
                struct weft_element a, b;
                send(ch, 1);
                send(ch, 2);
                assert_int_equal(weft_channel_take(ch, &a, WEFT_NOW), 0);
                assert_int_equal(in_hand(&a), 1);
                assert_int_equal(a.deliveries, 0);
                assert_int_equal(info_of(ch).leased, 1);
                assert_int_equal(weft_channel_nack(ch, &a), 0);
                assert_int_equal(weft_channel_take(ch, &b, WEFT_NEVER), 0);
                assert_int_equal(in_hand(&b), 1);
                assert_int_equal(b.deliveries, 1);
                assert_int_equal(weft_channel_ack(ch, &b), 0);
                assert_int_equal(weft_channel_ack(ch, &b), -EINVAL);
                assert_int_equal(weft_channel_take(ch, &a, WEFT_NOW), 0);
                assert_int_equal(weft_channel_release(ch, &a), 0);
                assert_int_equal(weft_channel_take(ch, &a, weft_after(WEFT_MSEC)),
                                 -ETIMEDOUT);
                assert_int_equal(info_of(ch).received, 2);
                drop(ch);
        }
}

static void in_place_without_a_lease(void **state)
{
        (void)state;
        for (int i = 0; i < SIZES; i++) {
                weft_channel_t *ch = make(2, sizes[i], 0, 0);
                struct weft_element el;
                for (uint64_t x = 1; x <= 2; x++) {
                        assert_int_equal(weft_channel_loan(ch, &el), 0);
                        memcpy(el.at, &x, sizeof x);
                        assert_int_equal(weft_channel_commit(ch, &el, WEFT_NOW), 0);
                }
                assert_int_equal(weft_channel_loan(ch, &el), 0);
                assert_int_equal(weft_channel_commit(ch, &el, WEFT_NOW), -EAGAIN);
                assert_int_equal(weft_channel_release(ch, &el), 0);
                for (uint64_t x = 1; x <= 2; x++) {
                        assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), 0);
                        assert_int_equal(in_hand(&el), x);
                        assert_int_equal(weft_channel_nack(ch, &el), -EINVAL);
                        assert_int_equal(weft_channel_release(ch, &el), 0);
                }
                drop(ch);
        }
}

/* ---- what it says of itself ------------------------------------------------------------ */

static void a_channel_says_what_it_is(void **state)
{
        weft_channel_t *ch = make(2, 16, WEFT_CHANNEL_DROP_OLDEST, WEFT_CHANNEL_LEASE);
        struct weft_object_info info;
        struct weft_element el;
        (void)state;
        for (uint64_t i = 0; i < 3; i++)
                send(ch, i);
        assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), 0);
        assert_int_equal(weft_object_stat(arena, "c", &info), 0);
        assert_string_equal(info.kind, "channel");
        assert_string_equal(info.detail,
                            "1 of 2 elements of 16 B, 1 leased, drop oldest, 1 dropped");
        assert_true(info.bytes > sizeof(struct weft_channel_shared));
        assert_int_equal(weft_channel_shutdown(ch, 3), 0);
        assert_int_equal(weft_object_stat(arena, "c", &info), 0);
        assert_string_equal(info.detail, "1 of 2 elements of 16 B, 1 leased, shut, drop "
                                         "oldest, 1 dropped, ended: reason 3");
        assert_int_equal(weft_channel_ack(ch, &el), 0);
        drop(ch);
}

static void what_is_given_goes_with_it(void **state)
{
        weft_channel_t *ch = make(4, 8, 0, 0);
        weft_ref_t ref;
        (void)state;
        assert_int_equal(weft_block_alloc(arena, 5000, &ref, NULL), 0);
        assert_int_equal(weft_block_give(arena, ref, weft_channel_owner(ch)), 0);
        drop(ch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_cannot_be_is_refused),
                TEST(nothing_is_done_with_nothing),
                TEST(another_type_is_refused),
                TEST(elements_come_in_order),
                TEST(many_at_once),
                TEST(fail_does_not_wait),
                TEST(dropping),
                TEST(only_the_latest_comes),
                TEST(what_is_leased_comes_again),
                TEST(in_place_without_a_lease),
                TEST(a_channel_says_what_it_is),
                TEST(what_is_given_goes_with_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
