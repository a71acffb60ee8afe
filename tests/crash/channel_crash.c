/* tests/crash/channel_crash.c -- channels: values, blocks and leases, by every policy.
 *
 * Elements are numbers, spread over the element's bytes and checked. Some, 1 up, are
 * buffered before; the victim sends from 101, survivors from 201. What survivors get is kept,
 * the rest is received at the end. Nothing may come twice, or out of order; and what was sent
 * was received or dropped and counted, but for the one that the victim had in hand. */
#include <errno.h>
#include <string.h>

#include <weft/channel.h>
#include <weft/object.h>
#include <weft/select.h>

#include "tests/crash/element_kit.h"

enum { CAPACITY = 8, LARGE = 40 };
enum { VICTIM = 101, SURVIVOR = 201, BATCH = 3 };
enum { OURS = 8, VICTIMS = 7 }; /* reasons */
enum { HELD, MODE, WHAT };      /* of self->arg */
/* Modes: a policy, and one of these. */
enum { VALUE = 0, BLOCK = 16, LEASE = 32, MEETS = 64 };
/* What the operation may do, self->arg[WHAT]: have one in hand, or a batch of them; end the
 * channel; cancel it; and the survivors may end it too. */
enum { HOLDS_ONE = 1, HOLDS_BATCH = 2, ENDS = 4, CANCELS = 8, OTHERS_END = 16 };

static struct weft_element hand;

static uint32_t policy_of(const struct crash *c)
{
        return c->self->arg[MODE] & 15;
}

static bool is(const struct crash *c, uint64_t mode)
{
        return c->self->arg[MODE] & mode;
}

static bool may(const struct crash *c, uint64_t what)
{
        return c->self->arg[WHAT] & what;
}

static uint32_t bytes_of(const struct crash *c)
{
        return is(c, BLOCK | LEASE) ? LARGE : 8;
}

static weft_channel_t *channel_of(const struct crash *c)
{
        return c->handle;
}

/* ---- elements ------------------------------------------------------------ */

static int send(struct crash *c, uint64_t number)
{
        char element[LARGE];
        element_fill(c, element, number);
        return weft_channel_send(channel_of(c), element, WEFT_NOW);
}

static int recv(struct crash *c, uint64_t *number)
{
        char element[LARGE];
        int rc = weft_channel_recv(channel_of(c), element, WEFT_NOW);
        if (!rc)
                *number = element_read(c, element);
        return rc;
}

/* ---- what is there before ------------------------------------------------ */

static struct weft_channel_options options_of(const struct crash *c)
{
        return (struct weft_channel_options){
                .capacity = is(c, MEETS) ? 0 : CAPACITY,
                .tag = 4711,
                .element_bytes = bytes_of(c),
                .policy = policy_of(c),
                .flags = is(c, LEASE) ? WEFT_CHANNEL_LEASE : 0,
        };
}

/* Once around the ring first, so that positions are not the first ones. */
static void setup(struct crash *c)
{
        struct weft_channel_options options = options_of(c);
        weft_channel_t *channel;
        uint64_t number;
        weft_kit_create(c);
        WEFT_MUST(c, weft_channel_create(arena_of(c), "c", &options, &channel));
        c->handle = channel;
        for (uint64_t i = 0; i < options.capacity + 1; i++) {
                if (is(c, MEETS))
                        break;
                WEFT_MUST(c, send(c, 999));
                WEFT_MUST(c, recv(c, &number));
        }
        for (uint64_t i = 0; i < c->self->arg[HELD]; i++)
                WEFT_MUST(c, send(c, i + 1));
}

static void setup_shut(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_channel_shutdown(channel_of(c), OURS));
}

static void open_channel(struct crash *c)
{
        weft_channel_t *channel;
        weft_kit_open(c);
        WEFT_MUST(c, weft_channel_open(arena_of(c), "c", bytes_of(c), 4711, &channel));
        c->handle = channel;
}

/* Its first operation here is behind it: it has its seat, its hands, its hints. */
static void prepare_warm(struct crash *c)
{
        struct weft_element e;
        if (is(c, BLOCK | LEASE)) {
                WEFT_MUST(c, weft_channel_loan(channel_of(c), &e));
                WEFT_MUST(c, weft_channel_release(channel_of(c), &e));
        } else {
                weft_kit_join(c);
        }
}

static void prepare_loan(struct crash *c)
{
        WEFT_MUST(c, weft_channel_loan(channel_of(c), &hand));
        element_fill(c, hand.at, VICTIM);
}

static void prepare_take(struct crash *c)
{
        WEFT_MUST(c, weft_channel_take(channel_of(c), &hand, WEFT_NOW));
        CRASH_MUST(c, CRASH_BROKEN, element_read(c, hand.at) == 1);
        if (!is(c, LEASE))
                c->note->value[1] = 1; /* delivered */
}

/* It is cancelled, with one leased and one buffered, and somebody else has done it. */
static void cancel_elsewhere(struct crash *c)
{
        weft_channel_t *channel;
        WEFT_MUST(c, weft_channel_open(arena_of(c), "c", 0, 0, &channel));
        WEFT_MUST(c, weft_channel_cancel(channel, OURS));
}

static void prepare_take_cancelled(struct crash *c)
{
        prepare_take(c);
        weft_kit_corpse(c, cancel_elsewhere);
}

/* ---- the operations: value[0] counts sends that are done; value[1 ..] were received -- */

#define PLAIN(op, call) \
        static void op(struct crash *c) \
        { \
                c->note->rc = (call); \
        }
PLAIN(op_loan, weft_channel_loan(channel_of(c), &hand))
PLAIN(op_release, weft_channel_release(channel_of(c), &hand))
PLAIN(op_nack, weft_channel_nack(channel_of(c), &hand))
PLAIN(op_shutdown, weft_channel_shutdown(channel_of(c), VICTIMS))
PLAIN(op_cancel, weft_channel_cancel(channel_of(c), VICTIMS))
PLAIN(op_reason, weft_channel_reason(channel_of(c), NULL))

static void op_send(struct crash *c)
{
        char element[LARGE];
        element_fill(c, element, VICTIM);
        int rc = weft_channel_send(channel_of(c), element, WEFT_NOW);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_send_n(struct crash *c)
{
        char elements[BATCH * LARGE];
        for (unsigned i = 0; i < BATCH; i++)
                element_fill(c, elements + i * bytes_of(c), VICTIM + i);
        int64_t n = weft_channel_send_n(channel_of(c), elements, BATCH, WEFT_NOW);
        c->note->value[0] = n > 0 ? (uint64_t)n : 0;
        c->note->rc = n;
}

static void op_recv(struct crash *c)
{
        uint64_t number = 0;
        int rc = recv(c, &number);
        c->note->value[1] = number;
        c->note->rc = rc;
}

static void op_recv_n(struct crash *c)
{
        char elements[BATCH * LARGE];
        int64_t n = weft_channel_recv_n(channel_of(c), elements, BATCH, WEFT_NOW);
        for (int64_t i = 0; i < n; i++)
                c->note->value[1 + i] =
                        element_read(c, elements + (size_t)i * bytes_of(c));
        c->note->rc = n;
}

static void op_commit(struct crash *c)
{
        int rc = weft_channel_commit(channel_of(c), &hand, WEFT_NOW);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_take(struct crash *c)
{
        int rc = weft_channel_take(channel_of(c), &hand, WEFT_NOW);
        if (!rc && !is(c, LEASE))
                c->note->value[1] = element_read(c, hand.at);
        c->note->rc = rc;
}

static void op_ack(struct crash *c)
{
        int rc = weft_channel_ack(channel_of(c), &hand);
        c->note->value[1] = rc == 0; /* number 1 is done with */
        c->note->rc = rc;
}

static void op_select(struct crash *c)
{
        char in[LARGE], out[LARGE];
        struct weft_case cases[] = {
                { .object = channel_of(c), .op = WEFT_OP_SEND, .from = in },
                { .object = channel_of(c), .op = WEFT_OP_RECV, .to = out },
        };
        element_fill(c, in, VICTIM);
        int rc = weft_select(cases, 2, WEFT_SELECT_PRIORITY, WEFT_NOW);
        if (rc >= 0 && cases[rc].result)
                rc = cases[rc].result;
        c->note->value[0] = rc == 0;
        if (rc == 1)
                c->note->value[1] = element_read(c, out);
        c->note->rc = rc;
}

static void op_close(struct crash *c)
{
        weft_channel_close(channel_of(c));
}

static void op_create(struct crash *c)
{
        struct weft_channel_options options = options_of(c);
        weft_channel_t *channel;
        c->note->rc = weft_channel_create(arena_of(c), "c", &options, &channel);
}

static void op_open(struct crash *c)
{
        weft_channel_t *channel;
        c->note->rc = weft_channel_open(arena_of(c), "c", 0, 0, &channel);
}

static void op_info(struct crash *c)
{
        struct weft_channel_info info;
        c->note->rc = weft_channel_info(channel_of(c), &info);
}

/* ---- the others ---------------------------------------------------------- */

static bool is_end(const struct crash *c, int rc)
{
        return (rc == -EPIPE && may(c, ENDS | CANCELS)) ||
               (rc == -ECANCELED && may(c, CANCELS));
}

/* There was none, though nobody else has them all. */
static bool may_be_empty(const struct crash *c)
{
        uint64_t in_hand = may(c, HOLDS_BATCH) ? BATCH : may(c, HOLDS_ONE) ? 1 : 0;
        return c->self->arg[HELD] <= in_hand || policy_of(c) == WEFT_CHANNEL_LATEST;
}

static void recv_and_keep(struct crash *c)
{
        uint64_t number;
        int rc = recv(c, &number);
        if (rc && !is_end(c, rc) && !(rc == -EAGAIN && may_be_empty(c)))
                crash_fail(c, CRASH_WEDGED, "recv: %d", rc);
        if (is_end(c, rc))
                c->word[1] = 1;
        if (!rc)
                keep(c, number);
}

static void send_if_room(struct crash *c)
{
        int rc = send(c, SURVIVOR);
        bool waits = policy_of(c) <= WEFT_CHANNEL_FAIL;
        if (is_end(c, rc))
                c->word[1] = 1;
        else if (!rc)
                c->word[0]++;
        else if (!(rc == -EAGAIN && waits && c->self->arg[HELD] + BATCH > CAPACITY))
                crash_fail(c, CRASH_WEDGED, "send: %d", rc);
}

/* What they are told of the end is so for ever. */
static void ask(struct crash *c)
{
        uint32_t reason = 0;
        if (may(c, OTHERS_END))
                WEFT_MUST(c, weft_channel_shutdown(channel_of(c), OURS));
        int rc = weft_channel_reason(channel_of(c), &reason);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || (rc == -EAGAIN && !may(c, OTHERS_END)));
        if (rc == 0) {
                c->word[1] = 1;
                c->word[2] = reason;
                CRASH_MUST(c, CRASH_BROKEN, reason == VICTIMS || reason == OURS);
        }
}

static void survive(struct crash *c)
{
        send_if_room(c);
        recv_and_keep(c);
        if (c->self->arg[HELD] % 2 == 0 ||
            may(c, OTHERS_END)) /* that helps: not always */
                ask(c);
}

static void survive_create(struct crash *c)
{
        struct weft_channel_options options = options_of(c);
        weft_channel_t *channel;
        uint64_t number;
        WEFT_MUST(c, weft_channel_create_or_open(arena_of(c), "c", &options, &channel));
        c->handle = channel;
        if (is(c, MEETS))
                return;
        WEFT_MUST(c, send(c, SURVIVOR));
        CRASH_MUST(c, CRASH_LOST, recv(c, &number) == 0 && number == SURVIVOR);
}

/* A rendezvous has nobody but the one who is alone. */
static void survive_alone(struct crash *c)
{
        uint64_t number;
        int rc = send(c, 1);
        CRASH_MUST(c, CRASH_WEDGED, rc == -EAGAIN || is_end(c, rc));
        rc = recv(c, &number);
        CRASH_MUST(c, CRASH_WEDGED, rc == -EAGAIN || is_end(c, rc));
        ask(c);
}

/* ---- afterwards ------------------------------------------------------------ */

static uint64_t check_each(struct crash *c)
{
        uint64_t sum = 0;
        for (uint64_t x = 1; x < SURVIVOR + 10; x++) {
                int times = at_most_once(c, x, BATCH);
                sum += (uint64_t)times;
        }
        for (int i = 0; i < memory.n; i++)
                for (int k = i + 1; k < memory.n; k++)
                        if (memory.got[i] / 100 == memory.got[k] / 100 && !is(c, LEASE))
                                CRASH_MUST(c, CRASH_BROKEN,
                                           memory.got[i] < memory.got[k]);
        return sum;
}

static void drain(struct crash *c)
{
        int n = memory.n;
        do {
                n = memory.n;
                uint64_t number;
                int rc = recv(c, &number);
                CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN || is_end(c, rc));
                if (!rc)
                        keep(c, number);
        } while (n < memory.n);
}

/* The end is there for all or for nobody; and stays as it was told. */
static void check_end(struct crash *c)
{
        uint32_t reason = 0;
        int sent =
                is(c, MEETS) ? 0 : send(c, SURVIVOR + 1); /* before he asks: that helps */
        int rc = weft_channel_reason(channel_of(c), &reason);
        bool ended = rc == 0;
        CRASH_MUST(c, CRASH_BROKEN, ended || rc == -EAGAIN);
        CRASH_MUST(c, CRASH_BROKEN, is(c, MEETS) || ended == is_end(c, sent));
        if (sent == 0 && !is(c, MEETS))
                c->word[0]++;
        if (c->word[1] || (c->note->done && may(c, ENDS | CANCELS)))
                CRASH_MUST(c, CRASH_LOST, ended);
        if (c->word[2])
                CRASH_MUST(c, CRASH_BROKEN, reason == c->word[2]);
        uint64_t number;
        if (sent == -ECANCELED)
                CRASH_MUST(c, CRASH_BROKEN, recv(c, &number) == -ECANCELED);
        if (c->note->done && may(c, CANCELS)) {
                CRASH_MUST(c, CRASH_LOST, recv(c, &number) == -ECANCELED);
                CRASH_MUST(c, CRASH_LOST, sent == -ECANCELED || is(c, MEETS));
        }
}

static uint64_t may_be_missing(const struct crash *c)
{
        if (c->note->done)
                return 0;
        return may(c, HOLDS_BATCH) ? BATCH : may(c, HOLDS_ONE) ? 1 : 0;
}

/* All that was sent has been received, or dropped. */
static void check_counts(struct crash *c)
{
        struct weft_channel_info info;
        uint64_t laps = CAPACITY + 1, got = check_each(c);
        WEFT_MUST(c, weft_channel_info(channel_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.length == 0 && info.leased == 0);
        uint64_t known = laps + c->self->arg[HELD] + c->word[0] + c->note->value[0];
        CRASH_MUST(c, CRASH_LOST, info.sent >= known);
        CRASH_MUST(c, CRASH_DUPLICATED, info.sent <= known + (c->note->done ? 0 : BATCH));
        uint64_t ended = laps + got + info.dropped;
        if (info.sent < ended)
                crash_fail(c, CRASH_DUPLICATED, "%d sent, %d came out", (int)info.sent,
                           (int)ended);
        if (info.sent - ended > may_be_missing(c))
                crash_fail(c, CRASH_LOST, "%d sent, %d came out", (int)info.sent,
                           (int)ended);
}

/* Every cell, and every box that belongs to one, is still there. */
static void check_room(struct crash *c)
{
        struct weft_channel_info info;
        struct weft_element e[CAPACITY];
        WEFT_MUST(c, weft_channel_info(channel_of(c), &info));
        if (info.shut || policy_of(c) == WEFT_CHANNEL_LATEST)
                return;
        for (int lap = 0; lap < 2; lap++) {
                uint64_t dropped = info.dropped;
                for (uint64_t i = 0; i < CAPACITY; i++)
                        CRASH_MUST(c, CRASH_LEAKED, send(c, i + 1) == 0);
                WEFT_MUST(c, weft_channel_info(channel_of(c), &info));
                CRASH_MUST(c, CRASH_LEAKED, info.dropped == dropped);
                for (uint64_t i = 0, x; i < CAPACITY; i++)
                        CRASH_MUST(c, CRASH_LOST, recv(c, &x) == 0 && x == i + 1);
        }
        if (!is(c, BLOCK | LEASE))
                return;
        for (uint64_t i = 0; i < CAPACITY; i++)
                CRASH_MUST(c, CRASH_LEAKED, weft_channel_loan(channel_of(c), &e[i]) == 0);
        for (uint64_t i = 0; i < CAPACITY; i++)
                WEFT_MUST(c, weft_channel_release(channel_of(c), &e[i]));
}

static void end(struct crash *c)
{
        weft_channel_close(channel_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "c"));
        weft_kit_nothing_left(c, 0);
}

static void check_rc(struct crash *c)
{
        int64_t rc = c->note->rc;
        CRASH_MUST(c, CRASH_BROKEN,
                   rc >= 0 || rc == -EAGAIN || rc == -EEXIST || is_end(c, (int)rc));
}

static void verify(struct crash *c)
{
        check_rc(c);
        check_end(c);
        drain(c);
        check_counts(c);
        check_room(c);
        end(c);
}

static void verify_made(struct crash *c)
{
        check_rc(c);
        if (!is(c, MEETS))
                check_room(c);
        end(c);
}

static void verify_alone(struct crash *c)
{
        check_rc(c);
        check_end(c);
        end(c);
}

/* ---- the table ----------------------------------------------------------- */

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, verify_, ...) \
        { \
                .name = "channel/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), \
                .arg = { __VA_ARGS__ } \
        }
#define OP(name_, prepare_, victim_, ...) \
        CASE(name_, setup, open_channel, prepare_, victim_, survive, verify, __VA_ARGS__)
#define SHUT(name_, prepare_, victim_, ...) \
        CASE(name_, setup_shut, open_channel, prepare_, victim_, survive, verify, \
             __VA_ARGS__)
#define ALONE(name_, prepare_, victim_, ...) \
        CASE(name_, setup, open_channel, prepare_, victim_, survive_alone, verify_alone, \
             __VA_ARGS__)

enum {
        FAIL = WEFT_CHANNEL_FAIL,
        NEWEST = WEFT_CHANNEL_DROP_NEWEST,
        OLDEST = WEFT_CHANNEL_DROP_OLDEST,
        LATEST = WEFT_CHANNEL_LATEST,
};

static const struct crash_case cases[] = {
        OP("send/value/empty", prepare_warm, op_send, 0, VALUE, 0),
        OP("send/block/middle", prepare_warm, op_send, 3, BLOCK, 0),
        OP("send/lease/first operation", NULL, op_send, 3, LEASE, 0),
        OP("send/fail/full", prepare_warm, op_send, CAPACITY, VALUE | FAIL, 0),
        OP("send/newest/full", prepare_warm, op_send, CAPACITY, VALUE | NEWEST, 0),
        OP("send/oldest/full", prepare_warm, op_send, CAPACITY, VALUE | OLDEST,
           HOLDS_ONE),
        OP("send/oldest/block/full", prepare_warm, op_send, CAPACITY, BLOCK | OLDEST,
           HOLDS_ONE),
        OP("send/oldest/lease/full", prepare_warm, op_send, CAPACITY, LEASE | OLDEST,
           HOLDS_ONE),
        OP("send/latest/full", NULL, op_send, CAPACITY, VALUE | LATEST, HOLDS_ONE),
        OP("recv/value/empty", prepare_warm, op_recv, 0, VALUE, 0),
        OP("recv/block/middle", prepare_warm, op_recv, 3, BLOCK, HOLDS_ONE),
        OP("recv/lease/full", prepare_warm, op_recv, CAPACITY, LEASE, HOLDS_ONE),
        OP("recv/latest/middle", prepare_warm, op_recv, 3, VALUE | LATEST, HOLDS_BATCH),
        OP("recv/latest/block", prepare_warm, op_recv, 3, BLOCK | LATEST, HOLDS_BATCH),
        OP("send_n/value/middle", prepare_warm, op_send_n, 3, VALUE, 0),
        OP("send_n/newest/full", prepare_warm, op_send_n, CAPACITY - 1, BLOCK | NEWEST,
           0),
        OP("send_n/oldest/full", prepare_warm, op_send_n, CAPACITY - 1, VALUE | OLDEST,
           HOLDS_ONE),
        OP("recv_n/value/full", prepare_warm, op_recv_n, CAPACITY, VALUE, HOLDS_BATCH),
        OP("recv_n/lease/full", prepare_warm, op_recv_n, CAPACITY, LEASE, HOLDS_BATCH),
        OP("loan/block", NULL, op_loan, 3, BLOCK, 0),
        OP("commit/value", prepare_loan, op_commit, 3, VALUE, 0),
        OP("commit/newest/full", prepare_loan, op_commit, CAPACITY, BLOCK | NEWEST, 0),
        OP("commit/oldest/full", prepare_loan, op_commit, CAPACITY, BLOCK | OLDEST,
           HOLDS_ONE),
        OP("take/block/middle", prepare_warm, op_take, 3, BLOCK, HOLDS_ONE),
        OP("take/lease/middle", prepare_warm, op_take, 3, LEASE, HOLDS_ONE),
        OP("release/block", prepare_take, op_release, 3, BLOCK, HOLDS_ONE),
        OP("ack/lease", prepare_take, op_ack, 3, LEASE, HOLDS_ONE),
        OP("nack/lease", prepare_take, op_nack, 3, LEASE, HOLDS_ONE),
        OP("nack/lease/cancelled", prepare_take_cancelled, op_nack, 3, LEASE,
           HOLDS_ONE | CANCELS),
        OP("select/middle", prepare_warm, op_select, 3, VALUE, HOLDS_ONE),
        OP("select/full", prepare_warm, op_select, CAPACITY, BLOCK, HOLDS_ONE),
        OP("shutdown/value/middle", prepare_warm, op_shutdown, 3, VALUE, ENDS),
        OP("shutdown/value/asked", prepare_warm, op_shutdown, 2, VALUE, ENDS),
        OP("shutdown/lease/middle", NULL, op_shutdown, 3, LEASE, ENDS),
        OP("shutdown/others too", prepare_warm, op_shutdown, 3, VALUE, ENDS | OTHERS_END),
        SHUT("shutdown/shut", prepare_warm, op_shutdown, 3, VALUE, ENDS),
        OP("cancel/value/middle", prepare_warm, op_cancel, 3, VALUE, CANCELS | HOLDS_ONE),
        OP("cancel/value/asked", prepare_warm, op_cancel, 2, VALUE, CANCELS | HOLDS_ONE),
        OP("cancel/block/full", prepare_warm, op_cancel, CAPACITY, BLOCK,
           CANCELS | HOLDS_ONE),
        OP("cancel/lease/leased", prepare_take, op_cancel, 3, LEASE, CANCELS | HOLDS_ONE),
        OP("cancel/others too", prepare_warm, op_cancel, 3, VALUE,
           CANCELS | HOLDS_ONE | OTHERS_END),
        SHUT("cancel/shut", prepare_warm, op_cancel, 3, VALUE, CANCELS | HOLDS_ONE),
        SHUT("reason/shut", prepare_warm, op_reason, 3, VALUE, ENDS),
        SHUT("recv/shut", prepare_warm, op_recv, 3, BLOCK, ENDS | HOLDS_ONE),
        OP("info/value", prepare_warm, op_info, 3, VALUE | NEWEST, 0),
        OP("close/lease/held", prepare_take, op_close, 3, LEASE, HOLDS_ONE),
        CASE("create/value", weft_kit_create, weft_kit_open, weft_kit_join, op_create,
             survive_create, verify_made, 0, VALUE, 0),
        CASE("create/lease", weft_kit_create, weft_kit_open, NULL, op_create,
             survive_create, verify_made, 0, LEASE, 0),
        CASE("create/meets", weft_kit_create, weft_kit_open, weft_kit_join, op_create,
             survive_create, verify_made, 0, MEETS, 0),
        CASE("open/block", setup, weft_kit_open, NULL, op_open, survive_create,
             verify_made, 0, BLOCK, 0),
        ALONE("send/meets/nobody", prepare_warm, op_send, 0, MEETS, 0),
        ALONE("select/meets/nobody", prepare_warm, op_select, 0, MEETS, 0),
        ALONE("shutdown/meets", prepare_warm, op_shutdown, 0, MEETS, ENDS),
        ALONE("cancel/meets", prepare_warm, op_cancel, 0, MEETS, CANCELS),
        ALONE("cancel/meets/others too", prepare_warm, op_cancel, 0, MEETS,
              CANCELS | OTHERS_END),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
