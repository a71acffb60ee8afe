/* weft/array.h -- a fixed number of elements of one size, shared by all.
 *
 * Progress  wait-free.
 * Order     4- and 8-byte elements: every load acquires, every store releases, and the
 *           read-modify-writes do both; linearizable each by itself. Other sizes and
 *           spans are plain memory: bring your own order.
 * Crash     an atomic operation has happened or it has not. A copy of another size that
 *           is cut short leaves any part of the element written.
 * Threads   any.
 * Errors    -EINVAL index or size out of range; -EPROTO the element size does not fit
 *           the call; -EROFS; and those of <weft/object.h>.
 */
#ifndef WEFT_ARRAY_H
#define WEFT_ARRAY_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_array weft_array_t; /* process-local handle */

struct weft_array_options {
        uint64_t length;        /* elements, 1 up */
        uint32_t element_bytes; /* 1 B to 1 MiB */
        uint32_t flags;         /* 0 */
};

/* Makes an array of zeroes under `name`; opens one; does either (an existing one must
 * have the same element size, else -EPROTO). Memory is committed at creation. */
WEFT_API WEFT_CHECK int weft_array_create(weft_arena_t *arena, const char *name,
                                          const struct weft_array_options *options,
                                          weft_array_t **array);
WEFT_API WEFT_CHECK int weft_array_open(weft_arena_t *arena, const char *name,
                                        weft_array_t **array);
WEFT_API WEFT_CHECK int
weft_array_create_or_open(weft_arena_t *arena, const char *name,
                          const struct weft_array_options *options, weft_array_t **array);
WEFT_API void weft_array_close(weft_array_t *array);

/* The owner to weft_block_give() a block to that should go when the array goes. */
WEFT_API weft_owner_t weft_array_owner(const weft_array_t *array);

WEFT_API uint64_t weft_array_length(const weft_array_t *array);
WEFT_API uint32_t weft_array_element_bytes(const weft_array_t *array);

/* Copies one element of any size; atomic for sizes 4 and 8 only. */
WEFT_API WEFT_CHECK int weft_array_get(weft_array_t *array, uint64_t i, void *element);
WEFT_API WEFT_CHECK int weft_array_set(weft_array_t *array, uint64_t i,
                                       const void *element);

/* 8-byte elements. add returns the old value by `old` (may be NULL). cas stores
 * `desired` if the element is `*expected`, else returns -EAGAIN with what it is. */
WEFT_API WEFT_CHECK int weft_array_load64(weft_array_t *array, uint64_t i, uint64_t *v);
WEFT_API WEFT_CHECK int weft_array_store64(weft_array_t *array, uint64_t i, uint64_t v);
WEFT_API WEFT_CHECK int weft_array_add64(weft_array_t *array, uint64_t i, uint64_t delta,
                                         uint64_t *old);
WEFT_API WEFT_CHECK int weft_array_cas64(weft_array_t *array, uint64_t i,
                                         uint64_t *expected, uint64_t desired);

/* The same for 4-byte elements. */
WEFT_API WEFT_CHECK int weft_array_load32(weft_array_t *array, uint64_t i, uint32_t *v);
WEFT_API WEFT_CHECK int weft_array_store32(weft_array_t *array, uint64_t i, uint32_t v);
WEFT_API WEFT_CHECK int weft_array_add32(weft_array_t *array, uint64_t i, uint32_t delta,
                                         uint32_t *old);
WEFT_API WEFT_CHECK int weft_array_cas32(weft_array_t *array, uint64_t i,
                                         uint32_t *expected, uint32_t desired);

/* Sets elements [from, from + n) to `*element`, one after the other. */
WEFT_API WEFT_CHECK int weft_array_fill(weft_array_t *array, uint64_t from, uint64_t n,
                                        const void *element);

/* The address of elements [from, from + n), or NULL when they do not exist. Plain
 * memory, read-only on a read-only handle; valid until weft_array_close(). */
WEFT_API void *weft_array_span(weft_array_t *array, uint64_t from, uint64_t n);

#ifdef __cplusplus
}
#endif
#endif
