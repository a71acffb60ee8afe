/* tests/fuzz/arena_fuzz.c -- hostile bytes in the arena (P5), by libFuzzer.
 *
 * A whole small arena with a few objects is made once. Each input gets a copy of it, opens
 * it, has its changes written over the arena's bytes (the seat table apart, which is
 * trusted), and then does a bit of everything, with handles from before and after. Any
 * return value is fine. A crash, a read out of bounds or a hang is not.
 *
 * Input: records of 10 bytes: where (1), offset (3), value (6). The first byte's upper
 * half names a part of the arena, so that changes meet something; bit 0 of it, whether
 * the change comes before the arena is opened, or after.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#include "tests/fuzz/model.h"

enum { RECORD = 10, RECORDS_MOST = 64, QUEUES = 4 };

static struct weft_geometry_shared geo;

static void make_objects(weft_arena_t *arena)
{
        struct weft_queue_options words = { 8, 8, 0 }, large = { 8, 100, 0 },
                                  leases = { 8, 24, WEFT_QUEUE_LEASE },
                                  batches = { 4, 8, WEFT_QUEUE_BATCH };
        struct weft_array_options numbers = { 32, 8, 0 };
        weft_queue_t *q[QUEUES];
        weft_array_t *a;
        char element[100] = "element";
        weft_ref_t ref;

        CHECK(weft_queue_create(arena, "words", &words, &q[0]) == 0);
        CHECK(weft_queue_create(arena, "large", &large, &q[1]) == 0);
        CHECK(weft_queue_create(arena, "leases", &leases, &q[2]) == 0);
        CHECK(weft_queue_create(arena, "batches", &batches, &q[3]) == 0);
        CHECK(weft_array_create(arena, "numbers", &numbers, &a) == 0);
        for (int i = 0; i < QUEUES; i++) {
                for (int n = 0; n < 4; n++)
                        CHECK(weft_queue_push(q[i], element, WEFT_NOW) == 0);
                weft_queue_close(q[i]);
        }
        weft_array_close(a);
        for (uint64_t bytes = 16; bytes < 300000; bytes *= 3) {
                CHECK(weft_block_alloc(arena, bytes, &ref, NULL) == 0);
                CHECK(weft_block_share(arena, ref) == 0);
        }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        weft_arena_t *arena;
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        make_objects(arena);
        geo = arena->geo;
        model_keep(arena);
        weft_arena_close(arena);
        return 0;
}

/* Where in the arena a record aims at. */
static uint64_t place(uint8_t where, uint32_t offset)
{
        switch (where >> 5) {
        case 0:
                return offset % sizeof(struct weft_arena_shared);
        case 1:
                return geo.buckets_at + offset % 4096;
        case 2:
        case 3:
                return geo.entries_at + offset % (448 * 8);
        case 4:
                return geo.regions_at + offset % 4096; /* pages' records */
        case 5:
                return geo.data_at + offset % WEFT_PAGE_BYTES;
        case 6:
                return geo.data_at + offset % (8 * WEFT_PAGE_BYTES);
        default:
                return offset % geo.data_at;
        }
}

static void write_over(int fd, const uint8_t *data, size_t n, bool late)
{
        for (size_t i = 0; i < n; i++, data += RECORD) {
                uint32_t offset =
                        data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16;
                uint64_t at = place(data[0], offset) & ~UINT64_C(1);
                size_t bytes = 1u << (data[0] >> 1 & 3); /* 1, 2, 4, 8 */
                uint64_t value = 0;
                if ((data[0] & 1) != late)
                        continue;
                memcpy(&value, data + 4, 6);
                if (data[0] & 8)
                        value |= (uint64_t)data[9] << 56;
                model_write(fd, at, value, bytes);
        }
}

/* ---- a bit of everything ----------------------------------------------------- */

static int ignore_object(const struct weft_object_info *object, void *context)
{
        (void)object, (void)context;
        return 0;
}

static int ignore_agent(const struct weft_agent_info *agent, void *context)
{
        (void)agent, (void)context;
        return 0;
}

/* What comes back means nothing here; that it comes back does. */
static int64_t sum;

static void use_queue(weft_queue_t *q)
{
        char buffer[400] = "filled";
        struct weft_element e = { 0 }, f = { 0 };
        struct weft_queue_info info;

        sum += weft_queue_info(q, &info);
        for (int i = 0; i < 12; i++)
                sum += weft_queue_push(q, buffer, WEFT_NOW);
        sum += weft_queue_push_n(q, buffer, 4, WEFT_NOW);
        sum += weft_queue_loan(q, &e);
        if (e.at)
                sum += weft_queue_commit(q, &e, WEFT_NOW);
        if (e.at)
                sum += weft_queue_release(q, &e);
        sum += weft_queue_take(q, &e, WEFT_NOW);
        sum += weft_queue_take(q, &f, WEFT_NOW);
        if (e.at)
                sum += weft_queue_nack(q, &e);
        if (f.at)
                sum += weft_queue_ack(q, &f);
        for (int i = 0; i < 6; i++)
                sum += weft_queue_pop(q, buffer, WEFT_NOW);
        sum += weft_queue_pop_n(q, buffer, 4, WEFT_NOW);
        sum += weft_queue_shutdown(q);
        for (int i = 0; i < 12; i++)
                sum += weft_queue_pop(q, buffer, WEFT_NOW);
}

static void use_array(weft_array_t *a)
{
        uint64_t v = 0;
        for (uint64_t i = 0; i < 40; i += 3) {
                sum += weft_array_load64(a, i, &v);
                sum += weft_array_store64(a, i, v + 1);
                sum += weft_array_cas64(a, i, &v, 7);
                sum += weft_array_exchange64(a, i, v, NULL);
        }
        sum += weft_array_fill(a, 3, 7, &v);
        sum += weft_array_resize(a, 500, WEFT_NOW);
        sum += weft_array_refresh(a);
        sum += weft_array_load64(a, 499, &v);
        sum += weft_array_resize(a, 9, WEFT_NOW);
        const uint64_t *span = weft_array_span(a, 0, weft_array_length(a));
        if (span)
                sum += (int64_t)span[0];
}

static void use_blocks(weft_arena_t *arena)
{
        weft_ref_t ref[16];
        int n = 0;
        for (uint64_t bytes = 1; bytes < 500000 && n < 16; bytes *= 3, n++) {
                void *at = NULL;
                ref[n] = WEFT_REF_NONE;
                if (weft_block_alloc(arena, bytes, &ref[n], &at) == 0 && at)
                        memset(at, 1, bytes);
        }
        for (int i = 0; i < n; i++) {
                sum += (int64_t)weft_block_bytes(arena, ref[i]);
                sum += weft_at(arena, ref[i], 1) != NULL;
                sum += weft_block_free(arena, ref[i]);
        }
}

static void use_directory(weft_arena_t *arena)
{
        static const char *const names[] = { "words", "large", "leases", "batches",
                                             "new" };
        struct weft_queue_options o = { 4, 16, 0 };
        weft_queue_t *q;
        weft_array_t *a;
        sum += weft_object_list(arena, ignore_object, NULL);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                if (weft_queue_create_or_open(arena, names[i], &o, &q) == 0) {
                        use_queue(q);
                        weft_queue_close(q);
                }
                if (weft_queue_open(arena, names[i], &q) == 0) {
                        use_queue(q);
                        weft_queue_close(q);
                }
                sum += weft_object_remove(arena, names[i]);
        }
        if (weft_array_open(arena, "numbers", &a) == 0) {
                use_array(a);
                weft_array_close(a);
        }
}

static void use_arena(weft_arena_t *arena)
{
        struct weft_arena_info info;
        struct weft_census census;
        sum += weft_arena_info(arena, &info);
        sum += weft_arena_check(arena, &census);
        sum += weft_agent_list(arena, ignore_agent, NULL);
        sum += weft_arena_recover(arena, NULL);
        sum += weft_arena_trim(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        static const char *const names[QUEUES] = { "words", "large", "leases",
                                                   "batches" };
        weft_queue_t *q[QUEUES] = { NULL };
        weft_array_t *a = NULL;
        weft_arena_t *arena, *reader;
        int fd = model_copy();

        write_over(fd, data, n, false);
        int rc = weft_arena_open_fd(fd, WEFT_RDWR, &arena);
        CHECK(rc == 0 || n > 0); /* what nobody has changed opens */
        if (rc == 0) {
                for (int i = 0; i < QUEUES; i++)
                        if (weft_queue_open(arena, names[i], &q[i]))
                                q[i] = NULL;
                if (weft_array_open(arena, "numbers", &a))
                        a = NULL;
                write_over(fd, data, n, true);
                for (int i = 0; i < QUEUES; i++)
                        if (q[i])
                                use_queue(q[i]);
                if (a)
                        use_array(a);
                use_blocks(arena);
                use_directory(arena);
                use_arena(arena);
                if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader) == 0) {
                        use_arena(reader);
                        use_directory(reader);
                        weft_arena_close(reader);
                }
                for (int i = 0; i < QUEUES; i++)
                        weft_queue_close(q[i]);
                weft_array_close(a);
                weft_arena_close(arena);
        }
        close(fd);
        return 0;
}
