/* bench/report.c -- the table on the terminal, and the rows as JSON. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

double bench_percentile(double *values, size_t n, double percent)
{
        if (!n)
                return 0;
        qsort(values, n, sizeof *values, by_value);
        double at = percent / 100 * (double)(n - 1);
        size_t low = (size_t)at, high = low + (low + 1 < n);
        return values[low] + (values[high] - values[low]) * (at - (double)low);
}

static bool has_ratio(const struct bench_result *r)
{
        return r->ours.there && r->peer.there && r->peer.median > 0;
}

static double judged(const struct bench_result *r)
{
        return r->row->peer ? r->ours.median / r->peer.median : r->ours.median;
}

int bench_report_met(const struct bench_result *r)
{
        if (r->row->goal == BENCH_NO_GOAL || !r->ours.there)
                return -1;
        if (r->row->peer && !has_ratio(r))
                return -1;
        double is = judged(r);
        return r->row->better == BENCH_LOWER ? is <= r->row->goal : is >= r->row->goal;
}

/* ---- the table ----------------------------------------------------------- */

/* Three or four digits that matter. */
static const char *number(char *text, size_t bytes, double v)
{
        int digits = v >= 1000             ? 0
                     : v >= 100            ? 1
                     : v >= 1              ? 2
                     : v >= 0.01 || v == 0 ? 3
                                           : 5;
        snprintf(text, bytes, "%.*f", digits, v);
        return text;
}

static const char *spread(char *text, size_t bytes, const struct bench_figure *f)
{
        char least[32], most[32];
        if (!f->there)
                return "";
        snprintf(text, bytes, "%s..%s", number(least, sizeof least, f->least),
                 number(most, sizeof most, f->most));
        return text;
}

void bench_report_head(void)
{
        printf("%-26s %-5s %9s %9s %7s %8s %-5s  %-20s %-28s\n", "row", "unit", "ours",
               "peer", "ratio", "goal", "met", "peer is", "spread (ours | peer)");
        fflush(stdout);
}

static const char *figure(char *text, size_t bytes, const struct bench_side *side,
                          const struct bench_figure *f)
{
        if (!side)
                return "";
        if (!f->there)
                return f->wrong ? "WRONG" : "-";
        return number(text, bytes, f->median);
}

/* Rows may share a side: it is excused once. */
static void excuse(const struct bench_side *side, const struct bench_figure *f)
{
        static const struct bench_side *excused[256];
        static size_t n;
        for (size_t i = 0; i < n; i++)
                if (excused[i] == side)
                        return;
        if (n < sizeof excused / sizeof *excused)
                excused[n++] = side;
        if (side && !f->there)
                printf("%26s %s %s: %s\n", "", side->name,
                       f->wrong ? "gave a wrong result" : "cannot run", f->reason);
        if (side && f->remark[0])
                printf("%26s %s: %s\n", "", side->name, f->remark);
}

void bench_report_row(const struct bench_result *r)
{
        static const char *const verdict[] = { "", "NO", "yes" };
        const struct bench_row *row = r->row;
        char a[32], b[32], c[32], g[32], goal[40] = "", s[72], t[72];
        if (row->goal != BENCH_NO_GOAL)
                snprintf(goal, sizeof goal, "%s%s",
                         row->better == BENCH_LOWER ? "<=" : ">=",
                         number(g, sizeof g, row->goal));
        bool both = r->ours.there && r->peer.there;
        printf("%-26s %-5s %9s %9s %7s %8s %-5s  %-20s %s%s%s\n", row->id, row->unit,
               figure(a, sizeof a, row->ours, &r->ours),
               figure(b, sizeof b, row->peer, &r->peer),
               has_ratio(r) ? number(c, sizeof c, judged(r)) : "", goal,
               verdict[bench_report_met(r) + 1], row->peer ? row->peer->name : "",
               spread(s, sizeof s, &r->ours), both ? " | " : "",
               spread(t, sizeof t, &r->peer));
        excuse(row->ours, &r->ours);
        excuse(row->peer, &r->peer);
        fflush(stdout);
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *value_or_null(bool there, double v)
{
        return there ? json_real(v) : json_null();
}

static json_t *range(const struct bench_figure *f)
{
        return f->there ? json_pack("[f,f]", f->least, f->most) : json_null();
}

static json_t *row_json(const struct bench_result *r)
{
        const struct bench_row *row = r->row;
        int met = bench_report_met(r);
        bool goal = row->goal != BENCH_NO_GOAL;
        json_t *o = json_pack(
                "{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:{s:o, s:o}}", "id",
                row->id, "what", row->what, "unit", row->unit, "ours",
                value_or_null(r->ours.there, r->ours.median), "peer",
                value_or_null(r->peer.there, r->peer.median), "peer_name",
                row->peer ? json_string(row->peer->name) : json_null(), "ratio",
                value_or_null(has_ratio(r), has_ratio(r) ? judged(r) : 0), "goal",
                value_or_null(goal, row->goal), "better",
                row->better == BENCH_LOWER ? "lower" : "higher", "met",
                goal ? json_boolean(met == 1) : json_null(), "spread", "ours",
                range(&r->ours), "peer", range(&r->peer));
        const struct bench_figure *f = row->ours && !r->ours.there ? &r->ours : &r->peer;
        if (f->reason[0])
                json_object_set_new(o, "reason", json_string(f->reason));
        if (r->ours.remark[0])
                json_object_set_new(o, "remark", json_string(r->ours.remark));
        if (r->peer.remark[0])
                json_object_set_new(o, "peer_remark", json_string(r->peer.remark));
        return o;
}

int bench_report_json(const char *path, const struct bench_result *results, size_t count)
{
        json_t *all = json_array();
        for (size_t i = 0; i < count; i++)
                json_array_append_new(all, row_json(&results[i]));
        int rc = json_dump_file(all, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        json_decref(all);
        if (rc)
                fprintf(stderr, "weft-bench: cannot write %s\n", path);
        return rc;
}
