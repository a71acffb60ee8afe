/* tests/stress/stream_stress.c -- streams carry numbers from one queue that leases to another
 * and from there into a map, in processes that are killed and stopped at random: none is lost.
 * And threads on one mapping, each with a stream of its own. */
#define _GNU_SOURCE
#include <pthread.h>

#include <weft/map.h>
#include <weft/object.h>
#include <weft/queue.h>
#include <weft/stream.h>

#include "tests/soak.h"

enum { CREW = 6, THREADS = 4, CHUNK = 3, EACH = 20000 };

static weft_arena_t *arena;

struct ends {
        weft_queue_t *first, *second;
        weft_map_t *map;
};

static struct ends open_all(void)
{
        struct ends e;
        CHECK(weft_queue_open(arena, "first", &e.first) == 0);
        CHECK(weft_queue_open(arena, "second", &e.second) == 0);
        CHECK(weft_map_open(arena, "map", &e.map) == 0);
        return e;
}

static void close_all(struct ends *e)
{
        weft_queue_close(e->first);
        weft_queue_close(e->second);
        weft_map_close(e->map);
}

/* ---- what flows --------------------------------------------------------------------- */

static int64_t unpack(const void *in, size_t n, void *out, size_t room,
                      const void *argument)
{
        const uint64_t *from = in;
        uint64_t *to = out;
        size_t made = 0;
        (void)argument;
        for (size_t i = 0; i < n; i++, from += 1 + CHUNK)
                for (uint64_t k = 0; k < from[0]; k++) {
                        CHECK(made < room);
                        to[made++] = from[1 + k];
                }
        return (int64_t)made;
}

/* Through operators that hold items back. */
static int first_half(const struct ends *e, uint64_t deadline)
{
        weft_stream_t *s = weft_stream_chunk(weft_stream_queue(e->first), CHUNK);
        s = weft_stream_flat_map(s, weft_call_chunk(unpack, 8 + 8 * CHUNK, 8, NULL),
                                 CHUNK);
        int rc = weft_stream_to_queue(s, e->second, NULL, deadline);
        if (rc == -EAGAIN || rc == -ETIMEDOUT)
                weft_stream_free(s);
        return rc;
}

static void straight(const struct ends *e)
{
        weft_stream_t *s = weft_stream_queue(e->first);
        CHECK(weft_stream_to_queue(s, e->second, NULL, WEFT_NOW) == -EAGAIN);
        weft_stream_free(s);
}

static int second_half(const struct ends *e, uint64_t deadline)
{
        weft_stream_t *s = weft_stream_queue(e->second);
        int rc = weft_stream_to_map(s, e->map, NULL, NULL, NULL, deadline);
        if (rc == -EAGAIN || rc == -ETIMEDOUT)
                weft_stream_free(s);
        return rc;
}

static void work(void *unused)
{
        uint64_t random = (uint64_t)getpid() * 2654435761u | 1;
        struct ends e = open_all();
        (void)unused;
        for (;;) {
                uint64_t deadline = weft_after(soak_random(&random) % (3 * WEFT_MSEC));
                int rc = soak_random(&random) % 2 ? first_half(&e, deadline)
                                                  : second_half(&e, deadline);
                CHECK(rc == -ETIMEDOUT);
        }
}

/* ---- processes ------------------------------------------------------------------------ */

/* All that was fed, and nothing else, is in the map. */
static void settle(struct ends *e, uint64_t fed)
{
        struct weft_queue_info a, b;
        (void)recover_count(arena);
        do {
                straight(e); /* an unfilled chunk would wait for more */
                int rc = second_half(e, WEFT_NOW);
                if (rc != -EAGAIN)
                        fprintf(stderr, "second: %d %s\n", rc, weft_stream_detail());
                CHECK(rc == -EAGAIN);
                CHECK(weft_queue_info(e->first, &a) == 0);
                CHECK(weft_queue_info(e->second, &b) == 0);
        } while (a.length || b.length);
        CHECK(a.leased == 0 && b.leased == 0);
        for (uint64_t i = 0; i < fed; i++) {
                uint64_t n = 0;
                CHECK(weft_map_get64(e->map, i, &n) == 0 && n >= 1);
        }
        CHECK((uint64_t)weft_map_count(e->map) == fed);
        check_whole(arena);
}

static void processes(void)
{
        struct soak s = { .work = work, .crew = CREW };
        uint64_t until = soak_until(2), fed = 0;
        struct ends e = open_all();
        do {
                uint64_t before = fed;
                soak_begin(&s);
                for (int i = 0; i < 40; i++) {
                        soak_step(&s);
                        while (weft_queue_push(e.first, &fed, WEFT_NOW) == 0)
                                fed++;
                }
                soak_end(&s);
                settle(&e, fed);
                CHECK(fed > before);
        } while (weft_now() < until);
        printf("stream: %u kills, %u stops, %llu numbers\n", s.kills, s.stops,
               (unsigned long long)fed);
        close_all(&e);
}

/* ---- threads --------------------------------------------------------------------------- */

static uint64_t sums[THREADS]; /* plain: ThreadSanitizer watches */

static int add(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(uint64_t *)out += *(const uint64_t *)in;
        return 0;
}

static void *thread(void *context)
{
        struct ends e = open_all();
        weft_stream_t *s = weft_stream_queue(e.first);
        s = weft_stream_filter(s, weft_call_item(add, 8, 8, NULL));
        CHECK(weft_stream_fold(s, weft_call_item(add, 8, 8, NULL), context, WEFT_NEVER) ==
              0);
        close_all(&e);
        return NULL;
}

static void threads(void)
{
        pthread_t id[THREADS];
        struct ends e = open_all();
        uint64_t n = 0, sum = 0;
        for (int i = 0; i < THREADS; i++)
                CHECK(pthread_create(&id[i], NULL, thread, &sums[i]) == 0);
        CHECK(weft_stream_to_queue(weft_stream_range(1, EACH, 1), e.first, &n,
                                   WEFT_NEVER) == 0);
        CHECK(n == EACH && weft_queue_shutdown(e.first) == 0);
        for (int i = 0; i < THREADS; i++) {
                CHECK(pthread_join(id[i], NULL) == 0);
                sum += sums[i];
        }
        CHECK(sum == (uint64_t)EACH * (EACH + 1) / 2);
        close_all(&e);
}

int main(void)
{
        struct weft_queue_options q = { 64, 8, WEFT_QUEUE_LEASE };
        struct weft_map_options m = { .key_bytes = 8, .value_bytes = 8 };
        struct weft_arena_options o = { .max_bytes = 256 << 20 };
        struct ends e;
        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_queue_create(arena, "first", &q, &e.first) == 0);
        CHECK(weft_queue_create(arena, "second", &q, &e.second) == 0);
        CHECK(weft_map_create(arena, "map", &m, &e.map) == 0);
#ifndef WEFT_TSAN /* it does not see across processes */
        processes();
#else
        (void)processes;
#endif
        threads();
        (void)recover_count(arena);
        check_whole(arena);
        close_all(&e);
        weft_arena_close(arena);
        return 0;
}
