/* tests/crash/stream_crash.c -- streams from a queue, which leases or not, to a queue, a map, a
 * set.
 *
 * Numbers, 1 up, are in the queue "in" before. The victim's stream carries them to where they
 * go. Afterwards each must be somewhere: still (or again) in "in", or where it went. Leased: at
 * least once, and exactly once when the victim had come to its end. Not leased: once, or gone
 * with who had it in hand. */
#include <errno.h>
#include <string.h>

#include <weft/channel.h>
#include <weft/map.h>
#include <weft/object.h>
#include <weft/queue.h>
#include <weft/set.h>
#include <weft/stream.h>
#include <weft/stream_join.h>
#include <weft/stream_window.h>

#include "tests/harness/weft_kit.h"

enum { HELD = 3, CAPACITY = 8, SURVIVOR = 50, MOST = 64 };
enum { MODE, TO, WHAT }; /* of self->arg */
enum { PLAIN, LEASE };   /* modes */
enum { QUEUE, MAP, SET, NOWHERE, CHANNEL };
enum {
        GOES = 1,
        IS_ACKED = 2
}; /* the victim passes items on; it acknowledges what it had */

static struct {
        weft_queue_t *in, *out;
        weft_channel_t *channel;
        weft_map_t *map;
        weft_set_t *set;
        weft_stream_t *stream;
        unsigned got[MOST]; /* by survivors, of each number, out of "in" */
        unsigned went[MOST];
        uint64_t item[HELD];
} my;

static bool leases(const struct crash *c)
{
        return c->self->arg[MODE] == LEASE;
}

static uint64_t to(const struct crash *c)
{
        return c->self->arg[TO];
}

/* ---- what is there before ------------------------------------------------------ */

static void setup(struct crash *c)
{
        struct weft_queue_options in = { .capacity = CAPACITY,
                                         .element_bytes = 8,
                                         .flags = leases(c) ? WEFT_QUEUE_LEASE : 0 };
        struct weft_queue_options out = { .capacity = CAPACITY, .element_bytes = 8 };
        struct weft_map_options map = { .key_bytes = 8, .value_bytes = 8 };
        struct weft_set_options set = { .member_bytes = 8 };
        struct weft_channel_options channel = { .capacity = CAPACITY,
                                                .element_bytes = 8 };
        weft_kit_create(c);
        WEFT_MUST(c, weft_queue_create(arena_of(c), "in", &in, &my.in));
        if (to(c) == QUEUE)
                WEFT_MUST(c, weft_queue_create(arena_of(c), "out", &out, &my.out));
        if (to(c) == MAP)
                WEFT_MUST(c, weft_map_create(arena_of(c), "map", &map, &my.map));
        if (to(c) == SET)
                WEFT_MUST(c, weft_set_create(arena_of(c), "set", &set, &my.set));
        if (to(c) == CHANNEL)
                WEFT_MUST(c, weft_channel_create(arena_of(c), "channel", &channel,
                                                 &my.channel));
        for (uint64_t x = 1; x <= HELD; x++)
                WEFT_MUST(c, weft_queue_push(my.in, &x, WEFT_NOW));
}

static void open_all(struct crash *c)
{
        weft_kit_open(c);
        WEFT_MUST(c, weft_queue_open(arena_of(c), "in", &my.in));
        if (to(c) == QUEUE)
                WEFT_MUST(c, weft_queue_open(arena_of(c), "out", &my.out));
        if (to(c) == MAP)
                WEFT_MUST(c, weft_map_open(arena_of(c), "map", &my.map));
        if (to(c) == SET)
                WEFT_MUST(c, weft_set_open(arena_of(c), "set", &my.set));
        if (to(c) == CHANNEL)
                WEFT_MUST(c,
                          weft_channel_open(arena_of(c), "channel", 8, 0, &my.channel));
}

static void prepare_stream(struct crash *c)
{
        uint64_t n = 0;
        weft_kit_join(c);
        /* What is lazy in the process is done: a map's handle, symbols, buffers. */
        WEFT_MUST(c, weft_stream_count(weft_stream_range(0, 10, 1), &n, WEFT_NOW));
        my.stream = weft_stream_queue(my.in);
        if (leases(c)) { /* it has its hands */
                struct weft_element e[HELD];
                for (int i = 0; i < HELD; i++)
                        WEFT_MUST(c, weft_queue_loan(my.in, &e[i]));
                for (int i = 0; i < HELD; i++)
                        WEFT_MUST(c, weft_queue_release(my.in, &e[i]));
        }
}

static void prepare_pulled(struct crash *c)
{
        prepare_stream(c);
        CRASH_MUST(c, CRASH_BROKEN,
                   weft_stream_pull(my.stream, my.item, HELD, WEFT_NOW) == HELD);
}

/* ---- the operations ---------------------------------------------------------------- */

static void op_sink(struct crash *c)
{
        uint64_t n = 0;
        int rc = 0;
        if (to(c) == QUEUE)
                rc = weft_stream_to_queue(my.stream, my.out, &n, WEFT_NOW);
        else if (to(c) == MAP)
                rc = weft_stream_to_map(my.stream, my.map, NULL, NULL, &n, WEFT_NOW);
        else if (to(c) == CHANNEL)
                rc = weft_stream_to_channel(my.stream, my.channel, &n, WEFT_NOW);
        else
                rc = weft_stream_to_set(my.stream, my.set, NULL, NULL, &n, WEFT_NOW);
        c->note->value[0] = n;
        c->note->rc = rc;
}

/* Two at a time, so that one is held back at the end. */
static void op_chunks(struct crash *c)
{
        struct {
                uint64_t n, at[2];
        } chunk;
        weft_stream_t *s = weft_stream_chunk(my.stream, 2);
        int rc = 0;
        while ((rc = weft_stream_next(s, &chunk, WEFT_NOW)) == 1) {
                int64_t n = weft_queue_push_n(my.out, chunk.at, chunk.n, WEFT_NOW);
                c->note->value[0] += n > 0 ? (uint64_t)n : 0;
        }
        weft_stream_free(s); /* what is held back comes back */
        c->note->rc = rc;
}

static int64_t copy(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        (void)argument;
        if (room < n)
                return -EOVERFLOW;
        memcpy(out, in, n * sizeof(uint64_t));
        return (int64_t)n;
}

/* The same by windows, of what is merged with a stream that has ended. */
static void op_windows(struct crash *c)
{
        weft_stream_t *const of[2] = { my.stream, weft_stream_range(0, 0, 1) };
        weft_stream_t *s = weft_stream_window(weft_stream_merge(of, 2), 2, 2,
                                              weft_call_chunk(copy, 8, 8, NULL));
        uint64_t n = 0;
        int rc = weft_stream_to_queue(s, my.out, &n, WEFT_NOW);
        if (rc == -EAGAIN)
                weft_stream_free(s);
        c->note->value[0] = n;
        c->note->rc = rc;
}

static void op_pull(struct crash *c)
{
        c->note->rc = weft_stream_pull(my.stream, my.item, HELD, WEFT_NOW);
}

static void op_ack(struct crash *c)
{
        c->note->rc = weft_stream_ack(my.stream);
}

static void op_cancel(struct crash *c)
{
        weft_stream_cancel(my.stream);
        c->note->rc = 0;
}

static void op_restart(struct crash *c)
{
        c->note->rc = weft_stream_restart(my.stream);
}

/* ---- the others ---------------------------------------------------------------------- */

static void must(struct crash *c, const char *what, int rc)
{
        if (rc)
                crash_fail(c, CRASH_WEDGED, "%s: %d", what, rc);
}

static void survive(struct crash *c)
{
        uint64_t x = SURVIVOR, now = 0;
        must(c, "push", weft_queue_push(my.in, &x, WEFT_NOW));
        if (to(c) == QUEUE)
                must(c, "push out", weft_queue_push(my.out, &x, WEFT_NOW));
        if (to(c) == MAP)
                must(c, "add", weft_map_add(my.map, &x, 8, 1, &now));
        if (to(c) == SET)
                must(c, "insert", weft_set_insert(my.set, &x, 8));
        if (to(c) == CHANNEL)
                must(c, "send", weft_channel_send(my.channel, &x, WEFT_NOW));
}

static int note_key(const struct weft_map_entry *entry, void *context)
{
        struct crash *c = context;
        uint64_t key = 0, value = 0;
        memcpy(&key, entry->key, 8);
        memcpy(&value, entry->value, 8);
        CRASH_MUST(c, CRASH_BROKEN, key < MOST && value < 10);
        my.went[key] += (unsigned)value;
        return 0;
}

static int note_member(const void *member, uint32_t bytes, void *context)
{
        struct crash *c = context;
        uint64_t key = 0;
        CRASH_MUST(c, CRASH_BROKEN, bytes == 8);
        memcpy(&key, member, 8);
        CRASH_MUST(c, CRASH_BROKEN, key < MOST);
        my.went[key]++;
        return 0;
}

static void look(struct crash *c)
{
        struct weft_map_cursor cursor = { 0 }, other = { 0 };
        uint64_t x = 0;
        while (weft_queue_pop(my.in, &x, WEFT_NOW) == 0) {
                CRASH_MUST(c, CRASH_BROKEN, x < MOST);
                my.got[x]++;
        }
        while (my.out && weft_queue_pop(my.out, &x, WEFT_NOW) == 0) {
                CRASH_MUST(c, CRASH_BROKEN, x < MOST);
                my.went[x]++;
        }
        while (my.channel && weft_channel_recv(my.channel, &x, WEFT_NOW) == 0) {
                CRASH_MUST(c, CRASH_BROKEN, x < MOST);
                my.went[x]++;
        }
        if (my.map)
                WEFT_MUST(c, weft_map_each(my.map, &cursor, 0, note_key, c));
        if (my.set)
                WEFT_MUST(c, weft_set_each(my.set, &other, 0, note_member, c));
}

static void check_number(struct crash *c, uint64_t x)
{
        unsigned in = my.got[x], went = my.went[x];
        uint64_t what = c->self->arg[WHAT];
        if (in > 1 || went > 1)
                crash_fail(c, CRASH_DUPLICATED, "%d: in %u, out %u", (int)x, in, went);
        if (in + went == 0) {
                bool may = leases(c) ? what & IS_ACKED : !c->note->done || !(what & GOES);
                if (!may)
                        crash_fail(c, CRASH_LOST, "%d is gone", (int)x);
        }
        if (in && went && (!leases(c) || c->note->done))
                crash_fail(c, CRASH_DUPLICATED, "%d is in both", (int)x);
        if (c->note->done && what & GOES && x <= c->note->value[0])
                CRASH_MUST(c, CRASH_LOST, went == 1);
        if (c->note->done && what & IS_ACKED)
                CRASH_MUST(c, CRASH_DUPLICATED, in == 0);
        if (!(what & GOES))
                CRASH_MUST(c, CRASH_BROKEN, went == 0);
}

static void verify(struct crash *c)
{
        struct weft_queue_info info;
        int64_t rc = c->note->rc;
        CRASH_MUST(c, CRASH_BROKEN, rc >= 0 || rc == -EAGAIN);
        look(c);
        for (uint64_t x = 1; x <= HELD; x++)
                check_number(c, x);
        WEFT_MUST(c, weft_queue_info(my.in, &info));
        CRASH_MUST(c, CRASH_LEAKED, info.length == 0 && info.leased == 0);
        weft_queue_close(my.in);
        weft_queue_close(my.out);
        weft_map_close(my.map);
        weft_set_close(my.set);
        weft_channel_close(my.channel);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "in"));
        if (to(c) == QUEUE)
                WEFT_MUST(c, weft_object_remove(arena_of(c), "out"));
        if (to(c) == MAP)
                WEFT_MUST(c, weft_object_remove(arena_of(c), "map"));
        if (to(c) == SET)
                WEFT_MUST(c, weft_object_remove(arena_of(c), "set"));
        if (to(c) == CHANNEL)
                WEFT_MUST(c, weft_object_remove(arena_of(c), "channel"));
        weft_kit_nothing_left(c, 0);
}

/* ---- the table -------------------------------------------------------------------------- */

#define CASE(name_, prepare_, victim_, ...) \
        { \
                .name = "stream/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_all, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = verify, \
                .arg = { __VA_ARGS__ } \
        }

static const struct crash_case cases[] = {
        CASE("lease/to queue", prepare_stream, op_sink, LEASE, QUEUE, GOES),
        CASE("lease/to map", prepare_stream, op_sink, LEASE, MAP, GOES),
        CASE("lease/to set", prepare_stream, op_sink, LEASE, SET, GOES),
        CASE("lease/to channel", prepare_stream, op_sink, LEASE, CHANNEL, GOES),
        CASE("lease/chunks", prepare_stream, op_chunks, LEASE, QUEUE, GOES),
        CASE("lease/windows", prepare_stream, op_windows, LEASE, QUEUE, GOES),
        CASE("lease/pull", prepare_stream, op_pull, LEASE, NOWHERE, 0),
        CASE("lease/ack", prepare_pulled, op_ack, LEASE, NOWHERE, IS_ACKED),
        CASE("lease/cancel", prepare_pulled, op_cancel, LEASE, NOWHERE, 0),
        CASE("lease/restart", prepare_pulled, op_restart, LEASE, NOWHERE, 0),
        CASE("plain/to queue", prepare_stream, op_sink, PLAIN, QUEUE, GOES),
        CASE("plain/to map", prepare_stream, op_sink, PLAIN, MAP, GOES),
        CASE("plain/pull", prepare_stream, op_pull, PLAIN, NOWHERE, 0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
