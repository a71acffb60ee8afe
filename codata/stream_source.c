/* codata/stream_source.c -- streams that begin in this process's memory. */
#include "codata/stream_internal.h"

/* ---- array -------------------------------------------------------------------- */

struct array {
        const char *at;
        size_t n, next;
};

static int64_t array_pull(weft_stream_t *self, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct array *a = state;
        size_t left = a->n - a->next;
        (void)deadline;
        if (n > left)
                n = left;
        if (!n)
                return 0;
        memcpy(items, a->at + a->next * self->item_bytes, n * self->item_bytes);
        a->next += n;
        return (int64_t)n;
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
        }
        return s;
}

/* ---- range -------------------------------------------------------------------- */

struct range {
        uint64_t first, n, step;
        uint64_t next, left;
};

static int64_t range_pull(weft_stream_t *self, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct range *r = state;
        uint64_t *to = items, next = r->next, step = r->step;
        (void)self, (void)deadline;
        if (n > r->left)
                n = (size_t)r->left;
        size_t i = 0;
        for (; i + 8 <= n; i += 8, next += 8 * step) /* a loop of one costs twice that */
                for (size_t k = 0; k < 8; k++)
                        to[i + k] = next + k * step;
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
