#define _GNU_SOURCE
#include <assert.h>
#include <stdlib.h>

#include "cli/run_table.h"

enum { FIRST_BITS = 12, LAST_BITS = 31 };

int run_table_init(struct run_table *t, uint64_t seed)
{
        memset(t, 0, sizeof *t);
        t->seed = seed;
        t->bits = FIRST_BITS;
        t->slot = calloc((size_t)1 << t->bits, sizeof *t->slot);
        return t->slot ? 0 : -ENOMEM;
}

void run_table_free(struct run_table *t)
{
        free(t->slot);
        free(t->text);
}

static int grow(struct run_table *t)
{
        if (t->bits == LAST_BITS)
                return -ENOMEM;
        unsigned bits = t->bits + 1;
        size_t mask = ((size_t)1 << bits) - 1;
        struct run_pair *slot = calloc(mask + 1, sizeof *slot);
        if (!slot)
                return -ENOMEM;
        for (size_t i = 0; i < (size_t)1 << t->bits; i++) {
                if (!t->slot[i].count)
                        continue;
                size_t to = t->slot[i].hash >> (32 - bits);
                while (slot[to].count)
                        to = (to + 1) & mask;
                slot[to] = t->slot[i];
        }
        free(t->slot);
        t->slot = slot;
        t->bits = bits;
        return 0;
}

static int add_text(struct run_table *t, const char *item, size_t bytes, uint64_t *at)
{
        if (t->text_room - t->text_bytes < bytes) {
                size_t room = 2 * (t->text_room + bytes) + 65536;
                char *text = realloc(t->text, room);
                if (!text)
                        return -ENOMEM;
                t->text = text;
                t->text_room = room;
        }
        memcpy(t->text + t->text_bytes, item, bytes);
        *at = t->text_bytes;
        t->text_bytes += bytes;
        return 0;
}

int run_table_insert(struct run_table *t, size_t i, uint64_t key, uint32_t hash,
                     const char *item, size_t bytes)
{
        if (bytes > UINT32_MAX)
                return -ENOMEM;
        if (bytes > 8) {
                int rc = add_text(t, item, bytes, &key);
                if (rc)
                        return rc;
        }
        t->slot[i] = (struct run_pair){ key, hash, (uint32_t)bytes, 1, 0 };
        t->used++;
        return t->used > ((size_t)1 << t->bits) / 8 * 5 ? grow(t) : 0;
}

/* ---- blocks of pairs ------------------------------------------------------- */

/* Where the next pair and the next text of a lane go. */
struct lane {
        uint64_t pairs, text_bytes;
        weft_ref_t ref;
        struct run_pair *pair;
        char *text;
        uint64_t text_at;
};

static void measure(const struct run_table *t, struct lane *lane, uint32_t lanes)
{
        if (lanes == 1) {
                lane->pairs = t->used;
                lane->text_bytes = t->text_bytes;
                return;
        }
        for (size_t i = 0; i < (size_t)1 << t->bits; i++) {
                const struct run_pair *pair = &t->slot[i];
                if (!pair->count)
                        continue;
                struct lane *to = &lane[run_lane(pair->hash, lanes)];
                to->pairs++;
                to->text_bytes += pair->bytes > 8 ? pair->bytes : 0;
        }
}

static int begin(struct lane *lane, struct run_ledger *l, struct run_entry e,
                 uint32_t word)
{
        char *data;
        uint64_t pairs_bytes = lane->pairs * sizeof(struct run_pair);
        struct run_block head = { .form = RUN_PAIRS,
                                  .items = lane->pairs,
                                  .pairs_bytes = pairs_bytes,
                                  .bytes = pairs_bytes + lane->text_bytes };
        int rc = run_block_begin(l, e, word, &head, &lane->ref, &data);
        if (rc)
                return rc;
        lane->pair = (struct run_pair *)(void *)data;
        lane->text = data + pairs_bytes;
        return 0;
}

/* Moves every pair into its lane's block, in the order of the slots. */
static void move_pairs(struct run_table *t, struct lane *lane, uint32_t lanes)
{
        for (size_t i = 0; i < (size_t)1 << t->bits; i++) {
                struct run_pair *pair = &t->slot[i];
                if (!pair->count)
                        continue;
                struct lane *to = &lane[run_lane(pair->hash, lanes)];
                assert(to->pair);
                *to->pair = *pair;
                if (pair->bytes > 8) {
                        memcpy(to->text + to->text_at, t->text + pair->key, pair->bytes);
                        to->pair->key = to->text_at;
                        to->text_at += pair->bytes;
                }
                to->pair++;
                pair->count = 0;
        }
        t->used = 0;
        t->text_bytes = 0;
}

int run_table_publish(struct run_table *t, struct run_ledger *l, struct run_entry e,
                      uint32_t word, uint32_t lanes)
{
        struct lane lane[RUN_LANES_MAX] = { 0 };
        int rc = 0;
        measure(t, lane, lanes);
        for (uint32_t i = 0; i < lanes && !rc; i++)
                if (lane[i].pairs)
                        rc = begin(&lane[i], l, e, word + i);
        if (rc)
                return rc;
        move_pairs(t, lane, lanes);
        for (uint32_t i = 0; i < lanes && !rc; i++)
                if (lane[i].pairs)
                        rc = run_block_give(l, e, lane[i].ref);
        return rc;
}
