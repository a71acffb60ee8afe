/* tests/fuzz/rendezvous_fuzz.c -- hostile bytes in rendezvous (P5), by libFuzzer.
 *
 * A small arena with three rendezvous is made once: of words, of some bytes, and of large
 * elements; in all of them somebody waits on both sides. Each input gets a copy, has its
 * changes written over what belongs to the rendezvous, before or after they are opened, and
 * then does a bit of everything. Any return value is fine. A crash or a hang is not. The seats,
 * and the words in them, are trusted.
 *
 * Input: records of 10 bytes, as of arena_fuzz.c: where (1), offset (3), value (6). The
 * first byte's upper bits name a part; bit 0, whether the change comes after opening. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/rendezvous.h>
#include <weft/select.h>
#include <weft/weft.h>

#include "structures/rendezvous_internal.h"
#include "tests/fuzz/model.h"

enum { RECORD = 10, RECORDS_MOST = 64, KINDS = 3, PARTS = 4, LARGE = 40000 };

static const char *const names[KINDS] = { "words", "some", "large" };
static const uint32_t sizes[KINDS] = { 8, 30, LARGE };
static struct {
        uint64_t at, bytes;
} parts[KINDS][PARTS];
static uint32_t keeper; /* his seat */

static void note_parts(weft_arena_t *arena, int i, weft_rendezvous_t *r)
{
        struct weft_rendezvous_desk_shared *desk = weft_desk_at(&r->desks, keeper);
        weft_a64_t *given;
        uint8_t *box = weft_rendezvous_box(r, desk, i == 2, &given);
        uint8_t *at[PARTS] = { (uint8_t *)weft_rendezvous_sh(r), (uint8_t *)desk,
                               (uint8_t *)(desk + 1), box ? (uint8_t *)given : NULL };
        uint64_t bytes[PARTS] = { sizeof(struct weft_rendezvous_shared), sizeof *desk,
                                  sizeof *desk, 64 };
        for (int k = 0; k < PARTS; k++) {
                CHECK(at[k]);
                parts[i][k].at = (uint64_t)(at[k] - arena->base);
                parts[i][k].bytes = bytes[k];
        }
}

static void write_offers(weft_rendezvous_t *r)
{
        static uint8_t element[LARGE];
        for (int side = 0; side < WEFT_SIDES; side++) {
                struct weft_rendezvous_op op = { .side = side, .from = element };
                CHECK(weft_rendezvous_begin(r, &op) == 0);
                CHECK(weft_rendezvous_write(&op, side) == 0);
                weft_rendezvous_list(&op);
        }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20 };
        weft_arena_t *arena;
        weft_rendezvous_t *r[KINDS];
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        CHECK(weft_agent_join(arena) == 0);
        keeper = weft_me.agent->index;
        for (int i = 0; i < KINDS; i++) {
                struct weft_rendezvous_options ro = { sizes[i], 0 };
                CHECK(weft_rendezvous_create(arena, names[i], &ro, &r[i]) == 0);
                write_offers(r[i]);
                note_parts(arena, i, r[i]);
        }
        weft_meet_open(weft_me.agent, WEFT_MEET_LISTED);
        model_keep(
                arena); /* its agent lives on: whoever opens a copy has the next seat */
        return 0;
}

static void write_over(int fd, const uint8_t *data, size_t n, bool late)
{
        for (size_t i = 0; i < n; i++, data += RECORD) {
                uint32_t offset =
                        data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16;
                uint32_t which = data[0] >> 6 & 3, part = data[0] >> 3 & 7;
                uint64_t value = 0;
                if ((data[0] & 1) != late)
                        continue;
                which = which < KINDS ? which : 0;
                part = part < PARTS ? part : 1;
                memcpy(&value, data + 4, 6);
                if (data[0] & 2)
                        value |= (uint64_t)data[9] << 56;
                model_write(fd,
                            parts[which][part].at +
                                    offset % parts[which][part].bytes / 4 * 4,
                            value, data[0] & 4 ? 8 : 4);
        }
}

/* What comes back means nothing here; that it comes back does. */
static int64_t sum;
static uint8_t buffer[2 * WEFT_RENDEZVOUS_ELEMENT_MAX];

/* The keeper waits again. */
static void wait_again(weft_arena_t *arena)
{
        struct weft_meet_shared *m = &arena->seats[keeper].meet;
        weft_store_rel(&m->word.lo, weft_meet_word(1, 0, WEFT_MEET_OPEN));
        weft_store_rel(&m->word.hi, WEFT_MEET_LISTED);
}

/* As if somebody had met us, and left this. */
static void be_met(weft_rendezvous_t *r, uint64_t left)
{
        struct weft_rendezvous_op op = { .side = WEFT_TAKES, .to = buffer };
        struct weft_pair seen;
        if (weft_rendezvous_begin(r, &op))
                return;
        weft_meet_open(op.agent, WEFT_MEET_LISTED);
        CHECK(weft_meet_see(&op.agent->seat->meet, &seen));
        CHECK(weft_meet_claim(&op.agent->seat->meet, seen, 0, left));
        sum += weft_rendezvous_fetch(&op, left);
}

static void use(weft_arena_t *arena, weft_rendezvous_t *r)
{
        struct weft_rendezvous_info info;
        for (int i = 0; i < 2; i++) {
                struct weft_case c[2] = {
                        { .object = r, .op = WEFT_OP_POP, .to = buffer },
                        { .object = r, .op = WEFT_OP_PUSH, .from = buffer },
                };
                wait_again(arena);
                sum += weft_rendezvous_push(r, buffer, WEFT_NOW);
                sum += weft_rendezvous_push(r, buffer, 1);
                wait_again(arena);
                sum += weft_rendezvous_pop_n(r, buffer, 2, 1);
                wait_again(arena);
                sum += weft_select(c, 2, 0, 1);
                sum += weft_select(c, 2, 0, 1);
                sum += weft_rendezvous_info(r, &info);
                for (uint64_t k = 0; k < 5; k++)
                        be_met(r, k << WEFT_SEAT_BITS | keeper);
                be_met(r, UINT64_MAX);
                be_met(r, 4711 << WEFT_SEAT_BITS | (keeper + 1));
        }
        sum += weft_rendezvous_shutdown(r);
        sum += weft_rendezvous_pop(r, buffer, WEFT_NOW);
}

static void look_only(int fd)
{
        struct weft_rendezvous_info info;
        struct weft_object_info object;
        weft_arena_t *reader;
        weft_rendezvous_t *r;
        if (weft_arena_open_fd(fd, WEFT_RDONLY, &reader))
                return;
        for (int i = 0; i < KINDS; i++) {
                sum += weft_object_stat(reader, names[i], &object);
                if (weft_rendezvous_open(reader, names[i], &r))
                        continue;
                sum += weft_rendezvous_info(r, &info);
                weft_rendezvous_close(r);
        }
        weft_arena_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size / RECORD < RECORDS_MOST ? size / RECORD : RECORDS_MOST;
        weft_rendezvous_t *r[KINDS] = { NULL };
        struct weft_census census;
        weft_arena_t *arena;
        int fd = model_copy();

        write_over(fd, data, n, false);
        CHECK(weft_arena_open_fd(fd, WEFT_RDWR, &arena) == 0);
        for (int i = 0; i < KINDS; i++) {
                int rc = weft_rendezvous_open(arena, names[i], &r[i]);
                CHECK(rc == 0 || n > 0); /* what nobody has changed opens */
                if (r[i])                /* nobody comes: who waits shall not spin */
                        r[i]->spin[0].budget.raw = r[i]->spin[1].budget.raw = 1;
        }
        write_over(fd, data, n, true);
        look_only(fd);
        for (int i = 0; i < KINDS; i++)
                if (r[i])
                        use(arena, r[i]);
        sum += weft_arena_check(arena, &census);
        sum += weft_arena_recover(arena, NULL);
        for (int i = 0; i < KINDS; i++) {
                weft_rendezvous_close(r[i]);
                sum += weft_object_remove(arena, names[i]);
        }
        weft_arena_close(arena);
        close(fd);
        return 0;
}
