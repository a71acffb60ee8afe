/* bench/channel_bench.c -- channels of 8-byte elements beside the queue they are made of,
 * and beside what else sends messages. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include <weft/channel.h>
#include <weft/weft.h>

#include "bench/peer_message.h"

enum { CHANNELS = 2 }; /* the second is for select alone */

struct channels {
        weft_arena_t *arena;
        weft_channel_t *channel[CHANNELS];
};

static void channel_drop(void *queue)
{
        struct channels *at = queue;
        for (int i = 0; i < CHANNELS; i++)
                weft_channel_close(at->channel[i]);
        weft_arena_close(at->arena);
        free(at);
}

static int make(void **queue, uint64_t capacity, uint32_t policy)
{
        struct channels *at = calloc(1, sizeof *at);
        if (!at)
                return bench_cannot("no memory");
        int rc = bench_weft(weft_arena_create(NULL, NULL, &at->arena),
                            "weft_arena_create");
        for (int i = 0; i < CHANNELS && !rc; i++) {
                const struct weft_channel_options options = { .capacity = capacity,
                                                              .tag = 1,
                                                              .element_bytes = 8,
                                                              .policy = policy };
                char name[16];
                (void)snprintf(name, sizeof name, "%d", i);
                rc = bench_weft(
                        weft_channel_create(at->arena, name, &options, &at->channel[i]),
                        "weft_channel_create");
        }
        if (rc)
                channel_drop(at);
        else
                *queue = at;
        return rc;
}

static int channel_make(void **queue)
{
        return make(queue, FLOW_CAPACITY, WEFT_CHANNEL_BLOCK);
}

static int meeting_make(void **queue)
{
        return make(queue, 0, WEFT_CHANNEL_BLOCK);
}

BENCH_INLINE void channel_push(void *queue, uint64_t x, enum flow_wait wait)
{
        weft_channel_t *ch = ((struct channels *)queue)->channel[0];
        int rc;
        while ((rc = weft_channel_send(
                        ch, &x, wait == FLOW_BLOCK ? WEFT_NEVER : WEFT_NOW)) == -EAGAIN)
                flow_idle(wait);
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("weft_channel_send: %s", weft_strerror(rc));
}

BENCH_INLINE uint64_t channel_pop(void *queue, enum flow_wait wait)
{
        weft_channel_t *ch = ((struct channels *)queue)->channel[0];
        uint64_t x = 0;
        int rc;
        while ((rc = weft_channel_recv(
                        ch, &x, wait == FLOW_BLOCK ? WEFT_NEVER : WEFT_NOW)) == -EAGAIN)
                flow_idle(wait);
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("weft_channel_recv: %s", weft_strerror(rc));
        return x;
}

FLOW_QUEUE(flow_channel, channel_make, channel_drop, channel_push, channel_pop);
FLOW_QUEUE(flow_meeting, meeting_make, channel_drop, channel_push, channel_pop);

/* ---- select over two ------------------------------------------------------------- */

/* One sends to both in turn; the other takes what is ready, each channel's in order. */
static void select_from_two(struct bench_worker *w, void *flow)
{
        const struct flow *f = flow;
        struct channels *at = f->queue;
        uint64_t x = 0, seq = 0, sum = 0, next[CHANNELS] = { 0, 1 };
        struct weft_case cases[CHANNELS];
        unsigned open = CHANNELS;
        for (unsigned i = 0; i < CHANNELS; i++)
                cases[i] = (struct weft_case){ .object = at->channel[i],
                                               .op = WEFT_OP_RECV,
                                               .to = &x };
        while (open) {
                int rc = weft_select(cases, CHANNELS, 0, WEFT_NEVER);
                BENCH_CHECK(rc >= 0 && cases[rc].result == 0);
                if (x == FLOW_END) {
                        cases[rc].op = WEFT_OP_NONE;
                        open--;
                        continue;
                }
                BENCH_CHECK(x == next[rc]);
                next[rc] += CHANNELS;
                sum += x;
                bench_ops(w, ++seq);
        }
        w->slot->count = seq;
        w->slot->sum = sum;
}

static void select_stream(struct bench_worker *w, void *flow)
{
        const struct flow *f = flow;
        struct channels *at = f->queue;
        uint64_t seq = 0, sum = 0;
        bench_ready(w);
        if (w->index) {
                select_from_two(w, flow);
                return;
        }
        for (; !bench_stopping(w); sum += seq++)
                BENCH_CHECK(weft_channel_send(at->channel[seq % CHANNELS], &seq,
                                              WEFT_NEVER) == 0);
        w->slot->count_in = seq;
        w->slot->sum_in = sum;
        const uint64_t end = FLOW_END;
        for (unsigned i = 0; i < CHANNELS; i++)
                BENCH_CHECK(weft_channel_send(at->channel[i], &end, WEFT_NEVER) == 0);
}

static const struct flow_queue flow_select = { channel_make, channel_drop, select_stream,
                                               NULL,         NULL,         NULL };

/* ---- rows --------------------------------------------------------------------------- */

#define SIDE(variable, label, sample, queue, shape) \
        static const struct bench_side variable = { label, sample, &(queue), shape }

static const struct flow_shape one_spin = { 1, 1, FLOW_SPIN };
static const struct flow_shape two_yield = { 2, 2, FLOW_YIELD };

SIDE(pair, "weft", flow_sample_pair, flow_channel, NULL);
SIDE(pair_queue, "queue", flow_sample_pair, flow_weft, NULL);
SIDE(spin, "weft", flow_sample_stream, flow_channel, &one_spin);
SIDE(spin_queue, "queue", flow_sample_stream, flow_weft, &one_spin);
SIDE(two, "weft", flow_sample_stream, flow_channel, &two_yield);
SIDE(two_queue, "queue", flow_sample_stream, flow_weft, &two_yield);
SIDE(block, "weft", flow_sample_stream, flow_channel, &flow_block);
SIDE(block_queue, "queue", flow_sample_stream, flow_weft, &flow_block);
SIDE(block_pipe, "pipe", flow_sample_stream, flow_pipe, &flow_block);
SIDE(block_pair, "socketpair", flow_sample_stream, flow_socketpair, &flow_block);
SIDE(block_zmq, "ZeroMQ ipc", flow_sample_stream, flow_zmq, &flow_block);
SIDE(selecting, "weft", flow_sample_stream, flow_select, &flow_block);
SIDE(trip, "weft", flow_sample_trip, flow_channel, &flow_block);
SIDE(trip_queue, "queue", flow_sample_trip, flow_weft, &flow_block);
SIDE(trip_pipe, "pipe", flow_sample_trip, flow_pipe, &flow_block);
SIDE(trip_pair, "socketpair", flow_sample_trip, flow_socketpair, &flow_block);
SIDE(trip_zmq, "ZeroMQ ipc", flow_sample_trip, flow_zmq, &flow_block);
SIDE(meet, "weft", flow_sample_trip, flow_meeting, &flow_block);
SIDE(meet_line, "cache line", flow_sample_trip, flow_line, &flow_eager);

#define STREAM "8 B: 1 sender, 1 receiver, each waiting as it itself waits"
#define TRIP "8 B round trip through two channels, blocking calls, answered at once"

static const struct bench_row rows[] = {
        { "channel.pair", "8 B: send and receive by one process, nobody else there", "ns",
          &pair, &pair_queue, 1.25, BENCH_LOWER, 0 },
        { "channel.1s1r.spin", "8 B: 1 sender, 1 receiver, each spinning", "M/s", &spin,
          &spin_queue, 0.8, BENCH_HIGHER, 0 },
        { "channel.2s2r", "8 B: 2 senders, 2 receivers on 2 cpus; who must wait yields",
          "M/s", &two, &two_queue, 0.8, BENCH_HIGHER, 0 },
        { "channel.1s1r", STREAM, "M/s", &block, &block_queue, 0.8, BENCH_HIGHER, 0 },
        { "channel.1s1r.pipe", STREAM, "M/s", &block, &block_pipe, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "channel.1s1r.socketpair", STREAM, "M/s", &block, &block_pair, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "channel.1s1r.zmq", STREAM, "M/s", &block, &block_zmq, BENCH_NO_GOAL,
          BENCH_HIGHER, 0 },
        { "channel.select.2", "1 sender to two channels in turn, 1 in a select over both",
          "M/s", &selecting, &block_queue, 0.5, BENCH_HIGHER, 0 },
        { "channel.trip", TRIP, "ns", &trip, &trip_queue, 1.25, BENCH_LOWER, 0 },
        { "channel.trip.pipe", TRIP, "ns", &trip, &trip_pipe, BENCH_NO_GOAL, BENCH_LOWER,
          0 },
        { "channel.trip.socketpair", TRIP, "ns", &trip, &trip_pair, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "channel.trip.zmq", TRIP, "ns", &trip, &trip_zmq, BENCH_NO_GOAL, BENCH_LOWER,
          0 },
        { "channel.rendezvous", "8 B round trip through two channels of capacity 0", "ns",
          &meet, &meet_line, 3.0, BENCH_LOWER, 0 },
};

BENCH_MODULE(channel, rows);
