#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "cli/run_scan.h"

int run_scan_init(struct run_scan *scan, const struct run_plan *plan, uint32_t s)
{
        const struct run_plan_stage *stage = &plan->stage[s];
        memset(scan, 0, sizeof *scan);
        scan->op = (enum run_op)stage->op;
        scan->lower = stage->lower;
        scan->counts = s + 1 < plan->stages && plan->stage[s + 1].op == RUN_COUNT;
        int rc = run_table_init(&scan->table, plan->seed);
        if (rc || (scan->op != RUN_GREP && scan->op != RUN_FUNCTION))
                return rc;
        const char *pattern = run_plan_string(plan, stage->pattern_at);
        if (scan->op == RUN_FUNCTION)
                return run_function_open(&scan->function, pattern);
        if (!pattern[strcspn(pattern, "\\^$.[]()*+?{}|")]) {
                scan->literal = pattern;
                scan->literal_bytes = strlen(pattern);
        }
        return regcomp(&scan->regex, pattern, REG_EXTENDED | REG_NOSUB) ? -EINVAL : 0;
}

void run_scan_free(struct run_scan *scan)
{
        run_table_free(&scan->table);
        free(scan->items);
        free(scan->folded);
        if (scan->op == RUN_GREP)
                regfree(&scan->regex);
        if (scan->op == RUN_FUNCTION)
                run_function_close(&scan->function);
}

/* ---- what happens to an item ----------------------------------------------- */

static bool more_room(char **buffer, size_t *room, size_t need)
{
        if (*buffer && need <= *room)
                return true;
        size_t bigger = need + need / 2 + 4096;
        char *larger = realloc(*buffer, bigger);
        if (!larger)
                return false;
        *buffer = larger;
        *room = bigger;
        return true;
}

/* A word in lower case, with 8 bytes to read behind it. NULL without memory. */
static const char *fold(struct run_scan *scan, const char *item, size_t bytes)
{
        if (!more_room(&scan->folded, &scan->folded_room, bytes + 8))
                return NULL;
        for (size_t i = 0; i < bytes; i++)
                scan->folded[i] = (char)(item[i] | 0x20);
        return scan->folded;
}

static inline void emit(struct run_scan *scan, const char *item, size_t bytes,
                        const char *limit)
{
        if (scan->lower) {
                item = fold(scan, item, bytes);
                if (!item) {
                        scan->rc = -ENOMEM;
                        return;
                }
                limit = item + bytes + 8;
        }
        if (scan->counts) {
                if (__builtin_expect(run_table_add(&scan->table, item, bytes, limit) != 0,
                                     0))
                        scan->rc = -ENOMEM;
                return;
        }
        if (!more_room(&scan->items, &scan->room, scan->bytes + bytes + 1)) {
                scan->rc = -ENOMEM;
                return;
        }
        memcpy(scan->items + scan->bytes, item, bytes);
        scan->items[scan->bytes + bytes] = '\n';
        scan->bytes += bytes + 1;
        scan->items_n++;
}

/* ---- words ----------------------------------------------------------------- */

/* Bit i is set if byte i of these 64 is a letter. */
static inline uint64_t letters(const char *p)
{
        uint64_t mask = 0;
#if defined(__SSE2__)
        const __m128i low = _mm_set1_epi8(0x20), shift = _mm_set1_epi8((char)(128 - 'a')),
                      end = _mm_set1_epi8((char)(-128 + 26));
        for (size_t i = 0; i < 4; i++) {
                __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
                x = _mm_add_epi8(_mm_or_si128(x, low), shift);
                uint32_t part = (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(x, end));
                mask |= (uint64_t)part << (16 * i);
        }
#else
        for (int i = 0; i < 64; i++)
                mask |= (uint64_t)run_is_letter((unsigned char)p[i]) << i;
#endif
        return mask;
}

static uint64_t tail_letters(const char *p, size_t bytes)
{
        char tail[64] = { 0 };
        memcpy(tail, p, bytes);
        return letters(tail);
}

/* Runs of set bits are words. Returns where one begins that reaches bit 63: it goes on in
 * the next 64 bytes. NULL if there is none. */
static inline const char *scan_mask(struct run_scan *scan, const char *p, uint64_t mask,
                                    const char *limit)
{
        while (mask) {
                unsigned begin = (unsigned)__builtin_ctzll(mask);
                uint64_t rest = ~(mask >> begin);
                unsigned run = rest ? (unsigned)__builtin_ctzll(rest) : 64;
                if (begin + run == 64)
                        return p + begin;
                emit(scan, p + begin, run, limit);
                mask &= UINT64_MAX << (begin + run);
        }
        return NULL;
}

static void scan_words(struct run_scan *scan, const char *text, size_t bytes,
                       const char *limit)
{
        const char *word = NULL; /* begun and not ended */
        for (size_t at = 0; at < bytes; at += 64) {
                const char *p = text + at;
                uint64_t mask =
                        bytes - at >= 64 ? letters(p) : tail_letters(p, bytes - at);
                if (word) {
                        if (mask == UINT64_MAX)
                                continue;
                        unsigned end = (unsigned)__builtin_ctzll(~mask);
                        emit(scan, word, (size_t)(p + end - word), limit);
                        mask &= UINT64_MAX << end;
                }
                word = scan_mask(scan, p, mask, limit);
        }
        if (word)
                emit(scan, word, (size_t)(text + bytes - word), limit);
}

/* ---- lines ------------------------------------------------------------------ */

static bool matches(struct run_scan *scan, const char *line, size_t bytes)
{
        if (scan->literal)
                return memmem(line, bytes, scan->literal, scan->literal_bytes) != NULL;
        if (bytes > INT_MAX) {
                scan->rc = -E2BIG;
                return false;
        }
        regmatch_t range = { 0, (regoff_t)bytes };
        return regexec(&scan->regex, line, 1, &range, REG_STARTEND) == 0;
}

/* What comes out is an item, or several with newlines between them, or none. */
static void call(struct run_scan *scan, const char *item, size_t bytes)
{
        if (scan->rc)
                return;
        int64_t n = run_function_call(&scan->function, item, bytes);
        if (n < 0)
                scan->rc = (int)n;
        if (n <= 0)
                return;
        const char *at = scan->function.out, *limit = at + n + 8;
        for (const char *end = at + n; at < end;) {
                const char *newline = memchr(at, '\n', (size_t)(end - at));
                const char *stop = newline ? newline : end;
                emit(scan, at, (size_t)(stop - at), limit);
                at = stop + 1;
        }
}

static void scan_lines(struct run_scan *scan, const char *text, size_t bytes,
                       const char *limit)
{
        const char *end = text + bytes;
        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                const char *stop = newline ? newline : end;
                size_t n = (size_t)(stop - text);
                if (scan->op == RUN_FUNCTION)
                        call(scan, text, n);
                else if (scan->op != RUN_GREP || matches(scan, text, n))
                        emit(scan, text, n, limit);
                text = stop + 1;
        }
}

void run_scan_text(struct run_scan *scan, const char *text, size_t bytes,
                   const char *limit)
{
        if (scan->op == RUN_WORDS)
                scan_words(scan, text, bytes, limit);
        else
                scan_lines(scan, text, bytes, limit);
}

/* ---- what came out ------------------------------------------------------------ */

int run_scan_publish(struct run_scan *scan, struct run_ledger *l, struct run_entry e,
                     uint32_t word, uint32_t lanes)
{
        if (scan->counts)
                return run_table_publish(&scan->table, l, e, word, lanes);
        if (!scan->bytes)
                return 0;
        struct run_block head = { .form = RUN_ITEMS,
                                  .items = scan->items_n,
                                  .bytes = scan->bytes };
        weft_ref_t ref;
        char *data;
        int rc = run_block_begin(l, e, word, &head, &ref, &data);
        if (rc)
                return rc;
        memcpy(data, scan->items, scan->bytes);
        scan->bytes = 0;
        scan->items_n = 0;
        return run_block_give(l, e, ref);
}
