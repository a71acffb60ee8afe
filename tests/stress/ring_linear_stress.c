/* tests/stress/ring_linear_stress.c -- the ring is linearizable, whoever dies.
 *
 * Many short rounds: one process pushes, one pops, and a third one stands by for the side
 * of one of them, who in most rounds is stepped to a random instruction first: he stands
 * there while the others run, and is killed, or goes on later. What they saw must be what a
 * bounded queue can do. Who finds the side held has done nothing. */
#define _GNU_SOURCE
#include <errno.h>
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
#include <weft/ring.h>

#include "runtime/atomic.h"
#include "tests/check.h"
#include "tests/harness/job.h"
#include "tests/harness/linear.h"
#include "tests/harness/step.h"

enum { OPERATIONS = 9, LARGE = 40 };
enum { VICTIM, OTHER, NEXT, DRAINER }; /* processes of the log */
enum { ROUNDS = 3000, ARENA_ROUNDS = 100, DEFAULT_SECONDS = 10 };

static const struct shape {
        struct weft_ring_options options;
        uint64_t capacity; /* elements of LARGE */
} shapes[] = {
        { { 8, 8, 0 }, 8 },
        { { 2, LARGE, 0 }, 2 },
        { { 4, LARGE, 0 }, 4 },
        { { 256, LARGE, WEFT_RING_BYTES }, 3 },
};
static const struct shape *shape; /* of the round */
static weft_ring_t *ring;
static bool victim_pushes;

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

/* Nothing was done. */
static void take_back(unsigned process)
{
        history_log->of[process].n--;
}

static void push(unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value };
        struct linear_event *e = linear_begin(history_log, process, LINEAR_PUSH, value);
        CHECK(e);
        int rc = shape->options.flags
                         ? weft_ring_push_record(ring, element, LARGE, WEFT_NOW)
                         : weft_ring_push(ring, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN || rc == -EBUSY);
        if (rc == -EBUSY)
                take_back(process);
        else
                linear_end(history_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool pop(unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = linear_begin(history_log, process, LINEAR_POP, 0);
        CHECK(e);
        int64_t rc = shape->options.flags
                             ? weft_ring_pop_record(ring, element, LARGE, WEFT_NOW)
                             : weft_ring_pop(ring, element, WEFT_NOW);
        CHECK(rc >= 0 || rc == -EAGAIN || rc == -EBUSY);
        if (rc == -EBUSY)
                take_back(process);
        else
                linear_end(history_log, e, rc < 0 ? LINEAR_REFUSED : LINEAR_DONE,
                           element[0]);
        return rc >= 0;
}

static void operate(unsigned process, unsigned n)
{
        bool pushes = (process == OTHER) != victim_pushes;
        for (unsigned i = 0; i < n; i++)
                if (pushes)
                        push(process, process * 100 + i + 1);
                else
                        (void)pop(process);
}

static _Noreturn void worker(unsigned process)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        cpu_roam();
        (void)weft_add_acq_rel(gate, 1);
        for (int i = 0; weft_load_acq(gate) <= 2 && i < 100000; i++)
                weft_pause();
        operate(process, OPERATIONS);
        _exit(0);
}

/* ---- a round ------------------------------------------------------------- */

enum fate { UNTRACED, KILLED_FIRST, KILLED_LAST, RESUMED };

static void operate_as_victim(struct crash *c)
{
        (void)c;
        operate(VICTIM, OPERATIONS);
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
        pid_t pid[2];
        struct tracee t = { 0 };
        struct crash c = { .note = &told->note, .told = told };
        enum tracee_state state = TRACEE_DIED;

        gate->raw = 0;
        if (fate != UNTRACED) {
                state = tracee_start(&t, &c, NULL, operate_as_victim);
                CHECK(state == TRACEE_GOES);
                state = tracee_step_to(&t, rnd() % 1500);
                CHECK(state != TRACEE_DIED);
        }
        for (unsigned i = 0; i < 2; i++) {
                pid[i] = fork();
                CHECK(pid[i] >= 0);
                if (pid[i] == 0)
                        worker(OTHER + i);
        }
        if (fate == KILLED_FIRST)
                tracee_kill(&t);
        (void)weft_add_acq_rel(gate, 1);
        for (unsigned i = 0; i < 2; i++) {
                int status;
                CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
        }
        if (fate == RESUMED)
                CHECK(state == TRACEE_ENDED || tracee_finish(&t) == TRACEE_ENDED);
        tracee_kill(&t);
        uint32_t n = history_log->of[VICTIM].n;
        return n && !history_log->of[VICTIM].event[n - 1].to;
}

static int one_round(weft_arena_t *arena, int round, struct crash_told *told)
{
        struct weft_ring_info info;
        struct weft_recovery report;
        enum fate fate = told ? (enum fate)(rnd() % 4) : UNTRACED;

        shape = &shapes[rnd() % (sizeof shapes / sizeof *shapes)];
        victim_pushes = rnd() % 2;
        linear_log_clear(history_log);
        CHECK(weft_ring_create(arena, "r", &shape->options, &ring) == 0);
        int cut = play(fate, told);
        if (rnd() % 2) /* with the dead settled, or not yet */
                CHECK(weft_arena_recover(arena, &report) == 0 && report.failed == 0);
        while (pop(DRAINER))
                ;
        CHECK(weft_ring_info(ring, &info) == 0 && info.length == 0);
        check_history(shape->capacity, round);
        CHECK(weft_object_remove(arena, "r") == 0);
        weft_ring_close(ring);
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
        gate = shared(4096);
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
