/* tests/crash/object_crash.c -- the directory: create, open, close, remove, list. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/block.h>
#include <weft/object.h>

#include "runtime/block.h"
#include "runtime/object_table.h"
#include "tests/harness/weft_kit.h"

enum { MAX = 16 }; /* entries of the kit's arena */

/* ---- a kind: a header and a block with a number in it --------------------- */

#define BOX_ID 0x74657374u
#define NUMBER UINT64_C(0x0123456789abcdef)

struct box_shared {
        weft_ref_t block;
        uint64_t number;
        uint64_t
                more[70]; /* of a size whose slab has few blocks: settling looks at all */
};

static int box_init(struct weft_draft *draft)
{
        struct box_shared *sh = draft->sh;
        void *at;
        int rc = weft_draft_alloc(draft, 600, &sh->block, &at);
        if (rc)
                return rc;
        memcpy(at, &(uint64_t){ NUMBER }, sizeof(uint64_t));
        sh->number = NUMBER;
        return 0;
}

static int box_recover(struct weft_object *o, uint32_t sig)
{
        (void)o, (void)sig;
        return 0;
}

static void box_destroy(struct weft_object *o)
{
        struct box_shared *sh = o->sh;
        (void)weft_block_free_from(o->agent, sh->block,
                                   weft_owner_make(WEFT_OWNER_OBJECT, o->id));
}

static int box_check(struct weft_object *o, uint64_t *bytes)
{
        const struct box_shared *sh = o->sh;
        const uint64_t *at = weft_at(o->arena, sh->block, sizeof *at);
        *bytes = 0;
        return sh->number == NUMBER && at && *at == NUMBER ? 0 : -EUCLEAN;
}

static void box_describe(struct weft_object *o, struct weft_object_info *info)
{
        (void)o, (void)info;
}

static struct weft_kind box = {
        .name = "box",
        .id = BOX_ID,
        .version = 1,
        .header_bytes = sizeof(struct box_shared),
        .recover = box_recover,
        .destroy = box_destroy,
        .check = box_check,
        .describe = box_describe,
};

__attribute__((constructor)) static void register_box(void)
{
        weft_kind_register(&box);
}

/* ---- names: all in one chain ---------------------------------------------- */

static char names[MAX + 2][12]; /* [0] is the one that all is about */

__attribute__((constructor)) static void find_names(void)
{
        uint64_t bucket = 0;
        for (unsigned i = 0, n = 0; n < sizeof names / sizeof *names; i++) {
                struct weft_name name;
                char text[12];
                snprintf(text, sizeof text, "n%u", i);
                if (weft_name_make(text, &name) ||
                    (n && name.hash % WEFT_BUCKETS != bucket))
                        continue;
                bucket = name.hash % WEFT_BUCKETS;
                memcpy(names[n++], text, sizeof text);
        }
}

static struct weft_handle handles[MAX + 2];

static int make(struct crash *c, int i, bool or_open)
{
        return weft_object_create(arena_of(c), names[i], &box, NULL, box_init, or_open,
                                  &handles[i]);
}

static int make_with(struct crash *c, uint32_t flags)
{
        return weft_object_create(arena_of(c), names[0], &box, NULL, box_init, flags,
                                  &handles[0]);
}

static int open_box(struct crash *c, int i)
{
        return weft_object_open(arena_of(c), names[i], &box, &handles[i]);
}

/* ---- what is there before: arg[0] others, and names[0] or not -------------- */

static void setup(struct crash *c)
{
        weft_kit_create(c);
        for (int i = 1; i <= (int)c->self->arg[0]; i++)
                WEFT_MUST(c, make(c, i, false));
}

static void setup_there(struct crash *c)
{
        weft_kit_create(c);
        for (int i = 1; i <= (int)c->self->arg[0]; i++) {
                WEFT_MUST(c, make(c, i, false));
                if (i == 1) /* others before it and behind it in the chain */
                        WEFT_MUST(c, make(c, 0, false));
        }
        if (c->self->arg[0] == 0)
                WEFT_MUST(c, make(c, 0, false));
}

static void prepare_open(struct crash *c)
{
        WEFT_MUST(c, open_box(c, 0));
}

static void prepare_open_removed(struct crash *c)
{
        prepare_open(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), names[0]));
}

static void prepare_block(struct crash *c)
{
        weft_ref_t ref;
        prepare_open(c);
        WEFT_MUST(c, weft_block_alloc(arena_of(c), 500, &ref, NULL));
        c->note->value[0] = ref.v;
}

/* Of an object that goes with its last pin; arg[1] is what it is made with. */
static void setup_transient(struct crash *c)
{
        setup(c);
        WEFT_MUST(c, make_with(c, (uint32_t)c->self->arg[1]));
        c->note->value[1] = weft_object_token(&handles[0]);
}

static int open_by_token(struct crash *c)
{
        return weft_object_open_token(arena_of(c), c->note->value[1], &box, &handles[0]);
}

static void prepare_open_token(struct crash *c)
{
        WEFT_MUST(c, open_by_token(c));
}

static void prepare_made(struct crash *c)
{
        WEFT_MUST(c, make_with(c, (uint32_t)c->self->arg[1]));
        c->note->value[1] = weft_object_token(&handles[0]);
}

/* ---- the operations ------------------------------------------------------ */

static void op_create_with(struct crash *c)
{
        c->note->rc = make_with(c, (uint32_t)c->self->arg[1]);
}

static void op_open_token(struct crash *c)
{
        c->note->rc = open_by_token(c);
}

static void op_open_close(struct crash *c)
{
        c->note->rc = open_box(c, 0);
        if (c->note->rc == 0)
                weft_object_close(&handles[0]);
}

static void op_create(struct crash *c)
{
        c->note->rc = make(c, 0, false);
}

static void op_create_or_open(struct crash *c)
{
        c->note->rc = make(c, 0, true);
}

static void op_open(struct crash *c)
{
        c->note->rc = open_box(c, 0);
}

static void op_close(struct crash *c)
{
        (void)c;
        weft_object_close(&handles[0]);
}

static void op_remove(struct crash *c)
{
        c->note->rc = weft_object_remove(arena_of(c), names[0]);
}

static int no_object(const struct weft_object_info *object, void *context)
{
        (void)object, (void)context;
        return 0;
}

static void op_list(struct crash *c)
{
        c->note->rc = weft_object_list(arena_of(c), no_object, NULL);
}

/* A lister holds what he looks at, too: the last to know it may be he. */
static void op_list_after_close(struct crash *c)
{
        weft_object_close(&handles[0]);
        c->note->rc = weft_object_list(arena_of(c), no_object, NULL);
}

static void op_give(struct crash *c)
{
        weft_ref_t ref = { c->note->value[0] };
        c->note->rc = weft_block_give(arena_of(c), ref, weft_handle_owner(&handles[0]));
}

/* ---- the others ---------------------------------------------------------- */

/* Another of the same chain comes, is used, and goes. */
static void survive(struct crash *c)
{
        const int mine = MAX + 1;
        WEFT_MUST(c, make(c, mine, false));
        CRASH_MUST(c, CRASH_WEDGED, make(c, mine, false) == -EEXIST);
        weft_object_close(&handles[mine]);
        WEFT_MUST(c, open_box(c, mine));
        WEFT_MUST(c, weft_object_remove(arena_of(c), names[mine]));
        weft_object_close(&handles[mine]);
        CRASH_MUST(c, CRASH_DUPLICATED, open_box(c, mine) == -ENOENT);
}

/* The same name: it is theirs or ours, and whole. */
static void survive_same(struct crash *c)
{
        survive(c);
        int rc = make(c, 0, true);
        WEFT_MUST(c, rc);
        c->word[0] = rc == 0;
        uint64_t bytes;
        struct weft_object o = { .arena = arena_of(c), .sh = handles[0].sh };
        CRASH_MUST(c, CRASH_BROKEN, box_check(&o, &bytes) == 0);
        weft_object_close(&handles[0]);
}

static void survive_full(struct crash *c)
{
        WEFT_MUST(c, weft_agent_join(arena_of(c)));
        CRASH_MUST(c, CRASH_BROKEN, make(c, MAX + 1, false) == -EMFILE);
}

static void verify(struct crash *c)
{
        weft_kit_whole(c);
        for (int i = 1; i <= (int)c->self->arg[0]; i++) {
                int rc = open_box(c, i);
                CRASH_MUST(c, CRASH_LOST, rc == 0);
                WEFT_MUST(c, weft_object_remove(arena_of(c), names[i]));
                weft_object_close(&handles[i]);
        }
        int rc = weft_object_remove(arena_of(c), names[0]);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        CRASH_MUST(c, CRASH_DUPLICATED,
                   weft_object_remove(arena_of(c), names[0]) == -ENOENT);
        weft_kit_whole(c);
        for (int i = 0; i < MAX; i++) /* every entry can be had again */
                if (make(c, i, false))
                        crash_fail(c, CRASH_LEAKED, "only %d entries are left", i);
        for (int i = 0; i < MAX; i++) {
                weft_object_close(&handles[i]);
                WEFT_MUST(c, weft_object_remove(arena_of(c), names[i]));
        }
        weft_kit_nothing_left(c, 0);
}

static bool there(struct crash *c)
{
        int rc = open_box(c, 0);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        if (rc == 0)
                weft_object_close(&handles[0]);
        return rc == 0;
}

static void verify_created(struct crash *c)
{
        bool is = there(c), ours = c->word[0];
        if (c->note->done && c->note->rc == 0) {
                CRASH_MUST(c, CRASH_LOST, is);
                CRASH_MUST(c, CRASH_DUPLICATED, !ours);
        }
        if (c->note->done && c->note->rc != 0)
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc == -EMFILE ||
                                   (is && (c->note->rc == 1 || c->note->rc == -EEXIST)));
        verify(c);
}

static void verify_there(struct crash *c)
{
        CRASH_MUST(c, CRASH_BROKEN, !c->note->done || c->note->rc >= 0);
        CRASH_MUST(c, CRASH_LOST, there(c));
        verify(c);
}

static void verify_removed(struct crash *c)
{
        if (c->note->done)
                CRASH_MUST(c, CRASH_DUPLICATED, c->note->rc == 0 && !there(c));
        verify(c);
}

static void verify_gone(struct crash *c)
{
        CRASH_MUST(c, CRASH_DUPLICATED, !there(c));
        verify(c);
}

/* Nobody has it open any more: it is gone, by name and by token, with all that it had. */
static void verify_went(struct crash *c)
{
        CRASH_MUST(c, CRASH_LEAKED, open_by_token(c) == -ENOENT);
        CRASH_MUST(c, CRASH_LEAKED, open_box(c, 0) == -ENOENT);
        verify(c);
}

/* As long as the host has it open it is there; afterwards it is not. */
static void survive_held(struct crash *c)
{
        survive(c);
        CRASH_MUST(c, CRASH_LOST, open_by_token(c) == 0);
        weft_object_close(&handles[0]);
        if (!(c->self->arg[1] & WEFT_OBJECT_ANONYMOUS)) {
                CRASH_MUST(c, CRASH_LOST, make_with(c, 0) == -EEXIST);
                CRASH_MUST(c, CRASH_LOST, there(c));
        }
}

/* Whether it has gone or not: the name can be had, and what is opened is whole. */
static void survive_going(struct crash *c)
{
        survive(c);
        int rc = open_by_token(c);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        if (rc == 0) {
                uint64_t bytes;
                struct weft_object o = { .arena = arena_of(c), .sh = handles[0].sh };
                CRASH_MUST(c, CRASH_BROKEN, box_check(&o, &bytes) == 0);
                if (!(c->self->arg[1] & WEFT_OBJECT_ANONYMOUS))
                        CRASH_MUST(c, CRASH_BROKEN, make_with(c, 0) == -EEXIST);
                weft_object_close(&handles[0]);
        }
        rc = make_with(c, WEFT_OBJECT_TRANSIENT | WEFT_OBJECT_OR_OPEN);
        WEFT_MUST(c, rc);
        weft_object_close(&handles[0]);
}

/* The block is the object's, and goes with it; or it was the victim's. */
static void verify_given(struct crash *c)
{
        weft_ref_t ref = { c->note->value[0] };
        if (c->note->done)
                CRASH_MUST(c, CRASH_LOST,
                           c->note->rc == 0 && weft_block_bytes(arena_of(c), ref) != 0);
        verify_there(c);
}

#define GOES(name_, setup_, prepare_, victim_, survive_, what, others, flags_) \
        { \
                .name = "object/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = weft_kit_open, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = verify_went, .flags = (flags_), \
                .arg = {(others), \
                        (what) } \
        }

#define CASE(name_, setup_, prepare_, victim_, survive_, verify_, others, flags_) \
        { \
                .name = "object/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = weft_kit_open, .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .flags = (flags_), \
                .arg = {(others) } \
        }

static const struct crash_case cases[] = {
        CASE("create/empty", setup, NULL, op_create, survive, verify_created, 0, 0),
        CASE("create/contended", setup, weft_kit_join, op_create, survive_same,
             verify_created, 0, 0),
        CASE("create/middle", setup, weft_kit_join, op_create, survive, verify_created, 4,
             0),
        CASE("create/full", setup, weft_kit_join, op_create, survive_full, verify_created,
             MAX, 0),
        CASE("create/taken", setup_there, weft_kit_join, op_create, survive,
             verify_created, 2, 0),
        CASE("create_or_open/absent", setup, weft_kit_join, op_create_or_open,
             survive_same, verify_created, 2, 0),
        CASE("create_or_open/there", setup_there, weft_kit_join, op_create_or_open,
             survive, verify_created, 2, 0),
        CASE("open/there", setup_there, NULL, op_open, survive, verify_there, 3, 0),
        CASE("open/joined", setup_there, weft_kit_join, op_open, survive, verify_there, 3,
             0),
        CASE("close/there", setup_there, prepare_open, op_close, survive, verify_there, 2,
             0),
        CASE("close/removed", setup_there, prepare_open_removed, op_close, survive,
             verify_gone, 2, 0),
        CASE("remove/alone", setup_there, NULL, op_remove, survive, verify_removed, 0, 0),
        CASE("remove/middle", setup_there, weft_kit_join, op_remove, survive,
             verify_removed, 3, 0),
        CASE("remove/open here", setup_there, prepare_open, op_remove, survive,
             verify_removed, 3, 0),
        CASE("remove/open elsewhere", setup_there, weft_kit_join, op_remove, survive,
             verify_removed, 3, CRASH_KEEP_HOST),
        CASE("list/some", setup_there, weft_kit_join, op_list, survive, verify_there, 3,
             0),
        GOES("create/transient", setup, weft_kit_join, op_create_with, survive_going,
             WEFT_OBJECT_TRANSIENT, 2, CRASH_NO_STOP),
        GOES("create/anonymous", setup, weft_kit_join, op_create_with, survive_going,
             WEFT_OBJECT_ANONYMOUS, 2, CRASH_NO_STOP),
        GOES("close/transient", setup, prepare_made, op_close, survive_going,
             WEFT_OBJECT_TRANSIENT, 2, 0),
        GOES("close/anonymous", setup, prepare_made, op_close, survive_going,
             WEFT_OBJECT_ANONYMOUS, 2, 0),
        GOES("close/transient, open elsewhere", setup_transient, prepare_open, op_close,
             survive_held, WEFT_OBJECT_TRANSIENT, 2, CRASH_KEEP_HOST),
        GOES("close/anonymous, open elsewhere", setup_transient, prepare_open_token,
             op_close, survive_held, WEFT_OBJECT_ANONYMOUS, 0, CRASH_KEEP_HOST),
        GOES("open/transient", setup_transient, weft_kit_join, op_open_close,
             survive_held, WEFT_OBJECT_TRANSIENT, 2, CRASH_KEEP_HOST),
        GOES("open/its holder is dead", setup_transient, NULL, op_open_close,
             survive_going, WEFT_OBJECT_TRANSIENT, 2, CRASH_NO_RECOVER),
        GOES("open_token/anonymous", setup_transient, weft_kit_join, op_open_token,
             survive_held, WEFT_OBJECT_ANONYMOUS, 2, CRASH_KEEP_HOST | CRASH_NO_STOP),
        GOES("remove/transient", setup, prepare_made, op_remove, survive_going,
             WEFT_OBJECT_TRANSIENT, 2, CRASH_NO_STOP),
        GOES("list/transient, nobody has it", setup, prepare_made, op_list_after_close,
             survive_going, WEFT_OBJECT_TRANSIENT, 2, 0),
        CASE("give/block", setup_there, prepare_block, op_give, survive, verify_given, 0,
             0),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
