/* tests/harness/main.c -- the options, the order and the report of the sweeps. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/harness/sweep.h"

enum { SKIPPED = 77, DEFAULT_SECONDS = 40 };

int crash_begin(char **argv)
{
        int persona = personality(0xffffffff);
        if (persona >= 0 && !(persona & ADDR_NO_RANDOMIZE) &&
            !getenv("WEFT_SWEEP_AGAIN") &&
            personality((unsigned long)persona | ADDR_NO_RANDOMIZE) >= 0) {
                setenv("WEFT_SWEEP_AGAIN", "1", 1);
                setenv("LD_BIND_NOW", "1", 1);
                execv("/proc/self/exe", argv);
        }
        struct rlimit files;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        cpu_stay();
        if (tracee_possible())
                return 0;
        fprintf(stderr,
                "SKIPPED: ptrace() is not permitted here: nothing of crash safety has "
                "been "
                "shown.\nRun as root, or with --cap-add=SYS_PTRACE in a container.\n");
        return SKIPPED;
}

static void read_range(const char *text, uint64_t *from, uint64_t *to)
{
        char *end;
        *from = *to = strtoull(text, &end, 10);
        if (*end == '-')
                *to = strtoull(end + 1, NULL, 10);
}

void crash_options_read(struct crash_options *o, int argc, char **argv)
{
        const char *sweep = getenv("WEFT_SWEEP");
        *o = (struct crash_options){ .to = UINT64_MAX, .to_b = UINT64_MAX };
        o->full = sweep && strcmp(sweep, "full") == 0;
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "-v") == 0)
                        o->verbose = true;
                else if (strcmp(argv[i], "-k") == 0 && i + 1 < argc)
                        read_range(argv[++i], &o->from, &o->to);
                else if (strcmp(argv[i], "-j") == 0 && i + 1 < argc)
                        read_range(argv[++i], &o->from_b, &o->to_b);
                else if (*argv[i] != '-')
                        o->filter = argv[i];
                else
                        fprintf(stderr,
                                "usage: %s [-v] [-k FROM[-TO]] [-j FROM[-TO]] [FILTER]\n",
                                argv[0]);
        }
}

double crash_seconds(size_t operations)
{
        const char *all = getenv("WEFT_SWEEP_SECONDS"), *each = getenv("WEFT_SWEEP_EACH");
        double seconds = all    ? strtod(all, NULL)
                         : each ? strtod(each, NULL) * (double)operations
                                : 0;
        return seconds > 0 ? seconds : DEFAULT_SECONDS;
}

void crash_sweep(const struct crash_case *self, const struct crash_options *options,
                 struct crash_result *result)
{
        *result = (struct crash_result){ 0 };
        struct sweep s = { .self = self, .options = options, .result = result };
        double begun = sweep_now(), all = options->seconds;
        sweep_kill(&s, begun + 0.5 * all);
        double rest = begun + all - sweep_now();
        rest = rest < 0.2 * all ? 0.2 * all : rest;
        double from = sweep_now();
        sweep_real(&s, from + 0.2 * rest);
        sweep_stop(&s, from + 0.55 * rest);
        sweep_recover(&s, from + rest);
        result->seconds = sweep_now() - begun;
        points_free(&s.points);
        image_free(s.start);
        free(s.spans);
}

static uint64_t bad_in(const struct crash_result *r, int verdict)
{
        return r->kill.bad[verdict] + r->real.bad[verdict] + r->stop.bad[verdict] +
               r->recover.bad[verdict] + r->deeper.bad[verdict];
}

uint64_t crash_bad(const struct crash_result *r)
{
        uint64_t n = 0;
        for (int v = CRASH_FINE + 1; v < CRASH_VERDICTS; v++)
                n += bad_in(r, v);
        return n;
}

#define N(x) ((unsigned long long)(x))

void crash_print(const struct crash_case *self, const struct crash_result *r)
{
        printf("%-34s %6llu %5llu %5llu %4llu %5llu %6llu %5llu   %llu %llu %llu %llu "
               "%llu  "
               "%5.1fs",
               self->name, N(r->steps), N(r->states), N(r->kill.runs), N(r->real.runs),
               N(r->stop.runs), N(r->recover.runs), N(r->deeper.runs),
               N(bad_in(r, CRASH_WEDGED)), N(bad_in(r, CRASH_LEAKED)),
               N(bad_in(r, CRASH_LOST)), N(bad_in(r, CRASH_DUPLICATED)),
               N(bad_in(r, CRASH_BROKEN)), r->seconds);
        printf(r->drift ? "  drift %llu\n" : "\n", N(r->drift));
        fflush(stdout);
}

static void print_head(void)
{
        printf("%-34s %6s %5s %5s %4s %5s %6s %5s   %s\n", "operation", "instr", "state",
               "kills", "real", "stops", "recov", "deep",
               "wedged leaked lost duplicated broken");
}

int crash_main(int argc, char **argv, const struct crash_case *cases, size_t n)
{
        struct crash_options options;
        size_t left = 0, failed = 0, ran = 0, hurried = 0;
        int rc = crash_begin(argv);
        if (rc)
                return rc;
        crash_options_read(&options, argc, argv);
        for (size_t i = 0; i < n; i++)
                left += !options.filter || strstr(cases[i].name, options.filter);
        double end = sweep_now() + crash_seconds(left);
        print_head();
        for (size_t i = 0; i < n; i++) {
                struct crash_result result;
                if (options.filter && !strstr(cases[i].name, options.filter))
                        continue;
                double rest = end - sweep_now();
                options.hurried = rest <= 0;
                hurried += options.hurried;
                options.seconds = (rest > 0 ? rest : 0.1) / (double)left--;
                crash_sweep(&cases[i], &options, &result);
                crash_print(&cases[i], &result);
                failed += crash_bad(&result) != 0;
                ran++;
        }
        printf("%zu operations, %zu failed\n", ran, failed);
        if (hurried)
                printf("time was over: the last %zu without recovery sweep; "
                       "WEFT_SWEEP_SECONDS "
                       "gives more\n",
                       hurried);
        return failed || !ran;
}
