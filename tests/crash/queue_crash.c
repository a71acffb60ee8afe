/* tests/crash/queue_crash.c -- the queue, in its four modes: values, blocks, leases, batches.
 *
 * Elements are numbers, spread over the element's bytes and checked. Some, 1 up,
 * are in the queue before; the victim pushes from 101, survivors from 201. What survivors
 * get is kept, the rest is drained at the end, and then everything must be there once. */
#include <errno.h>
#include <string.h>

#include <weft/block.h>
#include <weft/object.h>
#include <weft/queue.h>

#include "tests/crash/element_kit.h"

enum { SMALL = 4, CAPACITY = 32, LARGE = 40 };
enum { VICTIM = 101, SURVIVOR = 201, BATCH = 3 };
enum { HELD, MODE, WHAT, ROOM };       /* of self->arg */
enum { VALUE, BLOCK, LEASE, BATCHES }; /* modes */
/* What the operation may do, self->arg[WHAT]: it pops a batch, or one; pushes a batch; the
 * queue is shut; what it takes it only leases, and it acknowledges nothing. */
enum { TAKES = 1, ONE_MAY_GO = 2, PUSHES = 4, SHUTS = 8, KEEPS = 16 };

static struct weft_element hand;

static uint32_t bytes_of(const struct crash *c)
{
        return c->self->arg[MODE] == VALUE ? 8 : LARGE;
}

static bool leases(const struct crash *c)
{
        return c->self->arg[MODE] == LEASE;
}

static bool batches(const struct crash *c)
{
        return c->self->arg[MODE] == BATCHES;
}

static bool may(const struct crash *c, uint64_t what)
{
        return c->self->arg[WHAT] & what;
}

static uint64_t capacity_of(const struct crash *c)
{
        return c->self->arg[ROOM] ? c->self->arg[ROOM] : CAPACITY;
}

static weft_queue_t *queue_of(const struct crash *c)
{
        return c->handle;
}

/* ---- elements ------------------------------------------------------------ */

static int push(struct crash *c, uint64_t number)
{
        char element[LARGE];
        element_fill(c, element, number);
        return weft_queue_push(queue_of(c), element, WEFT_NOW);
}

static int pop(struct crash *c, uint64_t *number)
{
        char element[LARGE];
        int rc = weft_queue_pop(queue_of(c), element, WEFT_NOW);
        if (!rc)
                *number = element_read(c, element);
        return rc;
}

/* ---- what is there before ------------------------------------------------ */

static struct weft_queue_options options_of(const struct crash *c)
{
        return (struct weft_queue_options){ .capacity = capacity_of(c),
                                            .element_bytes = bytes_of(c),
                                            .flags = leases(c)    ? WEFT_QUEUE_LEASE
                                                     : batches(c) ? WEFT_QUEUE_BATCH
                                                                  : 0 };
}

/* Elements 1 to n, as many in a cell as go. */
static void push_together(struct crash *c, uint64_t n)
{
        char elements[CAPACITY * LARGE];
        for (uint64_t i = 0; i < n; i++)
                element_fill(c, elements + i * bytes_of(c), i + 1);
        CRASH_MUST(c, CRASH_BROKEN,
                   weft_queue_push_n(queue_of(c), elements, n, WEFT_NOW) == (int64_t)n);
}

/* Once around the ring first, so that positions are not the first ones. */
static void setup(struct crash *c)
{
        struct weft_queue_options options = options_of(c);
        weft_queue_t *queue;
        uint64_t number;
        weft_kit_create(c);
        WEFT_MUST(c, weft_queue_create(arena_of(c), "q", &options, &queue));
        c->handle = queue;
        for (uint64_t i = 0; i < capacity_of(c) + 1; i++) {
                WEFT_MUST(c, push(c, 999));
                WEFT_MUST(c, pop(c, &number));
        }
        if (batches(c)) {
                push_together(c, c->self->arg[HELD]);
                return;
        }
        for (uint64_t i = 0; i < c->self->arg[HELD]; i++)
                WEFT_MUST(c, push(c, i + 1));
}

static void setup_shut(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_queue_shutdown(queue_of(c)));
}

static void open_queue(struct crash *c)
{
        weft_queue_t *queue;
        weft_kit_open(c);
        WEFT_MUST(c, weft_queue_open(arena_of(c), "q", &queue));
        c->handle = queue;
}

/* Its first operation here is behind it: it has its seat, its hands, its hints. */
static void prepare_warm(struct crash *c)
{
        struct weft_element e;
        if (c->self->arg[MODE] == BLOCK || leases(c)) {
                WEFT_MUST(c, weft_queue_loan(queue_of(c), &e));
                WEFT_MUST(c, weft_queue_release(queue_of(c), &e));
        } else {
                weft_kit_join(c);
        }
}

static void prepare_loan(struct crash *c)
{
        WEFT_MUST(c, weft_queue_loan(queue_of(c), &hand));
        element_fill(c, hand.at, VICTIM);
}

static void prepare_take(struct crash *c)
{
        WEFT_MUST(c, weft_queue_take(queue_of(c), &hand, WEFT_NOW));
        CRASH_MUST(c, CRASH_BROKEN, element_read(c, hand.at) == 1);
        if (!leases(c))
                c->note->value[1] = 1; /* delivered */
}

/* ---- the operations: value[0] counts pushes that are done; value[1 ..] were popped -- */

#define PLAIN(op, call) \
        static void op(struct crash *c) \
        { \
                c->note->rc = (call); \
        }
PLAIN(op_loan, weft_queue_loan(queue_of(c), &hand))
PLAIN(op_release, weft_queue_release(queue_of(c), &hand))
PLAIN(op_nack, weft_queue_nack(queue_of(c), &hand))
PLAIN(op_shutdown, weft_queue_shutdown(queue_of(c)))

static void op_push(struct crash *c)
{
        char element[LARGE];
        element_fill(c, element, VICTIM);
        int rc = weft_queue_push(queue_of(c), element, WEFT_NOW);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_push_n(struct crash *c)
{
        char elements[BATCH * LARGE];
        for (unsigned i = 0; i < BATCH; i++)
                element_fill(c, elements + i * bytes_of(c), VICTIM + i);
        int64_t n = weft_queue_push_n(queue_of(c), elements, BATCH, WEFT_NOW);
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
        int64_t n = weft_queue_pop_n(queue_of(c), elements, BATCH, WEFT_NOW);
        for (int64_t i = 0; i < n; i++)
                c->note->value[1 + i] =
                        element_read(c, elements + (size_t)i * bytes_of(c));
        c->note->rc = n;
}

static void op_commit(struct crash *c)
{
        int rc = weft_queue_commit(queue_of(c), &hand, WEFT_NOW);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_take(struct crash *c)
{
        int rc = weft_queue_take(queue_of(c), &hand, WEFT_NOW);
        if (!rc && !leases(c))
                c->note->value[1] = element_read(c, hand.at);
        c->note->rc = rc;
}

static void op_ack(struct crash *c)
{
        int rc = weft_queue_ack(queue_of(c), &hand);
        c->note->value[1] = rc == 0; /* number 1 is done with */
        c->note->rc = rc;
}

static void op_close(struct crash *c)
{
        weft_queue_close(queue_of(c));
}

static void op_create(struct crash *c)
{
        struct weft_queue_options options = options_of(c);
        weft_queue_t *queue;
        c->note->rc = weft_queue_create(arena_of(c), "q", &options, &queue);
}

static void op_open(struct crash *c)
{
        weft_queue_t *queue;
        c->note->rc = weft_queue_open(arena_of(c), "q", &queue);
}

static void op_info(struct crash *c)
{
        struct weft_queue_info info;
        c->note->rc = weft_queue_info(queue_of(c), &info);
}

/* ---- the others ---------------------------------------------------------- */

static void pop_and_keep(struct crash *c)
{
        uint64_t number;
        int rc = pop(c, &number);
        if (rc && !(rc == -EPIPE && may(c, SHUTS)))
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

/* Elements that the victim cannot have taken; those go out, as many come in. */
static void survive(struct crash *c)
{
        uint64_t held = c->self->arg[HELD];
        uint64_t gone = may(c, TAKES) ? BATCH : may(c, ONE_MAY_GO) ? 1 : 0;
        uint64_t room = capacity_of(c) - held, more = may(c, PUSHES) ? BATCH : 0;
        if (room > more) { /* there is surely room: in, then out */
                must_push(c, SURVIVOR);
                pop_and_keep(c);
        } else if (held > gone) {
                pop_and_keep(c);
                if (more == 0 || held > gone + 1)
                        must_push(c, SURVIVOR);
        }
}

/* All of [from, from + n) once: or up to `missing` of them not at all, the first ones. */
static void must_be_there(struct crash *c, uint64_t from, uint64_t n, int missing)
{
        for (uint64_t x = from; x < from + n; x++) {
                int times = at_most_once(c, x, BATCH);
                if (times == 0 && missing-- <= 0)
                        crash_fail(c, CRASH_LOST, "element %d is gone", (int)x);
        }
}

/* FIFO: of one producer's elements an earlier one comes before a later one. */
static void must_be_in_order(struct crash *c)
{
        for (int i = 0; i < memory.n; i++)
                for (int k = i + 1; k < memory.n; k++)
                        if (memory.got[i] / 100 == memory.got[k] / 100 && !leases(c))
                                CRASH_MUST(c, CRASH_BROKEN,
                                           memory.got[i] < memory.got[k]);
}

static void drain(struct crash *c)
{
        uint64_t number;
        int rc;
        while ((rc = pop(c, &number)) == 0)
                keep(c, number);
        CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN || (may(c, SHUTS) && rc == -EPIPE));
}

/* As many as the victim may have taken with it when it was killed before it could say so.
 * A pop acknowledges what it has copied out; a take in a queue that leases does not. */
static int may_be_missing(const struct crash *c)
{
        if (c->note->done || (leases(c) && may(c, KEEPS)))
                return 0;
        return may(c, TAKES) ? BATCH : may(c, ONE_MAY_GO) ? 1 : 0;
}

static void check_elements(struct crash *c)
{
        drain(c);
        must_be_in_order(c);
        must_be_there(c, 1, c->self->arg[HELD], may_be_missing(c));
        must_be_there(c, SURVIVOR, c->word[0], 0);
        must_be_there(c, VICTIM, c->note->value[0], 0);
        for (uint64_t x = VICTIM; x < VICTIM + BATCH; x++) {
                int times = times_got(c, x, BATCH);
                CRASH_MUST(c, CRASH_DUPLICATED, times <= 1);
                if (c->note->done && c->how == CRASH_KILLED &&
                    x >= VICTIM + c->note->value[0])
                        CRASH_MUST(c, CRASH_DUPLICATED, times == 0);
        }
}

/* Every cell, and every box that belongs to one, is still there. */
static void check_room(struct crash *c)
{
        struct weft_queue_info info;
        struct weft_element e[CAPACITY];
        WEFT_MUST(c, weft_queue_info(queue_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.length == 0 && info.leased == 0);
        if (info.shut)
                return;
        for (int lap = 0; lap < 2; lap++) {
                for (uint64_t i = 0; i < capacity_of(c); i++)
                        CRASH_MUST(c, CRASH_LEAKED, push(c, i + 1) == 0);
                CRASH_MUST(c, CRASH_DUPLICATED, push(c, 7) == -EAGAIN);
                for (uint64_t i = 0, x; i < capacity_of(c); i++)
                        CRASH_MUST(c, CRASH_LOST, pop(c, &x) == 0 && x == i + 1);
        }
        if (c->self->arg[MODE] == VALUE || batches(c))
                return;
        for (uint64_t i = 0; i < capacity_of(c); i++)
                CRASH_MUST(c, CRASH_LEAKED, weft_queue_loan(queue_of(c), &e[i]) == 0);
        for (uint64_t i = 0; i < capacity_of(c); i++)
                WEFT_MUST(c, weft_queue_release(queue_of(c), &e[i]));
}

static void verify(struct crash *c)
{
        int64_t rc = c->note->rc;
        CRASH_MUST(c, CRASH_BROKEN,
                   rc >= 0 || rc == -EAGAIN || rc == -EEXIST ||
                           (may(c, SHUTS) && rc == -EPIPE));
        check_elements(c);
        check_room(c);
        weft_queue_close(queue_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "q"));
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
        struct weft_queue_options options = options_of(c);
        weft_queue_t *queue;
        WEFT_MUST(c, weft_queue_create_or_open(arena_of(c), "q", &options, &queue));
        c->handle = queue;
        must_push(c, SURVIVOR);
        pop_and_keep(c);
}

/* ---- the table ----------------------------------------------------------- */

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, verify_, ...) \
        { \
                .name = "queue/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), \
                .arg = { __VA_ARGS__ } \
        }
#define OP(name_, prepare_, victim_, ...) \
        CASE(name_, setup, open_queue, prepare_, victim_, survive, verify, __VA_ARGS__)
#define MODES(name_, prepare_, victim_, held, what) \
        OP("value/" name_, prepare_, victim_, held, VALUE, what), \
                OP("block/" name_, prepare_, victim_, held, BLOCK, what), \
                OP("lease/" name_, prepare_, victim_, held, LEASE, what)
#define BOXES(name_, prepare_, victim_, held, what) \
        OP("block/" name_, prepare_, victim_, held, BLOCK, what), \
                OP("lease/" name_, prepare_, victim_, held, LEASE, what)

static const struct crash_case cases[] = {
        MODES("push/empty", prepare_warm, op_push, 0, 0),
        MODES("push/middle", prepare_warm, op_push, 16, 0),
        MODES("push/full", prepare_warm, op_push, CAPACITY, 0),
        OP("value/push/small ring", prepare_warm, op_push, 1, VALUE, 0, SMALL),
        OP("block/push/small ring", prepare_warm, op_push, 1, BLOCK, 0, SMALL),
        MODES("push/first operation", NULL, op_push, 1, 0),
        MODES("pop/empty", prepare_warm, op_pop, 0, 0),
        MODES("pop/middle", prepare_warm, op_pop, 2, ONE_MAY_GO),
        MODES("pop/full", prepare_warm, op_pop, CAPACITY, ONE_MAY_GO),
        OP("value/pop/small ring", prepare_warm, op_pop, SMALL, VALUE, ONE_MAY_GO, SMALL),
        OP("block/pop/small ring", prepare_warm, op_pop, SMALL, BLOCK, ONE_MAY_GO, SMALL),
        MODES("pop/first operation", NULL, op_pop, 2, ONE_MAY_GO),
        MODES("push_n/empty", prepare_warm, op_push_n, 0, PUSHES),
        MODES("push_n/middle", prepare_warm, op_push_n, 2, PUSHES),
        MODES("pop_n/middle", prepare_warm, op_pop_n, 2, TAKES),
        MODES("pop_n/full", prepare_warm, op_pop_n, CAPACITY, TAKES),
        OP("batch/push/empty", prepare_warm, op_push, 0, BATCHES, 0),
        OP("batch/push_n/middle", prepare_warm, op_push_n, 2, BATCHES, PUSHES),
        OP("batch/pop/middle", prepare_warm, op_pop, 5, BATCHES, ONE_MAY_GO),
        OP("batch/pop_n/part", prepare_warm, op_pop_n, 8, BATCHES, TAKES),
        OP("batch/pop_n/all", prepare_warm, op_pop_n, BATCH, BATCHES, TAKES),
        OP("batch/info", prepare_warm, op_info, 5, BATCHES, 0),
        OP("value/loan/first operation", NULL, op_loan, 2, VALUE, 0),
        BOXES("loan/first operation", NULL, op_loan, 2, 0),
        BOXES("loan/warm", prepare_warm, op_loan, 2, 0),
        OP("value/commit/middle", prepare_loan, op_commit, 2, VALUE, 0),
        BOXES("commit/empty", prepare_loan, op_commit, 0, 0),
        BOXES("commit/full", prepare_loan, op_commit, CAPACITY, 0),
        OP("value/take/middle", prepare_warm, op_take, 2, VALUE, ONE_MAY_GO),
        BOXES("take/middle", prepare_warm, op_take, 2, ONE_MAY_GO | KEEPS),
        BOXES("take/full", NULL, op_take, CAPACITY, ONE_MAY_GO | KEEPS),
        OP("block/release/middle", prepare_take, op_release, 2, BLOCK, ONE_MAY_GO),
        OP("block/release/loan", prepare_loan, op_release, 2, BLOCK, 0),
        OP("lease/ack/middle", prepare_take, op_ack, 2, LEASE, ONE_MAY_GO),
        OP("lease/ack/last", prepare_take, op_ack, 1, LEASE, ONE_MAY_GO),
        OP("lease/nack/middle", prepare_take, op_nack, 2, LEASE, ONE_MAY_GO | KEEPS),
        OP("lease/nack/last", prepare_take, op_nack, 1, LEASE, ONE_MAY_GO | KEEPS),
        OP("value/close", prepare_warm, op_close, 2, VALUE, 0),
        OP("block/close/with a loan", prepare_loan, op_close, 2, BLOCK, 0),
        OP("lease/close/with a lease", prepare_take, op_close, 2, LEASE,
           ONE_MAY_GO | KEEPS),
        OP("value/info", prepare_warm, op_info, 2, VALUE, 0),
        OP("lease/info", prepare_take, op_info, 2, LEASE, ONE_MAY_GO | KEEPS),
        CASE("value/shutdown/middle", setup, open_queue, prepare_warm, op_shutdown,
             survive, verify_shut, 2, VALUE, SHUTS, SMALL),
        CASE("lease/shutdown/middle", setup, open_queue, prepare_warm, op_shutdown,
             survive, verify_shut, 2, LEASE, SHUTS, SMALL),
        CASE("block/shutdown/empty", setup, open_queue, NULL, op_shutdown, survive,
             verify_shut, 0, BLOCK, SHUTS, SMALL),
        CASE("value/pop/shut", setup_shut, open_queue, prepare_warm, op_pop, survive,
             verify, 2, VALUE, SHUTS | ONE_MAY_GO, SMALL),
        CASE("lease/take/shut", setup_shut, open_queue, prepare_warm, op_take, survive,
             verify, 2, LEASE, SHUTS | ONE_MAY_GO | KEEPS, SMALL),
        CASE("value/create", weft_kit_create, weft_kit_open, weft_kit_join, op_create,
             survive_create, verify, 0, VALUE, 0, SMALL),
        CASE("lease/create", weft_kit_create, weft_kit_open, NULL, op_create,
             survive_create, verify, 0, LEASE, 0, SMALL),
        CASE("value/open", setup, weft_kit_open, NULL, op_open, survive_create, verify, 0,
             VALUE, 0, SMALL),
        CASE("block/open", setup, weft_kit_open, weft_kit_join, op_open, survive_create,
             verify, 0, BLOCK, 0, SMALL),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
