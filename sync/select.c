/* sync/select.c -- wait for any of many things, and do exactly one of them. */
#include <errno.h>

#include <weft/select.h>

#include "runtime/meet.h"
#include "runtime/waitable.h"

/* A case that takes part. */
struct choice {
        struct weft_handle *handle;
        struct weft_agent *agent;
        const struct weft_meeting *meeting; /* it needs a partner; or NULL */
        uint32_t at;                        /* index of the case */
        uint32_t one;                       /* where it sleeps */
};

struct selection {
        struct weft_case *cases;
        uint32_t n;               /* choices */
        uint32_t places;          /* where it sleeps: ones */
        uint32_t first;           /* where the look begins */
        uint32_t fired;           /* index of the case */
        struct weft_agent *meets; /* who meets partners: this thread's agent; or NULL */
        uint32_t seat;            /* its place among `ones` */
        bool open;                /* what it offers them is, */
        bool looked;              /* and it has looked for theirs since */
        struct choice choice[WEFT_SELECT_MAX];
        struct weft_wait_one ones[WEFT_SELECT_MAX];
};

_Static_assert(WEFT_SELECT_MAX <= WEFT_WAIT_MANY, "all can be waited for");

/* ---- whose turn it is -------------------------------------------------------------- */

/* A thread remembers of a few of its selects where it began. One counter for all would
 * not do: of two selects of two cases in turn, each would always begin at the same. */
struct turn {
        const struct weft_case *cases;
        uint32_t n, next;
};
enum {
        TURNS = 8,
        ROUNDS = 8,    /* of taking offers back and offering anew, in one attempt */
        PATIENCE = 64, /* pauses of who lets the other come first */
};

static _Thread_local struct {
        struct weft_spin spin;
        uint32_t random;
        struct turn turn[TURNS];
} mine;

/* Marsaglia, Xorshift RNGs (2003). */
static uint32_t anything(void)
{
        uint32_t x = mine.random ? mine.random : 2463534242u;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        return mine.random = x;
}

static uint32_t my_turn(const struct weft_case *cases, uint32_t n)
{
        struct turn *t = &mine.turn[((uintptr_t)cases >> 4) % TURNS];
        if (t->cases != cases || t->n != n)
                *t = (struct turn){ cases, n, anything() % n };
        uint32_t now = t->next;
        t->next = now + 1 < n ? now + 1 : 0;
        return now;
}

/* ---- the cases ----------------------------------------------------------------------- */

/* Looks at all until one fires: its place, or `places` if others may want what it was woken
 * for: it only looked, or failed. What the operation refuses is a fault of the call. */
static int try_all(void *context)
{
        struct selection *s = context;
        uint32_t i = s->first;
        for (uint32_t left = s->n; left; left--) {
                const struct choice *choice = &s->choice[i];
                struct weft_case *c = &s->cases[choice->at];
                const struct weft_waitable *kind = choice->handle->kind->waitable;
                bool looks = c->flags & WEFT_CASE_LOOK;
                int rc = looks ? kind->look(choice->handle, choice->agent, c)
                               : kind->attempt(choice->handle, choice->agent, c);
                if (rc != -EAGAIN) {
                        c->result = rc;
                        s->fired = choice->at;
                        return rc == -EINVAL
                                       ? rc
                                       : (int)(rc || looks ? s->places : choice->one);
                }
                if (++i == s->n)
                        i = 0;
        }
        return -EAGAIN;
}

/* Has it what its operation needs? */
static bool is_whole(const struct weft_case *c)
{
        if (c->flags & ~(uint32_t)WEFT_CASE_LOOK || !c->object)
                return false;
        if (c->flags & WEFT_CASE_LOOK)
                return true;
        switch (c->op) {
        case WEFT_OP_PUSH:
                return c->from != NULL;
        case WEFT_OP_POP:
        case WEFT_OP_TAKE:
                return c->to != NULL;
        default:
                return true;
        }
}

static uint32_t add_place(struct selection *s, struct weft_agent *agent,
                          struct weft_wait_shared *wait)
{
        struct weft_wait_one *one = &s->ones[s->places];
        one->agent = agent;
        one->wait = wait;
        return s->places++;
}

static int add(struct selection *s, const struct weft_case *c, uint32_t at)
{
        struct choice *choice = &s->choice[s->n];
        if (!is_whole(c))
                return -EINVAL;
        struct weft_handle *handle = c->object;
        const struct weft_waitable *kind = handle->kind->waitable;
        if (!kind)
                return -EPROTO;
        *choice = (struct choice){ .handle = handle, .at = at };
        int rc = weft_handle_enter(handle, &choice->agent);
        if (rc)
                return rc;
        struct weft_wait_shared *wait = kind->wait(handle, c);
        if (!wait)
                return -EPROTO;
        if (handle->kind->meeting && !(c->flags & WEFT_CASE_LOOK))
                choice->meeting = handle->kind->meeting(handle);
        if (!choice->meeting) {
                choice->one = add_place(s, choice->agent, wait);
        } else if (!s->meets) {
                s->meets = choice->agent;
                s->seat = add_place(s, s->meets, &s->meets->seat->meet.wait);
        } else if (s->meets != choice->agent) {
                return -EINVAL; /* what it offers in two arenas could be met in both */
        }
        if (choice->meeting)
                choice->one = s->seat;
        s->n++;
        return 0;
}

/* Only the bad case has a result then. */
static int add_all(struct selection *s, size_t n)
{
        int bad = 0;
        for (uint32_t i = 0; i < n; i++) {
                struct weft_case *c = &s->cases[i];
                c->result = 0;
                if (c->op != WEFT_OP_NONE && !bad)
                        c->result = bad = add(s, c, i);
        }
        return bad;
}

/* ---- partners ------------------------------------------------------------------------ */

/* All cases that need one are offered at once; of several that would do for the same
 * partner, the first. */
static int offer_all(struct selection *s)
{
        for (uint32_t left = s->n; left--;) {
                const struct choice *choice = &s->choice[(s->first + left) % s->n];
                struct weft_case *c = &s->cases[choice->at];
                if (!choice->meeting)
                        continue;
                int rc = choice->meeting->offer(choice->handle, choice->agent, c,
                                                choice->at);
                if (rc) {
                        weft_meet_skip(s->meets);
                        return c->result = rc;
                }
        }
        weft_meet_open(s->meets, WEFT_MEET_LISTED);
        s->open = true;
        s->looked = false;
        for (uint32_t i = 0; i < s->n; i++)
                if (s->choice[i].meeting)
                        s->choice[i].meeting->opened(s->choice[i].handle,
                                                     &s->cases[s->choice[i].at]);
        return 0;
}

/* A partner was there first, and has taken up case `at`. */
static int meet(struct selection *s)
{
        uint64_t left = 0;
        int at = weft_meet_met(s->meets, &left);
        s->open = false;
        for (uint32_t i = 0; i < s->n; i++) {
                const struct choice *choice = &s->choice[i];
                struct weft_case *c = &s->cases[choice->at];
                if ((int)choice->at != at || !choice->meeting)
                        continue;
                c->result = choice->meeting->met(choice->handle, choice->agent, c, left);
                s->fired = choice->at;
                return (int)choice->one;
        }
        weft_meet_end(s->meets);
        return -EUCLEAN;
}

/* Would an attempt do something now? With whom, `seat` is told if it is a partner, else -1.
 * They are looked for once: who comes later looks himself. */
static bool is_ready(struct selection *s, int *seat)
{
        *seat = -1;
        for (uint32_t i = 0; i < s->n; i++) {
                const struct choice *choice = &s->choice[i];
                const struct weft_meeting *meeting = choice->meeting;
                struct weft_case *c = &s->cases[choice->at];
                if (!meeting) {
                        if (choice->handle->kind->waitable->look(choice->handle,
                                                                 choice->agent, c) == 0)
                                return true;
                        continue;
                }
                if (!s->looked)
                        *seat = meeting->partner(choice->handle, choice->agent, c);
                if (*seat >= 0 || meeting->over(choice->handle, c))
                        return true;
        }
        s->looked = true;
        return false;
}

/* Of two who see each other the one in the lower seat comes, the other lets it, for a
 * moment: else both could take back what they offer, again and again. */
static void let_come(struct selection *s, int seat)
{
        uint64_t left;
        for (int i = 0; (uint32_t)seat < s->meets->index && i < PATIENCE; i++) {
                if (weft_meet_met(s->meets, &left) >= 0)
                        return;
                weft_pause();
        }
}

/* try_all() for one whose offers are open: they are taken back first. */
static int try_offered(void *context)
{
        struct selection *s = context;
        uint64_t left;
        for (uint32_t round = 0; round < ROUNDS; round++) {
                int seat;
                if (weft_meet_met(s->meets, &left) >= 0)
                        return meet(s);
                if (!is_ready(s, &seat))
                        return -EAGAIN;
                if (seat >= 0)
                        let_come(s, seat);
                if (!weft_meet_take_back(s->meets))
                        return meet(s);
                s->open = false;
                int rc = try_all(s);
                if (rc != -EAGAIN)
                        return rc;
                rc = offer_all(s);
                if (rc)
                        return rc;
        }
        return -EAGAIN;
}

static int wait_for_partners(struct selection *s, uint64_t deadline)
{
        int rc = offer_all(s);
        if (!rc)
                rc = weft_wait_for_any(s->ones, s->places, &mine.spin, try_offered, s,
                                       deadline);
        if (s->open && !weft_meet_take_back(s->meets))
                rc = meet(s);
        return rc;
}

/* The short way, where something is ready: all cases are looked at, then tried, and nothing
 * is written down. What is not as usual is left to the long way, which tells why: -1, and
 * `*first` is where that begins, if it has been said. */
static int try_short(struct weft_case *cases, size_t n, uint32_t flags, int *first)
{
        uint32_t live = 0;
        for (size_t i = 0; i < n; i++) {
                struct weft_case *c = &cases[i];
                struct weft_handle *handle = c->object;
                c->result = 0;
                if (c->op == WEFT_OP_NONE)
                        continue;
                if (c->flags || !is_whole(c) || !handle->kind->waitable ||
                    !weft_handle_me(handle) || !handle->kind->waitable->wait(handle, c))
                        return -1;
                live++;
        }
        if (!live)
                return -1;
        *first = flags & WEFT_SELECT_PRIORITY ? 0 : (int)my_turn(cases, live);
        size_t i = 0;
        for (uint32_t skip = (uint32_t)*first; skip || cases[i].op == WEFT_OP_NONE; i++)
                skip -= skip && cases[i].op != WEFT_OP_NONE;
        for (size_t left = n; left; left--) {
                struct weft_case *c = &cases[i];
                struct weft_handle *handle = c->object;
                int rc = -EAGAIN;
                if (c->op != WEFT_OP_NONE)
                        rc = handle->kind->waitable->attempt(handle, weft_me.agent, c);
                if (rc == -EINVAL)
                        return -1;
                if (rc != -EAGAIN) {
                        c->result = rc;
                        return (int)i;
                }
                if (++i == n)
                        i = 0;
        }
        return -1;
}

/* The long way, from choice `first` on if that is not -1. */
static __attribute__((noinline)) int select_long(struct weft_case *cases, size_t n,
                                                 uint32_t flags, uint64_t deadline,
                                                 int first)
{
        struct selection s;
        s.cases = cases;
        s.n = s.places = s.first = s.fired = 0;
        s.meets = NULL;
        s.open = false;
        int rc = add_all(&s, n);
        if (rc)
                return rc;
        if (first >= 0)
                s.first = (uint32_t)first;
        else if (s.n && !(flags & WEFT_SELECT_PRIORITY))
                s.first = my_turn(cases, s.n);
        if (s.meets && deadline != WEFT_NOW) {
                rc = try_all(&s);
                if (rc == -EAGAIN)
                        rc = wait_for_partners(&s, deadline);
        } else {
                rc = weft_wait_for_any(s.ones, s.places, &mine.spin, try_all, &s,
                                       deadline);
        }
        return rc < 0 ? rc : (int)s.fired;
}

/* Crash in select: as in the operation that is done, if it has come so far. */
int weft_select(struct weft_case *cases, size_t n, uint32_t flags, uint64_t deadline)
{
        if (!cases || !n || n > WEFT_SELECT_MAX ||
            flags & ~(uint32_t)WEFT_SELECT_PRIORITY)
                return -EINVAL;
        int first = -1, fired = try_short(cases, n, flags, &first);
        return fired >= 0 ? fired : select_long(cases, n, flags, deadline, first);
}
