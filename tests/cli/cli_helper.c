/* Arenas for the tests of the command:
 *   cli_helper make NAME    a queue "jobs" with 3 elements, an array "table"; ends
 *   cli_helper pool NAME    a pool "pool" of 2 objects in an arena that is there
 *   cli_helper future NAME  a future "open" that nobody sets
 *   cli_helper lazy NAME    a lazy "lazy" that has been computed, and "new", that has not
 *   cli_helper hold NAME    the same, then waits until it is killed
 *   cli_helper drop NAME    joins it, takes a block and an element, and is killed
 *   cli_helper flow NAME    a hot stream "h", where all wait for the slowest, and a channel
 *                           "c"; drives "h" through 1000 items to its end, and ends
 *   cli_helper driver NAME  a hot stream "d" of one item, whose driver is killed
 *   cli_helper sync NAME    what the command cannot make itself: a mutex, a rwlock, both
 *                           held, and so on; waits until it is killed
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/channel.h>
#include <weft/future.h>
#include <weft/hot.h>
#include <weft/lazy.h>
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

static void make_future(const char *name)
{
        struct weft_future_options options = { .flags = WEFT_FUTURE_KEEP };
        weft_arena_t *arena;
        weft_future_t *future;
        must(weft_arena_open(name, WEFT_RDWR, &arena), name);
        must(weft_future_create(arena, "open", &options, &future), "open");
        weft_future_close(future);
        weft_arena_close(arena);
}

static int answer(const void *in, void *out, const void *argument)
{
        (void)in, (void)argument;
        *(uint64_t *)out = 42;
        return 0;
}

WEFT_FUNCTION_ITEM("cli answer", answer, WEFT_TYPE_NONE, WEFT_TYPE(uint64_t, NULL))

static void make_lazy(const char *name)
{
        weft_arena_t *arena;
        weft_lazy_t *lazy, *new;
        uint64_t value;
        must(weft_arena_open(name, WEFT_RDWR, &arena), name);
        must(weft_lazy_create(arena, "lazy", "cli answer", NULL, 0, &lazy), "lazy");
        must(weft_lazy_create(arena, "new", "cli answer", NULL, 0, &new), "new");
        must((int)weft_lazy_force(lazy, &value, sizeof value, WEFT_NEVER), "force");
        weft_lazy_close(lazy);
        weft_lazy_close(new);
        weft_arena_close(arena);
}

static weft_arena_t *open_flow(const char *name, const char *what, uint32_t policy,
                               weft_hot_t **hot)
{
        struct weft_arena_options options = { .max_bytes = UINT64_C(64) << 20 };
        struct weft_hot_options flow = { .capacity = 16,
                                         .element_bytes = 8,
                                         .policy = policy,
                                         .flags = WEFT_HOT_ONE };
        weft_arena_t *arena;
        int rc = weft_arena_open(name, WEFT_RDWR, &arena);
        must(rc == -ENOENT ? weft_arena_create(name, &options, &arena) : rc, name);
        must(weft_hot_create_or_open(arena, what, &flow, hot), what);
        must(weft_hot_claim(*hot, NULL, WEFT_NOW), "claim");
        return arena;
}

/* A line on the standard input begins it. */
static void flow(const char *name)
{
        struct weft_channel_options options = { .capacity = 4, .element_bytes = 8 };
        weft_channel_t *channel;
        weft_hot_t *hot;
        uint64_t x = 0;
        weft_arena_t *arena = open_flow(name, "h", WEFT_HOT_BLOCK, &hot);
        must(weft_channel_create(arena, "c", &options, &channel), "c");
        must(weft_channel_send(channel, &x, WEFT_NOW), "send");
        puts("made");
        fflush(stdout);
        if (getchar() == EOF)
                exit(1);
        for (; x < 1000; x++)
                must(weft_hot_emit(hot, &x, WEFT_NOW), "emit");
        must(weft_hot_finish(hot, 0), "finish");
        must(weft_hot_yield(hot), "yield");
        weft_channel_close(channel);
        weft_hot_close(hot);
        weft_arena_close(arena);
}

static void driver(const char *name)
{
        weft_hot_t *hot;
        uint64_t x = 7;
        (void)open_flow(name, "d", WEFT_HOT_DROP, &hot);
        must(weft_hot_emit(hot, &x, WEFT_NOW), "emit");
        raise(SIGKILL);
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

/* What a run leaves that is killed before it has an object. */
static void begin_and_die(const char *name)
{
        const struct weft_arena_options options = { .flags = WEFT_ARENA_EPHEMERAL };
        weft_arena_t *arena;
        must(weft_arena_create(name, &options, &arena), name);
        must(weft_agent_join(arena), "join");
        raise(SIGKILL);
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
        else if (!strcmp(argv[1], "future"))
                make_future(argv[2]);
        else if (!strcmp(argv[1], "lazy"))
                make_lazy(argv[2]);
        else if (!strcmp(argv[1], "hold"))
                hold(argv[2]);
        else if (!strcmp(argv[1], "begin"))
                begin_and_die(argv[2]);
        else if (!strcmp(argv[1], "drop"))
                drop(argv[2]);
        else if (!strcmp(argv[1], "flow"))
                flow(argv[2]);
        else if (!strcmp(argv[1], "driver"))
                driver(argv[2]);
        else if (!strcmp(argv[1], "sync"))
                hold_sync(argv[2]);
        else
                return 2;
        return 0;
}
