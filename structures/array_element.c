/* structures/array_element.c -- reading and changing the elements of an array. */
#include <errno.h>
#include <string.h>

#include <weft/block.h>

#include "structures/array.h"

enum { FILL_BYTES = 16384 }; /* filled in one change */

/* ---- who may touch the elements ------------------------------------------ */

/*
 * Who works in an array has a desk there that says so: that his agent has the object open,
 * and which generations his process uses. So nothing is freed, or punched, under his
 * hands. His thread remembers that he sat down, and what he then saw of the array: one
 * look at `now` tells whether it is still so. What else there is to be done
 * weft_array_ready() does.
 *
 * A read-only handle can have no desk; there the file lock keeps the pages, and the
 * block's ref tells afterwards whether what was read was still the array.
 */
static inline const struct weft_array_here *
here_of(const weft_array_t *array, uint64_t from, uint64_t n, uint32_t bytes)
{
        if (__builtin_expect(!array, 0))
                return NULL;
        const struct weft_array_here *h = &weft_array_here[array->key % WEFT_ARRAY_HERE];
        bool good = h->key == array->key && h->serial == weft_me.serial &&
                    weft_alive->raw && h->sig == weft_me.agent->sig &&
                    (!bytes || h->element_bytes == bytes) && n <= h->length &&
                    from <= h->length - n;
        return __builtin_expect(good, 1) ? h : NULL;
}

/* From here to end_change() this thread is in the middle of a change, and the array is not
 * frozen; or NULL: it is not that simple. */
static inline const struct weft_array_here *
try_change(const weft_array_t *array, uint64_t from, uint64_t n, uint32_t bytes)
{
        const struct weft_array_here *h = here_of(array, from, n, bytes);
        if (__builtin_expect(!h, 0))
                return NULL;
        weft_store_rel(&h->desk->busy, h->sig);  /* [B] */
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the other half is membarrier */
        if (__builtin_expect(weft_load_acq(h->now) == h->word, 1)) /* [N] */
                return h;
        weft_store_rel(&h->desk->busy, 0); /* [B] */
        return NULL;
}

static inline void end_change(const struct weft_array_here *h)
{
        weft_store_rel(&h->desk->busy, 0); /* [B] */
}

/* Was it still the array when it was read? */
static inline bool was_it(const struct weft_array_here *h)
{
        return __builtin_expect((weft_load_acq(h->now) & ~WEFT_ARRAY_FROZEN) == /* [N] */
                                        h->word,
                                1);
}

/* ---- words ------------------------------------------------------------------ */

/*
 * The operations on elements of so many bits, each with a short way and a long one. What
 * changes one has happened or not.
 */
#define WORD(h, bits) ((weft_a##bits##_t *)(void *)(h)->data + i)

#define LOAD(bits) \
        static __attribute__((noinline)) int peek##bits(weft_array_t *array, uint64_t i, \
                                                        uint##bits##_t *v) \
        { \
                struct weft_array_view view; \
                int rc = weft_array_peek(array, i, 1, bits / 8, &view); \
                if (rc) \
                        return rc; \
                *v = weft_load_acq(WORD(&view, bits)); /* [E] LP */ \
                return weft_array_peeked(array, &view); \
        } \
        static __attribute__((noinline)) int load##bits(weft_array_t *array, uint64_t i, \
                                                        uint##bits##_t *v) \
        { \
                if (!v) \
                        return -EINVAL; \
                if (array && array->handle.arena->readonly) \
                        return peek##bits(array, i, v); \
                int rc = weft_array_ready(array, i, 1, bits / 8, false); \
                return rc ? rc : weft_array_load##bits(array, i, v); \
        } \
        int weft_array_load##bits(weft_array_t *array, uint64_t i, uint##bits##_t *v) \
        { \
                const struct weft_array_here *h = here_of(array, i, 1, bits / 8); \
                if (__builtin_expect(!h || !v, 0)) \
                        return load##bits(array, i, v); \
                uint##bits##_t is = weft_load_acq(WORD(h, bits)); /* [E] LP */ \
                if (!was_it(h)) \
                        return load##bits(array, i, v); \
                *v = is; \
                return 0; \
        }

#define CHANGE(bits, name, parameters, arguments, good, operation) \
        static __attribute__((noinline)) int name##_##bits parameters \
        { \
                int rc = good ? weft_array_ready(array, i, 1, bits / 8, true) : -EINVAL; \
                return rc ? rc : weft_array_##name##bits arguments; \
        } \
        int weft_array_##name##bits parameters \
        { \
                const struct weft_array_here *h = \
                        good ? try_change(array, i, 1, bits / 8) : NULL; \
                if (__builtin_expect(!h, 0)) \
                        return name##_##bits arguments; \
                operation \
        }

#define STORE(bits) \
        CHANGE(bits, store, (weft_array_t * array, uint64_t i, uint##bits##_t v), \
               (array, i, v), true, weft_store_rel(WORD(h, bits), v); /* [E] LP */ \
               end_change(h); return 0;)

/* add, exchange, or, and: what was there is told. */
#define MODIFY(bits, name, by) \
        CHANGE(bits, name, \
               (weft_array_t * array, uint64_t i, uint##bits##_t v, \
                uint##bits##_t * old), \
               (array, i, v, old), true, \
               uint##bits##_t was = by(WORD(h, bits), v); /* [E] LP */ \
               end_change(h); if (old) *old = was; return 0;)

#define CAS(bits) \
        CHANGE(bits, cas, \
               (weft_array_t * array, uint64_t i, uint##bits##_t * expected, \
                uint##bits##_t desired), \
               (array, i, expected, desired), expected, uint##bits##_t is = *expected; \
               bool done = weft_cas_acq_rel(WORD(h, bits), &is, desired); /* [E] LP */ \
               end_change(h); *expected = is; return done ? 0 : -EAGAIN;)

#define WORDS(bits) \
        LOAD(bits) \
        STORE(bits) \
        MODIFY(bits, add, weft_add_acq_rel) \
        MODIFY(bits, exchange, weft_swap_acq_rel) \
        MODIFY(bits, or, weft_or_acq_rel) \
        MODIFY(bits, and, weft_and_acq_rel) \
        CAS(bits)

WORDS(64)
WORDS(32)

/* ---- elements of any size ------------------------------------------------ */

static void copy_out(const void *from, uint32_t bytes, void *element)
{
        uint64_t v64;
        uint32_t v32;
        switch (bytes) {
        case 8:
                v64 = weft_load_acq((const weft_a64_t *)from); /* [E] LP of get */
                memcpy(element, &v64, sizeof v64);
                break;
        case 4:
                v32 = weft_load_acq((const weft_a32_t *)from); /* [E] LP of get */
                memcpy(element, &v32, sizeof v32);
                break;
        default:
                weft_copy_out(element, from, bytes);
        }
}

static void copy_in(void *to, uint32_t bytes, const void *element)
{
        uint64_t v64;
        uint32_t v32;
        switch (bytes) {
        case 8:
                memcpy(&v64, element, sizeof v64);
                weft_store_rel((weft_a64_t *)to, v64); /* [E] LP of set */
                break;
        case 4:
                memcpy(&v32, element, sizeof v32);
                weft_store_rel((weft_a32_t *)to, v32); /* [E] LP of set */
                break;
        default:
                weft_copy_in(to, element, bytes);
        }
}

static const struct weft_array_here *change(weft_array_t *array, uint64_t from,
                                            uint64_t n, int *rc)
{
        const struct weft_array_here *h;
        *rc = 0;
        while (!(h = try_change(array, from, n, 0)) && !*rc)
                *rc = weft_array_ready(array, from, n, 0, true);
        return h;
}

static int peek(weft_array_t *array, uint64_t i, void *element)
{
        struct weft_array_view view;
        int rc = weft_array_peek(array, i, 1, 0, &view);
        if (rc)
                return rc;
        uint32_t bytes = array->element_bytes;
        copy_out(view.data + i * bytes, bytes, element);
        return weft_array_peeked(array, &view);
}

int weft_array_get(weft_array_t *array, uint64_t i, void *element)
{
        if (!array || !element)
                return -EINVAL;
        if (array->handle.arena->readonly)
                return peek(array, i, element);
        for (;;) {
                const struct weft_array_here *h = here_of(array, i, 1, 0);
                if (h) {
                        uint32_t bytes = h->element_bytes;
                        copy_out(h->data + i * bytes, bytes, element);
                        if (was_it(h))
                                return 0;
                }
                int rc = weft_array_ready(array, i, 1, 0, false);
                if (rc)
                        return rc;
        }
}

int weft_array_set(weft_array_t *array, uint64_t i, const void *element)
{
        int rc = -EINVAL;
        const struct weft_array_here *h = element ? change(array, i, 1, &rc) : NULL;
        if (!h)
                return rc;
        copy_in(h->data + i * h->element_bytes, h->element_bytes, element);
        end_change(h);
        return 0;
}

/* Not all in one change: a resize need not wait for the end. Crash in fill: some elements
 * are set, in order from the first. */
int weft_array_fill(weft_array_t *array, uint64_t from, uint64_t n, const void *element)
{
        uint64_t done = 0;
        if (!element)
                return -EINVAL;
        do {
                int rc;
                const struct weft_array_here *h = change(array, from, n, &rc);
                if (!h)
                        return rc;
                uint32_t bytes = h->element_bytes;
                uint64_t run = FILL_BYTES / bytes + 1;
                for (uint64_t end = n - done < run ? n : done + run; done < end; done++)
                        copy_in(h->data + (from + done) * bytes, bytes, element);
                end_change(h);
        } while (done < n);
        return 0;
}

void *weft_array_span(weft_array_t *array, uint64_t from, uint64_t n)
{
        struct weft_array_view view;
        if (array && array->handle.arena->readonly) {
                if (weft_array_peek(array, from, n, 0, &view) ||
                    weft_array_peeked(array, &view))
                        return NULL;
                return view.data + from * array->element_bytes;
        }
        for (;;) {
                const struct weft_array_here *h = here_of(array, from, n, 0);
                if (h && was_it(h))
                        return h->data + from * h->element_bytes;
                if (weft_array_ready(array, from, n, 0, false))
                        return NULL;
        }
}
