/* structures/array_element.c -- reading and changing the elements of an array. */
#include <errno.h>
#include <string.h>

#include <weft/block.h>

#include "structures/array.h"
#include "structures/array_shared.h"

/* ---- who may touch the elements ------------------------------------------ */

/*
 * What changes elements enters: it needs the object pinned by this thread's agent, or the
 * block might be freed, and be somebody else's, under its hands.
 *
 * What reads them needs as much on a read-write handle, for all that it changes nothing:
 * the process's pins go with its last agent (a thread that ended, a parent that forked
 * this child and died), then the block may go, and its pages be punched. Entering costs a
 * nanosecond. A read-only handle cannot pin; there the file lock keeps the pages, and
 * the block's ref tells afterwards whether what was read was still the array.
 */
static int begin_change(weft_array_t *array)
{
        struct weft_agent *agent;
        return weft_handle_enter(&array->handle, &agent);
}

static int begin_read(weft_array_t *array)
{
        return array->handle.arena->readonly ? 0 : begin_change(array);
}

static int end_read(const weft_array_t *array)
{
        weft_arena_t *arena = array->handle.arena;
        if (arena->readonly && weft_at(arena, array->ref, array->bytes) != array->data)
                return -ENOENT;
        return 0;
}

static void *element_at(const weft_array_t *array, uint64_t i)
{
        return array->data + i * array->element_bytes;
}

static weft_a64_t *word64(const weft_array_t *array, uint64_t i)
{
        return element_at(array, i);
}

static weft_a32_t *word32(const weft_array_t *array, uint64_t i)
{
        return element_at(array, i);
}

static bool has(const weft_array_t *array, uint64_t from, uint64_t n)
{
        return from <= array->length && n <= array->length - from;
}

/* Is there an element i of `bytes` bytes? */
static int locate(const weft_array_t *array, uint64_t i, uint32_t bytes)
{
        if (!array)
                return -EINVAL;
        if (array->element_bytes != bytes)
                return -EPROTO;
        return i < array->length ? 0 : -EINVAL;
}

static int locate_for_change(weft_array_t *array, uint64_t i, uint32_t bytes)
{
        int rc = locate(array, i, bytes);
        return rc ? rc : begin_change(array);
}

static int locate_for_read(weft_array_t *array, uint64_t i, uint32_t bytes)
{
        int rc = locate(array, i, bytes);
        return rc ? rc : begin_read(array);
}

/* ---- 8-byte elements ----------------------------------------------------- */

int weft_array_load64(weft_array_t *array, uint64_t i, uint64_t *v)
{
        int rc = v ? locate_for_read(array, i, 8) : -EINVAL;
        if (rc)
                return rc;
        *v = weft_load_acq(word64(array, i)); /* [E] LP */
        return end_read(array);
}

int weft_array_store64(weft_array_t *array, uint64_t i, uint64_t v)
{
        int rc = locate_for_change(array, i, 8);
        if (!rc)
                weft_store_rel(word64(array, i), v); /* [E] LP */
        return rc;
}

int weft_array_add64(weft_array_t *array, uint64_t i, uint64_t delta, uint64_t *old)
{
        int rc = locate_for_change(array, i, 8);
        if (rc)
                return rc;
        uint64_t was = weft_add_acq_rel(word64(array, i), delta); /* [E] LP */
        if (old)
                *old = was;
        return 0;
}

int weft_array_cas64(weft_array_t *array, uint64_t i, uint64_t *expected,
                     uint64_t desired)
{
        int rc = expected ? locate_for_change(array, i, 8) : -EINVAL;
        if (rc)
                return rc;
        bool done = weft_cas_acq_rel(word64(array, i), expected, desired); /* [E] LP */
        return done ? 0 : -EAGAIN;
}

/* ---- 4-byte elements ----------------------------------------------------- */

int weft_array_load32(weft_array_t *array, uint64_t i, uint32_t *v)
{
        int rc = v ? locate_for_read(array, i, 4) : -EINVAL;
        if (rc)
                return rc;
        *v = weft_load_acq(word32(array, i)); /* [E] LP */
        return end_read(array);
}

int weft_array_store32(weft_array_t *array, uint64_t i, uint32_t v)
{
        int rc = locate_for_change(array, i, 4);
        if (!rc)
                weft_store_rel(word32(array, i), v); /* [E] LP */
        return rc;
}

int weft_array_add32(weft_array_t *array, uint64_t i, uint32_t delta, uint32_t *old)
{
        int rc = locate_for_change(array, i, 4);
        if (rc)
                return rc;
        uint32_t was = weft_add_acq_rel(word32(array, i), delta); /* [E] LP */
        if (old)
                *old = was;
        return 0;
}

int weft_array_cas32(weft_array_t *array, uint64_t i, uint32_t *expected,
                     uint32_t desired)
{
        int rc = expected ? locate_for_change(array, i, 4) : -EINVAL;
        if (rc)
                return rc;
        bool done = weft_cas_acq_rel(word32(array, i), expected, desired); /* [E] LP */
        return done ? 0 : -EAGAIN;
}

/* ---- elements of any size ------------------------------------------------ */

static void copy_out(const weft_array_t *array, uint64_t i, void *element)
{
        uint64_t v64;
        uint32_t v32;
        switch (array->element_bytes) {
        case 8:
                v64 = weft_load_acq(word64(array, i)); /* [E] LP of get */
                memcpy(element, &v64, sizeof v64);
                break;
        case 4:
                v32 = weft_load_acq(word32(array, i)); /* [E] LP of get */
                memcpy(element, &v32, sizeof v32);
                break;
        default:
                weft_copy_out(element, element_at(array, i), array->element_bytes);
        }
}

static void copy_in(const weft_array_t *array, uint64_t i, const void *element)
{
        uint64_t v64;
        uint32_t v32;
        switch (array->element_bytes) {
        case 8:
                memcpy(&v64, element, sizeof v64);
                weft_store_rel(word64(array, i), v64); /* [E] LP of set */
                break;
        case 4:
                memcpy(&v32, element, sizeof v32);
                weft_store_rel(word32(array, i), v32); /* [E] LP of set */
                break;
        default:
                weft_copy_in(element_at(array, i), element, array->element_bytes);
        }
}

int weft_array_get(weft_array_t *array, uint64_t i, void *element)
{
        int rc = array && element && i < array->length ? begin_read(array) : -EINVAL;
        if (rc)
                return rc;
        copy_out(array, i, element);
        return end_read(array);
}

int weft_array_set(weft_array_t *array, uint64_t i, const void *element)
{
        int rc = array && element && i < array->length ? begin_change(array) : -EINVAL;
        if (!rc)
                copy_in(array, i, element);
        return rc;
}

/* Crash in fill: some elements are set, in order from the first. */
int weft_array_fill(weft_array_t *array, uint64_t from, uint64_t n, const void *element)
{
        int rc = array && element && has(array, from, n) ? begin_change(array) : -EINVAL;
        for (uint64_t i = 0; !rc && i < n; i++)
                copy_in(array, from + i, element);
        return rc;
}

void *weft_array_span(weft_array_t *array, uint64_t from, uint64_t n)
{
        if (!array || !has(array, from, n) || begin_read(array) || end_read(array))
                return NULL;
        return element_at(array, from);
}
