/* codata/stream_parallel.c -- map by the workers of a group.
 *
 * Upstream's items go out as tasks, some at a time; what comes of each is a future. Up to
 * `window` of them are on their way, in a ring in the order in which they went; ordered, the
 * first one's result is given next, else that of any that is there. A result is read where it
 * lies, as long as its future is open.
 *
 * An item is with upstream, in `in` (read, and not submitted yet), in a task, or in a result;
 * after "later" it is there still.
 *
 * Crash of the puller: his futures go with him, and what workers make of them, too. Of a
 * worker: its task is run again by another one; see <weft/group.h>.
 */
#include <stdlib.h>

#include <weft/error.h>
#include <weft/future.h>
#include <weft/group.h>

#include "codata/stream_internal.h"

#define WINDOW 16
#define WINDOW_MAX 64 /* how many a select waits for */

struct parallel {
        weft_group_t *group;
        struct weft_task task;
        char *name, *argument; /* of our own */
        char *in;              /* `items` of them */
        size_t in_n, items, window;
        weft_future_t *ring[WINDOW_MAX]; /* the oldest first */
        size_t n;
        weft_future_t *now; /* whose result is being given */
        const char *at;
        size_t left;
        int end;    /* what comes behind the last result */
        bool ended; /* upstream, or no more can be submitted */
        bool any_order;
};

static void forget(struct parallel *p)
{
        weft_future_close(p->now);
        for (size_t i = 0; i < p->n; i++) {
                (void)!weft_future_cancel(p->ring[i]);
                weft_future_close(p->ring[i]);
        }
        p->now = NULL;
        p->n = p->left = p->in_n = 0;
        p->ended = false;
        p->end = 0;
}

/* ---- out --------------------------------------------------------------------------- */

static int64_t end_with(struct parallel *p, int rc)
{
        p->ended = true;
        p->end = rc;
        return 0;
}

/* 0: as many are on their way as can be; or it is time to say "later". */
static int64_t send_out(weft_stream_t *s, struct parallel *p, uint64_t deadline)
{
        while (p->n < p->window && !p->ended) {
                uint64_t until =
                        p->n ? WEFT_NOW : deadline; /* there is else to wait for */
                if (!p->in_n) {
                        int64_t got = weft_stream_get(s->up[0], p->in, p->items, until);
                        if (weft_stream_later(got))
                                return p->n ? 0 : got;
                        if (got <= 0)
                                return end_with(p, (int)got);
                        p->in_n = (size_t)got;
                }
                p->task.input = p->in;
                p->task.input_bytes = p->in_n * s->up[0]->item_bytes;
                int rc = weft_submit_task(p->group, &p->task, &p->ring[p->n], until);
                if (weft_stream_later(rc) || (rc == -ENOSPC && p->n))
                        return p->n ? 0 : rc;
                if (rc) {
                        weft_stream_say("map_parallel: %s", weft_strerror(rc));
                        return end_with(p, rc);
                }
                p->n++;
                p->in_n = 0;
        }
        return 0;
}

/* ---- back -------------------------------------------------------------------------- */

/* Has it failed itself, with what else would mean "later"? */
static bool has_ended(weft_future_t *future)
{
        struct weft_future_info info;
        return !weft_future_info(future, &info) && info.state >= WEFT_FUTURE_SET;
}

/* The result of the i-th: bytes, or an error. */
static int64_t look(struct parallel *p, size_t i, uint64_t deadline)
{
        const void *at = NULL;
        int64_t bytes = weft_future_view(p->ring[i], &at, deadline);
        if (weft_stream_later(bytes)) {
                if (!has_ended(p->ring[i]))
                        return bytes;
                /* [edge] It may have ended since it was looked at. */
                bytes = weft_future_view(p->ring[i], &at, WEFT_NOW);
                if (weft_stream_later(bytes))
                        return -ECANCELED;
        }
        p->at = at;
        return bytes;
}

static void take_out(struct parallel *p, size_t i)
{
        p->now = p->ring[i];
        p->n--;
        memmove(p->ring + i, p->ring + i + 1, (p->n - i) * sizeof *p->ring);
}

/* Bytes of the next result, which then is `now`; or "later", or an error. */
static int64_t next_result(struct parallel *p, uint64_t deadline)
{
        int64_t bytes = 0;
        int over = 0; /* what the wait said; then one more look */
        if (!p->any_order) {
                bytes = look(p, 0, deadline);
                if (!weft_stream_later(bytes))
                        take_out(p, 0);
                return bytes;
        }
        for (;;) {
                for (size_t i = 0; i < p->n; i++) {
                        bytes = look(p, i, WEFT_NOW);
                        if (!weft_stream_later(bytes)) {
                                take_out(p, i);
                                return bytes;
                        }
                }
                if (over)
                        return over;
                int rc = weft_future_any(p->ring, p->n, deadline);
                over = rc < 0 ? rc : 0;
        }
}

static int64_t parallel_pull(weft_stream_t *s, void *state, void *items, size_t n,
                             uint64_t deadline)
{
        struct parallel *p = state;
        while (!p->left) {
                weft_future_close(p->now);
                p->now = NULL;
                int64_t rc = send_out(s, p, deadline);
                if (rc)
                        return rc;
                if (!p->n)
                        return p->end;
                int64_t bytes = next_result(p, deadline);
                if (weft_stream_later(bytes))
                        return bytes;
                if (bytes < 0) {
                        forget(p);
                        return bytes;
                }
                p->left = (uint64_t)bytes / s->item_bytes;
                if (!p->left && (rc = weft_stream_due(deadline)))
                        return rc;
        }
        if (n > p->left)
                n = p->left;
        memcpy(items, p->at, n * s->item_bytes);
        p->at += n * s->item_bytes;
        p->left -= n;
        return (int64_t)n;
}

static int parallel_holds(weft_stream_t *s, void *state)
{
        const struct parallel *p = state;
        (void)s;
        return p->n || p->left || p->in_n;
}

static void parallel_cancel(weft_stream_t *s, void *state)
{
        (void)s;
        forget(state);
}

static int parallel_rewind(weft_stream_t *s, void *state)
{
        (void)s;
        forget(state);
        return 0;
}

static void parallel_free(weft_stream_t *s, void *state)
{
        struct parallel *p = state;
        (void)s;
        forget(p);
        free(p->name);
        free(p->argument);
        free(p->in);
}

static const struct weft_stream_class parallel_class = { .name = "map_parallel",
                                                         .pull = parallel_pull,
                                                         .rewind = parallel_rewind,
                                                         .cancel = parallel_cancel,
                                                         .free = parallel_free,
                                                         .holds = parallel_holds };

/* ---- making -------------------------------------------------------------------------- */

static void *copy_of(const void *from, size_t bytes)
{
        void *to = weft_stream_buffer(1, bytes);
        if (to && bytes)
                memcpy(to, from, bytes);
        return to;
}

/* How many items make a task: what was said, what is some KiB, what goes in and out. */
static uint64_t items_of(const struct weft_stream_parallel *o, uint64_t chunk,
                         const struct weft_group_info *info, const struct weft_call *f)
{
        uint64_t n = o->items ? o->items : chunk;
        uint64_t in = info->input_max / f->in_bytes;
        uint64_t out = info->output_max / f->out_bytes;
        n = n < in ? n : in;
        return n < out ? n : out;
}

weft_stream_t *weft_stream_map_parallel(weft_stream_t *up, weft_group_t *group,
                                        const struct weft_stream_parallel *o)
{
        struct parallel *p = NULL;
        struct weft_group_info info;
        uint64_t tag = 0;
        if (!group || !o || !o->function || (o->argument_bytes && !o->argument) ||
            o->window > WINDOW_MAX || o->flags & ~(uint32_t)WEFT_STREAM_ANY_ORDER)
                return weft_stream_spoil(up, -EINVAL, "map_parallel: wrong options");
        struct weft_call f = weft_call_name(o->function, NULL);
        weft_stream_t *broken = weft_stream_check(up, "map_parallel", &f, &tag);
        if (broken)
                return broken;
        int rc = weft_group_info(group, &info);
        if (rc)
                return weft_stream_spoil(up, rc, "map_parallel: %s", weft_strerror(rc));
        uint64_t items = f.out_bytes ? items_of(o, up->chunk, &info, &f) : 1;
        if (!items)
                return weft_stream_spoil(up, -EOVERFLOW,
                                         "map_parallel: an item of %u bytes in, or %u "
                                         "out, is more than the group takes",
                                         f.in_bytes, f.out_bytes);
        weft_stream_t *s =
                weft_stream_make(&parallel_class, sizeof *p, &up, 1, f.out_bytes, &p);
        if (!p)
                return s;
        s->tag = tag;
        p->group = group;
        p->items = items;
        p->window = o->window ? o->window : WINDOW;
        p->any_order = o->flags & WEFT_STREAM_ANY_ORDER;
        p->name = copy_of(o->function, strlen(o->function) + 1);
        p->argument = copy_of(o->argument, o->argument_bytes);
        p->in = weft_stream_buffer(items, f.in_bytes);
        if (!p->name || !p->argument || !p->in)
                return weft_stream_spoil(s, -ENOMEM, "map_parallel: no memory");
        p->task = (struct weft_task){ .function = p->name,
                                      .argument = p->argument,
                                      .argument_bytes = o->argument_bytes };
        return s;
}
