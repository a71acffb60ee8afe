/* runtime/arena_huge.c -- large pages: for what is read at random, and to get much at once.
 *
 * Of tmpfs, whatever its mount says, by MADV_COLLAPSE (Linux 6.1); where that is not to be
 * had nothing happens. The kernel maps a large page where file offset and address agree
 * modulo its size, so the arena is mapped that way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "runtime/arena.h"
#include "runtime/arena_file.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

void *weft_map_aligned(int fd, uint64_t offset, uint64_t bytes, int prot, int flags)
{
        uint8_t *room = mmap(NULL, bytes + WEFT_HUGE_BYTES, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED)
                return mmap(NULL, bytes, prot, flags, fd, (off_t)offset);
        uint64_t skip = (offset - (uint64_t)(uintptr_t)room) % WEFT_HUGE_BYTES;
        void *at = mmap(room + skip, bytes, prot, flags | MAP_FIXED, fd, (off_t)offset);
        if (at == MAP_FAILED) {
                int err = errno;
                munmap(room, bytes + WEFT_HUGE_BYTES);
                errno = err;
                return at;
        }
        if (skip)
                munmap(room, skip);
        munmap(room + skip + bytes, WEFT_HUGE_BYTES - skip);
        return at;
}

static bool collapse(void *at, uint64_t bytes)
{
        int saved = errno;
        bool done = madvise(at, bytes, MADV_COLLAPSE) == 0;
        errno = saved;
        return done;
}

void weft_arena_huge(void *at, uint64_t bytes)
{
        uintptr_t from =
                ((uintptr_t)at + WEFT_HUGE_BYTES - 1) / WEFT_HUGE_BYTES * WEFT_HUGE_BYTES;
        uintptr_t to = ((uintptr_t)at + bytes) / WEFT_HUGE_BYTES * WEFT_HUGE_BYTES;
        if (from < to)
                (void)collapse((void *)from, to - from);
}

/* Of a large page that is all hole the kernel makes none. Of one with a single small page in it
 * it does, and has to copy but that one: which takes an eighth of what 512 small pages
 * take that become a large one afterwards. */
int weft_arena_commit_huge(weft_arena_t *arena, uint64_t at, uint64_t bytes)
{
        uint64_t end = at + bytes;
        uint64_t large = (uint64_t)(uintptr_t)(arena->base + at) % WEFT_HUGE_BYTES;
        large = large ? at + WEFT_HUGE_BYTES - large : at;
        int rc = large > at && large < end ? weft_arena_commit(arena, at, large - at) : 0;
        if (large < end)
                at = large;
        while (!rc && at < end && end - at >= WEFT_HUGE_BYTES) {
                rc = weft_arena_commit(arena, at, WEFT_SYSTEM_PAGE);
                if (!rc && !collapse(arena->base + at, WEFT_HUGE_BYTES))
                        break;
                at += WEFT_HUGE_BYTES;
        }
        return rc || at == end ? rc : weft_arena_commit(arena, at, end - at);
}
