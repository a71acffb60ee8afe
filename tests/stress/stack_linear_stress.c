/* tests/stress/stack_linear_stress.c -- the stack is linearizable, whoever dies.
 *
 * Many short rounds: a few processes do a few random operations on a small stack. In most
 * rounds one of them is stepped to a random instruction first; the others run while it
 * stands there, and it is killed, or goes on later. What they saw must be what a stack can
 * do. */
#include <string.h>

#include <weft/stack.h>

#include "tests/check.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 6, DRAINER = WORKERS + 1, LARGE = 40, HIGHEST = 8 };

/* ---- the model ------------------------------------------------------------ */

enum { PEEK = LINEAR_MORE, DRAIN }; /* DRAIN: value is how many, result all of them */

struct model {
        uint8_t n;
        uint8_t item[HIGHEST];
};

static uint64_t all_of(const struct model *m)
{
        uint64_t all = 0;
        for (int i = 0; i < m->n; i++)
                all |= (uint64_t)m->item[m->n - 1 - i] << 8 * i;
        return all;
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        struct model *m = state;
        bool refused = e->to && e->answer == LINEAR_REFUSED;
        switch (e->what) {
        case LINEAR_PUSH:
                if (refused || m->n >= h->capacity)
                        return refused && m->n >= h->capacity;
                m->item[m->n++] = (uint8_t)e->value;
                return true;
        case PEEK:
                if (refused || !m->n)
                        return (refused || !e->to) && !m->n;
                return !e->to || m->item[m->n - 1] == e->value;
        case LINEAR_POP:
                if (refused || !m->n)
                        return refused && !m->n;
                if (e->to && m->item[m->n - 1] != e->value)
                        return false;
                m->item[--m->n] = 0;
                return true;
        default: /* one that was killed may have found none, too */
                if (e->to && (e->value != m->n || e->result != all_of(m)))
                        return false;
                *m = (struct model){ 0 };
                return true;
        }
}

static void tell(const struct linear_event *e, FILE *to)
{
        static const char *const what[] = { "push", "pop", "peek", "drain" };
        (void)fprintf(to, "%s %llu", what[e->what], (unsigned long long)e->value);
        if (e->what == DRAIN)
                (void)fprintf(to, ": %016llx", (unsigned long long)e->result);
}

static const struct linear_model linear_stack = { "stack", sizeof(struct model), NULL,
                                                  step, tell };

#define EVENT(what_, value_, from_, to_, ...) \
        { \
                .from = (from_), .to = (to_), .value = (value_), .what = (what_), \
                __VA_ARGS__ \
        }
#define PUSH(x, from, to) EVENT(LINEAR_PUSH, x, from, to, 0)
#define POP(x, from, to) EVENT(LINEAR_POP, x, from, to, 0)
#define NONE(what, from, to) EVENT(what, 0, from, to, .answer = LINEAR_REFUSED)

static const struct linear_known known[] = {
        { "the last one first",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(2, 5, 6), POP(1, 7, 8) } },
        { "the first one first",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(1, 5, 6), POP(2, 7, 8) } },
        { "pushes overlap",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 4), PUSH(2, 2, 3), POP(1, 5, 6), POP(2, 7, 8) } },
        { "full too early", false, 0, 0, 2, { PUSH(1, 1, 2), NONE(LINEAR_PUSH, 3, 4) } },
        { "full",
          true,
          0,
          0,
          3,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), NONE(LINEAR_PUSH, 5, 6) } },
        { "twice", false, 0, 0, 3, { PUSH(1, 1, 2), POP(1, 3, 4), POP(1, 5, 6) } },
        { "a killed pop took it",
          true,
          0,
          0,
          3,
          { PUSH(1, 1, 2), POP(0, 3, 0), NONE(LINEAR_POP, 5, 6) } },
        { "a killed pop took two",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), POP(0, 5, 0), NONE(LINEAR_POP, 6, 7) } },
        { "a peek takes nothing",
          false,
          0,
          0,
          3,
          { PUSH(1, 1, 2), EVENT(PEEK, 1, 3, 4, 0), NONE(LINEAR_POP, 5, 6) } },
        { "a peek below the top",
          false,
          0,
          0,
          3,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), EVENT(PEEK, 1, 5, 6, 0) } },
        { "all at once",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), EVENT(DRAIN, 2, 5, 6, .result = 0x102),
            NONE(LINEAR_POP, 7, 8) } },
        { "not all",
          false,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), EVENT(DRAIN, 1, 5, 6, .result = 0x2),
            POP(1, 7, 8) } },
        { "a killed drain",
          true,
          0,
          0,
          4,
          { PUSH(1, 1, 2), PUSH(2, 3, 4), EVENT(DRAIN, 0, 5, 0, 0),
            NONE(LINEAR_POP, 7, 8) } },
};

/* ---- operations, recorded ------------------------------------------------ */

static void push(weft_stack_t *s, unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value };
        struct linear_event *e = play_begin(process, LINEAR_PUSH, value, 0);
        int rc = weft_stack_push(s, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool pop(weft_stack_t *s, unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = play_begin(process, LINEAR_POP, 0, 0);
        int rc = weft_stack_pop(s, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, element[0]);
        return rc == 0;
}

static void peek(weft_stack_t *s, unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = play_begin(process, PEEK, 0, 0);
        int rc = weft_stack_peek(s, element);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, element[0]);
}

struct drained {
        uint64_t all;
        int n;
};

static int collect(void *element, void *context)
{
        struct drained *d = context;
        uint64_t x;
        memcpy(&x, element, sizeof x);
        CHECK(d->n < HIGHEST);
        d->all |= x << 8 * d->n++;
        return 0;
}

static void drain(weft_stack_t *s, unsigned process)
{
        struct drained d = { 0 };
        struct linear_event *e = play_begin(process, DRAIN, 0, 0);
        CHECK(weft_stack_drain(s, collect, &d) == d.n);
        e->result = d.all;
        linear_end(play_log, e, LINEAR_DONE, (uint64_t)d.n);
}

static weft_stack_t *stack; /* of the round */

static void operate(unsigned process)
{
        for (unsigned i = 0; i < OPERATIONS; i++)
                switch (play_random() % 16) {
                case 0:
                        drain(stack, process);
                        break;
                case 1:
                case 2:
                        peek(stack, process);
                        break;
                default:
                        if (play_random() % 2)
                                push(stack, process, process * 16 + i + 1);
                        else
                                (void)pop(stack, process);
                }
}

/* ---- a round ------------------------------------------------------------- */

static struct weft_stack_options options;

static void make(bool victim)
{
        (void)victim;
        options = (struct weft_stack_options){
                .capacity = UINT64_C(2) << play_random() % 3,
                .element_bytes = play_random() % 2 ? 8 : LARGE,
        };
        CHECK(weft_stack_create(play_arena, "x", &options, &stack) == 0);
}

static uint64_t steps(void)
{
        return play_random() % 900;
}

static void check(void)
{
        struct linear_history made = { .capacity = options.capacity };
        struct weft_stack_info info;
        if (play_random() % 2) /* with the dead settled, or not yet */
                play_settle();
        while (pop(stack, DRAINER))
                ;
        CHECK(weft_stack_info(stack, &info) == 0 && info.length == 0);
        CHECK(info.held + info.idle == info.nodes);
        play_check_all(&linear_stack, &made, options.element_bytes == 8 ? "8" : "large");
}

static void close_stack(void)
{
        weft_stack_close(stack);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 3000,
                .seconds = 8,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_stack,
        };
        linear_test(&linear_stack, 2, known, sizeof known / sizeof *known);
        return play_rounds(&game);
}
