/* tests/unit/ring_seat_test.c -- the two sides of a ring: who holds them, and who next. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/unit/ring_kit.h"

static weft_ring_t *ring; /* inherited by children */

static void make_shape(int i)
{
        ring = make_roomy(i);
}

/* ---- one at a time -------------------------------------------------------------- */

static void find_it_taken(void *context)
{
        struct weft_ring_item item;
        uint64_t x, has = *(uint64_t *)context;
        weft_ring_t *r = open_in(arena, "r");
        CHECK(give(r, 1, WEFT_NOW) == -EBUSY);
        CHECK(give(r, 1, WEFT_NEVER) == -EBUSY);
        CHECK(get(r, &x, WEFT_NEVER) == -EBUSY);
        CHECK(weft_ring_loan(r, 8, &item, WEFT_NOW) == -EBUSY);
        CHECK(weft_ring_take(r, &item, WEFT_NOW) == -EBUSY);
        CHECK(weft_ring_peek(r, &x, 8) == -EBUSY);
        for (enum weft_ring_side side = 0; side < 2; side++) {
                CHECK(weft_ring_attach(r, side, WEFT_NOW) == -EBUSY);
                CHECK(weft_ring_attach(r, side, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                CHECK(weft_ring_detach(r, side) == -EPERM);
        }
        CHECK(info_of(r).length == has); /* who only looks may */
        weft_ring_close(r);
}

static void a_side_is_held_by_one_who_lives(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++) {
                make_shape(i);
                assert_int_equal(info_of(ring).holder[0], WEFT_RING_FREE);
                assert_int_equal(info_of(ring).process[0], 0);
                assert_int_equal(weft_ring_detach(ring, 0), -EPERM);
                must_give(ring, 5);
                assert_int_equal(info_of(ring).holder[0], WEFT_RING_ALIVE);
                assert_int_equal(info_of(ring).process[0], getpid());
                assert_int_equal(info_of(ring).holder[1], WEFT_RING_FREE);
                assert_int_equal(weft_ring_attach(ring, 1, WEFT_NOW), 0);
                assert_int_equal(weft_ring_attach(ring, 1, WEFT_NEVER), 0);
                uint64_t length = info_of(ring).length;
                assert_int_equal(child_run(find_it_taken, &length), 0);
                assert_int_equal(must_get(ring), 5);
                drop(ring, "r");
        }
}

static void give_one(void *context)
{
        must_give(ring, *(uint64_t *)context);
}

static void get_one(void *context)
{
        CHECK(must_get(ring) == *(uint64_t *)context);
}

/* A child of a fork is another agent. */
static void sides_are_passed_on(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++) {
                make_shape(i);
                uint64_t in = 0, out = 0;
                for (int round = 0; round < 10; round++) {
                        must_give(ring, in++);
                        assert_int_equal(weft_ring_detach(ring, 0), 0);
                        assert_int_equal(weft_ring_detach(ring, 0), -EPERM);
                        assert_int_equal(child_run(give_one, &in), 0);
                        in++;
                        must_give(ring, in++);
                        assert_int_equal(must_get(ring), out++);
                        assert_int_equal(weft_ring_detach(ring, 1), 0);
                        assert_int_equal(child_run(get_one, &out), 0);
                        out++;
                        assert_int_equal(must_get(ring), out++);
                }
                assert_int_equal(info_of(ring).length, 0);
                drop(ring, "r");
        }
}

static void *give_in_thread(void *context)
{
        CHECK(give(ring, *(uint64_t *)context, WEFT_NOW) == 0);
        return NULL;
}

static void *find_busy(void *context)
{
        CHECK(give(ring, *(uint64_t *)context, WEFT_NOW) == -EBUSY);
        return NULL;
}

static void run_thread(void *(*body)(void *), void *context)
{
        pthread_t t;
        CHECK(pthread_create(&t, NULL, body, context) == 0);
        CHECK(pthread_join(t, NULL) == 0);
}

static void the_end_of_a_thread_gives_it_up(void **state)
{
        uint64_t x = 3;
        (void)state;
        make_shape(0);
        run_thread(give_in_thread, &x);
        run_thread(give_in_thread, &x);
        must_give(ring, 4);
        run_thread(find_busy, &x);
        assert_int_equal(must_get(ring), 3);
        assert_int_equal(must_get(ring), 3);
        assert_int_equal(must_get(ring), 4);
        drop(ring, "r");
}

static void the_last_close_gives_it_up(void **state)
{
        (void)state;
        make_shape(0);
        weft_ring_t *other = open_in(arena, "r");
        must_give(ring, 1);
        weft_ring_close(ring);
        assert_int_equal(info_of(other).holder[0], WEFT_RING_ALIVE);
        ring = other;
        must_give(ring, 2);
        weft_ring_t *none = make("other", 4, 8, 0);
        weft_ring_close(none);
        assert_int_equal(must_get(ring), 1);
        weft_ring_close(ring);
        ring = open_in(arena, "r");
        assert_int_equal(info_of(ring).holder[0], WEFT_RING_FREE);
        assert_int_equal(info_of(ring).holder[1], WEFT_RING_FREE);
        uint64_t two = 2;
        assert_int_equal(child_run(get_one, &two), 0);
        drop(ring, "r");
}

/* Two threads by one handle, in turns: neither is taken for the other. */
static void *give_and_keep(void *context)
{
        const struct gate *gates = context;
        gate_pass(&gates[0]);
        for (uint64_t i = 0; i < 8; i++)
                CHECK(give(ring, i, WEFT_NOW) == 0);
        gate_open(&gates[1], 1);
        gate_pass(&gates[0]);
        return NULL;
}

static void threads_are_told_apart_of(int shape)
{
        struct gate gates[2] = { gate_make(), gate_make() };
        pthread_t t;
        make_shape(shape);
        CHECK(pthread_create(&t, NULL, give_and_keep, gates) == 0);
        for (uint64_t i = 0; i < 8; i++) {
                must_give(ring, i);
                assert_int_equal(must_get(ring), i);
        }
        assert_int_equal(weft_ring_detach(ring, 0), 0);
        gate_open(&gates[0], 1);
        gate_pass(&gates[1]);
        for (int i = 0; i < 8; i++)
                assert_int_equal(give(ring, 9, WEFT_NOW), -EBUSY);
        assert_int_equal(info_of(ring).length, 8);
        gate_open(&gates[0], 1);
        CHECK(pthread_join(t, NULL) == 0);
        must_give(ring, 8);
        for (uint64_t i = 0; i <= 8; i++)
                assert_int_equal(must_get(ring), i);
        gate_drop(&gates[0]);
        gate_drop(&gates[1]);
        drop(ring, "r");
}

static void threads_are_told_apart(void **state)
{
        (void)state;
        threads_are_told_apart_of(0);
        threads_are_told_apart_of(2);
}

/* A fork that runs no handlers: the child is somebody else all the same. */
static void a_bare_fork_is_somebody_else_of(int shape)
{
        uint64_t x = 5;
        make_shape(shape);
        must_give(ring, 1);
        must_give(ring, 2);
        assert_int_equal(must_get(ring), 1);
        pid_t pid = _Fork();
        CHECK(pid >= 0);
        if (!pid)
                _exit(give(ring, 3, WEFT_NOW) == -EBUSY &&
                                      get(ring, &x, WEFT_NOW) == -EBUSY
                              ? 0
                              : 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(must_get(ring), 2);
        assert_int_equal(info_of(ring).length, 0);
        drop(ring, "r");
}

static void *give_and_vanish(void *context)
{
        (void)context;
        for (uint64_t i = 0; i < 3; i++)
                must_give(ring, i);
        syscall(SYS_exit, 0);
        return NULL;
}

/* As a rule it gets the same stack. The side is the first one's until he is settled, which
 * joining may do; then it is this one's. */
static void *give_on_its_stack(void *context)
{
        int rc = give(ring, 3, WEFT_NOW);
        CHECK(weft_ring_detach(ring, 0) == (rc == -EBUSY ? -EPERM : rc));
        *(int *)context = rc;
        return NULL;
}

static void a_thread_in_the_place_of_one_that_vanished(void **state)
{
        (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(WEFT_TSAN)
        skip(); /* they keep what they know of a thread until libc has ended it */
#endif
        for (int i = 0; i < SHAPES; i++) {
                make_shape(i);
                run_thread(give_and_vanish, NULL);
                int rc = 0;
                run_thread(give_on_its_stack, &rc);
                (void)recover_count(arena);
                if (rc)
                        must_give(ring, 3);
                for (uint64_t k = 0; k < 4; k++)
                        assert_int_equal(must_get(ring), k);
                drop(ring, "r");
        }
}

static void a_bare_fork_is_somebody_else(void **state)
{
        (void)state;
        a_bare_fork_is_somebody_else_of(0);
        a_bare_fork_is_somebody_else_of(2);
}

/* ---- the dead ----------------------------------------------------------------------- */

struct errand {
        struct gate told;
        uint64_t n;
};

static void give_and_wait(void *context)
{
        struct errand *e = context;
        struct weft_ring_item item;
        weft_ring_t *r = open_in(arena, "r");
        for (uint64_t i = 0; i < e->n; i++)
                must_give(r, i);
        CHECK(weft_ring_loan(r, 8, &item, WEFT_NOW) == 0);
        memset(item.at, 0xee, 8);
        gate_open(&e->told, 1);
        pause();
}

static void get_and_wait(void *context)
{
        struct errand *e = context;
        struct weft_ring_item item;
        weft_ring_t *r = open_in(arena, "r");
        for (uint64_t i = 0; i < e->n; i++)
                CHECK(must_get(r) == i);
        CHECK(weft_ring_take(r, &item, WEFT_NOW) == 0);
        gate_open(&e->told, 1);
        pause();
}

static void the_dead_are_replaced_where_they_stopped(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++)
                for (uint64_t n = 0; n < 12; n++) {
                        struct errand e = { gate_make(), n };
                        make_shape(i);
                        pid_t pid = child_start(give_and_wait, &e);
                        gate_pass(&e.told);
                        assert_int_equal(give(ring, 99, WEFT_NOW), -EBUSY);
                        CHECK(kill(pid, SIGSTOP) == 0);
                        assert_int_equal(give(ring, 99, WEFT_NOW), -EBUSY);
                        assert_int_equal(weft_ring_attach(ring, 0, weft_after(WEFT_MSEC)),
                                         -ETIMEDOUT);
                        assert_int_equal(child_kill(pid), -SIGKILL);
                        assert_int_equal(info_of(ring).holder[0], WEFT_RING_DEAD);
                        must_give(ring, n);
                        must_give(ring, n + 1);
                        pid = child_start(get_and_wait, &e);
                        gate_pass(&e.told);
                        uint64_t x;
                        assert_int_equal(get(ring, &x, WEFT_NOW), -EBUSY);
                        assert_int_equal(child_kill(pid), -SIGKILL);
                        assert_int_equal(info_of(ring).holder[1], WEFT_RING_DEAD);
                        assert_int_equal(must_get(ring), n);
                        assert_int_equal(must_get(ring), n + 1);
                        assert_int_equal(get(ring, &x, WEFT_NOW), -EAGAIN);
                        gate_drop(&e.told);
                        drop(ring, "r");
                }
}

static void wait_for_more(void *context)
{
        uint64_t x;
        (void)context;
        (void)!get(open_in(arena, "r"), &x, WEFT_NEVER);
}

static void the_dead_do_not_wait(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++) {
                make_shape(i);
                pid_t pid = child_start(wait_for_more, NULL);
                while (!info_of(ring).waiting)
                        usleep(100);
                assert_int_equal(child_kill(pid), -SIGKILL);
                assert_int_equal(recover_count(arena), 1);
                assert_int_equal(info_of(ring).waiting, 0);
                assert_int_equal(info_of(ring).holder[1], WEFT_RING_FREE);
                drop(ring, "r");
        }
}

static void stand_by(void *context)
{
        struct errand *e = context;
        weft_ring_t *r = open_in(arena, "r");
        CHECK(weft_ring_attach(r, 0, WEFT_NEVER) == 0);
        must_give(r, e->n);
        gate_open(&e->told, 1);
}

static void a_stand_by_waits_for_the_side(void **state)
{
        struct errand dead = { gate_make(), 3 }, next = { gate_make(), 3 };
        (void)state;
        make_shape(0);
        pid_t pid = child_start(give_and_wait, &dead);
        gate_pass(&dead.told);
        pid_t then = child_start(stand_by, &next);
        while (!info_of(ring).waiting)
                usleep(100);
        assert_int_equal(child_kill(pid), -SIGKILL);
        gate_pass(&next.told);
        assert_int_equal(child_end(then), 0);
        for (uint64_t i = 0; i <= 3; i++)
                assert_int_equal(must_get(ring), i);
        must_give(ring, 4);
        then = child_start(stand_by, &next); /* and for one who lives to give it up */
        while (!info_of(ring).waiting)
                usleep(100);
        assert_int_equal(weft_ring_detach(ring, 0), 0);
        assert_int_equal(child_end(then), 0);
        assert_int_equal(must_get(ring), 4);
        assert_int_equal(must_get(ring), 3);
        gate_drop(&dead.told);
        gate_drop(&next.told);
        drop(ring, "r");
}

/* Two handles of one thread, all ways to push and pop: one ring, whichever knows the tail. */
static void handles_of_one_thread_take_turns(void **state)
{
        (void)state;
        make_shape(0);
        weft_ring_t *at[2] = { ring, open_in(arena, "r") };
        uint64_t in = 0, out = 0, e[3], x;
        for (uint32_t i = 0, seed = 1; i < 20000; i++) {
                seed = seed * 1664525 + 1013904223;
                weft_ring_t *r = at[seed >> 31];
                struct weft_ring_item item;
                bool full = in - out > 3, empty = in == out;
                switch (seed >> 28 & 7) {
                case 0:
                        for (int k = 0; k < 3; k++)
                                e[k] = in + (unsigned)k;
                        if (!full)
                                in += (uint64_t)weft_ring_push_n(r, e, 3, WEFT_NOW);
                        break;
                case 1:
                        if (full)
                                break;
                        assert_int_equal(weft_ring_loan(r, 0, &item, WEFT_NOW), 0);
                        *(uint64_t *)item.at = in++;
                        assert_int_equal(weft_ring_commit(r, &item, 8), 0);
                        break;
                case 2:
                        assert_int_equal(weft_ring_detach(r, 0), in ? 0 : -EPERM);
                        x = in++;
                        assert_int_equal(weft_ring_push(r, &x, WEFT_NEVER), 0);
                        break;
                case 3:
                case 4:
                        x = in;
                        if (!full)
                                in += weft_ring_push(r, &x, WEFT_NOW) == 0;
                        break;
                default:
                        break;
                }
                while (in - out > (seed >> 20 & 3) && !empty) {
                        assert_int_equal(weft_ring_pop(r, &x, WEFT_NOW), 0);
                        assert_int_equal(x, out++);
                        empty = in == out;
                }
        }
        while (in != out) {
                assert_int_equal(weft_ring_pop(at[1], &x, WEFT_NOW), 0);
                assert_int_equal(x, out++);
        }
        assert_int_equal(info_of(ring).pushed, in);
        weft_ring_close(at[1]);
        drop(ring, "r");
}

/* The same of elements that have lines of their own, which are copied in place. */
static void handles_of_wide_elements_take_turns(void **state)
{
        (void)state;
        weft_ring_t *at[2] = { make("w", 3, 64, 0), open_in(arena, "w") };
        uint64_t in = 0, out = 0, n = info_of(at[0]).capacity;
        for (uint32_t i = 0, seed = 1; i < 20000; i++) {
                seed = seed * 1664525 + 1013904223;
                weft_ring_t *r = at[seed >> 31];
                struct weft_ring_item item;
                uint64_t e[8] = { in }, what = seed >> 28 & 7;
                bool full = in - out == n, empty = in == out;
                int rc = 0;
                if (what == 0) {
                        rc = (int)weft_ring_push_n(r, e, 1, WEFT_NOW);
                        rc = rc == 1 ? 0 : rc;
                } else if (what == 1) {
                        rc = weft_ring_loan(r, 0, &item, WEFT_NOW);
                        if (!rc) {
                                memcpy(item.at, e, 64);
                                rc = weft_ring_commit(r, &item, 64);
                        }
                } else if (what == 2) {
                        (void)!weft_ring_detach(r, seed >> 27 & 1);
                        continue;
                } else if (what < 5) {
                        rc = weft_ring_push(r, e, WEFT_NOW);
                } else {
                        rc = weft_ring_pop(r, e, WEFT_NOW);
                        assert_int_equal(rc, empty ? -EAGAIN : 0);
                        if (!rc)
                                assert_int_equal(e[0], out++);
                        continue;
                }
                assert_int_equal(rc, full ? -EAGAIN : 0);
                in += !rc;
        }
        assert_int_equal(info_of(at[0]).pushed, in);
        assert_int_equal(info_of(at[0]).popped, out);
        weft_ring_close(at[1]);
        drop(at[0], "w");
}

/* Who pushes by the short way hears of it, told by another handle, and at once. */
static void a_shutdown_is_heard_on_the_short_way(void **state)
{
        (void)state;
        for (int many = 0; many < 2; many++)
                for (uint32_t bytes = 8; bytes <= 64; bytes += 56) {
                        weft_ring_t *r = make("r", 20, bytes, 0);
                        weft_ring_t *other = open_in(arena, "r");
                        uint64_t x[8] = { 0 };
                        for (int i = 0; i < 3; i++) {
                                assert_int_equal(weft_ring_push(r, x, WEFT_NOW), 0);
                                assert_int_equal(weft_ring_pop(r, x, WEFT_NOW), 0);
                        }
                        assert_int_equal(weft_ring_shutdown(other), 0);
                        if (many) {
                                assert_int_equal(weft_ring_push_n(r, x, 1, WEFT_NOW),
                                                 -EPIPE);
                                assert_int_equal(weft_ring_pop_n(r, x, 1, WEFT_NOW),
                                                 -EPIPE);
                        }
                        assert_int_equal(weft_ring_push(r, x, WEFT_NOW), -EPIPE);
                        assert_int_equal(weft_ring_pop(r, x, WEFT_NOW), -EPIPE);
                        weft_ring_close(other);
                        drop(r, "r");
                }
}

/* Killed between its stamp and its next store: what is stamped has been pushed. */
static void what_is_stamped_is_not_forgotten(void **state)
{
        (void)state;
        for (int i = 0; i < SHAPES; i++)
                for (uint64_t lag = 1; lag < 10; lag++) {
                        make_shape(i);
                        struct weft_ring_shared *sh = weft_ring_sh(ring);
                        must_give(ring, 0);
                        uint64_t pos = weft_load_rlx(&sh->push.pos);
                        for (uint64_t k = 1; k <= lag; k++)
                                must_give(ring, k);
                        weft_store_rlx(&sh->push.pos, pos);
                        assert_int_equal(weft_ring_detach(ring, 0), 0);
                        struct weft_ring_info info = info_of(ring);
                        assert_int_equal(info.length,
                                         (lag + 1) *
                                                 (info.flags & WEFT_RING_BYTES ? 32 : 1));
                        must_give(ring, lag + 1);
                        for (uint64_t k = 0; k <= lag + 1; k++)
                                assert_int_equal(must_get(ring), k);
                        drop(ring, "r");
                }
}

/* A signature that is nobody's stands in nobody's way; one of the living does. */
static void a_side_of_nobody_is_taken(void **state)
{
        (void)state;
        make_shape(0);
        struct weft_ring_shared *sh = weft_ring_sh(ring);
        weft_store_rlx(&sh->push.seat, 0x12345678);
        weft_store_rlx(&sh->pop.seat, UINT64_MAX);
        assert_int_equal(info_of(ring).holder[0], WEFT_RING_DEAD);
        must_give(ring, 1);
        assert_int_equal(must_get(ring), 1);
        drop(ring, "r");
}

/* ---- a batch that goes round the ring ----------------------------------------------- */

enum { PAGE = 4096, PAGES = 12 };

static int to_pusher[2], to_popper[2], pages_read;

/* The next page of what is being pushed: once the ring has been emptied. At the last one the
 * pusher dies, in the middle of his batch. */
static void next_page(int signal, siginfo_t *info, void *context)
{
        char c = 0;
        (void)signal, (void)context;
        if (write(to_popper[1], &c, 1) != 1 || read(to_pusher[0], &c, 1) != 1 ||
            ++pages_read == PAGES)
                kill(getpid(), SIGKILL);
        mprotect((void *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1)), PAGE,
                 PROT_READ);
}

static void push_much(void *context)
{
        struct sigaction action = { .sa_sigaction = next_page, .sa_flags = SA_SIGINFO };
        size_t bytes = (PAGES + 2) * PAGE;
        uint64_t *from = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        (void)context;
        CHECK(from != MAP_FAILED && sigaction(SIGSEGV, &action, NULL) == 0);
        for (size_t n = 0; n < bytes / sizeof *from; n++)
                from[n] = n + 1;
        mprotect((uint8_t *)from + PAGE, bytes - PAGE, PROT_NONE);
        CHECK(weft_ring_push_n(ring, from, bytes / sizeof *from, WEFT_NEVER) < 0);
}

static void empty_it(uint64_t *popped)
{
        uint64_t x;
        while (weft_ring_pop(ring, &x, WEFT_NOW) == 0)
                assert_int_equal(x, ++*popped);
}

static void who_dies_in_a_long_batch_is_replaced(void **state)
{
        struct weft_ring_options o = { .capacity = 890, .element_bytes = 8 };
        uint64_t popped = 0, x = 77;
        char c;
        (void)state;
        assert_int_equal(weft_ring_create(arena, "r", &o, &ring), 0);
        assert_true(pipe(to_pusher) == 0 && pipe(to_popper) == 0);
        pid_t pid = child_start(push_much, NULL);
        for (int i = 0; i < PAGES; i++) {
                assert_int_equal(read(to_popper[0], &c, 1), 1);
                empty_it(&popped);
                (void)info_of(ring);
                check_whole(arena);
                assert_int_equal(write(to_pusher[1], &c, 1), 1);
        }
        (void)child_end(pid);
        (void)recover_count(arena);
        empty_it(&popped);
        assert_true(popped > 5 * 890); /* it went round so often */
        assert_int_equal(weft_ring_push(ring, &x, WEFT_NOW), 0);
        assert_int_equal(weft_ring_pop(ring, &x, WEFT_NOW), 0);
        assert_int_equal(x, 77);
        for (int i = 0; i < 2; i++) {
                close(to_pusher[i]);
                close(to_popper[i]);
        }
        drop(ring, "r");
}

/* ---- a handle that its agent has left -------------------------------------------------- */

static void use_a_handle_that_was_left(void *context)
{
        uint64_t x = 700;
        char c = 0;
        (void)context;
        weft_ring_t *r = open_in(arena, "r"), *next;
        CHECK(weft_ring_push(r, &x, WEFT_NOW) == 0);
        weft_agent_leave(arena);
        CHECK(write(to_popper[1], &c, 1) == 1 && read(to_pusher[0], &c, 1) == 1);
        for (int i = 0; i < 3; i++)
                CHECK(weft_ring_push(r, &x, WEFT_NOW) == -ENOENT);
        next = open_in(arena, "r");
        CHECK(weft_ring_pop(next, &x, WEFT_NOW) == 0 && x == 0);
        for (int i = 0; i < 3; i++) /* though it is he who sits there */
                CHECK(weft_ring_pop(r, &x, WEFT_NOW) == -ENOENT);
}

/* Another ring may lie where that one lay, and as many turns may have been drawn there. */
static void a_handle_that_was_left_leads_nowhere(void **state)
{
        uint64_t x;
        char c = 0;
        (void)state;
        make_shape(0);
        assert_true(pipe(to_pusher) == 0 && pipe(to_popper) == 0);
        pid_t pid = child_start(use_a_handle_that_was_left, NULL);
        assert_int_equal(read(to_popper[0], &c, 1), 1);
        drop(ring, "r");
        make_shape(0);
        must_give(ring, 0);
        must_give(ring, 1);
        assert_int_equal(write(to_pusher[1], &c, 1), 1);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(info_of(ring).length, 1);
        assert_int_equal(must_get(ring), 1);
        assert_int_equal(weft_ring_pop(ring, &x, WEFT_NOW), -EAGAIN);
        for (int i = 0; i < 2; i++) {
                close(to_pusher[i]);
                close(to_popper[i]);
        }
        drop(ring, "r");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_side_is_held_by_one_who_lives),
                TEST(sides_are_passed_on),
                TEST(the_end_of_a_thread_gives_it_up),
                TEST(the_last_close_gives_it_up),
                TEST(threads_are_told_apart),
                TEST(a_thread_in_the_place_of_one_that_vanished),
                TEST(a_bare_fork_is_somebody_else),
                TEST(the_dead_are_replaced_where_they_stopped),
                TEST(the_dead_do_not_wait),
                TEST(a_stand_by_waits_for_the_side),
                TEST(handles_of_one_thread_take_turns),
                TEST(handles_of_wide_elements_take_turns),
                TEST(a_shutdown_is_heard_on_the_short_way),
                TEST(what_is_stamped_is_not_forgotten),
                TEST(a_side_of_nobody_is_taken),
                TEST(who_dies_in_a_long_batch_is_replaced),
                TEST(a_handle_that_was_left_leads_nowhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
