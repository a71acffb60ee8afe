/* tests/unit/stream_sink_test.c -- sinks; what functions say; what only one operator does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/stream_ops.h"

#define N 3000

static uint64_t numbers[N], out[2 * N];

static int set_up(void **state)
{
        (void)state;
        for (size_t i = 0; i < N; i++)
                numbers[i] = i;
        return 0;
}

/* ---- functions that fail ----------------------------------------------------------- */

struct fuse {
        uint64_t at; /* which item */
        int says;
};

static int burn(const void *in, void *to, const void *argument)
{
        const struct fuse *fuse = argument;
        if (NUMBER(in) == fuse->at)
                return fuse->says;
        if (to)
                *(uint64_t *)to = NUMBER(in);
        return 0;
}

static int64_t burn_chunk(const void *in, size_t n, void *to, size_t room,
                          const void *argument)
{
        const struct fuse *fuse = argument;
        const uint64_t *from = in;
        for (size_t i = 0; i < n; i++)
                if (from[i] == fuse->at)
                        return fuse->says;
        if (n <= room)
                memmove(to, in, n * 8);
        return (int64_t)n;
}

static weft_stream_t *take_all(weft_stream_t *s, struct weft_call f)
{
        uint64_t zero = 0;
        return weft_stream_scan(s, f, &zero);
}

/* Item functions: all before the item comes, then what it said. */
static void an_item_function_fails_at_its_item(void **state)
{
        static weft_stream_t *(*const with[])(weft_stream_t *, struct weft_call) = {
                weft_stream_map,    weft_stream_filter_map,
                weft_stream_filter, weft_stream_take_while,
                take_all,           with_yes,
        };
        static const int says[][2] = { { -EPERM, -EPERM },
                                       { -EAGAIN, -ECANCELED },
                                       { -ETIMEDOUT, -ECANCELED },
                                       { 2, -EINVAL },
                                       { -70000, -EINVAL } };
        (void)state;
        for (size_t i = 0; i < sizeof with / sizeof *with; i++)
                for (size_t k = 0; k < 5; k++)
                        for (uint64_t at = 0; at < 2500; at = at * 3 + 1) {
                                struct fuse fuse = { at, says[k][0] };
                                struct piecewise p = { numbers, N, 0, 600, 0, 0,
                                                       0,       0, 0, 0,   0, 0 };
                                uint64_t n = 0;
                                weft_stream_t *s = with[i](
                                        piecewise(&p), weft_call_item(burn, 8, 8, &fuse));
                                CHECK(weft_stream_collect(s, out, N, &n, WEFT_NEVER) ==
                                      says[k][1]);
                                CHECK(n == at && memcmp(out, numbers, n * 8) == 0);
                                CHECK(p.cancels == 1 && p.frees == 1);
                        }
}

static void a_chunk_function_takes_its_chunk_with_it(void **state)
{
        (void)state;
        for (uint64_t at = 0; at < 2500; at = at * 3 + 1) {
                struct fuse fuse = { at, -EPERM };
                uint64_t n = 0;
                struct piecewise p = { .at = numbers, .n = N, .most = 50 };
                weft_stream_t *s = weft_stream_map(
                        piecewise(&p), weft_call_chunk(burn_chunk, 8, 8, &fuse));
                CHECK(weft_stream_collect(s, out, N, &n, WEFT_NEVER) == -EPERM);
                CHECK(n == at / 50 * 50 && memcmp(out, numbers, n * 8) == 0);
                CHECK(strstr(weft_stream_detail(), "map: "));
        }
        /* More than there is room for, or than it has. */
        struct fuse lies = { 0, 5000 };
        uint64_t n = 0;
        weft_stream_t *s = weft_stream_map(weft_stream_array(numbers, N, 8),
                                           weft_call_chunk(burn_chunk, 8, 8, &lies));
        CHECK(weft_stream_count(s, &n, WEFT_NEVER) == -EINVAL && n == 0);
}

static void sinks_stop_where_they_are_told_to(void **state)
{
        (void)state;
        for (uint64_t at = 0; at < 2500; at = at * 3 + 1) {
                struct fuse enough = { at, 1 }, bad = { at, -EPERM };
                struct piecewise p = { .at = numbers, .n = N, .most = N };
                uint64_t n = 0, last = 0;
                CHECK(weft_stream_for_each(piecewise(&p),
                                           weft_call_item(burn, 8, 8, &enough), &n,
                                           WEFT_NEVER) == 0);
                CHECK(n == at + 1 && p.cancels == 1 && p.frees == 1);
                CHECK(weft_stream_fold(weft_stream_array(numbers, N, 8),
                                       weft_call_item(burn, 8, 8, &enough), &last,
                                       WEFT_NEVER) == 0);
                CHECK(last == (at ? at - 1 : 0));
                n = 0;
                CHECK(weft_stream_for_each(weft_stream_array(numbers, N, 8),
                                           weft_call_item(burn, 8, 8, &bad), &n,
                                           WEFT_NEVER) == -EPERM);
                CHECK(n == at && strstr(weft_stream_detail(), "for_each"));
                struct fuse zero = { at, 0 };
                CHECK(weft_stream_fold(weft_stream_array(numbers, N, 8),
                                       weft_call_chunk(burn_chunk, 8, 8, &zero), out,
                                       WEFT_NEVER) == (at < 1024 ? 0 : -EINVAL));
        }
}

/* ---- sinks --------------------------------------------------------------------------- */

static void collect_takes_as_many_as_fit(void **state)
{
        uint64_t n = 0;
        (void)state;
        for (size_t room = 0; room < N + 2; room += 499) {
                n = 0;
                memset(out, 0xff, sizeof out);
                CHECK(weft_stream_collect(weft_stream_array(numbers, N, 8), out, room, &n,
                                          WEFT_NEVER) == (room < N ? -EOVERFLOW : 0));
                CHECK(n == (room < N ? room : N) && out[n] == UINT64_MAX);
                CHECK(memcmp(out, numbers, n * 8) == 0);
        }
        CHECK(weft_stream_collect(weft_stream_array(numbers, 0, 8), NULL, 0, NULL,
                                  WEFT_NEVER) == 0);
        for (size_t many = 0; many < N; many = many * 5 + 1) {
                void *items = NULL;
                n = 0;
                CHECK(weft_stream_collect_new(weft_stream_array(numbers, many, 8), &items,
                                              &n, WEFT_NEVER) == 0);
                CHECK(n == many && (!n || memcmp(items, numbers, n * 8) == 0));
                free(items);
        }
}

/* Whatever sink: called again and again, it does each item once. */
static void a_sink_that_ran_out_of_time_goes_on(void **state)
{
        (void)state;
        for (int round = 0; round < 50; round++) {
                struct piecewise p = { .at = numbers, .n = N, .most = 100, .shy = 2 };
                uint64_t n = 0, sum = 0, last = 0, again = 0;
                void *items = NULL;
                int rc = 0;
                weft_stream_t *s = weft_stream_skip(piecewise(&p), 0);
#define UNTIL_DONE(call) \
        do { \
                again++; \
                rc = (call); \
        } while (rc == -ETIMEDOUT || rc == -EAGAIN)
                UNTIL_DONE(weft_stream_collect_new(s, &items, &n, WEFT_NEVER));
                CHECK(rc == 0 && n == N && memcmp(items, numbers, N * 8) == 0);
                free(items);
                CHECK(p.frees == 1);
                p.next = n = 0;
                s = piecewise(&p);
                UNTIL_DONE(weft_stream_collect(s, out, N, &n, WEFT_NOW));
                CHECK(rc == 0 && n == N && memcmp(out, numbers, N * 8) == 0);
                p.next = n = 0;
                s = piecewise(&p);
                UNTIL_DONE(weft_stream_fold(s, call_sum_item(), &sum, WEFT_NOW));
                CHECK(rc == 0 && sum == (uint64_t)N * (N - 1) / 2);
                p.next = n = 0;
                s = piecewise(&p);
                UNTIL_DONE(weft_stream_count(s, &n, WEFT_NOW));
                CHECK(rc == 0 && n == N);
                p.next = n = 0;
                s = piecewise(&p);
                UNTIL_DONE(weft_stream_last(s, &last, &n, WEFT_NOW));
                CHECK(rc == 1 && last == N - 1 && n == N);
                p.next = n = 0;
                s = piecewise(&p);
                UNTIL_DONE(weft_stream_first(s, &last, WEFT_NOW));
                CHECK(rc == 1 && last == 0 && p.frees == 6);
                CHECK(again > 6);
        }
        uint64_t x = 0, n = 0;
        CHECK(weft_stream_first(weft_stream_array(&x, 0, 8), &x, WEFT_NEVER) == 0);
        CHECK(weft_stream_last(weft_stream_array(&x, 0, 8), &x, &n, WEFT_NEVER) == 0);
}

/* ---- operators of their own mind --------------------------------------------------------- */

static void the_part_ahead_waits_for_the_other(void **state)
{
        (void)state;
        for (size_t room = 1; room < 200; room = room * 2 + 1) {
                weft_stream_t *a = NULL, *b = NULL;
                struct piecewise p = { .at = numbers, .n = N, .most = N };
                size_t got = 0;
                weft_stream_tee(piecewise(&p), room, &a, &b);
                for (;;) {
                        int64_t rc = weft_stream_pull(a, out + got, 7, WEFT_NEVER);
                        if (rc < 0) {
                                CHECK(rc == -EAGAIN);
                                break;
                        }
                        got += (size_t)rc;
                }
                CHECK(got == room);
                CHECK(weft_stream_pull(b, out, 1, WEFT_NEVER) == 1 && out[0] == 0);
                CHECK(weft_stream_pull(a, out, 7, WEFT_NEVER) == 1 && out[0] == room);
                weft_stream_free(b); /* now it goes on alone */
                uint64_t n = 0;
                CHECK(p.cancels == 0);
                CHECK(weft_stream_count(a, &n, WEFT_NEVER) == 0 && n == N - room - 1);
                CHECK(p.frees == 1);
                /* Both gone. */
                p = (struct piecewise){ .at = numbers, .n = N, .most = N };
                weft_stream_partition(piecewise(&p), call_odd_item(), room + 1, &a, &b);
                CHECK(weft_stream_pull(a, out, room, WEFT_NEVER) > 0 && out[0] == 1);
                weft_stream_cancel(a);
                CHECK(p.cancels == 0);
                CHECK(weft_stream_pull(b, out, 1, WEFT_NEVER) == 1 && out[0] == 0);
                weft_stream_cancel(b);
                CHECK(p.cancels == 1 && p.frees == 0);
                weft_stream_free(a);
                CHECK(p.frees == 0);
                weft_stream_free(b);
                CHECK(p.frees == 1);
        }
}

static void a_part_hears_of_the_error_behind_its_items(void **state)
{
        weft_stream_t *a = NULL, *b = NULL;
        struct piecewise p = { .at = numbers, .n = 10, .most = 3, .error = -EPIPE };
        uint64_t n = 0;
        (void)state;
        weft_stream_partition(piecewise(&p), call_odd_item(), 20, &a, &b);
        CHECK(weft_stream_count(a, &n, WEFT_NEVER) == -EPIPE && n == 5);
        n = 0;
        CHECK(weft_stream_collect(b, out, N, &n, WEFT_NEVER) == -EPIPE && n == 5);
        CHECK(out[0] == 0 && out[4] == 8 && p.frees == 1 && p.after_end == 0);
        struct fuse fuse = { 6, -EPERM };
        p = (struct piecewise){ .at = numbers, .n = 10, .most = 10 };
        weft_stream_partition(piecewise(&p), weft_call_item(burn, 8, 8, &fuse), 20, &a,
                              &b);
        n = 0;
        CHECK(weft_stream_count(b, &n, WEFT_NEVER) == -EPERM && n == 0);
        CHECK(weft_stream_count(a, &n, WEFT_NEVER) == -EPERM && n == 6);
        CHECK(p.frees == 1);
}

/* A source that fails so many times, after `next` items. */
static void retry_begins_again_so_often(void **state)
{
        (void)state;
        for (uint64_t times = 0; times < 5; times++) {
                struct piecewise p = {
                        .at = numbers, .n = 10, .most = 4, .error = -EPIPE
                };
                uint64_t n = 0;
                weft_stream_t *s = weft_stream_retry(piecewise(&p), times);
                CHECK(weft_stream_collect(s, out, N, &n, WEFT_NEVER) == -EPIPE);
                CHECK(n == 10 * (times + 1) && p.rewinds == times);
                for (size_t i = 0; i < n; i++)
                        CHECK(out[i] == i % 10);
                p = (struct piecewise){ .at = numbers, .n = 10, .most = 4 };
                n = 0;
                s = weft_stream_repeat(piecewise(&p), times + 1);
                CHECK(weft_stream_collect(s, out, N, &n, WEFT_NEVER) == 0);
                CHECK(n == 10 * (times + 1) && p.rewinds == times);
        }
        uint64_t n = 0;
        weft_stream_t *s = weft_stream_repeat(weft_stream_range(0, 0, 1), 0);
        CHECK(weft_stream_count(s, &n, WEFT_NEVER) == 0 && n == 0);
        s = weft_stream_repeat(weft_stream_range(0, 3, 1), 0);
        CHECK(weft_stream_count(weft_stream_take(s, 1000), &n, WEFT_NEVER) == 0);
        CHECK(n == 1000);
        /* What cannot begin again: the error itself; or that it cannot. */
        struct piecewise p = { .at = numbers, .n = 10, .most = 4, .error = -EPIPE };
        CHECK(weft_stream_count(weft_stream_retry(on_tee(piecewise(&p)), 3), &n,
                                WEFT_NEVER) == -EPIPE);
        p = (struct piecewise){ .at = numbers, .n = 10, .most = 4 };
        CHECK(weft_stream_count(weft_stream_repeat(on_tee(piecewise(&p)), 3), &n,
                                WEFT_NEVER) == -ENOTSUP);
        /* One that fails at once and for ever has an end in time. */
        p = (struct piecewise){ .at = numbers, .n = 0, .most = 4, .error = -EPIPE };
        s = weft_stream_retry(piecewise(&p), UINT64_MAX);
        CHECK(weft_stream_pull(s, out, 1, WEFT_NOW) == -EAGAIN);
        CHECK(weft_stream_pull(s, out, 1, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
        weft_stream_free(s);
}

static void on_error_goes_on_with_another(void **state)
{
        struct piecewise p = { .at = numbers, .n = 10, .most = 4, .error = -EPIPE };
        uint64_t n = 0;
        (void)state;
        weft_stream_t *s = weft_stream_on_error(
                piecewise(&p), weft_stream_on_error(weft_stream_failed(-ENOENT),
                                                    weft_stream_range(100, 5, 1)));
        CHECK(weft_stream_collect(s, out, N, &n, WEFT_NEVER) == 0 && n == 15);
        CHECK(out[9] == 9 && out[10] == 100 && out[14] == 104 && p.frees == 1);
        p = (struct piecewise){ .at = numbers, .n = 10, .most = 4 };
        n = 0;
        s = weft_stream_on_error(piecewise(&p), weft_stream_range(100, 5, 1));
        CHECK(weft_stream_count(s, &n, WEFT_NEVER) == 0 && n == 10);
}

static void distinct_says_when_it_is_full(void **state)
{
        uint64_t n = 0;
        (void)state;
        CHECK(weft_stream_collect(
                      weft_stream_distinct(weft_stream_array(numbers, N, 8), 1500), out,
                      N, &n, WEFT_NEVER) == -EOVERFLOW);
        CHECK(n == 1500 && memcmp(out, numbers, n * 8) == 0);
}

/* ---- items of every size, and functions by name -------------------------------------------- */

static int mark(const void *in, void *to, const void *argument)
{
        size_t bytes = *(const uint32_t *)argument;
        CHECK(in != to);
        memset(to, 1 + *(const uint8_t *)in, bytes);
        return 0;
}

static void items_may_be_huge(void **state)
{
        static const uint32_t sizes[] = { 1, 3, 24, 4095, 4096, 9000, 70001, 1 << 22 };
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                uint32_t bytes = sizes[i];
                uint8_t *item = calloc(7, bytes), *got = malloc(7 * (size_t)bytes);
                uint64_t n = 0;
                for (size_t k = 0; k < 7; k++)
                        memset(item + k * bytes, (int)(2 * k), bytes);
                weft_stream_t *s = weft_stream_array(item, 7, bytes);
                CHECK(weft_stream_chunk_items(s) >= 1);
                CHECK(weft_stream_chunk_items(s) <= 1024);
                s = weft_stream_map(s, weft_call_item(mark, bytes, bytes, &bytes));
                s = weft_stream_distinct(s, 7);
                s = weft_stream_distinct_until_changed(s);
                s = weft_stream_chunk(s, 3);
                CHECK(weft_stream_item_bytes(s) == 8 + 3 * bytes);
                uint8_t *chunk = malloc(8 + 3 * (size_t)bytes);
                for (size_t k = 0; k < 7; k += 3) {
                        CHECK(weft_stream_next(s, chunk, WEFT_NEVER) == 1);
                        uint64_t count = weft_chunk_count(chunk);
                        CHECK(count == (k == 6 ? 1 : 3));
                        memcpy(got + n * bytes, weft_chunk_items(chunk), count * bytes);
                        n += count;
                }
                CHECK(n == 7 && weft_stream_next(s, chunk, WEFT_NEVER) == 0);
                for (size_t k = 0; k < 7; k++)
                        CHECK(got[k * bytes] == 1 + 2 * k &&
                              got[(k + 1) * bytes - 1] == 1 + 2 * k);
                weft_stream_free(s);
                free(chunk);
                free(item);
                free(got);
        }
}

WEFT_FUNCTION_ITEM("test.3x5", item_3x5, WEFT_TYPE(uint64_t, "u64"),
                   WEFT_TYPE(uint64_t, "u64"))
WEFT_FUNCTION_CHUNK("test.odd", chunk_odd, WEFT_TYPE(uint64_t, "u64"),
                    WEFT_TYPE(uint64_t, "u64"))
WEFT_FUNCTION_ITEM("test.sum", item_add, WEFT_TYPE(uint64_t, "u64"),
                   WEFT_TYPE(uint64_t, NULL))
WEFT_FUNCTION_ITEM("test.other", item_3x5, WEFT_TYPE(uint64_t, "another"),
                   WEFT_TYPE(uint64_t, "another"))

static void functions_are_found_by_name(void **state)
{
        uint64_t sum = 0, want = 0;
        (void)state;
        weft_stream_t *s = weft_stream_array(numbers, N, 8);
        s = weft_stream_map(s, weft_call_name("test.3x5", NULL));
        s = weft_stream_filter(s, weft_call_name("test.odd", NULL));
        s = weft_stream_map(s, weft_call_name("test.3x5", NULL));
        CHECK(weft_stream_fold(s, weft_call_name("test.sum", NULL), &sum, WEFT_NEVER) ==
              0);
        for (size_t i = 0; i < N; i++)
                if ((numbers[i] * 3 + 5) & 1)
                        want += (numbers[i] * 3 + 5) * 3 + 5;
        CHECK(sum == want);
        s = weft_stream_array("abcd", 1, 4);
        s = weft_stream_map(s, weft_call_name("test.3x5", NULL));
        CHECK(weft_stream_error(s) == -EPROTO &&
              strstr(weft_stream_detail(), "test.3x5"));
        weft_stream_free(s);
        s = weft_stream_array(numbers, N, 8);
        s = weft_stream_take(weft_stream_map(s, weft_call_name("test.3x5", NULL)), 5);
        s = weft_stream_map(s, weft_call_name("test.other", NULL)); /* the tags differ */
        CHECK(weft_stream_error(s) == -EPROTO);
        weft_stream_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_item_function_fails_at_its_item),
                cmocka_unit_test(a_chunk_function_takes_its_chunk_with_it),
                cmocka_unit_test(sinks_stop_where_they_are_told_to),
                cmocka_unit_test(collect_takes_as_many_as_fit),
                cmocka_unit_test(a_sink_that_ran_out_of_time_goes_on),
                cmocka_unit_test(the_part_ahead_waits_for_the_other),
                cmocka_unit_test(a_part_hears_of_the_error_behind_its_items),
                cmocka_unit_test(retry_begins_again_so_often),
                cmocka_unit_test(on_error_goes_on_with_another),
                cmocka_unit_test(distinct_says_when_it_is_full),
                cmocka_unit_test(items_may_be_huge),
                cmocka_unit_test(functions_are_found_by_name),
        };
        return cmocka_run_group_tests(tests, set_up, NULL);
}
