/* bench/map_ours.c -- weft's maps: made, filled, and asked by workers. */
#include "bench/map_ours.h"

int map_ours_make(struct map_ours *ours, enum map_kind kind)
{
        struct weft_arena_options arena = { .max_bytes = UINT64_C(4) << 30,
                                            .flags = WEFT_ARENA_LARGE_PAGES };
        struct weft_map_options options = { .key_bytes = kind == MAP_8 ? 8 : 0,
                                            .value_bytes = kind == MAP_8 ? 8 : 0 };
        int rc = bench_weft(weft_arena_create(NULL, &arena, &ours->arena),
                            "weft_arena_create");
        if (rc)
                return rc;
        ours->before = 0;
        ours->before = map_ours_used(ours);
        rc = bench_weft(weft_map_create(ours->arena, "bench", &options, &ours->map),
                        "weft_map_create");
        if (rc)
                weft_arena_close(ours->arena);
        return rc;
}

void map_ours_drop(struct map_ours *ours)
{
        weft_map_close(ours->map);
        weft_arena_close(ours->arena);
}

uint64_t map_ours_used(const struct map_ours *ours)
{
        struct weft_arena_info info = { 0 };
        if (weft_arena_info(ours->arena, &info))
                return 0;
        return info.used_bytes - ours->before;
}

int map_ours_filled(enum map_kind kind, struct map_ours **filled)
{
        static struct map_ours ours[MAP_KINDS];
        *filled = &ours[kind];
        if (ours[kind].map)
                return 0;
        int rc = map_ours_make(&ours[kind], kind);
        if (rc)
                return rc;
        for (uint64_t i = 0; i < map_entries(kind); i++)
                map_ours_put(ours[kind].map, kind, i, 0);
        return 0;
}

/* ---- a mix ----------------------------------------------------------------- */

static weft_map_t *map; /* the one that this worker works on */

#define OURS(name, kind) \
        static void name##_enter(unsigned index) \
        { \
                struct map_ours *ours; \
                (void)index; \
                map_ours_filled(kind, &ours); \
                map = ours->map; \
        } \
        BENCH_INLINE void name##_get(uint64_t i) \
        { \
                map_ours_get(map, kind, i); \
        } \
        BENCH_INLINE void name##_put(uint64_t i, uint64_t stamp) \
        { \
                map_ours_put(map, kind, i, stamp); \
        } \
        MAP_BODY(name)

OURS(eight, MAP_8)
OURS(middle, MAP_64)
OURS(large, MAP_1K)

static int fill(enum map_kind kind)
{
        struct map_ours *ours;
        return map_ours_filled(kind, &ours);
}

const struct map_store map_weft = { "weft",
                                    fill,
                                    { eight_body, middle_body, large_body } };
