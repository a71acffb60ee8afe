/* tests/unit/stream_inline_test.c -- chains of <weft/stream_inline.h>: beside loops, and
 * with dynamic streams on both sides. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/check.h"
#include "tests/unit/stream_inline_chains.h"

static weft_stream_t *numbers(uint64_t n)
{
        return weft_stream_range(0, n, 1);
}

static void chains_are_loops(void **state)
{
        (void)state;
        assert_int_equal(chains(numbers), 0);
}

static void a_chain_is_a_function_of_a_stream_and_its_sink(void **state)
{
        uint64_t sum = 0, plain = 0;
        (void)state;
        weft_stream_t *s = weft_stream_map(
                numbers(5000), weft_call_chunk(chains_odd_squares, 8, 8, NULL));
        WEFT_PULLER(uint64_t, p, 100, s, WEFT_NEVER);
        WEFT_FROM_STREAM(uint64_t, x, p)
        {
                WEFT_FILTER(x % 3);
                WEFT_FOLD(sum, sum + x);
        }
        assert_int_equal(WEFT_PULLER_END(p), 0);
        for (uint64_t i = 1; i < 5000; i += 2)
                if (i * i % 3)
                        plain += i * i;
        assert_int_equal(sum, plain);
}

/* 0, 1, ... and between two of them nothing for once; then an error. */
static int64_t now_and_then(void *context, void *items, size_t n, uint64_t deadline)
{
        uint64_t *turn = context;
        (void)n;
        CHECK(deadline == WEFT_NOW);
        if ((*turn)++ % 2)
                return -EAGAIN;
        if (*turn > 20)
                return -EXDEV;
        *(uint64_t *)items = *turn / 2;
        return 1;
}

static void a_loop_goes_on_after_its_deadline(void **state)
{
        uint64_t turn = 0, seen = 0, loops = 0;
        (void)state;
        weft_stream_t *s = weft_stream_function(now_and_then, &turn, 8);
        WEFT_PULLER(uint64_t, p, 4, s, WEFT_NOW);
        do {
                WEFT_FROM_STREAM(uint64_t, x, p)
                CHECK(x == seen++);
                loops++;
        } while (WEFT_PULLER_ERROR(p) == -EAGAIN);
        assert_int_equal(seen, 10);
        assert_int_equal(loops, 11);
        assert_int_equal(WEFT_PULLER_END(p), -EXDEV);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(chains_are_loops),
                cmocka_unit_test(a_chain_is_a_function_of_a_stream_and_its_sink),
                cmocka_unit_test(a_loop_goes_on_after_its_deadline),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
