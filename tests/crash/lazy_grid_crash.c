/* tests/crash/lazy_grid_crash.c -- two in the middle of the same lazy, and a third.
 *
 * Forced by two, reset under who forces: what comes is whole and its own; the blocks of what
 * was reset have gone. Who stands computing holds the others up: by its nature. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <weft/lazy.h>
#include <weft/object.h>

#include "tests/harness/grid.h"
#include "tests/harness/weft_kit.h"

enum { BYTES = 200 };

static weft_lazy_t *lazy_of(const struct crash *c)
{
        return c->handle;
}

static int64_t fill(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        (void)in, (void)n, (void)argument;
        if (room < BYTES)
                return -EOVERFLOW;
        memset(out, 'l', BYTES);
        return BYTES;
}

WEFT_FUNCTION_CHUNK("grid fill", fill, WEFT_TYPE_NONE, WEFT_TYPE_BYTES)

static int force(struct crash *c)
{
        char value[BYTES];
        int64_t n = weft_lazy_force(lazy_of(c), value, sizeof value, WEFT_NOW);
        if (n < 0)
                return (int)n;
        CRASH_MUST(c, CRASH_BROKEN, n == BYTES);
        for (int i = 0; i < BYTES; i++)
                CRASH_MUST(c, CRASH_BROKEN, value[i] == 'l');
        return 0;
}

static void setup(struct crash *c)
{
        weft_lazy_t *lazy;
        weft_kit_create(c);
        WEFT_MUST(c, weft_lazy_create(arena_of(c), "l", "grid fill", NULL, 0, &lazy));
        c->handle = lazy;
        if (c->self->arg[0])
                WEFT_MUST(c, force(c));
}

static void open_it(struct crash *c)
{
        weft_lazy_t *lazy;
        weft_kit_open(c);
        WEFT_MUST(c, weft_lazy_open(arena_of(c), "l", &lazy));
        c->handle = lazy;
}

/* ---- A and B ------------------------------------------------------------------- */

static void join(struct crash *c)
{
        weft_kit_join(c);
        (void)!weft_lazy_peek(lazy_of(c), NULL, 0);
}

static void force_it(struct crash *c)
{
        int rc = force(c);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN);
}

static void reset(struct crash *c)
{
        int rc = weft_lazy_reset(lazy_of(c));
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EBUSY);
}

static void reset_and_force(struct crash *c)
{
        reset(c);
        force_it(c);
}

static void view(struct crash *c)
{
        struct weft_lazy_view v;
        char value[BYTES];
        int rc = weft_lazy_view(lazy_of(c), &v, WEFT_NOW);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EAGAIN);
        if (rc)
                return;
        memcpy(value, v.at, sizeof value);
        rc = weft_lazy_view_end(lazy_of(c), &v);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ESTALE);
        for (int i = 0; i < BYTES && !rc; i++)
                CRASH_MUST(c, CRASH_BROKEN, value[i] == 'l');
}

/* ---- the third ------------------------------------------------------------------- */

static void survive(struct crash *c)
{
        force_it(c);
        reset(c);
        force_it(c);
}

static void verify(struct crash *c)
{
        struct weft_lazy_info info;
        CRASH_MUST(c, CRASH_WEDGED, force(c) == 0);
        WEFT_MUST(c, weft_lazy_reset(lazy_of(c)));
        CRASH_MUST(c, CRASH_WEDGED, force(c) == 0);
        WEFT_MUST(c, weft_lazy_info(lazy_of(c), &info));
        CRASH_MUST(c, CRASH_LEAKED, info.waiting == 0 && info.state == WEFT_LAZY_DONE);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "l"));
        weft_lazy_close(lazy_of(c));
        weft_kit_nothing_left(c, 0);
}

#define GRID(name_, a_, b_, done) \
        { \
                .a = { .name = "lazy/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup, \
                       .open = open_it, \
                       .prepare = join, \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .arg = { (done) } }, \
                .prepare_b = join, .b = (b_) \
        }

static const struct grid_case cases[] = {
        GRID("new: force, force", force_it, force_it, 0),
        GRID("new: force, reset", force_it, reset, 0),
        GRID("done: force, reset", force_it, reset, 1),
        GRID("done: view, reset and force", view, reset_and_force, 1),
        GRID("done: reset, reset", reset, reset, 1),
        GRID("done: reset, force", reset, force_it, 1),
        GRID("done: reset and force, both", reset_and_force, reset_and_force, 1),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
