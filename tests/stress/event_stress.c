/* tests/stress/event_stress.c -- set, pulsed and awaited by many, killed at random. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/event.h>
#include <weft/object.h>

#include "tests/soak.h"

enum { CREW = 6, WAITERS = 3, ROUNDS = 10000 };

static weft_arena_t *arena;

struct common {
        uint64_t sets;  /* and pulses: counted before they are made */
        uint64_t takes; /* counted after */
};
static struct common *common;

static weft_event_t *make(const char *name, uint32_t flags)
{
        struct weft_event_options o = { .flags = flags };
        weft_event_t *event;
        CHECK(weft_event_create(arena, name, &o, &event) == 0);
        return event;
}

static weft_event_t *open_event(const char *name)
{
        weft_event_t *event;
        CHECK(weft_event_open(arena, name, &event) == 0);
        return event;
}

static void drop(weft_event_t *event, const char *name)
{
        CHECK(weft_object_remove(arena, name) == 0);
        weft_event_close(event);
}

/* ---- processes: no more go through than were let ------------------------------ */

static void give(weft_event_t *event, uint64_t *random)
{
        __atomic_add_fetch(&common->sets, 1, __ATOMIC_SEQ_CST);
        if (soak_random(random) % 4)
                CHECK(weft_event_set(event) == 0);
        else
                CHECK(weft_event_pulse(event) == 0);
}

static bool take(weft_event_t *event, uint64_t until)
{
        int rc = weft_event_wait(event, until);
        CHECK(rc == 0 || (rc == -EAGAIN && until == WEFT_NOW) ||
              (rc == -ETIMEDOUT && until < weft_now()));
        if (rc == 0)
                __atomic_add_fetch(&common->takes, 1, __ATOMIC_SEQ_CST);
        return rc == 0;
}

static void work(void *unused)
{
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        weft_event_t *event = open_event("auto");
        bool gives = soak_random(&random) % 2;
        (void)unused;
        for (;;) {
                if (gives)
                        give(event, &random);
                else
                        (void)take(event, soak_random(&random) % 3
                                                  ? weft_after(60 * WEFT_SEC)
                                                  : weft_after(soak_random(&random) %
                                                               WEFT_MSEC));
                if (soak_random(&random) % 256 == 0)
                        gives = !gives;
        }
}

static void processes(void)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(2), random = (uint64_t)getpid() | 1;
        weft_event_t *event = make("auto", WEFT_EVENT_AUTO);
        struct weft_event_info info;
        do {
                soak_begin(&s);
                for (int i = 0; i < 40; i++) {
                        soak_step(&s);
                        give(event, &random);
                        (void)take(event, WEFT_NOW);
                }
                soak_end(&s);
                CHECK(common->takes <= common->sets);
                give(event, &random);
                CHECK(weft_event_set(event) == 0); /* if that was a pulse */
                common->sets++;
                CHECK(take(event, weft_after(60 * WEFT_SEC)));
                CHECK(weft_event_wait(event, WEFT_NOW) == -EAGAIN);
                (void)recover_count(arena);
                CHECK(weft_event_info(event, &info) == 0 && info.waiting == 0);
                check_whole(arena);
        } while (weft_now() < until);
        CHECK(common->takes);
        printf("event: %u kills, %u stops, %llu sets, %llu taken\n", s.kills, s.stops,
               (unsigned long long)common->sets, (unsigned long long)common->takes);
        drop(event, "auto");
}

/* ---- threads on one mapping: one is let through for each, and sees the message ------ */

static uint64_t message, taken; /* plain: ThreadSanitizer watches */

static void *wait_often(void *unused)
{
        weft_event_t *there = open_event("there"), *back = open_event("back");
        for (;;) {
                CHECK(weft_event_wait(there, WEFT_NEVER) == 0);
                uint64_t got = message;
                CHECK(got == ++taken);
                CHECK(weft_event_set(back) == 0);
                if (got > ROUNDS)
                        break;
        }
        weft_event_close(there);
        weft_event_close(back);
        return unused;
}

/* The waiters end one after the other, at a message each beyond the last. */
static void auto_threads(void)
{
        pthread_t id[WAITERS];
        weft_event_t *there = make("there", WEFT_EVENT_AUTO),
                     *back = make("back", WEFT_EVENT_AUTO);
        for (int i = 0; i < WAITERS; i++)
                CHECK(pthread_create(&id[i], NULL, wait_often, NULL) == 0);
        for (uint64_t i = 1; i <= ROUNDS + WAITERS; i++) {
                message = i;
                CHECK(weft_event_set(there) == 0);
                CHECK(weft_event_wait(back, WEFT_NEVER) == 0);
                CHECK(taken == i);
        }
        for (int i = 0; i < WAITERS; i++)
                CHECK(pthread_join(id[i], NULL) == 0);
        drop(there, "there");
        drop(back, "back");
}

/* Pulsed until each has gone through: never more than one for a pulse of an auto event. */
static weft_a32_t through;

static void *wait_once(void *unused)
{
        weft_event_t *event = open_event("pulsed");
        CHECK(weft_event_wait(event, WEFT_NEVER) == 0);
        (void)weft_add_acq_rel(&through, 1);
        weft_event_close(event);
        return unused;
}

static void pulses(uint32_t flags)
{
        weft_event_t *event = make("pulsed", flags);
        for (int round = 0; round < 200; round++) {
                pthread_t id[WAITERS];
                uint32_t n = 0, now;
                weft_store_rel(&through, 0);
                for (int i = 0; i < WAITERS; i++)
                        CHECK(pthread_create(&id[i], NULL, wait_once, NULL) == 0);
                while ((now = weft_load_acq(&through)) < WAITERS) {
                        if (flags & WEFT_EVENT_AUTO)
                                CHECK(now <= n);
                        CHECK(weft_event_pulse(event) == 0);
                        n++;
                        sched_yield();
                }
                for (int i = 0; i < WAITERS; i++)
                        CHECK(pthread_join(id[i], NULL) == 0);
                CHECK(weft_event_wait(event, WEFT_NOW) == -EAGAIN);
        }
        drop(event, "pulsed");
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };

        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        common = common_make(4096);
        processes();
        auto_threads();
        pulses(0);
        pulses(WEFT_EVENT_AUTO);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}
