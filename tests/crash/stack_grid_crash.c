/* tests/crash/stack_grid_crash.c -- two in the middle of the same stack, and a third.
 *
 * Of what was there and was pushed, all is there once, whoever of them died, stood or went
 * on, but for what a dead one popped; and so is every node. Nobody holds anybody up: all
 * fates are tried. */
#include <errno.h>
#include <string.h>

#include <weft/object.h>
#include <weft/stack.h>

#include "tests/harness/grid.h"
#include "tests/harness/weft_kit.h"

enum { HELD = 4, A = 101, B = 111, THIRD = 201, MOST = 64 };

static uint64_t got[MOST];
static int n_got;

static weft_stack_t *stack_of(const struct crash *c)
{
        return c->handle;
}

static int push(struct crash *c, uint64_t x)
{
        return weft_stack_push(stack_of(c), &x, WEFT_NOW);
}

static int pop(struct crash *c, uint64_t *x)
{
        return weft_stack_pop(stack_of(c), x, WEFT_NOW);
}

static void setup(struct crash *c)
{
        struct weft_stack_options options = { .element_bytes = 8 };
        weft_stack_t *stack;
        weft_kit_create(c);
        WEFT_MUST(c, weft_stack_create(arena_of(c), "s", &options, &stack));
        c->handle = stack;
        for (uint64_t i = 1; i <= HELD; i++)
                WEFT_MUST(c, push(c, i));
}

static void open_it(struct crash *c)
{
        weft_stack_t *stack;
        weft_kit_open(c);
        WEFT_MUST(c, weft_stack_open(arena_of(c), "s", &stack));
        c->handle = stack;
}

/* ---- A and B: value[0] is what was pushed, value[1 ..] what was popped ------------- */

static void warm(struct crash *c)
{
        uint64_t x;
        WEFT_MUST(c, push(c, 999));
        WEFT_MUST(c, pop(c, &x));
}

static void die_with_some(struct crash *c)
{
        uint64_t x[2];
        WEFT_MUST(c, push(c, 998));
        WEFT_MUST(c, push(c, 999));
        CRASH_MUST(c, CRASH_BROKEN, weft_stack_pop_n(stack_of(c), x, 2, WEFT_NOW) == 2);
}

static void after_a_death(struct crash *c)
{
        weft_kit_join(c);
        weft_kit_corpse(c, die_with_some);
}

static void push_as(struct crash *c, uint64_t x)
{
        WEFT_MUST(c, push(c, x));
        c->note->value[0] = x;
}

static void push_a(struct crash *c)
{
        push_as(c, A);
}

static void push_b(struct crash *c)
{
        push_as(c, B);
}

static void take(struct crash *c)
{
        uint64_t x;
        int rc = pop(c, &x);
        CRASH_MUST(c, CRASH_LOST, rc == 0 || rc == -EAGAIN);
        if (!rc)
                c->note->value[1] = x;
}

static int note_it(void *element, void *context)
{
        struct crash *c = context;
        uint64_t x;
        memcpy(&x, element, sizeof x);
        for (int i = 1; i < 14; i++)
                if (!c->note->value[i]) {
                        c->note->value[i] = x;
                        return 0;
                }
        crash_fail(c, CRASH_DUPLICATED, "more than there were");
}

static void drain(struct crash *c)
{
        CRASH_MUST(c, CRASH_LOST, weft_stack_drain(stack_of(c), note_it, c) >= 0);
}

static void settle(struct crash *c)
{
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
}

/* ---- the third ------------------------------------------------------------------- */

static void keep(struct crash *c, uint64_t x)
{
        CRASH_MUST(c, CRASH_DUPLICATED, n_got < MOST);
        got[n_got++] = x;
}

static void survive(struct crash *c)
{
        uint64_t x;
        for (int i = 0; i < 3; i++) {
                WEFT_MUST(c, push(c, THIRD + c->word[0]++));
                int rc = pop(c, &x); /* -EAGAIN: another one drains */
                CRASH_MUST(c, CRASH_WEDGED, rc == 0 || rc == -EAGAIN);
                if (!rc)
                        keep(c, x);
        }
}

static int count(const struct crash *c, uint64_t x)
{
        int n = 0;
        for (int i = 0; i < n_got; i++)
                n += got[i] == x;
        for (int i = 1; i < 14; i++)
                n += (c->note->value[i] == x) + (c->other->value[i] == x);
        return n;
}

static bool is_done(const struct crash_note *note)
{
        return note->done;
}

/* What one who died may have taken: arg[0] is A's, arg[1] B's. */
static void verify(struct crash *c)
{
        struct weft_stack_info info;
        uint64_t x, lost = 0;
        uint64_t may = (is_done(c->note) ? 0 : c->self->arg[0]) +
                       (is_done(c->other) ? 0 : c->self->arg[1]);
        weft_kit_whole(c);
        while (pop(c, &x) == 0)
                keep(c, x);
        for (x = 1; x < THIRD + c->word[0]; x++) {
                int times = count(c, x);
                if (times > 1)
                        crash_fail(c, CRASH_DUPLICATED, "%d is there %d times", (int)x,
                                   times);
                bool must = x <= HELD || x >= THIRD || x == c->note->value[0] ||
                            x == c->other->value[0];
                lost += must && !times;
        }
        CRASH_MUST(c, CRASH_LOST, lost <= may);
        WEFT_MUST(c, weft_stack_info(stack_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.length == 0);
        CRASH_MUST(c, CRASH_LEAKED, info.held + info.idle == info.nodes);
        weft_stack_close(stack_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "s"));
        weft_kit_nothing_left(c, 0);
}

#define GRID(name_, prepare_, a_, lost_a, prepare_b_, b_, lost_b) \
        { \
                .a = { .name = "stack/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup, \
                       .open = open_it, \
                       .prepare = (prepare_), \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .arg = { lost_a, lost_b } }, \
                .prepare_b = (prepare_b_), .b = (b_), \
                .dead = (prepare_b_) == after_a_death \
        }

static const struct grid_case cases[] = {
        GRID("push, push", warm, push_a, 0, warm, push_b, 0),
        GRID("push, pop", warm, push_a, 0, warm, take, 1),
        GRID("pop, push", warm, take, 1, warm, push_b, 0),
        GRID("pop, pop", warm, take, 1, warm, take, 1),
        GRID("pop, drain", warm, take, 1, warm, drain, MOST),
        GRID("drain, push", warm, drain, MOST, warm, push_b, 0),
        GRID("first push, first push", NULL, push_a, 0, NULL, push_b, 0),
        GRID("first pop, first push", NULL, take, 1, NULL, push_b, 0),
        GRID("push, settle the dead", warm, push_a, 0, after_a_death, settle, 0),
        GRID("pop, settle the dead", NULL, take, 1, after_a_death, settle, 0),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
