/* weft/error.h -- one meaning for each error code.
 *
 * Every weft call that can fail returns 0, or a count >= 0, or one of these,
 * negated. The C library's `errno` is left as it was.
 *
 *   -EAGAIN      full, empty, held or not there yet, and the deadline was WEFT_NOW
 *   -ETIMEDOUT   the same, until the deadline
 *   -ETIME       a stream's source was silent for too long (weft_stream_timeout)
 *   -EPIPE       shut down: no more pushes; for a pop: and drained
 *   -EOWNERDEAD  its owner died
 *   -ENOENT      no such name, or a ref whose block is gone
 *   -EEXIST      the name is taken
 *   -EPROTO      something else of that name: wrong kind, size or format version
 *   -EUCLEAN     the shared bytes are corrupt
 *   -EROFS       this handle is read-only
 *   -ENOSPC      the arena has reached its maximum, or the tmpfs is full
 *   -EMFILE      no seat is left (agents, subscribers), the directory is full (objects), or
 *                this process has no file descriptor left
 *   -ENFILE      the system has no open file left
 *   -EINVAL      an argument is out of its documented range
 *   -ENAMETOOLONG, -EILSEQ   a name too long, or not UTF-8 without controls
 *   -EPERM       not yours: another user's arena, another owner's block
 *   -EACCES      the file mode forbids it
 *   -ELOOP       the arena's name is a symbolic link; a chain of futures is too long
 *   -EBUSY       in use
 *   -ESTALE      it was resized: this handle knows it as it was before
 *   -EDEADLK     this thread holds it already: it would wait for itself
 *   -EOVERFLOW   more than the maximum
 *   -ENOTRECOVERABLE   its owner died, and the next one did not repair it
 *   -ECANCELED   the caller's own function said no; of a channel: cancelled
 *   -EALREADY    it has ended, one way or the other
 *   -ENOMEM      no process-local memory
 *   -ENOTSUP     this machine or kernel cannot
 *
 * What the system says of a file or a page (-EIO, -EISDIR, -EFAULT) goes through as it is.
 */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

#include <errno.h>
#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What `code` (0, positive, or a negated errno) means to weft, in a few words.
 * A constant string; never NULL. Safe from any thread and signal handler. */
WEFT_API const char *weft_strerror(int code);

/* The same with the name of what it happened to: "queue 'jobs': empty". Writes at
 * most `bytes` bytes, 0-terminated, into `buffer` and returns `buffer`. `what` may
 * be NULL. */
WEFT_API const char *weft_strerror_of(int code, const char *what, char *buffer,
                                      size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
