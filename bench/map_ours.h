/* bench/map_ours.h -- weft's maps, as the benchmarks call them. */
#ifndef WEFT_BENCH_MAP_OURS_H
#define WEFT_BENCH_MAP_OURS_H

#include <weft/map.h>
#include <weft/weft.h>

#include "bench/map_kit.h"

struct map_ours {
        weft_arena_t *arena;
        weft_map_t *map;
        uint64_t before; /* used bytes of the arena when the map was empty */
};

int map_ours_make(struct map_ours *ours, enum map_kind kind); /* empty, and to grow */
void map_ours_drop(struct map_ours *ours);
uint64_t map_ours_used(const struct map_ours *ours); /* bytes that the map takes */
int map_ours_filled(enum map_kind kind, struct map_ours **ours); /* the shared one */

BENCH_INLINE void map_must(int rc, const char *call)
{
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("weft_map_%s: %s", call, weft_strerror(rc));
}

BENCH_INLINE size_t map_value_bytes(enum map_kind kind)
{
        return kind == MAP_8 ? 8 : kind == MAP_64 ? 64 : 1024;
}

BENCH_INLINE void map_ours_get(weft_map_t *map, enum map_kind kind, uint64_t i)
{
        if (kind == MAP_8) {
                uint64_t key = map_key(i), value;
                map_must(weft_map_get64(map, key, &value), "get64");
                BENCH_CHECK(map_fits(key, value));
                return;
        }
        uint64_t key[MAP_KEY_MOST / 8], value[MAP_VALUE_MOST / 8];
        uint64_t bytes = map_value_bytes(kind);
        uint32_t key_bytes = map_long_key(i, key);
        map_must(weft_map_get(map, key, key_bytes, value, &bytes, NULL), "get");
        BENCH_CHECK(bytes == map_value_bytes(kind) &&
                    map_long_fits(key[0], value, map_value_bytes(kind)));
}

BENCH_INLINE void map_ours_put(weft_map_t *map, enum map_kind kind, uint64_t i,
                               uint64_t stamp)
{
        if (kind == MAP_8) {
                uint64_t key = map_key(i);
                map_must(weft_map_put64(map, key, map_value(key, stamp)), "put64");
                return;
        }
        uint64_t key[MAP_KEY_MOST / 8], value[MAP_VALUE_MOST / 8];
        uint32_t key_bytes = map_long_key(i, key);
        map_long_value(key[0], stamp, value, map_value_bytes(kind));
        map_must(weft_map_put(map, key, key_bytes, value, map_value_bytes(kind)), "put");
}

BENCH_INLINE void map_ours_remove(weft_map_t *map, enum map_kind kind, uint64_t i)
{
        if (kind == MAP_8) {
                map_must(weft_map_remove64(map, map_key(i)), "remove64");
                return;
        }
        uint64_t key[MAP_KEY_MOST / 8];
        uint32_t key_bytes = map_long_key(i, key);
        map_must(weft_map_remove(map, key, key_bytes), "remove");
}

#endif
