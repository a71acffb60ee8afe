/* tests/stress/pool_linear_stress.c -- the pool is linearizable, whoever dies: that none is
 * free is true when it is said.
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

#include <weft/agent.h>
#include <weft/arena.h>
#include <weft/object.h>
#include <weft/pool.h>

#include "runtime/atomic.h"
#include "structures/pool_internal.h"
#include "tests/check.h"
#include "tests/harness/job.h"
#include "tests/harness/linear_pool.h"
#include "tests/harness/step.h"

enum { WORKERS = 3, OPERATIONS = 5, LAST = WORKERS + 1 }; /* who comes after them */
enum { ROUNDS = 4000, ARENA_ROUNDS = 100, DEFAULT_SECONDS = 6 };
enum { MOST = 4 };

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

/* What a process has; its tokens. */
struct player {
        unsigned process, i;
        uint32_t has;
        struct weft_pool_object object[MOST];
};

static weft_pool_t *pool; /* of the round */
static weft_a64_t *mail;  /* tokens that were given, by object */

static void get(struct player *p)
{
        struct weft_pool_object *o = &p->object[p->has];
        struct linear_event *e = begin(p->process, LINEAR_GET_ONE, 0, 0);
        int rc = weft_pool_get(pool, o, rnd() % 3 ? WEFT_NOW : 1);
        CHECK(rc == 0 || rc == -EAGAIN || rc == -ETIMEDOUT);
        e->result = rc ? 0 : o->index;
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
        p->has += !rc;
}

static struct weft_pool_object lose(struct player *p)
{
        uint32_t i = (uint32_t)(rnd() % p->has);
        struct weft_pool_object o = p->object[i];
        p->object[i] = p->object[--p->has];
        return o;
}

static void put(struct player *p)
{
        struct weft_pool_object o = lose(p);
        struct linear_event *e = begin(p->process, LINEAR_PUT_ONE, o.index, 0);
        CHECK(weft_pool_put(pool, o.token) == 0);
        end(e, LINEAR_DONE);
}

/* Its token is told first, as it should be. */
static void give(struct player *p)
{
        struct weft_pool_object o = lose(p);
        weft_store_rel(&mail[o.index], o.token);
        struct linear_event *e = begin(p->process, LINEAR_GIVE_ONE, o.index, 0);
        CHECK(weft_pool_give(pool, o.token) == 0);
        end(e, LINEAR_DONE);
}

static void claim(struct player *p)
{
        uint32_t i = rnd() % MOST;
        uint64_t token = weft_load_acq(&mail[i]);
        struct linear_event *e = begin(p->process, LINEAR_CLAIM_ONE, i, 0);
        int rc = weft_pool_claim(pool, token, &p->object[p->has], WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN || rc == -ENOENT || rc == -EDEADLK);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
        p->has += !rc;
}

static void reclaim(struct player *p)
{
        uint32_t i = rnd() % MOST;
        uint64_t token = weft_load_acq(&mail[i]);
        struct linear_event *e = begin(p->process, LINEAR_RECLAIM_ONE, i, 0);
        int rc = weft_pool_reclaim(pool, token);
        CHECK(rc == 0 || rc == -EPERM || rc == -ENOENT);
        end(e, rc ? LINEAR_REFUSED : LINEAR_DONE);
}

static void play_once(struct player *p)
{
        uint32_t what = rnd() % 16;
        if (p->has && what < 5)
                put(p);
        else if (p->has && what < 7)
                give(p);
        else if (p->has < MOST && what < 13)
                get(p);
        else if (p->has < MOST && what < 15)
                claim(p);
        else if (what == 15)
                reclaim(p);
}

/* All that is free, and puts it back. */
static void finish(struct player *p)
{
        uint32_t had;
        do {
                had = p->has;
                if (had < MOST)
                        get(p);
        } while (p->has > had);
        while (p->has)
                put(p);
}

static void operate(unsigned process)
{
        struct player p = { .process = process };
        seed += process * UINT64_C(0x9e3779b97f4a7c15);
        for (p.i = 0; p.i < OPERATIONS; p.i++)
                play_once(&p);
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
        if (linear_check(&linear_pool, &history))
                return;
        fprintf(stderr, "round %d is not linearizable\n", round);
        linear_print_as(&linear_pool, &history, stderr);
        abort();
}

static int one_round(int round, struct crash_told *told)
{
        struct player last = { .process = LAST, .i = OPERATIONS };
        enum fate fate = told ? (enum fate)(rnd() % 4) : UNTRACED;
        struct weft_pool_options options = { .object_bytes = 64,
                                             .count = 1 + (uint32_t)(rnd() % MOST) };
        struct linear_history h = { .capacity = options.count };

        linear_log_clear(history_log);
        memset(mail, 0, MOST * sizeof *mail);
        CHECK(weft_pool_create(arena, "x", &options, &pool) == 0);
        pool->spin_free.budget.raw = 1; /* who is stepped shall come to sleep, too */
        int cut = play(fate, told);
        if (rnd() % 2) /* with the dead settled, or not yet */
                finish(&last);
        settle_all();
        finish(&last);
        check_history(&h, round);
        CHECK(weft_object_remove(arena, "x") == 0);
        weft_pool_close(pool);
        return cut;
}

static void must_be_empty(void)
{
        struct weft_census census;
        CHECK(weft_arena_recover(arena, NULL) == 0);
        CHECK(weft_arena_check(arena, &census) == 0 && census.object_bytes == 0);
}

int main(void)
{
        const char *limit = getenv("WEFT_STRESS_SECONDS"), *given = getenv("WEFT_SEED");
        struct weft_arena_options options = { .max_bytes = UINT64_C(4) << 20 };
        int round = 0, cut = 0;
        double until = seconds() + (limit ? strtod(limit, NULL) : DEFAULT_SECONDS);

        linear_pool_selftest();
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
        mail = shared(MOST * sizeof *mail);
        for (; (round < ROUNDS || limit) && seconds() < until; round++) {
                if (round % ARENA_ROUNDS == 0) {
                        weft_arena_close(arena);
                        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
                }
                cut += one_round(round, told);
                if (round % ARENA_ROUNDS == ARENA_ROUNDS - 1)
                        must_be_empty();
        }
        must_be_empty();
        weft_arena_close(arena);
        printf("%d histories are linearizable, %d of them with an operation cut short\n",
               round, cut);
        return 0;
}
