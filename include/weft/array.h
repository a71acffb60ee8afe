/* weft/array.h -- elements of one size, shared by all: words, or bytes; it can be resized.
 *
 * Progress  operations on elements are wait-free, but for a resize: while one copies, what
 *           changes elements waits for it, at most 20 ms longer than it makes progress; then
 *           its attempt is cancelled. So nobody depends on a resizer who is stopped, or
 *           dead. What reads never waits. A resize waits for who is in the middle of a
 *           change: see there.
 * Order     4- and 8-byte elements: every load acquires, every store releases, and the
 *           read-modify-writes do both; linearizable each by itself, and no operation that
 *           has returned 0 is lost by a resize. Other sizes and spans are plain memory:
 *           bring your own order.
 * Crash     an atomic operation has happened or it has not; so has a resize. A copy of
 *           another size that is cut short leaves any part of the element written.
 * Threads   any.
 * Errors    -EINVAL index or size out of range; -EPROTO the element size does not fit
 *           the call; -ESTALE the array has been resized: weft_array_refresh(); -EROFS;
 *           -ENOSPC for the first operation of a thread, where there are more than 32 in
 *           the arena and it is full; and those of <weft/object.h>.
 * Source    copying while nobody changes, which everybody can cancel, is weft's own; who is
 *           in the middle of something shows it by plain stores, ordered by membarrier:
 *           as in Desnoyers, McKenney et al., "User-level implementations of RCU" (2012).
 */
#ifndef WEFT_ARRAY_H
#define WEFT_ARRAY_H

#include <weft/base.h>
#include <weft/wait.h>

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

/* As this handle knows it: see weft_array_refresh(). Generations count from 1. */
WEFT_API uint64_t weft_array_length(const weft_array_t *array);
WEFT_API uint64_t weft_array_generation(const weft_array_t *array);
WEFT_API uint32_t weft_array_element_bytes(const weft_array_t *array);

/* Copies one element of any size; atomic for sizes 4 and 8 only. */
WEFT_API WEFT_CHECK int weft_array_get(weft_array_t *array, uint64_t i, void *element);
WEFT_API WEFT_CHECK int weft_array_set(weft_array_t *array, uint64_t i,
                                       const void *element);

/* 8-byte elements. add, or, and, exchange return the old value by `old` (may be NULL);
 * to subtract, add -n. cas stores `desired` if the element is `*expected`, else returns
 * -EAGAIN with what it is. */
WEFT_API WEFT_CHECK int weft_array_load64(weft_array_t *array, uint64_t i, uint64_t *v);
WEFT_API WEFT_CHECK int weft_array_store64(weft_array_t *array, uint64_t i, uint64_t v);
WEFT_API WEFT_CHECK int weft_array_add64(weft_array_t *array, uint64_t i, uint64_t delta,
                                         uint64_t *old);
WEFT_API WEFT_CHECK int weft_array_exchange64(weft_array_t *array, uint64_t i, uint64_t v,
                                              uint64_t *old);
WEFT_API WEFT_CHECK int weft_array_or64(weft_array_t *array, uint64_t i, uint64_t bits,
                                        uint64_t *old);
WEFT_API WEFT_CHECK int weft_array_and64(weft_array_t *array, uint64_t i, uint64_t bits,
                                         uint64_t *old);
WEFT_API WEFT_CHECK int weft_array_cas64(weft_array_t *array, uint64_t i,
                                         uint64_t *expected, uint64_t desired);

/* The same for 4-byte elements. */
WEFT_API WEFT_CHECK int weft_array_load32(weft_array_t *array, uint64_t i, uint32_t *v);
WEFT_API WEFT_CHECK int weft_array_store32(weft_array_t *array, uint64_t i, uint32_t v);
WEFT_API WEFT_CHECK int weft_array_add32(weft_array_t *array, uint64_t i, uint32_t delta,
                                         uint32_t *old);
WEFT_API WEFT_CHECK int weft_array_exchange32(weft_array_t *array, uint64_t i, uint32_t v,
                                              uint32_t *old);
WEFT_API WEFT_CHECK int weft_array_or32(weft_array_t *array, uint64_t i, uint32_t bits,
                                        uint32_t *old);
WEFT_API WEFT_CHECK int weft_array_and32(weft_array_t *array, uint64_t i, uint32_t bits,
                                         uint32_t *old);
WEFT_API WEFT_CHECK int weft_array_cas32(weft_array_t *array, uint64_t i,
                                         uint32_t *expected, uint32_t desired);

/* Sets elements [from, from + n) to `*element`, one after the other. When that fails some
 * may be set (-ESTALE in the middle of it). */
WEFT_API WEFT_CHECK int weft_array_fill(weft_array_t *array, uint64_t from, uint64_t n,
                                        const void *element);

/* The address of elements [from, from + n), or NULL when they do not exist or the array
 * has been resized. Plain memory, read-only on a read-only handle. Valid until this handle
 * is refreshed or closed, or resizes, even when others have resized meanwhile: then it is
 * what the array was. As long as a thread lives that has used the array by a call here;
 * let each thread that uses a span have done so. On a read-only handle nothing holds it:
 * what it reads is the array's as long as weft_array_get() does not say -ESTALE. */
WEFT_API void *weft_array_span(weft_array_t *array, uint64_t from, uint64_t n);

/* ---- another length ------------------------------------------------------ */

/*
 * Gives the array `length` elements (1 up): the first of them are the same, new ones are
 * zero. It is a new generation: other handles get -ESTALE until they refresh, this one is
 * refreshed. -ESTALE if this one is not of the present generation; then nothing happens.
 * The same length is no resize.
 *
 * No operation that has returned 0 is lost; what is written through a span at the same
 * time may be. New memory is taken at once (-ENOSPC), the old goes when all threads that
 * have used it have made a call by a handle that is refreshed, or have ended. At most 15
 * old generations are kept so: then -EBUSY.
 *
 * Waits for any thread that is in the middle of a change of an element: a moment, but
 * if it has been stopped right there, until it goes on, or `deadline`: -ETIMEDOUT, or
 * -EAGAIN with WEFT_NOW. The others go on meanwhile. -ENOTSUP without membarrier(2).
 */
WEFT_API WEFT_CHECK int weft_array_resize(weft_array_t *array, uint64_t length,
                                          uint64_t deadline);

/* Makes the handle one of the present generation, and its spans end. 1, or 0 if it was.
 * Works read-only. */
WEFT_API WEFT_CHECK int weft_array_refresh(weft_array_t *array);

#ifdef __cplusplus
}
#endif
#endif
