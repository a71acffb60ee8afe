/* codata/function.c -- functions that travel: found, checked, called. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "codata/function_internal.h"

/* ---- what was wrong ------------------------------------------------------------ */

static _Thread_local char detail[600];

int weft_function_wrong(int rc, const char *format, ...)
{
        va_list list;
        va_start(list, format);
        (void)vsnprintf(detail, sizeof detail, format, list);
        va_end(list);
        return rc;
}

const char *weft_function_detail(void)
{
        return detail;
}

/* ---- finding ------------------------------------------------------------------- */

int weft_function_find_known(const char *name, const struct weft_function **function)
{
        if (!function)
                return weft_function_wrong(-EINVAL, "no function asked for");
        *function = NULL;
        if (!name)
                return weft_function_wrong(-EINVAL, "a function without a name");
        *function = weft_function_known(name);
        return *function ? 0 : weft_function_wrong(-ENOENT, "no function '%.300s'", name);
}

int weft_function_find(const char *name, const struct weft_function **function)
{
        int saved = errno;
        if (name && function && weft_function_file(name)) {
                *function = weft_function_known(name); /* by its full name, most likely */
                int rc = *function ? 0 : weft_function_load(name, function);
                if (rc)
                        *function = NULL;
                errno = saved;
                return rc;
        }
        return weft_function_find_known(name, function);
}

/* ---- types --------------------------------------------------------------------- */

static uint32_t align_of(const struct weft_type *type)
{
        return type->align ? type->align : 1;
}

/* What is given serves for what is wanted. */
static bool serves(const struct weft_type *given, const struct weft_type *wanted)
{
        return given->bytes == wanted->bytes && align_of(given) >= align_of(wanted) &&
               (given->tag == wanted->tag || !given->tag || !wanted->tag);
}

struct said {
        char text[160];
};

static struct said say(const struct weft_type *type)
{
        struct said said;
        const char *name = type->tag ? weft_type_name(type->tag) : NULL;
        char number[24] = "";
        if (!type->bytes)
                (void)snprintf(said.text, sizeof said.text, "nothing");
        else if (name)
                (void)snprintf(said.text, sizeof said.text,
                               "%.100s (%u B, aligned to %u)", name, type->bytes,
                               align_of(type));
        else {
                if (type->tag)
                        (void)snprintf(number, sizeof number, ", tag %llx",
                                       (unsigned long long)type->tag);
                (void)snprintf(said.text, sizeof said.text, "%u B aligned to %u%s",
                               type->bytes, align_of(type), number);
        }
        return said;
}

int weft_function_check(const struct weft_function *function, const struct weft_type *in,
                        const struct weft_type *out)
{
        if (!function || !function->name)
                return weft_function_wrong(-EINVAL, "no function");
        if (in && !serves(in, &function->in))
                return weft_function_wrong(-EPROTO, "function '%.200s' takes %s, not %s",
                                           function->name, say(&function->in).text,
                                           say(in).text);
        if (out && !serves(&function->out, out))
                return weft_function_wrong(-EPROTO, "function '%.200s' gives %s, not %s",
                                           function->name, say(&function->out).text,
                                           say(out).text);
        return 0;
}

/* ---- calling ------------------------------------------------------------------- */

/* A function of one item over a chunk. */
static int64_t call_items(const struct weft_function *f, const uint8_t *in, size_t n,
                          uint8_t *out, size_t room, const void *argument)
{
        size_t came = 0, take = f->in.bytes, give = f->out.bytes;
        weft_item_fn *item = f->item;
        if (room < n && give)
                return weft_function_wrong(
                        -EOVERFLOW, "function '%.200s': %zu items in, room for %zu",
                        f->name, n, room);
        for (size_t i = 0; i < n; i++) {
                int rc = item(in, out, argument);
                if (take) /* or there may be no place */
                        in += take;
                if (__builtin_expect(rc == 0, 1)) {
                        came++;
                        if (give)
                                out += give;
                } else if (rc != 1) {
                        return weft_function_wrong(rc < 0 ? rc : -EINVAL,
                                                   "function '%.200s' failed: %d",
                                                   f->name, rc);
                }
        }
        return (int64_t)came;
}

int64_t weft_function_call(const struct weft_function *function, const void *in, size_t n,
                           void *out, size_t room, const void *argument)
{
        if (!function ||
            !(function->kind == WEFT_FUNCTION_ITEM ? (void (*)(void))function->item
                                                   : (void (*)(void))function->chunk) ||
            (!in && n && function->in.bytes) || (!out && room && function->out.bytes))
                return weft_function_wrong(-EINVAL, "no function, or no place for items");
        if (function->kind == WEFT_FUNCTION_ITEM)
                return call_items(function, in, n, out, room, argument);
        int64_t came = function->chunk(in, n, out, room, argument);
        if (__builtin_expect(came < 0, 0) && came != -EOVERFLOW) /* asks for more room */
                return weft_function_wrong((int)came, "function '%.200s' failed: %d",
                                           function->name, (int)came);
        if (__builtin_expect(came > 0 && (uint64_t)came > room && function->out.bytes, 0))
                return weft_function_wrong(
                        -EPROTO, "function '%.200s' gave %lld items into room for %zu",
                        function->name, (long long)came, room);
        return came;
}
