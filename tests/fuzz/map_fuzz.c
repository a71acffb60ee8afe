/* tests/fuzz/map_fuzz.c -- hostile bytes in maps and sets (P5), by libFuzzer.
 *
 * As sync_fuzz.c: maps of both kinds and a set, two of them while they are being moved, last
 * used by an agent that is gone. Changes aim at their headers, tables, desks and entries.
 *
 * Input: records of 12 bytes: which block (1; bit 7: before the arena is opened, or after),
 * how much of it is changed (1; from bit 2: what is done to what is there), offset (2),
 * value (8).
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weft/map.h>
#include <weft/set.h>
#include <weft/weft.h>

#include "runtime/object.h"
#include "structures/map_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 12, RECORDS_MOST = 40, TARGETS = 120 };
enum { EIGHT, MOVING, BLOCKS, EXPIRY, MAPS };
enum { ENTRIES = 60, VALUE_MOST = 300, EACH_MOST = 4000 };

struct things {
        weft_map_t *map[MAPS];
        weft_set_t *set;
};

static struct {
        uint64_t at, bytes;
} target[TARGETS];
static uint32_t targets;

/* What comes back means nothing here; that it comes back does. */
static int64_t sum;

/* ---- the model ------------------------------------------------------------------ */

static void open_things(weft_arena_t *arena, struct things *t)
{
        const struct weft_map_options eight = { .key_bytes = 8, .value_bytes = 8 },
                                      moving = { .entries = 100,
                                                 .key_bytes = 8,
                                                 .value_bytes = 8 },
                                      blocks = { .entries = 100 },
                                      expiry = { .flags = WEFT_MAP_EXPIRY };
        const struct weft_set_options set = { .member_bytes = 8 };
        memset(t, 0, sizeof *t);
        sum += weft_map_create_or_open(arena, "eight", &eight, &t->map[EIGHT]);
        sum += weft_map_create_or_open(arena, "moving", &moving, &t->map[MOVING]);
        sum += weft_map_create_or_open(arena, "blocks", &blocks, &t->map[BLOCKS]);
        sum += weft_map_create_or_open(arena, "expiry", &expiry, &t->map[EXPIRY]);
        sum += weft_set_create_or_open(arena, "set", &set, &t->set);
}

static void close_things(struct things *t)
{
        for (int i = 0; i < MAPS; i++)
                weft_map_close(t->map[i]);
        weft_set_close(t->set);
}

static void aim_at(weft_arena_t *arena, const void *at, uint64_t bytes)
{
        if (targets == TARGETS)
                return;
        target[targets].at = (uint64_t)((const uint8_t *)at - arena->base);
        target[targets++].bytes = bytes;
}

/* A block, if it is one, and, `deep`, the blocks that its words refer to. */
static void aim_at_block(weft_arena_t *arena, uint64_t ref, int deep)
{
        uint64_t bytes = ref ? weft_block_bytes(arena, (weft_ref_t){ ref }) : 0;
        const uint8_t *at = bytes ? weft_at(arena, (weft_ref_t){ ref }, 1) : NULL;
        int found = 0;
        if (!at)
                return;
        aim_at(arena, at, bytes);
        for (uint64_t i = 0; deep && i < bytes && found < 3; i += 8) {
                uint64_t word;
                memcpy(&word, at + i, sizeof word);
                if (word && weft_block_bytes(arena, (weft_ref_t){ word })) {
                        aim_at_block(arena, word, deep - 1);
                        found++;
                }
        }
}

static void aim_at_map(weft_arena_t *arena, const struct weft_map *map)
{
        const struct weft_map_shared *sh = map->sh;
        aim_at(arena, sh, 128);
        aim_at(arena, sh, sizeof *sh);
        for (size_t i = 0; i < sizeof *sh; i += 8) {
                uint64_t word;
                memcpy(&word, (const uint8_t *)sh + i, sizeof word);
                aim_at_block(arena, word, map->inlined ? 0 : 1);
        }
        for (int next = 0; next < 2; next++) { /* the heads of tables, more often */
                weft_ref_t ref = { next ? sh->root.hi.raw : sh->root.lo.raw };
                const void *at = weft_at(arena, ref, 1024);
                if (at)
                        aim_at(arena, at, 1024);
        }
}

static void put(weft_map_t *map, uint64_t key)
{
        char value[VALUE_MOST] = "value";
        sum += weft_map_put(map, &key, 8, value, map->value_bytes ? 8 : key % VALUE_MOST);
}

static void fill_until_moving(weft_map_t *map)
{
        struct weft_map_info info = { 0 };
        for (uint64_t i = 0; i < 10000 && !info.moving; i++) {
                put(map, i);
                CHECK(weft_map_info(map, &info) == 0);
        }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        struct weft_map_view view;
        uint64_t key = 3;
        weft_arena_t *arena;
        struct things t;
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        open_things(arena, &t);
        CHECK(t.set);
        for (int i = 0; i < MAPS; i++)
                CHECK(t.map[i]);
        for (uint64_t i = 0; i < 20; i++) {
                put(t.map[EIGHT], i);
                put(t.map[EXPIRY], i);
                sum += weft_set_insert(t.set, &i, 8);
        }
        fill_until_moving(t.map[MOVING]);
        fill_until_moving(t.map[BLOCKS]);
        sum += weft_map_expire(t.map[EXPIRY], &key, 8, 1);
        sum += weft_map_view(t.map[BLOCKS], &key, 8, &view);
        for (int i = 0; i < MAPS; i++)
                aim_at_map(arena, t.map[i]);
        aim_at_map(arena, (const struct weft_map *)(const void *)t.set);
        model_keep(arena); /* as it is now: its agent is gone for those who get a copy */
        close_things(&t);
        weft_arena_close(arena);
        return 0;
}

/* Small changes of what is there find other ways than any bytes. */
static uint64_t changed(int fd, uint64_t at, uint8_t how, uint64_t value)
{
        uint64_t was = 0;
        (void)!pread(fd, &was, sizeof was, (off_t)(WEFT_SEATS_BYTES + at));
        switch (how & 7) {
        case 1:
                return was + (value & 15);
        case 2:
                return was - (value & 15);
        case 3:
                return was ^ UINT64_C(1) << (value & 63);
        case 4: /* of a meta: the state, or the seat */
                return (was & ~UINT64_C(15)) | (value & 15);
        case 5:
                return (was & ~UINT64_C(0x3ff0)) | (value & 0x3ff0);
        default:
                return value;
        }
}

static void write_over(int fd, const uint8_t *data, size_t n, bool late)
{
        for (size_t i = 0; i < n; i++, data += RECORD) {
                uint32_t which = (data[0] & 0x7fu) % targets;
                size_t bytes = 1u << (data[1] & 3);
                uint64_t offset = data[2] | (uint64_t)data[3] << 8, value;
                if ((data[0] >> 7) != late)
                        continue;
                memcpy(&value, data + 4, 8);
                if (data[1] >> 2 & 7)
                        bytes = 8;
                offset = target[which].at + offset * bytes % target[which].bytes;
                model_write(fd, offset, changed(fd, offset, data[1] >> 2, value), bytes);
        }
}

/* ---- a bit of everything ----------------------------------------------------------- */

/* One whose bytes go round in a circle need not come to an end by itself. */
static int each(const struct weft_map_entry *entry, void *context)
{
        const uint8_t *value = entry->value;
        unsigned *n = context;
        for (uint64_t i = 0; i < entry->value_bytes && i < 64; i++)
                sum += value[i];
        return ++*n > EACH_MOST;
}

static void use_key(weft_map_t *m, uint64_t key)
{
        uint64_t value[VALUE_MOST / 8 + 1] = { 0 }, bytes = VALUE_MOST, version = 0;
        struct weft_map_view view;
        uint64_t n = m->value_bytes ? 8 : key % 40;
        sum += weft_map_get(m, &key, 8, value, &bytes, &version);
        sum += weft_map_cas(m, &key, 8, value, n, &version);
        sum += weft_map_insert(m, &key, 8, value, n);
        sum += weft_map_replace(m, &key, 8, value, n);
        if (weft_map_view(m, &key, 8, &view) == 0) {
                for (uint64_t i = 0; i < view.bytes && i < 64; i++)
                        sum += ((const uint8_t *)view.value)[i];
                sum += weft_map_put(m, &key, 8, value, n);
                weft_map_view_end(m, &view);
        }
        sum += weft_map_add(m, &key, 8, 1, NULL);
        bytes = VALUE_MOST;
        sum += weft_map_get_or_insert(m, &key, 8, value, n, value, &bytes);
        sum += weft_map_expire(m, &key, 8, key % 2);
        sum += weft_map_remove_if(m, &key, 8, &version);
        sum += weft_map_remove(m, &key, 8) + weft_map_put(m, &key, 8, value, n);
}

static void use_map(weft_map_t *m)
{
        struct weft_map_cursor cursor = { 0 };
        struct weft_map_info info;
        unsigned seen = 0;
        sum += weft_map_info(m, &info) + weft_map_each(m, &cursor, 5, each, &seen);
        for (uint64_t key = 0; key < ENTRIES; key += 7)
                use_key(m, key);
        for (uint64_t key = 0; key < ENTRIES; key++)
                put(m, key * 3);
        sum += weft_map_each(m, &cursor, 0, each, &seen) + weft_map_sweep(m, 0);
        sum += weft_map_count(m);
        for (uint64_t key = 0; key < ENTRIES; key++) {
                uint64_t k = key * 3;
                sum += weft_map_remove(m, &k, 8);
        }
        sum += weft_map_clear(m);
}

static void look_at_map(weft_map_t *m)
{
        struct weft_map_cursor cursor = { 0 };
        struct weft_map_info info;
        unsigned seen = 0;
        for (uint64_t key = 0; key < ENTRIES; key++) {
                uint64_t value[VALUE_MOST / 8 + 1], bytes = VALUE_MOST, version;
                sum += weft_map_get(m, &key, 8, value, &bytes, &version);
        }
        sum += weft_map_info(m, &info) + weft_map_count(m);
        sum += weft_map_each(m, &cursor, 0, each, &seen);
}

static int member(const void *at, uint32_t bytes, void *context)
{
        unsigned *n = context;
        if (bytes)
                sum += *(const uint8_t *)at;
        return ++*n > EACH_MOST;
}

static void use_set(weft_set_t *s)
{
        struct weft_map_cursor cursor = { 0 };
        unsigned seen = 0;
        for (uint64_t key = 0; key < ENTRIES; key += 3) {
                sum += weft_set_contains(s, &key, 8) + weft_set_insert(s, &key, 8);
                sum += weft_set_remove(s, &key, 8) + weft_set_insert(s, &key, 8);
        }
        sum += weft_set_count(s) + weft_set_each(s, &cursor, 0, member, &seen);
        sum += weft_set_intersect(s, s, member, &seen) + weft_set_clear(s);
}

static int remove_object(const struct weft_object_info *object, void *context)
{
        sum += weft_object_remove(context, object->name);
        return 0;
}

static void use_read_only(int fd)
{
        struct weft_census census;
        weft_arena_t *reader;
        struct things t;
        if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader))
                return;
        open_things(reader, &t);
        for (int i = 0; i < MAPS; i++)
                if (t.map[i])
                        look_at_map(t.map[i]);
        if (t.set)
                sum += weft_set_count(t.set);
        sum += weft_arena_check(reader, &census);
        close_things(&t);
        weft_arena_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_arena_t *arena;
        struct weft_census census;
        struct things t;
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        open_things(arena, &t);
        write_over(fd, data, n, true);
        use_read_only(fd);
        for (int i = 0; i < MAPS; i++)
                if (t.map[i])
                        use_map(t.map[i]);
        if (t.set)
                use_set(t.set);
        sum += weft_arena_recover(arena, NULL);
        sum += weft_arena_check(arena, &census);
        close_things(&t);
        sum += weft_object_list(arena, remove_object, arena);
        weft_arena_close(arena);
        close(fd);
        return 0;
}
