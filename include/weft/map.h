/* weft/map.h -- a hash map that processes share: keys to values.
 *
 * Keys of 1 B to 64 KiB, values of 0 B to 1 GiB. A map made for 8-byte keys and 8-byte
 * values keeps both in its table; all others keep each entry in a block of its own. The
 * table grows and shrinks while it is used: whoever changes the map moves a part.
 *
 * Progress  changes are lock-free: whoever is stopped or killed at any instruction, the
 *           others go on. Readers write nothing that others wait for, nothing at all on a
 *           read-only handle; they look again if an entry changed under their eyes.
 * Order     linearizable, key by key. Iteration is weakly consistent: see weft_map_each().
 * Crash     a change has happened or it has not. What the dead had in hand comes back.
 *           A table that was outgrown is freed when all who were in an operation then
 *           have left it: one who is stopped in the middle keeps its memory, not the others.
 * Threads   any.
 * Errors    -ENOENT no such key (or it has expired); -EEXIST; -EAGAIN another version;
 *           -EOVERFLOW the value is longer than the caller's room; -EPROTO not a map, or
 *           one of other sizes; -ENOSPC: nothing has changed, and the same call succeeds
 *           once there is room; -EROFS; -EMFILE no seat left; -EUCLEAN; -EINVAL
 * Source    open addressing without locks: Purcell and Harris (DISC 2005); moving a table
 *           entry by entry: Click (2007); xxh3, seeded for each map, against flooding.
 */
#ifndef WEFT_MAP_H
#define WEFT_MAP_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_map weft_map_t; /* process-local handle */

#define WEFT_MAP_KEY_MAX (UINT32_C(1) << 16)
#define WEFT_MAP_VALUE_MAX (UINT64_C(1) << 30)

enum {
        WEFT_MAP_EXPIRY =
                1, /* entries may carry a time from which on they are not there */
};

struct weft_map_options {
        uint64_t entries; /* expected: the table begins with room for so many; may be 0 */
        uint32_t key_bytes;   /* of every key; 0: each has its own length */
        uint32_t value_bytes; /* of every value; 0: each has its own length */
        uint32_t flags;       /* WEFT_MAP_... */
        uint32_t reserved;
};

/* Makes a map under `name`, opens one, does either. An existing one must have the same
 * sizes and flags, else -EPROTO. key_bytes 8 and value_bytes 8 without EXPIRY is the fast
 * one. */
WEFT_API WEFT_CHECK int weft_map_create(weft_arena_t *arena, const char *name,
                                        const struct weft_map_options *options,
                                        weft_map_t **map);
WEFT_API WEFT_CHECK int weft_map_open(weft_arena_t *arena, const char *name,
                                      weft_map_t **map);
WEFT_API WEFT_CHECK int weft_map_create_or_open(weft_arena_t *arena, const char *name,
                                                const struct weft_map_options *options,
                                                weft_map_t **map);

/* Ends this handle; views of this process's threads through it end. NULL is allowed. */
WEFT_API void weft_map_close(weft_map_t *map);

/* The owner to weft_block_give() a block to that should go when the map goes. */
WEFT_API weft_owner_t weft_map_owner(const weft_map_t *map);

/* ---- one entry ----------------------------------------------------------- */

/*
 * Every entry has a version: never 0, larger after each change of that key's value, and
 * larger again when the key was removed and comes back. (A growing table may raise it,
 * too: then weft_map_cas() says -EAGAIN though the value is the same.)
 */

/* Copies the value out. `*value_bytes` is the room at `value`, and becomes the length of
 * the value; if that is more, -EOVERFLOW and nothing is copied. (-ENOENT may leave anything there,
 * for an entry that goes while it is copied is looked for anew.) `value` may be NULL with no
 * room; `value_bytes` may be NULL if the map's values have one size; `version` may be NULL. */
WEFT_API WEFT_CHECK int weft_map_get(weft_map_t *map, const void *key, uint32_t key_bytes,
                                     void *value, uint64_t *value_bytes,
                                     uint64_t *version);

/* Inserts or replaces. */
WEFT_API WEFT_CHECK int weft_map_put(weft_map_t *map, const void *key, uint32_t key_bytes,
                                     const void *value, uint64_t value_bytes);

/* Only if it is not there: -EEXIST. Only if it is: -ENOENT. */
WEFT_API WEFT_CHECK int weft_map_insert(weft_map_t *map, const void *key,
                                        uint32_t key_bytes, const void *value,
                                        uint64_t value_bytes);
WEFT_API WEFT_CHECK int weft_map_replace(weft_map_t *map, const void *key,
                                         uint32_t key_bytes, const void *value,
                                         uint64_t value_bytes);

WEFT_API WEFT_CHECK int weft_map_remove(weft_map_t *map, const void *key,
                                        uint32_t key_bytes);

/* Replaces, or removes, the entry if `*version` is its version; 0 stands for "not there".
 * Else -EAGAIN. `*version` becomes what it is now (0: not there). To remove what is not
 * there is -ENOENT. */
WEFT_API WEFT_CHECK int weft_map_cas(weft_map_t *map, const void *key, uint32_t key_bytes,
                                     const void *value, uint64_t value_bytes,
                                     uint64_t *version);
WEFT_API WEFT_CHECK int weft_map_remove_if(weft_map_t *map, const void *key,
                                           uint32_t key_bytes, uint64_t *version);

/* Adds to a value of 8 bytes, modulo 2^64; one that is not there is 0. `*now` (may be NULL)
 * becomes the sum. -EPROTO if the value is not 8 bytes long. */
WEFT_API WEFT_CHECK int weft_map_add(weft_map_t *map, const void *key, uint32_t key_bytes,
                                     uint64_t delta, uint64_t *now);

/* Inserts `value` if the key is not there: 1. Else 0, and the value that is there goes to
 * `found` as weft_map_get() does it. */
WEFT_API WEFT_CHECK int weft_map_get_or_insert(weft_map_t *map, const void *key,
                                               uint32_t key_bytes, const void *value,
                                               uint64_t value_bytes, void *found,
                                               uint64_t *found_bytes);

/* The same for maps with 8-byte keys and 8-byte values: -EPROTO for others. */
WEFT_API WEFT_CHECK int weft_map_get64(weft_map_t *map, uint64_t key, uint64_t *value);
WEFT_API WEFT_CHECK int weft_map_put64(weft_map_t *map, uint64_t key, uint64_t value);
WEFT_API WEFT_CHECK int weft_map_insert64(weft_map_t *map, uint64_t key, uint64_t value);
WEFT_API WEFT_CHECK int weft_map_add64(weft_map_t *map, uint64_t key, uint64_t delta,
                                       uint64_t *now);
WEFT_API WEFT_CHECK int weft_map_remove64(weft_map_t *map, uint64_t key);

/*
 * The same for `n` keys, one after the other: each is an operation by itself. In a map that is
 * larger than the caches that takes a fraction of the time of n calls, for the memory of many
 * keys is waited for at once.
 *
 * get64_n returns how many there are: found[i] (`found` may be NULL) is 1 if keys[i] is, else 0,
 * as is values[i]. put64_n returns how many it has put: fewer than n if there is no memory for
 * the next one. An error (of the first one) means that it did nothing.
 */
WEFT_API WEFT_CHECK int64_t weft_map_get64_n(weft_map_t *map, const uint64_t *keys,
                                             size_t n, uint64_t *values, uint8_t *found);
WEFT_API WEFT_CHECK int64_t weft_map_put64_n(weft_map_t *map, const uint64_t *keys,
                                             const uint64_t *values, size_t n);

/* ---- expiry -------------------------------------------------------------- */

/* In a map made with EXPIRY (else -EPROTO). Times are CLOCK_REALTIME milliseconds; 0 is
 * never. An entry is not there from its time on; whoever changes the map clears away a few
 * of those, and so does weft_map_sweep(): it looks at `buckets` buckets (0: all) and returns
 * how many entries it removed. put, replace and cas take an earlier time away. */
WEFT_API WEFT_CHECK int weft_map_put_until(weft_map_t *map, const void *key,
                                           uint32_t key_bytes, const void *value,
                                           uint64_t value_bytes, uint64_t expires_ms);
WEFT_API WEFT_CHECK int weft_map_expire(weft_map_t *map, const void *key,
                                        uint32_t key_bytes, uint64_t expires_ms);
WEFT_API WEFT_CHECK int64_t weft_map_sweep(weft_map_t *map, uint64_t buckets);

/* ---- in place ------------------------------------------------------------ */

/* A value to be read where it lies. It stays as it was, whatever others do to the entry,
 * until the view ends: by weft_map_view_end(), weft_map_close(), the thread's end or death.
 * Not for read-only handles (-EROFS) nor for 8/8 maps (-EPROTO: there get is cheaper). */
#define WEFT_MAP_VIEWS_MAX 16 /* of one thread in one map at a time; then -EOVERFLOW */

struct weft_map_view {
        const void *value; /* aligned to 8 */
        uint64_t bytes;
        uint64_t version;
        uint64_t state[2]; /* private */
};

WEFT_API WEFT_CHECK int weft_map_view(weft_map_t *map, const void *key,
                                      uint32_t key_bytes, struct weft_map_view *view);
WEFT_API void weft_map_view_end(weft_map_t *map, struct weft_map_view *view);

/* ---- all entries --------------------------------------------------------- */

struct weft_map_entry { /* a copy, of the process's own */
        const void *key, *value;
        uint64_t value_bytes, version, expires_ms;
        uint32_t key_bytes;
        uint32_t reserved;
};

/* Where an iteration stands: zero it to begin. It holds nothing and means the same in any
 * process, so that another one can go on with it, also after the table has changed. */
#define WEFT_MAP_END UINT64_C(1)

struct weft_map_cursor {
        uint64_t at;
        uint64_t state; /* & WEFT_MAP_END: at the end; the rest is private */
};

/* Calls `each` for up to `max` entries (0: all that are left), and moves the cursor behind
 * them. A key that is there all the time comes exactly once; one that comes or goes
 * meanwhile at most once for each time that it was there. A non-zero return of `each` ends
 * the call and is returned; the cursor is behind that entry. 0 when all is done or `max`
 * were. -ENOMEM. Works read-only. `each` may use the map. */
WEFT_API WEFT_CHECK int
weft_map_each(weft_map_t *map, struct weft_map_cursor *cursor, uint64_t max,
              int (*each)(const struct weft_map_entry *entry, void *context),
              void *context);

/* Removes all entries that are there when it comes by, one by one; how many. */
WEFT_API WEFT_CHECK int64_t weft_map_clear(weft_map_t *map);

struct weft_map_info {
        uint64_t
                entries; /* exact when nobody is changing it and nobody died doing so; the
                             death of one in the middle of a change may leave it one off */
        uint64_t slots;  /* of the table, or of the one that is being moved to */
        uint64_t moving; /* buckets still to be moved to a new table */
        uint64_t tables; /* outgrown ones that are not yet freed */
        uint32_t key_bytes; /* as created */
        uint32_t value_bytes;
        uint32_t flags;
        uint32_t reserved;
};

/* Both work read-only. count: looks at all of them, one by one. */
WEFT_API WEFT_CHECK int weft_map_info(weft_map_t *map, struct weft_map_info *info);
WEFT_API WEFT_CHECK int64_t weft_map_count(weft_map_t *map);

#ifdef __cplusplus
}
#endif
#endif
