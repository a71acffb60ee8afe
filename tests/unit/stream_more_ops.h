/* tests/unit/stream_more_ops.h -- rows for stream_ops.h: joins, windows and the clock. Times
 * are so long, or so short, that they never matter. */
#ifndef WEFT_TESTS_STREAM_MORE_OPS_H
#define WEFT_TESTS_STREAM_MORE_OPS_H

#include <weft/stream_join.h>
#include <weft/stream_time.h>
#include <weft/stream_window.h>

#define OP_HOUR (3600 * WEFT_SEC)

MAYBE int64_t chunk_copy(const void *in, size_t n, void *out, size_t room,
                         const void *argument)
{
        (void)argument;
        if (room < n)
                return -EOVERFLOW;
        memcpy(out, in, n * sizeof(uint64_t));
        return (int64_t)n;
}
MAYBE int64_t chunk_first_of_two(const void *in, size_t n, void *out, size_t room,
                                 const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out;
        (void)argument;
        if (room < n)
                return -EOVERFLOW;
        for (size_t i = 0; i < n; i++)
                to[i] = from[2 * i];
        return (int64_t)n;
}
MAYBE struct weft_call call_copy(void)
{
        return weft_call_chunk(chunk_copy, 8, 8, NULL);
}

MAYBE weft_stream_t *on_merge(weft_stream_t *s)
{
        weft_stream_t *const of[] = { weft_stream_range(0, 0, 1), s };
        return weft_stream_merge(of, 2);
}
MAYBE weft_stream_t *on_until(weft_stream_t *s)
{
        return weft_stream_take_until(s, weft_stream_interval(OP_HOUR));
}
MAYBE weft_stream_t *on_zip(weft_stream_t *s)
{
        s = weft_stream_zip(s, weft_stream_range(0, UINT64_MAX, 1), 0, 0);
        return weft_stream_map(s, weft_call_chunk(chunk_first_of_two, 16, 8, NULL));
}
MAYBE weft_stream_t *on_unzip(weft_stream_t *s)
{
        weft_stream_t *a = NULL, *b = NULL;
        s = weft_stream_zip(s, weft_stream_range(0, UINT64_MAX, 1), 0, 0);
        weft_stream_unzip(s, 100, 8, 8, 8, &a, &b);
        weft_stream_free(b);
        return a;
}
MAYBE weft_stream_t *with_window(weft_stream_t *s, struct weft_call f)
{
        return weft_stream_window(s, 3, 3, f);
}
MAYBE weft_stream_t *with_sliding(weft_stream_t *s, struct weft_call f)
{
        return weft_stream_window(s, 3, 2, f);
}
MAYBE weft_stream_t *with_batch(weft_stream_t *s, struct weft_call f)
{
        return weft_stream_batch(s, 3, OP_HOUR, f);
}
MAYBE weft_stream_t *with_stretches(weft_stream_t *s, struct weft_call f)
{
        return weft_stream_window_time(s, OP_HOUR, 3, f);
}
MAYBE weft_stream_t *on_delay(weft_stream_t *s)
{
        return weft_stream_delay(s, 1, 10);
}
MAYBE weft_stream_t *on_timeout(weft_stream_t *s)
{
        return weft_stream_timeout(s, OP_HOUR, NULL);
}
MAYBE weft_stream_t *on_timeout_fallback(weft_stream_t *s)
{
        return weft_stream_timeout(s, OP_HOUR, weft_stream_range(0, 3, 1));
}
MAYBE weft_stream_t *on_every(weft_stream_t *s)
{
        return weft_stream_every(s, 2);
}
/* Each item a group, given at once. */
MAYBE weft_stream_t *with_group(weft_stream_t *s, struct weft_call f)
{
        struct weft_stream_groups o = { .key = { .out_bytes = 8 },
                                        .fold = f,
                                        .state_bytes = 8,
                                        .most = 4,
                                        .every = 1 };
        s = weft_stream_group_by(s, &o);
        return weft_stream_map(s, weft_call_chunk(chunk_first_of_two, 16, 8, NULL));
}

#define MORE_OPS \
        { .name = "merge", .on = on_merge }, { .name = "take_until", .on = on_until }, \
                { .name = "zip", .on = on_zip }, \
                { .name = "unzip", .on = on_unzip, .fixed = true }, \
                { .name = "window", .calls = call_copy, .with = with_window }, \
                { .name = "window", .calls = call_copy, .with = with_sliding }, \
                { .name = "batch", .calls = call_copy, .with = with_batch }, \
                { .name = "window_time", .calls = call_copy, .with = with_stretches }, \
                { .name = "group_by", .calls = call_sum_item, .with = with_group }, \
                { .name = "delay", .on = on_delay }, \
                { .name = "timeout", .on = on_timeout }, \
                { .name = "timeout", .on = on_timeout_fallback }, \
        { \
                .name = "every", .on = on_every \
        }

#endif
