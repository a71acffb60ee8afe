/* tests/stress/queue_linear_stress.c -- the queue is linearizable, whoever dies.
 *
 * Many short rounds: a few processes do a few random operations on a small queue. In most
 * rounds one of them is stepped to a random instruction first; the others run while it
 * stands there, and it is killed, or goes on later. What they saw must be what a queue can
 * do. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/arena.h>
#include <weft/object.h>
#include <weft/queue.h>

#include "runtime/atomic.h"
#include "tests/check.h"
#include "tests/harness/job.h"
#include "tests/harness/linear.h"
#include "tests/harness/step.h"

enum { WORKERS = 3, OPERATIONS = 6, DRAINER = WORKERS + 1, LARGE = 40 };
enum { ROUNDS = 3000, ARENA_ROUNDS = 100, DEFAULT_SECONDS = 15 };

static struct linear_log *history_log;
static weft_a32_t *gate; /* how many are ready */
static uint64_t seed;

static uint64_t rnd(void) /* xorshift */
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed;
}

static double seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *shared(size_t bytes)
{
        void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0);
        CHECK(at != MAP_FAILED);
        return at;
}

/* ---- operations, recorded ------------------------------------------------ */

static void push(weft_queue_t *q, unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value };
        struct linear_event *e = linear_begin(history_log, process, LINEAR_PUSH, value);
        CHECK(e);
        int rc = weft_queue_push(q, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(history_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool pop(weft_queue_t *q, unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = linear_begin(history_log, process, LINEAR_POP, 0);
        CHECK(e);
        int rc = weft_queue_pop(q, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(history_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, element[0]);
        return rc == 0;
}

static weft_queue_t *queue; /* of the round */

static void operate(unsigned process)
{
        seed += process * UINT64_C(0x9e3779b97f4a7c15);
        for (unsigned i = 0; i < OPERATIONS; i++)
                if (rnd() % 2)
                        push(queue, process, process * 100 + i + 1);
                else
                        (void)pop(queue, process);
}

static _Noreturn void worker(unsigned process)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        cpu_roam();
        (void)weft_add_acq_rel(gate, 1);
        for (int i = 0; weft_load_acq(gate) <= WORKERS && i < 100000; i++)
                weft_pause();
        operate(process);
        _exit(0);
}

/* ---- a round ------------------------------------------------------------- */

enum fate { UNTRACED, KILLED_FIRST, KILLED_LAST, RESUMED };

static void operate_as_0(struct crash *c)
{
        (void)c;
        operate(0);
}

static void check_history(uint64_t capacity, int round)
{
        struct linear_history history;
        CHECK(linear_history_of(history_log, capacity, &history));
        if (linear_is_queue(&history))
                return;
        fprintf(stderr, "round %d is not linearizable\n", round);
        linear_print(&history, stderr);
        abort();
}

/* Returns whether an operation was cut short. */
static bool play(enum fate fate, struct crash_told *told)
{
        pid_t pid[WORKERS];
        struct tracee t = { 0 };
        struct crash c = { .note = &told->note, .told = told };
        enum tracee_state state = TRACEE_DIED;

        gate->raw = 0;
        if (fate != UNTRACED) {
                state = tracee_start(&t, &c, NULL, operate_as_0);
                CHECK(state == TRACEE_GOES);
                state = tracee_step_to(&t, rnd() % 900);
                CHECK(state != TRACEE_DIED);
        }
        for (unsigned i = 0; i < WORKERS; i++) {
                pid[i] = fork();
                CHECK(pid[i] >= 0);
                if (pid[i] == 0)
                        worker(i + 1);
        }
        if (fate == KILLED_FIRST)
                tracee_kill(&t);
        (void)weft_add_acq_rel(gate, 1);
        for (unsigned i = 0; i < WORKERS; i++) {
                int status;
                CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
        }
        if (fate == RESUMED)
                CHECK(state == TRACEE_ENDED || tracee_finish(&t) == TRACEE_ENDED);
        tracee_kill(&t);
        uint32_t n = history_log->of[0].n;
        return n && !history_log->of[0].event[n - 1].to;
}

static int one_round(weft_arena_t *arena, int round, struct crash_told *told)
{
        struct weft_queue_options options = { .capacity = UINT64_C(2) << rnd() % 3,
                                              .element_bytes = rnd() % 2 ? 8 : LARGE,
                                              .flags = rnd() % 3 ? 0 : WEFT_QUEUE_BATCH };
        struct weft_queue_info info;
        struct weft_recovery report;
        enum fate fate = told ? (enum fate)(rnd() % 4) : UNTRACED;

        linear_log_clear(history_log);
        CHECK(weft_queue_create(arena, "q", &options, &queue) == 0);
        int cut = play(fate, told);
        if (rnd() % 2) /* with the dead settled, or not yet */
                CHECK(weft_arena_recover(arena, &report) == 0 && report.failed == 0);
        while (pop(queue, DRAINER))
                ;
        CHECK(weft_queue_info(queue, &info) == 0 && info.length == 0);
        check_history(options.capacity, round);
        CHECK(weft_object_remove(arena, "q") == 0);
        weft_queue_close(queue);
        return cut;
}

static void must_be_empty(weft_arena_t *arena)
{
        struct weft_census census;
        CHECK(weft_arena_recover(arena, NULL) == 0);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
}

int main(void)
{
        const char *limit = getenv("WEFT_STRESS_SECONDS"), *given = getenv("WEFT_SEED");
        struct weft_arena_options options = { .max_bytes = UINT64_C(4) << 20 };
        weft_arena_t *arena = NULL;
        int round = 0, cut = 0;
        double end = seconds() + (limit ? strtod(limit, NULL) : DEFAULT_SECONDS);

        linear_selftest();
        seed = given ? strtoull(given, NULL, 0)
                     : (uint64_t)getpid() << 20 ^ (uint64_t)time(NULL);
        seed |= 1;
        printf("WEFT_SEED=%llu\n", (unsigned long long)seed);
        fflush(stdout);
        history_log = linear_log_new();
        cpu_stay();
        struct crash_told *told = tracee_possible() ? shared(sizeof *told) : NULL;
        if (!told)
                printf("ptrace() is not permitted here: nobody is killed\n");
        gate = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                    0);
        CHECK(gate != MAP_FAILED);
        for (; (round < ROUNDS || limit) && seconds() < end; round++) {
                if (round % ARENA_ROUNDS == 0) {
                        weft_arena_close(arena);
                        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
                }
                cut += one_round(arena, round, told);
                if (round % ARENA_ROUNDS == ARENA_ROUNDS - 1)
                        must_be_empty(arena);
        }
        must_be_empty(arena);
        weft_arena_close(arena);
        printf("%d histories are linearizable, %d of them with an operation cut short\n",
               round, cut);
        return 0;
}
