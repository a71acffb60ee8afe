/* Arenas for the tests of the command:
 *   cli_helper make NAME    a queue "jobs" with 3 elements, an array "table"; ends
 *   cli_helper pool NAME    a pool "pool" of 2 objects in an arena that is there
 *   cli_helper hold NAME    the same, then waits until it is killed
 *   cli_helper drop NAME    joins it, takes a block and an element, and is killed
 *   cli_helper sync NAME    what the command cannot make itself: a mutex, a rwlock, both
 *                           held, and so on; waits until it is killed
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/pool.h>
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

static void make_pool(const char *name)
{
        struct weft_pool_options options = { .object_bytes = 64, .count = 2 };
        weft_arena_t *arena;
        weft_pool_t *pool;
        must(weft_arena_open(name, WEFT_RDWR, &arena), name);
        must(weft_pool_create(arena, "pool", &options, &pool), "pool");
        weft_pool_close(pool);
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

static void make_signal(weft_arena_t *arena, const char *name, const void *value,
                        uint32_t bytes)
{
        const struct weft_signal_options options = { .bytes = bytes, .value = value };
        weft_signal_t *signal;
        must(weft_signal_create(arena, name, &options, &signal), name);
        must(weft_signal_set(signal, value, NULL), name);
}

static int fail(void *unused)
{
        (void)unused;
        return -ENOSPC;
}

static void hold_sync(const char *name)
{
        const struct weft_mutex_options fair = { .flags = WEFT_MUTEX_FAIR };
        const struct weft_barrier_options three = { .parties = 3 };
        weft_arena_t *arena;
        weft_mutex_t *mutex;
        weft_rwlock_t *rwlock;
        weft_once_t *once;
        weft_condition_t *condition;
        weft_barrier_t *barrier;
        uint64_t phase;
        must(weft_arena_create(name, NULL, &arena), name);
        must(weft_mutex_create(arena, "mutex", &fair, &mutex), "mutex");
        must(weft_mutex_lock(mutex, WEFT_NEVER), "lock");
        must(weft_rwlock_create(arena, "rwlock", &rwlock), "rwlock");
        must(weft_rwlock_read(rwlock, WEFT_NEVER), "read");
        must(weft_once_create(arena, "once", &once), "once");
        if (weft_once_call(once, fail, NULL, WEFT_NEVER) != -ENOSPC)
                must(-EINVAL, "call");
        must(weft_condition_create(arena, "condition", &condition), "condition");
        must(weft_barrier_create(arena, "members", &three, &barrier), "barrier");
        must(weft_barrier_arrive(barrier, &phase), "arrive");
        make_signal(arena, "text", "hello, world\0\0\0", 16);
        make_signal(arena, "bytes", "\001\002\377", 3);
        make_signal(arena, "zero", "\0\0", 2);
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
        else if (!strcmp(argv[1], "pool"))
                make_pool(argv[2]);
        else if (!strcmp(argv[1], "hold"))
                hold(argv[2]);
        else if (!strcmp(argv[1], "drop"))
                drop(argv[2]);
        else if (!strcmp(argv[1], "sync"))
                hold_sync(argv[2]);
        else
                return 2;
        return 0;
}
