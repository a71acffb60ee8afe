/* The ledger: a few 8-byte words for each chunk, in segments. See run.h. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

void run_ledger_init(struct run_ledger *l, weft_arena_t *arena,
                     const struct run_plan *plan)
{
        memset(l, 0, sizeof *l);
        l->arena = arena;
        uint32_t word = 2; /* bytes, complete */
        for (uint32_t s = 0; s <= plan->stages; s++) {
                l->lanes[s] = s < plan->stages ? plan->stage[s].lanes : 1;
                l->out[s] = word;
                word += l->lanes[s];
                if (s < plan->stages) {
                        l->claim[s] = word;
                        word += l->lanes[s];
                }
        }
        l->words = word;
}

static const char *segment_name(uint64_t segment)
{
        static _Thread_local char name[40];
        snprintf(name, sizeof name, "ledger/%llu", (unsigned long long)segment);
        return name;
}

int run_ledger_make(struct run_ledger *l, uint64_t segment)
{
        struct weft_array_options options = { .length = (uint64_t)RUN_SEGMENT * l->words,
                                              .element_bytes = 8 };
        weft_array_t *array;
        int rc = weft_array_create(l->arena, segment_name(segment), &options, &array);
        if (!rc)
                weft_array_close(array);
        return rc;
}

int run_ledger_drop(struct run_ledger *l, uint64_t segment)
{
        for (unsigned i = 0; i < RUN_LEDGER_OPEN; i++)
                if (l->open[i].array && l->open[i].segment == segment) {
                        weft_array_close(l->open[i].array);
                        l->open[i].array = NULL;
                }
        return weft_object_remove(l->arena, segment_name(segment));
}

int run_ledger_at(struct run_ledger *l, uint64_t chunk, struct run_entry *entry)
{
        uint64_t segment = chunk / RUN_SEGMENT;
        unsigned at = 0;
        for (unsigned i = 0; i < RUN_LEDGER_OPEN; i++) {
                if (l->open[i].array && l->open[i].segment == segment) {
                        at = i;
                        goto found;
                }
                if (l->open[i].used < l->open[at].used)
                        at = i;
        }
        weft_array_t *array;
        int rc = weft_array_open(l->arena, segment_name(segment), &array);
        if (rc)
                return rc;
        weft_array_close(l->open[at].array); /* the one not used for longest, or NULL */
        l->open[at].array = array;
        l->open[at].segment = segment;
found:
        l->open[at].used = ++l->clock;
        entry->array = l->open[at].array;
        entry->base = chunk % RUN_SEGMENT * l->words;
        return 0;
}

void run_ledger_close(struct run_ledger *l)
{
        for (unsigned i = 0; i < RUN_LEDGER_OPEN; i++) {
                weft_array_close(l->open[i].array);
                l->open[i].array = NULL;
        }
}

/* The words below exist: an error here is a corrupt arena, or no seat left. */
static void must(int rc)
{
        if (rc) {
                cli_warn("the ledger: %s", weft_strerror(rc));
                exit(CLI_FAILED);
        }
}

uint64_t run_entry_load(struct run_entry e, uint32_t word)
{
        uint64_t value = 0;
        must(weft_array_load64(e.array, e.base + word, &value));
        return value;
}

void run_entry_store(struct run_entry e, uint32_t word, uint64_t value)
{
        must(weft_array_store64(e.array, e.base + word, value));
}

bool run_entry_cas(struct run_entry e, uint32_t word, uint64_t *expected,
                   uint64_t desired)
{
        int rc = weft_array_cas64(e.array, e.base + word, expected, desired);
        if (rc != -EAGAIN)
                must(rc);
        return rc == 0;
}
