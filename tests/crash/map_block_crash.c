/* tests/crash/map_block_crash.c -- maps with entries in blocks: every change, views, expiry,
 * in tables that are empty, half full, full, being moved. No block is lost, none freed that
 * is an entry or viewed. */
#include <errno.h>
#include <string.h>

#include <weft/map.h>
#include <weft/object.h>
#include <weft/set.h>

#include "structures/map_block.h"
#include "tests/harness/weft_kit.h"

enum {
        KEYS = 48,
        FULL = 35,   /* with so many the next insertion makes the next table */
        OTHER = 40,  /* the survivor's key; */
        FRESH = 41,  /* one that only the victim inserts */
        BYTES = 600, /* of a value: so few blocks are in a slab */
        BEFORE = 1,  /* what values are: as set up, */
        AFTER = 2,   /* as the victim puts them, */
        OTHERS = 3,  /* as the survivor does */
};

/* Bits of arg[1]. */
enum {
        REMOVES = 1, /* the victim's key may be absent afterwards */
        ADDS = 2,    /* its value is a number: 8 bytes */
        SAME = 4,    /* the survivor puts the victim's key, too */
        EXPIRES = 8, /* the map's entries may carry a time */
        STAYS = 16,  /* the victim changes nothing */
        ANY = 32,    /* what is there afterwards is not told by whether it returned */
};

static weft_map_t *map_of(const struct crash *c)
{
        return c->handle;
}

static bool may(const struct crash *c, uint64_t what)
{
        return c->self->arg[1] & what;
}

static uint64_t the_key(const struct crash *c)
{
        return c->self->arg[0];
}

/* Of 24 bytes: those have a short way. */
#define KEY(k) ((const uint64_t[3]){ (k), 5, 7 }), 24

/* ---- values ---------------------------------------------------------------------- */

struct value {
        uint64_t key, what;
        uint8_t rest[BYTES - 16];
};

static struct value value_of(uint64_t k, uint64_t what)
{
        struct value v = { .key = k, .what = what };
        memset(v.rest, (int)(k * 7 + what), sizeof v.rest);
        return v;
}

/* What it is of; 0 if it is none of this key. */
static uint64_t read_value(uint64_t k, const void *at)
{
        struct value v, right;
        memcpy(&v, at, sizeof v);
        right = value_of(k, v.what);
        return v.key == k && v.what && memcmp(&v, &right, sizeof v) == 0 ? v.what : 0;
}

static int put(struct crash *c, uint64_t k, uint64_t what)
{
        struct value v = value_of(k, what);
        return weft_map_put(map_of(c), KEY(k), &v, sizeof v);
}

/* What the key has: 0 for nothing. */
static uint64_t get(struct crash *c, uint64_t k)
{
        struct value v;
        uint64_t bytes = sizeof v;
        int rc = weft_map_get(map_of(c), KEY(k), &v, &bytes, NULL);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        if (rc)
                return 0;
        if (bytes == 8)
                return v.key; /* a number */
        CRASH_MUST(c, CRASH_BROKEN, bytes == sizeof v && read_value(k, &v));
        return v.what;
}

/* ---- states ------------------------------------------------------------------------ */

static void make_map(struct crash *c)
{
        struct weft_map_options options = { .flags = may(c, EXPIRES) ? WEFT_MAP_EXPIRY
                                                                     : 0 };
        weft_map_t *map;
        weft_kit_create(c);
        WEFT_MUST(c, weft_map_create(arena_of(c), "m", &options, &map));
        map->seed = 7; /* every run the same */
        map->sh->seed = 7;
        weft_map_short_set(map);
        c->handle = map;
}

static void fill(struct crash *c, uint64_t n)
{
        uint64_t seven = 7;
        for (uint64_t k = 0; k < n; k++)
                WEFT_MUST(c, put(c, k, BEFORE));
        if (may(c, ADDS))
                WEFT_MUST(c, weft_map_put(map_of(c), KEY(the_key(c)), &seven, 8));
}

static void empty(struct crash *c)
{
        make_map(c);
}

static void some(struct crash *c)
{
        make_map(c);
        fill(c, 4);
}

/* The next insertion makes the next table. */
static void full(struct crash *c)
{
        struct weft_map_table t, next;
        make_map(c);
        fill(c, FULL);
        WEFT_MUST(c, weft_map_tables(map_of(c), &t, &next));
        CRASH_MUST(c, CRASH_BROKEN, !next.sh);
}

static void moving(struct crash *c)
{
        struct weft_map_table t, next;
        struct weft_map_op op;
        some(c);
        WEFT_MUST(c, weft_map_begin(&op, map_of(c), true));
        WEFT_MUST(c, weft_map_tables(map_of(c), &op.table, &next));
        WEFT_MUST(c, weft_map_grow(&op));
        weft_map_end(&op);
        WEFT_MUST(c, weft_map_tables(map_of(c), &t, &next));
        CRASH_MUST(c, CRASH_BROKEN, next.sh != NULL);
}

/* The same, with an entry that is over. */
static void with_over(struct crash *c)
{
        struct value v = value_of(1, BEFORE);
        uint64_t k = 1;
        if (c->self->arg[2])
                moving(c);
        else
                some(c);
        WEFT_MUST(c, weft_map_put_until(map_of(c), KEY(k), &v, sizeof v, 1));
}

static void open_map(struct crash *c)
{
        weft_map_t *map;
        weft_kit_open(c);
        WEFT_MUST(c, weft_map_open(arena_of(c), "m", &map));
        c->handle = map;
}

/* It has its seat, a desk, a slab; and a block that lies idle. */
static void warm(struct crash *c)
{
        weft_kit_join(c);
        if (may(c, ADDS))
                WEFT_MUST(c, weft_map_add(map_of(c), KEY(47), 1, NULL));
        WEFT_MUST(c, put(c, 47, BEFORE));
        WEFT_MUST(c, put(c, 47, BEFORE));
        WEFT_MUST(c, weft_map_remove(map_of(c), KEY(47)));
}

static struct weft_map_view view; /* the victim's */

static void with_view(struct crash *c)
{
        uint64_t k = the_key(c);
        warm(c);
        WEFT_MUST(c, weft_map_view(map_of(c), KEY(k), &view));
}

/* What it views is no entry any more. */
static void with_old_view(struct crash *c)
{
        with_view(c);
        WEFT_MUST(c, put(c, the_key(c), AFTER));
}

/* ---- operations --------------------------------------------------------------------- */

static void op_get(struct crash *c)
{
        c->note->value[0] = get(c, the_key(c));
        c->note->rc = 0;
}

static void op_put(struct crash *c)
{
        c->note->rc = put(c, the_key(c), AFTER);
}

static void op_put_until(struct crash *c)
{
        uint64_t k = the_key(c);
        struct value v = value_of(k, AFTER);
        c->note->rc = weft_map_put_until(map_of(c), KEY(k), &v, sizeof v, UINT64_MAX);
}

static void op_insert(struct crash *c)
{
        uint64_t k = the_key(c);
        struct value v = value_of(k, AFTER);
        c->note->rc = weft_map_insert(map_of(c), KEY(k), &v, sizeof v);
}

static void op_replace(struct crash *c)
{
        uint64_t k = the_key(c);
        struct value v = value_of(k, AFTER);
        c->note->rc = weft_map_replace(map_of(c), KEY(k), &v, sizeof v);
}

static void op_cas(struct crash *c)
{
        uint64_t k = the_key(c), version = 0, none = 0;
        struct value v = value_of(k, AFTER);
        (void)!weft_map_get(map_of(c), KEY(k), NULL, &none, &version);
        c->note->rc = weft_map_cas(map_of(c), KEY(k), &v, sizeof v, &version);
}

static void op_get_or_insert(struct crash *c)
{
        uint64_t k = the_key(c), bytes = sizeof(struct value);
        struct value v = value_of(k, AFTER), found;
        c->note->rc =
                weft_map_get_or_insert(map_of(c), KEY(k), &v, sizeof v, &found, &bytes);
        if (c->note->rc == 0 && !read_value(k, &found))
                c->note->rc = -EBADMSG;
}

static void op_add(struct crash *c)
{
        uint64_t k = the_key(c);
        c->note->rc = weft_map_add(map_of(c), KEY(k), 1, NULL);
}

static void op_remove(struct crash *c)
{
        uint64_t k = the_key(c);
        c->note->rc = weft_map_remove(map_of(c), KEY(k));
}

static void op_expire(struct crash *c)
{
        uint64_t k = the_key(c);
        c->note->rc = weft_map_expire(map_of(c), KEY(k), UINT64_MAX - 1);
}

static void op_expire_now(struct crash *c)
{
        uint64_t k = the_key(c);
        c->note->rc = weft_map_expire(map_of(c), KEY(k), 1);
}

static void op_sweep(struct crash *c)
{
        c->note->rc = weft_map_sweep(map_of(c), 0);
}

static void op_clear(struct crash *c)
{
        c->note->rc = weft_map_clear(map_of(c));
}

/* What it sees is of that key, and stays so. */
static void op_view(struct crash *c)
{
        uint64_t k = the_key(c);
        c->note->rc = weft_map_view(map_of(c), KEY(k), &view);
        if (c->note->rc == 0 && (view.bytes != BYTES || !read_value(k, view.value)))
                c->note->rc = -EBADMSG;
}

static void op_view_end(struct crash *c)
{
        if (!read_value(the_key(c), view.value))
                c->note->rc = -EBADMSG;
        weft_map_view_end(map_of(c), &view);
}

static int see(const struct weft_map_entry *entry, void *context)
{
        uint64_t k;
        uint64_t *seen = context;
        memcpy(&k, entry->key, sizeof k);
        if (k >= KEYS || *seen >> k & 1 ||
            (entry->value_bytes != 8 && !read_value(k, entry->value)))
                return -EBADMSG;
        *seen |= UINT64_C(1) << k;
        return 0;
}

static void op_each(struct crash *c)
{
        struct weft_map_cursor cursor = { 0, 0 };
        uint64_t seen = 0;
        c->note->rc = weft_map_each(map_of(c), &cursor, 0, see, &seen);
        if (c->note->rc == 0 && (seen & 0xd) != 0xd) /* 0, 2 and 3 stay */
                c->note->rc = -ENOMSG;
}

static void op_close(struct crash *c)
{
        weft_map_close(map_of(c));
}

/* ---- the others ----------------------------------------------------------------------- */

static uint64_t walk(struct crash *c)
{
        struct weft_map_cursor cursor = { 0, 0 };
        uint64_t seen = 0;
        WEFT_MUST(c, weft_map_each(map_of(c), &cursor, 0, see, &seen));
        return seen;
}

static void survive(struct crash *c)
{
        uint64_t k = the_key(c);
        for (int i = 0; i < 3; i++) { /* what was freed too early is something else now */
                WEFT_MUST(c, put(c, OTHER, OTHERS));
                CRASH_MUST(c, CRASH_LOST, get(c, OTHER) == OTHERS);
        }
        if (may(c, SAME)) {
                WEFT_MUST(c, put(c, k, OTHERS));
                c->word[0] = 1;
                for (uint64_t i = 0; i < 3; i++)
                        WEFT_MUST(c, put(c, 42 + i, OTHERS));
                for (uint64_t i = 0; i < 3; i++)
                        WEFT_MUST(c, weft_map_remove(map_of(c), KEY(42 + i)));
        }
        uint64_t seen = walk(c);
        CRASH_MUST(c, CRASH_LOST, seen >> OTHER & 1 || may(c, REMOVES));
        (void)get(c, k);
}

/* The victim's key, by whether it returned, and what it said. */
static void check_key(struct crash *c)
{
        uint64_t is = get(c, the_key(c));
        bool done = c->note->done && c->note->rc >= 0 && !may(c, STAYS);
        if (may(c, ADDS)) {
                CRASH_MUST(c, CRASH_BROKEN, is == 7 || is == 8);
                CRASH_MUST(c, CRASH_LOST, !done || is == 8);
                return;
        }
        if (c->word[0] && c->how == CRASH_KILLED) {
                CRASH_MUST(c, CRASH_LOST, is == OTHERS);
        } else if (c->word[0]) {
                CRASH_MUST(c, CRASH_LOST, is || may(c, REMOVES | ANY));
        } else if (done && !may(c, ANY)) {
                CRASH_MUST(c, CRASH_LOST, is == (may(c, REMOVES) ? 0 : AFTER));
        } else {
                CRASH_MUST(c, CRASH_LOST,
                           is || may(c, REMOVES | ANY) || the_key(c) == FRESH ||
                                   c->self->arg[3]);
        }
}

static void verify(struct crash *c)
{
        int64_t rc = c->note->rc;
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || rc >= 0 || rc == -EEXIST || rc == -EAGAIN ||
                           rc == -ENOENT);
        check_key(c);
        if (!may(c, REMOVES))
                for (uint64_t k = 0; k < 4 && !c->self->arg[3]; k++)
                        CRASH_MUST(c, CRASH_LOST,
                                   k == the_key(c) || get(c, k) == BEFORE ||
                                           (k == 1 && may(c, ANY)));
        uint64_t seen = walk(c);
        for (uint64_t k = 0; k < KEYS; k++)
                CRASH_MUST(c, CRASH_BROKEN, !!(seen >> k & 1) == !!get(c, k));
        CRASH_MUST(c, CRASH_BROKEN,
                   weft_map_count(map_of(c)) == __builtin_popcountll(seen));
        weft_kit_whole(c);
        for (uint64_t k = 0; k < KEYS; k++) /* all is as good as new */
                WEFT_MUST(c, put(c, k, OTHERS));
        CRASH_MUST(c, CRASH_DUPLICATED, weft_map_count(map_of(c)) == KEYS);
        CRASH_MUST(c, CRASH_DUPLICATED, weft_map_clear(map_of(c)) == KEYS);
        weft_map_close(map_of(c));
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "m"));
        weft_kit_nothing_left(c, 0);
}

/* ---- the table --------------------------------------------------------------------------- */

/* arg: key, what may be, with_over() in a table that is moved, nothing was there before */
#define CASE(name_, setup_, prepare_, victim_, ...) \
        { \
                .name = "map_block/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = open_map, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = verify, \
                .arg = { __VA_ARGS__ } \
        }

static const struct crash_case cases[] = {
        CASE("put/empty/new", empty, warm, op_put, FRESH, 0, 0, 1),
        CASE("put/first operation", some, NULL, op_put, FRESH, 0, 0, 1),
        CASE("put/some/over", some, warm, op_put, 1, 0),
        CASE("put/some/over/cold", some, weft_kit_join, op_put, 1, 0),
        CASE("put/some/same", some, warm, op_put, 1, SAME),
        CASE("put/some/new/same", some, warm, op_put, FRESH, SAME),
        CASE("put/full", full, warm, op_put, FRESH, 0),
        CASE("put/moving/over", moving, warm, op_put, 1, SAME),
        CASE("put/moving/new", moving, warm, op_put, FRESH, SAME),
        CASE("put/viewed", some, with_view, op_put, 1, SAME),
        CASE("insert/some", some, warm, op_insert, FRESH, SAME),
        CASE("insert/some/there", some, warm, op_insert, 1, STAYS),
        CASE("insert/over", with_over, weft_kit_join, op_insert, 1, EXPIRES | ANY),
        CASE("replace/some", some, warm, op_replace, 1, 0),
        CASE("replace/absent", some, warm, op_replace, FRESH, STAYS),
        CASE("cas/some", some, warm, op_cas, 1, SAME),
        CASE("cas/absent", some, warm, op_cas, FRESH, 0),
        CASE("get_or_insert/some", some, warm, op_get_or_insert, 1, STAYS | SAME),
        CASE("get_or_insert/absent", some, warm, op_get_or_insert, FRESH, SAME),
        CASE("add/some", some, warm, op_add, 1, ADDS),
        CASE("add/moving", moving, warm, op_add, 1, ADDS),
        CASE("remove/some", some, warm, op_remove, 1, REMOVES),
        CASE("remove/same", some, warm, op_remove, 1, REMOVES | SAME),
        CASE("remove/moving", moving, warm, op_remove, 1, REMOVES | SAME),
        CASE("remove/viewed", some, with_view, op_remove, 1, REMOVES | SAME),
        CASE("remove/first operation", some, NULL, op_remove, 1, REMOVES),
        CASE("get/some", some, warm, op_get, 1, STAYS | SAME),
        CASE("get/moving", moving, warm, op_get, 1, STAYS | SAME),
        CASE("view/some", some, warm, op_view, 1, STAYS | SAME),
        CASE("view/first operation", some, NULL, op_view, 1, STAYS | SAME),
        CASE("view/moving", moving, warm, op_view, 1, STAYS | SAME),
        CASE("view_end/some", some, with_view, op_view_end, 1, STAYS | SAME),
        CASE("view_end/old", some, with_old_view, op_view_end, 1, STAYS | SAME),
        CASE("close/with a view", some, with_old_view, op_close, 1, STAYS),
        CASE("put_until/some", some, warm, op_put_until, 1, EXPIRES),
        CASE("put_until/helps", with_over, NULL, op_put_until, FRESH, EXPIRES | ANY),
        CASE("expire/some", some, warm, op_expire, 1, EXPIRES | STAYS),
        CASE("expire/same", some, warm, op_expire, 1, EXPIRES | STAYS | SAME),
        CASE("expire/now", some, warm, op_expire_now, 1, EXPIRES | REMOVES | STAYS),
        CASE("sweep/some", with_over, weft_kit_join, op_sweep, 1, EXPIRES | ANY),
        CASE("sweep/same", with_over, weft_kit_join, op_sweep, 1, EXPIRES | ANY | SAME),
        CASE("sweep/moving", with_over, weft_kit_join, op_sweep, 1, EXPIRES | ANY, 1),
        CASE("clear/some", some, warm, op_clear, 1, REMOVES | STAYS | SAME),
        CASE("clear/moving", moving, warm, op_clear, 1, REMOVES | STAYS),
        CASE("each/some", some, warm, op_each, 1, STAYS | SAME),
        CASE("each/moving", moving, NULL, op_each, 1, STAYS | SAME),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
