/* tests/crash/broadcast_crash.c -- the broadcast ring: one producer and many, block and drop.
 *
 * Elements are numbers, spread over the element's bytes and checked. The first ones are 1
 * up; the victim publishes from 101, survivors from 201. A survivor notes which number he
 * saw at which sequence: it must stay so. At the end there must be as many as were
 * published, each once, and nobody may be subscribed. */
#include <errno.h>
#include <string.h>

#include <weft/block.h>
#include <weft/broadcast.h>
#include <weft/object.h>

#include "structures/broadcast_internal.h"
#include "tests/harness/weft_kit.h"

enum { CAPACITY = 8, LARGE = 504, BATCH = 3, SEEN = 64 };
enum { VICTIM = 101, SURVIVOR = 201, LATER = 301 };
enum { HELD, MODE, WHAT }; /* of self->arg */
/* What the victim may do, or be: it publishes, is the one producer, subscribes, shuts; the
 * host subscribes and lives, and has read nothing. */
enum { PUBLISHES = 1, SITS = 2, SUBSCRIBES = 4, SHUTS = 8, HOSTED = 16, CREATES = 32 };
enum { UNDER_WAY = 64 }; /* others shut the ring down meanwhile */

enum { ONE_VALUE, ONE_LARGE, MANY_VALUE, MANY_LARGE }; /* modes, or'ed with: */
enum { DROPS = 4 };

static uint64_t seen[SEEN]; /* by sequence */
static weft_subscriber_t *mine;

static uint32_t bytes_of(const struct crash *c)
{
        return c->self->arg[MODE] & 1 ? LARGE : 8;
}

static bool is_one(const struct crash *c)
{
        return !(c->self->arg[MODE] & 2);
}

static bool drops(const struct crash *c)
{
        return c->self->arg[MODE] & DROPS;
}

static bool are_words(const struct crash *c)
{
        return (c->self->arg[MODE] & 7) == ONE_VALUE;
}

static bool may(const struct crash *c, uint64_t what)
{
        return c->self->arg[WHAT] & what;
}

static weft_broadcast_t *ring_of(const struct crash *c)
{
        return c->handle;
}

/* ---- elements ------------------------------------------------------------------- */

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

static int publish(struct crash *c, uint64_t number)
{
        char element[LARGE];
        element_fill(c, element, number);
        return weft_broadcast_publish(ring_of(c), element, WEFT_NOW);
}

static int next(struct crash *c, weft_subscriber_t *s, uint64_t *number,
                uint64_t *sequence, uint64_t *lost)
{
        char element[LARGE];
        int rc = weft_broadcast_next(s, element, sequence, lost, WEFT_NOW);
        if (!rc)
                *number = element_read(c, element);
        return rc;
}

static weft_subscriber_t *join(struct crash *c, uint64_t sequence)
{
        weft_subscriber_t *s;
        WEFT_MUST(c, weft_broadcast_subscribe(ring_of(c), WEFT_BROADCAST_SEQUENCE,
                                              sequence, &s));
        return s;
}

/* ---- what is there before ----------------------------------------------------------- */

static struct weft_broadcast_options options_of(const struct crash *c)
{
        return (struct weft_broadcast_options){
                .capacity = CAPACITY,
                .element_bytes = bytes_of(c),
                .policy = drops(c) ? WEFT_BROADCAST_DROP : WEFT_BROADCAST_BLOCK,
                .flags = is_one(c) ? WEFT_BROADCAST_ONE : 0,
                .subscribers = 4,
        };
}

static void make_ring(struct crash *c)
{
        struct weft_broadcast_options options = options_of(c);
        weft_broadcast_t *b;
        weft_kit_create(c);
        WEFT_MUST(c, weft_broadcast_create(arena_of(c), "b", &options, &b));
        c->handle = b;
}

static void publish_numbers(struct crash *c, uint64_t from, uint64_t to)
{
        for (; from <= to; from++)
                WEFT_MUST(c, publish(c, from));
}

static void setup(struct crash *c)
{
        make_ring(c);
        if (may(c, HOSTED))
                mine = join(c, 0);
        publish_numbers(c, 1, c->self->arg[HELD]);
        if (may(c, HOSTED) && is_one(c))
                WEFT_MUST(c, weft_broadcast_resign(ring_of(c)));
}

/* X has published at position t, and died before he wrote that down: his intent is open.
 * What he gave lies in the cell that is next. Only who takes it knows, until he dies. */
static void publish_and_die(struct crash *c)
{
        struct weft_broadcast_view *v = &((struct weft_broadcast *)c->handle)->v;
        WEFT_MUST(c, publish(c, c->self->arg[HELD] - CAPACITY + 1));
        struct weft_broadcast_desk_shared *desk =
                weft_desk_at(&v->desks, weft_me.agent->index);
        CRASH_MUST(c, CRASH_BROKEN, desk && weft_load_rlx(&desk->box));
        uint64_t t = weft_load_rlx(&desk->tail) - 1, x = weft_load_rlx(&desk->box) - 1;
        uint64_t y = weft_load_rlx(weft_broadcast_what(v, t));
        weft_store_rlx(weft_broadcast_box_stamp(v, x), 0);
        weft_store_rlx(&desk->swap, y << 32 | x);
        weft_store_rlx(&desk->box, y + 1);
        weft_store_rlx(&desk->made, 2 * t + 1);
}

static void setup_part(struct crash *c)
{
        make_ring(c);
        publish_numbers(c, 1, c->self->arg[HELD] - CAPACITY);
}

/* Who opens the arena settles the dead: so he dies only now. The host has a seat below his,
 * and the victim has one above: it is settled after him. */
static void prepare_unsettled(struct crash *c)
{
        weft_kit_corpse(c, publish_and_die);
        publish_numbers(c, c->self->arg[HELD] - CAPACITY + 2, c->self->arg[HELD]);
}

static void setup_shut(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_broadcast_shutdown(ring_of(c)));
}

static void open_ring(struct crash *c)
{
        weft_broadcast_t *b;
        weft_kit_open(c);
        WEFT_MUST(c, weft_broadcast_open(arena_of(c), "b", &b));
        c->handle = b;
}

/* It has its desk, its box, its seat. */
static void prepare_warm(struct crash *c)
{
        void *at;
        if (is_one(c)) {
                weft_kit_join(c);
                if (weft_broadcast_loan(ring_of(c), &at, WEFT_NOW) == 0)
                        WEFT_MUST(c, weft_broadcast_cancel(ring_of(c)));
        } else if (weft_broadcast_loan(ring_of(c), &at, WEFT_NOW) == 0) {
                WEFT_MUST(c, weft_broadcast_cancel(ring_of(c)));
        } else {
                weft_kit_join(c);
        }
}

static void prepare_loan(struct crash *c)
{
        void *at;
        WEFT_MUST(c, weft_broadcast_loan(ring_of(c), &at, WEFT_NOW));
        element_fill(c, at, VICTIM);
}

/* It has read all but two. */
static void prepare_subscribed(struct crash *c)
{
        mine = join(c, c->self->arg[HELD] < 2 ? 0 : c->self->arg[HELD] - 2);
}

static void prepare_taken(struct crash *c)
{
        const void *at;
        uint64_t sequence, lost;
        prepare_subscribed(c);
        WEFT_MUST(c, weft_broadcast_take(mine, &at, &sequence, &lost, WEFT_NOW));
        CRASH_MUST(c, CRASH_BROKEN, element_read(c, at) == sequence + 1);
}

static void prepare_all(struct crash *c)
{
        prepare_subscribed(c);
        prepare_loan(c);
}

/* ---- the operations: value[0] counts publications; value[1 ..] were read from value[5] -- */

#define PLAIN(op, call) \
        static void op(struct crash *c) \
        { \
                c->note->rc = (call); \
        }
PLAIN(op_cancel, weft_broadcast_cancel(ring_of(c)))
PLAIN(op_resign, weft_broadcast_resign(ring_of(c)))
PLAIN(op_shutdown, weft_broadcast_shutdown(ring_of(c)))
PLAIN(op_release, weft_broadcast_release(mine))
PLAIN(op_seek, weft_broadcast_seek(mine, WEFT_BROADCAST_OLDEST, 0))

static void op_publish(struct crash *c)
{
        int rc = publish(c, VICTIM);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_publish_n(struct crash *c)
{
        char elements[BATCH * LARGE];
        for (unsigned i = 0; i < BATCH; i++)
                element_fill(c, elements + i * bytes_of(c), VICTIM + i);
        int64_t n = weft_broadcast_publish_n(ring_of(c), elements, BATCH, WEFT_NOW);
        c->note->value[0] = n > 0 ? (uint64_t)n : 0;
        c->note->rc = n;
}

/* One by one: the first goes the long way, the others the shortest there is. */
static void op_publish_several(struct crash *c)
{
        int rc = 0;
        for (unsigned i = 0; i < BATCH && !rc; i++) {
                rc = publish(c, VICTIM + i);
                c->note->value[0] += rc == 0;
        }
        c->note->rc = rc;
}

static void op_loan(struct crash *c)
{
        void *at;
        c->note->rc = weft_broadcast_loan(ring_of(c), &at, WEFT_NOW);
        if (!c->note->rc)
                element_fill(c, at, 77); /* nobody may ever see it */
}

static void op_commit(struct crash *c)
{
        int rc = weft_broadcast_commit(ring_of(c), WEFT_NOW);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_next(struct crash *c)
{
        uint64_t number = 0, sequence = 0, lost = 0;
        int rc = next(c, mine, &number, &sequence, &lost);
        c->note->value[5] = sequence;
        c->note->value[6] = lost;
        c->note->value[1] = number;
        c->note->rc = rc;
}

static void op_next_n(struct crash *c)
{
        char elements[BATCH * LARGE];
        uint64_t sequence = 0, lost = 0;
        int64_t n =
                weft_broadcast_next_n(mine, elements, BATCH, &sequence, &lost, WEFT_NOW);
        c->note->value[5] = sequence;
        c->note->value[6] = lost;
        for (int64_t i = 0; i < n; i++)
                c->note->value[1 + i] =
                        element_read(c, elements + (size_t)i * bytes_of(c));
        c->note->rc = n;
}

static void op_next_several(struct crash *c)
{
        uint64_t number = 0, sequence = 0, lost = 0;
        int rc = 0;
        for (unsigned i = 0; i < BATCH && !rc; i++) {
                rc = next(c, mine, &number, &sequence, &lost);
                if (rc)
                        break;
                if (i == 0)
                        c->note->value[5] = sequence;
                c->note->value[6] += lost;
                c->note->value[1 + i] = number;
        }
        c->note->rc = rc == -EAGAIN ? 0 : rc;
}

static void op_take(struct crash *c)
{
        const void *at;
        uint64_t sequence = 0, lost = 0;
        int rc = weft_broadcast_take(mine, &at, &sequence, &lost, WEFT_NOW);
        c->note->value[6] = lost;
        c->note->rc = rc;
}

static void op_subscribe(struct crash *c)
{
        c->note->rc =
                weft_broadcast_subscribe(ring_of(c), WEFT_BROADCAST_OLDEST, 0, &mine);
}

static void op_subscribe_newest(struct crash *c)
{
        c->note->rc =
                weft_broadcast_subscribe(ring_of(c), WEFT_BROADCAST_NEWEST, 0, &mine);
}

static void op_unsubscribe(struct crash *c)
{
        (void)c;
        weft_broadcast_unsubscribe(mine);
        mine = NULL;
}

static void op_close(struct crash *c)
{
        weft_broadcast_close(ring_of(c));
}

static void op_create(struct crash *c)
{
        struct weft_broadcast_options options = options_of(c);
        weft_broadcast_t *b;
        c->note->rc = weft_broadcast_create(arena_of(c), "b", &options, &b);
}

static void op_open(struct crash *c)
{
        weft_broadcast_t *b;
        c->note->rc = weft_broadcast_open(arena_of(c), "b", &b);
}

static void op_info(struct crash *c)
{
        struct weft_broadcast_info info;
        c->note->rc = weft_broadcast_info(ring_of(c), &info);
}

/* ---- the others ------------------------------------------------------------------------ */

/* Reads all that is there. At most the oldest one is gone: a producer may stand in it, or
 * have died so; not of words, whose line is never the one that he stands in. */
static void read_all(struct crash *c)
{
        weft_subscriber_t *s;
        uint64_t number = 0, sequence = 0, lost, expected = 0;
        int rc;
        WEFT_MUST(c, weft_broadcast_subscribe(ring_of(c), WEFT_BROADCAST_OLDEST, 0, &s));
        for (int n = 0; (rc = next(c, s, &number, &sequence, &lost)) == 0; n++) {
                CRASH_MUST(c, CRASH_LOST,
                           lost == 0 || (n == 0 && lost == 1 && !are_words(c)));
                CRASH_MUST(c, CRASH_BROKEN, n == 0 || sequence == expected);
                CRASH_MUST(c, CRASH_BROKEN, sequence < SEEN && n <= CAPACITY);
                if (seen[sequence])
                        CRASH_MUST(c, CRASH_BROKEN, seen[sequence] == number);
                seen[sequence] = number;
                expected = sequence + 1;
        }
        CRASH_MUST(c, CRASH_WEDGED, rc == -EAGAIN || (rc == -EPIPE && may(c, SHUTS)));
        if (c->word[1]) /* somebody has come to the end: it stays so */
                CRASH_MUST(c, CRASH_DUPLICATED, rc == -EPIPE);
        if (rc == -EPIPE)
                c->word[1] = expected + 1; /* this is the end, and stays so */
        weft_broadcast_unsubscribe(s);
}

/* May others be kept from publishing? */
static bool is_kept(struct crash *c, int rc)
{
        if (rc == -EBUSY)
                return may(c, SITS) && c->how == CRASH_STOPPED;
        if (rc == -EAGAIN)
                return !drops(c) && may(c, SUBSCRIBES | HOSTED);
        return rc == -EPIPE && may(c, SHUTS);
}

static void survive(struct crash *c)
{
        read_all(c);
        for (int i = 0; i < 2; i++) {
                int rc = publish(c, SURVIVOR + c->word[0]);
                if (rc && !is_kept(c, rc))
                        crash_fail(c, CRASH_WEDGED, "publish: %d", rc);
                c->word[0] += rc == 0;
                c->word[2] |= rc == -EPIPE;
        }
        read_all(c);
        if (is_one(c)) /* so that the victim may go on */
                (void)!weft_broadcast_resign(ring_of(c));
}

/* Who is told of the end has seen all that there will ever be; also if he who shuts the
 * ring down goes no further than to say so. */
static void survive_shut(struct crash *c)
{
        read_all(c);
        weft_broadcast_unsettle(&((struct weft_broadcast *)c->handle)->v, true);
        read_all(c);
        CRASH_MUST(c, CRASH_WEDGED, c->word[1] || is_one(c)); /* something is under way */
        CRASH_MUST(c, CRASH_BROKEN, publish(c, 5) == -EPIPE || is_one(c));
        c->word[2] = 1;
}

static void survive_create(struct crash *c)
{
        struct weft_broadcast_options options = options_of(c);
        weft_broadcast_t *b;
        WEFT_MUST(c, weft_broadcast_create_or_open(arena_of(c), "b", &options, &b));
        c->handle = b;
        survive(c);
}

/* How many of [from, from + n) were seen, each once and in order: all, or the first ones.
 * Those that were overwritten before anybody looked cannot be counted. */
static void must_be_in_order(struct crash *c, uint64_t from, uint64_t n)
{
        uint64_t last = 0;
        for (int i = 0; i < SEEN; i++) {
                if (seen[i] < from || seen[i] >= from + n)
                        continue;
                CRASH_MUST(c, CRASH_DUPLICATED, seen[i] > last);
                CRASH_MUST(c, CRASH_LOST, !last || seen[i] == last + 1);
                last = seen[i];
        }
}

static void check_published(struct crash *c)
{
        struct weft_broadcast_info info;
        uint64_t held = c->self->arg[HELD], v = 0, s = 0;
        WEFT_MUST(c, weft_broadcast_info(ring_of(c), &info));
        for (uint64_t i = 0; i < SEEN; i++) {
                if (!seen[i])
                        continue;
                CRASH_MUST(c, CRASH_BROKEN, i < info.published);
                CRASH_MUST(c, CRASH_BROKEN, (i < held) == (seen[i] == i + 1));
                v += seen[i] >= VICTIM && seen[i] < VICTIM + BATCH;
                s += seen[i] >= SURVIVOR && seen[i] < SURVIVOR + c->word[0];
        }
        CRASH_MUST(c, CRASH_LOST, s == c->word[0]);
        must_be_in_order(c, VICTIM, BATCH);
        must_be_in_order(c, SURVIVOR, c->word[0]);
        CRASH_MUST(c, CRASH_BROKEN, info.published == held + v + s);
        if (c->note->done)
                CRASH_MUST(c, v < c->note->value[0] ? CRASH_LOST : CRASH_DUPLICATED,
                           v == c->note->value[0]);
        CRASH_MUST(c, CRASH_BROKEN, may(c, PUBLISHES) || v == 0);
        CRASH_MUST(c, CRASH_BROKEN, info.lost == 0);
}

/* What the victim was told that it read. */
static void check_read(struct crash *c)
{
        const struct crash_note *note = c->note;
        for (uint64_t i = 0; i < BATCH && note->value[1 + i]; i++)
                CRASH_MUST(c, CRASH_BROKEN,
                           seen[note->value[5] + i] == note->value[1 + i]);
        if (!drops(c)) /* who subscribes to a ring that blocks loses nothing */
                CRASH_MUST(c, CRASH_LOST, note->value[6] == 0);
}

static uint32_t subscribed(struct crash *c)
{
        struct weft_broadcast_info info;
        WEFT_MUST(c, weft_broadcast_info(ring_of(c), &info));
        return info.subscribers;
}

/* It works as new: nobody holds it up, every box is there. */
static void check_room(struct crash *c)
{
        struct weft_broadcast_info info;
        uint64_t number = 0, sequence = 0, lost;
        WEFT_MUST(c, weft_broadcast_info(ring_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.subscribers == 0 && info.waiting == 0);
        if (info.shut)
                return;
        uint64_t at = info.published;
        weft_subscriber_t *s = join(c, at);
        for (int lap = 0; lap < 3; lap++) {
                for (uint64_t i = 0; i < CAPACITY; i++) {
                        int rc = publish(c, LATER + i);
                        if (rc)
                                crash_fail(c, CRASH_WEDGED, "publish at last: %d", rc);
                }
                if (!drops(c))
                        CRASH_MUST(c, CRASH_DUPLICATED, publish(c, 7) == -EAGAIN);
                for (uint64_t i = 0; i < CAPACITY; i++, at++) {
                        CRASH_MUST(c, CRASH_LOST,
                                   next(c, s, &number, &sequence, &lost) == 0 &&
                                           number == LATER + i && sequence == at &&
                                           lost == 0);
                }
        }
        weft_broadcast_unsubscribe(s);
        if (is_one(c))
                WEFT_MUST(c, weft_broadcast_resign(ring_of(c)));
}

static void verify(struct crash *c)
{
        int64_t rc = c->note->rc;
        bool kept = c->how == CRASH_STOPPED && rc == -EBUSY && is_one(c);
        CRASH_MUST(c, CRASH_BROKEN,
                   rc >= 0 || kept || (rc == -EEXIST && may(c, CREATES)) ||
                           (rc == -EAGAIN && (may(c, HOSTED) || may(c, SUBSCRIBES))) ||
                           (rc == -EPIPE && may(c, SHUTS)) ||
                           (rc == -ENOENT && drops(c) && may(c, SUBSCRIBES)));
        if (!c->handle)
                open_ring(c);
        uint64_t end = c->word[1];
        read_all(c);
        CRASH_MUST(c, CRASH_BROKEN, !end || c->word[1] == end);
        if (may(c, SHUTS) && (may(c, UNDER_WAY) || (c->note->done && rc == 0)))
                CRASH_MUST(c, CRASH_LOST, c->word[2] == 0 || c->word[1]);
        if (may(c, SHUTS) &&
            ((!may(c, UNDER_WAY) && c->note->done && rc == 0) || c->word[2]))
                CRASH_MUST(c, CRASH_LOST, publish(c, 5) == -EPIPE && c->word[1]);
        check_published(c);
        check_read(c);
        CRASH_MUST(c, CRASH_LEAKED,
                   subscribed(c) == 0 || (c->how == CRASH_STOPPED && may(c, SUBSCRIBES)));
        if (subscribed(c) == 0)
                check_room(c);
        weft_broadcast_close(ring_of(c));
        weft_kit_whole(c);
        if (c->how == CRASH_STOPPED && may(c, SUBSCRIBES))
                return; /* the victim lives, and subscribes */
        WEFT_MUST(c, weft_object_remove(arena_of(c), "b"));
        weft_kit_nothing_left(c, 0);
}

/* ---- the table ------------------------------------------------------------------------------ */

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, flags_, ...) \
        { \
                .name = "broadcast/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = verify, .flags = (flags_), \
                .arg = { __VA_ARGS__ } \
        }
#define OP(name_, prepare_, victim_, ...) \
        CASE(name_, setup, open_ring, prepare_, victim_, survive, 0, __VA_ARGS__)
#define BY_ONE(name_, prepare_, victim_, held, mode, what) \
        OP("one/value/" name_, prepare_, victim_, held, ONE_VALUE | (mode), what), \
                OP("one/large/" name_, prepare_, victim_, held, ONE_LARGE | (mode), \
                   what)
#define BY_MANY(name_, prepare_, victim_, held, mode, what) \
        OP("many/value/" name_, prepare_, victim_, held, MANY_VALUE | (mode), what), \
                OP("many/large/" name_, prepare_, victim_, held, MANY_LARGE | (mode), \
                   what)
#define BY_ALL(name_, prepare_, victim_, held, mode, what) \
        BY_ONE(name_, prepare_, victim_, held, mode, (what) | SITS), \
                BY_MANY(name_, prepare_, victim_, held, mode, what)
#define READS(name_, prepare_, victim_, held, mode) \
        OP("one/value/" name_, prepare_, victim_, held, ONE_VALUE | (mode), SUBSCRIBES), \
                OP("many/large/" name_, prepare_, victim_, held, MANY_LARGE | (mode), \
                   SUBSCRIBES)

static const struct crash_case cases[] = {
        BY_ALL("publish/empty", prepare_warm, op_publish, 0, DROPS, PUBLISHES),
        BY_ALL("publish/middle", prepare_warm, op_publish, 3, 0, PUBLISHES),
        BY_ALL("publish/full", prepare_warm, op_publish, CAPACITY, DROPS, PUBLISHES),
        BY_ALL("publish/lapped", prepare_warm, op_publish, 21, 0, PUBLISHES),
        BY_ALL("publish/first operation", NULL, op_publish, 3, DROPS, PUBLISHES),
        OP("many/large/publish/first of all", NULL, op_publish, 0, MANY_LARGE, PUBLISHES),
        CASE("many/large/publish/unsettled", setup_part, open_ring, prepare_unsettled,
             op_publish, survive, CRASH_KEEP_HOST, 11, MANY_LARGE | DROPS, PUBLISHES),
        CASE("one/value/publish/under way", setup, open_ring, prepare_warm, op_publish,
             survive_shut, 0, 3, ONE_VALUE, PUBLISHES | SITS | SHUTS | UNDER_WAY),
        CASE("one/large/publish/under way", setup, open_ring, prepare_warm, op_publish,
             survive_shut, 0, 3, ONE_LARGE, PUBLISHES | SITS | SHUTS | UNDER_WAY),
        CASE("one/value/publish_n/under way", setup, open_ring, prepare_warm,
             op_publish_n, survive_shut, 0, 3, ONE_VALUE,
             PUBLISHES | SITS | SHUTS | UNDER_WAY),
        CASE("many/large/publish/under way", setup, open_ring, prepare_warm, op_publish,
             survive_shut, 0, 3, MANY_LARGE, PUBLISHES | SHUTS | UNDER_WAY),
        BY_ALL("publish_n/middle", prepare_warm, op_publish_n, 7, DROPS, PUBLISHES),
        OP("one/value/publish several/empty", prepare_warm, op_publish_several, 0,
           ONE_VALUE, PUBLISHES | SITS),
        OP("one/value/publish several/into a line", prepare_warm, op_publish_several, 5,
           ONE_VALUE, PUBLISHES | SITS),
        OP("one/value/publish several/lapped", prepare_warm, op_publish_several, 26,
           ONE_VALUE, PUBLISHES | SITS),
        OP("one/value/publish several/drop", prepare_warm, op_publish_several, 7,
           ONE_VALUE | DROPS, PUBLISHES | SITS),
        CASE("one/value/publish several/under way", setup, open_ring, prepare_warm,
             op_publish_several, survive_shut, 0, 5, ONE_VALUE,
             PUBLISHES | SITS | SHUTS | UNDER_WAY),
        CASE("one/value/publish several/held up", setup, open_ring, NULL,
             op_publish_several, survive, CRASH_KEEP_HOST, CAPACITY - 2, ONE_VALUE,
             HOSTED | SITS | PUBLISHES),
        OP("one/value/publish_n/into a line", prepare_warm, op_publish_n, 26, ONE_VALUE,
           PUBLISHES | SITS),
        BY_ALL("loan/full", prepare_warm, op_loan, 9, DROPS, 0),
        OP("many/large/loan/first operation", NULL, op_loan, 2, MANY_LARGE, 0),
        BY_ALL("commit/middle", prepare_loan, op_commit, 5, 0, PUBLISHES),
        BY_ALL("commit/full", prepare_loan, op_commit, CAPACITY, DROPS, PUBLISHES),
        BY_ALL("cancel", prepare_loan, op_cancel, CAPACITY, DROPS, 0),
        BY_ONE("resign", prepare_warm, op_resign, 3, 0, SITS),
        CASE("one/value/publish/held up", setup, open_ring, NULL, op_publish, survive,
             CRASH_KEEP_HOST, CAPACITY, ONE_VALUE, HOSTED | SITS | PUBLISHES),
        CASE("many/large/publish/held up", setup, open_ring, prepare_warm, op_publish,
             survive, CRASH_KEEP_HOST, CAPACITY, MANY_LARGE, HOSTED | PUBLISHES),
        READS("next/middle", prepare_subscribed, op_next, 5, 0),
        READS("next/full", prepare_subscribed, op_next, CAPACITY, DROPS),
        READS("next/empty", prepare_subscribed, op_next, 0, 0),
        READS("next_n/middle", prepare_subscribed, op_next_n, 5, 0),
        READS("next several/into a line", prepare_subscribed, op_next_several, 8, 0),
        READS("next several/drop", prepare_subscribed, op_next_several, 8, DROPS),
        OP("one/value/next_n/into a line", prepare_subscribed, op_next_n, 8, ONE_VALUE,
           SUBSCRIBES),
        READS("take/middle", prepare_subscribed, op_take, 5, 0),
        READS("release/block", prepare_taken, op_release, CAPACITY, 0),
        READS("release/drop", prepare_taken, op_release, CAPACITY, DROPS),
        READS("seek/block", prepare_subscribed, op_seek, CAPACITY, 0),
        READS("seek/drop", prepare_subscribed, op_seek, CAPACITY, DROPS),
        READS("subscribe/first operation", NULL, op_subscribe, CAPACITY, 0),
        READS("subscribe/block", weft_kit_join, op_subscribe, 9, 0),
        READS("subscribe/newest", weft_kit_join, op_subscribe_newest, 9, 0),
        READS("subscribe/drop", weft_kit_join, op_subscribe, 9, DROPS),
        READS("unsubscribe/block", prepare_subscribed, op_unsubscribe, CAPACITY, 0),
        READS("unsubscribe/drop", prepare_subscribed, op_unsubscribe, 3, DROPS),
        BY_ALL("close/with a loan", prepare_loan, op_close, 3, 0, 0),
        OP("one/large/close/with all", prepare_all, op_close, 3, ONE_LARGE,
           SITS | SUBSCRIBES),
        OP("many/large/close/with all", prepare_all, op_close, 3, MANY_LARGE, SUBSCRIBES),
        OP("one/value/info", prepare_warm, op_info, 9, ONE_VALUE, SITS),
        OP("many/large/info", prepare_warm, op_info, 9, MANY_LARGE, 0),
        BY_ALL("shutdown/middle", prepare_warm, op_shutdown, 3, 0, SHUTS),
        BY_ALL("shutdown/full", NULL, op_shutdown, CAPACITY, DROPS, SHUTS),
        CASE("one/value/next/shut", setup_shut, open_ring, prepare_subscribed, op_next,
             survive, 0, 0, ONE_VALUE, SHUTS | SUBSCRIBES),
        CASE("many/large/next/shut", setup_shut, open_ring, prepare_subscribed, op_next,
             survive, 0, 0, MANY_LARGE | DROPS, SHUTS | SUBSCRIBES),
        CASE("one/value/publish/shut", setup_shut, open_ring, NULL, op_publish, survive,
             0, 3, ONE_VALUE, SHUTS | SITS),
        CASE("one/large/create", weft_kit_create, weft_kit_open, weft_kit_join, op_create,
             survive_create, 0, 0, ONE_LARGE, CREATES),
        CASE("many/large/create", weft_kit_create, weft_kit_open, NULL, op_create,
             survive_create, 0, 0, MANY_LARGE, CREATES),
        CASE("many/value/open", setup, weft_kit_open, NULL, op_open, survive_create, 0, 2,
             MANY_VALUE, CREATES),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
