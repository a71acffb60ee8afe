/* runtime/wait_many.c -- asleep on several objects at once. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/wait.h"

/* Without futex_waitv() (before Linux 5.16) it looks this often. */
#define LOOK_NS (4 * WEFT_MSEC)

static struct timespec when(uint64_t ns)
{
        return (struct timespec){ (time_t)(ns / WEFT_SEC), (long)(ns % WEFT_SEC) };
}

static weft_a32_t no_waitv; /* this kernel has been found to lack it */

/* Sleeps until one of the words is not what it was, or somebody wakes, or until `until`. */
static void sleep_on_all(const struct weft_wait_one *ones, uint32_t n, uint64_t until)
{
        struct futex_waitv v[WEFT_WAIT_MANY] = { 0 };
        struct timespec t = when(until);

        for (uint32_t i = 0; i < n; i++)
                v[i] = (struct futex_waitv){
                        .val = (uint32_t)ones[i].word,
                        .uaddr = (uintptr_t)&ones[i].wait->word,
                        .flags = FUTEX_32,
                };
        if (!weft_load_rlx(&no_waitv)) {
                long rc = syscall(SYS_futex_waitv, v, n, 0, &t, CLOCK_MONOTONIC);
                if (rc >= 0 || errno != ENOSYS)
                        return;
                weft_store_rlx(&no_waitv, 1);
        }
        uint64_t soon = weft_after(LOOK_NS);
        t = when(soon < until ? soon : until);
        syscall(SYS_futex, &ones[0].wait->word, FUTEX_WAIT_BITSET, (uint32_t)ones[0].word,
                &t, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void sleep_a_while(const struct weft_wait_one *ones, uint32_t n, uint64_t deadline)
{
        uint64_t until = weft_after(WEFT_WAIT_RECHECK_NS);
        int saved = errno;
        if (deadline < until)
                until = deadline;
        if (n) {
                sleep_on_all(ones, n, until);
        } else {
                struct timespec t = when(until);
                (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        }
        errno = saved;
}

/* Crash between counting in and out: as in weft_wait_for(). */
int weft_wait_for_any(struct weft_wait_one *ones, uint32_t n, struct weft_spin *spin,
                      int (*attempt)(void *context), void *context, uint64_t deadline)
{
        int rc = attempt(context);
        if (rc != -EAGAIN || deadline == WEFT_NOW)
                return rc;
        if (n > WEFT_WAIT_MANY)
                return -EINVAL;
        if (n)
                rc = weft_wait_spin(ones[0].wait, spin, attempt, context);
        while (rc == -EAGAIN) {
                for (uint32_t i = 0; i < n; i++)
                        ones[i].word = weft_wait_count_in(ones[i].wait);
                rc = attempt(context);
                if (rc == -EAGAIN)
                        sleep_a_while(ones, n, deadline);
                for (uint32_t i = 0; i < n; i++)
                        weft_wait_count_out(ones[i].wait, ones[i].word);
                if (rc == -EAGAIN)
                        rc = attempt(context);
                if (rc != -EAGAIN)
                        break;
                uint64_t now = weft_now();
                if (now >= deadline)
                        return -ETIMEDOUT;
                for (uint32_t i = 0; i < n; i++)
                        weft_agents_settle_sometimes(ones[i].agent, now);
        }
        return rc;
}
