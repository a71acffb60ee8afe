/* weft/fd.h -- a file descriptor for poll(), epoll and event loops.
 *
 * The descriptor is an eventfd that becomes readable when an operation on an object may
 * have become possible. Read it (8 bytes) first, then do the operation with WEFT_NOW until
 * it says -EAGAIN, then poll again: the edge is told at least once, and the descriptor may
 * become readable again while the object is still ready.
 *
 * One helper thread in a process serves up to 126 of its descriptors, and another one the
 * next 126; there is none while there is no descriptor, and it sleeps. The thread is an
 * agent of its own, with a seat in each arena of which it watches an object.
 *
 * Progress  the descriptor follows the object within a wake-up, and within 50 ms even if
 *           the process that should have woken it died.
 * Crash     nothing is left.
 * Threads   any; several may close the same one, and one of them does.
 * fork      a child shares the descriptors but has no helper: weft_fd_close() them there
 *           and ask anew.
 * Errors    -EINVAL; -EPROTO the object does not know the operation, or it is
 *           WEFT_OP_NOTIFIED, which is the enrolled agent's alone; -EMFILE no descriptor
 *           or seat is left; -ENOMEM no memory or thread; -EROFS; -ENOENT
 */
#ifndef WEFT_FD_H
#define WEFT_FD_H

#include <weft/select.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A descriptor (close-on-exec, non-blocking) that tells when `op` on `object` may be
 * possible; `n` is what the operation's case has in `n` (after the first telling of
 * WEFT_OP_CHANGE: the version told). Close it with weft_fd_close(), and before the object's
 * handle. >= 0, or an error. */
WEFT_API WEFT_CHECK int weft_fd(void *object, enum weft_op op, uint64_t n);

/* Ends it. -EINVAL: none of weft_fd()'s. */
WEFT_API WEFT_CHECK int weft_fd_close(int fd);

#ifdef __cplusplus
}
#endif
#endif
