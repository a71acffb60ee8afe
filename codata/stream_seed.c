/* codata/stream_seed.c -- streams that a function makes: iterate, unfold, function. */
#include <stdlib.h>

#include "codata/stream_internal.h"

/* ---- iterate ------------------------------------------------------------------- */

struct iterate {
        struct weft_call f;
        char *seed, *now, *next; /* one item each, in one allocation */
        bool begun;
};

static int64_t iterate_pull(weft_stream_t *s, void *state, void *items, size_t n,
                            uint64_t deadline)
{
        struct iterate *it = state;
        char *to = items;
        (void)deadline;
        for (size_t i = 0; i < n; i++, to += s->item_bytes) {
                if (it->begun) {
                        int rc = weft_stream_call_one(&it->f, it->now, it->next);
                        if (rc)
                                return weft_stream_over_by(s, i, rc);
                        char *was = it->now;
                        it->now = it->next;
                        it->next = was;
                }
                it->begun = true;
                memcpy(to, it->now, s->item_bytes);
        }
        return (int64_t)n;
}

static int iterate_rewind(weft_stream_t *s, void *state)
{
        struct iterate *it = state;
        memcpy(it->now, it->seed, s->item_bytes);
        it->begun = false;
        return 0;
}

static void iterate_free(weft_stream_t *s, void *state)
{
        struct iterate *it = state;
        (void)s;
        free(it->seed);
}

static const struct weft_stream_class iterate_class = { .name = "iterate",
                                                        .pull = iterate_pull,
                                                        .rewind = iterate_rewind,
                                                        .free = iterate_free };

weft_stream_t *weft_stream_iterate(const void *seed, uint32_t item_bytes,
                                   struct weft_call f)
{
        struct iterate *it = NULL;
        uint64_t tag = 0;
        if (!seed)
                return weft_stream_spoil(NULL, -EINVAL, "iterate: no seed (NULL)");
        weft_stream_t *s =
                weft_stream_make(&iterate_class, sizeof *it, NULL, 0, item_bytes, &it);
        if (!it)
                return s;
        int rc = weft_stream_resolve(s, "iterate", &f, &tag);
        if (rc)
                return weft_stream_spoil(s, rc, NULL);
        if (f.out_bytes != item_bytes)
                return weft_stream_spoil(s, -EPROTO,
                                         "iterate: gives items of %u bytes, takes %u",
                                         f.out_bytes, item_bytes);
        size_t apart = (item_bytes + WEFT_STREAM_ALIGN - 1) / WEFT_STREAM_ALIGN *
                       WEFT_STREAM_ALIGN;
        it->seed = weft_stream_buffer(3, apart);
        if (!it->seed)
                return weft_stream_spoil(s, -ENOMEM, "iterate: no memory");
        it->f = f;
        it->now = it->seed + apart;
        it->next = it->now + apart;
        memcpy(it->seed, seed, item_bytes);
        memcpy(it->now, seed, item_bytes);
        return s;
}

/* ---- unfold ---------------------------------------------------------------------- */

struct unfold {
        weft_unfold_fn *next;
        char *now, *first;
        size_t bytes;
};

static int64_t unfold_pull(weft_stream_t *s, void *state, void *items, size_t n,
                           uint64_t deadline)
{
        struct unfold *u = state;
        char *to = items;
        (void)deadline;
        for (size_t i = 0; i < n; i++, to += s->item_bytes) {
                int rc = u->next(u->now, to);
                if (rc)
                        return weft_stream_over_by(s, i, rc);
        }
        return (int64_t)n;
}

static int unfold_rewind(weft_stream_t *s, void *state)
{
        struct unfold *u = state;
        (void)s;
        memcpy(u->now, u->first, u->bytes);
        return 0;
}

static void unfold_free(weft_stream_t *s, void *state)
{
        struct unfold *u = state;
        (void)s;
        free(u->now);
}

static const struct weft_stream_class unfold_class = { .name = "unfold",
                                                       .pull = unfold_pull,
                                                       .rewind = unfold_rewind,
                                                       .free = unfold_free };

weft_stream_t *weft_stream_unfold(weft_unfold_fn *next, const void *state,
                                  uint32_t state_bytes, uint32_t item_bytes)
{
        struct unfold *u = NULL;
        if (!next || (state_bytes && !state))
                return weft_stream_spoil(NULL, -EINVAL, "unfold: no function or state");
        weft_stream_t *s =
                weft_stream_make(&unfold_class, sizeof *u, NULL, 0, item_bytes, &u);
        if (!u)
                return s;
        size_t apart = ((size_t)state_bytes + WEFT_STREAM_ALIGN - 1) / WEFT_STREAM_ALIGN *
                       WEFT_STREAM_ALIGN;
        u->now = weft_stream_buffer(2, apart);
        if (!u->now)
                return weft_stream_spoil(s, -ENOMEM, "unfold: no memory");
        u->next = next;
        u->first = u->now + apart;
        u->bytes = state_bytes;
        if (state_bytes) {
                memcpy(u->now, state, state_bytes);
                memcpy(u->first, state, state_bytes);
        }
        return s;
}

/* ---- function --------------------------------------------------------------------- */

struct function {
        weft_stream_pull_fn *pull;
        void *context;
};

static int64_t function_pull(weft_stream_t *s, void *state, void *items, size_t n,
                             uint64_t deadline)
{
        struct function *f = state;
        (void)s;
        return f->pull(f->context, items, n, deadline);
}

static const struct weft_stream_class function_class = { .name = "function",
                                                         .pull = function_pull };

weft_stream_t *weft_stream_function(weft_stream_pull_fn *pull, void *context,
                                    uint32_t item_bytes)
{
        struct function *f = NULL;
        if (!pull)
                return weft_stream_spoil(NULL, -EINVAL, "function: none (NULL)");
        weft_stream_t *s =
                weft_stream_make(&function_class, sizeof *f, NULL, 0, item_bytes, &f);
        if (f)
                *f = (struct function){ pull, context };
        return s;
}
