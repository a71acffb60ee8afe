/* runtime/wait.c -- spin a moment, then sleep on a shared futex. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/wait.h"

/* word = seq (32) | waiters (19) | called (1) | epoch (12), from the low end:
 * wait_shared.h */
#define ONE_WAITER (UINT64_C(1) << 32)
#define WAITERS_MASK (UINT64_C(0x7ffff) << 32)
#define CALLED (UINT64_C(1) << 51)
#define EPOCH_SHIFT 52

/* wait->cpu = cpu + 1 (20 low bits) | seat + 1 of who was there (12) */
#define MARK_CPU UINT32_C(0xfffff)
#define MARK_SEAT 20

enum { SPIN_LEAST = 32, SPIN_MOST = 4096, SPIN_EAGER = 256 };

uint64_t weft_now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * WEFT_SEC + (uint64_t)t.tv_nsec;
}

uint64_t weft_after(uint64_t ns)
{
        uint64_t now = weft_now();
        return ns > WEFT_NEVER - now ? WEFT_NEVER : now + ns;
}

static long futex(struct weft_wait_shared *wait, int op, uint32_t value,
                  const struct timespec *until, uint32_t bits)
{
        int saved = errno; /* errno is the caller's */
        long rc = syscall(SYS_futex, &wait->word, op, value, until, NULL, bits);
        errno = saved;
        return rc;
}

/* Whose mark is it? Who wakes others where he waits himself, as at a barrier, must not
 * take his own for the other side's. */
static uint32_t my_mark(void)
{
        return weft_me.agent ? (weft_me.agent->index + 1) << MARK_SEAT : 0;
}

static uint64_t bump(uint64_t word)
{
        return (word & ~UINT64_C(0xffffffff)) | (uint32_t)(word + 1);
}

/* Crash in wake: before the CAS, or between it and the system call, the sleepers do not
 * hear of it and look again by themselves within WEFT_WAIT_RECHECK_NS. */
static void wake(struct weft_wait_shared *wait, uint32_t n, uint32_t bits,
                 uint64_t called)
{
        uint64_t word = weft_load_acq(&wait->word); /* [W] */
        do {
                if (!(word & WAITERS_MASK) || word & called)
                        return;
        } while (!weft_cas_acq_rel(&wait->word, &word, /* [W] LP of wake */
                                   bump(word) | called));
        int cpu = sched_getcpu();
        uint32_t mark = ((uint32_t)(cpu + 1) & MARK_CPU) | my_mark();
        if (cpu >= 0 && weft_load_rlx(&wait->cpu) != mark)
                weft_store_rlx(&wait->cpu, mark);
        futex(wait, FUTEX_WAKE_BITSET, n > INT32_MAX ? INT32_MAX : n, NULL, bits);
}

void weft_wait_wake(struct weft_wait_shared *wait, uint32_t n)
{
        wake(wait, n, FUTEX_BITSET_MATCH_ANY, 0);
}

void weft_wait_call(struct weft_wait_shared *wait)
{
        wake(wait, 1, FUTEX_BITSET_MATCH_ANY, CALLED);
}

void weft_wait_wake_bits(struct weft_wait_shared *wait, uint32_t bits)
{
        wake(wait, INT32_MAX, bits, 0);
}

/* seq stays as it is: who looked since it moved needs no wake, who sleeps since before it
 * moved is in the kernel's line. So two who pass on what neither has a use for do not wake
 * each other for ever. */
void weft_wait_pass_on(struct weft_wait_shared *wait)
{
        if (weft_wait_waiters(wait))
                futex(wait, FUTEX_WAKE_BITSET, 1, NULL, FUTEX_BITSET_MATCH_ANY);
}

void weft_wait_reset(struct weft_wait_shared *wait)
{
        uint64_t word = weft_load_acq(&wait->word), fresh; /* [W] */
        do {
                uint64_t epoch = (word >> EPOCH_SHIFT) + 1;
                fresh = epoch << EPOCH_SHIFT | (uint32_t)(word + 1);
        } while (!weft_cas_acq_rel(&wait->word, &word, fresh)); /* [W] */
        futex(wait, FUTEX_WAKE, INT32_MAX, NULL, 0);
}

uint64_t weft_wait_count_in(struct weft_wait_shared *wait)
{
        uint64_t word = weft_load_acq(&wait->word);                      /* [W] */
        while (!weft_cas_acq_rel(&wait->word, &word, word + ONE_WAITER)) /* [W] */
                ;
        if (weft_load_rlx(&wait->plain))
                (void)weft_fence_everybody(); /* else he may sleep to the next re-check */
        return word + ONE_WAITER;
}

/* Crash between count_in and count_out: one too many is counted, until recovery resets. */
void weft_wait_count_out(struct weft_wait_shared *wait, uint64_t counted)
{
        uint64_t word = weft_load_acq(&wait->word),
                 epoch = counted >> EPOCH_SHIFT; /* [W] */
        while (word >> EPOCH_SHIFT == epoch && word & WAITERS_MASK)
                if (weft_cas_acq_rel(&wait->word, &word, /* [W] */
                                     (word - ONE_WAITER) & ~CALLED))
                        return;
}

static void sleep_while(struct weft_wait_shared *wait, uint32_t seq, uint32_t bits,
                        uint64_t deadline)
{
        uint64_t until = weft_after(WEFT_WAIT_RECHECK_NS);
        if (deadline < until)
                until = deadline;
        struct timespec t = { (time_t)(until / WEFT_SEC), (long)(until % WEFT_SEC) };
        futex(wait, FUTEX_WAIT_BITSET, seq, &t, bits);
}

/* Is spinning any use? Not where the other side needs this very cpu to make progress: where
 * it was when it last had to wake somebody here. */
static bool other_cpu(const struct weft_wait_shared *wait, int cpu)
{
        uint32_t mark = weft_load_rlx(&wait->cpu);
        return cpu < 0 || (mark & MARK_CPU) != ((uint32_t)(cpu + 1) & MARK_CPU) ||
               (mark & ~MARK_CPU) == my_mark();
}

static uint32_t cpus(void)
{
        static weft_a32_t n;
        uint32_t have = weft_load_rlx(&n);
        if (!have) {
                long online = sysconf(_SC_NPROCESSORS_ONLN);
                have = online < 1 ? 1 : (uint32_t)online;
                weft_store_rlx(&n, have);
        }
        return have;
}

/* Pauses for as long as the last time, and that again; how many rounds it has taken. */
static uint32_t keep_calm(uint32_t *pauses, uint32_t calm)
{
        uint32_t now = *pauses;
        for (uint32_t i = 0; i < now; i++)
                weft_pause();
        if (now < calm)
                *pauses = now * 2;
        return now;
}

/* The budget is counted in attempts on one thing: an attempt on `n` things costs n. */
static int spin_for(struct weft_spin *spin, uint32_t n, int (*attempt)(void *),
                    void *context)
{
        uint32_t pauses = 1;
        uint32_t budget = weft_load_rlx(&spin->budget);
        if (!budget)
                budget = SPIN_MOST / 4;
        for (uint32_t i = 0; i < budget; i += n) {
                int rc = attempt(context);
                if (rc != -EAGAIN) {
                        if (budget < SPIN_MOST)
                                weft_store_rlx(&spin->budget, budget * 2);
                        return rc;
                }
                if (spin->calm)
                        i += keep_calm(&pauses, spin->calm);
                else if (i >= SPIN_EAGER)
                        weft_pause();
        }
        if (budget > SPIN_LEAST)
                weft_store_rlx(&spin->budget, budget / 2);
        return -EAGAIN;
}

int weft_wait_spin(const struct weft_wait_one *ones, uint32_t n, struct weft_spin *spin,
                   int (*attempt)(void *context), void *context)
{
        if (cpus() < 2)
                return -EAGAIN;
        int cpu = sched_getcpu();
        for (uint32_t i = 0; i < n; i++)
                if (!other_cpu(ones[i].wait, cpu))
                        return -EAGAIN;
        return spin_for(spin, n, attempt, context);
}

int weft_wait_for_bits(struct weft_agent *agent, struct weft_wait_shared *wait,
                       uint32_t bits, struct weft_spin *spin,
                       int (*attempt)(void *context), void *context, uint64_t deadline)
{
        int rc = attempt(context);
        if (rc == -EAGAIN && deadline == WEFT_NOW)
                weft_agent_polled(agent);
        if (rc != -EAGAIN || deadline == WEFT_NOW)
                return rc;
        if (cpus() > 1 && other_cpu(wait, sched_getcpu()))
                rc = spin_for(spin, 1, attempt, context);
        while (rc == -EAGAIN) {
                uint64_t word = weft_wait_count_in(wait);
                rc = attempt(context);
                if (rc == -EAGAIN)
                        sleep_while(wait, (uint32_t)word, bits, deadline);
                weft_wait_count_out(wait, word);
                if (rc == -EAGAIN) {
                        rc = attempt(context);
                        if (rc < 0 && rc != -EAGAIN) /* a wake that was of no use here */
                                weft_wait_pass_on(wait);
                }
                if (rc != -EAGAIN)
                        break;
                uint64_t now = weft_now();
                weft_agents_settle_sometimes(agent, now); /* also who never waits long */
                if (now >= deadline) {
                        rc = attempt(context);
                        return rc == -EAGAIN ? -ETIMEDOUT : rc;
                }
        }
        return rc;
}

int weft_wait_for(struct weft_agent *agent, struct weft_wait_shared *wait,
                  struct weft_spin *spin, int (*attempt)(void *context), void *context,
                  uint64_t deadline)
{
        return weft_wait_for_bits(agent, wait, FUTEX_BITSET_MATCH_ANY, spin, attempt,
                                  context, deadline);
}
