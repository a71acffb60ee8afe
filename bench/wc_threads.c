/* bench/wc_threads.c -- counts words (maximal runs of A-Z a-z) in files with threads, as
 * one writes it by hand when nobody may die: mapped files, a table for each thread,
 * merged at the end.
 *
 * Usage: wc_threads THREADS FILE...   prints COUNT<TAB>WORD, most frequent first
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, THREADS = 64, FIRST = 1 << 16 };

struct file {
        const unsigned char *text;
        size_t bytes, first_chunk;
};

struct word {
        uint64_t head;             /* its first 8 bytes, zeroes after it */
        const unsigned char *text; /* in its file */
        uint32_t bytes, hash;
        uint64_t count;
};

struct table {
        struct word *slot;
        size_t slots, used;
};

static struct file *files;
static size_t file_count, chunk_count;
static _Atomic(size_t) next_chunk;

static _Noreturn void die(const char *what)
{
        perror(what);
        exit(1);
}

/* ---- a table of words -------------------------------------------------------- */

static void table_make(struct table *t, size_t slots)
{
        t->slot = calloc(slots, sizeof *t->slot);
        if (!t->slot)
                die("wc_threads");
        t->slots = slots;
        t->used = 0;
}

static struct word *table_find(struct table *t, const struct word *key)
{
        size_t i = key->hash & (t->slots - 1);
        for (;; i = (i + 1) & (t->slots - 1)) {
                struct word *w = &t->slot[i];
                if (!w->text ||
                    (w->head == key->head && w->bytes == key->bytes &&
                     (key->bytes <= 8 || memcmp(w->text, key->text, key->bytes) == 0)))
                        return w;
        }
}

static void table_add(struct table *t, const struct word *key);

static void table_grow(struct table *t)
{
        struct table bigger;
        table_make(&bigger, t->slots * 2);
        for (size_t i = 0; i < t->slots; i++)
                if (t->slot[i].text)
                        table_add(&bigger, &t->slot[i]);
        free(t->slot);
        *t = bigger;
}

static void table_add(struct table *t, const struct word *key)
{
        struct word *w = table_find(t, key);
        if (w->text) {
                w->count += key->count;
                return;
        }
        *w = *key;
        if (++t->used * 2 > t->slots)
                table_grow(t);
}

/* ---- counting ------------------------------------------------------------------ */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes at once, zeroes from `last` on. */
static inline uint64_t load(const unsigned char *p, const unsigned char *last)
{
        uint64_t x = 0;
        size_t left = (size_t)(last - p);
        if (__builtin_expect(left >= sizeof x, 1))
                memcpy(&x, p, sizeof x);
        else
                memcpy(&x, p, left);
        return x;
}

/* The top bit of each byte that is a letter. */
static inline uint64_t letters(uint64_t x)
{
        uint64_t low = (x | EACH(0x20)) & EACH(0x7f);
        return (low + EACH(0x80 - 'a')) & ~(low + EACH(0x7f - 'z')) & ~x & EACH(0x80);
}

/* How many bytes come before the first of these top bits. */
static inline unsigned before(uint64_t tops)
{
        return tops ? (unsigned)__builtin_ctzll(tops) / 8 : 8;
}

/* The word that begins at `p`, counted once; returns where it ends. */
static inline const unsigned char *read_word(const unsigned char *p,
                                             const unsigned char *last, struct word *w)
{
        const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
        uint64_t x = load(p, last);
        unsigned n = before(~letters(x) & EACH(0x80));
        w->text = p;
        w->head = n < 8 ? x & ((UINT64_C(1) << 8 * n) - 1) : x;
        uint64_t hash = w->head * odd;
        for (p += n; n == 8; p += n) {
                x = load(p, last);
                n = before(~letters(x) & EACH(0x80));
                if (n < 8)
                        x &= (UINT64_C(1) << 8 * n) - 1;
                hash = ((hash ^ hash >> 29) + x) * odd;
        }
        w->bytes = (uint32_t)(p - w->text);
        w->hash = (uint32_t)(hash >> 32);
        w->count = 1;
        return p;
}

/* The words that begin in [from, to) of a file; one that began before is not ours. */
static void count_words(struct table *t, const struct file *f, size_t from, size_t to)
{
        const unsigned char *p = f->text + from, *end = f->text + to,
                            *last = f->text + f->bytes;
        struct word w;
        if (from && letters(p[-1]))
                p = read_word(p, last, &w);
        while (p < end) {
                unsigned n = before(letters(load(p, last)));
                p += n;
                if (n < 8 && p < end) {
                        p = read_word(p, last, &w);
                        table_add(t, &w);
                }
        }
}

static const struct file *file_of(size_t chunk)
{
        size_t low = 0, high = file_count;
        while (high - low > 1) {
                size_t middle = (low + high) / 2;
                if (files[middle].first_chunk <= chunk)
                        low = middle;
                else
                        high = middle;
        }
        return &files[low];
}

static void *work(void *table)
{
        for (size_t chunk; (chunk = atomic_fetch_add(&next_chunk, 1)) < chunk_count;) {
                const struct file *f = file_of(chunk);
                size_t from = (chunk - f->first_chunk) * CHUNK;
                size_t to = from + CHUNK < f->bytes ? from + CHUNK : f->bytes;
                count_words(table, f, from, to);
        }
        return NULL;
}

/* ---- in and out ---------------------------------------------------------------- */

static void map(const char *path)
{
        struct stat about;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &about))
                die(path);
        if (about.st_size > 0) {
                struct file *f = &files[file_count++];
                f->bytes = (size_t)about.st_size;
                f->first_chunk = chunk_count;
                f->text = mmap(NULL, f->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
                if (f->text == MAP_FAILED)
                        die(path);
                chunk_count += (f->bytes + CHUNK - 1) / CHUNK;
        }
        close(fd);
}

static int by_count(const void *a, const void *b)
{
        const struct word *x = a, *y = b;
        if (x->count != y->count)
                return x->count < y->count ? 1 : -1;
        uint64_t p = __builtin_bswap64(x->head), q = __builtin_bswap64(y->head);
        if (p != q)
                return p < q ? -1 : 1; /* in the order of their bytes */
        uint32_t bytes = x->bytes < y->bytes ? x->bytes : y->bytes;
        int order = memcmp(x->text, y->text, bytes);
        return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int print(const struct table *t)
{
        struct word *all = malloc((t->used + 1) * sizeof *all);
        size_t n = 0;
        if (!all)
                die("wc_threads");
        for (size_t i = 0; i < t->slots; i++)
                if (t->slot[i].text)
                        all[n++] = t->slot[i];
        qsort(all, n, sizeof *all, by_count);
        for (size_t i = 0; i < n; i++) {
                char text[24], *digit = text + sizeof text;
                *--digit = '\t';
                for (uint64_t count = all[i].count; count; count /= 10)
                        *--digit = (char)('0' + count % 10);
                fwrite_unlocked(digit, (size_t)(text + sizeof text - digit), 1, stdout);
                fwrite_unlocked(all[i].text, all[i].bytes, 1, stdout);
                putc_unlocked('\n', stdout);
        }
        free(all);
        return fflush(stdout) || ferror(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
        static struct table table[THREADS];
        pthread_t thread[THREADS];
        int threads = argc > 1 ? atoi(argv[1]) : 0;
        if (threads < 1 || threads > THREADS) {
                fputs("Usage: wc_threads THREADS FILE...\n", stderr);
                return 2;
        }
        files = calloc((size_t)argc, sizeof *files);
        if (!files)
                die("wc_threads");
        for (int i = 2; i < argc; i++)
                map(argv[i]);
        for (int i = 0; i < threads; i++)
                table_make(&table[i], FIRST);
        for (int i = 1; i < threads; i++)
                if (pthread_create(&thread[i], NULL, work, &table[i]))
                        die("pthread_create");
        work(&table[0]);
        for (int i = 1; i < threads; i++) {
                pthread_join(thread[i], NULL);
                for (size_t k = 0; k < table[i].slots; k++)
                        if (table[i].slot[k].text)
                                table_add(&table[0], &table[i].slot[k]);
        }
        return print(&table[0]);
}
