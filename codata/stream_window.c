/* codata/stream_window.c -- windows by count: tumbling, sliding, with gaps. */
#include <stdlib.h>

#include <weft/stream_window.h>

#include "codata/stream_clock.h"
#include "codata/stream_given.h"

struct window {
        struct weft_call f;
        size_t size, step, bytes;
        char *in; /* of `room` items: `n` from `at` on are there */
        size_t at, n, room;
        size_t seen; /* the first of these have been in a window */
        size_t gap;  /* items that come and are dropped */
        bool over;   /* upstream, with `end` */
        int64_t end;
        struct weft_stream_given given;
};

/* The window is done with: the next one begins `step` further on. */
static void move_on(struct window *w)
{
        size_t step = w->step < w->n ? w->step : w->n;
        w->gap = w->step - step;
        w->at += step;
        w->n -= step;
        w->seen = w->step < w->size ? w->size - w->step : 0;
}

/* Items from upstream, as many as there is room for; of one that leases only those that
 * are needed now, so that none are held without need. */
static int64_t fill(weft_stream_t *s, struct window *w, uint64_t deadline)
{
        if (!w->n)
                w->at = 0;
        if (w->at + w->size > w->room) {
                memmove(w->in, w->in + w->at * w->bytes, w->n * w->bytes);
                w->at = 0;
        }
        size_t tail = w->at + w->n;
        size_t want = s->leases ? w->gap + w->size - w->n : w->room;
        if (want > w->room - tail)
                want = w->room - tail;
        char *to = w->in + tail * w->bytes;
        int64_t got = weft_stream_get(s->up[0], to, want, deadline);
        if (got > 0) {
                size_t n = (size_t)got, gone = n < w->gap ? n : w->gap;
                if (gone)
                        memmove(to, to + gone * w->bytes, (n - gone) * w->bytes);
                w->gap -= gone;
                w->n += n - gone;
        }
        return got;
}

static int64_t window_pull(weft_stream_t *s, void *state, void *items, size_t n,
                           uint64_t deadline)
{
        struct window *w = state;
        for (;;) {
                if (w->given.n)
                        return weft_stream_give_rest(&w->given, items, n);
                if (w->n >= w->size || (w->over && w->n > w->seen)) {
                        size_t now = w->n < w->size ? w->n : w->size;
                        int64_t rc = weft_stream_give_call(&w->given, &w->f,
                                                           w->in + w->at * w->bytes, now,
                                                           items, n);
                        if (rc < 0)
                                return rc;
                        if (w->n < w->size)
                                w->n = w->seen = 0;
                        else
                                move_on(w);
                        if (rc)
                                return rc;
                        rc = weft_stream_due(deadline);
                        if (rc)
                                return rc;
                        continue;
                }
                if (w->over)
                        return w->end;
                int64_t got = fill(s, w, deadline);
                if (weft_stream_later(got))
                        return got;
                w->over = got <= 0;
                w->end = got;
        }
}

static int window_rewind(weft_stream_t *s, void *state)
{
        struct window *w = state;
        (void)s;
        w->at = w->n = w->seen = w->gap = w->given.n = 0;
        w->over = false;
        return 0;
}

static int window_holds(weft_stream_t *s, void *state)
{
        struct window *w = state;
        (void)s;
        return w->n > w->seen || w->given.n;
}

static void window_free(weft_stream_t *s, void *state)
{
        struct window *w = state;
        (void)s;
        free(w->in);
        free(w->given.items);
}

static int window_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct window *w = state;
        if (w->given.n || w->over || w->n >= w->size)
                return -ENOTSUP;
        return weft_stream_waits(s->up[0], wait);
}

static const struct weft_stream_class window_class = { .name = "window",
                                                       .pull = window_pull,
                                                       .rewind = window_rewind,
                                                       .free = window_free,
                                                       .holds = window_holds,
                                                       .wait = window_wait };

weft_stream_t *weft_stream_window(weft_stream_t *up, size_t size, size_t step,
                                  struct weft_call f)
{
        struct window *w = NULL;
        uint64_t tag = 0;
        if (weft_stream_broken(up))
                return weft_stream_make(&window_class, 0, &up, 1, 1, &w);
        if (!size || !step || size > SIZE_MAX / 4)
                return weft_stream_spoil(up, -EINVAL, "window: %zu items every %zu", size,
                                         step);
        int rc = weft_stream_resolve_chunk(up, "window", &f, &tag);
        if (rc)
                return weft_stream_spoil(up, rc, NULL);
        weft_stream_t *s =
                weft_stream_make(&window_class, sizeof *w, &up, 1, f.out_bytes, &w);
        if (!w)
                return s;
        s->tag = tag;
        w->f = f;
        w->size = size;
        w->step = step;
        w->bytes = f.in_bytes;
        w->given.bytes = f.out_bytes;
        w->room = 2 * size + s->up[0]->chunk;
        w->in = weft_stream_buffer(w->room, w->bytes);
        return w->in ? s : weft_stream_spoil(s, -ENOMEM, "window: no memory");
}
