/* runtime/wait_many.c -- asleep on several objects at once.
 *
 * Who has something for one wakes one. So a wake is a duty: who gets it takes what it was
 * for, or finds it gone, or passes the wake on. A sleeper on many things may get wakes from
 * several of them, but is done with one: the wakes that came from the others since he was
 * counted in, he passes on. One who gives up at his deadline has looked at all of them
 * after he slept and found nothing: he keeps nothing from anybody.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/wait.h"

/* Without futex_waitv() (before Linux 5.16, or where a sandbox forbids it) it looks this
 * often. */
#define LOOK_NS (4 * WEFT_MSEC)

static struct timespec when(uint64_t ns)
{
        return (struct timespec){ (time_t)(ns / WEFT_SEC), (long)(ns % WEFT_SEC) };
}

static weft_a32_t
        no_waitv; /* this kernel has been found to lack it, or a filter forbids */

static void sleep_on_first(const struct weft_wait_one *ones, uint64_t until)
{
        struct timespec t = when(until);
        syscall(SYS_futex, &ones->wait->word, FUTEX_WAIT_BITSET, (uint32_t)ones->word, &t,
                NULL, FUTEX_BITSET_MATCH_ANY);
}

/* False: this cannot be done here. */
static bool sleep_on_all(const struct weft_wait_one *ones, uint32_t n, uint64_t until)
{
        struct futex_waitv v[WEFT_WAIT_MANY];
        struct timespec t = when(until);

        if (weft_load_rlx(&no_waitv))
                return false;
        for (uint32_t i = 0; i < n; i++)
                v[i] = (struct futex_waitv){
                        .val = (uint32_t)ones[i].word,
                        .uaddr = (uintptr_t)&ones[i].wait->word,
                        .flags = FUTEX_32,
                };
        if (syscall(SYS_futex_waitv, v, n, 0, &t, CLOCK_MONOTONIC) >= 0 ||
            errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT)
                return true;
        if (errno != ENOMEM)
                weft_store_rlx(&no_waitv, 1);
        return false;
}

static weft_a64_t counted_last; /* in this process; a child of a fork counts on */
static _Thread_local uint64_t counted __attribute__((tls_model("initial-exec")));

void weft_wait_any_in(struct weft_wait_one *ones, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                ones[i].word = weft_wait_count_in(ones[i].wait);
        counted = weft_add_acq_rel(&counted_last, 1) + 1; /* [W] */
}

uint64_t weft_wait_any_counted(void)
{
        return counted;
}

void weft_wait_any_out(struct weft_wait_one *ones, uint32_t n)
{
        counted = 0;
        for (uint32_t i = 0; i < n; i++)
                weft_wait_count_out(ones[i].wait, ones[i].word);
}

void weft_wait_any_sleep(const struct weft_wait_one *ones, uint32_t n, uint64_t deadline)
{
        uint64_t until = weft_after(WEFT_WAIT_RECHECK_NS);
        int saved = errno;
        if (deadline < until)
                until = deadline;
        if (n == 1) {
                sleep_on_first(ones, until);
        } else if (!n) {
                struct timespec t = when(until);
                (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        } else if (!sleep_on_all(ones, n, until)) {
                uint64_t soon = weft_after(LOOK_NS);
                sleep_on_first(ones, soon < until ? soon : until);
        }
        errno = saved;
}

void weft_wait_any_settle(const struct weft_wait_one *ones, uint32_t n, uint64_t now)
{
        for (uint32_t i = 0; i < n; i++)
                if (ones[i].agent)
                        weft_agents_settle_sometimes(ones[i].agent, now);
}

static void pass_on(const struct weft_wait_one *ones, uint32_t n, int done)
{
        for (uint32_t i = 0; i < n; i++)
                if ((int)i != done && weft_wait_any_moved(&ones[i]))
                        weft_wait_pass_on(ones[i].wait);
}

/* Crash between counting in and out: as in weft_wait_for(). With a wake in hand: who it
 * was for looks by himself. */
int weft_wait_for_any(struct weft_wait_one *ones, uint32_t n, struct weft_spin *spin,
                      int (*attempt)(void *context), void *context, uint64_t deadline)
{
        int rc = attempt(context);
        if (rc != -EAGAIN || deadline == WEFT_NOW) {
                for (uint32_t i = 0; rc == -EAGAIN && i < n && i < WEFT_WAIT_MANY; i++)
                        weft_agent_polled(ones[i].agent);
                return rc;
        }
        if (n > WEFT_WAIT_MANY)
                return -EINVAL;
        if (n)
                rc = weft_wait_spin(ones, n, spin, attempt, context);
        while (rc == -EAGAIN) {
                weft_wait_any_in(ones, n);
                rc = attempt(context);
                bool sleeps = rc == -EAGAIN;
                if (sleeps)
                        weft_wait_any_sleep(ones, n, deadline);
                weft_wait_any_out(ones, n);
                if (!sleeps)
                        break;
                rc = attempt(context);
                if (rc != -EAGAIN) {
                        pass_on(ones, n, rc);
                        break;
                }
                uint64_t now = weft_now();
                weft_wait_any_settle(ones, n, now); /* also who never waits long */
                if (now >= deadline) {
                        rc = attempt(context);
                        return rc == -EAGAIN ? -ETIMEDOUT : rc;
                }
        }
        return rc;
}
