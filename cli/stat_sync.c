/* weft stat -- what one synchronises by: values, holders, waiters. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/stat.h"

#define FIELD(name) stat_number(into, #name, info.name, false)

/* The names of the bits that are set, lowest first. */
static void flags_of(json_t *into, uint32_t flags, const char *const *names, unsigned n)
{
        char text[128] = "";
        int at = 0;
        for (unsigned i = 0; i < n; i++)
                if (flags >> i & 1)
                        at += snprintf(text + at, sizeof text - (size_t)at, "%s%s",
                                       at ? " " : "", names[i]);
        stat_words(into, "flags", text);
}

static int stat_mutex(weft_arena_t *arena, const char *name, json_t *into)
{
        static const char *const names[] = { "recursive", "fair" };
        weft_mutex_t *mutex;
        struct weft_mutex_info info;
        int rc = weft_mutex_open(arena, name, &mutex);
        if (rc)
                return rc;
        rc = weft_mutex_info(mutex, &info);
        weft_mutex_close(mutex);
        if (rc)
                return rc;
        FIELD(held);
        FIELD(holder_pid);
        FIELD(depth);
        FIELD(inconsistent);
        FIELD(lost);
        FIELD(waiting);
        flags_of(into, info.flags, names, 2);
        return 0;
}

static int stat_semaphore(weft_arena_t *arena, const char *name, json_t *into)
{
        static const char *const names[] = { "owned" };
        weft_semaphore_t *semaphore;
        struct weft_semaphore_info info;
        int rc = weft_semaphore_open(arena, name, &semaphore);
        if (rc)
                return rc;
        rc = weft_semaphore_info(semaphore, &info);
        weft_semaphore_close(semaphore);
        if (rc)
                return rc;
        FIELD(value);
        FIELD(maximum);
        FIELD(held);
        stat_number(into, "held_by", info.holders, false); /* holders: who has it open */
        FIELD(waiting);
        flags_of(into, info.flags, names, 1);
        return 0;
}

static int stat_rwlock(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_rwlock_t *rwlock;
        struct weft_rwlock_info info;
        int rc = weft_rwlock_open(arena, name, &rwlock);
        if (rc)
                return rc;
        rc = weft_rwlock_info(rwlock, &info);
        weft_rwlock_close(rwlock);
        if (rc)
                return rc;
        FIELD(readers);
        FIELD(writing);
        FIELD(claimed);
        FIELD(writer_pid);
        FIELD(inconsistent);
        FIELD(lost);
        FIELD(waiting);
        return 0;
}

static int stat_barrier(weft_arena_t *arena, const char *name, json_t *into)
{
        static const char *const names[] = { "shrink", "anonymous" };
        weft_barrier_t *barrier;
        struct weft_barrier_info info;
        int rc = weft_barrier_open(arena, name, &barrier);
        if (rc)
                return rc;
        rc = weft_barrier_info(barrier, &info);
        weft_barrier_close(barrier);
        if (rc)
                return rc;
        FIELD(phase);
        FIELD(parties);
        FIELD(taken);
        FIELD(arrived);
        FIELD(broken);
        FIELD(waiting);
        flags_of(into, info.flags, names, 2);
        return 0;
}

static int stat_latch(weft_arena_t *arena, const char *name, json_t *into)
{
        static const char *const names[] = { "registered" };
        weft_latch_t *latch;
        struct weft_latch_info info;
        int rc = weft_latch_open(arena, name, &latch);
        if (rc)
                return rc;
        rc = weft_latch_info(latch, &info);
        weft_latch_close(latch);
        if (rc)
                return rc;
        FIELD(count);
        FIELD(registered);
        FIELD(failed);
        FIELD(waiting);
        flags_of(into, info.flags, names, 1);
        return 0;
}

static int stat_event(weft_arena_t *arena, const char *name, json_t *into)
{
        static const char *const names[] = { "auto" };
        weft_event_t *event;
        struct weft_event_info info;
        int rc = weft_event_open(arena, name, &event);
        if (rc)
                return rc;
        rc = weft_event_info(event, &info);
        weft_event_close(event);
        if (rc)
                return rc;
        FIELD(set);
        FIELD(waiting);
        flags_of(into, info.flags, names, 1);
        return 0;
}

static int stat_once(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_once_t *once;
        struct weft_once_info info;
        int rc = weft_once_open(arena, name, &once);
        if (rc)
                return rc;
        rc = weft_once_info(once, &info);
        weft_once_close(once);
        if (rc)
                return rc;
        FIELD(done);
        FIELD(running);
        FIELD(runner_pid);
        stat_number(into, "result", (uint64_t)(int64_t)info.result, false);
        FIELD(waiting);
        return 0;
}

static int stat_condition(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_condition_t *condition;
        struct weft_condition_info info;
        int rc = weft_condition_open(arena, name, &condition);
        if (rc)
                return rc;
        rc = weft_condition_info(condition, &info);
        weft_condition_close(condition);
        if (rc)
                return rc;
        FIELD(waiting);
        FIELD(notified);
        return 0;
}

/* ---- signal -------------------------------------------------------------------- */

/* A text that may be followed by zeroes: its length, or 0. */
static size_t text_in(const char *value, size_t bytes)
{
        size_t length = strnlen(value, bytes);
        for (size_t i = length; i < bytes; i++)
                if (value[i])
                        return 0;
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
                        return 0;
        json_t *utf8 = json_stringn(value, length);
        json_decref(utf8);
        return utf8 ? length : 0;
}

static void stat_value(json_t *into, const char *value, size_t bytes)
{
        size_t length = text_in(value, bytes);
        char text[2 * WEFT_SIGNAL_BYTES_MAX + 1];
        if (length) {
                memcpy(text, value, length);
                text[length] = 0;
                stat_words(into, "value", text);
                return;
        }
        for (size_t i = 0; i < bytes; i++)
                snprintf(text + 2 * i, 3, "%02x", (unsigned char)value[i]);
        if (cli.json)
                json_object_set_new(into, "value", json_pack("{s:s}", "hex", text));
        else
                stat_words(into, "value (hex)", text);
}

static int stat_signal(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_signal_t *signal;
        struct weft_signal_info info;
        char value[WEFT_SIGNAL_BYTES_MAX];
        int rc = weft_signal_open(arena, name, &signal);
        if (rc)
                return rc;
        rc = weft_signal_info(signal, &info);
        if (!rc)
                rc = weft_signal_get(signal, value, &info.version);
        info.bytes = weft_signal_bytes(signal);
        weft_signal_close(signal);
        if (rc)
                return rc;
        FIELD(version);
        FIELD(waiting);
        stat_number(into, "value_bytes", info.bytes, false); /* bytes: with its buffers */
        stat_value(into, value, info.bytes);
        return 0;
}

int stat_sync(weft_arena_t *arena, const char *kind, const char *name, json_t *into)
{
        static const struct {
                const char *kind;
                int (*stat)(weft_arena_t *arena, const char *name, json_t *into);
        } kinds[] = {
                { "mutex", stat_mutex },   { "semaphore", stat_semaphore },
                { "rwlock", stat_rwlock }, { "barrier", stat_barrier },
                { "latch", stat_latch },   { "event", stat_event },
                { "once", stat_once },     { "condition", stat_condition },
                { "signal", stat_signal },
        };
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (!strcmp(kinds[i].kind, kind))
                        return kinds[i].stat(arena, name, into);
        return 0;
}
