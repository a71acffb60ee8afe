/* tests/crash/map_turns_crash.c -- several who want the same key, of whom each goes on just until
 * something in the map has changed, and then the next: the schedule in which those who only
 * refused each other would go on doing so for ever. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/check.h"
#include "tests/crash/map_kit.h"
#include "tests/harness/step.h"

enum {
        PARTIES = 3,
        TURNS = 400,   /* of all together; they need some 20 each */
        STEPS = 30000, /* in a turn: who changes nothing for so long */
};

struct game {
        const char *name;
        void (*setup)(struct crash *c);
        void (*op)(struct crash *c);
        uint64_t key;
        bool short_way, once; /* exactly one of them is told 0 */
        int parties, offsets; /* how many turns the first one may be ahead */
};

static void insert(struct crash *c)
{
        uint64_t k = c->self->arg[0];
        c->note->rc = weft_map_insert64(map_of(c), k, k * 100 + c->self->arg[1]);
}

static void put(struct crash *c)
{
        uint64_t k = c->self->arg[0];
        c->note->rc = weft_map_put64(map_of(c), k, k * 100 + c->self->arg[1]);
}

static void add(struct crash *c)
{
        uint64_t k = c->self->arg[0];
        uint64_t first = c->self->arg[1] == 1 ? k * 100 : 0;
        c->note->rc = weft_map_add64(map_of(c), k, first + 1, NULL);
}

static void four(struct crash *c)
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

static void join_here(struct crash *c)
{
        open_map(c);
        weft_kit_join(c);
}

static void come_again(struct crash *c)
{
        open_map(c);
        weft_kit_join(c);
        warm(c);
}

/* All that is in the tables. */
static uint64_t sum_up(struct crash *c)
{
        struct weft_map_table t[2];
        uint64_t sum = 0;
        WEFT_MUST(c, weft_map_tables(map_of(c), &t[0], &t[1]));
        for (int i = 0; i < 2 && t[i].sh; i++)
                sum ^= weft_map_hash_bytes(t[i].buckets,
                                           sizeof *t[i].buckets << t[i].bits, sum);
        return sum;
}

/* Until something has changed. */
static enum tracee_state turn(struct crash *c, struct tracee *t)
{
        enum tracee_state state = TRACEE_GOES;
        uint64_t was = sum_up(c);
        for (int i = 0; i < STEPS && state == TRACEE_GOES; i++) {
                state = tracee_step(t);
                if (sum_up(c) != was)
                        break;
        }
        return state;
}

static void play(const struct game *g, int parties, int ahead)
{
        struct crash_case self[PARTIES] = { 0 };
        struct crash_note *notes =
                mmap(NULL, sizeof *notes * PARTIES, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct crash host = { .self = &self[0], .note = notes, .fd = -1 };
        struct tracee t[PARTIES];
        enum tracee_state state[PARTIES];
        int left = parties, turns = 0, won = 0;
        CHECK(notes != MAP_FAILED);
        g->setup(&host);
        for (int i = 0; i < parties; i++) {
                self[i].arg[0] = g->key;
                self[i].arg[1] = (uint64_t)i + 1;
                struct crash c = host;
                c.self = &self[i];
                c.note = &notes[i];
                state[i] = tracee_start(&t[i], &c, g->short_way ? come_again : join_here,
                                        g->op);
                CHECK(state[i] == TRACEE_GOES);
        }
        for (; left && turns < TURNS; turns++) {
                int i = turns < ahead ? 0 : (turns - ahead) % parties;
                if (state[i] != TRACEE_GOES)
                        continue;
                state[i] = turn(&host, &t[i]);
                CHECK(state[i] != TRACEE_DIED);
                left -= state[i] == TRACEE_ENDED;
        }
        if (left)
                fprintf(stderr, "%s, %d parties, %d turns ahead: %d have not ended\n",
                        g->name, parties, ahead, left);
        CHECK(left == 0);
        for (int i = 0; i < parties; i++) {
                CHECK(notes[i].rc == 0 || (g->once && notes[i].rc == -EEXIST));
                won += notes[i].rc == 0;
                tracee_kill(&t[i]);
        }
        CHECK(!g->once || won == 1);
        WEFT_MUST(&host, weft_arena_recover(arena_of(&host), NULL));
        verify_rest(&host, parties);
        weft_arena_close(arena_of(&host));
        munmap(notes, sizeof *notes * PARTIES);
}

static const struct game games[] = {
        { "insert", four, insert, FRESH, false, true, 3, 4 },
        { "insert/from behind", four, insert, 61, false, true, 2, 3 },
        { "insert/short", four, insert, FRESH, true, true, 3, 4 },
        { "insert/its home is full", fill_home, insert, FRESH, true, true, 2, 3 },
        { "insert/moving", moving, insert, FRESH, false, true, 2, 1 },
        { "put", four, put, FRESH, true, false, 2, 3 },
        { "add", four, add, FRESH, false, false, 2, 3 },
};

int main(int argc, char **argv)
{
        (void)argc;
        int rc = crash_begin(argv);
        if (rc)
                return rc;
        for (size_t i = 0; i < sizeof games / sizeof *games; i++)
                for (int parties = 2; parties <= games[i].parties; parties++)
                        for (int ahead = 0; ahead < games[i].offsets; ahead++)
                                play(&games[i], parties, ahead);
        return 0;
}
