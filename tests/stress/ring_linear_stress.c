/* tests/stress/ring_linear_stress.c -- the ring is linearizable, whoever dies.
 *
 * Many short rounds: one process pushes, one pops, and a third one stands by for the side
 * of one of them, who in most rounds is stepped to a random instruction first: he stands
 * there while the others run, and is killed, or goes on later. What they saw must be what a
 * bounded queue can do. Who finds the side held has done nothing. */
#include <errno.h>

#include <weft/ring.h>

#include "tests/check.h"
#include "tests/harness/linear_play.h"

enum { OPERATIONS = 9, LARGE = 40 };
enum { VICTIM, OTHER, NEXT, DRAINER }; /* processes of the log */

static const struct shape {
        struct weft_ring_options options;
        uint64_t capacity; /* elements of LARGE */
} shapes[] = {
        { { 8, 8, 0 }, 8 },
        { { 2, LARGE, 0 }, 2 },
        { { 4, LARGE, 0 }, 4 },
        { { 256, LARGE, WEFT_RING_BYTES }, 3 },
};
static const struct shape *shape; /* of the round */
static weft_ring_t *ring;
static bool victim_pushes;

/* ---- operations, recorded ------------------------------------------------ */

/* Nothing was done. */
static void take_back(unsigned process)
{
        play_log->of[process].n--;
}

static void push(unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value };
        struct linear_event *e = play_begin(process, LINEAR_PUSH, value, 0);
        int rc = shape->options.flags
                         ? weft_ring_push_record(ring, element, LARGE, WEFT_NOW)
                         : weft_ring_push(ring, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN || rc == -EBUSY);
        if (rc == -EBUSY)
                take_back(process);
        else
                linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool pop(unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = play_begin(process, LINEAR_POP, 0, 0);
        int64_t rc = shape->options.flags
                             ? weft_ring_pop_record(ring, element, LARGE, WEFT_NOW)
                             : weft_ring_pop(ring, element, WEFT_NOW);
        CHECK(rc >= 0 || rc == -EAGAIN || rc == -EBUSY);
        if (rc == -EBUSY)
                take_back(process);
        else
                linear_end(play_log, e, rc < 0 ? LINEAR_REFUSED : LINEAR_DONE,
                           element[0]);
        return rc >= 0;
}

static void operate(unsigned process)
{
        bool pushes = (process == OTHER) != victim_pushes;
        for (unsigned i = 0; i < OPERATIONS; i++)
                if (pushes)
                        push(process, process * 100 + i + 1);
                else
                        (void)pop(process);
}

/* ---- a round ------------------------------------------------------------- */

static void make(bool victim)
{
        (void)victim;
        shape = &shapes[play_random() % (sizeof shapes / sizeof *shapes)];
        victim_pushes = play_random() % 2;
        CHECK(weft_ring_create(play_arena, "x", &shape->options, &ring) == 0);
}

static uint64_t steps(void)
{
        return play_random() % 1500;
}

static void check(void)
{
        struct linear_history made = { .capacity = shape->capacity };
        struct weft_ring_info info;
        if (play_random() % 2) /* with the dead settled, or not yet */
                play_settle();
        while (pop(DRAINER))
                ;
        CHECK(weft_ring_info(ring, &info) == 0 && info.length == 0);
        play_check_all(&linear_queue, &made,
                       shape->options.flags ? "records" : "elements");
}

static void close_ring(void)
{
        weft_ring_close(ring);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 3000,
                .seconds = 10,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = DRAINER - OTHER,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_ring,
        };
        linear_selftest();
        return play_rounds(&game);
}
