/* tests/fuzz/pool_fuzz.c -- hostile bytes in pools (P5), by libFuzzer.
 *
 * As sync_fuzz.c, with two pools in use by an agent that is gone, and changes that aim at
 * their headers, bits, words, refs and desks.
 *
 * Input: records of 12 bytes: which block (1; bit 7: before the arena is opened, or after),
 * how much of it is changed (1), offset (2), value (8).
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weft/pool.h>
#include <weft/weft.h>

#include "structures/pool_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 12, RECORDS_MOST = 40, TARGETS = 32, BYTES = 200 };
enum { PLAIN, ASIDE, POOLS };

static const char *const names[POOLS] = { "plain", "aside" };
static const struct weft_pool_options options[POOLS] = {
        { BYTES, 40, 70, 0, 0 },
        { BYTES, 3, 0, WEFT_POOL_QUARANTINE, 0 },
};
static uint64_t token[8]; /* of objects that were held, given */

static struct {
        uint64_t at, bytes;
} target[TARGETS];
static uint32_t targets;

/* What comes back means nothing here; that it comes back does. */
static int64_t sum;

static void open_pools(weft_arena_t *arena, weft_pool_t *p[POOLS])
{
        for (int i = 0; i < POOLS; i++) {
                p[i] = NULL;
                sum += weft_pool_create_or_open(arena, names[i], &options[i], &p[i]);
        }
}

static void close_pools(weft_pool_t *p[POOLS])
{
        for (int i = 0; i < POOLS; i++)
                weft_pool_close(p[i]);
}

static void aim_at(weft_arena_t *arena, const void *at, uint64_t bytes)
{
        CHECK(targets < TARGETS);
        target[targets].at = (uint64_t)((const uint8_t *)at - arena->base);
        target[targets++].bytes = bytes;
}

static void aim_at_pool(weft_arena_t *arena, weft_pool_t *p)
{
        struct weft_pool_shared *sh = p->handle.sh;
        struct weft_pool_part part;
        aim_at(arena, sh, 64);
        aim_at(arena, sh, sizeof *sh);
        for (uint32_t k = 0; weft_pool_part(&p->v, k, &part); k++) {
                const uint8_t *head = (uint8_t *)part.summary - WEFT_LINE;
                aim_at(arena, head, 3 * WEFT_LINE);
                aim_at(arena, part.words, (uint64_t)part.count << p->v.word_shift << 3);
        }
        void *desk = weft_desk_at(&p->desks, weft_me.agent->index);
        if (desk)
                aim_at(arena, desk, sizeof(struct weft_pool_desk_shared));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        struct weft_pool_object x;
        weft_pool_t *p[POOLS];
        weft_arena_t *arena;
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        open_pools(arena, p);
        for (int i = 0; i < 50; i++) { /* it has grown */
                CHECK(weft_pool_get(p[PLAIN], &x, WEFT_NOW) == 0);
                if (i < 8)
                        token[i] = x.token;
                if (i >= 4)
                        sum += i < 8 ? weft_pool_give(p[PLAIN], x.token)
                                     : weft_pool_put(p[PLAIN], x.token);
        }
        CHECK(weft_pool_get(p[ASIDE], &x, WEFT_NOW) == 0);
        for (int i = 0; i < POOLS; i++)
                aim_at_pool(arena, p[i]);
        model_keep(arena); /* as it is now: its agent is gone for those who get a copy */
        close_pools(p);
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

/* ---- a bit of everything ----------------------------------------------------------- */

static int look(const struct weft_pool_object *object, void *context)
{
        int *n = context;
        memset(object->at, 7, BYTES);
        return ++*n % 4;
}

static int reclaim(const struct weft_pool_entry *entry, void *context)
{
        sum += weft_pool_reclaim(context, entry->token);
        return 0;
}

static int count(const struct weft_pool_share *share, void *context)
{
        (void)context;
        sum += share->held;
        return 0;
}

static void use(weft_pool_t *p)
{
        struct weft_pool_object x, many[80];
        struct weft_pool_census census;
        struct weft_pool_info info;
        int n = 0;
        weft_pool_on_death(p, look, &n);
        sum += weft_pool_census(p, &census, count, NULL) + weft_pool_info(p, &info);
        int64_t got = weft_pool_get_n(p, many, 80, WEFT_NOW);
        for (int64_t i = 0; i < got; i++)
                memset(many[i].at, 7, BYTES);
        sum += weft_pool_get(p, &x, 1);
        if (got > 2)
                sum += weft_pool_put_n(p, many + 2, (size_t)got - 2);
        for (int i = 0; i < 8; i++) {
                sum += weft_pool_put(p, token[i]) + weft_pool_give(p, token[i]);
                sum += weft_pool_claim(p, token[i], &x, i % 2 ? WEFT_NOW : 1);
                sum += weft_pool_at(p, token[i]) != NULL;
        }
        sum += weft_pool_inspect(p, look, &n);
        sum += weft_pool_each(p, 31, reclaim, p) + weft_pool_reclaim_all(p);
        for (int op = 0; op < 2; op++) {
                struct weft_case c = { .object = p, .op = WEFT_OP_TAKE, .to = &x };
                c.flags = op ? WEFT_CASE_LOOK : 0;
                sum += weft_select(&c, 1, 0, WEFT_NOW);
        }
}

static int remove_object(const struct weft_object_info *object, void *context)
{
        sum += weft_object_remove(context, object->name);
        return 0;
}

static void use_all(weft_pool_t *p[POOLS])
{
        for (int i = 0; i < POOLS; i++)
                if (p[i])
                        use(p[i]);
}

static void use_read_only(int fd)
{
        struct weft_census census;
        weft_pool_t *p[POOLS];
        weft_arena_t *reader;
        if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader))
                return;
        open_pools(reader, p);
        use_all(p);
        sum += weft_arena_check(reader, &census);
        close_pools(p);
        weft_arena_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_arena_t *arena;
        struct weft_census census;
        weft_pool_t *p[POOLS];
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        open_pools(arena, p);
        write_over(fd, data, n, true);
        use_all(p);
        use_read_only(fd);
        sum += weft_arena_recover(arena, NULL);
        sum += weft_arena_check(arena, &census);
        close_pools(p);
        sum += weft_object_list(arena, remove_object, arena);
        weft_arena_close(arena);
        close(fd);
        return 0;
}
