/* tests/stress/hot_linear_stress.c -- a hot stream and its one end are linearizable, whoever
 * dies.
 *
 * As broadcast_linear_stress.c, which shows what becomes full and what is lost; here all is
 * retained. Some emit, all listen, and some end the stream, each in its own way: all must be
 * told the same end, after the same items, and nothing is emitted after it. */
#include <weft/hot.h>

#include "tests/check.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 6, DRAINER = WORKERS + 1, LARGE = 40, CAPACITY = 32 };

/* ---- the model ------------------------------------------------------------------- */

enum { EMIT = LINEAR_PUSH, NEXT = LINEAR_POP, FINISH = LINEAR_MORE };
enum { ENDED = LINEAR_ANSWERS }; /* of next: the end, in `result` */
enum { EMITTED_MOST = 46, ONE = 1 /* a history's flag */ };

struct state {
        uint8_t cursor[LINEAR_PROCESSES]; /* + 1; 0: it has not got anything yet */
        uint8_t end;                      /* 0, or 1 - error */
        uint8_t count;
        uint8_t at[EMITTED_MOST]; /* what was emitted, as small numbers */
};
_Static_assert(sizeof(struct state) <= LINEAR_STATE, "it fits");

static uint8_t small(uint64_t value)
{
        return (uint8_t)(value / 100 * 8 + value % 100);
}

static bool step_emit(const struct linear_event *e, struct state *s)
{
        if (e->to && e->answer == LINEAR_REFUSED)
                return s->end;
        if (s->end)
                return !e->to;
        if (s->count >= EMITTED_MOST)
                return false;
        s->at[s->count++] = small(e->value);
        return true;
}

/* Of one producer: if another one ends the stream while it emits, nobody is told more before
 * that has come to its end. */
static bool is_under_way(const struct linear_history *h, const struct linear_event *e)
{
        for (size_t i = 0; i < h->n && h->flags & ONE; i++) {
                const struct linear_event *put = &h->event[i];
                if (put->what == EMIT && put->from < e->to &&
                    (!put->to || put->to > e->from))
                        return true;
        }
        return false;
}

static bool step_next(const struct linear_history *h, const struct linear_event *e,
                      struct state *s)
{
        uint8_t *cursor = &s->cursor[e->process];
        if (!e->to)
                return true;
        bool all = !*cursor || *cursor > s->count;
        if (e->answer == LINEAR_REFUSED)
                return s->end ? is_under_way(h, e) : all;
        if (e->answer == ENDED)
                return all && s->end && s->end == e->result;
        if (e->result >= s->count || s->at[e->result] != small(e->value))
                return false;
        if (*cursor && e->result != *cursor - 1u)
                return false;
        *cursor = (uint8_t)(e->result + 2);
        return true;
}

static bool step_finish(const struct linear_event *e, struct state *s)
{
        if (e->to && (e->answer == LINEAR_REFUSED) != (s->end != 0))
                return false;
        if (!s->end)
                s->end = (uint8_t)e->extra;
        return true;
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        return e->what == EMIT   ? step_emit(e, state)
               : e->what == NEXT ? step_next(h, e, state)
                                 : step_finish(e, state);
}

static void tell(const struct linear_event *e, FILE *to)
{
        if (e->what == EMIT)
                fprintf(to, "emit %llu", (unsigned long long)e->value);
        else if (e->what == FINISH)
                fprintf(to, "finish %llu", (unsigned long long)e->extra);
        else if (e->answer == ENDED)
                fprintf(to, "next: the end %llu", (unsigned long long)e->result);
        else
                fprintf(to, "next: %llu, number %llu", (unsigned long long)e->value,
                        (unsigned long long)e->result);
}

static const struct linear_model model = { "hot", sizeof(struct state), NULL, step,
                                           tell };

#define PUT(f, t, p, v, a) \
        { \
                .from = (f), .to = (t), .process = (p), .what = EMIT, .value = (v), \
                .answer = (a) \
        }
#define GET(f, t, p, v, number, a) \
        { \
                .from = (f), .to = (t), .process = (p), .what = NEXT, .value = (v), \
                .result = (number), .answer = (a) \
        }
#define END(f, t, p, error, a) \
        { \
                .from = (f), .to = (t), .process = (p), .what = FINISH, \
                .extra = (error), .answer = (a) \
        }

static const struct linear_known known[] = {
        { "the end after the item",
          true,
          0,
          0,
          4,
          { PUT(1, 5, 1, 101, LINEAR_DONE), END(2, 4, 2, 6, LINEAR_DONE),
            GET(6, 7, 3, 101, 0, LINEAR_DONE), GET(8, 9, 3, 0, 6, ENDED) } },
        { "the end before an item",
          false,
          0,
          0,
          4,
          { PUT(1, 2, 1, 101, LINEAR_DONE), GET(3, 4, 3, 101, 0, LINEAR_DONE),
            PUT(5, 6, 1, 102, LINEAR_DONE), GET(7, 8, 3, 0, 6, ENDED) } },
        { "two ends",
          false,
          0,
          0,
          4,
          { END(1, 5, 1, 6, LINEAR_DONE), END(2, 4, 2, 7, LINEAR_REFUSED),
            GET(6, 7, 3, 0, 6, ENDED), GET(8, 9, 2, 0, 7, ENDED) } },
        { "both are first",
          false,
          0,
          0,
          2,
          { END(1, 5, 1, 6, LINEAR_DONE), END(2, 4, 2, 7, LINEAR_DONE) } },
        { "the end is taken back",
          false,
          0,
          0,
          3,
          { END(1, 2, 1, 6, LINEAR_DONE), GET(3, 4, 3, 0, 6, ENDED),
            GET(5, 6, 3, 0, 0, LINEAR_REFUSED) } },
        { "emitted after the end",
          false,
          0,
          0,
          2,
          { END(1, 2, 1, 6, LINEAR_DONE), PUT(3, 4, 2, 201, LINEAR_DONE) } },
        { "refused before the end",
          false,
          0,
          0,
          2,
          { PUT(1, 2, 2, 201, LINEAR_REFUSED), END(3, 4, 1, 6, LINEAR_DONE) } },
        { "killed in finish, and it has ended",
          true,
          0,
          0,
          2,
          { END(1, 0, 0, 6, LINEAR_DONE), GET(2, 3, 1, 0, 6, ENDED) } },
};

/* ---- operations, recorded ------------------------------------------------------------ */

static weft_hot_t *hot; /* of the round */
static bool one;

static void emit(unsigned process, uint64_t value)
{
        uint64_t item[LARGE / 8] = { value, value, value, value, value };
        struct linear_event *e = play_begin(process, EMIT, value, 0);
        int rc = weft_hot_emit(hot, item, WEFT_NOW);
        CHECK(rc == 0 || rc == -EPIPE);
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool next(weft_hot_subscriber_t *s, unsigned process)
{
        uint64_t item[LARGE / 8] = { 0 }, sequence = 0, lost = 0;
        struct linear_event *e = play_begin(process, NEXT, 0, 0);
        int rc = weft_hot_next(s, item, &sequence, &lost, WEFT_NOW);
        CHECK(lost == 0 && rc <= 1);
        bool ended = rc <= 0 && rc != -EAGAIN;
        e->result = ended ? (uint64_t)(1 - rc) : sequence;
        linear_end(play_log, e,
                   ended     ? (enum linear_answer)ENDED
                   : rc == 1 ? LINEAR_DONE
                             : LINEAR_REFUSED,
                   item[0]);
        return rc == 1;
}

/* Each in its own way: 0, -1, -2, ... */
static void finish(unsigned process)
{
        struct linear_event *e = play_begin(process, FINISH, 0, 1 + process);
        int rc = weft_hot_finish(hot, -(int)process);
        CHECK(rc == 0 || rc == -EALREADY);
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, 0);
}

static unsigned producer; /* where there is one: the first worker, or the victim */

static void operate(unsigned process)
{
        weft_hot_subscriber_t *s;
        bool emits = !one || process == producer;
        CHECK(weft_hot_subscribe(hot, process % 2 ? WEFT_HOT_OLDEST : WEFT_HOT_NEW, 0,
                                 &s) == 0);
        for (unsigned i = 0; i < OPERATIONS; i++)
                if (play_random() % 8 == 0)
                        finish(process);
                else if (emits && play_random() % 2)
                        emit(process, process * 100 + i + 1);
                else
                        (void)next(s, process);
}

/* ---- a round ----------------------------------------------------------------------------- */

static void make(bool victim)
{
        one = play_random() % 2;
        producer = victim && play_random() % 2 ? 0 : 1;
        struct weft_hot_options options = {
                .capacity = CAPACITY,
                .element_bytes = play_random() % 2 ? 8 : LARGE,
                .policy = play_random() % 2 ? WEFT_HOT_DROP : WEFT_HOT_BLOCK,
                .flags = one ? WEFT_HOT_ONE : 0,
                .subscribers = 8,
        };
        CHECK(weft_hot_create(play_arena, "x", &options, &hot) == 0);
}

static uint64_t steps(void)
{
        return 900 + play_random() % 1500; /* it has subscribed */
}

static void check(void)
{
        struct linear_history made = { .capacity = CAPACITY, .flags = one ? ONE : 0 };
        weft_hot_subscriber_t *s;
        if (play_random() % 2) /* with the dead settled, or not yet */
                play_settle();
        CHECK(weft_hot_subscribe(hot, WEFT_HOT_OLDEST, 0, &s) == 0);
        while (next(s, DRAINER))
                ;
        finish(DRAINER);
        (void)next(s, DRAINER);
        weft_hot_unsubscribe(s);
        play_check_all(&model, &made, one ? "one" : "many");
        CHECK(weft_arena_recover(play_arena, NULL) == 0);
}

static void close_it(void)
{
        weft_hot_close(hot);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 1500,
                .seconds = 5,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_it,
        };
        linear_test(&model, CAPACITY, known, sizeof known / sizeof *known);
        return play_rounds(&game);
}
