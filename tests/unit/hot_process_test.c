/* tests/unit/hot_process_test.c -- hot streams: processes, the driver's death, those who stand
 * by, sleep, descriptors, read-only clients, hostile bytes. */
#define _GNU_SOURCE
#include <poll.h>

#include <weft/fd.h>

#include "codata/hot_internal.h"
#include "tests/unit/hot_kit.h"
#include "tests/unit/sleeper.h"

enum { FLOW = 20000, PATIENCE_MS = 20000 };

static struct gate ready, go;
static weft_hot_t *inherited;

/* ---- processes at two addresses -------------------------------------------------- */

static void emit_from_elsewhere(void *context)
{
        const struct mode *m = context;
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_hot_t *hot = open_in(a);
        uint64_t item[MOST_BYTES / 8], emitted;
        CHECK(weft_hot_claim(hot, &emitted, WEFT_NOW) == 0 && emitted == 0);
        for (uint64_t i = 0; i < FLOW; i++) {
                for (uint32_t k = 0; k < m->bytes / 8; k++)
                        item[k] = i * 7 + k;
                CHECK(weft_hot_emit(hot, item, WEFT_NEVER) == 0);
        }
        CHECK(weft_hot_finish(hot, -EILSEQ) == 0);
        CHECK(weft_hot_yield(hot) == 0);
        weft_hot_close(hot);
        weft_arena_close(a);
}

static void read_all(weft_hot_subscriber_t *s, const struct mode *m)
{
        uint64_t item[MOST_BYTES / 8], sequence, lost, n = 0, expected = 0;
        int rc;
        while ((rc = weft_hot_next(s, item, &sequence, &lost, WEFT_NEVER)) == 1) {
                CHECK(sequence == expected + lost);
                for (uint32_t k = 0; k < m->bytes / 8; k++)
                        CHECK(item[k] == sequence * 7 + k);
                expected = sequence + 1;
                n++;
        }
        CHECK(rc == -EILSEQ);
        CHECK(n + weft_hot_lost(s) == FLOW);
        CHECK(m->policy == DROP || n == FLOW);
}

static void read_from_elsewhere(void *context)
{
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_hot_t *hot = open_in(a);
        weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
        gate_open(&ready, 1);
        read_all(s, context);
        weft_hot_unsubscribe(s);
        weft_hot_close(hot);
        weft_arena_close(a);
}

/* Not under ThreadSanitizer, whose 16-byte CAS is atomic only within one process. */
static void processes_at_other_addresses(void **state)
{
        (void)state;
#ifdef WEFT_TSAN
        skip();
#endif
        EACH_MODE(m)
        {
                struct mode mode = *m;
                weft_hot_t *hot = make(64, m->bytes, m->policy, m->flags);
                pid_t reader = child_start(read_from_elsewhere, &mode);
                gate_pass(&ready);
                weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
                pid_t writer = child_start(emit_from_elsewhere, &mode);
                read_all(s, &mode);
                assert_int_equal(child_end(writer), 0);
                assert_int_equal(child_end(reader), 0);
                weft_hot_unsubscribe(s);
                drop(hot);
        }
}

static void use_inherited(void *context)
{
        weft_hot_subscriber_t *s = context;
        CHECK(none(s, WEFT_NOW) == -EPERM);
        CHECK(weft_hot_yield(inherited) == -EPERM);
        CHECK(weft_hot_claim(inherited, NULL, WEFT_NOW) == -EAGAIN);
        weft_hot_unsubscribe(s); /* the child's memory, not the seat */
        s = join(inherited, OLDEST, 0);
        get_all(s, 0, 2);
        weft_hot_unsubscribe(s);
        weft_hot_close(inherited);
}

static void a_child_has_no_part_in_what_its_parent_has(void **state)
{
        (void)state;
        inherited = make(8, 8, BLOCK, ONE);
        weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
        CHECK(weft_hot_claim(inherited, NULL, WEFT_NOW) == 0);
        put_all(inherited, 0, 2);
        assert_int_equal(child_run(use_inherited, s), 0);
        put_all(inherited, 2, 3);
        get_all(s, 0, 3);
        CHECK(info_of(inherited).subscribers == 1);
        CHECK(weft_hot_yield(inherited) == 0);
        weft_hot_unsubscribe(s);
        drop(inherited);
}

/* ---- drivers -------------------------------------------------------------------------- */

/* Drives: numbers from where the last one was, a few with each opening of the gate. */
static void drive(void *context)
{
        uint64_t at;
        uint64_t few = (uint64_t)(uintptr_t)context;
        CHECK(weft_hot_claim(inherited, &at, WEFT_NEVER) == 0);
        for (;;) {
                put_all(inherited, at, at + few);
                at += few;
                gate_open(&ready, 1);
                gate_pass(&go);
        }
}

static pid_t start_driver(uint64_t few)
{
        return child_start(drive, (void *)(uintptr_t)few);
}

static void until_standing_by(uint32_t n)
{
        while (info_of(inherited).standing_by != n)
                usleep(100);
        usleep(2000);
}

static void a_drivers_death_is_told_after_all_it_emitted(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                if (m->policy == DROP) /* that the seat knows nothing of */
                        continue;
                inherited = make(8, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
                pid_t pid = start_driver(3);
                gate_pass(&ready);
                get(s, 0, 0, 0);
                CHECK(child_kill(pid) == -SIGKILL);
                get_all(s, 1, 3);
                CHECK(none(s, soon()) == -EOWNERDEAD);
                CHECK(none(s, WEFT_NOW) == -EOWNERDEAD);
                weft_hot_subscriber_t *late = join(inherited, OLDEST, 0);
                get_all(late, 0, 3);
                CHECK(none(late, WEFT_NEVER) == -EOWNERDEAD);
                weft_hot_unsubscribe(late);
                CHECK(info_of(inherited).driver_died == 1);
                pid = start_driver(2); /* and it goes on */
                gate_pass(&ready);
                CHECK(info_of(inherited).driver_died == 0);
                CHECK(info_of(inherited).driver == (uint32_t)pid);
                get_all(s, 3, 5);
                CHECK(none(s, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                CHECK(child_kill(pid) == -SIGKILL);
                CHECK(none(s, soon()) == -EOWNERDEAD);
                weft_hot_unsubscribe(s);
                drop(inherited);
        }
}

static void a_driver_that_stands_still_is_not_dead(void **state)
{
        (void)state;
        inherited = make(8, 8, BLOCK, ONE);
        weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
        pid_t pid = start_driver(3);
        gate_pass(&ready);
        CHECK(kill(pid, SIGSTOP) == 0);
        get_all(s, 0, 3);
        CHECK(none(s, weft_after(150 * WEFT_MSEC)) == -ETIMEDOUT);
        CHECK(weft_hot_claim(inherited, NULL, weft_after(100 * WEFT_MSEC)) == -ETIMEDOUT);
        CHECK(kill(pid, SIGCONT) == 0);
        gate_open(&go, 1);
        gate_pass(&ready);
        get_all(s, 3, 6);
        CHECK(child_kill(pid) == -SIGKILL);
        CHECK(none(s, soon()) == -EOWNERDEAD);
        weft_hot_unsubscribe(s);
        drop(inherited);
}

static void who_stands_by_goes_on_and_nobody_is_told(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                if (m->policy == DROP)
                        continue;
                inherited = make(8, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
                pid_t first = start_driver(2);
                gate_pass(&ready);
                pid_t second = start_driver(2);
                until_standing_by(1);
                pid_t third = start_driver(2);
                until_standing_by(2);
                get_all(s, 0, 2);
                CHECK(child_kill(first) == -SIGKILL);
                for (uint64_t i = 2; i < 4; i++) {
                        uint64_t item[MOST_BYTES / 8], sequence;
                        CHECK(weft_hot_next(s, item, &sequence, NULL, soon()) == 1);
                        CHECK(sequence == i && item[0] == i);
                }
                gate_pass(&ready);
                CHECK(info_of(inherited).driver == (uint32_t)second);
                CHECK(info_of(inherited).taken_over == 1);
                CHECK(child_kill(second) == -SIGKILL);
                for (uint64_t i = 4; i < 6; i++) {
                        uint64_t item[MOST_BYTES / 8], sequence;
                        CHECK(weft_hot_next(s, item, &sequence, NULL, soon()) == 1);
                        CHECK(sequence == i && item[0] == i);
                }
                gate_pass(&ready);
                CHECK(child_kill(third) == -SIGKILL);
                CHECK(none(s, soon()) == -EOWNERDEAD);
                weft_hot_unsubscribe(s);
                drop(inherited);
        }
}

/* To whom the seat goes may stand still: he is not dead, and will go on. */
static void a_stand_by_that_stands_still_is_waited_for(void **state)
{
        (void)state;
        inherited = make(8, 8, BLOCK, ONE);
        weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
        for (int dies = 0; dies < 2; dies++) {
                uint64_t at = info_of(inherited).emitted;
                pid_t first = start_driver(2);
                gate_pass(&ready);
                pid_t second = start_driver(2);
                until_standing_by(1);
                CHECK(kill(second, SIGSTOP) == 0);
                CHECK(child_kill(first) == -SIGKILL);
                get_all(s, at, at + 2);
                CHECK(none(s, weft_after(200 * WEFT_MSEC)) == -ETIMEDOUT);
                CHECK(!info_of(inherited).driver_died);
                if (!dies) {
                        CHECK(kill(second, SIGCONT) == 0);
                        gate_pass(&ready);
                        get_all(s, at + 2, at + 4);
                }
                CHECK(child_kill(second) == -SIGKILL);
                CHECK(none(s, soon()) == -EOWNERDEAD);
        }
        weft_hot_unsubscribe(s);
        drop(inherited);
}

static void stand_by_for_a_moment(void *context)
{
        (void)context;
        CHECK(weft_hot_claim(inherited, NULL, weft_after(20 * WEFT_MSEC)) == -ETIMEDOUT);
        gate_open(&ready, 1);
        pause();
}

static void who_gave_up_standing_by_does_not_count(void **state)
{
        (void)state;
        inherited = make(8, 8, BLOCK, ONE);
        weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
        pid_t first = start_driver(2);
        gate_pass(&ready);
        pid_t second = child_start(stand_by_for_a_moment, NULL);
        gate_pass(&ready);
        CHECK(child_kill(first) == -SIGKILL);
        get_all(s, 0, 2);
        CHECK(none(s, soon()) == -EOWNERDEAD);
        CHECK(child_kill(second) == -SIGKILL);
        weft_hot_unsubscribe(s);
        drop(inherited);
}

static void close_while_driving(void *context)
{
        weft_arena_t *a = child_reopen(arena, WEFT_RDWR);
        weft_hot_t *hot = open_in(a);
        CHECK(weft_hot_claim(hot, NULL, WEFT_NOW) == 0);
        weft_hot_close(hot);
        gate_open(&ready, 1);
        gate_pass(&go);
        weft_arena_close(a);
        (void)context;
}

static void to_close_while_driving_is_to_die(void **state)
{
        (void)state;
        inherited = make(8, 8, BLOCK, ONE);
        weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
        pid_t pid = child_start(close_while_driving, NULL);
        gate_pass(&ready);
        CHECK(none(s, WEFT_NOW) == -EOWNERDEAD);
        gate_open(&go, 1);
        assert_int_equal(child_end(pid), 0);
        weft_hot_unsubscribe(s);
        drop(inherited);
}

/* ---- sleep ---------------------------------------------------------------------------------- */

static void sleep_for(void *context)
{
        weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
        gate_open(&ready, 1);
        int rc = none(s, soon());
        CHECK(rc == (int)(intptr_t)context);
        weft_hot_unsubscribe(s);
}

static void until_somebody_sleeps(void)
{
        while (!info_of(inherited).waiting)
                usleep(100);
        usleep(500);
}

static void who_sleeps_is_told(void **state)
{
        static const int what[] = { 1, 0, -EIO, -EOWNERDEAD };
        (void)state;
        EACH_MODE(m)
        for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
                pid_t driver = 0;
                inherited = make(8, m->bytes, m->policy, m->flags);
                if (what[i] == -EOWNERDEAD) {
                        driver = start_driver(0);
                        gate_pass(&ready);
                }
                pid_t pid = child_start(sleep_for, (void *)(intptr_t)what[i]);
                gate_pass(&ready);
                until_somebody_sleeps();
                if (driver)
                        CHECK(child_kill(driver) == -SIGKILL);
                else if (what[i] == 1)
                        put_all(inherited, 0, 1);
                else
                        CHECK(weft_hot_finish(inherited, what[i]) == 0);
                assert_int_equal(child_end(pid), 0);
                drop(inherited);
        }
}

/* Sleepers who look at nothing by themselves. */
static void who_makes_a_change_wakes_who_waits_for_it(void **state)
{
        (void)state;
        for (int how = 0; how < 3; how++) {
                inherited = make(8, 8, BLOCK, MANY);
                struct weft_wait_shared *wait = &weft_hot_sh(inherited)->ring.not_empty;
                pid_t driver = start_driver(0);
                gate_pass(&ready);
                pid_t pid = child_start(sleeper, wait);
                until_sleeping(wait, 1);
                if (how == 2)
                        CHECK(weft_hot_finish(inherited, 0) == 0);
                if (how == 1)
                        put_all(inherited, 0, 1);
                CHECK(child_kill(driver) == -SIGKILL);
                if (how == 0)
                        CHECK(recover_count(arena) == 1);
                assert_int_equal(child_end(pid), 0);
                drop(inherited);
        }
}

/* ---- descriptors -------------------------------------------------------------------------------- */

static bool is_readable(int fd, int ms)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, ms) == 1;
}

static void take_edge(int fd)
{
        uint64_t edges;
        CHECK(is_readable(fd, PATIENCE_MS));
        CHECK(read(fd, &edges, sizeof edges) == sizeof edges);
}

/* All that is there; then what there is instead of more. */
static int take_all(weft_hot_subscriber_t *s, uint64_t *at)
{
        uint64_t item[MOST_BYTES / 8], sequence;
        int rc;
        while ((rc = weft_hot_next(s, item, &sequence, NULL, WEFT_NOW)) == 1)
                CHECK(sequence == (*at)++);
        return rc;
}

/* Until what there is instead of more is `what`, and `to` were read. */
static void take_by_fd(int fd, weft_hot_subscriber_t *s, uint64_t *at, uint64_t to,
                       int what)
{
        while (take_all(s, at) != what || *at != to)
                take_edge(fd);
}

static void a_descriptor_tells_of_items_of_a_death_and_of_the_end(void **state)
{
        (void)state;
#ifdef WEFT_TSAN /* it knows no threads in the child of a process with threads */
        skip();
#endif
        EACH_MODE(m)
        {
                uint64_t at = 0;
                inherited = make(8, m->bytes, m->policy, m->flags);
                pid_t pid = start_driver(2); /* before there is a helper */
                gate_pass(&ready);
                weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
                CHECK(weft_fd(s, WEFT_OP_PUSH, 0) == -EPROTO);
                int fd = weft_fd(s, WEFT_OP_POP, 0);
                CHECK(fd >= 0);
                take_edge(fd);
                take_by_fd(fd, s, &at, 2, -EAGAIN);
                while (is_readable(fd, 0))
                        take_edge(fd);
                CHECK(!is_readable(fd, 1));
                gate_open(&go, 1);
                take_by_fd(fd, s, &at, 4, -EAGAIN);
                gate_pass(&ready);
                CHECK(child_kill(pid) == -SIGKILL);
                take_by_fd(fd, s, &at, 4, -EOWNERDEAD);
                CHECK(weft_hot_claim(inherited, NULL, WEFT_NOW) == 0);
                CHECK(take_all(s, &at) == -EAGAIN);
                CHECK(weft_hot_finish(inherited, -EIO) == 0);
                CHECK(weft_hot_yield(inherited) == 0);
                take_by_fd(fd, s, &at, 4, -EIO);
                CHECK(weft_fd_close(fd) == 0);
                weft_hot_unsubscribe(s);
                drop(inherited);
        }
}

/* ---- read-only -------------------------------------------------------------------------------- */

static int count_one(const struct weft_subscriber_info *info, void *context)
{
        ++*(int *)context;
        return info->pid == (uint32_t)getppid() ? 0 : -1;
}

static void look_only(void *context)
{
        weft_arena_t *a = child_reopen(arena, WEFT_RDONLY);
        weft_hot_t *hot = open_in(a), *new_one = NULL;
        struct weft_hot_options o = { .capacity = 4, .element_bytes = 8 };
        weft_hot_subscriber_t *s = join(hot, OLDEST, 0);
        uint64_t item[MOST_BYTES / 8], sequence, lost, seen = 0;
        const void *at;
        void *to;
        int n = 0, rc;
        CHECK(info_of(hot).subscribers == 1 && info_of(hot).emitted == 6);
        CHECK(weft_hot_list(hot, count_one, &n) == 0 && n == 1);
        get_all(s, 0, 2);
        CHECK(weft_hot_take(s, &at, &sequence, NULL, WEFT_NOW) == 1 && sequence == 2);
        CHECK(weft_hot_release(s) == 0);
        CHECK(weft_hot_seek(s, SEQUENCE, 5) == 0 && weft_hot_lag(s) == 1);
        CHECK(try_put(hot, 1) == -EROFS && weft_hot_finish(hot, 0) == -EROFS);
        CHECK(weft_hot_emit_n(hot, item, 1, WEFT_NOW) == -EROFS);
        CHECK(weft_hot_loan(hot, &to, WEFT_NOW) == -EROFS);
        CHECK(weft_hot_resign(hot) == -EROFS && weft_hot_yield(hot) == -EROFS);
        CHECK(weft_hot_claim(hot, NULL, WEFT_NOW) == -EROFS);
        CHECK(weft_hot_create(a, "new", &o, &new_one) == -EROFS && !new_one);
        CHECK(weft_fd(s, WEFT_OP_POP, 0) == -EROFS);
        get_all(s, 5, 6);
        CHECK(none(s, WEFT_NOW) == -EAGAIN);
        gate_open(&ready, 1);
        CHECK(none(s, soon()) == -EOWNERDEAD);
        CHECK(info_of(hot).driver_died == 1);
        gate_open(&ready, 1);
        gate_pass(&go);
        uint64_t expected = 6;
        while ((rc = weft_hot_next(s, item, &sequence, &lost, soon())) == 1) {
                CHECK(sequence == expected + lost && item[0] == sequence);
                expected = sequence + 1;
                seen++;
        }
        CHECK(rc == -EIO && seen + weft_hot_lost(s) == 200 - 6);
        weft_hot_unsubscribe(s);
        weft_hot_close(hot);
        weft_arena_close(a);
        (void)context;
}

/* It holds up nobody, who emits or who subscribes. */
static void read_only_clients_change_nothing(void **state)
{
        (void)state;
        EACH_MODE(m)
        {
                inherited = make(8, m->bytes, m->policy, m->flags);
                weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
                pid_t driver = start_driver(6);
                gate_pass(&ready);
                pid_t pid = child_start(look_only, NULL);
                gate_pass(&ready);
                CHECK(child_kill(driver) == -SIGKILL);
                get_all(s, 0, 6);
                CHECK(none(s, soon()) == -EOWNERDEAD); /* settled by us */
                gate_pass(&ready);
                CHECK(weft_hot_claim(inherited, NULL, WEFT_NOW) == 0);
                gate_open(&go, 1);
                for (uint64_t i = 6; i < 200; i++) {
                        put_all(inherited, i, i + 1);
                        get_all(s, i, i + 1);
                }
                CHECK(weft_hot_finish(inherited, -EIO) == 0);
                CHECK(weft_hot_yield(inherited) == 0);
                assert_int_equal(child_end(pid), 0);
                weft_hot_unsubscribe(s);
                drop(inherited);
        }
}

/* ---- an end half made ---------------------------------------------------------------------------- */

/* It says how it ends, and dies, or stands, before it ends. */
static void say_the_end(void *context)
{
        CHECK(try_put(inherited, 0) == 0);
        CHECK(weft_tally_set_once(&weft_hot_sh(inherited)->end, 1 + EIO));
        if (context)
                gate_open(&ready, 1);
        if (context)
                pause();
        CHECK(kill(getpid(), SIGKILL) == 0);
}

static void an_end_half_made_is_made_by_others(void **state)
{
        (void)state;
        for (int stands = 0; stands < 2; stands++) {
                inherited = make(8, 8, BLOCK, MANY);
                weft_hot_subscriber_t *s = join(inherited, OLDEST, 0);
                pid_t pid = child_start(say_the_end, stands ? &stands : NULL);
                if (stands) {
                        gate_pass(&ready);
                        get_all(s, 0, 1);
                        CHECK(none(s, WEFT_NOW) == -EAGAIN);
                        CHECK(!info_of(inherited).ended);
                        CHECK(weft_hot_finish(inherited, 0) == -EALREADY);
                        CHECK(none(s, WEFT_NEVER) == -EIO);
                        CHECK(child_kill(pid) == -SIGKILL);
                } else {
                        CHECK(child_end(pid) == -SIGKILL);
                        get_all(s, 0, 1);
                        CHECK(none(s, soon()) == -EIO);
                }
                CHECK(info_of(inherited).ended && info_of(inherited).error == -EIO);
                weft_hot_unsubscribe(s);
                drop(inherited);
        }
}

static int gates(void **state)
{
        (void)state;
        ready = gate_make();
        go = gate_make();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(processes_at_other_addresses),
                TEST(a_child_has_no_part_in_what_its_parent_has),
                TEST(a_drivers_death_is_told_after_all_it_emitted),
                TEST(a_driver_that_stands_still_is_not_dead),
                TEST(who_stands_by_goes_on_and_nobody_is_told),
                TEST(a_stand_by_that_stands_still_is_waited_for),
                TEST(who_gave_up_standing_by_does_not_count),
                TEST(to_close_while_driving_is_to_die),
                TEST(who_sleeps_is_told),
                TEST(who_makes_a_change_wakes_who_waits_for_it),
                TEST(a_descriptor_tells_of_items_of_a_death_and_of_the_end),
                TEST(read_only_clients_change_nothing),
                TEST(an_end_half_made_is_made_by_others),
        };
        return cmocka_run_group_tests(tests, gates, NULL);
}
