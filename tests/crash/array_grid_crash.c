/* tests/crash/array_grid_crash.c -- one changes an array, one resizes it, in the middle of
 * each other; or two resize it. Whatever becomes of both, what anybody was told is there,
 * once, and the memory of nobody's is left. */
#include <errno.h>
#include <unistd.h>

#include <weft/array.h>
#include <weft/object.h>

#include "tests/harness/grid.h"
#include "tests/harness/weft_kit.h"

enum { LENGTH = 40, AT = 17, STORED = 100000, ADDED = 1000 };

static weft_array_t *array_of(const struct crash *c)
{
        return c->handle;
}

static void open_array(struct crash *c)
{
        weft_array_t *array;
        weft_kit_open(c);
        WEFT_MUST(c, weft_array_open(arena_of(c), "a", &array));
        c->handle = array;
}

static void setup(struct crash *c)
{
        struct weft_array_options options = { .length = LENGTH, .element_bytes = 8 };
        weft_array_t *array;
        weft_kit_create(c);
        WEFT_MUST(c, weft_array_create(arena_of(c), "a", &options, &array));
        for (uint64_t i = 0; i < LENGTH; i++)
                WEFT_MUST(c, weft_array_store64(array, i, i + 1));
}

static void use(struct crash *c)
{
        uint64_t v;
        weft_kit_join(c);
        WEFT_MUST(c, weft_array_load64(array_of(c), AT, &v));
}

/* ---- the parties ------------------------------------------------------------------ */

static void add(struct crash *c)
{
        c->note->rc = weft_array_add64(array_of(c), AT, ADDED, NULL);
}

static void store(struct crash *c)
{
        c->note->rc = weft_array_store64(array_of(c), AT, STORED);
}

/* An element that nobody changes: what is read is that, or the array has been resized. */
static void load(struct crash *c)
{
        uint64_t v = 0;
        c->note->rc = weft_array_load64(array_of(c), 3, &v);
        if (!c->note->rc)
                CRASH_MUST(c, CRASH_BROKEN, v == 4);
}

static void refresh(struct crash *c)
{
        uint64_t v;
        WEFT_MUST(c, weft_array_refresh(array_of(c)));
        c->note->rc = weft_array_load64(array_of(c), 3, &v);
        if (!c->note->rc)
                CRASH_MUST(c, CRASH_BROKEN, v == 4);
}

static void resize(struct crash *c)
{
        c->note->rc = weft_array_resize(array_of(c), LENGTH + 60, WEFT_NOW);
}

static void resize_less(struct crash *c)
{
        c->note->rc = weft_array_resize(array_of(c), AT + 1, WEFT_NOW);
}

/* ---- the third --------------------------------------------------------------------- */

static void add_own(struct crash *c, uint64_t n)
{
        int rc;
        while ((rc = weft_array_add64(array_of(c), AT, n, NULL)) == -ESTALE)
                WEFT_MUST(c, weft_array_refresh(array_of(c)));
        if (rc)
                crash_fail(c, CRASH_WEDGED, "add: %d", rc);
        c->word[0] += n;
}

static void survive(struct crash *c)
{
        for (uint64_t i = 0; i < 3; i++)
                add_own(c, 1);
}

/* Of one party: what it added to what was there; 0 and `most`, if that is not known. */
static bool is_right(struct crash *c, uint64_t v)
{
        uint64_t own = c->word[0], before = AT + 1;
        const struct crash_note *note =
                c->self->victim == add || c->self->victim == store ? c->note : c->other;
        bool stores = c->self->arg[0] == STORED, adds = c->self->arg[0] == ADDED;
        bool may = stores || adds, must = false;
        if (may && note->done) {
                must = note->rc == 0;
                may = must;
        }
        if (v == before + own && !must)
                return true;
        if (adds)
                return may && v == before + own + ADDED;
        return stores && may && v >= STORED &&
               v <= STORED + own; /* they may come before */
}

static void verify(struct crash *c)
{
        uint64_t v;
        WEFT_MUST(c, weft_array_refresh(array_of(c)));
        for (int round = 0; round < 2; round++) {
                uint64_t length = weft_array_length(array_of(c));
                CRASH_MUST(c, CRASH_BROKEN,
                           length == LENGTH || length == LENGTH + 60 || length == AT + 1);
                for (uint64_t i = 0; i < length && i < LENGTH; i++) {
                        WEFT_MUST(c, weft_array_load64(array_of(c), i, &v));
                        if (i != AT && !(i > AT && v == 0))
                                CRASH_MUST(c, CRASH_LOST, v == i + 1);
                        if (i == AT && !is_right(c, v))
                                crash_fail(c, CRASH_LOST, "it is %llu, with %llu added",
                                           (unsigned long long)v,
                                           (unsigned long long)c->word[0]);
                }
                WEFT_MUST(c, weft_array_resize(array_of(c), LENGTH, WEFT_NOW));
        }
        weft_array_close(array_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "a"));
        weft_kit_nothing_left(c, 0);
}

#define GRID(name_, a_, b_, arg_) \
        { \
                .a = { .name = "array/" name_, \
                       .kit = &weft_kit, \
                       .setup = setup, \
                       .open = open_array, \
                       .prepare = use, \
                       .victim = (a_), \
                       .survive = survive, \
                       .verify = verify, \
                       .arg = { (arg_) } }, \
                .prepare_b = use, .b = (b_), .idle = 200000 \
        }

static const struct grid_case cases[] = {
        GRID("add64 | resize", add, resize, ADDED),
        GRID("store64 | resize", store, resize_less, STORED),
        GRID("load64 | resize", load, resize, 0),
        GRID("refresh | resize", refresh, resize, 0),
        GRID("resize | add64", resize, add, ADDED),
        GRID("resize | resize", resize, resize_less, 0),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
