/* examples/word_count.c -- how often each word is in a file: a stream over a group of workers.
 *
 *   pieces of the file -> counts of each piece, by the workers -> a map
 *
 * A piece is whole words, so that each can be counted by itself. A task may be run twice, when
 * the worker that had it dies; what it gave is given once. So it does not matter how often
 * workers die: the numbers are right.
 *
 *   word_count [--kill] [--threads] FILE
 *
 * --kill has a worker kill itself in the middle. Prints the words in their order; how it went
 * goes to standard error. */
#define _GNU_SOURCE
#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/arena.h>
#include <weft/error.h>
#include <weft/event.h>
#include <weft/function.h>
#include <weft/group.h>
#include <weft/map.h>
#include <weft/stream.h>

enum { WORKERS = 4, TEXT = 4096, WORD = 200 };

struct piece {
        uint32_t bytes;
        char text[TEXT];
};

struct entry {
        uint32_t count, bytes;
        char word[WORD];
};

static weft_arena_t *arena;
static weft_event_t *bomb; /* set once: who takes it dies */

static int64_t must(int64_t rc, const char *call)
{
        if (rc >= 0)
                return rc;
        fprintf(stderr, "word_count: %s: %s\n", call, weft_strerror((int)rc));
        exit(1);
}
#define MUST(call) must((call), #call)

/* ---- a chunk, in a worker ----------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Its words, in small letters, in their order; `text` is cut into them. */
static size_t split(char *text, char **words)
{
        size_t n = 0;
        for (char *at = text; *at;) {
                char *word = at;
                while (isalpha((unsigned char)*at))
                        at++;
                size_t length = (size_t)(at - word);
                if (*at)
                        *at++ = 0;
                if (length && length <= WORD)
                        words[n++] = word;
        }
        qsort(words, n, sizeof *words, by_name);
        return n;
}

static int64_t count_piece(char *text, struct entry *out, size_t room)
{
        char *words[TEXT / 2 + 1];
        size_t n = split(text, words), used = 0;
        for (size_t i = 0, same; i < n; i += same) {
                for (same = 1; i + same < n && !strcmp(words[i], words[i + same]);)
                        same++;
                if (used == room)
                        return -EOVERFLOW;
                struct entry *entry = &out[used++];
                entry->count = (uint32_t)same;
                entry->bytes = (uint32_t)strlen(words[i]);
                memcpy(entry->word, words[i], entry->bytes);
        }
        return (int64_t)used;
}

static int64_t count_words(const void *in, size_t n, void *out, size_t room,
                           const void *argument)
{
        const struct piece *piece = in;
        struct entry *entry = out;
        int64_t used = 0;
        (void)argument;
        if (weft_event_wait(bomb, WEFT_NOW) == 0)
                raise(SIGKILL);
        for (size_t i = 0; i < n; i++) {
                char text[TEXT + 1] = { 0 };
                for (size_t at = 0; at < piece[i].bytes; at++) {
                        unsigned char c = (unsigned char)piece[i].text[at];
                        text[at] = c ? (char)tolower(c) : ' ';
                }
                int64_t more = count_piece(text, entry + used, room - (size_t)used);
                if (more < 0)
                        return more;
                used += more;
        }
        return used;
}
WEFT_FUNCTION_CHUNK("count words", count_words, WEFT_TYPE(struct piece, "piece"),
                    WEFT_TYPE(struct entry, "entry"))

/* ---- the parent ---------------------------------------------------------------------- */

struct source {
        FILE *file;
        uint64_t pieces;
        bool kill;
        size_t bytes; /* read, and not given yet */
        char text[TEXT];
};

/* How much of `text` goes into one piece: whole words, if that can be. */
static size_t cut(const char *text, size_t n)
{
        for (size_t i = n; i; i--)
                if (!isalpha((unsigned char)text[i - 1]))
                        return i;
        return n;
}

static int next_piece(void *state, void *item)
{
        struct source *s = state;
        struct piece *piece = item;
        size_t got = fread(s->text + s->bytes, 1, sizeof s->text - s->bytes, s->file);
        if (ferror(s->file))
                return -EIO;
        s->bytes += got;
        if (!s->bytes)
                return 1; /* the end */
        piece->bytes = (uint32_t)(got ? cut(s->text, s->bytes) : s->bytes);
        memcpy(piece->text, s->text, piece->bytes);
        s->bytes -= piece->bytes;
        memmove(s->text, s->text + piece->bytes, s->bytes);
        if (s->kill && ++s->pieces == 2)
                MUST(weft_event_set(bomb));
        return 0;
}

static int add_to(const void *item, void *unused, const void *map)
{
        const struct entry *entry = item;
        weft_map_t *const *into = map;
        (void)unused;
        return weft_map_add(*into, entry->word, entry->bytes, entry->count, NULL);
}

static void count_file(FILE *file, weft_group_t *group, weft_map_t *map, bool kill)
{
        static struct source source;
        struct weft_stream_parallel by_workers = { .function = "count words",
                                                   .items = 1,
                                                   .flags = WEFT_STREAM_ANY_ORDER };
        source.file = file;
        source.kill = kill;
        weft_stream_t *s = weft_stream_unfold(next_piece, &source, sizeof source,
                                              sizeof(struct piece));
        s = weft_stream_map_parallel(s, group, &by_workers);
        struct weft_call add = weft_call_item(add_to, sizeof(struct entry), 0, &map);
        if (weft_stream_for_each(s, add, NULL, WEFT_NEVER)) {
                fprintf(stderr, "word_count: %s\n", weft_stream_detail());
                exit(1);
        }
}

/* ---- what came of it ------------------------------------------------------------------- */

struct line {
        char *word;
        uint64_t n;
};
static struct {
        struct line *at;
        size_t n, room;
} lines;

static int keep_line(const struct weft_map_entry *entry, void *unused)
{
        (void)unused;
        if (lines.n == lines.room) {
                lines.room = lines.room ? 2 * lines.room : 1024;
                lines.at = realloc(lines.at, lines.room * sizeof *lines.at);
                if (!lines.at)
                        must(-ENOMEM, "keeping the words");
        }
        struct line *line = &lines.at[lines.n++];
        memcpy(&line->n, entry->value, sizeof line->n);
        line->word = strndup(entry->key, entry->key_bytes);
        if (!line->word)
                must(-ENOMEM, "keeping a word");
        return 0;
}

static int by_word(const void *a, const void *b)
{
        return strcmp(((const struct line *)a)->word, ((const struct line *)b)->word);
}

static void print_all(weft_map_t *map)
{
        struct weft_map_cursor cursor = { 0 };
        MUST(weft_map_each(map, &cursor, 0, keep_line, NULL));
        if (lines.n)
                qsort(lines.at, lines.n, sizeof *lines.at, by_word);
        for (size_t i = 0; i < lines.n; i++) {
                printf("%s %" PRIu64 "\n", lines.at[i].word, lines.at[i].n);
                free(lines.at[i].word);
        }
        free(lines.at);
}

static int run(FILE *file, bool kill, uint32_t flags)
{
        struct weft_arena_options large = { .max_bytes = UINT64_C(1) << 30 };
        struct weft_group_options tasks = { .capacity = 64,
                                            .input_max = sizeof(struct piece),
                                            .output_max =
                                                    TEXT / 2 * sizeof(struct entry) };
        struct weft_group_workers workers = { .n = WORKERS,
                                              .flags = flags,
                                              .restarts = WORKERS };
        struct weft_event_options once = { .flags = WEFT_EVENT_AUTO };
        struct weft_map_options words = { .entries = 1 << 16 };
        struct weft_group_info info;
        weft_group_t *group;
        weft_map_t *map;

        MUST(weft_arena_create(NULL, &large, &arena));
        MUST(weft_event_create(arena, "bomb", &once, &bomb));
        MUST(weft_map_create(arena, "words", &words, &map));
        MUST(weft_group_create(arena, "counters", &tasks, &group));
        MUST(weft_group_spawn(group, &workers));
        count_file(file, group, map, kill);
        MUST(weft_group_drain(group, WEFT_NEVER));
        MUST(weft_group_info(group, &info));
        weft_group_close(group);
        print_all(map);
        fprintf(stderr,
                "%" PRIu64 " pieces, %" PRIu64 " run again, %" PRIu64
                " workers replaced\n",
                info.finished, info.retried, info.restarted);
        weft_map_close(map);
        weft_event_close(bomb);
        weft_arena_close(arena);
        return 0;
}

int main(int argc, char **argv)
{
        bool kill = false;
        uint32_t flags = 0;
        int i = 1;
        for (; i < argc && argv[i][0] == '-'; i++) {
                if (!strcmp(argv[i], "--kill"))
                        kill = true;
                else if (!strcmp(argv[i], "--threads"))
                        flags = WEFT_GROUP_THREADS;
                else
                        i = argc;
        }
        if (i + 1 != argc || (kill && flags)) {
                fprintf(stderr, "usage: word_count [--kill | --threads] FILE\n");
                return 2;
        }
        FILE *file = fopen(argv[i], "r");
        if (!file) {
                perror(argv[i]);
                return 1;
        }
        int rc = run(file, kill, flags);
        fclose(file);
        return rc;
}
