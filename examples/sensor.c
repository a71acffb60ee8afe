/* examples/sensor.c -- a sensor whose readings flow to whoever listens.
 *
 *   sensor
 *
 * Four processes. The sensor drives a hot stream that drops what is old: it waits for nobody.
 *   archive  wants every reading; it grants the sensor credit by a semaphore, so that it
 *            never falls behind by more than the stream retains
 *   slow     reads now and then; it loses readings, and is told exactly how many
 *   display  is killed in the middle: nobody notices, and nothing of it is left
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/arena.h>
#include <weft/error.h>
#include <weft/event.h>
#include <weft/hot.h>
#include <weft/latch.h>
#include <weft/semaphore.h>

enum { READINGS = 4000, RETAINED = 256, CREDIT = RETAINED / 2 };

struct reading {
        uint64_t number;
        int64_t celsius; /* thousandths */
};

static weft_arena_t *arena;
static weft_hot_t *stream;
static weft_semaphore_t *credit; /* readings that the archive can take */
static weft_latch_t *listening;
static weft_event_t *middle; /* the display has read half of them */

static int64_t must(int64_t rc, const char *call)
{
        if (rc >= 0)
                return rc;
        fprintf(stderr, "sensor: %s: %s\n", call, weft_strerror((int)rc));
        exit(1);
}
#define MUST(call) must((call), #call)

static void claim(int it, const char *what)
{
        if (it)
                return;
        fprintf(stderr, "sensor: not so: %s\n", what);
        exit(1);
}
#define CLAIM(it) claim((it), #it)

static int64_t measure(uint64_t number)
{
        return 20000 + (int64_t)(number * 37 % 1001) - 500;
}

/* ---- the sensor --------------------------------------------------------------------- */

static void sense(void)
{
        uint64_t emitted;
        MUST(weft_latch_wait(listening, WEFT_NEVER));
        MUST(weft_hot_claim(stream, &emitted, WEFT_NEVER));
        for (uint64_t i = emitted; i < READINGS; i++) {
                struct reading r = { i, measure(i) };
                MUST(weft_semaphore_wait(credit, WEFT_NEVER));
                MUST(weft_hot_emit(stream, &r, WEFT_NOW));
        }
        MUST(weft_hot_finish(stream, 0));
        MUST(weft_hot_yield(stream));
}

/* ---- who listen ------------------------------------------------------------------------ */

static weft_hot_subscriber_t *listen_in(void)
{
        weft_hot_subscriber_t *s;
        MUST(weft_hot_subscribe(stream, WEFT_HOT_OLDEST, 0, &s));
        MUST(weft_latch_count_down(listening, 1));
        return s;
}

/* The next reading: 1, or 0 at the end. It is the one that its sequence says. */
static int next(weft_hot_subscriber_t *s, uint64_t *sequence, uint64_t *lost)
{
        struct reading r;
        int rc = (int)MUST(weft_hot_next(s, &r, sequence, lost, WEFT_NEVER));
        if (rc)
                CLAIM(r.number == *sequence && r.celsius == measure(r.number));
        return rc;
}

static void archive(void)
{
        weft_hot_subscriber_t *s = listen_in();
        uint64_t sequence, lost, n = 0;
        while (next(s, &sequence, &lost)) {
                CLAIM(sequence == n && lost == 0);
                n++;
                MUST(weft_semaphore_post(credit));
        }
        CLAIM(n == READINGS);
        weft_hot_unsubscribe(s);
}

/* Asleep until it has been overtaken; then it reads a few. */
static void dawdle(void)
{
        weft_hot_subscriber_t *s = listen_in();
        uint64_t sequence, lost, n = 0, told = 0;
        int rc = 1;
        while (rc) {
                struct weft_hot_info info = { 0 };
                while (weft_hot_lag(s) <= RETAINED && !info.ended) {
                        usleep(1000);
                        MUST(weft_hot_info(stream, &info));
                }
                for (int i = 0; rc && (i < 10 || info.ended); i++) {
                        rc = next(s, &sequence, &lost);
                        CLAIM(!rc || sequence == n + told + lost);
                        told += lost;
                        n += (uint64_t)rc;
                }
        }
        CLAIM(told > 0 && told == weft_hot_lost(s) && n + told == READINGS);
        weft_hot_unsubscribe(s);
}

static void display(void)
{
        weft_hot_subscriber_t *s = listen_in();
        uint64_t sequence = 0, lost;
        while (next(s, &sequence, &lost))
                if (sequence >= READINGS / 2)
                        break;
        MUST(weft_event_set(middle));
        for (;;)
                pause(); /* and does not read on: it is as slow as can be */
}

/* ---- all of them ------------------------------------------------------------------------- */

static pid_t start(void (*work)(void))
{
        pid_t pid = fork();
        if (pid < 0)
                MUST(-errno);
        if (pid)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        work();
        exit(0);
}

static void ended_well(pid_t pid, const char *what)
{
        int status;
        CLAIM(waitpid(pid, &status, 0) == pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status))
                exit(1); /* it has said why */
        puts(what);
}

static void set_up(void)
{
        const struct weft_hot_options readings = { .capacity = RETAINED,
                                                   .element_bytes =
                                                           sizeof(struct reading),
                                                   .policy = WEFT_HOT_DROP,
                                                   .flags = WEFT_HOT_ONE };
        const struct weft_semaphore_options credits = { .value = CREDIT };
        const struct weft_latch_options three = { .count = 3 };
        MUST(weft_arena_create(NULL, NULL, &arena));
        MUST(weft_hot_create(arena, "readings", &readings, &stream));
        MUST(weft_semaphore_create(arena, "credit", &credits, &credit));
        MUST(weft_latch_create(arena, "listening", &three, &listening));
        MUST(weft_event_create(arena, "middle", NULL, &middle));
}

int main(int argc, char **argv)
{
        struct weft_hot_info info;
        (void)argv;
        if (argc > 1) {
                fprintf(stderr, "usage: sensor\n");
                return 2;
        }
        set_up();
        fflush(stdout);
        pid_t archived = start(archive), slow = start(dawdle), shown = start(display);
        pid_t sensor = start(sense);
        MUST(weft_event_wait(middle, WEFT_NEVER));
        CLAIM(kill(shown, SIGKILL) == 0 && waitpid(shown, NULL, 0) == shown);
        ended_well(sensor, "sensor: 4000 readings");
        ended_well(archived, "archive: all of them, in order");
        ended_well(slow, "slow: lost some, was told how many, 4000 in all");
        puts("display: killed in the middle");
        MUST(weft_arena_recover(arena, NULL)); /* nothing is left of it */
        MUST(weft_hot_info(stream, &info));
        CLAIM(info.subscribers == 0 && info.emitted == READINGS && info.ended);
        return 0;
}
