/* tests/crash/map_propose_crash.c -- one puts a block, the short way, and stands at an instruction;
 * its key goes, and another proposes a block of his own in the slot that has become free; then
 * the first goes on. At no instruction its desk calls that block the one it replaces: if it
 * were killed there, its recoverer would free what is about to be accepted. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weft/map.h>

#include "structures/map_block.h"
#include "structures/map_hash.h"
#include "tests/check.h"
#include "tests/harness/step.h"
#include "tests/harness/weft_kit.h"

enum { KEY = 24, VALUE = 64, LONGEST = 100000, MOST = 250 };
enum { FIRST = 1, SECOND = 2 };

static uint64_t key[3], other[3]; /* inherited by children */
static uint64_t value[VALUE / 8];

static weft_map_t *map_of(const struct crash *c)
{
        return c->handle;
}

static int put(const struct crash *c, const uint64_t *k)
{
        return weft_map_put(map_of(c), k, KEY, value, VALUE);
}

static int take_out(const struct crash *c, const uint64_t *k)
{
        return weft_map_remove(map_of(c), k, KEY);
}

static weft_a128_t *find_cell(struct crash *c, const uint64_t *k)
{
        struct weft_map_op op;
        struct weft_map_seen seen;
        WEFT_MUST(c, weft_map_begin(&op, map_of(c), false));
        WEFT_MUST(c, weft_map_hash(&op, k, KEY));
        WEFT_MUST(c, weft_map_find(&op, &seen));
        weft_map_end(&op);
        return weft_slot_cell(seen.bucket, seen.slot);
}

static void make_map(struct crash *c)
{
        struct weft_map_options options = { .key_bytes = KEY, .value_bytes = VALUE };
        weft_map_t *map;
        weft_kit_create(c);
        WEFT_MUST(c, weft_map_create(arena_of(c), "m", &options, &map));
        c->handle = map;
}

/* Two that get the same slot, and have had none yet. */
static void choose_keys(struct crash *c, uint64_t n)
{
        weft_a128_t *cell, *its;
        key[0] = 1;
        other[0] = 2;
        key[1] = other[1] = n;
        WEFT_MUST(c, put(c, key));
        cell = find_cell(c, key);
        WEFT_MUST(c, take_out(c, key));
        do {
                other[0]++;
                WEFT_MUST(c, put(c, other));
                its = find_cell(c, other);
                WEFT_MUST(c, take_out(c, other));
        } while (its != cell);
}

/* Has an idle block, and knows the way. */
static void come_again(struct crash *c)
{
        uint64_t mine[3] = { c->self->arg[0], 8, 9 };
        weft_map_t *map;
        weft_kit_open(c);
        WEFT_MUST(c, weft_map_open(arena_of(c), "m", &map));
        c->handle = map;
        weft_kit_join(c);
        for (int i = 0; i < 4; i++)
                WEFT_MUST(c, put(c, mine));
        WEFT_MUST(c, take_out(c, mine));
        if (c->self->arg[0] == FIRST)
                for (int i = 0; i < 4; i++)
                        WEFT_MUST(c, put(c, key));
}

static void operate(struct crash *c)
{
        c->note->rc = put(c, c->self->arg[0] == FIRST ? key : other);
}

static bool goes_until(struct tracee *t, weft_a128_t *cell, enum weft_map_state state)
{
        for (int i = 0; i < LONGEST; i++) {
                if (weft_meta_state(weft_load_acq(&cell->hi)) == state)
                        return true;
                if (tracee_step(t) != TRACEE_GOES)
                        return false;
        }
        return false;
}

/* Of all desks the first that has a block there; what it is. */
static uint64_t on_a_desk(const struct crash *c, size_t where)
{
        uint8_t *desk;
        uint64_t ref = 0;
        for (uint32_t seat = 0; seat < 64 && !ref; seat++)
                if ((desk = (uint8_t *)weft_desk_at(&map_of(c)->desks, seat)))
                        ref = weft_load_acq((weft_a64_t *)(void *)(desk + where));
        return ref;
}

#define FRESH offsetof(struct weft_map_desk_shared, fresh)
#define OLD offsetof(struct weft_map_desk_shared, old)

struct party {
        struct crash_case self;
        struct crash c;
        struct tracee t;
};

static void start(struct party *p, const struct crash *host, struct crash_note *note,
                  uint64_t who)
{
        *p = (struct party){ .self = { .arg = { who } }, .c = *host };
        p->c.self = &p->self;
        p->c.note = note;
        CHECK(tracee_start(&p->t, &p->c, come_again, operate) == TRACEE_GOES);
}

static void end(struct party *p)
{
        CHECK(tracee_finish(&p->t) == TRACEE_ENDED);
        CHECK(p->c.note->rc == 0);
        tracee_kill(&p->t);
        WEFT_MUST(&p->c, weft_arena_recover(arena_of(&p->c), NULL));
}

/* What the first does from the instruction after which its desk has the new block to the one
 * after which it has the old one: it looks at the slot. */
static void find_window(struct crash *host, uint64_t *from, uint64_t *to)
{
        struct party first;
        choose_keys(host, 0);
        start(&first, host, host->note, FIRST);
        for (*from = 0; !on_a_desk(host, FRESH); ++*from)
                CHECK(tracee_step(&first.t) == TRACEE_GOES);
        for (*to = *from; !on_a_desk(host, OLD); ++*to)
                CHECK(tracee_step(&first.t) == TRACEE_GOES);
        end(&first);
        WEFT_MUST(host, take_out(host, key));
}

static void try_at(struct crash *host, struct crash_note *notes, uint64_t at)
{
        struct party first, second;
        choose_keys(host, at);
        start(&first, host, &notes[0], FIRST);
        CHECK(tracee_step_to(&first.t, at) == TRACEE_GOES);
        weft_a128_t *cell = find_cell(host, key);
        WEFT_MUST(host, take_out(host, key));
        start(&second, host, &notes[1], SECOND);
        CHECK(goes_until(&second.t, cell, WEFT_SLOT_CLAIM));
        WEFT_MUST(host, put(host, other)); /* who has been refused once proposes */
        WEFT_MUST(host, take_out(host, other));
        CHECK(goes_until(&second.t, cell, WEFT_SLOT_TENT));
        uint64_t ref = weft_load_acq(&cell->lo);
        for (int i = 0; i < LONGEST; i++) {
                CHECK(on_a_desk(host, OLD) != ref);
                if (tracee_step(&first.t) != TRACEE_GOES ||
                    weft_meta_state(weft_load_acq(&cell->hi)) != WEFT_SLOT_TENT)
                        break;
        }
        end(&first);
        end(&second);
        WEFT_MUST(host, take_out(host, key));
        WEFT_MUST(host, take_out(host, other));
}

int main(int argc, char **argv)
{
        struct crash_case none = { 0 };
        struct crash host = { .self = &none, .fd = -1 };
        uint64_t from, to;
        (void)argc;
        int rc = crash_begin(argv);
        if (rc)
                return rc;
        struct crash_note *notes = mmap(NULL, 2 * sizeof *notes, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(notes != MAP_FAILED);
        host.note = notes;
        make_map(&host);
        find_window(&host, &from, &to);
        /* Without optimization there are too many: then every so many, from anywhere on. */
        uint64_t often = (to - from) / MOST, step = 1 + often * often * often;
        for (uint64_t at = from + (uint64_t)getpid() % step; at < to; at += step)
                try_at(&host, notes, at);
        printf("%llu instructions, by %llu\n", (unsigned long long)(to - from),
               (unsigned long long)step);
        weft_kit_whole(&host);
        weft_map_close(map_of(&host));
        WEFT_MUST(&host, weft_object_remove(arena_of(&host), "m"));
        weft_kit_nothing_left(&host, 0);
        return 0;
}
