/* tests/unit/functions/registered.c -- a file of functions that register themselves. */
#include <stdint.h>

#include <weft/function.h>

static int twice(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(int32_t *)out = *(const int32_t *)in * 2;
        return 0;
}
WEFT_FUNCTION_ITEM("twice", twice, WEFT_TYPE(int32_t, "int32"),
                   WEFT_TYPE(int32_t, "int32"))

/* Adds what the argument says. */
static int64_t add(const void *in, size_t n, void *out, size_t room, const void *argument)
{
        const int32_t *from = in, *more = argument;
        int32_t *to = out;
        if (room < n)
                return -75; /* EOVERFLOW */
        for (size_t i = 0; i < n; i++)
                to[i] = from[i] + *more;
        return (int64_t)n;
}
WEFT_FUNCTION_CHUNK("add", add, WEFT_TYPE(int32_t, "int32"), WEFT_TYPE(int32_t, "int32"))
