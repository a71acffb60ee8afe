/* tests/crash/rendezvous_crash.c -- pushes, pops and selects, interrupted anywhere: each
 * element has been handed over once, or not at all, and everybody was told so. */
#define _GNU_SOURCE
#include "tests/crash/rendezvous_kit.h"

/* What the survivor did, and saw of the host. */
enum { RAN, GAVE_HOST, GOT_HOSTS, GOT_VICTIMS, GAVE_VICTIM, HOST, HOST_GOT };

static int told(const struct crash *c, int what)
{
        return (int)(int64_t)c->word[what];
}

/* ---- the operations ---------------------------------------------------------------- */

static void op_push(struct crash *c)
{
        c->note->rc = push_to(r, FROM_VICTIM, deadline_of(c));
}

static void op_pop(struct crash *c)
{
        int rc = pop_from(c, s, deadline_of(c));
        c->note->value[GOT] = rc < 0 ? 0 : (uint64_t)rc;
        c->note->rc = rc < 0 ? rc : 0;
}

static void op_select(struct crash *c)
{
        uint8_t e[BYTES_MOST], got[BYTES_MOST] = { 0 };
        memset(e, FROM_VICTIM, sizeof e);
        struct weft_case cases[3] = {
                { .object = r, .op = WEFT_OP_PUSH, .from = e },
                { .object = s, .op = WEFT_OP_POP, .to = got },
                { .op = WEFT_OP_NONE },
        };
        int rc = weft_select(cases, 3, c->self->arg[3] ? WEFT_SELECT_PRIORITY : 0,
                             deadline_of(c));
        int what = what_is(got, bytes_of(c));
        c->note->value[GOT] = rc == 1 ? (uint64_t)(what < 0 ? 1 : what) : 0;
        c->note->rc = rc < 0 ? rc : cases[rc].result ? cases[rc].result : 0;
}

static void op_shutdown(struct crash *c)
{
        c->note->rc = weft_rendezvous_shutdown(r);
        if (!c->note->rc)
                c->note->rc = weft_rendezvous_shutdown(s);
}

static void op_close(struct crash *c)
{
        (void)c;
        weft_rendezvous_close(r);
}

/* ---- the others ----------------------------------------------------------------------- */

/* First the host, whose partner the victim may have become, then the victim, if he waits. */
static void survive(struct crash *c)
{
        int got;
        c->word[GAVE_HOST] = (uint64_t)(int64_t)push_to(r, FROM_OTHER, WEFT_NOW);
        c->word[GOT_HOSTS] = (uint64_t)(int64_t)pop_from(c, s, WEFT_NOW);
        c->word[GOT_VICTIMS] = (uint64_t)(int64_t)pop_from(c, r, WEFT_NOW);
        c->word[GAVE_VICTIM] = (uint64_t)(int64_t)push_to(s, FROM_OTHER, WEFT_NOW);
        int met = host_was_met(c, &got);
        c->word[HOST] = (uint64_t)(int64_t)met;
        c->word[HOST_GOT] = (uint64_t)got;
        c->word[RAN] = 1;
        for (int i = GAVE_HOST; i <= GAVE_VICTIM; i++)
                CRASH_MUST(
                        c, CRASH_BROKEN,
                        told(c, i) >= 0 || told(c, i) == -EAGAIN ||
                                (told(c, i) == -EPIPE && c->self->victim == op_shutdown));
        if (c->how != CRASH_KILLED)
                return;
        /* The dead are not there. */
        CRASH_MUST(c, CRASH_BROKEN, told(c, GOT_VICTIMS) < 0);
        CRASH_MUST(c, CRASH_BROKEN, told(c, GAVE_VICTIM) < 0);
}

/* It waits for both, but one of them is all it gets. */
static void verify_host(struct crash *c)
{
        uint64_t offers = c->self->arg[1];
        int met = told(c, HOST), got = told(c, HOST_GOT);
        bool mine = told(c, GAVE_HOST) == 0 || told(c, GOT_HOSTS) > 0;
        CRASH_MUST(c, CRASH_BROKEN, got != -EUCLEAN);
        CRASH_MUST(c, CRASH_BROKEN, met < 0 || offers & (met == WEFT_TAKES ? 1 : 2));
        /* Whoever tries meets who is there. */
        if (offers && c->self->victim != op_shutdown)
                CRASH_MUST(c, CRASH_LOST, met >= 0);
        if (told(c, GAVE_HOST) == 0)
                CRASH_MUST(c, CRASH_LOST, met == WEFT_TAKES && got == FROM_OTHER);
        if (told(c, GOT_HOSTS) >= 0)
                CRASH_MUST(c, CRASH_DUPLICATED,
                           met == WEFT_GIVES && told(c, GOT_HOSTS) == FROM_HOST);
        if (met == WEFT_TAKES && !mine)
                CRASH_MUST(c, CRASH_BROKEN, got == FROM_VICTIM);
}

static void verify(struct crash *c)
{
        bool gives = c->self->victim != op_pop, takes = c->self->victim != op_push;
        if (c->word[RAN]) {
                bool mine = told(c, GAVE_HOST) == 0 || told(c, GOT_HOSTS) > 0;
                bool given = told(c, HOST_GOT) == FROM_VICTIM ||
                             told(c, GOT_VICTIMS) == FROM_VICTIM;
                bool hosts = told(c, HOST) == WEFT_GIVES && !mine;
                bool from_me = told(c, GAVE_VICTIM) == 0;
                verify_host(c);
                CRASH_MUST(c, CRASH_DUPLICATED, given + hosts + from_me <= 1);
                if (told(c, GOT_VICTIMS) >= 0)
                        CRASH_MUST(c, CRASH_BROKEN, told(c, GOT_VICTIMS) == FROM_VICTIM);
                CRASH_MUST(c, CRASH_BROKEN, !given || gives);
                CRASH_MUST(c, CRASH_BROKEN, !(hosts || from_me) || takes);
                if (c->note->done) {
                        bool ok = c->note->rc == 0;
                        uint64_t got = c->note->value[GOT];
                        CRASH_MUST(c, ok ? CRASH_LOST : CRASH_DUPLICATED,
                                   ok == (given || hosts || from_me));
                        CRASH_MUST(c, CRASH_LOST,
                                   got == (hosts     ? FROM_HOST
                                           : from_me ? FROM_OTHER
                                                     : 0));
                        CRASH_MUST(c, CRASH_BROKEN,
                                   ok || c->note->rc == -EAGAIN ||
                                           c->note->rc == -ETIMEDOUT);
                }
        }
        verify_rest(c);
}

static void verify_shut(struct crash *c)
{
        if (c->word[RAN])
                verify_host(c);
        if (c->note->done) {
                CRASH_MUST(c, CRASH_BROKEN, c->note->rc == 0);
                CRASH_MUST(c, CRASH_LOST, push_to(r, 1, WEFT_NEVER) == -EPIPE);
                CRASH_MUST(c, CRASH_LOST, pop_from(c, s, WEFT_NEVER) == -EPIPE);
        }
        verify_rest(c);
}

static void verify_closed(struct crash *c)
{
        if (c->word[RAN])
                verify_host(c);
        verify_rest(c);
}

/* ---- beside a sleeper ------------------------------------------------------------------- */

static int sleep_in_pop(struct crash *c)
{
        return pop_from(c, r, weft_after(60 * WEFT_SEC));
}

static int sleep_in_push(struct crash *c)
{
        (void)c;
        return push_to(s, FROM_HOST, weft_after(60 * WEFT_SEC));
}

static int sleep_in_select(struct crash *c)
{
        uint8_t e[BYTES_MOST], got[BYTES_MOST] = { 0 };
        memset(e, FROM_HOST, sizeof e);
        struct weft_case cases[2] = {
                { .object = s, .op = WEFT_OP_PUSH, .from = e },
                { .object = r, .op = WEFT_OP_POP, .to = got },
        };
        int rc = weft_select(cases, 2, 0, weft_after(60 * WEFT_SEC));
        if (rc < 0 || cases[rc].result)
                return rc < 0 ? rc : cases[rc].result;
        return rc ? what_is(got, bytes_of(c)) : 0;
}

static uint32_t asleep(struct crash *c)
{
        uint32_t n = weft_seats_used(arena_of(c)), sleeping = 0;
        for (uint32_t i = 0; i < n; i++)
                sleeping += weft_wait_waiters(&arena_of(c)->seats[i].meet.wait);
        return sleeping;
}

static void setup_sleeper(struct crash *c)
{
        static int (*const sleeps[])(struct crash *) = { sleep_in_pop, sleep_in_push,
                                                         sleep_in_select };
        weft_kit_create(c);
        open_both(c);
        sleeper_start(c, sleeps[c->self->arg[3]]);
        sleeper_sleeps(c, asleep);
}

/* He has been met, by the victim or now, and must hear of it. */
static void survive_sleeper(struct crash *c)
{
        int pushed = push_to(r, FROM_OTHER, WEFT_NOW), popped = pop_from(c, s, WEFT_NOW);
        int slept = sleeper_must_wake(c);
        bool shuts = c->self->victim == op_shutdown;
        if (shuts && slept == -EPIPE)
                return;
        CRASH_MUST(c, CRASH_BROKEN, slept >= 0);
        if (slept) { /* got something */
                CRASH_MUST(c, CRASH_BROKEN, slept == FROM_VICTIM || slept == FROM_OTHER);
                CRASH_MUST(c, CRASH_LOST, (pushed == 0) == (slept == FROM_OTHER));
                CRASH_MUST(c, CRASH_DUPLICATED, popped < 0);
        } else {
                CRASH_MUST(c, CRASH_DUPLICATED, pushed < 0);
                CRASH_MUST(c, CRASH_BROKEN, popped < 0 || popped == FROM_HOST);
        }
        if (c->note->done && c->note->rc == 0 && !shuts)
                CRASH_MUST(c, CRASH_DUPLICATED, pushed < 0 && popped < 0);
}

static void verify_sleeper(struct crash *c)
{
        sleeper_end(c);
        verify_rest(c);
}

#define CASE(name_, prepare_, victim_, verify_, bytes_, host_, waits_, more_) \
        { \
                .name = "rendezvous/" name_, .kit = &weft_kit, .setup = setup_host, \
                .open = open_kit, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = (verify_), \
                .arg = { (bytes_), (host_), (waits_), (more_) }, \
                .flags = CRASH_KEEP_HOST \
        }
#define BESIDE(name_, victim_, bytes_, sleeps_) \
        { \
                .name = "rendezvous/sleeper/" name_, .kit = &weft_kit, \
                .setup = setup_sleeper, .open = open_kit, .prepare = be_calm, \
                .victim = (victim_), .survive = survive_sleeper, \
                .verify = verify_sleeper, .arg = { (bytes_), 0, 0, (sleeps_) }, \
                .flags = CRASH_KEEP_HOST | CRASH_REAL \
        }
#define EACH(name_, prepare_, bytes_, host_) \
        CASE("push/" name_, prepare_, op_push, verify, bytes_, host_, 0, 0), \
                CASE("push, waiting/" name_, be_calm, op_push, verify, bytes_, host_, 1, \
                     0), \
                CASE("pop/" name_, prepare_, op_pop, verify, bytes_, host_, 0, 0), \
                CASE("pop, waiting/" name_, be_calm, op_pop, verify, bytes_, host_, 1, \
                     0), \
                CASE("select/" name_, prepare_, op_select, verify, bytes_, host_, 0, 1), \
                CASE("select, waiting/" name_, be_calm, op_select, verify, bytes_, \
                     host_, 1, 1)

enum { BOTH = HOST_TAKES | HOST_GIVES };

static const struct crash_case cases[] = {
        EACH("nobody/8", weft_kit_join, 8, 0),
        EACH("nobody/500", weft_kit_join, 500, 0),
        EACH("both wait/8", weft_kit_join, 8, BOTH),
        EACH("both wait/500", weft_kit_join, 500, BOTH),
        CASE("push/taker waits/24", weft_kit_join, op_push, verify, 24, HOST_TAKES, 0, 0),
        CASE("push/taker waits/joining", NULL, op_push, verify, 500, HOST_TAKES, 0, 0),
        CASE("push/giver waits/8", weft_kit_join, op_push, verify, 8, HOST_GIVES, 0, 0),
        CASE("pop/giver waits/24", weft_kit_join, op_pop, verify, 24, HOST_GIVES, 0, 0),
        CASE("pop/giver waits/joining", NULL, op_pop, verify, 500, HOST_GIVES, 0, 0),
        CASE("pop/taker waits/8", weft_kit_join, op_pop, verify, 8, HOST_TAKES, 0, 0),
        CASE("select/joining", NULL, op_select, verify, 500, BOTH, 1, 0),
        CASE("shutdown/nobody", weft_kit_join, op_shutdown, verify_shut, 8, 0, 0, 0),
        CASE("shutdown/both wait", weft_kit_join, op_shutdown, verify_shut, 500, BOTH, 0,
             0),
        CASE("close", be_calm, op_close, verify_closed, 500, BOTH, 0, 0),
        BESIDE("push to a pop", op_push, 8, 0),
        BESIDE("push to a pop/500", op_push, 500, 0),
        BESIDE("pop from a push", op_pop, 500, 1),
        BESIDE("select with a select", op_select, 8, 2),
        BESIDE("shutdown, a pop", op_shutdown, 8, 0),
        BESIDE("shutdown, a select", op_shutdown, 8, 2),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
