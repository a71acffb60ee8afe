/* tests/fuzz/ring_fuzz.c -- hostile bytes in rings (P5), by libFuzzer.
 *
 * As sync_fuzz.c, with a ring of words, two of larger elements and one of records: their
 * headers, stamps and lengths, in a copy of an arena where another process holds nothing.
 *
 * Input: records of 12 bytes: which block (1; bit 7: before the arena is opened, or after),
 * how much of it is changed (1), offset (2), value (8).
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weft/weft.h>

#include <weft/ring.h>

#include "structures/ring_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 12, RECORDS_MOST = 40, RINGS = 4, TARGETS = 3 * RINGS, MOST = 1024 };

static const struct weft_ring_options shapes[RINGS] = {
        { 20, 8, 0 },
        { 4, 40, 0 },
        { 1024, 0, WEFT_RING_BYTES },
        { 3, 64, 0 },
};
static const char *const names[RINGS] = { "words", "blocks", "records", "lines" };

static struct {
        uint64_t at, bytes;
} target[TARGETS];
static uint32_t targets;

/* What comes back means nothing here; that it comes back does. */
static int64_t sum;

static void aim_at(weft_arena_t *arena, const void *at, uint64_t bytes)
{
        CHECK(targets < TARGETS);
        target[targets].at = (uint64_t)((const uint8_t *)at - arena->base);
        target[targets++].bytes = bytes;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        weft_arena_t *arena;
        weft_ring_t *r[RINGS];
        uint8_t e[64] = { 1, 2, 3 };
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        for (int i = 0; i < RINGS; i++) {
                CHECK(weft_ring_create(arena, names[i], &shapes[i], &r[i]) == 0);
                struct weft_ring_shared *sh = weft_ring_sh(r[i]);
                aim_at(arena, sh, 128);
                aim_at(arena, &sh->push, sizeof *sh - 128);
                aim_at(arena, r[i]->base, r[i]->area_bytes);
                for (int k = 0; k < 3; k++)
                        sum += weft_ring_push(r[i], e, WEFT_NOW) +
                               weft_ring_push_record(r[i], e, 50, WEFT_NOW);
                sum += weft_ring_pop(r[i], e, WEFT_NOW);
        }
        model_keep(arena);
        for (int i = 0; i < RINGS; i++)
                weft_ring_close(r[i]);
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

static void use_select(weft_ring_t *r, uint8_t *e)
{
        struct weft_ring_item item;
        struct weft_case cases[] = {
                { .object = r, .op = WEFT_OP_PUSH, .from = e, .n = 30 },
                { .object = r, .op = WEFT_OP_POP, .to = e, .n = MOST },
                { .object = r, .op = WEFT_OP_TAKE, .to = &item },
        };
        for (uint32_t look = 0; look < 2; look++)
                for (int i = 0; i < 3; i++) {
                        cases[i].flags = look ? WEFT_CASE_LOOK : 0;
                        sum += weft_select(&cases[i], 1, 0, WEFT_NOW);
                }
}

static void use(weft_ring_t *r)
{
        static uint8_t e[64 * MOST];
        uint8_t line[64] = { 1 };
        struct weft_ring_info info;
        struct weft_ring_item item;
        sum += weft_ring_info(r, &info);
        for (int i = 0; i < 3; i++) {
                sum += weft_ring_attach(r, WEFT_RING_CONSUMER, 1);
                if (weft_ring_push(r, line, WEFT_NOW) == 0)
                        sum += weft_ring_push(r, line, 1) + weft_ring_pop(r, line, 1);
                sum += weft_ring_push(r, e, WEFT_NOW) + weft_ring_push_n(r, e, 7, 1);
                sum += weft_ring_push_record(r, e, 33, WEFT_NOW);
                if (weft_ring_loan(r, 20, &item, WEFT_NOW) == 0) {
                        memset(item.at, 9, item.bytes);
                        sum += weft_ring_commit(r, &item, 20);
                }
                sum += weft_ring_peek(r, e, sizeof e);
                sum += weft_ring_pop(r, e, WEFT_NOW) + weft_ring_pop_n(r, e, 50, 1);
                sum += weft_ring_pop_record(r, e, sizeof e, WEFT_NOW);
                if (weft_ring_take(r, &item, WEFT_NOW) == 0) {
                        for (uint64_t k = 0; k < item.bytes; k++)
                                sum += ((const uint8_t *)item.at)[k];
                        sum += weft_ring_release(r, &item);
                }
                use_select(r, e);
                sum += weft_ring_detach(r, WEFT_RING_PRODUCER);
                sum += weft_ring_detach(r, WEFT_RING_CONSUMER);
        }
        sum += weft_ring_shutdown(r) + weft_ring_pop_n(r, e, 60, WEFT_NOW);
        sum += weft_ring_push(r, e, WEFT_NOW) + weft_ring_pop(r, e, WEFT_NOW);
}

static void use_all(int fd, int mode)
{
        struct weft_census census;
        weft_arena_t *arena;
        weft_ring_t *r;
        if (weft_arena_open_fd(fd, mode, &arena))
                return;
        for (int i = 0; i < RINGS; i++) {
                if (weft_ring_open(arena, names[i], &r))
                        continue;
                use(r);
                weft_ring_close(r);
        }
        if (mode == WEFT_RDWR)
                sum += weft_arena_recover(arena, NULL);
        sum += weft_arena_check(arena, &census);
        weft_arena_close(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_arena_t *arena;
        weft_ring_t *r[RINGS];
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        for (int i = 0; i < RINGS; i++)
                if (weft_ring_open(arena, names[i], &r[i]))
                        r[i] = NULL;
        write_over(fd, data, n, true);
        for (int i = 0; i < RINGS; i++) {
                if (r[i])
                        use(r[i]);
                weft_ring_close(r[i]);
        }
        weft_arena_close(arena);
        use_all(fd, WEFT_RDONLY);
        use_all(fd, WEFT_RDWR);
        close(fd);
        return 0;
}
