/* bench/map_grow_bench.c -- maps: filling, memory, turnover, and single calls. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "bench/map_ours.h"

/* ---- from empty ------------------------------------------------------------ */

struct load {
        weft_map_t *map;
        uint64_t entries;
        unsigned workers;
};

static void load_body(struct bench_worker *w, void *context)
{
        const struct load *load = context;
        bench_ready(w);
        for (uint64_t i = w->index; i < load->entries; i += load->workers) {
                uint64_t key = map_key(i);
                map_must(weft_map_insert64(load->map, key, map_value(key, 0)),
                         "insert64");
        }
}

enum { MANY = 64 };

/* The same, MANY at a time. */
static void load_many_body(struct bench_worker *w, void *context)
{
        const struct load *load = context;
        uint64_t key[MANY], value[MANY];
        bench_ready(w);
        for (uint64_t i = 0; i < load->entries; i += MANY) {
                size_t n = load->entries - i < MANY ? load->entries - i : MANY;
                for (size_t k = 0; k < n; k++) {
                        key[k] = map_key(i + k);
                        value[k] = map_value(key[k], 0);
                }
                int64_t done = weft_map_put64_n(load->map, key, value, n);
                map_must(done == (int64_t)n ? 0
                         : done < 0         ? (int)done
                                            : -ENOSPC,
                         "put64_n");
        }
}

static int load_with(unsigned workers, void (*body)(struct bench_worker *, void *),
                     double *value)
{
        struct map_ours ours;
        int rc = workers > 1 ? bench_two_cpus() : 0;
        if (!rc)
                rc = map_ours_make(&ours, MAP_8);
        if (rc)
                return rc;
        struct load load = { ours.map, map_entries(MAP_8), workers };
        struct bench_crew crew = {
                .count = workers, .grace_ms = 60000, .body = body, .context = &load
        };
        rc = bench_crew_run(&crew);
        *value = (double)load.entries * 1e3 / (double)crew.elapsed;
        if (!rc && weft_map_count(ours.map) != (int64_t)load.entries)
                rc = bench_wrong("%lld entries are there",
                                 (long long)weft_map_count(ours.map));
        for (uint64_t i = 0; !rc && i < load.entries; i += 16)
                map_ours_get(ours.map, MAP_8, i);
        map_ours_drop(&ours);
        return rc;
}

static int sample_load(const struct bench_side *side, double *value)
{
        const unsigned *workers = side->subject;
        return load_with(*workers, load_body, value);
}

static int sample_load_many(const struct bench_side *side, double *value)
{
        (void)side;
        return load_with(1, load_many_body, value);
}

static int sample_load_ck(const struct bench_side *side, double *value)
{
        uint64_t entries = map_entries(MAP_8);
        struct bench_crew crew = {
                .count = 1, .grace_ms = 60000, .body = map_ck_load, .context = &entries
        };
        (void)side;
        int rc = bench_crew_run(&crew);
        *value = (double)entries * 1e3 / (double)crew.elapsed;
        return rc;
}

static const unsigned one = 1, two = 2;
static const struct bench_side load1 = { "weft", sample_load, &one, NULL };
static const struct bench_side load1_base = { "weft, 1 process", sample_load, &one,
                                              NULL };
static const struct bench_side load2 = { "weft", sample_load, &two, NULL };
static const struct bench_side load_many = { "weft", sample_load_many, NULL, NULL };
static const struct bench_side load_ck = { "ck_ht", sample_load_ck, NULL, NULL };

/* ---- memory ---------------------------------------------------------------- */

/* Of the map that the mixes work on, after they have. */
static int sample_bytes(const struct bench_side *side, double *value)
{
        const enum map_kind *kind = side->subject;
        struct map_ours *ours;
        int rc = map_ours_filled(*kind, &ours);
        if (rc)
                return rc;
        double used = (double)map_ours_used(ours);
        *value = *kind == MAP_8 ? used / (double)map_entries(*kind)
                                : used / map_payload(*kind);
        return 0;
}

static const enum map_kind eight = MAP_8, middle = MAP_64, large = MAP_1K;
static const struct bench_side bytes8 = { "weft", sample_bytes, &eight, NULL };
static const struct bench_side bytes64 = { "weft", sample_bytes, &middle, NULL };
static const struct bench_side bytes1k = { "weft", sample_bytes, &large, NULL };

/* ---- turnover -------------------------------------------------------------- */

enum { TURNOVERS = 10 };

struct churn {
        weft_map_t *map;
        enum map_kind kind;
        uint64_t entries;
};

struct churn_side {
        enum map_kind kind;
        bool memory;
};

static uint64_t churn_entries(void)
{
        return bench.quick ? 100000 : 1000000;
}

/* The two workers have every other entry. `value`: the rate of the last turnover over that
 * of the first. */
static void churn_body(struct bench_worker *w, void *context)
{
        const struct churn *churn = context;
        uint64_t n = churn->entries, took[TURNOVERS];
        bench_ready(w);
        for (unsigned turn = 0; turn < TURNOVERS; turn++) {
                uint64_t begin = bench_now(), from = turn * n;
                for (uint64_t i = from + w->index; i < from + n; i += 2) {
                        map_ours_get(churn->map, churn->kind, i);
                        map_ours_remove(churn->map, churn->kind, i);
                        map_ours_put(churn->map, churn->kind, i + n, turn);
                        map_ours_get(churn->map, churn->kind, i + n);
                }
                took[turn] = bench_now() - begin;
        }
        w->slot->value = (double)took[0] / (double)took[TURNOVERS - 1];
}

static int sample_churn(const struct bench_side *side, double *value)
{
        const struct churn_side *what = side->subject;
        struct map_ours ours;
        int rc = bench_two_cpus();
        if (!rc)
                rc = map_ours_make(&ours, what->kind);
        if (rc)
                return rc;
        struct churn churn = { ours.map, what->kind, churn_entries() };
        for (uint64_t i = 0; i < churn.entries; i++)
                map_ours_put(ours.map, what->kind, i, 0);
        double before = (double)map_ours_used(&ours);
        struct bench_crew crew = {
                .count = 2, .grace_ms = 60000, .body = churn_body, .context = &churn
        };
        rc = bench_crew_run(&crew);
        if (!rc && weft_map_count(ours.map) != (int64_t)churn.entries)
                rc = bench_wrong("%lld entries are there",
                                 (long long)weft_map_count(ours.map));
        *value = what->memory ? (double)map_ours_used(&ours) / before
                              : (crew.slot[0].value + crew.slot[1].value) / 2;
        map_ours_drop(&ours);
        return rc;
}

#define CHURN(variable, kind, memory) \
        static const struct churn_side variable##_what = { kind, memory }; \
        static const struct bench_side variable = { "weft", sample_churn, \
                                                    &variable##_what, NULL }

CHURN(churn8_memory, MAP_8, true);
CHURN(churn8_speed, MAP_8, false);
CHURN(churn64_memory, MAP_64, true);
CHURN(churn64_speed, MAP_64, false);

/* ---- single calls ----------------------------------------------------------- */

struct call {
        enum map_kind kind;
        bool put;
        double percent;
};

struct calls {
        const struct call *call;
        weft_map_t *map;
};

/* By the time stamp counter, whose own reading is in it. */
static void call_body(struct bench_worker *w, void *context)
{
        enum { MOST = 1 << 20 };
        const struct calls *calls = context;
        const struct call *call = calls->call;
        uint64_t n = 0, x = map_key(w->index + bench_now() % 1000);
        uint64_t entries = map_entries(call->kind);
        double *ns = malloc(MOST * sizeof *ns);
        BENCH_CHECK(ns);
        memset(ns, 0, MOST * sizeof *ns);
        for (uint64_t i = w->index; i < entries; i += 16)
                map_ours_get(calls->map, call->kind, i);
        bench_ready(w);
        while (n < MOST && !bench_stopping(w)) {
                uint64_t i = map_below(map_random(&x), entries), begin = bench_ticks();
                if (call->put)
                        map_ours_put(calls->map, call->kind, i, n);
                else
                        map_ours_get(calls->map, call->kind, i);
                ns[n++] = (double)(bench_ticks() - begin) * bench_ns_per_tick();
        }
        w->slot->value = bench_percentile(ns, n, call->percent);
}

static int sample_call(const struct bench_side *side, double *value)
{
        struct map_ours *ours;
        const struct call *call = side->subject;
        int rc = bench_two_cpus();
        if (!rc)
                rc = map_ours_filled(call->kind, &ours);
        if (rc)
                return rc;
        struct calls calls = { call, ours->map };
        struct bench_crew crew = {
                .count = 2, .ms = bench.ms, .body = call_body, .context = &calls
        };
        rc = bench_crew_run(&crew);
        *value = (crew.slot[0].value + crew.slot[1].value) / 2;
        return rc;
}

#define CALL(variable, kind, put, percent) \
        static const struct call variable##_call = { kind, put, percent }; \
        static const struct bench_side variable = { "weft", sample_call, \
                                                    &variable##_call, NULL }

CALL(get_50, MAP_8, false, 50);
CALL(get_99, MAP_8, false, 99);
CALL(get_999, MAP_8, false, 99.9);
CALL(put_50, MAP_8, true, 50);
CALL(put_99, MAP_8, true, 99);
CALL(put_999, MAP_8, true, 99.9);

/* ---- many at a time ----------------------------------------------------------- */

struct gets {
        weft_map_t *map;
        bool many;
};

static void gets_body(struct bench_worker *w, void *context)
{
        const struct gets *gets = context;
        uint64_t key[MANY], value[MANY] = { 0 }, entries = map_entries(MAP_8);
        uint64_t x = map_key(w->index + bench_now() % 1000), n = 0;
        for (uint64_t i = 0; i < entries; i += 16)
                map_ours_get(gets->map, MAP_8, i);
        bench_ready(w);
        while (!bench_stopping(w)) {
                for (unsigned k = 0; k < MANY; k++)
                        key[k] = map_key(map_below(map_random(&x), entries));
                if (gets->many)
                        BENCH_CHECK(weft_map_get64_n(gets->map, key, MANY, value, NULL) ==
                                    MANY);
                for (unsigned k = 0; k < MANY; k++) {
                        if (!gets->many)
                                map_must(weft_map_get64(gets->map, key[k], &value[k]),
                                         "get64");
                        BENCH_CHECK(map_fits(key[k], value[k]));
                }
                bench_ops(w, n += MANY);
        }
}

static int sample_gets(const struct bench_side *side, double *value)
{
        const bool *many = side->subject;
        struct map_ours *ours;
        int rc = map_ours_filled(MAP_8, &ours);
        if (rc)
                return rc;
        struct gets gets = { ours->map, *many };
        struct bench_crew crew = {
                .count = 1, .ms = bench.ms, .body = gets_body, .context = &gets
        };
        rc = bench_crew_run(&crew);
        *value = rc ? 0 : (double)crew.slot[0].ops_at_stop * 1e3 / (double)crew.elapsed;
        return rc;
}

static const bool yes = true, no = false;
static const struct bench_side gets_many = { "weft", sample_gets, &yes, NULL };
static const struct bench_side gets_single = { "weft, one by one", sample_gets, &no,
                                               NULL };

#define LOAD "8 B to 8 B: 1,000,000 inserted into an empty map that grows, by "
#define CHURN_WHAT \
        "2 processes: the oldest removed, a new one put, until all were replaced " \
        "10 times: "
#define CALL_WHAT "8 B to 8 B: a single call while another process makes them too: "

static const struct bench_row rows[] = {
        { "map.load.1.ck", LOAD "1 process", "M/s", &load1, &load_ck, 1.3, BENCH_HIGHER,
          0 },
        { "map.load.2", LOAD "2 processes, beside 1", "M/s", &load2, &load1_base, 1.7,
          BENCH_HIGHER, 0 },
        { "map.load.many", LOAD "1 process, 64 a call", "M/s", &load_many, &load_ck,
          BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "map.get.many", "8 B to 8 B, 1,000,000 entries: get, 64 a call, uniform", "M/s",
          &gets_many, &gets_single, BENCH_NO_GOAL, BENCH_HIGHER, 0 },
        { "map.bytes.8", "bytes an entry, 8 B to 8 B, after all that", "B", &bytes8, NULL,
          40, BENCH_LOWER, 1 },
        { "map.bytes.64", "bytes, 16..32 B to 64 B, beside those of keys and values", "x",
          &bytes64, NULL, BENCH_NO_GOAL, BENCH_LOWER, 1 },
        { "map.bytes.1k", "bytes, 16..32 B to 1 KiB, beside those of keys and values",
          "x", &bytes1k, NULL, 1.08, BENCH_LOWER, 1 },
        { "map.churn.8.memory", CHURN_WHAT "8 B to 8 B, memory after / before", "x",
          &churn8_memory, NULL, 1.05, BENCH_LOWER, 3 },
        { "map.churn.8.speed", CHURN_WHAT "8 B to 8 B, last turn's rate / first's", "x",
          &churn8_speed, NULL, 0.9, BENCH_HIGHER, 3 },
        { "map.churn.64.memory", CHURN_WHAT "16..32 B to 64 B, memory after / before",
          "x", &churn64_memory, NULL, 1.05, BENCH_LOWER, 3 },
        { "map.churn.64.speed", CHURN_WHAT "16..32 B to 64 B, last turn's rate / first's",
          "x", &churn64_speed, NULL, 0.9, BENCH_HIGHER, 3 },
        { "map.get.p50", CALL_WHAT "get, median", "ns", &get_50, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 3 },
        { "map.get.p99", CALL_WHAT "get, 99 %", "ns", &get_99, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 3 },
        { "map.get.p99.9", CALL_WHAT "get, 99.9 %", "ns", &get_999, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 3 },
        { "map.put.p50", CALL_WHAT "put, median", "ns", &put_50, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 3 },
        { "map.put.p99", CALL_WHAT "put, 99 %", "ns", &put_99, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 3 },
        { "map.put.p99.9", CALL_WHAT "put, 99.9 %", "ns", &put_999, NULL, BENCH_NO_GOAL,
          BENCH_LOWER, 3 },
};

BENCH_MODULE(map_grow, rows);
