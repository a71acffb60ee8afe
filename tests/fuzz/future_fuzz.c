/* tests/fuzz/future_fuzz.c -- hostile bytes in futures and lazies (P5), by libFuzzer.
 *
 * As pool_fuzz.c, with a future that is set, one that is open, one that was promised by an
 * agent that is gone, one that comes next, and two lazies.
 *
 * Input: records of 12 bytes: which block (1; bit 7: before the arena is opened, or after),
 * how much of it is changed (1), offset (2), value (8).
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weft/future.h>
#include <weft/lazy.h>
#include <weft/weft.h>

#include "codata/future_internal.h"
#include "codata/lazy_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 12, RECORDS_MOST = 40, TARGETS = 32 };
enum { SET, OPEN, PROMISED, NEXT, FUTURES };
enum { DONE, MAPPED, LAZIES };

static const char *const names[FUTURES] = { "set", "open", "promised", "next" };
static const char *const lazy_names[LAZIES] = { "done", "mapped" };

static struct {
        uint64_t at, bytes;
} target[TARGETS];
static uint32_t targets;

/* What comes back means nothing here; that it comes back does. */
static int64_t sum;

static int64_t copy(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        (void)argument;
        if (n > room)
                return -EOVERFLOW;
        if (n)
                memcpy(out, in, n);
        return (int64_t)n;
}

WEFT_FUNCTION_CHUNK("fuzz copy", copy, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

static void aim_at(weft_arena_t *arena, const void *at, uint64_t bytes)
{
        CHECK(targets < TARGETS);
        target[targets].at = (uint64_t)((const uint8_t *)at - arena->base);
        target[targets++].bytes = bytes;
}

static void aim_at_ref(weft_arena_t *arena, weft_ref_t ref)
{
        void *at = weft_at(arena, ref, 1);
        if (at)
                aim_at(arena, at, weft_block_bytes(arena, ref));
}

struct opened {
        weft_future_t *f[FUTURES];
        weft_lazy_t *l[LAZIES];
};

static void open_all(weft_arena_t *arena, struct opened *o)
{
        memset(o, 0, sizeof *o);
        for (int i = 0; i < FUTURES; i++)
                sum += weft_future_open(arena, names[i], &o->f[i]);
        for (int i = 0; i < LAZIES; i++)
                sum += weft_lazy_open(arena, lazy_names[i], &o->l[i]);
}

static void close_all(struct opened *o)
{
        for (int i = 0; i < FUTURES; i++)
                weft_future_close(o->f[i]);
        for (int i = 0; i < LAZIES; i++)
                weft_lazy_close(o->l[i]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        struct weft_future_options keep = { .flags = WEFT_FUTURE_KEEP };
        struct weft_future_wish next = { .depth = 1, .function = "fuzz copy" };
        struct opened h;
        char value[300] = "some value";
        weft_arena_t *arena;
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        for (int i = 0; i < NEXT; i++)
                CHECK(weft_future_create(arena, names[i], &keep, &h.f[i]) == 0);
        next.source = weft_future_token(h.f[OPEN]);
        CHECK(weft_future_make(arena, "next", &next, 0, &h.f[NEXT]) == 0);
        CHECK(weft_lazy_create(arena, "done", "fuzz copy", value, 100, &h.l[DONE]) == 0);
        CHECK(weft_lazy_map(h.l[DONE], "mapped", "fuzz copy", NULL, 0, &h.l[MAPPED]) ==
              0);
        CHECK(weft_lazy_force(h.l[DONE], value, sizeof value, WEFT_NEVER) == 100);
        CHECK(weft_future_set(h.f[SET], value, sizeof value) == 0);
        CHECK(weft_future_produce(h.f[PROMISED]) == 0);
        for (int i = 0; i < FUTURES; i++) {
                struct weft_future_shared *sh = h.f[i]->handle.sh;
                aim_at(arena, sh, sizeof(struct weft_cell_shared));
                aim_at(arena, sh, sizeof *sh);
                aim_at_ref(arena, sh->recipe);
        }
        for (int i = 0; i < LAZIES; i++) {
                struct weft_lazy_shared *sh = h.l[i]->handle.sh;
                aim_at(arena, sh, sizeof(struct weft_cell_shared));
                aim_at(arena, sh, sizeof *sh);
                aim_at_ref(arena, sh->recipe);
                aim_at_ref(arena, sh->source);
        }
        model_keep(arena); /* as it is now: its agent is gone for those who get a copy */
        close_all(&h);
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

static void read_all(const void *at, int64_t n)
{
        const char *bytes = at;
        for (int64_t i = 0; i < n; i += 64)
                sum += bytes[i];
}

static void use_future(weft_arena_t *arena, weft_future_t *f)
{
        struct weft_future_info info;
        weft_future_t *again, *next;
        const void *at;
        char value[512];
        sum += weft_future_info(f, &info) + weft_future_try(f, value, sizeof value);
        int64_t n = weft_future_view(f, &at, WEFT_NOW);
        if (n > 0)
                read_all(at, n);
        sum += weft_future_get(f, value, sizeof value, 1);
        if (weft_future_open_token(arena, weft_future_token(f), &again) == 0) {
                sum += weft_future_any(&again, 1, WEFT_NOW);
                weft_future_close(again);
        }
        if (weft_future_then(f, "fuzz copy", value, 20, NULL, &next) == 0) {
                sum += weft_future_all(&next, 1, WEFT_NOW);
                weft_future_close(next);
        }
        sum += weft_future_abandon(f) + weft_future_produce(f);
        sum += weft_future_set(f, value, 100) + weft_future_set_error(f, -EIO);
        sum += weft_future_cancel(f) + weft_future_get(f, value, sizeof value, 1);
}

static void use_lazy(weft_lazy_t *lazy)
{
        struct weft_lazy_info info;
        struct weft_lazy_view view;
        char value[512];
        sum += weft_lazy_info(lazy, &info) + weft_lazy_peek(lazy, value, sizeof value);
        for (int i = 0; i < 2; i++) {
                sum += weft_lazy_force(lazy, value, sizeof value, 1);
                if (weft_lazy_view(lazy, &view, 1) == 0) {
                        read_all(view.at, (int64_t)view.bytes);
                        sum += weft_lazy_view_end(lazy, &view);
                }
                sum += weft_lazy_reset(lazy);
        }
}

static void use_all(weft_arena_t *arena, struct opened *o)
{
        for (int i = 0; i < FUTURES; i++)
                if (o->f[i])
                        use_future(arena, o->f[i]);
        for (int i = 0; i < LAZIES; i++)
                if (o->l[i])
                        use_lazy(o->l[i]);
}

static int remove_object(const struct weft_object_info *object, void *context)
{
        sum += weft_object_remove(context, object->name);
        return 0;
}

static void use_read_only(int fd)
{
        struct weft_census census;
        struct opened o;
        weft_arena_t *reader;
        if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader))
                return;
        open_all(reader, &o);
        use_all(reader, &o);
        sum += weft_arena_check(reader, &census);
        close_all(&o);
        weft_arena_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_arena_t *arena;
        struct weft_census census;
        struct opened o;
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        open_all(arena, &o);
        write_over(fd, data, n, true);
        use_all(arena, &o);
        use_read_only(fd);
        sum += weft_arena_recover(arena, NULL);
        sum += weft_arena_check(arena, &census);
        close_all(&o);
        sum += weft_object_list(arena, remove_object, arena);
        weft_arena_close(arena);
        close(fd);
        return 0;
}
