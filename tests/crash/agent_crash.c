/* tests/crash/agent_crash.c -- joining, leaving, and settling the dead. */
#include <weft/block.h>

#include "tests/harness/weft_kit.h"

static void setup(struct crash *c)
{
        weft_kit_create(c);
}

static void setup_joined(struct crash *c)
{
        weft_kit_create(c);
        weft_kit_join(c);
}

/* Leaves something of each size class in this agent's hands. */
static void own_blocks(struct crash *c)
{
        static const uint64_t bytes[] = { 4000, 30000, 140000 };
        weft_ref_t ref;
        weft_kit_join(c);
        for (int i = 0; i < 3; i++)
                WEFT_MUST(c, weft_block_alloc(arena_of(c), bytes[i], &ref, NULL));
}

/* They die when the victim has opened the arena: an opener settles whom it finds. */
static void prepare_corpse(struct crash *c)
{
        weft_kit_corpse(c, own_blocks);
}

static void prepare_two_corpses(struct crash *c)
{
        weft_kit_corpse(c, own_blocks);
        weft_kit_corpse(c, weft_kit_join);
        weft_kit_join(c);
}

/* ---- the operations ------------------------------------------------------ */

static void join(struct crash *c)
{
        c->note->rc = weft_agent_join(arena_of(c));
}

static void leave(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

static void recover(struct crash *c)
{
        c->note->rc = weft_arena_recover(arena_of(c), NULL);
}

static int no_agent(const struct weft_agent_info *agent, void *context)
{
        (void)agent, (void)context;
        return 0;
}

static void list(struct crash *c)
{
        c->note->rc = weft_agent_list(arena_of(c), no_agent, NULL);
}

/* ---- the others ---------------------------------------------------------- */

static void survive(struct crash *c)
{
        weft_ref_t ref;
        for (int i = 0; i < 2; i++) {
                WEFT_MUST(c, weft_agent_join(arena_of(c)));
                WEFT_MUST(c, weft_block_alloc(arena_of(c), 100, &ref, NULL));
                WEFT_MUST(c, weft_block_free(arena_of(c), ref));
                weft_agent_leave(arena_of(c));
        }
        WEFT_MUST(c, weft_agent_join(arena_of(c)));
}

static void verify(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 0);
        weft_kit_whole(c);
        weft_kit_nothing_left(c, 0);
}

#define CASE(name_, setup_, prepare_, victim_, flags_) \
        { \
                .name = "agent/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = weft_kit_open, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = verify, .flags = (flags_) \
        }

static const struct crash_case cases[] = {
        CASE("join/first", setup, NULL, join, 0),
        CASE("join/second", setup_joined, NULL, join, CRASH_KEEP_HOST),
        CASE("join/again", setup, weft_kit_join, join, 0),
        CASE("leave/empty hands", setup, weft_kit_join, leave, 0),
        CASE("leave/with blocks", setup, own_blocks, leave, 0),
        CASE("list/some", setup_joined, weft_kit_join, list, CRASH_KEEP_HOST),
        CASE("recover/nobody", setup, weft_kit_join, recover, 0),
        CASE("recover/one", setup, prepare_corpse, recover, 0),
        CASE("recover/two", setup, prepare_two_corpses, recover, 0),
        CASE("join/beside a corpse", setup, prepare_corpse, join, 0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
