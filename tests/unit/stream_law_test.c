/* tests/unit/stream_law_test.c -- the laws of the operators, on random inputs that come in
 * random pieces, and each operator against plain loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include <weft/stream.h>

#include "tests/unit/stream_kit.h"

#define ROUNDS 200
#define MOST 3000

struct input {
        uint64_t at[MOST];
        size_t n;
};

static struct input in;
static uint64_t a[3 * MOST], b[3 * MOST];

static void roll(void)
{
        in.n = (size_t)rnd(4) ? (size_t)rnd(MOST + 1) : (size_t)rnd(4);
        uint64_t range = rnd(2) ? 10 : UINT64_MAX;
        for (size_t i = 0; i < in.n; i++)
                in.at[i] = rnd(range);
}

static weft_stream_t *source(void)
{
        return pieces(in.at, in.n, rnd(3) ? 1 + rnd(64) : MOST);
}

/* Either kind of function for the same thing. */
static struct weft_call times3(void)
{
        static const uint64_t three = 3;
        return rnd(2) ? weft_call_item(item_times, 8, 8, &three)
                      : weft_call_chunk(chunk_times, 8, 8, &three);
}

static struct weft_call plus(const uint64_t *n)
{
        return rnd(2) ? weft_call_item(item_plus, 8, 8, n)
                      : weft_call_chunk(chunk_plus, 8, 8, n);
}

static struct weft_call odd(void)
{
        return rnd(2) ? weft_call_item(item_odd, 8, 8, NULL)
                      : weft_call_chunk(chunk_odd, 8, 8, NULL);
}

static struct weft_call sum(void)
{
        return rnd(2) ? weft_call_item(item_add, 8, 8, NULL)
                      : weft_call_chunk(chunk_add, 8, 8, NULL);
}

/* A sink that ran out of time goes on where it was. */
static void fold(weft_stream_t *s, uint64_t *to)
{
        int rc = 0;
        while ((rc = weft_stream_fold(s, sum(), to, WEFT_NEVER)) == -ETIMEDOUT)
                ;
        CHECK(rc == 0);
}

static void same(weft_stream_t *left, weft_stream_t *right)
{
        size_t n = drain(left, a, 3 * MOST), m = drain(right, b, 3 * MOST);
        CHECK(n == m && memcmp(a, b, n * sizeof *a) == 0);
}

static void equals(weft_stream_t *s, const uint64_t *want, size_t n)
{
        CHECK(drain(s, a, 3 * MOST) == n && memcmp(a, want, n * sizeof *a) == 0);
}

/* ---- laws ---------------------------------------------------------------------- */

static void map_of_map_is_map_of_both(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                static const uint64_t five = 5;
                roll();
                weft_stream_t *s =
                        weft_stream_map(weft_stream_map(source(), times3()), plus(&five));
                same(s, weft_stream_map(source(), weft_call_item(item_3x5, 8, 8, NULL)));
                for (size_t k = 0; k < in.n; k++)
                        b[k] = in.at[k] * 3 + 5;
                equals(weft_stream_map(weft_stream_map(source(), times3()), plus(&five)),
                       b, in.n);
        }
}

static void filter_and_map_change_places(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                roll();
                /* 3x is odd if and only if x is. */
                same(weft_stream_filter(weft_stream_map(source(), times3()), odd()),
                     weft_stream_map(weft_stream_filter(source(), odd()), times3()));
                same(weft_stream_filter(source(), odd()),
                     weft_stream_filter_map(source(),
                                            weft_call_item(item_odd_copy, 8, 8, NULL)));
                size_t n = 0;
                for (size_t k = 0; k < in.n; k++)
                        if (in.at[k] & 1)
                                b[n++] = in.at[k];
                equals(weft_stream_filter(source(), odd()), b, n);
        }
}

static void take_and_skip_are_the_whole(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                roll();
                uint64_t k = rnd(in.n + 3), j = rnd(in.n + 3);
                weft_stream_t *both[] = { weft_stream_take(source(), k),
                                          weft_stream_skip(source(), k) };
                equals(weft_stream_concat(both, 2), in.at, in.n);
                same(weft_stream_take(weft_stream_take(source(), k), j),
                     weft_stream_take(source(), k < j ? k : j));
                same(weft_stream_skip(weft_stream_skip(source(), k), j),
                     weft_stream_skip(source(), k + j));
                same(weft_stream_take(weft_stream_skip(source(), k), j),
                     weft_stream_skip(weft_stream_take(source(), k + j), k));
                weft_stream_t *halves[] = { weft_stream_take_while(source(), odd()),
                                            weft_stream_drop_while(source(), odd()) };
                equals(weft_stream_concat(halves, 2), in.at, in.n);
        }
}

static void fold_of_concat_is_fold_of_fold(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                uint64_t one = 0, two = 0;
                roll();
                weft_stream_t *both[] = { source(), source() };
                fold(weft_stream_concat(both, 2), &one);
                fold(source(), &two);
                fold(source(), &two);
                uint64_t want = 0;
                for (size_t k = 0; k < in.n; k++)
                        want += 2 * in.at[k];
                CHECK(one == two && one == want);
        }
}

static void the_last_of_scan_is_fold(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                uint64_t zero = 0, last = 0, n = 0, folded = 0;
                roll();
                weft_stream_t *s = weft_stream_scan(source(), sum(), &zero);
                int rc = 0;
                while ((rc = weft_stream_last(s, &last, &n, WEFT_NEVER)) == -ETIMEDOUT)
                        ;
                fold(source(), &folded);
                CHECK(rc == (in.n != 0) && n == in.n && last == folded);
                for (size_t k = 0; k < in.n; k++)
                        b[k] = in.at[k] + (k ? b[k - 1] : 0);
                equals(weft_stream_scan(source(), sum(), &zero), b, in.n);
        }
}

static int by_value(const void *x, const void *y)
{
        uint64_t l = *(const uint64_t *)x, r = *(const uint64_t *)y;
        return (l > r) - (l < r);
}

static void parts_together_are_the_whole(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                weft_stream_t *part[2];
                size_t n[2] = { 0, 0 };
                bool over[2] = { false, false };
                roll();
                weft_stream_partition(source(), odd(), 1 + rnd(100), &part[0], &part[1]);
                while (!over[0] || !over[1]) {
                        int who = (int)rnd(2);
                        uint64_t *to = (who ? b : a) + n[who];
                        int64_t got =
                                weft_stream_pull(part[who], to, 1 + rnd(70), WEFT_NEVER);
                        CHECK(got >= 0 || got == -EAGAIN || got == -ETIMEDOUT);
                        over[who] = got == 0;
                        n[who] += got > 0 ? (size_t)got : 0;
                }
                CHECK(n[0] + n[1] == in.n);
                for (size_t k = 0; k < n[0]; k++)
                        CHECK(a[k] & 1);
                for (size_t k = 0; k < n[1]; k++)
                        CHECK(!(b[k] & 1));
                memcpy(a + n[0], b, n[1] * sizeof *a);
                memcpy(b, in.at, in.n * sizeof *b);
                qsort(a, in.n, sizeof *a, by_value);
                qsort(b, in.n, sizeof *b, by_value);
                CHECK(memcmp(a, b, in.n * sizeof *a) == 0);
                weft_stream_free(part[0]);
                weft_stream_free(part[1]);
        }
}

static void both_of_a_tee_get_all(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                weft_stream_t *part[2];
                size_t n[2] = { 0, 0 };
                bool over[2] = { false, false };
                roll();
                weft_stream_tee(source(), 1 + rnd(100), &part[0], &part[1]);
                while (!over[0] || !over[1]) {
                        int who = (int)rnd(2);
                        uint64_t *to = (who ? b : a) + n[who];
                        int64_t got =
                                weft_stream_pull(part[who], to, 1 + rnd(70), WEFT_NEVER);
                        CHECK(got >= 0 || got == -EAGAIN || got == -ETIMEDOUT);
                        over[who] = got == 0;
                        n[who] += got > 0 ? (size_t)got : 0;
                }
                CHECK(n[0] == in.n && n[1] == in.n);
                CHECK(memcmp(a, in.at, in.n * sizeof *a) == 0);
                CHECK(memcmp(b, in.at, in.n * sizeof *b) == 0);
                weft_stream_free(part[0]);
                weft_stream_free(part[1]);
        }
}

/* ---- against plain loops ----------------------------------------------------------- */

static void distinct_is_each_once(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS / 4; i++) {
                size_t n = 0;
                roll();
                if (in.n > 600)
                        in.n = 600; /* the loop below is quadratic */
                for (size_t k = 0; k < in.n; k++) {
                        size_t j = 0;
                        while (j < n && b[j] != in.at[k])
                                j++;
                        if (j == n)
                                b[n++] = in.at[k];
                }
                equals(weft_stream_distinct(source(), rnd(2) ? 0 : n + !n), b, n);
                same(weft_stream_distinct(weft_stream_distinct(source(), 0), 0),
                     weft_stream_distinct(source(), 0));
                n = 0;
                for (size_t k = 0; k < in.n; k++)
                        if (!k || in.at[k] != in.at[k - 1])
                                b[n++] = in.at[k];
                equals(weft_stream_distinct_until_changed(source()), b, n);
        }
}

static void chunk_and_flat_map_undo_each_other(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                uint32_t k = 1 + (uint32_t)rnd(40);
                roll();
                weft_stream_t *s = weft_stream_chunk(source(), k);
                CHECK(weft_stream_item_bytes(s) == 8 + 8 * k);
                s = weft_stream_flat_map(
                        s, weft_call_chunk(chunk_unpack, 8 + 8 * k, 8, &k), k);
                equals(s, in.at, in.n);
                /* Each item once for each of its last bits. */
                size_t n = 0;
                for (size_t j = 0; j < in.n; j++)
                        for (uint64_t m = 0; m < in.at[j] % 3; m++)
                                b[n++] = in.at[j];
                equals(weft_stream_flat_map(source(),
                                            weft_call_chunk(chunk_thirds, 8, 8, NULL), 2),
                       b, n);
        }
}

static void iterate_and_unfold_are_loops(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS / 4; i++) {
                static const uint64_t seven = 7;
                uint64_t seed = rnd(100), n = rnd(MOST);
                for (size_t k = 0; k < n; k++)
                        b[k] = seed + 7 * k;
                weft_stream_t *s = weft_stream_iterate(&seed, 8, plus(&seven));
                equals(weft_stream_take(s, n), b, n);
                equals(weft_stream_range(seed, n, 7), b, n);
                struct count_down from = { n, seed };
                equals(weft_stream_unfold(count_by_seven, &from, sizeof from, 8), b, n);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(map_of_map_is_map_of_both),
                cmocka_unit_test(filter_and_map_change_places),
                cmocka_unit_test(take_and_skip_are_the_whole),
                cmocka_unit_test(fold_of_concat_is_fold_of_fold),
                cmocka_unit_test(the_last_of_scan_is_fold),
                cmocka_unit_test(parts_together_are_the_whole),
                cmocka_unit_test(both_of_a_tee_get_all),
                cmocka_unit_test(distinct_is_each_once),
                cmocka_unit_test(chunk_and_flat_map_undo_each_other),
                cmocka_unit_test(iterate_and_unfold_are_loops),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
