/* bench/map_kit.c -- maps: how many entries, which ones are asked for, one sample. */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>

#include "bench/map_kit.h"

uint64_t map_entries(enum map_kind kind)
{
        return kind == MAP_1K ? 1 << 17 : 1000000;
}

double map_payload(enum map_kind kind)
{
        uint64_t key[MAP_KEY_MOST / 8], n = map_entries(kind), bytes = 0;
        if (kind == MAP_8)
                return (double)n * 16;
        for (uint64_t i = 0; i < n; i++)
                bytes += map_long_key(i, key) + (kind == MAP_64 ? 64 : 1024);
        return (double)bytes;
}

static uint32_t *drawn(void)
{
        uint32_t *stream = malloc(MAP_STREAM * sizeof *stream);
        if (!stream)
                exit(2);
        return stream;
}

const uint32_t *map_stream_uniform(void)
{
        static uint32_t *stream;
        if (!stream) {
                uint64_t x = 1, n = map_entries(MAP_8);
                stream = drawn();
                for (size_t i = 0; i < MAP_STREAM; i++)
                        stream[i] = (uint32_t)map_below(map_random(&x), n);
        }
        return stream;
}

/* Gray et al., Quickly generating billion-record synthetic databases (SIGMOD 1994); the
 * popular ones are spread over the entries. */
const uint32_t *map_stream_zipf(void)
{
        static uint32_t *stream;
        const double theta = 0.99;
        uint64_t x = 1, n = map_entries(MAP_8);
        if (stream)
                return stream;
        double zeta = 0, two = 1 + pow(0.5, theta);
        for (uint64_t i = 1; i <= n; i++)
                zeta += pow(1.0 / (double)i, theta);
        double alpha = 1 / (1 - theta);
        double eta = (1 - pow(2.0 / (double)n, 1 - theta)) / (1 - two / zeta);
        stream = drawn();
        for (size_t i = 0; i < MAP_STREAM; i++) {
                double u = (double)(map_random(&x) >> 11) / 9007199254740992.0;
                double uz = u * zeta;
                uint64_t rank =
                        uz < 1 ? 0
                        : uz < two
                                ? 1
                                : (uint64_t)((double)n * pow(eta * u - eta + 1, alpha));
                stream[i] = (uint32_t)(map_key(rank >= n ? n - 1 : rank) % n);
        }
        return stream;
}

int map_sample(const struct bench_side *side, double *value)
{
        const struct map_trial *trial = side->subject;
        struct map_mix mix = trial->mix;
        struct bench_crew crew = { .count = trial->mix.workers,
                                   .ms = bench.ms,
                                   .body = trial->store->body[trial->mix.kind],
                                   .context = &mix };
        uint64_t ops = 0;
        int rc = crew.count > 1 ? bench_two_cpus() : 0;
        if (!rc)
                rc = trial->store->fill(trial->mix.kind);
        if (trial->mix.stream)
                trial->mix.stream(); /* drawn before the fork */
        if (!rc)
                rc = bench_crew_run(&crew);
        for (unsigned i = 0; i < crew.count; i++)
                ops += crew.slot[i].ops_at_stop;
        *value = rc ? 0 : (double)ops * 1e3 / (double)crew.elapsed;
        return rc;
}
