/* tests/stress/lazy_stress.c -- lazies forced and reset by many, killed and stopped at
 * random; some need others, in a circle or not. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/lazy.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { CREW = 6, LAZIES = 6, THREADS = 4, ROUNDS = 1500 };

static weft_arena_t *arena;

/* Who computes one leaves his mark; a dead one does not come back to find another's. */
static struct common {
        uint64_t runner[LAZIES], runs, gots, resets, circles;
} * common;

static weft_lazy_t *lazies[LAZIES]; /* of this process */
static uint64_t my_random;

static void bump(uint64_t *counter)
{
        __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

/* Some need the next one: 0 needs 1 needs 2; 3 needs 4 needs 5 needs 3, now and then. */
static int needs(int which, uint64_t random)
{
        if (which < 2)
                return which + 1;
        if (which > 2 && random % 4 == 0)
                return which < 5 ? which + 1 : 3;
        return -1;
}

static int64_t compute(const void *in, size_t n, void *out, size_t room,
                       const void *argument)
{
        uint64_t value[32];
        int which;
        (void)in, (void)n;
        memcpy(&which, argument, sizeof which);
        uint64_t mine = __atomic_add_fetch(&common->runs, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&common->runner[which], mine, __ATOMIC_SEQ_CST);
        int other = needs(which, soak_random(&my_random));
        if (other >= 0) {
                int64_t rc = weft_lazy_force(lazies[other], value, sizeof value,
                                             weft_after(30 * WEFT_SEC));
                if (rc == -EDEADLK)
                        bump(&common->circles);
                CHECK(rc > 0 || rc == -EDEADLK || rc == -ENOSPC);
        }
        for (uint64_t i = soak_random(&my_random) % 30; i; i--) {
                sched_yield();
                CHECK(__atomic_load_n(&common->runner[which], __ATOMIC_SEQ_CST) == mine);
        }
        uint64_t bytes = mine & 1 ? 8 : 256;
        if (bytes > room)
                return -EOVERFLOW;
        if (mine % 16 == 0)
                return -ENOSPC;
        for (uint64_t i = 0; i < bytes / 8; i++)
                memcpy((char *)out + 8 * i, &mine, 8);
        return (int64_t)bytes;
}

WEFT_FUNCTION_CHUNK("stress compute", compute, WEFT_TYPE_NONE, WEFT_TYPE_BYTES)

static void step(void)
{
        uint64_t value[32], r = soak_random(&my_random);
        weft_lazy_t *lazy = lazies[r % LAZIES];
        struct weft_lazy_view view;
        if (r & 1024) {
                int64_t n = weft_lazy_force(lazy, value, sizeof value,
                                            weft_after(60 * WEFT_SEC));
                CHECK(n == 8 || n == 256 || n == -ENOSPC || n == -EDEADLK);
                for (int64_t i = 1; i < n / 8; i++)
                        CHECK(value[i] == value[0]);
                bump(&common->gots);
        } else if (weft_lazy_view(lazy, &view, WEFT_NOW) == 0) {
                uint64_t first;
                memcpy(&first, view.at, 8);
                memcpy(value, view.at, view.bytes);
                uint64_t n = view.bytes;
                if (weft_lazy_view_end(lazy, &view) == 0)
                        for (uint64_t i = 0; i < n / 8; i++)
                                CHECK(value[i] == first);
        }
        if (r & 2048) {
                int rc = weft_lazy_reset(lazy);
                CHECK(rc == 0 || rc == -EBUSY);
                bump(&common->resets);
        }
}

static void open_all(void)
{
        char name[16];
        for (int i = 0; i < LAZIES; i++) {
                snprintf(name, sizeof name, "l%d", i);
                CHECK(weft_lazy_create_or_open(arena, name, "stress compute", &i,
                                               sizeof i, &lazies[i]) == 0);
        }
}

static void work(void *unused)
{
        (void)unused;
        my_random = (uint64_t)getpid() * 2654435761u | 1;
        open_all();
        for (;;)
                step();
}

static void processes(void)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(2);
        struct weft_lazy_info info;
        do {
                uint64_t before = common->gots;
                soak_begin(&s);
                for (int i = 0; i < 40; i++)
                        soak_step(&s);
                soak_end(&s);
                (void)recover_count(arena);
                for (int i = 0; i < LAZIES; i++) {
                        CHECK(weft_lazy_info(lazies[i], &info) == 0);
                        CHECK(info.state != WEFT_LAZY_RUNNING && !info.waiting);
                }
                check_whole(arena);
                CHECK(common->gots > before);
        } while (weft_now() < until);
        printf("lazies: %u kills, %u stops, %llu runs, %llu gots, %llu resets, %llu "
               "circles\n",
               s.kills, s.stops, (unsigned long long)common->runs,
               (unsigned long long)common->gots, (unsigned long long)common->resets,
               (unsigned long long)common->circles);
}

/* ---- threads on one mapping: each round one computes, all see what he did ------------- */

static pthread_barrier_t all;
static uint64_t made; /* plain: ThreadSanitizer watches */

static int make(const void *in, void *out, const void *argument)
{
        (void)in, (void)argument;
        made++;
        memcpy(out, &made, sizeof made);
        return 0;
}

WEFT_FUNCTION_ITEM("stress make", make, WEFT_TYPE_NONE, WEFT_TYPE(uint64_t, NULL))

static void *thread(void *context)
{
        weft_lazy_t *lazy = context;
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                uint64_t value = 0;
                CHECK(weft_lazy_force(lazy, &value, sizeof value, WEFT_NEVER) == 8);
                CHECK(value == i && made == i);
                if (pthread_barrier_wait(&all) == PTHREAD_BARRIER_SERIAL_THREAD)
                        CHECK(weft_lazy_reset(lazy) == 0);
                pthread_barrier_wait(&all);
        }
        return NULL;
}

static void threads(void)
{
        pthread_t t[THREADS];
        weft_lazy_t *lazy;
        CHECK(weft_lazy_create(arena, "t", "stress make", NULL, 0, &lazy) == 0);
        CHECK(pthread_barrier_init(&all, NULL, THREADS) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_create(&t[i], NULL, thread, lazy) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(t[i], NULL) == 0);
        weft_lazy_close(lazy);
        check_whole(arena);
}

int main(void)
{
        struct weft_arena_options o = { .max_bytes = 64 << 20 };
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        common = common_make(sizeof *common);
        my_random = 1;
        open_all();
        processes();
        threads();
        weft_arena_close(arena);
        return 0;
}
