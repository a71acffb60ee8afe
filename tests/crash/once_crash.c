/* tests/crash/once_crash.c -- calls and resets, interrupted anywhere.
 *
 * Whoever dies in it is replaced; what has ended has ended for all, and two never run it
 * at the same time. */
#define _GNU_SOURCE
#include <errno.h>

#include <weft/object.h>
#include <weft/once.h>

#include "tests/harness/sleeper.h"

enum { RAN, RC, SLEPT_RAN }; /* places in the note: did the victim's function end? */
enum { I_RAN, I_GOT, MY_RC };

static weft_once_t *once_of(const struct crash *c)
{
        return c->handle;
}

static int run_here(void *context)
{
        struct crash *c = context;
        c->word[I_RAN]++;
        return 0;
}

static int run_victim(void *context)
{
        struct crash *c = context;
        c->note->value[RAN]++;
        return (int)(int64_t)c->self->arg[0];
}

static int die_in_it(void *unused)
{
        (void)unused;
        raise(SIGKILL);
        return 0;
}

static int call(struct crash *c, uint64_t deadline)
{
        return weft_once_call(once_of(c), run_here, c, deadline);
}

/* ---- what was there before ------------------------------------------------------ */

static void setup(struct crash *c)
{
        weft_once_t *once;
        weft_kit_create(c);
        WEFT_MUST(c, weft_once_create(arena_of(c), "o", &once));
        c->handle = once;
}

static void setup_done(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, call(c, WEFT_NOW));
}

static int fail(void *unused)
{
        (void)unused;
        return -ENOSPC;
}

static void setup_failed(struct crash *c)
{
        setup(c);
        CRASH_MUST(c, CRASH_BROKEN,
                   weft_once_call(once_of(c), fail, NULL, WEFT_NOW) == -ENOSPC);
}

static void call_and_die(struct crash *c)
{
        (void)!weft_once_call(once_of(c), die_in_it, NULL, WEFT_NOW);
}

static int run_and_stay(void *context)
{
        struct crash *c = context;
        c->note->value[SLEPT_RAN] = 1;
        while (pause())
                continue;
        return 0;
}

/* Another one runs it as long as the host lives. */
static int call_and_stay(struct crash *c)
{
        return weft_once_call(once_of(c), run_and_stay, c, WEFT_NOW);
}

static void setup_running(struct crash *c)
{
        setup(c);
        sleeper_start(c, call_and_stay);
        while (!c->note->value[SLEPT_RAN])
                usleep(100);
}

static void open_once(struct crash *c)
{
        weft_once_t *once;
        weft_kit_open(c);
        WEFT_MUST(c, weft_once_open(arena_of(c), "o", &once));
        c->handle = once;
}

static void prepare_to_join(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

/* After opening, which would settle it. */
static void prepare_corpse(struct crash *c)
{
        weft_kit_corpse(c, call_and_die);
}

/* Waiting has not paid: the victim does not spin for long. */
static void prepare_to_wait(struct crash *c)
{
        for (int i = 0; i < 8; i++)
                CRASH_MUST(c, CRASH_BROKEN, call(c, 1) == -ETIMEDOUT);
}

/* ---- the operations ---------------------------------------------------------------- */

static void op_call(struct crash *c)
{
        c->note->rc = weft_once_call(once_of(c), run_victim, c, WEFT_NOW);
}

static void op_wait(struct crash *c)
{
        c->note->rc = weft_once_call(once_of(c), run_victim, c, weft_after(WEFT_MSEC));
}

static void op_reset(struct crash *c)
{
        c->note->rc = weft_once_reset(once_of(c));
}

static void op_close(struct crash *c)
{
        weft_once_close(once_of(c));
}

/* ---- the others ---------------------------------------------------------------------- */

/* It is run, has been, or a stopped one runs it. */
static void survive(struct crash *c)
{
        int rc = call(c, WEFT_NOW);
        c->word[MY_RC] = (uint64_t)(int64_t)rc;
        if (c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_WEDGED, rc != -EAGAIN);
}

static void verify_rest(struct crash *c)
{
        struct weft_once_info info;
        weft_once_t *once = once_of(c);
        WEFT_MUST(c, weft_once_reset(once));
        WEFT_MUST(c, call(c, WEFT_NOW));
        CRASH_MUST(c, CRASH_BROKEN, weft_once_done(once) == 1);
        WEFT_MUST(c, weft_once_info(once, &info));
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "o"));
        weft_once_close(once);
        weft_kit_nothing_left(c, 0);
}

/* The victim's function has run, or a survivor's, with one result for all. */
static void verify_called(struct crash *c)
{
        int wanted = (int)(int64_t)c->self->arg[0];
        int64_t victim = c->note->rc;
        bool victim_ran = c->note->value[RAN] != 0;
        int mine = (int)(int64_t)c->word[MY_RC];
        if (c->note->done) {
                bool after_me = c->how == CRASH_STOPPED && c->word[I_RAN];
                CRASH_MUST(c, CRASH_DUPLICATED, victim_ran != after_me);
                CRASH_MUST(c, CRASH_BROKEN, victim == (victim_ran ? wanted : 0));
        }
        if (c->note->done && victim_ran)
                CRASH_MUST(c, CRASH_DUPLICATED, c->word[I_RAN] == 0);
        if (mine != -EAGAIN)
                CRASH_MUST(c, CRASH_BROKEN, mine == (c->word[I_RAN] ? 0 : wanted));
        int rc = call(c, weft_after(WEFT_SEC));
        CRASH_MUST(c, CRASH_LOST, rc == (c->word[I_RAN] ? 0 : wanted));
        CRASH_MUST(c, CRASH_DUPLICATED, c->word[I_RAN] <= 1);
        if (!victim_ran)
                CRASH_MUST(c, CRASH_LOST, c->word[I_RAN] == 1);
        verify_rest(c);
}

/* It had ended: nobody runs it again, unless it was reset. */
static void verify_ended(struct crash *c)
{
        CRASH_MUST(c, CRASH_DUPLICATED, !c->note->value[RAN] && !c->word[I_RAN]);
        verify_rest(c);
}

static void verify_reset(struct crash *c)
{
        int before = (int)(int64_t)c->self->arg[0], rc = call(c, WEFT_NOW);
        CRASH_MUST(c, CRASH_BROKEN, rc == before || rc == 0);
        if (c->note->done && c->note->rc == 0)
                CRASH_MUST(c, CRASH_LOST, rc == 0);
        if (c->note->done && c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_LOST, c->word[I_RAN] == 1);
        CRASH_MUST(c, CRASH_DUPLICATED, c->word[I_RAN] <= 2);
        verify_rest(c);
}

/* Another one runs it: the victim waited in vain, and so does this one. */
static void survive_running(struct crash *c)
{
        CRASH_MUST(c, CRASH_DUPLICATED, call(c, WEFT_NOW) == -EAGAIN);
}

static void verify_running(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == -ETIMEDOUT);
        CRASH_MUST(c, CRASH_DUPLICATED, !c->note->value[RAN]);
        sleeper_end(c);
        verify_rest(c);
}

/* ---- beside a sleeper ------------------------------------------------------------------- */

static int run_sleeper(void *context)
{
        struct crash *c = context;
        c->note->value[SLEPT_RAN]++;
        return 0;
}

/* Once the victim runs. */
static int sleep_on_it(struct crash *c)
{
        while (!c->note->value[RC])
                usleep(100);
        return weft_once_call(once_of(c), run_sleeper, c, weft_after(60 * WEFT_SEC));
}

static uint32_t asleep(struct crash *c)
{
        struct weft_once_info info;
        WEFT_MUST(c, weft_once_info(once_of(c), &info));
        return info.waiting;
}

/* The victim's function: somebody goes to sleep in it. */
static int run_slowly(void *context)
{
        struct crash *c = context;
        c->note->value[RC] = 1;
        while (!asleep(c))
                usleep(100);
        c->note->value[RAN]++;
        return 0;
}

static void op_run_slowly(struct crash *c)
{
        c->note->rc = weft_once_call(once_of(c), run_slowly, c, WEFT_NOW);
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_on_it);
}

static void survive_sleeper(struct crash *c)
{
        c->note->value[RC] = 1; /* the victim may never have come so far */
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
        CRASH_MUST(c, CRASH_WEDGED, call(c, WEFT_NOW) == 0);
        CRASH_MUST(c, CRASH_DUPLICATED, c->word[I_RAN] == 0);
        if (c->note->done)
                CRASH_MUST(c, CRASH_DUPLICATED, c->note->value[SLEPT_RAN] == 0);
        CRASH_MUST(c, CRASH_LOST, c->note->value[SLEPT_RAN] || c->note->value[RAN]);
}

static void verify_sleeper(struct crash *c)
{
        sleeper_end(c);
        verify_rest(c);
}

#define CASE(name_, setup_, prepare_, victim_, survive_, verify_, result_, flags_) \
        { \
                .name = "once/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_once, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), \
                .arg = { (uint64_t)(result_) }, .flags = (flags_) \
        }

static const struct crash_case cases[] = {
        CASE("call/new", setup, NULL, op_call, survive, verify_called, 0, 0),
        CASE("call/new, joining", setup, prepare_to_join, op_call, survive, verify_called,
             0, CRASH_NO_RECOVER),
        CASE("call/new, failing", setup, NULL, op_call, survive, verify_called, -ENOSPC,
             0),
        CASE("call/its runner is dead", setup, prepare_corpse, op_call, survive,
             verify_called, 0, CRASH_NO_RECOVER),
        CASE("call/done", setup_done, NULL, op_call, survive, verify_ended, 0,
             CRASH_NO_RECOVER),
        CASE("call/failed", setup_failed, NULL, op_call, survive, verify_ended, -ENOSPC,
             CRASH_NO_RECOVER),
        CASE("call/another runs it", setup_running, prepare_to_wait, op_wait,
             survive_running, verify_running, 0, CRASH_KEEP_HOST | CRASH_REAL),
        CASE("reset/done", setup_done, NULL, op_reset, survive, verify_reset, 0, 0),
        CASE("reset/failed", setup_failed, NULL, op_reset, survive, verify_reset, -ENOSPC,
             0),
        CASE("close/new", setup, NULL, op_close, survive, verify_rest, 0, 0),
        CASE("sleeper/call", setup_sleeper, NULL, op_run_slowly, survive_sleeper,
             verify_sleeper, 0, CRASH_KEEP_HOST | CRASH_REAL | CRASH_NO_STOP),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
