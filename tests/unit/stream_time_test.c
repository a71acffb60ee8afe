/* tests/unit/stream_time_test.c -- tickers, sample, throttle, debounce, delay, timeout,
 * beside plain loops, by a clock that moves when somebody waits. */
#include "tests/unit/stream_time_kit.h"

static struct kit_script script, second;
static struct kit_run run;
static uint64_t ns, every;
static size_t most;

static uint64_t at_of(size_t i)
{
        return script.step[i].at;
}

/* What the loop below expects, and the check of it. */
static uint64_t plain[KIT_STEPS];
static size_t plains;

static void expect_run(void)
{
        const uint64_t *out = (const void *)run.out;
        CHECK(run.n == plains);
        for (size_t i = 0; i < plains; i++)
                CHECK(out[i] == plain[i]);
}

static void write_some(void)
{
        kit_write(&script, kit_random(150), 0, kit_random(30));
        ns = 1 + kit_random(40);
        plains = 0;
}

/* ---- sources ------------------------------------------------------------------------ */

static void a_ticker_does_not_drift_and_counts_what_it_missed(void **state)
{
        struct weft_tick tick;
        uint64_t begin = kit_now;
        (void)state;
        weft_stream_t *s = weft_stream_ticker(0, 100);
        CHECK(weft_stream_item_bytes(s) == sizeof tick);
        CHECK(weft_stream_pull(s, &tick, 1, WEFT_NOW) == -EAGAIN);
        CHECK(weft_stream_pull(s, &tick, 1, begin + 40) == -ETIMEDOUT);
        CHECK(kit_now == begin + 40);
        CHECK(weft_stream_pull(s, &tick, 1, WEFT_NEVER) == 1);
        CHECK(kit_now == begin + 100 && tick.at == begin + 100);
        CHECK(tick.number == 0 && tick.missed == 0);
        kit_now += 57; /* late, and on time again */
        CHECK(weft_stream_pull(s, &tick, 1, WEFT_NEVER) == 1);
        CHECK(kit_now == begin + 200 && tick.at == begin + 200 && tick.missed == 0);
        kit_now += 420; /* 300, 400, 500 are missed */
        CHECK(weft_stream_pull(s, &tick, 1, WEFT_NOW) == 1);
        CHECK(kit_now == begin + 620 && tick.at == begin + 600);
        CHECK(tick.number == 5 && tick.missed == 3);
        CHECK(weft_stream_pull(s, &tick, 1, WEFT_NOW) == -EAGAIN);
        CHECK(weft_stream_restart(s) == 0);
        CHECK(weft_stream_pull(s, &tick, 1, WEFT_NEVER) == 1);
        CHECK(tick.at == begin + 720 && tick.number == 0 && tick.missed == 0);
        weft_stream_cancel(s);
        CHECK(weft_stream_pull(s, &tick, 1, WEFT_NEVER) == -ECANCELED);
        weft_stream_free(s);
        s = weft_stream_ticker(begin + 1000, 7);
        CHECK(weft_stream_pull(s, &tick, 1, WEFT_NEVER) == 1);
        CHECK(tick.at == begin + 1000 && kit_now == begin + 1000);
        weft_stream_free(s);
        s = weft_stream_ticker(0, 0);
        CHECK(weft_stream_error(s) == -EINVAL);
        weft_stream_free(s);
        s = weft_stream_ticker(0, WEFT_NEVER); /* never comes */
        CHECK(weft_stream_pull(s, &tick, 1, kit_now + 5) == -ETIMEDOUT);
        weft_stream_free(s);
}

static void an_interval_leaves_nothing_out(void **state)
{
        uint64_t out[8], begin = kit_now;
        (void)state;
        weft_stream_t *s = weft_stream_interval(100);
        CHECK(weft_stream_pull(s, out, 8, WEFT_NEVER) == 1 && out[0] == 0);
        CHECK(kit_now == begin + 100);
        kit_now = begin + 455;
        CHECK(weft_stream_pull(s, out, 2, WEFT_NOW) == 2 && out[0] == 1 && out[1] == 2);
        CHECK(weft_stream_pull(s, out, 8, WEFT_NOW) == 1 && out[0] == 3);
        CHECK(weft_stream_pull(s, out, 8, WEFT_NOW) == -EAGAIN);
        CHECK(weft_stream_pull(s, out, 8, WEFT_NEVER) == 1 && out[0] == 4);
        CHECK(kit_now == begin + 500);
        weft_stream_free(s);
}

static void time_passes_on_the_real_clock_too(void **state)
{
        uint64_t out[8], n = 0;
        (void)state;
        weft_stream_clock = NULL;
        uint64_t begin = weft_now();
        weft_stream_t *s = weft_stream_interval(WEFT_MSEC);
        CHECK(weft_stream_pull(s, out, 8, WEFT_NOW) == -EAGAIN);
        while (n < 3) {
                int64_t got = weft_stream_pull(s, out, 8, begin + 60 * WEFT_SEC);
                CHECK(got > 0);
                n += (uint64_t)got;
        }
        CHECK(weft_now() >= begin + 3 * WEFT_MSEC);
        weft_stream_free(s);
        weft_stream_clock = &kit_clock;
}

/* ---- fewer ---------------------------------------------------------------------------- */

static weft_stream_t *every_of(weft_stream_t *s)
{
        return weft_stream_every(s, every);
}

static void every_nth_goes_on(void **state)
{
        (void)state;
        for (int round = 0; round < 100; round++) {
                write_some();
                every = 1 + kit_random(9);
                kit_laws(every_of, &script, &run, 40);
                for (size_t i = every - 1; i < script.n; i += every)
                        plain[plains++] = script.step[i].value;
                expect_run();
        }
}

static weft_stream_t *sample_of(weft_stream_t *s)
{
        return weft_stream_sample(s, ns);
}

static void samples_are_those_of_a_loop(void **state)
{
        (void)state;
        for (int round = 0; round < 150; round++) {
                write_some();
                kit_laws(sample_of, &script, &run, 50);
                for (size_t i = 0; i < script.n; i++)
                        if (i + 1 == script.n || at_of(i + 1) / ns > at_of(i) / ns)
                                plain[plains++] = script.step[i].value;
                expect_run();
        }
}

static weft_stream_t *debounce_of(weft_stream_t *s)
{
        return weft_stream_debounce(s, ns);
}

static void debounced_items_are_those_of_a_loop(void **state)
{
        (void)state;
        for (int round = 0; round < 150; round++) {
                write_some();
                kit_laws(debounce_of, &script, &run, 50);
                for (size_t i = 0; i < script.n; i++)
                        if (i + 1 == script.n || at_of(i + 1) >= at_of(i) + ns)
                                plain[plains++] = script.step[i].value;
                expect_run();
        }
}

static weft_stream_t *throttle_of(weft_stream_t *s)
{
        return weft_stream_throttle(s, ns);
}

static void throttled_items_are_those_of_a_loop(void **state)
{
        (void)state;
        for (int round = 0; round < 150; round++) {
                uint64_t next = 0;
                write_some();
                kit_laws(throttle_of, &script, &run, 50);
                for (size_t i = 0; i < script.n; i++)
                        if (at_of(i) >= next) {
                                plain[plains++] = script.step[i].value;
                                next = at_of(i) + ns;
                        }
                expect_run();
        }
}

/* ---- later ---------------------------------------------------------------------------- */

static weft_stream_t *delay_of(weft_stream_t *s)
{
        return weft_stream_delay(s, ns, most);
}

static void delayed_items_are_all_there(void **state)
{
        (void)state;
        for (int round = 0; round < 150; round++) {
                write_some();
                most = kit_random(3) ? 1 + kit_random(20) : 0;
                kit_laws(delay_of, &script, &run, 50);
                for (size_t i = 0; i < script.n; i++)
                        plain[plains++] = script.step[i].value;
                expect_run();
        }
}

static void each_comes_when_it_is_due(void **state)
{
        (void)state;
        for (int round = 0; round < 100; round++) {
                uint64_t item, begin = kit_now;
                write_some();
                weft_stream_t *s = weft_stream_delay(kit_stream(&script), ns, 0);
                for (size_t i = 0; i < script.n; i++) {
                        uint64_t due = begin + at_of(i) + ns;
                        while (kit_now < due && kit_random(2)) {
                                int64_t rc = weft_stream_pull(s, &item, 1, due - 1);
                                CHECK(rc == -ETIMEDOUT && kit_now == due - 1);
                                CHECK(weft_stream_pull(s, &item, 1, WEFT_NOW) == -EAGAIN);
                        }
                        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 1);
                        CHECK(kit_now == due && item == script.step[i].value);
                }
                CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 0);
                weft_stream_free(s);
        }
}

/* ---- too late --------------------------------------------------------------------------- */

static weft_stream_t *patient_of(weft_stream_t *s)
{
        return weft_stream_timeout(s, ns, NULL);
}

static void who_is_in_time_is_let_through(void **state)
{
        (void)state;
        for (int round = 0; round < 50; round++) {
                write_some();
                ns = 40;
                kit_laws(patient_of, &script, &run, 70);
                for (size_t i = 0; i < script.n; i++)
                        plain[plains++] = script.step[i].value;
                expect_run();
        }
}

/* Where the first gap is that is too long; n if it is before the end, n + 1: nowhere. */
static size_t gap(void)
{
        uint64_t before = 0;
        for (size_t i = 0; i < script.n; i++) {
                if (at_of(i) > before + ns)
                        return i;
                before = at_of(i);
        }
        return script.n + (script.end_at <= before + ns);
}

static void who_is_late_is_an_error_or_replaced(void **state)
{
        (void)state;
        for (int round = 0; round < 200; round++) {
                bool falls_back = round % 2;
                write_some();
                kit_write(&second, kit_random(20), 0, kit_random(100));
                weft_stream_t *s = weft_stream_timeout(
                        kit_stream(&script), ns, falls_back ? kit_stream(&second) : NULL);
                size_t late = gap();
                second.end = -ENXIO;
                second.begin = script.begin; /* it begins when it is pulled, or before */
                kit_drain(s, &run, 0, round % 3 ? 0 : 50);
                for (size_t i = 0; i < late && i < script.n; i++)
                        plain[plains++] = script.step[i].value;
                for (size_t i = 0; falls_back && late <= script.n && i < second.n; i++)
                        plain[plains++] = second.step[i].value;
                expect_run();
                CHECK(run.end == (late > script.n ? 0 : falls_back ? -ENXIO : -ETIME));
                CHECK(script.cancelled == (late <= script.n));
                weft_stream_free(s);
                CHECK(script.freed == 1 && (!falls_back || second.freed == 1));
        }
}

static void only_waiting_counts_as_waiting(void **state)
{
        uint64_t item;
        (void)state;
        kit_write(&script, 2, 0, 0);
        script.step[1].at = 30;
        script.end_at = 300;
        weft_stream_t *s = weft_stream_timeout(kit_stream(&script), 50, NULL);
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 1);
        kit_now += 1000; /* a slow reader */
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 1);
        script.end_at = 2000;
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NOW) == -EAGAIN);
        CHECK(weft_stream_pull(s, &item, 1, kit_now + 49) == -ETIMEDOUT);
        CHECK(weft_stream_pull(s, &item, 1, kit_now + 49) == -ETIME);
        weft_stream_free(s);
        CHECK(script.freed == 1 && script.cancelled == 1);
        s = weft_stream_timeout(kit_stream(&script), 50, weft_stream_range(7, 9, 1));
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 1 && item == 0);
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 1 && item == 1);
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == 1 && item == 7);
        CHECK(script.cancelled == 1); /* at once */
        weft_stream_free(s);
        s = weft_stream_timeout(kit_stream(&script), 50, weft_stream_ticker(0, 1));
        CHECK(weft_stream_error(s) == -EPROTO && script.freed == 1);
        weft_stream_free(s);
        s = weft_stream_timeout(kit_stream(&script), 50, weft_stream_failed(-ENXIO));
        CHECK(weft_stream_error(s) == -ENXIO && script.freed == 1);
        weft_stream_free(s);
}

static void zeros_are_refused(void **state)
{
        weft_stream_t *(*const of[])(weft_stream_t *) = { sample_of, debounce_of,
                                                          throttle_of, every_of };
        (void)state;
        ns = every = 0;
        kit_write(&script, 3, 0, 0);
        for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
                weft_stream_t *s = of[i](kit_stream(&script));
                CHECK(weft_stream_error(s) == -EINVAL && script.freed == 1);
                weft_stream_free(s);
                s = of[i](NULL);
                CHECK(weft_stream_error(s) == -EINVAL);
                weft_stream_free(s);
                s = of[i](weft_stream_failed(-ENXIO));
                CHECK(weft_stream_error(s) == -ENXIO);
                weft_stream_free(s);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup(f, kit_setup)
                T(a_ticker_does_not_drift_and_counts_what_it_missed),
                T(an_interval_leaves_nothing_out),
                T(time_passes_on_the_real_clock_too),
                T(every_nth_goes_on),
                T(samples_are_those_of_a_loop),
                T(debounced_items_are_those_of_a_loop),
                T(throttled_items_are_those_of_a_loop),
                T(delayed_items_are_all_there),
                T(each_comes_when_it_is_due),
                T(who_is_in_time_is_let_through),
                T(who_is_late_is_an_error_or_replaced),
                T(only_waiting_counts_as_waiting),
                T(zeros_are_refused),
#undef T
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
