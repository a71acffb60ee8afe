/* Conditions: a buffer that holds little, so that everybody waits all the time; producers
 * and consumers who are killed and stopped at random, and after each death the others must
 * go on. Nobody looks but when he is notified: one lost notification, and all stand still.
 * What is produced and consumed is one word each, so that nothing is half done. */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/array.h>
#include <weft/condition.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { WORKERS = 3, ROUNDS = 3000, ROOM = 1, CREW = 3, STEPS = 20 };
enum { PRODUCED, CONSUMED, WORDS };

static weft_arena_t *arena;

/* One side waits until the other has done something. */
struct buffer {
        weft_mutex_t *mutex;
        weft_condition_t *not_full, *not_empty;
        weft_array_t *words;
};

static void open_buffer(struct buffer *b)
{
        CHECK(weft_mutex_open(arena, "m", &b->mutex) == 0);
        CHECK(weft_condition_open(arena, "not full", &b->not_full) == 0);
        CHECK(weft_condition_open(arena, "not empty", &b->not_empty) == 0);
        CHECK(weft_array_open(arena, "words", &b->words) == 0);
}

static void close_buffer(struct buffer *b)
{
        weft_mutex_close(b->mutex);
        weft_condition_close(b->not_full);
        weft_condition_close(b->not_empty);
        weft_array_close(b->words);
}

static uint64_t load(const struct buffer *b, uint64_t i)
{
        uint64_t v;
        CHECK(weft_array_load64(b->words, i, &v) == 0);
        return v;
}

/* Plain: the mutex protects it, or ThreadSanitizer says so. */
static uint64_t *plain(const struct buffer *b, uint64_t i)
{
        uint64_t *at = weft_array_span(b->words, i, 1);
        CHECK(at);
        return at;
}

/* Whoever died may have been about to notify. */
static void locked(struct buffer *b, int rc)
{
        CHECK(rc == 0 || rc == -EOWNERDEAD || rc == -ETIMEDOUT);
        if (rc != -EOWNERDEAD)
                return;
        CHECK(weft_condition_notify_all(b->not_full) >= 0);
        CHECK(weft_condition_notify_all(b->not_empty) >= 0);
        CHECK(weft_mutex_consistent(b->mutex) == 0);
}

static uint64_t there(const struct buffer *b)
{
        uint64_t n = *plain(b, PRODUCED) - *plain(b, CONSUMED);
        CHECK(n <= ROOM);
        return n;
}

static void step(struct buffer *b, bool produce, uint64_t patience)
{
        weft_condition_t *mine = produce ? b->not_full : b->not_empty;
        weft_condition_t *theirs = produce ? b->not_empty : b->not_full;
        locked(b, weft_mutex_lock(b->mutex, WEFT_NEVER));
        while (there(b) == (produce ? ROOM : 0))
                locked(b,
                       weft_condition_wait(mine, b->mutex,
                                           patience ? weft_after(patience) : WEFT_NEVER));
        ++*plain(b, produce ? PRODUCED : CONSUMED);
        CHECK(weft_condition_notify_one(theirs) >= 0);
        CHECK(weft_mutex_unlock(b->mutex) == 0);
}

/* ---- all live -------------------------------------------------------------- */

static void work(uintptr_t i)
{
        struct buffer b;
        open_buffer(&b);
        for (uint64_t n = 0; n < ROUNDS; n++)
                step(&b, i % 2, n % 8 ? 0 : n % 64 * 1000);
        close_buffer(&b);
}

static void work_elsewhere(void *i)
{
        arena = child_reopen(arena, WEFT_RDWR);
        work((uintptr_t)i);
}

static void *work_here(void *i)
{
        work((uintptr_t)i);
        return NULL;
}

/* ---- some die ---------------------------------------------------------------- */

static void produce_for_ever(void *unused)
{
        struct buffer b;
        (void)unused;
        open_buffer(&b);
        for (;;)
                step(&b, true, 0);
}

static void consume_for_ever(void *unused)
{
        struct buffer b;
        (void)unused;
        open_buffer(&b);
        for (;;)
                step(&b, false, 0);
}

/* Nobody dies or comes meanwhile. */
static void must_go_on(const struct buffer *b)
{
        uint64_t from = load(b, CONSUMED), latest = weft_after(20 * WEFT_SEC);
        while (load(b, CONSUMED) < from + STEPS) {
                if (weft_now() > latest) {
                        struct weft_condition_info full, empty;
                        struct weft_mutex_info m;
                        CHECK(weft_condition_info(b->not_full, &full) == 0);
                        CHECK(weft_condition_info(b->not_empty, &empty) == 0);
                        CHECK(weft_mutex_info(b->mutex, &m) == 0);
                        fprintf(stderr,
                                "they stand still: %llu produced, %llu consumed; not "
                                "full: %u waiting, %u notified; not empty: %u, %u; "
                                "mutex: held by %u\n",
                                (unsigned long long)load(b, PRODUCED),
                                (unsigned long long)load(b, CONSUMED), full.waiting,
                                full.notified, empty.waiting, empty.notified,
                                m.holder_pid);
                        abort();
                }
                usleep(100);
        }
}

/* As soak_step(), but those who are left must go on before another one comes, who would
 * look by himself. */
static void kill_one(struct soak *s, const struct buffer *b)
{
        int i = (int)(soak_random(&s->random) % (uint64_t)s->crew);
        usleep((useconds_t)(soak_random(&s->random) % 2000));
        CHECK(child_kill(s->pids[i]) == -SIGKILL);
        s->kills++;
        must_go_on(b);
        s->pids[i] = child_start(s->work, s->context);
}

static void kills(uint64_t seconds)
{
        struct soak producers = { .work = produce_for_ever, .crew = CREW };
        struct soak consumers = { .work = consume_for_ever, .crew = CREW };
        struct weft_condition_info info;
        struct buffer b;
        uint64_t until = soak_until(seconds);

        open_buffer(&b);
        soak_begin(&producers);
        soak_begin(&consumers);
        while (weft_now() < until) {
                kill_one(&producers, &b);
                kill_one(&consumers, &b);
                soak_step(&producers);
                soak_step(&consumers);
                must_go_on(&b);
        }
        soak_end(&producers);
        soak_end(&consumers);
        (void)recover_count(arena);
        check_whole(arena);
        locked(&b, weft_mutex_lock(b.mutex, WEFT_NEVER));
        (void)there(&b);
        CHECK(weft_mutex_unlock(b.mutex) == 0);
        CHECK(weft_condition_info(b.not_full, &info) == 0);
        CHECK(info.waiting == 0 && info.notified == 0);
        CHECK(weft_condition_info(b.not_empty, &info) == 0);
        CHECK(info.waiting == 0 && info.notified == 0);
        close_buffer(&b);
}

/* ---- with both kinds of mutex ---------------------------------------------------- */

static void all(uint32_t flags)
{
        struct weft_mutex_options m = { .flags = flags };
        struct weft_array_options o = { .length = WORDS, .element_bytes = 8 };
        struct buffer b;
        pthread_t thread[2 * WORKERS];
        pid_t pid[2 * WORKERS];

        CHECK(weft_mutex_create(arena, "m", &m, &b.mutex) == 0);
        CHECK(weft_condition_create(arena, "not full", &b.not_full) == 0);
        CHECK(weft_condition_create(arena, "not empty", &b.not_empty) == 0);
        CHECK(weft_array_create(arena, "words", &o, &b.words) == 0);

        for (uintptr_t i = 0; i < 2 * WORKERS; i++)
                pid[i] = child_start(work_elsewhere, (void *)i);
        for (int i = 0; i < 2 * WORKERS; i++)
                CHECK(child_end(pid[i]) == 0);
        CHECK(load(&b, PRODUCED) == WORKERS * ROUNDS);
        CHECK(load(&b, CONSUMED) == WORKERS * ROUNDS);

        /* Threads on one mapping: ThreadSanitizer is blind between two. */
        for (uintptr_t i = 0; i < 2 * WORKERS; i++)
                CHECK(pthread_create(&thread[i], NULL, work_here, (void *)i) == 0);
        for (int i = 0; i < 2 * WORKERS; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
        CHECK(load(&b, PRODUCED) == 2 * WORKERS * ROUNDS);
        CHECK(load(&b, CONSUMED) == 2 * WORKERS * ROUNDS);

        kills(2);

        CHECK(weft_object_remove(arena, "m") == 0);
        CHECK(weft_object_remove(arena, "not full") == 0);
        CHECK(weft_object_remove(arena, "not empty") == 0);
        CHECK(weft_object_remove(arena, "words") == 0);
        close_buffer(&b);
        check_whole(arena);
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        all(0);
        all(WEFT_MUTEX_FAIR);
        weft_arena_close(arena);
        return 0;
}
