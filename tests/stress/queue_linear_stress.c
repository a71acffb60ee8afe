/* tests/stress/queue_linear_stress.c -- the queue is linearizable, whoever dies.
 *
 * Many short rounds: a few processes do a few random operations on a small queue. In most
 * rounds one of them is stepped to a random instruction first; the others run while it
 * stands there, and it is killed, or goes on later. What they saw must be what a queue can
 * do. */
#include <weft/queue.h>

#include "tests/check.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 6, DRAINER = WORKERS + 1, LARGE = 40 };

/* ---- operations, recorded ------------------------------------------------ */

static void push(weft_queue_t *q, unsigned process, uint64_t value)
{
        uint64_t element[LARGE / 8] = { value };
        struct linear_event *e = play_begin(process, LINEAR_PUSH, value, 0);
        int rc = weft_queue_push(q, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static bool pop(weft_queue_t *q, unsigned process)
{
        uint64_t element[LARGE / 8] = { 0 };
        struct linear_event *e = play_begin(process, LINEAR_POP, 0, 0);
        int rc = weft_queue_pop(q, element, WEFT_NOW);
        CHECK(rc == 0 || rc == -EAGAIN);
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, element[0]);
        return rc == 0;
}

static weft_queue_t *queue; /* of the round */

static void operate(unsigned process)
{
        for (unsigned i = 0; i < OPERATIONS; i++)
                if (play_random() % 2)
                        push(queue, process, process * 100 + i + 1);
                else
                        (void)pop(queue, process);
}

/* ---- a round ------------------------------------------------------------- */

static struct weft_queue_options options;

static void make(bool victim)
{
        (void)victim;
        options = (struct weft_queue_options){
                .capacity = UINT64_C(2) << play_random() % 3,
                .element_bytes = play_random() % 2 ? 8 : LARGE,
                .flags = play_random() % 3 ? 0 : WEFT_QUEUE_BATCH,
        };
        CHECK(weft_queue_create(play_arena, "x", &options, &queue) == 0);
}

static uint64_t steps(void)
{
        return play_random() % 900;
}

static void check(void)
{
        struct linear_history made = { .capacity = options.capacity };
        struct weft_queue_info info;
        if (play_random() % 2) /* with the dead settled, or not yet */
                play_settle();
        while (pop(queue, DRAINER))
                ;
        CHECK(weft_queue_info(queue, &info) == 0 && info.length == 0);
        play_check_all(&linear_queue, &made, options.flags ? "in batches" : "plain");
}

static void close_queue(void)
{
        weft_queue_close(queue);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 3000,
                .seconds = 15,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_queue,
        };
        linear_selftest();
        return play_rounds(&game);
}
