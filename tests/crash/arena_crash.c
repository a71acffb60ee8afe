/* tests/crash/arena_crash.c -- creating, opening, closing, removing, trimming. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>

#include <weft/block.h>

#include "tests/check.h"
#include "tests/harness/weft_kit.h"

enum { BYTES = 3000, BLOCKS = 60 };

/* ---- what is there before ------------------------------------------------ */

static void nothing(struct crash *c)
{
        (void)c;
}

static void setup(struct crash *c)
{
        weft_kit_create(c);
}

static void own_some(struct crash *c)
{
        weft_ref_t ref;
        for (int i = 0; i < BLOCKS; i++)
                WEFT_MUST(c, weft_block_alloc(arena_of(c), BYTES, &ref, NULL));
}

static void setup_corpse(struct crash *c)
{
        weft_kit_create(c);
        weft_kit_corpse(c, own_some);
}

/* Free pages, committed: something to trim. */
static void setup_freed(struct crash *c)
{
        weft_ref_t ref[BLOCKS];
        weft_kit_create(c);
        for (int i = 0; i < BLOCKS; i++)
                WEFT_MUST(c, weft_block_alloc(arena_of(c), BYTES, &ref[i], NULL));
        for (int i = 0; i < BLOCKS; i++)
                WEFT_MUST(c, weft_block_free(arena_of(c), ref[i]));
}

static void prepare_own(struct crash *c)
{
        own_some(c);
}

/* ---- the operations ------------------------------------------------------ */

static int create(weft_arena_t **arena)
{
        struct weft_arena_options options = { .max_bytes = WEFT_ARENA_MIN,
                                              .max_objects = 16 };
        return weft_arena_create("a", &options, arena);
}

static void op_create(struct crash *c)
{
        weft_arena_t *arena;
        c->note->rc = create(&arena);
}

static void op_open(struct crash *c)
{
        weft_arena_t *arena;
        c->note->rc = weft_arena_open("a", WEFT_RDWR, &arena);
}

static void op_open_readonly(struct crash *c)
{
        weft_arena_t *arena;
        c->note->rc = weft_arena_open("a", WEFT_RDONLY, &arena);
}

static void op_open_fd(struct crash *c)
{
        weft_arena_t *arena;
        c->note->rc = weft_arena_open_fd(c->fd, WEFT_RDWR, &arena);
}

static void op_close(struct crash *c)
{
        weft_arena_close(arena_of(c));
}

static void op_remove(struct crash *c)
{
        c->note->rc = weft_arena_remove("a");
}

static void op_trim(struct crash *c)
{
        c->note->rc = weft_arena_trim(arena_of(c));
}

static void op_info(struct crash *c)
{
        struct weft_arena_info info;
        c->note->rc = weft_arena_info(arena_of(c), &info);
}

static void op_check(struct crash *c)
{
        struct weft_census census;
        c->note->rc = weft_arena_check(arena_of(c), &census);
}

/* ---- the others ---------------------------------------------------------- */

static void work(struct crash *c)
{
        weft_ref_t ref;
        void *at;
        WEFT_MUST(c, weft_block_alloc(arena_of(c), BYTES, &ref, &at));
        *(char *)at = 1;
        WEFT_MUST(c, weft_block_free(arena_of(c), ref));
}

static void survive(struct crash *c)
{
        if (!c->arena)
                weft_kit_open(c);
        work(c);
}

/* It is there whole, or it is not and can be made. */
static void survive_create(struct crash *c)
{
        weft_arena_t *arena;
        int rc = create(&arena);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -EEXIST);
        c->word[0] = rc == 0;
        if (rc == -EEXIST)
                WEFT_MUST(c, weft_arena_open("a", WEFT_RDWR, &arena));
        c->arena = arena;
        work(c);
}

static void survive_remove(struct crash *c)
{
        weft_arena_t *arena;
        int rc = weft_arena_open("a", WEFT_RDWR, &arena);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        c->arena = rc ? NULL : arena;
        if (!rc)
                work(c);
}

static int files(const struct crash *c)
{
        int n = 0;
        DIR *dir = opendir(c->dir);
        CHECK(dir);
        for (struct dirent *e = readdir(dir); e; e = readdir(dir))
                n += e->d_name[0] != '.';
        closedir(dir);
        return n;
}

static void verify(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc >= 0);
        weft_kit_whole(c);
        weft_kit_nothing_left(c, 0);
        work(c);
        weft_kit_nothing_left(c, 0);
}

static void verify_create(struct crash *c)
{
        if (c->note->done && c->how == CRASH_STOPPED) {
                CRASH_MUST(c, CRASH_BROKEN, c->note->rc == 0 || c->note->rc == -EEXIST);
                CRASH_MUST(c, CRASH_DUPLICATED,
                           (c->note->rc == 0) + (c->word[0] != 0) ==
                                   (c->self->setup != setup));
        }
        if (c->note->done && c->note->rc == 0)
                CRASH_MUST(c, CRASH_LOST, !c->word[0]);
        if (c->note->rc == -EEXIST)
                c->note->rc = 0;
        CRASH_MUST(c, CRASH_LEAKED, files(c) == 1);
        verify(c);
}

static void verify_removed(struct crash *c)
{
        int n = files(c);
        if (c->note->done)
                CRASH_MUST(c, CRASH_DUPLICATED, c->note->rc == 0 && n == 0);
        int rc = weft_arena_remove("a");
        CRASH_MUST(c, CRASH_BROKEN, rc == (n ? 0 : -ENOENT));
        if (c->arena)
                verify(c);
}

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, verify_, flags_) \
        { \
                .name = "arena/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .flags = (flags_) \
        }

static const struct crash_case cases[] = {
        CASE("open/named", setup, NULL, NULL, op_open, survive, verify, CRASH_DIR),
        CASE("open/read-only", setup, NULL, NULL, op_open_readonly, survive, verify,
             CRASH_DIR),
        CASE("open/fd", setup, NULL, NULL, op_open_fd, survive, verify, 0),
        CASE("open/with the dead in it", setup_corpse, NULL, NULL, op_open_fd, survive,
             verify, 0),
        CASE("close/not joined", setup, weft_kit_open, NULL, op_close, survive, verify,
             0),
        CASE("close/joined", setup, weft_kit_open, weft_kit_join, op_close, survive,
             verify, 0),
        CASE("close/with blocks", setup, weft_kit_open, prepare_own, op_close, survive,
             verify, 0),
        CASE("remove/there", setup, NULL, NULL, op_remove, survive_remove, verify_removed,
             CRASH_DIR),
        CASE("trim/empty", setup, weft_kit_open, weft_kit_join, op_trim, survive, verify,
             0),
        CASE("trim/freed", setup_freed, weft_kit_open, NULL, op_trim, survive, verify, 0),
        CASE("info/some", setup_freed, weft_kit_open, prepare_own, op_info, survive,
             verify, 0),
        CASE("check/some", setup_freed, weft_kit_open, prepare_own, op_check, survive,
             verify, 0),
        CASE("create/taken", setup, NULL, NULL, op_create, survive_create, verify_create,
             CRASH_DIR),
        CASE("create/free", nothing, NULL, NULL, op_create, survive_create, verify_create,
             CRASH_DIR),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
