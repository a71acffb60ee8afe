/* structures/map_block.c -- operations on maps with entries in blocks. */
#include <string.h>

#include "structures/map_block.h"
#include "structures/map_fast.h"
#include "structures/map_hash.h"

/* ---- what all begin with ------------------------------------------------------ */

/* A value of `bytes` bytes for a map like this. */
static int is_value(const struct weft_map *map, const void *value, uint64_t bytes)
{
        if (bytes > WEFT_MAP_VALUE_MAX || (bytes && !value) ||
            (map->value_bytes && bytes != map->value_bytes))
                return -EINVAL;
        return 0;
}

static int begin(struct weft_map_op *op, struct weft_map *map, const void *key,
                 uint32_t key_bytes, bool change)
{
        int rc = weft_map_begin(op, map, change);
        if (rc)
                return rc;
        rc = weft_map_hash(op, key, key_bytes);
        if (rc)
                weft_map_end(op);
        return rc;
}

/* ---- get ------------------------------------------------------------------------- */

/* Where a value goes, and how long it was. */
struct room {
        void *at;
        uint64_t bytes;  /* there */
        uint64_t length; /* of the value */
};

static struct room room_of(const struct weft_map *map, void *value,
                           const uint64_t *value_bytes)
{
        uint64_t bytes = value_bytes ? *value_bytes : map->value_bytes;
        return (struct room){ value, value ? bytes : 0, 0 };
}

/* -ENOENT: over. -ESTALE: what is there is no entry, or not this one any more. */
static int copy_out(struct weft_map_op *op, const struct weft_map_seen *seen,
                    struct room *room)
{
        struct weft_map_look look = op->look;
        int rc = 0;
        if (WEFT_LIKELY_MAP(op->looked == seen->value ||
                            weft_map_look(op, seen->value, &look))) {
                room->length = look.value_bytes;
                if (op->map->flags & WEFT_MAP_EXPIRY && weft_map_is_over(look.expires_ms))
                        rc = -ENOENT;
                else if (look.value_bytes > room->bytes)
                        rc = -EOVERFLOW;
                else if (look.value_bytes)
                        weft_map_copy_torn(room->at, look.value, look.value_bytes);
        } else {
                rc = -EUCLEAN;
        }
        return WEFT_LIKELY_MAP(weft_map_still(op, seen)) ? rc : -ESTALE;
}

static int get(struct weft_map_op *op, struct room *room, uint64_t *version)
{
        struct weft_map_seen seen;
        int rc;
        do {
                rc = weft_map_find(op, &seen);
                if (!rc)
                        rc = copy_out(op, &seen, room);
        } while (rc == -ESTALE);
        if (version && (!rc || rc == -EOVERFLOW))
                *version = weft_meta_version(seen.meta);
        return rc;
}

/* A short way for keys of any length. -ESTALE: go the long way. */
static int get_shortly(struct weft_map *map, const void *key, uint32_t key_bytes,
                       struct room *room, uint64_t *version)
{
        struct weft_map_glanced g;
        int rc = -ESTALE;
        if (!weft_map_may(map, false) || !key || !key_bytes ||
            key_bytes > WEFT_MAP_KEY_MAX ||
            (map->key_bytes && key_bytes != map->key_bytes))
                return rc;
        uint64_t hash = weft_map_hash_bytes(key, key_bytes, map->seed);
        struct weft_map_op op;
        op.map = map;
        op.agent = weft_me.agent;
        op.desk = NULL;
        op.key.bytes = key;
        op.key.n = key_bytes;
        enum weft_map_sight sight = weft_map_look_home(map, hash, hash, false, true, &g);
        if (sight == WEFT_MAP_ABSENT) {
                rc = -ENOENT;
        } else if (sight == WEFT_MAP_THERE &&
                   WEFT_LIKELY_MAP(weft_map_same(&op, g.pair.lo))) {
                room->length = op.look.value_bytes;
                rc = room->length > room->bytes ? -EOVERFLOW : 0;
                if (WEFT_LIKELY_MAP(!rc) && room->length)
                        weft_map_copy_torn(room->at, op.look.value, room->length);
                if (weft_load_acq(&g.cell->hi) != g.pair.hi) /* [M] LP, if it is equal */
                        rc = -ESTALE;
                else if (version)
                        *version = weft_meta_version(g.pair.hi);
        }
        weft_read_shut(g.reading, g.was);
        return rc;
}

int weft_map_block_get_slowly(struct weft_map *map, const void *key, uint32_t key_bytes,
                              void *value, uint64_t *value_bytes, uint64_t *version)
{
        struct weft_map_op op;
        if (!value_bytes && !map->value_bytes)
                return -EINVAL;
        struct room room = room_of(map, value, value_bytes);
        int rc = get_shortly(map, key, key_bytes, &room, version);
        if (rc == -ESTALE) {
                rc = begin(&op, map, key, key_bytes, false);
                if (rc)
                        return rc;
                rc = get(&op, &room, version);
                weft_map_end(&op);
                weft_map_short_note(map);
        }
        if (value_bytes && (!rc || rc == -EOVERFLOW))
                *value_bytes = room.length;
        return rc;
}

/* ---- changes ---------------------------------------------------------------------- */

enum when { ALWAYS, IF_ABSENT, IF_THERE, IF_VERSION };

/* What a step needs to know, and what it found. */
struct wish {
        enum when when;
        uint64_t *version; /* of cas: asked for; what it is now */
        uint64_t delta;    /* of add, */
        uint64_t sum;
        void *value; /* and where the entry that was made has its value */
        uint64_t made;
        struct room *found; /* of get_or_insert */
        bool over;          /* what was there was over */
        bool kept;          /* nothing was changed */
};

static enum weft_map_act keep(struct weft_map_change *change, int rc)
{
        struct wish *wish = change->context;
        change->rc = rc;
        wish->kept = true;
        return WEFT_MAP_KEEP;
}

/* Goes ahead. The desk names what is about to be taken out before it is. */
static enum weft_map_act go(struct weft_map_op *op, struct weft_map_change *change,
                            const struct weft_map_seen *there, enum weft_map_act act)
{
        struct wish *wish = change->context;
        wish->kept = false;
        if (there)
                weft_store_rel(&op->desk->old, there->value); /* [D] */
        return act;
}

enum presence {
        ABSENT,
        OVER,    /* there is one whose time is over: as good as absent */
        PRESENT, /* as `look` says */
        CHANGED, /* since it was seen: whatever is tried now fails, and it is asked anew */
        BROKEN,
};

static enum presence look_at(struct weft_map_op *op, const struct weft_map_seen *there,
                             struct weft_map_look *look)
{
        bool good = weft_map_look(op, there->value, look);
        if (!weft_map_still(op, there))
                return CHANGED;
        if (!good)
                return BROKEN;
        return op->map->flags & WEFT_MAP_EXPIRY && weft_map_is_over(look->expires_ms)
                       ? OVER
                       : PRESENT;
}

/* Only where there is expiry need one look to know whether an entry is there. */
static enum presence presence_of(struct weft_map_op *op,
                                 const struct weft_map_seen *there)
{
        struct weft_map_look look;
        if (!there)
                return ABSENT;
        return op->map->flags & WEFT_MAP_EXPIRY ? look_at(op, there, &look) : PRESENT;
}

/* Does it, with the entry in `wish->made`, if any; then clears the desk. */
static int change(struct weft_map_op *op, struct wish *wish,
                  enum weft_map_act (*step)(struct weft_map_op *,
                                            struct weft_map_change *,
                                            const struct weft_map_seen *))
{
        struct weft_map_change c = { .step = step, .context = wish, .value = wish->made };
        int rc = weft_map_write(op, &c);
        bool done = !rc && !wish->kept;
        weft_map_entry_done(op, done ? c.was : 0, done ? 0 : wish->made,
                            wish->made && (done || wish->kept));
        if (done && wish->version)
                *wish->version = c.version;
        if (op->map->flags & WEFT_MAP_EXPIRY)
                weft_map_expire_help(op);
        return rc;
}

/* ---- put, insert, replace, cas ------------------------------------------------------ */

static enum weft_map_act put_step(struct weft_map_op *op, struct weft_map_change *change,
                                  const struct weft_map_seen *there)
{
        struct wish *wish = change->context;
        uint64_t version = 0;
        if (wish->when == ALWAYS)
                return go(op, change, there, WEFT_MAP_STORE);
        switch (presence_of(op, there)) {
        case PRESENT:
                if (wish->when == IF_ABSENT)
                        return keep(change, -EEXIST);
                version = weft_meta_version(there->meta);
                break;
        case BROKEN:
                return keep(change, -EUCLEAN);
        case CHANGED:
                return go(op, change, there, WEFT_MAP_STORE);
        default:
                if (wish->when == IF_THERE)
                        return keep(change, -ENOENT);
        }
        if (wish->when == IF_VERSION && version != *wish->version) {
                wish->sum = version;
                return keep(change, -EAGAIN);
        }
        return go(op, change, there, WEFT_MAP_STORE);
}

/* Where the entry will be looked for is fetched while it is made. */
static inline void fetch_home(struct weft_map_op *op)
{
        struct weft_map_table current, next;
        if (weft_map_tables(op->map, &current, &next))
                return;
        const uint8_t *home = (const void *)weft_map_bucket(
                &current, weft_map_home(&current, op->key.hash));
        __builtin_prefetch(home, 1);
        __builtin_prefetch(home + 64, 1);
}

static int store(struct weft_map_op *op, struct wish *wish, const void *value,
                 uint64_t value_bytes, uint64_t expires_ms,
                 enum weft_map_act (*step)(struct weft_map_op *, struct weft_map_change *,
                                           const struct weft_map_seen *))
{
        fetch_home(op);
        int rc = weft_map_entry_make(op, value_bytes, expires_ms, &wish->made,
                                     &wish->value);
        if (rc)
                return rc;
        if (value && value_bytes)
                weft_copy_in(wish->value, value, value_bytes);
        return change(op, wish, step);
}

/* Who will most likely be refused had better know before it is copied. */
static bool is_there(struct weft_map_op *op)
{
        struct weft_map_seen seen;
        return weft_map_find(op, &seen) == 0 && presence_of(op, &seen) == PRESENT;
}

static int put(struct weft_map *map, const void *key, uint32_t key_bytes,
               const void *value, uint64_t value_bytes, uint64_t expires_ms,
               enum when when, uint64_t *version)
{
        struct weft_map_op op;
        struct wish wish = { .when = when, .version = version };
        int rc = is_value(map, value, value_bytes);
        if (!rc)
                rc = begin(&op, map, key, key_bytes, true);
        if (rc)
                return rc;
        if (when == IF_ABSENT && is_there(&op))
                rc = -EEXIST;
        else
                rc = store(&op, &wish, value, value_bytes, expires_ms, put_step);
        if (rc == -EAGAIN && version)
                *version = wish.sum;
        weft_map_end(&op);
        return rc;
}

int weft_map_block_put_slowly(struct weft_map *map, const void *key, uint32_t key_bytes,
                              const void *value, uint64_t value_bytes,
                              uint64_t expires_ms)
{
        int rc = put(map, key, key_bytes, value, value_bytes, expires_ms, ALWAYS, NULL);
        weft_map_short_note(map);
        return rc;
}

/* `made` is the map's and in no slot, and the desk names it. */
int weft_map_block_put_made(struct weft_map *map, const void *key, uint32_t key_bytes,
                            uint64_t made)
{
        struct weft_map_op op;
        struct wish wish = { .when = ALWAYS, .made = made };
        int rc = begin(&op, map, key, key_bytes, true);
        if (rc)
                return rc;
        rc = change(&op, &wish, put_step);
        weft_map_end(&op);
        weft_map_short_note(map);
        return rc;
}

int weft_map_block_insert(struct weft_map *map, const void *key, uint32_t key_bytes,
                          const void *value, uint64_t value_bytes)
{
        return put(map, key, key_bytes, value, value_bytes, 0, IF_ABSENT, NULL);
}

int weft_map_block_replace(struct weft_map *map, const void *key, uint32_t key_bytes,
                           const void *value, uint64_t value_bytes)
{
        return put(map, key, key_bytes, value, value_bytes, 0, IF_THERE, NULL);
}

int weft_map_block_cas(struct weft_map *map, const void *key, uint32_t key_bytes,
                       const void *value, uint64_t value_bytes, uint64_t *version)
{
        if (!version)
                return -EINVAL;
        return put(map, key, key_bytes, value, value_bytes, 0, IF_VERSION, version);
}

/* ---- remove ------------------------------------------------------------------------- */

static enum weft_map_act remove_step(struct weft_map_op *op,
                                     struct weft_map_change *change,
                                     const struct weft_map_seen *there)
{
        struct wish *wish = change->context;
        uint64_t version = there ? weft_meta_version(there->meta) : 0;
        wish->over = false;
        switch (presence_of(op, there)) {
        case ABSENT:
                version = 0;
                break;
        case OVER:
                version = 0;
                wish->over = true;
                break;
        case BROKEN:
                return keep(change, -EUCLEAN);
        default:
                break;
        }
        if (wish->version && version != *wish->version) {
                wish->sum = version;
                return keep(change, -EAGAIN);
        }
        if (!there)
                return keep(change, -ENOENT);
        return go(op, change, there, WEFT_MAP_REMOVE);
}

/* What is over goes, too, but was not there. */
static int remove_key(struct weft_map *map, const void *key, uint32_t key_bytes,
                      uint64_t *version)
{
        struct weft_map_op op;
        struct wish wish = { .version = version };
        int rc = begin(&op, map, key, key_bytes, true);
        if (rc)
                return rc;
        rc = change(&op, &wish, remove_step);
        if (!rc && wish.over)
                rc = -ENOENT;
        if (rc == -EAGAIN && version)
                *version = wish.sum;
        weft_map_end(&op);
        return rc;
}

int weft_map_block_remove(struct weft_map *map, const void *key, uint32_t key_bytes)
{
        return remove_key(map, key, key_bytes, NULL);
}

int weft_map_block_remove_if(struct weft_map *map, const void *key, uint32_t key_bytes,
                             uint64_t *version)
{
        return version ? remove_key(map, key, key_bytes, version) : -EINVAL;
}

/* ---- add ------------------------------------------------------------------------------ */

/* The sum is written into the entry that was made, which nobody else reads yet. Its time
 * is that of what it replaces. */
static enum weft_map_act add_step(struct weft_map_op *op, struct weft_map_change *change,
                                  const struct weft_map_seen *there)
{
        struct wish *wish = change->context;
        struct weft_map_look look;
        uint64_t was = 0, expires_ms = 0;
        if (there) {
                bool good = weft_map_look(op, there->value, &look);
                if (good && look.value_bytes == sizeof was)
                        weft_map_copy_torn(&was, look.value, sizeof was);
                switch (look_at(op, there, &look)) {
                case BROKEN:
                        return keep(change, -EUCLEAN);
                case OVER:
                        was = 0;
                        break;
                case PRESENT:
                        if (look.value_bytes != sizeof was)
                                return keep(change, -EPROTO);
                        expires_ms = look.expires_ms;
                        break;
                default:
                        break;
                }
        }
        wish->sum = was + wish->delta;
        weft_map_entry_set(wish->value, op->key.n, wish->sum, expires_ms);
        return go(op, change, there, WEFT_MAP_STORE);
}

int weft_map_block_add(struct weft_map *map, const void *key, uint32_t key_bytes,
                       uint64_t delta, uint64_t *now)
{
        struct weft_map_op op;
        struct wish wish = { .delta = delta };
        if (map->value_bytes && map->value_bytes != sizeof delta)
                return -EPROTO;
        int rc = begin(&op, map, key, key_bytes, true);
        if (rc)
                return rc;
        rc = store(&op, &wish, NULL, sizeof delta, 0, add_step);
        weft_map_end(&op);
        if (!rc && now)
                *now = wish.sum;
        return rc;
}

/* ---- get or insert ---------------------------------------------------------------------- */

static enum weft_map_act get_step(struct weft_map_op *op, struct weft_map_change *change,
                                  const struct weft_map_seen *there)
{
        struct wish *wish = change->context;
        int rc = there ? copy_out(op, there, wish->found) : -ENOENT;
        if (rc == -ENOENT || rc == -ESTALE)
                return go(op, change, there, WEFT_MAP_STORE);
        return keep(change, rc);
}

int weft_map_block_get_or_insert(struct weft_map *map, const void *key,
                                 uint32_t key_bytes, const void *value,
                                 uint64_t value_bytes, void *found, uint64_t *found_bytes)
{
        struct weft_map_op op;
        struct room room = room_of(map, found, found_bytes);
        struct wish wish = { .found = &room };
        int rc = is_value(map, value, value_bytes);
        if (!rc)
                rc = begin(&op, map, key, key_bytes, true);
        if (rc)
                return rc;
        rc = get(&op, &room, NULL);
        if (rc == -ENOENT) {
                wish.made = 0;
                rc = store(&op, &wish, value, value_bytes, 0, get_step);
                if (!rc && !wish.kept)
                        rc = 1;
        }
        weft_map_end(&op);
        if (found_bytes && (!rc || rc == -EOVERFLOW))
                *found_bytes = room.length;
        return rc;
}
