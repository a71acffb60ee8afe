/* tests/unit/pool_none_test.c -- "none is free" is true when it is said.
 *
 * One process looks for an object, and stands still after each of its instructions in turn;
 * another puts and gets meanwhile. */
#define _GNU_SOURCE
#include "tests/unit/pool_kit.h"

#include "tests/harness/job.h"
#include "tests/harness/step.h"

enum { NEXT = WEFT_POOL_GROUP }; /* the first object of the second group */

/* Instructions of the search: there and back, and where it makes sure that there is none. */
enum { SEARCH = 220, PROOF = 300, PROVED = 420 };

static struct crash_told *told;

static struct weft_pool_desk_shared *desk_of(weft_pool_t *p)
{
        struct weft_pool_op mine = { 0 };
        CHECK(weft_pool_begin(p, &mine) == 0 && mine.desk);
        return mine.desk;
}

/* From now on this thread looks for objects where it says, not where it put one. */
static void look_from(weft_pool_t *p, uint32_t index)
{
        struct weft_pool_desk_shared *desk = desk_of(p);
        weft_store_rlx(&desk->cached, 0);
        weft_store_rlx(&desk->from, index + 1);
}

/* What get does, without the way there: that is only longer. */
static struct weft_pool_op op;
static struct weft_pool_object object;

static void sit_down(struct crash *c)
{
        look_from(c->handle, 0);
        op = (struct weft_pool_op){ .to = &object };
        CHECK(weft_pool_begin(c->handle, &op) == 0);
}

static void get_one(struct crash *c)
{
        c->note->rc = weft_pool_search_all(&op);
}

/* Calls `between` while another process stands in its get after k instructions; what that
 * get said in the end. True when k is not past its end yet. */
static bool with_one_in_get(weft_pool_t *p, uint64_t k, void (*between)(void *),
                            void *context, int64_t *rc)
{
        struct crash c = { .note = &told->note, .told = told, .handle = p };
        struct tracee t = { 0 };
        CHECK(tracee_start(&t, &c, sit_down, get_one) == TRACEE_GOES);
        enum tracee_state how = tracee_step_to(&t, k);
        between(context);
        CHECK(how == TRACEE_ENDED || tracee_finish(&t) == TRACEE_ENDED);
        tracee_kill(&t);
        *rc = told->note.rc;
        return how != TRACEE_ENDED;
}

struct lent {
        weft_pool_t *p;
        struct weft_pool_object x;
        int rc;
};

/* It is there for everybody, even if somebody is about to clear its bit. */
static void put_and_get(void *context)
{
        struct lent *l = context;
        CHECK(weft_pool_put(l->p, l->x.token) == 0);
        look_from(l->p, 0);
        l->rc = weft_pool_get(l->p, &l->x, WEFT_NOW);
        if (l->rc == 0)
                CHECK(weft_pool_put(l->p, l->x.token) == 0);
        look_from(l->p, 0);
}

static void what_was_put_is_found(void **state)
{
        (void)state;
        if (!tracee_possible())
                skip();
        struct lent l = { .p = make(64, 1, 0, 0) };
        struct weft_pool_part *part = &l.p->v.part;
        bool more = true;
        int64_t rc;
        for (uint64_t k = 0; more && k < SEARCH; k++) {
                l.x = get(l.p);
                weft_store_rlx(part->groups, WEFT_POOL_VERSION | 1); /* wrong */
                weft_store_rlx(part->summary, 1);
                more = with_one_in_get(l.p, k, put_and_get, &l, &rc);
                assert_int_equal(l.rc, 0);
                assert_int_equal(weft_pool_get(l.p, &l.x, WEFT_NOW), rc ? 0 : -EAGAIN);
                if (rc)
                        assert_int_equal(weft_pool_put(l.p, l.x.token), 0);
                (void)recover_count(arena);
        }
        drop(l.p);
}

/* At every moment one of two is free: first that in the second group, which the summary does
 * not show, then that in the first. */
static void swap(void *context)
{
        struct lent *l = context;
        struct weft_pool_object o;
        CHECK(weft_pool_put(l->p, l->x.token) == 0);
        look_from(l->p, NEXT);
        l->rc = weft_pool_get(l->p, &o, WEFT_NOW);
}

static void one_of_two_is_always_free(void **state)
{
        struct weft_pool_object o[NEXT + 1];
        (void)state;
        if (!tracee_possible())
                skip();
        struct lent l = { .p = make(64, NEXT + 1, 0, 0) };
        struct weft_pool_part *part = &l.p->v.part;
        bool more = true;
        int64_t rc;
        for (uint64_t k = PROOF; more && k < PROVED; k++) {
                look_from(l.p, 0);
                CHECK(weft_pool_get_n(l.p, o, NEXT, WEFT_NOW) == NEXT);
                CHECK(weft_pool_is_free(
                        weft_load_rlx(weft_pool_word_at(&l.p->v, part, NEXT))));
                weft_store_rlx(&part->groups[0], WEFT_POOL_VERSION);
                weft_store_rlx(part->summary, 0);
                l.x = o[5];
                more = with_one_in_get(l.p, k, swap, &l, &rc);
                assert_int_equal(rc, 0);
                assert_int_equal(l.rc, 0);
                weft_agent_leave(arena); /* all is free again, and shown */
                (void)recover_count(arena);
                assert_int_equal(census_of(l.p).free, NEXT + 1);
        }
        drop(l.p);
}

static int kit(void **state)
{
        told = common_make(sizeof *told);
        return fresh_arena(state);
}

static int end(void **state)
{
        munmap(told, sizeof *told);
        return whole_arena(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_was_put_is_found, kit, end),
                cmocka_unit_test_setup_teardown(one_of_two_is_always_free, kit, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
