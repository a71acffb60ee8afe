/* runtime/block.h -- blocks for the rooms above, beyond <weft/block.h>. */
#ifndef WEFT_RUNTIME_BLOCK_H
#define WEFT_RUNTIME_BLOCK_H

#include <weft/block.h>

#include "runtime/agent.h"

/* Frees `ref` if, and only if, `owner` owns it now; -ENOENT when that is no longer so.
 * So it can be repeated: recovery does. */
int weft_block_free_from(struct weft_agent *agent, weft_ref_t ref, weft_owner_t owner);

/* Hands over `ref` from one owner to another; -ENOENT if `from` does not own it. */
WEFT_CHECK int weft_block_pass(weft_arena_t *arena, weft_ref_t ref, weft_owner_t from,
                               weft_owner_t to);

/* Where `ref` leads as the pages are cut now, and the room there; NULL if no block begins
 * there. Whether the ref is stale it does not say: for who is reading, and finds that out
 * in another way afterwards. Good until the end of the reading. */
WEFT_CHECK const void *weft_block_peek(weft_arena_t *arena, weft_ref_t ref,
                                       uint64_t *room);

/* The same, for who is about to take it out and free it: its word is fetched meanwhile. */
WEFT_CHECK const void *weft_block_peek_to_free(weft_arena_t *arena, weft_ref_t ref,
                                               uint64_t *room);

/* The room that a block has which was asked for with so many bytes. */
uint64_t weft_block_room(uint64_t bytes);

/* free_from and alloc in one step: `*ref` of `from` becomes the agent's, as another block
 * in the same place, with a new ref. -ENOENT if `from` does not own it, or it is a span. */
WEFT_CHECK int weft_block_renew(struct weft_agent *agent, weft_ref_t *ref,
                                weft_owner_t from, uint64_t *room);

/* Returns everything that the agent signed `agent->sig` owns: claims on pages, slabs,
 * blocks. Run by a leaving agent for itself, or by the recoverer who acts as the dead.
 * Idempotent; O(committed pages); restores every hint it passes. */
void weft_block_settle(struct weft_agent *agent);

/* Frees every block that `owner` (an object) owns. O(committed pages). */
void weft_block_free_all(struct weft_agent *agent, weft_owner_t owner);

/* Drops the process-local part of an agent's cache. */
void weft_block_cache_drop(struct weft_agent *agent);

/* Counts. `owned` tells whether an owner is there (may be NULL); read-only safe. */
void weft_block_census(weft_arena_t *arena, bool (*there)(weft_arena_t *, weft_owner_t),
                       struct weft_census *census);

/* Bytes of data pages that are committed, and of blocks owned; for info. */
void weft_block_usage(weft_arena_t *arena, uint64_t *committed, uint64_t *used,
                      uint64_t *table);

/* Punches all free committed pages that nobody can be reading; bytes given back. */
WEFT_CHECK int64_t weft_block_trim(struct weft_agent *agent);

/* Sizes of the two tables that belong to blocks, for `pages` data pages. */
uint64_t weft_block_summary_bytes(uint64_t regions);
uint64_t weft_block_region_bytes(void); /* one page table, multiple of 4096 */
uint64_t weft_block_region_pages(void); /* data pages it describes */

#endif
