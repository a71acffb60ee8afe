/* tests/crash/block_crash.c -- taking, freeing and handing over blocks. */
#include <errno.h>
#include <string.h>

#include <weft/block.h>

#include "tests/harness/weft_kit.h"

enum { ARG_BYTES = 0 };
enum { NOTE_REF = 0, NOTE_SHARED = 8, NOTE_FULL = 9 }; /* places in the note */

static uint64_t bytes_of(const struct crash *c)
{
        return c->self->arg[ARG_BYTES];
}

static weft_ref_t take(struct crash *c)
{
        weft_ref_t ref;
        void *at;
        WEFT_MUST(c, weft_block_alloc(arena_of(c), bytes_of(c), &ref, &at));
        memset(at, 0x5a, 16);
        return ref;
}

/* ---- what is there before ------------------------------------------------ */

static void setup(struct crash *c)
{
        weft_kit_create(c);
}

/* A block that belongs to the arena, from a slab of the host's. */
static void setup_shared(struct crash *c)
{
        weft_kit_create(c);
        (void)take(c);
        weft_ref_t ref = take(c);
        WEFT_MUST(c, weft_block_share(arena_of(c), ref));
        c->note->value[NOTE_SHARED] = ref.v;
}

/* How many blocks of this size fill a page. */
static void setup_count(struct crash *c)
{
        weft_kit_create(c);
        uint64_t n = 1, page = 0;
        for (;; n++) {
                void *at;
                weft_ref_t ref;
                WEFT_MUST(c, weft_block_alloc(arena_of(c), bytes_of(c), &ref, &at));
                if (n > 1 && (uintptr_t)at >> 16 != page)
                        break;
                page = (uintptr_t)at >> 16;
        }
        c->note->value[NOTE_FULL] = n - 1;
}

static void prepare_warm(struct crash *c)
{
        WEFT_MUST(c, weft_block_free(arena_of(c), take(c)));
}

static void prepare_one(struct crash *c)
{
        c->note->value[NOTE_REF] = take(c).v;
}

static void prepare_two(struct crash *c)
{
        (void)take(c);
        prepare_one(c);
}

static void prepare_full_slab(struct crash *c)
{
        for (uint64_t i = 0; i < c->note->value[NOTE_FULL]; i++)
                (void)take(c);
}

static void prepare_full_slab_one(struct crash *c)
{
        prepare_full_slab(c);
        prepare_one(c);
        prepare_one(c);
}

static void prepare_full_arena(struct crash *c)
{
        weft_ref_t ref;
        while (weft_block_alloc(arena_of(c), bytes_of(c), &ref, NULL) == 0)
                continue;
}

/* ---- the operations ------------------------------------------------------ */

static void op_alloc(struct crash *c)
{
        weft_ref_t ref;
        c->note->rc = weft_block_alloc(arena_of(c), bytes_of(c), &ref, NULL);
}

static weft_ref_t noted(const struct crash *c, int where)
{
        return (weft_ref_t){ c->note->value[where] };
}

static void op_free(struct crash *c)
{
        c->note->rc = weft_block_free(arena_of(c), noted(c, NOTE_REF));
}

static void op_free_shared(struct crash *c)
{
        c->note->rc = weft_block_free(arena_of(c), noted(c, NOTE_SHARED));
}

static void op_share(struct crash *c)
{
        c->note->rc = weft_block_share(arena_of(c), noted(c, NOTE_REF));
}

static void op_claim(struct crash *c)
{
        c->note->rc = weft_block_claim(arena_of(c), noted(c, NOTE_SHARED));
}

/* ---- the others ---------------------------------------------------------- */

/* Takes two, frees them in the other order; what is in them must stay. */
static void survive(struct crash *c)
{
        weft_ref_t a, b;
        uint64_t *x, *y, n = bytes_of(c);
        void *at;
        WEFT_MUST(c, weft_block_alloc(arena_of(c), n, &a, &at));
        x = at;
        WEFT_MUST(c, weft_block_alloc(arena_of(c), n, &b, &at));
        y = at;
        CRASH_MUST(c, CRASH_DUPLICATED, a.v != b.v && x != y);
        x[0] = 1, x[n / 8 - 1] = 1;
        y[0] = 2, y[n / 8 - 1] = 2;
        c->word[0] = a.v;
        c->word[1] = b.v;
}

static void survive_full(struct crash *c)
{
        weft_ref_t ref;
        (void)c;
        CRASH_MUST(c, CRASH_BROKEN, weft_agent_join(arena_of(c)) == 0);
        int rc = weft_block_alloc(arena_of(c), bytes_of(c), &ref, NULL);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOSPC);
        if (!rc)
                WEFT_MUST(c, weft_block_free(arena_of(c), ref));
}

static void survive_claim(struct crash *c)
{
        survive(c);
        int rc = weft_block_claim(arena_of(c), noted(c, NOTE_SHARED));
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EPERM || rc == -ENOENT);
        c->word[2] = rc == 0;
}

static void give_back(struct crash *c)
{
        uint64_t n = bytes_of(c);
        for (int i = 0; i < 2; i++) {
                if (!c->word[i])
                        continue;
                weft_ref_t ref = { c->word[i] };
                const uint64_t *at = weft_at(arena_of(c), ref, n);
                CRASH_MUST(c, CRASH_LOST, at);
                CRASH_MUST(c, CRASH_DUPLICATED,
                           at[0] == (uint64_t)i + 1 && at[n / 8 - 1] == (uint64_t)i + 1);
                WEFT_MUST(c, weft_block_free(arena_of(c), ref));
        }
}

static void verify(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -ENOSPC);
        give_back(c);
        weft_kit_whole(c);
        weft_kit_nothing_left(c, 0);
}

/* The block at `where` is freed if it is the arena's; returns whether it was. */
static bool free_rest(struct crash *c, int where)
{
        int rc = weft_block_free(arena_of(c), noted(c, where));
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        return rc == 0;
}

static void verify_freed(struct crash *c)
{
        if (free_rest(c, c->note->value[NOTE_SHARED] ? NOTE_SHARED : NOTE_REF))
                CRASH_MUST(c, CRASH_DUPLICATED, !c->note->done);
        verify(c);
}

static void verify_shared(struct crash *c)
{
        if (!free_rest(c, NOTE_REF))
                CRASH_MUST(c, CRASH_LOST, !c->note->done);
        verify(c);
}

static void verify_claimed(struct crash *c)
{
        bool mine = c->word[2], done = c->note->done, its = done && c->note->rc == 0;
        CRASH_MUST(c, CRASH_DUPLICATED, !(mine && its));
        if (done && c->note->rc)
                CRASH_MUST(c, CRASH_BROKEN,
                           mine && (c->note->rc == -EPERM || c->note->rc == -ENOENT));
        c->note->rc = 0;
        if (free_rest(c, NOTE_SHARED))
                CRASH_MUST(c, CRASH_DUPLICATED, mine || !its);
        else
                CRASH_MUST(c, CRASH_LOST, !mine);
        verify(c);
}

#define CASE(name_, setup_, prepare_, victim_, survive_, verify_, bytes, flags_) \
        { \
                .name = "block/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = weft_kit_open, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .flags = (flags_), \
                .arg = {(bytes) } \
        }
#define ALLOC(name_, prepare_, bytes) \
        CASE("alloc/" name_, setup, prepare_, op_alloc, survive, verify, bytes, 0)
#define FREE(name_, prepare_, bytes) \
        CASE("free/" name_, setup, prepare_, op_free, survive, verify_freed, bytes, 0)
#define REMOTE(name_, bytes, flags_) \
        CASE("free/remote/" name_, setup_shared, weft_kit_join, op_free_shared, survive, \
             verify_freed, bytes, flags_)
#define HAND(name_, prepare_, op, bytes) \
        CASE(name_, setup, prepare_, op, survive, verify_shared, bytes, 0)

static const struct crash_case cases[] = {
        ALLOC("640/joining", NULL, 640),
        ALLOC("640/joined", weft_kit_join, 640),
        ALLOC("640/warm", prepare_warm, 640),
        ALLOC("64/warm", prepare_warm, 64),
        ALLOC("16/joined", weft_kit_join, 16),
        ALLOC("4K/warm", prepare_warm, 4096),
        ALLOC("64K/joined", weft_kit_join, 65536),
        ALLOC("64K/warm", prepare_warm, 65536),
        ALLOC("span/joined", weft_kit_join, 140000),
        ALLOC("span/again", prepare_warm, 140000),
        CASE("alloc/slab exhausted", setup_count, prepare_full_slab, op_alloc, survive,
             verify, 4096, 0),
        CASE("alloc/arena full", setup, prepare_full_arena, op_alloc, survive_full,
             verify, 65536, 0),
        FREE("640/last of slab", prepare_one, 640),
        FREE("640/middle", prepare_two, 640),
        FREE("64K", prepare_one, 65536),
        FREE("span", prepare_one, 140000),
        CASE("free/first of full slab", setup_count, prepare_full_slab_one, op_free,
             survive, verify_freed, 4096, 0),
        REMOTE("640/owner there", 640, CRASH_KEEP_HOST),
        REMOTE("640/owner gone", 640, 0),
        REMOTE("64K/owner there", 65536, CRASH_KEEP_HOST),
        REMOTE("span/owner there", 140000, CRASH_KEEP_HOST),
        REMOTE("span/owner gone", 140000, 0),
        HAND("share/640", prepare_two, op_share, 640),
        HAND("share/span", prepare_one, op_share, 140000),
        CASE("claim/640", setup_shared, weft_kit_join, op_claim, survive_claim,
             verify_claimed, 640, CRASH_KEEP_HOST),
        CASE("claim/span", setup_shared, NULL, op_claim, survive_claim, verify_claimed,
             140000, 0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
