/* codata/stream_batch.c -- windows by time: batches from their first item on, stretches of
 * the clock. */
#include <stdlib.h>

#include <weft/stream_window.h>

#include "codata/stream_clock.h"
#include "codata/stream_given.h"

struct batch {
        struct weft_call f;
        size_t most, bytes;
        char *in; /* `n` items, of `most` */
        size_t n;
        size_t closed;  /* so many of them are a window that is over; 0: none */
        uint64_t ns;    /* how long it lasts */
        uint64_t until; /* when the window with these items is over */
        uint64_t first; /* the clock's beginning, for stretches */
        bool stretches; /* of the clock; else from the first item on */
        bool began;
        bool over; /* upstream, with `end` */
        int64_t end;
        struct weft_stream_given given;
};

/* When a window is over that begins with an item of now. */
static uint64_t until_of(const struct batch *b, uint64_t now)
{
        if (!b->stretches)
                return weft_stream_later_by(now, b->ns);
        return weft_stream_later_by(now - (now - b->first) % b->ns, b->ns);
}

/* Items came: if the window before is over they begin the next one. */
static void take(struct batch *b, size_t got)
{
        uint64_t now = weft_stream_now();
        if (b->n && now >= b->until)
                b->closed = b->n;
        if (!b->n || b->closed)
                b->until = until_of(b, now);
        b->n += got;
        if (b->n == b->most && !b->closed)
                b->closed = b->n;
}

/* Calls the function for the window that is over. */
static int64_t close_window(struct batch *b, void *items, size_t n)
{
        int64_t rc = weft_stream_give_call(&b->given, &b->f, b->in, b->closed, items, n);
        b->n -= b->closed;
        memmove(b->in, b->in + b->closed * b->bytes, b->n * b->bytes);
        b->closed = 0;
        return rc;
}

static int64_t batch_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct batch *b = state;
        if (!b->began) {
                b->first = weft_stream_now();
                b->began = true;
        }
        for (;;) {
                if (b->given.n)
                        return weft_stream_give_rest(&b->given, items, n);
                if (!b->closed && b->n && (b->over || weft_stream_now() >= b->until))
                        b->closed = b->n;
                if (b->closed) {
                        int64_t rc = close_window(b, items, n);
                        if (!rc)
                                rc = weft_stream_due(deadline);
                        if (rc)
                                return rc;
                        continue;
                }
                if (b->over)
                        return b->end;
                uint64_t until = b->n ? weft_stream_sooner(b->until, deadline) : deadline;
                int64_t got = weft_stream_get(s->up[0], b->in + b->n * b->bytes,
                                              b->most - b->n, until);
                if (got > 0) {
                        take(b, (size_t)got);
                } else if (weft_stream_later(got)) {
                        if (!b->n || weft_stream_now() < b->until)
                                return got;
                } else {
                        b->over = true;
                        b->end = got;
                }
        }
}

static int batch_rewind(weft_stream_t *s, void *state)
{
        struct batch *b = state;
        (void)s;
        b->n = b->closed = b->given.n = 0;
        b->began = b->over = false;
        return 0;
}

static int batch_holds(weft_stream_t *s, void *state)
{
        struct batch *b = state;
        (void)s;
        return b->n || b->given.n;
}

static void batch_free(weft_stream_t *s, void *state)
{
        struct batch *b = state;
        (void)s;
        free(b->in);
        free(b->given.items);
}

static int batch_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct batch *b = state;
        if (b->given.n || b->over || b->closed)
                return -ENOTSUP;
        if (b->n)
                wait->until = weft_stream_sooner(wait->until, b->until);
        return weft_stream_waits(s->up[0], wait);
}

#define CLASS(variable, called) \
        static const struct weft_stream_class variable = { \
                .name = called, \
                .pull = batch_pull, \
                .rewind = batch_rewind, \
                .free = batch_free, \
                .holds = batch_holds, \
                .wait = batch_wait, \
        }
CLASS(batch_class, "batch");
CLASS(stretch_class, "window_time");

static weft_stream_t *make(const struct weft_stream_class *class_of, weft_stream_t *up,
                           size_t most, uint64_t ns, struct weft_call f)
{
        struct batch *b = NULL;
        uint64_t tag = 0;
        if (weft_stream_broken(up))
                return weft_stream_make(class_of, 0, &up, 1, 1, &b);
        if (!most || !ns)
                return weft_stream_spoil(up, -EINVAL, "%s: %zu items, %llu ns",
                                         class_of->name, most, (unsigned long long)ns);
        int rc = weft_stream_resolve_chunk(up, class_of->name, &f, &tag);
        if (rc)
                return weft_stream_spoil(up, rc, NULL);
        weft_stream_t *s = weft_stream_make(class_of, sizeof *b, &up, 1, f.out_bytes, &b);
        if (!b)
                return s;
        s->tag = tag;
        b->f = f;
        b->most = most;
        b->ns = ns;
        b->bytes = f.in_bytes;
        b->stretches = class_of == &stretch_class;
        b->given.bytes = f.out_bytes;
        b->in = weft_stream_buffer(most, b->bytes);
        return b->in ? s : weft_stream_spoil(s, -ENOMEM, "%s: no memory", class_of->name);
}

weft_stream_t *weft_stream_batch(weft_stream_t *up, size_t most, uint64_t ns,
                                 struct weft_call f)
{
        return make(&batch_class, up, most, ns, f);
}

weft_stream_t *weft_stream_window_time(weft_stream_t *up, uint64_t ns, size_t most,
                                       struct weft_call f)
{
        return make(&stretch_class, up, most, ns, f);
}
