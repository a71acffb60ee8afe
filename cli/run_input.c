/* Which items are a chunk's. A chunk is the bytes [a, b) of a file, and its items are
 * those that *begin* in [a, b): the first begins at a if a is 0 or a break stands in
 * front of it, else behind the first break in [a, b); the last goes on to the first
 * break at or behind b - 1, or to the end of the file. A break is a newline, or, if the
 * first stage is `words`, any byte that is no letter. So every item is in one chunk
 * and in one only, whatever its length; a chunk in the middle of a long one has none.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_input.h"

enum {
        MAP_FROM = 1 << 17,   /* bytes: less than this is read, not mapped */
        LOOK_AHEAD = 1 << 12, /* for the end of the last item, at first */
        PAD = 64,
};

struct piece {
        const struct run_plan *plan;
        const struct run_file *file;
        struct run_scan *scan;
        int fd;
        char *map; /* NULL: it was read */
        size_t map_bytes;
        const char *at;    /* the byte at `from` */
        const char *limit; /* how far may be read */
        uint64_t from, to;
};

static const char *current; /* path, for the signal handler */

static __attribute__((noreturn)) void fail(const struct piece *piece, const char *why)
{
        cli_warn("%s: %s", run_plan_string(piece->plan, piece->file->path_at), why);
        exit(CLI_FAILED);
}

/* A mapped file was cut short while it was read: there is nothing to repeat. */
static void on_bus_error(int signal)
{
        static const char text[] = ": became shorter while it was read\n";
        (void)signal;
        if (write(2, "weft run: ", 10) < 0 || write(2, current, strlen(current)) < 0 ||
            write(2, text, sizeof text - 1) < 0)
                _exit(CLI_FAILED);
        _exit(CLI_FAILED);
}

/* ---- bytes [from, to) in memory --------------------------------------------- */

static void unview(struct piece *piece)
{
        if (piece->map)
                munmap(piece->map, piece->map_bytes);
        piece->map = NULL;
}

static void view_mapped(struct piece *piece)
{
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), skip = piece->from % page;
        size_t bytes = (size_t)(piece->to - piece->from + skip);
        char *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, piece->fd,
                         (off_t)(piece->from - skip));
        if (map == MAP_FAILED)
                fail(piece, strerror(errno));
        piece->map = map;
        piece->map_bytes = bytes;
        piece->at = map + skip;
        piece->limit = map + bytes;
}

static void view_read(struct piece *piece)
{
        static char buffer[MAP_FROM + PAD];
        size_t bytes = (size_t)(piece->to - piece->from), done = 0;
        while (done < bytes) {
                ssize_t n = pread(piece->fd, buffer + done, bytes - done,
                                  (off_t)(piece->from + done));
                if (n < 0 && errno != EINTR)
                        fail(piece, strerror(errno));
                if (n == 0)
                        fail(piece, "became shorter while it was read");
                done += n > 0 ? (size_t)n : 0;
        }
        piece->at = buffer;
        piece->limit = buffer + sizeof buffer;
}

static void view(struct piece *piece, uint64_t from, uint64_t to)
{
        unview(piece);
        piece->from = from;
        piece->to = to;
        if (to - from < MAP_FROM)
                view_read(piece);
        else
                view_mapped(piece);
}

/* ---- where items begin and end ------------------------------------------------ */

static bool is_break(const struct piece *piece, uint64_t at)
{
        unsigned char c = (unsigned char)piece->at[at - piece->from];
        return piece->scan->op == RUN_WORDS ? !run_is_letter(c) : c == '\n';
}

/* The first break in [at, end), or `end`. All of it is in view. */
static uint64_t find_break(const struct piece *piece, uint64_t at, uint64_t end)
{
        if (piece->scan->op != RUN_WORDS) {
                const char *p = piece->at + (at - piece->from);
                const char *newline =
                        at < end ? memchr(p, '\n', (size_t)(end - at)) : NULL;
                return newline ? at + (uint64_t)(newline - p) : end;
        }
        while (at < end && !is_break(piece, at))
                at++;
        return at;
}

/* The end of the last item that begins before b; brings it into view. */
static uint64_t last_end(struct piece *piece, uint64_t b)
{
        uint64_t size = piece->file->bytes, at = b;
        if (b == size || is_break(piece, b - 1))
                return b;
        for (;;) {
                uint64_t found = find_break(piece, at, piece->to);
                if (found < piece->to)
                        return found + 1;
                if (piece->to == size)
                        return size;
                at = piece->to;
                uint64_t more = 4 * (at - b) + LOOK_AHEAD;
                view(piece, piece->from, more < size - at ? at + more : size);
        }
}

static void scan_piece(struct piece *piece, uint64_t a, uint64_t b)
{
        uint64_t size = piece->file->bytes;
        view(piece, a ? a - 1 : 0, size - b > LOOK_AHEAD ? b + LOOK_AHEAD : size);
        uint64_t begin = a;
        if (a && !is_break(piece, a - 1)) {
                begin = find_break(piece, a, b);
                if (begin < b)
                        begin++;
        }
        if (begin < b) {
                uint64_t end = last_end(piece, b);
                run_scan_text(piece->scan, piece->at + (begin - piece->from),
                              (size_t)(end - begin), piece->limit);
        }
        unview(piece);
}

static void scan_file(struct piece *piece, uint64_t a, uint64_t b)
{
        struct stat st;
        current = run_plan_string(piece->plan, piece->file->path_at);
        piece->fd = open(current, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (piece->fd < 0 || fstat(piece->fd, &st) != 0)
                fail(piece, strerror(errno));
        if (st.st_dev != piece->file->device || st.st_ino != piece->file->inode)
                fail(piece, "was replaced while it was read");
        if ((uint64_t)st.st_size < piece->file->bytes)
                fail(piece, "became shorter while it was read");
        if (b <
            piece->file->bytes) /* this chunk is read now; let the disk bring the next */
                (void)posix_fadvise(piece->fd, (off_t)b,
                                    (off_t)(2 * piece->plan->chunk_bytes),
                                    POSIX_FADV_WILLNEED);
        scan_piece(piece, a, b);
        close(piece->fd);
}

void run_input_scan(const struct run_plan *plan, uint64_t chunk, struct run_scan *scan)
{
        const struct run_file *file = run_plan_files(plan);
        uint64_t from = chunk * plan->chunk_bytes, to = from + plan->chunk_bytes;
        if (to > plan->input_bytes)
                to = plan->input_bytes;
        uint64_t low = 0, high = plan->files; /* the file that `from` lies in */
        while (high - low > 1) {
                uint64_t middle = low + (high - low) / 2;
                if (file[middle].start <= from)
                        low = middle;
                else
                        high = middle;
        }
        static bool watched;
        if (!watched)
                signal(SIGBUS, on_bus_error);
        watched = true;
        for (uint64_t f = low; f < plan->files && file[f].start < to; f++) {
                struct piece piece = { .plan = plan, .file = &file[f], .scan = scan };
                uint64_t start = file[f].start;
                uint64_t a = from > start ? from - start : 0;
                uint64_t b = to - start < file[f].bytes ? to - start : file[f].bytes;
                scan_file(&piece, a, b);
        }
}
