/* examples/functions/text.c -- functions for 'weft run', in a file of their own.
 *
 *   cc -shared -fPIC -o text.so text.c
 *   weft run 'files:book.txt | ./text.so:longer=9 x2 | ./text.so:upper | count | top=5'
 *
 * A stage calls its function for each item, which are bytes without an end. What comes out
 * is the item that goes on; nothing is none. The argument is what stands behind the '='.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/function.h>

static int64_t to_upper(const void *in, size_t n, void *out, size_t room,
                        const void *argument)
{
        const unsigned char *from = in;
        char *to = out;
        (void)argument;
        if (room < n)
                return -EOVERFLOW;
        for (size_t i = 0; i < n; i++)
                to[i] = (char)toupper(from[i]);
        return (int64_t)n;
}

/* Lets items pass that have at least so many bytes. */
static int64_t longer_than(const void *in, size_t n, void *out, size_t room,
                           const void *argument)
{
        if (!argument)
                return -EINVAL;
        if (n < strtoul(argument, NULL, 10))
                return 0;
        if (room < n)
                return -EOVERFLOW;
        memcpy(out, in, n);
        return (int64_t)n;
}

/* The item twice, as two items. */
static int64_t two_of(const void *in, size_t n, void *out, size_t room,
                      const void *argument)
{
        char *to = out;
        (void)argument;
        if (room < 2 * n + 2)
                return -EOVERFLOW;
        memcpy(to, in, n);
        to[n] = '\n';
        memcpy(to + n + 1, in, n);
        to[2 * n + 1] = '\n';
        return (int64_t)(2 * n + 2);
}

/* Exported under these names: a file of functions needs nothing of libweft but its header. */
#define BYTES \
        { \
                1, 1, 0 \
        }
#define EXPORT(name, fn) \
        WEFT_API const struct weft_function name = { #name, WEFT_FUNCTION_CHUNK, \
                                                     BYTES, BYTES, \
                                                     NULL,  fn }
EXPORT(upper, to_upper);
EXPORT(longer, longer_than);
EXPORT(twice, two_of);
