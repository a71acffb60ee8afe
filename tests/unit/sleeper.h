/* tests/unit/sleeper.h -- a process that sleeps on a wait word and looks at nothing by
 * itself: only a wake ends it. And a process without futex_waitv().
 */
#ifndef WEFT_TESTS_UNIT_SLEEPER_H
#define WEFT_TESTS_UNIT_SLEEPER_H

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>

#include "runtime/wait.h"
#include "tests/child.h"

/* In a child. 0: woken; 1: nobody woke it. */
static inline void sleeper(void *context)
{
        struct weft_wait_shared *wait = context;
        struct timespec t = { 10, 0 };
        uint64_t word = weft_wait_count_in(wait);
        long rc =
                syscall(SYS_futex, &wait->word, FUTEX_WAIT, (uint32_t)word, &t, NULL, 0);
        weft_wait_count_out(wait, word);
        _exit(rc == 0 || errno == EAGAIN ? 0 : 1);
}

/* Until `n` are counted there: they are asleep, or about to be. */
static inline void until_sleeping(const struct weft_wait_shared *wait, uint32_t n)
{
        for (int i = 0; i < 100000 && weft_wait_waiters(wait) != n; i++)
                usleep(100);
        CHECK(weft_wait_waiters(wait) == n);
        usleep(1000);
}

/* From now on futex_waitv() fails here as where it is not known (ENOSYS), or forbidden
 * (EPERM). False: this cannot be had here. */
static inline bool without_waitv(int as)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)as),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof code / sizeof *code, code };
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#endif
