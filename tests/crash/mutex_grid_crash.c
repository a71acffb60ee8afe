/* tests/crash/mutex_grid_crash.c -- a mutex is handed over, and two die or go on in it.
 *
 * Whoever is inside writes so into a word that the mutex protects. Whatever becomes of A
 * and B, a third gets the mutex within a bound, two are never inside, and who waits
 * comes to his end. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/mutex_kit.h"
#include "tests/harness/grid.h"

enum { WOKEN = WORDS }; /* one more word */
enum { A = 1, B = 2, THIRD = 3 };
enum { LONG_AGO = 1 }; /* a deadline: in a stepped process time flies */

static void pass_through(struct crash *c, uint64_t me, uint64_t deadline)
{
        int rc = weft_mutex_lock(mutex_of(c), deadline);
        if (rc == -ETIMEDOUT && deadline == LONG_AGO)
                return;
        go_in(c, rc, me);
        go_out(c, me);
}

/* ---- A and B ----------------------------------------------------------------- */

static void hold_as_a(struct crash *c)
{
        go_in(c, weft_mutex_lock(mutex_of(c), WEFT_NOW), A);
}

static void hold_as_b(struct crash *c)
{
        go_in(c, weft_mutex_lock(mutex_of(c), WEFT_NOW), B);
}

static void die_holding(struct crash *c)
{
        go_in(c, weft_mutex_lock(mutex_of(c), WEFT_NOW), 9);
}

static void join_after_a_death(struct crash *c)
{
        weft_kit_join(c);
        weft_kit_corpse(c, die_holding);
}

static void unlock_as_a(struct crash *c)
{
        go_out(c, A);
}

static void unlock_as_b(struct crash *c)
{
        go_out(c, B);
}

static void lock_as_a(struct crash *c)
{
        pass_through(c, A, WEFT_NEVER);
}

static void lock_as_b(struct crash *c)
{
        pass_through(c, B, WEFT_NEVER);
}

static void give_up_as_a(struct crash *c)
{
        pass_through(c, A, LONG_AGO);
}

static void give_up_as_b(struct crash *c)
{
        pass_through(c, B, LONG_AGO);
}

/* ---- the third ------------------------------------------------------------------ */

/* Who stands may have it: then all wait, by nature; but who gives up goes. */
static void survive(struct crash *c)
{
        const volatile uint64_t *done = &c->note->done;
        if (c->fate[0] == GRID_STANDS)
                done = &c->other->done;
        else if (c->fate[1] != GRID_STANDS)
                pass_through(c, THIRD, weft_after(4 * WEFT_SEC));
        for (int i = 0; i < 100 && !*done && c->fate[0] != c->fate[1]; i++)
                usleep(1000);
}

/* ---- a fourth, who never looks by himself ------------------------------------------ */

/* Sleeps like a waiter, and not one of the parties; but he does not look again after 50 ms:
 * he shows that he is woken. */
static _Noreturn void sleep_on(struct crash *c)
{
        struct weft_mutex_shared *sh = mutex_of(c)->handle.sh;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        uint64_t counted = weft_wait_count_in(&sh->wait);
        weft_store_rel(word(c, WOKEN), 1);
        long rc = syscall(SYS_futex, &sh->wait.word, FUTEX_WAIT_BITSET, (uint32_t)counted,
                          NULL, NULL, UINT32_C(1) << 31);
        weft_store_rel(word(c, WOKEN), rc == 0 || errno == EAGAIN ? 2 : 3);
        for (;;)
                pause();
}

static void setup_with_sleeper(struct crash *c)
{
        setup(c);
        open_both(c);
        weft_agent_leave(arena_of(c)); /* which wakes all */
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                sleep_on(c);
        while (!weft_load_acq(word(c, WOKEN)))
                usleep(100);
}

/* All that there was to wait for is over, but not the lives of those who go on. */
static void lock_after_them(struct crash *c)
{
        pass_through(c, THIRD, weft_after(4 * WEFT_SEC));
}

/* Nobody has died, and nobody has it: he has been told. */
static void must_have_been_woken(struct crash *c)
{
        if (c->fate[0] == GRID_KILLED || c->fate[1] == GRID_KILLED)
                return;
        for (int i = 0; i < 2000 && weft_load_acq(word(c, WOKEN)) < 2; i++)
                usleep(1000);
        CRASH_MUST(c, CRASH_WEDGED, weft_load_acq(word(c, WOKEN)) == 2);
}

static void survive_idly(struct crash *c)
{
        for (int i = 0; i < 100 && c->fate[1] == GRID_STANDS && !c->note->done; i++)
                usleep(1000);
}

static void verify(struct crash *c)
{
        for (int i = 0; i < 2; i++)
                pass_through(c, THIRD, weft_after(2 * WEFT_SEC));
        must_be_clean(c);
}

#define GRID(name_, flags_, prepare_, a_, prepare_b_, b_, fates_) \
        { \
                .a = { .name = "mutex/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup, \
                       .open = open_both, \
                       .prepare = (prepare_), \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .arg = { flags_ } }, \
                .prepare_b = (prepare_b_), .b = (b_), .ended = lock_after_them, \
                .fates = (fates_), .dead = (prepare_b_) == join_after_a_death \
        }

/* Who waits without end waits for one who stands. */
#define EITHER GRID_NO_STAND
#define A_STANDS (EITHER | GRID_BIT(GRID_STANDS, GRID_GOES_ON))
#define B_STANDS (EITHER | GRID_BIT(GRID_GOES_ON, GRID_STANDS))
#define FAIR WEFT_MUTEX_FAIR

#define ASLEEP(name_, flags_, prepare_, a_, prepare_b_, b_) \
        { \
                .a = { .name = "mutex/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup_with_sleeper, \
                       .open = open_both, \
                       .prepare = (prepare_), \
                       .victim = (a_), \
                       .survive = survive_idly, \
                       .verify = verify, \
                       .flags = CRASH_KEEP_HOST | CRASH_REAL, \
                       .arg = { flags_ } }, \
                .prepare_b = (prepare_b_), .b = (b_), .ended = must_have_been_woken, \
                .fates = GRID_BIT(GRID_GOES_ON, GRID_GOES_ON) | \
                         GRID_BIT(GRID_GOES_ON, GRID_STANDS) \
        }

static const struct grid_case cases[] = {
        GRID("fair/unlock, lock", FAIR, hold_as_a, unlock_as_a, weft_kit_join, lock_as_b,
             EITHER),
        GRID("fair/lock, unlock", FAIR, weft_kit_join, lock_as_a, hold_as_b, unlock_as_b,
             EITHER),
        GRID("fair/unlock, give up", FAIR, hold_as_a, unlock_as_a, weft_kit_join,
             give_up_as_b, A_STANDS),
        GRID("fair/give up, unlock", FAIR, weft_kit_join, give_up_as_a, hold_as_b,
             unlock_as_b, B_STANDS),
        GRID("fair/give up, give up", FAIR, weft_kit_join, give_up_as_a, weft_kit_join,
             give_up_as_b, EITHER),
        GRID("fair/lock, lock the dead's", FAIR, weft_kit_join, lock_as_a,
             join_after_a_death, lock_as_b, EITHER),
        GRID("fair/lock, lock", FAIR, weft_kit_join, lock_as_a, weft_kit_join, lock_as_b,
             EITHER),
        GRID("unlock, lock", 0, hold_as_a, unlock_as_a, weft_kit_join, lock_as_b, EITHER),
        GRID("lock, unlock", 0, weft_kit_join, lock_as_a, hold_as_b, unlock_as_b, EITHER),
        GRID("lock, lock the dead's", 0, weft_kit_join, lock_as_a, join_after_a_death,
             lock_as_b, EITHER),
        GRID("fair/unlock alone", FAIR, hold_as_a, unlock_as_a, NULL, NULL, EITHER),
        ASLEEP("asleep/fair/give up, unlock", FAIR, weft_kit_join, give_up_as_a,
               hold_as_b, unlock_as_b),
        ASLEEP("asleep/give up, unlock", 0, weft_kit_join, give_up_as_a, hold_as_b,
               unlock_as_b),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
