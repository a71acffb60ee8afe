/* Which files: globs expanded, every file looked at before anything starts. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run.h"

static int add_file(struct run_files *files, const char *path, const struct stat *st)
{
        if (files->n == files->room) {
                size_t room = files->room ? 2 * files->room : 64;
                struct run_file *file = realloc(files->file, room * sizeof *file);
                if (file)
                        files->file = file;
                char **paths = realloc(files->path, room * sizeof *paths);
                if (paths)
                        files->path = paths;
                if (!file || !paths)
                        return cli_fail(CLI_FAILED, "out of memory");
                files->room = room;
        }
        char *copy = strdup(path);
        if (!copy)
                return cli_fail(CLI_FAILED, "out of memory");
        files->path[files->n] = copy;
        files->file[files->n++] = (struct run_file){ .start = files->bytes,
                                                     .bytes = (uint64_t)st->st_size,
                                                     .device = st->st_dev,
                                                     .inode = st->st_ino };
        files->bytes += (uint64_t)st->st_size;
        return CLI_OK;
}

/* Looks at one file. `*taken` is false for what a pattern matched by the way: a
 * directory. `named`: no pattern, so a directory is an error. */
static int look(struct run_files *files, const char *path, bool named, bool *taken)
{
        struct stat st;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return cli_fail(errno == ENOENT ? CLI_NOT_THERE : CLI_FAILED, "%s: %s",
                                path, strerror(errno));
        int rc = CLI_OK;
        char byte;
        if (fstat(fd, &st) != 0)
                rc = cli_fail(CLI_FAILED, "%s: %s", path, strerror(errno));
        else if (S_ISDIR(st.st_mode))
                rc = named ? cli_fail(CLI_FAILED, "%s: is a directory", path) : CLI_OK;
        else if (!S_ISREG(st.st_mode))
                rc = cli_fail(CLI_FAILED, "%s: is no regular file: use stdin for it",
                              path);
        else if (!st.st_size && read(fd, &byte, 1) > 0)
                rc = cli_fail(
                        CLI_FAILED,
                        "%s: does not say how long it is, like all under /proc: use "
                        "stdin for it",
                        path);
        else {
                *taken = true;
                rc = st.st_size ? add_file(files, path, &st) : CLI_OK;
        }
        close(fd);
        return rc;
}

static int expand(struct run_files *files, const char *pattern)
{
        glob_t g;
        int rc = glob(pattern, GLOB_BRACE | GLOB_TILDE | GLOB_NOMAGIC, NULL, &g);
        if (rc == GLOB_NOMATCH)
                return cli_fail(CLI_NOT_THERE, "%s: no file matches", pattern);
        if (rc)
                return cli_fail(CLI_FAILED, "%s: %s", pattern,
                                rc == GLOB_NOSPACE ? "out of memory" : "cannot be read");
        int code = CLI_OK;
        size_t taken = 0;
        bool named = g.gl_pathc == 1 && !strcmp(g.gl_pathv[0], pattern);
        for (size_t i = 0; i < g.gl_pathc && !code; i++) {
                bool took = false;
                code = look(files, g.gl_pathv[i], named, &took);
                taken += took;
        }
        if (!code && !taken)
                code = cli_fail(CLI_NOT_THERE, "%s: matches directories only", pattern);
        globfree(&g);
        return code;
}

int run_files_find(const struct run_pipeline *p, struct run_files *files)
{
        memset(files, 0, sizeof *files);
        int code = CLI_OK;
        for (size_t i = 0; i < p->globs_n && !code; i++)
                code = expand(files, p->globs[i]);
        return code;
}

void run_files_free(struct run_files *files)
{
        for (size_t i = 0; i < files->n; i++)
                free(files->path[i]);
        free(files->path);
        free(files->file);
}
