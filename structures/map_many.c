/* structures/map_many.c -- many keys of 8 bytes at a time: their memory is waited for at once. */
#include "structures/map_fast.h"
#include "structures/map_hash.h"

/* As many as a processor has requests to memory open, and then some: a key takes four. */
enum { AHEAD = 16 };

/* Where they are looked for in the table that this thread knows; if it has been outgrown, or
 * the thread knows none, that is only slower. */
static void fetch(const struct weft_map *map, const uint64_t *keys, size_t n)
{
        const struct weft_last *last = &weft_me.last;
        if (!weft_map_may(map, true))
                return;
        __asm__ __volatile__(""); /* gcc takes what only fetches for what does nothing */
        const struct weft_bucket_shared *buckets =
                (const void *)last->of[WEFT_MAP_BUCKETS];
        for (size_t i = 0; i < n; i++) {
                uint64_t hash = weft_map_hash_flip(keys[i], map->flip);
                const struct weft_bucket_shared *home =
                        &buckets[hash >> (last->of[WEFT_MAP_SHIFT] & 63)];
                __builtin_prefetch(home);
                __builtin_prefetch(&home->key3);
                weft_map_fetch_next(home);
        }
}

static int check(const struct weft_map *map, const uint64_t *keys, const uint64_t *values,
                 size_t n)
{
        if (!map || ((!keys || !values) && n) || n > INT64_MAX)
                return -EINVAL;
        return map->inlined && map->value_bytes ? 0 : -EPROTO;
}

int64_t weft_map_get64_n(weft_map_t *map, const uint64_t *keys, size_t n,
                         uint64_t *values, uint8_t *found)
{
        int64_t hits = 0;
        int rc = check(map, keys, values, n);
        if (rc)
                return rc;
        for (size_t i = 0; i < n; i++) {
                if (i % AHEAD == 0)
                        fetch(map, keys + i, n - i < AHEAD ? n - i : AHEAD);
                rc = weft_map_get64(map, keys[i], &values[i]);
                if (rc && rc != -ENOENT)
                        return rc;
                if (rc)
                        values[i] = 0;
                if (found)
                        found[i] = !rc;
                hits += !rc;
        }
        return hits;
}

int64_t weft_map_put64_n(weft_map_t *map, const uint64_t *keys, const uint64_t *values,
                         size_t n)
{
        int rc = check(map, keys, values, n);
        if (rc)
                return rc;
        for (size_t i = 0; i < n; i++) {
                if (i % AHEAD == 0)
                        fetch(map, keys + i, n - i < AHEAD ? n - i : AHEAD);
                rc = weft_map_put64(map, keys[i], values[i]);
                if (rc)
                        return i ? (int64_t)i : rc;
        }
        return (int64_t)n;
}
