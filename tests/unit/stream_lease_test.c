/* tests/unit/stream_lease_test.c -- who holds items of a queue when: what a sink has done
 * with is gone, what nobody has looked at is still there, and nothing comes twice without
 * a death. Under each operator that holds items back or stops in the midst. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weft/stream_join.h>
#include <weft/stream_time.h>
#include <weft/stream_window.h>
#include <weft/weft.h>

#include "tests/unit/stream_ops.h"

enum { ITEMS = 20 };

static weft_arena_t *arena;
static weft_queue_t *queue;

static void fill(uint32_t flags)
{
        struct weft_queue_options o = { .capacity = 64,
                                        .element_bytes = 8,
                                        .flags = flags };
        CHECK(weft_arena_create(NULL, NULL, &arena) == 0);
        CHECK(weft_queue_create(arena, "q", &o, &queue) == 0);
        for (uint64_t i = 0; i < ITEMS; i++)
                CHECK(weft_queue_push(queue, &i, WEFT_NOW) == 0);
}

/* Nobody leases anything any more; how many are there. */
static uint64_t left(void)
{
        struct weft_queue_info info;
        CHECK(weft_queue_info(queue, &info) == 0 && info.leased == 0);
        weft_queue_close(queue);
        weft_arena_close(arena);
        return info.length;
}

static int64_t copy(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        (void)argument;
        if (room < n)
                return -EOVERFLOW;
        memcpy(out, in, n * sizeof(uint64_t));
        return (int64_t)n;
}

static int add(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(uint64_t *)out += NUMBER(in);
        return 0;
}

/* ---- operators that hold items back, upon one that ends ------------------------------- */

typedef weft_stream_t *operator_of(weft_stream_t *s);

static weft_stream_t *chunk_of(weft_stream_t *s)
{
        return weft_stream_chunk(s, 3);
}

static weft_stream_t *window_of(weft_stream_t *s)
{
        return weft_stream_window(s, 3, 3, weft_call_chunk(copy, 8, 8, NULL));
}

static weft_stream_t *sliding_of(weft_stream_t *s)
{
        return weft_stream_window(s, 4, 2, weft_call_chunk(copy, 8, 8, NULL));
}

static weft_stream_t *batch_of(weft_stream_t *s)
{
        return weft_stream_batch(s, 3, WEFT_SEC, weft_call_chunk(copy, 8, 8, NULL));
}

static weft_stream_t *delay_of(weft_stream_t *s)
{
        return weft_stream_delay(s, 1000, 3);
}

static weft_stream_t *debounce_of(weft_stream_t *s)
{
        return weft_stream_debounce(s, WEFT_SEC);
}

static weft_stream_t *groups_of(weft_stream_t *s)
{
        struct weft_stream_groups o = { .key = { .out_bytes = 8 },
                                        .fold = weft_call_item(add, 8, 8, NULL),
                                        .state_bytes = 8,
                                        .most = 100 };
        return weft_stream_group_by(s, &o);
}

static weft_stream_t *zip_of(weft_stream_t *s)
{
        return weft_stream_zip(s, weft_stream_range(0, 1000, 1), 0, 0);
}

static weft_stream_t *concat_of(weft_stream_t *s)
{
        weft_stream_t *const both[2] = { s, weft_stream_range(0, 5, 1) };
        return chunk_of(weft_stream_concat(both, 2));
}

static weft_stream_t *merge_of(weft_stream_t *s)
{
        weft_stream_t *const both[2] = { s, weft_stream_range(0, 5, 1) };
        return chunk_of(weft_stream_merge(both, 2));
}

static weft_stream_t *tee_of(weft_stream_t *s)
{
        weft_stream_t *half[2];
        weft_stream_tee(s, 100, &half[0], &half[1]);
        return weft_stream_concat(half, 2);
}

static operator_of *const holders[] = { chunk_of,    window_of, sliding_of, batch_of,
                                        delay_of,    groups_of, zip_of,     concat_of,
                                        debounce_of, merge_of,  tee_of };
enum { HOLDERS = sizeof holders / sizeof *holders };

static void what_was_used_does_not_come_again(void **state)
{
        (void)state;
        for (int lease = 0; lease < 2; lease++)
                for (size_t i = 0; i < HOLDERS; i++)
                        for (uint64_t take = 0; take <= 8; take++) {
                                uint64_t n = 0;
                                fill(lease ? WEFT_QUEUE_LEASE : 0);
                                weft_stream_t *s = weft_stream_queue(queue);
                                s = holders[i](weft_stream_take(s, take));
                                CHECK(weft_stream_count(s, &n, WEFT_NEVER) == 0);
                                CHECK(n > 0 || !take);
                                CHECK(left() == ITEMS - take);
                        }
}

/* The same by hand: who acknowledges after the end has done so for all. */
static void an_end_can_be_acknowledged(void **state)
{
        uint64_t item[ITEMS];
        (void)state;
        for (int how = 0; how < 3; how++) {
                fill(WEFT_QUEUE_LEASE);
                weft_stream_t *s = weft_stream_take(weft_stream_queue(queue), 5);
                CHECK(weft_stream_pull(s, item, ITEMS, WEFT_NEVER) == 5);
                CHECK(weft_stream_pull(s, item, ITEMS, WEFT_NEVER) == 0);
                if (how == 0)
                        CHECK(weft_stream_ack(s) == 0);
                if (how == 1)
                        weft_stream_cancel(s);
                if (how == 2) {
                        CHECK(weft_stream_restart(s) == 0);
                        CHECK(weft_stream_pull(s, item, ITEMS, WEFT_NEVER) == 5);
                }
                weft_stream_free(s);
                CHECK(left() == ITEMS - (how ? 0 : 5));
        }
}

/* ---- sinks that stop in the midst ---------------------------------------------------------- */

static int until_third(const void *in, void *out, const void *argument)
{
        uint64_t unseen = 0, *n = out ? out : &unseen;
        (void)in, (void)argument;
        if (!out)
                return NUMBER(in) == 2;
        return ++*n == 3;
}

static void what_a_sink_has_not_seen_is_still_there(void **state)
{
        (void)state;
        for (int lease = 0; lease < 2; lease++) {
                struct weft_call f = weft_call_item(until_third, 8, 8, NULL);
                uint64_t n = 0, item[4];
                fill(lease ? WEFT_QUEUE_LEASE : 0);
                weft_stream_t *s = weft_stream_queue(queue);
                CHECK(weft_stream_fold(s, f, &n, WEFT_NEVER) == 0 && n == 3);
                CHECK(left() == ITEMS - 3);

                n = 0;
                fill(lease ? WEFT_QUEUE_LEASE : 0);
                s = weft_stream_queue(queue);
                CHECK(weft_stream_for_each(s, f, &n, WEFT_NEVER) == 0 && n == 3);
                CHECK(left() == ITEMS - 3);

                n = 0;
                fill(lease ? WEFT_QUEUE_LEASE : 0);
                s = weft_stream_queue(queue);
                CHECK(weft_stream_collect(s, item, 4, &n, WEFT_NEVER) == -EOVERFLOW);
                CHECK(n == 4);
                CHECK(left() >= ITEMS - 5); /* it looked whether there is one more */

                fill(lease ? WEFT_QUEUE_LEASE : 0);
                s = weft_stream_queue(queue);
                CHECK(weft_stream_first(s, item, WEFT_NEVER) == 1);
                CHECK(left() == ITEMS - 1);
        }
}

/* ---- the shorter one of two -------------------------------------------------------------------- */

static void a_zip_takes_one_too_many_at_most(void **state)
{
        (void)state;
        for (int side = 0; side < 2; side++) {
                uint64_t n = 0;
                fill(WEFT_QUEUE_LEASE);
                weft_stream_t *q = weft_stream_queue(queue);
                weft_stream_t *five = weft_stream_range(0, 5, 1);
                weft_stream_t *s = side ? weft_stream_zip(five, q, 0, 0)
                                        : weft_stream_zip(q, five, 0, 0);
                CHECK(weft_stream_count(s, &n, WEFT_NEVER) == 0 && n == 5);
                CHECK(left() == ITEMS - 5);
        }
}

/* ---- what is held is not acknowledged, and no more is held than is needed ------------------------ */

static weft_stream_t *groups_of_three(weft_stream_t *s)
{
        struct weft_stream_groups o = { .key = { .out_bytes = 8 },
                                        .fold = weft_call_item(add, 8, 8, NULL),
                                        .state_bytes = 8,
                                        .most = 100,
                                        .every = 3 };
        return weft_stream_group_by(s, &o);
}

static operator_of *const threes[] = { window_of, batch_of, groups_of_three };

static void only_what_is_given_is_acknowledged(void **state)
{
        uint64_t items[64];
        (void)state;
        for (size_t i = 0; i < 3; i++) {
                fill(WEFT_QUEUE_LEASE);
                weft_stream_t *s = threes[i](weft_stream_queue(queue));
                CHECK(weft_stream_pull(s, items, 3, WEFT_NEVER) == 3);
                CHECK(weft_stream_ack(s) == 0);
                CHECK(weft_stream_pull(s, items, 3, WEFT_NEVER) == 3);
                weft_stream_free(s);
                CHECK(left() == ITEMS - 3);

                /* An unfinished one is held, and comes back. */
                fill(WEFT_QUEUE_LEASE);
                for (int k = 0; k < ITEMS - 2; k++)
                        CHECK(weft_queue_pop(queue, items, WEFT_NOW) == 0);
                s = threes[i](weft_stream_queue(queue));
                CHECK(weft_stream_pull(s, items, 3, WEFT_NOW) == -EAGAIN);
                CHECK(weft_stream_ack(s) == 0);
                weft_stream_free(s);
                CHECK(left() == 2);
        }
}

static int64_t not_yet(void *context, void *items, size_t n, uint64_t deadline)
{
        (void)context, (void)items, (void)n, (void)deadline;
        return -EAGAIN;
}

static void an_item_without_its_partner_is_held(void **state)
{
        uint64_t items[64];
        (void)state;
        fill(WEFT_QUEUE_LEASE);
        weft_stream_t *s = weft_stream_zip(weft_stream_queue(queue),
                                           weft_stream_function(not_yet, NULL, 8), 0, 0);
        CHECK(weft_stream_pull(s, items, 3, WEFT_NOW) == -EAGAIN);
        CHECK(weft_stream_ack(s) == 0);
        weft_stream_free(s);
        CHECK(left() == ITEMS);

        operator_of *const slow[] = { debounce_of, groups_of };
        for (size_t i = 0; i < 2; i++) {
                fill(WEFT_QUEUE_LEASE);
                s = slow[i](weft_stream_queue(queue));
                CHECK(weft_stream_pull(s, items, 3, WEFT_NOW) == -EAGAIN);
                CHECK(weft_stream_ack(s) == 0);
                weft_stream_free(s);
                CHECK(left() == ITEMS);
        }
}

/* ---- any chain that runs to its end has done with all ------------------------------------------- */

static void a_run_to_the_end_leaves_nothing(void **state)
{
        (void)state;
        for (int round = 0; round < 40; round++) {
                uint64_t n = 0, sum = 0;
                fill(rnd(4) ? WEFT_QUEUE_LEASE : 0);
                CHECK(weft_queue_shutdown(queue) == 0);
                weft_stream_t *s = weft_stream_queue(queue);
                for (uint64_t i = 1 + rnd(5); i; i--) {
                        const struct op *op = &ops[rnd(OPS)];
                        if (strcmp(op->name, "take_while") != 0)
                                s = apply(op, s);
                }
                if (rnd(2))
                        CHECK(weft_stream_count(s, &n, WEFT_NEVER) == 0);
                else
                        CHECK(weft_stream_fold(s, call_sum_item(), &sum, WEFT_NEVER) ==
                              0);
                CHECK(left() == 0);
        }
}

/* ---- who gives nothing on ------------------------------------------------------------------------- */

static int none(const void *in, void *out, const void *argument)
{
        (void)in, (void)out, (void)argument;
        return 1;
}

static int64_t none_of_all(const void *in, size_t n, void *out, size_t room,
                           const void *argument)
{
        (void)in, (void)n, (void)out, (void)room, (void)argument;
        return 0;
}

static void *push_many(void *unused)
{
        for (uint64_t i = 0; i < 1000; i++)
                CHECK(weft_queue_push(queue, &i, WEFT_NEVER) == 0);
        CHECK(weft_queue_shutdown(queue) == 0);
        return unused;
}

/* What was dropped does not stand in the way of who pushes more than the queue holds. */
static void what_is_dropped_makes_room(void **state)
{
        (void)state;
        for (int i = 0; i < 7; i++) {
                pthread_t thread;
                uint64_t n = 0;
                fill(WEFT_QUEUE_LEASE);
                CHECK(pthread_create(&thread, NULL, push_many, NULL) == 0);
                weft_stream_t *s = weft_stream_queue(queue);
                if (i == 0)
                        s = weft_stream_filter(s, weft_call_item(none, 8, 8, NULL));
                if (i == 1)
                        s = weft_stream_map(s, weft_call_chunk(none_of_all, 8, 8, NULL));
                if (i == 2)
                        s = weft_stream_skip(s, 100000);
                if (i == 3)
                        s = weft_stream_every(s, 100000);
                if (i == 4)
                        s = weft_stream_window(s, 3, 3,
                                               weft_call_chunk(none_of_all, 8, 8, NULL));
                if (i == 5)
                        s = weft_stream_throttle(s, 3600 * WEFT_SEC);
                if (i == 6)
                        s = weft_stream_filter_map(s, weft_call_item(none, 8, 8, NULL));
                CHECK(weft_stream_count(s, &n, weft_after(50 * WEFT_SEC)) == 0);
                CHECK(n == (i == 5));
                CHECK(pthread_join(thread, NULL) == 0);
                CHECK(left() == 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_used_does_not_come_again),
                cmocka_unit_test(an_end_can_be_acknowledged),
                cmocka_unit_test(what_a_sink_has_not_seen_is_still_there),
                cmocka_unit_test(a_zip_takes_one_too_many_at_most),
                cmocka_unit_test(only_what_is_given_is_acknowledged),
                cmocka_unit_test(an_item_without_its_partner_is_held),
                cmocka_unit_test(a_run_to_the_end_leaves_nothing),
                cmocka_unit_test(what_is_dropped_makes_room),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
