/* examples/sieve.c -- the prime sieve of channels: a process for each prime, each of which
 * takes out the numbers that its prime divides, and passes on the others.
 *
 *   sieve [--buffered] [PRIMES]
 *
 * McIlroy, Squinting at Power Series (1989), and Hoare, CSP (1978), section 6.1. A channel
 * has no capacity, so that each number is handed over; or it buffers a few. When there are
 * enough primes, all channels are cancelled, and who sends to one or receives from one goes
 * home. */
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
#include <weft/channel.h>
#include <weft/error.h>

enum { PRIMES = 50, PRIMES_MAX = 200, BUFFERED = 16, ENOUGH = 1 };

static weft_arena_t *arena;
static weft_channel_t *numbers[PRIMES_MAX]; /* into the i-th */
static weft_channel_t *primes;              /* what they have found */

static int must(int rc, const char *call)
{
        if (rc >= 0)
                return rc;
        fprintf(stderr, "sieve: %s: %s\n", call, weft_strerror(rc));
        exit(1);
}
#define MUST(call) must((call), #call)

/* ---- processes -------------------------------------------------------------------- */

/* An error is the end of all: the channel was cancelled. */
static void send_or_go(weft_channel_t *to, uint64_t n)
{
        if (weft_channel_send(to, &n, WEFT_NEVER))
                exit(0);
}

static uint64_t recv_or_go(weft_channel_t *from)
{
        uint64_t n;
        if (weft_channel_recv(from, &n, WEFT_NEVER))
                exit(0);
        return n;
}

static void count(weft_channel_t *to)
{
        for (uint64_t n = 2;; n++)
                send_or_go(to, n);
}

/* The first that comes is a prime: those before have let it pass. */
static void sift(weft_channel_t *from, weft_channel_t *to)
{
        uint64_t prime = recv_or_go(from);
        send_or_go(primes, prime);
        for (;;) {
                uint64_t n = recv_or_go(from);
                if (n % prime && to)
                        send_or_go(to, n);
        }
}

static pid_t start(void)
{
        pid_t pid = fork();
        if (pid == 0)
                prctl(PR_SET_PDEATHSIG, SIGKILL);
        return pid;
}

/* ---- the parent ---------------------------------------------------------------------- */

static weft_channel_t *make(const char *name, uint64_t capacity)
{
        struct weft_channel_options o = { .capacity = capacity,
                                          .element_bytes = sizeof(uint64_t) };
        weft_channel_t *channel;
        MUST(weft_channel_create(arena, name, &o, &channel));
        return channel;
}

static bool is_prime(uint64_t n)
{
        for (uint64_t d = 2; d * d <= n; d++)
                if (n % d == 0)
                        return false;
        return n > 1;
}

/* They come in order: each process finds its own only when all before have theirs. */
static bool gather(int n)
{
        uint64_t want = 1, prime;
        bool right = true;
        for (int i = 0; i < n; i++) {
                MUST(weft_channel_recv(primes, &prime, WEFT_NEVER));
                do {
                        want++;
                } while (!is_prime(want));
                right &= prime == want;
                printf("%llu%c", (unsigned long long)prime, i % 10 == 9 ? '\n' : ' ');
        }
        return right;
}

int main(int argc, char **argv)
{
        bool buffered = argc > 1 && strcmp(argv[1], "--buffered") == 0;
        int n = argc > 1 + buffered ? atoi(argv[1 + buffered]) : PRIMES;
        if (argc > 2 + buffered || n < 1 || n > PRIMES_MAX) {
                fprintf(stderr, "usage: sieve [--buffered] [PRIMES]\n");
                return 2;
        }
        MUST(weft_arena_create(NULL, NULL, &arena)); /* gone with its processes */
        primes = make("primes", 0);
        for (int i = 0; i < n; i++) {
                char name[16];
                snprintf(name, sizeof name, "%d", i);
                numbers[i] = make(name, buffered ? BUFFERED : 0);
        }
        fflush(NULL);
        if (start() == 0)
                count(numbers[0]);
        for (int i = 0; i < n; i++)
                if (start() == 0)
                        sift(numbers[i], i + 1 < n ? numbers[i + 1] : NULL);
        bool right = gather(n);
        for (int i = 0; i < n; i++)
                MUST(weft_channel_cancel(numbers[i], ENOUGH));
        int ended = 0, status;
        while (wait(&status) > 0)
                ended += WIFEXITED(status) && WEXITSTATUS(status) == 0;
        printf("%d primes by %d processes: %s\n", n, ended, right ? "right" : "wrong");
        return !right || ended != n + 1;
}
