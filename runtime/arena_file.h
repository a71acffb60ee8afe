/* runtime/arena_file.h -- the file behind an arena: names, creation, opening. */
#ifndef WEFT_RUNTIME_ARENA_FILE_H
#define WEFT_RUNTIME_ARENA_FILE_H

#include "runtime/arena.h"

#define WEFT_SEATS_BYTES \
        (WEFT_AGENTS_MAX_ * UINT64_C(128)) /* before the arena, in the file */
#define WEFT_AGENTS_MAX_ UINT64_C(1024)

/* All offsets of an arena that holds `max_bytes` (a multiple of WEFT_PAGE_BYTES). */
void weft_geometry(uint64_t max_bytes, uint32_t max_objects,
                   struct weft_geometry_shared *geometry);

/* 0, or what is wrong with the name: -EINVAL, -ENAMETOOLONG. */
WEFT_CHECK int weft_file_check_name(const char *name);

/* An unnamed file of `bytes` bytes in the directory of arenas, or a memfd if `name` is
 * NULL. Returns the descriptor or an error. */
WEFT_CHECK int weft_file_make(const char *name, uint64_t bytes, uint32_t mode);

/* Gives the unnamed file its name, at once and whole. -EEXIST. */
WEFT_CHECK int weft_file_publish(int fd, const char *name);

/* Opens by name; checks type, owner and mode. */
WEFT_CHECK int weft_file_open(const char *name, int flags);
WEFT_CHECK int weft_file_check(int fd);

/* A descriptor of our own for the file behind `fd`. A read-only one is a fresh opening,
 * not a duplicate: it must not be able to write, and locks belong to openings. */
WEFT_CHECK int weft_file_again(int fd, int flags);

WEFT_CHECK int weft_file_remove(const char *name);

/* Reads the header of an arena without mapping it; -EPROTO if it is none. */
WEFT_CHECK int weft_file_header(int fd, struct weft_arena_shared *header);

/* Backs a part of the file with memory. -ENOSPC. */
WEFT_CHECK int weft_file_commit(int fd, uint64_t from, uint64_t bytes);

/* Shows this reader, who has no seat, to those who want to punch pages. */
WEFT_CHECK int weft_file_lock_shared(int fd);

#endif
