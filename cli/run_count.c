/* Counting, exactly, in place.
 *
 * A lane has one worker at a time: the supervisor starts its successor after waitpid() has
 * returned the dead one. So everything here is written by one process only, in the order
 * of its program: what a killed one leaves is exactly what it wrote up to some
 * instruction, and its successor reads that.
 *
 * Adding a chunk changes many counters. It can be done again after a death in the middle,
 * because a counter and the chunk that was added to it last are one word, written by
 * one store: a counter that carries the chunk's tag has it already and is left alone.
 * Tags are unique (chunks are fewer than 2^24, or the run fails), and between the two
 * tries nothing else is added, because a successor first ends what CURRENT says was
 * begun, and only then takes from the queue. The chunk counts as added with the store of
 * DONE into its claim; its block is freed after that.
 *
 * A new item is written before the word that makes it one. The table grows into a new
 * block, which ROOT names when it is complete. Blocks given to the lane are named by a
 * word beforehand (NEXT, OLD, the next text), so that none is lost.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/run_count.h"
#include "cli/run_table.h"

enum { ROOT, NEXT, OLD, CURRENT, TEXT, STATE_WORDS };
enum { FIRST_BITS = 14, LAST_BITS = 31, TEXT_SHIFT = 40, AHEAD = 8 };
#define TAG_MASK ((UINT64_C(1) << RUN_CHUNK_BITS) - 1)
#define COUNT_MAX (UINT64_MAX >> RUN_CHUNK_BITS)

/* The compiler keeps stores in order across this; the machine does for a process that
 * looks later, behind waitpid(). */
static inline void in_order(void)
{
        __asm__ volatile("" ::: "memory");
}

static uint64_t load(struct run_count *c, uint64_t i)
{
        uint64_t v = 0;
        if (weft_array_load64(c->state, i, &v) != 0)
                exit(cli_fail(CLI_FAILED, "the state of count is corrupt"));
        return v;
}

static void store(struct run_count *c, uint64_t i, uint64_t v)
{
        in_order();
        if (weft_array_store64(c->state, i, v) != 0)
                exit(cli_fail(CLI_FAILED, "the state of count is corrupt"));
        in_order();
}

/* ---- table ------------------------------------------------------------------------ */

static struct run_counter *slots_at(struct run_count *c, uint64_t ref, unsigned *bits)
{
        uint64_t bytes = weft_block_bytes(c->arena, (weft_ref_t){ ref });
        uint64_t *head = weft_at(c->arena, (weft_ref_t){ ref }, bytes);
        if (!head || bytes < 64 || head[0] > LAST_BITS ||
            (sizeof(struct run_counter) << head[0]) > bytes - 64)
                return NULL;
        *bits = (unsigned)head[0];
        return (struct run_counter *)(void *)(head + 8);
}

static void rehash(const struct run_count *c, struct run_counter *to, unsigned bits)
{
        size_t mask = ((size_t)1 << bits) - 1;
        for (size_t i = 0; c->slot && i < (size_t)1 << c->bits; i++) {
                if (!c->slot[i].word)
                        continue;
                size_t at = c->slot[i].hash >> (32 - bits);
                while (to[at].word)
                        at = (at + 1) & mask;
                to[at] = c->slot[i];
        }
}

static int grow(struct run_count *c, unsigned bits)
{
        size_t bytes = sizeof(struct run_counter) << bits;
        weft_ref_t ref;
        void *at;
        int rc = weft_block_alloc(c->arena, bytes + 64, &ref, &at);
        if (rc)
                return rc;
        uint64_t *head = at;
        memset(head, 0, bytes + 64);
        head[0] = bits;
        rehash(c, (struct run_counter *)(void *)(head + 8), bits);
        store(c, NEXT, ref.v);
        rc = weft_block_give(c->arena, ref, weft_array_owner(c->state));
        if (rc)
                return rc;
        uint64_t old = load(c, ROOT);
        store(c, OLD, old);
        store(c, ROOT, ref.v);
        run_block_free(c->arena, old);
        store(c, OLD, 0);
        store(c, NEXT, 0);
        c->slot = slots_at(c, ref.v, &c->bits);
        return c->slot ? 0 : -EUCLEAN;
}

/* Room for `more` new items, so that a table never changes while a chunk is added. */
static int reserve(struct run_count *c, uint64_t more)
{
        unsigned bits = c->slot ? c->bits : FIRST_BITS;
        while (c->used + more > (UINT64_C(1) << bits) / 8 * 5)
                if (++bits > LAST_BITS)
                        return -ENOSPC;
        return c->slot && bits == c->bits ? 0 : grow(c, bits);
}

/* ---- text of long items ------------------------------------------------------------- */

static char *text_at(struct run_count *c, uint64_t number)
{
        uint64_t ref;
        if (number >= RUN_TEXTS_MAX)
                return NULL;
        if (!c->text[number] && weft_array_load64(c->texts, number, &ref) == 0)
                c->text[number] = weft_at(c->arena, (weft_ref_t){ ref }, 1);
        return c->text[number];
}

/* TEXT is number << TEXT_SHIFT | bytes used of that block: one word, so that no item that
 * is in the table can ever be written over. */
static int new_text(struct run_count *c, uint64_t number, size_t bytes)
{
        uint64_t left;
        weft_ref_t ref;
        if (number >= RUN_TEXTS_MAX)
                return -ENOSPC;
        int rc = weft_array_load64(c->texts, number, &left); /* by one killed in here */
        if (rc)
                return rc;
        run_block_free(c->arena, left);
        size_t usual = (size_t)1 << (number < 64 ? 20 : 24);
        rc = weft_block_alloc(c->arena, bytes > usual ? bytes : usual, &ref, NULL);
        if (!rc)
                rc = weft_array_store64(c->texts, number, ref.v);
        if (!rc)
                rc = weft_block_give(c->arena, ref, weft_array_owner(c->texts));
        c->text[number] = NULL;
        if (!rc)
                store(c, TEXT, number << TEXT_SHIFT);
        return rc;
}

static int put_text(struct run_count *c, const char *item, size_t bytes, uint64_t *key)
{
        uint64_t text = load(c, TEXT), number = text >> TEXT_SHIFT;
        uint64_t used = text & ((UINT64_C(1) << TEXT_SHIFT) - 1);
        uint64_t ref = 0;
        if (weft_array_load64(c->texts, number, &ref) != 0)
                return -EUCLEAN;
        uint64_t room = number ? weft_block_bytes(c->arena, (weft_ref_t){ ref }) : 0;
        if (used > UINT32_MAX || room < used + bytes) {
                int rc = new_text(c, ++number, bytes);
                if (rc)
                        return rc;
                used = 0;
        }
        char *to = text_at(c, number);
        if (!to)
                return -EUCLEAN;
        store(c, TEXT, number << TEXT_SHIFT | (used + bytes));
        memcpy(to + used, item, bytes);
        *key = number << 32 | used;
        return 0;
}

const char *run_counter_item(struct run_count *c, const struct run_counter *counter)
{
        if (counter->bytes <= 8)
                return (const char *)&counter->key;
        const char *text = text_at(c, counter->key >> 32);
        return text ? text + (counter->key & UINT32_MAX) : NULL;
}

/* ---- adding a chunk ------------------------------------------------------------------ */

static bool same(struct run_count *c, const struct run_counter *counter,
                 const struct run_pair *pair, const char *item)
{
        if (counter->hash != pair->hash || counter->bytes != pair->bytes)
                return false;
        if (pair->bytes <= 8)
                return counter->key == pair->key;
        const char *have = run_counter_item(c, counter);
        return have && run_same_long(have, item, pair->bytes);
}

static int add_new(struct run_count *c, struct run_counter *to,
                   const struct run_pair *pair, const char *item, uint64_t tag)
{
        uint64_t key = pair->key;
        int rc = pair->bytes > 8 ? put_text(c, item, pair->bytes, &key) : 0;
        if (rc)
                return rc;
        to->hash = pair->hash;
        to->bytes = pair->bytes;
        to->key = key;
        in_order();
        to->word = (uint64_t)pair->count << RUN_CHUNK_BITS | tag;
        in_order();
        c->used++;
        return 0;
}

static int add_pair(struct run_count *c, const struct run_pair *pair, const char *item,
                    uint64_t tag)
{
        size_t mask = ((size_t)1 << c->bits) - 1;
        size_t i = pair->hash >> (32 - c->bits);
        while (c->slot[i].word && !same(c, &c->slot[i], pair, item))
                i = (i + 1) & mask;
        struct run_counter *to = &c->slot[i];
        if (!to->word)
                return add_new(c, to, pair, item, tag);
        if ((to->word & TAG_MASK) == tag)
                return 0; /* by one killed in the middle of this chunk */
        uint64_t sum = (to->word >> RUN_CHUNK_BITS) + pair->count;
        if (sum > COUNT_MAX)
                return -ERANGE;
        to->word = sum << RUN_CHUNK_BITS | tag;
        return 0;
}

static int add_block(struct run_count *c, const struct run_block *block, uint64_t tag)
{
        const char *data = run_block_data(block);
        const struct run_pair *pair = (const struct run_pair *)(const void *)data;
        const char *text = data + block->pairs_bytes;
        uint64_t text_bytes = block->bytes - block->pairs_bytes;
        int rc = reserve(c, block->items);
        for (uint64_t i = 0; i < block->items && !rc; i++) {
                if (i + AHEAD < block->items)
                        __builtin_prefetch(
                                &c->slot[pair[i + AHEAD].hash >> (32 - c->bits)], 1);
                if (!pair[i].count)
                        return -EUCLEAN;
                const char *item = (const char *)&pair[i].key;
                if (pair[i].bytes > 8) {
                        if (pair[i].key > text_bytes ||
                            pair[i].bytes > text_bytes - pair[i].key)
                                return -EUCLEAN;
                        item = text + pair[i].key;
                }
                rc = add_pair(c, &pair[i], item, tag);
        }
        return rc;
}

/* Adds one chunk and says so. Safe to begin again after a death anywhere in it. */
static void add_chunk(struct run_worker *w, struct run_count *c, struct run_entry e,
                      uint64_t chunk)
{
        uint64_t ref = run_entry_load(e, w->ledger.out[w->stage] + w->lane);
        store(c, CURRENT, chunk + 1);
        if (ref) {
                const struct run_block *block = run_block_at(w->arena, ref, RUN_PAIRS);
                int rc = block ? add_block(c, block, chunk + 1) : -EUCLEAN;
                if (rc == -ERANGE)
                        exit(cli_fail(CLI_FAILED, "an item was seen more than %llu times",
                                      (unsigned long long)COUNT_MAX));
                if (rc)
                        run_worker_fail(w, "its counters", rc);
        }
        in_order();
        run_entry_store(e, w->ledger.claim[w->stage] + w->lane, RUN_DONE);
        store(c, CURRENT, 0);
}

static bool done(struct run_worker *w, struct run_entry e)
{
        return run_entry_load(e, w->ledger.claim[w->stage] + w->lane) == RUN_DONE;
}

/* What the predecessor, if there was one, had begun. Its lease brings the chunk back, too;
 * it will then be found DONE. */
static void finish_begun(struct run_worker *w, struct run_count *c)
{
        uint64_t current = load(c, CURRENT);
        if (!current)
                return;
        struct run_entry e;
        int rc = run_ledger_at(&w->ledger, current - 1, &e);
        if (rc && rc != -ENOENT)
                run_worker_fail(w, "the ledger", rc);
        if (rc || done(w, e))
                store(c, CURRENT, 0);
        else
                add_chunk(w, c, e, current - 1);
}

void run_count_work(struct run_worker *w)
{
        struct run_count c;
        struct weft_element element;
        uint64_t chunk;
        int rc = run_count_open(&c, w->arena, w->lane);
        if (rc)
                run_worker_fail(w, "its counters", rc);
        uint64_t root = load(&c, ROOT), next = load(&c, NEXT), old = load(&c, OLD);
        if (next != root)
                run_block_free(w->arena, next);
        if (old != root)
                run_block_free(w->arena, old);
        finish_begun(w, &c);
        while (run_worker_take(w, &element, &chunk)) {
                struct run_entry e;
                rc = run_ledger_at(&w->ledger, chunk, &e);
                if (rc && rc != -ENOENT)
                        run_worker_fail(w, "the ledger", rc);
                if (!rc) {
                        if (!done(w, e))
                                add_chunk(w, &c, e, chunk);
                        run_block_free(
                                w->arena,
                                run_entry_load(e, w->ledger.out[w->stage] + w->lane));
                        run_worker_pass(w, chunk);
                }
                run_worker_ack(w, &element);
        }
        run_count_close(&c);
}

/* ---- create, open, close ------------------------------------------------------------- */

static const char *name_of(const char *what, uint32_t lane)
{
        static char name[32];
        snprintf(name, sizeof name, "%s/%u", what, lane);
        return name;
}

int run_count_create(weft_arena_t *arena, uint32_t lane)
{
        struct weft_array_options state = { .length = STATE_WORDS, .element_bytes = 8 };
        struct weft_array_options texts = { .length = RUN_TEXTS_MAX, .element_bytes = 8 };
        weft_array_t *array;
        int rc = weft_array_create(arena, name_of("count", lane), &state, &array);
        if (rc)
                return rc;
        weft_array_close(array);
        rc = weft_array_create(arena, name_of("text", lane), &texts, &array);
        if (rc)
                return rc;
        weft_array_close(array);
        return 0;
}

int run_count_open(struct run_count *c, weft_arena_t *arena, uint32_t lane)
{
        memset(c, 0, sizeof *c);
        c->arena = arena;
        c->text = calloc(RUN_TEXTS_MAX, sizeof *c->text);
        int rc = c->text ? weft_array_open(arena, name_of("count", lane), &c->state)
                         : -ENOMEM;
        if (!rc)
                rc = weft_array_open(arena, name_of("text", lane), &c->texts);
        if (rc)
                return rc;
        uint64_t root = load(c, ROOT);
        if (!root)
                return 0;
        c->slot = slots_at(c, root, &c->bits);
        for (size_t i = 0; c->slot && i < (size_t)1 << c->bits; i++)
                c->used += c->slot[i].word != 0;
        return c->slot ? 0 : -EUCLEAN;
}

void run_count_close(struct run_count *c)
{
        weft_array_close(c->texts);
        weft_array_close(c->state);
        free(c->text);
}
