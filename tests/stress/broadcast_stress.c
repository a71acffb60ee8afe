/* tests/stress/broadcast_stress.c -- producers and subscribers who are killed and stopped.
 *
 * Of each producer's life the elements come in order, none twice and none left out; what a
 * subscriber was not told that it lost it has got. The census is exact at the end.
 * Then threads on one mapping, for ThreadSanitizer. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

#include <weft/broadcast.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { LARGE = 264, CAPACITY = 64, LIVES = 1 << 16, WORDS = LARGE / 8 };

struct mode {
        uint32_t bytes, policy, flags;
};

static const struct mode modes[] = {
        { 8, WEFT_BROADCAST_BLOCK, WEFT_BROADCAST_ONE },
        { LARGE, WEFT_BROADCAST_DROP, WEFT_BROADCAST_ONE },
        { 8, WEFT_BROADCAST_DROP, 0 },
        { LARGE, WEFT_BROADCAST_BLOCK, 0 },
        { LARGE, WEFT_BROADCAST_DROP, 0 },
};
enum { MODES = sizeof modes / sizeof *modes };

static weft_arena_t *arena;
static weft_broadcast_t *ring;
static const struct mode *mode;

/* What the crew shares beside the arena. */
static struct common {
        _Atomic(uint64_t) lives;       /* of producers */
        _Atomic(uint64_t) told[LIVES]; /* by each life: how many were acknowledged */
        _Atomic(uint64_t) seen, lost;
} * common;

/* An element: life and number, in every word of it. */
static void fill(uint64_t *e, uint64_t life, uint64_t number)
{
        for (uint32_t i = 0; i < mode->bytes / 8; i++)
                e[i] = life << 40 | number;
}

static uint64_t read_element(const uint64_t *e)
{
        for (uint32_t i = 1; i < mode->bytes / 8; i++)
                CHECK(e[i] == e[0]);
        return e[0];
}

/* ---- the crew ---------------------------------------------------------------------- */

static int publish(uint64_t life, uint64_t number)
{
        uint64_t e[WORDS];
        void *at;
        if (number % 7 == 3) { /* in place */
                int rc = weft_broadcast_loan(ring, &at, weft_after(WEFT_SEC));
                if (rc)
                        return rc;
                fill(at, life, number);
                rc = weft_broadcast_commit(ring, weft_after(WEFT_SEC));
                if (rc)
                        CHECK(weft_broadcast_cancel(ring) == 0);
                return rc;
        }
        fill(e, life, number);
        return weft_broadcast_publish(ring, e, weft_after(WEFT_SEC));
}

static void produce(void *context)
{
        uint64_t life = common->lives++ % LIVES;
        (void)context;
        for (uint64_t number = 1;;) {
                int rc = publish(life, number);
                if (rc == 0)
                        common->told[life] = number++;
                else if (rc == -EBUSY)
                        usleep(200); /* another one is the producer */
                else
                        CHECK(rc == -ETIMEDOUT || rc == -EAGAIN);
        }
}

/* Follows all lives; a gap in one must have been told. */
static void follow(weft_subscriber_t *s, uint64_t *last, uint64_t many)
{
        uint64_t e[WORDS], sequence, lost, expected = 0;
        const void *at;
        bool any = false, gap = true; /* what came before is not known */
        for (uint64_t n = 0; n < many; n++) {
                int rc;
                if (n % 5 == 2) {
                        rc = weft_broadcast_take(s, &at, &sequence, &lost,
                                                 weft_after(100 * WEFT_MSEC));
                        if (!rc) {
                                memcpy(e, at, mode->bytes);
                                rc = weft_broadcast_release(s);
                                CHECK(rc == 0 || mode->policy == WEFT_BROADCAST_DROP);
                                if (rc == -ENOENT) {
                                        CHECK(!any || sequence == expected + lost);
                                        expected = sequence;
                                        any = gap = true;
                                        continue;
                                }
                        }
                } else {
                        rc = weft_broadcast_next(s, e, &sequence, &lost,
                                                 weft_after(100 * WEFT_MSEC));
                }
                if (rc) {
                        CHECK(rc == -ETIMEDOUT);
                        continue;
                }
                CHECK(mode->policy == WEFT_BROADCAST_DROP || lost == 0);
                CHECK(!any || sequence == expected + lost);
                gap |= lost != 0;
                uint64_t x = read_element(e), life = x >> 40;
                uint64_t number = x & ((UINT64_C(1) << 40) - 1);
                CHECK(life < LIVES && number > last[life]);
                if (!gap && last[life])
                        CHECK(number == last[life] + 1);
                if (gap)
                        memset(last, 0, LIVES * sizeof *last);
                last[life] = number;
                expected = sequence + 1;
                any = true;
                gap = false;
                common->seen++;
                common->lost += lost;
        }
}

static void subscribe(void *context)
{
        uint64_t *last = calloc(LIVES, sizeof *last);
        (void)context;
        CHECK(last);
        for (uint64_t round = (uint64_t)getpid();; round++) {
                weft_subscriber_t *s;
                CHECK(weft_broadcast_subscribe(ring,
                                               round % 2 ? WEFT_BROADCAST_OLDEST
                                                         : WEFT_BROADCAST_NEWEST,
                                               0, &s) == 0);
                memset(last, 0, LIVES * sizeof *last);
                follow(s, last, 500);
                if (round % 3 == 0) {
                        CHECK(weft_broadcast_seek(s, WEFT_BROADCAST_OLDEST, 0) == 0);
                        memset(last, 0, LIVES * sizeof *last);
                        follow(s, last, 100);
                }
                weft_broadcast_unsubscribe(s);
        }
}

static void work(void *context)
{
        const struct common *c = context;
        (void)c;
        if (getpid() % 2)
                produce(NULL);
        else
                subscribe(NULL);
}

static weft_broadcast_t *make(void)
{
        struct weft_broadcast_options o = { CAPACITY, mode->bytes, mode->policy,
                                            mode->flags, 16 };
        weft_broadcast_t *b;
        CHECK(weft_broadcast_create(arena, "b", &o, &b) == 0);
        return b;
}

/* At rest: whatever was acknowledged and is retained is there. */
static void settle_and_look(void)
{
        struct weft_broadcast_info info;
        weft_subscriber_t *s;
        uint64_t e[WORDS], sequence, lost, n = 0;
        (void)recover_count(arena);
        CHECK(weft_broadcast_info(ring, &info) == 0);
        CHECK(info.subscribers == 0 && info.producer == 0 && info.waiting == 0);
        CHECK(weft_broadcast_subscribe(ring, WEFT_BROADCAST_OLDEST, 0, &s) == 0);
        while (weft_broadcast_next(s, e, &sequence, &lost, WEFT_NOW) == 0) {
                uint64_t x = read_element(e);
                CHECK((x & ((UINT64_C(1) << 40) - 1)) <= common->told[x >> 40] + 1);
                CHECK(lost == 0);
                n++;
        }
        CHECK(n == info.retained || n + 1 == info.retained);
        weft_broadcast_unsubscribe(s);
        check_whole(arena);
}

static void soak(uint64_t seconds)
{
        struct weft_arena_options ao = { .max_bytes = 16 << 20 };
        struct soak s = { .work = work, .crew = 6 };
        common = common_make(sizeof *common);
        CHECK(weft_arena_create(NULL, &ao, &arena) == 0);
        ring = make();
        s.context = common;
        uint64_t until = soak_until(seconds);
        soak_begin(&s);
        struct weft_broadcast_info info = { 0 };
        while (weft_now() < until || !info.published || !common->seen) {
                soak_step(&s);
                CHECK(weft_broadcast_info(ring, &info) == 0);
        }
        soak_end(&s);
        settle_and_look();
        CHECK(weft_broadcast_info(ring, &info) == 0);
        printf("%u B, %s, %s: %llu published, %llu read, %llu lost, %u kills, %u stops\n",
               mode->bytes, mode->policy ? "drop" : "block", mode->flags ? "one" : "many",
               (unsigned long long)info.published, (unsigned long long)common->seen,
               (unsigned long long)common->lost, s.kills, s.stops);
        CHECK(weft_object_remove(arena, "b") == 0);
        weft_broadcast_close(ring);
        check_whole(arena);
        weft_arena_close(arena);
        munmap(common, sizeof *common);
}

/* ---- threads on one mapping ----------------------------------------------------------- */

enum { THREADS_N = 20000 };

static void *thread_produces(void *context)
{
        uint64_t id = (uint64_t)(uintptr_t)context, e[WORDS];
        void *at;
        for (uint64_t i = 1; i <= THREADS_N; i++) {
                if (i % 4) {
                        fill(e, id, i);
                        CHECK(weft_broadcast_publish(ring, e, WEFT_NEVER) == 0);
                } else {
                        CHECK(weft_broadcast_loan(ring, &at, WEFT_NEVER) == 0);
                        fill(at, id, i);
                        CHECK(weft_broadcast_commit(ring, WEFT_NEVER) == 0);
                }
        }
        return NULL;
}

static void *thread_reads(void *context)
{
        pthread_barrier_t *begin = context;
        uint64_t e[WORDS], last[2] = { 0 }, sequence, lost, n = 0;
        weft_subscriber_t *s;
        CHECK(weft_broadcast_subscribe(ring, WEFT_BROADCAST_OLDEST, 0, &s) == 0);
        pthread_barrier_wait(begin);
        while (weft_broadcast_next(s, e, &sequence, &lost, WEFT_NEVER) == 0) {
                uint64_t x = read_element(e), number = x & 0xffffffffff;
                CHECK(mode->policy == WEFT_BROADCAST_DROP || number == last[x >> 40] + 1);
                CHECK(number > last[x >> 40]);
                last[x >> 40] = number;
                n += 1 + lost;
        }
        CHECK(n == sequence + 1);
        weft_broadcast_unsubscribe(s);
        return NULL;
}

static void threads(void)
{
        struct weft_arena_options ao = { .max_bytes = 16 << 20 };
        int producers = mode->flags ? 1 : 2;
        pthread_t in[2], out[2];
        pthread_barrier_t begin;
        CHECK(weft_arena_create(NULL, &ao, &arena) == 0);
        ring = make();
        CHECK(pthread_barrier_init(&begin, NULL, 3) == 0);
        for (int i = 0; i < 2; i++)
                CHECK(pthread_create(&out[i], NULL, thread_reads, &begin) == 0);
        pthread_barrier_wait(&begin);
        for (int i = 0; i < producers; i++)
                CHECK(pthread_create(&in[i], NULL, thread_produces,
                                     (void *)(uintptr_t)i) == 0);
        for (int i = 0; i < producers; i++)
                CHECK(pthread_join(in[i], NULL) == 0);
        CHECK(weft_broadcast_shutdown(ring) == 0);
        for (int i = 0; i < 2; i++)
                CHECK(pthread_join(out[i], NULL) == 0);
        pthread_barrier_destroy(&begin);
        CHECK(weft_object_remove(arena, "b") == 0);
        weft_broadcast_close(ring);
        check_whole(arena);
        weft_arena_close(arena);
}

int main(void)
{
        for (mode = modes; mode < modes + MODES; mode++)
                soak(1);
        for (mode = modes; mode < modes + MODES; mode++)
                threads();
        return 0;
}
