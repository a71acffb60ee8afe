/* tests/stress/stack_linear_stress.c -- the stack is linearizable, whoever dies.
 *
 * Many short rounds: a few processes do a few random operations on a small stack. In most
 * rounds one of them is stepped to a random instruction first; the others run while it
 * stands there, and it is killed, or goes on later. What they saw must be what a stack can
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
#include <weft/stack.h>

#include "runtime/atomic.h"
#include "tests/check.h"
#include "tests/harness/job.h"
#include "tests/harness/linear.h"
#include "tests/harness/step.h"

enum { WORKERS = 3, OPERATIONS = 6, DRAINER = WORKERS + 1, LARGE = 40, HIGHEST = 8 };
enum { ROUNDS = 3000, ARENA_ROUNDS = 100, DEFAULT_SECONDS = 8 };

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

/* ---- the model ------------------------------------------------------------ */

enum { PEEK = LINEAR_MORE, DRAIN }; /* DRAIN: value is how many, result all of them */

struct model {
        uint8_t n;
        uint8_t item[HIGHEST];
};

static uint64_t all_of(const struct model *m)
{
        uint64_t all = 0;
        for (int i = 0; i < m->n; i++)
                all |= (uint64_t)m->item[m->n - 1 - i] << 8 * i;
        return all;
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        struct model *m = state;
        bool refused = e->to && e->answer == LINEAR_REFUSED;
        switch (e->what) {
        case LINEAR_PUSH:
                if (refused || m->n >= h->capacity)
                        return refused && m->n >= h->capacity;
                m->item[m->n++] = (uint8_t)e->value;
                return true;
        case PEEK:
                if (refused || !m->n)
                        return (refused || !e->to) && !m->n;
                return !e->to || m->item[m->n - 1] == e->value;
        case LINEAR_POP:
                if (refused || !m->n)
                        return refused && !m->n;
                if (e->to && m->item[m->n - 1] != e->value)
                        return false;
                m->item[--m->n] = 0;
                return true;
        default: /* one that was killed may have found none, too */
                if (e->to && (e->value != m->n || e->result != all_of(m)))
                        return false;
                *m = (struct model){ 0 };
                return true;
        }
}

static void tell(const struct linear_event *e, FILE *to)
{
        static const char *const what[] = { "push", "pop", "peek", "drain" };
        (void)fprintf(to, "%s %llu", what[e->what], (unsigned long long)e->value);
        if (e->what == DRAIN)
                (void)fprintf(to, ": %016llx", (unsigned long long)e->result);
}

static const struct linear_model linear_stack = { "stack", sizeof(struct model), NULL,
                                                  step, tell };

#define EVENT(what_, value_, from_, to_, ...) \
        { \
                .from = (from_), .to = (to_), .value = (value_), .what = (what_), \
                __VA_ARGS__ \
        }
#define PUSH(x, from, to) EVENT(LINEAR_PUSH, x, from, to, 0)
#define POP(x, from, to) EVENT(LINEAR_POP, x, from, to, 0)
#define NONE(what, from, to) EVENT(what, 0, from, to, .answer = LINEAR_REFUSED)

static const struct linear_known known[] = {
        { "the last one first",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(2, 5, 6), POP(1, 7, 8) } },
        { "the first one first",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(1, 5, 6), POP(2, 7, 8) } },
        { "pushes overlap",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 4), PUSH(2, 2, 3), POP(1, 5, 6), POP(2, 7, 8) } },
        { "full too early", false, 0, 0, 2, { PUSH(1, 1, 2), NONE(LINEAR_PUSH, 3, 4) } },
        { "full",
          true,
          0,
          0,
          3,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), NONE(LINEAR_PUSH, 5, 6) } },
        { "twice", false, 0, 0, 3, { PUSH(1, 1, 2), POP(1, 3, 4), POP(1, 5, 6) } },
        { "a killed pop took it",
          true,
          0,
          0,
          3,
          { PUSH(1, 1, 2), POP(0, 3, 0), NONE(LINEAR_POP, 5, 6) } },
        { "a killed pop took two",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(0, 5, 0), NONE(LINEAR_POP, 6, 7) } },
        { "a peek takes nothing",
          false,
          0,
          0,
          3,
          { PUSH(1, 1, 2), EVENT(PEEK, 1, 3, 4, 0), NONE(LINEAR_POP, 5, 6) } },
        { "a peek below the top",
          false,
          0,
          0,
          3,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), EVENT(PEEK, 1, 5, 6, 0) } },
        { "all at once",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), EVENT(DRAIN, 2, 5, 6, .result = 0x102),
            NONE(LINEAR_POP, 7, 8) } },
        { "not all",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), EVENT(DRAIN, 1, 5, 6, .result = 0x2),
            POP(1, 7, 8) } },
        { "a killed drain",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), EVENT(DRAIN, 0, 5, 0, 0),
            NONE(LINEAR_POP, 7, 8) } },
};

/* ---- operations, recorded ------------------------------------------------ */

static struct linear_event *start(unsigned process, unsigned what, uint64_t value)
{
        struct linear_event *e = linear_begin_with(history_log, process, what, value, 0);
        CHECK(e);
        return e;
}

static void push(weft_stack_t *s, unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value };
        struct linear_event *e = start(process, LINEAR_PUSH, value);
        int rc = weft_stack_push(s, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(history_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool pop(weft_stack_t *s, unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = start(process, LINEAR_POP, 0);
        int rc = weft_stack_pop(s, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(history_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, element[0]);
        return rc == 0;
}

static void peek(weft_stack_t *s, unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = start(process, PEEK, 0);
        int rc = weft_stack_peek(s, element);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(history_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, element[0]);
}

struct drained {
        uint64_t all;
        int n;
};

static int collect(void *element, void *context)
{
        struct drained *d = context;
        uint64_t x;
        memcpy(&x, element, sizeof x);
        CHECK(d->n < HIGHEST);
        d->all |= x << 8 * d->n++;
        return 0;
}

static void drain(weft_stack_t *s, unsigned process)
{
        struct drained d = { 0 };
        struct linear_event *e = start(process, DRAIN, 0);
        CHECK(weft_stack_drain(s, collect, &d) == d.n);
        e->result = d.all;
        linear_end(history_log, e, LINEAR_DONE, (uint64_t)d.n);
}

static weft_stack_t *stack; /* of the round */

static void operate(unsigned process)
{
        seed += process * UINT64_C(0x9e3779b97f4a7c15);
        for (unsigned i = 0; i < OPERATIONS; i++)
                switch (rnd() % 16) {
                case 0:
                        drain(stack, process);
                        break;
                case 1:
                case 2:
                        peek(stack, process);
                        break;
                default:
                        if (rnd() % 2)
                                push(stack, process, process * 16 + i + 1);
                        else
                                (void)pop(stack, process);
                }
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
        if (linear_check(&linear_stack, &history))
                return;
        fprintf(stderr, "round %d is not linearizable\n", round);
        linear_print_as(&linear_stack, &history, stderr);
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
        struct weft_stack_options options = { .capacity = UINT64_C(2) << rnd() % 3,
                                              .element_bytes = rnd() % 2 ? 8 : LARGE };
        struct weft_stack_info info;
        struct weft_recovery report;
        enum fate fate = told ? (enum fate)(rnd() % 4) : UNTRACED;

        linear_log_clear(history_log);
        CHECK(weft_stack_create(arena, "s", &options, &stack) == 0);
        int cut = play(fate, told);
        if (rnd() % 2) /* with the dead settled, or not yet */
                CHECK(weft_arena_recover(arena, &report) == 0 && report.failed == 0);
        while (pop(stack, DRAINER))
                ;
        CHECK(weft_stack_info(stack, &info) == 0 && info.length == 0);
        CHECK(info.held + info.idle == info.nodes);
        check_history(options.capacity, round);
        CHECK(weft_object_remove(arena, "s") == 0);
        weft_stack_close(stack);
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

        linear_test(&linear_stack, 2, known, sizeof known / sizeof *known);
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
