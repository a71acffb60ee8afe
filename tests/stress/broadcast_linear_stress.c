/* tests/stress/broadcast_linear_stress.c -- the broadcast ring is linearizable, whoever dies.
 *
 * As queue_linear_stress.c: many short rounds, in most of which one process stands at a
 * random instruction while the others run, and is killed or goes on. All subscribe and read
 * what some publish. */
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
#include <weft/broadcast.h>
#include <weft/object.h>

#include "runtime/atomic.h"
#include "tests/check.h"
#include "tests/harness/job.h"
#include "tests/harness/linear.h"
#include "tests/harness/step.h"

enum { WORKERS = 3, OPERATIONS = 6, DRAINER = WORKERS + 1, LARGE = 40 };
enum { ROUNDS = 1500, ARENA_ROUNDS = 100, DEFAULT_SECONDS = 8 };

/* ---- the model ------------------------------------------------------------------- */

#define PUBLISH LINEAR_PUSH
#define NEXT LINEAR_POP
enum { DROPS = 1, ONE = 2 }; /* flags of a history */

enum { PUBLISHED_MOST = 46 };

struct state {
        uint8_t cursor[LINEAR_PROCESSES]; /* + 1; 0: it has not got anything yet */
        uint8_t count;
        uint8_t at[PUBLISHED_MOST]; /* what was published, as small numbers */
};
_Static_assert(sizeof(struct state) <= LINEAR_STATE, "it fits");

static uint8_t small(uint64_t value)
{
        return (uint8_t)(value / 100 * 8 + value % 100);
}

/* Is there, as far as is known, somebody who holds it up? Of who has got nothing yet,
 * nothing is known; and who has ended may have been settled: that it must be full is not
 * said by anything here, but who is overtaken in a ring that blocks has lost something. */
static bool may_be_full(const struct linear_history *h, const struct state *s)
{
        for (unsigned p = 0; p <= DRAINER; p++)
                if (!s->cursor[p] || s->count + 1u - s->cursor[p] >= h->capacity)
                        return true;
        return false;
}

static bool step_publish(const struct linear_history *h, const struct linear_event *e,
                         struct state *s)
{
        if (e->to && e->answer == LINEAR_REFUSED)
                return !(h->flags & DROPS) && may_be_full(h, s);
        if (s->count >= PUBLISHED_MOST)
                return false;
        s->at[s->count++] = small(e->value);
        return true;
}

/* `extra`: how many it was told that it lost; `result`: the sequence. One more than need be
 * may be gone: it was about to be replaced. */
static bool step_next(const struct linear_history *h, const struct linear_event *e,
                      struct state *s)
{
        uint8_t *cursor = &s->cursor[e->process];
        if (!e->to)
                return true;
        if (e->answer == LINEAR_REFUSED)
                return !*cursor || *cursor > s->count;
        if (e->result >= s->count || s->at[e->result] != small(e->value))
                return false;
        if (*cursor && e->result != *cursor - 1u + e->extra)
                return false;
        if (e->extra && (!(h->flags & DROPS) || e->result > s->count + 2u - h->capacity))
                return false;
        *cursor = (uint8_t)(e->result + 2);
        return true;
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        return e->what == PUBLISH ? step_publish(h, e, state) : step_next(h, e, state);
}

static void tell(const struct linear_event *e, FILE *to)
{
        if (e->what == PUBLISH)
                fprintf(to, "publish %llu", (unsigned long long)e->value);
        else
                fprintf(to, "next: %llu, number %llu, after %llu lost",
                        (unsigned long long)e->value, (unsigned long long)e->result,
                        (unsigned long long)e->extra);
}

static const struct linear_model model = { "broadcast", sizeof(struct state), NULL, step,
                                           tell };

#define PUT(f, t, p, v) \
        { \
                .from = (f), .to = (t), .process = (p), .what = PUBLISH, .value = (v) \
        }
#define FULL(f, t, p, v) \
        { \
                .from = (f), .to = (t), .process = (p), .what = PUBLISH, .value = (v), \
                .answer = LINEAR_REFUSED \
        }
#define GET(f, t, p, v, number, lost) \
        { \
                .from = (f), .to = (t), .process = (p), .what = NEXT, .value = (v), \
                .result = (number), .extra = (lost) \
        }
#define NONE(f, t, p) \
        { \
                .from = (f), .to = (t), .process = (p), .what = NEXT, \
                .answer = LINEAR_REFUSED \
        }

static const struct linear_known known[] = {
        { "both see one order",
          true,
          0,
          DROPS,
          4,
          { PUT(1, 5, 1, 101), PUT(2, 4, 2, 201), GET(6, 7, 1, 201, 0, 0),
            GET(8, 9, 2, 201, 0, 0) } },
        { "two orders",
          false,
          0,
          DROPS,
          4,
          { PUT(1, 5, 1, 101), PUT(2, 4, 2, 201), GET(6, 7, 1, 201, 0, 0),
            GET(8, 9, 2, 101, 0, 0) } },
        { "one twice",
          false,
          0,
          DROPS,
          3,
          { PUT(1, 2, 1, 101), GET(3, 4, 1, 101, 0, 0), GET(5, 6, 1, 101, 1, 0) } },
        { "one left out",
          false,
          0,
          DROPS,
          4,
          { PUT(1, 2, 1, 101), PUT(3, 4, 1, 102), GET(5, 6, 2, 101, 0, 0),
            NONE(7, 8, 2) } },
        { "too early",
          false,
          0,
          DROPS,
          2,
          { GET(1, 2, 2, 101, 0, 0), PUT(3, 4, 1, 101) } },
        { "never told",
          false,
          0,
          0,
          4,
          { PUT(1, 2, 1, 101), GET(3, 4, 2, 101, 0, 0), PUT(5, 6, 1, 102),
            GET(7, 8, 2, 103, 2, 1) } },
        { "killed, and seen",
          true,
          0,
          DROPS,
          2,
          { PUT(1, 0, 0, 1), GET(2, 3, 1, 1, 0, 0) } },
};

/* ---- operations, recorded ------------------------------------------------------------ */

static struct linear_log *history_log;
static weft_a32_t *gate; /* how many are ready */
static uint64_t seed;
static weft_broadcast_t *ring; /* of the round */
static bool one, drops;

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

static void publish(unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value, value, value, value, value };
        struct linear_event *e = linear_begin(history_log, process, PUBLISH, value);
        CHECK(e);
        int rc = weft_broadcast_publish(ring, element, WEFT_NOW);
        if (rc && (rc != -EAGAIN || drops))
                fprintf(stderr, "publish by %u: %d (%s, %s)\n", process, rc,
                        one ? "one" : "many", drops ? "drop" : "block");
        CHECK(rc == 0 || (rc == -EAGAIN && !drops));
        linear_end(history_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool next(weft_subscriber_t *s, unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 }, sequence = 0, lost = 0;
        struct linear_event *e = linear_begin(history_log, process, NEXT, 0);
        CHECK(e);
        int rc = weft_broadcast_next(s, element, &sequence, &lost, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        e->result = sequence;
        e->extra = rc ? 0 : lost;
        linear_end(history_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, element[0]);
        return rc == 0;
}

/* Of one producer all are the first worker's, or the victim's. */
static void operate(unsigned process, bool publishes)
{
        weft_subscriber_t *s;
        CHECK(weft_broadcast_subscribe(
                      ring, rnd() % 2 ? WEFT_BROADCAST_OLDEST : WEFT_BROADCAST_NEWEST, 0,
                      &s) == 0);
        seed += process * UINT64_C(0x9e3779b97f4a7c15);
        for (unsigned i = 0; i < OPERATIONS; i++)
                if (publishes && rnd() % 2)
                        publish(process, process * 100 + i + 1);
                else
                        (void)next(s, process);
}

static _Noreturn void worker(unsigned process, bool publishes)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        cpu_roam();
        (void)weft_add_acq_rel(gate, 1);
        for (int i = 0; weft_load_acq(gate) <= WORKERS && i < 100000; i++)
                weft_pause();
        operate(process, publishes);
        _exit(0);
}

/* ---- a round ----------------------------------------------------------------------------- */

enum fate { UNTRACED, KILLED_FIRST, KILLED_LAST, RESUMED };

static bool victim_publishes;

static void operate_as_0(struct crash *c)
{
        (void)c;
        operate(0, victim_publishes);
}

static void check_history(uint64_t capacity, int round)
{
        struct linear_history history;
        CHECK(linear_history_of(history_log, capacity, &history));
        history.flags = (drops ? DROPS : 0u) | (one ? ONE : 0u);
        if (linear_check(&model, &history))
                return;
        fprintf(stderr, "round %d is not linearizable (%s, %s, %llu)\n", round,
                one ? "one" : "many", drops ? "drop" : "block",
                (unsigned long long)capacity);
        linear_print_as(&model, &history, stderr);
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
        victim_publishes = !one || (fate != UNTRACED && rnd() % 2);
        if (fate != UNTRACED) {
                state = tracee_start(&t, &c, NULL, operate_as_0);
                CHECK(state == TRACEE_GOES);
                state = tracee_step_to(&t, 900 + rnd() % 1500); /* it has subscribed */
                CHECK(state != TRACEE_DIED);
        }
        for (unsigned i = 0; i < WORKERS; i++) {
                pid[i] = fork();
                CHECK(pid[i] >= 0);
                if (pid[i] == 0)
                        worker(i + 1, !one || (!victim_publishes && i == 0));
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
        enum fate fate = told ? (enum fate)(rnd() % 4) : UNTRACED;
        one = rnd() % 3 == 0;
        drops = rnd() % 2;
        struct weft_broadcast_options options = {
                .capacity = UINT64_C(2) << rnd() % 3,
                .element_bytes = rnd() % 2 ? 8 : LARGE,
                .policy = drops ? WEFT_BROADCAST_DROP : WEFT_BROADCAST_BLOCK,
                .flags = one ? WEFT_BROADCAST_ONE : 0,
                .subscribers = 8,
        };
        struct weft_recovery report;
        weft_subscriber_t *s;

        linear_log_clear(history_log);
        CHECK(weft_broadcast_create(arena, "b", &options, &ring) == 0);
        int cut = play(fate, told);
        if (rnd() % 2) /* with the dead settled, or not yet */
                CHECK(weft_arena_recover(arena, &report) == 0 && report.failed == 0);
        CHECK(weft_broadcast_subscribe(ring, WEFT_BROADCAST_OLDEST, 0, &s) == 0);
        while (next(s, DRAINER))
                ;
        weft_broadcast_unsubscribe(s);
        check_history(options.capacity, round);
        CHECK(weft_arena_recover(arena, NULL) == 0);
        CHECK(weft_object_remove(arena, "b") == 0);
        weft_broadcast_close(ring);
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

        linear_test(&model, 4, known, sizeof known / sizeof *known);
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
