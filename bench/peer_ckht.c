/* bench/peer_ckht.c -- Concurrency Kit's hash table: many readers, one writer at a time.
 *
 * It is made for the threads of one process and holds addresses. Here its memory is shared
 * and lies at the same address in all workers, so that it meets them as it would meet
 * threads. Two workers take a spinlock to write. Records that were replaced are used again
 * after a while without asking who reads them (a program would need ck_epoch for that):
 * who finds one that does not fit looks once more.
 */
#define _GNU_SOURCE
#include <ck_ht.h>
#include <ck_spinlock.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench/map_kit.h"

enum { SPARE = 1024 };

struct record {
        uint64_t key[MAP_KEY_MOST / 8];
        uint64_t value[];
};

static struct shared {
        ck_ht_t table[MAP_KINDS];
        _Alignas(BENCH_LINE) ck_spinlock_fas_t lock;
        _Alignas(BENCH_LINE) struct worker {
                struct record *spare[MAP_KINDS][SPARE];
                uint64_t at;
        } worker[2];
} * shared;

static unsigned workers;
static struct worker *me;

/* ---- memory that workers share at one address -------------------------------- */

static char *area;
static size_t area_used;
static const size_t area_bytes = (size_t)1 << 30;

static void *area_alloc(size_t bytes)
{
        if (!area) {
                void *at = mmap(NULL, area_bytes, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                if (at == MAP_FAILED)
                        return NULL;
                area = at;
        }
        bytes = (bytes + 63) / 64 * 64;
        if (bytes > area_bytes - area_used)
                return NULL;
        area_used += bytes;
        return area + (area_used - bytes);
}

static void *area_realloc(void *at, size_t old, size_t bytes, bool defer)
{
        (void)defer;
        void *to = area_alloc(bytes);
        return to ? memcpy(to, at, old < bytes ? old : bytes) : NULL;
}

static void area_free(void *at, size_t bytes, bool defer)
{
        (void)at, (void)bytes, (void)defer;
}

/* ---- 8 bytes: keys and values lie in the table ------------------------------- */

static bool eight_find(ck_ht_t *table, uint64_t i)
{
        ck_ht_hash_t hash;
        ck_ht_entry_t entry;
        uint64_t key = map_key(i);
        ck_ht_hash_direct(&hash, table, key);
        ck_ht_entry_key_set_direct(&entry, key);
        return ck_ht_get_spmc(table, hash, &entry) &&
               map_fits(key, ck_ht_entry_value_direct(&entry));
}

static bool eight_set(ck_ht_t *table, uint64_t i, uint64_t stamp)
{
        ck_ht_hash_t hash;
        ck_ht_entry_t entry;
        uint64_t key = map_key(i);
        ck_ht_hash_direct(&hash, table, key);
        ck_ht_entry_set_direct(&entry, hash, key, map_value(key, stamp));
        return ck_ht_set_spmc(table, hash, &entry);
}

BENCH_INLINE void eight_get(uint64_t i)
{
        BENCH_CHECK(eight_find(&shared->table[MAP_8], i));
}

BENCH_INLINE void eight_put(uint64_t i, uint64_t stamp)
{
        if (workers > 1)
                ck_spinlock_fas_lock(&shared->lock);
        bool ok = eight_set(&shared->table[MAP_8], i, stamp);
        if (workers > 1)
                ck_spinlock_fas_unlock(&shared->lock);
        BENCH_CHECK(ok);
}

/* ---- others: the table holds the addresses of records ------------------------- */

static size_t value_bytes(enum map_kind kind)
{
        return kind == MAP_64 ? 64 : 1024;
}

BENCH_INLINE bool record_get(enum map_kind kind, uint64_t i)
{
        ck_ht_hash_t hash;
        ck_ht_entry_t entry;
        uint64_t key[MAP_KEY_MOST / 8], value[MAP_VALUE_MOST / 8];
        ck_ht_t *table = &shared->table[kind];
        uint16_t key_bytes = (uint16_t)map_long_key(i, key);
        ck_ht_hash(&hash, table, key, key_bytes);
        ck_ht_entry_key_set(&entry, key, key_bytes);
        if (!ck_ht_get_spmc(table, hash, &entry))
                return false;
        const struct record *record = ck_ht_entry_value(&entry);
        memcpy(value, record->value, value_bytes(kind));
        return map_long_fits(key[0], value, value_bytes(kind));
}

BENCH_INLINE void record_put(enum map_kind kind, uint64_t i, uint64_t stamp)
{
        ck_ht_hash_t hash;
        ck_ht_entry_t entry;
        ck_ht_t *table = &shared->table[kind];
        struct record **spare = &me->spare[kind][workers > 1 ? me->at++ % SPARE : 0];
        struct record *record = *spare;
        uint16_t key_bytes = (uint16_t)map_long_key(i, record->key);
        map_long_value(record->key[0], stamp, record->value, value_bytes(kind));
        ck_ht_hash(&hash, table, record->key, key_bytes);
        ck_ht_entry_set(&entry, hash, record->key, key_bytes, record);
        if (workers > 1)
                ck_spinlock_fas_lock(&shared->lock);
        bool ok = ck_ht_set_spmc(table, hash, &entry);
        if (workers > 1)
                ck_spinlock_fas_unlock(&shared->lock);
        BENCH_CHECK(ok && !ck_ht_entry_empty(&entry));
        *spare = ck_ht_entry_value(&entry);
}

#define RECORDS(name, kind) \
        BENCH_INLINE void name##_get(uint64_t i) \
        { \
                BENCH_CHECK(record_get(kind, i) || record_get(kind, i)); \
        } \
        BENCH_INLINE void name##_put(uint64_t i, uint64_t stamp) \
        { \
                record_put(kind, i, stamp); \
        }

RECORDS(middle, MAP_64)
RECORDS(large, MAP_1K)

/* ---- filled once ------------------------------------------------------------- */

static struct ck_malloc area_malloc = { area_alloc, area_realloc, area_free };

static struct record *record_new(enum map_kind kind)
{
        return area_alloc(sizeof(struct record) + value_bytes(kind));
}

static bool fill_records(enum map_kind kind)
{
        ck_ht_t *table = &shared->table[kind];
        for (uint64_t i = 0; i < map_entries(kind); i++) {
                ck_ht_hash_t hash;
                ck_ht_entry_t entry;
                struct record *record = record_new(kind);
                if (!record)
                        return false;
                uint16_t key_bytes = (uint16_t)map_long_key(i, record->key);
                map_long_value(record->key[0], 0, record->value, value_bytes(kind));
                ck_ht_hash(&hash, table, record->key, key_bytes);
                ck_ht_entry_set(&entry, hash, record->key, key_bytes, record);
                if (!ck_ht_put_spmc(table, hash, &entry))
                        return false;
        }
        for (unsigned k = 0; k < 2 * SPARE; k++)
                if (!(shared->worker[k % 2].spare[kind][k / 2] = record_new(kind)))
                        return false;
        return true;
}

static int fill(enum map_kind kind)
{
        static bool filled[MAP_KINDS];
        if (filled[kind])
                return 0;
        if (!shared && !(shared = area_alloc(sizeof *shared)))
                return bench_cannot("no shared memory");
        bool ok = ck_ht_init(&shared->table[kind],
                             kind == MAP_8 ? CK_HT_MODE_DIRECT : CK_HT_MODE_BYTESTRING,
                             NULL, &area_malloc, 64, 6602834);
        if (kind != MAP_8)
                ok = ok && fill_records(kind);
        else
                for (uint64_t i = 0; ok && i < map_entries(kind); i++)
                        ok = eight_set(&shared->table[kind], i, 0);
        if (!ok)
                return bench_cannot("ck_ht: out of memory");
        filled[kind] = true;
        return 0;
}

static void enter(unsigned index)
{
        me = &shared->worker[index % 2];
}

#define BODY(name) \
        static void name##_body(struct bench_worker *w, void *context) \
        { \
                const struct map_mix *mix = context; \
                workers = mix->workers; \
                map_work(w, mix, enter, name##_get, name##_put); \
        }

BODY(eight)
BODY(middle)
BODY(large)

const struct map_store map_ck = { "ck_ht",
                                  fill,
                                  { eight_body, middle_body, large_body } };

/* ---- one that grows, with malloc, by one worker -------------------------------- */

static void *plain_realloc(void *at, size_t old, size_t bytes, bool defer)
{
        (void)old, (void)defer;
        return realloc(at, bytes);
}

static void plain_free(void *at, size_t bytes, bool defer)
{
        (void)bytes, (void)defer;
        free(at);
}

void map_ck_load(struct bench_worker *w, void *context)
{
        static struct ck_malloc plain = { malloc, plain_realloc, plain_free };
        ck_ht_t table;
        uint64_t n = *(const uint64_t *)context;
        BENCH_CHECK(ck_ht_init(&table, CK_HT_MODE_DIRECT, NULL, &plain, 64, 6602834));
        bench_ready(w);
        for (uint64_t i = 0; i < n; i++)
                BENCH_CHECK(eight_set(&table, i, 0));
        BENCH_CHECK(ck_ht_count(&table) == n);
        for (uint64_t i = 0; i < n; i += 64)
                BENCH_CHECK(eight_find(&table, i));
}
