/* tests/stress/group_stress.c -- tasks by the thousand, while workers and submitters die.
 *
 * Each task has a number and notes that it was run. A worker is ended by a timer, at any
 * instruction, and replaced; now and then one is stopped for a while, and the others go on.
 * Steady submitters get every result; others are killed, and what
 * they had submitted is run all the same. In the end the counts are exact. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <sys/time.h>

#include <weft/function.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/object.h>

#include "tests/soak.h"

enum {
        TASKS = 1 << 22,
        WORKERS = 3,
        STEADY = 2,
        CREW = 2,
        WINDOW = 16,
        SEEN = 4,
        RETRIES = 1000000
};
enum { THREADS = 3, ROUNDS = 3000 };

static struct common { /* by __atomic alone */
        uint8_t sent[TASKS], ran[TASKS];
        uint32_t next, over, results, deaths;
        pid_t worker[SEEN]; /* the last ones that began */
} * common;
static weft_arena_t *arena;

static uint32_t load(const uint32_t *at)
{
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

/* ---- the tasks ----------------------------------------------------------------------- */

/* This worker ends before long, wherever it is then: the kernel's doing, as by SIGKILL. */
static void arm(void)
{
        static bool armed;
        static uint64_t random;
        struct itimerval in = { 0 };
        if (armed)
                return;
        armed = true;
        random = (uint64_t)getpid() * 2654435761u | 1;
        in.it_value.tv_usec = 200 + (suseconds_t)(soak_random(&random) % 6000);
        CHECK(setitimer(ITIMER_REAL, &in, NULL) == 0);
        uint32_t n = __atomic_fetch_add(&common->deaths, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&common->worker[n % SEEN], getpid(), __ATOMIC_SEQ_CST);
}

static int run(const void *in, void *out, const void *argument)
{
        uint32_t i;
        memcpy(&i, in, sizeof i);
        CHECK(i < TASKS);
        if (!argument) /* of a process */
                arm();
        __atomic_store_n(&common->ran[i], 1, __ATOMIC_SEQ_CST);
        i = i * 3 + 1;
        memcpy(out, &i, sizeof i);
        return 0;
}
#define NUMBER WEFT_TYPE(uint32_t, "number")
WEFT_FUNCTION_ITEM("run", run, NUMBER, NUMBER)

static int more(const void *in, void *out, const void *argument)
{
        uint32_t i, n;
        memcpy(&i, in, sizeof i);
        memcpy(&n, argument, sizeof n);
        i += n;
        memcpy(out, &i, sizeof i);
        return 0;
}
WEFT_FUNCTION_ITEM("more", more, NUMBER, NUMBER)

/* ---- who submits ----------------------------------------------------------------------- */

static weft_group_t *open_group(void)
{
        weft_group_t *g;
        CHECK(weft_group_open(arena, "g", &g) == 0);
        return g;
}

/* A number of its own. Once it is submitted it must be run. */
static bool submit_one(weft_group_t *g, weft_future_t **result, uint32_t *i)
{
        *i = __atomic_fetch_add(&common->next, 1, __ATOMIC_SEQ_CST);
        if (*i >= TASKS)
                return false;
        int rc = weft_submit(g, "run", i, sizeof *i, result, weft_after(60 * WEFT_SEC));
        CHECK(rc == 0);
        __atomic_store_n(&common->sent[*i], 1, __ATOMIC_SEQ_CST);
        return true;
}

static void must_give(weft_future_t *f, uint32_t want)
{
        uint32_t got = 0;
        int64_t n = weft_future_get(f, &got, sizeof got, weft_after(60 * WEFT_SEC));
        if (n != sizeof got || got != want)
                fprintf(stderr, "%lld: %u, not %u\n", (long long)n, got, want);
        CHECK(n == sizeof got && got == want);
        weft_future_close(f);
        __atomic_add_fetch(&common->results, 1, __ATOMIC_SEQ_CST);
}

/* Some in flight; now and then one that waits for another. */
static bool submit_some(weft_group_t *g)
{
        weft_future_t *f[WINDOW], *next;
        uint32_t i[WINDOW], n = 0, add = 7;
        while (n < WINDOW && submit_one(g, &f[n], &i[n]))
                n++;
        for (uint32_t k = 0; k < n; k++) {
                if (i[k] % 8 == 0) {
                        CHECK(weft_submit_after(g, f[k], "more", &add, sizeof add, &next,
                                                weft_after(60 * WEFT_SEC)) == 0);
                        must_give(next, i[k] * 3 + 8);
                }
                must_give(f[k], i[k] * 3 + 1);
        }
        return n == WINDOW;
}

static void submit_steadily(void *unused)
{
        weft_group_t *g = open_group();
        (void)unused;
        while (!load(&common->over) && submit_some(g))
                continue;
        weft_group_close(g);
}

/* Until it is killed. Nobody waits for what it wanted to know. */
static void submit_and_die(void *unused)
{
        weft_group_t *g = open_group();
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        weft_future_t *f = NULL;
        uint32_t i;
        (void)unused;
        for (;;) {
                if (!submit_one(g, soak_random(&random) % 2 ? &f : NULL, &i))
                        pause();
                weft_future_close(f);
                f = NULL;
        }
}

static void check_counts(weft_group_t *g)
{
        struct weft_group_info info;
        uint32_t sent = 0, ran = 0;
        (void)recover_count(arena);
        CHECK(weft_group_info(g, &info) == 0);
        CHECK(!info.queued && !info.in_hand && info.finished == info.submitted);
        if (info.failed || info.given_up)
                fprintf(stderr, "%llu failed, %u given up\n",
                        (unsigned long long)info.failed, info.given_up);
        CHECK(!info.failed && !info.given_up);
        for (uint32_t i = 0; i < TASKS; i++) {
                CHECK(!common->sent[i] || common->ran[i]);
                sent += common->sent[i];
                ran += common->ran[i];
        }
        CHECK(ran >= sent && ran <= info.submitted);
        check_whole(arena);
        printf("group: %u tasks, %u results, %llu workers replaced, %llu runs begun "
               "again\n",
               ran, common->results, (unsigned long long)info.restarted,
               (unsigned long long)info.retried);
        CHECK(info.restarted > 10);
}

/* Is it a child of ours still, and no zombie? */
static bool is_child(pid_t pid)
{
        char path[40], state = 'Z';
        int parent = 0;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *f = fopen(path, "re");
        if (!f)
                return false;
        if (fscanf(f, "%*d (%*[^)]) %c %d", &state, &parent) != 2)
                parent = 0;
        fclose(f);
        return parent == getpid() && state != 'Z' && state != 'X';
}

static uint64_t finished(weft_group_t *g)
{
        struct weft_group_info info;
        CHECK(weft_group_info(g, &info) == 0);
        return info.finished;
}

/* Stops a worker, wherever it is, until the others have done many more tasks: what it has
 * in hand is its own all the while, and nobody waits for it but who wants that result. */
static bool stop_one(weft_group_t *g, uint64_t *random)
{
        pid_t pid = __atomic_load_n(&common->worker[soak_random(random) % SEEN],
                                    __ATOMIC_SEQ_CST);
        if (!pid || !is_child(pid) || kill(pid, SIGSTOP))
                return false;
        uint64_t from = finished(g), until = weft_after(20 * WEFT_SEC);
        while (finished(g) < from + 50 && weft_now() < until)
                usleep(200);
        CHECK(finished(g) >= from + 50);
        CHECK(kill(pid, SIGCONT) == 0 || errno == ESRCH);
        return true;
}

static void processes(weft_group_t *g)
{
        uint32_t stops = 0;
        struct weft_group_workers w = { .n = WORKERS, .restarts = 1, .window_ns = 1 };
        struct soak s = { .work = submit_and_die, .crew = CREW };
        uint64_t until = soak_until(3);
        pid_t steady[STEADY];

        for (int i = 0; i < STEADY; i++)
                steady[i] = child_start(submit_steadily, NULL);
        CHECK(weft_group_spawn(g, &w) == 0);
        soak_begin(&s);
        do {
                soak_step(&s);
                if (s.kills % 4 == 0)
                        stops += stop_one(g, &s.random);
        } while (weft_now() < until && load(&common->next) < TASKS - 10000);
        soak_end(&s);
        printf("group: %u submitters killed, %u workers stopped\n", s.kills, stops);
        CHECK(stops > 0);
        __atomic_store_n(&common->over, 1, __ATOMIC_SEQ_CST);
        for (int i = 0; i < STEADY; i++)
                CHECK(child_end(steady[i]) == 0);
        CHECK(weft_group_drain(g, weft_after(60 * WEFT_SEC)) == 0);
        weft_group_close(g);
}

/* ---- threads on one mapping: plain memory goes with a task, and comes back with it ----- */

struct work {
        uint64_t in, out; /* plain: ThreadSanitizer watches */
};

static int do_work(const void *in, void *out, const void *argument)
{
        struct work *work;
        (void)out, (void)argument;
        memcpy(&work, in, sizeof work);
        work->out = work->in * 2;
        return 0;
}
WEFT_FUNCTION_ITEM("do work", do_work, WEFT_TYPE(struct work *, "work"), WEFT_TYPE_NONE)

static void *submit_work(void *group)
{
        struct work mine[WINDOW], *at;
        weft_future_t *f[WINDOW];
        for (uint64_t i = 0; i < ROUNDS / WINDOW; i++) {
                for (uint64_t k = 0; k < WINDOW; k++) {
                        mine[k] = (struct work){ .in = i + k };
                        at = &mine[k];
                        CHECK(weft_submit(group, "do work", &at, sizeof at, &f[k],
                                          WEFT_NEVER) == 0);
                }
                for (uint64_t k = 0; k < WINDOW; k++) {
                        CHECK(weft_future_get(f[k], NULL, 0, WEFT_NEVER) == 0);
                        CHECK(mine[k].out == 2 * (i + k));
                        weft_future_close(f[k]);
                }
        }
        return NULL;
}

static void threads(weft_group_t *g)
{
        struct weft_group_workers w = { .n = THREADS, .flags = WEFT_GROUP_THREADS };
        pthread_t id[THREADS];
        CHECK(weft_group_spawn(g, &w) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_create(&id[i], NULL, submit_work, g) == 0);
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_join(id[i], NULL) == 0);
        CHECK(weft_group_drain(g, weft_after(60 * WEFT_SEC)) == 0);
        weft_group_close(g);
}

static weft_group_t *make(void)
{
        struct weft_group_options o = {
                .capacity = 64, .input_max = 64, .output_max = 64, .retries = RETRIES
        };
        weft_group_t *g;
        CHECK(weft_group_create(arena, "g", &o, &g) == 0);
        return g;
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 64 << 20 };
        weft_group_t *g;

        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        common = common_make(sizeof *common);
        processes(make());
        g = open_group();
        check_counts(g);
        weft_group_close(g);
        CHECK(weft_object_remove(arena, "g") == 0);
        threads(make());
        CHECK(weft_object_remove(arena, "g") == 0);
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}
