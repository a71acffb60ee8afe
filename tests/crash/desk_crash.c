/* tests/crash/desk_crash.c -- desks made by those who die of it, or stand still.
 *
 * A segment of desks has an owner at every instant; whoever comes in between has a desk. */
#include <errno.h>
#include <string.h>

#include <weft/object.h>

#include "runtime/block.h"
#include "tests/desk_kind.h"
#include "tests/harness/weft_kit.h"

static struct bare *bare_of(const struct crash *c)
{
        return c->handle;
}

static void *desk_of(struct crash *c)
{
        struct weft_agent *agent;
        void *desk = NULL;
        WEFT_MUST(c, weft_handle_enter(&bare_of(c)->handle, &agent));
        c->note->rc = weft_desk_get(&bare_of(c)->desks, agent, &desk);
        return desk;
}

static void setup(struct crash *c)
{
        struct bare *b;
        weft_kit_create(c);
        WEFT_MUST(c, weft_handle_create(arena_of(c), "b", &bare_kind, NULL, bare_init,
                                        false, &b));
        c->handle = b;
        if (c->self->arg[0])
                CRASH_MUST(c, CRASH_BROKEN, desk_of(c));
        weft_agent_leave(arena_of(c));
}

static void open_bare(struct crash *c)
{
        struct bare *b;
        weft_kit_open(c);
        WEFT_MUST(c, weft_handle_open(arena_of(c), "b", &bare_kind, &b));
        c->handle = b;
}

static void op_get(struct crash *c)
{
        uint64_t *desk = desk_of(c);
        if (desk)
                desk[0] = 4711;
}

static void op_leave(struct crash *c)
{
        weft_agent_leave(arena_of(c));
}

static void prepare_used(struct crash *c)
{
        op_get(c);
}

/* He has his own, zeroed or as it was left; the other's is not his. */
static void survive(struct crash *c)
{
        int64_t rc = c->note->rc;
        uint64_t *desk = desk_of(c);
        CRASH_MUST(c, CRASH_WEDGED, c->note->rc == 0 && desk);
        c->note->rc = rc;
        CRASH_MUST(c, CRASH_DUPLICATED, desk[1] == 0);
        desk[1] = 1;
        c->word[0] = 1;
}

static void verify(struct crash *c)
{
        struct bare *b = bare_of(c);
        const struct bare_shared *sh = b->handle.sh;
        weft_ref_t ref = { weft_load_acq(&sh->desks.segments[0]) };
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc == 0);
        CRASH_MUST(c, CRASH_LEAKED,
                   !ref.v || weft_block_owner(arena_of(c), ref).v ==
                                     weft_handle_owner(&b->handle).v);
        CRASH_MUST(c, CRASH_LOST, ref.v || !(c->note->done || c->word[0]));
        int64_t bytes = weft_desks_bytes(&b->desks);
        CRASH_MUST(c, CRASH_BROKEN, ref.v ? bytes >= WEFT_DESK_SEATS * DESK : bytes == 0);
        int64_t rc = c->note->rc;
        const uint64_t *desk = desk_of(c);
        CRASH_MUST(c, CRASH_BROKEN, desk != NULL);
        CRASH_MUST(c, CRASH_LOST, !c->word[0] || desk[1] == 1);
        c->note->rc = rc;
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "b"));
        weft_handle_close(b);
        weft_kit_nothing_left(c, 0);
}

#define CASE(name_, prepare_, victim_, there) \
        { \
                .name = "desk/" name_, .kit = &weft_kit, .setup = setup, \
                .open = open_bare, .prepare = (prepare_), .victim = (victim_), \
                .survive = survive, .verify = verify, \
                .arg = { there } \
        }

static const struct crash_case cases[] = {
        CASE("get/the first in its segment", weft_kit_join, op_get, 0),
        CASE("get/joining", NULL, op_get, 0),
        CASE("get/there", weft_kit_join, op_get, 1),
        CASE("leave", prepare_used, op_leave, 0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
