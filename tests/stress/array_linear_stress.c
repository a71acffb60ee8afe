/* tests/stress/array_linear_stress.c -- an array is linearizable, also while it is resized,
 * whoever dies.
 *
 * As queue_linear_stress: many short rounds, in most of which one process is stepped to a
 * random instruction, stands there while the others run, and is killed or goes on. They
 * change two elements, of which the second is only there when the array is long, and make it
 * long and short. Who knows an older generation is told so, and nobody else is. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <weft/array.h>
#include <weft/wait.h>

#include "tests/child.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 7, LAST = WORKERS + 1 };
enum { HIGH = 300, LONGEST = 2000, VALUE_BITS = 31 };
enum { LOAD = LINEAR_MORE, STORE, ADD, EXCHANGE, OR, AND, CAS, RESIZE, REFRESH };

/* An event: value is what is given; extra the generation that is known, and what a CAS
 * expects; result the error, positive, and above it what was there. */
static uint64_t extra_of(uint64_t generation, uint64_t expected)
{
        return generation << 32 | expected;
}

static uint64_t result_of(int rc, uint64_t old)
{
        return old << 8 | (uint64_t)(rc < 0 ? -rc : 0);
}

/* ---- the model ------------------------------------------------------------------------- */

struct state {
        uint64_t element[2];
        uint64_t generation, length;
};

static void begin_model(const struct linear_history *h, void *state)
{
        struct state *s = state;
        s->generation = 1;
        s->length = h->start;
}

static uint64_t resize_model(const struct linear_event *e, struct state *s)
{
        uint64_t code = e->result & 255;
        if (e->to && (code == EAGAIN || code == ETIMEDOUT || code == EBUSY))
                return e->result; /* nothing has happened */
        if (e->value == s->length)
                return 0;
        if (e->value <= HIGH)
                s->element[1] = 0;
        s->length = e->value;
        s->generation++;
        return 0;
}

/* What it answers, having done it. */
static uint64_t answer(const struct linear_event *e, struct state *s)
{
        uint64_t *element = &s->element[e->key], old = *element;
        uint64_t mask = (UINT64_C(1) << VALUE_BITS) - 1;
        if (e->what == REFRESH)
                return result_of(0, s->generation);
        if (e->extra >> 32 != s->generation)
                return ESTALE;
        switch (e->what) {
        case RESIZE:
                return resize_model(e, s);
        case LOAD:
                break;
        case ADD:
                *element = (old + e->value) & mask;
                break;
        case OR:
                *element = old | e->value;
                break;
        case AND:
                *element = old & e->value;
                break;
        case CAS:
                if (old != (uint32_t)e->extra)
                        return result_of(-EAGAIN, old);
                *element = e->value;
                break;
        default:
                *element = e->value;
        }
        return result_of(0, e->what == STORE ? 0 : old);
}

static bool step_model(const struct linear_history *h, const struct linear_event *e,
                       void *state)
{
        (void)h;
        return answer(e, state) == e->result || !e->to;
}

static void tell(const struct linear_event *e, FILE *to)
{
        static const char *const names[] = { "load", "store", "add",    "exchange", "or",
                                             "and",  "cas",   "resize", "refresh" };
        fprintf(to, "%s [%u] %llu, of generation %llu, expects %u: %llu, error %u",
                names[e->what - LOAD], e->key, (unsigned long long)e->value,
                (unsigned long long)(e->extra >> 32), (uint32_t)e->extra,
                (unsigned long long)(e->result >> 8), (unsigned)(e->result & 255));
}

static const struct linear_model model = { "array", sizeof(struct state), begin_model,
                                           step_model, tell };

#define EVENT(p, what_, value_, gen, begins, ends, result_) \
        { \
                .from = (begins), .to = (ends), .value = (value_), \
                .extra = (uint64_t)(gen) << 32, .result = (result_), .what = (what_), \
                .process = (p) \
        }

static const struct linear_known known[] = {
        { "stored, loaded",
          true,
          1,
          0,
          2,
          { EVENT(0, STORE, 7, 1, 1, 2, 0), EVENT(1, LOAD, 0, 1, 3, 4, 7 << 8) } },
        { "a store is lost by a resize",
          false,
          1,
          0,
          4,
          { EVENT(0, STORE, 7, 1, 1, 3, 0), EVENT(1, RESIZE, 9, 1, 2, 4, 0),
            EVENT(1, REFRESH, 0, 0, 5, 6, 2 << 8), EVENT(1, LOAD, 0, 2, 7, 8, 0) } },
        { "stored beside the resize, and refused",
          true,
          1,
          0,
          3,
          { EVENT(0, STORE, 7, 1, 1, 4, ESTALE), EVENT(1, RESIZE, 9, 1, 2, 3, 0),
            EVENT(1, LOAD, 0, 2, 5, 6, 0) } },
        { "refused, and stored",
          false,
          1,
          0,
          3,
          { EVENT(0, STORE, 7, 1, 1, 4, ESTALE), EVENT(1, RESIZE, 9, 1, 2, 3, 0),
            EVENT(1, LOAD, 0, 2, 5, 6, 7 << 8) } },
        { "an old generation is read after the resize",
          false,
          1,
          0,
          2,
          { EVENT(1, RESIZE, 9, 1, 1, 2, 0), EVENT(0, LOAD, 0, 1, 3, 4, 0) } },
        { "stale, and nobody has resized",
          false,
          1,
          0,
          1,
          { EVENT(0, LOAD, 0, 1, 3, 4, ESTALE) } },
        { "two add at once, and see the same",
          false,
          1,
          0,
          2,
          { EVENT(0, ADD, 1, 1, 1, 3, 0), EVENT(1, ADD, 1, 1, 2, 4, 0) } },
        { "killed in a resize, which has happened",
          true,
          1,
          0,
          2,
          { EVENT(0, RESIZE, 9, 1, 1, 0, 0), EVENT(1, LOAD, 0, 1, 3, 4, ESTALE) } },
        { "and goes back",
          false,
          1,
          0,
          3,
          { EVENT(0, RESIZE, 9, 1, 1, 0, 0), EVENT(1, LOAD, 0, 1, 3, 4, ESTALE),
            EVENT(1, LOAD, 0, 1, 5, 6, 0) } },
};

/* ---- the operations, recorded ---------------------------------------------------------- */

static weft_array_t *array; /* of the round */
static bool wide;           /* elements of 8 bytes; else of 4 */
static bool narrowed;       /* who is stepped does nothing but change the first element */
static uint64_t start;      /* its length at the beginning */

static uint64_t below(uint64_t n)
{
        return play_random() % n;
}

static int do_wide(unsigned what, uint64_t i, uint64_t v, uint64_t expected,
                   uint64_t *old)
{
        int rc;
        switch (what) {
        case LOAD:
                return weft_array_load64(array, i, old);
        case STORE:
                return weft_array_store64(array, i, v);
        case ADD:
                return weft_array_add64(array, i, v, old);
        case EXCHANGE:
                return weft_array_exchange64(array, i, v, old);
        case OR:
                return weft_array_or64(array, i, v, old);
        case AND:
                return weft_array_and64(array, i, v, old);
        default:
                *old = expected;
                rc = weft_array_cas64(array, i, old, v);
                return rc;
        }
}

static int do_narrow(unsigned what, uint64_t i, uint32_t v, uint32_t expected,
                     uint64_t *wide_old)
{
        uint32_t old = expected;
        int rc = what == LOAD       ? weft_array_load32(array, i, &old)
                 : what == STORE    ? weft_array_store32(array, i, v)
                 : what == ADD      ? weft_array_add32(array, i, v, &old)
                 : what == EXCHANGE ? weft_array_exchange32(array, i, v, &old)
                 : what == OR       ? weft_array_or32(array, i, v, &old)
                 : what == AND      ? weft_array_and32(array, i, v, &old)
                                    : weft_array_cas32(array, i, &old, v);
        *wide_old = old;
        return rc;
}

static struct linear_event *begin(unsigned process, unsigned what, unsigned key,
                                  uint64_t value, uint64_t expected)
{
        struct linear_event *e = play_begin(
                process, what, value, extra_of(weft_array_generation(array), expected));
        e->key = (uint8_t)key; /* who is killed before this has not begun */
        return e;
}

static void end(struct linear_event *e, int rc, uint64_t old)
{
        e->result = result_of(rc, old);
        linear_end(play_log, e, LINEAR_DONE, e->value);
}

static void refresh(unsigned process)
{
        struct linear_event *e = begin(process, REFRESH, 0, 0, 0);
        CHECK(weft_array_refresh(array) >= 0);
        end(e, 0, weft_array_generation(array));
}

/* Sums stay small: they are not masked here. */
static int operate_on(unsigned process, unsigned what, unsigned key)
{
        static uint64_t seen[2];
        uint64_t v = what == ADD ? 1 + below(1000) : below(1 << 20), old = 0;
        uint64_t expected = what == CAS ? seen[key] : 0, i = key ? HIGH : 0;
        struct linear_event *e = begin(process, what, key, v, expected);
        int rc = wide ? do_wide(what, i, v, expected, &old)
                      : do_narrow(what, i, (uint32_t)v, (uint32_t)expected, &old);
        CHECK(rc == 0 || rc == -ESTALE || (rc == -EAGAIN && what == CAS));
        if (rc == -ESTALE || what == STORE)
                old = 0;
        else
                seen[key] = what == LOAD || rc ? old : v;
        end(e, rc, old);
        return rc;
}

static int resize(unsigned process)
{
        uint64_t length = below(2) ? 1 + below(HIGH) : HIGH + 1 + below(LONGEST - HIGH);
        uint64_t until = below(2) ? WEFT_NOW : weft_after(WEFT_MSEC);
        struct linear_event *e = begin(process, RESIZE, 0, length, 0);
        int rc = weft_array_resize(array, length, until);
        CHECK(rc == 0 || rc == -ESTALE || rc == -EAGAIN || rc == -ETIMEDOUT ||
              rc == -EBUSY);
        end(e, rc, 0);
        return rc;
}

static void play_one(unsigned process)
{
        unsigned key = weft_array_length(array) > HIGH && below(2), what = LOAD;
        if (below(3))
                what = (unsigned)(STORE + below(CAS - STORE + 1));
        if ((below(4) ? operate_on(process, what, key) : resize(process)) == -ESTALE)
                refresh(process);
}

/* Short, so that many stand between a look at the generation and the change. */
static void change_only(void)
{
        for (int i = 0; i < OPERATIONS; i++)
                (void)operate_on(0, ADD, 0);
}

static void operate(unsigned process)
{
        if (narrowed && process == 0) {
                change_only();
                return;
        }
        for (int i = 0; i < OPERATIONS; i++)
                if (below(8))
                        play_one(process);
                else
                        refresh(process);
}

/* ---- a round --------------------------------------------------------------------------- */

static void make(bool victim)
{
        wide = below(2);
        narrowed = victim && below(4);
        start = below(2) ? 1 + below(HIGH) : HIGH + 1 + below(LONGEST - HIGH);
        struct weft_array_options options = { .length = start,
                                              .element_bytes = wide ? 8 : 4 };
        CHECK(weft_array_create(play_arena, "x", &options, &array) == 0);
}

/* The first change of a thread is long: it sits down. One after that is 60 instructions. */

static uint64_t steps(void)
{
        return narrowed ? 1200 + below(700) : below(below(4) ? 1500 : 20000);
}

static void look(void)
{
        refresh(LAST);
        for (unsigned key = 0; key < 2; key++)
                if (!key || weft_array_length(array) > HIGH)
                        CHECK(operate_on(LAST, LOAD, key) == 0);
}

static void check(void)
{
        struct linear_history made = { .start = start };
        if (below(2)) /* with the dead settled, or not yet */
                look();
        play_settle();
        linear_settled(play_log);
        look();
        CHECK(operate_on(LAST, ADD, 0) == 0);
        look();
        play_check_all(&model, &made, wide ? "8 bytes" : "4 bytes");
}

static void close_array(void)
{
        weft_array_close(array);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 3000,
                .seconds = 5,
                .arena_rounds = 50,
                .arena_bytes = UINT64_C(16) << 20,
                .workers = WORKERS,
                .joins = true,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_array,
        };
        linear_test(&model, 1, known, sizeof known / sizeof *known);
        return play_rounds(&game);
}
