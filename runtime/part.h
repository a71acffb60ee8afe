/* runtime/part.h -- an object that is made of others.
 *
 * The shared header of the whole has the shared headers of its parts in it, each of a kind
 * that has `init`. The whole has one name, one pin, one owner of blocks; so it is there
 * with all its parts or not at all, and whoever recovers, checks or destroys it has its
 * parts do the same, in the same breath. A handle on a part is used like any other of that
 * kind, by everything but the directory: its name is the whole's.
 *
 * No kind can be a part that finds its handles through the arena's list (array).
 */
#ifndef WEFT_RUNTIME_PART_H
#define WEFT_RUNTIME_PART_H

#include "runtime/object.h"

/* Where a part lies in the whole's header, and of which kind it is. */
struct weft_part {
        uint32_t kind;   /* its id */
        uint32_t offset; /* bytes */
};

/* In the whole's init. `options` are the kind's own, and have been looked at: what it would
 * refuse to create is not refused here. Crash: as in creating the whole. */
WEFT_CHECK int weft_part_init(const struct weft_draft *whole, struct weft_part part,
                              const void *options);

/* In the whole's view: a handle of the part's kind, to be closed in the whole's `drop`.
 * -ENOMEM, -EUCLEAN. `out` is where the pointer goes. */
WEFT_CHECK int weft_part_open(struct weft_handle *whole, struct weft_part part,
                              void *out);
void weft_part_close(void *handle);

/* The same for the kind's other calls. check adds to `bytes` what the part owns, its header
 * apart; describe writes at most `room` bytes. */
WEFT_CHECK int weft_part_recover(const struct weft_object *whole, struct weft_part part,
                                 uint32_t sig);
WEFT_CHECK int weft_part_shut(const struct weft_object *whole, struct weft_part part);
void weft_part_destroy(const struct weft_object *whole, struct weft_part part);
WEFT_CHECK int weft_part_check(const struct weft_object *whole, struct weft_part part,
                               uint64_t *bytes);
bool weft_part_busy(const struct weft_object *whole, struct weft_part part);
void weft_part_describe(const struct weft_object *whole, struct weft_part part,
                        char *detail, size_t room);

#endif
