/* weft/block.h -- memory in an arena: allocate anywhere, free anywhere.
 *
 * Size classes from 16 B to 64 KiB in slabs that agents own, and spans of 64 KiB
 * pages for more, up to the arena's size. Every block carries its owner, so that what
 * the dead owned comes back, and a census is exact.
 *
 * Progress  lock-free; O(1) up to 64 KiB; larger blocks search the page table.
 * Crash     a block belongs to exactly one owner at every instant. What an agent owns
 *           is freed when it ends or dies. Give a block away (weft_block_give,
 *           weft_block_share) before you let others keep a ref to it.
 * Errors    -ENOSPC arena or tmpfs full; the same call succeeds once there is room
 *           -ENOENT the ref is none, stale or no block; -EPERM not yours
 *           -EROFS, -EINVAL
 * Threads   every call speaks for the calling thread's agent.
 * Source    slabs with free lists a thread owns: Leijen, Zorn, de Moura, "Mimalloc"
 *           (APLAS 2019); owners in shared slabs: Cxlalloc (ASPLOS 2026).
 */
#ifndef WEFT_BLOCK_H
#define WEFT_BLOCK_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes `bytes` bytes (1 up), not zeroed, aligned to 16, and to 64 from 64 bytes on.
 * The calling agent owns the block. `*at` is its address here; `at` may be NULL. */
WEFT_API WEFT_CHECK int weft_block_alloc(weft_arena_t *arena, uint64_t bytes,
                                         weft_ref_t *ref, void **at);

/* Gives a block back. The owner may (-EPERM for another agent's); anyone may free what
 * the arena or an object owns. Never twice: the second is -ENOENT. */
WEFT_API WEFT_CHECK int weft_block_free(weft_arena_t *arena, weft_ref_t ref);

/* The address of `bytes` bytes of the block, or NULL when the ref is none, stale, or
 * shorter than that. Valid while the block's owner keeps it. Wait-free; works
 * read-only. */
WEFT_API void *weft_at(weft_arena_t *arena, weft_ref_t ref, uint64_t bytes);

/* The usable bytes of the block: at least what was asked for; 0 for a stale ref. */
WEFT_API uint64_t weft_block_bytes(weft_arena_t *arena, weft_ref_t ref);

/* Who owns it now; {0} for nobody (a stale ref). */
WEFT_API weft_owner_t weft_block_owner(weft_arena_t *arena, weft_ref_t ref);

/* Hands a block of this agent's over to an object (see <weft/object.h>), with which
 * it will be freed, or to the arena, where it stays until somebody frees it. Have the
 * object open while you give: -ENOENT if it is not there. */
WEFT_API WEFT_CHECK int weft_block_give(weft_arena_t *arena, weft_ref_t ref,
                                        weft_owner_t owner);
WEFT_API WEFT_CHECK int weft_block_share(weft_arena_t *arena, weft_ref_t ref);

/* Takes a block over from the arena or an object: exactly one claimer wins, the
 * others get -EPERM (another agent's) or -ENOENT. */
WEFT_API WEFT_CHECK int weft_block_claim(weft_arena_t *arena, weft_ref_t ref);

#ifdef __cplusplus
}
#endif
#endif
