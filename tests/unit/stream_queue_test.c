/* tests/unit/stream_queue_test.c -- streams from and to what processes share: queues that
 * lease and such that do not, maps, sets; pullers and pushers who are killed. */
#define _GNU_SOURCE
#include "tests/unit/queue_kit.h"
#include "tests/unit/stream_ops.h"

#include <weft/channel.h>
#include <weft/map.h>
#include <weft/set.h>

#define MOST 5000

static uint64_t got[2 * MOST];
static weft_queue_t *from_queue, *to_queue; /* inherited by children */

static void fill(weft_queue_t *q, uint64_t first, uint64_t n)
{
        for (uint64_t i = 0; i < n; i++) {
                uint64_t x = first + i;
                CHECK(weft_queue_push(q, &x, WEFT_NEVER) == 0);
        }
}

/* All numbers below n, in order, from `from` on. */
static bool in_order(const uint64_t *at, uint64_t from, uint64_t n)
{
        for (uint64_t i = 0; i < n; i++)
                if (at[i] != from + i)
                        return false;
        return true;
}

/* ---- one process ----------------------------------------------------------------- */

static void a_queue_flows_until_it_is_drained(void **state)
{
        static const uint32_t flags[] = { 0, WEFT_QUEUE_LEASE, WEFT_QUEUE_BATCH };
        (void)state;
        for (int k = 0; k < 3; k++) {
                weft_queue_t *q = make("q", 1024, 8, flags[k]);
                uint64_t n = 0;
                fill(q, 0, 700);
                weft_stream_t *s = weft_stream_map(weft_stream_queue(q), call_map_item());
                CHECK(weft_stream_collect(s, got, MOST, &n, WEFT_NOW) == -EAGAIN);
                CHECK(n == 700 && got[699] == 3 * 699);
                CHECK(weft_stream_collect(s, got, MOST, &n, weft_after(WEFT_MSEC)) ==
                      -ETIMEDOUT);
                fill(q, 700, 300);
                CHECK(weft_queue_shutdown(q) == 0);
                CHECK(weft_stream_collect(s, got, MOST, &n, WEFT_NEVER) == 0);
                CHECK(n == 1000 && got[999] == 3 * 999);
                CHECK(info_of(q).length == 0 && info_of(q).leased == 0);
                drop(q, "q");
        }
}

static void a_full_queue_loses_nothing(void **state)
{
        weft_queue_t *q = make("q", 64, 8, 0);
        uint64_t n = 0, seen = 0, x = 0;
        (void)state;
        weft_stream_t *s = weft_stream_range(0, 3000, 1);
        int rc = -EAGAIN;
        while (rc == -EAGAIN || rc == -ETIMEDOUT) {
                uint64_t deadline = rnd(2) ? WEFT_NOW : 1, before = n;
                bool room = info_of(q).length < info_of(q).capacity;
                rc = weft_stream_to_queue(s, q, &n, deadline);
                CHECK(rc == 0 || deadline || info_of(q).length == info_of(q).capacity);
                CHECK(rc == 0 || !room || n > before); /* too late, and yet it gets on */
                for (uint64_t k = rnd(64); k && !weft_queue_pop(q, &x, WEFT_NOW); k--)
                        CHECK(x == seen++);
        }
        CHECK(rc == 0 && n == 3000);
        while (!weft_queue_pop(q, &x, WEFT_NOW))
                CHECK(x == seen++);
        CHECK(seen == 3000);
        /* What a sink has put back is there for whoever pulls next. */
        n = 0;
        s = weft_stream_range(0, 3000, 1);
        CHECK(weft_stream_to_queue(s, q, &n, WEFT_NOW) == -EAGAIN && n == 64);
        CHECK(weft_stream_next(s, &x, WEFT_NOW) == 1 && x == 64);
        CHECK(weft_stream_pull(s, got, 5, WEFT_NOW) == 5 && in_order(got, 65, 5));
        CHECK(weft_stream_restart(s) == 0);
        CHECK(weft_stream_next(s, &x, WEFT_NOW) == 1 && x == 0);
        weft_stream_free(s);
        CHECK(weft_queue_shutdown(q) == 0);
        CHECK(weft_stream_to_queue(weft_stream_range(0, 3, 1), q, &n, WEFT_NEVER) ==
              -EPIPE);
        CHECK(weft_stream_to_queue(weft_stream_array("abc", 3, 1), q, NULL, WEFT_NOW) ==
              -EPROTO);
        CHECK(strstr(weft_stream_detail(), "elements of 8 bytes, items of 1"));
        drop(q, "q");
}

/* Operators that stop in the midst leave the rest where it is. */
static void nobody_takes_more_than_he_uses(void **state)
{
        (void)state;
        for (uint32_t flags = 0; flags < 2; flags++) {
                weft_queue_t *q = make("q", 1024, 8, flags);
                uint64_t n = 0, x = 0;
                fill(q, 0, 100);
                CHECK(weft_stream_count(weft_stream_take(weft_stream_queue(q), 10), &n,
                                        WEFT_NOW) == 0);
                CHECK(n == 10 && info_of(q).length == 90);
                CHECK(weft_stream_first(weft_stream_queue(q), &x, WEFT_NOW) == 1);
                CHECK(x == 10 && info_of(q).length == 89);
                weft_stream_t *s = weft_stream_queue(q);
                CHECK(weft_stream_next(s, &x, WEFT_NOW) == 1 && x == 11);
                CHECK(info_of(q).length == 88 && info_of(q).leased == flags);
                CHECK(weft_stream_ack(s) == 0 && info_of(q).leased == 0);
                weft_stream_free(s);
                n = 0;
                s = weft_stream_take_while(weft_stream_queue(q), call_odd_item());
                CHECK(weft_stream_count(s, &n, WEFT_NOW) == 0 && n == 0); /* 12 is even */
                CHECK(info_of(q).length == 87 + flags && info_of(q).leased == 0);
                drop(q, "q");
        }
}

/* ---- leases ------------------------------------------------------------------------ */

static void what_is_not_acknowledged_comes_back(void **state)
{
        (void)state;
        for (int how = 0; how < 4; how++) {
                weft_queue_t *q = make("q", 1024, 8, WEFT_QUEUE_LEASE);
                fill(q, 0, 500);
                weft_stream_t *s = weft_stream_queue(q);
                CHECK(weft_stream_pull(s, got, 300, WEFT_NOW) == 300);
                CHECK(weft_stream_ack(s) == 0 && info_of(q).leased == 0);
                CHECK(weft_stream_pull(s, got, 50, WEFT_NOW) == 50);
                CHECK(weft_stream_pull(s, got + 50, 100, WEFT_NOW) == 100);
                CHECK(in_order(got, 300, 150) && info_of(q).leased == 150);
                if (how == 0)
                        weft_stream_free(s);
                if (how == 1)
                        weft_stream_cancel(s);
                if (how == 2)
                        CHECK(weft_stream_restart(s) == 0);
                if (how == 3) { /* a sink that fails */
                        uint64_t n = 0;
                        CHECK(weft_stream_for_each(s,
                                                   weft_call_item(item_odd, 4, 4, NULL),
                                                   &n, WEFT_NOW) == -EPROTO);
                }
                CHECK(info_of(q).leased == 0 && info_of(q).length == 200);
                weft_stream_t *other = weft_stream_queue(q);
                uint64_t n = 0;
                CHECK(weft_stream_collect(other, got, MOST, &n, WEFT_NOW) == -EAGAIN);
                CHECK(n == 200);
                bool seen[500] = { false };
                for (uint64_t i = 0; i < n; i++)
                        seen[got[i]] = true;
                for (int i = 300; i < 500; i++)
                        CHECK(seen[i]);
                weft_stream_free(other);
                if (how)
                        weft_stream_free(how == 3 ? NULL : s);
                drop(q, "q");
        }
}

/* To the end, and not acknowledged: it comes back when the stream goes. */
static void an_end_acknowledges_nothing(void **state)
{
        weft_queue_t *q = make("q", 1024, 8, WEFT_QUEUE_LEASE);
        (void)state;
        fill(q, 0, 100);
        CHECK(weft_queue_shutdown(q) == 0);
        weft_stream_t *s = weft_stream_queue(q);
        CHECK(weft_stream_pull(s, got, 200, WEFT_NEVER) == 100);
        CHECK(weft_stream_pull(s, got, 200, WEFT_NEVER) == 0);
        CHECK(info_of(q).leased == 100);
        weft_stream_free(s);
        CHECK(info_of(q).leased == 0 && info_of(q).length == 100);
        drop(q, "q");
}

static int fail_at(const void *in, void *out, const void *argument)
{
        (void)out;
        return NUMBER(in) == NUMBER(argument) ? -EIO : 0;
}

static void a_retry_gets_what_was_not_through(void **state)
{
        static const uint64_t bad = 123;
        weft_queue_t *q = make("q", 1024, 8, WEFT_QUEUE_LEASE);
        uint64_t n = 0;
        (void)state;
        fill(q, 0, 200);
        weft_stream_t *s = weft_stream_filter(weft_stream_queue(q),
                                              weft_call_item(fail_at, 8, 8, &bad));
        CHECK(weft_stream_collect(weft_stream_retry(s, 3), got, MOST, &n,
                                  weft_after(20 * WEFT_SEC)) == -EIO);
        uint64_t left =
                info_of(q).length; /* what was through before it came to that one */
        CHECK(info_of(q).leased == 0 && left >= 200 - 123 && left < 200);
        bool seen[200] = { false };
        for (uint64_t i = 0; i < n; i++)
                seen[got[i]] = true;
        for (uint64_t i = 0; i < 200 - left; i++)
                CHECK(seen[i]);
        CHECK(weft_queue_shutdown(q) == 0);
        n = 0;
        static const uint64_t none = UINT64_MAX;
        s = weft_stream_filter(weft_stream_queue(q),
                               weft_call_item(fail_at, 8, 8, &none));
        CHECK(weft_stream_count(weft_stream_retry(s, 3), &n, WEFT_NEVER) == 0);
        CHECK(n == left && info_of(q).leased == 0 && info_of(q).length == 0);
        drop(q, "q");
}

/* Items in the hands of operators are not acknowledged, and no hindrance to the end. */
static void who_holds_items_back_holds_leases(void **state)
{
        weft_queue_t *q = make("q", 1024, 8, WEFT_QUEUE_LEASE);
        uint64_t n = 0;
        struct {
                uint64_t n, at[7];
        } chunk;
        (void)state;
        fill(q, 0, 10);
        weft_stream_t *s = weft_stream_chunk(weft_stream_queue(q), 7);
        CHECK(weft_stream_next(s, &chunk, WEFT_NOW) == 1);
        CHECK(chunk.n == 7 && in_order(chunk.at, 0, 7) && info_of(q).leased == 7);
        CHECK(weft_stream_next(s, &chunk, WEFT_NOW) == -EAGAIN);
        CHECK(info_of(q).leased == 3 && weft_stream_ack(s) == 0);
        CHECK(info_of(q).leased == 3);
        CHECK(weft_queue_shutdown(q) ==
              0); /* we hold all that is left: that is the end */
        CHECK(weft_stream_next(s, &chunk, WEFT_NEVER) == 1);
        CHECK(chunk.n == 3 && in_order(chunk.at, 7, 3) && chunk.at[3] == 0);
        CHECK(info_of(q).leased == 3);
        CHECK(weft_stream_count(s, &n, WEFT_NEVER) == 0 && n == 0);
        CHECK(info_of(q).leased == 0 && info_of(q).length == 0);
        drop(q, "q");
        /* One that becomes two, of which the first has been given. */
        q = make("q", 1024, 8, WEFT_QUEUE_LEASE);
        fill(q, 2, 1);
        s = with_flat_map(weft_stream_queue(q), call_thirds());
        CHECK(weft_stream_pull(s, got, 1, WEFT_NOW) == 1 && got[0] == 2);
        CHECK(weft_stream_ack(s) == 0 && info_of(q).leased == 1);
        CHECK(weft_stream_pull(s, got, 1, WEFT_NOW) == 1 && got[0] == 2);
        CHECK(weft_stream_ack(s) == 0 && info_of(q).leased == 0);
        weft_stream_free(s);
        drop(q, "q");
        /* A tee: when both have had it, and said so. */
        weft_stream_t *a = NULL, *b = NULL;
        q = make("q", 1024, 8, WEFT_QUEUE_LEASE);
        fill(q, 0, 10);
        weft_stream_tee(weft_stream_queue(q), 20, &a, &b);
        CHECK(weft_stream_pull(a, got, 10, WEFT_NOW) == 10 && weft_stream_ack(a) == 0);
        CHECK(info_of(q).leased == 10);
        CHECK(weft_stream_pull(b, got, 4, WEFT_NOW) == 4 && weft_stream_ack(b) == 0);
        CHECK(info_of(q).leased == 10);
        CHECK(weft_stream_pull(b, got, 10, WEFT_NOW) == 6);
        CHECK(weft_stream_ack(a) == 0 && info_of(q).leased == 10);
        CHECK(weft_stream_ack(b) == 0 && info_of(q).leased == 0);
        weft_stream_free(a);
        weft_stream_free(b);
        drop(q, "q");
}

/* ---- channels -------------------------------------------------------------------------- */

static void channels_flow_as_queues_do(void **state)
{
        static const uint32_t flags[] = { 0, WEFT_CHANNEL_LEASE };
        (void)state;
        for (int k = 0; k < 2; k++) {
                struct weft_channel_options o = { .capacity = 1024,
                                                  .element_bytes = 8,
                                                  .flags = flags[k],
                                                  .tag = weft_type_tag("u64") };
                struct weft_channel_info info;
                weft_channel_t *ch = NULL;
                uint64_t n = 0;
                CHECK(weft_channel_create(arena, "ch", &o, &ch) == 0);
                CHECK(weft_stream_to_channel(weft_stream_range(0, 700, 1), ch, &n,
                                             WEFT_NEVER) == 0);
                CHECK(n == 700);
                weft_stream_t *s = weft_stream_channel(ch);
                CHECK(weft_stream_pull(s, got, 300, WEFT_NEVER) == 300);
                CHECK(in_order(got, 0, 300));
                CHECK(weft_channel_info(ch, &info) == 0);
                CHECK(info.leased == (k ? 300 : 0));
                CHECK(weft_stream_ack(s) == 0 && !weft_channel_info(ch, &info));
                CHECK(info.leased == 0);
                n = 0;
                CHECK(weft_stream_count(s, &n, WEFT_NOW) == -EAGAIN && n == 400);
                CHECK(weft_channel_shutdown(ch, 7) == 0);
                CHECK(weft_stream_count(s, &n, WEFT_NEVER) == 0 && n == 400);
                CHECK(weft_stream_to_channel(weft_stream_range(0, 5, 1), ch, &n,
                                             WEFT_NEVER) == -EPIPE);
                CHECK(weft_channel_cancel(ch, 8) == 0);
                CHECK(weft_stream_count(weft_stream_channel(ch), &n, WEFT_NEVER) ==
                      -ECANCELED);
                CHECK(weft_stream_to_channel(weft_stream_array("abc", 3, 1), ch, &n,
                                             WEFT_NEVER) == -EPROTO);
                CHECK(weft_stream_count(weft_stream_channel(NULL), &n, WEFT_NOW) ==
                      -EINVAL);
                weft_channel_close(ch);
                CHECK(weft_object_remove(arena, "ch") == 0);
        }
}

/* ---- maps and sets -------------------------------------------------------------------- */

static void words_are_counted(void **state)
{
        static const char text[] = "to be or not to be";
        struct weft_map_options words = { .value_bytes = 8 };
        struct weft_map_options small = { .key_bytes = 8, .value_bytes = 8 };
        struct weft_set_options members = { .member_bytes = 0 };
        struct weft_line line[6];
        weft_map_t *map = NULL, *of_numbers = NULL;
        weft_set_t *set = NULL;
        uint64_t n = 0, count = 0, bytes = 8;
        (void)state;
        for (size_t i = 0, at = 0; i < 6; i++, at++) {
                line[i].at = text + at;
                at += line[i].bytes = strcspn(text + at, " ");
        }
        CHECK(weft_map_create(arena, "words", &words, &map) == 0);
        CHECK(weft_set_create(arena, "set", &members, &set) == 0);
        CHECK(weft_map_create(arena, "numbers", &small, &of_numbers) == 0);
        CHECK(weft_stream_to_map(weft_stream_array(line, 6, sizeof *line), map,
                                 weft_key_line, NULL, &n, WEFT_NEVER) == 0);
        CHECK(n == 6 && weft_map_count(map) == 4);
        CHECK(weft_map_get(map, "be", 2, &count, &bytes, NULL) == 0 && count == 2);
        CHECK(weft_map_get(map, "or", 2, &count, &bytes, NULL) == 0 && count == 1);
        n = 0;
        CHECK(weft_stream_to_set(weft_stream_array(line, 6, sizeof *line), set,
                                 weft_key_line, NULL, &n, WEFT_NEVER) == 0);
        CHECK(n == 4 && weft_set_count(set) == 4 && weft_set_contains(set, "not", 3));
        n = 0;
        CHECK(weft_stream_to_map(weft_stream_range(0, 1000, 0), of_numbers, NULL, NULL,
                                 &n, WEFT_NEVER) == 0);
        CHECK(n == 1000 && weft_map_get64(of_numbers, 0, &count) == 0 && count == 1000);
        CHECK(weft_stream_to_map(weft_stream_array(line, 6, sizeof *line), of_numbers,
                                 weft_key_line, NULL, &n, WEFT_NEVER) == -EINVAL);
        weft_map_close(map);
        weft_map_close(of_numbers);
        weft_set_close(set);
        CHECK(!weft_object_remove(arena, "words") && !weft_object_remove(arena, "set") &&
              !weft_object_remove(arena, "numbers"));
}

static void a_full_arena_is_an_error_and_no_more(void **state)
{
        struct weft_map_options words = { .key_bytes = 4096, .value_bytes = 8 };
        struct weft_arena_options o = { .max_bytes = 4 << 20 };
        weft_arena_t *small = NULL;
        weft_map_t *map = NULL;
        uint64_t n = 0;
        (void)state;
        CHECK(weft_arena_create(NULL, &o, &small) == 0);
        CHECK(weft_map_create(small, "m", &words, &map) == 0);
        uint8_t *keys = calloc(2000, 4096);
        for (uint64_t i = 0; i < 2000; i++)
                memcpy(keys + i * 4096, &i, 8);
        CHECK(weft_stream_to_map(weft_stream_array(keys, 2000, 4096), map, NULL, NULL, &n,
                                 WEFT_NEVER) == -ENOSPC);
        CHECK(n > 100 && n < 2000 && (uint64_t)weft_map_count(map) == n);
        check_whole(small);
        weft_map_close(map);
        weft_arena_close(small);
        free(keys);
}

/* ---- other processes ---------------------------------------------------------------------- */

static uint64_t *progress; /* shared */

static void pump(void *context)
{
        uint64_t n = 0;
        (void)context;
        weft_stream_t *s = weft_stream_queue(from_queue);
        s = weft_stream_map(s, call_map_chunk());
        CHECK(weft_stream_to_queue(s, to_queue, &n, WEFT_NEVER) == 0);
}

/* One pumps from queue to queue and is killed, over and over; each time another one goes on.
 * Leased: nothing is lost. Not leased: at most what one had in hand at his death. */
static void pumps(uint32_t flags)
{
        static unsigned seen[MOST];
        unsigned kills = 0, missing = 0;
        uint64_t x = 0, arrived = 0;
        from_queue = make("from", 64, 8, flags);
        to_queue = make("to", 64, 8, 0);
        memset(seen, 0, sizeof seen);
        pid_t pid = child_start(pump, NULL);
        for (uint64_t i = 0; i < MOST;) {
                if (!weft_queue_push(from_queue, &i, WEFT_NOW))
                        i++;
                while (!weft_queue_pop(to_queue, &x, WEFT_NOW)) {
                        CHECK(x % 3 == 0 && x / 3 < MOST);
                        seen[x / 3]++;
                        arrived++;
                }
                if (arrived > 100 * (kills + 1) && kills < 20) {
                        CHECK(child_kill(pid) == -SIGKILL);
                        kills++;
                        pid = child_start(pump, NULL);
                }
        }
        CHECK(weft_queue_shutdown(from_queue) == 0);
        while (waitpid(pid, NULL, WNOHANG) == 0)
                if (!weft_queue_pop(to_queue, &x, weft_after(WEFT_MSEC)))
                        seen[x / 3]++;
        while (!weft_queue_pop(to_queue, &x, WEFT_NOW))
                seen[x / 3]++;
        for (int i = 0; i < MOST; i++)
                missing += !seen[i];
        CHECK(kills == 20);
        if (flags)
                CHECK(missing == 0);
        else
                CHECK(missing <= kills * 64);
        drop(from_queue, "from");
        drop(to_queue, "to");
}

static void killed_pumps_lose_nothing_that_is_leased(void **state)
{
        (void)state;
        pumps(WEFT_QUEUE_LEASE);
        pumps(0);
}

static void push_for_ever(void *context)
{
        weft_arena_t *mine = child_reopen(arena, WEFT_RDWR); /* at another address */
        weft_queue_t *q = NULL;
        (void)context;
        CHECK(weft_queue_open(mine, "from", &q) == 0);
        for (uint64_t i = 0;; i++) {
                CHECK(weft_queue_push(q, &i, WEFT_NEVER) == 0);
                progress[0] = i + 1;
        }
}

/* The one who feeds it is killed: what he pushed flows, in order, and the next one is heard. */
static void a_killed_feeder_ends_nothing(void **state)
{
        (void)state;
        progress = common_make(4096);
        from_queue = make("from", 64, 8, WEFT_QUEUE_LEASE);
        weft_stream_t *s =
                weft_stream_map(weft_stream_queue(from_queue), call_map_item());
        for (int k = 0; k < 5; k++) {
                uint64_t n = 0;
                progress[0] = 0;
                weft_queue_close(from_queue); /* the child wants the arena for itself */
                CHECK(weft_queue_open(arena, "from", &from_queue) == 0);
                weft_stream_free(s);
                s = weft_stream_map(weft_stream_queue(from_queue), call_map_item());
                pid_t pid = child_start(push_for_ever, NULL);
                while (n < 300) {
                        int64_t now = weft_stream_pull(s, got + n, 50, WEFT_NEVER);
                        CHECK(now > 0 && weft_stream_ack(s) == 0);
                        n += (uint64_t)now;
                }
                CHECK(child_kill(pid) == -SIGKILL);
                int64_t now = 0;
                while ((now = weft_stream_pull(s, got + n, 50, WEFT_NOW)) > 0) {
                        n += (uint64_t)now;
                        CHECK(weft_stream_ack(s) == 0);
                }
                CHECK(now == -EAGAIN && n >= progress[0] && n <= progress[0] + 1);
                for (uint64_t i = 0; i < n; i++)
                        CHECK(got[i] == 3 * i);
        }
        weft_stream_free(s);
        drop(from_queue, "from");
        munmap(progress, 4096);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_queue_flows_until_it_is_drained),
                TEST(a_full_queue_loses_nothing),
                TEST(nobody_takes_more_than_he_uses),
                TEST(what_is_not_acknowledged_comes_back),
                TEST(an_end_acknowledges_nothing),
                TEST(a_retry_gets_what_was_not_through),
                TEST(who_holds_items_back_holds_leases),
                TEST(channels_flow_as_queues_do),
                TEST(words_are_counted),
                TEST(a_full_arena_is_an_error_and_no_more),
                TEST(killed_pumps_lose_nothing_that_is_leased),
                TEST(a_killed_feeder_ends_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
