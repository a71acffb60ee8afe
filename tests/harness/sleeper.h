/* tests/harness/sleeper.h -- one who sleeps on what the victim changes, for CRASH_REAL.
 *
 * He is a child of the host (CRASH_KEEP_HOST), and notes what he was told when he woke.
 * Whatever becomes of the victim he must wake once there is reason to. */
#ifndef WEFT_TESTS_HARNESS_SLEEPER_H
#define WEFT_TESTS_HARNESS_SLEEPER_H

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/wait.h>

#include "tests/check.h"
#include "tests/harness/weft_kit.h"

enum { SLEEPER_PID = 11, SLEEPER_WOKE, SLEEPER_TOLD }; /* places in the note's values */
enum {
        SLEEPER_PATIENCE_MS = 2500, /* 60 by the promise; others use the machine, too */
        SLEEPER_SECONDS = 15,       /* one who outlives the host waits so long */
};

/* In setup. `wait` is to sleep until there is reason not to. */
static inline void sleeper_start(struct crash *c, int (*wait)(struct crash *c))
{
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid) {
                c->note->value[SLEEPER_PID] = (uint64_t)pid;
                return;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        c->note->value[SLEEPER_TOLD] = (uint64_t)(int64_t)wait(c);
        c->note->value[SLEEPER_WOKE] = 1;
        sleep(SLEEPER_SECONDS);
        _exit(0);
}

/* First of all in `wait`, where what becomes of him is looked at in verify, after the host's
 * death. Nobody may be left then to end him: he is to wait for SLEEPER_SECONDS at most. */
static inline void sleeper_outlives_host(void)
{
        prctl(PR_SET_PDEATHSIG, 0);
}

/* Once `asleep` says that there is somebody. */
static inline void sleeper_sleeps(struct crash *c, uint32_t (*asleep)(struct crash *c))
{
        while (!asleep(c))
                usleep(100);
        usleep(500); /* counted in, and now asleep */
}

/* There has been reason to: what he was told. In survive: he dies with the host. */
static inline int sleeper_must_wake(struct crash *c)
{
        uint64_t latest = weft_after(SLEEPER_PATIENCE_MS * WEFT_MSEC);
        while (!c->note->value[SLEEPER_WOKE] && weft_now() < latest)
                usleep(200);
        CRASH_MUST(c, CRASH_WEDGED, c->note->value[SLEEPER_WOKE]);
        return (int)(int64_t)c->note->value[SLEEPER_TOLD];
}

/* In verify: his death is complete, and he is settled. */
static inline void sleeper_end(struct crash *c)
{
        pid_t pid = (pid_t)c->note->value[SLEEPER_PID];
        struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
                            .events = POLLIN };
        if (p.fd >= 0) {
                kill(pid, SIGKILL);
                (void)poll(&p, 1, -1);
                close(p.fd);
        }
        WEFT_MUST(c, weft_arena_recover(arena_of(c), NULL));
}

#endif
