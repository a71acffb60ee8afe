/* tests/harness/linear_play.c -- the rounds: see linear_play.h. */
#define _GNU_SOURCE
#include "tests/harness/linear_play.h"

#include <time.h>

#include <weft/agent.h>
#include <weft/object.h>

#include "runtime/atomic.h"
#include "tests/child.h"
#include "tests/harness/job.h"
#include "tests/harness/step.h"

weft_arena_t *play_arena;
struct linear_log *play_log;

static const struct linear_game *game;
static struct crash_told *told; /* NULL: nobody can be stepped */
static weft_a32_t *ready;       /* how many are */
static uint64_t seed;
static int round_; /* the number of it */

uint64_t play_random(void) /* xorshift */
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

struct linear_event *play_begin(unsigned process, unsigned what, uint64_t value,
                                uint64_t extra)
{
        struct linear_event *e = linear_begin_with(play_log, process, what, value, extra);
        CHECK(e);
        return e;
}

/* ---- who plays ------------------------------------------------------------------- */

static void operate(unsigned process)
{
        seed += process * UINT64_C(0x9e3779b97f4a7c15);
        game->operate(process);
}

static _Noreturn void work(unsigned process)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        cpu_roam();
        (void)weft_add_acq_rel(ready, 1);
        for (int i = 0; weft_load_acq(ready) <= game->workers && i < 100000; i++)
                weft_pause();
        operate(process);
        if (game->death)
                (void)play_begin(process, game->death, process, 0); /* with what it has */
        _exit(0);
}

static void join_first(struct crash *c)
{
        (void)c;
        CHECK(weft_agent_join(play_arena) == 0);
}

static void operate_as_victim(struct crash *c)
{
        (void)c;
        operate(0);
}

static void kill_victim(struct tracee *t)
{
        if (t->pid && game->death)
                (void)play_begin(game->workers + 1, game->death, 0, 0);
        tracee_kill(t);
}

/* ---- a round ---------------------------------------------------------------------- */

enum fate { UNTRACED, KILLED_FIRST, KILLED_LAST, RESUMED };

static void play(enum fate fate)
{
        pid_t pid[LINEAR_PROCESSES];
        struct tracee t = { 0 };
        enum tracee_state state = TRACEE_DIED;

        ready->raw = 0;
        if (fate != UNTRACED) {
                struct crash c = { .note = &told->note, .told = told };
                bool joins = game->joins && play_random() % 4;
                state = tracee_start(&t, &c, joins ? join_first : NULL,
                                     operate_as_victim);
                CHECK(state == TRACEE_GOES);
                state = tracee_step_to(&t, game->steps());
                CHECK(state != TRACEE_DIED);
        }
        for (unsigned i = 0; i < game->workers; i++) {
                pid[i] = fork();
                CHECK(pid[i] >= 0);
                if (pid[i] == 0)
                        work(i + 1);
        }
        if (fate == KILLED_FIRST)
                kill_victim(&t);
        (void)weft_add_acq_rel(ready, 1);
        for (unsigned i = 0; i < game->workers; i++) {
                int status;
                CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
        }
        if (fate == RESUMED)
                CHECK(state == TRACEE_ENDED || tracee_finish(&t) == TRACEE_ENDED);
        kill_victim(&t);
}

/* Returns whether an operation was cut short. */
static bool play_round(void)
{
        enum fate fate = told ? (enum fate)(play_random() % 4) : UNTRACED;

        linear_log_clear(play_log);
        game->make(fate != UNTRACED);
        play(fate);
        uint32_t n = play_log->of[0].n;
        bool cut = n && !play_log->of[0].event[n - 1].to;
        game->check();
        CHECK(weft_object_remove(play_arena, "x") == 0);
        game->close();
        return cut;
}

void play_settle(void)
{
        struct weft_recovery report;
        CHECK(weft_arena_recover(play_arena, &report) == 0 && report.failed == 0);
        for (unsigned p = 0; game->death && p < LINEAR_PROCESSES; p++)
                for (uint32_t i = 0; i < play_log->of[p].n; i++) {
                        struct linear_event *e = &play_log->of[p].event[i];
                        if (e->what == game->death && !e->to)
                                linear_end(play_log, e, LINEAR_DONE, e->value);
                }
}

void play_check(const struct linear_model *model, const struct linear_history *history,
                const char *of)
{
        if (linear_check(model, history))
                return;
        fprintf(stderr, "round %d is not linearizable: %s, %s\n", round_, model->name,
                of);
        linear_print_as(model, history, stderr);
        abort();
}

void play_check_all(const struct linear_model *model, const struct linear_history *made,
                    const char *of)
{
        struct linear_history history;
        CHECK(linear_history_of(play_log, made->capacity, &history));
        history.start = made->start;
        history.flags = made->flags;
        play_check(model, &history, of);
}

/* ---- all of them -------------------------------------------------------------------- */

static void begin(const struct linear_game *self)
{
        const char *given = getenv("WEFT_SEED");
        game = self;
        seed = given ? strtoull(given, NULL, 0)
                     : (uint64_t)getpid() << 20 ^ (uint64_t)time(NULL);
        seed |= 1;
        printf("WEFT_SEED=%llu\n", (unsigned long long)seed);
        fflush(stdout);
        play_log = linear_log_new();
        cpu_stay();
        told = tracee_possible() ? common_make(sizeof *told) : NULL;
        if (!told)
                printf("ptrace() is not permitted here: nobody is killed\n");
        ready = common_make(4096);
}

static void must_be_empty(void)
{
        struct weft_census census;
        CHECK(weft_arena_recover(play_arena, NULL) == 0);
        CHECK(weft_arena_check(play_arena, &census) == 0 && census.object_bytes == 0);
}

int play_rounds(const struct linear_game *self)
{
        const char *limit = getenv("WEFT_STRESS_SECONDS");
        struct weft_arena_options options = { .max_bytes = self->arena_bytes };
        double until = seconds() + (limit ? strtod(limit, NULL) : self->seconds);
        int cut = 0;

        begin(self);
        for (; (round_ < game->rounds || limit) && seconds() < until; round_++) {
                if (round_ % game->arena_rounds == 0) {
                        weft_arena_close(play_arena);
                        CHECK(weft_arena_create(NULL, &options, &play_arena) == 0);
                }
                cut += play_round();
                if (round_ % game->arena_rounds == game->arena_rounds - 1)
                        must_be_empty();
        }
        must_be_empty();
        weft_arena_close(play_arena);
        printf("%d histories are linearizable, %d of them with an operation cut short\n",
               round_, cut);
        return 0;
}
