/* tests/crash/map_grid_crash.c -- two in the middle of changes of one key, or of a move, and
 * a third. Nobody holds anybody up: all fates are tried. */
#include "tests/crash/map_kit.h"
#include "tests/harness/grid.h"

/* A key whose hash makes that buckets are filled from behind: there who comes later proposes
 * what lies before. */
enum { BEHIND = 61 };

static void some(struct crash *c)
{
        make_map(c);
        fill(c, 0, 4);
}

static void moving(struct crash *c)
{
        make_map(c);
        fill(c, 0, 3);
        begin_move(c, 4);
}

static void full(struct crash *c)
{
        make_map(c);
        fill(c, 0, 35);
}

/* ---- A and B: the first of the key, its values 1 and 2 ------------------------------ */

static uint64_t mine(struct crash *c, int who)
{
        return c->self->arg[0] * 100 + (uint64_t)who;
}

static void insert_a(struct crash *c)
{
        c->note->rc = weft_map_insert64(map_of(c), c->self->arg[0], mine(c, 1));
}

static void insert_b(struct crash *c)
{
        c->note->rc = weft_map_insert64(map_of(c), c->self->arg[0], mine(c, 2));
}

static void put_a(struct crash *c)
{
        c->note->rc = weft_map_put64(map_of(c), c->self->arg[0], mine(c, 1));
}

static void put_b(struct crash *c)
{
        c->note->rc = weft_map_put64(map_of(c), c->self->arg[0], mine(c, 2));
}

static void remove_key(struct crash *c)
{
        c->note->rc = weft_map_remove64(map_of(c), c->self->arg[0]);
}

static void remove_and_insert_b(struct crash *c)
{
        int rc = weft_map_remove64(map_of(c), c->self->arg[0]);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        c->note->rc = weft_map_insert64(map_of(c), c->self->arg[0], mine(c, 2));
}

static void insert_other(struct crash *c)
{
        c->note->rc = weft_map_insert64(map_of(c), FRESH + 1, (FRESH + 1) * 100 + 2);
}

/* ---- the third ------------------------------------------------------------------------ */

static void survive(struct crash *c)
{
        uint64_t value;
        WEFT_MUST(c, weft_map_put64(map_of(c), 50, 5001));
        WEFT_MUST(c, weft_map_get64(map_of(c), 50, &value));
        WEFT_MUST(c, weft_map_remove64(map_of(c), 50));
        int rc = weft_map_get64(map_of(c), c->self->arg[0], &value);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        check_keys(c, false);
}

/* Asks for the key by its own insertion, so that it decides theirs. */
static void survive_same(struct crash *c)
{
        uint64_t k = c->self->arg[0], value;
        int rc = weft_map_insert64(map_of(c), k, mine(c, 3));
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EEXIST);
        c->word[0] = rc == 0;
        int got = weft_map_get64(map_of(c), k, &value);
        CRASH_MUST(c, CRASH_BROKEN, got == 0 || (got == -ENOENT && c->self->arg[1]));
        survive(c);
}

static void verify_others(struct crash *c)
{
        uint64_t value;
        for (uint64_t i = 0; i < c->self->arg[2]; i++)
                if (i != c->self->arg[0])
                        CRASH_MUST(c, CRASH_LOST,
                                   weft_map_get64(map_of(c), i, &value) == 0 &&
                                           value == i * 100);
}

/* Nobody removes: at most one of the insertions says that it was the one; the value is
 * that one's, and of those who died perhaps. */
static void verify_inserted(struct crash *c)
{
        uint64_t value = 0;
        bool a = c->note->done && c->note->rc == 0;
        bool b = c->other->done && c->other->rc == 0, d = c->word[0];
        verify_others(c);
        int rc = weft_map_get64(map_of(c), c->self->arg[0], &value);
        CRASH_MUST(c, CRASH_DUPLICATED, a + b + d <= 1);
        if (a)
                CRASH_MUST(c, CRASH_LOST, rc == 0 && value == mine(c, 1));
        if (b)
                CRASH_MUST(c, CRASH_LOST, rc == 0 && value == mine(c, 2));
        if (d)
                CRASH_MUST(c, CRASH_LOST, rc == 0 && value == mine(c, 3));
        if (c->note->done || c->other->done)
                CRASH_MUST(c, CRASH_LOST, rc == 0);
        verify_rest(c, 2);
}

static void verify_any(struct crash *c)
{
        verify_others(c);
        verify_rest(c, 3);
}

/* A inserts what is there, B takes that out and inserts it: who was the one that did, has his
 * value there; and if neither has, it is as it was. */
static void verify_replaced(struct crash *c)
{
        uint64_t value = 0, k = c->self->arg[0];
        bool a = c->note->done && c->note->rc == 0;
        bool b = c->other->done && c->other->rc == 0;
        verify_others(c);
        int rc = weft_map_get64(map_of(c), k, &value);
        CRASH_MUST(c, CRASH_DUPLICATED, a + b <= 1);
        if (a)
                CRASH_MUST(c, CRASH_LOST, rc == 0 && value == mine(c, 1));
        if (b)
                CRASH_MUST(c, CRASH_LOST, rc == 0 && value == mine(c, 2));
        if (c->other->done)
                CRASH_MUST(c, CRASH_DUPLICATED, rc == 0 && value != k * 100);
        verify_rest(c, 3);
}

/* Two removals of what was there once. */
static void verify_removed(struct crash *c)
{
        uint64_t value;
        bool a = c->note->done && c->note->rc == 0;
        bool b = c->other->done && c->other->rc == 0;
        verify_others(c);
        CRASH_MUST(c, CRASH_DUPLICATED, a + b <= 1);
        if (c->note->done || c->other->done)
                CRASH_MUST(c, CRASH_DUPLICATED,
                           weft_map_get64(map_of(c), c->self->arg[0], &value) == -ENOENT);
        verify_rest(c, 2);
}

/* A puts, B removes: in the end it is there only with A's value, or as it was. */
static void verify_both(struct crash *c)
{
        uint64_t value = 0, k = c->self->arg[0];
        verify_others(c);
        int rc = weft_map_get64(map_of(c), k, &value);
        CRASH_MUST(c, CRASH_BROKEN,
                   rc == -ENOENT || value == mine(c, 1) || value == k * 100);
        if (c->note->done)
                CRASH_MUST(c, CRASH_LOST, rc == -ENOENT || value == mine(c, 1));
        if (c->other->done)
                CRASH_MUST(c, CRASH_DUPLICATED, rc == -ENOENT || value == mine(c, 1));
        verify_rest(c, 2);
}

#define GRID(...) PREPARED(weft_kit_join, __VA_ARGS__)
#define SHORT(name_, ...) PREPARED(warm, "short/" name_, __VA_ARGS__)
#define PREPARED(prepare_, name_, setup_, n_, key_, a_, b_, survive_, verify_, removes_) \
        { \
                .a = { .name = "map/grid/" name_, \
                       .kit = &weft_kit, \
                       .setup = (setup_), \
                       .open = open_map, \
                       .prepare = (prepare_), \
                       .victim = (a_), \
                       .survive = (survive_), \
                       .verify = (verify_), \
                       .arg = { (key_), (removes_), (n_) } }, \
                .prepare_b = (prepare_), .b = (b_) \
        }

static const struct grid_case cases[] = {
        GRID("insert, insert", some, 4, FRESH, insert_a, insert_b, survive,
             verify_inserted, 0),
        GRID("insert, insert, insert", some, 4, FRESH, insert_a, insert_b, survive_same,
             verify_inserted, 0),
        GRID("insert, remove and insert", some, 4, FRESH, insert_a, remove_and_insert_b,
             survive_same, verify_any, 1),
        GRID("remove, remove", some, 4, 2, remove_key, remove_key, survive,
             verify_removed, 1),
        GRID("put, remove", some, 4, 2, put_a, remove_key, survive, verify_both, 1),
        GRID("insert, insert/moving", moving, 3, FRESH, insert_a, insert_b, survive_same,
             verify_inserted, 0),
        GRID("put, remove/moving", moving, 3, 2, put_a, remove_key, survive, verify_both,
             1),
        GRID("put, put/moving", moving, 3, 2, put_a, put_b, survive, verify_any, 0),
        GRID("remove, remove and insert/moving", moving, 3, 2, remove_key,
             remove_and_insert_b, survive, verify_any, 1),
        GRID("insert, insert/the table grows", full, 35, FRESH, insert_a, insert_other,
             survive, verify_any, 0),
        GRID("insert, insert/from behind", some, 4, BEHIND, insert_a, insert_b, survive,
             verify_inserted, 0),
        GRID("insert, insert, insert/from behind", some, 4, BEHIND, insert_a, insert_b,
             survive_same, verify_inserted, 0),
        GRID("remove, remove/moving", moving, 3, 2, remove_key, remove_key, survive,
             verify_removed, 1),
        GRID("insert what is there, remove and insert/moving", moving, 3, 2, insert_a,
             remove_and_insert_b, survive, verify_replaced, 1),
        SHORT("insert, insert, insert", some, 4, FRESH, insert_a, insert_b, survive_same,
              verify_inserted, 0),
        SHORT("insert, insert/its home is full", fill_home, FULL_HOME, FRESH, insert_a,
              insert_b, survive_same, verify_inserted, 0),
        SHORT("insert, insert/from behind", some, 4, BEHIND, insert_a, insert_b, survive,
              verify_inserted, 0),
        SHORT("insert what is there, remove and insert", some, 4, 2, insert_a,
              remove_and_insert_b, survive, verify_replaced, 1),
};

int main(int argc, char **argv)
{
        return grid_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
