/* tests/names.h -- arena names that no other run uses, and that are gone at the end.
 *
 * Names begin with $WEFT_TEST_PREFIX (or "wt") and the number of the process that called
 * names_begin(); its children use the same ones. They are removed when that process
 * exits; a guardian removes them when it is killed.
 */
#ifndef WEFT_TESTS_NAMES_H
#define WEFT_TESTS_NAMES_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

static char names_prefix[64];
static pid_t names_owner;

static inline const char *names_directory(void)
{
        const char *dir = getenv("WEFT_DIR");
        return dir && *dir ? dir : "/dev/shm";
}

/* Removes all files of arenas whose names begin with our prefix; returns how many. */
static inline int names_clean(void)
{
        char start[80], path[4096];
        int n = 0;
        DIR *dir = opendir(names_directory());
        if (!dir)
                return 0;
        snprintf(start, sizeof start, "weft.%s.", names_prefix);
        for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
                if (strncmp(e->d_name, start, strlen(start)) != 0)
                        continue;
                snprintf(path, sizeof path, "%s/%s", names_directory(), e->d_name);
                n += unlink(path) == 0;
        }
        closedir(dir);
        return n;
}

static inline void names_end(void)
{
        if (names_owner == getpid())
                (void)names_clean();
}

/* Waits until nobody has the pipe's other end open any more: all are gone. */
static inline void names_guard(int fd)
{
        char byte;
        (void)setsid();
        int null = open("/dev/null", O_RDWR);
        for (int i = 0; i < 3; i++)
                (void)dup2(null, i);
        while (read(fd, &byte, 1) > 0)
                ;
        (void)names_clean();
        _exit(0);
}

/* First in main(). */
static inline void names_begin(void)
{
        const char *prefix = getenv("WEFT_TEST_PREFIX");
        int ends[2];

        names_owner = getpid();
        snprintf(names_prefix, sizeof names_prefix, "%.40s%ld",
                 prefix && *prefix ? prefix : "wt", (long)names_owner);
        CHECK(pipe(ends) == 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                close(ends[1]);
                if (fork() == 0)
                        names_guard(ends[0]);
                _exit(0);
        }
        close(ends[0]);
        CHECK(fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0); /* and kept open to the end */
        CHECK(waitpid(pid, NULL, 0) == pid);
        CHECK(atexit(names_end) == 0);
}

/* The name for `what`: one of the last 8 asked for stays valid. */
static inline const char *name_of(const char *what)
{
        static char names[8][256];
        static unsigned next;
        char *name = names[next++ % 8];
        snprintf(name, sizeof names[0], "%s.%s", names_prefix, what);
        return name;
}

/* Where the file of that name is. */
static inline const char *path_of_name(const char *name)
{
        static char path[4096];
        snprintf(path, sizeof path, "%s/weft.%s", names_directory(), name);
        return path;
}

#endif
