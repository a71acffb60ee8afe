/* tests/unit/broadcast_line_test.c -- words of one producer, which lie in lines, and the short
 * ways to them: each place in a line, handles, threads, forks, deaths, the end. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/broadcast_kit.h"

enum { PLACES = 30 /* four lines, and a bit */, ALL = 100000 };

static weft_broadcast_t *words(uint64_t capacity)
{
        return make("b", capacity, 8, BLOCK, ONE);
}

/* One word, by pointers that are known to lead to one: what is compiled in has two ways. */
static int put_word(weft_broadcast_t *b, uint64_t x)
{
        return weft_broadcast_publish(b, &x, WEFT_NOW);
}

static void get_word(weft_subscriber_t *s, uint64_t x)
{
        uint64_t got = UNTOLD, sequence = UNTOLD, lost = UNTOLD;
        CHECK(weft_broadcast_next(s, &got, &sequence, &lost, WEFT_NOW) == 0);
        CHECK(got == x && sequence == x && lost == 0);
}

static void put_words(weft_broadcast_t *b, uint64_t from, uint64_t to)
{
        for (; from < to; from++)
                CHECK(put_word(b, from) == 0);
}

static void get_words(weft_subscriber_t *s, uint64_t from, uint64_t to)
{
        for (; from < to; from++)
                get_word(s, from);
}

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* ---- places ------------------------------------------------------------------------ */

static void each_place_is_retained_and_holds_up(void **state)
{
        (void)state;
        for (uint64_t capacity = 2; capacity <= 64; capacity *= capacity == 2 ? 2 : 4)
                for (uint64_t held = 0; held < PLACES; held++) {
                        weft_broadcast_t *b = words(capacity);
                        uint64_t kept = least(held, capacity), t = held;
                        put_words(b, 0, held);
                        struct weft_broadcast_info info = info_of(b);
                        CHECK(info.capacity == capacity && info.published == held);
                        CHECK(info.retained == kept);
                        weft_subscriber_t *s = join(b, OLDEST, 0);
                        CHECK(weft_broadcast_lag(s) == (int64_t)kept);
                        for (uint64_t i = kept; i < capacity; i++)
                                CHECK(put_word(b, t++) == 0);
                        CHECK(put_word(b, 99) == -EAGAIN);
                        get_words(s, held - kept, held - kept + 1);
                        CHECK(put_word(b, t++) == 0);
                        CHECK(put_word(b, 99) == -EAGAIN);
                        CHECK(info_of(b).lag == capacity && info_of(b).lost == 0);
                        get_words(s, held - kept + 1, t);
                        CHECK(none(s) == -EAGAIN);
                        for (uint64_t from = t - capacity; from <= t; from++) {
                                CHECK(weft_broadcast_seek(s, SEQUENCE, from) == 0);
                                get_words(s, from, t);
                                CHECK(none(s) == -EAGAIN);
                        }
                        weft_broadcast_unsubscribe(s);
                        check_whole(arena);
                        drop(b, "b");
                }
}

/* Also what has not been written over yet is gone: the ring is as long as it says. */
static void a_number_that_is_gone_is_told_as_lost(void **state)
{
        uint64_t x, sequence, lost;
        (void)state;
        weft_broadcast_t *b = words(8);
        put_words(b, 0, 20);
        weft_subscriber_t *s = join(b, SEQUENCE, 0);
        CHECK(weft_broadcast_lag(s) == 8);
        CHECK(weft_broadcast_next(s, &x, &sequence, &lost, WEFT_NOW) == 0);
        CHECK(x == 12 && sequence == 12 && lost == 12);
        get_words(s, 13, 20);
        CHECK(weft_broadcast_seek(s, SEQUENCE, 5) == 0);
        CHECK(weft_broadcast_next(s, &x, &sequence, &lost, WEFT_NOW) == 0);
        CHECK(x == 12 && sequence == 12 && lost == 7);
        CHECK(weft_broadcast_lost(s) == 19);
        weft_broadcast_unsubscribe(s);
        drop(b, "b");
}

/* Who adds it up need not set it before: the compiler is to see that, too, in what is compiled
 * in. */
static void what_is_lost_is_told_with_every_answer(void **state)
{
        uint64_t x, lost, all = 0;
        (void)state;
        weft_broadcast_t *b = words(8);
        put_words(b, 0, 20);
        weft_subscriber_t *s = join(b, SEQUENCE, 0);
        while (weft_broadcast_next(s, &x, NULL, &lost, WEFT_NOW) == 0)
                all += lost;
        CHECK(all + lost == 12 && lost == 0);
        weft_broadcast_unsubscribe(s);
        drop(b, "b");
}

static void by_steps_of_any_length(void **state)
{
        (void)state;
        for (uint64_t step = 1; step < 20; step++) {
                weft_broadcast_t *b = words(32);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                for (uint64_t t = 0; t < 300; t += step) {
                        put_words(b, t, t + step);
                        CHECK(weft_broadcast_lag(s) == (int64_t)step);
                        CHECK(info_of(b).published == t + step);
                        get_words(s, t, t + step);
                        CHECK(info_of(b).lag == 0);
                        CHECK(none(s) == -EAGAIN);
                }
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
}

static void small_ones_in_batches(void **state)
{
        uint8_t in[64 * 8], out[64 * 8];
        uint64_t sequence, lost;
        (void)state;
        for (uint32_t bytes = 1; bytes <= 8; bytes++) {
                weft_broadcast_t *b = make("b", 32, bytes, BLOCK, ONE);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                uint64_t t = 0;
                for (uint64_t n = 1; n <= 40; n++) {
                        for (uint64_t i = 0; i < n; i++)
                                paint(in + i * bytes, bytes, t + i);
                        int64_t went = weft_broadcast_publish_n(b, in, n, WEFT_NOW);
                        CHECK(went == (int64_t)least(n, 32));
                        for (int64_t i = 0; i < went;) {
                                int64_t got = weft_broadcast_next_n(
                                        s, out, n / 2 + 1, &sequence, &lost, WEFT_NOW);
                                CHECK(got > 0 && sequence == t && lost == 0);
                                for (int64_t k = 0; k < got; k++, t++, i++)
                                        CHECK(is_painted(out + (uint64_t)k * bytes, bytes,
                                                         t));
                        }
                        paint(in, bytes, t);
                        CHECK(weft_broadcast_publish(b, in, WEFT_NOW) == 0);
                        CHECK(weft_broadcast_next(s, out, NULL, NULL, WEFT_NOW) == 0);
                        CHECK(is_painted(out, bytes, t++));
                }
                CHECK(weft_broadcast_next_n(s, out, 3, NULL, NULL, WEFT_NOW) == -EAGAIN);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
}

/* ---- in place, and the end ------------------------------------------------------------- */

/* At each place something is under way while others come, see, and shut it down. */
static void a_loan_at_each_place(void **state)
{
        void *to;
        (void)state;
        for (uint64_t t = 0; t < PLACES; t++)
                for (int how = 0; how < 4; how++) {
                        weft_broadcast_t *b = words(8);
                        put_words(b, 0, t);
                        CHECK(weft_broadcast_loan(b, &to, WEFT_NOW) == 0);
                        CHECK((uintptr_t)to % 8 == 0);
                        memcpy(to, &t, sizeof t);
                        weft_subscriber_t *s = join(b, OLDEST, 0);
                        get_words(s, t - least(t, 8), t);
                        CHECK(none(s) == -EAGAIN && put_word(b, 99) == -EBUSY);
                        if (how & 1)
                                CHECK(weft_broadcast_shutdown(b) == 0);
                        CHECK(none(s) == -EAGAIN);
                        if (how & 2)
                                CHECK(weft_broadcast_cancel(b) == 0);
                        else
                                CHECK(weft_broadcast_commit(b, WEFT_NOW) == 0);
                        if (!(how & 2))
                                get_word(s, t);
                        CHECK(none(s) == (how & 1 ? -EPIPE : -EAGAIN));
                        uint64_t now = t + !(how & 2);
                        CHECK(info_of(b).published == now);
                        if (how & 1)
                                CHECK(put_word(b, 99) == -EPIPE);
                        else
                                put_words(b, now, now + 1);
                        weft_broadcast_unsubscribe(s);
                        check_whole(arena);
                        drop(b, "b");
                }
}

static void views_at_each_place(void **state)
{
        weft_broadcast_t *b = words(8);
        weft_subscriber_t *s = join(b, OLDEST, 0);
        const void *at;
        uint64_t sequence, x;
        (void)state;
        for (uint64_t t = 0; t < PLACES; t++) {
                put_words(b, t * 2, t * 2 + 2);
                CHECK(weft_broadcast_take(s, &at, &sequence, NULL, WEFT_NOW) == 0);
                memcpy(&x, at, sizeof x);
                CHECK(x == t * 2 && sequence == x && none(s) == -EBUSY);
                CHECK(weft_broadcast_release(s) == 0);
                get_word(s, t * 2 + 1);
        }
        weft_broadcast_unsubscribe(s);
        drop(b, "b");
}

static void the_end_at_each_place(void **state)
{
        (void)state;
        for (uint64_t t = 0; t < PLACES; t++) {
                weft_broadcast_t *b = words(32);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                put_words(b, 0, t);
                get_words(s, 0, t / 2); /* both go their short ways */
                CHECK(weft_broadcast_shutdown(b) == 0);
                CHECK(put_word(b, 99) == -EPIPE && put_word(b, 99) == -EPIPE);
                get_words(s, t / 2, t);
                CHECK(none(s) == -EPIPE && info_of(b).published == t);
                CHECK(weft_broadcast_seek(s, OLDEST, 0) == 0);
                get_words(s, 0, t);
                CHECK(none(s) == -EPIPE);
                weft_broadcast_unsubscribe(s);
                check_whole(arena);
                drop(b, "b");
        }
}

/* ---- handles and threads ------------------------------------------------------------------ */

static void two_handles_of_one_thread(void **state)
{
        weft_broadcast_t *a = words(64), *b = open_in(arena, "b");
        weft_subscriber_t *s = join(b, OLDEST, 0);
        uint64_t t = 0;
        (void)state;
        for (uint64_t step = 1; step < 12; step++) {
                put_words(a, t, t + step);
                put_words(b, t + step, t + 2 * step);
                get_words(s, t, t + 2 * step);
                t += 2 * step;
        }
        void *to;
        CHECK(weft_broadcast_loan(a, &to, WEFT_NOW) == 0); /* given back by the other */
        memcpy(to, &t, sizeof t);
        CHECK(put_word(b, 99) == -EBUSY && weft_broadcast_commit(b, WEFT_NOW) == 0);
        get_word(s, t++);
        put_words(a, t, t + 3);
        weft_broadcast_close(a);
        put_words(b, t + 3, t + 6);
        get_words(s, t, t + 6);
        weft_broadcast_unsubscribe(s);
        drop(b, "b");
}

static weft_broadcast_t *shared;
static weft_subscriber_t *left;
static struct gate ready, go;

static void *sit_and_stay(void *context)
{
        put_words(shared, 5, 9);
        gate_open(&ready, 1);
        gate_pass(&go);
        put_words(shared, 9, 12);
        (void)context;
        return NULL;
}

/* Threads with one handle; the seat is given up by another one. */
static void the_seat_goes_from_thread_to_thread(void **state)
{
        pthread_t thread;
        (void)state;
        ready = gate_make();
        go = gate_make();
        shared = words(64);
        weft_broadcast_t *other = open_in(arena, "b");
        weft_subscriber_t *s = join(shared, OLDEST, 0);
        put_words(shared, 0, 5);
        CHECK(weft_broadcast_resign(other) == 0);
        CHECK(pthread_create(&thread, NULL, sit_and_stay, NULL) == 0);
        gate_pass(&ready);
        CHECK(put_word(shared, 99) == -EBUSY && put_word(other, 99) == -EBUSY);
        gate_open(&go, 1);
        CHECK(pthread_join(thread, NULL) == 0);
        put_words(shared, 12, 20);
        get_words(s, 0, 20);
        CHECK(none(s) == -EAGAIN);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(other);
        drop(shared, "b");
        gate_drop(&ready);
        gate_drop(&go);
}

static void *read_and_leave(void *context)
{
        (void)context;
        left = join(shared, OLDEST, 0);
        get_words(left, 0, 3);
        return NULL;
}

/* As a rule it gets the same thread pointer; the first one's seat, too. */
static void *read_anothers(void *context)
{
        uint64_t x = UNTOLD;
        CHECK(weft_broadcast_next(left, &x, NULL, NULL, WEFT_NOW) == -EPERM);
        weft_subscriber_t *s = join(shared, OLDEST, 0);
        CHECK(weft_broadcast_next(left, &x, NULL, NULL, WEFT_NOW) == -EPERM);
        CHECK(x == UNTOLD);
        get_words(s, 0, 6);
        CHECK(weft_broadcast_next(left, &x, NULL, NULL, WEFT_NOW) == -EPERM);
        weft_broadcast_unsubscribe(s);
        (void)context;
        return NULL;
}

static void a_later_thread_is_not_the_one_that_subscribed(void **state)
{
        pthread_t thread;
        (void)state;
        shared = words(8);
        put_words(shared, 0, 6);
        CHECK(pthread_create(&thread, NULL, read_and_leave, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(pthread_create(&thread, NULL, read_anothers, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        put_words(shared, 6, 20); /* nobody holds it up */
        weft_broadcast_unsubscribe(left);
        drop(shared, "b");
}

/* ---- shorter elements, vanished threads ------------------------------------------------------- */

/* Where there is a word, an element may be less. */
static void what_lies_beside_an_element_stays(void **state)
{
        weft_broadcast_t *b = make("b", 8, 4, BLOCK, ONE);
        weft_subscriber_t *s = join(b, OLDEST, 0);
        struct {
                uint32_t element, beside;
        } pair = { 7, 42 };
        uint32_t two[2] = { 8, 43 };
        (void)state;
        CHECK(weft_broadcast_publish(b, &pair.element, WEFT_NOW) == 0);
        CHECK(weft_broadcast_publish(b, &two[0], WEFT_NOW) == 0);
        CHECK(weft_broadcast_publish(b, &two[1], WEFT_NOW) == 0);
        pair.element = two[0] = 0;
        CHECK(weft_broadcast_next(s, &pair.element, NULL, NULL, WEFT_NOW) == 0);
        CHECK(pair.element == 7 && pair.beside == 42);
        CHECK(weft_broadcast_next(s, &two[0], NULL, NULL, WEFT_NOW) == 0);
        CHECK(two[0] == 8 && two[1] == 43);
        two[1] = 0;
        CHECK(weft_broadcast_next(s, &two[1], NULL, NULL, WEFT_NOW) == 0);
        CHECK(two[0] == 8 && two[1] == 43);
        weft_broadcast_unsubscribe(s);
        drop(b, "b");
}

static void *put_and_vanish(void *context)
{
        put_words(shared, 0, 3);
        (void)context;
        syscall(SYS_exit, 0);
        return NULL;
}

/* As a rule it gets the same stack. The seat is the first one's until he is settled, which
 * joining may do; then it is this one's. */
static void *put_on_its_stack(void *context)
{
        int rc = put_word(shared, 3);
        CHECK(rc == 0 || rc == -EBUSY);
        CHECK(weft_broadcast_resign(shared) == (rc ? -EPERM : 0));
        *(int *)context = rc;
        return NULL;
}

static void a_thread_in_the_place_of_one_that_vanished(void **state)
{
        pthread_t thread;
        int rc = 0;
        (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(WEFT_TSAN)
        skip(); /* they keep what they know of a thread until libc has ended it */
#endif
        shared = words(8);
        weft_subscriber_t *s = join(shared, OLDEST, 0);
        CHECK(pthread_create(&thread, NULL, put_and_vanish, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(pthread_create(&thread, NULL, put_on_its_stack, &rc) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        (void)recover_count(arena);
        put_words(shared, rc ? 3 : 4, 8);
        get_words(s, 0, 8);
        weft_broadcast_unsubscribe(s);
        drop(shared, "b");
}

/* ---- forks, deaths ---------------------------------------------------------------------------- */

static void go_the_parents_short_ways(void *context)
{
        uint64_t x;
        (void)context;
        CHECK(weft_broadcast_next(left, &x, NULL, NULL, WEFT_NOW) == -EPERM);
        CHECK(put_word(shared, 99) == -EBUSY);
        weft_subscriber_t *s = join(shared, OLDEST, 0);
        get_words(s, 0, 5);
        CHECK(put_word(shared, 99) == -EBUSY);
        weft_broadcast_unsubscribe(s);
}

static void short_ways_are_not_a_childs(void **state)
{
        (void)state;
        shared = words(64);
        left = join(shared, OLDEST, 0);
        put_words(shared, 0, 5);
        get_words(left, 0, 3);
        assert_int_equal(child_run(go_the_parents_short_ways, NULL), 0);
        put_words(shared, 5, 8);
        get_words(left, 3, 8);
        CHECK(none(left) == -EAGAIN);
        weft_broadcast_unsubscribe(left);
        drop(shared, "b");
}

static void publish_and_die_in_a_loan(void *context)
{
        const uint64_t *t = context;
        weft_arena_t *own = child_reopen(arena, 0);
        weft_broadcast_t *b = open_in(own, "b");
        void *to;
        put_words(b, 0, *t);
        CHECK(weft_broadcast_loan(b, &to, WEFT_NOW) == 0);
        memset(to, 0x55, 8);
        (void)raise(SIGKILL);
}

static void a_successor_at_each_place(void **state)
{
        (void)state;
        for (uint64_t t = 0; t < PLACES; t++) {
                weft_broadcast_t *b = words(8);
                (void)child_end(child_start(publish_and_die_in_a_loan, &t));
                (void)recover_count(arena);
                check_whole(arena);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                get_words(s, t - least(t, 8), t);
                CHECK(none(s) == -EAGAIN);
                put_words(b, t, t + 8);
                CHECK(put_word(b, 99) == -EAGAIN);
                get_words(s, t, t + 8);
                CHECK(none(s) == -EAGAIN);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
}

/* He finds it full, and that is all that he does: nothing is under way. */
static void a_successor_who_does_nothing(void **state)
{
        (void)state;
        for (uint64_t t = 8; t < PLACES; t++) {
                weft_broadcast_t *b = words(8);
                (void)child_end(child_start(publish_and_die_in_a_loan, &t));
                (void)recover_count(arena);
                weft_subscriber_t *s = join(b, OLDEST, 0);
                CHECK(put_word(b, 99) == -EAGAIN);
                CHECK(weft_broadcast_shutdown(b) == 0);
                get_words(s, t - 8, t);
                CHECK(none(s) == -EPIPE);
                weft_broadcast_unsubscribe(s);
                drop(b, "b");
        }
}

/* ---- who is overtaken ------------------------------------------------------------------------- */

static void look_on(void *context)
{
        weft_arena_t *own = child_reopen(arena, WEFT_RDONLY);
        weft_broadcast_t *b = open_in(own, "b");
        uint64_t x, sequence, lost, next = 0, all = 0;
        uint64_t many[10];
        weft_subscriber_t *s = join(b, OLDEST, 0);
        get_words(s, 0, 3);
        next = 3;
        gate_open(&ready, 1);
        gate_pass(&go);
        for (int rc, i = 0;; i++) {
                int64_t n = 1;
                if (i % 3 == 2)
                        rc = (int)(n = weft_broadcast_next_n(s, many, 10, &sequence,
                                                             &lost, WEFT_NEVER));
                else
                        rc = weft_broadcast_next(s, &x, &sequence, &lost, WEFT_NEVER);
                all += lost;
                if (rc < 0)
                        break;
                if (i % 3 != 2)
                        many[0] = x;
                CHECK(sequence == next + lost);
                for (int64_t k = 0; k < n; k++)
                        CHECK(many[k] == sequence + (uint64_t)k);
                next = sequence + (uint64_t)n;
        }
        CHECK(next + lost >= ALL && all == weft_broadcast_lost(s) && all > 0);
        weft_broadcast_unsubscribe(s);
        weft_broadcast_close(b);
        weft_arena_close(own);
        (void)context;
}

/* In any place of a line: a ring that blocks does not wait for who only looks on. */
static void who_only_looks_on_is_told_what_it_lost(void **state)
{
        (void)state;
        ready = gate_make();
        go = gate_make();
        for (uint64_t held = 3; held < 12; held++) {
                weft_broadcast_t *b = words(held == 3 ? 4 : 16); /* two lines, or four */
                put_words(b, 0, held);
                pid_t pid = child_start(look_on, NULL);
                gate_pass(&ready);
                put_words(b, held, 100 + held);
                gate_open(&go, 1);
                put_words(b, 100 + held, ALL);
                CHECK(weft_broadcast_shutdown(b) == 0);
                assert_int_equal(child_end(pid), 0);
                drop(b, "b");
        }
        gate_drop(&ready);
        gate_drop(&go);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(each_place_is_retained_and_holds_up),
                TEST(a_number_that_is_gone_is_told_as_lost),
                TEST(what_is_lost_is_told_with_every_answer),
                TEST(by_steps_of_any_length),
                TEST(small_ones_in_batches),
                TEST(a_loan_at_each_place),
                TEST(views_at_each_place),
                TEST(the_end_at_each_place),
                TEST(two_handles_of_one_thread),
                TEST(the_seat_goes_from_thread_to_thread),
                TEST(a_later_thread_is_not_the_one_that_subscribed),
                TEST(what_lies_beside_an_element_stays),
                TEST(a_thread_in_the_place_of_one_that_vanished),
                TEST(short_ways_are_not_a_childs),
                TEST(a_successor_at_each_place),
                TEST(a_successor_who_does_nothing),
                TEST(who_only_looks_on_is_told_what_it_lost),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
