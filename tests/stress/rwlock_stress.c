/* tests/stress/rwlock_stress.c -- readers and writers, killed and stopped at random. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/object.h>
#include <weft/rwlock.h>

#include "tests/soak.h"

enum { CREW = 6, THREADS = 4, ROUNDS = 20000 };

static weft_arena_t *arena;

/* Both the same, but while somebody writes; a writer that dies may leave them apart. */
struct guarded {
        volatile uint64_t a, spare[7], b;
};
static struct guarded *guarded; /* common */

static weft_rwlock_t *open_lock(void)
{
        weft_rwlock_t *lock;
        CHECK(weft_rwlock_open(arena, "l", &lock) == 0);
        return lock;
}

static void look(void)
{
        uint64_t a = guarded->a;
        CHECK(guarded->b == a);
        CHECK(guarded->a == a);
}

static void change(void)
{
        uint64_t a = guarded->a;
        CHECK(guarded->b == a);
        guarded->a = a + 1;
        CHECK(guarded->b == a);
        guarded->b = a + 1;
        CHECK(guarded->a == a + 1);
}

static int repair(void *unused)
{
        (void)unused;
        guarded->b = guarded->a;
        return 0;
}

static uint64_t deadline(uint64_t *random)
{
        switch (soak_random(random) % 4) {
        case 0:
                return WEFT_NOW;
        case 1:
                return weft_after(soak_random(random) % WEFT_MSEC);
        default:
                return weft_after(60 * WEFT_SEC);
        }
}

static void read_once(weft_rwlock_t *lock, uint64_t *random)
{
        uint64_t until = deadline(random);
        int depth = (int)(soak_random(random) % 3), rc = weft_rwlock_read(lock, until);
        CHECK(rc == 0 || rc == -EOWNERDEAD || rc == -EAGAIN ||
              (rc == -ETIMEDOUT && until < weft_now()));
        if (rc)
                return;
        look();
        for (int i = 0; i < depth; i++)
                CHECK(weft_rwlock_tryread(lock) == 0);
        look();
        for (int i = 0; i <= depth; i++)
                CHECK(weft_rwlock_unlock(lock) == 0);
}

static void write_once(weft_rwlock_t *lock, uint64_t *random)
{
        uint64_t until = deadline(random);
        int rc = weft_rwlock_write(lock, until);
        CHECK(rc == 0 || rc == -EOWNERDEAD || rc == -EAGAIN ||
              (rc == -ETIMEDOUT && until < weft_now()));
        if (rc && rc != -EOWNERDEAD)
                return;
        if (rc) {
                CHECK(repair(NULL) == 0);
                CHECK(weft_rwlock_consistent(lock) == 0);
        }
        change();
        if (soak_random(random) % 4 == 0) {
                uint64_t a = guarded->a;
                CHECK(weft_rwlock_downgrade(lock) == 0);
                CHECK(guarded->a == a); /* no other writer came in between */
                look();
        }
        CHECK(weft_rwlock_unlock(lock) == 0);
}

static void step(weft_rwlock_t *lock, uint64_t *random)
{
        if (soak_random(random) % 4)
                read_once(lock, random);
        else
                write_once(lock, random);
}

/* ---- processes ------------------------------------------------------------- */

static void work(void *unused)
{
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        weft_rwlock_t *lock = open_lock();
        (void)unused;
        if (soak_random(&random) % 2)
                weft_rwlock_on_death(lock, repair, NULL);
        for (;;)
                step(lock, &random);
}

/* Whatever the dead left: it can be had, and is right or told to be wrong. */
static void settle(weft_rwlock_t *lock)
{
        struct weft_rwlock_info info;
        int rc = weft_rwlock_write(lock, weft_after(60 * WEFT_SEC));
        CHECK(rc == 0 || rc == -EOWNERDEAD);
        if (rc) {
                CHECK(repair(NULL) == 0);
                CHECK(weft_rwlock_consistent(lock) == 0);
        }
        look();
        CHECK(weft_rwlock_unlock(lock) == 0);
        (void)recover_count(arena);
        CHECK(weft_rwlock_info(lock, &info) == 0);
        CHECK(!info.readers && !info.writing && !info.claimed && !info.waiting);
        check_whole(arena);
}

static void processes(weft_rwlock_t *lock)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(3), random = (uint64_t)getpid() | 1;
        do {
                uint64_t before = guarded->a;
                soak_begin(&s);
                for (int i = 0; i < 40; i++) {
                        soak_step(&s);
                        read_once(lock, &random);
                }
                soak_end(&s);
                settle(lock);
                CHECK(guarded->a > before);
        } while (weft_now() < until);
        printf("rwlock: %u kills, %u stops, %llu writes\n", s.kills, s.stops,
               (unsigned long long)guarded->a);
}

/* ---- threads on one mapping ------------------------------------------------- */

static struct {
        uint64_t a, spare[7], b;
} plain; /* ThreadSanitizer watches */

static void *thread(void *context)
{
        uint64_t random = (uint64_t)(uintptr_t)context * 40503 | 1, seen = 0;
        weft_rwlock_t *lock = open_lock();
        for (int i = 0; i < ROUNDS; i++) {
                if (soak_random(&random) % 4) {
                        CHECK(weft_rwlock_read(lock, WEFT_NEVER) == 0);
                        CHECK(plain.a == plain.b && plain.a >= seen);
                        seen = plain.a;
                } else {
                        CHECK(weft_rwlock_write(lock, WEFT_NEVER) == 0);
                        CHECK(plain.a == plain.b);
                        plain.a++;
                        plain.b++;
                        if (i % 8 == 0)
                                CHECK(weft_rwlock_downgrade(lock) == 0);
                        CHECK(plain.a == plain.b);
                }
                CHECK(weft_rwlock_unlock(lock) == 0);
                if (i % 64 == 0)
                        sched_yield();
        }
        weft_rwlock_close(lock);
        return NULL;
}

static void threads(void)
{
        pthread_t id[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++)
                CHECK(pthread_create(&id[i], NULL, thread, (void *)(i + 1)) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(id[i], NULL) == 0);
        CHECK(plain.a && plain.a == plain.b);
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        weft_rwlock_t *lock;

        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        CHECK(weft_rwlock_create(arena, "l", &lock) == 0);
        guarded = common_make(4096);
        processes(lock);
        threads();
        CHECK(weft_object_remove(arena, "l") == 0);
        weft_rwlock_close(lock);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}
