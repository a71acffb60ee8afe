/* tests/crash/semaphore_grid_crash.c -- two in the middle of the same ledger, and a third.
 *
 * Of an owned semaphore all permits are there in the end, whoever of them died, stood or
 * went on. Nobody holds anybody up: so all fates are tried. */
#include <errno.h>

#include <weft/object.h>
#include <weft/semaphore.h>

#include "tests/harness/grid.h"
#include "tests/harness/weft_kit.h"

enum { PERMITS = 5, EACH = 2 };

static weft_semaphore_t *semaphore_of(const struct crash *c)
{
        return c->handle;
}

static void setup(struct crash *c)
{
        struct weft_semaphore_options options = { PERMITS, PERMITS, WEFT_SEMAPHORE_OWNED,
                                                  0 };
        weft_semaphore_t *semaphore;
        weft_kit_create(c);
        WEFT_MUST(c, weft_semaphore_create(arena_of(c), "s", &options, &semaphore));
}

static void open_it(struct crash *c)
{
        weft_semaphore_t *semaphore;
        weft_kit_open(c);
        WEFT_MUST(c, weft_semaphore_open(arena_of(c), "s", &semaphore));
        c->handle = semaphore;
}

/* ---- A and B ------------------------------------------------------------------- */

static void take_before(struct crash *c)
{
        WEFT_MUST(c, weft_semaphore_wait_n(semaphore_of(c), EACH, WEFT_NOW));
}

static void die_with_one(struct crash *c)
{
        WEFT_MUST(c, weft_semaphore_wait(semaphore_of(c), WEFT_NOW));
}

static void after_a_death(struct crash *c)
{
        weft_kit_join(c);
        weft_kit_corpse(c, die_with_one);
}

static void take(struct crash *c)
{
        int rc = weft_semaphore_wait_n(semaphore_of(c), EACH, WEFT_NOW);
        CRASH_MUST(c, CRASH_LOST, rc == 0);
}

static void give(struct crash *c)
{
        WEFT_MUST(c, weft_semaphore_post_n(semaphore_of(c), EACH));
}

static void take_and_give(struct crash *c)
{
        take(c);
        give(c);
}

static void settle(struct crash *c)
{
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
}

/* ---- the third ------------------------------------------------------------------- */

/* There is always one over. */
static void survive(struct crash *c)
{
        for (int i = 0; i < 3; i++) {
                CRASH_MUST(c, CRASH_LOST, weft_semaphore_try(semaphore_of(c)) == 0);
                WEFT_MUST(c, weft_semaphore_post(semaphore_of(c)));
        }
}

static void verify(struct crash *c)
{
        struct weft_semaphore_info info;
        weft_semaphore_t *s = semaphore_of(c);
        WEFT_MUST(c, weft_semaphore_info(s, &info));
        CRASH_MUST(c, CRASH_LOST, info.value >= PERMITS);
        CRASH_MUST(c, CRASH_DUPLICATED, info.value <= PERMITS);
        CRASH_MUST(c, CRASH_LEAKED, info.held == 0 && info.waiting == 0);
        weft_semaphore_close(s);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "s"));
        weft_kit_nothing_left(c, 0);
}

#define GRID(name_, prepare_, a_, prepare_b_, b_) \
        { \
                .a = { .name = "semaphore/owned/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup, \
                       .open = open_it, \
                       .prepare = (prepare_), \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify }, \
                .prepare_b = (prepare_b_), .b = (b_), \
                .dead = (prepare_b_) == after_a_death \
        }

static const struct grid_case cases[] = {
        GRID("wait, wait", weft_kit_join, take, weft_kit_join, take),
        GRID("wait, post", weft_kit_join, take, take_before, give),
        GRID("post, wait", take_before, give, weft_kit_join, take),
        GRID("post, post", take_before, give, take_before, give),
        GRID("both, both", weft_kit_join, take_and_give, weft_kit_join, take_and_give),
        GRID("wait, settle the dead", weft_kit_join, take, after_a_death, settle),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
