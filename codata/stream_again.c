/* codata/stream_again.c -- what comes after an error or the end: retry, repeat, on_error. */
#include <stdlib.h>

#include "codata/stream_internal.h"

/* ---- retry, repeat ------------------------------------------------------------------ */

struct again {
        uint64_t times, left;
        bool some; /* this run has given something */
};

static int again_rewind(weft_stream_t *s, void *state)
{
        struct again *a = state;
        (void)s;
        a->left = a->times;
        a->some = false;
        return 0;
}

/* Something that fails at once, over and over, must not keep its puller over his time. */
static int64_t retry_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct again *a = state;
        for (;;) {
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (got >= 0 || weft_stream_later(got) || got == -ECANCELED || !a->left)
                        return got;
                a->left--;
                int rc = weft_stream_restart(s->up[0]);
                if (rc == -ENOTSUP)
                        return got;
                rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static int64_t repeat_pull(weft_stream_t *s, void *state, void *items, size_t n,
                           uint64_t deadline)
{
        struct again *a = state;
        for (;;) {
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (got) {
                        a->some = a->some || got > 0;
                        return got;
                }
                bool end = a->times ? --a->left == 0 : !a->some;
                if (end) {
                        a->left = 1; /* if it is asked again */
                        return 0;
                }
                a->some = false;
                int rc = weft_stream_restart(s->up[0]);
                if (rc)
                        return rc;
                rc = weft_stream_due(deadline);
                if (rc == -ETIMEDOUT)
                        return rc;
        }
}

static const struct weft_stream_class retry_class = { .name = "retry",
                                                      .pull = retry_pull,
                                                      .rewind = again_rewind };
static const struct weft_stream_class repeat_class = { .name = "repeat",
                                                       .pull = repeat_pull,
                                                       .rewind = again_rewind };

static weft_stream_t *again(const struct weft_stream_class *class_of, weft_stream_t *up,
                            uint64_t times)
{
        struct again *a = NULL;
        weft_stream_t *s = weft_stream_make(class_of, sizeof *a, &up, 1,
                                            weft_stream_item_bytes(up), &a);
        if (a)
                *a = (struct again){ times, times, false };
        return s;
}

weft_stream_t *weft_stream_retry(weft_stream_t *up, uint64_t times)
{
        return again(&retry_class, up, times);
}

weft_stream_t *weft_stream_repeat(weft_stream_t *up, uint64_t times)
{
        return again(&repeat_class, up, times);
}

/* ---- on_error ------------------------------------------------------------------------ */

struct otherwise {
        bool failed; /* it is the other's turn */
};

static int64_t on_error_pull(weft_stream_t *s, void *state, void *items, size_t n,
                             uint64_t deadline)
{
        struct otherwise *o = state;
        if (!o->failed) {
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (got >= 0 || weft_stream_later(got) || got == -ECANCELED)
                        return got;
                o->failed = true;
        }
        return weft_stream_get(s->up[1], items, n, deadline);
}

static int on_error_rewind(weft_stream_t *s, void *state)
{
        struct otherwise *o = state;
        (void)s;
        o->failed = false;
        return 0;
}

static const struct weft_stream_class on_error_class = { .name = "on_error",
                                                         .pull = on_error_pull,
                                                         .rewind = on_error_rewind };

weft_stream_t *weft_stream_on_error(weft_stream_t *up, weft_stream_t *other)
{
        struct otherwise *o = NULL;
        weft_stream_t *ups[] = { up, other };
        if (up && weft_stream_broken(up)) { /* it has failed already */
                weft_stream_free(up);
                return other ? other
                             : weft_stream_spoil(NULL, -EINVAL, "on_error: no other");
        }
        weft_stream_t *s = weft_stream_make(&on_error_class, sizeof *o, ups, 2,
                                            weft_stream_item_bytes(up), &o);
        if (o && other->item_bytes != up->item_bytes)
                return weft_stream_spoil(s, -EPROTO,
                                         "on_error: items of %u bytes, and of %u",
                                         up->item_bytes, other->item_bytes);
        return s;
}

/* ---- on_error_value: one item of its own ------------------------------------------------ */

struct value {
        char *item;
        bool given;
};

static int64_t value_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct value *v = state;
        (void)n, (void)deadline;
        if (v->given)
                return 0;
        v->given = true;
        memcpy(items, v->item, s->item_bytes);
        return 1;
}

static int value_rewind(weft_stream_t *s, void *state)
{
        struct value *v = state;
        (void)s;
        v->given = false;
        return 0;
}

static void value_free(weft_stream_t *s, void *state)
{
        struct value *v = state;
        (void)s;
        free(v->item);
}

static const struct weft_stream_class value_class = {
        .name = "value", .pull = value_pull, .rewind = value_rewind, .free = value_free
};

weft_stream_t *weft_stream_on_error_value(weft_stream_t *up, const void *item,
                                          uint32_t item_bytes)
{
        struct value *v = NULL;
        if (!item)
                return weft_stream_spoil(up, -EINVAL, "on_error: no item (NULL)");
        weft_stream_t *s =
                weft_stream_make(&value_class, sizeof *v, NULL, 0, item_bytes, &v);
        if (v) {
                v->item = weft_stream_buffer(1, item_bytes);
                if (v->item)
                        memcpy(v->item, item, item_bytes);
                else
                        s = weft_stream_spoil(s, -ENOMEM, "on_error: no memory");
        }
        return weft_stream_on_error(up, s);
}
