/* tests/crash/event_crash.c -- set, clear, pulse and wait, interrupted anywhere.
 *
 * An auto event that was set once lets exactly one through, whoever dies; a pulse lets
 * through nobody who comes later. */
#define _GNU_SOURCE
#include <errno.h>

#include <weft/event.h>
#include <weft/object.h>

#include "tests/harness/sleeper.h"

enum { WENT = 0 }; /* word: how often this survivor went through */

static const struct weft_event_options manual = { 0 };
static const struct weft_event_options manual_set = { .flags = WEFT_EVENT_SET };
static const struct weft_event_options automatic = { .flags = WEFT_EVENT_AUTO };
static const struct weft_event_options auto_set = { .flags = WEFT_EVENT_AUTO |
                                                             WEFT_EVENT_SET };

static const struct weft_event_options *options_of(const struct crash *c)
{
        return c->self->more;
}

static weft_event_t *event_of(const struct crash *c)
{
        return c->handle;
}

static void setup(struct crash *c)
{
        weft_event_t *event;
        weft_kit_create(c);
        WEFT_MUST(c, weft_event_create(arena_of(c), "e", options_of(c), &event));
        c->handle = event;
}

static void open_event(struct crash *c)
{
        weft_event_t *event;
        weft_kit_open(c);
        WEFT_MUST(c, weft_event_open(arena_of(c), "e", &event));
        c->handle = event;
}

/* Waiting has not paid: the victim does not spin for long. */
static void prepare_to_wait(struct crash *c)
{
        for (int i = 0; i < 8; i++)
                CRASH_MUST(c, CRASH_BROKEN,
                           weft_event_wait(event_of(c), 1) == -ETIMEDOUT);
}

static void prepare_to_join(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

/* ---- the operations --------------------------------------------------------- */

static void op_set(struct crash *c)
{
        c->note->rc = weft_event_set(event_of(c));
}

static void op_clear(struct crash *c)
{
        c->note->rc = weft_event_clear(event_of(c));
}

static void op_pulse(struct crash *c)
{
        c->note->rc = weft_event_pulse(event_of(c));
}

static void op_try(struct crash *c)
{
        c->note->rc = weft_event_wait(event_of(c), WEFT_NOW);
}

static void op_wait(struct crash *c)
{
        c->note->rc = weft_event_wait(event_of(c), weft_after(WEFT_MSEC));
}

/* ---- the others ---------------------------------------------------------------- */

static int try_it(struct crash *c)
{
        int rc = weft_event_wait(event_of(c), WEFT_NOW);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN);
        return rc;
}

static void survive(struct crash *c)
{
        c->word[WENT] += try_it(c) == 0;
}

static void verify_rest(struct crash *c)
{
        struct weft_event_info info;
        weft_event_t *e = event_of(c);
        WEFT_MUST(c, weft_event_set(e));
        WEFT_MUST(c, weft_event_wait(e, weft_after(WEFT_SEC)));
        WEFT_MUST(c, weft_event_info(e, &info));
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "e"));
        weft_event_close(e);
        weft_kit_nothing_left(c, 0);
}

/* Set at most once, or from the start: `most` go through, and at least `least`. */
static void went(struct crash *c, uint64_t least, uint64_t most)
{
        uint64_t n = c->word[WENT] + (try_it(c) == 0);
        CRASH_MUST(c, CRASH_LOST, n >= least);
        CRASH_MUST(c, CRASH_DUPLICATED, n <= most);
        verify_rest(c);
}

static void verify_set_auto(struct crash *c)
{
        went(c, c->note->done != 0, 1);
}

static void verify_set_manual(struct crash *c)
{
        went(c, c->note->done != 0, 2);
}

/* It was set; the survivor may have taken it before it was cleared. */
static void verify_clear(struct crash *c)
{
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN, weft_event_is_set(event_of(c)) == 0);
        verify_rest(c);
}

/* Who comes later is let through by no pulse; and what was set is as it was. */
static void verify_pulse(struct crash *c)
{
        if (options_of(c)->flags & WEFT_EVENT_SET)
                went(c, 2, 2);
        else
                went(c, 0, 0);
}

/* It was set once: one of the two went through, and not both. */
static void verify_taken(struct crash *c)
{
        uint64_t victim = c->note->done && c->note->rc == 0;
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EAGAIN);
        uint64_t n = c->word[WENT] + (try_it(c) == 0) + victim;
        CRASH_MUST(c, CRASH_DUPLICATED, n <= 1);
        if (c->note->done) /* else it may have gone with the dead */
                CRASH_MUST(c, CRASH_LOST, n == 1);
        verify_rest(c);
}

static void verify_waited(struct crash *c)
{
        int64_t rc = c->note->rc;
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || rc == -ETIMEDOUT ||
                           (rc == 0 && options_of(c)->flags & WEFT_EVENT_SET));
        verify_rest(c);
}

/* ---- beside a sleeper ----------------------------------------------------------- */

static int sleep_on_it(struct crash *c)
{
        return weft_event_wait(event_of(c), weft_after(60 * WEFT_SEC));
}

static uint32_t asleep(struct crash *c)
{
        struct weft_event_info info;
        WEFT_MUST(c, weft_event_info(event_of(c), &info));
        return info.waiting;
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_on_it);
        sleeper_sleeps(c, asleep);
}

/* The victim, whose word for it this is, has set it, or a survivor does. */
static void survive_set(struct crash *c)
{
        if (weft_event_is_set(event_of(c)) == 0 && !c->note->done &&
            !c->note->value[SLEEPER_WOKE])
                WEFT_MUST(c, weft_event_set(event_of(c)));
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
}

static void survive_pulse(struct crash *c)
{
        if (!c->note->done)
                WEFT_MUST(c, weft_event_pulse(event_of(c)));
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
}

/* The victim waits too, and may have been woken in the sleeper's place. */
static void survive_waiter(struct crash *c)
{
        WEFT_MUST(c, weft_event_set(event_of(c)));
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
}

static void verify_waiter(struct crash *c)
{
        CRASH_MUST(c, CRASH_DUPLICATED, !c->note->done || c->note->rc == -ETIMEDOUT);
        CRASH_MUST(c, CRASH_DUPLICATED, weft_event_is_set(event_of(c)) == 0);
        sleeper_end(c);
        verify_rest(c);
}

static void verify_slept(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 0);
        sleeper_end(c);
        verify_rest(c);
}

#define CASE(name_, options, prepare_, victim_, verify_, flags_) \
        { \
                .name = "event/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_event, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = (verify_), .more = (options), \
                .flags = (flags_) \
        }
#define SLEEPER(name_, options, prepare_, victim_, survive_, verify_) \
        { \
                .name = "event/sleeper/" name_, .kit = &weft_kit, \
                .setup = setup_sleeper, .open = open_event, .prepare = (prepare_), \
                .victim = (victim_), .survive = (survive_), .verify = (verify_), \
                .more = (options), .flags = CRASH_KEEP_HOST | CRASH_REAL \
        }

static const struct crash_case cases[] = {
        CASE("set/auto", &automatic, NULL, op_set, verify_set_auto, 0),
        CASE("set/auto, joining", &automatic, prepare_to_join, op_set, verify_set_auto,
             CRASH_NO_RECOVER),
        CASE("set/manual", &manual, NULL, op_set, verify_set_manual, 0),
        CASE("set/manual, set", &manual_set, NULL, op_set, verify_set_manual,
             CRASH_NO_RECOVER),
        CASE("clear/auto", &auto_set, NULL, op_clear, verify_clear, 0),
        CASE("clear/manual", &manual_set, NULL, op_clear, verify_clear, CRASH_NO_RECOVER),
        CASE("pulse/auto", &automatic, NULL, op_pulse, verify_pulse, 0),
        CASE("pulse/manual", &manual, NULL, op_pulse, verify_pulse, CRASH_NO_RECOVER),
        CASE("pulse/manual, set", &manual_set, NULL, op_pulse, verify_pulse,
             CRASH_NO_RECOVER),
        CASE("try/auto", &auto_set, NULL, op_try, verify_taken, 0),
        CASE("try/auto, joining", &auto_set, prepare_to_join, op_try, verify_taken,
             CRASH_NO_RECOVER),
        CASE("wait/manual, set", &manual_set, NULL, op_wait, verify_waited,
             CRASH_NO_RECOVER),
        CASE("wait/auto, until a deadline", &automatic, prepare_to_wait, op_wait,
             verify_waited, 0),
        CASE("wait/manual, until a deadline", &manual, prepare_to_wait, op_wait,
             verify_waited, CRASH_NO_RECOVER),
        SLEEPER("set/auto", &automatic, NULL, op_set, survive_set, verify_slept),
        SLEEPER("set/manual", &manual, NULL, op_set, survive_set, verify_slept),
        SLEEPER("pulse/auto", &automatic, NULL, op_pulse, survive_pulse, verify_slept),
        SLEEPER("pulse/manual", &manual, NULL, op_pulse, survive_pulse, verify_slept),
        SLEEPER("wait/auto", &automatic, prepare_to_wait, op_wait, survive_waiter,
                verify_waiter),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
