/* Arenas for the tests of the command:
 *   cli_helper make NAME    a queue "jobs" with 3 elements, an array "table"; ends
 *   cli_helper hold NAME    the same, then waits until it is killed
 *   cli_helper drop NAME    joins it, takes a block and an element, and is killed
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

static void must(int rc, const char *what)
{
        if (rc < 0) {
                fprintf(stderr, "cli_helper: %s: %s\n", what, weft_strerror(rc));
                exit(1);
        }
}

static void make(const char *name)
{
        struct weft_arena_options options = { .max_bytes = UINT64_C(64) << 20 };
        struct weft_queue_options jobs = { 16, 64, WEFT_QUEUE_LEASE };
        struct weft_array_options table = { .length = 10, .element_bytes = 8 };
        weft_arena_t *arena;
        weft_queue_t *queue;
        weft_array_t *array;
        char element[64] = "job";
        must(weft_arena_create(name, &options, &arena), name);
        must(weft_queue_create(arena, "jobs", &jobs, &queue), "jobs");
        must(weft_array_create(arena, "table", &table, &array), "table");
        for (int i = 0; i < 3; i++)
                must(weft_queue_push(queue, element, WEFT_NOW), "push");
        weft_array_close(array);
        weft_queue_close(queue);
        weft_arena_close(arena);
}

static void drop(const char *name)
{
        weft_arena_t *arena;
        weft_queue_t *queue;
        weft_ref_t ref;
        struct weft_element element;
        must(weft_arena_open(name, WEFT_RDWR, &arena), name);
        must(weft_queue_open(arena, "jobs", &queue), "jobs");
        must(weft_block_alloc(arena, 1000, &ref, NULL), "block");
        must(weft_queue_take(queue, &element, WEFT_NOW), "take");
        raise(SIGKILL);
}

static void hold(const char *name)
{
        weft_arena_t *arena;
        make(name);
        must(weft_arena_open(name, WEFT_RDWR, &arena), name);
        must(weft_agent_join(arena), "join");
        puts("held");
        fflush(stdout);
        for (;;)
                pause();
}

int main(int argc, char **argv)
{
        if (argc != 3)
                return 2;
        if (!strcmp(argv[1], "make"))
                make(argv[2]);
        else if (!strcmp(argv[1], "hold"))
                hold(argv[2]);
        else if (!strcmp(argv[1], "drop"))
                drop(argv[2]);
        else
                return 2;
        return 0;
}
