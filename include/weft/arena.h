/* weft/arena.h -- shared memory that processes meet in.
 *
 * An arena is one file of shared memory: a named one, or a memfd that travels as a
 * file descriptor. It is sparse and as large as it may ever grow; memory is
 * committed before anyone is handed a byte of it, so a full tmpfs is -ENOSPC from
 * the call that needed the memory and never SIGBUS.
 *
 * Progress  create and open make system calls; nothing waits for another process.
 * Crash     an arena is there whole, or not at all: it is built without a name and
 *           then linked under it. Whoever dies later is settled by the survivors.
 * Threads   a handle may be used by all threads of a process. Close it when no
 *           thread uses it any more. After fork() the child may go on using it: its
 *           first operation makes it an agent of its own. exec() ends it.
 */
#ifndef WEFT_ARENA_H
#define WEFT_ARENA_H

#include <sys/types.h>
#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_ARENA_NAME_MAX 200            /* bytes, without the final 0 */
#define WEFT_ARENA_MIN (UINT64_C(1) << 20) /* smallest max_bytes: 1 MiB */
#define WEFT_ARENA_MAX (UINT64_C(1) << 40) /* largest max_bytes: 1 TiB */

enum {
        WEFT_ARENA_COMMIT_ALL =
                1, /* commit max_bytes at once: no -ENOSPC by tmpfs later */
        WEFT_ARENA_EPHEMERAL = 2,   /* belongs to a run: `weft` commands remove it once
                                      nobody in it is alive */
        WEFT_ARENA_LARGE_PAGES = 4, /* memory comes as large pages, where the system has
                                      them: new memory is there in a fraction of the time,
                                      but the system may let who asks for it wait for
                                      all processors, seconds where those are crowded */
};

struct weft_arena_options {
        uint64_t max_bytes;   /* the most it may ever hold; 0 is 1 GiB */
        uint64_t keep_bytes;  /* free memory kept committed; 0 is 8 MiB, ~0 is all */
        uint32_t max_objects; /* directory entries; 0 is 4096; at most 65536 */
        uint32_t mode;        /* permission bits of the file; 0 is 0600 */
        uint32_t flags;       /* WEFT_ARENA_... */
        uint32_t reserved;    /* 0 */
};

/*
 * Makes an arena and opens it. `name` is 1 to WEFT_ARENA_NAME_MAX bytes without '/',
 * not starting with '.'; NULL makes a memfd without a name, to be passed on by
 * weft_arena_fd() or fork(). `options` may be NULL. The named file is
 * /dev/shm/weft.NAME, or $WEFT_DIR/weft.NAME.
 * -EEXIST, -EINVAL, -ENAMETOOLONG, -ENOSPC, -ENOMEM, -EACCES, -EMFILE (no descriptor).
 */
WEFT_API WEFT_CHECK int weft_arena_create(const char *name,
                                          const struct weft_arena_options *options,
                                          weft_arena_t **arena);

/*
 * Opens an arena by name, WEFT_RDWR or WEFT_RDONLY. Refuses symbolic links (-ELOOP),
 * files of another user unless that user is root or we are (-EPERM), files that
 * are no arena or of another format (-EPROTO). An arena that this process has open
 * already is shared: the same handle comes back and must be closed once more.
 */
WEFT_API WEFT_CHECK int weft_arena_open(const char *name, int flags,
                                        weft_arena_t **arena);

/* The same by file descriptor (of a memfd, or received from another process). The
 * descriptor is duplicated; the caller keeps its own. */
WEFT_API WEFT_CHECK int weft_arena_open_fd(int fd, int flags, weft_arena_t **arena);

/* The arena's descriptor, to be passed on; owned by the handle; close-on-exec. */
WEFT_API int weft_arena_fd(const weft_arena_t *arena);

/* The name it was created or opened by; "" for a memfd. Lives as long as the handle. */
WEFT_API const char *weft_arena_name(const weft_arena_t *arena);

/* Ends one open. The last one gives back this process's seats and unmaps: every
 * pointer into the arena is invalid then. NULL is allowed. */
WEFT_API void weft_arena_close(weft_arena_t *arena);

/* Takes the name away at once; the memory goes when the last process closes or
 * dies. -ENOENT, -EPERM, -EACCES, -EPROTO (not an arena: nothing is removed). */
WEFT_API WEFT_CHECK int weft_arena_remove(const char *name);

/* Calls `each` with the name of every arena in the directory of arenas that this
 * user may read. A non-zero return of `each` ends it and is returned. */
WEFT_API WEFT_CHECK int weft_arena_list(int (*each)(const char *name, void *context),
                                        void *context);

struct weft_arena_info {
        uint64_t max_bytes;       /* as created */
        uint64_t committed_bytes; /* backed by memory now, tables included */
        uint64_t used_bytes;      /* in blocks that somebody owns, rounded to classes */
        uint64_t free_bytes;      /* committed, in data pages, owned by nobody */
        uint64_t table_bytes; /* of committed_bytes: header, seats, directory, pages */
        uint32_t agents;      /* seats taken, the caller's own included */
        uint32_t dead;        /* of them, found dead and not settled yet */
        uint32_t objects;     /* live directory entries */
        uint32_t max_objects;
        uint32_t mode, uid;  /* of the file */
        uint32_t flags;      /* WEFT_ARENA_... */
        uint32_t format;     /* version of the shared layout */
        uint64_t created_ns; /* CLOCK_REALTIME */
};

/* A snapshot; exact while nobody changes the arena. O(committed pages). Works on a
 * read-only handle. */
WEFT_API WEFT_CHECK int weft_arena_info(weft_arena_t *arena,
                                        struct weft_arena_info *info);

/* Punches out free committed memory that nobody can be reading; returns the bytes
 * given back to the system. Lock-free, makes system calls. -EROFS. */
WEFT_API WEFT_CHECK int64_t weft_arena_trim(weft_arena_t *arena);

struct weft_recovery {
        uint32_t settled; /* dead agents settled by this call */
        uint32_t alive;   /* agents found alive */
        uint32_t failed;  /* dead, but an object of theirs is of no kind known here */
        uint32_t reserved;
};

/*
 * Looks for dead agents and settles them: redoes their intents, returns what they
 * owned, wakes who waited with them, frees their seats. Operations do this by
 * themselves where the dead are in their way; a call makes it happen now. Never waits.
 * Idempotent; may be killed anywhere. `report` may be NULL. -EROFS, -EUCLEAN, -ENOTSUP (see
 * weft_agent_join()).
 */
WEFT_API WEFT_CHECK int weft_arena_recover(weft_arena_t *arena,
                                           struct weft_recovery *report);

struct weft_census {
        uint64_t free_bytes;   /* in data pages: owned by nobody */
        uint64_t agent_bytes;  /* by agents, alive or not */
        uint64_t object_bytes; /* by objects */
        uint64_t arena_bytes;  /* by the arena: weft_block_share() */
        uint64_t data_bytes;   /* the sum: all committed data pages */
        uint64_t
                orphan_bytes; /* of them, owned by an agent or object that is not there */
        uint64_t lost_pages;  /* pages in no known state */
        uint32_t orphans;     /* blocks owned by an agent or object that is not there */
        uint32_t corrupt;     /* objects whose check failed */
};

/* Counts every block by owner and checks every object. Exact while nobody changes
 * the arena; otherwise a careful estimate. 0 when it is whole, -EUCLEAN when
 * something is lost, orphaned or corrupt: `census` says what. Works read-only. */
WEFT_API WEFT_CHECK int weft_arena_check(weft_arena_t *arena, struct weft_census *census);

#ifdef __cplusplus
}
#endif
#endif
