/* tests/harness/linear_future.c -- see linear_future.h. */
#include <errno.h>

#include "tests/harness/linear_future.h"

enum { OPEN, PROMISED, SET, FAILED, CANCELED };

struct future {
        uint64_t value; /* or the error, or who has promised it + 1 */
        uint32_t what;
        uint32_t dead; /* bit p: process p has been settled */
};

/* What it says to one who would end it. */
static uint64_t refusal(const struct future *s, uint64_t me)
{
        switch (s->what) {
        case PROMISED:
                return s->value == me ? 0 : EPERM;
        case SET:
        case FAILED:
                return EALREADY;
        case CANCELED:
                return ECANCELED;
        default:
                return 0;
        }
}

static void end(struct future *s, uint32_t what, uint64_t value)
{
        s->what = what;
        s->value = value;
}

/* What it answers, having done it. */
static uint64_t answer(const struct linear_event *e, struct future *s)
{
        uint64_t me = e->process + 1u, no;
        switch (e->what) {
        case LINEAR_FUTURE_SET:
        case LINEAR_FUTURE_FAIL:
                no = refusal(s, me);
                if (!no)
                        end(s, e->what == LINEAR_FUTURE_SET ? SET : FAILED, e->value);
                return no;
        case LINEAR_FUTURE_CANCEL:
                if (s->what == SET || s->what == FAILED)
                        return EALREADY;
                end(s, CANCELED, 0);
                return 0;
        case LINEAR_FUTURE_PRODUCE:
                if (s->what == PROMISED)
                        return s->value == me ? 0 : EBUSY;
                if (s->what != OPEN)
                        return EALREADY;
                end(s, PROMISED, me);
                return 0;
        case LINEAR_FUTURE_ABANDON:
                if (s->what != PROMISED || s->value != me)
                        return EPERM;
                end(s, OPEN, 0);
                return 0;
        default: /* get */
                return s->what == SET        ? 0
                       : s->what == FAILED   ? s->value
                       : s->what == CANCELED ? ECANCELED
                                             : EAGAIN;
        }
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        struct future *s = state;
        (void)h;
        if (e->what == LINEAR_FUTURE_DEATH) {
                if (s->what == PROMISED && s->value == e->value + 1)
                        end(s, FAILED, EOWNERDEAD);
                s->dead |= 1u << e->value;
                return true;
        }
        if (s->dead >> e->process & 1)
                return false;
        if (answer(e, s) != e->result && e->to)
                return false;
        if (e->what == LINEAR_FUTURE_GET && e->to && !e->result)
                return s->value == e->value;
        return true;
}

static void tell(const struct linear_event *e, FILE *to)
{
        static const char *const names[] = { "set",     "fail", "cancel",  "produce",
                                             "abandon", "get",  "death of" };
        fprintf(to, "%s %llu: %llu", names[e->what - LINEAR_FUTURE_SET],
                (unsigned long long)e->value, (unsigned long long)e->result);
}

const struct linear_model linear_future = { "future", sizeof(struct future), NULL, step,
                                            tell };

/* ---- what it must accept, and reject ---------------------------------------------- */

#define OP(p, what_, value_, begins, ends, result_) \
        { \
                .from = (begins), .to = (ends), .value = (value_), .result = (result_), \
                .what = LINEAR_FUTURE_##what_, .process = (p) \
        }

static const struct linear_known known[] = {
        { "set, got", true, 0, 0, 2, { OP(0, SET, 7, 1, 2, 0), OP(1, GET, 7, 3, 4, 0) } },
        { "got before it was set",
          false,
          0,
          0,
          2,
          { OP(1, GET, 7, 1, 2, 0), OP(0, SET, 7, 3, 4, 0) } },
        { "two set it",
          false,
          0,
          0,
          2,
          { OP(0, SET, 7, 1, 4, 0), OP(1, SET, 8, 2, 3, 0) } },
        { "not there after the set",
          false,
          0,
          0,
          2,
          { OP(0, SET, 7, 1, 2, 0), OP(1, GET, 0, 3, 4, EAGAIN) } },
        { "a set that has not returned is seen, and stays",
          true,
          0,
          0,
          3,
          { OP(0, SET, 7, 1, 0, 0), OP(1, GET, 7, 2, 3, 0), OP(1, GET, 7, 4, 5, 0) } },
        { "seen, and gone",
          false,
          0,
          0,
          3,
          { OP(0, SET, 7, 1, 0, 0), OP(1, GET, 7, 2, 3, 0),
            OP(1, GET, 0, 4, 5, EAGAIN) } },
        { "another value",
          false,
          0,
          0,
          2,
          { OP(0, SET, 7, 1, 2, 0), OP(1, GET, 8, 3, 4, 0) } },
        { "canceled under the promise",
          true,
          0,
          0,
          3,
          { OP(0, PRODUCE, 0, 1, 2, 0), OP(1, CANCEL, 0, 3, 4, 0),
            OP(0, SET, 7, 5, 6, ECANCELED) } },
        { "set beside the promise",
          false,
          0,
          0,
          2,
          { OP(0, PRODUCE, 0, 1, 2, 0), OP(1, SET, 7, 3, 4, 0) } },
        { "the promise dies",
          true,
          0,
          0,
          3,
          { OP(0, PRODUCE, 0, 1, 2, 0), OP(1, DEATH, 0, 3, 6, 0),
            OP(1, GET, 0, 4, 5, EOWNERDEAD) } },
        { "it dies, and is told before",
          false,
          0,
          0,
          3,
          { OP(0, PRODUCE, 0, 1, 2, 0), OP(1, GET, 0, 3, 4, EOWNERDEAD),
            OP(1, DEATH, 0, 5, 6, 0) } },
        { "set by the dead after his death",
          false,
          0,
          0,
          3,
          { OP(0, SET, 7, 1, 0, 0), OP(1, DEATH, 0, 2, 3, 0),
            OP(1, GET, 0, 4, 5, EAGAIN) } },
};

void linear_future_selftest(void)
{
        /* The last one is good: he never set it. With a get after that which has it, not. */
        struct linear_known last = known[sizeof known / sizeof *known - 1];
        linear_test(&linear_future, 1, known, sizeof known / sizeof *known - 1);
        last.good = true;
        linear_test(&linear_future, 1, &last, 1);
        last.good = false;
        last.event[3] = (struct linear_event)OP(1, GET, 7, 6, 7, 0);
        last.n = 4;
        linear_test(&linear_future, 1, &last, 1);
}
