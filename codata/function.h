/* codata/function.h -- what the rest of the room asks of functions. */
#ifndef WEFT_CODATA_FUNCTION_H
#define WEFT_CODATA_FUNCTION_H

#include <weft/function.h>

/* Says what is wrong, for weft_function_detail(), and returns `rc`. */
int weft_function_wrong(int rc, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* As weft_function_find(), but loads no file: for names that came from others. */
WEFT_CHECK int weft_function_find_known(const char *name,
                                        const struct weft_function **function);

#endif
