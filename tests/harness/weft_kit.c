/* tests/harness/weft_kit.c -- see weft_kit.h. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/error.h>

#include "runtime/agent_shared.h"
#include "tests/check.h"
#include "tests/harness/weft_kit.h"

/* Bits of a robust futex: <linux/futex.h>. */
#define OWNER_DIED UINT32_C(0x40000000)
#define OWNER_BITS UINT32_C(0x3fffffff)

static uint32_t recover(struct crash *c)
{
        struct weft_recovery report = { 0 };
        if (!c->arena)
                return 0;
        int rc = weft_arena_recover(c->arena, &report);
        if (rc)
                crash_fail(c, CRASH_BROKEN, "recover: %s", weft_strerror(rc));
        if (report.failed)
                crash_fail(c, CRASH_BROKEN, "recover: %u agents failed", report.failed);
        return report.settled;
}

/* As the kernel's exit_robust_list() does; the seats are the first part of the file. */
static void bury(void *bytes, size_t n, uint32_t tid)
{
        char *at = bytes;
        for (size_t i = 0; i < WEFT_AGENTS_MAX;
             i++, at += sizeof(struct weft_seat_shared)) {
                uint32_t word;
                if ((i + 1) * sizeof(struct weft_seat_shared) > n)
                        return;
                memcpy(&word, at, sizeof word);
                if ((word & OWNER_BITS) != tid)
                        continue;
                word = (word & ~OWNER_BITS & ~OWNER_DIED) | OWNER_DIED;
                memcpy(at, &word, sizeof word);
        }
}

const struct crash_kit weft_kit = { .recover = recover, .bury = bury };

void weft_kit_must(struct crash *c, int rc, const char *call, const char *file, int line)
{
        if (rc < 0)
                crash_fail(c, CRASH_BROKEN, "%s:%d: %s: %s", file, line, call,
                           weft_strerror(rc));
}

/* ---- arenas -------------------------------------------------------------- */

void weft_kit_create(struct crash *c)
{
        struct weft_arena_options options = { .max_bytes = WEFT_ARENA_MIN,
                                              .max_objects = 16 };
        weft_arena_t *arena;
        bool named = c->self->flags & CRASH_DIR;
        WEFT_MUST(c, weft_arena_create(named ? "a" : NULL, &options, &arena));
        c->arena = arena;
        if (!named)
                c->fd = weft_arena_fd(arena);
}

void weft_kit_open(struct crash *c)
{
        weft_arena_t *arena;
        if (c->self->flags & CRASH_DIR)
                WEFT_MUST(c, weft_arena_open("a", WEFT_RDWR, &arena));
        else
                WEFT_MUST(c, weft_arena_open_fd(c->fd, WEFT_RDWR, &arena));
        c->arena = arena;
}

void weft_kit_join(struct crash *c)
{
        WEFT_MUST(c, weft_agent_join(c->arena));
}

void weft_kit_corpse(struct crash *c, void (*work)(struct crash *c))
{
        int status;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                weft_kit_join(c);
                if (work)
                        work(c);
                raise(SIGKILL);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        if (!WIFSIGNALED(status))
                crash_fail(c, CRASH_BROKEN, "the corpse failed");
}

/* ---- the census ---------------------------------------------------------- */

static void census(struct crash *c, struct weft_census *n)
{
        int rc = weft_arena_check(c->arena, n);
        if (rc == -EUCLEAN)
                crash_fail(
                        c, n->corrupt ? CRASH_BROKEN : CRASH_LEAKED,
                        "census: %u orphans of %llu bytes, %llu pages lost, %u corrupt",
                        n->orphans, (unsigned long long)n->orphan_bytes,
                        (unsigned long long)n->lost_pages, n->corrupt);
        WEFT_MUST(c, rc);
        uint64_t sum = n->free_bytes + n->agent_bytes + n->object_bytes + n->arena_bytes;
        if (sum != n->data_bytes)
                crash_fail(c, CRASH_LEAKED,
                           "census: %llu of %llu bytes are accounted for",
                           (unsigned long long)sum, (unsigned long long)n->data_bytes);
}

void weft_kit_whole(struct crash *c)
{
        struct weft_census n;
        struct weft_arena_info info;
        census(c, &n);
        WEFT_MUST(c, weft_arena_info(c->arena, &info));
        if (info.dead)
                crash_fail(c, CRASH_LEAKED, "%u seats of the dead are not free",
                           info.dead);
}

uint64_t weft_kit_object_bytes(struct crash *c)
{
        struct weft_census n;
        census(c, &n);
        return n.object_bytes;
}

static int seat_taken(const struct weft_agent_info *agent, void *context)
{
        crash_fail(context, CRASH_LEAKED, "seat %u is still taken", agent->seat);
}

void weft_kit_nothing_left(struct crash *c, uint64_t object_bytes)
{
        struct weft_census n;
        struct weft_arena_info info;
        weft_agent_leave(c->arena);
        weft_kit_whole(c);
        census(c, &n);
        if (n.agent_bytes || n.arena_bytes || n.object_bytes != object_bytes)
                crash_fail(
                        c, CRASH_LEAKED,
                        "left behind: %llu bytes of agents, %llu of the arena, %llu of "
                        "objects instead of %llu",
                        (unsigned long long)n.agent_bytes,
                        (unsigned long long)n.arena_bytes,
                        (unsigned long long)n.object_bytes,
                        (unsigned long long)object_bytes);
        WEFT_MUST(c, weft_arena_info(c->arena, &info));
        if (!object_bytes && info.objects)
                crash_fail(c, CRASH_LEAKED, "%u objects are still there", info.objects);
        weft_agent_leave(c->arena); /* the checks have made it an agent again */
        WEFT_MUST(c, weft_agent_list(c->arena, seat_taken, c));
}
