/* runtime/arena_huge.c -- large pages, for arenas that are made with WEFT_ARENA_LARGE_PAGES.
 *
 * Of tmpfs, whatever its mount says, by MADV_COLLAPSE (Linux 6.1); where that is not to be
 * had nothing happens. The kernel maps a large page where file offset and address agree
 * modulo its size, so the arena is mapped that way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include <weft/wait.h>

#include "runtime/arena.h"
#include "runtime/arena_file.h"
#include "runtime/atomic.h"

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

/* The kernel asks all processors to put their lists of pages in order first, and waits for them:
 * on a crowded machine that has been half a minute. So it is done only where it was asked for, and
 * who has waited long does without for fifty times as long: there are small pages, too. What is
 * work is not counted: where a virtual machine gets its memory from its host when it first
 * touches it, that is most of the time, and would be so with small pages, too. */
enum { LONG_NS = 1000000, DEAR = 50 }; /* a large page */

static uint64_t worked(void)
{
        struct timespec t;
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static weft_a64_t too_soon; /* of this process: until then, CLOCK_MONOTONIC */

static bool collapse(void *at, uint64_t bytes)
{
        uint64_t begin = weft_now();
        if (begin < weft_load_rlx(&too_soon))
                return false;
        int saved = errno;
        uint64_t work = worked();
        bool done = madvise(at, bytes, MADV_COLLAPSE) == 0;
        work = worked() - work;
        errno = saved;
        uint64_t end = weft_now(), took = end - begin;
        uint64_t waited = took > work ? took - work : 0;
        if (waited > bytes / WEFT_HUGE_BYTES * LONG_NS)
                weft_store_rlx(&too_soon, end + waited * DEAR);
        return done;
}

/* Of a large page that is all hole the kernel makes none. Of one with a single small page in it
 * it does, and has to copy but that one: which takes an eighth of what 512 small pages
 * take that become a large one afterwards. */
static bool commit_large(weft_arena_t *arena, uint64_t from, uint64_t to)
{
        for (uint64_t at = from; at < to; at += WEFT_HUGE_BYTES)
                if (weft_arena_commit(arena, at, WEFT_SYSTEM_PAGE))
                        return false;
        return collapse(arena->base + from, to - from);
}

int weft_arena_commit_huge(weft_arena_t *arena, uint64_t at, uint64_t bytes)
{
        uint64_t end = at + bytes;
        uint64_t off = (uint64_t)(uintptr_t)(arena->base + at) % WEFT_HUGE_BYTES;
        uint64_t from = off ? at + WEFT_HUGE_BYTES - off : at;
        uint64_t to = end - (off + bytes) % WEFT_HUGE_BYTES;
        if (!(arena->sh->flags & WEFT_ARENA_LARGE_PAGES) || from >= to ||
            !commit_large(arena, from, to))
                return weft_arena_commit(arena, at, bytes);
        int rc = from > at ? weft_arena_commit(arena, at, from - at) : 0;
        return rc || to == end ? rc : weft_arena_commit(arena, to, end - to);
}
