/* structures/map_each.c -- all entries: iteration, count, clear. */
#include <stdlib.h>
#include <string.h>

#include "structures/map_block.h"
#include "structures/map_hash.h"

/* ---- a walk -------------------------------------------------------------------- */

void weft_map_walk_begin(struct weft_map_walk *walk)
{
        walk->more = NULL;
        walk->items = walk->few;
        walk->room = WEFT_MAP_ITEMS;
        walk->n = 0;
}

void weft_map_walk_end(struct weft_map_walk *walk)
{
        free(walk->more);
}

static int make_room(struct weft_map_walk *walk)
{
        int saved = errno;
        size_t bytes = sizeof *walk->items * walk->room;
        struct weft_map_item *more = realloc(walk->more, 2 * bytes);
        errno = saved;
        if (!more)
                return -ENOMEM;
        if (!walk->more)
                memcpy(more, walk->few, bytes);
        walk->items = walk->more = more;
        walk->room *= 2;
        return 0;
}

/* ---- collecting ------------------------------------------------------------------ */

/* What is in a slot: EMPTY, or an entry, or that it has been moved. */
static enum weft_map_state read_slot(struct weft_bucket_shared *b, uint32_t slot,
                                     struct weft_map_item *item)
{
        weft_a64_t *key = weft_slot_key(b, slot);
        weft_a128_t *cell = weft_slot_cell(b, slot);
        for (;;) {
                uint64_t meta = weft_load_acq(&cell->hi); /* [M] */
                enum weft_map_state state = weft_meta_state(meta);
                if (state < WEFT_SLOT_MEMBER || state >= WEFT_SLOT_MOVED)
                        return state < WEFT_SLOT_MEMBER ? WEFT_SLOT_EMPTY
                                                        : WEFT_SLOT_MOVED;
                item->word = weft_load_acq(key);           /* [M] */
                uint64_t value = weft_load_acq(&cell->lo); /* [M] */
                if (weft_load_acq(&cell->hi) != meta)      /* [M] */
                        continue;
                item->seen = (struct weft_map_seen){ b, slot, value, meta };
                return state;
        }
}

/* Adds what one chain has from hash `from` to `last`. 1: some of it has been moved. */
static int add_chain(struct weft_map_op *op, struct weft_map_walk *walk,
                     const struct weft_map_table *t, uint64_t home, uint64_t from)
{
        uint64_t control = weft_load_acq(&weft_map_bucket(t, home)->control); /* [C] */
        uint32_t reach = weft_control_reach(t, control);
        int moved = control & WEFT_BUCKET_SEALED ? 1 : 0;

        for (uint32_t d = 0; d <= reach; d++) {
                for (uint32_t i = 0; i < WEFT_MAP_SLOTS; i++) {
                        struct weft_map_item item = { 0 };
                        enum weft_map_state s =
                                read_slot(weft_map_chain(t, home, d), i, &item);
                        if (s == WEFT_SLOT_MOVED)
                                moved = 1;
                        if (s != WEFT_SLOT_MEMBER && s != WEFT_SLOT_FROZEN)
                                continue;
                        item.hash = op->map->inlined
                                            ? weft_map_hash_word(item.word, op->map->seed)
                                            : item.word;
                        if (item.hash < from || item.hash > walk->last ||
                            weft_map_home(t, item.hash) != home)
                                continue;
                        if (walk->n == walk->room && make_room(walk))
                                return -ENOMEM;
                        walk->items[walk->n++] = item;
                }
        }
        return moved;
}

static bool comes_before(const struct weft_map_item *a, const struct weft_map_item *b)
{
        return a->hash != b->hash ? a->hash < b->hash : a->tie < b->tie;
}

/* There are few, and no order to begin with. */
static void sort(struct weft_map_item *items, uint32_t n)
{
        for (uint32_t i = 1; i < n; i++) {
                struct weft_map_item item = items[i];
                uint32_t k = i;
                for (; k && comes_before(&item, &items[k - 1]); k--)
                        items[k] = items[k - 1];
                items[k] = item;
        }
}

/* Another hash of the key, for the order among those that have the same one. -ESTALE. */
static int find_tie(struct weft_map_op *op, struct weft_map_item *item)
{
        struct weft_map_look look;
        bool good = weft_map_look(op, item->seen.value, &look);
        if (good)
                item->tie =
                        (weft_map_hash_bytes(look.key, look.key_bytes, ~op->map->seed) |
                         2) &
                        ~UINT64_C(1);
        if (!weft_map_still(op, &item->seen))
                return -ESTALE;
        return good ? 0 : -EUCLEAN;
}

/* Two of one hash. The same entry may have been seen twice: in this table, FROZEN, and in
 * the next one; so may a key that was removed and came back. Where both are entries still,
 * they are of two keys, for a FROZEN one is not changed in the next table. -ESTALE: look
 * anew. */
static int settle_ties(struct weft_map_op *op, struct weft_map_walk *walk)
{
        struct weft_map_item *items = walk->items;
        uint32_t kept = 0;
        bool ties = false;
        for (uint32_t i = 0; i < walk->n; i++) {
                bool twice = false;
                int rc = 0;
                for (uint32_t k = kept; k-- && items[k].hash == items[i].hash;) {
                        if (op->map->inlined ||
                            items[k].seen.value == items[i].seen.value)
                                twice = true;
                        else
                                ties = true;
                        if (!twice && !(rc = find_tie(op, &items[k])))
                                rc = find_tie(op, &items[i]);
                        if (rc)
                                return rc;
                        if (twice) {
                                items[k] = items[i]; /* the later one */
                                break;
                        }
                }
                if (!twice)
                        items[kept++] = items[i];
        }
        walk->n = kept;
        if (ties)
                sort(items, kept);
        return 0;
}

static bool is_there_still(struct weft_map_op *op, const struct weft_map_table *t)
{
        if (op->agent || !t->sh)
                return true;
        return weft_load_acq(&op->map->sh->root.lo) == t->ref || /* [R] */
               weft_load_acq(&op->map->sh->root.hi) == t->ref;   /* [R] */
}

/* It has been moved to where there was nothing: then root is another one by now. */
static int anew(struct weft_map_op *op, const struct weft_map_table *current,
                const struct weft_map_table *next)
{
        struct weft_map_table now[2];
        int rc = weft_map_tables(op->map, &now[0], &now[1]);
        bool same = !rc && now[0].ref == current->ref && !now[1].sh == !next->sh;
        return rc ? rc : same ? -EUCLEAN : -ESTALE;
}

/* One attempt. -ESTALE: look anew. */
static int collect(struct weft_map_op *op, struct weft_map_walk *walk, uint64_t from,
                   struct weft_map_table *current, struct weft_map_table *next)
{
        int rc = weft_map_tables(op->map, current, next);
        if (rc)
                return rc;
        walk->n = 0;
        walk->last = from | (UINT64_MAX >> current->bits);
        rc = add_chain(op, walk, current, weft_map_home(current, from), from);
        bool moved = rc == 1;
        if (moved && !next->sh)
                return anew(op, current, next);
        if (moved) {
                uint64_t home = weft_map_home(next, from);
                uint64_t end = weft_map_home(next, walk->last);
                for (rc = 0; !rc && home <= end; home++)
                        rc = add_chain(op, walk, next, home, from);
        }
        if (rc < 0)
                return rc;
        if (!is_there_still(op, current) || !is_there_still(op, next))
                return -ESTALE;
        if (moved && rc)
                return anew(op, current, next);
        sort(walk->items, walk->n);
        return settle_ties(op, walk);
}

/*
 * A key that is there all the time is in this table when its chain is looked at, or has been
 * moved to the next one before, which is looked at afterwards; if that is on the move, too,
 * this one is out of root by now, and all begins anew.
 */
int weft_map_collect(struct weft_map_op *op, struct weft_map_walk *walk, uint64_t from)
{
        struct weft_map_table current, next;
        int rc;
        do
                rc = collect(op, walk, from, &current, &next);
        while (rc == -ESTALE);
        return rc;
}

/* ---- copies ------------------------------------------------------------------------ */

enum { COPIES = 64, BYTES = 16384, HOMES = 64 };

struct copy {
        struct weft_map_entry entry;
        struct weft_map_cursor behind;
};

/* Copies of entries that come next, to be handed out when nothing is being read. */
struct batch {
        uint8_t *bytes;
        size_t room, used;
        uint32_t n, most;
        struct copy copies[COPIES];
        struct weft_map_cursor next; /* behind all of them */
};

static int reserve(struct batch *batch, size_t bytes)
{
        if (batch->room && batch->used + bytes <= batch->room)
                return 0;
        if (batch->n)
                return -ENOBUFS; /* these first */
        int saved = errno;
        size_t room = bytes > BYTES ? bytes : BYTES;
        free(batch->bytes);
        batch->bytes = malloc(room);
        errno = saved;
        batch->room = batch->bytes ? room : 0;
        return batch->bytes ? 0 : -ENOMEM;
}

/* 1: it is over. -ESTALE: it is not there as it was. -ENOBUFS: there is no room for it. */
static int copy_entry(struct weft_map_op *op, struct batch *batch,
                      const struct weft_map_item *item)
{
        struct weft_map_look look = {
                .key = (const void *)&item->word,
                .value = (const void *)&item->seen.value,
                .key_bytes = sizeof item->word,
                .value_bytes = op->map->value_bytes,
        };
        if (!op->map->inlined && !weft_map_look(op, item->seen.value, &look))
                return weft_map_still(op, &item->seen) ? -EUCLEAN : -ESTALE;
        size_t at = (look.key_bytes + UINT64_C(7)) / 8 * 8;
        size_t bytes = at + (look.value_bytes + UINT64_C(7)) / 8 * 8;
        int rc = reserve(batch, bytes);
        if (rc)
                return rc;
        uint8_t *key = batch->bytes + batch->used;
        weft_map_copy_torn(key, look.key, look.key_bytes);
        if (look.value_bytes)
                weft_map_copy_torn(key + at, look.value, look.value_bytes);
        if (!op->map->inlined && !weft_map_still(op, &item->seen))
                return -ESTALE;
        if (op->map->flags & WEFT_MAP_EXPIRY && weft_map_is_over(look.expires_ms))
                return 1;
        batch->used += bytes;
        batch->copies[batch->n].entry = (struct weft_map_entry){
                .key = key,
                .value = key + at,
                .value_bytes = look.value_bytes,
                .version = weft_meta_version(item->seen.meta),
                .expires_ms = op->map->inlined ? 0 : look.expires_ms,
                .key_bytes = look.key_bytes,
        };
        return 0;
}

/* Where to go on behind hash `last`. */
static struct weft_map_cursor cursor_behind(uint64_t last)
{
        return (struct weft_map_cursor){ last + 1,
                                         last == UINT64_MAX ? WEFT_MAP_END : 0 };
}

/* The next ones of one range. 1: the batch is full. */
static int fill_range(struct weft_map_op *op, struct weft_map_walk *walk,
                      struct batch *batch)
{
        struct weft_map_cursor from = batch->next;
        int rc = weft_map_collect(op, walk, from.at);
        for (uint32_t i = 0; i < walk->n && !rc; i++) {
                struct weft_map_item *item = &walk->items[i];
                if (item->hash == from.at && from.state) { /* among those of one hash */
                        if (!item->tie && (rc = find_tie(op, item)) != 0)
                                return rc == -ESTALE ? 0 : rc; /* anew */
                        if (item->tie <= from.state)
                                continue;
                }
                if (batch->n == batch->most)
                        return 1;
                rc = copy_entry(op, batch, item);
                if (rc < 0)
                        return rc == -ESTALE ? 0 : rc == -ENOBUFS ? 1 : rc;
                bool more = i + 1 < walk->n && walk->items[i + 1].hash == item->hash;
                batch->next = more ? (struct weft_map_cursor){ item->hash, item->tie }
                                   : cursor_behind(item->hash);
                if (!rc)
                        batch->copies[batch->n++].behind = batch->next;
                rc = 0;
        }
        if (!rc)
                batch->next = cursor_behind(walk->last);
        return rc;
}

static int fill_batch(struct weft_map *map, struct weft_map_walk *walk,
                      struct batch *batch)
{
        struct weft_map_op op;
        int rc = weft_map_begin(&op, map, false);
        if (rc)
                return rc;
        for (int i = 0; i < HOMES && !rc && !(batch->next.state & WEFT_MAP_END); i++)
                rc = fill_range(&op, walk, batch);
        weft_map_end(&op);
        return rc < 0 ? rc : 0;
}

/* `*left` of 0: all. 1: so many were. */
static int hand_out(struct batch *batch, struct weft_map_cursor *cursor, uint64_t *left,
                    int (*each)(const struct weft_map_entry *entry, void *context),
                    void *context)
{
        for (uint32_t i = 0; i < batch->n; i++) {
                *cursor = batch->copies[i].behind;
                int rc = each(&batch->copies[i].entry, context);
                if (rc)
                        return rc;
                if (*left && --*left == 0)
                        return 0;
        }
        *cursor = batch->next;
        return 0;
}

int weft_map_each(weft_map_t *map, struct weft_map_cursor *cursor, uint64_t max,
                  int (*each)(const struct weft_map_entry *entry, void *context),
                  void *context)
{
        struct weft_map_walk walk;
        struct batch batch = { 0 };
        uint64_t left = max;
        int rc = 0;
        if (!map || !cursor || !each)
                return -EINVAL;
        weft_map_walk_begin(&walk);
        while (!rc && !(cursor->state & WEFT_MAP_END) && (!max || left)) {
                batch.n = 0;
                batch.used = 0;
                batch.most = left && left < COPIES ? (uint32_t)left : COPIES;
                batch.next = *cursor;
                rc = fill_batch(map, &walk, &batch);
                if (!rc)
                        rc = hand_out(&batch, cursor, &left, each, context);
        }
        weft_map_walk_end(&walk);
        free(batch.bytes);
        return rc;
}

/* ---- count, clear ---------------------------------------------------------------------- */

/* Some homes from `*at` on, all in one reading. */
static int64_t do_some(struct weft_map *map, struct weft_map_walk *walk, uint64_t *at,
                       bool clear)
{
        struct weft_map_op op;
        int64_t n = 0;
        int rc = weft_map_begin(&op, map, clear);
        if (rc)
                return rc;
        for (int i = 0; i < HOMES && rc >= 0; i++) {
                rc = weft_map_collect(&op, walk, *at);
                for (uint32_t k = 0; k < walk->n && rc >= 0; k++) {
                        bool over = weft_map_item_over(&op, &walk->items[k]);
                        rc = clear ? weft_map_remove_item(&op, &walk->items[k]) : 1;
                        n += rc > 0 && !over;
                }
                if (rc >= 0)
                        *at = walk->last + 1;
                if (!*at)
                        break;
        }
        weft_map_end(&op);
        return rc < 0 ? rc : n;
}

static int64_t do_all(struct weft_map *map, bool clear)
{
        struct weft_map_walk walk;
        uint64_t at = 0;
        int64_t n = 0, rc;
        if (!map)
                return -EINVAL;
        weft_map_walk_begin(&walk);
        do {
                rc = do_some(map, &walk, &at, clear);
                n += rc > 0 ? rc : 0;
        } while (rc >= 0 && at);
        weft_map_walk_end(&walk);
        return rc < 0 ? rc : n;
}

int64_t weft_map_count(weft_map_t *map)
{
        return do_all(map, false);
}

/* Crash in clear: each removal has happened or not. */
int64_t weft_map_clear(weft_map_t *map)
{
        return do_all(map, true);
}
