/* tests/crash/latch_crash.c -- latches: made, counted down, and what the dead had left. */
#define _GNU_SOURCE
#include <errno.h>

#include <weft/latch.h>
#include <weft/object.h>

#include "runtime/wait.h"
#include "tests/harness/sleeper.h"

enum { SHARE, N }; /* arguments: of the victim; how much its operation counts */

static const struct weft_latch_options plain = { .count = 5 };
static const struct weft_latch_options shares = { .count = 5,
                                                  .flags = WEFT_LATCH_REGISTERED };
static const struct weft_latch_options one = { .count = 1 };
static const struct weft_latch_options one_share = { .count = 1,
                                                     .flags = WEFT_LATCH_REGISTERED };

static const struct weft_latch_options *options_of(const struct crash *c)
{
        return c->self->more;
}

static bool has_shares(const struct crash *c)
{
        return !options_of(c) || options_of(c)->flags & WEFT_LATCH_REGISTERED;
}

static weft_latch_t *latch_of(const struct crash *c)
{
        return c->handle;
}

static uint32_t arg(const struct crash *c, int which)
{
        return (uint32_t)c->self->arg[which];
}

static void setup(struct crash *c)
{
        weft_latch_t *l;
        weft_kit_create(c);
        if (!options_of(c))
                return;
        WEFT_MUST(c, weft_latch_create(arena_of(c), "l", options_of(c), &l));
        c->handle = l;
}

static void open_latch(struct crash *c)
{
        weft_latch_t *l;
        weft_kit_open(c);
        WEFT_MUST(c, weft_latch_open(arena_of(c), "l", &l));
        c->handle = l;
}

static void take_share(struct crash *c)
{
        weft_kit_join(c);
        if (arg(c, SHARE))
                WEFT_MUST(c, weft_latch_register(latch_of(c), arg(c, SHARE)));
}

/* ---- the operations ---------------------------------------------------------------- */

static void op_create(struct crash *c)
{
        weft_latch_t *l;
        c->note->rc = weft_latch_create(arena_of(c), "l", &shares, &l);
}

static void op_open(struct crash *c)
{
        weft_latch_t *l;
        c->note->rc = weft_latch_open(arena_of(c), "l", &l);
}

static void op_close(struct crash *c)
{
        weft_latch_close(latch_of(c));
}

static void op_register(struct crash *c)
{
        c->note->rc = weft_latch_register(latch_of(c), arg(c, N));
}

static void op_count_down(struct crash *c)
{
        c->note->rc = weft_latch_count_down(latch_of(c), arg(c, N));
}

static void op_arrive_and_wait(struct crash *c)
{
        c->note->rc = weft_latch_arrive_and_wait(latch_of(c), arg(c, N), WEFT_NOW);
}

static void op_wait(struct crash *c)
{
        c->note->rc = weft_latch_wait(latch_of(c), WEFT_NOW);
}

/* ---- the others ----------------------------------------------------------------------- */

/* One of the count is the survivor's. */
static void survive(struct crash *c)
{
        if (has_shares(c))
                WEFT_MUST(c, weft_latch_register(latch_of(c), 1));
        WEFT_MUST(c, weft_latch_count_down(latch_of(c), 1));
        int rc = weft_latch_wait(latch_of(c), WEFT_NOW);
        CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN || rc == 0 || rc == -EOWNERDEAD);
}

static void finish(struct crash *c)
{
        weft_latch_close(latch_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "l"));
        weft_kit_nothing_left(c, 0);
}

/* Counts what is left; then it is open, for all who wait. */
static void must_open(struct crash *c, bool failed)
{
        weft_latch_t *l = latch_of(c);
        int64_t left = weft_latch_count(l);
        if (left > 0) {
                CRASH_MUST(c, CRASH_LOST, weft_latch_wait(l, WEFT_NOW) == -EAGAIN);
                if (has_shares(c))
                        WEFT_MUST(c, weft_latch_register(l, (uint32_t)left));
                WEFT_MUST(c, weft_latch_count_down(l, (uint32_t)left));
        }
        CRASH_MUST(c, CRASH_WEDGED,
                   weft_latch_wait(l, WEFT_NOW) == (failed ? -EOWNERDEAD : 0));
}

static void verify_plain(struct crash *c)
{
        uint32_t n =
                c->self->victim == op_wait || c->self->victim == op_close ? 0 : arg(c, N);
        int64_t left = weft_latch_count(latch_of(c)), all = options_of(c)->count - 1;
        CRASH_MUST(c, CRASH_DUPLICATED, left == all || left == all - n);
        if (c->note->done)
                CRASH_MUST(c, CRASH_LOST, left == all - n);
        must_open(c, false);
        finish(c);
}

/* Whatever it had taken upon itself has been counted down, by itself or as failed. */
static void verify_shares(struct crash *c)
{
        struct weft_latch_info i;
        uint32_t all = options_of(c)->count - 1, share = arg(c, SHARE), counted = 0;
        bool registers = c->self->victim == op_register, done = c->note->done;
        bool counts =
                c->self->victim == op_count_down || c->self->victim == op_arrive_and_wait;
        WEFT_MUST(c, weft_latch_info(latch_of(c), &i));
        CRASH_MUST(c, CRASH_LEAKED, i.registered == 0 && i.waiting == 0);
        CRASH_MUST(c, CRASH_DUPLICATED, i.count <= all && i.failed <= all - i.count);
        uint32_t gone = all - i.count;
        if (registers) {
                CRASH_MUST(c, CRASH_DUPLICATED,
                           gone == share || gone == share + arg(c, N));
                if (done && c->note->rc == 0)
                        CRASH_MUST(c, CRASH_LOST, gone == share + arg(c, N));
                share = gone;
        }
        CRASH_MUST(c, CRASH_DUPLICATED, gone <= share);
        CRASH_MUST(c, CRASH_LEAKED, gone == share);
        counted = gone - i.failed;
        CRASH_MUST(c, CRASH_BROKEN, counted == 0 || (counts && counted == arg(c, N)));
        if (done && counts)
                CRASH_MUST(c, CRASH_LOST, counted == arg(c, N));
        must_open(c, i.failed > 0);
        finish(c);
}

static void survive_made(struct crash *c)
{
        weft_latch_t *l;
        WEFT_MUST(c, weft_latch_create_or_open(arena_of(c), "l", &shares, &l));
        c->handle = l;
        survive(c);
}

static void verify_made(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        CRASH_MUST(c, CRASH_BROKEN, weft_latch_count(latch_of(c)) == 4);
        WEFT_MUST(c, weft_latch_register(latch_of(c), 4));
        WEFT_MUST(c, weft_latch_count_down(latch_of(c), 4));
        CRASH_MUST(c, CRASH_WEDGED, weft_latch_wait(latch_of(c), WEFT_NOW) == 0);
        finish(c);
}

/* ---- one sleeps ------------------------------------------------------------------------- */

static int sleep_at_latch(struct crash *c)
{
        sleeper_outlives_host();
        return weft_latch_wait(latch_of(c), weft_after(SLEEPER_SECONDS * WEFT_SEC));
}

static uint32_t asleep(struct crash *c)
{
        struct weft_latch_info i;
        WEFT_MUST(c, weft_latch_info(latch_of(c), &i));
        return i.waiting;
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_at_latch);
        sleeper_sleeps(c, asleep);
}

/* A plain count that nobody counts any more is missed: the survivor does it. */
static void survive_sleeper(struct crash *c)
{
        if (c->how == CRASH_STOPPED)
                return;
        if (!has_shares(c) && weft_latch_count(latch_of(c)) == 1)
                WEFT_MUST(c, weft_latch_count_down(latch_of(c), 1));
        (void)sleeper_must_wake(c);
}

static void verify_sleeper(struct crash *c)
{
        struct weft_latch_info i;
        int rc = sleeper_must_wake(c);
        WEFT_MUST(c, weft_latch_info(latch_of(c), &i));
        CRASH_MUST(c, CRASH_LEAKED, i.registered == 0 && i.waiting == 0);
        CRASH_MUST(c, CRASH_BROKEN, i.count == 0 && i.failed <= has_shares(c));
        CRASH_MUST(c, CRASH_BROKEN, rc == (i.failed ? -EOWNERDEAD : 0));
        if (c->note->done)
                CRASH_MUST(c, CRASH_LOST, c->note->rc == 0 && rc == 0);
        sleeper_end(c);
        finish(c);
}

/* ---- the table ---------------------------------------------------------------------------- */

#define CASE(name_, open_, prepare_, victim_, survive_, verify_, options, share, n) \
        { \
                .name = "latch/" name_, .kit = &weft_kit, .setup = setup, \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .more = (options), \
                .arg = {(share), \
                        (n) } \
        }
#define PLAIN(name_, prepare_, victim_, n) \
        CASE(name_, open_latch, prepare_, victim_, survive, verify_plain, &plain, 0, n)
#define SHARES(name_, victim_, share, n) \
        CASE(name_, open_latch, take_share, victim_, survive, verify_shares, &shares, \
             share, n)
#define SLEEPER(name_, victim_, options, share) \
        { \
                .name = "latch/" name_, .kit = &weft_kit, .setup = setup_sleeper, \
                .open = open_latch, .prepare = take_share, .victim = (victim_), \
                .survive = survive_sleeper, .verify = verify_sleeper, .more = (options), \
                .arg = { (share), 1 }, .flags = CRASH_KEEP_HOST | CRASH_REAL \
        }

static const struct crash_case cases[] = {
        CASE("create/absent", weft_kit_open, weft_kit_join, op_create, survive_made,
             verify_made, NULL, 0, 0),
        CASE("open/there", weft_kit_open, NULL, op_open, survive_made, verify_made,
             &shares, 0, 0),
        PLAIN("count_down/joining", NULL, op_count_down, 3),
        PLAIN("count_down", weft_kit_join, op_count_down, 4),
        PLAIN("arrive_and_wait", weft_kit_join, op_arrive_and_wait, 1),
        PLAIN("wait/now", weft_kit_join, op_wait, 0),
        PLAIN("close", weft_kit_join, op_close, 0),
        SHARES("register", op_register, 0, 3),
        SHARES("count_down/share", op_count_down, 3, 2),
        SHARES("count_down/last", op_count_down, 4, 4),
        SHARES("arrive_and_wait/share", op_arrive_and_wait, 4, 3),
        SHARES("close/share", op_close, 4, 0),
        SLEEPER("sleeper/count_down", op_count_down, &one, 0),
        SLEEPER("sleeper/count_down/share", op_count_down, &one_share, 1),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
