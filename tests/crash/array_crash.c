/* tests/crash/array_crash.c -- arrays: made, opened, and their atomic elements. */
#include <errno.h>
#include <string.h>

#include <weft/array.h>
#include <weft/object.h>

#include "tests/harness/weft_kit.h"

enum { LENGTH = 40, AT = 17 };

static const struct weft_array_options of_64 = { .length = LENGTH, .element_bytes = 8 };
static const struct weft_array_options of_32 = { .length = LENGTH, .element_bytes = 4 };
static const struct weft_array_options of_100 = { .length = LENGTH,
                                                  .element_bytes = 100 };

static const struct weft_array_options *options_of(const struct crash *c)
{
        return c->self->more;
}

static weft_array_t *array_of(const struct crash *c)
{
        return c->handle;
}

static void setup(struct crash *c)
{
        weft_array_t *array;
        weft_kit_create(c);
        if (options_of(c))
                WEFT_MUST(c, weft_array_create(arena_of(c), "a", options_of(c), &array));
}

static void open_array(struct crash *c)
{
        weft_array_t *array;
        weft_kit_open(c);
        WEFT_MUST(c, weft_array_open(arena_of(c), "a", &array));
        c->handle = array;
}

/* ---- the operations: on element AT, from 0 -------------------------------- */

static void op_create(struct crash *c)
{
        weft_array_t *array;
        c->note->rc = weft_array_create(arena_of(c), "a", &of_64, &array);
}

static void op_open(struct crash *c)
{
        weft_array_t *array;
        c->note->rc = weft_array_open(arena_of(c), "a", &array);
}

static void op_close(struct crash *c)
{
        weft_array_close(array_of(c));
}

static void op_store64(struct crash *c)
{
        c->note->rc = weft_array_store64(array_of(c), AT, 1);
}

static void op_add64(struct crash *c)
{
        c->note->rc = weft_array_add64(array_of(c), AT, 1, NULL);
}

static void op_cas64(struct crash *c)
{
        uint64_t expected = 0;
        c->note->rc = weft_array_cas64(array_of(c), AT, &expected, 1);
}

static void op_add32(struct crash *c)
{
        c->note->rc = weft_array_add32(array_of(c), AT, 1, NULL);
}

static void op_cas32(struct crash *c)
{
        uint32_t expected = 0;
        c->note->rc = weft_array_cas32(array_of(c), AT, &expected, 1);
}

static void op_set(struct crash *c)
{
        char element[100];
        memset(element, 7, sizeof element);
        c->note->rc = weft_array_set(array_of(c), AT, element);
}

static void op_fill(struct crash *c)
{
        c->note->rc = weft_array_fill(array_of(c), 3, 20, &(uint64_t){ 1 });
}

static void op_exchange64(struct crash *c)
{
        c->note->rc = weft_array_exchange64(array_of(c), AT, 1, NULL);
}

/* ---- another length: element i is i + 1 ---------------------------------- */

static void setup_numbers(struct crash *c)
{
        setup(c);
        open_array(c);
        for (uint64_t i = 0; i < LENGTH; i++)
                WEFT_MUST(c, weft_array_store64(array_of(c), i, i + 1));
}

static void use(struct crash *c)
{
        uint64_t v;
        weft_kit_join(c);
        WEFT_MUST(c, weft_array_load64(array_of(c), AT, &v));
}

/* The victim's handle is an old one. */
static void use_and_be_resized(struct crash *c)
{
        weft_array_t *array;
        use(c);
        WEFT_MUST(c, weft_array_open(arena_of(c), "a", &array));
        WEFT_MUST(c, weft_array_resize(array, LENGTH + 1, WEFT_NOW));
        weft_array_close(array);
}

static void op_resize(struct crash *c)
{
        c->note->rc = weft_array_resize(array_of(c), c->self->arg[0], WEFT_NOW);
}

static void op_refresh(struct crash *c)
{
        c->note->rc = weft_array_refresh(array_of(c));
}

/* Adds what was asked for, whatever else becomes of the array; the last element may be. */
static void add(struct crash *c, uint64_t i, uint64_t n)
{
        int rc;
        while ((rc = weft_array_add64(array_of(c), i, n, NULL)) == -ESTALE)
                WEFT_MUST(c, weft_array_refresh(array_of(c)));
        if (rc)
                crash_fail(c, CRASH_WEDGED, "add: %d", rc);
        c->word[0] += n;
}

static void survive_resize(struct crash *c)
{
        for (uint64_t i = 0; i < 3; i++)
                add(c, AT, 100);
}

/* What one says who resizes himself meanwhile. */
static void survive_and_resize(struct crash *c)
{
        add(c, AT, 100);
        int rc = weft_array_resize(array_of(c), LENGTH + 9, WEFT_NOW);
        if (rc)
                crash_fail(c, CRASH_WEDGED, "resize: %d", rc);
        add(c, AT, 100);
}

/* ---- the others ---------------------------------------------------------- */

/* Its neighbours, and what it is now. */
static void survive(struct crash *c)
{
        uint64_t v;
        uint32_t w;
        weft_array_t *a = array_of(c);
        switch (options_of(c)->element_bytes) {
        case 8:
                WEFT_MUST(c, weft_array_load64(a, AT, &v));
                CRASH_MUST(c, CRASH_BROKEN, v <= 1);
                WEFT_MUST(c, weft_array_add64(a, LENGTH - 1, 5, NULL));
                break;
        case 4:
                WEFT_MUST(c, weft_array_load32(a, AT, &w));
                CRASH_MUST(c, CRASH_BROKEN, w <= 1);
                WEFT_MUST(c, weft_array_add32(a, LENGTH - 1, 5, NULL));
                break;
        default:
                break;
        }
}

static void survive_made(struct crash *c)
{
        weft_array_t *array;
        WEFT_MUST(c, weft_array_create_or_open(arena_of(c), "a", &of_64, &array));
        WEFT_MUST(c, weft_array_add64(array, 0, 1, NULL));
        weft_array_close(array);
}

static void verify_rest(struct crash *c)
{
        weft_array_close(array_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "a"));
        weft_kit_nothing_left(c, 0);
}

static void verify_element(struct crash *c)
{
        union {
                uint64_t v;
                uint32_t w;
        } element = { 0 };
        weft_array_t *a = array_of(c);
        WEFT_MUST(c, weft_array_get(a, AT, &element));
        uint64_t v = options_of(c)->element_bytes == 8 ? element.v : element.w;
        if (c->note->done)
                CRASH_MUST(c, CRASH_LOST, c->note->rc == 0 && v >= 1);
        CRASH_MUST(c, CRASH_DUPLICATED, v <= 1);
        verify_rest(c);
}

static void verify_bytes(struct crash *c)
{
        unsigned char element[100];
        for (uint64_t i = 0; i < LENGTH; i++) {
                WEFT_MUST(c, weft_array_get(array_of(c), i, element));
                for (size_t k = 0; k < sizeof element; k++)
                        CRASH_MUST(c, CRASH_BROKEN,
                                   element[k] == 0 || (i == AT && element[k] == 7));
                if (i == AT && c->note->done)
                        CRASH_MUST(c, CRASH_LOST, element[0] == 7 && element[99] == 7);
        }
        verify_rest(c);
}

/* A filled run, from the left: no hole in it. */
static void verify_filled(struct crash *c)
{
        uint64_t v, before = 1;
        for (uint64_t i = 0; i < LENGTH - 1; i++) {
                WEFT_MUST(c, weft_array_load64(array_of(c), i, &v));
                bool inside = i >= 3 && i < 23;
                CRASH_MUST(c, CRASH_BROKEN, inside ? v <= before : v == 0);
                if (inside)
                        before = v;
        }
        if (c->note->done)
                CRASH_MUST(c, CRASH_LOST, before == 1);
        verify_rest(c);
}

/* What element i must be, where the array once had no more than `kept` elements. */
static uint64_t expected(struct crash *c, uint64_t i, uint64_t kept, uint64_t is)
{
        uint64_t v = i < LENGTH && i < kept ? i + 1 : 0;
        if (i != AT)
                return v;
        v += c->word[0];
        bool added = c->self->victim == op_add64;
        return v + (added && (c->note->done || is == v + 1));
}

/* Its elements and no others, and all that was added; then it is resized once more. */
static void verify_resized(struct crash *c)
{
        uint64_t v, kept = LENGTH;
        WEFT_MUST(c, weft_array_refresh(array_of(c)));
        for (int round = 0; round < 2; round++) {
                uint64_t length = weft_array_length(array_of(c));
                kept = length < kept ? length : kept;
                for (uint64_t i = 0; i < length; i++) {
                        WEFT_MUST(c, weft_array_load64(array_of(c), i, &v));
                        uint64_t must = expected(c, i, kept, v);
                        CRASH_MUST(c, v < must ? CRASH_LOST : CRASH_DUPLICATED,
                                   v == must);
                }
                WEFT_MUST(c, weft_array_resize(array_of(c), LENGTH + 2, WEFT_NOW));
        }
        if (c->note->done && c->self->victim == op_resize)
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc == 0 || c->note->rc == -ESTALE ||
                                   (c->how == CRASH_STOPPED && c->note->rc == -EAGAIN));
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc >= 0 || c->note->rc == -ESTALE ||
                                   c->note->rc == -EAGAIN);
        verify_rest(c);
}

/* It was told that the array is resized. */
static void verify_length(struct crash *c)
{
        WEFT_MUST(c, weft_array_refresh(array_of(c)));
        uint64_t length = weft_array_length(array_of(c));
        if (c->note->done && c->note->rc == 0)
                CRASH_MUST(c, CRASH_LOST, length == c->self->arg[0]);
        CRASH_MUST(c, CRASH_BROKEN, length == c->self->arg[0] || length == LENGTH);
        verify_resized(c);
}

static void verify_made(struct crash *c)
{
        if (!c->handle) {
                weft_array_t *array;
                WEFT_MUST(c, weft_array_open(arena_of(c), "a", &array));
                c->handle = array;
        }
        CRASH_MUST(c, CRASH_BROKEN, weft_array_length(array_of(c)) == LENGTH);
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        verify_rest(c);
}

#define CASE(name_, open_, prepare_, victim_, survive_, verify_, options, flags_) \
        { \
                .name = "array/" name_, .kit = &weft_kit, .setup = setup, \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .more = (options), \
                .flags = (flags_) \
        }

#define RESIZE(name_, prepare_, victim_, survive_, verify_, length, flags_) \
        { \
                .name = "array/" name_, .kit = &weft_kit, .setup = setup_numbers, \
                .open = open_array, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .more = &of_64, \
                .arg = { (length) }, .flags = (flags_) \
        }

/* Recovery has nothing to do with elements: one of the small ones shows it. */
static const struct crash_case cases[] = {
        CASE("create/absent", weft_kit_open, weft_kit_join, op_create, survive_made,
             verify_made, NULL, 0),
        CASE("open/there", weft_kit_open, NULL, op_open, survive_made, verify_made,
             &of_64, 0),
        CASE("close/there", open_array, NULL, op_close, survive, verify_made, &of_64, 0),
        CASE("store64", open_array, NULL, op_store64, survive, verify_element, &of_64,
             CRASH_NO_RECOVER),
        CASE("add64", open_array, weft_kit_join, op_add64, survive, verify_element,
             &of_64, 0),
        CASE("cas64", open_array, NULL, op_cas64, survive, verify_element, &of_64,
             CRASH_NO_RECOVER),
        CASE("add32", open_array, NULL, op_add32, survive, verify_element, &of_32,
             CRASH_NO_RECOVER),
        CASE("cas32", open_array, NULL, op_cas32, survive, verify_element, &of_32,
             CRASH_NO_RECOVER),
        CASE("set/100 B", open_array, NULL, op_set, survive, verify_bytes, &of_100,
             CRASH_NO_RECOVER),
        CASE("exchange64", open_array, use, op_exchange64, survive, verify_element,
             &of_64, 0),
        CASE("fill", open_array, NULL, op_fill, survive, verify_filled, &of_64, 0),
        RESIZE("resize/grow", use, op_resize, survive_resize, verify_length, 200, 0),
        RESIZE("resize/shrink", use, op_resize, survive_resize, verify_length, AT + 1, 0),
        RESIZE("resize/to pages", NULL, op_resize, survive_resize, verify_length, 9000,
               0),
        RESIZE("resize/another meanwhile", use, op_resize, survive_and_resize,
               verify_resized, 100, 0),
        RESIZE("refresh", use_and_be_resized, op_refresh, survive_resize, verify_resized,
               0, 0),
        RESIZE("close/old", use_and_be_resized, op_close, survive_resize, verify_resized,
               0, 0),
        RESIZE("add64/and be resized", use, op_add64, survive_and_resize, verify_resized,
               0, CRASH_NO_STOP), /* a resize waits for who stands in a change */
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
