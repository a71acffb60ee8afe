/* tests/unit/stream_lines_test.c -- lines of files and pipes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/child.h"
#include "tests/unit/stream_kit.h"

static int file_of(const char *text, size_t bytes)
{
        int fd = memfd_create("lines", 0);
        CHECK(fd >= 0 && write(fd, text, bytes) == (ssize_t)bytes);
        CHECK(lseek(fd, 0, SEEK_SET) == 0);
        return fd;
}

/* The lines, each with a bar behind it. */
static size_t joined(weft_stream_t *s, char *to)
{
        struct weft_line line[7];
        char *end = to;
        for (;;) {
                int64_t n = weft_stream_pull(s, line, 1 + rnd(7), WEFT_NEVER);
                if (n <= 0) {
                        CHECK(n == 0);
                        break;
                }
                for (int64_t i = 0; i < n; i++) {
                        memcpy(end, line[i].at, line[i].bytes);
                        end += line[i].bytes;
                        *end++ = '|';
                }
        }
        *end = 0;
        return (size_t)(end - to);
}

static void says(const char *text, size_t bytes, uint32_t flags, const char *want)
{
        char have[200];
        int fd = file_of(text, bytes);
        for (int keep = 0; keep < 2; keep++) {
                CHECK(lseek(fd, 0, SEEK_SET) == 0);
                weft_stream_t *s =
                        weft_stream_lines_fd(fd, flags | (keep ? WEFT_LINES_KEEP : 0));
                for (int k = 0; k < 3; k++) {
                        joined(s, have);
                        CHECK(strcmp(have, want) == 0);
                        CHECK(weft_stream_restart(s) == 0);
                }
                weft_stream_free(s);
        }
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        weft_stream_t *s = weft_stream_lines(path, flags);
        joined(s, have);
        CHECK(strcmp(have, want) == 0);
        CHECK(weft_stream_restart(s) == 0);
        joined(s, have);
        CHECK(strcmp(have, want) == 0);
        weft_stream_free(s);
        close(fd);
}

static void lines_are_what_is_between_newlines(void **state)
{
        (void)state;
#define SAYS(text, flags, want) says(text, sizeof text - 1, flags, want)
        SAYS("", 0, "");
        SAYS("\n", 0, "|");
        SAYS("a", 0, "a|");
        SAYS("a\n", 0, "a|");
        SAYS("a\nbc", 0, "a|bc|");
        SAYS("\n\na\n\n", 0, "||a||");
        SAYS("a\r\nb\r\n", 0, "a\r|b\r|");
        SAYS("a\r\nb\r\n", WEFT_LINES_CRLF, "a|b|");
        SAYS("\r\n\r\r\nb\r", WEFT_LINES_CRLF, "|\r|b|");
}

/* Lines of every length around that of the buffer, and far longer. */
static void lines_may_be_long(void **state)
{
        static const size_t lengths[] = { 0,      1,      131071, 131072, 131073, 262143,
                                          262144, 262145, 524288, 3,      5000000 };
        size_t all = 0, n = sizeof lengths / sizeof *lengths;
        (void)state;
        for (size_t i = 0; i < n; i++)
                all += lengths[i] + 1;
        char *text = malloc(all), *to = text;
        for (size_t i = 0; i < n; i++) {
                for (size_t k = 0; k < lengths[i]; k++)
                        *to++ = (char)('a' + (i + k) % 23);
                *to++ = '\n';
        }
        int fd = file_of(text, all - 1);
        for (int keep = 0; keep < 2; keep++) {
                struct weft_line line[20];
                CHECK(lseek(fd, 0, SEEK_SET) == 0);
                weft_stream_t *s = weft_stream_lines_fd(fd, keep ? WEFT_LINES_KEEP : 0);
                const char *at = text;
                for (size_t i = 0; i < n; i++) {
                        CHECK(weft_stream_pull(s, &line[i], 1, WEFT_NEVER) == 1);
                        CHECK(line[i].bytes == lengths[i]);
                        CHECK(memcmp(line[i].at, at, lengths[i]) == 0);
                        at += lengths[i] + 1;
                }
                CHECK(weft_stream_pull(s, &line[n], 1, WEFT_NEVER) == 0);
                at = text;
                for (size_t i = 0; keep && i < n; i++) { /* they are still there */
                        CHECK(memcmp(line[i].at, at, lengths[i]) == 0);
                        at += lengths[i] + 1;
                }
                weft_stream_free(s);
        }
        close(fd);
        free(text);
}

static void many_short_lines(void **state)
{
        size_t n = 200000, bytes = 0;
        char *text = malloc(n * 8);
        (void)state;
        for (size_t i = 0; i < n; i++)
                bytes += (size_t)sprintf(text + bytes, "%zu\n", i);
        int fd = file_of(text, bytes);
        struct weft_line line[100];
        weft_stream_t *s = weft_stream_lines_fd(fd, 0);
        size_t seen = 0;
        for (;;) {
                int64_t got = weft_stream_pull(s, line, 1 + rnd(100), WEFT_NEVER);
                if (got == 0)
                        break;
                for (int64_t i = 0; i < got; i++, seen++) {
                        char *end = NULL;
                        CHECK(strtoul(line[i].at, &end, 10) == seen);
                        CHECK(end == line[i].at + line[i].bytes);
                }
        }
        CHECK(seen == n);
        weft_stream_free(s);
        close(fd);
        free(text);
}

static void a_pipe_is_waited_for(void **state)
{
        struct weft_line line[4];
        (void)state;
        for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
                int ends[2];
                CHECK(pipe2(ends, nonblocking ? O_NONBLOCK : 0) == 0);
                weft_stream_t *s = weft_stream_lines_fd(ends[0], 0);
                errno = 7;
                CHECK(weft_stream_pull(s, line, 4, WEFT_NOW) == -EAGAIN);
                CHECK(write(ends[1], "hal", 3) == 3);
                CHECK(weft_stream_pull(s, line, 4, WEFT_NOW) == -EAGAIN);
                CHECK(weft_stream_pull(s, line, 4, weft_after(WEFT_MSEC)) == -ETIMEDOUT);
                CHECK(write(ends[1], "f\nx", 3) == 3);
                CHECK(weft_stream_pull(s, line, 4, WEFT_NEVER) == 1);
                CHECK(line[0].bytes == 4 && memcmp(line[0].at, "half", 4) == 0);
                CHECK(weft_stream_restart(s) == -ENOTSUP);
                close(ends[1]);
                CHECK(weft_stream_pull(s, line, 4, WEFT_NEVER) == 1);
                CHECK(line[0].bytes == 1 && *line[0].at == 'x');
                CHECK(weft_stream_pull(s, line, 4, WEFT_NEVER) == 0);
                CHECK(errno == 7);
                weft_stream_free(s);
                close(ends[0]);
        }
}

static void write_lines(void *context)
{
        int fd = *(int *)context;
        for (;;)
                CHECK(write(fd, "one line\n", 9) == 9);
}

/* The writer is killed: what it wrote is there, then the end. */
static void a_killed_writer_is_the_end(void **state)
{
        int ends[2];
        struct weft_line line[64];
        (void)state;
        CHECK(pipe(ends) == 0);
        pid_t pid = child_start(write_lines, &ends[1]);
        close(ends[1]);
        weft_stream_t *s = weft_stream_lines_fd(ends[0], 0);
        int64_t n = 0;
        for (int i = 0; i < 100; i++)
                CHECK(weft_stream_pull(s, line, 64, WEFT_NEVER) > 0);
        CHECK(child_kill(pid) == -SIGKILL);
        while ((n = weft_stream_pull(s, line, 64, WEFT_NEVER)) > 0)
                for (int64_t i = 0; i < n; i++)
                        CHECK(line[i].bytes == 8 || (n == 1 && line[i].bytes < 8));
        CHECK(n == 0);
        weft_stream_free(s);
        close(ends[0]);
}

static void files_that_are_not_there(void **state)
{
        struct weft_line line;
        (void)state;
        weft_stream_t *s = weft_stream_lines("/nowhere/nothing", 0);
        CHECK(weft_stream_pull(s, &line, 1, WEFT_NEVER) == -ENOENT);
        CHECK(strstr(weft_stream_detail(), "lines"));
        weft_stream_free(s);
        s = weft_stream_lines("/", 0);
        CHECK(weft_stream_pull(s, &line, 1, WEFT_NEVER) == -EISDIR);
        weft_stream_free(s);
        s = weft_stream_lines(NULL, 0);
        CHECK(weft_stream_error(s) == -EINVAL);
        weft_stream_free(s);
        s = weft_stream_lines("/dev/null", 64);
        CHECK(weft_stream_error(s) == -EINVAL);
        weft_stream_free(s);
        s = weft_stream_lines_fd(-1, 0);
        CHECK(weft_stream_error(s) == -EBADF);
        weft_stream_free(s);
        s = weft_stream_lines("/dev/null", 0);
        CHECK(weft_stream_pull(s, &line, 1, WEFT_NEVER) == 0);
        weft_stream_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_are_what_is_between_newlines),
                cmocka_unit_test(lines_may_be_long),
                cmocka_unit_test(many_short_lines),
                cmocka_unit_test(a_pipe_is_waited_for),
                cmocka_unit_test(a_killed_writer_is_the_end),
                cmocka_unit_test(files_that_are_not_there),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
