/* bench/map_bench.c -- maps: mixes of get and put by one and two workers. */
#include "bench/map_kit.h"

enum { FEW = 205, HALF = 2048 }; /* puts in 4096: 5 % and 50 % */

#define TRIAL(variable, label, map, ...) \
        static const struct map_trial variable##_trial = { &map, { __VA_ARGS__ } }; \
        static const struct bench_side variable = { label, map_sample, \
                                                    &variable##_trial, NULL }

/* ---- 8-byte keys and values ------------------------------------------------ */

TRIAL(few1_weft, "weft", map_weft, MAP_8, FEW, 1, NULL);
TRIAL(few1_ck, "ck_ht", map_ck, MAP_8, FEW, 1, NULL);
TRIAL(few2_weft, "weft", map_weft, MAP_8, FEW, 2, NULL);
TRIAL(few2_ck, "ck_ht, lock to write", map_ck, MAP_8, FEW, 2, NULL);
TRIAL(few2_lmdb, "LMDB", map_lmdb, MAP_8, FEW, 2, NULL);
TRIAL(few2_boost, "Boost shm map", map_boost, MAP_8, FEW, 2, NULL);
TRIAL(few2_redis, "Redis", map_redis, MAP_8, FEW, 2, NULL);
TRIAL(half1_weft, "weft", map_weft, MAP_8, HALF, 1, NULL);
TRIAL(half1_ck, "ck_ht", map_ck, MAP_8, HALF, 1, NULL);
TRIAL(half2_weft, "weft", map_weft, MAP_8, HALF, 2, NULL);
TRIAL(half2_ck, "ck_ht, lock to write", map_ck, MAP_8, HALF, 2, NULL);
TRIAL(half2_lmdb, "LMDB", map_lmdb, MAP_8, HALF, 2, NULL);
TRIAL(half2_boost, "Boost shm map", map_boost, MAP_8, HALF, 2, NULL);
TRIAL(even2_weft, "weft, uniform", map_weft, MAP_8, FEW, 2, map_stream_uniform);
TRIAL(zipf2_weft, "weft", map_weft, MAP_8, FEW, 2, map_stream_zipf);

/* ---- keys of 16 to 32 bytes ------------------------------------------------- */

TRIAL(mid_few1_weft, "weft", map_weft, MAP_64, FEW, 1, NULL);
TRIAL(mid_few1_ck, "ck_ht", map_ck, MAP_64, FEW, 1, NULL);
TRIAL(mid_few2_weft, "weft", map_weft, MAP_64, FEW, 2, NULL);
TRIAL(mid_few2_ck, "ck_ht, lock to write", map_ck, MAP_64, FEW, 2, NULL);
TRIAL(mid_few2_lmdb, "LMDB", map_lmdb, MAP_64, FEW, 2, NULL);
TRIAL(mid_half1_weft, "weft", map_weft, MAP_64, HALF, 1, NULL);
TRIAL(mid_half1_ck, "ck_ht", map_ck, MAP_64, HALF, 1, NULL);
TRIAL(mid_half2_weft, "weft", map_weft, MAP_64, HALF, 2, NULL);
TRIAL(mid_half2_ck, "ck_ht, lock to write", map_ck, MAP_64, HALF, 2, NULL);
TRIAL(mid_half2_lmdb, "LMDB", map_lmdb, MAP_64, HALF, 2, NULL);
TRIAL(big_few1_weft, "weft", map_weft, MAP_1K, FEW, 1, NULL);
TRIAL(big_few1_ck, "ck_ht", map_ck, MAP_1K, FEW, 1, NULL);
TRIAL(big_few2_weft, "weft", map_weft, MAP_1K, FEW, 2, NULL);
TRIAL(big_few2_ck, "ck_ht, lock to write", map_ck, MAP_1K, FEW, 2, NULL);
TRIAL(big_half1_weft, "weft", map_weft, MAP_1K, HALF, 1, NULL);
TRIAL(big_half1_ck, "ck_ht", map_ck, MAP_1K, HALF, 1, NULL);

#define EIGHT(mix, by) "8 B to 8 B, 1,000,000 entries: " mix ", uniform, " by
#define MIDDLE(mix, by) "16..32 B to 64 B, 1,000,000 entries: " mix ", uniform, " by
#define LARGE(mix, by) "16..32 B to 1 KiB, 131,072 entries: " mix ", uniform, " by
#define FEW_PUTS "95 % get, 5 % put"
#define HALF_PUTS "50 % get, 50 % put"

static const struct bench_row rows[] = {
        { "map.95.1.ck", EIGHT(FEW_PUTS, "1 process"), "M/s", &few1_weft, &few1_ck, 1.8,
          BENCH_HIGHER, 0 },
        { "map.95.2.ck", EIGHT(FEW_PUTS, "2 processes"), "M/s", &few2_weft, &few2_ck, 1.8,
          BENCH_HIGHER, 0 },
        { "map.95.2.lmdb", EIGHT(FEW_PUTS, "2 processes"), "M/s", &few2_weft, &few2_lmdb,
          10, BENCH_HIGHER, 0 },
        { "map.95.2.boost", EIGHT(FEW_PUTS, "2 processes"), "M/s", &few2_weft,
          &few2_boost, 20, BENCH_HIGHER, 0 },
        { "map.95.2.redis", EIGHT(FEW_PUTS, "2 processes"), "M/s", &few2_weft,
          &few2_redis, 25, BENCH_HIGHER, 0 },
        { "map.50.1.ck", EIGHT(HALF_PUTS, "1 process"), "M/s", &half1_weft, &half1_ck,
          1.8, BENCH_HIGHER, 0 },
        { "map.50.2.ck", EIGHT(HALF_PUTS, "2 processes"), "M/s", &half2_weft, &half2_ck,
          1.8, BENCH_HIGHER, 0 },
        { "map.50.2.lmdb", EIGHT(HALF_PUTS, "2 processes"), "M/s", &half2_weft,
          &half2_lmdb, 10, BENCH_HIGHER, 0 },
        { "map.50.2.boost", EIGHT(HALF_PUTS, "2 processes"), "M/s", &half2_weft,
          &half2_boost, 20, BENCH_HIGHER, 0 },
        { "map.zipf", "8 B to 8 B: " FEW_PUTS ", 2 processes, Zipf 0.99, beside uniform",
          "M/s", &zipf2_weft, &even2_weft, 1.0, BENCH_HIGHER, 0 },
        { "map.64.95.1.ck", MIDDLE(FEW_PUTS, "1 process"), "M/s", &mid_few1_weft,
          &mid_few1_ck, 1.3, BENCH_HIGHER, 0 },
        { "map.64.95.2.ck", MIDDLE(FEW_PUTS, "2 processes"), "M/s", &mid_few2_weft,
          &mid_few2_ck, 1.3, BENCH_HIGHER, 0 },
        { "map.64.95.2.lmdb", MIDDLE(FEW_PUTS, "2 processes"), "M/s", &mid_few2_weft,
          &mid_few2_lmdb, 4, BENCH_HIGHER, 0 },
        { "map.64.50.1.ck", MIDDLE(HALF_PUTS, "1 process"), "M/s", &mid_half1_weft,
          &mid_half1_ck, 1.3, BENCH_HIGHER, 0 },
        { "map.64.50.2.ck", MIDDLE(HALF_PUTS, "2 processes"), "M/s", &mid_half2_weft,
          &mid_half2_ck, 1.3, BENCH_HIGHER, 0 },
        { "map.64.50.2.lmdb", MIDDLE(HALF_PUTS, "2 processes"), "M/s", &mid_half2_weft,
          &mid_half2_lmdb, 15, BENCH_HIGHER, 0 },
        { "map.1k.95.1.ck", LARGE(FEW_PUTS, "1 process"), "M/s", &big_few1_weft,
          &big_few1_ck, 1.25, BENCH_HIGHER, 0 },
        { "map.1k.95.2.ck", LARGE(FEW_PUTS, "2 processes"), "M/s", &big_few2_weft,
          &big_few2_ck, 1.25, BENCH_HIGHER, 0 },
        { "map.1k.50.1.ck", LARGE(HALF_PUTS, "1 process"), "M/s", &big_half1_weft,
          &big_half1_ck, 1.25, BENCH_HIGHER, 0 },
};

BENCH_MODULE(map, rows);
