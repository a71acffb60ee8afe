/* tests/fuzz/hot_fuzz.c -- hostile bytes in a hot stream (P5), by libFuzzer.
 *
 * As broadcast_fuzz.c, with streams of two shapes, and changes that aim at their ends, their
 * drivers' seats and lines, and the headers and cells of their rings.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weft/weft.h>

#include "codata/hot_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 12, RECORDS_MOST = 40, TARGETS = 16, STREAMS = 2, LARGE = 40 };

static const struct weft_hot_options shapes[STREAMS] = {
        { .capacity = 8,
          .element_bytes = 8,
          .policy = WEFT_HOT_BLOCK,
          .flags = WEFT_HOT_ONE,
          .subscribers = 4 },
        { .capacity = 8,
          .element_bytes = LARGE,
          .policy = WEFT_HOT_DROP,
          .tag = 77,
          .subscribers = 4 },
};
static const char *const names[STREAMS] = { "a", "b" };

static struct {
        uint64_t at, bytes;
} target[TARGETS];
static uint32_t targets;

/* What comes back means nothing here; that it comes back does. */
static uint64_t sum;

static void aim_at(weft_arena_t *arena, const void *at, uint64_t bytes)
{
        CHECK(targets < TARGETS && at);
        target[targets].at = (uint64_t)((const uint8_t *)at - arena->base);
        target[targets++].bytes = bytes;
}

static void aim_at_stream(weft_arena_t *arena, struct weft_hot *hot)
{
        struct weft_hot_shared *sh = weft_hot_sh(hot);
        struct weft_broadcast_view *v = &hot->ring->v;
        aim_at(arena, sh, 32);
        aim_at(arena, &sh->driver, sizeof sh->driver);
        aim_at(arena, sh, sizeof *sh);
        aim_at(arena, hot->driver->line, 128);
        aim_at(arena, v->cells, 8 * v->units.stride);
        aim_at(arena, v->seats, 256);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        weft_arena_t *arena;
        weft_hot_t *hot[STREAMS];
        weft_hot_subscriber_t *s[STREAMS];
        char item[LARGE] = "item";
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        for (int i = 0; i < STREAMS; i++) {
                CHECK(weft_hot_create(arena, names[i], &shapes[i], &hot[i]) == 0);
                CHECK(weft_hot_claim(hot[i], NULL, WEFT_NOW) == 0);
                for (int n = 0; n < 11; n++)
                        CHECK(weft_hot_emit(hot[i], item, WEFT_NOW) == 0);
                CHECK(weft_hot_subscribe(hot[i], WEFT_HOT_NEW, 0, &s[i]) == 0);
                aim_at_stream(arena, hot[i]);
        }
        model_keep(arena); /* as it is now: its agent is gone for those who get a copy */
        for (int i = 0; i < STREAMS; i++) {
                weft_hot_unsubscribe(s[i]);
                weft_hot_close(hot[i]);
        }
        weft_arena_close(arena);
        return 0;
}

static void write_over(int fd, const uint8_t *data, size_t n, bool late)
{
        for (size_t i = 0; i < n; i++, data += RECORD) {
                uint32_t which = (data[0] & 0x7fu) % targets;
                size_t bytes = 1u << (data[1] & 3);
                uint64_t offset = data[2] | (uint64_t)data[3] << 8, value;
                if ((data[0] >> 7) != late)
                        continue;
                offset = offset * bytes % target[which].bytes;
                memcpy(&value, data + 4, 8);
                model_write(fd, target[which].at + offset, value, bytes);
        }
}

/* ---- a bit of everything ------------------------------------------------------------- */

static int note(const struct weft_subscriber_info *info, void *context)
{
        (void)context;
        sum += info->lag;
        return 0;
}

static void use_subscriber(weft_hot_subscriber_t *s)
{
        char buffer[4 * LARGE];
        uint64_t sequence, lost, n = 0;
        const void *at;
        for (int i = 0; i < 4; i++)
                sum += (uint64_t)weft_hot_next(s, buffer, &sequence, &lost, WEFT_NOW);
        sum += (uint64_t)weft_hot_next_n(s, buffer, 4, &sequence, &lost, WEFT_NOW);
        if (weft_hot_take(s, &at, &sequence, &lost, WEFT_NOW) == 1)
                sum += *(const volatile uint8_t *)at + (uint64_t)weft_hot_release(s);
        sum += (uint64_t)weft_hot_lag(s) + weft_hot_lost(s);
        sum += (uint64_t)weft_hot_seek(s, WEFT_HOT_SEQUENCE, 5);
        sum += (uint64_t)weft_hot_next(s, buffer, &sequence, &lost, 1);
        weft_stream_t *cold = weft_stream_of_hot(s, 0);
        int rc = weft_stream_collect(cold, buffer, 4, &n, WEFT_NOW);
        if (rc == -EAGAIN || rc == -ETIMEDOUT)
                weft_stream_free(cold);
}

static void drive(weft_hot_t *hot)
{
        uint64_t n = 0;
        weft_stream_t *cold = weft_stream_range(0, 20, 1);
        int rc = weft_hot_drive(hot, cold, &n, WEFT_HOT_SKIP, WEFT_NOW);
        if (rc == -EAGAIN || rc == -ETIMEDOUT)
                weft_stream_free(cold);
}

static void use_stream(weft_hot_t *hot)
{
        struct weft_hot_info info;
        weft_hot_subscriber_t *s[2] = { NULL, NULL };
        char buffer[4 * LARGE] = "filled";
        uint64_t emitted;
        void *at;
        if (hot->ring->v.element_bytes > LARGE)
                return; /* so it says: its user would bring a larger buffer */
        sum += (uint64_t)weft_hot_info(hot, &info);
        sum += (uint64_t)weft_hot_list(hot, note, NULL);
        sum += (uint64_t)weft_hot_subscribe(hot, WEFT_HOT_OLDEST, 0, &s[0]);
        sum += (uint64_t)weft_hot_claim(hot, &emitted, WEFT_NOW);
        for (int i = 0; i < 10; i++)
                sum += (uint64_t)weft_hot_emit(hot, buffer, WEFT_NOW);
        sum += (uint64_t)weft_hot_emit_n(hot, buffer, 4, 1);
        if (weft_hot_loan(hot, &at, WEFT_NOW) == 0)
                sum += (uint64_t)weft_hot_commit(hot, WEFT_NOW);
        sum += (uint64_t)weft_hot_cancel(hot) + (uint64_t)weft_hot_yield(hot);
        sum += (uint64_t)weft_hot_subscribe(hot, WEFT_HOT_NEW, 0, &s[1]);
        for (int i = 0; i < 2; i++)
                if (s[i])
                        use_subscriber(s[i]);
        sum += (uint64_t)weft_hot_claim(hot, &emitted, 1);
        drive(hot);
        sum += (uint64_t)weft_hot_finish(hot, -EIO) + (uint64_t)weft_hot_yield(hot);
        for (int i = 0; i < 2; i++) {
                if (s[i])
                        use_subscriber(s[i]);
                weft_hot_unsubscribe(s[i]);
        }
}

static void use_all(weft_arena_t *arena)
{
        struct weft_census census;
        struct weft_object_info info;
        weft_hot_t *hot;
        for (int i = 0; i < STREAMS; i++) {
                sum += (uint64_t)weft_object_stat(arena, names[i], &info);
                if (weft_hot_open(arena, names[i], 0, 0, &hot) == 0) {
                        use_stream(hot);
                        weft_hot_close(hot);
                }
        }
        sum += (uint64_t)weft_arena_recover(arena, NULL);
        sum += (uint64_t)weft_arena_check(arena, &census);
        for (int i = 0; i < STREAMS; i++)
                sum += (uint64_t)weft_object_remove(arena, names[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_hot_t *hot[STREAMS] = { NULL };
        weft_arena_t *arena, *reader;
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        for (int i = 0; i < STREAMS; i++)
                if (weft_hot_open(arena, names[i], 0, 0, &hot[i]))
                        hot[i] = NULL;
        write_over(fd, data, n, true);
        if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader) == 0) {
                use_all(reader);
                weft_arena_close(reader);
        }
        for (int i = 0; i < STREAMS; i++)
                if (hot[i])
                        use_stream(hot[i]);
        use_all(arena);
        for (int i = 0; i < STREAMS; i++)
                weft_hot_close(hot[i]);
        weft_arena_close(arena);
        close(fd);
        return 0;
}
