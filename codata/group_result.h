/* codata/group_result.h -- where tasks and futures meet. */
#ifndef WEFT_CODATA_GROUP_RESULT_H
#define WEFT_CODATA_GROUP_RESULT_H

#include <weft/future.h>

#include "codata/group_internal.h"

/* An anonymous future for what the function gives, and its token. */
WEFT_CHECK int weft_result_make(struct weft_group *group,
                                const struct weft_function *function,
                                weft_future_t **future, uint64_t *token);

/* Opens it: NULL if nobody wants to know, any more. -ENOMEM, -EMFILE: it may well be there. */
WEFT_CHECK int weft_result_open(struct weft_group *group, uint64_t token,
                                weft_future_t **future);

/* Has it ended? Then `result` is what with: there is nothing to be done. */
bool weft_result_has_ended(weft_future_t *future, int *result);

/* Sets it to `bytes` bytes, or if `rc` is negative to that error: to what then. */
int weft_result_tell(weft_future_t *future, int rc, const void *value, uint64_t bytes);

/* May its value be the function's input? Then its token. */
WEFT_CHECK int weft_dependency_look(const struct weft_function *function,
                                    weft_future_t *future, uint64_t *token);

#endif
