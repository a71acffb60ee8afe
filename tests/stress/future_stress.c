/* tests/stress/future_stress.c -- futures made, promised, set, awaited and dropped by many,
 * killed and stopped at random. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/future.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { CREW = 6, SHELF = 8, THREADS = 4, ROUNDS = 2000 };

static weft_arena_t *arena;

/* Tokens that lie about: whoever finds one opens it, if it is there still. */
static struct common {
        uint64_t token[SHELF];
        uint64_t made, got, broken, next;
} * common;

static void bump(uint64_t *counter)
{
        __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static int twice(const void *in, void *out, const void *argument)
{
        uint64_t value[32];
        (void)argument;
        memcpy(value, in, sizeof value);
        for (int i = 0; i < 32; i++)
                value[i] *= 2;
        memcpy(out, value, sizeof value);
        return 0;
}

#define VALUE WEFT_TYPE(uint64_t[32], "stress value")
WEFT_FUNCTION_ITEM("stress twice", twice, VALUE, VALUE)

/* Of one number, all of it: or it is torn. */
static void check_value(const uint64_t *value, int64_t n)
{
        CHECK(n == 8 || n == 256);
        for (int64_t i = 1; i < n / 8; i++)
                CHECK(value[i] == value[0]);
}

static void produce(uint64_t *random)
{
        uint64_t value[32], r = soak_random(random);
        weft_future_t *f, *next = NULL;
        int rc = weft_future_create(arena, NULL, NULL, &f);
        CHECK(rc == 0);
        if (r & 1)
                CHECK(weft_future_produce(f) == 0);
        if (r & 2)
                CHECK(weft_future_then(f, "stress twice", NULL, 0, NULL, &next) == 0);
        __atomic_store_n(&common->token[r >> 8 & (SHELF - 1)],
                         weft_future_token(next && r & 4 ? next : f), __ATOMIC_SEQ_CST);
        for (uint64_t i = r >> 16 & 31; i; i--)
                sched_yield();
        for (int i = 0; i < 32; i++)
                value[i] = r;
        rc = r & 8 ? weft_future_set_error(f, -EIO)
                   : weft_future_set(f, value, !next && r & 16 ? 8 : 256);
        CHECK(rc == 0 || rc == -ECANCELED || (!(r & 1) && rc == -EALREADY));
        if (next) {
                int64_t n = weft_future_get(next, value, sizeof value, WEFT_NEVER);
                CHECK(n == 256 || n == -EIO || n == -ECANCELED || n == -EPROTO);
                if (n == 256 && rc == 0)
                        CHECK(value[0] == 2 * r);
                if (n > 0)
                        check_value(value, n);
                bump(&common->next);
        }
        bump(&common->made);
        weft_future_close(next);
        weft_future_close(f);
}

static void consume(uint64_t *random)
{
        uint64_t value[32], r = soak_random(random);
        weft_future_t *f;
        int rc = weft_future_open_token(
                arena, __atomic_load_n(&common->token[r & (SHELF - 1)], __ATOMIC_SEQ_CST),
                &f);
        if (rc) {
                CHECK(rc == -ENOENT);
                return;
        }
        int64_t n = weft_future_get(f, value, sizeof value, weft_after(2 * WEFT_MSEC));
        if (n > 0)
                check_value(value, n);
        else
                CHECK(n == -EIO || n == -EOWNERDEAD || n == -ECANCELED || n == -EPROTO ||
                      n == -ETIMEDOUT);
        if (n == -EOWNERDEAD)
                bump(&common->broken);
        if (n == -ETIMEDOUT && r & 256) {
                rc = weft_future_cancel(f);
                CHECK(rc == 0 || rc == -EALREADY);
        }
        if (n == -ETIMEDOUT && r & 512) {
                rc = weft_future_set(f, &r, 8);
                CHECK(rc == 0 || rc == -EALREADY || rc == -ECANCELED || rc == -EPERM ||
                      rc == -EPROTO);
        }
        bump(&common->got);
        weft_future_close(f);
}

static void work(void *unused)
{
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        (void)unused;
        for (;;)
                if (soak_random(&random) & 1)
                        produce(&random);
                else
                        consume(&random);
}

static void processes(void)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(2);
        do {
                uint64_t before = common->got;
                soak_begin(&s);
                for (int i = 0; i < 40; i++)
                        soak_step(&s);
                soak_end(&s);
                (void)recover_count(arena);
                struct weft_arena_info info;
                struct weft_census census;
                CHECK(weft_arena_info(arena, &info) == 0 && info.objects == 0);
                CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
                check_whole(arena);
                CHECK(common->got > before);
        } while (weft_now() < until);
        printf("futures: %u kills, %u stops, %llu made, %llu got, %llu next, %llu "
               "broken\n",
               s.kills, s.stops, (unsigned long long)common->made,
               (unsigned long long)common->got, (unsigned long long)common->next,
               (unsigned long long)common->broken);
}

/* ---- threads on one mapping: one sets, all get, the last closes ---------------------- */

static pthread_barrier_t all;
static weft_future_t *shared;
static uint64_t plain; /* ThreadSanitizer watches */

static void *thread(void *context)
{
        bool first = context == NULL;
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                uint64_t value[32] = { i }, got[32] = { 0 };
                if (first)
                        CHECK(weft_future_create(arena, NULL, NULL, &shared) == 0);
                pthread_barrier_wait(&all);
                if (first) {
                        plain = i;
                        CHECK(weft_future_set(shared, value, i & 1 ? 8 : 256) == 0);
                }
                CHECK(weft_future_get(shared, got, sizeof got, WEFT_NEVER) > 0);
                CHECK(got[0] == i && plain == i);
                pthread_barrier_wait(&all);
                if (first)
                        weft_future_close(shared);
        }
        return NULL;
}

static void threads(void)
{
        pthread_t t[THREADS];
        CHECK(pthread_barrier_init(&all, NULL, THREADS) == 0);
        for (intptr_t i = 0; i < THREADS; i++)
                CHECK(pthread_create(&t[i], NULL, thread, (void *)i) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(t[i], NULL) == 0);
        check_whole(arena);
}

int main(void)
{
        struct weft_arena_options o = { .max_bytes = 256 << 20 };
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        common = common_make(sizeof *common);
        processes();
        threads();
        weft_arena_close(arena);
        return 0;
}
