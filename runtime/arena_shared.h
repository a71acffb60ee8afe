/* runtime/arena_shared.h -- the arena as it lies in its file.
 *
 *   file    [seat table][arena]   mapped apart: docs/design.md, "One file, two mappings"
 *   arena   [header][buckets][entries][summaries][regions: page tables][data pages]
 *
 * Every offset below counts from the start of the arena. Entries and regions are
 * sparse: committed as their frontier advances, never punched. Data pages are
 * committed and punched page by page; a page's record says which.
 *
 * Edges (release -> acquire)
 *   [M] create -> open   the header is written before the magic
 *   [F] advance a frontier -> use what lies below it   committed before counted
 */
#ifndef WEFT_RUNTIME_ARENA_SHARED_H
#define WEFT_RUNTIME_ARENA_SHARED_H

#include "runtime/shared.h"

#define WEFT_ARENA_MAGIC UINT64_C(0x3130306e65726177) /* "waren001": layout 1 */
#define WEFT_ARENA_FORMAT 1

/* Where the parts are: constant after create; each process checks and copies it. */
struct weft_geometry_shared {
        uint64_t arena_bytes; /* of the mapping */
        uint64_t buckets_at;
        uint64_t entries_at;
        uint64_t summaries_at;
        uint64_t regions_at;
        uint64_t data_at;
        uint64_t pages;   /* data pages */
        uint32_t entries; /* directory entries at most */
        uint32_t regions; /* page tables at most */
};
WEFT_PIN(struct weft_geometry_shared, 64);

struct weft_arena_shared {
        weft_a64_t magic;
        uint32_t format;
        uint32_t flags;
        uint64_t max_bytes;
        uint64_t keep_bytes;
        uint64_t created_ns;
        uint64_t reserved[3];
        struct weft_geometry_shared geometry;
        _Alignas(WEFT_LINE) weft_a32_t seats_used; /* seats ever taken: scans end there */
        weft_a32_t entries_ready;                  /* frontier: entries committed */
        weft_a32_t entry_hint;                     /* where a free entry may be */
        weft_a32_t regions_ready;                  /* frontier: regions committed */
        _Alignas(WEFT_LINE) weft_a64_t idle_pages; /* hint: free and committed */
        weft_a64_t run_hint;                       /* where to look for runs of pages */
};
WEFT_PIN(struct weft_arena_shared, 256);
WEFT_PIN_AT(struct weft_arena_shared, geometry, 64);
WEFT_PIN_AT(struct weft_arena_shared, seats_used, 128);

#endif
