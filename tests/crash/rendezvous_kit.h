/* tests/crash/rendezvous_kit.h -- two rendezvous and who gave what to whom.
 *
 * Pushes go to "r", pops come from "s". The host may wait on their other sides; it does not
 * run, so what it got is read out of its seat. Every element is one byte again and again: who
 * pushed it. */
#ifndef WEFT_TESTS_CRASH_RENDEZVOUS_KIT_H
#define WEFT_TESTS_CRASH_RENDEZVOUS_KIT_H

#include <errno.h>
#include <string.h>

#include <weft/object.h>
#include <weft/rendezvous.h>
#include <weft/select.h>

#include "structures/rendezvous_internal.h"
#include "tests/harness/sleeper.h"

enum { FROM_VICTIM = 0x11, FROM_HOST = 0x22, FROM_OTHER = 0x33, FROM_B = 0x44 };
enum { HOST_TAKES = 1, HOST_GIVES = 2 };   /* arg[1] */
enum { BYTES_MOST = 500, HOST_SEAT = 10 }; /* of the note: + 1 */
enum { GOT, WAS_MET };                     /* of the note: what the victim got; */

static weft_rendezvous_t *r, *s; /* of this process */

static inline uint32_t bytes_of(const struct crash *c)
{
        return (uint32_t)c->self->arg[0];
}

static inline uint64_t deadline_of(const struct crash *c)
{
        static const uint64_t deadlines[] = {
                WEFT_NOW, 1, /* long past: it offers, and takes back */
                WEFT_NEVER
        };
        return deadlines[c->self->arg[2]];
}

static inline void open_both(struct crash *c)
{
        struct weft_rendezvous_options o = { bytes_of(c), 0 };
        WEFT_MUST(c, weft_rendezvous_create_or_open(arena_of(c), "r", &o, &r));
        WEFT_MUST(c, weft_rendezvous_create_or_open(arena_of(c), "s", &o, &s));
        for (int side = 0; side < WEFT_SIDES; side++) /* who is stepped does not spin */
                r->spin[side].budget.raw = s->spin[side].budget.raw = 1;
}

static inline void open_kit(struct crash *c)
{
        weft_kit_open(c);
        open_both(c);
}

static inline int push_to(weft_rendezvous_t *to, int what, uint64_t deadline)
{
        uint8_t e[BYTES_MOST];
        memset(e, what, sizeof e);
        return weft_rendezvous_push(to, e, deadline);
}

/* What it is, if it is whole: else -EUCLEAN. */
static inline int what_is(const uint8_t *e, uint32_t bytes)
{
        for (uint32_t i = 1; i < bytes; i++)
                if (e[i] != e[0])
                        return -EUCLEAN;
        return e[0];
}

static inline int pop_from(struct crash *c, weft_rendezvous_t *from, uint64_t deadline)
{
        uint8_t e[BYTES_MOST] = { 0 };
        int rc = weft_rendezvous_pop(from, e, deadline);
        return rc ? rc : what_is(e, bytes_of(c));
}

/* It has a box there already. */
static inline void have_a_box(struct crash *c, weft_rendezvous_t *there)
{
        uint8_t e[BYTES_MOST] = { 0 };
        struct weft_rendezvous_op op = { .side = WEFT_GIVES, .from = e };
        WEFT_MUST(c, weft_rendezvous_begin(there, &op));
        WEFT_MUST(c, weft_rendezvous_pack(&op));
}

/* Waiting in selects has not paid. */
static inline void be_calm(struct crash *c)
{
        struct weft_case one = { .object = r, .op = WEFT_OP_POP };
        uint8_t e[BYTES_MOST];
        one.to = e;
        have_a_box(c, r);
        for (int i = 0; i < 8; i++)
                (void)!weft_select(&one, 1, 0, 1);
}

/* ---- the host ---------------------------------------------------------------------- */

static inline void write_one(struct crash *c, weft_rendezvous_t *at,
                             enum weft_rendezvous_side side, const void *from)
{
        struct weft_rendezvous_op op = { .side = side, .from = from };
        WEFT_MUST(c, weft_rendezvous_begin(at, &op));
        WEFT_MUST(c, weft_rendezvous_write(&op, side));
        weft_rendezvous_list(&op);
}

/* As one in a select. */
static inline void setup_host(struct crash *c)
{
        uint8_t e[BYTES_MOST];
        struct weft_agent *agent;
        weft_kit_create(c);
        open_both(c);
        memset(e, FROM_HOST, sizeof e);
        if (!c->self->arg[1])
                return;
        if (c->self->arg[1] & HOST_TAKES)
                write_one(c, r, WEFT_TAKES, NULL);
        if (c->self->arg[1] & HOST_GIVES)
                write_one(c, s, WEFT_GIVES, e);
        WEFT_MUST(c, weft_agent_self(arena_of(c), &agent));
        weft_meet_open(agent, WEFT_MEET_LISTED);
        c->note->value[HOST_SEAT] = agent->index + 1;
}

/* Has it been met: as what it was written above, or -EAGAIN. What it got: into `got`. */
static inline int host_was_met(struct crash *c, int *got)
{
        uint32_t seat = (uint32_t)c->note->value[HOST_SEAT] - 1;
        uint8_t e[BYTES_MOST] = { 0 };
        uint64_t left = 0;
        *got = 0;
        if (seat == UINT32_MAX)
                return -EAGAIN;
        struct weft_seat_shared *its = &arena_of(c)->seats[seat];
        struct weft_agent host = { .arena = c->arena, .seat = its, .index = seat };
        int at = weft_meet_met(&host, &left);
        if (at == WEFT_TAKES) {
                struct weft_rendezvous_op op = {
                        .r = r,
                        .agent = &host,
                        .side = WEFT_TAKES,
                        .to = e,
                };
                WEFT_MUST(c, weft_rendezvous_fetch(&op, left));
                *got = what_is(e, bytes_of(c));
        }
        return at < 0 ? -EAGAIN : at;
}

/* ---- the end --------------------------------------------------------------------------- */

/* Nobody is there any more, and nothing is left. */
static inline void verify_rest(struct crash *c)
{
        struct weft_rendezvous_info info;
        for (int i = 0; i < 2; i++) {
                weft_rendezvous_t *it = i ? s : r;
                int rc = push_to(it, FROM_OTHER, WEFT_NOW);
                CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN || rc == -EPIPE);
                rc = pop_from(c, it, WEFT_NOW);
                CRASH_MUST(c, CRASH_DUPLICATED, rc == -EAGAIN || rc == -EPIPE);
                WEFT_MUST(c, weft_rendezvous_info(it, &info));
                CRASH_MUST(c, CRASH_LEAKED, !info.pushing && !info.popping);
        }
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "r"));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "s"));
        weft_rendezvous_close(r);
        weft_rendezvous_close(s);
        weft_kit_nothing_left(c, 0);
}

#endif
