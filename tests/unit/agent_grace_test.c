/* tests/unit/agent_grace_test.c -- grace periods: when has everybody stopped reading? */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "runtime/agent.h"
#include "tests/child.h"

static weft_arena_t *arena; /* fresh for every test */
static struct weft_agent *me;

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 4 << 20 };
        struct weft_grace grace;
        (void)state;
        int rc = weft_arena_create(NULL, &o, &arena);
        if (!rc)
                rc = weft_agent_self(arena, &me);
        if (!rc && !weft_grace_begin(arena, &grace))
                exit(77); /* no membarrier() here: nothing can be told */
        return rc;
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static struct weft_grace begin(void)
{
        struct weft_grace grace;
        memset(&grace, 0xff, sizeof grace);
        CHECK(weft_grace_begin(arena, &grace));
        return grace;
}

static bool is_over(struct weft_grace *grace)
{
        bool over = weft_grace_over(arena, grace);
        CHECK(over == (grace->n == 0));
        return over;
}

/* ---- another process, which does as it is told ------------------------------------ */

enum order { READ, END, LEAVE, DIE };

struct reader {
        pid_t pid;
        int order[2], done[2];
};

static void read_as_told(void *context)
{
        struct reader *r = context;
        struct weft_agent *agent;
        char order;
        CHECK(weft_agent_self(arena, &agent) == 0);
        CHECK(write(r->done[1], "", 1) == 1);
        while (read(r->order[0], &order, 1) == 1) {
                if (order == READ)
                        weft_read_begin(agent);
                else if (order == END)
                        weft_read_end(agent);
                else if (order == LEAVE)
                        break;
                else
                        raise(SIGKILL);
                CHECK(write(r->done[1], "", 1) == 1);
        }
        weft_agent_leave(arena);
}

static void start(struct reader *r)
{
        char byte;
        CHECK(pipe(r->order) == 0 && pipe(r->done) == 0);
        r->pid = child_start(read_as_told, r);
        CHECK(read(r->done[0], &byte, 1) == 1);
}

static void tell(struct reader *r, enum order order)
{
        char byte = (char)order;
        CHECK(write(r->order[1], &byte, 1) == 1);
        if (order < LEAVE) {
                CHECK(read(r->done[0], &byte, 1) == 1);
                return;
        }
        CHECK(child_end(r->pid) == (order == DIE ? -SIGKILL : 0));
        for (int i = 0; i < 2; i++) {
                close(r->order[i]);
                close(r->done[i]);
        }
}

/* ---- */

static void nobody_reads(void **state)
{
        struct reader r;
        (void)state;
        struct weft_grace grace = begin();
        assert_true(is_over(&grace));
        assert_true(is_over(&grace)); /* and stays so */
        start(&r);
        grace = begin();
        assert_true(is_over(&grace));
        assert_true(weft_no_readers(arena, NULL));
        tell(&r, READ); /* after it began */
        assert_true(is_over(&grace));
        tell(&r, END);
        tell(&r, LEAVE);
}

static void somebody_reads(void **state)
{
        struct reader r;
        (void)state;
        start(&r);
        for (int round = 0; round < 3; round++) {
                tell(&r, READ);
                struct weft_grace grace = begin();
                assert_false(is_over(&grace));
                assert_false(is_over(&grace));
                assert_int_equal(grace.n, 1);
                assert_false(weft_no_readers(arena, me));
                tell(&r, END);
                assert_true(is_over(&grace));
                assert_true(weft_no_readers(arena, me));
        }
        tell(&r, LEAVE);
}

static void readings_nest(void **state)
{
        struct reader r;
        (void)state;
        start(&r);
        tell(&r, READ);
        struct weft_grace outer = begin();
        tell(&r, READ);
        struct weft_grace inner = begin();
        tell(&r, END); /* the inner one: he goes on reading */
        assert_false(is_over(&outer));
        assert_false(is_over(&inner));
        tell(&r, READ);
        assert_false(is_over(&outer));
        tell(&r, END);
        tell(&r, END);
        assert_true(is_over(&outer));
        assert_true(is_over(&inner));
        tell(&r, LEAVE);
}

/* He reads all the time, and yet it ends: what he reads now began later. */
static void a_new_reading_does_not_count(void **state)
{
        struct reader r;
        (void)state;
        start(&r);
        tell(&r, READ);
        for (int round = 0; round < 3; round++) {
                struct weft_grace grace = begin();
                assert_false(is_over(&grace));
                tell(&r, END);
                tell(&r, READ);
                assert_false(weft_no_readers(arena, me));
                assert_true(is_over(&grace));
        }
        tell(&r, END);
        tell(&r, LEAVE);
}

static void all_are_waited_for(void **state)
{
        struct reader r[5];
        (void)state;
        for (int i = 0; i < 5; i++)
                start(&r[i]);
        for (int i = 0; i < 5; i += 2)
                tell(&r[i], READ);
        struct weft_grace grace = begin();
        assert_int_equal(grace.n, 3);
        tell(&r[1], READ); /* too late to count */
        for (int i = 0; i < 5; i += 2) {
                assert_false(is_over(&grace));
                assert_int_equal(grace.n, 3 - i / 2);
                tell(&r[i], END);
        }
        assert_true(is_over(&grace));
        tell(&r[1], END);
        for (int i = 0; i < 5; i++)
                tell(&r[i], LEAVE);
}

static void ones_own_counts(void **state)
{
        (void)state;
        weft_read_begin(me);
        struct weft_grace grace = begin();
        assert_false(is_over(&grace));
        assert_true(weft_no_readers(arena, me)); /* here it does not */
        assert_false(weft_no_readers(arena, NULL));
        weft_read_end(me);
        assert_true(is_over(&grace));
}

/* Who died reading reads until he is settled: his recoverer reads as he, in his seat. */
static void the_dead_are_settled_first(void **state)
{
        struct reader r;
        (void)state;
        start(&r);
        tell(&r, READ);
        tell(&r, READ);
        struct weft_grace grace = begin();
        tell(&r, DIE);
        assert_false(is_over(&grace));
        assert_false(weft_no_readers(arena, me));
        assert_int_equal(recover_count(arena), 1);
        assert_true(is_over(&grace));
        assert_true(weft_no_readers(arena, me));
}

/* The next holder of the seat begins to count anew: he may be taken for his predecessor,
 * but for no longer than he reads. */
static void the_seat_may_be_taken_again(void **state)
{
        struct reader r, next;
        (void)state;
        start(&r);
        tell(&r, READ);
        struct weft_grace grace = begin();
        tell(&r, DIE);
        assert_int_equal(recover_count(arena), 1);
        start(&next);
        tell(&next, READ);
        (void)is_over(&grace);
        tell(&next, END);
        assert_true(is_over(&grace));
        tell(&next, READ);
        assert_true(is_over(&grace));
        tell(&next, END);
        tell(&next, LEAVE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(nobody_reads),
                TEST(somebody_reads),
                TEST(readings_nest),
                TEST(a_new_reading_does_not_count),
                TEST(all_are_waited_for),
                TEST(ones_own_counts),
                TEST(the_dead_are_settled_first),
                TEST(the_seat_may_be_taken_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
