/* Signals: many writers and readers; then those that are killed and stopped at random; then
 * threads on one mapping. Every word of a value is the same number. Of "counted" it is the
 * version, whoever dies; of "set" it is anything. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/object.h>
#include <weft/signal.h>

#include "tests/soak.h"

enum { WORKERS = 4, ROUNDS = 4000, WORDS = 60, BYTES = WORDS * 8 };

static weft_arena_t *arena;

static weft_signal_t *open_signal(const char *name)
{
        weft_signal_t *s;
        CHECK(weft_signal_open(arena, name, &s) == 0);
        return s;
}

static void fill(uint64_t *value, uint64_t number)
{
        for (int i = 0; i < WORDS; i++)
                value[i] = number;
}

static uint64_t whole(const uint64_t *value)
{
        for (int i = 1; i < WORDS; i++)
                CHECK(value[i] == value[0]);
        return value[0];
}

static uint64_t get(weft_signal_t *s, uint64_t *version)
{
        uint64_t value[WORDS];
        CHECK(weft_signal_get(s, value, version) == 0);
        return whole(value);
}

static int add_one(void *value, void *unused)
{
        (void)unused;
        fill(value, whole(value) + 1);
        return 0;
}

/* One of them, by its version. */
static void compare_and_set(weft_signal_t *s)
{
        uint64_t value[WORDS], version;
        int rc;
        do {
                uint64_t number = get(s, &version);
                CHECK(number == version);
                fill(value, number + 1);
                rc = weft_signal_compare_and_set(s, value, &version);
                CHECK(rc == 0 || rc == -EAGAIN);
        } while (rc);
}

/* Two changes of "counted". */
static void write_once(weft_signal_t *counted, weft_signal_t *set, uint64_t number)
{
        uint64_t value[WORDS], version, before;
        (void)get(counted, &before);
        CHECK(weft_signal_update(counted, add_one, NULL, &version) == 0);
        CHECK(version > before);
        compare_and_set(counted);
        fill(value, number);
        CHECK(weft_signal_set(set, value, NULL) == 0);
        CHECK(get(counted, &before) == before && before > version);
}

static void read_once(weft_signal_t *counted, weft_signal_t *set, uint64_t *seen)
{
        uint64_t value[WORDS], version;
        CHECK(get(counted, &version) == version && version >= *seen);
        *seen = version;
        (void)get(set, &version);
        version = *seen;
        int rc = weft_signal_wait_change(counted, value, &version,
                                         weft_after(20 * WEFT_MSEC));
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        if (!rc)
                CHECK(whole(value) == version && version > *seen);
        *seen = version;
}

/* ---- all live -------------------------------------------------------------- */

static void work(void)
{
        weft_signal_t *counted = open_signal("counted"), *set = open_signal("set");
        for (uint64_t i = 0; i < ROUNDS; i++)
                write_once(counted, set, i);
        weft_signal_close(counted);
        weft_signal_close(set);
}

static void write_elsewhere(void *unused)
{
        (void)unused;
        arena = child_reopen(arena, WEFT_RDWR);
        work();
}

static void *write_here(void *unused)
{
        work();
        return unused;
}

/* Until it has seen as many versions as there will be. */
static void *read_here(void *until)
{
        weft_signal_t *counted = open_signal("counted"), *set = open_signal("set");
        uint64_t seen = 0;
        while (seen < *(const uint64_t *)until)
                read_once(counted, set, &seen);
        weft_signal_close(counted);
        weft_signal_close(set);
        return NULL;
}

/* Writes nothing, and looks all the time. */
static void read_only(void *until)
{
        arena = child_reopen(arena, WEFT_RDONLY);
        weft_signal_t *counted = open_signal("counted"), *set = open_signal("set");
        uint64_t version = 0, before = 0;
        while (version < *(const uint64_t *)until) {
                CHECK(get(counted, &version) == version && version >= before);
                before = version;
                (void)get(set, &version);
                version = before;
        }
}

/* ---- some die ---------------------------------------------------------------- */

static void write_for_ever(void *unused)
{
        weft_signal_t *counted = open_signal("counted"), *set = open_signal("set");
        (void)unused;
        for (uint64_t i = 0;; i++)
                write_once(counted, set, (uint64_t)getpid() << 32 | i);
}

static void read_for_ever(void *unused)
{
        weft_signal_t *counted = open_signal("counted"), *set = open_signal("set");
        uint64_t seen = 0;
        (void)unused;
        for (;;)
                read_once(counted, set, &seen);
}

static void kills(uint64_t seconds)
{
        weft_signal_t *counted = open_signal("counted");
        struct soak writers = { .work = write_for_ever, .crew = 3 };
        struct soak readers = { .work = read_for_ever, .crew = 2 };
        uint64_t until = soak_until(seconds), version, before = 0;

        soak_begin(&writers);
        soak_begin(&readers);
        while (weft_now() < until) {
                soak_step(&writers);
                if (writers.kills % 4 == 0)
                        soak_step(&readers);
                CHECK(get(counted, &version) == version && version >= before);
                before = version;
        }
        soak_end(&writers);
        soak_end(&readers);
        (void)recover_count(arena);
        check_whole(arena);
        CHECK(get(counted, &version) == version);
        weft_signal_close(counted);
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        uint64_t first[WORDS], until = 1 + 2 * WORKERS * ROUNDS, version;
        struct weft_signal_options o = { .bytes = BYTES, .value = first };
        weft_signal_t *counted, *set;
        struct weft_census census;
        pthread_t thread[WORKERS], reader;
        pid_t pid[WORKERS], watcher;

        fill(first, 1);
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        CHECK(weft_signal_create(arena, "counted", &o, &counted) == 0);
        CHECK(weft_signal_create(arena, "set", &o, &set) == 0);
        watcher = child_start(read_only, &until);
        for (int i = 0; i < WORKERS; i++)
                pid[i] = child_start(write_elsewhere, NULL);
        for (int i = 0; i < WORKERS; i++)
                CHECK(child_end(pid[i]) == 0);
        CHECK(child_end(watcher) == 0);
        CHECK(get(counted, &version) == until && version == until);
        check_whole(arena);

        kills(2);

        /* Threads on one mapping: ThreadSanitizer is blind between two. */
        until = get(counted, &version) + 2 * WORKERS * ROUNDS;
        CHECK(pthread_create(&reader, NULL, read_here, &until) == 0);
        for (int i = 0; i < WORKERS; i++)
                CHECK(pthread_create(&thread[i], NULL, write_here, NULL) == 0);
        for (int i = 0; i < WORKERS; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
        CHECK(pthread_join(reader, NULL) == 0);
        CHECK(get(counted, &version) == until && version == until);

        CHECK(weft_object_remove(arena, "counted") == 0);
        CHECK(weft_object_remove(arena, "set") == 0);
        weft_signal_close(counted);
        weft_signal_close(set);
        check_whole(arena);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
        return 0;
}
