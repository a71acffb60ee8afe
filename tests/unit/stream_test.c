/* tests/unit/stream_test.c -- what every operator promises: end, error, cancel, deadline,
 * restart, no items, wrong arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/stream_ops.h"

#define N 500
#define ROOM 3000

static uint64_t numbers[N], want[ROOM], have[ROOM];

static int set_up(void **state)
{
        (void)state;
        for (size_t i = 0; i < N; i++)
                numbers[i] = i < 5 ? 2 * i + 1 : rnd(50) * 2 + (i % 3 == 0);
        return 0;
}

static struct piecewise begin(size_t n, size_t most)
{
        return (struct piecewise){ .at = numbers, .n = n, .most = most };
}

/* All of it, kept; then what came. */
static int64_t read_all(weft_stream_t *s, uint64_t *to, size_t each, size_t *n)
{
        for (*n = 0;;) {
                int64_t got = weft_stream_pull(s, to + *n, each, WEFT_NEVER);
                if (got == -ETIMEDOUT || got == -EAGAIN)
                        continue;
                if (got <= 0)
                        return got;
                CHECK((size_t)got <= each);
                *n += (size_t)got;
                CHECK(*n + each <= ROOM);
        }
}

static size_t expect(const struct op *op, size_t n)
{
        struct piecewise p = begin(n, N);
        size_t wanted = 0;
        weft_stream_t *s = apply(op, piecewise(&p));
        CHECK(read_all(s, want, 1000, &wanted) == 0);
        weft_stream_free(s);
        return wanted;
}

/* ---- signals -------------------------------------------------------------------- */

static void an_end_is_told_and_stays(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                size_t wanted = expect(&ops[i], N), n = 0;
                for (size_t each = 1; each < 700; each = each * 3 + 1) {
                        struct piecewise p = begin(N, 1 + rnd(100));
                        weft_stream_t *s = apply(&ops[i], piecewise(&p));
                        CHECK(weft_stream_error(s) == 0);
                        CHECK(read_all(s, have, each, &n) == 0);
                        CHECK(n == wanted && memcmp(have, want, n * 8) == 0);
                        for (int k = 0; k < 3; k++)
                                CHECK(weft_stream_pull(s, have, 1, WEFT_NEVER) == 0);
                        CHECK(p.after_end == 0 && weft_stream_error(s) == 0);
                        weft_stream_cancel(s); /* has ended: nothing happens */
                        CHECK(weft_stream_pull(s, have, 1, WEFT_NEVER) == 0);
                        weft_stream_free(s);
                        CHECK(p.frees == 1 && p.cancels <= 1);
                }
        }
}

static void an_error_comes_after_what_was_before_it(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                size_t wanted = expect(&ops[i], N), n = 0;
                struct piecewise p = begin(N, 64);
                p.error = -EPIPE;
                weft_stream_t *s = apply(&ops[i], piecewise(&p));
                int64_t rc = read_all(s, have, 1 + rnd(100), &n);
                bool early = strcmp(ops[i].name, "take_while") == 0;
                CHECK(rc == (ops[i].heals || early ? 0 : -EPIPE));
                CHECK(n == wanted + ops[i].heals && memcmp(have, want, wanted * 8) == 0);
                for (int k = 0; k < 3; k++)
                        CHECK(weft_stream_pull(s, have, 1, WEFT_NEVER) == rc);
                CHECK(weft_stream_error(s) == rc && p.after_end == 0);
                if (rc)
                        CHECK(strstr(weft_stream_detail(), "piecewise"));
                weft_stream_free(s);
                CHECK(p.frees == 1);
        }
}

static void a_cancel_goes_upstream_once(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                struct piecewise p = begin(N, 64);
                weft_stream_t *s = apply(&ops[i], piecewise(&p));
                CHECK(weft_stream_pull(s, have, 1, WEFT_NEVER) == 1);
                weft_stream_cancel(s);
                weft_stream_cancel(s);
                CHECK(p.cancels == 1);
                unsigned pulls = p.pulls;
                for (int k = 0; k < 3; k++)
                        CHECK(weft_stream_pull(s, have, 1, WEFT_NEVER) == -ECANCELED);
                CHECK(weft_stream_next(s, have, WEFT_NEVER) == -ECANCELED);
                CHECK(p.pulls == pulls && weft_stream_error(s) == -ECANCELED);
                weft_stream_free(s);
                CHECK(p.cancels == 1 && p.frees == 1);
        }
}

static int says_no(const void *in, void *out, const void *argument)
{
        (void)in, (void)out, (void)argument;
        return -EDOM;
}

/* Before anything is freed: who has come to his end wants no more. */
static void who_is_done_cancels_what_is_upstream(void **state)
{
        struct piecewise p = begin(N, 64), other = begin(N, 64);
        (void)state;
        weft_stream_t *s = on_changed(weft_stream_take(piecewise(&p), 10));
        while (weft_stream_pull(s, have, 5, WEFT_NEVER) > 0)
                CHECK(p.cancels == 0);
        CHECK(p.cancels == 1 && weft_stream_error(s) == 0);
        weft_stream_free(s);
        weft_stream_t *both[] = { weft_stream_map(piecewise(&other),
                                                  weft_call_item(says_no, 8, 8, NULL)),
                                  piecewise(&p) };
        p = begin(N, 64);
        s = weft_stream_concat(both, 2);
        CHECK(weft_stream_pull(s, have, 5, WEFT_NEVER) == -EDOM);
        CHECK(p.cancels == 1 && other.cancels == 1);
        weft_stream_free(s);
}

static void a_free_cancels(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                struct piecewise p = begin(N, 64);
                weft_stream_free(apply(&ops[i], piecewise(&p)));
                CHECK(p.cancels == 1 && p.frees == 1 && p.pulls == 0);
        }
        weft_stream_free(NULL);
        weft_stream_cancel(NULL);
}

/* "Not yet" loses nothing, says which, and is no end. */
static void a_deadline_loses_nothing(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                size_t wanted = expect(&ops[i], N), n = 0;
                struct piecewise p = begin(N, 5);
                p.shy = 2;
                weft_stream_t *s = apply(&ops[i], piecewise(&p));
                CHECK(read_all(s, have, 7, &n) == 0);
                CHECK(n == wanted && memcmp(have, want, n * 8) == 0);
                weft_stream_free(s);
                p = begin(N, 5);
                p.shy = 1; /* always */
                s = weft_stream_skip(apply(&ops[i], piecewise(&p)), 10);
                CHECK(weft_stream_pull(s, have, 7, WEFT_NOW) == -EAGAIN);
                CHECK(weft_stream_pull(s, have, 7, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                CHECK(weft_stream_next(s, have, WEFT_NOW) == -EAGAIN);
                CHECK(weft_stream_error(s) == 0);
                weft_stream_free(s);
        }
}

/* Those who have nothing to give look at the time, though their source never waits. */
static void nobody_works_beyond_his_deadline(void **state)
{
        static const uint64_t no = 2;
        uint64_t sum = 0, n = 0;
        (void)state;
        for (int k = 0; k < 6; k++) {
                weft_stream_t *s = weft_stream_iterate(
                        &no, 8, weft_call_item(item_times, 8, 8, &(uint64_t){ 1 }));
                if (k == 0)
                        s = weft_stream_filter(s, call_odd_item());
                if (k == 1)
                        s = weft_stream_filter(s, call_odd_chunk());
                if (k == 2)
                        s = weft_stream_filter_map(
                                s, weft_call_item(item_odd_copy, 8, 8, 0));
                if (k == 3)
                        s = weft_stream_skip(s, UINT64_MAX);
                if (k == 4)
                        s = weft_stream_distinct(weft_stream_skip(s, 1), 1);
                if (k == 4)
                        CHECK(weft_stream_next(s, have, WEFT_NEVER) == 1);
                if (k < 5) {
                        CHECK(weft_stream_pull(s, have, 1, WEFT_NOW) == -EAGAIN);
                        CHECK(weft_stream_pull(s, have, 1, weft_after(WEFT_MSEC)) ==
                              -ETIMEDOUT);
                }
                CHECK(weft_stream_count(s, &n, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                CHECK(weft_stream_fold(s, call_sum_item(), &sum, weft_after(WEFT_MSEC)) ==
                      -ETIMEDOUT);
                weft_stream_free(s);
        }
}

/* ---- again -------------------------------------------------------------------------- */

static void each_run_starts_afresh(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                size_t wanted = expect(&ops[i], N), n = 0;
                struct piecewise p = begin(N, 64);
                weft_stream_t *s = apply(&ops[i], piecewise(&p));
                CHECK(weft_stream_pull(s, have, 3, WEFT_NEVER) > 0);
                if (ops[i].fixed) {
                        CHECK(weft_stream_restart(s) == -ENOTSUP && p.rewinds == 0);
                        weft_stream_free(s);
                        continue;
                }
                for (int k = 0; k < 5; k++) {
                        if (k == 1)
                                weft_stream_cancel(s);
                        if (k == 2) { /* in the midst of what a sink has put back */
                                CHECK(weft_stream_next(s, have, WEFT_NEVER) >= 0);
                                CHECK(weft_stream_next(s, have, WEFT_NEVER) >= 0);
                        }
                        p.error = k == 3 ? -EPIPE : 0;
                        CHECK(weft_stream_restart(s) == 0);
                        int64_t rc = read_all(s, have, 1 + rnd(90), &n);
                        CHECK(rc == 0 || (k == 3 && rc == -EPIPE));
                        CHECK(n - (k == 3 && ops[i].heals) == wanted);
                        CHECK(memcmp(have, want, wanted * 8) == 0);
                }
                weft_stream_free(s);
        }
        CHECK(weft_stream_restart(NULL) == -EINVAL);
        weft_stream_t *s = weft_stream_failed(-ENOENT);
        CHECK(weft_stream_restart(s) == -ENOENT);
        weft_stream_free(s);
}

static void no_items_are_no_items(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                struct piecewise p = begin(0, 1);
                size_t n = 0, made = strcmp(ops[i].name, "concat") ? 0 : 10;
                weft_stream_t *s = apply(&ops[i], piecewise(&p));
                CHECK(weft_stream_pull(s, have, 0, WEFT_NEVER) == 0 && !p.pulls);
                CHECK(read_all(s, have, 9, &n) == 0 && n == made);
                weft_stream_free(s);
        }
}

/* ---- wrong arguments ------------------------------------------------------------------- */

static void fails(weft_stream_t *s, int error)
{
        CHECK(weft_stream_error(s) == error && weft_stream_item_bytes(s) == 0);
        CHECK(weft_stream_pull(s, have, 1, WEFT_NEVER) == error);
        CHECK(weft_stream_next(s, have, WEFT_NEVER) == error);
        CHECK(weft_stream_ack(s) == 0);
        weft_stream_cancel(s);
        CHECK(weft_stream_error(s) == error);
        CHECK(weft_stream_count(s, NULL, WEFT_NEVER) == error); /* frees it */
}

static void sizes_that_differ_are_named(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                if (!ops[i].calls)
                        continue;
                struct piecewise p = begin(N, 1);
                struct weft_call f = ops[i].calls();
                f.in_bytes = 12;
                weft_stream_t *s = ops[i].with(piecewise(&p), f);
                CHECK(strstr(weft_stream_detail(), "12 bytes"));
                CHECK(strstr(weft_stream_detail(), "gets 8"));
                CHECK(strstr(weft_stream_detail(), ops[i].name));
                CHECK(p.frees == 1);
                fails(s, -EPROTO);
                p = begin(N, 1);
                f = (struct weft_call){ .argument = &p };
                fails(ops[i].with(piecewise(&p), f), -EINVAL);
                CHECK(p.frees == 1);
                p = begin(N, 1);
                f.name = "nobody knows it";
                s = ops[i].with(piecewise(&p), f);
                CHECK(strstr(weft_stream_detail(), f.name) && p.frees == 1);
                fails(s, -ENOENT);
        }
        weft_stream_t *differ[] = { weft_stream_range(0, 1, 1),
                                    weft_stream_array("abc", 3, 1) };
        fails(weft_stream_concat(differ, 2), -EPROTO);
        fails(weft_stream_on_error(weft_stream_range(0, 1, 1),
                                   weft_stream_array("abc", 3, 1)),
              -EPROTO);
        CHECK(strstr(weft_stream_detail(), "8 bytes, and of 1"));
        uint64_t sum = 0;
        CHECK(weft_stream_fold(weft_stream_array("abc", 3, 1), call_sum_item(), &sum,
                               WEFT_NEVER) == -EPROTO);
        CHECK(strstr(weft_stream_detail(), "takes items of 8 bytes, gets 1"));
}

static void what_failed_before_is_passed_on(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPS; i++) {
                if (!ops[i].heals) {
                        fails(apply(&ops[i], weft_stream_failed(-ENOENT)), -ENOENT);
                        fails(apply(&ops[i], NULL), -EINVAL);
                }
        }
        size_t n = 0;
        weft_stream_t *s = on_on_error_value(weft_stream_failed(-ENOENT));
        CHECK(read_all(s, have, 5, &n) == 0 && n == 1 && have[0] == 3);
        weft_stream_free(s);
        fails(on_on_error_value(NULL), -EINVAL);
        fails(weft_stream_failed(-EAGAIN), -ECANCELED);
        fails(weft_stream_failed(5), -EINVAL);
}

static void nonsense_is_refused(void **state)
{
        static const struct weft_stream_class empty = { .name = "empty" };
        uint64_t x = 0, n = 0;
        struct weft_call f = call_sum_item();
        (void)state;
        fails(weft_stream_array(NULL, 1, 8), -EINVAL);
        fails(weft_stream_array(&x, 1, 0), -EINVAL);
        fails(weft_stream_array(&x, SIZE_MAX, 8), -EINVAL);
        fails(weft_stream_array(&x, 0, UINT32_MAX), -EOVERFLOW);
        fails(weft_stream_iterate(NULL, 8, f), -EINVAL);
        fails(weft_stream_iterate(&x, 4, f), -EPROTO);
        fails(weft_stream_iterate(&x, 8, weft_call_item(item_add, 8, 4, 0)), -EPROTO);
        fails(weft_stream_unfold(NULL, &x, 8, 8), -EINVAL);
        fails(weft_stream_unfold(count_by_seven, NULL, 8, 8), -EINVAL);
        fails(weft_stream_function(NULL, NULL, 8), -EINVAL);
        fails(weft_stream_queue(NULL), -EINVAL);
        fails(weft_stream_new(NULL, NULL, NULL, 0, 8), -EINVAL);
        fails(weft_stream_new(&empty, NULL, NULL, 0, 8), -EINVAL);
        fails(weft_stream_concat(NULL, 2), -EINVAL);
        fails(weft_stream_chunk(weft_stream_range(0, 9, 1), 0), -EINVAL);
        fails(weft_stream_chunk(weft_stream_range(0, 9, 1), UINT32_MAX), -EOVERFLOW);
        fails(weft_stream_scan(weft_stream_range(0, 9, 1), f, NULL), -EINVAL);
        fails(weft_stream_flat_map(weft_stream_range(0, 9, 1), f, 2), -EINVAL);
        fails(weft_stream_flat_map(weft_stream_range(0, 9, 1), call_thirds(), 0),
              -EINVAL);
        fails(weft_stream_filter(weft_stream_range(0, 9, 1),
                                 weft_call_chunk(chunk_odd, 8, 4, NULL)),
              -EPROTO);
        fails(weft_stream_on_error(weft_stream_range(0, 9, 1), NULL), -EINVAL);
        weft_stream_t *a = NULL, *b = NULL;
        weft_stream_tee(weft_stream_range(0, 9, 1), 0, &a, &b);
        fails(a, -EINVAL);
        fails(b, -EINVAL);
        weft_stream_partition(NULL, call_odd_item(), 5, &a, &b);
        fails(a, -EINVAL);
        fails(b, -EINVAL);
        weft_stream_tee(weft_stream_range(0, 9, 1), 5, NULL, &b);
        fails(b, -EINVAL);
        weft_stream_tee(weft_stream_range(0, 9, 1), 5, NULL, NULL);
        weft_stream_partition(weft_stream_range(0, 9, 1), call_odd_item(), 5, &a, NULL);
        fails(a, -EINVAL);
        CHECK(weft_stream_pull(NULL, &x, 1, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_next(NULL, &x, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_fold(NULL, f, &x, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_fold(weft_stream_range(0, 9, 1), f, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_for_each(NULL, f, &n, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_collect(weft_stream_range(0, 9, 1), NULL, 3, &n, WEFT_NOW) ==
              -EINVAL);
        CHECK(weft_stream_collect_new(NULL, NULL, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_first(weft_stream_range(0, 9, 1), NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_last(weft_stream_range(0, 9, 1), &x, NULL, WEFT_NOW) ==
              -EINVAL);
        CHECK(weft_stream_to_queue(weft_stream_range(0, 9, 1), NULL, &n, WEFT_NOW) ==
              -EINVAL);
        CHECK(weft_stream_to_map(NULL, NULL, NULL, NULL, NULL, WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_to_set(weft_stream_range(0, 9, 1), NULL, NULL, NULL, NULL,
                                 WEFT_NOW) == -EINVAL);
        CHECK(weft_stream_upstream(NULL, 0) == NULL &&
              weft_stream_error(NULL) == -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_end_is_told_and_stays),
                cmocka_unit_test(an_error_comes_after_what_was_before_it),
                cmocka_unit_test(a_cancel_goes_upstream_once),
                cmocka_unit_test(who_is_done_cancels_what_is_upstream),
                cmocka_unit_test(a_free_cancels),
                cmocka_unit_test(a_deadline_loses_nothing),
                cmocka_unit_test(nobody_works_beyond_his_deadline),
                cmocka_unit_test(each_run_starts_afresh),
                cmocka_unit_test(no_items_are_no_items),
                cmocka_unit_test(sizes_that_differ_are_named),
                cmocka_unit_test(what_failed_before_is_passed_on),
                cmocka_unit_test(nonsense_is_refused),
        };
        return cmocka_run_group_tests(tests, set_up, NULL);
}
