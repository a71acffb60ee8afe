/* bench/stream_bench.c -- map -> filter -> map -> fold over 10^7 u64: a stream of chunk
 * functions, or of item functions, beside the loop that one would write by hand. Every run is
 * compared with what another loop says. */
#include <weft/stream.h>

#include <stdlib.h>

#include "bench/bench.h"

#define OWN __attribute__((noinline, aligned(64)))

/* Who writes a function over a chunk has its loop unrolled: at -O2 nobody else does it, and a
 * loop takes a cycle for each round, however little is in it. */
#define UNROLLED _Pragma("GCC unroll 8")

struct input {
        uint64_t n;
        uint64_t *at; /* NULL: 0 to n - 1 */
};

/* ---- what is done, as functions ---------------------------------------------------- */

static int64_t first_chunk(const void *in, size_t n, void *out, size_t room,
                           const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out;
        (void)room, (void)argument;
        UNROLLED
        for (size_t i = 0; i < n; i++)
                to[i] = from[i] * 3 + 1;
        return (int64_t)n;
}

static int64_t keep_chunk(const void *in, size_t n, void *out, size_t room,
                          const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out;
        size_t kept = 0;
        (void)room, (void)argument;
        UNROLLED
        for (size_t i = 0; i < n; i++) {
                uint64_t x = from[i];
                to[kept] = x;
                kept += x >> 2 & 1;
        }
        return (int64_t)kept;
}

static int64_t second_chunk(const void *in, size_t n, void *out, size_t room,
                            const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out;
        (void)room, (void)argument;
        UNROLLED
        for (size_t i = 0; i < n; i++)
                to[i] = from[i] ^ from[i] >> 3;
        return (int64_t)n;
}

static int64_t sum_chunk(const void *in, size_t n, void *out, size_t room,
                         const void *argument)
{
        const uint64_t *from = in;
        uint64_t sum = *(uint64_t *)out;
        (void)room, (void)argument;
        UNROLLED
        for (size_t i = 0; i < n; i++)
                sum += from[i];
        *(uint64_t *)out = sum;
        return 1;
}

static int first_item(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(uint64_t *)out = *(const uint64_t *)in * 3 + 1;
        return 0;
}

static int keep_item(const void *in, void *out, const void *argument)
{
        (void)out, (void)argument;
        return !(*(const uint64_t *)in & 4);
}

static int second_item(const void *in, void *out, const void *argument)
{
        uint64_t x = *(const uint64_t *)in;
        (void)argument;
        *(uint64_t *)out = x ^ x >> 3;
        return 0;
}

static int sum_item(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(uint64_t *)out += *(const uint64_t *)in;
        return 0;
}

/* ---- the contestants ----------------------------------------------------------------- */

static weft_stream_t *source(const struct input *input)
{
        return input->at ? weft_stream_array(input->at, input->n, 8)
                         : weft_stream_range(0, input->n, 1);
}

static uint64_t by_chunks(const struct input *input)
{
        uint64_t sum = 0;
        weft_stream_t *s = source(input);
        s = weft_stream_map(s, weft_call_chunk(first_chunk, 8, 8, NULL));
        s = weft_stream_filter(s, weft_call_chunk(keep_chunk, 8, 8, NULL));
        s = weft_stream_map(s, weft_call_chunk(second_chunk, 8, 8, NULL));
        BENCH_CHECK(weft_stream_fold(s, weft_call_chunk(sum_chunk, 8, 8, NULL), &sum,
                                     WEFT_NEVER) == 0);
        return sum;
}

static uint64_t by_items(const struct input *input)
{
        uint64_t sum = 0;
        weft_stream_t *s = source(input);
        s = weft_stream_map(s, weft_call_item(first_item, 8, 8, NULL));
        s = weft_stream_filter(s, weft_call_item(keep_item, 8, 8, NULL));
        s = weft_stream_map(s, weft_call_item(second_item, 8, 8, NULL));
        BENCH_CHECK(weft_stream_fold(s, weft_call_item(sum_item, 8, 8, NULL), &sum,
                                     WEFT_NEVER) == 0);
        return sum;
}

static OWN uint64_t loop_range(uint64_t n)
{
        uint64_t sum = 0;
        for (uint64_t i = 0; i < n; i++) {
                uint64_t x = i * 3 + 1;
                if (!(x & 4))
                        continue;
                sum += x ^ x >> 3;
        }
        return sum;
}

static OWN uint64_t loop_array(const uint64_t *at, uint64_t n)
{
        uint64_t sum = 0;
        for (uint64_t i = 0; i < n; i++) {
                uint64_t x = at[i] * 3 + 1;
                if (!(x & 4))
                        continue;
                sum += x ^ x >> 3;
        }
        return sum;
}

static uint64_t by_hand(const struct input *input)
{
        return input->at ? loop_array(input->at, input->n) : loop_range(input->n);
}

/* ---- sampling -------------------------------------------------------------------------- */

struct shape {
        uint64_t n;
        bool array, random;
};

/* Numbers of which nobody guesses the next (splitmix64). */
static uint64_t mix(uint64_t x)
{
        x += UINT64_C(0x9e3779b97f4a7c15);
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return x ^ x >> 31;
}

static uint64_t expected(const struct input *input)
{
        uint64_t sum = 0;
        for (uint64_t i = 0; i < input->n; i++) {
                uint64_t x = (input->at ? input->at[i] : i) * 3 + 1;
                sum += x & 4 ? x ^ (x >> 3) : 0;
        }
        return sum;
}

struct contest {
        uint64_t (*run)(const struct input *input);
        struct input input;
        uint64_t right;
};

static void body(struct bench_worker *w, void *context)
{
        const struct contest *c = context;
        uint64_t n = 0;
        BENCH_CHECK(c->run(&c->input) == c->right); /* warm */
        bench_ready(w);
        do {
                BENCH_CHECK(c->run(&c->input) == c->right);
                n += c->input.n;
                bench_ops(w, n);
        } while (!bench_stopping(w));
        w->slot->count = n;
}

static int sample(const struct bench_side *side, double *value)
{
        const struct shape *shape = side->shape;
        struct contest c = { .input = { shape->n, NULL } };
        struct bench_crew crew = {
                .count = 1, .ms = bench.ms, .grace_ms = 20000, .body = body, .context = &c
        };
        c.run = *(uint64_t(*const *)(const struct input *))side->subject;
        if (shape->array) {
                c.input.at = malloc(shape->n * sizeof *c.input.at);
                if (!c.input.at)
                        return bench_cannot("no memory");
                for (uint64_t i = 0; i < shape->n; i++)
                        c.input.at[i] = shape->random ? mix(i) : i;
        }
        c.right = expected(&c.input);
        int rc = bench_crew_run(&crew);
        if (rc == 0)
                *value = (double)(crew.slot[0].end - crew.slot[0].begin) /
                         (double)crew.slot[0].count;
        free(c.input.at);
        return rc;
}

static uint64_t (*const chunks)(const struct input *) = by_chunks;
static uint64_t (*const items)(const struct input *) = by_items;
static uint64_t (*const hand)(const struct input *) = by_hand;

static const struct shape range = { 10000000, false, false },
                          array = { 10000000, true, false },
                          any = { 10000000, true, true };

#define SIDES(shape) \
        static const struct bench_side shape##_chunks = { "weft", sample, &chunks, \
                                                          &shape }; \
        static const struct bench_side shape##_items = { "weft", sample, &items, \
                                                         &shape }; \
        static const struct bench_side shape##_hand = { "hand-fused loop", sample, \
                                                        &hand, &shape };
SIDES(range)
SIDES(array)
SIDES(any)

static const struct bench_row rows[] = {
        { "stream.chunks.range", "range, map, filter, map, fold by chunk functions", "ns",
          &range_chunks, &range_hand, 2.0, BENCH_LOWER, 0 },
        { "stream.items.range", "the same by item functions", "ns", &range_items,
          &range_hand, 5.0, BENCH_LOWER, 0 },
        { "stream.chunks.array", "array of 80 MB, map, filter, map, fold by chunks", "ns",
          &array_chunks, &array_hand, 2.0, BENCH_LOWER, 0 },
        { "stream.items.array", "the same by item functions", "ns", &array_items,
          &array_hand, 5.0, BENCH_LOWER, 0 },
        { "stream.chunks.random", "array of 80 MB of random numbers, by chunks", "ns",
          &any_chunks, &any_hand, 2.0, BENCH_LOWER, 0 },
        { "stream.items.random", "the same by item functions", "ns", &any_items,
          &any_hand, 5.0, BENCH_LOWER, 0 },
};

BENCH_MODULE(stream, rows);
