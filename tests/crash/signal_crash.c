/* tests/crash/signal_crash.c -- signals: set, changed, read, waited for.
 *
 * Every word of a value is the same number. It begins as 1, and all but one operation make
 * one more of it: so it is the version. The victim's plain set alone makes VICTIM of it,
 * from which the others count on. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/object.h>
#include <weft/signal.h>

#include "tests/check.h"
#include "tests/harness/weft_kit.h"

enum { SMALL = 8, MIDDLE = 512, LARGE = WEFT_SIGNAL_BYTES_MAX };
enum { BYTES, WAS };          /* of self->arg */
enum { FRESH, USED, ORPHAN }; /* WAS: never set; set by one who left; by one who died */
enum { VICTIM = 1000000, PATIENCE_MS = 1500 };
enum { RETURNED, VERSION, BEGAN, SLEEPS, WOKE_AT, SLEEPER }; /* places in the note */

static uint64_t changes;   /* that this process has made */
static char buffer[LARGE]; /* filled outside of what is stepped */

static uint32_t bytes_of(const struct crash *c)
{
        return (uint32_t)c->self->arg[BYTES];
}

static weft_signal_t *signal_of(const struct crash *c)
{
        return c->handle;
}

/* ---- values ---------------------------------------------------------------- */

static void value_fill(const struct crash *c, void *at, uint64_t number)
{
        for (uint32_t i = 0; i < bytes_of(c); i += 8)
                memcpy((char *)at + i, &number, 8);
}

/* 0 if it is torn. */
static uint64_t value_read(const struct crash *c, const void *at)
{
        uint64_t number;
        memcpy(&number, at, 8);
        return memcmp(at, (const char *)at + 8, bytes_of(c) - 8) ? 0 : number;
}

static uint64_t get(struct crash *c, uint64_t *version)
{
        char value[LARGE];
        WEFT_MUST(c, weft_signal_get(signal_of(c), value, version));
        uint64_t number = value_read(c, value);
        CRASH_MUST(c, CRASH_BROKEN, number != 0);
        CRASH_MUST(c, CRASH_BROKEN, number == *version || number >= VICTIM);
        return number;
}

static int add_one(void *value, void *c)
{
        uint64_t number = value_read(c, value);
        if (!number)
                return 1;
        value_fill(c, value, number + 1);
        return 0;
}

static void change(struct crash *c)
{
        uint64_t before, version;
        (void)get(c, &before);
        WEFT_MUST(c, weft_signal_update(signal_of(c), add_one, c, &version));
        changes++;
        CRASH_MUST(c, CRASH_LOST, version > before);
}

/* ---- what is there before ---------------------------------------------------- */

static void change_twice(struct crash *c)
{
        change(c);
        change(c);
}

static void open_signal(struct crash *c)
{
        weft_signal_t *s;
        weft_kit_open(c);
        WEFT_MUST(c, weft_signal_open(arena_of(c), "s", &s));
        c->handle = s;
        value_fill(c, buffer, VICTIM);
}

static void work_and_die(struct crash *c)
{
        change_twice(c);
}

static void setup(struct crash *c)
{
        char value[LARGE];
        struct weft_signal_options o = { .bytes = bytes_of(c), .value = value };
        weft_signal_t *s;
        weft_kit_create(c);
        value_fill(c, value, 1);
        WEFT_MUST(c, weft_signal_create(arena_of(c), "s", &o, &s));
        c->handle = s;
        if (c->self->arg[WAS] == USED)
                change_twice(c);
        if (c->self->arg[WAS] == ORPHAN)
                weft_kit_corpse(c, work_and_die);
}

static void setup_nothing(struct crash *c)
{
        weft_kit_create(c);
}

static void open_nothing(struct crash *c)
{
        weft_kit_open(c);
        value_fill(c, buffer, 1);
}

static void op_set(struct crash *c);

static void note_version(struct crash *c)
{
        uint64_t version;
        (void)get(c, &version);
        c->note->value[BEGAN] = version;
        if (c->self->victim != op_set)
                value_fill(c, buffer, version + 1);
}

/* It has its seat, but nothing to do with the signal yet. */
static void prepare_join(struct crash *c)
{
        weft_kit_join(c);
        note_version(c);
}

/* It has no seat (any more). */
static void prepare_leave(struct crash *c)
{
        note_version(c);
        weft_agent_leave(arena_of(c));
}

/* It has a spare. */
static void prepare_change(struct crash *c)
{
        change(c);
        note_version(c);
}

/* ---- the operations ---------------------------------------------------------- */

static void op_create(struct crash *c)
{
        struct weft_signal_options o = { .bytes = bytes_of(c), .value = buffer };
        weft_signal_t *s;
        c->note->rc = weft_signal_create(arena_of(c), "s", &o, &s);
}

static void op_open(struct crash *c)
{
        weft_signal_t *s;
        c->note->rc = weft_signal_open(arena_of(c), "s", &s);
}

static void op_close(struct crash *c)
{
        weft_signal_close(signal_of(c));
}

static void op_remove(struct crash *c)
{
        c->note->rc = weft_object_remove(arena_of(c), "s");
        weft_signal_close(signal_of(c));
}

static void op_set(struct crash *c)
{
        uint64_t version = 0;
        c->note->rc = weft_signal_set(signal_of(c), buffer, &version);
        c->note->value[VERSION] = version;
}

/* From the version that it saw, or one that there is not. */
static void compare_and_set(struct crash *c, uint64_t version)
{
        c->note->rc = weft_signal_compare_and_set(signal_of(c), buffer, &version);
        c->note->value[VERSION] = version;
}

static void op_compare_and_set(struct crash *c)
{
        compare_and_set(c, c->note->value[BEGAN]);
}

static void op_compare_and_fail(struct crash *c)
{
        compare_and_set(c, c->note->value[BEGAN] + 1000);
}

static void op_update(struct crash *c)
{
        uint64_t version = 0;
        c->note->rc = weft_signal_update(signal_of(c), add_one, c, &version);
        c->note->value[VERSION] = version;
}

static void op_get(struct crash *c)
{
        uint64_t version = 0;
        c->note->rc = weft_signal_get(signal_of(c), buffer, &version);
        c->note->value[RETURNED] = value_read(c, buffer);
        c->note->value[VERSION] = version;
}

static void op_wait_change(struct crash *c)
{
        uint64_t version = c->note->value[BEGAN];
        c->note->rc = weft_signal_wait_change(signal_of(c), buffer, &version,
                                              weft_after(2 * WEFT_MSEC));
        if (!c->note->rc)
                c->note->value[RETURNED] = value_read(c, buffer);
        c->note->value[VERSION] = version;
}

/* ---- the others -------------------------------------------------------------- */

static void survive(struct crash *c)
{
        struct weft_signal_info info;
        uint64_t version, seen = 1;
        (void)get(c, &version);
        WEFT_MUST(c, weft_signal_info(signal_of(c), &info));
        CRASH_MUST(c, CRASH_BROKEN, info.version >= version);
        for (int i = 0; i < 3; i++)
                change(c);
        (void)get(c, &version);
        CRASH_MUST(c, CRASH_LOST,
                   weft_signal_wait_change(signal_of(c), NULL, &seen, WEFT_NOW) == 0);
        CRASH_MUST(c, CRASH_LOST, seen >= version);
}

static void survive_made(struct crash *c)
{
        char value[LARGE];
        struct weft_signal_options o = { .bytes = bytes_of(c), .value = value };
        weft_signal_t *s;
        value_fill(c, value, 1);
        WEFT_MUST(c, weft_signal_create_or_open(arena_of(c), "s", &o, &s));
        c->handle = s;
        change(c);
        weft_signal_close(s);
        c->handle = NULL;
}

/* Blocks go round among all who set it; then nothing is left of it. */
static void verify_rest(struct crash *c)
{
        for (int i = 0; i < 3; i++)
                change(c);
        weft_kit_whole(c);
        WEFT_MUST(c, weft_object_remove(arena_of(c), "s"));
        weft_signal_close(signal_of(c));
        weft_kit_whole(c);
        weft_kit_nothing_left(c, 0);
}

/* What the victim made of it, and how often in all. */
static void verify_changed(struct crash *c)
{
        bool sets = c->self->victim == op_set;
        bool refused = c->note->done && c->note->rc == -EAGAIN;
        uint64_t version, number = get(c, &version);
        uint64_t made = version - c->note->value[BEGAN] - changes;
        CRASH_MUST(c, CRASH_DUPLICATED, made <= 1);
        if (c->note->done && !refused)
                CRASH_MUST(c, CRASH_LOST, c->note->rc == 0 && made == 1);
        if (refused)
                CRASH_MUST(c, CRASH_BROKEN, made == 0 && !sets);
        if (c->note->done)
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->value[VERSION] >= c->note->value[BEGAN] &&
                                   c->note->value[VERSION] <= version);
        if (!sets || !made)
                CRASH_MUST(c, CRASH_BROKEN, number == version);
        else
                CRASH_MUST(c, CRASH_LOST, number >= VICTIM && number - VICTIM <= changes);
        if (sets && made && c->note->done)
                CRASH_MUST(c, CRASH_BROKEN,
                           number - VICTIM == version - c->note->value[VERSION]);
        verify_rest(c);
}

static void verify_read(struct crash *c)
{
        uint64_t version;
        (void)get(c, &version);
        if (c->note->done) {
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc == 0 || c->note->rc == -ETIMEDOUT);
                CRASH_MUST(c, CRASH_BROKEN,
                           c->note->rc ||
                                   c->note->value[RETURNED] == c->note->value[VERSION]);
                CRASH_MUST(c, CRASH_BROKEN, c->note->value[VERSION] <= version);
        }
        verify_rest(c);
}

static void verify_made(struct crash *c)
{
        uint64_t version;
        if (!c->handle) {
                weft_signal_t *s;
                char value[LARGE];
                struct weft_signal_options o = { .bytes = bytes_of(c), .value = value };
                value_fill(c, value, 1);
                WEFT_MUST(c, weft_signal_create_or_open(arena_of(c), "s", &o, &s));
                c->handle = s;
        }
        CRASH_MUST(c, CRASH_BROKEN,
                   !c->note->done || c->note->rc == 0 || c->note->rc == -EEXIST);
        (void)get(c, &version);
        verify_rest(c);
}

/* The name is there, or it is not; whoever has it open goes on with it. */
static void verify_removed(struct crash *c)
{
        weft_signal_t *s;
        uint64_t version;
        (void)get(c, &version);
        change(c);
        int rc = weft_signal_open(arena_of(c), "s", &s);
        CRASH_MUST(c, CRASH_LOST, rc == -ENOENT || (rc == 0 && !c->note->done));
        if (!rc) {
                weft_signal_close(s);
                WEFT_MUST(c, weft_object_remove(arena_of(c), "s"));
        }
        weft_signal_close(signal_of(c));
        weft_kit_whole(c);
        weft_kit_nothing_left(c, 0);
}

/* Whoever comes too late to open it needs nothing of it. */
static void open_removed(struct crash *c)
{
        weft_signal_t *s = NULL;
        weft_kit_open(c);
        int rc = weft_signal_open(arena_of(c), "s", &s);
        CRASH_MUST(c, CRASH_BROKEN, rc == 0 || rc == -ENOENT);
        c->handle = s;
}

static void survive_removed(struct crash *c)
{
        if (signal_of(c))
                survive(c);
}

static void verify_removed_late(struct crash *c)
{
        if (signal_of(c)) {
                verify_removed(c);
                return;
        }
        weft_kit_whole(c);
        weft_kit_nothing_left(c, 0);
}

/* ---- one who really sleeps ------------------------------------------------------- */

static void sleep_and_tell(struct crash *c)
{
        char value[LARGE];
        uint64_t version = 1;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        c->note->value[SLEEPS] = 1;
        int rc = 0;
        while (!rc && version < 3) /* 2 is the victim's first: it is to have a spare */
                rc = weft_signal_wait_change(signal_of(c), value, &version,
                                             weft_after(60 * WEFT_SEC));
        bool good = !rc && value_read(c, value);
        c->note->value[WOKE_AT] = good ? weft_now() : 1;
        for (;;)
                pause();
}

static void until_it_sleeps(struct crash *c)
{
        struct weft_signal_info info;
        do {
                usleep(100);
                WEFT_MUST(c, weft_signal_info(signal_of(c), &info));
        } while (!c->note->value[SLEEPS] || !info.waiting);
        usleep(500); /* counted in, and now asleep */
}

static void setup_sleeper(struct crash *c)
{
        setup(c);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                sleep_and_tell(c);
        c->note->value[SLEEPER] = (uint64_t)pid;
        until_it_sleeps(c);
}

static void prepare_sleeper(struct crash *c)
{
        prepare_change(c);
        until_it_sleeps(c);
}

/* Once it is set the sleeper comes back, whoever died in it. */
static void survive_sleeper(struct crash *c)
{
        uint64_t version, latest = weft_after(PATIENCE_MS * WEFT_MSEC);
        if (get(c, &version) < VICTIM)
                change(c);
        while (!c->note->value[WOKE_AT] && weft_now() < latest)
                usleep(200);
        CRASH_MUST(c, CRASH_WEDGED, c->note->value[WOKE_AT] > 1);
}

static void verify_sleeper(struct crash *c)
{
        pid_t pid = (pid_t)c->note->value[SLEEPER];
        struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
                            .events = POLLIN };
        if (p.fd >= 0) {
                kill(pid, SIGKILL);
                (void)poll(&p, 1, -1);
                close(p.fd);
        }
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
        verify_changed(c);
}

#define CASE(name_, setup_, open_, prepare_, victim_, survive_, verify_, flags_, ...) \
        { \
                .name = "signal/" name_, .kit = &weft_kit, .setup = (setup_), \
                .open = (open_), .prepare = (prepare_), .victim = (victim_), \
                .survive = (survive_), .verify = (verify_), .flags = (flags_), \
                .arg = { __VA_ARGS__ } \
        }
#define CHANGE(name_, prepare_, victim_, flags_, ...) \
        CASE(name_, setup, open_signal, prepare_, victim_, survive, verify_changed, \
             flags_, __VA_ARGS__)
#define READ(name_, victim_, ...) \
        CASE(name_, setup, open_signal, prepare_join, victim_, survive, verify_read, 0, \
             __VA_ARGS__)

static const struct crash_case cases[] = {
        CASE("set/somebody sleeps", setup_sleeper, open_signal, prepare_sleeper, op_set,
             survive_sleeper, verify_sleeper, CRASH_KEEP_HOST | CRASH_REAL, MIDDLE),
        CHANGE("set/first", prepare_join, op_set, 0, MIDDLE),
        CHANGE("set/joining", prepare_leave, op_set, 0, MIDDLE),
        CHANGE("set/joining, a spare left", prepare_leave, op_set, 0, MIDDLE, USED),
        CHANGE("set/joining, a dead one's seat", prepare_leave, op_set, CRASH_KEEP_HOST,
               MIDDLE, ORPHAN),
        CHANGE("set/again", prepare_change, op_set, 0, SMALL, USED),
        CHANGE("set/again, 512 B", prepare_change, op_set, 0, MIDDLE, USED),
        CHANGE("set/again, 4096 B", prepare_change, op_set, 0, LARGE, USED),
        CHANGE("compare_and_set/same", prepare_change, op_compare_and_set, 0, SMALL,
               USED),
        CHANGE("compare_and_set/first", prepare_join, op_compare_and_set, 0, MIDDLE),
        CHANGE("compare_and_set/another", prepare_change, op_compare_and_fail, 0, SMALL,
               USED),
        CHANGE("update", prepare_change, op_update, 0, MIDDLE, USED),
        CHANGE("update/joining", prepare_leave, op_update, 0, SMALL, USED),
        READ("get", op_get, MIDDLE, USED),
        READ("get/4096 B", op_get, LARGE),
        READ("wait_change/until a deadline", op_wait_change, SMALL, USED),
        CASE("create/absent", setup_nothing, open_nothing, weft_kit_join, op_create,
             survive_made, verify_made, 0, MIDDLE),
        CASE("open/there", setup, weft_kit_open, NULL, op_open, survive_made, verify_made,
             0, SMALL, USED),
        CASE("close/with a spare", setup, open_signal, prepare_change, op_close, survive,
             verify_made, 0, SMALL),
        CASE("remove/the last", setup, open_removed, weft_kit_join, op_remove,
             survive_removed, verify_removed_late, 0, MIDDLE, USED),
};

int main(int argc, char **argv)
{
        return crash_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
