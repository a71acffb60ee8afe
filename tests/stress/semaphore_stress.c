/* Semaphores: all live, one against many at once; a buffer between two plain ones; threads
 * on one mapping; then owned permits of those who are killed and stopped at random: never
 * more inside than there are permits, and at the end all are back, each once. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/array.h>
#include <weft/object.h>
#include <weft/semaphore.h>

#include "tests/soak.h"

enum { WORKERS = 4, ROUNDS = 20000, CREW = 6, PERMITS = 5, PATIENCE = 30 /* s */ };

static weft_arena_t *arena;

/* Beside the arena. */
struct told {
        uint64_t inside;      /* of all together, while nobody dies */
        uint64_t holds[CREW]; /* at least this, but for the dead */
        uint64_t done[CREW];
        uint64_t sum; /* of what was taken out of the buffer */
};

static struct told *told;

static weft_semaphore_t *open_semaphore(const char *name)
{
        weft_semaphore_t *s;
        CHECK(weft_semaphore_open(arena, name, &s) == 0);
        return s;
}

static weft_semaphore_t *make(const char *name, uint32_t value, uint32_t maximum,
                              uint32_t flags)
{
        struct weft_semaphore_options o = { .value = value,
                                            .maximum = maximum,
                                            .flags = flags };
        weft_semaphore_t *s;
        CHECK(weft_semaphore_create(arena, name, &o, &s) == 0);
        return s;
}

static void drop(weft_semaphore_t *s, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_semaphore_close(s);
}

static void must_all_be_there(weft_semaphore_t *s, uint32_t value)
{
        struct weft_semaphore_info info;
        CHECK(weft_semaphore_value(s) == value);
        CHECK(weft_semaphore_info(s, &info) == 0);
        CHECK(info.value == value && info.held == 0 && info.holders == 0);
        CHECK(info.waiting == 0);
}

static uint64_t far(void)
{
        return weft_after(PATIENCE * WEFT_SEC);
}

/* ---- one against many --------------------------------------------------------- */

static void enter(weft_semaphore_t *s, uint32_t n)
{
        CHECK((n == 1 ? weft_semaphore_wait(s, far())
                      : weft_semaphore_wait_n(s, n, far())) == 0);
        CHECK(__atomic_add_fetch(&told->inside, n, __ATOMIC_RELAXED) <= PERMITS);
}

static void go_out(weft_semaphore_t *s, uint32_t n)
{
        (void)__atomic_sub_fetch(&told->inside, n, __ATOMIC_RELAXED);
        CHECK((n == 1 ? weft_semaphore_post(s) : weft_semaphore_post_n(s, n)) == 0);
}

/* The first takes many at once, and now and then all there are. */
static void come_and_go(uint64_t i)
{
        weft_semaphore_t *s = open_semaphore("s");
        uint64_t random = ((uint64_t)getpid() << 8) + i + 1;
        uint32_t rounds = i ? ROUNDS : ROUNDS / 8;
        for (uint32_t n = 0; n < rounds; n++) {
                uint32_t permits = i ? 1 : n % 4 ? 2 + n % 3 : PERMITS;
                enter(s, permits);
                if (soak_random(&random) % 16 == 0)
                        (void)sched_yield();
                go_out(s, permits);
                if (soak_random(&random) % 8)
                        continue;
                int rc = weft_semaphore_try(s);
                CHECK(rc == 0 || rc == -EAGAIN);
                if (rc == 0)
                        CHECK(weft_semaphore_post(s) == 0);
        }
        weft_semaphore_close(s);
}

static void come_elsewhere(void *i)
{
        arena = child_reopen(arena, WEFT_RDWR);
        come_and_go((uintptr_t)i);
}

static void *come_here(void *i)
{
        come_and_go((uintptr_t)i);
        return NULL;
}

/* ---- a buffer between two -------------------------------------------------------- */

enum { ROOM = 3, PUT = ROOM, TAKEN, WORDS };

/* `one`, of one permit, is for the places of those who put and of those who take. */
struct buffer {
        weft_semaphore_t *room, *there, *one;
        weft_array_t *words;
        uint64_t
                *at; /* plain: the semaphores bring the order, or ThreadSanitizer tells */
};

static void open_buffer(struct buffer *b)
{
        b->room = open_semaphore("room");
        b->there = open_semaphore("there");
        b->one = open_semaphore("one");
        CHECK(weft_array_open(arena, "words", &b->words) == 0);
        b->at = weft_array_span(b->words, 0, WORDS);
        CHECK(b->at);
}

static void close_buffer(struct buffer *b)
{
        weft_semaphore_close(b->room);
        weft_semaphore_close(b->there);
        weft_semaphore_close(b->one);
        weft_array_close(b->words);
}

static uint64_t step(struct buffer *b, uint64_t put)
{
        CHECK(weft_semaphore_wait(put ? b->room : b->there, far()) == 0);
        CHECK(weft_semaphore_wait(b->one, far()) == 0);
        uint64_t n = b->at[PUT] - b->at[TAKEN];
        CHECK(put ? n < ROOM : n > 0 && n <= ROOM);
        uint64_t *word = &b->at[b->at[put ? PUT : TAKEN]++ % ROOM];
        uint64_t value = *word;
        *word = put;
        CHECK(put ? value == 0 : value != 0); /* nothing was written over */
        CHECK(weft_semaphore_post(b->one) == 0);
        CHECK(weft_semaphore_post(put ? b->there : b->room) == 0);
        return value;
}

/* The odd put 1, 2, ... and who they are, the even take: each one's in his order. */
static void put_or_take(uint64_t i)
{
        struct buffer b;
        uint64_t sum = 0, last[WORKERS] = { 0 };
        open_buffer(&b);
        for (uint64_t n = 1; n <= ROUNDS; n++) {
                uint64_t value = step(&b, i % 2 ? n * WORKERS + i : 0);
                if (i % 2)
                        continue;
                CHECK(value / WORKERS > last[value % WORKERS]);
                last[value % WORKERS] = value / WORKERS;
                sum += value / WORKERS;
        }
        (void)__atomic_fetch_add(&told->sum, sum, __ATOMIC_RELAXED);
        close_buffer(&b);
}

static void put_elsewhere(void *i)
{
        arena = child_reopen(arena, WEFT_RDWR);
        put_or_take((uintptr_t)i);
}

static void *put_here(void *i)
{
        put_or_take((uintptr_t)i);
        return NULL;
}

/* ---- all live ---------------------------------------------------------------- */

static void by_processes(void (*work)(void *i))
{
        pid_t pid[WORKERS];
        for (uintptr_t i = 0; i < WORKERS; i++)
                pid[i] = child_start(work, (void *)i);
        for (int i = 0; i < WORKERS; i++)
                CHECK(child_end(pid[i]) == 0);
}

/* Threads on one mapping: ThreadSanitizer is blind between two. */
static void by_threads(void *(*work)(void *i))
{
        pthread_t thread[WORKERS];
        for (uintptr_t i = 0; i < WORKERS; i++)
                CHECK(pthread_create(&thread[i], NULL, work, (void *)i) == 0);
        for (int i = 0; i < WORKERS; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
}

static void one_against_many(uint32_t flags)
{
        weft_semaphore_t *s = make("s", PERMITS, PERMITS, flags);
        by_processes(come_elsewhere);
        must_all_be_there(s, PERMITS);
        by_threads(come_here);
        must_all_be_there(s, PERMITS);
        CHECK(told->inside == 0);
        drop(s, "s");
        check_whole(arena);
}

static void a_buffer(void)
{
        struct weft_array_options o = { .length = WORDS, .element_bytes = 8 };
        const uint64_t sum = (uint64_t)(WORKERS / 2) * ROUNDS * (ROUNDS + 1) / 2;
        weft_semaphore_t *room = make("room", ROOM, ROOM, 0);
        weft_semaphore_t *there = make("there", 0, ROOM, 0), *one = make("one", 1, 1, 0);
        weft_array_t *words;

        CHECK(weft_array_create(arena, "words", &o, &words) == 0);
        by_processes(put_elsewhere);
        CHECK(told->sum == sum);
        by_threads(put_here);
        CHECK(told->sum == 2 * sum);
        must_all_be_there(room, ROOM);
        must_all_be_there(there, 0);
        must_all_be_there(one, 1);
        drop(room, "room");
        drop(there, "there");
        drop(one, "one");
        CHECK(weft_object_remove(arena, "words") == 0);
        weft_array_close(words);
        check_whole(arena);
}

/* ---- some die ---------------------------------------------------------------- */

/* Who waits for one is never forgotten; who waits for more may be passed over. */
static void take_and_give(void *context)
{
        const uintptr_t i = (uintptr_t)context;
        weft_semaphore_t *s = open_semaphore("s");
        uint64_t random = ((uint64_t)getpid() << 8) + i + 1;
        for (;;) {
                uint32_t n = 1 + (uint32_t)(soak_random(&random) % PERMITS);
                int rc = n == 1 ? weft_semaphore_wait(s, far())
                                : weft_semaphore_wait_n(s, n, weft_after(WEFT_MSEC));
                CHECK(rc == 0 || (rc == -ETIMEDOUT && n > 1));
                if (rc)
                        continue;
                __atomic_store_n(&told->holds[i], n, __ATOMIC_RELEASE);
                if (soak_random(&random) % 8 == 0)
                        (void)sched_yield();
                while (n) {
                        uint32_t some = 1 + (uint32_t)(soak_random(&random) % n);
                        n -= some;
                        __atomic_store_n(&told->holds[i], n, __ATOMIC_RELEASE);
                        CHECK(weft_semaphore_post_n(s, some) == 0);
                }
                CHECK(weft_semaphore_post(s) == -EPERM);
                told->done[i]++;
        }
}

/* All stand still, and none is dying: what they say they hold is theirs, and what can be
 * taken is nobody's. */
static void audit(weft_semaphore_t *s, struct soak *crew)
{
        uint64_t holds = 0;
        int status;
        for (int i = 0; i < CREW; i++) {
                CHECK(kill(crew[i].pids[0], SIGSTOP) == 0);
                CHECK(waitpid(crew[i].pids[0], &status, WUNTRACED) == crew[i].pids[0]);
                CHECK(WIFSTOPPED(status));
        }
        for (int i = 0; i < CREW; i++)
                holds += told->holds[i];
        int64_t value = weft_semaphore_value(s);
        CHECK(value >= 0 && holds + (uint64_t)value <= PERMITS);
        for (int i = 0; i < CREW; i++)
                CHECK(kill(crew[i].pids[0], SIGCONT) == 0);
}

static void kills(uint64_t seconds)
{
        weft_semaphore_t *s = make("s", PERMITS, PERMITS, WEFT_SEMAPHORE_OWNED);
        struct soak crew[CREW];
        uint64_t random = (uint64_t)getpid() * 77, until = soak_until(seconds);

        for (uintptr_t i = 0; i < CREW; i++) {
                crew[i] = (struct soak){ .work = take_and_give,
                                         .context = (void *)i,
                                         .crew = 1,
                                         .random = random + i + 1 };
                soak_begin(&crew[i]);
        }
        while (weft_now() < until) {
                uint64_t i = soak_random(&random) % CREW;
                uint32_t killed = crew[i].kills;
                soak_step(&crew[i]);
                if (crew[i].kills != killed) /* at least this is true of the next one */
                        __atomic_store_n(&told->holds[i], 0, __ATOMIC_RELEASE);
                audit(s, crew);
        }
        for (int i = 0; i < CREW; i++) {
                CHECK(told->done[i] > 0);
                soak_end(&crew[i]);
        }
        (void)recover_count(arena);
        check_whole(arena);
        must_all_be_there(s, PERMITS);
        CHECK(weft_semaphore_wait_n(s, PERMITS, WEFT_NOW) == 0);
        CHECK(weft_semaphore_post_n(s, PERMITS) == 0);
        drop(s, "s");
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        struct weft_census census;
        told = common_make(sizeof *told);
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        one_against_many(0);
        one_against_many(WEFT_SEMAPHORE_OWNED);
        a_buffer();
        kills(3);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
        weft_arena_close(arena);
        return 0;
}
