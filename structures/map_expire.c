/* structures/map_expire.c -- entries that are over at a time: told, swept. */
#include <string.h>

#include "structures/map_block.h"

enum {
        HELP_EVERY = 8, /* so many changes of a thread, */
        HELP_HOMES = 16,
        SWEEP_HOMES = 64, /* at once: in one reading */
};

/* ---- put until, expire ------------------------------------------------------- */

int weft_map_put_until(weft_map_t *map, const void *key, uint32_t key_bytes,
                       const void *value, uint64_t value_bytes, uint64_t expires_ms)
{
        if (!map)
                return -EINVAL;
        if (!(map->flags & WEFT_MAP_EXPIRY))
                return -EPROTO;
        return weft_map_block_put(map, key, key_bytes, value, value_bytes, expires_ms);
}

struct wish {
        uint64_t value; /* the entry that is to be replaced, if it is still there */
        bool kept;
};

static enum weft_map_act expire_step(struct weft_map_op *op,
                                     struct weft_map_change *change,
                                     const struct weft_map_seen *there)
{
        struct wish *wish = change->context;
        wish->kept = !there || there->value != wish->value;
        change->rc = -ESTALE;
        if (wish->kept)
                return WEFT_MAP_KEEP;
        weft_store_rel(&op->desk->old, there->value); /* [D] */
        return change->value ? WEFT_MAP_STORE : WEFT_MAP_REMOVE;
}

/* Entries do not change: another one with the same value takes its place. */
static int expire(struct weft_map_op *op, uint64_t expires_ms)
{
        struct weft_map_look look;
        struct weft_map_seen seen;
        uint64_t made = 0;
        void *at;
        int rc = weft_map_find(op, &seen);
        if (rc)
                return rc;
        bool good = weft_map_look(op, seen.value, &look);
        if (!weft_map_still(op, &seen))
                return -ESTALE;
        if (!good)
                return -EUCLEAN;
        if (weft_map_is_over(look.expires_ms))
                return -ENOENT;
        if (look.expires_ms == expires_ms)
                return 0;
        rc = weft_map_entry_make(op, look.value_bytes, expires_ms, &made, &at);
        if (rc)
                return rc;
        weft_map_copy_torn(at, look.value, look.value_bytes); /* if so, it has changed */
        struct wish wish = { .value = seen.value };
        struct weft_map_change change = {
                .step = expire_step,
                .context = &wish,
                .value = made,
        };
        rc = weft_map_write(op, &change);
        weft_map_entry_done(op, rc ? 0 : change.was, rc ? made : 0, true);
        return rc;
}

int weft_map_expire(weft_map_t *map, const void *key, uint32_t key_bytes,
                    uint64_t expires_ms)
{
        struct weft_map_op op;
        if (!map)
                return -EINVAL;
        if (!(map->flags & WEFT_MAP_EXPIRY))
                return -EPROTO;
        int rc = weft_map_begin(&op, map, true);
        if (rc)
                return rc;
        rc = weft_map_hash(&op, key, key_bytes);
        if (!rc) {
                while ((rc = expire(&op, expires_ms)) == -ESTALE)
                        ;
                weft_map_expire_help(&op);
        }
        weft_map_end(&op);
        return rc;
}

/* ---- removing one that was found ------------------------------------------------ */

static enum weft_map_act item_step(struct weft_map_op *op, struct weft_map_change *change,
                                   const struct weft_map_seen *there)
{
        struct wish *wish = change->context;
        wish->kept = !there || (!op->map->inlined && there->value != wish->value);
        change->rc = 0;
        if (wish->kept)
                return WEFT_MAP_KEEP;
        if (!op->map->inlined)
                weft_store_rel(&op->desk->old, there->value); /* [D] */
        return WEFT_MAP_REMOVE;
}

/* Its key is read where it lies. Should it go away meanwhile, and other bytes be there,
 * then the entry is gone, and any other that is found is not the one. */
int weft_map_remove_item(struct weft_map_op *op, const struct weft_map_item *item)
{
        struct weft_map_op of = *op;
        struct weft_map_look look;
        struct wish wish = { .value = item->seen.value };
        struct weft_map_change change = { .step = item_step, .context = &wish };
        of.key = (struct weft_map_key){ &item->word, sizeof item->word, item->hash,
                                        item->word };
        if (!op->map->inlined) {
                if (!weft_map_look(op, item->seen.value, &look))
                        return weft_map_still(op, &item->seen) ? -EUCLEAN : 0;
                of.key.bytes = look.key;
                of.key.n = look.key_bytes;
        }
        int rc = weft_map_write(&of, &change);
        bool done = !rc && !wish.kept;
        if (!op->map->inlined)
                weft_map_entry_done(op, done ? change.was : 0, 0, false);
        return rc ? rc : done;
}

/* ---- the sweep -------------------------------------------------------------------- */

bool weft_map_item_over(struct weft_map_op *op, const struct weft_map_item *item)
{
        struct weft_map_look look;
        return op->map->flags & WEFT_MAP_EXPIRY &&
               weft_map_look(op, item->seen.value, &look) &&
               weft_map_is_over(look.expires_ms) && weft_map_still(op, &item->seen);
}

/* Goes on from hash `*at` over so many homes; with `once`, until the hash begins anew. */
static int64_t sweep(struct weft_map_op *op, struct weft_map_walk *walk, uint64_t *at,
                     uint64_t homes, bool once)
{
        int64_t removed = 0;
        do {
                int rc = weft_map_collect(op, walk, *at);
                if (rc)
                        return rc;
                for (uint32_t i = 0; i < walk->n; i++) {
                        rc = weft_map_item_over(op, &walk->items[i])
                                     ? weft_map_remove_item(op, &walk->items[i])
                                     : 0;
                        if (rc < 0)
                                return rc;
                        removed += rc;
                }
                *at = walk->last + 1;
        } while (--homes && (*at || !once));
        return removed;
}

/* Takes the next so many homes for this sweeper alone: where they begin. */
static int claim(struct weft_map *map, uint64_t homes, uint64_t *at)
{
        struct weft_map_table current, next;
        int rc = weft_map_tables(map, &current, &next);
        if (!rc)
                *at = weft_add_rlx(&map->sh->swept, homes << (64 - current.bits));
        return rc;
}

void weft_map_expire_help(struct weft_map_op *op)
{
        static _Thread_local uint32_t changes;
        struct weft_map_walk walk;
        uint64_t at;
        if (changes++ % HELP_EVERY || claim(op->map, HELP_HOMES, &at))
                return;
        weft_map_walk_begin(&walk);
        (void)sweep(op, &walk, &at, HELP_HOMES, false);
        weft_map_walk_end(&walk);
}

/* Some homes, all in one reading: those that come next, or `all` from `*at` on. */
static int64_t sweep_some(struct weft_map *map, struct weft_map_walk *walk, bool all,
                          uint64_t *at, uint64_t homes)
{
        struct weft_map_op op;
        int64_t rc = weft_map_begin(&op, map, true);
        if (rc)
                return rc;
        if (!all)
                rc = claim(map, homes, at);
        if (!rc)
                rc = sweep(&op, walk, at, homes, all);
        weft_map_end(&op);
        return rc;
}

int64_t weft_map_sweep(weft_map_t *map, uint64_t buckets)
{
        struct weft_map_walk walk;
        uint64_t at = 0, left = buckets;
        int64_t removed = 0, rc;
        if (!map)
                return -EINVAL;
        if (!(map->flags & WEFT_MAP_EXPIRY))
                return -EPROTO;
        weft_map_walk_begin(&walk);
        do {
                uint64_t n = buckets && left < SWEEP_HOMES ? left : SWEEP_HOMES;
                rc = sweep_some(map, &walk, !buckets, &at, n);
                removed += rc > 0 ? rc : 0;
                left -= n;
        } while (rc >= 0 && (buckets ? left : at));
        weft_map_walk_end(&walk);
        return rc < 0 ? rc : removed;
}
