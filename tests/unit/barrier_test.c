#define _GNU_SOURCE
#include <weft/select.h>

#include "runtime/waitable.h"
#include "sync/barrier_shared.h"
#include "tests/unit/barrier_kit.h"

/* ---- phases --------------------------------------------------------------------- */

static void alone_every_arrival_ends_a_phase(void **state)
{
        weft_barrier_t *b = make(1, 0);
        uint64_t phase = 77;

        (void)state;
        IS(b, 0, 1, 0, 0, 0);
        for (uint64_t i = 0; i < 5; i++)
                assert_int_equal(weft_barrier_wait(b, WEFT_NEVER), 1);
        IS(b, 5, 1, 1, 0, 0);
        assert_int_equal(weft_barrier_arrive(b, &phase), 1);
        assert_int_equal(phase, 5);
        assert_int_equal(weft_barrier_wait_phase(b, 5, WEFT_NOW), 0);
        assert_int_equal(weft_barrier_wait_phase(b, 6, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_barrier_wait_phase(b, 6, weft_after(WEFT_MSEC)),
                         -ETIMEDOUT);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1); /* it had been told */
        IS(b, 7, 1, 1, 0, 0);
        drop(b);
}

enum { CROSSERS = 3, CROSSINGS = 2000 };

struct crossing {
        weft_barrier_t *b;
        int first; /* how often its arrival ended a phase */
};

static void *cross(void *context)
{
        struct crossing *c = context;
        for (uint64_t i = 0; i < CROSSINGS; i++) {
                int rc = weft_barrier_wait(c->b, soon());
                CHECK(rc == 0 || rc == 1);
                c->first += rc;
        }
        return NULL;
}

static void one_of_them_ends_each_phase(void **state)
{
        weft_barrier_t *b = make(CROSSERS, 0);
        struct crossing c[CROSSERS];
        pthread_t t[CROSSERS];
        int first = 0;

        (void)state;
        for (int i = 0; i < CROSSERS; i++) {
                c[i] = (struct crossing){ .b = b };
                assert_int_equal(pthread_create(&t[i], NULL, cross, &c[i]), 0);
        }
        for (int i = 0; i < CROSSERS; i++) {
                assert_int_equal(pthread_join(t[i], NULL), 0);
                first += c[i].first;
        }
        assert_int_equal(first, CROSSINGS);
        assert_int_equal(info_of(b).phase, CROSSINGS);
        assert_int_equal(info_of(b).broken, 1); /* their threads ended */
        assert_int_equal(info_of(b).taken, 0);
        drop(b);
}

/* The cell has 20 bits of the phase. */
static void phases_are_counted_in_full(void **state)
{
        weft_barrier_t *b = make(1, 0);
        struct weft_barrier_shared *sh = ((struct weft_handle *)b)->sh;
        const uint64_t many = 2500000, far = (UINT64_C(1) << 45) - 1000000;

        (void)state;
        for (uint64_t i = 0; i < many; i++)
                if (weft_barrier_wait(b, WEFT_NOW) != 1)
                        fail_msg("phase %llu", (unsigned long long)i);
        IS(b, many, 1, 1, 0, 0);
        assert_int_equal(weft_barrier_wait_phase(b, 1, WEFT_NOW), 0);
        assert_int_equal(weft_barrier_wait_phase(b, many - 1, WEFT_NOW), 0);
        assert_int_equal(weft_barrier_wait_phase(b, many, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_barrier_leave(b), 0);
        assert_int_equal(weft_barrier_join(b), 0);

        weft_store_rlx(&sh->recent, (far & ~UINT64_C(0xfffff)) | (many & 0xfffff));
        uint64_t from = info_of(b).phase;
        for (uint64_t i = 0; i < many; i++)
                if (weft_barrier_wait(b, WEFT_NOW) != 1)
                        fail_msg("phase %llu", (unsigned long long)i);
        IS(b, from + many, 1, 1, 0, 0);
        assert_true(from + many > UINT64_C(1) << 45);
        assert_true(from + many - weft_load_rlx(&sh->recent) <= 1 << 16);
        drop(b);
}

/* ---- places --------------------------------------------------------------------- */

static void places_are_taken_joined_and_left(void **state)
{
        weft_barrier_t *b = make(1, 0);
        struct party p;

        (void)state;
        party_begin(&p, b);
        assert_int_equal(weft_barrier_leave(b), -EPERM);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1);
        assert_int_equal(ask(&p, TRY), -EPERM);
        assert_int_equal(ask(&p, ARRIVE), -EPERM);
        assert_int_equal(ask(&p, LEAVE), -EPERM);
        assert_int_equal(ask(&p, JOIN), 0);
        assert_int_equal(ask(&p, JOIN), -EEXIST);
        assert_int_equal(weft_barrier_join(b), -EEXIST);
        IS(b, 1, 2, 2, 0, 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        assert_int_equal(ask(&p, WAIT), 1);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        IS(b, 2, 2, 2, 1, 0);
        assert_int_equal(ask(&p, LEAVE), 0); /* and so ends the phase */
        IS(b, 3, 1, 1, 0, 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1);
        assert_int_equal(weft_barrier_leave(b), 0);
        IS(b, 4, 0, 0, 0, 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EPERM);
        assert_int_equal(ask(&p, JOIN), 0);
        assert_int_equal(ask(&p, WAIT), 1);
        assert_int_equal(ask(&p, LEAVE), 0);
        IS(b, 5, 0, 0, 0, 0);
        party_end(&p);
        IS(b, 5, 0, 0, 0, 0);
        drop(b);
}

static void who_leaves_having_arrived_takes_its_arrival_along(void **state)
{
        weft_barrier_t *b = make(3, 0);
        struct party p;

        (void)state;
        party_begin(&p, b);
        assert_int_equal(ask(&p, TRY), -EAGAIN);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        IS(b, 0, 3, 2, 2, 0);
        assert_int_equal(ask(&p, LEAVE), 0);
        IS(b, 0, 2, 1, 1, 0); /* the third place is still missed */
        assert_int_equal(ask(&p, WAIT), 1);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 0);
        assert_int_equal(ask(&p, LEAVE), 0);
        party_end(&p);
        drop(b);
}

static void there_are_so_many_places(void **state)
{
        weft_barrier_t *b = make(WEFT_BARRIER_PARTIES_MAX, 0);
        (void)state;
        assert_int_equal(weft_barrier_join(b), -EOVERFLOW);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        IS(b, 0, WEFT_BARRIER_PARTIES_MAX, 1, 1, 0);
        drop(b);
}

/* ---- arriving and waiting apart ----------------------------------------------------- */

static void nobody_arrives_twice_in_a_phase(void **state)
{
        weft_barrier_t *b = make(2, 0);
        struct party p;
        uint64_t phase;

        (void)state;
        party_begin(&p, b);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_barrier_wait(b, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_barrier_arrive(b, &phase), 0);
        assert_int_equal(weft_barrier_arrive(b, &phase), 0);
        assert_int_equal(phase, 0);
        IS(b, 0, 2, 1, 1, 0);
        assert_int_equal(ask(&p, WAIT), 1);
        IS(b, 1, 2, 2, 0, 0);
        /* That phase has ended while nobody waited: its wait comes first. */
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 0);
        IS(b, 1, 2, 2, 0, 0);
        assert_int_equal(weft_barrier_arrive(b, &phase), 0);
        assert_int_equal(phase, 1);
        tell(&p, WAIT);
        assert_int_equal(weft_barrier_wait_phase(b, phase, soon()), 0);
        assert_int_equal(answer(&p), 1);
        /* Told by wait_phase: the next wait arrives. */
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        IS(b, 2, 2, 2, 1, 0);
        assert_int_equal(ask(&p, WAIT), 1);
        /* Not told; but arriving again is the next phase. */
        assert_int_equal(weft_barrier_arrive(b, &phase), 0);
        assert_int_equal(phase, 3);
        IS(b, 3, 2, 2, 1, 0);
        party_end(&p);
        drop(b);
}

static void an_observer_takes_no_place(void **state)
{
        weft_barrier_t *b = make(1, 0);
        struct party p;

        (void)state;
        party_begin(&p, b);
        p.phase = 1;
        tell(&p, WAIT_PHASE);
        until_waiting(b, 1);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1);
        usleep(2000);
        until_waiting(b, 1);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1);
        assert_int_equal(answer(&p), 0);
        party_end(&p);
        IS(b, 2, 1, 1, 0, 0);
        drop(b);
}

/* ---- anonymous ---------------------------------------------------------------------- */

static void any_arrivals_make_a_phase(void **state)
{
        weft_barrier_t *b = make(2, ANONYMOUS);
        struct party p, q;

        (void)state;
        party_begin(&p, b);
        party_begin(&q, b);
        assert_int_equal(ask(&p, TRY), -EAGAIN);
        assert_int_equal(ask(&p, TRY), -EAGAIN);
        IS(b, 0, 2, 1, 1, 0);
        assert_int_equal(ask(&q, TRY), 1);
        IS(b, 1, 2, 0, 0, 0);
        assert_int_equal(ask(&q, TRY), -EAGAIN); /* q twice in a row, p not yet */
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), 1);
        IS(b, 2, 2, 0, 0, 0);
        assert_int_equal(ask(&p, TRY), 0); /* of phase 0 */
        assert_int_equal(ask(&q, TRY), 0);
        assert_int_equal(ask(&q, LEAVE), -EPERM);
        assert_int_equal(ask(&q, JOIN), 0); /* one more, and it is in this phase */
        assert_int_equal(ask(&q, JOIN), -EEXIST);
        IS(b, 2, 3, 1, 0, 0);
        assert_int_equal(ask(&p, TRY), -EAGAIN);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        assert_int_equal(ask(&q, TRY), 1);
        IS(b, 3, 3, 0, 0, 0);
        party_end(&p);
        party_end(&q);
        IS(b, 3, 3, 0, 0, 0); /* nobody was a party */
        drop(b);
}

/* ---- others ------------------------------------------------------------------------- */

static void arguments_are_checked(void **state)
{
        struct weft_barrier_options o = { .parties = 1 };
        weft_barrier_t *b = (weft_barrier_t *)&o;
        struct weft_barrier_info i;
        uint64_t phase;

        (void)state;
        errno = 4711;
        assert_int_equal(weft_barrier_create(NULL, "b", &o, &b), -EINVAL);
        assert_null(b);
        assert_int_equal(weft_barrier_create(arena, NULL, &o, &b), -EINVAL);
        assert_int_equal(weft_barrier_create(arena, "b", NULL, &b), -EINVAL);
        assert_int_equal(weft_barrier_create(arena, "b", &o, NULL), -EINVAL);
        assert_int_equal(weft_barrier_open(arena, "b", NULL), -EINVAL);
        assert_int_equal(weft_barrier_open(arena, "b", &b), -ENOENT);
        o.flags = 4;
        assert_int_equal(weft_barrier_create(arena, "b", &o, &b), -EINVAL);
        o = (struct weft_barrier_options){ .parties = WEFT_BARRIER_PARTIES_MAX + 1 };
        assert_int_equal(weft_barrier_create(arena, "b", &o, &b), -EINVAL);
        assert_int_equal(weft_barrier_wait(NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_barrier_arrive(NULL, &phase), -EINVAL);
        assert_int_equal(weft_barrier_wait_phase(NULL, 0, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_barrier_join(NULL), -EINVAL);
        assert_int_equal(weft_barrier_leave(NULL), -EINVAL);
        assert_int_equal(weft_barrier_reset(NULL), -EINVAL);
        assert_int_equal(weft_barrier_info(NULL, &i), -EINVAL);
        weft_barrier_close(NULL);
        b = make(0, 0);
        assert_int_equal(weft_barrier_info(b, NULL), -EINVAL);
        assert_int_equal(weft_barrier_arrive(b, NULL), -EINVAL);
        assert_int_equal(errno, 4711);
        drop(b);
}

static void opening_shares_and_checks(void **state)
{
        struct weft_barrier_options o = { .parties = 5, .flags = SHRINK };
        weft_barrier_t *b = make(1, SHRINK), *c;

        (void)state;
        assert_int_equal(weft_barrier_create(arena, "b", &o, &c), -EEXIST);
        assert_int_equal(weft_barrier_create_or_open(arena, "b", &o, &c), 0);
        assert_int_equal(weft_barrier_wait(c, WEFT_NOW), 1);
        IS(b, 1, 1, 1, 0, 0);
        weft_barrier_close(c); /* not the last handle of this agent */
        IS(b, 1, 1, 1, 0, 0);
        assert_int_equal(weft_object_remove(arena, "b"), -EBUSY);
        o.flags = 0;
        assert_int_equal(weft_barrier_create_or_open(arena, "b", &o, &c), -EPROTO);
        assert_null(c);
        IS(b, 1, 1, 1, 0, 0);
        drop(b);
}

static void cross_elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_barrier_t *b;
        (void)unused;
        CHECK(weft_barrier_open(there, "b", &b) == 0);
        for (int i = 0; i < CROSSINGS; i++)
                CHECK(weft_barrier_wait(b, soon()) >= 0);
        CHECK(weft_barrier_leave(b) == 0);
        weft_barrier_close(b);
        weft_arena_close(there);
}

static void processes_cross_at_different_addresses(void **state)
{
        weft_barrier_t *b = make(3, 0);
        pid_t pid[3];

        (void)state;
        for (int i = 0; i < 3; i++)
                pid[i] = child_start(cross_elsewhere, NULL);
        for (int i = 0; i < 3; i++)
                assert_int_equal(child_end(pid[i]), 0);
        IS(b, CROSSINGS, 0, 0, 0, 0);
        drop(b);
}

static void a_case_is_ready_when_the_phase_has_ended(void **state)
{
        weft_barrier_t *b = make(2, 0);
        struct weft_handle *handle = (struct weft_handle *)b;
        const struct weft_waitable *w = handle->kind->waitable;
        struct weft_case c = { .object = b, .op = WEFT_OP_WAIT };
        struct weft_agent *agent;
        struct party p;

        (void)state;
        party_begin(&p, b);
        assert_int_equal(weft_handle_enter(handle, &agent), 0);
        assert_null(w->wait(handle, &c));
        c.op = WEFT_OP_PHASE;
        assert_non_null(w->wait(handle, &c));
        assert_int_equal(weft_barrier_arrive(b, &c.n), 0);
        assert_int_equal(w->look(handle, agent, &c), -EAGAIN);
        assert_int_equal(w->attempt(handle, agent, &c), -EAGAIN);
        assert_int_equal(ask(&p, WAIT), 1);
        assert_int_equal(w->look(handle, agent, &c), 0);
        assert_int_equal(w->attempt(handle, agent, &c), 0);
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN); /* it has been told */
        IS(b, 1, 2, 2, 1, 0);
        party_end(&p);
        c.n = 1;
        assert_int_equal(w->look(handle, agent, &c), 0);
        assert_int_equal(w->attempt(handle, agent, &c), -EOWNERDEAD);
        drop(b);
}

static void read_only_looks(void **state)
{
        weft_barrier_t *b = make(2, SHRINK), *r;
        struct weft_object_info told;
        weft_arena_t *ro;
        uint64_t phase;

        (void)state;
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_arena_open_fd(weft_arena_fd(arena), WEFT_RDONLY, &ro), 0);
        assert_int_equal(weft_barrier_open(ro, "b", &r), 0);
        IS(r, 0, 2, 1, 1, 0);
        assert_int_equal(info_of(r).flags, SHRINK);
        assert_int_equal(weft_barrier_wait(r, WEFT_NOW), -EROFS);
        assert_int_equal(weft_barrier_arrive(r, &phase), -EROFS);
        assert_int_equal(weft_barrier_wait_phase(r, 0, WEFT_NOW), -EROFS);
        assert_int_equal(weft_barrier_join(r), -EROFS);
        assert_int_equal(weft_barrier_leave(r), -EROFS);
        assert_int_equal(weft_barrier_reset(r), -EROFS);
        assert_int_equal(weft_object_stat(ro, "b", &told), 0);
        assert_string_equal(told.kind, "barrier");
        assert_string_equal(told.detail,
                            "phase 0: 1 of 2 arrived, 1 places taken, 0 waiting");
        weft_barrier_close(r);
        weft_arena_close(ro);
        drop(b);
}

/* Any bytes: an error or a wrong answer. */
static void hostile_bytes_are_survived(void **state)
{
        weft_barrier_t *b = make(2, 0), *c;
        struct weft_barrier_shared *sh = ((struct weft_handle *)b)->sh;
        struct weft_census census;
        struct weft_barrier_info i;
        uint64_t phase, random = 88172645463325252u;

        (void)state;
        assert_int_equal(weft_barrier_wait(b, WEFT_NOW), -EAGAIN);
        uint64_t hi = weft_load_rlx(&sh->cell.hi);
        weft_store_rlx(&sh->cell.lo, UINT64_MAX);
        assert_int_equal(weft_barrier_arrive(b, &phase), -EUCLEAN);
        assert_int_equal(weft_barrier_info(b, &i), -EUCLEAN);
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        for (int n = 0; n < 20000; n++) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                weft_store_rlx(&sh->cell.lo, random);
                weft_store_rlx(&sh->cell.hi, random * 3);
                weft_store_rlx(&sh->recent, random * 7);
                (void)(weft_barrier_wait(b, WEFT_NOW) + weft_barrier_arrive(b, &phase) +
                       weft_barrier_join(b) + weft_barrier_leave(b) +
                       weft_barrier_reset(b) + weft_barrier_info(b, &i));
        }
        weft_store_rlx(&sh->recent, 0);
        weft_store_rlx(&sh->cell.lo, 0); /* no places: whole */
        weft_store_rlx(&sh->cell.hi, hi);
        sh->flags = 8;
        assert_int_equal(weft_barrier_open(arena, "b", &c), -EUCLEAN);
        sh->flags = 0;
        weft_ref_t ref = sh->accounts;
        sh->accounts.v = 0;
        assert_int_equal(weft_barrier_open(arena, "b", &c), -EUCLEAN);
        assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        sh->accounts = ref;
        drop(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)
                T(alone_every_arrival_ends_a_phase),
                T(one_of_them_ends_each_phase),
                T(phases_are_counted_in_full),
                T(places_are_taken_joined_and_left),
                T(who_leaves_having_arrived_takes_its_arrival_along),
                T(there_are_so_many_places),
                T(nobody_arrives_twice_in_a_phase),
                T(an_observer_takes_no_place),
                T(any_arrivals_make_a_phase),
                T(arguments_are_checked),
                T(opening_shares_and_checks),
                T(processes_cross_at_different_addresses),
                T(a_case_is_ready_when_the_phase_has_ended),
                T(read_only_looks),
                T(hostile_bytes_are_survived),
#undef T
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
