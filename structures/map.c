/* structures/map.c -- maps of any keys and values: which way a call goes. */
#include "structures/map_block.h"

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

static __attribute__((noinline)) int get_inlined(weft_map_t *map, const void *key,
                                                 uint32_t key_bytes, void *value,
                                                 uint64_t *value_bytes, uint64_t *version)
{
        uint64_t k;
        int rc = key64(map, key, key_bytes, &k);
        if (rc)
                return rc;
        uint64_t word;
        rc = weft_map_word_get(map, k, &word, version);
        return rc ? rc : give64(word, value, value_bytes);
}

/* Which only chooses: so that no register is saved twice. */
int weft_map_get(weft_map_t *map, const void *key, uint32_t key_bytes, void *value,
                 uint64_t *value_bytes, uint64_t *version)
{
        if (WEFT_UNLIKELY_MAP(!map || (!value && value_bytes && *value_bytes)))
                return -EINVAL;
        return map->inlined
                       ? get_inlined(map, key, key_bytes, value, value_bytes, version)
                       : weft_map_block_get(map, key, key_bytes, value, value_bytes,
                                            version);
}

static int change(struct weft_map *map, const void *key, uint32_t key_bytes,
                  const void *value, uint64_t value_bytes, struct weft_map_wish *w)
{
        uint64_t k;
        int rc = key64(map, key, key_bytes, &k);
        if (!rc && !w->remove)
                rc = value64(value, value_bytes, &w->value);
        return rc ? rc : weft_map_word_change(map, k, w);
}

static __attribute__((noinline)) int put_inlined(weft_map_t *map, const void *key,
                                                 uint32_t key_bytes, const void *value,
                                                 uint64_t value_bytes)
{
        struct weft_map_wish w = { .when = WEFT_MAP_ALWAYS };
        return change(map, key, key_bytes, value, value_bytes, &w);
}

int weft_map_put(weft_map_t *map, const void *key, uint32_t key_bytes, const void *value,
                 uint64_t value_bytes)
{
        if (WEFT_UNLIKELY_MAP(!map))
                return -EINVAL;
        return map->inlined
                       ? put_inlined(map, key, key_bytes, value, value_bytes)
                       : weft_map_block_put(map, key, key_bytes, value, value_bytes, 0);
}

int weft_map_insert(weft_map_t *map, const void *key, uint32_t key_bytes,
                    const void *value, uint64_t value_bytes)
{
        struct weft_map_wish w = { .when = WEFT_MAP_IF_ABSENT };
        if (!map)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_insert(map, key, key_bytes, value, value_bytes);
        return change(map, key, key_bytes, value, value_bytes, &w);
}

int weft_map_replace(weft_map_t *map, const void *key, uint32_t key_bytes,
                     const void *value, uint64_t value_bytes)
{
        struct weft_map_wish w = { .when = WEFT_MAP_IF_THERE };
        if (!map)
                return -EINVAL;
        if (!map->inlined)
                return weft_map_block_replace(map, key, key_bytes, value, value_bytes);
        return change(map, key, key_bytes, value, value_bytes, &w);
}

int weft_map_remove(weft_map_t *map, const void *key, uint32_t key_bytes)
{
        struct weft_map_wish w = { .when = WEFT_MAP_IF_THERE, .remove = true };
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
        struct weft_map_wish w = { .when = WEFT_MAP_IF_VERSION,
                                   .version = *version,
                                   .remove = remove };
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
        struct weft_map_wish w = { .when = WEFT_MAP_IF_ABSENT };
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
