/* codata/stream_lines.c -- the lines of a file.
 *
 * Text is read, not mapped: a file that is cut short while it is read ends early, and kills
 * nobody. Lines lie in a buffer of blocks: [at, end) of the newest one is text that has no
 * newline yet. When there is no room, that part moves to the front of the buffer, or, with
 * KEEP or where it fills the buffer, to a new one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codata/stream_internal.h"

#define BLOCK (UINT64_C(256) << 10)

struct block {
        struct block *older;
        size_t room;
        char text[];
};

struct lines {
        char *path; /* NULL: the descriptor is the caller's */
        struct block *block;
        size_t at, end, seen; /* of the newest block; [at, seen) has no newline */
        off_t begin; /* where the caller's descriptor stood; -1: it cannot seek */
        int fd;
        uint32_t flags;
        bool ended, waits; /* waits: it is no plain file */
};

static void drop_blocks(struct block *b)
{
        while (b) {
                struct block *older = b->older;
                free(b);
                b = older;
        }
}

/* The newest block gets room for more text. Its old place stays for lines that were given, as
 * far as they are kept; else nobody reads them any more: this is a new pull. */
static int make_room(struct lines *l)
{
        struct block *b = l->block;
        size_t tail = b ? l->end - l->at : 0;
        if (b && l->end < b->room)
                return 0;
        if (b && !(l->flags & WEFT_LINES_KEEP) && tail <= b->room / 2) {
                memmove(b->text, b->text + l->at, tail);
        } else {
                size_t room = BLOCK;
                while (room < 2 * tail)
                        room *= 2;
                struct block *more = malloc(sizeof *more + room);
                if (!more)
                        return -ENOMEM;
                more->room = room;
                more->older = b;
                if (tail)
                        memcpy(more->text, b->text + l->at, tail);
                if (b && !(l->flags & WEFT_LINES_KEEP)) {
                        drop_blocks(b);
                        more->older = NULL;
                }
                l->block = more;
        }
        l->seen -= l->at;
        l->at = 0;
        l->end = tail;
        return 0;
}

static int wait_for(int fd, uint64_t deadline)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        for (;;) {
                uint64_t now = deadline == WEFT_NOW ? 0 : weft_now();
                uint64_t left = deadline > now ? deadline - now : 0;
                struct timespec ts = { (time_t)(left / WEFT_SEC),
                                       (long)(left % WEFT_SEC) };
                int n = ppoll(&p, 1, deadline == WEFT_NEVER ? NULL : &ts, NULL);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0 && left == 0)
                        return deadline == WEFT_NOW ? -EAGAIN : -ETIMEDOUT;
        }
}

/* 0: more text is there, or the end has been seen. */
static int read_more(struct lines *l, uint64_t deadline)
{
        int rc = make_room(l);
        while (!rc) {
                if (l->waits && deadline != WEFT_NEVER)
                        rc = wait_for(l->fd, deadline);
                if (rc)
                        break;
                ssize_t got =
                        read(l->fd, l->block->text + l->end, l->block->room - l->end);
                if (got >= 0) {
                        l->ended = got == 0;
                        l->end += (size_t)got;
                        return 0;
                }
                if (errno == EAGAIN)
                        rc = wait_for(l->fd, deadline);
                else if (errno != EINTR)
                        rc = -errno;
        }
        return rc;
}

static void give(const struct lines *l, char *items, size_t n, const char *text,
                 size_t bytes)
{
        if (l->flags & WEFT_LINES_CRLF && bytes && text[bytes - 1] == '\r')
                bytes--;
        struct weft_line line = { text, bytes };
        memcpy(items + n * sizeof line, &line, sizeof line);
}

/* The whole lines that have been read. */
static size_t split(struct lines *l, char *items, size_t n)
{
        size_t done = 0;
        while (done < n && l->seen < l->end) {
                const char *text = l->block->text;
                const char *stop = memchr(text + l->seen, '\n', l->end - l->seen);
                if (!stop) {
                        l->seen = l->end;
                        break;
                }
                give(l, items, done++, text + l->at, (size_t)(stop - text) - l->at);
                l->at = l->seen = (size_t)(stop - text) + 1;
        }
        return done;
}

static int64_t pull(struct lines *l, void *items, size_t n, uint64_t deadline)
{
        for (;;) {
                size_t done = split(l, items, n);
                if (done)
                        return (int64_t)done;
                if (l->ended)
                        break;
                int rc = read_more(l, deadline);
                if (rc)
                        return rc;
        }
        if (l->at == l->end)
                return 0;
        give(l, items, 0, l->block->text + l->at, l->end - l->at);
        l->at = l->end;
        return 1;
}

static int open_it(struct lines *l)
{
        struct stat st;
        if (l->path && l->fd < 0)
                l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
        if (l->fd < 0 || fstat(l->fd, &st))
                return -errno;
        l->waits = !S_ISREG(st.st_mode);
        return 0;
}

static int64_t lines_pull(weft_stream_t *s, void *state, void *items, size_t n,
                          uint64_t deadline)
{
        struct lines *l = state;
        int saved = errno;
        int64_t got = l->fd < 0 ? open_it(l) : 0;
        (void)s;
        if (!got)
                got = pull(l, items, n, deadline);
        errno = saved;
        return got;
}

static int lines_rewind(weft_stream_t *s, void *state)
{
        struct lines *l = state;
        int saved = errno, rc = 0;
        (void)s;
        if (l->path) {
                if (l->fd >= 0)
                        close(l->fd);
                l->fd = -1;
        } else if (lseek(l->fd, l->begin, SEEK_SET) < 0) {
                rc = -errno;
        }
        drop_blocks(l->block);
        l->block = NULL;
        l->at = l->end = l->seen = 0;
        l->ended = false;
        errno = saved;
        return rc;
}

static void lines_free(weft_stream_t *s, void *state)
{
        struct lines *l = state;
        (void)s;
        if (l->path && l->fd >= 0)
                close(l->fd);
        drop_blocks(l->block);
        free(l->path);
}

static const struct weft_stream_class lines_class = {
        .name = "lines", .pull = lines_pull, .rewind = lines_rewind, .free = lines_free
};
static const struct weft_stream_class pipe_class = { .name = "lines",
                                                     .pull = lines_pull,
                                                     .free = lines_free };

static weft_stream_t *make(const struct weft_stream_class *class_of, uint32_t flags,
                           struct lines **l)
{
        if (flags & ~(uint32_t)(WEFT_LINES_CRLF | WEFT_LINES_KEEP))
                return weft_stream_spoil(NULL, -EINVAL, "lines: unknown flags");
        weft_stream_t *s = weft_stream_make(class_of, sizeof **l, NULL, 0,
                                            sizeof(struct weft_line), l);
        if (*l) {
                (*l)->flags = flags;
                (*l)->fd = -1;
        }
        return s;
}

weft_stream_t *weft_stream_lines(const char *path, uint32_t flags)
{
        struct lines *l = NULL;
        int saved = errno;
        if (!path)
                return weft_stream_spoil(NULL, -EINVAL, "lines: no path (NULL)");
        weft_stream_t *s = make(&lines_class, flags, &l);
        if (l) {
                size_t bytes = strlen(path) + 1;
                l->path = malloc(bytes);
                if (l->path)
                        memcpy(l->path, path, bytes);
                else
                        s = weft_stream_spoil(s, -ENOMEM, "lines: no memory");
        }
        errno = saved;
        return s;
}

weft_stream_t *weft_stream_lines_fd(int fd, uint32_t flags)
{
        struct lines *l = NULL;
        int saved = errno;
        off_t begin = lseek(fd, 0, SEEK_CUR);
        weft_stream_t *s = make(begin < 0 ? &pipe_class : &lines_class, flags, &l);
        if (l) {
                l->fd = fd;
                l->begin = begin;
                int rc = open_it(l);
                if (rc)
                        s = weft_stream_spoil(s, rc, "lines: no such descriptor: %d", fd);
        }
        errno = saved;
        return s;
}
