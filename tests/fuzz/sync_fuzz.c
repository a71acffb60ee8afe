/* tests/fuzz/sync_fuzz.c -- hostile bytes in what one synchronises by (P5), by libFuzzer.
 *
 * As arena_fuzz.c, with one object of each kind of sync/, in use by an agent that is gone,
 * and changes that aim at these objects: their headers, accounts, slots and values.
 *
 * Input: records of 12 bytes: which block (1; bit 7: before the arena is opened, or after),
 * how much of it is changed (1), offset (2), value (8).
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weft/weft.h>

#include "runtime/object.h"
#include "sync/ledger_shared.h"
#include "tests/fuzz/model.h"

enum { RECORD = 12, RECORDS_MOST = 40, TARGETS = 32 };
enum {
        PLAIN,
        FAIR,
        SEMAPHORE,
        OWNED,
        RWLOCK,
        BARRIER,
        SHRINK,
        LATCH,
        SHARES,
        EVENT,
        AUTO,
        ONCE,
        CONDITION,
        SIGNAL,
        QUEUE,
        THINGS
};

/* Handles, by what they are. */
struct things {
        void *of[THINGS];
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
        const struct weft_mutex_options fair = { .flags = WEFT_MUTEX_FAIR |
                                                          WEFT_MUTEX_RECURSIVE };
        const struct weft_semaphore_options plain = { .value = 3 },
                                            owned = { .value = 3,
                                                      .flags = WEFT_SEMAPHORE_OWNED };
        const struct weft_barrier_options three = { .parties = 3 },
                                          shrink = { .parties = 3,
                                                     .flags = WEFT_BARRIER_SHRINK };
        const struct weft_latch_options latch = { .count = 3 },
                                        shares = { .count = 3,
                                                   .flags = WEFT_LATCH_REGISTERED };
        const struct weft_event_options automatic = { .flags = WEFT_EVENT_AUTO };
        const struct weft_signal_options value = { .bytes = 40 };
        const struct weft_queue_options queue = { 4, 8, 0 };
        void **h = t->of;

        memset(t, 0, sizeof *t);
#define OPEN(kind, name, options, at) \
        sum += weft_##kind##_create_or_open(arena, name, options, \
                                            (weft_##kind##_t **)&h[at])
#define OPEN_PLAIN(kind, name, at) \
        sum += weft_##kind##_create_or_open(arena, name, (weft_##kind##_t **)&h[at])
        OPEN(mutex, "plain", NULL, PLAIN);
        OPEN(mutex, "fair", &fair, FAIR);
        OPEN(semaphore, "semaphore", &plain, SEMAPHORE);
        OPEN(semaphore, "owned", &owned, OWNED);
        OPEN_PLAIN(rwlock, "rwlock", RWLOCK);
        OPEN(barrier, "barrier", &three, BARRIER);
        OPEN(barrier, "shrink", &shrink, SHRINK);
        OPEN(latch, "latch", &latch, LATCH);
        OPEN(latch, "shares", &shares, SHARES);
        OPEN(event, "event", NULL, EVENT);
        OPEN(event, "auto", &automatic, AUTO);
        OPEN_PLAIN(once, "once", ONCE);
        OPEN_PLAIN(condition, "condition", CONDITION);
        OPEN(signal, "signal", &value, SIGNAL);
        OPEN(queue, "queue", &queue, QUEUE);
}

static void close_things(struct things *t)
{
        weft_mutex_close(t->of[PLAIN]);
        weft_mutex_close(t->of[FAIR]);
        weft_semaphore_close(t->of[SEMAPHORE]);
        weft_semaphore_close(t->of[OWNED]);
        weft_rwlock_close(t->of[RWLOCK]);
        weft_barrier_close(t->of[BARRIER]);
        weft_barrier_close(t->of[SHRINK]);
        weft_latch_close(t->of[LATCH]);
        weft_latch_close(t->of[SHARES]);
        weft_event_close(t->of[EVENT]);
        weft_event_close(t->of[AUTO]);
        weft_once_close(t->of[ONCE]);
        weft_condition_close(t->of[CONDITION]);
        weft_signal_close(t->of[SIGNAL]);
        weft_queue_close(t->of[QUEUE]);
}

static void aim_at(weft_arena_t *arena, const void *at, uint64_t bytes)
{
        CHECK(targets < TARGETS);
        target[targets].at = (uint64_t)((const uint8_t *)at - arena->base);
        target[targets++].bytes = bytes;
}

/* Its header, and whatever the header's words refer to. */
static void aim_at_object(weft_arena_t *arena, const struct weft_handle *handle)
{
        uint64_t bytes = handle->kind->header_bytes;
        aim_at(arena, handle->sh, bytes < 128 ? bytes : 128);
        if (bytes > 128)
                aim_at(arena, handle->sh, bytes);
        for (uint64_t i = 0; i < bytes && i < 128; i += 8) {
                weft_ref_t ref;
                memcpy(&ref, (const uint8_t *)handle->sh + i, sizeof ref);
                const void *at = ref.v ? weft_at(arena, ref, 1) : NULL;
                if (at)
                        aim_at(arena, at, weft_block_bytes(arena, ref));
        }
}

static int zero(void *unused)
{
        (void)unused;
        return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct weft_arena_options o = { .max_bytes = UINT64_C(4) << 20,
                                        .max_objects = 64 };
        weft_arena_t *arena;
        struct things t;
        char value[40] = "value";
        (void)argc, (void)argv;

        CHECK(weft_arena_create(NULL, &o, &arena) == 0);
        open_things(arena, &t);
        for (int i = 0; i < THINGS; i++) {
                CHECK(t.of[i]);
                aim_at_object(arena, t.of[i]);
        }
        sum += weft_semaphore_wait(t.of[OWNED], WEFT_NOW);
        sum += weft_barrier_join(t.of[SHRINK]);
        sum += weft_latch_register(t.of[SHARES], 2);
        sum += weft_signal_set(t.of[SIGNAL], value, NULL);
        sum += weft_mutex_lock(t.of[FAIR], WEFT_NOW);
        sum += weft_rwlock_read(t.of[RWLOCK], WEFT_NOW);
        sum += weft_condition_enroll(t.of[CONDITION]);
        model_keep(arena); /* as it is now: its agent is gone for those who get a copy */
        close_things(&t);
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

static void use_mutex(weft_mutex_t *m)
{
        struct weft_mutex_info info;
        sum += weft_mutex_info(m, &info);
        int rc = weft_mutex_lock(m, WEFT_NOW);
        if (rc == -EOWNERDEAD)
                sum += weft_mutex_consistent(m);
        sum += weft_mutex_trylock(m) + weft_mutex_unlock(m) + weft_mutex_unlock(m);
        sum += weft_mutex_lock(m, 1) + weft_mutex_reset(m) + weft_mutex_unlock(m);
}

static void use_semaphore(weft_semaphore_t *s)
{
        struct weft_semaphore_info info;
        sum += weft_semaphore_info(s, &info) + weft_semaphore_value(s);
        sum += weft_semaphore_wait(s, WEFT_NOW) + weft_semaphore_wait_n(s, 2, 1);
        sum += weft_semaphore_post(s) + weft_semaphore_post_n(s, 5);
}

static void use_rwlock(weft_rwlock_t *l)
{
        struct weft_rwlock_info info;
        sum += weft_rwlock_info(l, &info) + weft_rwlock_read(l, WEFT_NOW);
        sum += weft_rwlock_write(l, 1) + weft_rwlock_unlock(l);
        if (weft_rwlock_write(l, WEFT_NOW) == -EOWNERDEAD)
                sum += weft_rwlock_consistent(l);
        sum += weft_rwlock_downgrade(l) + weft_rwlock_unlock(l) + weft_rwlock_reset(l);
        sum += weft_rwlock_tryread(l) + weft_rwlock_unlock(l);
}

static void use_barrier(weft_barrier_t *b)
{
        struct weft_barrier_info info;
        uint64_t phase = 0;
        sum += weft_barrier_info(b, &info) + weft_barrier_join(b);
        sum += weft_barrier_arrive(b, &phase) + weft_barrier_wait(b, WEFT_NOW);
        sum += weft_barrier_wait_phase(b, phase, 1) + weft_barrier_reset(b);
        sum += weft_barrier_wait(b, 1) + weft_barrier_leave(b);
}

static void use_latch(weft_latch_t *l)
{
        struct weft_latch_info info;
        sum += weft_latch_info(l, &info) + weft_latch_count(l);
        sum += weft_latch_register(l, 1) + weft_latch_count_down(l, 1);
        sum += weft_latch_wait(l, WEFT_NOW) + weft_latch_arrive_and_wait(l, 1, 1);
}

static void use_event(weft_event_t *e)
{
        struct weft_event_info info;
        sum += weft_event_info(e, &info) + weft_event_is_set(e) + weft_event_set(e);
        sum += weft_event_wait(e, WEFT_NOW) + weft_event_pulse(e);
        sum += weft_event_clear(e) + weft_event_wait(e, 1);
}

static void use_once(weft_once_t *o)
{
        struct weft_once_info info;
        sum += weft_once_info(o, &info) + weft_once_done(o);
        sum += weft_once_call(o, zero, NULL, WEFT_NOW) + weft_once_reset(o);
        sum += weft_once_call(o, zero, NULL, 1);
}

static void use_condition(weft_condition_t *c)
{
        struct weft_condition_info info;
        sum += weft_condition_info(c, &info) + weft_condition_enroll(c);
        sum += weft_condition_notify_one(c) + weft_condition_notify_all(c);
        sum += weft_condition_cancel(c);
}

static int fill(void *value, void *bytes)
{
        memset(value, 7, *(const uint32_t *)bytes);
        return 0;
}

static void use_signal(weft_signal_t *s)
{
        char value[WEFT_SIGNAL_BYTES_MAX] = { 0 };
        struct weft_signal_info info;
        uint32_t bytes = weft_signal_bytes(s);
        uint64_t version = 0;
        sum += weft_signal_info(s, &info) + weft_signal_get(s, value, &version);
        sum += weft_signal_set(s, value, NULL);
        sum += weft_signal_compare_and_set(s, value, &version);
        sum += weft_signal_update(s, fill, &bytes, &version);
        sum += weft_signal_wait_change(s, value, &version, 1);
        sum += weft_signal_set(s, value, NULL) + weft_signal_get(s, value, NULL);
}

static void use_select(const struct things *t)
{
        static const struct {
                int what, op;
        } ways[] = {
                { PLAIN, WEFT_OP_LOCK },        { FAIR, WEFT_OP_LOCK },
                { SEMAPHORE, WEFT_OP_ACQUIRE }, { OWNED, WEFT_OP_ACQUIRE },
                { RWLOCK, WEFT_OP_READ_LOCK },  { RWLOCK, WEFT_OP_WRITE_LOCK },
                { BARRIER, WEFT_OP_PHASE },     { SHRINK, WEFT_OP_PHASE },
                { LATCH, WEFT_OP_WAIT },        { SHARES, WEFT_OP_WAIT },
                { EVENT, WEFT_OP_WAIT },        { AUTO, WEFT_OP_WAIT },
                { ONCE, WEFT_OP_WAIT },         { CONDITION, WEFT_OP_NOTIFIED },
                { SIGNAL, WEFT_OP_CHANGE },     { QUEUE, WEFT_OP_PUSH },
                { QUEUE, WEFT_OP_POP },
        };
        enum { WAYS = sizeof ways / sizeof *ways };
        char value[WEFT_SIGNAL_BYTES_MAX] = { 0 };
        struct weft_case cases[WAYS] = { 0 };
        for (int look = 0; look < 2; look++)
                for (int i = 0; i < WAYS; i++) {
                        struct weft_case *c = &cases[i];
                        *c = (struct weft_case){ .object = t->of[ways[i].what],
                                                 .op = (uint32_t)ways[i].op,
                                                 .flags = look ? WEFT_CASE_LOOK : 0,
                                                 .from = value,
                                                 .to = value };
                        if (!c->object)
                                c->op = WEFT_OP_NONE;
                        sum += weft_select(c, 1, 0, WEFT_NOW);
                }
        sum += weft_select(cases, WAYS, 0, 1);
}

static void use_things(const struct things *t)
{
#define USE(kind, at) \
        if (t->of[at]) \
        use_##kind(t->of[at])
        USE(mutex, PLAIN);
        USE(mutex, FAIR);
        USE(semaphore, SEMAPHORE);
        USE(semaphore, OWNED);
        USE(rwlock, RWLOCK);
        USE(barrier, BARRIER);
        USE(barrier, SHRINK);
        USE(latch, LATCH);
        USE(latch, SHARES);
        USE(event, EVENT);
        USE(event, AUTO);
        USE(once, ONCE);
        USE(condition, CONDITION);
        USE(signal, SIGNAL);
        use_select(t);
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
        use_things(&t);
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
        use_things(&t);
        use_read_only(fd);
        sum += weft_arena_recover(arena, NULL);
        sum += weft_arena_check(arena, &census);
        close_things(&t);
        sum += weft_object_list(arena, remove_object, arena);
        weft_arena_close(arena);
        close(fd);
        return 0;
}
