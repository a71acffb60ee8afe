/* tests/crash/hot_grid_crash.c -- a driver, one who stands by, one who listens; an end.
 *
 * The item with sequence s is the number s + 1, whoever drives: who takes over goes on with
 * what was emitted. So whoever reads 1, 2, 3 ... got each item once. A survivor listens. He
 * knows who had the driver's seat, and who stood in its line, when the fates fell: that
 * decides what he must be told, and must not. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <weft/object.h>

#include "codata/hot_internal.h"
#include "sync/line.h"
#include "tests/check.h"
#include "tests/harness/grid.h"
#include "tests/harness/weft_kit.h"

enum { CAPACITY = 16, LARGE = 504, HELD = 3, EACH = 2 };
enum { MODE, WHAT }; /* of self->arg */
enum { ONE_VALUE, MANY_LARGE };
enum { DRIVES = 1, ENDS = 2, LISTENS = 4, COLD = 8 };
enum { ALL = 8 };                              /* items of the cold stream */
enum { LONG_AGO = 1 };                         /* in a stepped process time flies */
enum { HOLDER, WAITS, ENDED, AT, OVER };       /* of c->word */
enum { SIG = 10, PUT = 0, SEAT, TOLD, FINAL }; /* of the parties' values; SEAT: */
enum { SITS = 1, RISES = 2 };
enum { NOBODY = 2 };

static weft_hot_subscriber_t *mine;

static weft_hot_t *hot_of(const struct crash *c)
{
        return c->handle;
}

static uint32_t bytes_of(const struct crash *c)
{
        return c->self->arg[MODE] == ONE_VALUE ? 8 : LARGE;
}

static bool may(const struct crash *c, uint64_t what)
{
        return c->self->arg[WHAT] & what;
}

static struct weft_hot_info info_of(struct crash *c)
{
        struct weft_hot_info info;
        WEFT_MUST(c, weft_hot_info(hot_of(c), &info));
        return info;
}

/* ---- items ------------------------------------------------------------------------- */

static int emit(struct crash *c, uint64_t number)
{
        char item[LARGE];
        for (uint32_t i = 0; i < bytes_of(c); i += 8)
                memcpy(item + i, &number, 8);
        return weft_hot_emit(hot_of(c), item, WEFT_NOW);
}

/* One more, which must be the one that comes next. */
static int next(struct crash *c, weft_hot_subscriber_t *s, uint64_t *at,
                uint64_t deadline)
{
        char item[LARGE];
        uint64_t sequence, lost, number, last;
        int rc = weft_hot_next(s, item, &sequence, &lost, deadline);
        if (rc != 1)
                return rc;
        memcpy(&number, item, 8);
        memcpy(&last, item + bytes_of(c) - 8, 8);
        CRASH_MUST(c, CRASH_LOST, lost == 0 && sequence == *at);
        CRASH_MUST(c, CRASH_DUPLICATED, number == sequence + 1 && last == number);
        ++*at;
        return 1;
}

/* ---- before ------------------------------------------------------------------------- */

static void setup(struct crash *c)
{
        struct weft_hot_options o = { .capacity = CAPACITY,
                                      .element_bytes = bytes_of(c),
                                      .flags = c->self->arg[MODE] == ONE_VALUE
                                                       ? WEFT_HOT_ONE
                                                       : 0,
                                      .subscribers = 4 };
        weft_hot_t *hot;
        weft_kit_create(c);
        WEFT_MUST(c, weft_hot_create(arena_of(c), "h", &o, &hot));
        c->handle = hot;
        for (uint64_t i = 1; i <= HELD; i++)
                WEFT_MUST(c, emit(c, i));
        (void)!weft_hot_resign(hot);
}

static int at_once(void *nothing)
{
        (void)nothing;
        return 0;
}

static void do_not_spin(struct weft_spin *spin)
{
        struct weft_wait_shared wait = { 0 };
        const struct weft_wait_one one = { .wait = &wait };
        spin->budget.raw = 1;
        CHECK(weft_wait_spin(&one, 1, spin, at_once, NULL) == 0);
        spin->budget.raw = 1;
}

static const struct crash_note *note_of(const struct crash *c, int who)
{
        return who == 0 ? c->note : c->other;
}

/* And how it was before the fates: both stand still. */
static void open_hot(struct crash *c)
{
        weft_hot_t *hot;
        weft_kit_open(c);
        WEFT_MUST(c, weft_hot_open(arena_of(c), "h", 0, 0, &hot));
        c->handle = hot;
        do_not_spin(&hot->driver->spin);
        uint64_t word = weft_load_acq(&weft_hot_sh(hot)->driver.word);
        int error;
        c->word[HOLDER] = NOBODY;
        c->word[ENDED] = info_of(c).ended || weft_hot_end(weft_hot_sh(hot), &error);
        if (!c->note || !c->other)
                return;
        for (int who = 0; who < 2; who++) {
                uint32_t sig = (uint32_t)note_of(c, who)->value[SIG];
                if (sig && !(word & WEFT_MUTEX_OFFERED) && weft_mutex_sig(word) == sig)
                        c->word[HOLDER] = (uint64_t)who;
                if (sig && weft_line_is_in(hot->driver->line, sig))
                        c->word[WAITS] |= UINT64_C(1) << who;
        }
}

static void prepare(struct crash *c)
{
        void *at;
        weft_kit_join(c);
        if (weft_hot_loan(hot_of(c), &at, WEFT_NOW) == 0)
                WEFT_MUST(c, weft_hot_cancel(hot_of(c)));
        (void)!weft_hot_resign(hot_of(c));
        c->note->value[SIG] = weft_me.agent->sig;
}

static void prepare_driving(struct crash *c)
{
        prepare(c);
        WEFT_MUST(c, weft_hot_claim(hot_of(c), NULL, WEFT_NOW));
        c->note->value[SEAT] = SITS;
}

static void die_driving(struct crash *c)
{
        WEFT_MUST(c, weft_hot_claim(hot_of(c), NULL, WEFT_NOW));
        WEFT_MUST(c, emit(c, HELD + 1));
}

static void prepare_after_a_death(struct crash *c)
{
        prepare(c);
        weft_kit_corpse(c, die_driving);
}

/* It has read all that there is. */
static void prepare_listening(struct crash *c)
{
        uint64_t at = 0;
        prepare(c);
        WEFT_MUST(c, weft_hot_subscribe(hot_of(c), WEFT_HOT_OLDEST, 0, &mine));
        do_not_spin(&mine->ring->spin);
        while (next(c, mine, &at, WEFT_NOW) == 1)
                ;
        CRASH_MUST(c, CRASH_BROKEN, at == HELD);
}

/* ---- the parties ---------------------------------------------------------------------- */

static void drive_from(struct crash *c, uint64_t at)
{
        for (int i = 0; i < EACH; i++) {
                int rc = emit(c, ++at);
                CRASH_MUST(c, CRASH_WEDGED, rc == 0 || (rc == -EPIPE && may(c, ENDS)));
                if (rc)
                        break;
                c->note->value[PUT]++;
        }
        if (may(c, ENDS) && !may(c, LISTENS))
                c->note->value[FINAL] = weft_hot_finish(hot_of(c), 0) == 0 ? 1 : 2;
        c->note->value[SEAT] = RISES;
        WEFT_MUST(c, weft_hot_yield(hot_of(c)));
}

static void drive(struct crash *c)
{
        drive_from(c, HELD);
}

static void stand_by_until(struct crash *c, uint64_t deadline)
{
        uint64_t at = 0;
        int rc = weft_hot_claim(hot_of(c), &at, deadline);
        if ((rc == -ETIMEDOUT && deadline == LONG_AGO) || (rc == -EPIPE && may(c, ENDS)))
                return;
        WEFT_MUST(c, rc);
        c->note->value[SEAT] = SITS;
        drive_from(c, at);
}

static void stand_by(struct crash *c)
{
        stand_by_until(c, WEFT_NEVER);
}

static weft_stream_t *cold;

static void prepare_cold(struct crash *c)
{
        prepare(c);
        cold = weft_stream_range(1, ALL, 1);
}

/* One stands by while the other drives, and goes on where he died. */
static void drive_cold(struct crash *c)
{
        uint64_t n = 0;
        WEFT_MUST(c, weft_hot_drive(hot_of(c), cold, &n, WEFT_HOT_SKIP, WEFT_NEVER));
        CRASH_MUST(c, CRASH_BROKEN, n <= ALL);
        c->note->value[FINAL] = 2;
}

static void give_up(struct crash *c)
{
        stand_by_until(c, LONG_AGO);
}

/* What it is told, + 4096. */
static void listen(struct crash *c)
{
        uint64_t at = HELD;
        int rc = next(c, mine, &at, WEFT_NEVER);
        c->note->value[TOLD] = (uint64_t)(rc + 4096);
}

static void emit_one(struct crash *c)
{
        int rc = emit(c, HELD + 1);
        CRASH_MUST(c, CRASH_WEDGED, rc == 0 || rc == -EPIPE);
        c->note->value[PUT] = rc == 0;
}

static void drive_one(struct crash *c)
{
        emit_one(c); /* it is killed then, and has not yielded */
}

static void finish_with(struct crash *c, int error)
{
        int rc = weft_hot_finish(hot_of(c), error);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EALREADY);
        c->note->value[FINAL] = rc == 0 ? 1 : 2;
}

static void finish(struct crash *c)
{
        finish_with(c, 0);
}

static void fail(struct crash *c)
{
        finish_with(c, -EIO);
}

/* ---- the third -------------------------------------------------------------------------- */

static bool is_killed(const struct crash *c, int who)
{
        return c->fate[who] == GRID_KILLED;
}

static bool is_dead_driver(const struct crash *c)
{
        return c->word[HOLDER] != NOBODY && is_killed(c, (int)c->word[HOLDER]);
}

typedef void operation(struct crash *c);

static operation *op_of(const struct crash *c, int who)
{
        return who == 0 ? c->self->victim : ((const struct grid_case *)c->self)->b;
}

/* Does he give up, as soon as he runs on? */
static bool gives_up(const struct crash *c, int who)
{
        return op_of(c, who) == give_up && c->fate[who] == GRID_GOES_ON;
}

/* Does anybody alive stand in the line, who has not got the seat? */
static bool somebody_waits(const struct crash *c)
{
        for (int who = 0; who < 2; who++)
                if (!gives_up(c, who) && c->word[WAITS] >> who & 1 &&
                    c->word[HOLDER] != (uint64_t)who && !is_killed(c, who))
                        return true;
        return false;
}

static bool has_ended(const struct crash *c, int who)
{
        return is_killed(c, who) || note_of(c, who)->done;
}

/* Nobody can come to drive any more. */
static bool is_left_alone(const struct crash *c)
{
        return c->fate[0] != GRID_GOES_ON && c->fate[1] != GRID_GOES_ON;
}

static void must_be_rightly_told(struct crash *c, int rc)
{
        if (rc == -EOWNERDEAD) {
                CRASH_MUST(c, CRASH_BROKEN, is_dead_driver(c));
                CRASH_MUST(c, CRASH_BROKEN, !somebody_waits(c));
        } else if (rc != 1 && rc != -ETIMEDOUT && rc != -EAGAIN) {
                CRASH_MUST(c, CRASH_BROKEN, may(c, ENDS) && (rc == 0 || rc == -EIO));
                CRASH_MUST(c, CRASH_BROKEN,
                           !c->word[OVER] || c->word[OVER] == (uint64_t)(1 - rc));
                c->word[OVER] = (uint64_t)(1 - rc);
        }
}

/* Until those who go on have come to their end, or nobody does. */
static void listen_to_them(struct crash *c)
{
        weft_hot_subscriber_t *s;
        uint64_t latest = weft_after(4 * WEFT_SEC);
        bool stands = c->fate[0] == GRID_STANDS || c->fate[1] == GRID_STANDS;
        bool told = false, over = false;
        int idle = 0;
        WEFT_MUST(c, weft_hot_subscribe(hot_of(c), WEFT_HOT_SEQUENCE, c->word[AT], &s));
        while (weft_now() < latest && !over) {
                bool all = has_ended(c, 0) && has_ended(c, 1); /* before the look */
                int rc = next(c, s, &c->word[AT], weft_after(5 * WEFT_MSEC));
                must_be_rightly_told(c, rc);
                told |= rc == -EOWNERDEAD;
                idle += rc != 1;
                if (rc == -EOWNERDEAD)
                        usleep(200);
                if (is_left_alone(c) && is_dead_driver(c) && !somebody_waits(c))
                        over = told || c->word[OVER];
                else if (stands || is_left_alone(c))
                        over = idle > 12; /* time enough to be told, if that were so */
                else
                        over = all && rc != 1;
        }
        CRASH_MUST(c, CRASH_WEDGED, over);
        weft_hot_unsubscribe(s);
}

/* On copies both are dead, and settled: what they had noted is all that is known. */
static void survive(struct crash *c)
{
        bool both = is_killed(c, 0) && is_killed(c, 1);
        if (may(c, DRIVES) && !both)
                listen_to_them(c);
}

static uint64_t put_by(const struct crash *c, int who)
{
        return note_of(c, who)->value[PUT];
}

/* Who listened was told of a death only when there was nothing to read. */
static void check_listener(struct crash *c)
{
        if (!may(c, LISTENS) || !note_of(c, 0)->value[TOLD])
                return;
        int rc = (int)note_of(c, 0)->value[TOLD] - 4096;
        uint64_t emitted = info_of(c).emitted;
        if (rc == 1)
                CRASH_MUST(c, CRASH_BROKEN, emitted > HELD);
        else if (rc == -EOWNERDEAD)
                CRASH_MUST(c, CRASH_LOST, emitted == HELD && !info_of(c).ended);
        else
                CRASH_MUST(c, CRASH_BROKEN, rc == info_of(c).error && info_of(c).ended);
}

static void check_the_end(struct crash *c)
{
        int first = 0;
        struct weft_hot_info info = info_of(c);
        for (int who = 0; who < 2; who++) {
                uint64_t final = note_of(c, who)->value[FINAL];
                if (!final)
                        continue;
                CRASH_MUST(c, CRASH_LOST, info.ended);
                first += final == 1;
                operation *op = op_of(c, who);
                if (final == 1 && (op == finish || op == fail))
                        CRASH_MUST(c, CRASH_BROKEN,
                                   info.error == (op == fail ? -EIO : 0));
        }
        CRASH_MUST(c, CRASH_DUPLICATED, first <= 1);
        if (c->word[OVER])
                CRASH_MUST(c, CRASH_LOST, info.ended);
        if (info.ended)
                CRASH_MUST(c, CRASH_BROKEN, may(c, ENDS));
}

static void verify(struct crash *c)
{
        weft_hot_subscriber_t *s;
        uint64_t at = 0, emitted = 0;
        int rc;
        check_listener(c);
        check_the_end(c);
        WEFT_MUST(c, weft_hot_subscribe(hot_of(c), WEFT_HOT_OLDEST, 0, &s));
        while ((rc = next(c, s, &at, WEFT_NOW)) == 1)
                ;
        struct weft_hot_info info = info_of(c);
        CRASH_MUST(c, CRASH_LOST, at == info.emitted && at >= c->word[AT]);
        uint64_t sure = HELD + put_by(c, 0) + put_by(c, 1);
        CRASH_MUST(c, CRASH_LOST, at >= sure);
        if (may(c, COLD) && info.ended)
                CRASH_MUST(c, CRASH_LOST, at == ALL && info.error == 0);
        if (!is_killed(c, 0) && !is_killed(c, 1))
                CRASH_MUST(c, CRASH_DUPLICATED,
                           at == sure || may(c, COLD) || may(c, LISTENS) ||
                                   ((const struct grid_case *)c->self)->dead);
        CRASH_MUST(c, CRASH_BROKEN,
                   info.ended ? rc == info.error
                              : rc == (info.driver_died ? -EOWNERDEAD : -EAGAIN));
        for (int who = 0; who < 2; who++)
                if (is_killed(c, 0) && is_killed(c, 1) &&
                    note_of(c, who)->value[SEAT] == SITS)
                        CRASH_MUST(c, CRASH_LOST, info.driver_died);
        CRASH_MUST(c, CRASH_LEAKED, !info.driver && !info.standing_by && !info.waiting);
        weft_hot_unsubscribe(s);
        CRASH_MUST(c, CRASH_LEAKED, info_of(c).subscribers == 0);
        rc = weft_hot_claim(hot_of(c), &emitted, WEFT_NOW);
        CRASH_MUST(c, CRASH_WEDGED, rc == (info.ended ? -EPIPE : 0) && emitted == at);
        if (!rc) {
                WEFT_MUST(c, emit(c, at + 1));
                WEFT_MUST(c, weft_hot_yield(hot_of(c)));
        }
        weft_hot_close(hot_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "h"));
        weft_kit_nothing_left(c, 0);
}

#define GRID(name_, mode_, what_, prepare_, a_, prepare_b_, b_, fates_) \
        { \
                .a = { .name = "hot/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup, \
                       .open = open_hot, \
                       .prepare = (prepare_), \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .arg = { mode_, what_ } }, \
                .prepare_b = (prepare_b_), .b = (b_), .fates = (fates_), \
                .dead = (prepare_b_) == prepare_after_a_death \
        }
/* Who listens without end waits for one who stands, or whose item never comes. */
#define B_DIES (GRID_BIT(GRID_KILLED, GRID_KILLED) | GRID_BIT(GRID_GOES_ON, GRID_KILLED))

static const struct grid_case cases[] = {
        GRID("stand by, drive", ONE_VALUE, DRIVES, prepare, stand_by, prepare_driving,
             drive, GRID_ALL),
        GRID("many/stand by, drive", MANY_LARGE, DRIVES, prepare, stand_by,
             prepare_driving, drive, GRID_ALL),
        GRID("drive, stand by", ONE_VALUE, DRIVES, prepare_driving, drive, prepare,
             stand_by, GRID_ALL),
        GRID("stand by, drive to the end", ONE_VALUE, DRIVES | ENDS, prepare, stand_by,
             prepare_driving, drive, GRID_ALL),
        GRID("many/drive to the end, stand by", MANY_LARGE, DRIVES | ENDS,
             prepare_driving, drive, prepare, stand_by, GRID_ALL),
        GRID("drive cold, drive cold", ONE_VALUE, DRIVES | ENDS | COLD, prepare_cold,
             drive_cold, prepare_cold, drive_cold, GRID_ALL),
        GRID("give up, drive", ONE_VALUE, DRIVES, prepare, give_up, prepare_driving,
             drive, GRID_ALL),
        GRID("drive, give up", ONE_VALUE, DRIVES, prepare_driving, drive, prepare,
             give_up, GRID_ALL),
        GRID("stand by, stand by after a death", ONE_VALUE, 0, prepare, stand_by,
             prepare_after_a_death, stand_by, GRID_NO_STAND),
        GRID("listen, drive and die", ONE_VALUE, LISTENS, prepare_listening, listen,
             prepare_driving, drive_one, B_DIES),
        GRID("many/listen, drive and die", MANY_LARGE, LISTENS, prepare_listening, listen,
             prepare_driving, drive_one, B_DIES),
        GRID("listen, fail", ONE_VALUE, LISTENS | ENDS, prepare_listening, listen,
             prepare_driving, fail, GRID_NO_STAND),
        GRID("finish, fail", ONE_VALUE, ENDS, prepare, finish, prepare, fail, GRID_ALL),
        GRID("many/finish, fail", MANY_LARGE, ENDS, prepare, finish, prepare, fail,
             GRID_ALL),
        GRID("emit, fail", ONE_VALUE, ENDS, prepare, emit_one, prepare, fail, GRID_ALL),
        GRID("many/finish, emit", MANY_LARGE, ENDS, prepare, finish, prepare, emit_one,
             GRID_ALL),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
