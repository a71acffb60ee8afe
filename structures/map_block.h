/* structures/map_block.h -- maps with entries in blocks: what their files share, and what
 * the rest of the map calls of them.
 */
#ifndef WEFT_STRUCTURES_MAP_BLOCK_H
#define WEFT_STRUCTURES_MAP_BLOCK_H

#include "structures/map_internal.h"

/* ---- map_entry.c ------------------------------------------------------------ */

/* False: there is no such thing, which is so only when the slot has changed, or the bytes
 * are hostile. */
WEFT_CHECK bool weft_map_look(struct weft_map_op *op, uint64_t value,
                              struct weft_map_look *look);

/* CLOCK_REALTIME in milliseconds. */
uint64_t weft_map_now(void);

/* The time is that of an entry that is not there any more. */
static inline bool weft_map_is_over(uint64_t expires_ms)
{
        return expires_ms && expires_ms <= weft_map_now();
}

/* Copies of shared bytes that may be going away: thrown away then. */
void weft_map_copy_torn(void *to, const void *from, size_t n);

/* Makes an entry of op->key, given to the map, with desk->fresh naming it; `*value` is
 * where its value of `bytes` bytes shall be written. -ENOSPC. */
WEFT_CHECK int weft_map_entry_make(struct weft_map_op *op, uint64_t bytes,
                                   uint64_t expires_ms, uint64_t *ref, void **value);

/* Changes what was made with a value of 8 bytes at `value`, and is in no slot. */
void weft_map_entry_set(void *value, uint32_t key_bytes, uint64_t to,
                        uint64_t expires_ms);

/* After weft_map_write(): what was taken out is disposed of; the entry that was made but
 * is not in goes, too. The desk is clean. `was` and `unused` may be 0. With `keep`,
 * the block may stay with this agent for his next entry. */
void weft_map_entry_done(struct weft_map_op *op, uint64_t was, uint64_t unused,
                         bool keep);

/* Frees the entry unless a view has it: it is linked no more. */
void weft_map_dispose(struct weft_map *map, struct weft_agent *agent, uint64_t ref);

/* Is it still an entry of the map? Errs on the side of yes. */
WEFT_CHECK bool weft_map_linked(struct weft_map_op *op, uint64_t ref);

/* ---- map_short.c: as the public ones, for maps that are not `inlined` -------- */

WEFT_CHECK int weft_map_block_get(struct weft_map *map, const void *key,
                                  uint32_t key_bytes, void *value, uint64_t *value_bytes,
                                  uint64_t *version);
WEFT_CHECK int weft_map_block_put(struct weft_map *map, const void *key,
                                  uint32_t key_bytes, const void *value,
                                  uint64_t value_bytes, uint64_t expires_ms);

/* What the short way needs: when a handle is made; and after that, on the long way. */
void weft_map_short_set(struct weft_map *map);
void weft_map_short_note(struct weft_map *map);

/* ---- map_block.c: the same -------------------------------------------------- */

WEFT_CHECK int weft_map_block_get_slowly(struct weft_map *map, const void *key,
                                         uint32_t key_bytes, void *value,
                                         uint64_t *value_bytes, uint64_t *version);
WEFT_CHECK int weft_map_block_put_slowly(struct weft_map *map, const void *key,
                                         uint32_t key_bytes, const void *value,
                                         uint64_t value_bytes, uint64_t expires_ms);

/* Puts an entry of `key` that has been made: it is the map's, and in desk->fresh. */
WEFT_CHECK int weft_map_block_put_made(struct weft_map *map, const void *key,
                                       uint32_t key_bytes, uint64_t made);
WEFT_CHECK int weft_map_block_insert(struct weft_map *map, const void *key,
                                     uint32_t key_bytes, const void *value,
                                     uint64_t value_bytes);
WEFT_CHECK int weft_map_block_replace(struct weft_map *map, const void *key,
                                      uint32_t key_bytes, const void *value,
                                      uint64_t value_bytes);
WEFT_CHECK int weft_map_block_remove(struct weft_map *map, const void *key,
                                     uint32_t key_bytes);
WEFT_CHECK int weft_map_block_cas(struct weft_map *map, const void *key,
                                  uint32_t key_bytes, const void *value,
                                  uint64_t value_bytes, uint64_t *version);
WEFT_CHECK int weft_map_block_remove_if(struct weft_map *map, const void *key,
                                        uint32_t key_bytes, uint64_t *version);
WEFT_CHECK int weft_map_block_add(struct weft_map *map, const void *key,
                                  uint32_t key_bytes, uint64_t delta, uint64_t *now);
WEFT_CHECK int weft_map_block_get_or_insert(struct weft_map *map, const void *key,
                                            uint32_t key_bytes, const void *value,
                                            uint64_t value_bytes, void *found,
                                            uint64_t *found_bytes);

/* ---- map_expire.c ------------------------------------------------------------ */

/* A change of a map with expiry helps to clear away what is over. */
void weft_map_expire_help(struct weft_map_op *op);

/* ---- map_view.c --------------------------------------------------------------- */

/* Does anybody view it, as far as one look tells that was taken after it was taken out? */
WEFT_CHECK bool weft_map_viewed(struct weft_map *map, uint64_t ref);

/* A handle is made; is about to be closed: its views end. */
void weft_map_views_begin(struct weft_map *map);
void weft_map_views_end(struct weft_map *map);

/* For recovery: ends all views of the desk. */
void weft_map_views_recover(struct weft_map_op *op);

/* ---- map_each.c ---------------------------------------------------------------- */

struct weft_map_item {
        struct weft_map_seen seen;
        uint64_t word, hash;
        uint64_t
                tie; /* even: what comes first among keys of one hash; 0 if it is alone */
};

#define WEFT_MAP_ITEMS 96 /* that lie in a walk itself */

/* Everything of one range of the hash, in its order. */
struct weft_map_walk {
        uint64_t last; /* hash of the range */
        uint32_t n, room;
        struct weft_map_item *items;
        struct weft_map_item *more; /* malloc()ed, or NULL */
        struct weft_map_item few[WEFT_MAP_ITEMS];
};

void weft_map_walk_begin(struct weft_map_walk *walk);
void weft_map_walk_end(struct weft_map_walk *walk);

/* Collects the entries whose hash is `from` or more and that have the home of `from`: each
 * key that is there all the time, once. In a reading. -ENOMEM, -EUCLEAN. */
WEFT_CHECK int weft_map_collect(struct weft_map_op *op, struct weft_map_walk *walk,
                                uint64_t from);

/* ---- map_expire.c: for those who walk -------------------------------------------- */

/* Is it an entry that is not there any more because of its time? */
WEFT_CHECK bool weft_map_item_over(struct weft_map_op *op,
                                   const struct weft_map_item *item);

/* Removes that very entry: 1, or 0 if it is not there any more. */
WEFT_CHECK int weft_map_remove_item(struct weft_map_op *op,
                                    const struct weft_map_item *item);

#endif
