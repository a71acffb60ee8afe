/* tests/harness/linear_pool.c -- see linear_pool.h. */
#define _GNU_SOURCE
#include <string.h>

#include "tests/harness/linear_pool.h"

enum { TRANSIT = 255 };

struct pool {
        uint8_t whose[LINEAR_OBJECTS];     /* process + 1; TRANSIT; 0: free, or: */
        uint8_t unknown[LINEAR_PROCESSES]; /* got by one who never told which */
        uint8_t dead;                      /* bit p: process p has been settled */
};

static uint32_t free_in(const struct linear_history *h, const struct pool *s)
{
        uint32_t n = (uint32_t)h->capacity;
        for (uint32_t i = 0; i < h->capacity; i++)
                n -= s->whose[i] != 0;
        for (uint32_t p = 0; p < LINEAR_PROCESSES; p++)
                n -= s->unknown[p];
        return n;
}

static bool get(const struct linear_history *h, const struct linear_event *e,
                struct pool *s)
{
        uint32_t n = free_in(h, s);
        if (e->to && e->answer == LINEAR_REFUSED)
                return !n;
        if (!n)
                return false;
        if (!e->to) {
                s->unknown[e->process]++;
                return true;
        }
        if (e->result >= h->capacity || s->whose[e->result])
                return false;
        s->whose[e->result] = (uint8_t)(e->process + 1);
        return true;
}

static bool change(const struct linear_history *h, const struct linear_event *e,
                   struct pool *s, uint8_t from, uint8_t to)
{
        if (e->to && e->answer == LINEAR_REFUSED)
                return true; /* by its token, which is not modelled */
        if (e->value >= h->capacity || s->whose[e->value] != from)
                return false;
        s->whose[e->value] = to;
        return true;
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        struct pool *s = state;
        const uint8_t me = (uint8_t)(e->process + 1);
        if (e->what == LINEAR_DEATH) {
                for (uint32_t i = 0; i < h->capacity; i++)
                        if (s->whose[i] == e->value + 1)
                                s->whose[i] = 0;
                s->unknown[e->value] = 0;
                s->dead = (uint8_t)(s->dead | 1u << e->value);
                return true;
        }
        if (s->dead >> e->process & 1)
                return false;
        switch (e->what) {
        case LINEAR_GET_ONE:
                return get(h, e, s);
        case LINEAR_PUT_ONE:
                return change(h, e, s, me, 0);
        case LINEAR_GIVE_ONE:
                return change(h, e, s, me, TRANSIT);
        case LINEAR_CLAIM_ONE:
                return change(h, e, s, TRANSIT, me);
        case LINEAR_RECLAIM_ONE:
                return change(h, e, s, TRANSIT, 0);
        default:
                return false;
        }
}

static void tell(const struct linear_event *e, FILE *to)
{
        static const char *const names[] = { "get", "put", "give", "claim", "reclaim" };
        if (e->what == LINEAR_DEATH)
                fprintf(to, "death of %llu", (unsigned long long)e->value);
        else if (e->what == LINEAR_GET_ONE && e->answer == LINEAR_DONE)
                fprintf(to, "get: %llu", (unsigned long long)e->result);
        else if (e->what == LINEAR_GET_ONE)
                fprintf(to, "get");
        else
                fprintf(to, "%s %llu", names[e->what - LINEAR_GET_ONE],
                        (unsigned long long)e->value);
}

const struct linear_model linear_pool = { "pool", sizeof(struct pool), NULL, step, tell };

/* ---- what it must accept, and reject ---------------------------------------------- */

#define OP(p, what_, which, begins, ends, answer_) \
        { \
                .from = (begins), .to = (ends), .value = (which), .result = (which), \
                .what = LINEAR_##what_, .answer = LINEAR_##answer_, .process = (p) \
        }

static const struct linear_known known[] = {
        { "got, put, got",
          true,
          0,
          0,
          3,
          { OP(0, GET_ONE, 0, 1, 2, DONE), OP(0, PUT_ONE, 0, 3, 4, DONE),
            OP(1, GET_ONE, 0, 5, 6, DONE) } },
        { "got twice",
          false,
          0,
          0,
          2,
          { OP(0, GET_ONE, 1, 1, 2, DONE), OP(1, GET_ONE, 1, 3, 4, DONE) } },
        { "none, though there is one",
          false,
          0,
          0,
          2,
          { OP(0, GET_ONE, 1, 1, 2, DONE), OP(1, GET_ONE, 0, 3, 4, REFUSED) } },
        { "none",
          true,
          0,
          0,
          3,
          { OP(0, GET_ONE, 1, 1, 2, DONE), OP(0, GET_ONE, 0, 3, 4, DONE),
            OP(1, GET_ONE, 0, 5, 6, REFUSED) } },
        { "none at any moment: first the one was free, then the other",
          false,
          0,
          0,
          4,
          { OP(0, GET_ONE, 0, 1, 2, DONE), OP(1, GET_ONE, 0, 3, 8, REFUSED),
            OP(0, PUT_ONE, 0, 4, 5, DONE), OP(0, GET_ONE, 1, 6, 7, DONE) } },
        { "killed in get: it has one, or not",
          true,
          0,
          0,
          4,
          { OP(0, GET_ONE, 0, 1, 0, DONE), OP(1, GET_ONE, 1, 2, 3, DONE),
            OP(1, GET_ONE, 0, 4, 5, REFUSED), OP(2, GET_ONE, 0, 6, 7, REFUSED) } },
        { "killed in get: not two",
          false,
          0,
          0,
          2,
          { OP(0, GET_ONE, 0, 1, 0, DONE), OP(1, GET_ONE, 0, 2, 3, REFUSED) } },
        { "given, claimed",
          true,
          0,
          0,
          4,
          { OP(0, GET_ONE, 0, 1, 2, DONE), OP(0, GIVE_ONE, 0, 3, 4, DONE),
            OP(1, CLAIM_ONE, 0, 5, 6, DONE), OP(1, PUT_ONE, 0, 7, 8, DONE) } },
        { "claimed twice",
          false,
          0,
          0,
          4,
          { OP(0, GET_ONE, 0, 1, 2, DONE), OP(0, GIVE_ONE, 0, 3, 4, DONE),
            OP(1, CLAIM_ONE, 0, 5, 6, DONE), OP(2, CLAIM_ONE, 0, 7, 8, DONE) } },
        { "claimed and reclaimed",
          false,
          0,
          0,
          4,
          { OP(0, GET_ONE, 0, 1, 2, DONE), OP(0, GIVE_ONE, 0, 3, 4, DONE),
            OP(1, CLAIM_ONE, 0, 5, 8, DONE), OP(2, RECLAIM_ONE, 0, 6, 7, DONE) } },
        { "the dead's comes back",
          true,
          0,
          0,
          3,
          { OP(0, GET_ONE, 0, 1, 2, DONE), OP(7, DEATH, 0, 3, 4, DONE),
            OP(1, GET_ONE, 0, 5, 6, DONE) } },
        { "not before the death",
          false,
          0,
          0,
          3,
          { OP(0, GET_ONE, 0, 1, 2, DONE), OP(1, GET_ONE, 0, 3, 4, DONE),
            OP(7, DEATH, 0, 5, 6, DONE) } },
        { "what was given does not",
          false,
          0,
          0,
          4,
          { OP(0, GET_ONE, 0, 1, 2, DONE), OP(0, GIVE_ONE, 0, 3, 4, DONE),
            OP(7, DEATH, 0, 5, 6, DONE), OP(1, GET_ONE, 0, 7, 8, DONE) } },
};

void linear_pool_selftest(void)
{
        linear_test(&linear_pool, 2, known, sizeof known / sizeof *known);
}
