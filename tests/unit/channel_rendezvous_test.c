/* tests/unit/channel_rendezvous_test.c -- the channel of capacity 0. */
#define _GNU_SOURCE
#include <unistd.h>

#include "runtime/object.h"
#include "tests/unit/channel_kit.h"

static struct { /* what children tell */
        int64_t rc;
        uint64_t got;
} * notes;

static void wait_for_sleepers(weft_channel_t *ch, uint32_t n)
{
        while (info_of(ch).waiting < n)
                usleep(200);
}

/* ---- one who comes alone --------------------------------------------------------- */

static void nobody_is_there(void **state)
{
        weft_channel_t *ch = make(0, 8, 0, 0);
        uint64_t x[3] = { 0 };
        struct weft_element el = { 0 };
        (void)state;
        assert_int_equal(send_by(ch, 1, WEFT_NOW), -EAGAIN);
        assert_int_equal(send_by(ch, 1, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(recv_rc(ch), -EAGAIN);
        assert_int_equal(recv_by(ch, x, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        assert_int_equal(weft_channel_send_n(ch, x, 3, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_channel_recv_n(ch, x, 3, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_channel_loan(ch, &el), -ENOTSUP);
        assert_int_equal(weft_channel_commit(ch, &el, WEFT_NOW), -ENOTSUP);
        assert_int_equal(weft_channel_take(ch, &el, WEFT_NOW), -ENOTSUP);
        assert_int_equal(weft_channel_release(ch, &el), -ENOTSUP);
        assert_int_equal(weft_channel_ack(ch, &el), -ENOTSUP);
        assert_int_equal(weft_channel_nack(ch, &el), -ENOTSUP);
        struct weft_channel_info i = info_of(ch);
        assert_int_equal(i.capacity + i.length + i.sent + i.received + i.dropped, 0);
        drop(ch);
}

static void by_policy(void **state)
{
        weft_channel_t *ch = make(0, 24, WEFT_CHANNEL_FAIL, 0);
        uint8_t e[3 * 24] = { 0 };
        (void)state;
        assert_int_equal(send_by(ch, 1, WEFT_NEVER), -EAGAIN);
        assert_int_equal(weft_channel_send_n(ch, e, 3, WEFT_NEVER), -EAGAIN);
        assert_int_equal(info_of(ch).refused, 2);
        drop(ch);
        ch = make(0, 24, WEFT_CHANNEL_DROP_NEWEST, 0);
        assert_int_equal(send_by(ch, 1, WEFT_NEVER), 0);
        assert_int_equal(weft_channel_send_n(ch, e, 3, WEFT_NEVER), 3);
        assert_int_equal(info_of(ch).dropped, 4);
        struct weft_case c = { .object = ch, .op = WEFT_OP_SEND, .from = e };
        assert_int_equal(weft_select(&c, 1, 0, WEFT_NEVER), 0);
        assert_int_equal(info_of(ch).dropped, 5);
        must_add_up(ch);
        drop(ch);
}

/* ---- two who meet ------------------------------------------------------------------ */

enum { MANY = 2000 };

static void send_many(void *context)
{
        (void)context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(a);
        for (uint64_t i = 0; i < MANY; i++)
                CHECK(send_by(ch, i, WEFT_NEVER) == 0);
        CHECK(weft_channel_shutdown(ch, 12) == 0);
        weft_channel_close(ch);
        weft_arena_close(a);
}

static void two_processes_meet(void **state)
{
        static const uint32_t sizes[] = { 8, 24, LARGE };
        (void)state;
#ifdef WEFT_TSAN
        skip(); /* its 16-byte CAS is atomic only within one process */
#endif
        for (int i = 0; i < 3; i++) {
                weft_channel_t *ch = make(0, sizes[i], 0, 0);
                uint64_t n = 0, x = 0;
                uint32_t reason = 0;
                int rc;
                pid_t pid = child_start(send_many, NULL);
                while ((rc = recv_by(ch, &x, WEFT_NEVER)) == 0)
                        CHECK(x == n++);
                assert_int_equal(rc, -EPIPE);
                assert_int_equal(n, MANY);
                assert_int_equal(weft_channel_reason(ch, &reason), 0);
                assert_int_equal(reason, 12);
                assert_int_equal(child_end(pid), 0);
                assert_int_equal(info_of(ch).sent, MANY);
                assert_int_equal(info_of(ch).received, MANY);
                drop(ch);
        }
}

/* Children that wait, each in its way; they say what came of it. */
static void in_recv(weft_channel_t *ch)
{
        notes->rc = recv_by(ch, &notes->got, WEFT_NEVER);
}

static void in_send(weft_channel_t *ch)
{
        notes->rc = send_by(ch, 77, WEFT_NEVER);
}

static void in_select(weft_channel_t *ch, enum weft_op op)
{
        uint8_t e[LARGE] = { 77 };
        struct weft_case c = { .object = ch, .op = op, .from = e, .to = e };
        int rc = weft_select(&c, 1, 0, WEFT_NEVER);
        notes->rc = rc ? rc : c.result;
        memcpy(&notes->got, e, sizeof notes->got);
}

static void in_select_recv(weft_channel_t *ch)
{
        in_select(ch, WEFT_OP_RECV);
}

static void in_select_send(weft_channel_t *ch)
{
        in_select(ch, WEFT_OP_SEND);
}

static void (*const ways[])(weft_channel_t *) = { in_recv, in_select_recv, in_send,
                                                  in_select_send };

static void waits(void *context)
{
        void (*const *way)(weft_channel_t *) = context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(a);
        (*way)(ch);
        weft_channel_close(ch);
        weft_arena_close(a);
}

static pid_t start(weft_channel_t *ch, int way)
{
        void (*const *at)(weft_channel_t *) = &ways[way];
        notes->rc = -1;
        notes->got = 0;
        pid_t pid = child_start(waits, (void *)(uintptr_t)at);
        wait_for_sleepers(ch, 1);
        return pid;
}

/* Who waits is met at once, also by one who does not wait, and by a select. */
static void who_waits_is_met(void **state)
{
        (void)state;
        for (int way = 0; way < 4; way++)
                for (int how = 0; how < 3; how++) {
                        weft_channel_t *ch = make(0, how == 1 ? 24 : 8, 0, 0);
                        bool sends = way < 2;
                        uint8_t e[LARGE] = { 55 };
                        struct weft_case c = { .object = ch, .from = e, .to = e };
                        c.op = sends ? WEFT_OP_SEND : WEFT_OP_RECV;
                        pid_t pid = start(ch, way);
                        if (how == 2)
                                assert_int_equal(weft_select(&c, 1, 0, WEFT_NOW), 0);
                        else if (sends)
                                assert_int_equal(weft_channel_send(ch, e, WEFT_NOW), 0);
                        else
                                assert_int_equal(weft_channel_recv(ch, e, WEFT_NOW), 0);
                        assert_int_equal(child_end(pid), 0);
                        assert_int_equal(notes->rc, 0);
                        if (sends)
                                assert_int_equal(notes->got, 55);
                        else
                                assert_int_equal(e[0], 77);
                        assert_int_equal(info_of(ch).received, 1);
                        drop(ch);
                }
}

static void who_waits_is_told_of_the_end(void **state)
{
        (void)state;
        for (int way = 0; way < 4; way++)
                for (int cancel = 0; cancel < 2; cancel++) {
                        weft_channel_t *ch = make(0, 8, 0, 0);
                        pid_t pid = start(ch, way);
                        int want = cancel ? -ECANCELED : -EPIPE;
                        assert_int_equal(cancel ? weft_channel_cancel(ch, 3)
                                                : weft_channel_shutdown(ch, 3),
                                         0);
                        assert_int_equal(child_end(pid), 0);
                        assert_int_equal(notes->rc, want);
                        assert_int_equal(send_by(ch, 1, WEFT_NEVER), want);
                        assert_int_equal(recv_rc(ch), want);
                        assert_int_equal(info_of(ch).reason, 3);
                        drop(ch);
                }
}

/* Both sides of one channel and one of another in one select. */
static void a_select_meets_another(void **state)
{
        weft_channel_t *ch = make(0, 8, 0, 0), *buffered;
        struct weft_channel_options o = { .capacity = 2, .element_bytes = 8 };
        uint64_t in = 9, out = 0;
        (void)state;
        assert_int_equal(weft_channel_create(arena, "d", &o, &buffered), 0);
        struct weft_case cases[] = {
                { .object = buffered, .op = WEFT_OP_RECV, .to = &out },
                { .object = ch, .op = WEFT_OP_RECV, .to = &out },
                { .object = ch, .op = WEFT_OP_SEND, .from = &in },
        };
        assert_int_equal(weft_select(cases, 3, 0, WEFT_NOW), -EAGAIN);
        assert_int_equal(weft_select(cases, 3, 0, weft_after(WEFT_MSEC)), -ETIMEDOUT);
        pid_t pid = start(ch, 3);
        assert_int_equal(weft_select(cases, 3, 0, WEFT_NEVER), 1);
        assert_int_equal(out, 77);
        assert_int_equal(child_end(pid), 0);
        pid = start(ch, 1);
        assert_int_equal(weft_select(cases, 3, 0, WEFT_NEVER), 2);
        assert_int_equal(child_end(pid), 0);
        assert_int_equal(notes->got, 9);
        send(buffered, 4);
        assert_int_equal(weft_select(cases, 3, 0, WEFT_NEVER), 0);
        assert_int_equal(out, 4);
        weft_channel_close(buffered);
        assert_int_equal(weft_object_remove(arena, "d"), 0);
        drop(ch);
}

/* ---- the dead ------------------------------------------------------------------------ */

static void who_dies_waiting_was_never_there(void **state)
{
        (void)state;
        for (int way = 0; way < 4; way++) {
                weft_channel_t *ch = make(0, 24, 0, 0);
                pid_t pid = start(ch, way);
                assert_int_equal(child_kill(pid), -SIGKILL);
                assert_int_equal(send_by(ch, 1, WEFT_NOW), -EAGAIN);
                assert_int_equal(recv_rc(ch), -EAGAIN);
                assert_int_equal(recover_count(arena), 1);
                assert_int_equal(info_of(ch).waiting, 0);
                drop(ch);
        }
}

static void begin_an_end_and_die(void *context)
{
        (void)context;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_channel_t *ch = open_in(there);
        struct weft_channel_shared *sh = ((struct weft_handle *)(void *)ch)->sh;
        CHECK(recv_rc(ch) == -EAGAIN);
        CHECK(weft_tally_set_once(&sh->end, WEFT_CHANNEL_ENDED | 6));
        kill(getpid(), SIGKILL);
}

/* Who sleeps there meanwhile finds the death, and so the end. */
static void an_end_that_was_begun_is_finished(void **state)
{
        weft_channel_t *ch = make(0, 8, 0, 0);
        uint64_t x;
        (void)state;
        assert_int_equal(child_run(begin_an_end_and_die, NULL), -SIGKILL);
        assert_int_equal(recv_by(ch, &x, weft_after(20 * WEFT_SEC)), -EPIPE);
        assert_int_equal(info_of(ch).reason, 6);
        drop(ch);
}

/* ---- looking ------------------------------------------------------------------------- */

static void it_says_what_it_is(void **state)
{
        weft_channel_t *ch = make(0, 16, WEFT_CHANNEL_DROP_NEWEST, 0);
        struct weft_object_info info;
        (void)state;
        assert_int_equal(send_by(ch, 1, WEFT_NEVER), 0);
        assert_int_equal(weft_object_stat(arena, "c", &info), 0);
        assert_string_equal(info.detail, "16 B, 0 pushing, 0 popping, 0 met, drop "
                                         "newest, 1 dropped");
        drop(ch);
        ch = make(0, 16, 0, 0);
        pid_t pid = start(ch, 0);
        assert_int_equal(weft_object_remove(arena, "c"), -EBUSY); /* somebody waits */
        assert_int_equal(weft_channel_shutdown(ch, 0), 0);
        assert_int_equal(child_end(pid), 0);
        drop(ch);
}

static void corrupt_bytes_are_found(void **state)
{
        weft_channel_t *ch = make(0, 8, 0, 0), *other = NULL;
        struct weft_channel_shared *sh = ((struct weft_handle *)(void *)ch)->sh;
        (void)state;
        sh->meets = 0; /* then its queue would be all zeroes */
        assert_int_equal(weft_channel_open(arena, "c", 0, 0, &other), -EUCLEAN);
        sh->meets = 2;
        assert_int_equal(weft_channel_open(arena, "c", 0, 0, &other), -EUCLEAN);
        sh->meets = 1;
        sh->policy = WEFT_CHANNEL_LATEST;
        assert_int_equal(weft_channel_open(arena, "c", 0, 0, &other), -EUCLEAN);
        sh->policy = 0;
        sh->element_bytes = 16;
        assert_int_equal(weft_channel_open(arena, "c", 0, 0, &other), -EUCLEAN);
        sh->element_bytes = 8;
        drop(ch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(nobody_is_there),
                TEST(by_policy),
                TEST(two_processes_meet),
                TEST(who_waits_is_met),
                TEST(who_waits_is_told_of_the_end),
                TEST(a_select_meets_another),
                TEST(who_dies_waiting_was_never_there),
                TEST(an_end_that_was_begun_is_finished),
                TEST(it_says_what_it_is),
                TEST(corrupt_bytes_are_found),
        };

        notes = common_make(sizeof *notes);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
