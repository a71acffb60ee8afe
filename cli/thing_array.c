/* Arrays, for weft cat, get and put. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/stat.h"
#include "cli/thing.h"

static int open_array(weft_arena_t *arena, const char *name, void **handle)
{
        weft_array_t *array = NULL;
        int rc = weft_array_open(arena, name, &array);
        *handle = array;
        return rc;
}

static void close_array(void *handle)
{
        weft_array_close(handle);
}

static int create(struct thing_call *c, void **handle)
{
        const struct weft_array_options options = {
                .length = c->make.length ? c->make.length : 1,
                .element_bytes =
                        (uint32_t)(c->make.element_bytes ? c->make.element_bytes : 8),
        };
        weft_array_t *array = NULL;
        if (c->make.element_bytes > UINT32_MAX)
                return -EINVAL;
        int rc = weft_array_create_or_open(c->arena, c->name, &options, &array);
        *handle = array;
        return rc;
}

/* When it has been resized meanwhile, the element is looked for in what it is now. */
static int get_element(weft_array_t *array, uint64_t i, void *element)
{
        int rc = weft_array_get(array, i, element);
        while (rc == -ESTALE) {
                rc = weft_array_refresh(array);
                if (rc >= 0)
                        rc = weft_array_get(array, i, element);
        }
        return rc == -EINVAL ? -ENOENT : rc;
}

static int set_element(weft_array_t *array, uint64_t i, const void *element)
{
        int rc = weft_array_set(array, i, element);
        while (rc == -ESTALE) {
                rc = weft_array_refresh(array);
                if (rc >= 0)
                        rc = weft_array_set(array, i, element);
        }
        return rc == -EINVAL ? -ENOENT : rc;
}

static int stat(weft_arena_t *arena, const char *name, json_t *into)
{
        weft_array_t *array;
        int rc = weft_array_open(arena, name, &array);
        if (rc)
                return rc;
        stat_number(into, "element_bytes", weft_array_element_bytes(array), false);
        stat_number(into, "length", weft_array_length(array), false);
        stat_number(into, "generation", weft_array_generation(array), false);
        weft_array_close(array);
        return 0;
}

static int cat(struct thing_call *c)
{
        weft_array_t *array = c->handle;
        size_t bytes = weft_array_element_bytes(array);
        void *element = malloc(bytes);
        int rc = element ? 0 : -ENOMEM;
        for (uint64_t i = c->from; !rc; i++) {
                rc = get_element(array, i, element);
                if (!rc && thing_row_at(c, i, element, bytes, bytes))
                        break;
        }
        free(element);
        if (rc && (rc != -ENOENT || weft_array_refresh(array) < 0)) /* behind the end */
                return thing_result(c, rc, NULL);
        return thing_listed(c, "elements");
}

static int which(struct thing_call *c, uint64_t *i)
{
        if (!c->argc || cli_parse_number(c->argv[0], 0, UINT64_MAX, i))
                return c->argc ? cli_usage("'%s' is no index", c->argv[0])
                               : cli_usage("which element?");
        return CLI_OK;
}

static int get(struct thing_call *c)
{
        size_t bytes = weft_array_element_bytes(c->handle);
        uint64_t i;
        int code = which(c, &i);
        if (code)
                return code;
        void *element = malloc(bytes);
        int rc = element ? get_element(c->handle, i, element) : -ENOMEM;
        code = rc ? thing_result(c, rc, c->argv[0])
                  : thing_value(c, element, bytes, bytes);
        free(element);
        return code;
}

static int put(struct thing_call *c)
{
        struct value value;
        uint64_t i;
        int code = which(c, &i);
        if (!code && c->argc != 2)
                code = cli_usage("which value?");
        if (!code)
                code = value_read(c->format, weft_array_element_bytes(c->handle),
                                  c->argv[1], &value);
        if (code)
                return code;
        int rc = set_element(c->handle, i, value.bytes);
        free(value.bytes);
        return thing_result(c, rc, c->argv[0]);
}

const struct thing_kind thing_array = {
        .name = "array",
        .open = open_array,
        .close = close_array,
        .create = create,
        .makes = MAKE_LENGTH | MAKE_ELEMENT_BYTES,
        .stat = stat,
        .cat = cat,
        .get = get,
        .put = put,
};
