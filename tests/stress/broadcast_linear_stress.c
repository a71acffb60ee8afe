/* tests/stress/broadcast_linear_stress.c -- the broadcast ring is linearizable, whoever dies.
 *
 * As queue_linear_stress.c: many short rounds, in most of which one process stands at a
 * random instruction while the others run, and is killed or goes on. All subscribe and read
 * what some publish. */
#include <weft/broadcast.h>

#include "tests/check.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 6, DRAINER = WORKERS + 1, LARGE = 40 };

/* ---- the model ------------------------------------------------------------------- */

#define PUBLISH LINEAR_PUSH
#define NEXT LINEAR_POP
enum { DROPS = 1, ONE = 2 }; /* flags of a history */

enum { PUBLISHED_MOST = 46 };

struct state {
        uint8_t cursor[LINEAR_PROCESSES]; /* + 1; 0: it has not got anything yet */
        uint8_t count;
        uint8_t at[PUBLISHED_MOST]; /* what was published, as small numbers */
};
_Static_assert(sizeof(struct state) <= LINEAR_STATE, "it fits");

static uint8_t small(uint64_t value)
{
        return (uint8_t)(value / 100 * 8 + value % 100);
}

/* Is there, as far as is known, somebody who holds it up? Of who has got nothing yet,
 * nothing is known; and who has ended may have been settled: that it must be full is not
 * said by anything here, but who is overtaken in a ring that blocks has lost something. */
static bool may_be_full(const struct linear_history *h, const struct state *s)
{
        for (unsigned p = 0; p <= DRAINER; p++)
                if (!s->cursor[p] || s->count + 1u - s->cursor[p] >= h->capacity)
                        return true;
        return false;
}

static bool step_publish(const struct linear_history *h, const struct linear_event *e,
                         struct state *s)
{
        if (e->to && e->answer == LINEAR_REFUSED)
                return !(h->flags & DROPS) && may_be_full(h, s);
        if (s->count >= PUBLISHED_MOST)
                return false;
        s->at[s->count++] = small(e->value);
        return true;
}

/* `extra`: how many it was told that it lost; `result`: the sequence. One more than need be
 * may be gone: it was about to be replaced. */
static bool step_next(const struct linear_history *h, const struct linear_event *e,
                      struct state *s)
{
        uint8_t *cursor = &s->cursor[e->process];
        if (!e->to)
                return true;
        if (e->answer == LINEAR_REFUSED)
                return !*cursor || *cursor > s->count;
        if (e->result >= s->count || s->at[e->result] != small(e->value))
                return false;
        if (*cursor && e->result != *cursor - 1u + e->extra)
                return false;
        if (e->extra && (!(h->flags & DROPS) || e->result > s->count + 2u - h->capacity))
                return false;
        *cursor = (uint8_t)(e->result + 2);
        return true;
}

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        return e->what == PUBLISH ? step_publish(h, e, state) : step_next(h, e, state);
}

static void tell(const struct linear_event *e, FILE *to)
{
        if (e->what == PUBLISH)
                fprintf(to, "publish %llu", (unsigned long long)e->value);
        else
                fprintf(to, "next: %llu, number %llu, after %llu lost",
                        (unsigned long long)e->value, (unsigned long long)e->result,
                        (unsigned long long)e->extra);
}

static const struct linear_model model = { "broadcast", sizeof(struct state), NULL, step,
                                           tell };

#define PUT(f, t, p, v) \
        { \
                .from = (f), .to = (t), .process = (p), .what = PUBLISH, .value = (v) \
        }
#define FULL(f, t, p, v) \
        { \
                .from = (f), .to = (t), .process = (p), .what = PUBLISH, .value = (v), \
                .answer = LINEAR_REFUSED \
        }
#define GET(f, t, p, v, number, lost) \
        { \
                .from = (f), .to = (t), .process = (p), .what = NEXT, .value = (v), \
                .result = (number), .extra = (lost) \
        }
#define NONE(f, t, p) \
        { \
                .from = (f), .to = (t), .process = (p), .what = NEXT, \
                .answer = LINEAR_REFUSED \
        }

static const struct linear_known known[] = {
        { "both see one order",
          true,
          0,
          DROPS,
          4,
          { PUT(1, 5, 1, 101), PUT(2, 4, 2, 201), GET(6, 7, 1, 201, 0, 0),
            GET(8, 9, 2, 201, 0, 0) } },
        { "two orders",
          false,
          0,
          DROPS,
          4,
          { PUT(1, 5, 1, 101), PUT(2, 4, 2, 201), GET(6, 7, 1, 201, 0, 0),
            GET(8, 9, 2, 101, 0, 0) } },
        { "one twice",
          false,
          0,
          DROPS,
          3,
          { PUT(1, 2, 1, 101), GET(3, 4, 1, 101, 0, 0), GET(5, 6, 1, 101, 1, 0) } },
        { "one left out",
          false,
          0,
          DROPS,
          4,
          { PUT(1, 2, 1, 101), PUT(3, 4, 1, 102), GET(5, 6, 2, 101, 0, 0),
            NONE(7, 8, 2) } },
        { "too early",
          false,
          0,
          DROPS,
          2,
          { GET(1, 2, 2, 101, 0, 0), PUT(3, 4, 1, 101) } },
        { "never told",
          false,
          0,
          0,
          4,
          { PUT(1, 2, 1, 101), GET(3, 4, 2, 101, 0, 0), PUT(5, 6, 1, 102),
            GET(7, 8, 2, 103, 2, 1) } },
        { "killed, and seen",
          true,
          0,
          DROPS,
          2,
          { PUT(1, 0, 0, 1), GET(2, 3, 1, 1, 0, 0) } },
};

/* ---- operations, recorded ------------------------------------------------------------ */

static weft_broadcast_t *ring; /* of the round */
static bool one, drops;

static void publish(unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value, value, value, value, value };
        struct linear_event *e = play_begin(process, PUBLISH, value, 0);
        int rc = weft_broadcast_publish(ring, element, WEFT_NOW);
        if (rc && (rc != -EAGAIN || drops))
                fprintf(stderr, "publish by %u: %d (%s, %s)\n", process, rc,
                        one ? "one" : "many", drops ? "drop" : "block");
        CHECK(rc == 0 || (rc == -EAGAIN && !drops));
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool next(weft_subscriber_t *s, unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 }, sequence = 0, lost = 0;
        struct linear_event *e = play_begin(process, NEXT, 0, 0);
        int rc = weft_broadcast_next(s, element, &sequence, &lost, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        e->result = sequence;
        e->extra = rc ? 0 : lost;
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, element[0]);
        return rc == 0;
}

static unsigned publisher; /* where there is one: the first worker, or the victim */
static bool oldest_victim, oldest; /* where he begins to read, and the workers do */

static void operate(unsigned process)
{
        weft_subscriber_t *s;
        bool publishes = !one || process == publisher;
        bool from_oldest = process ? oldest : oldest_victim;
        CHECK(weft_broadcast_subscribe(
                      ring, from_oldest ? WEFT_BROADCAST_OLDEST : WEFT_BROADCAST_NEWEST,
                      0, &s) == 0);
        for (unsigned i = 0; i < OPERATIONS; i++)
                if (publishes && play_random() % 2)
                        publish(process, process * 100 + i + 1);
                else
                        (void)next(s, process);
}

/* ---- a round ----------------------------------------------------------------------------- */

static struct weft_broadcast_options options;

static void make(bool victim)
{
        one = play_random() % 3 == 0;
        drops = play_random() % 2;
        publisher = victim && play_random() % 2 ? 0 : 1;
        oldest_victim = play_random() % 2;
        oldest = play_random() % 2;
        options = (struct weft_broadcast_options){
                .capacity = UINT64_C(2) << play_random() % 3,
                .element_bytes = play_random() % 2 ? 8 : LARGE,
                .policy = drops ? WEFT_BROADCAST_DROP : WEFT_BROADCAST_BLOCK,
                .flags = one ? WEFT_BROADCAST_ONE : 0,
                .subscribers = 8,
        };
        CHECK(weft_broadcast_create(play_arena, "x", &options, &ring) == 0);
}

static uint64_t steps(void)
{
        return 900 + play_random() % 1500; /* it has subscribed */
}

static void check(void)
{
        static const char *const kinds[2][2] = { { "many, block", "many, drop" },
                                                 { "one, block", "one, drop" } };
        struct linear_history made = { .capacity = options.capacity,
                                       .flags = (drops ? DROPS : 0u) | (one ? ONE : 0u) };
        weft_subscriber_t *s;
        if (play_random() % 2) /* with the dead settled, or not yet */
                play_settle();
        CHECK(weft_broadcast_subscribe(ring, WEFT_BROADCAST_OLDEST, 0, &s) == 0);
        while (next(s, DRAINER))
                ;
        weft_broadcast_unsubscribe(s);
        play_check_all(&model, &made, kinds[one][drops]);
        CHECK(weft_arena_recover(play_arena, NULL) == 0);
}

static void close_ring(void)
{
        weft_broadcast_close(ring);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 1500,
                .seconds = 8,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_ring,
        };
        linear_test(&model, 4, known, sizeof known / sizeof *known);
        return play_rounds(&game);
}
