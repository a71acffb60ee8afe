/* tests/crash/pool_crash.c -- objects got, put, given and inspected by those who die of it.
 *
 * Each object is somewhere, once: the states add up; what is free can be got; what a survivor
 * holds nobody else writes to; tokens of earlier lives are refused. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <weft/object.h>
#include <weft/pool.h>

#include "structures/pool_internal.h"
#include "tests/harness/sleeper.h"

/* Of self->arg: before the operation, */
enum {
        MINE,   /* objects that the victim holds, */
        AWAY,   /* in transit, */
        ASIDE,  /* in quarantine, */
        CORPSE, /* held by a dead one, who is not settled */
};

/* Places in the note: tokens that the victim held, that it got, and that were given. */
enum { HAD = 0, GOT = 3, GIVEN = 6, VERDICT = 9 };
enum { KEPT, FOUND }; /* words: this survivor's token; how many he could get at once */

#define QUARANTINE WEFT_POOL_QUARANTINE

static const struct weft_pool_options three = { 500, 3, 0, 0, 0 };
static const struct weft_pool_options grows = { 500, 2, 4, 0, 0 };
static const struct weft_pool_options aside = { 500, 3, 0, QUARANTINE, 0 };

static const struct weft_pool_options *options_of(const struct crash *c)
{
        return c->self->more;
}

static uint32_t arg_of(const struct crash *c, int which)
{
        return (uint32_t)c->self->arg[which];
}

static uint32_t most(const struct crash *c)
{
        const struct weft_pool_options *o = options_of(c);
        return o->max_count ? o->max_count : o->count;
}

static weft_pool_t *pool_of(const struct crash *c)
{
        return c->handle;
}

static struct weft_pool_census census_of(struct crash *c)
{
        struct weft_pool_census n;
        WEFT_MUST(c, weft_pool_census(pool_of(c), &n, NULL, NULL));
        CRASH_MUST(c, CRASH_LOST, n.total >= options_of(c)->count);
        CRASH_MUST(c, CRASH_BROKEN, n.total <= most(c));
        CRASH_MUST(c, CRASH_BROKEN,
                   n.total == n.free + n.held + n.transit + n.quarantined + n.inspected);
        return n;
}

static uint64_t take(struct crash *c)
{
        struct weft_pool_object o;
        WEFT_MUST(c, weft_pool_get(pool_of(c), &o, WEFT_NOW));
        memset(o.at, 1, 500);
        return o.token;
}

/* ---- what is there before ---------------------------------------------------------- */

static void make(struct crash *c)
{
        weft_pool_t *p;
        WEFT_MUST(c, weft_pool_create(arena_of(c), "p", options_of(c), &p));
        c->handle = p;
}

static void take_aside(struct crash *c)
{
        for (uint32_t i = 0; i < arg_of(c, ASIDE); i++)
                (void)take(c);
}

static void setup(struct crash *c)
{
        weft_kit_create(c);
        make(c);
        for (uint32_t i = 0; i < arg_of(c, AWAY); i++) {
                c->note->value[GIVEN + i] = take(c);
                WEFT_MUST(c, weft_pool_give(pool_of(c), c->note->value[GIVEN + i]));
        }
        if (!arg_of(c, ASIDE))
                return;
        weft_kit_corpse(c, take_aside);
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
        CRASH_MUST(c, CRASH_BROKEN, census_of(c).quarantined == arg_of(c, ASIDE));
}

static void open_pool(struct crash *c)
{
        weft_pool_t *p;
        weft_kit_open(c);
        WEFT_MUST(c, weft_pool_open(arena_of(c), "p", &p));
        c->handle = p;
}

static void take_and_keep(struct crash *c)
{
        for (uint32_t i = 0; i < arg_of(c, CORPSE); i++)
                (void)take(c);
}

static void prepare(struct crash *c)
{
        weft_kit_join(c);
        for (uint32_t i = 0; i < arg_of(c, MINE); i++)
                c->note->value[HAD + i] = take(c);
        if (arg_of(c, CORPSE))
                weft_kit_corpse(c, take_and_keep);
}

/* It has put one, and will get that. */
static void prepare_used(struct crash *c)
{
        prepare(c);
        WEFT_MUST(c, weft_pool_put(pool_of(c), take(c)));
}

/* All bits have been found wrong and cleared: of what it holds, and of what is away. */
static void prepare_cleared(struct crash *c)
{
        uint64_t token[4];
        int n = 0;
        prepare(c);
        for (uint32_t free = census_of(c).free; free; free--)
                token[n++] = take(c);
        struct weft_pool_object o;
        CRASH_MUST(c, CRASH_BROKEN, weft_pool_get(pool_of(c), &o, WEFT_NOW) == -EAGAIN);
        while (n--)
                WEFT_MUST(c, weft_pool_put(pool_of(c), token[n]));
}

/* A clearer died in between: there is doubt, and nothing that it remembers. */
static void prepare_doubt(struct crash *c)
{
        prepare(c);
        weft_a64_t *group = pool_of(c)->v.part.groups;
        struct weft_pool_desk_shared *desk =
                weft_desk_at(&pool_of(c)->desks, weft_me.agent->index);
        weft_store_rlx(&desk->cached, 0);
        weft_store_rlx(group, WEFT_POOL_DOUBT | weft_load_rlx(group) >> 33 << 33);
}

/* Waiting has not paid: the victim does not spin for long. */
static void prepare_to_wait(struct crash *c)
{
        struct weft_pool_object o;
        prepare(c);
        for (int i = 0; i < 8; i++)
                CRASH_MUST(c, CRASH_BROKEN,
                           weft_pool_get(pool_of(c), &o, 1) == -ETIMEDOUT);
}

static void prepare_to_join(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

/* ---- the operations ------------------------------------------------------------------ */

static void op_get(struct crash *c)
{
        struct weft_pool_object o = { 0 };
        c->note->rc = weft_pool_get(pool_of(c), &o, WEFT_NOW);
        c->note->value[GOT] = o.token;
}

static void op_get_wait(struct crash *c)
{
        struct weft_pool_object o = { 0 };
        c->note->rc = weft_pool_get(pool_of(c), &o, weft_after(WEFT_MSEC));
        c->note->value[GOT] = o.token;
}

static void op_get_n(struct crash *c)
{
        struct weft_pool_object o[3];
        memset(o, 0, sizeof o);
        int64_t n = weft_pool_get_n(pool_of(c), o, 3, WEFT_NOW);
        c->note->rc = n < 0 ? n : 0;
        for (int i = 0; i < 3; i++)
                c->note->value[GOT + i] = o[i].token;
}

static void op_put(struct crash *c)
{
        c->note->rc = weft_pool_put(pool_of(c), c->note->value[HAD]);
}

static void op_put_n(struct crash *c)
{
        struct weft_pool_object o[2] = { { .token = c->note->value[HAD] },
                                         { .token = c->note->value[HAD + 1] } };
        int64_t n = weft_pool_put_n(pool_of(c), o, 2);
        c->note->rc = n < 0 ? n : n == 2 ? 0 : -EINVAL;
}

static void op_give(struct crash *c)
{
        c->note->rc = weft_pool_give(pool_of(c), c->note->value[HAD]);
}

static void op_claim(struct crash *c)
{
        struct weft_pool_object o;
        c->note->rc = weft_pool_claim(pool_of(c), c->note->value[GIVEN], &o, WEFT_NOW);
        c->note->value[GOT] = c->note->value[GIVEN];
}

static void op_reclaim(struct crash *c)
{
        c->note->rc = weft_pool_reclaim(pool_of(c), c->note->value[GIVEN]);
}

static void op_reclaim_all(struct crash *c)
{
        int64_t n = weft_pool_reclaim_all(pool_of(c));
        c->note->rc = n < 0 ? n : 0;
}

static int look(const struct weft_pool_object *object, void *context)
{
        (void)object;
        return (int)*(const int64_t *)context;
}

static void inspect(struct crash *c, int64_t verdict)
{
        int64_t n = weft_pool_inspect(pool_of(c), look, &verdict);
        c->note->rc = n < 0 ? n : 0;
}

static void op_inspect_free(struct crash *c)
{
        inspect(c, WEFT_POOL_FREE);
}

static void op_inspect_keep(struct crash *c)
{
        inspect(c, WEFT_POOL_KEEP);
}

static void op_inspect_hold(struct crash *c)
{
        inspect(c, WEFT_POOL_HOLD);
}

static void op_get_inspecting(struct crash *c)
{
        int64_t verdict = WEFT_POOL_FREE;
        weft_pool_on_death(pool_of(c), look, &verdict);
        op_get(c);
}

static void op_select(struct crash *c)
{
        struct weft_pool_object o = { 0 };
        struct weft_case one = { .object = pool_of(c), .op = WEFT_OP_TAKE, .to = &o };
        struct weft_handle *h = c->handle;
        c->note->rc = h->kind->waitable->attempt(h, weft_me.agent, &one);
        c->note->value[GOT] = o.token;
}

static int stop_never(const struct weft_pool_entry *entry, void *context)
{
        (void)entry, (void)context;
        return 0;
}

static void op_look(struct crash *c)
{
        struct weft_pool_info info;
        (void)census_of(c);
        c->note->rc = weft_pool_info(pool_of(c), &info);
        if (!c->note->rc)
                c->note->rc = weft_pool_each(pool_of(c), 31, stop_never, NULL);
}

static void op_leave(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

static void op_recover(struct crash *c)
{
        c->note->rc = weft_arena_recover(arena_of(c), NULL);
}

static void op_create(struct crash *c)
{
        weft_pool_t *p;
        c->note->rc = weft_pool_create(arena_of(c), "p", options_of(c), &p);
}

static void op_open(struct crash *c)
{
        weft_pool_t *p;
        c->note->rc = weft_pool_open(arena_of(c), "p", &p);
}

static void op_close(struct crash *c)
{
        weft_pool_close(pool_of(c));
}

/* The most of each that it can change. */
static uint32_t takes(const struct crash *c)
{
        void (*op)(struct crash *) = c->self->victim;
        return op == op_get_n ? 3
               : op == op_get || op == op_get_wait || op == op_get_inspecting ||
                               op == op_select
                       ? 1
                       : 0;
}

static bool inspects(const struct crash *c)
{
        void (*op)(struct crash *) = c->self->victim;
        return op == op_inspect_free || op == op_inspect_hold || op == op_get_inspecting;
}

/* ---- the others ------------------------------------------------------------------------ */

/* Gets all that there is, once each, marks it, and puts back all but one. */
static void survive(struct crash *c)
{
        struct weft_pool_object o[5];
        uint32_t n = 0;
        uint64_t not_free = (uint64_t)arg_of(c, MINE) + arg_of(c, AWAY) +
                            arg_of(c, ASIDE) + arg_of(c, CORPSE) + takes(c);
        (void)census_of(c);
        while (n < 5 && weft_pool_get(pool_of(c), &o[n], WEFT_NOW) == 0) {
                for (uint32_t i = 0; i < n; i++)
                        CRASH_MUST(c, CRASH_DUPLICATED, o[i].index != o[n].index);
                memset(o[n].at, 77, 500);
                n++;
        }
        CRASH_MUST(c, CRASH_WEDGED, n + not_free >= options_of(c)->count);
        CRASH_MUST(c, CRASH_DUPLICATED, n <= most(c));
        c->word[FOUND] = n;
        for (uint32_t i = 1; i < n; i++)
                CRASH_MUST(c, CRASH_WEDGED, weft_pool_put(pool_of(c), o[i].token) == 0);
        if (n)
                c->word[KEPT] = o[0].token;
        for (int i = 0; i < 3; i++) /* the victim's are not ours to put */
                if (c->note->value[HAD + i])
                        CRASH_MUST(c, CRASH_BROKEN,
                                   weft_pool_put(pool_of(c), c->note->value[HAD + i]) <
                                           0);
}

static void survive_made(struct crash *c)
{
        weft_pool_t *p;
        WEFT_MUST(c, weft_pool_create_or_open(arena_of(c), "p", options_of(c), &p));
        c->handle = p;
        WEFT_MUST(c, weft_pool_put(p, take(c)));
        weft_pool_close(p);
        c->handle = NULL;
}

/* Nobody but us is there: what is free can be got, and that is all. */
static void must_find(struct crash *c, uint32_t free)
{
        struct weft_pool_object o[5];
        for (uint32_t i = 0; i < free; i++) {
                CRASH_MUST(c, CRASH_LEAKED,
                           weft_pool_get(pool_of(c), &o[i], WEFT_NOW) == 0);
                for (uint32_t k = 0; k < i; k++)
                        CRASH_MUST(c, CRASH_DUPLICATED, o[i].index != o[k].index);
        }
        if (census_of(c).total == most(c))
                CRASH_MUST(c, CRASH_DUPLICATED,
                           weft_pool_get(pool_of(c), &o[free], WEFT_NOW) == -EAGAIN);
        CRASH_MUST(c, CRASH_BROKEN, weft_pool_put_n(pool_of(c), o, free) == free);
}

static void end(struct crash *c)
{
        struct weft_pool_census n = census_of(c);
        struct weft_pool_info info;
        WEFT_MUST(c, weft_pool_info(pool_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0);
        CRASH_MUST(c, CRASH_LEAKED, n.inspected == 0 && n.dead == 0);
        CRASH_MUST(c, CRASH_LEAKED, n.held == (c->word[KEPT] != 0));
        must_find(c, n.free);
        if (c->word[KEPT]) {
                const unsigned char *at = weft_pool_at(pool_of(c), c->word[KEPT]);
                CRASH_MUST(c, CRASH_DUPLICATED, at && at[0] == 77 && at[499] == 77);
                CRASH_MUST(c, CRASH_LOST, !weft_pool_put(pool_of(c), c->word[KEPT]));
        }
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "p"));
        weft_pool_close(pool_of(c));
        weft_kit_nothing_left(c, 0);
}

/* Was a token the victim's, and is he gone: it is stale, or in quarantine. */
static void must_be_over(struct crash *c, uint64_t token)
{
        struct weft_pool_object o;
        if (!token)
                return;
        int rc = weft_pool_claim(pool_of(c), token, &o, WEFT_NOW);
        CRASH_MUST(c, CRASH_LEAKED, rc == -ENOENT || rc == -EOWNERDEAD);
        CRASH_MUST(c, CRASH_LEAKED, rc == -ENOENT || options_of(c)->flags);
}

static void verify(struct crash *c)
{
        void (*op)(struct crash *) = c->self->victim;
        struct weft_pool_census n = census_of(c);
        uint32_t away = arg_of(c, AWAY), least = away, quarantine = 0;
        bool done = c->note->done && c->note->rc == 0;

        if (op == op_give)
                away++;
        if (op == op_give && done)
                least++;
        if (op == op_claim || op == op_reclaim || op == op_reclaim_all)
                least = op == op_reclaim_all ? 0 : least - 1;
        if (least < away && op != op_give && done)
                away = least;
        CRASH_MUST(c, CRASH_LOST, n.transit >= least);
        CRASH_MUST(c, CRASH_DUPLICATED, n.transit <= away);

        if (options_of(c)->flags) {
                bool gone = op == op_put || op == op_give;
                quarantine = arg_of(c, ASIDE) + arg_of(c, MINE) + arg_of(c, CORPSE);
                least = inspects(c) ? 0 : quarantine - gone;
                if (op == op_inspect_hold && c->note->done)
                        least = quarantine;
                quarantine += takes(c) + (op == op_claim);
                CRASH_MUST(c, CRASH_LOST, n.quarantined >= least);
                if (done && gone)
                        quarantine = least;
                if (op == op_inspect_free && c->note->done)
                        quarantine = 0;
        }
        CRASH_MUST(c, CRASH_BROKEN, n.quarantined <= quarantine);
        if (op != op_give)
                must_be_over(c, c->note->value[HAD]);
        must_be_over(c, c->note->value[HAD + 1]);
        if (done)
                for (int i = 0; i < 3; i++)
                        must_be_over(c, c->note->value[GOT + i]);
        end(c);
}

/* What it was told, if it was: some answers are the only ones. */
static void verify_empty(struct crash *c)
{
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc == -EAGAIN || c->note->rc == -ETIMEDOUT);
        verify(c);
}

static void verify_done(struct crash *c)
{
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN, c->note->rc == 0);
        verify(c);
}

/* When others took all before it came to it, it may have found none. */
static void verify_may_fail(struct crash *c)
{
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN, c->note->rc == 0 || c->note->rc == -EAGAIN);
        verify(c);
}

static void verify_made(struct crash *c)
{
        weft_pool_t *p;
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        WEFT_MUST(c, weft_pool_open(arena_of(c), "p", &p));
        c->handle = p;
        CRASH_MUST(c, CRASH_BROKEN, census_of(c).free == options_of(c)->count);
        end(c);
}

/* ---- beside a sleeper ------------------------------------------------------------------- */

static uint32_t asleep(struct crash *c)
{
        struct weft_pool_info info;
        WEFT_MUST(c, weft_pool_info(pool_of(c), &info));
        return info.waiting;
}

/* Comes once the victim has what there is. */
static int sleep_for_one(struct crash *c)
{
        struct weft_pool_object o;
        while (census_of(c).free)
                usleep(100);
        return weft_pool_get(pool_of(c), &o, weft_after(60 * WEFT_SEC));
}

static int sleep_for_that(struct crash *c)
{
        struct weft_pool_object o;
        while (!c->note->value[HAD + 2])
                usleep(100);
        return weft_pool_claim(pool_of(c), c->note->value[HAD + 2], &o,
                               weft_after(60 * WEFT_SEC));
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        sleeper_start(c, c->self->victim == op_give ? sleep_for_that : sleep_for_one);
}

static void prepare_before_sleeper(struct crash *c)
{
        prepare(c);
        while (asleep(c) != 1)
                usleep(100);
        usleep(500); /* counted in, and now asleep */
}

/* He claims the last of those that the victim got; it is given. */
static void op_give_last(struct crash *c)
{
        c->note->rc = weft_pool_give(pool_of(c), c->note->value[HAD + 2]);
}

/* Whatever has become of the victim: he gets one, or hears that his is gone. */
static void survive_sleeper(struct crash *c)
{
        if (c->how == CRASH_KILLED || c->note->done) {
                int rc = sleeper_must_wake(c);
                CRASH_MUST(c, CRASH_BROKEN,
                           rc == 0 || (rc == -ENOENT && c->self->victim == op_give_last));
        }
        (void)census_of(c);
}

static void verify_slept(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 0);
        sleeper_end(c);
        CRASH_MUST(c, CRASH_LOST, census_of(c).transit <= 1);
        CRASH_MUST(c, CRASH_BROKEN, weft_pool_reclaim_all(pool_of(c)) >= 0);
        CRASH_MUST(c, CRASH_LOST, census_of(c).free == options_of(c)->count);
        end(c);
}

static void setup_claimer(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_for_that);
}

/* ---- all of them ------------------------------------------------------------------------- */

#define MADE(name_, options, open_, prepare_, victim_, setup_, flags_) \
        { \
                .name = "pool/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = survive_made, .verify = verify_made, .more = (options), \
                .flags = (flags_) \
        }
#define CASE(name_, options, prepare_, victim_, verify_, ...) \
        { \
                .name = "pool/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_pool, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = (verify_), .more = (options), \
                .arg = { __VA_ARGS__ } \
        }
#define SLEEPER(name_, setup_, victim_) \
        { \
                .name = "pool/sleeper/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_pool, .prepare = prepare_before_sleeper, \
                .victim = (victim_), .survive = survive_sleeper, .verify = verify_slept, \
                .more = &three, .flags = CRASH_KEEP_HOST | CRASH_REAL, \
                .arg = { 3 } \
        }

static const struct crash_case cases[] = {
        MADE("create", &three, weft_kit_open, weft_kit_join, op_create, weft_kit_create,
             0),
        MADE("open", &three, weft_kit_open, NULL, op_open, setup, CRASH_NO_RECOVER),

        CASE("get/first", &three, prepare, op_get, verify_done, 0),
        CASE("get/joining", &three, prepare_to_join, op_get, verify_done, 0),
        CASE("get/its last", &three, prepare_used, op_get, verify_done, 1),
        CASE("get/the only one", &three, prepare_used, op_get, verify_may_fail, 2),
        CASE("get/none", &three, prepare, op_get, verify_empty, 3),
        CASE("get/in doubt", &three, prepare_doubt, op_get, verify_may_fail, 1),
        CASE("get/waiting", &three, prepare_to_wait, op_get_wait, verify_empty, 3),
        CASE("get/growing", &grows, prepare, op_get, verify_may_fail, 2),
        CASE("get/a dead one has all", &three, prepare, op_get, verify_may_fail, 0, 0, 0,
             3),
        CASE("get_n/3 of 3", &three, prepare, op_get_n, verify_done, 0),
        CASE("get_n/1 of 3", &three, prepare, op_get_n, verify_may_fail, 2),
        CASE("select/2", &three, prepare, op_select, verify_done, 1),
        CASE("put/one of 2", &three, prepare, op_put, verify_done, 2),
        CASE("put/joined only", &three, prepare_cleared, op_put, verify_done, 3),
        CASE("put/bit cleared", &three, prepare_cleared, op_put, verify_done, 1, 1),
        CASE("put_n/2", &three, prepare_cleared, op_put_n, verify_done, 2),
        CASE("give", &three, prepare, op_give, verify_done, 2),
        CASE("claim", &three, prepare, op_claim, verify_done, 0, 2),
        CASE("reclaim", &three, prepare_cleared, op_reclaim, verify_done, 1, 2),
        CASE("reclaim_all", &three, prepare, op_reclaim_all, verify_done, 0, 3),
        CASE("looking", &three, prepare, op_look, verify_done, 1, 1),
        CASE("leave/holding 2", &three, prepare, op_leave, verify, 2),
        CASE("leave/grown", &grows, prepare, op_leave, verify, 3),
        CASE("close/holding 2", &three, prepare, op_close, verify, 2),
        CASE("recover/2", &three, prepare_cleared, op_recover, verify_done, 0, 0, 0, 2),

        CASE("quarantine/get", &aside, prepare, op_get, verify_done, 1),
        CASE("quarantine/put", &aside, prepare, op_put, verify_done, 2),
        CASE("quarantine/give", &aside, prepare, op_give, verify_done, 2),
        CASE("quarantine/claim", &aside, prepare, op_claim, verify_done, 0, 1),
        CASE("quarantine/leave", &aside, prepare, op_leave, verify, 2),
        CASE("quarantine/recover", &aside, prepare, op_recover, verify_done, 0, 0, 0, 2),
        CASE("quarantine/inspect, free", &aside, prepare, op_inspect_free, verify_done, 0,
             0, 2),
        CASE("quarantine/inspect, keep", &aside, prepare, op_inspect_keep, verify_done, 0,
             0, 2),
        CASE("quarantine/inspect, hold", &aside, prepare, op_inspect_hold, verify_done, 0,
             0, 2),
        CASE("quarantine/get inspecting", &aside, prepare, op_get_inspecting,
             verify_may_fail, 1, 0, 2),

        SLEEPER("put", setup_sleeper, op_put),
        SLEEPER("close", setup_sleeper, op_close),
        SLEEPER("give", setup_claimer, op_give_last),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
