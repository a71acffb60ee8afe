/* runtime/wait.h -- the one way to wait. */
#ifndef WEFT_RUNTIME_WAIT_H
#define WEFT_RUNTIME_WAIT_H

#include <weft/wait.h>

#include "runtime/agent.h"
#include "runtime/wait_shared.h"

#define WEFT_WAIT_RECHECK_NS \
        (50 * WEFT_MSEC) /* a sleeper looks for the dead this often */

/* How long it has paid to spin: process-local, one for each thing waited for in a handle.
 * Shared by threads without harm: it is only a guess. Whoever looks at a lock takes the
 * line away from its holder: there, spinners pause twice as long from look to look, up to
 * `calm` rounds. */
struct weft_spin {
        weft_a32_t budget; /* rounds; 0 is to be initialised */
        uint32_t calm;     /* constant: see below; 0: looks again at once */
};

/*
 * Calls `attempt` until it returns anything but -EAGAIN, and returns that; or -EAGAIN at
 * once if the deadline is WEFT_NOW, or -ETIMEDOUT when it has passed. In between it
 * spins while that has paid lately and the other side is on another cpu, then sleeps on
 * `wait`. The caller's own change of state is not signalled here.
 */
WEFT_CHECK int weft_wait_for(struct weft_agent *agent, struct weft_wait_shared *wait,
                             struct weft_spin *spin, int (*attempt)(void *context),
                             void *context, uint64_t deadline);

/* The same for a waiter that weft_wait_wake_bits() can single out: by any of `bits`. */
WEFT_CHECK int weft_wait_for_bits(struct weft_agent *agent, struct weft_wait_shared *wait,
                                  uint32_t bits, struct weft_spin *spin,
                                  int (*attempt)(void *context), void *context,
                                  uint64_t deadline);

/* One of several objects that are waited for together; wait_many.c. */
struct weft_wait_one {
        struct weft_wait_shared *wait;
        struct weft_agent *agent; /* this thread's, in the arena of `wait`; or NULL */
        uint64_t word;            /* private */
};

/*
 * As weft_wait_for(), asleep on all of them: at most WEFT_WAIT_MANY. None: just time. What
 * `attempt` returns, if not negative, is which of `ones` it was done with (from n on: with
 * none), and is returned. When it says -EAGAIN it has looked at all. A wake that this
 * waiter got from the others, and has no use for, is passed on.
 */
#define WEFT_WAIT_MANY 127
WEFT_CHECK int weft_wait_for_any(struct weft_wait_one *ones, uint32_t n,
                                 struct weft_spin *spin, int (*attempt)(void *context),
                                 void *context, uint64_t deadline);

/* Its steps, for who waits in another way: counted in, he looks; then sleeps, not longer
 * than WEFT_WAIT_RECHECK_NS, while none has moved; counted out, he looks again. */
void weft_wait_any_in(struct weft_wait_one *ones, uint32_t n);
void weft_wait_any_sleep(const struct weft_wait_one *ones, uint32_t n, uint64_t deadline);
void weft_wait_any_out(struct weft_wait_one *ones, uint32_t n);
void weft_wait_any_settle(const struct weft_wait_one *ones, uint32_t n, uint64_t now);

/* 0 if this thread is not counted in, else the number of that: of all in this process they
 * are in the order in which they were done. */
uint64_t weft_wait_any_counted(void);

/* Has somebody been woken there since he was counted in? It may have been he. */
static inline bool weft_wait_any_moved(const struct weft_wait_one *one)
{
        return (uint32_t)weft_load_rlx(&one->wait->word) != (uint32_t)one->word;
}

/* Gives a wake that the caller got to another who slept then: the caller does not take
 * what it was for. */
void weft_wait_pass_on(struct weft_wait_shared *wait);

/* For wait_many.c: who sleeps is counted; what the word was made is what to sleep on. */
uint64_t weft_wait_count_in(struct weft_wait_shared *wait);
void weft_wait_count_out(struct weft_wait_shared *wait, uint64_t word);
WEFT_CHECK int weft_wait_spin(const struct weft_wait_one *ones, uint32_t n,
                              struct weft_spin *spin, int (*attempt)(void *context),
                              void *context);

void weft_wait_wake(struct weft_wait_shared *wait, uint32_t n);

/* Wakes all who sleep with one of `bits`; those without bits always. */
void weft_wait_wake_bits(struct weft_wait_shared *wait, uint32_t bits);

static inline uint32_t weft_wait_waiters(const struct weft_wait_shared *wait)
{
        return (uint32_t)(weft_load_rlx(&wait->word) >> 32) & 0x7ffff;
}

static inline bool weft_wait_has_waiters(const struct weft_wait_shared *wait)
{
        return weft_has_high_rlx(&wait->word, 0x7ffff);
}

/* To be called after a locked operation that changed the state: wakes up to `n` who
 * sleep. Without sleepers it is one load. */
static inline void weft_wait_signal(struct weft_wait_shared *wait, uint32_t n)
{
        if (__builtin_expect(weft_wait_waiters(wait) != 0, 0))
                weft_wait_wake(wait, n);
}

/* The same for what only one can have, and who gets it gives it back with this call: wakes
 * one, unless one has been called already who is yet to look. */
void weft_wait_call(struct weft_wait_shared *wait);

static inline void weft_wait_pass(struct weft_wait_shared *wait)
{
        if (__builtin_expect(weft_wait_waiters(wait) != 0, 0))
                weft_wait_call(wait);
}

/* Recovery: forgets who was counted and wakes everybody. */
void weft_wait_reset(struct weft_wait_shared *wait);

#endif
