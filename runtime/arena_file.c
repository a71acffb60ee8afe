/* runtime/arena_file.c -- the file behind an arena. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/arena_file.h"
#include "runtime/block.h"
#include "runtime/object.h"

#define PREFIX "weft."
#define PATH_BYTES 4096

static const char *directory(void)
{
        const char *dir = secure_getenv("WEFT_DIR");
        return dir && *dir ? dir : "/dev/shm";
}

int weft_file_check_name(const char *name)
{
        if (!name || !*name || *name == '.' || strchr(name, '/'))
                return -EINVAL;
        return strlen(name) > WEFT_ARENA_NAME_MAX ? -ENAMETOOLONG : 0;
}

static int path_of(const char *name, char path[PATH_BYTES])
{
        int rc = weft_file_check_name(name);
        if (rc)
                return rc;
        int n = snprintf(path, PATH_BYTES, "%s/" PREFIX "%s", directory(), name);
        return n < 0 || n >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

/* ---- geometry ------------------------------------------------------------ */

static uint64_t up(uint64_t n, uint64_t to)
{
        return (n + to - 1) / to * to;
}

void weft_geometry(uint64_t max_bytes, uint32_t max_objects,
                   struct weft_geometry_shared *g)
{
        const uint64_t huge = UINT64_C(2) << 20;
        uint64_t region_pages = weft_block_region_pages();

        memset(g, 0, sizeof *g);
        g->pages = max_bytes / WEFT_PAGE_BYTES;
        g->regions = (uint32_t)((g->pages + region_pages - 1) / region_pages);
        g->entries = max_objects;
        g->buckets_at = WEFT_SYSTEM_PAGE;
        g->entries_at = g->buckets_at + up(weft_objects_bucket_bytes(), WEFT_SYSTEM_PAGE);
        g->summaries_at = up(g->entries_at + weft_objects_entry_bytes() * max_objects,
                             WEFT_SYSTEM_PAGE);
        g->regions_at = up(g->summaries_at + weft_block_summary_bytes(g->regions),
                           WEFT_SYSTEM_PAGE);
        /* Data lies on huge-page boundaries of the file. */
        g->data_at = up(WEFT_SEATS_BYTES + g->regions_at +
                                weft_block_region_bytes() * g->regions,
                        huge) -
                     WEFT_SEATS_BYTES;
        g->arena_bytes = g->data_at + g->pages * WEFT_PAGE_BYTES;
}

/* ---- making and finding -------------------------------------------------- */

/* Never in the place of a standard descriptor that the caller has closed, as daemons do:
 * what somebody prints, or a child inherits, would go into the arena. */
static int off_the_first(int fd)
{
        if (fd < 0 || fd > 2)
                return fd;
        int high = fcntl(fd, F_DUPFD_CLOEXEC, 3), err = errno;
        close(fd);
        errno = err;
        return high;
}

int weft_file_make(const char *name, uint64_t bytes, uint32_t mode)
{
        int fd = off_the_first(
                name ? open(directory(), O_TMPFILE | O_RDWR | O_CLOEXEC, mode)
                     : memfd_create("weft", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if (fd < 0)
                return -errno;
        /* fchmod: what was asked for, whatever the umask. Sealed: nobody can cut a memfd
         * short under those who have it mapped. */
        if (fchmod(fd, mode) || ftruncate(fd, (off_t)bytes) ||
            (!name &&
             fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))) {
                int err = -errno;
                close(fd);
                return err == -EFBIG ? -ENOSPC : err;
        }
        return fd;
}

int weft_file_publish(int fd, const char *name)
{
        char path[PATH_BYTES], self[64];
        int rc = path_of(name, path);
        if (rc)
                return rc;
        snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
        if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW)) /* LP of create */
                return -errno;
        return 0;
}

int weft_file_check(int fd)
{
        struct stat st;
        if (fstat(fd, &st))
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EPROTO;
        uid_t me = geteuid();
        if (st.st_uid != me && st.st_uid != 0 && me != 0)
                return -EPERM;
        return st.st_mode & (S_ISUID | S_ISGID | S_IXUSR | S_IXGRP | S_IXOTH) ? -EPERM
                                                                              : 0;
}

int weft_file_open(const char *name, int flags)
{
        char path[PATH_BYTES];
        int rc = path_of(name, path);
        if (rc)
                return rc;
        int mode = flags & WEFT_RDONLY ? O_RDONLY : O_RDWR;
        int fd = off_the_first(
                open(path, mode | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        if (fd < 0)
                return errno == ENXIO || errno == EISDIR ? -EPROTO : -errno;
        rc = weft_file_check(fd);
        if (rc) {
                close(fd);
                return rc;
        }
        return fd;
}

int weft_file_again(int fd, int flags)
{
        char self[64];
        int again;
        if (flags & WEFT_RDONLY) {
                snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
                again = off_the_first(open(self, O_RDONLY | O_CLOEXEC));
        } else {
                again = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        }
        return again < 0 ? -errno : again;
}

int weft_file_header(int fd, struct weft_arena_shared *header)
{
        ssize_t n = pread(fd, header, sizeof *header, (off_t)WEFT_SEATS_BYTES);
        if (n < 0)
                return errno == EISDIR || errno == ESPIPE ? -EPROTO : -errno;
        if ((size_t)n != sizeof *header || header->magic.raw != WEFT_ARENA_MAGIC ||
            header->format != WEFT_ARENA_FORMAT)
                return -EPROTO;
        return 0;
}

int weft_file_remove(const char *name)
{
        char path[PATH_BYTES];
        struct weft_arena_shared header;
        int rc = path_of(name, path);
        if (rc)
                return rc;
        int fd = weft_file_open(name, WEFT_RDONLY);
        if (fd < 0)
                return fd;
        rc = weft_file_header(fd, &header);
        close(fd);
        if (rc)
                return rc;
        return unlink(path) ? -errno : 0;
}

int weft_arena_list(int (*each)(const char *name, void *context), void *context)
{
        if (!each)
                return -EINVAL;
        int saved = errno, rc = 0;
        DIR *dir = opendir(directory());
        if (!dir) {
                rc = -errno;
                errno = saved;
                return rc;
        }
        for (struct dirent *e = readdir(dir); e && !rc; e = readdir(dir)) {
                const char *name = e->d_name + sizeof PREFIX - 1;
                struct weft_arena_shared header;
                if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) != 0 ||
                    weft_file_check_name(name))
                        continue;
                int fd = weft_file_open(name, WEFT_RDONLY);
                if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
                        rc = fd; /* an empty list would not be true */
                if (fd < 0)
                        continue;
                if (!weft_file_header(fd, &header))
                        rc = each(name, context);
                close(fd);
        }
        closedir(dir);
        errno = saved;
        return rc;
}

/* ---- memory -------------------------------------------------------------- */

/* In parts: a signal cuts a fallocate short, and it begins anew. */
int weft_file_commit(int fd, uint64_t from, uint64_t bytes)
{
        const uint64_t part = UINT64_C(64) << 20;
        int saved = errno, rc = 0;
        for (uint64_t at = from; at < from + bytes && !rc; at += part) {
                uint64_t n = from + bytes - at < part ? from + bytes - at : part;
                do
                        rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n);
                while (rc && errno == EINTR);
                rc = rc ? -errno : 0;
        }
        errno = saved;
        return rc == -EFBIG || rc == -ENOMEM ? -ENOSPC : rc;
}

int weft_arena_commit(weft_arena_t *arena, uint64_t at, uint64_t bytes)
{
        uint64_t from = at / WEFT_SYSTEM_PAGE * WEFT_SYSTEM_PAGE;
        uint64_t to = up(at + bytes, WEFT_SYSTEM_PAGE);
        return weft_file_commit(arena->fd, WEFT_SEATS_BYTES + from, to - from);
}

int weft_arena_punch(weft_arena_t *arena, uint64_t at, uint64_t bytes)
{
        int saved = errno, rc;
        do
                rc = fallocate(arena->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               (off_t)(WEFT_SEATS_BYTES + at), (off_t)bytes);
        while (rc && errno == EINTR);
        rc = rc ? -errno : 0;
        errno = saved;
        return rc;
}

static int lock(int fd, int command, struct flock *l)
{
        int saved = errno, rc = fcntl(fd, command, l) ? -errno : 0;
        errno = saved;
        return rc;
}

int weft_file_lock_shared(int fd)
{
        struct flock l = {
                .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1
        };
        return lock(fd, F_OFD_SETLK, &l);
}

bool weft_arena_no_strangers(weft_arena_t *arena)
{
        struct flock l = {
                .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1
        };
        return lock(arena->fd, F_OFD_GETLK, &l) == 0 && l.l_type == F_UNLCK;
}
