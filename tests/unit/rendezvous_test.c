/* tests/unit/rendezvous_test.c -- push and pop: they meet, or nothing has happened. */
#define _GNU_SOURCE
#include <weft/fd.h>

#include "tests/unit/rendezvous_kit.h"

/* ---- calls ------------------------------------------------------------------------ */

static void bad_arguments_are_refused(void **state)
{
        weft_rendezvous_t *r = make("r", 8), *s = NULL;
        struct weft_rendezvous_options bad[] = { { 0, 0 },
                                                 { WEFT_RENDEZVOUS_ELEMENT_MAX + 1, 0 },
                                                 { 8, 1 } };
        struct weft_rendezvous_options good = { 8, 0 }, other = { 9, 0 };
        struct weft_rendezvous_info info;
        weft_queue_t *q;
        uint64_t x = 0;
        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(weft_rendezvous_create(arena, "s", &bad[i], &s),
                                 -EINVAL);
        assert_int_equal(weft_rendezvous_create(arena, "s", NULL, &s), -EINVAL);
        assert_int_equal(weft_rendezvous_create(arena, NULL, &good, &s), -EINVAL);
        assert_int_equal(weft_rendezvous_create(NULL, "s", &good, &s), -EINVAL);
        assert_int_equal(weft_rendezvous_create(arena, "s", &good, NULL), -EINVAL);
        assert_int_equal(weft_rendezvous_create(arena, "r", &good, &s), -EEXIST);
        assert_int_equal(weft_rendezvous_open(arena, "none", &s), -ENOENT);
        assert_int_equal(weft_rendezvous_open(arena, NULL, &s), -EINVAL);
        assert_int_equal(weft_rendezvous_open(arena, "r", NULL), -EINVAL);
        assert_int_equal(weft_rendezvous_create_or_open(arena, "r", &other, &s), -EPROTO);
        assert_null(s);
        assert_int_equal(weft_queue_open(arena, "r", &q), -EPROTO);
        assert_int_equal(weft_rendezvous_create_or_open(arena, "r", &good, &s), 0);
        weft_rendezvous_close(s);
        weft_rendezvous_close(NULL);
        assert_int_equal(weft_rendezvous_push(NULL, &x, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rendezvous_push(r, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rendezvous_pop(NULL, &x, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rendezvous_pop(r, NULL, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rendezvous_push_n(NULL, &x, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rendezvous_push_n(r, NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rendezvous_push_n(r, NULL, 0, WEFT_NOW), 0);
        assert_int_equal(weft_rendezvous_pop_n(r, NULL, 1, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_rendezvous_pop_n(r, NULL, 0, WEFT_NOW), 0);
        assert_int_equal(weft_rendezvous_shutdown(NULL), -EINVAL);
        assert_int_equal(weft_rendezvous_info(NULL, &info), -EINVAL);
        assert_int_equal(weft_rendezvous_info(r, NULL), -EINVAL);
        assert_true(weft_rendezvous_owner(NULL).v == 0);
        assert_true(weft_rendezvous_owner(r).v != 0);
        drop(r, "r");
}

static void alone_nothing_happens(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        uint64_t x = 3;
        (void)state;
        assert_int_equal(weft_rendezvous_push(r, &x, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_pop(r, &x, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_push_n(r, &x, 1, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_pop_n(r, &x, 1, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_push(r, &x, 1), -ETIMEDOUT); /* long past */
        uint64_t until = weft_after(20 * WEFT_MSEC);
        assert_int_equal(weft_rendezvous_push(r, &x, until), -ETIMEDOUT);
        assert_true(weft_now() >= until);
        until = weft_after(20 * WEFT_MSEC);
        assert_int_equal(weft_rendezvous_pop(r, &x, until), -ETIMEDOUT);
        assert_true(weft_now() >= until);
        /* What was offered is offered no more. */
        assert_int_equal(weft_rendezvous_pop(r, &x, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_push(r, &x, WEFT_NOW), -EAGAIN);
        struct weft_rendezvous_info info = info_of(r);
        assert_true(info.met == 0 && !info.pushing && !info.popping && !info.shut);
        drop(r, "r");
}

/* ---- two meet ------------------------------------------------------------------------ */

static const uint32_t sizes[] = { 1,  3,  7,  8,  9,   15,   16,   17,     31,
                                  32, 33, 56, 57, 300, 4096, 9999, 1 << 20 };
static uint8_t sent[1 << 20], got[1 << 20];

static void *push_painted(void *context)
{
        struct party *p = context;
        p->rc = weft_rendezvous_push(p->r, sent, p->deadline);
        return NULL;
}

static void *pop_painted(void *context)
{
        struct party *p = context;
        p->rc = weft_rendezvous_pop(p->r, got, p->deadline);
        return NULL;
}

static void any_size_goes_over_both_ways(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                uint32_t bytes = sizes[i];
                weft_rendezvous_t *r = make("r", bytes);
                struct party p = { .r = r, .deadline = WEFT_NEVER };
                for (uint64_t lap = 0; lap < 6; lap++) {
                        paint(sent, bytes, lap);
                        memset(got, 0, bytes);
                        if (lap % 2) {
                                begin(&p, push_painted);
                                until_waiting(r, 1, 0);
                                CHECK(weft_rendezvous_pop(r, got, WEFT_NOW) == 0);
                        } else {
                                begin(&p, pop_painted);
                                until_waiting(r, 0, 1);
                                CHECK(weft_rendezvous_push(r, sent, WEFT_NOW) == 0);
                        }
                        assert_int_equal(end(&p), 0);
                        assert_true(is_painted(got, bytes, lap));
                        assert_int_equal(info_of(r).met, lap + 1);
                        check_whole(arena);
                }
                drop(r, "r");
        }
}

/* Both come at any moment. */
static void *push_many(void *context)
{
        struct party *p = context;
        for (uint64_t i = 0; i < 3000; i++)
                CHECK(weft_rendezvous_push(p->r, &i, WEFT_NEVER) == 0);
        return NULL;
}

static void they_meet_in_order(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        struct party p = { .r = r };
        (void)state;
        begin(&p, push_many);
        for (uint64_t i = 0, x; i < 3000; i++) {
                CHECK(weft_rendezvous_pop(r, &x, WEFT_NEVER) == 0);
                assert_int_equal(x, i);
        }
        assert_int_equal(end(&p), 0);
        assert_int_equal(info_of(r).met, 3000);
        drop(r, "r");
}

static void n_go_while_somebody_is_there(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        struct party p[3];
        uint64_t x[5] = { 1, 2, 4, 8, 16 };
        (void)state;
        for (int i = 0; i < 3; i++) {
                p[i] = (struct party){ .r = r, .deadline = WEFT_NEVER };
                begin(&p[i], pop_x);
        }
        until_waiting(r, 0, 3);
        assert_int_equal(weft_rendezvous_push_n(r, x, 5, WEFT_NEVER), 3);
        uint64_t sum = 0;
        for (int i = 0; i < 3; i++) {
                assert_int_equal(end(&p[i]), 0);
                sum += p[i].x;
        }
        assert_int_equal(sum, 7);
        for (int i = 0; i < 3; i++) {
                p[i].x = x[i];
                begin(&p[i], push_x);
        }
        until_waiting(r, 3, 0);
        memset(x, 0, sizeof x);
        assert_int_equal(weft_rendezvous_pop_n(r, x, 5, WEFT_NOW), 3);
        assert_int_equal(x[0] + x[1] + x[2], 7);
        for (int i = 0; i < 3; i++)
                assert_int_equal(end(&p[i]), 0);
        drop(r, "r");
}

/* Who waits longest among many is not passed by for ever: each has his turn. */
static void all_who_wait_are_served(void **state)
{
        enum { WAITING = 6 };
        weft_rendezvous_t *r = make("r", 8);
        struct party p[WAITING];
        uint64_t x = 0;
        int served[WAITING] = { 0 };
        (void)state;
        for (int i = 0; i < WAITING; i++) {
                p[i] = (struct party){ .r = r, .x = (uint64_t)i, .deadline = WEFT_NEVER };
                begin(&p[i], push_x);
        }
        for (int i = 0; i < WAITING; i++) {
                until_waiting(r, WAITING, 0);
                CHECK(weft_rendezvous_pop(r, &x, WEFT_NOW) == 0);
                served[x]++;
                CHECK(end(&p[x]) == 0);
                begin(&p[x], push_x); /* comes back at once, perhaps to the same seat */
        }
        until_waiting(r, WAITING, 0);
        assert_int_equal(weft_rendezvous_shutdown(r), 0);
        for (int i = 0; i < WAITING; i++) {
                assert_int_equal(end(&p[i]), -EPIPE);
                assert_int_equal(served[i], 1);
        }
        weft_rendezvous_close(r);
}

/* ---- processes ------------------------------------------------------------------------- */

static void answer(void *inherited)
{
        weft_arena_t *a = child_reopen(inherited, 0);
        weft_rendezvous_t *there, *back;
        uint8_t e[300];
        CHECK(weft_rendezvous_open(a, "there", &there) == 0);
        CHECK(weft_rendezvous_open(a, "back", &back) == 0);
        while (weft_rendezvous_pop(there, e, WEFT_NEVER) == 0)
                CHECK(weft_rendezvous_push(back, e, WEFT_NEVER) == 0);
        _exit(0);
}

static void processes_at_other_addresses_meet(void **state)
{
        (void)state;
        for (uint32_t bytes = 4; bytes <= 300; bytes += 148) {
                weft_rendezvous_t *there = make("there", bytes),
                                  *back = make("back", bytes);
                pid_t pid = child_start(answer, arena);
                for (uint64_t i = 0; i < 300; i++) {
                        paint(sent, bytes, i);
                        CHECK(weft_rendezvous_push(there, sent, WEFT_NEVER) == 0);
                        CHECK(weft_rendezvous_pop(back, got, WEFT_NEVER) == 0);
                        assert_true(is_painted(got, bytes, i));
                }
                assert_int_equal(weft_rendezvous_shutdown(there), 0);
                assert_int_equal(child_end(pid), 0);
                drop(there, "there");
                drop(back, "back");
        }
}

struct crowd {
        weft_rendezvous_t *r;
        uint32_t bytes;
        _Atomic(uint64_t) sent, got, sum_sent, sum_got;
        _Atomic(uint32_t) pushing;
};
enum { CROWD = 3, EACH = 400 };

static void push_in_crowd(void *context)
{
        struct crowd *c = context;
        for (uint64_t i = 0; i < EACH; i++) {
                uint64_t x[5] = { (uint64_t)getpid() << 32 | i, 0, 0, 0, i };
                CHECK(weft_rendezvous_push(c->r, x, WEFT_NEVER) == 0);
                c->sent++;
                c->sum_sent += x[0];
        }
        if (--c->pushing == 0)
                CHECK(weft_rendezvous_shutdown(c->r) == 0);
}

static void pop_in_crowd(void *context)
{
        struct crowd *c = context;
        uint64_t x[5];
        int rc;
        while ((rc = weft_rendezvous_pop(c->r, x, WEFT_NEVER)) == 0) {
                CHECK(c->bytes == 8 || (x[4] == (uint32_t)x[0] && !x[1]));
                c->got++;
                c->sum_got += x[0];
        }
        CHECK(rc == -EPIPE);
}

static void each_element_has_one_receiver(void **state)
{
        static const uint32_t bytes[] = { 8, 40 };
        (void)state;
        for (int k = 0; k < 2; k++) {
                struct crowd *c = common_make(sizeof *c);
                pid_t pids[2 * CROWD];
                c->bytes = bytes[k];
                c->r = make("r", bytes[k]);
                c->pushing = CROWD;
                for (int i = 0; i < CROWD; i++) {
                        pids[i] = child_start(push_in_crowd, c);
                        pids[CROWD + i] = child_start(pop_in_crowd, c);
                }
                for (int i = 0; i < 2 * CROWD; i++)
                        assert_int_equal(child_end(pids[i]), 0);
                assert_int_equal(c->sent, CROWD * EACH);
                assert_int_equal(c->got, CROWD * EACH);
                assert_true(c->sum_got == c->sum_sent);
                assert_int_equal(info_of(c->r).met, CROWD * EACH);
                drop(c->r, "r");
                munmap(c, sizeof *c);
        }
}

/* ---- the end ----------------------------------------------------------------------------- */

static void shutdown_tells_all(void **state)
{
        (void)state;
        for (int asleep = 0; asleep < 2; asleep++)
                for (int side = 0; side < 2; side++) {
                        weft_rendezvous_t *r = make("r", 8);
                        struct party p[3];
                        uint64_t x = 1;
                        for (int i = 0; i < 3; i++) {
                                p[i] = (struct party){ .r = r, .deadline = WEFT_NEVER };
                                begin(&p[i], side ? push_x : pop_x);
                        }
                        until_waiting(r, side ? 3 : 0, side ? 0 : 3);
                        if (asleep)
                                usleep(2000);
                        assert_int_equal(weft_rendezvous_shutdown(r), 0);
                        for (int i = 0; i < 3; i++)
                                assert_int_equal(end(&p[i]), -EPIPE);
                        assert_int_equal(weft_rendezvous_shutdown(r), 0);
                        assert_int_equal(weft_rendezvous_push(r, &x, WEFT_NOW), -EPIPE);
                        assert_int_equal(weft_rendezvous_push(r, &x, WEFT_NEVER), -EPIPE);
                        assert_int_equal(weft_rendezvous_pop(r, &x, WEFT_NOW), -EPIPE);
                        assert_int_equal(weft_rendezvous_pop_n(r, &x, 1, WEFT_NEVER),
                                         -EPIPE);
                        assert_true(info_of(r).shut);
                        drop(r, "r");
                }
}

/* ---- the dead, and the stopped -------------------------------------------------------------- */

static weft_rendezvous_t *meeting_place; /* inherited by children */

static void wait_to_push(void *unused)
{
        (void)unused;
        memset(sent, 7, sizeof sent);
        (void)!weft_rendezvous_push(meeting_place, sent, WEFT_NEVER);
}

static void wait_to_pop(void *unused)
{
        (void)unused;
        (void)!weft_rendezvous_pop(meeting_place, got, WEFT_NEVER);
}

static void the_dead_are_not_there(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i += 4)
                for (int side = 0; side < 2; side++) {
                        weft_rendezvous_t *r = meeting_place = make("r", sizes[i]);
                        pid_t pid = child_start(side ? wait_to_push : wait_to_pop, NULL);
                        until_waiting(r, side ? 1 : 0, side ? 0 : 1);
                        assert_int_equal(child_kill(pid), -SIGKILL);
                        struct weft_rendezvous_info info = info_of(r);
                        assert_true(!info.pushing && !info.popping);
                        /* before he is settled, and after */
                        assert_int_equal(weft_rendezvous_pop(r, got, WEFT_NOW), -EAGAIN);
                        assert_int_equal(weft_rendezvous_push(r, sent, WEFT_NOW),
                                         -EAGAIN);
                        assert_int_equal(recover_count(arena), 1);
                        assert_int_equal(weft_rendezvous_pop(r, got, WEFT_NOW), -EAGAIN);
                        assert_int_equal(weft_rendezvous_push(r, sent, WEFT_NOW),
                                         -EAGAIN);
                        assert_true(weft_rendezvous_sh(r)->bits[0][0].raw ==
                                    (weft_rendezvous_sh(r)->bits[0][0].raw & 1));
                        drop(r, "r");
                }
}

/* What its holder was writing down when it died is no offer of the next holder's. */
static void die_offering(void *unused)
{
        struct weft_rendezvous_op op = { .side = WEFT_TAKES };
        (void)unused;
        CHECK(weft_rendezvous_begin(meeting_place, &op) == 0);
        weft_rendezvous_list(&op);
        CHECK(weft_rendezvous_write(&op, 0) == 0);
        raise(SIGKILL);
}

static weft_rendezvous_t *elsewhere;

static void wait_elsewhere(void *unused)
{
        struct weft_rendezvous_op op = { .side = WEFT_TAKES };
        uint64_t x;
        struct weft_case c = { .object = elsewhere, .op = WEFT_OP_POP, .to = &x };
        (void)unused;
        CHECK(weft_rendezvous_begin(meeting_place, &op) == 0);
        weft_rendezvous_list(&op);
        (void)!weft_select(&c, 1, 0, WEFT_NEVER);
}

static void a_seat_does_not_inherit_offers(void **state)
{
        uint64_t x = 0;
        (void)state;
        meeting_place = make("r", 8);
        elsewhere = make("s", 8);
        assert_int_equal(weft_rendezvous_push(meeting_place, &x, WEFT_NOW), -EAGAIN);
        assert_int_equal(child_run(die_offering, NULL), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        pid_t pid = child_start(wait_elsewhere, NULL); /* has the same seat */
        until_waiting(elsewhere, 0, 1);
        assert_int_equal(weft_rendezvous_push(meeting_place, &x, WEFT_NOW), -EAGAIN);
        assert_int_equal(child_kill(pid), -SIGKILL);
        (void)recover_count(arena);
        drop(elsewhere, "s");
        drop(meeting_place, "r");
}

/* Receivers that stand before they have fetched what they got keep a box each; others go
 * on, and it comes back when those are done, or dead. */
static void *pop_long(void *context)
{
        struct party *p = context;
        uint8_t e[300];
        p->rc = weft_rendezvous_pop(p->r, e, WEFT_NEVER);
        p->x = p->rc == 0 && is_painted(e, 300, 99);
        return NULL;
}

static void who_is_stopped_keeps_a_box(void **state)
{
        enum { STOPPED = 5 };
        pid_t pids[STOPPED];
        struct party p;
        (void)state;
        meeting_place = make("r", 300);
        p = (struct party){ .r = meeting_place };
        for (int i = 0; i < STOPPED; i++)
                pids[i] = child_start(wait_to_pop, NULL);
        until_waiting(meeting_place, 0, STOPPED);
        for (int i = 0; i < STOPPED; i++)
                CHECK(kill(pids[i], SIGSTOP) == 0);
        usleep(1000);
        for (uint64_t i = 0; i < STOPPED; i++) {
                paint(sent, 300, i);
                CHECK(weft_rendezvous_push(meeting_place, sent, WEFT_NOW) == 0);
        }
        CHECK(weft_rendezvous_push(meeting_place, sent, WEFT_NOW) == -EAGAIN);
        check_whole(arena);
        for (int i = 0; i < 20; i++) {
                begin(&p, pop_long);
                until_waiting(meeting_place, 0, 1);
                paint(sent, 300, 99);
                CHECK(weft_rendezvous_push(meeting_place, sent, WEFT_NOW) == 0);
                assert_int_equal(end(&p), 0);
                assert_true(p.x);
        }
        CHECK(kill(pids[0], SIGCONT) == 0); /* has got what was meant for him */
        assert_int_equal(child_end(pids[0]), 0);
        for (int i = 1; i < STOPPED; i++)
                assert_int_equal(child_kill(pids[i]), -SIGKILL);
        assert_int_equal(recover_count(arena), STOPPED);
        check_whole(arena);
        drop(meeting_place, "r");
}

/* What they got is what they were given, though the giver went on, and ended. */
static void pop_and_check(void *unused)
{
        (void)unused;
        CHECK(weft_rendezvous_pop(meeting_place, got, WEFT_NEVER) == 0);
        CHECK(is_painted(got, 300, got[0] == (uint8_t)(31 + 1)));
}

static void *give_two(void *unused)
{
        uint8_t e[300];
        (void)unused;
        for (uint64_t i = 0; i < 2; i++) {
                paint(e, 300, i);
                CHECK(weft_rendezvous_push(meeting_place, e, WEFT_NOW) == 0);
        }
        return NULL; /* its seat is free */
}

static void *offer_some(void *unused)
{
        uint8_t e[300];
        (void)unused;
        for (uint64_t i = 5; i < 10; i++) {
                paint(e, 300, i);
                CHECK(weft_rendezvous_push(meeting_place, e, 1) == -ETIMEDOUT);
        }
        return NULL;
}

static void a_gift_outlives_its_giver(void **state)
{
        pid_t pids[2];
        pthread_t t;
        (void)state;
        meeting_place = make("r", 300);
        for (int i = 0; i < 2; i++)
                pids[i] = child_start(pop_and_check, NULL);
        until_waiting(meeting_place, 0, 2);
        for (int i = 0; i < 2; i++)
                CHECK(kill(pids[i], SIGSTOP) == 0);
        usleep(1000);
        CHECK(pthread_create(&t, NULL, give_two, NULL) == 0 && !pthread_join(t, NULL));
        CHECK(pthread_create(&t, NULL, offer_some, NULL) == 0 && !pthread_join(t, NULL));
        for (int i = 0; i < 2; i++)
                CHECK(kill(pids[i], SIGCONT) == 0);
        for (int i = 0; i < 2; i++)
                assert_int_equal(child_end(pids[i]), 0);
        drop(meeting_place, "r");
}

/* ---- looking ---------------------------------------------------------------------------------- */

static void look_only(void *inherited)
{
        weft_arena_t *a = child_reopen(inherited, WEFT_RDONLY);
        weft_rendezvous_t *r;
        struct weft_rendezvous_info info;
        uint64_t x = 0;
        CHECK(weft_rendezvous_open(a, "r", &r) == 0);
        CHECK(weft_rendezvous_info(r, &info) == 0);
        CHECK(info.popping == 1 && info.pushing == 0 && info.met == 0);
        CHECK(info.element_bytes == 8 && !info.shut);
        CHECK(weft_rendezvous_push(r, &x, WEFT_NOW) == -EROFS);
        CHECK(weft_rendezvous_pop(r, &x, WEFT_NEVER) == -EROFS);
        CHECK(weft_rendezvous_shutdown(r) == -EROFS);
        weft_rendezvous_close(r);
        weft_arena_close(a);
        _exit(0);
}

static void read_only_looks(void **state)
{
        weft_rendezvous_t *r = make("r", 8);
        struct party p = { .r = r, .deadline = WEFT_NEVER };
        struct weft_object_info about;
        (void)state;
        begin(&p, pop_x);
        until_waiting(r, 0, 1);
        assert_int_equal(child_run(look_only, arena), 0);
        assert_int_equal(weft_object_stat(arena, "r", &about), 0);
        assert_string_equal(about.detail, "8 B, 0 pushing, 1 popping, 0 met");
        assert_int_equal(weft_object_remove(arena, "r"), -EBUSY);
        assert_int_equal(weft_rendezvous_shutdown(r), 0);
        assert_int_equal(end(&p), -EPIPE);
        drop(r, "r");
}

/* ---- memory -------------------------------------------------------------------------------------- */

static void a_full_arena_is_told(void **state)
{
        struct weft_arena_options o = { .max_bytes = 4 << 20 };
        struct weft_rendezvous_options big = { 1 << 20, 0 };
        weft_rendezvous_t *r;
        weft_ref_t ref;
        void *at;
        (void)state;
        weft_arena_close(arena);
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_rendezvous_create(arena, "r", &big, &r) == 0);
        for (uint64_t bytes = 2 << 20; bytes >= 16; bytes /= 2)
                while (weft_block_alloc(arena, bytes, &ref, &at) == 0)
                        ;
        assert_int_equal(weft_rendezvous_push(r, sent, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_push(r, sent, WEFT_NEVER), -ENOSPC);
        assert_int_equal(weft_rendezvous_pop(r, got, 1), -ETIMEDOUT);
        struct party p = { .r = r, .deadline = WEFT_NEVER };
        begin(&p, pop_painted);
        until_waiting(r, 0, 1);
        assert_int_equal(weft_rendezvous_push(r, sent, WEFT_NOW), -ENOSPC);
        assert_int_equal(info_of(r).popping, 1);
        assert_int_equal(weft_rendezvous_shutdown(r), 0);
        assert_int_equal(end(&p), -EPIPE);
        weft_rendezvous_close(r);
}

/* ---- hostile bytes --------------------------------------------------------------------------------- */

static void bad_headers_are_refused(void **state)
{
        weft_rendezvous_t *r = make("r", 8), *s;
        struct weft_rendezvous_shared *sh = weft_rendezvous_sh(r);
        static const uint32_t bad[] = { 0, (1 << 20) + 1, UINT32_MAX };
        struct weft_census census;
        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                sh->element_bytes = bad[i];
                assert_int_equal(weft_rendezvous_open(arena, "r", &s), -EUCLEAN);
                assert_int_equal(weft_arena_check(arena, &census), -EUCLEAN);
        }
        sh->element_bytes = 8;
        drop(r, "r");
}

static void bad_boxes_are_told(void **state)
{
        weft_rendezvous_t *r = make("r", 300);
        struct party p = { .r = r, .deadline = WEFT_NEVER };
        (void)state;
        begin(&p, push_painted);
        until_waiting(r, 1, 0);
        uint32_t seat = 0;
        while (seat < 32 && !(weft_rendezvous_sh(r)->bits[WEFT_GIVES][0].raw >> seat & 1))
                seat++;
        struct weft_rendezvous_desk_shared *desk = weft_desk_at(&r->desks, seat);
        uint64_t chunk = desk->chunks[0].raw;
        desk->box.raw = 0; /* no such box where elements are large */
        assert_int_equal(weft_rendezvous_pop(r, got, WEFT_NOW), -EUCLEAN);
        desk->box.raw = 4711;
        assert_int_equal(weft_rendezvous_pop(r, got, WEFT_NOW), -EUCLEAN);
        desk->box.raw = 3;
        assert_int_equal(weft_rendezvous_pop(r, got, WEFT_NOW), -EUCLEAN);
        desk->box.raw = 1;
        desk->chunks[0].raw = chunk + 1;
        assert_int_equal(weft_rendezvous_pop(r, got, WEFT_NOW), -EUCLEAN);
        desk->chunks[0].raw = chunk;
        assert_int_equal(weft_rendezvous_pop(r, got, WEFT_NOW), 0);
        assert_int_equal(end(&p), 0);
        /* Bits where nobody is. */
        memset(weft_rendezvous_sh(r)->bits, 0xff, sizeof weft_rendezvous_sh(r)->bits);
        assert_int_equal(weft_rendezvous_pop(r, got, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_rendezvous_push(r, got, 1), -ETIMEDOUT);
        memset(weft_rendezvous_sh(r)->bits, 0, sizeof weft_rendezvous_sh(r)->bits);
        drop(r, "r");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_arguments_are_refused),
                TEST(alone_nothing_happens),
                TEST(any_size_goes_over_both_ways),
                TEST(they_meet_in_order),
                TEST(n_go_while_somebody_is_there),
                TEST(all_who_wait_are_served),
                TEST(processes_at_other_addresses_meet),
                TEST(each_element_has_one_receiver),
                TEST(shutdown_tells_all),
                TEST(the_dead_are_not_there),
                TEST(a_seat_does_not_inherit_offers),
                TEST(who_is_stopped_keeps_a_box),
                TEST(a_gift_outlives_its_giver),
                TEST(read_only_looks),
                TEST(a_full_arena_is_told),
                TEST(bad_headers_are_refused),
                TEST(bad_boxes_are_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
