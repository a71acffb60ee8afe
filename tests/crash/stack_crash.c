/* tests/crash/stack_crash.c -- the stack: words, elements of several words, and large ones.
 *
 * Elements are numbers, spread over the element's bytes and checked. Some, 1 up, are in the
 * stack before; the victim pushes from 101, survivors from 201. What survivors get is kept,
 * the rest is popped at the end, and then everything must be there once, and each node too.
 * Of SOME four nodes lie in a segment, of HUGE one, and a desk keeps two. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <weft/object.h>
#include <weft/stack.h>

#include "tests/crash/element_kit.h"

enum { CAPACITY = 40, LARGEST = 40000 };
enum { VICTIM = 101, SURVIVOR = 201, BEFORE = 301, BATCH = 3, NOTED = 12 };
enum { HELD, MODE, WHAT, EARLIER }; /* of self->arg */
enum { WORD, SOME, HUGE };          /* modes */
/* What the operation may do, self->arg[WHAT]: take a batch, one, all; the stack is shut;
 * survivors are many, on all seats. */
enum { TAKES = 1, ONE_MAY_GO = 2, ALL_MAY_GO = 4, SHUTS = 8, CROWD = 16 };

static uint32_t bytes_of(const struct crash *c)
{
        static const uint32_t bytes[] = { 8, 600, LARGEST };
        return bytes[c->self->arg[MODE]];
}

static bool may(const struct crash *c, uint64_t what)
{
        return c->self->arg[WHAT] & what;
}

static weft_stack_t *stack_of(const struct crash *c)
{
        return c->handle;
}

/* ---- elements ------------------------------------------------------------ */

static int push(struct crash *c, uint64_t number)
{
        char element[LARGEST];
        element_fill(c, element, number);
        return weft_stack_push(stack_of(c), element, WEFT_NOW);
}

static int pop(struct crash *c, uint64_t *number)
{
        char element[LARGEST];
        int rc = weft_stack_pop(stack_of(c), element, WEFT_NOW);
        if (!rc)
                *number = element_read(c, element);
        return rc;
}

/* ---- what is there before ------------------------------------------------ */

static struct weft_stack_options options_of(const struct crash *c)
{
        return (struct weft_stack_options){ .capacity = CAPACITY,
                                            .element_bytes = bytes_of(c) };
}

static void setup(struct crash *c)
{
        struct weft_stack_options options = options_of(c);
        weft_stack_t *stack;
        weft_kit_create(c);
        WEFT_MUST(c, weft_stack_create(arena_of(c), "s", &options, &stack));
        c->handle = stack;
        for (uint64_t i = 0; i < c->self->arg[HELD]; i++)
                WEFT_MUST(c, push(c, i + 1));
}

static void setup_shut(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_stack_shutdown(stack_of(c)));
}

static void open_stack(struct crash *c)
{
        weft_stack_t *stack;
        weft_kit_open(c);
        WEFT_MUST(c, weft_stack_open(arena_of(c), "s", &stack));
        c->handle = stack;
}

/* Its first operation here is behind it: it has its seat, its desk, nodes; and the last
 * change was its own. */
static void prepare_warm(struct crash *c)
{
        uint64_t number = 0;
        int rc = push(c, BEFORE);
        if (rc == -EAGAIN || rc == -EPIPE) { /* full, or shut */
                weft_kit_join(c);
                return;
        }
        WEFT_MUST(c, rc);
        WEFT_MUST(c, pop(c, &number));
        CRASH_MUST(c, CRASH_BROKEN, number == BEFORE);
}

static void do_warm(struct crash *c)
{
        prepare_warm(c);
}

/* Somebody else came after it, and died. */
static void prepare_met(struct crash *c)
{
        prepare_warm(c);
        weft_kit_corpse(c, do_warm);
}

/* All nodes at hand are used up: by elements of its own, which stay. */
static void prepare_bare(struct crash *c)
{
        for (uint64_t i = 0; i < c->self->arg[EARLIER]; i++)
                WEFT_MUST(c, push(c, BEFORE + i));
}

/* As many nodes at hand as a desk keeps: popped, of what it pushed before. */
static void prepare_stuffed(struct crash *c)
{
        uint64_t number;
        prepare_bare(c);
        for (uint64_t i = c->self->arg[EARLIER]; i--;) {
                WEFT_MUST(c, pop(c, &number));
                CRASH_MUST(c, CRASH_BROKEN, number == BEFORE + i);
        }
}

/* ---- the operations: value[0] counts pushes that are done; value[1 ..] were popped -- */

static void op_push(struct crash *c)
{
        char element[LARGEST];
        element_fill(c, element, VICTIM);
        int rc = weft_stack_push(stack_of(c), element, WEFT_NOW);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_push_n(struct crash *c)
{
        char elements[BATCH * 600];
        for (unsigned i = 0; i < BATCH; i++)
                element_fill(c, elements + i * bytes_of(c), VICTIM + i);
        int64_t n = weft_stack_push_n(stack_of(c), elements, BATCH, WEFT_NOW);
        c->note->value[0] = n > 0 ? (uint64_t)n : 0;
        c->note->rc = n;
}

static void op_pop(struct crash *c)
{
        uint64_t number = 0;
        int rc = pop(c, &number);
        c->note->value[1] = number;
        c->note->rc = rc;
}

static void op_pop_n(struct crash *c)
{
        char elements[BATCH * 600];
        int64_t n = weft_stack_pop_n(stack_of(c), elements, BATCH, WEFT_NOW);
        for (int64_t i = 0; i < n; i++)
                c->note->value[1 + i] =
                        element_read(c, elements + (size_t)i * bytes_of(c));
        c->note->rc = n;
}

static void op_peek(struct crash *c)
{
        char element[LARGEST];
        int rc = weft_stack_peek(stack_of(c), element);
        if (!rc)
                (void)element_read(c, element);
        c->note->rc = rc;
}

static int note_it(void *element, void *context)
{
        struct crash *c = context;
        for (int i = 1; i <= NOTED; i++)
                if (!c->note->value[i]) {
                        c->note->value[i] = element_read(c, element);
                        return 0;
                }
        crash_fail(c, CRASH_DUPLICATED, "more than there were");
}

static void op_drain(struct crash *c)
{
        c->note->rc = weft_stack_drain(stack_of(c), note_it, c);
}

static int push_beside(void *element, void *context)
{
        struct crash *c = context;
        if (note_it(element, c) == 0 && !c->note->value[0] && push(c, VICTIM) == 0)
                c->note->value[0] = 1;
        return 0;
}

static void op_drain_and_push(struct crash *c)
{
        c->note->rc = weft_stack_drain(stack_of(c), push_beside, c);
}

#define PLAIN(op, call) \
        static void op(struct crash *c) \
        { \
                c->note->rc = (call); \
        }
PLAIN(op_shutdown, weft_stack_shutdown(stack_of(c)))
PLAIN(op_length, weft_stack_length(stack_of(c)))

static void op_info(struct crash *c)
{
        struct weft_stack_info info;
        c->note->rc = weft_stack_info(stack_of(c), &info);
}

static void op_close(struct crash *c)
{
        weft_stack_close(stack_of(c));
}

static void op_create(struct crash *c)
{
        struct weft_stack_options options = options_of(c);
        weft_stack_t *stack;
        c->note->rc = weft_stack_create(arena_of(c), "s", &options, &stack);
}

static void op_open(struct crash *c)
{
        weft_stack_t *stack;
        c->note->rc = weft_stack_open(arena_of(c), "s", &stack);
}

/* ---- the others ---------------------------------------------------------- */

static void pop_and_keep(struct crash *c)
{
        uint64_t number;
        int rc = pop(c, &number);
        if (rc && !(rc == -EPIPE && may(c, SHUTS)) &&
            !(rc == -EAGAIN && may(c, ALL_MAY_GO)))
                crash_fail(c, CRASH_WEDGED, "pop: %d", rc);
        if (!rc)
                keep(c, number);
}

static void must_push(struct crash *c, uint64_t number)
{
        int rc = push(c, number);
        if (rc == -EPIPE && may(c, SHUTS)) {
                c->word[1] = 1;
                return;
        }
        if (rc)
                crash_fail(c, CRASH_WEDGED, "push: %d", rc);
        c->word[0]++;
}

/* One after the other, each an agent of its own; all seats have signed then. */
enum { THREADS = 7 };
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all_here;

static void *one_of_many(void *context)
{
        struct crash *c = context;
        weft_kit_join(c);
        pthread_barrier_wait(&all_here);
        pthread_mutex_lock(&turn);
        must_push(c, SURVIVOR + c->word[0]);
        pop_and_keep(c);
        pthread_mutex_unlock(&turn);
        pthread_barrier_wait(&all_here);
        return NULL;
}

static void crowd(struct crash *c)
{
        pthread_t threads[THREADS];
        pthread_barrier_init(&all_here, NULL, THREADS);
        for (int i = 0; i < THREADS; i++)
                CRASH_MUST(c, CRASH_BROKEN,
                           pthread_create(&threads[i], NULL, one_of_many, c) == 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
}

/* In, then out; or out, then in, where there may be no room. */
static void survive(struct crash *c)
{
        if (may(c, CROWD))
                crowd(c);
        if (c->self->arg[HELD] + c->self->arg[EARLIER] + BATCH < CAPACITY) {
                must_push(c, SURVIVOR + c->word[0]);
                pop_and_keep(c);
        } else {
                pop_and_keep(c);
                must_push(c, SURVIVOR + c->word[0]);
        }
}

static int keep_it(void *element, void *context)
{
        keep(context, element_read(context, element));
        return 0;
}

/* Pops what the victim may be looking at, and fills its node anew. */
static void survive_over(struct crash *c)
{
        for (int i = 0; i < 3; i++) {
                pop_and_keep(c);
                must_push(c, SURVIVOR + c->word[0]);
        }
}

/* Takes all there is, in the middle of whatever it is. */
static void survive_draining(struct crash *c)
{
        must_push(c, SURVIVOR);
        CRASH_MUST(c, CRASH_WEDGED, weft_stack_drain(stack_of(c), keep_it, c) >= 0);
        must_push(c, SURVIVOR + 1);
}

/* All of [from, from + n) once: or up to `missing` of them not at all. */
static void must_be_there(struct crash *c, uint64_t from, uint64_t n, uint64_t missing)
{
        for (uint64_t x = from; x < from + n; x++) {
                int times = at_most_once(c, x, NOTED);
                if (times == 0 && missing-- == 0)
                        crash_fail(c, CRASH_LOST, "element %d is gone", (int)x);
        }
}

/* LIFO: of what was there, and of what the victim pushed together. */
static void must_be_in_order(struct crash *c)
{
        for (int i = 0; i < memory.n; i++)
                for (int k = i + 1; k < memory.n; k++)
                        if (memory.got[i] < SURVIVOR &&
                            memory.got[i] / 100 == memory.got[k] / 100)
                                CRASH_MUST(c, CRASH_BROKEN,
                                           memory.got[i] > memory.got[k]);
}

/* What the victim may have taken with it when it was killed before it could say so. */
static uint64_t may_be_missing(const struct crash *c)
{
        if (c->note->done)
                return 0;
        return may(c, ALL_MAY_GO)   ? c->self->arg[HELD]
               : may(c, TAKES)      ? BATCH
               : may(c, ONE_MAY_GO) ? 1
                                    : 0;
}

static void check_elements(struct crash *c)
{
        uint64_t number;
        int rc;
        while ((rc = pop(c, &number)) == 0)
                keep(c, number);
        CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN || (may(c, SHUTS) && rc == -EPIPE));
        must_be_in_order(c);
        uint64_t missing = may_be_missing(c);
        /* What is pushed while others drain may go with that drain. */
        must_be_there(c, 1, c->self->arg[HELD], missing);
        must_be_there(c, SURVIVOR, c->word[0],
                      missing && may(c, ALL_MAY_GO) ? c->word[0] : missing);
        must_be_there(c, VICTIM, c->note->value[0], missing);
        for (uint64_t x = VICTIM; x < VICTIM + BATCH; x++) {
                int times = times_got(c, x, NOTED);
                CRASH_MUST(c, CRASH_DUPLICATED, times <= 1);
                if (c->note->done && c->how == CRASH_KILLED &&
                    x >= VICTIM + c->note->value[0])
                        CRASH_MUST(c, CRASH_DUPLICATED, times == 0);
        }
}

/* Every node is somewhere, and can be used. */
static void check_nodes(struct crash *c)
{
        struct weft_stack_info info;
        WEFT_MUST(c, weft_stack_info(stack_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.length == 0);
        CRASH_MUST(c, CRASH_LEAKED, info.held + info.idle >= info.nodes);
        CRASH_MUST(c, CRASH_DUPLICATED, info.held + info.idle <= info.nodes);
        if (info.shut || c->self->arg[MODE] == HUGE)
                return;
        for (uint64_t i = 0; i < CAPACITY; i++)
                CRASH_MUST(c, CRASH_LEAKED, push(c, i + 1) == 0);
        CRASH_MUST(c, CRASH_DUPLICATED, push(c, 7) == -EAGAIN);
        for (uint64_t i = CAPACITY, x; i; i--)
                CRASH_MUST(c, CRASH_LOST, pop(c, &x) == 0 && x == i);
}

static void verify(struct crash *c)
{
        int64_t rc = c->note->rc;
        CRASH_MUST(c, CRASH_BROKEN,
                   rc >= 0 || rc == -EAGAIN || rc == -EEXIST ||
                           (may(c, SHUTS) && rc == -EPIPE));
        weft_kit_whole(c);
        check_elements(c);
        check_nodes(c);
        weft_stack_close(stack_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "s"));
        weft_kit_nothing_left(c, 0);
}

static void verify_shut(struct crash *c)
{
        if (c->note->done || c->word[1]) /* somebody was told so: for ever */
                CRASH_MUST(c, CRASH_LOST, push(c, 5) == -EPIPE);
        verify(c);
}

static void survive_create(struct crash *c)
{
        struct weft_stack_options options = options_of(c);
        weft_stack_t *stack;
        WEFT_MUST(c, weft_stack_create_or_open(arena_of(c), "s", &options, &stack));
        c->handle = stack;
        must_push(c, SURVIVOR);
        pop_and_keep(c);
}

/* ---- the table ----------------------------------------------------------- */

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, verify_, ...) \
        { \
                .name = "stack/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), \
                .arg = { __VA_ARGS__ } \
        }
#define OP(name_, prepare_, victim_, ...) \
        CASE(name_, setup, open_stack, prepare_, victim_, survive, verify, __VA_ARGS__)
#define BOTH(name_, prepare_, victim_, held, what) \
        OP("word/" name_, prepare_, victim_, held, WORD, what), \
                OP("some/" name_, prepare_, victim_, held, SOME, what)

static const struct crash_case cases[] = {
        BOTH("push/empty", prepare_warm, op_push, 0, 0),
        BOTH("push/middle", prepare_warm, op_push, 5, 0),
        BOTH("push/full", prepare_warm, op_push, CAPACITY, 0),
        BOTH("push/first operation", NULL, op_push, 5, 0),
        OP("word/push/crowd", prepare_met, op_push, 5, WORD, CROWD),
        OP("word/push/fetch", prepare_bare, op_push, 0, WORD, 0, 32),
        OP("some/push/grow", prepare_bare, op_push, 8, SOME, 0, 12),
        BOTH("pop/empty", prepare_warm, op_pop, 0, 0),
        BOTH("pop/middle", prepare_warm, op_pop, 5, ONE_MAY_GO),
        BOTH("pop/full", prepare_warm, op_pop, CAPACITY, ONE_MAY_GO),
        BOTH("pop/first operation", NULL, op_pop, 5, ONE_MAY_GO),
        OP("word/pop/crowd", prepare_met, op_pop, 5, WORD, ONE_MAY_GO | CROWD),
        OP("huge/pop/give", prepare_stuffed, op_pop, 3, HUGE, ONE_MAY_GO, 2),
        OP("huge/pop/give, crowd", prepare_stuffed, op_pop, 3, HUGE, ONE_MAY_GO | CROWD,
           2),
        BOTH("push_n/empty", prepare_warm, op_push_n, 0, 0),
        BOTH("push_n/first operation", NULL, op_push_n, 5, 0),
        OP("word/push_n/nearly full", NULL, op_push_n, CAPACITY - 2, WORD, 0),
        BOTH("pop_n/middle", prepare_warm, op_pop_n, 5, TAKES),
        OP("some/pop_n/first operation", NULL, op_pop_n, 2, SOME, TAKES),
        OP("word/pop_n/crowd", prepare_met, op_pop_n, 5, WORD, TAKES | CROWD),
        BOTH("drain/empty", prepare_warm, op_drain, 0, ALL_MAY_GO),
        BOTH("drain/middle", prepare_warm, op_drain, 5, ALL_MAY_GO),
        OP("word/drain/crowd", prepare_met, op_drain, 3, WORD, ALL_MAY_GO | CROWD),
        OP("huge/drain/first operation", NULL, op_drain, 4, HUGE, ALL_MAY_GO),
        OP("word/drain/push in it", prepare_warm, op_drain_and_push, 3, WORD, ALL_MAY_GO),
        CASE("word/push/drained", setup, open_stack, prepare_warm, op_push,
             survive_draining, verify, 3, WORD, 0),
        CASE("word/pop/drained", setup, open_stack, prepare_warm, op_pop,
             survive_draining, verify, 3, WORD, ONE_MAY_GO),
        CASE("some/drain/drained", setup, open_stack, NULL, op_drain, survive_draining,
             verify, 3, SOME, ALL_MAY_GO),
        BOTH("peek/middle", prepare_warm, op_peek, 3, 0),
        CASE("some/peek/popped", setup, open_stack, prepare_warm, op_peek, survive_over,
             verify, 3, SOME, 0),
        CASE("word/pop/popped", setup, open_stack, prepare_warm, op_pop, survive_over,
             verify, 3, WORD, ONE_MAY_GO),
        CASE("some/pop_n/popped", setup, open_stack, prepare_warm, op_pop_n, survive_over,
             verify, 5, SOME, TAKES),
        OP("word/length", prepare_warm, op_length, 3, WORD, 0),
        OP("word/info", prepare_warm, op_info, 3, WORD, 0),
        OP("word/close", prepare_warm, op_close, 3, WORD, 0),
        OP("huge/close", prepare_warm, op_close, 3, HUGE, 0),
        CASE("word/shutdown/middle", setup, open_stack, prepare_warm, op_shutdown,
             survive, verify_shut, 3, WORD, SHUTS),
        CASE("some/shutdown/empty", setup, open_stack, NULL, op_shutdown, survive,
             verify_shut, 0, SOME, SHUTS),
        CASE("word/pop/shut", setup_shut, open_stack, prepare_warm, op_pop, survive,
             verify, 3, WORD, SHUTS | ONE_MAY_GO),
        CASE("word/create", weft_kit_create, weft_kit_open, weft_kit_join, op_create,
             survive_create, verify, 0, WORD, 0),
        CASE("huge/create", weft_kit_create, weft_kit_open, NULL, op_create,
             survive_create, verify, 0, HUGE, 0),
        CASE("word/open", setup, weft_kit_open, NULL, op_open, survive_create, verify, 0,
             WORD, 0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
