/* tests/unit/part_test.c -- an object made of others: a queue, a broadcast, an event. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/weft.h>

#include "tests/child.h"
#include "tests/part_kind.h"

static weft_arena_t *arena; /* fresh for every test */

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        (void)state;
        return weft_arena_create(NULL, &o, &arena);
}

static int whole_arena(void **state)
{
        (void)state;
        (void)recover_count(arena);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}

static int try_to_make(uint64_t capacity, uint32_t bytes, struct whole **w)
{
        const struct weft_queue_options o = { capacity, bytes, WEFT_QUEUE_LEASE };
        return weft_handle_create(arena, "w", &whole_kind, &o, whole_init, false, w);
}

static struct whole *make(void)
{
        struct whole *w = NULL;
        CHECK(try_to_make(4, WHOLE_BYTES, &w) == 0 && w);
        return w;
}

static struct whole *open_in(weft_arena_t *where)
{
        struct whole *w = NULL;
        CHECK(weft_handle_open(where, "w", &whole_kind, &w) == 0 && w);
        return w;
}

static uint64_t object_bytes(void)
{
        struct weft_census census;
        CHECK(weft_arena_check(arena, &census) == 0);
        return census.object_bytes;
}

static void drop(struct whole *w)
{
        CHECK(weft_object_remove(arena, "w") == 0);
        weft_handle_close(w);
        (void)recover_count(arena);
        CHECK(object_bytes() == 0);
}

/* An element of which every byte is told by x. */
static void fill(uint8_t e[WHOLE_BYTES], uint8_t x)
{
        memset(e, x, WHOLE_BYTES);
}

static int push(struct whole *w, uint8_t x)
{
        uint8_t e[WHOLE_BYTES];
        fill(e, x);
        return weft_queue_push(w->queue, e, WEFT_NOW);
}

static int pop(struct whole *w)
{
        uint8_t e[WHOLE_BYTES];
        int rc = weft_queue_pop(w->queue, e, WEFT_NOW);
        return rc ? rc : e[WHOLE_BYTES - 1];
}

static int publish(struct whole *w, uint8_t x)
{
        uint8_t e[WHOLE_BYTES];
        fill(e, x);
        return weft_broadcast_publish(w->broadcast, e, WEFT_NOW);
}

/* ---- all of it, or nothing ----------------------------------------------------------- */

static void its_parts_are_those_of_the_one(void **state)
{
        struct weft_queue_info q;
        struct weft_object_info info;
        struct whole *w = make(), *other = open_in(arena);
        uint8_t e[WHOLE_BYTES];
        weft_subscriber_t *s;
        weft_queue_t *queue = NULL;
        (void)state;
        assert_int_equal(push(w, 1), 0);
        assert_int_equal(pop(other), 1);
        assert_int_equal(weft_broadcast_subscribe(other->broadcast, 0, 0, &s), 0);
        assert_int_equal(publish(w, 2), 0);
        assert_int_equal(weft_broadcast_next(s, e, NULL, NULL, WEFT_NOW), 0);
        assert_int_equal(e[0], 2);
        assert_int_equal(weft_event_set(w->event), 0);
        assert_int_equal(weft_event_wait(other->event, WEFT_NOW), 0);
        assert_int_equal(weft_queue_info(w->queue, &q), 0);
        assert_int_equal(q.popped, 1);
        assert_true(weft_queue_owner(w->queue).v == weft_handle_owner(&w->handle).v);
        assert_int_equal(weft_object_stat(arena, "w", &info), 0);
        assert_string_equal(info.kind, "whole");
        assert_string_equal(info.detail, "0 of 4 elements of 40 B, 0 leased");
        /* All is counted, and once; only the header's block is a little larger than it. */
        assert_true(info.bytes <= object_bytes());
        assert_true(object_bytes() - info.bytes < sizeof(struct whole_shared) / 2);
        assert_int_equal(weft_queue_open(arena, "w", &queue), -EPROTO);
        weft_broadcast_unsubscribe(s);
        weft_handle_close(other);
        assert_int_equal(push(w, 3), 0); /* the other's end was not this one's */
        drop(w);
}

static void what_has_no_room_leaves_nothing(void **state)
{
        struct whole *w = NULL;
        (void)state;
        assert_int_equal(try_to_make(WEFT_QUEUE_CAPACITY_MAX, 8, &w), -ENOSPC);
        assert_int_equal(try_to_make(4096, 8192, &w), -ENOSPC);
        assert_null(w);
        assert_int_equal(object_bytes(), 0);
        struct weft_object_info info;
        assert_int_equal(weft_object_stat(arena, "w", &info), -ENOENT);
        drop(make());
}

/* An arena so full that the first part fits and the second one does not. */
static void a_part_too_many_takes_the_others_along(void **state)
{
        struct weft_arena_options o = { .max_bytes = 1 << 20 };
        weft_arena_t *small;
        int made = 0, full = 0;
        (void)state;
        CHECK(weft_arena_create(NULL, &o, &small) == 0);
        for (uint64_t capacity = 2; capacity < 65536; capacity *= 2) {
                const struct weft_queue_options q = { capacity, WHOLE_BYTES, 0 };
                struct weft_census census;
                struct whole *w = NULL;
                int rc = weft_handle_create(small, "w", &whole_kind, &q, whole_init,
                                            false, &w);
                assert_true(rc == 0 || rc == -ENOSPC);
                made += !rc;
                full += rc != 0;
                if (!rc) {
                        CHECK(weft_object_remove(small, "w") == 0);
                        weft_handle_close(w);
                }
                assert_int_equal(weft_arena_check(small, &census), 0);
                assert_int_equal(census.object_bytes, 0);
        }
        assert_true(made && full);
        weft_arena_close(small);
}

static void who_waits_in_a_part_keeps_the_name(void **state)
{
        struct whole *w = make();
        weft_subscriber_t *s;
        (void)state;
        assert_int_equal(weft_broadcast_subscribe(w->broadcast, 0, 0, &s), 0);
        assert_int_equal(weft_object_remove(arena, "w"), -EBUSY);
        weft_broadcast_unsubscribe(s);
        drop(w);
}

/* What is wrong in any part is wrong with the whole. */
static void a_corrupt_part_is_found(void **state)
{
        struct whole *w = make(), *other = NULL;
        struct whole_shared *sh = w->handle.sh;
        struct weft_census census;
        (void)state;
        uint32_t *words[] = { &sh->queue.element_bytes, &sh->broadcast.policy };
        for (int i = 0; i < 2; i++) {
                uint32_t was = *words[i];
                *words[i] = 99999999;
                assert_int_equal(weft_handle_open(arena, "w", &whole_kind, &other),
                                 -EUCLEAN);
                assert_null(other);
                assert_true(weft_arena_check(arena, &census) != 0);
                assert_int_equal(census.corrupt, 1);
                *words[i] = was;
        }
        drop(w);
}

static void it_can_be_shut_from_outside(void **state)
{
        struct whole *w = make();
        struct weft_agent *agent;
        (void)state;
        CHECK(weft_handle_enter(&w->handle, &agent) == 0);
        struct weft_object o = { arena, agent, w->handle.id, w->handle.sh };
        assert_int_equal(push(w, 1), 0);
        for (int i = 0; i < 2; i++)
                assert_int_equal(weft_part_shut(&o, whole_parts[0]), 0);
        assert_int_equal(push(w, 2), -EPIPE);
        assert_int_equal(pop(w), 1);
        assert_int_equal(pop(w), -EPIPE);
        assert_int_equal(weft_part_shut(&o, whole_parts[2]), -EUCLEAN); /* it cannot */
        drop(w);
}

/* ---- processes ------------------------------------------------------------------------ */

enum { MANY = 500 };

static void echo(void *context)
{
        (void)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        struct whole *w = open_in(there);
        uint8_t e[WHOLE_BYTES];
        for (int i = 0; i < MANY; i++) {
                CHECK(weft_queue_pop(w->queue, e, WEFT_NEVER) == 0);
                CHECK(e[0] == i % 250 && e[WHOLE_BYTES - 1] == e[0]);
                CHECK(weft_broadcast_publish(w->broadcast, e, WEFT_NEVER) == 0);
        }
        CHECK(weft_event_set(w->event) == 0);
        weft_handle_close(w);
        weft_arena_close(there);
}

static void two_processes_at_two_addresses(void **state)
{
        struct whole *w = make();
        uint8_t e[WHOLE_BYTES];
        weft_subscriber_t *s;
        (void)state;
#ifdef WEFT_TSAN
        skip(); /* its 16-byte CAS is atomic only within one process */
#endif
        assert_int_equal(weft_broadcast_subscribe(w->broadcast, 0, 0, &s), 0);
        pid_t pid = child_start(echo, NULL);
        for (int i = 0; i < MANY; i++) {
                fill(e, (uint8_t)(i % 250));
                CHECK(weft_queue_push(w->queue, e, WEFT_NEVER) == 0);
                CHECK(weft_broadcast_next(s, e, NULL, NULL, WEFT_NEVER) == 0);
                CHECK(e[0] == i % 250);
        }
        assert_int_equal(weft_event_wait(w->event, WEFT_NEVER), 0);
        assert_int_equal(child_end(pid), 0);
        weft_broadcast_unsubscribe(s);
        drop(w);
}

static void take_all_and_die(void *context)
{
        (void)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        struct whole *w = open_in(there);
        struct weft_element a, b;
        weft_subscriber_t *s;
        void *at;
        CHECK(weft_queue_take(w->queue, &a, WEFT_NOW) == 0);
        CHECK(weft_queue_loan(w->queue, &b) == 0);
        CHECK(weft_broadcast_subscribe(w->broadcast, 0, 0, &s) == 0);
        CHECK(weft_broadcast_loan(w->broadcast, &at, WEFT_NOW) == 0);
        kill(getpid(), SIGKILL);
}

/* What the dead had of each part comes back; nobody waits for him. */
static void what_the_dead_had_comes_back(void **state)
{
        struct whole *w = make();
        struct weft_element el;
        struct weft_broadcast_info info;
        (void)state;
        assert_int_equal(push(w, 1), 0);
        assert_int_equal(push(w, 2), 0);
        assert_int_equal(child_run(take_all_and_die, NULL), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(weft_queue_take(w->queue, &el, WEFT_NOW), 0);
        assert_int_equal(((uint8_t *)el.at)[0], 1);
        assert_int_equal(el.deliveries, 1);
        assert_int_equal(weft_queue_ack(w->queue, &el), 0);
        assert_int_equal(pop(w), 2);
        assert_int_equal(weft_broadcast_info(w->broadcast, &info), 0);
        assert_int_equal(info.subscribers, 0);
        for (int i = 0; i < 9; i++)
                assert_int_equal(publish(w, 7), 0); /* it waits for no dead subscriber */
        check_whole(arena);
        drop(w);
}

static struct whole *inherited;

static void use_inherited(void *context)
{
        (void)context;
        CHECK(pop(inherited) == 1);
        CHECK(push(inherited, 9) == 0);
        CHECK(publish(inherited, 3) == 0);
        CHECK(weft_event_set(inherited->event) == 0);
        weft_handle_close(inherited);
}

static void a_handle_goes_on_in_a_forked_child(void **state)
{
        struct weft_element el;
        (void)state;
        inherited = make();
        for (uint8_t i = 0; i < 3; i++)
                assert_int_equal(push(inherited, i), 0);
        assert_int_equal(weft_queue_take(inherited->queue, &el, WEFT_NOW), 0);
        assert_int_equal(child_run(use_inherited, NULL), 0);
        assert_int_equal(weft_queue_ack(inherited->queue, &el),
                         0); /* still the parent's */
        assert_int_equal(pop(inherited), 2);
        assert_int_equal(pop(inherited), 9);
        assert_int_equal(weft_event_is_set(inherited->event), 1);
        drop(inherited);
}

static void close_with_a_lease(void *context)
{
        (void)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        struct whole *w = open_in(there), *other = open_in(there);
        struct weft_element el;
        CHECK(weft_queue_take(w->queue, &el, WEFT_NOW) == 0);
        weft_handle_close(w);
        CHECK(pop(other) == 1); /* not the last handle, but the one that it was had by */
        CHECK(push(other, 1) == 0);
        CHECK(weft_queue_take(other->queue, &el, WEFT_NOW) == 0);
        weft_handle_close(other);
        w = open_in(there);
        CHECK(pop(w) == 1); /* given back by the close */
        CHECK(push(w, 2) == 0);
        CHECK(weft_queue_take(w->queue, &el, WEFT_NOW) == 0);
        weft_arena_close(there); /* and by leaving, the handle open */
}

static void what_is_closed_gives_back(void **state)
{
        struct whole *w = make();
        (void)state;
        assert_int_equal(push(w, 1), 0);
        assert_int_equal(child_run(close_with_a_lease, NULL), 0);
        (void)recover_count(arena);
        assert_int_equal(pop(w), 2);
        drop(w);
}

static void look_only(void *context)
{
        (void)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDONLY);
        struct whole *w = open_in(there);
        struct weft_queue_info info;
        CHECK(weft_queue_info(w->queue, &info) == 0 && info.length == 1);
        CHECK(push(w, 1) == -EROFS && pop(w) == -EROFS && publish(w, 1) == -EROFS);
        CHECK(weft_event_set(w->event) == -EROFS);
        weft_handle_close(w);
        weft_arena_close(there);
}

static void read_only_looks(void **state)
{
        struct whole *w = make();
        (void)state;
        assert_int_equal(push(w, 1), 0);
        assert_int_equal(child_run(look_only, NULL), 0);
        drop(w);
}

static void replace_it(void *context)
{
        (void)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_queue_t *x;
        const struct weft_queue_options o = { 4, WHOLE_BYTES, 0 };
        CHECK(weft_object_remove(there, "w") == 0);
        CHECK(weft_queue_create(there, "x", &o, &x) == 0); /* in its place */
        weft_queue_close(x);
        weft_arena_close(there);
}

/* It went while this process had no agent: its parts' handles hear of it, too, though another
 * thing has its place, and is open here. */
static void what_has_gone_takes_its_parts_along(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20, .max_objects = 1 };
        (void)state;
        weft_arena_close(arena);
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        struct whole *w = make();
        weft_queue_t *x;
        weft_agent_leave(arena);
        assert_int_equal(child_run(replace_it, NULL), 0);
        assert_int_equal(push(w, 1), -ENOENT);
        CHECK(weft_queue_open(arena, "x", &x) == 0);
        assert_int_equal(push(w, 1), -ENOENT);
        assert_int_equal(publish(w, 1), -ENOENT);
        assert_int_equal(weft_event_set(w->event), -ENOENT);
        weft_handle_close(w);
        weft_queue_close(x);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_arena, whole_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(its_parts_are_those_of_the_one),
                TEST(what_has_no_room_leaves_nothing),
                TEST(a_part_too_many_takes_the_others_along),
                TEST(who_waits_in_a_part_keeps_the_name),
                TEST(a_corrupt_part_is_found),
                TEST(it_can_be_shut_from_outside),
                TEST(two_processes_at_two_addresses),
                TEST(what_the_dead_had_comes_back),
                TEST(a_handle_goes_on_in_a_forked_child),
                TEST(what_is_closed_gives_back),
                TEST(read_only_looks),
                TEST(what_has_gone_takes_its_parts_along),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
