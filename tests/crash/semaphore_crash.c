/* tests/crash/semaphore_crash.c -- permits taken and given by those who die of it.
 *
 * Plain: the value is what it was and what was done, or not done, with it. Owned: whoever
 * held what, value and what the living hold is all there ever was. */
#define _GNU_SOURCE
#include <errno.h>

#include <weft/object.h>
#include <weft/semaphore.h>

#include "runtime/block.h"
#include "runtime/object.h"
#include "sync/ledger.h"
#include "sync/semaphore_shared.h"
#include "tests/harness/sleeper.h"

/* Of self->arg. */
enum {
        MINE,   /* permits that the victim has taken before */
        N,      /* what it asks for or gives */
        CORPSE, /* permits that a dead one holds, who is not settled ... */
        OPEN,   /* ... and, if 1, had only just taken: his account is still to say so */
};

enum { TOOK };                              /* word: permits that this survivor holds */
enum { GIVER = 8, VICTIM_WAITS, MAY_GIVE }; /* places in the note */

#define OWNED WEFT_SEMAPHORE_OWNED

static const struct weft_semaphore_options plain0 = { 0, 5, 0, 0 };
static const struct weft_semaphore_options plain1 = { 1, 5, 0, 0 };
static const struct weft_semaphore_options plain4 = { 4, 5, 0, 0 };
static const struct weft_semaphore_options plain5 = { 5, 5, 0, 0 };
static const struct weft_semaphore_options binary = { 1, 1, 0, 0 };
static const struct weft_semaphore_options owned1 = { 1, 1, OWNED, 0 };
static const struct weft_semaphore_options owned5 = { 5, 5, OWNED, 0 };

static const struct weft_semaphore_options *options_of(const struct crash *c)
{
        return c->self->more;
}

static bool is_owned(const struct crash *c)
{
        return options_of(c)->flags & OWNED;
}

static weft_semaphore_t *semaphore_of(const struct crash *c)
{
        return c->handle;
}

static uint32_t number_of(const struct crash *c)
{
        return (uint32_t)c->self->arg[N];
}

static struct weft_semaphore_info info_of(struct crash *c)
{
        struct weft_semaphore_info info;
        WEFT_MUST(c, weft_semaphore_info(semaphore_of(c), &info));
        return info;
}

static uint32_t value_of(struct crash *c)
{
        int64_t value = weft_semaphore_value(semaphore_of(c));
        CRASH_MUST(c, CRASH_BROKEN, value >= 0 && value <= options_of(c)->maximum);
        return (uint32_t)value;
}

/* ---- what is there before -------------------------------------------------------- */

/* He takes permits, and dies after the change and before he noted it. */
static void take_and_forget(struct crash *c)
{
        struct weft_handle *h = c->handle;
        struct weft_semaphore_shared *sh = h->sh;
        uint32_t n = (uint32_t)c->self->arg[CORPSE];
        WEFT_MUST(c, weft_semaphore_wait_n(semaphore_of(c), n, WEFT_NOW));
        if (!c->self->arg[OPEN])
                return;
        uint64_t signed_by = weft_load_rlx(&sh->cell.hi);
        struct weft_account_shared *its = weft_account_of_seat(
                weft_at(arena_of(c), sh->accounts, sizeof(struct weft_accounts_shared)),
                weft_sig_seat((uint32_t)signed_by));
        weft_store_rlx(&its->now, 0);
        weft_store_rlx(&its->next, n);
        weft_store_rlx(&its->tried, weft_ledger_number(signed_by));
}

static void make(struct crash *c)
{
        weft_semaphore_t *s;
        WEFT_MUST(c, weft_semaphore_create(arena_of(c), "s", options_of(c), &s));
        c->handle = s;
}

static void setup(struct crash *c)
{
        weft_kit_create(c);
        make(c);
}

static void open_semaphore(struct crash *c)
{
        weft_semaphore_t *s;
        weft_kit_open(c);
        WEFT_MUST(c, weft_semaphore_open(arena_of(c), "s", &s));
        c->handle = s;
}

/* Whoever opens an arena settles the dead: he dies when the victim is there. */
static void prepare(struct crash *c)
{
        uint32_t n = (uint32_t)c->self->arg[MINE];
        weft_kit_join(c);
        if (n)
                WEFT_MUST(c, weft_semaphore_wait_n(semaphore_of(c), n, WEFT_NOW));
        if (c->self->arg[CORPSE])
                weft_kit_corpse(c, take_and_forget);
}

/* Waiting has not paid: the victim does not spin for long. */
static void prepare_to_wait(struct crash *c)
{
        uint32_t n = number_of(c);
        prepare(c);
        for (int i = 0; i < 8; i++)
                CRASH_MUST(c, CRASH_BROKEN,
                           weft_semaphore_wait_n(semaphore_of(c), n, 1) == -ETIMEDOUT);
}

static void prepare_to_join(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

/* ---- the operations ----------------------------------------------------------- */

static void op_wait(struct crash *c)
{
        c->note->rc = weft_semaphore_wait(semaphore_of(c), weft_after(WEFT_MSEC));
}

static void op_wait_n(struct crash *c)
{
        c->note->rc = weft_semaphore_wait_n(semaphore_of(c), number_of(c),
                                            weft_after(WEFT_MSEC));
}

static void op_try(struct crash *c)
{
        c->note->rc = weft_semaphore_try(semaphore_of(c));
}

static void op_post(struct crash *c)
{
        c->note->rc = weft_semaphore_post(semaphore_of(c));
}

static void op_post_n(struct crash *c)
{
        c->note->rc = weft_semaphore_post_n(semaphore_of(c), number_of(c));
}

static void op_value(struct crash *c)
{
        c->note->rc = weft_semaphore_value(semaphore_of(c)) >= 0 ? 0 : -EUCLEAN;
}

static void op_info(struct crash *c)
{
        struct weft_semaphore_info info;
        c->note->rc = weft_semaphore_info(semaphore_of(c), &info);
}

static void op_create(struct crash *c)
{
        weft_semaphore_t *s;
        c->note->rc = weft_semaphore_create(arena_of(c), "s", options_of(c), &s);
}

static void op_open(struct crash *c)
{
        weft_semaphore_t *s;
        c->note->rc = weft_semaphore_open(arena_of(c), "s", &s);
}

static void op_close(struct crash *c)
{
        weft_semaphore_close(semaphore_of(c));
}

/* What the operation changes the value by, when it succeeds. */
static int64_t change_by(const struct crash *c)
{
        void (*op)(struct crash *) = c->self->victim;
        if (op == op_wait || op == op_try)
                return -1;
        if (op == op_wait_n)
                return -(int64_t)number_of(c);
        return op == op_post ? 1 : op == op_post_n ? (int64_t)number_of(c) : 0;
}

/* ---- the others -------------------------------------------------------------- */

/* Nothing moves: value and what all hold, the dead too, is all that there is. */
static void must_add_up(struct crash *c)
{
        struct weft_semaphore_info info = info_of(c);
        if (!is_owned(c))
                return;
        CRASH_MUST(c, CRASH_LOST, info.value + info.held >= options_of(c)->value);
        CRASH_MUST(c, CRASH_DUPLICATED, info.value + info.held <= options_of(c)->value);
}

static void take(struct crash *c, uint32_t n)
{
        CRASH_MUST(c, CRASH_WEDGED,
                   weft_semaphore_wait_n(semaphore_of(c), n, WEFT_NOW) == 0);
}

static void give(struct crash *c, uint32_t n)
{
        CRASH_MUST(c, CRASH_WEDGED, weft_semaphore_post_n(semaphore_of(c), n) == 0);
}

/* Takes all and gives it back; keeps one, if there is one; gives, where he may. */
static void survive(struct crash *c)
{
        weft_semaphore_t *s = semaphore_of(c);
        uint32_t value = value_of(c), maximum = options_of(c)->maximum;
        must_add_up(c);
        if (is_owned(c)) {
                CRASH_MUST(c, CRASH_BROKEN, weft_semaphore_post(s) == -EPERM);
        } else if (value < maximum) {
                give(c, maximum - value);
                CRASH_MUST(c, CRASH_BROKEN, weft_semaphore_post(s) == -EOVERFLOW);
                take(c, maximum - value);
        }
        if (!value) {
                CRASH_MUST(c, CRASH_DUPLICATED, weft_semaphore_try(s) == -EAGAIN);
                return;
        }
        take(c, value);
        CRASH_MUST(c, CRASH_DUPLICATED, weft_semaphore_try(s) == -EAGAIN);
        must_add_up(c);
        give(c, value);
        take(c, 1);
        c->word[TOOK] = 1;
        must_add_up(c);
}

static void survive_made(struct crash *c)
{
        weft_semaphore_t *s;
        WEFT_MUST(c, weft_semaphore_create_or_open(arena_of(c), "s", options_of(c), &s));
        c->handle = s;
        take(c, 1);
        give(c, 1);
        weft_semaphore_close(s);
        c->handle = NULL;
}

static void end(struct crash *c)
{
        CRASH_MUST(c, CRASH_LEAKED, info_of(c).waiting == 0);
        if (c->word[TOOK] && is_owned(c))
                give(c, (uint32_t)c->word[TOOK]);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "s"));
        weft_semaphore_close(semaphore_of(c));
        weft_kit_nothing_left(c, 0);
}

/* All others are dead and settled. */
static void verify_owned(struct crash *c)
{
        struct weft_semaphore_info info = info_of(c);
        uint64_t there = info.value + c->word[TOOK];
        CRASH_MUST(c, CRASH_LOST, there >= options_of(c)->value);
        CRASH_MUST(c, CRASH_DUPLICATED, there <= options_of(c)->value);
        CRASH_MUST(c, CRASH_BROKEN, info.held == c->word[TOOK]);
        CRASH_MUST(c, CRASH_BROKEN, info.holders == (c->word[TOOK] != 0));
        CRASH_MUST(c, CRASH_BROKEN,
                   weft_semaphore_post_n(semaphore_of(c), (uint32_t)c->word[TOOK] + 1) <
                           0);
        end(c);
}

static void verify_plain(struct crash *c)
{
        int64_t now = (int64_t)value_of(c) + (int64_t)c->word[TOOK];
        int64_t before = (int64_t)options_of(c)->value - (int64_t)c->self->arg[MINE];
        int64_t after = before + change_by(c);
        if (c->note->done && c->note->rc == 0)
                before = after;
        else if (c->note->done)
                after = before;
        CRASH_MUST(c, now < before ? CRASH_LOST : CRASH_DUPLICATED,
                   now == before || now == after);
        end(c);
}

/* What it was told, if it was: some answers are the only ones. */
static void verify(struct crash *c)
{
        int64_t rc = c->note->done ? c->note->rc : 0, by = change_by(c);
        if (rc && by < 0)
                CRASH_MUST(c, CRASH_BROKEN, rc == -EAGAIN || rc == -ETIMEDOUT);
        else if (rc && is_owned(c))
                CRASH_MUST(c, CRASH_BROKEN,
                           rc == -EPERM && by > (int64_t)c->self->arg[MINE]);
        else if (rc)
                CRASH_MUST(c, CRASH_BROKEN,
                           rc == -EOVERFLOW && options_of(c)->value + by > 5);
        if (is_owned(c))
                verify_owned(c);
        else
                verify_plain(c);
}

static void verify_made(struct crash *c)
{
        weft_semaphore_t *s;
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        WEFT_MUST(c, weft_semaphore_open(arena_of(c), "s", &s));
        c->handle = s;
        CRASH_MUST(c, CRASH_BROKEN, value_of(c) == options_of(c)->value);
        end(c);
}

/* ---- beside a sleeper -------------------------------------------------------- */

static uint32_t asleep(struct crash *c)
{
        return info_of(c).waiting;
}

static void until_asleep(struct crash *c, uint32_t n)
{
        while (asleep(c) != n)
                usleep(100);
        usleep(500); /* counted in, and now asleep */
}

static int sleep_for_n(struct crash *c)
{
        return weft_semaphore_wait_n(semaphore_of(c), number_of(c),
                                     weft_after(60 * WEFT_SEC));
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_for_n);
        sleeper_sleeps(c, asleep);
}

/* Comes once the victim has taken all. */
static int sleep_late(struct crash *c)
{
        while (weft_semaphore_value(semaphore_of(c)))
                usleep(100);
        return weft_semaphore_wait(semaphore_of(c), weft_after(60 * WEFT_SEC));
}

static void setup_late(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_late);
}

static void prepare_before_sleeper(struct crash *c)
{
        prepare(c);
        until_asleep(c, 1);
}

/* One more child: he has the permit, and gives it when both are asleep, or one is dead. */
static int take_and_give(struct crash *c)
{
        take(c, 1);
        while (!c->note->value[MAY_GIVE] &&
               !(c->note->value[VICTIM_WAITS] && asleep(c) == 2))
                usleep(20);
        give(c, 1);
        while (pause()) /* it is the sleeper who wakes */
                continue;
        return 0;
}

static void setup_giver(struct crash *c)
{
        setup(c);
        sleeper_start(c, take_and_give);
        c->note->value[GIVER] = c->note->value[SLEEPER_PID];
        sleeper_start(c, sleep_late);
        sleeper_sleeps(c, asleep);
}

static void prepare_to_sleep(struct crash *c)
{
        prepare_to_wait(c);
        c->note->value[VICTIM_WAITS] = 1;
}

static void op_sleep(struct crash *c)
{
        c->note->rc = weft_semaphore_wait(semaphore_of(c), weft_after(300 * WEFT_MSEC));
}

/* Plain: the victim has given all, or a survivor gives what is missing. */
static void survive_post(struct crash *c)
{
        uint32_t n = number_of(c), value = value_of(c);
        if (value < n && !c->note->done && !c->note->value[SLEEPER_WOKE]) {
                int rc = weft_semaphore_post_n(semaphore_of(c), n - value);
                WEFT_MUST(c, rc);
        }
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
}

/* Owned: whatever the dead had, gave or was given goes to the sleeper, who looks. */
static void survive_death(struct crash *c)
{
        c->note->value[MAY_GIVE] = c->how == CRASH_KILLED;
        if (c->how == CRASH_KILLED)
                CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 0);
        must_add_up(c);
}

static void verify_slept(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -ETIMEDOUT);
        sleeper_end(c);
        if (c->note->value[GIVER]) {
                c->note->value[SLEEPER_PID] = c->note->value[GIVER];
                sleeper_end(c);
        }
        if (is_owned(c))
                verify_owned(c);
        else
                end(c);
}

/* ---- all of them --------------------------------------------------------------- */

#define MADE(name_, options, open_, prepare_, victim_, survive_, verify_, setup_, \
             flags_) \
        { \
                .name = "semaphore/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .more = (options), \
                .flags = (flags_) \
        }
#define CASE(name_, options, prepare_, victim_, flags_, ...) \
        { \
                .name = "semaphore/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_semaphore, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = verify, .more = (options), \
                .flags = (flags_), \
                .arg = { __VA_ARGS__ } \
        }
#define SLEEPER(name_, options, setup_, prepare_, victim_, survive_, ...) \
        { \
                .name = "semaphore/sleeper/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_semaphore, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = verify_slept, .more = (options), \
                .flags = CRASH_KEEP_HOST | CRASH_REAL, \
                .arg = { __VA_ARGS__ } \
        }

/* Of a plain one there is nothing to recover: some of the small ones show it. */
static const struct crash_case cases[] = {
        MADE("create/plain", &plain1, weft_kit_open, weft_kit_join, op_create,
             survive_made, verify_made, weft_kit_create, 0),
        MADE("create/owned", &owned5, weft_kit_open, weft_kit_join, op_create,
             survive_made, verify_made, weft_kit_create, 0),
        MADE("open/plain", &plain1, weft_kit_open, NULL, op_open, survive_made,
             verify_made, setup, CRASH_NO_RECOVER),
        MADE("open/owned", &owned5, weft_kit_open, NULL, op_open, survive_made,
             verify_made, setup, CRASH_NO_RECOVER),
        CASE("close/plain", &plain4, prepare, op_close, CRASH_NO_RECOVER, 0),
        CASE("close/owned, holding 2", &owned5, prepare, op_close, 0, 2),

        CASE("wait/plain, 0", &plain0, prepare_to_wait, op_wait, 0, 0, 1),
        CASE("wait/plain, 1", &plain1, prepare, op_wait, CRASH_NO_RECOVER, 0),
        CASE("wait/plain, joining", &plain4, prepare_to_join, op_wait, CRASH_NO_RECOVER,
             0),
        CASE("wait_n/plain, 3 of 4", &plain4, prepare, op_wait_n, CRASH_NO_RECOVER, 0, 3),
        CASE("wait_n/plain, 3 of 1", &plain1, prepare_to_wait, op_wait_n,
             CRASH_NO_RECOVER, 0, 3),
        CASE("try/plain, 0", &plain0, prepare, op_try, CRASH_NO_RECOVER, 0),
        CASE("try/plain, 1", &binary, prepare, op_try, CRASH_NO_RECOVER, 0),
        CASE("post/plain, 0", &plain0, prepare, op_post, CRASH_NO_RECOVER, 0),
        CASE("post/plain, joining", &plain4, prepare_to_join, op_post, CRASH_NO_RECOVER,
             0),
        CASE("post/plain, full", &plain5, prepare, op_post, CRASH_NO_RECOVER, 0),
        CASE("post_n/plain, 3", &plain1, prepare, op_post_n, CRASH_NO_RECOVER, 0, 3),
        CASE("post_n/plain, too many", &plain4, prepare, op_post_n, CRASH_NO_RECOVER, 0,
             2),
        CASE("value/plain", &plain4, prepare, op_value, CRASH_NO_RECOVER, 0),
        CASE("info/plain", &plain4, prepare, op_info, CRASH_NO_RECOVER, 0),

        CASE("wait/owned, 1", &owned1, prepare, op_wait, 0, 0),
        CASE("wait/owned, joining", &owned5, prepare_to_join, op_wait, CRASH_NO_RECOVER,
             0),
        CASE("wait/owned, holding 2", &owned5, prepare, op_wait, 0, 2),
        CASE("try/owned, 0, a dead one has all", &owned1, prepare, op_try,
             CRASH_NO_RECOVER, 0, 0, 1),
        CASE("wait_n/owned, 3", &owned5, prepare, op_wait_n, CRASH_NO_RECOVER, 0, 3),
        CASE("wait_n/owned, too many, holding 3", &owned5, prepare_to_wait, op_wait_n,
             CRASH_NO_RECOVER, 3, 3),
        CASE("wait/owned, one died changing", &owned5, prepare, op_wait, 0, 0, 0, 2, 1),
        CASE("try/owned, 1", &owned1, prepare, op_try, CRASH_NO_RECOVER, 0),
        CASE("try/owned, 0, holding it", &owned1, prepare, op_try, CRASH_NO_RECOVER, 1),
        CASE("try/owned, a dead one has 2", &owned5, prepare, op_try, CRASH_NO_RECOVER, 1,
             0, 2),
        CASE("try/owned, one died changing, had all", &owned1, prepare, op_try, 0, 0, 0,
             1, 1),
        CASE("post/owned, the last", &owned1, prepare, op_post, 0, 1),
        CASE("post/owned, 1 of 3", &owned5, prepare, op_post, 0, 3),
        CASE("post/owned, none", &owned5, prepare, op_post, CRASH_NO_RECOVER, 0),
        CASE("post/owned, a dead one has 2", &owned5, prepare, op_post, 0, 2, 0, 2),
        CASE("post_n/owned, 2 of 3", &owned5, prepare, op_post_n, 0, 3, 2),
        CASE("post_n/owned, 2 of 1", &owned5, prepare, op_post_n, CRASH_NO_RECOVER, 1, 2),
        CASE("post_n/owned, all, one died changing", &owned5, prepare, op_post_n, 0, 3, 3,
             2, 1),
        CASE("value/owned, one died changing", &owned5, prepare, op_value,
             CRASH_NO_RECOVER, 1, 0, 2, 1),
        CASE("info/owned, one died changing", &owned5, prepare, op_info, CRASH_NO_RECOVER,
             1, 0, 2, 1),

        SLEEPER("post/plain", &plain0, setup_sleeper, prepare, op_post, survive_post, 0,
                1),
        SLEEPER("post/plain, he wants 2", &plain1, setup_sleeper, prepare, op_post,
                survive_post, 0, 2),
        SLEEPER("post_n/plain, he wants 2", &plain0, setup_sleeper, prepare, op_post_n,
                survive_post, 0, 2),
        SLEEPER("post/owned", &owned1, setup_late, prepare_before_sleeper, op_post,
                survive_death, 1),
        SLEEPER("close/owned", &owned1, setup_late, prepare_before_sleeper, op_close,
                survive_death, 1),
        SLEEPER("wait/owned, one is woken", &owned1, setup_giver, prepare_to_sleep,
                op_sleep, survive_death, 0, 1),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
