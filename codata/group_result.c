/* codata/group_result.c -- where tasks and futures meet. */
#include "codata/group_result.h"

int weft_result_make(struct weft_group *group, const struct weft_function *function,
                     weft_future_t **future, uint64_t *token)
{
        struct weft_future_options options = { .type = function->out };
        int rc = weft_future_create(group->handle.arena, NULL, &options, future);
        if (rc)
                return rc;
        *token = weft_future_token(*future);
        if (*token)
                return 0;
        weft_future_close(*future);
        *future = NULL;
        return -ENOENT;
}

int weft_result_open(struct weft_group *group, uint64_t token, weft_future_t **future)
{
        *future = NULL;
        int rc = token ? weft_future_open_token(group->handle.arena, token, future) : 0;
        return rc == -ENOMEM || rc == -EMFILE ? rc : 0;
}

bool weft_result_has_ended(weft_future_t *future, int *result)
{
        struct weft_future_info info;
        if (!future || weft_future_info(future, &info) || info.state < WEFT_FUTURE_SET)
                return false;
        *result = info.result;
        return true;
}

/* That somebody has set it before us, or canceled it, is no fault. */
int weft_result_tell(weft_future_t *future, int rc, const void *value, uint64_t bytes)
{
        if (!future)
                return rc;
        if (!rc) {
                int told = weft_future_set(future, value, bytes);
                if (told && told != -EALREADY && told != -ECANCELED)
                        rc = told; /* no memory for it, say: then it fails with that */
        }
        if (rc)
                (void)!weft_future_set_error(future, rc);
        return rc;
}

int weft_dependency_look(const struct weft_function *function, weft_future_t *future,
                         uint64_t *token)
{
        struct weft_future_info info;
        int rc = weft_future_info(future, &info);
        if (!rc && (info.type.bytes || info.type.tag))
                rc = weft_function_check(function, &info.type, NULL);
        if (rc)
                return rc;
        *token = weft_future_token(future);
        return *token ? 0 : -ENOENT;
}
