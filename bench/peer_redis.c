/* bench/peer_redis.c -- a Redis of our own on a Unix socket, one command at a time; and
 * Boost's map, which needs less. */
#define _GNU_SOURCE
#include "bench/map_kit.h"
#include "bench/peer_map.h"

#ifdef BENCH_HAVE_HIREDIS
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { CONNECTIONS = 2 };

static redisContext *connection[CONNECTIONS], *mine;
static pid_t parent;

static void redis_enter(unsigned index)
{
        mine = connection[index % CONNECTIONS];
}

static void redis_get(uint64_t i)
{
        uint64_t key = map_key(i), value;
        redisReply *reply = redisCommand(mine, "GET %b", &key, sizeof key);
        BENCH_CHECK(reply && reply->type == REDIS_REPLY_STRING && reply->len == 8);
        memcpy(&value, reply->str, 8);
        BENCH_CHECK(map_fits(key, value));
        freeReplyObject(reply);
}

static void redis_put(uint64_t i, uint64_t stamp)
{
        uint64_t key = map_key(i), value = map_value(key, stamp);
        redisReply *reply =
                redisCommand(mine, "SET %b %b", &key, sizeof key, &value, sizeof value);
        BENCH_CHECK(reply && reply->type == REDIS_REPLY_STATUS);
        freeReplyObject(reply);
}

MAP_BODY(redis)

/* The server ends with us, and nothing of it is left on any disk. */
static int start(char *folder, char *socket)
{
        parent = getpid();
        fflush(stdout);
        pid_t pid = fork();
        if (pid < 0)
                return bench_cannot("no process");
        if (pid == 0) {
                int null = open("/dev/null", O_RDWR);
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent || null < 0)
                        _exit(1);
                for (int fd = 0; fd < 3; fd++)
                        dup2(null, fd);
                execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
                       socket, "--save", "", "--appendonly", "no", "--dir", folder,
                       (char *)NULL);
                _exit(127);
        }
        for (unsigned tries = 0; tries < 3000; tries++) {
                if (access(socket, F_OK) == 0)
                        break;
                usleep(1000);
        }
        for (unsigned k = 0; k < CONNECTIONS; k++) {
                for (unsigned tries = 0; tries < 100; tries++) {
                        connection[k] = redisConnectUnix(socket);
                        if (connection[k] && !connection[k]->err)
                                break;
                        if (connection[k])
                                redisFree(connection[k]);
                        connection[k] = NULL;
                        usleep(1000);
                }
                if (!connection[k])
                        return bench_cannot("no redis-server");
        }
        return 0;
}

static int load(uint64_t entries)
{
        enum { BATCH = 1000 };
        for (uint64_t i = 0; i < entries;) {
                uint64_t end = i + BATCH < entries ? i + BATCH : entries, n = end - i;
                for (; i < end; i++) {
                        uint64_t key = map_key(i), value = map_value(key, 0);
                        if (redisAppendCommand(connection[0], "SET %b %b", &key,
                                               sizeof key, &value, sizeof value))
                                return bench_cannot("redis: no memory");
                }
                for (; n; n--) {
                        void *reply = NULL;
                        if (redisGetReply(connection[0], &reply) || !reply)
                                return bench_cannot("redis: it does not answer");
                        freeReplyObject(reply);
                }
        }
        return 0;
}

static int redis_fill(enum map_kind kind)
{
        static bool filled;
        char folder[] = "/tmp/weft-bench.redis.XXXXXX", socket[sizeof folder + 8];
        if (filled)
                return 0;
        if (!mkdtemp(folder))
                return bench_cannot("no temporary folder");
        snprintf(socket, sizeof socket, "%s/socket", folder);
        int rc = start(folder, socket);
        unlink(socket); /* the connections stay */
        rmdir(folder);
        if (!rc)
                rc = load(map_entries(kind));
        filled = rc == 0;
        return rc;
}
#else
static int redis_fill(enum map_kind kind)
{
        (void)kind;
        return bench_cannot("built without hiredis (libhiredis-dev)");
}

static void redis_body(struct bench_worker *w, void *mix)
{
        (void)w, (void)mix;
}
#endif

const struct map_store map_redis = { "Redis", redis_fill, { redis_body } };

/* ---- Boost ------------------------------------------------------------------- */

static void boost_enter(unsigned index)
{
        (void)index;
}

static void boost_get(uint64_t i)
{
        uint64_t key = map_key(i), value;
        BENCH_CHECK(peer_boost_map_get(key, &value) && map_fits(key, value));
}

static void boost_put(uint64_t i, uint64_t stamp)
{
        uint64_t key = map_key(i);
        BENCH_CHECK(peer_boost_map_put(key, map_value(key, stamp)));
}

MAP_BODY(boost)

static int boost_fill(enum map_kind kind)
{
        static bool filled;
        if (filled)
                return 0;
        const char *why = peer_boost_map_make((size_t)256 << 20);
        if (why)
                return bench_cannot("%s", why);
        for (uint64_t i = 0; i < map_entries(kind); i++)
                if (!peer_boost_map_put(map_key(i), map_value(map_key(i), 0)))
                        return bench_cannot("unordered_map: full");
        filled = true;
        return 0;
}

const struct map_store map_boost = { "Boost shm map", boost_fill, { boost_body } };
