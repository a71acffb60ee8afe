/* tests/crash/future_grid_crash.c -- two in the middle of the same future, and a third.
 *
 * It ends once; what the third has seen stays; nothing is left. Nobody holds anybody up: so
 * all fates are tried. Who stands before his promise, or in settling one who broke his, is
 * not passed by: the third is told that another one has promised. */
#define _GNU_SOURCE
#include "tests/crash/future_kit.h"
#include "tests/harness/grid.h"

enum { SEEN }; /* in word[]: what the third saw, + 1000 */

static void setup(struct crash *c)
{
        future_setup(c);
}

/* ---- A and B ------------------------------------------------------------------- */

static void join(struct crash *c)
{
        weft_ref_t ref;
        weft_kit_join(c);
        (void)!weft_future_try(future_of(c), NULL, 0);
        WEFT_MUST(c, weft_block_alloc(arena_of(c), BIG, &ref, NULL)); /* has a slab now */
        WEFT_MUST(c, weft_block_free(arena_of(c), ref));
}

static void promise_before(struct crash *c)
{
        join(c);
        WEFT_MUST(c, weft_future_produce(future_of(c)));
}

static void promise_and_die(struct crash *c)
{
        WEFT_MUST(c, weft_future_produce(future_of(c)));
}

static void after_a_death(struct crash *c)
{
        join(c);
        weft_kit_corpse(c, promise_and_die);
}

static void set_a(struct crash *c)
{
        c->note->rc = future_fill(future_of(c), 'a', BIG);
}

static void set_b(struct crash *c)
{
        c->note->rc = future_fill(future_of(c), 'b', SMALL);
}

static void cancel(struct crash *c)
{
        c->note->rc = weft_future_cancel(future_of(c));
}

static void get(struct crash *c)
{
        c->note->rc = future_whose(c, future_of(c), WEFT_NOW);
}

static void settle(struct crash *c)
{
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
}

static weft_future_t *anonymous;

/* The last handle on it goes, while another one opens it. */
static void make_transient(struct crash *c)
{
        join(c);
        WEFT_MUST(c, weft_future_create(arena_of(c), "t", NULL, &anonymous));
        WEFT_MUST(c, future_fill(anonymous, 'h', BIG));
}

static void drop(struct crash *c)
{
        (void)c;
        weft_future_close(anonymous);
}

static void open_transient(struct crash *c)
{
        weft_future_t *f;
        int rc = weft_future_open(arena_of(c), "t", &f);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        if (rc == 0) {
                int is = future_whose(c, f, WEFT_NOW);
                bool new =
                        c->self->arg[0] && is == -EAGAIN; /* of a creator, not settled */
                CRASH_MUST(c, CRASH_LOST, is == 'h' || new);
                weft_future_close(f);
        }
}

static void create_transient(struct crash *c)
{
        weft_future_t *f;
        int rc = weft_future_create(arena_of(c), "t", NULL, &f);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EEXIST);
        if (rc == 0) {
                CRASH_MUST(c, CRASH_BROKEN, future_whose(c, f, WEFT_NOW) == -EAGAIN);
                weft_future_close(f);
        }
}

/* ---- the third ------------------------------------------------------------------- */

static void survive(struct crash *c)
{
        int rc = future_fill(future_of(c), 's', BIG);
        CRASH_MUST(c, CRASH_BROKEN,
                   rc == 0 || rc == -EALREADY || rc == -ECANCELED ||
                           (rc == -EPERM && c->self->arg[0]));
        int is = future_whose(c, future_of(c), WEFT_NOW);
        if (rc == 0)
                CRASH_MUST(c, CRASH_LOST, is == 's');
        if (rc != -EPERM)
                CRASH_MUST(c, CRASH_LOST, is != -EAGAIN);
        c->word[SEEN] = is == -EAGAIN ? 0 : (uint64_t)(is + 1000);
}

static void verify(struct crash *c)
{
        int is = future_whose(c, future_of(c), WEFT_NOW);
        CRASH_MUST(c, CRASH_LOST, is != -EAGAIN);
        if (c->word[SEEN])
                CRASH_MUST(c, CRASH_LOST, is == (int)c->word[SEEN] - 1000);
        future_end_all(c);
}

/* It has its name as long as somebody has it open, and then it is gone. */
static void survive_transient(struct crash *c)
{
        weft_future_t *f;
        open_transient(c);
        create_transient(c);
        int rc = weft_future_open(arena_of(c), "t", &f);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        if (rc == 0)
                weft_future_close(f);
}

static void verify_transient(struct crash *c)
{
        weft_future_t *f;
        CRASH_MUST(c, CRASH_LEAKED, weft_future_open(arena_of(c), "t", &f) == -ENOENT);
        WEFT_MUST(c, weft_future_cancel(future_of(c)));
        future_end_all(c);
}

#define PARTY(name_, survive_, verify_, setup_, prepare_, a_, promised) \
        { \
                .name = "future/" name_, .kit = &weft_kit, .setup = setup_, \
                .open = future_open_it, .prepare = (prepare_), .victim = (a_), \
                .survive = survive_, .verify = verify_, \
                .arg = {(promised) } \
        }
#define GRID(name_, prepare_, a_, prepare_b_, b_, promised) \
        { \
                .a = PARTY(name_, survive, verify, setup, prepare_, a_, promised), \
                .prepare_b = (prepare_b_), .b = (b_), \
                .dead = (prepare_b_) == after_a_death \
        }
#define GOES(name_, prepare_, a_, prepare_b_, b_, creates) \
        { \
                .a = PARTY(name_, survive_transient, verify_transient, setup, prepare_, \
                           a_, creates), \
                .prepare_b = (prepare_b_), .b = (b_) \
        }

static const struct grid_case cases[] = {
        GRID("set, set", join, set_a, join, set_b, 0),
        GRID("set, cancel", join, set_a, join, cancel, 0),
        GRID("set, get", join, set_a, join, get, 0),
        GRID("promised: set, cancel", promise_before, set_a, join, cancel, 1),
        GRID("promised: set, another sets", promise_before, set_a, join, set_b, 1),
        GRID("promised: another sets, set", join, set_a, promise_before, set_b, 1),
        GRID("promised: set, get", promise_before, set_a, join, get, 1),
        GRID("cancel, settle the dead", join, cancel, after_a_death, settle, 1),
        GRID("get, settle the dead", join, get, after_a_death, settle, 1),
        GRID("set, settle the dead", join, set_a, after_a_death, settle, 1),
        GOES("goes: close, open", make_transient, drop, join, open_transient, 0),
        GOES("goes: open, close", join, open_transient, make_transient, drop, 0),
        GOES("goes: close, create", make_transient, drop, join, create_transient, 1),
        GOES("goes: create, create", join, create_transient, join, create_transient, 1),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
