/* bench/peer_lmdb.c -- LMDB on tmpfs, without waiting for a disk, in a writable map.
 *
 * Each worker opens the files anew, as it must after a fork. A helper process removes them
 * when this one has ended, however it ended.
 */
#define _GNU_SOURCE
#include "bench/map_kit.h"

#ifdef BENCH_HAVE_LMDB
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
        char data[64];
        char lock[80];
} path[MAP_KINDS];
static MDB_env *env;
static MDB_dbi dbi;
static MDB_txn *reading;

static void must(int rc, const char *call)
{
        if (__builtin_expect(rc != 0, 0))
                bench_give_up("%s: %s", call, mdb_strerror(rc));
}

static int open_env(enum map_kind kind)
{
        MDB_txn *txn;
        int rc = mdb_env_create(&env);
        if (!rc)
                rc = mdb_env_set_mapsize(env, (size_t)2 << 30);
        if (!rc)
                rc = mdb_env_open(
                        env, path[kind].data,
                        MDB_NOSYNC | MDB_WRITEMAP | MDB_NOSUBDIR | MDB_NORDAHEAD, 0600);
        if (!rc)
                rc = mdb_txn_begin(env, NULL, 0, &txn);
        if (!rc)
                rc = mdb_dbi_open(txn, NULL, kind == MAP_8 ? MDB_INTEGERKEY : 0, &dbi);
        return rc ? rc : mdb_txn_commit(txn);
}

BENCH_INLINE MDB_val key_of(enum map_kind kind, uint64_t i, uint64_t *key)
{
        size_t bytes = kind == MAP_8 ? 8 : map_long_key(i, key);
        key[0] = map_key(i);
        return (MDB_val){ bytes, key };
}

static size_t value_bytes(enum map_kind kind)
{
        return kind == MAP_8 ? 8 : kind == MAP_64 ? 64 : 1024;
}

BENCH_INLINE void get(enum map_kind kind, uint64_t i)
{
        uint64_t key[MAP_KEY_MOST / 8], value[MAP_VALUE_MOST / 8];
        MDB_val k = key_of(kind, i, key), v;
        must(mdb_txn_renew(reading), "mdb_txn_renew");
        must(mdb_get(reading, dbi, &k, &v), "mdb_get");
        BENCH_CHECK(v.mv_size == value_bytes(kind));
        memcpy(value, v.mv_data, value_bytes(kind));
        mdb_txn_reset(reading);
        if (kind == MAP_8)
                BENCH_CHECK(map_fits(key[0], value[0]));
        else
                BENCH_CHECK(map_long_fits(key[0], value, value_bytes(kind)));
}

static int put_in(MDB_txn *txn, enum map_kind kind, uint64_t i, uint64_t stamp)
{
        uint64_t key[MAP_KEY_MOST / 8], value[MAP_VALUE_MOST / 8];
        MDB_val k = key_of(kind, i, key), v = { value_bytes(kind), value };
        map_long_value(key[0], stamp, value, value_bytes(kind));
        return mdb_put(txn, dbi, &k, &v, 0);
}

BENCH_INLINE void put(enum map_kind kind, uint64_t i, uint64_t stamp)
{
        MDB_txn *txn;
        must(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
        must(put_in(txn, kind, i, stamp), "mdb_put");
        must(mdb_txn_commit(txn), "mdb_txn_commit");
}

#define LMDB(name, kind) \
        static void name##_enter(unsigned index) \
        { \
                (void)index; \
                must(open_env(kind), "mdb_env_open"); \
                must(mdb_txn_begin(env, NULL, MDB_RDONLY, &reading), "mdb_txn_begin"); \
                mdb_txn_reset(reading); \
        } \
        BENCH_INLINE void name##_get(uint64_t i) \
        { \
                get(kind, i); \
        } \
        BENCH_INLINE void name##_put(uint64_t i, uint64_t stamp) \
        { \
                put(kind, i, stamp); \
        } \
        MAP_BODY(name)

LMDB(eight, MAP_8)
LMDB(middle, MAP_64)
LMDB(large, MAP_1K)

/* ---- filled once ------------------------------------------------------------- */

static void remove_all(void)
{
        for (unsigned kind = 0; kind < MAP_KINDS; kind++) {
                unlink(path[kind].data);
                unlink(path[kind].lock);
        }
}

/* Ends, and cleans up, when the last holder of the pipe's other end has. */
static int clean_up_later(void)
{
        int end[2];
        if (path[0].data[0])
                return 0;
        for (unsigned kind = 0; kind < MAP_KINDS; kind++) {
                snprintf(path[kind].data, sizeof path[kind].data,
                         "/dev/shm/weft-bench.lmdb.%d.%u", getpid(), kind);
                snprintf(path[kind].lock, sizeof path[kind].lock,
                         "/dev/shm/weft-bench.lmdb.%d.%u-lock", getpid(), kind);
        }
        if (pipe2(end, O_CLOEXEC))
                return bench_cannot("no pipe");
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
                char byte;
                setsid();
                close(end[1]);
                for (int fd = 0; fd < 3; fd++)
                        close(fd);
                while (read(end[0], &byte, 1) > 0)
                        ;
                remove_all();
                _exit(0);
        }
        close(end[0]);
        return pid < 0 ? bench_cannot("no process") : 0;
}

static int fill(enum map_kind kind)
{
        static bool filled[MAP_KINDS];
        MDB_txn *txn;
        int rc = clean_up_later();
        if (rc || filled[kind])
                return rc;
        rc = open_env(kind);
        if (!rc)
                rc = mdb_txn_begin(env, NULL, 0, &txn);
        for (uint64_t i = 0; !rc && i < map_entries(kind); i++)
                rc = put_in(txn, kind, i, 0);
        if (!rc)
                rc = mdb_txn_commit(txn);
        if (rc)
                return bench_cannot("LMDB: %s", mdb_strerror(rc));
        mdb_env_close(env);
        filled[kind] = true;
        return 0;
}

const struct map_store map_lmdb = { "LMDB",
                                    fill,
                                    { eight_body, middle_body, large_body } };
#else
static int fill(enum map_kind kind)
{
        (void)kind;
        return bench_cannot("built without LMDB (liblmdb-dev)");
}

const struct map_store map_lmdb = { "LMDB", fill, { NULL } };
#endif
