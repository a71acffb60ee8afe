/* tests/soak.h -- a crew of processes, killed and stopped at random while they work. */
#ifndef WEFT_TESTS_SOAK_H
#define WEFT_TESTS_SOAK_H

#include <time.h>

#include <weft/wait.h>

#include "tests/child.h"

enum { SOAK_CREW_MOST = 16 };

struct soak {
        void (*work)(void *context); /* for ever, in a child */
        void *context;
        int crew;
        pid_t pids[SOAK_CREW_MOST];
        uint64_t random;
        uint32_t kills, stops;
};

/* Marsaglia, Xorshift RNGs (2003). */
static inline uint64_t soak_random(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

/* How long: WEFT_SOAK_SECONDS, else what a test of every change can afford. */
static inline uint64_t soak_until(uint64_t seconds)
{
        const char *asked = getenv("WEFT_SOAK_SECONDS");
        return weft_after((asked ? strtoull(asked, NULL, 10) : seconds) * WEFT_SEC);
}

static inline void soak_begin(struct soak *s)
{
        if (!s->random)
                s->random = (uint64_t)getpid() * 2654435761u | 1;
        for (int i = 0; i < s->crew; i++)
                s->pids[i] = child_start(s->work, s->context);
}

/* Sleeps a little, then kills one of the crew and replaces it; now and then it only stops
 * one for a moment. A child that ended by itself has failed. */
static inline void soak_step(struct soak *s)
{
        struct timespec nap = { 0, (long)(soak_random(&s->random) % 3000000) };
        int i = (int)(soak_random(&s->random) % (uint64_t)s->crew);

        nanosleep(&nap, NULL);
        if (soak_random(&s->random) % 8 == 0) {
                CHECK(kill(s->pids[i], SIGSTOP) == 0);
                nanosleep(&nap, NULL);
                CHECK(kill(s->pids[i], SIGCONT) == 0);
                s->stops++;
                return;
        }
        CHECK(child_kill(s->pids[i]) == -SIGKILL);
        s->kills++;
        s->pids[i] = child_start(s->work, s->context);
}

static inline void soak_end(struct soak *s)
{
        for (int i = 0; i < s->crew; i++)
                CHECK(child_kill(s->pids[i]) == -SIGKILL);
}

#endif
