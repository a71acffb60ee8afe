/* bench/run_bench.c -- `weft run` counts words, beside the tools that one has. Every
 * run's whole result is compared, byte by byte, with that of the C program. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"

enum { QUICK_MB = 16, FULL_MB = 128 };

/* ---- the text: /usr/include and the licenses, in files of many sizes ---------- */

static char dir[PATH_MAX]; /* "" is not made yet; the shell knows it as $D */
static uint64_t wanted, written;
static int out = -1;
static unsigned out_number;
static uint64_t out_bytes;

static void next_file(void)
{
        char path[PATH_MAX + 32];
        if (out >= 0)
                close(out);
        snprintf(path, sizeof path, "%s/text/%05u", dir, out_number++);
        out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        out_bytes = 0;
}

/* Most files are small; most bytes are in large ones. */
static uint64_t file_size(unsigned number)
{
        static const uint64_t kib[] = { 8,  64,   8, 512, 8, 64,  8,
                                        64, 4096, 8, 64,  8, 512, 16384 };
        return kib[number % (sizeof kib / sizeof *kib)] << 10;
}

static int add_source(const char *path, const struct stat *about, int type,
                      struct FTW *at)
{
        static char text[1 << 20];
        (void)at;
        if (type != FTW_F || !S_ISREG(about->st_mode) ||
            about->st_size >= (off_t)sizeof text)
                return 0;
        int in = open(path, O_RDONLY | O_CLOEXEC);
        if (in < 0)
                return 0;
        ssize_t n = read(in, text, sizeof text - 1);
        close(in);
        if (n <= 0)
                return 0;
        text[n++] = '\n'; /* so that no word goes on in the next file */
        if (out < 0 || out_bytes >= file_size(out_number - 1))
                next_file();
        if (write(out, text, (size_t)n) != n)
                return -1;
        out_bytes += (uint64_t)n;
        written += (uint64_t)n;
        return written >= wanted ? 1 : 0;
}

static int shell(const char *command)
{
        fflush(stdout);
        return system(command); /* NOLINT(cert-env33-c): pipelines are what is measured */
}

static void forget(void)
{
        if (dir[0] && shell("rm -rf \"$D\""))
                fprintf(stderr, "weft-bench: %s is left\n", dir);
        dir[0] = 0;
}

/* Where a program is that was built beside this one: for the shell, $P. */
static int beside(const char *name)
{
        char path[PATH_MAX + 64];
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
        if (n < 0)
                return -1;
        path[n] = 0;
        snprintf(strrchr(path, '/') + 1, 64, "%s", name);
        return setenv("P", path, 1) || access(path, X_OK);
}

static int make_dir(void)
{
        char cpus[16];
        const char *tmp = getenv("TMPDIR");
        snprintf(dir, sizeof dir, "%s/weft-bench.XXXXXX", tmp && *tmp ? tmp : "/var/tmp");
        if (!mkdtemp(dir)) {
                dir[0] = 0;
                return -1;
        }
        atexit(forget);
        snprintf(cpus, sizeof cpus, "%d", bench_cpus());
        return setenv("D", dir, 1) || setenv("N", cpus, 1) || setenv("LC_ALL", "C", 1) ||
               shell("mkdir \"$D/text\"");
}

static int make_text(void)
{
        wanted = (uint64_t)(bench.quick ? QUICK_MB : FULL_MB) << 20;
        for (uint64_t before = 1; before != written && written < wanted;) {
                before = written;
                if (nftw("/usr/share/common-licenses", add_source, 16, FTW_PHYS) < 0 ||
                    nftw("/usr/include", add_source, 16, FTW_PHYS) < 0)
                        break;
        }
        close(out);
        return written < wanted ? -1 : 0;
}

static int prepare(void)
{
        static int known = 1;
        if (known == 1)
                known = make_dir() || make_text() || beside("wc_threads") ||
                                        shell("\"$P\" 1 \"$D\"/text/* > \"$D/expected\"")
                                ? -1
                                : 0;
        return known ? bench_cannot("no text to count words in, or no wc_threads") : 0;
}

/* ---- contestants --------------------------------------------------------------- */

/* $D/text is the text, $N the number of cpus. What they print is put into one form by
 * `form`, outside of the clock. */
struct counter {
        const char *program; /* beside weft-bench, or NULL: on the path */
        const char *needs;   /* must be on the path */
        const char *command;
        const char *form;
};

#define TO " > \"$D/raw\" 2> \"$D/errors\""
#define AS_IT_IS "cmp -s \"$D/raw\" \"$D/expected\""
#define AS_UNIQ \
        "awk 'NF == 2 { print $1 \"\t\" $2 }' \"$D/raw\" | sort -t '\t' -k1,1nr -k2,2 " \
        "| " \
        "cmp -s - \"$D/expected\""

static const struct counter weft_run = {
        "../bin/weft", NULL,
        "\"$P\" run \"files:$D/text/* | words x$N | count x$N | print\"" TO, AS_IT_IS
};
static const struct counter pipeline = {
        NULL, "sort", "cat \"$D\"/text/* | tr -cs A-Za-z '\n' | sort | uniq -c" TO,
        AS_UNIQ
};
static const struct counter parallel = {
        NULL, "parallel",
        "cat \"$D\"/text/* | parallel --will-cite --pipe --block 8M -j $N "
        "'tr -cs A-Za-z \"\\n\" | sort | uniq -c' | "
        "awk 'NF == 2 { n[$2] += $1 } END { for (w in n) print n[w] \" \" w }'" TO,
        AS_UNIQ
};
static const struct counter threads = { "wc_threads", NULL, "\"$P\" $N \"$D\"/text/*" TO,
                                        AS_IT_IS };

static bool on_path(const char *name)
{
        return setenv("X", name, 1) == 0 && shell("command -v \"$X\" > /dev/null") == 0;
}

static int sample_run(const struct bench_side *side, double *value)
{
        const struct counter *c = side->subject;
        const char *weft = getenv("WEFT");
        int rc = prepare();
        if (rc)
                return rc;
        if (c == &weft_run && weft)
                setenv("P", weft, 1);
        else if (c->program && beside(c->program))
                return bench_cannot("there is no %s beside weft-bench", c->program);
        if (c->needs && !on_path(c->needs))
                return bench_cannot("%s is not installed", c->needs);
        uint64_t begin = bench_now();
        rc = shell(c->command);
        *value = (double)written * 1e3 / (double)(bench_now() - begin);
        if (rc)
                return bench_wrong("exit status %d", rc >> 8);
        return shell(c->form) ? bench_wrong("the result differs") : 0;
}

#define SIDE(name, label, counter) \
        static const struct bench_side name = { label, sample_run, &(counter), NULL }

SIDE(run_weft, "weft run", weft_run);
SIDE(run_pipeline, "cat|tr|sort|uniq -c", pipeline);
SIDE(run_parallel, "parallel --pipe", parallel);
SIDE(run_threads, "C with threads", threads);

#define COUNT "words counted in files of real text, the whole result, a worker a cpu"

static const struct bench_row rows[] = {
        { "run.words.pipeline", COUNT, "MB/s", &run_weft, &run_pipeline, 3, BENCH_HIGHER,
          3 },
        { "run.words.parallel", COUNT, "MB/s", &run_weft, &run_parallel, 2, BENCH_HIGHER,
          3 },
        { "run.words.threads", COUNT " (the time within 1.3x)", "MB/s", &run_weft,
          &run_threads, 1 / 1.3, BENCH_HIGHER, 3 },
};

BENCH_MODULE(run, rows);
