#define _GNU_SOURCE
#include "tests/unit/barrier_kit.h"

/* ---- deaths: broken ---------------------------------------------------------------- */

static void a_death_breaks_it_until_it_is_reset(void **state)
{
        weft_barrier_t *b = make(3, 0);
        struct party p, q;
        uint64_t phase;

        (void)state;
        party_begin(&p, b);
        party_begin(&q, b);
        tell(&p, WAIT);
        until_waiting(b, 1);
        assert_int_equal(weft_barrier_reset(b), -EBUSY);
        assert_int_equal(child_run(arrive_and_die, b), -SIGKILL);
        IS(b, 0, 3, 2, 2, 0);
        assert_int_equal(recover_count(arena), 1);
        IS(b, 0, 3, 1, 1, 1);
        assert_int_equal(answer(&p), -EOWNERDEAD);
        assert_int_equal(ask(&p, WAIT), -EOWNERDEAD);
        assert_int_equal(ask(&q, WAIT), -EOWNERDEAD);
        assert_int_equal(weft_barrier_arrive(b, &phase), -EOWNERDEAD);
        assert_int_equal(weft_barrier_wait_phase(b, 0, WEFT_NOW), -EOWNERDEAD);
        assert_int_equal(weft_barrier_wait_phase(b, 9, WEFT_NOW), -EOWNERDEAD);
        assert_int_equal(weft_barrier_join(b), -EOWNERDEAD);
        IS(b, 0, 3, 1, 1, 1);
        assert_int_equal(weft_barrier_reset(b), 0);
        IS(b, 1, 3, 1, 0, 0);
        assert_int_equal(weft_barrier_reset(b), 0); /* nothing to do */
        IS(b, 1, 3, 1, 0, 0);
        tell(&p, WAIT);
        tell(&q, WAIT);
        until_waiting(b, 2);
        assert_int_equal(weft_barrier_wait(b, soon()), 1);
        assert_int_equal(answer(&p), 0);
        assert_int_equal(answer(&q), 0);
        IS(b, 2, 3, 3, 0, 0);
        party_end(&p);
        IS(b, 2, 3, 2, 0, 1);
        party_end(&q);
        IS(b, 2, 3, 1, 0, 1);
        assert_int_equal(weft_barrier_leave(b), 0);
        IS(b, 2, 2, 0, 0, 1);
        assert_int_equal(weft_barrier_reset(b), 0);
        IS(b, 3, 2, 0, 0, 0);
        drop(b);
}

static void break_and_reset(weft_barrier_t *b)
{
        assert_int_equal(child_run(arrive_and_die, b), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(info_of(b).broken, 1);
        assert_int_equal(weft_barrier_reset(b), 0);
}

/* Who sleeps, or is away, while it breaks and is reset must not take that for an end. */
static void a_reset_does_not_end_a_phase_well(void **state)
{
        weft_barrier_t *b = make(3, 0);
        struct party p, q;
        uint64_t phase;

        (void)state;
        party_begin(&p, b);
        party_begin(&q, b);
        assert_int_equal(weft_barrier_arrive(b, &phase), 0);
        break_and_reset(b);
        IS(b, 1, 3, 1, 0, 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EOWNERDEAD); /* once */
        assert_int_equal(weft_barrier_wait_phase(b, 0, WEFT_NOW), -EOWNERDEAD);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN); /* of phase 1 */
        IS(b, 1, 3, 1, 1, 0);
        assert_int_equal(ask(&p, TRY), -EAGAIN);
        assert_int_equal(ask(&q, TRY), 1);
        assert_int_equal(ask(&q, LEAVE), 0);
        assert_int_equal(ask(&p, LEAVE), 0);
        assert_int_equal(weft_barrier_join(b), -EEXIST);
        IS(b, 2, 1, 1, 0, 0);
        assert_int_equal(ask(&q, JOIN), 0); /* 2 and one that will die */
        assert_int_equal(ask(&p, JOIN), 0);
        assert_int_equal(ask(&p, LEAVE), 0);
        IS(b, 2, 2, 2, 0, 0);
        for (int i = 0; i < 9; i++) {
                assert_int_equal(ask(&q, LEAVE), 0);
                assert_int_equal(ask(&q, JOIN), 0);
                party_end(&q);
                party_begin(&q, b);
                assert_int_equal(info_of(b).broken, 1);
                assert_int_equal(weft_barrier_reset(b), 0);
                IS(b, 3 + (uint64_t)i, 2 + (uint64_t)i, 1, 0, 0);
                assert_int_equal(ask(&q, JOIN), 0);
        }
        /* 9 resets after phase 1, which it has not been told of. */
        assert_int_equal(weft_barrier_wait_phase(b, 0, WEFT_NOW), 0); /* forgotten */
        assert_int_equal(weft_barrier_wait_phase(b, 2, WEFT_NOW), -EOWNERDEAD);
        assert_int_equal(weft_barrier_wait_phase(b, 10, WEFT_NOW), -EOWNERDEAD);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 0);
        party_end(&q);
        assert_int_equal(weft_barrier_reset(b), 0);
        /* 10: nothing else is known. */
        assert_int_equal(weft_barrier_wait_phase(b, 1, WEFT_NOW), -EOWNERDEAD);
        party_end(&p);
        drop(b);
}

static void who_closes_breaks_it(void *context)
{
        CHECK(weft_barrier_wait(context, WEFT_NOW) == -EAGAIN);
        weft_barrier_close(context);
        weft_arena_close(arena);
}

static void closing_is_a_death_and_leaving_is_none(void **state)
{
        weft_barrier_t *b = make(2, 0);
        (void)state;
        assert_int_equal(child_run(who_closes_breaks_it, b), 0);
        IS(b, 0, 2, 0, 0, 1);
        drop(b);
}

static void a_sleeper_hears_of_a_death(void **state)
{
        weft_barrier_t *b = make(3, 0);
        (void)state;
        assert_int_equal(child_run(arrive_and_die, b), -SIGKILL);
        assert_int_equal(weft_barrier_wait(b, soon()), -EOWNERDEAD);
        drop(b);
}

/* ---- deaths: shrinking -------------------------------------------------------------- */

static void a_place_goes_with_its_party(void **state)
{
        weft_barrier_t *b = make(3, SHRINK);
        struct party p;

        (void)state;
        party_begin(&p, b);
        assert_int_equal(child_run(arrive_and_die, b), -SIGKILL);
        tell(&p, WAIT);
        until_waiting(b, 1);
        assert_int_equal(recover_count(arena), 1);
        IS(b, 0, 2, 1, 1, 0);
        assert_int_equal(weft_barrier_wait(b, soon()), 1);
        assert_int_equal(answer(&p), 0);
        IS(b, 1, 2, 2, 0, 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        party_end(&p); /* the last that was missed: its death ends the phase */
        IS(b, 2, 1, 1, 0, 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1);
        assert_int_equal(weft_barrier_leave(b), 0);
        IS(b, 3, 0, 0, 0, 0);
        drop(b);
}

static void join_and_die(void *context)
{
        CHECK(weft_barrier_join(context) == 0);
        raise(SIGKILL);
}

static void a_sleeper_goes_on_when_the_last_has_died(void **state)
{
        weft_barrier_t *b = make(1, SHRINK);
        (void)state;
        assert_int_equal(child_run(join_and_die, b), -SIGKILL);
        assert_int_equal(weft_barrier_wait(b, soon()), 0);
        IS(b, 1, 1, 1, 0, 0);
        drop(b);
}

static void anonymous_deaths_count_in_their_phase(void **state)
{
        weft_barrier_t *b = make(2, ANONYMOUS);

        (void)state;
        assert_int_equal(child_run(arrive_and_die, b), -SIGKILL);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1); /* it had arrived */
        assert_int_equal(recover_count(arena), 1);
        IS(b, 1, 2, 0, 0, 0);
        assert_int_equal(child_run(arrive_and_die, b), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        IS(b, 1, 2, 0, 0, 1);
        assert_int_equal(weft_barrier_reset(b), 0);
        IS(b, 2, 2, 0, 0, 0);
        /* Whoever sits in their seats now is nobody's heir. */
        struct party p;
        party_begin(&p, b);
        assert_int_equal(ask(&p, TRY), -EAGAIN);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1);
        IS(b, 3, 2, 0, 0, 0);
        party_end(&p);
        drop(b);

        b = make(2, ANONYMOUS | SHRINK);
        assert_int_equal(child_run(arrive_and_die, b), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        IS(b, 0, 1, 0, 0, 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1);
        drop(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)
                T(a_death_breaks_it_until_it_is_reset),
                T(a_reset_does_not_end_a_phase_well),
                T(closing_is_a_death_and_leaving_is_none),
                T(a_sleeper_hears_of_a_death),
                T(a_place_goes_with_its_party),
                T(a_sleeper_goes_on_when_the_last_has_died),
                T(anonymous_deaths_count_in_their_phase),
#undef T
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
