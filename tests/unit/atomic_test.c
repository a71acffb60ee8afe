/* tests/unit/atomic_test.c -- the operation that is written in assembly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/atomic.h"

static weft_a128_t cell;

static struct weft_pair now(void)
{
        return (struct weft_pair){ weft_load_rlx(&cell.lo), weft_load_rlx(&cell.hi) };
}

static void expect(uint64_t lo, uint64_t hi)
{
        assert_true(now().lo == lo && now().hi == hi);
}

/* The compiler may know that several of what it is given are the same. */
static __attribute__((noinline)) bool both_halves(struct weft_pair *was, uint64_t x)
{
        return weft_cas16_acq_rel(&cell, was, (struct weft_pair){ x, x });
}

static __attribute__((noinline)) bool its_address(weft_a128_t *at, struct weft_pair *was)
{
        return weft_cas16_acq_rel(at, was, (struct weft_pair){ (uintptr_t)at, 9 });
}

static __attribute__((noinline)) bool what_is_there(struct weft_pair *was)
{
        return weft_cas16_acq_rel(&cell, was, *was);
}

static void a_pair_is_exchanged_if_it_is_as_expected(void **state)
{
        struct weft_pair was = { 0, 0 };
        (void)state;
        assert_true(weft_cas16_acq_rel(&cell, &was, (struct weft_pair){ 1, 2 }));
        expect(1, 2);
        assert_false(weft_cas16_acq_rel(&cell, &was, (struct weft_pair){ 3, 4 }));
        expect(1, 2);
        assert_true(was.lo == 1 && was.hi == 2);
        assert_true(both_halves(&was, 5));
        expect(5, 5);
        assert_false(both_halves(&was, 6));
        expect(5, 5);
        assert_true(its_address(&cell, &was));
        expect((uintptr_t)&cell, 9);
        was = now();
        assert_true(what_is_there(&was));
        expect((uintptr_t)&cell, 9);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pair_is_exchanged_if_it_is_as_expected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
