/* weft/object.h -- the directory of an arena: named objects of every kind.
 *
 * Objects are made and opened by their own modules (weft_queue_create() and so on);
 * here are the calls that are the same for all kinds.
 *
 * Names     1 to 255 bytes of UTF-8 without control characters; '/' is allowed.
 * Progress  lock-free (P2: a stopped creator, opener or remover stops nobody).
 * Crash     an object is there whole or not at all. A removed one is freed when the
 *           last handle on it is closed or its holder dies; so does a transient one (a
 *           future) though nobody removed it.
 * Threads   any.
 * Source    list of names in a bucket: Harris (DISC 2001), links with generations.
 */
#ifndef WEFT_OBJECT_H
#define WEFT_OBJECT_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_OBJECT_NAME_MAX 255 /* bytes, without the final 0 */

struct weft_object_info {
        char name[WEFT_OBJECT_NAME_MAX + 1];
        char kind[16];    /* "queue", "array", ... */
        uint32_t version; /* format version of the kind */
        uint32_t holders; /* agents that hold it open */
        uint64_t bytes;   /* of blocks that it owns, where the kind can tell */
        char detail[256]; /* what the kind says of itself: "8 of 64 elements of 16 B" */
};

/* Calls `each` for every named object, in no order; weakly consistent. A non-zero
 * return of `each` ends it and is returned. Works read-only. */
WEFT_API WEFT_CHECK int
weft_object_list(weft_arena_t *arena,
                 int (*each)(const struct weft_object_info *object, void *context),
                 void *context);

/* The same for one name. -ENOENT. */
WEFT_API WEFT_CHECK int weft_object_stat(weft_arena_t *arena, const char *name,
                                         struct weft_object_info *info);

/* Takes the name away at once: it can be created anew. Those who have the object open
 * go on using it; its memory goes with the last of them. -ENOENT, -EROFS; -EBUSY: a
 * thing to synchronise by (mutex, semaphore, ...) that somebody alive holds or waits on. */
WEFT_API WEFT_CHECK int weft_object_remove(weft_arena_t *arena, const char *name);

#ifdef __cplusplus
}
#endif
#endif
