/* examples/lazy_table.c -- a table of lazies that processes share: each entry is computed
 * once, by whoever asks first; one of those who compute is killed, and replaced.
 *
 *   lazy_table [--kill]
 *
 * Entry i is the number of primes below i * STEP. It is mapped from nothing but its bound;
 * the sum of all is a lazy, too, and forces the others. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/arena.h>
#include <weft/error.h>
#include <weft/latch.h>
#include <weft/lazy.h>
#include <weft/semaphore.h>

enum { WORKERS = 4, ENTRIES = 24, STEP = 4000 };

static weft_arena_t *arena;
static weft_semaphore_t *computed; /* counts what was computed to its end */
static weft_latch_t *doomed;       /* comes down when the one who is to die computes */
static bool to_die;                /* this process */

static void must(int64_t rc, const char *what)
{
        if (rc < 0) {
                fprintf(stderr, "lazy_table: %s: %s\n", what, weft_strerror((int)rc));
                _exit(1);
        }
}

/* ---- functions, known by name in every process --------------------------------------- */

static int primes_below(const void *in, void *out, const void *argument)
{
        uint64_t bound, n = 0;
        (void)argument;
        memcpy(&bound, in, sizeof bound);
        if (to_die) {
                must(weft_latch_count_down(doomed, 1), "latch");
                for (;;)
                        pause(); /* in the middle of it, for ever */
        }
        for (uint64_t p = 2; p < bound; p++) {
                uint64_t d = 2;
                while (d * d <= p && p % d)
                        d++;
                n += d * d > p;
        }
        must(weft_semaphore_post(computed), "count");
        memcpy(out, &n, sizeof n);
        return 0;
}

static weft_lazy_t *entry(uint64_t i)
{
        weft_lazy_t *lazy;
        uint64_t bound = i * STEP;
        char name[32];
        snprintf(name, sizeof name, "primes/%llu", (unsigned long long)i);
        must(weft_lazy_create_or_open(arena, name, "primes below", &bound, sizeof bound,
                                      &lazy),
             name);
        return lazy;
}

static int sum_of_all(const void *in, void *out, const void *argument)
{
        uint64_t sum = 0;
        (void)in, (void)argument;
        for (uint64_t i = 1; i <= ENTRIES; i++) {
                weft_lazy_t *lazy = entry(i);
                uint64_t n;
                int64_t rc = weft_lazy_force(lazy, &n, sizeof n, WEFT_NEVER);
                weft_lazy_close(lazy);
                if (rc < 0)
                        return (int)rc;
                sum += n;
        }
        memcpy(out, &sum, sizeof sum);
        return 0;
}

WEFT_FUNCTION_ITEM("primes below", primes_below, WEFT_TYPE(uint64_t, "count"),
                   WEFT_TYPE(uint64_t, "count"))
WEFT_FUNCTION_ITEM("sum of all", sum_of_all, WEFT_TYPE_NONE, WEFT_TYPE(uint64_t, "count"))

/* ---- processes ------------------------------------------------------------------------ */

/* All of them, each worker in an order of its own. */
static void work(unsigned which)
{
        for (uint64_t k = 0; k < ENTRIES; k++) {
                uint64_t i = (k * 7 + which * 5) % ENTRIES + 1, n;
                weft_lazy_t *lazy = entry(i);
                must(weft_lazy_force(lazy, &n, sizeof n, WEFT_NEVER), "force");
                weft_lazy_close(lazy);
        }
}

static pid_t start(unsigned which, bool dies)
{
        pid_t parent = getpid(), pid = fork();
        if (pid)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        to_die = dies;
        work(which);
        _exit(0);
}

int main(int argc, char **argv)
{
        struct weft_semaphore_options none = { 0 };
        struct weft_latch_options one = { .count = 1 };
        bool with_kill = argc == 2 && !strcmp(argv[1], "--kill");
        pid_t pids[WORKERS], victim = 0;
        uint64_t sum = 0;
        weft_lazy_t *all;

        if (argc > 1 && !with_kill) {
                fprintf(stderr, "usage: lazy_table [--kill]\n");
                return 2;
        }
        must(weft_arena_create(NULL, NULL, &arena), "arena");
        must(weft_semaphore_create(arena, "computed", &none, &computed), "semaphore");
        must(weft_latch_create(arena, "doomed", &one, &doomed), "latch");
        if (with_kill) { /* he has the first entry, and the others come to wait for him */
                victim = start(0, true);
                must(weft_latch_wait(doomed, WEFT_NEVER), "latch");
        }
        for (unsigned i = 0; i < WORKERS; i++)
                pids[i] = start(i, false);
        if (with_kill) {
                usleep(20000);
                kill(victim, SIGKILL);
                waitpid(victim, NULL, 0);
        }
        must(weft_lazy_create(arena, "sum", "sum of all", NULL, 0, &all), "sum");
        must(weft_lazy_force(all, &sum, sizeof sum, WEFT_NEVER), "sum");
        int failed = 0;
        for (unsigned i = 0; i < WORKERS; i++) {
                int status;
                failed += waitpid(pids[i], &status, 0) != pids[i] || status != 0;
        }
        printf("%d entries, %lld computed, sum %llu\n", ENTRIES,
               (long long)weft_semaphore_value(computed), (unsigned long long)sum);
        weft_lazy_close(all);
        weft_latch_close(doomed);
        weft_semaphore_close(computed);
        weft_arena_close(arena);
        return failed != 0;
}
