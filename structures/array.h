/* structures/array.h -- an open array of this process. */
#ifndef WEFT_STRUCTURES_ARRAY_H
#define WEFT_STRUCTURES_ARRAY_H

#include <weft/array.h>

#include "runtime/desk.h"
#include "runtime/object.h"
#include "structures/array_shared.h"

/* A generation of the array as this process has checked it. */
struct weft_array_view {
        uint8_t *data; /* the elements */
        uint64_t length;
        uint64_t generation;
        weft_ref_t ref;
};

/* A handle has one view, which a thread may read while another refreshes it: `seq` is the
 * generation, 0 meanwhile, and is looked at before and after. Changed under the
 * registry's lock only. */
struct weft_array {
        struct weft_handle handle; /* first: runtime/object.h */
        uint64_t key;              /* unique in this process */
        weft_a64_t seq, data, length, ref;
        weft_a64_t pin; /* what the desks of this process's agents should say */
        uint32_t element_bytes;
        struct weft_desks desks;
};

/*
 * The arrays that a thread has used last, by the handle's key: all that an operation must
 * know, in one line. Good as long as the thread is the same agent: serial and sig.
 */
#define WEFT_ARRAY_HERE 4
struct weft_array_here {
        uint64_t key;    /* 0: none */
        uint64_t serial; /* of the arena */
        uint64_t word;   /* now.lo, as it still must be: not frozen */
        uint64_t length;
        uint8_t *data;
        weft_a64_t *now; /* now.lo */
        struct weft_array_desk_shared *desk;
        uint32_t sig;
        uint32_t element_bytes;
};
extern _Thread_local struct weft_array_here weft_array_here[WEFT_ARRAY_HERE]
        __attribute__((tls_model("initial-exec"), aligned(WEFT_LINE)));

/* The bytes of all elements; 0 if no array can have so many. */
static inline uint64_t weft_array_bytes(uint64_t length, uint64_t element_bytes)
{
        if (!element_bytes || element_bytes > WEFT_ARRAY_ELEMENT_MAX ||
            length > WEFT_ARENA_MAX / element_bytes)
                return 0;
        return length * element_bytes;
}

/* What the header says now, checked: 0, or -EUCLEAN. `agent` reads, if the handle is not
 * read-only and nobody does already. */
WEFT_CHECK int weft_array_look(weft_arena_t *arena, struct weft_agent *agent,
                               struct weft_array_shared *sh,
                               struct weft_array_view *view);

/* Gives the handle that view; the registry is locked, or nobody else has the handle. */
void weft_array_show(struct weft_array *array, const struct weft_array_view *view);

/* The handle's view; stable. */
void weft_array_view(const struct weft_array *array, struct weft_array_view *view);

/* `now` as a whole. */
struct weft_pair weft_array_now(struct weft_array_shared *sh);

/*
 * What the short way of an operation could not do: becomes an agent, pins, waits for an
 * array that is frozen (or thaws it), looks at the index, fills weft_array_here. 0: try
 * again. Or the error. Not for what reads by a read-only handle.
 */
WEFT_CHECK int weft_array_ready(struct weft_array *array, uint64_t from, uint64_t n,
                                uint32_t bytes, bool change);

/* For a read-only handle, which holds nothing: the elements. 0, or the error. And, after
 * they were read: was that the array? -ESTALE, -ENOENT, -EUCLEAN. */
WEFT_CHECK int weft_array_peek(struct weft_array *array, uint64_t from, uint64_t n,
                               uint32_t bytes, struct weft_array_view *view);
WEFT_CHECK int weft_array_peeked(struct weft_array *array,
                                 const struct weft_array_view *view);

/* What the process's handles on this array have in use, this one taken as if it had that
 * generation (0: none), is what its desks should pin. The registry is locked. */
void weft_array_pins(struct weft_array *array, uint64_t generation);

int weft_array_recover(struct weft_object *o, uint32_t sig);

/* Bytes of old and new blocks, beside the one that is the array; `agent` frees them if
 * it is not NULL. */
uint64_t weft_array_others(struct weft_object *o, struct weft_agent *agent);

#endif
