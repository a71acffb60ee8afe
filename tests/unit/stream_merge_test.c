/* tests/unit/stream_merge_test.c -- streams from queues merged and ended, on the real clock
 * and across processes; what was zipped comes apart; halves of a tee meet again. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weft/stream_join.h>
#include <weft/stream_time.h>
#include <weft/stream_window.h>
#include <weft/weft.h>

#include "tests/child.h"
#include "tests/unit/stream_kit.h"

enum { QUEUES = 3, EACH = 2000 };

static weft_arena_t *arena;
static weft_queue_t *queue[QUEUES];
static const char *const name[QUEUES] = { "a", "b", "c" };

static int fresh_arena(void **state)
{
        struct weft_arena_options o = { .max_bytes = 16 << 20 };
        struct weft_queue_options q = { .capacity = 64, .element_bytes = 8 };
        (void)state;
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        for (int i = 0; i < QUEUES; i++) {
                q.flags = i == 1 ? WEFT_QUEUE_LEASE : 0;
                CHECK(weft_queue_create(arena, name[i], &q, &queue[i]) == 0);
        }
        return 0;
}

static int no_arena(void **state)
{
        (void)state;
        for (int i = 0; i < QUEUES; i++)
                weft_queue_close(queue[i]);
        weft_arena_close(arena);
        return 0;
}

/* ---- merge --------------------------------------------------------------------------- */

static void push_all(void *which)
{
        int i = *(int *)which;
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_queue_t *q;
        CHECK(weft_queue_open(there, name[i], &q) == 0);
        for (uint64_t k = 0; k < EACH; k++) {
                uint64_t item = k * QUEUES + (uint64_t)i;
                CHECK(weft_queue_push(q, &item, WEFT_NEVER) == 0);
                if (k % 500 == 0)
                        usleep(1000); /* let him fall asleep */
        }
        CHECK(weft_queue_shutdown(q) == 0);
        weft_queue_close(q);
        weft_arena_close(there);
}

static void queues_of_other_processes_are_merged(void **state)
{
        uint64_t item[50], next[QUEUES] = { 0 }, total = 0;
        weft_stream_t *s[QUEUES];
        pid_t pid[QUEUES];
        (void)state;
        for (int i = 0; i < QUEUES; i++) {
                pid[i] = child_start(push_all, &i);
                s[i] = weft_stream_queue(queue[i]);
        }
        weft_stream_t *m = weft_stream_merge(s, QUEUES);
        for (;;) {
                int64_t got = weft_stream_pull(m, item, 50, weft_after(50 * WEFT_SEC));
                if (!got)
                        break;
                CHECK(got > 0);
                for (int64_t i = 0; i < got; i++) {
                        uint64_t who = item[i] % QUEUES;
                        CHECK(item[i] == next[who]++ * QUEUES + who);
                }
                total += (uint64_t)got;
                CHECK(weft_stream_ack(m) == 0);
        }
        CHECK(total == (uint64_t)QUEUES * EACH);
        weft_stream_free(m);
        for (int i = 0; i < QUEUES; i++)
                CHECK(child_end(pid[i]) == 0);
}

static void push_to_both(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_queue_t *q;
        weft_channel_t *c;
        (void)unused;
        CHECK(weft_queue_open(there, "a", &q) == 0);
        CHECK(weft_channel_open(there, "channel", 8, 0, &c) == 0);
        for (uint64_t k = 0; k < 100; k++) {
                uint64_t item = 1000 + k;
                if (k % 10 == 0)
                        usleep(300);
                CHECK(weft_queue_push(q, &k, WEFT_NEVER) == 0);
                CHECK(weft_channel_send(c, &item, WEFT_NEVER) == 0);
        }
        CHECK(weft_queue_shutdown(q) == 0);
        weft_queue_close(q);
        weft_channel_close(c);
        weft_arena_close(there);
}

/* One that leases, and a rendezvous: whoever waits for both gets both. */
static void a_channel_and_a_queue_are_merged(void **state)
{
        (void)state;
        for (int lease = 0; lease < 2; lease++) {
                struct weft_channel_options o = { .capacity = lease ? 8 : 0,
                                                  .element_bytes = 8,
                                                  .flags = lease ? WEFT_CHANNEL_LEASE
                                                                 : 0 };
                weft_channel_t *c;
                uint64_t item, next[2] = { 0, 1000 }, n = 0;
                if (lease) {
                        no_arena(state);
                        fresh_arena(state);
                }
                CHECK(weft_channel_create(arena, "channel", &o, &c) == 0);
                pid_t pid = child_start(push_to_both, NULL);
                weft_stream_t *s[2] = { weft_stream_channel(c),
                                        weft_stream_queue(queue[0]) };
                weft_stream_t *m = weft_stream_merge(s, 2);
                for (; n < 200; n++) {
                        int rc = weft_stream_next(m, &item, weft_after(50 * WEFT_SEC));
                        CHECK(rc == 1 && item == next[item >= 1000]++);
                }
                CHECK(child_end(pid) == 0);
                CHECK(weft_stream_next(m, &item, WEFT_NOW) == -EAGAIN);
                weft_stream_free(m);
                weft_channel_close(c);
        }
}

/* A source that waits for a queue and counts how often it is asked. */
struct counted {
        weft_queue_t *queue;
        unsigned pulls;
        bool lies; /* says that it is ready always */
};

static int64_t counted_pull(weft_stream_t *self, void *state, void *items, size_t n,
                            uint64_t deadline)
{
        struct counted *c = state;
        (void)self, (void)n;
        c->pulls++;
        int rc = weft_queue_pop(c->queue, items, deadline);
        return rc ? rc : 1;
}

static int counted_wait(weft_stream_t *self, void *state, struct weft_stream_wait *wait)
{
        struct counted *c = state;
        (void)self;
        CHECK(wait->n < wait->room);
        wait->cases[wait->n++] = (struct weft_case){ .object = c->queue,
                                                     .op = WEFT_OP_POP,
                                                     .flags = WEFT_CASE_LOOK };
        if (c->lies)
                wait->until = WEFT_NOW;
        return 0;
}

static const struct weft_stream_class counted_class = { .name = "counted",
                                                        .pull = counted_pull,
                                                        .wait = counted_wait };

static void who_waits_sleeps(void **state)
{
        uint64_t item = 7;
        (void)state;
        for (int lies = 0; lies < 2; lies++) {
                struct counted c[2] = { { queue[0], 0, lies }, { queue[2], 0, lies } };
                weft_stream_t *s[2];
                for (int i = 0; i < 2; i++)
                        s[i] = weft_stream_new(&counted_class, &c[i], NULL, 0, 8);
                weft_stream_t *m = weft_stream_merge(s, 2);
                CHECK(weft_stream_pull(m, &item, 1, weft_after(60 * WEFT_MSEC)) ==
                      -ETIMEDOUT);
                /* It looks every 50 ms, and where it was misled by turns of 1 ms. */
                CHECK(c[0].pulls + c[1].pulls <= (lies ? 60 * 5 : 20));
                CHECK(weft_queue_push(queue[2], &item, WEFT_NOW) == 0);
                CHECK(weft_stream_pull(m, &item, 1, WEFT_NEVER) == 1 && item == 7);
                weft_stream_free(m);
        }
}

static void a_cancelled_merge_gives_leases_back(void **state)
{
        struct weft_queue_info info;
        uint64_t item = 1;
        (void)state;
        for (int i = 0; i < 10; i++)
                CHECK(weft_queue_push(queue[1], &item, WEFT_NOW) == 0);
        weft_stream_t *s[2] = { weft_stream_queue(queue[0]),
                                weft_stream_queue(queue[1]) };
        weft_stream_t *m = weft_stream_merge(s, 2);
        for (int i = 0; i < 4; i++)
                CHECK(weft_stream_pull(m, &item, 1, WEFT_NEVER) == 1);
        CHECK(weft_stream_ack(m) == 0);
        for (int i = 0; i < 3; i++)
                CHECK(weft_stream_pull(m, &item, 1, WEFT_NEVER) == 1);
        weft_stream_cancel(m);
        CHECK(weft_queue_info(queue[1], &info) == 0);
        CHECK(info.length == 6 && info.leased == 0);
        weft_stream_free(m);
}

/* ---- take_until ------------------------------------------------------------------------ */

static void push_and_stop(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_queue_t *items, *stop;
        uint64_t item = 0;
        (void)unused;
        CHECK(weft_queue_open(there, "a", &items) == 0);
        CHECK(weft_queue_open(there, "c", &stop) == 0);
        for (; item < 100; item++)
                CHECK(weft_queue_push(items, &item, WEFT_NEVER) == 0);
        usleep(2000);
        CHECK(weft_queue_push(stop, &item, WEFT_NEVER) == 0);
        weft_queue_close(items);
        weft_queue_close(stop);
        weft_arena_close(there);
}

static void another_process_says_stop(void **state)
{
        uint64_t n = 0;
        (void)state;
        pid_t pid = child_start(push_and_stop, NULL);
        weft_stream_t *s = weft_stream_take_until(weft_stream_queue(queue[0]),
                                                  weft_stream_queue(queue[2]));
        CHECK(weft_stream_count(s, &n, weft_after(50 * WEFT_SEC)) == 0);
        CHECK(n <= 100);
        CHECK(child_end(pid) == 0);
}

/* ---- zip and unzip ------------------------------------------------------------------------ */

struct pair {
        uint32_t small;
        uint64_t large;
};

static int to_small(const void *in, void *out, const void *argument)
{
        uint32_t v = (uint32_t)NUMBER(in);
        (void)argument;
        memcpy(out, &v, sizeof v);
        return 0;
}

static void what_was_zipped_comes_apart(void **state)
{
        static uint64_t large[3000];
        static uint32_t small[3000];
        (void)state;
        for (int round = 0; round < 60; round++) {
                size_t n = (size_t)rnd(3000), got[2] = { 0 }, room = 1 + (size_t)rnd(100);
                bool over[2] = { false };
                for (size_t i = 0; i < n; i++)
                        large[i] = rnd(UINT64_MAX);
                weft_stream_t *s = weft_stream_map(pieces(large, n, 64),
                                                   weft_call_item(to_small, 8, 4, NULL));
                s = weft_stream_zip(s, pieces(large, n, 64),
                                    WEFT_ZIP_IN(struct pair, large));
                weft_stream_t *part[2];
                weft_stream_unzip(s, room, 4, offsetof(struct pair, large), 8, &part[0],
                                  &part[1]);
                uint64_t to[40];
                while (!over[0] || !over[1]) {
                        int i = (int)rnd(2);
                        int64_t rc = weft_stream_pull(part[i], to, 1 + (size_t)rnd(40),
                                                      WEFT_NEVER);
                        if (rc == -EAGAIN || rc == -ETIMEDOUT)
                                continue; /* the other's turn */
                        CHECK(rc >= 0);
                        over[i] = rc == 0;
                        if (i)
                                CHECK(!memcmp(to, large + got[1], (size_t)rc * 8));
                        else
                                memcpy(small + got[0], to, (size_t)rc * 4);
                        got[i] += (size_t)rc;
                }
                CHECK(got[0] == n && got[1] == n);
                for (size_t i = 0; i < n; i++)
                        CHECK(small[i] == (uint32_t)large[i]);
                weft_stream_free(part[0]);
                weft_stream_free(part[1]);
        }
}

static void what_cannot_come_apart(void **state)
{
        weft_stream_t *part[2];
        (void)state;
        weft_stream_unzip(weft_stream_range(0, 9, 1), 4, 4, 4, 4, &part[0], &part[1]);
        CHECK(weft_stream_item_bytes(part[0]) == 4);
        weft_stream_free(part[0]);
        weft_stream_free(part[1]);
        weft_stream_unzip(weft_stream_range(0, 9, 1), 4, 8, 8, 1, &part[0], &part[1]);
        CHECK(weft_stream_error(part[0]) == -EPROTO);
        CHECK(weft_stream_error(part[1]) == -EPROTO);
        weft_stream_free(part[0]);
        weft_stream_free(part[1]);
        weft_stream_unzip(weft_stream_range(0, 9, 1), 4, 4, 4, 4, &part[0], NULL);
        CHECK(weft_stream_error(part[0]) == -EINVAL);
        weft_stream_free(part[0]);
        weft_stream_unzip(NULL, 4, 8, 8, 1, &part[0], &part[1]);
        CHECK(weft_stream_error(part[0]) == -EINVAL);
        CHECK(weft_stream_error(part[1]) == -EINVAL);
        weft_stream_free(part[0]);
        weft_stream_free(part[1]);
}

/* ---- the halves of a tee --------------------------------------------------------------------- */

static void halves_of_a_tee_meet_again(void **state)
{
        uint64_t pair[2], n = 0, sum = 0;
        weft_stream_t *half[2];
        (void)state;
        weft_stream_tee(weft_stream_range(0, 1000, 1), 5, &half[0], &half[1]);
        weft_stream_t *s = weft_stream_zip(half[0], half[1], 0, 0);
        while (weft_stream_pull(s, pair, 1, WEFT_NEVER) == 1)
                CHECK(pair[0] == n && pair[1] == n++);
        CHECK(n == 1000 && weft_stream_error(s) == 0);
        weft_stream_free(s);

        weft_stream_tee(weft_stream_range(0, 1000, 1), 5, &half[0], &half[1]);
        s = weft_stream_merge(half, 2);
        for (n = 0; weft_stream_pull(s, pair, 1, WEFT_NEVER) == 1; n++)
                sum += pair[0];
        CHECK(n == 2000 && sum == 1000 * 999 && weft_stream_error(s) == 0);
        weft_stream_free(s);
}

/* Whose other half nobody pulls: that is said, and nobody hangs. */
static void a_half_alone_is_stuck(void **state)
{
        uint64_t item;
        weft_stream_t *half[2], *of[2];
        (void)state;
        for (int i = 0; i < 6; i++) {
                weft_stream_tee(weft_stream_range(0, 1000, 1), 5, &half[0], &half[1]);
                weft_stream_t *s = half[0];
                of[0] = half[0], of[1] = weft_stream_range(7, 0, 0);
                struct weft_call add_up = weft_call_chunk(chunk_add, 8, 8, NULL);
                if (i == 0)
                        s = weft_stream_merge(of, 2);
                else
                        weft_stream_free(of[1]);
                if (i == 1)
                        s = weft_stream_take_until(s, weft_stream_interval(WEFT_SEC));
                if (i == 2)
                        s = weft_stream_timeout(s, WEFT_SEC, NULL);
                if (i == 3)
                        s = weft_stream_delay(s, 1, 0);
                if (i == 4)
                        s = weft_stream_debounce(s, WEFT_SEC);
                if (i == 5)
                        s = weft_stream_batch(s, 100, WEFT_SEC, add_up);
                int64_t rc;
                while ((rc = weft_stream_pull(s, &item, 1, WEFT_NEVER)) == 1)
                        continue;
                CHECK(rc == -EAGAIN);
                weft_stream_free(half[1]);
                weft_stream_free(s);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, fresh_arena, no_arena)
                T(queues_of_other_processes_are_merged),
                T(a_channel_and_a_queue_are_merged),
                T(who_waits_sleeps),
                T(a_cancelled_merge_gives_leases_back),
                T(another_process_says_stop),
                T(what_was_zipped_comes_apart),
                T(what_cannot_come_apart),
                T(halves_of_a_tee_meet_again),
                T(a_half_alone_is_stuck),
#undef T
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
