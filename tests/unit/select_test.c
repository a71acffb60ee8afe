#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <weft/array.h>
#include <weft/mutex.h>
#include <weft/queue.h>
#include <weft/select.h>
#include <weft/semaphore.h>

#include "runtime/waitable.h"
#include "tests/unit/sleeper.h"

enum { MANY = 4, SOON = 20 };

static weft_arena_t *arena;
static weft_queue_t *q[MANY], *boxes, *leases; /* of words; of 100 B; of 8 B, leased */
static weft_semaphore_t *semaphore;
static weft_mutex_t *mutex;

static void open_all(void)
{
        char name[8];
        const struct weft_queue_options words = { .capacity = 4, .element_bytes = 8 };
        const struct weft_queue_options large = { .capacity = 4, .element_bytes = 100 };
        const struct weft_queue_options leased = { 4, 8, WEFT_QUEUE_LEASE };
        const struct weft_semaphore_options permits = { .maximum = 10 };
        for (int i = 0; i < MANY; i++) {
                snprintf(name, sizeof name, "q%d", i);
                CHECK(weft_queue_create_or_open(arena, name, &words, &q[i]) == 0);
        }
        CHECK(weft_queue_create_or_open(arena, "boxes", &large, &boxes) == 0);
        CHECK(weft_queue_create_or_open(arena, "leases", &leased, &leases) == 0);
        CHECK(weft_semaphore_create_or_open(arena, "s", &permits, &semaphore) == 0);
        CHECK(weft_mutex_create_or_open(arena, "m", NULL, &mutex) == 0);
}

static void close_all(void)
{
        for (int i = 0; i < MANY; i++)
                weft_queue_close(q[i]);
        weft_queue_close(boxes);
        weft_queue_close(leases);
        weft_semaphore_close(semaphore);
        weft_mutex_close(mutex);
}

static int fresh(void **state)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        (void)state;
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        open_all();
        return 0;
}

static int whole(void **state)
{
        (void)state;
        close_all();
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static struct weft_case pop(weft_queue_t *from, void *to)
{
        return (struct weft_case){ .object = from, .op = WEFT_OP_POP, .to = to };
}

static struct weft_case push(weft_queue_t *to, const void *from)
{
        return (struct weft_case){ .object = to, .op = WEFT_OP_PUSH, .from = from };
}

static struct weft_case take(weft_queue_t *from, struct weft_element *to)
{
        return (struct weft_case){ .object = from, .op = WEFT_OP_TAKE, .to = to };
}

static struct weft_case acquire(uint64_t n)
{
        return (struct weft_case){ .object = semaphore, .op = WEFT_OP_ACQUIRE, .n = n };
}

static struct weft_case lock(void)
{
        return (struct weft_case){ .object = mutex, .op = WEFT_OP_LOCK };
}

static struct weft_case looking(struct weft_case c)
{
        c.flags = WEFT_CASE_LOOK;
        return c;
}

static void put(weft_queue_t *to, uint64_t v)
{
        CHECK(weft_queue_push(to, &v, WEFT_NOW) == 0);
}

static uint64_t length(weft_queue_t *of)
{
        struct weft_queue_info info;
        CHECK(weft_queue_info(of, &info) == 0);
        return info.length;
}

static struct weft_wait_shared *wait_of(const struct weft_case *c)
{
        struct weft_handle *h = c->object;
        return h->kind->waitable->wait(h, c);
}

/* ---- what is refused --------------------------------------------------------------- */

/* `bad` is refused though a case beside it is ready: that one is not done. */
static void refuse(struct weft_case bad, int rc)
{
        uint64_t v = 7;
        struct weft_case cases[3] = { pop(q[0], &v), bad, pop(q[0], &v) };
        put(q[0], 1);
        cases[0].result = cases[1].result = cases[2].result = 99;
        assert_int_equal(weft_select(cases, 3, 0, WEFT_NEVER), rc);
        assert_int_equal(cases[0].result, 0);
        assert_int_equal(cases[1].result, rc);
        assert_int_equal(cases[2].result, 0);
        assert_int_equal(length(q[0]), 1);
        assert_int_equal(weft_queue_pop(q[0], &v, WEFT_NOW), 0);
}

static void bad_cases_are_named(void **state)
{
        const struct weft_array_options o = { .length = 1, .element_bytes = 8 };
        weft_array_t *array;
        uint64_t v;
        (void)state;
        struct weft_case c = pop(NULL, &v);
        refuse(c, -EINVAL);
        refuse(pop(q[1], NULL), -EINVAL);
        refuse(take(q[1], NULL), -EINVAL);
        refuse(push(q[1], NULL), -EINVAL);
        c = pop(q[1], &v);
        c.flags = 2;
        refuse(c, -EINVAL);
        c.flags = 0;
        c.op = 1000;
        refuse(c, -EPROTO);
        c.op = WEFT_OP_LOCK; /* of a queue */
        refuse(c, -EPROTO);
        c = lock();
        c.op = WEFT_OP_POP;
        c.to = &v;
        refuse(c, -EPROTO);
        assert_int_equal(weft_array_create(arena, "a", &o, &array), 0);
        c.object = array;
        refuse(c, -EPROTO);
        weft_array_close(array);
}

static void bad_calls_are_refused(void **state)
{
        struct weft_case cases[WEFT_SELECT_MAX + 1] = { 0 };
        (void)state;
        assert_int_equal(weft_select(NULL, 1, 0, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_select(cases, 0, 0, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_select(cases, WEFT_SELECT_MAX + 1, 0, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_select(cases, 1, 2, WEFT_NOW), -EINVAL);
        assert_int_equal(weft_select(cases, WEFT_SELECT_MAX, 0, WEFT_NOW), -EAGAIN);
}

/* The operation's own view of its arguments: a fault of the call, not an end. */
static void what_the_operation_refuses_is_told(void **state)
{
        struct weft_case c = acquire(11); /* of at most 10 */
        (void)state;
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NEVER), -EINVAL);
        assert_int_equal(c.result, -EINVAL);
}

static void read_only(void *unused)
{
        uint64_t v = 0;
        (void)unused;
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        weft_queue_t *queue;
        CHECK(weft_queue_open(there, "q0", &queue) == 0);
        struct weft_case c = pop(queue, &v);
        CHECK(weft_select(&c, 1, 0, WEFT_NEVER) == -EROFS);
        CHECK(c.result == -EROFS);
}

static void a_read_only_handle_is_refused(void **state)
{
        (void)state;
        put(q[0], 1);
        assert_int_equal(child_run(read_only, NULL), 0);
        assert_int_equal(length(q[0]), 1);
}

/* ---- exactly one ------------------------------------------------------------------------ */

static void the_ready_one_is_done(void **state)
{
        uint64_t v[6], five = 5;
        struct weft_element e = { 0 };
        char large[100] = "large", out[100];
        struct weft_case cases[] = {
                pop(q[0], &v[0]), { 0 },  push(q[1], &five), take(leases, &e), acquire(2),
                pop(boxes, out),  lock(),
        };
        (void)state;
        for (uint64_t i = 0; i < 4; i++)
                put(q[1], i); /* full */
        assert_int_equal(weft_mutex_lock(mutex, WEFT_NOW), 0);
        cases[6].op = WEFT_OP_NONE; /* ours: it would say so */
        assert_int_equal(weft_select(cases, 7, 0, WEFT_NOW), -EAGAIN);
        put(q[0], 3);
        assert_int_equal(weft_select(cases, 7, 0, WEFT_NEVER), 0);
        assert_true(v[0] == 3);
        assert_int_equal(weft_select(cases, 7, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_queue_pop(q[1], &v[1], WEFT_NOW), 0);
        assert_int_equal(weft_select(cases, 7, 0, WEFT_NEVER), 2);
        assert_int_equal(length(q[1]), 4);
        put(leases, 8);
        assert_int_equal(weft_select(cases, 7, 0, WEFT_NEVER), 3);
        assert_int_equal(*(uint64_t *)e.at, 8);
        assert_int_equal(weft_queue_ack(leases, &e), 0);
        assert_int_equal(weft_queue_push(boxes, large, WEFT_NOW), 0);
        assert_int_equal(weft_select(cases, 7, 0, WEFT_NEVER), 5);
        assert_string_equal(out, "large");
        assert_int_equal(weft_mutex_unlock(mutex), 0);
        cases[6].op = WEFT_OP_LOCK;
        assert_int_equal(weft_select(cases, 7, 0, WEFT_NEVER), 6);
        assert_int_equal(weft_mutex_unlock(mutex), 0);
}

static void a_take_of_a_word_is_one_too(void **state)
{
        struct weft_element e = { 0 };
        struct weft_case c = take(q[0], &e);
        (void)state;
        put(q[0], 9);
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NEVER), 0);
        assert_int_equal(*(uint64_t *)e.at, 9);
        assert_int_equal(weft_queue_release(q[0], &e), 0);
}

static void looking_does_nothing(void **state)
{
        uint64_t v;
        struct weft_element e;
        struct weft_case cases[] = {
                looking(pop(q[0], NULL)),  looking(take(leases, NULL)),
                looking(acquire(1)),       looking(pop(boxes, NULL)),
                looking(push(q[1], NULL)),
        };
        (void)state;
        for (uint64_t i = 0; i < 4; i++)
                put(q[1], i);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), -EAGAIN);
        put(q[0], 1);
        for (int i = 0; i < 3; i++)
                assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), 0);
        assert_int_equal(length(q[0]), 1);
        assert_int_equal(weft_queue_pop(q[0], &v, WEFT_NOW), 0);
        /* What is given back is there, and what is leased is not. */
        put(leases, 5);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), 1);
        assert_int_equal(weft_queue_take(leases, &e, WEFT_NOW), 0);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_queue_nack(leases, &e), 0);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), 1);
        assert_int_equal(weft_queue_take(leases, &e, WEFT_NOW), 0);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), -EAGAIN);
        /* Shut: at its end only when nothing is leased any more. */
        assert_int_equal(weft_queue_shutdown(leases), 0);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_queue_ack(leases, &e), 0);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), 1);
        cases[1].op = WEFT_OP_NONE;
        assert_int_equal(weft_queue_pop(q[1], &v, WEFT_NOW), 0);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), 4);
        assert_int_equal(length(q[1]), 3);
        assert_int_equal(weft_queue_shutdown(q[1]), 0);
        assert_int_equal(weft_select(cases, 5, 0, WEFT_NOW), 4);
}

static void what_has_ended_fires(void **state)
{
        uint64_t v = 0;
        struct weft_case cases[] = { pop(q[0], &v), push(q[0], &v), pop(q[1], &v) };
        (void)state;
        put(q[0], 4);
        assert_int_equal(weft_queue_shutdown(q[0]), 0);
        assert_int_equal(weft_select(cases, 3, WEFT_SELECT_PRIORITY, WEFT_NEVER), 0);
        assert_int_equal(cases[0].result, 0);
        assert_true(v == 4);
        assert_int_equal(weft_select(cases, 3, WEFT_SELECT_PRIORITY, WEFT_NEVER), 0);
        assert_int_equal(cases[0].result, -EPIPE);
        cases[0].op = WEFT_OP_NONE;
        assert_int_equal(weft_select(cases, 3, 0, WEFT_NEVER), 1);
        assert_int_equal(cases[1].result, -EPIPE);
}

static void die_holding(void *unused)
{
        (void)unused;
        CHECK(weft_mutex_lock(mutex, WEFT_NOW) == 0);
        raise(SIGKILL);
}

static void a_death_fires(void **state)
{
        uint64_t v;
        (void)state;
        assert_int_equal(child_run(die_holding, NULL), -SIGKILL);
        struct weft_case cases[] = { pop(q[0], &v), lock(), acquire(1) };
        assert_int_equal(weft_select(cases, 3, 0, WEFT_NEVER), 1);
        assert_int_equal(cases[1].result, -EOWNERDEAD);
        assert_int_equal(weft_mutex_consistent(mutex), 0);
        /* What would deadlock does not wait. */
        assert_int_equal(weft_select(cases, 3, 0, WEFT_NEVER), 1);
        assert_int_equal(cases[1].result, -EDEADLK);
        assert_int_equal(weft_mutex_unlock(mutex), 0);
}

/* ---- whose turn ----------------------------------------------------------------------------- */

static void fill_all(void)
{
        for (int i = 0; i < MANY; i++)
                while (length(q[i]) < 2)
                        put(q[i], (uint64_t)i);
}

static void all_have_their_turn(void **state)
{
        uint64_t v;
        struct weft_case cases[2 * MANY] = { 0 };
        int count[2 * MANY] = { 0 };
        (void)state;
        for (int i = 0; i < MANY; i++)
                cases[2 * i + 1] = pop(q[i], &v); /* places kept free in between */
        for (int i = 0; i < 40 * MANY; i++) {
                fill_all();
                count[weft_select(cases, 2 * MANY, 0, WEFT_NEVER)]++;
        }
        for (int i = 0; i < MANY; i++)
                assert_int_equal(count[2 * i + 1], 40);
}

/* Two selects in turn do not keep each other's turns. */
static void two_in_turn_are_fair(void **state)
{
        uint64_t v;
        struct weft_case a[2] = { pop(q[0], &v), pop(q[1], &v) };
        struct weft_case b[2] = { pop(q[2], &v), pop(q[3], &v) };
        int count[4] = { 0 };
        (void)state;
        for (int i = 0; i < 200; i++) {
                fill_all();
                count[weft_select(a, 2, 0, WEFT_NEVER)]++;
                count[2 + weft_select(b, 2, 0, WEFT_NEVER)]++;
        }
        for (int i = 0; i < 4; i++)
                assert_true(count[i] > 40);
}

static void priority_is_the_order_given(void **state)
{
        uint64_t v;
        struct weft_case cases[3] = { pop(q[0], &v), pop(q[1], &v), pop(q[2], &v) };
        (void)state;
        put(q[2], 0);
        put(q[1], 0);
        put(q[1], 0);
        for (int i = 0; i < 2; i++)
                assert_int_equal(weft_select(cases, 3, WEFT_SELECT_PRIORITY, WEFT_NOW),
                                 1);
        assert_int_equal(weft_select(cases, 3, WEFT_SELECT_PRIORITY, WEFT_NOW), 2);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void a_deadline_is_kept(void **state)
{
        uint64_t v;
        struct weft_case cases[3] = { pop(q[0], &v), { 0 }, acquire(1) };
        (void)state;
        errno = 4711;
        for (int n = 0; n < 3; n++) {
                uint64_t until = weft_after(SOON * WEFT_MSEC);
                assert_int_equal(weft_select(cases, 3, 0, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                cases[n ? 0 : 2].op = WEFT_OP_NONE; /* in the end all are */
        }
        assert_int_equal(errno, 4711);
        cases[0] = pop(q[0], &v);
        assert_int_equal(weft_wait_waiters(wait_of(&cases[0])), 0);
}

/* What the other process selects, of which one becomes possible: it tells which. */
struct elsewhere {
        int fires, result, fails;
        uint32_t looks;
};

static void select_elsewhere(void *context)
{
        const struct elsewhere *e = context;
        uint64_t v = 5;
        char out[100];
        struct weft_element element;
        if (e->fails && !without_waitv(e->fails))
                _exit(77);
        arena = child_reopen(arena, WEFT_RDWR);
        open_all();
        struct weft_case cases[] = { pop(q[0], &v), push(q[1], &v),        acquire(2),
                                     lock(),        pop(boxes, out),       pop(q[2], &v),
                                     { 0 },         take(leases, &element) };
        for (int i = 0; i < 8; i++)
                cases[i].flags = e->looks;
        int rc = weft_select(cases, 8, 0, weft_after(60 * WEFT_SEC));
        CHECK(rc == e->fires);
        CHECK(cases[rc].result == e->result);
        if (rc == 7 && !e->looks)
                CHECK(weft_queue_ack(leases, &element) == 0);
        if (rc == 3 && !e->looks)
                CHECK(weft_mutex_unlock(mutex) == 0);
        close_all();
        weft_arena_close(arena);
}

static void make_possible(int which)
{
        uint64_t v;
        char large[100] = "";
        switch (which) {
        case 0:
                put(q[0], 1);
                break;
        case 1:
                CHECK(weft_queue_pop(q[1], &v, WEFT_NOW) == 0);
                break;
        case 2:
                CHECK(weft_semaphore_post_n(semaphore, 2) == 0);
                break;
        case 3:
                CHECK(weft_mutex_unlock(mutex) == 0);
                break;
        case 4:
                CHECK(weft_queue_push(boxes, large, WEFT_NOW) == 0);
                break;
        case 5:
                CHECK(weft_queue_shutdown(q[2]) == 0);
                break;
        default:
                put(leases, 1);
                break;
        }
}

static void wake_elsewhere(struct elsewhere *e)
{
        const struct weft_case last = { .object = leases, .op = WEFT_OP_TAKE };
        pid_t pid = child_start(select_elsewhere, e);
        until_sleeping(wait_of(&last), 1);
        make_possible(e->fires);
        int rc = child_end(pid);
        if (rc == 77)
                skip();
        assert_int_equal(rc, 0);
        assert_int_equal(weft_wait_waiters(wait_of(&last)), 0);
}

/* All but case 6, which is none; the one that stays ready comes last. */
static void wake_all_ways(int fails)
{
        static const int order[] = { 0, 1, 2, 3, 4, 7, 5 };
        assert_int_equal(weft_mutex_lock(mutex, WEFT_NOW), 0);
        for (uint64_t i = 0; i < 4; i++)
                put(q[1], i);
        for (int i = 0; i < 7; i++) {
                struct elsewhere e = { order[i], order[i] == 5 ? -EPIPE : 0, fails, 0 };
                wake_elsewhere(&e);
                if (order[i] == 3)
                        assert_int_equal(weft_mutex_lock(mutex, WEFT_NOW), 0);
        }
        assert_int_equal(weft_semaphore_value(semaphore), 0);
        assert_int_equal(length(q[1]), 4);
        assert_int_equal(length(q[0]) + length(boxes) + length(leases), 0);
        assert_int_equal(weft_mutex_unlock(mutex), 0);
}

static void another_process_wakes_it(void **state)
{
        (void)state;
        wake_all_ways(0);
}

static void without_waitv_it_wakes_too(void **state)
{
        (void)state;
        wake_all_ways(ENOSYS);
}

static void a_look_elsewhere_takes_nothing(void **state)
{
        struct elsewhere e = { 0, 0, 0, WEFT_CASE_LOOK };
        (void)state;
        assert_int_equal(weft_mutex_lock(mutex, WEFT_NOW), 0);
        for (uint64_t i = 0; i < 4; i++)
                put(q[1], i);
        wake_elsewhere(&e);
        assert_int_equal(length(q[0]), 1);
        assert_int_equal(weft_mutex_unlock(mutex), 0);
}

/* As if the pusher had died before its wake: nobody is counted when it looks. */
static void a_lost_wake_costs_a_moment(void **state)
{
        struct elsewhere e = { 0, 0, 0, 0 };
        const struct weft_case first = pop(q[0], &e);
        struct weft_wait_shared *wait = wait_of(&first);
        (void)state;
        assert_int_equal(weft_mutex_lock(mutex, WEFT_NOW), 0);
        for (uint64_t i = 0; i < 4; i++)
                put(q[1], i);
        pid_t pid = child_start(select_elsewhere, &e);
        until_sleeping(wait, 1);
        (void)weft_and_acq_rel(&wait->word, ~(UINT64_C(0xfffff) << 32));
        put(q[0], 1);
        assert_int_equal(child_end(pid), 0);
        weft_wait_reset(wait);
        assert_int_equal(weft_mutex_unlock(mutex), 0);
}

/* ---- many ------------------------------------------------------------------------------------- */

static void select_many(void *context)
{
        uint64_t v[WEFT_SELECT_MAX];
        struct weft_case cases[WEFT_SELECT_MAX];
        weft_queue_t *many[WEFT_SELECT_MAX];
        char name[16];
        int want = *(int *)context;
        arena = child_reopen(arena, WEFT_RDWR);
        for (int i = 0; i < WEFT_SELECT_MAX; i++) {
                snprintf(name, sizeof name, "many%d", i);
                CHECK(weft_queue_open(arena, name, &many[i]) == 0);
                cases[i] = pop(many[i], &v[i]);
        }
        CHECK(weft_select(cases, WEFT_SELECT_MAX, 0, weft_after(60 * WEFT_SEC)) == want);
        CHECK(v[want] == 7);
        for (int i = 0; i < WEFT_SELECT_MAX; i++)
                weft_queue_close(many[i]);
        weft_arena_close(arena);
}

static void any_of_127_wakes(void **state)
{
        const struct weft_queue_options o = { .capacity = 2, .element_bytes = 8 };
        static const int which[] = { 0, 63, WEFT_SELECT_MAX - 1 };
        weft_queue_t *many[WEFT_SELECT_MAX];
        char name[16];
        (void)state;
        for (int i = 0; i < WEFT_SELECT_MAX; i++) {
                snprintf(name, sizeof name, "many%d", i);
                assert_int_equal(weft_queue_create(arena, name, &o, &many[i]), 0);
        }
        struct weft_case last = pop(many[WEFT_SELECT_MAX - 1], name);
        for (int i = 0; i < 3; i++) {
                int k = which[i];
                pid_t pid = child_start(select_many, &k);
                until_sleeping(wait_of(&last), 1);
                put(many[k], 7);
                assert_int_equal(child_end(pid), 0);
        }
        for (int i = 0; i < WEFT_SELECT_MAX; i++)
                weft_queue_close(many[i]);
}

/* Any arenas; and the same thing twice is two cases. */
static void cases_may_lie_anywhere(void **state)
{
        const struct weft_queue_options o = { .capacity = 4, .element_bytes = 8 };
        weft_arena_t *other;
        weft_queue_t *there;
        uint64_t v[4] = { 0 };
        int count[4] = { 0 };
        (void)state;
        assert_int_equal(weft_arena_create(NULL, NULL, &other), 0);
        assert_int_equal(weft_queue_create(other, "q", &o, &there), 0);
        struct weft_case cases[] = { pop(q[0], &v[0]), pop(there, &v[1]),
                                     pop(q[0], &v[2]), acquire(1) };
        assert_int_equal(weft_select(cases, 4, 0, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        put(there, 6);
        assert_int_equal(weft_select(cases, 4, 0, WEFT_NEVER), 1);
        assert_true(v[1] == 6);
        for (int i = 0; i < 40; i++) {
                put(q[0], 3);
                count[weft_select(cases, 4, 0, WEFT_NEVER)]++;
        }
        assert_int_equal(count[0] + count[2], 40);
        assert_true(count[0] && count[2]);
        weft_queue_close(there);
        weft_arena_close(other);
}

/* ---- whose wake it was --------------------------------------------------------------------------- */

static void select_two(void *context)
{
        uint64_t v;
        struct weft_case cases[2] = { pop(q[0], &v), pop(q[1], &v) };
        cases[0].flags = *(uint32_t *)context;
        CHECK(weft_select(cases, 2, WEFT_SELECT_PRIORITY, weft_after(60 * WEFT_SEC)) ==
              0);
}

/* A select gets the only wake of a queue, and pops from the other, or only looks: another
 * who sleeps on that queue is woken. */
static void a_wake_for_another_is_passed_on(void **state)
{
        uint64_t v;
        struct weft_case c = pop(q[0], &v);
        struct weft_wait_shared *wait[2] = { wait_of(&c), NULL };
        c.object = q[1];
        wait[1] = wait_of(&c);
        (void)state;
        for (uint32_t looks = 0; looks < 2; looks++)
                for (int i = 0; i < 4; i++) {
                        int k = !looks; /* whose wake it is */
                        pid_t pid = child_start(select_two, &looks);
                        until_sleeping(wait[1], 1);
                        pid_t next = child_start(sleeper, wait[k]);
                        until_sleeping(wait[k], 2);
                        /* Into q[0] without a wake: so q[1]'s is the only one. */
                        uint64_t word = weft_load_rlx(&wait[0]->word);
                        if (k)
                                weft_store_rlx(&wait[0]->word, (uint32_t)word);
                        put(q[0], 1);
                        if (k)
                                weft_store_rlx(&wait[0]->word, word);
                        if (k)
                                put(q[1], 1);
                        assert_int_equal(child_end(pid), 0);
                        assert_int_equal(child_end(next), 0);
                        assert_int_equal(weft_queue_pop(q[k], &v, WEFT_NOW), 0);
                        weft_wait_reset(wait[0]);
                }
}

/* ---- fork, threads ---------------------------------------------------------------------------- */

static void select_in_child(void *unused)
{
        uint64_t v;
        struct weft_case cases[2] = { pop(q[0], &v), acquire(1) };
        (void)unused;
        CHECK(weft_select(cases, 2, 0, weft_after(60 * WEFT_SEC)) == 0);
}

static void a_forked_child_may_select(void **state)
{
        uint64_t v;
        struct weft_case cases[2] = { pop(q[0], &v), acquire(1) };
        (void)state;
        assert_int_equal(weft_select(cases, 2, 0, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        put(q[0], 1);
        assert_int_equal(child_run(select_in_child, NULL), 0);
        assert_int_equal(length(q[0]), 0);
}

static void *pop_all(void *sum)
{
        for (;;) {
                uint64_t v[2] = { 0 };
                struct weft_case cases[2] = { pop(q[0], &v[0]), pop(q[1], &v[1]) };
                int i = weft_select(cases, 2, 0, WEFT_NEVER);
                CHECK(i >= 0);
                if (cases[i].result == -EPIPE)
                        return NULL;
                *(uint64_t *)sum += v[i];
        }
}

static void threads_share_handles(void **state)
{
        enum { THREADS = 3, ROUNDS = 5000 };
        pthread_t thread[THREADS];
        uint64_t sum[THREADS] = { 0 }, all = 0;
        (void)state;
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&thread[i], NULL, pop_all, &sum[i]), 0);
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                const struct weft_case cases[2] = { push(q[0], &i), push(q[1], &i) };
                struct weft_case mine[2];
                memcpy(mine, cases, sizeof mine);
                assert_true(weft_select(mine, 2, 0, WEFT_NEVER) >= 0);
        }
        for (;;) {
                if (length(q[0]) + length(q[1]) == 0)
                        break;
                usleep(1000);
        }
        assert_int_equal(weft_queue_shutdown(q[0]), 0);
        for (int i = 0; i < THREADS; i++) {
                assert_int_equal(pthread_join(thread[i], NULL), 0);
                all += sum[i];
        }
        assert_true(all == (uint64_t)ROUNDS * (ROUNDS + 1) / 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, whole)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bad_cases_are_named),
                TEST(bad_calls_are_refused),
                TEST(what_the_operation_refuses_is_told),
                TEST(a_read_only_handle_is_refused),
                TEST(the_ready_one_is_done),
                TEST(a_take_of_a_word_is_one_too),
                TEST(looking_does_nothing),
                TEST(what_has_ended_fires),
                TEST(a_death_fires),
                TEST(all_have_their_turn),
                TEST(two_in_turn_are_fair),
                TEST(priority_is_the_order_given),
                TEST(a_deadline_is_kept),
                TEST(another_process_wakes_it),
                TEST(without_waitv_it_wakes_too),
                TEST(a_look_elsewhere_takes_nothing),
                TEST(a_lost_wake_costs_a_moment),
                TEST(any_of_127_wakes),
                TEST(cases_may_lie_anywhere),
                TEST(a_wake_for_another_is_passed_on),
                TEST(a_forked_child_may_select),
                TEST(threads_share_handles),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
