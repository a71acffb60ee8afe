/* bench/sync_peers.c -- samples of what sync/ does, and its peers of glibc. */
#define _GNU_SOURCE
#include <string.h>

#include "bench/sync_peers.h"

static double ns_per_op(const struct bench_slot *slot)
{
        return (double)(slot->end - slot->begin) / (double)(slot->ops ? slot->ops : 1);
}

static double figure_of(const struct sync_kind *kind, const struct bench_crew *crew)
{
        uint64_t ops = 0;
        switch (kind->figure) {
        case SYNC_NS:
                return ns_per_op(&crew->slot[0]);
        case SYNC_RATE:
                for (unsigned i = 0; i < crew->count; i++)
                        ops += crew->slot[i].ops_at_stop;
                return (double)ops * 1e3 / (double)crew->elapsed;
        default:
                return crew->slot[kind->figure - SYNC_VALUE].value;
        }
}

static int measure(struct sync_set *set, double *value)
{
        const struct sync_kind *kind = set->kind;
        struct bench_crew crew = { .count = kind->workers,
                                   .one_cpu = kind->one_cpu,
                                   .ms = bench.ms,
                                   .body = kind->body,
                                   .context = set };
        int rc = bench_crew_run(&crew);
        if (!rc && crew.cut)
                rc = bench_wrong("a wake-up was lost");
        if (!rc && kind->verify)
                rc = kind->verify(set, &crew);
        *value = figure_of(kind, &crew);
        return rc;
}

int sync_sample(const struct bench_side *side, double *value)
{
        struct sync_set set = { .kind = side->subject };
        int rc = set.kind->workers > 1 && !set.kind->one_cpu ? bench_two_cpus() : 0;
        if (rc)
                return rc;
        set.sh = bench_shared(sizeof *set.sh);
        if (!set.sh)
                return bench_cannot("no shared memory");
        rc = bench_weft(weft_arena_create(NULL, NULL, &set.arena), "weft_arena_create");
        if (!rc) {
                rc = set.kind->make(&set);
                if (!rc) {
                        rc = measure(&set, value);
                        set.kind->drop(&set);
                }
                weft_arena_close(set.arena);
        }
        bench_unshare(set.sh, sizeof *set.sh);
        return rc;
}

/* ---- verification -------------------------------------------------------------- */

int sync_verify_words(struct sync_set *set, const struct bench_crew *crew)
{
        uint64_t count = 0, have = set->sh->word[0];
        for (unsigned i = 0; i < crew->count; i++)
                count += crew->slot[i].count;
        if (count == have)
                return 0;
        return bench_wrong("%llu operations, %llu of them to be seen",
                           (unsigned long long)count, (unsigned long long)have);
}

int sync_verify_trips(struct sync_set *set, const struct bench_crew *crew)
{
        uint64_t there = crew->slot[0].count_in, back = crew->slot[1].count;
        (void)set;
        if (there == back)
                return 0;
        return bench_wrong("%llu times there, %llu times back", (unsigned long long)there,
                           (unsigned long long)back);
}

int sync_verify_cross(struct sync_set *set, const struct bench_crew *crew)
{
        uint64_t n = crew->slot[0].count, serial = crew->slot[0].sum + crew->slot[1].sum;
        (void)set;
        if (n == crew->slot[1].count && n == serial)
                return 0;
        return bench_wrong("%llu and %llu crossings, %llu serial ones",
                           (unsigned long long)n, (unsigned long long)crew->slot[1].count,
                           (unsigned long long)serial);
}

/* ---- the peers ------------------------------------------------------------------- */

static int made(int error, const char *what)
{
        return error ? bench_cannot("%s: error %d", what, error) : 0;
}

static int make_mutex(pthread_mutex_t *mutex, int type, int robust)
{
        pthread_mutexattr_t attr;
        pthread_mutexattr_init(&attr);
        pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attr, robust);
        pthread_mutexattr_settype(&attr, type);
        int error = pthread_mutex_init(mutex, &attr);
        pthread_mutexattr_destroy(&attr);
        return made(error, "pthread_mutex_init");
}

int sync_make_mutex(struct sync_set *set)
{
        return make_mutex(&set->sh->peer[0].mutex, PTHREAD_MUTEX_NORMAL,
                          PTHREAD_MUTEX_ROBUST);
}

int sync_make_mutex_recursive(struct sync_set *set)
{
        return make_mutex(&set->sh->peer[0].mutex, PTHREAD_MUTEX_RECURSIVE,
                          PTHREAD_MUTEX_ROBUST);
}

int sync_make_rwlock(struct sync_set *set)
{
        pthread_rwlockattr_t attr;
        pthread_rwlockattr_init(&attr);
        pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
        int error = pthread_rwlock_init(&set->sh->peer[0].rwlock, &attr);
        pthread_rwlockattr_destroy(&attr);
        return made(error, "pthread_rwlock_init");
}

int sync_make_sems(struct sync_set *set)
{
        for (int i = 0; i < 2; i++)
                if (sem_init(&set->sh->peer[i].sem, 1, 0))
                        return made(1, "sem_init");
        return 0;
}

int sync_make_barrier(struct sync_set *set)
{
        pthread_barrierattr_t attr;
        pthread_barrierattr_init(&attr);
        pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
        int error = pthread_barrier_init(&set->sh->peer[0].barrier, &attr, 2);
        pthread_barrierattr_destroy(&attr);
        return made(error, "pthread_barrier_init");
}

int sync_make_conds(struct sync_set *set)
{
        pthread_condattr_t attr;
        int error = 0;
        pthread_condattr_init(&attr);
        pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
        for (int i = 0; i < 2 && !error; i++)
                error = pthread_cond_init(&set->sh->peer[i].cond, &attr);
        pthread_condattr_destroy(&attr);
        if (error)
                return made(error, "pthread_cond_init");
        return make_mutex(&set->sh->peer[2].mutex, PTHREAD_MUTEX_NORMAL,
                          PTHREAD_MUTEX_ROBUST);
}

int sync_make_nothing(struct sync_set *set)
{
        (void)set;
        return 0;
}

/* Nothing of glibc's holds more than its bytes. */
void sync_drop_nothing(struct sync_set *set)
{
        (void)set;
}
