/* tests/stress/wait_stress.c -- tickets that are waited for, while wakers and the woken
 * are killed and stopped at random.
 *
 * A crew takes tickets and sleeps when there are none; the parent makes tickets, one wake
 * each. However many of those who were woken die with the wake in hand, the others must
 * have taken all tickets within a few re-checks; and when all sleepers are gone, nobody
 * stays counted.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "runtime/agent.h"
#include "runtime/wait.h"
#include "tests/soak.h"

enum { CREW = 4, THREADS = 3, TICKETS = 20000 };

struct common {
        struct weft_wait_shared wait;
        weft_a64_t tickets;
};

static weft_arena_t *arena;
static struct common *common;
static struct weft_spin spin;

static int take(void *context)
{
        (void)context;
        uint64_t n = weft_load_acq(&common->tickets); /* other end: make() */
        while (n)
                if (weft_cas_acq_rel(&common->tickets, &n, n - 1))
                        return 0;
        return -EAGAIN;
}

static void make(void)
{
        (void)weft_add_acq_rel(&common->tickets, UINT64_C(1));
        weft_wait_signal(&common->wait, 1);
}

static int wait_for_one(struct weft_agent *agent, uint64_t deadline)
{
        return weft_wait_for(agent, &common->wait, &spin, take, NULL, deadline);
}

static void work(void *context)
{
        struct weft_agent *agent;
        (void)context;
        CHECK(weft_agent_self(arena, &agent) == 0);
        for (;;)
                CHECK(wait_for_one(agent, WEFT_NEVER) == 0);
}

/* All tickets taken, by the living, soon. */
static void all_taken(void)
{
        uint64_t until = weft_after(20 * WEFT_SEC);
        struct timespec nap = { 0, 1000000 };
        while (weft_load_rlx(&common->tickets)) {
                CHECK(weft_now() < until);
                nanosleep(&nap, NULL);
        }
}

static void processes(void)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(4);
        soak_begin(&s);
        do {
                for (int i = 0; i < 10; i++) {
                        for (uint64_t n = soak_random(&s.random) % 50; n; n--)
                                make();
                        soak_step(&s);
                }
                all_taken();
        } while (weft_now() < until);
        soak_end(&s);
        printf("wait: %u kills, %u stops\n", s.kills, s.stops);
        /* Nothing but a reset tells how many of the dead were counted. */
        weft_wait_reset(&common->wait);
        CHECK(weft_wait_waiters(&common->wait) == 0);
        (void)recover_count(arena);
        check_whole(arena);
}

/* A waker that is killed between its change and its wake: the sleeper looks again. */
static void silent(void *context)
{
        (void)context;
        (void)weft_add_acq_rel(&common->tickets, UINT64_C(1));
        raise(SIGKILL);
}

static void a_silent_change_is_seen(void)
{
        struct weft_agent *agent;
        CHECK(weft_agent_self(arena, &agent) == 0);
        CHECK(wait_for_one(agent, weft_after(20 * WEFT_MSEC)) == -ETIMEDOUT);
        pid_t pid = child_start(silent, NULL);
        CHECK(wait_for_one(agent, weft_after(20 * WEFT_SEC)) == 0);
        CHECK(child_end(pid) == -SIGKILL);
}

static void *thread(void *context)
{
        struct weft_agent *agent;
        uint64_t *taken = context;
        CHECK(weft_agent_self(arena, &agent) == 0);
        while (wait_for_one(agent, weft_after(200 * WEFT_MSEC)) == 0)
                ++*taken;
        return NULL;
}

static void threads(void)
{
        pthread_t t[THREADS];
        uint64_t taken[THREADS] = { 0 }, sum = 0;
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_create(&t[i], NULL, thread, &taken[i]) == 0);
        for (int i = 0; i < TICKETS; i++)
                make();
        for (int i = 0; i < THREADS; i++) {
                CHECK(pthread_join(t[i], NULL) == 0);
                sum += taken[i];
        }
        CHECK(sum == TICKETS);
        CHECK(weft_wait_waiters(&common->wait) == 0);
}

int main(void)
{
        CHECK(weft_arena_create(NULL, NULL, &arena) == 0);
        common = common_make(sizeof *common);
        processes();
        a_silent_change_is_seen();
        threads();
        weft_arena_close(arena);
        return 0;
}
