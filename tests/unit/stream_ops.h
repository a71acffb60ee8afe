/* tests/unit/stream_ops.h -- every operator on a stream of numbers, for tests of what all of
 * them promise. */
#ifndef WEFT_TESTS_STREAM_OPS_H
#define WEFT_TESTS_STREAM_OPS_H

#include "tests/unit/stream_kit.h"

struct op {
        const char *name;
        weft_stream_t *(*on)(weft_stream_t *s);
        struct weft_call (*calls)(void); /* its function; NULL: it has none */
        weft_stream_t *(*with)(weft_stream_t *s, struct weft_call f);
        bool fixed; /* cannot be restarted */
        bool heals; /* an error ends with it */
        bool grows; /* may allocate in the midst */
};

static const uint64_t op_three = 3, op_zero = 0;
static uint32_t op_four = 4;

MAYBE struct weft_call call_map_item(void)
{
        return weft_call_item(item_times, 8, 8, &op_three);
}
MAYBE struct weft_call call_map_chunk(void)
{
        return weft_call_chunk(chunk_times, 8, 8, &op_three);
}
MAYBE struct weft_call call_odd_item(void)
{
        return weft_call_item(item_odd, 8, 8, NULL);
}
MAYBE struct weft_call call_odd_chunk(void)
{
        return weft_call_chunk(chunk_odd, 8, 8, NULL);
}
MAYBE struct weft_call call_sum_item(void)
{
        return weft_call_item(item_add, 8, 8, NULL);
}
MAYBE struct weft_call call_thirds(void)
{
        return weft_call_chunk(chunk_thirds, 8, 8, NULL);
}

MAYBE weft_stream_t *with_flat_map(weft_stream_t *s, struct weft_call f)
{
        return weft_stream_flat_map(s, f, 2);
}
MAYBE weft_stream_t *with_scan(weft_stream_t *s, struct weft_call f)
{
        return weft_stream_scan(s, f, &op_zero);
}
MAYBE weft_stream_t *with_yes(weft_stream_t *s, struct weft_call f)
{
        weft_stream_t *yes = NULL, *no = NULL;
        weft_stream_partition(s, f, 100, &yes, &no);
        weft_stream_free(no);
        return yes;
}
MAYBE weft_stream_t *with_no(weft_stream_t *s, struct weft_call f)
{
        weft_stream_t *yes = NULL, *no = NULL;
        weft_stream_partition(s, f, 100, &yes, &no);
        weft_stream_free(yes);
        return no;
}

MAYBE weft_stream_t *on_take(weft_stream_t *s)
{
        return weft_stream_take(s, 100000); /* more than there are */
}
MAYBE weft_stream_t *on_skip(weft_stream_t *s)
{
        return weft_stream_skip(s, 3);
}
MAYBE weft_stream_t *on_concat(weft_stream_t *s)
{
        weft_stream_t *both[] = { weft_stream_range(0, 10, 1), s };
        return weft_stream_concat(both, 2);
}
MAYBE weft_stream_t *on_chunk(weft_stream_t *s)
{
        s = weft_stream_chunk(s, op_four);
        return weft_stream_flat_map(
                s, weft_call_chunk(chunk_unpack, 8 + 8 * op_four, 8, &op_four), op_four);
}
MAYBE weft_stream_t *on_changed(weft_stream_t *s)
{
        return weft_stream_distinct_until_changed(s);
}
MAYBE weft_stream_t *on_distinct(weft_stream_t *s)
{
        return weft_stream_distinct(s, 0);
}
MAYBE weft_stream_t *on_distinct_most(weft_stream_t *s)
{
        return weft_stream_distinct(s, 100000);
}
MAYBE weft_stream_t *on_tee(weft_stream_t *s)
{
        weft_stream_t *a = NULL, *b = NULL;
        weft_stream_tee(s, 100, &a, &b);
        weft_stream_free(b);
        return a;
}
MAYBE weft_stream_t *on_retry(weft_stream_t *s)
{
        return weft_stream_retry(s, 0);
}
MAYBE weft_stream_t *on_repeat(weft_stream_t *s)
{
        return weft_stream_repeat(s, 1);
}
MAYBE weft_stream_t *on_on_error(weft_stream_t *s)
{
        return weft_stream_on_error(s, weft_stream_range(7, 1, 0));
}
MAYBE weft_stream_t *on_on_error_value(weft_stream_t *s)
{
        return weft_stream_on_error_value(s, &op_three, 8);
}

/* One of each, in a row. */
MAYBE weft_stream_t *on_all(weft_stream_t *s)
{
        s = weft_stream_map(s, call_map_item());
        s = weft_stream_map(s, call_map_chunk());
        s = weft_stream_filter(s, call_odd_chunk());
        s = weft_stream_filter(s, call_odd_item());
        return on_changed(on_tee(on_chunk(on_skip(on_take(s)))));
}

#include "tests/unit/stream_more_ops.h"

static const struct op ops[] = {
        { .name = "map", .calls = call_map_item, .with = weft_stream_map },
        { .name = "map", .calls = call_map_chunk, .with = weft_stream_map },
        { .name = "map", .calls = call_odd_chunk, .with = weft_stream_filter_map },
        { .name = "filter", .calls = call_odd_item, .with = weft_stream_filter },
        { .name = "filter", .calls = call_odd_chunk, .with = weft_stream_filter },
        { .name = "flat_map", .calls = call_thirds, .with = with_flat_map },
        { .name = "scan", .calls = call_sum_item, .with = with_scan },
        { .name = "take_while", .calls = call_odd_item, .with = weft_stream_take_while },
        { .name = "drop_while", .calls = call_odd_chunk, .with = weft_stream_drop_while },
        { .name = "partition", .calls = call_odd_item, .with = with_yes, .fixed = true },
        { .name = "partition", .calls = call_odd_chunk, .with = with_no, .fixed = true },
        { .name = "take", .on = on_take },
        { .name = "skip", .on = on_skip },
        { .name = "concat", .on = on_concat },
        { .name = "chunk", .on = on_chunk },
        { .name = "distinct_until_changed", .on = on_changed },
        { .name = "distinct", .on = on_distinct, .grows = true },
        { .name = "distinct", .on = on_distinct_most },
        { .name = "tee", .on = on_tee, .fixed = true },
        { .name = "retry", .on = on_retry },
        { .name = "repeat", .on = on_repeat },
        { .name = "on_error", .on = on_on_error, .heals = true },
        { .name = "on_error", .on = on_on_error_value, .heals = true },
        { .name = "all", .on = on_all, .fixed = true },
        MORE_OPS,
};

#define OPS (sizeof ops / sizeof *ops)

MAYBE weft_stream_t *apply(const struct op *op, weft_stream_t *s)
{
        return op->on ? op->on(s) : op->with(s, op->calls());
}

#endif
