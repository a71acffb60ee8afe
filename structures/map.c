/* structures/map.c -- maps of 8-byte keys and values; and which way a call goes. */
#include "structures/map_block.h"
#include "structures/map_fast.h"
#include "structures/map_hash.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- what a change does ----------------------------------------------------- */

enum when { ALWAYS, IF_ABSENT, IF_THERE, IF_VERSION, ADD };

struct wish {
        struct weft_map_change change;
        enum when when;
        uint64_t value;   /* or what is added */
        uint64_t version; /* of IF_VERSION: asked for, then found */
        uint64_t found;
        bool remove;
};

static enum weft_map_act keep(struct weft_map_change *change, int rc)
{
        change->rc = rc;
        return WEFT_MAP_KEEP;
}

static enum weft_map_act step(struct weft_map_op *op, struct weft_map_change *change,
                              const struct weft_map_seen *there)
{
        struct wish *w = (struct wish *)(void *)change;
        (void)op;
        if (there)
                w->found = there->value;
        switch (w->when) {
        case IF_ABSENT:
                if (there)
                        return keep(change, -EEXIST);
                break;
        case IF_THERE:
                if (!there)
                        return keep(change, -ENOENT);
                break;
        case IF_VERSION: {
                uint64_t version = there ? weft_meta_version(there->meta) : 0;
                if (version != w->version || (w->remove && !there)) {
                        int rc = version != w->version ? -EAGAIN : -ENOENT;
                        w->version = version;
                        return keep(change, rc);
                }
                break;
        }
        case ADD:
                change->value = w->value + (there ? there->value : 0);
                return WEFT_MAP_STORE;
        default:
                break;
        }
        change->value = w->value;
        return w->remove ? WEFT_MAP_REMOVE : WEFT_MAP_STORE;
}

/* Its bytes are its word. */
static inline struct weft_map_key key_of(const struct weft_map *map, uint64_t key)
{
        return (struct weft_map_key){ .n = sizeof key,
                                      .hash = weft_map_hash_word(key, map->seed),
                                      .word = key };
}

static int change64(struct weft_map *map, uint64_t key, struct wish *w)
{
        struct weft_map_op op;
        int rc = weft_map_begin(&op, map, true);
        if (UNLIKELY(rc != 0))
                return rc;
        op.key = key_of(map, key);
        w->change.step = step;
        rc = weft_map_write(&op, &w->change);
        weft_map_end(&op);
        return rc;
}

/* ---- 8-byte keys and values --------------------------------------------------- */

static inline bool is_64(const struct weft_map *map)
{
        return map->inlined && map->value_bytes;
}

static __attribute__((noinline)) int find64(struct weft_map *map, uint64_t key,
                                            struct weft_map_seen *seen)
{
        struct weft_map_op op;
        int rc = weft_map_begin(&op, map, false);
        if (UNLIKELY(rc != 0))
                return rc;
        op.key = key_of(map, key);
        rc = weft_map_find(&op, seen);
        weft_map_end(&op);
        return rc;
}

/* On the long way. */
void weft_map_note(struct weft_map *map)
{
        struct weft_last *last = &weft_me.last;
        uint64_t number = weft_map_number(map, map->inlined);
        struct weft_map_table current, next;
        uint64_t ref = weft_load_acq(&map->sh->root.lo); /* [R] */
        if (!map->shorter || (last->handle == number && last->of[WEFT_MAP_REF] == ref))
                return;
        const struct weft_agent *me = weft_handle_me(&map->handle);
        if (!me)
                return;
        weft_read_begin(weft_me.agent);
        if (!weft_map_tables(map, &current, &next))
                *last = (struct weft_last){ number,
                                            { [WEFT_MAP_REF] = current.ref,
                                              [WEFT_MAP_BUCKETS] =
                                                      (uintptr_t)current.buckets,
                                              [WEFT_MAP_SHIFT] = 64 - current.bits } };
        weft_read_end(weft_me.agent);
}

static __attribute__((noinline)) int get_slowly(struct weft_map *map, uint64_t key,
                                                uint64_t *value)
{
        struct weft_map_seen seen;
        if (!map || !value)
                return -EINVAL;
        if (!is_64(map))
                return -EPROTO;
        int rc = find64(map, key, &seen);
        if (!rc)
                *value = seen.value;
        weft_map_note(map);
        return rc;
}

int weft_map_get64(weft_map_t *map, uint64_t key, uint64_t *value)
{
        struct weft_map_glanced g;
        if (UNLIKELY(!weft_map_may(map, true) || !value))
                return get_slowly(map, key, value);
        bool found =
                weft_map_at_home(map, key, weft_map_hash_flip(key, map->flip), false, &g);
        weft_read_shut(g.reading, g.was);
        if (UNLIKELY(!found))
                return get_slowly(map, key, value);
        *value = g.pair.lo;
        return 0;
}

/* Replaces it, if it is at home and as it was. */
static inline __attribute__((always_inline)) bool replace_at_home(struct weft_map *map,
                                                                  uint64_t key,
                                                                  uint64_t value,
                                                                  bool add, uint64_t *now)
{
        struct weft_map_glanced g;
        if (UNLIKELY(!weft_map_may(map, true)))
                return false;
        bool done =
                weft_map_at_home(map, key, weft_map_hash_flip(key, map->flip), true, &g);
        if (LIKELY(done)) {
                struct weft_pair is = { add ? value + g.pair.lo : value,
                                        weft_meta_make(weft_meta_version(g.pair.hi) + 1,
                                                       0, WEFT_SLOT_MEMBER) };
                done = weft_cas16_acq_rel(g.cell, &g.pair, is); /* [M] LP */
                if (done && now)
                        *now = is.lo;
        }
        weft_read_shut(g.reading, g.was);
        return done;
}

static int do64(weft_map_t *map, uint64_t key, struct wish *w)
{
        if (UNLIKELY(!map))
                return -EINVAL;
        if (UNLIKELY(!is_64(map)))
                return -EPROTO;
        int rc = change64(map, key, w);
        weft_map_note(map);
        return rc;
}

static __attribute__((noinline)) int put_slowly(weft_map_t *map, uint64_t key,
                                                uint64_t value)
{
        struct wish w = { .when = ALWAYS, .value = value };
        return do64(map, key, &w);
}

int weft_map_put64(weft_map_t *map, uint64_t key, uint64_t value)
{
        return LIKELY(replace_at_home(map, key, value, false, NULL))
                       ? 0
                       : put_slowly(map, key, value);
}

int weft_map_insert64(weft_map_t *map, uint64_t key, uint64_t value)
{
        struct wish w = { .when = IF_ABSENT, .value = value };
        return do64(map, key, &w);
}

static __attribute__((noinline)) int add_slowly(weft_map_t *map, uint64_t key,
                                                uint64_t delta, uint64_t *now)
{
        struct wish w = { .when = ADD, .value = delta };
        int rc = do64(map, key, &w);
        if (!rc && now)
                *now = w.change.value;
        return rc;
}

int weft_map_add64(weft_map_t *map, uint64_t key, uint64_t delta, uint64_t *now)
{
        return LIKELY(replace_at_home(map, key, delta, true, now))
                       ? 0
                       : add_slowly(map, key, delta, now);
}

int weft_map_remove64(weft_map_t *map, uint64_t key)
{
        struct wish w = { .when = IF_THERE, .remove = true };
        return do64(map, key, &w);
}

/* ---- any map -------------------------------------------------------------------- */

static int key64(const struct weft_map *map, const void *key, uint32_t key_bytes,
                 uint64_t *word)
{
        (void)map;
        if (!key || key_bytes != sizeof *word)
                return -EINVAL;
        memcpy(word, key, sizeof *word);
        return 0;
}

static int value64(const void *value, uint64_t value_bytes, uint64_t *word)
{
        if (!value || value_bytes != sizeof *word)
                return -EINVAL;
        memcpy(word, value, sizeof *word);
        return 0;
}

/* As weft_map_get() gives a value out. */
static int give64(uint64_t word, void *value, uint64_t *value_bytes)
{
        uint64_t room = value_bytes ? *value_bytes : value ? sizeof word : 0;
        if (value_bytes)
                *value_bytes = sizeof word;
        if (room < sizeof word || !value)
                return -EOVERFLOW;
        memcpy(value, &word, sizeof word);
        return 0;
}

int weft_map_get(weft_map_t *map, const void *key, uint32_t key_bytes, void *value,
                 uint64_t *value_bytes, uint64_t *version)
{
        struct weft_map_seen seen;
        uint64_t k;
        if (!map || (!value && value_bytes && *value_bytes))
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_get(map, key, key_bytes, value, value_bytes,
                                          version);
        int rc = key64(map, key, key_bytes, &k);
        if (rc)
                return rc;
        if (LIKELY(weft_map_may(map, true))) {
                struct weft_map_glanced g;
                bool found = weft_map_at_home(map, k, weft_map_hash_flip(k, map->flip),
                                              false, &g);
                weft_read_shut(g.reading, g.was);
                if (LIKELY(found)) {
                        if (version)
                                *version = weft_meta_version(g.pair.hi);
                        return give64(g.pair.lo, value, value_bytes);
                }
        }
        rc = find64(map, k, &seen);
        weft_map_note(map);
        if (rc)
                return rc;
        if (version)
                *version = weft_meta_version(seen.meta);
        return give64(seen.value, value, value_bytes);
}

static int change(struct weft_map *map, const void *key, uint32_t key_bytes,
                  const void *value, uint64_t value_bytes, struct wish *w)
{
        uint64_t k;
        int rc = key64(map, key, key_bytes, &k);
        if (!rc && !w->remove)
                rc = value64(value, value_bytes, &w->value);
        return rc ? rc : change64(map, k, w);
}

int weft_map_put(weft_map_t *map, const void *key, uint32_t key_bytes, const void *value,
                 uint64_t value_bytes)
{
        struct wish w = { .when = ALWAYS };
        if (!map)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_put(map, key, key_bytes, value, value_bytes, 0);
        return change(map, key, key_bytes, value, value_bytes, &w);
}

int weft_map_insert(weft_map_t *map, const void *key, uint32_t key_bytes,
                    const void *value, uint64_t value_bytes)
{
        struct wish w = { .when = IF_ABSENT };
        if (!map)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_insert(map, key, key_bytes, value, value_bytes);
        return change(map, key, key_bytes, value, value_bytes, &w);
}

int weft_map_replace(weft_map_t *map, const void *key, uint32_t key_bytes,
                     const void *value, uint64_t value_bytes)
{
        struct wish w = { .when = IF_THERE };
        if (!map)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_replace(map, key, key_bytes, value, value_bytes);
        return change(map, key, key_bytes, value, value_bytes, &w);
}

int weft_map_remove(weft_map_t *map, const void *key, uint32_t key_bytes)
{
        struct wish w = { .when = IF_THERE, .remove = true };
        if (!map)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_remove(map, key, key_bytes);
        return change(map, key, key_bytes, NULL, 0, &w);
}

/* Its version, as it is after the call. */
static int change_if(struct weft_map *map, const void *key, uint32_t key_bytes,
                     const void *value, uint64_t value_bytes, uint64_t *version,
                     bool remove)
{
        struct wish w = { .when = IF_VERSION, .version = *version, .remove = remove };
        int rc = change(map, key, key_bytes, value, value_bytes, &w);
        if (!rc)
                *version = w.change.version;
        else if (rc == -EAGAIN)
                *version = w.version;
        return rc;
}

int weft_map_cas(weft_map_t *map, const void *key, uint32_t key_bytes, const void *value,
                 uint64_t value_bytes, uint64_t *version)
{
        if (!map || !version)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_cas(map, key, key_bytes, value, value_bytes,
                                          version);
        return change_if(map, key, key_bytes, value, value_bytes, version, false);
}

int weft_map_remove_if(weft_map_t *map, const void *key, uint32_t key_bytes,
                       uint64_t *version)
{
        if (!map || !version)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_remove_if(map, key, key_bytes, version);
        return change_if(map, key, key_bytes, NULL, 0, version, true);
}

int weft_map_add(weft_map_t *map, const void *key, uint32_t key_bytes, uint64_t delta,
                 uint64_t *now)
{
        uint64_t k;
        if (!map)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_add(map, key, key_bytes, delta, now);
        int rc = key64(map, key, key_bytes, &k);
        return rc ? rc : weft_map_add64(map, k, delta, now);
}

int weft_map_get_or_insert(weft_map_t *map, const void *key, uint32_t key_bytes,
                           const void *value, uint64_t value_bytes, void *found,
                           uint64_t *found_bytes)
{
        struct wish w = { .when = IF_ABSENT };
        if (!map || (!found && found_bytes && *found_bytes))
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_get_or_insert(map, key, key_bytes, value,
                                                    value_bytes, found, found_bytes);
        int rc = change(map, key, key_bytes, value, value_bytes, &w);
        if (rc != -EEXIST)
                return rc ? rc : 1;
        return give64(w.found, found, found_bytes);
}
