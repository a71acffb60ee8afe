/* tests/fuzz/broadcast_fuzz.c -- hostile bytes in a broadcast ring (P5), by libFuzzer.
 *
 * As sync_fuzz.c, with rings of four shapes, and changes that aim at their headers, cells,
 * boxes, seats and desks. Input: records of 12 bytes, as there.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weft/broadcast.h>
#include <weft/weft.h>

#include "structures/broadcast_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 12, RECORDS_MOST = 40, TARGETS = 32, RINGS = 4, LARGE = 40 };

static const struct weft_broadcast_options shapes[RINGS] = {
        { 8, 8, WEFT_BROADCAST_BLOCK, WEFT_BROADCAST_ONE, 4 },
        { 8, LARGE, WEFT_BROADCAST_DROP, WEFT_BROADCAST_ONE, 4 },
        { 8, 8, WEFT_BROADCAST_DROP, 0, 4 },
        { 8, LARGE, WEFT_BROADCAST_BLOCK, 0, 4 },
};
static const char *const names[RINGS] = { "a", "b", "c", "d" };

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

static void aim_at_ring(weft_arena_t *arena, struct weft_broadcast *b)
{
        struct weft_broadcast_view *v = &b->v;
        aim_at(arena, v->sh, 64);
        aim_at(arena, v->sh, sizeof *v->sh);
        aim_at(arena, v->cells, 8 * v->units.stride);
        aim_at(arena, v->seats, 256);
        if (!v->one)
                aim_at(arena, weft_desk_at(&v->desks, 0), 256);
        if (v->boxes)
                aim_at(arena, v->boxes, 8 * v->box_stride);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        weft_arena_t *arena;
        weft_broadcast_t *b[RINGS];
        weft_subscriber_t *s[RINGS];
        char element[LARGE] = "element";
        void *at;
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        for (int i = 0; i < RINGS; i++) {
                CHECK(weft_broadcast_create(arena, names[i], &shapes[i], &b[i]) == 0);
                for (int n = 0; n < 11; n++)
                        CHECK(weft_broadcast_publish(b[i], element, WEFT_NOW) == 0);
                CHECK(weft_broadcast_subscribe(b[i], WEFT_BROADCAST_NEWEST, 0, &s[i]) ==
                      0);
                CHECK(weft_broadcast_loan(b[i], &at, WEFT_NOW) == 0);
                aim_at_ring(arena, b[i]);
        }
        model_keep(arena); /* as it is now: its agent is gone for those who get a copy */
        for (int i = 0; i < RINGS; i++) {
                weft_broadcast_unsubscribe(s[i]);
                weft_broadcast_close(b[i]);
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

static void use_subscriber(weft_subscriber_t *s)
{
        char buffer[4 * LARGE];
        uint64_t sequence, lost;
        const void *at;
        for (int i = 0; i < 4; i++)
                sum += (uint64_t)weft_broadcast_next(s, buffer, &sequence, &lost,
                                                     WEFT_NOW);
        sum += (uint64_t)weft_broadcast_next_n(s, buffer, 4, &sequence, &lost, WEFT_NOW);
        if (weft_broadcast_take(s, &at, &sequence, &lost, WEFT_NOW) == 0)
                sum += *(const volatile uint8_t *)at +
                       (uint64_t)weft_broadcast_release(s);
        sum += (uint64_t)weft_broadcast_lag(s) + weft_broadcast_lost(s);
        sum += (uint64_t)weft_broadcast_seek(s, WEFT_BROADCAST_SEQUENCE, 5);
        sum += (uint64_t)weft_broadcast_next(s, buffer, &sequence, &lost, 1);
}

static void use_ring(weft_broadcast_t *b)
{
        struct weft_broadcast_info info;
        weft_subscriber_t *s[2] = { NULL, NULL };
        char buffer[4 * LARGE] = "filled";
        void *at;
        if (b->v.element_bytes > LARGE)
                return; /* so it says: its user would bring a larger buffer */
        sum += (uint64_t)weft_broadcast_info(b, &info);
        sum += (uint64_t)weft_broadcast_list(b, note, NULL);
        sum += (uint64_t)weft_broadcast_subscribe(b, WEFT_BROADCAST_OLDEST, 0, &s[0]);
        for (int i = 0; i < 10; i++)
                sum += (uint64_t)weft_broadcast_publish(b, buffer, WEFT_NOW);
        sum += (uint64_t)weft_broadcast_publish(b, buffer, 1);
        sum += (uint64_t)weft_broadcast_publish_n(b, buffer, 4, WEFT_NOW);
        sum += (uint64_t)weft_broadcast_subscribe(b, WEFT_BROADCAST_NEWEST, 0, &s[1]);
        for (int i = 0; i < 2; i++)
                if (s[i])
                        use_subscriber(s[i]);
        if (weft_broadcast_loan(b, &at, WEFT_NOW) == 0)
                sum += (uint64_t)weft_broadcast_commit(b, WEFT_NOW);
        sum += (uint64_t)weft_broadcast_cancel(b);
        sum += (uint64_t)weft_broadcast_resign(b);
        sum += (uint64_t)weft_broadcast_shutdown(b);
        for (int i = 0; i < 2; i++) {
                if (s[i])
                        use_subscriber(s[i]);
                weft_broadcast_unsubscribe(s[i]);
        }
}

static void use_all(weft_arena_t *arena)
{
        struct weft_census census;
        struct weft_object_info info;
        weft_broadcast_t *b;
        for (int i = 0; i < RINGS; i++) {
                sum += (uint64_t)weft_object_stat(arena, names[i], &info);
                if (weft_broadcast_open(arena, names[i], &b) == 0) {
                        use_ring(b);
                        weft_broadcast_close(b);
                }
        }
        sum += (uint64_t)weft_arena_recover(arena, NULL);
        sum += (uint64_t)weft_arena_check(arena, &census);
        for (int i = 0; i < RINGS; i++)
                sum += (uint64_t)weft_object_remove(arena, names[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_broadcast_t *b[RINGS] = { NULL };
        weft_arena_t *arena, *reader;
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        for (int i = 0; i < RINGS; i++)
                if (weft_broadcast_open(arena, names[i], &b[i]))
                        b[i] = NULL;
        write_over(fd, data, n, true);
        if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader) == 0) {
                use_all(reader);
                weft_arena_close(reader);
        }
        for (int i = 0; i < RINGS; i++)
                if (b[i])
                        use_ring(b[i]);
        use_all(arena);
        for (int i = 0; i < RINGS; i++)
                weft_broadcast_close(b[i]);
        weft_arena_close(arena);
        close(fd);
        return 0;
}
