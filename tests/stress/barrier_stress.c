/* tests/stress/barrier_stress.c -- phases crossed by processes that are killed and stopped
 * at random, and by threads.
 *
 * Each party notes in which phase it has arrived last. While one has not arrived in the
 * phase that is under way, nobody has in a later one; and whoever is told that a phase has
 * ended well finds that all had arrived in it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include <weft/barrier.h>
#include <weft/object.h>

#include "runtime/agent.h"
#include "tests/soak.h"

enum { CREW = 4, ROUNDS = 4000, ANONYMOUS_PHASES = 3000 };

/* Beside the arena. */
struct common {
        volatile uint64_t arrived[WEFT_AGENTS_MAX]; /* phase + 1, by seats */
        volatile uint64_t deaths;                   /* about to be */
};

static weft_arena_t *arena;
static weft_barrier_t *barrier;
static struct common *common;

static uint64_t soon(void)
{
        return weft_after(30 * WEFT_SEC);
}

static weft_barrier_t *make(const char *name, uint32_t parties, uint32_t flags)
{
        struct weft_barrier_options o = { .parties = parties, .flags = flags };
        weft_barrier_t *b;
        CHECK(weft_barrier_create(arena, name, &o, &b) == 0);
        return b;
}

static struct weft_barrier_info info_of(weft_barrier_t *b)
{
        struct weft_barrier_info i;
        CHECK(weft_barrier_info(b, &i) == 0);
        return i;
}

/* By seat: one note for each of the living. What the dead left is of an earlier phase. */
static volatile uint64_t *my_note(void)
{
        struct weft_agent *agent;
        CHECK(weft_agent_self(arena, &agent) == 0);
        return &common->arrived[agent->index];
}

/* ---- places that go with their parties ----------------------------------------------- */

static void nobody_is_ahead_of(uint64_t phase)
{
        for (uint32_t i = 0; i < weft_seats_used(arena); i++)
                CHECK(common->arrived[i] <= phase + 1);
}

static void cross_and_shrink(void *context)
{
        volatile uint64_t *mine = my_note();
        uint64_t phase, last = 0;
        (void)context;
        CHECK(weft_barrier_join(barrier) == 0);
        for (bool first = true;; first = false) {
                int rc = weft_barrier_arrive(barrier, &phase);
                CHECK(rc >= 0 && (first || phase == last + 1));
                *mine = phase + 1;
                if (phase % 3 == 0)
                        CHECK(weft_barrier_wait_phase(barrier, phase, soon()) == 0);
                else if (rc == 0)
                        CHECK(weft_barrier_wait(barrier, soon()) == 0);
                nobody_is_ahead_of(phase + 1);
                last = phase;
        }
}

static void shrinking(void)
{
        struct soak s = { .work = cross_and_shrink, .crew = CREW };
        uint64_t until = soak_until(2);
        barrier = make("shrinks", 0, WEFT_BARRIER_SHRINK);
        memset(common, 0, sizeof *common);
        soak_begin(&s);
        do {
                uint64_t phase = info_of(barrier).phase, latest = soon();
                soak_step(&s);
                while (info_of(barrier).phase < phase + 2)
                        CHECK(weft_now() < latest && sched_yield() == 0);
        } while (weft_now() < until);
        soak_end(&s);
        (void)recover_count(arena);
        struct weft_barrier_info i = info_of(barrier);
        printf("barrier: shrinking: %llu phases, %u kills, %u stops\n",
               (unsigned long long)i.phase, s.kills, s.stops);
        CHECK(i.parties == 0 && i.taken == 0 && i.arrived == 0 && !i.broken);
        CHECK(i.waiting == 0);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "shrinks") == 0);
        weft_barrier_close(barrier);
}

/* ---- broken, and reset by whoever comes first ------------------------------------------ */

/* All have noted `phase`, or will, unless one of them died meanwhile. */
static void all_arrived_in(uint64_t phase, uint64_t deaths)
{
        uint64_t latest = soon();
        for (;;) {
                int n = 0;
                for (uint32_t i = 0; i < weft_seats_used(arena); i++)
                        n += common->arrived[i] >= phase + 1;
                if (n >= CREW || common->deaths != deaths)
                        return;
                CHECK(weft_now() < latest && sched_yield() == 0);
        }
}

static void cross_and_reset(void *context)
{
        volatile uint64_t *mine = my_note();
        uint64_t phase;
        (void)context;
        for (;;) {
                uint64_t deaths = common->deaths;
                int rc = weft_barrier_arrive(barrier, &phase);
                if (rc >= 0) {
                        *mine = phase + 1;
                        rc = weft_barrier_wait_phase(barrier, phase, soon());
                }
                if (rc == 0) {
                        all_arrived_in(phase, deaths);
                } else if (rc == -EOWNERDEAD) {
                        rc = weft_barrier_reset(barrier);
                        CHECK(rc == 0 || rc == -EBUSY);
                } else {
                        CHECK(rc == -EPERM); /* the dead still have their places */
                        (void)recover_count(arena);
                }
        }
}

static void breaking(void)
{
        struct soak s = { .work = cross_and_reset, .crew = CREW };
        uint64_t until = soak_until(2);
        barrier = make("breaks", CREW, 0);
        memset(common, 0, sizeof *common);
        soak_begin(&s);
        do {
                uint64_t phase = info_of(barrier).phase, latest = soon();
                common->deaths++;
                soak_step(&s);
                common->deaths++;
                while (info_of(barrier).phase < phase + 3)
                        CHECK(weft_now() < latest && sched_yield() == 0);
        } while (weft_now() < until);
        soak_end(&s);
        (void)recover_count(arena);
        struct weft_barrier_info i = info_of(barrier);
        printf("barrier: breaking: %llu phases, %u kills, %u stops\n",
               (unsigned long long)i.phase, s.kills, s.stops);
        CHECK(i.parties == CREW && i.taken == 0 && i.arrived == 0 && i.broken);
        CHECK(i.waiting == 0);
        CHECK(weft_barrier_reset(barrier) == 0);
        check_whole(arena);
        CHECK(weft_object_remove(arena, "breaks") == 0);
        weft_barrier_close(barrier);
}

/* ---- threads on one mapping, for ThreadSanitizer ------------------------------------------ */

static uint64_t plain[CREW]; /* [B]: written before an arrival, read after the phase */

static void *write_and_read(void *mine)
{
        for (uint64_t i = 1; i <= ROUNDS; i++) {
                *(uint64_t *)mine = i;
                CHECK(weft_barrier_wait(barrier, soon()) >= 0);
                for (int k = 0; k < CREW; k++)
                        CHECK(plain[k] == i);
                CHECK(weft_barrier_wait(barrier, soon()) >= 0);
        }
        CHECK(weft_barrier_leave(barrier) == 0);
        return NULL;
}

static void threads(void)
{
        pthread_t t[CREW];
        barrier = make("threads", CREW, 0);
        for (int i = 0; i < CREW; i++)
                CHECK(pthread_create(&t[i], NULL, write_and_read, &plain[i]) == 0);
        for (int i = 0; i < CREW; i++)
                CHECK(pthread_join(t[i], NULL) == 0);
        struct weft_barrier_info i = info_of(barrier);
        CHECK(i.phase == 2 * ROUNDS && i.parties == 0 && i.taken == 0 && !i.broken);
        CHECK(weft_object_remove(arena, "threads") == 0);
        weft_barrier_close(barrier);
}

static void *cross_anonymously(void *ended)
{
        while (info_of(barrier).phase < ANONYMOUS_PHASES) {
                int rc = weft_barrier_wait(barrier, weft_after(WEFT_MSEC));
                CHECK(rc == 0 || rc == 1 || rc == -ETIMEDOUT || rc == -EPERM);
                *(uint64_t *)ended += rc == 1;
                if (rc == -EPERM)
                        sched_yield();
        }
        return NULL;
}

static void anonymous_threads(void)
{
        pthread_t t[CREW - 1];
        uint64_t ended[CREW - 1] = { 0 }, sum = 0;
        barrier = make("anonymous", 2, WEFT_BARRIER_ANONYMOUS | WEFT_BARRIER_SHRINK);
        for (int i = 0; i < CREW - 1; i++)
                CHECK(pthread_create(&t[i], NULL, cross_anonymously, &ended[i]) == 0);
        for (int i = 0; i < CREW - 1; i++) {
                CHECK(pthread_join(t[i], NULL) == 0);
                sum += ended[i];
        }
        struct weft_barrier_info i = info_of(barrier);
        /* Who ended having arrived took a place along; that may have ended a phase. */
        CHECK(i.phase >= sum && i.phase <= sum + 2 && i.phase >= ANONYMOUS_PHASES);
        CHECK(i.taken == 0 && i.arrived == 0 && !i.broken && i.waiting == 0);
        CHECK(weft_object_remove(arena, "anonymous") == 0);
        weft_barrier_close(barrier);
}

int main(void)
{
        struct weft_arena_options options = { .max_bytes = 16 << 20 };
        CHECK(weft_arena_create(NULL, &options, &arena) == 0);
        common = common_make(sizeof *common);
        shrinking();
        breaking();
        threads();
        anonymous_threads();
        check_whole(arena);
        weft_arena_close(arena);
        return 0;
}
