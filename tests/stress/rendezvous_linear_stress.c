/* tests/stress/rendezvous_linear_stress.c -- a push and its pop are one instant, whoever dies.
 *
 * As queue_linear_stress: many short rounds, in most of which one process is stepped to a
 * random instruction, stands there while the others run, and is killed or goes on. A select
 * of both is noted as both; what did not fire has been refused. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <weft/rendezvous.h>
#include <weft/select.h>

#include "structures/rendezvous_internal.h"
#include "tests/child.h"
#include "tests/harness/linear_play.h"

enum { WORKERS = 3, OPERATIONS = 5, MOST = 200 };

static weft_rendezvous_t *meeting; /* of the round */
static uint32_t bytes;

/* ---- the model: after a push comes its pop --------------------------------------- */

static bool step(const struct linear_history *h, const struct linear_event *e,
                 void *state)
{
        uint64_t *pushed = state;
        bool maybe = e->to == 0;
        (void)h;
        if (e->what == LINEAR_PUSH) {
                if (*pushed)
                        return false;
                *pushed = maybe || e->answer == LINEAR_DONE ? e->value : 0;
                return true;
        }
        if (!maybe && e->answer != LINEAR_DONE)
                return *pushed == 0;
        if (!*pushed || (!maybe && *pushed != e->value))
                return false;
        *pushed = 0;
        return true;
}

static void tell(const struct linear_event *e, FILE *to)
{
        fprintf(to, "%s %llx", e->what == LINEAR_PUSH ? "push" : "pop",
                (unsigned long long)e->value);
}

static const struct linear_model model = {
        .name = "rendezvous", .bytes = 8, .step = step, .tell = tell
};

/* What the model does not say: that both were under way then; and that the last push, too,
 * has its pop. */
static bool they_met(const struct linear_history *h)
{
        for (size_t i = 0; i < h->n; i++) {
                const struct linear_event *push = &h->event[i];
                if (push->what != LINEAR_PUSH)
                        continue;
                bool done = push->to && push->answer == LINEAR_DONE, got = false;
                bool doubt = false;
                for (size_t k = 0; k < h->n; k++) {
                        const struct linear_event *pop = &h->event[k];
                        if (pop->what != LINEAR_POP)
                                continue;
                        if (!pop->to) {
                                doubt |= !push->to || pop->from < push->to;
                                continue;
                        }
                        if (pop->answer != LINEAR_DONE || pop->value != push->value)
                                continue;
                        if (got || (push->to && !done) || pop->to < push->from ||
                            (push->to && push->to < pop->from))
                                return false;
                        got = true;
                }
                if (done && !got && !doubt)
                        return false;
        }
        return true;
}

#define PUSH(p, a, b, v, r) \
        { \
                .process = (p), .from = (a), .to = (b), .value = (v), \
                .what = LINEAR_PUSH, .answer = (r) \
        }
#define POP(p, a, b, v, r) \
        { \
                .process = (p), .from = (a), .to = (b), .value = (v), \
                .what = LINEAR_POP, .answer = (r) \
        }

static void selftest(void)
{
        static const struct linear_known known[] = {
                { "they meet",
                  true,
                  0,
                  0,
                  2,
                  { PUSH(0, 1, 4, 7, LINEAR_DONE), POP(1, 2, 3, 7, LINEAR_DONE) } },
                { "one is late, and meets nobody",
                  true,
                  0,
                  0,
                  2,
                  { PUSH(0, 1, 2, 7, LINEAR_REFUSED), POP(1, 3, 4, 0, LINEAR_REFUSED) } },
                { "twice",
                  false,
                  0,
                  0,
                  3,
                  { PUSH(0, 1, 9, 7, LINEAR_DONE), POP(1, 2, 3, 7, LINEAR_DONE),
                    POP(2, 4, 5, 7, LINEAR_DONE) } },
                { "out of nothing", false, 0, 0, 1, { POP(1, 2, 3, 7, LINEAR_DONE) } },
                { "refused, and received",
                  false,
                  0,
                  0,
                  2,
                  { PUSH(0, 1, 4, 7, LINEAR_REFUSED), POP(1, 2, 3, 7, LINEAR_DONE) } },
                { "from one who died",
                  true,
                  0,
                  0,
                  2,
                  { PUSH(0, 1, 0, 7, LINEAR_DONE), POP(1, 2, 3, 7, LINEAR_DONE) } },
        };
        struct linear_history apart = { .n = 2,
                                        .event = { PUSH(0, 1, 2, 7, LINEAR_DONE),
                                                   POP(1, 3, 4, 7, LINEAR_DONE) } };
        struct linear_history alone = { .n = 1,
                                        .event = { PUSH(0, 1, 2, 7, LINEAR_DONE) } };
        struct linear_history fine = { .n = 2,
                                       .event = { PUSH(0, 1, 3, 7, LINEAR_DONE),
                                                  POP(1, 2, 4, 7, LINEAR_DONE) } };
        linear_test(&model, 0, known, sizeof known / sizeof *known);
        CHECK(!they_met(&apart) && !they_met(&alone) && they_met(&fine));
}

/* ---- the operations ------------------------------------------------------------------ */

static void make_element(uint8_t *e, uint64_t value)
{
        memset(e, (int)(value * 37 + 5), MOST);
        memcpy(e, &value, sizeof value);
}

static uint64_t value_of(const uint8_t *e)
{
        uint8_t want[MOST];
        uint64_t value;
        memcpy(&value, e, sizeof value);
        make_element(want, value);
        CHECK(memcmp(e, want, bytes) == 0);
        return value;
}

static uint64_t deadline(void)
{
        uint64_t how = play_random() % 4;
        return how == 0 ? WEFT_NOW : how == 1 ? 1 : weft_after(play_random() % 150000);
}

static void check_no(int rc)
{
        CHECK(rc == -EAGAIN || rc == -ETIMEDOUT);
}

static void end(struct linear_event *e, int rc, uint64_t value)
{
        if (rc)
                check_no(rc);
        linear_end(play_log, e, rc ? LINEAR_REFUSED : LINEAR_DONE, value);
}

static void push(unsigned process, uint64_t value)
{
        uint8_t element[MOST];
        make_element(element, value);
        struct linear_event *e = play_begin(process, LINEAR_PUSH, value, 0);
        end(e, weft_rendezvous_push(meeting, element, deadline()), value);
}

static void pop(unsigned process)
{
        uint8_t element[MOST];
        struct linear_event *e = play_begin(process, LINEAR_POP, 0, 0);
        int rc = weft_rendezvous_pop(meeting, element, deadline());
        end(e, rc, rc ? 0 : value_of(element));
}

static void both(unsigned process, uint64_t value)
{
        uint8_t element[MOST], got[MOST];
        struct weft_case cases[2] = {
                { .object = meeting, .op = WEFT_OP_PUSH, .from = element },
                { .object = meeting, .op = WEFT_OP_POP, .to = got },
        };
        make_element(element, value);
        struct linear_event *e = play_begin(process, LINEAR_PUSH, value, 0);
        struct linear_event *f = play_begin(process, LINEAR_POP, 0, 0);
        int rc = weft_select(cases, 2, 0, deadline());
        CHECK(rc < 0 || cases[rc].result == 0);
        if (rc < 0)
                check_no(rc);
        end(e, rc == 0 ? 0 : -EAGAIN, value);
        end(f, rc == 1 ? 0 : -EAGAIN, rc == 1 ? value_of(got) : 0);
}

static void operate(unsigned process)
{
        for (unsigned i = 0; i < OPERATIONS; i++) {
                uint64_t value = (process + 1) << 8 | (i + 1);
                uint64_t what = (play_random() >> 7) % 5;
                if (what < 2)
                        push(process, value);
                else if (what < 4)
                        pop(process);
                else
                        both(process, value);
        }
}

/* ---- a round ------------------------------------------------------------------------- */

static void make(bool victim)
{
        static const uint32_t sizes[] = { 8, 16, 24, MOST };
        struct weft_rendezvous_options o = { sizes[play_random() % 4], 0 };
        (void)victim;
        bytes = o.element_bytes;
        CHECK(weft_rendezvous_create(play_arena, "x", &o, &meeting) == 0);
        for (int side = 0; side < WEFT_SIDES;
             side++) /* who is stepped shall sleep, too */
                meeting->spin[side].budget.raw = 1;
}

static uint64_t steps(void)
{
        return play_random() % 2200;
}

static void check(void)
{
        struct linear_history made = { 0 }, all;
        struct weft_rendezvous_info info;
        uint8_t element[MOST];
        if (play_random() % 2) /* with the dead settled, or not yet */
                play_settle();
        CHECK(weft_rendezvous_pop(meeting, element, WEFT_NOW) == -EAGAIN);
        CHECK(weft_rendezvous_info(meeting, &info) == 0);
        CHECK(!info.pushing && !info.popping);
        play_check_all(&model, &made, "all");
        CHECK(linear_history_of(play_log, 0, &all));
        if (!they_met(&all)) {
                linear_print_as(&model, &all, stderr);
                CHECK(false && "each met its partner");
        }
}

static void close_it(void)
{
        weft_rendezvous_close(meeting);
}

int main(void)
{
        static const struct linear_game game = {
                .rounds = 3000,
                .seconds = 5,
                .arena_rounds = 100,
                .arena_bytes = UINT64_C(4) << 20,
                .workers = WORKERS,
                .joins = true,
                .make = make,
                .steps = steps,
                .operate = operate,
                .check = check,
                .close = close_it,
        };
        selftest();
        return play_rounds(&game);
}
