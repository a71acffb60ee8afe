/* tests/crash/rendezvous_grid_crash.c -- two that meet, or compete, in the middle of it, and
 * a third: each element has one receiver or none, and its giver knows.
 *
 * A pushes to r or pops from s. B does the same, or the opposite. The host may wait for
 * both; the survivor tries everything. Nobody holds anybody up: all fates are tried. */
#define _GNU_SOURCE
#include "tests/crash/rendezvous_kit.h"
#include "tests/harness/grid.h"

enum what { PUSH, POP, SELECT };
enum { ON_R = 0x55, ON_S = 0x66 }; /* the survivor's */
enum { RAN, GIVEN_R, GIVEN_S, TAKEN_R, TAKEN_S, HOST_GAVE, HOST_GOT }; /* words */

/* ---- A and B -------------------------------------------------------------------- */

static void act(struct crash *c, enum what what, int value, weft_rendezvous_t *to,
                weft_rendezvous_t *from)
{
        uint8_t e[BYTES_MOST], got[BYTES_MOST] = { 0 };
        struct weft_case cases[2] = {
                { .object = to, .op = WEFT_OP_PUSH, .from = e },
                { .object = from, .op = WEFT_OP_POP, .to = got },
        };
        int rc;
        memset(e, value, sizeof e);
        if (what == PUSH) {
                rc = weft_rendezvous_push(to, e, deadline_of(c));
        } else if (what == POP) {
                rc = weft_rendezvous_pop(from, got, deadline_of(c));
        } else {
                rc = weft_select(cases, 2, 0, deadline_of(c));
                what = rc == 1 ? POP : PUSH;
                rc = rc < 0 ? rc : cases[rc].result;
        }
        c->note->value[GOT] =
                rc || what != POP ? 0 : (uint64_t)(int64_t)what_is(got, bytes_of(c));
        c->note->rc = rc;
}

static void a_push(struct crash *c)
{
        act(c, PUSH, FROM_VICTIM, r, s);
}

static void a_pop(struct crash *c)
{
        act(c, POP, FROM_VICTIM, r, s);
}

static void a_select(struct crash *c)
{
        act(c, SELECT, FROM_VICTIM, r, s);
}

static void b_push(struct crash *c)
{
        act(c, PUSH, FROM_B, s, r);
}

static void b_pop(struct crash *c)
{
        act(c, POP, FROM_B, s, r);
}

static void b_select(struct crash *c)
{
        act(c, SELECT, FROM_B, s, r);
}

static void b_push_too(struct crash *c)
{
        act(c, PUSH, FROM_B, r, s);
}

static void b_select_too(struct crash *c)
{
        act(c, SELECT, FROM_B, r, s);
}

static void b_shuts(struct crash *c)
{
        c->note->rc = weft_rendezvous_shutdown(r);
        c->note->rc |= weft_rendezvous_shutdown(s);
        c->note->value[GOT] = 0;
}

/* ---- the third -------------------------------------------------------------------- */

static void see_host(struct crash *c)
{
        int got;
        c->word[HOST_GAVE] = host_was_met(c, &got) == WEFT_GIVES;
        c->word[HOST_GOT] = (uint64_t)got;
}

static bool is_killed(const struct crash *c, int which)
{
        return c->fate[which] == GRID_KILLED;
}

static void survive(struct crash *c)
{
        c->word[TAKEN_R] = (uint64_t)(int64_t)pop_from(c, r, WEFT_NOW);
        c->word[TAKEN_S] = (uint64_t)(int64_t)pop_from(c, s, WEFT_NOW);
        c->word[GIVEN_R] = (uint64_t)(int64_t)push_to(r, ON_R, WEFT_NOW);
        c->word[GIVEN_S] = (uint64_t)(int64_t)push_to(s, ON_S, WEFT_NOW);
        c->word[RAN] = 1;
        if (is_killed(c, 0) && is_killed(c, 1))
                see_host(c);
}

/* ---- who gave what to whom ----------------------------------------------------------- */

enum answer { NO, YES, UNKNOWN };

struct books {
        int n, got[5]; /* what was received, by anybody known */
        int unknown;   /* who died, and may have got something */
};

static enum answer gave(const struct crash_note *note)
{
        if (!note->done)
                return UNKNOWN;
        return note->rc == 0 && !note->value[GOT] ? YES : NO;
}

static void enter(struct books *b, int what)
{
        if (what > 0 || what == -EUCLEAN)
                b->got[b->n++] = what;
}

static void enter_party(struct books *b, const struct crash_note *note)
{
        if (note->done)
                enter(b, (int)(int64_t)note->value[GOT]);
        else
                b->unknown++;
}

static void balance(struct crash *c, const struct books *b, int what, enum answer given)
{
        int received = 0;
        for (int i = 0; i < b->n; i++)
                received += b->got[i] == what;
        CRASH_MUST(c, CRASH_DUPLICATED, received <= (given != NO));
        CRASH_MUST(c, CRASH_LOST, given != YES || received || b->unknown);
}

static enum answer said(const struct crash *c, int which)
{
        return c->word[which] == 0 ? YES : NO;
}

static void verify(struct crash *c)
{
        struct books b = { 0 };
        bool shuts = c->self->arg[3];
        if (c->word[RAN]) {
                enter_party(&b, c->note);
                enter_party(&b, c->other);
                enter(&b, (int)(int64_t)c->word[TAKEN_R]);
                enter(&b, (int)(int64_t)c->word[TAKEN_S]);
                enter(&b, (int)(int64_t)c->word[HOST_GOT]);
                for (int i = 0; i < b.n; i++)
                        CRASH_MUST(c, CRASH_BROKEN, b.got[i] != -EUCLEAN);
                balance(c, &b, FROM_VICTIM, gave(c->note));
                balance(c, &b, FROM_B, shuts ? NO : gave(c->other));
                balance(c, &b, ON_R, said(c, GIVEN_R));
                balance(c, &b, ON_S, said(c, GIVEN_S));
                balance(c, &b, FROM_HOST, c->word[HOST_GAVE] ? YES : NO);
        }
        verify_rest(c);
}

/* Two who wait for ever: they must find each other, whatever the order of their steps. */
static void verify_met(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, c->note->done && c->note->rc == 0);
        CRASH_MUST(c, CRASH_BROKEN, c->other->done && c->other->rc == 0);
        c->word[RAN] = 1;
        c->word[GIVEN_R] = c->word[GIVEN_S] = 1; /* not by us */
        verify(c);
}

#define MEET(name_, a_, b_, bytes_) \
        { \
                .a = { .name = "rendezvous/meet/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup_host, \
                       .open = open_kit, \
                       .prepare = be_calm, \
                       .victim = (a_), \
                       .verify = verify_met, \
                       .arg = { (bytes_), 0, 2, 0 } }, \
                .prepare_b = be_calm, .b = (b_), \
                .fates = GRID_BIT(GRID_GOES_ON, GRID_GOES_ON) \
        }
#define GRID(name_, a_, b_, bytes_, host_, shuts_) \
        { \
                .a = { .name = "rendezvous/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup_host, \
                       .open = open_kit, \
                       .prepare = be_calm, \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .flags = (host_) ? CRASH_KEEP_HOST : 0, \
                       .arg = { (bytes_), (host_), 1, (shuts_) } }, \
                .prepare_b = be_calm, .b = (b_), .ended = (host_) ? see_host : NULL \
        }

enum { BOTH = HOST_TAKES | HOST_GIVES };

static const struct grid_case cases[] = {
        GRID("push, pop/8", a_push, b_pop, 8, 0, 0),
        GRID("push, pop/24", a_push, b_pop, 24, 0, 0),
        GRID("push, pop/500", a_push, b_pop, 500, 0, 0),
        GRID("pop, push/8", a_pop, b_push, 8, 0, 0),
        GRID("pop, push/500", a_pop, b_push, 500, 0, 0),
        GRID("select, pop/8", a_select, b_pop, 8, 0, 0),
        GRID("select, push/8", a_select, b_push, 8, 0, 0),
        GRID("push, select/8", a_push, b_select, 8, 0, 0),
        GRID("select, select/8", a_select, b_select, 8, 0, 0),
        GRID("select, select/500", a_select, b_select, 500, 0, 0),
        GRID("push, push, one takes/24", a_push, b_push_too, 24, HOST_TAKES, 0),
        GRID("select, select, one for both/8", a_select, b_select_too, 8, BOTH, 0),
        GRID("select, select, one between/8", a_select, b_select, 8, BOTH, 0),
        GRID("select, select, one between/500", a_select, b_select, 500, BOTH, 0),
        GRID("push, shutdown/8", a_push, b_shuts, 8, 0, 1),
        MEET("push, pop", a_push, b_pop, 8),
        MEET("select, pop", a_select, b_pop, 8),
        MEET("push, select", a_push, b_select, 500),
        MEET("select, select", a_select, b_select, 8),
        GRID("select, shutdown/8", a_select, b_shuts, 8, HOST_GIVES, 1),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
