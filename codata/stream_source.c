/* codata/stream_source.c -- streams that begin in this process's memory. */
#include "codata/stream_internal.h"

/* ---- array -------------------------------------------------------------------- */

/* What comes from memory comes while the functions work on what was there before, if it is
 * asked for by then: few lines at once, as the processor has room for not many more, or it
 * waits for them itself. */
enum {
        FAR_BYTES = 1 << 20, /* arrays from here on come from memory */
        AT_ONCE = 1024,
        AHEAD = 4096,
};

struct array {
        const char *at;
        size_t n, next;
        size_t some; /* at most so many items at once */
        bool far;
};

static inline void ask_for(const char *from, size_t bytes)
{
#pragma GCC unroll 4
        for (size_t i = 0; i < bytes; i += 64)
                __builtin_prefetch(from + i);
}

static int64_t array_lend(weft_stream_t *self, const void **items, size_t n)
{
        struct array *a = self->state;
        size_t left = a->n - a->next, bytes = self->item_bytes;
        const char *at = a->at + a->next * bytes;
        if (n > a->some)
                n = a->some;
        if (n > left)
                n = left;
        if (a->far && (left - n) * bytes >= AHEAD + AT_ONCE)
                ask_for(at + AHEAD, n * bytes);
        *items = at;
        a->next += n;
        return (int64_t)n;
}

static int64_t array_pull(weft_stream_t *self, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        const void *at = NULL;
        (void)state, (void)deadline;
        int64_t got = array_lend(self, &at, n);
        if (got > 0)
                memcpy(items, at, (size_t)got * self->item_bytes);
        return got;
}

static int array_rewind(weft_stream_t *self, void *state)
{
        struct array *a = state;
        (void)self;
        a->next = 0;
        return 0;
}

static const struct weft_stream_class array_class = { .name = "array",
                                                      .pull = array_pull,
                                                      .rewind = array_rewind };

weft_stream_t *weft_stream_array(const void *items, size_t n, uint32_t item_bytes)
{
        struct array *a = NULL;
        if (n && !items)
                return weft_stream_spoil(NULL, -EINVAL, "array: no items (NULL)");
        if (n > PTRDIFF_MAX / (item_bytes ? item_bytes : 1))
                return weft_stream_spoil(NULL, -EINVAL, "array: too large");
        weft_stream_t *s =
                weft_stream_make(&array_class, sizeof *a, NULL, 0, item_bytes, &a);
        if (a) {
                a->at = items;
                a->n = n;
                a->far = n >= FAR_BYTES / item_bytes && item_bytes <= AT_ONCE;
                a->some = a->far ? AT_ONCE / item_bytes : n;
                if ((uintptr_t)items % weft_stream_align(item_bytes) == 0)
                        s->lend = array_lend;
        }
        return s;
}

/* ---- range -------------------------------------------------------------------- */

struct range {
        uint64_t first, n, step;
        uint64_t next, left;
};

/* Two at once, as every x86-64 can; -O2 does not by itself. */
typedef uint64_t two __attribute__((vector_size(16)));

static int64_t range_pull(weft_stream_t *self, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct range *r = state;
        uint64_t *to = items, next = r->next, step = r->step;
        (void)self, (void)deadline;
        if (n > r->left)
                n = (size_t)r->left;
        size_t i = 0;
        two a = { next, next + step }, by_two = { 2 * step, 2 * step };
        two b = a + by_two, c = b + by_two, d = c + by_two, by_eight = 4 * by_two;
        for (; i + 8 <= n; i += 8) {
                const two eight[] = { a, b, c, d };
                memcpy(to + i, eight, sizeof eight);
                a += by_eight, b += by_eight, c += by_eight, d += by_eight;
        }
        next = a[0];
        for (; i < n; i++, next += step)
                to[i] = next;
        r->next = next;
        r->left -= n;
        return (int64_t)n;
}

static int range_rewind(weft_stream_t *self, void *state)
{
        struct range *r = state;
        (void)self;
        r->next = r->first;
        r->left = r->n;
        return 0;
}

static const struct weft_stream_class range_class = { .name = "range",
                                                      .pull = range_pull,
                                                      .rewind = range_rewind };

weft_stream_t *weft_stream_range(uint64_t first, uint64_t n, uint64_t step)
{
        struct range *r = NULL;
        weft_stream_t *s =
                weft_stream_make(&range_class, sizeof *r, NULL, 0, sizeof(uint64_t), &r);
        if (r)
                *r = (struct range){ first, n, step, first, n };
        return s;
}
