/* bench/stream_inline_bench.c -- chains of <weft/stream_inline.h> beside the same loops
 * written by hand: map -> filter -> map -> fold over u64. Both are functions of their own
 * that are not inlined; each result is compared with what an eager loop says. */
#include "bench/bench.h"

#include <weft/stream_inline.h>

enum { ITEMS = 1 << 16 };

static uint64_t items[ITEMS];

struct chain {
        uint64_t (*run)(const uint64_t *at, uint64_t n);
};

#ifdef __clang__ /* makes no clones */
#define OWN __attribute__((noinline, aligned(64)))
#else
#define OWN __attribute__((noinline, noclone, aligned(64)))
#endif

/* ---- a range: nothing but the arithmetic ------------------------------------------ */

static OWN uint64_t range_weft(const uint64_t *at, uint64_t n)
{
        uint64_t sum = at[0];
        WEFT_FROM_RANGE(uint64_t, x, 0, n)
        {
                WEFT_MAP(uint64_t, y, x * 3 + 1);
                WEFT_FILTER(y & 4);
                WEFT_MAP(uint64_t, z, y ^ (y >> 3));
                WEFT_FOLD(sum, sum + z);
        }
        return sum;
}

static OWN uint64_t range_hand(const uint64_t *at, uint64_t n)
{
        uint64_t sum = at[0];
        for (uint64_t x = 0; x < n; x++) {
                uint64_t y = x * 3 + 1;
                if (!(y & 4))
                        continue;
                sum += y ^ (y >> 3);
        }
        return sum;
}

/* ---- an array --------------------------------------------------------------------- */

static OWN uint64_t array_weft(const uint64_t *at, uint64_t n)
{
        uint64_t sum = 0;
        WEFT_FROM_ARRAY(uint64_t, x, at, n)
        {
                WEFT_MAP(uint64_t, y, x * 3 + 1);
                WEFT_FILTER(y & 4);
                WEFT_MAP(uint64_t, z, y ^ (y >> 3));
                WEFT_FOLD(sum, sum + z);
        }
        return sum;
}

static OWN uint64_t array_hand(const uint64_t *at, uint64_t n)
{
        uint64_t sum = 0;
        for (uint64_t i = 0; i < n; i++) {
                uint64_t y = at[i] * 3 + 1;
                if (!(y & 4))
                        continue;
                sum += y ^ (y >> 3);
        }
        return sum;
}

/* ---- with state: scan and take, too ------------------------------------------------ */

static OWN uint64_t state_weft(const uint64_t *at, uint64_t n)
{
        uint64_t sum = 0, total = 0, left = n / 2;
        WEFT_FROM_ARRAY(uint64_t, x, at, n)
        {
                WEFT_FILTER(x & 4);
                WEFT_SCAN(total, total + x);
                WEFT_TAKE(x, left);
                WEFT_FOLD(sum, sum ^ total);
        }
        return sum;
}

static OWN uint64_t state_hand(const uint64_t *at, uint64_t n)
{
        uint64_t sum = 0, total = 0, left = n / 2;
        if (!left)
                return 0;
        for (uint64_t i = 0; i < n; i++) {
                if (!(at[i] & 4))
                        continue;
                total += at[i];
                sum ^= total;
                if (!--left)
                        break;
        }
        return sum;
}

/* ---- sampling --------------------------------------------------------------------- */

/* What each must say, said by loops that the compiler sees through. */
static uint64_t expected(const struct chain *chain)
{
        uint64_t sum = 0, total = 0, left = ITEMS / 2;
        for (uint64_t i = 0; i < ITEMS; i++) {
                uint64_t x = chain->run == range_weft || chain->run == range_hand
                                     ? i
                                     : items[i];
                if (chain->run == state_weft || chain->run == state_hand) {
                        if ((x & 4) && left && left--)
                                sum ^= total += x;
                } else if ((x * 3 + 1) & 4) {
                        sum += (x * 3 + 1) ^ ((x * 3 + 1) >> 3);
                }
        }
        if (chain->run == range_weft || chain->run == range_hand)
                sum += items[0];
        return sum;
}

static void body(struct bench_worker *w, void *context)
{
        const struct chain *chain = context;
        uint64_t n = 0, right = expected(chain);

        bench_ready(w);
        do {
                BENCH_CHECK(chain->run(items, ITEMS) == right);
                n += ITEMS;
                bench_ops(w, n);
        } while (!bench_stopping(w));
        w->slot->count = n;
}

static int sample(const struct bench_side *side, double *value)
{
        struct chain chain = *(const struct chain *)side->subject;
        struct bench_crew crew = {
                .count = 1, .ms = bench.ms, .body = body, .context = &chain
        };

        /* Branches that are learned at once: what is measured is the loop. */
        for (uint64_t i = 0; i < ITEMS; i++)
                items[i] = i;
        int rc = bench_crew_run(&crew);
        if (rc == 0)
                *value = (double)(crew.slot[0].end - crew.slot[0].begin) /
                         (double)crew.slot[0].count;
        return rc;
}

#define SIDE(what, who, name) \
        static const struct chain what##_##who##_chain = { what##_##who }; \
        static const struct bench_side what##_##who##_side = { name, sample, \
                                                               &what##_##who##_chain, \
                                                               NULL }
SIDE(range, weft, "weft");
SIDE(range, hand, "hand-fused loop");
SIDE(array, weft, "weft");
SIDE(array, hand, "hand-fused loop");
SIDE(state, weft, "weft");
SIDE(state, hand, "hand-fused loop");

static const struct bench_row rows[] = {
        { "stream.inline.range", "range, map, filter, map, fold by inline macros", "ns",
          &range_weft_side, &range_hand_side, 1.15, BENCH_LOWER, 0 },
        { "stream.inline.array", "array, map, filter, map, fold by inline macros", "ns",
          &array_weft_side, &array_hand_side, 1.15, BENCH_LOWER, 0 },
        { "stream.inline.state", "array, filter, scan, take, fold by inline macros", "ns",
          &state_weft_side, &state_hand_side, 1.15, BENCH_LOWER, 0 },
};

BENCH_MODULE(stream_inline, rows);
