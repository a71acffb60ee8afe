/* cli/run_scan.h -- cuts text into items, filters them, collects or counts them. */
#ifndef WEFT_CLI_RUN_SCAN_H
#define WEFT_CLI_RUN_SCAN_H

#include <regex.h>

#include "cli/run_function.h"
#include "cli/run_table.h"

/* What one stage does, and what has come out of the chunk in hand. */
struct run_scan {
        enum run_op op;
        bool lower;
        bool counts; /* into the table; else into `items` */
        struct run_table table;
        char *items; /* a newline behind each */
        size_t bytes, room;
        uint64_t items_n;
        char *folded; /* one word in lower case */
        size_t folded_room;
        regex_t regex;
        const char *literal; /* a pattern without special characters, or NULL */
        size_t literal_bytes;
        struct run_function function;
        int rc; /* the first error */
};

int run_scan_init(struct run_scan *scan, const struct run_plan *plan, uint32_t s);
void run_scan_free(struct run_scan *scan);

/* Takes [text, text + bytes), which holds whole items; `limit` is how far may be read.
 * The error, if any, is in scan->rc. */
__attribute__((nonnull)) void run_scan_text(struct run_scan *scan, const char *text,
                                            size_t bytes, const char *limit);

/* Hands over what came out, as a block a lane, and begins anew. */
int run_scan_publish(struct run_scan *scan, struct run_ledger *l, struct run_entry e,
                     uint32_t word, uint32_t lanes);

static inline bool run_is_letter(unsigned char c)
{
        return (unsigned)((c | 0x20) - 'a') < 26;
}

#endif
