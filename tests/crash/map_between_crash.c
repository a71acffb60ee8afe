/* tests/crash/map_between_crash.c -- one stands at an instruction of an operation, another comes,
 * does something with the same key, and goes; then the first goes on. Whatever they were told is
 * what they would have been in some order. Of what reads, every instruction; of the rest as many as
 * time allows, drawn by lot. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/crash/map_kit.h"
#include "tests/harness/step.h"

enum op { GET, PUT, INSERT, ADD, REMOVE, OTHER, OPS };
enum { MOST = 3, SECONDS = 2, LONGEST = 600 }; /* instructions of the short way */

static const char *const names[] = { "get", "put", "insert", "add", "remove", "other" };

/* ---- what should be ---------------------------------------------------------------- */

struct told {
        int64_t rc;
        uint64_t value; /* of get and add */
};

struct key {
        bool there;
        uint64_t value;
};

static struct told model(struct key *k, enum op op, uint64_t v)
{
        struct told told = { 0, 0 };
        struct key was = *k;
        switch (op) {
        case GET:
                told = (struct told){ was.there ? 0 : -ENOENT,
                                      was.there ? was.value : 0 };
                break;
        case INSERT:
                told.rc = was.there ? -EEXIST : 0;
                if (!was.there)
                        *k = (struct key){ true, v };
                break;
        case PUT:
                *k = (struct key){ true, v };
                break;
        case ADD:
                *k = (struct key){ true, (was.there ? was.value : 0) + v };
                told.value = k->value;
                break;
        case REMOVE:
                told.rc = was.there ? 0 : -ENOENT;
                k->there = false;
                break;
        default:
                break;
        }
        return told;
}

static uint64_t other = KEYS; /* a key that gets the slot that FRESH has left */

static void next_other(void)
{
        uint64_t fresh = weft_map_hash_word(FRESH, 7), hash;
        do
                hash = weft_map_hash_word(++other, 7);
        while (hash >> 61 != fresh >> 61 || ((hash ^ fresh) & 1));
}

static struct told act(weft_map_t *m, enum op op, uint64_t key, uint64_t v)
{
        struct told told = { 0, 0 };
        switch (op) {
        case GET:
                told.rc = weft_map_get64(m, key, &told.value);
                break;
        case INSERT:
                told.rc = weft_map_insert64(m, key, v);
                break;
        case PUT:
                told.rc = weft_map_put64(m, key, v);
                break;
        case ADD:
                told.rc = weft_map_add64(m, key, v, &told.value);
                break;
        case REMOVE:
                told.rc = weft_map_remove64(m, key);
                break;
        default:
                told.rc = weft_map_put64(m, other, v);
        }
        if (told.rc)
                told.value = 0;
        return told;
}

static bool same(struct told a, struct told b)
{
        return a.rc == b.rc && a.value == b.value;
}

/* ---- two -------------------------------------------------------------------------------- */

struct scene {
        struct crash host;
        struct crash_note *note;
        bool there; /* at the beginning */
        enum op first;
        enum op between[MOST];
        int n;
};

static void operate(struct crash *c)
{
        struct told told = act(map_of(c), (enum op)c->self->arg[1], FRESH, 111);
        c->note->rc = told.rc;
        c->note->value[0] = told.value;
}

static void come_again(struct crash *c)
{
        open_map(c);
        weft_kit_join(c);
        warm(c);
}

static void tell(const struct scene *s, uint64_t at)
{
        fprintf(stderr, "%s (%s), at instruction %llu, and in between", names[s->first],
                s->there ? "there" : "absent", (unsigned long long)at);
        for (int i = 0; i < s->n; i++)
                fprintf(stderr, " %s", names[s->between[i]]);
        fprintf(stderr, ": it was told %lld, %llu\n", (long long)s->note->rc,
                (unsigned long long)s->note->value[0]);
}

/* In some order it was so. */
static bool is_right(const struct scene *s, const struct told *told, struct told last)
{
        for (int before = 0; before <= s->n; before++) {
                struct key k = { s->there, 5 };
                bool right = true;
                for (int i = 0; i <= s->n; i++) {
                        if (i == before)
                                right &= same(
                                        model(&k, s->first, 111),
                                        (struct told){ s->note->rc, s->note->value[0] });
                        if (i < s->n)
                                right &= same(model(&k, s->between[i], 222), told[i]);
                }
                if (right && same(model(&k, GET, 0), last))
                        return true;
        }
        return false;
}

/* False: it has not so many instructions. */
static bool try_at(struct scene *s, uint64_t at)
{
        struct crash_case self = { .arg = { 0, (uint64_t)s->first } };
        struct crash c = s->host;
        struct tracee t;
        struct told told[MOST];
        bool open = false;
        weft_map_t *m = map_of(&s->host);
        (void)act(m, REMOVE, other, 0);
        next_other();
        WEFT_MUST(&c, weft_map_put64(m, FRESH, 5));
        if (!s->there)
                WEFT_MUST(&c, weft_map_remove64(m, FRESH));
        memset(s->note, 0, sizeof *s->note);
        c.self = &self;
        CHECK(tracee_start(&t, &c, come_again, operate) == TRACEE_GOES);
        if (tracee_step_to(&t, at) != TRACEE_GOES) {
                tracee_kill(&t);
                WEFT_MUST(&c, weft_arena_recover(arena_of(&c), NULL));
                return false;
        }
        for (int i = 0; i < s->n; i++)
                told[i] = act(m, s->between[i], FRESH, 222);
        CHECK(tracee_finish(&t) == TRACEE_ENDED);
        tracee_kill(&t);
        WEFT_MUST(&c, weft_arena_recover(arena_of(&c), NULL));
        struct told last = act(m, GET, FRESH, 0);
        bool in_some_order = is_right(s, told, last);
        if (!in_some_order)
                tell(s, at);
        CHECK(in_some_order);
        CHECK(count_key(&c, FRESH, &open) <= 1 && !open);
        return true;
}

static const struct {
        enum op ops[MOST];
        int n;
} between[] = {
        { { REMOVE }, 1 },        { { REMOVE, INSERT }, 2 },
        { { REMOVE, OTHER }, 2 }, { { PUT }, 1 },
        { { INSERT }, 1 },        { { ADD }, 1 },
        { { PUT, REMOVE }, 2 },   { { REMOVE, OTHER, INSERT }, 3 },
};

enum { BETWEEN = sizeof between / sizeof *between };

static void choose(struct scene *s, enum op first, bool there, unsigned what)
{
        s->first = first;
        s->there = there;
        s->n = between[what].n;
        memcpy(s->between, between[what].ops, sizeof s->between);
}

static bool is_over(const struct timespec *from, int seconds)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec - from->tv_sec >= seconds;
}

int main(int argc, char **argv)
{
        struct crash_case none = { 0 };
        struct scene s = { .host = { .self = &none, .fd = -1 } };
        struct timespec t0;
        uint64_t tried = 0;
        (void)argc;
        int rc = crash_begin(argv);
        if (rc)
                return rc;
        s.note = mmap(NULL, sizeof *s.note, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(s.note != MAP_FAILED);
        s.host.note = s.note;
        make_map(&s.host);
        fill(&s.host, 0, 4);

        unsigned random = (unsigned)getpid();
        clock_gettime(CLOCK_MONOTONIC, &t0);
        for (unsigned i = 0; i < 5; i++) {
                unsigned what = (random + i) % 5; /* if it is slow, others next time */
                choose(&s, GET, what < 3, what < 3 ? what : what == 3 ? 4 : 6);
                for (uint64_t at = 1; !is_over(&t0, 3 * SECONDS) && try_at(&s, at); at++)
                        tried++;
        }
        clock_gettime(CLOCK_MONOTONIC, &t0);
        do {
                enum op first = (enum op)(1 + rand_r(&random) % (OTHER - 1));
                bool there = rand_r(&random) % 2;
                unsigned what = (unsigned)rand_r(&random) % BETWEEN;
                choose(&s, first, there, what);
                tried += try_at(&s, 1 + (uint64_t)rand_r(&random) % LONGEST);
        } while (!is_over(&t0, SECONDS));
        printf("%llu tried\n", (unsigned long long)tried);
        (void)act(map_of(&s.host), REMOVE, FRESH, 0);
        (void)act(map_of(&s.host), REMOVE, other, 0);
        verify_rest(&s.host, 2);
        return 0;
}
