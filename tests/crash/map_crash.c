/* tests/crash/map_crash.c -- maps with 8-byte keys and values: every change, in tables that
 * are empty, half full, full, being moved, outgrown. */
#include "tests/crash/map_kit.h"

/* ---- states -------------------------------------------------------------------- */

static void empty(struct crash *c)
{
        make_map(c);
}

static void some(struct crash *c)
{
        make_map(c);
        fill(c, 0, 8);
}

static void more(struct crash *c)
{
        make_map(c);
        fill(c, 0, 24);
}

/* The next insertion makes the next table. */
static void full(struct crash *c)
{
        make_map(c);
        fill(c, 0, 35);
}

static void moving(struct crash *c)
{
        some(c);
        begin_move(c, 4);
}

/* One chain was moved, the others were not. */
static void half_moved(struct crash *c)
{
        struct weft_map_table t, next;
        make_map(c);
        fill(c, 0, 12);
        WEFT_MUST(c, weft_map_tables(map_of(c), &t, &next));
        begin_move(c, 4);
        weft_store_rlx(&t.sh->moving, 8); /* they were given out, to who did nothing */
        weft_store_rlx(&t.sh->finished, 0);
}

/* There is little in a large table: the next removal may make a smaller one. */
static void bare(struct crash *c)
{
        make_map(c);
        fill(c, 0, 5);
        begin_move(c, 5);
        fill(c, 0, 5);
}

/* ---- operations ------------------------------------------------------------------ */

static void op_create(struct crash *c)
{
        struct weft_map_options options = { .key_bytes = 8, .value_bytes = 8 };
        weft_map_t *map;
        c->note->rc = weft_map_create(arena_of(c), "m", &options, &map);
}

static void op_open(struct crash *c)
{
        weft_map_t *map;
        c->note->rc = weft_map_open(arena_of(c), "m", &map);
}

static void op_close(struct crash *c)
{
        weft_map_close(map_of(c));
}

static void op_remove_object(struct crash *c)
{
        weft_map_close(map_of(c));
        c->note->rc = weft_object_remove(arena_of(c), "m");
}

static void op_get(struct crash *c)
{
        uint64_t value;
        c->note->rc = weft_map_get64(map_of(c), c->self->arg[0], &value);
}

static void op_put(struct crash *c)
{
        uint64_t k = c->self->arg[0];
        c->note->rc = weft_map_put64(map_of(c), k, k * 100 + 1);
}

static void op_insert(struct crash *c)
{
        uint64_t k = c->self->arg[0];
        c->note->rc = weft_map_insert64(map_of(c), k, k * 100 + 1);
}

static void op_add(struct crash *c)
{
        uint64_t k = c->self->arg[0];
        c->note->rc = weft_map_add64(map_of(c), k, k < FRESH ? 1 : k * 100 + 1, NULL);
}

static void op_remove(struct crash *c)
{
        c->note->rc = weft_map_remove64(map_of(c), c->self->arg[0]);
}

static void op_cas(struct crash *c)
{
        uint64_t k = c->self->arg[0], value, room = 8, version = 0;
        if (k < FRESH)
                WEFT_MUST(c, weft_map_get(map_of(c), &k, 8, &value, &room, &version));
        value = k * 100 + 1;
        c->note->rc = weft_map_cas(map_of(c), &k, 8, &value, 8, &version);
}

static void op_remove_if(struct crash *c)
{
        uint64_t k = c->self->arg[0], value, room = 8, version = 0;
        WEFT_MUST(c, weft_map_get(map_of(c), &k, 8, &value, &room, &version));
        c->note->rc = weft_map_remove_if(map_of(c), &k, 8, &version);
}

/* ---- the others -------------------------------------------------------------------- */

/* Other keys go on; the victim's own can be asked for, and changed back. */
static void survive(struct crash *c)
{
        uint64_t value;
        WEFT_MUST(c, weft_map_put64(map_of(c), 50, 5001));
        WEFT_MUST(c, weft_map_put64(map_of(c), 50, 5002));
        WEFT_MUST(c, weft_map_get64(map_of(c), 50, &value));
        CRASH_MUST(c, CRASH_LOST, value == 5002);
        WEFT_MUST(c, weft_map_remove64(map_of(c), 50));
        int rc = weft_map_get64(map_of(c), c->self->arg[0], &value);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        check_keys(c, false);
}

/* The same key, from another side: 1 in arg[1]. */
static void survive_same(struct crash *c)
{
        uint64_t k = c->self->arg[0], value;
        survive(c);
        int rc = weft_map_insert64(map_of(c), k, k * 100 + 2);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EEXIST);
        WEFT_MUST(c, weft_map_get64(map_of(c), k, &value));
        CRASH_MUST(c, CRASH_BROKEN, rc || value == k * 100 + 2);
        c->word[0] = 1;
        c->word[1] = value;
        check_keys(c, false);
}

static void survive_made(struct crash *c)
{
        struct weft_map_options options = { .key_bytes = 8, .value_bytes = 8 };
        weft_map_t *map;
        WEFT_MUST(c, weft_map_create_or_open(arena_of(c), "m", &options, &map));
        WEFT_MUST(c, weft_map_put64(map, 1, 100));
        weft_map_close(map);
}

static void verify_made(struct crash *c)
{
        if (!c->handle) {
                weft_map_t *map;
                WEFT_MUST(c, weft_map_open(arena_of(c), "m", &map));
                c->handle = map;
        }
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        verify_rest(c, 1);
}

/* What was there is there still, but for the key in hand. */
static void verify_others(struct crash *c)
{
        uint64_t value, n = c->self->arg[2], k = c->self->arg[0];
        for (uint64_t i = 0; i < n; i++)
                if (i != k)
                        CRASH_MUST(c, CRASH_LOST,
                                   weft_map_get64(map_of(c), i, &value) == 0 &&
                                           value == i * 100);
}

/* put, insert, add: its value is in, if it said so; and nobody undid it. */
static void verify_in(struct crash *c)
{
        uint64_t k = c->self->arg[0], value = 0;
        verify_others(c);
        int rc = weft_map_get64(map_of(c), k, &value);
        if (c->note->done && c->note->rc == 0 && !c->word[0])
                CRASH_MUST(c, CRASH_LOST, rc == 0 && value == k * 100 + 1);
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc == 0 || c->note->rc == -EEXIST ||
                                   c->note->rc == -EAGAIN);
        CRASH_MUST(c, CRASH_LOST, rc == 0 || (k >= FRESH && !c->word[0]));
        verify_rest(c, 1);
}

static void verify_out(struct crash *c)
{
        uint64_t k = c->self->arg[0], value;
        verify_others(c);
        int rc = weft_map_get64(map_of(c), k, &value);
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN, c->note->rc == 0 || c->note->rc == -ENOENT);
        if (c->note->done && c->note->rc == 0 && !c->word[0])
                CRASH_MUST(c, CRASH_DUPLICATED, rc == -ENOENT);
        verify_rest(c, 1);
}

/* Who only looks changes nothing. */
static void verify_others_only(struct crash *c)
{
        verify_others(c);
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN, c->note->rc == 0);
        verify_rest(c, 1);
}

static void open_if_there(struct crash *c)
{
        weft_map_t *map;
        weft_kit_open(c);
        int rc = weft_map_open(arena_of(c), "m", &map);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        c->handle = map;
}

static void verify_gone(struct crash *c)
{
        int rc = weft_object_remove(arena_of(c), "m");
        CRASH_MUST(c, CRASH_BROKEN,
                   rc == 0 || (rc == -ENOENT && !c->handle) ||
                           (rc == -ENOENT && c->how == CRASH_STOPPED));
        if (c->handle)
                weft_map_close(map_of(c));
        weft_kit_whole(c);
        weft_kit_nothing_left(c, 0);
}

#define CASE(...) PREPARED(weft_kit_join, __VA_ARGS__)
#define SHORT(name_, ...) PREPARED(warm, "short/" name_, __VA_ARGS__)
#define PREPARED(prepare_, name_, setup_, n_, key_, op_, survive_, verify_) \
        { \
                .name = "map/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_map, .prepare = (prepare_), .victim = (op_), \
                .survive = (survive_), .verify = (verify_), \
                .arg = {(key_), \
                        0, \
                        (n_) } \
        }

static const struct crash_case cases[] = {
        { .name = "map/create",
          .kit = &weft_kit,
          .setup = weft_kit_create,
          .open = weft_kit_open,
          .victim = op_create,
          .survive = survive_made,
          .verify = verify_made },
        { .name = "map/open",
          .kit = &weft_kit,
          .setup = some,
          .open = weft_kit_open,
          .victim = op_open,
          .survive = survive_made,
          .verify = verify_made },
        CASE("close", some, 8, 3, op_close, survive, verify_others_only),
        { .name = "map/remove the map/moving",
          .kit = &weft_kit,
          .setup = moving,
          .open = open_if_there,
          .victim = op_remove_object,
          .verify = verify_gone },
        CASE("get/there", some, 8, 3, op_get, survive, verify_others_only),
        CASE("put/empty", empty, 0, FRESH, op_put, survive_same, verify_in),
        CASE("put/there", some, 8, 3, op_put, survive, verify_in),
        CASE("put/half full", more, 24, FRESH, op_put, survive, verify_in),
        CASE("insert/empty", empty, 0, FRESH, op_insert, survive_same, verify_in),
        CASE("insert/half full", more, 24, FRESH, op_insert, survive_same, verify_in),
        CASE("insert/there", some, 8, 3, op_insert, survive, verify_in),
        CASE("add/there", some, 8, 3, op_add, survive, verify_in),
        CASE("add/absent", some, 8, FRESH, op_add, survive, verify_in),
        CASE("cas/there", some, 8, 3, op_cas, survive, verify_in),
        CASE("cas/absent", some, 8, FRESH, op_cas, survive_same, verify_in),
        CASE("remove/there", some, 8, 3, op_remove, survive, verify_out),
        CASE("remove/there, put back", some, 8, 3, op_remove, survive_same, verify_out),
        CASE("remove/absent", some, 8, FRESH, op_remove, survive, verify_out),
        CASE("remove_if/there", some, 8, 3, op_remove_if, survive, verify_out),
        CASE("insert/the table grows", full, 35, FRESH, op_insert, survive, verify_in),
        CASE("remove/the table shrinks", bare, 5, 4, op_remove, survive, verify_out),
        CASE("get/moving", moving, 8, 3, op_get, survive, verify_others_only),
        CASE("insert/moving", moving, 8, FRESH, op_insert, survive_same, verify_in),
        CASE("put/moving", moving, 8, 3, op_put, survive, verify_in),
        CASE("add/moving", moving, 8, 3, op_add, survive, verify_in),
        CASE("remove/moving", moving, 8, 3, op_remove, survive_same, verify_out),
        CASE("insert/half moved", half_moved, 12, FRESH, op_insert, survive, verify_in),
        CASE("put/half moved", half_moved, 12, 3, op_put, survive_same, verify_in),
        SHORT("get/there", some, 8, 3, op_get, survive, verify_others_only),
        SHORT("put/there", some, 8, 3, op_put, survive, verify_in),
        SHORT("put/absent", some, 8, FRESH, op_put, survive_same, verify_in),
        SHORT("put/its home is full", fill_home, FULL_HOME, FRESH, op_put, survive_same,
              verify_in),
        SHORT("insert/empty", empty, 0, FRESH, op_insert, survive_same, verify_in),
        SHORT("insert/its home is full", fill_home, FULL_HOME, FRESH, op_insert, survive,
              verify_in),
        SHORT("insert/the table grows", full, 35, FRESH, op_insert, survive, verify_in),
        SHORT("add/absent", some, 8, FRESH, op_add, survive, verify_in),
        SHORT("cas/absent", some, 8, FRESH, op_cas, survive_same, verify_in),
        SHORT("remove/there", some, 8, 3, op_remove, survive, verify_out),
        SHORT("remove/there, put back", some, 8, 3, op_remove, survive_same, verify_out),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
