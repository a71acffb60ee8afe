/* bench/bench.c -- weft-bench: chooses rows, measures them in groups, reports. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

#include "bench/bench.h"

#define MODULE(name) extern const struct bench_module bench_##name;
#include "bench/modules.def"
#undef MODULE
static const struct bench_module *const modules[] = {
#define MODULE(name) &bench_##name,
#include "bench/modules.def"
#undef MODULE
};

enum { MODULES = sizeof modules / sizeof *modules, SIDES = 12, SAMPLES = 64 };

struct bench_settings bench = { .quick = false, .ms = 200, .repeat = 9 };

static char why_text[200], remark_text[200];

/* ---- why there is no figure ---------------------------------------------- */

int bench_cannot(const char *why, ...)
{
        va_list args;
        va_start(args, why);
        vsnprintf(why_text, sizeof why_text, why, args);
        va_end(args);
        return -ENOTSUP;
}

int bench_wrong(const char *why, ...)
{
        va_list args;
        va_start(args, why);
        vsnprintf(why_text, sizeof why_text, why, args);
        va_end(args);
        return -EUCLEAN;
}

void bench_remark(const char *remark, ...)
{
        va_list args;
        va_start(args, remark);
        vsnprintf(remark_text, sizeof remark_text, remark, args);
        va_end(args);
}

int bench_weft(int rc, const char *call)
{
        return rc >= 0 ? 0 : bench_cannot("%s: %s", call, weft_strerror(rc));
}

/* ---- a group of rows that share sides ------------------------------------ */

struct contest {
        const struct bench_side *side[SIDES];
        struct bench_figure figure[SIDES];
        double sample[SIDES][SAMPLES];
        size_t sides;
};

static size_t enter(struct contest *c, const struct bench_side *side)
{
        for (size_t i = 0; i < c->sides; i++)
                if (c->side[i] == side)
                        return i;
        if (c->sides == SIDES) {
                fputs("weft-bench: too many sides in a group\n", stderr);
                exit(2);
        }
        c->side[c->sides] = side;
        return c->sides++;
}

static bool shares(const struct contest *c, const struct bench_row *row)
{
        for (size_t i = 0; i < c->sides; i++)
                if (c->side[i] == row->ours || c->side[i] == row->peer)
                        return true;
        return false;
}

static void once(struct contest *c, size_t side, unsigned turn)
{
        struct bench_figure *f = &c->figure[side];
        double value = 0;
        if (turn && !f->there)
                return; /* it has failed once: that is the result */
        why_text[0] = remark_text[0] = 0;
        int rc = c->side[side]->sample(c->side[side], &value);
        if (remark_text[0])
                memcpy(f->remark, remark_text, sizeof f->remark);
        f->there = rc == 0;
        f->wrong = rc == -EUCLEAN;
        if (rc)
                memcpy(f->reason, why_text, sizeof f->reason);
        c->sample[side][turn] = value;
}

static void measure(struct contest *c, unsigned repeat)
{
        unsigned n = repeat ? repeat : bench.repeat;
        if (bench.quick && repeat)
                n = (repeat + 2) / 3;
        if (n > SAMPLES)
                n = SAMPLES;
        for (unsigned turn = 0; turn < n; turn++)
                for (size_t i = 0; i < c->sides; i++)
                        once(c, i, turn);
        for (size_t i = 0; i < c->sides; i++) {
                struct bench_figure *f = &c->figure[i];
                f->median = bench_percentile(c->sample[i], n, 50);
                f->least = c->sample[i][0];
                f->most = c->sample[i][n - 1];
        }
}

/* Measures rows [0, n) of one group and appends their results. */
static void group(const struct bench_row *const *rows, size_t n,
                  struct bench_result *results)
{
        static struct contest c;
        memset(&c, 0, sizeof c);
        unsigned repeat = 0;
        for (size_t i = 0; i < n; i++) {
                if (rows[i]->ours)
                        enter(&c, rows[i]->ours);
                if (rows[i]->peer)
                        enter(&c, rows[i]->peer);
                if (rows[i]->repeat > repeat)
                        repeat = rows[i]->repeat;
        }
        measure(&c, repeat);
        for (size_t i = 0; i < n; i++) {
                struct bench_result *r = &results[i];
                memset(r, 0, sizeof *r);
                r->row = rows[i];
                if (r->row->ours)
                        r->ours = c.figure[enter(&c, r->row->ours)];
                if (r->row->peer)
                        r->peer = c.figure[enter(&c, r->row->peer)];
                bench_report_row(r);
        }
}

/* ---- choice -------------------------------------------------------------- */

static bool chosen(const struct bench_row *row, char *const *filters, int n)
{
        for (int i = 0; i < n; i++)
                if (strstr(row->id, filters[i]))
                        return true;
        return n == 0;
}

/* All chosen rows in order; the caller frees the table. */
static const struct bench_row **choose(char *const *filters, int n, size_t *count)
{
        size_t all = 0, k = 0;
        for (size_t m = 0; m < MODULES; m++)
                all += modules[m]->count;
        const struct bench_row **rows = calloc(all + 1, sizeof *rows);
        if (!rows)
                exit(2);
        for (size_t m = 0; m < MODULES; m++)
                for (size_t i = 0; i < modules[m]->count; i++)
                        if (chosen(&modules[m]->rows[i], filters, n))
                                rows[k++] = &modules[m]->rows[i];
        *count = k;
        return rows;
}

/* How many of the rows from `rows` on belong together. */
static size_t together(const struct bench_row **rows, size_t n)
{
        struct contest *c = calloc(1, sizeof *c);
        if (!c)
                exit(2);
        size_t k = 0;
        do {
                if (rows[k]->ours)
                        enter(c, rows[k]->ours);
                if (rows[k]->peer)
                        enter(c, rows[k]->peer);
        } while (++k < n && shares(c, rows[k]));
        free(c);
        return k;
}

static void list(const struct bench_row **rows, size_t n)
{
        for (size_t i = 0; i < n; i++)
                printf("%-28s %s [%s]%s%s\n", rows[i]->id, rows[i]->what, rows[i]->unit,
                       rows[i]->peer ? " beside " : "",
                       rows[i]->peer ? rows[i]->peer->name : "");
}

static int run(const struct bench_row **rows, size_t n, const char *json)
{
        struct bench_result *results = calloc(n ? n : 1, sizeof *results);
        if (!results)
                return 2;
        uint64_t begin = bench_now();
        bench_report_head();
        for (size_t i = 0, k; i < n; i += k) {
                k = together(rows + i, n - i);
                group(rows + i, k, results + i);
        }
        size_t met = 0, goals = 0, absent = 0, wrong = 0;
        for (size_t i = 0; i < n; i++) {
                int is = bench_report_met(&results[i]);
                met += is == 1;
                goals += results[i].row->goal != BENCH_NO_GOAL;
                absent += (results[i].row->ours && !results[i].ours.there) ||
                          (results[i].row->peer && !results[i].peer.there);
                wrong += results[i].ours.wrong || results[i].peer.wrong;
        }
        printf("%zu rows, %zu of %zu goals met, %zu without a figure, %zu wrong; %.0f "
               "s\n",
               n, met, goals, absent, wrong, (double)(bench_now() - begin) / 1e9);
        int rc = json ? bench_report_json(json, results, n) : 0;
        free(results);
        return rc || wrong ? 1 : 0;
}

static void usage(FILE *to)
{
        fputs("Usage: weft-bench [--quick] [--json FILE] [--list] [FILTER...]\n"
              "Measures weft beside its peers, in pinned processes.\n"
              "  --quick      shorter and fewer samples (about a minute)\n"
              "  --json FILE  also writes the rows there, as an array\n"
              "  --list       names the rows and measures nothing\n"
              "  FILTER       only the rows whose id contains one of these\n"
              "Exit status: 0; 1 if a verification failed; 2 for a wrong call. A missed\n"
              "goal is a result, not a failure.\n",
              to);
}

int main(int argc, char **argv)
{
        static const struct option options[] = { { "quick", no_argument, NULL, 'q' },
                                                 { "json", required_argument, NULL, 'j' },
                                                 { "list", no_argument, NULL, 'l' },
                                                 { "help", no_argument, NULL, 'h' },
                                                 { NULL, 0, NULL, 0 } };
        const char *json = NULL;
        bool listing = false;
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                if (c == 'q')
                        bench = (struct bench_settings){ .quick = true,
                                                         .ms = 50,
                                                         .repeat = 5 };
                else if (c == 'j')
                        json = optarg;
                else if (c == 'l')
                        listing = true;
                else {
                        usage(c == 'h' ? stdout : stderr);
                        return c == 'h' ? 0 : 2;
                }
        }
        size_t n;
        const struct bench_row **rows = choose(argv + optind, argc - optind, &n);
        int rc = 0;
        if (!n) {
                fputs("weft-bench: no row has such an id; see --list\n", stderr);
                rc = 2;
        } else if (listing) {
                list(rows, n);
        } else {
                rc = run(rows, n, json);
        }
        free(rows);
        return rc;
}
