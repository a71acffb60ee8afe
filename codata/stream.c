/* codata/stream.c -- a stage: made, pulled, ended, begun again, freed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/error.h>

#include "codata/stream_internal.h"

/* ---- words ----------------------------------------------------------------- */

static _Thread_local char detail[192];

void weft_stream_say(const char *words, ...)
{
        va_list args;
        va_start(args, words);
        vsnprintf(detail, sizeof detail, words, args);
        va_end(args);
}

const char *weft_stream_detail(void)
{
        return detail;
}

/* ---- what there is when there is no memory ----------------------------------- */

static int64_t pull_nothing(weft_stream_t *self, void *state, void *items, size_t n,
                            uint64_t deadline)
{
        (void)self, (void)state, (void)items, (void)n, (void)deadline;
        return -EINVAL; /* never called: it has failed already */
}

static const struct weft_stream_class failed_class = { .name = "stream",
                                                       .pull = pull_nothing };

/* One for all, so nobody writes to it: it has come to its end, and what is looked at first
 * by every call here is that. */
static struct weft_stream no_memory = { .class_of = &failed_class, .over = -ENOMEM };

static weft_stream_t *out_of_memory(const char *who)
{
        weft_stream_say("%s: %s", who, weft_strerror(-ENOMEM));
        return &no_memory;
}

weft_stream_t *weft_stream_failed(int error)
{
        weft_stream_t *s = calloc(1, sizeof *s);
        if (!s)
                return out_of_memory("stream");
        s->class_of = &failed_class;
        s->over = weft_stream_blame(error);
        return s;
}

weft_stream_t *weft_stream_spoil(weft_stream_t *s, int error, const char *words, ...)
{
        if (s && weft_stream_broken(s))
                return s; /* the first failure is the one to tell of */
        if (words) {
                va_list args;
                va_start(args, words);
                vsnprintf(detail, sizeof detail, words, args);
                va_end(args);
        }
        weft_stream_free(s);
        return weft_stream_failed(error);
}

/* ---- making -------------------------------------------------------------------- */

void *weft_stream_buffer(size_t items, uint64_t item_bytes)
{
        size_t bytes = 0;
        if (__builtin_mul_overflow(items, item_bytes, &bytes) || bytes > PTRDIFF_MAX)
                return NULL;
        bytes = (bytes + WEFT_STREAM_ALIGN - 1) & ~(size_t)(WEFT_STREAM_ALIGN - 1);
        return aligned_alloc(WEFT_STREAM_ALIGN, bytes ? bytes : WEFT_STREAM_ALIGN);
}

static size_t head_bytes(size_t ups)
{
        size_t bytes = sizeof(struct weft_stream) + ups * sizeof(struct weft_stream *);
        return (bytes + WEFT_STREAM_ALIGN - 1) & ~(size_t)(WEFT_STREAM_ALIGN - 1);
}

static void free_all(weft_stream_t *const *ups, size_t n, const weft_stream_t *but)
{
        for (size_t i = 0; i < n; i++)
                if (ups[i] && ups[i] != but)
                        weft_stream_free(ups[i]);
}

/* The failure of the first upstream that has one: it stands for the whole. */
static weft_stream_t *first_broken(weft_stream_t *const *ups, size_t n, const char *who)
{
        for (size_t i = 0; i < n; i++)
                if (weft_stream_broken(ups[i])) {
                        weft_stream_t *broken = ups[i];
                        free_all(ups, n, broken);
                        return broken ? broken
                                      : weft_stream_spoil(NULL, -EINVAL,
                                                          "%s: no stream (NULL)", who);
                }
        return NULL;
}

weft_stream_t *weft_stream_make(const struct weft_stream_class *class_of,
                                size_t state_bytes, weft_stream_t *const *ups, size_t n,
                                uint64_t item_bytes, void *made)
{
        void *none = NULL;
        memcpy(made, &none, sizeof none);
        weft_stream_t *broken = first_broken(ups, n, class_of->name);
        if (broken)
                return broken;
        if (item_bytes == 0 || item_bytes > WEFT_STREAM_ITEM_MAX) {
                free_all(ups, n, NULL);
                return weft_stream_spoil(NULL, item_bytes ? -EOVERFLOW : -EINVAL,
                                         "%s: items of %llu bytes", class_of->name,
                                         (unsigned long long)item_bytes);
        }
        char *at = weft_stream_buffer(1, head_bytes(n) + state_bytes);
        if (!at) {
                free_all(ups, n, NULL);
                return out_of_memory(class_of->name);
        }
        memset(at, 0, head_bytes(n) + state_bytes);
        weft_stream_t *s = (void *)at;
        s->class_of = class_of;
        s->state = at + head_bytes(n);
        s->over = WEFT_STREAM_RUNS;
        s->item_bytes = (uint32_t)item_bytes;
        s->chunk = weft_stream_chunk_of(item_bytes);
        s->ups = n;
        s->leases = class_of->ack != NULL;
        for (size_t i = 0; i < n; i++) {
                s->up[i] = ups[i];
                s->leases |= ups[i]->leases;
        }
        if (n == 1 && ups[0]->item_bytes == item_bytes)
                s->tag = ups[0]->tag;
        memcpy(made, &s->state, sizeof s->state);
        return s;
}

weft_stream_t *weft_stream_new(const struct weft_stream_class *class_of, void *state,
                               weft_stream_t *const *upstreams, size_t n,
                               uint32_t item_bytes)
{
        void *made = NULL;
        weft_stream_t *s = NULL;
        if (!class_of || !class_of->pull || !class_of->name || (n && !upstreams)) {
                if (n && upstreams)
                        free_all(upstreams, n, NULL);
                s = weft_stream_spoil(NULL, -EINVAL, "stream: no class");
        } else {
                s = weft_stream_make(class_of, 0, upstreams, n, item_bytes, &made);
        }
        if (made) {
                s->state = state;
        } else if (class_of && class_of->free && state) {
                class_of->free(NULL, state);
        }
        return s;
}

weft_stream_t *weft_stream_upstream(weft_stream_t *s, size_t i)
{
        return s && i < s->ups ? s->up[i] : NULL;
}

uint32_t weft_stream_item_bytes(const weft_stream_t *s)
{
        return s ? s->item_bytes : 0;
}

size_t weft_stream_chunk_items(const weft_stream_t *s)
{
        return s && s->chunk ? s->chunk : 1;
}

int weft_stream_error(const weft_stream_t *s)
{
        return !s ? -EINVAL : s->over < 0 ? s->over : 0;
}

/* ---- the terminal signal --------------------------------------------------------- */

static void cancel_ups(weft_stream_t *s)
{
        for (size_t i = 0; i < s->ups; i++)
                weft_stream_cancel(s->up[i]);
}

static int64_t finish(weft_stream_t *s, int rc)
{
        bool mine = rc < 0 && !(s->of && s->of->over == rc);
        for (size_t i = 0; i < s->ups; i++)
                mine = mine && s->up[i]->over != rc;
        if (mine) /* else somebody upstream has said it */
                weft_stream_say("%s: %s", s->class_of->name, weft_strerror(rc));
        s->over = rc;
        /* What was given before the end may still be acknowledged: it would come again. */
        if (rc || !s->leases)
                cancel_ups(s);
        return rc;
}

int64_t weft_stream_stopped(weft_stream_t *s, int64_t got, size_t n)
{
        if (weft_stream_later(got))
                return got;
        if (got > 0 && (uint64_t)got > n)
                return finish(s, -EINVAL); /* a class that lies about its room */
        return finish(s, got >= -4095 ? (int)got : -EINVAL);
}

int64_t weft_stream_slow_pull(weft_stream_t *s, void *items, size_t n, uint64_t deadline)
{
        if (s->over <= 0)
                return s->over;
        if (s->back_n) {
                size_t now = n < s->back_n ? n : s->back_n;
                const char *from = (const char *)s->back + s->back_at * s->item_bytes;
                memmove(items, from, now * s->item_bytes);
                s->back_at += now;
                s->back_n -= now;
                if (!s->back_n && !s->late)
                        s->over = WEFT_STREAM_RUNS;
                return (int64_t)now;
        }
        if (s->late)
                return finish(s, s->late == 1 ? 0 : s->late);
        s->over = WEFT_STREAM_RUNS;
        return weft_stream_get(s, items, n, deadline);
}

int64_t weft_stream_pull(weft_stream_t *s, void *items, size_t n, uint64_t deadline)
{
        if (!s || (n && !items))
                return -EINVAL;
        return n ? weft_stream_get(s, items, n, deadline) : 0;
}

void weft_stream_cancel(weft_stream_t *s)
{
        if (s && s->over == 0 && s->leases)
                cancel_ups(s); /* as its end has not */
        if (!s || s->over <= 0)
                return;
        s->over = -ECANCELED;
        s->late = 0;
        s->back_n = 0;
        if (s->class_of->cancel)
                s->class_of->cancel(s, s->state);
        cancel_ups(s);
}

void weft_stream_free(weft_stream_t *s)
{
        if (!s || s == &no_memory)
                return;
        weft_stream_cancel(s);
        if (s->class_of->free)
                s->class_of->free(s, s->state);
        for (size_t i = 0; i < s->ups; i++)
                weft_stream_free(s->up[i]);
        free(s->back);
        free(s);
}

/* ---- acknowledging, beginning again ------------------------------------------------ */

int weft_stream_ack(weft_stream_t *s)
{
        if (!s)
                return -EINVAL;
        /* late < 0: it has failed at an item of those that upstream gave together. */
        if (!s->leases || s->back_n || s->over < 0 || s->late < 0)
                return 0;
        if (s->class_of->holds && s->class_of->holds(s, s->state))
                return 0;
        if (s->class_of->ack)
                return s->class_of->ack(s, s->state);
        for (size_t i = 0; i < s->ups; i++) {
                int rc = weft_stream_ack(s->up[i]);
                if (rc)
                        return rc;
        }
        return 0;
}

static bool can_rewind(const weft_stream_t *s)
{
        if (!s->class_of->rewind)
                return false;
        for (size_t i = 0; i < s->ups; i++)
                if (!can_rewind(s->up[i]))
                        return false;
        return true;
}

static int rewind_all(weft_stream_t *s)
{
        int rc = 0;
        for (size_t i = 0; i < s->ups && !rc; i++)
                rc = rewind_all(s->up[i]);
        s->late = 0;
        s->back_n = 0;
        if (!rc)
                rc = s->class_of->rewind(s, s->state);
        if (rc) {
                finish(s, weft_stream_blame(rc));
                return s->over;
        }
        s->over = WEFT_STREAM_RUNS;
        return 0;
}

int weft_stream_restart(weft_stream_t *s)
{
        if (!s)
                return -EINVAL;
        if (weft_stream_broken(s))
                return s->over;
        return can_rewind(s) ? rewind_all(s) : -ENOTSUP;
}

int weft_stream_rewind_nothing(weft_stream_t *self, void *state)
{
        (void)self, (void)state;
        return 0;
}
