/* codata/recipe.c -- what is to be computed: written down, read, and run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/block.h>

#include "codata/function.h"
#include "codata/recipe.h"

enum { ROOM_FIRST = 4096 }; /* bytes that a function of a chunk is given first */

static uint64_t argument_at(uint32_t name_bytes)
{
        return sizeof(struct weft_recipe_shared) + ((uint64_t)name_bytes + 15) / 16 * 16;
}

/* ---- written down ---------------------------------------------------------------- */

int weft_recipe_check(const char *name, const void *argument, uint64_t bytes)
{
        if (!name || !*name || (!argument && bytes))
                return -EINVAL;
        if (strlen(name) > WEFT_FUNCTION_NAME_MAX)
                return -ENAMETOOLONG;
        return bytes > WEFT_RECIPE_ARGUMENT_MAX ? -EOVERFLOW : 0;
}

int weft_recipe_make(struct weft_draft *draft, const char *name, const void *argument,
                     uint32_t bytes, weft_ref_t *ref)
{
        struct weft_recipe_shared *sh;
        uint32_t length = (uint32_t)strlen(name);
        void *at;
        int rc = weft_draft_alloc(draft, argument_at(length) + bytes, ref, &at);
        if (rc)
                return rc;
        sh = at;
        *sh = (struct weft_recipe_shared){ length, bytes, 0 };
        memcpy((char *)at + sizeof *sh, name, length);
        if (bytes)
                memcpy((char *)at + argument_at(length), argument, bytes);
        return 0;
}

/* It is constant, but the bytes may be anything. */
int weft_recipe_read(weft_arena_t *arena, weft_ref_t ref, struct weft_recipe *recipe)
{
        struct weft_recipe_shared head;
        const char *at = weft_at(arena, ref, sizeof head);
        *recipe = (struct weft_recipe){ 0 };
        if (!at)
                return -EUCLEAN;
        memcpy(&head, at, sizeof head);
        if (!head.name_bytes || head.name_bytes > WEFT_FUNCTION_NAME_MAX ||
            head.argument_bytes > WEFT_RECIPE_ARGUMENT_MAX)
                return -EUCLEAN;
        uint64_t bytes = argument_at(head.name_bytes) + head.argument_bytes;
        at = weft_at(arena, ref, bytes);
        if (!at)
                return -EUCLEAN;
        int saved = errno;
        recipe->name = calloc(1, head.name_bytes + 1);
        if (head.argument_bytes)
                recipe->argument = aligned_alloc(16, (head.argument_bytes + 15) & ~15u);
        errno = saved;
        if (!recipe->name || (head.argument_bytes && !recipe->argument)) {
                weft_recipe_drop(recipe);
                return -ENOMEM;
        }
        memcpy(recipe->name, at + sizeof head, head.name_bytes);
        if (head.argument_bytes)
                memcpy(recipe->argument, at + argument_at(head.name_bytes),
                       head.argument_bytes);
        recipe->argument_bytes = head.argument_bytes;
        return 0;
}

void weft_recipe_drop(struct weft_recipe *recipe)
{
        free(recipe->name);
        free(recipe->argument);
        *recipe = (struct weft_recipe){ 0 };
}

/* ---- run --------------------------------------------------------------------------- */

struct run {
        struct weft_cell *cell;
        struct weft_agent *agent;
        uint32_t sig; /* what he had when he began */
        const struct weft_function *function;
        const void *in, *argument;
        size_t n;
};

/* Is this still who claimed the cell? The function may have forked, or left the arena. */
static bool is_he(struct run *run)
{
        return weft_agent_self(run->cell->arena, &run->agent) == 0 &&
               run->agent->sig == run->sig;
}

/* Ends the cell: 0, or -EPERM when it is ours no more. */
static int ended(int rc)
{
        return rc == -EALREADY || rc == -ECANCELED ? -EPERM : rc;
}

/* What a function may say: "not yet" is no end. */
static int fail(struct run *run, int64_t said)
{
        int error = said < -WEFT_CELL_ERRNO_MAX ? EINVAL : (int)-said;
        return ended(weft_cell_fail(run->cell, run->agent,
                                    error == EAGAIN ? ECANCELED : error));
}

/* It gives up, for now: the next one may fare better. */
static int give_up(struct run *run, int rc)
{
        (void)!weft_cell_unclaim(run->cell, run->agent);
        return rc;
}

static int64_t call(struct run *run, void *out, uint64_t room)
{
        const struct weft_function *f = run->function;
        uint64_t item = f->out.bytes;
        return weft_function_call(f, run->in, run->n, out, item ? room / item : room,
                                  run->argument);
}

/* The value needs no block. */
static int run_small(struct run *run)
{
        uint64_t small = 0;
        int64_t n = call(run, &small, sizeof small);
        if (!is_he(run))
                return -EPERM;
        if (n < 0)
                return fail(run, n);
        uint64_t bytes = (uint64_t)n * run->function->out.bytes;
        if (bytes > sizeof small)
                return fail(run, -EOVERFLOW);
        return ended(weft_cell_set(run->cell, run->agent, &small, bytes));
}

/* The function writes into the block that becomes the value; if it is much too large, the
 * value is copied into one that is not. */
static int run_block(struct run *run, uint64_t room)
{
        struct weft_cell *cell = run->cell;
        weft_ref_t ref;
        void *at;
        int rc = weft_block_alloc(cell->arena, room, &ref, &at);
        if (rc)
                return give_up(run, rc);
        int64_t n = call(run, at, room);
        if (!is_he(run))
                return -EPERM; /* the block went with who he was */
        uint64_t bytes = n > 0 ? (uint64_t)n * run->function->out.bytes : 0;
        if (n == -EOVERFLOW && room < WEFT_CELL_BYTES_MAX)
                rc = 1;
        else if (n < 0)
                rc = fail(run, n);
        else if (bytes > room)
                rc = fail(run, -EOVERFLOW);
        else if (bytes <= room / 2 || bytes <= WEFT_CELL_INLINE)
                rc = ended(weft_cell_set(cell, run->agent, at, bytes));
        else if ((rc = ended(weft_cell_set_block(cell, run->agent, ref, bytes))) == 0)
                return 0;
        (void)!weft_block_free(cell->arena, ref);
        return rc == -ENOSPC ? give_up(run, rc) : rc;
}

int weft_compute(struct weft_cell *cell, struct weft_agent *agent,
                 const struct weft_function *f, const void *in, uint64_t bytes,
                 const void *argument)
{
        uint64_t item = f->in.bytes, out = f->out.bytes;
        struct run run = {
                .cell = cell,
                .agent = agent,
                .sig = agent->sig,
                .function = f,
                .in = in,
                .argument = argument,
                .n = item ? bytes / item : 1,
        };
        if (item ? bytes % item : bytes)
                return give_up(&run,
                               weft_function_wrong(
                                       -EPROTO,
                                       "'%.200s' takes items of %u bytes, not %llu bytes",
                                       f->name, f->in.bytes, (unsigned long long)bytes));
        if (f->kind == WEFT_FUNCTION_ITEM) {
                if (out && run.n > WEFT_CELL_BYTES_MAX / out)
                        return fail(&run, -EOVERFLOW);
                if (run.n * out <= WEFT_CELL_INLINE)
                        return run_small(&run);
                return run_block(&run, run.n * out);
        }
        uint64_t room = ROOM_FIRST;
        while (room < bytes || room < out)
                room *= 2;
        for (;; room *= 4) {
                if (room > WEFT_CELL_BYTES_MAX)
                        room = WEFT_CELL_BYTES_MAX;
                int rc = run_block(&run, room);
                if (rc != 1)
                        return rc;
        }
}
