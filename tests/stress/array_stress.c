#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

#include "tests/soak.h"

/* Elements: what workers add to; what they cas; a message behind a release. */
enum { ADDED = 0, SWAPPED = 1, FLAG = 2, MESSAGE = 3, SPREAD = 4, LENGTH = 20 };
enum { WORKERS = 4, ROUNDS = 100000, KILLS = 200 };

static weft_arena_t *arena;

static weft_array_t *open_array(weft_arena_t *in, const char *name)
{
        weft_array_t *a;
        CHECK(weft_array_open(in, name, &a) == 0);
        return a;
}

static uint64_t load(weft_array_t *a, uint64_t i)
{
        uint64_t v;
        CHECK(weft_array_load64(a, i, &v) == 0);
        return v;
}

static void work(weft_array_t *words, weft_array_t *halves)
{
        for (uint32_t i = 0; i < ROUNDS; i++) {
                CHECK(weft_array_add64(words, ADDED, 1, NULL) == 0);
                CHECK(weft_array_add64(words, SPREAD + i % (LENGTH - SPREAD), i, NULL) ==
                      0);
                uint64_t v = load(words, SWAPPED);
                int rc;
                while ((rc = weft_array_cas64(words, SWAPPED, &v, v + 3)) == -EAGAIN)
                        ;
                CHECK(rc == 0);
                uint32_t w;
                CHECK(weft_array_load32(halves, i % LENGTH, &w) == 0);
                while ((rc = weft_array_cas32(halves, i % LENGTH, &w, w + 1)) == -EAGAIN)
                        ;
                CHECK(rc == 0);
        }
}

static void work_elsewhere(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_array_t *words = open_array(there, "words");
        weft_array_t *halves = open_array(there, "halves");
        (void)unused;
        work(words, halves);
        weft_array_close(words);
        weft_array_close(halves);
        weft_arena_close(there);
}

static void *work_here(void *unused)
{
        weft_array_t *words = open_array(arena, "words");
        weft_array_t *halves = open_array(arena, "halves");
        work(words, halves);
        weft_array_close(words);
        weft_array_close(halves);
        return unused;
}

static void check_sums(weft_array_t *words, weft_array_t *halves, uint64_t rounds)
{
        uint64_t all = 0;
        CHECK(load(words, ADDED) == rounds);
        CHECK(load(words, SWAPPED) == rounds * 3);
        for (uint64_t i = SPREAD; i < LENGTH; i++)
                all += load(words, i);
        CHECK(all == rounds * (ROUNDS - 1) / 2);
        all = 0;
        for (uint64_t i = 0; i < LENGTH; i++) {
                uint32_t w;
                CHECK(weft_array_load32(halves, i, &w) == 0);
                all += w;
        }
        CHECK(all == rounds);
}

/* [E]: what is written before a store is there for whoever sees the store. */
static void *send(void *words)
{
        uint64_t *message = weft_array_span(words, MESSAGE, 1);
        CHECK(message);
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                while (load(words, FLAG) != 2 * (i - 1))
                        sched_yield();
                *message = i;
                CHECK(weft_array_store64(words, FLAG, 2 * i - 1) == 0);
        }
        return NULL;
}

static void *receive(void *words)
{
        const uint64_t *message = weft_array_span(words, MESSAGE, 1);
        CHECK(message);
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                while (load(words, FLAG) != 2 * i - 1)
                        sched_yield();
                CHECK(*message == i);
                uint64_t v = 2 * i - 1;
                CHECK(weft_array_cas64(words, FLAG, &v, 2 * i) == 0);
        }
        return NULL;
}

/* Counts in its own element what it added to the common one: at most one apart. */
static void add_and_note(void *context)
{
        uint64_t i = (uint64_t)(uintptr_t)context;
        weft_array_t *a = open_array(arena, "killed");
        for (;;) {
                CHECK(weft_array_add64(a, 0, 1, NULL) == 0);
                CHECK(weft_array_add64(a, 1 + i, 1, NULL) == 0);
        }
}

static void kills(void)
{
        struct weft_array_options o = { .length = 1 + 2, .element_bytes = 8 };
        weft_array_t *a;
        pid_t pid[2];

        CHECK(weft_array_create(arena, "killed", &o, &a) == 0);
        for (uintptr_t i = 0; i < 2; i++)
                pid[i] = child_start(add_and_note, (void *)i);
        for (uintptr_t n = 0; n < KILLS; n++) {
                usleep(500);
                CHECK(child_kill(pid[n % 2]) == -SIGKILL);
                pid[n % 2] = child_start(add_and_note, (void *)(n % 2));
        }
        for (int i = 0; i < 2; i++)
                CHECK(child_kill(pid[i]) == -SIGKILL);
        (void)recover_count(arena);
        uint64_t noted = load(a, 1) + load(a, 2), added = load(a, 0);
        CHECK(added >= noted && added <= noted + KILLS + 2);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "killed") == 0);
        weft_array_close(a);
}

/* ---- another length, again and again --------------------------------------- */

enum { STAYS = 24, MOST = 3000, CREW = 6 };

/* Not in the arena: what each of the crew was told, and in the middle of what he was. */
struct ledger {
        uint64_t added[STAYS]; /* told so */
        uint64_t begun[STAYS]; /* may be one more than that, for each who was killed */
        uint64_t resized, stale;
};
static struct ledger *ledger;

static void count_one(uint64_t *n)
{
        (void)__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static void refresh(weft_array_t *a)
{
        CHECK(weft_array_refresh(a) >= 0);
        count_one(&ledger->stale);
}

static void add_one(weft_array_t *a, uint64_t i, uint64_t how)
{
        uint64_t v;
        int rc;
        count_one(&ledger->begun[i]);
        do {
                if (how % 4) {
                        rc = weft_array_add64(a, i, 1, NULL);
                } else {
                        rc = weft_array_load64(a, i, &v);
                        while (!rc && (rc = weft_array_cas64(a, i, &v, v + 1)) == -EAGAIN)
                                rc = 0;
                }
                if (rc == -ESTALE)
                        refresh(a);
        } while (rc == -ESTALE);
        CHECK(rc == 0);
        count_one(&ledger->added[i]);
}

static void add_and_resize(void *unused)
{
        weft_arena_t *there = child_reopen(arena, WEFT_RDWR);
        weft_array_t *a = open_array(there, "resized");
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        (void)unused;
        for (;;) {
                uint64_t r = soak_random(&random);
                add_one(a, r % STAYS, r >> 20);
                if (r >> 40 & 127)
                        continue;
                uint64_t length = STAYS + (r >> 10) % MOST;
                int rc = weft_array_resize(a, length, weft_after(20 * WEFT_MSEC));
                CHECK(rc == 0 || rc == -ESTALE || rc == -ETIMEDOUT || rc == -EBUSY ||
                      rc == -ENOSPC);
                if (rc == -ESTALE)
                        refresh(a);
                if (rc == 0)
                        count_one(&ledger->resized);
        }
}

/* Nothing that anybody was told is lost, nothing is there twice, whoever is killed or
 * stopped in the middle of what. */
static void resizes(void)
{
        struct weft_array_options o = { .length = STAYS, .element_bytes = 8 };
        struct soak soak = { .work = add_and_resize, .crew = CREW };
        weft_array_t *a;

        ledger = common_make(sizeof *ledger);
        CHECK(weft_array_create(arena, "resized", &o, &a) == 0);
        soak_begin(&soak);
        for (uint64_t until = soak_until(3); weft_now() < until;)
                soak_step(&soak);
        soak_end(&soak);
        (void)recover_count(arena);
        CHECK(weft_array_refresh(a) >= 0);
        for (uint64_t i = 0; i < STAYS; i++) {
                uint64_t v = load(a, i);
                CHECK(v >= ledger->added[i]);
                CHECK(v <= ledger->begun[i]);
        }
        CHECK(ledger->resized > 10);
        printf("resized %llu times, noticed %llu times, %u kills, %u stops\n",
               (unsigned long long)ledger->resized, (unsigned long long)ledger->stale,
               soak.kills, soak.stops);
        CHECK(weft_array_resize(a, STAYS, WEFT_NEVER) == 0);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "resized") == 0);
        weft_array_close(a);
        munmap(ledger, sizeof *ledger);
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        struct weft_array_options o = { .length = LENGTH, .element_bytes = 8 };
        weft_array_t *words, *halves;
        pthread_t thread[WORKERS];
        pid_t pid[WORKERS];

        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        CHECK(weft_array_create(arena, "words", &o, &words) == 0);
        o.element_bytes = 4;
        CHECK(weft_array_create(arena, "halves", &o, &halves) == 0);

        for (int i = 0; i < WORKERS; i++)
                pid[i] = child_start(work_elsewhere, NULL);
        for (int i = 0; i < WORKERS; i++)
                CHECK(child_end(pid[i]) == 0);
        check_sums(words, halves, (uint64_t)WORKERS * ROUNDS);
        kills();
        resizes();

        /* Threads on one mapping: ThreadSanitizer is blind between two. */
        for (int i = 0; i < WORKERS; i++)
                CHECK(pthread_create(&thread[i], NULL, work_here, NULL) == 0);
        for (int i = 0; i < WORKERS; i++)
                CHECK(pthread_join(thread[i], NULL) == 0);
        check_sums(words, halves, (uint64_t)2 * WORKERS * ROUNDS);
        CHECK(pthread_create(&thread[0], NULL, send, words) == 0);
        CHECK(pthread_create(&thread[1], NULL, receive, words) == 0);
        CHECK(pthread_join(thread[0], NULL) == 0);
        CHECK(pthread_join(thread[1], NULL) == 0);

        weft_array_close(words);
        weft_array_close(halves);
        CHECK(weft_object_remove(arena, "words") == 0);
        CHECK(weft_object_remove(arena, "halves") == 0);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}
