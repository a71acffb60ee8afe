/* tests/unit/channel_end_test.c -- the channel: its end, select, processes, the dead. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weft/fd.h>

#include "runtime/object.h"
#include "tests/unit/channel_kit.h"

static struct { /* what children tell */
        int64_t rc[4];
        uint64_t got[4];
} * notes;

static void wait_for_sleepers(weft_channel_t *ch, uint32_t n)
{
        while (info_of(ch).waiting < n)
                usleep(200);
}

/* ---- shutdown ------------------------------------------------------------------ */

static void the_first_reason_stays(void **state)
{
        weft_channel_t *ch = make(4, 8, 0, 0);
        uint32_t reason = 9;
        (void)state;
        send(ch, 1);
        send(ch, 2);
        assert_int_equal(weft_channel_reason(ch, &reason), -EAGAIN);
        assert_int_equal(reason, 9);
        assert_int_equal(weft_channel_shutdown(ch, 0), 0);
        assert_int_equal(weft_channel_shutdown(ch, 7), 0);
        assert_int_equal(weft_channel_reason(ch, &reason), 0);
        assert_int_equal(reason, 0);
        assert_int_equal(weft_channel_reason(ch, NULL), 0);
        assert_int_equal(send_by(ch, 3, WEFT_NEVER), -EPIPE);
        assert_int_equal(weft_channel_send_n(ch, &(uint64_t){ 3 }, 1, WEFT_NOW), -EPIPE);
        assert_int_equal(info_of(ch).shut, 1);
        assert_int_equal(info_of(ch).cancelled, 0);
        assert_int_equal(recv(ch), 1);
        assert_int_equal(recv(ch), 2);
        assert_int_equal(recv_rc(ch), -EPIPE);
        assert_int_equal(weft_channel_cancel(ch, 8), 0); /* after all */
        assert_int_equal(recv_rc(ch), -ECANCELED);
        assert_int_equal(weft_channel_reason(ch, &reason), 0);
        assert_int_equal(reason, 0);
        drop(ch);
}

static void every_policy_ends(void **state)
{
        (void)state;
        for (uint32_t policy = 0; policy <= WEFT_CHANNEL_LATEST; policy++) {
                weft_channel_t *ch = make(2, 24, policy, 0);
                uint8_t e[5 * 24] = { 0 };
                struct weft_element el;
                send(ch, 1);
                send(ch, 2);
                assert_int_equal(weft_channel_loan(ch, &el), 0);
                assert_int_equal(weft_channel_shutdown(ch, 5), 0);
                assert_int_equal(send_by(ch, 3, WEFT_NEVER), -EPIPE);
                assert_int_equal(weft_channel_send_n(ch, e, 5, WEFT_NEVER), -EPIPE);
                assert_int_equal(weft_channel_commit(ch, &el, WEFT_NEVER), -EPIPE);
                assert_int_equal(weft_channel_release(ch, &el), 0);
                uint64_t first = policy == WEFT_CHANNEL_LATEST ? 2 : 1;
                for (uint64_t x = first; x <= 2; x++)
                        assert_int_equal(recv(ch), x);
                assert_int_equal(recv_rc(ch), -EPIPE);
                assert_int_equal(weft_channel_recv_n(ch, e, 5, WEFT_NEVER), -EPIPE);
                must_add_up(ch);
                drop(ch);
        }
}

static void a_lease_holds_the_end_up(void **state)
{
        weft_channel_t *ch = make(2, 8, 0, WEFT_CHANNEL_LEASE);
        struct weft_element el;
        (void)state;
        send(ch, 1);
        assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), 0);
        assert_int_equal(weft_channel_shutdown(ch, 1), 0);
        assert_int_equal(recv_rc(ch), -EAGAIN); /* it may come back */
        assert_int_equal(weft_channel_nack(ch, &el), 0);
        assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), 0);
        assert_int_equal(weft_channel_ack(ch, &el), 0);
        assert_int_equal(recv_rc(ch), -EPIPE);
        drop(ch);
}

/* ---- cancel ---------------------------------------------------------------------- */

static void cancel_drops_what_is_there(uint32_t bytes, uint32_t policy, uint32_t flags)
{
        weft_channel_t *ch = make(4, bytes, policy, flags);
        struct weft_element el, loan;
        uint32_t reason = 0;
        bool leases = flags;
        for (uint64_t i = 0; i < 4; i++)
                send(ch, i);
        if (leases)
                assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), 0);
        assert_int_equal(weft_channel_loan(ch, &loan), 0);
        assert_int_equal(weft_channel_cancel(ch, 4), 0);
        assert_int_equal(weft_channel_cancel(ch, 5), 0);
        struct weft_channel_info i = info_of(ch);
        assert_int_equal(i.length, 0);
        assert_int_equal(i.dropped, leases ? 3 : 4);
        assert_true(i.cancelled && i.shut && i.reason == 4);
        assert_int_equal(weft_channel_reason(ch, &reason), 0);
        assert_int_equal(reason, 4);
        assert_int_equal(send_by(ch, 1, WEFT_NEVER), -ECANCELED);
        assert_int_equal(recv_rc(ch), -ECANCELED);
        uint8_t e[LARGE];
        assert_int_equal(weft_channel_send_n(ch, e, 1, WEFT_NEVER), -ECANCELED);
        assert_int_equal(weft_channel_recv_n(ch, e, 1, WEFT_NEVER), -ECANCELED);
        assert_int_equal(weft_channel_commit(ch, &loan, WEFT_NEVER), -ECANCELED);
        assert_int_equal(weft_channel_release(ch, &loan), 0);
        if (leases) { /* what comes back is dropped too */
                assert_int_equal(weft_channel_nack(ch, &el), 0);
                assert_int_equal(info_of(ch).length, 0);
                assert_int_equal(info_of(ch).dropped, 4);
        }
        if (policy != WEFT_CHANNEL_LATEST)
                assert_int_equal(weft_channel_take(ch, &el, WEFT_NEVER), -ECANCELED);
        must_add_up(ch);
        drop(ch);
}

static void cancelling(void **state)
{
        (void)state;
        for (uint32_t policy = 0; policy <= WEFT_CHANNEL_LATEST; policy++) {
                cancel_drops_what_is_there(8, policy, 0);
                cancel_drops_what_is_there(LARGE, policy, 0);
        }
        cancel_drops_what_is_there(8, 0, WEFT_CHANNEL_LEASE);
        cancel_drops_what_is_there(24, WEFT_CHANNEL_DROP_OLDEST, WEFT_CHANNEL_LEASE);
}

/* ---- who sleeps is woken ------------------------------------------------------------- */

static void sleep_in_recv(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(a);
        notes->rc[0] = recv_by(ch, &notes->got[0], WEFT_NEVER);
        weft_channel_close(ch);
        weft_arena_close(a);
}

static void sleep_in_send(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(a);
        notes->rc[0] = send_by(ch, 77, WEFT_NEVER);
        weft_channel_close(ch);
        weft_arena_close(a);
}

static void sleep_in_select(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(a);
        uint8_t e[LARGE];
        struct weft_case c = { .object = ch, .op = WEFT_OP_RECV, .to = e };
        notes->rc[0] = weft_select(&c, 1, 0, WEFT_NEVER);
        notes->rc[0] = notes->rc[0] ? notes->rc[0] : c.result;
        weft_channel_close(ch);
        weft_arena_close(a);
}

static void woken_by_the_end(void (*body)(void *), uint64_t buffered, uint32_t flags,
                             bool cancel)
{
        weft_channel_t *ch = make(2, 8, 0, flags);
        struct weft_element el;
        for (uint64_t i = 0; i < buffered; i++)
                send(ch, i);
        if (flags) { /* the end of a shutdown waits for this one */
                send(ch, 1);
                assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), 0);
        }
        pid_t pid = child_start(body, NULL);
        wait_for_sleepers(ch, 1);
        if (cancel)
                assert_int_equal(weft_channel_cancel(ch, 1), 0);
        else
                assert_int_equal(weft_channel_shutdown(ch, 1), 0);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(notes->rc[0], cancel ? -ECANCELED : -EPIPE);
        if (flags)
                assert_int_equal(weft_channel_ack(ch, &el), 0);
        drop(ch);
}

static void sleepers_are_woken(void **state)
{
        (void)state;
        for (int cancel = 0; cancel < 2; cancel++) {
                woken_by_the_end(sleep_in_recv, 0, 0, cancel);
                woken_by_the_end(sleep_in_send, 2, 0, cancel);
                woken_by_the_end(sleep_in_select, 0, 0, cancel);
        }
        woken_by_the_end(sleep_in_recv, 0, WEFT_CHANNEL_LEASE, true);
        woken_by_the_end(sleep_in_select, 0, WEFT_CHANNEL_LEASE, true);
        for (uint32_t flags = 0; flags <= WEFT_CHANNEL_LEASE; flags++) {
                weft_channel_t *ch = make(2, 8, 0, flags);
                pid_t pid = child_start(sleep_in_recv, NULL);
                wait_for_sleepers(ch, 1);
                send(ch, 5);
                assert_int_equal(child_end(pid), 0);
                assert_int_equal(notes->rc[0], 0);
                assert_int_equal(notes->got[0], 5);
                send(ch, 1);
                send(ch, 2);
                pid = child_start(sleep_in_send, NULL);
                wait_for_sleepers(ch, 1);
                assert_int_equal(recv(ch), 1);
                assert_int_equal(child_end(pid), 0);
                assert_int_equal(recv(ch), 2);
                assert_int_equal(recv(ch), 77);
                drop(ch);
        }
}

/* ---- the dead ------------------------------------------------------------------------- */

static void take_and_die(void *context)
{
        struct weft_element a, b;
        (void)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(there);
        CHECK(weft_channel_take(ch, &a, WEFT_NOW) == 0 && in_hand(&a) == 1);
        CHECK(weft_channel_take(ch, &b, WEFT_NOW) == 0 && in_hand(&b) == 2);
        CHECK(weft_channel_ack(ch, &b) == 0);
        CHECK(weft_channel_loan(ch, &b) == 0);
        kill(getpid(), SIGKILL);
}

static void what_the_dead_leased_comes_again(void **state)
{
        weft_channel_t *ch = make(4, 24, 0, WEFT_CHANNEL_LEASE);
        struct weft_element el;
        (void)state;
        for (uint64_t i = 1; i <= 3; i++)
                send(ch, i);
        assert_int_equal(child_run(take_and_die, NULL), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), 0);
        assert_int_equal(in_hand(&el), 1);
        assert_int_equal(el.deliveries, 1);
        assert_int_equal(weft_channel_ack(ch, &el), 0);
        assert_int_equal(recv(ch), 3);
        assert_int_equal(recv_rc(ch), -EAGAIN);
        drop(ch);
}

/* As one who was killed when he had set the reason. */
static void begin_an_end_and_die(void *context)
{
        bool cancel = *(bool *)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(there);
        struct weft_handle *handle = (void *)ch;
        struct weft_channel_shared *sh = handle->sh;
        CHECK(info_of(ch).length == 2);
        CHECK(weft_tally_set_once(&sh->end, WEFT_CHANNEL_ENDED | 6));
        if (cancel)
                CHECK(weft_tally_set_once(&sh->cancelled, 1));
        kill(getpid(), SIGKILL);
}

static void an_end_that_was_begun_is_finished(void **state)
{
        (void)state;
        for (int i = 0; i < 4; i++) {
                weft_channel_t *ch = make(4, 8, 0, 0);
                bool cancel = i & 1, recovers = i & 2;
                uint32_t reason = 0;
                send(ch, 0); /* from now on it knows where the next one is */
                assert_int_equal(recv(ch), 0);
                send(ch, 1);
                send(ch, 2);
                assert_int_equal(child_run(begin_an_end_and_die, &cancel), -SIGKILL);
                assert_int_equal(info_of(ch).shut, 0);
                assert_int_equal(info_of(ch).reason, 0);
                if (recovers) {
                        assert_int_equal(recover_count(arena), 1);
                        assert_int_equal(info_of(ch).shut, 1);
                } else if (!cancel) {
                        assert_int_equal(weft_channel_reason(ch, &reason), 0);
                        assert_int_equal(reason, 6);
                } else {
                        assert_int_equal(recv_rc(ch), -ECANCELED);
                }
                assert_int_equal(send_by(ch, 3, WEFT_NOW), cancel ? -ECANCELED : -EPIPE);
                for (uint64_t x = 1; x <= 2 && !cancel; x++)
                        assert_int_equal(recv(ch), x);
                assert_int_equal(recv_rc(ch), cancel ? -ECANCELED : -EPIPE);
                assert_int_equal(info_of(ch).length, 0);
                assert_int_equal(info_of(ch).reason, 6);
                assert_int_equal(info_of(ch).dropped, cancel ? 2 : 0);
                (void)recover_count(arena);
                drop(ch);
        }
}

/* ---- select ------------------------------------------------------------------------------ */

static weft_channel_t *second(uint32_t policy)
{
        struct weft_channel_options o = { .capacity = 2, .element_bytes = 8 };
        weft_channel_t *ch = NULL;
        o.policy = policy;
        CHECK(weft_channel_create(arena, "d", &o, &ch) == 0);
        return ch;
}

static void drop_second(weft_channel_t *ch)
{
        CHECK(weft_object_remove(arena, "d") == 0);
        weft_channel_close(ch);
}

static void select_sends_and_receives(void **state)
{
        weft_channel_t *c = make(2, 8, 0, 0), *d = second(0);
        uint64_t in = 5, out = 0;
        struct weft_case cases[] = {
                { .object = c, .op = WEFT_OP_SEND, .from = &in },
                { .object = d, .op = WEFT_OP_RECV, .to = &out },
        };
        (void)state;
        for (int i = 0; i < 2; i++)
                assert_int_equal(weft_select(cases, 2, 0, WEFT_NEVER), 0);
        assert_int_equal(weft_select(cases, 2, 0, WEFT_NOW), -EAGAIN); /* default */
        assert_int_equal(weft_select(cases, 2, 0, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        send(d, 8);
        assert_int_equal(weft_select(cases, 2, 0, WEFT_NEVER), 1);
        assert_int_equal(out, 8);
        assert_int_equal(recv(c), 5);
        assert_int_equal(weft_select(cases, 2, 0, WEFT_NEVER), 0);
        assert_int_equal(weft_channel_shutdown(d, 3), 0); /* ready, with its end */
        assert_int_equal(weft_select(cases, 2, 0, WEFT_NEVER), 1);
        assert_int_equal(cases[1].result, -EPIPE);
        assert_int_equal(weft_channel_cancel(c, 3), 0);
        assert_int_equal(weft_select(cases, 1, 0, WEFT_NEVER), 0);
        assert_int_equal(cases[0].result, -ECANCELED);
        cases[1].object = c;
        assert_int_equal(weft_select(cases, 2, WEFT_SELECT_PRIORITY, WEFT_NEVER), 0);
        cases[0].op = WEFT_OP_NONE;
        assert_int_equal(weft_select(cases, 2, 0, WEFT_NEVER), 1);
        assert_int_equal(cases[1].result, -ECANCELED);
        drop_second(d);
        drop(c);
}

static void select_by_policy(void **state)
{
        (void)state;
        for (uint32_t policy = 0; policy <= WEFT_CHANNEL_LATEST; policy++) {
                weft_channel_t *c = make(2, 8, policy, 0);
                uint64_t in = 3, out = 0;
                struct weft_case s = { .object = c, .op = WEFT_OP_SEND, .from = &in };
                struct weft_case r = { .object = c, .op = WEFT_OP_RECV, .to = &out };
                struct weft_case t = { .object = c, .op = WEFT_OP_TAKE, .to = &out };
                bool waits = policy <= WEFT_CHANNEL_FAIL;
                int full = waits ? -EAGAIN : 0;
                send(c, 1);
                send(c, 2);
                assert_int_equal(weft_select(&s, 1, 0, WEFT_NOW), full);
                if (waits)
                        assert_int_equal(weft_select(&s, 1, 0, weft_after(WEFT_MSEC)),
                                         -ETIMEDOUT);
                s.flags = WEFT_CASE_LOOK;
                assert_int_equal(weft_select(&s, 1, 0, WEFT_NOW), full);
                assert_int_equal(weft_select(&r, 1, 0, WEFT_NOW), 0);
                assert_int_equal(out, waits                                ? 1
                                      : policy == WEFT_CHANNEL_DROP_NEWEST ? 1
                                      : policy == WEFT_CHANNEL_DROP_OLDEST ? 2
                                                                           : 3);
                assert_int_equal(info_of(c).refused, 0);
                r.flags = WEFT_CASE_LOOK;
                assert_int_equal(weft_select(&r, 1, 0, WEFT_NOW),
                                 policy == WEFT_CHANNEL_LATEST ? -EAGAIN : 0);
                if (policy == WEFT_CHANNEL_LATEST)
                        assert_int_equal(weft_select(&t, 1, 0, WEFT_NOW), -EPROTO);
                must_add_up(c);
                drop(c);
        }
}

static void select_takes(void **state)
{
        weft_channel_t *c = make(2, 24, 0, WEFT_CHANNEL_LEASE);
        struct weft_element el;
        struct weft_case t = { .object = c, .op = WEFT_OP_TAKE, .to = &el };
        (void)state;
        assert_int_equal(weft_select(&t, 1, 0, WEFT_NOW), -EAGAIN);
        send(c, 4);
        assert_int_equal(weft_select(&t, 1, 0, WEFT_NEVER), 0);
        assert_int_equal(in_hand(&el), 4);
        assert_int_equal(weft_channel_cancel(c, 0), 0);
        t.to = &(struct weft_element){ 0 };
        assert_int_equal(weft_select(&t, 1, 0, WEFT_NEVER), 0);
        assert_int_equal(t.result, -ECANCELED);
        assert_int_equal(weft_channel_ack(c, &el), 0);
        struct weft_case no = { .object = c, .op = WEFT_OP_LOCK };
        assert_int_equal(weft_select(&no, 1, 0, WEFT_NOW), -EPROTO);
        drop(c);
}

static bool is_readable(int fd, int ms)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, ms) == 1;
}

static void an_fd_tells_of_it(void **state)
{
        weft_channel_t *c = make(2, 8, 0, 0);
        uint64_t count;
        (void)state;
        int fd = weft_fd(c, WEFT_OP_RECV, 0);
        CHECK(fd >= 0);
        assert_false(is_readable(fd, 0));
        send(c, 1);
        assert_true(is_readable(fd, 10000));
        CHECK(read(fd, &count, sizeof count) == sizeof count);
        assert_int_equal(recv(c), 1);
        assert_int_equal(weft_channel_cancel(c, 1), 0);
        assert_true(is_readable(fd, 10000));
        CHECK(weft_fd_close(fd) == 0);
        drop(c);
}

/* ---- processes ---------------------------------------------------------------------------- */

enum { MANY = 5000 };

static void send_many(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(a);
        for (uint64_t i = 0; i < MANY; i++)
                CHECK(send_by(ch, i, WEFT_NEVER) == 0);
        CHECK(weft_channel_shutdown(ch, 4711) == 0);
        weft_channel_close(ch);
        weft_arena_close(a);
}

static void two_processes_at_two_addresses(void **state)
{
        static const uint32_t sizes[] = { 8, 24, LARGE };
        (void)state;
#ifdef WEFT_TSAN
        skip(); /* its 16-byte CAS is atomic only within one process */
#endif
        for (uint32_t i = 0; i < 6; i++) {
                weft_channel_t *ch = make(16, sizes[i / 2], 0, i % 2);
                uint64_t n = 0, x;
                uint32_t reason = 0;
                pid_t pid = child_start(send_many, NULL);
                while (recv_by(ch, &x, WEFT_NEVER) == 0)
                        CHECK(x == n++);
                assert_int_equal(n, MANY);
                assert_int_equal(weft_channel_reason(ch, &reason), 0);
                assert_int_equal(reason, 4711);
                assert_int_equal(child_end(pid), 0);
                drop(ch);
        }
}

static weft_channel_t *inherited;

static void use_inherited(void *context)
{
        (void)context;
        CHECK(recv(inherited) == 1);
        send(inherited, 9);
        weft_channel_close(inherited);
}

static void a_handle_goes_on_in_a_forked_child(void **state)
{
        struct weft_element el;
        (void)state;
        for (uint32_t flags = 0; flags <= WEFT_CHANNEL_LEASE; flags++) {
                inherited = make(4, 8, 0, flags);
                for (uint64_t x = 0; x < 3; x++)
                        send(inherited, x);
                assert_int_equal(weft_channel_take(inherited, &el, WEFT_NOW), 0);
                assert_int_equal(child_run(use_inherited, NULL), 0);
                assert_int_equal(info_of(inherited).leased, flags);
                assert_int_equal(weft_channel_release(inherited, &el), 0);
                assert_int_equal(recv(inherited), 2);
                assert_int_equal(recv(inherited), 9);
                drop(inherited);
        }
}

static void look_only(void *context)
{
        weft_arena_t *a = child_reopen(arena, WEFT_RDONLY);
        weft_channel_t *ch = open_in(a);
        struct weft_element el;
        uint64_t x = 0;
        uint32_t reason = 0;
        int ended = *(int *)context;
        CHECK(info_of(ch).length == (ended == 2 ? 0 : 2) && info_of(ch).leased == 1);
        CHECK(weft_channel_reason(ch, &reason) == (ended ? 0 : -EAGAIN));
        CHECK(reason == (ended ? 3 : 0));
        CHECK(weft_channel_send(ch, &x, WEFT_NOW) == -EROFS);
        CHECK(weft_channel_recv(ch, &x, WEFT_NEVER) == -EROFS);
        CHECK(weft_channel_send_n(ch, &x, 1, WEFT_NOW) == -EROFS);
        CHECK(weft_channel_recv_n(ch, &x, 1, WEFT_NOW) == -EROFS);
        CHECK(weft_channel_loan(ch, &el) == -EROFS);
        CHECK(weft_channel_take(ch, &el, WEFT_NOW) == -EROFS);
        CHECK(weft_channel_shutdown(ch, 9) == -EROFS);
        CHECK(weft_channel_cancel(ch, 9) == -EROFS);
        weft_channel_close(ch);
        weft_arena_close(a);
}

static void read_only_looks_and_changes_nothing(void **state)
{
        weft_channel_t *ch = make(4, 8, WEFT_CHANNEL_DROP_OLDEST, WEFT_CHANNEL_LEASE);
        struct weft_element el;
        (void)state;
        for (uint64_t i = 0; i < 3; i++)
                send(ch, i);
        assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), 0);
        assert_int_equal(child_run(look_only, &(int){ 0 }), 0);
        assert_int_equal(weft_channel_shutdown(ch, 3), 0);
        assert_int_equal(child_run(look_only, &(int){ 1 }), 0);
        assert_int_equal(weft_channel_cancel(ch, 4), 0);
        assert_int_equal(child_run(look_only, &(int){ 2 }), 0);
        assert_int_equal(weft_channel_ack(ch, &el), 0);
        drop(ch);
}

/* ---- memory, bytes -------------------------------------------------------------------------- */

static void too_large_is_no_space_and_leaves_nothing(void **state)
{
        struct weft_channel_options o = { .capacity = 64,
                                          .element_bytes = WEFT_QUEUE_ELEMENT_MAX };
        weft_channel_t *ch = NULL;
        struct weft_census census;
        (void)state;
        assert_int_equal(weft_channel_create(arena, "c", &o, &ch), -ENOSPC);
        assert_null(ch);
        assert_int_equal(weft_arena_check(arena, &census), 0);
        assert_int_equal(census.object_bytes, 0);
        o.capacity = 8;
        assert_int_equal(weft_channel_create(arena, "c", &o, &ch), 0);
        drop(ch);
}

static void cancel_without_memory(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(a);
        weft_ref_t ref;
        uint8_t e[LARGE];
        for (uint64_t bytes = 16 << 20; bytes >= 64; bytes /= 2)
                while (weft_block_alloc(a, bytes, &ref, NULL) == 0)
                        ;
        CHECK(weft_channel_cancel(ch, 2) == 0);
        CHECK(weft_channel_recv(ch, e, WEFT_NEVER) == -ECANCELED);
        CHECK(weft_channel_send(ch, e, WEFT_NEVER) == -ECANCELED);
        kill(getpid(), SIGKILL);
}

static void a_full_arena_can_be_cancelled_in(void **state)
{
        weft_channel_t *ch = make(4, LARGE, 0, 0);
        (void)state;
        for (uint64_t i = 0; i < 3; i++)
                send(ch, i);
        assert_int_equal(child_run(cancel_without_memory, NULL), -SIGKILL);
        assert_int_equal(recover_count(arena), 1);
        assert_int_equal(recv_rc(ch), -ECANCELED);
        assert_int_equal(info_of(ch).length, 0);
        assert_int_equal(info_of(ch).dropped, 3);
        drop(ch);
}

/* Any word of its header as anything: whatever is said then, nothing breaks. */
static void corrupt_bytes_are_found_or_harmless(void **state)
{
        static const uint64_t bad[] = { 0, 1, 2, 255, 1u << 31, ~UINT64_C(0) };
        (void)state;
        for (uint32_t policy = 0; policy <= WEFT_CHANNEL_LATEST; policy++) {
                weft_channel_t *ch = make(4, 8, policy, 0), *other = NULL;
                struct weft_channel_shared *sh = ((struct weft_handle *)ch)->sh;
                size_t words = offsetof(struct weft_channel_shared, queue) + 128;
                struct weft_channel_shared was;
                memcpy(&was, sh, sizeof was);
                for (size_t at = 0; at < words / 8 * 6; at++) {
                        uint64_t x = 1;
                        struct weft_object_info info;
                        memcpy((uint8_t *)sh + at / 6 * 8, &bad[at % 6], 8);
                        int rc = weft_channel_open(arena, "c", 0, 0, &other);
                        CHECK(rc == 0 || rc == -EUCLEAN || rc == -EPROTO);
                        if (!rc) {
                                rc |= weft_channel_send(other, &x, WEFT_NOW);
                                rc |= weft_channel_recv(other, &x, WEFT_NOW);
                                rc |= weft_channel_reason(other, NULL);
                                weft_channel_close(other);
                        }
                        CHECK(weft_object_stat(arena, "c", &info) == 0);
                        memcpy(sh, &was, sizeof was);
                }
                memcpy(sh, &was, sizeof was);
                weft_channel_close(ch);
                CHECK(weft_object_remove(arena, "c") == 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_first_reason_stays),
                TEST(every_policy_ends),
                TEST(a_lease_holds_the_end_up),
                TEST(cancelling),
                TEST(sleepers_are_woken),
                TEST(what_the_dead_leased_comes_again),
                TEST(an_end_that_was_begun_is_finished),
                TEST(select_sends_and_receives),
                TEST(select_by_policy),
                TEST(select_takes),
                TEST(an_fd_tells_of_it),
                TEST(two_processes_at_two_addresses),
                TEST(a_handle_goes_on_in_a_forked_child),
                TEST(read_only_looks_and_changes_nothing),
                TEST(too_large_is_no_space_and_leaves_nothing),
                TEST(a_full_arena_can_be_cancelled_in),
                TEST(corrupt_bytes_are_found_or_harmless),
        };

        notes = common_make(sizeof *notes);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
