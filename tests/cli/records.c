/* tests/cli/records.c -- functions of bytes, for stages of `weft run`. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/function.h>

static int64_t upper(const void *in, size_t n, void *out, size_t room,
                     const void *argument)
{
        (void)argument;
        if (room < n)
                return -EOVERFLOW;
        for (size_t i = 0; i < n; i++)
                ((char *)out)[i] = (char)toupper(((const unsigned char *)in)[i]);
        return (int64_t)n;
}
WEFT_FUNCTION_CHUNK("upper", upper, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

static int64_t same(const void *in, size_t n, void *out, size_t room)
{
        if (room < n)
                return -EOVERFLOW;
        memcpy(out, in, n);
        return (int64_t)n;
}

static int64_t longer(const void *in, size_t n, void *out, size_t room,
                      const void *argument)
{
        (void)argument;
        return n > 4 ? same(in, n, out, room) : 0;
}
WEFT_FUNCTION_CHUNK("longer", longer, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

/* A blank becomes the end of a line. */
static int64_t split(const void *in, size_t n, void *out, size_t room,
                     const void *argument)
{
        int64_t rc = same(in, n, out, room);
        (void)argument;
        for (size_t i = 0; rc > 0 && i < n; i++)
                if (((char *)out)[i] == ' ')
                        ((char *)out)[i] = '\n';
        return rc;
}
WEFT_FUNCTION_CHUNK("split", split, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

/* A hundred thousand times the first byte. */
static int64_t grow(const void *in, size_t n, void *out, size_t room,
                    const void *argument)
{
        (void)argument;
        if (!n)
                return 0;
        if (room < 100000)
                return -EOVERFLOW;
        memset(out, *(const char *)in, 100000);
        return 100000;
}
WEFT_FUNCTION_CHUNK("grow", grow, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

/* Who makes the file RECORDS_DIE dies. */
static int64_t die(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        const char *path = getenv("RECORDS_DIE");
        (void)argument;
        if (path && open(path, O_CREAT | O_EXCL | O_WRONLY, 0600) >= 0)
                raise(SIGKILL);
        return same(in, n, out, room);
}
WEFT_FUNCTION_CHUNK("die", die, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)

static int64_t no(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        (void)in, (void)n, (void)out, (void)room, (void)argument;
        return -ERANGE;
}
WEFT_FUNCTION_CHUNK("no", no, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)
WEFT_FUNCTION_CHUNK("numbers", no, WEFT_TYPE(int, "int"), WEFT_TYPE(int, "int"))

static int item(const void *in, void *out, const void *argument)
{
        (void)argument;
        memcpy(out, in, 1);
        return 0;
}
WEFT_FUNCTION_ITEM("bytes", item, WEFT_TYPE_BYTES, WEFT_TYPE_BYTES)
