/* tests/unit/stream_array_test.c -- arrays of all sizes, wherever they begin and end: each item
 * once, in order, read where it lies and never written there; ranges beside a plain loop. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/unit/stream_kit.h"

enum { MOST = 3 << 20, PAGE = 4096, HASH = 0x5a };

static uint8_t *mapped, *have;

/* MOST bytes that nobody may write, then a page that nobody may read. */
static int set_up(void **state)
{
        (void)state;
        mapped = mmap(NULL, MOST + PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        have = malloc(MOST);
        CHECK(mapped != MAP_FAILED && have);
        for (size_t i = 0; i < MOST; i++)
                mapped[i] = (uint8_t)rnd(256);
        CHECK(mprotect(mapped, MOST, PROT_READ) == 0);
        CHECK(mprotect(mapped + MOST, PAGE, PROT_NONE) == 0);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        free(have);
        return munmap(mapped, MOST + PAGE);
}

/* ---- functions of items of `*argument` bytes ------------------------------------------ */

static int item_mask(const void *in, void *out, const void *argument)
{
        const uint8_t *from = in;
        uint8_t *to = out;
        for (uint32_t i = 0; i < *(const uint32_t *)argument; i++)
                to[i] = from[i] ^ HASH;
        return 0;
}

static int64_t chunk_mask(const void *in, size_t n, void *out, size_t room,
                          const void *argument)
{
        uint32_t bytes = *(const uint32_t *)argument;
        (void)room;
        for (size_t i = 0; i < n; i++)
                (void)item_mask((const uint8_t *)in + i * bytes,
                                (uint8_t *)out + i * bytes, argument);
        return (int64_t)n;
}

static int item_even(const void *in, void *out, const void *argument)
{
        (void)out, (void)argument;
        return *(const uint8_t *)in & 1;
}

static int64_t chunk_even(const void *in, size_t n, void *out, size_t room,
                          const void *argument)
{
        uint32_t bytes = *(const uint32_t *)argument;
        uint8_t *to = out;
        (void)room;
        for (size_t i = 0; i < n; i++) {
                const uint8_t *from = (const uint8_t *)in + i * bytes;
                if (*from & 1)
                        continue;
                memmove(to, from, bytes);
                to += bytes;
        }
        return (int64_t)((size_t)(to - (uint8_t *)out) / bytes);
}

/* By name, a function may count on how its items lie. */
static int item_aligned(const void *in, void *out, const void *argument)
{
        (void)argument;
        CHECK((uintptr_t)in % 8 == 0 && (uintptr_t)out % 8 == 0);
        *(uint64_t *)out = *(const uint64_t *)in ^ UINT64_C(0x5a5a5a5a5a5a5a5a);
        return 0;
}
WEFT_FUNCTION_ITEM("stream_array/aligned", item_aligned, WEFT_TYPE(uint64_t, NULL),
                   WEFT_TYPE(uint64_t, NULL))

enum way { AS_IT_IS, MAP_ITEM, MAP_CHUNK, MAP_NAME, FILTER_ITEM, FILTER_CHUNK, WAYS };

static weft_stream_t *chain(enum way way, const uint8_t *at, size_t n,
                            const uint32_t *bytes)
{
        weft_stream_t *s = weft_stream_array(at, n, *bytes);
        switch (way) {
        case MAP_ITEM:
                return weft_stream_map(s,
                                       weft_call_item(item_mask, *bytes, *bytes, bytes));
        case MAP_CHUNK:
                return weft_stream_map(
                        s, weft_call_chunk(chunk_mask, *bytes, *bytes, bytes));
        case MAP_NAME:
                return weft_stream_map(s, weft_call_name("stream_array/aligned", NULL));
        case FILTER_ITEM:
                return weft_stream_filter(
                        s, weft_call_item(item_even, *bytes, *bytes, bytes));
        case FILTER_CHUNK:
                return weft_stream_filter(
                        s, weft_call_chunk(chunk_even, *bytes, *bytes, bytes));
        default:
                return s;
        }
}

/* How many of them have come, as they must, in `got` items at `have`. */
static size_t compare(enum way way, const uint8_t *at, size_t n, uint32_t bytes,
                      size_t got)
{
        uint8_t mask = way == MAP_ITEM || way == MAP_CHUNK || way == MAP_NAME ? HASH : 0;
        size_t i = 0, k = 0;
        for (; i < n && k < got; i++) {
                if (way >= FILTER_ITEM && at[i * bytes] & 1)
                        continue;
                for (uint32_t b = 0; b < bytes; b++)
                        CHECK(have[k * bytes + b] == (at[i * bytes + b] ^ mask));
                k++;
        }
        for (; way >= FILTER_ITEM && i < n && at[i * bytes] & 1; i++)
                ;
        CHECK(k == got);
        return i;
}

static void run(enum way way, const uint8_t *at, size_t n, uint32_t bytes)
{
        weft_stream_t *s = chain(way, at, n, &bytes);
        size_t stop = rnd(2) ? SIZE_MAX : (size_t)rnd(n + 1), got = 0;
        for (int runs = 0; runs < 2; runs++, stop = SIZE_MAX) {
                int64_t rc = 1;
                for (got = 0; rc > 0 && got < stop;) {
                        size_t each = 1 + (size_t)rnd(rnd(2) ? 40 : 2000);
                        if (each > MOST / bytes - got)
                                each = MOST / bytes - got;
                        if (!each)
                                break;
                        rc = weft_stream_pull(s, have + got * bytes, each, WEFT_NEVER);
                        got += rc > 0 ? (size_t)rc : 0;
                }
                size_t seen = compare(way, at, n, bytes, got);
                CHECK(rc >= 0 && (stop != SIZE_MAX || seen == n));
                CHECK(weft_stream_restart(s) == 0);
        }
        weft_stream_free(s);
}

static void each_item_once_wherever_it_lies(void **state)
{
        (void)state;
        static const uint32_t sizes[] = { 1, 3, 8, 8, 8, 24, 1000, 1024, 1032, 40000 };
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                for (enum way way = 0; way < WAYS; way++)
                        for (int k = 0; k < 5; k++) {
                                uint32_t bytes = sizes[i];
                                size_t n = (MOST - 8) / bytes;
                                if (k > 1 || bytes == 1)
                                        n = (size_t)rnd(k > 3 && n > 300 ? 300 : n);
                                if (way == MAP_NAME && bytes != 8)
                                        continue;
                                /* to the last byte, or from any on */
                                run(way, mapped + MOST - n * bytes - (k & 1 ? rnd(8) : 0),
                                    n, bytes);
                        }
}

/* What a sink puts back comes first, from where it was kept, and then the array goes on. */
static void what_was_put_back_is_not_lent(void **state)
{
        (void)state;
        const uint32_t bytes = 8;
        const size_t n = MOST / 8;
        weft_stream_t *s = weft_stream_array(mapped, n, bytes);
        uint64_t first = 0;
        CHECK(weft_stream_next(s, &first, WEFT_NEVER) == 1);
        CHECK(memcmp(&first, mapped, 8) == 0);
        s = weft_stream_map(s, weft_call_chunk(chunk_mask, 8, 8, &bytes));
        uint64_t got = 0;
        CHECK(weft_stream_collect(s, have, n, &got, WEFT_NEVER) == 0);
        CHECK(got == n - 1);
        CHECK(compare(MAP_CHUNK, mapped + 8, n - 1, bytes, got) == n - 1);
}

static void a_range_is_as_a_loop_makes_it(void **state)
{
        (void)state;
        for (int k = 0; k < 400; k++) {
                uint64_t first = rnd(3) ? rnd(100) : rnd(0), n = rnd(k % 8 ? 50 : 5000),
                         step = rnd(3) ? rnd(9) : rnd(0), got = 0;
                weft_stream_t *s = weft_stream_range(first, n, step);
                const uint64_t *numbers = (const void *)have;
                while (got < n) {
                        int64_t rc = weft_stream_pull(s, have + got * 8, 1 + rnd(200),
                                                      WEFT_NEVER);
                        CHECK(rc > 0);
                        got += (uint64_t)rc;
                }
                CHECK(got == n && weft_stream_pull(s, have, 1, WEFT_NEVER) == 0);
                for (uint64_t i = 0; i < n; i++)
                        CHECK(numbers[i] == first + i * step);
                weft_stream_free(s);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_item_once_wherever_it_lies),
                cmocka_unit_test(what_was_put_back_is_not_lent),
                cmocka_unit_test(a_range_is_as_a_loop_makes_it),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
