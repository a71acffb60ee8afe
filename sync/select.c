/* sync/select.c -- wait for any of many things, and do exactly one of them. */
#include <errno.h>

#include <weft/select.h>

#include "runtime/waitable.h"

/* A case that takes part. */
struct choice {
        struct weft_handle *handle;
        struct weft_agent *agent;
        uint32_t at; /* index of the case */
};

struct selection {
        struct weft_case *cases;
        uint32_t n;     /* choices */
        uint32_t first; /* where the look begins */
        uint32_t fired; /* index of the case */
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
enum { TURNS = 8 };

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

/* Looks at all until one fires: its choice, or n if others may want what it was woken for:
 * it only looked, or failed. What the operation refuses is a fault of the call. */
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
                        return rc == -EINVAL ? rc : rc || looks ? (int)s->n : (int)i;
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

static int add(struct selection *s, const struct weft_case *c, uint32_t at)
{
        struct choice *choice = &s->choice[s->n];
        struct weft_wait_one *one = &s->ones[s->n];
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
        one->agent = choice->agent;
        one->wait = kind->wait(handle, c);
        if (!one->wait)
                return -EPROTO;
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

/* Crash in select: as in the operation that is done, if it has come so far. */
int weft_select(struct weft_case *cases, size_t n, uint32_t flags, uint64_t deadline)
{
        struct selection s;
        if (!cases || !n || n > WEFT_SELECT_MAX ||
            flags & ~(uint32_t)WEFT_SELECT_PRIORITY)
                return -EINVAL;
        s.cases = cases;
        s.n = s.first = s.fired = 0;
        int rc = add_all(&s, n);
        if (rc)
                return rc;
        if (s.n && !(flags & WEFT_SELECT_PRIORITY))
                s.first = my_turn(cases, s.n);
        rc = weft_wait_for_any(s.ones, s.n, &mine.spin, try_all, &s, deadline);
        return rc < 0 ? rc : (int)s.fired;
}
