/* tests/unit/stream_window_test.c -- windows by count and time, groups by key, beside
 * plain loops; with random items, chunks and deadlines. */
#include "tests/unit/stream_time_kit.h"

static struct kit_script script;
static struct kit_run run;

static size_t size, step;
static uint64_t ns;
static struct weft_call call;

/* ---- windows by count ------------------------------------------------------------- */

static weft_stream_t *window_of(weft_stream_t *s)
{
        return weft_stream_window(s, size, step, call);
}

static void windows_are_those_of_a_loop(void **state)
{
        (void)state;
        call = weft_call_chunk(kit_sum_up, 8, sizeof(struct kit_window), NULL);
        for (int round = 0; round < 150; round++) {
                size_t n = kit_random(100), windows = 0, seen = 0;
                size = 1 + kit_random(12);
                step = 1 + kit_random(12);
                kit_write(&script, n, 1000, round % 2 ? 5 : 0);
                kit_laws(window_of, &script, &run, 20);
                const struct kit_window *w = (const void *)run.out;
                for (size_t at = 0; at < n; at += step) {
                        size_t end = at + size < n ? at + size : n;
                        uint64_t sum = 0;
                        if (end - at < size && end <= seen)
                                break;
                        for (size_t i = at; i < end; i++)
                                sum += script.step[i].value;
                        CHECK(windows < run.n && w[windows].n == end - at);
                        CHECK(w[windows].sum == sum);
                        CHECK(w[windows].last == script.step[end - 1].value);
                        windows++;
                        seen = end;
                }
                CHECK(windows == run.n);
        }
}

static void tumbling_windows_one_behind_the_other_are_the_stream(void **state)
{
        (void)state;
        call = weft_call_chunk(kit_copy, 8, 8, NULL);
        for (int round = 0; round < 100; round++) {
                const uint64_t *out = (const void *)run.out;
                size = step = 1 + kit_random(300);
                kit_write(&script, kit_random(KIT_STEPS), 1000, round % 2 ? 5 : 0);
                kit_laws(window_of, &script, &run, 20);
                CHECK(run.n == script.n);
                for (size_t i = 0; i < run.n; i++)
                        CHECK(out[i] == script.step[i].value);
        }
}

/* Gives each item as often as it says. */
static int64_t many(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out, k = 0;
        (void)argument;
        for (size_t i = 0; i < n; i++)
                for (uint64_t j = 0; j < from[i]; j++, k++) {
                        if (k == room)
                                return -EOVERFLOW;
                        to[k] = from[i];
                }
        return (int64_t)k;
}

static void a_function_that_needs_room_gets_it(void **state)
{
        (void)state;
        call = weft_call_chunk(many, 8, 8, NULL);
        for (int round = 0; round < 30; round++) {
                const uint64_t *out = (const void *)run.out;
                size_t k = 0;
                size = step = 1 + kit_random(5);
                kit_write(&script, kit_random(40), round % 3 ? 150 : 4, 2);
                kit_laws(window_of, &script, &run, 20);
                for (size_t i = 0; i < script.n; i++)
                        for (uint64_t j = 0; j < script.step[i].value; j++)
                                CHECK(out[k++] == script.step[i].value);
                CHECK(k == run.n);
        }
}

static int64_t never_enough(const void *in, size_t n, void *out, size_t room,
                            const void *argument)
{
        (void)in, (void)n, (void)out, (void)room, (void)argument;
        return -EOVERFLOW;
}

static int64_t fails(const void *in, size_t n, void *out, size_t room,
                     const void *argument)
{
        (void)in, (void)n, (void)out, (void)room;
        return *(const int *)argument;
}

static int one(const void *in, void *out, const void *argument)
{
        (void)argument;
        memcpy(out, in, 8);
        return 0;
}

static void what_is_wrong_with_windows_is_said(void **state)
{
        static const int wrong[] = { -EDOM, -EAGAIN, 1 << 20, -5000 };
        static const int64_t said[] = { -EDOM, -ECANCELED, -EINVAL, -EINVAL };
        uint64_t item;
        (void)state;
        kit_write(&script, 20, 0, 0);
        weft_stream_t *s = weft_stream_window(kit_stream(&script), 0, 1, call);
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == -EINVAL);
        weft_stream_free(s);
        CHECK(script.freed == 1);
        s = weft_stream_window(kit_stream(&script), 4, 1,
                               weft_call_item(one, 8, 8, NULL));
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == -EINVAL);
        CHECK(strstr(weft_stream_detail(), "window"));
        weft_stream_free(s);
        s = weft_stream_window(kit_stream(&script), 4, 1,
                               weft_call_chunk(kit_copy, 4, 8, NULL));
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == -EPROTO);
        weft_stream_free(s);
        s = weft_stream_window(NULL, 4, 1, weft_call_chunk(kit_copy, 8, 8, NULL));
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == -EINVAL);
        weft_stream_free(s);
        s = weft_stream_window(weft_stream_failed(-ENXIO), 4, 1,
                               weft_call_chunk(kit_copy, 8, 8, NULL));
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == -ENXIO);
        weft_stream_free(s);
        s = weft_stream_window(kit_stream(&script), 4, 4,
                               weft_call_chunk(never_enough, 8, 8, NULL));
        CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == -EOVERFLOW);
        weft_stream_free(s);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                s = weft_stream_window(kit_stream(&script), 4, 4,
                                       weft_call_chunk(fails, 8, 8, &wrong[i]));
                CHECK(weft_stream_pull(s, &item, 1, WEFT_NEVER) == said[i]);
                CHECK(script.cancelled == 1);
                weft_stream_free(s);
        }
}

/* ---- windows by time ------------------------------------------------------------------ */

static weft_stream_t *batch_of(weft_stream_t *s)
{
        return weft_stream_batch(s, size, ns, call);
}

static weft_stream_t *stretch_of(weft_stream_t *s)
{
        return weft_stream_window_time(s, ns, size, call);
}

/* Items that come at one time may be pulled one by one, so each is at its script's time. */
static void times_are_those_of_a_loop(bool stretches)
{
        call = weft_call_chunk(kit_sum_up, 8, sizeof(struct kit_window), NULL);
        for (int round = 0; round < 150; round++) {
                size_t windows = 0, i = 0;
                size = 1 + kit_random(12);
                ns = 1 + kit_random(50);
                kit_write(&script, kit_random(100), 1000, kit_random(30));
                kit_laws(stretches ? stretch_of : batch_of, &script, &run, 60);
                const struct kit_window *w = (const void *)run.out;
                while (i < script.n) {
                        size_t from = i;
                        uint64_t at = script.step[i].at, sum = 0;
                        uint64_t until = stretches ? at - at % ns + ns : at + ns;
                        while (i < script.n && script.step[i].at < until &&
                               i - from < size)
                                sum += script.step[i++].value;
                        CHECK(windows < run.n && w[windows].n == i - from);
                        CHECK(w[windows].sum == sum);
                        windows++;
                }
                CHECK(windows == run.n);
        }
}

static void batches_are_those_of_a_loop(void **state)
{
        (void)state;
        times_are_those_of_a_loop(false);
}

static void stretches_are_those_of_a_loop(void **state)
{
        (void)state;
        times_are_those_of_a_loop(true);
}

static void a_batch_is_given_when_it_is_old(void **state)
{
        struct kit_window w;
        (void)state;
        call = weft_call_chunk(kit_sum_up, 8, sizeof w, NULL);
        kit_write(&script, 3, 0, 0);
        script.step[1].at = 10;
        script.step[2].at = 500;
        script.end_at = 1000;
        weft_stream_t *s = weft_stream_batch(kit_stream(&script), 100, 50, call);
        uint64_t begin = kit_now;
        CHECK(weft_stream_pull(s, &w, 1, WEFT_NOW) == -EAGAIN);
        CHECK(weft_stream_pull(s, &w, 1, begin + 30) == -ETIMEDOUT);
        CHECK(kit_now == begin + 30);
        CHECK(weft_stream_pull(s, &w, 1, begin + 300) == 1);
        CHECK(kit_now == begin + 50 && w.n == 2 && w.first == 0 && w.last == 1);
        CHECK(weft_stream_pull(s, &w, 1, WEFT_NEVER) == 1);
        CHECK(kit_now == begin + 550 && w.n == 1 && w.first == 2);
        CHECK(weft_stream_pull(s, &w, 1, WEFT_NEVER) == 0);
        CHECK(kit_now == begin + 1000);
        weft_stream_free(s);
        s = weft_stream_batch(kit_stream(&script), 0, 50, call);
        CHECK(weft_stream_error(s) == -EINVAL);
        weft_stream_free(s);
        s = weft_stream_window_time(kit_stream(&script), 0, 4, call);
        CHECK(weft_stream_error(s) == -EINVAL);
        weft_stream_free(s);
}

/* ---- groups --------------------------------------------------------------------------- */

struct pair {
        uint32_t key;
        uint64_t state;
};

static int key_of(const void *in, void *out, const void *argument)
{
        uint32_t key = (uint32_t)(*(const uint64_t *)in % *(const uint64_t *)argument);
        memcpy(out, &key, sizeof key);
        return key == 3; /* belongs to no group */
}

static int add(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(uint64_t *)out += *(const uint64_t *)in;
        return 0;
}

static uint64_t mod, first_state = 100;
static struct weft_stream_groups groups;

static weft_stream_t *groups_of(weft_stream_t *s)
{
        return weft_stream_group_by(s, &groups);
}

/* What a loop would give, `most` and `every` included. */
static size_t plain_groups(struct pair *out)
{
        size_t done = 0, count = 0;
        uint64_t items = 0;
        for (size_t i = 0; i < script.n; i++) {
                uint32_t key = (uint32_t)(script.step[i].value % mod);
                size_t at = done;
                while (key != 3 && at < done + count && out[at].key != key)
                        at++;
                if (key != 3 && at == done + count && count == groups.most) {
                        CHECK(groups.flags & WEFT_STREAM_GROUPS_SPILL);
                        done += count;
                        items = count = 0;
                        at = done;
                }
                if (key != 3 && at == done + count) {
                        out[at] = (struct pair){ .key = key, .state = first_state };
                        count++;
                }
                if (key != 3)
                        out[at].state += script.step[i].value;
                if (groups.every && ++items == groups.every) {
                        done += count;
                        items = count = 0;
                }
        }
        return done + count;
}

static void groups_are_those_of_a_loop(void **state)
{
        static struct pair plain[KIT_STEPS];
        (void)state;
        for (int round = 0; round < 150; round++) {
                mod = 1 + kit_random(round % 4 ? 20 : 400);
                groups = (struct weft_stream_groups){
                        .key = weft_call_item(key_of, 8, 4, &mod),
                        .fold = weft_call_item(add, 8, 8, NULL),
                        .initial = &first_state,
                        .state_bytes = 8,
                        .most = 1000,
                        .every = round % 2 ? 1 + kit_random(50) : 0,
                };
                if (round % 3 == 0) {
                        groups.flags = WEFT_STREAM_GROUPS_SPILL;
                        groups.most = 1 + kit_random(10);
                }
                kit_write(&script, kit_random(KIT_STEPS), 100000, kit_random(5));
                kit_laws(groups_of, &script, &run, 60);
                size_t n = plain_groups(plain);
                const struct pair *p = (const void *)run.out;
                CHECK(n == run.n);
                for (size_t i = 0; i < n; i++)
                        CHECK(p[i].key == plain[i].key && p[i].state == plain[i].state);
        }
}

static int count(const void *in, void *out, const void *argument)
{
        uint64_t *n = out;
        (void)in, (void)argument;
        return ++*n == 5 ? -ERANGE : 1;
}

static void one_group_too_many_and_other_errors(void **state)
{
        struct {
                uint64_t key, n;
        } p[4];
        (void)state;
        kit_write(&script, 10, 0, 0);
        script.step[3].value = 1;
        groups = (struct weft_stream_groups){ .key = { .out_bytes = 8 },
                                              .fold = weft_call_item(count, 8, 8, NULL),
                                              .state_bytes = 8,
                                              .most = 3 };
        weft_stream_t *s = weft_stream_group_by(kit_stream(&script), &groups);
        CHECK(weft_stream_item_bytes(s) == 16);
        CHECK(weft_stream_pull(s, p, 4, WEFT_NEVER) == 3);
        CHECK(p[0].key == 0 && p[1].key == 1 && p[2].key == 2 && p[1].n == 2);
        CHECK(weft_stream_pull(s, p, 4, WEFT_NEVER) == -ENOSPC);
        CHECK(script.cancelled == 1);
        weft_stream_free(s);

        for (size_t i = 0; i < 10; i++) /* a fold that fails */
                script.step[i].value = i & 1;
        s = weft_stream_group_by(kit_stream(&script), &groups);
        CHECK(weft_stream_pull(s, p, 1, WEFT_NEVER) == 1 && p[0].n == 5);
        CHECK(weft_stream_pull(s, p, 1, WEFT_NEVER) == 1 && p[0].n == 4);
        CHECK(weft_stream_pull(s, p, 1, WEFT_NEVER) == -ERANGE);
        weft_stream_free(s);

        for (int i = 0; i < 8; i++) {
                struct weft_stream_groups wrong = groups;
                wrong.key.out_bytes = i == 0 ? 0 : i == 1 ? 9 : 8;
                wrong.key.in_bytes = 0;
                wrong.state_bytes = i == 2 ? 0 : 8;
                wrong.most = i == 3 ? 0 : i == 4 ? UINT64_C(1) << 32 : 3;
                wrong.flags = i == 5 ? 2 : 0;
                wrong.state_offset = i == 6 ? 7 : 8;
                wrong.item_bytes = i == 7 ? 15 : 0;
                s = weft_stream_group_by(kit_stream(&script), i == 0 ? NULL : &wrong);
                CHECK(weft_stream_error(s) == -EINVAL);
                weft_stream_free(s);
                CHECK(script.freed == 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup(f, kit_setup)
                T(windows_are_those_of_a_loop),
                T(tumbling_windows_one_behind_the_other_are_the_stream),
                T(a_function_that_needs_room_gets_it),
                T(what_is_wrong_with_windows_is_said),
                T(batches_are_those_of_a_loop),
                T(stretches_are_those_of_a_loop),
                T(a_batch_is_given_when_it_is_old),
                T(groups_are_those_of_a_loop),
                T(one_group_too_many_and_other_errors),
#undef T
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
