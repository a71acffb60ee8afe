/* Blocks that travel from stage to stage. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/run.h"

int run_block_begin(struct run_ledger *l, struct run_entry e, uint32_t word,
                    const struct run_block *head, weft_ref_t *ref, char **data)
{
        void *at;
        int rc = weft_block_alloc(l->arena, sizeof *head + head->bytes, ref, &at);
        if (rc)
                return rc;
        memcpy(at, head, sizeof *head);
        *data = (char *)at + sizeof *head;
        run_entry_store(e, word, ref->v);
        return 0;
}

int run_block_give(struct run_ledger *l, struct run_entry e, weft_ref_t ref)
{
        return weft_block_give(l->arena, ref, weft_array_owner(e.array));
}

const struct run_block *run_block_at(weft_arena_t *arena, uint64_t ref,
                                     enum run_form form)
{
        weft_ref_t r = { ref };
        uint64_t bytes = weft_block_bytes(arena, r);
        if (bytes < sizeof(struct run_block))
                return NULL;
        const struct run_block *block = weft_at(arena, r, bytes);
        if (!block || block->form != (uint32_t)form ||
            block->bytes > bytes - sizeof *block || block->pairs_bytes > block->bytes)
                return NULL;
        if (form == RUN_PAIRS &&
            block->items != block->pairs_bytes / sizeof(struct run_pair))
                return NULL;
        return block;
}

const char *run_block_data(const struct run_block *block)
{
        return (const char *)(block + 1);
}

void run_block_free(weft_arena_t *arena, uint64_t ref)
{
        /* Freed already, or freed with its dead owner soon: both are fine here. */
        if (ref && weft_block_free(arena, (weft_ref_t){ ref }) != 0)
                return;
}
