/* tests/unit/stream_inline_chains.h -- chains of <weft/stream_inline.h>, each beside the
 * loop that one would write by hand. C11 and C++17: the unit test runs them, and
 * stream_inline_build_test.sh builds them by every compiler with every warning. */
#ifndef WEFT_TESTS_STREAM_INLINE_CHAINS_H
#define WEFT_TESTS_STREAM_INLINE_CHAINS_H

#include <stdbool.h>

#include <weft/stream_inline.h>

/* The line of the first claim that is not true. */
static int chains_wrong;
#define CLAIM(claim) \
        do { \
                if (!(claim) && !chains_wrong) \
                        chains_wrong = __LINE__; \
        } while (0)

enum { CHAINS_MOST = 300 };

struct chains_pair {
        uint32_t key;
        double value;
};

static void chains_of_a_range(uint64_t n)
{
        uint64_t sum = 0, plain = 0, count = 0;

        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_MAP(uint64_t, y, x * 3 + 1);
                WEFT_FILTER(y % 7 != 0);
                WEFT_MAP(uint64_t, z, y ^ (y >> 3));
                WEFT_FOLD(sum, sum + z);
        }
        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        WEFT_COUNT(count);
        CLAIM(count == n);
        for (uint64_t i = 0; i < n; i++)
                if ((i * 3 + 1) % 7 != 0)
                        plain += (i * 3 + 1) ^ ((i * 3 + 1) >> 3);
        CLAIM(sum == plain);

        int lowest = 0;
        WEFT_FROM_RANGE(int, x, -3, 3)
        WEFT_FOLD(lowest, x < lowest ? x : lowest);
        CLAIM(lowest == -3);
        WEFT_FROM_RANGE(int, x, 3, -3)
        CLAIM(x == 99);
        count = 0;
        WEFT_FROM_RANGE(uint8_t, x, 250, 255)
        WEFT_FOLD(count, count + x);
        CLAIM(count == 250 + 251 + 252 + 253 + 254);
}

static void chains_that_end_early(uint64_t n)
{
        uint64_t left = 10, skip = 3, sum = 0, seen = 0, last = 0, any = 0;
        bool dropping = true;

        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_COUNT(seen);
                WEFT_SKIP(skip);
                WEFT_TAKE(x, left);
                WEFT_FOLD(sum, sum + x);
        }
        if (n >= 13)
                CLAIM(seen == 13 && left == 0 && sum == 3 * 10 + 45);
        else
                CLAIM(seen == n && (n < 3 || left == 13 - n));
        sum = seen = left = 0;
        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_COUNT(seen);
                WEFT_TAKE(x, left);
                WEFT_COUNT(sum);
        }
        CLAIM(sum == 0 && seen == (n > 0));
        seen = 0;
        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_DROP_WHILE(dropping, x < 5);
                WEFT_TAKE_WHILE(x, x < 20);
                CLAIM(x >= 5 && x < 20);
                WEFT_COUNT(seen);
        }
        CLAIM(seen == (n < 5 ? 0 : n < 20 ? n - 5 : 15));
        seen = 0;
        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_MAP(uint64_t, y, x / 4);
                WEFT_DISTINCT(any, last, y);
                WEFT_COUNT(seen);
        }
        CLAIM(seen == (n + 3) / 4);
        seen = skip = 0;
        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_EVERY(skip, 5);
                CLAIM(x % 5 == 4);
                WEFT_COUNT(seen);
        }
        CLAIM(seen == n / 5);
}

static void chains_of_arrays(uint64_t n)
{
        uint32_t in[CHAINS_MOST], out[CHAINS_MOST];
        struct chains_pair pairs[CHAINS_MOST];
        const uint32_t *constant = in;
        const void *untyped = in;
        uint64_t total = 0, sum = 0;
        double values = 0;

        for (uint32_t i = 0; i < n; i++) {
                in[i] = i * 2654435761u;
                pairs[i].key = i;
                pairs[i].value = i / 2.0;
        }
        WEFT_OUT(uint32_t, o, out, n);
        WEFT_FROM_ARRAY(uint32_t, x, in, n)
        {
                WEFT_SCAN(total, total + x);
                WEFT_EMIT(o, (uint32_t)(total >> 8));
        }
        CLAIM(WEFT_OUT_COUNT(o) == (int64_t)n);
        for (uint64_t i = 0; i < n; i++) {
                sum += in[i];
                CLAIM(out[i] == (uint32_t)(sum >> 8));
        }
        CLAIM(sum == total);
        WEFT_FROM_ARRAY(uint32_t, x, constant, n)
        WEFT_FOLD(sum, sum - x);
        CLAIM(sum == 0);
        WEFT_FROM_ARRAY(uint32_t, x, untyped, n)
        WEFT_FOLD(sum, sum + x);
        CLAIM(sum == total);
        WEFT_FROM_ARRAY(struct chains_pair, p, pairs, n)
        {
                WEFT_FILTER(p.key & 1);
                WEFT_FOLD(values, values + p.value);
        }
        CLAIM(values == (double)(n / 2 * (n / 2)) / 2);
        WEFT_OUT(uint32_t, few, out, n / 2);
        WEFT_FROM_ARRAY(uint32_t, x, in, n)
        WEFT_EMIT(few, x);
        CLAIM(WEFT_OUT_LENGTH(few) == (int64_t)(n / 2));
        CLAIM(WEFT_OUT_COUNT(few) == (n ? -EOVERFLOW : 0));
}

static void chains_in_chains(uint64_t n)
{
        uint64_t pairs = 0, plain = 0, left = 17, taken = 0, hops = 0;

        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_FILTER(x % 3 != 1);
                WEFT_FROM_RANGE(uint64_t, y, 0, x)
                {
                        WEFT_FILTER(y % 2);
                        WEFT_FOLD(pairs, pairs + x * y);
                }
        }
        for (uint64_t i = 0; i < n; i++)
                for (uint64_t j = 1; j < i && i % 3 != 1; j += 2)
                        plain += i * j;
        CLAIM(pairs == plain);
        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_COUNT(hops);
                WEFT_FROM_RANGE(uint64_t, y, 0, x)
                {
                        WEFT_TAKE(x, left);
                        WEFT_COUNT(taken);
                        (void)y;
                }
        }
        CLAIM(taken == (n > 6 ? 17 : n ? n * (n - 1) / 2 : 0));
        CLAIM(hops == (n > 6 ? 7 : n));

        left = 12, pairs = 0;
        WEFT_FROM_ITERATE(uint64_t, x, 1, x * 2)
        {
                WEFT_TAKE(x, left);
                WEFT_FOLD(pairs, pairs + x);
        }
        CLAIM(pairs == 4095);
        taken = 0;
        WEFT_FROM_ITERATE(uint64_t, x, 27, x & 1 ? 3 * x + 1 : x / 2)
        {
                WEFT_TAKE_WHILE(x, x != 1);
                WEFT_COUNT(taken);
        }
        CLAIM(taken == 111);
}

/* What a dynamic stream calls. */
static int64_t chains_odd_squares(const void *in, size_t n, void *out, size_t room,
                                  const void *argument)
{
        (void)argument;
        WEFT_OUT(uint64_t, o, out, room);
        WEFT_FROM_ARRAY(uint64_t, x, in, n)
        {
                WEFT_FILTER(x & 1);
                WEFT_EMIT(o, x * x);
        }
        return WEFT_OUT_COUNT(o);
}

static void chains_in_a_chunk_function(uint64_t n)
{
        uint64_t in[CHAINS_MOST] = { 0 }, out[CHAINS_MOST];

        for (uint64_t i = 0; i < n; i++)
                in[i] = i;
        CLAIM(chains_odd_squares(in, n, out, n, NULL) == (int64_t)(n / 2));
        for (uint64_t i = 0; i < n / 2; i++)
                CLAIM(out[i] == (2 * i + 1) * (2 * i + 1));
        if (n >= 2)
                CLAIM(chains_odd_squares(in, n, out, n / 2 - 1, NULL) == -EOVERFLOW);
}

/* Loop after loop on one puller: what one leaves, the next one gets. */
static void chains_of_a_stream(weft_stream_t *stream, uint64_t n)
{
        uint64_t sum = 0, left = 3, seen = 0;

        WEFT_PULLER(uint64_t, p, 7, stream, WEFT_NEVER);
        WEFT_FROM_STREAM(uint64_t, x, p)
        {
                WEFT_TAKE(x, left);
                CLAIM(x == seen);
                WEFT_COUNT(seen);
        }
        CLAIM(seen == (n < 3 ? n : 3) && WEFT_PULLER_ERROR(p) == 0);
        WEFT_FROM_STREAM(uint64_t, x, p)
        {
                CLAIM(x == seen);
                WEFT_COUNT(seen);
                if (x == 9)
                        break;
        }
        CLAIM(seen == (n < 10 ? n : 10));
        WEFT_FROM_STREAM(uint64_t, x, p)
        {
                WEFT_FILTER(x & 1);
                WEFT_FOLD(sum, sum + x);
        }
        for (uint64_t i = 11; i < n; i += 2)
                sum -= i;
        CLAIM(sum == 0);
        CLAIM(WEFT_PULLER_END(p) == 0);
}

/* Of another size than it is pulled by. */
static void chains_of_a_wrong_stream(weft_stream_t *stream)
{
        WEFT_PULLER(uint32_t, p, 7, stream, WEFT_NEVER);
        WEFT_FROM_STREAM(uint32_t, x, p)
        CLAIM(x == 99);
        CLAIM(WEFT_PULLER_END(p) == -EPROTO);
}

/* `of(n)` makes a stream of n items of 8 bytes: 0, 1, ... */
static int chains(weft_stream_t *(*of)(uint64_t n))
{
        for (uint64_t n = 0; n < CHAINS_MOST; n += n < 40 ? 1 : 37) {
                chains_of_a_range(n);
                chains_that_end_early(n);
                chains_of_arrays(n);
                chains_in_chains(n);
                chains_in_a_chunk_function(n);
                chains_of_a_stream(of(n), n);
        }
        chains_of_a_wrong_stream(of(3));
        return chains_wrong;
}

#endif
