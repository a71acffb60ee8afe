/* runtime/arena_huge.c -- large pages for what is read at random.
 *
 * Of tmpfs, whatever its mount says, by MADV_COLLAPSE (Linux 6.1); where that is not to be
 * had nothing happens. The kernel maps a large page where file offset and address agree
 * modulo its size, so the arena is mapped that way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "runtime/arena.h"

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

void weft_arena_huge(void *at, uint64_t bytes)
{
        uintptr_t from =
                ((uintptr_t)at + WEFT_HUGE_BYTES - 1) / WEFT_HUGE_BYTES * WEFT_HUGE_BYTES;
        uintptr_t to = ((uintptr_t)at + bytes) / WEFT_HUGE_BYTES * WEFT_HUGE_BYTES;
        int saved = errno;
        if (from < to)
                (void)madvise((void *)from, to - from, MADV_COLLAPSE);
        errno = saved;
}
