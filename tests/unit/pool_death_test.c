/* tests/unit/pool_death_test.c -- what becomes of objects whose holders are gone. */
#define _GNU_SOURCE
#include <pthread.h>

#include "tests/unit/pool_kit.h"

enum { QUARANTINE = WEFT_POOL_QUARANTINE };

struct other {
        weft_pool_t *p;
        uint32_t take, give; /* so many of those taken */
        uint64_t *tokens;    /* common: of those taken */
        struct gate *ready, *end;
};

static void take(const struct other *o)
{
        for (uint32_t i = 0; i < o->take; i++) {
                struct weft_pool_object x = get(o->p);
                *(uint64_t *)x.at = 4711;
                if (o->tokens)
                        o->tokens[i] = x.token;
                if (i < o->give)
                        CHECK(weft_pool_give(o->p, x.token) == 0);
        }
}

static void take_and_die(void *context)
{
        take(context);
        raise(SIGKILL);
}

static void take_and_exit(void *context)
{
        take(context);
        exit(0); /* leaves */
}

static void *take_in_thread(void *context)
{
        take(context);
        return NULL;
}

static void take_and_stay(void *context)
{
        struct other *o = context;
        take(o);
        gate_open(o->ready, 1);
        gate_pass(o->end);
}

/* ---- free again ------------------------------------------------------------ */

static void they_come_back(void **state)
{
        static const uint32_t counts[][2] = {
                { 3, 0 }, { 40, 0 }, { 600, 0 }, { 5, 100 }
        };
        (void)state;
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                weft_pool_t *p = make(64, counts[c][0], counts[c][1], 0);
                struct other o = { .p = p, .take = counts[c][0] - 1 };
                struct weft_pool_object mine = get(p);
                pthread_t thread;
                for (int way = 0; way < 3; way++) {
                        if (way == 0) {
                                CHECK(child_run(take_and_die, &o) == -SIGKILL);
                                struct weft_pool_census n = census_of(p);
                                assert_int_equal(n.dead, o.take);
                                assert_int_equal(n.agents, 2);
                                assert_int_equal(recover_count(arena), 1);
                        } else if (way == 1) {
                                CHECK(child_run(take_and_exit, &o) == 0);
                        } else {
                                CHECK(!pthread_create(&thread, NULL, take_in_thread, &o));
                                CHECK(!pthread_join(thread, NULL));
                        }
                        must_be(p, o.take, 1, 0, 0);
                        assert_int_equal(census_of(p).dead, 0);
                        assert_int_equal(recover_count(arena), 0);
                        check_findable(p);
                }
                assert_int_equal(weft_pool_put(p, mine.token), 0);
                drop(p);
        }
}

static void closing_lets_go(void **state)
{
        weft_pool_t *p = make(64, 5, 0, 0), *q;
        struct weft_pool_object x[4];

        (void)state;
        assert_int_equal(weft_pool_get_n(p, x, 4, WEFT_NOW), 4);
        assert_int_equal(weft_pool_give(p, x[0].token), 0);
        assert_int_equal(weft_pool_open(arena, "p", &q), 0);
        weft_pool_close(p);
        must_be(q, 1, 3, 1, 0);
        weft_pool_close(q);
        assert_int_equal(weft_pool_open(arena, "p", &q), 0);
        must_be(q, 4, 0, 1, 0); /* what was given is not taken back */
        assert_int_equal(weft_pool_put(q, x[1].token), -ENOENT);
        assert_int_equal(weft_pool_claim(q, x[0].token, &x[0], WEFT_NOW), 0);
        drop(q);
}

static void what_was_given_stays(void **state)
{
        struct other o = { make(64, 5, 0, 0), .take = 3, .give = 2,
                           .tokens = common_make(4096) };
        struct weft_pool_object x;

        (void)state;
        assert_int_equal(child_run(take_and_die, &o), -SIGKILL);
        assert_int_equal(weft_pool_claim(o.p, o.tokens[2], &x, WEFT_NEVER), -ENOENT);
        must_be(o.p, 3, 0, 2, 0);
        assert_int_equal(weft_pool_claim(o.p, o.tokens[0], &x, WEFT_NOW), 0);
        assert_int_equal(*(uint64_t *)x.at, 4711);
        assert_int_equal(weft_pool_reclaim(o.p, o.tokens[1]), 0);
        assert_int_equal(weft_pool_put(o.p, x.token), 0);
        must_be(o.p, 5, 0, 0, 0);
        munmap(o.tokens, 4096);
        drop(o.p);
}

static void who_waits_gets_them(void **state)
{
        struct weft_pool_object x;
        struct other o = { make(64, 2, 0, 0), .take = 2 };

        (void)state;
        for (int round = 0; round < 3; round++) {
                pid_t pid = child_start(take_and_die, &o);
                assert_int_equal(child_end(pid), -SIGKILL);
                assert_int_equal(weft_pool_get(o.p, &x, WEFT_NEVER), 0);
                assert_int_equal(weft_pool_put(o.p, x.token), 0);
                must_be(o.p, 2, 0, 0, 0);
        }
        assert_int_equal(child_run(take_and_die, &o), -SIGKILL);
        int tries = 0; /* who only polls hears of it, too */
        while (weft_pool_get(o.p, &x, WEFT_NOW) == -EAGAIN) {
                usleep(100);
                CHECK(++tries < 100000);
        }
        assert_int_equal(weft_pool_put(o.p, x.token), 0);
        drop(o.p);
}

static void a_child_holds_nothing(void *context)
{
        struct other *o = context;
        CHECK(weft_pool_put(o->p, o->tokens[0]) == -EPERM);
        CHECK(census_of(o->p).held == 2);
        take(&(struct other){ .p = o->p, .take = 1 });
        CHECK(census_of(o->p).held == 3);
}

static void a_fork_holds_nothing(void **state)
{
        struct other o = { make(64, 5, 0, 0), .take = 2, .tokens = common_make(4096) };
        (void)state;
        take(&o);
        assert_int_equal(child_run(a_child_holds_nothing, &o), 0);
        assert_int_equal(recover_count(arena), 1);
        must_be(o.p, 3, 2, 0, 0);
        assert_int_equal(weft_pool_put(o.p, o.tokens[0]), 0);
        munmap(o.tokens, 4096);
        drop(o.p);
}

/* ---- the census -------------------------------------------------------------- */

struct shares {
        int n;
        struct weft_pool_share share[8];
};

static int note_share(const struct weft_pool_share *share, void *context)
{
        struct shares *s = context;
        s->share[s->n++] = *share;
        return 0;
}

static int stop_at_once(const struct weft_pool_share *share, void *context)
{
        (void)share, (void)context;
        return 77;
}

static void the_census_knows_each(void **state)
{
        struct gate ready = gate_make(), end = gate_make();
        struct other o = { make(64, 50, 0, 0), .take = 7, .give = 2, .ready = &ready,
                           .end = &end };
        struct weft_pool_object x = get(o.p);
        struct weft_pool_census n;
        struct shares s = { 0 };

        (void)state;
        pid_t alive = child_start(take_and_stay, &o);
        gate_pass(&ready);
        o.take = 10;
        pid_t dead = child_start(take_and_stay, &o);
        gate_pass(&ready);
        assert_int_equal(child_kill(dead), -SIGKILL);
        assert_int_equal(weft_pool_census(o.p, &n, note_share, &s), 0);
        assert_int_equal(n.total, 50);
        assert_int_equal(n.free, 50 - 18);
        assert_int_equal(n.held, 14);
        assert_int_equal(n.transit, 4);
        assert_int_equal(n.dead, 8);
        assert_int_equal(n.agents, 3);
        assert_int_equal(s.n, 3);
        for (int i = 0; i < 3; i++) {
                const struct weft_pool_share *e = &s.share[i];
                uint32_t held = e->pid == (uint32_t)dead    ? 8
                                : e->pid == (uint32_t)alive ? 5
                                                            : 1;
                assert_int_equal(e->held, held);
                assert_int_equal(e->dead, e->pid == (uint32_t)dead);
                assert_int_equal(e->inspected, 0);
                assert_true(e->generation > 0);
        }
        assert_int_equal(weft_pool_census(o.p, &n, stop_at_once, NULL), 77);
        gate_open(&end, 1);
        assert_int_equal(child_end(alive), 0);
        (void)recover_count(arena);
        must_be(o.p, 45, 1, 4, 0);
        assert_int_equal(weft_pool_put(o.p, x.token), 0);
        gate_drop(&ready);
        gate_drop(&end);
        drop(o.p);
}

/* ---- quarantine ---------------------------------------------------------------- */

struct look {
        weft_pool_t *p;
        int n, verdict;
        int (*verdict_of)(const struct look *look);
        struct weft_pool_object last;
};

static int look_at(const struct weft_pool_object *object, void *context)
{
        struct look *l = context;
        struct weft_pool_object x;
        CHECK(*(uint64_t *)object->at == 4711); /* as the dead left it */
        CHECK(weft_pool_put(l->p, object->token) == -EPERM);
        CHECK(weft_pool_claim(l->p, object->token, &x, WEFT_NEVER) == -EOWNERDEAD);
        CHECK(census_of(l->p).inspected == 1);
        l->n++;
        l->last = *object;
        return l->verdict_of ? l->verdict_of(l) : l->verdict;
}

static void an_inspector_decides(void **state)
{
        struct other o = { make(64, 6, 0, QUARANTINE), .take = 4,
                           .tokens = common_make(4096) };
        struct look l = { .p = o.p };
        struct weft_pool_object x;

        (void)state;
        assert_int_equal(weft_pool_inspect(o.p, look_at, &l), 0);
        assert_int_equal(child_run(take_and_die, &o), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        must_be(o.p, 2, 0, 0, 4);
        assert_int_equal(weft_pool_put(o.p, o.tokens[0]), -EPERM);
        assert_int_equal(weft_pool_claim(o.p, o.tokens[0], &x, WEFT_NEVER), -EOWNERDEAD);
        assert_int_equal(weft_pool_reclaim(o.p, o.tokens[0]), -EPERM);
        x = get(o.p);
        struct weft_pool_object y = get(o.p);
        assert_int_equal(weft_pool_get(o.p, &y, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_pool_put(o.p, x.token), 0);
        l.verdict = WEFT_POOL_KEEP;
        assert_int_equal(weft_pool_inspect(o.p, look_at, &l), 0);
        assert_int_equal(l.n, 4);
        must_be(o.p, 1, 1, 0, 4);
        l.verdict = -ECANCELED; /* the first one ends it */
        assert_int_equal(weft_pool_inspect(o.p, look_at, &l), -ECANCELED);
        assert_int_equal(l.n, 5);
        must_be(o.p, 1, 1, 0, 4);
        l.verdict = 99; /* what it does not know is kept */
        assert_int_equal(weft_pool_inspect(o.p, look_at, &l), 0);
        must_be(o.p, 1, 1, 0, 4);
        l.verdict = WEFT_POOL_HOLD;
        assert_int_equal(weft_pool_inspect(o.p, look_at, &l), 4);
        must_be(o.p, 1, 5, 0, 0);
        assert_int_equal(weft_pool_put(o.p, o.tokens[0]), 0); /* its token is the same */
        weft_agent_leave(
                arena); /* who leaves without putting is no better than the dead */
        must_be(o.p, 2, 0, 0, 4);
        l.verdict = WEFT_POOL_FREE;
        *(uint64_t *)y.at = 4711;
        assert_int_equal(weft_pool_inspect(o.p, look_at, &l), 4);
        must_be(o.p, 6, 0, 0, 0);
        assert_int_equal(weft_pool_inspect(o.p, look_at, &l), 0);
        check_findable(o.p);
        munmap(o.tokens, 4096);
        drop(o.p);
}

static int die(const struct look *l)
{
        (void)l;
        raise(SIGKILL);
        return 0;
}

static int leave(const struct look *l)
{
        (void)l;
        weft_agent_leave(arena);
        return WEFT_POOL_FREE;
}

static int fork_in_it(const struct look *l)
{
        pid_t pid = fork();
        if (pid == 0)
                return WEFT_POOL_FREE; /* not the child's to say */
        CHECK(child_end(pid) == 0);
        CHECK(census_of(l->p).inspected == 1);
        return WEFT_POOL_FREE;
}

static void inspect(void *context)
{
        struct look *l = context;
        (void)!weft_pool_inspect(l->p, look_at, l);
}

static void an_inspector_may_die(void **state)
{
        struct other o = { make(64, 6, 0, QUARANTINE), .take = 3 };
        struct look l = { .p = o.p, .verdict_of = die };
        pid_t me = getpid();

        (void)state;
        assert_int_equal(child_run(take_and_die, &o), -SIGKILL);
        (void)recover_count(arena);
        assert_int_equal(child_run(inspect, &l), -SIGKILL);
        assert_int_equal(census_of(o.p).inspected, 1);
        assert_int_equal(census_of(o.p).dead, 1);
        (void)recover_count(arena);
        must_be(o.p, 3, 0, 0, 3);
        l.verdict_of = leave; /* it is in quarantine again, and not his to free */
        assert_int_equal(weft_pool_inspect(o.p, look_at, &l), -EPERM);
        must_be(o.p, 3, 0, 0, 3);
        l = (struct look){ .p = o.p, .verdict_of = fork_in_it };
        int64_t n = weft_pool_inspect(o.p, look_at, &l);
        if (getpid() != me)
                _exit(n == -EPERM ? 0 : 1);
        assert_int_equal(n, 3);
        (void)recover_count(arena);
        must_be(o.p, 6, 0, 0, 0);
        drop(o.p);
}

static void on_death_is_asked_first(void **state)
{
        struct other o = { make(64, 3, 30, QUARANTINE), .take = 3 };
        struct look l = { .p = o.p, .verdict = WEFT_POOL_FREE };
        struct weft_pool_object x;

        (void)state;
        weft_pool_on_death(o.p, look_at, &l);
        assert_int_equal(child_run(take_and_die, &o), -SIGKILL);
        (void)recover_count(arena);
        must_be(o.p, 0, 0, 0, 3);
        x = get(o.p); /* it need not grow */
        assert_int_equal(l.n, 3);
        must_be(o.p, 2, 1, 0, 0);
        assert_int_equal(weft_pool_put(o.p, x.token), 0);
        l.verdict = WEFT_POOL_KEEP;
        assert_int_equal(child_run(take_and_die, &o), -SIGKILL);
        (void)recover_count(arena);
        x = get(o.p); /* now it must; and they are not shown again */
        struct weft_pool_object rest[26];
        assert_int_equal(weft_pool_get_n(o.p, rest, 26, WEFT_NOW), 26);
        assert_int_equal(weft_pool_get(o.p, rest, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_pool_get(o.p, rest, 1), -ETIMEDOUT);
        assert_int_equal(l.n, 6);
        weft_pool_on_death(o.p, NULL, NULL);
        drop(o.p);
}

static int give_up(const struct look *l)
{
        (void)l;
        return -ECANCELED;
}

static int have_none(const struct look *l)
{
        (void)l;
        return -EAGAIN;
}

static int have_no_room(const struct look *l)
{
        (void)l;
        return -ENOSPC;
}

static void on_death_may_refuse(void **state)
{
        struct other o = { make(64, 1, 0, QUARANTINE), .take = 1 };
        struct look l = { .p = o.p, .verdict_of = give_up };
        struct weft_pool_object x;
        struct weft_case c = { .object = o.p, .op = WEFT_OP_TAKE, .to = &x };

        (void)state;
        weft_pool_on_death(o.p, look_at, &l);
        assert_int_equal(child_run(take_and_die, &o), -SIGKILL);
        assert_int_equal(weft_pool_get(o.p, &x, WEFT_NEVER), -ECANCELED);
        must_be(o.p, 0, 0, 0, 1);
        assert_int_equal(weft_pool_get(o.p, &x, WEFT_NOW), -ECANCELED); /* each time */
        l.verdict_of = have_none; /* is no answer of get's */
        assert_int_equal(weft_pool_get(o.p, &x, WEFT_NEVER), -ECANCELED);
        l.verdict_of = have_no_room;
        assert_int_equal(weft_pool_get(o.p, &x, WEFT_NEVER), -ECANCELED);
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NEVER), 0);
        assert_int_equal(c.result, -ECANCELED);
        l.verdict_of = NULL; /* nobody waits for ever because it failed once */
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NEVER), 0);
        assert_int_equal(c.result, 0);
        must_be(o.p, 0, 1, 0, 0);
        drop(o.p);
}

/* Sleeps until the dead is settled, by himself, and gets what he left. */
static void get_in_the_end(void *context)
{
        struct look *l = context;
        struct weft_pool_object x;
        weft_pool_on_death(l->p, look_at, l);
        CHECK(weft_pool_get(l->p, &x, WEFT_NEVER) == 0);
        CHECK(l->n == 1);
        CHECK(weft_pool_put(l->p, x.token) == 0);
}

static void sleepers_inspect(void **state)
{
        struct gate ready = gate_make(), end = gate_make();
        struct other o = { make(64, 1, 0, QUARANTINE), .take = 1, .ready = &ready,
                           .end = &end };
        struct look l = { .p = o.p };
        struct weft_pool_info info;

        (void)state;
        pid_t holder = child_start(take_and_stay, &o);
        gate_pass(&ready);
        pid_t sleeper = child_start(get_in_the_end, &l);
        do
                CHECK(weft_pool_info(o.p, &info) == 0);
        while (!info.waiting);
        assert_int_equal(child_kill(holder), -SIGKILL);
        assert_int_equal(child_end(sleeper), 0);
        gate_drop(&ready);
        gate_drop(&end);
        drop(o.p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(they_come_back),          TEST(closing_lets_go),
                TEST(what_was_given_stays),    TEST(who_waits_gets_them),
                TEST(a_fork_holds_nothing),    TEST(the_census_knows_each),
                TEST(an_inspector_decides),    TEST(an_inspector_may_die),
                TEST(on_death_is_asked_first), TEST(on_death_may_refuse),
                TEST(sleepers_inspect),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
