/* weft/agent.h -- the seats of an arena: who works in it, and who has died.
 *
 * An agent is one thread in one arena. A thread becomes one at its first operation
 * and gives its seat back when it ends; there is nothing to call. Its life is a
 * robust process-shared mutex that it holds: the kernel itself proves its death,
 * nothing is ever judged by pid or by time, and a stopped agent is not dead.
 *
 * Progress  lock-free.
 * Crash     the seat of the dead is settled and freed by whoever meets it next.
 * Threads   every call speaks for the calling thread.
 * exec      is the death of all agents of the process; but the kernel does not report it
 *           for a thread other than the main one that calls exec() itself (it changes
 *           its number first): such a thread calls weft_agent_leave() before.
 */
#ifndef WEFT_AGENT_H
#define WEFT_AGENT_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_AGENTS_MAX 1024 /* seats in an arena */

/* Takes this thread's seat now instead of at its first operation. 0 if it has one.
 * -EMFILE when all seats are taken by the living, -EROFS, -ENOMEM. -ENOTSUP in the child of a
 * bare clone(2) system call, which libc takes for its parent. fork() is fine, and where
 * there is one thread _Fork(). */
WEFT_API WEFT_CHECK int weft_agent_join(weft_arena_t *arena);

/* Gives this thread's seat back now instead of at the thread's end. Blocks that it
 * still owns are freed, elements that it still leases are redelivered. */
WEFT_API void weft_agent_leave(weft_arena_t *arena);

struct weft_agent_info {
        uint32_t seat;
        uint32_t generation; /* of the seat: which of its holders */
        uint32_t pid, tid;   /* as the agent saw them; for people, never for judging */
        uint32_t dead;       /* 1: proved dead, not settled yet */
        uint32_t reserved;
};

/* Calls `each` for every seat that is taken. A non-zero return of `each` ends it and
 * is returned. Works read-only. */
WEFT_API WEFT_CHECK int weft_agent_list(weft_arena_t *arena,
                                        int (*each)(const struct weft_agent_info *agent,
                                                    void *context),
                                        void *context);

#ifdef __cplusplus
}
#endif
#endif
