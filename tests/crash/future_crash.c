/* tests/crash/future_crash.c -- futures made, set, got, cancelled and dropped, interrupted
 * anywhere.
 *
 * It ends once, whole, whoever dies; what was promised by the dead is told; nothing is left
 * of what nobody has open. */
#define _GNU_SOURCE
#include "tests/crash/future_kit.h"
#include "tests/harness/sleeper.h"

enum { TOKEN, RAN, FIRST }; /* places in the note */
enum { MINE };              /* in word[]: what the survivor's own set came to */

static int add_one(const void *in, void *out, const void *argument)
{
        const char *value = in;
        (void)argument;
        char next[SMALL];
        memset(next, value[0] + 1, sizeof next);
        memcpy(out, next, sizeof next);
        return 0;
}

WEFT_FUNCTION_ITEM("crash next", add_one, WEFT_TYPE(uint64_t, NULL),
                   WEFT_TYPE(uint64_t, NULL))

/* As long as a value that needs a block. */
static int64_t repeat(const void *in, size_t n, void *out, size_t room,
                      const void *argument)
{
        const char *value = in;
        (void)n, (void)argument;
        if (room < BIG)
                return -EOVERFLOW;
        memset(out, value[0] + 1, BIG);
        return BIG;
}

WEFT_FUNCTION_CHUNK("crash repeat", repeat, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

/* ---- what was there before ------------------------------------------------------ */

static void setup_set(struct crash *c)
{
        future_setup(c);
        WEFT_MUST(c, future_fill(future_of(c), 'h', c->self->arg[0]));
}

static void prepare_promised(struct crash *c)
{
        WEFT_MUST(c, weft_future_produce(future_of(c)));
}

static void promise(struct crash *c)
{
        WEFT_MUST(c, weft_future_produce(future_of(c)));
}

static void prepare_corpse(struct crash *c)
{
        weft_kit_corpse(c, promise);
}

static void prepare_joined(struct crash *c)
{
        weft_kit_join(c);
        CRASH_MUST(c, CRASH_BROKEN, weft_future_try(future_of(c), NULL, 0) != -EINVAL);
}

static void prepare_block(struct crash *c)
{
        weft_ref_t ref;
        void *at;
        WEFT_MUST(c, weft_block_alloc(arena_of(c), BIG, &ref, &at));
        memset(at, 'v', BIG);
        c->note->value[FIRST] = ref.v;
}

/* ---- the operations ---------------------------------------------------------------- */

static void op_set(struct crash *c)
{
        c->note->rc = future_fill(future_of(c), 'v', c->self->arg[0]);
}

static void op_set_block(struct crash *c)
{
        weft_ref_t ref = { c->note->value[FIRST] };
        c->note->rc = weft_future_set_block(future_of(c), ref, BIG);
}

static void op_fail(struct crash *c)
{
        c->note->rc = weft_future_set_error(future_of(c), -EIO);
}

static void op_cancel(struct crash *c)
{
        c->note->rc = weft_future_cancel(future_of(c));
}

static void op_promise(struct crash *c)
{
        c->note->rc = weft_future_produce(future_of(c));
}

static void op_promise_and_set(struct crash *c)
{
        c->note->rc = weft_future_produce(future_of(c));
        if (c->note->rc == 0)
                op_set(c);
}

static void op_abandon(struct crash *c)
{
        c->note->rc = weft_future_abandon(future_of(c));
}

static void op_get(struct crash *c)
{
        c->note->rc = future_whose(c, future_of(c), WEFT_NOW);
}

static void op_view(struct crash *c)
{
        const void *at;
        int64_t n = weft_future_view(future_of(c), &at, WEFT_NOW);
        c->note->rc = n < 0 ? n : *(const char *)at;
}

static void op_close(struct crash *c)
{
        weft_future_close(future_of(c));
}

static void op_create(struct crash *c)
{
        weft_future_t *f;
        c->note->rc =
                weft_future_create(arena_of(c), c->self->arg[1] ? "x" : NULL, NULL, &f);
        if (c->note->rc == 0 && c->self->arg[0])
                WEFT_MUST(c, future_fill(f, 'v', c->self->arg[0]));
}

static void op_create_and_close(struct crash *c)
{
        weft_future_t *f;
        c->note->rc = weft_future_create(arena_of(c), NULL, NULL, &f);
        if (c->note->rc == 0) {
                WEFT_MUST(c, future_fill(f, 'v', BIG));
                weft_future_close(f);
        }
}

static void op_open(struct crash *c)
{
        weft_future_t *f;
        c->note->rc = weft_future_open(arena_of(c), "f", &f);
}

/* ---- the others ---------------------------------------------------------------------- */

/* He would set it, too. Who stands before his promise holds him off; nobody else does. */
static void survive_set(struct crash *c)
{
        int rc = future_fill(future_of(c), 's', BIG);
        c->word[MINE] = rc == 0;
        if (rc == -EPERM)
                CRASH_MUST(c, CRASH_WEDGED, c->how == CRASH_STOPPED && c->self->arg[1]);
        else
                CRASH_MUST(c, CRASH_BROKEN,
                           rc == 0 || rc == -EALREADY || rc == -ECANCELED);
        if (rc == 0)
                CRASH_MUST(c, CRASH_LOST, future_whose(c, future_of(c), WEFT_NOW) == 's');
        if (rc != -EPERM)
                CRASH_MUST(c, CRASH_LOST,
                           future_whose(c, future_of(c), WEFT_NOW) != -EAGAIN);
}

/* One of them has set it, and who has not was told so. */
static void verify_set(struct crash *c)
{
        bool mine = c->word[MINE];
        int is = future_whose(c, future_of(c), WEFT_NOW);
        if (mine)
                CRASH_MUST(c, CRASH_LOST, is == 's');
        else if (c->self->arg[1])
                CRASH_MUST(c, CRASH_LOST, is == 'v' || is == -EOWNERDEAD);
        else
                CRASH_MUST(c, CRASH_LOST, is == 'v');
        if (c->note->done)
                CRASH_MUST(c, CRASH_DUPLICATED, (c->note->rc == 0) == (is == 'v'));
        future_end_all(c);
}

static void verify_ended_with(struct crash *c)
{
        int is = future_whose(c, future_of(c), WEFT_NOW), wanted = (int)c->self->arg[2];
        CRASH_MUST(c, CRASH_LOST, is == (c->word[MINE] ? 's' : wanted));
        if (c->note->done)
                CRASH_MUST(c, CRASH_DUPLICATED, (c->note->rc == 0) == (is == wanted));
        future_end_all(c);
}

/* He promised, and died or went on: the others are told, or set it. */
static void verify_promised(struct crash *c)
{
        int is = future_whose(c, future_of(c), WEFT_NOW);
        if (c->word[MINE])
                CRASH_MUST(c, CRASH_LOST, is == 's');
        else
                CRASH_MUST(c, CRASH_LOST, is == -EOWNERDEAD);
        if (c->note->done && c->note->rc == 0)
                CRASH_MUST(c, CRASH_LOST, is == -EOWNERDEAD || c->self->arg[3]);
        future_end_all(c);
}

/* It was taken back; or broken. */
static void verify_abandoned(struct crash *c)
{
        int is = future_whose(c, future_of(c), WEFT_NOW);
        CRASH_MUST(c, CRASH_LOST,
                   c->word[MINE] ? is == 's' : is == -EOWNERDEAD || is == -EAGAIN);
        if (is == -EAGAIN)
                WEFT_MUST(c, weft_future_cancel(future_of(c)));
        future_end_all(c);
}

/* A corpse had promised it: it has failed, for all. */
static void verify_dead(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == -EOWNERDEAD ||
                           c->note->rc == -EAGAIN || c->note->rc == -EALREADY);
        CRASH_MUST(c, CRASH_LOST, future_whose(c, future_of(c), WEFT_NOW) == -EOWNERDEAD);
        future_end_all(c);
}

static void survive_there(struct crash *c)
{
        CRASH_MUST(c, CRASH_LOST, future_whose(c, future_of(c), WEFT_NOW) == 'h');
}

static void verify_there(struct crash *c)
{
        survive_there(c);
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 'h');
        future_end_all(c);
}

static void verify_still_there(struct crash *c)
{
        survive_there(c);
        future_end_all(c);
}

/* Beside one that is made: another is made, and goes. */
static void survive_made(struct crash *c)
{
        weft_future_t *f;
        WEFT_MUST(c, weft_future_create(arena_of(c), NULL, NULL, &f));
        WEFT_MUST(c, future_fill(f, 's', BIG));
        CRASH_MUST(c, CRASH_BROKEN, future_whose(c, f, WEFT_NOW) == 's');
        weft_future_close(f);
}

/* And nothing is left of it. */
static void verify_made(struct crash *c)
{
        weft_future_t *f;
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 0);
        CRASH_MUST(c, CRASH_LEAKED, weft_future_open(arena_of(c), "x", &f) == -ENOENT);
        WEFT_MUST(c, weft_future_cancel(future_of(c)));
        future_end_all(c);
}

/* ---- what comes next ------------------------------------------------------------------ */

/* The host has the next one open; f is set, or not. */
static void setup_next(struct crash *c)
{
        weft_future_t *next;
        future_setup(c);
        WEFT_MUST(c, weft_future_then(future_of(c), (const char *)c->self->more, "a", 1,
                                      NULL, &next));
        c->note->value[TOKEN] = weft_future_token(next);
        WEFT_MUST(c, future_fill(future_of(c), 'h', SMALL));
}

static weft_future_t *open_next(struct crash *c)
{
        weft_future_t *next = NULL;
        WEFT_MUST(c, weft_future_open_token(arena_of(c), c->note->value[TOKEN], &next));
        return next;
}

static weft_future_t *the_next;

static void prepare_next(struct crash *c)
{
        the_next = open_next(c);
}

static void op_get_next(struct crash *c)
{
        c->note->rc = future_whose(c, the_next, WEFT_NOW);
}

static void op_open_next(struct crash *c)
{
        weft_future_t *next;
        c->note->rc = weft_future_open_token(arena_of(c), c->note->value[TOKEN], &next);
}

static void op_close_next(struct crash *c)
{
        weft_future_close(the_next);
        c->note->rc = 'i';
}

static void op_then(struct crash *c)
{
        weft_future_t *next;
        c->note->rc =
                weft_future_then(future_of(c), "crash next", "argument", 9, NULL, &next);
        if (c->note->rc == 0)
                c->note->rc = future_whose(c, next, WEFT_NOW);
}

/* Computed once more if he was killed at it; who stands at it is waited for. */
static void survive_next(struct crash *c)
{
        weft_future_t *next = open_next(c);
        int is = future_whose(c, next, WEFT_NOW);
        CRASH_MUST(c, CRASH_LOST,
                   is == 'i' || (is == -EAGAIN && c->how == CRASH_STOPPED));
        weft_future_close(next);
}

static void verify_next(struct crash *c)
{
        weft_future_t *next;
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 'i' || c->note->rc == 0);
        CRASH_MUST(c, CRASH_LEAKED,
                   weft_future_open_token(arena_of(c), c->note->value[TOKEN], &next) ==
                           -ENOENT);
        verify_still_there(c);
}

static void verify_then(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 'i');
        verify_still_there(c);
}

/* ---- several -------------------------------------------------------------------------- */

static void op_all(struct crash *c)
{
        weft_future_t *all[] = { future_of(c), future_of(c) };
        c->note->rc = weft_future_all(all, 2, WEFT_NOW) == 0 ? 'h' : -EIO;
}

static void op_any(struct crash *c)
{
        weft_future_t *all[] = { future_of(c), future_of(c) };
        c->note->rc = weft_future_any(all, 2, WEFT_NOW) >= 0 ? 'h' : -EIO;
}

/* ---- beside a sleeper ------------------------------------------------------------------- */

static int sleep_on_it(struct crash *c)
{
        return future_whose(c, future_of(c), weft_after(60 * WEFT_SEC));
}

static uint32_t asleep(struct crash *c)
{
        struct weft_future_info info;
        WEFT_MUST(c, weft_future_info(future_of(c), &info));
        return info.waiting;
}

static void setup_sleeper(struct crash *c)
{
        future_setup(c);
        sleeper_start(c, sleep_on_it);
        sleeper_sleeps(c, asleep);
}

/* Who waits is told: the value, or that the promise is broken. */
static void survive_sleeper(struct crash *c)
{
        survive_set(c);
        int told = sleeper_must_wake(c);
        CRASH_MUST(c, CRASH_BROKEN,
                   told == (c->word[MINE] ? 's' : 'v') ||
                           (c->self->arg[1] && told == -EOWNERDEAD && !c->word[MINE]));
}

static void verify_sleeper(struct crash *c)
{
        sleeper_end(c);
        verify_set(c);
}

/* The victim waits, and the promiser is a corpse. */
static void op_wait_long(struct crash *c)
{
        c->note->rc = future_whose(c, future_of(c), weft_after(20 * WEFT_SEC));
}

static int set_it_soon(struct crash *c)
{
        while (!asleep(c))
                usleep(100);
        usleep(300);
        return future_fill(future_of(c), 'h', SMALL);
}

static void setup_setter(struct crash *c)
{
        future_setup(c);
        sleeper_start(c, set_it_soon);
}

static void verify_waited(struct crash *c)
{
        sleeper_end(c);
        CRASH_MUST(c, CRASH_LOST, !c->note->done || c->note->rc == 'h');
        if (weft_future_cancel(future_of(c)) == 0) /* he died before he slept */
                CRASH_MUST(c, CRASH_LOST, !c->note->done);
        future_end_all(c);
}

#define CASE(name_, setup_, prepare_, victim_, survive_, verify_, bytes, flags_, ...) \
        { \
                .name = "future/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = future_open_it, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .flags = (flags_), \
                .arg = {(bytes), \
                        __VA_ARGS__ } \
        }
#define NEXT(name_, function, prepare_, victim_) \
        { \
                .name = "future/" name_, .kit = &weft_kit, .setup = setup_next, \
                .open = future_open_it, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive_next, .verify = verify_next, \
                .flags = CRASH_KEEP_HOST, .more = (function) \
        }

static const struct crash_case cases[] = {
        CASE("create/anonymous", future_setup, prepare_joined, op_create, survive_made,
             verify_made, 0, 0, 0),
        CASE("create/anonymous, and set", future_setup, prepare_joined, op_create,
             survive_made, verify_made, BIG, 0, 0),
        CASE("create/named", future_setup, prepare_joined, op_create, survive_made,
             verify_made, SMALL, 0, 1),
        CASE("create/set and closed", future_setup, prepare_joined, op_create_and_close,
             survive_made, verify_made, 0, 0, 0),
        CASE("open/there", setup_set, prepare_joined, op_open, survive_there,
             verify_still_there, BIG, 0, 0),
        CASE("set/small", future_setup, prepare_joined, op_set, survive_set, verify_set,
             SMALL, 0, 0),
        CASE("set/joining", future_setup, NULL, op_set, survive_set, verify_set, SMALL,
             CRASH_NO_RECOVER, 0),
        CASE("set/big", future_setup, prepare_joined, op_set, survive_set, verify_set,
             BIG, 0, 0),
        CASE("set/promised, small", future_setup, prepare_promised, op_set, survive_set,
             verify_set, SMALL, 0, 1),
        CASE("set/promised, big", future_setup, prepare_promised, op_set, survive_set,
             verify_set, BIG, 0, 1),
        CASE("set/a block", future_setup, prepare_block, op_set_block, survive_set,
             verify_set, BIG, 0, 0),
        CASE("set/promised by the dead", future_setup, prepare_corpse, op_set, NULL,
             verify_dead, BIG, CRASH_NO_RECOVER, 0),
        CASE("set_error/open", future_setup, prepare_joined, op_fail, survive_set,
             verify_ended_with, 0, 0, 0, (uint64_t)-EIO),
        CASE("cancel/open", future_setup, prepare_joined, op_cancel, survive_set,
             verify_ended_with, 0, 0, 0, (uint64_t)-ECANCELED),
        CASE("produce/open", future_setup, prepare_joined, op_promise, survive_set,
             verify_promised, 0, 0, 1, 0, 0),
        CASE("produce/and set", future_setup, prepare_joined, op_promise_and_set,
             survive_set, verify_set, BIG, 0, 1),
        CASE("abandon/promised", future_setup, prepare_promised, op_abandon, survive_set,
             verify_abandoned, 0, 0, 1),
        CASE("close/promised", future_setup, prepare_promised, op_close, survive_set,
             verify_promised, 0, 0, 1, 0, 1),
        CASE("close/set", setup_set, prepare_joined, op_close, survive_there,
             verify_still_there, BIG, 0, 0),
        CASE("get/small", setup_set, prepare_joined, op_get, survive_there, verify_there,
             SMALL, 0, 0),
        CASE("get/big", setup_set, prepare_joined, op_get, survive_there, verify_there,
             BIG, 0, 0),
        CASE("get/promised by the dead", future_setup, prepare_corpse, op_get, NULL,
             verify_dead, 0, CRASH_NO_RECOVER, 0),
        CASE("view/big", setup_set, prepare_joined, op_view, survive_there, verify_there,
             BIG, 0, 0),
        CASE("all/set", setup_set, prepare_joined, op_all, survive_there, verify_there,
             BIG, CRASH_NO_RECOVER, 0),
        CASE("any/set", setup_set, prepare_joined, op_any, survive_there, verify_there,
             BIG, CRASH_NO_RECOVER, 0),
        CASE("then/set", setup_set, prepare_joined, op_then, survive_there, verify_then,
             SMALL, 0, 0),
        NEXT("next/get, small", "crash next", prepare_next, op_get_next),
        NEXT("next/get, big", "crash repeat", prepare_next, op_get_next),
        NEXT("next/open", "crash next", NULL, op_open_next),
        NEXT("next/close", "crash next", prepare_next, op_close_next),
        CASE("sleeper/set", setup_sleeper, prepare_joined, op_set, survive_sleeper,
             verify_sleeper, BIG, CRASH_KEEP_HOST | CRASH_REAL | CRASH_NO_STOP, 0),
        CASE("sleeper/promised and set", setup_sleeper, prepare_joined,
             op_promise_and_set, survive_sleeper, verify_sleeper, SMALL,
             CRASH_KEEP_HOST | CRASH_REAL | CRASH_NO_STOP, 1),
        CASE("wait/until it is set", setup_setter, prepare_joined, op_wait_long, NULL,
             verify_waited, 0, CRASH_KEEP_HOST | CRASH_REAL | CRASH_NO_STOP, 0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
