/* tests/crash/hot_crash.c -- the hot stream: what is emitted, its end, its driver.
 *
 * Items are numbers, spread over the item's bytes. The first ones are 1 up; the victim emits
 * from 101, survivors from 201. A survivor notes which number he saw at which sequence: it
 * must stay so. So must the end. At last there must be as many items as were emitted, each
 * once; a driver that died is told of, or the seat has been taken. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <weft/hot.h>
#include <weft/object.h>

#include "tests/crash/element_kit.h"
#include "tests/harness/sleeper.h"

enum { CAPACITY = 8, LARGE = 504, BATCH = 3, SEEN = 64 };
enum { VICTIM = 101, SURVIVOR = 201, LATER = 301 };
enum { HELD, MODE, WHAT }; /* of self->arg */
/* What the victim may do, or be. TAKEN: survivors take its driver's seat. */
enum { EMITS = 1, SITS = 2, SUBSCRIBES = 4, ENDS = 8, DRIVES = 16, CREATES = 32 };
enum { TAKEN = 64 };

enum { ONE_VALUE, ONE_LARGE, MANY_VALUE, MANY_LARGE }; /* modes, or'ed with: */
enum { DROPS = 4 };
enum { EMITTED, ENDED, CLAIMED }; /* of c->word */

static uint64_t seen[SEEN]; /* by sequence */
static weft_hot_subscriber_t *mine;

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

static bool may(const struct crash *c, uint64_t what)
{
        return c->self->arg[WHAT] & what;
}

static weft_hot_t *hot_of(const struct crash *c)
{
        return c->handle;
}

static struct weft_hot_info info_of(struct crash *c)
{
        struct weft_hot_info info;
        WEFT_MUST(c, weft_hot_info(hot_of(c), &info));
        return info;
}

/* ---- items ------------------------------------------------------------------- */

static int emit(struct crash *c, uint64_t number)
{
        char item[LARGE];
        element_fill(c, item, number);
        return weft_hot_emit(hot_of(c), item, WEFT_NOW);
}

static int next(struct crash *c, weft_hot_subscriber_t *s, uint64_t *number,
                uint64_t *sequence, uint64_t *lost)
{
        char item[LARGE];
        int rc = weft_hot_next(s, item, sequence, lost, WEFT_NOW);
        if (rc == 1)
                *number = element_read(c, item);
        return rc;
}

static weft_hot_subscriber_t *join(struct crash *c, uint64_t sequence)
{
        weft_hot_subscriber_t *s;
        WEFT_MUST(c, weft_hot_subscribe(hot_of(c), WEFT_HOT_SEQUENCE, sequence, &s));
        return s;
}

/* ---- what is there before ----------------------------------------------------------- */

static struct weft_hot_options options_of(const struct crash *c)
{
        return (struct weft_hot_options){
                .capacity = CAPACITY,
                .element_bytes = bytes_of(c),
                .tag = 99,
                .policy = drops(c) ? WEFT_HOT_DROP : WEFT_HOT_BLOCK,
                .flags = is_one(c) ? WEFT_HOT_ONE : 0,
                .subscribers = 4,
        };
}

static void setup(struct crash *c)
{
        struct weft_hot_options options = options_of(c);
        weft_hot_t *hot;
        weft_kit_create(c);
        WEFT_MUST(c, weft_hot_create(arena_of(c), "h", &options, &hot));
        c->handle = hot;
        for (uint64_t i = 1; i <= c->self->arg[HELD]; i++)
                WEFT_MUST(c, emit(c, i));
        if (is_one(c) && c->self->arg[HELD])
                WEFT_MUST(c, weft_hot_resign(hot));
}

static void setup_ended(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, weft_hot_finish(hot_of(c), -EIO));
}

static void open_hot(struct crash *c)
{
        weft_hot_t *hot;
        weft_kit_open(c);
        WEFT_MUST(c, weft_hot_open(arena_of(c), "h", bytes_of(c), 99, &hot));
        c->handle = hot;
}

/* It has its desk, its box, its place. */
static void prepare_warm(struct crash *c)
{
        void *at;
        weft_kit_join(c);
        if (weft_hot_loan(hot_of(c), &at, WEFT_NOW) == 0)
                WEFT_MUST(c, weft_hot_cancel(hot_of(c)));
}

static void prepare_loan(struct crash *c)
{
        void *at;
        WEFT_MUST(c, weft_hot_loan(hot_of(c), &at, WEFT_NOW));
        element_fill(c, at, VICTIM);
}

static void prepare_driving(struct crash *c)
{
        uint64_t emitted;
        WEFT_MUST(c, weft_hot_claim(hot_of(c), &emitted, WEFT_NOW));
        CRASH_MUST(c, CRASH_BROKEN, emitted == c->self->arg[HELD]);
        prepare_warm(c);
}

static void prepare_driving_loan(struct crash *c)
{
        WEFT_MUST(c, weft_hot_claim(hot_of(c), NULL, WEFT_NOW));
        prepare_loan(c);
}

static void die_driving(struct crash *c)
{
        WEFT_MUST(c, weft_hot_claim(hot_of(c), NULL, WEFT_NOW));
}

static void prepare_dead_driver(struct crash *c)
{
        weft_kit_join(c);
        weft_kit_corpse(c, die_driving);
}

/* It has read all but two. */
static void prepare_subscribed(struct crash *c)
{
        mine = join(c, c->self->arg[HELD] < 2 ? 0 : c->self->arg[HELD] - 2);
}

static void prepare_read(struct crash *c)
{
        uint64_t number, sequence, lost;
        prepare_subscribed(c);
        while (next(c, mine, &number, &sequence, &lost) == 1)
                ;
}

/* The driver died, and that is settled: there is something to be told. */
static void prepare_told(struct crash *c)
{
        prepare_read(c);
        weft_kit_corpse(c, die_driving);
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
}

static void prepare_taken(struct crash *c)
{
        const void *at;
        uint64_t sequence, lost;
        prepare_subscribed(c);
        WEFT_MUST(c, weft_hot_take(mine, &at, &sequence, &lost, WEFT_NOW));
        CRASH_MUST(c, CRASH_BROKEN, element_read(c, at) == sequence + 1);
}

static void prepare_all(struct crash *c)
{
        prepare_subscribed(c);
        prepare_driving_loan(c);
}

/* ---- the operations: value[0] counts what was emitted; value[1 ..] were read from value[5] */

#define PLAIN(op, call) \
        static void op(struct crash *c) \
        { \
                c->note->rc = (call); \
        }
PLAIN(op_cancel, weft_hot_cancel(hot_of(c)))
PLAIN(op_resign, weft_hot_resign(hot_of(c)))
PLAIN(op_finish, weft_hot_finish(hot_of(c), 0))
PLAIN(op_fail, weft_hot_finish(hot_of(c), -EIO))
PLAIN(op_claim, weft_hot_claim(hot_of(c), NULL, WEFT_NOW))
PLAIN(op_yield, weft_hot_yield(hot_of(c)))
PLAIN(op_release, weft_hot_release(mine))
PLAIN(op_seek, weft_hot_seek(mine, WEFT_HOT_OLDEST, 0))
PLAIN(op_subscribe, weft_hot_subscribe(hot_of(c), WEFT_HOT_OLDEST, 0, &mine))
PLAIN(op_subscribe_new, weft_hot_subscribe(hot_of(c), WEFT_HOT_NEW, 0, &mine))

static void op_emit(struct crash *c)
{
        int rc = emit(c, VICTIM);
        c->note->value[0] = rc == 0;
        c->note->rc = rc;
}

static void op_emit_n(struct crash *c)
{
        char items[BATCH * LARGE];
        for (unsigned i = 0; i < BATCH; i++)
                element_fill(c, items + i * bytes_of(c), VICTIM + i);
        int64_t n = weft_hot_emit_n(hot_of(c), items, BATCH, WEFT_NOW);
        c->note->value[0] = n > 0 ? (uint64_t)n : 0;
        c->note->rc = n;
}

static void op_loan(struct crash *c)
{
        void *at;
        c->note->rc = weft_hot_loan(hot_of(c), &at, WEFT_NOW);
        if (!c->note->rc)
                element_fill(c, at, 77); /* nobody may ever see it */
}

static void op_commit(struct crash *c)
{
        int rc = weft_hot_commit(hot_of(c), WEFT_NOW);
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
        char items[BATCH * LARGE];
        uint64_t sequence = 0, lost = 0;
        int64_t n = weft_hot_next_n(mine, items, BATCH, &sequence, &lost, WEFT_NOW);
        c->note->value[5] = sequence;
        c->note->value[6] = lost;
        for (int64_t i = 0; i < n; i++)
                c->note->value[1 + i] = element_read(c, items + (size_t)i * bytes_of(c));
        c->note->rc = n;
}

static void op_take(struct crash *c)
{
        const void *at;
        uint64_t sequence = 0, lost = 0;
        int rc = weft_hot_take(mine, &at, &sequence, &lost, WEFT_NOW);
        c->note->value[6] = lost;
        c->note->rc = rc;
}

static void op_unsubscribe(struct crash *c)
{
        (void)c;
        weft_hot_unsubscribe(mine);
        mine = NULL;
}

static void op_close(struct crash *c)
{
        weft_hot_close(hot_of(c));
}

static void op_create(struct crash *c)
{
        struct weft_hot_options options = options_of(c);
        weft_hot_t *hot;
        c->note->rc = weft_hot_create(arena_of(c), "h", &options, &hot);
}

static void op_open(struct crash *c)
{
        weft_hot_t *hot;
        c->note->rc = weft_hot_open(arena_of(c), "h", 0, 0, &hot);
}

static void op_info(struct crash *c)
{
        struct weft_hot_info info;
        c->note->rc = weft_hot_info(hot_of(c), &info);
}

/* ---- the others ------------------------------------------------------------------------ */

/* There is no more: why, and may that be? */
static void check_stop(struct crash *c, int rc)
{
        if (rc == -EAGAIN)
                CRASH_MUST(c, CRASH_DUPLICATED, !c->word[ENDED]);
        else if (rc == -EOWNERDEAD)
                CRASH_MUST(c, CRASH_BROKEN, may(c, DRIVES) && !c->word[ENDED]);
        else
                CRASH_MUST(c, CRASH_BROKEN, (rc == 0 || rc == -EIO) && may(c, ENDS));
        if (rc == -EAGAIN || rc == -EOWNERDEAD)
                return;
        CRASH_MUST(c, CRASH_BROKEN, !c->word[ENDED] || (int)c->word[ENDED] == 1 - rc);
        c->word[ENDED] = (uint64_t)(1 - rc);
}

/* Reads all that is there, and what there is instead of more. At most the oldest one is
 * gone: a producer may stand in it, or have died so. */
static int read_all(struct crash *c)
{
        weft_hot_subscriber_t *s;
        uint64_t number = 0, sequence = 0, lost, expected = 0;
        int rc;
        WEFT_MUST(c, weft_hot_subscribe(hot_of(c), WEFT_HOT_OLDEST, 0, &s));
        for (int n = 0; (rc = next(c, s, &number, &sequence, &lost)) == 1; n++) {
                CRASH_MUST(c, CRASH_LOST, lost == 0 || (n == 0 && lost == 1));
                CRASH_MUST(c, CRASH_BROKEN, n == 0 || sequence == expected);
                CRASH_MUST(c, CRASH_BROKEN, sequence < SEEN && n <= CAPACITY);
                if (seen[sequence])
                        CRASH_MUST(c, CRASH_BROKEN, seen[sequence] == number);
                seen[sequence] = number;
                expected = sequence + 1;
        }
        check_stop(c, rc);
        weft_hot_unsubscribe(s);
        return rc;
}

/* May others be kept from emitting? */
static bool is_kept(struct crash *c, int rc)
{
        if (rc == -EBUSY)
                return may(c, SITS) && c->how == CRASH_STOPPED;
        if (rc == -EAGAIN)
                return !drops(c) && may(c, SUBSCRIBES);
        return rc == -EPIPE && may(c, ENDS);
}

/* Takes the seat of the dead, of nobody else. */
static void claim(struct crash *c)
{
        uint64_t emitted = 0;
        int rc = weft_hot_claim(hot_of(c), &emitted, WEFT_NOW);
        if (rc == -EPIPE)
                CRASH_MUST(c, CRASH_BROKEN, may(c, ENDS));
        else if (rc == -EAGAIN)
                CRASH_MUST(c, CRASH_WEDGED, may(c, DRIVES) && c->how == CRASH_STOPPED);
        else
                WEFT_MUST(c, rc);
        if (rc)
                return;
        CRASH_MUST(c, CRASH_BROKEN, emitted == info_of(c).emitted || !is_one(c));
        WEFT_MUST(c, weft_hot_yield(hot_of(c)));
        c->word[CLAIMED] = 1;
}

static void survive(struct crash *c)
{
        (void)read_all(c);
        if (may(c, TAKEN))
                claim(c);
        for (int i = 0; i < 2; i++) {
                int rc = emit(c, SURVIVOR + c->word[EMITTED]);
                if (rc && !is_kept(c, rc))
                        crash_fail(c, CRASH_WEDGED, "emit: %d", rc);
                c->word[EMITTED] += rc == 0;
        }
        (void)read_all(c);
        if (is_one(c)) /* so that the victim may go on */
                (void)!weft_hot_resign(hot_of(c));
}

static void survive_create(struct crash *c)
{
        struct weft_hot_options options = options_of(c);
        weft_hot_t *hot;
        WEFT_MUST(c, weft_hot_create_or_open(arena_of(c), "h", &options, &hot));
        c->handle = hot;
        survive(c);
}

/* How many of [from, from + n) were seen, each once and in order. */
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

static void check_emitted(struct crash *c)
{
        struct weft_hot_info info = info_of(c);
        uint64_t held = c->self->arg[HELD], v = 0, s = 0;
        for (uint64_t i = 0; i < SEEN; i++) {
                if (!seen[i])
                        continue;
                CRASH_MUST(c, CRASH_BROKEN, i < info.emitted);
                CRASH_MUST(c, CRASH_BROKEN, (i < held) == (seen[i] == i + 1));
                v += seen[i] >= VICTIM && seen[i] < VICTIM + BATCH;
                s += seen[i] >= SURVIVOR && seen[i] < SURVIVOR + c->word[EMITTED];
        }
        CRASH_MUST(c, CRASH_LOST, s == c->word[EMITTED]);
        must_be_in_order(c, VICTIM, BATCH);
        must_be_in_order(c, SURVIVOR, c->word[EMITTED]);
        CRASH_MUST(c, CRASH_BROKEN, info.emitted == held + v + s);
        if (c->note->done)
                CRASH_MUST(c, v < c->note->value[0] ? CRASH_LOST : CRASH_DUPLICATED,
                           v == c->note->value[0]);
        CRASH_MUST(c, CRASH_BROKEN, may(c, EMITS) || v == 0);
        CRASH_MUST(c, CRASH_BROKEN, info.lost == 0);
}

/* What the victim was told that it read. */
static void check_read(struct crash *c)
{
        const struct crash_note *note = c->note;
        for (uint64_t i = 0; i < BATCH && note->value[1 + i]; i++)
                CRASH_MUST(c, CRASH_BROKEN,
                           seen[note->value[5] + i] == note->value[1 + i]);
        if (!drops(c)) /* who subscribes where all wait for him loses nothing */
                CRASH_MUST(c, CRASH_LOST, note->value[6] == 0);
}

/* Its end, or its driver's death: told, if nobody has taken the seat. `rc` is what there is
 * instead of more. */
static void check_end(struct crash *c, int rc)
{
        const struct crash_note *note = c->note;
        bool killed = c->how == CRASH_KILLED;
        if (c->self->victim == op_finish || c->self->victim == op_fail) {
                int error = c->self->victim == op_fail ? -EIO : 0;
                if (note->done && note->rc == 0)
                        CRASH_MUST(c, CRASH_LOST, rc == error);
                CRASH_MUST(c, CRASH_BROKEN,
                           rc == error || rc == -EAGAIN ||
                                   (rc == -EOWNERDEAD && killed && !note->done));
        }
        if (!may(c, DRIVES) || may(c, TAKEN | ENDS))
                return;
        if (c->self->victim == op_claim && !note->done)
                return;
        if (c->self->victim == op_yield && note->done)
                CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN);
        else if (c->self->victim != op_yield && killed)
                CRASH_MUST(c, CRASH_LOST, rc == -EOWNERDEAD);
        if (rc == -EOWNERDEAD)
                CRASH_MUST(c, CRASH_BROKEN, info_of(c).driver_died);
}

/* It works as new: nobody holds it up, every box is there. */
static void check_room(struct crash *c)
{
        struct weft_hot_info info = info_of(c);
        uint64_t number = 0, sequence = 0, lost, at = info.emitted;
        CRASH_MUST(c, CRASH_LEAKED, info.subscribers == 0 && info.waiting == 0);
        CRASH_MUST(c, CRASH_LEAKED, info.standing_by == 0);
        if (c->how == CRASH_KILLED) { /* else the victim may have the seat, and lives */
                CRASH_MUST(c, CRASH_LEAKED, info.driver == 0);
                claim(c);
        }
        if (info.ended)
                return;
        if (may(c, ENDS)) { /* not half of it, either */
                WEFT_MUST(c, weft_hot_finish(hot_of(c), 0));
                return;
        }
        weft_hot_subscriber_t *s = join(c, at);
        for (int lap = 0; lap < 2; lap++) {
                for (uint64_t i = 0; i < CAPACITY; i++) {
                        int rc = emit(c, LATER + i);
                        if (rc)
                                crash_fail(c, CRASH_WEDGED, "emit at last: %d", rc);
                }
                if (!drops(c))
                        CRASH_MUST(c, CRASH_DUPLICATED, emit(c, 7) == -EAGAIN);
                for (uint64_t i = 0; i < CAPACITY; i++, at++)
                        CRASH_MUST(c, CRASH_LOST,
                                   next(c, s, &number, &sequence, &lost) == 1 &&
                                           number == LATER + i && sequence == at &&
                                           lost == 0);
        }
        weft_hot_unsubscribe(s);
        if (is_one(c))
                WEFT_MUST(c, weft_hot_resign(hot_of(c)));
}

static bool is_answer(const struct crash *c, int64_t rc)
{
        return rc >= 0 || (rc == -EEXIST && may(c, CREATES)) ||
               (rc == -EAGAIN && may(c, SUBSCRIBES)) || (rc == -EPIPE && may(c, ENDS)) ||
               (rc == -EIO && may(c, ENDS)) || (rc == -EOWNERDEAD && may(c, DRIVES)) ||
               (rc == -ENOENT && drops(c) && may(c, SUBSCRIBES)) ||
               (c->how == CRASH_STOPPED &&
                ((rc == -EBUSY && is_one(c)) || (rc == -EAGAIN && may(c, TAKEN))));
}

static void verify(struct crash *c)
{
        bool lives = c->how == CRASH_STOPPED;
        CRASH_MUST(c, CRASH_BROKEN, is_answer(c, c->note->rc));
        if (!c->handle)
                open_hot(c);
        uint64_t end = c->word[ENDED];
        int rc = read_all(c);
        CRASH_MUST(c, CRASH_BROKEN, !end || c->word[ENDED] == end);
        check_end(c, rc);
        check_emitted(c);
        check_read(c);
        bool subscribed = info_of(c).subscribers != 0;
        CRASH_MUST(c, CRASH_LEAKED, !subscribed || (lives && may(c, SUBSCRIBES)));
        bool sits = lives && may(c, SITS);
        if (!subscribed && !sits)
                check_room(c);
        weft_hot_close(hot_of(c));
        weft_kit_whole(c);
        if (lives && may(c, SUBSCRIBES | DRIVES))
                return; /* the victim lives, and subscribes, or drives */
        WEFT_MUST(c, weft_object_remove(arena_of(c), "h"));
        weft_kit_nothing_left(c, 0);
}

/* ---- one who sleeps beside it ------------------------------------------------------------ */

/* Until there is something for him. */
static int sleep_for_next(struct crash *c)
{
        char item[LARGE];
        sleeper_outlives_host();
        weft_hot_subscriber_t *s;
        int rc = weft_hot_subscribe(hot_of(c), WEFT_HOT_NEW, 0, &s);
        return rc ? rc
                  : weft_hot_next(s, item, NULL, NULL,
                                  weft_after(SLEEPER_SECONDS * WEFT_SEC));
}

static int stand_by(struct crash *c)
{
        uint64_t emitted;
        sleeper_outlives_host();
        int rc = weft_hot_claim(hot_of(c), &emitted,
                                weft_after(SLEEPER_SECONDS * WEFT_SEC));
        return rc ? rc : emitted < c->self->arg[HELD] ? -ENODATA : 0;
}

static uint32_t asleep(struct crash *c)
{
        return info_of(c).waiting;
}

static uint32_t standing_by(struct crash *c)
{
        return info_of(c).standing_by;
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_for_next);
        sleeper_sleeps(c, asleep);
}

/* The victim drives, and only then somebody stands by; a subscriber must not be told. */
static void prepare_stand_by(struct crash *c)
{
        prepare_driving(c);
        sleeper_start(c, stand_by);
        sleeper_sleeps(c, standing_by);
}

/* What a dead one did not do, others do. */
static void survive_sleeper(struct crash *c)
{
        if (c->how == CRASH_STOPPED || may(c, DRIVES))
                return;
        int rc = emit(c, SURVIVOR);
        CRASH_MUST(c, CRASH_WEDGED, rc == 0 || rc == -EPIPE);
        (void)sleeper_must_wake(c);
}

static void verify_sleeper(struct crash *c)
{
        int rc = sleeper_must_wake(c);
        bool ends = may(c, ENDS), stands = c->self->prepare == prepare_stand_by;
        if (stands)
                CRASH_MUST(c, CRASH_LOST, rc == 0 || (ends && rc == -EPIPE));
        else if (may(c, DRIVES))
                CRASH_MUST(c, CRASH_LOST,
                           rc == -EOWNERDEAD || (rc == 1 && may(c, EMITS)));
        else
                CRASH_MUST(c, CRASH_LOST, rc == 1 || (ends && (rc == 0 || rc == -EIO)));
        sleeper_end(c);
        weft_hot_close(hot_of(c));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "h"));
        weft_kit_nothing_left(c, 0);
}

/* ---- the table ------------------------------------------------------------------------------ */

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, ...) \
        { \
                .name = "hot/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = verify, \
                .arg = { __VA_ARGS__ } \
        }
#define OP(name_, prepare_, victim_, ...) \
        CASE(name_, setup, open_hot, prepare_, victim_, survive, __VA_ARGS__)
#define BOTH(name_, prepare_, victim_, held, mode, what) \
        OP("one/" name_, prepare_, victim_, held, ONE_VALUE | (mode), (what) | SITS), \
                OP("many/" name_, prepare_, victim_, held, MANY_LARGE | (mode), what)
#define READS(name_, prepare_, victim_, held, mode, what) \
        OP("one/" name_, prepare_, victim_, held, ONE_VALUE | (mode), \
           (what) | SUBSCRIBES), \
                OP("many/" name_, prepare_, victim_, held, MANY_LARGE | (mode), \
                   (what) | SUBSCRIBES)
#define SLEEPER(name_, setup_, prepare_, victim_, mode, what) \
        { \
                .name = "hot/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_hot, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive_sleeper, .verify = verify_sleeper, \
                .flags = CRASH_KEEP_HOST | CRASH_REAL, \
                .arg = { 3, \
                         mode, \
                         what } \
        }

static const struct crash_case cases[] = {
        BOTH("finish/empty", prepare_warm, op_finish, 0, 0, ENDS),
        BOTH("finish/full", NULL, op_fail, CAPACITY, DROPS, ENDS),
        BOTH("finish/driving", prepare_driving, op_fail, 3, 0, ENDS | DRIVES),
        BOTH("finish/driving/taken", prepare_driving, op_finish, 3, 0,
             ENDS | DRIVES | TAKEN),
        BOTH("claim/first operation", NULL, op_claim, 3, 0, DRIVES),
        BOTH("claim/free", weft_kit_join, op_claim, CAPACITY, 0, DRIVES),
        OP("one/claim/of a dead one", prepare_dead_driver, op_claim, 3, ONE_VALUE,
           DRIVES | SITS),
        OP("many/claim/of a dead one/taken", prepare_dead_driver, op_claim, 3, MANY_LARGE,
           DRIVES | TAKEN),
        BOTH("yield", prepare_driving, op_yield, 3, 0, DRIVES),
        BOTH("yield/taken", prepare_driving, op_yield, 9, DROPS, DRIVES | TAKEN),
        OP("many/emit/empty", prepare_warm, op_emit, 0, MANY_LARGE | DROPS, EMITS),
        BOTH("emit/middle", prepare_warm, op_emit, 3, 0, EMITS),
        OP("one/emit/full", prepare_warm, op_emit, CAPACITY, ONE_VALUE | DROPS,
           EMITS | SITS),
        OP("many/emit/first operation", NULL, op_emit, 3, MANY_LARGE, EMITS),
        BOTH("emit/driving", prepare_driving, op_emit, 3, 0, EMITS | DRIVES),
        BOTH("emit/driving/taken", prepare_driving, op_emit, 3, 0,
             EMITS | DRIVES | TAKEN),
        OP("one/emit_n/driving", prepare_driving, op_emit_n, 7, ONE_LARGE | DROPS,
           EMITS | DRIVES | SITS | TAKEN),
        OP("one/loan/full", prepare_warm, op_loan, 9, ONE_VALUE | DROPS, SITS),
        OP("many/commit/middle", prepare_loan, op_commit, 5, MANY_LARGE, EMITS),
        BOTH("commit/driving", prepare_driving_loan, op_commit, CAPACITY, DROPS,
             EMITS | DRIVES),
        OP("one/cancel", prepare_loan, op_cancel, CAPACITY, ONE_VALUE | DROPS, SITS),
        OP("one/resign", prepare_warm, op_resign, 3, ONE_VALUE, SITS),
        READS("next/middle", prepare_subscribed, op_next, 5, 0, 0),
        OP("one/next/full", prepare_subscribed, op_next, CAPACITY, ONE_VALUE | DROPS,
           SUBSCRIBES),
        OP("many/next/empty", prepare_subscribed, op_next, 0, MANY_LARGE, SUBSCRIBES),
        READS("next/told of a death", prepare_told, op_next, 3, 0, DRIVES | TAKEN),
        OP("one/next_n/middle", prepare_subscribed, op_next_n, 5, ONE_LARGE, SUBSCRIBES),
        OP("many/take/middle", prepare_subscribed, op_take, 5, MANY_LARGE, SUBSCRIBES),
        OP("one/release", prepare_taken, op_release, CAPACITY, ONE_VALUE, SUBSCRIBES),
        OP("many/seek", prepare_subscribed, op_seek, CAPACITY, MANY_VALUE, SUBSCRIBES),
        OP("many/subscribe/first operation", NULL, op_subscribe, CAPACITY, MANY_LARGE,
           SUBSCRIBES),
        OP("one/subscribe", weft_kit_join, op_subscribe, 9, ONE_VALUE | DROPS,
           SUBSCRIBES),
        OP("one/subscribe/new", weft_kit_join, op_subscribe_new, 9, ONE_VALUE,
           SUBSCRIBES),
        READS("unsubscribe", prepare_subscribed, op_unsubscribe, CAPACITY, 0, 0),
        BOTH("close/with all", prepare_all, op_close, 3, 0, SUBSCRIBES | DRIVES),
        OP("many/info", prepare_driving, op_info, 9, MANY_LARGE, DRIVES),
        CASE("one/next/ended", setup_ended, open_hot, prepare_read, op_next, survive, 3,
             ONE_VALUE, ENDS | SUBSCRIBES),
        CASE("many/next/ended", setup_ended, open_hot, prepare_read, op_next, survive, 0,
             MANY_LARGE | DROPS, ENDS | SUBSCRIBES),
        CASE("one/emit/ended", setup_ended, open_hot, NULL, op_emit, survive, 3,
             ONE_VALUE, ENDS | SITS),
        CASE("many/claim/ended", setup_ended, open_hot, NULL, op_claim, survive, 3,
             MANY_LARGE, ENDS | DRIVES | TAKEN),
        CASE("one/create", weft_kit_create, weft_kit_open, weft_kit_join, op_create,
             survive_create, 0, ONE_LARGE, CREATES),
        CASE("many/create", weft_kit_create, weft_kit_open, NULL, op_create,
             survive_create, 0, MANY_LARGE, CREATES),
        CASE("many/open", setup, weft_kit_open, NULL, op_open, survive_create, 2,
             MANY_VALUE, CREATES),
        SLEEPER("sleeper/emit", setup_sleeper, prepare_warm, op_emit, MANY_VALUE, EMITS),
        SLEEPER("sleeper/finish", setup_sleeper, prepare_warm, op_fail, ONE_VALUE, ENDS),
        SLEEPER("sleeper/driver emits", setup_sleeper, prepare_driving, op_emit,
                ONE_VALUE, EMITS | DRIVES),
        SLEEPER("sleeper/driver dies", setup_sleeper, prepare_driving, op_info, ONE_VALUE,
                DRIVES),
        SLEEPER("stand-by/emit", setup, prepare_stand_by, op_emit, ONE_VALUE,
                EMITS | DRIVES),
        SLEEPER("stand-by/yield", setup, prepare_stand_by, op_yield, ONE_VALUE, DRIVES),
        SLEEPER("stand-by/finish", setup, prepare_stand_by, op_finish, MANY_VALUE,
                ENDS | DRIVES),
        SLEEPER("stand-by/close", setup, prepare_stand_by, op_close, ONE_VALUE, DRIVES),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
