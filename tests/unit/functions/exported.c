/* tests/unit/functions/exported.c -- a file that needs nothing of weft but its headers. */
#include <stdint.h>
#include <stdlib.h>

#include <weft/function.h>

static int thrice(const void *in, void *out, const void *argument)
{
        (void)argument;
        *(int32_t *)out = *(const int32_t *)in * 3;
        return 0;
}

/* The name of another file's function, for another one. */
WEFT_API const struct weft_function twice = { "called as its symbol is",
                                              WEFT_FUNCTION_ITEM,
                                              { 4, 4, 0 },
                                              { 4, 4, 0 },
                                              thrice,
                                              NULL };

WEFT_API int no_function(void);
int no_function(void)
{
        return getenv("no such variable") != NULL; /* something of the C library's */
}

/* As large as one, and none. */
WEFT_API const char nonsense[sizeof(struct weft_function)] = "nonsense";
