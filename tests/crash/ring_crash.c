/* tests/crash/ring_crash.c -- the ring: words, larger elements, records; both sides.
 *
 * Elements are numbers, spread over the element's bytes and checked. Some, 1 up, are in the
 * ring before; the victim pushes from 101, survivors from 201: so they come out in the order of
 * their numbers, unless the victim was stopped before it had the side. What survivors get is kept, the rest is drained at the
 * end, and then everything must be there once. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <weft/block.h>
#include <weft/object.h>
#include <weft/ring.h>
#include <weft/select.h>

#include "tests/harness/sleeper.h"

enum { LARGE = 24, LINE = 64, MOST = 128 };
enum { BEFORE = 100, VICTIM = 101, SURVIVOR = 201, BATCH = 3 };
enum { HELD, MODE, WHAT };          /* of self->arg */
enum { WORD, BLOCK, RECORD, WIDE }; /* modes */
enum { FULL = 99 };                 /* of HELD */
/* What the operation may do, self->arg[WHAT]: it pushes; pops one, or a batch; takes and
 * does not release; shuts the ring; has not its seat yet, or gives it up. */
enum {
        PUSHES = 1,
        POPS = 2,
        POPS_MANY = 4,
        SHUTS = 8,
        EDGE = 16,   /* it is about the last word of a line */
        CALLED = 32, /* of the library, where the compiler would have it here */
        KNOWS = 64,  /* it has popped the first one before */
};

static int (*const volatile push_called)(weft_ring_t *, const void *,
                                         uint64_t) = weft_ring_push;
static int (*const volatile pop_called)(weft_ring_t *, void *, uint64_t) = weft_ring_pop;

static struct { /* what a survivor has got */
        uint64_t got[MOST];
        int n;
} memory;
static struct weft_ring_item hand;

static uint32_t bytes_of(const struct crash *c)
{
        uint64_t mode = c->self->arg[MODE];
        return mode == WORD ? 8 : mode == WIDE ? LINE : LARGE;
}

static bool may(const struct crash *c, uint64_t what)
{
        return c->self->arg[WHAT] & what;
}

static weft_ring_t *ring_of(const struct crash *c)
{
        return c->handle;
}

/* 8 words, 7 larger elements, 10 records, 4 elements that have lines of their own. */
static struct weft_ring_options options_of(const struct crash *c)
{
        static const struct weft_ring_options of[] = {
                [WORD] = { 8, 8, 0 },
                [BLOCK] = { 4, LARGE, 0 },
                [RECORD] = { 512, LARGE, WEFT_RING_BYTES },
                [WIDE] = { 4, LINE, 0 },
        };
        return of[c->self->arg[MODE]];
}

static uint64_t capacity_of(const struct crash *c)
{
        static const uint64_t of[] = {
                [WORD] = 8, [BLOCK] = 7, [RECORD] = 10, [WIDE] = 4
        };
        return of[c->self->arg[MODE]];
}

static uint64_t held(const struct crash *c)
{
        return c->self->arg[HELD] == FULL ? capacity_of(c) : c->self->arg[HELD];
}

/* ---- elements ------------------------------------------------------------ */

static void element_fill(const struct crash *c, void *at, uint64_t number)
{
        for (uint32_t i = 0; i < bytes_of(c); i += 8)
                memcpy((char *)at + i, &number, 8);
}

static uint64_t element_read(struct crash *c, const void *at)
{
        uint64_t first, v;
        memcpy(&first, at, 8);
        for (uint32_t i = 8; i < bytes_of(c); i += 8) {
                memcpy(&v, (const char *)at + i, 8);
                CRASH_MUST(c, CRASH_BROKEN, v == first);
        }
        return first;
}

static int push(struct crash *c, uint64_t number)
{
        char element[LINE];
        element_fill(c, element, number);
        if (may(c, CALLED))
                return push_called(ring_of(c), element, WEFT_NOW);
        return c->self->arg[MODE] == RECORD
                       ? weft_ring_push_record(ring_of(c), element, LARGE, WEFT_NOW)
                       : weft_ring_push(ring_of(c), element, WEFT_NOW);
}

static int pop(struct crash *c, uint64_t *number)
{
        char element[LINE];
        int rc;
        if (c->self->arg[MODE] == RECORD) {
                int64_t n = weft_ring_pop_record(ring_of(c), element, LARGE, WEFT_NOW);
                CRASH_MUST(c, CRASH_BROKEN, n < 0 || n == LARGE);
                rc = n < 0 ? (int)n : 0;
        } else if (may(c, CALLED)) {
                rc = pop_called(ring_of(c), element, WEFT_NOW);
        } else {
                rc = weft_ring_pop(ring_of(c), element, WEFT_NOW);
        }
        if (!rc)
                *number = element_read(c, element);
        return rc;
}

/* ---- what is there before ------------------------------------------------ */

/* Once around the ring first, so that positions are not the first ones. */
static void setup(struct crash *c)
{
        struct weft_ring_options options = options_of(c);
        weft_ring_t *ring;
        uint64_t number;
        weft_kit_create(c);
        WEFT_MUST(c, weft_ring_create(arena_of(c), "r", &options, &ring));
        c->handle = ring;
        for (uint64_t i = may(c, EDGE) ? 1 : 0; i < 2 * capacity_of(c) + 5; i++) {
                WEFT_MUST(c, push(c, 999));
                WEFT_MUST(c, pop(c, &number));
        }
        for (uint64_t i = 0; i < held(c); i++)
                WEFT_MUST(c, push(c, i + 1));
        if (c->self->arg[HELD] == FULL)
                CRASH_MUST(c, CRASH_BROKEN, push(c, 5) == -EAGAIN);
}

static void setup_shut(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_ring_shutdown(ring_of(c)));
}

/* Its last producer, and its last consumer, have died. */
static void sit_and_die(struct crash *c)
{
        uint64_t number;
        WEFT_MUST(c, weft_ring_open(arena_of(c), "r", (weft_ring_t **)&c->handle));
        WEFT_MUST(c, pop(c, &number));
        WEFT_MUST(c, weft_ring_attach(c->handle, WEFT_RING_PRODUCER, WEFT_NOW));
}

static void setup_dead(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_ring_detach(ring_of(c), WEFT_RING_PRODUCER));
        WEFT_MUST(c, weft_ring_detach(ring_of(c), WEFT_RING_CONSUMER));
        weft_ring_close(ring_of(c));
        weft_kit_corpse(c, sit_and_die);
        c->note->value[BATCH] = 1; /* it has had the first one */
}

static void open_ring(struct crash *c)
{
        weft_ring_t *ring;
        weft_kit_open(c);
        WEFT_MUST(c, weft_ring_open(arena_of(c), "r", &ring));
        c->handle = ring;
}

static enum weft_ring_side side_of(const struct crash *c)
{
        return may(c, PUSHES) ? WEFT_RING_PRODUCER : WEFT_RING_CONSUMER;
}

static void prepare_seat(struct crash *c)
{
        WEFT_MUST(c, weft_ring_attach(ring_of(c), side_of(c), WEFT_NOW));
}

/* An operation of its kind is behind it: it knows where the other side is. */
static void prepare_both(struct crash *c)
{
        WEFT_MUST(c, weft_ring_attach(ring_of(c), WEFT_RING_PRODUCER, WEFT_NOW));
        WEFT_MUST(c, weft_ring_attach(ring_of(c), WEFT_RING_CONSUMER, WEFT_NOW));
}

static void prepare_loan(struct crash *c)
{
        WEFT_MUST(c, weft_ring_loan(ring_of(c), LARGE, &hand, WEFT_NOW));
        element_fill(c, hand.at, VICTIM);
}

static void prepare_warm(struct crash *c)
{
        struct weft_ring_item item;
        if (weft_ring_loan(ring_of(c), LARGE, &item, WEFT_NOW))
                prepare_seat(c);
}

static void prepare_take(struct crash *c)
{
        WEFT_MUST(c, weft_ring_take(ring_of(c), &hand, WEFT_NOW));
        CRASH_MUST(c, CRASH_BROKEN, element_read(c, hand.at) == 1);
}

/* It has popped one, and knows that there are more in the line. */
static void prepare_known(struct crash *c)
{
        uint64_t number;
        WEFT_MUST(c, pop(c, &number));
        CRASH_MUST(c, CRASH_BROKEN, number == 1);
        c->note->value[BATCH] = number;
}

/* It has pushed one, and knows that the line is free. */
static void prepare_pushed(struct crash *c)
{
        WEFT_MUST(c, push(c, BEFORE));
}

static void prepare_popped(struct crash *c)
{
        uint64_t number;
        WEFT_MUST(c, pop(c, &number));
        CRASH_MUST(c, CRASH_BROKEN, number == 1);
}

/* ---- the operations: value[0] counts pushes that are done; value[1 ..] were popped -- */

#define PLAIN(op, call) \
        static void op(struct crash *c) \
        { \
                c->note->rc = (call); \
        }
PLAIN(op_attach, weft_ring_attach(ring_of(c), side_of(c), WEFT_NOW))
PLAIN(op_detach, weft_ring_detach(ring_of(c), side_of(c)))
PLAIN(op_loan, weft_ring_loan(ring_of(c), LARGE, &hand, WEFT_NOW))
PLAIN(op_take, weft_ring_take(ring_of(c), &hand, WEFT_NOW))
PLAIN(op_shutdown, weft_ring_shutdown(ring_of(c)))

static void op_push(struct crash *c)
{
        int rc = push(c, VICTIM);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_push_n(struct crash *c)
{
        char elements[BATCH * LARGE];
        for (unsigned i = 0; i < BATCH; i++)
                element_fill(c, elements + i * bytes_of(c), VICTIM + i);
        int64_t n = weft_ring_push_n(ring_of(c), elements, BATCH, WEFT_NOW);
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
        char elements[BATCH * LARGE];
        int64_t n = weft_ring_pop_n(ring_of(c), elements, BATCH, WEFT_NOW);
        for (int64_t i = 0; i < n; i++)
                c->note->value[1 + i] =
                        element_read(c, elements + (size_t)i * bytes_of(c));
        c->note->rc = n;
}

static void op_commit(struct crash *c)
{
        int rc = weft_ring_commit(ring_of(c), &hand, LARGE);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_release(struct crash *c)
{
        int rc = weft_ring_release(ring_of(c), &hand);
        c->note->value[1] = rc == 0; /* number 1 is done with */
        c->note->rc = rc;
}

static void op_peek(struct crash *c)
{
        char element[LARGE];
        int64_t rc = weft_ring_peek(ring_of(c), element, LARGE);
        if (rc > 0)
                CRASH_MUST(c, CRASH_BROKEN, element_read(c, element) == 1);
        c->note->rc = rc;
}

static void op_select(struct crash *c)
{
        char element[LARGE];
        struct weft_case pops = {
                .object = ring_of(c), .op = WEFT_OP_POP, .to = element, .n = LARGE
        };
        int rc = weft_select(&pops, 1, 0, WEFT_NOW);
        c->note->value[1] = rc == 0 ? element_read(c, element) : 0;
        c->note->rc = rc;
}

static void op_close(struct crash *c)
{
        weft_ring_close(ring_of(c));
}

static void op_create(struct crash *c)
{
        struct weft_ring_options options = options_of(c);
        weft_ring_t *ring;
        c->note->rc = weft_ring_create(arena_of(c), "r", &options, &ring);
}

static void op_open(struct crash *c)
{
        weft_ring_t *ring;
        c->note->rc = weft_ring_open(arena_of(c), "r", &ring);
}

static void op_info(struct crash *c)
{
        struct weft_ring_info info;
        c->note->rc = weft_ring_info(ring_of(c), &info);
}

/* ---- the others ---------------------------------------------------------- */

static void keep(struct crash *c, uint64_t number)
{
        CRASH_MUST(c, CRASH_DUPLICATED, memory.n < MOST);
        memory.got[memory.n++] = number;
}

static void must_pop(struct crash *c)
{
        uint64_t number;
        int rc = pop(c, &number);
        if (rc)
                crash_fail(c, CRASH_WEDGED, "pop: %d", rc);
        keep(c, number);
}

static void must_push(struct crash *c)
{
        int rc = push(c, SURVIVOR + c->word[0]);
        if (rc == -EPIPE && may(c, SHUTS)) {
                c->word[1] = 1;
                return;
        }
        if (rc)
                crash_fail(c, CRASH_WEDGED, "push: %d", rc);
        c->word[0]++;
}

/* Who is stopped keeps his side; the dead do not. */
static bool has_side(struct crash *c, enum weft_ring_side side)
{
        int rc = weft_ring_attach(ring_of(c), side, WEFT_NOW);
        if (rc == -EBUSY && c->how == CRASH_STOPPED)
                return false;
        if (rc)
                crash_fail(c, CRASH_WEDGED, "attach: %d", rc);
        return true;
}

/* First the other side, of which the victim holds nothing; then its own. Both are given up
 * again: who is stopped may be about to take them. */
static void survive(struct crash *c)
{
        uint64_t gone = may(c, POPS_MANY) ? BATCH : may(c, POPS) ? 1 : 0;
        gone += may(c, KNOWS);
        uint64_t more = may(c, PUSHES) ? BATCH : 0;
        bool push_side = has_side(c, WEFT_RING_PRODUCER);
        bool pop_side = has_side(c, WEFT_RING_CONSUMER);
        if (pop_side && held(c) > gone)
                must_pop(c);
        if (push_side && held(c) - (pop_side && held(c) > gone) + more < capacity_of(c))
                must_push(c);
        if (push_side)
                WEFT_MUST(c, weft_ring_detach(ring_of(c), WEFT_RING_PRODUCER));
        if (pop_side)
                WEFT_MUST(c, weft_ring_detach(ring_of(c), WEFT_RING_CONSUMER));
}

/* How often survivors have got it, and the victim says that it has. */
static int count(const struct crash *c, uint64_t number)
{
        int n = 0;
        for (int i = 0; i < memory.n; i++)
                n += memory.got[i] == number;
        for (int i = 1; i <= BATCH; i++)
                n += c->note->value[i] == number;
        return n;
}

/* All of [from, from + n) once: or up to `missing` of them not at all, the first ones. */
static void must_be_there(struct crash *c, uint64_t from, uint64_t n, int missing)
{
        for (uint64_t x = from; x < from + n; x++) {
                int times = count(c, x);
                if (times > 1)
                        crash_fail(c, CRASH_DUPLICATED, "element %d is there %d times",
                                   (int)x, times);
                if (times == 0 && missing-- <= 0)
                        crash_fail(c, CRASH_LOST, "element %d is gone", (int)x);
        }
}

static void drain(struct crash *c)
{
        uint64_t number;
        int rc;
        while ((rc = pop(c, &number)) == 0)
                keep(c, number);
        CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN || (may(c, SHUTS) && rc == -EPIPE));
        for (int i = 1; i < memory.n; i++)
                if (c->how == CRASH_KILLED ||
                    memory.got[i - 1] / 100 == memory.got[i] / 100)
                        CRASH_MUST(c, CRASH_BROKEN, memory.got[i - 1] < memory.got[i]);
}

static void check_elements(struct crash *c)
{
        int missing = c->note->done       ? 0
                      : may(c, POPS_MANY) ? BATCH
                      : may(c, POPS)      ? 1
                                          : 0;
        uint64_t first = may(c, KNOWS) ? 2 : 1;
        drain(c);
        must_be_there(c, first, held(c) + 1 - first, missing);
        must_be_there(c, SURVIVOR, c->word[0], 0);
        must_be_there(c, VICTIM, c->note->value[0], 0);
        for (uint64_t x = VICTIM; x < VICTIM + BATCH; x++) {
                int times = count(c, x);
                CRASH_MUST(c, CRASH_DUPLICATED, times <= 1);
                if (c->note->done && x >= VICTIM + c->note->value[0])
                        CRASH_MUST(c, CRASH_DUPLICATED, times == 0);
        }
}

/* Nothing sticks, and every place is still there. */
static void check_room(struct crash *c)
{
        struct weft_ring_info info;
        WEFT_MUST(c, weft_ring_info(ring_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.length == 0 && info.waiting == 0);
        if (info.shut)
                return;
        for (int lap = 0; lap < 2; lap++) {
                for (uint64_t i = 0; i < capacity_of(c); i++)
                        CRASH_MUST(c, CRASH_LEAKED, push(c, i + 1) == 0);
                CRASH_MUST(c, CRASH_DUPLICATED, push(c, 7) == -EAGAIN);
                for (uint64_t i = 0, x; i < capacity_of(c); i++)
                        CRASH_MUST(c, CRASH_LOST, pop(c, &x) == 0 && x == i + 1);
        }
}

static void verify(struct crash *c)
{
        int64_t rc = c->note->rc;
        CRASH_MUST(c, CRASH_BROKEN,
                   rc >= 0 || rc == -EAGAIN || rc == -EEXIST ||
                           (may(c, SHUTS) && rc == -EPIPE));
        check_elements(c);
        check_room(c);
        weft_ring_close(ring_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "r"));
        weft_kit_nothing_left(c, 0);
}

/* All that counts is popped before who was stopped goes on: he must not say that his does. */
static void survive_and_shut(struct crash *c)
{
        WEFT_MUST(c, weft_ring_shutdown(ring_of(c)));
        if (!has_side(c, WEFT_RING_CONSUMER))
                return;
        drain(c);
        WEFT_MUST(c, weft_ring_detach(ring_of(c), WEFT_RING_CONSUMER));
}

static void verify_shut(struct crash *c)
{
        if (c->note->done || c->word[1]) /* somebody was told so: for ever */
                CRASH_MUST(c, CRASH_LOST, push(c, 5) == -EPIPE);
        verify(c);
}

static void survive_create(struct crash *c)
{
        struct weft_ring_options options = options_of(c);
        weft_ring_t *ring;
        WEFT_MUST(c, weft_ring_create_or_open(arena_of(c), "r", &options, &ring));
        c->handle = ring;
        must_push(c);
        must_pop(c);
}

/* ---- one who sleeps ------------------------------------------------------------ */

static int sleep_to_pop(struct crash *c)
{
        char element[LINE];
        uint64_t until = weft_after(SLEEPER_SECONDS * WEFT_SEC);
        sleeper_outlives_host();
        if (c->self->arg[MODE] != RECORD)
                return weft_ring_pop(ring_of(c), element, until);
        int64_t n = weft_ring_pop_record(ring_of(c), element, LARGE, until);
        return n < 0 ? (int)n : 0;
}

static int sleep_to_push(struct crash *c)
{
        char element[LINE];
        uint64_t until = weft_after(SLEEPER_SECONDS * WEFT_SEC);
        sleeper_outlives_host();
        element_fill(c, element, SURVIVOR);
        return c->self->arg[MODE] == RECORD
                       ? weft_ring_push_record(ring_of(c), element, LARGE, until)
                       : weft_ring_push(ring_of(c), element, until);
}

static uint32_t asleep(struct crash *c)
{
        struct weft_ring_info info;
        WEFT_MUST(c, weft_ring_info(ring_of(c), &info));
        return info.waiting;
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_ring_detach(ring_of(c), WEFT_RING_PRODUCER));
        WEFT_MUST(c, weft_ring_detach(ring_of(c), WEFT_RING_CONSUMER));
        sleeper_start(c, held(c) ? sleep_to_push : sleep_to_pop);
        sleeper_sleeps(c, asleep);
}

/* The victim has done it, or never will; then a survivor does. */
static void survive_sleeper(struct crash *c)
{
        enum weft_ring_side side = held(c) ? WEFT_RING_CONSUMER : WEFT_RING_PRODUCER;
        uint64_t number;
        if (has_side(c, side)) {
                (void)!(held(c) ? pop(c, &number) : push(c, SURVIVOR));
                WEFT_MUST(c, weft_ring_detach(ring_of(c), side));
                CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
        }
}

static void verify_sleeper(struct crash *c)
{
        uint64_t number;
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
        sleeper_end(c);
        while (pop(c, &number) == 0)
                ;
        check_room(c);
        weft_kit_whole(c);
}

/* ---- the table ----------------------------------------------------------- */

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, verify_, ...) \
        { \
                .name = "ring/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), \
                .arg = { __VA_ARGS__ } \
        }
#define OP(name_, prepare_, victim_, ...) \
        CASE(name_, setup, open_ring, prepare_, victim_, survive, verify, __VA_ARGS__)
#define MODES(name_, prepare_, victim_, held, what) \
        OP("word/" name_, prepare_, victim_, held, WORD, what), \
                OP("block/" name_, prepare_, victim_, held, BLOCK, what), \
                OP("record/" name_, prepare_, victim_, held, RECORD, what)
#define BOTH(name_, prepare_, victim_, held, what) \
        OP("word/" name_, prepare_, victim_, held, WORD, what), \
                OP("block/" name_, prepare_, victim_, held, BLOCK, what)
#define DEAD(name_, victim_, mode, what) \
        CASE(name_, setup_dead, open_ring, NULL, victim_, survive, verify, 5, mode, what)
#define SHUT(name_, held, mode, victim_, what) \
        CASE(name_, setup_shut, open_ring, prepare_seat, victim_, NULL, verify, held, \
             mode, what)
#define SHUT_BESIDE(name_, prepare_, victim_, held, mode) \
        CASE(name_, setup, open_ring, prepare_, victim_, survive_and_shut, verify, held, \
             mode, PUSHES | SHUTS)
#define SLEEPER(name_, victim_, held, mode, what) \
        { \
                .name = "ring/" name_, .kit = &weft_kit, .setup = setup_sleeper, \
                .open = open_ring, .prepare = prepare_seat, .victim = victim_, \
                .survive = survive_sleeper, .verify = verify_sleeper, \
                .flags = CRASH_KEEP_HOST | CRASH_REAL, \
                .arg = { held, \
                         mode, \
                         what } \
        }

static const struct crash_case cases[] = {
        BOTH("push/empty", prepare_warm, op_push, 0, PUSHES),
        MODES("push/middle", prepare_warm, op_push, 6, PUSHES),
        MODES("push/full", prepare_warm, op_push, FULL, PUSHES),
        MODES("push/first operation", NULL, op_push, 1, PUSHES),
        OP("word/pop/known", prepare_known, op_pop, 5, WORD, POPS),
        OP("word/pop/end of a line", prepare_seat, op_pop, 3, WORD, POPS | EDGE),
        OP("word/push called/middle", prepare_warm, op_push, 5, WORD, PUSHES | CALLED),
        OP("word/push called/end of a line", prepare_warm, op_push, 6, WORD,
           PUSHES | CALLED),
        OP("word/pop called/known", prepare_known, op_pop, 5, WORD, POPS | CALLED),
        OP("word/pop called/end of a line", prepare_seat, op_pop, 3, WORD,
           POPS | EDGE | CALLED),
        OP("word/push/on the way", prepare_pushed, op_push, 4, WORD, PUSHES),
        OP("word/push/on the way, end of a line", prepare_pushed, op_push, 5, WORD,
           PUSHES),
        OP("block/push/on the way", prepare_pushed, op_push, 3, BLOCK, PUSHES),
        OP("wide/push/on the way", prepare_pushed, op_push, 1, WIDE, PUSHES),
        OP("wide/push called/on the way", prepare_pushed, op_push, 1, WIDE,
           PUSHES | CALLED),
        OP("block/pop/on the way", prepare_known, op_pop, 4, BLOCK, POPS),
        OP("wide/pop/on the way", prepare_known, op_pop, 3, WIDE, POPS),
        OP("wide/pop called/on the way", prepare_known, op_pop, 3, WIDE, POPS | CALLED),
        OP("word/push_n/on the way", prepare_pushed, op_push_n, 4, WORD, PUSHES),
        OP("word/push_n/on the way, nearly full", prepare_pushed, op_push_n, 6, WORD,
           PUSHES),
        OP("word/pop_n/on the way", prepare_popped, op_pop_n, 5, WORD, POPS_MANY | KNOWS),
        OP("word/pop_n/on the way, next line", prepare_popped, op_pop_n, 8, WORD,
           POPS_MANY | KNOWS | EDGE),
        OP("record/pop/empty", prepare_seat, op_pop, 0, RECORD, POPS),
        MODES("pop/middle", prepare_seat, op_pop, 3, POPS),
        MODES("pop/full", prepare_seat, op_pop, FULL, POPS),
        MODES("pop/first operation", NULL, op_pop, 2, POPS),
        OP("word/push_n/empty", prepare_warm, op_push_n, 0, WORD, PUSHES),
        BOTH("push_n/nearly full", prepare_seat, op_push_n, 6, PUSHES),
        BOTH("pop_n/middle", prepare_seat, op_pop_n, 2, POPS_MANY),
        BOTH("pop_n/full", prepare_seat, op_pop_n, FULL, POPS_MANY),
        OP("block/loan/middle", prepare_seat, op_loan, 2, BLOCK, PUSHES),
        OP("record/loan/middle", prepare_seat, op_loan, 2, RECORD, PUSHES),
        OP("word/commit/empty", prepare_loan, op_commit, 0, WORD, PUSHES),
        MODES("commit/middle", prepare_loan, op_commit, 3, PUSHES),
        OP("word/take/middle", prepare_seat, op_take, 2, WORD, 0),
        OP("record/take/middle", prepare_seat, op_take, 2, RECORD, 0),
        MODES("release/middle", prepare_take, op_release, 2, POPS),
        OP("block/release/last", prepare_take, op_release, 1, BLOCK, POPS),
        OP("word/peek", prepare_seat, op_peek, 2, WORD, 0),
        OP("record/peek", prepare_seat, op_peek, 2, RECORD, 0),
        OP("word/select", prepare_seat, op_select, 2, WORD, POPS),
        OP("record/select", NULL, op_select, 2, RECORD, POPS),
        OP("word/attach/producer", weft_kit_join, op_attach, 3, WORD, PUSHES),
        OP("record/attach/producer", NULL, op_attach, 3, RECORD, PUSHES),
        OP("block/attach/consumer", NULL, op_attach, 3, BLOCK, 0),
        OP("word/detach/producer", prepare_both, op_detach, 3, WORD, PUSHES),
        OP("record/detach/consumer", prepare_both, op_detach, 3, RECORD, 0),
        DEAD("word/push/of the dead", op_push, WORD, PUSHES),
        DEAD("record/push/of the dead", op_push, RECORD, PUSHES),
        DEAD("block/pop/of the dead", op_pop, BLOCK, POPS),
        DEAD("record/attach/of the dead", op_attach, RECORD, 0),
        OP("word/close/both sides", prepare_both, op_close, 3, WORD, 0),
        OP("record/close/with a take", prepare_take, op_close, 3, RECORD, 0),
        OP("word/info", prepare_seat, op_info, 3, WORD, 0),
        OP("record/info", prepare_seat, op_info, 3, RECORD, 0),
        CASE("word/shutdown/middle", setup, open_ring, prepare_both, op_shutdown, survive,
             verify_shut, 2, WORD, SHUTS),
        CASE("record/shutdown/empty", setup, open_ring, NULL, op_shutdown, survive,
             verify_shut, 0, RECORD, SHUTS),
        SHUT("word/pop/shut", 2, WORD, op_pop, SHUTS | POPS),
        SHUT("word/pop/the end", 0, WORD, op_pop, SHUTS | POPS),
        SHUT("block/pop/the end", 0, BLOCK, op_pop, SHUTS | POPS),
        SHUT("record/pop/the end", 0, RECORD, op_pop, SHUTS | POPS),
        SHUT("block/push/shut", 2, BLOCK, op_push, SHUTS | PUSHES),
        SHUT_BESIDE("word/push/shut beside", prepare_pushed, op_push, 4, WORD),
        SHUT_BESIDE("wide/push/shut beside", prepare_pushed, op_push, 1, WIDE),
        SHUT_BESIDE("block/push/shut beside", prepare_pushed, op_push, 3, BLOCK),
        SHUT_BESIDE("record/push/shut beside", prepare_warm, op_push, 3, RECORD),
        SHUT_BESIDE("word/push_n/shut beside", prepare_pushed, op_push_n, 4, WORD),
        CASE("record/create", weft_kit_create, weft_kit_open, NULL, op_create,
             survive_create, verify, 0, RECORD, 0),
        CASE("block/open", setup, weft_kit_open, NULL, op_open, survive_create, verify, 0,
             BLOCK, 0),
        SLEEPER("word/push/asleep", op_push, 0, WORD, PUSHES),
        SLEEPER("word/push called/asleep", op_push, 0, WORD, PUSHES | CALLED),
        SLEEPER("record/commit/asleep", op_push, 0, RECORD, PUSHES),
        SLEEPER("word/pop/asleep", op_pop, FULL, WORD, POPS),
        SLEEPER("wide/push/asleep", op_push, 0, WIDE, PUSHES),
        SLEEPER("wide/pop/asleep", op_pop, FULL, WIDE, POPS),
        SLEEPER("block/pop_n/asleep", op_pop_n, FULL, BLOCK, POPS_MANY),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
