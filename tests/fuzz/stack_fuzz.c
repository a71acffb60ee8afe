/* tests/fuzz/stack_fuzz.c -- hostile bytes in stacks (P5), by libFuzzer.
 *
 * A small arena with three stacks is made once: of words, of some bytes with a capacity,
 * and of large elements. Each input gets a copy, has its changes
 * written over what belongs to the stacks, before or after they are opened, and then does a
 * bit of everything. Any return value is fine. A crash or a hang is not.
 *
 * Input: records of 10 bytes, as of arena_fuzz.c: where (1), offset (3), value (6). The
 * first byte's upper bits name a part; bit 0, whether the change comes after opening. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/stack.h>
#include <weft/weft.h>

#include "structures/stack_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 10, RECORDS_MOST = 64, STACKS = 3, PARTS = 5 };

static const char *const names[STACKS] = { "words", "some", "large" };
static struct {
        uint64_t at, bytes;
} parts[STACKS][PARTS];

static void note_parts(weft_arena_t *arena, int i, weft_stack_t *s)
{
        uint8_t *at[PARTS] = { (uint8_t *)s->v.sh, (uint8_t *)&s->v.sh->top,
                               (uint8_t *)&s->v.sh->rest,
                               weft_desk_at(&s->v.desks, weft_me.agent->index + 1),
                               (uint8_t *)weft_stack_node(&s->v, 0) };
        uint64_t bytes[PARTS] = { sizeof *s->v.sh, 64, 64,
                                  sizeof(struct weft_stack_desk_shared),
                                  s->v.stride * 2 };
        for (int k = 0; k < PARTS; k++) {
                CHECK(at[k]);
                parts[i][k].at = (uint64_t)(at[k] - arena->base);
                parts[i][k].bytes = bytes[k];
        }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        static const uint32_t sizes[STACKS] = { 8, 100, 40000 };
        static uint8_t element[40000];
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20 };
        weft_arena_t *arena;
        weft_stack_t *s[STACKS];
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        for (int i = 0; i < STACKS; i++) {
                struct weft_stack_options so = { i == 1 ? 200 : 0, sizes[i], 0 };
                CHECK(weft_stack_create(arena, names[i], &so, &s[i]) == 0);
                for (int n = 0; n < (i < 2 ? 150 : 8); n++)
                        CHECK(weft_stack_push(s[i], element, WEFT_NOW) == 0);
                for (int n = 0; n < (i < 2 ? 100 : 4); n++)
                        CHECK(weft_stack_pop(s[i], element, WEFT_NOW) == 0);
                note_parts(arena, i, s[i]);
        }
        model_keep(
                arena); /* its agent lives on: whoever opens a copy has the next seat */
        return 0;
}

static void write_over(int fd, const uint8_t *data, size_t n, bool late)
{
        for (size_t i = 0; i < n; i++, data += RECORD) {
                uint32_t offset =
                        data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16;
                uint32_t stack = data[0] >> 6 & 3, part = data[0] >> 3 & 7;
                uint64_t value = 0;
                if ((data[0] & 1) != late)
                        continue;
                stack = stack < STACKS ? stack : 0;
                part = part < PARTS ? part : 1;
                memcpy(&value, data + 4, 6);
                if (data[0] & 2)
                        value |= (uint64_t)data[9] << 56;
                model_write(fd,
                            parts[stack][part].at +
                                    offset % parts[stack][part].bytes / 4 * 4,
                            value, data[0] & 4 ? 8 : 4);
        }
}

/* What comes back means nothing here; that it comes back does. */
static int64_t sum;

static int look_at(void *element, void *context)
{
        uint64_t *n = context;
        sum += *(uint8_t *)element;
        CHECK(++*n < 100000);
        return 0;
}

static void use(weft_stack_t *s)
{
        static uint8_t buffer[40 * 40000];
        struct weft_stack_info info;
        uint64_t n = 0;
        for (int i = 0; i < 3; i++) {
                sum += weft_stack_push(s, buffer, WEFT_NOW);
                sum += weft_stack_push_n(s, buffer, 20, WEFT_NOW);
                sum += weft_stack_peek(s, buffer);
                sum += weft_stack_pop(s, buffer, WEFT_NOW);
                sum += weft_stack_pop_n(s, buffer, 40, WEFT_NOW);
                sum += weft_stack_info(s, &info);
                sum += weft_stack_length(s);
        }
        sum += weft_stack_drain(s, look_at, &n);
        sum += weft_stack_push(s, buffer, WEFT_NOW);
        sum += weft_stack_shutdown(s);
        sum += weft_stack_pop(s, buffer, WEFT_NOW);
}

static void look_only(int fd)
{
        static uint8_t buffer[WEFT_STACK_ELEMENT_MAX];
        struct weft_stack_info info;
        struct weft_object_info object;
        weft_arena_t *reader;
        weft_stack_t *s;
        if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader))
                return;
        for (int i = 0; i < STACKS; i++) {
                sum += weft_object_stat(reader, names[i], &object);
                if (weft_stack_open(reader, names[i], &s))
                        continue;
                sum += weft_stack_peek(s, buffer);
                sum += weft_stack_info(s, &info);
                weft_stack_close(s);
        }
        weft_arena_close(reader);
}

/* Elements may have become larger than those that `use` has room for. */
static void use_if_small(weft_stack_t *s)
{
        if (s->v.element_bytes <= 40000)
                use(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_stack_t *s[STACKS] = { NULL };
        struct weft_census census;
        weft_arena_t *arena;
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        for (int i = 0; i < STACKS; i++) {
                int rc = weft_stack_open(arena, names[i], &s[i]);
                CHECK(rc == 0 || n > 0); /* what nobody has changed opens */
        }
        write_over(fd, data, n, true);
        look_only(fd);
        for (int i = 0; i < STACKS; i++)
                if (s[i])
                        use_if_small(s[i]);
        sum += weft_arena_check(arena, &census);
        sum += weft_arena_recover(arena, NULL);
        for (int i = 0; i < STACKS; i++) {
                weft_stack_close(s[i]);
                sum += weft_object_remove(arena, names[i]);
        }
        weft_arena_close(arena);
        close(fd);
        return 0;
}
