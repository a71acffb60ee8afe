/* codata/stream_sample.c -- fewer items: sample, debounce, every, throttle. */
#include <stdlib.h>

#include <weft/stream_time.h>

#include "codata/stream_clock.h"
#include "codata/stream_internal.h"

/* ---- sample, debounce: the latest item, when its time has come ------------------------ */

struct latest {
        uint64_t ns;
        uint64_t first, until; /* when the clock began; when `has` is to be given */
        char *in;              /* a chunk, and behind it the item that waits */
        char *item;
        bool began, has, quiet; /* quiet: debounce */
        bool over;              /* upstream, with `end` */
        int64_t end;
};

static int64_t give_latest(weft_stream_t *s, struct latest *l, void *items)
{
        memcpy(items, l->item, s->item_bytes);
        l->has = false;
        return 1;
}

/* A chunk came. The item that waits goes first if its time was up before. */
static int64_t take_latest(weft_stream_t *s, struct latest *l, size_t got, void *items)
{
        uint64_t now = weft_stream_now();
        int64_t gives = l->has && now >= l->until ? give_latest(s, l, items) : 0;
        if (l->quiet)
                l->until = weft_stream_later_by(now, l->ns);
        else if (!l->has)
                l->until = weft_stream_later_by(now - (now - l->first) % l->ns, l->ns);
        memcpy(l->item, l->in + (got - 1) * s->item_bytes, s->item_bytes);
        l->has = true;
        return gives;
}

static int64_t latest_pull(weft_stream_t *s, void *state, void *items, size_t n,
                           uint64_t deadline)
{
        struct latest *l = state;
        (void)n;
        if (!l->began) {
                l->first = weft_stream_now();
                l->began = true;
        }
        for (;;) {
                if (l->over)
                        return l->has ? give_latest(s, l, items) : l->end;
                uint64_t until =
                        l->has ? weft_stream_sooner(l->until, deadline) : deadline;
                int64_t got = weft_stream_get(s->up[0], l->in, s->chunk, until);
                if (got > 0) {
                        got = take_latest(s, l, (size_t)got, items);
                        if (got)
                                return got;
                } else if (!weft_stream_later(got)) {
                        l->over = true;
                        l->end = got;
                        continue;
                }
                if (l->has && weft_stream_now() >= l->until)
                        return give_latest(s, l, items);
                int64_t rc = got < 0 ? got : weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static int latest_rewind(weft_stream_t *s, void *state)
{
        struct latest *l = state;
        (void)s;
        l->began = l->has = l->over = false;
        return 0;
}

static int latest_holds(weft_stream_t *s, void *state)
{
        struct latest *l = state;
        (void)s;
        return l->has;
}

static void latest_free(weft_stream_t *s, void *state)
{
        struct latest *l = state;
        (void)s;
        free(l->in);
}

static int latest_wait(weft_stream_t *s, void *state, struct weft_stream_wait *wait)
{
        struct latest *l = state;
        if (l->over)
                return -ENOTSUP;
        if (l->has)
                wait->until = weft_stream_sooner(wait->until, l->until);
        return weft_stream_waits(s->up[0], wait);
}

#define LATEST(variable, called) \
        static const struct weft_stream_class variable = { \
                .name = called, \
                .pull = latest_pull, \
                .rewind = latest_rewind, \
                .free = latest_free, \
                .holds = latest_holds, \
                .wait = latest_wait, \
        }
LATEST(sample_class, "sample");
LATEST(debounce_class, "debounce");

static weft_stream_t *make_latest(const struct weft_stream_class *class_of,
                                  weft_stream_t *up, uint64_t ns)
{
        struct latest *l = NULL;
        weft_stream_t *s = weft_stream_make(class_of, sizeof *l, &up, 1,
                                            up ? up->item_bytes : 0, &l);
        if (!l)
                return s;
        if (!ns)
                return weft_stream_spoil(s, -EINVAL, "%s: 0 ns", class_of->name);
        l->ns = ns;
        l->quiet = class_of == &debounce_class;
        l->in = weft_stream_buffer((size_t)s->chunk + 1, s->item_bytes);
        if (!l->in)
                return weft_stream_spoil(s, -ENOMEM, "%s: no memory", class_of->name);
        l->item = l->in + (size_t)s->chunk * s->item_bytes;
        return s;
}

weft_stream_t *weft_stream_sample(weft_stream_t *up, uint64_t ns)
{
        return make_latest(&sample_class, up, ns);
}

weft_stream_t *weft_stream_debounce(weft_stream_t *up, uint64_t ns)
{
        return make_latest(&debounce_class, up, ns);
}

/* ---- every, throttle: in the puller's buffer ------------------------------------------- */

struct few {
        uint64_t n;    /* every: of so many; throttle: ns */
        uint64_t next; /* every: items until the next; throttle: when one may go on */
};

static int64_t every_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct few *f = state;
        const size_t bytes = s->item_bytes;
        for (;;) {
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (got <= 0)
                        return got;
                char *to = items;
                uint64_t at = f->next - 1;
                for (; at < (uint64_t)got; at += f->n) {
                        memmove(to, (char *)items + at * bytes, bytes);
                        to += bytes;
                }
                f->next = at - (uint64_t)got + 1;
                if (to != items)
                        return (int64_t)((size_t)(to - (char *)items) / bytes);
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static int64_t throttle_pull(weft_stream_t *s, void *state, void *items, size_t n,
                             uint64_t deadline)
{
        struct few *f = state;
        for (;;) {
                int64_t got = weft_stream_get(s->up[0], items, n, deadline);
                if (got <= 0)
                        return got;
                uint64_t now = weft_stream_now();
                if (now >= f->next) {
                        f->next = weft_stream_later_by(now, f->n);
                        return 1; /* those that came with it came at its time */
                }
                int rc = weft_stream_due(deadline);
                if (rc)
                        return rc;
        }
}

static int every_rewind(weft_stream_t *s, void *state)
{
        struct few *f = state;
        (void)s;
        f->next = f->n;
        return 0;
}

static int throttle_rewind(weft_stream_t *s, void *state)
{
        struct few *f = state;
        (void)s;
        f->next = 0;
        return 0;
}

static const struct weft_stream_class every_class = { .name = "every",
                                                      .pull = every_pull,
                                                      .rewind = every_rewind };
static const struct weft_stream_class throttle_class = { .name = "throttle",
                                                         .pull = throttle_pull,
                                                         .rewind = throttle_rewind };

static weft_stream_t *make_few(const struct weft_stream_class *class_of,
                               weft_stream_t *up, uint64_t n)
{
        struct few *f = NULL;
        weft_stream_t *s = weft_stream_make(class_of, sizeof *f, &up, 1,
                                            up ? up->item_bytes : 0, &f);
        if (!f)
                return s;
        if (!n)
                return weft_stream_spoil(s, -EINVAL, "%s: 0", class_of->name);
        f->n = n;
        f->next = class_of == &every_class ? n : 0;
        return s;
}

weft_stream_t *weft_stream_every(weft_stream_t *up, uint64_t n)
{
        return make_few(&every_class, up, n);
}

weft_stream_t *weft_stream_throttle(weft_stream_t *up, uint64_t ns)
{
        return make_few(&throttle_class, up, ns);
}
