/* tests/crash/set_crash.c -- sets: members of 8 bytes, and of any length. The map's own
 * sweeps have the rest. */
#include <errno.h>
#include <string.h>

#include <weft/object.h>
#include <weft/set.h>

#include "structures/map_block.h"
#include "structures/map_hash.h"
#include "tests/harness/weft_kit.h"

enum { MEMBERS = 24, THERE = 3, FRESH = 20, OTHER = 21 };

/* arg: bytes of a member (0: any), how many there are, what is inserted or removed */

static weft_set_t *set_of(const struct crash *c)
{
        return c->handle;
}

static uint32_t member(const struct crash *c, uint64_t i, char at[600])
{
        memset(at, (int)i + 1, 600);
        return c->self->arg[0] ? 8 : 600; /* so few blocks are in a slab */
}

static int insert(struct crash *c, uint64_t i)
{
        char at[600];
        uint32_t n = member(c, i, at);
        return weft_set_insert(set_of(c), at, n);
}

static int drop(struct crash *c, uint64_t i)
{
        char at[600];
        uint32_t n = member(c, i, at);
        return weft_set_remove(set_of(c), at, n);
}

static int has(struct crash *c, uint64_t i)
{
        char at[600];
        uint32_t n = member(c, i, at);
        return weft_set_contains(set_of(c), at, n);
}

static void setup(struct crash *c)
{
        struct weft_set_options options = { .member_bytes = (uint32_t)c->self->arg[0] };
        weft_set_t *set;
        weft_kit_create(c);
        WEFT_MUST(c, weft_set_create(arena_of(c), "s", &options, &set));
        struct weft_map *map = (struct weft_map *)set;
        map->seed = 7;
        map->flip = weft_map_flip(map->seed);
        map->sh->seed = 7;
        c->handle = set;
        for (uint64_t i = 0; i < c->self->arg[1]; i++)
                WEFT_MUST(c, insert(c, i));
}

static void open_set(struct crash *c)
{
        weft_set_t *set;
        weft_kit_open(c);
        WEFT_MUST(c, weft_set_open(arena_of(c), "s", &set));
        c->handle = set;
}

static void op_insert(struct crash *c)
{
        c->note->rc = insert(c, c->self->arg[2]);
}

static void op_remove(struct crash *c)
{
        c->note->rc = drop(c, c->self->arg[2]);
}

static void op_contains(struct crash *c)
{
        c->note->rc = has(c, c->self->arg[2]);
}

static void op_clear(struct crash *c)
{
        c->note->rc = weft_set_clear(set_of(c));
}

static void op_union(struct crash *c)
{
        c->note->rc = weft_set_union(set_of(c), set_of(c), NULL, NULL);
}

static void op_close(struct crash *c)
{
        weft_set_close(set_of(c));
}

static void survive(struct crash *c)
{
        for (int i = 0; i < 2; i++) {
                CRASH_MUST(c, CRASH_WEDGED, insert(c, OTHER) == 0);
                CRASH_MUST(c, CRASH_LOST, has(c, OTHER) == 1 || c->self->arg[3] & 2);
                int rc = drop(c, OTHER);
                CRASH_MUST(c, CRASH_LOST, rc == 0 || c->self->arg[3] & 2);
        }
}

/* arg[3]: 1: it is there afterwards; 0: not; 2: nothing is; 4: as before */
static void verify(struct crash *c)
{
        uint64_t what = c->self->arg[3], i = c->self->arg[2];
        int is = has(c, i);
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc >= 0);
        if (c->note->done && what < 2)
                CRASH_MUST(c, CRASH_LOST, is == (int)what);
        for (uint64_t k = 0; k < c->self->arg[1] && what != 2; k++)
                CRASH_MUST(c, CRASH_LOST, k == i ? is == 1 || what == 0 : has(c, k) == 1);
        weft_kit_whole(c);
        for (uint64_t k = 0; k < MEMBERS; k++) {
                int rc = insert(c, k);
                CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EEXIST);
        }
        CRASH_MUST(c, CRASH_DUPLICATED, weft_set_count(set_of(c)) == MEMBERS);
        CRASH_MUST(c, CRASH_DUPLICATED, weft_set_clear(set_of(c)) == MEMBERS);
        weft_set_close(set_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "s"));
        weft_kit_nothing_left(c, 0);
}

#define CASE(name_, prepare_, victim_, ...) \
        { \
                .name = "set/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_set, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = verify, \
                .arg = { __VA_ARGS__ } \
        }

static const struct crash_case cases[] = {
        CASE("8 B/insert", weft_kit_join, op_insert, 8, THERE, FRESH, 1),
        CASE("8 B/insert/first operation", NULL, op_insert, 8, 0, FRESH, 1),
        CASE("8 B/remove", weft_kit_join, op_remove, 8, THERE, 1, 0),
        CASE("8 B/contains", weft_kit_join, op_contains, 8, THERE, 1, 4),
        CASE("8 B/clear", weft_kit_join, op_clear, 8, THERE, 1, 2),
        CASE("any/insert", weft_kit_join, op_insert, 0, THERE, FRESH, 1),
        CASE("any/remove", weft_kit_join, op_remove, 0, THERE, 1, 0),
        CASE("any/contains", weft_kit_join, op_contains, 0, THERE, 1, 4),
        CASE("any/clear", weft_kit_join, op_clear, 0, THERE, 1, 2),
        CASE("any/union", weft_kit_join, op_union, 0, THERE, 1, 4),
        CASE("any/close", weft_kit_join, op_close, 0, THERE, 1, 4),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
