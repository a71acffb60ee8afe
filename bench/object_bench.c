/* bench/object_bench.c -- the directory: making, opening and removing by name. */
#define _GNU_SOURCE
#include <stdio.h>

#include <weft/weft.h>

#include "bench/bench.h"

enum { OBJECTS = 1000 };

static void must(int rc, const char *call)
{
        if (rc < 0)
                bench_give_up("%s: %s", call, weft_strerror(rc));
}

static weft_array_t *make(weft_arena_t *arena, int i)
{
        struct weft_array_options options = { .length = 8, .element_bytes = 8 };
        weft_array_t *array;
        char name[32];
        snprintf(name, sizeof name, "object-%d", i);
        must(weft_array_create(arena, name, &options, &array), "weft_array_create");
        return array;
}

static void create_body(struct bench_worker *w, void *arena)
{
        bench_ready(w);
        uint64_t begin = bench_now();
        for (int i = 0; i < OBJECTS; i++)
                weft_array_close(make(arena, i));
        w->slot->value = (double)(bench_now() - begin) / 1e3 / OBJECTS;
}

static void open_body(struct bench_worker *w, void *arena)
{
        char name[32];
        for (int i = 0; i < OBJECTS; i++)
                weft_array_close(make(arena, i));
        bench_ready(w);
        uint64_t begin = bench_now();
        for (int i = 0; i < OBJECTS; i++) {
                weft_array_t *array;
                snprintf(name, sizeof name, "object-%d", i * 7 % OBJECTS);
                must(weft_array_open(arena, name, &array), "weft_array_open");
                weft_array_close(array);
        }
        w->slot->value = (double)(bench_now() - begin) / 1e3 / OBJECTS;
}

static void remove_body(struct bench_worker *w, void *arena)
{
        char name[32];
        for (int i = 0; i < OBJECTS; i++)
                weft_array_close(make(arena, i));
        bench_ready(w);
        uint64_t begin = bench_now();
        for (int i = 0; i < OBJECTS; i++) {
                snprintf(name, sizeof name, "object-%d", i);
                must(weft_object_remove(arena, name), "weft_object_remove");
        }
        w->slot->value = (double)(bench_now() - begin) / 1e3 / OBJECTS;
}

static int count(const struct weft_object_info *object, void *context)
{
        (void)object;
        ++*(int *)context;
        return 0;
}

static void list_body(struct bench_worker *w, void *arena)
{
        int n = 0;
        for (int i = 0; i < OBJECTS; i++)
                weft_array_close(make(arena, i));
        bench_ready(w);
        uint64_t begin = bench_now();
        must(weft_object_list(arena, count, &n), "weft_object_list");
        w->slot->value = (double)(bench_now() - begin) / 1e3 / OBJECTS;
        BENCH_CHECK(n == OBJECTS);
}

struct body {
        void (*run)(struct bench_worker *w, void *arena);
};

static int sample(const struct bench_side *side, double *value)
{
        weft_arena_t *arena;
        int rc = bench_weft(weft_arena_create(NULL, NULL, &arena), "weft_arena_create");
        if (rc)
                return rc;
        struct bench_crew crew = { .count = 1,
                                   .body = ((const struct body *)side->subject)->run,
                                   .context = arena };
        rc = bench_crew_run(&crew);
        *value = crew.slot[0].value;
        weft_arena_close(arena);
        return rc;
}

static const struct body create = { create_body }, open_one = { open_body },
                         take_away = { remove_body }, list = { list_body };
static const struct bench_side side_create = { "weft", sample, &create, NULL };
static const struct bench_side side_open = { "weft", sample, &open_one, NULL };
static const struct bench_side side_remove = { "weft", sample, &take_away, NULL };
static const struct bench_side side_list = { "weft", sample, &list, NULL };

static const struct bench_row rows[] = {
        { "object.create", "makes and closes one of 1,000 named arrays", "us",
          &side_create, NULL, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "object.open", "opens and closes one of 1,000", "us", &side_open, NULL,
          BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "object.remove", "removes one of 1,000, with its memory", "us", &side_remove,
          NULL, BENCH_NO_GOAL, BENCH_LOWER, 0 },
        { "object.list", "lists 1,000: each", "us", &side_list, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 0 },
};

BENCH_MODULE(object, rows);
