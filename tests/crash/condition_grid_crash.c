/* tests/crash/condition_grid_crash.c -- one waits, another notifies or waits as well, and
 * two die or go on in it; a third notifies.
 *
 * Who waits under the mutex goes in and out of it afterwards: two are never inside. Who
 * is in the line when one who lives notifies, or whose dead neighbour had been
 * notified, returns with no help; the third notifies only who has nothing due to him. If
 * nobody dies, as many return as were notified. */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include <weft/condition.h>

#include "tests/crash/mutex_kit.h"
#include "tests/harness/grid.h"

enum { CONDITION = 2, WAITING, NOTIFIED, HELPED }; /* of c->word, behind the kit's */
enum { CALLED, RETURNED };                         /* places in a note */
enum { NOTIFIERS = 1 };                            /* of self->arg, likewise */
enum { A = 1, B = 2, THIRD = 3 };
enum { LONG_AGO = 1 }; /* a deadline: in a stepped process time flies */
enum { PATIENCE_MS = 1800 };

static weft_condition_t *condition_of(const struct crash *c)
{
        return (weft_condition_t *)(uintptr_t)c->word[CONDITION];
}

static struct weft_condition_info info_of(struct crash *c)
{
        struct weft_condition_info info;
        WEFT_MUST(c, weft_condition_info(condition_of(c), &info));
        return info;
}

/* ---- A and B ----------------------------------------------------------------------- */

static void setup_both(struct crash *c)
{
        weft_condition_t *condition;
        setup(c);
        WEFT_MUST(c, weft_condition_create(arena_of(c), "c", &condition));
        weft_condition_close(condition);
}

/* And how it was before the fates. */
static void open_all(struct crash *c)
{
        weft_condition_t *condition;
        open_both(c);
        WEFT_MUST(c, weft_condition_open(arena_of(c), "c", &condition));
        c->word[CONDITION] = (uint64_t)(uintptr_t)condition;
        struct weft_condition_info info = info_of(c);
        c->word[WAITING] = info.waiting;
        c->word[NOTIFIED] = info.notified;
}

static void hold(struct crash *c)
{
        WEFT_MUST(c, weft_mutex_lock(mutex_of(c), WEFT_NEVER));
}

/* The mutex is held already. */
static void wait_as(struct crash *c, uint64_t me, uint64_t deadline)
{
        int rc = weft_condition_wait(condition_of(c), mutex_of(c), deadline);
        bool gave_up = rc == -ETIMEDOUT && deadline == LONG_AGO;
        if (!gave_up)
                c->note->value[RETURNED] = rc == 0 ? 1 : 2;
        go_in(c, gave_up ? 0 : rc, me);
        go_out(c, me);
}

static void wait_as_a(struct crash *c)
{
        wait_as(c, A, WEFT_NEVER);
}

static void wait_as_b(struct crash *c)
{
        wait_as(c, B, WEFT_NEVER);
}

static void give_up_as_a(struct crash *c)
{
        wait_as(c, A, LONG_AGO);
}

/* 1: nobody; 2: somebody. */
static void note_call(struct crash *c, int64_t n)
{
        CRASH_MUST(c, CRASH_BROKEN, n == 0 || n == 1);
        c->note->value[CALLED] = (uint64_t)n + 1;
}

static void notify(struct crash *c)
{
        note_call(c, weft_condition_notify_one(condition_of(c)));
}

static void notify_all(struct crash *c)
{
        note_call(c, weft_condition_notify_all(condition_of(c)));
}

/* As a monitor does it. */
static void notify_inside_as_b(struct crash *c)
{
        go_in(c, weft_mutex_lock(mutex_of(c), WEFT_NEVER), B);
        notify(c);
        go_out(c, B);
}

static void lock_and_wait_as_b(struct crash *c)
{
        int rc = weft_mutex_lock(mutex_of(c), WEFT_NEVER);
        go_in(c, rc, B);
        weft_store_rel(word(c, INSIDE), 0);
        wait_as(c, B, WEFT_NEVER);
}

static void notify_and_wait_as_b(struct crash *c)
{
        notify(c);
        lock_and_wait_as_b(c);
}

static void notify_all_and_wait_as_b(struct crash *c)
{
        notify_all(c);
        lock_and_wait_as_b(c);
}

/* ---- the third ---------------------------------------------------------------------- */

static const struct crash_note *note_of(const struct crash *c, int who)
{
        return who == 0 ? c->note : c->other;
}

static bool has_ended(const struct crash *c, int who)
{
        return c->fate[who] == GRID_KILLED || note_of(c, who)->done;
}

static bool ends_in_time(const struct crash *c, int who)
{
        uint64_t latest = weft_after(PATIENCE_MS * WEFT_MSEC);
        while (!has_ended(c, who) && weft_now() < latest)
                usleep(200);
        return has_ended(c, who);
}

static uint64_t called_by(const struct crash *c, int who)
{
        return note_of(c, who)->value[CALLED];
}

/* What A or B does if he lives: it does not take long. */
static void see_them_notify(struct crash *c)
{
        for (int who = 0; who < 2; who++) {
                if (!(c->self->arg[NOTIFIERS] >> who & 1))
                        continue;
                uint64_t latest = weft_after(PATIENCE_MS * WEFT_MSEC);
                while (!called_by(c, who) && !has_ended(c, who) && weft_now() < latest)
                        usleep(200);
                CRASH_MUST(c, CRASH_WEDGED, called_by(c, who) || has_ended(c, who));
        }
}

/* Who was notified, or whose neighbour in line died so, returns by himself. */
static void must_come_to_whom_it_is_due(struct crash *c)
{
        bool a_is_waiter = !(c->self->arg[NOTIFIERS] & A);
        int waiter = a_is_waiter ? 0 : 1, other = !waiter;
        see_them_notify(c);
        if (c->word[NOTIFIED] || called_by(c, other) == 2)
                CRASH_MUST(c, CRASH_LOST, ends_in_time(c, waiter));
        if (c->word[NOTIFIED] && c->word[WAITING] && c->fate[0] == GRID_KILLED)
                CRASH_MUST(c, CRASH_LOST, ends_in_time(c, 1));
}

static void survive(struct crash *c)
{
        uint64_t latest = weft_after(4 * WEFT_SEC);
        if (c->fate[0] == GRID_KILLED && c->fate[1] == GRID_KILLED)
                return;
        must_come_to_whom_it_is_due(c);
        while (!(has_ended(c, 0) && has_ended(c, 1)) && weft_now() < latest) {
                struct weft_condition_info info = info_of(c);
                if (info.waiting && !info.notified)
                        c->word[HELPED] +=
                                (uint64_t)weft_condition_notify_one(condition_of(c));
                usleep(200);
        }
        CRASH_MUST(c, CRASH_WEDGED, has_ended(c, 0) && has_ended(c, 1));
}

static void pass_through(struct crash *c)
{
        go_in(c, weft_mutex_lock(mutex_of(c), weft_after(2 * WEFT_SEC)), THIRD);
        go_out(c, THIRD);
}

static void must_be_empty(struct crash *c)
{
        struct weft_condition_info info = info_of(c);
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0);
        CRASH_MUST(c, CRASH_LEAKED, info.notified == 0);
}

static void ended(struct crash *c)
{
        uint64_t calls = c->word[HELPED], returned = 0;
        must_be_empty(c);
        pass_through(c);
        for (int who = 0; who < 2; who++) {
                if (c->fate[who] == GRID_KILLED)
                        return;
                calls += note_of(c, who)->value[CALLED] == 2;
                returned += note_of(c, who)->value[RETURNED] == 1;
        }
        CRASH_MUST(c, CRASH_LOST, returned >= calls);
        CRASH_MUST(c, CRASH_DUPLICATED, returned <= calls);
}

static void verify(struct crash *c)
{
        must_be_empty(c);
        for (int i = 0; i < 2; i++)
                pass_through(c);
        weft_condition_close(condition_of(c));
        WEFT_MUST(c, weft_object_remove(arena_of(c), "c"));
        must_be_clean(c);
}

/* `notifiers` is who notifies. */
#define GRID(name_, flags_, prepare_, a_, prepare_b_, b_, notifiers) \
        { \
                .a = { .name = "condition/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup_both, \
                       .open = open_all, \
                       .prepare = (prepare_), \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .arg = { flags_, notifiers } }, \
                .prepare_b = (prepare_b_), .b = (b_), .ended = ended, \
                .fates = GRID_NO_STAND \
        }
#define FAIR WEFT_MUTEX_FAIR

static const struct grid_case cases[] = {
        GRID("wait, notify", 0, hold, wait_as_a, weft_kit_join, notify, B),
        GRID("wait, notify inside", 0, hold, wait_as_a, weft_kit_join, notify_inside_as_b,
             B),
        GRID("notify, wait", 0, weft_kit_join, notify, hold, wait_as_b, A),
        GRID("wait, notify and wait", 0, hold, wait_as_a, weft_kit_join,
             notify_and_wait_as_b, B),
        GRID("fair/wait, notify and wait", FAIR, hold, wait_as_a, weft_kit_join,
             notify_and_wait_as_b, B),
        GRID("wait, notify all and wait", 0, hold, wait_as_a, weft_kit_join,
             notify_all_and_wait_as_b, B),
        GRID("give up, notify and wait", 0, hold, give_up_as_a, weft_kit_join,
             notify_and_wait_as_b, B),
        GRID("wait, wait", 0, hold, wait_as_a, weft_kit_join, lock_and_wait_as_b, 0),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
