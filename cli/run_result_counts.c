/* The end of a pipeline that counts: what was seen most often comes first; of equals, the
 * one whose bytes are less. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/run_count.h"
#include "cli/run_supervise.h"
#include "cli/run_table.h"

struct row {
        uint64_t count;
        uint64_t prefix; /* the first 8 bytes, as a number that orders as they do */
        const char *item;
        uint64_t bytes;
};

struct rows {
        struct row *row;
        uint64_t n, room;
};

static int compare(const void *a, const void *b)
{
        const struct row *x = a, *y = b;
        if (x->count != y->count)
                return x->count > y->count ? -1 : 1;
        if (x->prefix != y->prefix)
                return x->prefix < y->prefix ? -1 : 1;
        int order = memcmp(x->item, y->item, x->bytes < y->bytes ? x->bytes : y->bytes);
        return order ? order : x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* A heap with the row that comes last on top: what a better row replaces. */
static void sift(struct rows *rows, uint64_t i)
{
        struct row moving = rows->row[i];
        for (;;) {
                uint64_t child = 2 * i + 1;
                if (child >= rows->n)
                        break;
                if (child + 1 < rows->n &&
                    compare(&rows->row[child + 1], &rows->row[child]) > 0)
                        child++;
                if (compare(&rows->row[child], &moving) <= 0)
                        break;
                rows->row[i] = rows->row[child];
                i = child;
        }
        rows->row[i] = moving;
}

static void offer(struct rows *rows, const struct row *row)
{
        if (rows->n < rows->room) {
                rows->row[rows->n++] = *row;
                for (uint64_t i = rows->n / 2; rows->n == rows->room && i-- > 0;)
                        sift(rows, i);
        } else if (rows->room && compare(row, &rows->row[0]) < 0) {
                rows->row[0] = *row;
                sift(rows, 0);
        }
}

static int offer_lane(struct run *run, struct run_count *c, struct rows *rows)
{
        for (size_t i = 0; c->slot && i < (size_t)1 << c->bits; i++) {
                const struct run_counter *counter = &c->slot[i];
                if (!counter->word)
                        continue;
                const char *item = run_counter_item(c, counter);
                if (!item)
                        return cli_fail_rc(-EUCLEAN, "an item of count");
                uint64_t first = counter->bytes <= 8 ? counter->key : run_load8(item);
                struct row row = { run_counter_count(counter), __builtin_bswap64(first),
                                   item, counter->bytes };
                run->result.counted += row.count;
                offer(rows, &row);
        }
        return CLI_OK;
}

static int print_row(struct run *run, const struct row *row)
{
        char text[64];
        if (!run->result.json) {
                int n = snprintf(text, sizeof text, "%llu\t",
                                 (unsigned long long)row->count);
                int rc = run_result_text(run, text, (size_t)n);
                if (!rc)
                        rc = run_result_text(run, row->item, row->bytes);
                return rc ? rc : run_result_text(run, "\n", 1);
        }
        int n = snprintf(text, sizeof text, "%s\n    {\"count\": %llu, \"item\": ",
                         run->result.items ? "," : "", (unsigned long long)row->count);
        int rc = run_result_text(run, text, (size_t)n);
        if (!rc)
                rc = run_result_json_text(run, row->item, row->bytes);
        return rc ? rc : run_result_text(run, "}", 1);
}

static int print_rows(struct run *run, struct run_count *lane, uint32_t lanes)
{
        struct rows rows = { 0 };
        for (uint32_t i = 0; i < lanes; i++)
                rows.room += lane[i].used;
        if (run->pipeline.end == RUN_TOP && run->pipeline.top < rows.room)
                rows.room = run->pipeline.top;
        rows.row = malloc((rows.room ? rows.room : 1) * sizeof *rows.row);
        if (!rows.row)
                return cli_fail(CLI_FAILED, "out of memory");
        int rc = CLI_OK;
        for (uint32_t i = 0; i < lanes && !rc; i++)
                rc = offer_lane(run, &lane[i], &rows);
        qsort(rows.row, rows.n, sizeof *rows.row, compare);
        for (uint64_t i = 0; i < rows.n && !rc; i++) {
                rc = print_row(run, &rows.row[i]);
                run->result.items++;
        }
        free(rows.row);
        return rc;
}

int run_result_counts(struct run *run)
{
        struct run_count lane[RUN_LANES_MAX];
        uint32_t lanes = run->plan->stage[run->plan->stages - 1].lanes, open = 0;
        int rc = 0;
        for (; open < lanes && !rc; open++)
                rc = run_count_open(&lane[open], run->arena, open);
        int code = rc ? cli_fail_rc(rc, "the counters") : print_rows(run, lane, lanes);
        while (open)
                run_count_close(&lane[--open]);
        return code;
}
