/* tests/crash/barrier_sleep_crash.c -- one sleeps at a barrier; the other party, the only
 * one that is missed, dies or stops at any instruction of what would end the phase. */
#define _GNU_SOURCE
#include <errno.h>

#include <weft/barrier.h>
#include <weft/object.h>

#include "sync/barrier_internal.h"
#include "tests/harness/sleeper.h"

static const struct weft_barrier_options breaks = { .parties = 2 };
static const struct weft_barrier_options shrinks = { .parties = 2,
                                                     .flags = WEFT_BARRIER_SHRINK };

static weft_barrier_t *barrier_of(const struct crash *c)
{
        return c->handle;
}

static const struct weft_barrier_options *options_of(const struct crash *c)
{
        return c->self->more;
}

static struct weft_barrier_info info_of(struct crash *c)
{
        struct weft_barrier_info i;
        WEFT_MUST(c, weft_barrier_info(barrier_of(c), &i));
        return i;
}

static int wait_soon_asleep(struct crash *c)
{
        weft_store_rlx(&barrier_of(c)->spin.budget, 32);
        return weft_barrier_wait(barrier_of(c), weft_after(SLEEPER_SECONDS * WEFT_SEC));
}

/* Phase 0 makes the victim a party, phase 1 is the one it dies in. */
static int cross_and_sleep(struct crash *c)
{
        sleeper_outlives_host();
        int rc = wait_soon_asleep(c);
        return rc ? rc : wait_soon_asleep(c);
}

static void until_asleep(struct crash *c, uint64_t phase)
{
        struct weft_barrier_info i;
        do {
                usleep(100);
                i = info_of(c);
        } while (i.phase != phase || i.arrived != 1 || i.waiting != 1);
        usleep(500); /* counted in, and now asleep */
}

static void setup(struct crash *c)
{
        weft_barrier_t *b;
        weft_kit_create(c);
        WEFT_MUST(c, weft_barrier_create(arena_of(c), "b", options_of(c), &b));
        c->handle = b;
        sleeper_start(c, cross_and_sleep);
        until_asleep(c, 0);
}

static void open_barrier(struct crash *c)
{
        weft_barrier_t *b;
        weft_kit_open(c);
        WEFT_MUST(c, weft_barrier_open(arena_of(c), "b", &b));
        c->handle = b;
}

static void prepare(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, weft_barrier_wait(barrier_of(c), WEFT_NOW) == 1);
        until_asleep(c, 1);
}

static void op_wait(struct crash *c)
{
        c->note->rc = weft_barrier_wait(barrier_of(c), WEFT_NOW);
}

static void op_arrive(struct crash *c)
{
        uint64_t phase;
        c->note->rc = weft_barrier_arrive(barrier_of(c), &phase);
}

static void op_leave(struct crash *c)
{
        c->note->rc = weft_barrier_leave(barrier_of(c));
}

static void op_close(struct crash *c)
{
        weft_barrier_close(barrier_of(c));
}

/* The sleeper finds the dead by itself. */
static void survive(struct crash *c)
{
        if (c->how == CRASH_KILLED)
                (void)sleeper_must_wake(c);
}

static void verify(struct crash *c)
{
        bool shrink = options_of(c)->flags & WEFT_BARRIER_SHRINK;
        int rc = sleeper_must_wake(c);
        struct weft_barrier_info i = info_of(c);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || (rc == -EOWNERDEAD && !shrink));
        /* Its phase has ended, or it has broken; and one party is left. */
        CRASH_MUST(c, CRASH_BROKEN, i.phase == (rc ? 1 : 2) && i.taken == 1);
        CRASH_MUST(c, CRASH_BROKEN, i.arrived == (rc ? 1 : 0));
        if (c->self->victim == op_leave)
                CRASH_MUST(c, CRASH_BROKEN, i.broken + i.parties == (i.broken ? 3 : 1));
        else
                CRASH_MUST(c, CRASH_DUPLICATED,
                           i.parties == (shrink ? 1 : 2) && i.broken == !shrink);
        CRASH_MUST(c, CRASH_LEAKED, i.waiting == 0);
        if (c->note->done && c->self->victim != op_close)
                CRASH_MUST(c, CRASH_LOST,
                           rc == 0 && c->note->rc == (c->self->victim != op_leave));
        sleeper_end(c);
        i = info_of(c);
        CRASH_MUST(c, CRASH_LEAKED, i.taken == 0 && i.arrived == 0);
        weft_barrier_close(barrier_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "b"));
        weft_kit_nothing_left(c, 0);
}

#define CASE(name_, victim_, options) \
        { \
                .name = "barrier_sleep/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_barrier, .prepare = prepare, .victim = (victim_), \
                .survive = survive, .verify = verify, .more = (options), \
                .flags = CRASH_KEEP_HOST | CRASH_REAL \
        }

static const struct crash_case cases[] = {
        CASE("wait", op_wait, &breaks),           CASE("wait/shrink", op_wait, &shrinks),
        CASE("arrive", op_arrive, &breaks),       CASE("leave", op_leave, &breaks),
        CASE("leave/shrink", op_leave, &shrinks), CASE("close", op_close, &breaks),
        CASE("close/shrink", op_close, &shrinks),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
