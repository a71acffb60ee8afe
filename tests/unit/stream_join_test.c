/* tests/unit/stream_join_test.c -- merge, take_until, zip, repeat; by a clock that moves
 * when somebody waits, and from queues of an arena. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "tests/unit/stream_time_kit.h"

enum { SCRIPTS = 5 };
static struct kit_script script[SCRIPTS], *other = &script[1];
static struct kit_run run;

/* ---- merge -------------------------------------------------------------------------- */

static weft_stream_t *merge_of_scripts(size_t n)
{
        weft_stream_t *s[SCRIPTS];
        for (size_t i = 0; i < n; i++)
                s[i] = kit_stream(&script[i]);
        return weft_stream_merge(s, n);
}

/* Each stream's items are there once, in its own order. Values tell the stream. */
static void expect_each_in_order(size_t n, bool all)
{
        const uint64_t *out = (const void *)run.out;
        size_t next[SCRIPTS] = { 0 }, total = 0;
        for (size_t i = 0; i < run.n; i++) {
                size_t who = (size_t)(out[i] % SCRIPTS);
                CHECK(who < n && next[who] < script[who].n);
                CHECK(script[who].step[next[who]++].value == out[i]);
        }
        for (size_t i = 0; i < n; i++)
                total += script[i].n;
        CHECK(all ? run.n == total : run.n <= total);
}

static void write_all(size_t n, size_t most, uint64_t apart)
{
        for (size_t i = 0; i < n; i++) {
                kit_write(&script[i], kit_random(most), 0, apart ? kit_random(apart) : 0);
                for (size_t j = 0; j < script[i].n; j++)
                        script[i].step[j].value = j * SCRIPTS + i;
        }
}

static void a_merge_has_all_items_and_each_order(void **state)
{
        (void)state;
        for (int round = 0; round < 200; round++) {
                size_t n = 1 + kit_random(SCRIPTS);
                write_all(n, 100, round % 2 ? 30 : 0);
                weft_stream_t *s = merge_of_scripts(n);
                kit_drain(s, &run, 0, round % 3 ? 0 : 50);
                CHECK(run.end == 0);
                expect_each_in_order(n, true);
                CHECK(weft_stream_restart(s) == 0);
                kit_drain(s, &run, 0, 0);
                expect_each_in_order(n, true);
                weft_stream_free(s);
                for (size_t i = 0; i < n; i++)
                        CHECK(script[i].freed == 1);
        }
}

static void the_error_of_one_ends_a_merge(void **state)
{
        (void)state;
        for (int round = 0; round < 100; round++) {
                size_t n = 2 + kit_random(SCRIPTS - 1), bad = kit_random(n);
                write_all(n, 100, 30);
                script[bad].end = -EIO;
                weft_stream_t *s = merge_of_scripts(n);
                kit_drain(s, &run, 0, round % 3 ? 0 : 50);
                CHECK(run.end == -EIO);
                expect_each_in_order(n, false);
                for (size_t i = 0; i < n; i++) {
                        CHECK(script[i].over);
                        script[i].end = 0;
                }
                CHECK(weft_stream_restart(s) == 0);
                weft_stream_cancel(s);
                CHECK(weft_stream_pull(s, run.out, 1, WEFT_NOW) == -ECANCELED);
                for (size_t i = 0; i < n; i++)
                        CHECK(script[i].over);
                weft_stream_free(s);
        }
}

static void a_merge_is_fair(void **state)
{
        uint64_t out[4];
        size_t got[SCRIPTS] = { 0 };
        (void)state;
        for (size_t i = 0; i < SCRIPTS; i++) {
                kit_write(&script[i], 500, 0, 0);
                script[i].at_once = 4;
                for (size_t j = 0; j < 500; j++)
                        script[i].step[j].value = j * SCRIPTS + i;
        }
        weft_stream_t *s = merge_of_scripts(SCRIPTS);
        for (int i = 0; i < 100 * SCRIPTS; i++) {
                CHECK(weft_stream_pull(s, out, 4, WEFT_NEVER) == 4);
                got[out[0] % SCRIPTS] += 4;
        }
        for (size_t i = 0; i < SCRIPTS; i++)
                CHECK(got[i] == 400);
        weft_stream_free(s);
}

static void a_merge_sleeps_until_the_first_tick(void **state)
{
        uint64_t out, begin = kit_now;
        weft_stream_t *s[2] = { weft_stream_interval(1000), weft_stream_interval(700) };
        static const uint64_t when[] = { 700, 1000, 1400, 2000, 2100 };
        (void)state;
        weft_stream_t *m = weft_stream_merge(s, 2);
        kit_sleeps = 0;
        CHECK(weft_stream_pull(m, &out, 1, begin + 10) == -ETIMEDOUT);
        CHECK(kit_now == begin + 10);
        for (int i = 0; i < 5; i++) {
                CHECK(weft_stream_pull(m, &out, 1, WEFT_NEVER) == 1);
                CHECK(kit_now == begin + when[i]);
        }
        CHECK(kit_sleeps <= 6 + 2); /* once for each, and no more */
        weft_stream_free(m);
}

static void merges_that_cannot_be(void **state)
{
        weft_stream_t *s[3];
        (void)state;
        write_all(3, 10, 0);
        weft_stream_t *m = weft_stream_merge(NULL, 3);
        CHECK(weft_stream_error(m) == -EINVAL);
        weft_stream_free(m);
        m = weft_stream_merge(s, 0);
        CHECK(weft_stream_error(m) == -EINVAL);
        weft_stream_free(m);
        s[0] = kit_stream(&script[0]), s[1] = NULL, s[2] = kit_stream(&script[2]);
        m = weft_stream_merge(s, 3);
        CHECK(weft_stream_error(m) == -EINVAL);
        CHECK(script[0].freed == 1 && script[2].freed == 1);
        weft_stream_free(m);
        s[0] = kit_stream(&script[0]), s[1] = weft_stream_ticker(0, 1);
        m = weft_stream_merge(s, 2);
        CHECK(weft_stream_error(m) == -EPROTO && script[0].freed == 1);
        CHECK(strstr(weft_stream_detail(), "24"));
        weft_stream_free(m);
        s[0] = weft_stream_failed(-ENXIO), s[1] = kit_stream(&script[0]);
        m = weft_stream_merge(s, 2);
        CHECK(weft_stream_error(m) == -ENXIO && script[0].freed == 1);
        weft_stream_free(m);
}

/* ---- take_until ------------------------------------------------------------------------- */

static weft_stream_t *until_of(weft_stream_t *s)
{
        return weft_stream_take_until(s, kit_stream(other));
}

static void items_until_the_other_gives_one(void **state)
{
        (void)state;
        for (int round = 0; round < 200; round++) {
                const uint64_t *out = (const void *)run.out;
                size_t n = 0;
                kit_write(&script[0], kit_random(100), 0, kit_random(30));
                kit_write(other, round % 4 != 0, 0, 0);
                other->step[0].at = kit_random(1500);
                other->end_at = other->n ? other->step[0].at + 1 : kit_random(1500);
                uint64_t until = other->n ? other->step[0].at : UINT64_MAX;
                script[0].tells = other->tells = true;
                weft_stream_t *s = until_of(kit_stream(&script[0]));
                kit_drain(s, &run, 0, round % 3 ? 0 : 50);
                while (n < script[0].n && script[0].step[n].at < until)
                        n++;
                /* What can be had at the very moment may come or not. */
                size_t most = n;
                while (most < script[0].n && script[0].step[most].at <= until)
                        most++;
                CHECK(run.n >= n && run.n <= most && run.end == 0);
                for (size_t i = 0; i < run.n; i++)
                        CHECK(out[i] == i);
                CHECK(script[0].over && other->over);
                CHECK(weft_stream_restart(s) == 0);
                weft_stream_free(s);
                CHECK(script[0].freed == 1 && other->freed == 1);
        }
}

static void an_other_that_ends_or_never_comes_changes_nothing(void **state)
{
        (void)state;
        for (int round = 0; round < 50; round++) {
                kit_write(&script[0], kit_random(100), 0, kit_random(30));
                kit_write(other, 0, 0, 0);
                other->end_at = kit_random(1500);
                kit_laws(until_of, &script[0], &run, 50);
                CHECK(run.n == script[0].n);
                other->end = -EXDEV; /* but its error is one */
                other->end_at = 0;
                weft_stream_t *s = until_of(kit_stream(&script[0]));
                CHECK(weft_stream_pull(s, run.out, 1, WEFT_NEVER) == -EXDEV);
                CHECK(script[0].over);
                weft_stream_free(s);
        }
        weft_stream_t *s = weft_stream_take_until(kit_stream(&script[0]), NULL);
        CHECK(weft_stream_error(s) == -EINVAL && script[0].freed == 1);
        weft_stream_free(s);
}

static void the_moment_is_not_missed_while_the_stream_is_silent(void **state)
{
        uint64_t item, begin = kit_now;
        (void)state;
        kit_write(&script[0], 0, 0, 0);
        script[0].end_at = 10 * WEFT_SEC;
        weft_stream_t *s = weft_stream_take_until(kit_stream(&script[0]),
                                                  weft_stream_interval(WEFT_SEC));
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 0);
        CHECK(kit_now >= begin + WEFT_SEC && kit_now <= begin + WEFT_SEC + WEFT_MSEC);
        weft_stream_free(s);
}

/* ---- zip ---------------------------------------------------------------------------------- */

struct pair {
        uint32_t small;
        uint64_t large;
};

static int halve(const void *in, void *out, const void *argument)
{
        uint32_t v = (uint32_t)(*(const uint64_t *)in);
        (void)argument;
        memcpy(out, &v, sizeof v);
        return 0;
}

static weft_stream_t *zip_of(weft_stream_t *s)
{
        s = weft_stream_map(s, weft_call_item(halve, 8, 4, NULL));
        return weft_stream_zip(s, kit_stream(other), WEFT_ZIP_IN(struct pair, large));
}

static void pairs_are_those_of_a_loop(void **state)
{
        (void)state;
        for (int round = 0; round < 200; round++) {
                kit_write(&script[0], kit_random(100), 0, kit_random(30));
                kit_write(other, kit_random(100), 1000, kit_random(30));
                size_t n = script[0].n < other->n ? script[0].n : other->n;
                const struct pair *p = (const void *)run.out;
                memset(run.out, 0xee, sizeof run.out);
                if (script[0].n <= other->n) {
                        kit_laws(zip_of, &script[0], &run, 50);
                } else {
                        weft_stream_t *s = zip_of(kit_stream(&script[0]));
                        kit_drain(s, &run, 0, round % 3 ? 0 : 50);
                        CHECK(run.end == 0 && script[0].over);
                        weft_stream_free(s);
                }
                CHECK(run.n == n);
                for (size_t i = 0; i < n; i++) {
                        struct pair want;
                        memset(&want, 0, sizeof want); /* what lies between is 0 */
                        want.small = (uint32_t)i;
                        want.large = other->step[i].value;
                        CHECK(memcmp(&p[i], &want, sizeof want) == 0);
                }
                other->end = -EIO;
                weft_stream_t *s = zip_of(kit_stream(&script[0]));
                if (n) { /* begun again in the midst, with items in hand */
                        CHECK(weft_stream_pull(s, run.out, 8, WEFT_NEVER) > 0);
                        CHECK(weft_stream_restart(s) == 0);
                }
                kit_drain(s, &run, 0, 50);
                CHECK(run.n == n && (run.end == 0 || script[0].n >= other->n));
                CHECK(run.end == 0 || run.end == -EIO);
                CHECK(run.end == -EIO || script[0].n <= other->n);
                weft_stream_free(s);
        }
}

static int add_up(const void *in, void *out, const void *argument)
{
        const uint64_t *v = in;
        (void)argument;
        *(uint64_t *)out = v[0] + v[1];
        return 0;
}

static void zipped_with_a_function_and_without_a_struct(void **state)
{
        uint64_t out[100], two[2][100];
        (void)state;
        for (uint64_t i = 0; i < 100; i++)
                two[0][i] = i, two[1][i] = 1000 * i;
        weft_stream_t *s = weft_stream_zip_with(weft_stream_array(two[0], 100, 8),
                                                weft_stream_array(two[1], 100, 8), 0, 0,
                                                weft_call_item(add_up, 16, 8, NULL));
        size_t n = 0;
        for (int64_t got; (got = weft_stream_pull(s, out + n, 100 - n, WEFT_NEVER)) > 0;)
                n += (size_t)got;
        CHECK(n == 100);
        for (uint64_t i = 0; i < 100; i++)
                CHECK(out[i] == 1001 * i);
        weft_stream_free(s);
        s = weft_stream_zip(weft_stream_range(0, 1, 1), weft_stream_range(0, 1, 1), 7, 0);
        CHECK(weft_stream_error(s) == -EPROTO);
        weft_stream_free(s);
        s = weft_stream_zip(weft_stream_range(0, 1, 1), weft_stream_range(0, 1, 1), 8,
                            15);
        CHECK(weft_stream_error(s) == -EPROTO);
        weft_stream_free(s);
        s = weft_stream_zip(weft_stream_range(0, 1, 1), NULL, 0, 0);
        CHECK(weft_stream_error(s) == -EINVAL);
        weft_stream_free(s);
        s = weft_stream_zip(NULL, weft_stream_range(0, 1, 1), 0, 0);
        CHECK(weft_stream_error(s) == -EINVAL);
        weft_stream_free(s);
}

/* ---- repeat ------------------------------------------------------------------------------- */

static uint64_t times;

static weft_stream_t *repeat_of(weft_stream_t *s)
{
        return weft_stream_repeat(s, times);
}

static void as_often_as_it_says(void **state)
{
        (void)state;
        for (int round = 0; round < 100; round++) {
                const uint64_t *out = (const void *)run.out;
                kit_write(&script[0], kit_random(50), 0, kit_random(10));
                times = 1 + kit_random(5);
                weft_stream_t *s = repeat_of(kit_stream(&script[0]));
                for (int again = 0; again < 2; again++) {
                        kit_drain(s, &run, 0, 50);
                        CHECK(run.n == times * script[0].n && run.end == 0);
                        for (size_t i = 0; i < run.n; i++)
                                CHECK(out[i] == i % script[0].n);
                        CHECK(weft_stream_restart(s) == 0);
                }
                weft_stream_free(s);
                CHECK(script[0].freed == 1);
        }
        times = 0; /* for ever */
        kit_write(&script[0], 10, 0, 0);
        weft_stream_t *s = repeat_of(kit_stream(&script[0]));
        for (uint64_t i = 0; i < 1000; i++) {
                uint64_t item;
                CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 1 && item == i % 10);
        }
        script[0].n = 0;
        script[0].next = 0;
        CHECK(weft_stream_pull(s, run.out, 1, WEFT_NEVER) == 0); /* but not for nothing */
        weft_stream_free(s);
        kit_write(&script[0], 3, 0, 0); /* whose second run fails */
        s = repeat_of(kit_stream(&script[0]));
        script[0].no_restart = true;
        kit_drain(s, &run, 0, 0);
        CHECK(run.n == 3 && run.end == -ENOSPC);
        weft_stream_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup(f, kit_setup)
                T(a_merge_has_all_items_and_each_order),
                T(the_error_of_one_ends_a_merge),
                T(a_merge_is_fair),
                T(a_merge_sleeps_until_the_first_tick),
                T(merges_that_cannot_be),
                T(items_until_the_other_gives_one),
                T(an_other_that_ends_or_never_comes_changes_nothing),
                T(the_moment_is_not_missed_while_the_stream_is_silent),
                T(pairs_are_those_of_a_loop),
                T(zipped_with_a_function_and_without_a_struct),
                T(as_often_as_it_says),
#undef T
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
