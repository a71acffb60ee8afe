/* tests/stress/sync_linear_stress.c -- semaphore, mutex and signal are linearizable, whoever
 * dies.
 *
 * As queue_linear_stress: many short rounds, in most of which one process is stepped to a
 * random instruction, stands there while the others run, and is killed or goes on. All of
 * them die in the end, holding what they hold; what they left comes back once. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>

#include "runtime/atomic.h"
#include "sync/mutex_internal.h"
#include "tests/check.h"
#include "tests/harness/job.h"
#include "tests/harness/linear_sync.h"
#include "tests/harness/step.h"

enum { WORKERS = 3, OPERATIONS = 5, LAST = WORKERS + 1 }; /* who comes after them */
enum { ROUNDS = 4000, ARENA_ROUNDS = 100, DEFAULT_SECONDS = 6 };
enum { MAXIMUM = 5, WORDS = 5 };

static struct linear_log *history_log;
static weft_a32_t *gate; /* how many are ready */
static uint64_t seed;
static weft_arena_t *arena;

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

static struct linear_event *begin(unsigned process, unsigned what, uint64_t value,
                                  uint64_t extra)
{
        struct linear_event *e =
                linear_begin_with(history_log, process, what, value, extra);
        CHECK(e);
        return e;
}

static void end(struct linear_event *e, unsigned answer)
{
        linear_end(history_log, e, (enum linear_answer)answer, e->value);
}

static uint64_t some_deadline(void)
{
        switch (rnd() % 3) {
        case 0:
                return WEFT_NOW;
        case 1:
                return 1; /* long ago: it waits, for one round */
        default:
                return weft_after(WEFT_MSEC);
        }
}

/* What a process does for one operation; it knows what it has. */
struct player {
        unsigned process, i;
        uint32_t has; /* permits; the mutex */
        bool inherited;
        uint64_t version; /* that it has seen */
};

/* ---- the semaphore -------------------------------------------------------------- */

static weft_semaphore_t *semaphore;

static void make_semaphore(struct linear_history *h)
{
        struct weft_semaphore_options options = { .value = (uint32_t)(rnd() %
                                                                      (MAXIMUM + 1)),
                                                  .maximum = MAXIMUM,
                                                  .flags = h->flags };
        h->start = options.value;
        h->capacity = MAXIMUM;
        CHECK(weft_semaphore_create(arena, "x", &options, &semaphore) == 0);
}

static void take(struct player *p, uint32_t n)
{
        struct linear_event *e = begin(p->process, LINEAR_WAIT, n, 0);
        int rc = weft_semaphore_wait_n(semaphore, n, some_deadline());
        CHECK(rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
        p->has += rc ? 0 : n;
}

static void give(struct player *p, uint32_t n)
{
        struct linear_event *e = begin(p->process, LINEAR_POST, n, 0);
        int rc = weft_semaphore_post_n(semaphore, n);
        CHECK(rc == 0 || rc == -EOVERFLOW);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
        p->has -= rc ? 0 : n;
}

static void look_at_value(struct player *p)
{
        struct linear_event *e = begin(p->process, LINEAR_VALUE, 0, 0);
        int64_t value = weft_semaphore_value(semaphore);
        CHECK(value >= 0);
        e->value = (uint64_t)value;
        end(e, LINEAR_DONE);
}

static void play_plain(struct player *p)
{
        uint32_t n = 1 + rnd() % 2;
        switch (rnd() % 5) {
        case 0:
                look_at_value(p);
                break;
        case 1:
        case 2:
                give(p, n);
                break;
        default:
                take(p, n);
                break;
        }
}

static void play_owned(struct player *p)
{
        uint32_t n = 1 + rnd() % 2;
        if (rnd() % 5 == 0)
                look_at_value(p);
        else if (p->has && rnd() % 2)
                give(p, n < p->has ? n : p->has);
        else
                take(p, n);
}

static void finish_semaphore(struct player *p)
{
        look_at_value(p);
        take(p, 1);
        look_at_value(p);
        if (p->has)
                give(p, p->has);
}

static void close_semaphore(void)
{
        weft_semaphore_close(semaphore);
}

/* ---- the mutex ------------------------------------------------------------------ */

static weft_mutex_t *mutex;

static void make_mutex(struct linear_history *h)
{
        struct weft_mutex_options options = { .flags = h->flags };
        CHECK(weft_mutex_create(arena, "x", &options, &mutex) == 0);
        mutex->spin.budget.raw = 1; /* who is stepped shall come to sleep, too */
}

static void lock(struct player *p)
{
        struct linear_event *e = begin(p->process, LINEAR_LOCK, 0, 0);
        int rc = weft_mutex_lock(mutex, some_deadline());
        p->has = rc == 0 || rc == -EOWNERDEAD;
        p->inherited = rc == -EOWNERDEAD;
        CHECK(p->has || rc == -EAGAIN || rc == -ETIMEDOUT || rc == -ENOTRECOVERABLE);
        end(e, rc == 0                  ? LINEAR_DONE
               : rc == -EOWNERDEAD      ? LINEAR_INHERITED
               : rc == -ENOTRECOVERABLE ? LINEAR_LOST
                                        : LINEAR_REFUSED);
}

static void unlock(struct player *p)
{
        struct linear_event *e = begin(p->process, LINEAR_UNLOCK, 0, 0);
        CHECK(weft_mutex_unlock(mutex) == 0);
        end(e, LINEAR_DONE);
        p->has = 0;
        p->inherited = false;
}

static void make_consistent(struct player *p)
{
        struct linear_event *e = begin(p->process, LINEAR_CONSISTENT, 0, 0);
        CHECK(weft_mutex_consistent(mutex) == 0);
        end(e, LINEAR_DONE);
        p->inherited = false;
}

static void reset(struct player *p)
{
        struct linear_event *e = begin(p->process, LINEAR_RESET, 0, 0);
        int rc = weft_mutex_reset(mutex);
        CHECK(rc == 0 || rc == -EBUSY);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
}

static void play_mutex(struct player *p)
{
        if (p->inherited && rnd() % 3)
                make_consistent(p);
        else if (p->has)
                unlock(p);
        else if (rnd() % 8 == 0)
                reset(p);
        else
                lock(p);
}

static void finish_mutex(struct player *p)
{
        for (int i = 0; i < 2; i++) {
                lock(p);
                if (p->inherited)
                        make_consistent(p);
                if (p->has)
                        unlock(p);
                reset(p);
        }
}

static void close_mutex(void)
{
        weft_mutex_close(mutex);
}

/* ---- the signal ------------------------------------------------------------------- */

static weft_signal_t *signal_; /* of WORDS words that are alike */

static void make_signal(struct linear_history *h)
{
        uint64_t words[WORDS] = { 0 };
        struct weft_signal_options options = { .bytes = sizeof words, .value = words };
        for (int i = 0; i < WORDS; i++)
                words[i] = 7;
        h->start = 7;
        CHECK(weft_signal_create(arena, "x", &options, &signal_) == 0);
}

static void get(struct player *p)
{
        uint64_t words[WORDS];
        struct linear_event *e = begin(p->process, LINEAR_GET, 0, 0);
        CHECK(weft_signal_get(signal_, words, &p->version) == 0);
        for (int i = 1; i < WORDS; i++)
                CHECK(words[i] == words[0]); /* not torn */
        e->value = words[0];
        e->result = p->version;
        end(e, LINEAR_DONE);
}

static void set(struct player *p, bool if_unchanged)
{
        uint64_t words[WORDS], value = p->process * 100 + p->i + 8;
        for (int i = 0; i < WORDS; i++)
                words[i] = value;
        struct linear_event *e = begin(p->process, if_unchanged ? LINEAR_CAS : LINEAR_SET,
                                       value, p->version);
        int rc = if_unchanged ? weft_signal_compare_and_set(signal_, words, &p->version)
                              : weft_signal_set(signal_, words, &p->version);
        CHECK(rc == 0 || (rc == -EAGAIN && if_unchanged));
        e->result = p->version;
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
}

static void play_signal(struct player *p)
{
        if (!p->version || rnd() % 3 == 0)
                get(p);
        else
                set(p, rnd() % 2);
}

static void finish_signal(struct player *p)
{
        get(p);
        set(p, true);
        get(p);
}

static void close_signal(void)
{
        weft_signal_close(signal_);
}

/* ---- the games ----------------------------------------------------------------------- */

static const struct game {
        const char *name;
        const struct linear_model *model;
        uint32_t flags; /* the object's, and the history's */
        void (*make)(struct linear_history *h);
        void (*play)(struct player *p);
        void (*finish)(struct player *p);
        void (*close)(void);
} games[] = {
        { "semaphore", &linear_semaphore, 0, make_semaphore, play_plain, finish_semaphore,
          close_semaphore },
        { "owned semaphore", &linear_semaphore, LINEAR_OWNED, make_semaphore, play_owned,
          finish_semaphore, close_semaphore },
        { "mutex", &linear_mutex, 0, make_mutex, play_mutex, finish_mutex, close_mutex },
        { "fair mutex", &linear_mutex, WEFT_MUTEX_FAIR, make_mutex, play_mutex,
          finish_mutex, close_mutex },
        { "signal", &linear_signal, 0, make_signal, play_signal, finish_signal,
          close_signal },
};
enum { GAMES = sizeof games / sizeof *games };

static const struct game *game; /* of the round */

static void operate(unsigned process)
{
        struct player p = { .process = process };
        seed += process * UINT64_C(0x9e3779b97f4a7c15);
        for (p.i = 0; p.i < OPERATIONS; p.i++)
                game->play(&p);
}

static _Noreturn void worker(unsigned process)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        cpu_roam();
        (void)weft_add_acq_rel(gate, 1);
        for (int i = 0; weft_load_acq(gate) <= WORKERS && i < 100000; i++)
                weft_pause();
        operate(process);
        (void)begin(process, LINEAR_DEATH, process, 0); /* with what it has */
        _exit(0);
}

/* ---- a round ------------------------------------------------------------------------- */

enum fate { UNTRACED, KILLED_FIRST, KILLED_LAST, RESUMED };

static void join_first(struct crash *c)
{
        (void)c;
        CHECK(weft_agent_join(arena) == 0);
}

static void operate_as_0(struct crash *c)
{
        (void)c;
        operate(0);
}

static void kill_it(struct tracee *t)
{
        if (t->pid)
                (void)begin(LAST, LINEAR_DEATH, 0, 0);
        tracee_kill(t);
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
                state = tracee_start(&t, &c, rnd() % 4 ? join_first : NULL, operate_as_0);
                CHECK(state == TRACEE_GOES);
                state = tracee_step_to(&t, rnd() % 1200);
                CHECK(state != TRACEE_DIED);
        }
        for (unsigned i = 0; i < WORKERS; i++) {
                pid[i] = fork();
                CHECK(pid[i] >= 0);
                if (pid[i] == 0)
                        worker(i + 1);
        }
        if (fate == KILLED_FIRST)
                kill_it(&t);
        (void)weft_add_acq_rel(gate, 1);
        for (unsigned i = 0; i < WORKERS; i++) {
                int status;
                CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
        }
        if (fate == RESUMED)
                CHECK(state == TRACEE_ENDED || tracee_finish(&t) == TRACEE_ENDED);
        kill_it(&t);
        uint32_t n = history_log->of[0].n;
        return n && !history_log->of[0].event[n - 1].to;
}

/* All who have died are settled now. */
static void settle_all(void)
{
        struct weft_recovery report;
        CHECK(weft_arena_recover(arena, &report) == 0 && report.failed == 0);
        for (unsigned p = 0; p < LINEAR_PROCESSES; p++)
                for (uint32_t i = 0; i < history_log->of[p].n; i++) {
                        struct linear_event *e = &history_log->of[p].event[i];
                        if (e->what == LINEAR_DEATH && !e->to)
                                end(e, LINEAR_DONE);
                }
}

static void check_history(const struct linear_history *made, int round)
{
        struct linear_history history;
        CHECK(linear_history_of(history_log, made->capacity, &history));
        history.start = made->start;
        history.flags = made->flags;
        if (linear_check(game->model, &history))
                return;
        fprintf(stderr, "round %d, %s, is not linearizable\n", round, game->name);
        linear_print_as(game->model, &history, stderr);
        abort();
}

static int one_round(int round, struct crash_told *told, const char *only)
{
        struct player last = { .process = LAST, .i = OPERATIONS };
        enum fate fate = told ? (enum fate)(rnd() % 4) : UNTRACED;
        do
                game = &games[rnd() % GAMES];
        while (only && strcmp(only, game->name) != 0);
        struct linear_history h = { .flags = game->flags };

        linear_log_clear(history_log);
        game->make(&h);
        int cut = play(fate, told);
        if (rnd() % 2) /* with the dead settled, or not yet */
                game->finish(&last);
        settle_all();
        game->finish(&last);
        check_history(&h, round);
        CHECK(weft_object_remove(arena, "x") == 0);
        game->close();
        return cut;
}

static void must_be_empty(void)
{
        struct weft_census census;
        CHECK(weft_arena_recover(arena, NULL) == 0);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
}

int main(int argc, char **argv)
{
        const char *limit = getenv("WEFT_STRESS_SECONDS"), *given = getenv("WEFT_SEED");
        struct weft_arena_options options = { .max_bytes = UINT64_C(4) << 20 };
        int round = 0, cut = 0;
        double until = seconds() + (limit ? strtod(limit, NULL) : DEFAULT_SECONDS);

        linear_sync_selftest();
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
        for (; (round < ROUNDS || limit) && seconds() < until; round++) {
                if (round % ARENA_ROUNDS == 0) {
                        weft_arena_close(arena);
                        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
                }
                cut += one_round(round, told, argc > 1 ? argv[1] : NULL);
                if (round % ARENA_ROUNDS == ARENA_ROUNDS - 1)
                        must_be_empty();
        }
        must_be_empty();
        weft_arena_close(arena);
        printf("%d histories are linearizable, %d of them with an operation cut short\n",
               round, cut);
        return 0;
}
