/* tests/unit/stack_wait_test.c -- the stack: waiting, its end, the dead, hostile bytes. */
#define _GNU_SOURCE
#include "structures/stack_internal.h"
#include "tests/unit/sleeper.h"
#include "tests/unit/stack_kit.h"

static weft_stack_t *stack; /* inherited by children */

/* ---- waiting ------------------------------------------------------------------ */

static void deadlines_are_kept(void **state)
{
        (void)state;
        for (uint32_t bytes = 8; bytes <= 64; bytes += 56) {
                weft_stack_t *s = make("s", 1, bytes);
                uint8_t e[64] = { 0 };
                uint64_t until = weft_after(60 * WEFT_MSEC);
                assert_int_equal(weft_stack_pop(s, e, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                assert_int_equal(weft_stack_pop(s, e, 1), -ETIMEDOUT); /* long past */
                assert_int_equal(weft_stack_push(s, e, WEFT_NEVER), 0);
                until = weft_after(20 * WEFT_MSEC);
                assert_int_equal(weft_stack_push(s, e, until), -ETIMEDOUT);
                assert_true(weft_now() >= until);
                assert_int_equal(weft_stack_pop(s, e, 1), 0); /* need not wait */
                drop(s, "s");
        }
}

struct waiter {
        weft_stack_t *s;
        int rc;
        uint64_t x;
};

static void *wait_to_pop(void *context)
{
        struct waiter *w = context;
        w->rc = weft_stack_pop(w->s, &w->x, WEFT_NEVER);
        return NULL;
}

static void *wait_to_push(void *context)
{
        struct waiter *w = context;
        w->rc = weft_stack_push(w->s, &w->x, WEFT_NEVER);
        return NULL;
}

static void until_asleep(weft_stack_t *s, uint32_t n)
{
        while (info_of(s).waiting < n)
                usleep(1000);
}

static void sleepers_are_woken(void **state)
{
        weft_stack_t *s = make("s", 2, 8);
        struct waiter w = { .s = s };
        pthread_t t;
        uint64_t x[2] = { 5, 5 };

        (void)state;
        for (int i = 0; i < 20; i++) {
                CHECK(pthread_create(&t, NULL, wait_to_pop, &w) == 0);
                until_asleep(s, 1);
                if (i % 2)
                        assert_int_equal(push(s, 5), 0);
                else
                        assert_int_equal(weft_stack_push_n(s, x, 1, WEFT_NOW), 1);
                CHECK(pthread_join(t, NULL) == 0);
                assert_int_equal(w.rc, 0);
                assert_int_equal(w.x, 5);
        }
        for (int i = 0; i < 9; i++) {
                while (push(s, 6) == 0)
                        ;
                w.x = 6;
                CHECK(pthread_create(&t, NULL, wait_to_push, &w) == 0);
                until_asleep(s, 1);
                if (i % 3 == 0)
                        assert_int_equal(pop(s), 6);
                else if (i % 3 == 1)
                        assert_int_equal(weft_stack_pop_n(s, x, 2, WEFT_NOW), 2);
                else
                        assert_int_equal(weft_stack_drain(s, NULL, NULL), 2);
                CHECK(pthread_join(t, NULL) == 0);
                assert_int_equal(w.rc, 0);
        }
        weft_stack_close(s);
}

enum call { PUSH, PUSH_N, POP, POP_N, DRAIN, SHUT, CALLS };

static void do_call(weft_stack_t *s, enum call call)
{
        uint64_t x[2] = { 0 };
        switch (call) {
        case PUSH:
                CHECK(push(s, 1) == 0);
                break;
        case PUSH_N:
                CHECK(weft_stack_push_n(s, x, 2, WEFT_NOW) == 2);
                break;
        case POP:
                (void)pop(s);
                break;
        case POP_N:
                CHECK(weft_stack_pop_n(s, x, 2, WEFT_NOW) == 2);
                break;
        case DRAIN:
                CHECK(weft_stack_drain(s, NULL, NULL) > 0);
                break;
        default:
                CHECK(weft_stack_shutdown(s) == 0);
        }
}

/* By one who sleeps and does not look by himself. */
static void each_change_wakes(void **state)
{
        (void)state;
        for (enum call call = 0; call < CALLS; call++)
                for (uint32_t lap = 0; lap < 2;
                     lap++) { /* the long way, and the short one */
                        weft_stack_t *s = make("s", 8, 8);
                        struct weft_stack_shared *sh = s->v.sh;
                        struct weft_wait_shared *wait =
                                call <= PUSH_N || (call == SHUT && lap) ? &sh->not_empty
                                                                        : &sh->not_full;
                        if (lap)
                                CHECK(push(s, 1) == 0 && pop(s) == 1);
                        for (uint64_t i = 0; i < 4; i++)
                                CHECK(push(s, i) == 0);
                        pid_t pid = child_start(sleeper, wait);
                        until_sleeping(wait, 1);
                        do_call(s, call);
                        assert_int_equal(child_end(pid), 0);
                        drop(s, "s");
                }
}

/* ---- shutdown ----------------------------------------------------------------- */

static void shutdown_empties(void **state)
{
        (void)state;
        for (uint64_t held = 0; held < 4; held++) {
                weft_stack_t *s = make("s", held % 2 ? 4 : 0, 8);
                uint64_t x[4];
                for (uint64_t i = 0; i < held; i++)
                        CHECK(push(s, i) == 0);
                CHECK(weft_stack_shutdown(s) == 0);
                CHECK(weft_stack_shutdown(s) == 0);
                CHECK(info_of(s).shut == 1 && info_of(s).length == held);
                CHECK(push(s, 1) == -EPIPE);
                CHECK(weft_stack_push(s, x, WEFT_NEVER) == -EPIPE);
                CHECK(weft_stack_push_n(s, x, 2, WEFT_NEVER) == -EPIPE);
                for (uint64_t i = held; i--;) {
                        CHECK(weft_stack_peek(s, x) == 0 && *x == i);
                        CHECK(pop(s) == i);
                        CHECK(push(s, 1) == -EPIPE);
                }
                CHECK(weft_stack_pop(s, x, WEFT_NOW) == -EPIPE);
                CHECK(weft_stack_pop(s, x, WEFT_NEVER) == -EPIPE);
                CHECK(weft_stack_pop_n(s, x, 4, WEFT_NEVER) == -EPIPE);
                CHECK(weft_stack_peek(s, x) == -EPIPE);
                CHECK(weft_stack_drain(s, NULL, NULL) == 0);
                CHECK(whole(s).shut);
                drop(s, "s");
        }
        weft_stack_t *s = make("s", 0, 8);
        CHECK(push(s, 1) == 0 && weft_stack_shutdown(s) == 0);
        CHECK(weft_stack_drain(s, NULL, NULL) == 1 && whole(s).shut);
        CHECK(push(s, 1) == -EPIPE);
        drop(s, "s");
}

static void shutdown_wakes_all(void **state)
{
        weft_stack_t *s = make("s", 1, 8);
        struct waiter w[4] = { { s, 0, 0 }, { s, 0, 0 }, { s, 0, 0 }, { s, 0, 0 } };
        pthread_t t[4];
        (void)state;
        for (int i = 0; i < 4; i++)
                CHECK(pthread_create(&t[i], NULL, wait_to_pop, &w[i]) == 0);
        until_asleep(s, 4);
        CHECK(weft_stack_shutdown(s) == 0);
        for (int i = 0; i < 4; i++) {
                CHECK(pthread_join(t[i], NULL) == 0);
                assert_int_equal(w[i].rc, -EPIPE);
        }
        weft_stack_close(s);
}

/* ---- select --------------------------------------------------------------------- */

static void select_knows_stacks(void **state)
{
        weft_stack_t *a = make("a", 1, 8), *b = make("b", 0, 8);
        uint64_t x = 0, y = 3;
        struct weft_case c[] = {
                { .object = a, .op = WEFT_OP_POP, .to = &x },
                { .object = b, .op = WEFT_OP_POP, .to = &x },
                { .object = a, .op = WEFT_OP_PUSH, .from = &y },
        };
        (void)state;
        assert_int_equal(weft_select(c, 2, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_select(c, 2, 0, weft_after(5 * WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(push(b, 7), 0);
        assert_int_equal(weft_select(c, 2, 0, WEFT_NEVER), 1);
        assert_int_equal(x, 7);
        assert_int_equal(weft_select(&c[2], 1, 0, WEFT_NEVER), 0);
        assert_int_equal(weft_select(&c[2], 1, 0, WEFT_NOW), -EAGAIN); /* it is full */
        c[0].flags = WEFT_CASE_LOOK;
        x = 0;
        assert_int_equal(weft_select(c, 1, 0, WEFT_NOW), 0);
        assert_int_equal(x, 0);
        c[0].flags = 0;
        assert_int_equal(weft_select(c, 2, 0, WEFT_NOW), 0);
        assert_int_equal(x, 3);
        c[2].flags = WEFT_CASE_LOOK;
        assert_int_equal(weft_select(&c[2], 1, 0, WEFT_NOW), 0);
        assert_int_equal(weft_stack_length(a), 0);
        assert_int_equal(weft_stack_shutdown(a), 0);
        c[0].flags = WEFT_CASE_LOOK;
        assert_int_equal(weft_select(c, 1, 0, WEFT_NEVER), 0);
        c[0].flags = 0;
        assert_int_equal(weft_select(c, 1, 0, WEFT_NEVER), 0);
        assert_int_equal(c[0].result, -EPIPE);
        c[0].op = WEFT_OP_TAKE;
        assert_int_equal(weft_select(c, 1, 0, WEFT_NOW), -EPROTO);
        weft_stack_close(a);
        weft_stack_close(b);
}

/* ---- the dead --------------------------------------------------------------------- */

static int die_inside(void *element, void *context)
{
        uint64_t x;
        memcpy(&x, element, sizeof x);
        if (x == (uint64_t)(uintptr_t)context)
                raise(SIGKILL);
        return 0;
}

static void die_draining(void *context)
{
        CHECK(weft_stack_drain(stack, die_inside, context) > 0);
}

static void die_with_a_desk(void *context)
{
        uint64_t x[40];
        (void)context;
        CHECK(weft_stack_pop_n(stack, x, 40, WEFT_NOW) == 40);
        raise(SIGKILL);
}

static void what_the_dead_had_comes_back(void **state)
{
        (void)state;
        stack = make("s", 0, 8);
        uint64_t nodes = 0;
        for (int lap = 0; lap < 6; lap++) {
                for (uint64_t i = 0; i < 300; i++)
                        CHECK(push(stack, i) == 0);
                if (!nodes)
                        nodes = info_of(stack).nodes;
                bool drain = lap % 2;
                pid_t pid = drain ? child_start(die_draining, (void *)100)
                                  : child_start(die_with_a_desk, NULL);
                assert_int_equal(child_end(pid), -SIGKILL);
                struct weft_stack_info i =
                        whole(stack); /* before he is found dead, too */
                assert_int_equal(i.length, drain ? 0 : 260);
                assert_true(i.held >= (drain ? 101 : 40));
                assert_int_equal(recover_count(arena), 1);
                i = whole(stack);
                assert_true(i.held <= 64); /* our own */
                assert_true(i.nodes <= nodes + 64);
                check_whole(arena);
                while (weft_stack_drain(stack, NULL, NULL) > 0)
                        ;
        }
        drop(stack, "s");
}

static void fork_and_fill(void *context)
{
        uint64_t x = (uint64_t)(uintptr_t)context;
        for (int i = 0; i < 50; i++)
                CHECK(push(stack, x) == 0);
        for (int i = 0; i < 25; i++)
                (void)pop(stack);
        raise(SIGKILL);
}

/* More seats than words of evidence on a line. */
static void many_seats(void **state)
{
        enum { CHILDREN = 40 };
        pid_t pids[CHILDREN];
        (void)state;
        stack = make("s", 0, 8);
        for (int i = 0; i < CHILDREN; i++)
                pids[i] = child_start(fork_and_fill, (void *)(intptr_t)i);
        for (int i = 0; i < CHILDREN; i++)
                assert_int_equal(child_end(pids[i]), -SIGKILL);
        assert_int_equal(whole(stack).length, CHILDREN * 25);
        check_whole(arena);
        (void)recover_count(arena);
        assert_int_equal(whole(stack).length, CHILDREN * 25);
        drop(stack, "s");
}

static void join_and_stay(void *ready)
{
        CHECK(weft_agent_join(arena) == 0);
        gate_open(ready, 1);
        for (;;)
                pause();
}

/* As weft_desk_get() does it, up to its LP. */
static void die_adding_desks(void *unused)
{
        struct weft_agent *me;
        weft_ref_t ref;
        void *at;
        (void)unused;
        CHECK(weft_handle_enter(&stack->handle, &me) == 0);
        CHECK(me->index / WEFT_DESK_SEATS == 1);
        size_t size = WEFT_DESK_SEATS * sizeof(struct weft_stack_desk_shared);
        CHECK(weft_block_alloc(arena, size, &ref, &at) == 0);
        memset(at, 0, size);
        weft_store_rel(&stack->v.sh->desks.segments[1], ref.v);
        raise(SIGKILL);
}

static void desks_that_the_dead_added_stay(void **state)
{
        pid_t pids[WEFT_DESK_SEATS];
        struct gate ready = gate_make();
        (void)state;
        stack = make("s", 0, 8);
        for (int i = 0; i < WEFT_DESK_SEATS; i++) {
                pids[i] = child_start(join_and_stay, &ready);
                gate_pass(&ready);
        }
        assert_int_equal(child_run(die_adding_desks, NULL), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        check_whole(arena);
        pid_t pid = child_start(fork_and_fill, NULL); /* has the same seat */
        assert_int_equal(child_end(pid), -SIGKILL);
        check_whole(arena);
        for (int i = 0; i < WEFT_DESK_SEATS; i++)
                assert_int_equal(child_kill(pids[i]), -SIGKILL);
        (void)recover_count(arena);
        assert_int_equal(whole(stack).length, 25);
        gate_drop(&ready);
        drop(stack, "s");
}

/* Threads that share a handle, more than it has places for. */
static void *pairs(void *context)
{
        uint64_t x;
        (void)context;
        for (uint64_t i = 0; i < 2000; i++) {
                CHECK(push(stack, i) == 0);
                CHECK(weft_stack_pop(stack, &x, WEFT_NEVER) == 0);
        }
        return NULL;
}

static void many_threads_share_a_handle(void **state)
{
        pthread_t t[12];
        (void)state;
        stack = make("s", 0, 8);
        for (int lap = 0; lap < 3; lap++) {
                for (int i = 0; i < 12; i++)
                        CHECK(pthread_create(&t[i], NULL, pairs, NULL) == 0);
                for (int i = 0; i < 12; i++)
                        CHECK(pthread_join(t[i], NULL) == 0);
                assert_int_equal(whole(stack).length, 0);
        }
        drop(stack, "s");
}

/* ---- hostile bytes ------------------------------------------------------------------- */

static int count_them(void *element, void *context)
{
        (void)element;
        ++*(uint64_t *)context;
        return 0;
}

/* Everything ends, whatever it says. */
static void use(weft_stack_t *s)
{
        struct weft_stack_info info;
        uint64_t x[40] = { 0 }, n = 0;
        for (int i = 0; i < 3; i++) {
                (void)!weft_stack_push(s, x, WEFT_NOW);
                (void)!weft_stack_push_n(s, x, 40, WEFT_NOW);
                (void)!weft_stack_peek(s, x);
                (void)!weft_stack_pop(s, x, WEFT_NOW);
                (void)!weft_stack_pop_n(s, x, 40, WEFT_NOW);
                (void)!weft_stack_info(s, &info);
                (void)!weft_stack_length(s);
        }
        (void)!weft_stack_drain(s, count_them, &n);
        CHECK(n < 10000);
}

static void spoil_one(void *context)
{
        uint64_t seed = (uint64_t)(uintptr_t)context * 0x9e3779b97f4a7c15u;
        weft_stack_t *s = make("spoilt", seed >> 60 & 1 ? 100 : 0, 8);
        struct weft_census census;
        struct weft_recovery report;
        for (uint64_t i = 0; i < 100; i++)
                CHECK(push(s, i) == 0);
        for (uint64_t i = 0; i < 30; i++)
                (void)pop(s);
        struct weft_stack_shared *sh = s->v.sh;
        void *desk = weft_desk_at(&s->v.desks, weft_me.agent->index);
        void *node = weft_stack_node(&s->v, 0);
        struct {
                void *at;
                size_t bytes;
        } parts[] = { { &sh->top, 16 },     { &sh->rest, 16 }, { sh, sizeof *sh },
                      { desk, 384 },        { desk, 16 },      { node, 100 * 16 },
                      { &sh->segments, 64 } };
        for (int lap = 0; lap < 6; lap++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                size_t k = seed >> 33 & 7;
                k = k < 7 ? k : 0;
                uint64_t where = (seed >> 40) % (parts[k].bytes / 8) * 8, v;
                memcpy(&v, (char *)parts[k].at + where, 8);
                v = seed & 1 ? v ^ UINT64_C(1) << (seed >> 1 & 63)
                             : (seed & 2   ? seed >> 4
                                : seed & 4 ? 0
                                           : UINT64_MAX);
                memcpy((char *)parts[k].at + where, &v, 8);
                use(s);
                (void)!weft_arena_check(arena, &census);
        }
        weft_stack_close(s);
        (void)!weft_arena_recover(arena, &report);
        weft_stack_t *again = NULL;
        if (weft_stack_open(arena, "spoilt", &again) == 0) {
                use(again);
                weft_stack_close(again);
        }
}

static void hostile_bytes_are_harmless(void **state)
{
        (void)state;
        for (uintptr_t i = 1; i < 150; i++) {
                struct weft_arena_options o = { .max_bytes = 4 << 20 };
                weft_arena_t *mine = arena;
                CHECK(weft_arena_create(NULL, &o, &arena) == 0);
                int rc = child_run(spoil_one, (void *)i);
                if (rc)
                        print_error("seed %lu\n", (unsigned long)i);
                assert_int_equal(rc, 0);
                weft_arena_close(arena);
                arena = mine;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(deadlines_are_kept),
                TEST(sleepers_are_woken),
                TEST(each_change_wakes),
                TEST(shutdown_empties),
                TEST(shutdown_wakes_all),
                TEST(select_knows_stacks),
                TEST(what_the_dead_had_comes_back),
                TEST(many_seats),
                TEST(desks_that_the_dead_added_stay),
                TEST(many_threads_share_a_handle),
                TEST(hostile_bytes_are_harmless),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
