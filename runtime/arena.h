/* runtime/arena.h -- one arena in this process. */
#ifndef WEFT_RUNTIME_ARENA_H
#define WEFT_RUNTIME_ARENA_H

#include <weft/arena.h>

#include "runtime/arena_shared.h"

struct weft_agent;
struct weft_handle;
struct weft_seat_shared;

struct weft_arena {
        uint8_t *base;                   /* the mapping */
        struct weft_arena_shared *sh;    /* == base */
        struct weft_seat_shared *seats;  /* WEFT_AGENTS_MAX of them */
        struct weft_geometry_shared geo; /* checked copy: trust this, not sh */
        uint64_t keep_pages;             /* free pages kept committed */
        uint64_t serial;                 /* unique in this process, never reused */
        int fd;
        bool readonly;
        bool registered;             /* with membarrier: pages may be punched */
        uint32_t opens;              /* under weft_registry_lock() */
        uint32_t leaving;            /* agents that are; under that lock */
        struct weft_agent *agents;   /* of this process; under that lock */
        struct weft_handle *handles; /* open objects; under that lock */
        struct weft_arena *next;
        char name[WEFT_ARENA_NAME_MAX + 1];
};

/* One process-local lock for rare things: opening, joining, closing. Held over
 * fork(), so that a child finds it free. */
void weft_registry_lock(void);
void weft_registry_unlock(void);

/* Backs arena bytes [at, at + bytes) with memory. Idempotent. -ENOSPC. */
WEFT_CHECK int weft_arena_commit(weft_arena_t *arena, uint64_t at, uint64_t bytes);

/* Gives them back to the system: they read as zeroes afterwards, and on a full tmpfs
 * reading them is SIGBUS. The caller makes sure that nobody does. */
WEFT_CHECK int weft_arena_punch(weft_arena_t *arena, uint64_t at, uint64_t bytes);

/* mmap(), placed so that large pages are possible; `bytes` is a multiple of 4096. */
void *weft_map_aligned(int fd, uint64_t offset, uint64_t bytes, int prot, int flags);

#define WEFT_HUGE_BYTES (UINT64_C(1) << 21)

/* As weft_arena_commit(); of an arena of large pages on those, wherever that can be. */
WEFT_CHECK int weft_arena_commit_huge(weft_arena_t *arena, uint64_t at, uint64_t bytes);

/* True when no read-only process has the arena mapped (those have no seat to show
 * themselves in; they hold a shared file lock). */
bool weft_arena_no_strangers(weft_arena_t *arena);

#endif
