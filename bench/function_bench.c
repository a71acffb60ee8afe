/* bench/function_bench.c -- a function by its name; what a call costs an item. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <weft/function.h>

#include "bench/bench.h"

enum { FUNCTIONS = 1000, ITEMS = 1024 };

static int add_item(const void *in, void *out, const void *argument)
{
        *(uint64_t *)out = *(const uint64_t *)in + *(const uint64_t *)argument;
        return 0;
}

static int64_t add_chunk(const void *in, size_t n, void *out, size_t room,
                         const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out, more = *(const uint64_t *)argument;
        if (room < n)
                return -75;
        for (size_t i = 0; i < n; i++)
                to[i] = from[i] + more;
        return (int64_t)n;
}

/* ---- finding ------------------------------------------------------------------------ */

static char names[FUNCTIONS][32];

static void register_all(void)
{
        for (int i = 0; i < FUNCTIONS; i++) {
                (void)snprintf(names[i], sizeof names[i], "bench.function.%d", i);
                struct weft_function f = { names[i],    WEFT_FUNCTION_ITEM, { 8, 8, 0 },
                                           { 8, 8, 0 }, add_item,           NULL };
                BENCH_CHECK(weft_function_register(&f) == 0);
        }
}

static void find_body(struct bench_worker *w, void *context)
{
        uint64_t n = 0;
        (void)context;
        register_all();
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < FUNCTIONS; i++, n++) {
                        const struct weft_function *f;
                        BENCH_CHECK(weft_function_find(names[i], &f) == 0);
                        BENCH_CHECK(f->item == add_item);
                }
}

static void dlsym_body(struct bench_worker *w, void *context)
{
        static const char *const known[] = { "malloc", "printf", "qsort", "strlen" };
        uint64_t n = 0;
        (void)context;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n))
                for (unsigned i = 0; i < FUNCTIONS; i++, n++)
                        BENCH_CHECK(dlsym(RTLD_DEFAULT, known[i % 4]) != NULL);
}

/* ---- calling ------------------------------------------------------------------------- */

static void call(struct bench_worker *w, const struct weft_function *f)
{
        static uint64_t in[ITEMS], out[ITEMS];
        uint64_t n = 0, more = 0;
        for (uint64_t i = 0; i < ITEMS; i++)
                in[i] = i * i;
        bench_ready(w);
        for (; !bench_stopping(w); bench_ops(w, n)) {
                more++;
                BENCH_CHECK(weft_function_call(f, in, ITEMS, out, ITEMS, &more) == ITEMS);
                BENCH_CHECK(out[ITEMS - 1] == in[ITEMS - 1] + more);
                n += ITEMS;
        }
}

static void item_body(struct bench_worker *w, void *context)
{
        struct weft_function f = { "item",      WEFT_FUNCTION_ITEM, { 8, 8, 0 },
                                   { 8, 8, 0 }, add_item,           NULL };
        (void)context;
        call(w, &f);
}

static void chunk_body(struct bench_worker *w, void *context)
{
        struct weft_function f = { "chunk",     WEFT_FUNCTION_CHUNK,
                                   { 8, 8, 0 }, { 8, 8, 0 },
                                   NULL,        add_chunk };
        (void)context;
        call(w, &f);
}

/* ---- rows ------------------------------------------------------------------------------ */

struct body {
        void (*run)(struct bench_worker *w, void *context);
};

static int sample(const struct bench_side *side, double *value)
{
        const struct body *b = side->subject;
        struct bench_crew crew = { .count = 1, .ms = bench.ms, .body = b->run };
        int rc = bench_crew_run(&crew);
        *value = (double)crew.elapsed / (double)(crew.slot[0].ops_at_stop + 1);
        return rc;
}

#define SIDE(name, label, body_) \
        static const struct body name##_kind = { body_ }; \
        static const struct bench_side name = { label, sample, &name##_kind, NULL }

SIDE(find, "weft", find_body);
SIDE(find_peer, "dlsym", dlsym_body);
SIDE(item, "function of one item", item_body);
SIDE(chunk, "function of a chunk", chunk_body);

static const struct bench_row rows[] = {
        { "function.find", "one of 1,000 by name", "ns", &find, &find_peer, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
        { "function.item", "adds to 1,024 numbers: each; the peer is called once", "ns",
          &item, &chunk, BENCH_NO_GOAL, BENCH_LOWER, 0 },
};

BENCH_MODULE(function, rows);
