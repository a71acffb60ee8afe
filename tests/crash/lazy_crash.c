/* tests/crash/lazy_crash.c -- lazies made, forced and reset, interrupted anywhere.
 *
 * Whoever dies computing is replaced; two never compute at the same time; what was computed
 * is there for all, whole, until it is reset. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <weft/lazy.h>
#include <weft/object.h>

#include "tests/harness/sleeper.h"

enum { RAN, RC, SLEPT_RAN }; /* places in the note: how often did the victim compute? */
enum { I_RAN };
enum { SMALL = 8, BIG = 200 };

static struct crash *here; /* of this process */
static bool is_victim;

static weft_lazy_t *lazy_of(const struct crash *c)
{
        return c->handle;
}

static void count(void)
{
        if (is_victim)
                here->note->value[RAN]++;
        else
                here->word[I_RAN]++;
}

static int64_t small(const void *in, size_t n, void *out, size_t room,
                     const void *argument)
{
        (void)in, (void)n, (void)room, (void)argument;
        memset(out, 'l', SMALL);
        count();
        return SMALL;
}

static int64_t big(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        (void)in, (void)n, (void)argument;
        if (room < BIG)
                return -EOVERFLOW;
        memset(out, 'l', BIG);
        count();
        return BIG;
}

static int64_t no(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        (void)in, (void)n, (void)out, (void)room, (void)argument;
        count();
        return -EIO;
}

static int64_t die(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        (void)in, (void)n, (void)out, (void)room, (void)argument;
        raise(SIGKILL);
        return 0;
}

static const char *the_function = "crash small"; /* what "crash any" does here */

static int64_t any(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        const struct weft_function *f;
        int rc = weft_function_find(the_function, &f);
        return rc ? rc : weft_function_call(f, in, n, out, room, argument);
}

/* Forces another one: what it needs is written down meanwhile. */
static int64_t inner(const void *in, size_t n, void *out, size_t room,
                     const void *argument)
{
        weft_lazy_t *lazy;
        (void)in, (void)n, (void)argument;
        WEFT_MUST(here, weft_lazy_open(arena_of(here), "o", &lazy));
        int64_t rc = weft_lazy_force(lazy, out, room, weft_after(2 * WEFT_SEC));
        weft_lazy_close(lazy);
        return rc;
}

#define NOTHING WEFT_TYPE_NONE
WEFT_FUNCTION_CHUNK("crash small", small, NOTHING, WEFT_TYPE_BYTES)
WEFT_FUNCTION_CHUNK("crash big", big, NOTHING, WEFT_TYPE_BYTES)
WEFT_FUNCTION_CHUNK("crash no", no, NOTHING, WEFT_TYPE_BYTES)
WEFT_FUNCTION_CHUNK("crash die", die, NOTHING, WEFT_TYPE_BYTES)
WEFT_FUNCTION_CHUNK("crash any", any, NOTHING, WEFT_TYPE_BYTES)
WEFT_FUNCTION_CHUNK("crash inner", inner, NOTHING, WEFT_TYPE_BYTES)
WEFT_FUNCTION_CHUNK("crash same", big, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

/* 'l', or the error. */
static int force(struct crash *c, weft_lazy_t *lazy, uint64_t deadline)
{
        char value[BIG];
        int64_t n = weft_lazy_force(lazy, value, sizeof value, deadline);
        if (n < 0)
                return (int)n;
        CRASH_MUST(c, CRASH_BROKEN, n == SMALL || n == BIG);
        for (int64_t i = 0; i < n; i++)
                CRASH_MUST(c, CRASH_BROKEN, value[i] == 'l');
        return 'l';
}

/* ---- what was there before ------------------------------------------------------ */

static void setup(struct crash *c)
{
        weft_lazy_t *lazy;
        here = c;
        weft_kit_create(c);
        WEFT_MUST(c, weft_lazy_create(arena_of(c), "o", (const char *)c->self->more, "a",
                                      2, &lazy));
        c->handle = lazy;
}

static void setup_done(struct crash *c)
{
        setup(c);
        (void)force(c, lazy_of(c), WEFT_NOW);
}

static void setup_mapped(struct crash *c)
{
        weft_lazy_t *lazy;
        setup(c);
        WEFT_MUST(c, weft_lazy_map(lazy_of(c), "m", "crash same", NULL, 0, &lazy));
}

static void setup_outer(struct crash *c)
{
        weft_lazy_t *lazy;
        setup(c);
        WEFT_MUST(c, weft_lazy_create(arena_of(c), "m", "crash inner", NULL, 0, &lazy));
}

static void open_lazy(struct crash *c)
{
        weft_lazy_t *lazy;
        here = c;
        weft_kit_open(c);
        WEFT_MUST(c, weft_lazy_open(arena_of(c), "o", &lazy));
        c->handle = lazy;
}

static void prepare(struct crash *c)
{
        is_victim = true;
        weft_kit_join(c);
        (void)!weft_lazy_peek(lazy_of(c), NULL, 0);
}

static void die_in_it(struct crash *c)
{
        the_function = "crash die";
        (void)force(c, lazy_of(c), WEFT_NOW);
}

static void prepare_corpse(struct crash *c)
{
        is_victim = true;
        weft_kit_corpse(c, die_in_it);
}

static weft_lazy_t *other;

static void prepare_other(struct crash *c)
{
        prepare(c);
        WEFT_MUST(c, weft_lazy_open(arena_of(c), "m", &other));
}

/* ---- the operations ---------------------------------------------------------------- */

static void op_force(struct crash *c)
{
        c->note->rc = force(c, lazy_of(c), WEFT_NOW);
}

static void op_force_other(struct crash *c)
{
        c->note->rc = force(c, other, WEFT_NOW);
}

static void op_peek(struct crash *c)
{
        char value[BIG];
        int64_t n = weft_lazy_peek(lazy_of(c), value, sizeof value);
        c->note->rc = n < 0 ? n : value[0];
}

static void op_view(struct crash *c)
{
        struct weft_lazy_view view;
        c->note->rc = weft_lazy_view(lazy_of(c), &view, WEFT_NOW);
        if (c->note->rc)
                return;
        c->note->rc = *(const char *)view.at;
        WEFT_MUST(c, weft_lazy_view_end(lazy_of(c), &view));
}

static void op_reset(struct crash *c)
{
        c->note->rc = weft_lazy_reset(lazy_of(c));
}

static void op_close(struct crash *c)
{
        weft_lazy_close(lazy_of(c));
}

static void op_create(struct crash *c)
{
        c->note->rc = weft_lazy_create_or_open(arena_of(c), "m", "crash small", "abc", 3,
                                               &other);
}

static void op_map(struct crash *c)
{
        c->note->rc = weft_lazy_map(lazy_of(c), "m", "crash same", NULL, 0, &other);
}

/* ---- the others ---------------------------------------------------------------------- */

static int wanted(const struct crash *c)
{
        return strcmp((const char *)c->self->more, "crash no") == 0 ? -EIO : 'l';
}

/* It is computed, has been, or a stopped one is at it. */
static void survive(struct crash *c)
{
        int is = force(c, lazy_of(c), WEFT_NOW);
        CRASH_MUST(c, CRASH_WEDGED,
                   is == wanted(c) || (is == -EAGAIN && c->how == CRASH_STOPPED));
}

static void end_all(struct crash *c)
{
        struct weft_lazy_info info;
        WEFT_MUST(c, weft_lazy_info(lazy_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0 && info.state != WEFT_LAZY_RUNNING);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "o"));
        int rc = weft_object_remove(arena_of(c), "m");
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        weft_lazy_close(lazy_of(c));
        weft_lazy_close(other);
        weft_kit_nothing_left(c, 0);
}

/* One of them has computed it, once; the victim's, if he came to an end. */
static void verify_forced(struct crash *c)
{
        CRASH_MUST(c, CRASH_LOST, force(c, lazy_of(c), WEFT_NOW) == wanted(c));
        uint64_t his = c->note->value[RAN], mine = c->word[I_RAN];
        if (c->note->done) {
                CRASH_MUST(c, CRASH_BROKEN, c->note->rc == wanted(c));
                CRASH_MUST(c, CRASH_DUPLICATED, his + mine == 1);
        }
        CRASH_MUST(c, CRASH_DUPLICATED, his <= 1 && mine <= 1);
        CRASH_MUST(c, CRASH_LOST, his + mine >= 1);
        end_all(c);
}

/* It had been computed: nobody does it again. */
static void verify_done(struct crash *c)
{
        CRASH_MUST(c, CRASH_LOST, force(c, lazy_of(c), WEFT_NOW) == wanted(c));
        CRASH_MUST(c, CRASH_DUPLICATED, !c->note->value[RAN] && !c->word[I_RAN]);
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == wanted(c) || c->note->rc == 0);
        end_all(c);
}

static void verify_reset(struct crash *c)
{
        int is = force(c, lazy_of(c), WEFT_NOW);
        CRASH_MUST(c, CRASH_LOST, is == wanted(c));
        if (c->note->done && c->note->rc == 0)
                CRASH_MUST(c, CRASH_LOST, c->word[I_RAN] >= 1);
        CRASH_MUST(c, CRASH_DUPLICATED, c->word[I_RAN] <= 2);
        struct weft_lazy_info info;
        WEFT_MUST(c, weft_lazy_info(lazy_of(c), &info));
        CRASH_MUST(c, CRASH_DUPLICATED, info.resets <= 1);
        CRASH_MUST(c, CRASH_LOST, !c->note->done || info.resets == 1);
        end_all(c);
}

static void survive_other(struct crash *c)
{
        WEFT_MUST(c, weft_lazy_open(arena_of(c), "m", &other));
        int is = force(c, other, WEFT_NOW);
        CRASH_MUST(c, CRASH_WEDGED,
                   is == 'l' || (is == -EAGAIN && c->how == CRASH_STOPPED));
}

/* Both of them, in the end; who waited for nobody needs nobody. */
static void verify_other(struct crash *c)
{
        CRASH_MUST(c, CRASH_LOST, force(c, other, WEFT_NOW) == 'l');
        CRASH_MUST(c, CRASH_LOST, force(c, lazy_of(c), WEFT_NOW) == 'l');
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 'l');
        end_all(c);
}

static void verify_made(struct crash *c)
{
        int rc = weft_lazy_open(arena_of(c), "m", &other);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        if (c->note->done)
                CRASH_MUST(c, CRASH_LOST, rc == 0 && c->note->rc == 0);
        if (rc == 0)
                CRASH_MUST(c, CRASH_BROKEN, force(c, other, WEFT_NOW) == 'l');
        end_all(c);
}

/* ---- beside a sleeper ------------------------------------------------------------------- */

static uint32_t asleep(struct crash *c)
{
        struct weft_lazy_info info;
        WEFT_MUST(c, weft_lazy_info(lazy_of(c), &info));
        return info.waiting;
}

/* Once the victim computes. */
static int sleep_on_it(struct crash *c)
{
        while (!c->note->value[RC])
                usleep(100);
        int is = force(c, lazy_of(c), weft_after(60 * WEFT_SEC));
        c->note->value[SLEPT_RAN] = c->word[I_RAN];
        return is;
}

/* Somebody goes to sleep while the victim is in it. */
static int64_t slow(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        here->note->value[RC] = 1;
        if (is_victim)
                while (!asleep(here))
                        usleep(100);
        return small(in, n, out, room, argument);
}

WEFT_FUNCTION_CHUNK("crash slow", slow, NOTHING, WEFT_TYPE_BYTES)

static void setup_sleeper(struct crash *c)
{
        setup(c);
        sleeper_start(c, sleep_on_it);
}

static void survive_sleeper(struct crash *c)
{
        c->note->value[RC] = 1; /* the victim may never have come so far */
        CRASH_MUST(c, CRASH_BROKEN, sleeper_must_wake(c) == 'l');
        CRASH_MUST(c, CRASH_WEDGED, force(c, lazy_of(c), WEFT_NOW) == 'l');
        CRASH_MUST(c, CRASH_DUPLICATED, c->word[I_RAN] == 0);
        if (c->note->done)
                CRASH_MUST(c, CRASH_DUPLICATED, c->note->value[SLEPT_RAN] == 0);
        CRASH_MUST(c, CRASH_LOST, c->note->value[SLEPT_RAN] || c->note->value[RAN]);
}

static void verify_sleeper(struct crash *c)
{
        sleeper_end(c);
        end_all(c);
}

#define CASE(name_, function, setup_, prepare_, victim_, survive_, verify_, flags_) \
        { \
                .name = "lazy/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_lazy, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .flags = (flags_), \
                .more = (function) \
        }

static const struct crash_case cases[] = {
        CASE("create/beside another", "crash small", setup, prepare, op_create, survive,
             verify_made, 0),
        CASE("map/new", "crash small", setup, prepare, op_map, survive, verify_made, 0),
        CASE("force/small", "crash small", setup, prepare, op_force, survive,
             verify_forced, 0),
        CASE("force/big", "crash big", setup, prepare, op_force, survive, verify_forced,
             0),
        CASE("force/failing", "crash no", setup, prepare, op_force, survive,
             verify_forced, 0),
        CASE("force/its computer is dead", "crash any", setup, prepare_corpse, op_force,
             survive, verify_forced, CRASH_NO_RECOVER),
        CASE("force/done", "crash big", setup_done, prepare, op_force, survive,
             verify_done, 0),
        CASE("force/mapped", "crash small", setup_mapped, prepare_other, op_force_other,
             survive_other, verify_other, 0),
        CASE("force/one in the other", "crash big", setup_outer, prepare_other,
             op_force_other, survive_other, verify_other, 0),
        CASE("peek/done", "crash big", setup_done, prepare, op_peek, survive, verify_done,
             0),
        CASE("view/done", "crash big", setup_done, prepare, op_view, survive, verify_done,
             0),
        CASE("reset/small", "crash small", setup_done, prepare, op_reset, survive,
             verify_reset, 0),
        CASE("reset/big", "crash big", setup_done, prepare, op_reset, survive,
             verify_reset, 0),
        CASE("reset/failed", "crash no", setup_done, prepare, op_reset, survive,
             verify_reset, 0),
        CASE("close/done", "crash big", setup_done, prepare, op_close, survive,
             verify_done, 0),
        CASE("sleeper/force", "crash slow", setup_sleeper, prepare, op_force,
             survive_sleeper, verify_sleeper,
             CRASH_KEEP_HOST | CRASH_REAL | CRASH_NO_STOP),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
