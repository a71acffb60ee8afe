/* codata/function_internal.h -- the table of this process's functions, and loaded files. */
#ifndef WEFT_CODATA_FUNCTION_INTERNAL_H
#define WEFT_CODATA_FUNCTION_INTERNAL_H

#include "codata/function.h"

/* What is known under this very name, or NULL. Wait-free. */
const struct weft_function *weft_function_known(const char *name);

/* As weft_function_register(), under the name `as`; `found`, if asked for, is what is known
 * then, a new one or the same. */
WEFT_CHECK int weft_function_enter(const struct weft_function *function, const char *as,
                                   const struct weft_function **found);

/* The name of the type with this tag, or NULL. */
const char *weft_type_name(uint64_t tag);

/* The file that this thread is loading, or NULL: what it registers is known by it. */
const char *weft_function_loading(void);

/* Is it a name with a file before its last ':'? Then how long that is. */
size_t weft_function_file(const char *name);

/* Loads the file if that has not been done, and finds the function in it. */
WEFT_CHECK int weft_function_load(const char *name, const struct weft_function **found);

#endif
