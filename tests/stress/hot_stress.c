/* tests/stress/hot_stress.c -- drivers, stand-bys and subscribers who are killed and stopped.
 *
 * The item with sequence s is the number s + 1, whoever drives: each driver goes on with what
 * had been emitted when it got the seat, by hand or with a cold stream of its own. So each
 * subscriber sees each number once, or is told that it lost it. Then threads on one mapping,
 * which end without yielding, for ThreadSanitizer. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

#include <weft/hot.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { LARGE = 264, WORDS = LARGE / 8, CAPACITY = 64 };

struct mode {
        uint32_t bytes, policy, flags;
};

static const struct mode modes[] = {
        { 8, WEFT_HOT_BLOCK, WEFT_HOT_ONE },
        { LARGE, WEFT_HOT_DROP, 0 },
        { 8, WEFT_HOT_DROP, WEFT_HOT_ONE },
        { LARGE, WEFT_HOT_BLOCK, 0 },
};
enum { MODES = sizeof modes / sizeof *modes };

static weft_arena_t *arena;
static weft_hot_t *hot;
static const struct mode *mode;

/* What the crew shares beside the arena. */
static struct common {
        _Atomic(uint64_t) emitted; /* this many are sure */
        _Atomic(uint64_t) seen, lost, told;
} * common;

static void fill(uint64_t *item, uint64_t number)
{
        for (uint32_t i = 0; i < mode->bytes / 8; i++)
                item[i] = number;
}

/* Who is overtaken reads what is being filled, and throws it away; ThreadSanitizer knows the
 * library's own copies, but not ours. */
#ifdef WEFT_TSAN
enum { LOANS_IN_DROP = 0 };
#else
enum { LOANS_IN_DROP = 1 };
#endif

/* ---- the crew ---------------------------------------------------------------------- */

static int emit(uint64_t number)
{
        uint64_t item[WORDS];
        void *at;
        if (number % 7 == 3 && (LOANS_IN_DROP || mode->policy == WEFT_HOT_BLOCK)) {
                int rc = weft_hot_loan(hot, &at, weft_after(WEFT_SEC));
                if (rc)
                        return rc;
                fill(at, number);
                rc = weft_hot_commit(hot, weft_after(WEFT_SEC));
                if (rc)
                        CHECK(weft_hot_cancel(hot) == 0);
                return rc;
        }
        fill(item, number);
        return weft_hot_emit(hot, item, weft_after(WEFT_SEC));
}

static void drive_by_hand(uint64_t many)
{
        uint64_t at;
        int rc = weft_hot_claim(hot, &at, weft_after(WEFT_SEC));
        if (rc) {
                CHECK(rc == -ETIMEDOUT);
                return;
        }
        CHECK(at >= common->emitted);
        while (many--) {
                rc = emit(at + 1);
                if (rc)
                        CHECK(rc == -ETIMEDOUT);
                else
                        common->emitted = ++at;
        }
        CHECK(weft_hot_yield(hot) == 0);
}

static int widen(const void *in, void *out, const void *argument)
{
        uint64_t number;
        (void)argument;
        memcpy(&number, in, sizeof number);
        fill(out, number);
        return 0;
}

static void drive_with_a_stream(void)
{
        uint64_t n = 0;
        weft_stream_t *cold = weft_stream_range(1, UINT64_MAX, 1);
        cold = weft_stream_map(cold, weft_call_item(widen, 8, mode->bytes, NULL));
        int rc = weft_hot_drive(hot, cold, &n, WEFT_HOT_SKIP, weft_after(WEFT_SEC / 50));
        CHECK(rc == -ETIMEDOUT);
        weft_stream_free(cold);
}

static void drive(void)
{
        for (uint64_t round = (uint64_t)getpid();; round++) {
                if (round % 3)
                        drive_by_hand(500);
                else
                        drive_with_a_stream();
        }
}

/* Gaps must have been told; a driver's death may be. */
static void follow(weft_hot_subscriber_t *s, uint64_t many)
{
        uint64_t item[WORDS], sequence, lost, expected = 0;
        bool any = false;
        while (many--) {
                int rc = weft_hot_next(s, item, &sequence, &lost,
                                       weft_after(100 * WEFT_MSEC));
                if (rc == -EOWNERDEAD) {
                        common->told++;
                        usleep(200);
                        continue;
                }
                if (rc == -ETIMEDOUT)
                        continue;
                CHECK(rc == 1);
                CHECK(mode->policy == WEFT_HOT_DROP || lost == 0);
                CHECK(!any || sequence == expected + lost);
                for (uint32_t i = 0; i < mode->bytes / 8; i++)
                        CHECK(item[i] == sequence + 1);
                expected = sequence + 1;
                any = true;
                common->seen++;
                common->lost += lost;
        }
}

static void subscribe(void)
{
        for (uint64_t round = (uint64_t)getpid();; round++) {
                weft_hot_subscriber_t *s;
                CHECK(weft_hot_subscribe(hot, round % 2 ? WEFT_HOT_OLDEST : WEFT_HOT_NEW,
                                         0, &s) == 0);
                follow(s, 500);
                if (round % 3 == 0) {
                        CHECK(weft_hot_seek(s, WEFT_HOT_OLDEST, 0) == 0);
                        follow(s, 100);
                }
                weft_hot_unsubscribe(s);
        }
}

static void work(void *context)
{
        (void)context;
        if (getpid() % 2)
                drive();
        else
                subscribe();
}

static void make(void)
{
        struct weft_arena_options ao = { .max_bytes = 16 << 20 };
        struct weft_hot_options o = { .capacity = CAPACITY,
                                      .element_bytes = mode->bytes,
                                      .policy = mode->policy,
                                      .flags = mode->flags,
                                      .subscribers = 16 };
        CHECK(weft_arena_create(NULL, &ao, &arena) == 0);
        CHECK(weft_hot_create(arena, "h", &o, &hot) == 0);
}

static void unmake(void)
{
        CHECK(weft_object_remove(arena, "h") == 0);
        weft_hot_close(hot);
        check_whole(arena);
        weft_arena_close(arena);
}

static struct weft_hot_info info_of(void)
{
        struct weft_hot_info info;
        CHECK(weft_hot_info(hot, &info) == 0);
        return info;
}

/* At rest: whatever was acknowledged and is retained is there, and it can go on. */
static void settle_and_look(void)
{
        weft_hot_subscriber_t *s;
        uint64_t item[WORDS], sequence, lost, n = 0, at = 0;
        int rc;
        (void)recover_count(arena);
        struct weft_hot_info info = info_of();
        CHECK(info.subscribers == 0 && info.producer == 0 && info.waiting == 0);
        CHECK(info.driver == 0 && info.standing_by == 0);
        CHECK(info.emitted >= common->emitted);
        CHECK(weft_hot_subscribe(hot, WEFT_HOT_OLDEST, 0, &s) == 0);
        while ((rc = weft_hot_next(s, item, &sequence, &lost, WEFT_NOW)) == 1) {
                CHECK(item[0] == sequence + 1 && lost == 0);
                n++;
        }
        CHECK(rc == (info.driver_died ? -EOWNERDEAD : -EAGAIN));
        CHECK(n == info.retained || n + 1 == info.retained);
        CHECK(weft_hot_claim(hot, &at, WEFT_NOW) == 0 && at == info.emitted);
        CHECK(emit(at + 1) == 0);
        CHECK(weft_hot_finish(hot, 0) == 0);
        CHECK(weft_hot_yield(hot) == 0);
        CHECK(weft_hot_next(s, item, &sequence, &lost, WEFT_NOW) == 1);
        CHECK(weft_hot_next(s, item, &sequence, &lost, WEFT_NOW) == 0);
        weft_hot_unsubscribe(s);
        check_whole(arena);
}

static void soak(uint64_t seconds)
{
        struct soak s = { .work = work, .crew = 6 };
        common = common_make(sizeof *common);
        make();
        s.context = common;
        uint64_t until = soak_until(seconds);
        soak_begin(&s);
        while (weft_now() < until || !info_of().emitted || !common->seen)
                soak_step(&s);
        soak_end(&s);
        settle_and_look();
        struct weft_hot_info info = info_of();
        printf("%u B, %s, %s: %llu emitted, %llu read, %llu lost; %llu times taken over, "
               "%llu told; %u kills, %u stops\n",
               mode->bytes, mode->policy ? "drop" : "block", mode->flags ? "one" : "many",
               (unsigned long long)info.emitted, (unsigned long long)common->seen,
               (unsigned long long)common->lost, (unsigned long long)info.taken_over,
               (unsigned long long)common->told, s.kills, s.stops);
        unmake();
        munmap(common, sizeof *common);
}

/* ---- threads on one mapping ----------------------------------------------------------- */

enum { DRIVERS = 8, EACH = 2000 };

/* The last one ends it. None yields: each is as dead. */
static void *thread_drives(void *context)
{
        uint64_t at;
        (void)context;
        CHECK(weft_hot_claim(hot, &at, WEFT_NEVER) == 0);
        CHECK(at % EACH == 0);
        for (int i = 0; i < EACH; i++)
                CHECK(emit(++at) == 0);
        if (at == DRIVERS * EACH)
                CHECK(weft_hot_finish(hot, -EIO) == 0);
        return NULL;
}

static void *thread_reads(void *context)
{
        pthread_barrier_t *begin = context;
        uint64_t item[WORDS], sequence, lost, n = 0;
        weft_hot_subscriber_t *s;
        int rc;
        CHECK(weft_hot_subscribe(hot, WEFT_HOT_OLDEST, 0, &s) == 0);
        CHECK(weft_hot_patient(s, 1) == 0);
        pthread_barrier_wait(begin);
        while ((rc = weft_hot_next(s, item, &sequence, &lost, WEFT_NEVER)) == 1) {
                n += lost + 1;
                CHECK(sequence + 1 == n && item[0] == n);
                CHECK(item[mode->bytes / 8 - 1] == n);
        }
        CHECK(rc == -EIO && n == DRIVERS * EACH);
        weft_hot_unsubscribe(s);
        return NULL;
}

static void threads(void)
{
        pthread_t in[DRIVERS], out[2];
        pthread_barrier_t begin;
        make();
        CHECK(pthread_barrier_init(&begin, NULL, 3) == 0);
        for (int i = 0; i < 2; i++)
                CHECK(pthread_create(&out[i], NULL, thread_reads, &begin) == 0);
        pthread_barrier_wait(&begin);
        for (int i = 0; i < DRIVERS; i++)
                CHECK(pthread_create(&in[i], NULL, thread_drives, NULL) == 0);
        for (int i = 0; i < DRIVERS; i++)
                CHECK(pthread_join(in[i], NULL) == 0);
        for (int i = 0; i < 2; i++)
                CHECK(pthread_join(out[i], NULL) == 0);
        CHECK(info_of().taken_over == DRIVERS - 1);
        pthread_barrier_destroy(&begin);
        unmake();
}

int main(void)
{
        for (mode = modes; mode < modes + MODES; mode++)
                soak(1);
        for (mode = modes; mode < modes + MODES; mode++)
                threads();
        return 0;
}
