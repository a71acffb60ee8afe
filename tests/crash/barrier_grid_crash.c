/* tests/crash/barrier_grid_crash.c -- two parties arrive, and die or go on in it; a third,
 * if there is one, is a party as well.
 *
 * A and B have joined, so whoever dies is missed; the third takes a place that is free. What
 * each was told of each phase is noted: all who were told of a phase were told the same,
 * that it ended or that it broke; one alone ended it; and the phase that the barrier says is
 * under way is the one after those. */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include <weft/object.h>

#include "sync/barrier_internal.h"
#include "tests/check.h"
#include "tests/harness/grid.h"
#include "tests/harness/weft_kit.h"

enum third { NO_THIRD, WAITS, ARRIVES, LEAVES };
enum { FLAGS, THIRD, ROUNDS, WHO_LEAVES }; /* of arg */
enum { A_LEAVES = 1, B_LEAVES = 2 };
enum { ROUNDS_MAX = 2 };
enum { TOLD, LEFT = ROUNDS_MAX };             /* places in a note */
enum { PLACE, HAS_LEFT, ARRIVED_IN, THIRDS }; /* of c->word */
enum { NOTHING_YET = 0, SHIFT = 1000 };       /* what was told is noted shifted */

static weft_barrier_t *barrier_of(const struct crash *c)
{
        return c->handle;
}

static bool shrinks(const struct crash *c)
{
        return c->self->arg[FLAGS] & WEFT_BARRIER_SHRINK;
}

static uint32_t places(const struct crash *c)
{
        return c->self->arg[THIRD] != NO_THIRD;
}

static struct weft_barrier_info info_of(struct crash *c)
{
        struct weft_barrier_info i;
        WEFT_MUST(c, weft_barrier_info(barrier_of(c), &i));
        return i;
}

static bool is_answer(int rc)
{
        return rc == 0 || rc == 1 || rc == -EOWNERDEAD;
}

/* ---- what they are told ---------------------------------------------------------- */

static void tell(struct crash *c, uint64_t round, int rc)
{
        if (!is_answer(rc))
                crash_fail(c, CRASH_WEDGED, "told %d of phase %llu", rc,
                           (unsigned long long)round);
        if (rc == -EOWNERDEAD && shrinks(c))
                crash_fail(c, CRASH_BROKEN, "it broke");
        c->note->value[TOLD + round] = (uint64_t)(rc + SHIFT);
}

/* False: nothing. */
static bool told(const struct crash_note *note, uint64_t round, int *rc)
{
        uint64_t value = note->value[TOLD + round];
        *rc = (int)value - SHIFT;
        return value != NOTHING_YET;
}

/* ---- A and B ----------------------------------------------------------------------- */

static void setup(struct crash *c)
{
        struct weft_barrier_options o = { .parties = places(c),
                                          .flags = (uint32_t)c->self->arg[FLAGS] };
        weft_barrier_t *b;
        weft_kit_create(c);
        WEFT_MUST(c, weft_barrier_create(arena_of(c), "b", &o, &b));
        weft_barrier_close(b);
}

static int at_once(void *nothing)
{
        (void)nothing;
        return 0;
}

/* Spinning is thousands of steps that show nothing. */
static void do_not_spin(weft_barrier_t *b)
{
        struct weft_wait_shared wait = { 0 };
        const struct weft_wait_one one = { .wait = &wait };
        b->spin.budget.raw = 1;
        CHECK(weft_wait_spin(&one, 1, &b->spin, at_once, NULL) == 0);
        b->spin.budget.raw = 1;
}

static void open_barrier(struct crash *c)
{
        weft_barrier_t *b;
        weft_kit_open(c);
        WEFT_MUST(c, weft_barrier_open(arena_of(c), "b", &b));
        do_not_spin(b);
        c->handle = b;
}

static void join(struct crash *c)
{
        WEFT_MUST(c, weft_barrier_join(barrier_of(c)));
}

/* Until it breaks. */
static void cross(struct crash *c)
{
        int rc = 0;
        for (uint64_t i = 0; i < c->self->arg[ROUNDS] && rc >= 0; i++) {
                rc = weft_barrier_wait(barrier_of(c), WEFT_NEVER);
                tell(c, i, rc);
        }
}

/* Arrives, and is told later. */
static void arrive_and_cross(struct crash *c)
{
        uint64_t phase = 0;
        int rc = weft_barrier_arrive(barrier_of(c), &phase);
        if (rc == 0)
                rc = weft_barrier_wait(barrier_of(c), WEFT_NEVER);
        CRASH_MUST(c, CRASH_BROKEN, phase == 0);
        tell(c, 0, rc);
}

static void arrive(struct crash *c)
{
        uint64_t phase = 0;
        int rc = weft_barrier_arrive(barrier_of(c), &phase);
        CRASH_MUST(c, CRASH_BROKEN, is_answer(rc) && phase == 0);
        if (rc)
                tell(c, 0, rc);
}

static void leave(struct crash *c)
{
        WEFT_MUST(c, weft_barrier_leave(barrier_of(c)));
        c->note->value[LEFT] = 1;
}

/* ---- the third ------------------------------------------------------------------------ */

static void tell_third(struct crash *c, uint64_t round, int rc)
{
        if (!is_answer(rc) || (rc == -EOWNERDEAD && shrinks(c)))
                crash_fail(c, rc == -EOWNERDEAD ? CRASH_BROKEN : CRASH_WEDGED,
                           "the third was told %d of phase %llu", rc,
                           (unsigned long long)round);
        c->word[THIRDS + round] = (uint64_t)(rc + SHIFT);
}

/* Arrives; and hears of it, unless somebody stands whom all wait for. */
static int third_arrives(struct crash *c, uint64_t round, bool waits)
{
        int rc = weft_barrier_arrive(barrier_of(c), &c->word[ARRIVED_IN]);
        c->word[PLACE] |= rc >= 0;
        if (rc == 0 && waits)
                rc = weft_barrier_wait(barrier_of(c), weft_after(4 * WEFT_SEC));
        else if (rc == 0)
                return rc;
        tell_third(c, round, rc);
        return rc;
}

static void survive(struct crash *c)
{
        enum third what = (enum third)c->self->arg[THIRD];
        uint64_t rounds = what == NO_THIRD ? 0 : what == WAITS ? c->self->arg[ROUNDS] : 1;
        int rc = 0;
        for (uint64_t i = 0; i < rounds && rc >= 0; i++)
                rc = third_arrives(c, i, what == WAITS);
        if (what != LEAVES || !c->word[PLACE])
                return;
        WEFT_MUST(c, weft_barrier_leave(barrier_of(c)));
        c->word[HAS_LEFT] = 1;
}

/* What it arrived for, and was not told of yet. */
static void hear_the_rest(struct crash *c)
{
        enum third what = (enum third)c->self->arg[THIRD];
        if (what == NO_THIRD || c->word[THIRDS] || c->word[HAS_LEFT])
                return;
        tell_third(c, 0, weft_barrier_wait(barrier_of(c), weft_after(2 * WEFT_SEC)));
}

/* ---- what must be true ------------------------------------------------------------------- */

struct answers {
        uint64_t ended, broken, by;
};

static void count(struct answers *a, bool was_told, int rc)
{
        a->ended += was_told && rc >= 0;
        a->broken += was_told && rc < 0;
        a->by += was_told && rc == 1;
}

/* Of one phase. */
static struct answers answers_of(const struct crash *c, uint64_t round)
{
        struct answers a = { 0 };
        int rc;
        bool was_told = told(c->note, round, &rc);
        count(&a, was_told, rc);
        was_told = told(c->other, round, &rc);
        count(&a, was_told, rc);
        if (c->word[THIRDS + round])
                count(&a, true, (int)c->word[THIRDS + round] - SHIFT);
        return a;
}

static void must_agree(struct crash *c, uint64_t phase)
{
        for (uint64_t i = 0; i < c->self->arg[ROUNDS]; i++) {
                struct answers a = answers_of(c, i);
                CRASH_MUST(c, CRASH_BROKEN, !a.ended || !a.broken);
                CRASH_MUST(c, CRASH_DUPLICATED, a.by <= 1);
                CRASH_MUST(c, CRASH_LOST, !a.ended || phase > i);
                CRASH_MUST(c, CRASH_BROKEN, !a.broken || phase == i);
        }
        CRASH_MUST(c, CRASH_DUPLICATED, phase <= c->self->arg[ROUNDS]);
}

/* So many of A and B have left; unless `all` are dead, those who were not killed live. */
static void must_be_exact(struct crash *c, bool all)
{
        struct weft_barrier_info i = info_of(c);
        const struct crash_note *note[] = { c->note, c->other };
        uint32_t living = 0, left = 0, may_have_left = 0, dead = 0;
        for (int k = 0; k < 2; k++) {
                bool killed = all || c->fate[k] == GRID_KILLED;
                bool leaves = c->self->arg[WHO_LEAVES] & (1u << k);
                if (note[k]->value[LEFT])
                        left++;
                else if (!killed)
                        living++;
                else if (leaves)
                        may_have_left++;
                else
                        dead++;
        }
        uint32_t of_third = places(c) - (uint32_t)c->word[HAS_LEFT];
        must_agree(c, i.phase);
        CRASH_MUST(c, CRASH_LEAKED, i.waiting == 0);
        if (shrinks(c)) {
                CRASH_MUST(c, CRASH_DUPLICATED, i.parties == living + of_third);
                CRASH_MUST(c, CRASH_BROKEN, !i.broken);
        } else {
                uint32_t most = 2 - left + of_third;
                CRASH_MUST(c, CRASH_DUPLICATED,
                           i.parties <= most && i.parties >= most - may_have_left);
                CRASH_MUST(c, CRASH_LOST,
                           i.broken == (dead + may_have_left - (most - i.parties) > 0));
        }
        bool has = c->word[PLACE] && !c->word[HAS_LEFT];
        uint32_t arrived = has && i.phase == c->word[ARRIVED_IN];
        CRASH_MUST(c, CRASH_LEAKED, i.taken == living + has);
        /* Of the living, too, some had arrived when it broke. */
        CRASH_MUST(c, CRASH_LOST,
                   i.arrived >= arrived &&
                           i.arrived <= arrived + (i.broken ? living : 0));
}

/* A and B live, or have been killed and settled; the phases that they crossed are over. */
static void ended(struct crash *c)
{
        hear_the_rest(c);
        must_be_exact(c, false);
        if (c->fate[0] == GRID_KILLED || c->fate[1] == GRID_KILLED)
                return;
        CRASH_MUST(c, CRASH_LOST, info_of(c).phase == c->self->arg[ROUNDS]);
}

static void verify(struct crash *c)
{
        weft_barrier_t *b = barrier_of(c);
        hear_the_rest(c);
        must_be_exact(c, true);
        if (info_of(c).broken)
                WEFT_MUST(c, weft_barrier_reset(b));
        int rc = weft_barrier_leave(b);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EPERM);
        struct weft_barrier_info i = info_of(c);
        CRASH_MUST(c, CRASH_LEAKED, i.taken == 0 && i.arrived == 0 && !i.broken);
        weft_barrier_close(b);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "b"));
        weft_kit_nothing_left(c, 0);
}

#define GRID(name_, flags_, third_, rounds_, a_, b_, leaves_, fates_) \
        { \
                .a = { .name = "barrier/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup, \
                       .open = open_barrier, \
                       .prepare = join, \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .arg = { flags_, third_, rounds_, leaves_ } }, \
                .prepare_b = join, .b = (b_), .ended = ended, .fates = (fates_) \
        }
#define BOTH(name_, third_, rounds_, a_, b_, leaves_, fates_) \
        GRID("break/" name_, 0, third_, rounds_, a_, b_, leaves_, fates_), \
                GRID("shrink/" name_, WEFT_BARRIER_SHRINK, third_, rounds_, a_, b_, \
                     leaves_, fates_)

static const struct grid_case cases[] = {
        BOTH("two cross twice", NO_THIRD, 2, cross, cross, 0, GRID_ALL),
        BOTH("arrive, wait", NO_THIRD, 1, arrive, cross, 0, GRID_ALL),
        BOTH("wait, leave", NO_THIRD, 1, cross, leave, B_LEAVES, GRID_ALL),
        BOTH("leave, wait", NO_THIRD, 1, leave, cross, A_LEAVES, GRID_ALL),
        BOTH("three cross twice", WAITS, 2, cross, cross, 0, GRID_NO_STAND),
        BOTH("arrive first, wait, a third waits", WAITS, 1, arrive_and_cross, cross, 0,
             GRID_NO_STAND),
        BOTH("wait, leave, a third arrives", ARRIVES, 1, cross, leave, B_LEAVES,
             GRID_ALL),
        BOTH("two wait, a third leaves", LEAVES, 1, cross, cross, 0, GRID_ALL),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
