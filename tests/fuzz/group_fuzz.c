/* tests/fuzz/group_fuzz.c -- hostile bytes in a group and its tasks (P5), by libFuzzer.
 *
 * Changes aim at the group's header, its parts in it, and what they refer to: the tasks that
 * wait, and one that a worker had in hand who is gone. Then all that one does with a group.
 *
 * Input: records of 12 bytes: which block (1; bit 7: before the arena is opened, or after),
 * how much of it is changed (1), offset (2), value (8).
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weft/weft.h>

#include <weft/function.h>
#include <weft/future.h>
#include <weft/group.h>

#include "codata/group_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 12, RECORDS_MOST = 40, TARGETS = 64, TASKS = 4 };

static struct {
        uint64_t at, bytes;
} target[TARGETS];
static uint32_t targets;

/* What comes back means nothing here; that it comes back does. */
static int64_t sum;

/* Reads all that it gets. */
static int64_t add(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        uint8_t total = argument ? *(const uint8_t *)argument : 0;
        for (size_t i = 0; i < n; i++)
                total = (uint8_t)(total + ((const uint8_t *)in)[i]);
        if (!room)
                return -EOVERFLOW;
        memcpy(out, &total, 1);
        return 1;
}
WEFT_FUNCTION_CHUNK("add", add, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

/* ---- the model ------------------------------------------------------------------ */

static void aim_at(weft_arena_t *arena, const void *at, uint64_t bytes)
{
        if (targets == TARGETS || !at || !bytes)
                return;
        target[targets].at = (uint64_t)((const uint8_t *)at - arena->base);
        target[targets++].bytes = bytes;
}

static void aim_at_group(weft_arena_t *arena, struct weft_group *group)
{
        const struct weft_group_shared *sh = weft_group_of(group);
        aim_at(arena, sh, 16);
        aim_at(arena, &sh->workers, sizeof sh->workers);
        aim_at(arena, &sh->stop, sizeof sh->stop);
        aim_at(arena, &sh->ended, sizeof sh->ended);
        aim_at(arena, &sh->tasks, sizeof sh->tasks);
        for (uint64_t i = 0; i < sizeof *sh; i += 8) {
                weft_ref_t ref;
                memcpy(&ref, (const uint8_t *)sh + i, sizeof ref);
                const void *at = ref.v ? weft_at(arena, ref, 1) : NULL;
                uint64_t bytes = at ? weft_block_bytes(arena, ref) : 0;
                aim_at(arena, at, bytes < 4096 ? bytes : 4096);
        }
}

/* Tasks in all states, among them one in hand, and where each lies. */
static void fill(weft_arena_t *arena, weft_group_t *group)
{
        static weft_future_t *f[2];
        struct weft_element el[TASKS];
        uint8_t more = 7;
        CHECK(weft_submit(group, "add", "input", 5, &f[0], WEFT_NOW) == 0);
        CHECK(weft_submit_after(group, f[0], "add", &more, 1, &f[1], WEFT_NOW) == 0);
        CHECK(weft_submit(group, "add", "in", 2, NULL, WEFT_NOW) == 0);
        CHECK(weft_submit(group, "add", NULL, 0, NULL, WEFT_NOW) == 0);
        for (int i = 0; i < TASKS; i++) {
                CHECK(weft_queue_take(group->tasks, &el[i], WEFT_NOW) == 0);
                aim_at(arena, el[i].at, WEFT_TASK_NAME_AT + 16);
        }
        for (int i = 1; i < TASKS; i++)
                CHECK(weft_queue_nack(group->tasks, &el[i]) == 0);
        CHECK(weft_semaphore_try(group->workers) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        struct weft_group_options g = { .capacity = TASKS,
                                        .input_max = 64,
                                        .output_max = 64 };
        weft_arena_t *arena;
        weft_group_t *group;
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_group_create(arena, "g", &g, &group) == 0);
        fill(arena, group);
        aim_at_group(arena, group);
        model_keep(arena); /* as it is now: its agent is gone for those who get a copy */
        weft_group_close(group);
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

static void use(weft_group_t *group)
{
        struct weft_group_info info;
        weft_future_t *f[2] = { NULL, NULL };
        struct weft_case over = { .object = group, .op = WEFT_OP_WAIT };
        uint8_t out;
        sum += weft_group_info(group, &info);
        sum += weft_submit(group, "add", "12345678", 8, &f[0], WEFT_NOW);
        if (f[0])
                sum += weft_submit_after(group, f[0], "add", "x", 1, &f[1], 1);
        sum += weft_group_work(group, WEFT_NOW);
        for (int i = 0; i < 2; i++)
                if (f[i])
                        sum += weft_future_get(f[i], &out, 1, WEFT_NOW);
        sum += weft_group_stop(group) + weft_group_work(group, 1);
        sum += weft_group_resume(group) + weft_group_work(group, 1);
        sum += weft_group_drain(group, WEFT_NOW) + weft_group_drain(group, 1);
        sum += weft_group_work(group, WEFT_NOW);
        sum += weft_select(&over, 1, 0, WEFT_NOW);
        weft_future_close(f[1]);
        weft_future_close(f[0]);
}

static void use_all(weft_arena_t *arena)
{
        struct weft_census census;
        struct weft_object_info info;
        weft_group_t *group;
        sum += weft_object_stat(arena, "g", &info);
        if (weft_group_open(arena, "g", &group) == 0) {
                use(group);
                weft_group_close(group);
        }
        sum += weft_arena_recover(arena, NULL);
        sum += weft_arena_check(arena, &census);
        sum += weft_object_remove(arena, "g");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_group_t *group = NULL;
        weft_arena_t *arena, *reader;
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        if (weft_group_open(arena, "g", &group))
                group = NULL;
        write_over(fd, data, n, true);
        if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader) == 0) {
                use_all(reader);
                weft_arena_close(reader);
        }
        if (group)
                use(group);
        use_all(arena);
        weft_group_close(group);
        weft_arena_close(arena);
        close(fd);
        return 0;
}
