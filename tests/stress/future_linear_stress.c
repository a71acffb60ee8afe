/* tests/stress/future_linear_stress.c -- the future is linearizable, whoever dies: what one
 * has seen, all see.
 *
 * As queue_linear_stress: many short rounds, in most of which one process is stepped to a
 * random instruction, stands there while the others run, and is killed or goes on. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <weft/future.h>

#include "codata/future_internal.h"
#include "tests/child.h"
#include "tests/harness/linear_future.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 5, LAST = WORKERS + 1, BIG = 64 };

static weft_future_t *future; /* of the round */

static void end(struct linear_event *e, int rc, uint64_t value)
{
        e->result = rc < 0 ? (uint64_t)-rc : 0;
        linear_end(play_log, e, LINEAR_DONE, value);
}

static void set(unsigned process)
{
        uint64_t value[BIG / 8], mine = play_random() >> 8 | 1;
        for (int i = 0; i < BIG / 8; i++)
                value[i] = mine;
        struct linear_event *e = play_begin(process, LINEAR_FUTURE_SET, mine, 0);
        end(e, weft_future_set(future, value, play_random() & 1 ? 8 : BIG), mine);
}

static void get(unsigned process)
{
        uint64_t value[BIG / 8] = { 0 };
        const void *at;
        struct linear_event *e = play_begin(process, LINEAR_FUTURE_GET, 0, 0);
        int64_t n;
        if (play_random() & 1) {
                n = weft_future_get(future, value, sizeof value,
                                    play_random() & 3 ? WEFT_NOW : 1);
        } else {
                n = weft_future_view(future, &at, WEFT_NOW);
                if (n > 0)
                        memcpy(value, at, (size_t)n);
        }
        if (n == -ETIMEDOUT)
                n = -EAGAIN;
        for (int64_t i = 1; i < n / 8; i++)
                CHECK(value[i] == value[0]);
        end(e, n < 0 ? (int)n : 0, value[0]);
}

static void other(unsigned process, uint32_t which)
{
        struct linear_event *e = play_begin(process, which, EIO, 0);
        int rc = which == LINEAR_FUTURE_FAIL      ? weft_future_set_error(future, -EIO)
                 : which == LINEAR_FUTURE_CANCEL  ? weft_future_cancel(future)
                 : which == LINEAR_FUTURE_PRODUCE ? weft_future_produce(future)
                                                  : weft_future_abandon(future);
        end(e, rc, EIO);
}

static void operate(unsigned process)
{
        for (int i = 0; i < OPERATIONS; i++) {
                uint32_t what = play_random() % 32;
                if (what < 5)
                        set(process);
                else if (what < 10)
                        other(process, LINEAR_FUTURE_PRODUCE);
                else if (what < 15)
                        other(process, LINEAR_FUTURE_ABANDON);
                else if (what < 17)
                        other(process, LINEAR_FUTURE_CANCEL);
                else if (what < 19)
                        other(process, LINEAR_FUTURE_FAIL);
                else
                        get(process);
        }
}

/* ---- a round ------------------------------------------------------------------------- */

static void make(bool victim)
{
        struct weft_future_options options = { .flags = WEFT_FUTURE_KEEP };
        (void)victim;
        CHECK(weft_future_create(play_arena, "x", &options, &future) == 0);
        future->spin.budget.raw = 1; /* who is stepped shall come to sleep, too */
}

static uint64_t steps(void)
{
        return play_random() % 2500;
}

static void check(void)
{
        struct linear_history made = { .capacity = 1 };
        if (play_random() % 2) /* with the dead settled, or not yet */
                get(LAST);
        play_settle();
        get(LAST);
        set(LAST);
        get(LAST);
        play_check_all(&linear_future, &made, "all");
}

static void close_future(void)
{
        weft_future_close(future);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 4000,
                .seconds = 5,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .joins = true,
                .death = LINEAR_FUTURE_DEATH,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_future,
        };
        linear_future_selftest();
        return play_rounds(&game);
}
