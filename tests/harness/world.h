/* tests/harness/world.h -- the shared memory of a run: looked at, kept, made again. */
#ifndef WEFT_TESTS_HARNESS_WORLD_H
#define WEFT_TESTS_HARNESS_WORLD_H

#include "tests/harness/crash.h"

enum { WORLD_FILES = 4, WORLD_NAME = 64 };

/* A memfd, or a directory with a few files. */
struct world {
        int fd; /* or -1 */
        char dir[WORLD_NAME];
};

/* An immutable copy; images share equal pages. */
struct image;

/* The tracer's view of a world that is being changed. */
struct view;

int world_make_dir(struct world *w); /* an empty directory; errno on failure */
void world_drop(struct world *w);    /* closes the memfd, removes the directory */
void world_bury(struct world *w, const struct crash_kit *kit, uint32_t tid);

struct view *view_open(const struct world *w);
void view_close(struct view *v);
void view_refresh(struct view *v); /* files may have come, gone or changed size */

/* What is in the world now, or NULL if that is just `before` (which may be NULL). */
struct image *view_take(struct view *v, const struct image *before);

/* The same, where only the memory that process `pid` has mapped at [address, address + n)
 * may have changed. */
struct image *view_take_at(struct view *v, const struct image *before, uint64_t address,
                           uint64_t n);

/* Finds out where `pid` has the files of the view mapped. */
void view_find(struct view *v, pid_t pid);

uint64_t image_hash(const struct image *image);
struct image *image_share(struct image *image); /* one more to be freed */
void image_free(struct image *image);

/* A world of the same content, holes included. */
void image_make(const struct image *image, struct world *w);

#endif
