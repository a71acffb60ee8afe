/* runtime/error.c -- error codes in words. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include <weft/error.h>

/* What the system says of codes that mean to weft what they mean to it, such as -EIO of a
 * file. Constant strings. */
static const char *of_the_system(int code)
{
        const char *words = NULL;
#ifdef __GLIBC__
        if (code < 0 && code > -4096)
                words = strerrordesc_np(-code);
#endif
        return words ? words : "unexpected system error";
}

const char *weft_strerror(int code)
{
        if (code >= 0)
                return "success";
        switch (code < -4095 ? 0 : -code) { /* the kernel's are not beyond */
        case EAGAIN:
                return "not now (full, empty or held)";
        case ETIMEDOUT:
                return "not until the deadline";
        case ETIME:
                return "silent for too long";
        case EPIPE:
                return "shut down";
        case EOWNERDEAD:
                return "its owner died";
        case ENOENT:
                return "not there";
        case EEXIST:
                return "already there";
        case EPROTO:
                return "of another kind or format";
        case EUCLEAN:
                return "corrupt";
        case EROFS:
                return "opened read-only";
        case ENOSPC:
                return "arena or shared memory full";
        case EMFILE:
                return "no seat, directory entry or descriptor left";
        case ENFILE:
                return "no open file left in the system";
        case EINVAL:
                return "invalid argument";
        case ENAMETOOLONG:
                return "name too long";
        case EILSEQ:
                return "name is not printable UTF-8";
        case EPERM:
                return "not yours";
        case EACCES:
                return "permission denied";
        case ELOOP:
                return "a symbolic link, or a chain too long";
        case EBUSY:
                return "in use";
        case EALREADY:
                return "ended already";
        case ESTALE:
                return "resized meanwhile";
        case EDEADLK:
                return "would wait for itself";
        case EOVERFLOW:
                return "more than the maximum";
        case ENOTRECOVERABLE:
                return "its owner died, and it was not repaired";
        case ECANCELED:
                return "cancelled";
        case ENOMEM:
                return "out of process memory";
        case ENOTSUP:
                return "not supported by this machine or kernel";
        default:
                return of_the_system(code);
        }
}

const char *weft_strerror_of(int code, const char *what, char *buffer, size_t bytes)
{
        if (!buffer || !bytes)
                return weft_strerror(code);
        if (what && *what)
                snprintf(buffer, bytes, "%s: %s", what, weft_strerror(code));
        else
                snprintf(buffer, bytes, "%s", weft_strerror(code));
        return buffer;
}
