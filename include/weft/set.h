/* weft/set.h -- a hash set that processes share.
 *
 * The map's engine without values: <weft/map.h> says what progress, order, crashes and
 * errors are. Members of 1 B to 64 KiB; sets of 8-byte members keep them in their table.
 *
 * Progress  changes are lock-free; reading writes nothing, and works read-only.
 * Order     linearizable, member by member; iteration is weakly consistent.
 * Crash     a change has happened or it has not.
 * Threads   any.
 * Errors    -ENOENT, -EEXIST, -EPROTO, -ENOSPC, -EROFS, -EMFILE, -EUCLEAN, -EINVAL
 */
#ifndef WEFT_SET_H
#define WEFT_SET_H

#include <weft/base.h>
#include <weft/map.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_set weft_set_t; /* process-local handle */

struct weft_set_options {
        uint64_t entries;      /* expected; may be 0 */
        uint32_t member_bytes; /* of every member; 0: each has its own length */
        uint32_t flags;        /* 0 */
};

WEFT_API WEFT_CHECK int weft_set_create(weft_arena_t *arena, const char *name,
                                        const struct weft_set_options *options,
                                        weft_set_t **set);
WEFT_API WEFT_CHECK int weft_set_open(weft_arena_t *arena, const char *name,
                                      weft_set_t **set);
WEFT_API WEFT_CHECK int weft_set_create_or_open(weft_arena_t *arena, const char *name,
                                                const struct weft_set_options *options,
                                                weft_set_t **set);
WEFT_API void weft_set_close(weft_set_t *set);
WEFT_API weft_owner_t weft_set_owner(const weft_set_t *set);

/* 1 if it is in the set, else 0. */
WEFT_API WEFT_CHECK int weft_set_contains(weft_set_t *set, const void *member,
                                          uint32_t bytes);

/* -EEXIST if it was there. -ENOENT if it was not. */
WEFT_API WEFT_CHECK int weft_set_insert(weft_set_t *set, const void *member,
                                        uint32_t bytes);
WEFT_API WEFT_CHECK int weft_set_remove(weft_set_t *set, const void *member,
                                        uint32_t bytes);

typedef int weft_set_each_fn(const void *member, uint32_t bytes, void *context);

/* As weft_map_each(). */
WEFT_API WEFT_CHECK int weft_set_each(weft_set_t *set, struct weft_map_cursor *cursor,
                                      uint64_t max, weft_set_each_fn *each,
                                      void *context);
WEFT_API WEFT_CHECK int64_t weft_set_count(weft_set_t *set);
WEFT_API WEFT_CHECK int64_t weft_set_clear(weft_set_t *set);
WEFT_API WEFT_CHECK int weft_set_info(weft_set_t *set, struct weft_map_info *info);

/* Calls `each` for every member of both; of either (once); of `a` and not of `b`. The sets
 * may lie in different arenas. Exact for members that do not come or go meanwhile. A
 * non-zero return of `each` ends it and is returned. `each` may be NULL; without an error
 * or such a return, how many members there were (at most INT64_MAX). */
WEFT_API WEFT_CHECK int64_t weft_set_intersect(weft_set_t *a, weft_set_t *b,
                                               weft_set_each_fn *each, void *context);
WEFT_API WEFT_CHECK int64_t weft_set_union(weft_set_t *a, weft_set_t *b,
                                           weft_set_each_fn *each, void *context);
WEFT_API WEFT_CHECK int64_t weft_set_difference(weft_set_t *a, weft_set_t *b,
                                                weft_set_each_fn *each, void *context);

#ifdef __cplusplus
}
#endif
#endif
